/* The journal when the disk is full, a write fails, the process is killed. */
#include "tests/unit/namenode/test_journal_kit.h"

/* RLIMIT_FSIZE stands in for a full disk: growing a file fails, its status is the same. */
static void limit_files(rlim_t bytes)
{
        struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

        BDFS_ASSERT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static int full_disk_child(void)
{
        struct journal *j;
        uint64_t n;

        (void)signal(SIGXFSZ, SIG_IGN);
        if (journal_open(&j, journal_dir, cluster, &err) != BDFS_OK)
                return 1;
        limit_files(16 * MIB);
        if (journal_reserve(j, 20 * MIB, &err) != BDFS_NO_SPACE)
                return 2;
        if (append(j, 1) != BDFS_OK) /* what there is can be used */
                return 3;
        if (journal_reserve(j, 20 * MIB, &err) != BDFS_NO_SPACE)
                return 4;
        limit_files(RLIM_INFINITY);
        if (journal_reserve(j, 20 * MIB, &err) != BDFS_OK || append(j, 1) != BDFS_OK)
                return 5;
        journal_close(j);
        if (journal_open(&j, journal_dir, cluster, &err) != BDFS_OK ||
            read_all(j, 1, &n) != BDFS_OK)
                return 6;
        journal_close(j);
        return n == 12 ? 0 : 7;
}

static int failed_write_child(void)
{
        struct journal *j;

        (void)signal(SIGXFSZ, SIG_IGN);
        if (journal_open(&j, journal_dir, cluster, &err) != BDFS_OK)
                return 1;
        if (journal_reserve(j, 1000, &err) != BDFS_OK)
                return 2;
        limit_files(100);
        if (append(j, 1) == BDFS_OK)
                return 3;
        limit_files(RLIM_INFINITY);
        if (append(j, 1) != BDFS_IO || journal_reserve(j, 1, &err) != BDFS_IO)
                return 4;
        return journal_last(j) == 10 ? 0 : 5;
}

static void in_child(int (*run)(void))
{
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(run());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_full_disk_refuses_and_changes_nothing(void **state)
{
        size_t last, end, n;

        (void)state;
        free(small_journal(&last, &end, &n));
        in_child(full_disk_child);
}

static void a_failed_write_is_final(void **state)
{
        size_t last, end, n;
        struct journal *j;

        (void)state;
        free(small_journal(&last, &end, &n));
        in_child(failed_write_child);
        j = open_journal(); /* the next process may go on */
        assert_int_equal(journal_last(j), 10);
        OK(append(j, 1));
        journal_close(j);
}

/* Appends and says over a pipe what is durable, until it is killed. */
static void killed_child(int fd)
{
        struct journal *j;

        if (journal_open(&j, journal_dir, cluster, &err) != BDFS_OK)
                _exit(1);
        for (size_t i = 1;; i = i % 16 + 1) {
                uint64_t last;

                if (append(j, i) != BDFS_OK)
                        _exit(2);
                last = journal_last(j);
                if (write(fd, &last, sizeof(last)) != sizeof(last))
                        _exit(3);
        }
}

static void a_killed_writer_loses_nothing_it_acknowledged(void **state)
{
        uint64_t acked = 0, n;

        (void)state;
        for (unsigned round = 0; round < 40; round++) {
                struct journal *j;
                uint64_t last;
                int fds[2];
                pid_t pid;

                assert_int_equal(pipe(fds), 0);
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0)
                        killed_child(fds[1]);
                (void)close(fds[1]);
                if (round % 4 != 0) /* else perhaps before its first append */
                        assert_int_equal(read(fds[0], &acked, sizeof(acked)), sizeof(acked));
                (void)usleep(round * 97);
                assert_int_equal(kill(pid, SIGKILL), 0);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                while (read(fds[0], &last, sizeof(last)) == sizeof(last))
                        acked = last;
                (void)close(fds[0]);
                j = open_journal();
                assert_true(journal_last(j) >= acked);
                OK(read_all(j, 1, &n));
                assert_int_equal(n, journal_last(j));
                acked = n;
                journal_close(j);
        }
        assert_true(acked > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(a_full_disk_refuses_and_changes_nothing),
                T(a_failed_write_is_final),
                T(a_killed_writer_loses_nothing_it_acknowledged),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
