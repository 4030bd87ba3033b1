/* Pipelines that are rebuilt, leases that are taken away. */
#include "tests/unit/namenode/test_apply_files.h"

/* ---- pipelines ------------------------------------------------------------------------------ */

static enum bdfs_status do_new_stamp(struct at_block b, const char *holder)
{
        Bdfs__RecordBlock r;

        return APPLY(&ALICE, NEW_STAMP, new_stamp, NewStampOp, NEW_STAMP_OP,
                     op_.block = record_of(b, &r); op_.holder = (char *)holder);
}

static enum bdfs_status do_update(struct at_block old, struct at_block new, const char *holder,
                                  const uint32_t *nodes, size_t n)
{
        Bdfs__RecordBlock a, b;

        return APPLY(&ALICE, UPDATE_PIPELINE, update_pipeline, UpdatePipelineOp,
                     UPDATE_PIPELINE_OP, op_.old_block = record_of(old, &a);
                     op_.new_block = record_of(new, &b); op_.holder = (char *)holder;
                     op_.nodes = (uint32_t *)nodes; op_.n_nodes = n);
}

static enum bdfs_status do_offer(struct at_block b, const char *holder, const uint32_t *nodes,
                                 size_t n)
{
        Bdfs__RecordBlock r;

        return APPLY(&ALICE, OFFER, offer, OfferOp, OFFER_OP, op_.block = record_of(b, &r);
                     op_.holder = (char *)holder; op_.nodes = (uint32_t *)nodes; op_.n_nodes = n);
}

static struct at_block open_block(const char *path, const char *holder)
{
        OK(do_create(&ALICE, path, (struct creation){.holder = holder}));
        OK(do_add_block(&ALICE, path, 0, holder, (struct at_block){0}));
        return got(0);
}

static void a_new_stamp_leaves_the_stored_one(void **state)
{
        struct at_block b = open_block("/o/w", "h"), bumped;

        (void)state;
        OK(do_new_stamp(b, "h"));
        bumped = got(0);
        assert_int_equal(bumped.id, b.id);
        assert_true(bumped.stamp > b.stamp);
        assert_int_equal(block_of(b.id).stamp, b.stamp);
        b.length = 77;
        ANSWERS(do_complete(&ALICE, "/o/w", 0, "h", b), true); /* as some clients do */
}

static void update_pipeline_sets_stamp_length_and_nodes(void **state)
{
        struct at_block b = open_block("/o/w", "h"), new;
        const uint32_t nodes[] = {3, 2}, offered[] = {9, 1, 9};
        struct block row;

        (void)state;
        OK(do_offer(b, "h", offered, 3));
        assert_int_equal(kit.result->n_nodes, 3);
        OK(do_offer(b, "h", offered, 3));
        assert_false(kit.changed);
        OK(do_new_stamp(b, "h"));
        new = got(50);
        OK(do_update(b, new, "h", nodes, 2));
        row = block_of(b.id);
        assert_int_equal(row.stamp, new.stamp);
        assert_int_equal(row.length, 50);
        assert_int_equal(row.pipeline_n, 2);
        assert_int_equal(row.nodes_n, 4);
        assert_int_equal(row.nodes[0], 3);
        assert_int_equal(row.nodes[1], 2);
        kit_check();
        REFUSED(do_complete(&ALICE, "/o/w", 0, "h", (struct at_block){b.id, b.stamp, 60}), FAILED,
                "Commit block with mismatching GS. NN has blk_1073741828_1005, client submits "
                "blk_1073741828_1004");
        new.length = 60;
        ANSWERS(do_complete(&ALICE, "/o/w", 0, "h", new), true);
        assert_int_equal(block_of(b.id).nodes_n, 0);
}

static void pipelines_refuse_in_the_words_of_hdfs(void **state)
{
        struct at_block done = last_block("/o/f"), b = open_block("/o/w", "h"), new = b;
        uint32_t many[PIPELINE_NODES_MAX + 1] = {0};
        char text[256];

        (void)state;
        REFUSED(do_new_stamp((struct at_block){999, 1, 0}, "h"), FAILED,
                "BP-1:blk_999_1 does not exist.");
        (void)snprintf(text, sizeof(text), "Unexpected BlockUCState: BP-1:blk_%llu_%llu is "
                       "COMPLETE but not UNDER_CONSTRUCTION", (unsigned long long)done.id,
                       (unsigned long long)done.stamp);
        REFUSED(do_new_stamp(done, "h"), FAILED, text);
        REFUSED(do_new_stamp(b, "h9"), LEASE_EXPIRED, "Lease mismatch: BP-1:blk_1073741828_1004 "
                "is accessed by a non lease holder h9");
        REFUSED(do_update(b, b, "h", many, 1), FAILED,
                "Update BP-1:blk_1073741828_1004 but the new block BP-1:blk_1073741828_1004 does "
                "not have a larger generation stamp than the last block blk_1073741828_1004");
        new.stamp += 100;
        REFUSED(do_update(b, new, "h", many, 1), FAILED,
                "Update BP-1:blk_1073741828_1004 but the generation stamp of the new block "
                "BP-1:blk_1073741828_1104 was never given out");
        OK(do_fsync(&ALICE, "/o/w", "h", 10));
        OK(do_new_stamp(b, "h"));
        new = got(9);
        REFUSED(do_update(b, new, "h", many, 1), FAILED,
                "Update BP-1:blk_1073741828_1004 (size=0) to a smaller size block "
                "BP-1:blk_1073741828_1005 (size=9)");
        new.length = 10;
        assert_int_equal(do_update(b, new, "h", many, PIPELINE_NODES_MAX + 1), BDFS_FAILED);
}

