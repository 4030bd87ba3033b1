#include "namenode/serve/serve_datanode.h"

#include "common/log.h"
#include "namenode/serve/serve.h"

static void datanode_answer(struct rpc_call *call, enum bdfs_status rc,
                            const ProtobufCMessage *response, const struct bdfs_err *err)
{
        if (rc == BDFS_OK)
                rpc_call_reply(call, response);
        else
                rpc_call_fail(call, err);
}

static void datanode_challenge(struct namenode *nn, struct rpc_call *call)
{
        Bdfs__ChallengeResponse response = BDFS__CHALLENGE_RESPONSE__INIT;
        struct blocks_challenge_room room;
        struct bdfs_err err;
        enum bdfs_status rc;

        rc = blocks_challenge(nn->blocks, (const void *)call->request, &room, &response, &err);
        if (rc != BDFS_OK)
                log_warn("datanode refused: %s", err.text);
        datanode_answer(call, rc, &response.base, &err);
}

static void datanode_register(struct namenode *nn, struct rpc_call *call)
{
        const Bdfs__RegisterRequest *request = (const void *)call->request;
        Bdfs__RegisterResponse response = BDFS__REGISTER_RESPONSE__INIT;
        struct bdfs_err err;
        enum bdfs_status rc;

        rc = blocks_prove(nn->blocks, request, &err);
        if (rc == BDFS_OK)
                rc = blocks_register(nn->blocks, request, &response, &err);
        if (rc != BDFS_OK)
                log_warn("datanode refused ip=%s: %s", request->ip, err.text);
        datanode_answer(call, rc, &response.base, &err);
}

static void datanode_heartbeat(struct namenode *nn, struct rpc_call *call)
{
        Bdfs__HeartbeatResponse *response = NULL;
        struct bdfs_err err;
        enum bdfs_status rc;

        rc = blocks_heartbeat(nn->blocks, (const void *)call->request, &response, &err);
        datanode_answer(call, rc, rc == BDFS_OK ? &response->base : NULL, &err);
        blocks_heartbeat_free(response);
}

static void datanode_report(struct namenode *nn, struct rpc_call *call)
{
        Bdfs__ReportResponse response = BDFS__REPORT_RESPONSE__INIT;
        struct bdfs_err err;
        enum bdfs_status rc;

        rc = blocks_report(nn->blocks, (const void *)call->request, &response, &err);
        datanode_answer(call, rc, &response.base, &err);
}

static void datanode_full_report(struct namenode *nn, struct rpc_call *call)
{
        Bdfs__FullReportResponse response = BDFS__FULL_REPORT_RESPONSE__INIT;
        struct bdfs_err err;
        enum bdfs_status rc;

        rc = blocks_full_report(nn->blocks, (const void *)call->request, &response, &err);
        datanode_answer(call, rc, &response.base, &err);
}

static void datanode_may_read(struct namenode *nn, struct rpc_call *call)
{
        const Bdfs__MayReadRequest *q = (const void *)call->request;
        Bdfs__MayReadResponse response = BDFS__MAY_READ_RESPONSE__INIT;
        struct serve_caller who;
        struct store_txn *t;
        struct bdfs_err err;
        enum bdfs_status rc;

        serve_hadoop_user(nn, q->user, &who);
        rc = store_begin_read(nn->store, &t, &err);
        if (rc == BDFS_OK) {
                response.may = serve_may_read_block(t, &who, q->block);
                store_abort(t);
        }
        datanode_answer(call, rc, &response.base, &err);
}

static const struct serve_call datanode_calls[] = {
        [METHOD_BDFS_DATANODE_challenge] = {datanode_challenge, SERVE_DATANODE},
        [METHOD_BDFS_DATANODE_fullReport] = {datanode_full_report, SERVE_DATANODE},
        [METHOD_BDFS_DATANODE_heartbeat] = {datanode_heartbeat, SERVE_DATANODE},
        [METHOD_BDFS_DATANODE_mayRead] = {datanode_may_read, SERVE_DATANODE},
        [METHOD_BDFS_DATANODE_register] = {datanode_register, SERVE_DATANODE},
        [METHOD_BDFS_DATANODE_report] = {datanode_report, SERVE_DATANODE},
};

static void datanode_run(void *context, struct rpc_call *call)
{
        serve_run(datanode_calls, context, call);
}

static rpc_handler *datanode_handler(const struct method *m)
{
        return SERVE_HAS(datanode_calls, m) ? datanode_run : NULL;
}

struct rpc_service serve_datanode_service(struct namenode *nn)
{
        return (struct rpc_service){.protocol = "bdfs.DatanodeService",
                                    .handler_of = datanode_handler,
                                    .context = nn,
                                    .listeners = 1u << RPC_OWN};
}
