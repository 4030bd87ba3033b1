#include "namenode/store/tables_rows.h"

/* Interned names, datanodes, counters and what formatting wrote. */

/* ---- interned names ------------------------------------------------------------------------- */

static void name_id_key(uint8_t to[5], uint32_t id)
{
        to[0] = 'i';
        put_u32be(to + 1, id);
}

static size_t name_key(uint8_t to[1 + USER_NAME_BYTES_MAX], const char *name, size_t n)
{
        to[0] = 'n';
        memcpy(to + 1, name, n);
        return 1 + n;
}

/* A name and its NUL. */
static bool name_read(struct row_in *in, void *to)
{
        const char **ret = to;
        size_t n = rd_left(&in->value);
        const uint8_t *bytes = rd_bytes(&in->value, n);

        if (n < 1 || n > USER_NAME_BYTES_MAX + 1 || memchr(bytes, 0, n) != bytes + n - 1)
                return false;
        *ret = (const char *)bytes;
        return true;
}

enum bdfs_status table_name(struct store_txn *t, uint32_t id, const char **ret,
                            struct bdfs_err *err)
{
        uint8_t key[5];

        name_id_key(key, id);
        return row_get(t, TABLE_NAME, (struct row_key){key, sizeof(key)}, name_read, ret, err);
}

static bool number_read(struct row_in *in, void *to)
{
        *(uint32_t *)to = rd_u32be(&in->value);
        return true;
}

enum bdfs_status table_name_id(struct store_txn *t, const char *name, uint32_t *ret,
                               struct bdfs_err *err)
{
        uint8_t key[1 + USER_NAME_BYTES_MAX];
        size_t n = strlen(name);
        uint32_t id = NAME_NONE;
        enum bdfs_status rc;

        *ret = NAME_NONE;
        if (n > USER_NAME_BYTES_MAX)
                return BDFS_OK;
        n = name_key(key, name, n);
        rc = row_get(t, TABLE_NAME, (struct row_key){key, n}, number_read, &id, NULL);
        if (rc == BDFS_NOT_FOUND)
                return BDFS_OK; /* no text is made */
        if (rc != BDFS_OK)
                return bdfs_fail(err, rc, "look up the name %s", name);
        *ret = id;
        return id != NAME_NONE ? BDFS_OK : row_corrupt(TABLE_NAME, err);
}

enum bdfs_status table_put_name(struct store_txn *t, uint32_t id, const char *name,
                                struct bdfs_err *err)
{
        uint8_t by_id[5], key[1 + USER_NAME_BYTES_MAX];
        uint8_t value[USER_NAME_BYTES_MAX + 2], id_value[5];
        size_t n = strlen(name);
        enum bdfs_status rc;

        BDFS_ASSERT(id != NAME_NONE && n <= USER_NAME_BYTES_MAX);
        name_id_key(by_id, id);
        value[0] = TABLE_ROW_VERSION;
        memcpy(value + 1, name, n + 1);
        rc = store_put(t, TABLE_NAME, by_id, sizeof(by_id), value, n + 2, err);
        if (rc != BDFS_OK)
                return rc;
        id_value[0] = TABLE_ROW_VERSION;
        put_u32be(id_value + 1, id);
        return store_put(t, TABLE_NAME, key, name_key(key, name, n), id_value, sizeof(id_value),
                         err);
}

/* ---- datanodes ------------------------------------------------------------------------------ */

static bool node_read(struct row_in *in, void *to)
{
        struct node_row *ret = to;
        struct rd *r = &in->value;
        const uint8_t *bytes;
        uint8_t uuid_n, kind = rd_u8(&in->key);

        *ret = (struct node_row){.number = rd_u32be(&in->key)};
        if (!rd_done(&in->key) || kind != 'i')
                return false;
        uuid_n = rd_u8(r);
        bytes = rd_bytes(r, uuid_n);
        if (bytes == NULL || uuid_n > NODE_UUID_BYTES_MAX || memchr(bytes, 0, uuid_n) != NULL)
                return false;
        memcpy(ret->uuid, bytes, uuid_n);
        ret->key_n = rd_u8(r);
        bytes = rd_bytes(r, ret->key_n);
        if (bytes == NULL || ret->key_n > NODE_KEY_BYTES_MAX)
                return false;
        memcpy(ret->key, bytes, ret->key_n);
        return true;
}

static void node_key(uint8_t to[5], uint32_t number)
{
        to[0] = 'i';
        put_u32be(to + 1, number);
}

enum bdfs_status table_get_node(struct store_txn *t, uint32_t number, struct node_row *ret,
                                struct bdfs_err *err)
{
        uint8_t key[5];

        node_key(key, number);
        return row_get(t, TABLE_NODE, (struct row_key){key, sizeof(key)}, node_read, ret, err);
}

static size_t uuid_key(uint8_t to[1 + NODE_UUID_BYTES_MAX], const char *uuid)
{
        size_t n = strnlen(uuid, NODE_UUID_BYTES_MAX);

        to[0] = 'u';
        memcpy(to + 1, uuid, n);
        return 1 + n;
}

