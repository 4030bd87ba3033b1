/*
 * lease.h - keeps the leases of open files alive: one thread per connection, while files are open.
 *
 * Every CLIENT_RENEW_MS it renews the lease of the connection's client name and lets each open
 * writer send a heartbeat down its pipeline.
 *
 * Threads: any; one lock inside. lease_remove() waits for a tick that is using the writer.
 */
#pragma once

#include "client/bdfs.h"

struct bdfs;
struct lease_thread;

struct lease_member {            /* embedded in a writer */
        struct lease_member *next, *previous;
        void (*tick)(struct lease_member *m); /* must not block for long */
};

enum bdfs_status lease_thread_new(struct lease_thread **ret, struct bdfs *fs, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void lease_thread_free(struct lease_thread *t); /* NULL is fine; no members may be left */
enum bdfs_status lease_add(struct lease_thread *t, struct lease_member *m, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void lease_remove(struct lease_thread *t, struct lease_member *m);
