#include "namenode/serve/recovery.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "namenode/serve/namenode_parts.h"

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

/* Can it become one of the file's copies at @length? What is sealed is never cut. */
static bool can_seal(const struct replica_info *r, uint64_t length)
{
        return is_sealed(r) ? r->length == length : has_answered(r) && r->length >= length;
}

/* The length that nodes were told: from the record, or (told by an older namenode, which kept none)
 * from what was sealed with the new stamp. */
static bool told_length(const struct recovery_view *v, uint64_t *ret)
{
        bool found = v->decided;

        *ret = v->decided ? v->decided_length : 0;
        for (size_t i = 0; !v->decided && i < v->replicas_n; i++) {
                const struct replica_info *r = &v->replicas[i];

                if (!is_sealed(r) || r->stamp != v->stamp)
                        continue;
                if (!found || r->length > *ret)
                        *ret = r->length;
                found = true;
        }
        return found;
}

/*
 * What was told stands: whoever can seals at that length, whoever answers late changes nothing.
 * Only when nobody is left who can, and a sealed replica is there that is longer, all begins anew
 * under another stamp: nothing that was acknowledged is in the shorter ones alone, and the file
 * would stay open for ever.
 */
static void decide_told(const struct recovery_view *v, uint64_t length,
                        struct recovery_verdict *ret)
{
        bool sealed = false, longer = false;

        *ret = (struct recovery_verdict){.action = RECOVERY_WAIT, .length = length};
        for (size_t i = 0; i < v->replicas_n; i++) {
                const struct replica_info *r = &v->replicas[i];

                if (is_sealed(r) && r->stamp == v->stamp && r->length == length)
                        sealed = true;
                else if (can_seal(r, length))
                        ret->use |= 1ULL << i;
                else if (is_sealed(r) && r->length > length)
                        longer = true;
        }
        if (sealed && (ret->use == 0 || v->waited_ms >= 2 * RECOVERY_WAIT_MS))
                ret->action = RECOVERY_CLOSE;
        else if (!v->asked)
                ret->action = RECOVERY_ASK;
        else if (ret->use != 0)
                ret->action = RECOVERY_SEAL;
        else if (longer && v->waited_ms >= 2 * RECOVERY_WAIT_MS)
                ret->action = RECOVERY_AGAIN;
        else if (v->waited_ms >= ASK_AGAIN_MS)
                ret->action = RECOVERY_ASK;
}

/* The length on which the answers agree, and who has it: of sealed ones the longest, since none is
 * cut; else the shortest of those that have what was acknowledged. */
static void choose(const struct recovery_view *v, struct recovery_verdict *ret)
{
        uint64_t shortest = UINT64_MAX, sealed = 0;
        bool any_sealed = false;

        for (size_t i = 0; i < v->replicas_n; i++) {
                const struct replica_info *r = &v->replicas[i];

                if (!has_answered(r) || r->length < v->acknowledged)
                        continue;
                any_sealed = any_sealed || is_sealed(r);
                if (is_sealed(r) && r->length > sealed)
                        sealed = r->length;
                if (r->length < shortest)
                        shortest = r->length;
        }
        ret->length = any_sealed ? sealed : shortest;
        ret->use = 0;
        for (size_t i = 0; i < v->replicas_n; i++) {
                if (can_seal(&v->replicas[i], ret->length))
                        ret->use |= 1ULL << i;
        }
}

struct recovery_verdict recovery_decide(const struct recovery_view *v)
{
        struct recovery_verdict d = {.action = RECOVERY_WAIT};
        size_t answers = 0;
        uint64_t told;

        if (told_length(v, &told)) {
                decide_told(v, told, &d);
                return d;
        }
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

/* The decision is a record before anybody is told. */
static bool write_down(struct namenode *nn, const struct ns_writer *w, uint64_t length)
{
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
        Bdfs__DecideRecoveryOp op = BDFS__DECIDE_RECOVERY_OP__INIT;
        Bdfs__RecordBlock block = BDFS__RECORD_BLOCK__INIT;
        struct bdfs_err err;

        block.id = w->last.id;
        block.stamp = w->last.stamp;
        block.length = length;
        op.inode = w->inode;
        op.block = &block;
        record.op_case = BDFS__JOURNAL_RECORD__OP_DECIDE_RECOVERY;
        record.decide_recovery = &op;
        if (commit_wait(nn->commit, &record, NULL, &err) == BDFS_OK)
                return true;
        log_warn("recovery of inode %llu waits, its decision cannot be written down: %s",
                 (unsigned long long)w->inode, err.text);
        return false;
}

static void start_again(struct namenode *nn, const struct ns_writer *w)
{
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
        Bdfs__StartRecoveryOp op = BDFS__START_RECOVERY_OP__INIT;
        struct bdfs_err err;

        log_warn("nobody is left who can seal inode=%llu block=%llu bytes=%llu; longer replicas "
                 "are there: recovery begins again", (unsigned long long)w->inode,
                 (unsigned long long)w->last.id, (unsigned long long)w->last.decided_length);
        op.inode = w->inode;
        record.op_case = BDFS__JOURNAL_RECORD__OP_START_RECOVERY;
        record.start_recovery = &op;
        if (commit_wait(nn->commit, &record, NULL, &err) != BDFS_OK)
                log_warn("recovery of inode %llu does not begin again: %s",
                         (unsigned long long)w->inode, err.text);
}

static void seal(struct namenode *nn, const struct ns_writer *w, const struct recovery_view *v,
                 const struct recovery_verdict *d)
{
        if (!w->last.decided && !write_down(nn, w, d->length))
                return;
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
                                  .decided = w->last.decided,
                                  .decided_length = w->last.decided_length,
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
        case RECOVERY_AGAIN: start_again(nn, w); break;
        case RECOVERY_SEAL: seal(nn, w, &v, &d); break;
        case RECOVERY_CLOSE: close_file(r, nn, w, true, d.length); break;
        case RECOVERY_DROP: close_file(r, nn, w, false, 0); break;
        }
}
