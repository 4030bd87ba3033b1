/*
 * One block: what the namespace and the datanodes say of it, what is to be done about it (repair.h
 * decides), and doing it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "namenode/blocks/blocks_internal.h"

#define COPIES_MAX (REPLICAS_OF_BLOCK_MAX + 64) /* with arriving ones */
#define FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED

enum bdfs_status block_case_init(struct block_case *j, struct bdfs_err *err)
{
        *j = (struct block_case){.rows = malloc(REPLICAS_OF_BLOCK_MAX * sizeof(*j->rows)),
                                 .copies = malloc(COPIES_MAX * sizeof(*j->copies))};
        if (j->rows != NULL && j->copies != NULL)
                return BDFS_OK;
        block_case_fini(j);
        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory to look at a block");
}

void block_case_fini(struct block_case *j)
{
        free(j->rows);
        free(j->copies);
        *j = (struct block_case){.id = 0};
}

/* A failure of the namespace's tables is not one of ours: it must not wipe ours. */
static enum bdfs_status foreign(enum bdfs_status rc, struct bdfs_err *err)
{
        if (rc != BDFS_CORRUPT && rc != BDFS_IO)
                return rc;
        if (err == NULL)
                return BDFS_FAILED;
        err->status = BDFS_FAILED;
        return bdfs_wrap(err, "reading the namespace");
}

enum bdfs_status blocks_begin_namespace(struct blocks *b, struct store_txn **ret,
                                        struct bdfs_err *err)
{
        return foreign(store_begin_read(b->config.store, ret, err), err);
}

static enum bdfs_status read_block(struct store_txn *ns, uint64_t id, struct repair_block *ret,
                                   struct bdfs_err *err)
{
        static const enum repair_kind kinds[] = {
                [BLOCK_UNDER_CONSTRUCTION] = REPAIR_WRITING,
                [BLOCK_COMMITTED] = REPAIR_COMMITTED,
                [BLOCK_COMPLETE] = REPAIR_COMPLETE,
                [BLOCK_RETIRED] = REPAIR_RETIRED,
        };
        struct freed_row freed;
        struct block row;
        enum bdfs_status rc = table_get_block(ns, id, &row, err);

        if (rc == BDFS_OK) {
                *ret = (struct repair_block){.kind = kinds[row.state],
                                             .id = id,
                                             .stamp = row.stamp,
                                             .length = row.length,
                                             .wanted = row.replication};
                return BDFS_OK;
        }
        if (rc != BDFS_NOT_FOUND)
                return rc;
        rc = table_get_freed(ns, id, &freed, err);
        *ret = (struct repair_block){.id = id,
                                     .kind = rc == BDFS_OK ? REPAIR_FREED : REPAIR_UNKNOWN};
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

static bool avoided(const struct blocks *b, uint64_t block, uint32_t source)
{
        for (const struct pending_copy *p = pending_of(&b->pending, block, NULL); p != NULL;
             p = pending_of(&b->pending, block, p))
                if (p->failed && p->source == source)
                        return true;
        return false;
}

static void fill_node(const struct blocks *b, struct repair_copy *c, uint64_t block,
                      const struct node *n, int64_t now_ms)
{
        c->alive = n->state == NODE_ALIVE;
        c->rack = n->rack;
        c->stale = node_is_stale(n, now_ms);
        c->room = node_room(n);
        c->streams = n->sends;
        c->stream_bytes = n->send_bytes;
        c->avoid = avoided(b, block, n->info.number);
}

static struct repair_copy copy_of(const struct blocks *b, const struct replica *r, int64_t now_ms)
{
        const struct node *n = nodes_get(&b->nodes, r->node);
        struct repair_copy c = {.node = r->node,
                                .rack = UINT32_MAX,
                                .state = r->state,
                                .stamp = r->stamp,
                                .length = r->length,
                                .doomed = r->doomed};

