#include "namenode/namenode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "namenode/serve/background.h"
#include "namenode/serve/doubts.h"
#include "namenode/serve/serve.h"
#include "namenode/serve/serve_datanode.h"
#include "namenode/store/tables.h"

#define MAP_BYTES (256 * GIB) /* address space only */

static bool parse_hex(const char *hex, uint8_t ret[16])
{
        if (strlen(hex) != 32 || strspn(hex, "0123456789abcdef") != 32)
                return false;
        for (size_t i = 0; i < 16; i++) {
                unsigned byte;

                (void)sscanf(hex + 2 * i, "%2x", &byte);
                ret[i] = (uint8_t)byte;
        }
        return true;
}

static enum bdfs_status parse_gateways(const struct conf_list *list,
                                       uid_t ret[NAMENODE_GATEWAYS_MAX], struct bdfs_err *err)
{
        BDFS_ASSERT(list->n <= NAMENODE_GATEWAYS_MAX); /* the table of settings says so */
        for (size_t i = 0; i < list->n; i++) {
                char *end;

                ret[i] = (uid_t)strtoul(list->items[i], &end, 10);
                if (end == list->items[i] || *end != '\0')
                        return bdfs_fail(err, BDFS_INVALID, "gateways: %s is no uid",
                                         list->items[i]);
        }
        return BDFS_OK;
}

static enum bdfs_status open_identity(struct namenode *nn, struct bdfs_err *err)
{
        uid_t gateways[NAMENODE_GATEWAYS_MAX];

        if (!parse_hex(nn->conf->cluster, nn->cluster))
                return bdfs_fail(err, BDFS_INVALID,
                                 "cluster: \"%s\" is not 32 hexadecimal digits", nn->conf->cluster);
        (void)snprintf(nn->pool, sizeof(nn->pool), "BP-%s", nn->conf->cluster);
        if (os_user_name(os_own_uid(), nn->owner, err) != BDFS_OK)
                return bdfs_wrap(err, "the user that this namenode runs as has no name");
        if (parse_gateways(&nn->conf->gateways, gateways, err) != BDFS_OK ||
            identity_new(&nn->identity, os_own_uid(), gateways, nn->conf->gateways.n, err) !=
                    BDFS_OK)
                return err->status;
        identity_set_supergroup(nn->identity, nn->conf->supergroup);
        return BDFS_OK;
}

static enum bdfs_status open_storage(struct namenode *nn, struct bdfs_err *err)
{
        char dir[512], tables[512];
        struct store_config config = {.dir = tables, .tables = table_names,
                                      .tables_n = TABLE_COUNT, .versions = table_versions,
                                      .map_bytes = MAP_BYTES};

        (void)snprintf(dir, sizeof(dir), "%s/journal", nn->conf->data);
        (void)snprintf(tables, sizeof(tables), "%s/tables", nn->tables_dir);
        if (store_open(&nn->store, &config, &nn->fresh, err) != BDFS_OK)
                return bdfs_wrap(err, "open the tables in %s", tables);
        if (journal_open(&nn->journal, dir, nn->cluster, err) != BDFS_OK)
                return bdfs_wrap(err, "open the journal in %s", dir);
        return BDFS_OK;
}

static enum bdfs_status open_blocks(struct namenode *nn, struct bdfs_err *err)
{
        char dir[512];
        struct blocks_config config = {
                .dir = dir,
                .store = nn->store,
                .safe_mode_permille = (uint32_t)nn->conf->safe_mode_permille,
                .safe_mode_extension_ms = nn->conf->safe_mode_extension_ms,
        };

        if (cluster_secret_load(config.secret, nn->conf->secret, err) != BDFS_OK)
                return err->status;
        (void)snprintf(dir, sizeof(dir), "%s/replicas", nn->tables_dir);
        memcpy(config.cluster, nn->cluster, sizeof(config.cluster));
        return blocks_new(&nn->blocks, &config, err);
}

static void freed(void *arg, const uint64_t *blocks, size_t n)
{
        struct namenode *nn = arg;

        blocks_freed(nn->blocks, blocks, n);
}

static enum bdfs_status open_commit(struct namenode *nn, struct bdfs_err *err)
{
        char dir[512];
        Bdfs__FormatOp format = BDFS__FORMAT_OP__INIT;
        struct commit_config config = {
                .store = nn->store,
                .store_fresh = nn->fresh,
                .journal = nn->journal,
                .checkpoint_dir = dir,
                .checkpoint_journal_bytes = (uint64_t)nn->conf->checkpoint_bytes,
                .on_freed = freed,
                .arg = nn,
        };

