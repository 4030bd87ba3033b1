/* Rows and cursors. A value in LMDB is the caller's value and the CRC32C over key and value. */
#include <stdlib.h>
#include <string.h>

#include "common/crc.h"
#include "namenode/store/store_internal.h"

static MDB_val val(const void *p, size_t n)
{
        return (MDB_val){.mv_size = n, .mv_data = (void *)(uintptr_t)p};
}

static MDB_dbi dbi_of(const struct store *s, unsigned table)
{
        BDFS_ASSERT(table < s->config.tables_n);
        return s->dbi[table];
}

static enum bdfs_status check_key(const struct store *s, size_t key_n, struct bdfs_err *err)
{
        if (key_n == 0 || key_n > STORE_KEY_BYTES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "%s: a key of %zu bytes", s->dir, key_n);
        return BDFS_OK;
}

static enum bdfs_status corrupt(const struct store *s, unsigned table, const MDB_val *key,
                                struct bdfs_err *err)
{
        static const char digits[] = "0123456789abcdef";
        const uint8_t *p = key->mv_data;
        char hex[2 * 32 + 1];
        size_t n = key->mv_size < 32 ? key->mv_size : 32;

        for (size_t i = 0; i < n; i++) {
                hex[2 * i] = digits[p[i] >> 4];
                hex[2 * i + 1] = digits[p[i] & 15];
        }
        hex[2 * n] = '\0';
        return bdfs_fail(err, BDFS_CORRUPT, "%s: table %s, key %s: checksum is wrong", s->dir,
                         s->config.tables[table], hex);
}

int store_compare(const MDB_val *a, const MDB_val *b)
{
        size_t n = a->mv_size < b->mv_size ? a->mv_size : b->mv_size, at = 0;
        int order;

        if (n >= 8) {
                uint64_t x = get_u64be(a->mv_data), y = get_u64be(b->mv_data);

                if (x != y)
                        return x < y ? -1 : 1;
                at = 8;
        }
        order = n == at ? 0 : memcmp((const char *)a->mv_data + at, (const char *)b->mv_data + at,
                                     n - at);
        if (order != 0)
                return order;
        return a->mv_size == b->mv_size ? 0 : a->mv_size < b->mv_size ? -1 : 1;
}

/* Is the row one that this program may write, since it can read it? */
static bool is_known(const struct store *s, unsigned table, const void *value, size_t n)
{
        const uint8_t *version = value;

        return s->config.versions == NULL ||
               (n > 0 && *version > 0 && *version <= s->config.versions[table]);
}

static enum bdfs_status check_version(const struct store *s, unsigned table, const MDB_val *value,
                                      struct bdfs_err *err)
{
        const char *name = s->config.tables[table];
        unsigned version = value->mv_size > 0 ? *(const uint8_t *)value->mv_data : 0;

        if (is_known(s, table, value->mv_data, value->mv_size))
                return BDFS_OK;
        if (version == 0)
                return bdfs_fail(err, BDFS_CORRUPT, "%s: table %s has a row without a version",
                                 s->dir, name);
        return bdfs_fail(err, s->config.soft ? BDFS_CORRUPT : BDFS_NEWER,
                         "%s: table %s has a row of version %u; this program knows up to %u: use a "
                         "newer bdfs-namenode", s->dir, name, version, s->config.versions[table]);
}

enum bdfs_status store_check(const struct store *s, unsigned table, const MDB_val *key,
                             MDB_val *value, struct bdfs_err *err)
{
        size_t n;
        uint32_t crc;

        if (value->mv_size < STORE_CRC_BYTES)
                return corrupt(s, table, key, err);
        n = value->mv_size - STORE_CRC_BYTES;
        crc = crc32c(crc32c(0, key->mv_data, key->mv_size), value->mv_data, n);
        if (crc != get_u32be((const uint8_t *)value->mv_data + n))
                return corrupt(s, table, key, err);
        value->mv_size = n;
        return check_version(s, table, value, err);
}

enum bdfs_status store_get(struct store_txn *t, unsigned table, const void *key, size_t key_n,
                           const uint8_t **ret, size_t *ret_n, struct bdfs_err *err)
{
        const struct store *s = t->store;
        MDB_val k = val(key, key_n), v;
        enum bdfs_status rc = check_key(s, key_n, err);
        int mdb;

        if (rc != BDFS_OK)
                return rc;
        mdb = mdb_get(t->txn, dbi_of(s, table), &k, &v);
        if (mdb == MDB_NOTFOUND)
                return bdfs_fail(err, BDFS_NOT_FOUND, "table %s: no such row",
                                 s->config.tables[table]);
        if (mdb != 0)
                return store_fail(s, mdb, "get", err);
        rc = store_check(s, table, &k, &v, err);
        if (rc != BDFS_OK)
                return rc;
        *ret = v.mv_data;
        *ret_n = v.mv_size;
        return BDFS_OK;
}

