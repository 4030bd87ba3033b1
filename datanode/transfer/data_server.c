#include "datanode/transfer/data_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/log.h"
#include "datanode/link/datanode_parts.h"
#include "datanode/transfer/block_checksum.h"
#include "datanode/transfer/pipeline.h"
#include "datanode/transfer/receive.h"
#include "datanode/transfer/send.h"
#include "proto/transfer.h"

#define REPLY_MS 30000
#define LINGER_MS 2000
#define ACCEPT_MS 1000
#define REFUSED_LOG_MS 1000

struct acceptor {
        struct data_server *server;
        enum data_listener kind;
        struct os_listener *listener;
        struct os_thread *thread;
        uint16_t port;
        int64_t log_ms; /* when a refused connection may be logged again */
};

struct live {
        struct data_conn conn;
        struct data_server *server;
        struct share *share;
        struct live *next, *previous;
};

struct data_server {
        struct datanode *dn;
        struct shares *shares;
        struct acceptor acceptors[DATA_LISTENERS];
        struct os_mutex lock;
        struct os_cond ended;
        /* guarded by: lock */
        struct live *conns;
        size_t conns_n;
        bool stop;
};

#define DATA_UID_UNKNOWN ((uid_t)-1)

/* ---- replies ------------------------------------------------------------------------------ */

void data_conn_self(const struct data_conn *c, char ret[64])
{
        const struct data_server *s = c->dn->server;

        (void)snprintf(ret, 64, "%.45s:%u", c->dn->conf->listen,
                       data_server_port(s, c->listener == DATA_HADOOP ? DATA_HADOOP : DATA_OWN));
}

enum bdfs_status data_conn_reply(struct data_conn *c, struct buf *b, struct bdfs_err *err)
{
        if (b->bad)
                return bdfs_fail(err, BDFS_NO_MEMORY, "reply: out of memory");
        return os_sock_write(c->sock, b->data, b->n, os_mono_ms() + REPLY_MS, err);
}

void data_conn_refuse(struct data_conn *c, const struct bdfs_err *why, const char *bad_link)
{
        struct bdfs_err err;
        struct buf b;

        buf_init(&b, 0);
        transfer_error_encode(&b, why->status, bad_link, why->text);
        if (data_conn_reply(c, &b, &err) != BDFS_OK)
                log_debug("refusal not delivered error=%s", err.text);
        buf_fini(&b);
}

void data_conn_linger(struct data_conn *c)
{
        int64_t deadline_ms = os_mono_ms() + LINGER_MS;
        struct bdfs_err err;
        bool ended = false;

        while (!ended) {
                c->wire.at = c->wire.end = 0;
                if (wire_wait(&c->wire, deadline_ms, &ended, &err) != BDFS_OK)
                        return;
        }
}

/* ---- operations --------------------------------------------------------------------------- */

/* The connection may go on only after these. */
static bool dispatch(struct data_conn *c, unsigned opcode, const ProtobufCMessage *m)
{
        struct bdfs_err err;

        switch (opcode) {
        case TRANSFER_READ_BLOCK:
                return send_block(c, (const Hadoop__OpReadBlockProto *)m);
        case TRANSFER_WRITE_BLOCK:
                return receive_block(c, (const Hadoop__OpWriteBlockProto *)m);
        case TRANSFER_BLOCK_CHECKSUM:
                return block_checksum(c, (const Hadoop__OpBlockChecksumProto *)m);
        case REPLICA_OP_PASS_FILE:
                return send_file(c, (const Hadoop__OpReadBlockProto *)m);
        case TRANSFER_REQUEST_SHORT_CIRCUIT_FDS:
        case TRANSFER_RELEASE_SHORT_CIRCUIT_FDS:
        case TRANSFER_REQUEST_SHORT_CIRCUIT_SHM:
                (void)bdfs_fail(&err, BDFS_UNSUPPORTED, "short-circuit reads are not offered");
                break;
        default:
                (void)bdfs_fail(&err, BDFS_FAILED, "%s is not supported yet",
                                transfer_op_name(opcode));
        }
        data_conn_refuse(c, &err, NULL);
        return false;
}

/* One more opcode on the Unix socket. */
static enum bdfs_status decode_local(const struct wire *w, unsigned *ret_opcode,
                                     struct message_span *ret, struct bdfs_err *err)
{
        const uint8_t *p = wire_at(w);
        enum bdfs_status rc;

        if (wire_left(w) < 3 || p[2] != REPLICA_OP_PASS_FILE)
                return transfer_op_decode(p, wire_left(w), ret_opcode, ret, err);
        if (p[0] != TRANSFER_VERSION >> 8 || p[1] != (TRANSFER_VERSION & 0xff))
                return bdfs_fail(err, BDFS_PROTOCOL, "another data transfer version");
        rc = message_delimited(p + 3, wire_left(w) - 3, TRANSFER_MESSAGE_BYTES_MAX, ret, err);
        ret->total += 3;
        *ret_opcode = REPLICA_OP_PASS_FILE;
        return rc;
}

