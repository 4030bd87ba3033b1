#include "net/rpc_conn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "proto/message.h"

/* ---- reading ------------------------------------------------------------------------------- */

/* Have @need bytes; false: the peer is gone or late. */
static bool in_fill(struct rpc_conn *conn, size_t need, int64_t deadline_ms)
{
        while (rpc_in_left(&conn->in) < need) {
                if (rpc_in_read(&conn->in, conn->sock, deadline_ms, NULL) != BDFS_OK)
                        return false;
                if (!rpc_conn_count_in(conn)) {
                        unsigned more;

                        if (shares_may_log(conn->shares, &more))
                                log_warn("rpc peers of one user hold too many half requests, one "
                                         "is disconnected uid=%u more=%u",
                                         (unsigned)conn->peer.uid, more);
                        shares_punish(conn->shares, conn->share);
                        conn->cut_off = true;
                        return false;
                }
        }
        return true;
}

static bool calls_are_open(struct rpc_conn *conn)
{
        AUTO_LOCK(&conn->lock);
        return conn->calls_open > 0 && !conn->broken;
}

/* Wait for the first byte of a frame; a connection that waits for answers is not idle. */
static bool in_wait_frame(struct rpc_conn *conn)
{
        int64_t deadline_ms;

        if (rpc_in_left(&conn->in) > 0)
                return true;
        if (!conn->has_caller)
                return in_fill(conn, 1, conn->hello_deadline_ms);
        deadline_ms = os_mono_ms() + conn->server->config.idle_ms;
        while (!in_fill(conn, 1, deadline_ms)) {
                if (os_mono_ms() < deadline_ms || !calls_are_open(conn))
                        return false;
                deadline_ms = os_mono_ms() + conn->server->config.idle_ms;
        }
        return true;
}

/* ---- one frame ----------------------------------------------------------------------------- */

/* The last words to a peer; returns false, the connection ends. */
static bool conn_fatal(struct rpc_conn *conn, int32_t call_id, enum ipc_error_code code,
                       const char *java_class, const char *text)
{
        struct rpc_fatal f = {call_id, code, java_class, text};

        rpc_conn_say_fatal(conn, &f);
        return false;
}

static bool conn_say_refusal(struct rpc_conn *conn, int32_t call_id)
{
        const struct bdfs_err *err = &conn->refusal;
        enum ipc_error_code code = err->status == BDFS_PERMISSION ? IPC_FATAL_UNAUTHORIZED
                                                                  : IPC_FATAL_UNKNOWN;

        conn->refused = false;
        return conn_fatal(conn, call_id, code, exception_class(err->status), err->text);
}

static void sasl_success_encode(struct buf *to, const void *arg)
{
        Hadoop__RpcSaslProto sasl = HADOOP__RPC_SASL_PROTO__INIT;

        (void)arg;
        sasl.state = HADOOP__RPC_SASL_PROTO__SASL_STATE__SUCCESS;
        ipc_sasl_reply_encode(to, &sasl);
}

static bool conn_sasl(struct rpc_conn *conn, const struct ipc_request *r)
{
        Hadoop__RpcSaslProto *sasl;
        struct bdfs_err err;
        bool negotiates;

        if (!conn->expects_sasl)
                return conn_fatal(conn, IPC_ID_SASL, IPC_FATAL_INVALID_RPC_HEADER,
                                  RPC_SERVER_EXCEPTION, "SASL was not asked for, or is over");
        sasl = message_unpack(&hadoop__rpc_sasl_proto__descriptor, r->body, r->body_n, &err);
        if (sasl == NULL)
                return conn_fatal(conn, IPC_ID_SASL, IPC_FATAL_DESERIALIZING_REQUEST,
                                  RPC_SERVER_EXCEPTION, err.text);
        negotiates = sasl->state == HADOOP__RPC_SASL_PROTO__SASL_STATE__NEGOTIATE;
        message_free(sasl);
        if (!negotiates)
                return conn_fatal(conn, IPC_ID_SASL, IPC_FATAL_UNAUTHORIZED,
                                  EXCEPTION_ACCESS_CONTROL,
                                  "only SIMPLE authentication is enabled");
        conn->expects_sasl = false;
        rpc_conn_say(conn, sasl_success_encode, NULL);
        return true;
}

