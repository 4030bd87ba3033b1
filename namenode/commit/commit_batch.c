/*
 * One batch of requests. Until the journal is appended to, everything can be undone by aborting
 * the transaction: a lack of space or memory refuses the requests (first all of them, then, if
 * there are several, each alone: the rest must not suffer for one that is too large). From the
 * append on there is no way back: a failure ends the process, and the next one finds in the
 * journal what counts.
 */
#include <inttypes.h>
#include <unistd.h>

#include "common/log.h"
#include "namenode/commit/commit_internal.h"

void commit_fatal(struct commit *c, const struct bdfs_err *err)
{
        os_mutex_lock(&c->lock);
        c->dead = true;
        os_mutex_unlock(&c->lock);
        if (c->config.on_fatal != NULL) {
                c->config.on_fatal(c->config.arg, err);
        } else if (!os_simulated()) {
                log_error("namespace failed, the namenode ends: %s", err->text);
                _exit(1);
        }
}

void commit_doubt(struct commit *c, enum bdfs_status status)
{
        struct bdfs_err err;

        if (status == BDFS_CORRUPT && store_doubt(c->config.store, &err) != BDFS_OK)
                log_error("the damaged tables may be used again at the next start: %s", err.text);
}

static bool is_dead(struct commit *c)
{
        AUTO_LOCK(&c->lock);
        return c->dead;
}

/* ---- answers -------------------------------------------------------------------------------- */

static void answer(struct commit *c, size_t n)
{
        for (size_t i = 0; i < n; i++)
                c->taken[i]->done(c->taken[i]); /* it is gone now */
}

/* What was done so far is undone, or its outcome is not known: none of it is an answer. */
static void refuse(struct commit *c, size_t n, enum bdfs_status status, const struct bdfs_err *err)
{
        for (size_t i = 0; i < n; i++) {
                struct commit_request *r = c->taken[i];

                op_result_free(r->result);
                r->result = NULL;
                r->err = *err;
                r->status = r->err.status = status;
        }
        answer(c, n);
}

static void die(struct commit *c, size_t n, const struct bdfs_err *err)
{
        commit_fatal(c, err);
        refuse(c, n, BDFS_CLOSED, err);
}

/* ---- applying ------------------------------------------------------------------------------- */

static enum bdfs_status pack(struct commit *c, const Bdfs__JournalRecord *record, size_t *n_records,
                             struct bdfs_err *err)
{
        size_t n = bdfs__journal_record__get_packed_size(record);
        uint8_t *p = buf_grow(&c->packed, n);

        if (p == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "journal record: out of memory");
        BDFS_ASSERT(n <= COMMIT_RECORD_BYTES_MAX + COMMIT_RECORD_OVERHEAD);
        (void)bdfs__journal_record__pack(record, p);
        /* bytes are set when the buffer does not move any more */
        c->records[(*n_records)++] = (struct journal_record){.index = record->index, .n = n};
        return BDFS_OK;
}

/* A status that aborts the transaction, or OK: the request has its answer, good or bad. */
static enum bdfs_status apply_one(struct commit *c, struct store_txn *t, int64_t now,
                                  struct commit_request *r, size_t *n_records)
{
        bool changed;

        r->status = retry_find(t, r->record, now, &r->result, &r->err);
        if (r->status == BDFS_OK && r->result != NULL)
                return BDFS_OK;
        if (r->status == BDFS_OK) {
                r->record->index = c->index + 1;
                r->record->time_ms = now;
                r->status = commit_apply(c, t, r->record, &r->result, &changed, &r->err);
        }
        if (r->status != BDFS_OK)
                return commit_status_aborts(r->status) ? r->status : BDFS_OK;
        return changed ? pack(c, r->record, n_records, &r->err) : BDFS_OK;
}

