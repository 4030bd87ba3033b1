/* Writing segments: runs to frames. */
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc.h"
#include "exec/records/segment.h"
#include "exec/records/segment_inside.h"

enum bdfs_status segment_writer_init(struct segment_writer *w, segment_write *write, void *arg,
                                     struct bdfs_err *err)
{
        *w = (struct segment_writer){.write = write, .arg = arg};
        w->raw = malloc(SEGMENT_FRAME_BYTES);
        w->stored = malloc(SEGMENT_HEAD_BYTES + SEGMENT_FRAME_BYTES);
        if (w->raw != NULL && w->stored != NULL)
                return BDFS_OK;
        segment_writer_fini(w);
        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a segment");
}

void segment_writer_fini(struct segment_writer *w)
{
        free(w->raw);
        free(w->stored);
        *w = (struct segment_writer){.raw = NULL};
}

void segment_begin(struct segment_writer *w)
{
        w->entry = (struct segment_entry){.offset = w->entry.offset};
        w->raw_n = 0;
        w->group = false;
}

static enum bdfs_status flush(struct segment_writer *w, struct bdfs_err *err)
{
        uint8_t *body = w->stored + SEGMENT_HEAD_BYTES;
        int packed = LZ4_compress_fast((const char *)w->raw, (char *)body, (int)w->raw_n,
                                       (int)(w->raw_n - w->raw_n / 10), 1);
        size_t n = packed > 0 ? (size_t)packed : w->raw_n;

        if (packed <= 0)
                memcpy(body, w->raw, n);
        put_u32be(w->stored, (uint32_t)w->raw_n);
        put_u32be(w->stored + 4, (uint32_t)n | (packed > 0 ? SEGMENT_LZ4 : 0));
        put_u32be(w->stored + 8, crc32c(0, body, n));
        n += SEGMENT_HEAD_BYTES;
        w->entry.stored += n;
        w->entry.raw += w->raw_n;
        w->entry.frames++;
        w->entry.crc = crc32c(w->entry.crc, w->stored, n);
        w->raw_n = 0;
        return w->write(w->arg, w->stored, n, err);
}

static enum bdfs_status put(struct segment_writer *w, const void *bytes, size_t n,
                            struct bdfs_err *err)
{
        const uint8_t *from = bytes;

        while (n > SEGMENT_FRAME_BYTES - w->raw_n) {
                size_t part = SEGMENT_FRAME_BYTES - w->raw_n;

                memcpy(w->raw + w->raw_n, from, part);
                w->raw_n += part;
                from += part;
                n -= part;
                if (flush(w, err) != BDFS_OK)
                        return err->status;
        }
        memcpy(w->raw + w->raw_n, from, n);
        w->raw_n += n;
        return BDFS_OK;
}

static size_t varint(uint8_t *to, uint64_t v)
{
        size_t n = 0;

        for (; v >= 0x80; v >>= 7)
                to[n++] = (uint8_t)(v | 0x80);
        to[n++] = (uint8_t)v;
        return n;
}

enum bdfs_status segment_add(struct segment_writer *w, const struct segment_run *run,
                             struct bdfs_err *err)
{
        uint64_t v = run->tab ? run->value_n + 1 : 0;
        bool many = run->count > 1;
        uint8_t head[32];
        size_t n = 0;

        BDFS_ASSERT(run->count > 0);
        if (!run->same_key) {
                if (w->group)
                        head[n++] = 0;
                n += varint(head + n, run->key_n);
                if (put(w, head, n, err) != BDFS_OK || put(w, run->key, run->key_n, err) != BDFS_OK)
                        return err->status;
                w->group = true;
                n = 0;
        }
        BDFS_ASSERT(w->group);
        n = varint(head, 2 * v + many + 1);
        if (many)
                n += varint(head + n, run->count);
        if (put(w, head, n, err) != BDFS_OK)
                return err->status;
        return run->value_n > 0 ? put(w, run->value, run->value_n, err) : BDFS_OK;
}

enum bdfs_status segment_end(struct segment_writer *w, struct bdfs_err *err)
{
        static const uint8_t end = 0;

        if (w->group && put(w, &end, 1, err) != BDFS_OK)
                return err->status;
        w->group = false;
        return w->raw_n > 0 ? flush(w, err) : BDFS_OK;
}

void segment_entry_encode(const struct segment_entry *e, uint32_t partition,
                          uint8_t to[SEGMENT_INDEX_BYTES])
{
        for (unsigned i = 0; i < 8; i++) {
                to[i] = (uint8_t)(e->offset >> (56 - 8 * i));
                to[8 + i] = (uint8_t)(e->stored >> (56 - 8 * i));
                to[16 + i] = (uint8_t)(e->raw >> (56 - 8 * i));
        }
        put_u32be(to + 24, e->crc);
        put_u32be(to + 28, e->frames);
        put_u32be(to + 32, partition);
        put_u32be(to + 36, crc32c(0, to, 36));
}

enum bdfs_status segment_entry_decode(const uint8_t from[SEGMENT_INDEX_BYTES], uint32_t partition,
                                      struct segment_entry *ret, struct bdfs_err *err)
{
        struct rd r = rd_of(from, SEGMENT_INDEX_BYTES);
        struct segment_entry e;

        e.offset = rd_u64be(&r);
        e.stored = rd_u64be(&r);
        e.raw = rd_u64be(&r);
        e.crc = rd_u32be(&r);
        e.frames = rd_u32be(&r);
        if (rd_u32be(&r) != partition || rd_u32be(&r) != crc32c(0, from, 36))
                return bdfs_fail(err, BDFS_CORRUPT, "the index entry of partition %u is corrupt",
                                 partition);
        if ((e.stored == 0) != (e.raw == 0) || e.raw > (uint64_t)e.frames * SEGMENT_FRAME_BYTES ||
            e.stored > e.raw + (uint64_t)e.frames * SEGMENT_HEAD_BYTES ||
            e.offset > UINT64_MAX - e.stored)
                return bdfs_fail(err, BDFS_CORRUPT, "the index entry of partition %u makes no "
                                 "sense", partition);
        *ret = e;
        return BDFS_OK;
}
