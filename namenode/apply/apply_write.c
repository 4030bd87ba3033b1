#include "namenode/apply/apply_internal.h"

/* A file being written: addBlock, abandonBlock, complete, fsync. */

/* ---- the end of an open file ---------------------------------------------------------------- */

enum bdfs_status writing_load(struct apply *a, struct writing *w, struct bdfs_err *err)
{
        enum bdfs_status rc;

        w->before = w->file;
        w->has_last = w->file.extents > 0;
        if (!w->has_last)
                return BDFS_OK;
        rc = extents_last(a->t, w->file.id, &w->last, err);
        if (rc == BDFS_OK)
                rc = table_get_block(a->t, w->last.block, &w->block, err);
        return rc == BDFS_NOT_FOUND ? bdfs_fail(err, BDFS_CORRUPT, "inode %" PRIu64
                                                " lacks its last block", w->file.id)
                                    : rc;
}

/* The caller's open file; @asked as in lease.h. */
static enum bdfs_status writing_find(struct apply *a, const struct lease_asked *asked,
                                     struct writing *ret, struct bdfs_err *err)
{
        enum bdfs_status rc = lease_find(a->t, &a->caller, asked, &ret->file, err);

        return rc != BDFS_OK ? rc : writing_load(a, ret, err);
}

/* While its last block is being recovered nobody writes, not even the new holder. */
static enum bdfs_status check_recovery(const struct writing *w, const char *what,
                                       struct bdfs_err *err)
{
        char text[BLOCK_TEXT_BYTES];

        if (!(w->file.flags & INODE_RECOVERING))
                return BDFS_OK;
        return bdfs_fail(err, BDFS_FAILED, "%s %s, whereas it is under recovery.", what,
                         w->has_last ? block_text(w->block.id, w->block.stamp, text) : "block");
}

enum bdfs_status writing_may_commit(const struct writing *w, const Bdfs__RecordBlock *b,
                                    struct bdfs_err *err)
{
        char have[BLOCK_TEXT_BYTES], got[BLOCK_TEXT_BYTES];

        if (b->id != w->block.id)
                return bdfs_fail(err, BDFS_FAILED, "Trying to commit inconsistent block: id = %"
                                 PRIu64 ", expected id = %" PRIu64, b->id, w->block.id);
        if (b->stamp != w->block.stamp)
                return bdfs_fail(err, BDFS_FAILED, "Commit block with mismatching GS. NN has %s, "
                                 "client submits %s",
                                 block_text(w->block.id, w->block.stamp, have),
                                 block_text(b->id, b->stamp, got));
        if (b->length < w->block.length)
                return bdfs_fail(err, BDFS_FAILED, "commitBlock length is less than the stored "
                                 "one %" PRIu64 " vs. %" PRIu64, b->length, w->block.length);
        if (b->length > BLOCK_BYTES_MAX || b->length > FILE_BYTES_MAX - w->last.offset)
                return bdfs_fail(err, BDFS_INVALID, "block of %" PRIu64 " bytes", b->length);
        return BDFS_OK;
}

enum bdfs_status writing_drop_last(struct apply *a, struct writing *w, struct bdfs_err *err)
{
        enum bdfs_status rc;

        BDFS_ASSERT(w->has_last);
        a->b->freed.at_once = w->block.length == 0; /* it never had a byte that was acknowledged */
        rc = extents_cut(a->t, &w->file, w->last.offset, &a->b->freed, err);
        a->b->freed.at_once = false;
        w->file.tail = 0;
        w->has_last = w->file.extents > 0;
        if (rc != BDFS_OK || !w->has_last)
                return rc;
        rc = extents_last(a->t, w->file.id, &w->last, err);
        if (rc == BDFS_OK)
                rc = table_get_block(a->t, w->last.block, &w->block, err);
        if (rc == BDFS_OK && w->block.state != BLOCK_COMPLETE)
                w->file.tail = w->block.id;
        return rc;
}

static void set_state(struct block *b, enum block_state state)
{
        b->state = state;
        b->decided = false;
        b->decided_length = 0;
        if (state == BLOCK_COMPLETE)
                b->nodes_n = b->pipeline_n = 0; /* from now on the replicas' reports say where */
}

enum bdfs_status writing_commit(struct apply *a, struct writing *w, uint64_t length,
                                enum block_state state, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (length == 0)
                return writing_drop_last(a, w, err);
        if (length != w->last.length)
                rc = extents_resize(a->t, &w->file, &w->last, length, err);
        w->block.length = length;
        set_state(&w->block, state);
        w->file.tail = state == BLOCK_COMPLETE ? 0 : w->block.id;
        return rc != BDFS_OK ? rc : table_put_block(a->t, &w->block, err);
}

