/*
 * task_used.h - the processor time of a running task's processes, as far as the agent can see it:
 * of those that have one of the task's pipes as descriptor 0, 1 or 2, and of the children that they
 * have waited for. It is looked for in /proc, so not often.
 *
 * Threads: the task's.
 */
#pragma once

#include "exec/task/task.h"

uint64_t task_used_ms(const struct task *t);
