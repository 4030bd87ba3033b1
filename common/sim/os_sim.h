/*
 * os_sim.h - what a test says to the simulator, beside os.h (DESIGN D10).
 *
 * sim_run() runs a whole cluster in the calling thread: each os_thread is a fiber, time is virtual
 * and jumps to the next deadline when no fiber can run, and every choice (which fiber is next,
 * delays, random bytes, what a power loss leaves) comes from the seed. Same seed and same code:
 * same digest.
 *
 * Nodes are processes on one host: TCP addresses and Unix socket paths are known to all, files
 * are looked up in each node's own disk, which outlives its crashes. What does not pass the seam
 * (LMDB) is real: see os_simulated().
 *
 * Owner:   the simulation owns nodes, disks and fibers; all are gone when sim_run() returns. What
 *          fibers own they must free when their calls fail, as in a crash.
 *          They unwind after @main_fn has returned: what they use must not lie in its frame.
 * Threads: one simulation per thread; everything below is called from inside sim_run() unless
 *          said otherwise. A fiber must not wait for anything outside the seam.
 * Errors:  calls of a crashed node's fibers fail (IO, sockets CLOSED), waits end at once; mutexes
 *          and joins go on working so that the fibers can unwind. One that does not unwind, a
 *          deadlock, or passing the time limit aborts with a list of fibers and their waits.
 */
#pragma once

#include <stdio.h>

#include "common/os.h"

struct sim_node;

/* Run @main_fn in a fiber of the node "main" until it returns; then crash all nodes and wait until
 * every fiber has unwound. Answers the digest. Not from inside a simulation. */
uint64_t sim_run(uint64_t seed, void (*main_fn)(void *arg), void *arg);

uint64_t sim_digest(void);       /* of all events until now: fiber, call, virtual time, size */
void sim_trace(FILE *to);        /* one line per event from now on; NULL: off */
void sim_time_limit(int64_t ms); /* of virtual time from the start; 24 hours unless set */
uint64_t sim_random(uint64_t below); /* the seed's next number, less than @below (> 0) */

/* ---- nodes ---- */

struct sim_node *sim_node_new(const char *name);
struct sim_node *sim_node_self(void); /* of the calling fiber */
const char *sim_node_name(const struct sim_node *n);
void sim_node_set_uid(struct sim_node *n, uid_t uid); /* 1000 unless set; what os_peer tells */
/* A first (or further) thread of @n; after a crash this is its restart. Detached. */
enum bdfs_status sim_node_start(struct sim_node *n, const char *name, void (*run)(void *arg),
                                void *arg, struct bdfs_err *err) BDFS_MUST_CHECK;

enum sim_crash {
        SIM_KILL,  /* the process ends: its connections close, its disk keeps what was written */
        SIM_POWER, /* the host ends: peers hear nothing, unsynced writes and names may be lost */
};
/* From this moment nothing that @n does has an effect; its fibers unwind meanwhile. */
void sim_node_crash(struct sim_node *n, enum sim_crash how);
/* Wait until no fiber of @n is left: before a restart, and before its memory is looked at. */
void sim_node_join(struct sim_node *n);
size_t sim_node_fibers(const struct sim_node *n);

/* Room of the node's disk, 1 TiB unless set. */
void sim_disk_set_capacity(struct sim_node *n, uint64_t bytes);

/* ---- users of the simulated host: root (0) and bdfs (1000) unless added ---- */

/* @groups: names with commas, the primary one first. */
void sim_user_add(uid_t uid, const char *name, const char *groups);
