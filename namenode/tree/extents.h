/*
 * extents.h - a file's map (DESIGN D2): which part of which block lies where, and who refers to a
 * block.
 *
 * Changing functions keep struct inode's extents, length and map_version in step with the rows;
 * the caller writes the inode. A block whose last reference goes is retired (grace.h).
 *
 * Errors: CORRUPT, NO_MEMORY and those of the store; a change that failed ends the transaction.
 */
#pragma once

#include "namenode/tree/grace.h"

/* ---- reading -------------------------------------------------------------------------------- */

/* NOT_FOUND: the file has no extents. */
enum bdfs_status extents_last(struct store_txn *t, uint64_t inode, struct extent *ret,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* The one before that at @offset; NOT_FOUND. */
enum bdfs_status extents_before(struct store_txn *t, uint64_t inode, uint64_t offset,
                                struct extent *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Calls @each in order, from the extent that ends after @offset on, until it answers false. */
enum bdfs_status extents_each(struct store_txn *t, uint64_t inode, uint64_t offset,
                              bool (*each)(void *arg, const struct extent *e), void *arg,
                              struct bdfs_err *err) BDFS_MUST_CHECK;

/* The first reference to a block; NOT_FOUND. */
enum bdfs_status extents_owner(struct store_txn *t, uint64_t block, struct block_ref *ret,
                               struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- changing ------------------------------------------------------------------------------- */

/* Put @e into the map, behind all others; @b is written with one reference more. */
enum bdfs_status extents_add(struct store_txn *t, struct inode *file, const struct extent *e,
                             struct block *b, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Another length for the last extent. */
enum bdfs_status extents_resize(struct store_txn *t, struct inode *file, struct extent *last,
                                uint64_t length, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Cut the map at @length. */
enum bdfs_status extents_cut(struct store_txn *t, struct inode *file, uint64_t length,
                             struct freed *freed, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Take at most *most extents off the end, and them off *most. */
enum bdfs_status extents_shed(struct store_txn *t, struct inode *file, uint64_t *most,
                              struct freed *freed, struct bdfs_err *err) BDFS_MUST_CHECK;
/* All extents of @from behind those of @to, whose replication is wanted for them from now on. */
enum bdfs_status extents_join(struct store_txn *t, struct inode *to, struct inode *from,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* After file->replication was written: the blocks want the most of all who refer to them. */
enum bdfs_status extents_replication(struct store_txn *t, const struct inode *file,
                                     struct bdfs_err *err) BDFS_MUST_CHECK;
