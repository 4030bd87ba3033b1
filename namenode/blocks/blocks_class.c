#include "namenode/blocks/blocks_class.h"

#define ROW_VERSION 1
#define VALUE_BYTES 9

static unsigned table_of(enum repair_class class)
{
        BDFS_ASSERT((unsigned)class < REPAIR_CLASSES);
        return REPLICAS_CLASS + (unsigned)class;
}

uint64_t class_count(struct replicas_txn *t, enum repair_class class)
{
        return store_count(t->t, table_of(class));
}

enum bdfs_status class_since(struct replicas_txn *t, enum repair_class class, uint64_t block,
                             int64_t *ret, struct bdfs_err *err)
{
        const uint8_t *value;
        uint8_t key[8], version;
        struct rd r;
        size_t n;
        enum bdfs_status rc;

        put_u64be(key, block);
        rc = store_get(t->t, table_of(class), key, sizeof(key), &value, &n, err);
        if (rc != BDFS_OK)
                return rc;
        r = rd_of(value, n);
        version = rd_u8(&r);
        *ret = (int64_t)rd_u64be(&r);
        if (!rd_done(&r) || version != ROW_VERSION)
                return bdfs_fail(err, BDFS_CORRUPT, "replica tables: a class row makes no sense");
        return BDFS_OK;
}

static enum bdfs_status join(struct replicas_txn *t, enum repair_class class, uint64_t block,
                             int64_t since_ms, struct bdfs_err *err)
{
        uint8_t key[8], value[VALUE_BYTES] = {ROW_VERSION};
        int64_t before;
        enum bdfs_status rc = class_since(t, class, block, &before, err);

        if (rc == BDFS_OK && before <= since_ms)
                return BDFS_OK;
        if (rc != BDFS_OK && rc != BDFS_NOT_FOUND)
                return rc;
        put_u64be(key, block);
        put_u64be(value + 1, (uint64_t)since_ms);
        return store_put(t->t, table_of(class), key, sizeof(key), value, sizeof(value), err);
}

static enum bdfs_status leave(struct replicas_txn *t, enum repair_class class, uint64_t block,
                              struct bdfs_err *err)
{
        uint8_t key[8];
        enum bdfs_status rc;

        if (class_count(t, class) == 0)
                return BDFS_OK;
        put_u64be(key, block);
        rc = store_del(t->t, table_of(class), key, sizeof(key), err);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

enum bdfs_status class_set(struct replicas_txn *t, uint64_t block, unsigned classes,
                           int64_t since_ms, struct bdfs_err *err)
{
        for (enum repair_class i = 0; i < REPAIR_CLASSES; i++) {
                enum bdfs_status rc = (classes & 1u << i) != 0
                                              ? join(t, i, block, since_ms, err)
                                              : leave(t, i, block, err);

                if (rc != BDFS_OK)
                        return rc;
        }
        return BDFS_OK;
}
