/* The Linux seam: threads, clock, sockets and files, on loopback and in a temporary directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/os.h"

#define OK(call) assert_int_equal((call), BDFS_OK)

static struct bdfs_err err;
static char dir[64];

static int64_t in_ms(int64_t ms)
{
        return os_mono_ms() + ms;
}

static char *in_dir(const char *name)
{
        static char path[4][512];
        static unsigned next;
        char *p = path[next++ % 4];

        (void)snprintf(p, 512, "%s/%s", dir, name);
        return p;
}

struct pair {
        struct os_listener *listener;
        struct os_sock *client, *server;
        struct os_peer peer;
};

static void pair_open(struct pair *p)
{
        struct os_addr addr = {.host = "127.0.0.1"};

        OK(os_listen(&p->listener, &addr, false, &err));
        addr.port = os_listener_port(p->listener);
        OK(os_connect(&p->client, &addr, in_ms(5000), &err));
        OK(os_accept(p->listener, in_ms(5000), &p->server, &p->peer, &err));
}

static void pair_open_unix(struct pair *p)
{
        OK(os_listen_unix(&p->listener, in_dir("pair"), 0600, &err));
        OK(os_connect_unix(&p->client, in_dir("pair"), in_ms(5000), &err));
        OK(os_accept(p->listener, in_ms(5000), &p->server, &p->peer, &err));
}

static void pair_close(struct pair *p)
{
        os_sock_close(p->client);
        os_sock_close(p->server);
        os_listener_close(p->listener);
}

/* ---- threads and clock ---- */

struct counter {
        struct os_mutex lock;
        struct os_cond changed;
        int n; /* guarded by: lock */
};

static void count_up(void *arg)
{
        struct counter *c = arg;

        for (int i = 0; i < 1000; i++) {
                AUTO_LOCK(&c->lock);
                c->n++;
                os_cond_signal(&c->changed);
        }
}

static void counter_init(struct counter *c)
{
        os_mutex_init(&c->lock);
        os_cond_init(&c->changed);
        c->n = 0;
}

static void counter_fini(struct counter *c)
{
        os_cond_fini(&c->changed);
        os_mutex_fini(&c->lock);
}

static void threads_count_under_a_mutex(void **state)
{
        struct os_thread *t[4];
        struct counter c;

        (void)state;
        counter_init(&c);
        for (int i = 0; i < 4; i++)
                OK(os_thread_start(&t[i], "a-name-longer-than-15-bytes", count_up, &c, &err));
        os_mutex_lock(&c.lock);
        while (c.n < 4000)
                assert_true(os_cond_wait(&c.changed, &c.lock, in_ms(20000)));
        os_mutex_unlock(&c.lock);
        for (int i = 0; i < 4; i++)
                os_thread_join(t[i]);
        counter_fini(&c);
}

static void a_detached_thread_runs(void **state)
{
        struct os_thread *t;
        struct counter c;

        (void)state;
        counter_init(&c);
        OK(os_thread_start(&t, "detached", count_up, &c, &err));
        os_thread_detach(t);
        os_mutex_lock(&c.lock);
        while (c.n < 1000)
                assert_true(os_cond_wait(&c.changed, &c.lock, OS_FOREVER));
        os_mutex_unlock(&c.lock);
        counter_fini(&c);
}

static void cond_wait_ends_at_its_deadline(void **state)
{
        int64_t deadline = in_ms(30);
        struct counter c;

        (void)state;
        counter_init(&c);
        os_mutex_lock(&c.lock);
        while (os_cond_wait(&c.changed, &c.lock, deadline))
                continue;
        assert_true(os_mono_ms() >= deadline);
        assert_false(os_cond_wait(&c.changed, &c.lock, deadline));
        os_mutex_unlock(&c.lock);
        counter_fini(&c);
}

static void clocks_and_random_move(void **state)
{
        int64_t ms = os_mono_ms(), us = os_mono_us();
        char a[37], b[37];
        uint8_t r[2][32];

        (void)state;
        os_sleep_ms(5);
        assert_true(os_mono_ms() >= ms + 5);
        assert_true(os_mono_us() >= us + 5000);
        assert_true(os_wall_ms() > INT64_C(1600000000000));
        os_random(r[0], 32);
        os_random(r[1], 32);
        assert_memory_not_equal(r[0], r[1], 32);
        os_boot_id(a);
        os_boot_id(b);
        assert_int_equal(strlen(a), 36);
        assert_string_equal(a, b);
        assert_false(os_simulated());
}

