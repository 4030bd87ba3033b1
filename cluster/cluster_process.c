#include "cluster/cluster_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/cluster_dir.h"
#include "cluster/cluster_ports.h"
#include "common/cleanup.h"
#include "common/os.h"

struct last {                   /* what the pid file says; pid 0: nothing */
        pid_t pid;
        unsigned long long started; /* 0: it does not say */
        uid_t owner;
};

static struct last last_of(const struct cluster_process *p)
{
        char path[PATH_MAX + 8], text[64];
        AUTO_CLOSE int fd = -1;
        struct last l = {.pid = 0};
        struct bdfs_err err;
        struct stat st;
        long pid = 0;
        ssize_t n;

        (void)snprintf(path, sizeof(path), "%s/pid", p->dir);
        if (lstat(p->dir, &st) != 0 || !S_ISDIR(st.st_mode) ||
            cluster_file_open(path, O_RDONLY, st.st_uid, &fd, &err) != BDFS_OK)
                return l;
        n = read(fd, text, sizeof(text) - 1);
        text[n < 0 ? 0 : n] = '\0';
        if (sscanf(text, "%ld %llu", &pid, &l.started) >= 1 && pid > 1 && pid <= INT_MAX)
                l.pid = (pid_t)pid;
        l.owner = st.st_uid;
        return l;
}

/* At most @room - 1 bytes of /proc/PID/WHAT, ended by a NUL; how many, or -1. */
static ssize_t read_proc(pid_t pid, const char *what, char *ret, size_t room)
{
        char path[64];
        AUTO_CLOSE int fd = -1;
        ssize_t n;

        (void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, what);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, ret, room - 1);
        ret[n < 0 ? 0 : n] = '\0';
        return n;
}

static unsigned long long started_at(pid_t pid)
{
        unsigned long long started = 0;
        char line[1024];
        const char *at;

        if (read_proc(pid, "stat", line, sizeof(line)) <= 0)
                return 0;
        at = strrchr(line, ')'); /* the name may hold anything */
        if (at == NULL || sscanf(at + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                                         "%*s %*s %*s %*s %*s %llu", &started) != 1)
                return 0;
        return started;
}

static bool runs_as(pid_t pid, uid_t owner)
{
        char text[2048];
        const char *at;
        unsigned real, effective;

        return read_proc(pid, "status", text, sizeof(text)) > 0 &&
               (at = strstr(text, "\nUid:")) != NULL &&
               sscanf(at + 5, "%u %u", &real, &effective) == 2 && real == owner &&
               effective == owner;
}

/* Its command line ends in --conf DIR/conf. */
static bool has_conf(pid_t pid, const struct cluster_process *p)
{
        char line[2 * PATH_MAX], want[PATH_MAX + 32];
        ssize_t n = read_proc(pid, "cmdline", line, sizeof(line));
        int want_n = snprintf(want, sizeof(want), "%c--conf%c%s/conf%c", 0, 0, p->dir, 0);

        return n > want_n && memcmp(line + n - want_n, want, (size_t)want_n) == 0;
}

/* A child we ask the kernel for: while it executes another program, as a script does, it has no
 * command line. */
pid_t cluster_process_pid(const struct cluster_process *p)
{
        struct last l;

        if (p->child != 0)
                return waitpid(p->child, NULL, WNOHANG) == 0 ? p->child : 0;
        l = last_of(p);
        if (l.pid == 0 || (l.started != 0 && l.started != started_at(l.pid)) ||
            !runs_as(l.pid, l.owner) || !has_conf(l.pid, p))
                return 0;
        return l.pid;
}

bool cluster_process_signal(const struct cluster_process *p, int signal)
{
        pid_t pid = cluster_process_pid(p);
        AUTO_CLOSE int fd = pid == 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);

        if (pid == 0)
                return false;
        if (fd < 0) /* it has ended, or the kernel is an old one */
                return errno == ENOSYS && kill(pid, signal) == 0;
        /* what the descriptor names is the process that was looked at, if it is that one still */
        return cluster_process_pid(p) == pid &&
               syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) == 0;
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
        pid_t pid = last_of(p).pid;

        while (pid != 0 && !is_gone(pid) && os_mono_ms() < deadline)
                os_sleep_ms(5);
}

void cluster_process_log(const struct cluster_process *p, struct bdfs_err *err)
{
        char path[PATH_MAX + 8], tail[600];
        AUTO_CLOSE int fd = -1;
        struct bdfs_err why;
        off_t end;
        ssize_t n;
        size_t used = strlen(err->text);

        (void)snprintf(path, sizeof(path), "%s/log", p->dir);
        if (cluster_file_open(path, O_RDONLY, geteuid(), &fd, &why) != BDFS_OK)
                return;
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

/* In the child: become the daemon @program, in a session of its own, logging to @out. Whatever
 * hinders it goes to @report as an errno; exec closes it. */
static _Noreturn void become(const struct cluster_process *p, const char *program, int out,
                             int report)
{
        char conf[PATH_MAX + 8];
        int in = open("/dev/null", O_RDONLY);

        (void)snprintf(conf, sizeof(conf), "%s/conf", p->dir);
        if (in >= 0 && out >= 0 && dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0) {
                (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
                (void)setsid();
                (void)signal(SIGTERM, SIG_DFL); /* it is how `cluster down` ends them */
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
        char path[PATH_MAX + 8];
        AUTO_CLOSE int log = -1;
        pid_t pid;

        (void)snprintf(path, sizeof(path), "%s/log", p->dir);
        if (cluster_file_open(path, O_WRONLY | O_CREAT | O_APPEND, geteuid(), &log, err) != BDFS_OK)
                return err->status;
        (void)fcntl(log, F_SETFL, O_APPEND);
        (void)fchmod(log, 0600); /* earlier versions let all read it */
        if (pipe2(ends, O_CLOEXEC) != 0)
                return bdfs_fail_errno(err, errno, "pipe");
        pid = fork();
        if (pid == 0)
                become(p, program, log, ends[1]);
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
        struct cluster_file file;
        char *slash;
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
        p->child = pid;
        if (cluster_file_begin(&file, path, 0644, err) != BDFS_OK)
                return err->status;
        (void)fprintf(file.to, "%ld %llu\n", (long)pid, started_at(pid));
        return cluster_file_finish(&file, err);
}

enum bdfs_status cluster_process_start(struct cluster_process *p, struct bdfs_err *err)
{
        wait_until_gone(p);
        if (cluster_ports_check(p, err) != BDFS_OK || spawn(p, err) != BDFS_OK)
                return bdfs_wrap(err, "start %s %u", p->role, p->id);
        return BDFS_OK;
}
