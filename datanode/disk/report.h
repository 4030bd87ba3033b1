/*
 * report.h - the log of changes that a datanode keeps for its namenodes, and the digest of what it
 * has (docs/architecture.md, "Reports").
 *
 * Changes are numbered from 1. The log remembers them until every namenode made them durable, at
 * most REPORT_LOG_MAX; a namenode that needs older ones gets a full report.
 *
 * Owner:   dataset.c adds, namenode_link.c reads and forgets.
 * Threads: any; one lock inside, taken after dataset.lock.
 * Errors:  NO_MEMORY; then the log begins anew behind the change, so that nobody misses it.
 */
#pragma once

#include "common/os.h"
#include "proto/replica_digest.h"

struct report_change {
        uint64_t block, stamp, length;
        uint8_t state; /* enum Bdfs__ReplicaState */
};

struct report_log;

struct report_log *report_log_new(void); /* NULL: no memory */
void report_log_free(struct report_log *l);
uint64_t report_log_id(const struct report_log *l); /* random, not 0 */

/* Append; @was is what the replica was before (state 0: nothing), for the digest. Returns the
 * change's number. */
uint64_t report_log_add(struct report_log *l, const struct report_change *was,
                        const struct report_change *now);
/* Count a replica that was there at the start, without a change. */
void report_log_count(struct report_log *l, const struct report_change *there);

struct report_position {
        uint64_t first, next; /* the oldest change that is remembered; the number of the next */
        uint64_t replicas;    /* finalized ones */
        uint8_t digest[REPLICA_DIGEST_BYTES]; /* of them */
};
void report_log_position(struct report_log *l, struct report_position *ret);

/* Up to @max changes from number @from on; *ret_from says which is the first: larger than @from
 * when those before are forgotten. Returns how many. */
size_t report_log_read(struct report_log *l, uint64_t from, struct report_change *ret, size_t max,
                       uint64_t *ret_from);
/* Changes below @before need not be kept. */
void report_log_forget(struct report_log *l, uint64_t before);
