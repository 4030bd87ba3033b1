#include "net/token.h"
#include "tests/unit/namenode/test_blocks_kit.h"

#define B1 KIT_FIRST
#define B2 (KIT_FIRST + 1)
#define SETTLE_MS (BLOCKS_DELAY_MS + 2000)

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

static void join_all(uint32_t n)
{
        for (uint32_t i = 1; i <= n; i++)
                (void)kit_join(k, i);
}

static void stop_node(uint32_t i)
{
        k->node[i].alive = false;
}

static struct blocks_stats stats(void)
{
        struct blocks_stats s;

        blocks_stats(k->b, &s);
        return s;
}

static bool holds(uint32_t i, uint64_t block)
{
        const struct kit_node *n = &k->node[i];
        size_t at = kit_find(n, block);

        return at < n->rows_n && n->rows[at].block == block;
}

static size_t holders_of(uint64_t block)
{
        size_t n = 0;

        for (uint32_t i = 1; i <= KIT_NODES; i++)
                n += holds(i, block) ? 1 : 0;
        return n;
}

/* Let time pass and have the commands obeyed until nothing more is ordered. */
static void settle(void)
{
        for (int quiet = 0; quiet < 3;) {
                kit_pass(k, SETTLE_MS);
                quiet = k->copies_n + k->deletes_n == 0 ? quiet + 1 : 0;
                kit_obey(k);
        }
}

/* ---- dead nodes ------------------------------------------------------------------------------ */

static void copies_of_a_dead_node_are_ordered_within_twelve_seconds(void **state)
{
        const uint32_t three[] = {1, 2, 3};
        int64_t killed_ms;

        (void)state;
        join_all(4);
        kit_stored(k, B1, 3, three, 3);
        kit_stored(k, B2, 3, three, 3);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        kit_pass(k, SETTLE_MS);
        assert_int_equal(k->copies_n, 0);
        killed_ms = kit_now_ms;
        stop_node(2);
        kit_pass(k, 12000);
        assert_int_equal(k->copies_n, 2);
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(k->copies[i].target, 4);
                assert_true(k->copies[i].source == 1 || k->copies[i].source == 3);
                assert_true(k->copies[i].at_ms - killed_ms <= 12000);
        }
        assert_int_equal(stats().low_redundancy, 2);
        assert_int_equal(blocks_reason(k->b, B1, 3, false), BLOCK_REASON_COPY_PENDING);
        kit_obey(k);
        kit_pass(k, 1000);
        assert_int_equal(stats().low_redundancy, 0);
        assert_int_equal(blocks_reason(k->b, B1, 3, false), BLOCK_REASON_NONE);
}

static void the_last_copies_are_made_first(void **state)
{
        const uint32_t low[] = {1, 2, 3}, last[] = {1, 3};

        (void)state;
        join_all(4);
        for (uint64_t i = 0; i < 300; i++) {
                kit_block(k, B1 + i, KIT_STAMP, 64 * MIB, BLOCK_COMPLETE, i < 299 ? 3 : 2);
                for (int c = 0; c < (i < 299 ? 3 : 2); c++)
                        kit_change(&k->node[i < 299 ? low[c] : last[c]], B1 + i, KIT_STAMP,
                                   64 * MIB, KIT_FINALIZED);
        }
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        stop_node(3);
        stop_node(4);
        kit_pass(k, 12000); /* no target is alive */
        assert_int_equal(k->copies_n, 1);
        assert_int_equal(k->copies[0].block, B1 + 299);
        kit_obey(k);
        assert_int_equal(stats().highest_priority, 0);
        assert_int_equal(stats().low_redundancy, 299);
        (void)kit_join(k, 4);
        kit_pass(k, 2000);
        assert_int_equal(k->copies_n, 4); /* two of each source, four to the target */
}

static void every_block_of_a_dead_node_comes_back_to_its_number(void **state)
{
        struct placement_random r = {3};

        (void)state;
        join_all(6);
        for (uint64_t i = 0; i < 2500; i++) {
                uint32_t first = 1 + (uint32_t)(placement_random(&r) % 6);
                uint32_t nodes[] = {first, first % 6 + 1, (first + 1) % 6 + 1};

                kit_stored(k, B1 + i, 3, nodes, 3);
        }
        for (uint32_t i = 1; i <= 6; i++)
                kit_report(k, i);
        stop_node(5);
        kit_pass(k, 10000);
        settle();
        assert_int_equal(stats().low_redundancy, 0);
        assert_int_equal(stats().missing, 0);
        for (uint64_t i = 0; i < 2500; i++)
                assert_int_equal(holders_of(B1 + i) - (holds(5, B1 + i) ? 1 : 0), 3);
}

static void node_that_returns_makes_the_new_copies_surplus(void **state)
{
        const uint32_t three[] = {1, 2, 3};

        (void)state;
        join_all(4);
        for (uint64_t i = 0; i < 50; i++)
                kit_stored(k, B1 + i, 3, three, 3);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        stop_node(2);
        kit_pass(k, 10000);
        settle();
        assert_true(kit_heartbeat(k, 2));
        assert_int_equal(kit_join(k, 2), KIT_NONE);
        settle();
        for (uint64_t i = 0; i < 50; i++)
                assert_int_equal(holders_of(B1 + i), 3);
        assert_int_equal(stats().pending_deletion, 0);
}

