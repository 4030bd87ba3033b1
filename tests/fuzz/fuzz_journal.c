/*
 * Bytes of a journal segment, as a damaged disk gives them. Whatever they are: the scan stays
 * inside them, what it takes as records decodes, and cutting the tail it calls torn leaves a
 * segment that is clean and has the same records.
 *
 * The first byte of the input says what is done: a checksum that a fuzzer cannot guess is made
 * right for the header (bit 0) and for the batches (bit 1), so that what is behind it is reached.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc.h"
#include "namenode/journal_format.h"

#define SALT 42u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fix_header(uint8_t *p)
{
        const struct journal_header h = {.first = 1, .salt = SALT};

        journal_header_encode(p, &h);
}

/* Make the checksum right of whatever could be a batch at @p. */
static size_t fix_batch(uint8_t *p, size_t n)
{
        uint8_t checked[8 + 20 + 4] = {0};
        size_t body_n;
        uint32_t crc;

        if (n < JOURNAL_BATCH_HEADER_BYTES)
                return n;
        memcpy(p, "BTCH", 4);
        body_n = get_u32be(p + 4) % 200;
        if (body_n > n - JOURNAL_BATCH_HEADER_BYTES)
                body_n = n - JOURNAL_BATCH_HEADER_BYTES;
        put_u32be(p + 4, (uint32_t)body_n);
        checked[7] = SALT;
        memcpy(checked + 8, p, 20);
        crc = crc32c(crc32c(0, checked, sizeof(checked)), p + JOURNAL_BATCH_HEADER_BYTES, body_n);
        put_u32be(p + 20, crc);
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
        uint8_t *p;
        size_t n;

        if (size < 1)
                return 0;
        n = size - 1;
        p = malloc(n + 1); /* exactly the input, so that a byte too far is noticed */
        if (p == NULL)
                return 0;
        memcpy(p, data + 1, n);
        if ((data[0] & 1) != 0 && n >= JOURNAL_HEADER_BYTES)
                fix_header(p);
        if ((data[0] & 2) != 0)
                for (size_t at = JOURNAL_HEADER_BYTES; at < n;)
                        at += fix_batch(p + at, n - at);
        if (journal_header_decode(p, n, &h, NULL) == BDFS_OK)
                check_scan(p, n, &h);
        free(p);
        return 0;
}
