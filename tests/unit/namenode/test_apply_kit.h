/*
 * test_apply_kit.h - a namespace in a directory of its own, and short ways to apply records to it
 * as one user or another. Every test ends with check_tables().
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "namenode/apply/apply.h"
#include "namenode/tree/check.h"
#include "namenode/tree/extents.h"
#include "namenode/tree/namespace.h"
#include "namenode/store/tables.h"

#define OK(call) assert_int_equal((call), BDFS_OK)
#define UNUSED __attribute__((unused))

struct kit {
        struct store *store;
        struct store_txn *t;
        struct apply_batch *batch;
        char dir[64];
        int64_t now;
        uint64_t index;
        Bdfs__OpResult *result;  /* of the last record */
        bool changed;
        bool logs;
        struct buf log;          /* length, packed record: of those that changed something */
        struct bdfs_err err;
};

static struct kit kit;
static uint8_t kit_versions[TABLE_COUNT]; /* what the store takes for known */

struct as {                      /* who applies */
        const char *user;
        char *groups[4];
        size_t groups_n;
        bool superuser;
};
static const struct as ROOT UNUSED = {"root", {0}, 0, true};
static const struct as ALICE UNUSED = {"alice", {(char *)"alice", (char *)"staff"}, 2, false};
static const struct as BOB UNUSED = {"bob", {(char *)"bob", (char *)"staff"}, 2, false};

static struct ns_caller UNUSED caller_of(const struct as *who)
{
        return (struct ns_caller){.user = who->user,
                                  .groups = (const char *const *)who->groups,
                                  .groups_n = who->groups_n,
                                  .superuser = who->superuser};
}

static void kit_forget(void)
{
        if (kit.result != NULL)
                bdfs__op_result__free_unpacked(kit.result, NULL);
        kit.result = NULL;
}

static void kit_log(const Bdfs__JournalRecord *record)
{
        size_t n = bdfs__journal_record__get_packed_size(record);

        buf_u32be(&kit.log, (uint32_t)n);
        (void)bdfs__journal_record__pack(record, buf_grow(&kit.log, n));
}

static enum bdfs_status UNUSED kit_apply(const struct as *who, Bdfs__JournalRecord *record)
{
        Bdfs__RecordCaller caller = BDFS__RECORD_CALLER__INIT;
        enum bdfs_status rc;

        kit_forget();
        if (who != NULL) {
                caller.user = (char *)who->user;
                caller.groups = (char **)who->groups;
                caller.n_groups = who->groups_n;
                caller.superuser = who->superuser;
                caller.machine = (char *)"127.0.0.1";
                record->caller = &caller;
        }
        record->index = ++kit.index;
        record->time_ms = kit.now;
        kit.changed = false;
        kit.err = (struct bdfs_err){0};
        rc = apply_record(kit.t, kit.batch, record, &kit.result, &kit.changed, &kit.err);
        if (rc == BDFS_OK && kit.changed && kit.logs)
                kit_log(record);
        record->caller = NULL;
        return rc;
}

#define APPLY(who, NAME, field, Type, TYPE, ...)                                   \
        ({                                                                         \
                Bdfs__JournalRecord record_ = BDFS__JOURNAL_RECORD__INIT;          \
                Bdfs__##Type op_ = BDFS__##TYPE##__INIT;                           \
                __VA_ARGS__;                                                       \
                record_.op_case = BDFS__JOURNAL_RECORD__OP_##NAME;                 \
                record_.field = &op_;                                              \
                kit_apply(who, &record_);                                          \
        })

static ProtobufCBinaryData UNUSED bytes_of(const char *text)
{
        return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)text};
}

/* ---- a store -------------------------------------------------------------------------------- */

static void UNUSED kit_commit(void)
{
        OK(apply_flush(kit.t, kit.batch, &kit.err));
        OK(store_commit(kit.t, &kit.err));
        apply_batch_reset(kit.batch);
        OK(store_begin_write(kit.store, &kit.t, &kit.err));
}