static void no_more_than_wanted_streams_run_at_once(void **state)
{
        const uint32_t three[] = {1, 2, 3};

        (void)state;
        join_all(8);
        for (uint64_t i = 0; i < 100; i++) {
                kit_block(k, B1 + i, KIT_STAMP, 64 * MIB, BLOCK_COMPLETE, 3);
                for (int c = 0; c < 3; c++)
                        kit_change(&k->node[three[c]], B1 + i, KIT_STAMP, 64 * MIB, KIT_FINALIZED);
        }
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        stop_node(3);
        kit_pass(k, 15000);
        assert_int_equal(k->copies_n, 2 * REPAIR_SENDS);
        assert_int_equal(blocks_reason(k->b, B1 + 99, 3, false), BLOCK_REASON_NODE_DEAD);
        for (uint32_t i = 1; i <= 2; i++)
                assert_int_equal(nodes_get(&k->b->nodes, i)->sends, REPAIR_SENDS);
}

static void copy_that_does_not_arrive_is_tried_elsewhere(void **state)
{
        const uint32_t two[] = {1, 2};
        uint32_t first;

        (void)state;
        join_all(4);
        kit_stored(k, B1, 2, two, 2);
        kit_report(k, 1);
        kit_report(k, 2);
        stop_node(2);
        kit_pass(k, 12000);
        assert_int_equal(k->copies_n, 1);
        first = k->copies[0].target;
        kit_forget_commands(k); /* the command is lost */
        kit_pass(k, PENDING_MS - 3000);
        assert_int_equal(k->copies_n, 0);
        kit_pass(k, 6000);
        assert_int_equal(k->copies_n, 1);
        assert_int_not_equal(k->copies[0].target, first);
        kit_obey(k);
        kit_pass(k, SETTLE_MS);
        assert_int_equal(stats().low_redundancy, 0);
        assert_int_equal(nodes_get(&k->b->nodes, 1)->sends, 0);
}

static void target_that_dies_frees_the_stream(void **state)
{
        const uint32_t two[] = {1, 2};
        uint32_t first;

        (void)state;
        join_all(4);
        kit_stored(k, B1, 2, two, 2);
        kit_report(k, 1);
        kit_report(k, 2);
        stop_node(2);
        kit_pass(k, 12000);
        first = k->copies[0].target;
        kit_forget_commands(k);
        stop_node(first);
        kit_pass(k, 12000);
        assert_int_equal(k->copies_n, 1);
        assert_int_equal(k->copies[0].target, 7 - first);
}

static void copy_command_carries_a_token_for_source_and_target(void **state)
{
        const uint32_t two[] = {1, 2};
        Bdfs__HeartbeatRequest q = BDFS__HEARTBEAT_REQUEST__INIT;
        Bdfs__HeartbeatResponse *r = NULL;
        uint8_t digest[16];
        struct bdfs_err err;

        (void)state;
        join_all(3);
        kit_stored(k, B1, 3, two, 2);
        kit_report(k, 1);
        kit_report(k, 2);
        for (int i = 0; i < 50 && (r == NULL || r->n_copies == 0); i++) {
                blocks_heartbeat_free(r);
                kit_now_ms += 200;
                (void)blocks_tick(k->b, kit_now_ms);
                q.number = (uint32_t)i % 2 + 1;
                q.epoch = k->node[q.number].epoch;
                replica_digest_encode(&k->node[q.number].digest, digest);
                q.digest = (ProtobufCBinaryData){16, digest};
                q.replicas = 1;
                q.log_next = k->node[q.number].log_next;
                (void)kit_heartbeat(k, 3);
                OK(blocks_heartbeat(k->b, &q, &r, &err));
        }
        assert_int_equal(r->n_copies, 1);
        assert_int_equal(r->copies[0]->n_targets, 1);
        assert_int_equal(r->copies[0]->targets[0]->number, 3);
        assert_string_equal(r->copies[0]->targets[0]->ip, "10.0.0.3");
        for (uint32_t i = 1; i <= 3; i++) {
                struct token_node self = {.number = i};
                struct token t;
                enum bdfs_status rc;

                memcpy(self.key, k->node[i].key, sizeof(self.key));
                rc = token_check(&self, k->cluster, r->copies[0]->token_identifier.data,
                                 r->copies[0]->token_identifier.len,
                                 r->copies[0]->token_password.data,
                                 r->copies[0]->token_password.len, B1,
                                 TOKEN_READ | TOKEN_WRITE | TOKEN_COPY, (uint64_t)os_wall_ms(),
                                 &t, &err);
                if (i == q.number || i == 3) {
                        assert_int_equal(rc, BDFS_OK);
                        assert_int_equal(t.length, 1 * MIB);
                        assert_int_equal(t.stamp_floor, KIT_STAMP);
                } else {
                        assert_int_equal(rc, BDFS_TOKEN);
                }
        }
        blocks_heartbeat_free(r);
}

/* ---- what goes ------------------------------------------------------------------------------- */

static void freed_blocks_are_deleted_on_every_holder(void **state)
{
        const uint32_t three[] = {1, 2, 3};

        (void)state;
        join_all(3);
        kit_stored(k, B1, 3, three, 3);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        kit_free_block(k, B1);
        kit_pass(k, 2000);
        assert_int_equal(k->deletes_n, 3);
        assert_int_equal(stats().pending_deletion, 3);
        kit_obey(k);
        assert_int_equal(stats().pending_deletion, 0);
        assert_int_equal(holders_of(B1), 0);
}

