/*
 * journal_local.h - what journal_local.c (appending, opening) and journal_segment.c (reading,
 * trimming) share; nobody else includes it.
 *
 * Owner:   struct journal owns its files.
 * Threads: as journal.h says: no lock.
 */
#pragma once

#include "namenode/journal/journal_format.h"

#define JOURNAL_DIR_BYTES_MAX 3900
#define JOURNAL_PATH_BYTES 4096
#define JOURNAL_NEW ".new" /* ends the name of a segment that is not complete */

struct journal_segment {
        uint64_t first; /* index; the next segment's, or next, is behind its last */
        uint64_t end;   /* behind its last batch; of the last one: journal.end */
};

/* 1. segments are in order of their first index, without gaps.
 * 2. file is open on the last; NULL exactly when there is none.
 * 3. JOURNAL_HEADER_BYTES <= end <= filled, allocated; end is a multiple of 8. */
struct journal {
        char dir[JOURNAL_DIR_BYTES_MAX + 1];
        struct os_file *lock;
        struct journal_segment *segments;
        size_t n, room;
        struct os_file *file;
        uint64_t salt;      /* of the last segment */
        uint64_t end;       /* behind the last batch; a mark may stand there */
        uint64_t filled;    /* zeros are written up to here */
        uint64_t allocated; /* the file has disk space up to here */
        uint64_t next;      /* index of the next record */
        uint8_t cluster[16];
        bool failed;        /* a write or sync failed: nothing is appended any more */
        struct buf buf;     /* the batch being written */
};

void journal_segment_path(const struct journal *j, uint64_t first, char ret[JOURNAL_PATH_BYTES]);
/* Find the segments, check their headers, remove incomplete ones. */
enum bdfs_status journal_segments_find(struct journal *j,
                                       enum bdfs_status (*add)(struct journal *j, uint64_t first,
                                                               struct bdfs_err *err),
                                       struct bdfs_err *err) BDFS_MUST_CHECK;
/* The whole of segment @i; *ret_bytes is the caller's to free, also on failure. */
enum bdfs_status journal_segment_load(struct journal *j, size_t i, uint8_t **ret_bytes,
                                      size_t *ret_n, struct journal_header *ret_header,
                                      struct bdfs_err *err) BDFS_MUST_CHECK;
