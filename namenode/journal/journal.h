/*
 * journal.h - an append-only sequence of records with consecutive indexes. One engine now
 * (journal_local.c: checksummed files, synced); etcd follows (DESIGN D3).
 *
 * On disk (docs/formats.md, journal_format.h): segments `journal-<first index>`, each a header and
 * batches; a batch is length, first index, count, CRC32C over all of it, then records (length,
 * protobuf). Space is allocated ahead in zeros; zeros never parse as a batch. After a batch was
 * synced a mark goes behind it, which the next batch overwrites. A bad last batch without a mark
 * cannot have been acknowledged: it is a torn tail and is cut. A bad batch with a good one or a
 * mark behind it is CORRUPT (N8).
 *
 * Threads: one at a time (the committer); journal_read() only before the first append.
 * Errors:  CORRUPT; NO_SPACE; LIMIT (another process has it, or a batch is too large); IO.
 */
#pragma once

#include "common/err.h"
#include "common/limits.h"
#include "common/os.h"

#define JOURNAL_BATCH_BYTES_MAX (32 * MIB) /* body: records and their length words */

struct journal;

struct journal_record {
        uint64_t index;
        const uint8_t *bytes; /* packed JournalRecord */
        size_t n;
};

/* The directory is made if it is missing. INVALID when the journal is another cluster's: its id
 * stands in each segment. */
enum bdfs_status journal_open(struct journal **ret, const char *dir, const uint8_t cluster[16],
                              struct bdfs_err *err) BDFS_MUST_CHECK;
void journal_close(struct journal *j); /* NULL is fine */
const uint8_t *journal_cluster(const struct journal *j); /* 16 bytes */

uint64_t journal_first(const struct journal *j); /* 0: holds no record */
/* Of the last record ever appended, trimmed or not; 0: there never was one. */
uint64_t journal_last(const struct journal *j);
/* Bytes in segments that hold records after @index. */
uint64_t journal_bytes_after(const struct journal *j, uint64_t index);
/* Calls @each for every record with an index >= @from, in order. CORRUPT when @from is older than
 * the oldest record held, or anything on the way is damaged. */
enum bdfs_status journal_read(struct journal *j, uint64_t from,
                              enum bdfs_status (*each)(void *arg, const struct journal_record *r,
                                                       struct bdfs_err *err),
                              void *arg, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Make sure that @bytes more, in at most COMMIT_BATCH_MAX records, can be appended without meeting
 * a full disk: NO_SPACE, and nothing changed, when they cannot. */
enum bdfs_status journal_reserve(struct journal *j, uint64_t bytes, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* At least one record. Durable when it returns. Any failure is final for the process (P1). */
enum bdfs_status journal_append(struct journal *j, const struct journal_record *records, size_t n,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
/* Forget whole segments whose records are all before @index. */
enum bdfs_status journal_trim(struct journal *j, uint64_t index, struct bdfs_err *err)
        BDFS_MUST_CHECK;