static void a_block_is_offered_to_a_bounded_number_of_nodes(void **state)
{
        struct at_block b = open_block("/o/w", "h");
        uint32_t node = 100;

        (void)state;
        for (; block_of(b.id).nodes_n < BLOCK_NODES_MAX; node++)
                OK(do_offer(b, "h", &node, 1));
        REFUSED(do_offer(b, "h", &node, 1), FAILED, "block 1073741828 has been offered to 64 "
                "datanodes, the most is 64");
}

/* ---- recovery ------------------------------------------------------------------------------- */

static void recover_lease_closes_what_has_no_open_block(void **state)
{
        (void)state;
        REFUSED(do_recover(&ALICE, "/o/none", "x"), NOT_FOUND, "File does not exist: /o/none");
        REFUSED(do_recover(&ALICE, "/o/d", "x"), NOT_FOUND, "Path is not a file: /o/d");
        ANSWERS(do_recover(&BOB, "/o/f", "x"), true);
        assert_false(kit.changed);
        OK(do_create(&ALICE, "/o/w", (struct creation){.holder = "h"}));
        REFUSED(do_recover(&BOB, "/o/w", "x"), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/w\":alice:supergroup:-rw-r--r--");
        ANSWERS(do_recover(&ALICE, "/o/w", "x"), true);
        assert_true(kit.changed);
        assert_int_equal(store_count(kit.t, TABLE_LEASE), 0);
}

static void a_recovery_fences_the_old_writer(void **state)
{
        struct at_block b = open_block("/o/w", "holder1"), recovering;
        struct ns_status s;
        uint64_t inode = inode_of("/o/w");

        (void)state;
        OK(do_fsync(&ALICE, "/o/w", "holder1", 40));
        ANSWERS(do_recover(&ALICE, "/o/w", "holder2"), false);
        recovering = got(45);
        assert_true(recovering.stamp > b.stamp);
        assert_int_equal(kit.result->n_nodes, 2);
        kit_check();
        ANSWERS(do_recover(&ALICE, "/o/w", "holder2"), false);
        assert_int_equal(got(0).stamp, recovering.stamp);
        b.length = 50;
        assert_int_equal(do_complete(&ALICE, "/o/w", inode, "holder1", b), BDFS_LEASE_EXPIRED);
        REFUSED(do_complete(&ALICE, "/o/w", inode, "holder2", b), FAILED,
                "Commit or complete block blk_1073741828_1005, whereas it is under recovery.");
        REFUSED(do_append(&ALICE, "/o/w", "holder3", false), RECOVERY,
                "Failed to APPEND_FILE /o/w for holder3 on 127.0.0.1 because another recovery is "
                "in progress by holder2 on 127.0.0.1");
        REFUSED(do_new_stamp(b, "holder2"), FAILED, "Unexpected BlockUCState: "
                "BP-1:blk_1073741828_1004 is UNDER_RECOVERY but not UNDER_CONSTRUCTION");
        assert_int_equal(do_close_expired(inode, b), BDFS_STALE_GENSTAMP);
        recovering.length = 39;
        assert_int_equal(do_close_expired(inode, recovering), BDFS_FAILED);
        assert_int_equal(do_close_expired(inode, (struct at_block){0}), BDFS_FAILED);
        recovering.length = 45;
        ANSWERS(do_close_expired(inode, recovering), true);
        assert_true(stat_of("/o/w", &s));
        assert_int_equal(s.length, 45);
        assert_false(s.open);
        assert_int_equal(do_close_expired(inode, recovering), BDFS_NOT_FOUND);
}

static void a_lease_that_ran_out_goes_to_the_namenode(void **state)
{
        struct at_block first = open_block("/o/w", "gone"), second;
        struct ns_writer w;
        uint64_t inode = inode_of("/o/w");

        (void)state;
        first.length = 1024;
        OK(do_add_block(&ALICE, "/o/w", 0, "gone", first));
        second = got(0);
        ANSWERS(do_start_recovery(inode), false);
        OK(ns_writer_of(kit.t, inode, &w, &kit.err));
        assert_string_equal(w.holder, "HDFS_NameNode");
        assert_true(w.recovering && w.has_last && w.has_previous);
        assert_int_equal(w.last.id, second.id);
        assert_int_equal(do_add_block(&ALICE, "/o/w", 0, "gone", second), BDFS_LEASE_EXPIRED);
        ANSWERS(do_start_recovery(inode), false); /* nobody answered: another stamp */
        assert_true(kit.result->block->stamp > w.last.stamp);
        ANSWERS(do_close_expired(inode, (struct at_block){0}), true);
        assert_int_equal(unreferenced(), 1);
        assert_int_equal(block_of(first.id).state, BLOCK_COMPLETE);
        OK(do_append(&ALICE, "/o/w", "next", false));
        ANSWERS(do_start_recovery(inode), true); /* nothing was being written */
        assert_int_equal(do_start_recovery(inode), BDFS_NOT_FOUND);
}

