/* The mount's bounded memory, and the kernel's words for what the cluster says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "fuse/attrs.c"
#include "fuse/buffers.c"
#include "fuse/ids.c"
#include "fuse/known.c"

/* ---- known ----------------------------------------------------------------------------------- */

static void what_was_put_is_there(void **state)
{
        struct known *k = known_new(1024);
        uint64_t v = 0;

        (void)state;
        assert_false(known_get(k, 7, &v));
        known_put(k, 7, 70);
        assert_true(known_get(k, 7, &v));
        assert_int_equal(v, 70);
        assert_true(known_swap(k, 7, 71, &v));
        assert_int_equal(v, 70);
        assert_false(known_swap(k, 8, 80, &v));
        assert_true(known_get(k, 7, &v));
        assert_int_equal(v, 71);
        known_free(k);
        known_free(NULL);
}

static void too_many_push_others_out_and_never_lie(void **state)
{
        struct known *k = known_new(64);
        unsigned there = 0;
        uint64_t v;

        (void)state;
        for (uint64_t i = 1; i <= 10000; i++)
                known_put(k, i, i * 3);
        for (uint64_t i = 1; i <= 10000; i++) {
                if (known_get(k, i, &v)) {
                        assert_int_equal(v, i * 3);
                        there++;
                }
        }
        assert_in_range(there, 1, 64);
        assert_true(known_get(k, 10000, &v)); /* the newest is always there */
        known_free(k);
}

/* ---- buffers --------------------------------------------------------------------------------- */

static void buffers_are_used_again(void **state)
{
        struct buffers *b = buffers_new(4096);
        void *many[3 * BUFFERS_KEPT], *first = buffers_take(b, 100);

        (void)state;
        assert_non_null(first);
        buffers_give(b, first);
        assert_ptr_equal(buffers_take(b, 4096), first);
        assert_null(buffers_take(b, 4097));
        buffers_give(b, first);
        for (size_t i = 0; i < 3 * BUFFERS_KEPT; i++) {
                many[i] = buffers_take(b, 4096);
                assert_non_null(many[i]);
                memset(many[i], 1, 4096);
        }
        for (size_t i = 0; i < 3 * BUFFERS_KEPT; i++)
                buffers_give(b, many[i]);
        buffers_give(b, NULL);
        buffers_free(b);
        buffers_free(NULL);
}

/* ---- ids ------------------------------------------------------------------------------------- */

static void names_and_numbers_go_both_ways(void **state)
{
        struct ids *ids = ids_new();
        char name[OS_NAME_BYTES];

        (void)state;
        for (int again = 0; again < 2; again++) { /* the second time from the cache */
                ids_caller(ids, 0, name);
                assert_string_equal(name, "root");
                ids_caller(ids, 3999999999u, name);
                assert_string_equal(name, "nobody");
                ids_user_name(ids, 3999999999u, name);
                assert_string_equal(name, "3999999999");
                ids_group_name(ids, 0, name);
                assert_string_equal(name, "root");
                assert_int_equal(ids_uid(ids, "root"), 0);
                assert_int_equal(ids_gid(ids, "root"), 0);
                assert_int_equal(ids_uid(ids, "3999999999"), 3999999999u);
                assert_int_equal(ids_gid(ids, "4123"), 4123);
        }
        ids_free(ids);
        ids_free(NULL);
}

static void what_is_no_name_and_no_number_is_nobody(void **state)
{
        static const char *const odd[] = {"", "0", "00", "-1", "+5", "1x", " 1", "01",
                                          "4294967295", "99999999999", "no such name"};
        struct ids *ids = ids_new();
        char longest[400];

        (void)state;
        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
                assert_int_equal(ids_uid(ids, odd[i]), IDS_NOBODY);
                assert_int_equal(ids_gid(ids, odd[i]), IDS_NOBODY);
        }
        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        assert_int_equal(ids_uid(ids, longest), IDS_NOBODY);
        ids_free(ids);
}

/* ---- attributes and errors ------------------------------------------------------------------- */

