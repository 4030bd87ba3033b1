#include "namenode/apply/apply_internal.h"

/*
 * The end of blocks (grace.h): those that have waited long enough are freed, and what was freed is
 * forgotten. Each record does a bounded slice; which one is a choice of the namenode's background.
 */

enum bdfs_status apply_op_free_blocks(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__FreeBlocksOp *op = a->record->free_blocks;
        uint64_t most = op->most > FREE_SLICE_MAX ? FREE_SLICE_MAX : op->most, n = 0;
        struct retired oldest;
        struct block b;
        enum bdfs_status rc = BDFS_OK;

        while (n < most && rc == BDFS_OK) {
                rc = table_first_retired(a->t, &oldest, err);
                if (rc == BDFS_NOT_FOUND || (rc == BDFS_OK && oldest.since_ms > op->until_ms)) {
                        rc = BDFS_OK;
                        break;
                }
                apply_writes(a);
                if (rc == BDFS_OK)
                        rc = table_get_block(a->t, oldest.block, &b, err);
                if (rc == BDFS_OK && (b.state != BLOCK_RETIRED || b.retired_ms != oldest.since_ms))
                        rc = bdfs_fail(err, BDFS_CORRUPT, "block %" PRIu64 " waits to be freed "
                                       "and says otherwise", b.id);
                if (rc == BDFS_OK)
                        rc = grace_free(a->t, &a->b->freed, &b, err);
                n++;
        }
        a->result->has_count = 1;
        a->result->count = n;
        return rc;
}

enum bdfs_status apply_op_forget_freed(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__ForgetFreedOp *op = a->record->forget_freed;
        enum bdfs_status rc = BDFS_OK;
        uint64_t n = 0;

        if (op->n_blocks > FREE_SLICE_MAX)
                return bdfs_fail(err, BDFS_INVALID, "%zu blocks to be forgotten at once",
                                 op->n_blocks);
        for (size_t i = 0; i < op->n_blocks && rc == BDFS_OK; i++) {
                struct freed_row row;

                rc = table_get_freed(a->t, op->blocks[i], &row, NULL);
                if (rc == BDFS_NOT_FOUND) {
                        rc = BDFS_OK;
                        continue;
                }
                if (rc != BDFS_OK)
                        return bdfs_fail(err, rc, "freed block %" PRIu64, op->blocks[i]);
                apply_writes(a);
                rc = table_del_freed(a->t, op->blocks[i], err);
                n++;
        }
        a->result->has_count = 1;
        a->result->count = n;
        return rc;
}
