/* Path names at the edge and inside a transaction. */
#include "tests/unit/namenode/test_apply_kit.h"

static struct buf room;
static struct path parsed;
static enum path_fault fault;

static enum bdfs_status check(const char *text, enum path_use use, bool hadoop)
{
        return path_check(text, strlen(text), use, hadoop, &room, &parsed, &fault, &kit.err);
}

static void becomes(const char *text, enum path_use use, const char *want)
{
        OK(check(text, use, true));
        assert_int_equal(parsed.n, strlen(want));
        assert_memory_equal(parsed.text, want, parsed.n);
}

static void turned_down(const char *text, enum path_use use, enum path_fault why, const char *words)
{
        assert_int_not_equal(check(text, use, true), BDFS_OK);
        assert_int_equal(fault, why);
        assert_string_equal(kit.err.text, words);
}

static void what_is_read_is_made_normal(void **state)
{
        (void)state;
        becomes("/", PATH_READ, "/");
        becomes("//", PATH_READ, "/");
        becomes("/a//b/", PATH_READ, "/a/b");
        becomes("/a/./b/..", PATH_READ, "/a/./b/.."); /* names that nothing has */
        becomes("/a:b/\xff", PATH_READ, "/a:b/\xff");
        becomes("/a/", PATH_MKDIRS, "/a");
        becomes("/.reserved/.inodes/16385/../x", PATH_CREATE, "/.reserved/.inodes/16385/../x");
        becomes("/.reserved/raw/x", PATH_CREATE, "/.reserved/raw/x");
}

static void each_method_has_its_own_words(void **state)
{
        (void)state;
        turned_down("o/f", PATH_READ, PATH_FAULT_RELATIVE,
                    "Absolute path required, but got 'o/f'");
        turned_down("", PATH_READ, PATH_FAULT_RELATIVE, "Absolute path required, but got ''");
        turned_down("o/new", PATH_MKDIRS, PATH_FAULT_INVALID,
                    "Invalid path name Invalid file name: o/new");
        turned_down("", PATH_MKDIRS, PATH_FAULT_EMPTY,
                    "Can not create a Path from an empty string");
        turned_down("/o/../new", PATH_MKDIRS, PATH_FAULT_INVALID,
                    "Invalid path name Invalid file name: /o/../new");
        turned_down("/o/./new", PATH_RENAME_TARGET, PATH_FAULT_INVALID,
                    "Invalid path name Invalid file name: /o/./new");
        turned_down("/o/a:b", PATH_CREATE, PATH_FAULT_INVALID, "Invalid path name /o/a:b");
        turned_down("/o//dbl", PATH_CREATE, PATH_FAULT_INVALID, "Invalid path name /o//dbl");
        turned_down("/.reserved/x", PATH_CREATE, PATH_FAULT_INVALID,
                    "Invalid path name /.reserved/x");
        turned_down("/.reserved", PATH_CREATE, PATH_FAULT_INVALID, "Invalid path name /.reserved");
        turned_down("/o/\xc3\x28", PATH_MKDIRS, PATH_FAULT_INVALID,
                    "Invalid path name Invalid file name: /o/\xc3\x28");
        assert_int_equal(path_check("/a\0b", 4, PATH_CREATE, false, &room, &parsed, NULL, NULL),
                         BDFS_INVALID_PATH);
}

static void our_own_port_takes_any_bytes(void **state)
{
        (void)state;
        OK(check("/o/a:b", PATH_CREATE, false));
        OK(check("/o/\xc3\x28", PATH_MKDIRS, false));
        assert_int_equal(check("/o/../x", PATH_MKDIRS, false), BDFS_INVALID_PATH);
}