static void kit_open_empty(void)
{
        struct store_config config = {.dir = kit.dir, .tables = table_names,
                                      .tables_n = TABLE_COUNT, .versions = kit_versions,
                                      .map_bytes = 4 * GIB};
        bool fresh;

        memcpy(kit_versions, table_versions, sizeof(kit_versions));
        kit = (struct kit){.now = 1000000};
        (void)snprintf(kit.dir, sizeof(kit.dir), "/tmp/bdfs-apply-XXXXXX");
        assert_non_null(mkdtemp(kit.dir));
        OK(store_open(&kit.store, &config, &fresh, &kit.err));
        OK(store_begin_write(kit.store, &kit.t, &kit.err));
        kit.batch = apply_batch_new();
        assert_non_null(kit.batch);
}

static void kit_format(void)
{
        static uint8_t cluster[16] = {1, 2, 3};

        OK(APPLY(NULL, FORMAT, format, FormatOp, FORMAT_OP,
                 op_.cluster = (ProtobufCBinaryData){.len = 16, .data = cluster};
                 op_.owner = (char *)"root"; op_.group = (char *)"supergroup";
                 op_.has_block_bytes_min = 1; op_.block_bytes_min = 1024;
                 op_.pool = (char *)"BP-1"));
}

static void UNUSED kit_open(void)
{
        kit_open_empty();
        kit_format();
}

static void UNUSED kit_check(void)
{
        struct check_report report;

        OK(apply_flush(kit.t, kit.batch, &kit.err));
        OK(check_tables(kit.t, &report, NULL, NULL, &kit.err));
        if (report.problems != 0)
                fail_msg("%llu problems, first: %s", (unsigned long long)report.problems,
                         report.first);
}

static void UNUSED kit_close(void)
{
        char command[128];

        kit_forget();
        buf_fini(&kit.log);
        apply_batch_free(kit.batch);
        store_abort(kit.t);
        OK(store_close(kit.store, &kit.err));
        (void)snprintf(command, sizeof(command), "rm -rf %s", kit.dir);
        assert_int_equal(system(command), 0);
}

/* ---- replaying ------------------------------------------------------------------------------ */

/* From an empty store on. */
static void UNUSED kit_log_begin(void)
{
        kit_close();
        kit_open_empty();
        buf_init(&kit.log, 0);
        kit.logs = true;
        kit_format();
}

/* What was logged, into another store, with a commit after every @batch records. */
static void UNUSED kit_replay(uint64_t batch)
{
        struct buf log = kit.log;
        struct rd r = rd_of(log.data, log.n);
        uint64_t n = 0;

        kit.log = (struct buf){0};
        kit_close();
        kit_open_empty();
        while (rd_left(&r) > 0) {
                uint32_t size = rd_u32be(&r);
                Bdfs__JournalRecord *record =
                        bdfs__journal_record__unpack(NULL, size, rd_bytes(&r, size));

                assert_non_null(record);
                kit_forget();
                OK(apply_record(kit.t, kit.batch, record, &kit.result, &kit.changed, &kit.err));
                assert_true(kit.changed);
                bdfs__journal_record__free_unpacked(record, NULL);
                if (++n % batch == 0)
                        kit_commit();
        }
        kit_check();
        kit.log = log;
}

struct kit_digest {
        uint64_t rows, sum[TABLE_COUNT];
};

static struct kit_digest UNUSED kit_digest(void)
{
        struct kit_digest d = {0};
        const uint8_t *key, *value;
        size_t key_n, n;
        struct store_cursor *c;

        OK(apply_flush(kit.t, kit.batch, &kit.err));
        for (unsigned table = 0; table < TABLE_COUNT; table++) {
                uint64_t h = 14695981039346656037ULL;
                enum bdfs_status rc;

                OK(store_cursor_open(kit.t, table, &c, &kit.err));
                for (rc = store_cursor_seek(c, NULL, 0, NULL); rc == BDFS_OK;
                     rc = store_cursor_next(c, NULL)) {
                        store_cursor_at(c, &key, &key_n, &value, &n);
                        d.rows++;
                        for (size_t i = 0; i < key_n + n; i++)
                                h = (h ^ (i < key_n ? key[i] : value[i - key_n])) *
                                    1099511628211ULL;
                }
                assert_int_equal(rc, BDFS_NOT_FOUND);
                d.sum[table] = h;
                store_cursor_close(c);
        }
        return d;
}