static void node_that_was_away_learns_of_deletions_when_it_returns(void **state)
{
        const uint32_t one[] = {1};
        struct kit_row row = {B1, KIT_STAMP, 1 * MIB, KIT_FINALIZED};

        (void)state;
        join_all(2);
        kit_stored(k, B1, 1, one, 1);
        kit_report(k, 1);
        stop_node(1);
        kit_pass(k, 12000);
        kit_free_block(k, B1);
        kit_pass(k, 2000);
        assert_int_equal(k->deletes_n, 0);
        assert_int_equal(kit_join(k, 1), KIT_NONE);
        kit_pass(k, 2000);
        assert_int_equal(k->deletes_n, 1);
        kit_forget_commands(k);
        kit_row(&k->node[2], &row); /* node 2 finds a disk with it again */
        k->node[2].log_id++;
        k->node[2].log_next = k->node[2].log_first = 1;
        assert_int_equal(kit_join(k, 2), KIT_FULL);
        kit_pass(k, 2000);
        assert_int_equal(k->deletes_n, 1);
        assert_int_equal(k->deletes[0].node, 2);
}

static void deletion_is_told_again_until_it_is_reported(void **state)
{
        const uint32_t one[] = {1};

        (void)state;
        join_all(1);
        kit_stored(k, B1, 1, one, 1);
        kit_report(k, 1);
        kit_free_block(k, B1);
        kit_pass(k, BLOCKS_RESEND_MS - 2000);
        assert_int_equal(k->deletes_n, 1);
        kit_pass(k, 4000);
        assert_int_equal(k->deletes_n, 2);
        k->deletes_n = 1;
        kit_obey(k);
        kit_pass(k, 2 * BLOCKS_RESEND_MS);
        assert_int_equal(k->deletes_n, 0);
}

static void block_of_a_number_never_given_out_is_not_deleted(void **state)
{
        (void)state;
        join_all(1);
        kit_change(&k->node[1], B1 + 1000, KIT_STAMP, 10, KIT_FINALIZED);
        kit_report(k, 1);
        k->b->rescan_ms = 0;
        kit_pass(k, SETTLE_MS);
        assert_int_equal(k->deletes_n, 0);
}

static void fewer_copies_wanted_removes_the_rest(void **state)
{
        const uint32_t three[] = {1, 2, 3};
        uint64_t id = B1;

        (void)state;
        join_all(3);
        k->node[2].remaining = 1 * GIB;
        kit_stored(k, B1, 3, three, 3);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        kit_pass(k, 1000);
        kit_block(k, B1, KIT_STAMP, 1 * MIB, BLOCK_COMPLETE, 2);
        blocks_check(k->b, &id, 1);
        kit_pass(k, 2000);
        assert_int_equal(k->deletes_n, 1);
        assert_int_equal(k->deletes[0].node, 2);
        kit_obey(k);
        kit_block(k, B1, KIT_STAMP, 1 * MIB, BLOCK_COMPLETE, 3);
        blocks_check(k->b, &id, 1);
        kit_pass(k, SETTLE_MS);
        assert_int_equal(k->copies_n, 1);
}

/* B6 over time: the decision is taken back when a holder dies before anybody was told. */
static void deletion_is_taken_back_when_a_holder_dies_first(void **state)
{
        const uint32_t four[] = {1, 2, 3, 4};
        uint64_t id = B1;

        (void)state;
        join_all(4);
        k->node[4].remaining = 1 * GIB;
        (void)kit_heartbeat(k, 4);
        kit_stored(k, B1, 3, four, 4);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        kit_report(k, 4);
        blocks_check(k->b, &id, 1);
        (void)blocks_tick(k->b, kit_now_ms);
        assert_int_equal(stats().pending_deletion, 1);
        stop_node(1);
        stop_node(2);
        for (int i = 0; i < 60; i++) { /* node 4 hears nothing yet, but is not dead */
                kit_now_ms += 200;
                (void)blocks_tick(k->b, kit_now_ms);
                nodes_get(&k->b->nodes, 3)->info.last_heartbeat_mono_ms = kit_now_ms;
                nodes_get(&k->b->nodes, 4)->info.last_heartbeat_mono_ms = kit_now_ms;
        }
        (void)kit_heartbeat(k, 4);
        assert_int_equal(k->deletes_n, 0);
        assert_int_equal(stats().pending_deletion, 0);
        assert_int_equal(kit_copies_of(k, B1), 2);
}

static void nothing_is_removed_before_the_holders_have_reported(void **state)
{
        const uint32_t four[] = {1, 2, 3, 4};

        (void)state;
        kit_stored(k, B1, 3, four, 4);
        for (uint32_t i = 1; i <= 4; i++) /* three copies are known, a fourth arrives */
                assert_int_equal(kit_join(k, i), KIT_FULL);
        kit_restart(k, false);
        (void)kit_join(k, 1);
        (void)kit_join(k, 2);
        (void)kit_join(k, 4);
        kit_pass(k, 5000);
        assert_int_equal(k->deletes_n, 0);
        assert_int_equal(k->copies_n, 0);
        (void)kit_join(k, 3);
        kit_pass(k, 5000);
        assert_int_equal(k->deletes_n, 1);
}

/* ---- corrupt copies -------------------------------------------------------------------------- */

static void corrupt_copy_is_replaced_elsewhere_and_then_removed(void **state)
{
        const uint32_t three[] = {1, 2, 3};

        (void)state;
        join_all(4);
        kit_stored(k, B1, 3, three, 3);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        kit_change(&k->node[2], B1, KIT_STAMP, 1 * MIB, KIT_CORRUPT);
        kit_report(k, 2);
        assert_int_equal(stats().corrupt, 1);
        kit_pass(k, SETTLE_MS);
        assert_int_equal(k->deletes_n, 0);
        assert_int_equal(k->copies_n, 1);
        assert_int_equal(k->copies[0].target, 4);
        assert_int_not_equal(k->copies[0].source, 2);
        kit_obey(k);
        kit_pass(k, 2000);
        assert_int_equal(k->deletes_n, 1);
        assert_int_equal(k->deletes[0].node, 2);
        kit_obey(k);
        assert_int_equal(stats().corrupt, 0);
}

