/*
 * cli_service.h - the calls of an administrator: what libbdfs's public header has no word for.
 *
 * Owner:   an answer is the caller's, freed with message_free().
 * Threads: any.
 * Errors:  NO_PROTOCOL from a server that is not bdfs, or that was reached by its Hadoop port.
 */
#pragma once

#include "client/fs.h"
#include "proto/bdfs_cluster.pb-c.h"

enum bdfs_status cli_service_info(struct bdfs *fs, Bdfs__ServerInfoResponse **ret,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
/* The datanodes that are alive, with the agents beside them. */
enum bdfs_status cli_service_nodes(struct bdfs *fs, Bdfs__NodesResponse **ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status cli_service_file(struct bdfs *fs, const char *path, Bdfs__FileInfoResponse **ret,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
/* A page; @after is NULL for the first. */
enum bdfs_status cli_service_fsck(struct bdfs *fs, const char *path,
                                  const ProtobufCBinaryData *after, Bdfs__FsckResponse **ret,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status cli_service_digest(struct bdfs *fs, Bdfs__DigestResponse **ret,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status cli_service_checkpoint(struct bdfs *fs, Bdfs__CheckpointResponse **ret,
                                        struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status cli_service_datanodes(struct bdfs *fs, bool live,
                                       Hadoop__GetDatanodeReportResponseProto **ret,
                                       struct bdfs_err *err) BDFS_MUST_CHECK;
/* *ret: it is in safe mode now. */
enum bdfs_status cli_service_safe_mode(struct bdfs *fs, Hadoop__SafeModeActionProto action,
                                       bool *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* True when the failure only says that this server has no such call. */
bool cli_service_absent(enum bdfs_status status);
