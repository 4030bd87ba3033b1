/* Both renames, and symlinks; rights and words as HDFS has them. */
#include "tests/unit/namenode/test_apply_kit.h"

/* ---- the old rename ------------------------------------------------------------------------- */

static int setup_rename(void **state)
{
        (void)setup(state);
        OK(do_mkdirs(&ROOT, "/o", 0777, false));
        make_file(&ALICE, "/o/f", 3000, (struct creation){0});
        OK(do_mkdirs(&ALICE, "/o/d/sub", 0755, true));
        OK(do_mkdirs(&ALICE, "/o/locked", 0700, false));
        OK(do_mkdirs(&ROOT, "/o/sticky", 01777, false));
        make_file(&ALICE, "/o/sticky/af", 10, (struct creation){.mode = 0666});
        OK(do_mkdirs(&ALICE, "/o/tree/open", 0777, true));
        OK(do_chmod(&ALICE, "/o/tree", 0777));
        OK(do_mkdirs(&ALICE, "/o/tree/open/priv", 0700, false));
        make_file(&ALICE, "/o/tree/open/priv/f", 10, (struct creation){.mode = 0600});
        OK(do_mkdirs(&ALICE, "/o/tree2/priv", 0700, true));
        OK(do_mkdirs(&ROOT, "/o/r", 0777, false));
        make_file(&ALICE, "/o/r/f", 10, (struct creation){0});
        make_file(&ALICE, "/o/r/g", 10, (struct creation){0});
        OK(do_mkdirs(&ALICE, "/o/r/d", 0777, false));
        make_file(&ALICE, "/o/r/d/f", 10, (struct creation){0});
        OK(do_mkdirs(&ALICE, "/o/r/e", 0777, false));
        OK(do_mkdirs(&ALICE, "/o/r/mine", 0755, false));
        make_file(&ALICE, "/o/r/mine/f", 10, (struct creation){0});
        OK(do_mkdirs(&ALICE, "/o/r/priv", 0700, false));
        make_file(&BOB, "/o/r/bobs", 10, (struct creation){0});
        kit_commit();
        return 0;
}

static void the_old_rename_answers_false_for_what_does_not_fit(void **state)
{
        (void)state;
        ANSWERS(do_rename(&ALICE, "/o/r/none", "/o/r/x", true, false), false);
        ANSWERS(do_rename(&ALICE, "/o/none/none", "/o/r/x", true, false), false);
        ANSWERS(do_rename(&ALICE, "/o/r/f", "/o/r/f", true, false), true);
        assert_false(kit.changed);
        ANSWERS(do_rename(&ALICE, "/o/r/d", "/o/r/d", true, false), false);
        ANSWERS(do_rename(&ALICE, "/o/r/f", "/o/r/g", true, false), false);
        ANSWERS(do_rename(&ALICE, "/o/r/d", "/o/r/g", true, false), false);
        ANSWERS(do_rename(&ALICE, "/o/r/f", "/o/r/d", true, false), false);
        ANSWERS(do_rename(&ALICE, "/o/r/d", "/o/r/d/x", true, false), false);
        ANSWERS(do_rename(&ALICE, "/o/r/f", "/o/r/none/x", true, false), false);
        ANSWERS(do_rename(&ROOT, "/", "/o/r/x", true, false), false);
        ANSWERS(do_rename(&ROOT, "/", "/", true, false), false);
        ANSWERS(do_rename(&BOB, "/o/sticky/none", "/o/r/x", true, false), false);
        ANSWERS(do_rename(&ROOT, "/o/r/f", "/.reserved/x", true, false), false);
        assert_false(kit.changed);
}

static void the_old_rename_moves_into_a_directory(void **state)
{
        (void)state;
        ANSWERS(do_rename(&ALICE, "/o/r/f", "/o/r/e", true, false), true);
        assert_true(exists("/o/r/e/f"));
        assert_false(exists("/o/r/f"));
        ANSWERS(do_rename(&ALICE, "/o/r/d/f", "/o/r", true, false), true);
        assert_true(exists("/o/r/f"));
}

