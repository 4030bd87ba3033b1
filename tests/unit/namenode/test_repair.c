#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "namenode/blocks/placement.h"
#include "namenode/blocks/repair.h"

#define STAMP 1005
#define LENGTH (128 * MIB)
#define COPIES 8
#define ROUNDS 200000
#define FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED
#define RECEIVING BDFS__REPLICA_STATE__REPLICA_RECEIVING
#define WAITING BDFS__REPLICA_STATE__REPLICA_WAITING
#define CORRUPT BDFS__REPLICA_STATE__REPLICA_CORRUPT

static const struct repair_block complete_3 = {
        .kind = REPAIR_COMPLETE, .stamp = STAMP, .length = LENGTH, .wanted = 3};
static const struct repair_world five_nodes = {.nodes = 5, .others = 2, .racks = 1};

static struct repair_copy good(uint32_t node)
{
        return (struct repair_copy){.node = node,
                                    .state = FINALIZED,
                                    .stamp = STAMP,
                                    .length = LENGTH,
                                    .alive = true,
                                    .counted = true,
                                    .room = 10 * GIB};
}

static size_t doomed(const struct repair_copy *c, size_t n)
{
        size_t found = 0;

        for (size_t i = 0; i < n; i++)
                found += c[i].doom ? 1 : 0;
        return found;
}

static void three_good_copies_of_three_are_as_wanted(void **state)
{
        struct repair_copy c[] = {good(1), good(2), good(3)};
        struct repair_verdict v;

        (void)state;
        repair_judge(&complete_3, c, 3, &five_nodes, &v);
        assert_int_equal(v.classes, 0);
        assert_int_equal(v.copies, 0);
        assert_int_equal(v.valid, 3);
        assert_int_equal(v.reason, BLOCK_REASON_NONE);
        assert_int_equal(doomed(c, 3), 0);
}

static void dead_holder_means_a_copy_and_one_left_is_urgent(void **state)
{
        struct repair_copy c[] = {good(1), good(2), good(3)};
        struct repair_verdict v;

        (void)state;
        c[2].alive = c[2].counted = false;
        repair_judge(&complete_3, c, 3, &five_nodes, &v);
        assert_int_equal(v.classes, 1u << REPAIR_LOW);
        assert_int_equal(v.copies, 1);
        assert_int_equal(v.reason, BLOCK_REASON_NODE_DEAD);
        c[1].alive = c[1].counted = false;
        repair_judge(&complete_3, c, 3, &five_nodes, &v);
        assert_int_equal(v.classes, 1u << REPAIR_ONE_LEFT);
        assert_int_equal(v.copies, 2);
        c[0].alive = c[0].counted = false;
        repair_judge(&complete_3, c, 3, &five_nodes, &v);
        assert_int_equal(v.classes, 1u << REPAIR_MISSING);
        assert_int_equal(v.copies, 0);
        assert_int_equal(v.reason, BLOCK_REASON_NONE_REPORTED);
}

static void nothing_is_copied_because_of_a_node_that_may_come_back(void **state)
{
        struct repair_copy c[] = {good(1), good(2), good(3)};
        struct repair_verdict v;

        (void)state;
        c[2].alive = c[2].counted = false;
        c[2].expected = true;
        repair_judge(&complete_3, c, 3, &five_nodes, &v);
        assert_int_equal(v.classes, 0);
        assert_int_equal(v.copies, 0);
        assert_int_equal(v.valid, 2);
}

static void copies_under_way_are_not_made_twice(void **state)
{
        struct repair_copy c[] = {good(1), good(2), good(3)};
        struct repair_verdict v;

        (void)state;
        c[2] = (struct repair_copy){.node = 3, .alive = true, .arriving = true};
        repair_judge(&complete_3, c, 3, &five_nodes, &v);
        assert_int_equal(v.classes, 1u << REPAIR_LOW);
        assert_int_equal(v.copies, 0);
        assert_int_equal(v.reason, BLOCK_REASON_COPY_PENDING);
        assert_int_equal(doomed(c, 3), 0);
}

