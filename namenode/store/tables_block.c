#include "namenode/store/tables_rows.h"

/* What files consist of: extents, blocks and who refers to them. */

static_assert(FILE_EXTENTS_MAX * BLOCK_BYTES_MAX <= FILE_BYTES_MAX, "whole blocks always fit");
static_assert(FILE_BYTES_MAX <= INT64_MAX / REPLICATION_MAX, "space is a signed number");
static_assert(BLOCK_NODES_MAX >= 2 * PIPELINE_NODES_MAX, "a pipeline can be rebuilt at least once");

/* ---- extents -------------------------------------------------------------------------------- */

void extent_key(uint8_t to[16], uint64_t inode, uint64_t offset)
{
        put_u64be(to, inode);
        put_u64be(to + 8, offset);
}

static bool extent_read(struct row_in *in, void *to)
{
        struct extent *ret = to;

        ret->inode = rd_u64be(&in->key);
        ret->offset = rd_u64be(&in->key);
        ret->length = rd_u64be(&in->value);
        ret->block = rd_u64be(&in->value);
        ret->base = rd_u64be(&in->value);
        return rd_done(&in->key) && ret->block != 0 && ret->offset <= FILE_BYTES_MAX &&
               ret->length <= FILE_BYTES_MAX - ret->offset &&
               ret->base <= FILE_BYTES_MAX - ret->length;
}

bool extent_decode(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n,
                   struct extent *ret)
{
        const struct row_bytes b = {TABLE_EXTENT, {key, key_n}, value, n};

        return row_decode(&b, extent_read, ret);
}

enum bdfs_status table_put_extent(struct store_txn *t, const struct extent *row,
                                  struct bdfs_err *err)
{
        uint8_t key[16], value[25];
        struct row r = {.at = value};

        BDFS_ASSERT(row->block != 0);
        extent_key(key, row->inode, row->offset);
        row_u8(&r, TABLE_ROW_VERSION);
        row_u64(&r, row->length);
        row_u64(&r, row->block);
        row_u64(&r, row->base);
        return store_put(t, TABLE_EXTENT, key, sizeof(key), value, sizeof(value), err);
}

enum bdfs_status table_del_extent(struct store_txn *t, uint64_t inode, uint64_t offset,
                                  struct bdfs_err *err)
{
        uint8_t key[16];

        extent_key(key, inode, offset);
        return store_del(t, TABLE_EXTENT, key, sizeof(key), err);
}

/* ---- blocks --------------------------------------------------------------------------------- */

/* Rows of version 2 end with what few blocks have: when they were retired, and the length that
 * recovery decided. */
#define BLOCK_ROW_MORE 2
#define BLOCK_ROW_BYTES_MAX (32 + 4 * BLOCK_NODES_MAX + 17)

static bool block_sane(const struct block *b)
{
        bool retired = b->state == BLOCK_RETIRED;

        if (b->state < BLOCK_UNDER_CONSTRUCTION || b->state > BLOCK_RETIRED)
                return false;
        if (b->decided ? b->state != BLOCK_UNDER_CONSTRUCTION : b->decided_length != 0)
                return false;
        if (retired ? b->retired_ms < 0 : b->retired_ms != 0)
                return false;
        return b->stamp != 0 && (b->refs == 0) == retired && b->replication > 0 &&
               b->replication <= REPLICATION_MAX && b->length <= FILE_BYTES_MAX &&
               b->nodes_n <= BLOCK_NODES_MAX && b->pipeline_n <= b->nodes_n &&
               b->pipeline_n <= PIPELINE_NODES_MAX && b->decided_length <= FILE_BYTES_MAX;
}

static bool block_has_more(const struct block *b)
{
        return b->state == BLOCK_RETIRED || b->decided;
}

static bool block_read(struct row_in *in, void *to)
{
        struct block *ret = to;
        struct rd *r = &in->value;
        uint8_t decided = 0;

        ret->id = rd_u64be(&in->key);
        ret->stamp = rd_u64be(r);
        ret->length = rd_u64be(r);
        ret->state = (enum block_state)rd_u8(r);
        ret->replication = rd_u16be(r);
        ret->refs = rd_u32be(r);
        ret->nodes_n = rd_u8(r);
        ret->pipeline_n = rd_u8(r);
        if (r->bad || ret->nodes_n > BLOCK_NODES_MAX)
                return false;
        for (uint32_t i = 0; i < ret->nodes_n; i++)
                ret->nodes[i] = rd_u32be(r);
        ret->retired_ms = 0;
        ret->decided_length = 0;
        if (in->version >= BLOCK_ROW_MORE) {
                ret->retired_ms = (int64_t)rd_u64be(r);
                decided = rd_u8(r);
                ret->decided_length = rd_u64be(r);
        }
        ret->decided = decided == 1;
        return rd_done(&in->key) && decided <= 1 && block_sane(ret) &&
               (in->version >= BLOCK_ROW_MORE) == block_has_more(ret);
}