static void the_old_rename_refuses_in_the_words_of_hdfs(void **state)
{
        (void)state;
        REFUSED(do_rename(&ALICE, "/o/r/f/x", "/o/r/x", true, false), PERMISSION,
                "/o/r/f (is not a directory)");
        REFUSED(do_rename(&ALICE, "/o/r/f", "/o/r/g/x/y", true, false), NOT_DIRECTORY,
                "/o/r/g (is not a directory)");
        REFUSED(do_rename(&BOB, "/o/r/mine/none", "/o/r/x", true, false), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/r/mine\":alice:supergroup:drwxr-xr-x");
        REFUSED(do_rename(&BOB, "/o/r/bobs", "/o/r/mine", true, false), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/r/mine\":alice:supergroup:drwxr-xr-x");
        REFUSED(do_rename(&BOB, "/o/r/bobs", "/o/r/mine/a/b", true, false), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/r/mine\":alice:supergroup:drwxr-xr-x");
        REFUSED(do_rename(&BOB, "/o/r/bobs", "/o/r/priv", true, false), PERMISSION,
                "Permission denied: user=bob, access=EXECUTE, "
                "inode=\"/o/r/priv\":alice:supergroup:drwx------");
        REFUSED(do_rename(&BOB, "/o/sticky/af", "/o/r/none/x", true, false), NOT_OWNER,
                "Permission denied by sticky bit: user=bob, "
                "path=\"/o/sticky/af\":alice:supergroup:-rw-rw-rw-, "
                "parent=\"/o/sticky\":root:supergroup:drwxrwxrwt");
        REFUSED(do_rename(&ALICE, "/o/r/f", "/", true, false), PERMISSION,
                "Permission denied: user=alice, access=WRITE, "
                "inode=\"/\":root:supergroup:drwxr-xr-x");
        REFUSED(do_rename(&ALICE, "/o/r/f", "/o/r/.snapshot", true, false), INVALID,
                "\".snapshot\" is a reserved name.");
}

/* ---- rename2 -------------------------------------------------------------------------------- */

static void rename2_refuses_in_the_words_of_hdfs(void **state)
{
        (void)state;
        REFUSED(do_rename(&ALICE, "/o/r/none", "/o/r/none", false, false), NOT_FOUND,
                "rename source /o/r/none is not found.");
        REFUSED(do_rename(&ALICE, "/o/r/f/x", "/o/r/x", false, false), PERMISSION,
                "/o/r/f (is not a directory)");
        REFUSED(do_rename(&ALICE, "/o/r/f", "/o/r/f", false, true), EXISTS,
                "The source /o/r/f and destination /o/r/f are the same");
        REFUSED(do_rename(&ALICE, "/o/r/f", "/o/r/g", false, false), EXISTS,
                "rename destination /o/r/g already exists");
        REFUSED(do_rename(&ALICE, "/o/r/d", "/o/r/e", false, false), EXISTS,
                "rename destination /o/r/e already exists");
        REFUSED(do_rename(&ALICE, "/o/r/f", "/o/r/e", false, true), FAILED,
                "Source /o/r/f and destination /o/r/e must both be directories");
        REFUSED(do_rename(&ALICE, "/o/r/d", "/o/r/g", false, false), FAILED,
                "Source /o/r/d and destination /o/r/g must both be directories");
        REFUSED(do_rename(&ALICE, "/o/r/e", "/o/r/d", false, true), FAILED,
                "rename destination directory is not empty: /o/r/d");
        REFUSED(do_rename(&ALICE, "/o/r/d", "/o/r/d/x", false, false), FAILED,
                "Rename destination /o/r/d/x is a directory or file under source /o/r/d");
        REFUSED(do_rename(&ALICE, "/o/r/f", "/o/r/none/x", false, false), NOT_FOUND,
                "rename destination parent /o/r/none/x not found.");
        REFUSED(do_rename(&ALICE, "/o/r/f", "/o/r/g/x", false, false), NOT_DIRECTORY,
                "/o/r/g (is not a directory)");
        REFUSED(do_rename(&ROOT, "/", "/", false, false), FAILED,
                "rename source cannot be the root");
        REFUSED(do_rename(&ALICE, "/o/r/f", "/", false, true), FAILED,
                "rename destination cannot be the root");
        REFUSED(do_rename(&ROOT, "/o/r/f", "/.reserved/x", false, false), NOT_FOUND,
                "rename destination parent /.reserved/x not found.");
        REFUSED(do_rename(&ALICE, "/o/r/f", "/o/r/.snapshot", false, false), INVALID,
                "\".snapshot\" is a reserved name.");
        REFUSED(do_rename(&BOB, "/o/r/bobs", "/o/r/mine/f", false, true), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/r/mine\":alice:supergroup:drwxr-xr-x");
}

