/*
 * os_sim_core.h - what the os_sim*.c files share: the simulation, its fibers and how they wait.
 *
 * Owner:   struct sim owns everything listed in it.
 * Threads: one simulation per thread, found through the thread-local `sim`.
 * Rules:   no pointer value and no real time may decide anything: equal seeds, equal runs.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "common/sim/os_sim.h"
#include "common/sim/os_sim_switch.h"

/* Every kind of event, by the name it has in traces. */
#define SIM_CALL_MAP(X)                                                                         \
        X(START) X(JOIN) X(LOCK) X(UNLOCK) X(COND_WAIT) X(SIGNAL) X(CLOCK) X(SLEEP) X(RANDOM)   \
        X(YIELD) X(LISTEN) X(ACCEPT) X(CONNECT) X(SOCK_READ) X(SOCK_WRITE) X(SOCK_WAIT)         \
        X(SHUTDOWN) X(CLOSE) X(OPEN) X(FILE_READ) X(FILE_WRITE) X(SYNC) X(TRUNCATE) X(STAT)     \
        X(FILE_LOCK) X(RENAME) X(UNLINK) X(MKDIR) X(RMDIR) X(SYNC_DIR) X(LIST) X(CRASH)         \
        X(NODE_JOIN) X(END)

enum sim_call {
#define X(name) SIM_##name,
        SIM_CALL_MAP(X)
#undef X
};

#define SIM_NEVER INT64_MAX

struct fiber;

/* Fibers that wait for one thing; all zero is empty. */
struct sim_waitq {
        struct fiber *first;
};

enum fiber_state { FIBER_READY, FIBER_WAITING, FIBER_DONE };

struct fiber {
        uint32_t id;
        char name[16];
        enum fiber_state state;
        struct sim_node *node;
        uint32_t epoch;      /* the node's when it started: older than the node's now is dead */
        uint64_t dead_calls; /* since it is dead */
        struct sim_context context;
        void (*run)(void *arg);
        void *arg;
        bool detached;
        struct sim_waitq joiners;
        /* while READY: place in sim->ready; while WAITING with a time: place in sim->timers */
        size_t place;
        int64_t wake_us; /* SIM_NEVER: no time */
        enum sim_call waits_in;
        struct fiber *wait_next, **wait_link; /* in a waitq; link NULL: in none */
        struct fiber *all_next, **all_link;
};

struct sim_node {
        struct sim_node *next;
        char name[16];
        uint32_t id;
        uint32_t epoch; /* raised by each crash */
        uint32_t boots; /* raised by each power loss */
        bool down;      /* crashed and not started again */
        uid_t uid;
        size_t fibers;
        struct sim_waitq joiners;
        struct sim_disk *disk;
};

struct sim {
        uint64_t random_state[4];
        uint64_t digest;
        int64_t now_us, limit_us;
        FILE *trace;
        struct sim_context home; /* the scheduler's */
        struct fiber *current;   /* NULL: the scheduler runs */
        struct fiber *all;
        struct fiber **ready, **timers; /* timers: a heap, the earliest first */
        size_t ready_n, timers_n, fibers_n, room;
        uint32_t fibers_made, nodes_made;
        bool main_done;
        struct sim_node *nodes;
        void *stacks[64]; /* for reuse */
        size_t stacks_n;
        struct sim_net *net;
        struct sim_users *users;
};

extern _Thread_local struct sim *sim;

/* The calling fiber; NULL outside of a simulation. */
struct fiber *sim_self(void);
/* True in a fiber of a crashed node: its calls fail. */
bool sim_dead(void);
/* The same for something that @n made in @epoch. */
bool sim_stale(const struct sim_node *n, uint32_t epoch);

/* Note a call: digest, trace, and a microsecond of time. First thing in each seam function. */
void sim_event(enum sim_call call, uint64_t size);
/* Let another fiber go first, now and then. */
void sim_maybe_yield(void);
/* Wait in @q (NULL: none) until woken or @wake_us; may return early, so loop on the condition. A
 * dead fiber waits a millisecond at most. */
void sim_wait(struct sim_waitq *q, int64_t wake_us, enum sim_call call);
/* The same for what goes on in dead fibers (mutexes, joins). */
void sim_wait_on(struct sim_waitq *q, enum sim_call call);
/* Let @us pass for the calling fiber (less if it dies). */
void sim_pass(int64_t us, enum sim_call call);
void sim_wake_one(struct sim_waitq *q); /* which one, the seed says */
void sim_wake_all(struct sim_waitq *q);
/* All in @q look again at @at_us at the latest. */
void sim_wake_at(struct sim_waitq *q, int64_t at_us);

uint64_t sim_next_random(void);
int64_t sim_between(int64_t low, int64_t high); /* both included */
/* True once in @n. */
bool sim_one_in(unsigned n);

/* A deadline of os.h in the simulation's microseconds. */
int64_t sim_deadline_us(int64_t deadline_ms);

/* Run fibers until @done says so; aborts on a deadlock. For sim_run(). */
void sim_schedule(bool (*done)(void));
/* Make a fiber of @n. NULL: no memory. */
struct fiber *sim_fiber_new(struct sim_node *n, const char *name, void (*run)(void *arg),
                            void *arg);
/* Free a fiber that is DONE. */
void sim_fiber_forget(struct fiber *f);
/* All fibers of @n that died look at what they wait for. */
void sim_fibers_crashed(struct sim_node *n);
void sim_fibers_free_all(void);
/* Print all fibers and what they wait for, then abort. */
_Noreturn void sim_give_up(const char *why);

/* os_sim_net.c */
struct sim_net *sim_net_new(void);
void sim_net_free(struct sim_net *net);
void sim_net_crashed(struct sim_node *n, enum sim_crash how);
void sim_net_restarted(struct sim_node *n);

/* os_sim_user.c */
struct sim_users *sim_users_new(void);
void sim_users_free(struct sim_users *users);
