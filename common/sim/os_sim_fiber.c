#include <stdlib.h>
#include <string.h>

#include "common/sim/os_sim_core.h"

/* A dead fiber that makes more calls than this does not look at their results. */
#define DEAD_CALLS_MAX 200000
#define DEAD_WAIT_US 1000

struct fiber *sim_self(void)
{
        return sim == NULL ? NULL : sim->current;
}

bool sim_stale(const struct sim_node *n, uint32_t epoch)
{
        return n->epoch != epoch;
}

bool sim_dead(void)
{
        const struct fiber *f = sim_self();

        BDFS_ASSERT(f != NULL);
        return sim_stale(f->node, f->epoch);
}

/* ---- timers: a binary heap by time, then id ---- */

static bool earlier(const struct fiber *a, const struct fiber *b)
{
        return a->wake_us != b->wake_us ? a->wake_us < b->wake_us : a->id < b->id;
}

static void timer_put(size_t at, struct fiber *f)
{
        sim->timers[at] = f;
        f->place = at;
}

static void timer_up(size_t at)
{
        struct fiber *f = sim->timers[at];

        while (at > 0 && earlier(f, sim->timers[(at - 1) / 2])) {
                timer_put(at, sim->timers[(at - 1) / 2]);
                at = (at - 1) / 2;
        }
        timer_put(at, f);
}

static void timer_down(size_t at)
{
        struct fiber *f = sim->timers[at];

        for (;;) {
                size_t child = 2 * at + 1;

                if (child + 1 < sim->timers_n &&
                    earlier(sim->timers[child + 1], sim->timers[child]))
                        child++;
                if (child >= sim->timers_n || !earlier(sim->timers[child], f))
                        break;
                timer_put(at, sim->timers[child]);
                at = child;
        }
        timer_put(at, f);
}

static void timer_add(struct fiber *f)
{
        timer_put(sim->timers_n++, f);
        timer_up(f->place);
}

static void timer_remove(struct fiber *f)
{
        size_t at = f->place;
        struct fiber *last = sim->timers[--sim->timers_n];

        BDFS_ASSERT(sim->timers[at] == f || last == f);
        if (last == f)
                return;
        timer_put(at, last);
        timer_up(at);
        timer_down(last->place);
}

/* ---- waiting ---- */

static void ready_add(struct fiber *f)
{
        f->state = FIBER_READY;
        f->place = sim->ready_n;
        sim->ready[sim->ready_n++] = f;
}

static void wake(struct fiber *f)
{
        BDFS_ASSERT(f->state == FIBER_WAITING);
        if (f->wait_link != NULL) {
                *f->wait_link = f->wait_next;
                if (f->wait_next != NULL)
                        f->wait_next->wait_link = f->wait_link;
                f->wait_link = NULL;
        }
        if (f->wake_us != SIM_NEVER)
                timer_remove(f);
        ready_add(f);
}

static void queue_add(struct sim_waitq *q, struct fiber *f)
{
        f->wait_next = q->first;
        f->wait_link = &q->first;
        if (q->first != NULL)
                q->first->wait_link = &f->wait_next;
        q->first = f;
}

static void to_scheduler(struct fiber *f, bool last)
{
        sim_context_switch(&f->context, &sim->home, last);
}

static void wait_until(struct sim_waitq *q, int64_t wake_us, enum sim_call call)
{
        struct fiber *f = sim_self();

        BDFS_ASSERT(f != NULL); /* waiting is for fibers */
        f->state = FIBER_WAITING;
        f->waits_in = call;
        f->wake_us = wake_us;
        if (q != NULL)
                queue_add(q, f);
        if (wake_us != SIM_NEVER)
                timer_add(f);
        to_scheduler(f, false);
}

void sim_wait(struct sim_waitq *q, int64_t wake_us, enum sim_call call)
{
        if (sim_dead() && wake_us > sim->now_us + DEAD_WAIT_US)
                wake_us = sim->now_us + DEAD_WAIT_US;
        wait_until(q, wake_us, call);
}

