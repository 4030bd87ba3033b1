/* Files being made and written: create, append, addBlock, complete, leases. */
#include "tests/unit/namenode/test_apply_kit.h"

static void a_file_is_created_written_and_completed(void **state)
{
        struct ns_status s;
        struct at_block first, second;
        uint64_t inode;

        (void)state;
        OK(do_mkdirs(&ROOT, "/d", 0777, false));
        OK(do_create(&ALICE, "/d/f", (struct creation){.holder = "h1"}));
        inode = kit.result->inode;
        assert_true(stat_of("/d/f", &s));
        assert_true(s.open);
        assert_string_equal(s.owner, "alice");
        assert_string_equal(s.group, "supergroup");
        assert_int_equal(s.mtime, kit.now);
        assert_int_equal(s.atime, kit.now);
        OK(do_add_block(&ALICE, "/d/f", inode, "h1", (struct at_block){0}));
        first = got(1024);
        assert_int_equal(first.id, BLOCK_FIRST);
        assert_int_equal(first.stamp, STAMP_FIRST);
        assert_int_equal(kit.result->n_nodes, 2);
        OK(do_add_block(&ALICE, "/d/f", inode, "h1", first));
        assert_int_equal(kit.result->offset, 1024);
        second = got(100);
        kit_check();
        kit.now += 5;
        ANSWERS(do_complete(&ALICE, "/d/f", inode, "h1", second), true);
        assert_true(stat_of("/d/f", &s));
        assert_false(s.open);
        assert_int_equal(s.length, 1124);
        assert_int_equal(s.mtime, kit.now);
        assert_int_equal(s.atime, kit.now - 5);
}

static void a_retry_of_add_block_gets_the_same_block(void **state)
{
        struct at_block first;
        uint64_t inode;

        (void)state;
        OK(do_create(&ROOT, "/f", (struct creation){0}));
        inode = kit.result->inode;
        OK(do_add_block(&ROOT, "/f", inode, "h", (struct at_block){0}));
        first = got(1024);
        OK(do_add_block(&ROOT, "/f", inode, "h", (struct at_block){0}));
        assert_false(kit.changed);
        assert_int_equal(got(0).id, first.id);
        OK(do_add_block(&ROOT, "/f", inode, "h", first));
        assert_int_equal(got(0).id, first.id + 1);
        OK(do_add_block(&ROOT, "/f", inode, "h", first));
        assert_false(kit.changed);
        assert_int_equal(got(0).id, first.id + 1);
        OK(do_fsync(&ROOT, "/f", "h", 10));
        REFUSED(do_add_block(&ROOT, "/f", inode, "h", first), FAILED,
                "Request looked like a retry to allocate block blk_1073741826_1002 but it already "
                "contains 10 bytes");
}

static void add_block_refuses_a_previous_block_that_is_not_the_last(void **state)
{
        uint64_t inode;

        (void)state;
        OK(do_create(&ROOT, "/f", (struct creation){0}));
        inode = kit.result->inode;
        REFUSED(do_add_block(&ROOT, "/f", inode, "h", (struct at_block){5, 6, 7}), FAILED,
                "Cannot allocate block in /f: passed 'previous' block BP-1:blk_5_6 does not match "
                "actual last block in file null");
        OK(do_add_block(&ROOT, "/f", inode, "h", (struct at_block){0}));
        REFUSED(do_add_block(&ROOT, "/f", inode, "h", (struct at_block){12345, 1001, 7}), FAILED,
                "Cannot allocate block in /f: passed 'previous' block BP-1:blk_12345_1001 does not "
                "match actual last block in file blk_1073741825_1001");
        REFUSED(do_add_block(&ROOT, "/f", inode, "h", (struct at_block){BLOCK_FIRST, 5, 7}), FAILED,
                "Cannot allocate block in /f: passed 'previous' block BP-1:blk_1073741825_5 does "
                "not match actual last block in file blk_1073741825_1001");
}

