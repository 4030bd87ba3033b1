#include "exec/records/decode.h"

#include <bzlib.h>
#include <inttypes.h>
#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define OUT_BYTES ((size_t)256 * 1024)
#define XZ_MEMORY ((uint64_t)128 << 20)
#define ZSTD_WINDOW_LOG 27              /* 128 MiB; a frame that wants more says so */
#define HADOOP_CHUNK_MAX ((size_t)64 << 20) /* Hadoop's lz4.buffersize; 256 KiB unless configured */

/* How one call of a step ended. */
enum decode_step { STEP_GOES_ON, STEP_FRAME_END, STEP_DAMAGED };

/* Hadoop's block: its length, then pieces, each with its compressed length, until their bytes are
 * as many as the block has. All lengths are big-endian. */
struct hadoop_block {
        uint8_t *piece;         /* what is gathered: a length, or a compressed piece */
        size_t have, need, room;
        uint8_t *out;
        size_t out_room;
        uint64_t left;          /* bytes of the block that are to come */
        bool in_block, in_piece;
};

struct decode {
        const struct decode_codec *codec;
        const char *file;
        decode_source *source;
        void *arg;
        const uint8_t *in;      /* not taken yet */
        size_t in_n;
        uint64_t taken;         /* bytes of the file, up to @in */
        bool in_ended;
        bool in_frame;          /* else between two */
        uint8_t *room, *out;    /* OUT_BYTES; what the last step made */
        size_t out_n;
        const char *why;        /* of STEP_DAMAGED */
        z_stream z;
        bz_stream bz;
        ZSTD_DStream *zstd;
        LZ4F_dctx *lz4;
        lzma_stream xz;
        struct hadoop_block block;
};

struct decode_codec {
        const char *name, *suffix;
        const char *magic;
        size_t magic_n;         /* 0: none of its own */
        /* A frame begins; false: no memory. */
        bool (*begin)(struct decode *d);
        enum decode_step (*step)(struct decode *d);
        void (*end)(struct decode *d);
};

static const char no_memory[] = "no memory";

static enum decode_step decode_damaged(struct decode *d, const char *why)
{
        d->why = why;
        return STEP_DAMAGED;
}

/* ---- what one step took and made ---------------------------------------------------------- */

static void decode_took(struct decode *d, size_t n)
{
        BDFS_ASSERT(n <= d->in_n);
        d->in += n;
        d->in_n -= n;
        d->taken += n;
}

static void decode_made(struct decode *d, uint8_t *out, size_t n)
{
        d->out = out;
        d->out_n = n;
}

static unsigned decode_least(size_t n)
{
        return n < OUT_BYTES ? (unsigned)n : (unsigned)OUT_BYTES; /* a library counts in 32 bits */
}

/* ---- gzip, zlib --------------------------------------------------------------------------- */

static bool zlib_begin(struct decode *d, int window_bits)
{
        (void)inflateEnd(&d->z); /* of zeros, or of the frame before */
        d->z = (z_stream){.zalloc = NULL};
        return inflateInit2(&d->z, window_bits) == Z_OK;
}

static bool gzip_begin(struct decode *d)
{
        return zlib_begin(d, MAX_WBITS + 16);
}

static bool deflate_begin(struct decode *d)
{
        return zlib_begin(d, MAX_WBITS);
}

static enum decode_step zlib_step(struct decode *d)
{
        unsigned given = decode_least(d->in_n);
        int rc;

        d->z.next_in = (Bytef *)(uintptr_t)d->in;
        d->z.avail_in = given;
        d->z.next_out = d->room;
        d->z.avail_out = (unsigned)OUT_BYTES;
        rc = inflate(&d->z, Z_NO_FLUSH);
        decode_took(d, given - d->z.avail_in);
        decode_made(d, d->room, OUT_BYTES - d->z.avail_out);
        if (rc == Z_STREAM_END)
                return STEP_FRAME_END;
        if (rc == Z_OK || rc == Z_BUF_ERROR)
                return STEP_GOES_ON;
        return decode_damaged(d, d->z.msg == NULL ? "it cannot be decompressed" : d->z.msg);
}

static void zlib_end(struct decode *d)
{
        (void)inflateEnd(&d->z);
}

/* ---- bzip2 -------------------------------------------------------------------------------- */

static bool bzip2_begin(struct decode *d)
{
        (void)BZ2_bzDecompressEnd(&d->bz);
        d->bz = (bz_stream){.bzalloc = NULL};
        return BZ2_bzDecompressInit(&d->bz, 0, 0) == BZ_OK;
}

