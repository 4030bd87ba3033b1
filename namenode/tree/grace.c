#include "namenode/tree/grace.h"

#include <stdlib.h>

void freed_fini(struct freed *f)
{
        free(f->blocks);
        *f = (struct freed){0};
}

static enum bdfs_status freed_add(struct freed *f, uint64_t block, struct bdfs_err *err)
{
        if (f->n == f->room) {
                size_t room = f->room == 0 ? 64 : 2 * f->room;
                uint64_t *more = reallocarray(f->blocks, room, sizeof(*more));

                if (more == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "list of freed blocks");
                f->blocks = more;
                f->room = room;
        }
        f->blocks[f->n++] = block;
        return BDFS_OK;
}

static int64_t block_bytes(const struct block *b)
{
        return (int64_t)(b->length * b->replication); /* fits, see tables_block.c */
}

/* Its row goes, and one stays that says so. */
static enum bdfs_status block_free(struct store_txn *t, struct freed *f, const struct block *b,
                                   struct bdfs_err *err)
{
        const struct freed_row row = {.block = b->id, .stamp = b->stamp, .time_ms = f->now_ms};
        enum bdfs_status rc = freed_add(f, b->id, err);

        if (rc == BDFS_OK)
                rc = table_put_freed(t, &row, err);
        return rc != BDFS_OK ? rc : table_del_block(t, b->id, err);
}

enum bdfs_status grace_unreferenced(struct store_txn *t, struct freed *f, struct block *b,
                                    struct bdfs_err *err)
{
        const struct retired row = {.since_ms = f->now_ms < 0 ? 0 : f->now_ms, .block = b->id};
        enum bdfs_status rc;

        BDFS_ASSERT(b->state != BLOCK_RETIRED);
        if (f->at_once)
                return block_free(t, f, b, err);
        BDFS_ASSERT(b->retired_ms == 0);
        b->state = BLOCK_RETIRED;
        b->refs = b->nodes_n = b->pipeline_n = 0;
        b->retired_ms = row.since_ms;
        b->decided = false;
        b->decided_length = 0;
        f->retired_bytes += block_bytes(b);
        rc = table_put_retired(t, &row, err);
        return rc != BDFS_OK ? rc : table_put_block(t, b, err);
}

enum bdfs_status grace_free(struct store_txn *t, struct freed *f, struct block *b,
                            struct bdfs_err *err)
{
        const struct retired row = {.since_ms = b->retired_ms, .block = b->id};
        enum bdfs_status rc = table_del_retired(t, &row, err);

        BDFS_ASSERT(b->state == BLOCK_RETIRED);
        f->retired_bytes -= block_bytes(b);
        if (rc == BDFS_NOT_FOUND)
                return bdfs_fail(err, BDFS_CORRUPT, "retired block %llu waits nowhere",
                                 (unsigned long long)b->id);
        return rc != BDFS_OK ? rc : block_free(t, f, b, err);
}

enum bdfs_status grace_flush(struct store_txn *t, struct freed *f, struct bdfs_err *err)
{
        uint64_t bytes;
        enum bdfs_status rc;

        if (f->retired_bytes == 0)
                return BDFS_OK;
        rc = table_get_retired_bytes(t, &bytes, err);
        if (rc != BDFS_OK)
                return rc;
        bytes += (uint64_t)f->retired_bytes;
        f->retired_bytes = 0;
        return table_put_retired_bytes(t, bytes, err);
}
