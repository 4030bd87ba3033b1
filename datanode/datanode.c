#include "datanode/datanode.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "datanode/disk/scrubber.h"
#include "datanode/link/namenode_link.h"
#include "datanode/transfer/data_server.h"
#include "datanode/transfer/datanode_ipc.h"
#include "datanode/transfer/order_workers.h"
#include "datanode/transfer/pipeline.h"
#include "datanode/transfer/wire.h"

#define POLL_MS 20

/* ---- settings ----------------------------------------------------------------------------- */

static bool parse_cluster(const char *text, uint8_t ret[REPLICA_CLUSTER_BYTES])
{
        if (strlen(text) != 2 * REPLICA_CLUSTER_BYTES ||
            strspn(text, "0123456789abcdef") != 2 * REPLICA_CLUSTER_BYTES)
                return false;
        for (size_t i = 0; i < REPLICA_CLUSTER_BYTES; i++) {
                char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

                ret[i] = (uint8_t)strtoul(pair, NULL, 16);
        }
        return true;
}

static enum bdfs_status check_conf(const struct datanode_conf *conf, struct datanode *dn,
                                   struct bdfs_err *err)
{
        int n;

        if (!parse_cluster(conf->cluster, dn->cluster))
                return bdfs_fail(err, BDFS_INVALID, "cluster: %s is not 32 hex digits",
                                 conf->cluster);
        if (strcmp(conf->listen, "0.0.0.0") == 0 || strcmp(conf->listen, "::") == 0)
                return bdfs_fail(err, BDFS_INVALID, "listen: %s is no address that clients can "
                                 "connect to", conf->listen);
        if (conf->rack[0] != '/')
                return bdfs_fail(err, BDFS_INVALID, "rack: %s does not begin with /", conf->rack);
        if (conf->data.n == 0 || conf->namenodes.n == 0 ||
            conf->namenodes.n > DATANODE_NAMENODES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "data and namenodes need at least one entry");
        if (conf->socket_path[0] != '\0')
                n = snprintf(dn->socket_path, sizeof(dn->socket_path), "%s", conf->socket_path);
        else
                n = snprintf(dn->socket_path, sizeof(dn->socket_path), "%s/socket",
                             conf->data.items[0]);
        if (n < 0 || (size_t)n >= sizeof(dn->socket_path))
                return bdfs_fail(err, BDFS_INVALID, "the Unix socket's path would be longer than "
                                 "%zu bytes: give a socket_path", sizeof(dn->socket_path) - 1);
        return BDFS_OK;
}

static enum bdfs_status make_identity(struct datanode *dn, struct bdfs_err *err)
{
        uid_t gateways[DATANODE_GATEWAYS_MAX];
        const struct conf_list *list = &dn->conf->gateways;

        if (list->n > DATANODE_GATEWAYS_MAX)
                return bdfs_fail(err, BDFS_INVALID, "more than %d gateways", DATANODE_GATEWAYS_MAX);
        for (size_t i = 0; i < list->n; i++) {
                char *end;

                gateways[i] = (uid_t)strtoul(list->items[i], &end, 10);
                if (end == list->items[i] || *end != '\0')
                        return bdfs_fail(err, BDFS_INVALID, "gateways: %s is no uid",
                                         list->items[i]);
        }
        return identity_new(&dn->identity, os_own_uid(), gateways, list->n, err);
}

/* What transfers share stands behind what all parts know. */
struct whole {
        struct datanode dn; /* first: datanode_stop() frees by it */
        struct wire_pool pool;
        struct pipeline_pool pipelines;
};

/* ---- start -------------------------------------------------------------------------------- */

static enum bdfs_status open_dataset(struct datanode *dn, struct bdfs_err *err)
{
        struct dataset_config c = {.dirs = dn->conf->data.items,
                                   .dirs_n = dn->conf->data.n,
                                   .space_floor = (uint64_t)dn->conf->space_floor};

        memcpy(c.cluster, dn->cluster, sizeof(c.cluster));
        if (dataset_open(&dn->dataset, &c, err) != BDFS_OK)
                return err->status;
        return cluster_node_key(dn->secret, dn->cluster, dataset_identity(dn->dataset)->uuid,
                                dn->key, err);
}

static enum bdfs_status write_ports(struct datanode *dn, struct bdfs_err *err)
{
        char tmp[512], text[128], hadoop[16] = "null", ipc[16] = "null";
        const struct datanode_ports *p = &dn->ports;
        struct os_file *f;
        enum bdfs_status rc, closed;
        int n;

        if (dn->conf->ports_file[0] == '\0')
                return BDFS_OK;
        if (p->hadoop != 0)
                (void)snprintf(hadoop, sizeof(hadoop), "%u", p->hadoop);
        if (p->ipc != 0)
                (void)snprintf(ipc, sizeof(ipc), "%u", p->ipc);
        n = snprintf(text, sizeof(text),
                     "{\"tls\": %u, \"hadoop\": %s, \"http\": null, \"hadoop_ipc\": %s}\n", p->own,
                     hadoop, ipc);
        (void)snprintf(tmp, sizeof(tmp), "%s.new", dn->conf->ports_file); /* 400 at most */
        rc = os_file_open(&f, tmp, OS_WRITE | OS_CREATE | OS_TRUNCATE, err);
        if (rc != BDFS_OK)
                return rc;
        rc = os_file_write(f, 0, text, (size_t)n, err);
        closed = os_file_close(f, rc == BDFS_OK ? err : NULL);
        if (rc == BDFS_OK)
                rc = closed;
        return rc != BDFS_OK ? rc : os_rename(tmp, dn->conf->ports_file, err);
}

