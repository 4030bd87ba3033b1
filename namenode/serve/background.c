#include "namenode/serve/background.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "namenode/serve/namenode_parts.h"
#include "namenode/serve/recovery.h"
#include "namenode/serve/serve.h"
#include "namenode/serve/trash.h"
#include "namenode/tree/namespace.h"

#define TICK_MS 250
#define OPEN_FILES_PER_TICK 1000
#define SLICE_INODES 64
#define FORGET_EVERY_MS 60000
#define SWEEP_EVERY_MS 10000 /* of lease holders */
#define FORGET_SLICE 256

struct background {
        struct namenode *nn;
        struct os_mutex lock;
        struct os_cond wake;
        bool stopping; /* guarded by: lock */
        struct os_thread *leases, *deleter, *trash;
        struct recovery *recovery; /* the lease thread's */
};

/* Sleep for a tick; false when it is time to end. */
static bool tick(struct background *b, int64_t ms)
{
        int64_t deadline = os_mono_ms() + ms;
        AUTO_LOCK(&b->lock);

        while (!b->stopping && os_mono_ms() < deadline)
                (void)os_cond_wait(&b->wake, &b->lock, deadline);
        return !b->stopping;
}

/* ---- leases ---- */

static void look_at_file(struct background *b, uint64_t inode, int64_t now)
{
        struct namenode *nn = b->nn;
        struct ns_writer w;
        struct store_txn *t;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (store_begin_read(nn->store, &t, &err) != BDFS_OK)
                return; /* the next tick tries again */
        rc = ns_writer_of(t, inode, &w, &err);
        store_abort(t);
        if (rc != BDFS_OK)
                return; /* closed or deleted meanwhile */
        if (!w.recovering) {
                Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
                Bdfs__StartRecoveryOp op = BDFS__START_RECOVERY_OP__INIT;

                if (!lease_clock_hard_expired(nn->leases, w.holder, w.hadoop_lease, now))
                        return;
                log_info("lease expired inode=%llu holder=%s", (unsigned long long)inode, w.holder);
                op.inode = inode;
                record.op_case = BDFS__JOURNAL_RECORD__OP_START_RECOVERY;
                record.start_recovery = &op;
                if (commit_wait(nn->commit, &record, NULL, &err) != BDFS_OK)
                        log_warn("lease recovery of inode %llu cannot start: %s",
                                 (unsigned long long)inode, err.text);
                return;
        }
        recovery_step(b->recovery, nn, &w, now);
}

static uint64_t files_of(void *arg, const char *holder)
{
        return serve_open_files_of(arg, holder);
}

static void run_leases(void *arg)
{
        struct background *b = arg;
        uint64_t *inodes = malloc(OPEN_FILES_PER_TICK * sizeof(*inodes));
        uint64_t after = 0;
        int64_t forgot = os_mono_ms();

        while (inodes != NULL && tick(b, TICK_MS)) {
                struct store_txn *t;
                struct bdfs_err err;
                size_t n = 0;
                int64_t now = os_mono_ms();

                if (blocks_safe_mode(b->nn->blocks, SAFE_MODE_GET))
                        continue;
                if (store_begin_read(b->nn->store, &t, &err) != BDFS_OK)
                        continue;
                if (ns_open_files(t, after, inodes, OPEN_FILES_PER_TICK, &n, &err) != BDFS_OK)
                        n = 0;
                store_abort(t);
                for (size_t i = 0; i < n; i++)
                        look_at_file(b, inodes[i], now);
                after = n < OPEN_FILES_PER_TICK ? 0 : inodes[n - 1];
                if (now - forgot > SWEEP_EVERY_MS) {
                        lease_clock_sweep(b->nn->leases, now, files_of, b->nn);
                        forgot = now;
                }
        }
        free(inodes);
}

/* ---- deleted trees ---- */

static bool has_doomed(struct namenode *nn)
{
        struct store_txn *t;
        struct bdfs_err err;
        bool some = false;

        if (store_begin_read(nn->store, &t, &err) != BDFS_OK)
                return false;
        if (ns_has_doomed(t, &some, &err) != BDFS_OK)
                some = false;
        store_abort(t);
        return some;
}

