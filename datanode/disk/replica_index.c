#include "datanode/disk/replica_index.h"

#include <stdlib.h>
#include <string.h>

enum { SHARDS = 256, SLOTS_MIN = 16 };

struct shard {
        struct replica_entry *slots;
        uint32_t room, used;
};

struct replica_index {
        size_t count;
        struct shard shards[SHARDS];
};

static uint64_t hash(uint64_t block)
{
        block ^= block >> 31;
        block *= 0x7FB5D329728EA185ULL;
        block ^= block >> 27;
        block *= 0x81DADEF4BC2DD44DULL;
        return block ^ block >> 33;
}

static uint32_t home_of(const struct shard *s, uint64_t block)
{
        return (uint32_t)((hash(block) & 0xffffffffu) * s->room >> 32);
}

static struct shard *shard_of(const struct replica_index *ix, uint64_t block)
{
        return (struct shard *)(uintptr_t)&ix->shards[hash(block) >> 56];
}

static uint32_t after(const struct shard *s, uint32_t at)
{
        return at + 1 == s->room ? 0 : at + 1;
}

struct replica_index *replica_index_new(void)
{
        return calloc(1, sizeof(struct replica_index));
}

void replica_index_free(struct replica_index *ix)
{
        if (ix == NULL)
                return;
        for (unsigned i = 0; i < SHARDS; i++)
                free(ix->shards[i].slots);
        free(ix);
}

size_t replica_index_count(const struct replica_index *ix)
{
        return ix->count;
}

static struct replica_entry *slot_for(const struct shard *s, uint64_t block)
{
        uint32_t at = home_of(s, block);

        while (s->slots[at].block != 0 && s->slots[at].block != block)
                at = after(s, at);
        return &s->slots[at];
}

struct replica_entry *replica_index_find(const struct replica_index *ix, uint64_t block)
{
        struct shard *s = shard_of(ix, block);
        struct replica_entry *e = s->room == 0 ? NULL : slot_for(s, block);

        return e == NULL || e->block == 0 ? NULL : e;
}

static enum bdfs_status grow(struct shard *s, struct bdfs_err *err)
{
        struct shard bigger = {.room = s->room < SLOTS_MIN ? SLOTS_MIN : s->room + s->room / 2,
                               .used = s->used};

        bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
        if (bigger.slots == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "index of replicas: out of memory");
        for (uint32_t i = 0; i < s->room; i++)
                if (s->slots[i].block != 0)
                        *slot_for(&bigger, s->slots[i].block) = s->slots[i];
        free(s->slots);
        *s = bigger;
        return BDFS_OK;
}

enum bdfs_status replica_index_put(struct replica_index *ix, const struct replica_entry *e,
                                   struct bdfs_err *err)
{
        struct shard *s = shard_of(ix, e->block);
        struct replica_entry *slot;

        BDFS_ASSERT(e->block != 0);
        if ((s->used + 1) * 8ULL > s->room * 7ULL) {
                enum bdfs_status rc = grow(s, err);

                if (rc != BDFS_OK)
                        return rc;
        }
        slot = slot_for(s, e->block);
        if (slot->block == 0) {
                s->used++;
                ix->count++;
        }
        *slot = *e;
        return BDFS_OK;
}

/* Close the gap: entries behind it that would not be found any more move into it. */
void replica_index_remove(struct replica_index *ix, uint64_t block)
{
        struct shard *s = shard_of(ix, block);
        struct replica_entry *e = replica_index_find(ix, block);
        uint32_t gap, at;

        if (e == NULL)
                return;
        gap = (uint32_t)(e - s->slots);
        for (at = after(s, gap); s->slots[at].block != 0; at = after(s, at)) {
                uint32_t home = home_of(s, s->slots[at].block);
                bool between = gap <= at ? gap < home && home <= at : gap < home || home <= at;

                if (!between) {
                        s->slots[gap] = s->slots[at];
                        gap = at;
                }
        }
        memset(&s->slots[gap], 0, sizeof(s->slots[gap]));
        s->used--;
        ix->count--;
}

void replica_index_copy(const struct replica_index *ix, struct replica_entry *ret)
{
        size_t n = 0;

        for (unsigned i = 0; i < SHARDS; i++)
                for (uint32_t k = 0; k < ix->shards[i].room; k++)
                        if (ix->shards[i].slots[k].block != 0)
                                ret[n++] = ix->shards[i].slots[k];
        BDFS_ASSERT(n == ix->count);
}
