#include "namenode/tables_rows.h"

/* Answers kept for retries: by request id, and by time so that they can be forgotten. */

#define RETRY_KEY_BYTES_MAX (4 + RETRY_CLIENT_BYTES_MAX)

static size_t retry_key(uint8_t to[RETRY_KEY_BYTES_MAX], const struct retry_id *id)
{
        struct row r = {.at = to};

        BDFS_ASSERT(id->client_n <= RETRY_CLIENT_BYTES_MAX);
        row_bytes(&r, id->client, id->client_n);
        row_u32(&r, (uint32_t)id->call);
        return (size_t)(r.at - to);
}

/* Times before 1970 sort first. */
static uint64_t time_key(int64_t time_ms)
{
        return (uint64_t)time_ms ^ 1ULL << 63;
}

enum bdfs_status table_put_retry(struct store_txn *t, const struct retry_id *id, int64_t time_ms,
                                 uint64_t index, const void *answer, size_t n,
                                 struct bdfs_err *err)
{
        uint8_t key[RETRY_KEY_BYTES_MAX], order[16], order_value[1 + RETRY_KEY_BYTES_MAX];
        size_t key_n = retry_key(key, id);
        struct buf value;
        enum bdfs_status rc;

        key_u64(order, time_key(time_ms));
        key_u64(order + 8, index);
        order_value[0] = TABLE_ROW_VERSION;
        memcpy(order_value + 1, key, key_n);
        rc = store_put(t, TABLE_RETRY_ORDER, order, sizeof(order), order_value, 1 + key_n, err);
        if (rc != BDFS_OK)
                return rc;
        buf_init(&value, 0);
        buf_u8(&value, TABLE_ROW_VERSION);
        buf_add(&value, answer, n);
        rc = value.bad ? bdfs_fail(err, BDFS_NO_MEMORY, "answer of %zu bytes", n)
                       : store_put(t, TABLE_RETRY, key, key_n, value.data, value.n, err);
        buf_fini(&value);
        return rc;
}

enum bdfs_status table_get_retry(struct store_txn *t, const struct retry_id *id,
                                 const uint8_t **ret, size_t *ret_n, struct bdfs_err *err)
{
        uint8_t key[RETRY_KEY_BYTES_MAX];
        const uint8_t *value;
        size_t n;
        enum bdfs_status rc;

        rc = store_get(t, TABLE_RETRY, key, retry_key(key, id), &value, &n, err);
        if (rc != BDFS_OK)
                return rc;
        if (n < 1 || value[0] != TABLE_ROW_VERSION)
                return row_corrupt(TABLE_RETRY, err);
        *ret = value + 1;
        *ret_n = n - 1;
        return BDFS_OK;
}

/* The oldest answer, if it is older than @time_ms: it goes. */
static enum bdfs_status forget_one(struct store_txn *t, struct store_cursor *c, int64_t time_ms,
                                   struct bdfs_err *err)
{
        uint8_t owner[RETRY_KEY_BYTES_MAX];
        const uint8_t *key, *value;
        size_t key_n, n;
        enum bdfs_status rc = store_cursor_seek(c, NULL, 0, NULL);

        if (rc != BDFS_OK)
                return rc;
        store_cursor_at(c, &key, &key_n, &value, &n);
        if (key_n != 16 || n < 1 || n > 1 + sizeof(owner) || value[0] != TABLE_ROW_VERSION)
                return row_corrupt(TABLE_RETRY_ORDER, err);
        if (get_u64be(key) >= time_key(time_ms))
                return BDFS_NOT_FOUND;
        memcpy(owner, value + 1, n - 1);
        rc = store_cursor_del(c, err);
        if (rc != BDFS_OK)
                return rc;
        rc = store_del(t, TABLE_RETRY, owner, n - 1, err);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc; /* the same id was answered again later */
}

enum bdfs_status table_forget_retries(struct store_txn *t, int64_t time_ms, uint64_t most,
                                      uint64_t *ret_n, struct bdfs_err *err)
{
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_RETRY_ORDER, &c, err);

        *ret_n = 0;
        while (rc == BDFS_OK && *ret_n < most) {
                rc = forget_one(t, c, time_ms, err);
                if (rc == BDFS_OK)
                        ++*ret_n;
        }
        store_cursor_close(c);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}
