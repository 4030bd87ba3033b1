#include "namenode/blocks/replicas.h"

#include <inttypes.h>
#include <string.h>

#include "namenode/blocks/blocks_doomed.h"

#define ROW_VERSION 1
#define ROW_TOLD 2 /* of a replica: ends with told_log */
#define PAIR_KEY_BYTES 12
#define DOOMED_FLAG 1
#define FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED

static const char key_located[] = "located";
static const char key_cluster[] = "cluster";
static const char key_looked[] = "looked";

const char *const replicas_tables[REPLICAS_TABLES] = {
        [REPLICAS_META] = "meta",
        [REPLICAS_REPLICA] = "replica",
        [REPLICAS_BY_NODE] = "by_node",
        [REPLICAS_UNSEALED] = "unsealed",
        [REPLICAS_NODE] = "node",
        [REPLICAS_DOOMED] = "doomed",
        [REPLICAS_RECENT] = "recent",
#define X(name, text) [REPLICAS_CLASS + REPAIR_##name] = #name,
        REPAIR_CLASS_MAP(X)
#undef X
};

const uint8_t replicas_versions[REPLICAS_TABLES] = {
        [REPLICAS_META] = ROW_VERSION,
        [REPLICAS_REPLICA] = ROW_TOLD,
        [REPLICAS_BY_NODE ... REPLICAS_TABLES - 1] = ROW_VERSION,
};

/* ---- keys and values ------------------------------------------------------------------------- */

static void key_block_node(uint8_t to[PAIR_KEY_BYTES], uint64_t block, uint32_t node)
{
        put_u64be(to, block);
        put_u32be(to + 8, node);
}

static void key_node_block(uint8_t to[PAIR_KEY_BYTES], uint32_t node, uint64_t block)
{
        put_u32be(to, node);
        put_u64be(to + 4, block);
}

static enum bdfs_status bad_row(const char *table, struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_CORRUPT, "replica tables: a row of %s makes no sense", table);
}

struct row {
        uint8_t bytes[64];
        size_t n;
};

static void row_u8(struct row *r, uint8_t v)
{
        r->bytes[r->n++] = v;
}

static void row_u64(struct row *r, uint64_t v)
{
        put_u64be(r->bytes + r->n, v);
        r->n += 8;
}

static struct row row_of(void)
{
        struct row r = {.n = 0};

        row_u8(&r, ROW_VERSION);
        return r;
}

static bool replica_decode(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n,
                           struct replica *ret)
{
        struct rd k = rd_of(key, key_n), v = rd_of(value, n);
        uint8_t version = rd_u8(&v), flags;

        ret->block = rd_u64be(&k);
        ret->node = rd_u32be(&k);
        ret->state = rd_u8(&v);
        flags = rd_u8(&v);
        ret->stamp = rd_u64be(&v);
        ret->length = rd_u64be(&v);
        ret->epoch = rd_u64be(&v);
        ret->told_log = version == ROW_TOLD ? rd_u64be(&v) : 0;
        ret->doomed = (flags & DOOMED_FLAG) != 0;
        return rd_done(&k) && rd_done(&v) &&
               (version == ROW_VERSION || version == ROW_TOLD) && ret->state >= 1 &&
               ret->state < BDFS__REPLICA_STATE__REPLICA_GONE && (flags & ~DOOMED_FLAG) == 0;
}

static enum bdfs_status replica_write(struct replicas_txn *t, const struct replica *row,
                                      struct bdfs_err *err)
{
        uint8_t key[PAIR_KEY_BYTES];
        struct row r = {.n = 0};

        key_block_node(key, row->block, row->node);
        row_u8(&r, row->told_log != 0 ? ROW_TOLD : ROW_VERSION);
        row_u8(&r, row->state);
        row_u8(&r, row->doomed ? DOOMED_FLAG : 0);
        row_u64(&r, row->stamp);
        row_u64(&r, row->length);
        row_u64(&r, row->epoch);
        if (row->told_log != 0)
                row_u64(&r, row->told_log);
        return store_put(t->t, REPLICAS_REPLICA, key, sizeof(key), r.bytes, r.n, err);
}

/* ---- meta ------------------------------------------------------------------------------------ */

static enum bdfs_status meta_get(struct replicas_txn *t, const char *key, uint8_t *ret, size_t n,
                                 struct bdfs_err *err)
{
        const uint8_t *value;
        size_t value_n;
        enum bdfs_status rc =
                store_get(t->t, REPLICAS_META, key, strlen(key), &value, &value_n, err);