static int UNUSED setup(void **state)
{
        (void)state;
        kit_open();
        return 0;
}

static int UNUSED teardown(void **state)
{
        (void)state;
        kit_check();
        kit_close();
        return 0;
}

/* ---- records -------------------------------------------------------------------------------- */

static enum bdfs_status UNUSED do_mkdirs(const struct as *who, const char *path, uint32_t mode,
                                         bool parents)
{
        return APPLY(who, MKDIRS, mkdirs, MkdirsOp, MKDIRS_OP, op_.path = bytes_of(path);
                     op_.mode = mode; op_.create_parent = parents);
}

static enum bdfs_status UNUSED do_mkdir_new(const struct as *who, const char *path)
{
        return APPLY(who, MKDIRS, mkdirs, MkdirsOp, MKDIRS_OP, op_.path = bytes_of(path);
                     op_.mode = 0755; op_.has_exclusive = op_.exclusive = true);
}

struct creation {
        const char *holder;
        uint32_t mode, replication;
        uint64_t block_size;
        bool overwrite, no_create, no_parent, take_over, keep_sticky;
};

static enum bdfs_status UNUSED do_create(const struct as *who, const char *path,
                                         struct creation how)
{
        return APPLY(who, CREATE, create, CreateOp, CREATE_OP, op_.path = bytes_of(path);
                     op_.holder = (char *)(how.holder != NULL ? how.holder : "h");
                     op_.mode = how.mode != 0 ? how.mode : 0644;
                     op_.replication = how.replication != 0 ? how.replication : 2;
                     op_.block_size = how.block_size != 0 ? how.block_size : 1024;
                     op_.overwrite = how.overwrite; op_.create = !how.no_create;
                     op_.create_parent = !how.no_parent; op_.has_take_over = 1;
                     op_.take_over = how.take_over; op_.has_keep_sticky = how.keep_sticky;
                     op_.keep_sticky = how.keep_sticky);
}

static enum bdfs_status UNUSED do_append(const struct as *who, const char *path,
                                         const char *holder, bool take_over)
{
        return APPLY(who, APPEND, append, AppendOp, APPEND_OP, op_.path = bytes_of(path);
                     op_.holder = (char *)holder; op_.has_take_over = 1;
                     op_.take_over = take_over);
}

struct at_block {                /* id 0: none */
        uint64_t id, stamp, length;
};

static Bdfs__RecordBlock *record_of(struct at_block b, Bdfs__RecordBlock *to)
{
        bdfs__record_block__init(to);
        to->id = b.id;
        to->stamp = b.stamp;
        to->length = b.length;
        return b.id == 0 ? NULL : to;
}

/* The block of the last result. */
static struct at_block UNUSED got(uint64_t length)
{
        assert_non_null(kit.result);
        assert_non_null(kit.result->block);
        return (struct at_block){kit.result->block->id, kit.result->block->stamp, length};
}

static enum bdfs_status UNUSED do_add_block(const struct as *who, const char *path,
                                            uint64_t inode, const char *holder,
                                            struct at_block previous)
{
        Bdfs__RecordBlock b;
        uint32_t nodes[2] = {1, 2};

        return APPLY(who, ADD_BLOCK, add_block, AddBlockOp, ADD_BLOCK_OP,
                     op_.path = bytes_of(path); op_.inode = inode; op_.holder = (char *)holder;
                     op_.previous = record_of(previous, &b); op_.n_targets = 2;
                     op_.targets = nodes);
}

static enum bdfs_status UNUSED do_complete(const struct as *who, const char *path, uint64_t inode,
                                           const char *holder, struct at_block last)
{
        Bdfs__RecordBlock b;

        return APPLY(who, COMPLETE, complete, CompleteOp, COMPLETE_OP, op_.path = bytes_of(path);
                     op_.inode = inode; op_.holder = (char *)holder;
                     op_.last = record_of(last, &b));
}

