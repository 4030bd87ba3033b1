/* Maps and blocks: truncate, concat, replication, shared blocks. */
#include "tests/unit/namenode/test_apply_files.h"

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
        assert_int_equal(unreferenced(), 0);
        assert_int_equal(last_block("/o/f").length, 952); /* the block stays as it is */
        kit_check();
        ANSWERS(do_truncate(&ALICE, "/o/f", 1024, "h"), true);
        assert_int_equal(unreferenced(), 2);
        kit_check();
        ANSWERS(do_truncate(&ALICE, "/o/f", 0, "h"), true);
        assert_int_equal(unreferenced(), 3);
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
        assert_int_equal(unreferenced(), 0);
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
        assert_int_equal(unreferenced(), 1);
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
        assert_int_equal(unreferenced(), 4);
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
        assert_int_equal(unreferenced(), 2);
        OK(set_extents("/o/f", 1000, NULL, 0));
        assert_int_equal(unreferenced(), 3);
}

/* ---- without a reference -------------------------------------------------------------------- */

static struct at_block block_at(const char *path, uint64_t offset)
{
        struct extent e;

        OK(extents_before(kit.t, inode_of(path), offset + 1, &e, &kit.err));
        return (struct at_block){.id = e.block};
}

static bool waits(uint64_t id)
{
        struct block b;

        return table_get_block(kit.t, id, &b, NULL) == BDFS_OK && b.state == BLOCK_RETIRED;
}

/* Whatever takes the last reference away, the block stays for those who have the file open. */
static void every_way_to_lose_the_last_reference_keeps_the_block(void **state)
{
        const char *sources[] = {"/o/s"};
        struct at_block deleted, over, cut, made;
        uint64_t bytes;

        (void)state;
        make_file(&ALICE, "/o/a", 1024, (struct creation){0});
        make_file(&ALICE, "/o/b", 1024, (struct creation){0});
        make_file(&ALICE, "/o/c", 3 * 1024, (struct creation){0});
        make_file(&ALICE, "/o/m", 1024, (struct creation){.replication = 3});
        make_file(&ALICE, "/o/s", 1024, (struct creation){0});
        deleted = block_at("/o/a", 0);
        over = block_at("/o/b", 0);
        cut = block_at("/o/c", 2048);
        made = block_at("/o/m", 0);
        ANSWERS(do_delete(&ALICE, "/o/a", false), true);
        OK(do_rename(&ALICE, "/o/e", "/o/b", false, true));
        OK(do_truncate(&ALICE, "/o/c", 1500, "h"));
        OK(do_create(&ALICE, "/o/m", (struct creation){.overwrite = true}));
        OK(do_concat(&ALICE, "/o/c", sources, 1)); /* moves references, loses none */
        assert_true(waits(deleted.id) && waits(over.id) && waits(cut.id) && waits(made.id));
        assert_int_equal(store_count(kit.t, TABLE_RETIRED), 4);
        assert_int_equal(store_count(kit.t, TABLE_FREED), 0);
        kit_check();
        OK(table_get_retired_bytes(kit.t, &bytes, &kit.err));
        assert_int_equal(bytes, (3 * 2 + 3) * 1024);
}

static void a_retired_block_is_freed_by_a_record_when_its_time_has_come(void **state)
{
        struct freed_row row;
        struct at_block first, second;
        const uint64_t *list;
        uint64_t bytes;
        size_t n;

        (void)state;
        make_file(&ALICE, "/o/a", 1024, (struct creation){0});
        make_file(&ALICE, "/o/b", 1024, (struct creation){0});
        first = block_at("/o/a", 0);
        second = block_at("/o/b", 0);
        kit.now = 5000000;
        ANSWERS(do_delete(&ALICE, "/o/a", false), true);
        kit.now = 6000000;
        ANSWERS(do_delete(&ALICE, "/o/b", false), true);
        assert_int_equal(do_free(10, 4999999), 0);
        assert_false(kit.changed);
        kit.now = 7000000;
        assert_int_equal(do_free(10, 5000000), 1);
        assert_true(kit.changed);
        assert_false(waits(first.id));
        assert_true(waits(second.id));
        OK(table_get_freed(kit.t, first.id, &row, &kit.err));
        assert_int_equal(row.time_ms, 7000000);
        list = apply_freed(kit.batch, &n);
        assert_int_equal(n, 1);
        assert_int_equal(list[0], first.id);
        kit_check();
        assert_int_equal(do_free(10, INT64_MAX), 1); /* for want of space */
        kit_check();
        OK(table_get_retired_bytes(kit.t, &bytes, &kit.err));
        assert_int_equal(bytes, 0);
        OK(APPLY(NULL, FORGET_FREED, forget_freed, ForgetFreedOp, FORGET_FREED_OP,
                 op_.blocks = &first.id; op_.n_blocks = 1));
        assert_int_equal(kit.result->count, 1);
        assert_int_equal(table_get_freed(kit.t, first.id, &row, NULL), BDFS_NOT_FOUND);
        OK(table_get_freed(kit.t, second.id, &row, &kit.err));
        kit_check();
}