enum bdfs_status table_find_node(struct store_txn *t, const char *uuid, struct node_row *ret,
                                 struct bdfs_err *err)
{
        uint8_t key[1 + NODE_UUID_BYTES_MAX];
        size_t n = uuid_key(key, uuid);
        uint32_t number = 0;
        enum bdfs_status rc =
                row_get(t, TABLE_NODE, (struct row_key){key, n}, number_read, &number, err);

        return rc == BDFS_OK ? table_get_node(t, number, ret, err) : rc;
}

enum bdfs_status table_put_node(struct store_txn *t, const struct node_row *row,
                                struct bdfs_err *err)
{
        uint8_t key[5], by_uuid[1 + NODE_UUID_BYTES_MAX], number[5];
        uint8_t value[3 + NODE_UUID_BYTES_MAX + NODE_KEY_BYTES_MAX];
        size_t uuid_n = strlen(row->uuid);
        struct row r = {.at = value};
        enum bdfs_status rc;

        BDFS_ASSERT(uuid_n <= NODE_UUID_BYTES_MAX && row->key_n <= NODE_KEY_BYTES_MAX);
        node_key(key, row->number);
        row_u8(&r, TABLE_ROW_VERSION);
        row_u8(&r, (uint8_t)uuid_n);
        row_bytes(&r, row->uuid, uuid_n);
        row_u8(&r, (uint8_t)row->key_n);
        row_bytes(&r, row->key, row->key_n);
        rc = store_put(t, TABLE_NODE, key, sizeof(key), value, (size_t)(r.at - value), err);
        if (rc != BDFS_OK)
                return rc;
        number[0] = TABLE_ROW_VERSION;
        put_u32be(number + 1, row->number);
        return store_put(t, TABLE_NODE, by_uuid, uuid_key(by_uuid, row->uuid), number,
                         sizeof(number), err);
}

enum bdfs_status table_next_node(struct store_txn *t, uint32_t after, struct node_row *ret,
                                 struct bdfs_err *err)
{
        uint8_t from[5];
        const uint8_t *key, *value;
        size_t key_n, n;
        struct store_cursor *c;
        enum bdfs_status rc;

        if (after == UINT32_MAX)
                return bdfs_fail(err, BDFS_NOT_FOUND, "no further datanode");
        rc = store_cursor_open(t, TABLE_NODE, &c, err);
        if (rc != BDFS_OK)
                return rc;
        node_key(from, after + 1);
        rc = store_cursor_seek(c, from, sizeof(from), err);
        if (rc == BDFS_OK) {
                store_cursor_at(c, &key, &key_n, &value, &n);
                if (key_n > 0 && key[0] != 'i')
                        rc = bdfs_fail(err, BDFS_NOT_FOUND, "no further datanode");
                else
                        rc = row_at(c, TABLE_NODE, node_read, ret, err);
        }
        store_cursor_close(c);
        return rc;
}

/* ---- meta ----------------------------------------------------------------------------------- */

static const char counters_key[] = "counters";
static const char format_key[] = "format";

static bool counters_read(struct row_in *in, void *to)
{
        struct counters *ret = to;

        ret->inode = rd_u64be(&in->value);
        ret->block = rd_u64be(&in->value);
        ret->stamp = rd_u64be(&in->value);
        ret->holder = rd_u64be(&in->value);
        ret->name = rd_u32be(&in->value);
        ret->node = rd_u32be(&in->value);
        return true;
}

enum bdfs_status table_get_counters(struct store_txn *t, struct counters *ret,
                                    struct bdfs_err *err)
{
        const struct row_key key = {counters_key, sizeof(counters_key) - 1};

        return row_get(t, TABLE_META, key, counters_read, ret, err);
}

enum bdfs_status table_put_counters(struct store_txn *t, const struct counters *row,
                                    struct bdfs_err *err)
{
        uint8_t value[41];
        struct row r = {.at = value};

        row_u8(&r, TABLE_ROW_VERSION);
        row_u64(&r, row->inode);
        row_u64(&r, row->block);
        row_u64(&r, row->stamp);
        row_u64(&r, row->holder);
        row_u32(&r, row->name);
        row_u32(&r, row->node);
        return store_put(t, TABLE_META, counters_key, sizeof(counters_key) - 1, value,
                         sizeof(value), err);
}

static bool format_read(struct row_in *in, void *to)
{
        struct format *ret = to;
        struct rd *r = &in->value;
        const uint8_t *bytes = rd_bytes(r, sizeof(ret->cluster));
        uint8_t pool_n;

        *ret = (struct format){0};
        if (bytes != NULL)
                memcpy(ret->cluster, bytes, sizeof(ret->cluster));
        ret->time_ms = (int64_t)rd_u64be(r);
        ret->block_bytes_min = rd_u64be(r);
        pool_n = rd_u8(r);
        bytes = rd_bytes(r, pool_n);
        if (bytes == NULL || pool_n >= sizeof(ret->pool) || memchr(bytes, 0, pool_n) != NULL)
                return false;
        memcpy(ret->pool, bytes, pool_n);
        return true;
}

