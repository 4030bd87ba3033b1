/* What the namespace asks: nodes, copies, placement, numbers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "namenode/blocks/blocks_internal.h"

#define FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED
#define RECEIVING BDFS__REPLICA_STATE__REPLICA_RECEIVING
#define RECOVERING BDFS__REPLICA_STATE__REPLICA_RECOVERING
#define URGE_AFTER_MS 1000 /* copies of what too few sealed are made then */

/* ---- nodes ----------------------------------------------------------------------------------- */

size_t blocks_nodes(struct blocks *b, struct node_info *ret, size_t room)
{
        int64_t now_ms = b->clock_ms();
        size_t n = 0;
        AUTO_LOCK(&b->lock);

        for (const struct node *i = nodes_next(&b->nodes, 0); i != NULL && n < room;
             i = nodes_next(&b->nodes, i->info.number))
                node_snapshot(i, now_ms, &ret[n++]);
        return n;
}

bool blocks_node(struct blocks *b, uint32_t number, struct node_info *ret)
{
        const struct node *n;
        AUTO_LOCK(&b->lock);

        n = nodes_get(&b->nodes, number);
        if (n != NULL)
                node_snapshot(n, b->clock_ms(), ret);
        return n != NULL;
}

uint32_t blocks_nodes_known(struct blocks *b)
{
        uint32_t known = 0;
        AUTO_LOCK(&b->lock);

        for (const struct node *n = nodes_next(&b->nodes, 0); n != NULL;
             n = nodes_next(&b->nodes, n->info.number))
                known++;
        return known;
}

bool blocks_node_of(struct blocks *b, const char *uuid, uint32_t *ret)
{
        const struct node *n;
        AUTO_LOCK(&b->lock);

        n = nodes_find(&b->nodes, uuid);
        if (n != NULL)
                *ret = n->info.number;
        return n != NULL;
}

/* ---- copies of a block ----------------------------------------------------------------------- */

struct located {
        struct replica_info info;
        unsigned distance;   /* 0 the same node, 1 the same rack, 2 elsewhere; 4 more when stale */
        unsigned load;       /* transfers / TRANSFERS_AS_ONE */
        uint64_t tie;
        bool doomed;
};

/* A few transfers more or less are no reason to leave a replica that is in a page cache. */
#define TRANSFERS_AS_ONE 4

static bool is_for_readers(const struct replica *r, uint64_t stamp, bool alive)
{
        return alive && r->stamp >= stamp &&
               (r->state == FINALIZED || r->state == RECEIVING || r->state == RECOVERING);
}

static int by_nearness(const void *a, const void *b)
{
        const struct located *x = a, *y = b;

        if (x->distance != y->distance)
                return x->distance < y->distance ? -1 : 1;
        if (x->load != y->load)
                return x->load < y->load ? -1 : 1;
        return x->tie < y->tie ? -1 : x->tie > y->tie;
}

/* Equal replicas have an order of their own for each block and reader: readers spread over the
 * nodes, and one that comes back finds the replica whose pages are in memory already. */
static uint64_t seed_of(uint64_t block, const char *host)
{
        struct placement_random mixed = {block};

        for (; *host != '\0'; host++)
                mixed.state = placement_random(&mixed) ^ (unsigned char)*host;
        return placement_random(&mixed);
}

static void locate(struct blocks *b, const struct replica *r, uint32_t host, uint32_t rack,
                   uint64_t seed, struct located *ret)
{
        struct placement_random mixed = {seed ^ r->node};
        const struct node *n = nodes_get(&b->nodes, r->node);

        *ret = (struct located){.info = {.node = r->node,
                                         .stamp = r->stamp,
                                         .length = r->length,
                                         .state = r->state},
                                .distance = 2};
        if (n == NULL)
                return;
        ret->info.alive = n->state == NODE_ALIVE;
        if (host != UINT32_MAX && n->host == host)
                ret->distance = 0;
        else if (rack != UINT32_MAX && n->rack == rack)
                ret->distance = 1;
        if (node_is_stale(n, b->clock_ms()))
                ret->distance += 4;
        ret->load = n->info.transfers / TRANSFERS_AS_ONE;
        ret->tie = placement_random(&mixed);
}

