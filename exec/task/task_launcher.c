/*
 * The processes between an agent and a command (exec/task/task.h): launcher, supervisor, and the
 * command itself until it runs bash. Each has one thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "exec/task/task_inside.h"
#include "exec/task/task_shell.h"

/* ---- the command's own process ------------------------------------------------------------ */

static _Noreturn void give_up(int control, enum step step)
{
        struct report r = {.failed = step, .value = errno};

        (void)send(control, &r, sizeof(r), MSG_NOSIGNAL); /* if nobody hears it, nobody waits */
        _exit(126);
}

static void default_signals(void)
{
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int s = 1; s < NSIG; s++)
                (void)sigaction(s, &standard, NULL); /* KILL and STOP cannot be set */
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become_user(const struct request *q, int control)
{
        gid_t groups[TASK_GROUPS_MAX];

        if (q->change == 0)
                return;
        for (size_t i = 0; i < q->groups_n; i++)
                groups[i] = q->groups[i];
        if (setgroups(q->groups_n, groups) != 0)
                give_up(control, STEP_GROUPS);
        if (setresgid(q->gid, q->gid, q->gid) != 0)
                give_up(control, STEP_GROUP);
        if (setresuid(q->uid, q->uid, q->uid) != 0)
                give_up(control, STEP_USER);
}

/* A task that forks without end finds one, however many processes others may have. All that runs
 * here as its user counts, so the limit is a generous one. */
static void limit_processes(void)
{
        struct rlimit most;

        if (getrlimit(RLIMIT_NPROC, &most) != 0)
                return;
        if (most.rlim_max > TASK_USER_PROCESSES_MAX)
                most.rlim_max = TASK_USER_PROCESSES_MAX;
        if (most.rlim_cur > most.rlim_max)
                most.rlim_cur = most.rlim_max;
        (void)setrlimit(RLIMIT_NPROC, &most); /* to lower it is always allowed */
}

/* @strings: directory, command, environment. */
static _Noreturn void run_command(const struct request *q, char *strings, const int fds[FDS])
{
        char **env = calloc(q->bytes / 2 + 2, sizeof(*env));
        char *command = strings + strlen(strings) + 1, *end = strings + q->bytes;
        struct rlimit no_core = {0, 0};
        size_t n = 0;

        if (env == NULL)
                give_up(fds[FD_CONTROL], STEP_FORK);
        for (char *at = command + strlen(command) + 1; at < end; at += strlen(at) + 1)
                env[n++] = at;
        env[n] = NULL;
        if (setsid() < 0)
                give_up(fds[FD_CONTROL], STEP_SESSION);
        if (chdir(strings) != 0) /* before the user changes: what lies above may be closed to it */
                give_up(fds[FD_CONTROL], STEP_CHDIR);
        if (q->change != 0)
                limit_processes();
        become_user(q, fds[FD_CONTROL]);
        (void)umask(027);
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        default_signals();
        for (int i = 0; i < 3; i++) {
                if (dup2(fds[i], i) < 0)
                        give_up(fds[FD_CONTROL], STEP_REDIRECT);
        }
        (void)fcntl(fds[FD_CONTROL], F_SETFD, FD_CLOEXEC);
        for (int fd = 3; fd < fds[FD_CONTROL]; fd++)
                (void)close(fd);
        (void)close_range((unsigned)fds[FD_CONTROL] + 1, ~0U, 0);
        (void)execle(TASK_BASH, "bash", "-o", "pipefail", "-c", TASK_SHELL, "bash", command,
                     (char *)NULL, env);
        give_up(fds[FD_CONTROL], STEP_EXEC);
}

/* ---- killing without a namespace ---------------------------------------------------------- */

/* What forks while it is killed is never killed as a whole, since each that dies makes room for
 * another. So all descendants are stopped first, until there is none that runs; then killed. */

#define STOP_ROUNDS 1000 /* for one that cannot be stopped: it waits for a disk, say */

struct process {
        pid_t pid, parent;
        char state;
        bool ours;
};

struct processes {
        struct process *list; /* by pid */
        size_t n, room;
};