static void surplus_copy_on_the_fullest_node_goes(void **state)
{
        struct repair_copy c[] = {good(1), good(2), good(3), good(4)};
        struct repair_verdict v;

        (void)state;
        c[1].room = 1 * GIB;
        repair_judge(&complete_3, c, 4, &five_nodes, &v);
        assert_int_equal(doomed(c, 4), 1);
        assert_true(c[1].doom);
        assert_int_equal(v.reason, BLOCK_REASON_SURPLUS);
}

static void surplus_copies_of_many_blocks_go_from_all_nodes(void **state)
{
        size_t gone[4] = {0};

        (void)state;
        for (uint64_t id = 1; id <= 4000; id++) {
                struct repair_copy c[] = {good(1), good(2), good(3), good(4)};
                struct repair_block b = complete_3;
                struct repair_verdict v;

                b.id = id;
                repair_judge(&b, c, 4, &five_nodes, &v);
                for (int i = 0; i < 4; i++)
                        gone[i] += c[i].doom ? 1 : 0;
        }
        for (int i = 0; i < 4; i++)
                assert_in_range(gone[i], 800, 1200);
}

static void surplus_copy_that_is_alone_in_its_rack_stays(void **state)
{
        struct repair_world w = {.nodes = 5, .others = 1, .racks = 2};
        struct repair_copy c[] = {good(1), good(2), good(3), good(4)};
        struct repair_verdict v;

        (void)state;
        c[1].rack = 1;
        c[1].room = 1;
        repair_judge(&complete_3, c, 4, &w, &v);
        assert_int_equal(doomed(c, 4), 1);
        assert_false(c[1].doom);
}

static void surplus_stays_while_a_holder_is_silent_or_not_confirmed(void **state)
{
        struct repair_copy c[] = {good(1), good(2), good(3), good(4)};
        struct repair_verdict v;

        (void)state;
        c[0].stale = true;
        repair_judge(&complete_3, c, 4, &five_nodes, &v);
        assert_int_equal(doomed(c, 4), 0);
        c[0].stale = false;
        c[0].counted = false;
        c[0].expected = true;
        repair_judge(&complete_3, c, 4, &five_nodes, &v);
        assert_int_equal(doomed(c, 4), 0);
}

static void corrupt_copy_stays_until_it_was_replaced(void **state)
{
        struct repair_copy c[] = {good(1), good(2), good(3), good(4)};
        struct repair_verdict v;

        (void)state;
        c[0].state = CORRUPT;
        repair_judge(&complete_3, c, 3, &five_nodes, &v);
        assert_int_equal(v.classes, 1u << REPAIR_CORRUPT | 1u << REPAIR_LOW);
        assert_int_equal(v.copies, 1);
        assert_int_equal(v.reason, BLOCK_REASON_REPLICA_CORRUPT);
        assert_int_equal(doomed(c, 3), 0);
        repair_judge(&complete_3, c, 4, &five_nodes, &v);
        assert_int_equal(doomed(c, 4), 1);
        assert_true(c[0].doom);
}

static void corrupt_copy_makes_way_when_no_other_node_is_left(void **state)
{
        struct repair_world w = {.nodes = 3, .others = 0, .racks = 1};
        struct repair_copy c[] = {good(1), good(2), good(3)};
        struct repair_verdict v;

        (void)state;
        c[0].state = CORRUPT;
        c[1].state = CORRUPT;
        repair_judge(&complete_3, c, 3, &w, &v);
        assert_int_equal(doomed(c, 3), 1);
        c[0].doomed = true;
        repair_judge(&complete_3, c, 3, &w, &v);
        assert_int_equal(doomed(c, 3), 0);
}

static void all_copies_corrupt_are_all_kept(void **state)
{
        struct repair_world w = {.nodes = 3, .others = 0, .racks = 1};
        struct repair_copy c[] = {good(1), good(2), good(3)};
        struct repair_verdict v;

        (void)state;
        for (int i = 0; i < 3; i++)
                c[i].state = CORRUPT;
        repair_judge(&complete_3, c, 3, &w, &v);
        assert_int_equal(doomed(c, 3), 0);
        assert_int_equal(v.classes, 1u << REPAIR_CORRUPT | 1u << REPAIR_MISSING);
        assert_int_equal(v.reason, BLOCK_REASON_REPLICA_CORRUPT);
        assert_int_equal(repair_source(&complete_3, c, 3), SIZE_MAX);
}