enum bdfs_status writing_complete_previous(struct apply *a, struct writing *w,
                                           struct bdfs_err *err)
{
        struct extent e;
        struct block b;
        enum bdfs_status rc;

        if (!w->has_last || w->file.extents < 2)
                return BDFS_OK;
        rc = extents_before(a->t, w->file.id, w->last.offset, &e, err);
        if (rc == BDFS_OK)
                rc = table_get_block(a->t, e.block, &b, err);
        if (rc != BDFS_OK || b.state != BLOCK_COMMITTED)
                return rc;
        set_state(&b, BLOCK_COMPLETE);
        return table_put_block(a->t, &b, err);
}

enum bdfs_status writing_close(struct apply *a, struct writing *w, int64_t mtime,
                               struct bdfs_err *err)
{
        enum bdfs_status rc = lease_end(a->t, &w->file, err);

        w->file.mtime = mtime;
        if (rc == BDFS_OK)
                rc = tree_resized(a, &w->before, &w->file, err);
        return rc != BDFS_OK ? rc : table_put_inode(a->t, &w->file, err);
}

static enum bdfs_status writing_save(struct apply *a, struct writing *w, struct bdfs_err *err)
{
        enum bdfs_status rc = tree_resized(a, &w->before, &w->file, err);

        return rc != BDFS_OK ? rc : table_put_inode(a->t, &w->file, err);
}

/* ---- addBlock ------------------------------------------------------------------------------- */

enum previous {
        PREVIOUS_IS_LAST,       /* commit it, unless COMPLETE */
        PREVIOUS_NONE,          /* first block, or first after an append */
        PREVIOUS_RETRY,         /* the last block was this call's answer before */
        PREVIOUS_WRONG
};

static bool same_block(const Bdfs__RecordBlock *b, uint64_t id, uint64_t stamp)
{
        return b->id == id && b->stamp == stamp;
}

/* What the client's idea of the last block says about its call. */
static enum bdfs_status judge(struct apply *a, const struct writing *w,
                              const Bdfs__RecordBlock *previous, enum previous *ret,
                              struct bdfs_err *err)
{
        struct extent e;
        struct block b;
        enum bdfs_status rc;

        *ret = previous == NULL ? PREVIOUS_NONE : PREVIOUS_WRONG;
        if (!w->has_last)
                return BDFS_OK;
        if (previous != NULL && same_block(previous, w->block.id, w->block.stamp)) {
                *ret = PREVIOUS_IS_LAST;
                return BDFS_OK;
        }
        if (w->block.state == BLOCK_COMPLETE)
                return BDFS_OK;
        *ret = PREVIOUS_WRONG;
        rc = w->file.extents < 2 ? BDFS_NOT_FOUND
                                 : extents_before(a->t, w->file.id, w->last.offset, &e, err);
        if (rc == BDFS_NOT_FOUND) {
                *ret = previous == NULL ? PREVIOUS_RETRY : PREVIOUS_WRONG;
                return BDFS_OK;
        }
        if (rc == BDFS_OK)
                rc = table_get_block(a->t, e.block, &b, err);
        if (rc == BDFS_OK && (previous != NULL ? same_block(previous, b.id, b.stamp)
                                               : b.state == BLOCK_COMPLETE))
                *ret = PREVIOUS_RETRY;
        return rc;
}

static enum bdfs_status refuse_previous(struct apply *a, const struct writing *w,
                                        const Bdfs__RecordBlock *previous, struct bdfs_err *err)
{
        char got[BLOCK_TEXT_BYTES], have[BLOCK_TEXT_BYTES];
        struct buf path;
        enum bdfs_status rc;

        buf_init(&path, 0);
        rc = path_of_inode(a->t, w->file.id, &path, err);
        if (rc == BDFS_OK)
                rc = bdfs_fail(err, BDFS_FAILED, "Cannot allocate block in %.*s: passed "
                               "'previous' block %s does not match actual last block in file %s",
                               (int)path.n, (const char *)path.data,
                               apply_block_text(a, previous, got),
                               w->has_last ? block_text(w->block.id, w->block.stamp, have)
                                           : "null");
        buf_fini(&path);
        return rc;
}