static void corrupt_copy_of_three_on_three_nodes_is_replaced_in_its_place(void **state)
{
        const uint32_t three[] = {1, 2, 3};

        (void)state;
        join_all(3);
        kit_stored(k, B1, 3, three, 3);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        kit_change(&k->node[2], B1, KIT_STAMP, 1 * MIB, KIT_CORRUPT);
        kit_report(k, 2);
        settle();
        assert_int_equal(holders_of(B1), 3);
        assert_int_equal(stats().corrupt, 0);
        assert_int_equal(stats().low_redundancy, 0);
        assert_int_equal(kit_copies_of(k, B1), 3);
}

static void block_with_only_corrupt_copies_is_bad_and_keeps_them(void **state)
{
        const uint32_t two[] = {1, 2};
        uint64_t bad[4];

        (void)state;
        join_all(3);
        kit_stored(k, B1, 2, two, 2);
        kit_stored(k, B2, 1, two, 1);
        for (uint32_t i = 1; i <= 2; i++) {
                kit_change(&k->node[i], B1, KIT_STAMP, 1 * MIB, KIT_CORRUPT);
                kit_report(k, i);
        }
        kit_pass(k, SETTLE_MS);
        assert_int_equal(k->deletes_n + k->copies_n, 0);
        assert_int_equal(blocks_bad(k->b, 0, bad, 4), 1);
        assert_int_equal(bad[0], B1);
        assert_int_equal(blocks_bad(k->b, B1, bad, 4), 0);
        assert_int_equal(blocks_reason(k->b, B1, 2, false), BLOCK_REASON_REPLICA_CORRUPT);
        stop_node(1);
        kit_pass(k, 12000);
        assert_int_equal(blocks_bad(k->b, 0, bad, 4), 2);
        assert_int_equal(stats().missing, 2);
        assert_int_equal(stats().missing_one_replica, 1);
        assert_int_equal(blocks_reason(k->b, B2, 1, false), BLOCK_REASON_NONE_REPORTED);
}

/* ---- racks ----------------------------------------------------------------------------------- */

static void block_in_one_rack_of_two_moves_partly_to_the_other(void **state)
{
        const uint32_t three[] = {1, 2, 3};
        size_t there = 0;

        (void)state;
        (void)snprintf(k->node[4].rack, sizeof(k->node[4].rack), "/other");
        (void)snprintf(k->node[5].rack, sizeof(k->node[5].rack), "/other");
        join_all(5);
        kit_stored(k, B1, 3, three, 3);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        settle();
        assert_int_equal(holders_of(B1), 3);
        there = (holds(4, B1) ? 1u : 0u) + (holds(5, B1) ? 1u : 0u);
        assert_int_equal(there, 1);
        assert_int_equal(blocks_reason(k->b, B1, 3, false), BLOCK_REASON_NONE);
}

static void other_rack_without_room_causes_no_copies(void **state)
{
        const uint32_t three[] = {1, 2, 3};

        (void)state;
        (void)snprintf(k->node[5].rack, sizeof(k->node[5].rack), "/other");
        k->node[5].remaining = 1000;
        join_all(5);
        kit_stored(k, B1, 3, three, 3);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        kit_pass(k, 5 * SETTLE_MS);
        assert_int_equal(k->copies_n, 0);
        assert_int_equal(blocks_reason(k->b, B1, 3, false), BLOCK_REASON_ONE_RACK);
}

/* ---- blocks that are being written ----------------------------------------------------------- */

static void block_under_construction_is_neither_copied_nor_removed(void **state)
{
        (void)state;
        join_all(3);
        kit_block(k, B1, KIT_STAMP + 1, 0, BLOCK_UNDER_CONSTRUCTION, 3);
        kit_change(&k->node[1], B1, KIT_STAMP, 10, KIT_RECEIVING);
        kit_change(&k->node[2], B1, KIT_STAMP + 1, 10, KIT_RECEIVING);
        kit_report(k, 1);
        kit_report(k, 2);
        k->b->rescan_ms = 0;
        kit_pass(k, SETTLE_MS);
        assert_int_equal(k->deletes_n + k->copies_n, 0);
        assert_int_equal(blocks_reason(k->b, B1, 3, false), BLOCK_REASON_UNDER_CONSTRUCTION);
}

static void close_waits_for_a_copy_of_what_only_one_node_sealed(void **state)
{
        (void)state;
        join_all(3);
        kit_block(k, B1, KIT_STAMP, 10, BLOCK_COMMITTED, 3);
        kit_change(&k->node[1], B1, KIT_STAMP, 10, KIT_FINALIZED);
        kit_report(k, 1);
        assert_false(blocks_sealed(k->b, B1, KIT_STAMP, 10, 2, os_mono_ms() + 1300));
        kit_pass(k, 2000);
        assert_int_equal(k->copies_n, 2);
        kit_obey(k);
        assert_true(blocks_sealed(k->b, B1, KIT_STAMP, 10, 3, 0));
}

/* ---- safe mode and restarts ------------------------------------------------------------------ */

static bool in_safe_mode(void)
{
        return blocks_safe_mode(k->b, SAFE_MODE_GET);
}

static void empty_namespace_has_no_safe_mode(void **state)
{
        char text[512];

        (void)state;
        assert_false(in_safe_mode());
        blocks_safe_mode_text(k->b, text, sizeof(text));
        assert_string_equal(text, "");
}

