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

struct rd {
        const uint8_t *at, *end;
        bool bad;
};

struct rd rd_of(const void *bytes, size_t n);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16be(struct rd *r);
uint32_t rd_u32be(struct rd *r);
uint64_t rd_u64be(struct rd *r);
uint32_t rd_u32le(struct rd *r);
uint64_t rd_u64le(struct rd *r);
/* Protobuf base-128 varint, at most 10 bytes; longer is bad. */
uint64_t rd_varint(struct rd *r);
/* @n bytes, borrowed from the source; NULL (and bad) when there are fewer. */
const uint8_t *rd_bytes(struct rd *r, size_t n);
size_t rd_left(const struct rd *r);
bool rd_done(const struct rd *r);

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
