/*
 * ClientProtocol: calls of features that are not there yet. Each answers as a real namenode does
 * whose switch for the feature is off (docs/protocol.md lists them). What has no such switch is not
 * in the table of calls and is answered as an unknown method.
 */
#include <stdio.h>
#include <stdlib.h>

#include "namenode/serve/handlers.h"
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

#define X(name, java_class, text)                                              \
        void serve_##name##_off(struct namenode *nn, struct rpc_call *call) \
        {                                                                   \
                (void)nn;                                                   \
                rpc_call_fail_class(call, java_class, text);                \
        }
OFF_MAP(X)
#undef X

void serve_create_zone(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__CreateEncryptionZoneRequestProto *q = (const void *)call->request;
        struct bdfs_err err;

        (void)nn;
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

void serve_set_ec_policy(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__SetErasureCodingPolicyRequestProto *q = (const void *)call->request;
        struct bdfs_err err;

        (void)nn;
        serve_no_ec_policy(q->ecpolicyname == NULL ? "" : q->ecpolicyname, &err);
        rpc_call_fail(call, &err);
}

void serve_get_ec_policy(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetErasureCodingPolicyRequestProto *q = (const void *)call->request;
        Hadoop__GetErasureCodingPolicyResponseProto r =
                HADOOP__GET_ERASURE_CODING_POLICY_RESPONSE_PROTO__INIT;
        struct ns_status s;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;
        bool found;

        if (!reading_begin(&g, nn, call, q->src))
                return;
        rc = ns_stat(g.t, &g.who.ns, &g.path, 0, &s, &found, &err);
        if (rc == BDFS_OK && !found)
                rc = bdfs_fail(&err, BDFS_NOT_FOUND, "Path not found: %s", q->src);
        reading_end(&g, rc, &r.base, &err);
}

/* ---- snapshots: no directory is snapshottable, which is for the directory's owner to hear ---- */

static void refuse_snapshot(struct namenode *nn, struct rpc_call *call, const char *root)
{
        struct reading g;
        struct bdfs_err err;

        if (reading_begin(&g, nn, call, root))
                reading_end(&g, ns_no_snapshot(g.t, &g.who.ns, &g.path, &err), NULL, &err);
}

#define NO_SNAPSHOT(name, type)                                \
        void name(struct namenode *nn, struct rpc_call *call)  \
        {                                                      \
                const type *q = (const void *)call->request;   \
                refuse_snapshot(nn, call, q->snapshotroot);    \
        }
NO_SNAPSHOT(serve_create_snapshot, Hadoop__CreateSnapshotRequestProto)
NO_SNAPSHOT(serve_delete_snapshot, Hadoop__DeleteSnapshotRequestProto)
NO_SNAPSHOT(serve_rename_snapshot, Hadoop__RenameSnapshotRequestProto)

void serve_unset_ec_policy(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__UnsetErasureCodingPolicyRequestProto *q = (const void *)call->request;
        char text[PATH_BYTES_MAX + 64];

        (void)nn;
        (void)snprintf(text, sizeof(text), "No erasure coding policy explicitly set on %s", q->src);
        rpc_call_fail_class(call, "org.apache.hadoop.hdfs.protocol.NoECPolicySetException", text);
}
