/* Making a plan, and what can be asked of it. */
#include <stdlib.h>

#include "exec/driver/plan_inside.h"

/* ---- making ------------------------------------------------------------------------------- */

enum bdfs_status plan_new(struct plan **ret, uint32_t maps, uint32_t reduces, struct bdfs_err *err)
{
        struct plan *p = calloc(1, sizeof(*p));

        if (p != NULL)
                p->tasks = calloc((size_t)maps + reduces + 1, sizeof(*p->tasks));
        if (p == NULL || p->tasks == NULL) {
                plan_free(p);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for %u tasks", maps + reduces);
        }
        p->maps = maps;
        p->reduces = reduces;
        p->begun_ms = -1;
        *ret = p;
        return BDFS_OK;
}

void plan_free(struct plan *p)
{
        if (p == NULL)
                return;
        for (uint32_t i = 0; p->tasks != NULL && i < p->maps; i++)
                free(p->tasks[i].prefer);
        for (uint32_t i = 0; i < p->nodes_n; i++)
                free(p->nodes[i].maps);
        free(p->tasks);
        free(p->nodes);
        free(p);
}

enum bdfs_status plan_add_node(struct plan *p, struct bdfs_err *err)
{
        struct node *more = realloc(p->nodes, (p->nodes_n + 1) * sizeof(*more));

        if (more == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a node");
        p->nodes = more;
        p->nodes[p->nodes_n++] = (struct node){.alive = true, .slots = 1, .idle_ms = -1};
        return BDFS_OK;
}

static bool add_map(struct node *n, uint32_t map)
{
        if (n->maps_n == n->maps_room) {
                size_t room = n->maps_room == 0 ? 16 : 2 * n->maps_room;
                uint32_t *more = realloc(n->maps, room * sizeof(*more));

                if (more == NULL)
                        return false;
                n->maps = more;
                n->maps_room = room;
        }
        n->maps[n->maps_n++] = map;
        n->maps_end = n->maps_n;
        n->pending++;
        return true;
}

enum bdfs_status plan_prefer(struct plan *p, uint32_t map, const uint32_t *nodes, size_t n,
                             struct bdfs_err *err)
{
        struct task *t = &p->tasks[map];

        BDFS_ASSERT(map < p->maps && t->prefer == NULL && p->begun_ms < 0);
        if (n > PLAN_PREFERRED)
                n = PLAN_PREFERRED;
        t->prefer = malloc((n + 1) * sizeof(*t->prefer));
        if (t->prefer == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for tasks");
        for (size_t i = 0; i < n; i++) {
                BDFS_ASSERT(nodes[i] < p->nodes_n);
                if (!add_map(&p->nodes[nodes[i]], map))
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for tasks");
                t->prefer[t->prefer_n++] = nodes[i];
        }
        return BDFS_OK;
}

void plan_slots(struct plan *p, uint32_t node, uint32_t slots)
{
        p->nodes[node].slots = slots;
}

/* ---- questions ---------------------------------------------------------------------------- */

bool plan_done(const struct plan *p)
{
        return p->reduces > 0 ? p->reduces_done == p->reduces : p->maps_done == p->maps;
}

bool plan_hopeless(const struct plan *p)
{
        return p->hopeless;
}

bool plan_map_output(const struct plan *p, uint32_t map, uint32_t *ret_node, uint32_t *ret_attempt)
{
        const struct task *t = &p->tasks[map];

        *ret_node = t->node;
        *ret_attempt = t->tries - 1;
        return t->state == TASK_DONE;
}

void plan_count(const struct plan *p, struct plan_counts *ret)
{
        *ret = (struct plan_counts){.maps = p->maps, .maps_done = p->maps_done,
                                    .reduces = p->reduces, .reduces_done = p->reduces_done,
                                    .retries = p->retries};
        for (uint32_t i = 0; i < p->maps + p->reduces; i++) {
                const struct task *t = &p->tasks[i];

                *(i < p->maps ? &ret->maps_running : &ret->reduces_running) +=
                        t->state == TASK_RUNNING;
                ret->maps_local += i < p->maps && t->state == TASK_DONE && t->local;
        }
        for (uint32_t i = 0; i < p->nodes_n; i++) {
                ret->nodes_alive += p->nodes[i].alive;
                ret->nodes_avoided += p->nodes[i].alive && is_avoided(&p->nodes[i]);
        }
}
