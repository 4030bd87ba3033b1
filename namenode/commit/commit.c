#include "namenode/commit/commit_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define TAKE_BYTES_MAX (JOURNAL_BATCH_BYTES_MAX - 4 * COMMIT_BATCH_MAX)

static_assert(COMMIT_RECORD_BYTES_MAX + COMMIT_RECORD_OVERHEAD <= TAKE_BYTES_MAX,
              "every request fits a batch");

/* ---- the thread ----------------------------------------------------------------------------- */

/* Into taken; waits. 0 with *ret_trim 0: it is time to end. */
static size_t take(struct commit *c, uint64_t *ret_trim)
{
        size_t n = 0, bytes = 0;
        AUTO_LOCK(&c->lock);

        commit_copy_poke(c);
        while (c->first == NULL && c->trim == 0 && !c->stopping && !c->dead)
                if (!os_cond_wait(&c->work, &c->lock, OS_FOREVER))
                        c->dead = true; /* a simulated crash */
        *ret_trim = c->trim;
        c->trim = 0;
        while (c->first != NULL && n < COMMIT_BATCH_MAX &&
               bytes + c->first->bytes <= TAKE_BYTES_MAX) {
                struct commit_request *r = c->first;

                c->first = r->next;
                c->queued--;
                bytes += r->bytes;
                c->taken[n++] = r;
        }
        if (c->first == NULL)
                c->last = &c->first;
        return n;
}

static void run(void *arg)
{
        struct commit *c = arg;
        struct bdfs_err err;
        uint64_t trim;
        size_t n;

        while ((n = take(c, &trim)) > 0 || trim > 0) {
                if (trim > 0 && journal_trim(c->config.journal, trim, &err) != BDFS_OK)
                        log_warn("the journal was not trimmed: %s", err.text);
                if (n > 0)
                        commit_batch(c, n);
        }
}

/* ---- submitting ----------------------------------------------------------------------------- */

static enum bdfs_status enqueue(struct commit *c, struct commit_request *request,
                                struct bdfs_err *err)
{
        AUTO_LOCK(&c->lock);
        if (c->stopping || c->dead)
                return bdfs_fail(err, BDFS_CLOSED, "the namenode is ending");
        if (c->queued >= COMMIT_QUEUE_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "%zu changes are waiting, try again", c->queued);
        *c->last = request;
        c->last = &request->next;
        if (c->queued++ == 0)
                os_cond_signal(&c->work);
        return BDFS_OK;
}

enum bdfs_status commit_submit(struct commit *c, struct commit_request *request,
                               struct bdfs_err *err)
{
        size_t n = bdfs__journal_record__get_packed_size(request->record);

        if (n > COMMIT_RECORD_BYTES_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "a change of %zu bytes is too large", n);
        if (retry_check(request->record, err) != BDFS_OK)
                return BDFS_INVALID;
        request->bytes = n + COMMIT_RECORD_OVERHEAD;
        request->next = NULL;
        request->result = NULL;
        return enqueue(c, request, err);
}

struct waiter {
        struct commit_request request; /* first */
        struct os_mutex lock;
        struct os_cond cond;
        bool done; /* guarded by: lock */
};

static void waiter_done(struct commit_request *request)
{
        struct waiter *w = (struct waiter *)(void *)request;
        AUTO_LOCK(&w->lock);

        w->done = true;
        os_cond_signal(&w->cond);
}

enum bdfs_status commit_wait(struct commit *c, Bdfs__JournalRecord *record, Bdfs__OpResult **ret,
                             struct bdfs_err *err)
{
        struct waiter w = {.request = {.record = record, .done = waiter_done}};
        enum bdfs_status rc;

        os_mutex_init(&w.lock);
        os_cond_init(&w.cond);
        rc = commit_submit(c, &w.request, err);
        if (rc == BDFS_OK) {
                os_mutex_lock(&w.lock);
                while (!w.done) /* in a simulated crash too: the committer answers all */
                        (void)os_cond_wait(&w.cond, &w.lock, OS_FOREVER);
                os_mutex_unlock(&w.lock);
                rc = w.request.status;
                if (rc != BDFS_OK && err != NULL)
                        *err = w.request.err;
        }
        os_cond_fini(&w.cond);
        os_mutex_fini(&w.lock);
        if (rc == BDFS_OK && ret != NULL)
                *ret = w.request.result;
        else
                op_result_free(w.request.result);
        return rc;
}