/* Readers are sent to what is to be removed only when there is nothing else. */
static size_t without_doomed(struct located *j, size_t n)
{
        size_t kept = 0;

        for (size_t i = 0; i < n; i++)
                if (!j[i].doomed)
                        j[kept++] = j[i];
        return kept;
}

static size_t sort_out(struct blocks *b, const struct replica *rows, size_t n, uint64_t seed,
                       uint64_t stamp, bool every, const char *host, struct located *ret)
{
        uint32_t rack, host_number;
        size_t found = 0, doomed = 0;
        AUTO_LOCK(&b->lock);

        host_number = nodes_host(&b->nodes, host, &rack);
        for (size_t i = 0; i < n; i++) {
                locate(b, &rows[i], host_number, rack, seed, &ret[found]);
                if (!every && !is_for_readers(&rows[i], stamp, ret[found].info.alive))
                        continue;
                ret[found].doomed = rows[i].doomed;
                doomed += rows[i].doomed ? 1 : 0;
                found++;
        }
        return every || doomed == found ? found : without_doomed(ret, found);
}

static enum bdfs_status rows_of(struct blocks *b, uint64_t block, struct replica *ret,
                                size_t *ret_n)
{
        struct replicas_txn t;
        struct bdfs_err err;
        enum bdfs_status rc = blocks_env_begin(b->env, &t, &err);

        *ret_n = 0;
        if (rc == BDFS_OK) {
                rc = replicas_of(&t, block, 0, ret, REPLICAS_OF_BLOCK_MAX, ret_n, &err);
                blocks_env_end(b->env, &t);
        }
        return blocks_failed(b, rc);
}

size_t blocks_replicas(struct blocks *b, uint64_t block, uint64_t stamp, bool every,
                       const char *host, struct replica_info *ret, size_t room)
{
        struct replica *rows = malloc(REPLICAS_OF_BLOCK_MAX * sizeof(*rows));
        struct located *found = malloc(REPLICAS_OF_BLOCK_MAX * sizeof(*found));
        size_t n = 0;

        if (rows != NULL && found != NULL && rows_of(b, block, rows, &n) == BDFS_OK) {
                n = sort_out(b, rows, n, seed_of(block, host), stamp, every, host, found);
                qsort(found, n, sizeof(*found), by_nearness);
                if (n > room)
                        n = room;
                for (size_t i = 0; i < n; i++)
                        ret[i] = found[i].info;
        } else {
                n = 0;
        }
        free(rows);
        free(found);
        return n;
}

/* ---- placement ------------------------------------------------------------------------------- */

static bool is_in(const uint32_t *list, size_t n, uint32_t number)
{
        for (size_t i = 0; i < n; i++)
                if (list[i] == number)
                        return true;
        return false;
}

static size_t candidates(struct blocks *b, const struct place_request *q,
                         struct placement_node *ret)
{
        int64_t now_ms = b->clock_ms();
        size_t n = 0;

        for (const struct node *i = nodes_next(&b->nodes, 0); i != NULL;
             i = nodes_next(&b->nodes, i->info.number)) {
                if (i->state != NODE_ALIVE)
                        continue;
                ret[n++] = (struct placement_node){
                        .number = i->info.number,
                        .host = i->host,
                        .rack = i->rack,
                        .room = node_room(i),
                        .stale = node_is_stale(i, now_ms),
                        .excluded = is_in(q->exclude, q->exclude_n, i->info.number)};
        }
        return n;
}

static size_t place(struct blocks *b, const struct place_request *q, struct placement_node *nodes,
                    struct placement_pick *picks)
{
        uint32_t rack;
        struct placement_want want = {.wanted = q->wanted,
                                      .writer_host = nodes_host(&b->nodes, q->writer_host, &rack),
                                      .bytes = q->bytes,
                                      .have = q->have,
                                      .have_n = q->have_n};
        size_t n = placement_choose(nodes, candidates(b, q, nodes), &want, &b->random, picks);

