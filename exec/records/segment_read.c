/* Reading segments: frames to runs. Every length is checked before it is used. */
#include <inttypes.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc.h"
#include "exec/records/segment.h"
#include "exec/records/segment_inside.h"

#define FRAME_MAX ((size_t)SEGMENT_HEAD_BYTES + SEGMENT_FRAME_BYTES)
#define IN_BYTES (2 * FRAME_MAX)
#define VARINT_MAX 10

enum bdfs_status segment_reader_init(struct segment_reader *r, const struct segment_entry *e,
                                     segment_read *read, void *arg, struct bdfs_err *err)
{
        *r = (struct segment_reader){.read = read, .arg = arg, .stored = e->stored, .raw = e->raw,
                                     .want_crc = e->crc};
        r->in = malloc(IN_BYTES);
        r->out_room = 2 * SEGMENT_FRAME_BYTES;
        r->out = malloc(r->out_room);
        if (r->in != NULL && r->out != NULL)
                return BDFS_OK;
        segment_reader_fini(r);
        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory to read a segment");
}

void segment_reader_fini(struct segment_reader *r)
{
        free(r->in);
        free(r->out);
        free(r->key);
        *r = (struct segment_reader){.in = NULL};
}

/* ---- frames ------------------------------------------------------------------------------- */

/* Have @n stored bytes at in_at. */
static enum bdfs_status fill(struct segment_reader *r, size_t n, struct bdfs_err *err)
{
        if (r->in_n - r->in_at >= n)
                return BDFS_OK;
        memmove(r->in, r->in + r->in_at, r->in_n - r->in_at);
        r->in_n -= r->in_at;
        r->in_at = 0;
        while (r->in_n < n) {
                uint64_t left = r->stored - r->at;
                size_t room = IN_BYTES - r->in_n, got = 0;

                if (left == 0)
                        return bdfs_fail(err, BDFS_CORRUPT, "a segment ends inside of a frame");
                if (r->read(r->arg, r->at, r->in + r->in_n, left < room ? (size_t)left : room, &got,
                            err) != BDFS_OK)
                        return err->status;
                BDFS_ASSERT(got > 0 && got <= room && got <= left);
                r->crc = crc32c(r->crc, r->in + r->in_n, got);
                r->at += got;
                r->in_n += got;
        }
        if (r->at == r->stored && r->crc != r->want_crc)
                return bdfs_fail(err, BDFS_CORRUPT, "the checksum of a segment is wrong");
        return BDFS_OK;
}

/* More than a record of ordinary length needs: from what all readers of a merge may take. */
static enum bdfs_status take_budget(struct segment_reader *r, size_t n, struct bdfs_err *err)
{
        if (r->budget == NULL)
                return BDFS_OK;
        if (*r->budget < n)
                return bdfs_fail(err, BDFS_LIMIT, "the long records that meet in one reducer need "
                                 "more than %llu MiB of memory; make records shorter, or have "
                                 "fewer maps", MERGE_BYTES_MAX / MIB);
        *r->budget -= n;
        return BDFS_OK;
}

static enum bdfs_status room_for(struct segment_reader *r, size_t n, struct bdfs_err *err)
{
        size_t room = r->out_room;
        uint8_t *more;

        if (r->out_at > 0) {
                memmove(r->out, r->out + r->out_at, r->out_n - r->out_at);
                r->out_n -= r->out_at;
                r->out_at = 0;
        }
        while (room - r->out_n < n)
                room *= 2;
        if (room == r->out_room)
                return BDFS_OK;
        if (take_budget(r, room - r->out_room, err) != BDFS_OK)
                return err->status;
        more = realloc(r->out, room);
        if (more == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a record of %zu bytes", room);
        r->out = more;
        r->out_room = room;
        return BDFS_OK;
}

/* One more frame's raw bytes at the end of out. */
static enum bdfs_status next_frame(struct segment_reader *r, struct bdfs_err *err)
{
        uint32_t raw_n, stored_n, crc;
        const uint8_t *head;
        bool packed;

