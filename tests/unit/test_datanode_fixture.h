/*
 * Datanodes in this process, a namenode that only registers and remembers, and a client made of
 * bytes. For test_datanode*.c.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/crc.h"
#include "common/limits.h"
#include "common/log.h"
#include "datanode/datanode.h"
#include "net/rpc_server.h"
#include "net/token.h"
#include "proto/bdfs_cluster.pb-c.h"
#include "proto/transfer.h"

#define CLUSTER "000102030405060708090a0b0c0d0e0f"
#define NODES_MAX 3
#define CHANGES_ROOM 4096
#define STAGE_CREATE \
        HADOOP__OP_WRITE_BLOCK_PROTO__BLOCK_CONSTRUCTION_STAGE__PIPELINE_SETUP_CREATE

struct fake_node {
        char uuid[64];
        uint8_t key[TOKEN_KEY_BYTES];
        uint32_t own_port, own_ipc_port, hadoop_port;
        char socket_path[128];
        uint64_t log_id, next;
        size_t full_rows;
        unsigned full_reports, heartbeats;
};

struct fixture {
        char dir[64];
        struct identity *identity;
        struct rpc_server *server;
        struct rpc_service service;
        char namenode[64];
        char *namenodes[1];
        struct os_mutex lock;
        /* guarded by: lock */
        struct fake_node nodes[NODES_MAX];
        Bdfs__RegisterResponse__Report say; /* at registration */
        Bdfs__HeartbeatResponse *orders[NODES_MAX];
        Bdfs__Replica changes[CHANGES_ROOM];
        uint32_t changes_of[CHANGES_ROOM]; /* node numbers */
        size_t changes_n;
        bool deaf; /* reports are not answered in time */

        struct datanode_conf conf[NODES_MAX];
        char text[NODES_MAX][8][128];
        char *data_dirs[NODES_MAX][2];
        struct datanode *dn[NODES_MAX];
        uint64_t seed;
};

static inline void must(enum bdfs_status rc, const struct bdfs_err *err)
{
        if (rc != BDFS_OK)
                fail_msg("%s: %s", bdfs_status_name(rc), err->text);
}

static inline uint32_t rnd(struct fixture *f, uint32_t below)
{
        f->seed = f->seed * 6364136223846793005ULL + 1442695040888963407ULL;
        return (uint32_t)(f->seed >> 33) % below;
}

static inline uint8_t *random_bytes(struct fixture *f, size_t n)
{
        uint8_t *p = malloc(n + 1);

        assert_non_null(p);
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t)rnd(f, 256);
        return p;
}

static inline int64_t soon(void)
{
        return os_mono_ms() + 15000;
}

/* ---- the namenode ------------------------------------------------------------------------- */

static inline void fake_register(void *context, struct rpc_call *call)
{
        struct fixture *f = context;
        const Bdfs__RegisterRequest *q = (const void *)call->request;
        Bdfs__RegisterResponse r = BDFS__REGISTER_RESPONSE__INIT;
        size_t i;

        os_mutex_lock(&f->lock);
        for (i = 0; i < NODES_MAX && f->nodes[i].uuid[0] != '\0'; i++)
                if (strcmp(f->nodes[i].uuid, q->uuid) == 0)
                        break;
        if (i < NODES_MAX) {
                struct fake_node *n = &f->nodes[i];

                (void)snprintf(n->uuid, sizeof(n->uuid), "%s", q->uuid);
                memcpy(n->key, q->key.data, sizeof(n->key));
                n->own_port = q->own_port;
                n->own_ipc_port = q->own_ipc_port;
                n->hadoop_port = q->hadoop_port;
                (void)snprintf(n->socket_path, sizeof(n->socket_path), "%s", q->socket_path);
                n->log_id = q->log_id;
                n->next = f->say == BDFS__REGISTER_RESPONSE__REPORT__DELTA ? q->log_first
                                                                           : q->log_next;
                r.number = (uint32_t)i + 1;
                r.has_from = true;
                r.from = n->next;
        }
        r.report = f->say;
        r.epoch = 1;
        os_mutex_unlock(&f->lock);
        rpc_call_reply(call, &r.base);
}

