/*
 * blocks_pending.h - copies that datanodes were told to make: who sends what to whom, until when.
 *
 * One entry per block and target. When its time is up it stays for a while as failed, so that the
 * next attempt takes another source and another target if there are any.
 *
 * Threads: no lock of its own; call with the owner's lock held.
 * Time:    passed in, in os_mono_ms().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PENDING_MAX 65536
#define PENDING_MS 30000
#define PENDING_BYTES_PER_MS (16 * 1024) /* large blocks get more time */
#define PENDING_FAILED_MS 60000          /* how long a failure is remembered */

struct pending_copy {
        struct pending_copy *next;
        uint64_t block, length;
        uint32_t source, target;
        int64_t until_ms;
        bool failed;
};

struct pending {
        struct pending_copy **buckets;
        size_t n;
        size_t sweep_at; /* bucket where pending_expire() goes on */
};

bool pending_init(struct pending *p); /* false: no memory */
void pending_fini(struct pending *p);

/* False: too many, or no memory. */
bool pending_add(struct pending *p, uint64_t block, uint64_t length, uint32_t source,
                 uint32_t target, int64_t now_ms);
/* The first (@after NULL) or next entry of a block; NULL: none. */
const struct pending_copy *pending_of(const struct pending *p, uint64_t block,
                                      const struct pending_copy *after);
/* The copy arrived. True, and *ret is what the entry was, if there was one that had not failed. */
bool pending_done(struct pending *p, uint64_t block, uint32_t target, struct pending_copy *ret);
/* The next entry whose time is up: it is a failed one now, *ret what it was. False: none left. */
bool pending_expire(struct pending *p, int64_t now_ms, struct pending_copy *ret);
/* Remove an entry with this node as source or target; *ret is what it was. False: none left. */
bool pending_drop(struct pending *p, uint32_t node, struct pending_copy *ret);
