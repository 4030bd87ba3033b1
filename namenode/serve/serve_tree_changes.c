/* ClientProtocol: changes of names and attributes. Each handler fills one record. */
#include <stdlib.h>
#include <string.h>

#include "namenode/serve/handlers.h"
#include "proto/hadoop_namenode.pb-c.h"

#define MODE_MASK 07777 /* gohdfs sets bit 31 */

#define SET_OP(m, which, field)                                       \
        do {                                                          \
                (m)->record.op_case = BDFS__JOURNAL_RECORD__OP_##which; \
                (m)->record.field = &(m)->op.field;                   \
        } while (0)

/* ---- answers ---- */

#define ANSWER_EMPTY(name, type, INIT)                                                            \
        static void name(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result) \
        {                                                                                         \
                type r = INIT;                                                                    \
                (void)m;                                                                          \
                (void)result;                                                                     \
                rpc_call_reply(call, &r.base);                                                    \
        }
#define ANSWER_BOOL(name, type, INIT)                                                             \
        static void name(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result) \
        {                                                                                         \
                type r = INIT;                                                                    \
                (void)m;                                                                          \
                r.result = result->value;                                                         \
                rpc_call_reply(call, &r.base);                                                    \
        }
ANSWER_BOOL(mkdirs_done, Hadoop__MkdirsResponseProto, HADOOP__MKDIRS_RESPONSE_PROTO__INIT)
ANSWER_BOOL(delete_done, Hadoop__DeleteResponseProto, HADOOP__DELETE_RESPONSE_PROTO__INIT)
ANSWER_BOOL(rename_done, Hadoop__RenameResponseProto, HADOOP__RENAME_RESPONSE_PROTO__INIT)
ANSWER_EMPTY(rename2_done, Hadoop__Rename2ResponseProto, HADOOP__RENAME2_RESPONSE_PROTO__INIT)
ANSWER_EMPTY(concat_done, Hadoop__ConcatResponseProto, HADOOP__CONCAT_RESPONSE_PROTO__INIT)
ANSWER_BOOL(truncate_done, Hadoop__TruncateResponseProto, HADOOP__TRUNCATE_RESPONSE_PROTO__INIT)
ANSWER_EMPTY(permission_done, Hadoop__SetPermissionResponseProto,
             HADOOP__SET_PERMISSION_RESPONSE_PROTO__INIT)
ANSWER_EMPTY(owner_done, Hadoop__SetOwnerResponseProto, HADOOP__SET_OWNER_RESPONSE_PROTO__INIT)
ANSWER_EMPTY(times_done, Hadoop__SetTimesResponseProto, HADOOP__SET_TIMES_RESPONSE_PROTO__INIT)
ANSWER_EMPTY(symlink_done, Hadoop__CreateSymlinkResponseProto,
             HADOOP__CREATE_SYMLINK_RESPONSE_PROTO__INIT)

/* ---- calls ---- */

void serve_mkdirs(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__MkdirsRequestProto *q = (const void *)call->request;
        struct mutation *m = mutation_new(nn, call);
        Bdfs__MkdirsOp *op;

        if (m == NULL)
                return;
        op = &m->op.mkdirs;
        bdfs__mkdirs_op__init(op);
        if (!mutation_path(m, q->src, PATH_MKDIRS, &m->path_a, &op->path))
                return;
        op->mode = q->masked->perm & MODE_MASK;
        op->create_parent = q->createparent;
        if (q->bdfsexclusive) {
                op->has_exclusive = op->exclusive = true;
                mutation_remember(m);
        }
        SET_OP(m, MKDIRS, mkdirs);
        mutation_submit(m, mkdirs_done);
}

void serve_delete(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__DeleteRequestProto *q = (const void *)call->request;
        struct mutation *m = mutation_new(nn, call);
        Bdfs__DeleteOp *op;

        if (m == NULL)
                return;
        op = &m->op.delete_;
        bdfs__delete_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->recursive = q->recursive;
        m->record.op_case = BDFS__JOURNAL_RECORD__OP_DELETE;
        m->record.delete_ = op;
        mutation_submit(m, delete_done);
}

static void submit_rename(struct namenode *nn, struct rpc_call *call, const char *src,
                          const char *dst, bool legacy, bool overwrite, bool to_trash,
                          mutation_answer *answer)
{
        struct mutation *m = mutation_new(nn, call);
        Bdfs__RenameOp *op;

        if (m == NULL)
                return;
        op = &m->op.rename;
        bdfs__rename_op__init(op);
        if (!mutation_path(m, src, PATH_READ, &m->path_a, &op->source) ||
            !mutation_path(m, dst, PATH_RENAME_TARGET, &m->path_b, &op->target))
                return;
        op->legacy = legacy;
        op->overwrite = overwrite;
        op->has_to_trash = op->to_trash = to_trash;
        op->has_keep_sticky = op->keep_sticky = true;
        SET_OP(m, RENAME, rename);
        mutation_submit(m, answer);
}

void serve_rename(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__RenameRequestProto *q = (const void *)call->request;

        submit_rename(nn, call, q->src, q->dst, true, false, false, rename_done);
}

void serve_rename2(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__Rename2RequestProto *q = (const void *)call->request;

        submit_rename(nn, call, q->src, q->dst, false, q->overwritedest,
                      q->has_movetotrash && q->movetotrash, rename2_done);
}

