#include "exec/driver/plan.h"

#include "exec/driver/plan_inside.h"

#define NO_NODE UINT32_MAX

/* ---- nodes -------------------------------------------------------------------------------- */

/* Alive, and not avoided unless all are. */
static bool usable(const struct plan *p, uint32_t node)
{
        if (!p->nodes[node].alive || p->nodes[node].full)
                return false;
        if (!is_avoided(&p->nodes[node]))
                return true;
        for (uint32_t i = 0; i < p->nodes_n; i++) {
                if (p->nodes[i].alive && !is_avoided(&p->nodes[i]))
                        return false;
        }
        return true;
}

static bool failed_on(const struct task *t, uint32_t node)
{
        for (unsigned i = 0; i < t->failed_n; i++) {
                if (t->failed[i] == node)
                        return true;
        }
        return false;
}

/* A task that failed here goes elsewhere, if there is another node at all. */
static bool allowed(const struct plan *p, const struct task *t, uint32_t node)
{
        if (!failed_on(t, node))
                return true;
        for (uint32_t i = 0; i < p->nodes_n; i++) {
                if (usable(p, i) && !failed_on(t, i))
                        return false;
        }
        return true;
}

/* Is there a node that holds the map's split, and where it may run? */
static bool has_home(const struct plan *p, const struct task *t)
{
        for (unsigned i = 0; i < t->prefer_n; i++) {
                if (usable(p, t->prefer[i]) && allowed(p, t, t->prefer[i]))
                        return true;
        }
        return false;
}

static bool prefers(const struct task *t, uint32_t node)
{
        for (unsigned i = 0; i < t->prefer_n; i++) {
                if (t->prefer[i] == node)
                        return true;
        }
        return t->prefer_n == 0;
}

/* ---- states ------------------------------------------------------------------------------- */

static bool is_map(const struct plan *p, const struct task *t)
{
        return t < p->tasks + p->maps;
}

/* The only writer of ->state. */
static void set_state(struct plan *p, struct task *t, enum task_state next)
{
        enum task_state was = t->state;
        bool map = is_map(p, t);

        BDFS_ASSERT(was != next);
        t->state = next;
        if (was == TASK_RUNNING)
                p->nodes[t->node].running--;
        if (next == TASK_RUNNING)
                p->nodes[t->node].running++;
        if (was == TASK_DONE || next == TASK_DONE)
                *(map ? &p->maps_done : &p->reduces_done) += next == TASK_DONE ? 1u : UINT32_MAX;
        if (!map || (was != TASK_PENDING && next != TASK_PENDING))
                return;
        for (unsigned i = 0; i < t->prefer_n; i++) {
                struct node *n = &p->nodes[t->prefer[i]];

                n->pending += next == TASK_PENDING ? 1u : UINT32_MAX;
                if (next == TASK_PENDING) { /* it lies anywhere in the list */
                        n->maps_at = 0;
                        n->maps_end = n->maps_n;
                }
        }
        if (next == TASK_PENDING)
                p->free_at = 0;
}

static void start(struct plan *p, struct task *t, uint32_t node, bool local, int64_t now_ms,
                  struct plan_start *ret)
{
        bool map = is_map(p, t);

        p->retries += t->tries > 0;
        t->node = node;
        t->local = local;
        t->started_ms = now_ms;
        set_state(p, t, TASK_RUNNING);
        *ret = (struct plan_start){
                .task = {.reduce = !map,
                         .number = (uint32_t)(t - p->tasks) - (map ? 0 : p->maps)},
                .attempt = t->tries++,
                .node = node,
                .local = local,
        };
}

/* ---- choosing ----------------------------------------------------------------------------- */

static struct task *own_map(struct plan *p, uint32_t node, int64_t now_ms)
{
        struct node *n = &p->nodes[node];
        bool first = true;

        for (size_t i = n->maps_at; n->pending > 0 && i < n->maps_n; i++) {
                struct task *t = &p->tasks[n->maps[i]];

                if (t->state == TASK_PENDING) {
                        if (now_ms >= t->ready_ms && allowed(p, t, node))
                                return t;
                        first = false;
                }
                if (first)
                        n->maps_at = i + 1;
        }
        return NULL;
}

