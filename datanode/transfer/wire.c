#include "datanode/transfer/wire.h"

#include <stdlib.h>
#include <string.h>

void wire_pool_init(struct wire_pool *p)
{
        memset(p, 0, sizeof(*p));
        os_mutex_init(&p->lock);
}

void wire_pool_fini(struct wire_pool *p)
{
        for (unsigned i = 0; i < p->idle_n; i++)
                free(p->idle[i]);
        os_mutex_fini(&p->lock);
}

uint8_t *wire_pool_take(struct wire_pool *p)
{
        uint8_t *buffer = NULL;

        os_mutex_lock(&p->lock);
        if (p->idle_n > 0)
                buffer = p->idle[--p->idle_n];
        os_mutex_unlock(&p->lock);
        return buffer != NULL ? buffer : malloc(WIRE_BUFFER_BYTES);
}

void wire_pool_give(struct wire_pool *p, uint8_t *buffer)
{
        if (buffer == NULL)
                return;
        os_mutex_lock(&p->lock);
        if (p->idle_n < WIRE_IDLE_BUFFERS) {
                p->idle[p->idle_n++] = buffer;
                buffer = NULL;
        }
        os_mutex_unlock(&p->lock);
        free(buffer);
}

enum bdfs_status wire_init(struct wire *w, struct os_sock *sock, struct wire_pool *pool,
                           struct bdfs_err *err)
{
        *w = (struct wire){.sock = sock,
                           .pool = pool,
                           .buffer = wire_pool_take(pool),
                           .room = WIRE_BUFFER_BYTES};
        if (w->buffer == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "transfer: out of memory");
        return BDFS_OK;
}

void wire_count(struct wire *w, struct shares *shares, struct share *share)
{
        BDFS_ASSERT(w->room == WIRE_BUFFER_BYTES);
        w->shares = shares;
        w->share = share;
}

static void give_buffer(struct wire *w)
{
        if (w->room == WIRE_BUFFER_BYTES) {
                wire_pool_give(w->pool, w->buffer);
                return;
        }
        if (w->shares != NULL)
                shares_give(w->shares, w->share, w->room);
        free(w->buffer);
}

void wire_fini(struct wire *w)
{
        give_buffer(w);
        w->buffer = NULL;
}

static uint8_t *take_larger(struct wire *w, size_t n)
{
        uint8_t *larger;

        if (w->shares != NULL && !shares_take(w->shares, w->share, n))
                return NULL;
        larger = malloc(n);
        if (larger == NULL && w->shares != NULL)
                shares_give(w->shares, w->share, n);
        return larger;
}

static enum bdfs_status make_room(struct wire *w, size_t n, struct bdfs_err *err)
{
        uint8_t *larger;

        if (w->at == w->end)
                w->at = w->end = 0;
        if (w->at + n <= w->room)
                return BDFS_OK;
        if (n <= w->room) {
                memmove(w->buffer, w->buffer + w->at, wire_left(w));
                w->end -= w->at;
                w->at = 0;
                return BDFS_OK;
        }
        larger = take_larger(w, n);
        if (larger == NULL)
                return bdfs_fail(err, BDFS_LIMIT, "no memory for a message of %zu bytes", n);
        memcpy(larger, wire_at(w), wire_left(w));
        w->end -= w->at;
        w->at = 0;
        give_buffer(w);
        w->buffer = larger;
        w->room = n;
        return BDFS_OK;
}

static enum bdfs_status read_more(struct wire *w, int64_t deadline_ms, struct bdfs_err *err)
{
        size_t got = 0;
        enum bdfs_status rc = os_sock_read_some(w->sock, w->buffer + w->end, w->room - w->end, &got,
                                                deadline_ms, err);

        if (rc == BDFS_OK && got == 0)
                return bdfs_fail(err, BDFS_CLOSED, "peer closed the connection");
        w->end += got;
        return rc;
}

enum bdfs_status wire_need(struct wire *w, size_t n, int64_t deadline_ms, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (wire_left(w) >= n)
                return BDFS_OK;
        rc = make_room(w, n, err);
        while (rc == BDFS_OK && wire_left(w) < n)
                rc = read_more(w, deadline_ms, err);
        return rc;
}

enum bdfs_status wire_wait(struct wire *w, int64_t deadline_ms, bool *ret_ended,
                           struct bdfs_err *err)
{
        size_t got = 0;
        enum bdfs_status rc;

        *ret_ended = false;
        if (wire_left(w) > 0)
                return BDFS_OK;
        w->at = w->end = 0;
        rc = os_sock_read_some(w->sock, w->buffer, w->room, &got, deadline_ms, err);
        w->end = got;
        *ret_ended = rc == BDFS_OK && got == 0;
        return rc;
}

enum bdfs_status wire_message(struct wire *w, size_t max, int64_t deadline_ms,
                              struct message_span *ret, struct bdfs_err *err)
{
        for (;;) {
                enum bdfs_status rc = message_delimited(wire_at(w), wire_left(w), max, ret, err);

                if (rc == BDFS_OK && ret->need == 0) {
                        wire_take(w, ret->total);
                        return BDFS_OK;
                }
                if (rc == BDFS_OK)
                        rc = wire_need(w, wire_left(w) + ret->need, deadline_ms, err);
                if (rc != BDFS_OK)
                        return rc;
        }
}
