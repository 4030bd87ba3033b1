#include "namenode/store/tables_rows.h"

/* Totals, leases, interned names and counters. */

/* ---- totals --------------------------------------------------------------------------------- */

static bool total_read(struct row_in *in, void *to)
{
        struct total *ret = to;

        ret->files = rd_u64be(&in->value);
        ret->directories = rd_u64be(&in->value);
        ret->symlinks = rd_u64be(&in->value);
        ret->bytes = rd_u64be(&in->value);
        ret->space = rd_u64be(&in->value);
        return true;
}

enum bdfs_status table_get_total(struct store_txn *t, uint64_t directory, struct total *ret,
                                 struct bdfs_err *err)
{
        uint8_t key[8];
        enum bdfs_status rc;

        put_u64be(key, directory);
        *ret = (struct total){0};
        rc = row_get(t, TABLE_TOTAL, (struct row_key){key, sizeof(key)}, total_read, ret, NULL);
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return bdfs_fail(err, rc, "totals of inode %" PRIu64, directory);
}

static bool total_is_zero(const struct total *row)
{
        return (row->files | row->directories | row->symlinks | row->bytes | row->space) == 0;
}

/* Deleting what is not there is fine here. */
static enum bdfs_status del_if_there(struct store_txn *t, enum table table, const void *key,
                                     size_t n, struct bdfs_err *err)
{
        enum bdfs_status rc = store_del(t, table, key, n, NULL);

        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return bdfs_fail(err, rc, "delete from table %s", table_names[table]);
}

enum bdfs_status table_put_total(struct store_txn *t, uint64_t directory, const struct total *row,
                                 struct bdfs_err *err)
{
        uint8_t key[8], value[41];
        struct row r = {.at = value};

        put_u64be(key, directory);
        if (total_is_zero(row))
                return del_if_there(t, TABLE_TOTAL, key, sizeof(key), err);
        row_u8(&r, TABLE_ROW_VERSION);
        row_u64(&r, row->files);
        row_u64(&r, row->directories);
        row_u64(&r, row->symlinks);
        row_u64(&r, row->bytes);
        row_u64(&r, row->space);
        return store_put(t, TABLE_TOTAL, key, sizeof(key), value, sizeof(value), err);
}

void class_key(uint8_t to[CLASS_KEY_BYTES], uint64_t directory, const struct class *c)
{
        struct row r = {.at = to};

        row_u64(&r, directory);
        row_u32(&r, c->owner);
        row_u32(&r, c->group);
        row_u8(&r, (uint8_t)(c->mode >> 8));
        row_u8(&r, (uint8_t)c->mode);
        row_u8(&r, c->empty ? 1 : 0);
}

struct class_row {
        uint64_t directory, count;
        struct class class;
};

static bool class_read(struct row_in *in, void *to)
{
        struct class_row *ret = to;
        uint8_t empty;

        ret->directory = rd_u64be(&in->key);
        ret->class.owner = rd_u32be(&in->key);
        ret->class.group = rd_u32be(&in->key);
        ret->class.mode = rd_u16be(&in->key);
        empty = rd_u8(&in->key);
        ret->class.empty = empty != 0;
        ret->count = rd_u64be(&in->value);
        return rd_done(&in->key) && empty <= 1 && ret->count > 0;
}

bool class_decode(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n,
                  uint64_t *ret_directory, struct class *ret, uint64_t *ret_count)
{
        const struct row_bytes b = {TABLE_CLASS, {key, key_n}, value, n};
        struct class_row row;

        if (!row_decode(&b, class_read, &row))
                return false;
        *ret_directory = row.directory;
        *ret = row.class;
        *ret_count = row.count;
        return true;
}

enum bdfs_status table_get_class(struct store_txn *t, uint64_t directory, const struct class *c,
                                 uint64_t *ret, struct bdfs_err *err)
{
        uint8_t key[CLASS_KEY_BYTES];
        struct class_row row = {.count = 0};
        enum bdfs_status rc;

        class_key(key, directory, c);
        rc = row_get(t, TABLE_CLASS, (struct row_key){key, sizeof(key)}, class_read, &row, NULL);
        *ret = row.count;
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return bdfs_fail(err, rc, "classes of inode %" PRIu64, directory);
}

enum bdfs_status table_put_class(struct store_txn *t, uint64_t directory, const struct class *c,
                                 uint64_t count, struct bdfs_err *err)
{
        uint8_t key[CLASS_KEY_BYTES], value[9];
        struct row r = {.at = value};

        class_key(key, directory, c);
        if (count == 0)
                return del_if_there(t, TABLE_CLASS, key, sizeof(key), err);
        row_u8(&r, TABLE_ROW_VERSION);
        row_u64(&r, count);
        return store_put(t, TABLE_CLASS, key, sizeof(key), value, sizeof(value), err);
}

/* ---- leases --------------------------------------------------------------------------------- */

static size_t holder_key(uint8_t to[1 + HOLDER_BYTES_MAX], const char *name, size_t n)
{
        BDFS_ASSERT(n <= HOLDER_BYTES_MAX);
        to[0] = 'n';
        if (n > 0)
                memcpy(to + 1, name, n);
        return 1 + n;
}

static void id_key(uint8_t to[9], uint64_t id)
{
        to[0] = 'i';
        put_u64be(to + 1, id);
}

static bool holder_read(struct row_in *in, void *to)
{
        struct holder *ret = to;
        uint8_t hadoop;

        ret->id = rd_u64be(&in->value);
        ret->files = rd_u64be(&in->value);
        hadoop = rd_u8(&in->value);
        ret->hadoop = hadoop != 0;
        return hadoop <= 1 && ret->id != 0;
}

