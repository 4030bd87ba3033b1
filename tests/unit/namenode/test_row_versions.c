/* Rows of versions that this program does not write: newer ones are refused by name. */
#include "namenode/apply/apply_internal.h"
#include "tests/unit/namenode/test_apply_kit.h"

static void put_row(enum table table, const void *key, size_t key_n, uint8_t version)
{
        uint8_t value[64] = {version};

        kit_versions[table] = UINT8_MAX; /* as if the program that knows it wrote it */
        OK(store_put(kit.t, table, key, key_n, value, sizeof(value), &kit.err));
        kit_versions[table] = table_versions[table];
}

static void drop_row(enum table table, const void *key, size_t key_n)
{
        OK(store_del(kit.t, table, key, key_n, &kit.err));
}

static void says(const char *text)
{
        if (strstr(kit.err.text, text) == NULL)
                fail_msg("\"%s\" does not say \"%s\"", kit.err.text, text);
}

static const uint8_t eight[8] = {0, 0, 0, 0, 0, 0, 0, 9};

/* One reader of each table that has rows. */
static enum bdfs_status read_row(enum table table)
{
        struct inode inode;
        struct entry entry;
        struct block block;
        struct total total;
        struct class class = {.owner = 0};
        struct holder holder;
        struct node_row node;
        struct counters counters;
        char name[HOLDER_BYTES_MAX + 1];
        const char *text;
        uint64_t n;
        size_t text_n;

        switch (table) {
        case TABLE_INODE: return table_get_inode(kit.t, 9, &inode, &kit.err);
        case TABLE_ENTRY: return table_get_entry(kit.t, 9, "x", 1, &entry, &kit.err);
        case TABLE_BLOCK: return table_get_block(kit.t, 9, &block, &kit.err);
        case TABLE_TOTAL: return table_get_total(kit.t, 9, &total, &kit.err);
        case TABLE_CLASS: return table_get_class(kit.t, 9, &class, &n, &kit.err);
        case TABLE_HOLDER:
                if (table_holder_name(kit.t, 9, name, NULL) == BDFS_OK)
                        return BDFS_OK;
                return table_get_holder(kit.t, "h", 1, &holder, &kit.err);
        case TABLE_NAME: return table_name(kit.t, 9, &text, &kit.err);
        case TABLE_DOOMED: return table_first_doomed(kit.t, &n, &kit.err);
        case TABLE_NODE: return table_get_node(kit.t, 9, &node, &kit.err);
        case TABLE_TARGET: return table_get_target(kit.t, 9, &text, &text_n, &kit.err);
        case TABLE_META: return table_get_counters(kit.t, &counters, &kit.err);
        default: return BDFS_OK;
        }
}

static size_t key_of(enum table table, uint8_t to[8 + NAME_BYTES_MAX])
{
        struct class class = {.owner = 0};

        switch (table) {
        case TABLE_ENTRY: return entry_key(to, 9, "x", 1);
        case TABLE_CLASS: class_key(to, 9, &class); return CLASS_KEY_BYTES;
        case TABLE_HOLDER: memcpy(to, "nh", 2); return 2;
        case TABLE_NAME:
        case TABLE_NODE: memcpy(to, "i\0\0\0\x09", 5); return 5;
        case TABLE_META: memcpy(to, "counters", 8); return 8;
        default: memcpy(to, eight, 8); return 8;
        }
}

static void a_newer_row_is_named_and_not_called_corrupt(void **state)
{
        static const enum table readable[] = {
                TABLE_INODE, TABLE_ENTRY, TABLE_BLOCK, TABLE_TOTAL, TABLE_CLASS, TABLE_HOLDER,
                TABLE_NAME, TABLE_DOOMED, TABLE_NODE, TABLE_TARGET, TABLE_META,
        };

        (void)state;
        for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++) {
                enum table table = readable[i];
                uint8_t version = (uint8_t)(table_versions[table] + 1);
                uint8_t key[8 + NAME_BYTES_MAX];
                size_t n = key_of(table, key);
                char text[160];

                put_row(table, key, n, version);
                assert_int_equal(read_row(table), BDFS_NEWER);
                (void)snprintf(text, sizeof(text),
                               "table %s has a row of version %u; this program knows up to %u: "
                               "use a newer bdfs-namenode", table_names[table], version,
                               table_versions[table]);
                if (table != TABLE_TOTAL && table != TABLE_CLASS)
                        says(text);
                if (table != TABLE_META)
                        drop_row(table, key, n);
        }
}

/* Rows that are only a key have a version, too: each is met by a cursor. */
static void a_newer_row_is_met_by_a_cursor(void **state)
{
        static const enum table marks[] = {TABLE_BLOCK_REF, TABLE_LEASE, TABLE_EXTENT,
                                           TABLE_RETRY_ORDER};
        struct store_cursor *c;

        (void)state;
        for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
                put_row(marks[i], eight, 8, (uint8_t)(table_versions[marks[i]] + 1));
                OK(store_cursor_open(kit.t, marks[i], &c, &kit.err));
                assert_int_equal(store_cursor_seek(c, NULL, 0, &kit.err), BDFS_NEWER);
                says("use a newer bdfs-namenode");
                store_cursor_close(c);
                drop_row(marks[i], eight, 8);
        }
}

static void a_record_that_meets_a_newer_row_is_no_damage(void **state)
{
        uint8_t key[8];

        (void)state;
        kit_commit();
        put_u64be(key, INODE_ROOT);
        put_row(TABLE_INODE, key, 8, (uint8_t)(table_versions[TABLE_INODE] + 1));
        assert_int_equal(APPLY(&ROOT, MKDIRS, mkdirs, MkdirsOp, MKDIRS_OP,
                               op_.path = bytes_of("/x"); op_.mode = 0755),
                         BDFS_NEWER);
        says("use a newer bdfs-namenode");
        assert_int_equal(apply_fatal(BDFS_NEWER, "test", &kit.err), BDFS_NEWER);
        store_abort(kit.t); /* as the committer does */
        apply_batch_reset(kit.batch);
        OK(store_begin_write(kit.store, &kit.t, &kit.err));
}

static void every_table_has_a_version(void **state)
{
        (void)state;
        for (unsigned i = 0; i < TABLE_COUNT; i++)
                assert_true(table_versions[i] > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_table_has_a_version),
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
                TEST(a_newer_row_is_named_and_not_called_corrupt),
                TEST(a_newer_row_is_met_by_a_cursor),
                TEST(a_record_that_meets_a_newer_row_is_no_damage),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
