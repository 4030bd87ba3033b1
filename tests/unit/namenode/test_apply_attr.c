/* Owners, modes, times, policies; datanodes; records that make no sense. */
#include <inttypes.h>

#include "tests/unit/namenode/test_apply_files.h"

/* ---- attributes ----------------------------------------------------------------------------- */

static void owners_and_modes_are_changed_by_whom_hdfs_lets(void **state)
{
        struct ns_status s;

        (void)state;
        REFUSED(do_chmod(&ALICE, "/o/none", 0), NOT_FOUND, "Directory/File does not exist /o/none");
        REFUSED(do_chmod(&BOB, "/o/d", 0), NOT_OWNER,
                "Permission denied. user=bob is not the owner of inode=/o/d");
        REFUSED(do_chmod(&ALICE, "/", 0), NOT_OWNER,
                "Permission denied. user=alice is not the owner of inode=/");
        REFUSED(do_chmod(&ALICE, "/.reserved", 0), INVALID_PATH, "Invalid path name /.reserved");
        OK(do_chmod(&ALICE, "/o/d", 06777));
        assert_true(stat_of("/o/d", &s));
        assert_int_equal(s.mode, 0777);
        OK(do_chmod(&ALICE, "/o/d", 0777));
        assert_false(kit.changed);
        OK(do_chown(&ALICE, "/o/f", "", ""));
        assert_false(kit.changed);
        REFUSED(do_chown(&BOB, "/o/f", "", ""), NOT_OWNER,
                "Permission denied. user=bob is not the owner of inode=/o/f");
        REFUSED(do_chown(&ALICE, "/o/f", "bob", "daemon"), NOT_OWNER,
                "User alice is not a super user (non-super user cannot change owner).");
        REFUSED(do_chown(&ALICE, "/o/f", "alice", "daemon"), NOT_OWNER,
                "User alice does not belong to daemon");
        OK(do_chown(&ALICE, "/o/f", "alice", "staff"));
        OK(do_chown(&ROOT, "/o/d", "new_user", "new_group"));
        assert_true(stat_of("/o/d", &s));
        assert_string_equal(s.owner, "new_user");
        assert_string_equal(s.group, "new_group");
        kit_check();
}

static void times_are_set_as_hdfs_sets_them(void **state)
{
        struct ns_status s;

        (void)state;
        REFUSED(do_times(&ALICE, "/o/none", 1, 1), NOT_FOUND,
                "File/Directory /o/none does not exist.");
        REFUSED(do_times(&BOB, "/o/f", 1, 1), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/f\":alice:supergroup:-rw-r--r--");
        OK(do_times(&ALICE, "/o/f", 1000, 2000));
        OK(do_times(&ALICE, "/o/f", -1, -1));
        assert_false(kit.changed);
        OK(do_times(&ALICE, "/o/f", -2, 5));
        OK(do_times(&ALICE, "/o/f", 0, -2));
        assert_true(stat_of("/o/f", &s));
        assert_int_equal(s.mtime, 0);
        assert_int_equal(s.atime, 5);
        OK(do_times(&ALICE, "/o/d", 7, 8));
        assert_true(stat_of("/o/d", &s));
        assert_int_equal(s.atime, 8);
        OK(APPLY(NULL, TOUCH_ATIME, touch_atime, TouchAtimeOp, TOUCH_ATIME_OP,
                 op_.inode = inode_of("/o/f")));
        assert_true(stat_of("/o/f", &s));
        assert_int_equal(s.atime, kit.now);
}

static enum bdfs_status do_lchown(const struct as *who, const char *path, const char *owner,
                                  const char *group)
{
        return APPLY(who, SET_OWNER, set_owner, SetOwnerOp, SET_OWNER_OP,
                     op_.path = bytes_of(path); op_.owner = (char *)owner;
                     op_.group = (char *)group; op_.has_no_follow = op_.no_follow = true);
}

