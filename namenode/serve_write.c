/* ClientProtocol: files being written, and their leases. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "namenode/serve.h"
#include "namenode/status.h"
#include "proto/hadoop_namenode.pb-c.h"

#define NODES_ROOM 4096
#define SEALED_WAIT_MS 10000 /* for datanodes that have not told of a sealed block yet */

#define SET_OP(m, which, field)                                         \
        do {                                                            \
                (m)->record.op_case = BDFS__JOURNAL_RECORD__OP_##which; \
                (m)->record.field = &(m)->op.field;                     \
        } while (0)

/* ---- what several calls need ---- */

/* False, and the call is answered, when the block is of another cluster. */
static bool own_pool(struct namenode *nn, struct rpc_call *call,
                     const Hadoop__ExtendedBlockProto *b)
{
        struct bdfs_err err;

        if (b == NULL || strcmp(b->poolid, nn->pool) == 0)
                return true;
        (void)bdfs_fail(&err, BDFS_FAILED, "Unexpected BlockPoolId %s - expected %s", b->poolid,
                        nn->pool);
        rpc_call_fail(call, &err);
        return false;
}

static Bdfs__RecordBlock *record_block(const Hadoop__ExtendedBlockProto *b, Bdfs__RecordBlock *ret)
{
        if (b == NULL)
                return NULL;
        ret->id = b->blockid;
        ret->stamp = b->generationstamp;
        ret->length = b->numbytes;
        return ret;
}

/* Numbers of the nodes with these uuids; unknown ones are left out. */
static size_t node_numbers(struct namenode *nn, const Hadoop__DatanodeIDProto *const *ids,
                           size_t n, uint32_t *ret, size_t room)
{
        struct node_info *all;
        size_t all_n, found = 0;

        if (n == 0)
                return 0;
        all = malloc(NODES_ROOM * sizeof(*all));
        all_n = all == NULL ? 0 : blocks_nodes(nn->blocks, all, NODES_ROOM);
        for (size_t i = 0; i < n; i++) {
                for (size_t k = 0; k < all_n && found < room; k++) {
                        if (strcmp(all[k].uuid, ids[i]->datanodeuuid) == 0)
                                ret[found++] = all[k].number;
                }
        }
        free(all);
        return found;
}

static size_t info_numbers(struct namenode *nn, Hadoop__DatanodeInfoProto *const *infos, size_t n,
                           uint32_t *ret, size_t room)
{
        const Hadoop__DatanodeIDProto *ids[64];

        if (n > 64)
                n = 64; /* who excludes more gets a node that it would not have picked */
        for (size_t i = 0; i < n; i++)
                ids[i] = infos[i]->id;
        return node_numbers(nn, ids, n, ret, room);
}

static uint32_t durable_min(struct namenode *nn, uint32_t replication)
{
        struct blocks_stats s;
        uint32_t nodes, min = 2;

        blocks_stats(nn->blocks, &s);
        nodes = s.nodes_alive + s.nodes_dead;
        if (replication < min)
                min = replication;
        return nodes < min ? nodes : min;
}

void serve_check_blocks(struct namenode *nn, uint64_t inode)
{
        struct store_txn *t;
        struct ns_map map = {0};
        struct bdfs_err err;
        uint64_t *list;
        size_t n = 0;

        if (store_begin_read(nn->store, &t, &err) != BDFS_OK)
                return; /* the periodic check finds them */
        if (ns_locate_inode(t, inode, 0, INT64_MAX, &map, &err) == BDFS_OK && map.n > 0) {
                list = malloc(map.n * sizeof(*list));
                for (size_t i = 0; list != NULL && i < map.n; i++) {
                        if (map.pieces[i].block != 0)
                                list[n++] = map.pieces[i].block;
                }
                blocks_check(nn->blocks, list, n);
                free(list);
        }
        ns_map_fini(&map);
        store_abort(t);
}

/* ---- taking over a lease ---- */

/*
 * Is the file at @text open, and its holder silent for longer than the soft limit? Then its lease
 * may be taken: recovery of its last block is started here, so that what follows meets either a
 * closed file or "recovery in progress".
 */
