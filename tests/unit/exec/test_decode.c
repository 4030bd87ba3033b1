/* Compressed bytes: what the libraries and Hadoop write is read in pieces of any size; what is cut
 * short, damaged or something else is an error, never less data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bzlib.h>
#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "exec/records/decode.h"

#define TEXT_BYTES 200000

struct bytes {
        uint8_t *data;
        size_t n;
};

static uint8_t text[TEXT_BYTES];

static void make_text(void)
{
        uint32_t x = 1;

        for (size_t i = 0; i < TEXT_BYTES; i++) { /* some of it compresses */
                x = x * 1664525 + 1013904223;
                text[i] = i % 100 < 60 ? (uint8_t)"the same words\r\n"[i % 16] : (uint8_t)(x >> 24);
        }
}

/* ---- making frames ------------------------------------------------------------------------ */

static struct bytes room_of(size_t n)
{
        struct bytes b = {malloc(n), n};

        assert_non_null(b.data);
        return b;
}

static struct bytes zlib_frame(const uint8_t *from, size_t n, int window_bits)
{
        struct bytes b = room_of(n + 10000);
        z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (unsigned)n,
                      .next_out = b.data, .avail_out = (unsigned)b.n};

        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        b.n = z.total_out;
        (void)deflateEnd(&z);
        return b;
}

static struct bytes frame_of(enum decode_format f, const uint8_t *from, size_t n)
{
        struct bytes b = room_of(2 * n + 100000);
        unsigned bz_n = (unsigned)b.n;
        size_t xz_n = 0;

        if (f == DECODE_GZIP || f == DECODE_DEFLATE) {
                free(b.data);
                return zlib_frame(from, n, f == DECODE_GZIP ? 31 : 15);
        }
        if (f == DECODE_BZIP2) {
                assert_int_equal(BZ2_bzBuffToBuffCompress((char *)b.data, &bz_n,
                                                          (char *)(uintptr_t)from, (unsigned)n, 1,
                                                          0, 0), BZ_OK);
                b.n = bz_n;
        } else if (f == DECODE_ZSTD) {
                b.n = ZSTD_compress(b.data, b.n, from, n, 3);
                assert_false(ZSTD_isError(b.n));
        } else if (f == DECODE_LZ4) {
                b.n = LZ4F_compressFrame(b.data, b.n, from, n, NULL);
                assert_false(LZ4F_isError(b.n));
        } else {
                assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, from, n, b.data,
                                                         &xz_n, b.n), LZMA_OK);
                b.n = xz_n;
        }
        return b;
}

static void put32(uint8_t *to, size_t v)
{
        to[0] = (uint8_t)(v >> 24);
        to[1] = (uint8_t)(v >> 16);
        to[2] = (uint8_t)(v >> 8);
        to[3] = (uint8_t)v;
}

/* Hadoop's BlockCompressorStream: the block's length, then pieces of at most @piece bytes. */
static struct bytes hadoop_block(const uint8_t *from, size_t n, size_t piece)
{
        struct bytes b = room_of(2 * n + 100000);
        size_t at = 4;

        put32(b.data, n);
        for (size_t done = 0; done < n; done += piece) {
                size_t now = n - done < piece ? n - done : piece;
                int stored = LZ4_compress_default((const char *)from + done,
                                                  (char *)b.data + at + 4, (int)now,
                                                  (int)(b.n - at - 4));

                assert_true(stored > 0);
                put32(b.data + at, (size_t)stored);
                at += 4 + (size_t)stored;
        }
        b.n = at;
        return b;
}

static struct bytes joined(struct bytes a, struct bytes b)
{
        struct bytes all = room_of(a.n + b.n + 1);

        memcpy(all.data, a.data, a.n);
        memcpy(all.data + a.n, b.data, b.n);
        all.n = a.n + b.n;
        free(a.data);
        free(b.data);
        return all;
}

/* ---- reading them ------------------------------------------------------------------------- */

struct pieces {
        const uint8_t *at;
        size_t left, step;
};

static enum bdfs_status next_piece(void *arg, const uint8_t **ret, size_t *ret_n,
                                   struct bdfs_err *err)
{
        struct pieces *p = arg;
        size_t n = p->left < p->step ? p->left : p->step;

        (void)err;
        *ret = p->at;
        *ret_n = n;
        p->at += n;
        p->left -= n;
        return BDFS_OK;
}

