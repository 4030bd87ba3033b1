/* Closing a file whose writer is gone: what the replicas are decides what is done next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "namenode/serve/lease_clock.h"
#include "namenode/serve/recovery.h"

#define OLD_STAMP 1001
#define NEW_STAMP 1009
#define RECEIVING BDFS__REPLICA_STATE__REPLICA_RECEIVING
#define RECOVERING BDFS__REPLICA_STATE__REPLICA_RECOVERING
#define FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED

static struct replica_info replica(uint32_t node, uint8_t state, uint64_t stamp, uint64_t length)
{
        return (struct replica_info){
                .node = node, .state = state, .stamp = stamp, .length = length, .alive = true};
}

/* Three nodes were offered, all live, and asked a moment ago. */
static struct recovery_view view(const struct replica_info *replicas, size_t n)
{
        return (struct recovery_view){.stamp = NEW_STAMP, .offered = 3, .offered_alive = 3,
                                      .replicas = replicas, .replicas_n = n, .asked = true,
                                      .waited_ms = 300};
}

static void nodes_are_asked_before_anything_is_decided(void **state)
{
        struct replica_info r[] = {replica(1, RECEIVING, OLD_STAMP, 10)};
        struct recovery_view v = view(r, 1);

        (void)state;
        v.asked = false;
        assert_int_equal(recovery_decide(&v).action, RECOVERY_ASK);
}

static void the_shortest_answer_is_the_length(void **state)
{
        struct replica_info r[] = {replica(1, RECOVERING, OLD_STAMP, 300),
                                   replica(2, RECOVERING, OLD_STAMP, 200),
                                   replica(3, RECOVERING, OLD_STAMP, 250)};
        struct recovery_view v = view(r, 3);
        struct recovery_verdict d = recovery_decide(&v);

        (void)state;
        assert_int_equal(d.action, RECOVERY_SEAL);
        assert_int_equal(d.length, 200);
        assert_int_equal(d.use, 7);
}

static void it_waits_for_a_live_node_that_has_not_answered(void **state)
{
        struct replica_info r[] = {replica(1, RECOVERING, OLD_STAMP, 300),
                                   replica(2, RECEIVING, OLD_STAMP, 200)};
        struct recovery_view v = view(r, 2);

        (void)state;
        assert_int_equal(recovery_decide(&v).action, RECOVERY_WAIT);
        v.waited_ms = RECOVERY_WAIT_MS;
        assert_int_equal(recovery_decide(&v).action, RECOVERY_SEAL);
        assert_int_equal(recovery_decide(&v).length, 300);
}

static void a_replica_below_what_was_acknowledged_does_not_count(void **state)
{
        struct replica_info r[] = {replica(1, RECOVERING, OLD_STAMP, 100),
                                   replica(2, RECOVERING, OLD_STAMP, 250)};
        struct recovery_view v = view(r, 2);
        struct recovery_verdict d;

        (void)state;
        v.acknowledged = 200;
        v.offered = v.offered_alive = 2;
        d = recovery_decide(&v);
        assert_int_equal(d.action, RECOVERY_SEAL);
        assert_int_equal(d.length, 250);
        assert_int_equal(d.use, 2);
}

static void a_file_stays_open_when_every_answer_is_below_what_was_acknowledged(void **state)
{
        struct replica_info r[] = {replica(1, RECOVERING, OLD_STAMP, 100)};
        struct recovery_view v = view(r, 1);

        (void)state;
        v.acknowledged = 200;
        v.waited_ms = 60000;
        assert_int_equal(recovery_decide(&v).action, RECOVERY_WAIT);
}

static void a_sealed_replica_fixes_the_length(void **state)
{
        struct replica_info r[] = {replica(1, FINALIZED, OLD_STAMP, 280),
                                   replica(2, RECOVERING, OLD_STAMP, 300),
                                   replica(3, RECOVERING, OLD_STAMP, 200)};
        struct recovery_view v = view(r, 3);
        struct recovery_verdict d = recovery_decide(&v);

        (void)state;
        assert_int_equal(d.action, RECOVERY_SEAL);
        assert_int_equal(d.length, 280);
        assert_int_equal(d.use, 3); /* the short one is left behind */
}

