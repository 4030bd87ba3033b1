/* The tree: mkdirs, delete, paths; rights and words as HDFS has them. */
#include "tests/unit/namenode/test_apply_kit.h"

/* What the oracle's program makes: a place where everybody may, with things of alice in it. */
static int setup_tree(void **state)
{
        (void)setup(state);
        OK(do_mkdirs(&ROOT, "/o", 0777, false));
        make_file(&ALICE, "/o/f", 3000, (struct creation){0});
        OK(do_mkdirs(&ALICE, "/o/d/sub", 0755, true));
        make_file(&ALICE, "/o/d/x", 10, (struct creation){0});
        OK(do_mkdirs(&ALICE, "/o/locked", 0700, false));
        make_file(&ALICE, "/o/locked/in", 10, (struct creation){.mode = 0666});
        OK(do_mkdirs(&ROOT, "/o/sticky", 01777, false));
        make_file(&ALICE, "/o/sticky/af", 10, (struct creation){.mode = 0666});
        OK(do_mkdirs(&ALICE, "/o/sticky/ad", 0777, false));
        make_file(&ALICE, "/o/sticky/ad/f", 10, (struct creation){.mode = 0666});
        OK(do_mkdirs(&ALICE, "/o/sticky/ae", 0777, false));
        OK(do_mkdirs(&ALICE, "/o/tree", 0777, false));
        OK(do_mkdirs(&ALICE, "/o/tree/open", 0777, false));
        OK(do_mkdirs(&ALICE, "/o/tree/open/priv", 0700, false));
        make_file(&ALICE, "/o/tree/open/priv/f", 10, (struct creation){.mode = 0600});
        OK(do_mkdirs(&ALICE, "/o/tree2", 0777, false));
        OK(do_mkdirs(&ALICE, "/o/tree2/priv", 0700, false));
        kit_commit();
        return 0;
}

/* ---- mkdirs --------------------------------------------------------------------------------- */

static void mkdirs_of_what_is_there_changes_nothing(void **state)
{
        (void)state;
        ANSWERS(do_mkdirs(&ALICE, "/o/d", 0700, true), true);
        assert_false(kit.changed);
        ANSWERS(do_mkdirs(&BOB, "/o/d", 0700, false), true);
        ANSWERS(do_mkdirs(&BOB, "/", 0700, false), true);
        assert_int_equal(kit.result->inode, INODE_ROOT);
}

static void of_several_makers_of_a_directory_one_wins(void **state)
{
        (void)state;
        ANSWERS(do_mkdir_new(&ALICE, "/o/d/new"), true);
        REFUSED(do_mkdir_new(&ALICE, "/o/d/new"), EXISTS, "/o/d/new already exists");
        REFUSED(do_mkdir_new(&BOB, "/o/d/new"), EXISTS, "/o/d/new already exists");
        REFUSED(do_mkdir_new(&ALICE, "/o/f"), EXISTS, "/o/f already exists");
        REFUSED(do_mkdir_new(&ALICE, "/o/d/none/x"), NOT_FOUND,
                "Parent directory doesn't exist: /o/d/none");
        assert_false(kit.changed);
}

static void mkdirs_refuses_in_the_words_of_hdfs(void **state)
{
        (void)state;
        REFUSED(do_mkdirs(&ALICE, "/o/f", 0755, true), EXISTS, "Path is not a directory: /o/f");
        REFUSED(do_mkdirs(&BOB, "/o/d/x", 0755, true), EXISTS, "Path is not a directory: /o/d/x");
        REFUSED(do_mkdirs(&BOB, "/o/d/x/y", 0755, true), NOT_DIRECTORY,
                "/o/d/x (is not a directory)");
        REFUSED(do_mkdirs(&ALICE, "/o/f/x/y", 0755, false), NOT_DIRECTORY,
                "/o/f (is not a directory)");
        REFUSED(do_mkdirs(&ALICE, "/o/none/x/y", 0755, false), NOT_FOUND,
                "Parent directory doesn't exist: /o/none/x");
        REFUSED(do_mkdirs(&BOB, "/o/d/n", 0755, true), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/d\":alice:supergroup:drwxr-xr-x");
        REFUSED(do_mkdirs(&BOB, "/o/locked/in/x", 0755, true), PERMISSION,
                "Permission denied: user=bob, access=EXECUTE, "
                "inode=\"/o/locked\":alice:supergroup:drwx------");
        REFUSED(do_mkdirs(&ALICE, "/a", 0755, true), PERMISSION,
                "Permission denied: user=alice, access=WRITE, "
                "inode=\"/\":root:supergroup:drwxr-xr-x");
}

