#include "datanode/link/orders.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/log.h"
#include "datanode/transfer/copy.h"
#include "datanode/datanode_inside.h"
#include "datanode/link/namenode_link.h"
#include "proto/message.h"

#define WAIT_MS 1000
#define TELL_MS 5000

/* One message, shared by those who still have something of it to do. */
struct batch {
        struct batch *next;
        Bdfs__HeartbeatResponse *message;
        size_t copies_begun;
        unsigned holders; /* guarded by: orders.lock */
};

struct orders {
        struct datanode *dn;
        struct os_thread *thread, *copiers[ORDERS_COPIES_MAX];
        struct os_mutex lock;
        struct os_cond changed;
        /* guarded by: lock */
        struct batch *first, *last;             /* nothing of them is done */
        struct batch *copy_first, *copy_last;   /* copies are left to do */
        size_t waiting;
        bool stop;
};

/* ---- the queues --------------------------------------------------------------------------- */

static void append(struct batch **first, struct batch **last, struct batch *b)
{
        b->next = NULL;
        *(*last != NULL ? &(*last)->next : first) = b;
        *last = b;
}

static struct batch *take_first(struct batch **first, struct batch **last)
{
        struct batch *b = *first;

        if (b != NULL)
                *first = b->next;
        if (*first == NULL)
                *last = NULL;
        return b;
}

static void drop(struct orders *o, struct batch *b)
{
        bool free_it;

        os_mutex_lock(&o->lock);
        free_it = --b->holders == 0;
        os_mutex_unlock(&o->lock);
        if (!free_it)
                return;
        message_free(b->message);
        free(b);
}

void orders_add(struct orders *o, Bdfs__HeartbeatResponse *m)
{
        struct batch *b = NULL;

        os_mutex_lock(&o->lock);
        if (o->waiting < ORDERS_WAITING_MAX && !o->stop)
                b = calloc(1, sizeof(*b));
        if (b != NULL) {
                b->message = m;
                b->holders = 1;
                append(&o->first, &o->last, b);
                o->waiting++;
                os_cond_broadcast(&o->changed);
        }
        os_mutex_unlock(&o->lock);
        if (b == NULL) {
                log_warn("orders dropped, too many wait");
                message_free(m);
        }
}

/* ---- deletions and the like --------------------------------------------------------------- */

static void failed(const char *what, uint64_t block, enum bdfs_status rc,
                   const struct bdfs_err *err)
{
        if (rc != BDFS_OK)
                log_warn("%s failed block=%" PRIu64 " error=%s", what, block, err->text);
}

static void carry_out(struct orders *o, const Bdfs__HeartbeatResponse *m)
{
        struct dataset *ds = o->dn->dataset;
        struct bdfs_err err;

        for (size_t i = 0; i < m->n_deletes; i++) {
                const Bdfs__DeleteCommand *c = m->deletes[i];

                if (c->has_freed && c->freed)
                        dataset_freed(ds, c->block);
                failed("deletion", c->block, dataset_delete(ds, c->block, c->stamp, &err), &err);
        }
        for (size_t i = 0; i < m->n_stops; i++) {
                uint64_t block = m->stops[i]->block;

                failed("stop", block, dataset_stop(ds, block, &err), &err);
        }
        for (size_t i = 0; i < m->n_seals; i++) {
                const Bdfs__SealCommand *c = m->seals[i];

                failed("seal", c->block, dataset_cut(ds, c->block, c->stamp, c->new_stamp,
                                                     c->length, &err), &err);
        }
        for (size_t i = 0; i < m->n_verifies; i++) {
                uint64_t block = m->verifies[i]->block;

                failed("verification", block,
                       dataset_verify(ds, block, true, NULL, NULL, &err), &err);
        }
}

/* Tell the namenode at once what came of it. */
static void tell(struct orders *o)
{
        struct report_position p;

        report_log_position(dataset_log(o->dn->dataset), &p);
        if (!namenode_links_report(o->dn, p.next - 1, os_mono_ms() + TELL_MS))
                log_info("orders done, not reported yet");
}

