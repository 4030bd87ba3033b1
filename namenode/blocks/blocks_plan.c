/*
 * Copies to be made: the classes ONE_LEFT, LOW and RACK are gone through in that order, each from
 * where the last round stopped, as long as nodes can send. A block is looked at again before
 * anything is decided; the command waits for the source's next heartbeat.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "namenode/blocks/blocks_internal.h"

#define SCAN_MAX 500        /* blocks of one class in one round */
#define TARGETS_MAX 3       /* in one command */

struct plan {
        struct blocks *b;
        struct replicas_txn t;
        struct store_txn *ns;
        struct block_case judged;
        int64_t now_ms;
        struct blocks_check again[SCAN_MAX]; /* no longer in the class that lists them */
        size_t again_n;
};

/* ---- who sends to whom ----------------------------------------------------------------------- */

static bool failed_lately(const struct blocks *b, uint64_t block, uint32_t target)
{
        for (const struct pending_copy *p = pending_of(&b->pending, block, NULL); p != NULL;
             p = pending_of(&b->pending, block, p))
                if (p->failed && p->target == target)
                        return true;
        return false;
}

static const struct repair_copy *copy_on(const struct block_case *j, uint32_t node)
{
        for (size_t i = 0; i < j->copies_n; i++)
                if (j->copies[i].node == node)
                        return &j->copies[i];
        return NULL;
}

/* Nodes that may take a copy; holders are in the list too, because their racks count. */
static size_t takers(const struct plan *p, bool also_failed, struct placement_node *ret)
{
        const struct blocks *b = p->b;
        uint64_t length = p->judged.block.length;
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
                        .stale = node_is_stale(i, p->now_ms),
                        .excluded = copy_on(&p->judged, i->info.number) != NULL || !i->counted ||
                                    !repair_has_slot(i->takes, i->take_bytes, REPAIR_TAKES,
                                                     length) ||
                                    (!also_failed &&
                                     failed_lately(b, p->judged.id, i->info.number))};
        }
        return n;
}

/* Holders whose copies count, for racks. */
static size_t holders(const struct block_case *j, uint32_t *ret)
{
        size_t n = 0;

        for (size_t i = 0; i < j->copies_n; i++) {
                const struct repair_copy *c = &j->copies[i];

                if (c->arriving || (repair_whole(&j->block, c) && (c->counted || c->expected)))
                        ret[n++] = c->node;
        }
        return n;
}

static bool in_new_rack(const struct plan *p, const uint32_t *have, size_t have_n, uint32_t number)
{
        const struct node *n = nodes_get(&p->b->nodes, number);

        for (size_t i = 0; i < have_n; i++) {
                const struct node *h = nodes_get(&p->b->nodes, have[i]);

                if (h != NULL && h->rack == n->rack)
                        return false;
        }
        return true;
}

static size_t choose(struct plan *p, struct placement_node *nodes, const uint32_t *have,
                     size_t have_n, struct placement_pick *ret)
{
        struct placement_want want = {.wanted = p->judged.verdict.copies,
                                      .writer_host = PLACEMENT_NO_HOST,
                                      .bytes = p->judged.block.length,
                                      .have = have,
                                      .have_n = have_n};
        size_t n;

        if (want.wanted > TARGETS_MAX)
                want.wanted = TARGETS_MAX;
        n = placement_choose(nodes, takers(p, false, nodes), &want, &p->b->random, ret);
        if (n == 0)
                n = placement_choose(nodes, takers(p, true, nodes), &want, &p->b->random, ret);
        /* One copy more than wanted is made only for the sake of another rack. */
        if (n > 0 && (p->judged.verdict.classes & 1u << REPAIR_RACK) != 0 &&
            !in_new_rack(p, have, have_n, ret[0].number))
                n = 0;
        return n;
}

