/*
 * cli_pool.h - a few threads that work off a queue of bounded length.
 *
 * Owner:   a job is the queue's from cli_pool_add() on; run() frees it.
 * Threads: jobs are added by one thread. With one thread asked for no other is started and
 *          cli_pool_add() runs the job itself.
 */
#pragma once

#include "common/os.h"

struct cli_pool;
enum bdfs_status cli_pool_new(struct cli_pool **ret, unsigned threads,
                              void (*run)(void *context, void *job), void *context,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
void cli_pool_add(struct cli_pool *p, void *job); /* waits while the queue is full */
void cli_pool_free(struct cli_pool *p);           /* after all jobs ran; NULL is fine */
