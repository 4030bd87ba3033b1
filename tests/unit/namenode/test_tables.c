/* Rows of the tables: what is written is read again, and bad bytes are CORRUPT. */
#include "tests/unit/namenode/test_apply_kit.h"

static struct inode full_inode(void)
{
        struct inode row = {.id = 77, .parent = 66, .type = INODE_FILE, .owner = 5, .group = 6,
                            .mode = 01755, .nlink = 1, .mtime = -1, .atime = INT64_MAX,
                            .length = FILE_BYTES_MAX, .block_size = 1 << 20,
                            .replication = REPLICATION_MAX, .flags = INODE_OPEN | INODE_RECOVERING,
                            .extents = FILE_EXTENTS_MAX, .tail = 123, .map_version = 9,
                            .holder = 4, .policy = 7, .machine_n = MACHINE_BYTES_MAX,
                            .name_n = NAME_BYTES_MAX};

        memset(row.machine, 'm', MACHINE_BYTES_MAX);
        memset(row.name, 0xff, NAME_BYTES_MAX);
        return row;
}

static void an_inode_is_read_as_it_was_written(void **state)
{
        struct inode row = full_inode(), got;

        (void)state;
        memset(&got, 0xee, sizeof(got));
        OK(table_put_inode(kit.t, &row, &kit.err));
        OK(table_get_inode(kit.t, 77, &got, &kit.err));
        assert_int_equal(got.id, 77);
        assert_int_equal(got.mtime, -1);
        assert_int_equal(got.length, row.length);
        assert_int_equal(got.replication, row.replication);
        assert_int_equal(got.holder, 4);
        assert_int_equal(got.children, 0);
        assert_memory_equal(got.machine, row.machine, sizeof(row.machine));
        assert_memory_equal(got.name, row.name, sizeof(row.name));
        row.type = INODE_DIRECTORY;
        row.flags = 0;
        row.children = 12;
        OK(table_put_inode(kit.t, &row, &kit.err));
        OK(table_get_inode(kit.t, 77, &got, &kit.err));
        assert_int_equal(got.children, 12);
        assert_int_equal(got.length, 0);
        OK(table_del_inode(kit.t, 77, &kit.err));
        assert_int_equal(table_get_inode(kit.t, 77, &got, NULL), BDFS_NOT_FOUND);
}

static void no_cut_or_longer_inode_is_read(void **state)
{
        uint8_t bytes[INODE_ROW_BYTES_MAX + 1] = {0};
        struct inode row = full_inode(), got;
        size_t n = inode_encode(&row, bytes);

        (void)state;
        assert_true(inode_decode(bytes, n, &got));
        for (size_t i = 0; i < n; i++)
                assert_false(inode_decode(bytes, i, &got));
        assert_false(inode_decode(bytes, n + 1, &got));
}

static bool inode_reads_with(size_t at, uint8_t value)
{
        uint8_t bytes[INODE_ROW_BYTES_MAX];
        struct inode row = full_inode(), got;
        size_t n = inode_encode(&row, bytes);

        bytes[at] = value;
        return inode_decode(bytes, n, &got);
}

static void an_inode_that_cannot_be_is_not_read(void **state)
{
        (void)state;
        assert_false(inode_reads_with(0, 2));    /* version */
        assert_false(inode_reads_with(1, 0));    /* type */
        assert_false(inode_reads_with(1, 4));
        assert_false(inode_reads_with(1, INODE_SYMLINK)); /* open */
        assert_false(inode_reads_with(2, 0x80)); /* unknown flag */
        assert_false(inode_reads_with(5, INODE_RECOVERING)); /* but not open */
        assert_false(inode_reads_with(14, 0x80)); /* mode */
        assert_false(inode_reads_with(60, 0));   /* NUL in the name */
}

static void a_damaged_row_is_corrupt(void **state)
{
        uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 9};
        struct inode inode;
        struct block block;
        const char *name;

        (void)state;
        OK(store_put(kit.t, TABLE_INODE, key, 8, "\1\2\3", 3, &kit.err));
        assert_int_equal(table_get_inode(kit.t, 9, &inode, &kit.err), BDFS_CORRUPT);
        OK(table_del_inode(kit.t, 9, &kit.err));
        OK(store_put(kit.t, TABLE_BLOCK, key, 8, "\1\2\3", 3, &kit.err));
        assert_int_equal(table_get_block(kit.t, 9, &block, &kit.err), BDFS_CORRUPT);
        OK(table_del_block(kit.t, 9, &kit.err));
        OK(store_put(kit.t, TABLE_NAME, "i\0\0\0\x63", 5, "\1abc", 4, &kit.err));
        assert_int_equal(table_name(kit.t, 99, &name, &kit.err), BDFS_CORRUPT);
        OK(store_del(kit.t, TABLE_NAME, "i\0\0\0\x63", 5, &kit.err));
}