static size_t choose_targets(struct plan *p, struct placement_pick *ret)
{
        struct placement_node *nodes = calloc(p->b->nodes.last + 1, sizeof(*nodes));
        uint32_t *have = calloc(p->judged.copies_n + 1, sizeof(*have));
        size_t n = 0;

        if (nodes != NULL && have != NULL)
                n = choose(p, nodes, have, holders(&p->judged, have), ret);
        free(nodes);
        free(have);
        return n;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool give_bytes(struct buf *from, ProtobufCBinaryData *to)
{
        if (from->bad)
                return false;
        to->data = from->data;
        to->len = from->n;
        from->data = NULL;
        from->n = from->room = 0;
        return true;
}

static bool add_token(const struct blocks *b, const struct block_case *j,
                      const struct token_node *nodes, size_t n, Bdfs__CopyCommand *c)
{
        struct token t = {.rights = TOKEN_READ | TOKEN_WRITE | TOKEN_COPY,
                          .block = j->id,
                          .length = j->block.length,
                          .stamp_floor = j->block.stamp,
                          .expiry_wall_ms = (uint64_t)(os_wall_ms() + TOKEN_MS)};
        struct buf identifier, password;
        struct bdfs_err err;
        bool ok;

        memcpy(t.user, b->user, sizeof(t.user));
        memcpy(t.cluster, b->config.cluster, sizeof(t.cluster));
        buf_init(&identifier, 0);
        buf_init(&password, 0);
        ok = token_make(&t, nodes, n, &identifier, &password, &err) == BDFS_OK &&
             give_bytes(&identifier, &c->token_identifier) &&
             give_bytes(&password, &c->token_password);
        buf_fini(&identifier);
        buf_fini(&password);
        return ok;
}

static bool add_target(const struct node *n, Bdfs__CopyCommand *c)
{
        Bdfs__CopyTarget *t = malloc(sizeof(*t));

        if (t == NULL)
                return false;
        bdfs__copy_target__init(t);
        c->targets[c->n_targets++] = t;
        t->number = n->info.number;
        t->own_port = n->info.own_port;
        t->ip = strdup(n->info.ip);
        t->uuid = strdup(n->info.uuid);
        return t->ip != NULL && t->uuid != NULL;
}

static void token_node_of(const struct node *n, struct token_node *ret)
{
        ret->number = n->info.number;
        memcpy(ret->key, n->info.key, sizeof(ret->key));
}

static Bdfs__CopyCommand *copy_command(const struct plan *p, const struct node *source,
                                       const struct placement_pick *targets, size_t n)
{
        Bdfs__CopyCommand *c = malloc(sizeof(*c));
        struct token_node nodes[1 + TARGETS_MAX];
        bool ok = true;

        if (c == NULL)
                return NULL;
        bdfs__copy_command__init(c);
        c->block = p->judged.id;
        c->stamp = p->judged.block.stamp;
        c->length = p->judged.block.length;
        c->targets = calloc(n, sizeof(*c->targets));
        token_node_of(source, &nodes[0]);
        for (size_t i = 0; c->targets != NULL && i < n; i++) {
                const struct node *t = nodes_get(&p->b->nodes, targets[i].number);

                token_node_of(t, &nodes[1 + i]);
                ok = ok && add_target(t, c);
        }
        if (ok && c->targets != NULL && add_token(p->b, &p->judged, nodes, 1 + n, c))
                return c;
        bdfs__copy_command__free_unpacked(c, NULL);
        return NULL;
}

static void book(struct plan *p, struct node *source, const struct placement_pick *targets,
                 size_t n)
{
        uint64_t length = p->judged.block.length;

        for (size_t i = 0; i < n; i++) {
                struct node *t = nodes_get(&p->b->nodes, targets[i].number);

                if (!pending_add(&p->b->pending, p->judged.id, length, source->info.number,
                                 t->info.number, p->now_ms))
                        continue; /* it is made all the same, and found when it is reported */
                source->sends++;
                source->send_bytes += length;
                t->takes++;
                t->take_bytes += length;
                node_promise(t, length);
                log_info("copy is to be made block=%" PRIu64 " source=%" PRIu32
                         " target=%" PRIu32 " why=\"%s\" where=\"%s\"", p->judged.id,
                         source->info.number, t->info.number,
                         block_reason_text(p->judged.verdict.reason),
                         placement_reason_text(targets[i].reason));
        }
}

/* With the lock held. False: no node can send. */
static bool order_copies(struct plan *p)
{
        size_t from = repair_source(&p->judged.block, p->judged.copies, p->judged.copies_n), n;
        struct placement_pick targets[TARGETS_MAX];
        struct node_command *c;
        struct node *source;

        if (from == SIZE_MAX)
                return false;
        source = nodes_get(&p->b->nodes, p->judged.copies[from].node);
        n = choose_targets(p, targets);
        if (n == 0) {
                p->b->space_wanted |= p->judged.verdict.reason == BLOCK_REASON_NO_SPACE;
                return true;
        }
        c = calloc(1, sizeof(*c));
        if (c == NULL)
                return false;
        c->kind = NODE_COPY;
        c->block = p->judged.id;
        c->copy = copy_command(p, source, targets, n);
        if (c->copy == NULL) {
                node_command_free(c);
                return false;
        }
        if (!node_command_add(source, c))
                return false;
        book(p, source, targets, n);
        return true;
}

/* ---- going through a class ------------------------------------------------------------------- */

static enum bdfs_status plan_block(struct plan *p, enum repair_class class, uint64_t block,
                                   bool *ret_sent, struct bdfs_err *err)
{
        enum bdfs_status rc;
        int64_t since_ms;

        *ret_sent = true;
        rc = class_since(&p->t, class, block, &since_ms, err);
        if (rc != BDFS_OK || p->now_ms - since_ms < BLOCKS_DELAY_MS)
                return rc;
        rc = blocks_judge(p->b, &p->t, p->ns, block, &p->judged, err);
        if (rc != BDFS_OK)
                return rc;
        if ((p->judged.verdict.classes & 1u << class) == 0) {
                p->again[p->again_n++] = (struct blocks_check){.block = block};
                return BDFS_OK;
        }
        if (p->judged.verdict.copies == 0)
                return BDFS_OK;
        AUTO_LOCK(&p->b->lock);
        *ret_sent = order_copies(p);
        return BDFS_OK;
}

static bool nodes_can_send(struct blocks *b)
{
        AUTO_LOCK(&b->lock);

        if (safe_mode_on(&b->safe) || b->nodes.alive < 2)
                return false;
        for (const struct node *n = nodes_next(&b->nodes, 0); n != NULL;
             n = nodes_next(&b->nodes, n->info.number))
                if (n->state == NODE_ALIVE && n->counted &&
                    repair_has_slot(n->sends, n->send_bytes, REPAIR_SENDS, 0))
                        return true;
        return false;
}

static enum bdfs_status plan_class(struct plan *p, enum repair_class class, struct bdfs_err *err)
{
        uint64_t blocks[SCAN_MAX], *after = &p->b->planned_after[class];
        enum bdfs_status rc;
        size_t n;

        rc = replicas_blocks(&p->t, REPLICAS_CLASS + class, *after, blocks, SCAN_MAX, &n, err);
        p->again_n = 0;
        for (size_t i = 0; rc == BDFS_OK && i < n; i++) {
                bool sent;

                rc = plan_block(p, class, blocks[i], &sent, err);
                if (!sent && !nodes_can_send(p->b))
                        return rc; /* next time from this one on */
                *after = blocks[i];
        }
        if (rc == BDFS_OK && n < SCAN_MAX)
                *after = 0;
        return rc;
}

static enum bdfs_status plan_with(struct plan *p, enum repair_class class, struct bdfs_err *err)
{
        enum bdfs_status rc = blocks_begin_namespace(p->b, &p->ns, err);

        if (rc != BDFS_OK)
                return rc;
        rc = blocks_env_begin(p->b->env, &p->t, err);
        if (rc == BDFS_OK) {
                rc = class_count(&p->t, class) == 0 ? BDFS_OK : plan_class(p, class, err);
                blocks_env_end(p->b->env, &p->t);
        }
        store_abort(p->ns);
        return blocks_failed(p->b, rc);
}

enum bdfs_status blocks_plan(struct blocks *b, int64_t now_ms, struct bdfs_err *err)
{
        struct plan *p = calloc(1, sizeof(*p));
        enum bdfs_status rc;

        if (p == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory to plan copies");
        p->b = b;
        p->now_ms = now_ms;
        rc = block_case_init(&p->judged, err);
        for (enum repair_class c = 0; rc == BDFS_OK && c < REPAIR_COPY_CLASSES; c++) {
                if (!nodes_can_send(b))
                        break;
                rc = plan_with(p, c, err);
                if (rc == BDFS_OK)
                        rc = blocks_judge_all(b, p->again, p->again_n, err);
                p->again_n = 0;
        }
        block_case_fini(&p->judged);
        free(p);
        return rc;
}