static enum bdfs_status make_links(struct datanode *dn, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        for (size_t i = 0; rc == BDFS_OK && i < dn->conf->namenodes.n; i++) {
                rc = namenode_link_new(&dn->links[i], dn, dn->conf->namenodes.items[i], err);
                dn->links_n += rc == BDFS_OK;
        }
        return rc;
}

static enum bdfs_status start_servers(struct datanode *dn, struct bdfs_err *err)
{
        enum bdfs_status rc = data_server_start(&dn->server, dn, dn->conf, err);

        if (rc == BDFS_OK)
                rc = datanode_ipc_start(&dn->ipc, dn, dn->conf, err);
        if (rc != BDFS_OK)
                return rc;
        dn->ports = (struct datanode_ports){.own = data_server_port(dn->server, DATA_OWN),
                                            .hadoop = data_server_port(dn->server, DATA_HADOOP),
                                            .own_ipc = datanode_ipc_port(dn->ipc, RPC_OWN),
                                            .ipc = datanode_ipc_port(dn->ipc, RPC_HADOOP)};
        return write_ports(dn, err);
}

static enum bdfs_status start_links(struct datanode *dn, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        for (size_t i = 0; rc == BDFS_OK && i < dn->links_n; i++) {
                rc = order_workers_start(&dn->workers[i], dn, namenode_link_orders(dn->links[i]),
                                         err);
                if (rc == BDFS_OK)
                        rc = namenode_link_start(dn->links[i], err);
        }
        return rc;
}

static enum bdfs_status start_parts(struct datanode *dn, struct bdfs_err *err)
{
        enum bdfs_status rc = cluster_secret_load(dn->secret, dn->conf->secret, err);

        if (rc == BDFS_OK)
                rc = make_identity(dn, err);
        if (rc == BDFS_OK)
                rc = open_dataset(dn, err);
        if (rc == BDFS_OK)
                rc = make_links(dn, err);
        if (rc == BDFS_OK)
                rc = start_servers(dn, err);
        if (rc == BDFS_OK)
                rc = start_links(dn, err);
        if (rc == BDFS_OK)
                rc = scrubber_start(&dn->scrubber, dn->dataset,
                                    (uint64_t)dn->conf->scrub_bytes_per_second, err);
        return rc;
}

enum bdfs_status datanode_start(struct datanode **ret, const struct datanode_conf *conf,
                                struct bdfs_err *err)
{
        struct whole *whole = calloc(1, sizeof(*whole));
        struct datanode *dn;
        enum bdfs_status rc;

        if (whole == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "datanode: out of memory");
        dn = &whole->dn;
        dn->pool = &whole->pool;
        dn->pipelines = &whole->pipelines;
        dn->conf = conf;
        dn->started_ms = os_mono_ms();
        wire_pool_init(dn->pool);
        pipeline_pool_init(dn->pipelines, dn->pool);
        rc = check_conf(conf, dn, err);
        if (rc == BDFS_OK)
                rc = start_parts(dn, err);
        if (rc != BDFS_OK) {
                datanode_stop(dn);
                return rc;
        }
        *ret = dn;
        return BDFS_OK;
}

static void log_counters(const struct datanode_counters *c)
{
        log_info("served passed_files=%" PRIuFAST64 " passed_bytes=%" PRIuFAST64 " unix_bytes=%"
                 PRIuFAST64 " local_bytes=%" PRIuFAST64 " remote_bytes=%" PRIuFAST64
                 " written_bytes=%" PRIuFAST64, atomic_load(&c->passed),
                 atomic_load(&c->passed_bytes), atomic_load(&c->read_unix),
                 atomic_load(&c->read_local), atomic_load(&c->read_remote),
                 atomic_load(&c->written));
}

/* Nobody new, then those who write (their ends are reported), then the links. */
void datanode_stop(struct datanode *dn)
{
        if (dn == NULL)
                return;
        for (size_t i = 0; i < dn->links_n; i++)
                namenode_link_shutdown(dn->links[i]);
        scrubber_stop(dn->scrubber);
        datanode_ipc_stop(dn->ipc);
        data_server_stop(dn->server);
        if (dn->server != NULL)
                log_counters(&dn->counters);
        for (size_t i = 0; i < dn->links_n; i++)
                order_workers_stop(dn->workers[i]); /* they report through all links */
        for (size_t i = 0; i < dn->links_n; i++)
                namenode_link_free(dn->links[i]);
        dataset_close(dn->dataset);
        identity_free(dn->identity);
        pipeline_pool_fini(dn->pipelines);
        wire_pool_fini(dn->pool);
        OPENSSL_cleanse(dn, sizeof(*dn));
        free(dn); /* struct whole begins with it */
}

void datanode_ports(const struct datanode *dn, struct datanode_ports *ret)
{
        *ret = dn->ports;
}

bool datanode_wait_registered(struct datanode *dn, int64_t deadline_ms)
{
        for (;;) {
                size_t n = 0;

                for (size_t i = 0; i < dn->links_n; i++)
                        n += namenode_link_registered(dn->links[i]);
                if (n == dn->links_n)
                        return true;
                if (os_mono_ms() >= deadline_ms)
                        return false;
                os_sleep_ms(POLL_MS);
        }
}
