#include "namenode/tree/extents.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading -------------------------------------------------------------------------------- */

/* The extent under the cursor, if it is one of @inode: else NOT_FOUND. */
static enum bdfs_status at_cursor(const struct store_cursor *c, uint64_t inode,
                                  struct extent *ret, struct bdfs_err *err)
{
        const uint8_t *key, *value;
        size_t key_n, n;

        store_cursor_at(c, &key, &key_n, &value, &n);
        if (!extent_decode(key, key_n, value, n, ret))
                return bdfs_fail(err, BDFS_CORRUPT, "an extent near inode %" PRIu64
                                 " makes no sense", inode);
        return ret->inode == inode ? BDFS_OK
                                   : bdfs_fail(err, BDFS_NOT_FOUND, "no such extent");
}

enum bdfs_status extents_before(struct store_txn *t, uint64_t inode, uint64_t offset,
                                struct extent *ret, struct bdfs_err *err)
{
        uint8_t key[16];
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_EXTENT, &c, err);

        if (rc != BDFS_OK)
                return rc;
        extent_key(key, inode, offset);
        rc = store_cursor_before(c, key, sizeof(key), err);
        if (rc == BDFS_OK)
                rc = at_cursor(c, inode, ret, err);
        store_cursor_close(c);
        return rc;
}

enum bdfs_status extents_last(struct store_txn *t, uint64_t inode, struct extent *ret,
                              struct bdfs_err *err)
{
        return extents_before(t, inode, UINT64_MAX, ret, err);
}

/* To the first extent that ends after @offset. */
static enum bdfs_status seek_offset(struct store_cursor *c, uint64_t inode, uint64_t offset,
                                    struct extent *ret, struct bdfs_err *err)
{
        uint8_t key[16];
        enum bdfs_status rc;

        extent_key(key, inode, offset + 1);
        rc = store_cursor_before(c, key, sizeof(key), NULL);
        if (rc == BDFS_OK)
                rc = at_cursor(c, inode, ret, NULL);
        if (rc == BDFS_OK && (ret->offset + ret->length > offset || ret->offset == offset))
                return BDFS_OK;
        if (rc != BDFS_OK && rc != BDFS_NOT_FOUND)
                return bdfs_fail(err, rc, "map of inode %" PRIu64, inode);
        rc = store_cursor_seek(c, key, sizeof(key), err);
        return rc != BDFS_OK ? rc : at_cursor(c, inode, ret, err);
}

enum bdfs_status extents_each(struct store_txn *t, uint64_t inode, uint64_t offset,
                              bool (*each)(void *arg, const struct extent *e), void *arg,
                              struct bdfs_err *err)
{
        struct extent e;
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_EXTENT, &c, err);

        if (rc != BDFS_OK)
                return rc;
        rc = seek_offset(c, inode, offset, &e, NULL);
        while (rc == BDFS_OK && each(arg, &e)) {
                rc = store_cursor_next(c, NULL);
                if (rc == BDFS_OK)
                        rc = at_cursor(c, inode, &e, NULL);
        }
        store_cursor_close(c);
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return bdfs_fail(err, rc, "map of inode %" PRIu64, inode);
}

/* ---- references ----------------------------------------------------------------------------- */

struct most_wanted {
        struct store_txn *t;
        uint64_t inode;         /* the last one looked at */
        uint32_t replication;
};

static enum bdfs_status want_of(struct most_wanted *w, uint64_t inode, struct bdfs_err *err)
{
        struct inode row;
        enum bdfs_status rc;

        if (inode == w->inode)
                return BDFS_OK;
        w->inode = inode;
        rc = table_get_inode(w->t, inode, &row, err);
        if (rc == BDFS_OK && row.replication > w->replication)
                w->replication = row.replication;
        return rc;
}

/* The most copies that a file which refers to @b wants. */
static enum bdfs_status most_wanted(struct store_txn *t, const struct block *b, uint32_t *ret,
                                    struct bdfs_err *err)
{
        struct most_wanted w = {.t = t};
        struct block_ref ref = {.block = b->id};
        const uint8_t *key, *value;
        size_t key_n, n;
        uint8_t from[24];
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_BLOCK_REF, &c, err);

        if (rc != BDFS_OK)
                return rc;
        block_ref_key(from, &ref);
        for (rc = store_cursor_seek(c, from, sizeof(from), err); rc == BDFS_OK;
             rc = store_cursor_next(c, err)) {
                store_cursor_at(c, &key, &key_n, &value, &n);
                if (!block_ref_decode(key, key_n, &ref) || ref.block != b->id)
                        break;
                rc = want_of(&w, ref.inode, err);
                if (rc != BDFS_OK)
                        break;
        }
        store_cursor_close(c);
        if (rc != BDFS_OK && rc != BDFS_NOT_FOUND)
                return rc;
        *ret = w.replication == 0 ? b->replication : w.replication;
        return BDFS_OK;
}

