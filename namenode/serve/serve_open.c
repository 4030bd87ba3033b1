/* ClientProtocol: create and append. */
#include <string.h>

#include "namenode/serve/file_status.h"
#include "namenode/serve/handlers.h"
#include "namenode/serve/serve_write.h"

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
                f = status_describe(d, &status);
                if (f == NULL)
                        serve_no_memory(call);
        }
        store_abort(t);
        return f;
}

static void create_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__CreateResponseProto r = HADOOP__CREATE_RESPONSE_PROTO__INIT;
        const Hadoop__CreateRequestProto *q = (const void *)call->request;
        struct describe d = {0};

        r.fs = own_status(m->nn, call, &d, result->inode);
        if (r.fs != NULL && q->bdfsfirstblock) {
                r.has_bdfssuperuser = true;
                r.bdfssuperuser = m->caller.superuser;
                if (result->block != NULL) /* without it the client asks again: addBlock */
                        r.bdfsblock = serve_new_block(m->nn, call, &d, result);
        }
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

void serve_create(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__CreateRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__CreateOp *op;

        if (!plain_create(call, q) ||
            !serve_require_writable(nn, call, "Cannot create file", q->src))
                return;
        if (!serve_opens(nn, call, q->clientname))
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
        op->has_keep_sticky = op->keep_sticky = true;
        if (q->bdfsfirstblock) {
                op->targets = m->nodes;
                op->n_targets = serve_place_first(nn, call, q->replication, q->blocksize, m->nodes);
                m->placed_n = (uint32_t)op->n_targets;
        }
        if (!op->overwrite && serve_take_over(nn, call, q->src)) {
                op->has_take_over = 1;
                op->take_over = 1;
        }
        SERVE_SET_OP(m, CREATE, create);
        mutation_submit(m, create_done);
}

static void append_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__AppendResponseProto r = HADOOP__APPEND_RESPONSE_PROTO__INIT;
        struct describe d = {0};

        r.stat = own_status(m->nn, call, &d, result->inode);
        if (r.stat != NULL && result->block != NULL)
                r.bdfsblock = serve_new_block(m->nn, call, &d, result);
        if (r.stat != NULL)
                rpc_call_reply(call, &r.base);
        describe_fini(&d);
}

/* Datanodes for the next block of a file that is there, by its own numbers. */
static size_t place_next(struct namenode *nn, struct rpc_call *call, const char *src,
                         uint32_t ret[PIPELINE_NODES_MAX])
{
        struct ns_status s;
        struct serve_caller who;
        struct store_txn *t = NULL;
        struct bdfs_err err;
        struct path path;
        struct buf room;
        bool found = false;

        buf_init(&room, 0);
        serve_caller(nn, call, &who);
        if (path_check(src, strlen(src), PATH_READ, false, &room, &path, NULL, &err) != BDFS_OK ||
            store_begin_read(nn->store, &t, &err) != BDFS_OK ||
            ns_stat(t, &who.ns, &path, 0, &s, &found, &err) != BDFS_OK)
                found = false; /* append says why */
        store_abort(t);
        buf_fini(&room);
        return found ? serve_place_first(nn, call, s.replication, s.block_size, ret) : 0;
}

void serve_append(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__AppendRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__AppendOp *op;

        if (!serve_opens(nn, call, q->clientname))
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
        if (q->bdfsfirstblock) {
                op->targets = m->nodes;
                op->n_targets = place_next(nn, call, q->src, m->nodes);
                m->placed_n = (uint32_t)op->n_targets;
        }
        op->has_opened = op->opened = q->bdfsopened;
        if (serve_take_over(nn, call, q->src)) {
                op->has_take_over = 1;
                op->take_over = 1;
        }
        SERVE_SET_OP(m, APPEND, append);
        mutation_submit(m, append_done);
}
