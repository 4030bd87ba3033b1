/*
 * journal.h - an append-only sequence of records with consecutive indexes. One engine now
 * (journal_local.c: checksummed files, synced); etcd follows (DESIGN D3).
 *
 * On disk (docs/formats.md): segments `journal-<first index>`, each a header and batches; a batch
 * is length, first index, count, CRC32C over all of it, then records (length, protobuf). Space is
 * allocated ahead in zeros; zeros never parse as a batch. A bad last batch that cannot have been
 * acknowledged is a torn tail and is cut; a bad batch with a good one behind it is CORRUPT (N8).
 *
 * Threads: one writer; journal_read() only before the first append.
 */
#pragma once

#include "common/err.h"
#include "common/os.h"

struct journal;

struct journal_record {
        uint64_t index;
        const uint8_t *bytes; /* packed JournalRecord */
        size_t n;
};

enum bdfs_status journal_open(struct journal **ret, const char *dir, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void journal_close(struct journal *j);

uint64_t journal_first(const struct journal *j); /* 0: empty */
uint64_t journal_last(const struct journal *j);  /* 0: empty */
/* Bytes in segments that hold records after @index. */
uint64_t journal_bytes_after(const struct journal *j, uint64_t index);
/* Calls @each for every record with an index >= @from, in order. */
enum bdfs_status journal_read(struct journal *j, uint64_t from,
                              enum bdfs_status (*each)(void *arg, const struct journal_record *r,
                                                       struct bdfs_err *err),
                              void *arg, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Make sure that @bytes more can be appended without meeting a full disk: NO_SPACE, and nothing
 * changed, when they cannot. */
enum bdfs_status journal_reserve(struct journal *j, uint64_t bytes, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Durable when it returns. Any failure is final for the process (P1). */
enum bdfs_status journal_append(struct journal *j, const struct journal_record *records, size_t n,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
/* Forget whole segments whose records are all before @index. */
enum bdfs_status journal_trim(struct journal *j, uint64_t index, struct bdfs_err *err)
        BDFS_MUST_CHECK;
