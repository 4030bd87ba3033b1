/*
 * retry.h - answers kept for retries (N9): one code for the committer and for replay, so that both
 * leave the same rows (N5).
 *
 * An answer belongs to the request id of a record that changed something, client id and call id,
 * and to its user: whoever knows another's request id makes a call of his own with it. It is kept
 * for RETRY_ANSWER_MS of record time; each answer that is stored takes up to two expired ones away,
 * unless there are few: a leap of the clock must not make a retry apply twice.
 *
 * Threads: as the transaction.
 * Errors:  those of the store; CORRUPT.
 */
#pragma once

#include "common/err.h"
#include "namenode/store/store.h"
#include "proto/bdfs_journal.pb-c.h"

#define RETRY_CLIENT_BYTES_MAX 64
#define RETRY_ANSWERS_MIN 65536

/* INVALID for a request id that cannot be one; a record without is fine. */
enum bdfs_status retry_check(const Bdfs__JournalRecord *record, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The first answer, freed with op_result_free(); NULL in *ret: none, apply it. @now_ms is the time
 * that the record would get. */
enum bdfs_status retry_find(struct store_txn *t, const Bdfs__JournalRecord *record, int64_t now_ms,
                            Bdfs__OpResult **ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* After the record was applied and changed something. Nothing without a request id. */
enum bdfs_status retry_store(struct store_txn *t, const Bdfs__JournalRecord *record,
                             const Bdfs__OpResult *answer, struct bdfs_err *err) BDFS_MUST_CHECK;

void op_result_free(Bdfs__OpResult *r); /* NULL is fine */