static int by_pid(const void *a, const void *b)
{
        const struct process *x = a, *y = b;

        return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct process *find_process(const struct processes *all, pid_t pid)
{
        struct process key = {.pid = pid};

        return bsearch(&key, all->list, all->n, sizeof(key), by_pid);
}

static void add_process(struct processes *all, const char *pid)
{
        char path[300], line[512];
        AUTO_CLOSE int fd = -1;
        struct process p = {.pid = (pid_t)strtol(pid, NULL, 10)};
        const char *at;
        ssize_t n;

        (void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
        if (n <= 0)
                return;
        line[n] = '\0';
        at = strrchr(line, ')'); /* the name may hold anything */
        if (at == NULL || sscanf(at + 1, " %c %d", &p.state, &p.parent) != 2)
                return;
        if (all->n == all->room) {
                size_t room = 2 * all->room + 1024;
                struct process *more = realloc(all->list, room * sizeof(*more));

                if (more == NULL)
                        return; /* it is seen in another round */
                all->list = more;
                all->room = room;
        }
        all->list[all->n++] = p;
}

/* Is one of its parents us? What is found on the way is remembered. */
static bool is_descendant(const struct processes *all, struct process *p)
{
        pid_t self = getpid();
        struct process *at = p;
        size_t steps = 0;

        while (at != NULL && !at->ours && at->parent != self && steps++ < all->n)
                at = find_process(all, at->parent);
        if (at == NULL || steps > all->n)
                return false;
        for (; p != at; p = find_process(all, p->parent))
                p->ours = true;
        at->ours = true;
        return true;
}

/* @signal to all descendants; how many of them can still run. */
static size_t signal_descendants(struct processes *all, int signal)
{
        DIR *proc = opendir("/proc");
        const struct dirent *e;
        size_t running = 0;

        all->n = 0;
        while (proc != NULL && (e = readdir(proc)) != NULL) {
                if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
                        add_process(all, e->d_name);
        }
        if (proc != NULL)
                (void)closedir(proc);
        if (all->n > 0)
                qsort(all->list, all->n, sizeof(*all->list), by_pid);
        for (size_t i = 0; i < all->n; i++) {
                struct process *p = &all->list[i];

                if (!is_descendant(all, p) || strchr("ZX", p->state) != NULL ||
                    (signal == SIGSTOP && p->state == 'T'))
                        continue;
                running++;
                (void)kill(p->pid, signal);
        }
        return running;
}

static _Noreturn void kill_all(pid_t group)
{
        struct processes all = {.n = 0};
        struct timespec moment = {.tv_nsec = 2000000};

        (void)kill(-group, SIGKILL); /* most of them at once */
        for (;;) {
                pid_t pid;

                while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
                        ;
                if (pid < 0)
                        _exit(0);
                for (unsigned i = 0; i < STOP_ROUNDS && signal_descendants(&all, SIGSTOP) > 0; i++)
                        (void)nanosleep(&moment, NULL);
                (void)signal_descendants(&all, SIGKILL);
                (void)nanosleep(&moment, NULL);
        }
}

/* ---- watching over a command -------------------------------------------------------------- */

static void say_ended(int control, int status, const struct rusage *used)
{
        struct report r = {
                .value = status,
                .user_us = (uint64_t)used->ru_utime.tv_sec * 1000000 +
                           (uint64_t)used->ru_utime.tv_usec,
                .system_us = (uint64_t)used->ru_stime.tv_sec * 1000000 +
                             (uint64_t)used->ru_stime.tv_usec,
                .rss_bytes = (uint64_t)used->ru_maxrss * 1024,
        };

        (void)send(control, &r, sizeof(r), MSG_NOSIGNAL); /* the agent may be gone */
}

/* Children that ended; true when none is left at all. */
static bool reap(pid_t command, int control)
{
        struct rusage used;
        int status;
        pid_t pid;

        while ((pid = wait4(-1, &status, WNOHANG, &used)) > 0) {
                if (pid == command)
                        say_ended(control, status, &used);
        }
        return pid < 0 && errno == ECHILD;
}

static void no_handler(int signal)
{
        (void)signal;
}

/* Until nothing is left, or the agent says kill, or is gone. */
static _Noreturn void watch(pid_t command, int control, bool inside)
{
        struct pollfd p = {.fd = control, .events = POLLIN};
        sigset_t none;

        (void)sigemptyset(&none);
        for (;;) {
                char word = SAY_KILL;

                if (reap(command, control))
                        _exit(0);
                if (ppoll(&p, 1, NULL, &none) <= 0) /* SIGCHLD comes only here */
                        continue;
                if (recv(control, &word, 1, 0) == 1 && word == SAY_TERMINATE)
                        (void)kill(-command, SIGTERM);
                else if (inside)
                        _exit(0); /* the kernel kills all that is in its namespace */
                else
                        kill_all(command);
        }
}

/* Fork the command, and watch. @inside: as the first process of a namespace. */
static _Noreturn void rule(const struct request *q, char *strings, const int fds[FDS], bool inside)
{
        struct sigaction wake = {.sa_handler = no_handler};
        sigset_t child;
        pid_t command;

        (void)sigemptyset(&child);
        (void)sigaddset(&child, SIGCHLD);
        (void)sigprocmask(SIG_BLOCK, &child, NULL);
        (void)sigaction(SIGCHLD, &wake, NULL);
        command = fork();
        if (command < 0)
                give_up(fds[FD_CONTROL], STEP_FORK);
        if (command == 0)
                run_command(q, strings, fds);
        for (int i = 0; i < 3; i++)
                (void)close(fds[i]);
        watch(command, fds[FD_CONTROL], inside);
}

/* ---- a namespace for its processes -------------------------------------------------------- */

/* A /proc that shows this namespace's processes, for this namespace; mounts and unmounts of the
 * host are still seen. And numbers that differ from those of other tasks: scripts make names of
 * their process id. */
static bool own_proc(pid_t number)
{
        AUTO_CLOSE int fd = -1;
        char text[16];
        int n;

        if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) != 0 ||
            mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
                return false;
        fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
        n = snprintf(text, sizeof(text), "%d", (int)number);
        if (fd >= 0)
                (void)!write(fd, text, (size_t)n); /* kernels without it begin with 2 */
        return true;
}

/* The supervisor outside of the namespace: it holds the control socket until the kernel has
 * killed and reaped everybody inside, which is when its first process can be waited for. */
static _Noreturn void wait_for_first(pid_t first, const int fds[FDS])
{
        for (int i = 0; i < 3; i++)
                (void)close(fds[i]);
        while (waitpid(first, NULL, 0) < 0 && errno == EINTR)
                ;
        _exit(0);
}

/* The command in a namespace of its own. Comes back where there is none to be had. */
static void supervise_inside(const struct request *q, char *strings, const int fds[FDS])
{
        int ready[2]; /* a byte: the namespace is as it should be; its end: it is not */
        pid_t self = getpid(), first;
        char byte = 0;
        ssize_t n;

        if (pipe2(ready, O_CLOEXEC) != 0)
                return;
        first = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL,
                               NULL);
        if (first == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
                (void)close(ready[0]);
                if (!own_proc(self) || write(ready[1], &byte, 1) != 1)
                        _exit(1);
                (void)close(ready[1]);
                rule(q, strings, fds, true);
        }
        (void)close(ready[1]);
        n = first < 0 ? 0 : read(ready[0], &byte, 1);
        (void)close(ready[0]);
        if (n == 1)
                wait_for_first(first, fds);
        if (first > 0)
                (void)waitpid(first, NULL, 0);
}