static void stale_copies_are_neither_counted_nor_sources_and_go_at_last(void **state)
{
        struct repair_copy c[] = {good(1), good(2), good(3), good(4)};
        struct repair_verdict v;

        (void)state;
        c[3].stamp = STAMP - 1;
        repair_judge(&complete_3, &c[1], 3, &five_nodes, &v);
        assert_int_equal(v.valid, 2);
        assert_int_equal(doomed(c, 4), 0);
        repair_judge(&complete_3, c, 4, &five_nodes, &v);
        assert_true(c[3].doom);
        assert_int_equal(doomed(c, 4), 1);
        assert_int_equal(repair_source(&complete_3, &c[3], 1), SIZE_MAX);
}

static void copies_of_a_freed_block_go_and_all_others_that_are_no_files_stay(void **state)
{
        struct repair_block b = {.kind = REPAIR_FREED};
        struct repair_world quiet = {.nodes = 5, .quiet = true};
        struct repair_copy c[] = {good(1), good(2)};
        struct repair_verdict v;

        (void)state;
        repair_judge(&b, c, 2, &five_nodes, &v);
        assert_int_equal(doomed(c, 2), 2);
        repair_judge(&b, c, 2, &quiet, &v);
        assert_int_equal(doomed(c, 2), 0);
        b.kind = REPAIR_RETIRED;
        repair_judge(&b, c, 2, &five_nodes, &v);
        assert_int_equal(doomed(c, 2), 0);
        assert_int_equal(v.classes | v.copies, 0);
        b.kind = REPAIR_UNKNOWN;
        repair_judge(&b, c, 2, &five_nodes, &v);
        assert_int_equal(doomed(c, 2), 0);
        assert_int_equal(v.classes, 1u << REPAIR_UNKNOWN_BLOCK);
        repair_judge(&b, c, 0, &five_nodes, &v);
        assert_int_equal(v.classes, 0);
}

/* Its node may carry out the order at any moment, though it was taken back. */
static void a_copy_whose_node_was_told_is_no_reason_to_remove_another(void **state)
{
        struct repair_copy c[] = {good(1), good(2), good(3), good(4)};
        struct repair_verdict v;

        (void)state;
        c[0].told = true;
        repair_judge(&complete_3, c, 4, &five_nodes, &v);
        assert_int_equal(v.valid, 4);
        assert_int_equal(v.fresh, 3);
        assert_int_equal(doomed(c, 4), 1);
        assert_true(c[0].doom);
        repair_judge(&complete_3, c, 3, &five_nodes, &v); /* a copy is made instead of it */
        assert_int_equal(doomed(c, 3), 0);
        assert_int_equal(v.copies, 1);
        repair_judge(&complete_3, c, 1, &five_nodes, &v); /* from it, if need be */
        assert_int_equal(v.classes, 1u << REPAIR_ONE_LEFT);
        assert_int_equal(v.copies, 3);
        assert_int_equal(repair_source(&complete_3, c, 1), 0);
}

static void what_was_to_go_stays_when_it_is_needed_by_now(void **state)
{
        struct repair_copy c[] = {good(1), good(2), good(3), good(4), good(5)};
        struct repair_block b = complete_3;
        struct repair_world full = {.nodes = 5};
        struct repair_verdict v;

        (void)state;
        c[0].doomed = c[4].doomed = true;
        c[4].state = CORRUPT;
        assert_true(repair_may_go(&b, c, 5, &five_nodes, 0));
        assert_true(repair_may_go(&b, c, 5, &five_nodes, 4));
        c[1].alive = false;
        repair_judge(&b, c, 5, &five_nodes, &v);
        assert_true(c[0].spare && c[4].spare);
        assert_int_equal(v.there, 3);
        c[0].doomed = false;
        c[2].told = c[3].told = true; /* two of three may be gone */
        assert_false(repair_may_go(&b, c, 5, &five_nodes, 4));
        assert_true(repair_may_go(&b, c, 5, &full, 4)); /* where its replacement must go */
        c[0].told = true;
        assert_false(repair_may_go(&b, c, 5, &full, 4));
        c[0] = c[1] = c[2] = c[3] = good(1);
        for (b.kind = REPAIR_FREED; b.kind <= REPAIR_COMPLETE; b.kind++)
                assert_int_equal(repair_may_go(&b, c, 5, &five_nodes, 4),
                                 b.kind == REPAIR_FREED || b.kind == REPAIR_COMPLETE);
}

