#include "datanode/link/namenode_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host_port.h"
#include "common/limits.h"
#include "common/log.h"
#include "proto/message.h"

enum { BACK_OFF_MS_MIN = 100, BACK_OFF_MS_MAX = 2000 };

#define TICK_MS 100 /* changes that nobody waits for go out this late at most */
#define LOG_EVERY_MS 10000
#define RESOLVE_MS 10000 /* of a namenode's name, at the start */

void namenode_trouble(struct namenode_link *l, const char *what, const struct bdfs_err *err)
{
        int64_t now = os_mono_ms();
        bool tell;

        os_mutex_lock(&l->lock);
        l->connected = false;
        tell = now >= l->log_ms;
        if (tell)
                l->log_ms = now + LOG_EVERY_MS;
        os_cond_broadcast(&l->changed);
        os_mutex_unlock(&l->lock);
        if (tell)
                log_warn("%s failed namenode=%s error=%s", what, l->name, err->text);
}

enum bdfs_status namenode_call(struct namenode_link *l, enum method_id method,
                               const ProtobufCMessage *request, void *ret, struct bdfs_err *err)
{
        ProtobufCMessage *response = NULL;
        enum bdfs_status rc = rpc_client_call(l->client, method_of(method), request, &response,
                                              os_mono_ms() + CALL_MS, err);

        if (rc == BDFS_OK)
                *(ProtobufCMessage **)ret = response;
        return rc;
}

/* ---- storages ----------------------------------------------------------------------------- */

enum { STORAGES_MAX = 64 };

struct storages {
        Bdfs__StorageReport rows[STORAGES_MAX];
        Bdfs__StorageReport *pointers[STORAGES_MAX];
        size_t n;
};

static void describe_storages(struct namenode_link *l, struct storages *s)
{
        struct dataset_volume v[STORAGES_MAX];

        s->n = dataset_volumes(l->dn->dataset, v, STORAGES_MAX);
        for (size_t i = 0; i < s->n; i++) {
                bdfs__storage_report__init(&s->rows[i]);
                s->rows[i].uuid = (char *)(uintptr_t)v[i].uuid; /* only read */
                s->rows[i].capacity = v[i].capacity;
                s->rows[i].used = v[i].used;
                s->rows[i].remaining = v[i].remaining;
                s->rows[i].has_failed = v[i].failed;
                s->rows[i].failed = v[i].failed;
                s->pointers[i] = &s->rows[i];
        }
}

/* ---- registration ------------------------------------------------------------------------- */

static void fill_addresses(struct namenode_link *l, Bdfs__RegisterRequest *q)
{
        const struct datanode_conf *conf = l->dn->conf;
        const struct datanode_ports *ports = &l->dn->ports;

        q->ip = conf->listen;
        q->host_name = conf->host_name[0] != '\0' ? conf->host_name : conf->listen;
        q->rack = conf->rack;
        q->own_port = ports->own;
        q->hadoop_port = ports->hadoop;
        q->ipc_port = ports->ipc;
        q->own_ipc_port = ports->own_ipc;
        q->has_agent_port = conf->agent_port != 0;
        q->agent_port = (uint32_t)conf->agent_port;
        q->socket_path = l->dn->socket_path;
}

static void registered(struct namenode_link *l, const Bdfs__RegisterResponse *r,
                       const struct report_position *p)
{
        AUTO_LOCK(&l->lock);

        l->number = r->number;
        l->epoch = r->epoch;
        l->next = r->has_from ? r->from : p->next;
        l->full_wanted = r->report == BDFS__REGISTER_RESPONSE__REPORT__FULL;
        if (l->next < p->first || l->next > p->next)
                l->full_wanted = true;
        l->registered = l->connected = true;
        l->log_ms = 0;
        atomic_store(&l->dn->number, r->number);
        os_cond_broadcast(&l->changed);
}

/* The namenode proves that it has the cluster's secret; what is shown for it comes out. */
static bool challenge(struct namenode_link *l, uint8_t ret_nonce[PROOF_NONCE_BYTES],
                      uint8_t ret_proof[PROOF_BYTES])
{
        Bdfs__ChallengeRequest q = BDFS__CHALLENGE_REQUEST__INIT;
        const struct datanode *dn = l->dn;
        uint8_t own[PROOF_NONCE_BYTES];
        struct proof_subject subject = {.cluster = dn->cluster,
                                        .uuid = dataset_identity(dn->dataset)->uuid,
                                        .namenode = ret_nonce,
                                        .datanode = own};
        Bdfs__ChallengeResponse *r;
        struct bdfs_err err;
        enum bdfs_status rc;

        os_random(own, sizeof(own));
        q.cluster = (ProtobufCBinaryData){.data = l->dn->cluster, .len = sizeof(dn->cluster)};
        q.uuid = (char *)(uintptr_t)subject.uuid; /* only read */
        q.nonce = (ProtobufCBinaryData){.data = own, .len = sizeof(own)};
        rc = namenode_call(l, METHOD_BDFS_DATANODE_challenge, &q.base, &r, &err);
        if (rc == BDFS_OK) {
                if (r->nonce.len != PROOF_NONCE_BYTES)
                        rc = bdfs_fail(&err, BDFS_PROTOCOL, "a nonce of %zu bytes", r->nonce.len);
                else
                        memcpy(ret_nonce, r->nonce.data, PROOF_NONCE_BYTES);
                if (rc == BDFS_OK)
                        rc = cluster_proof_check(dn->secret, PROOF_NAMENODE, &subject, &r->proof,
                                                 &err);
                if (rc == BDFS_OK)
                        rc = cluster_proof(dn->secret, PROOF_DATANODE, &subject, ret_proof, &err);
                message_free(r);
        }
        if (rc != BDFS_OK)
                namenode_trouble(l, "registration", &err);
        return rc == BDFS_OK;
}

