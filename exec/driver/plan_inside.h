/*
 * plan_inside.h - the state of a plan, shared by plan.c (what happens) and plan_state.c (making it,
 * asking it); nobody else includes it.
 */
#pragma once

#include "exec/driver/plan.h"

enum task_state { TASK_PENDING, TASK_RUNNING, TASK_DONE };

struct task {
        enum task_state state;
        bool local;                    /* its last attempt was */
        uint8_t failures, confirms, fetches;
        uint8_t failed_n, prefer_n;
        uint32_t failed[PLAN_ATTEMPTS]; /* nodes on which it failed */
        uint32_t *prefer;
        uint32_t tries;                /* attempts started */
        uint32_t node;                 /* of the last one */
        uint32_t lost;                 /* how often its output could not be fetched */
        int64_t started_ms;
        int64_t ready_ms;              /* it does not start again before that */
        unsigned waits;                /* how often it had to wait */
};

struct node {
        bool alive, full;
        uint32_t slots, running, failures;
        uint32_t *maps;                /* that prefer it; those from maps_at on may be pending */
        size_t maps_n, maps_room, maps_at;
        size_t maps_end;               /* those from here on are not pending */
        uint32_t pending;              /* of these, that are */
        uint64_t bytes;                /* of map outputs */
        int64_t idle_ms;               /* since when it has found no work of its own; -1: it has */
};

struct plan {
        struct task *tasks;            /* maps, then reduces */
        uint32_t maps, reduces;
        uint32_t maps_done, reduces_done, retries;
        struct node *nodes;
        uint32_t nodes_n;
        uint32_t next_node;            /* where the round goes on */
        uint32_t free_at;              /* maps before it are not pending, or have a home */
        bool hopeless;
        int64_t begun_ms;              /* -1: nothing was asked yet */
        uint64_t map_ms, map_ms_n;     /* time that maps took, sum and number */
};

static inline bool is_avoided(const struct node *n)
{
        return n->full || n->failures >= PLAN_NODE_FAILURES;
}

static inline struct task *task_of(const struct plan *p, struct plan_task t)
{
        BDFS_ASSERT(t.number < (t.reduce ? p->reduces : p->maps));
        return &p->tasks[t.reduce ? p->maps + t.number : t.number];
}
