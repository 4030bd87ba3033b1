/*
 * The processes between an agent and a command (exec/task.h): launcher, supervisor, and the command
 * itself until it runs bash. Each has one thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "exec/task_inside.h"
#include "exec/task_shell.h"

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

/* ---- the supervisor ----------------------------------------------------------------------- */

/* Kills the processes whose parent we are; orphans of theirs become ours. */
static void kill_children(void)
{
        DIR *proc = opendir("/proc");
        const struct dirent *e;
        char path[300], line[512];

        while (proc != NULL && (e = readdir(proc)) != NULL) {
                AUTO_CLOSE int fd = -1;
                const char *at;
                ssize_t n;
                int parent;

                if (e->d_name[0] < '0' || e->d_name[0] > '9')
                        continue;
                (void)snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
                if (n <= 0)
                        continue;
                line[n] = '\0';
                at = strrchr(line, ')'); /* the name may hold anything */
                if (at != NULL && sscanf(at + 1, " %*c %d", &parent) == 1 && parent == getpid())
                        (void)kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL);
        }
        if (proc != NULL)
                (void)closedir(proc);
}

static _Noreturn void kill_all(pid_t group)
{
        while (waitpid(-1, NULL, WNOHANG) >= 0) {
                (void)kill(-group, SIGKILL); /* most of them at once */
                kill_children();
                (void)waitpid(-1, NULL, 0);
        }
        _exit(0);
}

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
static _Noreturn void watch(pid_t command, int control)
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
                if (recv(control, &word, 1, 0) != 1 || word != SAY_TERMINATE)
                        kill_all(command);
                (void)kill(-command, SIGTERM);
        }
}

static _Noreturn void supervise(const struct request *q, char *strings, const int fds[FDS])
{
        struct sigaction wake = {.sa_handler = no_handler};
        sigset_t child;
        pid_t command;

        (void)prctl(PR_SET_NAME, "bdfs-task", 0, 0, 0);
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
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
        watch(command, fds[FD_CONTROL]);
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
