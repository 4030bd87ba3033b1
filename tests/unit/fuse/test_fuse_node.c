/*
 * Inodes that are open through the mount, above a libbdfs made of pretence: one file, its length at
 * the namenode and in an open pipeline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/bdfs.h"
#include "common/err.h"

#define bdfs_append_again pretend_append
#define bdfs_written pretend_written
#define bdfs_write pretend_write
#define bdfs_hsync pretend_hsync
#define bdfs_hflush pretend_hflush
#define bdfs_close pretend_close
#define bdfs_close_as pretend_close_as
#define bdfs_is_hadoop pretend_is_hadoop
#define bdfs_file_stat pretend_file_stat
#define bdfs_file_by_superuser pretend_file_by_superuser
#define bdfs_chmod pretend_chmod
#define bdfs_lchown pretend_lchown
#define bdfs_posix_times pretend_posix_times
#define bdfs_abandon pretend_abandon
#define bdfs_lstat pretend_lstat
#define bdfs_stat_fini pretend_stat_fini
#define bdfs_truncate pretend_truncate
#define bdfs_truncate_again pretend_truncate
#define bdfs_is_closed pretend_is_closed
#define bdfs_recover_lease pretend_recover_lease

struct bdfs_file {
        uint64_t length;
};

static struct {
        struct bdfs_file file;
        uint64_t length;            /* at the namenode */
        bool open;
        unsigned appends, closes, hsyncs, hflushes, recoveries, busy, writing;
        enum bdfs_status fail_write, fail_sync, fail_close, fail_append;
        int refs;
        bool hadoop, superuser;
        unsigned asked;             /* calls that change attributes */
        uint32_t mode;              /* of the file that was made */
        struct bdfs_attributes with; /* of the last close; its names below */
        char owner[64], group[64];
} world;

static enum bdfs_status fails_with(enum bdfs_status status, struct bdfs_err *err)
{
        return status == BDFS_OK ? BDFS_OK : bdfs_fail(err, status, "pretended");
}

static enum bdfs_status pretend_append(struct bdfs *fs, const char *path, struct bdfs_file **ret,
                                       struct bdfs_err *err)
{
        (void)fs;
        assert_string_equal(path, "/.reserved/.inodes/20000");
        assert_false(world.open);
        if (world.busy > 0) {
                world.busy--;
                return bdfs_fail(err, BDFS_RECOVERY, "pretended");
        }
        if (world.writing > 0) {
                world.writing--;
                return bdfs_fail(err, BDFS_BEING_CREATED, "pretended");
        }
        if (world.fail_append != BDFS_OK)
                return fails_with(world.fail_append, err);
        world.appends++;
        world.open = true;
        world.file.length = world.length;
        *ret = &world.file;
        return BDFS_OK;
}

static uint64_t pretend_written(const struct bdfs_file *f)
{
        return f->length;
}

static enum bdfs_status pretend_write(struct bdfs_file *f, const void *from, size_t n,
                                      struct bdfs_err *err)
{
        (void)from;
        f->length += n;
        return fails_with(world.fail_write, err);
}

static enum bdfs_status pretend_hsync(struct bdfs_file *f, struct bdfs_err *err)
{
        world.hsyncs++;
        world.length = f->length;
        return fails_with(world.fail_sync, err);
}

static enum bdfs_status pretend_hflush(struct bdfs_file *f, struct bdfs_err *err)
{
        world.hflushes++;
        world.length = f->length;
        return fails_with(world.fail_sync, err);
}

static enum bdfs_status pretend_close(struct bdfs_file *f, struct bdfs_err *err)
{
        assert_true(world.open);
        world.open = false;
        world.closes++;
        if (world.fail_close == BDFS_OK)
                world.length = f->length;
        return fails_with(world.fail_close, err);
}

static enum bdfs_status pretend_close_as(struct bdfs_file *f, const struct bdfs_attributes *with,
                                         struct bdfs_err *err)
{
        world.with = *with;
        (void)snprintf(world.owner, sizeof(world.owner), "%s", with->owner ? with->owner : "");
        (void)snprintf(world.group, sizeof(world.group), "%s", with->group ? with->group : "");
        return pretend_close(f, err);
}

static bool pretend_is_hadoop(const struct bdfs *fs)
{
        (void)fs;
        return world.hadoop;
}

static void pretend_file_stat(const struct bdfs_file *f, struct bdfs_stat *ret)
{
        (void)f;
        *ret = (struct bdfs_stat){.mode = world.mode, .owner = "alice", .group = "staff"};
}

