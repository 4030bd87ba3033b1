/*
 * intruder_kit.h - what the programs share that try what only another may do: becoming a user,
 * and a line per attempt.
 *
 * Threads: one.
 */
#pragma once

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/bdfs.h"

static unsigned failures;

static inline void attempt(const char *what, bool refused, const char *how)
{
        (void)printf("%-8s %s%s%s\n", refused ? "refused" : "WORKED", what,
                     how[0] == '\0' ? "" : ": ", how);
        failures += !refused;
}

/* What must go on working, so that a refusal means something. */
static inline void allowed(const char *what, bool worked, const char *why)
{
        (void)printf("%-8s %s%s%s\n", worked ? "works" : "FAILED", what, worked ? "" : ": ",
                     worked ? "" : why);
        failures += !worked;
}

static inline void become(const char *user)
{
        const struct passwd *p = getpwnam(user);

        if (p == NULL || initgroups(user, p->pw_gid) != 0 || setgid(p->pw_gid) != 0 ||
            setuid(p->pw_uid) != 0) {
                perror(user);
                exit(2);
        }
        (void)unsetenv("HADOOP_USER_NAME");
}

static inline struct bdfs *connect_as(const char *conf, const char *user)
{
        struct bdfs_options options = {.conf = conf, .user = user, .timeout_ms = 10000};
        struct bdfs *fs;
        struct bdfs_err err;

        if (bdfs_connect(&fs, &options, &err) != BDFS_OK) {
                (void)fprintf(stderr, "%s\n", err.text);
                exit(2);
        }
        return fs;
}
