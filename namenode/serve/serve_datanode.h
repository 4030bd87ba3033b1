/*
 * serve_datanode.h - bdfs.DatanodeService: registration, heartbeats and reports of datanodes.
 *
 * On the own port only, and only for callers who are the cluster's owner.
 */
#pragma once

#include "namenode/serve/namenode_parts.h"
#include "net/rpc_server.h"

/* @nn is borrowed. */
struct rpc_service serve_datanode_service(struct namenode *nn);
