#include "namenode/blocks/blocks_log.h"

#define ROW_VERSION 1
#define VALUE_BYTES 58

static enum bdfs_status bad_row(struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_CORRUPT, "replica tables: the row of a log makes no sense");
}

enum bdfs_status node_log_get(struct replicas_txn *t, uint32_t node, struct node_log *ret,
                              struct bdfs_err *err)
{
        const uint8_t *value;
        uint8_t key[4], version;
        struct rd r;
        size_t n;
        enum bdfs_status rc;

        put_u32be(key, node);
        *ret = (struct node_log){.id = 0};
        rc = store_get(t->t, REPLICAS_NODE, key, sizeof(key), &value, &n, err);
        if (rc != BDFS_OK)
                return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
        r = rd_of(value, n);
        version = rd_u8(&r);
        ret->id = rd_u64be(&r);
        ret->next = rd_u64be(&r);
        ret->replicas = rd_u64be(&r);
        ret->digest.high = rd_u64be(&r);
        ret->digest.low = rd_u64be(&r);
        ret->full = rd_u8(&r) != 0;
        ret->full_from = rd_u64be(&r);
        ret->full_after = rd_u64be(&r);
        return rd_done(&r) && version == ROW_VERSION ? BDFS_OK : bad_row(err);
}

enum bdfs_status node_log_put(struct replicas_txn *t, uint32_t node, const struct node_log *log,
                              struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;
        uint8_t key[4];
        struct buf b;

        put_u32be(key, node);
        buf_init(&b, VALUE_BYTES);
        buf_u8(&b, ROW_VERSION);
        buf_u64be(&b, log->id);
        buf_u64be(&b, log->next);
        buf_u64be(&b, log->replicas);
        buf_u64be(&b, log->digest.high);
        buf_u64be(&b, log->digest.low);
        buf_u8(&b, log->full ? 1 : 0);
        buf_u64be(&b, log->full_from);
        buf_u64be(&b, log->full_after);
        if (b.bad)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "replica tables: no memory");
        if (rc == BDFS_OK)
                rc = store_put(t->t, REPLICAS_NODE, key, sizeof(key), b.data, b.n, err);
        buf_fini(&b);
        return rc;
}
