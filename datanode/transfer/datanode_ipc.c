#include "datanode/transfer/datanode_ipc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/limits.h"
#include "common/log.h"
#include "datanode/link/datanode_parts.h"
#include "datanode/link/namenode_link.h"
#include "datanode/transfer/access.h"
#include "proto/hadoop_datanode.pb-c.h"

enum { VOLUMES_MAX = 64, ALLOWED_MAX = 1024 };

#define ALLOWED_MS 5000 /* so late a change of rights is noticed at most */

/* What the namenode said about a user and a block, direct-mapped. */
struct allowed {
        uint64_t block;
        uid_t uid;
        bool may;
        int64_t until_ms; /* 0: nothing is here */
};

struct datanode_ipc {
        struct datanode *dn;
        struct os_mutex lock;
        struct allowed allowed[ALLOWED_MAX]; /* guarded by: lock */
        struct rpc_service service;
        struct rpc_server *server;
};

static struct datanode *dn_of(void *context)
{
        return ((struct datanode_ipc *)context)->dn;
}

static void fail(struct rpc_call *call, enum bdfs_status status, const char *text)
{
        struct bdfs_err err;

        (void)bdfs_fail(&err, status, "%s", text);
        rpc_call_fail(call, &err);
}

/* False, and the call is answered, unless a superuser asks. */
static bool is_superuser(struct datanode *dn, struct rpc_call *call)
{
        if (call->caller->is_owner &&
            (call->listener == RPC_OWN || dn->conf->hadoop_superuser))
                return true;
        log_warn("call refused user=%s uid=%u method=%s", call->caller->user,
                 (unsigned)call->caller->uid, call->method->name);
        fail(call, BDFS_PERMISSION, "superuser privilege is required");
        return false;
}

/* ---- who may know a length ------------------------------------------------------------------ */

static struct allowed *allowed_slot(struct datanode_ipc *i, uint64_t block, uid_t uid)
{
        uint64_t hash = (block ^ (uint64_t)uid << 32) * 0x9e3779b97f4a7c15u;

        return &i->allowed[hash >> 54];
}

/* Java's request has no room for a token: the namenode is asked about the caller's uid. */
static enum bdfs_status check_with_namenode(struct datanode_ipc *i, const struct rpc_call *call,
                                            uint64_t block, struct bdfs_err *err)
{
        const struct caller *c = call->caller;
        struct allowed found;
        enum bdfs_status rc;

        os_mutex_lock(&i->lock);
        found = *allowed_slot(i, block, c->uid);
        os_mutex_unlock(&i->lock);
        if (found.until_ms <= os_mono_ms() || found.block != block || found.uid != c->uid) {
                rc = namenode_links_may_read(i->dn, block, c->user, &found.may, err);
                if (rc != BDFS_OK)
                        return bdfs_wrap(err, "may %s read block %" PRIu64, c->user, block);
                found.block = block;
                found.uid = c->uid;
                found.until_ms = os_mono_ms() + ALLOWED_MS;
                AUTO_LOCK(&i->lock);
                *allowed_slot(i, block, c->uid) = found;
        }
        if (!found.may)
                return bdfs_fail(err, BDFS_PERMISSION, "%s may read no file that has block %"
                                 PRIu64, c->user, block);
        return BDFS_OK;
}

static enum bdfs_status check_reader(struct datanode_ipc *i, const struct rpc_call *call,
                                     const Hadoop__GetReplicaVisibleLengthRequestProto *q,
                                     struct bdfs_err *err)
{
        const struct os_peer peer = {.known = true, .uid = call->caller->uid};

        if (call->listener == RPC_OWN || q->token != NULL)
                return access_check_token(i->dn, &peer, q->token, q->block->blockid, TOKEN_READ,
                                          err);
        return check_with_namenode(i, call, q->block->blockid, err);
}

static void visible_length(void *context, struct rpc_call *call)
{
        const Hadoop__GetReplicaVisibleLengthRequestProto *q = (const void *)call->request;
        Hadoop__GetReplicaVisibleLengthResponseProto r =
                HADOOP__GET_REPLICA_VISIBLE_LENGTH_RESPONSE_PROTO__INIT;
        struct dataset *ds = dn_of(context)->dataset;
        struct replica_view view;
        struct replica *replica;
        struct bdfs_err err;

        if (check_reader(context, call, q, &err) != BDFS_OK) {
                rpc_call_fail(call, &err);
                return;
        }
        if (dataset_get(ds, q->block->blockid, q->block->generationstamp, &replica, &err) !=
            BDFS_OK) {
                rpc_call_fail(call, &err);
                return;
        }
        replica_look(replica, &view);
        dataset_put(ds, replica);
        r.length = view.visible;
        rpc_call_reply(call, &r.base);
}

static void datanode_info(void *context, struct rpc_call *call)
{
        Hadoop__GetDatanodeInfoResponseProto r = HADOOP__GET_DATANODE_INFO_RESPONSE_PROTO__INIT;
        Hadoop__DatanodeLocalInfoProto info = HADOOP__DATANODE_LOCAL_INFO_PROTO__INIT;
        static char version[] = BDFS_VERSION;

        info.softwareversion = version;
        info.configversion = version;
        info.uptime = (uint64_t)(os_mono_ms() - dn_of(context)->started_ms) / 1000;
        r.localinfo = &info;
        rpc_call_reply(call, &r.base);
}

