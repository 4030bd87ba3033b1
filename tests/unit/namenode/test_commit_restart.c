/* The committer after a stop, a crash, a power loss: the same records, the same tables. */
#include <sys/stat.h>

#include "namenode/commit/checkpoint.h"
#include "tests/unit/namenode/test_commit_kit.h"

static void checkpoints_are(const uint64_t *want, size_t want_n)
{
        uint64_t index[CHECKPOINTS_MAX];
        size_t n;

        OK(checkpoint_list(kit.checkpoints, index, &n, &kit.err));
        assert_int_equal(n, want_n);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(index[i], want[i]);
}

static void checkpoint_path(char ret[256], uint64_t index, const char *rest)
{
        (void)snprintf(ret, 256, "%s/checkpoint-%016llx%s", kit.checkpoints,
                       (unsigned long long)index, rest);
}

static void flip_byte(const char *path, off_t at)
{
        int fd = open(path, O_RDWR);
        uint8_t byte;

        assert_true(fd >= 0);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        assert_int_equal(close(fd), 0);
}

static void flip_checkpoint(uint64_t index)
{
        char path[256];

        checkpoint_path(path, index, "");
        flip_byte(path, 9000);
}

static void nothing_there_needs_a_format(void **state)
{
        (void)state;
        assert_int_equal(kit_start_with(false), BDFS_NOT_FOUND);
        kit_start();
        assert_int_equal(commit_index(kit.commit), 1);
        kit_stop(true);
        OK(kit_start_with(false));
        assert_int_equal(commit_index(kit.commit), 1);
        kit_stop(true);
        kit_start(); /* an old namespace is not formatted again */
        assert_int_equal(commit_index(kit.commit), 1);
        kit_stop(true);
}

static void every_kind_of_restart_gives_the_same_tables(void **state)
{
        struct kit_digest d;

        (void)state;
        kit_start();
        for (int round = 0; round < 12; round++) {
                kit_changes(40);
                if (round == 5 || round == 8)
                        kit_checkpoint();
                d = kit_digest();
                kit_stop(round % 2 == 0);
                if (round % 3 == 1)
                        kit_other_boot();
                if (round % 3 == 2)
                        kit_drop_tables();
                kit_start();
                kit_expect(&d);
        }
        kit_stop(true);
}

static void a_journal_of_thousands_replays(void **state)
{
        struct kit_digest d;

        (void)state;
        kit_start();
        kit_changes(2500); /* more than one transaction */
        d = kit_digest();
        kit_stop(true);
        kit_drop_tables();
        kit_start();
        kit_expect(&d);
        kit_stop(true);
}

static void tables_of_another_cluster_are_refused(void **state)
{
        struct store_txn *t;
        const uint8_t *v;
        uint8_t row[33];
        size_t n;

        (void)state;
        kit_start();
        kit_stop(true);
        OK(kit_open());
        OK(store_begin_write(kit.store, &t, &kit.err));
        OK(store_get(t, TABLE_META, "applied", 7, &v, &n, &kit.err));
        memcpy(row, v, n);
        row[32] ^= 1;
        OK(store_put(t, TABLE_META, "applied", 7, row, n, &kit.err));
        OK(store_commit(t, &kit.err));
        kit_close(true);
        assert_int_equal(kit_start_with(true), BDFS_INVALID);
}

static void two_checkpoints_are_kept_and_the_journal_is_trimmed(void **state)
{
        struct kit_digest d;
        char path[256];

        (void)state;
        kit_start();
        kit_checkpoint();
        kit_checkpoint(); /* nothing changed: the same */
        checkpoints_are((uint64_t[]){1}, 1);
        kit_large_changes(16);
        kit_checkpoint();
        checkpoints_are((uint64_t[]){17, 1}, 2);
        kit_large_changes(16);
        (void)snprintf(path, sizeof(path), "%s/journal-0000000000000001", kit.journal_dir);
        assert_int_equal(access(path, F_OK), 0); /* the older checkpoint needs it */
        kit_checkpoint();
        checkpoints_are((uint64_t[]){33, 17}, 2);
        (void)kit_made("/after");
        assert_int_equal(access(path, F_OK), -1);
        d = kit_digest();
        kit_stop(true);
        for (int round = 0; round < 2; round++) { /* from the newest, then from the older */
                kit_drop_tables();
                kit_start();
                assert_int_equal(journal_first(kit.journal), 17);
                kit_expect(&d);
                kit_stop(true);
                flip_checkpoint(33);
        }
        flip_checkpoint(33); /* the loop ended with it good again */
        flip_checkpoint(17);
        kit_drop_tables();
        kit_refused("is not what its .ok file says"); /* nor does the journal reach back */
}

static void checkpoints_are_made_as_the_journal_grows(void **state)
{
        (void)state;
        kit.checkpoint_bytes = 30000;
        kit_start();
        while (commit_checkpoint_index(kit.commit) < 500)
                kit_changes(10);
        kit_stop(false);
        kit_start();
        assert_true(commit_checkpoint_index(kit.commit) >= 500);
        kit_stop(true);
}