bool block_decode(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n,
                  struct block *ret)
{
        const struct row_bytes b = {TABLE_BLOCK, {key, key_n}, value, n};

        return row_decode(&b, block_read, ret);
}

enum bdfs_status table_get_block(struct store_txn *t, uint64_t id, struct block *ret,
                                 struct bdfs_err *err)
{
        uint8_t key[8];

        put_u64be(key, id);
        return row_get(t, TABLE_BLOCK, (struct row_key){key, sizeof(key)}, block_read, ret, err);
}

enum bdfs_status table_put_block(struct store_txn *t, const struct block *row,
                                 struct bdfs_err *err)
{
        bool more = block_has_more(row);
        uint8_t key[8], value[BLOCK_ROW_BYTES_MAX];
        struct row r = {.at = value};

        BDFS_ASSERT(block_sane(row));
        put_u64be(key, row->id);
        row_u8(&r, more ? BLOCK_ROW_MORE : TABLE_ROW_VERSION);
        row_u64(&r, row->stamp);
        row_u64(&r, row->length);
        row_u8(&r, (uint8_t)row->state);
        row_u8(&r, (uint8_t)(row->replication >> 8));
        row_u8(&r, (uint8_t)row->replication);
        row_u32(&r, row->refs);
        row_u8(&r, (uint8_t)row->nodes_n);
        row_u8(&r, (uint8_t)row->pipeline_n);
        for (uint32_t i = 0; i < row->nodes_n; i++)
                row_u32(&r, row->nodes[i]);
        if (more) {
                row_u64(&r, (uint64_t)row->retired_ms);
                row_u8(&r, row->decided ? 1 : 0);
                row_u64(&r, row->decided_length);
        }
        return store_put(t, TABLE_BLOCK, key, sizeof(key), value, (size_t)(r.at - value), err);
}

enum bdfs_status table_del_block(struct store_txn *t, uint64_t id, struct bdfs_err *err)
{
        uint8_t key[8];

        put_u64be(key, id);
        return store_del(t, TABLE_BLOCK, key, sizeof(key), err);
}

/* ---- references ----------------------------------------------------------------------------- */

void block_ref_key(uint8_t to[24], const struct block_ref *ref)
{
        put_u64be(to, ref->block);
        put_u64be(to + 8, ref->inode);
        put_u64be(to + 16, ref->offset);
}

bool block_ref_decode(const uint8_t *key, size_t key_n, struct block_ref *ret)
{
        if (key_n != 24)
                return false;
        ret->block = get_u64be(key);
        ret->inode = get_u64be(key + 8);
        ret->offset = get_u64be(key + 16);
        return true;
}

enum bdfs_status table_put_block_ref(struct store_txn *t, const struct block_ref *ref,
                                     struct bdfs_err *err)
{
        static const uint8_t value[1] = {TABLE_ROW_VERSION};
        uint8_t key[24];

        block_ref_key(key, ref);
        return store_put(t, TABLE_BLOCK_REF, key, sizeof(key), value, sizeof(value), err);
}

enum bdfs_status table_del_block_ref(struct store_txn *t, const struct block_ref *ref,
                                     struct bdfs_err *err)
{
        uint8_t key[24];

        block_ref_key(key, ref);
        return store_del(t, TABLE_BLOCK_REF, key, sizeof(key), err);
}

/* ---- without a reference -------------------------------------------------------------------- */

static const char retired_bytes_key[] = "retired_bytes";

static void retired_key(uint8_t to[16], const struct retired *row)
{
        BDFS_ASSERT(row->since_ms >= 0);
        put_u64be(to, (uint64_t)row->since_ms);
        put_u64be(to + 8, row->block);
}

bool retired_decode(const uint8_t *key, size_t key_n, struct retired *ret)
{
        if (key_n != 16)
                return false;
        ret->since_ms = (int64_t)get_u64be(key);
        ret->block = get_u64be(key + 8);
        return ret->since_ms >= 0;
}

