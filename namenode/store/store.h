/*
 * store.h - tables in LMDB; the only module that knows LMDB (store*.c; store_internal.h
 * alone includes its header).
 *
 * An environment is a directory with a fixed list of tables (LMDB named databases). Keys are byte
 * strings in memcmp order, 1 to STORE_KEY_BYTES_MAX bytes. Every value is stored with a CRC32C
 * over key and value and checked at every read (LMDB has no page checksums). The environment runs
 * without LMDB's own syncs (DESIGN D3): beside it lie the kernel's boot id and a clean mark, and
 * store_open() says whether what is there may be trusted; if not it starts empty.
 *
 * A row's first byte may be a version (store_config.versions): a row of a later one is NEWER at
 * every read, so that nobody takes for damage what a newer program wrote, and nobody misreads it.
 *
 * LMDB's files and those beside them are outside the os seam: true files in the simulator too.
 *
 * Owner:   the caller; values returned by store_get() and cursors point into the map and live
 *          until the transaction ends or writes. The same bytes may be passed to store_put().
 * Threads: any number of read transactions, each used by one thread at a time; one write
 *          transaction at a time, under a seam mutex inside: the thread that began it ends it.
 * Errors:  NOT_FOUND; CORRUPT (checksum, version 0); NEWER; NO_SPACE (map or disk full); LIMIT (too
 *          many readers);
 *          IO. After IO in a write transaction, or any failure of store_commit(), the process must
 *          end (rule P1): the caller sees to it. NO_SPACE of store_begin_write() changed nothing.
 */
#pragma once

#include <stdatomic.h>

#include "common/os.h"

#define STORE_KEY_BYTES_MAX 500
#define STORE_TABLES_MAX 32

struct store;
struct store_txn;
struct store_cursor;

struct store_config {
        const char *dir;              /* a true directory, made if missing */
        const char *const *tables;    /* names; a table is its index; must outlive the store */
        size_t tables_n;
        const uint8_t *versions;      /* the highest known of each table's rows; NULL: no versions.
                                       * Must outlive the store */
        bool soft;                    /* what cannot be read can be made anew: NEWER is CORRUPT */
        uint64_t map_bytes;           /* address space; the file grows as needed */
};

/* *ret_fresh: true when it is empty, because new, unclean after a power loss, or damaged. LIMIT
 * when another process has it. */
enum bdfs_status store_open(struct store **ret, const struct store_config *config, bool *ret_fresh,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* Sync, leave the clean mark. No transaction may be open. */
enum bdfs_status store_close(struct store *s, struct bdfs_err *err);
/* Close as a crash of the process would: no sync, no mark. NULL is fine. */
void store_abandon(struct store *s);
/* Throw everything away (after CORRUPT) and start empty. No transaction may be open. A crash in
 * between is harmless. */
enum bdfs_status store_wipe(struct store *s, struct bdfs_err *err) BDFS_MUST_CHECK;
/* What is there turned out to be damaged: the next open discards it. Transactions go on. */
enum bdfs_status store_doubt(struct store *s, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Every row that the read transaction sees, its checksum verified, into a new file at @path, synced
 * (its directory is not). CLOSED, and no file, when *@cancel (may be NULL) becomes true. */
enum bdfs_status store_copy(struct store_txn *t, const char *path, const atomic_bool *cancel,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* Fill an empty environment from such a copy, checking every value. A crash in between leaves one
 * that is not trusted; after a failure store_wipe() makes it usable again. */
enum bdfs_status store_restore(struct store *s, const char *path, struct bdfs_err *err)
        BDFS_MUST_CHECK;
uint64_t store_disk_bytes(const struct store *s);

enum bdfs_status store_begin_read(struct store *s, struct store_txn **ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status store_begin_write(struct store *s, struct store_txn **ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status store_commit(struct store_txn *t, struct bdfs_err *err) BDFS_MUST_CHECK;
void store_abort(struct store_txn *t); /* ends read transactions too; NULL is fine */

enum bdfs_status store_get(struct store_txn *t, unsigned table, const void *key, size_t key_n,
                           const uint8_t **ret, size_t *ret_n, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status store_put(struct store_txn *t, unsigned table, const void *key, size_t key_n,
                           const void *value, size_t n, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status store_del(struct store_txn *t, unsigned table, const void *key, size_t key_n,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
uint64_t store_count(struct store_txn *t, unsigned table);
size_t store_tables(const struct store *s);

/* A position in a table. A write through the same transaction to the same table invalidates it
 * except store_cursor_del(). */
enum bdfs_status store_cursor_open(struct store_txn *t, unsigned table, struct store_cursor **ret,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
void store_cursor_close(struct store_cursor *c); /* before the transaction ends; NULL is fine */
/* To the first key >= @key (or the first of all with key_n 0); NOT_FOUND at the end. */
enum bdfs_status store_cursor_seek(struct store_cursor *c, const void *key, size_t key_n,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* To this key itself, NOT_FOUND without it. Cheaper than store_get() for keys that lie together. */
enum bdfs_status store_cursor_find(struct store_cursor *c, const void *key, size_t key_n,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* To the last key < @key (or the last of all with key_n 0). */
enum bdfs_status store_cursor_before(struct store_cursor *c, const void *key, size_t key_n,
                                     struct bdfs_err *err) BDFS_MUST_CHECK;
/* To the key behind; after store_cursor_del() to the one that followed what was deleted. */
enum bdfs_status store_cursor_next(struct store_cursor *c, struct bdfs_err *err) BDFS_MUST_CHECK;
void store_cursor_at(const struct store_cursor *c, const uint8_t **ret_key, size_t *ret_key_n,
                     const uint8_t **ret_value, size_t *ret_value_n);
enum bdfs_status store_cursor_del(struct store_cursor *c, struct bdfs_err *err) BDFS_MUST_CHECK;
