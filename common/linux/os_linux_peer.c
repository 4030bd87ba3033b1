#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/linux/os_linux.h"

/*
 * The kernel is asked for one socket, the peer's own end: its local address is our peer's, its
 * remote address is ours. A closed socket that still has bytes in flight answers with uid 0 and
 * inode 0, and a look-up that finds no connection may answer with a listener on the same port;
 * neither says who the peer is.
 */

#define PAUSE_YIELDS 4
#define PAUSE_FIRST_US 20L
#define PAUSE_MOST_US 5000L

struct endpoint {
        uint8_t bytes[16]; /* IPv6, or IPv4 mapped into it */
        in_port_t port;    /* network order, as everything here */
};

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static struct endpoint endpoint_of(const struct sockaddr_storage *a)
{
        struct endpoint e = {0};

        if (a->ss_family == AF_INET) {
                const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;

                memcpy(e.bytes, mapped_prefix, sizeof(mapped_prefix));
                memcpy(e.bytes + 12, &v4->sin_addr, 4);
                e.port = v4->sin_port;
        } else {
                const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;

                memcpy(e.bytes, &v6->sin6_addr, 16);
                e.port = v6->sin6_port;
        }
        return e;
}

static bool is_mapped(const struct endpoint *e)
{
        return memcmp(e->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static void put_endpoint(const struct endpoint *e, uint8_t family, __be32 to[4])
{
        memset(to, 0, 16);
        if (family == AF_INET)
                memcpy(to, e->bytes + 12, 4);
        else
                memcpy(to, e->bytes, 16);
}

static bool same_endpoint(const struct endpoint *e, uint8_t family, const __be32 at[4],
                          in_port_t port)
{
        const uint8_t *want = family == AF_INET ? e->bytes + 12 : e->bytes;

        return e->port == port && memcmp(want, at, family == AF_INET ? 4 : 16) == 0;
}

/* What the kernel says of the peer's end. */
enum end_of_peer {
        END_UNKNOWN, /* nothing, or something of another socket */
        END_UNOWNED, /* the connection is there; nobody has taken it, or it was closed */
        END_OWNED,
};

static enum end_of_peer judge(const struct inet_diag_msg *m, const struct endpoint *theirs,
                              const struct endpoint *ours)
{
        if (!same_endpoint(theirs, m->idiag_family, m->id.idiag_src, m->id.idiag_sport) ||
            !same_endpoint(ours, m->idiag_family, m->id.idiag_dst, m->id.idiag_dport))
                return END_UNKNOWN;
        return m->idiag_inode != 0 && m->idiag_state != TCP_LISTEN &&
                       m->idiag_state != TCP_TIME_WAIT && m->idiag_state != TCP_CLOSE
                       ? END_OWNED
                       : END_UNOWNED;
}

static enum end_of_peer ask(int fd, uint8_t family, const struct endpoint *theirs,
                            const struct endpoint *ours, uid_t *ret_uid)
{
        struct {
                struct nlmsghdr head;
                struct inet_diag_req_v2 body;
        } q = {.head = {.nlmsg_len = sizeof(q),
                        .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                        .nlmsg_flags = NLM_F_REQUEST},
               .body = {.sdiag_family = family,
                        .sdiag_protocol = IPPROTO_TCP,
                        .idiag_states = ~0U,
                        .id = {.idiag_sport = theirs->port,
                               .idiag_dport = ours->port,
                               .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}}};
        union {
                struct nlmsghdr head;
                char room[2048];
        } a;
        struct inet_diag_msg m;
        enum end_of_peer end;
        ssize_t n;

        put_endpoint(theirs, family, q.body.id.idiag_src);
        put_endpoint(ours, family, q.body.id.idiag_dst);
        do
                n = send(fd, &q, sizeof(q), 0);
        while (n < 0 && errno == EINTR);
        if (n != (ssize_t)sizeof(q))
                return END_UNKNOWN;
        do
                n = recv(fd, &a, sizeof(a), MSG_DONTWAIT); /* send() has answered already */
        while (n < 0 && errno == EINTR);
        if (n < (ssize_t)NLMSG_LENGTH(sizeof(m)) || a.head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
                return END_UNKNOWN;
        memcpy(&m, NLMSG_DATA(&a.head), sizeof(m));
        end = judge(&m, theirs, ours);
        if (end == END_OWNED)
                *ret_uid = m.idiag_uid;
        return end;
}

static int open_diag(void)
{
        return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
}

/* A pair of IPv4 endpoints is one connection, whichever family its sockets were made for: once it
 * was found, the other family has nothing to add. */
static struct os_peer peer_by_diag(int diag, const struct endpoint *ours,
                                   const struct endpoint *theirs)
{
        struct os_peer p = {.known = false};
        enum end_of_peer end = END_UNKNOWN;

        if (is_mapped(ours) && is_mapped(theirs))
                end = ask(diag, AF_INET, theirs, ours, &p.uid);
        if (end == END_UNKNOWN)
                end = ask(diag, AF_INET6, theirs, ours, &p.uid);
        p.known = end == END_OWNED;
        return p;
}

struct os_peer os_peer_tcp(const struct sockaddr_storage *local,
                           const struct sockaddr_storage *peer)
{
        struct endpoint ours = endpoint_of(local), theirs = endpoint_of(peer);
        AUTO_CLOSE int diag = open_diag();

        if (diag < 0)
                return (struct os_peer){.known = false};
        return peer_by_diag(diag, &ours, &theirs);
}

struct os_peer os_peer_unix(int fd)
{
        struct ucred c;
        socklen_t n = sizeof(c);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) < 0 || n != sizeof(c))
                return (struct os_peer){.known = false};
        return (struct os_peer){.known = true, .uid = c.uid, .pid = c.pid};
}

/* A moment that grows: most servers accept within microseconds, often as soon as they may run. */
static void pause_before(unsigned try)
{
        const unsigned step = try < PAUSE_YIELDS ? 0 : try - PAUSE_YIELDS;
        const long us = step < 8 ? PAUSE_FIRST_US << step : PAUSE_MOST_US;
        const struct timespec t = {.tv_nsec = us * 1000};

        if (try < PAUSE_YIELDS)
                (void)sched_yield(); /* never fails here */
        else
                (void)nanosleep(&t, NULL); /* cut short: asked again a little earlier */
}

enum bdfs_status os_sock_server(struct os_sock *s, int64_t deadline_ms, struct os_peer *ret,
                                struct bdfs_err *err)
{
        struct sockaddr_storage local, peer;
        socklen_t local_n = sizeof(local), peer_n = sizeof(peer);
        struct pollfd p = {.fd = s->fd, .events = POLLIN | POLLRDHUP};
        AUTO_CLOSE int diag = -1;

        if (getsockname(s->fd, (struct sockaddr *)&local, &local_n) != 0 ||
            getpeername(s->fd, (struct sockaddr *)&peer, &peer_n) != 0)
                return bdfs_fail_errno(err, errno, "look up the other end");
        const struct endpoint ours = endpoint_of(&local), theirs = endpoint_of(&peer);

        for (unsigned try = 0;; try++) {
                bool over = poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));

                *ret = (struct os_peer){.known = false};
                if (local.ss_family == AF_UNIX)
                        *ret = os_peer_unix(s->fd);
                else if (diag >= 0 || (diag = open_diag()) >= 0)
                        *ret = peer_by_diag(diag, &ours, &theirs);
                if (ret->known)
                        return BDFS_OK;
                if (over)
                        return bdfs_fail(err, BDFS_CLOSED, "closed by the other side at once");
                if (os_mono_ms() >= deadline_ms)
                        return bdfs_fail(err, BDFS_TIMEOUT, "nobody has taken the connection");
                pause_before(try);
        }
}
