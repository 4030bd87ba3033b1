/*
 * Calls of features that are not there yet: each answers as a real namenode does whose switch for
 * the feature is off (docs/protocol.md lists them). What has no such switch is not in this table
 * and is answered as an unknown method.
 */
#include <stdio.h>
#include <stdlib.h>

#include "namenode/serve/serve.h"
#include "proto/exception.h"
#include "proto/hadoop_features.pb-c.h"
#include "proto/hadoop_namenode.pb-c.h"

#define OFF_MAP(X)                                                                                \
        X(acl, EXCEPTION_ACL,                                                                     \
          "The ACL operation has been rejected.  Support for ACLs has been disabled by setting "  \
          "dfs.namenode.acls.enabled to false.")                                                  \
        X(xattr, EXCEPTION_IO,                                                                    \
          "The XAttr operation has been rejected.  Support for XAttrs has been disabled by "      \
          "setting dfs.namenode.xattrs.enabled to false.")                                        \
        X(set_policy, EXCEPTION_IO,                                                               \
          "Failed to set storage policy since dfs.storage.policy.enabled is set to false.")       \
        X(unset_policy, EXCEPTION_IO,                                                             \
          "Failed to unset storage policy since dfs.storage.policy.enabled is set to false.")     \
        X(satisfy_policy, "org.apache.hadoop.hdfs.server.namenode.UnsupportedActionException",    \
          "Cannot request to satisfy storage policy when storage policy satisfier feature has "   \
          "been disabled by admin. Seek for an admin help to enable it or use Mover tool.")       \
        X(renew_token, EXCEPTION_IO,                                                              \
          "Delegation Token can be renewed only with kerberos or web authentication")             \
        X(cancel_token, EXCEPTION_IO,                                                             \
          "Delegation Token can be cancelled only with kerberos or web authentication")

#define X(name, java_class, text)                                   \
        static void name##_off(void *context, struct rpc_call *call) \
        {                                                            \
                (void)context;                                       \
                rpc_call_fail_class(call, java_class, text);         \
        }
OFF_MAP(X)
#undef X

/* The empty response of the call's own type: "nothing", "none", "an empty list". */
static void nothing(void *context, struct rpc_call *call)
{
        ProtobufCMessage *m = malloc(call->method->response->sizeof_message);

        (void)context;
        if (m == NULL) {
                serve_no_memory(call);
                return;
        }
        protobuf_c_message_init(call->method->response, m);
        rpc_call_reply(call, m);
        free(m);
}

/* Nothing to list, and only the superuser may hear so. */
#define SUPERUSER_NOTHING(name, operation)                                 \
        static void name(void *context, struct rpc_call *call)             \
        {                                                                  \
                if (serve_require_superuser(context, call, operation))     \
                        nothing(context, call);                            \
        }
SUPERUSER_NOTHING(list_zones, "listEncryptionZones")
SUPERUSER_NOTHING(list_reencryption, "listReencryptionStatus")

static void create_zone(void *context, struct rpc_call *call)
{
        const Hadoop__CreateEncryptionZoneRequestProto *q = (const void *)call->request;
        struct bdfs_err err;

        if (!serve_require_superuser(context, call, "createEncryptionZone"))
                return;
        (void)bdfs_fail(&err, BDFS_FAILED,
                        "Can't create an encryption zone for %s since no key provider is "
                        "available.",
                        q->src);
        rpc_call_fail(call, &err);
}

void serve_no_ec_policy(const char *name, struct bdfs_err *err)
{
        (void)bdfs_fail(err, BDFS_INVALID,
                        "Policy '%s' does not match any enabled erasure coding policies: []. An "
                        "erasure coding policy can be enabled by enableErasureCodingPolicy API.",
                        name);
}

static void set_ec_policy(void *context, struct rpc_call *call)
{
        const Hadoop__SetErasureCodingPolicyRequestProto *q = (const void *)call->request;
        struct bdfs_err err;

        (void)context;
        serve_no_ec_policy(q->ecpolicyname == NULL ? "" : q->ecpolicyname, &err);
        rpc_call_fail(call, &err);
}

