/* The checksums against known values, a bit by bit twin, and each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/crc.h"

static const enum crc_type types[] = {CRC_CRC32, CRC_CRC32C};

static uint32_t bit_by_bit(enum crc_type type, const uint8_t *p, size_t n)
{
        uint32_t generator = type == CRC_CRC32 ? 0xedb88320U : 0x82f63b78U, crc = ~0U;

        for (size_t i = 0; i < n; i++) {
                crc ^= p[i];
                for (int b = 0; b < 8; b++)
                        crc = (crc & 1) != 0 ? crc >> 1 ^ generator : crc >> 1;
        }
        return ~crc;
}

static void fill(uint8_t *p, size_t n)
{
        uint32_t x = 1;

        for (size_t i = 0; i < n; i++) {
                x = x * 1664525 + 1013904223;
                p[i] = (uint8_t)(x >> 24);
        }
}

static void known_sums_come_out(void **state)
{
        (void)state;
        assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283U);
        assert_int_equal(crc32_zlib(0, "123456789", 9), 0xcbf43926U);
        assert_int_equal(crc32c(0, "bar\n", 4), 0xfb1d06c8U);
        assert_int_equal(crc32_zlib(0, "bar\n", 4), 0x04a2b3e9U);
        assert_int_equal(crc32c(0, NULL, 0), 0);
        assert_int_equal(crc32_zlib(0, NULL, 0), 0);
        assert_int_equal(crc32_zlib(17, NULL, 0), 17);
        assert_int_equal(crc_of(CRC_NULL, 5, "x", 1), 0);
}

static void every_length_and_alignment_agrees_with_the_slow_twin(void **state)
{
        static uint8_t data[1200];

        (void)state;
        fill(data, sizeof(data));
        for (size_t t = 0; t < 2; t++)
                for (size_t off = 0; off < 9; off++)
                        for (size_t n = 0; n < 1100; n += 1 + n / 40)
                                assert_int_equal(crc_of(types[t], 0, data + off, n),
                                                 bit_by_bit(types[t], data + off, n));
}

static void sums_go_on_and_combine_at_every_cut(void **state)
{
        static uint8_t data[700];

        (void)state;
        fill(data, sizeof(data));
        for (size_t t = 0; t < 2; t++) {
                uint32_t whole = crc_of(types[t], 0, data, sizeof(data));

                for (size_t cut = 0; cut <= sizeof(data); cut++) {
                        size_t rest = sizeof(data) - cut;
                        uint32_t a = crc_of(types[t], 0, data, cut);
                        uint32_t b = crc_of(types[t], 0, data + cut, rest);

                        assert_int_equal(crc_of(types[t], a, data + cut, rest), whole);
                        assert_int_equal(crc_combine(types[t], a, b, rest), whole);
                }
        }
}

static void many_chunks_combine_with_one_shift(void **state)
{
        static uint8_t data[512 * 40 + 7];
        size_t chunks = crc_chunk_count(sizeof(data), 512);
        uint8_t sums[41 * 4];

        (void)state;
        fill(data, sizeof(data));
        assert_int_equal(chunks, 41);
        for (size_t t = 0; t < 2; t++) {
                uint32_t shift = crc_shift_of(types[t], 512), crc = 0;

                crc_chunks(types[t], data, sizeof(data), 512, sums);
                for (size_t i = 0; i < 40; i++)
                        crc = crc_combine_shifted(types[t], crc, get_u32be(sums + 4 * i), shift);
                crc = crc_combine(types[t], crc, get_u32be(sums + 160), 7);
                assert_int_equal(crc, crc_of(types[t], 0, data, sizeof(data)));
        }
        assert_int_equal(crc_combine(CRC_NULL, 1, 2, 3), 0);
}

static void the_first_bad_chunk_is_named(void **state)
{
        static uint8_t data[2000], sums[16];

        (void)state;
        fill(data, sizeof(data));
        for (size_t t = 0; t < 2; t++) {
                memset(sums, 0xee, sizeof(sums));
                crc_chunks(types[t], data, sizeof(data), 512, sums);
                assert_int_equal(crc_verify_chunks(types[t], data, sizeof(data), 512, sums), -1);
                for (size_t i = sizeof(data); i-- > 0;) {
                        data[i] ^= 0x10;
                        assert_int_equal(crc_verify_chunks(types[t], data, sizeof(data), 512,
                                                           sums), i / 512);
                        if (i % 100 != 0)
                                data[i] ^= 0x10;
                }
                assert_int_equal(crc_verify_chunks(types[t], data, 0, 512, sums), -1);
        }
}

static void no_checksum_means_no_bytes(void **state)
{
        uint8_t sums[4] = {1, 2, 3, 4};

        (void)state;
        crc_chunks(CRC_NULL, "abc", 3, 1, sums);
        assert_memory_equal(sums, ((uint8_t[]){1, 2, 3, 4}), 4);
        assert_int_equal(crc_verify_chunks(CRC_NULL, "abc", 3, 1, NULL), -1);
        assert_int_equal(crc_bytes(CRC_NULL), 0);
        assert_int_equal(crc_bytes(CRC_CRC32C), 4);
        assert_true(crc_type_ok(0) && crc_type_ok(1) && crc_type_ok(2));
        assert_false(crc_type_ok(3) || crc_type_ok(-1));
        assert_int_equal(crc_chunk_count(0, 512), 0);
        assert_int_equal(crc_chunk_count(SIZE_MAX, 1), SIZE_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(known_sums_come_out),
                cmocka_unit_test(every_length_and_alignment_agrees_with_the_slow_twin),
                cmocka_unit_test(sums_go_on_and_combine_at_every_cut),
                cmocka_unit_test(many_chunks_combine_with_one_shift),
                cmocka_unit_test(the_first_bad_chunk_is_named),
                cmocka_unit_test(no_checksum_means_no_bytes),
        };

        return cmocka_run_group_tests_name("crc", tests, NULL, NULL);
}
