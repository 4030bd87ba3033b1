/* The simulator's network: streams between nodes, deadlines, crashes of the other side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/sim/os_sim.h"

#define OK(call) assert_int_equal((call), BDFS_OK)
#define SEEDS 20

static struct bdfs_err err;
static const struct os_addr server_addr = {.host = "127.0.0.1", .port = 9000};

static int64_t in_ms(int64_t ms)
{
        return os_mono_ms() + ms;
}

static void for_every_seed(void (*body)(void *arg))
{
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                (void)sim_run(seed, body, NULL);
}

/* ---- an echo server on its own node ---- */

static void echo_one(void *arg)
{
        struct os_sock *s = arg;
        uint8_t part[1000];
        struct bdfs_err e;
        size_t n = 0;

        while (os_sock_read_some(s, part, sizeof(part), &n, OS_FOREVER, &e) == BDFS_OK && n > 0)
                if (os_sock_write(s, part, n, in_ms(10000), &e) != BDFS_OK)
                        break;
        os_sock_close(s);
}

static void echo_server(void *arg)
{
        struct os_listener *l;
        struct os_peer peer;
        struct os_thread *t;
        struct os_sock *s;
        struct bdfs_err e;

        (void)arg;
        OK(os_listen(&l, &server_addr, false, &e));
        while (os_accept(l, OS_FOREVER, &s, &peer, &e) == BDFS_OK) {
                if (os_thread_start(&t, "echo", echo_one, s, &e) != BDFS_OK) {
                        os_sock_close(s);
                        break;
                }
                os_thread_detach(t);
        }
        os_listener_close(l);
}

static struct sim_node *start_echo(void)
{
        struct sim_node *n = sim_node_new("server");

        OK(sim_node_start(n, "accept", echo_server, NULL, &err));
        os_sleep_ms(1);
        return n;
}

struct client {
        uint8_t seed;
        bool done;
};

static void echo_client(void *arg)
{
        struct client *c = arg;
        uint8_t out[30000], in[30000];
        struct os_sock *s;
        struct bdfs_err e;

        for (size_t i = 0; i < sizeof(out); i++)
                out[i] = (uint8_t)(i * c->seed);
        OK(os_connect(&s, &server_addr, in_ms(1000), &e));
        OK(os_sock_write(s, out, sizeof(out), in_ms(5000), &e));
        OK(os_sock_read(s, in, sizeof(in), in_ms(5000), &e));
        assert_memory_equal(in, out, sizeof(in));
        os_sock_close(s);
        c->done = true;
}

static void echo_body(void *arg)
{
        struct sim_node *clients[8];
        struct client c[8] = {0};

        (void)arg;
        (void)start_echo();
        for (uint8_t i = 0; i < 8; i++) {
                c[i].seed = (uint8_t)(i + 1);
                clients[i] = sim_node_new("client");
                OK(sim_node_start(clients[i], "client", echo_client, &c[i], &err));
        }
        for (int i = 0; i < 8; i++) {
                sim_node_join(clients[i]);
                assert_true(c[i].done);
        }
}

static void nodes_talk(void **state)
{
        uint64_t digests[2];

        (void)state;
        for_every_seed(echo_body);
        for (int i = 0; i < 2; i++)
                digests[i] = sim_run(77, echo_body, NULL);
        assert_true(digests[0] == digests[1]);
        assert_true(digests[0] != sim_run(78, echo_body, NULL));
}

/* ---- one connection inside one node ---- */

struct pair {
        struct os_listener *listener;
        struct os_sock *client, *server;
        struct os_peer peer;
};

static void pair_open(struct pair *p, bool is_unix)
{
        struct os_addr addr = {.host = "127.0.0.1"};

        if (is_unix) {
                OK(os_listen_unix(&p->listener, "/run/s", 0600, &err));
                OK(os_connect_unix(&p->client, "/run/s", in_ms(1000), &err));
        } else {
                OK(os_listen(&p->listener, &addr, false, &err));
                addr.port = os_listener_port(p->listener);
                OK(os_connect(&p->client, &addr, in_ms(1000), &err));
        }
        OK(os_accept(p->listener, in_ms(1000), &p->server, &p->peer, &err));
}