enum bdfs_status table_put_retired(struct store_txn *t, const struct retired *row,
                                   struct bdfs_err *err)
{
        static const uint8_t value[1] = {TABLE_ROW_VERSION};
        uint8_t key[16];

        retired_key(key, row);
        return store_put(t, TABLE_RETIRED, key, sizeof(key), value, sizeof(value), err);
}

enum bdfs_status table_del_retired(struct store_txn *t, const struct retired *row,
                                   struct bdfs_err *err)
{
        uint8_t key[16];

        retired_key(key, row);
        return store_del(t, TABLE_RETIRED, key, sizeof(key), err);
}

enum bdfs_status table_first_retired(struct store_txn *t, struct retired *ret,
                                     struct bdfs_err *err)
{
        const uint8_t *key, *value;
        size_t key_n, n;
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_RETIRED, &c, err);

        if (rc != BDFS_OK)
                return rc;
        rc = store_cursor_seek(c, NULL, 0, err);
        if (rc == BDFS_OK) {
                store_cursor_at(c, &key, &key_n, &value, &n);
                if (!retired_decode(key, key_n, ret))
                        rc = row_corrupt(TABLE_RETIRED, err);
        }
        store_cursor_close(c);
        return rc;
}

static bool retired_bytes_read(struct row_in *in, void *to)
{
        *(uint64_t *)to = rd_u64be(&in->value);
        return true;
}

enum bdfs_status table_get_retired_bytes(struct store_txn *t, uint64_t *ret, struct bdfs_err *err)
{
        const struct row_key key = {retired_bytes_key, sizeof(retired_bytes_key) - 1};
        enum bdfs_status rc;

        *ret = 0;
        rc = row_get(t, TABLE_META, key, retired_bytes_read, ret, err);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

enum bdfs_status table_put_retired_bytes(struct store_txn *t, uint64_t bytes, struct bdfs_err *err)
{
        uint8_t value[9];
        struct row r = {.at = value};

        row_u8(&r, TABLE_ROW_VERSION);
        row_u64(&r, bytes);
        return store_put(t, TABLE_META, retired_bytes_key, sizeof(retired_bytes_key) - 1, value,
                         sizeof(value), err);
}

static bool freed_read(struct row_in *in, void *to)
{
        struct freed_row *ret = to;

        ret->block = rd_u64be(&in->key);
        ret->stamp = rd_u64be(&in->value);
        ret->time_ms = (int64_t)rd_u64be(&in->value);
        return rd_done(&in->key) && ret->block != 0;
}

enum bdfs_status table_get_freed(struct store_txn *t, uint64_t block, struct freed_row *ret,
                                 struct bdfs_err *err)
{
        uint8_t key[8];

        put_u64be(key, block);
        return row_get(t, TABLE_FREED, (struct row_key){key, sizeof(key)}, freed_read, ret, err);
}

enum bdfs_status table_put_freed(struct store_txn *t, const struct freed_row *row,
                                 struct bdfs_err *err)
{
        uint8_t key[8], value[17];
        struct row r = {.at = value};

        put_u64be(key, row->block);
        row_u8(&r, TABLE_ROW_VERSION);
        row_u64(&r, row->stamp);
        row_u64(&r, (uint64_t)row->time_ms);
        return store_put(t, TABLE_FREED, key, sizeof(key), value, sizeof(value), err);
}

enum bdfs_status table_del_freed(struct store_txn *t, uint64_t block, struct bdfs_err *err)
{
        uint8_t key[8];

        put_u64be(key, block);
        return store_del(t, TABLE_FREED, key, sizeof(key), err);
}

enum bdfs_status table_list_freed(struct store_txn *t, uint64_t after, struct freed_row *ret,
                                  size_t room, size_t *ret_n, struct bdfs_err *err)
{
        uint8_t key[8];
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_FREED, &c, err);

        *ret_n = 0;
        if (rc != BDFS_OK)
                return rc;
        put_u64be(key, after + 1);
        rc = after == UINT64_MAX ? BDFS_NOT_FOUND : store_cursor_seek(c, key, sizeof(key), NULL);
        while (rc == BDFS_OK && *ret_n < room) {
                rc = row_at(c, TABLE_FREED, freed_read, &ret[*ret_n], err);
                if (rc != BDFS_OK)
                        break;
                (*ret_n)++;
                rc = store_cursor_next(c, NULL);
        }
        store_cursor_close(c);
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return rc == BDFS_CORRUPT ? rc : bdfs_fail(err, rc, "freed blocks");
}