enum bdfs_status extents_owner(struct store_txn *t, uint64_t block, struct block_ref *ret,
                               struct bdfs_err *err)
{
        struct block_ref ref = {.block = block};
        const uint8_t *key, *value;
        size_t key_n, n;
        uint8_t from[24];
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_BLOCK_REF, &c, err);

        if (rc != BDFS_OK)
                return rc;
        block_ref_key(from, &ref);
        rc = store_cursor_seek(c, from, sizeof(from), err);
        if (rc == BDFS_OK) {
                store_cursor_at(c, &key, &key_n, &value, &n);
                if (!block_ref_decode(key, key_n, ret) || ret->block != block)
                        rc = bdfs_fail(err, BDFS_NOT_FOUND, "nothing refers to block %" PRIu64,
                                       block);
        }
        store_cursor_close(c);
        return rc;
}

/* One reference less; @e's row is gone already. */
static enum bdfs_status unref(struct store_txn *t, const struct extent *e, struct freed *freed,
                              struct bdfs_err *err)
{
        const struct block_ref ref = {.block = e->block, .inode = e->inode, .offset = e->offset};
        struct block b;
        enum bdfs_status rc = table_get_block(t, e->block, &b, err);

        if (rc == BDFS_OK)
                rc = table_del_block_ref(t, &ref, err);
        if (rc == BDFS_NOT_FOUND)
                return bdfs_fail(err, BDFS_CORRUPT, "inode %" PRIu64 " has an extent of block %"
                                 PRIu64 ", which knows nothing of it", e->inode, e->block);
        if (rc != BDFS_OK)
                return rc;
        if (b.refs > 1) {
                b.refs--;
                rc = most_wanted(t, &b, &b.replication, err);
                return rc != BDFS_OK ? rc : table_put_block(t, &b, err);
        }
        return grace_unreferenced(t, freed, &b, err);
}

/* ---- changing ------------------------------------------------------------------------------- */

enum bdfs_status extents_add(struct store_txn *t, struct inode *file, const struct extent *e,
                             struct block *b, struct bdfs_err *err)
{
        const struct block_ref ref = {.block = e->block, .inode = file->id, .offset = e->offset};
        enum bdfs_status rc;

        BDFS_ASSERT(e->inode == file->id && b->id == e->block);
        b->refs++;
        if (b->replication < file->replication)
                b->replication = file->replication;
        rc = table_put_block(t, b, err);
        if (rc == BDFS_OK)
                rc = table_put_extent(t, e, err);
        if (rc == BDFS_OK)
                rc = table_put_block_ref(t, &ref, err);
        file->extents++;
        file->map_version++;
        if (file->length < e->offset + e->length)
                file->length = e->offset + e->length;
        return rc;
}

enum bdfs_status extents_resize(struct store_txn *t, struct inode *file, struct extent *last,
                                uint64_t length, struct bdfs_err *err)
{
        BDFS_ASSERT(last->inode == file->id);
        BDFS_ASSERT(file->length == last->offset + last->length);
        last->length = length;
        file->length = last->offset + length;
        file->map_version++;
        return table_put_extent(t, last, err);
}

static enum bdfs_status drop_last(struct store_txn *t, struct inode *file,
                                  const struct extent *last, struct freed *freed,
                                  struct bdfs_err *err)
{
        enum bdfs_status rc = table_del_extent(t, file->id, last->offset, err);

        if (rc == BDFS_OK)
                rc = unref(t, last, freed, err);
        BDFS_ASSERT(file->extents > 0);
        file->extents--;
        file->length = last->offset;
        return rc;
}

enum bdfs_status extents_cut(struct store_txn *t, struct inode *file, uint64_t length,
                             struct freed *freed, struct bdfs_err *err)
{
        struct extent last;
        enum bdfs_status rc = BDFS_OK;