static void pair_close(struct pair *p)
{
        os_sock_close(p->client);
        os_sock_close(p->server);
        os_listener_close(p->listener);
}

static void deadlines_body(void *arg)
{
        static uint8_t much[100000];
        struct os_peer peer;
        struct os_sock *s;
        struct pair p;
        int64_t start;
        size_t n = 1;

        (void)arg;
        pair_open(&p, false);
        start = os_mono_ms();
        assert_int_equal(os_accept(p.listener, in_ms(1000), &s, &peer, &err), BDFS_TIMEOUT);
        assert_int_equal(os_sock_read(p.server, much, 1, in_ms(1000), &err), BDFS_TIMEOUT);
        assert_false(os_sock_wait_readable(p.server, in_ms(1000)));
        while (n > 0)
                OK(os_sock_write_now(p.client, much, sizeof(much), &n, &err));
        assert_int_equal(os_sock_write(p.client, much, 1, in_ms(1000), &err), BDFS_TIMEOUT);
        assert_true(os_mono_ms() >= start + 4000 && os_mono_ms() < start + 4100);
        assert_true(os_sock_wait_readable(p.server, in_ms(1000)));
        OK(os_sock_read(p.server, much, sizeof(much), in_ms(1000), &err));
        OK(os_sock_write(p.client, much, sizeof(much), in_ms(1000), &err));
        pair_close(&p);
}

static void every_wait_has_its_deadline(void **state)
{
        (void)state;
        for_every_seed(deadlines_body);
}

static void ends_body(void *arg)
{
        struct os_addr local, remote;
        struct pair p;
        uint8_t got[4];
        size_t n = 9;

        (void)arg;
        pair_open(&p, false);
        assert_true(p.peer.known);
        assert_int_equal(p.peer.uid, 1000);
        assert_int_equal(p.peer.pid, 0);
        os_sock_addrs(p.server, &local, &remote);
        assert_int_equal(local.port, os_listener_port(p.listener));
        assert_string_equal(remote.host, "127.0.0.1");
        OK(os_sock_write(p.client, "abc", 3, in_ms(1000), &err));
        os_sock_close(p.client);
        OK(os_sock_read(p.server, got, 3, in_ms(1000), &err)); /* sent before the end */
        OK(os_sock_read_some(p.server, got, 3, &n, in_ms(1000), &err));
        assert_int_equal(n, 0);
        assert_int_equal(os_sock_read(p.server, got, 1, in_ms(1000), &err), BDFS_CLOSED);
        os_sleep_ms(20);
        assert_int_equal(os_sock_write(p.server, "x", 1, in_ms(1000), &err), BDFS_CLOSED);
        p.client = NULL;
        pair_close(&p);
        pair_open(&p, false);
        OK(os_sock_write(p.client, "unread", 6, in_ms(1000), &err));
        os_sleep_ms(20);
        os_sock_close(p.server); /* a reset */
        assert_int_equal(os_sock_read_some(p.client, got, 1, &n, in_ms(1000), &err),
                         BDFS_CLOSED);
        p.server = NULL;
        pair_close(&p);
}

static void streams_end_as_the_kernels_do(void **state)
{
        (void)state;
        for_every_seed(ends_body);
}

static void block_in_accept(void *arg)
{
        struct pair *p = arg;
        struct os_sock *s;

        assert_int_equal(os_accept(p->listener, OS_FOREVER, &s, &p->peer, &err), BDFS_CLOSED);
}

static void block_in_read(void *arg)
{
        struct pair *p = arg;
        char c;

        assert_int_equal(os_sock_read(p->server, &c, 1, OS_FOREVER, &err), BDFS_CLOSED);
}

static void block_in_write(void *arg)
{
        static uint8_t much[1 << 20];
        struct pair *p = arg;

        assert_int_equal(os_sock_write(p->server, much, sizeof(much), OS_FOREVER, &err),
                         BDFS_CLOSED);
}

