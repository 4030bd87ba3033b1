#include "namenode/journal/journal_format.h"

#include <string.h>

#include "common/crc.h"

#define BATCH_MAGIC 0x42544348u /* BTCH */
#define CRC_AT 20               /* in a batch header */
#define HEADER_CRC_AT 60

static const uint8_t segment_magic[8] = {'B', 'D', 'F', 'S', 'J', 'R', 'N', '1'};

static bool all_zero(const uint8_t *p, size_t n)
{
        return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

void journal_header_encode(uint8_t to[JOURNAL_HEADER_BYTES], const struct journal_header *h)
{
        memset(to, 0, JOURNAL_HEADER_BYTES);
        memcpy(to, segment_magic, sizeof(segment_magic));
        put_u32be(to + 8, JOURNAL_VERSION);
        put_u64be(to + 12, h->first);
        memcpy(to + 20, h->cluster, sizeof(h->cluster));
        put_u64be(to + 36, h->salt);
        put_u32be(to + HEADER_CRC_AT, crc32c(0, to, HEADER_CRC_AT));
}

enum bdfs_status journal_header_decode(const uint8_t *from, size_t n, struct journal_header *ret,
                                       struct bdfs_err *err)
{
        uint32_t version;

        if (n < JOURNAL_HEADER_BYTES)
                return bdfs_fail(err, BDFS_CORRUPT, "header: %zu bytes are too few", n);
        if (memcmp(from, segment_magic, sizeof(segment_magic)) != 0)
                return bdfs_fail(err, BDFS_CORRUPT, "header: not a journal segment");
        if (get_u32be(from + HEADER_CRC_AT) != crc32c(0, from, HEADER_CRC_AT))
                return bdfs_fail(err, BDFS_CORRUPT, "header: checksum is wrong");
        version = get_u32be(from + 8);
        if (version > JOURNAL_VERSION)
                return bdfs_fail(err, BDFS_NEWER, "its version is %u; this program knows up to %u: "
                                 "use a newer bdfs-namenode", version, JOURNAL_VERSION);
        if (version == 0)
                return bdfs_fail(err, BDFS_CORRUPT, "header: no version");
        ret->first = get_u64be(from + 12);
        memcpy(ret->cluster, from + 20, sizeof(ret->cluster));
        ret->salt = get_u64be(from + 36);
        if (ret->first == 0 || !all_zero(from + 44, HEADER_CRC_AT - 44))
                return bdfs_fail(err, BDFS_CORRUPT, "header: makes no sense");
        return BDFS_OK;
}

static uint32_t batch_crc(uint64_t salt, const uint8_t *header, const uint8_t *body, size_t body_n)
{
        static const uint8_t zeros[JOURNAL_BATCH_HEADER_BYTES - CRC_AT];
        uint8_t salt_be[8];
        uint32_t crc;

        put_u64be(salt_be, salt);
        crc = crc32c(0, salt_be, sizeof(salt_be));
        crc = crc32c(crc, header, CRC_AT);
        crc = crc32c(crc, zeros, sizeof(zeros));
        return crc32c(crc, body, body_n);
}

static size_t padding_of(size_t body_n)
{
        return (8 - (JOURNAL_BATCH_HEADER_BYTES + body_n) % 8) % 8;
}

void journal_batch_encode(struct buf *to, uint64_t salt, uint64_t first,
                          const struct journal_record *records, size_t n)
{
        size_t start = to->n, body_n = 0;
        uint8_t *p;

        for (size_t i = 0; i < n; i++)
                body_n += 4 + records[i].n;
        BDFS_ASSERT(body_n <= JOURNAL_BATCH_BYTES_MAX);
        buf_u32be(to, BATCH_MAGIC);
        buf_u32be(to, (uint32_t)body_n);
        buf_u64be(to, first);
        buf_u32be(to, (uint32_t)n);
        buf_u32be(to, 0);
        for (size_t i = 0; i < n; i++) {
                BDFS_ASSERT(records[i].index == first + i);
                buf_u32be(to, (uint32_t)records[i].n);
                buf_add(to, records[i].bytes, records[i].n);
        }
        buf_add(to, "\0\0\0\0\0\0\0", padding_of(body_n));
        if (to->bad)
                return;
        p = to->data + start;
        put_u32be(p + CRC_AT, batch_crc(salt, p, p + JOURNAL_BATCH_HEADER_BYTES, body_n));
}

/* Do the lengths of the records fill the body exactly? */
static bool body_ok(const struct journal_batch *b)
{
        struct rd r = rd_of(b->body, b->body_n);

        for (uint32_t i = 0; i < b->count && !r.bad; i++)
                (void)rd_bytes(&r, rd_u32be(&r)); /* a short one makes it bad */
        return rd_done(&r);
}

bool journal_batch_decode(const uint8_t *from, size_t n, uint64_t salt, struct journal_batch *ret)
{
        struct journal_batch b;
        uint32_t crc;

        if (n < JOURNAL_BATCH_HEADER_BYTES || get_u32be(from) != BATCH_MAGIC)
                return false;
        b.body_n = get_u32be(from + 4);
        b.first = get_u64be(from + 8);
        b.count = get_u32be(from + 16);
        crc = get_u32be(from + CRC_AT);
        if (b.body_n > JOURNAL_BATCH_BYTES_MAX || b.count > b.body_n / 4)
                return false;
        b.whole_n = JOURNAL_BATCH_HEADER_BYTES + b.body_n + padding_of(b.body_n);
        if (b.whole_n > n)
                return false;
        b.body = from + JOURNAL_BATCH_HEADER_BYTES;
        if (crc != batch_crc(salt, from, b.body, b.body_n) || !body_ok(&b) ||
            !all_zero(b.body + b.body_n, padding_of(b.body_n)))
                return false;
        *ret = b;
        return true;
}

enum bdfs_status journal_batch_each(const struct journal_batch *b,
                                    enum bdfs_status (*each)(void *arg,
                                                             const struct journal_record *r,
                                                             struct bdfs_err *err),
                                    void *arg, struct bdfs_err *err)
{
        struct rd r = rd_of(b->body, b->body_n);
        enum bdfs_status rc = BDFS_OK;

        for (uint32_t i = 0; rc == BDFS_OK && i < b->count; i++) {
                struct journal_record record = {.index = b->first + i};

                record.n = rd_u32be(&r);
                record.bytes = rd_bytes(&r, record.n);
                BDFS_ASSERT(!r.bad); /* journal_batch_decode() looked */
                rc = each(arg, &record, err);
        }
        return rc;
}

struct journal_walk journal_walk_of(const uint8_t *bytes, size_t n, const struct journal_header *h)
{
        BDFS_ASSERT(n >= JOURNAL_HEADER_BYTES);
        return (struct journal_walk){.bytes = bytes,
                                     .n = n,
                                     .at = JOURNAL_HEADER_BYTES,
                                     .next = h->first,
                                     .salt = h->salt};
}

bool journal_walk_next(struct journal_walk *w, struct journal_batch *ret)
{
        struct journal_batch b;

        if (!journal_batch_decode(w->bytes + w->at, w->n - w->at, w->salt, &b) ||
            b.first != w->next || b.count > UINT64_MAX - w->next)
                return false;
        w->at += b.whole_n;
        w->next += b.count;
        *ret = b;
        return true;
}

/* Where in bytes[at..end) a good batch or mark begins; w->n when nowhere. Batches stand at
 * multiples of 8. Indexes that so few bytes cannot have reached are not even tried. */
static size_t find_good(const struct journal_walk *w, size_t at, size_t end)
{
        struct journal_batch b;

        for (; at < end && at + JOURNAL_BATCH_HEADER_BYTES <= w->n; at += 8) {
                const uint8_t *p = w->bytes + at;

                if (get_u32be(p) == BATCH_MAGIC && get_u64be(p + 8) - w->next <= w->n &&
                    journal_batch_decode(p, w->n - at, w->salt, &b))
                        return at;
        }
        return w->n;
}

static size_t dirty_end(const uint8_t *bytes, size_t from, size_t n)
{
        while (n > from + 4096 && all_zero(bytes + n - 4096, 4096))
                n -= 4096;
        while (n > from && bytes[n - 1] == 0)
                n--;
        return n;
}

struct journal_scan journal_scan(const uint8_t *bytes, size_t n, const struct journal_header *h)
{
        struct journal_walk w = journal_walk_of(bytes, n, h);
        struct journal_scan s = {.last = w.at, .end = w.at};
        struct journal_batch b;
        size_t behind;

        while (!s.marked && journal_walk_next(&w, &b)) {
                s.marked = b.count == 0;
                if (!s.marked) {
                        s.last = s.end;
                        s.end = w.at;
                }
        }
        s.next = w.next;
        if (s.end == JOURNAL_HEADER_BYTES)
                s.last = s.end;
        behind = s.marked ? s.end + JOURNAL_BATCH_HEADER_BYTES : s.end;
        s.dirty_end = dirty_end(bytes, behind, n);
        s.good = find_good(&w, behind, s.dirty_end);
        if (s.good < n)
                s.tail = JOURNAL_TAIL_CORRUPT;
        else
                s.tail = s.dirty_end > behind ? JOURNAL_TAIL_TORN : JOURNAL_TAIL_CLEAN;
        return s;
}
