/*
 * blocks.h - which datanodes there are and which replica lies where: soft state (DESIGN D4).
 *
 * Nodes live in memory. Replicas live in a second LMDB environment of this module's own, which can
 * be lost: it is rebuilt from reports. What blocks should exist, and how many copies each should
 * have, is read from the namespace's store. Nothing here is journaled, except that a node's number
 * is registered through the committer.
 *
 * Copies are made again when a node is dead (10 s), and surplus or unknown replicas are removed
 * only when enough valid ones were reported in this epoch (B6).
 *
 * Owner:   struct blocks belongs to the namenode.
 * Threads: any; the locks are inside. blocks_run() is the background thread's body.
 */
#pragma once

#include "common/limits.h"
#include "common/os.h"
#include "namenode/commit/commit.h"
#include "namenode/store/store.h"
#include "net/cluster_secret.h"
#include "proto/bdfs_cluster.pb-c.h"

struct blocks;

/* Why a block has the copies it has (D9); kept where the decision is made. */
#define BLOCK_REASON_MAP(X)                                                              \
        X(NONE, "as wanted")                                                             \
        X(TOO_FEW_NODES, "fewer live datanodes than copies wanted")                      \
        X(NO_SPACE, "no datanode has room for another copy")                             \
        X(NODE_DEAD, "a datanode that held a copy is dead")                              \
        X(COPY_PENDING, "a copy is missing and is being made")                           \
        X(REPLICA_CORRUPT, "a copy is corrupt and is kept until a good one replaced it") \
        X(NONE_REPORTED, "no live datanode has reported a copy")                         \
        X(SURPLUS, "more copies than wanted, one will be removed")                       \
        X(ONE_RACK, "all copies lie in one rack though there are several")               \
        X(UNDER_CONSTRUCTION, "being written")                                           \
        X(SAFE_MODE, "nothing is copied or removed in safe mode")
enum block_reason {
#define X(name, text) BLOCK_REASON_##name,
        BLOCK_REASON_MAP(X)
#undef X
        BLOCK_REASON_COUNT
};
const char *block_reason_text(enum block_reason r);

struct blocks_config {
        const char *dir;             /* true directory of the second environment */
        struct store *store;         /* the namespace, read only */
        uint8_t cluster[16];
        uint8_t secret[CLUSTER_SECRET_BYTES]; /* of the cluster: datanodes' keys come from it */
        uint32_t safe_mode_permille; /* share of complete blocks that must be reported; 999 */
        int64_t safe_mode_extension_ms;
};