static void get_ec_policy(void *context, struct rpc_call *call)
{
        const Hadoop__GetErasureCodingPolicyRequestProto *q = (const void *)call->request;
        Hadoop__GetErasureCodingPolicyResponseProto r =
                HADOOP__GET_ERASURE_CODING_POLICY_RESPONSE_PROTO__INIT;
        struct ns_status s;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;
        bool found;

        if (!reading_begin(&g, context, call, q->src))
                return;
        rc = ns_stat(g.t, &g.who.ns, &g.path, 0, &s, &found, &err);
        if (rc == BDFS_OK && !found)
                rc = bdfs_fail(&err, BDFS_NOT_FOUND, "Path not found: %s", q->src);
        reading_end(&g, rc, &r.base, &err);
}

/* ---- snapshots: no directory is snapshottable, which is for the directory's owner to hear ---- */

static void refuse_snapshot(void *context, struct rpc_call *call, const char *root)
{
        struct reading g;
        struct bdfs_err err;

        if (reading_begin(&g, context, call, root))
                reading_end(&g, ns_no_snapshot(g.t, &g.who.ns, &g.path, &err), NULL, &err);
}

#define NO_SNAPSHOT(name, type)                                     \
        static void name(void *context, struct rpc_call *call)      \
        {                                                           \
                const type *q = (const void *)call->request;        \
                refuse_snapshot(context, call, q->snapshotroot);    \
        }
NO_SNAPSHOT(create_snapshot, Hadoop__CreateSnapshotRequestProto)
NO_SNAPSHOT(delete_snapshot, Hadoop__DeleteSnapshotRequestProto)
NO_SNAPSHOT(rename_snapshot, Hadoop__RenameSnapshotRequestProto)

static void unset_ec_policy(void *context, struct rpc_call *call)
{
        const Hadoop__UnsetErasureCodingPolicyRequestProto *q = (const void *)call->request;
        char text[PATH_BYTES_MAX + 64];

        (void)context;
        (void)snprintf(text, sizeof(text), "No erasure coding policy explicitly set on %s", q->src);
        rpc_call_fail_class(call, "org.apache.hadoop.hdfs.protocol.NoECPolicySetException", text);
}

rpc_handler *serve_off_handler(enum method_id id)
{
        switch ((int)id) {
        case METHOD_CLIENT_getAclStatus:
        case METHOD_CLIENT_modifyAclEntries:
        case METHOD_CLIENT_removeAclEntries:
        case METHOD_CLIENT_removeDefaultAcl:
        case METHOD_CLIENT_removeAcl:
        case METHOD_CLIENT_setAcl: return acl_off;
        case METHOD_CLIENT_setXAttr:
        case METHOD_CLIENT_getXAttrs:
        case METHOD_CLIENT_listXAttrs:
        case METHOD_CLIENT_removeXAttr: return xattr_off;
        case METHOD_CLIENT_setStoragePolicy: return set_policy_off;
        case METHOD_CLIENT_unsetStoragePolicy: return unset_policy_off;
        case METHOD_CLIENT_satisfyStoragePolicy: return satisfy_policy_off;
        case METHOD_CLIENT_renewDelegationToken: return renew_token_off;
        case METHOD_CLIENT_cancelDelegationToken: return cancel_token_off;
        case METHOD_CLIENT_createEncryptionZone: return create_zone;
        case METHOD_CLIENT_listEncryptionZones: return list_zones;
        case METHOD_CLIENT_listReencryptionStatus: return list_reencryption;
        case METHOD_CLIENT_setErasureCodingPolicy: return set_ec_policy;
        case METHOD_CLIENT_unsetErasureCodingPolicy: return unset_ec_policy;
        case METHOD_CLIENT_getErasureCodingPolicy: return get_ec_policy;
        case METHOD_CLIENT_createSnapshot: return create_snapshot;
        case METHOD_CLIENT_deleteSnapshot: return delete_snapshot;
        case METHOD_CLIENT_renameSnapshot: return rename_snapshot;
        case METHOD_CLIENT_getErasureCodingPolicies:
        case METHOD_CLIENT_getErasureCodingCodecs:
        case METHOD_CLIENT_getDelegationToken:
        case METHOD_CLIENT_getDataEncryptionKey:
        case METHOD_CLIENT_getEZForPath:
        case METHOD_CLIENT_getSnapshottableDirListing:
        case METHOD_CLIENT_getSlowDatanodeReport:
        case METHOD_CLIENT_listCacheDirectives:
        case METHOD_CLIENT_listCachePools:
        case METHOD_CLIENT_msync: return nothing;
        default: return NULL;
        }
}
