/*
 * ids.h - user and group numbers of this host, and the names that the file system knows.
 *
 * A caller's uid without a name is "nobody". An owner or group without a name on this host shows as
 * IDS_NOBODY. A number without a name that something is to belong to is written as its digits, and
 * digits are read back as that number (never as 0), so that copying a tree keeps such owners.
 *
 * The name service is asked at most every IDS_KEEP_MS for each name and number.
 *
 * Owner:   struct ids is its maker's.
 * Threads: any; one lock inside, not held while the name service is asked.
 */
#pragma once

#include <sys/types.h>

#include "common/os.h"

#define IDS_NOBODY 65534
#define IDS_KEEP_MS 30000
#define IDS_ROWS 128 /* of each of the four caches */

struct ids;

struct ids *ids_new(void); /* NULL: no memory */
void ids_free(struct ids *ids);

/* The name to act under for @uid. */
void ids_caller(struct ids *ids, uid_t uid, char ret[OS_NAME_BYTES]);
/* The name to give to what is to belong to this number. */
void ids_user_name(struct ids *ids, uid_t uid, char ret[OS_NAME_BYTES]);
void ids_group_name(struct ids *ids, gid_t gid, char ret[OS_NAME_BYTES]);
uid_t ids_uid(struct ids *ids, const char *user);
gid_t ids_gid(struct ids *ids, const char *group);
