#include "net/rpc_link.h"

#include <stdlib.h>
#include <string.h>

#include "proto/message.h"

enum bdfs_status rpc_client_new(struct rpc_client **ret, const struct os_addr *server,
                                const char *user, struct bdfs_err *err)
{
        struct rpc_client *c;

        if (strlen(user) > USER_NAME_BYTES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "user name is longer than %d bytes",
                                 USER_NAME_BYTES_MAX);
        c = calloc(1, sizeof(*c));
        if (c == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "rpc client: no memory");
        c->owner = SERVER_OWNER_ANY;
        c->server = *server;
        memcpy(c->user, user, strlen(user) + 1);
        os_random(c->client_id, sizeof(c->client_id));
        os_mutex_init(&c->lock);
        buf_init(&c->outbox, 0);
        buf_init(&c->outgoing, 0);
        rpc_in_init(&c->in, RPC_CLIENT_KEEP_BYTES);
        *ret = c;
        return BDFS_OK;
}

void rpc_client_expect(struct rpc_client *c, uid_t owner)
{
        BDFS_ASSERT(c->sock == NULL && c->calls == NULL);
        c->owner = owner;
}

void rpc_client_free(struct rpc_client *c)
{
        if (c == NULL)
                return;
        BDFS_ASSERT(c->calls == NULL);
        os_sock_close(c->sock);
        buf_fini(&c->outbox);
        buf_fini(&c->outgoing);
        rpc_in_fini(&c->in);
        os_mutex_fini(&c->lock);
        free(c);
}

static enum bdfs_status call_unreachable(const struct rpc_client *c, const struct client_call *call,
                                         struct bdfs_err *err)
{
        enum bdfs_status rc = c->trouble.status == BDFS_TIMEOUT ? BDFS_TIMEOUT : BDFS_UNAVAILABLE;

        return bdfs_fail(err, rc, "%s: cannot reach %s port %u: %s", call->method->name,
                         c->server.host, (unsigned)c->server.port, c->trouble.text);
}

static void call_wait(struct rpc_client *c, struct client_call *call, int64_t deadline_ms)
{
        call->waiting = true;
        (void)os_cond_wait(&call->wake, &c->lock, deadline_ms);
        call->waiting = false;
}

/* There is no good connection: make one, or wait for whoever is at it. */
static enum bdfs_status call_connect(struct rpc_client *c, struct client_call *call,
                                     int64_t deadline_ms, struct bdfs_err *err)
{
        int64_t until_ms = c->connect_not_before_ms;

        if (c->sock != NULL || c->connecting) {
                call_wait(c, call, deadline_ms);
        } else if (c->connect_failures - call->failures_seen >= RPC_RETRIES) {
                return call_unreachable(c, call, err);
        } else if (os_mono_ms() < until_ms) {
                call_wait(c, call, until_ms < deadline_ms ? until_ms : deadline_ms);
        } else {
                rpc_link_connect(c, call->method, deadline_ms);
        }
        return BDFS_OK;
}

static enum bdfs_status call_late(const struct rpc_client *c, const struct client_call *call,
                                  struct bdfs_err *err)
{
        if (call->retry_count < 0 && c->sock == NULL && c->bad_streak > 0)
                return call_unreachable(c, call, err);
        return bdfs_fail(err, BDFS_TIMEOUT, "%s: %s port %u did not answer before the deadline%s%s",
                         call->method->name, c->server.host, (unsigned)c->server.port,
                         c->trouble.text[0] == '\0' ? "" : "; last trouble: ", c->trouble.text);
}

/* Until the call is done or hopeless: whatever there is to do, this caller does it. */
static enum bdfs_status call_drive(struct rpc_client *c, struct client_call *call,
                                   int64_t deadline_ms, struct bdfs_err *err)
{
        enum bdfs_status status;

        while (!call->done) {
                if (os_mono_ms() >= deadline_ms)
                        return call_late(c, call, err);
                if (c->sock == NULL || c->broken) {
                        status = call_connect(c, call, deadline_ms, err);
                        if (status != BDFS_OK)
                                return status;
                } else if (call->epoch != c->epoch) {
                        rpc_link_enqueue(c, call);
                } else if (c->outbox.n > 0 && !c->writing) {
                        rpc_link_write(c, deadline_ms);
                } else if (!c->reading) {
                        rpc_link_read(c, deadline_ms);
                } else {
                        call_wait(c, call, deadline_ms);
                }
        }
        if (call->body != NULL)
                return BDFS_OK;
        if (err != NULL)
                *err = call->err;
        return call->err.status;
}

static void call_link(struct rpc_client *c, struct client_call *call)
{
        call->id = c->next_id;
        c->next_id = c->next_id == INT32_MAX ? 0 : c->next_id + 1;
        call->retry_count = -1;
        call->failures_seen = c->connect_failures;
        call->next = c->calls;
        if (call->next != NULL)
                call->next->previous = call;
        c->calls = call;
}

static void call_unlink(struct rpc_client *c, struct client_call *call)
{
        if (call->previous != NULL)
                call->previous->next = call->next;
        else
                c->calls = call->next;
        if (call->next != NULL)
                call->next->previous = call->previous;
}

enum bdfs_status rpc_client_call_class(struct rpc_client *c, const struct method *m,
                                       const ProtobufCMessage *request, ProtobufCMessage **ret,
                                       int64_t deadline_ms, char ret_class[RPC_CLASS_BYTES],
                                       struct bdfs_err *err)
{
        struct client_call call = {.method = m, .request = request};
        enum bdfs_status status;

        BDFS_ASSERT(request->descriptor == m->request);
        os_cond_init(&call.wake);
        {
                AUTO_LOCK(&c->lock);
                call_link(c, &call);
                status = call_drive(c, &call, deadline_ms, err);
                call_unlink(c, &call);
                rpc_link_wake_for_work(c);
        }
        os_cond_fini(&call.wake);
        memcpy(ret_class, call.java_class, RPC_CLASS_BYTES);
        if (status == BDFS_OK) {
                ProtobufCMessage *answer = message_unpack(m->response, call.body, call.body_n,
                                                          &call.err);

                if (answer != NULL)
                        *ret = answer;
                else
                        status = bdfs_fail(err, call.err.status, "%s: the answer of %s port %u: %s",
                                           m->name, c->server.host, (unsigned)c->server.port,
                                           call.err.text);
        }
        free(call.body);
        return status;
}

enum bdfs_status rpc_client_call(struct rpc_client *c, const struct method *m,
                                 const ProtobufCMessage *request, ProtobufCMessage **ret,
                                 int64_t deadline_ms, struct bdfs_err *err)
{
        char java_class[RPC_CLASS_BYTES];

        return rpc_client_call_class(c, m, request, ret, deadline_ms, java_class, err);
}
