/*
 * sink.h - where the standard output of a task goes: as it is into a file of the cluster, or
 * record by record (exec/records/record.h) to be sorted. There a last record without LF counts as
 * one that has it: reducers are given lines, and it may come to stand before another.
 *
 * Owner:   the caller's; it borrows what it is made of.
 * Threads: one.
 * Errors:  what collecting and writing say; LIMIT for a line over SEGMENT_RECORD_MAX.
 */
#pragma once

#include "client/bdfs.h"
#include "exec/records/collect.h"
#include "exec/records/record.h"

struct sink {
        struct record_count count;
        uint8_t *buffer;
        size_t n, room;         /* bytes of a line that has not ended */
        uint64_t bytes;         /* gone out, or in */
        /* one of the two: */
        struct collect *collect;
        struct bdfs *fs;
        const char *path;       /* made with the first byte, or at the end */
        struct bdfs_file *file;
};

void sink_to_collect(struct sink *s, struct collect *c);
void sink_to_file(struct sink *s, struct bdfs *fs, const char *path);

/* Room for at least one byte. */
enum bdfs_status sink_room(struct sink *s, uint8_t **ret, size_t *ret_n, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status sink_took(struct sink *s, size_t n, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The last line is ended, if it was not; the file is durable. */
enum bdfs_status sink_finish(struct sink *s, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Gives up what was not finished, its file too. Of zeros after it. */
void sink_fini(struct sink *s);