static enum bdfs_status check_add(struct apply *a, const struct writing *w,
                                  const Bdfs__AddBlockOp *op, enum previous judged,
                                  struct bdfs_err *err)
{
        char text[BLOCK_TEXT_BYTES];

        if (judged == PREVIOUS_WRONG)
                return refuse_previous(a, w, op->previous, err);
        if (judged == PREVIOUS_RETRY && w->block.length != 0)
                return bdfs_fail(err, BDFS_FAILED, "Request looked like a retry to allocate block "
                                 "%s but it already contains %" PRIu64 " bytes",
                                 block_text(w->block.id, w->block.stamp, text), w->block.length);
        if (judged == PREVIOUS_RETRY)
                return BDFS_OK;
        if (w->file.extents >= FILE_EXTENTS_MAX)
                return bdfs_fail(err, BDFS_FAILED, "File has reached the limit on maximum number "
                                 "of blocks (dfs.namenode.fs-limits.max-blocks-per-file): %" PRIu32
                                 " >= %d", w->file.extents, FILE_EXTENTS_MAX);
        if (op->n_targets == 0 || op->n_targets > PIPELINE_NODES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "a block on %zu datanodes", op->n_targets);
        if (judged == PREVIOUS_IS_LAST && w->block.state == BLOCK_UNDER_CONSTRUCTION)
                return writing_may_commit(w, op->previous, err);
        return BDFS_OK;
}

enum bdfs_status writing_add_block(struct apply *a, struct writing *w, const uint32_t *targets,
                                   size_t targets_n, struct bdfs_err *err)
{
        struct counters *next = apply_counters(a);
        struct block b = {.id = next->block++, .stamp = next->stamp++,
                          .state = BLOCK_UNDER_CONSTRUCTION,
                          .replication = w->file.replication};
        const struct extent e = {.inode = w->file.id, .offset = w->file.length, .block = b.id};
        enum bdfs_status rc;

        BDFS_ASSERT(targets_n > 0 && targets_n <= PIPELINE_NODES_MAX);
        b.nodes_n = b.pipeline_n = (uint32_t)targets_n;
        memcpy(b.nodes, targets, targets_n * sizeof(b.nodes[0]));
        rc = extents_add(a->t, &w->file, &e, &b, err);
        w->file.tail = b.id;
        if (rc == BDFS_OK)
                rc = apply_block(a, &b, 0, e.offset, true, err);
        return rc;
}

enum bdfs_status apply_op_add_block(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__AddBlockOp *op = a->record->add_block;
        struct lease_asked asked = {.inode = op->inode, .holder = op->holder};
        struct path path;
        struct writing w;
        enum previous judged;
        enum bdfs_status rc = path_of_record(op->path.data, op->path.len, &path, err);

        asked.path = &path;
        if (rc == BDFS_OK)
                rc = writing_find(a, &asked, &w, err);
        if (rc == BDFS_OK)
                rc = judge(a, &w, op->previous, &judged, err);
        if (rc == BDFS_OK)
                rc = check_add(a, &w, op, judged, err);
        if (rc == BDFS_OK)
                rc = check_recovery(&w, "Commit or complete block", err);
        if (rc != BDFS_OK)
                return rc;
        apply_inode(a, w.file.id);
        if (judged == PREVIOUS_RETRY)
                return apply_block(a, &w.block, 0, w.last.offset, true, err);
        apply_writes(a);
        rc = writing_complete_previous(a, &w, err);
        if (rc == BDFS_OK && judged == PREVIOUS_IS_LAST &&
            w.block.state == BLOCK_UNDER_CONSTRUCTION)
                rc = writing_commit(a, &w, op->previous->length, BLOCK_COMMITTED, err);
        if (rc == BDFS_OK)
                rc = writing_add_block(a, &w, op->targets, op->n_targets, err);
        return rc != BDFS_OK ? rc : writing_save(a, &w, err);
}

/* ---- abandonBlock, fsync -------------------------------------------------------------------- */

/* What @holder is writing; @what is for the refusal of a file that is being recovered. */
static enum bdfs_status writing_begin(struct apply *a, const ProtobufCBinaryData *name,
                                      uint64_t inode, const char *holder, const char *what,
                                      struct writing *ret, struct bdfs_err *err)
{
        struct path path;
        const struct lease_asked asked = {.path = &path, .inode = inode, .holder = holder};
        enum bdfs_status rc = path_of_record(name->data, name->len, &path, err);

        if (rc == BDFS_OK)
                rc = writing_find(a, &asked, ret, err);
        if (rc == BDFS_OK)
                rc = check_recovery(ret, what, err);
        if (rc == BDFS_OK)
                apply_inode(a, ret->file.id);
        return rc;
}

