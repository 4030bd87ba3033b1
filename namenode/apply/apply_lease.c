#include "namenode/apply/apply_internal.h"

/* Leases that are taken away: recovery of a file whose writer is gone. */

/* Nothing at the end of the file is under construction, or only a block that no node ever had. */
static bool closes_at_once(const struct writing *w)
{
        if (!w->has_last || w->block.state == BLOCK_COMPLETE)
                return true;
        return w->block.state == BLOCK_UNDER_CONSTRUCTION && w->block.nodes_n == 0 &&
               w->block.length == 0;
}

static enum bdfs_status close_at_once(struct apply *a, struct writing *w, struct bdfs_err *err)
{
        enum bdfs_status rc = writing_complete_previous(a, w, err);

        if (rc == BDFS_OK && w->has_last && w->block.state == BLOCK_UNDER_CONSTRUCTION)
                rc = writing_drop_last(a, w, err);
        return rc != BDFS_OK ? rc : writing_close(a, w, a->now, err);
}

/*
 * The old writer is fenced: its block has another stamp and the file another holder. A block that
 * was committed goes back to being under construction, with its length as the least that recovery
 * may find; so does what an earlier recovery decided and told.
 */
static enum bdfs_status start(struct apply *a, struct writing *w, const char *holder, bool hadoop,
                              bool raise, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (raise) {
                w->block.stamp = apply_counters(a)->stamp++;
                w->block.state = BLOCK_UNDER_CONSTRUCTION;
                if (w->block.decided && w->block.decided_length > w->block.length)
                        w->block.length = w->block.decided_length; /* sealed copies may be there */
                w->block.decided = false; /* what was decided was said under the stamp before */
                w->block.decided_length = 0;
                rc = table_put_block(a->t, &w->block, err);
        }
        w->file.flags |= INODE_RECOVERING;
        if (rc == BDFS_OK)
                rc = lease_pass(a->t, apply_counters(a), &w->file, holder, hadoop, err);
        if (rc == BDFS_OK)
                rc = table_put_inode(a->t, &w->file, err);
        return rc != BDFS_OK ? rc
                             : apply_block(a, &w->block, w->block.length, w->last.offset, false,
                                           err);
}

enum bdfs_status apply_op_recover_lease(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__RecoverLeaseOp *op = a->record->recover_lease;
        const struct perm_want want = {.access = PERM_WRITE};
        AUTO_RESOLVED struct resolved r = {0};
        struct path path;
        struct writing w;
        enum bdfs_status rc = apply_resolve(a, &op->path, 0, &path, &r, err);

        if (rc == BDFS_OK)
                rc = apply_file(&r, &r.path, err);
        if (rc != BDFS_OK)
                return rc;
        apply_inode(a, r.last.id);
        apply_value(a, true);
        if (!(r.last.flags & INODE_OPEN))
                return BDFS_OK;
        rc = apply_permit(a, &r, &want, err);
        if (rc == BDFS_OK)
                rc = apply_holder(op->holder, err);
        w.file = r.last;
        if (rc == BDFS_OK)
                rc = writing_load(a, &w, err);
        if (rc != BDFS_OK)
                return rc;
        apply_writes(a);
        if (closes_at_once(&w))
                return close_at_once(a, &w, err);
        apply_value(a, false);
        return start(a, &w, op->holder, op->hadoop_lease, !(w.file.flags & INODE_RECOVERING),
                     err);
}

/* An open file by number, for the namenode's own records. */
static enum bdfs_status find_open(struct apply *a, uint64_t inode, struct writing *ret,
                                  struct bdfs_err *err)
{
        enum bdfs_status rc = table_get_inode(a->t, inode, &ret->file, err);

        if (rc == BDFS_OK)
                rc = path_is_attached(a->t, &ret->file, err);
        if (rc == BDFS_OK && !(ret->file.flags & INODE_OPEN))
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "inode %" PRIu64 " is not open", inode);
        return rc != BDFS_OK ? rc : writing_load(a, ret, err);
}

enum bdfs_status apply_op_start_recovery(struct apply *a, struct bdfs_err *err)
{
        struct writing w;
        enum bdfs_status rc = find_open(a, a->record->start_recovery->inode, &w, err);

