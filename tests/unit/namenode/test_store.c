/* The store: rows, snapshots, cursors, lack of space. */
#include "tests/unit/namenode/test_store_kit.h"

static void rows_live_through_commit_and_close(void **state)
{
        struct store *s = open_store(true);
        struct store_txn *t;

        (void)state;
        assert_int_equal(store_tables(s), TABLES);
        OK(store_begin_write(s, &t, &err));
        put(t, A, "key", "in a");
        put(t, B, "key", "in b");
        put(t, A, "empty", "");
        put(t, A, "gone", "x");
        assert_string_equal(get(t, A, "key"), "in a");
        OK(store_del(t, A, "gone", 4, &err));
        assert_int_equal(store_del(t, A, "gone", 4, &err), BDFS_NOT_FOUND);
        OK(store_commit(t, &err));
        OK(store_close(s, &err));

        s = open_store(false);
        OK(store_begin_read(s, &t, &err));
        assert_string_equal(get(t, A, "key"), "in a");
        assert_string_equal(get(t, B, "key"), "in b");
        assert_string_equal(get(t, A, "empty"), "");
        assert_string_equal(get(t, A, "gone"), "NOT_FOUND");
        assert_int_equal(store_count(t, A), 2);
        assert_int_equal(store_count(t, B), 1);
        store_abort(t);
        assert_true(store_disk_bytes(s) > 0);
        OK(store_close(s, &err));
}

static void an_aborted_transaction_leaves_nothing(void **state)
{
        struct store *s = open_store(true);
        struct store_txn *t;

        (void)state;
        put_now(s, "key", "first");
        OK(store_begin_write(s, &t, &err));
        put(t, A, "key", "second");
        put(t, A, "other", "x");
        store_abort(t);
        store_abort(NULL);
        assert_string_equal(get_now(s, "key"), "first");
        assert_string_equal(get_now(s, "other"), "NOT_FOUND");
        OK(store_close(s, &err));
}

static void a_value_from_a_row_can_be_put_again(void **state)
{
        struct store *s = open_store(true);
        struct store_txn *t;
        const uint8_t *v;
        char key[16];
        size_t n;

        (void)state;
        put_now(s, "0", "the value that wanders");
        OK(store_begin_write(s, &t, &err));
        for (int i = 1; i < 1000; i++) {
                (void)snprintf(key, sizeof(key), "%d", i - 1);
                OK(store_get(t, A, key, strlen(key), &v, &n, &err));
                (void)snprintf(key, sizeof(key), "%d", i);
                OK(store_put(t, A, key, strlen(key), v, n, &err));
        }
        OK(store_commit(t, &err));
        assert_string_equal(get_now(s, "999"), "the value that wanders");
        OK(store_close(s, &err));
}

static void keys_of_wrong_length_are_refused(void **state)
{
        static const char longest[STORE_KEY_BYTES_MAX + 1] = {'k'};
        struct store *s = open_store(true);
        struct store_txn *t;
        const uint8_t *v;
        size_t n;

        (void)state;
        OK(store_begin_write(s, &t, &err));
        assert_int_equal(store_put(t, A, "", 0, "x", 1, &err), BDFS_INVALID);
        assert_int_equal(store_get(t, A, "", 0, &v, &n, &err), BDFS_INVALID);
        assert_int_equal(store_put(t, A, longest, sizeof(longest), "x", 1, &err), BDFS_INVALID);
        assert_int_equal(store_del(t, A, longest, sizeof(longest), &err), BDFS_INVALID);
        OK(store_put(t, A, longest, STORE_KEY_BYTES_MAX, "x", 1, &err));
        OK(store_commit(t, &err));
        OK(store_close(s, &err));
}

static void large_values_are_kept(void **state)
{
        static uint8_t big[3000000];
        struct store *s = open_store(true);
        struct store_txn *t;
        const uint8_t *v;
        size_t n;

        (void)state;
        os_random(big, sizeof(big));
        OK(store_begin_write(s, &t, &err));
        OK(store_put(t, A, "big", 3, big, sizeof(big), &err));
        OK(store_commit(t, &err));
        OK(store_begin_read(s, &t, &err));
        OK(store_get(t, A, "big", 3, &v, &n, &err));
        assert_int_equal(n, sizeof(big));
        assert_memory_equal(v, big, n);
        store_abort(t);
        OK(store_close(s, &err));
}

static void a_second_opener_is_refused(void **state)
{
        struct store *s = open_store(true), *second;
        struct store_config c = config();
        bool fresh;

        (void)state;
        assert_int_equal(store_open(&second, &c, &fresh, &err), BDFS_LIMIT);
        assert_non_null(strstr(err.text, "another process"));
        OK(store_close(s, &err));
}

