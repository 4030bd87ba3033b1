#include "namenode/recovery.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "namenode/namenode.h"

#define FILES_AT_ONCE 256
#define REPLICAS_ROOM 64
#define ASK_AGAIN_MS 10000

/* ---- deciding ---- */

static bool is_sealed(const struct replica_info *r)
{
        return r->state == BDFS__REPLICA_STATE__REPLICA_FINALIZED;
}

static bool has_answered(const struct replica_info *r)
{
        return is_sealed(r) || r->state == BDFS__REPLICA_STATE__REPLICA_RECOVERING;
}

/* Sealed with the new stamp: the length is fixed. Others may still be on their way to it. */
static bool decide_sealed(const struct recovery_view *v, struct recovery_verdict *ret)
{
        bool pending = false;

        ret->use = 0;
        for (size_t i = 0; i < v->replicas_n; i++) {
                const struct replica_info *r = &v->replicas[i];

                if (is_sealed(r) && r->stamp == v->stamp) {
                        ret->length = r->length;
                        ret->use |= 1ULL << i;
                }
        }
        if (ret->use == 0)
                return false;
        for (size_t i = 0; i < v->replicas_n; i++) {
                const struct replica_info *r = &v->replicas[i];

                if ((ret->use & 1ULL << i) == 0 && has_answered(r) && r->length >= ret->length)
                        pending = true;
        }
        ret->action = pending && v->waited_ms < 2 * RECOVERY_WAIT_MS ? RECOVERY_WAIT
                                                                     : RECOVERY_CLOSE;
        return true;
}

/* The length on which the answers agree, and who has it. */
static void choose(const struct recovery_view *v, struct recovery_verdict *ret)
{
        uint64_t shortest = UINT64_MAX, sealed = UINT64_MAX;

        for (size_t i = 0; i < v->replicas_n; i++) {
                const struct replica_info *r = &v->replicas[i];

                if (!has_answered(r) || r->length < v->acknowledged)
                        continue;
                if (is_sealed(r) && r->length < sealed)
                        sealed = r->length;
                if (r->length < shortest)
                        shortest = r->length;
        }
        ret->length = sealed != UINT64_MAX ? sealed : shortest;
        ret->use = 0;
        for (size_t i = 0; i < v->replicas_n; i++) {
                if (has_answered(&v->replicas[i]) && v->replicas[i].length >= ret->length)
                        ret->use |= 1ULL << i;
        }
}

struct recovery_verdict recovery_decide(const struct recovery_view *v)
{
        struct recovery_verdict d = {.action = RECOVERY_WAIT};
        size_t answers = 0;

        if (decide_sealed(v, &d))
                return d;
        if (!v->asked) {
                d.action = RECOVERY_ASK;
                return d;
        }
        for (size_t i = 0; i < v->replicas_n; i++)
                answers += has_answered(&v->replicas[i]);
        if (v->replicas_n == 0 && v->acknowledged == 0 && v->offered_alive == v->offered &&
            v->waited_ms >= RECOVERY_WAIT_MS) {
                d.action = RECOVERY_DROP; /* everybody is there and nobody has it */
                return d;
        }
        if (answers == 0 || (answers < v->replicas_n && v->waited_ms < RECOVERY_WAIT_MS) ||
            (v->offered_alive < v->offered && v->waited_ms < RECOVERY_WAIT_MS)) {
                d.action = v->waited_ms >= ASK_AGAIN_MS ? RECOVERY_ASK : RECOVERY_WAIT;
                return d;
        }
        choose(v, &d);
        if (d.use == 0)
                d.action = RECOVERY_WAIT; /* all shorter than what was acknowledged: stays open */
        else if (d.length == 0)
                d.action = RECOVERY_DROP;
        else
                d.action = RECOVERY_SEAL;
        return d;
}

/* ---- doing ---- */

struct asked {
        uint64_t inode, stamp;
        int64_t at_ms;
};

struct recovery {
        struct asked files[FILES_AT_ONCE];
        size_t n;
};

struct recovery *recovery_new(void)
{
        return calloc(1, sizeof(struct recovery));
}

void recovery_free(struct recovery *r)
{
        free(r);
}

static struct asked *find(struct recovery *r, uint64_t inode, uint64_t stamp)
{
        for (size_t i = 0; i < r->n; i++) {
                if (r->files[i].inode == inode && r->files[i].stamp == stamp)
                        return &r->files[i];
        }
        return NULL;
}

