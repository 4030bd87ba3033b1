#include "net/rpc_conn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "proto/exception.h"

/* ---- connections --------------------------------------------------------------------------- */

static bool server_add(struct rpc_server *s, struct rpc_conn *conn)
{
        AUTO_LOCK(&s->lock);
        if (s->stop)
                return false;
        s->conns_n++;
        conn->next = s->conns;
        if (conn->next != NULL)
                conn->next->previous = conn;
        s->conns = conn;
        return true;
}

void rpc_server_conn_ended(struct rpc_conn *conn)
{
        struct rpc_server *s = conn->server;

        AUTO_LOCK(&s->lock);
        BDFS_ASSERT(s->conns_n > 0);
        s->conns_n--;
        if (conn->previous != NULL)
                conn->previous->next = conn->next;
        else
                s->conns = conn->next;
        if (conn->next != NULL)
                conn->next->previous = conn->previous;
        if (s->conns_n == 0)
                os_cond_broadcast(&s->ended);
}

static bool gate_opens(struct rpc_log_gate *g)
{
        int64_t now_ms = os_mono_ms();

        if (now_ms < g->next_ms) {
                g->held_back++;
                return false;
        }
        g->next_ms = now_ms + RPC_LOG_EVERY_MS;
        return true;
}

static void log_refused(struct rpc_acceptor *a, const char *why)
{
        if (!gate_opens(&a->gate))
                return;
        log_warn("rpc connection refused listener=%s why=\"%s\" more=%u", a->server->name, why,
                 a->gate.held_back);
        a->gate.held_back = 0;
}

/* Why it is closed, for those who look; nobody waits for it to arrive. */
static void acceptor_say(struct os_sock *sock, const struct bdfs_err *err)
{
        size_t put;
        struct buf b;

        buf_init(&b, 0);
        ipc_fatal_encode(&b, IPC_ID_REFUSED, IPC_FATAL_UNKNOWN, exception_class(err->status),
                         err->text);
        if (!b.bad)
                BDFS_IGNORE(os_sock_write_now(sock, b.data, b.n, &put, NULL));
        buf_fini(&b);
}

static void acceptor_take(struct rpc_acceptor *a, struct os_sock *sock, const struct os_peer *peer)
{
        struct rpc_server *s = a->server;
        struct rpc_conn *conn;
        struct os_thread *thread;
        struct bdfs_err err;
        char name[16];

        if (rpc_conn_new(&conn, a, sock, peer, &err) != BDFS_OK) {
                acceptor_say(sock, &err);
                os_sock_close(sock);
                log_refused(a, err.text);
                return;
        }
        if (!server_add(s, conn)) {
                rpc_conn_unref(conn);
                return;
        }
        (void)snprintf(name, sizeof(name), "%s-conn", s->name);
        if (os_thread_start(&thread, name, rpc_conn_run, conn, &err) != BDFS_OK) {
                rpc_server_conn_ended(conn);
                rpc_conn_unref(conn);
                log_refused(a, err.text);
                return;
        }
        os_thread_detach(thread);
}

static void acceptor_run(void *arg)
{
        struct rpc_acceptor *a = arg;

        for (;;) {
                struct os_sock *sock;
                struct os_peer peer;
                struct bdfs_err err;
                enum bdfs_status status = os_accept(a->listener, OS_FOREVER, &sock, &peer, &err);

                if (status == BDFS_CLOSED)
                        return;
                if (status != BDFS_OK) {
                        log_refused(a, err.text);
                        os_sleep_ms(20);
                        continue;
                }
                acceptor_take(a, sock, &peer);
        }
}

/* ---- the flusher --------------------------------------------------------------------------- */

void rpc_flusher_add(struct rpc_flusher *f, struct rpc_conn *conn)
{
        bool stopped;

        {
                AUTO_LOCK(&f->lock);
                stopped = f->stop;
                if (!stopped) {
                        conn->flush_next = f->list;
                        f->list = conn;
                        os_cond_signal(&f->wake);
                }
        }
        if (stopped) {
                rpc_conn_break(conn);
                rpc_conn_unref(conn);
        }
}

