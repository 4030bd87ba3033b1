/*
 * Any bytes as rows of the namespace's tables, and as path names. The first byte chooses. What a
 * decoder takes must be written again as the same bytes.
 *
 * The store below stands in for LMDB (this file defines what tables_*.c need of store.h): it has
 * one row under every key, and one for whatever is looked up after it.
 */
#include <stdlib.h>
#include <string.h>

#include "namenode/tree/path.h"
#include "namenode/store/tables.h"

#define MUST(condition)           \
        do {                      \
                if (!(condition)) \
                        abort();  \
        } while (0)

/* ---- a store of two rows -------------------------------------------------------------------- */

struct store_txn {
        const uint8_t *key, *value[2];
        size_t key_n, n[2];
        enum bdfs_status rc; /* of reading */
        unsigned reads;
        unsigned puts; /* the first one must be of the row that was read last */
};

static void row_of(struct store_txn *t, const uint8_t **ret, size_t *ret_n)
{
        unsigned i = t->reads++ > 0;

        *ret = t->value[i];
        *ret_n = t->n[i];
}

enum bdfs_status store_get(struct store_txn *t, unsigned table, const void *key, size_t key_n,
                           const uint8_t **ret, size_t *ret_n, struct bdfs_err *err)
{
        MUST(table < TABLE_COUNT && key_n > 0 && key_n <= STORE_KEY_BYTES_MAX && key != NULL);
        if (t->rc != BDFS_OK)
                return bdfs_fail(err, t->rc, "as the input says");
        row_of(t, ret, ret_n);
        return BDFS_OK;
}

enum bdfs_status store_put(struct store_txn *t, unsigned table, const void *key, size_t key_n,
                           const void *value, size_t n, struct bdfs_err *err)
{
        unsigned last = t->reads > 1;

        (void)err;
        MUST(table < TABLE_COUNT && key_n > 0 && key != NULL);
        if (t->puts++ == 0)
                MUST(n == t->n[last] && memcmp(value, t->value[last], n) == 0);
        return BDFS_OK;
}

enum bdfs_status store_del(struct store_txn *t, unsigned table, const void *key, size_t key_n,
                           struct bdfs_err *err)
{
        (void)t;
        (void)err;
        MUST(table < TABLE_COUNT && key_n > 0 && key != NULL);
        return BDFS_OK;
}

enum bdfs_status store_cursor_open(struct store_txn *t, unsigned table, struct store_cursor **ret,
                                   struct bdfs_err *err)
{
        (void)err;
        MUST(table < TABLE_COUNT);
        *ret = (struct store_cursor *)t;
        return BDFS_OK;
}

void store_cursor_close(struct store_cursor *c)
{
        (void)c;
}

enum bdfs_status store_cursor_seek(struct store_cursor *c, const void *key, size_t key_n,
                                   struct bdfs_err *err)
{
        struct store_txn *t = (struct store_txn *)c;

        (void)key;
        (void)key_n;
        return t->rc == BDFS_OK ? BDFS_OK : bdfs_fail(err, t->rc, "as the input says");
}

enum bdfs_status store_cursor_find(struct store_cursor *c, const void *key, size_t key_n,
                                   struct bdfs_err *err)
{
        return store_cursor_seek(c, key, key_n, err);
}

enum bdfs_status store_cursor_next(struct store_cursor *c, struct bdfs_err *err)
{
        (void)c;
        return bdfs_fail(err, BDFS_NOT_FOUND, "there is one row");
}

void store_cursor_at(const struct store_cursor *c, const uint8_t **ret_key, size_t *ret_key_n,
                     const uint8_t **ret_value, size_t *ret_value_n)
{
        struct store_txn *t = (struct store_txn *)(uintptr_t)c;

        *ret_key = t->key;
        *ret_key_n = t->key_n;
        row_of(t, ret_value, ret_value_n);
}

/* ---- rows that are looked up ---------------------------------------------------------------- */

static enum bdfs_status inode_row(struct store_txn *t, struct bdfs_err *err)
{
        struct inode row;

        if (table_get_inode(t, 7, &row, err) != BDFS_OK)
                return err->status;
        MUST(row.name[row.name_n] == '\0' && row.machine[row.machine_n] == '\0');
        MUST(row.length <= FILE_BYTES_MAX && row.replication <= REPLICATION_MAX);
        return table_put_inode(t, &row, err);
}

static enum bdfs_status entry_row(struct store_txn *t, struct bdfs_err *err)
{
        struct entry row;

        if (table_get_entry(t, 7, "name", 4, &row, err) != BDFS_OK)
                return err->status;
        return table_put_entry(t, 7, "name", 4, &row, err);
}

static enum bdfs_status target_row(struct store_txn *t, struct bdfs_err *err)
{
        const char *text;
        size_t n;

