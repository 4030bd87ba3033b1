#include "datanode/link/orders.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/os.h"
#include "proto/message.h"

#define WAIT_MS 1000

struct order_batch {
        struct order_batch *next;
        Bdfs__HeartbeatResponse *message;
        size_t copies_begun;
        unsigned holders; /* guarded by: orders.lock */
};

struct orders {
        struct os_mutex lock;
        struct os_cond changed;
        /* guarded by: lock */
        struct order_batch *first, *last;             /* nothing of them is done */
        struct order_batch *copy_first, *copy_last;   /* copies are left to do */
        size_t waiting;
        bool stop;
};

struct orders *orders_new(void)
{
        struct orders *o = calloc(1, sizeof(*o));

        if (o == NULL)
                return NULL;
        os_mutex_init(&o->lock);
        os_cond_init(&o->changed);
        return o;
}

static void orders_append(struct order_batch **first, struct order_batch **last,
                          struct order_batch *b)
{
        b->next = NULL;
        *(*last != NULL ? &(*last)->next : first) = b;
        *last = b;
}

static struct order_batch *orders_take(struct order_batch **first, struct order_batch **last)
{
        struct order_batch *b = *first;

        if (b != NULL)
                *first = b->next;
        if (*first == NULL)
                *last = NULL;
        return b;
}

void orders_drop(struct orders *o, struct order_batch *b)
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
        struct order_batch *b = NULL;

        os_mutex_lock(&o->lock);
        if (o->waiting < ORDERS_WAITING_MAX && !o->stop)
                b = calloc(1, sizeof(*b));
        if (b != NULL) {
                b->message = m;
                b->holders = 1;
                orders_append(&o->first, &o->last, b);
                o->waiting++;
                os_cond_broadcast(&o->changed);
        }
        os_mutex_unlock(&o->lock);
        if (b == NULL) {
                log_warn("orders dropped, too many wait");
                message_free(m);
        }
}

void orders_stop(struct orders *o)
{
        AUTO_LOCK(&o->lock);

        o->stop = true;
        os_cond_broadcast(&o->changed);
}

void orders_free(struct orders *o)
{
        struct order_batch *b;

        if (o == NULL)
                return;
        while ((b = orders_take(&o->first, &o->last)) != NULL)
                orders_drop(o, b);
        while ((b = orders_take(&o->copy_first, &o->copy_last)) != NULL)
                orders_drop(o, b);
        os_cond_fini(&o->changed);
        os_mutex_fini(&o->lock);
        free(o);
}

struct order_batch *orders_next(struct orders *o)
{
        AUTO_LOCK(&o->lock);
        struct order_batch *b;

        while (o->first == NULL && !o->stop)
                (void)os_cond_wait(&o->changed, &o->lock, os_mono_ms() + WAIT_MS);
        if (o->stop)
                return NULL;
        o->waiting--;
        b = orders_take(&o->first, &o->last);
        if (b->message->n_copies > 0) {
                b->holders++;
                orders_append(&o->copy_first, &o->copy_last, b);
                os_cond_broadcast(&o->changed);
        }
        return b;
}

const Bdfs__HeartbeatResponse *orders_message(const struct order_batch *b)
{
        return b->message;
}

const Bdfs__CopyCommand *orders_next_copy(struct orders *o, struct order_batch **ret_batch)
{
        AUTO_LOCK(&o->lock);
        const Bdfs__CopyCommand *c;
        struct order_batch *b;

        while (o->copy_first == NULL && !o->stop)
                (void)os_cond_wait(&o->changed, &o->lock, os_mono_ms() + WAIT_MS);
        if (o->stop)
                return NULL;
        b = o->copy_first;
        c = b->message->copies[b->copies_begun++];
        if (b->copies_begun == b->message->n_copies)
                (void)orders_take(&o->copy_first, &o->copy_last); /* its hold becomes ours */
        else
                b->holders++;
        *ret_batch = b;
        return c;
}
