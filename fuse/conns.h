/*
 * conns.h - connections to the cluster, one for each user that the mount acts for.
 *
 * A mount for everybody (root's) acts for each calling uid under its name; any other has one
 * connection. Unused connections end after CONNS_IDLE_MS, or earlier when room is needed.
 *
 * Owner:   struct conns owns the connections; a user of one holds a reference.
 * Threads: any; one lock inside.
 * Errors:  LIMIT when CONNS_MAX users are busy at once; those of bdfs_connect().
 */
#pragma once

#include <sys/types.h>

#include "client/bdfs.h"
#include "fuse/ids.h"

#define CONNS_MAX 64
#define CONNS_IDLE_MS 300000

struct conns;
struct conn {
        struct bdfs *fs;
        unsigned refs;       /* guarded by: the lock of conns */
        int64_t used_ms;     /* guarded by: the lock of conns */
        struct conn *next;   /* guarded by: the lock of conns */
        char user[OS_NAME_BYTES];
};

/* @options are those of every connection but for the user; their strings must live as long.
 * @ids NULL: one connection, for options->user. */
enum bdfs_status conns_new(struct conns **ret, const struct bdfs_options *options, struct ids *ids,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
void conns_free(struct conns *c); /* NULL is fine; no references may be left */

enum bdfs_status conns_get(struct conns *c, uid_t uid, struct conn **ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* One more reference. */
struct conn *conns_ref(struct conns *c, struct conn *conn);
void conns_put(struct conns *c, struct conn *conn); /* NULL is fine */