static void a_block_is_committed_only_as_what_it_is(void **state)
{
        struct at_block b;

        (void)state;
        OK(do_create(&ROOT, "/f", (struct creation){0}));
        OK(do_add_block(&ROOT, "/f", 0, "h", (struct at_block){0}));
        b = got(1024);
        OK(do_fsync(&ROOT, "/f", "h", 500));
        b.length = 499;
        REFUSED(do_complete(&ROOT, "/f", 0, "h", b), FAILED,
                "commitBlock length is less than the stored one 499 vs. 500");
        b.length = 600;
        b.stamp++;
        REFUSED(do_complete(&ROOT, "/f", 0, "h", b), FAILED,
                "Commit block with mismatching GS. NN has blk_1073741825_1001, client submits "
                "blk_1073741825_1002");
        b.stamp--;
        b.id++;
        REFUSED(do_complete(&ROOT, "/f", 0, "h", b), FAILED,
                "Trying to commit inconsistent block: id = 1073741826, expected id = 1073741825");
        b.id--;
        ANSWERS(do_complete(&ROOT, "/f", 0, "h", b), true);
}

static void complete_may_be_asked_again(void **state)
{
        struct at_block b;
        uint64_t inode;

        (void)state;
        OK(do_create(&ROOT, "/f", (struct creation){0}));
        inode = kit.result->inode;
        ANSWERS(do_complete(&ROOT, "/f", inode, "h", (struct at_block){0}), true);
        ANSWERS(do_complete(&ROOT, "/f", inode, "h", (struct at_block){0}), true);
        assert_false(kit.changed);
        OK(do_append(&ROOT, "/f", "h", false));
        OK(do_add_block(&ROOT, "/f", inode, "h", (struct at_block){0}));
        b = got(10);
        ANSWERS(do_complete(&ROOT, "/f", inode, "h", (struct at_block){0}), false);
        assert_false(kit.changed);
        ANSWERS(do_complete(&ROOT, "/f", inode, "h", b), true);
        ANSWERS(do_complete(&ROOT, "/f", inode, "h", b), true);
        b.length++;
        ANSWERS(do_complete(&ROOT, "/f", inode, "h", b), true);
        REFUSED(do_complete(&ROOT, "/f", inode, "h", (struct at_block){0}), LEASE_EXPIRED,
                "File is not open for writing: /f (inode 16386) Holder h does not have any open "
                "files.");
}

static void a_last_block_of_no_bytes_goes(void **state)
{
        struct at_block first, second;
        struct ns_status s;
        const uint64_t *freed;
        size_t n;

        (void)state;
        OK(do_create(&ROOT, "/f", (struct creation){0}));
        OK(do_add_block(&ROOT, "/f", 0, "h", (struct at_block){0}));
        first = got(700);
        OK(do_add_block(&ROOT, "/f", 0, "h", first));
        second = got(0);
        ANSWERS(do_complete(&ROOT, "/f", 0, "h", second), true);
        ANSWERS(do_complete(&ROOT, "/f", 0, "h", second), true);
        assert_true(stat_of("/f", &s));
        assert_int_equal(s.length, 700);
        assert_int_equal(s.extents, 1);
        freed = apply_freed(kit.batch, &n);
        assert_int_equal(n, 1);
        assert_int_equal(freed[0], second.id);
}

static void append_never_reopens_a_block(void **state)
{
        struct ns_status s;
        struct at_block b;

        (void)state;
        make_file(&ROOT, "/f", 1500, (struct creation){0});
        OK(do_append(&ROOT, "/f", "a", false));
        assert_null(kit.result->block);
        OK(do_add_block(&ROOT, "/f", 0, "a", (struct at_block){0}));
        b = got(100);
        assert_int_equal(kit.result->offset, 1500);
        OK(do_add_block(&ROOT, "/f", 0, "a", (struct at_block){0}));
        assert_int_equal(got(0).id, b.id);
        assert_false(kit.changed);
        kit_check();
        ANSWERS(do_complete(&ROOT, "/f", 0, "a", b), true);
        assert_true(stat_of("/f", &s));
        assert_int_equal(s.length, 1600);
        assert_int_equal(s.extents, 3);
        OK(do_append(&ROOT, "/f", "a", false));
        OK(do_add_block(&ROOT, "/f", 0, "a", b));
        assert_int_equal(kit.result->offset, 1600);
        ANSWERS(do_complete(&ROOT, "/f", 0, "a", got(1)), true);
}

