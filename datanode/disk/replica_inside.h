/*
 * replica_inside.h - what replica*.c and dataset*.c share; nobody else includes it.
 *
 * Invariants:
 *  1. state.tail describes the bytes behind the last whole chunk, state.length % 65536 of them.
 *  2. visible <= state.length.
 *  3. page_synced is the state page that was last made durable (1 before the first time, so that
 *     the first page written is page 0); only the other one is ever written.
 */
#pragma once

#include "datanode/disk/replica.h"

struct replica {
        struct os_file *file; /* fixed */
        uint64_t block;       /* fixed */
        struct os_mutex lock;
        struct os_cond changed; /* more is visible, or the writer went away */
        /* guarded by: lock; only whoever is busy changes anything in here but visible */
        struct replica_state state;
        uint64_t visible;
        unsigned page_synced;
        bool busy;   /* has a writer or is in recovery */
        bool failed; /* a sync failed: there is no other (P1) */

        bool name_durable; /* dataset's; whoever is busy */
        uint32_t volume;   /* dataset's; fixed once it is listed */
        /* guarded by: dataset.lock */
        struct replica *next, *older, *newer;
        unsigned users;
        bool listed; /* in the table of open replicas */
        struct os_sock *writer_sock; /* to interrupt the one who writes */
};

/* Take and give back the right to write. */
enum bdfs_status replica_seize(struct replica *r, struct bdfs_err *err) BDFS_MUST_CHECK;
void replica_yield(struct replica *r);
/* Write the state page for @next and publish it; @sync: then make everything durable. The caller
 * holds the right to write. */
enum bdfs_status replica_put_state(struct replica *r, const struct replica_state *next, bool sync,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* The same for FINALIZED: synced, and then marked as known to be. */
enum bdfs_status replica_put_sealed(struct replica *r, const struct replica_state *next,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