static void block_under_construction_is_left_alone(void **state)
{
        struct repair_block b = {.kind = REPAIR_WRITING, .stamp = STAMP, .wanted = 1};
        struct repair_copy c[] = {good(1), good(2), good(3)};
        struct repair_verdict v;

        (void)state;
        c[2].stamp = STAMP - 3;
        repair_judge(&b, c, 3, &five_nodes, &v);
        assert_int_equal(doomed(c, 3), 0);
        assert_int_equal(v.classes, 0);
        assert_int_equal(v.copies, 0);
        assert_int_equal(v.reason, BLOCK_REASON_UNDER_CONSTRUCTION);
}

static void committed_block_may_be_copied_but_loses_nothing(void **state)
{
        struct repair_block b = complete_3;
        struct repair_copy c[] = {good(1), good(2), good(3), good(4)};
        struct repair_verdict v;

        (void)state;
        b.kind = REPAIR_COMMITTED;
        repair_judge(&b, c, 4, &five_nodes, &v);
        assert_int_equal(doomed(c, 4), 0);
        repair_judge(&b, c, 1, &five_nodes, &v);
        assert_int_equal(v.copies, 2);
}

static void one_rack_gets_a_copy_elsewhere_and_then_loses_one(void **state)
{
        struct repair_world w = {.nodes = 5, .others = 2, .racks = 2};
        struct repair_copy c[] = {good(1), good(2), good(3), good(4)};
        struct repair_verdict v;

        (void)state;
        repair_judge(&complete_3, c, 3, &w, &v);
        assert_int_equal(v.classes, 1u << REPAIR_RACK);
        assert_int_equal(v.copies, 1);
        assert_int_equal(v.reason, BLOCK_REASON_ONE_RACK);
        c[3].rack = 7;
        repair_judge(&complete_3, c, 4, &w, &v);
        assert_int_equal(v.classes, 0);
        assert_int_equal(doomed(c, 4), 1);
        assert_false(c[3].doom);
}

static void reasons_tell_too_few_nodes_from_no_space(void **state)
{
        struct repair_world w = {.nodes = 2, .others = 0, .racks = 1};
        struct repair_copy c[] = {good(1), good(2)};
        struct repair_verdict v;

        (void)state;
        repair_judge(&complete_3, c, 2, &w, &v);
        assert_int_equal(v.reason, BLOCK_REASON_TOO_FEW_NODES);
        w.nodes = 4;
        repair_judge(&complete_3, c, 2, &w, &v);
        assert_int_equal(v.reason, BLOCK_REASON_NO_SPACE);
        w.quiet = true;
        repair_judge(&complete_3, c, 2, &w, &v);
        assert_int_equal(v.reason, BLOCK_REASON_SAFE_MODE);
        assert_int_equal(v.copies, 0);
}

static void source_is_the_least_busy_that_did_not_fail(void **state)
{
        struct repair_copy c[] = {good(1), good(2), good(3)};

        (void)state;
        c[0].streams = REPAIR_SENDS;
        c[0].stream_bytes = REPAIR_SENDS * LENGTH;
        c[1].streams = 1;
        c[2].avoid = true;
        assert_int_equal(repair_source(&complete_3, c, 3), 1);
        c[1].streams = REPAIR_SENDS;
        c[1].stream_bytes = REPAIR_SENDS * LENGTH;
        assert_int_equal(repair_source(&complete_3, c, 3), 2);
        c[2].counted = false;
        assert_int_equal(repair_source(&complete_3, c, 3), SIZE_MAX);
}

