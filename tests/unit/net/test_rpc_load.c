#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/net/test_rpc_kit.h"

struct worker {
        struct rpc_client *client;
        struct os_thread *thread;
        unsigned first, calls;
        int64_t until_ms; /* instead of calls, when not 0 */
        uint64_t done;
        unsigned wrong;
        struct bdfs_err err;
};

static void worker_run(void *arg)
{
        struct worker *w = arg;

        for (unsigned i = 0; w->until_ms != 0 ? os_mono_ms() < w->until_ms : i < w->calls; i++) {
                uint64_t value = 0, want = w->first + i;
                char script[40];

                (void)snprintf(script, sizeof(script), "now:%llu", (unsigned long long)want);
                if (kit_ask(w->client, script, &value, kit_soon(30000), &w->err) != BDFS_OK ||
                    value != want)
                        w->wrong++;
                w->done++;
        }
}

static void workers_run(struct worker *w, unsigned n)
{
        struct bdfs_err err;

        for (unsigned i = 0; i < n; i++)
                assert_int_equal(os_thread_start(&w[i].thread, "worker", worker_run, &w[i], &err),
                                 BDFS_OK);
        for (unsigned i = 0; i < n; i++)
                os_thread_join(w[i].thread);
        for (unsigned i = 0; i < n; i++) {
                if (w[i].wrong > 0)
                        print_message("worker %u: %u wrong: %s\n", i, w[i].wrong, w[i].err.text);
                assert_int_equal(w[i].wrong, 0);
        }
}

struct pair {
        struct worker worker;
        pthread_barrier_t *together;
};

static void pair_run(void *arg)
{
        struct pair *p = arg;
        struct worker *w = &p->worker;

        for (unsigned i = 0; i < w->calls; i++) {
                uint64_t value = 0;

                (void)pthread_barrier_wait(p->together);
                if (w->wrong == 0 && kit_ask(w->client, "now:1", &value, kit_soon(10000),
                                             &w->err) != BDFS_OK)
                        w->wrong++;
        }
}

/* One may leave with its answer while the other one's request lies in the outbox: nobody else
 * comes who would send it. */
static void two_callers_of_one_connection_and_then_nobody(void **state)
{
        struct pair p[2] = {{.worker = {.calls = 20000}}, {.worker = {.calls = 20000}}};
        pthread_barrier_t together;
        struct bdfs_err err;
        struct kit kit;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        p[0].worker.client = p[1].worker.client = kit_client(&kit);
        assert_int_equal(pthread_barrier_init(&together, NULL, 2), 0);
        for (int i = 0; i < 2; i++) {
                p[i].together = &together;
                assert_int_equal(os_thread_start(&p[i].worker.thread, "pair", pair_run, &p[i],
                                                 &err), BDFS_OK);
        }
        for (int i = 0; i < 2; i++)
                os_thread_join(p[i].worker.thread);
        for (int i = 0; i < 2; i++)
                assert_int_equal(p[i].worker.wrong, 0);
        (void)pthread_barrier_destroy(&together);
        rpc_client_free(p[0].worker.client);
        kit_fini(&kit);
}

static void a_hundred_connections_with_a_hundred_calls_each(void **state)
{
        static struct worker w[100];
        struct kit kit;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        for (unsigned i = 0; i < 100; i++)
                w[i] = (struct worker){.client = kit_client(&kit), .first = i * 1000, .calls = 100};
        workers_run(w, 100);
        assert_int_equal(kit.calls_n, 10000);
        for (unsigned i = 0; i < 100; i++)
                rpc_client_free(w[i].client);
        kit_fini(&kit);
}

static void a_hundred_threads_share_one_connection(void **state)
{
        static struct worker w[100];
        struct kit kit;
        struct rpc_client *c;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        c = kit_client(&kit);
        for (unsigned i = 0; i < 100; i++)
                w[i] = (struct worker){.client = c, .first = i * 1000, .calls = 100};
        workers_run(w, 100);
        assert_int_equal(kit.calls_n, 10000);
        rpc_client_free(c);
        kit_fini(&kit);
}

struct chaos {
        struct kit *kit;
        uint16_t port;
        atomic_bool stop;
        unsigned restarts;
};

static void chaos_run(void *arg)
{
        struct chaos *chaos = arg;

        while (!atomic_load(&chaos->stop)) {
                os_sleep_ms(20);
                kit_stop(chaos->kit);
                chaos->kit->config.own.port = chaos->port;
                kit_start(chaos->kit);
                chaos->restarts++;
        }
}