/* True when there is more to send later. */
static bool flush_one(struct rpc_conn *conn, bool *progressed)
{
        uint64_t before = conn->sent_total;

        if (rpc_conn_send(conn) == RPC_SEND_DONE)
                goto done;
        if (conn->sent_total != before) {
                conn->progress_ms = os_mono_ms();
                *progressed = true;
        } else if (os_mono_ms() - conn->progress_ms > RPC_STALL_MS) {
                rpc_conn_break(conn);
                if (rpc_conn_send(conn) == RPC_SEND_DONE)
                        goto done;
        }
        return true;
done:
        *progressed = true;
        rpc_conn_unref(conn);
        return false;
}

static bool flush_all(struct rpc_conn **list)
{
        struct rpc_conn *left = NULL;
        bool progressed = false;

        while (*list != NULL) {
                struct rpc_conn *conn = *list;

                *list = conn->flush_next;
                if (flush_one(conn, &progressed)) {
                        conn->flush_next = left;
                        left = conn;
                }
        }
        *list = left;
        return progressed;
}

static void flusher_put_back(struct rpc_flusher *f, struct rpc_conn *left)
{
        while (left != NULL) {
                struct rpc_conn *conn = left;

                left = conn->flush_next;
                conn->flush_next = f->list;
                f->list = conn;
        }
}

static void flusher_run(void *arg)
{
        struct rpc_flusher *f = arg;
        int64_t pause_ms = 1;

        AUTO_LOCK(&f->lock);
        while (!f->stop || f->list != NULL) {
                struct rpc_conn *list = f->list;
                bool progressed;

                if (list == NULL) {
                        (void)os_cond_wait(&f->wake, &f->lock, os_mono_ms() + 10000);
                        continue;
                }
                f->list = NULL;
                os_mutex_unlock(&f->lock);
                progressed = flush_all(&list);
                pause_ms = progressed ? 1 : pause_ms < 16 ? pause_ms * 2 : pause_ms;
                if (list != NULL)
                        os_sleep_ms(pause_ms);
                os_mutex_lock(&f->lock);
                flusher_put_back(f, list);
        }
}

static void flusher_stop(struct rpc_flusher *f)
{
        if (f->thread == NULL)
                return;
        {
                AUTO_LOCK(&f->lock);
                f->stop = true;
                os_cond_signal(&f->wake);
        }
        os_thread_join(f->thread);
        f->thread = NULL;
}

/* ---- start and stop ------------------------------------------------------------------------ */

static enum bdfs_status server_services(struct rpc_server *s, struct bdfs_err *err)
{
        for (size_t i = 0; i < s->config.services_n; i++) {
                const struct rpc_service *service = &s->config.services[i];
                enum protocol_id id = method_protocol(service->protocol,
                                                      strlen(service->protocol));

                if (id == PROTOCOL_COUNT)
                        return bdfs_fail(err, BDFS_INVALID, "service %s is no known protocol",
                                         service->protocol);
                for (unsigned kind = 0; kind < RPC_LISTENERS; kind++)
                        if (service->listeners & 1u << kind)
                                s->services[kind][id] = service;
        }
        return BDFS_OK;
}

static enum bdfs_status server_shares(struct rpc_server *s, struct bdfs_err *err)
{
        struct shares_config c = {.owner = identity_owner(s->config.identity),
                                  .connections_max = s->config.connections_max,
                                  .bytes_max = SHARES_BYTES_MAX};

        return shares_new(&s->shares, &c, err);
}

static enum bdfs_status acceptor_start(struct rpc_server *s, enum rpc_listener_kind kind,
                                       const struct os_addr *at, struct bdfs_err *err)
{
        struct rpc_acceptor *a = &s->acceptors[kind];
        enum bdfs_status status;
        char name[16];

        a->server = s;
        a->kind = kind;
        if (at->host[0] == '\0')
                return BDFS_OK;
        status = os_listen(&a->listener, at, s->config.any_address, err);
        if (status != BDFS_OK)
                return status;
        (void)snprintf(name, sizeof(name), "%s-%s", s->name, kind == RPC_OWN ? "own" : "hdp");
        return os_thread_start(&a->thread, name, acceptor_run, a, err);
}