static void small_copies_may_be_more_than_large_ones(void **state)
{
        (void)state;
        assert_true(repair_has_slot(1, 1 * GIB, REPAIR_SENDS, 1 * GIB));
        assert_false(repair_has_slot(2, 2 * GIB, REPAIR_SENDS, 1 * GIB));
        assert_false(repair_has_slot(2, 2 * MIB, REPAIR_SENDS, 1 * GIB));
        assert_true(repair_has_slot(2, 2 * MIB, REPAIR_SENDS, 1 * MIB));
        assert_false(repair_has_slot(REPAIR_SMALL_SENDS, 2 * MIB, REPAIR_SENDS, 1));
        assert_false(repair_has_slot(2, UINT64_MAX, REPAIR_SENDS, 1));
}

/* ---- B6, for whatever may be known ----------------------------------------------------------- */

static uint64_t below(struct placement_random *r, uint64_t n)
{
        return placement_random(r) % n;
}

static struct repair_copy random_copy(struct placement_random *r, uint32_t node)
{
        static const uint8_t states[] = {FINALIZED, FINALIZED, FINALIZED, FINALIZED, CORRUPT,
                                         RECEIVING, WAITING,
                                         BDFS__REPLICA_STATE__REPLICA_RECOVERING};
        struct repair_copy c = good(node);

        c.state = states[below(r, 8)];
        c.rack = (uint32_t)below(r, 3);
        c.stamp = STAMP + (below(r, 6) == 0 ? below(r, 3) : 1) - 1;
        c.length = below(r, 8) == 0 ? LENGTH - 1 : LENGTH;
        c.alive = below(r, 5) != 0;
        c.counted = c.alive && below(r, 5) != 0;
        c.expected = !c.counted && below(r, 2) == 0;
        c.stale = below(r, 6) == 0;
        c.doomed = below(r, 8) == 0;
        c.told = below(r, 8) == 0;
        c.arriving = below(r, 10) == 0 && !repair_whole(&complete_3, &c);
        c.room = below(r, 100) * MIB;
        c.streams = below(r, 8) == 0 ? 1 : 0;
        return c;
}

struct tally {
        uint32_t safe, racks; /* valid, confirmed, lately heard of, staying; their racks */
        uint32_t lost_whole, lost_useless;
};

static struct tally tally(const struct repair_block *b, const struct repair_copy *c, size_t n,
                          bool before)
{
        struct tally t = {0};
        unsigned racks = 0;

        for (size_t i = 0; i < n; i++) {
                bool whole = repair_whole(b, &c[i]);

                if (whole && c[i].alive && c[i].counted && (before || !c[i].doom)) {
                        t.safe += c[i].stale || c[i].told ? 0 : 1;
                        racks |= 1u << c[i].rack;
                }
                t.lost_whole += c[i].doom && whole ? 1 : 0;
                t.lost_useless += c[i].doom && !whole ? 1 : 0;
        }
        t.racks = (uint32_t)__builtin_popcount(racks);
        return t;
}

static void check_removals(const struct repair_block *b, const struct repair_copy *c, size_t n,
                           const struct repair_world *w)
{
        struct tally before = tally(b, c, n, true), after = tally(b, c, n, false);

        if (b->kind != REPAIR_COMPLETE || w->quiet) {
                assert_int_equal(after.lost_whole + after.lost_useless, 0);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                if (!c[i].doom)
                        continue;
                assert_true(c[i].alive && c[i].counted && !c[i].doomed && !c[i].arriving);
                assert_true(c[i].stamp <= b->stamp);
                assert_false(c[i].state == RECEIVING && c[i].stamp == b->stamp);
        }
        if (after.lost_whole > 0) {
                assert_true(after.safe >= b->wanted);
                if (before.racks >= 2 && b->wanted >= 2)
                        assert_true(after.racks >= 2);
        }
        if (after.lost_useless > 0 && before.safe < b->wanted) {
                assert_int_equal(after.lost_useless, 1);
                assert_true(before.safe >= 1 && w->others == 0);
        }
        assert_true(before.safe == 0 || after.safe > 0);
}

