/* ClientProtocol: defaults, space, reports, safe mode, and what dfsadmin asks. */
#include <stdio.h>
#include <string.h>

#include "namenode/serve/describe.h"
#include "namenode/serve/handlers.h"
#include "proto/hadoop_features.pb-c.h"
#include "proto/hadoop_namenode.pb-c.h"

#define NODES_MAX 4096

void serve_get_server_defaults(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__GetServerDefaultsResponseProto r = HADOOP__GET_SERVER_DEFAULTS_RESPONSE_PROTO__INIT;
        Hadoop__FsServerDefaultsProto d = HADOOP__FS_SERVER_DEFAULTS_PROTO__INIT;

        d.blocksize = (uint64_t)nn->conf->block_size;
        d.bytesperchecksum = 512;
        d.writepacketsize = 65536;
        d.replication = (uint32_t)nn->conf->replication;
        d.filebuffersize = 4096;
        d.has_checksumtype = 1;
        d.checksumtype = HADOOP__CHECKSUM_TYPE_PROTO__CHECKSUM_CRC32C;
        d.has_encryptdatatransfer = 1;
        d.has_trashinterval = 1;
        d.trashinterval = ((uint64_t)nn->conf->trash_ms + 59999) / 60000; /* minutes */
        d.has_policyid = 1;
        d.policyid = 7;                         /* HOT */
        d.keyprovideruri = (char *)(uintptr_t)""; /* none; absent would mean "see your own conf" */
        r.serverdefaults = &d;
        rpc_call_reply(call, &r.base);
}

/* False: not known, the tables cannot be read now. */
static bool count_inodes(struct namenode *nn, uint64_t *ret)
{
        struct ns_stats stats;
        struct store_txn *t;
        struct bdfs_err err;
        bool known;

        if (store_begin_read(nn->store, &t, &err) != BDFS_OK)
                return false;
        known = ns_stats(t, &stats, &err) == BDFS_OK;
        store_abort(t);
        if (known)
                *ret = stats.inodes;
        return known;
}

void serve_get_fs_stats(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__GetFsStatsResponseProto r = HADOOP__GET_FS_STATS_RESPONSE_PROTO__INIT;
        struct blocks_stats s;

        blocks_stats(nn->blocks, &s);
        r.capacity = s.capacity == 0 ? 1 : s.capacity; /* gohdfs divides by it */
        r.used = s.used;
        r.remaining = s.remaining;
        r.under_replicated = s.low_redundancy;
        r.corrupt_blocks = s.corrupt;
        r.missing_blocks = s.missing;
        r.has_missing_repl_one_blocks = 1;
        r.missing_repl_one_blocks = s.missing_one_replica;
        r.has_blocks_in_future = 1;
        r.has_pending_deletion_blocks = 1;
        r.pending_deletion_blocks = s.pending_deletion;
        r.has_bdfsinodes = call->listener != RPC_HADOOP && count_inodes(nn, &r.bdfsinodes);
        rpc_call_reply(call, &r.base);
}

void serve_get_block_stats(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__GetFsReplicatedBlockStatsResponseProto r =
                HADOOP__GET_FS_REPLICATED_BLOCK_STATS_RESPONSE_PROTO__INIT;
        struct blocks_stats s;

        blocks_stats(nn->blocks, &s);
        r.low_redundancy = s.low_redundancy;
        r.corrupt_blocks = s.corrupt;
        r.missing_blocks = s.missing;
        r.missing_repl_one_blocks = s.missing_one_replica;
        r.pending_deletion_blocks = s.pending_deletion;
        r.has_highest_prio_low_redundancy_blocks = 1;
        r.highest_prio_low_redundancy_blocks = s.highest_priority;
        rpc_call_reply(call, &r.base);
}

void serve_get_group_stats(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__GetFsECBlockGroupStatsResponseProto r =
                HADOOP__GET_FS_ECBLOCK_GROUP_STATS_RESPONSE_PROTO__INIT;

        (void)nn;
        rpc_call_reply(call, &r.base);
}

