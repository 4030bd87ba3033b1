/* Maps, blocks and attributes: concat, truncate, replication, pipelines, recovery, owners, times. */
#include "tests/unit/test_apply_kit.h"

static struct at_block last_block(const char *path)
{
        struct extent e;
        struct block b;

        OK(extents_last(kit.t, inode_of(path), &e, &kit.err));
        OK(table_get_block(kit.t, e.block, &b, &kit.err));
        return (struct at_block){b.id, b.stamp, b.length};
}

static struct block block_of(uint64_t id)
{
        struct block b;

        OK(table_get_block(kit.t, id, &b, &kit.err));
        return b;
}

static size_t freed(void)
{
        size_t n;

        (void)apply_freed(kit.batch, &n);
        return n;
}

static int setup_o(void **state)
{
        (void)setup(state);
        OK(do_mkdirs(&ROOT, "/o", 0777, false));
        OK(do_mkdirs(&ALICE, "/o/d", 0755, false));
        make_file(&ALICE, "/o/f", 3000, (struct creation){0});
        make_file(&ALICE, "/o/e", 0, (struct creation){0});
        kit_commit();
        return 0;
}

/* ---- truncate ------------------------------------------------------------------------------- */

static void truncate_cuts_the_map_at_once(void **state)
{
        struct ns_status s;

        (void)state;
        kit.now += 3;
        ANSWERS(do_truncate(&ALICE, "/o/f", 3000, "h"), true);
        assert_false(kit.changed);
        ANSWERS(do_truncate(&ALICE, "/o/f", 2100, "h"), true);
        assert_true(stat_of("/o/f", &s));
        assert_int_equal(s.length, 2100);
        assert_int_equal(s.extents, 3);
        assert_int_equal(s.mtime, kit.now);
        assert_false(s.open);
        assert_int_equal(freed(), 0);
        assert_int_equal(last_block("/o/f").length, 952); /* the block stays as it is */
        kit_check();
        ANSWERS(do_truncate(&ALICE, "/o/f", 1024, "h"), true);
        assert_int_equal(freed(), 2);
        kit_check();
        ANSWERS(do_truncate(&ALICE, "/o/f", 0, "h"), true);
        assert_int_equal(freed(), 3);
}

static void truncate_refuses_in_the_words_of_hdfs(void **state)
{
        (void)state;
        REFUSED(do_truncate(&ALICE, "/o/none", 1, "h"), NOT_FOUND, "File does not exist: /o/none");
        REFUSED(do_truncate(&ALICE, "/o/d", 1, "h"), NOT_FOUND, "Path is not a file: /o/d");
        REFUSED(do_truncate(&BOB, "/o/f", 5000, "h"), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/f\":alice:supergroup:-rw-r--r--");
        REFUSED(do_truncate(&ALICE, "/o/f", 3001, "h"), INVALID,
                "Cannot truncate to a larger file size. Current size: 3000, truncate size: 3001.");
        REFUSED(do_truncate(&BOB, "/o/f", UINT64_MAX, "h"), INVALID,
                "Cannot truncate to a negative file size: -1.");
}

/* ---- concat --------------------------------------------------------------------------------- */

static void concat_joins_maps_and_takes_the_names_away(void **state)
{
        const char *const sources[] = {"/o/s1", "/o/s2"};
        struct ns_status s;
        struct ns_map m;
        uint64_t at = 0;

        (void)state;
        make_file(&ALICE, "/o/t", 1500, (struct creation){.replication = 2});
        make_file(&ALICE, "/o/s1", 1500, (struct creation){.replication = 3});
        make_file(&ALICE, "/o/s2", 1024, (struct creation){.replication = 1});
        kit.now += 9;
        OK(do_concat(&ALICE, "/o/t", sources, 2));
        assert_true(stat_of("/o/t", &s));
        assert_int_equal(s.length, 4024);
        assert_int_equal(s.extents, 5);
        assert_int_equal(s.mtime, kit.now);
        assert_false(exists("/o/s1"));
        assert_false(exists("/o/s2"));
        OK(ns_locate_inode(kit.t, s.inode, 0, INT64_MAX, &m, &kit.err));
        assert_int_equal(m.n, 5);
        for (size_t i = 0; i < m.n; i++) {
                assert_int_equal(m.pieces[i].offset, at);
                assert_int_equal(m.pieces[i].replication, 2);
                at += m.pieces[i].length;
        }
        assert_int_equal(at, 4024);
        ns_map_fini(&m);
        assert_int_equal(freed(), 0);
        kit_check();
}

