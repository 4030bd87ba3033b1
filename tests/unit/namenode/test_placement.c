#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "namenode/blocks/placement.h"

#define NODES 12
#define ROUNDS 20000
#define BYTES (128 * MIB)

struct world {
        struct placement_node nodes[NODES];
        size_t n;
        struct placement_random random;
};

static void world_add(struct world *w, uint32_t host, uint32_t rack, uint64_t room)
{
        struct placement_node *n = &w->nodes[w->n++];

        *n = (struct placement_node){
                .number = (uint32_t)w->n, .host = host, .rack = rack, .room = room};
}

/* Twelve nodes on hosts of their own, four racks of three. */
static struct world four_racks(uint64_t seed)
{
        struct world w = {.n = 0, .random = {seed}};

        for (uint32_t i = 0; i < NODES; i++)
                world_add(&w, 100 + i, i / 3, 1 * GIB);
        return w;
}

static uint32_t rack_of(const struct world *w, uint32_t number)
{
        for (size_t i = 0; i < w->n; i++)
                if (w->nodes[i].number == number)
                        return w->nodes[i].rack;
        return UINT32_MAX;
}

static uint64_t below(struct placement_random *r, uint64_t n)
{
        return placement_random(r) % n;
}

static void first_copy_goes_to_the_writers_host(void **state)
{
        struct world w = four_racks(1);

        (void)state;
        for (uint32_t i = 0; i < 1000; i++) {
                struct placement_want want = {.wanted = 3, .writer_host = 100 + i % NODES,
                                              .bytes = BYTES};
                struct placement_pick p[3];

                assert_int_equal(placement_choose(w.nodes, w.n, &want, &w.random, p), 3);
                assert_int_equal(p[0].number, 1 + i % NODES);
                assert_int_equal(p[0].reason, PLACEMENT_WRITER);
        }
}

static void second_goes_to_another_rack_and_third_beside_it(void **state)
{
        struct world w = four_racks(2);

        (void)state;
        for (uint32_t i = 0; i < 1000; i++) {
                struct placement_want want = {.wanted = 3, .writer_host = PLACEMENT_NO_HOST,
                                              .bytes = BYTES};
                struct placement_pick p[3];

                assert_int_equal(placement_choose(w.nodes, w.n, &want, &w.random, p), 3);
                assert_int_not_equal(rack_of(&w, p[0].number), rack_of(&w, p[1].number));
                assert_int_equal(rack_of(&w, p[1].number), rack_of(&w, p[2].number));
                assert_int_equal(p[1].reason, PLACEMENT_OTHER_RACK);
                assert_int_equal(p[2].reason, PLACEMENT_SAME_RACK);
        }
}

static void many_copies_are_spread_over_the_racks(void **state)
{
        struct world w = four_racks(3);

        (void)state;
        for (uint32_t i = 0; i < 1000; i++) {
                struct placement_want want = {.wanted = 8, .writer_host = 100, .bytes = BYTES};
                struct placement_pick p[8];
                size_t in_rack[4] = {0};

                assert_int_equal(placement_choose(w.nodes, w.n, &want, &w.random, p), 8);
                for (int k = 0; k < 8; k++)
                        in_rack[rack_of(&w, p[k].number)]++;
                for (int k = 0; k < 4; k++)
                        assert_int_equal(in_rack[k], 2);
        }
}

static void stale_writer_host_is_passed_over(void **state)
{
        struct world w = four_racks(4);
        struct placement_want want = {.wanted = 3, .writer_host = 100, .bytes = BYTES};
        struct placement_pick p[3];

        (void)state;
        w.nodes[0].stale = true;
        assert_int_equal(placement_choose(w.nodes, w.n, &want, &w.random, p), 3);
        for (int i = 0; i < 3; i++)
                assert_int_not_equal(p[i].number, 1);
}

static void stale_nodes_are_taken_when_there_is_no_other(void **state)
{
        struct world w = {.n = 0, .random = {5}};
        struct placement_want want = {.wanted = 3, .writer_host = PLACEMENT_NO_HOST};
        struct placement_pick p[3];

        (void)state;
        for (uint32_t i = 0; i < 3; i++)
                world_add(&w, i, 0, GIB);
        w.nodes[1].stale = true;
        assert_int_equal(placement_choose(w.nodes, w.n, &want, &w.random, p), 3);
        assert_int_equal(p[2].number, 2);
        assert_int_equal(p[2].reason, PLACEMENT_STALE);
}

static void holders_count_for_racks_and_are_not_picked_again(void **state)
{
        struct world w = four_racks(6);

        (void)state;
        for (uint32_t i = 0; i < 1000; i++) {
                const uint32_t one_rack[2] = {1, 2}, two_racks[2] = {1, 4};
                struct placement_want want = {.wanted = 1, .writer_host = 100, .bytes = BYTES,
                                              .have = one_rack, .have_n = 2};
                struct placement_pick p[1];

                assert_int_equal(placement_choose(w.nodes, w.n, &want, &w.random, p), 1);
                assert_int_not_equal(rack_of(&w, p[0].number), 0);
                want.have = two_racks;
                assert_int_equal(placement_choose(w.nodes, w.n, &want, &w.random, p), 1);
                assert_int_equal(rack_of(&w, p[0].number), 1);
                assert_int_not_equal(p[0].number, 4);
        }
}