static enum bdfs_status do_ltimes(const struct as *who, const char *path, int64_t mtime,
                                  int64_t atime)
{
        return APPLY(who, SET_TIMES, set_times, SetTimesOp, SET_TIMES_OP,
                     op_.path = bytes_of(path); op_.mtime = mtime; op_.atime = atime;
                     op_.has_no_follow = op_.no_follow = true);
}

static void a_link_has_its_own_owner_and_times(void **state)
{
        char by_number[40];
        struct ns_status s;

        (void)state;
        OK(do_symlink(&ALICE, "/o/l", "d"));
        REFUSED(do_chown(&ROOT, "/o/l", "bob", ""), SYMLINK, "/o/d");
        REFUSED(do_times(&ALICE, "/o/l", 1, 1), SYMLINK, "/o/d");
        REFUSED(do_lchown(&BOB, "/o/l", "", "staff"), NOT_OWNER,
                "Permission denied. user=bob is not the owner of inode=/o/l");
        REFUSED(do_ltimes(&BOB, "/o/l", 1, 1), NOT_OWNER, /* its mode lets everybody write */
                "Permission denied. user=bob is not the owner of inode=/o/l");
        REFUSED(do_ltimes(&ALICE, "/o/none", 1, 1), NOT_FOUND,
                "File/Directory /o/none does not exist.");
        OK(do_ltimes(&ALICE, "/o/l", 1000, 2000));
        OK(do_lchown(&ALICE, "/o/l", "", "staff"));
        OK(do_lchown(&ROOT, "/o/l", "bob", ""));
        assert_true(stat_of("/o/l", &s));
        assert_int_equal(s.mtime, 1000);
        assert_int_equal(s.atime, 2000);
        assert_string_equal(s.owner, "bob");
        assert_string_equal(s.group, "staff");
        (void)snprintf(by_number, sizeof(by_number), "/.reserved/.inodes/%" PRIu64,
                       inode_of("/o/l"));
        OK(do_ltimes(&BOB, by_number, 3000, -1));
        assert_true(stat_of("/o/l", &s));
        assert_int_equal(s.mtime, 3000);
        assert_true(stat_of("/o/d", &s)); /* where it leads nothing happened */
        assert_string_equal(s.owner, "alice");
        assert_int_not_equal(s.mtime, 1000);

        /* anything else: as without */
        OK(do_lchown(&ALICE, "/o/f", "", "staff"));
        OK(do_ltimes(&ALICE, "/o/f", 4000, -1));
        REFUSED(do_ltimes(&BOB, "/o/f", 1, 1), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/f\":alice:staff:-rw-r--r--");
        OK(do_symlink(&ALICE, "/o/up", "."));
        REFUSED(do_lchown(&ALICE, "/o/up/f", "", "staff"), SYMLINK, "/o/f");
        kit_check();
}

static enum bdfs_status append_opened(const struct as *who, const char *path)
{
        return APPLY(who, APPEND, append, AppendOp, APPEND_OP, op_.path = bytes_of(path);
                     op_.holder = (char *)"h"; op_.has_opened = op_.opened = true);
}

static enum bdfs_status truncate_opened(const struct as *who, const char *path)
{
        return APPLY(who, TRUNCATE, truncate, TruncateOp, TRUNCATE_OP, op_.path = bytes_of(path);
                     op_.length = 0; op_.holder = (char *)"h"; op_.has_opened = op_.opened = true);
}

static void an_open_file_keeps_its_owners_rights(void **state)
{
        static const char denied[] = "Permission denied: user=bob, access=WRITE, "
                                     "inode=\"/o/f\":alice:supergroup:-r--r--r--";

        (void)state;
        OK(do_chmod(&ALICE, "/o/f", 0444));
        REFUSED(do_append(&ALICE, "/o/f", "h", false), PERMISSION,
                "Permission denied: user=alice, access=WRITE, "
                "inode=\"/o/f\":alice:supergroup:-r--r--r--");
        REFUSED(append_opened(&BOB, "/o/f"), PERMISSION, denied); /* anybody can say so */
        REFUSED(truncate_opened(&BOB, "/o/f"), PERMISSION, denied);
        OK(truncate_opened(&ALICE, "/o/f"));
        OK(append_opened(&ALICE, "/o/f"));
        REFUSED(append_opened(&ALICE, "/o/none"), NOT_FOUND,
                "Failed to append to non-existent file /o/none for client 127.0.0.1");
}

