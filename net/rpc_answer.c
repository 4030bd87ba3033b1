#include "net/rpc_conn.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "proto/message.h"

enum bdfs_status rpc_conn_new(struct rpc_conn **ret, struct rpc_acceptor *a, struct os_sock *sock,
                              const struct os_peer *peer, struct bdfs_err *err)
{
        struct rpc_server *s = a->server;
        struct rpc_conn *conn = calloc(1, sizeof(*conn));
        uid_t uid = peer->known ? peer->uid : RPC_UID_UNKNOWN;
        struct os_addr local;

        if (conn == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "connection: no memory");
        if (shares_enter(s->shares, uid, &conn->share, err) != BDFS_OK) {
                free(conn);
                return err->status;
        }
        conn->server = s;
        conn->shares = s->shares;
        conn->sock = sock;
        conn->peer = *peer;
        conn->listener = a->kind;
        conn->calls_max = s->config.calls_per_connection_max;
        os_sock_addrs(sock, &local, &conn->address);
        os_mutex_init(&conn->lock);
        os_cond_init(&conn->changed);
        buf_init(&conn->outbox, 0);
        buf_init(&conn->outgoing, 0);
        rpc_in_init(&conn->in, 0);
        conn->refs = 1;
        *ret = conn;
        return BDFS_OK;
}

static void conn_free(struct rpc_conn *conn)
{
        BDFS_ASSERT(conn->calls_open == 0);
        shares_give(conn->shares, conn->share, conn->in_counted + conn->out_counted);
        shares_leave(conn->shares, conn->share);
        os_sock_close(conn->sock);
        buf_fini(&conn->outbox);
        buf_fini(&conn->outgoing);
        os_cond_fini(&conn->changed);
        os_mutex_fini(&conn->lock);
        rpc_in_fini(&conn->in);
        free(conn);
}

void rpc_conn_unref(struct rpc_conn *conn)
{
        bool last;

        os_mutex_lock(&conn->lock);
        BDFS_ASSERT(conn->refs > 0);
        last = --conn->refs == 0;
        os_mutex_unlock(&conn->lock);
        if (last)
                conn_free(conn);
}

/* ---- what is counted for its identity ------------------------------------------------------- */

static uint64_t beyond_free(uint64_t bytes)
{
        return bytes > SHARES_FREE_BYTES ? bytes - SHARES_FREE_BYTES : 0;
}

/* Have *counted be @bytes; false: there may be no more. */
static bool conn_count(struct rpc_conn *conn, uint64_t *counted, uint64_t bytes)
{
        struct shares *s = conn->shares;

        if (bytes > *counted && !shares_take(s, conn->share, bytes - *counted))
                return false;
        if (bytes < *counted)
                shares_give(s, conn->share, *counted - bytes);
        *counted = bytes;
        return true;
}

bool rpc_conn_count_in(struct rpc_conn *conn)
{
        return conn_count(conn, &conn->in_counted, beyond_free(conn->in.room));
}

static size_t conn_unread(const struct rpc_conn *conn)
{
        return conn->outbox.n + (conn->sending ? conn->outgoing.n - conn->outgoing_at : 0);
}

/* With lock held. */
static bool conn_count_out(struct rpc_conn *conn)
{
        return conn_count(conn, &conn->out_counted, beyond_free(conn_unread(conn)));
}

enum bdfs_status rpc_conn_move(struct rpc_conn *conn, const char *user, struct bdfs_err *err)
{
        AUTO_LOCK(&conn->lock);
        BDFS_ASSERT(conn->calls_open == 0);
        return shares_move(conn->shares, &conn->share, user,
                           conn->in_counted + conn->out_counted, err);
}

static void conn_break_locked(struct rpc_conn *conn)
{
        conn->broken = true;
        buf_reset(&conn->outbox);
        os_cond_broadcast(&conn->changed);
        os_sock_shutdown(conn->sock);
}

void rpc_conn_break(struct rpc_conn *conn)
{
        AUTO_LOCK(&conn->lock);
        conn_break_locked(conn);
}