static void blocks_are_freed_in_slices_oldest_first(void **state)
{
        uint64_t n, all = 0;

        (void)state;
        make_file(&ALICE, "/o/long", 100 * 1024, (struct creation){0});
        ANSWERS(do_delete(&ALICE, "/o/long", false), true);
        while (do_slice(50) > 0)
                ;
        assert_int_equal(store_count(kit.t, TABLE_RETIRED), 100);
        while ((n = do_free(30, INT64_MAX)) > 0) {
                assert_true(n <= 30);
                all += n;
                kit_check();
        }
        assert_int_equal(all, 100);
        assert_int_equal(store_count(kit.t, TABLE_FREED), 100);
}

/* What never had a byte that was acknowledged has no reader. */
static void an_abandoned_block_is_freed_at_once(void **state)
{
        struct at_block b;

        (void)state;
        OK(do_create(&ALICE, "/o/w", (struct creation){.holder = "w"}));
        OK(do_add_block(&ALICE, "/o/w", 0, "w", (struct at_block){0}));
        b = got(0);
        OK(do_abandon(&ALICE, "/o/w", 0, "w", b));
        assert_int_equal(store_count(kit.t, TABLE_RETIRED), 0);
        assert_int_equal(store_count(kit.t, TABLE_FREED), 1);
}

/* ---- a file in two records ------------------------------------------------------------------ */

static enum bdfs_status create_with_block(const struct as *who, const char *path, size_t targets)
{
        uint32_t nodes[PIPELINE_NODES_MAX + 1] = {1, 2, 3};

        return APPLY(who, CREATE, create, CreateOp, CREATE_OP, op_.path = bytes_of(path);
                     op_.holder = (char *)"h"; op_.mode = 0600; op_.replication = 2;
                     op_.block_size = 1024; op_.create = true; op_.n_targets = targets;
                     op_.targets = nodes);
}

static enum bdfs_status append_with_block(const struct as *who, const char *path)
{
        uint32_t nodes[] = {3, 1};

        return APPLY(who, APPEND, append, AppendOp, APPEND_OP, op_.path = bytes_of(path);
                     op_.holder = (char *)"h"; op_.n_targets = 2; op_.targets = nodes);
}

static void a_create_brings_the_first_block(void **state)
{
        struct at_block first;
        struct ns_status s;

        (void)state;
        OK(create_with_block(&ALICE, "/o/two", 2));
        first = got(300);
        assert_int_equal(kit.result->offset, 0);
        assert_int_equal(kit.result->n_nodes, 2);
        kit_check();
        /* who did not hear it asks again */
        OK(do_add_block(&ALICE, "/o/two", 0, "h", (struct at_block){0}));
        assert_false(kit.changed);
        assert_int_equal(got(0).id, first.id);
        ANSWERS(do_complete(&ALICE, "/o/two", 0, "h", first), true);
        assert_true(stat_of("/o/two", &s));
        assert_int_equal(s.length, 300);
        kit_check();
        OK(append_with_block(&ALICE, "/o/two"));
        assert_int_equal(kit.result->offset, 300);
        assert_int_not_equal(got(0).id, first.id);
        kit_check();
        ANSWERS(do_complete(&ALICE, "/o/two", 0, "h", got(20)), true);
        assert_true(stat_of("/o/two", &s));
        assert_int_equal(s.length, 320);
        assert_int_equal(s.extents, 2);
        REFUSED(create_with_block(&ALICE, "/o/many", PIPELINE_NODES_MAX + 1), INVALID,
                "a block on 17 datanodes");
        assert_false(stat_of("/o/many", &s));
}

