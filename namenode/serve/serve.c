/* What the handlers of all services share, and what is looked at before they run. */
#include "namenode/serve/serve.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "proto/exception.h"

/* ---- who asks ---- */

static bool in_group(struct namenode *nn, const char *user, const char *group)
{
        struct os_groups groups;

        identity_groups(nn->identity, user, &groups);
        for (size_t i = 0; i < groups.n; i++) {
                if (strcmp(groups.names[i], group) == 0)
                        return true;
        }
        return false;
}

bool serve_is_superuser(struct namenode *nn, const struct rpc_call *call)
{
        if (call->listener == RPC_HADOOP && !nn->conf->hadoop_superuser)
                return false;
        return call->caller->is_owner ||
               in_group(nn, call->caller->user, nn->conf->supergroup);
}

bool serve_require_superuser(struct namenode *nn, struct rpc_call *call, const char *operation)
{
        struct bdfs_err err;

        if (serve_is_superuser(nn, call))
                return true;
        (void)perm_denied_superuser(call->caller->user, operation, &err);
        rpc_call_fail(call, &err);
        return false;
}

static void caller_of(struct namenode *nn, const char *user, bool superuser,
                      struct serve_caller *ret)
{
        identity_groups(nn->identity, user, &ret->groups);
        for (size_t i = 0; i < ret->groups.n; i++)
                ret->names[i] = ret->groups.names[i];
        ret->ns.user = user;
        ret->ns.groups = ret->names;
        ret->ns.groups_n = ret->groups.n;
        ret->ns.superuser = superuser;
}

void serve_caller(struct namenode *nn, const struct rpc_call *call, struct serve_caller *ret)
{
        caller_of(nn, call->caller->user, serve_is_superuser(nn, call), ret);
}

void serve_hadoop_user(struct namenode *nn, const char *user, struct serve_caller *ret)
{
        bool superuser = nn->conf->hadoop_superuser &&
                         (strcmp(user, nn->owner) == 0 || in_group(nn, user, nn->conf->supergroup));

        caller_of(nn, user, superuser, ret);
}

/* ---- paths ---- */

bool serve_path(struct rpc_call *call, const char *text, enum path_use use, struct buf *room,
                struct path *ret)
{
        enum path_fault fault = PATH_FAULT_NONE;
        struct bdfs_err err;

        if (path_check(text, strlen(text), use, call->listener == RPC_HADOOP, room, ret, &fault,
                       &err) == BDFS_OK)
                return true;
        if (fault == PATH_FAULT_RELATIVE)
                rpc_call_fail_class(call, EXCEPTION_ASSERTION, err.text);
        else if (fault == PATH_FAULT_EMPTY)
                rpc_call_fail_class(call, EXCEPTION_ILLEGAL_ARGUMENT, err.text);
        else
                rpc_call_fail(call, &err);
        return false;
}

/* ---- reads ---- */

void serve_no_memory(struct rpc_call *call)
{
        struct bdfs_err err;

        (void)bdfs_fail(&err, BDFS_NO_MEMORY, "no memory for an answer");
        rpc_call_fail(call, &err);
}

static void reading_fini(struct reading *r)
{
        store_abort(r->t);
        describe_fini(&r->d);
        buf_fini(&r->room);
}

bool reading_begin(struct reading *r, struct namenode *nn, struct rpc_call *call, const char *text)
{
        struct bdfs_err err;

        r->nn = nn;
        r->call = call;
        r->t = NULL;
        r->d = (struct describe){0};
        buf_init(&r->room, 0);
        if (text != NULL && !serve_path(call, text, PATH_READ, &r->room, &r->path)) {
                reading_fini(r);
                return false;
        }
        serve_caller(nn, call, &r->who);
        if (store_begin_read(nn->store, &r->t, &err) != BDFS_OK) {
                rpc_call_fail(call, &err);
                reading_fini(r);
                return false;
        }
        return true;
}

void reading_end(struct reading *r, enum bdfs_status status, const ProtobufCMessage *response,
                 const struct bdfs_err *err)
{
        if (status == BDFS_OK && response == NULL)
                serve_no_memory(r->call);
        else if (status == BDFS_OK)
                rpc_call_reply(r->call, response);
        else
                rpc_call_fail(r->call, err);
        reading_fini(r);
}

void reading_end_class(struct reading *r, const char *java_class, const char *text)
{
        rpc_call_fail_class(r->call, java_class, text);
        reading_fini(r);
}

/* ---- safe mode ---- */

bool serve_require_writable(struct namenode *nn, struct rpc_call *call, const char *what,
                            const char *path)
{
        struct bdfs_err err;
        char why[512];

        if (!blocks_safe_mode(nn->blocks, SAFE_MODE_GET))
                return true;
        blocks_safe_mode_text(nn->blocks, why, sizeof(why));
        (void)bdfs_fail(&err, BDFS_SAFE_MODE,
                        "%s%s. Name node is in safe mode.\n%s NamenodeHostName:%s", what, path, why,
                        nn->conf->listen);
        rpc_call_fail(call, &err);
        return false;
}

/* ---- tables of calls ---- */

static bool require_datanode(struct rpc_call *call)
{
        struct bdfs_err err;

        if (call->listener == RPC_OWN && call->caller->is_owner)
                return true;
        (void)bdfs_fail(&err, BDFS_PERMISSION,
                        "%s may not call %s: only the owner of the cluster, for its datanodes",
                        call->caller->user, call->method->name);
        log_warn("call refused user=%s uid=%u method=%s", call->caller->user,
                 (unsigned)call->caller->uid, call->method->name);
        rpc_call_fail(call, &err);
        return false;
}

/* The request's string of that name. */
static const char *call_subject(const struct rpc_call *call, const char *name)
{
        const ProtobufCFieldDescriptor *f;

        if (name == NULL)
                return "";
        f = protobuf_c_message_descriptor_get_field_by_name(call->request->descriptor, name);
        BDFS_ASSERT(f != NULL && f->type == PROTOBUF_C_TYPE_STRING);
        return *(const char *const *)(const void *)((const uint8_t *)call->request + f->offset);
}

void serve_run(const struct serve_call *table, struct namenode *nn, struct rpc_call *call)
{
        const struct serve_call *row = &table[call->method->id];

        BDFS_ASSERT(row->run != NULL);
        if ((row->flags & SERVE_DATANODE) && !require_datanode(call))
                return;
        if ((row->flags & SERVE_SUPERUSER) && !serve_require_superuser(nn, call, row->words))
                return;
        if ((row->flags & SERVE_CHANGES) &&
            !serve_require_writable(nn, call, row->words, call_subject(call, row->subject)))
                return;
        row->run(nn, call);
}

void serve_empty(struct namenode *nn, struct rpc_call *call)
{
        ProtobufCMessage *m = malloc(call->method->response->sizeof_message);

        (void)nn;
        if (m == NULL) {
                serve_no_memory(call);
                return;
        }
        protobuf_c_message_init(call->method->response, m);
        rpc_call_reply(call, m);
        free(m);
}
