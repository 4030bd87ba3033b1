/* Cursors: what is written reads back, what is short is bad and stays bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/cleanup.h"

static void every_width_reads_back(void **state)
{
        struct buf b;
        struct rd r;

        (void)state;
        buf_init(&b, 0);
        buf_u8(&b, 0x12);
        buf_u16be(&b, 0x3456);
        buf_u32be(&b, 0x789abcdeU);
        buf_u64be(&b, UINT64_C(0x0123456789abcdef));
        buf_u32le(&b, 0x01020304U);
        buf_u64le(&b, UINT64_C(0x0102030405060708));
        buf_add(&b, "xyz", 3);
        buf_add(&b, NULL, 0);
        assert_false(b.bad);
        assert_int_equal(b.n, 30);
        assert_memory_equal(b.data, "\x12\x34\x56\x78\x9a\xbc\xde\x01", 8);
        assert_memory_equal(b.data + 15, "\x04\x03\x02\x01\x08", 5);
        r = rd_of(b.data, b.n);
        assert_int_equal(rd_u8(&r), 0x12);
        assert_int_equal(rd_u16be(&r), 0x3456);
        assert_int_equal(rd_u32be(&r), 0x789abcdeU);
        assert_true(rd_u64be(&r) == UINT64_C(0x0123456789abcdef));
        assert_int_equal(rd_u32le(&r), 0x01020304U);
        assert_true(rd_u64le(&r) == UINT64_C(0x0102030405060708));
        assert_false(rd_done(&r));
        assert_memory_equal(rd_bytes(&r, 3), "xyz", 3);
        assert_true(rd_done(&r));
        buf_fini(&b);
        assert_null(b.data);
}

static void a_short_read_is_bad_for_good(void **state)
{
        struct rd r = rd_of("\x01\x02\x03", 3);

        (void)state;
        assert_int_equal(rd_u32be(&r), 0);
        assert_true(r.bad);
        assert_int_equal(rd_u8(&r), 0);
        assert_null(rd_bytes(&r, 0));
        assert_false(rd_done(&r));
        r = rd_of(NULL, 0);
        assert_int_equal(rd_left(&r), 0);
        assert_true(rd_done(&r));
        assert_int_equal(rd_u8(&r), 0);
        assert_true(r.bad);
        r = rd_of("abc", 3);
        assert_null(rd_bytes(&r, SIZE_MAX));
        assert_true(r.bad);
}

static void varints_of_every_size_read_back(void **state)
{
        (void)state;
        for (unsigned shift = 0; shift < 64; shift++) {
                const uint64_t values[] = {UINT64_C(1) << shift, (UINT64_C(1) << shift) - 1,
                                           UINT64_MAX >> shift};

                for (size_t i = 0; i < 3; i++) {
                        struct buf b;
                        struct rd r;

                        buf_init(&b, 0);
                        buf_varint(&b, values[i]);
                        assert_int_equal(b.n, varint_size(values[i]));
                        assert_true(b.n >= 1 && b.n <= 10);
                        r = rd_of(b.data, b.n);
                        assert_true(rd_varint(&r) == values[i]);
                        assert_true(rd_done(&r));
                        r = rd_of(b.data, b.n - 1);
                        assert_int_equal(rd_varint(&r), 0);
                        assert_true(r.bad);
                        buf_fini(&b);
                }
        }
}

static void a_varint_without_end_is_bad(void **state)
{
        struct rd r = rd_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);

        (void)state;
        assert_int_equal(rd_varint(&r), 0);
        assert_true(r.bad);
        r = rd_of("\x80\x80\x00", 3); /* padded, as some writers do */
        assert_int_equal(rd_varint(&r), 0);
        assert_true(rd_done(&r));
}

static void a_full_buf_is_bad_until_reset(void **state)
{
        struct buf b;

        (void)state;
        buf_init(&b, 100);
        for (int i = 0; i < 25; i++)
                buf_u32be(&b, 7);
        assert_false(b.bad);
        buf_u8(&b, 1);
        assert_true(b.bad);
        assert_int_equal(b.n, 100);
        assert_null(buf_grow(&b, 0));
        buf_reset(&b);
        assert_false(b.bad);
        assert_int_equal(b.n, 0);
        assert_null(buf_grow(&b, SIZE_MAX));
        assert_true(b.bad);
        buf_fini(&b);
        assert_int_equal(b.limit, 100);
}

static void big_endian_words_pass_through_memory(void **state)
{
        uint8_t p[4];

        (void)state;
        put_u32be(p, 0xfb1d06c8U);
        assert_memory_equal(p, "\xfb\x1d\x06\xc8", 4);
        assert_int_equal(get_u32be(p), 0xfb1d06c8U);
}

static char *take(char **from)
{
        AUTO_FREE char *p = *from;

        *from = NULL;
        return TAKE_PTR(p);
}

static void ownership_leaves_a_scope_only_when_taken(void **state)
{
        char *p = strdup("kept");
        AUTO_FREE char *kept = take(&p);
        AUTO_CLOSE int fd = dup(0);
        int copy = fd, took = TAKE_FD(fd);

        (void)state;
        assert_null(p);
        assert_string_equal(kept, "kept");
        assert_int_equal(fd, -1);
        assert_int_equal(took, copy);
        if (took >= 0)
                assert_int_equal(close(took), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_width_reads_back),
                cmocka_unit_test(a_short_read_is_bad_for_good),
                cmocka_unit_test(varints_of_every_size_read_back),
                cmocka_unit_test(a_varint_without_end_is_bad),
                cmocka_unit_test(a_full_buf_is_bad_until_reset),
                cmocka_unit_test(big_endian_words_pass_through_memory),
                cmocka_unit_test(ownership_leaves_a_scope_only_when_taken),
        };

        return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