static bool pretend_file_by_superuser(const struct bdfs_file *f)
{
        (void)f;
        return world.superuser;
}

static enum bdfs_status pretend_chmod(struct bdfs *fs, const char *path, uint32_t mode,
                                      struct bdfs_err *err)
{
        (void)fs, (void)path, (void)mode;
        world.asked++;
        return fails_with(world.fail_sync, err);
}

static enum bdfs_status pretend_lchown(struct bdfs *fs, const char *path, const char *owner,
                                       const char *group, struct bdfs_err *err)
{
        (void)fs, (void)path, (void)owner, (void)group;
        world.asked++;
        return fails_with(world.fail_sync, err);
}

static enum bdfs_status pretend_posix_times(struct bdfs *fs, const char *path,
                                            const struct bdfs_times *times, struct bdfs_err *err)
{
        (void)fs, (void)path, (void)times;
        world.asked++;
        return fails_with(world.fail_sync, err);
}

static void pretend_abandon(struct bdfs_file *f)
{
        if (f != NULL)
                world.open = false;
}

static enum bdfs_status pretend_lstat(struct bdfs *fs, const char *path, struct bdfs_stat *ret,
                                      struct bdfs_err *err)
{
        (void)fs, (void)path, (void)err;
        *ret = (struct bdfs_stat){.type = BDFS_TYPE_FILE, .length = world.length};
        return BDFS_OK;
}

static void pretend_stat_fini(struct bdfs_stat *st)
{
        (void)st;
}

static enum bdfs_status pretend_truncate(struct bdfs *fs, const char *path, uint64_t length,
                                         bool *ret_done, struct bdfs_err *err)
{
        (void)fs, (void)path, (void)err;
        assert_false(world.open);
        assert_true(length <= world.length);
        world.length = length;
        *ret_done = false;
        return BDFS_OK;
}

static enum bdfs_status pretend_is_closed(struct bdfs *fs, const char *path, bool *ret,
                                          struct bdfs_err *err)
{
        (void)fs, (void)path, (void)err;
        *ret = true;
        return BDFS_OK;
}

static enum bdfs_status pretend_recover_lease(struct bdfs *fs, const char *path, bool *ret_closed,
                                              struct bdfs_err *err)
{
        (void)fs, (void)path, (void)err;
        world.recoveries++;
        *ret_closed = true;
        return BDFS_OK;
}

#include "fuse/attrs.h"
#include "fuse/node.h"

struct conn *conns_ref(struct conns *c, struct conn *conn)
{
        (void)c;
        world.refs++;
        return conn;
}

void conns_put(struct conns *c, struct conn *conn)
{
        (void)c;
        world.refs -= conn != NULL;
}

#include "fuse/kept.c"
#include "fuse/node_write.c"
#include "fuse/node.c"

void attrs_path(uint64_t inode, const char *name, char ret[ATTRS_PATH_BYTES])
{
        assert_null(name);
        (void)snprintf(ret, ATTRS_PATH_BYTES, "/.reserved/.inodes/%llu", (unsigned long long)inode);
}

#define INODE 20000

static struct node_table *table;
static struct conn connection;

static int setup(void **state)
{
        memset(&world, 0, sizeof(world));
        table = node_table_new(NULL);
        *state = node_table_open(table, INODE, true);
        return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
        struct bdfs_err err;

        if (*state != NULL)
                BDFS_IGNORE(node_table_close(table, *state, true, false, &err)); /* told before */
        assert_false(world.open);
        assert_int_equal(world.refs, 0);
        node_table_free(table);
        return 0;
}

static enum bdfs_status put(struct node *n, uint64_t offset, size_t bytes)
{
        struct node_bytes b = {.from = "", .n = bytes, .offset = offset};
        struct bdfs_err err;

        return node_write(n, &connection, &b, &err);
}

static enum bdfs_status put_last(struct node *n, size_t bytes)
{
        struct node_bytes b = {.from = "", .n = bytes, .offset = 12345678, .append = true};
        struct bdfs_err err;

        return node_write(n, &connection, &b, &err);
}

