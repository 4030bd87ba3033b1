#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/sim/os_sim_sock.h"

#define BACKLOG_MAX 1024
#define FIRST_LISTEN_PORT 40000
#define FIRST_CLIENT_PORT 20000

/* Where a host without power listened: connecting there is not refused, nothing answers. */
struct sim_ghost {
        struct sim_ghost *next;
        char host[46];
        uint16_t port;
        const struct sim_node *node;
};

struct sim_net *sim_net_new(void)
{
        struct sim_net *net = calloc(1, sizeof(*net));

        if (net != NULL) {
                net->next_listen_port = FIRST_LISTEN_PORT;
                net->next_client_port = FIRST_CLIENT_PORT;
        }
        return net;
}

static void drop_ghosts(const struct sim_node *n)
{
        struct sim_ghost **at = &sim->net->ghosts;

        while (*at != NULL) {
                struct sim_ghost *g = *at;

                if (n != NULL && g->node != n) {
                        at = &g->next;
                        continue;
                }
                *at = g->next;
                free(g);
        }
}

void sim_net_free(struct sim_net *net)
{
        while (net->conns != NULL)
                sim_conn_free(net->conns); /* sockets that a fiber never closed */
        drop_ghosts(NULL);
        free(net);
}

/* ---- listeners ---- */

