/*
 * The background thread: who died, which blocks must be looked at, what safe mode waits for.
 *
 * All work on blocks is done in slices of BLOCKS_SLICE, each one transaction, so that reports never
 * wait for long and nothing per block is kept in memory.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "namenode/blocks/blocks_internal.h"

#define RESCAN_AFTER_ERROR_MS 10000
#define COMPLAIN_MS 10000

/* ---- life and death -------------------------------------------------------------------------- */

void blocks_release(struct blocks *b, const struct pending_copy *c)
{
        struct node *source = nodes_get(&b->nodes, c->source);
        struct node *target = nodes_get(&b->nodes, c->target);

        if (source != NULL && source->sends > 0) {
                source->sends--;
                source->send_bytes -= c->length < source->send_bytes ? c->length
                                                                     : source->send_bytes;
        }
        if (target != NULL && target->takes > 0) {
                target->takes--;
                target->take_bytes -= c->length < target->take_bytes ? c->length
                                                                     : target->take_bytes;
        }
}

static void bury(struct blocks *b, struct node *n)
{
        struct pending_copy was;
        struct node_command *c;

        log_warn("datanode is dead number=%" PRIu32 " ip=%s port=%u replicas=%" PRIu64,
                 n->info.number, n->info.ip, n->info.own_port, n->log.replicas);
        nodes_set_state(&b->nodes, n, NODE_DEAD);
        while (pending_drop(&b->pending, n->info.number, &was))
                if (!was.failed)
                        blocks_release(b, &was);
        while ((c = node_command_take(n)) != NULL)
                node_command_free(c);
        node_walk(n);
        b->count_now = true;
}

static void look_for_dead(struct blocks *b, int64_t now_ms)
{
        AUTO_LOCK(&b->lock);

        for (struct node *n = nodes_next(&b->nodes, 0); n != NULL;
             n = nodes_next(&b->nodes, n->info.number)) {
                int64_t heard_ms = n->state == NODE_AWAY ? b->nodes.started_ms
                                                         : n->info.last_heartbeat_mono_ms;

                if (n->state != NODE_DEAD && now_ms - heard_ms >= DATANODE_DEAD_MS)
                        bury(b, n);
        }
}

static void give_up_copies(struct blocks *b, int64_t now_ms)
{
        struct pending_copy was;
        AUTO_LOCK(&b->lock);

        while (pending_expire(&b->pending, now_ms, &was)) {
                log_warn("copy did not arrive block=%" PRIu64 " source=%" PRIu32
                         " target=%" PRIu32, was.block, was.source, was.target);
                blocks_release(b, &was);
        }
}

/* ---- slices of blocks ------------------------------------------------------------------------ */

/* Blocks that somebody asked to be looked at. */
static size_t take_checks(struct blocks *b, struct blocks_check *ret)
{
        size_t n = 0;
        AUTO_LOCK(&b->lock);

        if (safe_mode_on(&b->safe))
                return 0;
        for (; n < BLOCKS_SLICE && b->checks_n > 0; n++) {
                ret[n] = b->checks[b->checks_first];
                b->checks_first = (b->checks_first + 1) % BLOCKS_CHECKS_MAX;
                b->checks_n--;
        }
        return n;
}

struct walk {
        uint32_t id;
        uint64_t after;
        bool dead;
};

/* The next node to be walked over; 0: none, or safe mode, after which all blocks are looked at. */
static uint32_t next_walk(struct blocks *b, struct walk *ret)
{
        AUTO_LOCK(&b->lock);

        for (struct node *n = nodes_next(&b->nodes, 0); n != NULL;
             n = nodes_next(&b->nodes, n->info.number)) {
                if (n->walking && safe_mode_on(&b->safe))
                        n->walking = false;
                if (!n->walking)
                        continue;
                *ret = (struct walk){.id = n->walk_id,
                                     .after = n->walk_after,
                                     .dead = n->state == NODE_DEAD};
                return n->info.number;
        }
        return 0;
}

static void walked(struct blocks *b, uint32_t number, const struct walk *w, uint64_t last, bool all)
{
        struct node *n;
        AUTO_LOCK(&b->lock);

        n = nodes_get(&b->nodes, number);
        if (n->walk_id != w->id)
                return; /* a new walk began meanwhile */
        n->walk_after = last;
        n->walking = !all;
}

static enum bdfs_status blocks_of_node(struct blocks *b, uint32_t number, uint64_t after,
                                       uint64_t *ret, size_t *ret_n, struct bdfs_err *err)
{
        struct replicas_txn t;
        enum bdfs_status rc = blocks_env_begin(b->env, &t, err);

        if (rc == BDFS_OK) {
                rc = replicas_of_node(&t, REPLICAS_BY_NODE, number, after, ret, BLOCKS_SLICE,
                                      ret_n, err);
                blocks_env_end(b->env, &t);
        }
        return blocks_failed(b, rc);
}

