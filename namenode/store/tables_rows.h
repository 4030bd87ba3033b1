/*
 * tables_rows.h - what tables*.c share: a writer of small rows and the one way of reading one.
 *
 * struct row writes into room of the caller that is large enough by construction.
 */
#pragma once

#include <inttypes.h>
#include <string.h>

#include "namenode/store/tables.h"

struct row {
        uint8_t *at;
};

static inline void row_u8(struct row *r, uint8_t v)
{
        *r->at++ = v;
}

static inline void row_u32(struct row *r, uint32_t v)
{
        put_u32be(r->at, v);
        r->at += 4;
}

static inline void row_u64(struct row *r, uint64_t v)
{
        row_u32(r, (uint32_t)(v >> 32));
        row_u32(r, (uint32_t)v);
}

static inline void row_bytes(struct row *r, const void *bytes, size_t n)
{
        if (n > 0)
                memcpy(r->at, bytes, n);
        r->at += n;
}

/* A row as its decoder sees it: of a version that table_versions allows. */
struct row_in {
        struct rd key;
        struct rd value; /* behind the version */
        uint8_t version;
};
/* False when it makes no sense; whether all of the value was read is looked at behind it. A decoder
 * that does not look at the key gets what the caller knows of it in @ret. */
typedef bool row_decoder(struct row_in *in, void *ret);

struct row_key {
        const void *bytes;
        size_t n;
};
struct row_bytes {
        enum table table;
        struct row_key key;
        const uint8_t *value;
        size_t n;
};

static inline bool row_decode(const struct row_bytes *b, row_decoder *decode, void *ret)
{
        struct row_in in = {.key = rd_of(b->key.bytes, b->key.n), .value = rd_of(b->value, b->n)};

        in.version = rd_u8(&in.value);
        return in.version > 0 && in.version <= table_versions[b->table] && decode(&in, ret) &&
               rd_done(&in.value);
}

static inline enum bdfs_status row_corrupt(enum table table, struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_CORRUPT, "row in table %s makes no sense", table_names[table]);
}

/* The row under a key: NOT_FOUND, or CORRUPT when its decoder does not take it. */
static inline enum bdfs_status row_get(struct store_txn *t, enum table table, struct row_key key,
                                       row_decoder *decode, void *ret, struct bdfs_err *err)
{
        struct row_bytes b = {.table = table, .key = key};
        enum bdfs_status rc = store_get(t, table, key.bytes, key.n, &b.value, &b.n, err);

        if (rc != BDFS_OK)
                return rc;
        return row_decode(&b, decode, ret) ? BDFS_OK : row_corrupt(table, err);
}

/* The row that the cursor stands at. */
static inline enum bdfs_status row_at(const struct store_cursor *c, enum table table,
                                      row_decoder *decode, void *ret, struct bdfs_err *err)
{
        struct row_bytes b = {.table = table};
        const uint8_t *key;

        store_cursor_at(c, &key, &b.key.n, &b.value, &b.n);
        b.key.bytes = key;
        return row_decode(&b, decode, ret) ? BDFS_OK : row_corrupt(table, err);
}
