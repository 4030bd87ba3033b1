#include "namenode/tree/namespace_inside.h"

/* Where a file's bytes are. */

struct mapping {
        struct store_txn *t;
        struct ns_map *map;
        size_t room;
        uint64_t from, to;       /* what was asked for */
        uint64_t at;             /* end of the pieces so far */
        bool any;                /* a piece was seen that ends behind @from */
        enum bdfs_status rc;
        struct bdfs_err *err;
};

void ns_map_fini(struct ns_map *m)
{
        free(m->pieces);
        m->pieces = NULL;
        m->n = 0;
}

static enum bdfs_status piece_of_extent(struct store_txn *t, const struct extent *e,
                                        struct ns_piece *ret, struct bdfs_err *err)
{
        struct block b;
        enum bdfs_status rc = table_get_block(t, e->block, &b, err);

        if (rc == BDFS_NOT_FOUND)
                return bdfs_fail(err, BDFS_CORRUPT, "inode %" PRIu64 " lacks block %" PRIu64,
                                 e->inode, e->block);
        if (rc != BDFS_OK)
                return rc;
        ret->offset = e->offset;
        ret->length = e->length;
        ret->block = e->block;
        ret->base = e->base;
        ret->stamp = b.stamp;
        ret->block_length = b.length;
        ret->state = b.state;
        ret->replication = b.replication;
        ret->nodes_n = b.pipeline_n;
        memcpy(ret->nodes, b.nodes, b.pipeline_n * sizeof(b.nodes[0]));
        return BDFS_OK;
}

static void hole(uint64_t from, uint64_t to, struct ns_piece *ret)
{
        *ret = (struct ns_piece){.offset = from, .length = to - from, .state = BLOCK_COMPLETE,
                                 .replication = 1};
}

static struct ns_piece *new_piece(struct mapping *m)
{
        struct ns_map *map = m->map;

        if (map->n == m->room) {
                size_t room = m->room == 0 ? 16 : 2 * m->room;
                struct ns_piece *more = reallocarray(map->pieces, room, sizeof(*more));

                if (more == NULL) {
                        m->rc = bdfs_fail(m->err, BDFS_NO_MEMORY, "map of inode %" PRIu64,
                                          map->inode);
                        return NULL;
                }
                map->pieces = more;
                m->room = room;
        }
        return &map->pieces[map->n++];
}

/* Is a piece [from, to) asked for? The first one that ends behind the start always is. */
static bool wanted(struct mapping *m, uint64_t from, uint64_t to)
{
        if (!m->any) {
                m->any = to > m->from || (from == 0 && to == 0);
                return m->any;
        }
        return from < m->to;
}

static bool add_hole(struct mapping *m, uint64_t to)
{
        uint64_t from = m->at;
        struct ns_piece *p;

        m->at = to;
        if (from == to || !wanted(m, from, to))
                return true;
        p = new_piece(m);
        if (p != NULL)
                hole(from, to, p);
        return p != NULL;
}

static bool add_extent(void *arg, const struct extent *e)
{
        struct mapping *m = arg;
        struct ns_piece *p;

        if (!add_hole(m, e->offset))
                return false;
        m->at = e->offset + e->length;
        if (!wanted(m, e->offset, m->at))
                return !m->any;
        p = new_piece(m);
        if (p != NULL)
                m->rc = piece_of_extent(m->t, e, p, m->err);
        return m->rc == BDFS_OK;
}

/* The last piece of the file, and what the length is without one that is being written. */
static enum bdfs_status find_last(struct store_txn *t, const struct inode *file,
                                  struct ns_map *ret, struct bdfs_err *err)
{
        struct extent e = {0};
        enum bdfs_status rc = BDFS_OK;

        ret->length = file->length;
        ret->has_last = file->extents > 0 || file->length > 0;
        if (!ret->has_last)
                return BDFS_OK;
        if (file->extents > 0)
                rc = extents_last(t, file->id, &e, err);
        if (rc != BDFS_OK)
                return rc;
        if (file->extents == 0 || e.offset + e.length < file->length)
                hole(e.offset + e.length, file->length, &ret->last);
        else
                rc = piece_of_extent(t, &e, &ret->last, err);
        ret->last_complete = ret->last.state == BLOCK_COMPLETE;
        if (rc == BDFS_OK && !ret->last_complete)
                ret->length = ret->last.offset;
        return rc;
}

