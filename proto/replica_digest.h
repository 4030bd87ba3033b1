/*
 * replica_digest.h - a digest of a set of replicas that both sides keep up to date as the set
 * changes (DESIGN D4): the sum, mod 2^128, of one hash per finalized replica.
 *
 * The hash is SipHash-2-4 with 128 bits of output under a fixed key (the 16 bytes
 * "bdfs-replica-set"), over block, stamp and length as big endian u64. It guards against accidents
 * only: whoever may report replicas may lie about them anyway. A million replicas take 0.04 s.
 *
 * On the wire a digest is 16 bytes, big endian; the digest of no replicas is zeros.
 *
 * Threads: pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLICA_DIGEST_BYTES 16

struct replica_digest {
        uint64_t high, low;
};

void replica_digest_add(struct replica_digest *d, uint64_t block, uint64_t stamp, uint64_t length);
void replica_digest_remove(struct replica_digest *d, uint64_t block, uint64_t stamp,
                           uint64_t length);
bool replica_digest_equal(const struct replica_digest *a, const struct replica_digest *b);

void replica_digest_encode(const struct replica_digest *d, uint8_t ret[REPLICA_DIGEST_BYTES]);
/* False unless there are exactly 16 bytes. */
bool replica_digest_decode(const uint8_t *bytes, size_t n, struct replica_digest *ret);