/* Decodes all; what came out goes to @out, @room bytes at most. */
static enum bdfs_status decode_all(enum decode_format f, const uint8_t *data, size_t n, size_t step,
                                   struct bytes *out, struct bdfs_err *err)
{
        struct pieces p = {data, n, step};
        size_t room = out->n, used = 0;
        struct decode *d;
        enum bdfs_status rc = decode_new(&d, f, "/file", next_piece, &p, err);

        while (rc == BDFS_OK) {
                const uint8_t *piece;
                size_t piece_n;

                rc = decode_next(d, &piece, &piece_n, err);
                if (rc != BDFS_OK || piece_n == 0)
                        break;
                assert_true(used + piece_n <= room);
                memcpy(out->data + used, piece, piece_n);
                used += piece_n;
        }
        out->n = used;
        decode_free(d);
        return rc;
}

static void gives(enum decode_format f, struct bytes in, const uint8_t *want, size_t want_n)
{
        static const size_t steps[] = {1, 7, 4096, 1 << 20};
        struct bdfs_err err;

        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                struct bytes out = room_of(want_n + 1);

                if (decode_all(f, in.data, in.n, steps[i], &out, &err) != BDFS_OK)
                        fail_msg("%s in pieces of %zu: %s", decode_name(f), steps[i], err.text);
                assert_int_equal(out.n, want_n);
                assert_memory_equal(out.data, want, want_n);
                free(out.data);
        }
}

static void every_format_gives_its_bytes_back(void **state)
{
        (void)state;
        for (enum decode_format f = DECODE_NONE + 1; f < DECODE_FORMATS; f++) {
                struct bytes b = frame_of(f, text, TEXT_BYTES), none = {b.data, 0};

                gives(f, b, text, TEXT_BYTES);
                gives(f, none, text, 0);
                free(b.data);
                b = frame_of(f, text, 0);
                gives(f, b, text, 0);
                free(b.data);
        }
}

static void frames_one_behind_the_other_are_one_file(void **state)
{
        (void)state;
        for (enum decode_format f = DECODE_NONE + 1; f < DECODE_FORMATS; f++) {
                struct bytes b = joined(frame_of(f, text, 1000), frame_of(f, text, 0));

                b = joined(b, frame_of(f, text + 1000, TEXT_BYTES - 1000));
                gives(f, b, text, TEXT_BYTES);
                free(b.data);
        }
}

static void hadoops_blocks_of_lz4(void **state)
{
        struct bytes b = joined(hadoop_block(text, 100000, 30000),
                                hadoop_block(text + 100000, TEXT_BYTES - 100000, 1 << 18));

        (void)state;
        gives(DECODE_LZ4, b, text, TEXT_BYTES);
        free(b.data);
        b = hadoop_block(text, 0, 1); /* what is written for an empty file */
        gives(DECODE_LZ4, b, text, 0);
        free(b.data);
}

static void is_refused(enum decode_format f, const uint8_t *data, size_t n, const char *what)
{
        struct bytes out = room_of(2 * TEXT_BYTES);
        struct bdfs_err err;
        enum bdfs_status rc = decode_all(f, data, n, 1000, &out, &err);

        if (rc != BDFS_CORRUPT)
                fail_msg("%s, %s: status %d, %zu bytes", decode_name(f), what, (int)rc, out.n);
        assert_non_null(strstr(err.text, "/file: its "));
        assert_non_null(strstr(err.text, " at byte "));
        free(out.data);
}

static void what_is_cut_short_is_an_error_at_every_byte(void **state)
{
        struct bytes b;

        (void)state;
        for (enum decode_format f = DECODE_NONE + 1; f < DECODE_FORMATS; f++) {
                b = frame_of(f, text, 700);
                for (size_t n = 1; n < b.n; n++)
                        is_refused(f, b.data, n, "cut short");
                free(b.data);
        }
        b = hadoop_block(text, 700, 300);
        for (size_t n = 1; n < b.n; n++)
                is_refused(DECODE_LZ4, b.data, n, "Hadoop's, cut short");
        free(b.data);
}

static void something_else_is_an_error(void **state)
{
        static const char other[] = "this is only text, and it is long enough for any head\n";

        (void)state;
        for (enum decode_format f = DECODE_NONE + 1; f < DECODE_FORMATS; f++) {
                struct bytes b = joined(frame_of(f, text, 700), room_of(sizeof(other)));

                is_refused(f, (const uint8_t *)other, sizeof(other) - 1, "text");
                memcpy(b.data + b.n - sizeof(other), other, sizeof(other));
                is_refused(f, b.data, b.n, "text behind a frame");
                free(b.data);
        }
}

