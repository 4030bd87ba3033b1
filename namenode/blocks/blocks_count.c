/*
 * What safe mode waits for: how many complete blocks have a copy that was reported in this epoch.
 *
 * When every registered node is back the answer is a counter of the replica tables, so the start
 * does not grow with the namespace. With nodes missing blocks are counted one by one, in slices.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "common/log.h"
#include "namenode/blocks/blocks_internal.h"

#define COUNT_SLICE 5000

static bool everyone_is_back(struct blocks *b)
{
        AUTO_LOCK(&b->lock);

        for (const struct node *n = nodes_next(&b->nodes, 0); n != NULL;
             n = nodes_next(&b->nodes, n->info.number))
                if (!n->counted)
                        return false;
        return true;
}

static void update(struct blocks *b, const struct safe_mode_facts *facts, int64_t now_ms)
{
        AUTO_LOCK(&b->lock);

        if (!safe_mode_update(&b->safe, facts, now_ms))
                return;
        b->rescan_ms = now_ms;
        log_info("safe mode is off blocks=%" PRIu64 " reported=%" PRIu64 " everyone=%d",
                 facts->total, facts->reported, facts->everyone);
}

/* Blocks of open files may be incomplete: at most the last two of each do not count. Of those that
 * have a replica some may be none of a file's: retired, freed, unknown. At most so many are
 * subtracted, and only if all were looked at since the replica tables were made. */
static enum bdfs_status by_counters(struct blocks *b, struct safe_mode_facts *ret,
                                    struct bdfs_err *err)
{
        struct store_txn *ns;
        struct replicas_txn t;
        uint64_t open, others;
        bool looked;
        enum bdfs_status rc = blocks_begin_namespace(b, &ns, err);

        if (rc != BDFS_OK)
                return rc;
        ret->total = store_count(ns, TABLE_BLOCK) - store_count(ns, TABLE_RETIRED);
        others = store_count(ns, TABLE_RETIRED) + store_count(ns, TABLE_FREED);
        open = 2 * store_count(ns, TABLE_LEASE);
        store_abort(ns);
        ret->total -= open < ret->total ? open : ret->total;
        rc = blocks_env_begin(b->env, &t, err);
        if (rc != BDFS_OK)
                return rc;
        others += class_count(&t, REPAIR_UNKNOWN_BLOCK);
        ret->reported = t.located > others ? t.located - others : 0;
        if (ret->reported > ret->total)
                ret->reported = ret->total;
        rc = replicas_looked(&t, &looked, err);
        if (rc == BDFS_OK && !looked)
                ret->reported = 0;
        blocks_env_end(b->env, &t);
        return rc;
}

static enum bdfs_status count_blocks(struct blocks *b, struct replicas_txn *t, struct store_txn *ns,
                                     const uint64_t *blocks, size_t n, struct bdfs_err *err)
{
        struct block_case j;
        enum bdfs_status rc = block_case_init(&j, err);

        for (size_t i = 0; rc == BDFS_OK && i < n; i++) {
                rc = blocks_judge(b, t, ns, blocks[i], &j, err);
                if (rc != BDFS_OK || j.block.kind != REPAIR_COMPLETE)
                        continue;
                b->count.complete++;
                b->count.reported += j.verdict.there > 0 ? 1 : 0;
        }
        block_case_fini(&j);
        return rc;
}

static enum bdfs_status count_slice(struct blocks *b, uint64_t *blocks, size_t *ret_n,
                                    struct bdfs_err *err)
{
        struct store_txn *ns;
        struct replicas_txn t;
        enum bdfs_status rc = blocks_begin_namespace(b, &ns, err);

        if (rc != BDFS_OK)
                return rc;
        rc = blocks_of_namespace(ns, b->count.after, blocks, COUNT_SLICE, ret_n, err);
        if (rc == BDFS_OK)
                rc = blocks_env_begin(b->env, &t, err);
        if (rc == BDFS_OK) {
                rc = count_blocks(b, &t, ns, blocks, *ret_n, err);
                blocks_env_end(b->env, &t);
        }
        store_abort(ns);
        return rc;
}

/* One slice of a walk over all blocks; *ret_done when it was the last one. */
static enum bdfs_status one_by_one(struct blocks *b, bool *ret_done, struct bdfs_err *err)
{
        uint64_t *blocks = calloc(COUNT_SLICE, sizeof(*blocks));
        enum bdfs_status rc;
        size_t n = 0;

        if (blocks == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory to count blocks");
        if (!b->count.running)
                b->count = (struct blocks_scan){.running = true};
        rc = count_slice(b, blocks, &n, err);
        if (rc == BDFS_OK && n > 0)
                b->count.after = blocks[n - 1];
        *ret_done = rc == BDFS_OK && n < COUNT_SLICE;
        if (*ret_done || rc != BDFS_OK)
                b->count.running = false;
        free(blocks);
        return blocks_failed(b, rc);
}

/* Before the first count is through: at least say how many blocks there are. */
static void say_total(struct blocks *b)
{
        struct store_txn *ns;
        struct bdfs_err err;
        AUTO_LOCK(&b->lock);

        if (b->safe.facts.total != 0 || blocks_begin_namespace(b, &ns, &err) != BDFS_OK)
                return;
        b->safe.facts.total = store_count(ns, TABLE_BLOCK) - store_count(ns, TABLE_RETIRED);
        store_abort(ns);
}

enum bdfs_status blocks_count(struct blocks *b, int64_t now_ms, struct bdfs_err *err)
{
        struct safe_mode_facts facts = {.everyone = everyone_is_back(b)};
        enum bdfs_status rc;
        bool done = false;

        if (facts.everyone) {
                rc = blocks_failed(b, by_counters(b, &facts, err));
                if (rc != BDFS_OK)
                        return rc;
                if (facts.reported >= safe_mode_needed(&b->safe, facts.total)) {
                        update(b, &facts, now_ms);
                        return BDFS_OK;
                }
        }
        rc = one_by_one(b, &done, err);
        b->count.hurry = facts.everyone;
        if (rc == BDFS_OK && !done)
                say_total(b);
        if (rc != BDFS_OK || !done)
                return rc;
        facts.total = b->count.complete;
        facts.reported = b->count.reported;
        update(b, &facts, now_ms);
        return BDFS_OK;
}