static void lengths_are_counted_as_java_counts(void **state)
{
        char *long_text = malloc(40000);

        (void)state;
        assert_non_null(long_text);
        memset(long_text, 'x', 40000);
        for (size_t i = 0; i < 40000; i += 100)
                long_text[i] = '/';
        OK(path_check(long_text, 8000, PATH_MKDIRS, true, &room, &parsed, &fault, &kit.err));
        assert_int_equal(path_check(long_text, 8001, PATH_MKDIRS, true, &room, &parsed, &fault,
                                    &kit.err), BDFS_FAILED);
        assert_string_equal(kit.err.text,
                            "mkdirs: Pathname too long.  Limit 8000 characters, 1000 levels.");
        OK(path_check(long_text, 32000, PATH_READ, true, &room, &parsed, &fault, &kit.err));
        assert_int_equal(path_check(long_text, 32001, PATH_READ, true, &room, &parsed, &fault,
                                    &kit.err), BDFS_FAILED);
        for (size_t i = 1; i < 12000; i += 3) /* 4,000 characters of three bytes */
                memcpy(long_text + i, "\xe2\x82\xac", 3);
        OK(path_check(long_text, 12001, PATH_CREATE, true, &room, &parsed, &fault, &kit.err));
        for (size_t i = 1; i < 20000; i += 4) /* 5,000 of two units each */
                memcpy(long_text + i, "\xf0\x9f\x98\x80", 4);
        assert_int_equal(path_check(long_text, 20001, PATH_CREATE, true, &room, &parsed, &fault,
                                    &kit.err), BDFS_FAILED);
        assert_string_equal(kit.err.text,
                            "create: Pathname too long.  Limit 8000 characters, 1000 levels.");
        for (size_t i = 0; i < 2002; i += 2)
                memcpy(long_text + i, "/a", 2);
        OK(path_check(long_text, 2000, PATH_CREATE, true, &room, &parsed, &fault, &kit.err));
        assert_int_equal(path_depth(&parsed), 1000);
        assert_int_equal(path_check(long_text, 2002, PATH_RENAME_TARGET, true, &room, &parsed,
                                    &fault, &kit.err), BDFS_FAILED);
        assert_string_equal(kit.err.text,
                            "rename: Pathname too long.  Limit 8000 characters, 1000 levels.");
        free(long_text);
}

static void utf8_is_checked_to_the_letter(void **state)
{
        static const char *const good[] = {"/\x7f", "/\xc2\x80", "/\xef\xbf\xbf", "/\xe0\xa0\x80",
                                           "/\xf0\x90\x80\x80", "/\xf4\x8f\xbf\xbf"};
        static const char *const bad[] = {"/\x80", "/\xc0\x80", "/\xc1\xbf", "/\xe0\x9f\xbf",
                                          "/\xed\xa0\x80", "/\xf0\x8f\xbf\xbf", "/\xf4\x90\x80\x80",
                                          "/\xf5\x80\x80\x80", "/\xe2\x82", "/\xe2\x82/x",
                                          "/\xf0\x9f\x98"};

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                OK(check(good[i], PATH_MKDIRS, true));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_int_equal(check(bad[i], PATH_MKDIRS, true), BDFS_INVALID_PATH);
}

static void under_means_itself_or_below(void **state)
{
        const struct path root = {.text = "/", .n = 1}, a = {.text = "/a", .n = 2};
        const struct path ab = {.text = "/ab", .n = 3}, a_b = {.text = "/a/b", .n = 4};

        (void)state;
        assert_true(path_under(&a, &root));
        assert_true(path_under(&a, &a));
        assert_true(path_under(&a_b, &a));
        assert_false(path_under(&ab, &a));
        assert_false(path_under(&a, &a_b));
        assert_true(path_is_root(&root));
        assert_int_equal(path_depth(&root), 0);
        assert_int_equal(path_depth(&a_b), 2);
}

static void a_record_must_be_normal(void **state)
{
        static const char *const bad[] = {"", "a", "/a/", "//", "/a//b"};
        struct path p;

        (void)state;
        OK(path_of_record((const uint8_t *)"/a/b", 4, &p, &kit.err));
        OK(path_of_record((const uint8_t *)"/", 1, &p, &kit.err));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_int_equal(path_of_record((const uint8_t *)bad[i], strlen(bad[i]), &p,
                                                &kit.err), BDFS_INVALID_PATH);
}

/* ---- inside --------------------------------------------------------------------------------- */

/* Not by value: a struct resolved points into itself. */
static void resolve(const char *text, struct resolved *ret)
{
        struct path p = {.text = text, .n = strlen(text)};

        OK(path_resolve(kit.t, &p, ret, &kit.err));
}

static void the_walk_stops_where_nothing_is(void **state)
{
        struct resolved r;
        struct path p;

        (void)state;
        OK(do_mkdirs(&ROOT, "/a/b", 0755, true));
        make_file(&ROOT, "/a/f", 1, (struct creation){0});
        OK(check("/a/b/c/d", PATH_READ, false));
        OK(path_resolve(kit.t, &parsed, &r, &kit.err));
        assert_int_equal(r.depth, 5);
        assert_int_equal(r.found, 3);
        assert_false(resolved_exists(&r));
        assert_int_equal(r.last.id, inode_of("/a/b"));
        p = resolved_path(&r, 3);
        assert_int_equal(p.n, 6);
        p = resolved_path(&r, 4);
        assert_int_equal(p.n, 8);
        p = resolved_path(&r, 0);
        assert_int_equal(p.n, 1);
        resolved_fini(&r);
        OK(check("/a/f/x/y", PATH_READ, false));
        OK(path_resolve(kit.t, &parsed, &r, &kit.err));
        assert_int_equal(r.found, 3);
        assert_int_equal(r.last.type, INODE_FILE);
        resolved_fini(&r);
        OK(check("/a/new", PATH_READ, false));
        OK(path_resolve(kit.t, &parsed, &r, &kit.err));
        assert_int_equal(r.parent.id, inode_of("/a"));
        assert_int_equal(r.name_n, 3);
        resolved_fini(&r);
}

