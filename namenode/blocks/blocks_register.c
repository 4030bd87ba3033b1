/*
 * Registration: who the datanode is, and what it must send so that both sides know the same.
 *
 * Same log, same position, equal digest: nothing. Same log, changes since are still remembered:
 * those (and the digest is compared when they are applied). Another log (the datanode was started
 * again) with an equal digest: what the new log has. Anything else: a full report.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "namenode/blocks/blocks_internal.h"

#define RECEIVING BDFS__REPLICA_STATE__REPLICA_RECEIVING
#define WAITING BDFS__REPLICA_STATE__REPLICA_WAITING

struct registration {
        struct blocks *b;
        const Bdfs__RegisterRequest *request;
        struct node *node;
        struct replica_digest digest;
        struct node_log log;
        Bdfs__RegisterResponse__Report report;
        uint64_t from;
};

/* ---- who it is ------------------------------------------------------------------------------- */

static bool text_fits(const char *text, size_t room)
{
        return text[0] != '\0' && strlen(text) < room;
}

/* ---- that it has the secret ------------------------------------------------------------------ */

enum bdfs_status blocks_challenge(struct blocks *b, const Bdfs__ChallengeRequest *q,
                                  struct blocks_challenge_room *room,
                                  Bdfs__ChallengeResponse *ret, struct bdfs_err *err)
{
        struct blocks_challenge c = {.given_ms = os_mono_ms()};
        const struct proof_subject subject = {b->config.cluster, q->uuid, c.nonce, c.theirs};
        enum bdfs_status rc;

        if (q->cluster.len != sizeof(b->config.cluster) ||
            memcmp(q->cluster.data, b->config.cluster, q->cluster.len) != 0)
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "datanode %s belongs to another cluster; its data directory was "
                                 "made by another `bdfs cluster` or `bdfs init`", q->uuid);
        if (!text_fits(q->uuid, sizeof(c.uuid)) || q->nonce.len != PROOF_NONCE_BYTES)
                return bdfs_fail(err, BDFS_INVALID, "challenge: uuid or nonce makes no sense");
        (void)snprintf(c.uuid, sizeof(c.uuid), "%s", q->uuid);
        memcpy(c.theirs, q->nonce.data, PROOF_NONCE_BYTES);
        os_random(c.nonce, sizeof(c.nonce));
        rc = cluster_proof(b->config.secret, PROOF_NAMENODE, &subject, room->proof, err);
        if (rc != BDFS_OK)
                return rc;
        memcpy(room->nonce, c.nonce, sizeof(room->nonce));
        ret->nonce = (ProtobufCBinaryData){.data = room->nonce, .len = sizeof(room->nonce)};
        ret->proof = (ProtobufCBinaryData){.data = room->proof, .len = sizeof(room->proof)};
        AUTO_LOCK(&b->lock);
        b->challenges[b->challenge_next++ % BLOCKS_CHALLENGES_MAX] = c;
        return BDFS_OK;
}

/* The challenge that was given for @q, which is used up; false: none. */
static bool take_challenge(struct blocks *b, const Bdfs__RegisterRequest *q,
                           struct blocks_challenge *ret)
{
        AUTO_LOCK(&b->lock);

        for (size_t i = 0; i < BLOCKS_CHALLENGES_MAX; i++) {
                struct blocks_challenge *c = &b->challenges[i];

                if (c->uuid[0] == '\0' || strcmp(c->uuid, q->uuid) != 0 ||
                    memcmp(c->nonce, q->nonce.data, PROOF_NONCE_BYTES) != 0)
                        continue;
                *ret = *c;
                c->uuid[0] = '\0';
                return os_mono_ms() - ret->given_ms <= BLOCKS_CHALLENGE_MS;
        }
        return false;
}

enum bdfs_status blocks_prove(struct blocks *b, const Bdfs__RegisterRequest *q,
                              struct bdfs_err *err)
{
        struct blocks_challenge c;
        const struct proof_subject subject = {b->config.cluster, q->uuid, c.nonce, c.theirs};

        if (!q->has_nonce || !q->has_proof)
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "datanode %s proves nothing: it is a program of an older version "
                                 "than the namenode's", q->uuid);
        if (q->nonce.len != PROOF_NONCE_BYTES || !take_challenge(b, q, &c))
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "datanode %s answers no challenge of this namenode, or too late",
                                 q->uuid);
        return cluster_proof_check(b->config.secret, PROOF_DATANODE, &subject, &q->proof, err);
}