static void every_status_has_a_fitting_errno(void **state)
{
        (void)state;
        for (int s = 1; s < BDFS_STATUS_COUNT; s++) {
                for (int named = ATTRS_BY_NAME; named <= ATTRS_BYTES; named++) {
                        int eno = attrs_errno((enum bdfs_status)s, (enum attrs_named)named);

                        assert_in_range(eno, 1, 133);
                        assert_int_not_equal(eno, ENOSYS);
                        assert_int_not_equal(eno, EAGAIN);
                        assert_int_not_equal(eno, EPIPE);
                }
        }
        assert_int_equal(attrs_errno(BDFS_NOT_FOUND, ATTRS_BY_NAME), ENOENT);
        assert_int_equal(attrs_errno(BDFS_NOT_FOUND, ATTRS_BY_NUMBER), ESTALE);
        assert_int_equal(attrs_errno(BDFS_UNSUPPORTED, ATTRS_BYTES), EOPNOTSUPP);
        assert_int_equal(attrs_errno(BDFS_LEASE_EXPIRED, ATTRS_BYTES), EIO);
}

static void attributes_are_the_clusters(void **state)
{
        char link[] = "target";
        struct bdfs_stat st = {.type = BDFS_TYPE_FILE, .inode = 20000, .length = 1000,
                               .mode = 01640, .mtime_ms = 1234567, .atime_ms = -1,
                               .owner = "root", .group = "no such group"};
        struct ids *ids = ids_new();
        struct stat a;

        (void)state;
        attrs_fill(ids, &st, &a);
        assert_int_equal(a.st_mode, S_IFREG | 01640);
        assert_int_equal(a.st_ino, 20000);
        assert_int_equal(a.st_size, 1000);
        assert_int_equal(a.st_blocks, 2);
        assert_int_equal(a.st_mtim.tv_sec, 1234);
        assert_int_equal(a.st_mtim.tv_nsec, 567000000);
        assert_int_equal(a.st_atim.tv_sec, -1);
        assert_int_equal(a.st_atim.tv_nsec, 999000000);
        assert_int_equal(a.st_uid, 0);
        assert_int_equal(a.st_gid, IDS_NOBODY);
        st.type = BDFS_TYPE_SYMLINK;
        st.target = link;
        attrs_fill(ids, &st, &a);
        assert_int_equal(a.st_mode & S_IFMT, S_IFLNK);
        assert_int_equal(a.st_size, 6);
        st.type = BDFS_TYPE_DIRECTORY;
        attrs_fill(ids, &st, &a);
        assert_int_equal(a.st_mode & S_IFMT, S_IFDIR);
        assert_int_equal(a.st_size, 0);
        ids_free(ids);
}

static void a_directory_is_public_when_all_may_search_it(void **state)
{
        struct bdfs_stat st = {.type = BDFS_TYPE_DIRECTORY, .mode = 0755};

        (void)state;
        assert_true(attrs_is_public(&st));
        st.has_acl = true; /* it may refuse somebody */
        assert_false(attrs_is_public(&st));
        st.has_acl = false;
        st.mode = 0750;
        assert_false(attrs_is_public(&st));
}

static void inodes_are_named_by_number(void **state)
{
        char path[ATTRS_PATH_BYTES], name[256];

        (void)state;
        attrs_path(ATTRS_ROOT, NULL, path);
        assert_string_equal(path, "/.reserved/.inodes/16385");
        memset(name, 'n', 255);
        name[255] = '\0';
        attrs_path(UINT64_MAX, name, path);
        assert_int_equal(strlen(path), strlen("/.reserved/.inodes/18446744073709551615/") + 255);
        assert_int_equal(attrs_inode_of(attrs_number_of(ATTRS_ROOT)), ATTRS_ROOT);
        assert_int_equal(attrs_number_of(ATTRS_ROOT), 1);
        assert_int_equal(attrs_inode_of(attrs_number_of(16386)), 16386);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_put_is_there),
                cmocka_unit_test(too_many_push_others_out_and_never_lie),
                cmocka_unit_test(buffers_are_used_again),
                cmocka_unit_test(names_and_numbers_go_both_ways),
                cmocka_unit_test(what_is_no_name_and_no_number_is_nobody),
                cmocka_unit_test(every_status_has_a_fitting_errno),
                cmocka_unit_test(attributes_are_the_clusters),
                cmocka_unit_test(a_directory_is_public_when_all_may_search_it),
                cmocka_unit_test(inodes_are_named_by_number),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
