#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/sim/os_sim_core.h"

#define WALL_START_MS INT64_C(1767225600000) /* 2026-01-01 */

/* ---- threads ---- */

/* An os_thread is its fiber. */
static struct fiber *fiber_of(struct os_thread *t)
{
        return (struct fiber *)(void *)t;
}

enum bdfs_status os_thread_start(struct os_thread **ret, const char *name, void (*run)(void *arg),
                                 void *arg, struct bdfs_err *err)
{
        struct fiber *f;

        sim_event(SIM_START, 0);
        if (sim_dead())
                return bdfs_fail(err, BDFS_IO, "start thread %s: the node has crashed", name);
        f = sim_fiber_new(sim_node_self(), name, run, arg);
        if (f == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "start thread %s: out of memory", name);
        *ret = (struct os_thread *)(void *)f;
        sim_maybe_yield();
        return BDFS_OK;
}

void os_thread_join(struct os_thread *t)
{
        struct fiber *f = fiber_of(t);

        sim_event(SIM_JOIN, f->id);
        BDFS_ASSERT(f != sim_self());
        while (f->state != FIBER_DONE)
                sim_wait_on(&f->joiners, SIM_JOIN);
        sim_fiber_forget(f);
}

void os_thread_detach(struct os_thread *t)
{
        struct fiber *f = fiber_of(t);

        f->detached = true;
        if (f->state == FIBER_DONE)
                sim_fiber_forget(f);
}

/* ---- mutexes and conditions ---- */

/* Outside of a simulation a mutex can be held too, by the one thread that there is. */
struct sim_mutex {
        bool held;
        struct fiber *owner;
        struct sim_waitq waiters;
};

static_assert(sizeof(struct sim_mutex) <= sizeof(struct os_mutex), "os_mutex has no room");
static_assert(sizeof(struct sim_waitq) <= sizeof(struct os_cond), "os_cond has no room");

static struct sim_mutex *mutex_of(struct os_mutex *m)
{
        return (struct sim_mutex *)(void *)m;
}

static struct sim_waitq *cond_of(struct os_cond *c)
{
        return (struct sim_waitq *)(void *)c;
}

void os_mutex_init(struct os_mutex *m)
{
        *mutex_of(m) = (struct sim_mutex){.held = false};
}

void os_mutex_fini(struct os_mutex *m)
{
        BDFS_ASSERT(!mutex_of(m)->held);
        BDFS_ASSERT(mutex_of(m)->waiters.first == NULL);
}

static void lock(struct sim_mutex *m)
{
        while (m->held) {
                BDFS_ASSERT(m->owner != sim_self());
                sim_wait_on(&m->waiters, SIM_LOCK);
        }
        m->held = true;
        m->owner = sim_self();
}

static void unlock(struct sim_mutex *m)
{
        BDFS_ASSERT(m->held);
        BDFS_ASSERT(m->owner == sim_self());
        m->held = false;
        m->owner = NULL;
        sim_wake_one(&m->waiters);
}

void os_mutex_lock(struct os_mutex *m)
{
        sim_event(SIM_LOCK, 0);
        sim_maybe_yield();
        lock(mutex_of(m));
}

void os_mutex_unlock(struct os_mutex *m)
{
        sim_event(SIM_UNLOCK, 0);
        unlock(mutex_of(m));
        sim_maybe_yield();
}

void os_cond_init(struct os_cond *c)
{
        *cond_of(c) = (struct sim_waitq){.first = NULL};
}

void os_cond_fini(struct os_cond *c)
{
        BDFS_ASSERT(cond_of(c)->first == NULL);
}

bool os_cond_wait(struct os_cond *c, struct os_mutex *m, int64_t deadline_ms)
{
        int64_t deadline_us = sim_deadline_us(deadline_ms);

        sim_event(SIM_COND_WAIT, 0);
        if (sim->now_us >= deadline_us)
                return false;
        if (sim_one_in(64))
                return true; /* spurious, as the contract allows */
        unlock(mutex_of(m));
        sim_wait(cond_of(c), deadline_us, SIM_COND_WAIT);
        lock(mutex_of(m));
        return sim->now_us < deadline_us && !sim_dead();
}

void os_cond_signal(struct os_cond *c)
{
        sim_event(SIM_SIGNAL, 1);
        sim_wake_one(cond_of(c));
        sim_maybe_yield();
}

void os_cond_broadcast(struct os_cond *c)
{
        sim_event(SIM_SIGNAL, 2);
        sim_wake_all(cond_of(c));
        sim_maybe_yield();
}

/* ---- clock and random bytes ---- */

int64_t os_mono_us(void)
{
        if (sim_self() == NULL)
                return 0;
        sim_event(SIM_CLOCK, 0); /* time passes, so that a loop that only looks at it ends */
        return sim->now_us;
}

int64_t os_mono_ms(void)
{
        return os_mono_us() / 1000;
}

/* No event: what is logged must not change a run. */
int64_t os_wall_ms(void)
{
        return WALL_START_MS + (sim == NULL ? 0 : sim->now_us / 1000);
}

void os_sleep_ms(int64_t ms)
{
        sim_event(SIM_SLEEP, (uint64_t)ms);
        sim_pass(ms <= 0 ? 0 : ms * 1000, SIM_SLEEP);
}

void os_random(void *bytes, size_t n)
{
        uint8_t *at = bytes;

        sim_event(SIM_RANDOM, n);
        BDFS_ASSERT(sim != NULL);
        while (n > 0) {
                uint64_t r = sim_next_random();
                size_t part = n < sizeof(r) ? n : sizeof(r);

                memcpy(at, &r, part);
                at += part;
                n -= part;
        }
}

void os_boot_id(char ret[37])
{
        const struct sim_node *n = sim_node_self();

        (void)snprintf(ret, 37, "%08x-0000-4000-8000-%012x", n->id, n->boots);
}

bool os_simulated(void)
{
        return true;
}
