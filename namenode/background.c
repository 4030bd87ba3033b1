#include "namenode/background.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "namenode/namenode.h"
#include "namenode/namespace.h"
#include "namenode/recovery.h"

#define TICK_MS 250
#define OPEN_FILES_PER_TICK 1000
#define SLICE_INODES 64
#define FORGET_EVERY_MS 60000

struct background {
        struct namenode *nn;
        struct os_mutex lock;
        struct os_cond wake;
        bool stopping; /* guarded by: lock */
        struct os_thread *leases, *deleter;
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
                if (now - forgot > FORGET_EVERY_MS) {
                        lease_clock_forget(b->nn->leases, now);
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

static void run_deleter(void *arg)
{
        struct background *b = arg;
        bool more = false;

        while (tick(b, more ? 0 : TICK_MS)) {
                Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
                Bdfs__DeleteSliceOp op = BDFS__DELETE_SLICE_OP__INIT;
                struct bdfs_err err;

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
        recovery_free(b->recovery);
        os_cond_fini(&b->wake);
        os_mutex_fini(&b->lock);
        free(b);
}
