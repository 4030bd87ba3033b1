/*
 * Reports: changes in order, and full reports in pages.
 *
 * A page is true as of some position of the log; changes behind it may have been applied already,
 * so a row that changed while a full report comes in (table RECENT) is not touched by its pages.
 * A page says all about the blocks between the last one of the page before and its own last one:
 * rows that are not in it go.
 */
#include <stdlib.h>
#include <string.h>

#include "namenode/blocks/blocks_internal.h"

#define FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED
#define GONE BDFS__REPLICA_STATE__REPLICA_GONE
#define GONE_AT_ONCE 256

struct report {
        struct blocks *b;
        uint32_t number;
        const Bdfs__ReportRequest *changes;   /* one of both */
        const Bdfs__FullReportRequest *page;
        bool accepted;
        struct node_log log;
        size_t skipped;      /* changes that were applied before */
        bool whole;          /* the last page: everything is known */
        bool compared, equal; /* the digest of the registration was reached */
        bool checking;
        uint64_t check_at;
        struct replica_digest check;
        bool quiet;          /* safe mode: rows only, everything is looked at later */
        int64_t now_ms;
        struct store_txn *ns;
        struct block_case judged;
};

/* ---- one row --------------------------------------------------------------------------------- */

static bool row_is_sane(uint64_t block, uint32_t state)
{
        return block != 0 && state >= 1 && state <= GONE;
}

/* @ret_changed: the row is not what it was. In a page what did not change is not written: the last
 * page confirms it. */
static enum bdfs_status put_row(struct report *r, struct replicas_txn *t,
                                const struct replica *row, bool *ret_changed, struct bdfs_err *err)
{
        struct replica before;
        enum bdfs_status rc = replica_get(t, row->block, r->number, &before, err);
        bool there = rc == BDFS_OK;

        if (rc != BDFS_OK && rc != BDFS_NOT_FOUND)
                return rc;
        *ret_changed = !there || before.state != row->state || before.stamp != row->stamp ||
                       before.length != row->length;
        if (!*ret_changed && (r->page != NULL || before.epoch == row->epoch))
                return BDFS_OK;
        return replica_put(t, row, &r->log, err);
}

static enum bdfs_status look_again(struct report *r, struct replicas_txn *t, uint64_t block,
                                   struct bdfs_err *err)
{
        enum bdfs_status rc;

        if (r->quiet)
                return BDFS_OK;
        rc = blocks_judge(r->b, t, r->ns, block, &r->judged, err);
        return rc != BDFS_OK ? rc : blocks_act(r->b, t, &r->judged, r->now_ms, err);
}

/* ---- changes --------------------------------------------------------------------------------- */

/* A replica that was to be deleted and was spared: its node was asked, behind the order, and has it
 * (blocks_spare()). */
static enum bdfs_status confirm(struct report *r, struct replicas_txn *t, uint64_t block,
                                struct bdfs_err *err)
{
        struct replica row;
        enum bdfs_status rc = replica_get(t, block, r->number, &row, err);

        if (rc == BDFS_NOT_FOUND || (rc == BDFS_OK && (row.doomed || row.told_log == 0)))
                return BDFS_OK;
        return rc != BDFS_OK ? rc : replica_told(t, &row, 0, err);
}

static enum bdfs_status apply_change(struct report *r, struct replicas_txn *t,
                                     const Bdfs__Replica *c, struct bdfs_err *err)
{
        struct replica row = {.block = c->block,
                              .node = r->number,
                              .state = (uint8_t)c->state,
                              .stamp = c->stamp,
                              .length = c->length,
                              .epoch = r->b->epoch};
        enum bdfs_status rc;
        bool changed;

        if (c->state == GONE)
                rc = replica_del(t, c->block, r->number, &r->log, err);
        else
                rc = put_row(r, t, &row, &changed, err);
        if (rc == BDFS_OK && c->state == FINALIZED)
                rc = confirm(r, t, c->block, err);
        if (rc == BDFS_OK && r->log.full)
                rc = replicas_mark(t, REPLICAS_RECENT, r->number, c->block, true, err);
        return rc != BDFS_OK ? rc : look_again(r, t, c->block, err);
}