static enum bdfs_status UNUSED do_abandon(const struct as *who, const char *path, uint64_t inode,
                                          const char *holder, struct at_block block)
{
        Bdfs__RecordBlock b;

        return APPLY(who, ABANDON_BLOCK, abandon_block, AbandonBlockOp, ABANDON_BLOCK_OP,
                     op_.path = bytes_of(path); op_.inode = inode; op_.holder = (char *)holder;
                     op_.block = record_of(block, &b));
}

static enum bdfs_status UNUSED do_fsync(const struct as *who, const char *path,
                                        const char *holder, int64_t length)
{
        return APPLY(who, FSYNC, fsync, FsyncOp, FSYNC_OP, op_.path = bytes_of(path);
                     op_.holder = (char *)holder; op_.last_length = length);
}

static enum bdfs_status UNUSED do_rename(const struct as *who, const char *from, const char *to,
                                         bool legacy, bool overwrite)
{
        return APPLY(who, RENAME, rename, RenameOp, RENAME_OP, op_.source = bytes_of(from);
                     op_.target = bytes_of(to); op_.legacy = legacy; op_.overwrite = overwrite);
}

/* As namenodes ask today: what is replaced is as well kept by a sticky bit as what is deleted. */
static enum bdfs_status UNUSED do_replace(const struct as *who, const char *from, const char *to)
{
        return APPLY(who, RENAME, rename, RenameOp, RENAME_OP, op_.source = bytes_of(from);
                     op_.target = bytes_of(to); op_.overwrite = true;
                     op_.has_keep_sticky = op_.keep_sticky = true);
}

static enum bdfs_status UNUSED do_delete(const struct as *who, const char *path, bool recursive)
{
        return APPLY(who, DELETE, delete_, DeleteOp, DELETE_OP, op_.path = bytes_of(path);
                     op_.recursive = recursive);
}

/* Blocks without a reference: those that wait and those that were freed. */
static size_t UNUSED unreferenced(void)
{
        return store_count(kit.t, TABLE_RETIRED) + store_count(kit.t, TABLE_FREED);
}

static uint64_t UNUSED do_free(uint32_t most, int64_t until_ms)
{
        OK(APPLY(NULL, FREE_BLOCKS, free_blocks, FreeBlocksOp, FREE_BLOCKS_OP, op_.most = most;
                 op_.until_ms = until_ms));
        return kit.result->count;
}

static uint64_t UNUSED do_slice(uint32_t most)
{
        OK(APPLY(NULL, DELETE_SLICE, delete_slice, DeleteSliceOp, DELETE_SLICE_OP,
                 op_.most = most));
        return kit.result->count;
}

static enum bdfs_status UNUSED do_chmod(const struct as *who, const char *path, uint32_t mode)
{
        return APPLY(who, SET_PERMISSION, set_permission, SetPermissionOp, SET_PERMISSION_OP,
                     op_.path = bytes_of(path); op_.mode = mode);
}

static enum bdfs_status UNUSED do_chown(const struct as *who, const char *path, const char *owner,
                                        const char *group)
{
        return APPLY(who, SET_OWNER, set_owner, SetOwnerOp, SET_OWNER_OP,
                     op_.path = bytes_of(path); op_.owner = (char *)owner;
                     op_.group = (char *)group);
}

static enum bdfs_status UNUSED do_truncate(const struct as *who, const char *path,
                                           uint64_t length, const char *holder)
{
        return APPLY(who, TRUNCATE, truncate, TruncateOp, TRUNCATE_OP, op_.path = bytes_of(path);
                     op_.length = length; op_.holder = (char *)holder);
}

static enum bdfs_status UNUSED do_setrep(const struct as *who, const char *path, uint32_t n)
{
        return APPLY(who, SET_REPLICATION, set_replication, SetReplicationOp,
                     SET_REPLICATION_OP, op_.path = bytes_of(path); op_.replication = n);
}

