/* The committer while it runs: batches, refusals, retries, failures. */
#include "tests/unit/namenode/test_commit_kit.h"

#include "namenode/journal/journal_format.h"

/* ---- many at once --------------------------------------------------------------------------- */

struct many {
        struct kit_record r;
        struct commit_request request;
        atomic_bool done;
};

static void many_done(struct commit_request *request)
{
        struct many *m = (struct many *)(void *)((char *)request - offsetof(struct many, request));

        atomic_store(&m->done, true);
}

static void submit(struct many *m, const char *path, int call)
{
        memset(m, 0, sizeof(*m));
        kit_record(&m->r, path, call);
        m->request.record = &m->r.record;
        m->request.done = many_done;
        OK(commit_submit(kit.commit, &m->request, &kit.err));
}

/* Takes the answer: 0 and the status when refused. */
static uint64_t wait_for(struct many *m, enum bdfs_status *ret)
{
        uint64_t inode = 0;

        while (!atomic_load(&m->done))
                os_sleep_ms(1);
        *ret = m->request.status;
        if (*ret == BDFS_OK)
                inode = m->request.result->inode;
        op_result_free(m->request.result);
        return inode;
}

static unsigned batches_in_journal(void)
{
        char path[256];
        struct journal_header h;
        struct journal_batch b;
        struct journal_walk w;
        unsigned n = 0;
        uint8_t *p = malloc(MIB);
        int fd;

        assert_non_null(p);
        (void)snprintf(path, sizeof(path), "%s/journal-0000000000000001", kit.journal_dir);
        fd = open(path, O_RDONLY);
        assert_true(fd >= 0);
        assert_int_equal(pread(fd, p, MIB, 0), MIB);
        assert_int_equal(close(fd), 0);
        OK(journal_header_decode(p, MIB, &h, &kit.err));
        w = journal_walk_of(p, MIB, &h);
        while (journal_walk_next(&w, &b) && b.count > 0)
                n++;
        free(p);
        return n;
}

static void what_waits_is_synced_together(void **state)
{
        enum { N = 4000 };
        struct many *m = calloc(N, sizeof(*m));
        enum bdfs_status rc;

        (void)state;
        assert_non_null(m);
        kit_start();
        for (int i = 0; i < N; i++) {
                char path[32];

                (void)snprintf(path, sizeof(path), "/%d", i);
                submit(&m[i], path, i);
        }
        for (int i = 0; i < N; i++) {
                assert_int_equal(wait_for(&m[i], &rc), i + 2); /* in order; 1 is the format */
                assert_int_equal(rc, BDFS_OK);
        }
        assert_int_equal(commit_index(kit.commit), N + 1);
        assert_true(batches_in_journal() < N / 4);
        kit_stop(true);
        free(m);
}

static void submit_from_thread(void *arg)
{
        unsigned number = *(unsigned *)arg;

        for (unsigned i = 0; i < 200; i++) {
                struct kit_record r;
                struct bdfs_err err;
                char path[32];

                (void)snprintf(path, sizeof(path), "/%u/%u", number, i);
                kit_record(&r, path, -1);
                BDFS_ASSERT(commit_wait(kit.commit, &r.record, NULL, &err) == BDFS_OK);
        }
}

