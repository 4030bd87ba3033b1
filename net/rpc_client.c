#include "net/rpc_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "net/rpc_in.h"
#include "proto/ipc.h"
#include "proto/message.h"

#define CONNECT_MS 10000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 1000
#define IDLE_CHECK_MS 1000 /* unused for so long: look whether the server has closed it */
#define KEEP_BYTES (256 * KIB)

/* A call under way, on its caller's stack. Guarded by: client.lock. */
struct client_call {
        struct client_call *next, *previous;
        const struct method *method;
        const ProtobufCMessage *request;
        int32_t id, retry_count; /* retry_count -1: never sent */
        uint64_t epoch;          /* the connection it was sent on; 0: none */
        uint64_t failures_seen;  /* client.connect_failures when it began, or was sent */
        bool waiting;            /* on `wake`, and not signalled yet */
        bool done;
        struct os_cond wake;
        uint8_t *body; /* the answer; NULL: failed, as err says */
        size_t body_n;
        struct bdfs_err err;
        char java_class[RPC_CLASS_BYTES];
};

struct rpc_client {
        struct os_addr server;
        char user[USER_NAME_BYTES_MAX + 1];
        uint8_t client_id[IPC_CLIENT_ID_BYTES];
        struct os_mutex lock;

        /* guarded by: lock */
        struct client_call *calls;
        int32_t next_id;
        struct os_sock *sock; /* NULL: not connected */
        uint64_t epoch;       /* of sock; counts connections from 1 */
        bool connecting, reading, writing;
        bool broken;   /* sock is closed by the last of reader and writer */
        bool answered; /* something came over this connection */
        int64_t used_ms;
        struct buf outbox;
        uint64_t connect_failures;
        unsigned bad_streak; /* connections that failed or brought nothing */
        int64_t connect_not_before_ms;
        struct bdfs_err trouble; /* the last failure of a connection */

        struct rpc_in in;    /* whoever has `reading`; else guarded by lock */
        struct buf outgoing; /* whoever has `writing` */
};

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
        c->server = *server;
        memcpy(c->user, user, strlen(user) + 1);
        os_random(c->client_id, sizeof(c->client_id));
        os_mutex_init(&c->lock);
        buf_init(&c->outbox, 0);
        buf_init(&c->outgoing, 0);
        rpc_in_init(&c->in, KEEP_BYTES);
        *ret = c;
        return BDFS_OK;
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

/* ---- waking (all of the following with lock held) ------------------------------------------ */

static void call_wake(struct client_call *call)
{
        call->waiting = false;
        os_cond_signal(&call->wake);
}

static void wake_all(struct rpc_client *c)
{
        for (struct client_call *call = c->calls; call != NULL; call = call->next)
                call_wake(call);
}

/* Reading and writing are done by callers: see that somebody does what there is to do. Those who
 * do not wait look by themselves before they wait. */
static void wake_for_work(struct rpc_client *c)
{
        unsigned jobs = 0;

        if (c->sock == NULL || c->broken)
                return;
        jobs += !c->reading;
        jobs += !c->writing && c->outbox.n > 0;
        for (struct client_call *call = c->calls; call != NULL && jobs > 0; call = call->next)
                if (call->waiting && !call->done) {
                        call_wake(call);
                        jobs--;
                }
}

static void call_wait(struct rpc_client *c, struct client_call *call, int64_t deadline_ms)
{
        call->waiting = true;
        (void)os_cond_wait(&call->wake, &c->lock, deadline_ms);
        call->waiting = false;
}

static void call_fail(struct client_call *call, const struct bdfs_err *err)
{
        call->err = *err;
        call->done = true;
        call_wake(call);
}

static void fail_all(struct rpc_client *c, const struct bdfs_err *err)
{
        for (struct client_call *call = c->calls; call != NULL; call = call->next)
                if (!call->done && call->epoch == c->epoch)
                        call_fail(call, err);
}

/* ---- the connection ------------------------------------------------------------------------ */

static void note_trouble(struct rpc_client *c, const struct bdfs_err *err)
{
        int64_t pause_ms = BACKOFF_FIRST_MS << (c->bad_streak < 8 ? c->bad_streak : 8);

        c->trouble = *err;
        c->bad_streak++;
        if (pause_ms > BACKOFF_MOST_MS)
                pause_ms = BACKOFF_MOST_MS;
        c->connect_not_before_ms = os_mono_ms() + pause_ms;
}

