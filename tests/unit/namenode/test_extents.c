/* A file's map and the references of blocks. */
#include "tests/unit/namenode/test_apply_kit.h"

static struct inode file, other;
static struct freed list;

static struct inode make(uint64_t id, uint32_t replication)
{
        struct inode row = {.id = id, .parent = INODE_ROOT, .type = INODE_FILE, .nlink = 1,
                            .replication = replication, .block_size = 1024};

        OK(table_put_inode(kit.t, &row, &kit.err));
        return row;
}

static int setup_files(void **state)
{
        (void)setup(state);
        file = make(50, 2);
        other = make(51, 3);
        list = (struct freed){.now_ms = 77};
        return 0;
}

static int teardown_files(void **state)
{
        (void)state;
        freed_fini(&list);
        kit_close();
        return 0;
}

static void add(struct inode *to, uint64_t offset, uint64_t length, uint64_t block, uint64_t base)
{
        const struct extent e = {.inode = to->id, .offset = offset, .length = length,
                                 .block = block, .base = base};
        struct block b;

        if (table_get_block(kit.t, block, &b, NULL) != BDFS_OK)
                b = (struct block){.id = block, .stamp = 1, .length = 1024,
                                   .state = BLOCK_COMPLETE};
        OK(extents_add(kit.t, to, &e, &b, &kit.err));
        OK(table_put_inode(kit.t, to, &kit.err));
}

struct seen {
        struct extent list[16];
        size_t n, most;
};

static bool see(void *arg, const struct extent *e)
{
        struct seen *s = arg;

        s->list[s->n++] = *e;
        return s->n < s->most;
}

static struct seen see_from(uint64_t offset, size_t most)
{
        struct seen s = {.most = most};

        OK(extents_each(kit.t, file.id, offset, see, &s, &kit.err));
        return s;
}

static void the_map_is_walked_from_any_offset(void **state)
{
        struct seen s;
        struct extent e;

        (void)state;
        assert_int_equal(extents_last(kit.t, file.id, &e, NULL), BDFS_NOT_FOUND);
        assert_int_equal(see_from(0, 9).n, 0);
        add(&file, 0, 100, 1, 0);
        add(&file, 100, 50, 2, 7);
        add(&file, 200, 10, 1, 500); /* behind a hole */
        add(&other, 0, 10, 9, 0);
        assert_int_equal(file.extents, 3);
        assert_int_equal(file.length, 210);
        assert_int_equal(see_from(0, 9).n, 3);
        assert_int_equal(see_from(99, 9).n, 3);
        s = see_from(100, 9);
        assert_int_equal(s.n, 2);
        assert_int_equal(s.list[0].base, 7);
        assert_int_equal(see_from(149, 9).n, 2);
        assert_int_equal(see_from(150, 9).n, 1);
        assert_int_equal(see_from(209, 9).n, 1);
        assert_int_equal(see_from(210, 9).n, 0);
        assert_int_equal(see_from(0, 2).n, 2);
        OK(extents_last(kit.t, file.id, &e, &kit.err));
        assert_int_equal(e.offset, 200);
        OK(extents_before(kit.t, file.id, 200, &e, &kit.err));
        assert_int_equal(e.offset, 100);
        assert_int_equal(extents_before(kit.t, file.id, 0, &e, NULL), BDFS_NOT_FOUND);
        assert_int_equal(extents_before(kit.t, other.id, 0, &e, NULL), BDFS_NOT_FOUND);
}

