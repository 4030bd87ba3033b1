/* The simulator: fibers, virtual time, seeds, crashes and what it aborts on. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/sim/os_sim.h"

#define OK(call) assert_int_equal((call), BDFS_OK)

static struct bdfs_err err;

/* ---- seeds ---- */

struct order {
        struct os_mutex lock;
        struct os_cond changed;
        unsigned n;
        uint8_t who[64];
};

struct worker {
        struct order *order;
        uint8_t id;
};

static void work(void *arg)
{
        struct worker *w = arg;

        for (int i = 0; i < 8; i++) {
                AUTO_LOCK(&w->order->lock);
                w->order->who[w->order->n++] = w->id;
                os_cond_signal(&w->order->changed);
        }
}

static void race(void *arg)
{
        struct order *order = arg;
        struct os_thread *t[8];
        struct worker w[8];

        os_mutex_init(&order->lock);
        os_cond_init(&order->changed);
        for (uint8_t i = 0; i < 8; i++) {
                w[i] = (struct worker){.order = order, .id = i};
                OK(os_thread_start(&t[i], "worker", work, &w[i], &err));
        }
        os_mutex_lock(&order->lock);
        while (order->n < 64)
                assert_true(os_cond_wait(&order->changed, &order->lock, OS_FOREVER));
        os_mutex_unlock(&order->lock);
        for (int i = 0; i < 8; i++)
                os_thread_join(t[i]);
        os_cond_fini(&order->changed);
        os_mutex_fini(&order->lock);
}

static void a_seed_decides_everything(void **state)
{
        unsigned different = 0;
        uint64_t last = 0;

        (void)state;
        for (uint64_t seed = 1; seed <= 20; seed++) {
                struct order a = {.n = 0}, b = {.n = 0};
                uint64_t first = sim_run(seed, race, &a);

                assert_true(sim_run(seed, race, &b) == first);
                assert_memory_equal(a.who, b.who, sizeof(a.who));
                assert_true(first != last);
                last = first;
                for (int i = 0; i < 64; i++)
                        different += a.who[i] != i / 8;
        }
        assert_true(different > 0);
}

static void random_bytes_come_from_the_seed_body(void *arg)
{
        uint8_t *to = arg;
        char boot[37];

        os_random(to, 21);
        os_boot_id(boot);
        assert_int_equal(strlen(boot), 36);
}

static void random_bytes_come_from_the_seed(void **state)
{
        uint8_t a[21], b[21], c[21];

        (void)state;
        (void)sim_run(1, random_bytes_come_from_the_seed_body, a);
        (void)sim_run(1, random_bytes_come_from_the_seed_body, b);
        (void)sim_run(2, random_bytes_come_from_the_seed_body, c);
        assert_memory_equal(a, b, 21);
        assert_memory_not_equal(a, c, 21);
}

/* ---- time ---- */

static void wait_long(void *arg)
{
        int64_t start = os_mono_ms(), wall = os_wall_ms(), deadline = start + 3600000;
        struct os_mutex m;
        struct os_cond c;

        (void)arg;
        os_mutex_init(&m);
        os_cond_init(&c);
        os_sleep_ms(1800000);
        assert_true(os_mono_ms() >= start + 1800000 && os_mono_ms() < start + 1800010);
        assert_true(os_wall_ms() >= wall + 1800000);
        os_mutex_lock(&m);
        while (os_cond_wait(&c, &m, deadline))
                continue;
        assert_true(os_mono_ms() >= deadline && os_mono_ms() < deadline + 10);
        assert_false(os_cond_wait(&c, &m, deadline));
        os_mutex_unlock(&m);
        os_cond_fini(&c);
        os_mutex_fini(&m);
        deadline = os_mono_ms() + 1;
        while (os_mono_ms() < deadline) /* only looks at the clock, and ends */
                continue;
        assert_true(os_simulated());
}

static void waiting_takes_no_real_time(void **state)
{
        struct timespec a, b;

        (void)state;
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &a), 0);
        (void)sim_run(3, wait_long, NULL);
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &b), 0);
        assert_true(b.tv_sec - a.tv_sec < 30);
}

/* ---- crashes ---- */

struct victim {
        struct os_mutex lock;
        struct os_cond never;
        unsigned started, unwound;
};

static void victim_thread(void *arg)
{
        struct victim *v = arg;

        v->started++;
        os_mutex_lock(&v->lock);
        while (os_cond_wait(&v->never, &v->lock, OS_FOREVER))
                continue;
        os_mutex_unlock(&v->lock);
        v->unwound++;
}

