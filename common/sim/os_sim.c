#include <stdlib.h>
#include <string.h>

#include "common/sim/os_sim_core.h"
#include "common/sim/os_sim_disk.h"

#define LIMIT_US (INT64_C(24) * 3600 * 1000000)
#define START_US (INT64_C(3600) * 1000000) /* the host has been up for an hour */

_Thread_local struct sim *sim;

/* ---- the generator: xoshiro256**, seeded by splitmix64 ---- */

static void seed_random(uint64_t seed)
{
        for (int i = 0; i < 4; i++) {
                uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

                z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
                z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
                sim->random_state[i] = z ^ z >> 31;
        }
}

static uint64_t rotate(uint64_t v, int by)
{
        return v << by | v >> (64 - by);
}

uint64_t sim_next_random(void)
{
        uint64_t *s = sim->random_state;
        uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = rotate(s[3], 45);
        return result;
}

uint64_t sim_random(uint64_t below)
{
        BDFS_ASSERT(below > 0);
        return sim_next_random() % below;
}

int64_t sim_between(int64_t low, int64_t high)
{
        BDFS_ASSERT(low <= high);
        return low + (int64_t)sim_random((uint64_t)(high - low) + 1);
}

bool sim_one_in(unsigned n)
{
        return sim_random(n) == 0;
}

int64_t sim_deadline_us(int64_t deadline_ms)
{
        int64_t us;

        if (deadline_ms == OS_FOREVER || __builtin_mul_overflow(deadline_ms, 1000, &us))
                return deadline_ms < 0 ? 0 : SIM_NEVER;
        return us;
}

/* ---- nodes ---- */

struct sim_node *sim_node_new(const char *name)
{
        struct sim_node *n = calloc(1, sizeof(*n));

        BDFS_ASSERT(n != NULL);
        n->id = sim->nodes_made++;
        n->uid = 1000;
        (void)snprintf(n->name, sizeof(n->name), "%s", name);
        n->disk = sim_disk_new();
        n->next = sim->nodes;
        sim->nodes = n;
        return n;
}

struct sim_node *sim_node_self(void)
{
        struct fiber *f = sim_self();

        BDFS_ASSERT(f != NULL);
        return f->node;
}

const char *sim_node_name(const struct sim_node *n)
{
        return n->name;
}

void sim_node_set_uid(struct sim_node *n, uid_t uid)
{
        n->uid = uid;
}

enum bdfs_status sim_node_start(struct sim_node *n, const char *name, void (*run)(void *arg),
                                void *arg, struct bdfs_err *err)
{
        struct fiber *f;

        sim_event(SIM_START, n->id);
        if (n->down)
                sim_net_restarted(n);
        n->down = false;
        f = sim_fiber_new(n, name, run, arg);
        if (f == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "start %s on %s: out of memory", name,
                                 n->name);
        f->detached = true;
        return BDFS_OK;
}

void sim_node_crash(struct sim_node *n, enum sim_crash how)
{
        sim_event(SIM_CRASH, n->id);
        n->epoch++;
        n->down = true;
        sim_net_crashed(n, how);
        if (how == SIM_POWER) {
                n->boots++;
                sim_disk_lose_power(n->disk);
        }
        sim_fibers_crashed(n);
}

void sim_node_join(struct sim_node *n)
{
        sim_event(SIM_NODE_JOIN, n->id);
        BDFS_ASSERT(sim_node_self() != n);
        while (n->fibers > 0)
                sim_wait_on(&n->joiners, SIM_NODE_JOIN);
}

size_t sim_node_fibers(const struct sim_node *n)
{
        return n->fibers;
}

void sim_disk_set_capacity(struct sim_node *n, uint64_t bytes)
{
        sim_disk_limit(n->disk, bytes);
}

/* ---- a run ---- */

uint64_t sim_digest(void)
{
        return sim->digest;
}

void sim_trace(FILE *to)
{
        sim->trace = to;
}

void sim_time_limit(int64_t ms)
{
        sim->limit_us = START_US + ms * 1000;
}

static bool main_is_done(void)
{
        return sim->main_done;
}

static bool all_are_done(void)
{
        return sim->fibers_n == 0;
}

static void free_nodes(void)
{
        while (sim->nodes != NULL) {
                struct sim_node *n = sim->nodes;

                sim->nodes = n->next;
                sim_disk_free(n->disk);
                free(n);
        }
}

/* A failing test leaves its fiber by longjmp(): what ran then is abandoned, so that the next test
 * can run. Calling sim_run() in a fiber is a mistake. */
static void abandon(void)
{
        const struct sim_context *c = sim == NULL || sim->current == NULL ? NULL
                                                                          : &sim->current->context;
        char here;

        BDFS_ASSERT(c == NULL || &here < (char *)c->stack || &here >= (char *)c->stack + c->bytes);
        sim = NULL;
}

uint64_t sim_run(uint64_t seed, void (*main_fn)(void *arg), void *arg)
{
        struct sim *s = calloc(1, sizeof(*s));
        struct fiber *first;
        uint64_t digest;

        BDFS_ASSERT(s != NULL);
        abandon();
        sim = s;
        seed_random(seed);
        s->digest = seed;
        s->now_us = START_US;
        s->limit_us = START_US + LIMIT_US;
        s->net = sim_net_new();
        s->users = sim_users_new();
        BDFS_ASSERT(s->net != NULL && s->users != NULL);
        sim_context_adopt(&s->home);
        first = sim_fiber_new(sim_node_new("main"), "main", main_fn, arg);
        BDFS_ASSERT(first != NULL);
        first->detached = true;
        sim_schedule(main_is_done);
        for (struct sim_node *n = s->nodes; n != NULL; n = n->next)
                sim_node_crash(n, SIM_KILL);
        s->limit_us = SIM_NEVER; /* a dead fiber's calls are counted instead */
        sim_schedule(all_are_done);
        digest = s->digest;
        sim_net_free(s->net);
        sim_users_free(s->users);
        free_nodes();
        sim_fibers_free_all();
        free(s);
        sim = NULL;
        return digest;
}
