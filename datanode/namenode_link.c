#include "datanode/namenode_link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "common/log.h"
#include "datanode/data_server.h"
#include "datanode/datanode_inside.h"
#include "datanode/datanode_ipc.h"
#include "datanode/orders.h"
#include "net/rpc_client.h"
#include "proto/message.h"

enum { CHANGES_MAX = 2000, BACK_OFF_MS_MIN = 100, BACK_OFF_MS_MAX = 2000 };

#define CALL_MS 10000
#define TICK_MS 100 /* changes that nobody waits for go out this late at most */
#define LOG_EVERY_MS 10000

static_assert(CHANGES_MAX <= REPORT_PAGE_MAX, "a batch of changes is accepted");

struct namenode_link {
        struct datanode *dn;
        char name[80];
        struct rpc_client *client;
        struct orders *orders;
        struct os_thread *thread;
        struct report_change *changes; /* whoever sends */

        struct os_mutex lock;
        struct os_cond changed;
        /* guarded by: lock */
        bool registered, connected, sending, full_wanted, stop;
        uint32_t number;
        uint64_t epoch;
        uint64_t next;    /* number of the first change that it has not applied */
        uint64_t durable; /* changes below need not be sent again */
        int64_t log_ms;   /* when trouble may be logged again */
};

static void trouble(struct namenode_link *l, const char *what, const struct bdfs_err *err)
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

static enum bdfs_status call(struct namenode_link *l, enum method_id method,
                             const ProtobufCMessage *request, void *ret, struct bdfs_err *err)
{
        ProtobufCMessage *response = NULL;
        enum bdfs_status rc = rpc_client_call(l->client, method_of(method), request, &response,
                                              os_mono_ms() + CALL_MS, err);

        if (rc == BDFS_OK)
                *(ProtobufCMessage **)ret = response;
        return rc;
}

static struct report_log *log_of(struct namenode_link *l)
{
        return dataset_log(l->dn->dataset);
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
        struct datanode_ports ports;

        datanode_ports(l->dn, &ports);
        q->ip = conf->listen;
        q->host_name = conf->host_name[0] != '\0' ? conf->host_name : conf->listen;
        q->rack = conf->rack;
        q->own_port = ports.own;
        q->hadoop_port = ports.hadoop;
        q->ipc_port = ports.ipc;
        q->own_ipc_port = ports.own_ipc;
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

static bool do_register(struct namenode_link *l)
{
        Bdfs__RegisterRequest q = BDFS__REGISTER_REQUEST__INIT;
        const struct volume_identity *id = dataset_identity(l->dn->dataset);
        Bdfs__RegisterResponse *r;
        struct report_position p;
        struct storages s;
        struct bdfs_err err;

        report_log_position(log_of(l), &p);
        describe_storages(l, &s);
        fill_addresses(l, &q);
        q.cluster = (ProtobufCBinaryData){.data = l->dn->cluster, .len = sizeof(l->dn->cluster)};
        q.uuid = (char *)(uintptr_t)id->uuid; /* only read */
        q.key = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)id->key,
                                      .len = sizeof(id->key)};
        q.storages = s.pointers;
        q.n_storages = s.n;
        q.log_id = report_log_id(log_of(l));
        q.log_first = p.first;
        q.log_next = p.next;
        q.replicas = p.replicas;
        q.digest = (ProtobufCBinaryData){.data = p.digest, .len = sizeof(p.digest)};
        q.version = (char *)(uintptr_t)BDFS_VERSION;
        if (call(l, METHOD_BDFS_DATANODE_register, &q.base, &r, &err) != BDFS_OK) {
                trouble(l, "registration", &err);
                return false;
        }
        registered(l, r, &p);
        log_info("registered namenode=%s number=%" PRIu32 " replicas=%" PRIu64 " report=%d",
                 l->name, r->number, p.replicas, (int)r->report);
        message_free(r);
        return true;
}

/* ---- changes ------------------------------------------------------------------------------ */

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

static enum bdfs_status send_changes(struct namenode_link *l, const Bdfs__ReportRequest *head,
                                     size_t n, bool *ret_accepted, uint64_t *ret_durable,
                                     struct bdfs_err *err)
{
        AUTO_FREE Bdfs__Replica *rows = calloc(n, sizeof(*rows));
        AUTO_FREE Bdfs__Replica **pointers = calloc(n, sizeof(*pointers));
        Bdfs__ReportRequest q = *head;
        Bdfs__ReportResponse *r;
        enum bdfs_status rc;