static void concat_refuses_in_the_words_of_hdfs(void **state)
{
        const char *same[] = {"/o/t"}, *twice[] = {"/o/s", "/o/s"}, *none[] = {"/o/none"};
        const char *other[] = {"/o/d/s"}, *big[] = {"/o/big"}, *empty[] = {"/o/e"};
        const char *open[] = {"/o/open"}, *good[] = {"/o/s"}, *dir[] = {"/o/d"};

        (void)state;
        make_file(&ALICE, "/o/t", 10, (struct creation){0});
        make_file(&ALICE, "/o/s", 10, (struct creation){0});
        make_file(&ALICE, "/o/d/s", 10, (struct creation){0});
        make_file(&ALICE, "/o/big", 10, (struct creation){.block_size = 2048});
        make_file(&ALICE, "/o/secret", 10, (struct creation){.mode = 0600});
        OK(do_create(&ALICE, "/o/open", (struct creation){0}));
        REFUSED(do_concat(&ALICE, "/o/t", NULL, 0), INVALID, "No sources given");
        REFUSED(do_concat(&ALICE, "/o/none", good, 1), NOT_FOUND, "File does not exist: /o/none");
        REFUSED(do_concat(&ALICE, "/o/d", good, 1), NOT_FOUND, "Path is not a file: /o/d");
        REFUSED(do_concat(&ALICE, "/o/open", good, 1), INVALID,
                "concat: target file /o/open is under construction");
        REFUSED(do_concat(&ALICE, "/o/t", none, 1), NOT_FOUND, "File does not exist: /o/none");
        REFUSED(do_concat(&ALICE, "/o/t", dir, 1), NOT_FOUND, "Path is not a file: /o/d");
        REFUSED(do_concat(&ALICE, "/o/t", same, 1), INVALID,
                "concat: the src file /o/t is the same with the target file /o/t");
        REFUSED(do_concat(&ALICE, "/o/t", twice, 2), INVALID,
                "concat: at least two of the source files are the same");
        REFUSED(do_concat(&ALICE, "/o/t", other, 1), INVALID,
                "Source file /o/d/s is not in the same directory with the target /o/t");
        REFUSED(do_concat(&ALICE, "/o/t", big, 1), INVALID,
                "concat: source file /o/big has preferred block size 2048 which is greater than "
                "the target file's preferred block size 1024");
        REFUSED(do_concat(&ALICE, "/o/t", empty, 1), INVALID,
                "concat: source file /o/e is invalid or empty or underConstruction");
        REFUSED(do_concat(&ALICE, "/o/t", open, 1), INVALID,
                "concat: source file /o/open is invalid or empty or underConstruction");
        REFUSED(do_concat(&BOB, "/o/t", twice, 2), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/t\":alice:supergroup:-rw-r--r--");
        OK(do_chmod(&ALICE, "/o/t", 0666));
        REFUSED(do_concat(&BOB, "/o/t", (const char *const[]){"/o/secret"}, 1), PERMISSION,
                "Permission denied: user=bob, access=READ, "
                "inode=\"/o/secret\":alice:supergroup:-rw-------");
        OK(do_concat(&BOB, "/o/t", good, 1));
}

/* ---- replication ---------------------------------------------------------------------------- */

static void set_replication_reaches_every_block(void **state)
{
        struct ns_status s;
        struct ns_map m;

        (void)state;
        ANSWERS(do_setrep(&ALICE, "/o/f", 5), true);
        assert_true(stat_of("/o/f", &s));
        assert_int_equal(s.replication, 5);
        OK(ns_locate_inode(kit.t, s.inode, 0, INT64_MAX, &m, &kit.err));
        for (size_t i = 0; i < m.n; i++)
                assert_int_equal(m.pieces[i].replication, 5);
        ns_map_fini(&m);
        ANSWERS(do_setrep(&ALICE, "/o/f", 5), true);
        assert_false(kit.changed);
        ANSWERS(do_setrep(&ALICE, "/o/d", 5), false);
        ANSWERS(do_setrep(&BOB, "/o/none", 5), false);
        REFUSED(do_setrep(&BOB, "/o/f", 0), FAILED,
                "Requested replication factor of 0 is less than the required minimum of 1 for "
                "/o/f");
        REFUSED(do_setrep(&ALICE, "/o/none", 513), FAILED,
                "Requested replication factor of 513 exceeds maximum of 512 for /o/none");
        REFUSED(do_setrep(&BOB, "/o/d", 2), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/d\":alice:supergroup:drwxr-xr-x");
}

