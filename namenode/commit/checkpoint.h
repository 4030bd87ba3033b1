/*
 * checkpoint.h - synced copies of the tables, from which they are rebuilt (DESIGN D3).
 *
 * `checkpoint-<index, 16 hex digits>` is a store_copy(), the index that of the last record applied
 * in it; `checkpoint-<index>.ok` beside it has its length and SHA-256 and appears after it is
 * synced. Without the latter it is ignored and removed at the next checkpoint. A crash at any
 * point leaves what was there before, or that and the new one (P3).
 *
 * True files: outside the os seam like LMDB's (store_file.h).
 *
 * Threads: one at a time for one directory.
 * Errors:  NOT_FOUND; CORRUPT; NO_SPACE; IO.
 */
#pragma once

#include "namenode/store/store.h"

#define CHECKPOINTS_KEPT 2
#define CHECKPOINTS_MAX 16

/* Copy what @t sees; @index is the applied index in it. CLOSED when *@cancel becomes true. */
enum bdfs_status checkpoint_make(const char *dir, struct store_txn *t, uint64_t index,
                                 const atomic_bool *cancel, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Indexes of those with an .ok file, newest first; a missing directory has none. */
enum bdfs_status checkpoint_list(const char *dir, uint64_t ret[CHECKPOINTS_MAX], size_t *ret_n,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
/* Fill the empty @s after the whole file was compared with its checksum. */
enum bdfs_status checkpoint_restore(const char *dir, uint64_t index, struct store *s,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
/* Remove all but the newest CHECKPOINTS_KEPT, and remains of crashes. */
enum bdfs_status checkpoint_prune(const char *dir, struct bdfs_err *err) BDFS_MUST_CHECK;
