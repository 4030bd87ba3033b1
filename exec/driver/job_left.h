/*
 * job_left.h - how long a job still takes, as far as that can be known.
 *
 * Threads: pure functions.
 */
#pragma once

#include "exec/driver/driver.h"

/* Seconds that are left of what runs now, maps or reduces (begun at @reduce_ms), at the speed so
 * far; -1: nothing of it has ended, so nobody can know. */
int64_t job_seconds_left(const struct job_progress *now, int64_t reduce_ms);