        if (n == NULL)
                return c;
        fill_node(b, &c, r->block, n, now_ms);
        c.told = r->told_log != 0 && r->told_log == n->log.id;
        c.counted = c.alive && (n->counted || r->epoch == b->epoch);
        c.expected = !c.counted && node_is_expected(n);
        return c;
}

static void add_arriving(const struct blocks *b, struct block_case *j, int64_t now_ms)
{
        for (const struct pending_copy *p = pending_of(&b->pending, j->id, NULL); p != NULL;
             p = pending_of(&b->pending, j->id, p)) {
                const struct node *n = nodes_get(&b->nodes, p->target);
                size_t i = 0;

                if (p->failed || n == NULL)
                        continue;
                while (i < j->copies_n && j->copies[i].node != p->target)
                        i++;
                if (i == j->copies_n && j->copies_n < COPIES_MAX) {
                        j->copies[j->copies_n] = (struct repair_copy){.node = p->target};
                        fill_node(b, &j->copies[j->copies_n++], j->id, n, now_ms);
                }
                if (i < j->copies_n && !repair_whole(&j->block, &j->copies[i]))
                        j->copies[i].arriving = true;
        }
}

/* Alive nodes with room that have nothing of the block. */
static uint32_t other_nodes(const struct blocks *b, const struct block_case *j)
{
        uint32_t others = 0;

        for (const struct node *n = nodes_next(&b->nodes, 0); n != NULL;
             n = nodes_next(&b->nodes, n->info.number)) {
                size_t i = 0;

                if (n->state != NODE_ALIVE || node_room(n) < j->block.length)
                        continue;
                while (i < j->copies_n && j->copies[i].node != n->info.number)
                        i++;
                others += i == j->copies_n ? 1 : 0;
        }
        return others;
}

/* Nobody asks where else a copy could be: there are as many as wanted, or it is no file's block. */
static bool as_wanted(const struct block_case *j)
{
        if (j->block.kind == REPAIR_FREED || j->block.kind == REPAIR_UNKNOWN ||
            j->block.kind == REPAIR_RETIRED)
                return true;
        for (size_t i = 0; i < j->copies_n; i++)
                if (!repair_whole(&j->block, &j->copies[i]) || !j->copies[i].counted)
                        return false;
        return j->copies_n >= j->block.wanted;
}

enum bdfs_status blocks_judge(struct blocks *b, struct replicas_txn *t, struct store_txn *ns,
                              uint64_t block, struct block_case *j, struct bdfs_err *err)
{
        int64_t now_ms = b->clock_ms();
        enum bdfs_status rc;

        j->id = block;
        rc = replicas_of(t, block, 0, j->rows, REPLICAS_OF_BLOCK_MAX, &j->rows_n, err);
        if (rc == BDFS_OK)
                rc = foreign(read_block(ns, block, &j->block, err), err);
        if (rc != BDFS_OK)
                return rc;
        os_mutex_lock(&b->lock);
        j->copies_n = j->rows_n;
        for (size_t i = 0; i < j->rows_n; i++)
                j->copies[i] = copy_of(b, &j->rows[i], now_ms);
        add_arriving(b, j, now_ms);
        j->world = (struct repair_world){
                .nodes = b->nodes.alive,
                .racks = b->nodes.racks,
                .others = as_wanted(j) ? 0 : other_nodes(b, j), /* a loop over all nodes */
                .quiet = safe_mode_on(&b->safe)};
        os_mutex_unlock(&b->lock);
        repair_judge(&j->block, j->copies, j->copies_n, &j->world, &j->verdict);
        return BDFS_OK;
}

/* It stays after all. A node that was told is asked to look at it, behind what it was told: what it
 * then reports says whether it is there. */
enum bdfs_status blocks_spare(struct blocks *b, struct replicas_txn *t, const struct replica *row,
                              struct bdfs_err *err)
{
        log_debug("replica stays after all block=%" PRIu64 " node=%" PRIu32 " told=%d", row->block,
                 row->node, row->told_log != 0);
        if (row->told_log != 0)
                blocks_doubt(b, row->block, row->stamp, row->node);
        return replica_spare(t, row, err);
}

static enum bdfs_status act_on(struct blocks *b, struct replicas_txn *t,
                               const struct block_case *j, size_t i, struct bdfs_err *err)
{
        if (j->copies[i].spare)
                return blocks_spare(b, t, &j->rows[i], err);
        if (!j->copies[i].doom)
                return BDFS_OK;
        log_debug("replica is to go block=%" PRIu64 " node=%" PRIu32 " stamp=%" PRIu64
                  " valid=%" PRIu32 " wanted=%" PRIu32, j->id, j->rows[i].node,
                  j->rows[i].stamp, j->verdict.valid, j->block.wanted);
        return replica_doom(t, &j->rows[i], err);
}

enum bdfs_status blocks_act(struct blocks *b, struct replicas_txn *t, const struct block_case *j,
                            int64_t since_ms, struct bdfs_err *err)
{
        enum bdfs_status rc;
        bool quiet;

        os_mutex_lock(&b->lock);
        quiet = safe_mode_on(&b->safe);
        os_mutex_unlock(&b->lock);
        if (quiet)
                return BDFS_OK;
        rc = class_set(t, j->id, j->verdict.classes, since_ms, err);
        for (size_t i = 0; rc == BDFS_OK && i < j->rows_n; i++)
                rc = act_on(b, t, j, i, err);
        return rc;
}

struct judge_all {
        struct blocks *b;
        const struct blocks_check *checks;
        size_t n;
        int64_t now_ms;
};

static enum bdfs_status judge_all_work(struct replicas_txn *t, void *arg, struct bdfs_err *err)
{
        struct judge_all *w = arg;
        struct store_txn *ns = NULL;
        struct block_case j;
        enum bdfs_status rc = block_case_init(&j, err);

