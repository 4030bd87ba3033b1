/*
 * grace.h - blocks that lost their last reference: they wait, then they are freed.
 *
 * A reader who opened a file goes on with its blocks though the file was deleted, replaced or cut.
 * So a block whose last reference goes is RETIRED, with the time of the record that took it away,
 * and freed by a later record (FreeBlocksOp): when its time has passed, or earlier, oldest first,
 * when space is short. Freeing takes the block's row away and leaves one in TABLE_FREED: only that
 * row says that replicas may be deleted. That a block has no row at all says nothing.
 *
 * A row of TABLE_FREED goes (ForgetFreedOp) when every datanode has been heard and none has a
 * replica, or when it is old; what turns up later is an unknown block, which is kept and reported.
 *
 * Owner:   struct freed belongs to the batch (apply.h).
 * Threads: a transaction belongs to one thread.
 * Errors:  CORRUPT, NO_MEMORY and those of the store; a change that failed ends the transaction.
 */
#pragma once

#include "namenode/store/tables.h"

struct freed {
        int64_t now_ms;         /* of the record that is being applied */
        bool at_once;           /* what loses its last reference is freed, without waiting */
        uint64_t *blocks;       /* freed ones */
        size_t n, room;
        int64_t retired_bytes;  /* by how much the row in `meta` is to change */
};
void freed_fini(struct freed *f);

/* The last reference to @b is gone; its row is changed or taken away here. */
enum bdfs_status grace_unreferenced(struct store_txn *t, struct freed *f, struct block *b,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
/* Free a retired block now: its time has passed, or what must not be kept (shredding, a zone that
 * is encrypted) lost its last reference. */
enum bdfs_status grace_free(struct store_txn *t, struct freed *f, struct block *b,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* Write what was gathered; before every commit. */
enum bdfs_status grace_flush(struct store_txn *t, struct freed *f, struct bdfs_err *err)
        BDFS_MUST_CHECK;
