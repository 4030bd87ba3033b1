/* ClientProtocol: blocks of files being written, their datanodes and stamps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "namenode/serve/handlers.h"
#include "namenode/serve/serve_write.h"

#define SPACE_POLL_MS 200

/* ---- what several calls need ---- */

bool serve_own_pool(struct namenode *nn, struct rpc_call *call,
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

Bdfs__RecordBlock *serve_record_block(const Hadoop__ExtendedBlockProto *b, Bdfs__RecordBlock *ret)
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
        size_t found = 0;

        for (size_t i = 0; i < n && found < room; i++)
                if (blocks_node_of(nn->blocks, ids[i]->datanodeuuid, &ret[found]))
                        found++;
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

Hadoop__LocatedBlockProto *serve_new_block(struct namenode *nn, struct rpc_call *call,
                                           struct describe *d, const Bdfs__OpResult *result)
{
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

        return describe_located(d, nn, &what, call->caller->user, call->listener);
}

static void add_block_done(struct mutation *m, struct rpc_call *call,
                           const Bdfs__OpResult *result)
{
        Hadoop__AddBlockResponseProto r = HADOOP__ADD_BLOCK_RESPONSE_PROTO__INIT;
        struct describe d = {0};

        r.block = serve_new_block(m->nn, call, &d, result);
        if (r.block == NULL)
                serve_no_memory(call);
        else
                rpc_call_reply(call, &r.base);
        describe_fini(&d);
}

/* As blocks_place(). Where there is no room, but will be since something waits to be freed, that is
 * freed, and waited for. */
static enum bdfs_status place_or_wait(struct namenode *nn, const struct place_request *want,
                                      uint32_t *ret, size_t *ret_n, struct bdfs_err *err)
{
        int64_t deadline_ms = os_mono_ms() + SPACE_WAIT_MS;
        struct blocks_stats stats;
        enum bdfs_status rc;

        while ((rc = blocks_place(nn->blocks, want, ret, ret_n, err)) == BDFS_NO_SPACE) {
                blocks_stats(nn->blocks, &stats);
                if ((stats.retired_bytes == 0 && stats.pending_deletion == 0) ||
                    os_mono_ms() >= deadline_ms)
                        break;
                os_sleep_ms(SPACE_POLL_MS);
        }
        return rc;
}

size_t serve_place_first(struct namenode *nn, const struct rpc_call *call, uint32_t replication,
                         uint64_t block_size, uint32_t ret[PIPELINE_NODES_MAX])
{
        const struct place_request want = {
                .wanted = replication > PIPELINE_NODES_MAX ? PIPELINE_NODES_MAX : replication,
                .writer_host = call->peer.host,
                .bytes = block_size,
        };
        struct bdfs_err why;
        size_t n = 0;

        return blocks_place(nn->blocks, &want, ret, &n, &why) == BDFS_OK ? n : 0;
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
        if (place_or_wait(nn, &want, ret, ret_n, &why) == BDFS_OK)
                return true;
        blocks_stats(nn->blocks, &stats);
        (void)bdfs_fail(&err, why.status,
                        "File %s could only be written to 0 of the 1 minReplication nodes. There "
                        "are %u datanode(s) running and %s node(s) are excluded in this operation.",
                        src, stats.nodes_alive,
                        want.exclude_n == 0 ? "no"
                                            : (char[]){(char)('0' + want.exclude_n % 10), 0});
        rpc_call_fail(call, &err);
        return false;
}

void serve_add_block(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__AddBlockRequestProto *q = (const void *)call->request;
        struct ns_writer w;
        struct bdfs_err err;
        struct mutation *m;
        Bdfs__AddBlockOp *op;
        uint32_t nodes[PIPELINE_NODES_MAX];
        size_t n;

        if (!serve_own_pool(nn, call, q->previous) ||
            !check_writer(nn, call, q->src, q->fileid, q->clientname, &w))
                return;
        if (q->previous != NULL && w.has_last && w.last.id == q->previous->blockid &&
            w.last.state == BLOCK_UNDER_CONSTRUCTION && q->previous->numbytes > 0 &&
            w.last.stamp == q->previous->generationstamp && !serve_sealed(nn, &w, q->previous)) {
                (void)bdfs_fail(&err, BDFS_NOT_REPLICATED,
                                "Not replicated yet: %s Too few replicas of blk_%llu are sealed",
                                q->src, (unsigned long long)q->previous->blockid);
                rpc_call_fail(call, &err);
                return;
        }
        if (!place(nn, call, q->src, &w, q, nodes, &n))
                return;
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        memcpy(m->nodes, nodes, n * sizeof(nodes[0]));
        m->placed_n = (uint32_t)n;
        op = &m->op.add_block;
        bdfs__add_block_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->inode = q->fileid;
        op->holder = q->clientname;
        op->previous = serve_record_block(q->previous, &m->block_a);
        op->targets = m->nodes;
        op->n_targets = n;
        SERVE_SET_OP(m, ADD_BLOCK, add_block);
        mutation_submit(m, add_block_done);
}

static void abandon_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__AbandonBlockResponseProto r = HADOOP__ABANDON_BLOCK_RESPONSE_PROTO__INIT;

        (void)m;
        (void)result;
        rpc_call_reply(call, &r.base);
}

void serve_abandon_block(struct namenode *nn, struct rpc_call *call)
{
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
        op->block = serve_record_block(q->b, &m->block_a);
        SERVE_SET_OP(m, ABANDON_BLOCK, abandon_block);
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

void serve_get_additional_datanode(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetAdditionalDatanodeRequestProto *q = (const void *)call->request;
        uint32_t have[PIPELINE_NODES_MAX], exclude[2 * 64];
        struct place_request want = {.wanted = q->numadditionalnodes, .have = have,
                                     .exclude = exclude};
        struct ns_writer w;
        struct bdfs_err err;
        struct mutation *m;
        Bdfs__OfferOp *op;
        size_t n = 0;

        if (!check_writer(nn, call, q->src, q->fileid, q->clientname, &w))
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
        op->block = serve_record_block(q->blk, &m->block_a);
        op->holder = q->clientname;
        op->nodes = m->nodes;
        op->n_nodes = n;
        SERVE_SET_OP(m, OFFER, offer);
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

void serve_update_block_for_pipeline(struct namenode *nn, struct rpc_call *call)
{
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
        op->block = serve_record_block(q->block, &m->block_a);
        op->holder = q->clientname;
        SERVE_SET_OP(m, NEW_STAMP, new_stamp);
        mutation_submit(m, new_stamp_done);
}

static void pipeline_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__UpdatePipelineResponseProto r = HADOOP__UPDATE_PIPELINE_RESPONSE_PROTO__INIT;

        (void)m;
        (void)result;
        rpc_call_reply(call, &r.base);
}

void serve_update_pipeline(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__UpdatePipelineRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__UpdatePipelineOp *op;

        if (!serve_own_pool(nn, call, q->newblock))
                return;
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.update_pipeline;
        bdfs__update_pipeline_op__init(op);
        op->holder = q->clientname;
        op->old_block = serve_record_block(q->oldblock, &m->block_a);
        op->new_block = serve_record_block(q->newblock, &m->block_b);
        op->nodes = m->nodes;
        op->n_nodes = node_numbers(nn, (const Hadoop__DatanodeIDProto *const *)q->newnodes,
                                   q->n_newnodes, m->nodes, PIPELINE_NODES_MAX);
        SERVE_SET_OP(m, UPDATE_PIPELINE, update_pipeline);
        mutation_submit(m, pipeline_done);
}