/* Rows of blocks as they were first written, and as they are with more in them. */
static void rows_of_blocks_of_both_versions_are_read(void **state)
{
        /* version 1: stamp 1007, length 300, complete, 3 copies, 2 references, no nodes */
        static const uint8_t old[] = {1, 0, 0, 0, 0, 0, 0, 3, 0xef, 0, 0, 0, 0, 0, 0, 1, 44,
                                      3, 0, 3, 0, 0, 0, 2, 0, 0};
        uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 9}, strange[sizeof(old)];
        struct block b, retired = {.id = 10, .stamp = 5, .length = 7, .state = BLOCK_RETIRED,
                                   .replication = 2, .retired_ms = 123456789012};
        const uint8_t *value;
        size_t n;

        (void)state;
        OK(store_put(kit.t, TABLE_BLOCK, key, 8, old, sizeof(old), &kit.err));
        OK(table_get_block(kit.t, 9, &b, &kit.err));
        assert_int_equal(b.stamp, 1007);
        assert_int_equal(b.length, 300);
        assert_int_equal(b.state, BLOCK_COMPLETE);
        assert_int_equal(b.replication, 3);
        assert_int_equal(b.refs, 2);
        assert_false(b.decided);
        OK(table_put_block(kit.t, &b, &kit.err)); /* the usual row stays as short as it was */
        OK(store_get(kit.t, TABLE_BLOCK, key, 8, &value, &n, &kit.err));
        assert_int_equal(n, sizeof(old));
        assert_memory_equal(value, old, n);
        memcpy(strange, old, sizeof(old));
        strange[23] = 0; /* without a reference, and not retired */
        OK(store_put(kit.t, TABLE_BLOCK, key, 8, strange, sizeof(strange), &kit.err));
        assert_int_equal(table_get_block(kit.t, 9, &b, &kit.err), BDFS_CORRUPT);
        OK(table_del_block(kit.t, 9, &kit.err));
        OK(table_put_block(kit.t, &retired, &kit.err));
        OK(table_get_block(kit.t, 10, &b, &kit.err));
        assert_int_equal(b.state, BLOCK_RETIRED);
        assert_int_equal(b.retired_ms, 123456789012);
        OK(table_del_block(kit.t, 10, &kit.err));
}

/* As HDFS orders them: by signed bytes. */
static void entries_are_ordered_by_name(void **state)
{
        const char *const names[] = {"", "\x80", "\xff", "\x01", "a", "a\xff", "a\x01", "aa", "b"};
        uint8_t before[8 + NAME_BYTES_MAX], after[8 + NAME_BYTES_MAX];
        struct entry e = {.inode = 5, .type = INODE_FILE}, got;
        char name[NAME_BYTES_MAX];

        (void)state;
        for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++) {
                size_t n = entry_key(before, 7, names[i - 1], strlen(names[i - 1]));
                size_t m = entry_key(after, 7, names[i], strlen(names[i]));

                assert_true(memcmp(before, after, n < m ? n : m) < 0 ||
                            (n < m && memcmp(before, after, n) == 0));
                assert_int_equal(entry_key_name(after, m, name), strlen(names[i]));
                assert_memory_equal(name, names[i], strlen(names[i]));
        }
        OK(table_put_entry(kit.t, 7, "x", 1, &e, &kit.err));
        OK(table_get_entry(kit.t, 7, "x", 1, &got, &kit.err));
        assert_int_equal(got.inode, 5);
        assert_int_equal(table_get_entry(kit.t, 7, "xy", 2, &got, NULL), BDFS_NOT_FOUND);
        assert_int_equal(table_get_entry(kit.t, 8, "x", 1, &got, NULL), BDFS_NOT_FOUND);
        assert_int_equal(table_get_entry(kit.t, 7, kit.dir, 300, &got, NULL), BDFS_NOT_FOUND);
        OK(table_del_entry(kit.t, 7, "x", 1, &kit.err));
}

static void a_block_keeps_every_node(void **state)
{
        struct block b = {.id = 5, .stamp = 6, .length = 7, .state = BLOCK_COMMITTED,
                          .replication = REPLICATION_MAX, .refs = UINT32_MAX,
                          .nodes_n = BLOCK_NODES_MAX, .pipeline_n = PIPELINE_NODES_MAX}, got;

        (void)state;
        for (uint32_t i = 0; i < BLOCK_NODES_MAX; i++)
                b.nodes[i] = UINT32_MAX - i;
        OK(table_put_block(kit.t, &b, &kit.err));
        OK(table_get_block(kit.t, 5, &got, &kit.err));
        assert_int_equal(got.refs, b.refs);
        assert_int_equal(got.replication, b.replication);
        assert_int_equal(got.pipeline_n, b.pipeline_n);
        assert_memory_equal(got.nodes, b.nodes, sizeof(b.nodes));
        OK(table_del_block(kit.t, 5, &kit.err));
}