        if (rc != BDFS_OK)
                return rc;
        if (value_n != n + 1 || value[0] != ROW_VERSION)
                return bad_row("meta", err);
        memcpy(ret, value + 1, n);
        return BDFS_OK;
}

static enum bdfs_status meta_put(struct replicas_txn *t, const char *key, const uint8_t *bytes,
                                 size_t n, struct bdfs_err *err)
{
        struct row r = row_of();

        BDFS_ASSERT(n < sizeof(r.bytes));
        memcpy(r.bytes + r.n, bytes, n);
        return store_put(t->t, REPLICAS_META, key, strlen(key), r.bytes, r.n + n, err);
}

enum bdfs_status replicas_load(struct replicas_txn *t, struct bdfs_err *err)
{
        uint8_t bytes[8] = {0};
        enum bdfs_status rc = meta_get(t, key_located, bytes, sizeof(bytes), err);
        struct rd r = rd_of(bytes, sizeof(bytes));

        if (rc != BDFS_OK && rc != BDFS_NOT_FOUND)
                return rc;
        t->located = t->located_before = rd_u64be(&r);
        return BDFS_OK;
}

enum bdfs_status replicas_save(struct replicas_txn *t, struct bdfs_err *err)
{
        uint8_t bytes[8];

        if (t->located == t->located_before)
                return BDFS_OK;
        put_u64be(bytes, t->located);
        return meta_put(t, key_located, bytes, sizeof(bytes), err);
}

enum bdfs_status replicas_looked(struct replicas_txn *t, bool *ret, struct bdfs_err *err)
{
        uint8_t yes[1];
        enum bdfs_status rc = meta_get(t, key_looked, yes, sizeof(yes), err);

        *ret = rc == BDFS_OK;
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

enum bdfs_status replicas_set_looked(struct replicas_txn *t, struct bdfs_err *err)
{
        static const uint8_t yes[1] = {1};

        return meta_put(t, key_looked, yes, sizeof(yes), err);
}

enum bdfs_status replicas_cluster(struct replicas_txn *t, uint8_t ret[16], struct bdfs_err *err)
{
        return meta_get(t, key_cluster, ret, 16, err);
}

enum bdfs_status replicas_set_cluster(struct replicas_txn *t, const uint8_t cluster[16],
                                      struct bdfs_err *err)
{
        return meta_put(t, key_cluster, cluster, 16, err);
}

/* ---- replicas -------------------------------------------------------------------------------- */

enum bdfs_status replica_get(struct replicas_txn *t, uint64_t block, uint32_t node,
                             struct replica *ret, struct bdfs_err *err)
{
        uint8_t key[PAIR_KEY_BYTES];
        const uint8_t *value;
        enum bdfs_status rc;
        size_t n;

        key_block_node(key, block, node);
        rc = store_get(t->t, REPLICAS_REPLICA, key, sizeof(key), &value, &n, err);
        if (rc == BDFS_OK && !replica_decode(key, sizeof(key), value, n, ret))
                return bad_row("replica", err);
        return rc;
}

/* The rows of @block of nodes with a number > @after. */
static enum bdfs_status collect(struct store_cursor *c, uint64_t block, uint32_t after,
                                struct replica *ret, size_t room, size_t *ret_n,
                                struct bdfs_err *err)
{
        uint8_t key[PAIR_KEY_BYTES];
        enum bdfs_status rc;

        key_block_node(key, block, after + 1);
        rc = store_cursor_seek(c, key, sizeof(key), err);
        while (rc == BDFS_OK && *ret_n < room) {
                const uint8_t *k, *v;
                size_t k_n, v_n;

                store_cursor_at(c, &k, &k_n, &v, &v_n);
                if (k_n != sizeof(key) || memcmp(k, key, 8) != 0)
                        return BDFS_OK;
                if (!replica_decode(k, k_n, v, v_n, &ret[*ret_n]))
                        return bad_row("replica", err);
                (*ret_n)++;
                rc = store_cursor_next(c, err);
        }
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

enum bdfs_status replicas_of(struct replicas_txn *t, uint64_t block, uint32_t after,
                             struct replica *ret, size_t room, size_t *ret_n,
                             struct bdfs_err *err)
{
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t->t, REPLICAS_REPLICA, &c, err);

