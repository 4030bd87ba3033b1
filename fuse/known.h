/*
 * known.h - a bounded memory of one number for each of many inodes.
 *
 * Used for what the mount may forget at any time: a row that was pushed out only costs a question
 * to the namenode or a page cache that is dropped.
 *
 * Owner:   struct known is its maker's.
 * Threads: any; one lock inside, held for a few comparisons.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct known;

/* Room for about @rows inodes (a power of two, at least KNOWN_WAYS). NULL: no memory. */
#define KNOWN_WAYS 4
struct known *known_new(size_t rows);
void known_free(struct known *k); /* NULL is fine */

void known_put(struct known *k, uint64_t inode, uint64_t value);
bool known_get(struct known *k, uint64_t inode, uint64_t *ret);
/* Put, and say what was there before; false: nothing. */
bool known_swap(struct known *k, uint64_t inode, uint64_t value, uint64_t *ret_old);
