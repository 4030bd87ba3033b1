/* Who is at the other end, by the kernel's word; and the users of the host. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/os.h"

#define OK(call) assert_int_equal((call), BDFS_OK)
#define NOBODY 65534

static struct bdfs_err err;

static int64_t in_ms(int64_t ms)
{
        return os_mono_ms() + ms;
}

/* What a Java program makes: an IPv6 socket whose addresses are IPv4 inside IPv6. */
static int connect_mapped(uint16_t port)
{
        struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (inet_pton(AF_INET6, "::ffff:127.0.0.1", &a.sin6_addr) != 1 || fd < 0 ||
            connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
                return -1;
        return fd;
}

static int connect_plain(int family, uint16_t port)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                                  .sin6_port = htons(port),
                                  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int rc = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4))
                                   : connect(fd, (struct sockaddr *)&v6, sizeof(v6));

        return rc < 0 ? -1 : fd;
}

enum kind { V4, V6, MAPPED };

/* A child with uid @uid connects, tells that it did, and holds the connection until killed. */
static pid_t child_connects(enum kind kind, uint16_t port, uid_t uid)
{
        pid_t child = fork();
        int fd;

        if (child != 0)
                return child;
        if (uid != getuid() && setuid(uid) < 0)
                _exit(77);
        fd = kind == MAPPED ? connect_mapped(port)
                            : connect_plain(kind == V4 ? AF_INET : AF_INET6, port);
        if (fd < 0 || write(fd, "x", 1) != 1)
                _exit(1);
        (void)poll(NULL, 0, 20000);
        _exit(0);
}

static void reap(pid_t child)
{
        int code;

        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &code, 0), child);
}

static void uid_of_a_process_is_seen(enum kind kind, const char *listen_host, uid_t uid)
{
        struct os_addr addr = {.port = 0};
        struct os_listener *l;
        struct os_sock *s;
        struct os_peer peer = {.known = false};
        struct os_addr local, remote;
        pid_t child;

        memcpy(addr.host, listen_host, strlen(listen_host) + 1);
        OK(os_listen(&l, &addr, true, &err));
        child = child_connects(kind, os_listener_port(l), uid);
        assert_true(child > 0);
        OK(os_accept(l, in_ms(10000), &s, &peer, &err));
        assert_true(peer.known);
        assert_int_equal(peer.uid, uid);
        assert_int_equal(peer.pid, 0);
        os_sock_addrs(s, &local, &remote);
        assert_string_equal(remote.host, kind == V6 ? "::1" : "127.0.0.1");
        reap(child);
        os_sock_close(s);
        os_listener_close(l);
}

static void tcp_peers_are_known_in_both_families(void **state)
{
        uid_t uids[] = {getuid(), NOBODY};

        (void)state;
        for (int i = 0; i < (getuid() == 0 ? 2 : 1); i++) {
                uid_of_a_process_is_seen(V4, "127.0.0.1", uids[i]);
                uid_of_a_process_is_seen(V6, "::1", uids[i]);
                uid_of_a_process_is_seen(MAPPED, "127.0.0.1", uids[i]);
                uid_of_a_process_is_seen(V4, "::", uids[i]);
                uid_of_a_process_is_seen(V6, "::", uids[i]);
                uid_of_a_process_is_seen(MAPPED, "::", uids[i]);
        }
}

/* Such a peer is gone when it is looked up; it may be shown with uid 0, which is nobody's word. */
static void a_peer_that_sends_and_closes_is_not_known(void **state)
{
        static const char *const hosts[] = {"127.0.0.1", "::"};

        (void)state;
        for (int i = 0; i < 2; i++) {
                struct os_addr addr = {.port = 0};
                struct os_listener *l;

                memcpy(addr.host, hosts[i], strlen(hosts[i]) + 1);
                OK(os_listen(&l, &addr, true, &err));
                for (enum kind kind = V4; kind <= MAPPED; kind++) {
                        uint16_t port = os_listener_port(l);
                        struct os_peer peer = {.known = true};
                        struct os_sock *s;
                        int fd;

                        if (kind == V6)
                                continue;
                        fd = kind == V4 ? connect_plain(AF_INET, port) : connect_mapped(port);
                        assert_true(fd >= 0);
                        assert_int_equal(write(fd, "hello", 5), 5);
                        assert_int_equal(close(fd), 0);
                        OK(os_accept(l, in_ms(1000), &s, &peer, &err));
                        assert_false(peer.known);
                        os_sock_close(s);
                }
                os_listener_close(l);
        }
}

/* The connection's end is gone, but somebody listens on its port: that is not the peer. */
static void a_listener_on_the_peers_port_is_not_the_peer(void **state)
{
        struct os_addr addr = {.host = "127.0.0.1"};
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof(a);
        struct os_peer peer = {.known = true};
        struct os_listener *l, *other;
        struct os_sock *s;
        int fd, one = 1;

        (void)state;
        OK(os_listen(&l, &addr, false, &err));
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        a.sin_port = htons(os_listener_port(l));
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
        /* a reset leaves no TIME_WAIT behind, so that the look-up falls through to listeners */
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                                    sizeof(struct linger)), 0);
        assert_int_equal(close(fd), 0);
        addr.port = ntohs(a.sin_port);
        OK(os_listen(&other, &addr, false, &err));
        if (os_accept(l, in_ms(1000), &s, &peer, &err) == BDFS_OK) {
                assert_false(peer.known);
                os_sock_close(s);
        }
        os_listener_close(other);
        os_listener_close(l);
}

