/* The journal: its format as pure functions, and its files through the Linux seam. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/crc.h"
#include "namenode/journal_format.h"

#define OK(call) assert_int_equal((call), BDFS_OK)
#define SALT 0x0123456789abcdefULL

static const uint8_t cluster[16] = "0123456789abcde";
static struct bdfs_err err;
static char dir[64], journal_dir[80];

/* ---- helpers -------------------------------------------------------------------------------- */

/* The bytes of record @index, some of them several sectors long. */
static size_t record_bytes(uint64_t index, uint8_t *to)
{
        size_t n = index % 5 == 4 ? 1500 : 10 + index % 7;

        for (size_t i = 0; i < n; i++)
                to[i] = (uint8_t)(index * 31 + i * 7 + 1);
        return n;
}

static struct journal *open_journal(void)
{
        struct journal *j;

        OK(journal_open(&j, journal_dir, cluster, &err));
        return j;
}

static enum bdfs_status append(struct journal *j, size_t n)
{
        static uint8_t bytes[16][2000];
        struct journal_record r[16];

        BDFS_ASSERT(n <= 16);
        for (size_t i = 0; i < n; i++) {
                r[i].index = journal_last(j) + 1 + i;
                r[i].bytes = bytes[i];
                r[i].n = record_bytes(r[i].index, bytes[i]);
        }
        return journal_append(j, r, n, &err);
}

struct seen {
        uint64_t next, n;
};

static enum bdfs_status see(void *arg, const struct journal_record *r, struct bdfs_err *e)
{
        struct seen *s = arg;
        uint8_t want[2000];

        (void)e;
        assert_int_equal(r->index, s->next);
        assert_int_equal(r->n, record_bytes(r->index, want));
        assert_memory_equal(r->bytes, want, r->n);
        s->next++;
        s->n++;
        return BDFS_OK;
}

/* Reads from @from on, checks each record's bytes; returns how many came. */
static enum bdfs_status read_all(struct journal *j, uint64_t from, uint64_t *ret_n)
{
        struct seen s = {.next = from};
        enum bdfs_status rc = journal_read(j, from, see, &s, &err);

        *ret_n = s.n;
        return rc;
}

static char *in_journal(const char *name)
{
        static char path[2][256];
        static unsigned next;
        char *p = path[next++ % 2];

        (void)snprintf(p, 256, "%s/%s", journal_dir, name);
        return p;
}

#define FIRST_SEGMENT "journal-0000000000000001"

static uint8_t *load(const char *path, size_t n)
{
        uint8_t *p = calloc(1, n);
        int fd = open(path, O_RDONLY);

        assert_non_null(p);
        assert_true(fd >= 0);
        assert_true(pread(fd, p, n, 0) > 0);
        assert_int_equal(close(fd), 0);
        return p;
}

static void save(const char *path, const uint8_t *p, size_t n)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, p, n, 0), n);
        assert_int_equal(close(fd), 0);
}

/* ---- the format ----------------------------------------------------------------------------- */

static void bytes_are_as_documented(void **state)
{
        static const uint8_t want_mark[] = {'B', 'T', 'C', 'H', 0, 0, 0, 0, 0, 0, 0,
                                            0,   0,   0,   0,   7, 0, 0, 0, 0};
        static const uint8_t want_batch[] = {
                'B', 'T', 'C', 'H', 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 2};
        static const uint8_t want_body[] = {0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 2, 'd', 'e'};
        const struct journal_record r[2] = {{.index = 7, .bytes = (const uint8_t *)"abc", .n = 3},
                                            {.index = 8, .bytes = (const uint8_t *)"de", .n = 2}};
        struct journal_header h = {.first = 7, .salt = SALT}, back;
        uint8_t bytes[JOURNAL_HEADER_BYTES], checked[8 + 24 + 13] = {0};
        struct buf b;

        (void)state;
        memcpy(h.cluster, cluster, 16);
        journal_header_encode(bytes, &h);
        assert_memory_equal(bytes, "BDFSJRN1\0\0\0\1\0\0\0\0\0\0\0\7" "0123456789abcde\0"
                                   "\x01\x23\x45\x67\x89\xab\xcd\xef", 44);
        assert_int_equal(get_u32be(bytes + 60), crc32c(0, bytes, 60));
        OK(journal_header_decode(bytes, sizeof(bytes), &back, &err));
        assert_memory_equal(&back, &h, sizeof(h));

        buf_init(&b, 0);
        journal_batch_encode(&b, SALT, 7, NULL, 0);
        assert_int_equal(b.n, JOURNAL_BATCH_HEADER_BYTES);
        assert_memory_equal(b.data, want_mark, sizeof(want_mark));
        buf_reset(&b);
        journal_batch_encode(&b, SALT, 7, r, 2);
        assert_int_equal(b.n, 40);
        assert_memory_equal(b.data, want_batch, sizeof(want_batch));
        assert_memory_equal(b.data + 24, want_body, sizeof(want_body));
        assert_memory_equal(b.data + 37, "\0\0\0", 3);
        memcpy(checked, bytes + 36, 8);
        memcpy(checked + 8, b.data, 20);
        memcpy(checked + 32, want_body, sizeof(want_body));
        assert_int_equal(get_u32be(b.data + 20), crc32c(0, checked, sizeof(checked)));
        buf_fini(&b);
}