static inline void fake_heartbeat(void *context, struct rpc_call *call)
{
        struct fixture *f = context;
        const Bdfs__HeartbeatRequest *q = (const void *)call->request;
        Bdfs__HeartbeatResponse none = BDFS__HEARTBEAT_RESPONSE__INIT, *r = &none;

        os_mutex_lock(&f->lock);
        f->nodes[q->number - 1].heartbeats++;
        if (f->orders[q->number - 1] != NULL)
                r = f->orders[q->number - 1];
        f->orders[q->number - 1] = NULL;
        os_mutex_unlock(&f->lock);
        rpc_call_reply(call, &r->base);
}

static inline void fake_report(void *context, struct rpc_call *call)
{
        struct fixture *f = context;
        const Bdfs__ReportRequest *q = (const void *)call->request;
        Bdfs__ReportResponse r = BDFS__REPORT_RESPONSE__INIT;
        struct fake_node *n = &f->nodes[q->number - 1];

        os_mutex_lock(&f->lock);
        r.accepted = q->log_id == n->log_id && q->first <= n->next;
        for (size_t i = 0; r.accepted && i < q->n_changes; i++) {
                if (q->first + i < n->next)
                        continue;
                if (f->changes_n < CHANGES_ROOM) {
                        f->changes[f->changes_n] = *q->changes[i];
                        f->changes_of[f->changes_n++] = q->number;
                }
                n->next++;
        }
        r.log_durable = n->next;
        os_mutex_unlock(&f->lock);
        rpc_call_reply(call, &r.base);
}

static inline void fake_full_report(void *context, struct rpc_call *call)
{
        struct fixture *f = context;
        const Bdfs__FullReportRequest *q = (const void *)call->request;
        Bdfs__FullReportResponse r = BDFS__FULL_REPORT_RESPONSE__INIT;
        struct fake_node *n = &f->nodes[q->number - 1];

        os_mutex_lock(&f->lock);
        if (q->first_page) {
                n->full_rows = 0;
                n->full_reports++;
                if (q->at > n->next)
                        n->next = q->at;
        }
        n->full_rows += q->n_blocks;
        os_mutex_unlock(&f->lock);
        r.accepted = true;
        rpc_call_reply(call, &r.base);
}

static inline rpc_handler *fake_handler_of(const struct method *m)
{
        switch ((int)m->id) {
        case METHOD_BDFS_DATANODE_register: return fake_register;
        case METHOD_BDFS_DATANODE_heartbeat: return fake_heartbeat;
        case METHOD_BDFS_DATANODE_report: return fake_report;
        case METHOD_BDFS_DATANODE_fullReport: return fake_full_report;
        default: return NULL;
        }
}

/* How often @node reported @block in @state; the last such change goes to @ret (or NULL). */
static inline size_t reported(struct fixture *f, unsigned node, uint64_t block,
                              Bdfs__ReplicaState state, Bdfs__Replica *ret)
{
        size_t n = 0;
        AUTO_LOCK(&f->lock);

        for (size_t i = 0; i < f->changes_n; i++)
                if (f->changes_of[i] == node + 1 && f->changes[i].block == block &&
                    f->changes[i].state == state) {
                        if (ret != NULL)
                                *ret = f->changes[i];
                        n++;
                }
        return n;
}

static inline void wait_reported(struct fixture *f, unsigned node, uint64_t block,
                                 Bdfs__ReplicaState state, Bdfs__Replica *ret)
{
        int64_t deadline = soon();

        while (reported(f, node, block, state, ret) == 0) {
                assert_true(os_mono_ms() < deadline);
                os_sleep_ms(5);
        }
}