/* The last of reader and writer closes a broken connection. */
static void close_if_broken(struct rpc_client *c)
{
        if (!c->broken || c->reading || c->writing)
                return;
        os_sock_close(c->sock);
        c->sock = NULL;
        c->broken = false;
        buf_reset(&c->outbox);
        buf_reset(&c->outgoing);
        rpc_in_fini(&c->in);
        wake_all(c);
}

static void connection_broke(struct rpc_client *c, const struct bdfs_err *err)
{
        if (!c->broken && !c->answered)
                note_trouble(c, err);
        else
                c->trouble = *err;
        c->broken = true;
        os_sock_shutdown(c->sock);
}

static void connect_now(struct rpc_client *c, const struct method *m, int64_t deadline_ms)
{
        int64_t latest_ms = os_mono_ms() + CONNECT_MS;
        struct os_sock *sock = NULL;
        struct bdfs_err err;
        enum bdfs_status status;

        BDFS_ASSERT(c->sock == NULL && !c->connecting);
        c->connecting = true;
        os_mutex_unlock(&c->lock);
        status = os_connect(&sock, &c->server, deadline_ms < latest_ms ? deadline_ms : latest_ms,
                            &err);
        os_mutex_lock(&c->lock);
        c->connecting = false;
        if (status != BDFS_OK) {
                c->connect_failures++;
                note_trouble(c, &err);
        } else {
                c->sock = sock;
                c->epoch++;
                c->answered = false;
                ipc_hello_encode(buf_grow(&c->outbox, IPC_HELLO_BYTES), false);
                ipc_context_encode(&c->outbox, c->client_id, c->user, NULL, m->protocol_name);
        }
        wake_all(c);
}

static enum bdfs_status call_unreachable(const struct rpc_client *c, const struct client_call *call,
                                         struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_UNAVAILABLE, "%s: cannot reach %s port %u: %s",
                         call->method->name, c->server.host, (unsigned)c->server.port,
                         c->trouble.text);
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
                connect_now(c, call->method, deadline_ms);
        }
        return BDFS_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool others_under_way(const struct rpc_client *c)
{
        for (const struct client_call *call = c->calls; call != NULL; call = call->next)
                if (call->epoch == c->epoch)
                        return true;
        return false;
}

/* Nobody reads an idle connection; what can be read there is its end, or answers nobody wants. */
static bool idle_connection_ended(struct rpc_client *c)
{
        struct bdfs_err err;

        if (os_mono_ms() - c->used_ms < IDLE_CHECK_MS || c->reading || c->writing ||
            !c->answered || others_under_way(c) || !os_sock_wait_readable(c->sock, 0))
                return false;
        (void)bdfs_fail(&err, BDFS_CLOSED, "the idle connection was closed");
        connection_broke(c, &err);
        close_if_broken(c);
        return true;
}

static void call_enqueue(struct rpc_client *c, struct client_call *call)
{
        struct ipc_call head = {.call_id = call->id,
                                .client_id = c->client_id,
                                .protocol = call->method->protocol_name,
                                .method = call->method->name,
                                .version = METHOD_PROTOCOL_VERSION};
        size_t before = c->outbox.n;

        if (idle_connection_ended(c))
                return;
        head.retry_count = call->retry_count + 1;
        ipc_request_encode(&c->outbox, &head, call->request);
        if (c->outbox.bad) {
                struct bdfs_err err;

                c->outbox.bad = false;
                c->outbox.n = before;
                (void)bdfs_fail(&err, BDFS_LIMIT, "%s: the request does not fit a frame",
                                call->method->name);
                call_fail(call, &err);
                return;
        }
        call->retry_count++;
        call->epoch = c->epoch;
        call->failures_seen = c->connect_failures;
        c->used_ms = os_mono_ms();
}

static void write_batch(struct rpc_client *c, int64_t deadline_ms)
{
        struct buf empty = c->outgoing;
        enum bdfs_status status;
        struct bdfs_err err;

        BDFS_ASSERT(empty.n == 0);
        c->outgoing = c->outbox;
        c->outbox = empty;
        c->writing = true;
        os_mutex_unlock(&c->lock);
        status = os_sock_write(c->sock, c->outgoing.data, c->outgoing.n, deadline_ms, &err);
        os_mutex_lock(&c->lock);
        c->writing = false;
        if (c->outgoing.room > KEEP_BYTES)
                buf_fini(&c->outgoing);
        buf_reset(&c->outgoing);
        if (status != BDFS_OK)
                connection_broke(c, &err);
        close_if_broken(c);
}