static void abandon_takes_the_last_block_away(void **state)
{
        struct at_block first, second;
        struct ns_status s;

        (void)state;
        OK(do_create(&ROOT, "/f", (struct creation){0}));
        OK(do_add_block(&ROOT, "/f", 0, "h", (struct at_block){0}));
        first = got(1024);
        OK(do_abandon(&ROOT, "/f", 0, "h", (struct at_block){77, 1, 0}));
        assert_false(kit.changed);
        OK(do_add_block(&ROOT, "/f", 0, "h", first));
        second = got(0);
        OK(do_abandon(&ROOT, "/f", 0, "h", second));
        assert_true(kit.changed);
        kit_check();
        OK(do_abandon(&ROOT, "/f", 0, "h", first)); /* committed: stays */
        assert_false(kit.changed);
        OK(do_add_block(&ROOT, "/f", 0, "h", first));
        assert_int_equal(got(0).id, second.id + 1);
        assert_int_equal(kit.result->offset, 1024);
        OK(do_abandon(&ROOT, "/f", 0, "h", got(0)));
        ANSWERS(do_complete(&ROOT, "/f", 0, "h", (struct at_block){0}), true);
        assert_true(stat_of("/f", &s));
        assert_int_equal(s.length, 1024);
}

static void what_fsync_acknowledged_counts_and_never_shrinks(void **state)
{
        struct ns_status s;
        struct ns_map m;

        (void)state;
        OK(do_create(&ROOT, "/f", (struct creation){0}));
        OK(do_fsync(&ROOT, "/f", "h", 5));
        assert_false(kit.changed);
        OK(do_add_block(&ROOT, "/f", 0, "h", (struct at_block){0}));
        OK(do_fsync(&ROOT, "/f", "h", 300));
        assert_true(kit.changed);
        OK(do_fsync(&ROOT, "/f", "h", 200));
        assert_false(kit.changed);
        OK(do_fsync(&ROOT, "/f", "h", -1));
        assert_true(stat_of("/f", &s));
        assert_int_equal(s.length, 300);
        OK(ns_locate_inode(kit.t, s.inode, 0, 1000, &m, &kit.err));
        assert_int_equal(m.length, 0);
        assert_true(m.open && m.has_last && !m.last_complete);
        assert_int_equal(m.n, 1);
        assert_int_equal(m.pieces[0].length, 300);
        assert_int_equal(m.pieces[0].nodes_n, 2);
        ns_map_fini(&m);
}