/* Hand orders to a node with its next heartbeat, and wait until it took them. */
static inline void order(struct fixture *f, unsigned node, Bdfs__HeartbeatResponse *r)
{
        int64_t deadline = soon();
        bool taken = false;

        os_mutex_lock(&f->lock);
        f->orders[node] = r;
        os_mutex_unlock(&f->lock);
        while (!taken) {
                assert_true(os_mono_ms() < deadline);
                os_sleep_ms(5);
                os_mutex_lock(&f->lock);
                taken = f->orders[node] == NULL;
                os_mutex_unlock(&f->lock);
        }
}

/* ---- datanodes ---------------------------------------------------------------------------- */

static inline void conf_init(struct fixture *f, unsigned i)
{
        struct datanode_conf *c = &f->conf[i];

        memset(c, 0, sizeof(*c));
        (void)snprintf(f->text[i][0], 128, "%s/d%u", f->dir, i);
        (void)snprintf(f->text[i][1], 128, "%s", CLUSTER);
        (void)snprintf(f->text[i][2], 128, "127.0.0.1");
        (void)snprintf(f->text[i][3], 128, "/rack%u", i);
        (void)snprintf(f->text[i][4], 128, "%s/ports%u.json", f->dir, i);
        f->text[i][5][0] = '\0';
        f->data_dirs[i][0] = f->text[i][0];
        c->data = (struct conf_list){.n = 1, .items = f->data_dirs[i]};
        c->cluster = f->text[i][1];
        c->namenodes = (struct conf_list){.n = 1, .items = f->namenodes};
        c->listen = f->text[i][2];
        c->host_name = f->text[i][5];
        c->rack = f->text[i][3];
        c->ports_file = f->text[i][4];
        c->socket_path = f->text[i][5];
        c->hadoop = true;
        c->transfers_max = 64;
}

static inline void node_start(struct fixture *f, unsigned i)
{
        struct bdfs_err err;

        must(datanode_start(&f->dn[i], &f->conf[i], &err), &err);
        assert_true(datanode_wait_registered(f->dn[i], soon()));
}

static inline void node_stop(struct fixture *f, unsigned i)
{
        datanode_stop(f->dn[i]);
        f->dn[i] = NULL;
}

