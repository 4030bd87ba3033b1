#include "namenode/apply/apply_internal.h"

/* A block's pipeline is rebuilt: new stamps, other datanodes. */

static enum bdfs_status find_block(struct apply *a, const Bdfs__RecordBlock *asked,
                                   struct block *ret, struct bdfs_err *err)
{
        static const char *const states[] = {"", "UNDER_CONSTRUCTION", "COMMITTED", "COMPLETE",
                                             "RETIRED"};
        char text[BLOCK_TEXT_BYTES];
        enum bdfs_status rc = table_get_block(a->t, asked->id, ret, NULL);

        if (rc == BDFS_NOT_FOUND)
                return bdfs_fail(err, BDFS_FAILED, "%s does not exist.",
                                 apply_block_text(a, asked, text));
        if (rc != BDFS_OK)
                return bdfs_fail(err, rc, "read block %" PRIu64, asked->id);
        if (ret->state != BLOCK_UNDER_CONSTRUCTION)
                return bdfs_fail(err, BDFS_FAILED, "Unexpected BlockUCState: %s is %s but not "
                                 "UNDER_CONSTRUCTION", apply_block_text(a, asked, text),
                                 states[ret->state]);
        return BDFS_OK;
}

static enum bdfs_status check_holder(struct apply *a, const struct inode *file,
                                     const Bdfs__RecordBlock *asked, const char *holder,
                                     struct bdfs_err *err)
{
        char owner[HOLDER_BYTES_MAX + 1], text[BLOCK_TEXT_BYTES];
        enum bdfs_status rc = table_holder_name(a->t, file->holder, owner, err);

        if (rc != BDFS_OK)
                return rc;
        if (strcmp(owner, holder) == 0) {
                (void)apply_block_text(a, asked, text);
                return lease_permit(a->t, &a->caller, file,
                                    &(struct path){.text = text, .n = strlen(text)}, err);
        }
        return bdfs_fail(err, BDFS_LEASE_EXPIRED, "Lease mismatch: %s is accessed by a non lease "
                         "holder %s", apply_block_text(a, asked, text), holder);
}

/* HDFS's checkUCBlock. */
static enum bdfs_status find_pipeline(struct apply *a, const Bdfs__RecordBlock *asked,
                                      const char *holder, struct writing *ret,
                                      struct bdfs_err *err)
{
        char text[BLOCK_TEXT_BYTES];
        struct block_ref owner;
        enum bdfs_status rc = find_block(a, asked, &ret->block, err);

        if (rc == BDFS_OK)
                rc = extents_owner(a->t, asked->id, &owner, err);
        if (rc == BDFS_OK)
                rc = table_get_inode(a->t, owner.inode, &ret->file, err);
        if (rc != BDFS_OK)
                return rc == BDFS_NOT_FOUND ? bdfs_fail(err, BDFS_CORRUPT, "block %" PRIu64
                                                        " belongs to nothing", asked->id)
                                            : rc;
        if (!(ret->file.flags & INODE_OPEN) || path_is_attached(a->t, &ret->file, NULL) != BDFS_OK)
                return bdfs_fail(err, BDFS_FAILED, "The file %s belonged to does not exist or it "
                                 "is not under construction.",
                                 block_text(asked->id, ret->block.stamp, text));
        if (ret->file.flags & INODE_RECOVERING)
                return bdfs_fail(err, BDFS_FAILED, "Unexpected BlockUCState: %s is UNDER_RECOVERY "
                                 "but not UNDER_CONSTRUCTION", apply_block_text(a, asked, text));
        rc = check_holder(a, &ret->file, asked, holder, err);
        return rc != BDFS_OK ? rc : writing_load(a, ret, err);
}

enum bdfs_status apply_op_new_stamp(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__NewStampOp *op = a->record->new_stamp;
        struct writing w;
        struct block answer;
        enum bdfs_status rc = find_pipeline(a, op->block, op->holder, &w, err);

        if (rc != BDFS_OK)
                return rc;
        apply_writes(a);
        answer = w.block; /* whose stored stamp stays as it is */
        answer.stamp = apply_counters(a)->stamp++;
        apply_inode(a, w.file.id);
        return apply_block(a, &answer, op->block->length, w.last.offset, false, err);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static bool has_node(const struct block *b, uint32_t node)
{
        for (uint32_t i = 0; i < b->nodes_n; i++)
                if (b->nodes[i] == node)
                        return true;
        return false;
}

/* How many of @nodes the block has not been offered to yet; duplicates count once. */
static size_t count_new(const struct block *b, const uint32_t *nodes, size_t n)
{
        size_t new = 0;

        for (size_t i = 0; i < n; i++) {
                bool seen = has_node(b, nodes[i]);

                for (size_t k = 0; k < i && !seen; k++)
                        seen = nodes[k] == nodes[i];
                new += !seen;
        }
        return new;
}

static enum bdfs_status check_nodes(const struct block *b, const uint32_t *nodes, size_t n,
                                    struct bdfs_err *err)
{
        if (n <= PIPELINE_NODES_MAX && b->nodes_n + count_new(b, nodes, n) <= BLOCK_NODES_MAX)
                return BDFS_OK;
        return bdfs_fail(err, BDFS_FAILED, "block %" PRIu64 " has been offered to %" PRIu32
                         " datanodes, the most is %d", b->id, b->nodes_n, BLOCK_NODES_MAX);
}

static void add_nodes(struct block *b, const uint32_t *nodes, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!has_node(b, nodes[i]))
                        b->nodes[b->nodes_n++] = nodes[i];
}