static void victim_main(void *arg)
{
        struct victim *v = arg;
        struct os_thread *t, *more;
        struct os_file *f;
        struct bdfs_err e;
        void *room = malloc(100); /* must be freed on the way out */

        v->started++;
        OK(os_thread_start(&t, "victim2", victim_thread, v, &e));
        os_sleep_ms(86400000);
        assert_int_equal(os_file_open(&f, "/x", OS_WRITE | OS_CREATE, &e), BDFS_IO);
        assert_int_equal(os_thread_start(&more, "no", victim_thread, v, &e), BDFS_IO);
        os_thread_join(t);
        free(room);
        v->unwound++;
}

static void crash_and_restart(void *arg)
{
        struct sim_node *n = sim_node_new("victim");
        struct victim *v = arg;
        char boots[3][37];

        os_mutex_init(&v->lock);
        os_cond_init(&v->never);
        for (unsigned i = 1; i <= 3; i++) {
                OK(sim_node_start(n, "victim", victim_main, v, &err));
                os_sleep_ms(1000);
                assert_int_equal(sim_node_fibers(n), 2);
                assert_int_equal(v->started, 2 * i);
                sim_node_crash(n, i == 2 ? SIM_POWER : SIM_KILL);
                sim_node_join(n);
                assert_int_equal(sim_node_fibers(n), 0);
                assert_int_equal(v->unwound, 2 * i);
                os_boot_id(boots[i - 1]);
        }
        assert_string_equal(boots[0], boots[2]); /* this node's own, which never lost power */
        assert_string_equal(sim_node_name(n), "victim");
        OK(sim_node_start(n, "victim", victim_main, v, &err)); /* the end of the run takes it */
        os_sleep_ms(10);
}

static void crashed_fibers_unwind(void **state)
{
        (void)state;
        for (uint64_t seed = 0; seed < 20; seed++) {
                struct victim v = {.started = 0};

                (void)sim_run(seed, crash_and_restart, &v);
                assert_int_equal(v.unwound, 8);
        }
}

static void boot_id_to(void *arg)
{
        os_boot_id(arg);
}

static void power_loss_changes_the_boot_id_body(void *arg)
{
        struct sim_node *n = sim_node_new("n");
        char ids[3][37];

        (void)arg;
        for (int i = 0; i < 3; i++) {
                OK(sim_node_start(n, "id", boot_id_to, ids[i], &err));
                sim_node_join(n);
                sim_node_crash(n, i == 0 ? SIM_KILL : SIM_POWER);
        }
        assert_string_equal(ids[0], ids[1]);
        assert_string_not_equal(ids[1], ids[2]);
}

static void power_loss_changes_the_boot_id(void **state)
{
        (void)state;
        (void)sim_run(1, power_loss_changes_the_boot_id_body, NULL);
}

/* ---- what aborts ---- */

static void aborts_saying(void (*body)(void *arg), const char *words)
{
        char text[4096];
        int out[2], code = 0;
        size_t n = 0;
        ssize_t got;
        pid_t child;

        assert_int_equal(pipe(out), 0);
        child = fork();
        if (child == 0) {
                (void)signal(SIGABRT, SIG_DFL);
                (void)dup2(out[1], STDERR_FILENO);
                (void)sim_run(1, body, NULL);
                _exit(0);
        }
        assert_int_equal(close(out[1]), 0);
        while (n < sizeof(text) - 1 && (got = read(out[0], text + n, sizeof(text) - 1 - n)) > 0)
                n += (size_t)got;
        text[n] = '\0';
        assert_int_equal(close(out[0]), 0);
        assert_int_equal(waitpid(child, &code, 0), child);
        assert_true(WIFSIGNALED(code) && WTERMSIG(code) == SIGABRT);
        if (strstr(text, words) == NULL)
                fail_msg("\"%s\" is not in: %s", words, text);
}

static void deadlock(void *arg)
{
        struct os_mutex m;
        struct os_cond c;

        (void)arg;
        os_mutex_init(&m);
        os_cond_init(&c);
        os_mutex_lock(&m);
        while (os_cond_wait(&c, &m, OS_FOREVER))
                continue;
}

static void spin(void *arg)
{
        (void)arg;
        for (;;)
                os_sleep_ms(1);
}

static void never_unwinds(void *arg)
{
        struct sim_node *n = sim_node_new("spinner");

        (void)arg;
        OK(sim_node_start(n, "spin", spin, NULL, &err));
        sim_node_crash(n, SIM_KILL);
        sim_node_join(n);
}

