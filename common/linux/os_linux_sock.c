#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

#include "common/linux/os_linux.h"

enum os_wait os_wait_fd(int fd, short events, int wake_fd, int64_t deadline_ms)
{
        struct pollfd p[2] = {{.fd = fd, .events = events}, {.fd = wake_fd, .events = POLLIN}};

        for (;;) {
                int timeout = -1, rc;

                if (deadline_ms != OS_FOREVER) {
                        int64_t left = deadline_ms - os_mono_ms();

                        timeout = left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
                }
                rc = poll(p, 2, timeout);
                if (rc < 0 && errno != EINTR)
                        return OS_WAIT_FAILED;
                if (rc > 0)
                        return p[1].revents != 0 ? OS_WAIT_WOKEN : OS_WAIT_READY;
                if (rc == 0 && timeout == 0)
                        return OS_WAIT_TIMEOUT;
        }
}

enum bdfs_status os_wait_error(enum os_wait outcome, const char *what, struct bdfs_err *err)
{
        if (outcome == OS_WAIT_TIMEOUT)
                return bdfs_fail(err, BDFS_TIMEOUT, "%s: deadline passed", what);
        if (outcome == OS_WAIT_WOKEN)
                return bdfs_fail(err, BDFS_CLOSED, "%s: shut down", what);
        return bdfs_fail_errno(err, errno, "%s", what);
}

/* "10.0.0.1 port 80" or "Unix socket" into @to; returns @to. */
static const char *os_sock_who(const struct os_sock *s, char to[72])
{
        if (s->peer.host[0] == '\0')
                (void)snprintf(to, 72, "Unix socket");
        else
                (void)snprintf(to, 72, "%s port %u", s->peer.host, s->peer.port);
        return to;
}

static enum bdfs_status sock_fail(struct os_sock *s, int eno, const char *verb,
                                  struct bdfs_err *err)
{
        char who[72];

        (void)os_sock_who(s, who);
        if (atomic_load(&s->shut))
                return bdfs_fail(err, BDFS_CLOSED, "%s %s: shut down", verb, who);
        return bdfs_fail_errno(err, eno, "%s %s", verb, who);
}

static enum bdfs_status sock_wait(struct os_sock *s, short events, int64_t deadline_ms,
                                  const char *verb, struct bdfs_err *err)
{
        enum os_wait outcome = os_wait_fd(s->fd, events, -1, deadline_ms);
        char who[72], what[96];

        if (outcome == OS_WAIT_READY)
                return BDFS_OK;
        (void)snprintf(what, sizeof(what), "%s %s", verb, os_sock_who(s, who));
        return os_wait_error(outcome, what, err);
}

enum bdfs_status os_sock_read_some(struct os_sock *s, void *to, size_t n, size_t *ret,
                                   int64_t deadline_ms, struct bdfs_err *err)
{
        enum bdfs_status rc;

        BDFS_ASSERT(n > 0);
        for (;;) {
                ssize_t got = recv(s->fd, to, n, MSG_DONTWAIT);

                if (got > 0 || (got == 0 && !atomic_load(&s->shut))) {
                        *ret = (size_t)got;
                        return BDFS_OK;
                }
                if (got == 0 || (errno != EAGAIN && errno != EINTR))
                        return sock_fail(s, errno, "read from", err);
                rc = sock_wait(s, POLLIN, deadline_ms, "read from", err);
                if (rc != BDFS_OK)
                        return rc;
        }
}

enum bdfs_status os_sock_read(struct os_sock *s, void *to, size_t n, int64_t deadline_ms,
                              struct bdfs_err *err)
{
        uint8_t *at = to;

        while (n > 0) {
                size_t got = 0;
                enum bdfs_status rc = os_sock_read_some(s, at, n, &got, deadline_ms, err);
                char who[72];

                if (rc != BDFS_OK)
                        return rc;
                if (got == 0)
                        return bdfs_fail(err, BDFS_CLOSED, "read from %s: closed with %zu "
                                         "bytes to come", os_sock_who(s, who), n);
                at += got;
                n -= got;
        }
        return BDFS_OK;
}

static size_t iov_bytes(const struct iovec *iov, int iov_n)
{
        size_t n = 0;

        for (int i = 0; i < iov_n; i++)
                n += iov[i].iov_len;
        return n;
}

static enum bdfs_status write_iov(struct os_sock *s, struct iovec *iov, int iov_n, int flags,
                                  int64_t deadline_ms, struct bdfs_err *err)
{
        size_t left = iov_bytes(iov, iov_n);
        enum bdfs_status rc;

        while (left > 0) {
                struct msghdr m = {.msg_iov = iov,
                                   .msg_iovlen = (size_t)(iov_n < IOV_MAX ? iov_n : IOV_MAX)};
                ssize_t put = sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL | flags);

                if (put >= 0) {
                        left -= (size_t)put;
                        os_iov_advance(&iov, &iov_n, (size_t)put);
                        continue;
                }
                if (errno != EAGAIN && errno != EINTR)
                        return sock_fail(s, errno, "write to", err);
                rc = sock_wait(s, POLLOUT, deadline_ms, "write to", err);
                if (rc != BDFS_OK)
                        return rc;
        }
        return BDFS_OK;
}

enum bdfs_status os_sock_writev(struct os_sock *s, struct iovec *iov, int iov_n,
                                int64_t deadline_ms, struct bdfs_err *err)
{
        return write_iov(s, iov, iov_n, 0, deadline_ms, err);
}