/* A child with uid @uid takes one connection of @l when @go is written to, and holds it. */
static pid_t child_accepts(struct os_listener *l, int go[2], uid_t uid)
{
        pid_t child = fork();
        struct os_peer peer;
        struct os_sock *s;
        char c;

        if (child != 0)
                return child;
        (void)close(go[1]); /* should the test fail, the pipe ends and so does this */
        if ((uid != getuid() && setuid(uid) < 0) || read(go[0], &c, 1) != 1 ||
            os_accept(l, in_ms(20000), &s, &peer, &err) != BDFS_OK)
                _exit(1);
        (void)poll(NULL, 0, 20000);
        _exit(0);
}

static int free_descriptor(void)
{
        int fd = dup(0);

        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
        return fd;
}

static void owner_of_a_server_is_seen(const char *listen_host, const char *host, uid_t uid)
{
        struct os_addr addr = {.port = 0};
        struct os_listener *l;
        struct os_peer peer;
        struct os_sock *s;
        int go[2], lowest;
        pid_t child;

        memcpy(addr.host, listen_host, strlen(listen_host) + 1);
        OK(os_listen(&l, &addr, true, &err));
        assert_int_equal(pipe(go), 0);
        child = child_accepts(l, go, uid);
        assert_true(child > 0);
        addr.port = os_listener_port(l);
        memcpy(addr.host, host, strlen(host) + 1);
        OK(os_connect(&s, &addr, in_ms(10000), &err));
        lowest = free_descriptor();
        assert_int_equal(os_sock_server(s, in_ms(50), &peer, &err), BDFS_TIMEOUT);
        assert_int_equal(write(go[1], "x", 1), 1);
        OK(os_sock_server(s, in_ms(20000), &peer, &err));
        assert_true(peer.known);
        assert_int_equal(peer.uid, uid);
        OK(os_sock_server(s, in_ms(20000), &peer, &err)); /* it was accepted long ago */
        assert_int_equal(peer.uid, uid);
        assert_int_equal(free_descriptor(), lowest);
        reap(child);
        os_sock_close(s);
        os_listener_close(l);
        assert_int_equal(close(go[0]) | close(go[1]), 0);
}

/* Not before it has accepted: what waits in a listener's queue is nobody's yet. */
static void a_servers_owner_is_known_when_it_has_accepted(void **state)
{
        uid_t uids[] = {getuid(), NOBODY};

        (void)state;
        for (int i = 0; i < (getuid() == 0 ? 2 : 1); i++) {
                owner_of_a_server_is_seen("127.0.0.1", "127.0.0.1", uids[i]);
                owner_of_a_server_is_seen("::1", "::1", uids[i]);
                owner_of_a_server_is_seen("::", "127.0.0.1", uids[i]);
                owner_of_a_server_is_seen("::", "::1", uids[i]);
        }
}

static void unix_peers_are_known(void **state)
{
        char dir[] = "/tmp/bdfs-os-XXXXXX", path[64];
        struct os_peer peer = {.known = false};
        struct os_listener *l;
        struct os_sock *c, *s;

        (void)state;
        assert_non_null(mkdtemp(dir));
        (void)snprintf(path, sizeof(path), "%s/s", dir);
        OK(os_listen_unix(&l, path, 0600, &err));
        OK(os_connect_unix(&c, path, in_ms(1000), &err));
        OK(os_accept(l, in_ms(1000), &s, &peer, &err));
        assert_true(peer.known);
        assert_int_equal(peer.uid, getuid());
        assert_int_equal(peer.pid, getpid());
        os_sock_close(c);
        os_sock_close(s);
        os_listener_close(l);
        OK(os_unlink(path, &err));
        OK(os_rmdir(dir, &err));
}

static void users_of_the_host_are_found(void **state)
{
        static struct os_groups groups;
        char name[OS_NAME_BYTES];
        uid_t uid;
        gid_t gid;

        (void)state;
        OK(os_user_name(0, name, &err));
        assert_string_equal(name, "root");
        OK(os_user_id("root", &uid, &gid, &err));
        assert_int_equal(uid, 0);
        assert_int_equal(gid, 0);
        OK(os_user_groups("root", &groups, &err));
        assert_true(groups.n >= 1);
        assert_string_equal(groups.names[0], "root");
        assert_int_equal(os_user_name(4000000001U, name, &err), BDFS_NOT_FOUND);
        assert_int_equal(os_user_id("no-such-user", &uid, &gid, &err), BDFS_NOT_FOUND);
        assert_int_equal(os_user_groups("no-such-user", &groups, &err), BDFS_NOT_FOUND);
        assert_int_equal(os_own_uid(), geteuid());
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tcp_peers_are_known_in_both_families),
                cmocka_unit_test(a_peer_that_sends_and_closes_is_not_known),
                cmocka_unit_test(a_listener_on_the_peers_port_is_not_the_peer),
                cmocka_unit_test(a_servers_owner_is_known_when_it_has_accepted),
                cmocka_unit_test(unix_peers_are_known),
                cmocka_unit_test(users_of_the_host_are_found),
        };

        return cmocka_run_group_tests_name("os_peer", tests, NULL, NULL);
}