static enum bdfs_status do_posix_times(const struct as *who, const char *path, int64_t mtime,
                                       bool now)
{
        return APPLY(who, SET_TIMES, set_times, SetTimesOp, SET_TIMES_OP,
                     op_.path = bytes_of(path); op_.mtime = mtime; op_.atime = -1;
                     op_.has_posix = op_.posix = true; op_.has_mtime_now = op_.mtime_now = now;
                     op_.has_atime_now = op_.atime_now = now);
}

static void times_by_posix_are_the_owners(void **state)
{
        static const char not_his[] = "Permission denied. user=bob is not the owner of inode=/o/f";
        struct ns_status s;

        (void)state;
        OK(do_chmod(&ALICE, "/o/f", 0400));
        OK(do_posix_times(&ALICE, "/o/f", 5000, false)); /* whatever the mode */
        assert_true(stat_of("/o/f", &s));
        assert_int_equal(s.mtime, 5000);
        REFUSED(do_posix_times(&BOB, "/o/f", 1, false), NOT_OWNER, not_his);
        REFUSED(do_posix_times(&BOB, "/o/f", 1, true), PERMISSION,
                "Permission denied: user=bob, access=WRITE, "
                "inode=\"/o/f\":alice:supergroup:-r--------");
        OK(do_chmod(&ALICE, "/o/f", 0666));
        REFUSED(do_posix_times(&BOB, "/o/f", 1, false), NOT_OWNER, not_his);
        kit.now += 1000;
        OK(do_posix_times(&BOB, "/o/f", 1, true)); /* who may write may touch */
        assert_true(stat_of("/o/f", &s));
        assert_int_equal(s.mtime, kit.now);
        assert_int_equal(s.atime, kit.now);
        OK(do_posix_times(&ROOT, "/o/f", 7000, false));
        REFUSED(do_posix_times(&ALICE, "/o/none", 1, true), NOT_FOUND,
                "File/Directory /o/none does not exist.");
}

static void a_policy_is_the_directorys_unless_set(void **state)
{
        struct ns_status s;

        (void)state;
        make_file(&ALICE, "/o/d/x", 1, (struct creation){0});
        OK(APPLY(&ALICE, SET_POLICY, set_policy, SetPolicyOp, SET_POLICY_OP,
                 op_.path = bytes_of("/o/d"); op_.policy = 2));
        assert_true(stat_of("/o/d/x", &s));
        assert_int_equal(s.policy, 2);
        refused(APPLY(&ALICE, SET_POLICY, set_policy, SetPolicyOp, SET_POLICY_OP,
                      op_.path = bytes_of("/o/none"); op_.policy = 2),
                BDFS_NOT_FOUND, "File/Directory does not exist: /o/none");
        refused(APPLY(&BOB, SET_POLICY, set_policy, SetPolicyOp, SET_POLICY_OP,
                      op_.path = bytes_of("/o/f"); op_.policy = 2),
                BDFS_PERMISSION, "Permission denied: user=bob, access=WRITE, "
                                 "inode=\"/o/f\":alice:supergroup:-rw-r--r--");
}

/* ---- the rest ------------------------------------------------------------------------------- */

/* @key NULL: none, as a record without bytes unpacks. */
static enum bdfs_status do_register(const char *uuid, uint32_t number, const char *key)
{
        ProtobufCBinaryData none = {0};

        return APPLY(NULL, REGISTER_NODE, register_node, RegisterNodeOp, REGISTER_NODE_OP,
                     op_.uuid = (char *)uuid; op_.number = number;
                     op_.key = key == NULL ? none : bytes_of(key));
}

