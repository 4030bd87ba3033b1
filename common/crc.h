/*
 * crc.h - the two checksums of Hadoop's wire, over whole buffers and over grids of chunks.
 *
 * A running value starts at 0 and goes on: the sum of A followed by B is f(f(0, A), B). Sums that
 * travel or rest are big endian, 4 bytes each.
 *
 * Owner:   nothing is kept; all memory is the caller's.
 * Threads: any.
 * Errors:  none; a type or chunk size that does not exist is a broken invariant (parse it first
 *          with crc_type_ok()).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Hadoop's numbers (ChecksumTypeProto). */
enum crc_type { CRC_NULL = 0, CRC_CRC32 = 1, CRC_CRC32C = 2 };

bool crc_type_ok(int number);
/* Bytes of one sum: 4, or 0 for CRC_NULL. */
size_t crc_bytes(enum crc_type type);
/* Chunks that @n bytes have; the last may be short. */
size_t crc_chunk_count(size_t n, size_t chunk_bytes);

uint32_t crc32c(uint32_t crc, const void *data, size_t n);     /* Castagnoli, reflected */
uint32_t crc32_zlib(uint32_t crc, const void *data, size_t n); /* IEEE, as in gzip */
uint32_t crc_of(enum crc_type type, uint32_t crc, const void *data, size_t n);

/* One sum per chunk of @data into @out_be, which has room for all of them. */
void crc_chunks(enum crc_type type, const void *data, size_t n, size_t chunk_bytes,
                uint8_t *out_be);
/* The index of the first chunk whose sum in @sums_be is wrong, or -1. */
ssize_t crc_verify_chunks(enum crc_type type, const void *data, size_t n, size_t chunk_bytes,
                          const uint8_t *sums_be);

/* The sum of A followed by B, from the sums of A and B and the length of B. */
uint32_t crc_combine(enum crc_type type, uint32_t crc_a, uint32_t crc_b, uint64_t bytes_b);
/* The same in two steps, for many pieces of one length: x^(8 * bytes) first, once. */
uint32_t crc_shift_of(enum crc_type type, uint64_t bytes);
uint32_t crc_combine_shifted(enum crc_type type, uint32_t crc_a, uint32_t crc_b, uint32_t shift);
