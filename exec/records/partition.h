/*
 * partition.h - which reducer a key belongs to: Hadoop's default hash, so that the parts of a job
 * are the same here and there.
 *
 * Threads: pure functions.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* h = 1; h = 31 * h + signed byte, in 32 bits; without the sign bit. */
static inline uint32_t partition_hash(const uint8_t *key, size_t n)
{
        uint32_t h = 1;

        for (size_t i = 0; i < n; i++)
                h = 31U * h + (uint32_t)(int32_t)(int8_t)key[i];
        return h & 0x7fffffff;
}

static inline uint32_t partition_of(const uint8_t *key, size_t n, uint32_t partitions)
{
        return partitions <= 1 ? 0 : partition_hash(key, n) % partitions;
}