static enum bdfs_status set_extents(const char *path, uint64_t length, const uint64_t (*list)[4],
                                    size_t n)
{
        Bdfs__SetExtentsOp__Extent e[8], *pointers[8];

        for (size_t i = 0; i < n; i++) {
                bdfs__set_extents_op__extent__init(&e[i]);
                e[i].offset = list[i][0];
                e[i].length = list[i][1];
                e[i].block = list[i][2];
                e[i].block_offset = list[i][3];
                pointers[i] = &e[i];
        }
        return APPLY(&ROOT, SET_EXTENTS, set_extents, SetExtentsOp, SET_EXTENTS_OP,
                     op_.inode = inode_of(path); op_.length = length; op_.extents = pointers;
                     op_.n_extents = n);
}

static void a_block_that_two_files_share_wants_the_most_copies(void **state)
{
        uint64_t b = last_block("/o/f").id;
        const uint64_t map[][4] = {{100, 50, b, 900}, {200, 10, 0, 0}, {500, 952, b, 0}};

        (void)state;
        make_file(&ALICE, "/o/g", 5, (struct creation){.replication = 7});
        OK(set_extents("/o/g", 3000, map, 3));
        assert_int_equal(freed(), 1);
        assert_int_equal(block_of(b).refs, 3);
        assert_int_equal(block_of(b).replication, 7);
        kit_check();
        ANSWERS(do_setrep(&ALICE, "/o/g", 1), true);
        assert_int_equal(block_of(b).replication, 2);
        ANSWERS(do_setrep(&ALICE, "/o/g", 4), true);
        kit_check();
        ANSWERS(do_truncate(&ALICE, "/o/g", 600, "h"), true);
        kit_check();
        ANSWERS(do_truncate(&ALICE, "/o/g", 160, "h"), true);
        assert_int_equal(block_of(b).refs, 2);
        kit_check();
        ANSWERS(do_delete(&ALICE, "/o/f", false), true);
        assert_int_equal(block_of(b).refs, 1);
        assert_int_equal(block_of(b).replication, 4);
        ANSWERS(do_delete(&ALICE, "/o/g", false), true);
        assert_int_equal(freed(), 4);
}

static void a_map_of_a_test_tool_is_checked(void **state)
{
        uint64_t b = last_block("/o/f").id;
        const uint64_t overlap[][4] = {{0, 100, b, 0}, {99, 1, b, 0}};
        const uint64_t outside[][4] = {{0, 100, b, 900}};
        const uint64_t unknown[][4] = {{0, 100, 5, 0}};
        const uint64_t itself[][4] = {{0, 952, b, 0}};

        (void)state;
        assert_int_equal(set_extents("/o/f", 100, overlap, 2), BDFS_INVALID);
        assert_int_equal(set_extents("/o/f", 100, outside, 1), BDFS_INVALID);
        assert_int_equal(set_extents("/o/f", 100, unknown, 1), BDFS_NOT_FOUND);
        assert_int_equal(set_extents("/o/f", 50, itself, 1), BDFS_INVALID);
        OK(set_extents("/o/f", 1000, itself, 1)); /* a block of its own old map */
        assert_int_equal(freed(), 2);
        OK(set_extents("/o/f", 1000, NULL, 0));
        assert_int_equal(freed(), 3);
}

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
        assert_int_equal(freed(), 1);
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

/* ---- attributes ----------------------------------------------------------------------------- */