static bool take_over(struct namenode *nn, struct rpc_call *call, const char *text)
{
        struct ns_status status;
        struct ns_writer *w = malloc(sizeof(*w));
        struct buf room;
        struct path path;
        struct store_txn *t = NULL;
        struct bdfs_err err;
        bool expired = false, found = false;

        buf_init(&room, 0);
        if (w != NULL && path_check(text, strlen(text), PATH_READ, false, &room, &path, NULL,
                                    &err) == BDFS_OK &&
            store_begin_read(nn->store, &t, &err) == BDFS_OK) {
                struct serve_caller who;

                serve_caller(nn, call, &who);
                if (ns_stat(t, &who.ns, &path, 0, &status, &found, &err) == BDFS_OK && found &&
                    status.open && ns_writer_of(t, status.inode, w, &err) == BDFS_OK)
                        expired = lease_clock_soft_expired(nn->leases, w->holder, w->hadoop_lease,
                                                           os_mono_ms());
        }
        store_abort(t);
        if (expired && !w->recovering) {
                Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
                Bdfs__StartRecoveryOp op = BDFS__START_RECOVERY_OP__INIT;

                op.inode = status.inode;
                record.op_case = BDFS__JOURNAL_RECORD__OP_START_RECOVERY;
                record.start_recovery = &op;
                expired = commit_wait(nn->commit, &record, NULL, &err) == BDFS_OK;
        }
        buf_fini(&room);
        free(w);
        return expired;
}

/* ---- create, append ---- */

/* The status of a file just made or opened. NULL: the call is answered. */
static Hadoop__HdfsFileStatusProto *own_status(struct namenode *nn, struct rpc_call *call,
                                               struct describe *d, uint64_t inode)
{
        Hadoop__HdfsFileStatusProto *f = NULL;
        struct ns_status status;
        struct store_txn *t;
        struct bdfs_err err;

        if (store_begin_read(nn->store, &t, &err) != BDFS_OK) {
                rpc_call_fail(call, &err);
                return NULL;
        }
        if (ns_stat_inode(t, inode, &status, &err) != BDFS_OK) {
                rpc_call_fail(call, &err);
        } else {
                f = status_describe(d, &status, false);
                if (f == NULL)
                        serve_no_memory(call);
        }
        store_abort(t);
        return f;
}

static void create_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__CreateResponseProto r = HADOOP__CREATE_RESPONSE_PROTO__INIT;
        struct describe d = {0};

        r.fs = own_status(m->nn, call, &d, result->inode);
        if (r.fs != NULL)
                rpc_call_reply(call, &r.base);
        describe_fini(&d);
}

/* What is asked for and cannot be had is refused, not left out. False: the call is answered. */
static bool plain_create(struct rpc_call *call, const Hadoop__CreateRequestProto *q)
{
        struct bdfs_err err;

        if (q->ecpolicyname != NULL && q->ecpolicyname[0] != '\0') {
                if (q->createflag & HADOOP__CREATE_FLAG_PROTO__SHOULD_REPLICATE)
                        (void)bdfs_fail(&err, BDFS_INVALID,
                                        "SHOULD_REPLICATE flag and ecPolicyName are exclusive "
                                        "parameters. Set both is not allowed!");
                else
                        serve_no_ec_policy(q->ecpolicyname, &err);
        } else if (q->storagepolicy != NULL && q->storagepolicy[0] != '\0' &&
                   strcmp(q->storagepolicy, "HOT") != 0) {
                (void)bdfs_fail(&err, BDFS_INVALID, "Cannot find a block policy with the name %s",
                                q->storagepolicy);
        } else {
                return true;
        }
        rpc_call_fail(call, &err);
        return false;
}

static void create(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__CreateRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__CreateOp *op;

        if (!plain_create(call, q) ||
            !serve_require_writable(nn, call, "Cannot create file", q->src))
                return;
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.create;
        bdfs__create_op__init(op);
        if (!mutation_path(m, q->src, PATH_CREATE, &m->path_a, &op->path))
                return;
        op->mode = q->masked->perm & 07777;
        op->holder = q->clientname;
        op->create = (q->createflag & HADOOP__CREATE_FLAG_PROTO__CREATE) != 0;
        op->overwrite = (q->createflag & HADOOP__CREATE_FLAG_PROTO__OVERWRITE) != 0;
        op->create_parent = q->createparent;
        op->replication = q->replication;
        op->block_size = q->blocksize;
        op->hadoop_lease = call->listener == RPC_HADOOP;
        if (!op->overwrite && take_over(nn, call, q->src)) {
                op->has_take_over = 1;
                op->take_over = 1;
        }
        lease_clock_renew(nn->leases, q->clientname, os_mono_ms());
        SET_OP(m, CREATE, create);
        mutation_submit(m, create_done);
}