static bool do_register(struct namenode_link *l)
{
        uint8_t nonce[PROOF_NONCE_BYTES], proof[PROOF_BYTES];
        Bdfs__RegisterRequest q = BDFS__REGISTER_REQUEST__INIT;
        const struct volume_identity *id = dataset_identity(l->dn->dataset);
        Bdfs__RegisterResponse *r;
        struct report_position p;
        struct storages s;
        struct bdfs_err err;

        if (!challenge(l, nonce, proof))
                return false;
        report_log_position(namenode_log(l), &p);
        describe_storages(l, &s);
        fill_addresses(l, &q);
        q.cluster = (ProtobufCBinaryData){.data = l->dn->cluster, .len = sizeof(l->dn->cluster)};
        q.uuid = (char *)(uintptr_t)id->uuid; /* only read */
        q.has_nonce = q.has_proof = true;
        q.nonce = (ProtobufCBinaryData){.data = nonce, .len = sizeof(nonce)};
        q.proof = (ProtobufCBinaryData){.data = proof, .len = sizeof(proof)};
        q.storages = s.pointers;
        q.n_storages = s.n;
        q.log_id = report_log_id(namenode_log(l));
        q.log_first = p.first;
        q.log_next = p.next;
        q.replicas = p.replicas;
        q.digest = (ProtobufCBinaryData){.data = p.digest, .len = sizeof(p.digest)};
        q.version = (char *)(uintptr_t)BDFS_VERSION;
        if (namenode_call(l, METHOD_BDFS_DATANODE_register, &q.base, &r, &err) != BDFS_OK) {
                namenode_trouble(l, "registration", &err);
                return false;
        }
        registered(l, r, &p);
        log_info("registered namenode=%s number=%" PRIu32 " replicas=%" PRIu64 " report=%d",
                 l->name, r->number, p.replicas, (int)r->report);
        message_free(r);
        return true;
}

/* ---- heartbeats --------------------------------------------------------------------------- */

/* What every namenode has made durable is forgotten. */
static void forget(struct datanode *dn)
{
        uint64_t least = UINT64_MAX;

        for (size_t i = 0; i < dn->links_n; i++) {
                struct namenode_link *l = dn->links[i];

                os_mutex_lock(&l->lock);
                if (l->durable < least)
                        least = l->durable;
                os_mutex_unlock(&l->lock);
        }
        report_log_forget(dataset_log(dn->dataset), least);
}

static void fill_heartbeat(struct namenode_link *l, Bdfs__HeartbeatRequest *q,
                           struct report_position *p, struct storages *s)
{
        struct datanode_counters *c = &l->dn->counters;

        describe_storages(l, s);
        report_log_position(namenode_log(l), p);
        os_mutex_lock(&l->lock);
        q->number = l->number;
        q->epoch = l->epoch;
        os_mutex_unlock(&l->lock);
        q->storages = s->pointers;
        q->n_storages = s->n;
        q->transfers = atomic_load(&c->transfers);
        q->replicas = p->replicas;
        q->digest = (ProtobufCBinaryData){.data = p->digest, .len = sizeof(p->digest)};
        q->log_next = p->next;
        q->has_bytes_read_local = q->has_bytes_read_remote = q->has_bytes_written = true;
        q->bytes_read_local = atomic_load(&c->passed_bytes) + atomic_load(&c->read_unix) +
                              atomic_load(&c->read_local);
        q->bytes_read_remote = atomic_load(&c->read_remote);
        q->bytes_written = atomic_load(&c->written);
}

static bool heartbeat(struct namenode_link *l)
{
        Bdfs__HeartbeatRequest q = BDFS__HEARTBEAT_REQUEST__INIT;
        Bdfs__HeartbeatResponse *r;
        struct report_position p;
        struct storages s;
        struct bdfs_err err;

        fill_heartbeat(l, &q, &p, &s);
        if (namenode_call(l, METHOD_BDFS_DATANODE_heartbeat, &q.base, &r, &err) != BDFS_OK) {
                namenode_trouble(l, "heartbeat", &err);
                return false;
        }
        os_mutex_lock(&l->lock);
        l->connected = true;
        l->log_ms = 0;
        if (r->has_register_ && r->register_)
                l->registered = false;
        if (r->has_full_report && r->full_report)
                l->full_wanted = true;
        if (r->has_log_durable && r->log_durable > l->durable)
                l->durable = r->log_durable;
        os_mutex_unlock(&l->lock);
        forget(l->dn);
        orders_add(l->orders, r);
        return true;
}

