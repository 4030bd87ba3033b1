/*
 * segment.h - sorted records of one partition as bytes: what map tasks keep and reducers fetch.
 *
 * A segment is a stream of groups, one for each key, in ascending order of keys (unsigned bytes):
 *
 *      varint key length, key, runs, varint 0
 *      run: varint code = 2 * v + r + 1, [varint count when r = 1], value
 *
 * v = 0: records without a TAB; v > 0: a value of v - 1 bytes after a TAB. A run is count equal
 * records that follow each other. The stream is cut into frames of at most 64 KiB, whatever the
 * groups: u32 raw length, u32 stored length (high bit: LZ4), u32 CRC-32C of the stored bytes, all
 * big endian, then the stored bytes. A frame is kept as it is when LZ4 saves less than a tenth.
 *
 * A map task's output is one file of segments, and an index of one entry per partition:
 * SEGMENT_INDEX_BYTES each, with a checksum of its own.
 *
 * Owner:   readers and writers own their buffers; a run borrows from its reader until the next.
 * Threads: none.
 * Errors:  CORRUPT for bytes that make no sense, with what is wrong; LIMIT when the budget of
 *          readers is used up; what source and sink say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/err.h"
#include "common/limits.h"

enum {
        SEGMENT_FRAME_BYTES = 65536,
        SEGMENT_HEAD_BYTES = 12,
        SEGMENT_INDEX_BYTES = 40,
};
#define SEGMENT_RECORD_MAX RECORD_BYTES_MAX /* key and value of one record */

struct segment_run {
        const uint8_t *key, *value;
        size_t key_n, value_n;
        bool tab;       /* there is a TAB, and a value, after the key */
        bool same_key;  /* as the run before */
        uint64_t count; /* of records */
};

struct segment_entry {
        uint64_t offset; /* in the file */
        uint64_t stored; /* bytes there; 0: no records */
        uint64_t raw;
        uint32_t crc;    /* CRC-32C of the stored bytes */
        uint32_t frames;
};
void segment_entry_encode(const struct segment_entry *e, uint32_t partition,
                          uint8_t to[SEGMENT_INDEX_BYTES]);
enum bdfs_status segment_entry_decode(const uint8_t from[SEGMENT_INDEX_BYTES], uint32_t partition,
                                      struct segment_entry *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- writing ------------------------------------------------------------------------------ */

typedef enum bdfs_status segment_write(void *arg, const void *bytes, size_t n,
                                       struct bdfs_err *err);

struct segment_writer {
        segment_write *write;
        void *arg;
        uint8_t *raw, *stored; /* a frame each */
        size_t raw_n;
        bool group;            /* one is open */
        struct segment_entry entry; /* of the segment so far; offset is the caller's */
};
enum bdfs_status segment_writer_init(struct segment_writer *w, segment_write *write, void *arg,
                                     struct bdfs_err *err) BDFS_MUST_CHECK;
void segment_writer_fini(struct segment_writer *w); /* of zeros too */
/* Start a segment: the next runs are its own. */
void segment_begin(struct segment_writer *w);
/* Keys ascend; the first run of a key has same_key false. */
enum bdfs_status segment_add(struct segment_writer *w, const struct segment_run *run,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
/* All of it is written; w->entry tells what. */
enum bdfs_status segment_end(struct segment_writer *w, struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- reading ------------------------------------------------------------------------------ */

/* At least one and at most @n bytes of the segment from @offset on. */
typedef enum bdfs_status segment_read(void *arg, uint64_t offset, uint8_t *to, size_t n,
                                      size_t *ret, struct bdfs_err *err);

struct segment_reader {
        segment_read *read;
        void *arg;
        uint64_t stored, raw;  /* of the whole segment */
        uint64_t at, raw_at;   /* stored bytes read, raw bytes made of them */
        uint32_t crc, want_crc;
        uint8_t *in;           /* stored bytes: [in_at, in_n) */
        size_t in_at, in_n;
        uint8_t *out;          /* raw bytes: [out_at, out_n) */
        size_t out_at, out_n, out_room;
        uint64_t *budget;      /* NULL, or what readers may still take for long records */
        uint8_t *key;          /* of the group; kept apart, since out moves */
        size_t key_n, key_room;
        bool group;            /* inside of one */
        bool fresh;            /* its first run has not been given out */
};
enum bdfs_status segment_reader_init(struct segment_reader *r, const struct segment_entry *e,
                                     segment_read *read, void *arg, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void segment_reader_fini(struct segment_reader *r); /* of zeros too */
/* Go to the next group (past what is left of this one); *ret_end true when there is none. */
enum bdfs_status segment_next_key(struct segment_reader *r, bool *ret_end, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The next run of this group; *ret_end true when there is none. */
enum bdfs_status segment_next_run(struct segment_reader *r, struct segment_run *ret, bool *ret_end,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
