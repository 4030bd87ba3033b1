/*
 * Checkpoints, made by a thread of their own from a read transaction, so the committer goes on.
 * The index that names a checkpoint is read in that transaction: it is the one inside the copy.
 * A copy that finds a wrong checksum ends the process: the next start rebuilds the tables.
 */
#include <inttypes.h>

#include "common/log.h"
#include "namenode/commit/checkpoint.h"
#include "namenode/commit/commit_internal.h"

static uint64_t threshold(struct commit *c)
{
        uint64_t quarter = store_disk_bytes(c->config.store) / 4;

        return quarter > c->config.checkpoint_journal_bytes ? quarter
                                                            : c->config.checkpoint_journal_bytes;
}

void commit_copy_plan(struct commit *c)
{
        uint64_t have = journal_bytes_after(c->config.journal, atomic_load(&c->checkpoint));
        uint64_t most = threshold(c);
        AUTO_LOCK(&c->lock);

        c->copy_due = have >= most ? 0 : most - have;
}

void commit_copy_poke(struct commit *c)
{
        if (atomic_load(&c->appended) < c->copy_due || c->copy_wanted != c->copy_finished)
                return;
        c->copy_wanted++;
        os_cond_signal(&c->copy_work);
}

static enum bdfs_status make(struct commit *c, uint64_t *ret_index, struct bdfs_err *err)
{
        struct commit_applied applied;
        struct store_txn *t;
        enum bdfs_status rc = store_begin_read(c->config.store, &t, err);

        if (rc != BDFS_OK)
                return rc;
        rc = commit_applied_get(t, &applied, err);
        if (rc == BDFS_OK)
                rc = checkpoint_make(c->config.checkpoint_dir, t, applied.index, &c->cancel, err);
        store_abort(t);
        if (rc == BDFS_OK)
                *ret_index = applied.index;
        return rc;
}

/* How far the journal may be trimmed; 0: not yet. The older checkpoint must stay usable. */
static enum bdfs_status prune(struct commit *c, uint64_t *ret_trim, struct bdfs_err *err)
{
        uint64_t index[CHECKPOINTS_MAX];
        size_t n;
        enum bdfs_status rc = checkpoint_prune(c->config.checkpoint_dir, err);

        *ret_trim = 0;
        if (rc == BDFS_OK)
                rc = checkpoint_list(c->config.checkpoint_dir, index, &n, err);
        if (rc == BDFS_OK && n >= CHECKPOINTS_KEPT)
                *ret_trim = index[CHECKPOINTS_KEPT - 1] + 1;
        return rc;
}

static void copy_once(struct commit *c, uint64_t number)
{
        uint64_t before = atomic_load(&c->appended), index = 0, trim = 0;
        int64_t start_ms = os_mono_ms();
        struct bdfs_err err = {.status = BDFS_OK};
        enum bdfs_status rc = make(c, &index, &err);

        if (rc == BDFS_OK) {
                atomic_store(&c->checkpoint, index);
                log_info("checkpoint made index=%" PRIu64 " bytes=%" PRIu64 " ms=%" PRId64, index,
                         store_disk_bytes(c->config.store), os_mono_ms() - start_ms);
                rc = prune(c, &trim, &err);
        }
        if (rc == BDFS_CORRUPT) {
                commit_doubt(c, rc);
                commit_fatal(c, &err);
        } else if (rc != BDFS_OK && rc != BDFS_CLOSED) {
                log_warn("no checkpoint, the journal goes on growing: %s", err.text);
        }
        os_mutex_lock(&c->lock);
        c->copy_finished = number;
        c->copy_status = rc;
        c->copy_err = err;
        c->copy_due = rc == BDFS_OK ? before + threshold(c)
                                    : atomic_load(&c->appended) + threshold(c) / 4;
        if (trim > 0) {
                c->trim = trim;
                os_cond_signal(&c->work);
        }
        os_cond_broadcast(&c->copy_done);
        os_mutex_unlock(&c->lock);
}

/* The number of the request to serve; 0: end. */
static uint64_t next_request(struct commit *c)
{
        AUTO_LOCK(&c->lock);
        while (c->copy_wanted == c->copy_finished && !c->stopping && !c->dead)
                if (!os_cond_wait(&c->copy_work, &c->lock, OS_FOREVER))
                        c->dead = true; /* a simulated crash */
        return c->stopping || c->dead ? 0 : c->copy_wanted;
}

void commit_copy_run(void *commit)
{
        struct commit *c = commit;
        uint64_t number;

        while ((number = next_request(c)) != 0)
                copy_once(c, number);
        os_mutex_lock(&c->lock);
        if (c->copy_finished < c->copy_wanted) { /* whoever waits must not wait for ever */
                c->copy_finished = c->copy_wanted;
                c->copy_status = bdfs_fail(&c->copy_err, BDFS_CLOSED, "the namenode is ending");
        }
        os_cond_broadcast(&c->copy_done);
        os_mutex_unlock(&c->lock);
}

enum bdfs_status commit_checkpoint(struct commit *c, uint64_t *ret_index, struct bdfs_err *err)
{
        uint64_t mine;
        AUTO_LOCK(&c->lock);

        if (c->stopping || c->dead)
                return bdfs_fail(err, BDFS_CLOSED, "the namenode is ending");
        mine = ++c->copy_wanted;
        os_cond_signal(&c->copy_work);
        while (c->copy_finished < mine)
                (void)os_cond_wait(&c->copy_done, &c->lock, OS_FOREVER);
        if (c->copy_status != BDFS_OK) {
                if (err != NULL)
                        *err = c->copy_err;
                return c->copy_status;
        }
        *ret_index = atomic_load(&c->checkpoint);
        return BDFS_OK;
}