static void bytes_are_added_at_the_end_only(void **state)
{
        struct node *n = *state;
        struct bdfs_err err;

        world.length = 100;
        assert_int_equal(put(n, 0, 10), BDFS_UNSUPPORTED);
        assert_int_equal(put(n, 101, 10), BDFS_UNSUPPORTED);
        assert_int_equal(world.appends, 0); /* no lease was taken for nothing */
        assert_int_equal(put(n, 100, 10), BDFS_OK);
        assert_int_equal(put(n, 100, 10), BDFS_UNSUPPORTED);
        assert_int_equal(put(n, 110, 10), BDFS_OK); /* a refusal is no failure */
        assert_int_equal(put_last(n, 5), BDFS_OK);
        assert_int_equal(node_finish(n, &err), BDFS_OK);
        assert_int_equal(world.length, 125);
        assert_int_equal(world.appends, 1);
        assert_int_equal(world.closes, 1);
}

static void the_length_so_far_is_shown(void **state)
{
        struct node *n = *state;
        struct bdfs_err err;

        assert_int_equal(node_table_tell_length(table, INODE, 7), 7);
        assert_int_equal(put(n, 0, 1000), BDFS_OK);
        assert_int_equal(node_table_tell_length(table, INODE, 0), 1000);
        assert_int_equal(node_table_tell_length(table, INODE + 1, 3), 3);
        assert_int_equal(node_told(n), 1000);
        assert_int_equal(put(n, 1000, 1), BDFS_OK);
        assert_int_equal(node_told(n), 1001);
        assert_int_equal(node_finish(n, &err), BDFS_OK);
        assert_int_equal(node_told(n), 1001);
        assert_int_equal(node_table_tell_length(table, INODE, 1001), 1001);
}

static void a_reader_makes_the_writer_flush_once(void **state)
{
        struct node *n = *state;
        struct bdfs_err err;

        assert_int_equal(node_show(n, &err), BDFS_OK);
        assert_int_equal(put(n, 0, 10), BDFS_OK);
        assert_int_equal(node_show(n, &err), BDFS_OK);
        assert_int_equal(node_show(n, &err), BDFS_OK);
        assert_int_equal(world.hflushes, 1);
        assert_int_equal(node_sync(n, &err), BDFS_OK);
        assert_int_equal(node_sync(n, &err), BDFS_OK);
        assert_int_equal(world.hsyncs, 1);
        assert_int_equal(node_show(n, &err), BDFS_OK);
        assert_int_equal(world.hflushes, 1);
}

static void after_one_failure_everything_fails(void **state)
{
        struct node *n = *state;
        struct bdfs_err err;

        assert_int_equal(put(n, 0, 10), BDFS_OK);
        world.fail_sync = BDFS_IO;
        assert_int_equal(node_sync(n, &err), BDFS_IO);
        world.fail_sync = BDFS_OK;
        assert_int_equal(node_sync(n, &err), BDFS_IO);
        assert_int_equal(put(n, 10, 10), BDFS_IO);
        assert_int_equal(node_finish(n, &err), BDFS_IO);
        assert_int_equal(node_truncate(n, &connection, "/f", 0, true, &err), BDFS_IO);
        assert_int_equal(node_table_close(table, n, true, false, &err), BDFS_IO);
        assert_int_equal(world.recoveries, 1); /* nobody would end the lease otherwise */
        *state = NULL;
}

static void a_failed_write_and_a_failed_close_stay(void **state)
{
        struct node *n = *state, *other;
        struct bdfs_err err;

        world.fail_write = BDFS_CLOSED;
        assert_int_equal(put(n, 0, 10), BDFS_CLOSED);
        world.fail_write = BDFS_OK;
        assert_int_equal(node_finish(n, &err), BDFS_CLOSED);
        other = node_table_open(table, INODE, true);
        assert_int_equal(node_table_close(table, n, true, false, &err), BDFS_OK); /* not the last */
        assert_int_equal(node_table_close(table, other, true, false, &err), BDFS_CLOSED);

        n = *state = node_table_open(table, INODE, true); /* as new */
        world.length = 0;
        assert_int_equal(put(n, 0, 10), BDFS_OK);
        world.fail_close = BDFS_UNAVAILABLE;
        assert_int_equal(node_finish(n, &err), BDFS_UNAVAILABLE);
        world.fail_close = BDFS_OK;
        assert_int_equal(node_finish(n, &err), BDFS_UNAVAILABLE);
        assert_int_equal(put(n, 10, 10), BDFS_UNAVAILABLE);
}

