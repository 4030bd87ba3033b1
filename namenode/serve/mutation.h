/*
 * mutation.h - from a decoded call to a journal record, and from its result to the answer.
 *
 * A handler takes mutation_new(), fills record.op (strings may point into the request, which lives
 * as long as the call), and hands it to mutation_submit() with the function that answers. That
 * function runs on the committer's thread after the commit and must not block.
 *
 * Owner:   mutation_submit() takes the mutation, and the call with it.
 */
#pragma once

#include "common/bytes.h"
#include "namenode/serve/namenode_parts.h"
#include "namenode/tree/path.h"
#include "proto/bdfs_journal.pb-c.h"

struct mutation;
typedef void mutation_answer(struct mutation *m, struct rpc_call *call,
                             const Bdfs__OpResult *result);

struct mutation {
        struct commit_request request;
        struct namenode *nn;
        struct rpc_call *call;
        mutation_answer *answer;
        Bdfs__JournalRecord record;
        Bdfs__RecordCaller caller;
        char *groups[OS_GROUPS_MAX];
        struct os_groups *group_names;
        /* room for what ops carry and the request has in another shape */
        Bdfs__RecordBlock block_a, block_b;
        uint32_t nodes[PIPELINE_NODES_MAX];
        uint32_t placed_n;           /* of nodes: promised to a block; taken back if none is made */
        uint32_t dropped_n;          /* of nodes: of a last block without a byte, which goes */
        struct buf path_a, path_b;   /* normal paths */
        void *extra;                 /* freed with it */
        union {
                Bdfs__MkdirsOp mkdirs;
                Bdfs__CreateOp create;
                Bdfs__AppendOp append;
                Bdfs__AddBlockOp add_block;
                Bdfs__AbandonBlockOp abandon_block;
                Bdfs__CompleteOp complete;
                Bdfs__FsyncOp fsync;
                Bdfs__NewStampOp new_stamp;
                Bdfs__UpdatePipelineOp update_pipeline;
                Bdfs__OfferOp offer;
                Bdfs__RenameOp rename;
                Bdfs__DeleteOp delete_;
                Bdfs__ConcatOp concat;
                Bdfs__TruncateOp truncate;
                Bdfs__SetPermissionOp set_permission;
                Bdfs__SetOwnerOp set_owner;
                Bdfs__SetTimesOp set_times;
                Bdfs__SetReplicationOp set_replication;
                Bdfs__SymlinkOp symlink;
                Bdfs__RecoverLeaseOp recover_lease;
        } op;
};

/* NULL: the call was answered (no memory). */
struct mutation *mutation_new(struct namenode *nn, struct rpc_call *call);
/* The answer is kept for retries, as those of methods are that are marked ONCE. */
void mutation_remember(struct mutation *m);
/* Only for one that was not submitted; the call is the caller's. */
void mutation_free(struct mutation *m);
/* Refused in safe mode with HDFS's text "@what. Name node is in safe mode. ..." before anything. */
void mutation_submit(struct mutation *m, mutation_answer *answer);

/* Check a path of the request and put it into the record at @ret; @room is path_a or path_b.
 * False: refused, the call is answered and the mutation freed. */
bool mutation_path(struct mutation *m, const char *text, enum path_use use, struct buf *room,
                   ProtobufCBinaryData *ret);
