/*
 * collect.h - what a map task wrote, into a file of sorted segments.
 *
 * Lines are collected and sorted in memory (exec/records/sort.h); a full buffer is spilled, and
 * spills are merged at the end, or before when there are many. A record that the buffer cannot
 * hold is spilled alone. The bytes of the result depend on the lines only.
 *
 * Owner:   struct collect owns its buffer and its spills.
 * Threads: one.
 * Errors:  LIMIT for a record over SEGMENT_RECORD_MAX; NO_SPACE and IO from the disk; NO_MEMORY.
 */
#pragma once

#include "common/os.h"
#include "exec/records/segment_file.h"

struct collect;

struct collect_config {
        const char *path;    /* of the result; spills get names that begin with it */
        uint32_t partitions;
        size_t buffer_bytes;
};
enum bdfs_status collect_new(struct collect **ret, const struct collect_config *config,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
void collect_free(struct collect *c); /* removes spills; NULL is fine */

/* A line without its end: the key goes up to the first TAB. */
enum bdfs_status collect_line(struct collect *c, const uint8_t *line, size_t n,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* *ret_bytes: of the data file at config->path. */
enum bdfs_status collect_finish(struct collect *c, uint64_t *ret_bytes, struct bdfs_err *err)
        BDFS_MUST_CHECK;
unsigned collect_spills(const struct collect *c);

struct merge;
/* All runs that are left of @m into the segment that is begun. */
enum bdfs_status collect_copy(struct merge *m, struct segment_out *out, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Merge files of segments, in the order given, into the file at @path. */
enum bdfs_status collect_merge(struct segment_in *in, size_t n, const char *path,
                               uint32_t partitions, uint64_t *ret_bytes, struct bdfs_err *err)
        BDFS_MUST_CHECK;
