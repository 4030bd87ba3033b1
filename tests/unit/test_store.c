/* The store: checksums, trust after a crash or a boot, snapshots, cursors, copies. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "namenode/store.h"

#define OK(call) assert_int_equal((call), BDFS_OK)

enum { A, B, TABLES };
static const char *const tables[] = {"a", "b"};
static struct bdfs_err err;
static char dir[64], env_dir[80];

static struct store_config config(void)
{
        return (struct store_config){
                .dir = env_dir, .tables = tables, .tables_n = TABLES, .map_bytes = GIB};
}

static struct store *open_store(bool want_fresh)
{
        struct store_config c = config();
        struct store *s;
        bool fresh;

        OK(store_open(&s, &c, &fresh, &err));
        assert_int_equal(fresh, want_fresh);
        return s;
}

static void put(struct store_txn *t, unsigned table, const char *key, const char *value)
{
        OK(store_put(t, table, key, strlen(key), value, strlen(value), &err));
}

static void put_now(struct store *s, const char *key, const char *value)
{
        struct store_txn *t;

        OK(store_begin_write(s, &t, &err));
        put(t, A, key, value);
        OK(store_commit(t, &err));
}

/* The value as text, or the status's name. */
static const char *get(struct store_txn *t, unsigned table, const char *key)
{
        static char text[256];
        const uint8_t *v;
        size_t n;
        enum bdfs_status rc = store_get(t, table, key, strlen(key), &v, &n, &err);

        if (rc != BDFS_OK)
                return bdfs_status_name(rc);
        (void)snprintf(text, sizeof(text), "%.*s", (int)n, (const char *)v);
        return text;
}

static const char *get_now(struct store *s, const char *key)
{
        struct store_txn *t;
        const char *text;

        OK(store_begin_read(s, &t, &err));
        text = get(t, A, key);
        store_abort(t);
        return text;
}

static char *in_env(const char *name)
{
        static char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", env_dir, name);
        return path;
}

static void write_file(const char *path, const void *bytes, size_t n)
{
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
}

static uint8_t *read_file(const char *path, size_t *ret_n)
{
        FILE *f = fopen(path, "r");
        struct stat st;
        uint8_t *p;

        assert_non_null(f);
        assert_int_equal(fstat(fileno(f), &st), 0);
        p = malloc((size_t)st.st_size + 1);
        assert_non_null(p);
        *ret_n = fread(p, 1, (size_t)st.st_size, f);
        assert_int_equal(fclose(f), 0);
        return p;
}

static void other_boot(void)
{
        write_file(in_env("boot"), "00000000-0000-0000-0000-000000000000", 36);
}

/* Flip a bit, @bit bits behind the start of each place in the file where @needle was at first. */
struct flipper {
        char path[256];
        off_t at[8];
        size_t n;
};

static struct flipper flipper_of(const char *path, const char *needle)
{
        struct flipper f = {.n = 0};
        size_t n, length = strlen(needle);
        uint8_t *p = read_file(path, &n);

        (void)snprintf(f.path, sizeof(f.path), "%s", path);
        for (size_t i = 0; i + length + 4 <= n && f.n < 8; i++)
                if (memcmp(p + i, needle, length) == 0)
                        f.at[f.n++] = (off_t)i;
        free(p);
        assert_true(f.n > 0);
        return f;
}

static void flip(const struct flipper *f, size_t bit)
{
        int fd = open(f->path, O_RDWR);
        uint8_t byte;

        assert_true(fd >= 0);
        for (size_t i = 0; i < f->n; i++) {
                off_t at = f->at[i] + (off_t)(bit / 8);

                assert_int_equal(pread(fd, &byte, 1, at), 1);
                byte ^= (uint8_t)(1 << bit % 8);
                assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }
        assert_int_equal(close(fd), 0);
}

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

static void expect_corrupt(struct store *s)
{
        struct store_cursor *c;
        struct store_txn *t;

        assert_string_equal(get_now(s, "key"), "CORRUPT");
        assert_non_null(strstr(err.text, "table a, key 6b6579"));
        OK(store_begin_read(s, &t, &err));
        OK(store_cursor_open(t, A, &c, &err));
        assert_int_equal(store_cursor_seek(c, NULL, 0, &err), BDFS_CORRUPT);
        store_cursor_close(c);
        store_abort(t);
}

static void every_flipped_bit_of_a_value_is_found(void **state)
{
        static const char value[] = "a value like no other";
        struct store *s = open_store(true);
        struct flipper f;

        (void)state;
        put_now(s, "key", value);
        OK(store_close(s, &err));
        f = flipper_of(in_env("data.mdb"), value);
        for (size_t bit = 0; bit < 8 * (strlen(value) + 4); bit++) {
                flip(&f, bit);
                s = open_store(false);
                expect_corrupt(s);
                store_abandon(s);
                flip(&f, bit);
        }
        s = open_store(false);
        assert_string_equal(get_now(s, "key"), value);
        OK(store_close(s, &err));
}