        for (size_t i = 0; i < n && q->bytes > 0; i++) /* for a hole nothing is written */
                node_promise(nodes_get(&b->nodes, picks[i].number), q->bytes);
        return n;
}

static enum bdfs_status no_place(struct blocks *b, const struct place_request *q,
                                 struct bdfs_err *err)
{
        uint32_t others = 0; /* that could, if they had room */

        if (b->nodes.alive == 0)
                return bdfs_fail(err, BDFS_UNAVAILABLE, "no datanode is alive");
        for (const struct node *i = nodes_next(&b->nodes, 0); i != NULL;
             i = nodes_next(&b->nodes, i->info.number))
                others += i->state == NODE_ALIVE &&
                          !is_in(q->exclude, q->exclude_n, i->info.number) &&
                          !is_in(q->have, q->have_n, i->info.number);
        return bdfs_fail(err, others > 0 ? BDFS_NO_SPACE : BDFS_UNAVAILABLE,
                         "%" PRIu32 " datanode(s) are alive; none of the %" PRIu32 " that are not "
                         "excluded and do not hold the block has room for %" PRIu64 " bytes",
                         b->nodes.alive, others, q->bytes);
}

enum bdfs_status blocks_place(struct blocks *b, const struct place_request *request, uint32_t *ret,
                              size_t *ret_n, struct bdfs_err *err)
{
        struct placement_node *nodes;
        struct placement_pick *picks;
        enum bdfs_status rc = BDFS_OK;
        size_t n = 0;
        AUTO_LOCK(&b->lock);

        nodes = calloc(b->nodes.last + 1, sizeof(*nodes));
        picks = calloc(request->wanted + 1, sizeof(*picks));
        if (nodes == NULL || picks == NULL)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory to pick datanodes");
        else
                n = place(b, request, nodes, picks);
        for (size_t i = 0; i < n; i++)
                ret[i] = picks[i].number;
        free(nodes);
        free(picks);
        if (rc == BDFS_OK && n == 0)
                rc = no_place(b, request, err);
        if (rc == BDFS_NO_SPACE)
                b->space_wanted = true;
        if (rc == BDFS_OK)
                *ret_n = n;
        return rc;
}

void blocks_unplace(struct blocks *b, const uint32_t *nodes, size_t n)
{
        if (n == 0)
                return;
        AUTO_LOCK(&b->lock);

        for (size_t i = 0; i < n; i++) {
                struct node *node = nodes_get(&b->nodes, nodes[i]);

                if (node != NULL) /* it may have been forgotten meanwhile */
                        node_promise_kept(node);
        }
}

/* ---- space, and what is gone ----------------------------------------------------------------- */

bool blocks_space_short(struct blocks *b)
{
        uint64_t capacity = 0, room = 0;
        bool wanted;
        AUTO_LOCK(&b->lock);

        for (const struct node *n = nodes_next(&b->nodes, 0); n != NULL;
             n = nodes_next(&b->nodes, n->info.number)) {
                if (n->state != NODE_ALIVE)
                        continue;
                capacity += n->info.capacity;
                room += n->info.remaining;
        }
        wanted = b->space_wanted;
        b->space_wanted = false;
        return wanted || room < capacity / 1000 * SPACE_FLOOR_PERMILLE;
}

static bool everyone_has_said_all(struct blocks *b)
{
        AUTO_LOCK(&b->lock);

        for (const struct node *n = nodes_next(&b->nodes, 0); n != NULL;
             n = nodes_next(&b->nodes, n->info.number))
                if (n->state != NODE_ALIVE || !n->counted)
                        return false;
        return !safe_mode_on(&b->safe);
}