enum bdfs_status blocks_new(struct blocks **ret, const struct blocks_config *config,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* The committer exists after the blocks; it is needed to register nodes. Called once, after
 * commit_start(): from here on the namespace's store may be read. */
enum bdfs_status blocks_set_commit(struct blocks *b, struct commit *commit, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void blocks_run(void *blocks);       /* until blocks_stop() */
void blocks_stop(struct blocks *b);
void blocks_free(struct blocks *b);
uint64_t blocks_epoch(const struct blocks *b);

/* ---- what datanodes say (serve_datanode.c calls these) --------------------------------------- */

/* Prove to a datanode that this is its namenode, and give it a nonce. @ret points into @room. */
struct blocks_challenge_room {
        uint8_t nonce[PROOF_NONCE_BYTES], proof[PROOF_BYTES];
};
enum bdfs_status blocks_challenge(struct blocks *b, const Bdfs__ChallengeRequest *request,
                                  struct blocks_challenge_room *room,
                                  Bdfs__ChallengeResponse *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* PERMISSION unless the request has the proof for a nonce that was given for its uuid lately, which
 * is used up. To be called before blocks_register(). */
enum bdfs_status blocks_prove(struct blocks *b, const Bdfs__RegisterRequest *request,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status blocks_register(struct blocks *b, const Bdfs__RegisterRequest *request,
                                 Bdfs__RegisterResponse *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* *ret is freed with blocks_heartbeat_free(). */
enum bdfs_status blocks_heartbeat(struct blocks *b, const Bdfs__HeartbeatRequest *request,
                                  Bdfs__HeartbeatResponse **ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void blocks_heartbeat_free(Bdfs__HeartbeatResponse *r);
enum bdfs_status blocks_report(struct blocks *b, const Bdfs__ReportRequest *request,
                               Bdfs__ReportResponse *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status blocks_full_report(struct blocks *b, const Bdfs__FullReportRequest *request,
                                    Bdfs__FullReportResponse *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- what the namespace asks ----------------------------------------------------------------- */

struct node_info {                   /* a snapshot of one datanode */
        uint32_t number;
        char uuid[64], ip[46], host[256], rack[256];
        char storage[64];            /* uuid of its (first) volume, for storageIDs */
        char socket_path[108];
        uint16_t own_port, hadoop_port, ipc_port, own_ipc_port, agent_port;
        uint64_t capacity, used, remaining, block_bytes_used;
        uint32_t transfers;
        uint64_t replicas;
        int64_t last_heartbeat_wall_ms, last_heartbeat_mono_ms, last_full_report_wall_ms;
        bool alive, stale;
        uint8_t key[TOKEN_KEY_BYTES];
};

struct replica_info {
        uint32_t node;
        uint64_t stamp, length;
        uint8_t state;               /* Bdfs__ReplicaState */
        bool alive;
};

/* At most @room; *ret_n how many. Numbers are small and dense. */
size_t blocks_nodes(struct blocks *b, struct node_info *ret, size_t room);
bool blocks_node(struct blocks *b, uint32_t number, struct node_info *ret);
/* How many belong to the cluster, alive or not. */
uint32_t blocks_nodes_known(struct blocks *b);
/* The number of the node with this uuid. */
bool blocks_node_of(struct blocks *b, const char *uuid, uint32_t *ret);

/* Replicas that readers may be sent to: alive, receiving, recovering or finalized, stamp >= @stamp,
 * nearest to @host first (its own node, its rack, then by load; equal ones in an order that stays
 * for this block and host). All of them, whatever their state, with @every. */
size_t blocks_replicas(struct blocks *b, uint64_t block, uint64_t stamp, bool every,
                       const char *host, struct replica_info *ret, size_t room);

struct place_request {
        uint32_t wanted;             /* how many nodes */
        const char *writer_host;     /* first copy goes there if it is a node; "" none */
        uint64_t bytes;              /* room needed on each */
        const uint32_t *exclude;     /* node numbers never to pick */
        size_t exclude_n;
        const uint32_t *have;        /* nodes that hold the block already: counts for racks */
        size_t have_n;
};
/* Fewer than wanted is fine. None: NO_SPACE when the nodes that could hold it have no room, else
 * UNAVAILABLE, with the reason. */
enum bdfs_status blocks_place(struct blocks *b, const struct place_request *request, uint32_t *ret,
                              size_t *ret_n, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The block that was placed on these nodes was not made, or nothing was written to it: the room
 * that was promised to it is there again. */
void blocks_unplace(struct blocks *b, const uint32_t *nodes, size_t n);

/* Have at least @min live nodes sealed @block with this stamp and length? Waits until the deadline;
 * meanwhile copies are made of what was sealed by too few (D5). */
bool blocks_sealed(struct blocks *b, uint64_t block, uint64_t stamp, uint64_t length, uint32_t min,
                   int64_t deadline_ms);

/* Is there too little room: was a placement refused for lack of it since the last call, or is less
 * than SPACE_FLOOR_PERMILLE of the live nodes' capacity left? */
bool blocks_space_short(struct blocks *b);
/* Of these freed blocks those are left in @blocks (of *n) of which no datanode has a replica: every
 * one that was ever registered is there, has said all it has, and has none. */
enum bdfs_status blocks_gone(struct blocks *b, uint64_t *blocks, size_t *n, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* After a commit: these blocks were freed. */
void blocks_freed(struct blocks *b, const uint64_t *blocks, size_t n);
/* After a commit that changed how many copies are wanted, or closed a file. */
void blocks_check(struct blocks *b, const uint64_t *blocks, size_t n);
/* A reader found this replica bad: it is told to verify itself (B11). Nothing happens when too many
 * such words wait for the node already. */
void blocks_doubt(struct blocks *b, uint64_t block, uint64_t stamp, uint32_t node);
/* Stop writers of a block under construction; answers arrive as RECOVERING replicas. */
void blocks_stop_writers(struct blocks *b, uint64_t block, uint64_t stamp, const uint32_t *nodes,
                         size_t n);
void blocks_seal(struct blocks *b, uint64_t block, uint64_t stamp, uint64_t new_stamp,
                 uint64_t length, const uint32_t *nodes, size_t n);

struct blocks_stats {
        uint64_t capacity, used, remaining; /* what is retired counts as remaining */
        uint64_t retired_bytes;      /* of blocks that nothing refers to, in all copies */
        uint64_t low_redundancy, corrupt, missing, missing_one_replica, pending_deletion,
                highest_priority;
        uint64_t unknown;            /* blocks with a replica and without a row: they are kept */
        uint32_t nodes_alive, nodes_dead;
};
void blocks_stats(struct blocks *b, struct blocks_stats *ret);
enum block_reason blocks_reason(struct blocks *b, uint64_t block, uint32_t expected,
                                bool under_construction);
/* Blocks that are missing or wholly corrupt, ascending from > @after; for fsck and clients. */
size_t blocks_bad(struct blocks *b, uint64_t after, uint64_t *ret, size_t room);

/* ---- safe mode ------------------------------------------------------------------------------- */

enum safe_mode_action { SAFE_MODE_LEAVE, SAFE_MODE_ENTER, SAFE_MODE_GET, SAFE_MODE_FORCE_EXIT };
bool blocks_safe_mode(struct blocks *b, enum safe_mode_action action);
/* HDFS's words: "The reported blocks 0 needs additional ..."; "" when off. */
void blocks_safe_mode_text(struct blocks *b, char *ret, size_t room);