static void it_closes_when_all_that_can_have_sealed_with_the_new_stamp(void **state)
{
        struct replica_info r[] = {replica(1, FINALIZED, NEW_STAMP, 200),
                                   replica(2, RECOVERING, OLD_STAMP, 260)};
        struct recovery_view v = view(r, 2);

        (void)state;
        assert_int_equal(recovery_decide(&v).action, RECOVERY_SEAL); /* told once more */
        assert_int_equal(recovery_decide(&v).length, 200);
        assert_int_equal(recovery_decide(&v).use, 2);
        r[1] = replica(2, FINALIZED, NEW_STAMP, 200);
        assert_int_equal(recovery_decide(&v).action, RECOVERY_CLOSE);
        assert_int_equal(recovery_decide(&v).length, 200);
}

static void a_node_that_never_seals_does_not_hold_it_up_for_ever(void **state)
{
        struct replica_info r[] = {replica(1, FINALIZED, NEW_STAMP, 200),
                                   replica(2, RECOVERING, OLD_STAMP, 260)};
        struct recovery_view v = view(r, 2);

        (void)state;
        v.waited_ms = 2 * RECOVERY_WAIT_MS;
        assert_int_equal(recovery_decide(&v).action, RECOVERY_CLOSE);
}

static void a_block_that_nobody_has_is_dropped_only_when_everybody_is_there(void **state)
{
        struct recovery_view v = view(NULL, 0);

        (void)state;
        v.waited_ms = RECOVERY_WAIT_MS;
        assert_int_equal(recovery_decide(&v).action, RECOVERY_DROP);
        v.offered_alive = 2;
        assert_int_not_equal(recovery_decide(&v).action, RECOVERY_DROP);
        v.offered_alive = 3;
        v.acknowledged = 1;
        assert_int_not_equal(recovery_decide(&v).action, RECOVERY_DROP);
}

static void without_an_answer_the_nodes_are_asked_again(void **state)
{
        struct recovery_view v = view(NULL, 0);

        (void)state;
        v.offered_alive = 0;
        assert_int_equal(recovery_decide(&v).action, RECOVERY_WAIT);
        v.waited_ms = 3600000;
        assert_int_equal(recovery_decide(&v).action, RECOVERY_ASK);
}

/* ---- what was told ---- */

static void a_late_answer_does_not_change_what_was_told(void **state)
{
        struct replica_info r[] = {replica(1, RECOVERING, OLD_STAMP, 600000),
                                   replica(2, RECOVERING, OLD_STAMP, 600000),
                                   replica(3, RECOVERING, OLD_STAMP, 100000)};
        struct recovery_view v = view(r, 3);
        struct recovery_verdict d;

        (void)state;
        v.decided = true;
        v.decided_length = 600000;
        d = recovery_decide(&v);
        assert_int_equal(d.action, RECOVERY_SEAL);
        assert_int_equal(d.length, 600000);
        assert_int_equal(d.use, 3);
        r[0] = r[1] = replica(1, FINALIZED, NEW_STAMP, 600000);
        d = recovery_decide(&v);
        assert_int_equal(d.action, RECOVERY_CLOSE);
        assert_int_equal(d.length, 600000);
}

static void a_sealed_replica_of_another_length_is_not_told_to_be_cut(void **state)
{
        struct replica_info r[] = {replica(1, FINALIZED, OLD_STAMP, 700000),
                                   replica(2, FINALIZED, OLD_STAMP, 600000),
                                   replica(3, RECOVERING, OLD_STAMP, 700000)};
        struct recovery_view v = view(r, 3);
        struct recovery_verdict d = recovery_decide(&v);

        (void)state;
        assert_int_equal(d.action, RECOVERY_SEAL);
        assert_int_equal(d.length, 700000);
        assert_int_equal(d.use, 5);
        v.decided = true;
        v.decided_length = 600000;
        assert_int_equal(recovery_decide(&v).use, 6);
}