/* ---- sockets ---- */

static void bytes_arrive_in_order(void **state)
{
        struct iovec iov[3] = {{.iov_base = (char[]){"ab"}, .iov_len = 2},
                               {.iov_base = NULL, .iov_len = 0},
                               {.iov_base = (char[]){"cde"}, .iov_len = 3}};
        struct os_addr local, peer;
        char got[8] = "";
        size_t n = 9;
        struct pair p;

        (void)state;
        pair_open(&p);
        OK(os_sock_writev(p.client, iov, 3, in_ms(1000), &err));
        assert_true(os_sock_wait_readable(p.server, in_ms(1000)));
        OK(os_sock_read(p.server, got, 5, in_ms(1000), &err));
        assert_string_equal(got, "abcde");
        os_sock_addrs(p.server, &local, &peer);
        assert_string_equal(local.host, "127.0.0.1");
        assert_int_equal(local.port, os_listener_port(p.listener));
        assert_string_equal(peer.host, "127.0.0.1");
        assert_int_not_equal(peer.port, 0);
        os_sock_close(p.client);
        p.client = NULL;
        OK(os_sock_read_some(p.server, got, 5, &n, in_ms(1000), &err));
        assert_int_equal(n, 0);
        assert_int_equal(os_sock_read(p.server, got, 1, in_ms(1000), &err), BDFS_CLOSED);
        pair_close(&p);
}

static void every_wait_has_its_deadline(void **state)
{
        static char much[1 << 20];
        int64_t start = os_mono_ms();
        struct os_sock *s;
        struct os_peer who;
        struct pair p;
        size_t n = 0;
        char c;

        (void)state;
        pair_open(&p);
        assert_int_equal(os_accept(p.listener, in_ms(10), &s, &who, &err), BDFS_TIMEOUT);
        assert_int_equal(os_sock_read(p.server, &c, 1, in_ms(10), &err), BDFS_TIMEOUT);
        assert_false(os_sock_wait_readable(p.server, in_ms(10)));
        assert_int_equal(os_sock_read_some(p.server, &c, 1, &n, start, &err), BDFS_TIMEOUT);
        do
                OK(os_sock_write_now(p.client, much, sizeof(much), &n, &err));
        while (n > 0);
        assert_int_equal(os_sock_write(p.client, much, sizeof(much), in_ms(10), &err),
                         BDFS_TIMEOUT);
        assert_true(os_mono_ms() >= start + 40);
        assert_non_null(strstr(err.text, "127.0.0.1"));
        pair_close(&p);
}

static void connecting_to_a_closed_port_is_unavailable(void **state)
{
        struct os_addr addr = {.host = "127.0.0.1"};
        struct os_addr bad = {.host = "localhost", .port = 1};
        struct os_listener *l;
        struct os_sock *s;

        (void)state;
        OK(os_listen(&l, &addr, false, &err));
        addr.port = os_listener_port(l);
        os_listener_close(l);
        assert_int_equal(os_connect(&s, &addr, in_ms(1000), &err), BDFS_UNAVAILABLE);
        assert_int_equal(os_connect(&s, &bad, in_ms(1000), &err), BDFS_INVALID);
        assert_int_equal(os_connect_unix(&s, in_dir("nobody"), in_ms(100), &err),
                         BDFS_NOT_FOUND);
}

static void listening_is_for_loopback_unless_said(void **state)
{
        static const char *const outside[] = {"0.0.0.0", "::", "10.1.2.3", "::ffff:10.0.0.1"};
        static const char *const inside[] = {"127.0.0.1", "127.9.9.9", "::1",
                                             "::ffff:127.0.0.1"};
        struct os_listener *l;

        (void)state;
        for (int i = 0; i < 4; i++) {
                struct os_addr addr = {.port = 0};

                memcpy(addr.host, outside[i], strlen(outside[i]) + 1);
                assert_int_equal(os_listen(&l, &addr, false, &err), BDFS_PERMISSION);
                memcpy(addr.host, inside[i], strlen(inside[i]) + 1);
                OK(os_listen(&l, &addr, false, &err));
                os_listener_close(l);
        }
        OK(os_listen(&l, &(struct os_addr){.host = "0.0.0.0"}, true, &err));
        os_listener_close(l);
}

struct blocked {
        struct pair p;
        enum bdfs_status rc;
        atomic_bool ready;
};