static enum bdfs_status UNUSED do_times(const struct as *who, const char *path, int64_t mtime,
                                        int64_t atime)
{
        return APPLY(who, SET_TIMES, set_times, SetTimesOp, SET_TIMES_OP,
                     op_.path = bytes_of(path); op_.mtime = mtime; op_.atime = atime);
}

static enum bdfs_status UNUSED do_symlink(const struct as *who, const char *link,
                                          const char *target)
{
        return APPLY(who, SYMLINK, symlink, SymlinkOp, SYMLINK_OP, op_.link = bytes_of(link);
                     op_.target = bytes_of(target); op_.create_parent = false);
}

static enum bdfs_status UNUSED do_concat(const struct as *who, const char *target,
                                         const char *const *sources, size_t n)
{
        ProtobufCBinaryData list[16];

        for (size_t i = 0; i < n; i++)
                list[i] = bytes_of(sources[i]);
        return APPLY(who, CONCAT, concat, ConcatOp, CONCAT_OP, op_.target = bytes_of(target);
                     op_.sources = list; op_.n_sources = n);
}

static enum bdfs_status UNUSED do_recover(const struct as *who, const char *path,
                                          const char *holder)
{
        return APPLY(who, RECOVER_LEASE, recover_lease, RecoverLeaseOp, RECOVER_LEASE_OP,
                     op_.path = bytes_of(path); op_.holder = (char *)holder);
}

static enum bdfs_status UNUSED do_start_recovery(uint64_t inode)
{
        return APPLY(NULL, START_RECOVERY, start_recovery, StartRecoveryOp, START_RECOVERY_OP,
                     op_.inode = inode);
}

static enum bdfs_status UNUSED do_close_expired(uint64_t inode, struct at_block last)
{
        Bdfs__RecordBlock b;

        return APPLY(NULL, CLOSE_EXPIRED, close_expired, CloseExpiredOp, CLOSE_EXPIRED_OP,
                     op_.inode = inode; op_.last = record_of(last, &b));
}

/* ---- what is there -------------------------------------------------------------------------- */

static bool UNUSED stat_of(const char *path, struct ns_status *ret)
{
        const struct ns_caller root = {.user = "root", .superuser = true};
        const struct path p = {.text = path, .n = strlen(path)};
        bool found;

        OK(ns_stat(kit.t, &root, &p, NS_NO_FOLLOW, ret, &found, &kit.err));
        return found;
}

static bool UNUSED exists(const char *path)
{
        struct ns_status s;

        return stat_of(path, &s);
}

static uint64_t UNUSED inode_of(const char *path)
{
        struct ns_status s;

        assert_true(stat_of(path, &s));
        return s.inode;
}

/* A closed file of @length bytes in blocks of its block size, by @who. */
static void UNUSED make_file(const struct as *who, const char *path, uint64_t length,
                             struct creation how)
{
        struct at_block last = {0};
        uint64_t inode, left = length, size = how.block_size != 0 ? how.block_size : 1024;

        OK(do_create(who, path, how));
        inode = kit.result->inode;
        while (left > 0) {
                uint64_t n = left < size ? left : size;

                OK(do_add_block(who, path, inode, how.holder != NULL ? how.holder : "h", last));
                last = got(n);
                left -= n;
        }
        OK(do_complete(who, path, inode, how.holder != NULL ? how.holder : "h", last));
        assert_true(kit.result->value);
}

/* The record was refused with exactly this. */
static void UNUSED refused(enum bdfs_status rc, enum bdfs_status want, const char *text)
{
        assert_string_equal(bdfs_status_name(rc), bdfs_status_name(want));
        assert_string_equal(kit.err.text, text);
        assert_false(kit.changed);
}
#define REFUSED(call, status, text) refused(call, BDFS_##status, text)

static const Bdfs__OpResult UNUSED *answer(enum bdfs_status rc)
{
        if (rc != BDFS_OK)
                fail_msg("refused: %s", kit.err.text);
        return kit.result;
}
#define ANSWERS(call, want) assert_int_equal(answer(call)->value, want)
