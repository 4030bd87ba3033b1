/*
 * recovery.h - closing a file whose writer is gone: the steps of background.h for one file.
 *
 * recovery_decide() is pure: what the replicas are says what to do next. recovery_step() asks for
 * the replicas, decides, and does it; it is called every tick until the file is closed. A length is
 * a record before anybody is told (DecideRecoveryOp), and is not decided twice under one stamp.
 *
 * Threads: one.
 */
#pragma once

#include "namenode/blocks/blocks.h"
#include "namenode/tree/namespace.h"

#define RECOVERY_WAIT_MS 5000

struct namenode;
struct recovery;

struct recovery *recovery_new(void);
void recovery_free(struct recovery *r);
void recovery_step(struct recovery *r, struct namenode *nn, const struct ns_writer *w,
                   int64_t now_ms);

enum recovery_action {
        RECOVERY_ASK,   /* tell the nodes to stop and verify */
        RECOVERY_WAIT,  /* not everybody has answered */
        RECOVERY_SEAL,  /* tell the replicas marked in `use` to seal at `length` */
        RECOVERY_AGAIN, /* nobody can seal as told, longer ones are there: another stamp, anew */
        RECOVERY_CLOSE, /* close the file at `length` */
        RECOVERY_DROP,  /* close it without the block: nobody has a byte that was acknowledged */
};

struct recovery_view {
        uint64_t stamp;          /* the block's, after StartRecoveryOp */
        uint64_t acknowledged;   /* bytes that an hflush acknowledged */
        bool decided;            /* nodes were told to seal at decided_length under this stamp */
        uint64_t decided_length;
        uint32_t offered;        /* nodes ever offered */
        uint32_t offered_alive;
        const struct replica_info *replicas; /* of live nodes */
        size_t replicas_n;
        bool asked;
        int64_t waited_ms;       /* since they were asked */
};

struct recovery_verdict {
        enum recovery_action action;
        uint64_t length;
        uint64_t use;            /* bit i: replicas[i] */
};

struct recovery_verdict recovery_decide(const struct recovery_view *v);
