/*
 * Heartbeats: a node is alive, and takes home what it is to do.
 *
 * Copies, stops, seals and verifications wait in memory (nodes.h). Deletions are rows of the second
 * environment: they may be many, and are told again until the node reports them done.
 * A replica whose node was told counts for nothing but readers until the node says, behind the
 * order, that it is still there, or was started again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "namenode/blocks/blocks_internal.h"

#define DELETES_LOOKED_AT 2000 /* rows in one heartbeat, told again lately or not */

/* ---- deletions ------------------------------------------------------------------------------- */

struct deletions {
        struct blocks *b;
        uint32_t node;
        uint64_t log;            /* of the node's run of now */
        uint64_t after;          /* in: where the last heartbeat stopped; out: where this one did */
        int64_t now_ms;
        uint64_t *found;         /* rows due */
        size_t found_n;
        Bdfs__DeleteCommand *ret;
        size_t ret_n;
};

/* The rows that were not told, or not lately, in the order of blocks from `after` on. */
static enum bdfs_status find_due(struct replicas_txn *t, struct deletions *d, struct bdfs_err *err)
{
        uint64_t looked[DELETES_LOOKED_AT];
        enum bdfs_status rc;
        size_t n;

        rc = replicas_of_node(t, REPLICAS_DOOMED, d->node, d->after, looked, DELETES_LOOKED_AT, &n,
                              err);
        if (rc != BDFS_OK)
                return rc;
        for (size_t i = 0; i < n && d->found_n < BLOCKS_DELETES_MAX; i++) {
                int64_t sent_ms;

                rc = doomed_sent(t, d->node, looked[i], &sent_ms, err);
                if (rc != BDFS_OK)
                        return rc;
                d->after = looked[i];
                if (sent_ms == 0 || d->now_ms - sent_ms >= BLOCKS_RESEND_MS)
                        d->found[d->found_n++] = looked[i];
        }
        if (n < DELETES_LOOKED_AT && d->found_n < BLOCKS_DELETES_MAX)
                d->after = 0; /* that was the end: next time from the first */
        return BDFS_OK;
}

/* What was decided a while ago may be wrong by now: a holder died, or lost its copy. So each time
 * before a node is told, be it again, the block is looked at as it is now (B6). */
static bool may_go(const struct block_case *j, uint32_t node)
{
        for (size_t i = 0; i < j->rows_n; i++)
                if (j->copies[i].node == node)
                        return repair_may_go(&j->block, j->copies, j->copies_n, &j->world, i);
        return false;
}

static enum bdfs_status tell(struct deletions *d, struct replicas_txn *t, struct store_txn *ns,
                             uint64_t block, struct block_case *j, struct bdfs_err *err)
{
        struct replica row;
        enum bdfs_status rc = replica_get(t, block, d->node, &row, err);

        if (rc == BDFS_NOT_FOUND || (rc == BDFS_OK && !row.doomed))
                return BDFS_OK; /* it went meanwhile, or stays */
        if (rc == BDFS_OK)
                rc = blocks_judge(d->b, t, ns, block, j, err);
        if (rc == BDFS_OK && !may_go(j, d->node))
                return blocks_spare(d->b, t, &row, err);
        if (rc == BDFS_OK)
                rc = replica_told(t, &row, d->log, err);
        if (rc != BDFS_OK)
                return rc;
        d->ret[d->ret_n] = (Bdfs__DeleteCommand)BDFS__DELETE_COMMAND__INIT;
        d->ret[d->ret_n].block = block;
        d->ret[d->ret_n].has_freed = 1;
        d->ret[d->ret_n].freed = j->block.kind == REPAIR_FREED;
        d->ret[d->ret_n++].stamp = row.stamp;
        return doomed_set_sent(t, d->node, block, d->now_ms, err);
}

static enum bdfs_status tell_work(struct replicas_txn *t, void *arg, struct bdfs_err *err)
{
        struct deletions *d = arg;
        struct store_txn *ns = NULL;
        struct block_case j;
        enum bdfs_status rc = block_case_init(&j, err);