static void forget(struct recovery *r, uint64_t inode)
{
        for (size_t i = 0; i < r->n; i++) {
                if (r->files[i].inode == inode)
                        r->files[i--] = r->files[--r->n];
        }
}

static void ask(struct recovery *r, struct namenode *nn, const struct ns_writer *w, int64_t now)
{
        forget(r, w->inode);
        if (r->n == FILES_AT_ONCE)
                return; /* its turn comes when another is done */
        r->files[r->n++] = (struct asked){w->inode, w->last.stamp, now};
        blocks_stop_writers(nn->blocks, w->last.id, w->last.stamp, w->last.nodes, w->last.nodes_n);
}

static void seal(struct namenode *nn, const struct ns_writer *w, const struct recovery_view *v,
                 const struct recovery_verdict *d)
{
        for (size_t i = 0; i < v->replicas_n; i++) {
                if ((d->use & 1ULL << i) != 0)
                        blocks_seal(nn->blocks, w->last.id, v->replicas[i].stamp, w->last.stamp,
                                    d->length, &v->replicas[i].node, 1);
        }
}

static void close_file(struct recovery *r, struct namenode *nn, const struct ns_writer *w,
                       bool with_block, uint64_t length)
{
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
        Bdfs__CloseExpiredOp op = BDFS__CLOSE_EXPIRED_OP__INIT;
        Bdfs__RecordBlock last = BDFS__RECORD_BLOCK__INIT;
        struct bdfs_err err;

        last.id = w->last.id;
        last.stamp = w->last.stamp;
        last.length = length;
        op.inode = w->inode;
        op.last = with_block ? &last : NULL;
        record.op_case = BDFS__JOURNAL_RECORD__OP_CLOSE_EXPIRED;
        record.close_expired = &op;
        if (commit_wait(nn->commit, &record, NULL, &err) != BDFS_OK) {
                log_warn("file with an expired lease cannot be closed inode=%llu: %s",
                         (unsigned long long)w->inode, err.text);
                return;
        }
        forget(r, w->inode);
        log_info("file with an expired lease closed inode=%llu block=%llu bytes=%llu",
                 (unsigned long long)w->inode, (unsigned long long)(with_block ? w->last.id : 0),
                 (unsigned long long)length);
        if (with_block)
                blocks_check(nn->blocks, &w->last.id, 1);
}

static size_t live_replicas(struct namenode *nn, uint64_t block, struct replica_info *ret)
{
        size_t n = blocks_replicas(nn->blocks, block, 0, true, "", ret, REPLICAS_ROOM);
        size_t kept = 0;

        for (size_t i = 0; i < n; i++) {
                if (ret[i].alive && ret[i].state != BDFS__REPLICA_STATE__REPLICA_CORRUPT)
                        ret[kept++] = ret[i];
        }
        return kept;
}

void recovery_step(struct recovery *r, struct namenode *nn, const struct ns_writer *w,
                   int64_t now_ms)
{
        struct replica_info replicas[REPLICAS_ROOM];
        struct recovery_view v = {.stamp = w->last.stamp, .acknowledged = w->last.length,
                                  .offered = w->last.nodes_n, .replicas = replicas};
        struct asked *asked = find(r, w->inode, w->last.stamp);
        struct recovery_verdict d;
        struct node_info *node;

        if (!w->has_last) {
                close_file(r, nn, w, false, 0);
                return;
        }
        node = malloc(sizeof(*node));
        if (node == NULL)
                return; /* the next tick tries again */
        for (uint32_t i = 0; i < w->last.nodes_n; i++)
                v.offered_alive += blocks_node(nn->blocks, w->last.nodes[i], node) && node->alive;
        free(node);
        v.replicas_n = live_replicas(nn, w->last.id, replicas);
        v.asked = asked != NULL;
        v.waited_ms = asked == NULL ? 0 : now_ms - asked->at_ms;
        d = recovery_decide(&v);
        switch (d.action) {
        case RECOVERY_ASK: ask(r, nn, w, now_ms); break;
        case RECOVERY_WAIT: break;
        case RECOVERY_SEAL: seal(nn, w, &v, &d); break;
        case RECOVERY_CLOSE: close_file(r, nn, w, true, d.length); break;
        case RECOVERY_DROP: close_file(r, nn, w, false, 0); break;
        }
}