/* The reason is said to the first call, under its id: some clients look at nothing else. */
static void conn_refuse(struct rpc_conn *conn)
{
        int64_t soon_ms = os_mono_ms() + RPC_REFUSE_MS;

        conn->refused = true;
        if (conn->hello_deadline_ms > soon_ms)
                conn->hello_deadline_ms = soon_ms;
}

static enum bdfs_status conn_identify(struct rpc_conn *conn,
                                      const Hadoop__UserInformationProto *info)
{
        struct identity *id = conn->server->config.identity;
        const char *claimed = info == NULL ? NULL : info->effectiveuser;
        const char *real = info == NULL ? NULL : info->realuser;

        if (conn->server->config.ignore_claimed_user)
                claimed = real = NULL;
        if (real != NULL && real[0] != '\0' &&
            identity_check_real(id, &conn->peer, real, &conn->refusal) != BDFS_OK)
                return conn->refusal.status;
        return identity_caller(id, &conn->peer, claimed, &conn->caller, &conn->refusal);
}

/* Whom the connection counts for, now that it is known. Root's and the owner's stay theirs. */
static enum bdfs_status conn_settle(struct rpc_conn *conn)
{
        const struct caller *c = &conn->caller;

        if (strcmp(c->user, c->real) == 0 || c->uid == 0 ||
            c->uid == identity_owner(conn->server->config.identity))
                return BDFS_OK;
        return rpc_conn_move(conn, c->user, &conn->refusal);
}

static bool conn_context(struct rpc_conn *conn, const struct ipc_request *r)
{
        Hadoop__IpcConnectionContextProto *context;
        struct bdfs_err err;

        if (conn->has_caller || conn->refused || conn->expects_sasl)
                return conn_fatal(conn, IPC_ID_CONTEXT, IPC_FATAL_INVALID_RPC_HEADER,
                                  RPC_SERVER_EXCEPTION, "connection context out of turn");
        context = message_unpack(&hadoop__ipc_connection_context_proto__descriptor, r->body,
                                 r->body_n, &err);
        if (context == NULL)
                return conn_fatal(conn, IPC_ID_CONTEXT, IPC_FATAL_DESERIALIZING_REQUEST,
                                  RPC_SERVER_EXCEPTION, err.text);
        if (conn_identify(conn, context->userinfo) == BDFS_OK &&
            conn_settle(conn) == BDFS_OK)
                conn->has_caller = true;
        else
                conn_refuse(conn);
        message_free(context);
        return true;
}

struct call_error {
        int32_t call_id;
        const char *java_class; /* NULL: by err */
        const struct bdfs_err *err;
};

static void call_error_encode(struct buf *to, const void *arg)
{
        const struct call_error *e = arg;

        if (e->java_class != NULL)
                ipc_error_class_encode(to, e->call_id, e->java_class, e->err->text);
        else
                ipc_error_encode(to, e->call_id, e->err);
}

static bool conn_call_error(struct rpc_conn *conn, int32_t call_id, const char *java_class,
                            const struct bdfs_err *err)
{
        struct call_error e = {call_id, java_class, err};

        rpc_conn_say(conn, call_error_encode, &e);
        return true;
}

/* The service, or NULL with the reason in @err. */
static const struct rpc_service *conn_service(const struct rpc_conn *conn,
                                              const struct ipc_request *r,
                                              const struct method **ret_method,
                                              struct bdfs_err *err)
{
        enum protocol_id id = method_protocol(r->protocol.at, r->protocol.n);
        const struct rpc_service *service = NULL;
        int shown = r->protocol.n < 200 ? (int)r->protocol.n : 200;

        if (id != PROTOCOL_COUNT)
                service = conn->server->services[conn->listener][id];
        if (service == NULL) {
                (void)bdfs_fail(err, BDFS_NO_PROTOCOL, "Unknown protocol: %.*s", shown,
                                r->protocol.at);
                return NULL;
        }
        *ret_method = method_find(r->protocol.at, r->protocol.n, r->method.at, r->method.n);
        return service;
}

/* What an open call counts for: also for its place in queues, which are everybody's. */
static uint64_t call_bytes(const ProtobufCMessage *request)
{
        uint64_t bytes = message_memory(request);

        return bytes < SHARES_CALL_BYTES ? SHARES_CALL_BYTES : bytes;
}