        if (table_get_target(t, 7, &text, &n, err) != BDFS_OK)
                return err->status;
        return table_put_target(t, 7, text, n, err);
}

static enum bdfs_status block_row(struct store_txn *t, struct bdfs_err *err)
{
        struct block row;

        if (table_get_block(t, 7, &row, err) != BDFS_OK)
                return err->status;
        MUST((row.refs > 0) == (row.state != BLOCK_RETIRED));
        MUST(row.pipeline_n <= row.nodes_n && row.nodes_n <= BLOCK_NODES_MAX &&
             row.replication <= REPLICATION_MAX);
        return table_put_block(t, &row, err);
}

static enum bdfs_status total_row(struct store_txn *t, struct bdfs_err *err)
{
        struct total row;

        if (table_get_total(t, 7, &row, err) != BDFS_OK)
                return err->status;
        return table_put_total(t, 7, &row, err);
}

static enum bdfs_status class_row(struct store_txn *t, struct bdfs_err *err)
{
        const struct class c = {.owner = 1, .group = 2, .mode = 0755};
        uint64_t count;

        if (table_get_class(t, 7, &c, &count, err) != BDFS_OK)
                return err->status;
        return table_put_class(t, 7, &c, count, err);
}

static enum bdfs_status holder_row(struct store_txn *t, struct bdfs_err *err)
{
        struct holder row;

        if (table_get_holder(t, "name", 4, &row, err) != BDFS_OK)
                return err->status;
        return table_put_holder(t, "name", 4, &row, err);
}

static enum bdfs_status holder_name_row(struct store_txn *t, struct bdfs_err *err)
{
        char name[HOLDER_BYTES_MAX + 1];

        if (table_holder_name(t, 7, name, err) != BDFS_OK)
                return err->status;
        return table_put_holder_name(t, 7, name, strlen(name), err);
}

static enum bdfs_status name_row(struct store_txn *t, struct bdfs_err *err)
{
        const char *name;

        if (table_name(t, 7, &name, err) != BDFS_OK)
                return err->status;
        return table_put_name(t, 7, name, err);
}

static enum bdfs_status name_id_row(struct store_txn *t, struct bdfs_err *err)
{
        uint32_t id;

        return table_name_id(t, "name", &id, err);
}

static enum bdfs_status doomed_row(struct store_txn *t, struct bdfs_err *err)
{
        uint64_t inode;

        return table_first_doomed(t, &inode, err);
}

static enum bdfs_status node_row(struct store_txn *t, struct bdfs_err *err)
{
        struct node_row row;

        if (table_find_node(t, "uuid", &row, err) != BDFS_OK)
                return err->status;
        return table_put_node(t, &row, err);
}

static enum bdfs_status next_node_row(struct store_txn *t, struct bdfs_err *err)
{
        struct node_row row;

        if (table_next_node(t, t->key_n == 0 ? UINT32_MAX : 7, &row, err) != BDFS_OK)
                return err->status;
        return table_put_node(t, &row, err);
}

static enum bdfs_status counters_row(struct store_txn *t, struct bdfs_err *err)
{
        struct counters row;

        if (table_get_counters(t, &row, err) != BDFS_OK)
                return err->status;
        return table_put_counters(t, &row, err);
}

static enum bdfs_status format_row(struct store_txn *t, struct bdfs_err *err)
{
        struct format row;

        if (table_get_format(t, &row, err) != BDFS_OK)
                return err->status;
        return table_put_format(t, &row, err);
}

static enum bdfs_status freed_row(struct store_txn *t, struct bdfs_err *err)
{
        struct freed_row row;

        if (table_get_freed(t, 7, &row, err) != BDFS_OK)
                return err->status;
        return table_put_freed(t, &row, err);
}

static enum bdfs_status retired_row(struct store_txn *t, struct bdfs_err *err)
{
        struct retired row;

        if (table_first_retired(t, &row, err) != BDFS_OK)
                return err->status;
        return table_del_retired(t, &row, err);
}