static void rename2_overwrites_files_and_empty_directories(void **state)
{
        struct ns_status s;
        uint64_t f = inode_of("/o/r/f");
        size_t n;

        (void)state;
        n = unreferenced();
        kit.now += 7;
        OK(do_rename(&ALICE, "/o/r/f", "/o/r/d/f", false, true));
        assert_int_equal(inode_of("/o/r/d/f"), f);
        assert_int_equal(unreferenced(), n + 1);
        assert_true(stat_of("/o/r", &s));
        assert_int_equal(s.mtime, kit.now);
        assert_true(stat_of("/o/r/d", &s));
        assert_int_equal(s.mtime, kit.now);
        assert_true(stat_of("/o/r/d/f", &s));
        assert_int_equal(s.mtime, kit.now - 7);
        OK(do_rename(&ALICE, "/o/r/d", "/o/r/e", false, true));
        assert_int_equal(inode_of("/o/r/e/f"), f);
        /* records of older namenodes: a sticky bit did not keep what is overwritten, as in HDFS */
        OK(do_rename(&BOB, "/o/r/bobs", "/o/sticky/af", false, true));
}

static void a_sticky_directory_keeps_what_would_be_replaced(void **state)
{
        static const char words[] = "Permission denied by sticky bit: user=bob, "
                                    "path=\"/o/sticky/af\":alice:supergroup:-rw-rw-rw-, "
                                    "parent=\"/o/sticky\":root:supergroup:drwxrwxrwt";
        const struct creation over = {.overwrite = true, .keep_sticky = true};

        (void)state;
        REFUSED(do_replace(&BOB, "/o/r/bobs", "/o/sticky/af"), NOT_OWNER, words);
        REFUSED(do_create(&BOB, "/o/sticky/af", over), NOT_OWNER, words);
        OK(do_mkdirs(&ALICE, "/o/sticky/ad", 0777, false));
        OK(do_mkdirs(&BOB, "/o/r/bobd", 0777, false));
        REFUSED(do_replace(&BOB, "/o/r/bobd", "/o/sticky/ad"), NOT_OWNER,
                "Permission denied by sticky bit: user=bob, "
                "path=\"/o/sticky/ad\":alice:supergroup:drwxrwxrwx, "
                "parent=\"/o/sticky\":root:supergroup:drwxrwxrwt");
        OK(do_replace(&BOB, "/o/r/bobs", "/o/sticky/free")); /* nothing is replaced */
        make_file(&BOB, "/o/r/bobs", 10, (struct creation){0});
        OK(do_replace(&BOB, "/o/r/bobs", "/o/sticky/free")); /* his own */
        OK(do_create(&BOB, "/o/sticky/free", over));
        make_file(&ALICE, "/o/r/alices", 10, (struct creation){0});
        OK(do_replace(&ALICE, "/o/r/alices", "/o/sticky/af"));
        OK(do_replace(&ROOT, "/o/r/g", "/o/sticky/af"));
}

static void a_moved_tree_takes_its_numbers_along(void **state)
{
        const struct ns_caller root = caller_of(&ROOT);
        const struct path from = {.text = "/o/r", .n = 4}, to = {.text = "/o/tree2", .n = 8};
        struct ns_summary before, after;

        (void)state;
        OK(ns_content_summary(kit.t, &root, &from, &before, &kit.err));
        make_file(&ALICE, "/o/r/d/late", 77, (struct creation){0}); /* in the same batch */
        OK(do_rename(&ALICE, "/o/r/d", "/o/tree2/priv/d", false, false));
        make_file(&ALICE, "/o/tree2/priv/d/later", 100, (struct creation){0});
        kit_check();
        OK(ns_content_summary(kit.t, &root, &from, &after, &kit.err));
        assert_int_equal(after.total.files, before.total.files - 1);
        assert_int_equal(after.total.directories, before.total.directories - 1);
        OK(ns_content_summary(kit.t, &root, &to, &after, &kit.err));
        assert_int_equal(after.total.files, 3);
        assert_int_equal(after.total.bytes, 187);
        assert_int_equal(after.total.space, 374);
}