/* call_bytes() of @request are counted already. */
static struct rpc_call *call_new(struct rpc_conn *conn, const struct ipc_request *r,
                                 const struct method *m, ProtobufCMessage *request)
{
        struct rpc_call *call = calloc(1, sizeof(*call));

        if (call == NULL)
                return NULL;
        call->counted = call_bytes(request);
        call->conn = conn;
        call->listener = conn->listener;
        call->caller = &conn->caller;
        call->peer = conn->address;
        call->method = m;
        call->request = request;
        memcpy(call->client_id, r->client_id, sizeof(call->client_id));
        call->client_id_n = r->client_id_n;
        call->call_id = r->call_id;
        call->retry_count = r->retry_count;
        call->arrived_ms = os_mono_ms();
        call->deadline_ms = call->arrived_ms + RPC_CALL_MS;
        AUTO_LOCK(&conn->lock);
        conn->refs++;
        conn->calls_open++;
        return call;
}

/* Decoded, and counted for whoever sends it: first the most that it can take, since memory that is
 * taken already cannot be refused, then what it did take. */
static ProtobufCMessage *conn_decode(struct rpc_conn *conn, const struct ipc_request *r,
                                     const struct method *m, struct bdfs_err *err)
{
        struct shares *s = conn->shares;
        uint64_t most = MESSAGE_MEMORY_BASE + MESSAGE_MEMORY_PER_BYTE * (uint64_t)r->body_n;
        ProtobufCMessage *request;

        if (!shares_take(s, conn->share, most)) {
                (void)bdfs_fail(err, BDFS_RETRY, "%s: the requests of user %s that are under way "
                                "take as much memory as one user's may: wait for some of them",
                                m->name, conn->caller.user);
                return NULL;
        }
        request = message_unpack(m->request, r->body, r->body_n, err);
        shares_give(s, conn->share, request == NULL ? most : most - call_bytes(request));
        return request;
}

static bool conn_run_call(struct rpc_conn *conn, const struct ipc_request *r,
                          const struct rpc_service *service, const struct method *m,
                          rpc_handler *handler)
{
        struct bdfs_err err;
        ProtobufCMessage *request = conn_decode(conn, r, m, &err);
        struct rpc_call *call;

        if (request == NULL && err.status == BDFS_PROTOCOL)
                return conn_fatal(conn, r->call_id, IPC_FATAL_DESERIALIZING_REQUEST,
                                  RPC_SERVER_EXCEPTION, err.text);
        if (request == NULL)
                return conn_call_error(conn, r->call_id, NULL, &err);
        call = call_new(conn, r, m, request);
        if (call == NULL) {
                shares_give(conn->shares, conn->share, call_bytes(request));
                message_free(request);
                (void)bdfs_fail(&err, BDFS_NO_MEMORY, "%s: no memory", m->name);
                return conn_call_error(conn, r->call_id, NULL, &err);
        }
        handler(service->context, call);
        return true;
}

static bool conn_call(struct rpc_conn *conn, const struct ipc_request *r)
{
        const struct rpc_service *service;
        const struct method *m = NULL;
        rpc_handler *handler = NULL;
        struct bdfs_err err;

        if (conn->refused)
                return conn_say_refusal(conn, r->call_id);
        if (!conn->has_caller)
                return conn_fatal(conn, r->call_id, IPC_FATAL_INVALID_RPC_HEADER,
                                  RPC_SERVER_EXCEPTION, "no connection context was sent");
        service = conn_service(conn, r, &m, &err);
        if (service == NULL)
                return conn_call_error(conn, r->call_id, NULL, &err);
        if (r->version != METHOD_PROTOCOL_VERSION) {
                (void)bdfs_fail(&err, BDFS_INVALID,
                                "Protocol %s version mismatch. (client = %" PRIu64
                                ", server = %d)", service->protocol, r->version,
                                METHOD_PROTOCOL_VERSION);
                return conn_call_error(conn, r->call_id, EXCEPTION_VERSION_MISMATCH, &err);
        }
        if (m != NULL)
                handler = service->handler_of(m);
        if (handler == NULL) {
                (void)bdfs_fail(&err, BDFS_NO_METHOD, "Unknown method %.*s called on %s protocol.",
                                r->method.n < 200 ? (int)r->method.n : 200, r->method.at,
                                service->protocol);
                return conn_call_error(conn, r->call_id, NULL, &err);
        }
        return conn_run_call(conn, r, service, m, handler);
}

