/*
 * apply.h - one record applied to the tables, inside one LMDB write transaction: the namespace as
 * a deterministic state machine (DESIGN D3, D4).
 *
 * Reads nothing but the record and the tables: no clock, random number, thread or I/O. Permission
 * is checked here, by perm.h, against the record's caller. A refused record changes nothing:
 * every function checks first and writes after. The same records give the same tables, byte for
 * byte (N5).
 *
 * struct apply_batch gathers what is cheaper once per batch: totals and classes of directories
 * (each ancestor touched once, written by apply_flush() before the commit) and freed blocks.
 *
 * Errors: those of HDFS, with HDFS's texts where its clients see them (docs/protocol.md). CORRUPT,
 *         IO, NO_SPACE and NO_MEMORY mean that the transaction must be aborted; no record is
 *         refused with one of them.
 */
#pragma once

#include "common/err.h"
#include "namenode/store/store.h"
#include "proto/bdfs_journal.pb-c.h"

struct apply_batch;

struct apply_batch *apply_batch_new(void);
void apply_batch_free(struct apply_batch *b);

/* *ret is always made when OK (freed with op_result_free()); *ret_changed: it must be journaled. */
enum bdfs_status apply_record(struct store_txn *t, struct apply_batch *b,
                              const Bdfs__JournalRecord *record, Bdfs__OpResult **ret,
                              bool *ret_changed, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Write the gathered totals; before every commit. The batch is empty afterwards but for freed. */
enum bdfs_status apply_flush(struct store_txn *t, struct apply_batch *b, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Blocks that were freed since the last call of apply_batch_reset(), which comes after each commit
 * and each abort and forgets all that was gathered. */
const uint64_t *apply_freed(const struct apply_batch *b, size_t *ret_n);
void apply_batch_reset(struct apply_batch *b);
