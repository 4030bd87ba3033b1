/*
 * The small protocols of Hadoop's tools: service state for haadmin, groups of a user, refreshing
 * for dfsadmin, and what the benchmark of namenodes asks.
 */
#include "common/limits.h"
#include "namenode/serve/serve.h"
#include "proto/exception.h"
#include "proto/hadoop_datanode.pb-c.h"

static void hadoop_tools_service_status(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__GetServiceStatusResponseProto r = HADOOP__GET_SERVICE_STATUS_RESPONSE_PROTO__INIT;

        (void)nn;
        r.state = HADOOP__HASERVICE_STATE_PROTO__ACTIVE;
        r.has_readytobecomeactive = 1;
        r.readytobecomeactive = 1;
        rpc_call_reply(call, &r.base);
}

static void hadoop_tools_groups_of_user(struct namenode *nn, struct rpc_call *call)
{
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

static void hadoop_tools_refresh_users(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__RefreshUserToGroupsMappingsResponseProto r =
                HADOOP__REFRESH_USER_TO_GROUPS_MAPPINGS_RESPONSE_PROTO__INIT;

        identity_forget(nn->identity);
        rpc_call_reply(call, &r.base);
}

static void hadoop_tools_refresh_acl(struct namenode *nn, struct rpc_call *call)
{
        struct bdfs_err err;

        (void)nn;
        (void)bdfs_fail_class(&err, BDFS_UNSUPPORTED, EXCEPTION_AUTHORIZATION,
                              "Service Level Authorization not enabled!");
        rpc_call_fail(call, &err);
}

/* ---- NamenodeProtocol ---- */

/* What Hadoop's benchmark of namenodes asks before it begins. */
static void hadoop_tools_version_request(struct namenode *nn, struct rpc_call *call)
{
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

/* Who may speak for whom is fixed at the start, and the call queue has no settings: there is
 * nothing to refresh, and only the superuser may hear so. */
static const struct serve_call hadoop_tools_calls[] = {
        [METHOD_HA_getServiceStatus] = {hadoop_tools_service_status},
        [METHOD_HA_monitorHealth] = {serve_empty},
        [METHOD_USER_MAPPINGS_getGroupsForUser] = {hadoop_tools_groups_of_user},
        [METHOD_CALL_QUEUE_refreshCallQueue] = {serve_empty, SERVE_SUPERUSER, "refreshCallQueue"},
        [METHOD_REFRESH_USERS_refreshSuperUserGroupsConfiguration] =
                {serve_empty, SERVE_SUPERUSER, "refreshSuperUserGroupsConfiguration"},
        [METHOD_REFRESH_USERS_refreshUserToGroupsMappings] =
                {hadoop_tools_refresh_users, SERVE_SUPERUSER, "refreshUserToGroupsMappings"},
        [METHOD_REFRESH_POLICY_refreshServiceAcl] =
                {hadoop_tools_refresh_acl, SERVE_SUPERUSER, "refreshServiceAcl"},
        [METHOD_NAMENODE_versionRequest] = {hadoop_tools_version_request},
};

static void hadoop_tools_run(void *context, struct rpc_call *call)
{
        serve_run(hadoop_tools_calls, context, call);
}

rpc_handler *serve_hadoop_tools_handler(const struct method *m)
{
        return SERVE_HAS(hadoop_tools_calls, m) ? hadoop_tools_run : NULL;
}
