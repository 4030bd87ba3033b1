/*
 * test_commit_kit.h - a namespace of the tests' own below the committer: apply_record() and its
 * kin are defined here, so the program is linked with them instead of namenode/apply*.c.
 *
 * A record is a mkdirs with a path. Most paths make a row in TABLE_INODE: the path -> index, time.
 * The first letter says what else happens: '!' refused, '=' fine but nothing changes, '#' the
 * transaction fails for lack of memory, '$' for lack of space, '%' finds damage, '*' frees a
 * block, '~' waits until kit.gate opens, '+' reads the row of the rest of the path first. A counter
 * is gathered over the batch and written by apply_flush(), as totals are.
 */
#pragma once

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/log.h"
#include "namenode/apply/apply.h"
#include "namenode/commit/commit.h"
#include "namenode/store/tables.h"

#define OK(call) assert_int_equal((call), BDFS_OK)

struct kit {
        char dir[64], tables[80], journal_dir[80], checkpoints[80];
        struct store *store;
        struct journal *journal;
        struct commit *commit;
        uint64_t checkpoint_bytes;
        bool fresh;
        atomic_bool gate;         /* open: '~' goes on */
        atomic_uint fatal;        /* calls of on_fatal */
        atomic_uint freed;        /* blocks told by on_freed */
        atomic_uint applied;      /* records that changed something */
        struct bdfs_err err;
};

static struct kit kit;
static const uint8_t kit_cluster[16] = "kit's cluster id";

/* ---- the namespace -------------------------------------------------------------------------- */

struct apply_batch {
        uint64_t count, freed[COMMIT_BATCH_MAX];
        size_t freed_n;
};

struct apply_batch *apply_batch_new(void)
{
        return calloc(1, sizeof(struct apply_batch));
}

void apply_batch_free(struct apply_batch *b)
{
        free(b);
}

const uint64_t *apply_freed(const struct apply_batch *b, size_t *ret_n)
{
        *ret_n = b->freed_n;
        return b->freed;
}

void apply_batch_reset(struct apply_batch *b)
{
        b->freed_n = 0;
        b->count = 0;
}

enum bdfs_status apply_flush(struct store_txn *t, struct apply_batch *b, struct bdfs_err *err)
{
        uint64_t count = b->count;
        const uint8_t *v;
        uint8_t value[8];
        size_t n;
        enum bdfs_status rc = store_get(t, TABLE_TOTAL, "count", 5, &v, &n, NULL);

        if (count == 0)
                return BDFS_OK;
        if (rc == BDFS_OK)
                count += get_u64be(v);
        b->count = 0;
        put_u64be(value, count);
        return store_put(t, TABLE_TOTAL, "count", 5, value, sizeof(value), err);
}

static inline enum bdfs_status kit_put(struct store_txn *t, const Bdfs__JournalRecord *r,
                                const char *path, size_t n, struct bdfs_err *err)
{
        uint8_t value[16];

        put_u64be(value, r->index);
        put_u64be(value + 8, (uint64_t)r->time_ms);
        return store_put(t, TABLE_INODE, path, n < 400 ? n : 400, value, sizeof(value), err);
}

static inline enum bdfs_status kit_apply(struct store_txn *t, struct apply_batch *b,
                                  const Bdfs__JournalRecord *r, bool *ret_changed,
                                  struct bdfs_err *err)
{
        const char *path = (const char *)r->mkdirs->path.data;
        size_t n = r->mkdirs->path.len, v_n;
        const uint8_t *v;
        enum bdfs_status rc;

        *ret_changed = path[0] != '=';
        switch (path[0]) {
        case '!': return bdfs_fail(err, BDFS_EXISTS, "refused");
        case '=': return BDFS_OK;
        case '#':
        case '$':
        case '%':
                rc = kit_put(t, r, path, n, err);
                if (rc != BDFS_OK)
                        return rc;
                b->count++;
                return bdfs_fail(err, path[0] == '#'   ? BDFS_NO_MEMORY
                                      : path[0] == '$' ? BDFS_NO_SPACE
                                                       : BDFS_CORRUPT,
                                 "failed half-way");
        case '*': b->freed[b->freed_n++] = r->index; break;
        case '~':
                while (!atomic_load(&kit.gate))
                        os_sleep_ms(1);
                break;
        case '+':
                rc = store_get(t, TABLE_INODE, path + 1, n - 1, &v, &v_n, err);
                if (rc != BDFS_OK)
                        return rc;
                break;
        default: break;
        }
        b->count++;
        atomic_fetch_add(&kit.applied, 1);
        return kit_put(t, r, path, n, err);
}