static void append_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__AppendResponseProto r = HADOOP__APPEND_RESPONSE_PROTO__INIT;
        struct describe d = {0};

        r.stat = own_status(m->nn, call, &d, result->inode);
        if (r.stat != NULL)
                rpc_call_reply(call, &r.base);
        describe_fini(&d);
}

static void append(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__AppendRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__AppendOp *op;

        if (!serve_require_writable(nn, call, "Cannot append to file", q->src))
                return;
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.append;
        bdfs__append_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->holder = q->clientname;
        op->hadoop_lease = call->listener == RPC_HADOOP;
        if (take_over(nn, call, q->src)) {
                op->has_take_over = 1;
                op->take_over = 1;
        }
        lease_clock_renew(nn->leases, q->clientname, os_mono_ms());
        SET_OP(m, APPEND, append);
        mutation_submit(m, append_done);
}

/* ---- addBlock and its kin ---- */

/* The block of a result as a located block of @length bytes so far. NULL: no memory. */
static Hadoop__LocatedBlockProto *located_result(struct mutation *m, struct describe *d,
                                                 const Bdfs__OpResult *result,
                                                 const uint32_t *locations, size_t locations_n,
                                                 uint64_t inode)
{
        struct describe_block what = {
                .block = result->block->id,
                .stamp = result->block->stamp,
                .length = result->block->length,
                .offset = result->offset,
                .inode = inode,
                .open = true,
                .rights = TOKEN_READ | TOKEN_WRITE | TOKEN_COPY,
                .nodes = locations,
                .nodes_n = locations_n,
                .extra = result->nodes,
                .extra_n = result->n_nodes,
        };

        return describe_located(d, m->nn, &what, m->call->caller->user, m->call->listener);
}

static void add_block_done(struct mutation *m, struct rpc_call *call,
                           const Bdfs__OpResult *result)
{
        Hadoop__AddBlockResponseProto r = HADOOP__ADD_BLOCK_RESPONSE_PROTO__INIT;
        struct describe_block what = {
                .block = result->block->id,
                .stamp = result->block->stamp,
                .offset = result->offset,
                .inode = result->inode,
                .open = true,
                .rights = TOKEN_READ | TOKEN_WRITE | TOKEN_COPY,
                .nodes = result->nodes,
                .nodes_n = result->n_nodes,
        };
        struct describe d = {0};

        r.block = describe_located(&d, m->nn, &what, call->caller->user, call->listener);
        if (r.block == NULL)
                serve_no_memory(call);
        else
                rpc_call_reply(call, &r.base);
        describe_fini(&d);
}

/* Is @holder the writer? False: the call is answered. */
static bool check_writer(struct namenode *nn, struct rpc_call *call, const char *src,
                         uint64_t inode, const char *holder, struct ns_writer *ret)
{
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!reading_begin(&g, nn, call, src))
                return false;
        rc = ns_check_lease(g.t, &g.who.ns, &g.path, inode, holder, ret, &err);
        store_abort(g.t);
        buf_fini(&g.room);
        if (rc == BDFS_OK)
                return true;
        rpc_call_fail(call, &err);
        return false;
}

/* Pick datanodes for a new block of the file. False: the call is answered with HDFS's words. */
static bool place(struct namenode *nn, struct rpc_call *call, const char *src,
                  const struct ns_writer *w, const Hadoop__AddBlockRequestProto *q, uint32_t *ret,
                  size_t *ret_n)
{
        uint32_t exclude[64];
        struct place_request want = {
                .wanted = w->replication > PIPELINE_NODES_MAX ? PIPELINE_NODES_MAX : w->replication,
                .writer_host = call->peer.host,
                .bytes = w->block_size,
                .exclude = exclude,
        };
        struct blocks_stats stats;
        struct bdfs_err err, why;

        want.exclude_n = info_numbers(nn, q->excludenodes, q->n_excludenodes, exclude, 64);
        if (blocks_place(nn->blocks, &want, ret, ret_n, &why) == BDFS_OK)
                return true;
        blocks_stats(nn->blocks, &stats);
        (void)bdfs_fail(&err, why.status,
                        "File %s could only be written to 0 of the 1 minReplication nodes. There "
                        "are %u datanode(s) running and %s node(s) are excluded in this operation.",
                        src, stats.nodes_alive,
                        want.exclude_n == 0 ? "no" : (char[]){(char)('0' + want.exclude_n % 10), 0});
        rpc_call_fail(call, &err);
        return false;
}

/* Every datanode seals before it acknowledges the last packet and tells us before that, so this
 * waits only when something went wrong. */
