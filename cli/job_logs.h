/*
 * job_logs.h - what the attempts of a job wrote to stderr, from the agents that kept it.
 *
 * Threads: the caller's.
 * Errors:  NOT_FOUND when no agent has any; UNAVAILABLE when none could be asked.
 */
#pragma once

#include "client/bdfs.h"

struct job_log {
        const char *attempt, *node;
        uint64_t bytes;          /* that it wrote */
        const char *text;        /* the end of them, when they are many */
        size_t text_n;
};
typedef void job_log_taker(void *arg, const struct job_log *l);

/* All attempts, or @attempt alone. */
enum bdfs_status job_logs(struct bdfs *fs, const char *job, const char *attempt,
                          job_log_taker *take, void *arg, struct bdfs_err *err) BDFS_MUST_CHECK;