static void mkdirs_gives_modes_owners_and_times(void **state)
{
        struct ns_status s;

        (void)state;
        kit.now += 10;
        OK(do_mkdirs(&BOB, "/o/new/sub", 0, true));
        assert_true(stat_of("/o/new", &s));
        assert_int_equal(s.mode, 0300);
        assert_true(stat_of("/o/new/sub", &s));
        assert_int_equal(s.mode, 0);
        assert_string_equal(s.owner, "bob");
        assert_string_equal(s.group, "supergroup");
        assert_int_equal(s.mtime, kit.now);
        assert_int_equal(s.atime, 0);
        assert_true(stat_of("/o", &s));
        assert_int_equal(s.mtime, kit.now);
        assert_true(stat_of("/", &s));
        assert_int_not_equal(s.mtime, kit.now);
        OK(do_mkdirs(&BOB, "/o/t", 07777, true));
        assert_true(stat_of("/o/t", &s));
        assert_int_equal(s.mode, 01777);
}

/* ---- delete --------------------------------------------------------------------------------- */

static void delete_of_what_is_missing_answers_false(void **state)
{
        (void)state;
        ANSWERS(do_delete(&ALICE, "/o/none", true), false);
        ANSWERS(do_delete(&ALICE, "/o/none/x", false), false);
        ANSWERS(do_delete(&BOB, "/o/sticky/none", false), false);
        ANSWERS(do_delete(&ALICE, "/o/d/.snapshot", false), false);
        ANSWERS(do_delete(&ROOT, "/", true), false);
        assert_false(kit.changed);
}

static void delete_refuses_in_the_words_of_hdfs(void **state)
{
        (void)state;
        REFUSED(do_delete(&ALICE, "/o/d", false), NOT_EMPTY,
                "`/o/d is non empty': Directory is not empty\n");
        REFUSED(do_delete(&BOB, "/o/d", false), PERMISSION,
                "Permission denied: user=bob, access=ALL, "
                "inode=\"/o/d\":alice:supergroup:drwxr-xr-x");
        REFUSED(do_delete(&BOB, "/o/d/none", false), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/d\":alice:supergroup:drwxr-xr-x");
        REFUSED(do_delete(&BOB, "/o/tree", true), PERMISSION,
                "Permission denied: user=bob, access=ALL, "
                "inode=\"/o/tree/open/priv\":alice:supergroup:drwx------");
        REFUSED(do_delete(&BOB, "/o/sticky/af", false), NOT_OWNER,
                "Permission denied by sticky bit: user=bob, "
                "path=\"/o/sticky/af\":alice:supergroup:-rw-rw-rw-, "
                "parent=\"/o/sticky\":root:supergroup:drwxrwxrwt");
        REFUSED(do_delete(&BOB, "/o/sticky/ad", false), NOT_OWNER,
                "Permission denied by sticky bit: user=bob, "
                "path=\"/o/sticky/ad\":alice:supergroup:drwxrwxrwx, "
                "parent=\"/o/sticky\":root:supergroup:drwxrwxrwt");
        REFUSED(do_delete(&ALICE, "/o/f/x", false), PERMISSION, "/o/f (is not a directory)");
        REFUSED(do_delete(&ALICE, "/", true), PERMISSION,
                "Permission denied: user=alice, access=ALL, "
                "inode=\"/\":root:supergroup:drwxr-xr-x");
        REFUSED(do_delete(&ROOT, "/", false), NOT_EMPTY,
                "`/ is non empty': Directory is not empty\n");
        REFUSED(do_delete(&ROOT, "/.reserved", false), INVALID_PATH,
                "Invalid path name /.reserved");
}

