#include "namenode/apply/apply_internal.h"

/* truncate: the map is cut at once; what is left of the last block is simply not referred to. */

static enum bdfs_status check_truncate(struct apply *a, const Bdfs__TruncateOp *op,
                                       const struct resolved *r, struct bdfs_err *err)
{
        const struct lease_wish wish = {.operation = "TRUNCATE_FILE", .path = &r->path,
                                        .holder = op->holder, .machine = a->machine,
                                        .take_over = op->take_over};
        enum bdfs_status rc = apply_permit_write(a, r, op->opened, err);

        if (rc == BDFS_OK)
                rc = apply_file(r, &r->path, err);
        if (rc == BDFS_OK)
                rc = lease_contest(a->t, &r->last, &wish, err);
        if (rc == BDFS_OK && op->length > r->last.length)
                rc = bdfs_fail(err, BDFS_INVALID, "Cannot truncate to a larger file size. Current "
                               "size: %" PRIu64 ", truncate size: %" PRIu64 ".", r->last.length,
                               op->length);
        return rc;
}

enum bdfs_status apply_op_truncate(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__TruncateOp *op = a->record->truncate;
        AUTO_RESOLVED struct resolved r = {0};
        struct inode *file = &r.last, before;
        struct path path;
        enum bdfs_status rc;

        if (op->length > INT64_MAX)
                return bdfs_fail(err, BDFS_INVALID, "Cannot truncate to a negative file size: %"
                                 PRId64 ".", (int64_t)op->length);
        rc = apply_resolve(a, &op->path, 0, &path, &r, err);
        if (rc == BDFS_OK)
                rc = check_truncate(a, op, &r, err);
        if (rc != BDFS_OK)
                return rc;
        apply_value(a, true);
        apply_inode(a, file->id);
        if (file->length == op->length)
                return BDFS_OK;
        apply_writes(a);
        before = *file;
        if (file->flags & INODE_OPEN)
                rc = lease_end(a->t, file, err);
        if (rc == BDFS_OK)
                rc = extents_cut(a->t, file, op->length, &a->b->freed, err);
        file->mtime = a->now;
        if (rc == BDFS_OK)
                rc = tree_resized(a, &before, file, err);
        return rc != BDFS_OK ? rc : table_put_inode(a->t, file, err);
}
