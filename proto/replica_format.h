/*
 * replica_format.h - the bytes of a replica file (docs/formats.md), bytes only.
 *
 *      0        state page A
 *      4096     state page B
 *      8192     group 0: record page, chunks 0..6
 *      471040   group 1: record page, chunks 7..13 ...
 *
 * A whole chunk is described by its record in its group's record page, the last, unfinished one by
 * the record in the state page. A record's checksum is keyed by block id and chunk number, so that
 * swapped or misplaced bytes never verify. The datanode writes these files; a local reader that was
 * passed a descriptor of a finalized one parses it with the same functions:
 *
 *      decode both state pages, take the valid one with the higher sequence; for each chunk decode
 *      its record (replica_record_at(), or state.tail for the unfinished one) and compare the
 *      checksums of the data with record.sums.
 *
 * The bytes of an unfinished chunk behind its last byte, up to the next page, are zeros or
 * leftovers and mean nothing.
 *
 * Threads: pure functions.
 * Errors:  CORRUPT, with what is wrong; NEWER for a state page of a later version, in which magic,
 *          version and checksum stay where they are.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/crc.h"
#include "common/err.h"

enum {
        REPLICA_VERSION = 1,
        REPLICA_PAGE_BYTES = 4096,
        REPLICA_STATE_PAGES = 2,
        REPLICA_SUM_EVERY = 512, /* bytes that one stored checksum covers */
        REPLICA_CHUNK_BYTES = 65536,
        REPLICA_CHUNK_SUMS = REPLICA_CHUNK_BYTES / REPLICA_SUM_EVERY,
        REPLICA_SUMS_BYTES = REPLICA_CHUNK_SUMS * 4,
        REPLICA_GROUP_CHUNKS = 7,
        REPLICA_GROUP_DATA_BYTES = REPLICA_GROUP_CHUNKS * REPLICA_CHUNK_BYTES,
        REPLICA_GROUP_BYTES = REPLICA_PAGE_BYTES + REPLICA_GROUP_DATA_BYTES,
        REPLICA_RECORD_BYTES = 576,
        REPLICA_CLUSTER_BYTES = 16,
};

static_assert(REPLICA_GROUP_CHUNKS * REPLICA_RECORD_BYTES <= REPLICA_PAGE_BYTES,
              "a group's records must fit its record page");

/* Opcode on a datanode's Unix socket, message OpReadBlockProto: the reply is a delimited
 * BlockOpResponseProto and, when that says SUCCESS, one byte with a descriptor of the replica file
 * (os_sock_recv_fd()). Asks for the whole of a finalized, plain block; everything else is refused
 * with ERROR_UNSUPPORTED, and READ_BLOCK on the same socket serves it. */
#define REPLICA_OP_PASS_FILE 192

/* The numbers of ReplicaState that a file can say. */
enum replica_file_state {
        REPLICA_FILE_RECEIVING = 1,
        REPLICA_FILE_RECOVERING = 3,
        REPLICA_FILE_FINALIZED = 4,
        REPLICA_FILE_CORRUPT = 5, /* proven bad by its own bytes */
};

enum replica_record_flags { REPLICA_RECORD_LZ4 = 1, REPLICA_RECORD_ENCRYPTED = 2 };

struct replica_record {
        uint32_t length; /* bytes of data in the chunk; 0: no record */
        uint32_t flags;
        uint8_t nonce[12];
        uint8_t tag[16];
        uint8_t sums[REPLICA_SUMS_BYTES]; /* big endian, as on the wire; unused ones are zero */
};

struct replica_state {
        uint64_t block, stamp;
        enum replica_file_state state;
        enum crc_type type;
        uint64_t sequence;
        uint64_t length; /* bytes of the block */
        uint64_t synced; /* length that was on stable storage before this page was written */
        uint8_t cluster[REPLICA_CLUSTER_BYTES];
        struct replica_record tail; /* of chunk length / 65536, when that chunk is unfinished */
};

/* @to has REPLICA_RECORD_BYTES. A record of length 0 is all zeros. */
void replica_record_encode(const struct replica_record *r, uint64_t block, uint64_t chunk,
                           uint8_t *to);
/* All zeros come out as length 0 with OK. */
enum bdfs_status replica_record_decode(const uint8_t *from, uint64_t block, uint64_t chunk,
                                       struct replica_record *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The record of @chunk in its group's record page. */
enum bdfs_status replica_record_at(const uint8_t page[REPLICA_PAGE_BYTES], uint64_t block,
                                   uint64_t chunk, struct replica_record *ret,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;

void replica_state_encode(const struct replica_state *s, uint8_t to[REPLICA_PAGE_BYTES]);
enum bdfs_status replica_state_decode(const uint8_t from[REPLICA_PAGE_BYTES],
                                      struct replica_state *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Decode both pages (8192 bytes) and take the one that counts; *ret_page says which (0 or 1).
 * CORRUPT when neither is valid, or when they name different blocks. */
enum bdfs_status replica_state_choose(const uint8_t *pages, struct replica_state *ret,
                                      unsigned *ret_page, struct bdfs_err *err) BDFS_MUST_CHECK;

/* Where things lie in the file. */
static inline uint64_t replica_chunk_of(uint64_t offset)
{
        return offset / REPLICA_CHUNK_BYTES;
}

static inline uint64_t replica_record_page_at(uint64_t chunk)
{
        return REPLICA_STATE_PAGES * REPLICA_PAGE_BYTES +
               chunk / REPLICA_GROUP_CHUNKS * REPLICA_GROUP_BYTES;
}

static inline size_t replica_record_place(uint64_t chunk)
{
        return (size_t)(chunk % REPLICA_GROUP_CHUNKS) * REPLICA_RECORD_BYTES;
}

/* Of a byte of the block. */
static inline uint64_t replica_data_at(uint64_t offset)
{
        uint64_t chunk = replica_chunk_of(offset);

        return replica_record_page_at(chunk) + REPLICA_PAGE_BYTES +
               chunk % REPLICA_GROUP_CHUNKS * REPLICA_CHUNK_BYTES + offset % REPLICA_CHUNK_BYTES;
}

/* Bytes that the file of a block of @length bytes has at least. */
static inline uint64_t replica_file_bytes(uint64_t length)
{
        return length == 0 ? REPLICA_STATE_PAGES * REPLICA_PAGE_BYTES
                           : replica_data_at(length - 1) + 1;
}