static void block_in_accept(void *arg)
{
        struct blocked *b = arg;
        struct os_sock *s;
        struct os_peer who;
        struct bdfs_err e;

        atomic_store(&b->ready, true);
        b->rc = os_accept(b->p.listener, OS_FOREVER, &s, &who, &e);
}

static void block_in_read(void *arg)
{
        struct blocked *b = arg;
        struct bdfs_err e;
        char c;

        atomic_store(&b->ready, true);
        b->rc = os_sock_read(b->p.server, &c, 1, OS_FOREVER, &e);
}

static void shutdown_wakes_who_waits(void **state)
{
        void (*const bodies[])(void *arg) = {block_in_accept, block_in_read};
        struct os_thread *t;
        struct blocked b;
        char c;

        (void)state;
        pair_open(&b.p);
        for (int i = 0; i < 2; i++) {
                b.rc = BDFS_OK;
                atomic_init(&b.ready, false);
                OK(os_thread_start(&t, "blocked", bodies[i], &b, &err));
                while (!atomic_load(&b.ready))
                        os_sleep_ms(1);
                os_sleep_ms(5);
                if (i == 0)
                        os_listener_shutdown(b.p.listener);
                else
                        os_sock_shutdown(b.p.server);
                os_thread_join(t);
                assert_int_equal(b.rc, BDFS_CLOSED);
        }
        os_sock_shutdown(b.p.server);
        assert_int_equal(os_sock_read(b.p.server, &c, 1, in_ms(1000), &err), BDFS_CLOSED);
        assert_int_equal(os_sock_write(b.p.server, &c, 1, in_ms(1000), &err), BDFS_CLOSED);
        pair_close(&b.p);
}

static void write_to_a_reset_connection_is_closed(void **state)
{
        struct pair p;
        char c[4] = "x";
        enum bdfs_status rc = BDFS_OK;

        (void)state;
        pair_open(&p);
        OK(os_sock_write(p.server, c, 4, in_ms(1000), &err));
        assert_true(os_sock_wait_readable(p.client, in_ms(1000)));
        os_sock_close(p.client); /* with unread bytes: a reset */
        p.client = NULL;
        for (int i = 0; i < 100 && rc == BDFS_OK; i++) {
                rc = os_sock_write(p.server, c, 1, in_ms(1000), &err);
                os_sleep_ms(1);
        }
        assert_int_equal(rc, BDFS_CLOSED);
        pair_close(&p);
}

