#include "namenode/blocks/repair.h"

#include "common/err.h"
#include "namenode/blocks/placement.h"

#define FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED
#define RECEIVING BDFS__REPLICA_STATE__REPLICA_RECEIVING
#define WAITING BDFS__REPLICA_STATE__REPLICA_WAITING
#define RECOVERING BDFS__REPLICA_STATE__REPLICA_RECOVERING
#define CORRUPT BDFS__REPLICA_STATE__REPLICA_CORRUPT

struct census {
        uint32_t valid;    /* valid copies */
        uint32_t fresh;    /* of these, on nodes heard of lately, and not told to go */
        uint32_t told;     /* of the valid ones: may be gone at any moment */
        uint32_t expected; /* whole copies on nodes that may come back */
        uint32_t arriving; /* copies under way */
        uint32_t corrupt;
        uint32_t dead;     /* whole copies on dead nodes */
        uint32_t doomed;
        uint32_t there;    /* valid ones, and those that would be if they were not doomed */
        uint32_t racks;    /* of valid, expected and arriving copies */
};

/* Whether or not it is to be removed. */
static bool good(const struct repair_block *b, const struct repair_copy *c)
{
        return c->state == FINALIZED && c->stamp == b->stamp && c->length == b->length;
}

bool repair_whole(const struct repair_block *b, const struct repair_copy *c)
{
        return good(b, c) && !c->doomed;
}

static bool valid(const struct repair_block *b, const struct repair_copy *c)
{
        return repair_whole(b, c) && c->alive && c->counted;
}

static bool will_be(const struct repair_block *b, const struct repair_copy *c)
{
        return valid(b, c) || (repair_whole(b, c) && c->expected) || c->arriving;
}

/* Bytes that can never become a valid copy again. */
static bool useless(const struct repair_block *b, const struct repair_copy *c)
{
        if (!c->alive || !c->counted || c->doomed || c->arriving || c->stamp > b->stamp)
                return false;
        switch (c->state) {
        case FINALIZED: return !repair_whole(b, c);
        case RECEIVING: return c->stamp < b->stamp;
        case WAITING:
        case RECOVERING:
        case CORRUPT: return true;
        default: return false;
        }
}

static bool first_of_rack(const struct repair_block *b, const struct repair_copy *copies, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (will_be(b, &copies[k]) && copies[k].rack == copies[i].rack)
                        return false;
        return true;
}

static struct census count(const struct repair_block *b, const struct repair_copy *copies,
                           size_t n)
{
        struct census s = {0};

        for (size_t i = 0; i < n; i++) {
                const struct repair_copy *c = &copies[i];

                if (valid(b, c)) {
                        s.valid++;
                        s.fresh += c->stale || c->told ? 0 : 1;
                        s.told += c->told ? 1 : 0;
                } else if (repair_whole(b, c) && c->expected) {
                        s.expected++;
                } else if (c->arriving) {
                        s.arriving++;
                } else if (repair_whole(b, c)) {
                        s.dead++;
                }
                s.there += good(b, c) && c->alive && c->counted ? 1 : 0;
                s.corrupt += c->alive && c->state == CORRUPT ? 1 : 0;
                s.doomed += c->doomed ? 1 : 0;
                s.racks += will_be(b, c) && first_of_rack(b, copies, i) ? 1 : 0;
        }
        return s;
}

static bool one_rack(const struct repair_block *b, const struct census *s,
                     const struct repair_world *w)
{
        return b->wanted >= 2 && s->racks == 1 && w->racks >= 2 && s->valid > 0;
}

static unsigned classes_of(const struct repair_block *b, const struct census *s,
                           const struct repair_world *w)
{
        uint32_t have = s->valid + s->expected, sure = have - s->told;
        unsigned classes = s->corrupt > 0 ? 1u << REPAIR_CORRUPT : 0;

        if (have == 0) {
                classes |= 1u << REPAIR_MISSING;
                classes |= b->wanted == 1 ? 1u << REPAIR_MISSING_ONE : 0;
        } else if (sure < b->wanted) {
                classes |= sure <= 1 ? 1u << REPAIR_ONE_LEFT : 1u << REPAIR_LOW;
        } else if (one_rack(b, s, w)) {
                classes |= 1u << REPAIR_RACK;
        }
        return classes;
}