static bool port_fits(uint32_t port)
{
        return port <= UINT16_MAX;
}

static enum bdfs_status check_request(const struct blocks *b, const Bdfs__RegisterRequest *q,
                                      struct bdfs_err *err)
{
        const struct node_info *i = NULL;

        if (q->cluster.len != sizeof(b->config.cluster) ||
            memcmp(q->cluster.data, b->config.cluster, q->cluster.len) != 0)
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "datanode %s belongs to another cluster; its data directory was "
                                 "made by another `bdfs cluster` or `bdfs init`", q->uuid);
        if (!text_fits(q->uuid, sizeof(i->uuid)) || !text_fits(q->ip, sizeof(i->ip)) ||
            !text_fits(q->host_name, sizeof(i->host)) || !text_fits(q->rack, sizeof(i->rack)) ||
            q->rack[0] != '/')
                return bdfs_fail(err, BDFS_INVALID,
                                 "datanode registration: uuid, address, host or rack is empty or "
                                 "too long, or the rack does not begin with /");
        if (!port_fits(q->own_port) || !port_fits(q->hadoop_port) || !port_fits(q->ipc_port) ||
            !port_fits(q->own_ipc_port) || !port_fits(q->agent_port) || q->own_port == 0 ||
            q->log_id == 0 || q->log_first > q->log_next)
                return bdfs_fail(err, BDFS_INVALID,
                                 "datanode %s: a port or its log makes no sense", q->uuid);
        for (size_t k = 0; k < q->n_storages; k++)
                if (!text_fits(q->storages[k]->uuid, sizeof(i->storage)))
                        return bdfs_fail(err, BDFS_INVALID, "datanode %s: a storage has no id or "
                                         "too long a one", q->uuid);
        return BDFS_OK;
}

static enum bdfs_status next_number(struct blocks *b, uint32_t *ret, struct bdfs_err *err)
{
        struct counters counters;
        struct store_txn *ns;
        enum bdfs_status rc = blocks_begin_namespace(b, &ns, err);

        if (rc != BDFS_OK)
                return rc;
        rc = table_get_counters(ns, &counters, err);
        store_abort(ns);
        *ret = rc == BDFS_OK ? counters.node : 0;
        return rc;
}

/* A datanode that nobody knows yet gets a number and keeps it for ever. */
static enum bdfs_status introduce(struct blocks *b, const Bdfs__RegisterRequest *q,
                                  struct node **ret, struct bdfs_err *err)
{
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
        Bdfs__RegisterNodeOp op = BDFS__REGISTER_NODE_OP__INIT;
        uint8_t key[TOKEN_KEY_BYTES];
        enum bdfs_status rc = next_number(b, &op.number, err);

        if (rc == BDFS_OK)
                rc = cluster_node_key(b->config.secret, b->config.cluster, q->uuid, key, err);
        if (rc != BDFS_OK)
                return rc;
        op.uuid = q->uuid; /* and no key, which both sides can derive */
        record.time_ms = os_wall_ms();
        record.op_case = BDFS__JOURNAL_RECORD__OP_REGISTER_NODE;
        record.register_node = &op;
        rc = commit_wait(b->commit, &record, NULL, err);
        if (rc != BDFS_OK)
                return rc;
        log_info("datanode is new number=%" PRIu32 " uuid=%s ip=%s", op.number, q->uuid, q->ip);
        AUTO_LOCK(&b->lock);
        return nodes_add(&b->nodes, op.number, q->uuid, key, ret, err);
}

static enum bdfs_status find_node(struct blocks *b, const Bdfs__RegisterRequest *q,
                                  struct node **ret, struct bdfs_err *err)
{
        os_mutex_lock(&b->lock);
        *ret = nodes_find(&b->nodes, q->uuid);
        os_mutex_unlock(&b->lock);
        return *ret == NULL ? introduce(b, q, ret, err) : BDFS_OK;
}

/* ---- what it must send ----------------------------------------------------------------------- */

