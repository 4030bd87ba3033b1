/*
 * frame.h - a frame with its length in front, written into a growing buffer (shared by the IPC
 * encoders).
 */
#pragma once

#include "proto/field.h"
#include "proto/ipc.h"

/* Leave room for the length; returns where the frame starts. */
static inline size_t frame_begin(struct buf *b)
{
        size_t start = b->n;

        (void)buf_grow(b, IPC_LENGTH_BYTES); /* a failure stays in b->bad */
        return start;
}

static inline void frame_end(struct buf *b, size_t start)
{
        size_t n;

        if (b->bad)
                return;
        n = b->n - start - IPC_LENGTH_BYTES;
        if (n > IPC_FRAME_BYTES_MAX)
                b->bad = true;
        else
                put_u32be(b->data + start, (uint32_t)n);
}

/* A string field of a number below 16. */
static inline void frame_text(struct buf *b, unsigned number, const void *text, size_t n)
{
        buf_u8(b, (uint8_t)(number << 3 | FIELD_BYTES));
        buf_varint(b, n);
        buf_add(b, text, n);
}
