/*
 * task_inside.h - what agent, launcher and supervisors say to each other; only task*.c include it.
 */
#pragma once

#include <stdint.h>

#include "exec/task/task.h"

enum { FD_IN, FD_OUT, FD_ERR, FD_CONTROL, FDS };
enum { SAY_TERMINATE = 'T', SAY_KILL = 'K' };

/* Agent to launcher, with the descriptors; then dir, command, environment: strings with their
 * NULs. */
struct request {
        uint32_t bytes; /* of the strings */
        uint32_t change, uid, gid, groups_n;
        uint32_t groups[TASK_GROUPS_MAX];
};

/* Supervisor, or the command before it is one, to agent. */
enum step { STEP_FORK = 1, STEP_SESSION, STEP_CHDIR, STEP_GROUPS, STEP_GROUP, STEP_USER,
            STEP_REDIRECT, STEP_EXEC, STEPS };
struct report {
        uint32_t failed;        /* enum step of the set-up; 0: the command ended */
        int32_t value;          /* errno, or wait status */
        uint64_t user_us, system_us, rss_bytes;
};

/* The launcher's process: serves requests until @sock ends. */
_Noreturn void task_launcher_run(int sock);