static struct batch *next_batch(struct orders *o)
{
        AUTO_LOCK(&o->lock);

        while (o->first == NULL && !o->stop)
                (void)os_cond_wait(&o->changed, &o->lock, os_mono_ms() + WAIT_MS);
        if (o->stop)
                return NULL;
        o->waiting--;
        return take_first(&o->first, &o->last);
}

static void run(void *arg)
{
        struct orders *o = arg;
        struct batch *b;

        while ((b = next_batch(o)) != NULL) {
                if (b->message->n_copies > 0) {
                        os_mutex_lock(&o->lock);
                        b->holders++;
                        append(&o->copy_first, &o->copy_last, b);
                        os_cond_broadcast(&o->changed);
                        os_mutex_unlock(&o->lock);
                }
                carry_out(o, b->message);
                if (b->message->n_deletes + b->message->n_stops + b->message->n_seals +
                            b->message->n_verifies > 0)
                        tell(o);
                drop(o, b);
        }
}

/* ---- copies ------------------------------------------------------------------------------- */

/* The next copy, with a hold on its batch. */
static const Bdfs__CopyCommand *next_copy(struct orders *o, struct batch **ret)
{
        AUTO_LOCK(&o->lock);
        const Bdfs__CopyCommand *c;
        struct batch *b;

        while (o->copy_first == NULL && !o->stop)
                (void)os_cond_wait(&o->changed, &o->lock, os_mono_ms() + WAIT_MS);
        if (o->stop)
                return NULL;
        b = o->copy_first;
        c = b->message->copies[b->copies_begun++];
        if (b->copies_begun == b->message->n_copies)
                (void)take_first(&o->copy_first, &o->copy_last); /* its hold becomes ours */
        else
                b->holders++;
        *ret = b;
        return c;
}

static void run_copies(void *arg)
{
        struct orders *o = arg;
        const Bdfs__CopyCommand *c;
        struct batch *b;

        while ((c = next_copy(o, &b)) != NULL) {
                int64_t begun = os_mono_ms();
                struct bdfs_err err;
                enum bdfs_status rc = copy_block(o->dn, c, &err);

                failed("copy", c->block, rc, &err);
                if (rc == BDFS_OK)
                        log_info("replica copied block=%" PRIu64 " targets=%zu bytes=%" PRIu64
                                 " ms=%" PRId64, c->block, c->n_targets, c->length,
                                 os_mono_ms() - begun);
                drop(o, b);
        }
}

/* ---- start and stop ----------------------------------------------------------------------- */

enum bdfs_status orders_start(struct orders **ret, struct datanode *dn, struct bdfs_err *err)
{
        struct orders *o = calloc(1, sizeof(*o));
        enum bdfs_status rc;

        if (o == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "orders: out of memory");
        o->dn = dn;
        os_mutex_init(&o->lock);
        os_cond_init(&o->changed);
        rc = os_thread_start(&o->thread, "orders", run, o, err);
        for (unsigned i = 0; rc == BDFS_OK && i < ORDERS_COPIES_MAX; i++)
                rc = os_thread_start(&o->copiers[i], "copy", run_copies, o, err);
        if (rc != BDFS_OK) {
                orders_stop(o);
                return rc;
        }
        *ret = o;
        return BDFS_OK;
}

void orders_stop(struct orders *o)
{
        struct batch *b;

        if (o == NULL)
                return;
        os_mutex_lock(&o->lock);
        o->stop = true;
        os_cond_broadcast(&o->changed);
        os_mutex_unlock(&o->lock);
        if (o->thread != NULL)
                os_thread_join(o->thread);
        for (unsigned i = 0; i < ORDERS_COPIES_MAX; i++)
                if (o->copiers[i] != NULL)
                        os_thread_join(o->copiers[i]);
        while ((b = take_first(&o->first, &o->last)) != NULL)
                drop(o, b);
        while ((b = take_first(&o->copy_first, &o->copy_last)) != NULL)
                drop(o, b);
        os_cond_fini(&o->changed);
        os_mutex_fini(&o->lock);
        free(o);
}