static void safe_mode_ends_at_once_when_all_nodes_are_back(void **state)
{
        const uint32_t two[] = {1, 2};
        char text[512];

        (void)state;
        join_all(2);
        for (uint64_t i = 0; i < 10; i++)
                kit_stored(k, B1 + i, 2, two, 2);
        kit_report(k, 1);
        kit_report(k, 2);
        kit_restart(k, false);
        assert_true(in_safe_mode());
        blocks_safe_mode_text(k->b, text, sizeof(text));
        assert_non_null(strstr(text, "The reported blocks 0 needs additional 10 blocks"));
        kit_pass(k, 1000);
        assert_true(in_safe_mode());
        assert_int_equal(kit_join(k, 1), KIT_NONE);
        assert_int_equal(kit_join(k, 2), KIT_NONE);
        kit_pass(k, 200);
        assert_false(in_safe_mode());
        kit_pass(k, SETTLE_MS);
        assert_int_equal(k->copies_n + k->deletes_n, 0);
}

static void safe_mode_ends_after_the_extension_when_a_node_is_missing(void **state)
{
        const uint32_t two[] = {1, 2};
        char text[512];

        (void)state;
        join_all(3);
        for (uint64_t i = 0; i < 10; i++)
                kit_stored(k, B1 + i, 2, two, 2);
        kit_report(k, 1);
        kit_report(k, 2);
        kit_restart(k, false);
        k->node[2].alive = k->node[3].alive = false;
        assert_int_equal(kit_join(k, 1), KIT_NONE);
        kit_pass(k, 2000);
        assert_true(in_safe_mode());
        blocks_safe_mode_text(k->b, text, sizeof(text));
        assert_non_null(strstr(text, "has reached the threshold 0.9990 of total blocks 10"));
        assert_non_null(strstr(text, "In safe mode extension."));
        kit_pass(k, 2000);
        assert_false(in_safe_mode());
        (void)kit_join(k, 3);
        assert_int_equal(k->copies_n, 0); /* node 2 may still come */
        kit_pass(k, 12000);
        assert_true(k->copies_n > 0);
}

static void safe_mode_stays_while_blocks_are_not_reported(void **state)
{
        const uint32_t one[] = {1}, two[] = {2};

        (void)state;
        join_all(2);
        for (uint64_t i = 0; i < 10; i++)
                kit_stored(k, B1 + i, 1, i < 5 ? one : two, 1);
        kit_report(k, 1);
        kit_report(k, 2);
        kit_restart(k, false);
        k->node[2].alive = false;
        (void)kit_join(k, 1);
        kit_pass(k, 30000);
        assert_true(in_safe_mode());
        assert_false(blocks_safe_mode(k->b, SAFE_MODE_LEAVE));
        kit_pass(k, 1000);
        assert_int_equal(stats().missing, 5);
        assert_true(blocks_safe_mode(k->b, SAFE_MODE_ENTER));
        kit_pass(k, 30000);
        assert_true(in_safe_mode());
        assert_false(blocks_safe_mode(k->b, SAFE_MODE_FORCE_EXIT));
}

static void open_files_do_not_hold_safe_mode(void **state)
{
        const uint32_t one[] = {1};

        (void)state;
        join_all(2);
        kit_stored(k, B1, 1, one, 1);
        kit_report(k, 1);
        kit_block(k, B2, KIT_STAMP, 0, BLOCK_UNDER_CONSTRUCTION, 1);
        kit_restart(k, false);
        join_all(2);
        kit_pass(k, 400);
        assert_false(in_safe_mode());
}

static void lost_tables_are_collected_again(void **state)
{
        const uint32_t two[] = {1, 2};

        (void)state;
        join_all(2);
        for (uint64_t i = 0; i < 100; i++)
                kit_stored(k, B1 + i, 2, two, 2);
        kit_report(k, 1);
        kit_report(k, 2);
        kit_restart(k, true);
        assert_true(in_safe_mode());
        assert_int_equal(kit_copies_of(k, B1), 0);
        assert_int_equal(kit_join(k, 1), KIT_FULL);
        kit_pass(k, 400);
        assert_true(in_safe_mode());
        assert_int_equal(kit_join(k, 2), KIT_FULL);
        kit_pass(k, 400);
        assert_false(in_safe_mode());
        for (uint64_t i = 0; i < 100; i++)
                assert_int_equal(kit_copies_of(k, B1 + i), 2);
        kit_pass(k, SETTLE_MS);
        assert_int_equal(k->copies_n + k->deletes_n, 0);
        assert_int_equal(stats().low_redundancy + stats().missing, 0);
}

static void damaged_tables_are_thrown_away_while_running(void **state)
{
        const uint32_t two[] = {1, 2};

        (void)state;
        join_all(2);
        kit_stored(k, B1, 2, two, 2);
        kit_report(k, 1);
        kit_report(k, 2);
        (void)blocks_failed(k->b, BDFS_CORRUPT);
        (void)blocks_tick(k->b, kit_now_ms);
        assert_int_equal(kit_copies_of(k, B1), 0);
        for (uint32_t i = 1; i <= 2; i++) {
                assert_true(kit_heartbeat(k, i));
                assert_int_equal(kit_join(k, i), KIT_FULL);
        }
        assert_int_equal(kit_copies_of(k, B1), 2);
        kit_pass(k, SETTLE_MS);
        assert_int_equal(k->copies_n + k->deletes_n, 0);
}