static void writing_goes_on_after_the_file_was_completed(void **state)
{
        struct node *n = *state;
        struct bdfs_err err;

        assert_int_equal(put(n, 0, 10), BDFS_OK);
        assert_int_equal(node_finish(n, &err), BDFS_OK);
        world.busy = 2; /* an earlier lease is still recovered */
        assert_int_equal(put(n, 10, 10), BDFS_OK);
        assert_int_equal(node_finish(n, &err), BDFS_OK);
        world.length += 100; /* somebody else appends */
        assert_int_equal(put(n, 20, 10), BDFS_UNSUPPORTED);
        assert_int_equal(put(n, 120, 10), BDFS_OK);
        assert_int_equal(node_finish(n, &err), BDFS_OK);
        assert_int_equal(world.length, 130);
        world.fail_append = BDFS_BEING_CREATED; /* somebody else writes */
        assert_int_equal(put_last(n, 10), BDFS_BEING_CREATED);
        world.fail_append = BDFS_OK;
        world.writing = 2; /* somebody else's close is on its way */
        assert_int_equal(put_last(n, 10), BDFS_OK);
        assert_int_equal(node_finish(n, &err), BDFS_OK);
        assert_int_equal(put_last(n, 10), BDFS_OK); /* no byte was lost: no lasting failure */
}

static void cutting_completes_the_file_first(void **state)
{
        struct node *n = *state;
        struct bdfs_err err;

        assert_int_equal(put(n, 0, 10), BDFS_OK);
        assert_int_equal(node_truncate(n, &connection, "/f", 4, true, &err), BDFS_OK);
        assert_int_equal(world.length, 4);
        assert_int_equal(node_table_generation(table, n), 1); /* readers open it again */
        assert_int_equal(node_truncate(n, &connection, "/f", 5, true, &err), BDFS_UNSUPPORTED);
        assert_int_equal(put(n, 10, 1), BDFS_UNSUPPORTED);
        assert_int_equal(put(n, 4, 1), BDFS_OK);
        assert_int_equal(node_truncate(n, &connection, "/f", 0, true, &err), BDFS_OK);
        assert_int_equal(node_truncate(NULL, &connection, "/f", 0, true, &err), BDFS_OK);
        assert_int_equal(put(n, 0, 1), BDFS_OK);
}

static void a_created_file_has_its_pipeline(void **state)
{
        struct node *n = *state;
        struct bdfs_err err;

        world.open = true;
        world.file.length = 0;
        assert_int_equal(node_adopt(n, &connection, &world.file, &err), BDFS_OK);
        assert_int_equal(put(n, 0, 10), BDFS_OK);
        assert_int_equal(world.appends, 0);
}

/* The name is there before the maker's answer: another handle may be faster. */
static void a_file_that_others_write_already_is_not_adopted(void **state)
{
        struct bdfs_file late = {.length = 0};
        struct node *n = *state;
        struct bdfs_err err;

        assert_int_equal(put(n, 0, 10), BDFS_OK);
        assert_int_equal(node_adopt(n, &connection, &late, &err), BDFS_BEING_CREATED);
        world.open = true; /* only the late one was given up */
        assert_int_equal(put(n, 10, 10), BDFS_OK);
        world.fail_close = BDFS_IO;
        assert_int_equal(node_finish(n, &err), BDFS_IO);
        world.fail_close = BDFS_OK;
        assert_int_equal(node_adopt(n, &connection, &late, &err), BDFS_IO);
}

/* The last writer's close fails while another opens: the failure is not forgotten before both know,
 * and what is written after that is not given up. */
static void a_failure_is_given_up_once(void **state)
{
        struct node *n = *state, *other;
        struct bdfs_err err;

        assert_int_equal(put(n, 0, 10), BDFS_OK);
        world.fail_sync = BDFS_IO;
        assert_int_equal(node_sync(n, &err), BDFS_IO);
        world.fail_sync = BDFS_OK;
        node_abandon(n);
        assert_int_equal(world.recoveries, 1);
        other = node_table_open(table, INODE, true);
        assert_int_equal(put(other, 10, 10), BDFS_OK); /* what an hsync was to make durable */
        node_abandon(n);                               /* of the close that failed, late */
        assert_int_equal(world.recoveries, 1);
        assert_true(world.open);
        assert_int_equal(node_table_close(table, other, true, false, &err), BDFS_OK);
}

static struct node *made(struct node *n, uint32_t mode)
{
        struct bdfs_err err;