        if (rc != BDFS_OK)
                return rc;
        d->ret_n = 0;
        rc = blocks_begin_namespace(d->b, &ns, err);
        for (size_t i = 0; rc == BDFS_OK && i < d->found_n; i++)
                rc = tell(d, t, ns, d->found[i], &j, err);
        store_abort(ns);
        block_case_fini(&j);
        return rc;
}

/* Room for pointers and messages in one piece each; protobuf frees pieces, so each its own. */
static bool add_deletes(Bdfs__HeartbeatResponse *r, const struct deletions *d)
{
        r->deletes = calloc(d->ret_n, sizeof(*r->deletes));
        if (r->deletes == NULL)
                return false;
        for (size_t i = 0; i < d->ret_n; i++) {
                r->deletes[i] = malloc(sizeof(*r->deletes[i]));
                if (r->deletes[i] == NULL)
                        return false;
                *r->deletes[i] = d->ret[i];
                r->n_deletes++;
        }
        return true;
}

static enum bdfs_status deletions_run(struct deletions *d, Bdfs__HeartbeatResponse *r,
                                      struct bdfs_err *err)
{
        struct blocks_env_work work = {.work = tell_work, .arg = d};
        struct replicas_txn t;
        enum bdfs_status rc = blocks_env_begin(d->b->env, &t, err);

        if (rc != BDFS_OK)
                return rc;
        rc = find_due(&t, d, err);
        blocks_env_end(d->b->env, &t);
        if (rc == BDFS_OK && d->found_n > 0)
                rc = blocks_env_write(d->b->env, &work, err);
        if (rc == BDFS_OK && d->ret_n > 0 && !add_deletes(r, d))
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory for deletions");
        return rc;
}

static enum bdfs_status give_deletes(struct blocks *b, uint32_t number, uint64_t log,
                                     uint64_t *after, Bdfs__HeartbeatResponse *r,
                                     struct bdfs_err *err)
{
        struct deletions d = {.b = b, .node = number, .log = log, .after = *after,
                              .now_ms = b->clock_ms()};
        enum bdfs_status rc;

        d.found = calloc(BLOCKS_DELETES_MAX, sizeof(*d.found));
        d.ret = calloc(BLOCKS_DELETES_MAX, sizeof(*d.ret));
        if (d.found == NULL || d.ret == NULL)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory for deletions");
        else
                rc = deletions_run(&d, r, err);
        *after = d.after;
        free(d.found);
        free(d.ret);
        return blocks_failed(b, rc);
}

/* ---- commands that wait in memory ------------------------------------------------------------ */

static bool room_for_commands(Bdfs__HeartbeatResponse *r)
{
        r->copies = calloc(NODE_COMMANDS_SENT_MAX, sizeof(*r->copies));
        r->stops = calloc(NODE_COMMANDS_SENT_MAX, sizeof(*r->stops));
        r->seals = calloc(NODE_COMMANDS_SENT_MAX, sizeof(*r->seals));
        r->verifies = calloc(NODE_COMMANDS_SENT_MAX, sizeof(*r->verifies));
        return r->copies != NULL && r->stops != NULL && r->seals != NULL && r->verifies != NULL;
}

