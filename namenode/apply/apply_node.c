#include "namenode/apply/apply_internal.h"


/* What is no client's: formatting, datanodes, old answers, maps made by test tools. */

#define BLOCK_BYTES_MIN_DEFAULT (1 * MIB)

/* ---- format --------------------------------------------------------------------------------- */

static enum bdfs_status make_root(struct apply *a, const Bdfs__FormatOp *op, struct bdfs_err *err)
{
        struct inode root = {.id = INODE_ROOT, .parent = INODE_ROOT, .type = INODE_DIRECTORY,
                             .mode = 0755, .nlink = 1, .mtime = a->now};
        enum bdfs_status rc = apply_intern(a, op->owner, &root.owner, err);

        if (rc == BDFS_OK)
                rc = apply_intern(a, op->group, &root.group, err);
        return rc != BDFS_OK ? rc : table_put_inode(a->t, &root, err);
}

enum bdfs_status apply_op_format(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__FormatOp *op = a->record->format;
        struct format *f = &a->b->format;
        size_t owner_n = strlen(op->owner), group_n = strlen(op->group);
        enum bdfs_status rc = table_get_format(a->t, f, NULL);

        if (rc == BDFS_OK)
                return bdfs_fail(err, BDFS_EXISTS, "the namespace is formatted already");
        if (rc != BDFS_NOT_FOUND)
                return bdfs_fail(err, rc, "read what formatting wrote");
        if (op->cluster.len != CLUSTER_BYTES || owner_n == 0 || group_n == 0 ||
            owner_n > USER_NAME_BYTES_MAX || group_n > USER_NAME_BYTES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "a cluster id of %zu bytes, owner \"%s\", "
                                 "group \"%s\"", op->cluster.len, op->owner, op->group);
        apply_writes(a);
        *f = (struct format){.time_ms = a->now, .block_bytes_min = BLOCK_BYTES_MIN_DEFAULT};
        memcpy(f->cluster, op->cluster.data, CLUSTER_BYTES);
        if (op->has_block_bytes_min)
                f->block_bytes_min = op->block_bytes_min;
        (void)snprintf(f->pool, sizeof(f->pool), "%s", op->pool != NULL ? op->pool : "BP-bdfs");
        a->b->counters = (struct counters){.inode = INODE_ROOT + 1, .block = BLOCK_FIRST,
                                           .stamp = STAMP_FIRST, .holder = 1, .name = 1,
                                           .node = 1};
        a->b->loaded = true;
        rc = table_put_format(a->t, f, err);
        return rc != BDFS_OK ? rc : make_root(a, op, err);
}

/* ---- datanodes ------------------------------------------------------------------------------ */