static void to_checks(const uint64_t *blocks, size_t n, bool urgent, struct blocks_check *ret)
{
        for (size_t i = 0; i < n; i++)
                ret[i] = (struct blocks_check){.block = blocks[i], .urgent = urgent};
}

static enum bdfs_status walk_slice(struct blocks *b, uint64_t *blocks, struct blocks_check *checks,
                                   bool *ret_more, struct bdfs_err *err)
{
        struct walk w;
        uint32_t number = next_walk(b, &w);
        enum bdfs_status rc;
        size_t n;

        if (number == 0)
                return BDFS_OK;
        *ret_more = true;
        rc = blocks_of_node(b, number, w.after, blocks, &n, err);
        if (rc != BDFS_OK)
                return rc;
        to_checks(blocks, n, w.dead, checks);
        rc = blocks_judge_all(b, checks, n, err);
        if (rc == BDFS_OK)
                walked(b, number, &w, n > 0 ? blocks[n - 1] : w.after, n < BLOCKS_SLICE);
        return rc;
}

static int by_number(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

/* Two ascending lists into one of at most BLOCKS_SLICE without doubles. A list that is full says
 * nothing about what is behind its last one. */
static size_t merge(uint64_t *list, size_t n, const uint64_t *other, size_t other_n)
{
        uint64_t last = UINT64_MAX;
        size_t out = 0;

        if (n == BLOCKS_SLICE)
                last = list[n - 1];
        if (other_n == BLOCKS_SLICE && other[other_n - 1] < last)
                last = other[other_n - 1];
        memcpy(list + n, other, other_n * sizeof(*list));
        n += other_n;
        qsort(list, n, sizeof(*list), by_number);
        for (size_t i = 0; i < n && list[i] <= last; i++)
                if (out == 0 || list[out - 1] != list[i])
                        list[out++] = list[i];
        return out;
}

/* The next blocks of the namespace or with a replica; @list has room for two slices. */
static enum bdfs_status next_blocks(struct blocks *b, uint64_t after, uint64_t *list,
                                    size_t *ret_n, struct bdfs_err *err)
{
        uint64_t other[BLOCKS_SLICE];
        size_t n = 0, other_n = 0;
        struct store_txn *ns;
        struct replicas_txn t;
        enum bdfs_status rc = blocks_begin_namespace(b, &ns, err);

        if (rc != BDFS_OK)
                return rc;
        rc = blocks_of_namespace(ns, after, list, BLOCKS_SLICE, &n, err);
        store_abort(ns);
        if (rc == BDFS_OK)
                rc = blocks_env_begin(b->env, &t, err);
        if (rc == BDFS_OK) {
                rc = replicas_blocks(&t, REPLICAS_REPLICA, after, other, BLOCKS_SLICE, &other_n,
                                     err);
                blocks_env_end(b->env, &t);
        }
        if (rc == BDFS_OK)
                *ret_n = merge(list, n, other, other_n);
        return blocks_failed(b, rc);
}

static enum bdfs_status looked_work(struct replicas_txn *t, void *arg, struct bdfs_err *err)
{
        (void)arg;
        return replicas_set_looked(t, err);
}

/* The rescan is through. */
static enum bdfs_status note_looked(struct blocks *b, struct bdfs_err *err)
{
        struct blocks_env_work work = {.work = looked_work};

        return blocks_failed(b, blocks_env_write(b->env, &work, err));
}

/* Look at everything, a slice at a time: after safe mode, after an overflow, and now and then. */
static enum bdfs_status rescan_slice(struct blocks *b, uint64_t *blocks,
                                     struct blocks_check *checks, int64_t now_ms, bool *ret_more,
                                     struct bdfs_err *err)
{
        uint64_t after;
        enum bdfs_status rc;
        size_t n = 0;

        os_mutex_lock(&b->lock);
        if (!safe_mode_on(&b->safe) && !b->rescan.running && now_ms >= b->rescan_ms) {
                b->rescan = (struct blocks_scan){.running = true};
                b->rescan_ms = now_ms + BLOCKS_RESCAN_MS;
        }
        if (safe_mode_on(&b->safe))
                b->rescan.running = false;
        *ret_more = *ret_more || b->rescan.running;
        after = b->rescan.running ? b->rescan.after : UINT64_MAX;
        os_mutex_unlock(&b->lock);
        if (after == UINT64_MAX)
                return BDFS_OK;
        rc = next_blocks(b, after, blocks, &n, err);
        if (rc != BDFS_OK)
                return rc;
        to_checks(blocks, n, false, checks);
        rc = blocks_judge_all(b, checks, n, err);
        if (rc == BDFS_OK && n == 0)
                rc = note_looked(b, err);
        if (rc != BDFS_OK)
                return rc;
        os_mutex_lock(&b->lock);
        b->rescan.running = n > 0;
        b->rescan.after = n > 0 ? blocks[n - 1] : 0;
        os_mutex_unlock(&b->lock);
        return BDFS_OK;
}

static enum bdfs_status look_slices(struct blocks *b, int64_t now_ms, bool *ret_more,
                                    struct bdfs_err *err)
{
        uint64_t *blocks = calloc(2 * BLOCKS_SLICE, sizeof(*blocks));
        struct blocks_check *checks = calloc(2 * BLOCKS_SLICE, sizeof(*checks));
        enum bdfs_status rc = BDFS_OK;

        *ret_more = false;
        if (blocks == NULL || checks == NULL) {
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory to look at blocks");
        } else {
                size_t n = take_checks(b, checks);

                *ret_more = n == BLOCKS_SLICE;
                rc = blocks_judge_all(b, checks, n, err);
        }
        if (rc == BDFS_OK)
                rc = walk_slice(b, blocks, checks, ret_more, err);
        if (rc == BDFS_OK)
                rc = rescan_slice(b, blocks, checks, now_ms, ret_more, err);
        free(blocks);
        free(checks);
        return rc;
}

/* ---- lost tables ----------------------------------------------------------------------------- */

/* Start empty; every datanode must register again and then send all it has. */
static enum bdfs_status wipe(struct blocks *b, int64_t now_ms, struct bdfs_err *err)
{
        enum bdfs_status rc;

        log_error("replica tables are damaged: they are thrown away and collected again");
        rc = blocks_env_wipe(b->env, err);
        if (rc != BDFS_OK)
                return rc;
        AUTO_LOCK(&b->lock);
        b->wipe = false;
        b->nodes.started_ms = now_ms;
        b->rescan_ms = now_ms;
        b->rescan.running = false;
        for (struct node *n = nodes_next(&b->nodes, 0); n != NULL;
             n = nodes_next(&b->nodes, n->info.number)) {
                n->log = (struct node_log){.id = 0};
                n->walking = false;
                if (n->state == NODE_ALIVE)
                        nodes_set_state(&b->nodes, n, NODE_AWAY);
        }
        return BDFS_OK;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool is_counting(struct blocks *b)
{
        AUTO_LOCK(&b->lock);
        return safe_mode_counts(&b->safe);
}

static bool wants_wipe(struct blocks *b)
{
        AUTO_LOCK(&b->lock);
        return b->wipe;
}

/* What was to be looked at in the slice that failed is found by looking at everything later. */
static void complain(struct blocks *b, int64_t now_ms, const struct bdfs_err *err)
{
        AUTO_LOCK(&b->lock);

        b->rescan_ms = now_ms + RESCAN_AFTER_ERROR_MS;
        if (now_ms < b->complain_ms)
                return;
        b->complain_ms = now_ms + COMPLAIN_MS;
        log_warn("block management does not get on: %s", err->text);
}

bool blocks_tick(struct blocks *b, int64_t now_ms)
{
        enum bdfs_status rc = BDFS_OK;
        struct bdfs_err err;
        bool more = false;

        if (wants_wipe(b) && wipe(b, now_ms, &err) != BDFS_OK) {
                log_error("replica tables cannot be made anew, the namenode ends: %s", err.text);
                abort();
        }
        look_for_dead(b, now_ms);
        give_up_copies(b, now_ms);
        if (is_counting(b))
                rc = blocks_count(b, now_ms, &err);
        if (rc == BDFS_OK)
                rc = look_slices(b, now_ms, &more, &err);
        more = more || (b->count.running && b->count.hurry);
        if (rc == BDFS_OK)
                rc = blocks_plan(b, now_ms, &err);
        if (rc != BDFS_OK)
                complain(b, now_ms, &err);
        return more && rc == BDFS_OK;
}

/* Until there is something to do, or it is time to look. */
static bool wait_for_work(struct blocks *b, bool more)
{
        int64_t until_ms = os_mono_ms() + (more ? BLOCKS_BUSY_TICK_MS : BLOCKS_TICK_MS);
        AUTO_LOCK(&b->lock);

        while (!b->stopping && !b->count_now && (b->checks_n == 0 || safe_mode_on(&b->safe)))
                if (!os_cond_wait(&b->wake, &b->lock, until_ms))
                        break;
        b->count_now = false;
        return !b->stopping;
}

void blocks_run(void *blocks)
{
        struct blocks *b = blocks;
        bool more = false;

        while (wait_for_work(b, more))
                more = blocks_tick(b, b->clock_ms());
}