        if (rows == NULL || pointers == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "report: out of memory");
        for (size_t i = 0; i < n; i++) {
                bdfs__replica__init(&rows[i]);
                rows[i].block = l->changes[i].block;
                rows[i].stamp = l->changes[i].stamp;
                rows[i].length = l->changes[i].length;
                rows[i].state = (Bdfs__ReplicaState)l->changes[i].state;
                pointers[i] = &rows[i];
        }
        q.changes = pointers;
        q.n_changes = n;
        rc = call(l, METHOD_BDFS_DATANODE_report, &q.base, &r, err);
        if (rc != BDFS_OK)
                return rc;
        *ret_accepted = r->accepted;
        *ret_durable = r->log_durable;
        message_free(r);
        return BDFS_OK;
}

/* Send what comes after @from; *ret_next is where it ends. False: it did not get there. */
static bool send_from(struct namenode_link *l, uint64_t from, uint32_t number, uint64_t epoch,
                      uint64_t *ret_next)
{
        Bdfs__ReportRequest q = BDFS__REPORT_REQUEST__INIT;
        uint64_t first, durable = 0;
        struct bdfs_err err;
        bool accepted = false;
        size_t n = report_log_read(log_of(l), from, l->changes, CHANGES_MAX, &first);

        q.number = number;
        q.epoch = epoch;
        q.log_id = report_log_id(log_of(l));
        q.first = first;
        *ret_next = from;
        if (first == from && n == 0)
                return true;
        if (first != from) { /* forgotten: only all of it helps */
                AUTO_LOCK(&l->lock);

                l->full_wanted = true;
                return false;
        }
        if (send_changes(l, &q, n, &accepted, &durable, &err) != BDFS_OK) {
                trouble(l, "report", &err);
                return false;
        }
        AUTO_LOCK(&l->lock);
        if (!accepted && l->epoch == epoch)
                l->registered = false;
        if (accepted && durable > l->durable)
                l->durable = durable;
        *ret_next = from + n;
        return accepted;
}

/* Have the changes below @next applied; see namenode_link.h on who sends. */
static bool report(struct namenode_link *l, uint64_t next, int64_t deadline_ms)
{
        AUTO_LOCK(&l->lock);

        while (l->registered && l->connected && !l->stop && l->next < next) {
                uint64_t from = l->next, to = from;
                uint32_t number = l->number;
                uint64_t epoch = l->epoch;
                bool good;

                if (l->sending) {
                        if (!os_cond_wait(&l->changed, &l->lock, deadline_ms))
                                break;
                        continue;
                }
                l->sending = true;
                os_mutex_unlock(&l->lock);
                good = send_from(l, from, number, epoch, &to);
                os_mutex_lock(&l->lock);
                l->sending = false;
                if (good && l->next == from)
                        l->next = to;
                os_cond_broadcast(&l->changed);
                if (!good)
                        break;
        }
        return l->next >= next;
}

bool namenode_links_report(struct datanode *dn, uint64_t change, int64_t deadline_ms)
{
        bool all = true;

        for (size_t i = 0; i < dn->links_n; i++)
                all = report(dn->links[i], change + 1, deadline_ms) && all;
        return all;
}

/* ---- full reports ------------------------------------------------------------------------- */

static bool send_page(struct namenode_link *l, Bdfs__FullReportRequest *q,
                      const struct replica_entry *rows, size_t n)
{
        AUTO_FREE uint64_t *numbers = calloc(3 * n + 1, sizeof(*numbers));
        AUTO_FREE uint32_t *states = calloc(n + 1, sizeof(*states));
        Bdfs__FullReportResponse *r;
        struct bdfs_err err;
        bool accepted;

        if (numbers == NULL || states == NULL)
                return false; /* tried again */
        for (size_t i = 0; i < n; i++) {
                numbers[i] = rows[i].block;
                numbers[n + i] = rows[i].stamp;
                numbers[2 * n + i] = rows[i].length;
                states[i] = rows[i].state;
        }
        q->n_blocks = q->n_stamps = q->n_lengths = q->n_states = n;
        q->blocks = numbers;
        q->stamps = numbers + n;
        q->lengths = numbers + 2 * n;
        q->states = states;
        if (call(l, METHOD_BDFS_DATANODE_fullReport, &q->base, &r, &err) != BDFS_OK) {
                trouble(l, "full report", &err);
                return false;
        }
        accepted = r->accepted;
        message_free(r);
        return accepted;
}