uint64_t commit_index(struct commit *c)
{
        return atomic_load(&c->published);
}

uint64_t commit_checkpoint_index(struct commit *c)
{
        return atomic_load(&c->checkpoint);
}

/* ---- starting and stopping ------------------------------------------------------------------ */

static void commit_free(struct commit *c)
{
        apply_batch_free(c->batch);
        buf_fini(&c->packed);
        free((char *)(uintptr_t)c->config.checkpoint_dir);
        os_cond_fini(&c->copy_done);
        os_cond_fini(&c->copy_work);
        os_cond_fini(&c->work);
        os_mutex_fini(&c->lock);
        free(c);
}

static struct commit *commit_new(const struct commit_config *config)
{
        struct commit *c = calloc(1, sizeof(*c));

        if (c == NULL)
                return NULL;
        c->config = *config;
        c->config.checkpoint_dir = strdup(config->checkpoint_dir);
        c->last = &c->first;
        buf_init(&c->packed, 0);
        os_mutex_init(&c->lock);
        os_cond_init(&c->work);
        os_cond_init(&c->copy_work);
        os_cond_init(&c->copy_done);
        c->batch = apply_batch_new();
        if (c->batch != NULL && c->config.checkpoint_dir != NULL)
                return c;
        commit_free(c);
        return NULL;
}

static void no_answer(struct commit_request *request)
{
        (void)request; /* the caller looks at it */
}

/* The first record of all, before the thread runs. */
static enum bdfs_status format_new(struct commit *c, const Bdfs__FormatOp *format,
                                   struct bdfs_err *err)
{
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
        struct commit_request request = {.record = &record, .done = no_answer};

        if (format == NULL)
                return bdfs_fail(err, BDFS_NOT_FOUND, "there is no namespace here");
        record.op_case = BDFS__JOURNAL_RECORD__OP_FORMAT;
        record.format = (Bdfs__FormatOp *)(uintptr_t)format; /* only read */
        request.bytes = bdfs__journal_record__get_packed_size(&record) + COMMIT_RECORD_OVERHEAD;
        c->taken[0] = &request;
        commit_batch(c, 1);
        op_result_free(request.result);
        if (request.status != BDFS_OK)
                *err = request.err;
        else
                log_info("namespace formatted");
        return request.status;
}

static void end_threads(struct commit *c)
{
        os_mutex_lock(&c->lock);
        c->stopping = true;
        atomic_store(&c->cancel, true);
        os_cond_broadcast(&c->work);
        os_cond_broadcast(&c->copy_work);
        os_mutex_unlock(&c->lock);
        if (c->copy_thread != NULL)
                os_thread_join(c->copy_thread);
        if (c->thread != NULL)
                os_thread_join(c->thread);
}

enum bdfs_status commit_start(struct commit **ret, const struct commit_config *config,
                              const Bdfs__FormatOp *format, struct bdfs_err *err)
{
        struct commit *c = commit_new(config);
        enum bdfs_status rc;

        if (c == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "start the committer: out of memory");
        rc = commit_open(c, err);
        if (rc == BDFS_OK && c->index == 0)
                rc = format_new(c, format, err);
        if (rc == BDFS_OK) {
                atomic_store(&c->published, c->index);
                commit_copy_plan(c);
                rc = os_thread_start(&c->thread, "committer", run, c, err);
        }
        if (rc == BDFS_OK)
                rc = os_thread_start(&c->copy_thread, "checkpoint", commit_copy_run, c, err);
        if (rc == BDFS_OK) {
                *ret = c;
                return BDFS_OK;
        }
        end_threads(c);
        commit_free(c);
        return rc;
}

void commit_stop(struct commit *c)
{
        if (c == NULL)
                return;
        end_threads(c);
        commit_free(c);
}
