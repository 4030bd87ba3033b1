#include "namenode/store/tables_rows.h"

/* Inodes and their names; tables_block.c has files' contents, tables_misc.c the rest. */

const char *const table_names[TABLE_COUNT] = {
        [TABLE_META] = "meta",
        [TABLE_INODE] = "inode",
        [TABLE_ENTRY] = "entry",
        [TABLE_LINK] = "link",
        [TABLE_EXTENT] = "extent",
        [TABLE_BLOCK] = "block",
        [TABLE_BLOCK_REF] = "block_ref",
        [TABLE_XATTR] = "xattr",
        [TABLE_ACL] = "acl",
        [TABLE_TOTAL] = "total",
        [TABLE_CLASS] = "class",
        [TABLE_LEASE] = "lease",
        [TABLE_HOLDER] = "holder",
        [TABLE_OPEN] = "open",
        [TABLE_RETRY] = "retry",
        [TABLE_RETRY_ORDER] = "retry_order",
        [TABLE_NAME] = "name",
        [TABLE_DOOMED] = "doomed",
        [TABLE_NODE] = "node",
        [TABLE_TARGET] = "target",
        [TABLE_ZONE] = "zone",
        [TABLE_KEY] = "key",
        [TABLE_QUOTA] = "quota",
        [TABLE_SNAPSHOT] = "snapshot",
        [TABLE_RETIRED] = "retired",
        [TABLE_FREED] = "freed",
};

const uint8_t table_versions[TABLE_COUNT] = {
        [TABLE_META] = 1,
        [TABLE_INODE] = 1,
        [TABLE_ENTRY] = 1,
        [TABLE_LINK] = 1,
        [TABLE_EXTENT] = 1,
        [TABLE_BLOCK] = 2,
        [TABLE_BLOCK_REF] = 1,
        [TABLE_XATTR] = 1,
        [TABLE_ACL] = 1,
        [TABLE_TOTAL] = 1,
        [TABLE_CLASS] = 1,
        [TABLE_LEASE] = 1,
        [TABLE_HOLDER] = 1,
        [TABLE_OPEN] = 1,
        [TABLE_RETRY] = 2,
        [TABLE_RETRY_ORDER] = 2,
        [TABLE_NAME] = 1,
        [TABLE_DOOMED] = 1,
        [TABLE_NODE] = 1,
        [TABLE_TARGET] = 1,
        [TABLE_ZONE] = 1,
        [TABLE_KEY] = 1,
        [TABLE_QUOTA] = 1,
        [TABLE_SNAPSHOT] = 1,
        [TABLE_RETIRED] = 1,
        [TABLE_FREED] = 1,
};

static_assert(TABLE_COUNT <= STORE_TABLES_MAX, "every table fits the store");
static_assert(1 + 1 + 4 * 3 + 2 + 4 + 8 * 3 + 2 + NAME_BYTES_MAX + 8 * 5 + 8 + 1 +
                      MACHINE_BYTES_MAX <= INODE_ROW_BYTES_MAX,
              "the longest inode fits its row");

static void encode_file(const struct inode *row, struct row *r)
{
        row_u64(r, row->length);
        row_u64(r, row->block_size);
        row_u32(r, row->replication);
        row_u32(r, row->extents);
        row_u64(r, row->tail);
        row_u64(r, row->map_version);
        if ((row->flags & INODE_OPEN) == 0)
                return;
        row_u64(r, row->holder);
        row_u8(r, row->machine_n);
        row_bytes(r, row->machine, row->machine_n);
}

size_t inode_encode(const struct inode *row, uint8_t to[INODE_ROW_BYTES_MAX])
{
        struct row r = {.at = to};

        row_u8(&r, TABLE_ROW_VERSION);
        row_u8(&r, (uint8_t)row->type);
        row_u32(&r, row->flags);
        row_u32(&r, row->owner);
        row_u32(&r, row->group);
        row_u8(&r, (uint8_t)(row->mode >> 8));
        row_u8(&r, (uint8_t)row->mode);
        row_u32(&r, row->nlink);
        row_u64(&r, row->parent);
        row_u64(&r, (uint64_t)row->mtime);
        row_u64(&r, (uint64_t)row->atime);
        row_u8(&r, row->policy);
        row_u8(&r, row->name_n);
        row_bytes(&r, row->name, row->name_n);
        if (row->type == INODE_FILE)
                encode_file(row, &r);
        else if (row->type == INODE_DIRECTORY)
                row_u32(&r, row->children);
        return (size_t)(r.at - to);
}