enum bdfs_status apply_op_abandon_block(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__AbandonBlockOp *op = a->record->abandon_block;
        struct writing w;
        enum bdfs_status rc = writing_begin(a, &op->path, op->inode, op->holder, "Abandon block",
                                            &w, err);

        if (rc != BDFS_OK)
                return rc;
        if (!w.has_last || w.block.id != op->block->id ||
            w.block.state != BLOCK_UNDER_CONSTRUCTION)
                return BDFS_OK; /* not the file's last block: nothing to do, as in HDFS */
        apply_writes(a);
        rc = writing_drop_last(a, &w, err);
        return rc != BDFS_OK ? rc : writing_save(a, &w, err);
}

enum bdfs_status apply_op_fsync(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__FsyncOp *op = a->record->fsync;
        struct writing w;
        enum bdfs_status rc = writing_begin(a, &op->path, op->inode, op->holder, "Sync block", &w,
                                            err);

        if (rc != BDFS_OK)
                return rc;
        if (op->last_length <= 0 || !w.has_last || w.block.state != BLOCK_UNDER_CONSTRUCTION ||
            (uint64_t)op->last_length <= w.block.length)
                return BDFS_OK;
        if ((uint64_t)op->last_length > BLOCK_BYTES_MAX ||
            (uint64_t)op->last_length > FILE_BYTES_MAX - w.last.offset)
                return bdfs_fail(err, BDFS_INVALID, "block of %" PRId64 " bytes",
                                 op->last_length);
        apply_writes(a);
        rc = writing_commit(a, &w, (uint64_t)op->last_length, BLOCK_UNDER_CONSTRUCTION, err);
        return rc != BDFS_OK ? rc : writing_save(a, &w, err);
}

/* ---- complete ------------------------------------------------------------------------------- */

/* A file that is closed already is fine when its last block is the caller's: a retry. */
static bool is_retry(struct apply *a, const struct inode *file, const Bdfs__RecordBlock *last)
{
        struct writing w = {.file = *file};
        struct bdfs_err ignored;

        if (file->id == 0 || file->type != INODE_FILE || (file->flags & INODE_OPEN) ||
            writing_load(a, &w, &ignored) != BDFS_OK)
                return false;
        if (last == NULL || last->length == 0)
                return last != NULL || !w.has_last; /* a block of no bytes was dropped */
        return w.has_last && same_block(last, w.block.id, w.block.stamp);
}

enum bdfs_status apply_op_complete(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__CompleteOp *op = a->record->complete;
        struct lease_asked asked = {.inode = op->inode, .holder = op->holder};
        struct path path;
        struct writing w;
        enum bdfs_status rc = path_of_record(op->path.data, op->path.len, &path, err);

        asked.path = &path;
        if (rc != BDFS_OK)
                return rc;
        apply_value(a, true);
        rc = writing_find(a, &asked, &w, err);
        apply_inode(a, w.file.id);
        if (rc == BDFS_LEASE_EXPIRED && is_retry(a, &w.file, op->last))
                return BDFS_OK;
        if (rc == BDFS_OK)
                rc = check_recovery(&w, "Commit or complete block", err);
        if (rc == BDFS_OK && op->last != NULL && w.has_last &&
            w.block.state == BLOCK_UNDER_CONSTRUCTION)
                rc = writing_may_commit(&w, op->last, err);
        if (rc != BDFS_OK)
                return rc;
        if (op->last == NULL && w.has_last && w.block.state == BLOCK_UNDER_CONSTRUCTION) {
                apply_value(a, false);
                return BDFS_OK;
        }
        apply_writes(a);
        rc = writing_complete_previous(a, &w, err);
        if (rc == BDFS_OK && w.has_last && w.block.state != BLOCK_COMPLETE)
                rc = writing_commit(a, &w,
                                    w.block.state == BLOCK_COMMITTED ? w.block.length
                                                                     : op->last->length,
                                    BLOCK_COMPLETE, err);
        if (rc == BDFS_OK && w.has_last && w.block.state == BLOCK_COMMITTED)
                rc = writing_commit(a, &w, w.block.length, BLOCK_COMPLETE, err);
        w.file.mtime = a->now;
        if (rc == BDFS_OK)
                rc = attributes_set(a, op, &w.file, err);
        return rc != BDFS_OK ? rc : writing_close(a, &w, w.file.mtime, err);
}