static void decide(struct registration *g)
{
        const Bdfs__RegisterRequest *q = g->request;
        bool same_log = g->log.id == q->log_id;
        bool equal = !g->log.full && g->log.replicas == q->replicas &&
                     replica_digest_equal(&g->log.digest, &g->digest);

        g->report = BDFS__REGISTER_RESPONSE__REPORT__FULL;
        g->from = q->log_next;
        if (same_log && g->log.next == q->log_next) {
                if (equal)
                        g->report = BDFS__REGISTER_RESPONSE__REPORT__NONE;
        } else if (same_log && !g->log.full && g->log.next >= q->log_first &&
                   g->log.next < q->log_next) {
                g->report = BDFS__REGISTER_RESPONSE__REPORT__DELTA;
                g->from = g->log.next;
        } else if (!same_log && equal) {
                g->from = q->log_first;
                g->report = q->log_first == q->log_next ? BDFS__REGISTER_RESPONSE__REPORT__NONE
                                                        : BDFS__REGISTER_RESPONSE__REPORT__DELTA;
        }
        g->log.id = q->log_id;
        g->log.next = g->from;
        g->log.full = g->report == BDFS__REGISTER_RESPONSE__REPORT__FULL;
        g->log.full_from = g->from;
        g->log.full_after = NODE_LOG_NO_PAGE;
}

/* The datanode was started again: what it was receiving then is no longer being received. */
static enum bdfs_status interrupt(struct registration *g, struct replicas_txn *t,
                                  struct bdfs_err *err)
{
        uint32_t node = g->node->info.number;
        uint64_t after = 0, blocks[64];
        size_t n;

        do {
                enum bdfs_status rc = replicas_of_node(t, REPLICAS_UNSEALED, node, after, blocks,
                                                       64, &n, err);

                for (size_t i = 0; rc == BDFS_OK && i < n; i++) {
                        struct replica row;

                        after = blocks[i];
                        rc = replica_get(t, after, node, &row, err);
                        if (rc == BDFS_OK && row.state == RECEIVING) {
                                row.state = WAITING;
                                rc = replica_put(t, &row, &g->log, err);
                        }
                }
                if (rc != BDFS_OK)
                        return rc;
        } while (n > 0);
        return BDFS_OK;
}

static enum bdfs_status registration_work(struct replicas_txn *t, void *arg, struct bdfs_err *err)
{
        struct registration *g = arg;
        uint32_t number = g->node->info.number;
        enum bdfs_status rc = node_log_get(t, number, &g->log, err);

        if (rc == BDFS_OK && g->log.id != g->request->log_id)
                rc = interrupt(g, t, err);
        if (rc != BDFS_OK)
                return rc;
        decide(g);
        rc = replicas_clear(t, REPLICAS_RECENT, number, err);
        return rc != BDFS_OK ? rc : node_log_put(t, number, &g->log, err);
}

/* ---- what changes in memory ------------------------------------------------------------------ */

static void describe(struct blocks *b, struct node *n, const Bdfs__RegisterRequest *q)
{
        struct node_info *i = &n->info;

        (void)snprintf(i->ip, sizeof(i->ip), "%s", q->ip);
        (void)snprintf(i->host, sizeof(i->host), "%s", q->host_name);
        (void)snprintf(i->rack, sizeof(i->rack), "%s", q->rack);
        (void)snprintf(i->socket_path, sizeof(i->socket_path), "%s",
                       q->socket_path == NULL ? "" : q->socket_path);
        i->own_port = (uint16_t)q->own_port;
        i->hadoop_port = (uint16_t)q->hadoop_port;
        i->ipc_port = (uint16_t)q->ipc_port;
        i->own_ipc_port = (uint16_t)q->own_ipc_port;
        i->agent_port = q->has_agent_port ? (uint16_t)q->agent_port : 0;
        node_set_storages(n, q->storages, q->n_storages);
        n->host = nodes_word(&b->nodes, i->host);
        n->rack = nodes_word(&b->nodes, i->rack);
}