enum bdfs_status blocks_gone(struct blocks *b, uint64_t *blocks, size_t *n, struct bdfs_err *err)
{
        struct replicas_txn t;
        struct replica row;
        size_t kept = 0, rows;
        enum bdfs_status rc;

        if (!everyone_has_said_all(b)) {
                *n = 0;
                return BDFS_OK;
        }
        rc = blocks_env_begin(b->env, &t, err);
        if (rc != BDFS_OK)
                return blocks_failed(b, rc);
        for (size_t i = 0; i < *n && rc == BDFS_OK; i++) {
                rc = replicas_of(&t, blocks[i], 0, &row, 1, &rows, err);
                if (rc == BDFS_OK && rows == 0)
                        blocks[kept++] = blocks[i];
        }
        blocks_env_end(b->env, &t);
        *n = everyone_has_said_all(b) ? kept : 0; /* nobody was lost meanwhile */
        return blocks_failed(b, rc);
}

/* ---- sealed? --------------------------------------------------------------------------------- */

static uint32_t count_sealed(struct blocks *b, uint64_t block, uint64_t stamp, uint64_t length)
{
        struct replica *rows = malloc(REPLICAS_OF_BLOCK_MAX * sizeof(*rows));
        uint32_t sealed = 0;
        size_t n;

        if (rows == NULL || rows_of(b, block, rows, &n) != BDFS_OK)
                n = 0;
        os_mutex_lock(&b->lock);
        for (size_t i = 0; i < n; i++) {
                const struct node *node = nodes_get(&b->nodes, rows[i].node);

                if (node != NULL && node->state == NODE_ALIVE && rows[i].state == FINALIZED &&
                    rows[i].stamp == stamp && rows[i].length == length && !rows[i].doomed &&
                    (node->counted || rows[i].epoch == b->epoch))
                        sealed++;
        }
        os_mutex_unlock(&b->lock);
        free(rows);
        return sealed;
}

static void waiter_add(struct blocks *b, struct blocks_waiter *w)
{
        AUTO_LOCK(&b->lock);
        w->next = b->waiters;
        b->waiters = w;
}

static void waiter_remove(struct blocks *b, struct blocks_waiter *w)
{
        struct blocks_waiter **at = &b->waiters;
        AUTO_LOCK(&b->lock);

        while (*at != w)
                at = &(*at)->next;
        *at = w->next;
}

static void waiter_wait(struct blocks *b, struct blocks_waiter *w, int64_t until_ms)
{
        AUTO_LOCK(&b->lock);

        while (!w->hit && !b->stopping && os_cond_wait(&b->heard, &b->lock, until_ms))
                ;
        w->hit = false;
}

static bool is_stopping(struct blocks *b)
{
        AUTO_LOCK(&b->lock);
        return b->stopping;
}

static void urge(struct blocks *b, uint64_t block)
{
        AUTO_LOCK(&b->lock);
        blocks_check_later(b, block, true);
        os_cond_signal(&b->wake);
}

bool blocks_sealed(struct blocks *b, uint64_t block, uint64_t stamp, uint64_t length, uint32_t min,
                   int64_t deadline_ms)
{
        int64_t urge_ms = os_mono_ms() + URGE_AFTER_MS;
        struct blocks_waiter w = {.block = block};
        bool sealed;

        waiter_add(b, &w);
        while (!(sealed = count_sealed(b, block, stamp, length) >= min)) {
                int64_t now_ms = os_mono_ms();

                if (now_ms >= deadline_ms || is_stopping(b))
                        break;
                if (now_ms >= urge_ms) {
                        urge(b, block);
                        urge_ms = OS_FOREVER;
                }
                waiter_wait(b, &w, deadline_ms < urge_ms ? deadline_ms : urge_ms);
        }
        waiter_remove(b, &w);
        return sealed;
}

/* ---- numbers and reasons --------------------------------------------------------------------- */

