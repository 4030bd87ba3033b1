#include "exec/records/split.h"

#include <stdbool.h>

#define TALLY_MAX 64 /* nodes that are counted for one split */

struct tally {
        uint32_t node[TALLY_MAX];
        uint64_t bytes[TALLY_MAX];
        size_t n;
};

static void count(struct tally *t, uint32_t node, uint64_t bytes)
{
        size_t i = 0;

        while (i < t->n && t->node[i] != node)
                i++;
        if (i == TALLY_MAX)
                return; /* enough others hold parts of it */
        if (i == t->n)
                t->node[t->n++] = node;
        t->bytes[i] += bytes;
}

/* The nodes that hold the most bytes, in the order in which they were named. */
static void prefer(const struct split_piece *pieces, struct split *s)
{
        struct tally t = {.n = 0};
        uint64_t most = 0;

        for (size_t p = s->first; p < s->first + s->pieces_n; p++) {
                for (uint32_t i = 0; i < pieces[p].nodes_n; i++)
                        count(&t, pieces[p].nodes[i], pieces[p].length);
        }
        for (size_t i = 0; i < t.n; i++)
                most = t.bytes[i] > most ? t.bytes[i] : most;
        for (size_t i = 0; i < t.n && s->nodes_n < SPLIT_NODES_MAX; i++) {
                if (t.bytes[i] == most && most > 0)
                        s->nodes[s->nodes_n++] = t.node[i];
        }
}

void split_next(const struct split_piece *pieces, size_t n, size_t first, uint64_t block_size,
                struct split *ret)
{
        size_t p = first;

        *ret = (struct split){.first = first};
        if (n == 0)
                return;
        BDFS_ASSERT(first < n);
        ret->start = pieces[first].offset;
        do {
                ret->length += pieces[p++].length;
        } while (p < n && ret->length + pieces[p].length <= block_size);
        ret->pieces_n = p - first;
        prefer(pieces, ret);
}
