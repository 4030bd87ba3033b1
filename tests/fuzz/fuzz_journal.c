/*
 * Bytes of a journal segment, as a damaged disk gives them. Whatever they are: the scan stays
 * inside them, what it takes as records decodes, and cutting the tail it calls torn leaves a
 * segment that is clean and has the same records.
 *
 * The first byte of the input says what is done, so that what is behind a checksum is reached: the
 * header is a good one (bit 0), or only its checksum is made right (bit 3); the checksums of the
 * batches are made right (bit 1), and their indexes and the lengths of their records too (bit 2);
 * zeros follow, as in space that was allocated ahead (bits 4 to 7, KiB).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc.h"
#include "namenode/journal/journal_format.h"

#define SALT 42u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fix_header(uint8_t *p, bool whole)
{
        const struct journal_header h = {.first = 1, .salt = SALT};
        uint8_t good[JOURNAL_HEADER_BYTES];

        journal_header_encode(good, &h);
        memcpy(p, good, whole ? sizeof(good) : 8); /* all, or the magic */
        put_u32be(p + JOURNAL_HEADER_BYTES - 4, crc32c(0, p, JOURNAL_HEADER_BYTES - 4));
}

/* Lengths that fill the body exactly, and a count; *next is the first record's index. */
static void fix_records(uint8_t *p, size_t body_n, uint64_t *next)
{
        uint8_t *body = p + JOURNAL_BATCH_HEADER_BYTES;
        size_t at = 0;
        uint32_t count = 0;

        while (body_n - at >= 4) {
                size_t left = body_n - at - 4, n = get_u32be(body + at) % 64;

                if (n > left || left - n < 4)
                        n = left;
                put_u32be(body + at, (uint32_t)n);
                at += 4 + n;
                count++;
        }
        put_u64be(p + 8, *next);
        put_u32be(p + 16, count);
        *next += count;
}

/* Make the checksum right of whatever could be a batch at @p. */
static size_t fix_batch(uint8_t *p, size_t n, uint64_t *next)
{
        uint8_t checked[8 + 20 + 4] = {0};
        size_t body_n;

        if (n < JOURNAL_BATCH_HEADER_BYTES)
                return n;
        memcpy(p, "BTCH", 4);
        body_n = get_u32be(p + 4) % 200;
        if (body_n > n - JOURNAL_BATCH_HEADER_BYTES)
                body_n = n - JOURNAL_BATCH_HEADER_BYTES;
        put_u32be(p + 4, (uint32_t)body_n);
        if (next != NULL)
                fix_records(p, body_n, next);
        checked[7] = SALT;
        memcpy(checked + 8, p, 20);
        put_u32be(p + 20, crc32c(crc32c(0, checked, sizeof(checked)),
                                 p + JOURNAL_BATCH_HEADER_BYTES, body_n));
        return (JOURNAL_BATCH_HEADER_BYTES + body_n + 7) / 8 * 8;
}

static enum bdfs_status each(void *arg, const struct journal_record *r, struct bdfs_err *err)
{
        uint64_t *next = arg;
        volatile uint8_t sum = 0; /* so that every byte is read */

        (void)err;
        BDFS_ASSERT(r->index == *next);
        for (size_t i = 0; i < r->n; i++)
                sum = sum ^ r->bytes[i];
        ++*next;
        return BDFS_OK;
}

static void read_all(const uint8_t *p, size_t n, const struct journal_header *h, uint64_t want)
{
        struct journal_walk w = journal_walk_of(p, n, h);
        struct journal_batch b;
        uint64_t next = h->first;

        while (journal_walk_next(&w, &b) && b.count > 0)
                BDFS_ASSERT(journal_batch_each(&b, each, &next, NULL) == BDFS_OK);
        BDFS_ASSERT(next == want);
}

static void check_scan(uint8_t *p, size_t n, const struct journal_header *h)
{
        struct journal_scan s = journal_scan(p, n, h), again;

        BDFS_ASSERT(s.end <= n && s.last <= s.end && s.end >= JOURNAL_HEADER_BYTES);
        BDFS_ASSERT(s.dirty_end <= n && s.good <= n);
        BDFS_ASSERT((s.tail == JOURNAL_TAIL_CORRUPT) == (s.good < n));
        read_all(p, n, h, s.next);
        if (s.tail == JOURNAL_TAIL_CORRUPT)
                return;
        memset(p + s.end, 0, n - s.end);
        again = journal_scan(p, n, h);
        BDFS_ASSERT(again.tail == JOURNAL_TAIL_CLEAN && !again.marked);
        BDFS_ASSERT(again.end == s.end && again.next == s.next && again.last == s.last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct journal_header h;
        uint64_t next = 1;
        uint8_t what, *p;
        size_t n, ahead;

        if (size < 1)
                return 0;
        what = data[0];
        ahead = (size_t)(what >> 4) * 1024;
        n = size - 1;
        p = calloc(1, n + ahead); /* no more: a byte too far is noticed */
        if (p == NULL)
                return 0;
        memcpy(p, data + 1, n);
        if ((what & 9) != 0 && n >= JOURNAL_HEADER_BYTES)
                fix_header(p, (what & 1) != 0);
        if ((what & 2) != 0)
                for (size_t at = JOURNAL_HEADER_BYTES; at < n;)
                        at += fix_batch(p + at, n - at, (what & 4) != 0 ? &next : NULL);
        if (journal_header_decode(p, n + ahead, &h, NULL) == BDFS_OK)
                check_scan(p, n + ahead, &h);
        free(p);
        return 0;
}