        *ret_n = 0;
        if (rc != BDFS_OK)
                return rc;
        rc = collect(c, block, after, ret, room, ret_n, err);
        store_cursor_close(c);
        return rc;
}

static bool locates(const struct replica *r)
{
        return r != NULL && r->state == FINALIZED;
}

static enum bdfs_status other_locates(struct replicas_txn *t, uint64_t block, uint32_t node,
                                      bool *ret, struct bdfs_err *err)
{
        uint32_t after = 0;

        *ret = false;
        while (!*ret && after != UINT32_MAX) {
                struct replica rows[8];
                enum bdfs_status rc;
                size_t n;

                rc = replicas_of(t, block, after, rows, 8, &n, err);
                if (rc != BDFS_OK || n == 0)
                        return rc;
                for (size_t i = 0; i < n; i++)
                        *ret = *ret || (rows[i].node != node && locates(&rows[i]));
                after = rows[n - 1].node;
        }
        return BDFS_OK;
}

/* Keep `located`. */
static enum bdfs_status relocate(struct replicas_txn *t, uint64_t block, uint32_t node,
                                 const struct replica *before, const struct replica *after,
                                 struct bdfs_err *err)
{
        enum bdfs_status rc;
        bool other;

        if (locates(before) == locates(after))
                return BDFS_OK;
        rc = other_locates(t, block, node, &other, err);
        if (rc != BDFS_OK || other)
                return rc;
        if (locates(after))
                t->located++;
        else if (t->located > 0)
                t->located--;
        return BDFS_OK;
}

static void log_row(struct node_log *log, const struct replica *before, const struct replica *after)
{
        if (before != NULL && before->state == FINALIZED) {
                replica_digest_remove(&log->digest, before->block, before->stamp, before->length);
                log->replicas--;
        }
        if (after != NULL && after->state == FINALIZED) {
                replica_digest_add(&log->digest, after->block, after->stamp, after->length);
                log->replicas++;
        }
}

enum bdfs_status replicas_mark(struct replicas_txn *t, enum replicas_table table, uint32_t node,
                                 uint64_t block, bool there, struct bdfs_err *err)
{
        uint8_t key[PAIR_KEY_BYTES];
        struct row r = row_of();
        enum bdfs_status rc;

        key_node_block(key, node, block);
        if (there)
                return store_put(t->t, table, key, sizeof(key), r.bytes, r.n, err);
        rc = store_del(t->t, table, key, sizeof(key), err);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

enum bdfs_status replicas_marked(struct replicas_txn *t, enum replicas_table table, uint32_t node,
                                 uint64_t block, bool *ret, struct bdfs_err *err)
{
        uint8_t key[PAIR_KEY_BYTES];
        const uint8_t *value;
        enum bdfs_status rc;
        size_t n;

        key_node_block(key, node, block);
        rc = store_get(t->t, table, key, sizeof(key), &value, &n, err);
        *ret = rc == BDFS_OK;
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

/* Write the row and what hangs on it; @before NULL: there was none. */
static enum bdfs_status change(struct replicas_txn *t, const struct replica *before,
                               const struct replica *after, struct bdfs_err *err)
{
        bool was_open = before != NULL && before->state != FINALIZED;
        bool is_open = after->state != FINALIZED;
        enum bdfs_status rc = relocate(t, after->block, after->node, before, after, err);

        if (rc == BDFS_OK)
                rc = replica_write(t, after, err);
        if (rc == BDFS_OK && before == NULL)
                rc = replicas_mark(t, REPLICAS_BY_NODE, after->node, after->block, true, err);
        if (rc == BDFS_OK && was_open != is_open)
                rc = replicas_mark(t, REPLICAS_UNSEALED, after->node, after->block, is_open, err);
        return rc;
}

enum bdfs_status replica_put(struct replicas_txn *t, const struct replica *row,
                             struct node_log *log, struct bdfs_err *err)
{
        struct replica before, after = *row;
        enum bdfs_status rc = replica_get(t, row->block, row->node, &before, err);
        bool there = rc == BDFS_OK;

        BDFS_ASSERT(t->write);
        if (rc != BDFS_OK && rc != BDFS_NOT_FOUND)
                return rc;
        after.doomed = there && before.doomed;
        after.told_log = there ? before.told_log : 0;
        rc = change(t, there ? &before : NULL, &after, err);
        if (rc == BDFS_OK)
                log_row(log, there ? &before : NULL, &after);
        return rc;
}

enum bdfs_status replica_del(struct replicas_txn *t, uint64_t block, uint32_t node,
                             struct node_log *log, struct bdfs_err *err)
{
        uint8_t key[PAIR_KEY_BYTES];
        struct replica before;
        enum bdfs_status rc = replica_get(t, block, node, &before, err);

        BDFS_ASSERT(t->write);
        if (rc == BDFS_NOT_FOUND) /* what was to be deleted is not there: done */
                return replicas_mark(t, REPLICAS_DOOMED, node, block, false, err);
        if (rc == BDFS_OK)
                rc = relocate(t, block, node, &before, NULL, err);
        key_block_node(key, block, node);
        if (rc == BDFS_OK)
                rc = store_del(t->t, REPLICAS_REPLICA, key, sizeof(key), err);
        if (rc == BDFS_OK)
                rc = replicas_mark(t, REPLICAS_BY_NODE, node, block, false, err);
        if (rc == BDFS_OK && before.state != FINALIZED)
                rc = replicas_mark(t, REPLICAS_UNSEALED, node, block, false, err);
        if (rc == BDFS_OK && before.doomed)
                rc = replicas_mark(t, REPLICAS_DOOMED, node, block, false, err);
        if (rc == BDFS_OK)
                log_row(log, &before, NULL);
        return rc;
}

/* ---- lists ----------------------------------------------------------------------------------- */

enum bdfs_status replicas_of_node(struct replicas_txn *t, enum replicas_table table, uint32_t node,
                                  uint64_t after, uint64_t *ret, size_t room, size_t *ret_n,
                                  struct bdfs_err *err)
{
        uint8_t key[PAIR_KEY_BYTES];
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t->t, table, &c, err);

        *ret_n = 0;
        if (rc != BDFS_OK || after == UINT64_MAX)
                return rc;
        key_node_block(key, node, after + 1);
        rc = store_cursor_seek(c, key, sizeof(key), err);
        while (rc == BDFS_OK && *ret_n < room) {
                const uint8_t *k, *v;
                size_t k_n, v_n;
                struct rd r;

                store_cursor_at(c, &k, &k_n, &v, &v_n);
                r = rd_of(k, k_n);
                if (rd_u32be(&r) != node)
                        break;
                ret[(*ret_n)++] = rd_u64be(&r);
                rc = rd_done(&r) ? store_cursor_next(c, err) : bad_row(replicas_tables[table], err);
        }
        store_cursor_close(c);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

enum bdfs_status replicas_blocks(struct replicas_txn *t, unsigned table, uint64_t after,
                                 uint64_t *ret, size_t room, size_t *ret_n, struct bdfs_err *err)
{
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t->t, table, &c, err);
        uint8_t key[8];

        *ret_n = 0;
        if (rc != BDFS_OK)
                return rc;
        put_u64be(key, after + 1);
        rc = after == UINT64_MAX ? BDFS_NOT_FOUND : store_cursor_seek(c, key, sizeof(key), err);
        while (rc == BDFS_OK && *ret_n < room) {
                const uint8_t *k, *v;
                size_t k_n, v_n;
                uint64_t block;
                struct rd r;

                store_cursor_at(c, &k, &k_n, &v, &v_n);
                r = rd_of(k, k_n);
                block = rd_u64be(&r);
                if (r.bad) {
                        rc = bad_row(replicas_tables[table], err);
                        break;
                }
                if (*ret_n == 0 || ret[*ret_n - 1] != block)
                        ret[(*ret_n)++] = block;
                rc = store_cursor_next(c, err);
        }
        store_cursor_close(c);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

/* ---- marks ----------------------------------------------------------------------------------- */

enum bdfs_status replica_doom(struct replicas_txn *t, const struct replica *row,
                              struct bdfs_err *err)
{
        struct replica after = *row;
        enum bdfs_status rc;

        if (row->doomed)
                return BDFS_OK;
        after.doomed = true;
        rc = change(t, row, &after, err);
        return rc != BDFS_OK ? rc : doomed_set_sent(t, row->node, row->block, 0, err);
}

enum bdfs_status replica_spare(struct replicas_txn *t, const struct replica *row,
                               struct bdfs_err *err)
{
        struct replica after = *row;
        enum bdfs_status rc;

        after.doomed = false;
        rc = change(t, row, &after, err);
        return rc != BDFS_OK ? rc
                             : replicas_mark(t, REPLICAS_DOOMED, row->node, row->block, false, err);
}

enum bdfs_status replica_told(struct replicas_txn *t, const struct replica *row, uint64_t log,
                              struct bdfs_err *err)
{
        struct replica after = *row;

        after.told_log = log;
        return row->told_log == log ? BDFS_OK : replica_write(t, &after, err);
}

enum bdfs_status replicas_clear(struct replicas_txn *t, enum replicas_table table, uint32_t node,
                                struct bdfs_err *err)
{
        uint64_t blocks[64];
        size_t n;

        do {
                enum bdfs_status rc = replicas_of_node(t, table, node, 0, blocks, 64, &n, err);

                for (size_t i = 0; rc == BDFS_OK && i < n; i++)
                        rc = replicas_mark(t, table, node, blocks[i], false, err);
                if (rc != BDFS_OK)
                        return rc;
        } while (n > 0);
        return BDFS_OK;
}