/* ---- sending ------------------------------------------------------------------------------ */

static void buf_trim(struct buf *b)
{
        size_t limit = b->limit;

        if (b->room > RPC_KEEP_BYTES) {
                buf_fini(b);
                buf_init(b, limit);
        } else {
                buf_reset(b);
        }
}

/* With lock held: the next batch, or false and `sending` is given up. */
static bool conn_next_batch(struct rpc_conn *conn)
{
        struct buf empty;

        BDFS_ASSERT(conn->sending);
        buf_trim(&conn->outgoing);
        conn->outgoing_at = 0;
        if (conn->broken || conn->outbox.n == 0) {
                conn->sending = false;
                (void)conn_count_out(conn); /* less can always be counted */
                os_cond_broadcast(&conn->changed);
                return false;
        }
        empty = conn->outgoing;
        conn->outgoing = conn->outbox;
        conn->outbox = empty;
        return true;
}

static bool conn_next_batch_locking(struct rpc_conn *conn)
{
        AUTO_LOCK(&conn->lock);
        return conn_next_batch(conn);
}

enum rpc_send rpc_conn_send(struct rpc_conn *conn)
{
        do {
                while (conn->outgoing_at < conn->outgoing.n) {
                        size_t put = 0;
                        enum bdfs_status status =
                                os_sock_write_now(conn->sock,
                                                  conn->outgoing.data + conn->outgoing_at,
                                                  conn->outgoing.n - conn->outgoing_at, &put,
                                                  NULL);

                        if (status != BDFS_OK) {
                                rpc_conn_break(conn);
                                break;
                        }
                        if (put == 0)
                                return RPC_SEND_FULL;
                        conn->sent_total += put;
                        AUTO_LOCK(&conn->lock);
                        conn->outgoing_at += put;
                        (void)conn_count_out(conn); /* less can always be counted */
                        os_cond_broadcast(&conn->changed);
                }
        } while (conn_next_batch_locking(conn));
        return RPC_SEND_DONE;
}

/* With lock held: true when the caller must send, now that there is something to. */
static bool conn_take_sending(struct rpc_conn *conn)
{
        if (conn->broken || conn->sending || conn->outbox.n == 0)
                return false;
        conn->sending = true;
        return conn_next_batch(conn);
}

static void conn_send_or_flush(struct rpc_conn *conn)
{
        if (rpc_conn_send(conn) == RPC_SEND_DONE)
                return;
        conn->progress_ms = os_mono_ms();
        {
                AUTO_LOCK(&conn->lock);
                conn->refs++;
        }
        rpc_flusher_add(&conn->server->flusher, conn);
}

/* With lock held: append one frame, or break the connection. */
static void conn_append(struct rpc_conn *conn, void (*encode)(struct buf *to, const void *arg),
                        const void *arg)
{
        unsigned more;

        if (conn->broken)
                return;
        if (conn_unread(conn) > RPC_UNREAD_BYTES_MAX) {
                if (shares_may_log(conn->shares, &more))
                        log_warn("rpc peer does not read its answers, disconnected peer=%s:%u "
                                 "more=%u", conn->address.host, (unsigned)conn->address.port,
                                 more);
                conn_break_locked(conn);
                return;
        }
        encode(&conn->outbox, arg);
        if (conn->outbox.bad) {
                conn_break_locked(conn);
        } else if (!conn_count_out(conn)) {
                if (shares_may_log(conn->shares, &more))
                        log_warn("rpc peers of one user do not read their answers, one is "
                                 "disconnected peer=%s:%u uid=%u more=%u", conn->address.host,
                                 (unsigned)conn->address.port, (unsigned)conn->peer.uid, more);
                conn_break_locked(conn);
        }
}

void rpc_conn_say(struct rpc_conn *conn, void (*encode)(struct buf *to, const void *arg),
                  const void *arg)
{
        bool send;

        os_mutex_lock(&conn->lock);
        conn_append(conn, encode, arg);
        send = conn_take_sending(conn);
        os_mutex_unlock(&conn->lock);
        if (send)
                conn_send_or_flush(conn);
}