        (void)snprintf(dir, sizeof(dir), "%s/checkpoints", nn->tables_dir);
        format.cluster.data = nn->cluster;
        format.cluster.len = sizeof(nn->cluster);
        format.owner = nn->owner;
        format.group = nn->conf->supergroup;
        format.has_block_bytes_min = 1;
        format.block_bytes_min = (uint64_t)nn->conf->block_size_min;
        format.pool = nn->pool;
        if (commit_start(&nn->commit, &config, &format, err) != BDFS_OK)
                return bdfs_wrap(err, "open the namespace");
        return blocks_set_commit(nn->blocks, nn->commit, err);
}

static void add_services(struct namenode *nn)
{
        const unsigned own = 1u << RPC_OWN, both = own | 1u << RPC_HADOOP;
        /* of Hadoop's administration and tools */
        static const char *const others[] = {
                "org.apache.hadoop.ha.HAServiceProtocol",
                "org.apache.hadoop.tools.GetUserMappingsProtocol",
                "org.apache.hadoop.ipc.RefreshCallQueueProtocol",
                "org.apache.hadoop.security.RefreshUserMappingsProtocol",
                "org.apache.hadoop.security.authorize.RefreshAuthorizationPolicyProtocol",
                "org.apache.hadoop.hdfs.server.protocol.NamenodeProtocol",
        };
        size_t n = 0;

        nn->services[n++] = (struct rpc_service){"org.apache.hadoop.hdfs.protocol.ClientProtocol",
                                                 serve_client_handler, nn, both};
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                nn->services[n++] = (struct rpc_service){others[i], serve_hadoop_tools_handler, nn,
                                                         both};
        nn->services[n++] = (struct rpc_service){"bdfs.ClientService", serve_bdfs_handler, nn, own};
        nn->services[n++] = serve_datanode_service(nn);
        BDFS_ASSERT(n == NAMENODE_SERVICES);
}

static enum bdfs_status open_server(struct namenode *nn, struct bdfs_err *err)
{
        const struct namenode_conf *c = nn->conf;
        struct rpc_server_config config = {
                .name = "rpc",
                .own.port = (uint16_t)c->own_port,
                .hadoop.port = (uint16_t)c->hadoop_port,
                .any_address = c->any_address,
                .identity = nn->identity,
                .services = nn->services,
                .services_n = NAMENODE_SERVICES,
        };

        (void)snprintf(config.own.host, sizeof(config.own.host), "%s", c->listen);
        if (c->hadoop)
                (void)snprintf(config.hadoop.host, sizeof(config.hadoop.host), "%s", c->listen);
        add_services(nn);
        return rpc_server_start(&nn->server, &config, err);
}

enum bdfs_status namenode_start(struct namenode **ret, const struct namenode_conf *conf,
                                struct bdfs_err *err)
{
        struct namenode *nn = calloc(1, sizeof(*nn));
        struct lease_limits own = {conf->lease_soft_ms, conf->lease_hard_ms};
        struct lease_limits hadoop = {conf->lease_hadoop_soft_ms, conf->lease_hadoop_hard_ms};

        if (nn == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        nn->conf = conf;
        nn->tables_dir = conf->tables[0] != '\0' ? conf->tables : conf->data;
        nn->started_wall_ms = os_wall_ms();
        nn->leases = lease_clock_new(own, hadoop, os_mono_ms());
        nn->doubts = doubts_new();
        if (nn->leases == NULL || nn->doubts == NULL) {
                (void)bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                goto fail;
        }
        if (open_identity(nn, err) != BDFS_OK || open_storage(nn, err) != BDFS_OK ||
            open_blocks(nn, err) != BDFS_OK || open_commit(nn, err) != BDFS_OK ||
            os_thread_start(&nn->blocks_thread, "blocks", blocks_run, nn->blocks, err) != BDFS_OK ||
            background_start(&nn->background, nn, err) != BDFS_OK ||
            open_server(nn, err) != BDFS_OK)
                goto fail;
        *ret = nn;
        return BDFS_OK;
fail:
        namenode_stop(nn);
        return err->status;
}

uint16_t namenode_port(const struct namenode *nn, enum rpc_listener_kind kind)
{
        return rpc_server_port(nn->server, kind);
}

void namenode_stop(struct namenode *nn)
{
        struct bdfs_err err;

        if (nn == NULL)
                return;
        if (nn->server != NULL)
                rpc_server_stop(nn->server);
        background_stop(nn->background);
        if (nn->commit != NULL)
                commit_stop(nn->commit);
        if (nn->blocks_thread != NULL) {
                blocks_stop(nn->blocks);
                os_thread_join(nn->blocks_thread);
        }
        rpc_server_free(nn->server);
        blocks_free(nn->blocks);
        journal_close(nn->journal);
        if (nn->store != NULL && store_close(nn->store, &err) != BDFS_OK)
                log_warn("the tables were not closed cleanly: %s", err.text);
        identity_free(nn->identity);
        lease_clock_free(nn->leases);
        doubts_free(nn->doubts);
        free(nn);
}
