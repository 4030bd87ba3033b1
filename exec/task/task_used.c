#include "exec/task/task_used.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define PIPES 3

struct task_pipes {
        char names[PIPES][40]; /* as /proc/PID/fd/N reads */
        size_t n;
};

static void pipes_add(struct task_pipes *p, int fd)
{
        struct stat st;

        if (fd >= 0 && fstat(fd, &st) == 0)
                (void)snprintf(p->names[p->n++], sizeof(p->names[0]), "pipe:[%llu]",
                               (unsigned long long)st.st_ino);
}

static bool process_has(const char *pid, const struct task_pipes *p)
{
        for (int fd = 0; fd < 3; fd++) {
                char path[300], name[64];
                ssize_t n;

                (void)snprintf(path, sizeof(path), "/proc/%s/fd/%d", pid, fd);
                n = readlink(path, name, sizeof(name) - 1);
                name[n < 0 ? 0 : n] = '\0';
                for (size_t i = 0; i < p->n; i++) {
                        if (strcmp(name, p->names[i]) == 0)
                                return true;
                }
        }
        return false;
}

/* In clock ticks. */
static unsigned long long process_used(const char *pid)
{
        unsigned long long user, system;
        long long children_user, children_system;
        char path[300], line[512];
        AUTO_CLOSE int fd = -1;
        const char *at;
        ssize_t n;

        (void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
        if (n <= 0)
                return 0;
        line[n] = '\0';
        at = strrchr(line, ')'); /* the name may hold anything */
        if (at == NULL || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu "
                                         "%lld %lld", &user, &system, &children_user,
                                 &children_system) != 4)
                return 0;
        return user + system + (unsigned long long)(children_user + children_system);
}

/* Descriptors of a user's processes are shown to that user, and to nobody else who may not trace
 * them all: these ids are this thread's alone (Linux). */
static void look_as(uid_t uid, gid_t gid)
{
        (void)setfsgid(gid); /* where it fails, nothing is found */
        (void)setfsuid(uid);
}

static unsigned long long processes_used(const struct task_pipes *pipes)
{
        unsigned long long ticks = 0;
        const struct dirent *e;
        DIR *proc = opendir("/proc");

        while (proc != NULL && (e = readdir(proc)) != NULL) {
                if (e->d_name[0] >= '0' && e->d_name[0] <= '9' &&
                    strtol(e->d_name, NULL, 10) != getpid() && process_has(e->d_name, pipes))
                        ticks += process_used(e->d_name);
        }
        if (proc != NULL)
                (void)closedir(proc);
        return ticks;
}

uint64_t task_used_ms(const struct task *t)
{
        struct task_pipes pipes = {.n = 0};
        unsigned long long ticks;

        pipes_add(&pipes, t->in);
        pipes_add(&pipes, t->out);
        pipes_add(&pipes, t->err);
        if (pipes.n == 0)
                return 0;
        if (t->changed)
                look_as(t->uid, t->gid);
        ticks = processes_used(&pipes);
        if (t->changed)
                look_as(geteuid(), getegid());
        return ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
}
