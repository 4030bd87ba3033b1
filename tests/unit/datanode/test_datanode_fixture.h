/*
 * test_datanode_fixture.h - datanodes in this process, and a namenode that only registers and
 * remembers. For test_datanode*.c.
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

#include "common/limits.h"
#include "common/log.h"
#include "datanode/datanode.h"
#include "net/rpc_server.h"
#include "net/cluster_secret.h"
#include "proto/bdfs_cluster.pb-c.h"
#include "tests/lib/test_must.h"

#define CLUSTER "000102030405060708090a0b0c0d0e0f"
#define NODES_MAX 3
#define CHANGES_ROOM 4096

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
        unsigned challenged, registered;
        bool deaf; /* reports are not answered in time */

        struct datanode_conf conf[NODES_MAX];
        char text[NODES_MAX][8][128];
        char *data_dirs[NODES_MAX][2];
        struct datanode *dn[NODES_MAX];
        uint8_t cluster[CLUSTER_ID_BYTES], secret[CLUSTER_SECRET_BYTES];
        uint8_t nonce[PROOF_NONCE_BYTES]; /* of the namenode; the same for everybody here */
        uint8_t theirs[PROOF_NONCE_BYTES]; /* guarded by: lock; of who asked last */
        char secret_path[80];
        uint64_t seed;
};

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

static inline void fake_challenge(void *context, struct rpc_call *call)
{
        struct fixture *f = context;
        const Bdfs__ChallengeRequest *q = (const void *)call->request;
        Bdfs__ChallengeResponse r = BDFS__CHALLENGE_RESPONSE__INIT;
        struct proof_subject subject = {f->cluster, q->uuid, f->nonce, q->nonce.data};
        uint8_t proof[PROOF_BYTES];
        struct bdfs_err err;

        assert_int_equal(q->nonce.len, PROOF_NONCE_BYTES);
        os_mutex_lock(&f->lock);
        must(cluster_proof(f->secret, PROOF_NAMENODE, &subject, proof, &err), &err);
        memcpy(f->theirs, q->nonce.data, sizeof(f->theirs));
        f->challenged++;
        os_mutex_unlock(&f->lock);
        r.nonce = (ProtobufCBinaryData){sizeof(f->nonce), f->nonce};
        r.proof = (ProtobufCBinaryData){sizeof(proof), proof};
        rpc_call_reply(call, &r.base);
}

static inline void fake_register(void *context, struct rpc_call *call)
{
        struct fixture *f = context;
        const Bdfs__RegisterRequest *q = (const void *)call->request;
        Bdfs__RegisterResponse r = BDFS__REGISTER_RESPONSE__INIT;
        struct bdfs_err err;
        size_t i;

        os_mutex_lock(&f->lock);
        f->registered++;
        for (i = 0; i < NODES_MAX && f->nodes[i].uuid[0] != '\0'; i++)
                if (strcmp(f->nodes[i].uuid, q->uuid) == 0)
                        break;
        if (i < NODES_MAX) {
                struct fake_node *n = &f->nodes[i];

                (void)snprintf(n->uuid, sizeof(n->uuid), "%s", q->uuid);
                must(cluster_node_key(f->secret, f->cluster, q->uuid, n->key, &err), &err);
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
        case METHOD_BDFS_DATANODE_challenge: return fake_challenge;
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
        c->secret = f->secret_path;
        c->namenodes = (struct conf_list){.n = 1, .items = f->namenodes};
        c->listen = f->text[i][2];
        c->host_name = f->text[i][5];
        c->rack = f->text[i][3];
        c->ports_file = f->text[i][4];
        c->socket_path = f->text[i][5];
        c->hadoop = true;
        c->transfers_max = 64;
}

static inline void make_secret(struct fixture *f)
{
        char text[CLUSTER_SECRET_FILE_BYTES + 1];
        struct os_file *file;
        struct bdfs_err err;

        for (size_t i = 0; i < sizeof(f->cluster); i++)
                f->cluster[i] = (uint8_t)i; /* CLUSTER */
        (void)snprintf(f->secret_path, sizeof(f->secret_path), "%s/secret", f->dir);
        cluster_secret_make(text);
        must(os_file_open(&file, f->secret_path, OS_WRITE | OS_CREATE, &err), &err);
        must(os_file_write(file, 0, text, strlen(text), &err), &err);
        must(os_file_close(file, &err), &err);
        must(cluster_secret_load(f->secret, f->secret_path, &err), &err);
        os_random(f->nonce, sizeof(f->nonce));
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
        make_secret(f);
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