static void it_begins_again_only_for_longer_ones_and_when_nobody_else_is_left(void **state)
{
        struct replica_info r[] = {replica(1, FINALIZED, OLD_STAMP, 700000),
                                   replica(3, RECOVERING, OLD_STAMP, 100000)};
        struct recovery_view v = view(r, 2);

        (void)state;
        v.decided = true;
        v.decided_length = 600000;
        v.waited_ms = 2 * RECOVERY_WAIT_MS - 1;
        assert_int_equal(recovery_decide(&v).action, RECOVERY_WAIT);
        v.waited_ms = 2 * RECOVERY_WAIT_MS;
        assert_int_equal(recovery_decide(&v).action, RECOVERY_AGAIN);
        r[0] = replica(1, FINALIZED, OLD_STAMP, 599999);
        assert_int_equal(recovery_decide(&v).action, RECOVERY_ASK); /* it waits for the others */
}

/* ---- the clock of leases ---- */

static void clock_opens(struct lease_clock *c, const char *holder, const char *user, int64_t now_ms)
{
        struct bdfs_err err;

        assert_int_equal(lease_clock_open(c, holder, user, false, now_ms, &err), BDFS_OK);
}

static void leases_end_by_the_limits_of_their_kind(void **state)
{
        struct lease_limits own = {30, 120}, hadoop = {60, 1200};
        struct lease_clock *c = lease_clock_new(own, hadoop, 1000);

        (void)state;
        clock_opens(c, "a", "u", 1100);
        assert_false(lease_clock_soft_expired(c, "a", false, 1130));
        assert_true(lease_clock_soft_expired(c, "a", false, 1131));
        assert_false(lease_clock_soft_expired(c, "a", true, 1131));
        assert_false(lease_clock_hard_expired(c, "a", false, 1220));
        assert_true(lease_clock_hard_expired(c, "a", false, 1221));
        assert_true(lease_clock_renew(c, "a", 1221));
        assert_false(lease_clock_hard_expired(c, "a", false, 1300));
        lease_clock_free(c);
}

static void after_a_restart_every_holder_counts_as_heard_of_then(void **state)
{
        struct lease_limits own = {30, 120};
        struct lease_clock *c = lease_clock_new(own, own, 5000);

        (void)state;
        assert_false(lease_clock_hard_expired(c, "never heard of", false, 5100));
        assert_true(lease_clock_hard_expired(c, "never heard of", false, 5121));
        lease_clock_free(c);
}

static void a_thousand_holders_are_told_apart(void **state)
{
        struct lease_limits own = {30, 120};
        struct lease_clock *c = lease_clock_new(own, own, 0);
        char name[32];

        (void)state;
        for (int i = 0; i < 1000; i++) {
                (void)snprintf(name, sizeof(name), "holder %d", i);
                clock_opens(c, name, "u", 1000 + i);
        }
        for (int i = 0; i < 1000; i++) {
                (void)snprintf(name, sizeof(name), "holder %d", i);
                assert_false(lease_clock_hard_expired(c, name, false, 1120 + i));
                assert_true(lease_clock_hard_expired(c, name, false, 1121 + i));
        }
        lease_clock_free(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nodes_are_asked_before_anything_is_decided),
                cmocka_unit_test(the_shortest_answer_is_the_length),
                cmocka_unit_test(it_waits_for_a_live_node_that_has_not_answered),
                cmocka_unit_test(a_replica_below_what_was_acknowledged_does_not_count),
                cmocka_unit_test(
                        a_file_stays_open_when_every_answer_is_below_what_was_acknowledged),
                cmocka_unit_test(a_sealed_replica_fixes_the_length),
                cmocka_unit_test(it_closes_when_all_that_can_have_sealed_with_the_new_stamp),
                cmocka_unit_test(a_node_that_never_seals_does_not_hold_it_up_for_ever),
                cmocka_unit_test(a_block_that_nobody_has_is_dropped_only_when_everybody_is_there),
                cmocka_unit_test(without_an_answer_the_nodes_are_asked_again),
                cmocka_unit_test(a_late_answer_does_not_change_what_was_told),
                cmocka_unit_test(a_sealed_replica_of_another_length_is_not_told_to_be_cut),
                cmocka_unit_test(
                        it_begins_again_only_for_longer_ones_and_when_nobody_else_is_left),
                cmocka_unit_test(leases_end_by_the_limits_of_their_kind),
                cmocka_unit_test(after_a_restart_every_holder_counts_as_heard_of_then),
                cmocka_unit_test(a_thousand_holders_are_told_apart),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
