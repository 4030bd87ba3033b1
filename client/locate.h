/*
 * locate.h - a file's located blocks, as the namenode says them.
 *
 * Owner:   struct file_map owns the answer; blocks borrow from it.
 * Threads: none; a reader keeps its own.
 */
#pragma once

#include "client/fs.h"
#include "proto/hadoop_datanode.pb-c.h"

struct file_map {
        ProtobufCMessage *answer;
        uint64_t inode;       /* 0: not told, as by a Hadoop port */
        const Hadoop__LocatedBlocksProto *blocks;
        uint64_t length;      /* with what is readable of a block that is being written */
        uint64_t open_bytes;  /* of these, in the last block that is being written */
};

/* All blocks that overlap [offset, offset + length). Asks datanodes for the visible length of a
 * block that is being written. */
enum bdfs_status locate(struct bdfs *fs, const char *path, uint64_t offset, uint64_t length,
                        struct file_map *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The same without asking datanodes: of a block that is being written nothing counts. */
enum bdfs_status locate_only(struct bdfs *fs, const char *path, uint64_t offset, uint64_t length,
                             struct file_map *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
void file_map_fini(struct file_map *m);

/* The block at the end that is being written; NULL: none is. */
const Hadoop__LocatedBlockProto *file_map_open_block(const struct file_map *m);
/* The block with byte @offset, and how many bytes of it are readable; NULL when there is none. */
const Hadoop__LocatedBlockProto *file_map_find(const struct file_map *m, uint64_t offset,
                                               uint64_t *ret_bytes);
/* The replica at location @at is corrupt. A client's word alone makes its datanode look at it
 * (B11). */
void locate_report_corrupt(struct bdfs *fs, const Hadoop__LocatedBlockProto *b, size_t at);
bool located_addr(const Hadoop__DatanodeIDProto *id, struct os_addr *ret);