static _Noreturn void supervise(const struct request *q, char *strings, const int fds[FDS])
{
        (void)prctl(PR_SET_NAME, "bdfs-task", 0, 0, 0);
        (void)signal(SIGCHLD, SIG_DFL);
        if (q->change != 0)
                supervise_inside(q, strings, fds);
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        rule(q, strings, fds, false);
}

/* ---- the launcher ------------------------------------------------------------------------- */

static bool read_all(int fd, void *to, size_t n)
{
        for (size_t done = 0; done < n;) {
                ssize_t got = recv(fd, (char *)to + done, n - done, 0);

                if (got <= 0)
                        return false;
                done += (size_t)got;
        }
        return true;
}

/* The request's head with the descriptors; false when the agent is gone. */
static bool receive(int sock, struct request *q, int fds[FDS])
{
        union {
                struct cmsghdr head;
                char room[CMSG_SPACE(FDS * sizeof(int))];
        } control;
        struct iovec iov = {q, sizeof(*q)};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(sock, &m, 0);
        struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

        if (c == NULL || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(FDS * sizeof(int)))
                return false;
        memcpy(fds, CMSG_DATA(c), FDS * sizeof(int));
        return read_all(sock, (char *)q + n, sizeof(*q) - (size_t)n) &&
               q->bytes <= TASK_SPEC_BYTES_MAX && q->groups_n <= TASK_GROUPS_MAX;
}

_Noreturn void task_launcher_run(int sock)
{
        struct sigaction gone = {.sa_handler = SIG_IGN};
        char *strings = malloc(TASK_SPEC_BYTES_MAX);
        struct request q;
        int fds[FDS];

        (void)prctl(PR_SET_NAME, "bdfs-launcher", 0, 0, 0);
        (void)setsid(); /* a signal for the agent's terminal is not for us */
        (void)sigaction(SIGCHLD, &gone, NULL); /* supervisors are not waited for */
        while (strings != NULL && receive(sock, &q, fds) && read_all(sock, strings, q.bytes)) {
                pid_t pid = fork();

                if (pid == 0) {
                        (void)close(sock);
                        supervise(&q, strings, fds);
                }
                if (pid < 0) {
                        struct report r = {.failed = STEP_FORK, .value = errno};

                        (void)send(fds[FD_CONTROL], &r, sizeof(r), MSG_NOSIGNAL);
                }
                for (int i = 0; i < FDS; i++)
                        (void)close(fds[i]);
        }
        _exit(0);
}