        world.open = true;
        world.mode = mode;
        world.file.length = 0;
        assert_int_equal(node_adopt(n, &connection, &world.file, &err), BDFS_OK);
        return n;
}

static void attributes_of_a_new_file_go_with_its_end(void **state)
{
        const struct bdfs_times times = {.mtime_ms = 1000, .atime_ms = 2000};
        struct bdfs_stat st = {.inode = INODE, .mode = 0600, .owner = "alice", .group = "staff"};
        struct bdfs_err err;
        struct node *n;

        world.superuser = true;
        n = made(*state, 0600);
        assert_int_equal(put(n, 0, 10), BDFS_OK);
        assert_true(kept_owner(&n->kept, &connection, "bob", "users"));
        assert_true(kept_mode(&n->kept, &connection, 0644));
        assert_true(kept_times(&n->kept, &connection, &times));
        node_table_tell_kept(table, &st);
        assert_int_equal(st.mode, 0644);
        assert_int_equal(st.mtime_ms, 1000);
        assert_int_equal(st.atime_ms, 2000);
        assert_string_equal(st.owner, "bob");
        assert_string_equal(st.group, "users");
        assert_int_equal(node_finish(n, &err), BDFS_OK);
        assert_int_equal(world.asked, 0);
        assert_true(world.with.has_mode);
        assert_int_equal(world.with.mode, 0644);
        assert_int_equal(world.with.mtime_ms, 1000);
        assert_int_equal(world.with.atime_ms, 2000);
        assert_string_equal(world.owner, "bob");
        assert_string_equal(world.group, "users");
        st.mode = 0600;
        node_table_tell_kept(table, &st); /* the namenode knows it now */
        assert_int_equal(st.mode, 0600);
        assert_false(kept_mode(&n->kept, &connection, 0644));
}

static void what_takes_a_right_away_is_not_kept(void **state)
{
        struct node *n = made(*state, 0640);
        struct conn other = {0};

        assert_false(kept_mode(&n->kept, &connection, 0600));
        assert_false(kept_mode(&n->kept, &other, 0644));
        assert_true(kept_mode(&n->kept, &connection, 0644));
        assert_false(kept_mode(&n->kept, &connection, 0640)); /* not even one that was kept */
        assert_true(kept_owner(&n->kept, &connection, "alice", NULL)); /* as it is */
        assert_false(kept_owner(&n->kept, &connection, "bob", NULL));  /* no superuser */
        assert_false(kept_owner(&n->kept, &connection, NULL, "users"));
}

static void a_group_loses_nothing_by_what_is_kept(void **state)
{
        struct node *n;

        world.superuser = true;
        n = made(*state, 0640);
        assert_false(kept_owner(&n->kept, &connection, "bob", "users"));
}

static void a_write_sets_the_time_again(void **state)
{
        const struct bdfs_times times = {.mtime_ms = 1000, .atime_ms = -1};
        struct bdfs_stat st = {.inode = INODE};
        struct node *n = made(*state, 0600);
        struct bdfs_err err;

        assert_true(kept_times(&n->kept, &connection, &times));
        assert_int_equal(put(n, 0, 10), BDFS_OK);
        node_table_tell_kept(table, &st);
        assert_true(os_wall_ms() - st.mtime_ms < 60000); /* it moves while bytes are written */
        assert_int_equal(node_finish(n, &err), BDFS_OK);
        assert_int_equal(world.with.mtime_ms, 0); /* nothing was sent */
        assert_int_equal(put(n, 10, 10), BDFS_OK);
        assert_false(kept_times(&n->kept, &connection, &times)); /* of a file that was there */
}

static void a_sync_settles_what_is_kept(void **state)
{
        const struct bdfs_times times = {.mtime_ms = 1000, .atime_ms = -1};
        struct node *n = made(*state, 0600);
        struct bdfs_err err;

        assert_int_equal(put(n, 0, 10), BDFS_OK);
        assert_true(kept_mode(&n->kept, &connection, 0644));
        assert_true(kept_times(&n->kept, &connection, &times));
        assert_int_equal(node_sync(n, &err), BDFS_OK);
        assert_int_equal(world.asked, 2);
        assert_int_equal(node_settle(n, &err), BDFS_OK);
        assert_int_equal(world.asked, 3); /* the time, which the end would set anew */
        assert_int_equal(node_finish(n, &err), BDFS_OK);
        assert_false(world.with.has_mode);
        assert_int_equal(world.with.mtime_ms, 1000);
}

