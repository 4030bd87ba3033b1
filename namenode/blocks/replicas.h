/*
 * replicas.h - which replica lies where, as the datanodes said: the rows of the second environment.
 *
 * Soft state that may be lost at any time; then it is collected again (blocks_env.h). A datanode's
 * log position and the digest over its finalized rows are a row too, changed in the same
 * transaction as the rows, so that after a restart both sides can tell what is missing.
 *
 * Invariants: a row in REPLICA has one in BY_NODE; one in UNSEALED exactly when it is not
 * finalized; one in DOOMED exactly when it is doomed. A node's log has the sum and the number of
 * its finalized rows. `located` is the number of blocks with a finalized row.
 *
 * Threads: a transaction belongs to one thread.
 * Errors:  those of store.h.
 */
#pragma once

#include "namenode/blocks/nodes.h"
#include "namenode/blocks/repair.h"
#include "namenode/store/store.h"

enum replicas_table {
        REPLICAS_META,      /* name -> value */
        REPLICAS_REPLICA,   /* (block, node) -> struct replica */
        REPLICAS_BY_NODE,   /* (node, block) */
        REPLICAS_UNSEALED,  /* (node, block): rows that are not finalized */
        REPLICAS_NODE,      /* node -> struct node_log */
        REPLICAS_DOOMED,    /* (node, block) -> when the node was told to delete it */
        REPLICAS_RECENT,    /* (node, block): changed while a full report comes in */
        REPLICAS_CLASS,     /* and further: block -> since, one table per enum repair_class */
        REPLICAS_TABLES = REPLICAS_CLASS + REPAIR_CLASSES
};

/* More copies of one block than any rule makes; further ones are not looked at. */
#define REPLICAS_OF_BLOCK_MAX (REPLICATION_MAX + 64)

struct replica {
        uint64_t block;
        uint32_t node;
        uint8_t state;      /* Bdfs__ReplicaState, never GONE */
        bool doomed;        /* its deletion was decided */
        uint64_t stamp, length;
        uint64_t epoch;     /* in which it was last written */
        uint64_t told_log;  /* the node's run that was told to delete it, 0: none. It may do so at
                               any time, though the row is doomed no more */
};

struct replicas_txn {
        struct store_txn *t;
        bool write;
        uint64_t located;   /* blocks with a finalized row */
        uint64_t located_before;
};

extern const char *const replicas_tables[REPLICAS_TABLES]; /* for store_open() */
extern const uint8_t replicas_versions[REPLICAS_TABLES];   /* the highest of each table's rows */

/* Called at the begin of a transaction, and before a commit. */
enum bdfs_status replicas_load(struct replicas_txn *t, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status replicas_save(struct replicas_txn *t, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Were all blocks looked at since the tables were made? Until then the classes say less than there
 * is. */
enum bdfs_status replicas_looked(struct replicas_txn *t, bool *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status replicas_set_looked(struct replicas_txn *t, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The cluster that the tables belong to; NOT_FOUND in an empty environment. */
enum bdfs_status replicas_cluster(struct replicas_txn *t, uint8_t ret[16], struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status replicas_set_cluster(struct replicas_txn *t, const uint8_t cluster[16],
                                      struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- rows ------------------------------------------------------------------------------------ */

/* NOT_FOUND: no such row. */
enum bdfs_status replica_get(struct replicas_txn *t, uint64_t block, uint32_t node,
                             struct replica *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Copies of a block on nodes with a number > @after, by that number. */
enum bdfs_status replicas_of(struct replicas_txn *t, uint64_t block, uint32_t after,
                             struct replica *ret, size_t room, size_t *ret_n,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
/* Insert or change; @log is the node's, its digest and count follow. */
enum bdfs_status replica_put(struct replicas_txn *t, const struct replica *row,
                             struct node_log *log, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Fine when there is none. */
enum bdfs_status replica_del(struct replicas_txn *t, uint64_t block, uint32_t node,
                             struct node_log *log, struct bdfs_err *err) BDFS_MUST_CHECK;

/* Blocks of a node with a number > @after, ascending, at most @room. */
enum bdfs_status replicas_of_node(struct replicas_txn *t, enum replicas_table table, uint32_t node,
                                  uint64_t after, uint64_t *ret, size_t room, size_t *ret_n,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
/* Distinct blocks with a number > @after in the table of replicas or of a class, ascending. */
enum bdfs_status replicas_blocks(struct replicas_txn *t, unsigned table, uint64_t after,
                                 uint64_t *ret, size_t room, size_t *ret_n, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- marks ----------------------------------------------------------------------------------- */

/* Decide that a replica goes, or that it stays after all; note which run of its node was told, or
 * (0) that what it was told has come to nothing. */
enum bdfs_status replica_doom(struct replicas_txn *t, const struct replica *row,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status replica_spare(struct replicas_txn *t, const struct replica *row,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status replica_told(struct replicas_txn *t, const struct replica *row, uint64_t log,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* A mark on (node, block) in UNSEALED, DOOMED or RECENT. */
enum bdfs_status replicas_mark(struct replicas_txn *t, enum replicas_table table, uint32_t node,
                               uint64_t block, bool there, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status replicas_marked(struct replicas_txn *t, enum replicas_table table, uint32_t node,
                                 uint64_t block, bool *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status replicas_clear(struct replicas_txn *t, enum replicas_table table, uint32_t node,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