static void inode_paths_lead_to_true_paths(void **state)
{
        struct resolved r;
        char text[64];

        (void)state;
        OK(do_mkdirs(&ROOT, "/a/b/c", 0755, true));
        (void)snprintf(text, sizeof(text), "/.reserved/.inodes/%llu/c/new",
                       (unsigned long long)inode_of("/a/b"));
        resolve(text, &r);
        assert_int_equal(r.path.n, 10);
        assert_memory_equal(r.path.text, "/a/b/c/new", 10);
        assert_int_equal(r.found, 4);
        assert_int_equal(r.steps[1].end, 2);
        resolved_fini(&r);
        (void)snprintf(text, sizeof(text), "/.reserved/.inodes/%llu/../ignored",
                       (unsigned long long)inode_of("/a/b"));
        resolve(text, &r);
        assert_memory_equal(r.path.text, "/a", 2);
        resolved_fini(&r);
        resolve("/.reserved/.inodes/16385", &r);
        assert_true(path_is_root(&r.path));
        assert_int_equal(r.depth, 1);
        resolved_fini(&r);
        resolve("/.reserved/raw/a", &r);
        assert_true(r.raw);
        assert_memory_equal(r.path.text, "/a", 2);
        resolved_fini(&r);
        resolve("/.reserved/raw", &r);
        assert_true(path_is_root(&r.path));
        resolved_fini(&r);
        resolve("/.reserved/.inodes", &r);
        assert_false(resolved_exists(&r));
        resolved_fini(&r);
        OK(check("/.reserved/.inodes/abc", PATH_READ, false));
        assert_int_equal(path_resolve(kit.t, &parsed, &r, &kit.err), BDFS_NOT_FOUND);
        assert_string_equal(kit.err.text, "Invalid inode path: /.reserved/.inodes/abc");
        resolved_fini(&r);
        OK(check("/.reserved/.inodes/999999999/x", PATH_READ, false));
        assert_int_equal(path_resolve(kit.t, &parsed, &r, &kit.err), BDFS_NOT_FOUND);
        assert_string_equal(kit.err.text, "File for given inode path does not exist: "
                                          "/.reserved/.inodes/999999999/x");
        resolved_fini(&r);
}

static void deep_paths_go_down_and_up_again(void **state)
{
        struct resolved r;
        char text[2001];
        struct buf path;

        (void)state;
        for (size_t i = 0; i < 2000; i += 2)
                memcpy(text + i, "/d", 2);
        text[2000] = '\0';
        OK(do_mkdirs(&ROOT, text, 0755, true));
        resolve(text, &r);
        assert_true(resolved_exists(&r));
        assert_int_equal(r.depth, 1001);
        buf_init(&path, 0);
        OK(path_of_inode(kit.t, r.last.id, &path, &kit.err));
        assert_int_equal(path.n, 2000);
        assert_memory_equal(path.data, text, 2000);
        OK(path_is_attached(kit.t, &r.last, &kit.err));
        OK(do_delete(&ROOT, "/d/d/d", true));
        assert_int_equal(path_is_attached(kit.t, &r.last, &kit.err), BDFS_NOT_FOUND);
        buf_reset(&path);
        assert_int_equal(path_of_inode(kit.t, r.last.id, &path, &kit.err), BDFS_NOT_FOUND);
        buf_fini(&path);
        resolved_fini(&r);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_read_is_made_normal),
                cmocka_unit_test(each_method_has_its_own_words),
                cmocka_unit_test(our_own_port_takes_any_bytes),
                cmocka_unit_test(lengths_are_counted_as_java_counts),
                cmocka_unit_test(utf8_is_checked_to_the_letter),
                cmocka_unit_test(under_means_itself_or_below),
                cmocka_unit_test(a_record_must_be_normal),
                TEST(the_walk_stops_where_nothing_is),
                TEST(inode_paths_lead_to_true_paths),
                TEST(deep_paths_go_down_and_up_again),
        };
        int rc;

        buf_init(&room, 0);
        rc = cmocka_run_group_tests(tests, NULL, NULL);
        buf_fini(&room);
        return rc;
}