static void shutdown_body(void *arg)
{
        struct os_thread *t[3];
        struct pair p;

        (void)arg;
        pair_open(&p, false);
        OK(os_thread_start(&t[0], "accept", block_in_accept, &p, &err));
        OK(os_thread_start(&t[1], "read", block_in_read, &p, &err));
        OK(os_thread_start(&t[2], "write", block_in_write, &p, &err));
        os_sleep_ms(10);
        os_listener_shutdown(p.listener);
        os_sock_shutdown(p.server);
        os_sock_shutdown(p.server);
        for (int i = 0; i < 3; i++)
                os_thread_join(t[i]);
        pair_close(&p);
}

static void shutdown_wakes_who_waits(void **state)
{
        (void)state;
        for_every_seed(shutdown_body);
}

static void addresses_body(void *arg)
{
        struct os_addr addr = {.host = "127.0.0.1", .port = 7}, bad = {.host = "localhost"};
        struct os_addr outside = {.host = "10.0.0.1", .port = 7}, all = {.host = "0.0.0.0"};
        struct os_listener *a, *b;
        struct os_sock *s;

        (void)arg;
        assert_int_equal(os_connect(&s, &addr, in_ms(100), &err), BDFS_UNAVAILABLE);
        assert_int_equal(os_connect(&s, &bad, in_ms(100), &err), BDFS_INVALID);
        assert_int_equal(os_connect_unix(&s, "/none", in_ms(100), &err), BDFS_UNAVAILABLE);
        assert_int_equal(os_listen(&a, &bad, false, &err), BDFS_INVALID);
        assert_int_equal(os_listen(&a, &outside, false, &err), BDFS_PERMISSION);
        OK(os_listen(&a, &addr, false, &err));
        assert_int_equal(os_listen(&b, &addr, false, &err), BDFS_IO);
        OK(os_listen(&b, &all, true, &err));
        outside.port = os_listener_port(b);
        OK(os_connect(&s, &outside, in_ms(100), &err)); /* in the queue, never accepted */
        os_listener_close(b);
        assert_int_equal(os_sock_read(s, &bad, 1, in_ms(100), &err), BDFS_CLOSED);
        os_sock_close(s);
        os_listener_close(a);
}

static void addresses_are_numeric_and_free(void **state)
{
        (void)state;
        for_every_seed(addresses_body);
}

static void passing_body(void *arg)
{
        struct os_file *f, *got;
        struct os_file_part part;
        char text[8] = "";
        struct pair p;
        size_t n;

        (void)arg;
        OK(os_file_open(&f, "/secret", OS_READ | OS_WRITE | OS_CREATE, &err));
        OK(os_file_write(f, 0, "secret", 6, &err));
        pair_open(&p, true);
        assert_true(p.peer.known);
        assert_true(p.peer.pid != 0);
        OK(os_sock_send_fd(p.client, f, in_ms(1000), &err));
        OK(os_unlink("/secret", &err));
        OK(os_sock_recv_fd(p.server, &got, in_ms(1000), &err));
        OK(os_file_read(got, 0, text, 7, &n, &err));
        assert_string_equal(text, "secret");
        OK(os_file_close(got, &err));
        OK(os_sock_write(p.client, "f", 1, in_ms(1000), &err));
        assert_int_equal(os_sock_recv_fd(p.server, &got, in_ms(1000), &err), BDFS_PROTOCOL);
        OK(os_sock_send_fd(p.client, f, in_ms(1000), &err)); /* never received */
        part = (struct os_file_part){.file = f, .offset = 1, .n = 5};
        OK(os_sock_send_file(p.client, "h", 1, &part, in_ms(1000), &err));
        part.n = 6;
        assert_int_equal(os_sock_send_file(p.client, "", 0, &part, in_ms(1000), &err), BDFS_IO);
        OK(os_sock_read(p.server, text, 7, in_ms(1000), &err));
        assert_memory_equal(text, "fhecret", 7);
        OK(os_sock_send_fd(p.client, f, in_ms(1000), &err));
        OK(os_file_close(f, &err));
        pair_close(&p);
        pair_open(&p, false);
        OK(os_file_open(&f, "/other", OS_READ | OS_WRITE | OS_CREATE, &err));
        assert_int_equal(os_sock_send_fd(p.client, f, in_ms(100), &err), BDFS_INVALID);
        OK(os_file_close(f, &err));
        pair_close(&p);
}