static inline struct fixture *fixture_start(unsigned nodes)
{
        struct fixture *f = calloc(1, sizeof(*f));
        struct rpc_server_config c = {.name = "fake", .own = {.host = "127.0.0.1"}};
        struct bdfs_err err;

        assert_non_null(f);
        f->seed = 1;
        os_mutex_init(&f->lock);
        (void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_datanode.XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        must(identity_new(&f->identity, os_own_uid(), NULL, 0, &err), &err);
        f->service = (struct rpc_service){.protocol = "bdfs.DatanodeService",
                                          .handler_of = fake_handler_of,
                                          .context = f,
                                          .listeners = 1u << RPC_OWN};
        c.identity = f->identity;
        c.services = &f->service;
        c.services_n = 1;
        must(rpc_server_start(&f->server, &c, &err), &err);
        (void)snprintf(f->namenode, sizeof(f->namenode), "127.0.0.1:%u",
                       rpc_server_port(f->server, RPC_OWN));
        f->namenodes[0] = f->namenode;
        for (unsigned i = 0; i < nodes; i++) {
                conf_init(f, i);
                node_start(f, i);
        }
        return f;
}

static inline void namenode_stop(struct fixture *f)
{
        if (f->server == NULL)
                return;
        rpc_server_stop(f->server);
        rpc_server_free(f->server);
        f->server = NULL;
}

static inline void fixture_stop(struct fixture *f)
{
        char command[128];

        for (unsigned i = 0; i < NODES_MAX; i++)
                node_stop(f, i);
        namenode_stop(f);
        identity_free(f->identity);
        os_mutex_fini(&f->lock);
        (void)snprintf(command, sizeof(command), "rm -rf %s", f->dir);
        assert_int_equal(system(command), 0);
        free(f);
}

static inline int setup_1(void **state)
{
        *state = fixture_start(1);
        return 0;
}

static inline int setup_2(void **state)
{
        *state = fixture_start(2);
        return 0;
}

static inline int setup_3(void **state)
{
        *state = fixture_start(3);
        return 0;
}

static inline int teardown(void **state)
{
        fixture_stop(*state);
        return 0;
}

/* ---- the client --------------------------------------------------------------------------- */

struct ask {
        unsigned nodes[NODES_MAX];
        size_t nodes_n;
        uint64_t block, stamp;
        uint64_t base, length; /* of the token */
        unsigned rights, flags;
        const char *user;      /* NULL: the one who runs the test */
        const char *client;    /* NULL: "test" */
        int64_t life_ms;       /* 0: a minute */
        enum crc_type type;
        uint32_t every;
        Hadoop__OpWriteBlockProto__BlockConstructionStage stage;
        bool no_token, bend; /* bend: one bit of the token is changed */
};

static inline struct ask ask_of(uint64_t block, unsigned nodes)
{
        struct ask a = {.nodes_n = nodes,
                        .block = block,
                        .stamp = 1001,
                        .length = TOKEN_LENGTH_OPEN,
                        .rights = TOKEN_READ | TOKEN_WRITE,
                        .type = CRC_CRC32C,
                        .every = 512,
                        .stage = STAGE_CREATE};

        for (unsigned i = 0; i < nodes; i++)
                a.nodes[i] = i;
        return a;
}

struct token_bytes {
        struct buf identifier, password;
        Hadoop__TokenProto proto;
};

static inline void make_token(struct fixture *f, const struct ask *a, struct token_bytes *t)
{
        static char kind[] = TOKEN_KIND, none[] = "";
        struct token_node nodes[NODES_MAX];
        struct token token = {.rights = (uint8_t)a->rights,
                              .flags = (uint8_t)a->flags,
                              .inode = 16386,
                              .block = a->block,
                              .base = a->base,
                              .length = a->length,
                              .stamp_floor = a->stamp};
        struct bdfs_err err;

        token.expiry_wall_ms = (uint64_t)(os_wall_ms() + (a->life_ms == 0 ? 60000 : a->life_ms));
        if (a->user != NULL)
                (void)snprintf(token.user, sizeof(token.user), "%s", a->user);
        else
                must(os_user_name(os_own_uid(), token.user, &err), &err);
        for (unsigned i = 0; i < 16; i++)
                token.cluster[i] = (uint8_t)i;
        os_mutex_lock(&f->lock);
        for (unsigned i = 0; i < NODES_MAX; i++) {
                nodes[i].number = i + 1;
                memcpy(nodes[i].key, f->nodes[i].key, sizeof(nodes[i].key));
        }
        os_mutex_unlock(&f->lock);
        buf_init(&t->identifier, 0);
        buf_init(&t->password, 0);
        must(token_make(&token, nodes, NODES_MAX, &t->identifier, &t->password, &err), &err);
        if (a->bend)
                t->identifier.data[3] ^= 1;
        hadoop__token_proto__init(&t->proto);
        t->proto.identifier = (ProtobufCBinaryData){.data = t->identifier.data,
                                                    .len = t->identifier.n};
        t->proto.password = (ProtobufCBinaryData){.data = t->password.data, .len = t->password.n};
        t->proto.kind = kind;
        t->proto.service = none;
}

static inline void free_token(struct token_bytes *t)
{
        buf_fini(&t->identifier);
        buf_fini(&t->password);
}

struct header {
        struct token_bytes token;
        Hadoop__ExtendedBlockProto block;
        Hadoop__BaseHeaderProto base;
        Hadoop__ClientOperationHeaderProto client;
};

static inline void make_header(struct fixture *f, const struct ask *a, struct header *h)
{
        static char pool[] = "BP-1", name[] = "test";

        make_token(f, a, &h->token);
        hadoop__extended_block_proto__init(&h->block);
        hadoop__base_header_proto__init(&h->base);
        hadoop__client_operation_header_proto__init(&h->client);
        h->block.poolid = pool;
        h->block.blockid = a->block;
        h->block.generationstamp = a->stamp;
        h->block.has_numbytes = true;
        h->base.block = &h->block;
        h->base.token = a->no_token ? NULL : &h->token.proto;
        h->client.baseheader = &h->base;
        h->client.clientname = a->client != NULL ? (char *)(uintptr_t)a->client : name;
}

static inline struct os_sock *dial(struct fixture *f, unsigned node)
{
        struct os_addr addr = {.host = "127.0.0.1"};
        struct os_sock *s;
        struct bdfs_err err;

        os_mutex_lock(&f->lock);
        addr.port = (uint16_t)f->nodes[node].own_port;
        os_mutex_unlock(&f->lock);
        must(os_connect(&s, &addr, soon(), &err), &err);
        return s;
}

static inline void send_op(struct os_sock *s, enum transfer_op op, const ProtobufCMessage *m)
{
        struct bdfs_err err;
        struct buf b;

        buf_init(&b, 0);
        transfer_op_encode(&b, op, m);
        assert_false(b.bad);
        must(os_sock_write(s, b.data, b.n, soon(), &err), &err);
        buf_fini(&b);
}

/* A delimited message's bytes; false when the connection ended. */
static inline bool read_delimited(struct os_sock *s, uint8_t *to, size_t room, size_t *ret_n)
{
        struct bdfs_err err;
        size_t n = 0, shift = 0;
        uint8_t b = 0x80;

        while (b & 0x80) {
                if (os_sock_read(s, &b, 1, soon(), &err) != BDFS_OK)
                        return false;
                n |= (size_t)(b & 0x7f) << shift;
                shift += 7;
        }
        assert_true(n <= room);
        *ret_n = n;
        return os_sock_read(s, to, n, soon(), &err) == BDFS_OK;
}

/* NULL when the connection ended without a reply; free with message_free(). */
static inline Hadoop__BlockOpResponseProto *read_reply(struct os_sock *s)
{
        uint8_t bytes[8192];
        struct bdfs_err err;
        size_t n;
        Hadoop__BlockOpResponseProto *r;

        if (!read_delimited(s, bytes, sizeof(bytes), &n))
                return NULL;
        assert_true(n + 1 >= TRANSFER_REPLY_BYTES_MIN);
        r = message_unpack(&hadoop__block_op_response_proto__descriptor, bytes, n, &err);
        assert_non_null(r);
        return r;
}

/* Ask for a pipeline to a->nodes, by a connection to the first of them. */
static inline void ask_write(struct fixture *f, const struct ask *a, struct os_sock *s)
{
        Hadoop__OpWriteBlockProto op = HADOOP__OP_WRITE_BLOCK_PROTO__INIT;
        Hadoop__ChecksumProto sum = HADOOP__CHECKSUM_PROTO__INIT;
        Hadoop__DatanodeInfoProto infos[NODES_MAX], *pointers[NODES_MAX];
        Hadoop__DatanodeIDProto ids[NODES_MAX];
        static char ip[] = "127.0.0.1", uuid[] = "u";
        struct header h;

        make_header(f, a, &h);
        sum.type = (Hadoop__ChecksumTypeProto)a->type;
        sum.bytesperchecksum = a->every;
        for (size_t i = 1; i < a->nodes_n; i++) {
                hadoop__datanode_info_proto__init(&infos[i]);
                hadoop__datanode_idproto__init(&ids[i]);
                ids[i].ipaddr = ids[i].hostname = ip;
                ids[i].datanodeuuid = uuid;
                ids[i].xferport = f->nodes[a->nodes[i]].own_port;
                infos[i].id = &ids[i];
                pointers[i - 1] = &infos[i];
        }
        op.header = &h.client;
        op.targets = pointers;
        op.n_targets = a->nodes_n - 1;
        op.stage = a->stage;
        op.pipelinesize = (uint32_t)a->nodes_n;
        op.requestedchecksum = &sum;
        send_op(s, TRANSFER_WRITE_BLOCK, &op.base);
        free_token(&h.token);
}

/* A pipeline to a->nodes. The reply goes to @ret_reply. */
static inline struct os_sock *write_open(struct fixture *f, const struct ask *a,
                                         Hadoop__BlockOpResponseProto **ret_reply)
{
        struct os_sock *s = dial(f, a->nodes[0]);

        ask_write(f, a, s);
        if (ret_reply != NULL)
                *ret_reply = read_reply(s);
        return s;
}

static inline void expect_reply_ok(Hadoop__BlockOpResponseProto *r)
{
        assert_non_null(r);
        if (r->status != HADOOP__STATUS__SUCCESS)
                fail_msg("write refused: %s", r->message != NULL ? r->message : "no text");
        message_free(r);
}

static inline struct os_sock *write_open_ok(struct fixture *f, const struct ask *a)
{
        Hadoop__BlockOpResponseProto *r;
        struct os_sock *s = write_open(f, a, &r);

        expect_reply_ok(r);
        return s;
}

struct packet {
        uint64_t offset;
        int64_t seqno;
        const uint8_t *data;
        size_t n;
        bool last, sync, bad_sum;
};

static inline void send_packet(struct os_sock *s, const struct ask *a, const struct packet *p)
{
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];
        struct transfer_packet w = {.offset = (int64_t)p->offset,
                                    .seqno = p->seqno,
                                    .data_n = (uint32_t)p->n,
                                    .last = p->last,
                                    .sync = p->sync};
        size_t sums_n = a->type == CRC_NULL ? 0 : crc_chunk_count(p->n, a->every) * 4, head_n;
        uint8_t *sums = malloc(sums_n + 1);
        struct iovec iov[3];
        struct bdfs_err err;

        assert_non_null(sums);
        if (sums_n > 0)
                crc_chunks(a->type, p->data, p->n, a->every, sums);
        if (p->bad_sum)
                sums[0] ^= 1;
        w.sums_n = (uint32_t)sums_n;
        head_n = transfer_packet_encode(head, &w);
        iov[0] = (struct iovec){.iov_base = head, .iov_len = head_n};
        iov[1] = (struct iovec){.iov_base = sums, .iov_len = sums_n};
        iov[2] = (struct iovec){.iov_base = (void *)(uintptr_t)p->data, .iov_len = p->n};
        must(os_sock_writev(s, iov, 3, soon(), &err), &err);
        free(sums);
}

