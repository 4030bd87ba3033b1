#include "namenode/tables_rows.h"

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

bool extent_decode(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n,
                   struct extent *ret)
{
        struct rd r = row_rd(value, n);

        if (key_n != 16)
                return false;
        ret->inode = get_u64be(key);
        ret->offset = get_u64be(key + 8);
        ret->length = rd_u64be(&r);
        ret->block = rd_u64be(&r);
        ret->base = rd_u64be(&r);
        return rd_done(&r) && ret->block != 0 && ret->offset <= FILE_BYTES_MAX &&
               ret->length <= FILE_BYTES_MAX - ret->offset &&
               ret->base <= FILE_BYTES_MAX - ret->length;
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

static bool block_sane(const struct block *b)
{
        if (b->state < BLOCK_UNDER_CONSTRUCTION || b->state > BLOCK_COMPLETE)
                return false;
        return b->stamp != 0 && b->refs > 0 && b->replication > 0 &&
               b->replication <= REPLICATION_MAX && b->length <= FILE_BYTES_MAX &&
               b->nodes_n <= BLOCK_NODES_MAX && b->pipeline_n <= b->nodes_n &&
               b->pipeline_n <= PIPELINE_NODES_MAX;
}

bool block_decode(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n,
                  struct block *ret)
{
        struct rd r = row_rd(value, n);

        if (key_n != 8)
                return false;
        ret->id = get_u64be(key);
        ret->stamp = rd_u64be(&r);
        ret->length = rd_u64be(&r);
        ret->state = (enum block_state)rd_u8(&r);
        ret->replication = rd_u16be(&r);
        ret->refs = rd_u32be(&r);
        ret->nodes_n = rd_u8(&r);
        ret->pipeline_n = rd_u8(&r);
        if (r.bad || !block_sane(ret))
                return false;
        for (uint32_t i = 0; i < ret->nodes_n; i++)
                ret->nodes[i] = rd_u32be(&r);
        return rd_done(&r);
}

enum bdfs_status table_get_block(struct store_txn *t, uint64_t id, struct block *ret,
                                 struct bdfs_err *err)
{
        uint8_t key[8];
        const uint8_t *value;
        size_t n;
        enum bdfs_status rc;

        put_u64be(key, id);
        rc = store_get(t, TABLE_BLOCK, key, sizeof(key), &value, &n, err);
        if (rc != BDFS_OK)
                return rc;
        return block_decode(key, sizeof(key), value, n, ret) ? BDFS_OK
                                                             : row_corrupt(TABLE_BLOCK, err);
}

enum bdfs_status table_put_block(struct store_txn *t, const struct block *row,
                                 struct bdfs_err *err)
{
        uint8_t key[8], value[32 + 4 * BLOCK_NODES_MAX];
        struct row r = {.at = value};

        BDFS_ASSERT(block_sane(row));
        put_u64be(key, row->id);
        row_u8(&r, TABLE_ROW_VERSION);
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
