#include "namenode/blocks/blocks_doomed.h"

#define ROW_VERSION 1
#define KEY_BYTES 12

static void key_of(uint8_t to[KEY_BYTES], uint32_t node, uint64_t block)
{
        put_u32be(to, node);
        put_u64be(to + 4, block);
}

enum bdfs_status doomed_sent(struct replicas_txn *t, uint32_t node, uint64_t block,
                             int64_t *ret_ms, struct bdfs_err *err)
{
        uint8_t key[KEY_BYTES], version;
        const uint8_t *value;
        enum bdfs_status rc;
        struct rd r;
        size_t n;

        key_of(key, node, block);
        *ret_ms = 0;
        rc = store_get(t->t, REPLICAS_DOOMED, key, sizeof(key), &value, &n, err);
        if (rc != BDFS_OK)
                return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
        r = rd_of(value, n);
        version = rd_u8(&r);
        *ret_ms = (int64_t)rd_u64be(&r);
        if (!rd_done(&r) || version != ROW_VERSION)
                return bdfs_fail(err, BDFS_CORRUPT, "replica tables: a deletion makes no sense");
        return BDFS_OK;
}

enum bdfs_status doomed_set_sent(struct replicas_txn *t, uint32_t node, uint64_t block,
                                 int64_t sent_ms, struct bdfs_err *err)
{
        uint8_t key[KEY_BYTES], value[9] = {ROW_VERSION};

        key_of(key, node, block);
        put_u64be(value + 1, (uint64_t)sent_ms);
        return store_put(t->t, REPLICAS_DOOMED, key, sizeof(key), value, sizeof(value), err);
}

uint64_t doomed_count(struct replicas_txn *t)
{
        return store_count(t->t, REPLICAS_DOOMED);
}