static enum bdfs_status (*const rows[])(struct store_txn *t, struct bdfs_err *err) = {
        inode_row,   entry_row,       target_row, block_row,   total_row,
        class_row,   holder_row,      name_row,   name_id_row, doomed_row,
        node_row,    holder_name_row, format_row, next_node_row, counters_row,
        freed_row,   retired_row,
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* The first byte: how reading ends; the second: where the second row begins. */
static void fuzz_row(unsigned what, const uint8_t *key, size_t key_n, const uint8_t *data, size_t n)
{
        static const enum bdfs_status ends[] = {BDFS_NOT_FOUND, BDFS_CORRUPT};
        struct store_txn t = {.key = key, .key_n = key_n};
        struct bdfs_err err = {.status = BDFS_OK};
        enum bdfs_status rc;
        size_t first;

        if (n < 2)
                return;
        t.rc = data[0] < 2 ? ends[data[0]] : BDFS_OK;
        first = data[1] < n - 2 ? data[1] : n - 2;
        t.value[0] = data + 2;
        t.n[0] = first;
        t.value[1] = data + 2 + first;
        t.n[1] = n - 2 - first;
        rc = rows[what % ROWS](&t, &err);
        MUST(rc == BDFS_OK || rc == BDFS_CORRUPT || rc == BDFS_NOT_FOUND);
        MUST(rc == BDFS_OK || (err.status == rc && err.text[0] != '\0'));
}

/* ---- rows that cursors find ----------------------------------------------------------------- */

static void fuzz_extent(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n)
{
        struct store_txn t = {.value = {value, value}, .n = {n, n}};
        struct bdfs_err err;
        struct extent e;

        if (!extent_decode(key, key_n, value, n, &e))
                return;
        MUST(e.offset + e.length <= FILE_BYTES_MAX && e.base + e.length <= FILE_BYTES_MAX);
        MUST(table_put_extent(&t, &e, &err) == BDFS_OK);
}

static void fuzz_class(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n)
{
        uint8_t again[CLASS_KEY_BYTES];
        uint64_t directory, count;
        struct class c;

        if (!class_decode(key, key_n, value, n, &directory, &c, &count))
                return;
        class_key(again, directory, &c);
        MUST(memcmp(again, key, sizeof(again)) == 0);
}

static void fuzz_keys(const uint8_t *key, size_t n)
{
        uint8_t again[8 + NAME_BYTES_MAX];
        uint64_t holder, inode;
        char name[NAME_BYTES_MAX];
        struct block_ref ref;
        size_t name_n;

        if (lease_decode(key, n, &holder, &inode))
                MUST(n == 16);
        if (block_ref_decode(key, n, &ref)) {
                block_ref_key(again, &ref);
                MUST(n == 24 && memcmp(again, key, n) == 0);
        }
        name_n = entry_key_name(key, n, name);
        if (name_n > 0) {
                MUST(entry_key(again, 0, name, name_n) == n);
                MUST(memcmp(again + 8, key + 8, name_n) == 0);
        }
}

/* ---- path names ----------------------------------------------------------------------------- */

static void check_path(const struct path *p)
{
        size_t at = 0, name_n, depth = 0;
        struct path again, above;
        struct bdfs_err err;
        const char *name;

        MUST(path_of_record((const uint8_t *)p->text, p->n, &again, &err) == BDFS_OK);
        while (path_next(p, &at, &name, &name_n)) {
                MUST(name_n > 0 && memchr(name, '/', name_n) == NULL);
                above = (struct path){p->text, (size_t)(name + name_n - p->text)};
                MUST(path_under(p, &above) && path_under(&above, p) == (above.n == p->n));
                depth++;
        }
        MUST(depth == path_depth(p) && path_is_root(p) == (depth == 0));
        MUST(path_under(p, &(struct path){"/", 1}));
        MUST(!path_under(p, &(struct path){"/\1nowhere", 9}) || p->text[1] == 1);
}

static void fuzz_path(const uint8_t *bytes, size_t n, unsigned use, bool hadoop)
{
        enum path_fault fault;
        struct bdfs_err err;
        struct path p;
        struct buf room;
        enum bdfs_status rc;

        buf_init(&room, 0);
        rc = path_check((const char *)bytes, n, (enum path_use)use, hadoop, &room, &p, &fault,
                        &err);
        MUST((rc == BDFS_OK) == (fault == PATH_FAULT_NONE));
        if (rc == BDFS_OK)
                check_path(&p);
        else
                MUST(err.text[0] != '\0');
        buf_fini(&room);
        if (path_of_record(bytes, n, &p, &err) == BDFS_OK)
                MUST(p.n == n && !path_is_root(&p) == (n > 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        uint8_t what;
        size_t key_n;

        if (n < 2)
                return 0;
        what = data[0];
        key_n = data[1] % 32;
        data += 2;
        n -= 2;
        if (what % 8 == 0 || what % 8 == 1) {
                fuzz_path(data, n, (unsigned)key_n % 5, (what & 8) != 0);
                return 0;
        }
        if (key_n > n)
                key_n = n;
        switch (what % 8) {
        case 2: fuzz_extent(data, key_n, data + key_n, n - key_n); break;
        case 3: fuzz_class(data, key_n, data + key_n, n - key_n); break;
        case 4: fuzz_keys(data, n); break;
        default: fuzz_row(what / 8, data, key_n, data + key_n, n - key_n);
        }
        return 0;
}