static void a_hadoop_server_is_asked_at_once(void **state)
{
        struct node *n;

        world.hadoop = true;
        n = made(*state, 0600);
        assert_false(kept_mode(&n->kept, &connection, 0644));
}

static void handles_are_counted(void **state)
{
        struct node *n = *state, *reader = node_table_open(table, INODE, false), *found;
        struct bdfs_err err;

        assert_ptr_equal(reader, n);
        assert_true(node_table_any(table));
        assert_null(node_table_find(table, INODE + 1));
        found = node_table_find(table, INODE);
        assert_ptr_equal(found, n);
        node_table_put(table, found);
        assert_false(node_table_wait_closed(table, INODE, false, 1));
        assert_false(node_table_wait_closed(table, INODE, true, 1));
        assert_true(node_table_wait_closed(table, INODE + 1, false, 1));
        assert_int_equal(node_table_active(table, n, 1), 1); /* who only opened it does not count */
        assert_int_equal(node_table_active(table, n, -1), 0);
        assert_int_equal(node_table_active(table, n, 1), 1);
        assert_int_equal(node_table_close(table, n, true, true, &err), BDFS_OK);
        assert_true(node_table_wait_closed(table, INODE, true, 1));
        assert_false(node_table_wait_closed(table, INODE, false, 1));
        assert_int_equal(node_table_generation(table, reader), 0);
        assert_int_equal(node_table_new_generation(table, reader), 1);
        assert_int_equal(node_table_close(table, reader, false, false, &err), BDFS_OK);
        assert_false(node_table_any(table));
        *state = NULL;
}

static void other_attributes_mean_other_bytes(void **state)
{
        struct node *n = *state;
        struct bdfs_stat st = {.inode = INODE, .mtime_ms = 5, .length = 10}, back;

        assert_false(node_table_recall(table, INODE, &back));
        assert_true(node_table_note(table, &st));
        assert_int_equal(node_table_generation(table, n), 1); /* it may have been read before */
        assert_false(node_table_note(table, &st));
        assert_int_equal(node_table_generation(table, n), 1);
        st.length = 9;
        assert_true(node_table_note(table, &st));
        assert_int_equal(node_table_generation(table, n), 2);
        st.mtime_ms = 6;
        assert_true(node_table_note(table, &st));
        assert_int_equal(node_table_generation(table, n), 3);
        assert_true(node_table_recall(table, INODE, &back));
        assert_int_equal(back.length, 9);
        assert_false(node_table_should_ask(table, n, 3600000)); /* it was said a moment ago */
        assert_true(node_table_should_ask(table, n, 0));
        atomic_store(&n->shown, 10); /* written here: nobody else can */
        assert_false(node_table_should_ask(table, n, 0));
        atomic_store(&n->shown, NODE_NOT_WRITTEN);
        st.inode = INODE + 1;
        assert_false(node_table_note(table, &st));
        assert_int_equal(node_table_generation(table, n), 3);
}

static void a_mount_that_ends_does_not_wait_for_a_cluster_that_is_away(void **state)
{
        struct node *n = *state;
        struct bdfs_err err;

        assert_int_equal(put(n, 0, 10), BDFS_OK);
        node_table_give_up(table);
        assert_int_equal(node_table_close(table, n, true, false, &err), BDFS_UNAVAILABLE);
        assert_int_equal(world.closes + world.recoveries, 0);
        *state = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(bytes_are_added_at_the_end_only),
                TEST(the_length_so_far_is_shown),
                TEST(a_reader_makes_the_writer_flush_once),
                TEST(after_one_failure_everything_fails),
                TEST(a_failed_write_and_a_failed_close_stay),
                TEST(writing_goes_on_after_the_file_was_completed),
                TEST(cutting_completes_the_file_first),
                TEST(a_created_file_has_its_pipeline),
                TEST(a_file_that_others_write_already_is_not_adopted),
                TEST(a_failure_is_given_up_once),
                TEST(attributes_of_a_new_file_go_with_its_end),
                TEST(what_takes_a_right_away_is_not_kept),
                TEST(a_group_loses_nothing_by_what_is_kept),
                TEST(a_write_sets_the_time_again),
                TEST(a_sync_settles_what_is_kept),
                TEST(a_hadoop_server_is_asked_at_once),
                TEST(handles_are_counted),
                TEST(other_attributes_mean_other_bytes),
                TEST(a_mount_that_ends_does_not_wait_for_a_cluster_that_is_away),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
