/* The journal's format, as pure functions: every flip, every truncation. */
#include "common/crc.h"
#include "tests/unit/namenode/test_journal_kit.h"

#define SALT 0x0123456789abcdefULL

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
        assert_int_equal(journal_header_decode(bytes, sizeof(bytes), &back, &err), BDFS_NEWER);
        bytes[11] = 0;
        put_u32be(bytes + 60, crc32c(0, bytes, 60));
        assert_int_equal(journal_header_decode(bytes, sizeof(bytes), &back, &err), BDFS_CORRUPT);
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
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
