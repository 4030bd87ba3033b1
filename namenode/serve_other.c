/* Small Hadoop protocols: service state for haadmin, groups of a user. */
#include "namenode/serve.h"
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

rpc_handler *serve_other_handler(const struct method *m)
{
        switch ((int)m->id) {
        case METHOD_HA_getServiceStatus: return get_service_status;
        case METHOD_HA_monitorHealth: return monitor_health;
        case METHOD_USER_MAPPINGS_getGroupsForUser: return get_groups;
        default: return NULL;
        }
}
