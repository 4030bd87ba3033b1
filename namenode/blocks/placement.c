#include "namenode/blocks/placement.h"

#include "common/err.h"
#include "common/limits.h"

#define RACKS_LOOKED_AT 64 /* copies whose rack is remembered; more than any pipeline */

static const char *const reason_texts[PLACEMENT_REASONS] = {
#define X(name, text) [PLACEMENT_##name] = (text),
        PLACEMENT_REASON_MAP(X)
#undef X
};

const char *placement_reason_text(enum placement_reason r)
{
        BDFS_ASSERT((unsigned)r < PLACEMENT_REASONS);
        return reason_texts[r];
}

uint64_t placement_random(struct placement_random *r) /* SplitMix64 */
{
        uint64_t z = r->state += 0x9e3779b97f4a7c15ULL;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
        return z ^ z >> 31;
}

struct chooser {
        struct placement_node *nodes;
        size_t nodes_n;
        const struct placement_want *want;
        struct placement_random *random;
        uint32_t racks[RACKS_LOOKED_AT]; /* of the copies so far, in order */
        size_t racks_n;
};

static size_t copies_in_rack(const struct chooser *c, uint32_t rack)
{
        size_t n = 0;

        for (size_t i = 0; i < c->racks_n; i++)
                n += c->racks[i] == rack ? 1 : 0;
        return n;
}

static bool can_take(const struct chooser *c, const struct placement_node *n, bool stale)
{
        return !n->taken && !n->excluded && n->stale == stale && n->room >= c->want->bytes;
}

/* The least number of copies that a rack with a usable node has. */
static size_t fewest_copies(const struct chooser *c, bool stale)
{
        size_t fewest = SIZE_MAX;

        for (size_t i = 0; i < c->nodes_n; i++) {
                size_t copies;

                if (!can_take(c, &c->nodes[i], stale))
                        continue;
                copies = copies_in_rack(c, c->nodes[i].rack);
                if (copies < fewest)
                        fewest = copies;
        }
        return fewest;
}

static bool fits(const struct chooser *c, const struct placement_node *n,
                 enum placement_reason wish, size_t fewest)
{
        switch (wish) {
        case PLACEMENT_WRITER: return n->host == c->want->writer_host;
        case PLACEMENT_OTHER_RACK: return copies_in_rack(c, n->rack) == 0;
        case PLACEMENT_SAME_RACK: return n->rack == c->racks[1];
        case PLACEMENT_SPREAD: return copies_in_rack(c, n->rack) == fewest;
        case PLACEMENT_ANY:
        case PLACEMENT_STALE: return true;
        case PLACEMENT_REASONS: break;
        }
        return false;
}

/* At random, each with the weight of its room in MiB; NULL when no node fits. */
static struct placement_node *pick(struct chooser *c, enum placement_reason wish, bool stale)
{
        size_t fewest = wish == PLACEMENT_SPREAD ? fewest_copies(c, stale) : 0;
        struct placement_node *last = NULL;
        uint64_t total = 0, at;

        for (size_t i = 0; i < c->nodes_n; i++)
                if (can_take(c, &c->nodes[i], stale) && fits(c, &c->nodes[i], wish, fewest))
                        total += c->nodes[i].room / MIB + 1;
        if (total == 0)
                return NULL;
        at = placement_random(c->random) % total;
        for (size_t i = 0; i < c->nodes_n; i++) {
                uint64_t weight = c->nodes[i].room / MIB + 1;

                if (!can_take(c, &c->nodes[i], stale) || !fits(c, &c->nodes[i], wish, fewest))
                        continue;
                last = &c->nodes[i];
                if (at < weight)
                        break;
                at -= weight;
        }
        return last;
}

/* What is wished for the next copy. */
static enum placement_reason wish_of(const struct chooser *c)
{
        if (c->racks_n == 0)
                return c->want->writer_host == PLACEMENT_NO_HOST ? PLACEMENT_ANY : PLACEMENT_WRITER;
        if (c->racks_n == 1)
                return PLACEMENT_OTHER_RACK;
        if (c->racks_n == 2)
                return c->racks[0] == c->racks[1] ? PLACEMENT_OTHER_RACK : PLACEMENT_SAME_RACK;
        return PLACEMENT_SPREAD;
}

static void take(struct chooser *c, struct placement_node *n)
{
        n->taken = true;
        if (c->racks_n < RACKS_LOOKED_AT)
                c->racks[c->racks_n++] = n->rack;
}

static bool choose_one(struct chooser *c, struct placement_pick *ret)
{
        enum placement_reason reason = wish_of(c);
        struct placement_node *n = pick(c, reason, false);

        if (n == NULL) {
                reason = PLACEMENT_ANY;
                n = pick(c, reason, false);
        }
        if (n == NULL)
                n = pick(c, wish_of(c), true);
        if (n == NULL)
                n = pick(c, PLACEMENT_ANY, true);
        if (n == NULL)
                return false;
        *ret = (struct placement_pick){n->number, n->stale ? PLACEMENT_STALE : reason};
        take(c, n);
        return true;
}

static void take_what_is_there(struct chooser *c)
{
        for (size_t i = 0; i < c->nodes_n; i++)
                c->nodes[i].taken = false;
        for (size_t k = 0; k < c->want->have_n; k++)
                for (size_t i = 0; i < c->nodes_n; i++)
                        if (c->nodes[i].number == c->want->have[k] && !c->nodes[i].taken)
                                take(c, &c->nodes[i]);
}

size_t placement_choose(struct placement_node *nodes, size_t nodes_n,
                        const struct placement_want *want, struct placement_random *random,
                        struct placement_pick *ret)
{
        struct chooser c = {.nodes = nodes, .nodes_n = nodes_n, .want = want, .random = random};
        size_t n = 0;

        take_what_is_there(&c);
        while (n < want->wanted && choose_one(&c, &ret[n]))
                n++;
        BDFS_ASSERT(n <= want->wanted);
        return n;
}