static void every_flipped_bit_of_a_header_is_found(void **state)
{
        const struct journal_header h = {.first = 7, .salt = SALT};
        uint8_t bytes[JOURNAL_HEADER_BYTES];
        struct journal_header back;

        (void)state;
        journal_header_encode(bytes, &h);
        for (size_t n = 0; n < sizeof(bytes); n++)
                assert_int_equal(journal_header_decode(bytes, n, &back, &err), BDFS_CORRUPT);
        for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
                bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
                assert_int_equal(journal_header_decode(bytes, sizeof(bytes), &back, &err),
                                 BDFS_CORRUPT);
                bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        bytes[11] = JOURNAL_VERSION + 1;
        put_u32be(bytes + 60, crc32c(0, bytes, 60));
        assert_int_equal(journal_header_decode(bytes, sizeof(bytes), &back, &err),
                         BDFS_UNSUPPORTED);
}

/* A segment of @batches batches with 1, 2, 3 .. records, a mark if @marked, and zeros. */
struct sample {
        struct journal_header header;
        struct buf buf;
        size_t start[8]; /* of each batch */
        size_t end;      /* behind the last */
        uint64_t next;
};

static void sample_make(struct sample *s, size_t batches, bool marked)
{
        static uint8_t bytes[8][2000];

        s->header = (struct journal_header){.first = 1, .salt = SALT};
        s->next = 1;
        buf_init(&s->buf, 0);
        journal_header_encode(buf_grow(&s->buf, JOURNAL_HEADER_BYTES), &s->header);
        for (size_t i = 0; i < batches; i++) {
                struct journal_record r[8];

                for (size_t k = 0; k <= i; k++) {
                        r[k].index = s->next + k;
                        r[k].bytes = bytes[k];
                        r[k].n = record_bytes(r[k].index, bytes[k]);
                }
                s->start[i] = s->buf.n;
                journal_batch_encode(&s->buf, SALT, s->next, r, i + 1);
                s->next += i + 1;
        }
        s->end = s->buf.n;
        if (marked)
                journal_batch_encode(&s->buf, SALT, s->next, NULL, 0);
        memset(buf_grow(&s->buf, 4096), 0, 4096);
        assert_false(s->buf.bad);
}

static struct journal_scan scan_of(const struct sample *s)
{
        return journal_scan(s->buf.data, s->buf.n, &s->header);
}

static void a_whole_segment_scans_clean(void **state)
{
        (void)state;
        for (size_t batches = 0; batches < 5; batches++)
                for (int marked = 0; marked < 2; marked++) {
                        struct sample s;
                        struct journal_scan x;

                        sample_make(&s, batches, marked != 0);
                        x = scan_of(&s);
                        assert_int_equal(x.tail, JOURNAL_TAIL_CLEAN);
                        assert_int_equal(x.marked, marked);
                        assert_int_equal(x.next, s.next);
                        assert_int_equal(x.end, s.end);
                        assert_int_equal(x.last, batches == 0 ? s.end : s.start[batches - 1]);
                        buf_fini(&s.buf);
                }
}