static void a_reader_sees_one_moment(void **state)
{
        struct store *s = open_store(true);
        struct store_txn *before, *after;

        (void)state;
        put_now(s, "key", "old");
        OK(store_begin_read(s, &before, &err));
        put_now(s, "key", "new");
        put_now(s, "more", "x");
        OK(store_begin_read(s, &after, &err));
        assert_string_equal(get(before, A, "key"), "old");
        assert_string_equal(get(before, A, "more"), "NOT_FOUND");
        assert_int_equal(store_count(before, A), 1);
        assert_string_equal(get(after, A, "key"), "new");
        store_abort(before);
        store_abort(after);
        assert_string_equal(get_now(s, "key"), "new"); /* a used transaction starts afresh */
        OK(store_close(s, &err));
}

static void hundreds_of_readers_at_once_are_fine(void **state)
{
        static struct store_txn *t[500];
        struct store *s = open_store(true);

        (void)state;
        put_now(s, "key", "value");
        for (int round = 0; round < 3; round++) {
                for (size_t i = 0; i < 500; i++)
                        OK(store_begin_read(s, &t[i], &err));
                assert_string_equal(get(t[499], A, "key"), "value");
                for (size_t i = 0; i < 500; i++)
                        store_abort(t[i]);
        }
        OK(store_close(s, &err));
}

struct stress {
        struct store *store;
        atomic_bool stop;
};

static void stress_reader(void *arg)
{
        struct stress *x = arg;

        while (!atomic_load(&x->stop)) {
                const uint8_t *a, *b;
                struct store_txn *t;
                size_t a_n, b_n;
                struct bdfs_err e;

                BDFS_ASSERT(store_begin_read(x->store, &t, &e) == BDFS_OK);
                BDFS_ASSERT(store_get(t, A, "k", 1, &a, &a_n, &e) == BDFS_OK);
                BDFS_ASSERT(store_get(t, B, "k", 1, &b, &b_n, &e) == BDFS_OK);
                BDFS_ASSERT(a_n == b_n && memcmp(a, b, a_n) == 0);
                store_abort(t);
        }
}

static void readers_beside_a_writer_see_whole_transactions(void **state)
{
        struct stress x = {.store = open_store(true)};
        struct os_thread *reader[4];
        struct store_txn *t;

        (void)state;
        atomic_init(&x.stop, false);
        for (unsigned i = 0; i < 2000; i++) {
                char value[32];

                (void)snprintf(value, sizeof(value), "%u", i);
                OK(store_begin_write(x.store, &t, &err));
                put(t, A, "k", value);
                put(t, B, "k", value);
                OK(store_commit(t, &err));
                for (size_t r = 0; i == 0 && r < 4; r++)
                        OK(os_thread_start(&reader[r], "reader", stress_reader, &x, &err));
        }
        atomic_store(&x.stop, true);
        for (size_t r = 0; r < 4; r++)
                os_thread_join(reader[r]);
        OK(store_close(x.store, &err));
}

/* The key where the cursor stands, or the status's name. */
static const char *at(struct store_cursor *c, enum bdfs_status rc)
{
        static char text[64];
        const uint8_t *k, *v;
        size_t k_n, v_n;

        if (rc != BDFS_OK)
                return bdfs_status_name(rc);
        store_cursor_at(c, &k, &k_n, &v, &v_n);
        (void)snprintf(text, sizeof(text), "%.*s", (int)k_n, (const char *)k);
        assert_int_equal(v_n, 1);
        assert_int_equal(v[0], k[0]);
        return text;
}

static void cursors_stop_at_both_ends(void **state)
{
        struct store *s = open_store(true);
        struct store_cursor *c;
        struct store_txn *t;

        (void)state;
        OK(store_begin_write(s, &t, &err));
        OK(store_cursor_open(t, A, &c, &err));
        assert_string_equal(at(c, store_cursor_seek(c, NULL, 0, &err)), "NOT_FOUND");
        assert_string_equal(at(c, store_cursor_seek(c, "x", 1, &err)), "NOT_FOUND");
        assert_string_equal(at(c, store_cursor_before(c, "x", 1, &err)), "NOT_FOUND");
        assert_string_equal(at(c, store_cursor_before(c, NULL, 0, &err)), "NOT_FOUND");
        store_cursor_close(c);
        put(t, A, "b", "b");
        put(t, A, "d", "d");
        put(t, A, "dd", "d");
        OK(store_commit(t, &err));

        OK(store_begin_read(s, &t, &err));
        OK(store_cursor_open(t, A, &c, &err));
        assert_string_equal(at(c, store_cursor_seek(c, NULL, 0, &err)), "b");
        assert_string_equal(at(c, store_cursor_next(c, &err)), "d");
        assert_string_equal(at(c, store_cursor_next(c, &err)), "dd");
        assert_string_equal(at(c, store_cursor_next(c, &err)), "NOT_FOUND");
        assert_string_equal(at(c, store_cursor_seek(c, "b", 1, &err)), "b");
        assert_string_equal(at(c, store_cursor_seek(c, "c", 1, &err)), "d");
        assert_string_equal(at(c, store_cursor_seek(c, "de", 2, &err)), "NOT_FOUND");
        assert_string_equal(at(c, store_cursor_before(c, "b", 1, &err)), "NOT_FOUND");
        assert_string_equal(at(c, store_cursor_before(c, "c", 1, &err)), "b");
        assert_string_equal(at(c, store_cursor_before(c, "dd", 2, &err)), "d");
        assert_string_equal(at(c, store_cursor_before(c, "zz", 2, &err)), "dd");
        assert_string_equal(at(c, store_cursor_before(c, NULL, 0, &err)), "dd");
        store_cursor_close(c);
        store_cursor_close(NULL);
        store_abort(t);
        OK(store_close(s, &err));
}

