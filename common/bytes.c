#include "common/bytes.h"

#include <stdlib.h>
#include <string.h>

static uint64_t rd_le(struct rd *r, size_t n)
{
        const uint8_t *p = rd_bytes(r, n);
        uint64_t v = 0;

        for (size_t i = n; p != NULL && i > 0; i--)
                v = v << 8 | p[i - 1];
        return v;
}

uint32_t rd_u32le(struct rd *r) { return (uint32_t)rd_le(r, 4); }
uint64_t rd_u64le(struct rd *r) { return rd_le(r, 8); }

uint64_t rd_varint(struct rd *r)
{
        const uint8_t *p = r->at;
        uint64_t v = 0;

        for (unsigned shift = 0; shift < 70 && !r->bad && p < r->end; shift += 7, p++) {
                if (shift < 64)
                        v |= (uint64_t)(*p & 0x7f) << shift;
                if ((*p & 0x80) == 0) {
                        r->at = p + 1;
                        return v;
                }
        }
        r->bad = true;
        return 0;
}

void buf_init(struct buf *b, size_t limit)
{
        *b = (struct buf){.limit = limit};
}

void buf_fini(struct buf *b)
{
        free(b->data);
        *b = (struct buf){.limit = b->limit};
}

void buf_reset(struct buf *b)
{
        b->n = 0;
        b->bad = false;
}

static bool buf_make_room(struct buf *b, size_t n)
{
        size_t want, room;
        uint8_t *p;

        if (b->bad || n > SIZE_MAX / 2 - b->n)
                return false;
        want = b->n + n;
        if (b->limit != 0 && want > b->limit)
                return false;
        if (want <= b->room)
                return true;
        room = b->room < 64 ? 64 : b->room;
        while (room < want)
                room *= 2;
        p = realloc(b->data, room);
        if (p == NULL)
                return false;
        b->data = p;
        b->room = room;
        return true;
}

bool buf_reserve(struct buf *b, size_t n)
{
        if (!buf_make_room(b, n))
                b->bad = true;
        return !b->bad;
}

uint8_t *buf_grow(struct buf *b, size_t n)
{
        uint8_t *p;

        if (!buf_reserve(b, n))
                return NULL;
        p = n == 0 ? b->data : b->data + b->n; /* an empty buf has no memory to point into */
        b->n += n;
        return p;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
        uint8_t *p;

        if (n == 0)
                return;
        p = buf_grow(b, n);
        if (p != NULL)
                memcpy(p, bytes, n);
}

static void buf_be(struct buf *b, uint64_t v, size_t n)
{
        uint8_t *p = buf_grow(b, n);

        for (size_t i = n; p != NULL && i > 0; i--, v >>= 8)
                p[i - 1] = (uint8_t)v;
}

static void buf_le(struct buf *b, uint64_t v, size_t n)
{
        uint8_t *p = buf_grow(b, n);

        for (size_t i = 0; p != NULL && i < n; i++, v >>= 8)
                p[i] = (uint8_t)v;
}

void buf_u8(struct buf *b, uint8_t v) { buf_be(b, v, 1); }
void buf_u16be(struct buf *b, uint16_t v) { buf_be(b, v, 2); }
void buf_u32be(struct buf *b, uint32_t v) { buf_be(b, v, 4); }
void buf_u64be(struct buf *b, uint64_t v) { buf_be(b, v, 8); }
void buf_u32le(struct buf *b, uint32_t v) { buf_le(b, v, 4); }
void buf_u64le(struct buf *b, uint64_t v) { buf_le(b, v, 8); }

void buf_varint(struct buf *b, uint64_t v)
{
        for (; v >= 0x80; v >>= 7)
                buf_u8(b, (uint8_t)(v | 0x80));
        buf_u8(b, (uint8_t)v);
}

size_t varint_size(uint64_t v)
{
        size_t n = 1;

        for (; v >= 0x80; v >>= 7)
                n++;
        return n;
}
