/*
 * Segments: what another agent sends, or a disk has kept, is refused, or comes out as runs that
 * encode to the same runs. The first byte chooses: an entry of an index, raw bytes that are put
 * into frames here, or frames, whose checksums are made right: else nothing passes them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/crc.h"
#include "exec/records/segment.h"
#include "exec/records/segment_inside.h"

#define RECORD_BYTES_LOOKED_AT 65536 /* of one key or value */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
        const uint8_t *bytes;
        size_t n, step; /* bytes at once, at most */
        bool fails;     /* behind its middle */
        bool skips;     /* only the first run of each key is read */
};

enum { /* second bytes with which something else than the segment's contents is wrong */
        WRONG_SUM = 9,
        WRONG_FRAMES,
        WRONG_SOURCE,
};

static enum bdfs_status give(void *arg, uint64_t offset, uint8_t *to, size_t n, size_t *ret,
                             struct bdfs_err *err)
{
        const struct source *s = arg;
        size_t left;

        if (offset >= s->n)
                abort(); /* it knows how much there is */
        if (s->fails && offset >= s->n / 2)
                return bdfs_fail(err, BDFS_IO, "no more");
        left = s->n - (size_t)offset;
        if (n > left)
                n = left;
        *ret = n < s->step ? n : s->step;
        memcpy(to, s->bytes + offset, *ret);
        return BDFS_OK;
}

static enum bdfs_status keep(void *arg, const void *bytes, size_t n, struct bdfs_err *err)
{
        (void)err;
        buf_add(arg, bytes, n);
        return BDFS_OK;
}

static uint32_t sum_run(uint32_t sum, const struct segment_run *r)
{
        uint64_t head[5] = {r->key_n, r->value_n, r->count, r->tab, r->same_key};

        sum = crc32c(sum, head, sizeof(head));
        sum = crc32c(sum, r->key, r->key_n < RECORD_BYTES_LOOKED_AT ? r->key_n
                                                                    : RECORD_BYTES_LOOKED_AT);
        if (r->value_n > 0)
                sum = crc32c(sum, r->value, r->value_n < RECORD_BYTES_LOOKED_AT
                                                    ? r->value_n
                                                    : RECORD_BYTES_LOOKED_AT);
        return sum;
}

/* All runs, to @w too unless NULL; false when the segment is refused. */
static bool read_all(const struct segment_entry *e, struct source *s, struct segment_writer *w,
                     uint32_t *ret_sum)
{
        struct segment_reader r;
        struct bdfs_err err;
        bool end, none;
        enum bdfs_status rc = segment_reader_init(&r, e, give, s, &err);

        if (rc != BDFS_OK)
                return false;
        *ret_sum = 0;
        while ((rc = segment_next_key(&r, &none, &err)) == BDFS_OK && !none) {
                struct segment_run run;

                while ((rc = segment_next_run(&r, &run, &end, &err)) == BDFS_OK && !end) {
                        *ret_sum = sum_run(*ret_sum, &run);
                        if (s->skips)
                                break;
                        if (w != NULL && segment_add(w, &run, &err) != BDFS_OK)
                                abort();
                }
                if (rc != BDFS_OK)
                        break;
        }
        segment_reader_fini(&r);
        if (rc != BDFS_OK && rc != BDFS_CORRUPT && rc != BDFS_NO_MEMORY && !s->fails)
                abort();
        return rc == BDFS_OK && !s->skips;
}

static void try_segment(const struct segment_entry *e, struct source *s)
{
        struct segment_writer w;
        struct bdfs_err err;
        struct source again = {.step = 70000};
        uint32_t sum, sum_again;
        struct buf out;

        buf_init(&out, 0);
        if (segment_writer_init(&w, keep, &out, &err) != BDFS_OK)
                abort();
        segment_begin(&w);
        if (read_all(e, s, &w, &sum)) {
                if (segment_end(&w, &err) != BDFS_OK || w.entry.stored != out.n)
                        abort();
                again.bytes = out.data;
                again.n = out.n;
                if (!read_all(&w.entry, &again, NULL, &sum_again) || sum != sum_again)
                        abort();
        }
        segment_writer_fini(&w);
        buf_fini(&out);
}

static void try_raw(const uint8_t *data, size_t size, size_t step)
{
        struct segment_entry e = {.raw = size};
        struct source s = {.step = 1 + step * 7, .skips = step % 16 == 15};
        struct buf out;

        buf_init(&out, 0);
        for (size_t at = 0; at < size;) {
                size_t n = size - at < 1 + step * 31 ? size - at : 1 + step * 31;
                uint8_t head[SEGMENT_HEAD_BYTES];

                put_u32be(head, (uint32_t)n);
                put_u32be(head + 4, (uint32_t)n);
                put_u32be(head + 8, crc32c(0, data + at, n));
                buf_add(&out, head, sizeof(head));
                buf_add(&out, data + at, n);
                at += n;
                e.frames++;
        }
        e.stored = s.n = out.n;
        s.bytes = out.data;
        e.crc = crc32c(0, out.data, out.n);
        try_segment(&e, &s);
        buf_fini(&out);
}

static void fix_frames(uint8_t *bytes, size_t n, uint64_t *ret_raw)
{
        *ret_raw = 0;
        for (size_t at = 0; n - at >= SEGMENT_HEAD_BYTES;) {
                uint32_t stored = get_u32be(bytes + at + 4) & ~SEGMENT_LZ4;

                *ret_raw += get_u32be(bytes + at);
                at += SEGMENT_HEAD_BYTES;
                if (stored > n - at)
                        break;
                put_u32be(bytes + at - 4, crc32c(0, bytes + at, stored));
                at += stored;
        }
}

static void try_frames(const uint8_t *data, size_t size, size_t step)
{
        uint8_t *bytes = malloc(size + 1);
        struct segment_entry e = {.stored = size};
        bool fails = step == WRONG_SOURCE;
        struct source s = {.bytes = bytes, .n = size, .step = fails ? 5 : 1 + step * 7,
                           .fails = fails, .skips = step % 16 == 15};

        if (bytes == NULL)
                abort();
        memcpy(bytes, data, size);
        fix_frames(bytes, size, &e.raw);
        if (step == WRONG_FRAMES && size > SEGMENT_HEAD_BYTES)
                bytes[SEGMENT_HEAD_BYTES] ^= 1;
        e.crc = crc32c(0, bytes, size);
        if (step == WRONG_SUM)
                e.crc ^= 1;
        try_segment(&e, &s);
        free(bytes);
}

static void try_entry(const uint8_t *data, size_t size)
{
        uint8_t bytes[SEGMENT_INDEX_BYTES] = {0}, again[SEGMENT_INDEX_BYTES];
        struct segment_entry e;
        struct bdfs_err err;

        memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
        if (size % 2 == 0) {
                put_u32be(bytes + 32, 3);
                put_u32be(bytes + 36, crc32c(0, bytes, 36));
        }
        if (segment_entry_decode(bytes, 3, &e, &err) != BDFS_OK)
                return;
        segment_entry_encode(&e, 3, again);
        if (memcmp(bytes, again, sizeof(bytes)) != 0)
                abort();
        if (segment_entry_decode(bytes, 4, &e, &err) == BDFS_OK)
                abort(); /* another partition's */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 2)
                return 0;
        switch (data[0] % 3) {
        case 0: try_raw(data + 2, size - 2, data[1]); break;
        case 1: try_frames(data + 2, size - 2, data[1]); break;
        default: try_entry(data + 1, size - 1); break;
        }
        return 0;
}
