#include "datanode/disk/report.h"

#include <stdlib.h>

#include "common/limits.h"
#include "proto/bdfs_cluster.pb-c.h"

enum { LOG_ROOM_MIN = 1024 };

struct report_log {
        uint64_t id;
        struct os_mutex lock;
        /* guarded by: lock */
        struct report_change *ring; /* change i at i % room */
        size_t room;
        uint64_t first, next;
        uint64_t replicas;
        struct replica_digest digest;
};

struct report_log *report_log_new(void)
{
        struct report_log *l = calloc(1, sizeof(*l));

        if (l == NULL)
                return NULL;
        do
                os_random(&l->id, sizeof(l->id));
        while (l->id == 0);
        os_mutex_init(&l->lock);
        l->first = l->next = 1;
        return l;
}

void report_log_free(struct report_log *l)
{
        if (l == NULL)
                return;
        free(l->ring);
        os_mutex_fini(&l->lock);
        free(l);
}

uint64_t report_log_id(const struct report_log *l)
{
        return l->id;
}

/* Room for one more, or forget: all of it when memory is short, the oldest at the limit. */
static bool make_room(struct report_log *l)
{
        size_t used = (size_t)(l->next - l->first), room;
        struct report_change *ring;

        if (used == REPORT_LOG_MAX)
                l->first++;
        if (l->next - l->first < l->room)
                return true;
        room = l->room < LOG_ROOM_MIN ? LOG_ROOM_MIN : 2 * l->room;
        if (room > REPORT_LOG_MAX)
                room = REPORT_LOG_MAX;
        ring = calloc(room, sizeof(*ring));
        if (ring == NULL)
                return false;
        for (uint64_t i = l->first; i < l->next; i++)
                ring[i % room] = l->ring[i % l->room];
        free(l->ring);
        l->ring = ring;
        l->room = room;
        return true;
}

static bool counts(const struct report_change *c)
{
        return c != NULL && c->state == BDFS__REPLICA_STATE__REPLICA_FINALIZED;
}

static void count(struct report_log *l, const struct report_change *c)
{
        replica_digest_add(&l->digest, c->block, c->stamp, c->length);
        l->replicas++;
}

uint64_t report_log_add(struct report_log *l, const struct report_change *was,
                        const struct report_change *now)
{
        AUTO_LOCK(&l->lock);

        if (counts(was)) {
                replica_digest_remove(&l->digest, was->block, was->stamp, was->length);
                l->replicas--;
        }
        if (counts(now))
                count(l, now);
        if (make_room(l))
                l->ring[l->next % l->room] = *now;
        else
                l->first = l->next + 1;
        return l->next++;
}

void report_log_count(struct report_log *l, const struct report_change *there)
{
        AUTO_LOCK(&l->lock);

        if (counts(there))
                count(l, there);
}

void report_log_position(struct report_log *l, struct report_position *ret)
{
        AUTO_LOCK(&l->lock);

        ret->first = l->first;
        ret->next = l->next;
        ret->replicas = l->replicas;
        replica_digest_encode(&l->digest, ret->digest);
}

size_t report_log_read(struct report_log *l, uint64_t from, struct report_change *ret, size_t max,
                       uint64_t *ret_from)
{
        size_t n = 0;
        AUTO_LOCK(&l->lock);

        if (from < l->first)
                from = l->first;
        *ret_from = from;
        for (; n < max && from + n < l->next; n++)
                ret[n] = l->ring[(from + n) % l->room];
        return n;
}

void report_log_forget(struct report_log *l, uint64_t before)
{
        AUTO_LOCK(&l->lock);

        if (before > l->next)
                before = l->next;
        if (before > l->first)
                l->first = before;
}