enum bdfs_status os_sock_write_now(struct os_sock *s, const void *from, size_t n, size_t *ret,
                                   struct bdfs_err *err)
{
        ssize_t put = send(s->fd, from, n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (put < 0 && errno != EAGAIN && errno != EINTR)
                return sock_fail(s, errno, "write to", err);
        *ret = put < 0 ? 0 : (size_t)put;
        return BDFS_OK;
}

bool os_sock_wait_readable(struct os_sock *s, int64_t deadline_ms)
{
        return os_wait_fd(s->fd, POLLIN, -1, deadline_ms) == OS_WAIT_READY;
}

/* sendfile() has no MSG_NOSIGNAL: hold SIGPIPE back, and eat the one that it made. */
static ssize_t sendfile_nosignal(int out, int in, off_t *offset, size_t n)
{
        static const struct timespec now;
        sigset_t pipe_only, old, pending;
        bool was_pending;
        ssize_t put;
        int eno;

        (void)sigemptyset(&pipe_only);
        (void)sigaddset(&pipe_only, SIGPIPE);
        (void)sigpending(&pending);
        was_pending = sigismember(&pending, SIGPIPE) == 1;
        (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
        put = sendfile(out, in, offset, n);
        eno = errno;
        if (put < 0 && eno == EPIPE && !was_pending)
                (void)sigtimedwait(&pipe_only, NULL, &now);
        (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
        errno = eno;
        return put;
}

enum bdfs_status os_sock_send_file(struct os_sock *s, const void *head, size_t head_n,
                                   const struct os_file_part *part, int64_t deadline_ms,
                                   struct bdfs_err *err)
{
        struct iovec iov = {.iov_base = (void *)(uintptr_t)head, .iov_len = head_n};
        enum bdfs_status rc = write_iov(s, &iov, 1, MSG_MORE, deadline_ms, err);
        off_t at = (off_t)part->offset;
        size_t n = part->n;

        BDFS_ASSERT(n > 0); /* or the head would wait for more */
        if (rc != BDFS_OK)
                return rc;
        while (n > 0) {
                ssize_t put = sendfile_nosignal(s->fd, part->file->fd, &at, n);

                if (put == 0)
                        return bdfs_fail(err, BDFS_IO, "send %s: it ends at byte %lld, %zu "
                                         "bytes early", part->file->name, (long long)at, n);
                if (put > 0) {
                        n -= (size_t)put;
                        continue;
                }
                if (errno != EAGAIN && errno != EINTR)
                        return sock_fail(s, errno, "send a file to", err);
                rc = sock_wait(s, POLLOUT, deadline_ms, "send a file to", err);
                if (rc != BDFS_OK)
                        return rc;
        }
        return BDFS_OK;
}

union fd_control {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
};

enum bdfs_status os_sock_send_fd(struct os_sock *s, struct os_file *f, int64_t deadline_ms,
                                 struct bdfs_err *err)
{
        char byte = 'f';
        struct iovec iov = {.iov_base = &byte, .iov_len = 1};
        union fd_control control = {0};
        struct msghdr m = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof(control.room)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        enum bdfs_status rc;

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &f->fd, sizeof(int));
        while (sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
                if (errno != EAGAIN && errno != EINTR)
                        return sock_fail(s, errno, "pass a descriptor to", err);
                rc = sock_wait(s, POLLOUT, deadline_ms, "pass a descriptor to", err);
                if (rc != BDFS_OK)
                        return rc;
        }
        return BDFS_OK;
}

static int fd_in(struct msghdr *m)
{
        struct cmsghdr *c = CMSG_FIRSTHDR(m);
        int fd;

        if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
            c->cmsg_len != CMSG_LEN(sizeof(int)))
                return -1;
        memcpy(&fd, CMSG_DATA(c), sizeof(int));
        return fd;
}

enum bdfs_status os_sock_recv_fd(struct os_sock *s, struct os_file **ret, int64_t deadline_ms,
                                 struct bdfs_err *err)
{
        char byte;
        struct iovec iov = {.iov_base = &byte, .iov_len = 1};
        enum bdfs_status rc;

        for (;;) {
                union fd_control control = {0};
                struct msghdr m = {.msg_iov = &iov,
                                   .msg_iovlen = 1,
                                   .msg_control = &control,
                                   .msg_controllen = sizeof(control.room)};
                ssize_t got = recvmsg(s->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
                int fd = got > 0 ? fd_in(&m) : -1;

                if (fd >= 0)
                        return os_file_of_fd(ret, fd, "passed descriptor", err);
                if (got == 0)
                        return bdfs_fail(err, BDFS_CLOSED, "receive a descriptor: closed");
                if (got > 0)
                        return bdfs_fail(err, BDFS_PROTOCOL, "receive a descriptor: none came");
                if (errno != EAGAIN && errno != EINTR)
                        return sock_fail(s, errno, "receive a descriptor from", err);
                rc = sock_wait(s, POLLIN, deadline_ms, "receive a descriptor from", err);
                if (rc != BDFS_OK)
                        return rc;
        }
}

void os_sock_addrs(const struct os_sock *s, struct os_addr *ret_local, struct os_addr *ret_peer)
{
        *ret_local = s->local;
        *ret_peer = s->peer;
}

void os_sock_shutdown(struct os_sock *s)
{
        atomic_store(&s->shut, true);
        (void)shutdown(s->fd, SHUT_RDWR); /* already gone is as good */
}

void os_sock_close(struct os_sock *s)
{
        if (s == NULL)
                return;
        (void)close(s->fd); /* a socket's close has nothing to report */
        free(s);
}
