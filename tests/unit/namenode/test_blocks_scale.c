/* Many blocks, and many threads. */
#include <stdatomic.h>

#include "tests/unit/namenode/test_blocks_kit.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
        __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MANY 50000ULL
#else
#define MANY 1000000ULL
#endif
#define CHANGED 100

static struct kit *k;

static int set_up(void **state)
{
        (void)state;
        k = kit_new();
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        kit_free(k);
        return 0;
}

static void put_many_blocks(void)
{
        for (uint64_t i = 0; i < MANY;) {
                struct store_txn *t = kit_write(k);
                uint64_t end = i + 20000 < MANY ? i + 20000 : MANY;

                for (; i < end; i++)
                        kit_put_block(t, KIT_FIRST + i, KIT_STAMP, 4096, BLOCK_COMPLETE, 1);
                kit_commit(t);
        }
}

static void give_many_replicas(struct kit_node *n)
{
        for (uint64_t i = 0; i < MANY; i++) {
                struct kit_row row = {KIT_FIRST + i, KIT_STAMP, 4096, KIT_FINALIZED};

                kit_row(n, &row);
        }
}

static int64_t since_ms(int64_t *before)
{
        int64_t now_ms = os_mono_ms(), passed = now_ms - *before;

        *before = now_ms;
        return passed;
}

static void a_million_blocks_reconnect_with_what_changed(void **state)
{
        struct kit_node *n = &k->node[1];
        int64_t clock = os_mono_ms();
        size_t full;

        (void)state;
        put_many_blocks();
        give_many_replicas(n);
        print_message("%llu blocks made: %lld ms\n", MANY, (long long)since_ms(&clock));
        assert_int_equal(kit_join(k, 1), KIT_FULL);
        full = n->bytes;
        print_message("full report: %zu bytes, %lld ms\n", full, (long long)since_ms(&clock));

        while (blocks_tick(k->b, kit_now_ms)) /* everything is looked at once */
                ;
        n->bytes = 0;
        kit_restart(k, false);
        assert_true(blocks_safe_mode(k->b, SAFE_MODE_GET));
        (void)since_ms(&clock);
        assert_int_equal(kit_join(k, 1), KIT_NONE);
        (void)blocks_tick(k->b, kit_now_ms);
        assert_false(blocks_safe_mode(k->b, SAFE_MODE_GET));
        print_message("nothing changed, out of safe mode: %zu bytes, %lld ms\n", n->bytes,
                      (long long)since_ms(&clock));
        assert_true(n->bytes < 1000);

        n->bytes = 0;
        for (uint64_t i = 0; i < CHANGED; i++)
                kit_change(n, KIT_FIRST + 7 * i, KIT_STAMP, 0, KIT_GONE);
        (void)since_ms(&clock);
        assert_int_equal(kit_join(k, 1), KIT_DELTA);
        print_message("%d changes: %zu bytes, %lld ms\n", CHANGED, n->bytes,
                      (long long)since_ms(&clock));
        assert_true(n->bytes < 1000 + 32 * CHANGED);
        assert_true(nodes_get(&k->b->nodes, 1)->counted);
        assert_true(full > MANY * 5);
}

static void all_blocks_are_looked_at_in_slices(void **state)
{
        int64_t clock = os_mono_ms(), longest = 0;
        size_t ticks = 0;
        struct blocks_stats s;

        (void)state;
        put_many_blocks();
        give_many_replicas(&k->node[1]);
        (void)kit_join(k, 1);
        k->node[1].alive = false;
        for (uint64_t i = 0; i < MANY; i += 1000)
                kit_free_block(k, KIT_FIRST + i);
        k->b->rescan_ms = 0;
        (void)since_ms(&clock);
        do {
                int64_t before = os_mono_ms(), took;

                ticks++;
                if (!blocks_tick(k->b, kit_now_ms))
                        break;
                took = os_mono_ms() - before;
                longest = took > longest ? took : longest;
        } while (ticks < 10 * MANY / BLOCKS_SLICE);
        blocks_stats(k->b, &s);
        print_message("%zu slices: %lld ms, longest %lld ms\n", ticks, (long long)since_ms(&clock),
                      (long long)longest);
        assert_int_equal(s.pending_deletion, MANY / 1000);
        assert_true(ticks >= MANY / BLOCKS_SLICE);
}