        if (rc != BDFS_OK)
                return rc;
        rc = blocks_begin_namespace(w->b, &ns, err);
        for (size_t i = 0; rc == BDFS_OK && i < w->n; i++) {
                rc = blocks_judge(w->b, t, ns, w->checks[i].block, &j, err);
                if (rc == BDFS_OK)
                        rc = blocks_act(w->b, t, &j, w->checks[i].urgent ? 0 : w->now_ms, err);
        }
        store_abort(ns);
        block_case_fini(&j);
        return rc;
}

enum bdfs_status blocks_judge_all(struct blocks *b, const struct blocks_check *checks, size_t n,
                                  struct bdfs_err *err)
{
        struct judge_all arg = {.b = b, .checks = checks, .n = n, .now_ms = b->clock_ms()};
        struct blocks_env_work work = {.work = judge_all_work, .arg = &arg};

        return n == 0 ? BDFS_OK : blocks_failed(b, blocks_env_write(b->env, &work, err));
}

enum bdfs_status blocks_of_namespace(struct store_txn *ns, uint64_t after, uint64_t *ret,
                                     size_t room, size_t *ret_n, struct bdfs_err *err)
{
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(ns, TABLE_BLOCK, &c, err);
        uint8_t key[8];

        *ret_n = 0;
        if (rc != BDFS_OK)
                return foreign(rc, err);
        put_u64be(key, after + 1);
        rc = after == UINT64_MAX ? BDFS_NOT_FOUND : store_cursor_seek(c, key, sizeof(key), err);
        while (rc == BDFS_OK && *ret_n < room) {
                const uint8_t *k, *v;
                size_t k_n, v_n;
                struct rd r;

                store_cursor_at(c, &k, &k_n, &v, &v_n);
                r = rd_of(k, k_n);
                ret[(*ret_n)++] = rd_u64be(&r);
                rc = store_cursor_next(c, err);
        }
        store_cursor_close(c);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : foreign(rc, err);
}
