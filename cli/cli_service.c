#include "cli/cli_service.h"

static enum bdfs_status call(struct bdfs *fs, enum method_id id, const ProtobufCMessage *q,
                             void *ret, struct bdfs_err *err)
{
        ProtobufCMessage *m;

        if (fs_call(fs, id, q, &m, err) != BDFS_OK)
                return err->status;
        *(ProtobufCMessage **)ret = m;
        return BDFS_OK;
}

bool cli_service_absent(enum bdfs_status status)
{
        return status == BDFS_NO_PROTOCOL || status == BDFS_NO_METHOD;
}

enum bdfs_status cli_service_info(struct bdfs *fs, Bdfs__ServerInfoResponse **ret,
                                  struct bdfs_err *err)
{
        Bdfs__ServerInfoRequest q = BDFS__SERVER_INFO_REQUEST__INIT;

        return call(fs, METHOD_BDFS_CLIENT_serverInfo, &q.base, ret, err);
}

enum bdfs_status cli_service_nodes(struct bdfs *fs, Bdfs__NodesResponse **ret, struct bdfs_err *err)
{
        Bdfs__NodesRequest q = BDFS__NODES_REQUEST__INIT;

        return call(fs, METHOD_BDFS_CLIENT_nodes, &q.base, ret, err);
}

enum bdfs_status cli_service_file(struct bdfs *fs, const char *path, Bdfs__FileInfoResponse **ret,
                                  struct bdfs_err *err)
{
        Bdfs__FileInfoRequest q = BDFS__FILE_INFO_REQUEST__INIT;

        q.path = (char *)(uintptr_t)path;
        return call(fs, METHOD_BDFS_CLIENT_fileInfo, &q.base, ret, err);
}

enum bdfs_status cli_service_fsck(struct bdfs *fs, const char *path,
                                  const ProtobufCBinaryData *after, Bdfs__FsckResponse **ret,
                                  struct bdfs_err *err)
{
        Bdfs__FsckRequest q = BDFS__FSCK_REQUEST__INIT;

        q.path = (char *)(uintptr_t)path;
        if (after != NULL) {
                q.has_after = 1;
                q.after = *after;
        }
        return call(fs, METHOD_BDFS_CLIENT_fsck, &q.base, ret, err);
}

enum bdfs_status cli_service_digest(struct bdfs *fs, Bdfs__DigestResponse **ret,
                                    struct bdfs_err *err)
{
        Bdfs__DigestRequest q = BDFS__DIGEST_REQUEST__INIT;

        return call(fs, METHOD_BDFS_CLIENT_digest, &q.base, ret, err);
}

enum bdfs_status cli_service_checkpoint(struct bdfs *fs, Bdfs__CheckpointResponse **ret,
                                        struct bdfs_err *err)
{
        Bdfs__CheckpointRequest q = BDFS__CHECKPOINT_REQUEST__INIT;

        return call(fs, METHOD_BDFS_CLIENT_checkpoint, &q.base, ret, err);
}

enum bdfs_status cli_service_datanodes(struct bdfs *fs, bool live,
                                       Hadoop__GetDatanodeReportResponseProto **ret,
                                       struct bdfs_err *err)
{
        Hadoop__GetDatanodeReportRequestProto q = HADOOP__GET_DATANODE_REPORT_REQUEST_PROTO__INIT;

        q.type = live ? HADOOP__DATANODE_REPORT_TYPE_PROTO__LIVE
                      : HADOOP__DATANODE_REPORT_TYPE_PROTO__DEAD;
        return call(fs, METHOD_CLIENT_getDatanodeReport, &q.base, ret, err);
}

enum bdfs_status cli_service_safe_mode(struct bdfs *fs, Hadoop__SafeModeActionProto action,
                                       bool *ret, struct bdfs_err *err)
{
        Hadoop__SetSafeModeRequestProto q = HADOOP__SET_SAFE_MODE_REQUEST_PROTO__INIT;
        Hadoop__SetSafeModeResponseProto *r = NULL;

        q.action = action;
        if (call(fs, METHOD_CLIENT_setSafeMode, &q.base, &r, err) != BDFS_OK)
                return err->status;
        *ret = r->result;
        message_free(r);
        return BDFS_OK;
}
