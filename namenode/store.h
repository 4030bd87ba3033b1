/*
 * store.h - tables in LMDB; the only file that knows LMDB.
 *
 * An environment is a directory with a fixed list of tables (LMDB named databases). Keys are byte
 * strings in memcmp order, at most STORE_KEY_BYTES_MAX. Every value is stored with a CRC32C over
 * key and value and checked at every read (LMDB has no page checksums). The environment runs
 * without LMDB's own syncs (DESIGN D3): beside it lie the kernel's boot id and a clean mark, and
 * store_open() says whether what is there may be trusted; if not it starts empty.
 *
 * Owner:   the caller; values returned by store_get() and cursors point into the map and live
 *          until the transaction ends or writes.
 * Threads: any number of read transactions, each used by one thread at a time; one write
 *          transaction at a time, under a seam mutex inside.
 * Errors:  NOT_FOUND; CORRUPT (checksum); NO_SPACE (map or disk full); IO. After IO in a write
 *          transaction the process must end (rule P1): the caller sees to it.
 */
#pragma once

#include "common/os.h"

#define STORE_KEY_BYTES_MAX 500
#define STORE_TABLES_MAX 32

struct store;
struct store_txn;
struct store_cursor;

struct store_config {
        const char *dir;              /* a true directory, made if missing */
        const char *const *tables;    /* names; a table is its index in this list */
        size_t tables_n;
        uint64_t map_bytes;           /* address space; the file grows as needed */
};

/* *ret_fresh: true when it is empty, because new, unclean after a power loss, or damaged. */
enum bdfs_status store_open(struct store **ret, const struct store_config *config, bool *ret_fresh,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* Sync, leave the clean mark. No transaction may be open. */
enum bdfs_status store_close(struct store *s, struct bdfs_err *err);
/* Throw everything away (after CORRUPT) and start empty. No transaction may be open. */
enum bdfs_status store_wipe(struct store *s, struct bdfs_err *err) BDFS_MUST_CHECK;
/* A consistent copy of the environment as it is now, synced, at @path (a new file). */
enum bdfs_status store_copy(struct store *s, const char *path, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Replace an empty environment by such a copy, after checking every value of it. */
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

/* A position in a table. A write through the same transaction to the same table invalidates it
 * except store_cursor_del(). */
enum bdfs_status store_cursor_open(struct store_txn *t, unsigned table, struct store_cursor **ret,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
void store_cursor_close(struct store_cursor *c); /* before the transaction ends; NULL is fine */
/* To the first key >= @key (or the first of all with key_n 0); NOT_FOUND at the end. */
enum bdfs_status store_cursor_seek(struct store_cursor *c, const void *key, size_t key_n,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* To the last key < @key. */
enum bdfs_status store_cursor_before(struct store_cursor *c, const void *key, size_t key_n,
                                     struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status store_cursor_next(struct store_cursor *c, struct bdfs_err *err) BDFS_MUST_CHECK;
void store_cursor_at(const struct store_cursor *c, const uint8_t **ret_key, size_t *ret_key_n,
                     const uint8_t **ret_value, size_t *ret_value_n);
enum bdfs_status store_cursor_del(struct store_cursor *c, struct bdfs_err *err) BDFS_MUST_CHECK;