static void fatal_encode(struct buf *to, const void *arg)
{
        const struct rpc_fatal *f = arg;

        ipc_fatal_encode(to, f->call_id, f->code, f->java_class, f->text);
}

void rpc_conn_say_fatal(struct rpc_conn *conn, const struct rpc_fatal *fatal)
{
        rpc_conn_say(conn, fatal_encode, fatal);
}

void rpc_conn_drain(struct rpc_conn *conn, int64_t deadline_ms)
{
        AUTO_LOCK(&conn->lock);
        while (conn->sending && !conn->broken)
                if (!os_cond_wait(&conn->changed, &conn->lock, deadline_ms))
                        return;
}

bool rpc_conn_wait_room(struct rpc_conn *conn)
{
        AUTO_LOCK(&conn->lock);
        while (!conn->broken && (conn->calls_open >= conn->calls_max ||
                                 conn_unread(conn) > RPC_PAUSE_BYTES))
                (void)os_cond_wait(&conn->changed, &conn->lock, os_mono_ms() + 1000);
        return !conn->broken;
}

/* ---- answering calls ---------------------------------------------------------------------- */

struct answer {
        const struct rpc_call *call;
        const ProtobufCMessage *response; /* one of these four */
        const void *bytes;
        const struct bdfs_err *err;
        const char *java_class;
        const char *text;
        size_t bytes_n;
};

static void answer_encode_error(struct buf *to, const struct answer *a)
{
        if (a->java_class != NULL)
                ipc_error_class_encode(to, a->call->call_id, a->java_class, a->text);
        else
                ipc_error_encode(to, a->call->call_id, a->err);
}

static void answer_encode(struct buf *to, const void *arg)
{
        const struct answer *a = arg;
        size_t before = to->n;

        if (a->err != NULL || a->java_class != NULL) {
                answer_encode_error(to, a);
                return;
        }
        if (a->response != NULL)
                ipc_reply_encode(to, a->call->call_id, a->response);
        else
                ipc_reply_bytes_encode(to, a->call->call_id, a->bytes, a->bytes_n);
        if (to->bad) { /* the answer is too large for a frame or for memory: say so instead */
                struct bdfs_err err;

                to->bad = false;
                to->n = before;
                (void)bdfs_fail(&err, BDFS_LIMIT, "%s: the answer does not fit a frame",
                                a->call->method->name);
                ipc_error_encode(to, a->call->call_id, &err);
        }
}

static void call_answer(struct rpc_call *call, const struct answer *a)
{
        struct rpc_conn *conn = call->conn;
        bool send;

        os_mutex_lock(&conn->lock);
        conn_append(conn, answer_encode, a);
        send = conn_take_sending(conn);
        BDFS_ASSERT(conn->calls_open > 0);
        if (conn->calls_open-- == conn->calls_max)
                os_cond_broadcast(&conn->changed);
        os_mutex_unlock(&conn->lock);
        if (send)
                conn_send_or_flush(conn);
        message_free(call->request);
        shares_give(conn->shares, conn->share, call->counted);
        free(call);
        rpc_conn_unref(conn);
}

void rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *response)
{
        struct answer a = {.call = call, .response = response};

        BDFS_ASSERT(response->descriptor == call->method->response);
        call_answer(call, &a);
}

void rpc_call_reply_bytes(struct rpc_call *call, const void *response, size_t n)
{
        struct answer a = {.call = call, .bytes = response, .bytes_n = n};

        call_answer(call, &a);
}

void rpc_call_fail(struct rpc_call *call, const struct bdfs_err *err)
{
        struct answer a = {.call = call, .err = err};

        BDFS_ASSERT(err->status != BDFS_OK);
        call_answer(call, &a);
}

void rpc_call_fail_class(struct rpc_call *call, const char *java_class, const char *text)
{
        struct answer a = {.call = call, .java_class = java_class, .text = text};

        call_answer(call, &a);
}