/* ---- datanodes ---- */

static bool in_report(const struct node_info *n, Hadoop__DatanodeReportTypeProto type)
{
        switch (type) {
        case HADOOP__DATANODE_REPORT_TYPE_PROTO__ALL: return true;
        case HADOOP__DATANODE_REPORT_TYPE_PROTO__LIVE: return n->alive;
        case HADOOP__DATANODE_REPORT_TYPE_PROTO__DEAD: return !n->alive;
        default: return false; /* nothing is being drained yet */
        }
}

/* The nodes of a report, made in @d. False: no memory. */
static bool report_nodes(struct namenode *nn, struct describe *d,
                         Hadoop__DatanodeReportTypeProto type, struct node_info **ret,
                         size_t *ret_n)
{
        struct node_info *all = describe_alloc(d, NODES_MAX * sizeof(*all));
        size_t n, kept = 0;

        if (all == NULL)
                return false;
        n = blocks_nodes(nn->blocks, all, NODES_MAX);
        for (size_t i = 0; i < n; i++) {
                if (in_report(&all[i], type))
                        all[kept++] = all[i];
        }
        *ret = all;
        *ret_n = kept;
        return true;
}

void serve_get_datanode_report(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetDatanodeReportRequestProto *q = (const void *)call->request;
        Hadoop__GetDatanodeReportResponseProto r = HADOOP__GET_DATANODE_REPORT_RESPONSE_PROTO__INIT;
        struct describe d = {0};
        struct node_info *nodes;
        size_t n;
        bool ok;

        ok = report_nodes(nn, &d, q->type, &nodes, &n) &&
             (r.di = describe_alloc(&d, (n + 1) * sizeof(*r.di))) != NULL;
        for (size_t i = 0; ok && i < n; i++) {
                r.di[i] = describe_node(&d, &nodes[i], call->listener);
                ok = r.di[i] != NULL;
        }
        r.n_di = n;
        if (ok)
                rpc_call_reply(call, &r.base);
        else
                serve_no_memory(call);
        describe_fini(&d);
}

static Hadoop__DatanodeStorageReportProto *storage_report(struct describe *d,
                                                          const struct node_info *n,
                                                          enum rpc_listener_kind kind)
{
        Hadoop__DatanodeStorageReportProto *r = describe_alloc(d, sizeof(*r));
        Hadoop__StorageReportProto *s = describe_alloc(d, sizeof(*s)), **list;
        Hadoop__DatanodeStorageProto *storage = describe_alloc(d, sizeof(*storage));

        list = describe_alloc(d, sizeof(struct Hadoop__StorageReportProto *));
        if (r == NULL || s == NULL || storage == NULL || list == NULL)
                return NULL;
        hadoop__datanode_storage_report_proto__init(r);
        hadoop__storage_report_proto__init(s);
        hadoop__datanode_storage_proto__init(storage);
        r->datanodeinfo = describe_node(d, n, kind);
        s->storageuuid = describe_text(d, n->storage);
        if (r->datanodeinfo == NULL || s->storageuuid == NULL)
                return NULL;
        storage->storageuuid = s->storageuuid;
        s->storage = storage;
        s->has_capacity = s->has_dfsused = s->has_remaining = s->has_blockpoolused = 1;
        s->capacity = n->capacity;
        s->dfsused = s->blockpoolused = n->used;
        s->remaining = n->remaining;
        s->has_nondfsused = 1;
        s->nondfsused = describe_other_use(n);
        list[0] = s;
        r->storagereports = list;
        r->n_storagereports = 1;
        return r;
}

