/* Totals and classes: gathered, flushed once, moved with trees. */
#include "namenode/tree/totals.h"
#include "tests/unit/namenode/test_apply_kit.h"

static struct totals *totals;

static void dir(uint64_t id, uint64_t parent, uint32_t flags)
{
        struct inode row = {.id = id, .parent = parent, .type = INODE_DIRECTORY, .nlink = 1,
                            .flags = flags};

        OK(table_put_inode(kit.t, &row, &kit.err));
}

/* 100 in the root, 101 and 102 in 100, 103 in 102. */
static int setup_dirs(void **state)
{
        (void)setup(state);
        dir(100, INODE_ROOT, 0);
        dir(101, 100, 0);
        dir(102, 100, 0);
        dir(103, 102, 0);
        totals = totals_new();
        assert_non_null(totals);
        return 0;
}

static int teardown_dirs(void **state)
{
        (void)state;
        totals_free(totals);
        kit_close();
        return 0;
}

static uint64_t files(uint64_t directory)
{
        struct total t;

        OK(table_get_total(kit.t, directory, &t, &kit.err));
        return t.files;
}

static void add(uint64_t directory, int64_t n)
{
        const struct total_delta d = {.files = n, .bytes = 10 * n};

        OK(totals_add(totals, directory, &d, &kit.err));
}

static uint64_t classes(uint64_t directory, uint16_t mode)
{
        const struct class c = {.mode = mode};
        uint64_t n;

        OK(table_get_class(kit.t, directory, &c, &n, &kit.err));
        return n;
}

static void what_is_gathered_reaches_everything_above(void **state)
{
        (void)state;
        add(103, 3);
        add(101, 1);
        add(103, -1);
        assert_int_equal(files(103), 0);
        OK(totals_flush(kit.t, totals, &kit.err));
        assert_int_equal(files(103), 2);
        assert_int_equal(files(102), 2);
        assert_int_equal(files(101), 1);
        assert_int_equal(files(100), 3);
        assert_int_equal(files(INODE_ROOT), 3);
        OK(totals_flush(kit.t, totals, &kit.err)); /* nothing left */
        assert_int_equal(files(INODE_ROOT), 3);
}

static void classes_are_counted_like_files(void **state)
{
        const struct class a = {.mode = 0755}, b = {.mode = 0700};

        (void)state;
        OK(totals_class(totals, 103, &a, 1, &kit.err));
        OK(totals_class(totals, 103, &b, 1, &kit.err));
        OK(totals_class(totals, 101, &a, 1, &kit.err));
        OK(totals_class(totals, 101, &a, 1, &kit.err));
        OK(totals_class(totals, 101, &b, 1, &kit.err));
        OK(totals_class(totals, 101, &b, -1, &kit.err));
        OK(totals_flush(kit.t, totals, &kit.err));
        assert_int_equal(classes(103, 0755), 1);
        assert_int_equal(classes(101, 0755), 2);
        assert_int_equal(classes(101, 0700), 0);
        assert_int_equal(classes(100, 0755), 3);
        assert_int_equal(classes(INODE_ROOT, 0700), 1);
}

static void a_tree_moved_within_the_batch_is_counted_once(void **state)
{
        (void)state;
        add(103, 5);
        OK(totals_flush(kit.t, totals, &kit.err));
        add(103, 2); /* gathered, not yet in any row */
        OK(totals_tree(kit.t, totals, 100, 102, -1, &kit.err));
        OK(totals_tree(kit.t, totals, 101, 102, 1, &kit.err));
        dir(102, 101, 0);
        add(103, 1);
        OK(totals_flush(kit.t, totals, &kit.err));
        assert_int_equal(files(103), 8);
        assert_int_equal(files(101), 8);
        assert_int_equal(files(100), 8);
        assert_int_equal(files(INODE_ROOT), 8);
}

static void a_detached_tree_keeps_its_numbers_to_itself(void **state)
{
        (void)state;
        add(103, 5);
        OK(totals_flush(kit.t, totals, &kit.err));
        OK(totals_tree(kit.t, totals, 100, 102, -1, &kit.err));
        dir(102, 100, INODE_DETACHED);
        add(103, 4);
        OK(totals_flush(kit.t, totals, &kit.err));
        assert_int_equal(files(102), 9);
        assert_int_equal(files(100), 0);
}

static void a_directory_that_is_gone_is_forgotten(void **state)
{
        const struct class c = {.mode = 0755};
        const struct total_delta child = {.directories = 1};

        (void)state;
        add(103, 5);
        OK(totals_add(totals, 103, &child, &kit.err));
        OK(totals_class(totals, 103, &c, 1, &kit.err));
        OK(totals_flush(kit.t, totals, &kit.err));
        add(103, 1);
        OK(totals_tree(kit.t, totals, 102, 103, -1, &kit.err));
        OK(totals_drop(kit.t, totals, 103, &kit.err));
        OK(table_del_inode(kit.t, 103, &kit.err));
        OK(totals_flush(kit.t, totals, &kit.err));
        assert_int_equal(files(102), 0);
        assert_int_equal(classes(102, 0755), 0);
        assert_int_equal(store_count(kit.t, TABLE_TOTAL), 0);
        assert_int_equal(store_count(kit.t, TABLE_CLASS), 0);
}

static void numbers_below_zero_are_corrupt(void **state)
{
        const struct class c = {.mode = 0755};

        (void)state;
        add(101, -1);
        assert_int_equal(totals_flush(kit.t, totals, &kit.err), BDFS_CORRUPT);
        totals_clear(totals);
        OK(totals_class(totals, 101, &c, -1, &kit.err));
        assert_int_equal(totals_flush(kit.t, totals, &kit.err), BDFS_CORRUPT);
}

static void many_directories_and_classes_fit(void **state)
{
        (void)state;
        for (uint64_t i = 0; i < 3000; i++)
                dir(1000 + i, i < 10 ? 101 : 1000 + i / 10, 0);
        for (uint64_t i = 0; i < 3000; i++) {
                const struct class c = {.mode = (uint16_t)(i % 512)};

                add(1000 + i, 1);
                OK(totals_class(totals, 1000 + i, &c, 1, &kit.err));
        }
        OK(totals_flush(kit.t, totals, &kit.err));
        assert_int_equal(files(101), 3000);
        assert_int_equal(files(INODE_ROOT), 3000);
        assert_int_equal(classes(INODE_ROOT, 5), 6);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_dirs, teardown_dirs)
        const struct CMUnitTest tests[] = {
                TEST(what_is_gathered_reaches_everything_above),
                TEST(classes_are_counted_like_files),
                TEST(a_tree_moved_within_the_batch_is_counted_once),
                TEST(a_detached_tree_keeps_its_numbers_to_itself),
                TEST(a_directory_that_is_gone_is_forgotten),
                TEST(numbers_below_zero_are_corrupt),
                TEST(many_directories_and_classes_fit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
