/* Small Hadoop protocols: service state for haadmin, groups of a user, refreshing for dfsadmin. */
#include "common/limits.h"
#include "namenode/serve/serve.h"
#include "proto/exception.h"
#include "proto/hadoop_datanode.pb-c.h"

static void get_service_status(void *context, struct rpc_call *call)
{
        Hadoop__GetServiceStatusResponseProto r = HADOOP__GET_SERVICE_STATUS_RESPONSE_PROTO__INIT;

        (void)context;
        r.state = HADOOP__HASERVICE_STATE_PROTO__ACTIVE;
        r.has_readytobecomeactive = 1;
        r.readytobecomeactive = 1;
        rpc_call_reply(call, &r.base);
}

static void monitor_health(void *context, struct rpc_call *call)
{
        Hadoop__MonitorHealthResponseProto r = HADOOP__MONITOR_HEALTH_RESPONSE_PROTO__INIT;

        (void)context;
        rpc_call_reply(call, &r.base);
}

static void get_groups(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__GetGroupsForUserRequestProto *q = (const void *)call->request;
        Hadoop__GetGroupsForUserResponseProto r = HADOOP__GET_GROUPS_FOR_USER_RESPONSE_PROTO__INIT;
        struct os_groups groups;
        char *names[OS_GROUPS_MAX];

        identity_groups(nn->identity, q->user, &groups);
        for (size_t i = 0; i < groups.n; i++)
                names[i] = groups.names[i];
        r.groups = names;
        r.n_groups = groups.n;
        rpc_call_reply(call, &r.base);
}

/* ---- refreshing: what there is to be read anew ---- */

static void refresh_users(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        Hadoop__RefreshUserToGroupsMappingsResponseProto r =
                HADOOP__REFRESH_USER_TO_GROUPS_MAPPINGS_RESPONSE_PROTO__INIT;

        if (!serve_require_superuser(nn, call, "refreshUserToGroupsMappings"))
                return;
        identity_forget(nn->identity);
        rpc_call_reply(call, &r.base);
}

/* Who may speak for whom is fixed at the start, and the call queue has no settings. */
static void refresh_proxies(void *context, struct rpc_call *call)
{
        Hadoop__RefreshSuperUserGroupsConfigurationResponseProto r =
                HADOOP__REFRESH_SUPER_USER_GROUPS_CONFIGURATION_RESPONSE_PROTO__INIT;

        if (serve_require_superuser(context, call, "refreshSuperUserGroupsConfiguration"))
                rpc_call_reply(call, &r.base);
}

static void refresh_queue(void *context, struct rpc_call *call)
{
        Hadoop__RefreshCallQueueResponseProto r = HADOOP__REFRESH_CALL_QUEUE_RESPONSE_PROTO__INIT;

        if (serve_require_superuser(context, call, "refreshCallQueue"))
                rpc_call_reply(call, &r.base);
}

static void refresh_acl(void *context, struct rpc_call *call)
{
        struct bdfs_err err;

        if (!serve_require_superuser(context, call, "refreshServiceAcl"))
                return;
        (void)bdfs_fail_class(&err, BDFS_UNSUPPORTED, EXCEPTION_AUTHORIZATION,
                              "Service Level Authorization not enabled!");
        rpc_call_fail(call, &err);
}

/* ---- NamenodeProtocol ---- */

/* What Hadoop's benchmark of namenodes asks before it begins. */
static void version_request(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        Hadoop__VersionResponseProto r = HADOOP__VERSION_RESPONSE_PROTO__INIT;
        Hadoop__NamespaceInfoProto info = HADOOP__NAMESPACE_INFO_PROTO__INIT;
        Hadoop__StorageInfoProto storage = HADOOP__STORAGE_INFO_PROTO__INIT;
        char version[] = BDFS_VERSION;

        storage.clusterid = nn->conf->cluster;
        info.storageinfo = &storage;
        info.buildversion = info.softwareversion = version;
        info.blockpoolid = nn->pool;
        r.info = &info;
        rpc_call_reply(call, &r.base);
}

rpc_handler *serve_other_handler(const struct method *m)
{
        switch ((int)m->id) {
        case METHOD_HA_getServiceStatus: return get_service_status;
        case METHOD_HA_monitorHealth: return monitor_health;
        case METHOD_USER_MAPPINGS_getGroupsForUser: return get_groups;
        case METHOD_REFRESH_USERS_refreshUserToGroupsMappings: return refresh_users;
        case METHOD_REFRESH_USERS_refreshSuperUserGroupsConfiguration: return refresh_proxies;
        case METHOD_CALL_QUEUE_refreshCallQueue: return refresh_queue;
        case METHOD_REFRESH_POLICY_refreshServiceAcl: return refresh_acl;
        case METHOD_NAMENODE_versionRequest: return version_request;
        default: return NULL;
        }
}