        file->map_version++;
        while (file->extents > 0) {
                rc = extents_last(t, file->id, &last, err);
                if (rc != BDFS_OK || last.offset < length)
                        break;
                rc = drop_last(t, file, &last, freed, err);
                if (rc != BDFS_OK)
                        break;
        }
        if (rc == BDFS_OK && file->extents > 0 && last.offset + last.length > length) {
                last.length = length - last.offset;
                rc = table_put_extent(t, &last, err);
        }
        file->length = length;
        return rc;
}

enum bdfs_status extents_shed(struct store_txn *t, struct inode *file, uint64_t *most,
                              struct freed *freed, struct bdfs_err *err)
{
        struct extent last;
        enum bdfs_status rc = BDFS_OK;

        for (; file->extents > 0 && *most > 0 && rc == BDFS_OK; --*most) {
                rc = extents_last(t, file->id, &last, err);
                if (rc == BDFS_OK)
                        rc = drop_last(t, file, &last, freed, err);
        }
        file->map_version++;
        return rc;
}

/* ---- many at once --------------------------------------------------------------------------- */

static enum bdfs_status set_replication(struct store_txn *t, uint64_t block, uint32_t wanted,
                                        struct bdfs_err *err)
{
        struct block b;
        enum bdfs_status rc = table_get_block(t, block, &b, err);

        if (rc != BDFS_OK || b.replication == wanted)
                return rc;
        if (b.refs > 1)
                rc = most_wanted(t, &b, &wanted, err);
        b.replication = wanted;
        return rc != BDFS_OK ? rc : table_put_block(t, &b, err);
}

static enum bdfs_status move_extent(struct store_txn *t, const struct extent *e, uint64_t to,
                                    uint64_t offset, struct bdfs_err *err)
{
        struct extent moved = *e;
        const struct block_ref old = {.block = e->block, .inode = e->inode, .offset = e->offset};
        const struct block_ref new = {.block = e->block, .inode = to, .offset = offset};
        enum bdfs_status rc = table_del_block_ref(t, &old, err);

        moved.inode = to;
        moved.offset = offset;
        if (rc == BDFS_OK)
                rc = table_put_block_ref(t, &new, err);
        if (rc == BDFS_OK)
                rc = table_del_extent(t, e->inode, e->offset, err);
        return rc != BDFS_OK ? rc : table_put_extent(t, &moved, err);
}

struct some {
        struct extent list[256];
        size_t n;
};

static bool take_some(void *arg, const struct extent *e)
{
        struct some *s = arg;

        s->list[s->n++] = *e;
        return s->n < sizeof(s->list) / sizeof(s->list[0]);
}

enum bdfs_status extents_join(struct store_txn *t, struct inode *to, struct inode *from,
                              struct bdfs_err *err)
{
        uint64_t base = to->length;
        enum bdfs_status rc = BDFS_OK;

        BDFS_ASSERT(from->length <= INT64_MAX - to->length);
        while (from->extents > 0 && rc == BDFS_OK) {
                struct some s = {.n = 0};

                rc = extents_each(t, from->id, 0, take_some, &s, err);
                if (rc == BDFS_OK && s.n == 0)
                        rc = bdfs_fail(err, BDFS_CORRUPT, "inode %" PRIu64 " lacks extents",
                                       from->id);
                for (size_t i = 0; i < s.n && rc == BDFS_OK; i++) {
                        rc = move_extent(t, &s.list[i], to->id, base + s.list[i].offset, err);
                        if (rc == BDFS_OK)
                                rc = set_replication(t, s.list[i].block, to->replication, err);
                        from->extents--;
                        to->extents++;
                }
        }
        to->length += from->length;
        from->length = 0;
        to->map_version++;
        return rc;
}

enum bdfs_status extents_replication(struct store_txn *t, const struct inode *file,
                                     struct bdfs_err *err)
{
        uint64_t offset = 0;
        struct some s;
        enum bdfs_status rc;

        do {
                s.n = 0;
                rc = extents_each(t, file->id, offset, take_some, &s, err);
                for (size_t i = 0; i < s.n && rc == BDFS_OK; i++) {
                        rc = set_replication(t, s.list[i].block, file->replication, err);
                        offset = s.list[i].offset + s.list[i].length;
                }
        } while (rc == BDFS_OK && s.n == sizeof(s.list) / sizeof(s.list[0]));
        return rc;
}
