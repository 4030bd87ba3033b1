/* Located pieces into splits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/records/partition.h"
#include "exec/records/split.h"

static struct split_piece piece(uint64_t offset, uint64_t length, uint32_t a, uint32_t b)
{
        return (struct split_piece){.offset = offset, .length = length, .block = offset + 1,
                                    .nodes = {a, b}, .nodes_n = b == 0 ? 1 : 2};
}

static void each_whole_block_is_a_split(void **state)
{
        const struct split_piece p[] = {piece(0, 100, 1, 2), piece(100, 100, 2, 3),
                                        piece(200, 10, 3, 0)};
        struct split s;

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                split_next(p, 3, i, 100, &s);
                assert_int_equal(s.start, p[i].offset);
                assert_int_equal(s.length, p[i].length);
                assert_int_equal(s.pieces_n, 1);
                assert_int_equal(s.nodes_n, p[i].nodes_n);
                assert_int_equal(s.nodes[0], p[i].nodes[0]);
        }
}

static void small_pieces_are_put_together_up_to_a_block(void **state)
{
        const struct split_piece p[] = {piece(0, 30, 1, 0), piece(30, 30, 2, 0),
                                        piece(60, 40, 2, 3), piece(100, 1, 9, 0)};
        struct split s;

        (void)state;
        split_next(p, 4, 0, 100, &s);
        assert_int_equal(s.length, 100);
        assert_int_equal(s.pieces_n, 3);
        assert_int_equal(s.nodes_n, 1);
        assert_int_equal(s.nodes[0], 2); /* 70 bytes of it */
        split_next(p, 4, 3, 100, &s);
        assert_int_equal(s.start, 100);
        assert_int_equal(s.length, 1);
}

static void a_piece_larger_than_a_block_stays_whole(void **state)
{
        const struct split_piece p[] = {piece(0, 1000, 1, 0), piece(1000, 5, 1, 0)};
        struct split s;

        (void)state;
        split_next(p, 2, 0, 100, &s);
        assert_int_equal(s.length, 1000);
        assert_int_equal(s.pieces_n, 1);
}

static void an_empty_file_is_one_empty_split(void **state)
{
        struct split s;

        (void)state;
        split_next(NULL, 0, 0, 100, &s);
        assert_int_equal(s.length, 0);
        assert_int_equal(s.pieces_n, 0);
        assert_int_equal(s.nodes_n, 0);
}

static void holes_prefer_nobody(void **state)
{
        struct split_piece p = {.offset = 0, .length = 100};
        struct split s;

        (void)state;
        split_next(&p, 1, 0, 100, &s);
        assert_int_equal(s.nodes_n, 0);
        assert_int_equal(s.length, 100);
}

static void partitions_are_those_of_hadoop(void **state)
{
        (void)state;
        assert_int_equal(partition_hash((const uint8_t *)"the", 3), 144592);
        assert_int_equal(partition_hash((const uint8_t *)"\xc3\xa9", 2), 2147482631);
        assert_int_equal(partition_hash(NULL, 0), 1);
        assert_int_equal(partition_of((const uint8_t *)"the", 3, 7), 144592 % 7);
        assert_int_equal(partition_of((const uint8_t *)"the", 3, 1), 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_whole_block_is_a_split),
                cmocka_unit_test(small_pieces_are_put_together_up_to_a_block),
                cmocka_unit_test(a_piece_larger_than_a_block_stays_whole),
                cmocka_unit_test(an_empty_file_is_one_empty_split),
                cmocka_unit_test(holes_prefer_nobody),
                cmocka_unit_test(partitions_are_those_of_hadoop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