/* ---- reading ------------------------------------------------------------------------------- */

static struct client_call *call_find(const struct rpc_client *c, int32_t id)
{
        for (struct client_call *call = c->calls; call != NULL; call = call->next)
                if (call->id == id && call->epoch == c->epoch && !call->done)
                        return call;
        return NULL;
}

static void call_answered(struct client_call *call, const struct ipc_response *r)
{
        size_t class_n = r->java_class.n < RPC_CLASS_BYTES ? r->java_class.n : RPC_CLASS_BYTES - 1;

        if (r->status == IPC_SUCCESS) {
                call->body = malloc(r->body_n == 0 ? 1 : r->body_n);
                if (call->body == NULL)
                        (void)bdfs_fail(&call->err, BDFS_NO_MEMORY, "no memory for the answer");
                else if (r->body_n > 0)
                        memcpy(call->body, r->body, r->body_n);
                call->body_n = r->body_n;
        } else {
                (void)ipc_response_error(r, &call->err);
                if (class_n > 0)
                        memcpy(call->java_class, r->java_class.at, class_n);
                call->java_class[class_n] = '\0';
        }
        call->done = true;
        call_wake(call);
}

static void take_fatal(struct rpc_client *c, const struct ipc_response *r)
{
        struct client_call *call = call_find(c, r->call_id);
        struct bdfs_err err;

        (void)ipc_response_error(r, &err);
        if (call == NULL || r->code == IPC_FATAL_UNAUTHORIZED ||
            r->code == IPC_FATAL_VERSION_MISMATCH) {
                for (call = c->calls; call != NULL; call = call->next)
                        if (!call->done && call->epoch == c->epoch)
                                call_answered(call, r);
        } else {
                call_answered(call, r);
        }
        connection_broke(c, &err);
}

/* One frame, if it is all there. False: it is not, or the connection broke. */
static bool take_frame(struct rpc_client *c)
{
        struct ipc_response r;
        struct client_call *call;
        struct bdfs_err err;
        size_t n = 0;

        if (c->broken || rpc_in_left(&c->in) < IPC_LENGTH_BYTES)
                return false;
        if (ipc_frame_length(rpc_in_bytes(&c->in), RPC_FRAME_BYTES_MAX, &n, &err) != BDFS_OK)
                goto broke;
        if (rpc_in_left(&c->in) < IPC_LENGTH_BYTES + n)
                return false;
        if (ipc_response_decode(rpc_in_bytes(&c->in) + IPC_LENGTH_BYTES, n, &r, &err) != BDFS_OK)
                goto broke;
        c->answered = true;
        c->bad_streak = 0;
        call = call_find(c, r.call_id);
        if (r.status == IPC_FATAL)
                take_fatal(c, &r);
        else if (call != NULL)
                call_answered(call, &r);
        rpc_in_consume(&c->in, IPC_LENGTH_BYTES + n);
        return true;
broke:
        fail_all(c, &err);
        connection_broke(c, &err);
        return false;
}

static void read_some(struct rpc_client *c, int64_t deadline_ms)
{
        enum bdfs_status status;
        struct bdfs_err err;

        c->reading = true;
        os_mutex_unlock(&c->lock);
        status = rpc_in_read(&c->in, c->sock, deadline_ms, &err);
        os_mutex_lock(&c->lock);
        c->reading = false;
        if (status == BDFS_OK)
                while (take_frame(c))
                        continue;
        else if (status != BDFS_TIMEOUT)
                connection_broke(c, &err);
        close_if_broken(c);
}

/* ---- calling ------------------------------------------------------------------------------- */

static enum bdfs_status call_late(const struct rpc_client *c, const struct client_call *call,
                                  struct bdfs_err *err)
{
        if (call->retry_count < 0 && c->connect_failures != call->failures_seen)
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
                        call_enqueue(c, call);
                } else if (c->outbox.n > 0 && !c->writing) {
                        write_batch(c, deadline_ms);
                } else if (!c->reading) {
                        read_some(c, deadline_ms);
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
                wake_for_work(c);
        }
        os_cond_fini(&call.wake);
        memcpy(ret_class, call.java_class, RPC_CLASS_BYTES);
        if (status == BDFS_OK) {
                ProtobufCMessage *answer = message_unpack(m->response, call.body, call.body_n, err);

                if (answer != NULL)
                        *ret = answer;
                else
                        status = err != NULL ? err->status : BDFS_PROTOCOL;
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