/* False when the connection ended. */
static inline bool read_ack(struct os_sock *s, struct transfer_ack *ret)
{
        uint8_t bytes[1024];
        struct bdfs_err err;
        size_t n;

        if (!read_delimited(s, bytes, sizeof(bytes), &n))
                return false;
        must(transfer_ack_decode(bytes, n, ret, &err), &err);
        return true;
}

static inline void expect_ack(struct os_sock *s, int64_t seqno, size_t nodes)
{
        struct transfer_ack ack;

        assert_true(read_ack(s, &ack));
        assert_int_equal(ack.seqno, seqno);
        assert_int_equal(ack.n, nodes);
        for (uint32_t i = 0; i < ack.n; i++)
                assert_int_equal(ack.reply[i], HADOOP__STATUS__SUCCESS);
}

/* A whole block in packets of @step bytes down an open pipeline; wait for every ack. */
static inline void write_packets(struct os_sock *s, const struct ask *a, const uint8_t *data,
                                 size_t n, size_t step)
{
        int64_t seqno = 0;
        size_t acked = 0;

        for (size_t at = 0; at < n; at += step) {
                struct packet p = {.offset = at,
                                   .seqno = seqno++,
                                   .data = data + at,
                                   .n = n - at < step ? n - at : step};

                send_packet(s, a, &p);
                if (seqno - (int64_t)acked > 40)
                        expect_ack(s, (int64_t)acked++, a->nodes_n);
        }
        send_packet(s, a, &(struct packet){.offset = n, .seqno = seqno, .last = true});
        while ((int64_t)acked <= seqno)
                expect_ack(s, (int64_t)acked++, a->nodes_n);
}

