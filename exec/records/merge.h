/*
 * merge.h - many sorted segments as one: runs in ascending order of keys; those of one key in the
 * order of the segments, which is the order of splits.
 *
 * Owner:   struct merge borrows the readers.
 * Threads: none.
 * Errors:  what the readers say; @merge_failed says which one.
 */
#pragma once

#include "exec/records/segment.h"

struct merge;

enum bdfs_status merge_new(struct merge **ret, struct segment_reader *readers, size_t n,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
void merge_free(struct merge *m); /* NULL is fine */

/* The next run; it is good until the next call. *ret_end true when there is none. */
enum bdfs_status merge_next(struct merge *m, struct segment_run *ret, bool *ret_end,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* The reader that the last failure came from. */
size_t merge_failed(const struct merge *m);