enum bdfs_status table_get_format(struct store_txn *t, struct format *ret, struct bdfs_err *err)
{
        const struct row_key key = {format_key, sizeof(format_key) - 1};

        return row_get(t, TABLE_META, key, format_read, ret, err);
}

enum bdfs_status table_put_format(struct store_txn *t, const struct format *row,
                                  struct bdfs_err *err)
{
        uint8_t value[64 + sizeof(row->pool)];
        size_t pool_n = strlen(row->pool);
        struct row r = {.at = value};

        row_u8(&r, TABLE_ROW_VERSION);
        row_bytes(&r, row->cluster, sizeof(row->cluster));
        row_u64(&r, (uint64_t)row->time_ms);
        row_u64(&r, row->block_bytes_min);
        row_u8(&r, (uint8_t)pool_n);
        row_bytes(&r, row->pool, pool_n);
        return store_put(t, TABLE_META, format_key, sizeof(format_key) - 1, value,
                         (size_t)(r.at - value), err);
}

/* ---- versions ------------------------------------------------------------------------------- */

static const char versions_key[] = "versions";

enum { VERSIONS_NAME_BYTES_MAX = 31, VERSIONS_BYTES_MAX = 2 + TABLE_COUNT * (1 + 31 + 1) };

/* Names, not numbers: what a table's number is may differ between programs. */
static size_t versions_encode(uint8_t to[VERSIONS_BYTES_MAX])
{
        struct row r = {.at = to};

        row_u8(&r, TABLE_ROW_VERSION);
        row_u8(&r, TABLE_COUNT);
        for (unsigned i = 0; i < TABLE_COUNT; i++) {
                size_t n = strlen(table_names[i]);

                BDFS_ASSERT(n <= VERSIONS_NAME_BYTES_MAX);
                row_u8(&r, (uint8_t)n);
                row_bytes(&r, table_names[i], n);
                row_u8(&r, table_versions[i]);
        }
        return (size_t)(r.at - to);
}

static enum bdfs_status check_table(const char *name, uint8_t version, struct bdfs_err *err)
{
        for (unsigned i = 0; i < TABLE_COUNT; i++) {
                if (strcmp(table_names[i], name) != 0)
                        continue;
                if (version <= table_versions[i])
                        return BDFS_OK;
                return bdfs_fail(err, BDFS_NEWER,
                                 "table %s may have rows of version %u; this program knows up to "
                                 "%u: use a newer bdfs-namenode", name, version,
                                 table_versions[i]);
        }
        return bdfs_fail(err, BDFS_NEWER, "there is a table %s, which this program does not know: "
                         "use a newer bdfs-namenode", name);
}

struct versions_check {
        enum bdfs_status rc; /* of a table that is too new, or OK */
        struct bdfs_err *err;
};

static bool versions_read(struct row_in *in, void *to)
{
        struct versions_check *c = to;
        char text[VERSIONS_NAME_BYTES_MAX + 1];
        struct rd *r = &in->value;

        for (unsigned left = rd_u8(r); left > 0; left--) {
                uint8_t n = rd_u8(r);
                const uint8_t *name = rd_bytes(r, n);

                if (name == NULL || n == 0 || n > VERSIONS_NAME_BYTES_MAX)
                        return false;
                memcpy(text, name, n);
                text[n] = '\0';
                if (c->rc == BDFS_OK)
                        c->rc = check_table(text, rd_u8(r), c->err);
                else
                        (void)rd_u8(r);
        }
        return true;
}

enum bdfs_status table_check_versions(struct store_txn *t, struct bdfs_err *err)
{
        const struct row_key key = {versions_key, sizeof(versions_key) - 1};
        struct versions_check c = {.rc = BDFS_OK, .err = err};
        enum bdfs_status rc = row_get(t, TABLE_META, key, versions_read, &c, err);

        if (rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return rc != BDFS_OK ? rc : c.rc;
}

enum bdfs_status table_versions_are_ours(struct store_txn *t, bool *ret, struct bdfs_err *err)
{
        uint8_t ours[VERSIONS_BYTES_MAX];
        const uint8_t *value;
        size_t n, ours_n = versions_encode(ours);
        enum bdfs_status rc = store_get(t, TABLE_META, versions_key, sizeof(versions_key) - 1,
                                        &value, &n, err);

        *ret = rc == BDFS_OK && n == ours_n && memcmp(value, ours, n) == 0;
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

enum bdfs_status table_put_versions(struct store_txn *t, struct bdfs_err *err)
{
        uint8_t ours[VERSIONS_BYTES_MAX];

        return store_put(t, TABLE_META, versions_key, sizeof(versions_key) - 1, ours,
                         versions_encode(ours), err);
}
