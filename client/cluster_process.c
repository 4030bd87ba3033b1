#include "client/cluster_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cluster_ports.h"
#include "common/cleanup.h"
#include "common/os.h"

/* The pid in the pid file; 0: none. */
static pid_t last_pid(const struct cluster_process *p)
{
        char path[PATH_MAX + 8];
        long pid = 0;
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/pid", p->dir);
        f = fopen(path, "re");
        if (f == NULL)
                return 0;
        if (fscanf(f, "%ld", &pid) != 1 || pid < 0)
                pid = 0;
        (void)fclose(f);
        return (pid_t)pid;
}

/* A pid file may be old: only a process that was given this conf file counts. A child we ask the
 * kernel for: while it executes another program, as a script does, it has no command line. */
pid_t cluster_process_pid(const struct cluster_process *p)
{
        char path[PATH_MAX + 8], proc[64], line[2 * PATH_MAX];
        AUTO_CLOSE int fd = -1;
        pid_t pid = last_pid(p);
        ssize_t n;

        if (p->child != 0)
                return waitpid(p->child, NULL, WNOHANG) == 0 ? p->child : 0;
        if (pid == 0)
                return 0;
        (void)snprintf(proc, sizeof(proc), "/proc/%ld/cmdline", (long)pid);
        fd = open(proc, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
        if (n <= 0)
                return 0;
        line[n] = '\0';
        (void)snprintf(path, sizeof(path), "%s/conf", p->dir);
        return memmem(line, (size_t)n, path, strlen(path) + 1) != NULL ? pid : 0;
}

/* How many threads @pid has, dead ones left out but for the first. */
static unsigned threads_of(pid_t pid)
{
        char path[64];
        unsigned n = 0;
        DIR *d;

        (void)snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
        d = opendir(path);
        if (d == NULL)
                return 0;
        for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
                n += e->d_name[0] != '.';
        (void)closedir(d);
        return n;
}

/* Is it dead, with all of its threads, whose locks are then free? Or somebody else by now? */
static bool is_gone(pid_t pid)
{
        char path[64], state = 'X', byte;
        AUTO_CLOSE int fd = -1;
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, &byte, 1) == 1)
                return true;
        (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
        f = fopen(path, "re");
        if (f == NULL)
                return true;
        if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
                state = 'X';
        (void)fclose(f);
        return (state == 'Z' || state == 'X') && threads_of(pid) <= 1;
}

/* A process that was killed has no command line any more, but for a moment still its locks. */
static void wait_until_gone(const struct cluster_process *p)
{
        int64_t deadline = os_mono_ms() + CLUSTER_STOP_MS;
        pid_t pid = last_pid(p);

        while (pid != 0 && !is_gone(pid) && os_mono_ms() < deadline)
                os_sleep_ms(5);
}

void cluster_process_log(const struct cluster_process *p, struct bdfs_err *err)
{
        char path[PATH_MAX + 8], tail[600];
        AUTO_CLOSE int fd = -1;
        off_t end;
        ssize_t n;
        size_t used = strlen(err->text);

        (void)snprintf(path, sizeof(path), "%s/log", p->dir);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
        n = fd < 0 ? 0
                   : pread(fd, tail, sizeof(tail) - 1,
                           end > (off_t)sizeof(tail) - 1 ? end - (off_t)sizeof(tail) + 1 : 0);
        if (n <= 0)
                return;
        tail[n] = '\0';
        (void)snprintf(err->text + used, sizeof(err->text) - used, "; the end of %s:\n%s", path,
                       tail);
}

/* In the child: become the daemon @program, in a session of its own, logging to p->dir/log.
 * Whatever hinders it goes to @report as an errno; exec closes it. */
static _Noreturn void become(const struct cluster_process *p, const char *program, int report)
{
        char conf[PATH_MAX + 8], log[PATH_MAX + 8];
        int in = open("/dev/null", O_RDONLY);
        int out;

        (void)snprintf(log, sizeof(log), "%s/log", p->dir);
        (void)snprintf(conf, sizeof(conf), "%s/conf", p->dir);
        out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (in >= 0 && out >= 0 && dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0) {
                (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
                (void)setsid();
                (void)execl(program, program, "--conf", conf, (char *)NULL);
        }
        (void)!write(report, &errno, sizeof(errno));
        _exit(127);
}

/* Start @program; when this returns it has been executed, so cluster_process_pid() knows it. */
static enum bdfs_status execute(const struct cluster_process *p, const char *program, pid_t *ret,
                                struct bdfs_err *err)
{
        int ends[2], eno = 0;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) != 0)
                return bdfs_fail_errno(err, errno, "pipe");
        pid = fork();
        if (pid == 0)
                become(p, program, ends[1]);
        (void)close(ends[1]);
        if (pid < 0) {
                (void)close(ends[0]);
                return bdfs_fail_errno(err, errno, "fork");
        }
        while (read(ends[0], &eno, sizeof(eno)) < 0 && errno == EINTR)
                ;
        (void)close(ends[0]);
        if (eno != 0)
                return bdfs_fail_errno(err, eno, "cannot run %s", program);
        *ret = pid;
        return BDFS_OK;
}

static enum bdfs_status spawn(struct cluster_process *p, struct bdfs_err *err)
{
        char program[PATH_MAX + 32], path[PATH_MAX + 8];
        ssize_t n = readlink("/proc/self/exe", program, PATH_MAX);
        char *slash;
        FILE *f;
        pid_t pid = 0;

        if (n <= 0)
                return bdfs_fail_errno(err, errno, "readlink /proc/self/exe");
        program[n] = '\0';
        slash = strrchr(program, '/');
        (void)snprintf(slash + 1, (size_t)(program + sizeof(program) - slash - 1), "bdfs-%s",
                       p->role);
        if (access(program, X_OK) != 0)
                return bdfs_fail_errno(err, errno, "%s cannot be run", program);
        if (execute(p, program, &pid, err) != BDFS_OK)
                return err->status;
        (void)snprintf(path, sizeof(path), "%s/pid", p->dir);
        f = fopen(path, "we");
        p->child = pid;
        if (f == NULL || fprintf(f, "%ld\n", (long)pid) < 0 || fclose(f) != 0)
                return bdfs_fail_errno(err, errno, "cannot write %s", path);
        return BDFS_OK;
}

enum bdfs_status cluster_process_start(struct cluster_process *p, struct bdfs_err *err)
{
        wait_until_gone(p);
        if (cluster_ports_check(p, err) != BDFS_OK || spawn(p, err) != BDFS_OK)
                return bdfs_wrap(err, "start %s %u", p->role, p->id);
        return BDFS_OK;
}