/* With a mark behind it nothing that was acknowledged may go, whatever byte is hit. */
static void every_flip_of_a_marked_segment_keeps_all_or_is_corrupt(void **state)
{
        struct sample s;
        size_t corrupt = 0;

        (void)state;
        sample_make(&s, 4, true);
        for (size_t bit = 8 * JOURNAL_HEADER_BYTES; bit < 8 * (s.buf.n - 3500); bit++) {
                struct journal_scan x;

                s.buf.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
                x = scan_of(&s);
                if (x.tail == JOURNAL_TAIL_CORRUPT)
                        corrupt++;
                else
                        assert_int_equal(x.next, s.next);
                if (bit / 8 < s.end)
                        assert_int_equal(x.tail, JOURNAL_TAIL_CORRUPT);
                else
                        assert_int_equal(x.tail, JOURNAL_TAIL_TORN);
                s.buf.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_int_equal(corrupt, 8 * (s.end - JOURNAL_HEADER_BYTES));
        buf_fini(&s.buf);
}

static void every_flip_of_an_unmarked_segment_costs_at_most_the_last_batch(void **state)
{
        struct sample s;

        (void)state;
        sample_make(&s, 4, false);
        for (size_t bit = 8 * JOURNAL_HEADER_BYTES; bit < 8 * s.end; bit++) {
                struct journal_scan x;

                s.buf.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
                x = scan_of(&s);
                if (bit / 8 < s.start[3]) {
                        assert_int_equal(x.tail, JOURNAL_TAIL_CORRUPT);
                } else {
                        assert_int_equal(x.tail, JOURNAL_TAIL_TORN);
                        assert_int_equal(x.end, s.start[3]);
                        assert_int_equal(x.next, s.next - 4);
                        assert_true(x.dirty_end <= s.end);
                }
                s.buf.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        buf_fini(&s.buf);
}

static void every_truncation_is_a_prefix(void **state)
{
        struct sample s;
        size_t n;

        (void)state;
        sample_make(&s, 4, true);
        for (n = JOURNAL_HEADER_BYTES; n < s.buf.n; n++) {
                struct journal_scan x = journal_scan(s.buf.data, n, &s.header);
                size_t whole = 0;

                while (whole < 4 && (whole == 3 ? s.end : s.start[whole + 1]) <= n)
                        whole++;
                assert_int_not_equal(x.tail, JOURNAL_TAIL_CORRUPT);
                assert_int_equal(x.next, 1 + whole * (whole + 1) / 2);
                assert_int_equal(x.end, whole == 4 ? s.end : s.start[whole]);
        }
        buf_fini(&s.buf);
}

/* A power cut while the last batch is written over the mark of the one before: any of its sectors
 * may be on the disk, in any combination. Nothing synced before is lost, nothing is invented. */
static void any_sectors_of_the_last_batch_may_be_missing(void **state)
{
        struct sample before, after;
        unsigned whole = 0, cut = 0;

        (void)state;
        sample_make(&before, 4, true);
        sample_make(&after, 5, false);
        for (unsigned round = 0; round < 4096; round++) {
                struct sample mixed = after;
                struct journal_scan x;

                mixed.buf.data = malloc(after.buf.n);
                assert_non_null(mixed.buf.data);
                memcpy(mixed.buf.data, after.buf.data, after.buf.n);
                for (size_t at = 0, bit = 0; at < after.buf.n; at += 512, bit++)
                        if (at + 512 > after.start[4] && (round >> bit % 12 & 1) != 0)
                                for (size_t i = at; i < at + 512 && i < after.buf.n; i++)
                                        mixed.buf.data[i] =
                                                i < before.buf.n ? before.buf.data[i] : 0;
                x = scan_of(&mixed);
                assert_int_not_equal(x.tail, JOURNAL_TAIL_CORRUPT);
                assert_true(x.next == before.next || x.next == after.next);
                whole += x.next == after.next;
                cut += x.tail == JOURNAL_TAIL_TORN;
                free(mixed.buf.data);
        }
        assert_true(whole > 0 && cut > 0);
        buf_fini(&before.buf);
        buf_fini(&after.buf);
}

static void a_batch_inside_a_record_is_no_batch(void **state)
{
        const struct journal_header h = {.first = 1, .salt = SALT};
        struct journal_record inner = {.index = 5, .bytes = (const uint8_t *)"evil", .n = 4}, outer;
        struct buf forged, b;

        (void)state;
        buf_init(&forged, 0);
        buf_init(&b, 0);
        memset(buf_grow(&forged, 4), 0, 4); /* to the next multiple of 8 */
        journal_batch_encode(&forged, SALT + 1, 5, &inner, 1); /* the salt is not known outside */
        outer = (struct journal_record){.index = 1, .bytes = forged.data, .n = forged.n};
        journal_header_encode(buf_grow(&b, JOURNAL_HEADER_BYTES), &h);
        journal_batch_encode(&b, SALT, 1, &outer, 1);
        b.data[JOURNAL_HEADER_BYTES] ^= 1; /* torn */
        assert_int_equal(journal_scan(b.data, b.n, &h).tail, JOURNAL_TAIL_TORN);
        buf_fini(&forged);
        buf_fini(&b);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void records_come_back_after_reopening(void **state)
{
        struct journal *j = open_journal();
        uint64_t n;

        (void)state;
        assert_int_equal(journal_first(j), 0);
        assert_int_equal(journal_last(j), 0);
        OK(read_all(j, 1, &n));
        assert_int_equal(n, 0);
        for (size_t i = 1; i <= 16; i++)
                OK(append(j, i));
        assert_int_equal(journal_last(j), 136);
        for (int round = 0; round < 3; round++) {
                journal_close(j);
                j = open_journal();
                assert_int_equal(journal_first(j), 1);
                assert_int_equal(journal_last(j), 136 + round);
                OK(read_all(j, 1, &n));
                assert_int_equal(n, 136 + round);
                OK(read_all(j, 100, &n));
                assert_int_equal(n, 37 + round);
                OK(read_all(j, 1000, &n));
                assert_int_equal(n, 0);
                OK(append(j, 1));
        }
        journal_close(j);
        journal_close(NULL);
}

static void a_second_opener_is_refused(void **state)
{
        struct journal *j = open_journal(), *second;

        (void)state;
        assert_int_equal(journal_open(&second, journal_dir, cluster, &err), BDFS_LIMIT);
        journal_close(j);
        j = open_journal();
        journal_close(j);
}

static void another_clusters_journal_is_refused(void **state)
{
        struct journal *j = open_journal();

        (void)state;
        OK(append(j, 1));
        journal_close(j);
        assert_int_equal(journal_open(&j, journal_dir, (const uint8_t *)"another cluster!", &err),
                         BDFS_INVALID);
        j = open_journal();
        assert_memory_equal(journal_cluster(j), cluster, sizeof(cluster));
        journal_close(j);
}

/* Opens what lies there; true with what it holds, false when it was refused as damaged. */
static bool opens(uint64_t *ret_last)
{
        struct journal *j;
        uint64_t n;
        enum bdfs_status rc = journal_open(&j, journal_dir, cluster, &err);

        if (rc != BDFS_OK) {
                assert_int_equal(rc, BDFS_CORRUPT);
                assert_non_null(strstr(err.text, journal_dir));
                return false;
        }
        *ret_last = journal_last(j);
        OK(read_all(j, 1, &n));
        assert_int_equal(n, *ret_last);
        OK(append(j, 2)); /* it can go on, over what was cut */
        journal_close(j);
        OK(journal_open(&j, journal_dir, cluster, &err));
        OK(read_all(j, 1, &n));
        assert_int_equal(n, *ret_last + 2);
        journal_close(j);
        return true;
}

/* Four batches on a short file: its bytes, where the last batch begins and where it ends. */
static uint8_t *small_journal(size_t *ret_last, size_t *ret_end, size_t *ret_n)
{
        struct journal *j = open_journal();

        for (size_t i = 1; i <= 4; i++) {
                *ret_last = journal_bytes_after(j, 0);
                OK(append(j, i));
        }
        *ret_end = journal_bytes_after(j, 0);
        *ret_n = *ret_end + 64;
        journal_close(j);
        return load(in_journal(FIRST_SEGMENT), *ret_n);
}

static void every_flipped_byte_on_disk_is_corrupt_or_harmless(void **state)
{
        size_t last, end, n;
        uint8_t *p = small_journal(&last, &end, &n);
        uint64_t held = 0;

        (void)state;
        for (size_t i = 0; i < n; i += 9) { /* the pure test above hits every bit */
                bool ok;

                p[i] ^= 0x41;
                save(in_journal(FIRST_SEGMENT), p, n);
                p[i] ^= 0x41;
                ok = opens(&held);
                assert_int_equal(ok, i >= end);
                if (ok)
                        assert_int_equal(held, 10);
        }
        free(p);
}

static void every_truncation_on_disk_leaves_a_prefix(void **state)
{
        size_t last, end, n;
        uint8_t *p = small_journal(&last, &end, &n);
        uint64_t held = 0;

        (void)state;
        for (size_t i = 0; i < n; i += 11) {
                save(in_journal(FIRST_SEGMENT), p, i);
                assert_int_equal(opens(&held), i >= JOURNAL_HEADER_BYTES);
                if (i >= last && i < end)
                        assert_int_equal(held, 6);
                if (i >= end)
                        assert_int_equal(held, 10);
        }
        free(p);
}

static void a_torn_last_batch_is_cut_and_overwritten(void **state)
{
        size_t last, end, n;
        uint8_t *p = small_journal(&last, &end, &n);
        uint64_t held = 0;

        (void)state;
        memset(p + end, 0, n - end); /* no mark: it may not have been synced */
        for (size_t i = last; i < end; i += 55) {
                if (p[i] == 0)
                        continue;
                p[i] ^= 0xff;
                save(in_journal(FIRST_SEGMENT), p, n);
                p[i] ^= 0xff;
                assert_true(opens(&held));
                assert_int_equal(held, 6);
        }
        free(p);
}

static void append_megabytes(struct journal *j, unsigned batches)
{
        uint8_t *big = calloc(1, 4 * MIB);

        assert_non_null(big);
        for (unsigned i = 0; i < batches; i++) {
                struct journal_record r = {
                        .index = journal_last(j) + 1, .bytes = big, .n = 4 * MIB};

                OK(journal_append(j, &r, 1, &err));
        }
        free(big);
}

static enum bdfs_status count(void *arg, const struct journal_record *r, struct bdfs_err *e)
{
        (void)r;
        (void)e;
        ++*(uint64_t *)arg;
        return BDFS_OK;
}

static void segments_roll_are_read_and_are_trimmed(void **state)
{
        struct journal *j = open_journal();
        uint64_t n = 0, all;

        (void)state;
        append_megabytes(j, 40); /* 15 to a segment: from 1, 16, 31 */
        assert_int_equal(access(in_journal("journal-0000000000000010"), F_OK), 0);
        assert_int_equal(access(in_journal("journal-000000000000001f"), F_OK), 0);
        journal_close(j);
        j = open_journal();
        OK(journal_read(j, 1, count, &n, &err));
        assert_int_equal(n, 40);
        all = journal_bytes_after(j, 0);
        assert_true(all > 160 * MIB && all < 200 * MIB);
        assert_true(journal_bytes_after(j, 15) < all - 60 * MIB);
        assert_true(journal_bytes_after(j, 14) == all);
        assert_int_equal(journal_bytes_after(j, 40), 0);

        OK(journal_trim(j, 15, &err)); /* 15 itself must stay */
        assert_int_equal(journal_first(j), 1);
        OK(journal_trim(j, 16, &err));
        assert_int_equal(journal_first(j), 16);
        OK(journal_trim(j, 1000, &err));
        assert_int_equal(journal_first(j), 31);
        assert_int_equal(journal_last(j), 40);
        assert_int_equal(access(in_journal("journal-0000000000000010"), F_OK), -1);
        assert_int_equal(journal_read(j, 30, count, &n, &err), BDFS_CORRUPT);
        n = 0;
        OK(journal_read(j, 31, count, &n, &err));
        assert_int_equal(n, 10);
        journal_close(j);
        j = open_journal();
        assert_int_equal(journal_first(j), 31);
        append_megabytes(j, 6); /* a new segment from 46 holds one record */
        OK(journal_trim(j, 1000, &err));
        assert_int_equal(journal_first(j), 46);
        journal_close(j);
}

static void damage_before_the_last_segment_is_corrupt(void **state)
{
        struct journal *j = open_journal();
        uint64_t n;
        uint8_t byte = 1;
        int fd;

        (void)state;
        append_megabytes(j, 40);
        journal_close(j);
        fd = open(in_journal("journal-0000000000000010"), O_WRONLY);
        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, &byte, 1, 58 * MIB), 1); /* its last batch */
        assert_int_equal(close(fd), 0);
        j = open_journal(); /* only the last one is looked at */
        assert_int_equal(journal_read(j, 1, count, &n, &err), BDFS_CORRUPT);
        assert_non_null(strstr(err.text, "record 30 "));
        OK(journal_read(j, 31, count, &n, &err));
        journal_close(j);

        assert_int_equal(unlink(in_journal("journal-0000000000000010")), 0);
        j = open_journal();
        assert_int_equal(journal_read(j, 1, count, &n, &err), BDFS_CORRUPT); /* a gap */
        journal_close(j);
}

static void an_incomplete_segment_is_removed(void **state)
{
        struct journal *j = open_journal();

        (void)state;
        OK(append(j, 3));
        journal_close(j);
        save(in_journal("journal-0000000000000004.new"), (const uint8_t *)"BDFS", 4);
        save(in_journal("journal-4"), (const uint8_t *)"x", 1);
        j = open_journal();
        assert_int_equal(journal_last(j), 3);
        assert_int_equal(access(in_journal("journal-0000000000000004.new"), F_OK), -1);
        journal_close(j);
}

static void a_segment_under_another_name_is_corrupt(void **state)
{
        struct journal *j = open_journal();

        (void)state;
        OK(append(j, 3));
        journal_close(j);
        assert_int_equal(rename(in_journal(FIRST_SEGMENT),
                                in_journal("journal-0000000000000002")), 0);
        assert_int_equal(journal_open(&j, journal_dir, cluster, &err), BDFS_CORRUPT);
}

static void a_batch_too_large_is_refused(void **state)
{
        struct journal *j = open_journal();

        (void)state;
        assert_int_equal(journal_reserve(j, JOURNAL_BATCH_BYTES_MAX + 1, &err), BDFS_LIMIT);
        OK(journal_reserve(j, JOURNAL_BATCH_BYTES_MAX, &err));
        OK(append(j, 1));
        journal_close(j);
}

/* RLIMIT_FSIZE stands in for a full disk: growing a file fails, its status is the same. */
static void limit_files(rlim_t bytes)
{
        struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

        BDFS_ASSERT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static int full_disk_child(void)
{
        struct journal *j;
        uint64_t n;

        (void)signal(SIGXFSZ, SIG_IGN);
        if (journal_open(&j, journal_dir, cluster, &err) != BDFS_OK)
                return 1;
        limit_files(16 * MIB);
        if (journal_reserve(j, 20 * MIB, &err) != BDFS_NO_SPACE)
                return 2;
        if (append(j, 1) != BDFS_OK) /* what there is can be used */
                return 3;
        if (journal_reserve(j, 20 * MIB, &err) != BDFS_NO_SPACE)
                return 4;
        limit_files(RLIM_INFINITY);
        if (journal_reserve(j, 20 * MIB, &err) != BDFS_OK || append(j, 1) != BDFS_OK)
                return 5;
        journal_close(j);
        if (journal_open(&j, journal_dir, cluster, &err) != BDFS_OK || read_all(j, 1, &n) != BDFS_OK)
                return 6;
        journal_close(j);
        return n == 12 ? 0 : 7;
}

static int failed_write_child(void)
{
        struct journal *j;

        (void)signal(SIGXFSZ, SIG_IGN);
        if (journal_open(&j, journal_dir, cluster, &err) != BDFS_OK)
                return 1;
        if (journal_reserve(j, 1000, &err) != BDFS_OK)
                return 2;
        limit_files(100);
        if (append(j, 1) == BDFS_OK)
                return 3;
        limit_files(RLIM_INFINITY);
        if (append(j, 1) != BDFS_IO || journal_reserve(j, 1, &err) != BDFS_IO)
                return 4;
        return journal_last(j) == 10 ? 0 : 5;
}

static void in_child(int (*run)(void))
{
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(run());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_full_disk_refuses_and_changes_nothing(void **state)
{
        size_t last, end, n;

        (void)state;
        free(small_journal(&last, &end, &n));
        in_child(full_disk_child);
}

static void a_failed_write_is_final(void **state)
{
        size_t last, end, n;
        struct journal *j;

        (void)state;
        free(small_journal(&last, &end, &n));
        in_child(failed_write_child);
        j = open_journal(); /* the next process may go on */
        assert_int_equal(journal_last(j), 10);
        OK(append(j, 1));
        journal_close(j);
}

/* Appends and says over a pipe what is durable, until it is killed. */
static void killed_child(int fd)
{
        struct journal *j;

        if (journal_open(&j, journal_dir, cluster, &err) != BDFS_OK)
                _exit(1);
        for (size_t i = 1;; i = i % 16 + 1) {
                uint64_t last;

                if (append(j, i) != BDFS_OK)
                        _exit(2);
                last = journal_last(j);
                if (write(fd, &last, sizeof(last)) != sizeof(last))
                        _exit(3);
        }
}

static void a_killed_writer_loses_nothing_it_acknowledged(void **state)
{
        uint64_t acked = 0, n;

        (void)state;
        for (unsigned round = 0; round < 40; round++) {
                struct journal *j;
                uint64_t last;
                int fds[2];
                pid_t pid;

                assert_int_equal(pipe(fds), 0);
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0)
                        killed_child(fds[1]);
                (void)close(fds[1]);
                if (round % 4 != 0) /* else perhaps before its first append */
                        assert_int_equal(read(fds[0], &acked, sizeof(acked)), sizeof(acked));
                (void)usleep(round * 97);
                assert_int_equal(kill(pid, SIGKILL), 0);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                while (read(fds[0], &last, sizeof(last)) == sizeof(last))
                        acked = last;
                (void)close(fds[0]);
                j = open_journal();
                assert_true(journal_last(j) >= acked);
                OK(read_all(j, 1, &n));
                assert_int_equal(n, journal_last(j));
                acked = n;
                journal_close(j);
        }
        assert_true(acked > 0);
}

static int set_up(void **state)
{
        (void)state;
        (void)snprintf(dir, sizeof(dir), "/tmp/test_journal.XXXXXX");
        if (mkdtemp(dir) == NULL)
                return -1;
        (void)snprintf(journal_dir, sizeof(journal_dir), "%s/journal", dir);
        return 0;
}

static int tear_down(void **state)
{
        char command[128];

        (void)state;
        (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
        return system(command);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bytes_are_as_documented),
                cmocka_unit_test(every_flipped_bit_of_a_header_is_found),
                cmocka_unit_test(a_whole_segment_scans_clean),
                cmocka_unit_test(every_flip_of_a_marked_segment_keeps_all_or_is_corrupt),
                cmocka_unit_test(every_flip_of_an_unmarked_segment_costs_at_most_the_last_batch),
                cmocka_unit_test(every_truncation_is_a_prefix),
                cmocka_unit_test(any_sectors_of_the_last_batch_may_be_missing),
                cmocka_unit_test(a_batch_inside_a_record_is_no_batch),
                T(records_come_back_after_reopening),
                T(a_second_opener_is_refused),
                T(another_clusters_journal_is_refused),
                T(every_flipped_byte_on_disk_is_corrupt_or_harmless),
                T(every_truncation_on_disk_leaves_a_prefix),
                T(a_torn_last_batch_is_cut_and_overwritten),
                T(segments_roll_are_read_and_are_trimmed),
                T(damage_before_the_last_segment_is_corrupt),
                T(an_incomplete_segment_is_removed),
                T(a_segment_under_another_name_is_corrupt),
                T(a_batch_too_large_is_refused),
                T(a_full_disk_refuses_and_changes_nothing),
                T(a_failed_write_is_final),
                T(a_killed_writer_loses_nothing_it_acknowledged),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