static void registration_committed(void *arg)
{
        struct registration *g = arg;
        struct blocks *b = g->b;
        struct node *n = g->node;
        AUTO_LOCK(&b->lock);

        describe(b, n, g->request);
        n->log = g->log;
        n->info.replicas = g->log.replicas;
        n->info.last_heartbeat_mono_ms = b->clock_ms();
        n->info.last_heartbeat_wall_ms = os_wall_ms();
        n->counted = g->report == BDFS__REGISTER_RESPONSE__REPORT__NONE;
        n->checking = g->report == BDFS__REGISTER_RESPONSE__REPORT__DELTA;
        n->check_at = g->request->log_next;
        n->check = g->digest;
        if (n->counted)
                n->info.last_full_report_wall_ms = n->info.last_heartbeat_wall_ms;
        n->full_asked_ms = b->clock_ms();
        if (g->report != BDFS__REGISTER_RESPONSE__REPORT__FULL)
                n->full_asked_ms -= BLOCKS_FULL_AGAIN_MS;
        n->doomed_after = 0;
        node_walk(n);
        nodes_set_state(&b->nodes, n, NODE_ALIVE);
        b->count_now = true;
        os_cond_signal(&b->wake);
        os_cond_broadcast(&b->heard);
}

static enum bdfs_status register_node(struct registration *g, struct bdfs_err *err)
{
        struct blocks *b = g->b;
        struct blocks_env_work work = {
                .work = registration_work, .committed = registration_committed, .arg = g};
        enum bdfs_status rc;
        AUTO_LOCK(&b->registering);

        rc = find_node(b, g->request, &g->node, err);
        if (rc != BDFS_OK)
                return rc;
        return blocks_failed(b, blocks_env_write(b->env, &work, err));
}

enum bdfs_status blocks_register(struct blocks *b, const Bdfs__RegisterRequest *request,
                                 Bdfs__RegisterResponse *ret, struct bdfs_err *err)
{
        static const char *const words[] = {[BDFS__REGISTER_RESPONSE__REPORT__NONE] = "nothing",
                                            [BDFS__REGISTER_RESPONSE__REPORT__DELTA] = "changes",
                                            [BDFS__REGISTER_RESPONSE__REPORT__FULL] = "all"};
        struct registration g = {.b = b, .request = request};
        enum bdfs_status rc = check_request(b, request, err);

        if (rc == BDFS_OK && !b->loaded)
                rc = bdfs_fail(err, BDFS_RETRY, "the namenode is starting");
        if (rc == BDFS_OK &&
            !replica_digest_decode(request->digest.data, request->digest.len, &g.digest))
                rc = bdfs_fail(err, BDFS_INVALID, "datanode %s: a digest of %zu bytes",
                               request->uuid, request->digest.len);
        if (rc == BDFS_OK)
                rc = register_node(&g, err);
        if (rc != BDFS_OK)
                return rc;
        ret->number = g.node->info.number;
        ret->report = g.report;
        ret->has_from = 1;
        ret->from = g.from;
        ret->epoch = b->epoch;
        log_info("datanode registered number=%" PRIu32 " ip=%s port=%" PRIu32 " rack=%s "
                 "replicas=%" PRIu64 " sends=%s", ret->number, request->ip, request->own_port,
                 request->rack, request->replicas, words[g.report]);
        return BDFS_OK;
}

/* ---- after a restart ------------------------------------------------------------------------- */

static enum bdfs_status load_one(struct blocks *b, struct replicas_txn *t,
                                 const struct node_row *row, struct bdfs_err *err)
{
        uint8_t key[TOKEN_KEY_BYTES];
        struct node_log log;
        struct node *n;
        enum bdfs_status rc = node_log_get(t, row->number, &log, err);
        AUTO_LOCK(&b->lock);

        if (rc == BDFS_OK) /* rows of older clusters have a key, which is no longer used */
                rc = cluster_node_key(b->config.secret, b->config.cluster, row->uuid, key, err);
        if (rc == BDFS_OK)
                rc = nodes_add(&b->nodes, row->number, row->uuid, key, &n, err);
        if (rc == BDFS_OK) {
                n->log = log;
                n->info.replicas = log.replicas;
        }
        return rc;
}

enum bdfs_status blocks_load_nodes(struct blocks *b, struct bdfs_err *err)
{
        struct store_txn *ns = NULL;
        struct node_row row = {.number = 0};
        struct replicas_txn t;
        enum bdfs_status rc = blocks_env_begin(b->env, &t, err);

        if (rc != BDFS_OK)
                return rc;
        rc = blocks_begin_namespace(b, &ns, err);
        while (rc == BDFS_OK) {
                rc = table_next_node(ns, row.number, &row, err);
                if (rc == BDFS_OK)
                        rc = load_one(b, &t, &row, err);
        }
        store_abort(ns);
        blocks_env_end(b->env, &t);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}