static void a_first_block_that_was_not_begun_goes(void **state)
{
        struct ns_status s;

        (void)state;
        OK(create_with_block(&ALICE, "/o/empty", 2));
        ANSWERS(do_complete(&ALICE, "/o/empty", 0, "h", got(0)), true);
        assert_int_equal(unreferenced(), 1);
        ANSWERS(do_complete(&ALICE, "/o/empty", 0, "h", (struct at_block){4711, 1, 0}), true);
        assert_false(kit.changed); /* twice */
        assert_true(stat_of("/o/empty", &s));
        assert_int_equal(s.length + s.extents, 0);
        assert_false(s.open);
        make_file(&ALICE, "/o/more", 10, (struct creation){0});
        OK(append_with_block(&ALICE, "/o/more"));
        ANSWERS(do_complete(&ALICE, "/o/more", 0, "h", got(0)), true);
        assert_true(stat_of("/o/more", &s));
        assert_int_equal(s.length, 10);
        assert_int_equal(s.extents, 1);
}

static enum bdfs_status complete_as(const struct as *who, const char *path, struct at_block last,
                                    const char *owner)
{
        Bdfs__RecordBlock b;

        return APPLY(who, COMPLETE, complete, CompleteOp, COMPLETE_OP, op_.path = bytes_of(path);
                     op_.holder = (char *)"h"; op_.last = record_of(last, &b); op_.has_mode = 1;
                     op_.mode = 0644; op_.owner = (char *)(uintptr_t)owner; op_.has_mtime = 1;
                     op_.mtime = 1000; op_.has_atime = 1; op_.atime = 2000);
}

static void attributes_come_with_the_end(void **state)
{
        struct at_block last;
        struct ns_status s;

        (void)state;
        OK(create_with_block(&ALICE, "/o/a", 2));
        last = got(5);
        kit.now += 100;
        ANSWERS(complete_as(&ALICE, "/o/a", last, NULL), true);
        assert_true(stat_of("/o/a", &s));
        assert_int_equal(s.mode, 0644);
        assert_int_equal(s.mtime, 1000);
        assert_int_equal(s.atime, 2000);
        assert_string_equal(s.owner, "alice");
        OK(do_chmod(&ALICE, "/o/a", 0600));
        ANSWERS(complete_as(&ALICE, "/o/a", last, NULL), true); /* late: nothing is done again */
        assert_false(kit.changed);
        assert_true(stat_of("/o/a", &s));
        assert_int_equal(s.mode, 0600);

        OK(create_with_block(&ROOT, "/o/given", 2));
        ANSWERS(complete_as(&ROOT, "/o/given", got(5), "bob"), true);
        assert_true(stat_of("/o/given", &s));
        assert_string_equal(s.owner, "bob");
        kit_check();
}

/* The bytes are acknowledged whatever happened to the file's owner. */
static void attributes_of_anothers_file_are_left(void **state)
{
        struct at_block last;
        struct ns_status s;

        (void)state;
        OK(create_with_block(&ALICE, "/o/gone", 2));
        last = got(5);
        OK(do_chown(&ROOT, "/o/gone", "bob", ""));
        OK(do_chmod(&ROOT, "/o/gone", 0622));
        kit.now += 100;
        ANSWERS(complete_as(&ALICE, "/o/gone", last, NULL), true);
        assert_true(stat_of("/o/gone", &s));
        assert_int_equal(s.mode, 0622);
        assert_int_equal(s.mtime, kit.now);
        assert_int_equal(s.length, 5);
        OK(create_with_block(&ALICE, "/o/mine", 2));
        ANSWERS(complete_as(&ALICE, "/o/mine", got(5), "bob"), true); /* may not be given away */
        assert_true(stat_of("/o/mine", &s));
        assert_string_equal(s.owner, "alice");
        assert_int_equal(s.mode, 0600);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_o, teardown)
        const struct CMUnitTest tests[] = {
                TEST(truncate_cuts_the_map_at_once),
                TEST(every_way_to_lose_the_last_reference_keeps_the_block),
                TEST(a_retired_block_is_freed_by_a_record_when_its_time_has_come),
                TEST(blocks_are_freed_in_slices_oldest_first),
                TEST(an_abandoned_block_is_freed_at_once),
                TEST(truncate_refuses_in_the_words_of_hdfs),
                TEST(concat_joins_maps_and_takes_the_names_away),
                TEST(concat_refuses_in_the_words_of_hdfs),
                TEST(set_replication_reaches_every_block),
                TEST(a_block_that_two_files_share_wants_the_most_copies),
                TEST(a_map_of_a_test_tool_is_checked),
                TEST(a_create_brings_the_first_block),
                TEST(a_first_block_that_was_not_begun_goes),
                TEST(attributes_come_with_the_end),
                TEST(attributes_of_anothers_file_are_left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