static bool send_pages(struct namenode_link *l, const struct replica_entry *rows, size_t n,
                       uint64_t at)
{
        Bdfs__FullReportRequest q = BDFS__FULL_REPORT_REQUEST__INIT;
        size_t done = 0;

        os_mutex_lock(&l->lock);
        q.number = l->number;
        q.epoch = l->epoch;
        os_mutex_unlock(&l->lock);
        q.log_id = report_log_id(log_of(l));
        q.at = at;
        q.first_page = true;
        do {
                size_t page = n - done < REPORT_PAGE_MAX ? n - done : REPORT_PAGE_MAX;

                q.last_page = done + page == n;
                if (!send_page(l, &q, rows + done, page))
                        return false;
                if (q.first_page) {
                        AUTO_LOCK(&l->lock);

                        if (l->next < at) /* from here on changes count */
                                l->next = at;
                        os_cond_broadcast(&l->changed);
                }
                q.first_page = false;
                done += page;
        } while (done < n);
        return true;
}

static bool full_report(struct namenode_link *l)
{
        AUTO_FREE struct replica_entry *rows = NULL;
        struct bdfs_err err;
        uint64_t at;
        size_t n;
        bool good;

        if (dataset_snapshot(l->dn->dataset, &rows, &n, &at, &err) != BDFS_OK) {
                log_warn("full report failed error=%s", err.text);
                return false;
        }
        good = send_pages(l, rows, n, at);
        AUTO_LOCK(&l->lock);
        if (good)
                l->full_wanted = false;
        else if (l->connected)
                l->registered = false;
        if (good)
                log_info("full report sent namenode=%s replicas=%zu", l->name, n);
        return good;
}

void namenode_links_full_report(struct datanode *dn)
{
        for (size_t i = 0; i < dn->links_n; i++) {
                struct namenode_link *l = dn->links[i];
                AUTO_LOCK(&l->lock);

                l->full_wanted = true;
                os_cond_broadcast(&l->changed);
        }
}

/* ---- heartbeats --------------------------------------------------------------------------- */

static void fill_heartbeat(struct namenode_link *l, Bdfs__HeartbeatRequest *q,
                           struct report_position *p, struct storages *s)
{
        struct datanode_counters *c = &l->dn->counters;

        describe_storages(l, s);
        report_log_position(log_of(l), p);
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
        q->bytes_read_local = atomic_load(&c->read_local);
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
        if (call(l, METHOD_BDFS_DATANODE_heartbeat, &q.base, &r, &err) != BDFS_OK) {
                trouble(l, "heartbeat", &err);
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

        report_log_position(log_of(l), &p);
        if (!report(l, p.next, os_mono_ms() + CALL_MS))
                return; /* again at the next tick */
}

static void run(void *arg)
{
        struct namenode_link *l = arg;
        int64_t back_off_ms = BACK_OFF_MS_MIN, beat_ms = 0;

        while (!is_set(l, &l->stop)) {
                bool good = is_set(l, &l->registered) || do_register(l);

                if (good && is_set(l, &l->full_wanted))
                        good = full_report(l);
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

static enum bdfs_status parse_server(const char *server, struct os_addr *ret, struct bdfs_err *err)
{
        const char *colon = strrchr(server, ':');
        unsigned port = 0;
        char rest;
        size_t n = colon == NULL ? 0 : (size_t)(colon - server);

        if (n == 0 || n >= sizeof(ret->host) || sscanf(colon + 1, "%5u%c", &port, &rest) != 1 ||
            port == 0 || port > 65535)
                return bdfs_fail(err, BDFS_INVALID, "namenode %s is not address:port", server);
        memcpy(ret->host, server, n);
        ret->host[n] = '\0';
        ret->port = (uint16_t)port;
        return BDFS_OK;
}

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
        rc = l->changes == NULL ? bdfs_fail(err, BDFS_NO_MEMORY, "namenode link: out of memory")
                                : parse_server(server, &addr, err);
        if (rc == BDFS_OK)
                rc = os_user_name(os_own_uid(), user, err);
        if (rc == BDFS_OK)
                rc = rpc_client_new(&l->client, &addr, user, err);
        if (rc != BDFS_OK) {
                namenode_link_free(l);
                return rc;
        }
        *ret = l;
        return BDFS_OK;
}

enum bdfs_status namenode_link_start(struct namenode_link *l, struct bdfs_err *err)
{
        enum bdfs_status rc = orders_start(&l->orders, l->dn, err);

        return rc != BDFS_OK ? rc : os_thread_start(&l->thread, "namenode", run, l, err);
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
        orders_stop(l->orders);
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