static void compare_at(struct report *r)
{
        if (!r->checking || r->log.next != r->check_at)
                return;
        r->compared = true;
        r->equal = replica_digest_equal(&r->log.digest, &r->check);
}

static enum bdfs_status apply_changes(struct report *r, struct replicas_txn *t,
                                      struct bdfs_err *err)
{
        const Bdfs__ReportRequest *q = r->changes;
        enum bdfs_status rc = BDFS_OK;

        if (r->log.id != q->log_id || q->first > r->log.next)
                return BDFS_OK;
        r->accepted = true;
        r->skipped = r->log.next - q->first > q->n_changes ? q->n_changes
                                                           : (size_t)(r->log.next - q->first);
        for (size_t i = r->skipped; rc == BDFS_OK && i < q->n_changes; i++) {
                rc = apply_change(r, t, q->changes[i], err);
                r->log.next++;
                compare_at(r);
        }
        return rc;
}

/* ---- pages of a full report ------------------------------------------------------------------ */

static bool in_page(const Bdfs__FullReportRequest *q, uint64_t block)
{
        size_t low = 0, high = q->n_blocks;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (q->blocks[middle] < block)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < q->n_blocks && q->blocks[low] == block;
}

/* A row that the page does not have, of a block up to @last. */
static enum bdfs_status remove_row(struct report *r, struct replicas_txn *t, uint64_t block,
                                   struct bdfs_err *err)
{
        bool recent;
        enum bdfs_status rc =
                replicas_marked(t, REPLICAS_RECENT, r->number, block, &recent, err);

        if (rc != BDFS_OK || recent)
                return rc;
        rc = replica_del(t, block, r->number, &r->log, err);
        return rc != BDFS_OK ? rc : look_again(r, t, block, err);
}

static enum bdfs_status remove_rest(struct report *r, struct replicas_txn *t, uint64_t last,
                                    struct bdfs_err *err)
{
        uint64_t after = r->log.full_after, blocks[GONE_AT_ONCE];
        size_t n;

        do {
                enum bdfs_status rc = replicas_of_node(t, REPLICAS_BY_NODE, r->number, after,
                                                       blocks, GONE_AT_ONCE, &n, err);

                for (size_t i = 0; rc == BDFS_OK && i < n; i++) {
                        after = blocks[i];
                        if (after > last)
                                return BDFS_OK;
                        if (!in_page(r->page, after))
                                rc = remove_row(r, t, after, err);
                }
                if (rc != BDFS_OK)
                        return rc;
        } while (n > 0);
        return BDFS_OK;
}

static enum bdfs_status apply_page_row(struct report *r, struct replicas_txn *t, size_t i,
                                       struct bdfs_err *err)
{
        const Bdfs__FullReportRequest *q = r->page;
        struct replica row = {.block = q->blocks[i],
                              .node = r->number,
                              .state = (uint8_t)q->states[i],
                              .stamp = q->stamps[i],
                              .length = q->lengths[i],
                              .epoch = r->b->epoch};
        bool recent, changed;
        enum bdfs_status rc =
                replicas_marked(t, REPLICAS_RECENT, r->number, row.block, &recent, err);

        if (rc != BDFS_OK || recent)
                return rc;
        return put_row(r, t, &row, &changed, err); /* looked at in the walk behind the last page */
}

/* The picture that a full report is was taken at q->at. It may be older than what was applied, but
 * not older than the marks in RECENT: then the next attempt is taken. */
static enum bdfs_status begin_full(struct report *r, struct replicas_txn *t, struct bdfs_err *err)
{
        const Bdfs__FullReportRequest *q = r->page;
        bool marked = r->log.full && q->at >= r->log.full_from && q->at <= r->log.next;

        r->accepted = marked || q->at >= r->log.next;
        r->log.full = true;
        r->log.full_after = r->accepted ? 0 : NODE_LOG_NO_PAGE;
        if (marked)
                return BDFS_OK;
        if (q->at > r->log.next) /* changes were forgotten: the picture has them */
                r->log.next = q->at;
        r->log.full_from = r->log.next;
        return replicas_clear(t, REPLICAS_RECENT, r->number, err);
}

/* Is this the page that must come now? */
static enum bdfs_status begin_page(struct report *r, struct replicas_txn *t, struct bdfs_err *err)
{
        const Bdfs__FullReportRequest *q = r->page;

