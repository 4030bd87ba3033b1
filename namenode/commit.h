/*
 * commit.h - the committer: the one thread that changes the namespace (DESIGN D3).
 *
 * It takes what is waiting (at most COMMIT_BATCH_MAX), makes sure that the journal has room,
 * opens a write transaction, and for each request looks up a retry answer or applies it; then
 * appends the records that changed something as one synced batch, commits, publishes, answers. A
 * refused request leaves nothing. A failed append or commit ends the process (P1, N8).
 *
 * Owner:   a struct commit_request is the submitter's until submitted and again from done() on.
 * Threads: commit_submit() and commit_wait() from any; done() runs on the committer's thread and
 *          must not block.
 */
#pragma once

#include "common/err.h"
#include "namenode/journal.h"
#include "namenode/store.h"
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
        struct commit_request *next; /* the committer's */
};

struct commit_config {
        struct store *store;
        struct journal *journal;
        const char *checkpoint_dir;          /* true directory; LMDB copies */
        uint64_t checkpoint_journal_bytes;   /* lower bound of the threshold; tests lower it */
        /* Called on the committer's thread after a batch committed, before its answers: blocks
         * whose last reference went, so that replicas are removed; and files that were closed. */
        void (*on_freed)(void *arg, const uint64_t *blocks, size_t n);
        void *arg;
};

/* Opens or rebuilds the tables (checkpoint + journal), formats a new cluster when @format is
 * given and nothing is there, then starts the thread. */
enum bdfs_status commit_start(struct commit **ret, const struct commit_config *config,
                              const Bdfs__FormatOp *format, struct bdfs_err *err) BDFS_MUST_CHECK;
void commit_stop(struct commit *c); /* finishes what was submitted; then frees */

/* LIMIT when COMMIT_QUEUE_MAX are waiting (done() is then not called). */
enum bdfs_status commit_submit(struct commit *c, struct commit_request *request,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
/* Submit and wait; for background work and tests. *ret may be NULL when not wanted. */
enum bdfs_status commit_wait(struct commit *c, Bdfs__JournalRecord *record, Bdfs__OpResult **ret,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status commit_checkpoint(struct commit *c, uint64_t *ret_index, struct bdfs_err *err)
        BDFS_MUST_CHECK;
uint64_t commit_index(struct commit *c);            /* of the last committed record */
uint64_t commit_checkpoint_index(struct commit *c);
void op_result_free(Bdfs__OpResult *r);