static void unix_sockets_replace_only_sockets(void **state)
{
        struct os_listener *a, *b;
        struct os_sock *s;
        struct os_file *f;
        struct stat st;

        (void)state;
        OK(os_listen_unix(&a, in_dir("sock"), 0666, &err));
        OK(os_listen_unix(&b, in_dir("sock"), 0600, &err));
        assert_int_equal(stat(in_dir("sock"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        OK(os_connect_unix(&s, in_dir("sock"), in_ms(1000), &err));
        os_sock_close(s);
        os_listener_close(a);
        os_listener_close(b);
        assert_int_equal(os_connect_unix(&s, in_dir("sock"), in_ms(100), &err),
                         BDFS_UNAVAILABLE);
        OK(os_file_open(&f, in_dir("plain"), OS_WRITE | OS_CREATE, &err));
        OK(os_file_close(f, &err));
        assert_int_equal(os_listen_unix(&a, in_dir("plain"), 0600, &err), BDFS_EXISTS);
}

static void unix_sockets_work_below_long_paths(void **state)
{
        char name[160];
        char *path;
        struct os_listener *l;
        struct os_sock *s;

        (void)state;
        memset(name, 'd', 150);
        name[150] = '\0';
        OK(os_mkdir(in_dir(name), 0700, &err));
        memcpy(name + 150, "/sock", 6);
        path = in_dir(name);
        OK(os_listen_unix(&l, path, 0600, &err));
        OK(os_connect_unix(&s, path, in_ms(1000), &err));
        os_sock_close(s);
        os_listener_close(l);
        memset(name + 151, 's', 8);
        assert_int_equal(os_connect_unix(&s, path, in_ms(1000), &err), BDFS_UNAVAILABLE);
}

static void a_descriptor_passes_over_a_unix_socket(void **state)
{
        struct os_file *f, *got;
        char text[8] = "";
        size_t n;
        struct pair p;

        (void)state;
        OK(os_file_open(&f, in_dir("passed"), OS_READ | OS_WRITE | OS_CREATE, &err));
        OK(os_file_write(f, 0, "secret", 6, &err));
        pair_open_unix(&p);
        OK(os_sock_send_fd(p.client, f, in_ms(1000), &err));
        OK(os_file_close(f, &err));
        OK(os_unlink(in_dir("passed"), &err));
        OK(os_sock_recv_fd(p.server, &got, in_ms(1000), &err));
        OK(os_file_read(got, 0, text, sizeof(text) - 1, &n, &err));
        assert_string_equal(text, "secret");
        OK(os_file_close(got, &err));
        assert_int_equal(os_sock_recv_fd(p.server, &got, in_ms(10), &err), BDFS_TIMEOUT);
        OK(os_sock_write(p.client, "f", 1, in_ms(1000), &err));
        assert_int_equal(os_sock_recv_fd(p.server, &got, in_ms(1000), &err), BDFS_PROTOCOL);
        os_sock_close(p.client);
        p.client = NULL;
        assert_int_equal(os_sock_recv_fd(p.server, &got, in_ms(1000), &err), BDFS_CLOSED);
        pair_close(&p);
}

struct sender {
        struct os_sock *s;
        struct os_file *f;
        size_t n;
        enum bdfs_status rc;
};

static void send_all(void *arg)
{
        struct sender *x = arg;
        struct bdfs_err e;

        x->rc = os_sock_send_file(x->s, "head", 4, &(struct os_file_part){x->f, 3, x->n},
                                  os_mono_ms() + 10000, &e);
}

static void a_file_goes_straight_to_a_socket(void **state)
{
        static uint8_t data[3 << 20], got[3 << 20];
        struct sender x = {.n = sizeof(data) - 3};
        struct os_file_part part = {.offset = sizeof(data), .n = 1};
        struct os_thread *t;
        struct pair p;

        (void)state;
        os_random(data, sizeof(data));
        pair_open(&p);
        x.s = p.client;
        OK(os_file_open(&x.f, in_dir("big"), OS_READ | OS_WRITE | OS_CREATE, &err));
        OK(os_file_write(x.f, 0, data, sizeof(data), &err));
        OK(os_thread_start(&t, "sender", send_all, &x, &err));
        OK(os_sock_read(p.server, got, 4, in_ms(10000), &err));
        assert_memory_equal(got, "head", 4);
        OK(os_sock_read(p.server, got, x.n, in_ms(10000), &err));
        os_thread_join(t);
        OK(x.rc);
        assert_memory_equal(data + 3, got, x.n);
        part.file = x.f;
        assert_int_equal(os_sock_send_file(p.client, "", 0, &part, in_ms(100), &err), BDFS_IO);
        part.offset = 0;
        OK(os_sock_send_file(p.client, "", 0, &part, in_ms(100), &err));
        OK(os_sock_read(p.server, got, 1, in_ms(10000), &err));
        assert_int_equal(got[0], data[0]);
        os_sock_shutdown(p.client);
        assert_int_equal(os_sock_send_file(p.client, "", 0, &part, in_ms(100), &err),
                         BDFS_CLOSED);
        OK(os_file_close(x.f, &err));
        pair_close(&p);
}

static int make_dir(void **state)
{
        (void)state;
        (void)snprintf(dir, sizeof(dir), "/tmp/bdfs-os-XXXXXX");
        return mkdtemp(dir) == NULL;
}

static int drop_dir(void **state)
{
        char command[96];

        (void)state;
        (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(threads_count_under_a_mutex),
                cmocka_unit_test(a_detached_thread_runs),
                cmocka_unit_test(cond_wait_ends_at_its_deadline),
                cmocka_unit_test(clocks_and_random_move),
                cmocka_unit_test(bytes_arrive_in_order),
                cmocka_unit_test(every_wait_has_its_deadline),
                cmocka_unit_test(connecting_to_a_closed_port_is_unavailable),
                cmocka_unit_test(listening_is_for_loopback_unless_said),
                cmocka_unit_test(shutdown_wakes_who_waits),
                cmocka_unit_test(write_to_a_reset_connection_is_closed),
                cmocka_unit_test(unix_sockets_replace_only_sockets),
                cmocka_unit_test(unix_sockets_work_below_long_paths),
                cmocka_unit_test(a_descriptor_passes_over_a_unix_socket),
                cmocka_unit_test(a_file_goes_straight_to_a_socket),
        };

        return cmocka_run_group_tests_name("os", tests, make_dir, drop_dir);
}