enum bdfs_status table_get_holder(struct store_txn *t, const char *name, size_t n,
                                  struct holder *ret, struct bdfs_err *err)
{
        uint8_t key[1 + HOLDER_BYTES_MAX];

        if (n > HOLDER_BYTES_MAX)
                return bdfs_fail(err, BDFS_NOT_FOUND, "no such lease holder");
        n = holder_key(key, name, n);
        return row_get(t, TABLE_HOLDER, (struct row_key){key, n}, holder_read, ret, err);
}

static enum bdfs_status del_holder(struct store_txn *t, const char *name, size_t n, uint64_t id,
                                   struct bdfs_err *err)
{
        uint8_t key[1 + HOLDER_BYTES_MAX], by_id[9];
        enum bdfs_status rc;

        id_key(by_id, id);
        rc = store_del(t, TABLE_HOLDER, by_id, sizeof(by_id), err);
        if (rc != BDFS_OK)
                return rc;
        return store_del(t, TABLE_HOLDER, key, holder_key(key, name, n), err);
}

enum bdfs_status table_put_holder(struct store_txn *t, const char *name, size_t n,
                                  const struct holder *row, struct bdfs_err *err)
{
        uint8_t key[1 + HOLDER_BYTES_MAX], value[18];
        struct row r = {.at = value};

        BDFS_ASSERT(row->id != 0);
        if (row->files == 0)
                return del_holder(t, name, n, row->id, err);
        row_u8(&r, TABLE_ROW_VERSION);
        row_u64(&r, row->id);
        row_u64(&r, row->files);
        row_u8(&r, row->hadoop ? 1 : 0);
        return store_put(t, TABLE_HOLDER, key, holder_key(key, name, n), value, sizeof(value),
                         err);
}

enum bdfs_status table_put_holder_name(struct store_txn *t, uint64_t id, const char *name,
                                       size_t n, struct bdfs_err *err)
{
        uint8_t key[9], value[1 + HOLDER_BYTES_MAX];

        BDFS_ASSERT(n <= HOLDER_BYTES_MAX);
        id_key(key, id);
        value[0] = TABLE_ROW_VERSION;
        if (n > 0)
                memcpy(value + 1, name, n);
        return store_put(t, TABLE_HOLDER, key, sizeof(key), value, n + 1, err);
}

static bool holder_name_read(struct row_in *in, void *to)
{
        size_t n = rd_left(&in->value);
        const uint8_t *bytes = rd_bytes(&in->value, n);
        char *ret = to;

        if (n > HOLDER_BYTES_MAX || memchr(bytes, 0, n) != NULL)
                return false;
        memcpy(ret, bytes, n);
        ret[n] = '\0';
        return true;
}

enum bdfs_status table_holder_name(struct store_txn *t, uint64_t id,
                                   char ret[HOLDER_BYTES_MAX + 1], struct bdfs_err *err)
{
        uint8_t key[9];

        id_key(key, id);
        return row_get(t, TABLE_HOLDER, (struct row_key){key, sizeof(key)}, holder_name_read, ret,
                       err);
}

static void lease_key(uint8_t to[16], uint64_t holder, uint64_t inode)
{
        put_u64be(to, holder);
        put_u64be(to + 8, inode);
}

enum bdfs_status table_put_lease(struct store_txn *t, uint64_t holder, uint64_t inode,
                                 struct bdfs_err *err)
{
        static const uint8_t value[1] = {TABLE_ROW_VERSION};
        uint8_t key[16];

        lease_key(key, holder, inode);
        return store_put(t, TABLE_LEASE, key, sizeof(key), value, sizeof(value), err);
}

enum bdfs_status table_del_lease(struct store_txn *t, uint64_t holder, uint64_t inode,
                                 struct bdfs_err *err)
{
        uint8_t key[16];

        lease_key(key, holder, inode);
        return store_del(t, TABLE_LEASE, key, sizeof(key), err);
}

bool lease_decode(const uint8_t *key, size_t key_n, uint64_t *ret_holder, uint64_t *ret_inode)
{
        if (key_n != 16)
                return false;
        *ret_holder = get_u64be(key);
        *ret_inode = get_u64be(key + 8);
        return true;
}

/* ---- what waits to be deleted --------------------------------------------------------------- */

enum bdfs_status table_put_doomed(struct store_txn *t, uint64_t inode, struct bdfs_err *err)
{
        static const uint8_t value[1] = {TABLE_ROW_VERSION};
        uint8_t key[8];

        put_u64be(key, inode);
        return store_put(t, TABLE_DOOMED, key, sizeof(key), value, sizeof(value), err);
}

enum bdfs_status table_del_doomed(struct store_txn *t, uint64_t inode, struct bdfs_err *err)
{
        uint8_t key[8];

        put_u64be(key, inode);
        return store_del(t, TABLE_DOOMED, key, sizeof(key), err);
}

enum bdfs_status table_first_doomed(struct store_txn *t, uint64_t *ret, struct bdfs_err *err)
{
        struct store_cursor *c;
        const uint8_t *key, *value;
        size_t key_n, value_n;
        enum bdfs_status rc = store_cursor_open(t, TABLE_DOOMED, &c, err);

        if (rc != BDFS_OK)
                return rc;
        rc = store_cursor_seek(c, NULL, 0, err);
        if (rc == BDFS_OK) {
                store_cursor_at(c, &key, &key_n, &value, &value_n);
                if (key_n == 8)
                        *ret = get_u64be(key);
                else
                        rc = row_corrupt(TABLE_DOOMED, err);
        }
        store_cursor_close(c);
        return rc;
}