static void no_removal_ever_leaves_fewer_confirmed_copies_than_wanted(void **state)
{
        struct placement_random r = {2024};
        size_t removals = 0;

        (void)state;
        for (int round = 0; round < ROUNDS; round++) {
                struct repair_block b = complete_3;
                struct repair_world w = {.nodes = 8,
                                         .others = (uint32_t)below(&r, 3),
                                         .racks = 3,
                                         .quiet = below(&r, 10) == 0};
                struct repair_copy c[COPIES];
                size_t n = below(&r, COPIES + 1);
                struct repair_verdict v;

                b.wanted = 1 + (uint32_t)below(&r, 4);
                if (below(&r, 8) == 0)
                        b.kind = (enum repair_kind)(REPAIR_UNKNOWN + below(&r, 4));
                for (size_t i = 0; i < n; i++)
                        c[i] = random_copy(&r, (uint32_t)i + 1);
                repair_judge(&b, c, n, &w, &v);
                check_removals(&b, c, n, &w);
                removals += doomed(c, n);
        }
        assert_true(removals > ROUNDS / 100);
}

/* Judging again with what was doomed and removed comes to rest, and never below what was wanted. */
static void judging_again_and_again_comes_to_rest(void **state)
{
        struct placement_random r = {7};

        (void)state;
        for (int round = 0; round < ROUNDS / 10; round++) {
                struct repair_block b = complete_3;
                struct repair_world w = {.nodes = 8, .others = 1, .racks = 3};
                struct repair_copy c[COPIES];
                size_t n = below(&r, COPIES + 1), steps = 0;
                struct repair_verdict v;

                for (size_t i = 0; i < n; i++)
                        c[i] = random_copy(&r, (uint32_t)i + 1);
                do {
                        repair_judge(&b, c, n, &w, &v);
                        for (size_t i = 0; i < n; i++)
                                c[i].doomed = c[i].doomed || c[i].doom;
                        assert_true(steps++ < 3);
                } while (doomed(c, n) > 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(three_good_copies_of_three_are_as_wanted),
                cmocka_unit_test(dead_holder_means_a_copy_and_one_left_is_urgent),
                cmocka_unit_test(nothing_is_copied_because_of_a_node_that_may_come_back),
                cmocka_unit_test(copies_under_way_are_not_made_twice),
                cmocka_unit_test(surplus_copy_on_the_fullest_node_goes),
                cmocka_unit_test(surplus_copies_of_many_blocks_go_from_all_nodes),
                cmocka_unit_test(surplus_copy_that_is_alone_in_its_rack_stays),
                cmocka_unit_test(surplus_stays_while_a_holder_is_silent_or_not_confirmed),
                cmocka_unit_test(corrupt_copy_stays_until_it_was_replaced),
                cmocka_unit_test(corrupt_copy_makes_way_when_no_other_node_is_left),
                cmocka_unit_test(all_copies_corrupt_are_all_kept),
                cmocka_unit_test(stale_copies_are_neither_counted_nor_sources_and_go_at_last),
                cmocka_unit_test(copies_of_a_freed_block_go_and_all_others_that_are_no_files_stay),
                cmocka_unit_test(a_copy_whose_node_was_told_is_no_reason_to_remove_another),
                cmocka_unit_test(what_was_to_go_stays_when_it_is_needed_by_now),
                cmocka_unit_test(block_under_construction_is_left_alone),
                cmocka_unit_test(committed_block_may_be_copied_but_loses_nothing),
                cmocka_unit_test(one_rack_gets_a_copy_elsewhere_and_then_loses_one),
                cmocka_unit_test(reasons_tell_too_few_nodes_from_no_space),
                cmocka_unit_test(source_is_the_least_busy_that_did_not_fail),
                cmocka_unit_test(small_copies_may_be_more_than_large_ones),
                cmocka_unit_test(no_removal_ever_leaves_fewer_confirmed_copies_than_wanted),
                cmocka_unit_test(judging_again_and_again_comes_to_rest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
