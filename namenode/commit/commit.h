/*
 * commit.h - the committer: the one thread that changes the namespace (DESIGN D3).
 *
 * It takes what is waiting (at most COMMIT_BATCH_MAX), makes sure that the journal has room,
 * opens a write transaction, and for each request looks up a retry answer or applies it; then
 * appends the records that changed something as one synced batch, commits, publishes, answers. A
 * refused request leaves nothing. A full disk refuses the batch before anything changed, and reads
 * go on. A failed append or commit, or tables that are damaged, end the process (P1, N8).
 *
 * A second thread copies the tables while they are served (checkpoint.h) when the journal has grown
 * by max(checkpoint_journal_bytes, a quarter of the tables); the journal is trimmed to the older of
 * the two checkpoints kept.
 *
 * Owner:   a struct commit_request is the submitter's until submitted and again from done() on.
 *          store and journal are the caller's and must outlive the committer; nobody else writes.
 * Threads: all functions from any thread but commit_start() and commit_stop(); done() and on_freed
 *          run on the committer's thread and must not block.
 */
#pragma once

#include "common/err.h"
#include "namenode/commit/retry.h"
#include "namenode/journal/journal.h"
#include "namenode/store/store.h"
#include "proto/bdfs_journal.pb-c.h"

struct commit;

struct commit_request {
        Bdfs__JournalRecord *record; /* index and time are filled in by the committer; owned by
                                        the submitter, must live until done() */
        void (*done)(struct commit_request *request);
        /* filled in before done() */
        enum bdfs_status status;
        Bdfs__OpResult *result;      /* when OK; freed by the submitter with op_result_free() */
        struct bdfs_err err;         /* when not OK */
        /* the committer's */
        struct commit_request *next;
        size_t bytes;
};

struct commit_config {
        struct store *store;
        bool store_fresh;                    /* what store_open() said */
        struct journal *journal;
        const char *checkpoint_dir;          /* true directory, made if missing */
        uint64_t checkpoint_journal_bytes;   /* lower bound of the threshold; tests lower it */
        /* Called on the committer's thread after a batch committed, before its answers: blocks
         * whose last reference went, so that replicas are removed. */
        void (*on_freed)(void *arg, const uint64_t *blocks, size_t n);
        /* Journal or tables failed: end the process. NULL: a line in the log and exit status 1
         * (in the simulator nothing). When it returns, as in tests, all that is and will be
         * submitted is answered CLOSED, and commit_stop() works. */
        void (*on_fatal)(void *arg, const struct bdfs_err *err);
        void *arg;
};

/* Opens or rebuilds the tables (checkpoint + journal), formats a new cluster when @format is
 * given and nothing is there, then starts the threads. CORRUPT when records are missing between
 * what the tables or checkpoints hold and the journal; nothing is thrown away then. */
enum bdfs_status commit_start(struct commit **ret, const struct commit_config *config,
                              const Bdfs__FormatOp *format, struct bdfs_err *err) BDFS_MUST_CHECK;
void commit_stop(struct commit *c); /* finishes what was submitted; then frees. NULL is fine */

/* LIMIT when COMMIT_QUEUE_MAX are waiting or the record is too large, INVALID for a request id that
 * cannot be one, CLOSED after commit_stop() began: done() is then not called. */
enum bdfs_status commit_submit(struct commit *c, struct commit_request *request,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
/* Submit and wait; for background work and tests. *ret may be NULL when not wanted. */
enum bdfs_status commit_wait(struct commit *c, Bdfs__JournalRecord *record, Bdfs__OpResult **ret,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
/* Make a checkpoint that has at least all that is committed now, and wait for it. */
enum bdfs_status commit_checkpoint(struct commit *c, uint64_t *ret_index, struct bdfs_err *err)
        BDFS_MUST_CHECK;
uint64_t commit_index(struct commit *c);            /* of the last committed record */
uint64_t commit_checkpoint_index(struct commit *c); /* of the newest checkpoint; 0: none */
/* SHA-256 over all rows of all tables at one moment, and the index of the last record in them:
 * the same records give the same digest (N5). Reads everything. */
enum bdfs_status commit_digest(struct commit *c, uint8_t ret[32], uint64_t *ret_index,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
