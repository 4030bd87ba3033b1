/*
 * scrubber.h - reads every finalized replica again and again, slowly, and reports what has decayed.
 *
 * Owner:   struct datanode.
 * Threads: one of its own, which reads at most the configured bytes a second.
 */
#pragma once

#include "common/err.h"

struct dataset;
struct scrubber;

enum bdfs_status scrubber_start(struct scrubber **ret, struct dataset *dataset,
                                uint64_t bytes_per_second, struct bdfs_err *err) BDFS_MUST_CHECK;
void scrubber_stop(struct scrubber *s); /* frees; NULL is fine */