static enum bdfs_status apply_all(struct commit *c, struct store_txn *t, size_t n,
                                  size_t *ret_records, struct bdfs_err *err)
{
        int64_t now = os_wall_ms();
        enum bdfs_status rc = BDFS_OK;
        uint8_t *at;

        if (now < c->time_ms)
                now = c->time_ms;
        buf_reset(&c->packed);
        *ret_records = 0;
        for (size_t i = 0; i < n; i++) {
                rc = apply_one(c, t, now, c->taken[i], ret_records);
                if (rc != BDFS_OK) {
                        *err = c->taken[i]->err;
                        return rc;
                }
        }
        at = c->packed.data;
        for (size_t i = 0; i < *ret_records; i++) {
                c->records[i].bytes = at;
                at += c->records[i].n;
        }
        rc = apply_flush(t, c->batch, err);
        return rc == BDFS_OK && *ret_records > 0 ? commit_applied_put(c, t, err) : rc;
}

/* ---- the batch ------------------------------------------------------------------------------ */

static enum bdfs_status begin(struct commit *c, size_t n, struct store_txn **ret,
                              struct bdfs_err *err)
{
        uint64_t bytes = 0;
        enum bdfs_status rc;

        for (size_t i = 0; i < n; i++) {
                c->taken[i]->status = BDFS_OK;
                c->taken[i]->result = NULL;
                bytes += c->taken[i]->bytes;
        }
        rc = journal_reserve(c->config.journal, bytes, err);
        return rc == BDFS_OK ? store_begin_write(c->config.store, ret, err) : rc;
}

/* Journal and tables take it for good. A failure is final: it cannot be said what they hold. */
static enum bdfs_status seal(struct commit *c, struct store_txn *t, size_t n_records,
                             struct bdfs_err *err)
{
        enum bdfs_status rc;

        if (n_records == 0) {
                store_abort(t);
                return BDFS_OK;
        }
        rc = journal_append(c->config.journal, c->records, n_records, err);
        if (rc != BDFS_OK) {
                store_abort(t);
                return rc;
        }
        rc = store_commit(t, err);
        if (rc == BDFS_OK) {
                atomic_store(&c->published, c->index);
                atomic_fetch_add(&c->appended, c->packed.n);
        }
        return rc;
}

static void publish_freed(struct commit *c)
{
        size_t n;
        const uint64_t *freed = apply_freed(c->batch, &n);

        if (n > 0 && c->config.on_freed != NULL)
                c->config.on_freed(c->config.arg, freed, n);
}

static void each_alone(struct commit *c, size_t n)
{
        struct commit_request *all[COMMIT_BATCH_MAX];

        for (size_t i = 0; i < n; i++) {
                all[i] = c->taken[i];
                op_result_free(all[i]->result);
                all[i]->result = NULL;
        }
        for (size_t i = 0; i < n; i++) {
                c->taken[0] = all[i];
                commit_batch(c, 1);
        }
}

/* Nothing was appended: the transaction is gone, the requests are refused or tried again. */
static void undo(struct commit *c, size_t n, enum bdfs_status rc, const struct bdfs_err *err)
{
        if (rc != BDFS_NO_SPACE && rc != BDFS_NO_MEMORY && rc != BDFS_LIMIT)
                die(c, n, err);
        else if (n > 1)
                each_alone(c, n);
        else
                refuse(c, n, rc, err);
}

void commit_batch(struct commit *c, size_t n)
{
        static const struct bdfs_err ended = {.status = BDFS_CLOSED, .text = "the namenode ended"};
        uint64_t index = c->index;
        int64_t time_ms = c->time_ms;
        struct bdfs_err err;
        struct store_txn *t;
        size_t n_records;
        enum bdfs_status rc;

        if (is_dead(c)) {
                refuse(c, n, BDFS_CLOSED, &ended);
                return;
        }
        apply_batch_reset(c->batch);
        rc = begin(c, n, &t, &err);
        if (rc != BDFS_OK) {
                undo(c, n, rc, &err);
                return;
        }
        rc = apply_all(c, t, n, &n_records, &err);
        if (rc != BDFS_OK) {
                store_abort(t);
                c->index = index;
                c->time_ms = time_ms;
                commit_doubt(c, rc);
                undo(c, n, rc, &err);
                return;
        }
        rc = seal(c, t, n_records, &err);
        if (rc != BDFS_OK) {
                die(c, n, &err);
                return;
        }
        publish_freed(c);
        answer(c, n);
}