static enum bdfs_status read_op(struct data_conn *c, unsigned *ret_opcode, void **ret_message,
                                struct bdfs_err *err)
{
        const ProtobufCMessageDescriptor *type;
        int64_t deadline_ms = os_mono_ms() + DATA_REQUEST_MS;
        struct message_span span;

        for (;;) {
                enum bdfs_status rc =
                        c->listener == DATA_UNIX
                                ? decode_local(&c->wire, ret_opcode, &span, err)
                                : transfer_op_decode(wire_at(&c->wire), wire_left(&c->wire),
                                                     ret_opcode, &span, err);

                if (rc != BDFS_OK)
                        return rc;
                if (span.need == 0)
                        break;
                rc = wire_need(&c->wire, wire_left(&c->wire) + span.need, deadline_ms, err);
                if (rc != BDFS_OK)
                        return rc;
        }
        type = *ret_opcode == REPLICA_OP_PASS_FILE ? &hadoop__op_read_block_proto__descriptor
                                                   : transfer_op_descriptor(*ret_opcode);
        *ret_message = message_unpack(type, span.message, span.message_n, err);
        wire_take(&c->wire, span.total);
        return *ret_message != NULL ? BDFS_OK : err->status;
}

/* One operation; true when another may follow. */
static bool serve_one(struct data_conn *c)
{
        struct bdfs_err err;
        unsigned opcode = 0;
        void *message = NULL;
        bool more;

        if (read_op(c, &opcode, &message, &err) != BDFS_OK) {
                unsigned held_back;

                if (shares_may_log(c->dn->server->shares, &held_back))
                        log_info("connection closed error=%s uid=%u more=%u", err.text,
                                 (unsigned)c->peer.uid, held_back);
                return false;
        }
        atomic_fetch_add(&c->dn->counters.transfers, 1);
        more = dispatch(c, opcode, message);
        atomic_fetch_sub(&c->dn->counters.transfers, 1);
        message_free(message);
        return more;
}

static void serve(struct data_conn *c)
{
        struct bdfs_err err;
        int64_t wait_ms = DATA_REQUEST_MS;
        bool ended;

        do {
                if (wire_wait(&c->wire, os_mono_ms() + wait_ms, &ended, &err) != BDFS_OK || ended)
                        return; /* the ordinary end of a kept connection */
                wait_ms = DATA_KEEP_MS;
        } while (serve_one(c));
}

/* ---- connections -------------------------------------------------------------------------- */

static void conn_run(void *arg)
{
        struct live *l = arg;
        struct data_server *s = l->server;

        serve(&l->conn);
        wire_fini(&l->conn.wire);
        shares_leave(s->shares, l->share);
        os_mutex_lock(&s->lock);
        *(l->previous != NULL ? &l->previous->next : &s->conns) = l->next;
        if (l->next != NULL)
                l->next->previous = l->previous;
        os_sock_close(l->conn.sock);
        free(l);
        s->conns_n--;
        os_cond_broadcast(&s->ended);
        os_mutex_unlock(&s->lock);
}

/* Enter the connection among the live ones; false when the server stops. */
static bool enter(struct data_server *s, struct live *l)
{
        AUTO_LOCK(&s->lock);

        if (s->stop)
                return false;
        l->next = s->conns;
        if (s->conns != NULL)
                s->conns->previous = l;
        s->conns = l;
        s->conns_n++;
        return true;
}

static void leave(struct data_server *s, struct live *l)
{
        AUTO_LOCK(&s->lock);

        *(l->previous != NULL ? &l->previous->next : &s->conns) = l->next;
        if (l->next != NULL)
                l->next->previous = l->previous;
        s->conns_n--;
}

static enum bdfs_status begin(struct acceptor *a, struct os_sock *sock, const struct os_peer *peer,
                              struct bdfs_err *err)
{
        struct data_server *s = a->server;
        struct live *l = calloc(1, sizeof(*l));
        struct os_thread *thread;
        enum bdfs_status rc;

        if (l == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "connection: out of memory");
        rc = shares_enter(s->shares, peer->known ? peer->uid : DATA_UID_UNKNOWN, &l->share, err);
        if (rc != BDFS_OK) {
                free(l);
                return rc;
        }
        l->server = s;
        l->conn = (struct data_conn){.dn = a->server->dn,
                                     .listener = a->kind,
                                     .peer = *peer,
                                     .sock = sock};
        rc = !peer->known ? bdfs_fail(err, BDFS_PERMISSION, "the peer's owner is not known")
                          : wire_init(&l->conn.wire, sock, a->server->dn->pool, err);
        if (rc == BDFS_OK)
                wire_count(&l->conn.wire, s->shares, l->share);
        if (rc == BDFS_OK && !enter(s, l))
                rc = bdfs_fail(err, BDFS_CLOSED, "the datanode stops");
        if (rc == BDFS_OK) {
                rc = os_thread_start(&thread, "transfer", conn_run, l, err);
                if (rc == BDFS_OK) {
                        os_thread_detach(thread);
                        return BDFS_OK;
                }
                leave(s, l);
        }
        if (l->conn.wire.buffer != NULL)
                wire_fini(&l->conn.wire);
        shares_leave(s->shares, l->share);
        free(l);
        return rc;
}