static bool sealed(struct namenode *nn, const struct ns_writer *w,
                   const Hadoop__ExtendedBlockProto *b)
{
        return blocks_sealed(nn->blocks, b->blockid, b->generationstamp, b->numbytes,
                             durable_min(nn, w->replication), os_mono_ms() + SEALED_WAIT_MS);
}

static void add_block(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__AddBlockRequestProto *q = (const void *)call->request;
        struct ns_writer w;
        struct bdfs_err err;
        struct mutation *m;
        Bdfs__AddBlockOp *op;
        uint32_t nodes[PIPELINE_NODES_MAX];
        size_t n;

        if (!serve_require_writable(nn, call, "Cannot add block to ", q->src) ||
            !own_pool(nn, call, q->previous) ||
            !check_writer(nn, call, q->src, q->fileid, q->clientname, &w))
                return;
        if (q->previous != NULL && w.has_last && w.last.id == q->previous->blockid &&
            w.last.state == BLOCK_UNDER_CONSTRUCTION && q->previous->numbytes > 0 &&
            w.last.stamp == q->previous->generationstamp && !sealed(nn, &w, q->previous)) {
                (void)bdfs_fail(&err, BDFS_NOT_REPLICATED,
                                "Not replicated yet: %s Only 0 replicas of blk_%llu are sealed",
                                q->src, (unsigned long long)q->previous->blockid);
                rpc_call_fail(call, &err);
                return;
        }
        if (!place(nn, call, q->src, &w, q, nodes, &n))
                return;
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.add_block;
        bdfs__add_block_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        memcpy(m->nodes, nodes, n * sizeof(nodes[0]));
        op->inode = q->fileid;
        op->holder = q->clientname;
        op->previous = record_block(q->previous, &m->block_a);
        op->targets = m->nodes;
        op->n_targets = n;
        SET_OP(m, ADD_BLOCK, add_block);
        mutation_submit(m, add_block_done);
}

static void abandon_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__AbandonBlockResponseProto r = HADOOP__ABANDON_BLOCK_RESPONSE_PROTO__INIT;

        (void)m;
        (void)result;
        rpc_call_reply(call, &r.base);
}

static void abandon_block(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__AbandonBlockRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__AbandonBlockOp *op;
        char what[256];

        (void)snprintf(what, sizeof(what), "Cannot abandon block %s:blk_%llu_%llu for file",
                       q->b->poolid, (unsigned long long)q->b->blockid,
                       (unsigned long long)q->b->generationstamp);
        if (!serve_require_writable(nn, call, what, q->src))
                return;
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.abandon_block;
        bdfs__abandon_block_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->inode = q->fileid;
        op->holder = q->holder;
        op->block = record_block(q->b, &m->block_a);
        SET_OP(m, ABANDON_BLOCK, abandon_block);
        mutation_submit(m, abandon_done);
}

/* The answer names the nodes that there were and the new ones; offered[] has the new ones. */
static void additional_done(struct mutation *m, struct rpc_call *call,
                            const Bdfs__OpResult *result)
{
        const Hadoop__GetAdditionalDatanodeRequestProto *q = (const void *)call->request;
        Hadoop__GetAdditionalDatanodeResponseProto r =
                HADOOP__GET_ADDITIONAL_DATANODE_RESPONSE_PROTO__INIT;
        uint32_t nodes[2 * PIPELINE_NODES_MAX];
        struct describe d = {0};
        size_t n = info_numbers(m->nn, q->existings, q->n_existings, nodes, PIPELINE_NODES_MAX);

        for (size_t i = 0; i < m->op.offer.n_nodes; i++)
                nodes[n++] = m->op.offer.nodes[i];
        r.block = located_result(m, &d, result, nodes, n, result->inode);
        if (r.block == NULL) {
                serve_no_memory(call);
        } else {
                r.block->b->numbytes = q->blk->numbytes;
                rpc_call_reply(call, &r.base);
        }
        describe_fini(&d);
}