static void an_open_file_that_is_renamed_stays_open(void **state)
{
        struct at_block b;
        uint64_t inode;

        (void)state;
        OK(do_create(&ALICE, "/o/open3", (struct creation){.holder = "holder1"}));
        inode = kit.result->inode;
        OK(do_rename(&ALICE, "/o/open3", "/o/r/e", true, false));
        REFUSED(do_add_block(&ALICE, "/o/open3", 0, "holder1", (struct at_block){0}), NOT_FOUND,
                "File does not exist: /o/open3 (inode 0) [Lease.  Holder: holder1, pending "
                "creates: 1]");
        OK(do_add_block(&ALICE, "/o/open3", inode, "holder1", (struct at_block){0}));
        b = got(9);
        ANSWERS(do_complete(&ALICE, "/o/open3", inode, "holder1", b), true);
        assert_true(exists("/o/r/e/open3"));
}

static void trash_needs_the_rights_of_a_recursive_delete(void **state)
{
        (void)state;
        refused(APPLY(&BOB, RENAME, rename, RenameOp, RENAME_OP,
                      op_.source = bytes_of("/o/tree/open"); op_.target = bytes_of("/o/r/t");
                      op_.has_to_trash = 1; op_.to_trash = true),
                BDFS_PERMISSION,
                "Permission denied: user=bob, access=ALL, "
                "inode=\"/o/tree/open/priv\":alice:supergroup:drwx------");
        OK(do_rename(&BOB, "/o/tree/open", "/o/r/t", false, false));
}

/* ---- links ---------------------------------------------------------------------------------- */

static void a_symlink_met_says_where_the_path_leads(void **state)
{
        struct ns_status s;

        (void)state;
        OK(do_symlink(&ALICE, "/o/l", "d/sub"));
        OK(do_symlink(&ALICE, "/o/abs", "/o/d/../locked"));
        assert_true(stat_of("/o/l", &s));
        assert_int_equal(s.type, INODE_SYMLINK);
        assert_int_equal(s.target_n, 5);
        assert_int_equal(s.mode, 0777);
        REFUSED(do_mkdirs(&ALICE, "/o/l/a/b", 0755, true), SYMLINK, "/o/d/sub/a/b");
        REFUSED(do_create(&ALICE, "/o/l", (struct creation){.overwrite = true}), SYMLINK,
                "/o/d/sub");
        REFUSED(do_chmod(&ALICE, "/o/abs/in", 0), SYMLINK, "/o/locked/in");
        ANSWERS(do_delete(&ALICE, "/o/l", false), true);
        OK(do_rename(&ALICE, "/o/abs", "/o/r2", false, false));
        REFUSED(do_symlink(&ALICE, "/o/f", "x"), FAILED, "failed to create link /o/f either "
                "because the filename is invalid or the file exists");
        REFUSED(do_symlink(&ALICE, "/o/none/l", "x"), NOT_FOUND,
                "Parent directory doesn't exist: /o/none");
        REFUSED(do_symlink(&ALICE, "/o/l2", ""), INVALID_PATH,
                "Invalid path name Invalid target name: ");
        REFUSED(do_rename(&ALICE, "/o/r2", "/o/d/../locked", false, false), EXISTS,
                "Cannot rename symlink /o/r2 to its target /o/d/../locked");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_rename, teardown)
        const struct CMUnitTest tests[] = {
                TEST(the_old_rename_answers_false_for_what_does_not_fit),
                TEST(the_old_rename_moves_into_a_directory),
                TEST(the_old_rename_refuses_in_the_words_of_hdfs),
                TEST(rename2_refuses_in_the_words_of_hdfs),
                TEST(rename2_overwrites_files_and_empty_directories),
                TEST(a_sticky_directory_keeps_what_would_be_replaced),
                TEST(a_moved_tree_takes_its_numbers_along),
                TEST(an_open_file_that_is_renamed_stays_open),
                TEST(trash_needs_the_rights_of_a_recursive_delete),
                TEST(a_symlink_met_says_where_the_path_leads),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
