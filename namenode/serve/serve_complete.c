/* ClientProtocol: complete and fsync. */
#include <stdlib.h>

#include "namenode/serve/handlers.h"
#include "namenode/serve/serve_write.h"

#define SEALED_WAIT_MS 10000 /* for datanodes that have not told of a sealed block yet */

/* ---- are there enough copies ---- */

static uint32_t durable_min(struct namenode *nn, uint32_t replication)
{
        uint32_t nodes = blocks_nodes_known(nn->blocks), min = DURABLE_REPLICAS_MIN;

        if (replication < min)
                min = replication;
        return nodes < min ? nodes : min;
}

bool serve_sealed(struct namenode *nn, const struct ns_writer *w,
                   const Hadoop__ExtendedBlockProto *b)
{
        return blocks_sealed(nn->blocks, b->blockid, b->generationstamp, b->numbytes,
                             durable_min(nn, w->replication), os_mono_ms() + SEALED_WAIT_MS);
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

/* ---- complete, fsync ---- */

static void answer_complete(struct rpc_call *call, bool value)
{
        Hadoop__CompleteResponseProto r = HADOOP__COMPLETE_RESPONSE_PROTO__INIT;

        r.result = value;
        rpc_call_reply(call, &r.base);
}

static void complete_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        if (result->value)
                blocks_unplace(m->nn->blocks, m->nodes, m->dropped_n);
        if (result->value && m->extra != NULL) /* not all copies are there yet */
                serve_check_blocks(m->nn, *(uint64_t *)m->extra);
        answer_complete(call, result->value);
}

/* Does any block of the closing file have fewer copies than wanted? A one-block file is looked at
 * closely, because there are many; others are always checked. */
static bool wants_copies(struct namenode *nn, const struct ns_writer *w,
                         const Hadoop__ExtendedBlockProto *last)
{
        if (last == NULL || last->numbytes == 0)
                return w->extents > (last == NULL ? 0 : 1);
        return w->extents > 1 || !blocks_sealed(nn->blocks, last->blockid, last->generationstamp,
                                                last->numbytes, w->replication, os_mono_ms());
}

/* A file's first block is placed when the file is made; most empty files are never written to. */
static void note_dropped(struct mutation *m, const struct ns_writer *w,
                         const Hadoop__ExtendedBlockProto *last)
{
        if (last == NULL || last->numbytes > 0 || !w->has_last || w->last.id != last->blockid ||
            w->last.state != BLOCK_UNDER_CONSTRUCTION)
                return;
        while (m->dropped_n < w->last.nodes_n && m->dropped_n < PIPELINE_NODES_MAX) {
                m->nodes[m->dropped_n] = w->last.nodes[m->dropped_n];
                m->dropped_n++;
        }
}

static void fill_attributes(Bdfs__CompleteOp *op, const Hadoop__BdfsAttributesProto *from)
{
        if (from == NULL)
                return;
        op->has_mode = from->has_mode;
        op->mode = from->mode;
        op->owner = from->owner;
        op->group = from->group;
        op->has_mtime = from->has_mtime;
        op->mtime = from->mtime;
        op->has_atime = from->has_atime;
        op->atime = from->atime;
}

void serve_complete(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__CompleteRequestProto *q = (const void *)call->request;
        struct ns_writer w = {0};
        struct mutation *m;
        struct reading g;
        struct bdfs_err err;
        Bdfs__CompleteOp *op;
        bool writing;

        if (!serve_own_pool(nn, call, q->last) || !reading_begin(&g, nn, call, q->src))
                return;
        /* not the writer any more: perhaps a retry, which applying knows */
        writing = ns_check_lease(g.t, &g.who.ns, &g.path, q->fileid, q->clientname, &w, &err) ==
                  BDFS_OK;
        store_abort(g.t);
        buf_fini(&g.room);
        /* a block of no bytes was never begun, and goes */
        if (writing && q->last != NULL && w.has_last && w.last.id == q->last->blockid &&
            q->last->numbytes > 0 && !serve_sealed(nn, &w, q->last)) {
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
        op->last = serve_record_block(q->last, &m->block_a);
        fill_attributes(op, q->bdfsattributes);
        if (writing)
                note_dropped(m, &w, q->last);
        if (writing && wants_copies(nn, &w, q->last)) {
                m->extra = malloc(sizeof(uint64_t));
                if (m->extra != NULL)
                        *(uint64_t *)m->extra = w.inode;
        }
        SERVE_SET_OP(m, COMPLETE, complete);
        mutation_submit(m, complete_done);
}

static void fsync_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__FsyncResponseProto r = HADOOP__FSYNC_RESPONSE_PROTO__INIT;

        (void)m;
        (void)result;
        rpc_call_reply(call, &r.base);
}

void serve_fsync(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__FsyncRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__FsyncOp *op;

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
        SERVE_SET_OP(m, FSYNC, fsync);
        mutation_submit(m, fsync_done);
}