/* @nodes are the pipeline now; the others stay behind them. */
static void set_pipeline(struct block *b, const uint32_t *nodes, size_t n)
{
        struct block old = *b;

        b->nodes_n = 0;
        add_nodes(b, nodes, n);
        b->pipeline_n = b->nodes_n;
        add_nodes(b, old.nodes, old.nodes_n);
}

enum bdfs_status apply_op_offer(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__OfferOp *op = a->record->offer;
        struct writing w;
        enum bdfs_status rc = find_pipeline(a, op->block, op->holder, &w, err);

        if (rc == BDFS_OK)
                rc = check_nodes(&w.block, op->nodes, op->n_nodes, err);
        if (rc != BDFS_OK)
                return rc;
        apply_inode(a, w.file.id);
        if (count_new(&w.block, op->nodes, op->n_nodes) > 0) {
                apply_writes(a);
                add_nodes(&w.block, op->nodes, op->n_nodes);
                rc = table_put_block(a->t, &w.block, err);
                if (rc != BDFS_OK)
                        return rc;
        }
        return apply_block(a, &w.block, w.block.length, w.last.offset, false, err);
}

/* ---- updatePipeline ------------------------------------------------------------------------- */

static enum bdfs_status check_update(struct apply *a, const Bdfs__UpdatePipelineOp *op,
                                     const struct writing *w, struct bdfs_err *err)
{
        char old[BLOCK_TEXT_BYTES], new[BLOCK_TEXT_BYTES], last[BLOCK_TEXT_BYTES];

        (void)apply_block_text(a, op->old_block, old);
        (void)apply_block_text(a, op->new_block, new);
        if (op->new_block->stamp <= w->block.stamp || op->new_block->id != w->block.id)
                return bdfs_fail(err, BDFS_FAILED, "Update %s but the new block %s does not have "
                                 "a larger generation stamp than the last block %s", old, new,
                                 block_text(w->block.id, w->block.stamp, last));
        if (op->new_block->stamp >= a->b->counters.stamp)
                return bdfs_fail(err, BDFS_FAILED, "Update %s but the generation stamp of the new "
                                 "block %s was never given out", old, new);
        if (op->new_block->length < w->block.length)
                return bdfs_fail(err, BDFS_FAILED, "Update %s (size=%" PRIu64 ") to a smaller "
                                 "size block %s (size=%" PRIu64 ")", old, op->old_block->length,
                                 new, op->new_block->length);
        if (op->new_block->length > BLOCK_BYTES_MAX ||
            op->new_block->length > FILE_BYTES_MAX - w->last.offset)
                return bdfs_fail(err, BDFS_INVALID, "block of %" PRIu64 " bytes",
                                 op->new_block->length);
        return check_nodes(&w->block, op->nodes, op->n_nodes, err);
}

enum bdfs_status apply_op_update_pipeline(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__UpdatePipelineOp *op = a->record->update_pipeline;
        struct writing w;
        uint64_t length;
        enum bdfs_status rc = find_pipeline(a, op->old_block, op->holder, &w, err);

        if (rc == BDFS_OK)
                rc = check_update(a, op, &w, err);
        if (rc != BDFS_OK)
                return rc;
        apply_writes(a);
        length = op->new_block->length;
        set_pipeline(&w.block, op->nodes, op->n_nodes);
        w.block.stamp = op->new_block->stamp;
        if (length != w.last.length)
                rc = extents_resize(a->t, &w.file, &w.last, length, err);
        w.block.length = length;
        if (rc == BDFS_OK)
                rc = table_put_block(a->t, &w.block, err);
        if (rc == BDFS_OK)
                rc = tree_resized(a, &w.before, &w.file, err);
        if (rc == BDFS_OK)
                rc = table_put_inode(a->t, &w.file, err);
        apply_inode(a, w.file.id);
        return rc != BDFS_OK ? rc : apply_block(a, &w.block, length, w.last.offset, false, err);
}