static void many_threads_submit_and_read(void **state)
{
        struct os_thread *thread[8];
        unsigned number[8];
        struct kit_digest d;

        (void)state;
        kit.checkpoint_bytes = 20000; /* some checkpoints meanwhile */
        kit_start();
        for (unsigned i = 0; i < 8; i++) {
                number[i] = i;
                OK(os_thread_start(&thread[i], "submitter", submit_from_thread, &number[i],
                                   &kit.err));
        }
        do
                d = kit_digest();
        while (d.index < 1601);
        for (unsigned i = 0; i < 8; i++)
                os_thread_join(thread[i]);
        assert_int_equal(commit_index(kit.commit), 1601);
        assert_true(kit_has("/7/199"));
        kit_stop(true);
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void a_refused_request_leaves_nothing(void **state)
{
        struct kit_digest before, after;
        uint64_t inode;

        (void)state;
        kit_start();
        (void)kit_made("/a");
        before = kit_digest();
        assert_int_equal(kit_do("!no", 1, &inode), BDFS_EXISTS);
        assert_string_equal(kit.err.text, "refused");
        assert_int_equal(kit_do("=same", 2, &inode), BDFS_OK);
        assert_int_equal(inode, 0);
        after = kit_digest();
        kit_same(&before, &after);
        assert_int_equal(kit_made("/b"), before.index + 1);
        kit_stop(true);
}

static void hold_the_committer(struct many *m)
{
        atomic_store(&kit.gate, false);
        submit(m, "~gate", -1);
        os_sleep_ms(20); /* it has taken that and waits in it */
}

static void one_that_cannot_be_applied_harms_no_other(void **state)
{
        static const char *const paths[] = {"/a", "#memory", "/b", "!no", "$space", "/c"};
        static const enum bdfs_status want[] = {BDFS_OK,     BDFS_NO_MEMORY, BDFS_OK,
                                                BDFS_EXISTS, BDFS_NO_SPACE,  BDFS_OK};
        static struct many m[6], gate;
        struct kit_digest d, again;
        enum bdfs_status rc;

        (void)state;
        kit_start();
        hold_the_committer(&gate);
        for (int i = 0; i < 6; i++)
                submit(&m[i], paths[i], i);
        atomic_store(&kit.gate, true);
        (void)wait_for(&gate, &rc);
        for (int i = 0; i < 6; i++) {
                (void)wait_for(&m[i], &rc);
                assert_int_equal(rc, want[i]);
                assert_int_equal(kit_has(paths[i]), want[i] == BDFS_OK);
        }
        assert_int_equal(commit_index(kit.commit), 5);
        assert_int_equal(atomic_load(&kit.fatal), 0);
        d = kit_digest();
        kit_stop(true);
        kit_drop_tables();
        kit_start();
        again = kit_digest();
        kit_same(&d, &again);
        kit_stop(true);
}

static void a_full_queue_says_so(void **state)
{
        struct many *m = calloc(COMMIT_QUEUE_MAX + 1, sizeof(*m));
        struct many last, gate;
        enum bdfs_status rc;

        (void)state;
        assert_non_null(m);
        kit_start();
        hold_the_committer(&gate);
        for (int i = 0; i < COMMIT_QUEUE_MAX; i++)
                submit(&m[i], "/x", -1);
        kit_record(&last.r, "/x", -1);
        last.request.record = &last.r.record;
        assert_int_equal(commit_submit(kit.commit, &last.request, &kit.err), BDFS_LIMIT);
        atomic_store(&kit.gate, true);
        (void)wait_for(&gate, &rc);
        for (int i = 0; i < COMMIT_QUEUE_MAX; i++) {
                (void)wait_for(&m[i], &rc);
                assert_int_equal(rc, BDFS_OK);
        }
        kit_stop(true);
        free(m);
}

static void impossible_requests_are_not_queued(void **state)
{
        static char huge[17 * MIB];
        struct kit_record r;

        (void)state;
        kit_start();
        kit_record(&r, "/x", 1);
        r.record.client_id.len = 0;
        assert_int_equal(commit_wait(kit.commit, &r.record, NULL, &kit.err), BDFS_INVALID);
        kit_record(&r, "/x", 1);
        r.record.has_call_id = 0;
        assert_int_equal(commit_wait(kit.commit, &r.record, NULL, &kit.err), BDFS_INVALID);
        kit_record(&r, "/x", -1);
        r.mkdirs.path.data = (uint8_t *)huge;
        r.mkdirs.path.len = sizeof(huge);
        assert_int_equal(commit_wait(kit.commit, &r.record, NULL, &kit.err), BDFS_LIMIT);
        r.mkdirs.path.len = 15 * MIB; /* each in a batch of its own, nearly */
        memset(huge, 'h', sizeof(huge));
        for (int i = 0; i < 3; i++)
                OK(commit_wait(kit.commit, &r.record, NULL, &kit.err));
        kit_stop(true);
}

static void stopping_answers_all_that_was_submitted(void **state)
{
        static struct many m[500];
        enum bdfs_status rc;

        (void)state;
        kit_start();
        for (int i = 0; i < 500; i++)
                submit(&m[i], "/x", i);
        kit_stop(true);
        for (int i = 0; i < 500; i++) {
                assert_true(atomic_load(&m[i].done));
                (void)wait_for(&m[i], &rc);
                assert_int_equal(rc, BDFS_OK);
        }
}

static void freed_blocks_are_told_before_the_answer(void **state)
{
        (void)state;
        kit_start();
        (void)kit_made("/a");
        assert_int_equal(atomic_load(&kit.freed), 0);
        (void)kit_made("*a");
        assert_int_equal(atomic_load(&kit.freed), 1);
        (void)kit_made("*b");
        (void)kit_made("/b");
        assert_int_equal(atomic_load(&kit.freed), 2);
        kit_stop(true);
}

static void time_never_goes_back(void **state)
{
        uint8_t future[16] = {0};
        struct store_txn *t;
        const uint8_t *v;
        uint8_t row[33];
        size_t n;

        (void)state;
        kit_start();
        (void)kit_made("/a");
        kit_stop(true);
        OK(kit_open());
        OK(store_begin_write(kit.store, &t, &kit.err)); /* as if the clock had been far ahead */
        OK(store_get(t, TABLE_META, "applied", 7, &v, &n, &kit.err));
        assert_int_equal(n, sizeof(row));
        memcpy(row, v, n);
        put_u64be(row + 9, 1ULL << 50);
        OK(store_put(t, TABLE_META, "applied", 7, row, n, &kit.err));
        OK(store_commit(t, &kit.err));
        kit_close(true);
        kit_start();
        (void)kit_made("/b");
        OK(store_begin_read(kit.store, &t, &kit.err));
        OK(store_get(t, TABLE_INODE, "/b", 2, &v, &n, &kit.err));
        put_u64be(future + 8, 1ULL << 50);
        assert_memory_equal(v + 8, future + 8, 8);
        store_abort(t);
        kit_stop(true);
}

/* ---- retries -------------------------------------------------------------------------------- */

static void a_retry_gets_the_first_answer(void **state)
{
        uint64_t first, again;

        (void)state;
        kit_start();
        OK(kit_do("/a", 7, &first));
        (void)kit_made("/between");
        OK(kit_do("/a", 7, &again));
        assert_int_equal(again, first);
        OK(kit_do("/a", 8, &again));
        assert_int_not_equal(again, first);
        assert_int_equal(atomic_load(&kit.applied), 3);
        kit_stop(true);
}

static void a_retry_in_the_same_batch_gets_the_first_answer(void **state)
{
        static struct many m[5], gate;
        enum bdfs_status rc;

        (void)state;
        kit_start();
        hold_the_committer(&gate);
        for (int i = 0; i < 5; i++)
                submit(&m[i], "/a", 7);
        atomic_store(&kit.gate, true);
        (void)wait_for(&gate, &rc);
        for (int i = 0; i < 5; i++) {
                assert_int_equal(wait_for(&m[i], &rc), 3);
                assert_int_equal(rc, BDFS_OK);
        }
        assert_int_equal(atomic_load(&kit.applied), 2);
        assert_int_equal(commit_index(kit.commit), 3);
        kit_stop(true);
}

static void a_retry_after_restart_and_rebuild_gets_the_first_answer(void **state)
{
        uint64_t first, again, index;

        (void)state;
        kit_start();
        OK(kit_do("/a", 7, &first));
        for (int round = 0; round < 4; round++) {
                if (round == 2)
                        OK(commit_checkpoint(kit.commit, &index, &kit.err));
                (void)kit_made("/between");
                kit_stop(round % 2 == 0);
                if (round > 0)
                        kit_drop_tables();
                kit_start();
                OK(kit_do("/a", 7, &again));
                assert_int_equal(again, first);
        }
        kit_stop(true);
}

/* Who knows another's request id: the call is another, with checks and an answer of its own. */
static void an_answer_is_its_callers_alone(void **state)
{
        uint64_t alice, bob, inode, index;

        (void)state;
        kit_start();
        OK(kit_do_by("alice", "/a", 7, &alice));
        assert_int_equal(kit_do_by("bob", "!refused", 7, &inode), BDFS_EXISTS);
        OK(kit_do_by("bob", "/b", 7, &bob));
        assert_int_not_equal(bob, alice);
        for (int round = 0; round < 3; round++) {
                if (round == 1)
                        OK(commit_checkpoint(kit.commit, &index, &kit.err));
                OK(kit_do_by("alice", "/a", 7, &inode));
                assert_int_equal(inode, alice);
                OK(kit_do_by("bob", "/b", 7, &inode));
                assert_int_equal(inode, bob);
                assert_int_equal(kit_do_by("al", "!refused", 7, &inode), BDFS_EXISTS);
                assert_int_equal(kit_do_by("alicebob", "!refused", 7, &inode), BDFS_EXISTS);
                kit_stop(true);
                kit_drop_tables();
                kit_start();
        }
        kit_stop(true);
}

/* Rows of version 1: the key is client id and call id, whoever called. */
static void put_answer_of_before(struct store_txn *t, int call, uint64_t index, int64_t time_ms)
{
        Bdfs__OpResult answer = BDFS__OP_RESULT__INIT;
        uint8_t value[64] = {1}, key[21] = {1}, order[16];
        size_t n;

        memset(key + 1, 'c', 16);
        put_u32be(key + 17, (uint32_t)call);
        answer.has_inode = 1;
        answer.inode = index;
        n = bdfs__op_result__pack(&answer, value + 1);
        OK(store_put(t, TABLE_RETRY, key + 1, 20, value, 1 + n, &kit.err));
        put_u64be(order, (uint64_t)time_ms ^ 1ULL << 63);
        put_u64be(order + 8, index);
        OK(store_put(t, TABLE_RETRY_ORDER, order, 16, key, 21, &kit.err));
}

/* Nobody knows whose they are: a call that the upgrade cut off gets its answer, but only as long as
 * it would have got it then; who comes later with such an id makes a call of his own. */
static void answers_of_before_are_found_for_as_long_as_they_count(void **state)
{
        int64_t now = os_wall_ms();
        struct store_txn *t;
        uint64_t inode;

        (void)state;
        kit_start();
        kit_stop(true);
        OK(kit_open());
        OK(store_begin_write(kit.store, &t, &kit.err));
        put_answer_of_before(t, 7, 1001, now - RETRY_ANSWER_MS / 2);
        put_answer_of_before(t, 8, 1000, now - RETRY_ANSWER_MS - 1000);
        OK(store_commit(t, &kit.err));
        kit_close(true);
        kit_start();
        OK(kit_do_by("alice", "/a", 7, &inode));
        assert_int_equal(inode, 1001);
        OK(kit_do_by("alice", "/a", 8, &inode));
        assert_int_equal(inode, 2);
        OK(kit_do_by("alice", "/a", 8, &inode));
        assert_int_equal(inode, 2);
        kit_stop(true);
}

static void old_answers_go_when_there_are_many(void **state)
{
        enum { N = RETRY_ANSWERS_MIN + 500 };
        Bdfs__OpResult answer = BDFS__OP_RESULT__INIT;
        struct kit_record r;
        struct store_txn *t;
        Bdfs__OpResult *found;
        const uint8_t *value;
        size_t n;

        (void)state;
        OK(kit_open());
        OK(store_begin_write(kit.store, &t, &kit.err));
        for (int i = 0; i < N; i++) {
                kit_record(&r, "/x", i);
                r.record.index = (uint64_t)i + 1;
                r.record.time_ms = i < 1000 ? 1 : 1 + RETRY_ANSWER_MS + 1;
                OK(retry_store(t, &r.record, &answer, &kit.err));
                assert_true(store_count(t, TABLE_RETRY) <= RETRY_ANSWERS_MIN + 1);
        }
        assert_int_equal(store_count(t, TABLE_RETRY), store_count(t, TABLE_RETRY_ORDER));
        put_answer_of_before(t, N, 1, 0); /* the oldest now: rows of before go, too */
        kit_record(&r, "/x", N + 1);
        r.record.index = N + 2;
        r.record.time_ms = 1 + RETRY_ANSWER_MS + 1;
        OK(retry_store(t, &r.record, &answer, &kit.err));
        assert_int_equal(store_get(t, TABLE_RETRY_ORDER, "\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16,
                                   &value, &n, NULL), BDFS_NOT_FOUND);
        assert_int_equal(store_count(t, TABLE_RETRY), store_count(t, TABLE_RETRY_ORDER));
        kit_record(&r, "/x", 0);
        OK(retry_find(t, &r.record, 1 + RETRY_ANSWER_MS + 1, &found, &kit.err));
        assert_null(found);
        kit_record(&r, "/x", 1001);
        OK(retry_find(t, &r.record, 1 + RETRY_ANSWER_MS + 1, &found, &kit.err));
        assert_non_null(found);
        op_result_free(found);
        store_abort(t);
        kit_close(true);
}

/* ---- failures ------------------------------------------------------------------------------- */

static void damage_ends_everything_and_the_next_start_rebuilds(void **state)
{
        struct kit_digest before, after;
        uint64_t inode;

        (void)state;
        kit_start();
        (void)kit_made("/a");
        before = kit_digest();
        assert_int_equal(kit_do("%damage", 1, &inode), BDFS_CLOSED);
        assert_int_equal(atomic_load(&kit.fatal), 1);
        assert_int_equal(kit_do("/b", 2, &inode), BDFS_CLOSED);
        assert_true(kit_has("/a")); /* reads go on until the process ends */
        assert_false(kit_has("/b"));
        kit_stop(true);
        kit_start();
        assert_true(kit.fresh);
        after = kit_digest();
        kit_same(&before, &after);
        kit_stop(true);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(what_waits_is_synced_together),
                T(many_threads_submit_and_read),
                T(a_refused_request_leaves_nothing),
                T(one_that_cannot_be_applied_harms_no_other),
                T(a_full_queue_says_so),
                T(impossible_requests_are_not_queued),
                T(stopping_answers_all_that_was_submitted),
                T(freed_blocks_are_told_before_the_answer),
                T(time_never_goes_back),
                T(a_retry_gets_the_first_answer),
                T(an_answer_is_its_callers_alone),
                T(answers_of_before_are_found_for_as_long_as_they_count),
                T(a_retry_in_the_same_batch_gets_the_first_answer),
                T(a_retry_after_restart_and_rebuild_gets_the_first_answer),
                T(old_answers_go_when_there_are_many),
                T(damage_ends_everything_and_the_next_start_rebuilds),
        };

        log_open("test", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
