/*
 * describe.h - datanodes, blocks and files as Hadoop's messages say them.
 *
 * Messages are built in one arena per answer, since an answer is packed at once and then dropped.
 *
 * Owner:   the arena owns all that is made in it; describe_fini() frees the lot.
 * Threads: an arena belongs to one thread.
 */
#pragma once

#include "namenode/serve/namenode_parts.h"
#include "namenode/tree/namespace.h"
#include "proto/hadoop_hdfs.pb-c.h"

struct describe_chunk;
struct describe { /* zero-filled is empty */
        struct describe_chunk *chunks;
        size_t left; /* in the newest chunk */
};

/* Zero-filled memory; NULL only when there is none (the answer is then "no memory"). */
void *describe_alloc(struct describe *d, size_t n);
char *describe_text(struct describe *d, const char *text);
void describe_fini(struct describe *d);

/* Bytes of its volumes that are neither its own nor free. */
uint64_t describe_other_use(const struct node_info *node);
/* As seen on listener @kind: its ports are of the same kind (DESIGN D1). */
Hadoop__DatanodeInfoProto *describe_node(struct describe *d, const struct node_info *node,
                                         enum rpc_listener_kind kind);

struct describe_block {
        uint64_t block, stamp, length; /* of the located piece */
        uint64_t offset;               /* in the file */
        uint64_t base;                 /* in the block */
        uint64_t inode;
        bool open;                     /* under construction: no upper bound in the token */
        bool corrupt;
        unsigned rights;               /* enum token_rights */
        const uint32_t *nodes;         /* locations, best first */
        size_t nodes_n;
        const uint32_t *extra;         /* further nodes that the token is good for */
        size_t extra_n;
};
/* With locations, storages and a token for @user. Block 0 is a hole: any live node serves it. */
Hadoop__LocatedBlockProto *describe_located(struct describe *d, struct namenode *nn,
                                            const struct describe_block *what, const char *user,
                                            enum rpc_listener_kind kind);