static void volume_report(void *context, struct rpc_call *call)
{
        Hadoop__GetVolumeReportResponseProto r = HADOOP__GET_VOLUME_REPORT_RESPONSE_PROTO__INIT;
        Hadoop__DatanodeVolumeInfoProto rows[VOLUMES_MAX], *pointers[VOLUMES_MAX];
        struct dataset_volume v[VOLUMES_MAX];
        struct datanode *dn = dn_of(context);
        size_t n;

        if (!is_superuser(dn, call))
                return;
        n = dataset_volumes(dn->dataset, v, VOLUMES_MAX);
        for (size_t i = 0; i < n; i++) {
                hadoop__datanode_volume_info_proto__init(&rows[i]);
                rows[i].path = (char *)(uintptr_t)v[i].dir; /* only read */
                rows[i].storagetype = HADOOP__STORAGE_TYPE_PROTO__DISK;
                rows[i].usedspace = v[i].used;
                rows[i].freespace = v[i].remaining;
                rows[i].reservedspace = (uint64_t)dn->conf->space_floor;
                rows[i].numblocks = v[i].replicas;
                pointers[i] = &rows[i];
        }
        r.n_volumeinfo = n;
        r.volumeinfo = pointers;
        rpc_call_reply(call, &r.base);
}

static void trigger_report(void *context, struct rpc_call *call)
{
        const Hadoop__TriggerBlockReportRequestProto *q = (const void *)call->request;
        Hadoop__TriggerBlockReportResponseProto r =
                HADOOP__TRIGGER_BLOCK_REPORT_RESPONSE_PROTO__INIT;
        struct datanode *dn = dn_of(context);

        if (!is_superuser(dn, call))
                return;
        if (!q->incremental) /* incremental ones go out by themselves */
                namenode_links_full_report(dn);
        rpc_call_reply(call, &r.base);
}

static void balancer_bandwidth(void *context, struct rpc_call *call)
{
        Hadoop__GetBalancerBandwidthResponseProto r =
                HADOOP__GET_BALANCER_BANDWIDTH_RESPONSE_PROTO__INIT;

        if (!is_superuser(dn_of(context), call))
                return;
        rpc_call_reply(call, &r.base); /* 0: there is no limit */
}

static void local_path_info(void *context, struct rpc_call *call)
{
        (void)context;
        fail(call, BDFS_PERMISSION, "block files are not handed out");
}

static void not_offered(void *context, struct rpc_call *call)
{
        if (is_superuser(dn_of(context), call))
                fail(call, BDFS_UNSUPPORTED, "a bdfs datanode does not do this by a call");
}

static rpc_handler *handler_of(const struct method *m)
{
        switch ((int)m->id) {
        case METHOD_DATANODE_getReplicaVisibleLength: return visible_length;
        case METHOD_DATANODE_getDatanodeInfo: return datanode_info;
        case METHOD_DATANODE_getVolumeReport: return volume_report;
        case METHOD_DATANODE_triggerBlockReport: return trigger_report;
        case METHOD_DATANODE_getBalancerBandwidth: return balancer_bandwidth;
        case METHOD_DATANODE_getBlockLocalPathInfo: return local_path_info;
        case METHOD_DATANODE_shutdownDatanode:
        case METHOD_DATANODE_evictWriters:
        case METHOD_DATANODE_refreshNamenodes:
        case METHOD_DATANODE_deleteBlockPool: return not_offered;
        default: return NULL;
        }
}

enum bdfs_status datanode_ipc_start(struct datanode_ipc **ret, struct datanode *dn,
                                    const struct datanode_conf *conf, struct bdfs_err *err)
{
        struct datanode_ipc *i = calloc(1, sizeof(*i));
        struct rpc_server_config c = {.name = "ipc",
                                      .any_address = conf->any_address,
                                      .identity = dn->identity,
                                      .services_n = 1,
                                      .ignore_claimed_user = true};
        enum bdfs_status rc;

        if (i == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "datanode calls: out of memory");
        os_mutex_init(&i->lock);
        i->dn = dn;
        i->service = (struct rpc_service){
                .protocol = method_of(METHOD_DATANODE_getDatanodeInfo)->protocol_name,
                .handler_of = handler_of,
                .context = i,
                .listeners = 1u << RPC_OWN | 1u << RPC_HADOOP,
        };
        c.services = &i->service;
        (void)snprintf(c.own.host, sizeof(c.own.host), "%s", conf->listen); /* checked before */
        c.own.port = (uint16_t)conf->own_ipc_port;
        if (conf->hadoop) {
                c.hadoop = c.own;
                c.hadoop.port = (uint16_t)conf->ipc_port;
        }
        rc = rpc_server_start(&i->server, &c, err);
        if (rc != BDFS_OK) {
                os_mutex_fini(&i->lock);
                free(i);
                return rc;
        }
        *ret = i;
        return BDFS_OK;
}

uint16_t datanode_ipc_port(const struct datanode_ipc *i, enum rpc_listener_kind kind)
{
        return rpc_server_port(i->server, kind);
}

void datanode_ipc_stop(struct datanode_ipc *i)
{
        if (i == NULL)
                return;
        rpc_server_stop(i->server);
        rpc_server_free(i->server);
        os_mutex_fini(&i->lock);
        free(i);
}
