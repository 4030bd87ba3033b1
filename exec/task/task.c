#include "exec/task/task.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/os.h"
#include "exec/task/task_inside.h"

#define PIPE_BYTES (1 << 20)
#define FINISH_MS 10000 /* for a supervisor to have killed all; it goes on by itself after that */

static const char *const steps[] = {"", "fork", "setsid", "chdir to its directory", "set groups",
                                    "set group", "set user", "redirect", ("run " TASK_BASH)};

struct task_launcher {
        struct os_mutex lock; /* one request at a time on the socket */
        int sock;
        pid_t pid;
};

/* ---- the launcher ------------------------------------------------------------------------- */

enum bdfs_status task_launcher_start(struct task_launcher **ret, struct bdfs_err *err)
{
        struct task_launcher *l = calloc(1, sizeof(*l));
        int pair[2];

        if (l == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
                free(l);
                return bdfs_fail_errno(err, errno, "socketpair");
        }
        l->pid = fork();
        if (l->pid < 0) {
                (void)bdfs_fail_errno(err, errno, "fork");
                (void)close(pair[0]);
                (void)close(pair[1]);
                free(l);
                return err->status;
        }
        if (l->pid == 0) {
                (void)close(pair[0]);
                task_launcher_run(pair[1]);
        }
        (void)close(pair[1]);
        l->sock = pair[0];
        os_mutex_init(&l->lock);
        *ret = l;
        return BDFS_OK;
}

void task_launcher_stop(struct task_launcher *l)
{
        if (l == NULL)
                return;
        (void)close(l->sock); /* it ends; supervisors end with their tasks' control sockets */
        (void)waitpid(l->pid, NULL, 0);
        os_mutex_fini(&l->lock);
        free(l);
}

/* ---- users -------------------------------------------------------------------------------- */

enum bdfs_status task_user_find(const char *name, struct task_user *ret, struct bdfs_err *err)
{
        struct passwd pw, *found = NULL;
        char room[16384];
        int n = TASK_GROUPS_MAX;

        *ret = (struct task_user){.change = true};
        if (getpwnam_r(name, &pw, room, sizeof(room), &found) != 0 || found == NULL)
                return bdfs_fail(err, BDFS_NOT_FOUND, "user %s does not exist on this host", name);
        ret->uid = pw.pw_uid;
        ret->gid = pw.pw_gid;
        (void)snprintf(ret->name, sizeof(ret->name), "%s", name);
        (void)snprintf(ret->home, sizeof(ret->home), "%s", pw.pw_dir);
        if (getgrouplist(name, pw.pw_gid, ret->groups, &n) < 0)
                return bdfs_fail(err, BDFS_LIMIT, "user %s is in more than %d groups", name,
                                 TASK_GROUPS_MAX);
        ret->groups_n = (size_t)n;
        return BDFS_OK;
}

/* ---- the agent's side --------------------------------------------------------------------- */

static void close_fd(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
        *fd = -1;
}

/* All strings of the spec, one behind the other. */
static char *gather(const struct task_spec *spec, size_t *ret_n)
{
        size_t n = strlen(spec->dir) + strlen(spec->command) + 2;
        char *room, *at;

        for (size_t i = 0; spec->env[i] != NULL; i++)
                n += strlen(spec->env[i]) + 1;
        *ret_n = n;
        if (n > TASK_SPEC_BYTES_MAX)
                return NULL;
        room = at = malloc(n);
        if (room == NULL)
                return NULL;
        at = stpcpy(at, spec->dir) + 1;
        at = stpcpy(at, spec->command) + 1;
        for (size_t i = 0; spec->env[i] != NULL; i++)
                at = stpcpy(at, spec->env[i]) + 1;
        return room;
}

static bool send_all(int sock, const void *from, size_t n)
{
        for (size_t done = 0; done < n;) {
                ssize_t put = send(sock, (const char *)from + done, n - done, MSG_NOSIGNAL);

                if (put <= 0)
                        return false;
                done += (size_t)put;
        }
        return true;
}

static bool send_request(int sock, const struct request *q, const char *strings,
                         const int fds[FDS])
{
        union {
                struct cmsghdr head;
                char room[CMSG_SPACE(FDS * sizeof(int))];
        } control = {.room = {0}};
        struct iovec iov = {(void *)(uintptr_t)q, sizeof(*q)};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = sizeof(control)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        ssize_t n;

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(FDS * sizeof(int));
        memcpy(CMSG_DATA(c), fds, FDS * sizeof(int));
        n = sendmsg(sock, &m, MSG_NOSIGNAL);
        return n > 0 && send_all(sock, (const char *)q + n, sizeof(*q) - (size_t)n) &&
               send_all(sock, strings, q->bytes);
}