static uint32_t copies_of(const struct repair_block *b, const struct census *s,
                          const struct repair_world *w)
{
        uint32_t have = s->valid - s->told + s->expected + s->arriving;

        if (s->valid == 0)
                return 0;
        if (have < b->wanted)
                return b->wanted - have;
        return have == b->wanted && s->arriving == 0 && one_rack(b, s, w) ? 1 : 0;
}

static enum block_reason reason_of(const struct repair_block *b, const struct census *s,
                                   const struct repair_world *w)
{
        uint32_t have = s->valid + s->expected;

        if (b->kind == REPAIR_WRITING)
                return BLOCK_REASON_UNDER_CONSTRUCTION;
        if (have >= b->wanted && s->corrupt == 0 && !one_rack(b, s, w))
                return have > b->wanted ? BLOCK_REASON_SURPLUS : BLOCK_REASON_NONE;
        if (w->quiet)
                return BLOCK_REASON_SAFE_MODE;
        if (s->corrupt > 0)
                return BLOCK_REASON_REPLICA_CORRUPT;
        if (have == 0)
                return BLOCK_REASON_NONE_REPORTED;
        if (s->arriving > 0)
                return BLOCK_REASON_COPY_PENDING;
        if (have >= b->wanted)
                return BLOCK_REASON_ONE_RACK;
        if (w->nodes <= s->valid)
                return BLOCK_REASON_TOO_FEW_NODES;
        if (w->others == 0)
                return BLOCK_REASON_NO_SPACE;
        return s->dead > 0 ? BLOCK_REASON_NODE_DEAD : BLOCK_REASON_COPY_PENDING;
}

/* Would removing @i leave fewer racks than two, where there are two? */
static bool breaks_racks(const struct repair_block *b, const struct repair_copy *copies, size_t n,
                         size_t i)
{
        uint32_t first = UINT32_MAX, racks_without = 0;

        for (size_t k = 0; k < n; k++) {
                if (k == i || copies[k].doom || !valid(b, &copies[k]))
                        continue;
                if (racks_without == 0)
                        first = copies[k].rack;
                if (racks_without == 0 || copies[k].rack != first)
                        racks_without++;
        }
        return racks_without < 2 && copies[i].rack != first;
}

/* How little a copy is missed: the room of its node, blurred by a tenth, so that many blocks that
 * are judged at once do not all go from the same one of equally full nodes. */
static uint64_t keep_score(const struct repair_block *b, const struct repair_copy *c)
{
        struct placement_random blur = {b->id ^ (uint64_t)c->node << 40};

        return (c->room / MIB + 1) * (900 + placement_random(&blur) % 200);
}

/* The surplus copy that is missed least: on the fullest node, but no rack may be lost by it (there
 * always is such a copy, though it may be busy or its node silent for the moment). */
static size_t victim_of(const struct repair_block *b, const struct repair_copy *copies, size_t n)
{
        size_t best = SIZE_MAX;

        for (size_t i = 0; i < n; i++) {
                const struct repair_copy *c = &copies[i];

                if (!valid(b, c) || c->doom || c->told || c->stale || c->streams > 0)
                        continue;
                if (b->wanted >= 2 && breaks_racks(b, copies, n, i))
                        continue;
                if (best == SIZE_MAX || keep_score(b, c) < keep_score(b, &copies[best]))
                        best = i;
        }
        return best;
}

static void doom_surplus(const struct repair_block *b, struct repair_copy *copies, size_t n,
                         uint32_t fresh)
{
        for (size_t i = 0; i < n && fresh >= b->wanted; i++) /* what may go anyway goes first */
                if (copies[i].told && valid(b, &copies[i]) &&
                    (b->wanted < 2 || !breaks_racks(b, copies, n, i)))
                        copies[i].doom = true;
        while (fresh > b->wanted) {
                size_t i = victim_of(b, copies, n);

                if (i == SIZE_MAX)
                        return;
                copies[i].doom = true;
                fresh--;
        }
}

