/* write_inside.h - a file that is being written, and its newest block. */
#pragma once

#include "client/block_writer.h"
#include "client/fs.h"
#include "client/lease_renewal.h"

struct file_writer {
        struct lease_member member;
        struct bdfs *fs;
        char *path;
        uint64_t file_id, block_size, written;
        struct bdfs_stat opened;       /* as create or append answered; without a target */
        bool has_block;                /* the block of `last` has bytes or is open */
        bool block_open;               /* `block` is a live pipeline */
        ProtobufCMessage *answer;      /* of create or append, which owns `first`; NULL: used up */
        Hadoop__LocatedBlockProto *first; /* given with it: `last`, no pipeline was begun for it */
        bool by_superuser;
        Hadoop__ExtendedBlockProto last; /* the newest block; its pool is pool[] */
        char pool[128];
        struct block_writer block;
        uint64_t in_block;             /* bytes of the newest block, those in the buffer too */
        size_t buffered;
        struct bdfs_err failure;       /* the first one; it stays (C1) */
        bool failed;
        bool flushed_first;            /* the namenode knows of this block's bytes */

        struct os_mutex lock;
        struct os_cond free_again;
        bool busy, ticking;            /* guarded by: lock */
        int64_t used_ms;               /* guarded by: lock */

        uint8_t buffer[WRITE_PACKET_BYTES];
};

/* The newest block as the namenode is told of it, with its length so far; NULL: there is none. */
Hadoop__ExtendedBlockProto *write_block_last(struct file_writer *w);
/* The block that create or append gave is the newest one; takes @answer, which owns it. */
void write_block_given(struct file_writer *w, ProtobufCMessage *answer,
                       Hadoop__LocatedBlockProto *first);
/* A new block with a pipeline that stands; nodes that fail are left out in the next try. */
enum bdfs_status write_block_open(struct file_writer *w, struct bdfs_err *err) BDFS_MUST_CHECK;
/* What is in the buffer, and with @sync even nothing, goes down the pipeline. */
enum bdfs_status write_block_send(struct file_writer *w, bool sync, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status write_block_finish(struct file_writer *w, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Apache HDFS gives the last, partly filled block back to be written on; bdfs never does. */
enum bdfs_status write_block_reopen(struct file_writer *w, Hadoop__LocatedBlockProto *partial,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
