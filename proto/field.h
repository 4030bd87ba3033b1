/*
 * field.h - the fields of a protobuf message one by one, for messages that are read by hand.
 *
 *      while (field_next(&r, &f))
 *              switch (f.number) ...
 *      return rd_done(&r) && ...;
 *
 * Groups, field number 0 and numbers above FIELD_NUMBER_MAX are bad. A field of an unknown number
 * is skipped by not looking at it.
 *
 * Owner: spans borrow from the bytes.
 */
#pragma once

#include "common/bytes.h"

#define FIELD_NUMBER_MAX ((1u << 29) - 1)

enum field_wire {
        FIELD_VARINT = 0,
        FIELD_FIXED64 = 1,
        FIELD_BYTES = 2,
        FIELD_FIXED32 = 5,
};

struct field {
        uint32_t number;
        enum field_wire wire;
        uint64_t value;       /* FIELD_VARINT, FIELD_FIXED64, FIELD_FIXED32 */
        const uint8_t *bytes; /* FIELD_BYTES */
        size_t n;
};

static inline uint64_t field_varint(struct rd *r)
{
        if (!r->bad && r->at < r->end && *r->at < 0x80)
                return *r->at++;
        return rd_varint(r);
}

/* A length and that many bytes; an empty reader (and @r bad) when there are fewer. */
static inline struct rd field_delimited(struct rd *r)
{
        uint64_t n = field_varint(r);
        const uint8_t *bytes = rd_bytes(r, (size_t)n);

        return rd_of(bytes, bytes == NULL ? 0 : (size_t)n);
}

static inline bool field_next(struct rd *r, struct field *ret)
{
        struct rd inner;
        uint64_t tag;

        if (r->bad || r->at == r->end)
                return false;
        tag = field_varint(r);
        if (tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
                r->bad = true;
        *ret = (struct field){.number = (uint32_t)(tag >> 3), .wire = (enum field_wire)(tag & 7)};
        switch (tag & 7) {
        case FIELD_VARINT:
                ret->value = field_varint(r);
                break;
        case FIELD_FIXED64:
                ret->value = rd_u64le(r);
                break;
        case FIELD_BYTES:
                inner = field_delimited(r);
                ret->bytes = inner.at;
                ret->n = rd_left(&inner);
                break;
        case FIELD_FIXED32:
                ret->value = rd_u32le(r);
                break;
        default:
                r->bad = true;
        }
        return !r->bad;
}

/* Zigzag: sint32 and sint64 on the wire. */
static inline uint64_t field_zigzag(int64_t v)
{
        return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

static inline int64_t field_unzigzag(uint64_t v)
{
        return (int64_t)(v >> 1 ^ ((v & 1) != 0 ? UINT64_MAX : 0));
}

/* Write a varint at @p; returns the byte behind it (at most 10 later). */
static inline uint8_t *field_put_varint(uint8_t *p, uint64_t v)
{
        for (; v >= 0x80; v >>= 7)
                *p++ = (uint8_t)(v | 0x80);
        *p++ = (uint8_t)v;
        return p;
}