static void datanodes_keep_their_numbers(void **state)
{
        struct node_row row;
        struct counters counters;

        (void)state;
        OK(do_register("uuid-a", 1, "key1"));
        assert_int_equal(kit.result->count, 1);
        OK(do_register("uuid-b", 2, "key2"));
        OK(do_register("uuid-a", 3, "key1"));
        assert_int_equal(kit.result->count, 1);
        assert_false(kit.changed);
        OK(do_register("uuid-a", 3, "key9"));
        assert_int_equal(kit.result->count, 1);
        assert_int_equal(do_register("uuid-c", 2, "key"), BDFS_EXISTS);
        assert_int_equal(do_register("", 2, "key"), BDFS_INVALID);
        OK(table_next_node(kit.t, 0, &row, &kit.err));
        assert_string_equal(row.uuid, "uuid-a");
        assert_memory_equal(row.key, "key9", 4);
        OK(do_register("uuid-a", 3, NULL)); /* of before: a key that is no longer kept */
        assert_true(kit.changed);
        OK(do_register("uuid-a", 3, NULL));
        assert_false(kit.changed);
        OK(table_get_node(kit.t, 1, &row, &kit.err));
        assert_int_equal(row.key_n, 0);
        OK(table_next_node(kit.t, 1, &row, &kit.err));
        assert_string_equal(row.uuid, "uuid-b");
        assert_int_equal(table_next_node(kit.t, 2, &row, &kit.err), BDFS_NOT_FOUND);
        kit_commit();
        OK(table_get_counters(kit.t, &counters, &kit.err));
        assert_int_equal(counters.node, 3);
}

static void a_record_that_makes_no_sense_is_refused(void **state)
{
        Bdfs__JournalRecord none = BDFS__JOURNAL_RECORD__INIT;
        uint8_t cluster[16] = {0};
        char long_name[HOLDER_BYTES_MAX + 2];

        (void)state;
        assert_int_equal(kit_apply(&ROOT, &none), BDFS_INVALID);
        assert_int_equal(APPLY(NULL, FORMAT, format, FormatOp, FORMAT_OP,
                               op_.cluster = (ProtobufCBinaryData){.len = 16, .data = cluster};
                               op_.owner = (char *)"a"; op_.group = (char *)"b"),
                         BDFS_EXISTS);
        memset(long_name, 'h', sizeof(long_name));
        long_name[sizeof(long_name) - 1] = '\0';
        assert_int_equal(do_create(&ROOT, "/o/n", (struct creation){.holder = long_name}),
                         BDFS_INVALID);
        assert_int_equal(do_append(&ROOT, "/o/f", long_name, false), BDFS_INVALID);
        assert_int_equal(do_fsync(&ROOT, "/o/f", long_name, 1), BDFS_LEASE_EXPIRED);
}

/* Rows that contradict each other end the transaction; no client is told that its path is bad. */
static void damage_found_half_way_is_not_a_refusal(void **state)
{
        struct holder h;

        (void)state;
        OK(do_create(&ALICE, "/o/w", (struct creation){.holder = "h"}));
        OK(do_add_block(&ALICE, "/o/w", 0, "h", (struct at_block){0}));
        OK(table_get_holder(kit.t, "h", 1, &h, &kit.err));
        OK(table_del_lease(kit.t, h.id, inode_of("/o/w"), &kit.err));
        assert_int_equal(do_delete(&ALICE, "/o/w", false), BDFS_CORRUPT);
        store_abort(kit.t);
        apply_batch_reset(kit.batch);
        OK(store_begin_write(kit.store, &kit.t, &kit.err));
        assert_false(exists("/o/w"));
        make_file(&ALICE, "/o/w", 10, (struct creation){0}); /* a new try on what was committed */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_o, teardown)
        const struct CMUnitTest tests[] = {
                TEST(owners_and_modes_are_changed_by_whom_hdfs_lets),
                TEST(times_are_set_as_hdfs_sets_them),
                TEST(a_link_has_its_own_owner_and_times),
                TEST(times_by_posix_are_the_owners),
                TEST(an_open_file_keeps_its_owners_rights),
                TEST(a_policy_is_the_directorys_unless_set),
                TEST(datanodes_keep_their_numbers),
                TEST(a_record_that_makes_no_sense_is_refused),
                TEST(damage_found_half_way_is_not_a_refusal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