static void get_additional_datanode(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__GetAdditionalDatanodeRequestProto *q = (const void *)call->request;
        uint32_t have[PIPELINE_NODES_MAX], exclude[2 * 64];
        struct place_request want = {.wanted = q->numadditionalnodes, .have = have,
                                     .exclude = exclude};
        struct ns_writer w;
        struct bdfs_err err;
        struct mutation *m;
        Bdfs__OfferOp *op;
        size_t n = 0;

        if (!serve_require_writable(nn, call, "Cannot get additional datanode for block ", q->src) ||
            !check_writer(nn, call, q->src, q->fileid, q->clientname, &w))
                return;
        if (want.wanted > PIPELINE_NODES_MAX)
                want.wanted = PIPELINE_NODES_MAX;
        want.writer_host = call->peer.host;
        want.bytes = w.block_size;
        want.have_n = info_numbers(nn, q->existings, q->n_existings, have, PIPELINE_NODES_MAX);
        want.exclude_n = info_numbers(nn, q->excludes, q->n_excludes, exclude, 64);
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        if (blocks_place(nn->blocks, &want, m->nodes, &n, &err) != BDFS_OK)
                n = 0; /* the answer names the existing nodes only; the client decides */
        op = &m->op.offer;
        bdfs__offer_op__init(op);
        op->block = record_block(q->blk, &m->block_a);
        op->holder = q->clientname;
        op->nodes = m->nodes;
        op->n_nodes = n;
        SET_OP(m, OFFER, offer);
        mutation_submit(m, additional_done);
}

/* ---- stamps and pipelines ---- */

static void new_stamp_done(struct mutation *m, struct rpc_call *call,
                           const Bdfs__OpResult *result)
{
        Hadoop__UpdateBlockForPipelineResponseProto r =
                HADOOP__UPDATE_BLOCK_FOR_PIPELINE_RESPONSE_PROTO__INIT;
        struct describe d = {0};

        r.block = located_result(m, &d, result, NULL, 0, result->inode);
        if (r.block == NULL) {
                serve_no_memory(call);
        } else {
                r.block->offset = UINT64_MAX; /* as HDFS: it is not said where the block lies */
                rpc_call_reply(call, &r.base);
        }
        describe_fini(&d);
}

static void update_block_for_pipeline(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__UpdateBlockForPipelineRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__NewStampOp *op;
        struct bdfs_err err;
        char what[256];

        (void)snprintf(what, sizeof(what),
                       "Cannot get a new generation stamp and an access token for block "
                       "%s:blk_%llu_%llu",
                       q->block->poolid, (unsigned long long)q->block->blockid,
                       (unsigned long long)q->block->generationstamp);
        if (!serve_require_writable(nn, call, what, ""))
                return;
        if (strcmp(q->block->poolid, nn->pool) != 0) {
                (void)bdfs_fail(&err, BDFS_FAILED, "%s:blk_%llu_%llu does not exist.",
                                q->block->poolid, (unsigned long long)q->block->blockid,
                                (unsigned long long)q->block->generationstamp);
                rpc_call_fail(call, &err);
                return;
        }
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.new_stamp;
        bdfs__new_stamp_op__init(op);
        op->block = record_block(q->block, &m->block_a);
        op->holder = q->clientname;
        SET_OP(m, NEW_STAMP, new_stamp);
        mutation_submit(m, new_stamp_done);
}

static void pipeline_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__UpdatePipelineResponseProto r = HADOOP__UPDATE_PIPELINE_RESPONSE_PROTO__INIT;

        (void)m;
        (void)result;
        rpc_call_reply(call, &r.base);
}

static void update_pipeline(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__UpdatePipelineRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__UpdatePipelineOp *op;

        if (!serve_require_writable(nn, call, "Cannot update pipeline", "") ||
            !own_pool(nn, call, q->newblock))
                return;
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.update_pipeline;
        bdfs__update_pipeline_op__init(op);
        op->holder = q->clientname;
        op->old_block = record_block(q->oldblock, &m->block_a);
        op->new_block = record_block(q->newblock, &m->block_b);
        op->nodes = m->nodes;
        op->n_nodes = node_numbers(nn, (const Hadoop__DatanodeIDProto *const *)q->newnodes,
                                   q->n_newnodes, m->nodes, PIPELINE_NODES_MAX);
        SET_OP(m, UPDATE_PIPELINE, update_pipeline);
        mutation_submit(m, pipeline_done);
}

/* ---- complete, fsync ---- */

static void answer_complete(struct rpc_call *call, bool value)
{
        Hadoop__CompleteResponseProto r = HADOOP__COMPLETE_RESPONSE_PROTO__INIT;

        r.result = value;
        rpc_call_reply(call, &r.base);
}

static void complete_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        if (result->value && m->extra != NULL) /* not all copies are there yet */
                serve_check_blocks(m->nn, *(uint64_t *)m->extra);
        answer_complete(call, result->value);
}

/* Does any block of the closing file have fewer copies than wanted? A one-block file is looked at
 * closely, because there are many; others are always checked. */