        if (fill(r, SEGMENT_HEAD_BYTES, err) != BDFS_OK)
                return err->status;
        head = r->in + r->in_at;
        raw_n = get_u32be(head);
        stored_n = get_u32be(head + 4);
        crc = get_u32be(head + 8);
        packed = (stored_n & SEGMENT_LZ4) != 0;
        stored_n &= ~SEGMENT_LZ4;
        if (raw_n == 0 || raw_n > SEGMENT_FRAME_BYTES || stored_n == 0 || stored_n > raw_n ||
            (!packed && stored_n != raw_n) || raw_n > r->raw - r->raw_at)
                return bdfs_fail(err, BDFS_CORRUPT, "the head of a frame makes no sense");
        if (fill(r, SEGMENT_HEAD_BYTES + (size_t)stored_n, err) != BDFS_OK ||
            room_for(r, raw_n, err) != BDFS_OK)
                return err->status;
        r->in_at += SEGMENT_HEAD_BYTES;
        if (crc32c(0, r->in + r->in_at, stored_n) != crc)
                return bdfs_fail(err, BDFS_CORRUPT, "the checksum of a frame is wrong");
        if (!packed)
                memcpy(r->out + r->out_n, r->in + r->in_at, raw_n);
        else if (LZ4_decompress_safe((const char *)r->in + r->in_at, (char *)r->out + r->out_n,
                                     (int)stored_n, (int)raw_n) != (int)raw_n)
                return bdfs_fail(err, BDFS_CORRUPT, "a frame does not unpack");
        r->in_at += stored_n;
        r->out_n += raw_n;
        r->raw_at += raw_n;
        return BDFS_OK;
}

/* Have @n raw bytes at out_at. */
static enum bdfs_status need(struct segment_reader *r, size_t n, struct bdfs_err *err)
{
        while (r->out_n - r->out_at < n) {
                if (r->raw_at == r->raw)
                        return bdfs_fail(err, BDFS_CORRUPT, "a segment ends inside of a record");
                if (next_frame(r, err) != BDFS_OK)
                        return err->status;
        }
        return BDFS_OK;
}

static enum bdfs_status take_varint(struct segment_reader *r, uint64_t *ret, struct bdfs_err *err)
{
        uint64_t v = 0;

        for (unsigned i = 0; i < VARINT_MAX; i++) {
                uint8_t b;

                if (r->out_at == r->out_n && need(r, 1, err) != BDFS_OK)
                        return err->status;
                b = r->out[r->out_at++];
                if (i == VARINT_MAX - 1 && b > 1)
                        break;
                v |= (uint64_t)(b & 0x7f) << (7 * i);
                if (b < 0x80) {
                        *ret = v;
                        return BDFS_OK;
                }
        }
        return bdfs_fail(err, BDFS_CORRUPT, "a number in a segment is too long");
}

/* ---- groups and runs ---------------------------------------------------------------------- */

static enum bdfs_status take_key(struct segment_reader *r, struct bdfs_err *err)
{
        uint64_t n;

        if (take_varint(r, &n, err) != BDFS_OK)
                return err->status;
        if (n > SEGMENT_RECORD_MAX)
                return bdfs_fail(err, BDFS_CORRUPT, "a key of %" PRIu64 " bytes", n);
        if (need(r, (size_t)n, err) != BDFS_OK)
                return err->status;
        if (n > r->key_room || r->key == NULL) {
                size_t room = (size_t)n + n / 4 + 64;

                if (n > SEGMENT_FRAME_BYTES &&
                    take_budget(r, room - r->key_room, err) != BDFS_OK)
                        return err->status;
                free(r->key);
                r->key_room = 0;
                r->key = malloc(room);
                if (r->key == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a key");
                r->key_room = room;
        }
        memcpy(r->key, r->out + r->out_at, (size_t)n);
        r->key_n = (size_t)n;
        r->out_at += (size_t)n;
        r->group = r->fresh = true;
        return BDFS_OK;
}

enum bdfs_status segment_next_key(struct segment_reader *r, bool *ret_end, struct bdfs_err *err)
{
        struct segment_run skipped;
        bool end = !r->group;

        while (!end) {
                if (segment_next_run(r, &skipped, &end, err) != BDFS_OK)
                        return err->status;
        }
        *ret_end = r->raw_at == r->raw && r->out_at == r->out_n;
        return *ret_end ? BDFS_OK : take_key(r, err);
}

enum bdfs_status segment_next_run(struct segment_reader *r, struct segment_run *ret, bool *ret_end,
                                  struct bdfs_err *err)
{
        uint64_t code, v, count = 1;

        *ret_end = false;
        if (take_varint(r, &code, err) != BDFS_OK)
                return err->status;
        if (code == 0) {
                r->group = false;
                *ret_end = true;
                return r->fresh ? bdfs_fail(err, BDFS_CORRUPT, "a key without records") : BDFS_OK;
        }
        v = (code - 1) / 2;
        if ((code - 1) % 2 == 1 && take_varint(r, &count, err) != BDFS_OK)
                return err->status;
        if (v > SEGMENT_RECORD_MAX || count == 0)
                return bdfs_fail(err, BDFS_CORRUPT, "a run of %" PRIu64 " records of %" PRIu64
                                 " bytes", count, v);
        *ret = (struct segment_run){.key = r->key, .key_n = r->key_n, .tab = v > 0,
                                    .same_key = !r->fresh, .value_n = v > 0 ? (size_t)v - 1 : 0};
        if (need(r, ret->value_n, err) != BDFS_OK)
                return err->status;
        ret->value = r->out + r->out_at;
        r->out_at += ret->value_n;
        ret->count = count;
        r->fresh = false;
        return BDFS_OK;
}