        if (rc != BDFS_OK)
                return rc;
        apply_inode(a, w.file.id);
        apply_writes(a);
        apply_value(a, closes_at_once(&w));
        if (closes_at_once(&w))
                return close_at_once(a, &w, err);
        return start(a, &w, LEASE_RECOVERER, false, true, err);
}

/* ---- what recovery decides ------------------------------------------------------------------ */

static enum bdfs_status check_decision(const struct writing *w, const Bdfs__RecordBlock *b,
                                       struct bdfs_err *err)
{
        if (!(w->file.flags & INODE_RECOVERING) || !w->has_last ||
            w->block.state != BLOCK_UNDER_CONSTRUCTION)
                return bdfs_fail(err, BDFS_FAILED, "inode %" PRIu64 " has no block that is being "
                                 "recovered", w->file.id);
        if (w->block.decided && w->block.decided_length != b->length)
                return bdfs_fail(err, BDFS_FAILED, "block %" PRIu64 " is being sealed at %" PRIu64
                                 " bytes; that is not decided twice", w->block.id,
                                 w->block.decided_length);
        return writing_may_commit(w, b, err);
}

enum bdfs_status apply_op_decide_recovery(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__DecideRecoveryOp *op = a->record->decide_recovery;
        struct writing w;
        enum bdfs_status rc = find_open(a, op->inode, &w, err);

        if (rc == BDFS_OK)
                rc = check_decision(&w, op->block, err);
        if (rc != BDFS_OK)
                return rc;
        apply_inode(a, w.file.id);
        if (w.block.decided)
                return BDFS_OK;
        apply_writes(a);
        w.block.decided = true;
        w.block.decided_length = op->block->length;
        return table_put_block(a->t, &w.block, err);
}

static enum bdfs_status check_expired(const struct writing *w, const Bdfs__RecordBlock *last,
                                      struct bdfs_err *err)
{
        bool waiting = w->has_last && w->block.state == BLOCK_UNDER_CONSTRUCTION;

        if (last == NULL && waiting && w->block.length > 0)
                return bdfs_fail(err, BDFS_FAILED, "inode %" PRIu64 " has %" PRIu64 " bytes that "
                                 "were acknowledged in block %" PRIu64, w->file.id,
                                 w->block.length, w->block.id);
        if (waiting && w->block.decided &&
            (last == NULL || last->length != w->block.decided_length))
                return bdfs_fail(err, BDFS_FAILED, "block %" PRIu64 " of inode %" PRIu64
                                 " is being sealed at %" PRIu64 " bytes and at no other length",
                                 w->block.id, w->file.id, w->block.decided_length);
        if (last == NULL)
                return BDFS_OK;
        if (!waiting)
                return bdfs_fail(err, BDFS_FAILED, "inode %" PRIu64 " has no block under "
                                 "construction", w->file.id);
        if (last->id == w->block.id && last->stamp != w->block.stamp)
                return bdfs_fail(err, BDFS_STALE_GENSTAMP, "block %" PRIu64 " has stamp %" PRIu64
                                 ", recovered was %" PRIu64, last->id, w->block.stamp,
                                 last->stamp);
        return writing_may_commit(w, last, err);
}

enum bdfs_status apply_op_close_expired(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__CloseExpiredOp *op = a->record->close_expired;
        struct writing w;
        enum bdfs_status rc = find_open(a, op->inode, &w, err);

        if (rc == BDFS_OK)
                rc = check_expired(&w, op->last, err);
        if (rc != BDFS_OK)
                return rc;
        apply_inode(a, w.file.id);
        apply_value(a, true);
        apply_writes(a);
        rc = writing_complete_previous(a, &w, err);
        if (rc == BDFS_OK && w.has_last && w.block.state == BLOCK_UNDER_CONSTRUCTION)
                rc = op->last == NULL ? writing_drop_last(a, &w, err)
                                      : writing_commit(a, &w, op->last->length, BLOCK_COMPLETE,
                                                       err);
        if (rc == BDFS_OK && w.has_last && w.block.state == BLOCK_COMMITTED)
                rc = writing_commit(a, &w, w.block.length, BLOCK_COMPLETE, err);
        return rc != BDFS_OK ? rc : writing_close(a, &w, a->now, err);
}