static bool wants_copies(struct namenode *nn, const struct ns_writer *w,
                         const Hadoop__ExtendedBlockProto *last)
{
        if (last == NULL)
                return w->extents > 0;
        return w->extents > 1 || !blocks_sealed(nn->blocks, last->blockid, last->generationstamp,
                                                last->numbytes, w->replication, os_mono_ms());
}

static void complete(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__CompleteRequestProto *q = (const void *)call->request;
        struct ns_writer w = {0};
        struct mutation *m;
        struct reading g;
        struct bdfs_err err;
        Bdfs__CompleteOp *op;
        bool writing;

        if (!serve_require_writable(nn, call, "Cannot complete file ", q->src) ||
            !own_pool(nn, call, q->last) || !reading_begin(&g, nn, call, q->src))
                return;
        /* not the writer any more: perhaps a retry, which applying knows */
        writing = ns_check_lease(g.t, &g.who.ns, &g.path, q->fileid, q->clientname, &w, &err) ==
                  BDFS_OK;
        store_abort(g.t);
        buf_fini(&g.room);
        if (writing && q->last != NULL && w.has_last && w.last.id == q->last->blockid &&
            !sealed(nn, &w, q->last)) {
                answer_complete(call, false);
                return;
        }
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.complete;
        bdfs__complete_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->inode = q->fileid;
        op->holder = q->clientname;
        op->last = record_block(q->last, &m->block_a);
        if (writing && wants_copies(nn, &w, q->last)) {
                m->extra = malloc(sizeof(uint64_t));
                if (m->extra != NULL)
                        *(uint64_t *)m->extra = w.inode;
        }
        SET_OP(m, COMPLETE, complete);
        mutation_submit(m, complete_done);
}

static void fsync_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__FsyncResponseProto r = HADOOP__FSYNC_RESPONSE_PROTO__INIT;

        (void)m;
        (void)result;
        rpc_call_reply(call, &r.base);
}

static void fsync_(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__FsyncRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__FsyncOp *op;

        if (!serve_require_writable(nn, call, "Cannot fsync file ", q->src))
                return;
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.fsync;
        bdfs__fsync_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->inode = q->fileid;
        op->holder = q->client;
        op->last_length = q->lastblocklength;
        SET_OP(m, FSYNC, fsync);
        mutation_submit(m, fsync_done);
}

/* ---- leases ---- */

static void renew_lease(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__RenewLeaseRequestProto *q = (const void *)call->request;
        Hadoop__RenewLeaseResponseProto r = HADOOP__RENEW_LEASE_RESPONSE_PROTO__INIT;

        if (!serve_require_writable(nn, call, "Cannot renew lease for ", q->clientname))
                return;
        lease_clock_renew(nn->leases, q->clientname, os_mono_ms());
        rpc_call_reply(call, &r.base);
}

static void recover_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__RecoverLeaseResponseProto r = HADOOP__RECOVER_LEASE_RESPONSE_PROTO__INIT;

        (void)m;
        r.result = result->value; /* the lease monitor goes on when it is false */
        rpc_call_reply(call, &r.base);
}

static void recover_lease(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__RecoverLeaseRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__RecoverLeaseOp *op;

        if (!serve_require_writable(nn, call, "Cannot recover the lease of ", q->src))
                return;
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.recover_lease;
        bdfs__recover_lease_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->holder = q->clientname;
        op->has_hadoop_lease = 1;
        op->hadoop_lease = call->listener == RPC_HADOOP;
        lease_clock_renew(nn->leases, q->clientname, os_mono_ms());
        SET_OP(m, RECOVER_LEASE, recover_lease);
        mutation_submit(m, recover_done);
}

rpc_handler *serve_write_handler(enum method_id id)
{
        switch ((int)id) {
        case METHOD_CLIENT_create: return create;
        case METHOD_CLIENT_append: return append;
        case METHOD_CLIENT_addBlock: return add_block;
        case METHOD_CLIENT_abandonBlock: return abandon_block;
        case METHOD_CLIENT_getAdditionalDatanode: return get_additional_datanode;
        case METHOD_CLIENT_updateBlockForPipeline: return update_block_for_pipeline;
        case METHOD_CLIENT_updatePipeline: return update_pipeline;
        case METHOD_CLIENT_complete: return complete;
        case METHOD_CLIENT_fsync: return fsync_;
        case METHOD_CLIENT_renewLease: return renew_lease;
        case METHOD_CLIENT_recoverLease: return recover_lease;
        default: return NULL;
        }
}
