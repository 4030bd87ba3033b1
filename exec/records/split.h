/*
 * split.h - a file's located pieces into splits, one per block.
 *
 * Pieces that are small because of how the file was written (many appends) are put together up to
 * the file's block size. A file without bytes is one empty split.
 *
 * Owner:   the caller's arrays; a split borrows the pieces it is made of.
 * Threads: pure functions.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define SPLIT_NODES_MAX 16 /* preferred nodes that are kept */

struct split_piece {           /* pieces of a file are in order, without gaps */
        uint64_t offset, length;
        uint64_t block, stamp; /* block 0: a hole */
        uint32_t nodes[SPLIT_NODES_MAX]; /* that hold it and are alive */
        uint32_t nodes_n;
};

struct split {
        uint64_t start, length;
        size_t first, pieces_n;          /* of the pieces given */
        uint32_t nodes[SPLIT_NODES_MAX]; /* that hold the most bytes of it */
        uint32_t nodes_n;
};

/* The split of the pieces from @first on. */
void split_next(const struct split_piece *pieces, size_t n, size_t first, uint64_t block_size,
                struct split *ret);