static void one_sealed_replica_is_reported_in_a_moment(void **state)
{
        const uint64_t many = 2000;
        int64_t before_us;

        (void)state;
        (void)kit_join(k, 1);
        for (uint64_t i = 0; i < many; i++)
                kit_block(k, KIT_FIRST + i, KIT_STAMP, 0, BLOCK_UNDER_CONSTRUCTION, 1);
        before_us = os_mono_us();
        for (uint64_t i = 0; i < many; i++) {
                kit_change(&k->node[1], KIT_FIRST + i, KIT_STAMP, 4096, KIT_FINALIZED);
                kit_report(k, 1);
        }
        print_message("one report: %lld us\n", (long long)(os_mono_us() - before_us) / (long)many);
        assert_int_equal(nodes_get(&k->b->nodes, 1)->log.replicas, many);
}

/* ---- threads --------------------------------------------------------------------------------- */

#define ROUNDS 200
static atomic_uint refused;

static void node_thread(void *arg)
{
        uint32_t i = (uint32_t)(uintptr_t)arg;

        for (uint64_t round = 0; round < ROUNDS; round++) {
                uint64_t block = KIT_FIRST + round % 50;

                kit_change(&k->node[i], block, KIT_STAMP, 4096,
                           round % 7 == 6 ? KIT_GONE : KIT_FINALIZED);
                if (!kit_report_some(k, i, k->node[i].sent, 100))
                        atomic_fetch_add(&refused, 1);
                if (round % 20 == 0 && kit_heartbeat(k, i))
                        atomic_fetch_add(&refused, 1);
        }
}

static void asking_thread(void *arg)
{
        (void)arg;
        for (uint64_t round = 0; round < ROUNDS; round++) {
                struct place_request q = {.wanted = 3, .writer_host = "10.0.0.1", .bytes = 1};
                uint64_t block = KIT_FIRST + round % 50, bad[8];
                struct blocks_stats s;
                struct node_info nodes[4];
                struct replica_info r[8];
                uint32_t got[3];
                size_t n;
                struct bdfs_err err;

                (void)blocks_sealed(k->b, block, KIT_STAMP, 4096, 1, os_mono_ms() + 1);
                (void)blocks_replicas(k->b, block, 0, true, "10.0.0.2", r, 8);
                (void)blocks_nodes(k->b, nodes, 4);
                (void)blocks_bad(k->b, 0, bad, 8);
                (void)blocks_reason(k->b, block, 3, false);
                blocks_stats(k->b, &s);
                blocks_check(k->b, &block, 1);
                OK(blocks_place(k->b, &q, got, &n, &err));
        }
}

static int64_t real_clock(void)
{
        return os_mono_ms();
}

static void many_threads_report_and_ask_at_once(void **state)
{
        struct os_thread *t[KIT_NODES + 2], *run;
        struct bdfs_err err;

        (void)state;
        k->b->clock_ms = real_clock;
        for (uint64_t i = 0; i < 50; i++)
                kit_block(k, KIT_FIRST + i, KIT_STAMP, 4096, BLOCK_COMPLETE, 3);
        for (uint32_t i = 1; i <= KIT_NODES; i++)
                (void)kit_join(k, i);
        OK(os_thread_start(&run, "blocks", blocks_run, k->b, &err));
        for (uint32_t i = 0; i < KIT_NODES; i++)
                OK(os_thread_start(&t[i], "node", node_thread, (void *)(uintptr_t)(i + 1), &err));
        OK(os_thread_start(&t[KIT_NODES], "ask", asking_thread, NULL, &err));
        OK(os_thread_start(&t[KIT_NODES + 1], "ask", asking_thread, NULL, &err));
        for (uint32_t i = 0; i < KIT_NODES + 2; i++)
                os_thread_join(t[i]);
        blocks_stop(k->b);
        os_thread_join(run);
        assert_int_equal(atomic_load(&refused), 0);
        for (uint32_t i = 1; i <= KIT_NODES; i++) {
                const struct node *n = nodes_get(&k->b->nodes, k->node[i].number);

                assert_int_equal(n->log.replicas, k->node[i].replicas);
                assert_true(replica_digest_equal(&n->log.digest, &k->node[i].digest));
        }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                T(a_million_blocks_reconnect_with_what_changed),
                T(all_blocks_are_looked_at_in_slices),
                T(one_sealed_replica_is_reported_in_a_moment),
                T(many_threads_report_and_ask_at_once),
        };
#undef T

        return cmocka_run_group_tests(tests, NULL, NULL);
}