static void create_refuses_in_the_words_of_hdfs(void **state)
{
        (void)state;
        OK(do_mkdirs(&ROOT, "/o", 0777, false));
        OK(do_mkdirs(&ALICE, "/o/d", 0755, false));
        OK(do_mkdirs(&ALICE, "/o/locked", 0700, false));
        make_file(&ALICE, "/o/f", 3000, (struct creation){0});
        make_file(&ALICE, "/o/d/x", 10, (struct creation){0});
        make_file(&ALICE, "/o/locked/in", 10, (struct creation){0});
        REFUSED(do_create(&ALICE, "/o/f", (struct creation){0}), EXISTS,
                "/o/f for client 127.0.0.1 already exists");
        REFUSED(do_create(&BOB, "/o/f", (struct creation){.overwrite = true}), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/f\":alice:supergroup:-rw-r--r--");
        REFUSED(do_create(&BOB, "/o/d/x", (struct creation){.overwrite = true}), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/d\":alice:supergroup:drwxr-xr-x");
        REFUSED(do_create(&ALICE, "/o/d", (struct creation){0}), EXISTS,
                "/o/d already exists as a directory");
        REFUSED(do_create(&BOB, "/o/locked", (struct creation){0}), EXISTS,
                "/o/locked already exists as a directory");
        REFUSED(do_create(&ROOT, "/", (struct creation){0}), EXISTS,
                "/ already exists as a directory");
        REFUSED(do_create(&ALICE, "/o/none", (struct creation){.no_create = true,
                                                               .overwrite = true}),
                NOT_FOUND, "Can't overwrite non-existent /o/none");
        REFUSED(do_create(&ALICE, "/o/f", (struct creation){.no_create = true}), EXISTS,
                "/o/f for client 127.0.0.1 already exists");
        REFUSED(do_create(&ALICE, "/o/none/x", (struct creation){.no_parent = true}), NOT_FOUND,
                "Parent directory doesn't exist: /o/none");
        REFUSED(do_create(&ALICE, "/o/none/x/y", (struct creation){.no_parent = true}), NOT_FOUND,
                "Parent directory doesn't exist: /o/none/x");
        REFUSED(do_create(&ALICE, "/o/f/x/y", (struct creation){0}), NOT_DIRECTORY,
                "/o/f (is not a directory)");
        REFUSED(do_create(&BOB, "/o/locked/in", (struct creation){0}), PERMISSION,
                "Permission denied: user=bob, access=EXECUTE, "
                "inode=\"/o/locked\":alice:supergroup:drwx------");
        REFUSED(do_create(&BOB, "/o/d/y/z", (struct creation){.no_parent = true}), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/d\":alice:supergroup:drwxr-xr-x");
        REFUSED(do_create(&ALICE, "/a", (struct creation){0}), PERMISSION,
                "Permission denied: user=alice, access=WRITE, "
                "inode=\"/\":root:supergroup:drwxr-xr-x");
}

static void create_checks_sizes_after_rights(void **state)
{
        (void)state;
        OK(do_mkdirs(&ROOT, "/o", 0777, false));
        OK(do_mkdirs(&ALICE, "/o/d", 0755, false));
        REFUSED(do_create(&BOB, "/o/d/n", (struct creation){.block_size = 512}), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/d\":alice:supergroup:drwxr-xr-x");
        REFUSED(do_create(&BOB, "/o/n", (struct creation){.block_size = 1023}), FAILED,
                "Specified block size 1023 is less than configured minimum value "
                "dfs.namenode.fs-limits.min-block-size=1024");
        REFUSED(do_create(&BOB, "/o/n", (struct creation){.block_size = UINT64_MAX}), FAILED,
                "Specified block size -1 is less than configured minimum value "
                "dfs.namenode.fs-limits.min-block-size=1024");
        REFUSED(do_create(&BOB, "/o/n", (struct creation){.replication = UINT32_MAX}), FAILED,
                "Requested replication factor of -1 is less than the required minimum of 1 for "
                "/o/n, clientName=127.0.0.1");
        REFUSED(do_create(&BOB, "/o/n", (struct creation){.replication = 513}), FAILED,
                "Requested replication factor of 513 exceeds maximum of 512 for /o/n, "
                "clientName=127.0.0.1");
        OK(do_create(&BOB, "/o/n", (struct creation){.replication = 512, .block_size = 1100}));
}

static void parents_are_made_with_the_modes_of_hdfs(void **state)
{
        struct ns_status s;

        (void)state;
        OK(do_mkdirs(&ROOT, "/o", 01777, false));
        OK(do_create(&BOB, "/o/p/q/f", (struct creation){.mode = 0640}));
        assert_true(stat_of("/o/p", &s));
        assert_int_equal(s.mode, 0777);
        assert_string_equal(s.owner, "bob");
        assert_int_equal(s.children, 1);
        assert_true(stat_of("/o/p/q", &s));
        assert_int_equal(s.mode, 0777);
        assert_true(stat_of("/o/p/q/f", &s));
        assert_int_equal(s.mode, 0640);
        OK(do_create(&BOB, "/o/t", (struct creation){.mode = 07777}));
        assert_true(stat_of("/o/t", &s));
        assert_int_equal(s.mode, 01777);
}

