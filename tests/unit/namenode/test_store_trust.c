/* The store: checksums, trust after a crash or a boot, copies. */
#include "tests/unit/namenode/test_store_kit.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(every_flipped_bit_of_a_value_is_found),
                T(a_crash_within_one_boot_keeps_the_last_commit),
                T(another_boot_discards_what_was_not_closed),
                T(an_orderly_close_is_trusted_after_another_boot_once),
                T(damaged_files_are_discarded),
                T(a_killed_writer_leaves_whole_transactions),
                T(a_copy_holds_its_snapshot_and_restores),
                T(a_copy_can_be_cancelled),
                T(damage_is_not_copied_and_not_restored),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