enum bdfs_status apply_op_register_node(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__RegisterNodeOp *op = a->record->register_node;
        struct node_row row = {.number = op->number, .key_n = (uint32_t)op->key.len}, old;
        size_t uuid_n = strlen(op->uuid);
        enum bdfs_status rc;

        if (uuid_n == 0 || uuid_n > NODE_UUID_BYTES_MAX || op->key.len > NODE_KEY_BYTES_MAX ||
            op->number == 0)
                return bdfs_fail(err, BDFS_INVALID, "datanode %" PRIu32 " \"%s\"", op->number,
                                 op->uuid);
        a->result->has_count = 1;
        a->result->count = op->number;
        rc = table_find_node(a->t, op->uuid, &old, err);
        if (rc == BDFS_OK) { /* it keeps its number; its key may be new */
                a->result->count = row.number = old.number;
                if (old.key_n == op->key.len &&
                    (old.key_n == 0 || memcmp(old.key, op->key.data, old.key_n) == 0))
                        return BDFS_OK;
        } else if (rc == BDFS_NOT_FOUND) {
                rc = table_get_node(a->t, op->number, &old, err);
                if (rc == BDFS_OK)
                        return bdfs_fail(err, BDFS_EXISTS, "datanode number %" PRIu32
                                         " is taken", op->number);
        }
        if (rc != BDFS_OK && rc != BDFS_NOT_FOUND)
                return rc;
        apply_writes(a);
        memcpy(row.uuid, op->uuid, uuid_n);
        if (op->key.len > 0)
                memcpy(row.key, op->key.data, op->key.len);
        if (a->b->counters.node <= row.number)
                apply_counters(a)->node = row.number + 1;
        return table_put_node(a->t, &row, err);
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Answers are forgotten where new ones are stored (retry.h): there is nothing left to do. */
enum bdfs_status apply_op_forget_answers(struct apply *a, struct bdfs_err *err)
{
        (void)err;
        a->result->has_count = 1;
        a->result->count = 0;
        return BDFS_OK;
}

/* ---- maps made by test tools ---------------------------------------------------------------- */

static enum bdfs_status check_extent(struct apply *a, const struct inode *file,
                                     const Bdfs__SetExtentsOp__Extent *e, uint64_t from,
                                     struct bdfs_err *err)
{
        struct block b;
        enum bdfs_status rc;

        if (e->offset < from || e->length == 0 || e->length > FILE_BYTES_MAX ||
            e->offset > FILE_BYTES_MAX - e->length || e->block_offset > FILE_BYTES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "extent at %" PRIu64 " of %" PRIu64 " bytes",
                                 e->offset, e->length);
        if (e->block == 0)
                return BDFS_OK;
        rc = table_get_block(a->t, e->block, &b, err);
        if (rc != BDFS_OK)
                return rc;
        if (b.state != BLOCK_COMPLETE || e->block_offset + e->length > b.length)
                return bdfs_fail(err, BDFS_INVALID, "block %" PRIu64 " has %" PRIu64
                                 " bytes, inode %" PRIu64 " wants %" PRIu64 " from %" PRIu64,
                                 b.id, b.length, file->id, e->length, e->block_offset);
        return BDFS_OK;
}

static enum bdfs_status check_map(struct apply *a, const Bdfs__SetExtentsOp *op,
                                  struct inode *ret, struct bdfs_err *err)
{
        uint64_t from = 0;
        enum bdfs_status rc = table_get_inode(a->t, op->inode, ret, err);

        if (rc == BDFS_OK)
                rc = path_is_attached(a->t, ret, err);
        if (rc == BDFS_OK && (ret->type != INODE_FILE || (ret->flags & INODE_OPEN) ||
                              op->n_extents > FILE_EXTENTS_MAX || !a->caller.superuser))
                rc = bdfs_fail(err, BDFS_INVALID, "inode %" PRIu64 " cannot get another map",
                               op->inode);
        for (size_t i = 0; i < op->n_extents && rc == BDFS_OK; i++) {
                rc = check_extent(a, ret, op->extents[i], from, err);
                from = op->extents[i]->offset + op->extents[i]->length;
        }
        if (rc == BDFS_OK && (op->length < from || op->length > FILE_BYTES_MAX))
                rc = bdfs_fail(err, BDFS_INVALID, "a file of %" PRIu64 " bytes", op->length);
        return rc;
}

/* One reference more for every block, so that none goes while the old map is taken away. */
static enum bdfs_status hold(struct apply *a, const Bdfs__SetExtentsOp *op, int by,
                             struct bdfs_err *err)
{
        struct block b;
        enum bdfs_status rc = BDFS_OK;

        for (size_t i = 0; i < op->n_extents && rc == BDFS_OK; i++) {
                if (op->extents[i]->block == 0)
                        continue;
                rc = table_get_block(a->t, op->extents[i]->block, &b, err);
                b.refs += (uint32_t)by;
                if (rc == BDFS_OK)
                        rc = table_put_block(a->t, &b, err);
        }
        return rc;
}

static enum bdfs_status put_map(struct apply *a, const Bdfs__SetExtentsOp *op, struct inode *file,
                                struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;
        struct block b;

        for (size_t i = 0; i < op->n_extents && rc == BDFS_OK; i++) {
                const Bdfs__SetExtentsOp__Extent *o = op->extents[i];
                const struct extent e = {.inode = file->id, .offset = o->offset,
                                         .length = o->length, .block = o->block,
                                         .base = o->block_offset};

                if (o->block == 0)
                        continue; /* a hole is a gap */
                rc = table_get_block(a->t, o->block, &b, err);
                if (rc == BDFS_OK)
                        rc = extents_add(a->t, file, &e, &b, err);
        }
        file->length = op->length;
        return rc;
}

enum bdfs_status apply_op_set_extents(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__SetExtentsOp *op = a->record->set_extents;
        struct inode file, before;
        enum bdfs_status rc = check_map(a, op, &file, err);

        if (rc != BDFS_OK)
                return rc;
        apply_writes(a);
        before = file;
        rc = hold(a, op, 1, err);
        if (rc == BDFS_OK)
                rc = extents_cut(a->t, &file, 0, &a->b->freed, err);
        if (rc == BDFS_OK)
                rc = put_map(a, op, &file, err);
        if (rc == BDFS_OK)
                rc = hold(a, op, -1, err);
        file.mtime = a->now;
        if (rc == BDFS_OK)
                rc = tree_resized(a, &before, &file, err);
        apply_inode(a, file.id);
        return rc != BDFS_OK ? rc : table_put_inode(a->t, &file, err);
}
