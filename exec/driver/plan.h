/*
 * plan.h - which task runs where next: the scheduling of one job, without any I/O.
 *
 * A map goes to a node that holds its split. Another node gets it when no usable node holds it, or
 * when that node has had nothing to do for PLAN_WAIT_MS and those that hold it have more work than
 * that takes. Reduces begin when all maps are done. A failed task goes to another node, four times
 * at most; a command that cannot be run, or an input that is corrupt, is confirmed once elsewhere.
 * A node where three attempts failed is avoided, as long as there are others. A node that is lost
 * takes its running attempts and, while reduces need them, its map outputs with it.
 *
 * Owner:   the caller's; nodes and tasks are numbers.
 * Threads: none.
 * Time:    passed in, in milliseconds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define PLAN_ATTEMPTS 4        /* failures of one task that end the job */
#define PLAN_CONFIRM 2         /* the same, where trying again is of no use */
#define PLAN_NODE_FAILURES 3   /* of one node, before it is avoided */
#define PLAN_FETCH_FAILURES 3  /* of one map's output, before the map runs again */
#define PLAN_FETCHES 30        /* of one reduce */
#define PLAN_WAIT_MS 3000
#define PLAN_RETRY_MS 100      /* before a failed task starts again; twice that after the next */
#define PLAN_RETRY_MS_MAX 10000
#define PLAN_PREFERRED 16

struct plan;

struct plan_task {             /* kind and number */
        bool reduce;
        uint32_t number;
};

enum plan_failure {
        PLAN_FAIL_COUNTS,      /* the task may do better elsewhere */
        PLAN_FAIL_CONFIRM,     /* it would fail everywhere: one confirmation */
        PLAN_FAIL_FINAL,       /* the job cannot succeed */
        PLAN_FAIL_NODE,        /* the node has no room */
        PLAN_FAIL_FETCH,       /* a map's output could not be fetched */
        PLAN_FAIL_KILLED,      /* nobody's fault */
};

enum bdfs_status plan_new(struct plan **ret, uint32_t maps, uint32_t reduces, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void plan_free(struct plan *p); /* NULL is fine */
/* Before the first plan_next(). Nodes are numbered from 0; one slot until more are told. */
enum bdfs_status plan_add_node(struct plan *p, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status plan_prefer(struct plan *p, uint32_t map, const uint32_t *nodes, size_t n,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
void plan_slots(struct plan *p, uint32_t node, uint32_t slots);

struct plan_start {
        struct plan_task task;
        uint32_t attempt;      /* from 0 */
        uint32_t node;
        bool local;            /* a map on a node that it prefers, or that prefers none */
};
/* The next attempt to start; false: nothing now. Ask again after each event, and each second. */
bool plan_next(struct plan *p, int64_t now_ms, struct plan_start *ret);

/* Reports of an attempt that is not the task's current one are dropped: these say false. */
bool plan_is_current(const struct plan *p, struct plan_task t, uint32_t attempt);
/* @bytes: of a map, what it keeps for reduces. */
bool plan_succeeded(struct plan *p, struct plan_task t, uint32_t attempt, uint64_t bytes,
                    int64_t now_ms);
/* @map: of PLAN_FAIL_FETCH. */
bool plan_failed(struct plan *p, struct plan_task t, uint32_t attempt, enum plan_failure why,
                 uint32_t map, int64_t now_ms);
void plan_node_lost(struct plan *p, uint32_t node);

bool plan_done(const struct plan *p);
/* The job cannot be done any more. */
bool plan_hopeless(const struct plan *p);
/* Where a map's output is; only when it has succeeded. */
bool plan_map_output(const struct plan *p, uint32_t map, uint32_t *ret_node, uint32_t *ret_attempt);

struct plan_counts {
        uint32_t maps, maps_done, maps_running, reduces, reduces_done, reduces_running;
        uint32_t maps_local;   /* of maps_done */
        uint32_t retries;      /* attempts that were started again, for whatever reason */
        uint32_t nodes_alive, nodes_avoided;
};
void plan_count(const struct plan *p, struct plan_counts *ret);
