/*
 * task.h - one command run for somebody: by bash with pipefail (exec/task/task_shell.h), as some
 * user, in a directory of its own, with three pipes and nothing else of ours.
 *
 * Launcher, supervisor, command. The launcher is forked from the agent before it has threads or
 * sockets; it only forks supervisors. A supervisor exists for one task: it says when the command
 * has ended, and sees that every descendant is killed when it is told to, or when the agent is
 * gone. Where the agent is root the command's parent is the first process of a pid namespace, with
 * a /proc of its own: when it ends the kernel kills all that the task ever forked. Elsewhere the
 * supervisor is the subreaper, stops all descendants and then kills them.
 *
 * The command runs in a session of its own with no descriptors but 0-2, umask 027,
 * no_new_privs, default signals and a clean environment; as another user it has at most
 * TASK_USER_PROCESSES_MAX processes, with all others of that user.
 *
 * Only task.c and task_launcher.c fork, execute and wait for processes.
 *
 * Owner:   the agent owns the launcher; whoever starts a task ends it.
 * Threads: task_start() from any thread; a task belongs to one.
 * Errors:  FAILED when the command could not be set up, with the step that failed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

#define TASK_BASH "/bin/bash"
#define TASK_GROUPS_MAX 256
#define TASK_SPEC_BYTES_MAX ((size_t)1 << 20) /* command and environment */

struct task_launcher;

/* Call it first of all: before threads, and before anything is open that tasks must not have. */
enum bdfs_status task_launcher_start(struct task_launcher **ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void task_launcher_stop(struct task_launcher *l); /* kills what still runs; NULL is fine */

struct task_user {
        bool change;   /* false: the agent's own user */
        uid_t uid;
        gid_t gid;
        size_t groups_n;
        gid_t groups[TASK_GROUPS_MAX];
        char name[256], home[256];
};
/* NOT_FOUND: the host does not know @name. */
enum bdfs_status task_user_find(const char *name, struct task_user *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

struct task_spec {
        const char *command;
        const char *dir;           /* where it runs */
        const char *const *env;    /* NAME=value, NULL-terminated */
        const struct task_user *user;
};

struct task_end {                  /* how the command ended */
        bool ended;
        int code;                  /* exit code, or -1 */
        int signal;                /* that killed it, or 0 */
        uint64_t user_us, system_us, rss_bytes;
};

struct task {
        int in, out, err;          /* our ends of its pipes, not blocking; -1: closed */
        int control;               /* to its supervisor */
        bool changed;              /* it runs as another user than we do: */
        uid_t uid;
        gid_t gid;
        struct task_end end;
};

enum bdfs_status task_start(struct task_launcher *l, const struct task_spec *spec,
                            struct task *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* control is readable: what the supervisor says goes to t->end. FAILED when the command could not
 * be started at all. */
enum bdfs_status task_hear(struct task *t, struct bdfs_err *err) BDFS_MUST_CHECK;
/* SIGTERM to the command's process group. */
void task_terminate(struct task *t);
/* Kill every descendant, wait until none is left, close everything. Of zeros after it. */
void task_finish(struct task *t);