static void a_block_goes_with_its_last_reference(void **state)
{
        struct block b;

        (void)state;
        add(&file, 0, 100, 1, 0);
        add(&file, 100, 100, 1, 100);
        add(&other, 0, 100, 1, 200);
        OK(table_get_block(kit.t, 1, &b, &kit.err));
        assert_int_equal(b.refs, 3);
        assert_int_equal(b.replication, 3);
        OK(extents_cut(kit.t, &other, 0, &list, &kit.err));
        OK(table_get_block(kit.t, 1, &b, &kit.err));
        assert_int_equal(b.refs, 2);
        assert_int_equal(b.replication, 2);
        OK(extents_cut(kit.t, &file, 150, &list, &kit.err));
        assert_int_equal(file.extents, 2);
        assert_int_equal(file.length, 150);
        assert_int_equal(list.n, 0);
        OK(extents_cut(kit.t, &file, 0, &list, &kit.err));
        assert_int_equal(list.n, 0);
        assert_int_equal(list.retired_bytes, 2 * 1024);
        OK(table_get_block(kit.t, 1, &b, &kit.err));
        assert_int_equal(b.state, BLOCK_RETIRED);
        assert_int_equal(b.retired_ms, 77);
        OK(grace_free(kit.t, &list, &b, &kit.err));
        assert_int_equal(list.n, 1);
        assert_int_equal(list.blocks[0], 1);
        assert_int_equal(list.retired_bytes, 0);
        assert_int_equal(table_get_block(kit.t, 1, &b, NULL), BDFS_NOT_FOUND);
        assert_int_equal(store_count(kit.t, TABLE_RETIRED), 0);
        assert_int_equal(store_count(kit.t, TABLE_BLOCK_REF), 0);
        assert_int_equal(store_count(kit.t, TABLE_EXTENT), 0);
}

static void a_cut_in_a_hole_leaves_the_extent_before_it(void **state)
{
        struct extent e;

        (void)state;
        add(&file, 0, 100, 1, 0);
        add(&file, 500, 100, 2, 0);
        OK(extents_cut(kit.t, &file, 300, &list, &kit.err));
        assert_int_equal(file.length, 300);
        assert_int_equal(file.extents, 1);
        OK(extents_last(kit.t, file.id, &e, &kit.err));
        assert_int_equal(e.length, 100);
        assert_int_equal(store_count(kit.t, TABLE_RETIRED), 1);
}

static void shedding_stops_at_its_bound(void **state)
{
        uint64_t most = 2;

        (void)state;
        for (uint64_t i = 0; i < 5; i++)
                add(&file, i * 10, 10, 100 + i, 0);
        OK(extents_shed(kit.t, &file, &most, &list, &kit.err));
        assert_int_equal(most, 0);
        assert_int_equal(file.extents, 3);
        most = 10;
        OK(extents_shed(kit.t, &file, &most, &list, &kit.err));
        assert_int_equal(most, 7);
        assert_int_equal(store_count(kit.t, TABLE_RETIRED), 5);
}

static void joining_moves_every_extent(void **state)
{
        struct block_ref owner;
        struct block b;

        (void)state;
        add(&file, 0, 10, 1, 0);
        for (uint64_t i = 0; i < 700; i++) /* more than are moved at once */
                add(&other, i * 10, 10, 100 + i, 0);
        OK(extents_join(kit.t, &file, &other, &kit.err));
        assert_int_equal(file.extents, 701);
        assert_int_equal(file.length, 7010);
        assert_int_equal(other.extents, 0);
        OK(extents_owner(kit.t, 799, &owner, &kit.err));
        assert_int_equal(owner.inode, file.id);
        assert_int_equal(owner.offset, 7000);
        OK(table_get_block(kit.t, 799, &b, &kit.err));
        assert_int_equal(b.replication, 2);
        file.replication = 5;
        OK(table_put_inode(kit.t, &file, &kit.err));
        OK(extents_replication(kit.t, &file, &kit.err));
        OK(table_get_block(kit.t, 799, &b, &kit.err));
        assert_int_equal(b.replication, 5);
        OK(table_get_block(kit.t, 1, &b, &kit.err));
        assert_int_equal(b.replication, 5);
        assert_int_equal(extents_owner(kit.t, 5, &owner, NULL), BDFS_NOT_FOUND);
}

static void a_reference_that_is_missing_is_corrupt(void **state)
{
        const struct block_ref ref = {.block = 1, .inode = 50, .offset = 0};

        (void)state;
        add(&file, 0, 10, 1, 0);
        OK(table_del_block_ref(kit.t, &ref, &kit.err));
        assert_int_equal(extents_cut(kit.t, &file, 0, &list, &kit.err), BDFS_CORRUPT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_files, teardown_files)
        const struct CMUnitTest tests[] = {
                TEST(the_map_is_walked_from_any_offset),
                TEST(a_block_goes_with_its_last_reference),
                TEST(a_cut_in_a_hole_leaves_the_extent_before_it),
                TEST(shedding_stops_at_its_bound),
                TEST(joining_moves_every_extent),
                TEST(a_reference_that_is_missing_is_corrupt),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
