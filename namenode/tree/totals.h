/*
 * totals.h - what is below each directory: counts and bytes (TABLE_TOTAL), and how many directories
 * of each kind (TABLE_CLASS), so that du, count and the permission checks of whole trees are
 * lookups (DESIGN D4).
 *
 * Changes of a batch are gathered beside the directory in which they happened; totals_flush() adds
 * them to it and to everything above it, each row once. Until then the tables lag behind, and a
 * reader inside the batch that needs exact numbers flushes first.
 *
 * Invariant: for each directory, row + gathered changes of it and of all below it = recount
 * (check.c). So a directory that is moved takes its row's numbers along, and what is gathered below
 * it goes up its new ancestors.
 *
 * Owner:   struct totals belongs to a batch.
 * Errors:  NO_MEMORY; CORRUPT when a number would fall below zero; both end the transaction.
 */
#pragma once

#include "namenode/store/tables.h"
#include "namenode/tree/perm.h"

struct totals;

struct total_delta {
        int64_t files, directories, symlinks, bytes, space;
};

struct totals *totals_new(void); /* NULL: no memory */
void totals_free(struct totals *s);
void totals_clear(struct totals *s); /* after an abort */

/* Something directly in @directory changed. */
enum bdfs_status totals_add(struct totals *s, uint64_t directory, const struct total_delta *d,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* @by directories more of class @c directly in @directory. */
enum bdfs_status totals_class(struct totals *s, uint64_t directory, const struct class *c, int by,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* All that is below @moved (its rows' numbers) came to @directory (@by 1) or left it (-1). */
enum bdfs_status totals_tree(struct store_txn *t, struct totals *s, uint64_t directory,
                             uint64_t moved, int by, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The directory is no more: forget what was gathered for it and remove its rows. */
enum bdfs_status totals_drop(struct store_txn *t, struct totals *s, uint64_t directory,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status totals_flush(struct store_txn *t, struct totals *s, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- permission of whole trees -------------------------------------------------------------- */

/* Calls @each for every class below @directory until it answers false. */
enum bdfs_status totals_each_class(struct store_txn *t, uint64_t directory,
                                   bool (*each)(void *arg, const struct class *c, uint64_t count),
                                   void *arg, struct bdfs_err *err) BDFS_MUST_CHECK;