static enum decode_step bzip2_step(struct decode *d)
{
        unsigned given = decode_least(d->in_n);
        int rc;

        d->bz.next_in = (char *)(uintptr_t)d->in;
        d->bz.avail_in = given;
        d->bz.next_out = (char *)d->room;
        d->bz.avail_out = (unsigned)OUT_BYTES;
        rc = BZ2_bzDecompress(&d->bz);
        decode_took(d, given - d->bz.avail_in);
        decode_made(d, d->room, OUT_BYTES - d->bz.avail_out);
        if (rc == BZ_STREAM_END)
                return STEP_FRAME_END;
        if (rc == BZ_OK)
                return STEP_GOES_ON;
        return decode_damaged(d, rc == BZ_DATA_ERROR_MAGIC ? "a bzip2 stream does not begin here"
                                 : rc == BZ_MEM_ERROR      ? no_memory
                                                           : "a checksum or a code is wrong");
}

static void bzip2_end(struct decode *d)
{
        (void)BZ2_bzDecompressEnd(&d->bz);
}

/* ---- zstd --------------------------------------------------------------------------------- */

static bool zstd_begin(struct decode *d)
{
        if (d->zstd == NULL)
                d->zstd = ZSTD_createDStream();
        return d->zstd != NULL &&
               !ZSTD_isError(ZSTD_DCtx_reset(d->zstd, ZSTD_reset_session_only)) &&
               !ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax,
                                                    ZSTD_WINDOW_LOG));
}

static enum decode_step zstd_step(struct decode *d)
{
        ZSTD_inBuffer in = {d->in, d->in_n, 0};
        ZSTD_outBuffer out = {d->room, OUT_BYTES, 0};
        size_t rc = ZSTD_decompressStream(d->zstd, &out, &in);

        decode_took(d, in.pos);
        decode_made(d, d->room, out.pos);
        if (ZSTD_isError(rc))
                return decode_damaged(d, ZSTD_getErrorName(rc));
        return rc == 0 ? STEP_FRAME_END : STEP_GOES_ON;
}

static void zstd_end(struct decode *d)
{
        (void)ZSTD_freeDStream(d->zstd);
}

/* ---- xz ----------------------------------------------------------------------------------- */

static bool xz_begin(struct decode *d)
{
        return lzma_stream_decoder(&d->xz, XZ_MEMORY, 0) == LZMA_OK;
}

static enum decode_step xz_step(struct decode *d)
{
        size_t given = d->in_n;
        lzma_ret rc;

        d->xz.next_in = d->in;
        d->xz.avail_in = given;
        d->xz.next_out = d->room;
        d->xz.avail_out = OUT_BYTES;
        rc = lzma_code(&d->xz, LZMA_RUN);
        decode_took(d, given - d->xz.avail_in);
        decode_made(d, d->room, OUT_BYTES - d->xz.avail_out);
        if (rc == LZMA_STREAM_END)
                return STEP_FRAME_END;
        if (rc == LZMA_OK || rc == LZMA_BUF_ERROR)
                return STEP_GOES_ON;
        return decode_damaged(d, rc == LZMA_FORMAT_ERROR     ? "an xz stream does not begin here"
                                 : rc == LZMA_MEMLIMIT_ERROR ? "it wants over 128 MiB of memory"
                                                             : "a checksum or a code is wrong");
}

static void xz_end(struct decode *d)
{
        lzma_end(&d->xz);
}

/* ---- lz4: frames, or Hadoop's blocks ------------------------------------------------------- */

static const char lz4_magic[] = "\x04\x22\x4d\x18";

/* What a stream of lz4 is shows in its first bytes: a frame's magic, of which the skippable ones
 * leave four bits free, or a length. */
static bool is_lz4_frame(const uint8_t head[4])
{
        return memcmp(head, lz4_magic, 4) == 0 ||
               ((head[0] & 0xf0) == 0x50 && memcmp(head + 1, "\x2a\x4d\x18", 3) == 0);
}

static bool lz4_begin(struct decode *d)
{
        d->block.need = 4;
        d->block.have = 0;
        d->block.in_block = d->block.in_piece = false;
        return d->lz4 != NULL ||
               !LZ4F_isError(LZ4F_createDecompressionContext(&d->lz4, LZ4F_VERSION));
}

static bool grow(uint8_t **room, size_t *have, size_t need)
{
        uint8_t *more = need <= *have ? *room : realloc(*room, need);

        if (more == NULL)
                return false;
        *room = more;
        *have = need <= *have ? *have : need;
        return true;
}