static struct rpc_server *server_alloc(const struct rpc_server_config *config)
{
        struct rpc_server *s = calloc(1, sizeof(*s));

        if (s == NULL)
                return NULL;
        s->config = *config;
        if (s->config.connections_max == 0)
                s->config.connections_max = RPC_CONNECTIONS_MAX;
        if (s->config.calls_per_connection_max == 0)
                s->config.calls_per_connection_max = RPC_CALLS_PER_CONNECTION_MAX;
        if (s->config.idle_ms == 0)
                s->config.idle_ms = RPC_IDLE_MS;
        if (s->config.frame_ms == 0)
                s->config.frame_ms = RPC_FRAME_MS;
        if (s->config.hello_ms == 0)
                s->config.hello_ms = RPC_HELLO_MS;
        (void)snprintf(s->name, sizeof(s->name), "%s", config->name);
        os_mutex_init(&s->lock);
        os_cond_init(&s->ended);
        os_mutex_init(&s->flusher.lock);
        os_cond_init(&s->flusher.wake);
        return s;
}

enum bdfs_status rpc_server_start(struct rpc_server **ret, const struct rpc_server_config *config,
                                  struct bdfs_err *err)
{
        struct rpc_server *s = server_alloc(config);
        enum bdfs_status status;
        char name[16];

        if (s == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "rpc server: no memory");
        status = server_services(s, err);
        if (status == BDFS_OK)
                status = server_shares(s, err);
        if (status != BDFS_OK)
                goto fail;
        (void)snprintf(name, sizeof(name), "%s-out", s->name);
        status = os_thread_start(&s->flusher.thread, name, flusher_run, &s->flusher, err);
        if (status != BDFS_OK)
                goto fail;
        if (config->any_address)
                log_warn("rpc server listens beyond loopback server=%s own=%s hadoop=%s", s->name,
                         config->own.host, config->hadoop.host);
        status = acceptor_start(s, RPC_OWN, &config->own, err);
        if (status == BDFS_OK)
                status = acceptor_start(s, RPC_HADOOP, &config->hadoop, err);
        if (status != BDFS_OK)
                goto fail;
        *ret = s;
        return BDFS_OK;
fail:
        rpc_server_stop(s);
        rpc_server_free(s);
        return status;
}

uint16_t rpc_server_port(const struct rpc_server *s, enum rpc_listener_kind kind)
{
        const struct os_listener *l = s->acceptors[kind].listener;

        return l == NULL ? 0 : os_listener_port(l);
}

static void acceptor_stop(struct rpc_acceptor *a)
{
        if (a->thread == NULL)
                return;
        os_listener_shutdown(a->listener);
        os_thread_join(a->thread);
        a->thread = NULL;
}

void rpc_server_stop(struct rpc_server *s)
{
        {
                AUTO_LOCK(&s->lock);
                s->stop = true;
        }
        for (unsigned kind = 0; kind < RPC_LISTENERS; kind++)
                acceptor_stop(&s->acceptors[kind]);
        {
                AUTO_LOCK(&s->lock);
                for (struct rpc_conn *conn = s->conns; conn != NULL; conn = conn->next)
                        rpc_conn_break(conn);
                while (s->conns_n > 0)
                        (void)os_cond_wait(&s->ended, &s->lock, os_mono_ms() + 1000);
        }
        flusher_stop(&s->flusher);
}

void rpc_server_free(struct rpc_server *s)
{
        if (s == NULL)
                return;
        BDFS_ASSERT(s->conns_n == 0 && s->flusher.thread == NULL);
        for (unsigned kind = 0; kind < RPC_LISTENERS; kind++)
                os_listener_close(s->acceptors[kind].listener);
        os_cond_fini(&s->flusher.wake);
        os_mutex_fini(&s->flusher.lock);
        os_cond_fini(&s->ended);
        os_mutex_fini(&s->lock);
        shares_free(s->shares);
        free(s);
}
