/*
 * commit_internal.h - what commit*.c share; nobody else includes it.
 *
 * Owner:   struct commit owns its threads and scratch memory.
 * Threads: each field says whose it is; commit_start() sets all before the threads run.
 */
#pragma once

#include <stdatomic.h>

#include "common/bytes.h"
#include "namenode/apply/apply.h"
#include "namenode/commit/commit.h"

/* Room for the largest record, and for what index and time add to one. */
#define COMMIT_RECORD_BYTES_MAX (JOURNAL_BATCH_BYTES_MAX / 2)
#define COMMIT_RECORD_OVERHEAD 32

struct commit {
        struct commit_config config;     /* checkpoint_dir is our own copy */

        /* committer's thread (and commit_start()) */
        struct apply_batch *batch;
        uint64_t index;                  /* of the last record applied */
        int64_t time_ms;                 /* of the last record: time never goes back */
        struct commit_request *taken[COMMIT_BATCH_MAX];
        struct journal_record records[COMMIT_BATCH_MAX];
        struct buf packed;               /* bytes of records */

        atomic_uint_fast64_t published;  /* index that readers see */
        atomic_uint_fast64_t appended;   /* bytes given to the journal since the start */
        atomic_uint_fast64_t checkpoint; /* index of the newest */

        struct os_mutex lock;
        struct os_cond work;             /* for the committer */
        struct commit_request *first, **last; /* guarded by: lock */
        size_t queued;                   /* guarded by: lock */
        bool stopping, dead;             /* guarded by: lock */
        uint64_t trim;                   /* guarded by: lock; trim the journal to this; 0: no */

        struct os_cond copy_work;        /* for the checkpoint's thread */
        struct os_cond copy_done;
        uint64_t copy_wanted, copy_finished; /* guarded by: lock; requests, by number */
        enum bdfs_status copy_status;    /* guarded by: lock; of the last */
        struct bdfs_err copy_err;        /* guarded by: lock */
        uint64_t copy_due;               /* guarded by: lock; value of appended that starts one */
        atomic_bool cancel;

        struct os_thread *thread, *copy_thread;
};

/* What the tables hold; stored in their transaction. */
struct commit_applied {
        uint64_t index;
        int64_t time_ms;
        uint8_t cluster[16];
};

/* ---- commit_apply.c: one record, as the committer and replay both do it ---------------------- */

enum bdfs_status commit_applied_get(struct store_txn *t, struct commit_applied *ret,
                                    struct bdfs_err *err) BDFS_MUST_CHECK; /* NOT_FOUND: none */
enum bdfs_status commit_applied_put(struct commit *c, struct store_txn *t, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Apply a record that has index and time, keep its answer. */
enum bdfs_status commit_apply(struct commit *c, struct store_txn *t,
                              const Bdfs__JournalRecord *record, Bdfs__OpResult **ret,
                              bool *ret_changed, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Is the transaction good for nothing after this? No check refuses a request with one of these. */
bool commit_status_aborts(enum bdfs_status status);

/* ---- commit_open.c --------------------------------------------------------------------------- */

/* Bring the tables to the journal's last record; sets index, time and checkpoint. */
enum bdfs_status commit_open(struct commit *c, struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- commit_batch.c -------------------------------------------------------------------------- */

/* All of taken[0..n): reserve, apply, append, commit, answer. */
void commit_batch(struct commit *c, size_t n);
/* End the process, or what stands for it. */
void commit_fatal(struct commit *c, const struct bdfs_err *err);
/* CORRUPT tables: the next start rebuilds them. */
void commit_doubt(struct commit *c, enum bdfs_status status);

/* ---- commit_copy.c --------------------------------------------------------------------------- */

void commit_copy_run(void *commit);      /* the checkpoint's thread */
void commit_copy_plan(struct commit *c); /* at the start: when the first is due */
void commit_copy_poke(struct commit *c); /* start one if it is due; under the lock */
