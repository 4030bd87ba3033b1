#include "namenode/serve/serve_datanode.h"

#include "common/log.h"
#include "namenode/serve/serve.h"

static struct blocks *blocks_of(void *context)
{
        return ((struct namenode *)context)->blocks;
}

/* False, and the call is answered, unless a datanode of this cluster asks. */
static bool is_datanode(struct rpc_call *call)
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

static void answer(struct rpc_call *call, enum bdfs_status rc, const ProtobufCMessage *response,
                   const struct bdfs_err *err)
{
        if (rc == BDFS_OK)
                rpc_call_reply(call, response);
        else
                rpc_call_fail(call, err);
}

static void serve_challenge(void *context, struct rpc_call *call)
{
        Bdfs__ChallengeResponse response = BDFS__CHALLENGE_RESPONSE__INIT;
        struct blocks_challenge_room room;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!is_datanode(call))
                return;
        rc = blocks_challenge(blocks_of(context), (const void *)call->request, &room, &response,
                              &err);
        if (rc != BDFS_OK)
                log_warn("datanode refused: %s", err.text);
        answer(call, rc, &response.base, &err);
}

static void serve_register(void *context, struct rpc_call *call)
{
        const Bdfs__RegisterRequest *request = (const void *)call->request;
        Bdfs__RegisterResponse response = BDFS__REGISTER_RESPONSE__INIT;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!is_datanode(call))
                return;
        rc = blocks_prove(blocks_of(context), request, &err);
        if (rc == BDFS_OK)
                rc = blocks_register(blocks_of(context), request, &response, &err);
        if (rc != BDFS_OK)
                log_warn("datanode refused ip=%s: %s", request->ip, err.text);
        answer(call, rc, &response.base, &err);
}

static void serve_heartbeat(void *context, struct rpc_call *call)
{
        Bdfs__HeartbeatResponse *response = NULL;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!is_datanode(call))
                return;
        rc = blocks_heartbeat(blocks_of(context), (const void *)call->request, &response, &err);
        answer(call, rc, rc == BDFS_OK ? &response->base : NULL, &err);
        blocks_heartbeat_free(response);
}

static void serve_report(void *context, struct rpc_call *call)
{
        Bdfs__ReportResponse response = BDFS__REPORT_RESPONSE__INIT;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!is_datanode(call))
                return;
        rc = blocks_report(blocks_of(context), (const void *)call->request, &response, &err);
        answer(call, rc, &response.base, &err);
}

static void serve_full_report(void *context, struct rpc_call *call)
{
        Bdfs__FullReportResponse response = BDFS__FULL_REPORT_RESPONSE__INIT;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!is_datanode(call))
                return;
        rc = blocks_full_report(blocks_of(context), (const void *)call->request, &response, &err);
        answer(call, rc, &response.base, &err);
}

static void serve_may_read(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Bdfs__MayReadRequest *q = (const void *)call->request;
        Bdfs__MayReadResponse response = BDFS__MAY_READ_RESPONSE__INIT;
        struct serve_caller who;
        struct store_txn *t;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!is_datanode(call))
                return;
        serve_hadoop_user(nn, q->user, &who);
        rc = store_begin_read(nn->store, &t, &err);
        if (rc == BDFS_OK) {
                response.may = serve_may_read_block(t, &who, q->block);
                store_abort(t);
        }
        answer(call, rc, &response.base, &err);
}

static rpc_handler *handler_of(const struct method *m)
{
        switch ((int)m->id) {
        case METHOD_BDFS_DATANODE_challenge: return serve_challenge;
        case METHOD_BDFS_DATANODE_mayRead: return serve_may_read;
        case METHOD_BDFS_DATANODE_register: return serve_register;
        case METHOD_BDFS_DATANODE_heartbeat: return serve_heartbeat;
        case METHOD_BDFS_DATANODE_report: return serve_report;
        case METHOD_BDFS_DATANODE_fullReport: return serve_full_report;
        default: return NULL;
        }
}

struct rpc_service serve_datanode_service(struct namenode *nn)
{
        return (struct rpc_service){.protocol = "bdfs.DatanodeService",
                                    .handler_of = handler_of,
                                    .context = nn,
                                    .listeners = 1u << RPC_OWN};
}
