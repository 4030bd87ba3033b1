/*
 * repair.h - what should happen to the copies of one block: pure functions of what is known.
 *
 * A copy is valid when it is finalized with the block's stamp and length, was reported in this
 * epoch by a node that is alive, and is not being removed. One that lies on a node which may still
 * come back (start of the namenode, report under way) is expected: nothing is copied because of it,
 * and nothing is removed on its word.
 *
 * Rules of removal (invariants B6, B10):
 *  1. A surplus copy goes only if as many valid copies as wanted remain on nodes heard of lately.
 *  2. A copy that is corrupt, has an old stamp or was never finished goes when as many valid copies
 *     as wanted are there; or, one at a time, when some valid copy is there and the nodes left
 *     over are too few to hold the wanted number: it stands where its replacement must go.
 *  3. Copies of a block that was freed always go: a row of the namespace says that it was.
 *  4. Nothing goes of a block that the namespace knows nothing of: that a row is not there proves
 *     nothing. Such blocks are counted (UNKNOWN_BLOCK).
 *  5. Nothing goes of a block that is not complete, and nothing in safe mode.
 *  6. A replica whose node was told to delete it, and that is needed after all, is there for
 *     readers but is no reason to remove another (`told`): the order may still be carried out.
 *
 * Threads: none.
 */
#pragma once

#include "namenode/blocks/blocks.h"

/* A block that needs attention is in the table of its class. */
#define REPAIR_CLASS_MAP(X)                                     \
        X(ONE_LEFT, "one valid copy left, more wanted")         \
        X(LOW, "fewer valid copies than wanted")                \
        X(RACK, "all copies in one rack though there are more") \
        X(MISSING, "no valid copy")                             \
        X(MISSING_ONE, "no valid copy, and one was wanted")     \
        X(CORRUPT, "a copy is corrupt")                         \
        X(UNKNOWN_BLOCK, "copies of a block that nobody knows")
enum repair_class {
#define X(name, text) REPAIR_##name,
        REPAIR_CLASS_MAP(X)
#undef X
        REPAIR_CLASSES
};
#define REPAIR_COPY_CLASSES 3 /* the first ones: a copy is to be made */

enum repair_kind {
        REPAIR_FREED,     /* a row says that the block was freed */
        REPAIR_UNKNOWN,   /* there is no row of it: it is kept */
        REPAIR_RETIRED,   /* nothing refers to it: kept for readers, left alone */
        REPAIR_WRITING,   /* under construction: left alone */
        REPAIR_COMMITTED, /* its length is known: copies may be made */
        REPAIR_COMPLETE,
};

struct repair_block {
        enum repair_kind kind;
        uint64_t id, stamp, length;
        uint32_t wanted;
};

struct repair_copy {
        uint32_t node, rack;
        uint8_t state;       /* Bdfs__ReplicaState */
        uint64_t stamp, length;
        bool alive;
        bool counted;        /* alive, and reported in this epoch */
        bool expected;       /* the node may come back, or its report is under way */
        bool stale;          /* the node was silent for a while */
        bool doomed;         /* to be removed; no longer counts */
        bool told;           /* its node was told to remove it and may do so at any time */
        bool arriving;       /* the node was told to make a copy that is not there yet */
        uint64_t room;       /* free bytes of the node */
        uint32_t streams;    /* copies that the node sends */
        uint64_t stream_bytes;
        bool avoid;          /* a copy from it failed lately */
        bool doom;           /* out: remove it */
        bool spare;          /* out: it was to be removed and stays after all */
};

struct repair_world {
        uint32_t nodes;      /* alive */
        uint32_t others;     /* alive, with room, without any copy of this block */
        uint32_t racks;      /* of alive nodes */
        bool quiet;          /* safe mode: look, but change nothing */
};

struct repair_verdict {
        unsigned classes;    /* bits 1 << enum repair_class */
        uint32_t valid;      /* copies */
        uint32_t fresh;      /* of these, on nodes heard of lately, and not told to go */
        uint32_t there;      /* copies that are or could be valid: also those to be removed */
        uint32_t copies;     /* how many to make now */
        enum block_reason reason;
};

/* @copies: one per node (also those arriving without a replica, state 0). */
/* Finalized with the block's stamp and length, and not being removed. */
bool repair_whole(const struct repair_block *block, const struct repair_copy *copy);
void repair_judge(const struct repair_block *block, struct repair_copy *copies, size_t n,
                  const struct repair_world *world, struct repair_verdict *ret);

/* Is it still right to remove copy @i, as was decided before? Asked before each telling. */
bool repair_may_go(const struct repair_block *block, const struct repair_copy *copies, size_t n,
                   const struct repair_world *world, size_t i);

/* A node sends at most REPAIR_SENDS copies at once and takes at most REPAIR_TAKES; small ones may
 * be more as long as their bytes are few, since commands travel only once a second. */
#define REPAIR_SENDS 2
#define REPAIR_TAKES 4
#define REPAIR_SMALL_SENDS 64
#define REPAIR_SMALL_BYTES (64 * MIB)
bool repair_has_slot(uint32_t streams, uint64_t stream_bytes, uint32_t most, uint64_t length);

/* The copy to read from: valid, a slot free, least busy; SIZE_MAX when there is none. */
size_t repair_source(const struct repair_block *block, const struct repair_copy *copies, size_t n);
