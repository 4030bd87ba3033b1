/*
 * local_read.h - one located block from the datanode of this machine, over its Unix socket.
 *
 * Where the datanode passes the replica's file (a whole, finalized, plain block) it is read in
 * place, and every chunk is compared with its checksums here; else the datanode streams the block,
 * and libbdfs compares. No byte is given out unverified.
 *
 * Owner:   the caller's; it borrows fs, path and block.
 * Threads: one.
 * Errors:  CORRUPT when a checksum is wrong or the file makes no sense; those of sockets and of the
 *          datanode's refusals.
 */
#pragma once

#include "client/fs.h"
#include "proto/hadoop_hdfs.pb-c.h"

struct local_read;

enum bdfs_status local_read_open(struct local_read **ret, struct bdfs *fs, const char *socket_path,
                                 const Hadoop__LocatedBlockProto *block, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void local_read_close(struct local_read *l); /* NULL is fine */
bool local_read_by_file(const struct local_read *l);

/* Bytes at @offset of the located block, below its length: at least one, many unless @few. They
 * are good, and the caller's to change, until the next call. */
enum bdfs_status local_read_at(struct local_read *l, uint64_t offset, bool few, uint8_t **ret,
                               size_t *ret_n, struct bdfs_err *err) BDFS_MUST_CHECK;