static void doom_useless(const struct repair_block *b, struct repair_copy *copies, size_t n,
                         const struct census *s, const struct repair_world *w)
{
        bool enough = s->fresh >= b->wanted;
        bool in_the_way = s->fresh > 0 && w->others == 0 && s->doomed == 0 && s->arriving == 0;

        for (size_t i = 0; i < n && (enough || in_the_way); i++) {
                if (!useless(b, &copies[i]))
                        continue;
                copies[i].doom = true;
                in_the_way = false;
        }
}

bool repair_may_go(const struct repair_block *block, const struct repair_copy *copies, size_t n,
                   const struct repair_world *world, size_t i)
{
        const struct repair_copy *c = &copies[i];
        struct census s;

        BDFS_ASSERT(i < n && c->doomed);
        if (world->quiet)
                return false;
        switch (block->kind) {
        case REPAIR_FREED: return true;
        case REPAIR_UNKNOWN:
        case REPAIR_RETIRED:
        case REPAIR_WRITING:
        case REPAIR_COMMITTED: return false;
        case REPAIR_COMPLETE: break;
        }
        s = count(block, copies, n);
        if (good(block, c) || c->stamp > block->stamp)
                return c->stamp <= block->stamp && s.fresh >= block->wanted;
        return s.fresh >= block->wanted ||
               (s.fresh > 0 && world->others == 0 && s.doomed == 1 && s.arriving == 0);
}

static void spare(const struct repair_block *b, struct repair_copy *copies, size_t n,
                  const struct repair_world *w)
{
        for (size_t i = 0; i < n; i++)
                copies[i].spare = copies[i].doomed && !w->quiet &&
                                  !repair_may_go(b, copies, n, w, i);
}

static void doom_all(struct repair_copy *copies, size_t n)
{
        for (size_t i = 0; i < n; i++)
                copies[i].doom = !copies[i].doomed && copies[i].state != 0;
}

void repair_judge(const struct repair_block *block, struct repair_copy *copies, size_t n,
                  const struct repair_world *world, struct repair_verdict *ret)
{
        struct census s = count(block, copies, n);

        *ret = (struct repair_verdict){.valid = s.valid,
                                       .fresh = s.fresh,
                                       .there = s.there,
                                       .reason = reason_of(block, &s, world)};
        for (size_t i = 0; i < n; i++)
                copies[i].doom = false;
        spare(block, copies, n, world);
        switch (block->kind) {
        case REPAIR_UNKNOWN:
                ret->classes = n > 0 ? 1u << REPAIR_UNKNOWN_BLOCK : 0;
                return;
        case REPAIR_RETIRED:
        case REPAIR_WRITING:
                return;
        case REPAIR_FREED:
                if (!world->quiet)
                        doom_all(copies, n);
                return;
        case REPAIR_COMMITTED:
        case REPAIR_COMPLETE:
                break;
        }
        ret->classes = classes_of(block, &s, world);
        if (world->quiet)
                return;
        ret->copies = copies_of(block, &s, world);
        if (block->kind == REPAIR_COMMITTED)
                return;
        doom_useless(block, copies, n, &s, world);
        doom_surplus(block, copies, n, s.fresh);
}

bool repair_has_slot(uint32_t streams, uint64_t stream_bytes, uint32_t most, uint64_t length)
{
        if (streams < most)
                return true;
        return streams < REPAIR_SMALL_SENDS && stream_bytes <= REPAIR_SMALL_BYTES &&
               length <= REPAIR_SMALL_BYTES - stream_bytes;
}

static bool better_source(const struct repair_copy *a, const struct repair_copy *b)
{
        if (a->avoid != b->avoid)
                return b->avoid;
        if (a->stale != b->stale)
                return b->stale;
        return a->streams < b->streams;
}

size_t repair_source(const struct repair_block *block, const struct repair_copy *copies, size_t n)
{
        size_t best = SIZE_MAX;

        for (size_t i = 0; i < n; i++) {
                const struct repair_copy *c = &copies[i];

                if (!valid(block, c) ||
                    !repair_has_slot(c->streams, c->stream_bytes, REPAIR_SENDS, block->length))
                        continue;
                if (best == SIZE_MAX || better_source(c, &copies[best]))
                        best = i;
        }
        return best;
}
