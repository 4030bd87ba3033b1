/*
 * wire.h - buffered reading of a data connection, and the large buffers that transfers share.
 *
 * What was read and not taken lies at wire_at(); nothing is copied out of the buffer, so a batch
 * of packets can be verified, forwarded and written from where it was received.
 *
 * Owner:   a struct wire is its connection's; its buffer comes from a pool and goes back.
 * Threads: a wire belongs to one thread; the pool has a lock.
 * Errors:  CLOSED, TIMEOUT, PROTOCOL, LIMIT (no memory for a packet).
 */
#pragma once

#include "common/os.h"
#include "net/shares.h"
#include "proto/message.h"

#define WIRE_BUFFER_BYTES (768 * 1024) /* a batch of packets; larger packets get a larger buffer */
#define WIRE_IDLE_BUFFERS 8

struct wire_pool {
        struct os_mutex lock;
        uint8_t *idle[WIRE_IDLE_BUFFERS];
        unsigned idle_n;
};
void wire_pool_init(struct wire_pool *p);
void wire_pool_fini(struct wire_pool *p);
uint8_t *wire_pool_take(struct wire_pool *p); /* WIRE_BUFFER_BYTES; NULL: no memory */
void wire_pool_give(struct wire_pool *p, uint8_t *buffer); /* NULL is fine */

struct wire {
        struct os_sock *sock;
        struct wire_pool *pool;
        uint8_t *buffer;
        size_t room, at, end;
        struct shares *shares; /* NULL: what a larger buffer takes is not counted */
        struct share *share;
};
enum bdfs_status wire_init(struct wire *w, struct os_sock *sock, struct wire_pool *pool,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
/* Larger buffers than those of the pool are counted for @share from now on. */
void wire_count(struct wire *w, struct shares *shares, struct share *share);
void wire_fini(struct wire *w);

static inline uint8_t *wire_at(const struct wire *w)
{
        return w->buffer + w->at;
}
static inline size_t wire_left(const struct wire *w)
{
        return w->end - w->at;
}
static inline void wire_take(struct wire *w, size_t n)
{
        w->at += n;
}

/* Have at least @n bytes there. Reads as much as comes in one go. Moves what is there. */
enum bdfs_status wire_need(struct wire *w, size_t n, int64_t deadline_ms, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* True when the peer closed in order and nothing is left; for the end of a connection. */
enum bdfs_status wire_wait(struct wire *w, int64_t deadline_ms, bool *ret_ended,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
/* A delimited message of at most @max bytes, taken; valid until the next read. */
enum bdfs_status wire_message(struct wire *w, size_t max, int64_t deadline_ms,
                              struct message_span *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
