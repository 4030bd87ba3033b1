/*
 * copy.h - CopyCommand: send a finalized replica to other datanodes, as a pipeline of its own.
 *
 * Threads: any; blocks until the last target has sealed and answered.
 * Errors:  REPLICA_NOT_FOUND or STALE_GENSTAMP when this node has not exactly what is asked for
 *          (B5); CORRUPT (and the replica is reported); what the targets say.
 */
#pragma once

#include "common/err.h"
#include "proto/bdfs_cluster.pb-c.h"

struct datanode;

enum bdfs_status copy_block(struct datanode *dn, const Bdfs__CopyCommand *c, struct bdfs_err *err)
        BDFS_MUST_CHECK;