enum bdfs_status apply_record(struct store_txn *t, struct apply_batch *b,
                              const Bdfs__JournalRecord *r, Bdfs__OpResult **ret,
                              bool *ret_changed, struct bdfs_err *err)
{
        enum bdfs_status rc;

        if (r->op_case == BDFS__JOURNAL_RECORD__OP_FORMAT) {
                *ret_changed = true;
                rc = store_put(t, TABLE_META, "format", 6, "x", 1, err);
        } else {
                rc = kit_apply(t, b, r, ret_changed, err);
        }
        if (rc != BDFS_OK)
                return rc;
        *ret = malloc(sizeof(**ret));
        bdfs__op_result__init(*ret);
        (*ret)->has_inode = 1;
        (*ret)->inode = *ret_changed ? r->index : 0;
        return BDFS_OK;
}

/* ---- records -------------------------------------------------------------------------------- */

struct kit_record {
        Bdfs__JournalRecord record;
        Bdfs__MkdirsOp mkdirs;
        Bdfs__RecordCaller caller;
        char path[64];
        uint8_t client[16];
};

/* @call < 0: without a request id. */
static inline void kit_record(struct kit_record *r, const char *path, int call)
{
        bdfs__journal_record__init(&r->record);
        bdfs__mkdirs_op__init(&r->mkdirs);
        (void)snprintf(r->path, sizeof(r->path), "%s", path);
        r->mkdirs.path.data = (uint8_t *)r->path;
        r->mkdirs.path.len = strlen(r->path);
        r->record.op_case = BDFS__JOURNAL_RECORD__OP_MKDIRS;
        r->record.mkdirs = &r->mkdirs;
        if (call >= 0) {
                memset(r->client, 'c', sizeof(r->client));
                r->record.has_client_id = 1;
                r->record.client_id.data = r->client;
                r->record.client_id.len = sizeof(r->client);
                r->record.has_call_id = 1;
                r->record.call_id = call;
        }
}

static inline void kit_by(struct kit_record *r, const char *user)
{
        bdfs__record_caller__init(&r->caller);
        r->caller.user = (char *)(uintptr_t)user;
        r->record.caller = &r->caller;
}

/* The answer's inode is the index of the record that made it. @user NULL: the namenode itself. */
static inline enum bdfs_status kit_do_by(const char *user, const char *path, int call,
                                         uint64_t *ret_inode)
{
        struct kit_record r;
        Bdfs__OpResult *result;
        enum bdfs_status rc;

        kit_record(&r, path, call);
        if (user != NULL)
                kit_by(&r, user);
        rc = commit_wait(kit.commit, &r.record, &result, &kit.err);
        if (rc != BDFS_OK)
                return rc;
        *ret_inode = result->inode;
        op_result_free(result);
        return BDFS_OK;
}

static inline enum bdfs_status kit_do(const char *path, int call, uint64_t *ret_inode)
{
        return kit_do_by(NULL, path, call, ret_inode);
}

static inline uint64_t kit_made(const char *path)
{
        uint64_t inode = 0;

        OK(kit_do(path, -1, &inode));
        return inode;
}

static inline bool kit_has(const char *path)
{
        struct store_txn *t;
        const uint8_t *v;
        size_t n;
        enum bdfs_status rc;

        OK(store_begin_read(kit.store, &t, &kit.err));
        rc = store_get(t, TABLE_INODE, path, strlen(path), &v, &n, &kit.err);
        store_abort(t);
        return rc == BDFS_OK;
}

/* ---- the committer -------------------------------------------------------------------------- */

static inline void kit_fatal(void *arg, const struct bdfs_err *err)
{
        (void)arg;
        (void)err;
        atomic_fetch_add(&kit.fatal, 1);
}

static inline void kit_freed(void *arg, const uint64_t *blocks, size_t n)
{
        (void)arg;
        (void)blocks;
        atomic_fetch_add(&kit.freed, (unsigned)n);
}

static inline enum bdfs_status kit_open(void)
{
        struct store_config config = {.dir = kit.tables,
                                      .tables = table_names,
                                      .tables_n = TABLE_COUNT,
                                      .map_bytes = GIB};
        enum bdfs_status rc = store_open(&kit.store, &config, &kit.fresh, &kit.err);

        if (rc == BDFS_OK)
                rc = journal_open(&kit.journal, kit.journal_dir, kit_cluster, &kit.err);
        return rc;
}

static inline void kit_close(bool orderly)
{
        journal_close(kit.journal);
        if (orderly)
                (void)store_close(kit.store, &kit.err);
        else
                store_abandon(kit.store);
        kit.journal = NULL;
        kit.store = NULL;
}