/* Pipes and the control socket: our ends in @t, the command's in @fds. */
static bool make_pipes(struct task *t, int fds[FDS])
{
        int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, control[2] = {-1, -1};
        bool ok = pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
                  pipe2(err, O_CLOEXEC) == 0 &&
                  socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == 0;

        fds[FD_IN] = in[0];
        fds[FD_OUT] = out[1];
        fds[FD_ERR] = err[1];
        fds[FD_CONTROL] = control[1];
        *t = (struct task){.in = in[1], .out = out[0], .err = err[0], .control = control[0]};
        if (!ok)
                return false;
        (void)fcntl(t->in, F_SETPIPE_SZ, PIPE_BYTES); /* smaller ones are only slower */
        (void)fcntl(t->out, F_SETPIPE_SZ, PIPE_BYTES);
        return fcntl(t->in, F_SETFL, O_NONBLOCK) == 0 && fcntl(t->out, F_SETFL, O_NONBLOCK) == 0 &&
               fcntl(t->err, F_SETFL, O_NONBLOCK) == 0;
}

/* /dev/stdin, /dev/stdout and /dev/stderr are opened by name: the pipes are the user's. */
static bool pipes_give(const int fds[FDS], const struct task_user *user)
{
        return !user->change || (fchown(fds[FD_IN], user->uid, user->gid) == 0 &&
                                 fchown(fds[FD_OUT], user->uid, user->gid) == 0 &&
                                 fchown(fds[FD_ERR], user->uid, user->gid) == 0);
}

static void fill_request(const struct task_user *user, size_t bytes, struct request *ret)
{
        *ret = (struct request){.bytes = (uint32_t)bytes, .change = user->change,
                                .uid = user->uid, .gid = user->gid,
                                .groups_n = (uint32_t)user->groups_n};
        for (size_t i = 0; i < user->groups_n; i++)
                ret->groups[i] = user->groups[i];
}

enum bdfs_status task_start(struct task_launcher *l, const struct task_spec *spec,
                            struct task *ret, struct bdfs_err *err)
{
        int fds[FDS] = {-1, -1, -1, -1};
        AUTO_FREE char *strings = NULL;
        struct request q;
        struct task t;
        size_t bytes;
        bool sent;

        strings = gather(spec, &bytes);
        if (strings == NULL)
                return bdfs_fail(err, BDFS_LIMIT, "command and environment have %zu bytes, at most "
                                 "%zu", bytes, TASK_SPEC_BYTES_MAX);
        fill_request(spec->user, bytes, &q);
        if (!make_pipes(&t, fds) || !pipes_give(fds, spec->user)) {
                (void)bdfs_fail_errno(err, errno, "pipes for a task");
        } else {
                os_mutex_lock(&l->lock);
                sent = send_request(l->sock, &q, strings, fds);
                os_mutex_unlock(&l->lock);
                if (!sent)
                        (void)bdfs_fail(err, BDFS_FAILED, "the launcher of tasks is gone");
                else
                        err->status = BDFS_OK;
        }
        for (int i = 0; i < FDS; i++)
                close_fd(&fds[i]);
        if (err->status != BDFS_OK) {
                task_finish(&t);
                return err->status;
        }
        t.changed = spec->user->change;
        t.uid = spec->user->uid;
        t.gid = spec->user->gid;
        *ret = t;
        return BDFS_OK;
}

enum bdfs_status task_hear(struct task *t, struct bdfs_err *err)
{
        struct report r;
        ssize_t n = recv(t->control, &r, sizeof(r), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return BDFS_OK;
        if (n != (ssize_t)sizeof(r))
                return t->end.ended ? BDFS_OK
                                    : bdfs_fail(err, BDFS_FAILED, "a task's supervisor is gone");
        if (r.failed != 0)
                return bdfs_fail_errno(err, r.value, "the command cannot be started (%s)",
                                       r.failed < STEPS ? steps[r.failed] : "?");
        t->end = (struct task_end){
                .ended = true,
                .code = WIFEXITED(r.value) ? WEXITSTATUS(r.value) : -1,
                .signal = WIFSIGNALED(r.value) ? WTERMSIG(r.value) : 0,
                .user_us = r.user_us,
                .system_us = r.system_us,
                .rss_bytes = r.rss_bytes,
        };
        return BDFS_OK;
}

void task_terminate(struct task *t)
{
        const char word = SAY_TERMINATE;

        (void)send(t->control, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* it may have ended */
}

void task_finish(struct task *t)
{
        const char word = SAY_KILL;
        int64_t deadline = os_mono_ms() + FINISH_MS;

        close_fd(&t->in);
        close_fd(&t->out);
        close_fd(&t->err);
        (void)send(t->control, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* it may have ended */
        for (;;) { /* until the other end is closed: everybody is gone */
                struct pollfd p = {.fd = t->control, .events = POLLIN};
                struct report r;

                if (t->control < 0 || os_mono_ms() >= deadline || poll(&p, 1, FINISH_MS) <= 0 ||
                    recv(t->control, &r, sizeof(r), 0) <= 0)
                        break;
        }
        close_fd(&t->control);
        *t = (struct task){.in = -1, .out = -1, .err = -1, .control = -1};
}