/* False: the connection ends. */
static bool conn_frame(struct rpc_conn *conn, const uint8_t *frame, size_t n)
{
        struct ipc_request r;
        struct bdfs_err err;

        if (ipc_request_decode(frame, n, &r, &err) != BDFS_OK)
                return conn_fatal(conn, r.call_id, r.refusal, RPC_SERVER_EXCEPTION, err.text);
        switch (r.kind) {
        case IPC_CALL:
                return conn_call(conn, &r);
        case IPC_CONTEXT:
                return conn_context(conn, &r);
        case IPC_SASL:
                return conn_sasl(conn, &r);
        case IPC_PING:
                return true;
        }
        return false;
}

/* ---- the thread ---------------------------------------------------------------------------- */

static bool conn_next_frame(struct rpc_conn *conn)
{
        int64_t deadline_ms;
        struct bdfs_err err;
        size_t n = 0;
        bool goes_on;

        if (!in_wait_frame(conn))
                return conn->refused ? conn_say_refusal(conn, IPC_ID_REFUSED) : false;
        deadline_ms = os_mono_ms() + conn->server->config.frame_ms;
        if (!conn->has_caller && deadline_ms > conn->hello_deadline_ms)
                deadline_ms = conn->hello_deadline_ms;
        if (!in_fill(conn, IPC_LENGTH_BYTES, deadline_ms))
                return false;
        if (ipc_frame_length(rpc_in_bytes(&conn->in),
                             conn->has_caller ? RPC_REQUEST_BYTES_MAX : RPC_HELLO_BYTES_MAX, &n,
                             &err) != BDFS_OK)
                return conn_fatal(conn, IPC_ID_INVALID, IPC_FATAL_INVALID_RPC_HEADER,
                                  RPC_SERVER_EXCEPTION, err.text);
        if (!in_fill(conn, IPC_LENGTH_BYTES + n, deadline_ms))
                return false;
        goes_on = conn_frame(conn, rpc_in_bytes(&conn->in) + IPC_LENGTH_BYTES, n);
        rpc_in_consume(&conn->in, IPC_LENGTH_BYTES + n);
        (void)rpc_conn_count_in(conn); /* less can always be counted */
        return goes_on;
}

static void http_encode(struct buf *to, const void *arg)
{
        (void)arg;
        buf_add(to, ipc_http_answer, strlen(ipc_http_answer));
}

static void version_encode(struct buf *to, const void *arg)
{
        (void)arg;
        ipc_version_encode(to);
}

static bool conn_hello(struct rpc_conn *conn)
{
        enum ipc_hello hello;

        if (!in_fill(conn, IPC_HELLO_BYTES, conn->hello_deadline_ms))
                return false;
        hello = ipc_hello_decode(rpc_in_bytes(&conn->in));
        rpc_in_consume(&conn->in, IPC_HELLO_BYTES);
        switch (hello) {
        case IPC_HELLO_SIMPLE:
                return true;
        case IPC_HELLO_SASL:
                conn->expects_sasl = true;
                return true;
        case IPC_HELLO_HTTP:
                rpc_conn_say(conn, http_encode, NULL);
                return false;
        case IPC_HELLO_VERSION:
                rpc_conn_say(conn, version_encode, NULL);
                return false;
        case IPC_HELLO_NONSENSE:
                return false;
        }
        return false;
}

/* Closing with unread bytes would reset the connection and take our last words with it: read what
 * the peer still sends, until it is quiet or closes. */
static void conn_linger(struct rpc_conn *conn)
{
        int64_t deadline_ms = os_mono_ms() + RPC_LINGER_MS, quiet_ms;
        uint64_t most = 4 * RPC_REQUEST_BYTES_MAX;

        rpc_conn_drain(conn, deadline_ms);
        while (most > 0) {
                uint8_t waste[4096];
                size_t got = 0;

                quiet_ms = os_mono_ms() + RPC_QUIET_MS;
                if (quiet_ms > deadline_ms)
                        quiet_ms = deadline_ms;
                if (os_sock_read_some(conn->sock, waste, sizeof(waste), &got, quiet_ms,
                                      NULL) != BDFS_OK || got == 0)
                        return;
                most -= got < most ? got : most;
        }
}

void rpc_conn_run(void *arg)
{
        struct rpc_conn *conn = arg;

        conn->hello_deadline_ms = os_mono_ms() + conn->server->config.hello_ms;
        if (conn_hello(conn))
                while (rpc_conn_wait_room(conn) && conn_next_frame(conn))
                        continue;
        if (!conn->cut_off)
                conn_linger(conn);
        rpc_conn_break(conn);
        rpc_server_conn_ended(conn);
        rpc_conn_unref(conn);
}
