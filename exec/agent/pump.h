/*
 * pump.h - a running task's pipes, served by one thread: input is fed while output and stderr are
 * drained, so that a task may write before it reads, or never read.
 *
 * A task that ends with 0 before it has read everything is fine. When the command has ended,
 * what its children hold open is waited for PUMP_LINGER_MS, no longer.
 *
 * Owner:   the caller's.
 * Threads: the caller's; the functions of struct pump_io are called on it.
 * Errors:  what the functions of struct pump_io say; TIMEOUT when nothing moved for idle_ms, and
 *          the task did not compute (exec/task/task_used.h);
 *          FAILED when the command could not be started.
 */
#pragma once

#include "exec/task/task.h"

#define PUMP_LINGER_MS 5000
#define PUMP_GRACE_MS 5000 /* between SIGTERM and SIGKILL */

struct pump_io {
        void *arg;
        /* The next bytes of input, good until the next call; *ret_n 0: the end. */
        enum bdfs_status (*fill)(void *arg, const uint8_t **ret, size_t *ret_n,
                                 struct bdfs_err *err);
        /* Where output goes: at least one byte. */
        enum bdfs_status (*room)(void *arg, uint8_t **ret, size_t *ret_n, struct bdfs_err *err);
        enum bdfs_status (*took)(void *arg, size_t n, struct bdfs_err *err);
        void (*said)(void *arg, const uint8_t *bytes, size_t n); /* on stderr */
        bool (*cancelled)(void *arg);
        int64_t idle_ms; /* 0: for ever */
};

struct pump_end {
        bool cancelled;   /* the status is FAILED then */
        bool input_left;  /* the task did not take all of its input */
};

/* Until the command has ended and its output is read. The task is then to be finished. */
enum bdfs_status pump_run(struct task *t, const struct pump_io *io, struct pump_end *ret,
                          struct bdfs_err *err) BDFS_MUST_CHECK;
