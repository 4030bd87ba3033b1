/*
 * nodes.h - the datanodes: number -> what is known of it, in memory.
 *
 * A node is known since it first registered (the namespace's table `node` has its number, uuid and
 * key for ever). In this run it is AWAY until it registers, ALIVE while it is heard of, DEAD after
 * DATANODE_DEAD_MS of silence, counted from the namenode's start for one that was never seen.
 * While ALIVE, `counted` says that what the tables hold of it was confirmed in this epoch: by an
 * equal digest or a full report (B6). AWAY again: the tables were lost, it must register again.
 *
 * Owner:   struct nodes owns its nodes; they are never removed, so pointers stay good.
 * Threads: no lock of its own; call with the owner's lock held.
 * Time:    passed in, in os_mono_ms().
 */
#pragma once

#include "namenode/blocks/blocks.h"
#include "proto/replica_digest.h"

#define NODES_MAX 16384
#define NODE_COMMANDS_MAX 4096 /* that wait for a heartbeat */
#define NODE_VERIFIES_MAX 256  /* of these: words of readers, the rest is the namenode's own */
#define NODE_COMMANDS_SENT_MAX 256 /* in one heartbeat */

enum node_state { NODE_AWAY, NODE_ALIVE, NODE_DEAD };

#define NODE_LOG_NO_PAGE UINT64_MAX /* the first page did not come yet */

/* Where a node's log of changes was applied up to; also a row of the second environment. */
struct node_log {
        uint64_t id;                  /* of the datanode's run */
        uint64_t next;                /* sequence of the first change that was not applied */
        uint64_t replicas;            /* finalized rows */
        struct replica_digest digest; /* over them */
        bool full;                    /* a full report is awaited, or its pages come in */
        uint64_t full_from;           /* changes since this one are marked in RECENT */
        uint64_t full_after;          /* last block of the page before, or NODE_LOG_NO_PAGE */
};

enum node_command_kind { NODE_COPY, NODE_STOP, NODE_SEAL, NODE_VERIFY };
struct node_command {
        struct node_command *next;
        enum node_command_kind kind;
        uint64_t block, stamp, new_stamp, length;
        Bdfs__CopyCommand *copy;      /* NODE_COPY: the message, owned */
};

struct node {
        struct node_info info;        /* alive and stale are filled in by node_snapshot() */
        enum node_state state;
        uint32_t host, rack;          /* interned: equal numbers, equal names */
        bool failed;                  /* all its storages have failed */
        struct node_log log;
        bool counted;
        bool checking;                /* compare with `check` when log.next reaches check_at */
        uint64_t check_at;
        struct replica_digest check;
        int64_t full_asked_ms;        /* when a full report was last asked for */
        bool walking;                 /* its blocks are being looked at, from walk_after on */
        uint64_t walk_after;
        uint32_t walk_id;
        uint64_t doomed_after;        /* deletions up to this block were looked at */
        uint64_t promised;            /* bytes placed on it that its heartbeats do not show yet */
        uint32_t promises;            /* blocks that these bytes are of */
        uint32_t sends, takes;        /* copies under way */
        uint64_t send_bytes, take_bytes;
        struct node_command *first, *last;
        size_t commands, verifies;
};

struct nodes_word {
        char *text;
        uint32_t mark;
};

struct nodes {
        struct node **by_number;      /* [1..last] */
        uint32_t last, room;
        struct nodes_word *words;     /* interned hosts and racks */
        uint32_t words_n, words_room, mark;
        int64_t started_ms;
        uint32_t alive, racks;        /* alive nodes, and their racks */
};

void nodes_init(struct nodes *n, int64_t now_ms);
void nodes_fini(struct nodes *n);

/* NULL: no such node. */
struct node *nodes_get(const struct nodes *n, uint32_t number);
struct node *nodes_find(const struct nodes *n, const char *uuid);
struct node *nodes_next(const struct nodes *n, uint32_t after);
/* A node that registered once. */
enum bdfs_status nodes_add(struct nodes *n, uint32_t number, const char *uuid,
                           const uint8_t key[TOKEN_KEY_BYTES], struct node **ret,
                           struct bdfs_err *err) BDFS_MUST_CHECK;

/* Number of an interned word; UINT32_MAX (equal to no other) without memory or for "". */
uint32_t nodes_word(struct nodes *n, const char *word);
/* The number of a host or address that some node has, or UINT32_MAX. */
uint32_t nodes_host(const struct nodes *n, const char *host_or_ip, uint32_t *ret_rack);

/* The only writer of ->state; the node's rack is set before. */
void nodes_set_state(struct nodes *n, struct node *node, enum node_state state);
/* Its blocks are to be looked at, from the first on. */
void node_walk(struct node *n);
bool node_is_stale(const struct node *n, int64_t now_ms);
/* It may still come back with what it had: nothing is copied because of it. */
bool node_is_expected(const struct node *n);
void node_snapshot(const struct node *n, int64_t now_ms, struct node_info *ret);
/* Free bytes behind what was promised. */
uint64_t node_room(const struct node *n);
/* A block of at most so many bytes was placed on it. */
void node_promise(struct node *n, uint64_t bytes);
/* One of them was sealed, or will not be written: what it did not use is free again. */
void node_promise_kept(struct node *n);

void node_set_storages(struct node *n, Bdfs__StorageReport *const *storages, size_t storages_n);

/* Takes the command; false (and freed) when too many wait. */
bool node_command_add(struct node *n, struct node_command *c);
struct node_command *node_command_take(struct node *n); /* NULL: none */
void node_command_free(struct node_command *c);