/* What datanodes said can be asked for again: rows of a newer program are no reason to refuse. */
static void replica_tables_of_a_newer_program_are_made_anew(void **state)
{
        const uint32_t two[] = {1, 2};
        const uint8_t mark[1] = {9};
        struct store_config config = {.tables = replicas_tables, .tables_n = REPLICAS_TABLES,
                                      .map_bytes = GIB};
        struct bdfs_err err;
        struct store_txn *t;
        struct store *s;
        char dir[96];
        bool fresh;

        (void)state;
        join_all(2);
        kit_stored(k, B1, 2, two, 2);
        kit_report(k, 1);
        kit_report(k, 2);
        blocks_env_abandon(k->b->env);
        k->b->env = NULL;
        (void)snprintf(dir, sizeof(dir), "%s/replicas", k->dir);
        config.dir = dir;
        OK(store_open(&s, &config, &fresh, &err));
        assert_false(fresh);
        OK(store_begin_write(s, &t, &err));
        OK(store_put(t, REPLICAS_META, "cluster", 7, mark, sizeof(mark), &err));
        OK(store_put(t, REPLICAS_BY_NODE, "\0\0\0\1\0\0\0\0\0\0\0\1", 12, mark,
                     sizeof(mark), &err));
        OK(store_commit(t, &err));
        store_abandon(s);
        blocks_free(k->b);
        kit_open_blocks(k);
        assert_int_equal(kit_copies_of(k, B1), 0);
        for (uint32_t i = 1; i <= 2; i++)
                assert_int_equal(kit_join(k, i), KIT_FULL);
        assert_int_equal(kit_copies_of(k, B1), 2);
        kit_pass(k, SETTLE_MS);
        assert_int_equal(k->copies_n + k->deletes_n, 0);
}

/* Freed in memory only when the process ended: found by looking at everything after the start. */
static void blocks_freed_just_before_a_crash_are_found(void **state)
{
        const uint32_t two[] = {1, 2};

        (void)state;
        join_all(2);
        for (uint64_t i = 0; i < 3000; i++)
                kit_stored(k, B1 + i, 2, two, 2);
        kit_report(k, 1);
        kit_report(k, 2);
        for (uint64_t i = 0; i < 3000; i += 500)
                kit_free_block(k, B1 + i);
        kit_restart(k, false);
        join_all(2);
        kit_pass(k, 3000);
        assert_int_equal(k->deletes_n, 12);
        kit_obey(k);
        assert_int_equal(stats().pending_deletion, 0);
}

/* ---- orders that are told again -------------------------------------------------------------- */

/* The datanode's process ends and starts again: what it has is the same, its log is another. */
static void restart_node(uint32_t i)
{
        struct kit_node *n = &k->node[i];

        n->log_id += 1000;
        n->log_first = n->log_next = n->sent = 1;
}

static void set_wanted(uint64_t id, uint32_t wanted)
{
        kit_block(k, id, KIT_STAMP, 1 * MIB, BLOCK_COMPLETE, wanted);
        blocks_check(k->b, &id, 1);
}

/* Of three copies two are to go. Returns who keeps its copy. */
static uint32_t told_to_keep_one(void)
{
        const uint32_t three[] = {1, 2, 3};
        uint32_t left = 6;

        join_all(3);
        kit_stored(k, B1, 3, three, 3);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        set_wanted(B1, 1);
        kit_pass(k, 2000);
        assert_int_equal(k->deletes_n, 2);
        left -= k->deletes[0].node + k->deletes[1].node;
        kit_forget_commands(k);
        return left;
}

static void a_deletion_is_looked_at_anew_whenever_it_is_told(void **state)
{
        uint32_t left;

        (void)state;
        left = told_to_keep_one();
        for (uint32_t i = 1; i <= 3; i++) { /* victims crash at unlink, the survivor's disk dies */
                stop_node(i);
                if (i != left)
                        restart_node(i);
        }
        kit_pass(k, 12000);
        for (uint32_t i = 1; i <= 3; i++)
                if (i != left)
                        (void)kit_join(k, i);
        kit_pass(k, 60000);
        for (size_t i = 1; i < k->deletes_n; i++)
                assert_int_equal(k->deletes[i].node, k->deletes[0].node);
        kit_obey(k);
        kit_pass(k, 60000);
        kit_obey(k);
        assert_int_equal(holders_of(B1), 2); /* one of the two, and the one that is away */
        assert_int_equal(kit_copies_of(k, B1), 1);
}

static void a_told_replica_is_no_reason_to_remove_another(void **state)
{
        uint32_t left;

        (void)state;
        left = told_to_keep_one();
        stop_node(left); /* the victims have the order, and have not done it yet */
        kit_pass(k, 60000);
        assert_int_equal(k->deletes_n, 0);
        assert_int_equal(kit_copies_of(k, B1), 2);
}

static void replicas_that_were_to_go_end_safe_mode(void **state)
{
        uint32_t left;

        (void)state;
        left = told_to_keep_one();
        kit_restart(k, false);
        for (uint32_t i = 1; i <= 3; i++) {
                k->node[i].alive = false;
                if (i == left)
                        continue;
                restart_node(i);
                (void)kit_join(k, i);
        }
        kit_pass(k, 30000);
        assert_false(blocks_safe_mode(k->b, SAFE_MODE_GET));
        kit_obey(k); /* one of the two is surplus again, but only one */
        kit_pass(k, 30000);
        assert_int_equal(k->deletes_n, 0);
        assert_int_equal(kit_copies_of(k, B1), 1);
}

