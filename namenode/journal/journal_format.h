/*
 * journal_format.h - the bytes of a journal segment: pure, no I/O.
 *
 * Segment header, 64 bytes: magic BDFSJRN1, u32 version, u64 first index, 16 bytes cluster id, u64
 * salt, zeros, at 60 a CRC32C over what is before it. Batch: u32 magic BTCH, u32 bytes of the
 * body, u64 first index, u32 count, u32 CRC32C; body; zeros to a multiple of 8. The checksum runs
 * over the salt, the header (this field zero) and the body: the salt is random, so bytes that
 * somebody brought into a record can never look like a batch. Body: count times (u32 length,
 * packed JournalRecord). A mark is a batch with count 0: all before it was synced.
 *
 * Owner:   everything is borrowed.
 * Threads: none.
 */
#pragma once

#include <stdbool.h>

#include "common/bytes.h"
#include "namenode/journal/journal.h"

#define JOURNAL_HEADER_BYTES 64
#define JOURNAL_BATCH_HEADER_BYTES 24
#define JOURNAL_SEGMENT_BYTES (64 * MIB)
#define JOURNAL_VERSION 1

static_assert(JOURNAL_HEADER_BYTES + JOURNAL_BATCH_HEADER_BYTES * 2 + JOURNAL_BATCH_BYTES_MAX + 8 <=
                      JOURNAL_SEGMENT_BYTES,
              "the largest batch must fit an empty segment");

struct journal_header {
        uint64_t first;
        uint64_t salt;
        uint8_t cluster[16];
};

void journal_header_encode(uint8_t to[JOURNAL_HEADER_BYTES], const struct journal_header *h);
/* CORRUPT (what is wrong) or NEWER. Whatever a later version changes, magic, version and checksum
 * stay where they are. */
enum bdfs_status journal_header_decode(const uint8_t *from, size_t n, struct journal_header *ret,
                                       struct bdfs_err *err) BDFS_MUST_CHECK;

/* Append a batch to @to, padding included; no records: a mark. Sets to->bad without memory. */
void journal_batch_encode(struct buf *to, uint64_t salt, uint64_t first,
                          const struct journal_record *records, size_t n);

struct journal_batch {
        uint64_t first;
        uint32_t count;
        const uint8_t *body;
        size_t body_n;
        size_t whole_n; /* header, body and padding */
};

/* False when no good batch begins at @from. */
bool journal_batch_decode(const uint8_t *from, size_t n, uint64_t salt, struct journal_batch *ret);
/* Calls @each for the records of a decoded batch. */
enum bdfs_status journal_batch_each(const struct journal_batch *b,
                                    enum bdfs_status (*each)(void *arg,
                                                             const struct journal_record *r,
                                                             struct bdfs_err *err),
                                    void *arg, struct bdfs_err *err) BDFS_MUST_CHECK;

/* Batches of one segment, one after the other. */
struct journal_walk {
        const uint8_t *bytes;
        size_t n;
        size_t at;     /* where the next batch begins */
        uint64_t next; /* index of the next record */
        uint64_t salt;
};

/* At the first batch of a whole segment. */
struct journal_walk journal_walk_of(const uint8_t *bytes, size_t n,
                                    const struct journal_header *h);
/* False at the first place where no batch with the next index (or a mark) stands. */
bool journal_walk_next(struct journal_walk *w, struct journal_batch *ret);

enum journal_tail {
        JOURNAL_TAIL_CLEAN,  /* zeros */
        JOURNAL_TAIL_TORN,   /* something else, no good batch in it */
        JOURNAL_TAIL_CORRUPT /* a good batch behind something that is none */
};

struct journal_scan {
        enum journal_tail tail;
        bool marked;      /* a mark stands at @end: what is before it was synced */
        size_t last;      /* where the last batch begins; @end when there is none */
        size_t end;       /* behind the last batch */
        size_t dirty_end; /* behind the last byte that is not zero (or the mark) */
        uint64_t next;    /* index of the next record */
        size_t good;      /* CORRUPT: where the good batch stands */
};

/* What a whole segment holds. */
struct journal_scan journal_scan(const uint8_t *bytes, size_t n, const struct journal_header *h);
