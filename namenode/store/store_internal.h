/*
 * store_internal.h - what the store's files share; nobody else includes it, nor LMDB's header.
 *
 * Owner:   struct store owns its environment, its lock and its idle read transactions.
 * Threads: fields without a mark are written only while the store is opened or wiped.
 */
#pragma once

#include <lmdb.h>

#include "common/bytes.h"
#include "namenode/store/store.h"

#define STORE_CRC_BYTES 4

struct store {
        MDB_env *env;
        MDB_dbi dbi[STORE_TABLES_MAX];
        struct store_config config;
        char *dir;
        int lock_fd;
        struct os_mutex writer;     /* held while a write transaction is open */
        uint64_t allocated;         /* guarded by: writer; bytes of data.mdb with disk space */
        struct os_mutex pool;
        struct os_cond returned;
        struct store_txn *idle;     /* guarded by: pool; reset read transactions */
        unsigned readers;           /* guarded by: pool; read transactions, idle ones too */
        atomic_bool failed;         /* a write failed, or not trusted: leave no clean mark */
};

struct store_txn {
        struct store *store;
        MDB_txn *txn;
        bool write;
        struct buf scratch;         /* key, value and checksum of a put */
        struct store_txn *next;     /* guarded by: pool */
};

/* The status and text of an LMDB result; @what says what was tried. */
enum bdfs_status store_fail(const struct store *s, int rc, const char *what, struct bdfs_err *err);
/* The order of LMDB's own comparison, which is slow for the number that keys begin with. */
int store_compare(const MDB_val *a, const MDB_val *b);
/* CORRUPT unless the value ends in the checksum of key and value; cuts it off. NEWER when its
 * version is. */
enum bdfs_status store_check(const struct store *s, unsigned table, const MDB_val *key,
                             MDB_val *value, struct bdfs_err *err);
/* After store_doubt(): what is there now is good. */
enum bdfs_status store_trust(struct store *s, struct bdfs_err *err) BDFS_MUST_CHECK;
