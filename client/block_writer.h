/*
 * block_writer.h - one block down one pipeline: WRITE_BLOCK, packets, acks.
 *
 * Packets are sent as they fill; their acks are taken when they are there, when more than
 * WRITE_WINDOW_BYTES are under way, and at a flush. A pipeline that broke stays broken: rebuilding
 * it is a later step of the project, until then the write fails with the reason.
 *
 * Owner:   its opener; closed once.
 * Threads: one at a time.
 */
#pragma once

#include "client/data.h"
#include "client/fs.h"

#define WRITE_PACKET_BYTES 65536
#define WRITE_WINDOW_BYTES (8u << 20)
#define WRITE_CHUNK_BYTES 512

struct block_writer {
        struct bdfs *fs;
        struct data_conn *conn;
        uint64_t offset;        /* in the block, of what is sent next */
        int64_t seqno;          /* of the next packet */
        int64_t acked;          /* seqno of the last packet that every node has */
        uint64_t unacked_bytes;
        uint64_t lengths[512];  /* bytes of packets under way, by seqno mod 512 */
        size_t nodes_n;
        char nodes[PIPELINE_NODES_MAX][64]; /* ip:port, for texts */
        bool broken;
        bool ended;             /* well: the connection may be used again */
};

struct block_writer_open {
        const Hadoop__LocatedBlockProto *block;
        uint64_t old_stamp;     /* append into a partial block (Apache HDFS); 0: a new block */
        uint64_t length;        /* bytes that are there already */
        uint64_t block_size;
};
/* *ret_bad: index of the node to blame when it failed, or -1. */
enum bdfs_status block_writer_open(struct block_writer *ret, struct bdfs *fs,
                                   const struct block_writer_open *o, int *ret_bad,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* At most WRITE_PACKET_BYTES; from an offset that is not a multiple of the chunk only up to the
 * next one. @sync: on stable storage before its ack. Empty with @sync is fine. */
enum bdfs_status block_writer_send(struct block_writer *w, const void *data, size_t n, bool sync,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status block_writer_wait(struct block_writer *w, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The end marker, and its ack: every node has sealed the block. */
enum bdfs_status block_writer_finish(struct block_writer *w, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status block_writer_heartbeat(struct block_writer *w, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void block_writer_close(struct block_writer *w);