#define ADD(list, type, init, ...)                                        \
        do {                                                              \
                type *m_ = malloc(sizeof(*m_));                           \
                if (m_ == NULL)                                           \
                        break;                                            \
                *m_ = (type)init;                                         \
                __VA_ARGS__                                               \
                r->list[r->n_##list++] = m_;                              \
        } while (0)

static void add_command(Bdfs__HeartbeatResponse *r, struct node_command *c)
{
        switch (c->kind) {
        case NODE_COPY:
                r->copies[r->n_copies++] = c->copy;
                c->copy = NULL;
                break;
        case NODE_STOP:
                ADD(stops, Bdfs__StopCommand, BDFS__STOP_COMMAND__INIT,
                    m_->block = c->block; m_->stamp = c->stamp;);
                break;
        case NODE_SEAL:
                ADD(seals, Bdfs__SealCommand, BDFS__SEAL_COMMAND__INIT,
                    m_->block = c->block; m_->stamp = c->stamp; m_->new_stamp = c->new_stamp;
                    m_->length = c->length;);
                break;
        case NODE_VERIFY:
                ADD(verifies, Bdfs__VerifyCommand, BDFS__VERIFY_COMMAND__INIT,
                    m_->block = c->block; m_->stamp = c->stamp;);
                break;
        }
}
#undef ADD

static bool give_commands(struct node *n, Bdfs__HeartbeatResponse *r)
{
        if (n->first == NULL)
                return true;
        if (!room_for_commands(r))
                return false;
        for (size_t i = 0; i < NODE_COMMANDS_SENT_MAX; i++) {
                struct node_command *c = node_command_take(n);

                if (c == NULL)
                        break;
                add_command(r, c);
                node_command_free(c);
        }
        return true;
}

/* ---- the heartbeat --------------------------------------------------------------------------- */

static void note(struct blocks *b, struct node *n, const Bdfs__HeartbeatRequest *q)
{
        n->info.last_heartbeat_mono_ms = b->clock_ms();
        n->info.last_heartbeat_wall_ms = os_wall_ms();
        n->info.transfers = q->transfers;
        node_set_storages(n, q->storages, q->n_storages);
}

/* Both sides stand at the same change: their digests must be equal. */
static void compare(struct blocks *b, struct node *n, const Bdfs__HeartbeatRequest *q,
                    Bdfs__HeartbeatResponse *r)
{
        int64_t now_ms = b->clock_ms();
        struct replica_digest theirs;

        if (q->log_next != n->log.next || n->log.full ||
            !replica_digest_decode(q->digest.data, q->digest.len, &theirs))
                return;
        if (replica_digest_equal(&theirs, &n->log.digest) && q->replicas == n->log.replicas) {
                if (!n->counted) {
                        b->count_now = true;
                        os_cond_signal(&b->wake);
                }
                n->counted = true;
                n->checking = false;
                return;
        }
        n->counted = false;
        if (now_ms - n->full_asked_ms < BLOCKS_FULL_AGAIN_MS)
                return;
        n->full_asked_ms = now_ms;
        r->has_full_report = 1;
        r->full_report = 1;
        log_warn("datanode %" PRIu32 " has other replicas than it reported: all are asked for",
                 n->info.number);
}

static enum bdfs_status heartbeat(struct blocks *b, const Bdfs__HeartbeatRequest *q,
                                  Bdfs__HeartbeatResponse *r, struct bdfs_err *err)
{
        uint64_t after, log;
        struct node *n;
        bool given, quiet;
        enum bdfs_status rc;

        os_mutex_lock(&b->lock);
        n = nodes_get(&b->nodes, q->number);
        if (n == NULL || q->epoch != b->epoch || n->state != NODE_ALIVE) {
                os_mutex_unlock(&b->lock);
                r->has_register_ = 1;
                r->register_ = 1;
                return BDFS_OK;
        }
        note(b, n, q);
        compare(b, n, q, r);
        r->has_log_durable = 1;
        r->log_durable = n->log.next;
        given = give_commands(n, r);
        after = n->doomed_after;
        log = n->log.id;
        quiet = safe_mode_on(&b->safe);
        os_mutex_unlock(&b->lock);
        if (!given)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for commands");
        if (quiet)
                return BDFS_OK;
        rc = give_deletes(b, q->number, log, &after, r, err);
        if (rc != BDFS_OK) /* the commands that were taken must still go out */
                log_warn("no deletions for datanode %" PRIu32 ": %s", q->number, err->text);
        os_mutex_lock(&b->lock);
        n->doomed_after = after;
        os_mutex_unlock(&b->lock);
        return BDFS_OK;
}

enum bdfs_status blocks_heartbeat(struct blocks *b, const Bdfs__HeartbeatRequest *request,
                                  Bdfs__HeartbeatResponse **ret, struct bdfs_err *err)
{
        Bdfs__HeartbeatResponse *r = malloc(sizeof(*r));
        enum bdfs_status rc;

        if (r == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a heartbeat");
        bdfs__heartbeat_response__init(r);
        rc = heartbeat(b, request, r, err);
        if (rc == BDFS_OK)
                *ret = r;
        else
                blocks_heartbeat_free(r);
        return rc;
}

void blocks_heartbeat_free(Bdfs__HeartbeatResponse *r)
{
        if (r != NULL)
                bdfs__heartbeat_response__free_unpacked(r, NULL);
}