/* A map that no usable node holds. */
static struct task *free_map(struct plan *p, uint32_t node, int64_t now_ms)
{
        bool first = true;

        for (uint32_t i = p->free_at; i < p->maps; i++) {
                struct task *t = &p->tasks[i];

                if (t->state == TASK_PENDING && !has_home(p, t)) {
                        if (now_ms >= t->ready_ms && allowed(p, t, node))
                                return t;
                        first = false;
                }
                if (first)
                        p->free_at = i + 1;
        }
        return NULL;
}

/* A map of the node that has the most to do, when that is too much. */
static struct task *others_map(struct plan *p, uint32_t node, int64_t now_ms)
{
        uint64_t average = p->map_ms_n > 0 ? p->map_ms / p->map_ms_n
                                           : (uint64_t)(now_ms - p->begun_ms);
        struct node *most = NULL;
        uint64_t longest = 0;
        bool last = true;

        for (uint32_t i = 0; i < p->nodes_n; i++) {
                struct node *n = &p->nodes[i];
                uint64_t ms = n->pending * average / (n->slots > 0 ? n->slots : 1);

                if (usable(p, i) && ms > longest) {
                        longest = ms;
                        most = n;
                }
        }
        if (most == NULL || longest < PLAN_WAIT_MS)
                return NULL;
        for (size_t i = most->maps_end; i > 0; i--) { /* what it would come to last */
                struct task *t = &p->tasks[most->maps[i - 1]];

                if (t->state == TASK_PENDING && now_ms >= t->ready_ms && allowed(p, t, node))
                        return t;
                last = last && t->state != TASK_PENDING;
                if (last)
                        most->maps_end = i - 1;
        }
        return NULL;
}

static bool next_map(struct plan *p, uint32_t node, int64_t now_ms, struct plan_start *ret)
{
        struct node *n = &p->nodes[node];
        struct task *t = own_map(p, node, now_ms);

        if (t == NULL)
                t = free_map(p, node, now_ms);
        if (t != NULL) {
                n->idle_ms = -1;
                start(p, t, node, prefers(t, node), now_ms, ret);
                return true;
        }
        if (n->idle_ms < 0)
                n->idle_ms = now_ms;
        if (now_ms - n->idle_ms < PLAN_WAIT_MS || (t = others_map(p, node, now_ms)) == NULL)
                return false;
        start(p, t, node, false, now_ms, ret);
        return true;
}

/* The node with the fewest tasks per slot; of these the one that keeps the most for reduces. */
static bool next_reduce(struct plan *p, int64_t now_ms, struct plan_start *ret)
{
        for (uint32_t r = 0; r < p->reduces; r++) {
                struct task *t = &p->tasks[p->maps + r];
                uint32_t best = NO_NODE;

                if (t->state != TASK_PENDING || now_ms < t->ready_ms)
                        continue;
                for (uint32_t i = 0; i < p->nodes_n; i++) {
                        const struct node *n = &p->nodes[i];
                        const struct node *b = &p->nodes[best == NO_NODE ? i : best];
                        uint64_t mine = (uint64_t)n->running * b->slots;
                        uint64_t others = (uint64_t)b->running * n->slots;

                        if (!usable(p, i) || n->running >= n->slots || !allowed(p, t, i))
                                continue;
                        if (best == NO_NODE || mine < others ||
                            (mine == others && n->bytes > b->bytes))
                                best = i;
                }
                if (best == NO_NODE)
                        continue;
                start(p, t, best, true, now_ms, ret);
                return true;
        }
        return false;
}

bool plan_next(struct plan *p, int64_t now_ms, struct plan_start *ret)
{
        if (p->begun_ms < 0)
                p->begun_ms = now_ms;
        if (p->hopeless || plan_done(p))
                return false;
        if (p->maps_done == p->maps)
                return next_reduce(p, now_ms, ret);
        for (uint32_t k = 0; k < p->nodes_n; k++) { /* one each, so that the first is not filled */
                uint32_t node = (p->next_node + k) % p->nodes_n;

                if (!usable(p, node) || p->nodes[node].running >= p->nodes[node].slots ||
                    !next_map(p, node, now_ms, ret))
                        continue;
                p->next_node = node + 1;
                return true;
        }
        return false;
}