static void holders_go_with_their_last_file(void **state)
{
        struct holder h = {.id = 3, .files = 2, .hadoop = true}, got;
        char name[HOLDER_BYTES_MAX + 1];

        (void)state;
        OK(table_put_holder_name(kit.t, 3, "writer", 6, &kit.err));
        OK(table_put_holder(kit.t, "writer", 6, &h, &kit.err));
        OK(table_get_holder(kit.t, "writer", 6, &got, &kit.err));
        assert_true(got.hadoop);
        assert_int_equal(got.files, 2);
        OK(table_holder_name(kit.t, 3, name, &kit.err));
        assert_string_equal(name, "writer");
        h.files = 0;
        OK(table_put_holder(kit.t, "writer", 6, &h, &kit.err));
        assert_int_equal(table_get_holder(kit.t, "writer", 6, &got, NULL), BDFS_NOT_FOUND);
        assert_int_equal(table_holder_name(kit.t, 3, name, NULL), BDFS_NOT_FOUND);
        assert_int_equal(store_count(kit.t, TABLE_HOLDER), 0);
}

static void totals_of_nothing_have_no_row(void **state)
{
        struct total t = {.files = 1}, got;
        struct class c = {.owner = 1, .group = 2, .mode = 01777, .empty = true};
        uint64_t count;

        (void)state;
        OK(table_get_total(kit.t, 5, &got, &kit.err));
        assert_int_equal(got.files, 0);
        OK(table_put_total(kit.t, 5, &t, &kit.err));
        assert_int_equal(store_count(kit.t, TABLE_TOTAL), 1);
        t.files = 0;
        OK(table_put_total(kit.t, 5, &t, &kit.err));
        OK(table_put_total(kit.t, 5, &t, &kit.err));
        assert_int_equal(store_count(kit.t, TABLE_TOTAL), 0);
        OK(table_put_class(kit.t, 5, &c, 4, &kit.err));
        OK(table_get_class(kit.t, 5, &c, &count, &kit.err));
        assert_int_equal(count, 4);
        OK(table_put_class(kit.t, 5, &c, 0, &kit.err));
        assert_int_equal(store_count(kit.t, TABLE_CLASS), 0);
}

static void a_row_that_could_not_be_written_again_is_corrupt(void **state)
{
        uint8_t format[1 + 16 + 8 + 8 + 1 + 5] = {TABLE_ROW_VERSION};
        uint8_t name[1 + USER_NAME_BYTES_MAX + 2] = {TABLE_ROW_VERSION};
        const char *got;
        struct format f;

        (void)state;
        format[33] = 5;
        memcpy(format + 34, "BP\0-1", 5); /* a pool's name ends at a NUL */
        OK(store_put(kit.t, TABLE_META, "format", 6, format, sizeof(format), &kit.err));
        assert_int_equal(table_get_format(kit.t, &f, NULL), BDFS_CORRUPT);
        memset(name + 1, 'n', USER_NAME_BYTES_MAX + 1); /* longer than any user's name */
        OK(store_put(kit.t, TABLE_NAME, "i\0\0\0\x63", 5, name, sizeof(name), &kit.err));
        assert_int_equal(table_name(kit.t, 0x63, &got, NULL), BDFS_CORRUPT);
        OK(store_del(kit.t, TABLE_META, "format", 6, &kit.err));
        OK(store_del(kit.t, TABLE_NAME, "i\0\0\0\x63", 5, &kit.err));
}

static void what_formatting_wrote_stays(void **state)
{
        struct format f;
        struct counters c;

        (void)state;
        kit_commit();
        OK(table_get_format(kit.t, &f, &kit.err));
        assert_int_equal(f.block_bytes_min, 1024);
        assert_int_equal(f.time_ms, kit.now);
        assert_string_equal(f.pool, "BP-1");
        assert_int_equal(f.cluster[2], 3);
        OK(table_get_counters(kit.t, &c, &kit.err));
        assert_int_equal(c.inode, INODE_ROOT + 1);
        assert_int_equal(c.block, BLOCK_FIRST);
        assert_int_equal(c.stamp, STAMP_FIRST);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(an_inode_is_read_as_it_was_written),
                cmocka_unit_test(no_cut_or_longer_inode_is_read),
                cmocka_unit_test(an_inode_that_cannot_be_is_not_read),
                TEST(a_damaged_row_is_corrupt),
                TEST(rows_of_blocks_of_both_versions_are_read),
                TEST(entries_are_ordered_by_name),
                TEST(a_block_keeps_every_node),
                TEST(holders_go_with_their_last_file),
                TEST(totals_of_nothing_have_no_row),
                TEST(a_row_that_could_not_be_written_again_is_corrupt),
                TEST(what_formatting_wrote_stays),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
