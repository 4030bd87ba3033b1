/*
 * datanode_ipc.h - the calls that a datanode answers: ClientDatanodeProtocol, for clients that open
 * a file which is being written, and for administrators.
 *
 * Java claims blk_ID_STAMP as its name here: the claim is ignored, the caller is the socket's uid.
 *
 * Owner:   struct datanode.
 * Threads: those of net/rpc_server.
 */
#pragma once

#include "net/rpc_server.h"

struct datanode;
struct datanode_conf;
struct datanode_ipc;

enum bdfs_status datanode_ipc_start(struct datanode_ipc **ret, struct datanode *dn,
                                    const struct datanode_conf *conf, struct bdfs_err *err)
        BDFS_MUST_CHECK;
uint16_t datanode_ipc_port(const struct datanode_ipc *i, enum rpc_listener_kind kind);
void datanode_ipc_stop(struct datanode_ipc *i); /* frees; NULL is fine */