static void owners_and_modes_are_changed_by_whom_hdfs_lets(void **state)
{
        struct ns_status s;

        (void)state;
        REFUSED(do_chmod(&ALICE, "/o/none", 0), NOT_FOUND, "Directory/File does not exist /o/none");
        REFUSED(do_chmod(&BOB, "/o/d", 0), PERMISSION,
                "Permission denied. user=bob is not the owner of inode=/o/d");
        REFUSED(do_chmod(&ALICE, "/", 0), PERMISSION,
                "Permission denied. user=alice is not the owner of inode=/");
        REFUSED(do_chmod(&ALICE, "/.reserved", 0), INVALID_PATH, "Invalid path name /.reserved");
        OK(do_chmod(&ALICE, "/o/d", 06777));
        assert_true(stat_of("/o/d", &s));
        assert_int_equal(s.mode, 0777);
        OK(do_chmod(&ALICE, "/o/d", 0777));
        assert_false(kit.changed);
        OK(do_chown(&ALICE, "/o/f", "", ""));
        assert_false(kit.changed);
        REFUSED(do_chown(&BOB, "/o/f", "", ""), PERMISSION,
                "Permission denied. user=bob is not the owner of inode=/o/f");
        REFUSED(do_chown(&ALICE, "/o/f", "bob", "daemon"), PERMISSION,
                "User alice is not a super user (non-super user cannot change owner).");
        REFUSED(do_chown(&ALICE, "/o/f", "alice", "daemon"), PERMISSION,
                "User alice does not belong to daemon");
        OK(do_chown(&ALICE, "/o/f", "alice", "staff"));
        OK(do_chown(&ROOT, "/o/d", "new_user", "new_group"));
        assert_true(stat_of("/o/d", &s));
        assert_string_equal(s.owner, "new_user");
        assert_string_equal(s.group, "new_group");
        kit_check();
}

static void times_are_set_as_hdfs_sets_them(void **state)
{
        struct ns_status s;

        (void)state;
        REFUSED(do_times(&ALICE, "/o/none", 1, 1), NOT_FOUND,
                "File/Directory /o/none does not exist.");
        REFUSED(do_times(&BOB, "/o/f", 1, 1), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/f\":alice:supergroup:-rw-r--r--");
        OK(do_times(&ALICE, "/o/f", 1000, 2000));
        OK(do_times(&ALICE, "/o/f", -1, -1));
        assert_false(kit.changed);
        OK(do_times(&ALICE, "/o/f", -2, 5));
        OK(do_times(&ALICE, "/o/f", 0, -2));
        assert_true(stat_of("/o/f", &s));
        assert_int_equal(s.mtime, 0);
        assert_int_equal(s.atime, 5);
        OK(do_times(&ALICE, "/o/d", 7, 8));
        assert_true(stat_of("/o/d", &s));
        assert_int_equal(s.atime, 8);
        OK(APPLY(NULL, TOUCH_ATIME, touch_atime, TouchAtimeOp, TOUCH_ATIME_OP,
                 op_.inode = inode_of("/o/f")));
        assert_true(stat_of("/o/f", &s));
        assert_int_equal(s.atime, kit.now);
}

static void a_policy_is_the_directorys_unless_set(void **state)
{
        struct ns_status s;

        (void)state;
        make_file(&ALICE, "/o/d/x", 1, (struct creation){0});
        OK(APPLY(&ALICE, SET_POLICY, set_policy, SetPolicyOp, SET_POLICY_OP,
                 op_.path = bytes_of("/o/d"); op_.policy = 2));
        assert_true(stat_of("/o/d/x", &s));
        assert_int_equal(s.policy, 2);
        refused(APPLY(&ALICE, SET_POLICY, set_policy, SetPolicyOp, SET_POLICY_OP,
                      op_.path = bytes_of("/o/none"); op_.policy = 2),
                BDFS_NOT_FOUND, "File/Directory does not exist: /o/none");
        refused(APPLY(&BOB, SET_POLICY, set_policy, SetPolicyOp, SET_POLICY_OP,
                      op_.path = bytes_of("/o/f"); op_.policy = 2),
                BDFS_PERMISSION, "Permission denied: user=bob, access=WRITE, "
                                 "inode=\"/o/f\":alice:supergroup:-rw-r--r--");
}

/* ---- the rest ------------------------------------------------------------------------------- */

static enum bdfs_status do_register(const char *uuid, uint32_t number, const char *key)
{
        return APPLY(NULL, REGISTER_NODE, register_node, RegisterNodeOp, REGISTER_NODE_OP,
                     op_.uuid = (char *)uuid; op_.number = number; op_.key = bytes_of(key));
}

