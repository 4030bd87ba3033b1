/*
 * Whichever allocation fails while a record is applied: it is refused with NO_MEMORY, the
 * transaction is thrown away as the committer does, and nothing of it stays.
 */
#include "tests/lib/fault_alloc.h"
#include "tests/unit/namenode/test_apply_kit.h"

static enum bdfs_status flushed(enum bdfs_status rc)
{
        return rc != BDFS_OK ? rc : apply_flush(kit.t, kit.batch, &kit.err);
}

/* What the committer does with a batch that failed. */
static void throw_away(void)
{
        kit_forget();
        store_abort(kit.t);
        apply_batch_reset(kit.batch);
        OK(store_begin_write(kit.store, &kit.t, &kit.err));
}

static void each_allocation_fails(enum bdfs_status (*work)(void), unsigned least)
{
        struct kit_digest before;
        unsigned n;

        kit_commit();
        before = kit_digest();
        for (n = 1;; n++) {
                struct kit_digest after;
                enum bdfs_status rc;

                fault_arm(n);
                rc = work();
                if (!fault_fired()) {
                        OK(rc);
                        break;
                }
                assert_int_equal(rc, BDFS_NO_MEMORY);
                assert_int_equal(kit.err.status, BDFS_NO_MEMORY);
                throw_away();
                after = kit_digest();
                assert_memory_equal(&after, &before, sizeof(before));
        }
        assert_true(n > least);
        kit_commit();
}

static enum bdfs_status mkdirs_deep(void)
{
        return flushed(do_mkdirs(&ROOT, "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22"
                                        "/23/24/25/26/27/28/29/30", 0755, true));
}

static void making_directories(void **state)
{
        (void)state;
        each_allocation_fails(mkdirs_deep, 3);
}

static enum bdfs_status create_file(void)
{
        return flushed(do_create(&ROOT, "/new/f", (struct creation){0}));
}

static void creating_a_file(void **state)
{
        (void)state;
        each_allocation_fails(create_file, 3);
}

static enum bdfs_status delete_tree(void)
{
        return flushed(do_delete(&ALICE, "/home/tree", true));
}

static void deleting_a_tree(void **state)
{
        (void)state;
        OK(do_mkdirs(&ROOT, "/home", 0777, true));
        OK(do_mkdirs(&ALICE, "/home/tree/a/b/c", 0755, true));
        OK(do_create(&ALICE, "/home/tree/a/f", (struct creation){0}));
        each_allocation_fails(delete_tree, 3);
}

static enum bdfs_status delete_slice(void)
{
        return flushed(APPLY(NULL, DELETE_SLICE, delete_slice, DeleteSliceOp, DELETE_SLICE_OP,
                             op_.most = 3));
}

static void deleting_in_slices(void **state)
{
        deleting_a_tree(state);
        each_allocation_fails(delete_slice, 3);
}

/* A file of two blocks, the last one open; its inode. */
static uint64_t two_blocks(const char *path)
{
        uint64_t inode;

        OK(do_create(&ROOT, path, (struct creation){0}));
        inode = kit.result->inode;
        OK(do_add_block(&ROOT, path, inode, "h", (struct at_block){0}));
        OK(do_add_block(&ROOT, path, inode, "h", got(1024)));
        return inode;
}

static struct at_block last_block;
static uint64_t open_inode;

static enum bdfs_status add_block(void)
{
        return flushed(do_add_block(&ROOT, "/f", open_inode, "h", last_block));
}

static void adding_a_block(void **state)
{
        (void)state;
        open_inode = two_blocks("/f");
        last_block = got(1024);
        each_allocation_fails(add_block, 2);
}

static enum bdfs_status complete_file(void)
{
        return flushed(do_complete(&ROOT, "/f", open_inode, "h", last_block));
}

static void completing_a_file(void **state)
{
        (void)state;
        open_inode = two_blocks("/f");
        last_block = got(100);
        each_allocation_fails(complete_file, 2);
}

static enum bdfs_status overwrite_file(void)
{
        return flushed(do_create(&ROOT, "/f", (struct creation){.overwrite = true, .holder = "i"}));
}

static void creating_over_a_file(void **state)
{
        completing_a_file(state);
        each_allocation_fails(overwrite_file, 3);
}

static enum bdfs_status rename_tree(void)
{
        return flushed(do_rename(&ALICE, "/home/tree", "/home/moved", false, false));
}

static void renaming_a_tree(void **state)
{
        (void)state;
        OK(do_mkdirs(&ROOT, "/home", 0777, true));
        OK(do_mkdirs(&ALICE, "/home/tree/a/b/c", 0755, true));
        each_allocation_fails(rename_tree, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(making_directories),
                TEST(creating_a_file),
                TEST(deleting_a_tree),
                TEST(deleting_in_slices),
                TEST(renaming_a_tree),
                TEST(adding_a_block),
                TEST(completing_a_file),
                TEST(creating_over_a_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