/* Formats with a checksum: any byte that differs is noticed. */
static void a_damaged_byte_never_gives_other_data(void **state)
{
        static const enum decode_format checked[] = {DECODE_GZIP, DECODE_BZIP2, DECODE_DEFLATE,
                                                     DECODE_XZ};
        struct bytes out = room_of(2 * TEXT_BYTES);

        (void)state;
        for (size_t i = 0; i < sizeof(checked) / sizeof(checked[0]); i++) {
                struct bytes b = frame_of(checked[i], text, 700);

                for (size_t at = 0; at < b.n; at++) {
                        struct bdfs_err err;

                        b.data[at] ^= 0x10;
                        out.n = 2 * TEXT_BYTES;
                        if (decode_all(checked[i], b.data, b.n, 50, &out, &err) == BDFS_OK) {
                                assert_int_equal(out.n, 700); /* gzip's head has free bytes */
                                assert_memory_equal(out.data, text, 700);
                        }
                        b.data[at] ^= 0x10;
                }
                free(b.data);
        }
        free(out.data);
}

/* Whatever is claimed, memory is bounded: a gigabyte of zeros comes in pieces. */
static void a_bomb_comes_in_small_pieces(void **state)
{
        struct bytes zeros = {calloc(1, 1 << 20), 1 << 20}, one, many = room_of(1 << 20);
        struct pieces p = {.step = 4096};
        struct bdfs_err err;
        struct decode *d;
        uint64_t total = 0;

        (void)state;
        one = frame_of(DECODE_GZIP, zeros.data, zeros.n);
        for (unsigned i = 0; i < 256; i++)
                memcpy(many.data + i * one.n, one.data, one.n);
        p.at = many.data;
        p.left = 256 * one.n;
        assert_int_equal(decode_new(&d, DECODE_GZIP, "/file", next_piece, &p, &err), BDFS_OK);
        for (;;) {
                const uint8_t *piece;
                size_t n;

                assert_int_equal(decode_next(d, &piece, &n, &err), BDFS_OK);
                if (n == 0)
                        break;
                assert_true(n <= 1 << 20);
                total += n;
        }
        assert_int_equal(total, 256ULL << 20);
        decode_free(d);
        free(zeros.data);
        free(one.data);
        free(many.data);
}

/* A block of Hadoop's that claims a piece of gigabytes; an xz that wants a gigabyte of memory. */
static void claims_are_refused(void **state)
{
        uint8_t block[12] = {0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff};
        struct bytes b = room_of(100000);
        size_t n = 0;
        lzma_options_lzma options;
        lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};

        (void)state;
        is_refused(DECODE_LZ4, block, sizeof(block), "a piece of gigabytes");
        assert_false(lzma_lzma_preset(&options, 0));
        options.dict_size = 1U << 29;
        assert_int_equal(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, text, 700,
                                                   b.data, &n, b.n), LZMA_OK);
        is_refused(DECODE_XZ, b.data, n, "half a gigabyte of memory");
        free(b.data);
}

static void formats_are_known_by_suffix_and_by_magic(void **state)
{
        (void)state;
        assert_int_equal(decode_by_suffix("/a/b.gz"), DECODE_GZIP);
        assert_int_equal(decode_by_suffix("/a/b.deflate"), DECODE_DEFLATE);
        assert_int_equal(decode_by_suffix("/a.gz/b"), DECODE_NONE);
        assert_int_equal(decode_by_suffix(".gz"), DECODE_NONE);
        assert_int_equal(decode_by_name("zstd"), DECODE_ZSTD);
        assert_int_equal(decode_by_name("?"), DECODE_NONE);
        for (enum decode_format f = DECODE_NONE + 1; f < DECODE_FORMATS; f++) {
                struct bytes b = frame_of(f, text, 700);

                assert_int_equal(decode_by_magic(b.data, b.n),
                                 f == DECODE_DEFLATE ? DECODE_NONE : f);
                assert_int_equal(decode_by_name(decode_name(f)), f);
                free(b.data);
        }
        assert_int_equal(decode_by_magic((const uint8_t *)"\x1f", 1), DECODE_NONE);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_format_gives_its_bytes_back),
                cmocka_unit_test(frames_one_behind_the_other_are_one_file),
                cmocka_unit_test(hadoops_blocks_of_lz4),
                cmocka_unit_test(what_is_cut_short_is_an_error_at_every_byte),
                cmocka_unit_test(something_else_is_an_error),
                cmocka_unit_test(a_damaged_byte_never_gives_other_data),
                cmocka_unit_test(a_bomb_comes_in_small_pieces),
                cmocka_unit_test(claims_are_refused),
                cmocka_unit_test(formats_are_known_by_suffix_and_by_magic),
        };

        make_text();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