static void a_block_that_is_missing_from_the_table_is_kept(void **state)
{
        const uint32_t three[] = {1, 2, 3};
        struct store_txn *t;
        struct bdfs_err err;

        (void)state;
        join_all(3);
        kit_stored(k, B1, 3, three, 3);
        kit_stored(k, B2, 3, three, 3);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        t = kit_write(k); /* as after a flipped bit in its key */
        OK(table_del_block(t, B1, &err));
        kit_commit(t);
        blocks_check(k->b, &(uint64_t){B1}, 1);
        kit_pass(k, 30000);
        kit_restart(k, false);
        join_all(3);
        kit_pass(k, 30000);
        assert_int_equal(k->deletes_n, 0);
        kit_restart(k, true);
        for (uint32_t i = 1; i <= 3; i++)
                restart_node(i);
        join_all(3);
        kit_pass(k, 30000);
        assert_int_equal(k->deletes_n, 0);
        assert_int_equal(kit_copies_of(k, B1), 3);
}

/* The node has the order, loses it, and says so when it is asked behind it. */
static void a_spared_replica_counts_again_when_its_node_has_answered(void **state)
{
        uint32_t left;

        (void)state;
        left = told_to_keep_one();
        stop_node(left);
        kit_pass(k, 20000);
        assert_int_equal(k->deletes_n, 0);
        assert_true(k->verifies_n >= 2); /* both are asked */
        for (uint32_t i = 1; i <= 3; i++) {
                if (i == left)
                        continue;
                kit_change(&k->node[i], B1, KIT_STAMP, 1 * MIB, KIT_FINALIZED);
                kit_report(k, i);
        }
        kit_pass(k, 5000);
        assert_int_equal(k->deletes_n, 1); /* now one is surplus */
        kit_obey(k);
        kit_pass(k, 60000);
        assert_int_equal(k->deletes_n, 0);
        assert_int_equal(kit_copies_of(k, B1), 1);
}

static void readers_are_sent_to_what_is_to_go_when_there_is_nothing_else(void **state)
{
        const uint32_t two[] = {1, 2};
        struct replica_info r[4];

        (void)state;
        join_all(2);
        kit_stored(k, B1, 2, two, 2);
        kit_report(k, 1);
        kit_report(k, 2);
        kit_free_block(k, B1); /* as of a token that was made before */
        kit_pass(k, 2000);
        assert_int_equal(k->deletes_n, 2);
        assert_int_equal(blocks_replicas(k->b, B1, 0, false, "", r, 4), 2);
}

/* ---- blocks without a reference -------------------------------------------------------------- */

static void a_retired_block_is_neither_copied_nor_removed(void **state)
{
        const uint32_t three[] = {1, 2, 3};
        struct store_txn *t;

        (void)state;
        join_all(4);
        kit_stored(k, B1, 2, three, 3); /* one surplus, decided but not told */
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        blocks_check(k->b, &(uint64_t){B1}, 1);
        (void)blocks_tick(k->b, kit_now_ms);
        assert_int_equal(stats().pending_deletion, 1);
        t = kit_write(k);
        kit_put_block(t, B1, KIT_STAMP, 1 * MIB, BLOCK_RETIRED, 2);
        kit_commit(t);
        stop_node(1);
        kit_pass(k, 60000);
        restart_node(2);
        (void)kit_join(k, 2);
        kit_pass(k, 60000);
        assert_int_equal(k->deletes_n + k->copies_n, 0);
        assert_int_equal(stats().pending_deletion, 0);
        assert_int_equal(kit_copies_of(k, B1), 2);
        assert_int_equal(stats().missing + stats().low_redundancy + stats().unknown, 0);
}

static void unknown_blocks_are_counted_until_they_are_known_or_gone(void **state)
{
        const uint32_t two[] = {1, 2};
        struct store_txn *t;
        struct bdfs_err err;

        (void)state;
        join_all(2);
        kit_stored(k, B1, 2, two, 2);
        kit_change(&k->node[1], B1 + 77, KIT_STAMP, 5, KIT_FINALIZED); /* never given out */
        kit_report(k, 1);
        kit_report(k, 2);
        t = kit_write(k);
        OK(table_del_block(t, B1, &err));
        kit_commit(t);
        blocks_check(k->b, &(uint64_t){B1}, 1);
        kit_pass(k, 2000);
        assert_int_equal(stats().unknown, 2);
        assert_int_equal(stats().missing, 0);
        kit_block(k, B1, KIT_STAMP, 1 * MIB, BLOCK_COMPLETE, 2);
        blocks_check(k->b, &(uint64_t){B1}, 1);
        kit_change(&k->node[1], B1 + 77, KIT_STAMP, 0, KIT_GONE);
        kit_report(k, 1);
        kit_pass(k, 2000);
        assert_int_equal(stats().unknown, 0);
        assert_int_equal(k->deletes_n, 0);
}

static size_t gone(uint64_t id)
{
        uint64_t list[] = {id};
        struct bdfs_err err;
        size_t n = 1;

        OK(blocks_gone(k->b, list, &n, &err));
        return n;
}

static void a_freed_block_is_gone_when_everybody_has_said_so(void **state)
{
        const uint32_t two[] = {1, 2};

        (void)state;
        join_all(3);
        kit_stored(k, B1, 2, two, 2);
        kit_report(k, 1);
        kit_report(k, 2);
        kit_free_block(k, B1);
        assert_int_equal(gone(B1), 0);
        kit_pass(k, 2000);
        kit_obey(k);
        assert_int_equal(gone(B1), 1);
        stop_node(3); /* it may have one: nobody knows */
        kit_pass(k, 12000);
        assert_int_equal(gone(B1), 0);
        kit_restart(k, false);
        (void)kit_join(k, 1);
        (void)kit_join(k, 2);
        assert_int_equal(gone(B1), 0);
        (void)kit_join(k, 3);
        kit_pass(k, 5000);
        assert_int_equal(gone(B1), 1);
}

