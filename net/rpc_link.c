#include "net/rpc_link.h"

#include <stdlib.h>
#include <string.h>

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
void rpc_link_wake_for_work(struct rpc_client *c)
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
        int64_t pause_ms = RPC_BACKOFF_FIRST_MS << (c->bad_streak < 8 ? c->bad_streak : 8);

        c->trouble = *err;
        c->bad_streak++;
        if (pause_ms > RPC_BACKOFF_MOST_MS)
                pause_ms = RPC_BACKOFF_MOST_MS;
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

static void say_hello(struct rpc_client *c, const struct method *m)
{
        uint8_t hello[IPC_HELLO_BYTES];
        struct bdfs_err err;

        ipc_hello_encode(hello, false);
        buf_add(&c->outbox, hello, sizeof(hello));
        ipc_context_encode(&c->outbox, c->client_id, c->user, NULL, m->protocol_name);
        if (!c->outbox.bad)
                return;
        (void)bdfs_fail(&err, BDFS_NO_MEMORY, "no memory for the first bytes");
        connection_broke(c, &err);
        close_if_broken(c);
}

void rpc_link_connect(struct rpc_client *c, const struct method *m, int64_t deadline_ms)
{
        int64_t latest_ms = os_mono_ms() + RPC_CONNECT_MS;
        struct os_sock *sock = NULL;
        struct bdfs_err err;
        enum bdfs_status status;

        BDFS_ASSERT(c->sock == NULL && !c->connecting);
        c->connecting = true;
        os_mutex_unlock(&c->lock);
        status = server_connect(&sock, &c->server, c->owner,
                                deadline_ms < latest_ms ? deadline_ms : latest_ms, &err);
        os_mutex_lock(&c->lock);
        c->connecting = false;
        if (status != BDFS_OK) {
                c->connect_failures++;
                note_trouble(c, &err);
        } else {
                c->sock = sock;
                c->epoch++;
                c->answered = false;
                say_hello(c, m);
        }
        wake_all(c);
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

        if (os_mono_ms() - c->used_ms < RPC_IDLE_CHECK_MS || c->reading || c->writing ||
            !c->answered || others_under_way(c) || !os_sock_wait_readable(c->sock, 0))
                return false;
        (void)bdfs_fail(&err, BDFS_CLOSED, "the idle connection was closed");
        connection_broke(c, &err);
        close_if_broken(c);
        return true;
}

void rpc_link_enqueue(struct rpc_client *c, struct client_call *call)
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

/* With lock held, which is released for the write. */
static void write_outbox(struct rpc_client *c, int64_t deadline_ms)
{
        struct buf empty = c->outgoing;
        enum bdfs_status status;
        struct bdfs_err err;

        BDFS_ASSERT(empty.n == 0);
        c->outgoing = c->outbox;
        c->outbox = empty;
        os_mutex_unlock(&c->lock);
        status = os_sock_write(c->sock, c->outgoing.data, c->outgoing.n, deadline_ms, &err);
        os_mutex_lock(&c->lock);
        if (c->outgoing.room > RPC_CLIENT_KEEP_BYTES)
                buf_fini(&c->outgoing);
        buf_reset(&c->outgoing);
        if (status != BDFS_OK)
                connection_broke(c, &err);
}

/* Whoever came while this one wrote left its request in the outbox and may be reading by now, for
 * an answer to a request that nobody sent: the writer goes on until there is none. */
void rpc_link_write(struct rpc_client *c, int64_t deadline_ms)
{
        c->writing = true;
        rpc_link_wake_for_work(c); /* this one may have been the reader */
        do
                write_outbox(c, deadline_ms);
        while (!c->broken && c->outbox.n > 0);
        c->writing = false;
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

void rpc_link_read(struct rpc_client *c, int64_t deadline_ms)
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