static void a_crash_within_one_boot_keeps_the_last_commit(void **state)
{
        struct store *s = open_store(true);
        struct store_txn *t;

        (void)state;
        put_now(s, "key", "value");
        OK(store_begin_write(s, &t, &err));
        put(t, A, "key", "never committed");
        store_abort(t);
        store_abandon(s);
        s = open_store(false);
        assert_string_equal(get_now(s, "key"), "value");
        OK(store_close(s, &err));
}

static void another_boot_discards_what_was_not_closed(void **state)
{
        struct store *s = open_store(true);

        (void)state;
        put_now(s, "key", "value");
        store_abandon(s);
        other_boot();
        s = open_store(true);
        assert_string_equal(get_now(s, "key"), "NOT_FOUND");
        put_now(s, "key", "second life");
        store_abandon(s);
        s = open_store(false);
        assert_string_equal(get_now(s, "key"), "second life");
        OK(store_close(s, &err));
}

static void an_orderly_close_is_trusted_after_another_boot_once(void **state)
{
        struct store *s = open_store(true);

        (void)state;
        put_now(s, "key", "value");
        OK(store_close(s, &err));
        assert_int_equal(access(in_env("clean"), F_OK), 0);
        other_boot();
        s = open_store(false);
        assert_string_equal(get_now(s, "key"), "value");
        assert_int_equal(access(in_env("clean"), F_OK), -1);
        store_abandon(s);
        other_boot();
        s = open_store(true);
        store_abandon(s);
}

static void damaged_files_are_discarded(void **state)
{
        static const char garbage[10000] = {'g'};

        (void)state;
        for (int kind = 0; kind < 5; kind++) {
                struct store *s = open_store(true);

                put_now(s, "key", "value");
                OK(store_close(s, &err));
                switch (kind) {
                case 0: assert_int_equal(unlink(in_env("data.mdb")), 0); break;
                case 1: write_file(in_env("data.mdb"), garbage, sizeof(garbage)); break;
                case 2: assert_int_equal(truncate(in_env("data.mdb"), 8192), 0); break;
                case 3: assert_int_equal(truncate(in_env("data.mdb"), 0), 0); break;
                case 4:
                        write_file(in_env("boot"), "short", 5);
                        assert_int_equal(unlink(in_env("clean")), 0);
                        break;
                }
                s = open_store(true);
                store_abandon(s);
        }
}

static void a_killed_writer_leaves_whole_transactions(void **state)
{
        (void)state;
        for (int round = 0; round < 20; round++) {
                char text[2][64];
                struct store_txn *t;
                struct store *s;
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0) {
                        struct store_config c = config();
                        bool fresh;

                        if (store_open(&s, &c, &fresh, &err) != BDFS_OK)
                                _exit(1);
                        for (unsigned i = 0;; i++) {
                                char value[64];
                                int n = snprintf(value, sizeof(value), "%d %u", round, i);

                                if (store_begin_write(s, &t, &err) != BDFS_OK ||
                                    store_put(t, A, "k", 1, value, (size_t)n, &err) != BDFS_OK ||
                                    store_put(t, B, "k", 1, value, (size_t)n, &err) != BDFS_OK ||
                                    store_commit(t, &err) != BDFS_OK)
                                        _exit(1);
                        }
                }
                (void)usleep(2000 + (unsigned)round * 700);
                assert_int_equal(kill(pid, SIGKILL), 0);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                struct store_config c = config();
                bool fresh;

                OK(store_open(&s, &c, &fresh, &err));
                OK(store_begin_read(s, &t, &err));
                (void)snprintf(text[0], 64, "%s", get(t, A, "k"));
                (void)snprintf(text[1], 64, "%s", get(t, B, "k"));
                assert_string_equal(text[0], text[1]);
                store_abort(t);
                store_abandon(s);
        }
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

static void fill(struct store *s, unsigned rows)
{
        struct store_txn *t;

        OK(store_begin_write(s, &t, &err));
        for (unsigned i = 0; i < rows; i++) {
                char key[32];

                (void)snprintf(key, sizeof(key), "row %u", i * 7919 % rows);
                put(t, i % TABLES, key, key);
        }
        OK(store_commit(t, &err));
}

static void copy_to(struct store *s, const char *path)
{
        struct store_txn *t;

        OK(store_begin_read(s, &t, &err));
        OK(store_copy(t, path, NULL, &err));
        store_abort(t);
}

