/*
 * replica_index.h - which replicas there are: block -> stamp, length, state, volume. 32 bytes each
 * in open addressing, split into shards that grow by half, so that a million replicas take less
 * than 64 MiB and growing never copies more than a small part.
 *
 * Owner:   dataset.c. Threads: none of its own; guarded by dataset.lock.
 * Errors:  NO_MEMORY.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct replica_entry {
        uint64_t block; /* 0: free slot */
        uint64_t stamp, length;
        uint32_t volume;
        uint8_t state; /* enum Bdfs__ReplicaState */
};

struct replica_index;

struct replica_index *replica_index_new(void); /* NULL: no memory */
void replica_index_free(struct replica_index *ix);
size_t replica_index_count(const struct replica_index *ix);
/* Valid until the next put or remove; NULL when it is not there. */
struct replica_entry *replica_index_find(const struct replica_index *ix, uint64_t block);
/* Add or replace. */
enum bdfs_status replica_index_put(struct replica_index *ix, const struct replica_entry *e,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
void replica_index_remove(struct replica_index *ix, uint64_t block);
/* All of them, in no order; @ret has room for replica_index_count(). */
void replica_index_copy(const struct replica_index *ix, struct replica_entry *ret);