static void a_crash_while_copying_leaves_what_was_there(void **state)
{
        static const char *const remains[] = {"checkpoint.new", "checkpoint-0000000000000099",
                                              "checkpoint-0000000000000099.ok.new"};
        struct kit_digest d;
        char path[256];

        (void)state;
        kit_start();
        kit_changes(5);
        kit_checkpoint();
        kit_changes(5);
        d = kit_digest();
        kit_stop(true);
        for (size_t i = 0; i < 3; i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", kit.checkpoints, remains[i]);
                assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
        }
        kit_drop_tables();
        kit_start();
        kit_expect(&d);
        kit_checkpoint();
        checkpoints_are((uint64_t[]){11, 6}, 2);
        for (size_t i = 0; i < 3; i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", kit.checkpoints, remains[i]);
                assert_int_equal(access(path, F_OK), -1);
        }
        kit_stop(true);
}

static void a_checkpoint_under_another_index_is_not_used(void **state)
{
        char from[256], to[256];
        struct kit_digest d;

        (void)state;
        kit_start();
        kit_changes(5);
        kit_checkpoint();
        kit_changes(5);
        d = kit_digest();
        kit_stop(true);
        checkpoint_path(from, 6, "");
        checkpoint_path(to, 7, "");
        assert_int_equal(rename(from, to), 0);
        checkpoint_path(from, 6, ".ok");
        checkpoint_path(to, 7, ".ok");
        assert_int_equal(rename(from, to), 0);
        kit_drop_tables();
        kit_start(); /* from the first record instead */
        kit_expect(&d);
        kit_stop(true);
}

static void every_part_of_a_checkpoint_is_verified(void **state)
{
        struct kit_digest d;
        struct stat st;
        char path[256];

        (void)state;
        kit_start();
        kit_changes(50);
        kit_checkpoint();
        d = kit_digest();
        kit_stop(true);
        checkpoint_path(path, 51, "");
        assert_int_equal(stat(path, &st), 0);
        for (off_t at = 0; at < st.st_size; at += 1 + st.st_size / 40) {
                OK(kit_open());
                OK(store_wipe(kit.store, &kit.err));
                flip_byte(path, at);
                assert_int_equal(
                        checkpoint_restore(kit.checkpoints, 51, kit.store, &kit.err),
                        BDFS_CORRUPT);
                flip_byte(path, at);
                kit_close(true);
        }
        kit_drop_tables();
        kit_start();
        kit_expect(&d);
        kit_stop(true);
}

/* Changes as fast as they go, each told over the pipe once acknowledged; checkpoints between. */
static void killed_child(int fd, unsigned round)
{
        uint64_t inode;

        kit.checkpoint_bytes = 5000;
        if (kit_start_with(true) != BDFS_OK)
                _exit(1);
        for (unsigned i = 0;; i++) {
                char path[32];

                (void)snprintf(path, sizeof(path), "/%u/%u", round, i);
                if (kit_do(path, (int)(round * 100000 + i), &inode) != BDFS_OK)
                        _exit(2);
                if (write(fd, &i, sizeof(i)) != sizeof(i))
                        _exit(3);
        }
}

static void check_after_kill(unsigned round, unsigned acked)
{
        struct kit_digest d;
        uint64_t first, again;
        char path[32];

        if (round % 3 == 1)
                kit_other_boot();
        if (round % 3 == 2)
                kit_drop_tables();
        kit_start();
        for (unsigned i = 0; i < acked; i++) {
                (void)snprintf(path, sizeof(path), "/%u/%u", round, i);
                assert_true(kit_has(path));
        }
        if (acked > 0) {
                first = commit_index(kit.commit);
                OK(kit_do(path, (int)(round * 100000 + acked - 1), &again)); /* a retry */
                assert_true(again <= first);
                assert_int_equal(commit_index(kit.commit), first);
        }
        d = kit_digest();
        kit_stop(true);
        kit_drop_tables();
        kit_start();
        kit_expect(&d);
        kit_stop(true);
}

static void a_killed_namenode_keeps_all_it_acknowledged(void **state)
{
        (void)state;
        kit_start();
        kit_stop(true);
        for (unsigned round = 0; round < 24; round++) {
                unsigned acked = 0, i;
                int fds[2];
                pid_t pid;

                assert_int_equal(pipe(fds), 0);
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0)
                        killed_child(fds[1], round);
                (void)close(fds[1]);
                if (round % 4 != 0 && read(fds[0], &i, sizeof(i)) == sizeof(i))
                        acked = i + 1;
                (void)usleep(round * 1300);
                assert_int_equal(kill(pid, SIGKILL), 0);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                while (read(fds[0], &i, sizeof(i)) == sizeof(i))
                        acked = i + 1;
                (void)close(fds[0]);
                check_after_kill(round, acked);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(nothing_there_needs_a_format),
                T(every_kind_of_restart_gives_the_same_tables),
                T(a_journal_of_thousands_replays),
                T(tables_of_another_cluster_are_refused),
                T(two_checkpoints_are_kept_and_the_journal_is_trimmed),
                T(checkpoints_are_made_as_the_journal_grows),
                T(a_crash_while_copying_leaves_what_was_there),
                T(a_checkpoint_under_another_index_is_not_used),
                T(every_part_of_a_checkpoint_is_verified),
                T(a_killed_namenode_keeps_all_it_acknowledged),
        };

        log_open("test", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
