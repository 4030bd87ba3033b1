#include "exec/record.h"

#include <string.h>

#include "common/err.h"

/* ---- cutting ------------------------------------------------------------------------------ */

static uint64_t count_ends(const uint8_t *data, size_t n)
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

/* There is a CR at @cr, or the first byte is to be dropped: move what stays together. */
static size_t squeeze(struct record_cutter *c, uint8_t *data, size_t n, size_t from, uint8_t *cr)
{
        size_t to = 0;

        while (cr != NULL) {
                size_t part = (size_t)(cr - (data + from));

                memmove(data + to, data + from, part);
                to += part;
                data[to++] = '\n';
                from += part + 1;
                if (from == n)
                        c->after_cr = true;
                else if (data[from] == '\n')
                        from++;
                cr = memchr(data + from, '\r', n - from);
        }
        memmove(data + to, data + from, n - from);
        return to + n - from;
}

size_t record_cut(struct record_cutter *c, uint8_t *data, size_t n)
{
        size_t from;
        uint8_t *cr;

        if (n == 0)
                return 0;
        from = c->after_cr && data[0] == '\n' ? 1 : 0;
        c->after_cr = false;
        cr = memchr(data + from, '\r', n - from);
        if (from > 0 || cr != NULL)
                n = squeeze(c, data, n, from, cr);
        if (n > 0) {
                c->records += count_ends(data, n);
                c->open = data[n - 1] != '\n';
        }
        return n;
}

bool record_cut_end(struct record_cutter *c)
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

/* Where the first LF or CR is; @n when there is none. */
static size_t find_end(const uint8_t *data, size_t n)
{
        const uint8_t *lf = memchr(data, '\n', n);
        size_t limit = lf == NULL ? n : (size_t)(lf - data);
        const uint8_t *cr = memchr(data, '\r', limit);

        return cr == NULL ? limit : (size_t)(cr - data);
}

/* Bytes to drop before the first record of this part. */
static size_t skip(struct record_window *w, const uint8_t *data, size_t n)
{
        uint64_t left = w->end - w->at;
        size_t limit = n < left ? n : (size_t)left;
        size_t at = find_end(data, limit);

        if (at == limit) { /* no record begins in what was seen */
                w->done = limit == left;
                return limit;
        }
        w->skipping = false;
        w->cut.after_cr = data[at] == '\r';
        return at + 1;
}

/* Past the end: the rest of the record that began at or before it. */
static size_t take_tail(struct record_window *w, uint8_t *data, size_t n)
{
        size_t at;

        if (w->cut.after_cr && data[0] == '\n' && w->at == w->end) { /* CR LF around the end */
                w->at++;
                w->cut.after_cr = false;
                w->done = true;
                return 0;
        }
        at = find_end(data, n);
        w->done = at < n;
        n = w->done ? at + 1 : n;
        w->at += n;
        return record_cut(&w->cut, data, n);
}

void record_window_take(struct record_window *w, uint8_t *data, size_t n,
                        struct record_bytes *ret)
{
        static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
        size_t drop = 0, body, tail;

        *ret = (struct record_bytes){.data = data};
        if (w->done || n == 0)
                return;
        if (w->at == 0 && n >= sizeof(mark) && memcmp(data, mark, sizeof(mark)) == 0)
                drop = sizeof(mark);
        else if (w->skipping)
                drop = skip(w, data, n);
        w->at += drop;
        data += drop;
        n -= drop;
        ret->data = data;
        if (w->done || w->skipping)
                return;
        body = w->at >= w->end ? 0 : n < w->end - w->at ? n : (size_t)(w->end - w->at);
        ret->n = record_cut(&w->cut, data, body);
        w->at += body;
        if (body == n)
                return;
        tail = take_tail(w, data + body, n - body);
        memmove(data + ret->n, data + body, tail);
        ret->n += tail;
}

bool record_window_end(struct record_window *w)
{
        return record_cut_end(&w->cut);
}
