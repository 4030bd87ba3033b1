#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/linux/os_linux.h"

#define LISTEN_BACKLOG 1024
#define UNACKED_MS_MAX 30000U /* sent bytes that the peer's host did not acknowledge */

struct os_listener {
        int fd, wake_fd; /* wake_fd: an eventfd, readable for good once shut down */
        bool is_unix;
        uint16_t port;
};

union address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
        struct sockaddr_storage room;
};

static bool address_parse(const struct os_addr *from, union address *to, socklen_t *ret_bytes)
{
        memset(to, 0, sizeof(*to));
        if (inet_pton(AF_INET, from->host, &to->v4.sin_addr) == 1) {
                to->v4.sin_family = AF_INET;
                to->v4.sin_port = htons(from->port);
                *ret_bytes = sizeof(to->v4);
                return true;
        }
        if (inet_pton(AF_INET6, from->host, &to->v6.sin6_addr) == 1) {
                to->v6.sin6_family = AF_INET6;
                to->v6.sin6_port = htons(from->port);
                *ret_bytes = sizeof(to->v6);
                return true;
        }
        return false;
}

static bool address_is_loopback(const union address *a)
{
        const uint8_t *p = a->v6.sin6_addr.s6_addr;

        if (a->any.sa_family == AF_INET)
                return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
        if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
                return p[12] == 127;
        return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

/* Congestion control that paces (BBR) has no line to share inside one machine (DESIGN). Before
 * listen() and connect(), since a socket that was paced once stays so. It only tunes; a refusal
 * changes no meaning. */
static void do_not_pace(int fd, const union address *a)
{
        if (address_is_loopback(a))
                (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", strlen("reno"));
}

/* IPv4 inside IPv6 comes out as plain IPv4: one name for one host. */
static void address_format(const union address *a, struct os_addr *to)
{
        const struct in6_addr *v6 = &a->v6.sin6_addr;

        memset(to, 0, sizeof(*to));
        if (a->any.sa_family == AF_INET) {
                (void)inet_ntop(AF_INET, &a->v4.sin_addr, to->host, sizeof(to->host));
                to->port = ntohs(a->v4.sin_port);
        } else if (a->any.sa_family == AF_INET6) {
                if (IN6_IS_ADDR_V4MAPPED(v6))
                        (void)inet_ntop(AF_INET, v6->s6_addr + 12, to->host, sizeof(to->host));
                else
                        (void)inet_ntop(AF_INET6, v6, to->host, sizeof(to->host));
                to->port = ntohs(a->v6.sin6_port);
        }
}

/* A path that is too long for sockaddr_un is named through its directory's descriptor, which the
 * caller keeps open in *dir_fd until the address was used. */
static enum bdfs_status address_of_path(const char *path, union address *to, int *dir_fd,
                                        struct bdfs_err *err)
{
        const char *slash = strrchr(path, '/');
        AUTO_FREE char *dir = NULL;
        int n;

        memset(to, 0, sizeof(*to));
        to->un.sun_family = AF_UNIX;
        if (strlen(path) < sizeof(to->un.sun_path)) {
                memcpy(to->un.sun_path, path, strlen(path));
                return BDFS_OK;
        }
        if (slash == NULL)
                return bdfs_fail(err, BDFS_INVALID, "%s: name too long for a socket", path);
        dir = strndup(path, (size_t)(slash - path) + 1);
        if (dir == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "%s: out of memory", path);
        *dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (*dir_fd < 0)
                return bdfs_fail_errno(err, errno, "open %s", dir);
        n = snprintf(to->un.sun_path, sizeof(to->un.sun_path), "/proc/self/fd/%d%s", *dir_fd,
                     slash);
        if (n < 0 || (size_t)n >= sizeof(to->un.sun_path))
                return bdfs_fail(err, BDFS_INVALID, "%s: name too long for a socket", path);
        return BDFS_OK;
}

/* Takes over @fd, also on failure. */
static enum bdfs_status os_sock_of_fd(struct os_sock **ret, int fd, struct bdfs_err *err)
{
        union address local, peer;
        socklen_t local_n = sizeof(local), peer_n = sizeof(peer);
        unsigned unacked_ms = UNACKED_MS_MAX;
        struct os_sock *s = calloc(1, sizeof(*s));
        int one = 1;

        if (s == NULL) {
                (void)close(fd); /* nothing was sent */
                return bdfs_fail(err, BDFS_NO_MEMORY, "connection: out of memory");
        }
        s->fd = fd;
        atomic_init(&s->shut, false);
        if (getsockname(fd, &local.any, &local_n) == 0)
                address_format(&local, &s->local);
        if (getpeername(fd, &peer.any, &peer_n) == 0)
                address_format(&peer, &s->peer);
        if (s->local.host[0] != '\0') { /* both only tune; a refusal changes no meaning */
                (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
                (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms,
                                 sizeof(unacked_ms));
        }
        *ret = s;
        return BDFS_OK;
}

static enum bdfs_status listener_of_fd(struct os_listener **ret, int fd, bool is_unix,
                                       struct bdfs_err *err)
{
        struct os_listener *l = calloc(1, sizeof(*l));
        socklen_t n = sizeof(union address);
        union address a;
        struct os_addr local;

        if (l == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "listen: out of memory");
        if (listen(fd, LISTEN_BACKLOG) < 0 || getsockname(fd, &a.any, &n) < 0)
                goto fail;
        l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (l->wake_fd < 0)
                goto fail;
        address_format(&a, &local);
        l->fd = fd;
        l->is_unix = is_unix;
        l->port = local.port;
        *ret = l;
        return BDFS_OK;
fail:
        free(l);
        return bdfs_fail_errno(err, errno, "listen");
}

enum bdfs_status os_listen(struct os_listener **ret, const struct os_addr *addr, bool any_address,
                           struct bdfs_err *err)
{
        AUTO_CLOSE int fd = -1;
        union address a;
        socklen_t n;
        int one = 1;
        enum bdfs_status rc;

        if (!address_parse(addr, &a, &n))
                return bdfs_fail(err, BDFS_INVALID, "listen on %s: not a numeric address",
                                 addr->host);
        if (!any_address && !address_is_loopback(&a))
                return bdfs_fail(err, BDFS_PERMISSION, "listen on %s: only loopback addresses "
                                 "are allowed here", addr->host);
        fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            bind(fd, &a.any, n) < 0)
                return bdfs_fail_errno(err, errno, "listen on %s port %u", addr->host,
                                       addr->port);
        do_not_pace(fd, &a);
        rc = listener_of_fd(ret, fd, false, err);
        if (rc != BDFS_OK) {
                (void)bdfs_wrap(err, "%s port %u", addr->host, addr->port);
                return rc;
        }
        (void)TAKE_FD(fd);
        return BDFS_OK;
}

enum bdfs_status os_listen_unix(struct os_listener **ret, const char *path, mode_t mode,
                                struct bdfs_err *err)
{
        AUTO_CLOSE int fd = -1;
        AUTO_CLOSE int dir_fd = -1;
        union address a;
        struct stat st;
        enum bdfs_status rc = address_of_path(path, &a, &dir_fd, err);

        if (rc != BDFS_OK)
                return rc;
        if (lstat(path, &st) == 0) {
                if (!S_ISSOCK(st.st_mode))
                        return bdfs_fail(err, BDFS_EXISTS, "listen on %s: there is something "
                                         "that is not a socket", path);
                (void)unlink(path); /* bind() says if it is still there */
        }
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        /* fchmod before bind: the name never appears with wider rights; chmod undoes the umask */
        if (fd < 0 || fchmod(fd, mode) < 0 || bind(fd, &a.any, sizeof(a.un)) < 0 ||
            chmod(path, mode) < 0)
                return bdfs_fail_errno(err, errno, "listen on %s", path);
        rc = listener_of_fd(ret, fd, true, err);
        if (rc != BDFS_OK) {
                (void)bdfs_wrap(err, "%s", path);
                return rc;
        }
        (void)TAKE_FD(fd);
        return BDFS_OK;
}

uint16_t os_listener_port(const struct os_listener *l)
{
        return l->port;
}

enum bdfs_status os_accept(struct os_listener *l, int64_t deadline_ms, struct os_sock **ret,
                           struct os_peer *ret_peer, struct bdfs_err *err)
{
        for (;;) {
                union address local, peer;
                socklen_t local_n = sizeof(local), peer_n = sizeof(peer);
                enum os_wait outcome = os_wait_fd(l->fd, POLLIN, l->wake_fd, deadline_ms);
                int fd;

                if (outcome != OS_WAIT_READY)
                        return os_wait_error(outcome, "accept", err);
                fd = accept4(l->fd, &peer.any, &peer_n, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd >= 0) {
                        *ret_peer = (struct os_peer){.known = false};
                        if (l->is_unix)
                                *ret_peer = os_peer_unix(fd);
                        else if (getsockname(fd, &local.any, &local_n) == 0)
                                *ret_peer = os_peer_tcp(&local.room, &peer.room);
                        return os_sock_of_fd(ret, fd, err);
                }
                if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM ||
                    errno == EBADF || errno == EINVAL)
                        return bdfs_fail_errno(err, errno, "accept");
                /* what else accept4() says is about one connection that is gone: next one */
        }
}

void os_listener_shutdown(struct os_listener *l)
{
        uint64_t one = 1;

        if (write(l->wake_fd, &one, sizeof(one)) < 0)
                BDFS_ASSERT(errno == EAGAIN); /* full, which is readable too */
}

void os_listener_close(struct os_listener *l)
{
        if (l == NULL)
                return;
        (void)close(l->wake_fd); /* holds no data */
        (void)close(l->fd);
        free(l);
}

static enum bdfs_status connect_wait(int fd, const char *what, int64_t deadline_ms,
                                     struct bdfs_err *err)
{
        enum os_wait outcome = os_wait_fd(fd, POLLOUT, -1, deadline_ms);
        socklen_t n = sizeof(int);
        int eno = 0;

        if (outcome != OS_WAIT_READY)
                return os_wait_error(outcome, what, err);
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &eno, &n) < 0)
                eno = errno;
        if (eno != 0)
                return bdfs_fail_errno(err, eno, "%s", what);
        return BDFS_OK;
}