static void calls_survive_a_server_that_keeps_restarting(void **state)
{
        static struct worker w[16];
        struct chaos chaos = {0};
        struct kit kit;
        struct rpc_client *c[4];
        struct os_thread *thread;
        struct bdfs_err err;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        chaos.kit = &kit;
        chaos.port = kit_addr(&kit).port;
        for (unsigned i = 0; i < 4; i++)
                c[i] = kit_client(&kit);
        assert_int_equal(os_thread_start(&thread, "chaos", chaos_run, &chaos, &err), BDFS_OK);
        for (unsigned i = 0; i < 16; i++)
                w[i] = (struct worker){.client = c[i % 4], .first = i, .until_ms = kit_soon(2000)};
        workers_run(w, 16);
        atomic_store(&chaos.stop, true);
        os_thread_join(thread);
        assert_true(chaos.restarts > 1);
        for (unsigned i = 0; i < 4; i++)
                rpc_client_free(c[i]);
        kit_fini(&kit);
}

static void rate(unsigned clients, unsigned threads)
{
        static struct worker w[64];
        struct kit kit;
        struct rpc_client *c[64];
        uint64_t done = 0;
        int64_t began_us, us;

        kit_init(&kit);
        kit_start(&kit);
        for (unsigned i = 0; i < clients; i++)
                c[i] = kit_client(&kit);
        for (unsigned i = 0; i < threads; i++)
                w[i] = (struct worker){.client = c[i % clients], .until_ms = kit_soon(700)};
        began_us = os_mono_us();
        workers_run(w, threads);
        us = os_mono_us() - began_us;
        for (unsigned i = 0; i < threads; i++)
                done += w[i].done;
        print_message("%2u connections, %2u callers: %7.0f calls/s\n", clients, threads,
                      (double)done * 1e6 / (double)us);
        for (unsigned i = 0; i < clients; i++)
                rpc_client_free(c[i]);
        kit_fini(&kit);
}

#define PIPELINED 64

static void pipelined_run(void *arg)
{
        struct worker *w = arg;
        struct rpc_client *none = w->client;
        struct kit *kit = (void *)none;
        struct os_sock *s = raw_connect(kit);
        struct ipc_response r;
        struct buf out, in;

        buf_init(&out, 0);
        buf_init(&in, 0);
        raw_hello(s, false);
        raw_add_context(&out, kit->user);
        while (os_mono_ms() < w->until_ms) {
                for (int32_t i = 0; i < PIPELINED; i++)
                        raw_add_call(&out, i, "now:1");
                raw_send_buf(s, &out);
                for (unsigned i = 0; i < PIPELINED; i++)
                        w->wrong += raw_read(s, &in, &r, 5000, &w->err) != BDFS_OK;
                w->done += PIPELINED;
        }
        os_sock_close(s);
        buf_fini(&out);
        buf_fini(&in);
}

static void rate_pipelined(unsigned connections)
{
        static struct worker w[8];
        struct kit kit;
        struct bdfs_err err;
        uint64_t done = 0;
        int64_t began_us, us;

        kit_init(&kit);
        kit_start(&kit);
        began_us = os_mono_us();
        for (unsigned i = 0; i < connections; i++) {
                w[i] = (struct worker){.client = (void *)&kit, .until_ms = kit_soon(700)};
                assert_int_equal(os_thread_start(&w[i].thread, "raw", pipelined_run, &w[i], &err),
                                 BDFS_OK);
        }
        for (unsigned i = 0; i < connections; i++) {
                os_thread_join(w[i].thread);
                assert_int_equal(w[i].wrong, 0);
                done += w[i].done;
        }
        us = os_mono_us() - began_us;
        print_message("%2u connections, %2u deep     : %7.0f calls/s\n", connections, PIPELINED,
                      (double)done * 1e6 / (double)us);
        kit_fini(&kit);
}

static void throughput_is_printed(void **state)
{
        (void)state;
        rate(1, 1);
        rate(8, 8);
        rate(8, 32);
        rate(1, 8);
        rate(1, 32);
        rate_pipelined(8);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(two_callers_of_one_connection_and_then_nobody),
                cmocka_unit_test(a_hundred_connections_with_a_hundred_calls_each),
                cmocka_unit_test(a_hundred_threads_share_one_connection),
                cmocka_unit_test(calls_survive_a_server_that_keeps_restarting),
                cmocka_unit_test(throughput_is_printed),
        };

        log_open("test_rpc", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
