/*
 * decode.h - compressed bytes as the bytes that they stand for: what `bdfs text` shows and what
 * tasks of jobs are given.
 *
 * Formats are what Hadoop's codecs and the usual tools write: gzip, bzip2, zstd, xz and lz4 frames,
 * each any number of them one behind the other; Hadoop's own blocks of lz4; zlib (.deflate). A
 * stream that ends inside of a frame, or holds anything else than frames, is an error: data is
 * never short without one. No bytes at all are no bytes.
 *
 * Owner:   struct decode is the caller's; it borrows its source.
 * Threads: one.
 * Memory:  bounded whatever the data claims: DECODE_MEMORY_MAX, and pieces of output that are as
 *          large at most.
 * Errors:  CORRUPT: damaged, cut short, not of that format, or wants more memory than the bound;
 *          the text names the file and where in it. What the source says; NO_MEMORY.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define DECODE_MEMORY_MAX ((size_t)160 << 20)

enum decode_format { DECODE_NONE, DECODE_GZIP, DECODE_BZIP2, DECODE_ZSTD, DECODE_LZ4,
                     DECODE_DEFLATE, DECODE_XZ, DECODE_FORMATS };

/* By the suffix of a path. */
enum decode_format decode_by_suffix(const char *path);
/* By the first bytes of a file; not all formats have bytes of their own there. */
enum decode_format decode_by_magic(const uint8_t *first, size_t n);
const char *decode_name(enum decode_format f);
enum decode_format decode_by_name(const char *name); /* DECODE_NONE: it is nobody's */

/* The next bytes of what is compressed, good until the next call; *ret_n 0: the end. */
typedef enum bdfs_status decode_source(void *arg, const uint8_t **ret, size_t *ret_n,
                                       struct bdfs_err *err);

struct decode;
/* @file: for error texts. */
enum bdfs_status decode_new(struct decode **ret, enum decode_format f, const char *file,
                            decode_source *source, void *arg, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void decode_free(struct decode *d); /* NULL is fine */
/* The next bytes, good until the next call; *ret_n 0: the end. */
enum bdfs_status decode_next(struct decode *d, const uint8_t **ret, size_t *ret_n,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