static void names_that_cannot_be_are_refused_before_anything_is_made(void **state)
{
        char path[600], text[700], name[300];

        (void)state;
        OK(do_mkdirs(&ROOT, "/o", 0777, false));
        memset(name, 'n', sizeof(name));
        (void)snprintf(path, sizeof(path), "/o/new/%.256s/x", name);
        (void)snprintf(text, sizeof(text), "The maximum path component name limit of %.256s in "
                       "directory /o/new is exceeded: limit=255 length=256", name);
        REFUSED(do_create(&ALICE, path, (struct creation){0}), INVALID, text);
        assert_false(exists("/o/new"));
        (void)snprintf(path, sizeof(path), "/o/%.255s", name);
        OK(do_create(&ALICE, path, (struct creation){0}));
        REFUSED(do_create(&ALICE, "/o/.snapshot/x", (struct creation){0}), INVALID,
                "\".snapshot\" is a reserved name.");
        REFUSED(do_mkdirs(&ROOT, "/.reserved/x", 0755, true), INVALID,
                "File name \".reserved\" is reserved and cannot be created. If this is during "
                "upgrade change the name of the existing file or directory to another name before "
                "upgrading to the new release.");
        REFUSED(do_mkdirs(&ROOT, "o", 0755, true), INVALID_PATH, "Invalid path name o");
        REFUSED(do_mkdirs(&ROOT, "/o/", 0755, true), INVALID_PATH, "Invalid path name /o/");
        REFUSED(do_mkdirs(&ROOT, "/o//x", 0755, true), INVALID_PATH, "Invalid path name /o//x");
}

static void overwrite_ends_the_old_file_and_its_lease(void **state)
{
        struct ns_status s;
        uint64_t old;
        struct block row;
        struct at_block b;

        (void)state;
        OK(do_create(&ROOT, "/f", (struct creation){.holder = "h1"}));
        old = kit.result->inode;
        OK(do_add_block(&ROOT, "/f", old, "h1", (struct at_block){0}));
        b = got(0);
        OK(do_create(&ROOT, "/f", (struct creation){.holder = "h2", .overwrite = true}));
        assert_true(stat_of("/f", &s));
        assert_int_not_equal(s.inode, old);
        OK(table_get_block(kit.t, b.id, &row, &kit.err));
        assert_int_equal(row.state, BLOCK_RETIRED);
        kit_check();
        REFUSED(do_add_block(&ROOT, "/f", 0, "h1", (struct at_block){0}), LEASE_EXPIRED,
                "Client (=h1) is not the lease owner (=h2: /f (inode 0) Holder h1 does not have "
                "any open files.");
        REFUSED(do_add_block(&ROOT, "/f", old, "h1", (struct at_block){0}), NOT_FOUND,
                "File does not exist: /f (inode 16386) Holder h1 does not have any open files.");
}

static void writers_are_told_why_they_are_none(void **state)
{
        (void)state;
        OK(do_mkdirs(&ROOT, "/d", 0755, false));
        make_file(&ROOT, "/f", 10, (struct creation){0});
        REFUSED(do_add_block(&ROOT, "/none", 0, "h", (struct at_block){0}), NOT_FOUND,
                "File does not exist: /none (inode 0) Holder h does not have any open files.");
        REFUSED(do_add_block(&ROOT, "/d", 0, "h", (struct at_block){0}), LEASE_EXPIRED,
                "INode is not a regular file: /d (inode 0) Holder h does not have any open files.");
        REFUSED(do_add_block(&ROOT, "/f", 0, "h", (struct at_block){0}), LEASE_EXPIRED,
                "File is not open for writing: /f (inode 0) Holder h does not have any open "
                "files.");
        REFUSED(do_add_block(&ROOT, "/f", 999999999, "h", (struct at_block){0}), NOT_FOUND,
                "File does not exist: /f (inode 999999999) Holder h does not have any open files.");
        REFUSED(do_add_block(&ALICE, "/f/x", 0, "h", (struct at_block){0}), PERMISSION,
                "/f (is not a directory)");
        OK(do_create(&ROOT, "/open", (struct creation){0}));
        REFUSED(do_complete(&ROOT, "/none", 0, "h", (struct at_block){0}), NOT_FOUND,
                "File does not exist: /none (inode 0) [Lease.  Holder: h, pending creates: 1]");
        REFUSED(do_abandon(&ROOT, "/open", 0, "h9", (struct at_block){1, 1, 0}), LEASE_EXPIRED,
                "Client (=h9) is not the lease owner (=h: /open (inode 0) Holder h9 does not have "
                "any open files.");
        REFUSED(do_fsync(&ROOT, "/f", "h", 1), LEASE_EXPIRED,
                "File is not open for writing: /f (inode 0) [Lease.  Holder: h, pending creates: "
                "1]");
}