static inline void write_block(struct fixture *f, const struct ask *a, const uint8_t *data,
                               size_t n, size_t step)
{
        struct os_sock *s = write_open_ok(f, a);

        write_packets(s, a, data, n, step);
        os_sock_close(s);
}

struct got {
        Hadoop__Status status;
        char text[256];
        enum crc_type type;
        uint64_t first; /* chunkOffset */
        uint8_t *bytes;
        size_t n;
};

/* One READ_BLOCK over @s, every checksum compared. got.bytes is malloc'ed on success. */
static inline void read_range_on(struct os_sock *s, struct fixture *f, const struct ask *a,
                                 uint64_t offset, uint64_t length, bool sums, struct got *ret)
{
        Hadoop__OpReadBlockProto op = HADOOP__OP_READ_BLOCK_PROTO__INIT;
        Hadoop__BlockOpResponseProto *r;
        struct header h;
        struct bdfs_err err;
        int64_t seqno = 0;
        struct buf b;

        memset(ret, 0, sizeof(*ret));
        make_header(f, a, &h);
        op.header = &h.client;
        op.offset = offset;
        op.len = length;
        op.has_sendchecksums = true;
        op.sendchecksums = sums;
        send_op(s, TRANSFER_READ_BLOCK, &op.base);
        free_token(&h.token);
        r = read_reply(s);
        assert_non_null(r);
        ret->status = r->status;
        (void)snprintf(ret->text, sizeof(ret->text), "%s", r->message != NULL ? r->message : "");
        if (r->status == HADOOP__STATUS__SUCCESS) {
                ret->type = (enum crc_type)r->readopchecksuminfo->checksum->type;
                ret->first = r->readopchecksuminfo->chunkoffset;
                assert_int_equal(r->readopchecksuminfo->checksum->bytesperchecksum, 512);
        }
        message_free(r);
        if (ret->status != HADOOP__STATUS__SUCCESS)
                return;
        buf_init(&b, 0);
        for (;;) {
                uint8_t head[31], *part;
                struct transfer_packet p;
                size_t head_n, need;

                must(os_sock_read(s, head, sizeof(head), soon(), &err), &err);
                must(transfer_packet_decode(head, sizeof(head), &p, &head_n, &need, &err), &err);
                assert_int_equal(need, 0);
                assert_int_equal(head_n, 31);
                must(transfer_packet_check_read(&p, seqno++, sums ? 512 : 0, &err), &err);
                assert_int_equal(p.offset, ret->first + b.n);
                part = malloc(p.sums_n + p.data_n + 1);
                assert_non_null(part);
                must(os_sock_read(s, part, p.sums_n + p.data_n, soon(), &err), &err);
                if (sums && p.data_n > 0)
                        assert_int_equal(crc_verify_chunks(ret->type, part + p.sums_n, p.data_n,
                                                           512, part), -1);
                buf_add(&b, part + p.sums_n, p.data_n);
                free(part);
                if (p.last)
                        break;
        }
        ret->bytes = b.data;
        ret->n = b.n;
        buf_init(&b, 0);
        transfer_read_status_encode(&b, HADOOP__STATUS__CHECKSUM_OK);
        must(os_sock_write(s, b.data, b.n, soon(), &err), &err);
        buf_fini(&b);
}

static inline void read_range(struct fixture *f, const struct ask *a, uint64_t offset,
                              uint64_t length, bool sums, struct got *ret)
{
        struct os_sock *s = dial(f, a->nodes[0]);

        read_range_on(s, f, a, offset, length, sums, ret);
        os_sock_close(s);
}

/* The range of @node's replica equals @data; whole chunks around it may come along. */
static inline void expect_bytes(struct fixture *f, const struct ask *a, uint64_t offset,
                                uint64_t length, const uint8_t *data)
{
        struct got g;

        read_range(f, a, offset, length, true, &g);
        if (g.status != HADOOP__STATUS__SUCCESS)
                fail_msg("read refused: %s", g.text);
        assert_int_equal(g.first, offset / 512 * 512);
        assert_true(g.first + g.n >= offset + length);
        assert_memory_equal(g.bytes, data + g.first, g.n);
        free(g.bytes);
}