static void delete_asks_nothing_of_empty_directories(void **state)
{
        (void)state;
        ANSWERS(do_delete(&BOB, "/o/tree2", true), true);
        assert_false(exists("/o/tree2"));
        ANSWERS(do_delete(&BOB, "/o/sticky/ad/f", false), true);
        ANSWERS(do_delete(&ALICE, "/o/sticky/af", false), true);
}

static void delete_sees_what_the_same_batch_did(void **state)
{
        (void)state;
        kit_commit();
        OK(do_mkdirs(&BOB, "/o/mine/a/b", 0755, true));
        OK(do_mkdirs(&BOB, "/o/mine/a/b/c", 0777, false));
        OK(do_mkdirs(&ALICE, "/o/mine/a/b/c/hers", 0700, false));
        ANSWERS(do_rename(&ROOT, "/o/locked", "/o/mine/a/b/c/hers/locked", false, false), true);
        REFUSED(do_delete(&BOB, "/o/mine", true), PERMISSION,
                "Permission denied: user=bob, access=ALL, "
                "inode=\"/o/mine/a/b/c/hers\":alice:supergroup:drwx------");
        ANSWERS(do_delete(&ROOT, "/o/mine/a/b/c/hers/locked", true), true);
        ANSWERS(do_delete(&BOB, "/o/mine", true), true);
}

/* HDFS looks at the last child first when it deletes, at the first when it sums up. */
static void the_refusal_is_the_one_that_hdfs_finds_first(void **state)
{
        const struct ns_caller bob = caller_of(&BOB);
        const struct path p = {.text = "/o/two", .n = 6};
        struct ns_summary sum;

        (void)state;
        OK(do_mkdirs(&ROOT, "/o/two", 0777, false));
        for (char c = 'a'; c <= 'e'; c++) {
                char path[32];

                (void)snprintf(path, sizeof(path), "/o/two/%c/x", c);
                OK(do_mkdirs(&ROOT, path, 0777, true));
                OK(do_chmod(&ROOT, path, c == 'b' || c == 'd' ? 0700 : 0777));
                (void)snprintf(path, sizeof(path), "/o/two/%c/x/y", c);
                OK(do_mkdirs(&ROOT, path, 0777, false));
        }
        for (char c = 'a'; c <= 'e'; c++)
                OK(do_chmod(&ROOT, (char[]){'/', 'o', '/', 't', 'w', 'o', '/', c, 0}, 0777));
        REFUSED(do_delete(&BOB, "/o/two", true), PERMISSION,
                "Permission denied: user=bob, access=ALL, "
                "inode=\"/o/two/d/x\":root:supergroup:drwx------");
        assert_int_equal(ns_content_summary(kit.t, &bob, &p, &sum, &kit.err), BDFS_PERMISSION);
        assert_string_equal(kit.err.text,
                            "Permission denied: user=bob, access=READ_EXECUTE, "
                            "inode=\"/o/two/b/x\":root:supergroup:drwx------");
}

static void a_sticky_directory_deeper_keeps_what_others_own(void **state)
{
        (void)state;
        OK(do_mkdirs(&ROOT, "/o/top/mid/st", 0777, true));
        OK(do_chmod(&ROOT, "/o/top", 0777));
        OK(do_chmod(&ROOT, "/o/top/mid", 0777));
        OK(do_chmod(&ROOT, "/o/top/mid/st", 01777));
        make_file(&BOB, "/o/top/mid/st/1", 10, (struct creation){0});
        make_file(&ALICE, "/o/top/mid/st/2", 10, (struct creation){0});
        REFUSED(do_delete(&BOB, "/o/top", true), NOT_OWNER,
                "Permission denied by sticky bit: user=bob, "
                "path=\"/o/top/mid/st/2\":alice:supergroup:-rw-r--r--, "
                "parent=\"/o/top/mid/st\":root:supergroup:drwxrwxrwx"); /* /o/top's, as HDFS */
        OK(do_delete(&ALICE, "/o/top/mid/st/2", false));
        ANSWERS(do_delete(&BOB, "/o/top", true), true);
}