        if (r->log.id != q->log_id)
                return BDFS_OK;
        if (q->first_page)
                return begin_full(r, t, err);
        r->accepted = r->log.full && r->log.full_after != NODE_LOG_NO_PAGE &&
                      q->at <= r->log.next;
        return BDFS_OK;
}

static enum bdfs_status apply_page(struct report *r, struct replicas_txn *t, struct bdfs_err *err)
{
        const Bdfs__FullReportRequest *q = r->page;
        uint64_t last = q->n_blocks == 0 ? 0 : q->blocks[q->n_blocks - 1];
        enum bdfs_status rc = begin_page(r, t, err);

        if (rc != BDFS_OK || !r->accepted)
                return rc;
        if (q->last_page)
                last = UINT64_MAX;
        rc = remove_rest(r, t, last, err);
        for (size_t i = 0; rc == BDFS_OK && i < q->n_blocks; i++)
                rc = apply_page_row(r, t, i, err);
        if (rc == BDFS_OK && q->last_page) {
                r->log.full = false;
                r->whole = true;
                rc = replicas_clear(t, REPLICAS_RECENT, r->number, err);
        }
        if (last > r->log.full_after)
                r->log.full_after = last;
        return rc;
}

/* ---- both ------------------------------------------------------------------------------------ */

static enum bdfs_status apply(struct report *r, struct replicas_txn *t, struct bdfs_err *err)
{
        enum bdfs_status rc = node_log_get(t, r->number, &r->log, err);

        if (rc == BDFS_OK)
                rc = r->changes != NULL ? apply_changes(r, t, err) : apply_page(r, t, err);
        if (rc != BDFS_OK || (!r->accepted && r->page == NULL))
                return rc;
        return node_log_put(t, r->number, &r->log, err); /* of a refused first page too: marks */
}

static enum bdfs_status report_work(struct replicas_txn *t, void *arg, struct bdfs_err *err)
{
        struct report *r = arg;
        enum bdfs_status rc = BDFS_OK;

        r->accepted = r->compared = r->whole = false;
        r->skipped = 0;
        os_mutex_lock(&r->b->lock);
        r->quiet = safe_mode_on(&r->b->safe);
        os_mutex_unlock(&r->b->lock);
        r->ns = NULL;
        if (!r->quiet)
                rc = blocks_begin_namespace(r->b, &r->ns, err);
        if (rc == BDFS_OK)
                rc = apply(r, t, err);
        store_abort(r->ns);
        return rc;
}

static void wake_waiters(struct report *r)
{
        const Bdfs__ReportRequest *q = r->changes;
        struct blocks *b = r->b;
        bool hit = b->gaps > 0;

        for (struct blocks_waiter *w = b->waiters; w != NULL; w = w->next) {
                bool mine = r->page != NULL;

                for (size_t i = r->skipped; q != NULL && !mine && i < q->n_changes; i++)
                        mine = q->changes[i]->block == w->block;
                w->hit = w->hit || mine;
                hit = hit || mine;
        }
        if (hit)
                os_cond_broadcast(&b->heard);
}

/* Blocks that were placed on the node, and copies that were asked for, and are there now. */
static void blocks_arrived(struct report *r, struct node *n)
{
        const Bdfs__ReportRequest *q = r->changes;
        struct pending_copy was;

        for (size_t i = r->skipped; q != NULL && i < q->n_changes; i++) {
                if (q->changes[i]->state != FINALIZED)
                        continue;
                node_promise_kept(n);
                if (pending_done(&r->b->pending, q->changes[i]->block, r->number, &was))
                        blocks_release(r->b, &was);
        }
}

static void report_committed(void *arg)
{
        struct report *r = arg;
        struct blocks *b = r->b;
        struct node *n;
        AUTO_LOCK(&b->lock);

        n = nodes_get(&b->nodes, r->number);
        if (n == NULL || n->state != NODE_ALIVE || n->log.id != r->log.id)
                return;
        n->log = r->log;
        if (!r->accepted)
                return;
        n->info.replicas = r->log.replicas;
        if (r->compared) {
                n->checking = false;
                n->counted = r->equal;
        }
        if (r->whole) {
                n->checking = false;
                n->counted = true;
                n->info.last_full_report_wall_ms = os_wall_ms();
                node_walk(n);
        }
        if (r->compared || r->whole) {
                b->count_now = true;
                os_cond_signal(&b->wake);
        }
        blocks_arrived(r, n);
        wake_waiters(r);
}

