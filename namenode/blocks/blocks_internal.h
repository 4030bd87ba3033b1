/*
 * blocks_internal.h - what the blocks_*.c files share; nobody else includes it (but their tests).
 *
 * Locks: a transaction of the second environment is begun without `lock`; inside one `lock` may be
 * taken for a moment. Never the other way round.
 *
 * Time: clock_ms is os_mono_ms() except in tests; waits always go by os_mono_ms().
 */
#pragma once

#include "namenode/blocks/blocks.h"
#include "namenode/blocks/blocks_class.h"
#include "namenode/blocks/blocks_doomed.h"
#include "namenode/blocks/blocks_env.h"
#include "namenode/blocks/blocks_log.h"
#include "namenode/blocks/blocks_pending.h"
#include "namenode/blocks/nodes.h"
#include "namenode/blocks/placement.h"
#include "namenode/blocks/repair.h"
#include "namenode/blocks/replicas.h"
#include "namenode/blocks/safe_mode.h"
#include "namenode/store/tables.h"

#define BLOCKS_TICK_MS 200
#define BLOCKS_BUSY_TICK_MS 10    /* while slices of work are left */
#define BLOCKS_CHECKS_MAX 65536   /* that wait; with more, everything is looked at */
#define BLOCKS_SLICE 1000         /* blocks looked at in one transaction */
#define BLOCKS_DELAY_MS 3000      /* a copy that is missing may be on its way: first wait */
#define BLOCKS_RESCAN_MS (6 * 3600 * 1000LL)
#define BLOCKS_GAP_MS 1000        /* reports may overtake each other */
#define BLOCKS_DELETES_MAX 1000   /* in one heartbeat */
#define BLOCKS_RESEND_MS 10000    /* a deletion that was not reported done is told again */
#define BLOCKS_FULL_AGAIN_MS 60000 /* a node is not asked for full reports more often */

struct blocks_check {
        uint64_t block;
        bool urgent;              /* do not wait BLOCKS_DELAY_MS */
};

struct blocks_waiter {            /* a caller of blocks_sealed() */
        struct blocks_waiter *next;
        uint64_t block;
        bool hit;
};

struct blocks_scan {              /* a walk over all blocks in slices */
        bool running;
        bool hurry;               /* nobody is waited for but this walk */
        uint64_t after;
        uint64_t complete, reported;
};

#define BLOCKS_CHALLENGES_MAX 64    /* registrations under way; more: the oldest is forgotten */
#define BLOCKS_CHALLENGE_MS 60000

struct blocks_challenge {         /* a nonce that was given to a datanode */
        char uuid[64];            /* "": free, or used up */
        uint8_t nonce[PROOF_NONCE_BYTES], theirs[PROOF_NONCE_BYTES];
        int64_t given_ms;         /* os_mono_ms() */
};

struct blocks {
        struct blocks_config config;
        char *dir;
        char user[OS_NAME_BYTES]; /* in the tokens of copies */
        struct blocks_env *env;
        struct commit *commit;
        uint64_t epoch;
        int64_t (*clock_ms)(void);
        struct os_mutex registering; /* one new node at a time; taken before `lock` */

        struct os_mutex lock;
        struct os_cond wake;      /* the background thread */
        struct os_cond heard;     /* a report was applied */
        /* all below guarded by: lock */
        struct nodes nodes;
        struct pending pending;
        struct safe_mode safe;
        struct placement_random random;
        struct blocks_check *checks; /* ring */
        size_t checks_first, checks_n;
        struct blocks_waiter *waiters;
        struct blocks_challenge challenges[BLOCKS_CHALLENGES_MAX]; /* ring */
        size_t challenge_next;
        unsigned gaps;            /* reports that wait for an earlier one */
        bool stopping, loaded, wipe;
        bool space_wanted;        /* a placement was refused for want of room */
        bool count_now;           /* safe mode: count without waiting for the tick */
        struct blocks_scan rescan;
        int64_t rescan_ms;        /* when the next one begins */
        int64_t complain_ms;      /* not before then again */
        /* only the background thread's */
        struct blocks_scan count;
        uint64_t planned_after[REPAIR_COPY_CLASSES];
};

/* ---- blocks_judge.c: one block, judged ------------------------------------------------------ */

struct block_case { /* what is known of a block, and what is to be done about it */
        uint64_t id;
        struct repair_block block;
        struct replica *rows;
        size_t rows_n;
        struct repair_copy *copies; /* of rows, then arriving ones without a row */
        size_t copies_n;
        struct repair_world world;
        struct repair_verdict verdict;
};
enum bdfs_status block_case_init(struct block_case *j, struct bdfs_err *err) BDFS_MUST_CHECK;
void block_case_fini(struct block_case *j);
/* Reads both environments and judges. */
enum bdfs_status blocks_judge(struct blocks *b, struct replicas_txn *t, struct store_txn *ns,
                              uint64_t block, struct block_case *j, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Carry the verdict out: classes and deletions. Nothing in safe mode. */
enum bdfs_status blocks_act(struct blocks *b, struct replicas_txn *t, const struct block_case *j,
                            int64_t since_ms, struct bdfs_err *err) BDFS_MUST_CHECK;
/* A doomed replica stays after all. */
enum bdfs_status blocks_spare(struct blocks *b, struct replicas_txn *t, const struct replica *row,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* Judge each of these blocks and act on it, in one transaction. */
enum bdfs_status blocks_judge_all(struct blocks *b, const struct blocks_check *checks, size_t n,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
/* Blocks of the namespace with a number > @after, ascending. */
enum bdfs_status blocks_of_namespace(struct store_txn *ns, uint64_t after, uint64_t *ret,
                                     size_t room, size_t *ret_n, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status blocks_begin_namespace(struct blocks *b, struct store_txn **ret,
                                        struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- blocks_register.c ----------------------------------------------------------------------- */

/* Nodes of the namespace's table, and how far their reports were applied. */
enum bdfs_status blocks_load_nodes(struct blocks *b, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The tables were found damaged (@rc CORRUPT): have them wiped. Returns @rc. */
enum bdfs_status blocks_failed(struct blocks *b, enum bdfs_status rc);

/* With the lock held: a copy arrived, or is given up. */
void blocks_release(struct blocks *b, const struct pending_copy *c);
/* With the lock held. */
void blocks_check_later(struct blocks *b, uint64_t block, bool urgent);

/* ---- blocks_run.c, blocks_plan.c ------------------------------------------------------------- */

/* One round of the background thread; true when work is left that should not wait. */
bool blocks_tick(struct blocks *b, int64_t now_ms);
/* Hand out copies to be made. */
enum bdfs_status blocks_plan(struct blocks *b, int64_t now_ms, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Count what safe mode waits for, leave it when that is enough. */
enum bdfs_status blocks_count(struct blocks *b, int64_t now_ms, struct bdfs_err *err)
        BDFS_MUST_CHECK;
