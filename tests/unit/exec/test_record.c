/* Records of parts of files: whatever the bytes and wherever the cuts, the parts' records joined
 * are the file's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/records/record.h"

struct text {
        uint8_t bytes[8192];
        size_t n;
        uint64_t records;
};

/* The definition: the bytes as they are. */
static void reference(const uint8_t *file, size_t n, struct text *ret)
{
        memcpy(ret->bytes, file, n);
        ret->n = n;
        ret->records = n > 0 && file[n - 1] != '\n';
        for (size_t i = 0; i < n; i++)
                ret->records += file[i] == '\n';
}

/* One part, read in pieces of at most @step bytes; adds to @ret. *ret_beyond: past the end. */
static void read_part(const uint8_t *file, size_t n, size_t start, size_t end, size_t step,
                      struct text *ret, size_t *ret_beyond)
{
        struct record_window w;
        uint8_t room[8192];

        record_window_init(&w, start, end);
        while (!w.done && w.at < n) {
                size_t at = (size_t)w.at, now = n - at < step ? n - at : step;
                struct record_bytes got;

                memcpy(room, file + at, now);
                record_window_take(&w, room, now, &got);
                assert_true(got.data >= room && got.data + got.n <= room + now);
                assert_true(w.done || w.at == at + now);
                memcpy(ret->bytes + ret->n, got.data, got.n);
                ret->n += got.n;
        }
        (void)record_count_end(&w.count);
        ret->records += w.count.records;
        *ret_beyond = w.at > end ? (size_t)w.at - end : 0;
}

static void check_parts(const uint8_t *file, size_t n, size_t part, size_t step)
{
        struct text want, got = {.n = 0};
        size_t beyond;

        reference(file, n, &want);
        for (size_t at = 0; at < n || at == 0; at += part)
                read_part(file, n, at, at + part < n ? at + part : n, step, &got, &beyond);
        if (got.n != want.n || memcmp(got.bytes, want.bytes, want.n) != 0)
                fail_msg("parts of %zu, pieces of %zu, of %zu bytes: other records", part, step, n);
        assert_int_equal(got.records, want.records);
}

static uint64_t seed = 88172645463325252ULL;
static size_t below(size_t n)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (size_t)(seed % n);
}

static void parts_of_any_file_give_its_records(void **state)
{
        static const char *const alphabets[] = {"a\n", "ab\r\n", "\r\n", "aaaaaaaaaaaaaaa\n",
                                                "a\r", "abcdefgh\xef\xbb\xbf\n\r"};
        uint8_t file[300];

        (void)state;
        for (unsigned round = 0; round < 40000; round++) {
                const char *letters = alphabets[below(6)];
                size_t n = below(round % 10 == 0 ? sizeof(file) : 40);

                for (size_t i = 0; i < n; i++)
                        file[i] = (uint8_t)letters[below(strlen(letters))];
                if (n >= 3 && below(5) == 0)
                        memcpy(file, "\xef\xbb\xbf", 3);
                check_parts(file, n, 1 + below(n + 2), 1 + below(n + 2));
        }
}

static void every_small_file_with_every_cut(void **state)
{
        static const char letters[] = {'a', '\n', '\r'};
        uint8_t file[6];

        (void)state;
        for (size_t n = 0; n <= 6; n++) {
                size_t files = 1;

                for (size_t i = 0; i < n; i++)
                        files *= 3;
                for (size_t f = 0; f < files; f++) {
                        for (size_t i = 0, rest = f; i < n; i++, rest /= 3)
                                file[i] = (uint8_t)letters[rest % 3];
                        for (size_t part = 1; part <= n + 1; part++)
                                for (size_t step = 1; step <= n + 1; step++)
                                        check_parts(file, n, part, step);
                }
        }
}

static void a_record_that_starts_at_the_end_belongs_to_the_earlier_part(void **state)
{
        struct text got = {.n = 0};
        size_t beyond;

        (void)state;
        read_part((const uint8_t *)"ab\ncd\nef\n", 9, 0, 3, 100, &got, &beyond);
        assert_int_equal(got.n, 6);
        assert_memory_equal(got.bytes, "ab\ncd\n", 6);
        assert_int_equal(beyond, 3);
        got.n = 0;
        read_part((const uint8_t *)"ab\ncd\nef\n", 9, 3, 6, 100, &got, &beyond);
        assert_int_equal(got.n, 3);
        assert_memory_equal(got.bytes, "ef\n", 3);
}

static void cr_is_a_byte_of_its_record(void **state)
{
        struct text got = {.n = 0};
        size_t beyond;

        (void)state;
        read_part((const uint8_t *)"ab\r\ncd\r\n", 8, 0, 3, 100, &got, &beyond);
        assert_int_equal(got.n, 4);
        assert_memory_equal(got.bytes, "ab\r\n", 4);
        assert_int_equal(beyond, 1);
        got.n = 0;
        read_part((const uint8_t *)"ab\r\ncd\r\n", 8, 3, 8, 1, &got, &beyond);
        assert_int_equal(got.n, 4);
        assert_memory_equal(got.bytes, "cd\r\n", 4);
}

static void a_part_inside_of_one_record_reads_nothing_beyond_itself(void **state)
{
        struct text got = {.n = 0};
        size_t beyond;

        (void)state;
        read_part((const uint8_t *)"aaaaaaaaaaaaaaaa\nb\n", 19, 4, 8, 3, &got, &beyond);
        assert_int_equal(got.n, 0);
        assert_int_equal(beyond, 0);
}

static void a_record_without_lf_counts_once(void **state)
{
        struct record_count c = {.records = 0};

        (void)state;
        record_count(&c, (const uint8_t *)"a\0b\r\n", 5);
        record_count(&c, (const uint8_t *)"\n\r", 2);
        record_count(&c, NULL, 0);
        assert_int_equal(c.records, 2);
        assert_true(record_count_end(&c));
        assert_false(record_count_end(&c));
        assert_int_equal(c.records, 3);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_small_file_with_every_cut),
                cmocka_unit_test(parts_of_any_file_give_its_records),
                cmocka_unit_test(a_record_that_starts_at_the_end_belongs_to_the_earlier_part),
                cmocka_unit_test(cr_is_a_byte_of_its_record),
                cmocka_unit_test(a_part_inside_of_one_record_reads_nothing_beyond_itself),
                cmocka_unit_test(a_record_without_lf_counts_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