static void descriptors_pass(void **state)
{
        (void)state;
        for_every_seed(passing_body);
}

/* ---- crashes of the other side ---- */

static void kill_body(void *arg)
{
        struct sim_node *server = start_echo();
        struct os_sock *s;
        enum bdfs_status rc;
        char c = 'c';

        (void)arg;
        OK(os_connect(&s, &server_addr, in_ms(1000), &err));
        OK(os_sock_write(s, &c, 1, in_ms(1000), &err));
        OK(os_sock_read(s, &c, 1, in_ms(1000), &err));
        sim_node_crash(server, SIM_KILL);
        assert_int_equal(os_sock_read(s, &c, 1, in_ms(1000), &err), BDFS_CLOSED);
        do
                rc = os_sock_write(s, &c, 1, in_ms(1000), &err);
        while (rc == BDFS_OK);
        assert_int_equal(rc, BDFS_CLOSED);
        os_sock_close(s);
        assert_int_equal(os_connect(&s, &server_addr, in_ms(1000), &err), BDFS_UNAVAILABLE);
        OK(sim_node_start(server, "accept", echo_server, NULL, &err));
        os_sleep_ms(1);
        OK(os_connect(&s, &server_addr, in_ms(1000), &err));
        OK(os_sock_write(s, &c, 1, in_ms(1000), &err));
        OK(os_sock_read(s, &c, 1, in_ms(1000), &err));
        os_sock_close(s);
}

static void a_killed_server_closes_its_connections(void **state)
{
        (void)state;
        for_every_seed(kill_body);
}

static void power_body(void *arg)
{
        struct sim_node *server = start_echo();
        struct os_sock *s, *silent;
        int64_t start;
        char c = 'c';

        (void)arg;
        OK(os_connect(&s, &server_addr, in_ms(1000), &err));
        OK(os_connect(&silent, &server_addr, in_ms(1000), &err));
        os_sleep_ms(20);
        sim_node_crash(server, SIM_POWER);
        start = os_mono_ms();
        assert_int_equal(os_sock_read(silent, &c, 1, in_ms(5000), &err), BDFS_TIMEOUT);
        OK(os_sock_write(s, &c, 1, in_ms(1000), &err));
        assert_int_equal(os_sock_read(s, &c, 1, OS_FOREVER, &err), BDFS_TIMEOUT);
        assert_true(os_mono_ms() >= start + 35000 && os_mono_ms() < start + 35100);
        os_sock_close(s);
        assert_int_equal(os_connect(&s, &server_addr, in_ms(3000), &err), BDFS_TIMEOUT);
        OK(sim_node_start(server, "accept", echo_server, NULL, &err));
        assert_int_equal(os_sock_read(silent, &c, 1, in_ms(1000), &err), BDFS_CLOSED);
        os_sock_close(silent);
        OK(os_connect(&s, &server_addr, in_ms(1000), &err));
        os_sock_close(s);
}

static void a_host_without_power_is_silent(void **state)
{
        (void)state;
        for_every_seed(power_body);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nodes_talk),
                cmocka_unit_test(every_wait_has_its_deadline),
                cmocka_unit_test(streams_end_as_the_kernels_do),
                cmocka_unit_test(shutdown_wakes_who_waits),
                cmocka_unit_test(addresses_are_numeric_and_free),
                cmocka_unit_test(descriptors_pass),
                cmocka_unit_test(a_killed_server_closes_its_connections),
                cmocka_unit_test(a_host_without_power_is_silent),
        };

        return cmocka_run_group_tests_name("os_sim_net", tests, NULL, NULL);
}