/* ---- events ------------------------------------------------------------------------------- */

bool plan_is_current(const struct plan *p, struct plan_task t, uint32_t attempt)
{
        const struct task *task = task_of(p, t);

        return task->state == TASK_RUNNING && task->tries == attempt + 1;
}

bool plan_succeeded(struct plan *p, struct plan_task t, uint32_t attempt, uint64_t bytes,
                    int64_t now_ms)
{
        struct task *task = task_of(p, t);

        if (!plan_is_current(p, t, attempt))
                return false;
        set_state(p, task, TASK_DONE);
        if (!t.reduce) {
                p->map_ms += (uint64_t)(now_ms - task->started_ms);
                p->map_ms_n++;
                p->nodes[task->node].bytes += bytes;
        }
        return true;
}

static void check_hope(struct plan *p)
{
        for (uint32_t i = 0; i < p->nodes_n; i++) {
                if (p->nodes[i].alive && !p->nodes[i].full)
                        return;
        }
        p->hopeless = true;
}

static void fail_counts(struct plan *p, struct task *t, bool confirm)
{
        if (t->failed_n < PLAN_ATTEMPTS && !failed_on(t, t->node))
                t->failed[t->failed_n++] = t->node;
        p->nodes[t->node].failures++;
        t->failures++;
        t->confirms += confirm;
        if (t->failures >= PLAN_ATTEMPTS || t->confirms >= PLAN_CONFIRM)
                p->hopeless = true;
}

static void fail_fetch(struct plan *p, struct task *reduce, uint32_t map)
{
        struct task *t;

        if (++reduce->fetches >= PLAN_FETCHES)
                p->hopeless = true;
        if (map >= p->maps)
                return;
        t = &p->tasks[map];
        if (t->state == TASK_DONE && ++t->lost % PLAN_FETCH_FAILURES == 0)
                set_state(p, t, TASK_PENDING);
}

/* What failed for a passing reason would only fail again at once. */
static void wait_to_retry(struct task *t, int64_t now_ms)
{
        int64_t ms = PLAN_RETRY_MS;

        for (unsigned i = 0; i < t->waits && ms < PLAN_RETRY_MS_MAX; i++)
                ms *= 2;
        t->waits++;
        t->ready_ms = now_ms + (ms < PLAN_RETRY_MS_MAX ? ms : PLAN_RETRY_MS_MAX);
}

bool plan_failed(struct plan *p, struct plan_task t, uint32_t attempt, enum plan_failure why,
                 uint32_t map, int64_t now_ms)
{
        struct task *task = task_of(p, t);

        if (!plan_is_current(p, t, attempt))
                return false;
        set_state(p, task, TASK_PENDING);
        if (why != PLAN_FAIL_KILLED)
                wait_to_retry(task, now_ms);
        switch (why) {
        case PLAN_FAIL_COUNTS:
        case PLAN_FAIL_CONFIRM:
                fail_counts(p, task, why == PLAN_FAIL_CONFIRM);
                break;
        case PLAN_FAIL_FINAL:
                p->hopeless = true;
                break;
        case PLAN_FAIL_NODE:
                p->nodes[task->node].full = true;
                check_hope(p);
                break;
        case PLAN_FAIL_FETCH:
                fail_fetch(p, task, map);
                break;
        case PLAN_FAIL_KILLED:
                break;
        }
        return true;
}

void plan_node_lost(struct plan *p, uint32_t node)
{
        bool needed = p->reduces > 0 && p->reduces_done < p->reduces;

        p->nodes[node].alive = false;
        p->free_at = 0; /* what it held alone, nobody prefers any more */
        for (uint32_t i = 0; i < p->maps + p->reduces; i++) {
                struct task *t = &p->tasks[i];

                if (t->state != TASK_PENDING && t->node == node &&
                    (t->state == TASK_RUNNING || (needed && i < p->maps)))
                        set_state(p, t, TASK_PENDING);
        }
        check_hope(p);
}