enum bdfs_status store_put(struct store_txn *t, unsigned table, const void *key, size_t key_n,
                           const void *value, size_t n, struct bdfs_err *err)
{
        const struct store *s = t->store;
        struct buf *b = &t->scratch;
        enum bdfs_status rc = check_key(s, key_n, err);
        MDB_val k, v;
        int mdb;

        BDFS_ASSERT(t->write);
        BDFS_ASSERT(is_known(s, table, value, n));
        if (rc != BDFS_OK)
                return rc;
        buf_reset(b); /* key and value may point into pages that the put moves */
        buf_add(b, key, key_n);
        buf_add(b, value, n);
        if (!b->bad)
                buf_u32be(b, crc32c(0, b->data, key_n + n));
        if (b->bad)
                return bdfs_fail(err, BDFS_NO_MEMORY, "%s: put: out of memory", s->dir);
        k = val(b->data, key_n);
        v = val(b->data + key_n, n + STORE_CRC_BYTES);
        mdb = mdb_put(t->txn, dbi_of(s, table), &k, &v, 0);
        return mdb == 0 ? BDFS_OK : store_fail(s, mdb, "put", err);
}

enum bdfs_status store_del(struct store_txn *t, unsigned table, const void *key, size_t key_n,
                           struct bdfs_err *err)
{
        const struct store *s = t->store;
        MDB_val k = val(key, key_n);
        enum bdfs_status rc = check_key(s, key_n, err);
        int mdb;

        BDFS_ASSERT(t->write);
        if (rc != BDFS_OK)
                return rc;
        mdb = mdb_del(t->txn, dbi_of(s, table), &k, NULL);
        if (mdb == MDB_NOTFOUND)
                return bdfs_fail(err, BDFS_NOT_FOUND, "table %s: no such row",
                                 s->config.tables[table]);
        return mdb == 0 ? BDFS_OK : store_fail(s, mdb, "delete", err);
}

uint64_t store_count(struct store_txn *t, unsigned table)
{
        MDB_stat stat;
        int rc = mdb_stat(t->txn, dbi_of(t->store, table), &stat);

        BDFS_ASSERT(rc == 0); /* it can only say that the handle is wrong */
        return stat.ms_entries;
}

/* ---- cursors --------------------------------------------------------------------------------- */

struct store_cursor {
        struct store_txn *txn;
        MDB_cursor *cursor;
        unsigned table;
        MDB_val key, value; /* where it stands; value without its checksum */
};

enum bdfs_status store_cursor_open(struct store_txn *t, unsigned table, struct store_cursor **ret,
                                   struct bdfs_err *err)
{
        struct store_cursor *c = calloc(1, sizeof(*c));
        int mdb;

        if (c == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "%s: cursor: out of memory", t->store->dir);
        c->txn = t;
        c->table = table;
        mdb = mdb_cursor_open(t->txn, dbi_of(t->store, table), &c->cursor);
        if (mdb != 0) {
                free(c);
                return store_fail(t->store, mdb, "cursor", err);
        }
        *ret = c;
        return BDFS_OK;
}

void store_cursor_close(struct store_cursor *c)
{
        if (c == NULL)
                return;
        mdb_cursor_close(c->cursor);
        free(c);
}

static int cursor_move(struct store_cursor *c, MDB_cursor_op op, const void *key, size_t key_n)
{
        c->key = val(key, key_n);
        return mdb_cursor_get(c->cursor, &c->key, &c->value, op);
}

static enum bdfs_status cursor_settle(struct store_cursor *c, int mdb, struct bdfs_err *err)
{
        const struct store *s = c->txn->store;

        if (mdb == MDB_NOTFOUND)
                return bdfs_fail(err, BDFS_NOT_FOUND, "table %s: no further row",
                                 s->config.tables[c->table]);
        if (mdb != 0)
                return store_fail(s, mdb, "cursor", err);
        return store_check(s, c->table, &c->key, &c->value, err);
}

enum bdfs_status store_cursor_seek(struct store_cursor *c, const void *key, size_t key_n,
                                   struct bdfs_err *err)
{
        MDB_cursor_op op = key_n == 0 ? MDB_FIRST : MDB_SET_RANGE;

        return cursor_settle(c, cursor_move(c, op, key, key_n), err);
}

enum bdfs_status store_cursor_find(struct store_cursor *c, const void *key, size_t key_n,
                                   struct bdfs_err *err)
{
        return cursor_settle(c, cursor_move(c, MDB_SET_KEY, key, key_n), err);
}

enum bdfs_status store_cursor_before(struct store_cursor *c, const void *key, size_t key_n,
                                     struct bdfs_err *err)
{
        int mdb = key_n == 0 ? MDB_NOTFOUND : cursor_move(c, MDB_SET_RANGE, key, key_n);

        if (mdb == 0)
                mdb = cursor_move(c, MDB_PREV, NULL, 0);
        else if (mdb == MDB_NOTFOUND)
                mdb = cursor_move(c, MDB_LAST, NULL, 0);
        return cursor_settle(c, mdb, err);
}

enum bdfs_status store_cursor_next(struct store_cursor *c, struct bdfs_err *err)
{
        return cursor_settle(c, cursor_move(c, MDB_NEXT, NULL, 0), err);
}

void store_cursor_at(const struct store_cursor *c, const uint8_t **ret_key, size_t *ret_key_n,
                     const uint8_t **ret_value, size_t *ret_value_n)
{
        *ret_key = c->key.mv_data;
        *ret_key_n = c->key.mv_size;
        *ret_value = c->value.mv_data;
        *ret_value_n = c->value.mv_size;
}

enum bdfs_status store_cursor_del(struct store_cursor *c, struct bdfs_err *err)
{
        int mdb;

        BDFS_ASSERT(c->txn->write);
        mdb = mdb_cursor_del(c->cursor, 0);
        return mdb == 0 ? BDFS_OK : store_fail(c->txn->store, mdb, "cursor delete", err);
}