static void log_refused(struct acceptor *a, const struct bdfs_err *err)
{
        int64_t now = os_mono_ms();

        if (now < a->log_ms)
                return;
        a->log_ms = now + REFUSED_LOG_MS;
        log_warn("connection refused error=%s", err->text);
}

static void accept_run(void *arg)
{
        struct acceptor *a = arg;
        struct bdfs_err err;

        for (;;) {
                struct os_sock *sock = NULL;
                struct os_peer peer;
                enum bdfs_status rc = os_accept(a->listener, os_mono_ms() + ACCEPT_MS, &sock, &peer,
                                                &err);

                if (rc == BDFS_CLOSED)
                        return;
                if (a->kind == DATA_OWN)
                        pipeline_pool_trim(a->server->dn->pipelines,
                                           os_mono_ms() - PIPELINE_KEEP_MS);
                if (rc == BDFS_OK) {
                        if (begin(a, sock, &peer, &err) == BDFS_OK)
                                continue;
                        os_sock_close(sock);
                        log_refused(a, &err);
                } else if (rc != BDFS_TIMEOUT) { /* no descriptor is free, as it seems */
                        log_refused(a, &err);
                        os_sleep_ms(10);
                }
        }
}

/* ---- start and stop ----------------------------------------------------------------------- */

uint16_t data_server_port(const struct data_server *s, enum data_listener kind)
{
        return s->acceptors[kind].port;
}

static enum bdfs_status open_listener(struct data_server *s, enum data_listener kind,
                                      const struct datanode_conf *conf, struct bdfs_err *err)
{
        struct acceptor *a = &s->acceptors[kind];
        struct os_addr addr = {
                .port = (uint16_t)(kind == DATA_OWN ? conf->own_port : conf->hadoop_port),
        };
        enum bdfs_status rc;

        a->server = s;
        a->kind = kind;
        if (kind == DATA_UNIX) {
                rc = os_listen_unix(&a->listener, s->dn->socket_path, 0666, err);
        } else {
                if ((size_t)snprintf(addr.host, sizeof(addr.host), "%s", conf->listen) >=
                    sizeof(addr.host))
                        return bdfs_fail(err, BDFS_INVALID, "listen: %s is no address",
                                         conf->listen);
                rc = os_listen(&a->listener, &addr, conf->any_address, err);
                if (rc == BDFS_OK)
                        a->port = os_listener_port(a->listener);
        }
        return rc != BDFS_OK ? rc : os_thread_start(&a->thread, "accept", accept_run, a, err);
}

enum bdfs_status data_server_start(struct data_server **ret, struct datanode *dn,
                                   const struct datanode_conf *conf, struct bdfs_err *err)
{
        struct data_server *s = calloc(1, sizeof(*s));
        struct shares_config c = {.owner = os_own_uid(),
                                  .connections_max = (uint32_t)conf->transfers_max,
                                  .bytes_max = SHARES_BYTES_MAX};
        enum bdfs_status rc;

        if (s == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "data server: out of memory");
        rc = shares_new(&s->shares, &c, err);
        if (rc != BDFS_OK) {
                free(s);
                return rc;
        }
        os_mutex_init(&s->lock);
        os_cond_init(&s->ended);
        s->dn = dn;
        *ret = s; /* connections look their ports up in it */
        for (unsigned kind = 0; rc == BDFS_OK && kind < DATA_LISTENERS; kind++)
                if (kind != DATA_HADOOP || conf->hadoop)
                        rc = open_listener(s, kind, conf, err);
        if (rc != BDFS_OK) {
                *ret = NULL;
                data_server_stop(s);
        }
        return rc;
}

static void end_connections(struct data_server *s)
{
        AUTO_LOCK(&s->lock);

        s->stop = true;
        for (struct live *l = s->conns; l != NULL; l = l->next)
                os_sock_shutdown(l->conn.sock);
        while (s->conns_n > 0)
                (void)os_cond_wait(&s->ended, &s->lock, os_mono_ms() + 1000);
}

void data_server_stop(struct data_server *s)
{
        if (s == NULL)
                return;
        for (unsigned i = 0; i < DATA_LISTENERS; i++)
                if (s->acceptors[i].listener != NULL)
                        os_listener_shutdown(s->acceptors[i].listener);
        for (unsigned i = 0; i < DATA_LISTENERS; i++) {
                if (s->acceptors[i].thread != NULL)
                        os_thread_join(s->acceptors[i].thread);
                if (s->acceptors[i].listener != NULL)
                        os_listener_close(s->acceptors[i].listener);
        }
        end_connections(s);
        os_cond_fini(&s->ended);
        os_mutex_fini(&s->lock);
        shares_free(s->shares);
        free(s);
}