static void decode_text(struct rd *r, uint8_t *ret_n, char *to, size_t most)
{
        uint8_t n = rd_u8(r);
        const uint8_t *bytes = rd_bytes(r, n);

        if (bytes == NULL || n > most || memchr(bytes, 0, n) != NULL) {
                r->bad = true;
                n = 0;
        } else {
                memcpy(to, bytes, n);
        }
        to[n] = '\0';
        *ret_n = n;
}

static void decode_file(struct rd *r, struct inode *ret)
{
        ret->length = rd_u64be(r);
        ret->block_size = rd_u64be(r);
        ret->replication = rd_u32be(r);
        ret->extents = rd_u32be(r);
        ret->tail = rd_u64be(r);
        ret->map_version = rd_u64be(r);
        if (ret->flags & INODE_OPEN) {
                ret->holder = rd_u64be(r);
                decode_text(r, &ret->machine_n, ret->machine, MACHINE_BYTES_MAX);
        }
        if (ret->replication == 0 || ret->replication > REPLICATION_MAX ||
            ret->length > FILE_BYTES_MAX || ret->extents > FILE_EXTENTS_MAX)
                r->bad = true;
}

static bool inode_sane(const struct inode *row)
{
        const uint32_t file_only = INODE_OPEN | INODE_RECOVERING;

        if (row->type != INODE_FILE && (row->flags & file_only) != 0)
                return false;
        if ((row->flags & INODE_RECOVERING) && !(row->flags & INODE_OPEN))
                return false;
        return (row->flags & ~(file_only | INODE_DETACHED)) == 0 &&
               (row->mode & ~01777) == 0;
}

static bool inode_read(struct row_in *in, void *to)
{
        struct inode *ret = to;
        struct rd *r = &in->value;
        uint8_t type = rd_u8(r);

        ret->type = (enum inode_type)type;
        ret->flags = rd_u32be(r);
        ret->owner = rd_u32be(r);
        ret->group = rd_u32be(r);
        ret->mode = rd_u16be(r);
        ret->nlink = rd_u32be(r);
        ret->parent = rd_u64be(r);
        ret->mtime = (int64_t)rd_u64be(r);
        ret->atime = (int64_t)rd_u64be(r);
        ret->policy = rd_u8(r);
        decode_text(r, &ret->name_n, ret->name, NAME_BYTES_MAX);
        ret->children = ret->replication = ret->extents = 0;
        ret->length = ret->block_size = ret->tail = ret->map_version = ret->holder = 0;
        ret->machine_n = 0;
        ret->machine[0] = '\0';
        if (type == INODE_FILE)
                decode_file(r, ret);
        else if (type == INODE_DIRECTORY)
                ret->children = rd_u32be(r);
        else if (type != INODE_SYMLINK)
                return false;
        return inode_sane(ret);
}

bool inode_decode(const uint8_t *value, size_t n, struct inode *ret)
{
        const struct row_bytes b = {.table = TABLE_INODE, .value = value, .n = n};

        return row_decode(&b, inode_read, ret);
}

enum bdfs_status table_find_inode(struct store_cursor *c, uint64_t id, struct inode *ret,
                                  struct bdfs_err *err)
{
        uint8_t key[8];
        enum bdfs_status rc;

        put_u64be(key, id);
        ret->id = id;
        rc = store_cursor_find(c, key, sizeof(key), err);
        return rc == BDFS_OK ? row_at(c, TABLE_INODE, inode_read, ret, err) : rc;
}

enum bdfs_status table_get_inode(struct store_txn *t, uint64_t id, struct inode *ret,
                                 struct bdfs_err *err)
{
        uint8_t key[8];

        put_u64be(key, id);
        ret->id = id;
        return row_get(t, TABLE_INODE, (struct row_key){key, sizeof(key)}, inode_read, ret, err);
}

enum bdfs_status table_put_inode(struct store_txn *t, const struct inode *row,
                                 struct bdfs_err *err)
{
        uint8_t key[8], value[INODE_ROW_BYTES_MAX];

        BDFS_ASSERT(row->id != 0);
        BDFS_ASSERT(inode_sane(row));
        put_u64be(key, row->id);
        return store_put(t, TABLE_INODE, key, sizeof(key), value, inode_encode(row, value), err);
}

enum bdfs_status table_del_inode(struct store_txn *t, uint64_t id, struct bdfs_err *err)
{
        uint8_t key[8];

        put_u64be(key, id);
        return store_del(t, TABLE_INODE, key, sizeof(key), err);
}

/* ---- names of a directory ------------------------------------------------------------------- */

