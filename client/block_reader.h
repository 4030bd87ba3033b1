/*
 * block_reader.h - a range of one block from one datanode: READ_BLOCK, packets, checksums.
 *
 * Every byte given out was checked against the checksum that came with it.
 *
 * Owner:   struct block_reader is its opener's; closed once.
 * Threads: one.
 * Errors:  CORRUPT when a checksum is wrong; TOKEN; those of the connection.
 */
#pragma once

#include "client/data.h"
#include "client/fs.h"
#include "common/crc.h"

struct block_reader {
        struct os_addr from;     /* the datanode; stays after the close */
        struct bdfs *fs;
        struct data_conn *conn;
        int64_t step_ms;         /* how long the datanode may be silent */
        enum crc_type type;
        uint32_t chunk_bytes;
        int64_t seqno;           /* of the next packet */
        uint64_t left;           /* bytes of the range not given out yet */
        uint64_t skip;           /* bytes before the range that come because chunks are whole */
        struct buf sums;
        struct buf data;         /* a packet that did not go to the caller's memory at once */
        size_t data_at;
        bool ended;              /* the last packet came */
};

struct block_range {
        uint64_t offset, length; /* in the block */
        int64_t step_ms;         /* how long the datanode may be silent */
};
enum bdfs_status block_reader_open_range(struct block_reader *ret, struct bdfs *fs,
                                         const Hadoop__LocatedBlockProto *block,
                                         const struct os_addr *from,
                                         const struct block_range *range, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The same with the connection's own patience. */
enum bdfs_status block_reader_open(struct block_reader *ret, struct bdfs *fs,
                                   const Hadoop__LocatedBlockProto *block,
                                   const struct os_addr *from, uint64_t offset, uint64_t length,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* At least one byte unless the range is at its end. */
enum bdfs_status block_reader_read(struct block_reader *r, void *to, size_t n, size_t *ret,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* Gives the connection back when the whole range was read. Of zeros too. */
void block_reader_close(struct block_reader *r);