/* On loopback a connection to a free port can meet itself: nobody was listening. */
static bool met_itself(int fd)
{
        union address local, peer;
        socklen_t local_n = sizeof(local), peer_n = sizeof(peer);
        struct os_addr a, b;

        if (getsockname(fd, &local.any, &local_n) < 0 || getpeername(fd, &peer.any, &peer_n) < 0)
                return false;
        address_format(&local, &a);
        address_format(&peer, &b);
        return a.port == b.port && strcmp(a.host, b.host) == 0;
}

enum bdfs_status os_connect(struct os_sock **ret, const struct os_addr *addr, int64_t deadline_ms,
                            struct bdfs_err *err)
{
        AUTO_CLOSE int fd = -1;
        char what[80];
        union address a;
        socklen_t n;

        (void)snprintf(what, sizeof(what), "connect to %s port %u", addr->host, addr->port);
        if (!address_parse(addr, &a, &n))
                return bdfs_fail(err, BDFS_INVALID, "%s: not a numeric address", what);
        fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return bdfs_fail_errno(err, errno, "%s", what);
        do_not_pace(fd, &a);
        if (connect(fd, &a.any, n) < 0) {
                enum bdfs_status rc;

                if (errno != EINPROGRESS && errno != EINTR)
                        return bdfs_fail_errno(err, errno, "%s", what);
                rc = connect_wait(fd, what, deadline_ms, err);
                if (rc != BDFS_OK)
                        return rc;
        }
        if (met_itself(fd))
                return bdfs_fail_errno(err, ECONNREFUSED, "%s", what);
        return os_sock_of_fd(ret, TAKE_FD(fd), err);
}

enum bdfs_status os_connect_unix(struct os_sock **ret, const char *path, int64_t deadline_ms,
                                 struct bdfs_err *err)
{
        AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        AUTO_CLOSE int dir_fd = -1;
        union address a;
        enum bdfs_status rc = address_of_path(path, &a, &dir_fd, err);

        if (rc != BDFS_OK)
                return rc;
        if (fd < 0)
                return bdfs_fail_errno(err, errno, "connect to %s", path);
        while (connect(fd, &a.any, sizeof(a.un)) < 0) {
                if (errno != EAGAIN && errno != EINTR)
                        return bdfs_fail_errno(err, errno, "connect to %s", path);
                if (os_mono_ms() >= deadline_ms)
                        return bdfs_fail(err, BDFS_TIMEOUT, "connect to %s: deadline passed",
                                         path);
                os_sleep_ms(2); /* the backlog is full, and poll() cannot wait for that */
        }
        return os_sock_of_fd(ret, TAKE_FD(fd), err);
}