static bool any_host(const char *host)
{
        return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static struct os_listener *find_tcp(const char *host, uint16_t port)
{
        struct os_listener *l = sim->net->listeners;

        while (l != NULL && (l->path != NULL || l->port != port ||
                             (strcmp(l->host, host) != 0 && !any_host(l->host))))
                l = l->next;
        return l;
}

static struct os_listener *find_unix(const char *path)
{
        struct os_listener *l = sim->net->listeners;

        while (l != NULL && (l->path == NULL || strcmp(l->path, path) != 0))
                l = l->next;
        return l;
}

static struct sim_ghost *find_ghost(const char *host, uint16_t port)
{
        struct sim_ghost *g = sim->net->ghosts;

        while (g != NULL && (g->port != port || strcmp(g->host, host) != 0))
                g = g->next;
        return g;
}

static void bind_listener(struct os_listener *l)
{
        l->node = sim_node_self();
        l->epoch = l->node->epoch;
        l->next = sim->net->listeners;
        l->link = &sim->net->listeners;
        if (l->next != NULL)
                l->next->link = &l->next;
        sim->net->listeners = l;
}

static void unbind_listener(struct os_listener *l)
{
        if (l->link == NULL)
                return;
        *l->link = l->next;
        if (l->next != NULL)
                l->next->link = l->link;
        l->link = NULL;
}

static bool is_loopback(const char *host, bool *ret_numeric)
{
        struct in6_addr v6;
        struct in_addr v4;

        *ret_numeric = true;
        if (inet_pton(AF_INET, host, &v4) == 1)
                return ntohl(v4.s_addr) >> 24 == 127;
        if (inet_pton(AF_INET6, host, &v6) == 1)
                return IN6_IS_ADDR_LOOPBACK(&v6);
        *ret_numeric = false;
        return false;
}

enum bdfs_status os_listen(struct os_listener **ret, const struct os_addr *addr, bool any_address,
                           struct bdfs_err *err)
{
        bool numeric, loopback = is_loopback(addr->host, &numeric);
        struct os_listener *l;
        uint16_t port = addr->port;

        sim_event(SIM_LISTEN, port);
        if (sim_dead())
                return bdfs_fail(err, BDFS_IO, "listen: the node has crashed");
        if (!numeric)
                return bdfs_fail(err, BDFS_INVALID, "listen on %s: not a numeric address",
                                 addr->host);
        if (!any_address && !loopback)
                return bdfs_fail(err, BDFS_PERMISSION, "listen on %s: only loopback addresses "
                                 "are allowed here", addr->host);
        while (port == 0 || (addr->port == 0 && find_tcp(addr->host, port) != NULL))
                port = sim->net->next_listen_port++;
        if (find_tcp(addr->host, port) != NULL)
                return bdfs_fail_errno(err, EADDRINUSE, "listen on %s port %u", addr->host, port);
        l = calloc(1, sizeof(*l));
        if (l == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "listen: out of memory");
        memcpy(l->host, addr->host, sizeof(l->host));
        l->port = port;
        bind_listener(l);
        *ret = l;
        return BDFS_OK;
}

enum bdfs_status os_listen_unix(struct os_listener **ret, const char *path, mode_t mode,
                                struct bdfs_err *err)
{
        struct os_listener *old = find_unix(path), *l;

        sim_event(SIM_LISTEN, mode);
        if (sim_dead())
                return bdfs_fail(err, BDFS_IO, "listen: the node has crashed");
        l = calloc(1, sizeof(*l));
        if (l == NULL || (l->path = strdup(path)) == NULL) {
                free(l);
                return bdfs_fail(err, BDFS_NO_MEMORY, "listen: out of memory");
        }
        if (old != NULL)
                unbind_listener(old); /* its file was replaced: nobody finds it any more */
        bind_listener(l);
        *ret = l;
        return BDFS_OK;
}

uint16_t os_listener_port(const struct os_listener *l)
{
        return l->port;
}

static struct sim_conn *take_queued(struct os_listener *l)
{
        struct sim_conn *c = l->first;

        l->first = c->queued_next;
        if (l->first == NULL)
                l->last = NULL;
        l->queued--;
        return c;
}

enum bdfs_status os_accept(struct os_listener *l, int64_t deadline_ms, struct os_sock **ret,
                           struct os_peer *ret_peer, struct bdfs_err *err)
{
        int64_t deadline_us = sim_deadline_us(deadline_ms);
        struct sim_conn *c;
        struct os_sock *s;

        sim_event(SIM_ACCEPT, l->port);
        for (;;) {
                int64_t until = deadline_us;

                if (l->shut || sim_dead())
                        return bdfs_fail(err, BDFS_CLOSED, "accept: shut down");
                if (l->first != NULL && l->first->arrives_us <= sim->now_us)
                        break;
                if (sim->now_us >= deadline_us)
                        return bdfs_fail(err, BDFS_TIMEOUT, "accept: deadline passed");
                if (l->first != NULL && l->first->arrives_us < until)
                        until = l->first->arrives_us;
                sim_wait(&l->waiters, until, SIM_ACCEPT);
        }
        s = sim_sock_new(l->first, SIDE_SERVER);
        if (s == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "accept: out of memory");
        c = take_queued(l);
        *ret_peer = (struct os_peer){.known = true,
                                     .uid = c->ends[SIDE_CLIENT].node->uid,
                                     .pid = c->is_unix ? (pid_t)c->ends[SIDE_CLIENT].node->id + 1
                                                       : 0};
        *ret = s;
        return BDFS_OK;
}

void os_listener_shutdown(struct os_listener *l)
{
        sim_event(SIM_SHUTDOWN, l->port);
        l->shut = true;
        sim_wake_all(&l->waiters);
}

void os_listener_close(struct os_listener *l)
{
        if (l == NULL)
                return;
        sim_event(SIM_CLOSE, l->port);
        unbind_listener(l);
        while (l->first != NULL) {
                struct sim_conn *c = take_queued(l);

                if (!c->ends[SIDE_SERVER].powerless)
                        sim_end_reset(c, SIDE_SERVER);
                sim_end_drop(c, SIDE_SERVER);
        }
        free(l->path);
        free(l);
}

/* ---- connecting ---- */

static enum bdfs_status join_queue(struct os_listener *l, const struct os_addr *addr,
                                   struct os_sock **ret, struct bdfs_err *err)
{
        struct sim_node *self = sim_node_self();
        struct sim_conn *c = sim_conn_new(l->path != NULL);
        struct os_sock *s = c == NULL ? NULL : sim_sock_new(c, SIDE_CLIENT);

        if (s == NULL) {
                if (c != NULL)
                        sim_conn_free(c);
                return bdfs_fail(err, BDFS_NO_MEMORY, "connect: out of memory");
        }
        c->ends[SIDE_CLIENT].node = self;
        c->ends[SIDE_CLIENT].epoch = self->epoch;
        c->ends[SIDE_SERVER].node = l->node;
        c->ends[SIDE_SERVER].epoch = l->epoch;
        if (!c->is_unix) {
                c->ends[SIDE_SERVER].addr = *addr;
                c->ends[SIDE_CLIENT].addr = *addr; /* one host */
                c->ends[SIDE_CLIENT].addr.port = sim->net->next_client_port;
                if (++sim->net->next_client_port >= FIRST_LISTEN_PORT)
                        sim->net->next_client_port = FIRST_CLIENT_PORT;
        }
        c->arrives_us = sim->now_us + sim_net_delay_us(c->is_unix);
        if (l->last == NULL)
                l->first = c;
        else
                l->last->queued_next = c;
        l->last = c;
        l->queued++;
        sim_wake_at(&l->waiters, l->first->arrives_us);
        *ret = s;
        return BDFS_OK;
}

/* Connect to @path, or to @addr when that is NULL. */
static enum bdfs_status connect_any(struct os_sock **ret, const struct os_addr *addr,
                                    const char *path, int64_t deadline_ms, struct bdfs_err *err)
{
        int64_t deadline_us = sim_deadline_us(deadline_ms);
        const char *host = path != NULL ? path : addr->host;
        uint16_t port = path != NULL ? 0 : addr->port;

        sim_event(SIM_CONNECT, port);
        sim_pass(sim_net_delay_us(path != NULL), SIM_CONNECT);
        for (;;) {
                struct os_listener *l = path != NULL ? find_unix(path) : find_tcp(host, port);
                bool silent = l == NULL && path == NULL && find_ghost(host, port) != NULL;

                if (sim_dead())
                        return bdfs_fail(err, BDFS_CLOSED, "connect: the node has crashed");
                if (l == NULL && !silent)
                        return bdfs_fail(err, BDFS_UNAVAILABLE, "connect to %s port %u: "
                                         "Connection refused", host, port);
                if (l != NULL && l->queued < BACKLOG_MAX)
                        return join_queue(l, addr, ret, err);
                if (sim->now_us >= deadline_us)
                        return bdfs_fail(err, BDFS_TIMEOUT, "connect to %s port %u: deadline "
                                         "passed", host, port);
                sim_wait(NULL, deadline_us < sim->now_us + 200000 ? deadline_us
                                                                  : sim->now_us + 200000,
                         SIM_CONNECT);
        }
}

/* A simulated host has no name service: digits, and itself. */
enum bdfs_status os_resolve(const char *name, int64_t deadline_ms,
                            struct os_addr ret[OS_RESOLVE_MAX], size_t *ret_n,
                            struct bdfs_err *err)
{
        const char *host = strcmp(name, "localhost") == 0 ? "127.0.0.1" : name;
        bool numeric;

        (void)deadline_ms;
        (void)is_loopback(host, &numeric);
        if (!numeric || strlen(host) >= sizeof(ret[0].host))
                return bdfs_fail(err, BDFS_UNAVAILABLE, "host %s: nobody knows it", name);
        ret[0] = (struct os_addr){.port = 0};
        memcpy(ret[0].host, host, strlen(host) + 1);
        *ret_n = 1;
        return BDFS_OK;
}
enum bdfs_status os_connect(struct os_sock **ret, const struct os_addr *addr, int64_t deadline_ms,
                            struct bdfs_err *err)
{
        bool numeric;

        (void)is_loopback(addr->host, &numeric);
        if (!numeric)
                return bdfs_fail(err, BDFS_INVALID, "connect to %s: not a numeric address",
                                 addr->host);
        return connect_any(ret, addr, NULL, deadline_ms, err);
}

enum bdfs_status os_connect_unix(struct os_sock **ret, const char *path, int64_t deadline_ms,
                                 struct bdfs_err *err)
{
        return connect_any(ret, NULL, path, deadline_ms, err);
}

/* ---- crashes ---- */

static void lose_host(struct sim_conn *c, int side)
{
        c->ends[side].powerless = true;
        c->pipes[1 - side].mute = true;
        sim_wake_all(&c->pipes[side].writers);
        sim_wake_all(&c->pipes[1 - side].readers);
}

static void leave_ghost(const struct os_listener *l)
{
        struct sim_ghost *g = calloc(1, sizeof(*g));

        BDFS_ASSERT(g != NULL);
        memcpy(g->host, l->host, sizeof(g->host));
        g->port = l->port;
        g->node = l->node;
        g->next = sim->net->ghosts;
        sim->net->ghosts = g;
}

void sim_net_crashed(struct sim_node *n, enum sim_crash how)
{
        struct os_listener *next;

        for (struct sim_conn *c = sim->net->conns; c != NULL; c = c->next) {
                for (int side = 0; side < 2; side++) {
                        struct sim_end *e = &c->ends[side];

                        if (e->node != n || e->powerless || !e->open)
                                continue;
                        if (how == SIM_POWER)
                                lose_host(c, side);
                        else
                                sim_end_shut(c, side);
                }
        }
        for (struct os_listener *l = sim->net->listeners; l != NULL; l = next) {
                next = l->next;
                if (l->node != n)
                        continue;
                if (how == SIM_POWER && l->path == NULL)
                        leave_ghost(l);
                unbind_listener(l);
                sim_wake_all(&l->waiters);
        }
}

void sim_net_restarted(struct sim_node *n)
{
        drop_ghosts(n);
        for (struct sim_conn *c = sim->net->conns; c != NULL; c = c->next)
                for (int side = 0; side < 2; side++)
                        if (c->ends[side].node == n && c->ends[side].powerless)
                                sim_end_reset(c, side);
}