static void runs_too_long(void *arg)
{
        (void)arg;
        sim_time_limit(5000);
        spin(NULL);
}

static void locks_twice(void *arg)
{
        struct os_mutex m;

        (void)arg;
        os_mutex_init(&m);
        os_mutex_lock(&m);
        os_mutex_lock(&m);
}

static void hopeless_runs_abort_with_a_list_of_fibers(void **state)
{
        (void)state;
        aborts_saying(deadlock, "deadlock: no fiber can run");
        aborts_saying(deadlock, "main/main#0 waits in COND_WAIT");
        aborts_saying(never_unwinds, "spinner/spin#1");
        aborts_saying(never_unwinds, "does not unwind");
        aborts_saying(runs_too_long, "the time limit has passed");
        aborts_saying(locks_twice, "m->owner != sim_self()");
}

/* ---- the rest ---- */

static void trace_body(void *arg)
{
        uint64_t before = sim_digest();

        sim_trace(arg);
        os_sleep_ms(1);
        sim_trace(NULL);
        os_sleep_ms(1);
        assert_true(sim_digest() != before);
}

static void events_can_be_traced(void **state)
{
        char *text = NULL;
        size_t bytes = 0;
        FILE *to = open_memstream(&text, &bytes);

        (void)state;
        (void)sim_run(1, trace_body, to);
        assert_int_equal(fclose(to), 0);
        assert_non_null(strstr(text, "main/main#0 SLEEP 1\n"));
        assert_null(strchr(strchr(text, '\n') + 1, '\n'));
        free(text);
}

static void users_body(void *arg)
{
        static struct os_groups g;
        char name[OS_NAME_BYTES];
        uid_t uid;
        gid_t gid;

        (void)arg;
        sim_user_add(7, "eve", "staff,wheel");
        OK(os_user_name(7, name, &err));
        assert_string_equal(name, "eve");
        OK(os_user_id("eve", &uid, &gid, &err));
        assert_int_equal(uid, 7);
        OK(os_user_groups("eve", &g, &err));
        assert_int_equal(g.n, 2);
        assert_string_equal(g.names[0], "staff");
        assert_string_equal(g.names[1], "wheel");
        assert_int_equal(os_user_name(8, name, &err), BDFS_NOT_FOUND);
        assert_int_equal(os_user_id("bob", &uid, &gid, &err), BDFS_NOT_FOUND);
        assert_int_equal(os_user_groups("bob", &g, &err), BDFS_NOT_FOUND);
        assert_int_equal(os_own_uid(), 1000);
        sim_node_set_uid(sim_node_self(), 7);
        assert_int_equal(os_own_uid(), 7);
}

static void users_are_the_tests(void **state)
{
        (void)state;
        (void)sim_run(1, users_body, NULL);
}

static void nothing(void *arg)
{
        (*(unsigned *)arg)++;
}

static void many_body(void *arg)
{
        static struct os_thread *t[500];

        for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 500; i++)
                        OK(os_thread_start(&t[i], "short", nothing, arg, &err));
                for (int i = 0; i < 500; i++) {
                        if (i % 2 == 0)
                                os_thread_join(t[i]);
                        else
                                os_thread_detach(t[i]);
                }
        }
        os_sleep_ms(1);
}

static void fibers_come_and_go(void **state)
{
        unsigned n = 0;

        (void)state;
        (void)sim_run(1, many_body, &n);
        assert_int_equal(n, 1500);
}

static void a_mutex_works_before_the_run(void **state)
{
        struct os_mutex m;

        (void)state;
        os_mutex_init(&m);
        os_mutex_lock(&m);
        os_mutex_unlock(&m);
        os_mutex_fini(&m);
        assert_true(os_wall_ms() > 0);
        assert_int_equal(os_mono_ms(), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_seed_decides_everything),
                cmocka_unit_test(random_bytes_come_from_the_seed),
                cmocka_unit_test(waiting_takes_no_real_time),
                cmocka_unit_test(crashed_fibers_unwind),
                cmocka_unit_test(power_loss_changes_the_boot_id),
                cmocka_unit_test(hopeless_runs_abort_with_a_list_of_fibers),
                cmocka_unit_test(events_can_be_traced),
                cmocka_unit_test(users_are_the_tests),
                cmocka_unit_test(fibers_come_and_go),
                cmocka_unit_test(a_mutex_works_before_the_run),
        };

        return cmocka_run_group_tests_name("os_sim", tests, NULL, NULL);
}
