/*
 * job_logs.h - what the attempts of a job wrote to stderr, from the agents that kept it.
 *
 * Threads: the caller's.
 * Errors:  NOT_FOUND when no agent has any; UNAVAILABLE when none could be asked.
 */
#pragma once

#include <stdio.h>

#include "client/bdfs.h"

/* All attempts, or @attempt alone (then without a heading). */
enum bdfs_status job_logs(struct bdfs *fs, const char *job, const char *attempt, FILE *to,
                          struct bdfs_err *err) BDFS_MUST_CHECK;
