/*
 * volume.h - one data directory: its identity, its files' names, its space.
 *
 *      VERSION   layout=1, cluster=<32 hex>, uuid=<of the datanode>, volume=DS-<uuid>
 *      key       of older versions; no longer read
 *      lock      held while a datanode uses the directory
 *      blocks/<dd>/<block, 16 hex digits>
 *
 * A directory without VERSION is formatted: everything else first, VERSION last. One that names
 * another cluster, datanode or layout is refused.
 *
 * Owner:   dataset.c.
 * Threads: any; one lock inside. `failed` is only ever set.
 * Errors:  INVALID (refused), LIMIT (in use by another process), IO and friends.
 */
#pragma once

#include <stdatomic.h>

#include "common/os.h"
#include "proto/replica_format.h"

#define VOLUME_UUID_BYTES 40  /* a UUID, or DS- and one, and NUL */
#define VOLUME_PATH_BYTES 4096
#define VOLUME_SUBDIRS 256

/* What all volumes of a datanode share. */
struct volume_identity {
        uint8_t cluster[REPLICA_CLUSTER_BYTES];
        char uuid[VOLUME_UUID_BYTES];
        bool known; /* uuid is set: the first volume sets it */
};

struct volume;

/* Open or format; @id->cluster is given, the rest is compared or set. */
enum bdfs_status volume_open(struct volume **ret, const char *dir, struct volume_identity *id,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
void volume_close(struct volume *v); /* NULL is fine */

const char *volume_dir(const struct volume *v);
const char *volume_uuid(const struct volume *v); /* DS-... */
void volume_path(const struct volume *v, uint64_t block, char ret[VOLUME_PATH_BYTES]);

/* Make the name of @block durable. Callers at the same time share one sync of its directory. */
enum bdfs_status volume_sync_name(struct volume *v, uint64_t block, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* Call @each with the block number of every file; a name that is none is skipped and counted. */
enum bdfs_status volume_list(struct volume *v,
                             enum bdfs_status (*each)(void *arg, uint64_t block,
                                                      struct bdfs_err *err),
                             void *arg, size_t *ret_strange, struct bdfs_err *err) BDFS_MUST_CHECK;

/* Capacity, and what may still be taken above @floor now. */
enum bdfs_status volume_space(struct volume *v, uint64_t floor, uint64_t *ret_capacity,
                              uint64_t *ret_remaining, struct bdfs_err *err) BDFS_MUST_CHECK;

bool volume_failed(const struct volume *v);
/* True for the call that made it so. */
bool volume_fail(struct volume *v);