static void a_committed_block_may_be_recovered_but_not_shortened(void **state)
{
        struct at_block first = open_block("/o/w", "gone"), b;
        uint64_t inode = inode_of("/o/w");

        (void)state;
        first.length = 600;
        OK(do_add_block(&ALICE, "/o/w", 0, "gone", first));
        OK(do_abandon(&ALICE, "/o/w", 0, "gone", got(0)));
        ANSWERS(do_start_recovery(inode), false);
        b = got(599);
        assert_int_equal(b.id, first.id);
        kit_check();
        assert_int_equal(do_close_expired(inode, b), BDFS_FAILED);
        b.length = 600;
        ANSWERS(do_close_expired(inode, b), true);
}

static void an_expired_soft_limit_lets_others_in(void **state)
{
        struct ns_status s;

        (void)state;
        OK(do_create(&ALICE, "/o/w", (struct creation){.holder = "h1"}));
        REFUSED(do_create(&ALICE, "/o/w", (struct creation){.holder = "h2", .take_over = true}),
                EXISTS, "/o/w for client 127.0.0.1 already exists");
        OK(do_append(&ALICE, "/o/w", "h2", true));
        OK(do_add_block(&ALICE, "/o/w", 0, "h2", (struct at_block){0}));
        REFUSED(do_append(&ALICE, "/o/w", "h3", true), RECOVERY,
                "Failed to APPEND_FILE /o/w for h3 on 127.0.0.1 because lease recovery is in "
                "progress. Try again later.");
        REFUSED(do_append(&ALICE, "/o/w", "h2", true), BEING_CREATED,
                "Failed to APPEND_FILE /o/w for h2 on 127.0.0.1 because h2 is already the current "
                "lease holder.");
        OK(do_create(&ALICE, "/o/w", (struct creation){.holder = "h3", .overwrite = true}));
        assert_true(stat_of("/o/w", &s));
        assert_true(s.open);
}

static enum bdfs_status do_decide(uint64_t inode, struct at_block block)
{
        Bdfs__RecordBlock b;

        return APPLY(NULL, DECIDE_RECOVERY, decide_recovery, DecideRecoveryOp, DECIDE_RECOVERY_OP,
                     op_.inode = inode; op_.block = record_of(block, &b));
}

static void a_length_that_was_decided_stays_until_the_stamp_is_raised(void **state)
{
        struct at_block b;
        uint64_t inode;

        (void)state;
        OK(do_create(&ALICE, "/o/w", (struct creation){.holder = "w"}));
        inode = kit.result->inode;
        OK(do_add_block(&ALICE, "/o/w", 0, "w", (struct at_block){0}));
        b = got(600);
        assert_int_equal(do_decide(inode, b), BDFS_FAILED); /* its writer has it */
        OK(do_start_recovery(inode));
        b = got(600);
        OK(do_decide(inode, b));
        assert_true(kit.changed);
        OK(do_decide(inode, b)); /* told twice */
        assert_false(kit.changed);
        kit_check();
        b.length = 100;
        assert_int_equal(do_decide(inode, b), BDFS_FAILED);
        assert_int_equal(do_close_expired(inode, b), BDFS_FAILED);
        assert_int_equal(do_close_expired(inode, (struct at_block){0}), BDFS_FAILED);
        OK(do_start_recovery(inode)); /* anew, and not for less */
        b = got(599);
        assert_int_equal(do_decide(inode, b), BDFS_FAILED);
        assert_int_equal(do_close_expired(inode, (struct at_block){0}), BDFS_FAILED);
        kit_check();
        b.length = 700;
        OK(do_decide(inode, b));
        OK(do_close_expired(inode, b));
        kit_check();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_o, teardown)
        const struct CMUnitTest tests[] = {
                TEST(a_length_that_was_decided_stays_until_the_stamp_is_raised),
                TEST(a_new_stamp_leaves_the_stored_one),
                TEST(update_pipeline_sets_stamp_length_and_nodes),
                TEST(pipelines_refuse_in_the_words_of_hdfs),
                TEST(a_block_is_offered_to_a_bounded_number_of_nodes),
                TEST(recover_lease_closes_what_has_no_open_block),
                TEST(a_recovery_fences_the_old_writer),
                TEST(a_lease_that_ran_out_goes_to_the_namenode),
                TEST(a_committed_block_may_be_recovered_but_not_shortened),
                TEST(an_expired_soft_limit_lets_others_in),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