/* Gathers up to block.need bytes; true when they are there. */
static bool lz4_gather(struct decode *d)
{
        struct hadoop_block *b = &d->block;
        size_t n = b->need - b->have;

        if (n > d->in_n)
                n = d->in_n;
        if (!grow(&b->piece, &b->room, b->need)) {
                d->why = no_memory;
                return false;
        }
        if (n > 0)
                memcpy(b->piece + b->have, d->in, n);
        b->have += n;
        decode_took(d, n);
        return b->have == b->need;
}

static enum decode_step hadoop_length(struct decode *d, struct hadoop_block *b)
{
        uint32_t n = (uint32_t)b->piece[0] << 24 | (uint32_t)b->piece[1] << 16 |
                     (uint32_t)b->piece[2] << 8 | b->piece[3];

        b->have = 0;
        if (!b->in_block) { /* of a block */
                b->left = n;
                b->in_block = true;
                return n == 0 ? STEP_FRAME_END : STEP_GOES_ON; /* Hadoop's end of nothing */
        }
        if (n == 0 || n > (uint32_t)LZ4_compressBound((int)HADOOP_CHUNK_MAX))
                return decode_damaged(d, "it is neither an lz4 frame nor Hadoop's block of lz4");
        b->in_piece = true;
        b->need = n;
        return STEP_GOES_ON;
}

static enum decode_step hadoop_piece(struct decode *d, struct hadoop_block *b)
{
        size_t most = b->left < HADOOP_CHUNK_MAX ? (size_t)b->left : HADOOP_CHUNK_MAX;
        int n;

        if (!grow(&b->out, &b->out_room, most))
                return decode_damaged(d, no_memory);
        n = LZ4_decompress_safe((const char *)b->piece, (char *)b->out, (int)b->need, (int)most);
        if (n <= 0)
                return decode_damaged(d, "a piece of Hadoop's block of lz4 is wrong");
        decode_made(d, b->out, (size_t)n);
        b->left -= (uint64_t)n;
        b->in_piece = false;
        b->have = 0;
        b->need = 4;
        return b->left == 0 ? STEP_FRAME_END : STEP_GOES_ON;
}

static enum decode_step hadoop_step(struct decode *d)
{
        struct hadoop_block *b = &d->block;
        enum decode_step step = STEP_GOES_ON;

        while (step == STEP_GOES_ON && d->out_n == 0 && lz4_gather(d))
                step = b->in_piece ? hadoop_piece(d, b) : hadoop_length(d, b);
        return d->why != NULL ? STEP_DAMAGED : step;
}

static enum decode_step lz4_frame(struct decode *d, const uint8_t *from, size_t n, size_t *ret_took)
{
        size_t made = OUT_BYTES, rc;

        *ret_took = n;
        rc = LZ4F_decompress(d->lz4, d->room, &made, from, ret_took, NULL);
        if (LZ4F_isError(rc)) {
                *ret_took = 0;
                return decode_damaged(d, LZ4F_getErrorName(rc));
        }
        decode_made(d, d->room, made);
        return rc == 0 ? STEP_FRAME_END : STEP_GOES_ON;
}

/* block.need is 0 when a frame has begun. */
static enum decode_step lz4_step(struct decode *d)
{
        struct hadoop_block *b = &d->block;
        enum decode_step step;
        size_t took;

        if (b->need == 0) {
                step = lz4_frame(d, d->in, d->in_n, &took);
                decode_took(d, took);
                return step;
        }
        if (b->in_block)
                return hadoop_step(d);
        if (!lz4_gather(d))
                return d->why != NULL ? STEP_DAMAGED : STEP_GOES_ON;
        if (!is_lz4_frame(b->piece))
                return hadoop_length(d, b);
        b->need = 0;
        return lz4_frame(d, b->piece, 4, &took); /* it keeps a head that is not whole */
}

static void lz4_end(struct decode *d)
{
        (void)LZ4F_freeDecompressionContext(d->lz4);
        free(d->block.piece);
        free(d->block.out);
}

/* ---- which ---------------------------------------------------------------------------------- */