static void space_is_short_when_a_block_found_no_room(void **state)
{
        struct place_request q = {.wanted = 2, .writer_host = "", .bytes = 200 * GIB};
        const uint32_t one[] = {1};
        uint32_t nodes[2];
        struct bdfs_err err;
        size_t n;

        (void)state;
        join_all(2);
        assert_false(blocks_space_short(k->b));
        assert_int_equal(blocks_place(k->b, &q, nodes, &n, &err), BDFS_NO_SPACE);
        assert_true(blocks_space_short(k->b));
        assert_false(blocks_space_short(k->b)); /* once for each time */
        k->node[2].remaining = 0; /* nor a copy */
        (void)kit_heartbeat(k, 2);
        (void)kit_join(k, 3);
        k->node[3].remaining = 0;
        (void)kit_heartbeat(k, 3);
        kit_stored(k, B1, 2, one, 1);
        kit_report(k, 1);
        kit_pass(k, SETTLE_MS);
        assert_int_equal(k->copies_n, 0);
        assert_true(blocks_space_short(k->b));
}

static void space_is_short_below_the_floor(void **state)
{
        (void)state;
        join_all(2);
        assert_false(blocks_space_short(k->b));
        for (uint32_t i = 1; i <= 2; i++)
                nodes_get(&k->b->nodes, i)->info.remaining =
                        nodes_get(&k->b->nodes, i)->info.capacity / 1000 * SPACE_FLOOR_PERMILLE - 1;
        assert_true(blocks_space_short(k->b));
        assert_true(blocks_space_short(k->b));
}

static void safe_mode_does_not_take_unknown_replicas_for_a_files(void **state)
{
        const uint32_t one[] = {1};

        (void)state;
        (void)kit_join(k, 1);
        for (uint64_t i = 0; i < 10; i++)
                kit_block(k, B1 + i, KIT_STAMP, 1 * MIB, BLOCK_COMPLETE, 1); /* nowhere */
        for (uint64_t i = 10; i < 20; i++)
                kit_stored(k, B1 + i, 1, one, 1);
        for (uint64_t i = 20; i < 30; i++) /* of no file */
                kit_change(&k->node[1], B1 + i, KIT_STAMP, 1 * MIB, KIT_FINALIZED);
        kit_report(k, 1);
        kit_pass(k, 2000);
        kit_restart(k, true); /* 20 blocks, and 20 with a replica */
        restart_node(1);
        (void)kit_join(k, 1);
        kit_pass(k, 20000);
        assert_true(blocks_safe_mode(k->b, SAFE_MODE_GET));
        assert_int_equal(k->b->safe.facts.reported, 10);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                T(copies_of_a_dead_node_are_ordered_within_twelve_seconds),
                T(the_last_copies_are_made_first),
                T(every_block_of_a_dead_node_comes_back_to_its_number),
                T(node_that_returns_makes_the_new_copies_surplus),
                T(no_more_than_wanted_streams_run_at_once),
                T(copy_that_does_not_arrive_is_tried_elsewhere),
                T(target_that_dies_frees_the_stream),
                T(copy_command_carries_a_token_for_source_and_target),
                T(freed_blocks_are_deleted_on_every_holder),
                T(node_that_was_away_learns_of_deletions_when_it_returns),
                T(deletion_is_told_again_until_it_is_reported),
                T(block_of_a_number_never_given_out_is_not_deleted),
                T(fewer_copies_wanted_removes_the_rest),
                T(deletion_is_taken_back_when_a_holder_dies_first),
                T(nothing_is_removed_before_the_holders_have_reported),
                T(corrupt_copy_is_replaced_elsewhere_and_then_removed),
                T(corrupt_copy_of_three_on_three_nodes_is_replaced_in_its_place),
                T(block_with_only_corrupt_copies_is_bad_and_keeps_them),
                T(block_in_one_rack_of_two_moves_partly_to_the_other),
                T(other_rack_without_room_causes_no_copies),
                T(block_under_construction_is_neither_copied_nor_removed),
                T(close_waits_for_a_copy_of_what_only_one_node_sealed),
                T(empty_namespace_has_no_safe_mode),
                T(safe_mode_ends_at_once_when_all_nodes_are_back),
                T(safe_mode_ends_after_the_extension_when_a_node_is_missing),
                T(safe_mode_stays_while_blocks_are_not_reported),
                T(open_files_do_not_hold_safe_mode),
                T(lost_tables_are_collected_again),
                T(replica_tables_of_a_newer_program_are_made_anew),
                T(damaged_tables_are_thrown_away_while_running),
                T(blocks_freed_just_before_a_crash_are_found),
                T(a_deletion_is_looked_at_anew_whenever_it_is_told),
                T(a_told_replica_is_no_reason_to_remove_another),
                T(replicas_that_were_to_go_end_safe_mode),
                T(a_block_that_is_missing_from_the_table_is_kept),
                T(a_spared_replica_counts_again_when_its_node_has_answered),
                T(readers_are_sent_to_what_is_to_go_when_there_is_nothing_else),
                T(a_retired_block_is_neither_copied_nor_removed),
                T(unknown_blocks_are_counted_until_they_are_known_or_gone),
                T(a_freed_block_is_gone_when_everybody_has_said_so),
                T(space_is_short_when_a_block_found_no_room),
                T(space_is_short_below_the_floor),
                T(safe_mode_does_not_take_unknown_replicas_for_a_files),
        };
#undef T

        return cmocka_run_group_tests(tests, NULL, NULL);
}
