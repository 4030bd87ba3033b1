/*
 * blocks_doomed.h - replicas whose deletion was decided, and when their nodes were told.
 *
 * A row stands beside each doomed row of replicas.h, which makes and removes it.
 *
 * Threads: a transaction belongs to one thread.
 * Errors:  those of store.h.
 */
#pragma once

#include "namenode/blocks/replicas.h"

/* When the node was last told to delete it; 0: never. */
enum bdfs_status doomed_sent(struct replicas_txn *t, uint32_t node, uint64_t block,
                             int64_t *ret_ms, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status doomed_set_sent(struct replicas_txn *t, uint32_t node, uint64_t block,
                                 int64_t sent_ms, struct bdfs_err *err) BDFS_MUST_CHECK;
uint64_t doomed_count(struct replicas_txn *t);