void sim_wait_on(struct sim_waitq *q, enum sim_call call)
{
        wait_until(q, SIM_NEVER, call);
}

void sim_pass(int64_t us, enum sim_call call)
{
        int64_t until = sim->now_us + us;

        do
                sim_wait(NULL, until, call);
        while (sim->now_us < until && !sim_dead());
}

void sim_maybe_yield(void)
{
        struct fiber *f = sim_self();

        if (f == NULL || !sim_one_in(8))
                return;
        f->waits_in = SIM_YIELD;
        ready_add(f);
        to_scheduler(f, false);
}

void sim_wake_one(struct sim_waitq *q)
{
        struct fiber *f = q->first;
        uint64_t n = 0;

        for (const struct fiber *w = f; w != NULL; w = w->wait_next)
                n++;
        if (n == 0)
                return;
        for (uint64_t skip = sim_random(n); skip > 0; skip--)
                f = f->wait_next;
        wake(f);
}

void sim_wake_all(struct sim_waitq *q)
{
        while (q->first != NULL)
                wake(q->first);
}

void sim_wake_at(struct sim_waitq *q, int64_t at_us)
{
        if (at_us <= sim->now_us) {
                sim_wake_all(q);
                return;
        }
        for (struct fiber *f = q->first; f != NULL; f = f->wait_next) {
                if (f->wake_us <= at_us)
                        continue;
                if (f->wake_us != SIM_NEVER)
                        timer_remove(f);
                f->wake_us = at_us;
                timer_add(f);
        }
}

/* ---- events ---- */

static const char *call_name(enum sim_call call)
{
        static const char *const names[] = {
#define X(name) #name,
                SIM_CALL_MAP(X)
#undef X
        };

        return names[call];
}

static void digest_add(uint64_t v)
{
        uint64_t h = (sim->digest ^ v) * UINT64_C(0x9e3779b97f4a7c15);

        sim->digest = h ^ h >> 29;
}

void sim_event(enum sim_call call, uint64_t size)
{
        struct fiber *f = sim_self();

        if (f == NULL)
                return;
        sim->now_us++;
        digest_add((uint64_t)f->id << 8 | call);
        digest_add((uint64_t)sim->now_us);
        digest_add(size);
        if (sim->trace != NULL)
                (void)fprintf(sim->trace, "%12lld %s/%s#%u %s %llu\n", (long long)sim->now_us,
                              f->node->name, f->name, f->id, call_name(call),
                              (unsigned long long)size);
        if (sim_dead() && ++f->dead_calls > DEAD_CALLS_MAX)
                sim_give_up("a fiber of a crashed node does not unwind");
        if (sim->now_us > sim->limit_us)
                sim_give_up("the time limit has passed");
}

static void fiber_report(const struct fiber *f)
{
        static const char *const states[] = {"ready", "waits", "done"};

        if (f->state == FIBER_DONE)
                return;
        (void)fprintf(stderr, "  %s/%s#%u %s in %s", f->node->name, f->name, f->id,
                      states[f->state], call_name(f->waits_in));
        if (f->state == FIBER_WAITING && f->wake_us != SIM_NEVER)
                (void)fprintf(stderr, " until %lld us", (long long)f->wake_us);
        if (f->epoch != f->node->epoch)
                (void)fprintf(stderr, ", dead, %llu calls since",
                              (unsigned long long)f->dead_calls);
        (void)fprintf(stderr, "%s\n", f == sim->current ? " (running)" : "");
}

void sim_give_up(const char *why)
{
        (void)fprintf(stderr, "simulation: %s at %lld us; fibers:\n", why,
                      (long long)sim->now_us);
        for (const struct fiber *f = sim->all; f != NULL; f = f->all_next)
                fiber_report(f);
        abort();
}

/* ---- fibers ---- */

static void fiber_entry(void)
{
        struct fiber *f = sim->current;

        sim_context_entered(&sim->home);
        f->run(f->arg);
        sim_event(SIM_END, 0);
        f->state = FIBER_DONE;
        to_scheduler(f, true);
        abort();
}

