/*
 * serve_write.h - what the calls of files being written share: serve_open.c (create, append),
 * serve_write.c (blocks and pipelines), serve_complete.c (complete, fsync), serve_lease.c.
 */
#pragma once

#include "namenode/serve/serve.h"
#include "proto/hadoop_namenode.pb-c.h"

#define SERVE_SET_OP(m, which, field)                                   \
        do {                                                            \
                (m)->record.op_case = BDFS__JOURNAL_RECORD__OP_##which; \
                (m)->record.field = &(m)->op.field;                     \
        } while (0)

/* False, and the call is answered, when the block is of another cluster. */
bool serve_own_pool(struct namenode *nn, struct rpc_call *call,
                    const Hadoop__ExtendedBlockProto *b);
/* NULL for NULL. */
Bdfs__RecordBlock *serve_record_block(const Hadoop__ExtendedBlockProto *b, Bdfs__RecordBlock *ret);
/* Datanodes for the next block of a file, into @ret; how many, 0 when there is no room now: then
 * addBlock will say why. */
size_t serve_place_first(struct namenode *nn, const struct rpc_call *call, uint32_t replication,
                         uint64_t block_size, uint32_t ret[PIPELINE_NODES_MAX]);
/* The block of a result as addBlock answers it. NULL: no memory. */
Hadoop__LocatedBlockProto *serve_new_block(struct namenode *nn, struct rpc_call *call,
                                           struct describe *d, const Bdfs__OpResult *result);
/* Have durable_min datanodes sealed the block? Every datanode tells of it before it acknowledges
 * the last packet, so this waits only when something went wrong. */
bool serve_sealed(struct namenode *nn, const struct ns_writer *w,
                  const Hadoop__ExtendedBlockProto *b);
