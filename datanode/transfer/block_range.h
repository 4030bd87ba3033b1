/*
 * block_range.h - what a token lets its holder read: a range of a replica, or a hole.
 *
 * Owner:   the operation's; block_range_end() gives the replica back.
 * Threads: the connection's.
 * Errors:  TOKEN, REPLICA_NOT_FOUND, STALE_GENSTAMP, INVALID (outside of the range or of what is
 *          visible), CORRUPT.
 */
#pragma once

#include "datanode/disk/replica.h"
#include "datanode/transfer/data_server.h"
#include "net/token.h"
#include "proto/hadoop_data_transfer.pb-c.h"

struct block_range {
        struct dataset *dataset;
        struct token token;
        struct replica *replica; /* NULL: a hole, which reads as zeros */
        struct replica_reader reader;
        enum crc_type type;
        uint64_t limit; /* bytes from the base on that may be read */
};

/* Check the token and look at the replica. @wanted: bytes from the base that somebody waits for. */
enum bdfs_status block_range_begin(struct block_range *b, const struct data_conn *c,
                                   const Hadoop__BaseHeaderProto *header, uint64_t wanted,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
void block_range_end(struct block_range *b);

/* Verified bytes at @offset from the base. A replica found corrupt is reported. */
enum bdfs_status block_range_read(struct block_range *b, uint64_t offset, uint8_t *to, size_t n,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
/* True when the stored checksums are those of the 512-byte grid from the base, for @n bytes at
 * @offset (a multiple of 512). */
bool block_range_same_grid(const struct block_range *b, uint64_t offset, size_t n);
/* Where a file has these bytes, to be sent with their stored checksums (same_grid) for whoever gets
 * them to compare. False: they have to be read. */
bool block_range_in_file(const struct block_range *b, uint64_t offset, size_t n,
                         struct os_file_part *ret);
enum bdfs_status block_range_sums(struct block_range *b, uint64_t offset, size_t n, uint8_t *to,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