void serve_get_storage_report(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetDatanodeStorageReportRequestProto *q = (const void *)call->request;
        Hadoop__GetDatanodeStorageReportResponseProto r =
                HADOOP__GET_DATANODE_STORAGE_REPORT_RESPONSE_PROTO__INIT;
        struct describe d = {0};
        struct node_info *nodes;
        size_t n;
        bool ok;

        ok = report_nodes(nn, &d, q->type, &nodes, &n) &&
             (r.datanodestoragereports =
                      describe_alloc(&d, (n + 1) * sizeof(*r.datanodestoragereports))) != NULL;
        for (size_t i = 0; ok && i < n; i++) {
                r.datanodestoragereports[i] = storage_report(&d, &nodes[i], call->listener);
                ok = r.datanodestoragereports[i] != NULL;
        }
        r.n_datanodestoragereports = n;
        if (ok)
                rpc_call_reply(call, &r.base);
        else
                serve_no_memory(call);
        describe_fini(&d);
}

/* ---- safe mode ---- */

void serve_set_safe_mode(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__SetSafeModeRequestProto *q = (const void *)call->request;
        Hadoop__SetSafeModeResponseProto r = HADOOP__SET_SAFE_MODE_RESPONSE_PROTO__INIT;
        enum safe_mode_action action = SAFE_MODE_GET;
        const char *operation = NULL;

        switch (q->action) {
        case HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_LEAVE:
                action = SAFE_MODE_LEAVE;
                operation = "safemode_leave";
                break;
        case HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_ENTER:
                action = SAFE_MODE_ENTER;
                operation = "safemode_enter";
                break;
        case HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_FORCE_EXIT:
                action = SAFE_MODE_FORCE_EXIT;
                operation = "safemode_force_exit";
                break;
        default:
                break;
        }
        if (operation != NULL && !serve_require_superuser(nn, call, operation))
                return;
        r.result = blocks_safe_mode(nn->blocks, action);
        rpc_call_reply(call, &r.base);
}

/* ---- the rest of dfsadmin ---- */

void serve_save_namespace(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__SaveNamespaceResponseProto r = HADOOP__SAVE_NAMESPACE_RESPONSE_PROTO__INIT;
        struct bdfs_err err;
        uint64_t index;

        if (!blocks_safe_mode(nn->blocks, SAFE_MODE_GET)) {
                (void)bdfs_fail(&err, BDFS_FAILED,
                                "Safe mode should be turned ON in order to create namespace "
                                "image.");
                rpc_call_fail(call, &err);
                return;
        }
        if (commit_checkpoint(nn->commit, &index, &err) != BDFS_OK) {
                rpc_call_fail(call, &err);
                return;
        }
        r.has_saved = 1;
        r.saved = 1;
        rpc_call_reply(call, &r.base);
}

void serve_roll_edits(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__RollEditsResponseProto r = HADOOP__ROLL_EDITS_RESPONSE_PROTO__INIT;

        r.newsegmenttxid = commit_index(nn->commit) + 1;
        rpc_call_reply(call, &r.base);
}

void serve_upgrade_status(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__UpgradeStatusResponseProto r = HADOOP__UPGRADE_STATUS_RESPONSE_PROTO__INIT;

        (void)nn;
        r.upgradefinalized = 1;
        rpc_call_reply(call, &r.base);
}

void serve_set_balancer_bandwidth(struct namenode *nn, struct rpc_call *call)
{
        struct bdfs_err err;

        (void)nn;
        (void)bdfs_fail(&err, BDFS_UNSUPPORTED, "bdfs has no balancer yet, so that there is no "
                        "bandwidth to set");
        rpc_call_fail(call, &err);
}

void serve_get_ha_state(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__HAServiceStateResponseProto r = HADOOP__HASERVICE_STATE_RESPONSE_PROTO__INIT;

        (void)nn;
        r.state = HADOOP__HASERVICE_STATE_PROTO__ACTIVE;
        rpc_call_reply(call, &r.base);
}

void serve_get_enclosing_root(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__GetEnclosingRootResponseProto r = HADOOP__GET_ENCLOSING_ROOT_RESPONSE_PROTO__INIT;
        char root[] = "/";

        (void)nn;
        r.enclosingrootpath = root;
        rpc_call_reply(call, &r.base);
}