static void nodes_with_more_room_are_picked_more_often(void **state)
{
        struct world w = {.n = 0, .random = {7}};
        unsigned big = 0;

        (void)state;
        world_add(&w, 1, 0, 30 * GIB);
        world_add(&w, 2, 0, 10 * GIB);
        for (int i = 0; i < ROUNDS; i++) {
                struct placement_want want = {.wanted = 1, .writer_host = PLACEMENT_NO_HOST};
                struct placement_pick p[1];

                assert_int_equal(placement_choose(w.nodes, w.n, &want, &w.random, p), 1);
                big += p[0].number == 1 ? 1 : 0;
        }
        assert_in_range(big, ROUNDS * 70 / 100, ROUNDS * 80 / 100);
}

static void no_node_with_room_is_an_empty_answer(void **state)
{
        struct world w = four_racks(8);
        struct placement_want want = {.wanted = 3, .writer_host = 100, .bytes = 2 * GIB};
        struct placement_pick p[3];

        (void)state;
        assert_int_equal(placement_choose(w.nodes, w.n, &want, &w.random, p), 0);
        assert_int_equal(placement_choose(w.nodes, 0, &want, &w.random, p), 0);
}

static void same_seed_gives_same_nodes(void **state)
{
        struct world a = four_racks(9), b = four_racks(9);

        (void)state;
        for (uint32_t i = 0; i < 1000; i++) {
                struct placement_want want = {.wanted = 5, .writer_host = PLACEMENT_NO_HOST};
                struct placement_pick p[5], q[5];

                assert_int_equal(placement_choose(a.nodes, a.n, &want, &a.random, p), 5);
                assert_int_equal(placement_choose(b.nodes, b.n, &want, &b.random, q), 5);
                for (int k = 0; k < 5; k++)
                        assert_int_equal(p[k].number, q[k].number);
        }
}

static struct world random_world(struct placement_random *r)
{
        struct world w = {.n = 0, .random = {placement_random(r)}};
        size_t n = below(r, NODES + 1), racks = 1 + below(r, 4);

        while (w.n < n) {
                world_add(&w, (uint32_t)below(r, 6), (uint32_t)below(r, racks),
                          below(r, 4) * 100 * MIB);
                w.nodes[w.n - 1].stale = below(r, 4) == 0;
                w.nodes[w.n - 1].excluded = below(r, 6) == 0;
        }
        return w;
}

static bool usable(const struct world *w, size_t i, const struct placement_want *want)
{
        const struct placement_node *n = &w->nodes[i];

        for (size_t k = 0; k < want->have_n; k++)
                if (want->have[k] == n->number)
                        return false;
        return !n->excluded && n->room >= want->bytes;
}

static void check_picks(const struct world *w, const struct placement_want *want,
                        const struct placement_pick *p, size_t n)
{
        size_t could = 0, fresh = 0, stale_picked = 0;
        uint32_t fresh_racks = 0, racks = 0;

        for (size_t i = 0; i < w->n; i++) {
                if (!usable(w, i, want))
                        continue;
                could++;
                fresh += w->nodes[i].stale ? 0 : 1;
                if (!w->nodes[i].stale)
                        fresh_racks |= 1u << w->nodes[i].rack;
        }
        assert_int_equal(n, could < want->wanted ? could : want->wanted);
        for (size_t k = 0; k < n; k++) {
                size_t i = p[k].number - 1;

                assert_true(usable(w, i, want));
                for (size_t j = 0; j < k; j++)
                        assert_int_not_equal(p[j].number, p[k].number);
                racks |= 1u << w->nodes[i].rack;
                stale_picked += w->nodes[i].stale ? 1 : 0;
        }
        if (stale_picked > 0)
                assert_int_equal(n - stale_picked, fresh);
        for (size_t k = 0; k < want->have_n; k++)
                racks |= 1u << rack_of(w, want->have[k]);
        if (n + want->have_n >= 2 && n > 0 && stale_picked == 0 &&
            __builtin_popcount(fresh_racks) >= 2)
                assert_true(__builtin_popcount(racks) >= 2);
}

static void every_answer_keeps_the_rules(void **state)
{
        struct placement_random r = {10};

        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                struct world w = random_world(&r);
                uint32_t have[2];
                struct placement_want want = {
                        .wanted = (uint32_t)below(&r, 6), .bytes = below(&r, 3) * 100 * MIB,
                        .writer_host = below(&r, 2) == 0 ? PLACEMENT_NO_HOST
                                                         : (uint32_t)below(&r, 6),
                        .have = have};
                struct placement_pick p[6];

                if (w.n > 4)
                        want.have_n = below(&r, 3);
                have[0] = 1 + (uint32_t)below(&r, 2);
                have[1] = 3 + (uint32_t)below(&r, 2);
                check_picks(&w, &want, p, placement_choose(w.nodes, w.n, &want, &w.random, p));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(first_copy_goes_to_the_writers_host),
                cmocka_unit_test(second_goes_to_another_rack_and_third_beside_it),
                cmocka_unit_test(many_copies_are_spread_over_the_racks),
                cmocka_unit_test(stale_writer_host_is_passed_over),
                cmocka_unit_test(stale_nodes_are_taken_when_there_is_no_other),
                cmocka_unit_test(holders_count_for_racks_and_are_not_picked_again),
                cmocka_unit_test(nodes_with_more_room_are_picked_more_often),
                cmocka_unit_test(no_node_with_room_is_an_empty_answer),
                cmocka_unit_test(same_seed_gives_same_nodes),
                cmocka_unit_test(every_answer_keeps_the_rules),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