static void tables_stats(struct blocks *b, struct blocks_stats *ret)
{
        struct replicas_txn t;
        struct bdfs_err err;

        if (blocks_failed(b, blocks_env_begin(b->env, &t, &err)) != BDFS_OK)
                return;
        ret->highest_priority = class_count(&t, REPAIR_ONE_LEFT);
        ret->low_redundancy = ret->highest_priority + class_count(&t, REPAIR_LOW);
        ret->corrupt = class_count(&t, REPAIR_CORRUPT);
        ret->missing = class_count(&t, REPAIR_MISSING);
        ret->missing_one_replica = class_count(&t, REPAIR_MISSING_ONE);
        ret->pending_deletion = doomed_count(&t);
        ret->unknown = class_count(&t, REPAIR_UNKNOWN_BLOCK);
        blocks_env_end(b->env, &t);
}

static void namespace_stats(struct blocks *b, struct blocks_stats *ret)
{
        struct store_txn *ns;
        struct bdfs_err err;

        if (blocks_begin_namespace(b, &ns, &err) != BDFS_OK)
                return;
        if (table_get_retired_bytes(ns, &ret->retired_bytes, &err) != BDFS_OK)
                ret->retired_bytes = 0; /* a number for people; what needs the tables finds out */
        store_abort(ns);
}

/* What waits to be freed is no file's: it counts as space that is there to be had. */
static void count_retired_as_free(struct blocks_stats *s)
{
        uint64_t held = s->retired_bytes < s->used ? s->retired_bytes : s->used;

        s->used -= held;
        s->remaining += held;
        if (s->remaining > s->capacity)
                s->remaining = s->capacity;
}

void blocks_stats(struct blocks *b, struct blocks_stats *ret)
{
        *ret = (struct blocks_stats){.capacity = 0};
        tables_stats(b, ret);
        namespace_stats(b, ret);
        AUTO_LOCK(&b->lock);
        for (const struct node *n = nodes_next(&b->nodes, 0); n != NULL;
             n = nodes_next(&b->nodes, n->info.number)) {
                if (n->state != NODE_ALIVE) {
                        ret->nodes_dead++;
                        continue;
                }
                ret->nodes_alive++;
                ret->capacity += n->info.capacity;
                ret->used += n->info.used;
                ret->remaining += n->info.remaining;
        }
        count_retired_as_free(ret);
}

static enum bdfs_status judge_once(struct blocks *b, uint64_t block, struct block_case *j,
                                   struct bdfs_err *err)
{
        struct store_txn *ns;
        struct replicas_txn t;
        enum bdfs_status rc = blocks_begin_namespace(b, &ns, err);

        if (rc != BDFS_OK)
                return rc;
        rc = blocks_env_begin(b->env, &t, err);
        if (rc == BDFS_OK) {
                rc = blocks_judge(b, &t, ns, block, j, err);
                blocks_env_end(b->env, &t);
        }
        store_abort(ns);
        return blocks_failed(b, rc);
}

enum block_reason blocks_reason(struct blocks *b, uint64_t block, uint32_t expected,
                                bool under_construction)
{
        enum block_reason reason = BLOCK_REASON_NONE;
        struct block_case j;
        struct bdfs_err err;

        (void)expected; /* the block's row says it too, as of now */
        if (under_construction)
                return BLOCK_REASON_UNDER_CONSTRUCTION;
        if (block_case_init(&j, &err) != BDFS_OK)
                return reason;
        if (judge_once(b, block, &j, &err) == BDFS_OK)
                reason = j.verdict.reason;
        block_case_fini(&j);
        return reason;
}

size_t blocks_bad(struct blocks *b, uint64_t after, uint64_t *ret, size_t room)
{
        struct replicas_txn t;
        struct bdfs_err err;
        enum bdfs_status rc = blocks_env_begin(b->env, &t, &err);
        size_t n = 0;

        if (rc == BDFS_OK) {
                rc = replicas_blocks(&t, REPLICAS_CLASS + REPAIR_MISSING, after, ret, room, &n,
                                     &err);
                blocks_env_end(b->env, &t);
        }
        return blocks_failed(b, rc) == BDFS_OK ? n : 0;
}