static void an_open_file_belongs_to_its_holder(void **state)
{
        (void)state;
        OK(do_mkdirs(&ROOT, "/o", 0777, false));
        OK(do_create(&ALICE, "/o/open", (struct creation){.holder = "holder1"}));
        REFUSED(do_create(&ALICE, "/o/open", (struct creation){.holder = "holder1"}),
                BEING_CREATED, "Failed to CREATE_FILE /o/open for holder1 on 127.0.0.1 because "
                "holder1 is already the current lease holder.");
        REFUSED(do_create(&BOB, "/o/open", (struct creation){.holder = "holder2"}), BEING_CREATED,
                "Failed to CREATE_FILE /o/open for holder2 on 127.0.0.1 because this file lease is "
                "currently owned by holder1 on 127.0.0.1");
        REFUSED(do_append(&ALICE, "/o/open", "holder2", false), BEING_CREATED,
                "Failed to APPEND_FILE /o/open for holder2 on 127.0.0.1 because this file lease is "
                "currently owned by holder1 on 127.0.0.1");
        REFUSED(do_append(&BOB, "/o/open", "holder2", false), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/open\":alice:supergroup:-rw-r--r--");
        REFUSED(do_truncate(&ALICE, "/o/open", 5, "holder2"), BEING_CREATED,
                "Failed to TRUNCATE_FILE /o/open for holder2 on 127.0.0.1 because this file lease "
                "is currently owned by holder1 on 127.0.0.1");
        REFUSED(do_add_block(&BOB, "/o/open", 0, "holder1", (struct at_block){0}), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/open\":alice:supergroup:-rw-r--r--");
        OK(do_add_block(&ALICE, "/o/open", 0, "holder1", (struct at_block){0}));
}

static void append_refuses_in_the_words_of_hdfs(void **state)
{
        (void)state;
        OK(do_mkdirs(&ROOT, "/d", 0755, false));
        make_file(&ROOT, "/f", 10, (struct creation){0});
        REFUSED(do_append(&ALICE, "/d/none", "h", false), NOT_FOUND,
                "Failed to append to non-existent file /d/none for client 127.0.0.1");
        REFUSED(do_append(&ALICE, "/d", "h", false), EXISTS,
                "Cannot append to directory /d; already exists as a directory.");
        REFUSED(do_append(&ALICE, "/f/x", "h", false), PERMISSION, "/f (is not a directory)");
        REFUSED(do_append(&ALICE, "/f", "h", false), PERMISSION,
                "Permission denied: user=alice, access=WRITE, "
                "inode=\"/f\":root:supergroup:-rw-r--r--");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(a_file_is_created_written_and_completed),
                TEST(a_retry_of_add_block_gets_the_same_block),
                TEST(add_block_refuses_a_previous_block_that_is_not_the_last),
                TEST(a_block_is_committed_only_as_what_it_is),
                TEST(complete_may_be_asked_again),
                TEST(a_last_block_of_no_bytes_goes),
                TEST(append_never_reopens_a_block),
                TEST(abandon_takes_the_last_block_away),
                TEST(what_fsync_acknowledged_counts_and_never_shrinks),
                TEST(create_refuses_in_the_words_of_hdfs),
                TEST(create_checks_sizes_after_rights),
                TEST(parents_are_made_with_the_modes_of_hdfs),
                TEST(names_that_cannot_be_are_refused_before_anything_is_made),
                TEST(overwrite_ends_the_old_file_and_its_lease),
                TEST(writers_are_told_why_they_are_none),
                TEST(an_open_file_belongs_to_its_holder),
                TEST(append_refuses_in_the_words_of_hdfs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