static inline enum bdfs_status kit_start_with(bool format)
{
        Bdfs__FormatOp op = BDFS__FORMAT_OP__INIT;
        struct commit_config config = {.checkpoint_dir = kit.checkpoints,
                                       .checkpoint_journal_bytes = kit.checkpoint_bytes,
                                       .on_freed = kit_freed,
                                       .on_fatal = kit_fatal};
        enum bdfs_status rc = kit_open();

        op.cluster.data = (uint8_t *)(uintptr_t)kit_cluster;
        op.cluster.len = sizeof(kit_cluster);
        op.owner = op.group = (char *)(uintptr_t)"kit";
        config.store = kit.store;
        config.store_fresh = kit.fresh;
        config.journal = kit.journal;
        if (rc == BDFS_OK)
                rc = commit_start(&kit.commit, &config, format ? &op : NULL, &kit.err);
        if (rc != BDFS_OK)
                kit_close(false);
        return rc;
}

static inline void kit_start(void)
{
        enum bdfs_status rc = kit_start_with(true);

        if (rc != BDFS_OK)
                (void)fprintf(stderr, "start: %s\n", kit.err.text);
        OK(rc);
}

static inline void kit_stop(bool orderly)
{
        commit_stop(kit.commit);
        kit.commit = NULL;
        kit_close(orderly);
}

static inline void kit_drop_tables(void)
{
        char command[128];

        (void)snprintf(command, sizeof(command), "rm -rf %s", kit.tables);
        assert_int_equal(system(command), 0);
}

struct kit_digest {
        uint8_t bytes[32];
        uint64_t index;
};

static inline struct kit_digest kit_digest(void)
{
        struct kit_digest d;

        OK(commit_digest(kit.commit, d.bytes, &d.index, &kit.err));
        return d;
}

static inline void kit_same(const struct kit_digest *a, const struct kit_digest *b)
{
        assert_int_equal(a->index, b->index);
        assert_memory_equal(a->bytes, b->bytes, sizeof(a->bytes));
}

static inline void kit_changes(unsigned n)
{
        static unsigned number;
        uint64_t inode;

        for (unsigned i = 0; i < n; i++) {
                char path[32];

                number++;
                (void)snprintf(path, sizeof(path), "/%u", number % 50); /* some are overwritten */
                OK(kit_do(path, number % 3 == 0 ? (int)number : -1, &inode));
        }
}

/* @n records of 4 MiB: 15 fill a segment of the journal. */
static inline void kit_large_changes(unsigned n)
{
        static char big[4 * MIB];
        struct kit_record r;

        memset(big, 'b', sizeof(big));
        for (unsigned i = 0; i < n; i++) {
                kit_record(&r, "/x", -1);
                r.mkdirs.path.data = (uint8_t *)big;
                r.mkdirs.path.len = sizeof(big);
                OK(commit_wait(kit.commit, &r.record, NULL, &kit.err));
        }
}

static inline void kit_checkpoint(void)
{
        uint64_t index;

        OK(commit_checkpoint(kit.commit, &index, &kit.err));
        assert_int_equal(index, commit_checkpoint_index(kit.commit));
}

static inline void kit_other_boot(void)
{
        char path[256];
        int fd;

        (void)snprintf(path, sizeof(path), "%s/boot", kit.tables);
        fd = open(path, O_WRONLY);
        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, "00000000-0000-0000-0000-000000000000", 36, 0), 36);
        assert_int_equal(close(fd), 0);
}

static inline void kit_expect(const struct kit_digest *want)
{
        struct kit_digest d = kit_digest();

        kit_same(want, &d);
}

static inline void kit_refused(const char *text)
{
        assert_int_equal(kit_start_with(true), BDFS_CORRUPT);
        if (strstr(kit.err.text, text) == NULL)
                (void)fprintf(stderr, "text: %s\n", kit.err.text);
        assert_non_null(strstr(kit.err.text, text));
}

static inline int kit_set_up(void **state)
{
        (void)state;
        memset(&kit, 0, sizeof(kit));
        kit.checkpoint_bytes = GIB;
        (void)snprintf(kit.dir, sizeof(kit.dir), "/tmp/test_commit.XXXXXX");
        if (mkdtemp(kit.dir) == NULL)
                return -1;
        (void)snprintf(kit.tables, sizeof(kit.tables), "%s/tables", kit.dir);
        (void)snprintf(kit.journal_dir, sizeof(kit.journal_dir), "%s/journal", kit.dir);
        (void)snprintf(kit.checkpoints, sizeof(kit.checkpoints), "%s/checkpoints", kit.dir);
        return 0;
}

static inline int kit_tear_down(void **state)
{
        char command[128];

        (void)state;
        (void)snprintf(command, sizeof(command), "rm -rf %s", kit.dir);
        return system(command);
}

#define T(name) cmocka_unit_test_setup_teardown(name, kit_set_up, kit_tear_down)