static int as_bytes(const void *a, const void *b)
{
        const char *x = *(const char *const *)a, *y = *(const char *const *)b;

        return strcmp(x, y);
}

/* As memcmp() has them, the shorter first: around the eight bytes that are compared as a number. */
static void keys_are_in_the_order_of_their_bytes(void **state)
{
        const char *keys[] = {"a", "ab", "abcdefg", "abcdefgh", "abcdefgi", "abcdefgha",
                              "abcdefghab", "abcdefghb", "\x7f", "\x80",
                              "\xff\xff\xff\xff\xff\xff\xff\x01",
                              "\x01\xff\xff\xff\xff\xff\xff\xff", "\xff", "abcdefg\xff", "b"};
        const size_t n = sizeof(keys) / sizeof(keys[0]);
        struct store *s = open_store(true);
        const uint8_t *key, *value;
        struct store_cursor *c;
        struct store_txn *t;
        size_t key_n, value_n;

        (void)state;
        OK(store_begin_write(s, &t, &err));
        for (size_t i = 0; i < n; i++)
                put(t, A, keys[i], "");
        OK(store_commit(t, &err));
        qsort(keys, n, sizeof(keys[0]), as_bytes); /* strcmp() compares unsigned bytes */
        OK(store_begin_read(s, &t, &err));
        OK(store_cursor_open(t, A, &c, &err));
        for (size_t i = 0; i < n; i++) {
                OK(i == 0 ? store_cursor_seek(c, "", 0, &err) : store_cursor_next(c, &err));
                store_cursor_at(c, &key, &key_n, &value, &value_n);
                assert_int_equal(key_n, strlen(keys[i]));
                assert_memory_equal(key, keys[i], key_n);
                OK(store_cursor_find(c, keys[i], key_n, &err));
        }
        assert_int_equal(store_cursor_next(c, &err), BDFS_NOT_FOUND);
        store_cursor_close(c);
        store_abort(t);
        OK(store_close(s, &err));
}

static void deleting_at_a_cursor_goes_on_behind_it(void **state)
{
        enum { ROWS = 3000 };
        struct store *s = open_store(true);
        struct store_cursor *c;
        struct store_txn *t;
        unsigned seen = 0;
        char key[16];

        (void)state;
        OK(store_begin_write(s, &t, &err));
        for (unsigned i = 0; i < ROWS; i++) {
                (void)snprintf(key, sizeof(key), "%05u", i);
                OK(store_put(t, A, key, 5, key, 1, &err));
        }
        OK(store_cursor_open(t, A, &c, &err));
        for (enum bdfs_status rc = store_cursor_seek(c, NULL, 0, &err); rc == BDFS_OK; seen++) {
                (void)snprintf(key, sizeof(key), "%05u", seen);
                assert_string_equal(at(c, BDFS_OK), key);
                if (seen % 3 != 0)
                        OK(store_cursor_del(c, &err));
                rc = store_cursor_next(c, &err);
        }
        assert_int_equal(seen, ROWS);
        store_cursor_close(c);
        assert_int_equal(store_count(t, A), ROWS / 3);
        OK(store_cursor_open(t, A, &c, &err));
        for (unsigned i = ROWS / 3; i > 0; i--) { /* from the end, and all */
                OK(store_cursor_before(c, NULL, 0, &err));
                OK(store_cursor_del(c, &err));
        }
        assert_int_equal(store_cursor_next(c, &err), BDFS_NOT_FOUND);
        store_cursor_close(c);
        assert_int_equal(store_count(t, A), 0);
        OK(store_commit(t, &err));
        OK(store_close(s, &err));
}