/* Where the extent that holds @offset begins, or the gap in front of the next one. */
static enum bdfs_status find_start(struct store_txn *t, const struct inode *file, uint64_t offset,
                                   uint64_t *ret, struct bdfs_err *err)
{
        struct extent e;
        enum bdfs_status rc = extents_before(t, file->id, offset + 1, &e, NULL);

        *ret = 0;
        if (rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        if (rc != BDFS_OK)
                return bdfs_fail(err, rc, "map of inode %" PRIu64, file->id);
        *ret = e.offset + e.length > offset || e.length == 0 ? e.offset : e.offset + e.length;
        return BDFS_OK;
}

static enum bdfs_status locate(struct store_txn *t, const struct inode *file, uint64_t offset,
                               uint64_t length, struct ns_map *ret, struct bdfs_err *err)
{
        struct mapping m = {.t = t, .map = ret, .from = offset, .err = err,
                            .to = length > INT64_MAX - offset ? INT64_MAX : offset + length};
        enum bdfs_status rc;

        *ret = (struct ns_map){.inode = file->id, .open = (file->flags & INODE_OPEN) != 0};
        rc = find_last(t, file, ret, err);
        if (rc == BDFS_OK)
                rc = find_start(t, file, offset, &m.at, err);
        if (rc == BDFS_OK)
                rc = extents_each(t, file->id, m.at, add_extent, &m, err);
        if (rc == BDFS_OK && m.rc == BDFS_OK && m.at < file->length)
                (void)add_hole(&m, file->length);
        if (rc == BDFS_OK)
                rc = m.rc;
        if (rc != BDFS_OK)
                ns_map_fini(ret);
        return rc;
}

enum bdfs_status ns_locate(struct store_txn *t, const struct ns_caller *who,
                           const struct path *path, uint64_t offset, uint64_t length,
                           struct ns_status *ret_status, struct ns_map *ret, struct bdfs_err *err)
{
        const struct ns_caller anybody = {.user = who->user, .superuser = true};
        struct perm_caller passes = {.who = &anybody, .superuser = true};
        struct name_cache cache = {0};
        AUTO_ASKING struct asking q;
        enum bdfs_status rc;

        *ret = (struct ns_map){0};
        q.r.steps = NULL;
        buf_init(&q.r.text, 0);
        if (offset > INT64_MAX || length > INT64_MAX)
                return bdfs_fail(err, BDFS_INVALID, "Negative %s is not supported. File: %.*s",
                                 offset > INT64_MAX ? "offset" : "length", (int)path->n,
                                 path->text);
        rc = asking_begin(&q, t, who, path, err);
        if (rc == BDFS_OK) /* HDFS says first whether there is such a file, to anybody */
                rc = path_traverse(t, &q.r, &passes, 0, err);
        if (rc == BDFS_OK)
                rc = asking_file(&q, err);
        if (rc == BDFS_OK)
                rc = path_traverse(t, &q.r, &q.caller, 0, err);
        if (rc == BDFS_OK)
                rc = asking_access(&q, t, PERM_READ, err);
        if (rc == BDFS_OK)
                rc = status_of_inode(t, &q.r.last, q.r.policy, &cache, ret_status, err);
        return rc != BDFS_OK ? rc : locate(t, &q.r.last, offset, length, ret, err);
}

enum bdfs_status ns_locate_inode(struct store_txn *t, uint64_t inode, uint64_t offset,
                                 uint64_t length, struct ns_map *ret, struct bdfs_err *err)
{
        struct inode file;
        enum bdfs_status rc = table_get_inode(t, inode, &file, err);

        *ret = (struct ns_map){0};
        if (rc == BDFS_OK && (file.type != INODE_FILE || offset > INT64_MAX))
                rc = bdfs_fail(err, BDFS_INVALID, "inode %" PRIu64 " is no file", inode);
        return rc != BDFS_OK ? rc : locate(t, &file, offset, length, ret, err);
}

/* ---- from blocks to files ------------------------------------------------------------------- */

/* References to @block from the one to @inode on. */
static enum bdfs_status each_ref(struct store_txn *t, uint64_t block, uint64_t inode,
                                 struct block_ref *ret, size_t room, size_t *ret_n,
                                 struct bdfs_err *err)
{
        struct block_ref ref = {.block = block, .inode = inode};
        uint8_t from[24];
        const uint8_t *key, *value;
        size_t key_n, n;
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_BLOCK_REF, &c, err);

        *ret_n = 0;
        if (rc != BDFS_OK)
                return rc;
        block_ref_key(from, &ref);
        for (rc = store_cursor_seek(c, from, sizeof(from), NULL); rc == BDFS_OK && *ret_n < room;
             rc = store_cursor_next(c, NULL)) {
                store_cursor_at(c, &key, &key_n, &value, &n);
                if (!block_ref_decode(key, key_n, &ref) || ref.block != block)
                        break;
                ret[(*ret_n)++] = ref;
        }
        store_cursor_close(c);
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return bdfs_fail(err, rc, "references to block %" PRIu64, block);
}

enum bdfs_status ns_block_files(struct store_txn *t, uint64_t block, struct block_ref *ret,
                                size_t room, size_t *ret_n, struct bdfs_err *err)
{
        return each_ref(t, block, 0, ret, room, ret_n, err);
}

enum bdfs_status ns_piece_of_block(struct store_txn *t, uint64_t inode, uint64_t block,
                                   struct ns_piece *ret, struct bdfs_err *err)
{
        struct block_ref ref;
        struct extent e;
        size_t n;
        enum bdfs_status rc = each_ref(t, block, inode, &ref, 1, &n, err);

        if (rc == BDFS_OK && (n == 0 || ref.inode != inode))
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "inode %" PRIu64 " has no block %" PRIu64,
                               inode, block);
        if (rc == BDFS_OK)
                rc = extents_before(t, inode, ref.offset + 1, &e, err);
        return rc != BDFS_OK ? rc : piece_of_extent(t, &e, ret, err);
}
