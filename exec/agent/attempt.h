/*
 * attempt.h - inside of running one attempt: what map and reduce share.
 *
 * Owner:   struct run lives as long as attempt_run(); its parts are freed there.
 * Threads: the worker's, except attempt->counts.
 * Errors:  the first failure counts (run_fail()); it decides what the driver does.
 */
#pragma once

#include "exec/agent/agent_inside.h"
#include "exec/agent/pump.h"
#include "exec/agent/sink.h"
#include "exec/task/task_log.h"

struct run {
        struct attempt *at;
        struct agent_job *job;
        const Bdfs__StartAttemptRequest *request;
        char dir[PATH_MAX];      /* where the command runs */
        struct task_log log;
        struct sink sink;
        bool failed;
        /* where the command's input comes from */
        enum bdfs_status (*fill)(struct run *r, const uint8_t **ret, size_t *ret_n,
                                 struct bdfs_err *err);
        void *source;
};

/* Remembers the first reason; returns false. */
bool run_fail(struct run *r, Bdfs__AttemptReason reason, const struct bdfs_err *err);
/* Run @command with r->fill and r->sink; false when it failed, for whatever reason. */
bool run_command(struct run *r, const char *command);
/* The path in the cluster for what this attempt writes. */
void run_output_path(const struct run *r, char ret[PATH_MAX]);
/* End r->sink, which writes a file of the cluster. */
bool run_finish_file(struct run *r);

/* NAME=value strings; freed with attempt_env_free(). NULL: no memory. */
char **attempt_env(const struct run *r);
void attempt_env_free(char **env);
/* What is known about a command that could not be run (126, 127). */
void attempt_explain_exec(const struct run *r, const char *command, int code,
                          struct bdfs_err *ret);

/* attempt_map.c, attempt_reduce.c: false when it failed. */
bool attempt_map(struct run *r);
bool attempt_reduce(struct run *r);
