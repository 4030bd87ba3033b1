/*
 * bytes.h - cursors over bytes that come from or go to the wire or the disk.
 *
 * struct rd reads; a short read sets `bad` (sticky) and yields zeros, so there is no `if` per
 * field. A decoder ends with rd_done(): not bad, nothing left over.
 * struct buf is a growing byte array; a failed allocation or passing `limit` sets `bad` (sticky).
 *
 * Owner:   rd borrows; buf owns its memory, buf_fini() frees it (and leaves an empty buf).
 * Threads: none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void put_u32be(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t)(v >> 24);
        p[1] = (uint8_t)(v >> 16);
        p[2] = (uint8_t)(v >> 8);
        p[3] = (uint8_t)v;
}

static inline uint32_t get_u32be(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void put_u64be(uint8_t *p, uint64_t v)
{
        put_u32be(p, (uint32_t)(v >> 32));
        put_u32be(p + 4, (uint32_t)v);
}

static inline uint64_t get_u64be(const uint8_t *p)
{
        return (uint64_t)get_u32be(p) << 32 | get_u32be(p + 4);
}

struct rd {
        const uint8_t *at, *end;
        bool bad;
};

static inline struct rd rd_of(const void *bytes, size_t n)
{
        const uint8_t *p = bytes;

        return (struct rd){.at = p, .end = n == 0 ? p : p + n, .bad = false};
}

static inline size_t rd_left(const struct rd *r)
{
        return r->at == NULL ? 0 : (size_t)(r->end - r->at);
}

/* @n bytes, borrowed from the source; NULL (and bad) when there are fewer. */
static inline const uint8_t *rd_bytes(struct rd *r, size_t n)
{
        const uint8_t *p = r->at;

        if (r->bad || rd_left(r) < n) {
                r->bad = true;
                return NULL;
        }
        if (n > 0)
                r->at += n;
        return p;
}

static inline uint8_t rd_u8(struct rd *r)
{
        const uint8_t *p = rd_bytes(r, 1);

        return p == NULL ? 0 : *p;
}

static inline uint16_t rd_u16be(struct rd *r)
{
        const uint8_t *p = rd_bytes(r, 2);

        return (uint16_t)(p == NULL ? 0 : p[0] << 8 | p[1]);
}

static inline uint32_t rd_u32be(struct rd *r)
{
        const uint8_t *p = rd_bytes(r, 4);

        return p == NULL ? 0 : get_u32be(p);
}

static inline uint64_t rd_u64be(struct rd *r)
{
        const uint8_t *p = rd_bytes(r, 8);

        return p == NULL ? 0 : get_u64be(p);
}

uint32_t rd_u32le(struct rd *r);
uint64_t rd_u64le(struct rd *r);
/* Protobuf base-128 varint, at most 10 bytes; longer is bad. */
uint64_t rd_varint(struct rd *r);

static inline bool rd_done(const struct rd *r)
{
        return !r->bad && rd_left(r) == 0;
}

struct buf {
        uint8_t *data;
        size_t n;     /* bytes used */
        size_t room;  /* bytes allocated */
        size_t limit; /* 0: none but memory */
        bool bad;
};

void buf_init(struct buf *b, size_t limit);
void buf_fini(struct buf *b);
void buf_reset(struct buf *b); /* empty and good again, memory kept */
bool buf_reserve(struct buf *b, size_t n); /* make room for @n more; false (and bad) on failure */
/* Make room for @n more and return where they go; NULL (and bad) on failure. n is advanced. */
uint8_t *buf_grow(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_u8(struct buf *b, uint8_t v);
void buf_u16be(struct buf *b, uint16_t v);
void buf_u32be(struct buf *b, uint32_t v);
void buf_u64be(struct buf *b, uint64_t v);
void buf_u32le(struct buf *b, uint32_t v);
void buf_u64le(struct buf *b, uint64_t v);
void buf_varint(struct buf *b, uint64_t v);
size_t varint_size(uint64_t v); /* 1..10 */
