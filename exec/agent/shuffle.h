/*
 * shuffle.h - map outputs from the agents that keep them to a reducer.
 *
 * A reducer pulls: the first piece of many segments in one call, then each as it is used, never
 * more than SHUFFLE_PIECE_BYTES of one. With more than SHUFFLE_WIDTH maps, groups of them are
 * merged into local files first. Every frame is checked where it arrives (exec/records/segment.h).
 *
 * Owner:   struct shuffle belongs to its reduce attempt.
 * Threads: one; serving is done on the threads of connections.
 * Errors:  what segments, files and calls say; shuffle_lost_map() tells whose output it was.
 */
#pragma once

#include "exec/agent/agent_inside.h"
#include "exec/records/merge.h"

#define SHUFFLE_WIDTH 128
#define SHUFFLE_PIECE_BYTES ((size_t)128 * 1024)
#define SHUFFLE_ANSWER_BYTES ((size_t)4 << 20)

/* Where a map attempt's output is. */
void shuffle_map_path(const struct scratch_job *dirs, uint32_t map, uint32_t attempt,
                      char ret[PATH_MAX]);

struct shuffle;

/* All outputs that @at names, of its partition, ready to be read in order. */
enum bdfs_status shuffle_open(struct shuffle **ret, struct attempt *at, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void shuffle_close(struct shuffle *s); /* NULL is fine */
bool shuffle_empty(const struct shuffle *s);
/* As merge_next(). */
enum bdfs_status shuffle_next(struct shuffle *s, struct segment_run *ret, bool *ret_end,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* After a failure: true when it came from a map's output, and which. */
bool shuffle_lost_map(const struct shuffle *s, uint32_t *ret);

/* ---- serving ------------------------------------------------------------------------------ */

struct shuffle_answer {
        Bdfs__FetchResponse response;
        Bdfs__SegmentPiece *pieces, **list;
        uint8_t *data;
};
enum bdfs_status shuffle_serve(struct agent_job *j, const Bdfs__FetchRequest *request,
                               struct shuffle_answer *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
void shuffle_answer_fini(struct shuffle_answer *a);
