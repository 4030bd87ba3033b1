/*
 * blocks_log.h - up to where each datanode's log of changes was applied, and the digest over its
 * finalized rows: one row per node, changed in the transaction that changes the rows.
 *
 * Threads: a transaction belongs to one thread.
 * Errors:  those of store.h.
 */
#pragma once

#include "namenode/blocks/replicas.h"

/* Zeros when there is no row. */
enum bdfs_status node_log_get(struct replicas_txn *t, uint32_t node, struct node_log *ret,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status node_log_put(struct replicas_txn *t, uint32_t node, const struct node_log *log,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
