/*
 * blocks_class.h - blocks that need attention, by enum repair_class: tables of the second
 * environment, so that they may be as many as there are blocks.
 *
 * Invariant: a class holds what the last look at a block said (blocks_judge.h); whoever acts on it
 * looks again.
 *
 * Threads: a transaction belongs to one thread.
 * Errors:  those of store.h.
 */
#pragma once

#include "namenode/blocks/replicas.h"

/* Put the block into exactly these classes. Where it was already, it keeps the earlier time. */
enum bdfs_status class_set(struct replicas_txn *t, uint64_t block, unsigned classes,
                           int64_t since_ms, struct bdfs_err *err) BDFS_MUST_CHECK;
/* NOT_FOUND: not in it. */
enum bdfs_status class_since(struct replicas_txn *t, enum repair_class class, uint64_t block,
                             int64_t *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
uint64_t class_count(struct replicas_txn *t, enum repair_class class);