/* The sources of a concat, made normal, behind each other in path_b. */
static bool concat_sources(struct mutation *m, const Hadoop__ConcatRequestProto *q,
                           Bdfs__ConcatOp *op)
{
        ProtobufCBinaryData *list = calloc(q->n_srcs + 1, sizeof(*list));
        struct buf room;
        size_t at = 0;

        m->extra = list;
        buf_init(&room, 0);
        for (size_t i = 0; list != NULL && i < q->n_srcs; i++) {
                ProtobufCBinaryData one;

                if (!mutation_path(m, q->srcs[i], PATH_READ, &room, &one)) {
                        buf_fini(&room);
                        return false; /* answered, and the mutation is gone */
                }
                buf_add(&m->path_b, one.data, one.len);
                list[i].len = one.len;
        }
        buf_fini(&room);
        if (list == NULL || m->path_b.bad) {
                struct rpc_call *call = m->call;

                mutation_free(m);
                serve_no_memory(call);
                return false;
        }
        for (size_t i = 0; i < q->n_srcs; at += list[i++].len)
                list[i].data = m->path_b.data + at;
        op->sources = list;
        op->n_sources = q->n_srcs;
        return true;
}

void serve_concat(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__ConcatRequestProto *q = (const void *)call->request;
        struct mutation *m = mutation_new(nn, call);
        Bdfs__ConcatOp *op;

        if (m == NULL)
                return;
        op = &m->op.concat;
        bdfs__concat_op__init(op);
        if (!mutation_path(m, q->trg, PATH_READ, &m->path_a, &op->target) ||
            !concat_sources(m, q, op))
                return;
        SET_OP(m, CONCAT, concat);
        mutation_submit(m, concat_done);
}

void serve_truncate(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__TruncateRequestProto *q = (const void *)call->request;
        struct mutation *m = mutation_new(nn, call);
        Bdfs__TruncateOp *op;

        if (m == NULL)
                return;
        op = &m->op.truncate;
        bdfs__truncate_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->length = q->newlength;
        op->holder = q->clientname;
        op->has_opened = op->opened = q->bdfsopened;
        op->has_take_over = op->take_over = serve_take_over(nn, call, q->src);
        SET_OP(m, TRUNCATE, truncate);
        mutation_submit(m, truncate_done);
}

void serve_set_permission(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__SetPermissionRequestProto *q = (const void *)call->request;
        struct mutation *m = mutation_new(nn, call);
        Bdfs__SetPermissionOp *op;

        if (m == NULL)
                return;
        op = &m->op.set_permission;
        bdfs__set_permission_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->mode = q->permission->perm & MODE_MASK;
        SET_OP(m, SET_PERMISSION, set_permission);
        mutation_submit(m, permission_done);
}

static char *or_empty(char *text)
{
        return text == NULL ? (char *)(uintptr_t)"" : text;
}

void serve_set_owner(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__SetOwnerRequestProto *q = (const void *)call->request;
        struct mutation *m = mutation_new(nn, call);
        Bdfs__SetOwnerOp *op;

        if (m == NULL)
                return;
        op = &m->op.set_owner;
        bdfs__set_owner_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->owner = or_empty(q->username);
        op->group = or_empty(q->groupname);
        op->has_no_follow = op->no_follow = q->bdfsnofollow;
        SET_OP(m, SET_OWNER, set_owner);
        mutation_submit(m, owner_done);
}

void serve_set_times(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__SetTimesRequestProto *q = (const void *)call->request;
        struct mutation *m = mutation_new(nn, call);
        Bdfs__SetTimesOp *op;

        if (m == NULL)
                return;
        op = &m->op.set_times;
        bdfs__set_times_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->mtime = (int64_t)q->mtime;
        op->atime = (int64_t)q->atime;
        op->has_no_follow = op->no_follow = q->bdfsnofollow;
        op->has_posix = op->posix = q->bdfsposix;
        op->has_mtime_now = op->mtime_now = q->bdfsmtimenow;
        op->has_atime_now = op->atime_now = q->bdfsatimenow;
        SET_OP(m, SET_TIMES, set_times);
        mutation_submit(m, times_done);
}

/* More or fewer copies are wanted now. */
static void replication_done(struct mutation *m, struct rpc_call *call,
                             const Bdfs__OpResult *result)
{
        Hadoop__SetReplicationResponseProto r = HADOOP__SET_REPLICATION_RESPONSE_PROTO__INIT;

        if (result->value && result->has_inode)
                serve_check_blocks(m->nn, result->inode);
        r.result = result->value;
        rpc_call_reply(call, &r.base);
}

void serve_set_replication(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__SetReplicationRequestProto *q = (const void *)call->request;
        struct mutation *m = mutation_new(nn, call);
        Bdfs__SetReplicationOp *op;

        if (m == NULL)
                return;
        op = &m->op.set_replication;
        bdfs__set_replication_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->replication = q->replication;
        SET_OP(m, SET_REPLICATION, set_replication);
        mutation_submit(m, replication_done);
}

/* Hadoop's own namenode has symlinks switched off; our clients need them (the mount). */
void serve_create_symlink(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__CreateSymlinkRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__SymlinkOp *op;

        if (call->listener == RPC_HADOOP) {
                struct bdfs_err err;

                (void)bdfs_fail(&err, BDFS_UNSUPPORTED, "Symlinks not supported");
                rpc_call_fail(call, &err);
                return;
        }
        if (!serve_require_writable(nn, call, "Cannot create symlink ", q->link))
                return;
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.symlink;
        bdfs__symlink_op__init(op);
        if (!mutation_path(m, q->link, PATH_MKDIRS, &m->path_a, &op->link))
                return;
        op->target.data = (uint8_t *)q->target;
        op->target.len = strlen(q->target);
        op->create_parent = q->createparent;
        SET_OP(m, SYMLINK, symlink);
        mutation_submit(m, symlink_done);
}