/* ---- the thread --------------------------------------------------------------------------- */

static bool is_set(struct namenode_link *l, const bool *flag)
{
        AUTO_LOCK(&l->lock);

        return *flag;
}

static void pause_until(struct namenode_link *l, int64_t deadline_ms)
{
        AUTO_LOCK(&l->lock);

        while (!l->stop && os_cond_wait(&l->changed, &l->lock, deadline_ms))
                if (os_mono_ms() >= deadline_ms)
                        return;
}

static void send_rest(struct namenode_link *l)
{
        struct report_position p;

        report_log_position(namenode_log(l), &p);
        if (!namenode_report(l, p.next, os_mono_ms() + CALL_MS))
                return; /* again at the next tick */
}

static void run(void *arg)
{
        struct namenode_link *l = arg;
        int64_t back_off_ms = BACK_OFF_MS_MIN, beat_ms = 0;

        while (!is_set(l, &l->stop)) {
                bool good = is_set(l, &l->registered) || do_register(l);

                if (good && is_set(l, &l->full_wanted))
                        good = namenode_full_report(l);
                if (good && os_mono_ms() >= beat_ms) {
                        beat_ms = os_mono_ms() + HEARTBEAT_MS;
                        good = heartbeat(l);
                }
                if (good)
                        send_rest(l);
                pause_until(l, os_mono_ms() + (good ? TICK_MS : back_off_ms));
                back_off_ms = good ? BACK_OFF_MS_MIN
                                   : back_off_ms < BACK_OFF_MS_MAX / 2 ? 2 * back_off_ms
                                                                       : BACK_OFF_MS_MAX;
        }
}

/* ---- start and stop ----------------------------------------------------------------------- */

enum bdfs_status namenode_link_new(struct namenode_link **ret, struct datanode *dn,
                                   const char *server, struct bdfs_err *err)
{
        struct namenode_link *l = calloc(1, sizeof(*l));
        char user[OS_NAME_BYTES];
        struct os_addr addr;
        enum bdfs_status rc;

        if (l == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "namenode link: out of memory");
        os_mutex_init(&l->lock);
        os_cond_init(&l->changed);
        l->dn = dn;
        l->next = 1;
        (void)snprintf(l->name, sizeof(l->name), "%s", server); /* for the log */
        l->changes = calloc(CHANGES_MAX, sizeof(*l->changes));
        l->orders = orders_new();
        rc = l->changes == NULL || l->orders == NULL
                     ? bdfs_fail(err, BDFS_NO_MEMORY, "namenode link: out of memory")
                     : host_port_resolve(server, 0, os_mono_ms() + RESOLVE_MS, &addr, err);
        if (rc == BDFS_OK)
                rc = os_user_name(os_own_uid(), user, err);
        if (rc == BDFS_OK)
                rc = rpc_client_new(&l->client, &addr, user, err);
        if (rc != BDFS_OK) {
                namenode_link_free(l);
                return rc;
        }
        rpc_client_expect(l->client, os_own_uid()); /* whose orders are carried out */
        *ret = l;
        return BDFS_OK;
}

enum bdfs_status namenode_link_start(struct namenode_link *l, struct bdfs_err *err)
{
        return os_thread_start(&l->thread, "namenode", run, l, err);
}

struct orders *namenode_link_orders(struct namenode_link *l)
{
        return l->orders;
}

void namenode_link_shutdown(struct namenode_link *l)
{
        if (l == NULL)
                return;
        AUTO_LOCK(&l->lock);
        l->stop = true;
        os_cond_broadcast(&l->changed);
}

void namenode_link_free(struct namenode_link *l)
{
        if (l == NULL)
                return;
        namenode_link_shutdown(l);
        if (l->thread != NULL)
                os_thread_join(l->thread);
        orders_free(l->orders);
        rpc_client_free(l->client);
        free(l->changes);
        os_cond_fini(&l->changed);
        os_mutex_fini(&l->lock);
        free(l);
}

bool namenode_link_registered(struct namenode_link *l)
{
        return is_set(l, &l->registered);
}

enum bdfs_status namenode_links_may_read(struct datanode *dn, uint64_t block, const char *user,
                                         bool *ret, struct bdfs_err *err)
{
        Bdfs__MayReadRequest q = BDFS__MAY_READ_REQUEST__INIT;
        Bdfs__MayReadResponse *r = NULL;
        enum bdfs_status rc = bdfs_fail(err, BDFS_UNAVAILABLE, "no namenode is connected");

        q.block = block;
        q.user = (char *)(uintptr_t)user; /* only read */
        for (size_t i = 0; rc != BDFS_OK && i < dn->links_n; i++) {
                struct namenode_link *l = dn->links[i];

                if (!is_set(l, &l->registered) || !is_set(l, &l->connected))
                        continue;
                rc = namenode_call(l, METHOD_BDFS_DATANODE_mayRead, &q.base, &r, err);
        }
        if (rc != BDFS_OK)
                return rc;
        *ret = r->may;
        message_free(r);
        return BDFS_OK;
}