static void datanodes_keep_their_numbers(void **state)
{
        struct node_row row;
        struct counters counters;

        (void)state;
        OK(do_register("uuid-a", 1, "key1"));
        assert_int_equal(kit.result->count, 1);
        OK(do_register("uuid-b", 2, "key2"));
        OK(do_register("uuid-a", 3, "key1"));
        assert_int_equal(kit.result->count, 1);
        assert_false(kit.changed);
        OK(do_register("uuid-a", 3, "key9"));
        assert_int_equal(kit.result->count, 1);
        assert_int_equal(do_register("uuid-c", 2, "key"), BDFS_EXISTS);
        assert_int_equal(do_register("", 2, "key"), BDFS_INVALID);
        OK(table_next_node(kit.t, 0, &row, &kit.err));
        assert_string_equal(row.uuid, "uuid-a");
        assert_memory_equal(row.key, "key9", 4);
        OK(table_next_node(kit.t, 1, &row, &kit.err));
        assert_string_equal(row.uuid, "uuid-b");
        assert_int_equal(table_next_node(kit.t, 2, &row, &kit.err), BDFS_NOT_FOUND);
        kit_commit();
        OK(table_get_counters(kit.t, &counters, &kit.err));
        assert_int_equal(counters.node, 3);
}

static void a_record_that_makes_no_sense_is_refused(void **state)
{
        Bdfs__JournalRecord none = BDFS__JOURNAL_RECORD__INIT;
        uint8_t cluster[16] = {0};
        char long_name[HOLDER_BYTES_MAX + 2];

        (void)state;
        assert_int_equal(kit_apply(&ROOT, &none), BDFS_INVALID);
        assert_int_equal(APPLY(NULL, FORMAT, format, FormatOp, FORMAT_OP,
                               op_.cluster = (ProtobufCBinaryData){.len = 16, .data = cluster};
                               op_.owner = (char *)"a"; op_.group = (char *)"b"),
                         BDFS_EXISTS);
        memset(long_name, 'h', sizeof(long_name));
        long_name[sizeof(long_name) - 1] = '\0';
        assert_int_equal(do_create(&ROOT, "/o/n", (struct creation){.holder = long_name}),
                         BDFS_INVALID);
        assert_int_equal(do_append(&ROOT, "/o/f", long_name, false), BDFS_INVALID);
        assert_int_equal(do_fsync(&ROOT, "/o/f", long_name, 1), BDFS_LEASE_EXPIRED);
}

/* Rows that contradict each other end the transaction; no client is told that its path is bad. */
static void damage_found_half_way_is_not_a_refusal(void **state)
{
        struct holder h;

        (void)state;
        OK(do_create(&ALICE, "/o/w", (struct creation){.holder = "h"}));
        OK(do_add_block(&ALICE, "/o/w", 0, "h", (struct at_block){0}));
        OK(table_get_holder(kit.t, "h", 1, &h, &kit.err));
        OK(table_del_lease(kit.t, h.id, inode_of("/o/w"), &kit.err));
        assert_int_equal(do_delete(&ALICE, "/o/w", false), BDFS_CORRUPT);
        store_abort(kit.t);
        apply_batch_reset(kit.batch);
        OK(store_begin_write(kit.store, &kit.t, &kit.err));
        assert_false(exists("/o/w"));
        make_file(&ALICE, "/o/w", 10, (struct creation){0}); /* a new try on what was committed */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_o, teardown)
        const struct CMUnitTest tests[] = {
                TEST(truncate_cuts_the_map_at_once),
                TEST(truncate_refuses_in_the_words_of_hdfs),
                TEST(concat_joins_maps_and_takes_the_names_away),
                TEST(concat_refuses_in_the_words_of_hdfs),
                TEST(set_replication_reaches_every_block),
                TEST(a_block_that_two_files_share_wants_the_most_copies),
                TEST(a_map_of_a_test_tool_is_checked),
                TEST(a_new_stamp_leaves_the_stored_one),
                TEST(update_pipeline_sets_stamp_length_and_nodes),
                TEST(pipelines_refuse_in_the_words_of_hdfs),
                TEST(a_block_is_offered_to_a_bounded_number_of_nodes),
                TEST(recover_lease_closes_what_has_no_open_block),
                TEST(a_recovery_fences_the_old_writer),
                TEST(a_lease_that_ran_out_goes_to_the_namenode),
                TEST(a_committed_block_may_be_recovered_but_not_shortened),
                TEST(an_expired_soft_limit_lets_others_in),
                TEST(owners_and_modes_are_changed_by_whom_hdfs_lets),
                TEST(times_are_set_as_hdfs_sets_them),
                TEST(a_policy_is_the_directorys_unless_set),
                TEST(datanodes_keep_their_numbers),
                TEST(a_record_that_makes_no_sense_is_refused),
                TEST(damage_found_half_way_is_not_a_refusal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