static const struct decode_codec codecs[DECODE_FORMATS] = {
        [DECODE_GZIP] = {"gzip", ".gz", "\x1f\x8b", 2, gzip_begin, zlib_step, zlib_end},
        [DECODE_BZIP2] = {"bzip2", ".bz2", "BZh", 3, bzip2_begin, bzip2_step, bzip2_end},
        [DECODE_ZSTD] = {"zstd", ".zst", "\x28\xb5\x2f\xfd", 4, zstd_begin, zstd_step, zstd_end},
        [DECODE_LZ4] = {"lz4", ".lz4", lz4_magic, 4, lz4_begin, lz4_step, lz4_end},
        [DECODE_DEFLATE] = {"zlib", ".deflate", NULL, 0, deflate_begin, zlib_step, zlib_end},
        [DECODE_XZ] = {"xz", ".xz", "\xfd" "7zXZ", 5, xz_begin, xz_step, xz_end},
};

enum decode_format decode_by_suffix(const char *path)
{
        size_t n = strlen(path);

        for (enum decode_format f = DECODE_NONE + 1; f < DECODE_FORMATS; f++) {
                size_t suffix_n = strlen(codecs[f].suffix);

                if (n > suffix_n && strcmp(path + n - suffix_n, codecs[f].suffix) == 0)
                        return f;
        }
        return DECODE_NONE;
}

enum decode_format decode_by_magic(const uint8_t *first, size_t n)
{
        for (enum decode_format f = DECODE_NONE + 1; f < DECODE_FORMATS; f++) {
                const struct decode_codec *c = &codecs[f];

                if (c->magic_n > 0 && n >= c->magic_n && memcmp(first, c->magic, c->magic_n) == 0)
                        return f;
        }
        return DECODE_NONE;
}

const char *decode_name(enum decode_format f)
{
        BDFS_ASSERT(f > DECODE_NONE && f < DECODE_FORMATS);
        return codecs[f].name;
}

enum decode_format decode_by_name(const char *name)
{
        for (enum decode_format f = DECODE_NONE + 1; f < DECODE_FORMATS; f++) {
                if (strcmp(codecs[f].name, name) == 0)
                        return f;
        }
        return DECODE_NONE;
}

/* ---- decoding ------------------------------------------------------------------------------- */

enum bdfs_status decode_new(struct decode **ret, enum decode_format f, const char *file,
                            decode_source *source, void *arg, struct bdfs_err *err)
{
        struct decode *d;

        BDFS_ASSERT(f > DECODE_NONE && f < DECODE_FORMATS);
        BDFS_ASSERT(source != NULL);
        d = calloc(1, sizeof(*d));
        if (d == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        d->codec = &codecs[f];
        d->file = file;
        d->source = source;
        d->arg = arg;
        d->xz = (lzma_stream)LZMA_STREAM_INIT;
        d->room = malloc(OUT_BYTES);
        if (d->room == NULL) {
                decode_free(d);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        }
        *ret = d;
        return BDFS_OK;
}

void decode_free(struct decode *d)
{
        if (d == NULL)
                return;
        d->codec->end(d);
        free(d->room);
        free(d);
}

static enum bdfs_status decode_refill(struct decode *d, struct bdfs_err *err)
{
        if (d->in_n > 0 || d->in_ended)
                return BDFS_OK;
        if (d->source(d->arg, &d->in, &d->in_n, err) != BDFS_OK)
                return err->status;
        d->in_ended = d->in_n == 0;
        return BDFS_OK;
}

static enum bdfs_status decode_bad(const struct decode *d, const char *why, struct bdfs_err *err)
{
        if (why == no_memory)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory to decompress %s", d->file);
        return bdfs_fail(err, BDFS_CORRUPT, "%s: its %s data is damaged at byte %" PRIu64 ": %s",
                         d->file, d->codec->name, d->taken, why);
}

enum bdfs_status decode_next(struct decode *d, const uint8_t **ret, size_t *ret_n,
                             struct bdfs_err *err)
{
        d->out_n = 0;
        while (d->out_n == 0) {
                enum decode_step step;

                if (decode_refill(d, err) != BDFS_OK)
                        return err->status;
                if (!d->in_frame) {
                        if (d->in_ended)
                                break;
                        if (!d->codec->begin(d))
                                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory to decompress %s",
                                                 d->file);
                        d->in_frame = true;
                }
                step = d->codec->step(d);
                if (step == STEP_DAMAGED)
                        return decode_bad(d, d->why, err);
                d->in_frame = step == STEP_GOES_ON;
                if (d->in_frame && d->in_ended && d->out_n == 0)
                        return bdfs_fail(err, BDFS_CORRUPT, "%s: its %s data ends at byte %" PRIu64
                                         " before it is complete", d->file, d->codec->name,
                                         d->taken);
        }
        *ret = d->out;
        *ret_n = d->out_n;
        return BDFS_OK;
}