/* ---- blocks without a reference (grace.h) ---- */

struct grace {
        int64_t early_ms;        /* when blocks were last freed for want of space */
        int64_t forget_ms;       /* when freed ones are looked through next */
        uint64_t forget_after;
};

static bool oldest_retired(struct namenode *nn, struct retired *ret)
{
        struct store_txn *t;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (store_begin_read(nn->store, &t, &err) != BDFS_OK)
                return false;
        rc = table_first_retired(t, ret, &err);
        store_abort(t);
        return rc == BDFS_OK;
}

/* Free those that have waited long enough, or, for want of space, some of those that wait longest.
 * True when more are due. */
static bool grace_step(struct background *b, struct grace *g)
{
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
        Bdfs__FreeBlocksOp op = BDFS__FREE_BLOCKS_OP__INIT;
        Bdfs__OpResult *result;
        struct retired oldest;
        struct bdfs_err err;
        int64_t now = os_mono_ms();
        bool more;

        if (blocks_safe_mode(b->nn->blocks, SAFE_MODE_GET) || !oldest_retired(b->nn, &oldest))
                return false;
        op.most = SLICE_INODES;
        op.until_ms = os_wall_ms() - b->nn->conf->grace_ms;
        if (oldest.since_ms > op.until_ms) {
                if (now - g->early_ms < GRACE_EARLY_MS || !blocks_space_short(b->nn->blocks))
                        return false;
                g->early_ms = now;
                op.most = GRACE_EARLY_SLICE;
                op.until_ms = INT64_MAX;
                log_warn("space is short: what was deleted or replaced is freed before its time");
        }
        record.op_case = BDFS__JOURNAL_RECORD__OP_FREE_BLOCKS;
        record.free_blocks = &op;
        if (commit_wait(b->nn->commit, &record, &result, &err) != BDFS_OK) {
                log_warn("blocks without a file cannot be freed: %s", err.text);
                return false;
        }
        more = result->count == op.most && op.until_ms != INT64_MAX;
        op_result_free(result);
        return more;
}

/* Of a slice of the freed ones those that need not be remembered: nobody has a replica, or they are
 * too old or too many (what turns up later is kept as unknown). Returns how many there were. */
static size_t find_forgettable(struct namenode *nn, uint64_t after, uint64_t *ret, size_t *ret_n,
                               uint64_t *ret_last)
{
        struct freed_row rows[FORGET_SLICE];
        int64_t now = os_wall_ms();
        struct store_txn *t;
        struct bdfs_err err;
        uint64_t all;
        size_t n = 0, gone = 0;

        *ret_n = 0;
        if (store_begin_read(nn->store, &t, &err) != BDFS_OK)
                return 0;
        all = store_count(t, TABLE_FREED);
        if (table_list_freed(t, after, rows, FORGET_SLICE, &n, &err) != BDFS_OK)
                n = 0;
        store_abort(t);
        for (size_t i = 0; i < n; i++) {
                *ret_last = rows[i].block;
                if (now - rows[i].time_ms > FREED_KEEP_MS || all > FREED_ROWS_MAX)
                        ret[(*ret_n)++] = rows[i].block;
        }
        if (*ret_n > 0)
                return n;
        for (size_t i = 0; i < n; i++)
                if (now - rows[i].time_ms > FREED_SETTLE_MS)
                        ret[gone++] = rows[i].block;
        if (blocks_gone(nn->blocks, ret, &gone, &err) == BDFS_OK)
                *ret_n = gone;
        return n;
}

static void forget_step(struct background *b, struct grace *g)
{
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
        Bdfs__ForgetFreedOp op = BDFS__FORGET_FREED_OP__INIT;
        uint64_t blocks[FORGET_SLICE];
        struct bdfs_err err;
        size_t n, found;

        if (os_mono_ms() < g->forget_ms)
                return;
        found = find_forgettable(b->nn, g->forget_after, blocks, &n, &g->forget_after);
        if (found < FORGET_SLICE) {
                g->forget_after = 0;
                g->forget_ms = os_mono_ms() + FORGET_EVERY_MS;
        }
        if (n == 0)
                return;
        op.blocks = blocks;
        op.n_blocks = n;
        record.op_case = BDFS__JOURNAL_RECORD__OP_FORGET_FREED;
        record.forget_freed = &op;
        if (commit_wait(b->nn->commit, &record, NULL, &err) != BDFS_OK)
                log_warn("freed blocks cannot be forgotten: %s", err.text);
}