static enum bdfs_status run(struct report *r, uint64_t epoch, struct bdfs_err *err)
{
        struct blocks *b = r->b;
        struct blocks_env_work work = {
                .work = report_work, .committed = report_committed, .arg = r};
        enum bdfs_status rc = block_case_init(&r->judged, err);
        bool known = false;
        struct node *n;

        if (rc != BDFS_OK)
                return rc;
        os_mutex_lock(&b->lock);
        n = nodes_get(&b->nodes, r->number);
        if (n != NULL && n->state == NODE_ALIVE && epoch == b->epoch) {
                known = true;
                r->checking = n->checking;
                r->check_at = n->check_at;
                r->check = n->check;
        }
        os_mutex_unlock(&b->lock);
        r->now_ms = b->clock_ms();
        if (known)
                rc = blocks_failed(b, blocks_env_write(b->env, &work, err));
        block_case_fini(&r->judged);
        return rc;
}

/* Several threads of a datanode may report at once: let the earlier changes come first. */
static void wait_for_earlier(struct blocks *b, const Bdfs__ReportRequest *q)
{
        int64_t deadline_ms = os_mono_ms() + BLOCKS_GAP_MS;
        const struct node *n;
        AUTO_LOCK(&b->lock);

        b->gaps++;
        while ((n = nodes_get(&b->nodes, q->number)) != NULL && n->state == NODE_ALIVE &&
               n->log.id == q->log_id && n->log.next < q->first &&
               os_cond_wait(&b->heard, &b->lock, deadline_ms))
                ;
        b->gaps--;
}

enum bdfs_status blocks_report(struct blocks *b, const Bdfs__ReportRequest *request,
                               Bdfs__ReportResponse *ret, struct bdfs_err *err)
{
        struct report r = {.b = b, .number = request->number, .changes = request};
        enum bdfs_status rc;

        if (request->n_changes > REPORT_PAGE_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "a report of %zu changes, at most %d",
                                 request->n_changes, REPORT_PAGE_MAX);
        for (size_t i = 0; i < request->n_changes; i++)
                if (!row_is_sane(request->changes[i]->block, request->changes[i]->state))
                        return bdfs_fail(err, BDFS_INVALID, "a report has a change of no block or "
                                         "of no state");
        wait_for_earlier(b, request);
        rc = run(&r, request->epoch, err);
        if (rc != BDFS_OK)
                return rc;
        ret->accepted = r.accepted;
        ret->log_durable = r.accepted ? r.log.next : 0;
        return BDFS_OK;
}

static enum bdfs_status check_page(const Bdfs__FullReportRequest *q, struct bdfs_err *err)
{
        if (q->n_blocks > REPORT_PAGE_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "a page of %zu replicas, at most %d",
                                 q->n_blocks, REPORT_PAGE_MAX);
        if (q->n_stamps != q->n_blocks || q->n_lengths != q->n_blocks ||
            q->n_states != q->n_blocks)
                return bdfs_fail(err, BDFS_INVALID, "a page's columns differ in length");
        for (size_t i = 0; i < q->n_blocks; i++)
                if (!row_is_sane(q->blocks[i], q->states[i]) || q->states[i] == GONE ||
                    (i > 0 && q->blocks[i] <= q->blocks[i - 1]))
                        return bdfs_fail(err, BDFS_INVALID, "a page's rows are out of order, or "
                                         "one makes no sense");
        return BDFS_OK;
}

enum bdfs_status blocks_full_report(struct blocks *b, const Bdfs__FullReportRequest *request,
                                    Bdfs__FullReportResponse *ret, struct bdfs_err *err)
{
        struct report r = {.b = b, .number = request->number, .page = request};
        enum bdfs_status rc = check_page(request, err);

        if (rc == BDFS_OK)
                rc = run(&r, request->epoch, err);
        if (rc == BDFS_OK)
                ret->accepted = r.accepted;
        return rc;
}
