/*
 * segment_file.h - a file of segments, one per partition, and its index beside it (NAME.index).
 * What a map task leaves, what it spills on the way, and what a reducer merges first.
 *
 * Nothing is synced: after a crash the task runs again.
 *
 * Owner:   writer and file are their opener's.
 * Threads: a writer belongs to one; an open file may be read by any number.
 * Errors:  IO and NO_SPACE from the disk; CORRUPT.
 */
#pragma once

#include "common/os.h"
#include "exec/records/segment.h"

struct segment_out;

enum bdfs_status segment_out_new(struct segment_out **ret, const char *path, uint32_t partitions,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
/* Frees. Without segment_out_finish() before it, the files are removed. NULL is fine. */
void segment_out_free(struct segment_out *o);
/* Partitions ascend; those that are passed over are empty. */
enum bdfs_status segment_out_begin(struct segment_out *o, uint32_t partition, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status segment_out_add(struct segment_out *o, const struct segment_run *run,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
/* *ret_bytes: of the data file. */
enum bdfs_status segment_out_finish(struct segment_out *o, uint64_t *ret_bytes,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;

struct segment_in {
        struct os_file *data, *index;
};
enum bdfs_status segment_in_open(struct segment_in *ret, const char *path, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void segment_in_close(struct segment_in *in); /* of zeros too */
enum bdfs_status segment_in_entry(struct segment_in *in, uint32_t partition,
                                  struct segment_entry *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Stored bytes of a segment: at least one. */
enum bdfs_status segment_in_read(struct segment_in *in, const struct segment_entry *e,
                                 uint64_t offset, uint8_t *to, size_t n, size_t *ret,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
void segment_file_remove(const char *path);