static bool make_room(void)
{
        size_t room = sim->room == 0 ? 64 : 2 * sim->room;
        struct fiber **p;

        if (sim->fibers_n < sim->room)
                return true;
        p = realloc(sim->ready, room * sizeof(struct fiber *));
        if (p == NULL)
                return false;
        sim->ready = p;
        p = realloc(sim->timers, room * sizeof(struct fiber *));
        if (p == NULL)
                return false;
        sim->timers = p;
        sim->room = room;
        return true;
}

struct fiber *sim_fiber_new(struct sim_node *n, const char *name, void (*run)(void *arg),
                            void *arg)
{
        struct fiber *f = calloc(1, sizeof(*f));
        void *reuse = sim->stacks_n > 0 ? sim->stacks[sim->stacks_n - 1] : NULL;

        if (f == NULL || !make_room() || !sim_context_make(&f->context, reuse, fiber_entry)) {
                free(f);
                return NULL;
        }
        if (reuse != NULL)
                sim->stacks_n--;
        f->id = sim->fibers_made++;
        (void)snprintf(f->name, sizeof(f->name), "%s", name);
        f->node = n;
        f->epoch = n->epoch;
        f->run = run;
        f->arg = arg;
        f->wake_us = SIM_NEVER;
        f->waits_in = SIM_START;
        f->all_next = sim->all;
        f->all_link = &sim->all;
        if (sim->all != NULL)
                sim->all->all_link = &f->all_next;
        sim->all = f;
        sim->fibers_n++;
        n->fibers++;
        ready_add(f);
        return f;
}

void sim_fiber_forget(struct fiber *f)
{
        BDFS_ASSERT(f->state == FIBER_DONE);
        *f->all_link = f->all_next;
        if (f->all_next != NULL)
                f->all_next->all_link = f->all_link;
        free(f);
}

static void fiber_done(struct fiber *f)
{
        void *stack = sim_context_drop(&f->context);

        if (sim->stacks_n < sizeof(sim->stacks) / sizeof(sim->stacks[0]))
                sim->stacks[sim->stacks_n++] = stack;
        else
                sim_stack_free(stack);
        sim->fibers_n--;
        f->node->fibers--;
        if (f->node->fibers == 0)
                sim_wake_all(&f->node->joiners);
        if (f->id == 0)
                sim->main_done = true;
        sim_wake_all(&f->joiners);
        if (f->detached)
                sim_fiber_forget(f);
}

void sim_fibers_free_all(void)
{
        while (sim->all != NULL)
                sim_fiber_forget(sim->all); /* neither joined nor detached */
        while (sim->stacks_n > 0)
                sim_stack_free(sim->stacks[--sim->stacks_n]);
        free(sim->ready);
        free(sim->timers);
}

void sim_fibers_crashed(struct sim_node *n)
{
        for (struct fiber *f = sim->all; f != NULL; f = f->all_next)
                if (f->node == n && f->state == FIBER_WAITING)
                        wake(f);
}

static void run_one(void)
{
        size_t pick = sim_random(sim->ready_n);
        struct fiber *f = sim->ready[pick];

        sim->ready[pick] = sim->ready[--sim->ready_n];
        sim->ready[pick]->place = pick;
        sim->current = f;
        sim_context_switch(&sim->home, &f->context, false);
        sim->current = NULL;
        if (f->state == FIBER_DONE)
                fiber_done(f);
}

void sim_schedule(bool (*done)(void))
{
        while (!done()) {
                if (sim->ready_n == 0) {
                        if (sim->timers_n == 0)
                                sim_give_up("deadlock: no fiber can run and none has a deadline");
                        if (sim->timers[0]->wake_us > sim->now_us)
                                sim->now_us = sim->timers[0]->wake_us;
                        if (sim->now_us > sim->limit_us)
                                sim_give_up("the time limit has passed");
                }
                while (sim->timers_n > 0 && sim->timers[0]->wake_us <= sim->now_us)
                        wake(sim->timers[0]);
                run_one();
        }
}