static void run_deleter(void *arg)
{
        struct background *b = arg;
        struct grace grace = {.forget_ms = os_mono_ms() + FORGET_EVERY_MS};
        bool more = false, more_blocks = false;

        while (tick(b, more || more_blocks ? 0 : TICK_MS)) {
                Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
                Bdfs__DeleteSliceOp op = BDFS__DELETE_SLICE_OP__INIT;
                struct bdfs_err err;

                more_blocks = grace_step(b, &grace);
                forget_step(b, &grace);
                more = has_doomed(b->nn);
                if (!more)
                        continue;
                op.most = SLICE_INODES;
                record.op_case = BDFS__JOURNAL_RECORD__OP_DELETE_SLICE;
                record.delete_slice = &op;
                if (commit_wait(b->nn->commit, &record, NULL, &err) != BDFS_OK) {
                        log_warn("deleted files cannot be freed: %s", err.text);
                        more = false;
                }
        }
}

/* ---- trash ---- */

static bool trash_goes_on(void *arg)
{
        struct background *b = arg;
        AUTO_LOCK(&b->lock);

        return !b->stopping;
}

/* Periods are of the wall clock, so a restart does not move them. What is old goes at once after a
 * start; checkpoints are made when a period begins. */
static void run_trash(void *arg)
{
        struct background *b = arg;
        const struct namenode_conf *conf = b->nn->conf;
        int64_t every = conf->trash_checkpoint_ms;
        int64_t period, last;
        bool first = true;

        if (every == 0 || every > conf->trash_ms)
                every = conf->trash_ms;
        last = os_wall_ms() / every;
        while (tick(b, TICK_MS)) {
                struct trash_sweep sweep = {.nn = b->nn, .keep_ms = conf->trash_ms,
                                            .go_on = trash_goes_on, .arg = b};

                sweep.now_ms = os_wall_ms();
                period = sweep.now_ms / every;
                if ((!first && period == last) || blocks_safe_mode(b->nn->blocks, SAFE_MODE_GET))
                        continue;
                sweep.checkpoint = period != last;
                trash_sweep(&sweep);
                first = false;
                last = period;
        }
}

/* ---- starting and stopping ---- */

enum bdfs_status background_start(struct background **ret, struct namenode *nn,
                                  struct bdfs_err *err)
{
        struct background *b = calloc(1, sizeof(*b));

        if (b == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        b->nn = nn;
        os_mutex_init(&b->lock);
        os_cond_init(&b->wake);
        b->recovery = recovery_new();
        if (b->recovery == NULL) {
                (void)bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                goto fail;
        }
        if (os_thread_start(&b->leases, "leases", run_leases, b, err) != BDFS_OK ||
            os_thread_start(&b->deleter, "deleter", run_deleter, b, err) != BDFS_OK)
                goto fail;
        if (nn->conf->trash_ms > 0 &&
            os_thread_start(&b->trash, "trash", run_trash, b, err) != BDFS_OK)
                goto fail;
        *ret = b;
        return BDFS_OK;
fail:
        background_stop(b);
        return err->status;
}

void background_stop(struct background *b)
{
        if (b == NULL)
                return;
        os_mutex_lock(&b->lock);
        b->stopping = true;
        os_cond_broadcast(&b->wake);
        os_mutex_unlock(&b->lock);
        if (b->leases != NULL)
                os_thread_join(b->leases);
        if (b->deleter != NULL)
                os_thread_join(b->deleter);
        if (b->trash != NULL)
                os_thread_join(b->trash);
        recovery_free(b->recovery);
        os_cond_fini(&b->wake);
        os_mutex_fini(&b->lock);
        free(b);
}