static void a_full_map_is_no_space_and_reads_go_on(void **state)
{
        struct store_config c = config();
        struct store_txn *t;
        enum bdfs_status rc = BDFS_OK;
        struct store *s;
        bool fresh;

        (void)state;
        c.map_bytes = MIB;
        OK(store_open(&s, &c, &fresh, &err));
        put_now(s, "key", "value");
        OK(store_begin_write(s, &t, &err));
        for (unsigned i = 0; rc == BDFS_OK; i++) {
                char key[16], value[1000] = {0};

                (void)snprintf(key, sizeof(key), "%u", i);
                rc = store_put(t, A, key, strlen(key), value, sizeof(value), &err);
        }
        assert_int_equal(rc, BDFS_NO_SPACE);
        store_abort(t);
        assert_string_equal(get_now(s, "key"), "value");
        put_now(s, "key", "still writable");
        OK(store_close(s, &err));
}

static int limited_child(void)
{
        struct rlimit limit = {.rlim_cur = 3 * MIB, .rlim_max = RLIM_INFINITY};
        struct store_config c = config();
        struct store_txn *t;
        const uint8_t *v;
        struct store *s;
        bool fresh;
        size_t n;

        (void)signal(SIGXFSZ, SIG_IGN);
        if (store_open(&s, &c, &fresh, &err) != BDFS_OK || setrlimit(RLIMIT_FSIZE, &limit) < 0)
                return 1;
        if (store_begin_write(s, &t, &err) != BDFS_NO_SPACE)
                return 2;
        if (store_begin_read(s, &t, &err) != BDFS_OK)
                return 3;
        if (store_get(t, A, "key", 3, &v, &n, &err) != BDFS_OK)
                return 4;
        store_abort(t);
        limit.rlim_cur = RLIM_INFINITY;
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || store_begin_write(s, &t, &err) != BDFS_OK)
                return 5;
        store_abort(t);
        return store_close(s, &err) == BDFS_OK ? 0 : 6;
}

static void no_room_to_grow_refuses_writers_before_they_start(void **state)
{
        struct store *s = open_store(true);
        int status;
        pid_t pid;

        (void)state;
        put_now(s, "key", "value");
        OK(store_close(s, &err));
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(limited_child());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* Rows that another program wrote: without a version, of the one that is known, and of a later. */
static void a_row_of_a_later_version_is_newer_and_not_damage(void **state)
{
        static const uint8_t known[TABLES] = {1, 2};
        struct store_config c = config();
        struct store *s = open_store(true);
        struct store_txn *t;
        char copy[96];
        bool fresh;

        (void)state;
        OK(store_begin_write(s, &t, &err));
        OK(store_put(t, A, "none", 4, "", 0, &err));
        OK(store_put(t, A, "zero", 4, "\0x", 2, &err));
        OK(store_put(t, A, "known", 5, "\1x", 2, &err));
        OK(store_put(t, A, "later", 5, "\2x", 2, &err));
        OK(store_put(t, B, "older", 5, "\1x", 2, &err));
        OK(store_put(t, B, "known", 5, "\2x", 2, &err));
        OK(store_commit(t, &err));
        OK(store_close(s, &err));
        c.versions = known;
        for (unsigned soft = 0; soft < 2; soft++) {
                enum bdfs_status later = soft ? BDFS_CORRUPT : BDFS_NEWER;

                c.soft = soft;
                OK(store_open(&s, &c, &fresh, &err));
                assert_false(fresh);
                OK(store_begin_read(s, &t, &err));
                assert_string_equal(get(t, A, "none"), "CORRUPT");
                assert_string_equal(get(t, A, "zero"), "CORRUPT");
                assert_string_equal(get(t, A, "known"), "\1x");
                assert_string_equal(get(t, A, "later"), bdfs_status_name(later));
                assert_non_null(strstr(err.text, "table a has a row of version 2; this program "
                                                 "knows up to 1: use a newer bdfs-namenode"));
                assert_string_equal(get(t, B, "older"), "\1x");
                assert_string_equal(get(t, B, "known"), "\2x");
                (void)snprintf(copy, sizeof(copy), "%s/copy", dir);
                assert_int_equal(store_copy(t, copy, NULL, &err), later);
                store_abort(t);
                OK(store_close(s, &err));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(rows_live_through_commit_and_close),
                T(an_aborted_transaction_leaves_nothing),
                T(a_value_from_a_row_can_be_put_again),
                T(keys_of_wrong_length_are_refused),
                T(large_values_are_kept),
                T(a_second_opener_is_refused),
                T(a_reader_sees_one_moment),
                T(hundreds_of_readers_at_once_are_fine),
                T(readers_beside_a_writer_see_whole_transactions),
                T(cursors_stop_at_both_ends),
                T(keys_are_in_the_order_of_their_bytes),
                T(deleting_at_a_cursor_goes_on_behind_it),
                T(a_full_map_is_no_space_and_reads_go_on),
                T(a_row_of_a_later_version_is_newer_and_not_damage),
                T(no_room_to_grow_refuses_writers_before_they_start),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