/* The top bit is turned over so that the table's order is that of signed bytes. */
#define NAME_TURN 0x80

size_t entry_key(uint8_t to[8 + NAME_BYTES_MAX], uint64_t parent, const char *name, size_t n)
{
        BDFS_ASSERT(n <= NAME_BYTES_MAX);
        put_u64be(to, parent);
        for (size_t i = 0; i < n; i++)
                to[8 + i] = (uint8_t)name[i] ^ NAME_TURN;
        return 8 + n;
}

size_t entry_key_name(const uint8_t *key, size_t key_n, char to[NAME_BYTES_MAX])
{
        if (key_n <= 8 || key_n > 8 + NAME_BYTES_MAX)
                return 0;
        for (size_t i = 8; i < key_n; i++)
                to[i - 8] = (char)(key[i] ^ NAME_TURN);
        return key_n - 8;
}

static bool entry_read(struct row_in *in, void *to)
{
        struct entry *ret = to;
        uint8_t type;

        ret->inode = rd_u64be(&in->value);
        type = rd_u8(&in->value);
        ret->type = (enum inode_type)type;
        return ret->inode != 0 && type >= INODE_FILE && type <= INODE_SYMLINK;
}

bool entry_decode(const uint8_t *value, size_t n, struct entry *ret)
{
        const struct row_bytes b = {.table = TABLE_ENTRY, .value = value, .n = n};

        return row_decode(&b, entry_read, ret);
}

enum bdfs_status table_get_entry(struct store_txn *t, uint64_t parent, const char *name, size_t n,
                                 struct entry *ret, struct bdfs_err *err)
{
        uint8_t key[8 + NAME_BYTES_MAX];

        if (n > NAME_BYTES_MAX)
                return bdfs_fail(err, BDFS_NOT_FOUND, "no such name");
        n = entry_key(key, parent, name, n);
        return row_get(t, TABLE_ENTRY, (struct row_key){key, n}, entry_read, ret, err);
}

enum bdfs_status table_put_entry(struct store_txn *t, uint64_t parent, const char *name, size_t n,
                                 const struct entry *row, struct bdfs_err *err)
{
        uint8_t key[8 + NAME_BYTES_MAX], value[10];
        struct row r = {.at = value};

        BDFS_ASSERT(n > 0);
        row_u8(&r, TABLE_ROW_VERSION);
        row_u64(&r, row->inode);
        row_u8(&r, (uint8_t)row->type);
        return store_put(t, TABLE_ENTRY, key, entry_key(key, parent, name, n), value,
                         sizeof(value), err);
}

enum bdfs_status table_del_entry(struct store_txn *t, uint64_t parent, const char *name, size_t n,
                                 struct bdfs_err *err)
{
        uint8_t key[8 + NAME_BYTES_MAX];

        return store_del(t, TABLE_ENTRY, key, entry_key(key, parent, name, n), err);
}

/* ---- targets of symlinks -------------------------------------------------------------------- */

static bool target_read(struct row_in *in, void *to)
{
        struct row_key *ret = to;

        ret->n = rd_left(&in->value);
        ret->bytes = rd_bytes(&in->value, ret->n);
        return ret->n > 0 && ret->n <= SYMLINK_BYTES_MAX;
}

enum bdfs_status table_get_target(struct store_txn *t, uint64_t symlink, const char **ret,
                                  size_t *ret_n, struct bdfs_err *err)
{
        struct row_key target = {NULL, 0};
        uint8_t key[8];
        enum bdfs_status rc;

        put_u64be(key, symlink);
        rc = row_get(t, TABLE_TARGET, (struct row_key){key, sizeof(key)}, target_read, &target,
                     err);
        if (rc != BDFS_OK)
                return rc;
        *ret = target.bytes;
        *ret_n = target.n;
        return BDFS_OK;
}

enum bdfs_status table_put_target(struct store_txn *t, uint64_t symlink, const char *target,
                                  size_t n, struct bdfs_err *err)
{
        uint8_t key[8], value[1 + SYMLINK_BYTES_MAX];

        BDFS_ASSERT(n > 0 && n <= SYMLINK_BYTES_MAX);
        put_u64be(key, symlink);
        value[0] = TABLE_ROW_VERSION;
        memcpy(value + 1, target, n);
        return store_put(t, TABLE_TARGET, key, sizeof(key), value, n + 1, err);
}

enum bdfs_status table_del_target(struct store_txn *t, uint64_t symlink, struct bdfs_err *err)
{
        uint8_t key[8];

        put_u64be(key, symlink);
        return store_del(t, TABLE_TARGET, key, sizeof(key), err);
}