static void a_copy_holds_its_snapshot_and_restores(void **state)
{
        struct store *s = open_store(true);
        struct store_txn *t;
        char copy[256];

        (void)state;
        (void)snprintf(copy, sizeof(copy), "%s/copy", dir);
        fill(s, 20000);
        OK(store_begin_read(s, &t, &err));
        put_now(s, "late", "not in the copy");
        OK(store_copy(t, copy, NULL, &err));
        assert_int_equal(store_copy(t, copy, NULL, &err), BDFS_EXISTS);
        store_abort(t);
        OK(store_wipe(s, &err));
        assert_string_equal(get_now(s, "row 0"), "NOT_FOUND");
        OK(store_restore(s, copy, &err));
        store_abandon(s);
        s = open_store(false);
        OK(store_begin_read(s, &t, &err));
        assert_int_equal(store_count(t, A), 10000);
        assert_int_equal(store_count(t, B), 10000);
        assert_string_equal(get(t, A, "row 0"), "row 0");
        assert_string_equal(get(t, A, "late"), "NOT_FOUND");
        store_abort(t);
        put_now(s, "late", "now");
        OK(store_close(s, &err));
}

static void a_copy_can_be_cancelled(void **state)
{
        struct store *s = open_store(true);
        struct store_txn *t;
        atomic_bool cancel;
        char copy[256];

        (void)state;
        (void)snprintf(copy, sizeof(copy), "%s/copy", dir);
        fill(s, 100);
        atomic_init(&cancel, true);
        OK(store_begin_read(s, &t, &err));
        assert_int_equal(store_copy(t, copy, &cancel, &err), BDFS_CLOSED);
        assert_int_equal(access(copy, F_OK), -1);
        store_abort(t);
        OK(store_close(s, &err));
}

static void damage_is_not_copied_and_not_restored(void **state)
{
        static const char value[] = "a value like no other";
        struct store *s = open_store(true);
        struct flipper f;
        struct store_txn *t;
        char copy[256], second[256];

        (void)state;
        (void)snprintf(copy, sizeof(copy), "%s/copy", dir);
        (void)snprintf(second, sizeof(second), "%s/second", dir);
        put_now(s, "key", value);
        copy_to(s, copy);
        OK(store_close(s, &err));

        f = flipper_of(in_env("data.mdb"), value);
        flip(&f, 11);
        s = open_store(false);
        OK(store_begin_read(s, &t, &err));
        assert_int_equal(store_copy(t, second, NULL, &err), BDFS_CORRUPT);
        assert_int_equal(access(second, F_OK), -1);
        store_abort(t);

        OK(store_wipe(s, &err));
        f = flipper_of(copy, value);
        flip(&f, 11);
        assert_int_equal(store_restore(s, copy, &err), BDFS_CORRUPT);
        (void)store_close(s, &err);
        assert_int_equal(access(in_env("clean"), F_OK), -1);
        s = open_store(true); /* half restored is not trusted, even within this boot */

        flip(&f, 11);
        OK(store_restore(s, copy, &err));
        assert_string_equal(get_now(s, "key"), value);
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

static int set_up(void **state)
{
        (void)state;
        (void)snprintf(dir, sizeof(dir), "/tmp/test_store.XXXXXX");
        if (mkdtemp(dir) == NULL)
                return -1;
        (void)snprintf(env_dir, sizeof(env_dir), "%s/env", dir);
        return 0;
}

static int tear_down(void **state)
{
        char command[128];

        (void)state;
        (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
        return system(command);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(rows_live_through_commit_and_close),
                T(an_aborted_transaction_leaves_nothing),
                T(a_value_from_a_row_can_be_put_again),
                T(keys_of_wrong_length_are_refused),
                T(large_values_are_kept),
                T(every_flipped_bit_of_a_value_is_found),
                T(a_crash_within_one_boot_keeps_the_last_commit),
                T(another_boot_discards_what_was_not_closed),
                T(an_orderly_close_is_trusted_after_another_boot_once),
                T(damaged_files_are_discarded),
                T(a_killed_writer_leaves_whole_transactions),
                T(a_second_opener_is_refused),
                T(a_reader_sees_one_moment),
                T(hundreds_of_readers_at_once_are_fine),
                T(readers_beside_a_writer_see_whole_transactions),
                T(cursors_stop_at_both_ends),
                T(deleting_at_a_cursor_goes_on_behind_it),
                T(a_copy_holds_its_snapshot_and_restores),
                T(a_copy_can_be_cancelled),
                T(damage_is_not_copied_and_not_restored),
                T(a_full_map_is_no_space_and_reads_go_on),
                T(no_room_to_grow_refuses_writers_before_they_start),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
