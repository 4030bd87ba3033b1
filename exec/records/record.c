#include "exec/records/record.h"

#include <string.h>

#include "common/err.h"

/* ---- counting ----------------------------------------------------------------------------- */

static uint64_t record_ends(const uint8_t *data, size_t n)
{
        const uint64_t low = 0x7f7f7f7f7f7f7f7fULL, every = 0x0101010101010101ULL;
        uint64_t count = 0;
        size_t i = 0;

        for (; i + 8 <= n; i += 8) { /* eight bytes at a time: the high bit of each that is LF */
                uint64_t v;

                memcpy(&v, data + i, 8);
                v ^= every * '\n';
                v = ~(((v & low) + low) | v | low);
                count += ((v >> 7) * every) >> 56;
        }
        for (; i < n; i++)
                count += data[i] == '\n';
        return count;
}

void record_count(struct record_count *c, const uint8_t *data, size_t n)
{
        if (n == 0)
                return;
        BDFS_ASSERT(data != NULL);
        c->records += record_ends(data, n);
        c->open = data[n - 1] != '\n';
}

bool record_count_end(struct record_count *c)
{
        bool was = c->open;

        c->records += was;
        c->open = false;
        return was;
}

/* ---- a part of a file --------------------------------------------------------------------- */

void record_window_init(struct record_window *w, uint64_t start, uint64_t end)
{
        BDFS_ASSERT(start <= end);
        *w = (struct record_window){.start = start, .end = end, .at = start, .skipping = start > 0};
}

/* Bytes to drop before the first record of this part. */
static size_t record_window_skip(struct record_window *w, const uint8_t *data, size_t n)
{
        uint64_t left = w->end - w->at;
        size_t limit = n < left ? n : (size_t)left;
        const uint8_t *lf = memchr(data, '\n', limit);

        if (lf == NULL) { /* no record begins in what was seen */
                w->done = limit == left;
                return limit;
        }
        w->skipping = false;
        return (size_t)(lf - data) + 1;
}

/* Past the end: how many bytes go on with the record that began at or before it. */
static size_t record_window_tail(struct record_window *w, const uint8_t *data, size_t n)
{
        const uint8_t *lf = memchr(data, '\n', n);

        w->done = lf != NULL;
        return lf != NULL ? (size_t)(lf - data) + 1 : n;
}

void record_window_take(struct record_window *w, const uint8_t *data, size_t n,
                        struct record_bytes *ret)
{
        size_t drop = 0, body;

        *ret = (struct record_bytes){.data = data};
        if (w->done || n == 0)
                return;
        if (w->skipping)
                drop = record_window_skip(w, data, n);
        w->at += drop;
        if (w->done || w->skipping)
                return;
        data += drop;
        n -= drop;
        body = w->at >= w->end ? 0 : n < w->end - w->at ? n : (size_t)(w->end - w->at);
        if (body < n)
                body += record_window_tail(w, data + body, n - body);
        w->at += body;
        record_count(&w->count, data, body);
        *ret = (struct record_bytes){data, body};
}
