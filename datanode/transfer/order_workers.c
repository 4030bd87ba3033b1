#include "datanode/transfer/order_workers.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/log.h"
#include "datanode/link/datanode_parts.h"
#include "datanode/link/namenode_link.h"
#include "datanode/link/orders.h"
#include "datanode/transfer/copy.h"

#define TELL_MS 5000

struct order_workers {
        struct datanode *dn;
        struct orders *orders; /* the link's */
        struct os_thread *thread, *copiers[ORDER_WORKERS_COPIES_MAX];
};

/* ---- deletions and the like --------------------------------------------------------------- */

static void order_failed(const char *what, uint64_t block, enum bdfs_status rc,
                   const struct bdfs_err *err)
{
        if (rc != BDFS_OK)
                log_warn("%s failed block=%" PRIu64 " error=%s", what, block, err->text);
}

static void orders_carry_out(struct datanode *dn, const Bdfs__HeartbeatResponse *m)
{
        struct dataset *ds = dn->dataset;
        struct bdfs_err err;

        for (size_t i = 0; i < m->n_deletes; i++) {
                const Bdfs__DeleteCommand *c = m->deletes[i];

                if (c->has_freed && c->freed)
                        dataset_freed(ds, c->block);
                order_failed("deletion", c->block, dataset_delete(ds, c->block, c->stamp, &err),
                             &err);
        }
        for (size_t i = 0; i < m->n_stops; i++) {
                uint64_t block = m->stops[i]->block;

                order_failed("stop", block, dataset_stop(ds, block, &err), &err);
        }
        for (size_t i = 0; i < m->n_seals; i++) {
                const Bdfs__SealCommand *c = m->seals[i];

                order_failed("seal", c->block, dataset_cut(ds, c->block, c->stamp, c->new_stamp,
                                                     c->length, &err), &err);
        }
        for (size_t i = 0; i < m->n_verifies; i++) {
                uint64_t block = m->verifies[i]->block;

                order_failed("verification", block,
                       dataset_verify(ds, block, true, NULL, NULL, &err), &err);
        }
}

/* Tell the namenode at once what came of it. */
static void orders_tell(struct datanode *dn)
{
        struct report_position p;

        report_log_position(dataset_log(dn->dataset), &p);
        if (!namenode_links_report(dn, p.next - 1, os_mono_ms() + TELL_MS))
                log_info("orders done, not reported yet");
}

static void order_workers_run(void *arg)
{
        struct order_workers *w = arg;
        struct order_batch *b;

        while ((b = orders_next(w->orders)) != NULL) {
                const Bdfs__HeartbeatResponse *m = orders_message(b);

                orders_carry_out(w->dn, m);
                if (m->n_deletes + m->n_stops + m->n_seals + m->n_verifies > 0)
                        orders_tell(w->dn);
                orders_drop(w->orders, b);
        }
}

/* ---- copies ------------------------------------------------------------------------------- */

static void order_workers_copy(void *arg)
{
        struct order_workers *w = arg;
        const Bdfs__CopyCommand *c;
        struct order_batch *b;

        while ((c = orders_next_copy(w->orders, &b)) != NULL) {
                int64_t begun = os_mono_ms();
                struct bdfs_err err;
                enum bdfs_status rc = copy_block(w->dn, c, &err);

                order_failed("copy", c->block, rc, &err);
                if (rc == BDFS_OK)
                        log_info("replica copied block=%" PRIu64 " targets=%zu bytes=%" PRIu64
                                 " ms=%" PRId64, c->block, c->n_targets, c->length,
                                 os_mono_ms() - begun);
                orders_drop(w->orders, b);
        }
}

/* ---- start and stop ----------------------------------------------------------------------- */

enum bdfs_status order_workers_start(struct order_workers **ret, struct datanode *dn,
                                     struct orders *orders, struct bdfs_err *err)
{
        struct order_workers *w = calloc(1, sizeof(*w));
        enum bdfs_status rc;

        if (w == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "orders: out of memory");
        w->dn = dn;
        w->orders = orders;
        rc = os_thread_start(&w->thread, "orders", order_workers_run, w, err);
        for (unsigned i = 0; rc == BDFS_OK && i < ORDER_WORKERS_COPIES_MAX; i++)
                rc = os_thread_start(&w->copiers[i], "copy", order_workers_copy, w, err);
        if (rc != BDFS_OK) {
                order_workers_stop(w);
                return rc;
        }
        *ret = w;
        return BDFS_OK;
}

void order_workers_stop(struct order_workers *w)
{
        if (w == NULL)
                return;
        orders_stop(w->orders);
        if (w->thread != NULL)
                os_thread_join(w->thread);
        for (unsigned i = 0; i < ORDER_WORKERS_COPIES_MAX; i++)
                if (w->copiers[i] != NULL)
                        os_thread_join(w->copiers[i]);
        free(w);
}
