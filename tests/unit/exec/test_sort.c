/* Sorting what a task wrote, and keeping it as segments: against a plain stable sort. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/records/partition.h"
#include "exec/records/sort.h"

#define LINES_MAX 6000

struct line {
        const uint8_t *bytes;
        size_t key_n, n, number;
        uint32_t partition;
};

static uint64_t seed = 88172645463325252ULL;
static size_t below(size_t n)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (size_t)(seed % n);
}

static int plain_order(const void *left, const void *right)
{
        const struct line *a = left, *b = right;
        size_t least = a->key_n < b->key_n ? a->key_n : b->key_n;
        int order = least == 0 ? 0 : memcmp(a->bytes, b->bytes, least);

        if (a->partition != b->partition)
                return a->partition < b->partition ? -1 : 1;
        if (order != 0)
                return order;
        if (a->key_n != b->key_n)
                return a->key_n < b->key_n ? -1 : 1;
        return a->number < b->number ? -1 : 1;
}

/* The runs of all partitions, as lines, must be @lines (sorted plainly). */
static void check_runs(const struct sorter *s, uint32_t partitions, const struct line *lines,
                       size_t n)
{
        size_t at = 0;

        for (uint32_t p = 0; p < partitions; p++) {
                struct sorter_cursor c;
                struct segment_run run;
                bool first = true;

                sorter_begin(s, p, &c);
                while (sorter_next(&c, &run)) {
                        const struct line *before = at == 0 ? NULL : &lines[at - 1];

                        assert_int_equal(run.same_key,
                                         !first && before->key_n == run.key_n &&
                                                 memcmp(before->bytes, run.key, run.key_n) == 0);
                        first = false;
                        for (uint64_t k = 0; k < run.count; k++, at++) {
                                const struct line *l = &lines[at];

                                assert_true(at < n);
                                assert_int_equal(l->partition, p);
                                assert_int_equal(l->key_n, run.key_n);
                                assert_memory_equal(l->bytes, run.key, run.key_n);
                                assert_int_equal(run.tab, l->n > l->key_n);
                                if (!run.tab)
                                        continue;
                                assert_int_equal(run.value_n, l->n - l->key_n - 1);
                                assert_memory_equal(run.value, l->bytes + l->key_n + 1,
                                                    run.value_n);
                        }
                }
        }
        assert_int_equal(at, n);
}

enum shape { SHAPE_FEW, SHAPE_RANDOM, SHAPE_LONG, SHAPE_NULS, SHAPE_NESTED, SHAPES };

static size_t make_key(enum shape shape, uint8_t *to, size_t room)
{
        size_t n = 0;

        switch (shape) {
        case SHAPE_FEW:
                return (size_t)snprintf((char *)to, room, "k%zu", below(20));
        case SHAPE_RANDOM:
                for (n = 0; n < 12 && below(12) != 0; n++)
                        to[n] = (uint8_t)below(256);
                return n;
        case SHAPE_LONG:
                n = 8 * below(20) + below(3);
                memset(to, 'x', n);
                if (n > 0 && below(3) == 0)
                        to[below(n)] = (uint8_t)('w' + below(3));
                return n;
        case SHAPE_NULS:
                n = below(20);
                memset(to, 0, n);
                if (n > 0 && below(4) == 0)
                        to[n - 1] = 1;
                return n;
        case SHAPE_NESTED:
                n = below(150);
                memset(to, 'a', n);
                if (n > 0)
                        to[n - 1] = 'b';
                return n;
        case SHAPES:
                break;
        }
        return n;
}

static void one_round(enum shape shape, size_t n, uint32_t partitions)
{
        struct line *lines = calloc(n + 1, sizeof(*lines));
        uint8_t *bytes = malloc(n * 200 + 200), *at = bytes;
        struct sorter *s;
        struct bdfs_err err;

        assert_non_null(lines);
        assert_non_null(bytes);
        assert_int_equal(sorter_new(&s, 4 << 20, partitions, &err), BDFS_OK);
        for (size_t i = 0; i < n; i++) {
                size_t key_n = make_key(shape, at, 180), line_n = key_n;

                if (below(2) == 0) {
                        at[line_n++] = '\t';
                        line_n += (size_t)sprintf((char *)at + line_n, "%.*s", (int)below(3), "vv");
                }
                lines[i] = (struct line){.bytes = at, .key_n = key_n, .n = line_n, .number = i,
                                         .partition = partition_of(at, key_n, partitions)};
                assert_true(sorter_add(s, lines[i].partition, at, key_n, line_n));
                at += line_n;
        }
        assert_int_equal(sorter_empty(s), n == 0);
        assert_int_equal(sorter_sort(s, &err), BDFS_OK);
        qsort(lines, n, sizeof(*lines), plain_order);
        check_runs(s, partitions, lines, n);
        sorter_clear(s);
        assert_true(sorter_empty(s));
        sorter_free(s);
        free(lines);
        free(bytes);
}

static void sorts_like_a_plain_stable_sort(void **state)
{
        (void)state;
        for (unsigned shape = 0; shape < SHAPES; shape++) {
                for (size_t n = 0; n < 60; n += 7)
                        one_round((enum shape)shape, n, 1);
                one_round((enum shape)shape, LINES_MAX, 1);
                one_round((enum shape)shape, LINES_MAX, 5);
                one_round((enum shape)shape, 300, 1000);
        }
}

static void a_full_buffer_says_so_and_goes_on_empty(void **state)
{
        struct sorter *s;
        struct bdfs_err err;
        uint8_t big[5000] = {0};
        size_t n = 0, again = 0;

        (void)state;
        assert_int_equal(sorter_new(&s, 4096, 1, &err), BDFS_OK);
        assert_false(sorter_add(s, 0, big, 1, sizeof(big)));
        assert_true(sorter_empty(s));
        while (sorter_add(s, 0, (const uint8_t *)"key", 3, 3))
                n++;
        assert_in_range(n, 4096 / 32, 4096 / 16);
        assert_int_equal(sorter_sort(s, &err), BDFS_OK);
        sorter_clear(s);
        while (sorter_add(s, 0, (const uint8_t *)"key", 3, 3))
                again++;
        assert_int_equal(again, n);
        sorter_free(s);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(sorts_like_a_plain_stable_sort),
                cmocka_unit_test(a_full_buffer_says_so_and_goes_on_empty),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