static void a_deleted_tree_is_freed_in_slices(void **state)
{
        struct at_block b;
        uint64_t inode;
        bool doomed;
        char text[200];

        (void)state;
        for (int i = 0; i < 20; i++) {
                char path[64];

                (void)snprintf(path, sizeof(path), "/o/big/d%d/e%d", i % 4, i);
                make_file(&ROOT, path, 2000, (struct creation){0});
        }
        OK(do_create(&ROOT, "/o/big/open", (struct creation){.holder = "w"}));
        inode = kit.result->inode;
        OK(do_add_block(&ROOT, "/o/big/open", inode, "w", (struct at_block){0}));
        b = got(5);
        kit_check();
        ANSWERS(do_delete(&ROOT, "/o/big", true), true);
        assert_false(exists("/o/big"));
        (void)snprintf(text, sizeof(text), "File does not exist: /o/big/open (inode %llu) [Lease.  "
                       "Holder: w, pending creates: 1]", (unsigned long long)inode);
        REFUSED(do_add_block(&ROOT, "/o/big/open", inode, "w", b), NOT_FOUND, text);
        assert_int_equal(do_start_recovery(inode), BDFS_NOT_FOUND);
        OK(do_mkdirs(&ROOT, "/o/big", 0755, false)); /* the name is free at once */
        kit_check();
        while (do_slice(3) > 0) {
                assert_true(kit.changed);
                kit_check();
                OK(ns_has_doomed(kit.t, &doomed, &kit.err));
        }
        assert_false(kit.changed);
        assert_false(doomed);
        assert_int_equal(unreferenced(), 41);
        assert_int_equal(store_count(kit.t, TABLE_LEASE), 0);
}

static void a_file_of_many_extents_is_freed_in_slices(void **state)
{
        uint64_t done = 0, n;

        (void)state;
        make_file(&ROOT, "/o/long", 300 * 1024, (struct creation){0});
        kit_commit();
        ANSWERS(do_delete(&ROOT, "/o/long", false), true);
        kit_check();
        while ((n = do_slice(100)) > 0) {
                assert_true(n <= 100);
                done += n;
                kit_check();
        }
        assert_true(done >= 300);
        assert_int_equal(unreferenced(), 300);
}

/* ---- other paths ---------------------------------------------------------------------------- */

static void paths_by_inode_and_raw_paths_work(void **state)
{
        char path[128], text[256];
        struct ns_status s;

        (void)state;
        (void)snprintf(path, sizeof(path), "/.reserved/.inodes/%llu/new",
                       (unsigned long long)inode_of("/o/d"));
        REFUSED(do_mkdirs(&BOB, path, 0755, true), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/d\":alice:supergroup:drwxr-xr-x");
        OK(do_mkdirs(&ALICE, path, 0755, true));
        assert_true(exists("/o/d/new"));
        (void)snprintf(path, sizeof(path), "/.reserved/.inodes/%llu",
                       (unsigned long long)inode_of("/o/d/new"));
        OK(do_rename(&ALICE, path, "/o/d/newer", false, false));
        assert_true(stat_of(path, &s));
        OK(do_delete(&ALICE, path, true));
        (void)snprintf(text, sizeof(text), "File for given inode path does not exist: %s", path);
        REFUSED(do_delete(&ALICE, path, true), NOT_FOUND, text);
        REFUSED(do_mkdirs(&ALICE, "/.reserved/raw/o/x", 0755, true), PERMISSION,
                "Access denied for user alice. Superuser privilege is required");
        OK(do_mkdirs(&ROOT, "/.reserved/raw/o/x", 0755, true));
        assert_true(exists("/o/x"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_tree, teardown)
        const struct CMUnitTest tests[] = {
                TEST(mkdirs_of_what_is_there_changes_nothing),
                TEST(of_several_makers_of_a_directory_one_wins),
                TEST(mkdirs_refuses_in_the_words_of_hdfs),
                TEST(mkdirs_gives_modes_owners_and_times),
                TEST(delete_of_what_is_missing_answers_false),
                TEST(delete_refuses_in_the_words_of_hdfs),
                TEST(delete_asks_nothing_of_empty_directories),
                TEST(delete_sees_what_the_same_batch_did),
                TEST(the_refusal_is_the_one_that_hdfs_finds_first),
                TEST(a_sticky_directory_deeper_keeps_what_others_own),
                TEST(a_deleted_tree_is_freed_in_slices),
                TEST(a_file_of_many_extents_is_freed_in_slices),
                TEST(paths_by_inode_and_raw_paths_work),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
