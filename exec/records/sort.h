/*
 * sort.h - one task's output, collected and sorted by (partition, key), in one buffer of a fixed
 * size. Keys compare as unsigned bytes; records of one key stay in the order in which they came.
 *
 * The buffer holds the lines from its start and 16 bytes of index for each from its end; when they
 * would meet, sorter_add() says so: the caller sorts, writes all out, and goes on with an empty
 * buffer. That depends on bytes only, never on time, so that spills are the same in every run.
 *
 * Owner:   struct sorter owns its buffer; runs borrow from it until sorter_clear().
 * Threads: none.
 */
#pragma once

#include "exec/records/segment.h"

struct sorter;

enum bdfs_status sorter_new(struct sorter **ret, size_t bytes, uint32_t partitions,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
void sorter_free(struct sorter *s); /* NULL is fine */

/* A line without its end: key, then, if @line_n > @key_n, a TAB and the value. False: it does not
 * fit any more (or, when the buffer is empty, at all). */
bool sorter_add(struct sorter *s, uint32_t partition, const uint8_t *line, size_t key_n,
                size_t line_n);
bool sorter_empty(const struct sorter *s);
void sorter_clear(struct sorter *s);

/* NO_MEMORY: as much again as the index is needed. */
enum bdfs_status sorter_sort(struct sorter *s, struct bdfs_err *err) BDFS_MUST_CHECK;

/* After sorting: the runs of one partition, in order. */
struct sorter_cursor {
        const struct sorter *sorter;
        size_t at, end;
        bool started;
};
void sorter_begin(const struct sorter *s, uint32_t partition, struct sorter_cursor *ret);
bool sorter_next(struct sorter_cursor *c, struct segment_run *ret); /* false: the end */
