/*
 * placement.h - which datanodes a block goes to: a pure function of the nodes and a seed.
 *
 * The first copy goes to the writer's host if it is a node, the second to another rack, the third
 * to the second's rack, the rest to the racks that have the fewest. Inside those wishes a node is
 * taken at random, by how much room it has. Stale nodes come last, whatever their rack. Never two
 * copies on one node, never a node without room. What cannot be had is passed over: fewer nodes, or
 * fewer racks, than wanted is an answer.
 *
 * Threads: none; the generator is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct placement_random {
        uint64_t state; /* any seed */
};
uint64_t placement_random(struct placement_random *r);

struct placement_node {
        uint32_t number;
        uint32_t host, rack; /* equal numbers: the same host or rack */
        uint64_t room;       /* bytes that it may still take */
        bool stale;
        bool excluded;       /* never to be picked; still counts for racks when it is in `have` */
        bool taken;          /* placement_choose()'s own */
};

/* Why a node was picked (D9). */
#define PLACEMENT_REASON_MAP(X)                                     \
        X(WRITER, "the writer's own host")                          \
        X(OTHER_RACK, "another rack than the copies before")        \
        X(SAME_RACK, "the second copy's rack")                      \
        X(SPREAD, "a rack with the fewest copies")                  \
        X(ANY, "at random, by free space")                          \
        X(STALE, "silent for a while, but there was no other node")
enum placement_reason {
#define X(name, text) PLACEMENT_##name,
        PLACEMENT_REASON_MAP(X)
#undef X
        PLACEMENT_REASONS
};
const char *placement_reason_text(enum placement_reason r);

#define PLACEMENT_NO_HOST UINT32_MAX

struct placement_want {
        uint32_t wanted;      /* how many more nodes */
        uint32_t writer_host; /* or PLACEMENT_NO_HOST */
        uint64_t bytes;       /* room needed on each */
        const uint32_t *have; /* nodes that hold the block already, never picked again */
        size_t have_n;
};

struct placement_pick {
        uint32_t number;
        enum placement_reason reason;
};

/* How many of the @wanted went into @ret. */
size_t placement_choose(struct placement_node *nodes, size_t nodes_n,
                        const struct placement_want *want, struct placement_random *random,
                        struct placement_pick *ret);
