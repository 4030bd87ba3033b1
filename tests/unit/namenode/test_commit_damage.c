/* The committer and what can happen to its files: damage, loss, older copies, a full disk. */
#include "tests/unit/namenode/test_commit_kit.h"

/* Flip a byte in every copy of the value of @path in the tables' file. */
static void damage_row(const char *path)
{
        char file[256];
        size_t n = strlen(path);
        uint8_t *p = malloc(MIB);
        unsigned found = 0;
        int fd;

        (void)snprintf(file, sizeof(file), "%s/data.mdb", kit.tables);
        fd = open(file, O_RDWR);
        assert_true(fd >= 0 && p != NULL);
        assert_int_equal(pread(fd, p, MIB, 0), MIB);
        for (size_t i = 0; i + n + 20 < MIB; i++)
                if (memcmp(p + i, path, n) == 0) {
                        p[i + n + 6] ^= 1;
                        found++;
                }
        assert_true(found > 0);
        assert_int_equal(pwrite(fd, p, MIB, 0), MIB);
        assert_int_equal(close(fd), 0);
        free(p);
}

static void a_damaged_row_is_found_and_the_tables_rebuilt(void **state)
{
        struct kit_digest d;
        uint64_t inode;

        (void)state;
        for (int kind = 0; kind < 2; kind++) {
                kit_start();
                (void)kit_made("/a row like no other");
                kit_changes(10);
                d = kit_digest();
                kit_stop(true);
                damage_row("/a row like no other");
                kit_start();
                assert_false(kit.fresh);
                if (kind == 0) /* by a change that reads it, or by the checkpoint's thread */
                        assert_int_equal(kit_do("+/a row like no other", 1, &inode), BDFS_CLOSED);
                else
                        assert_int_equal(commit_checkpoint(kit.commit, &inode, &kit.err),
                                         BDFS_CORRUPT);
                assert_int_equal(atomic_load(&kit.fatal), 1 + kind);
                kit_stop(true);
                kit_start();
                assert_true(kit.fresh);
                kit_expect(&d);
                kit_stop(true);
        }
}

static void damage_met_while_replaying_rebuilds_at_once(void **state)
{
        struct kit_digest d;
        char aside[256];

        (void)state;
        kit_start();
        (void)kit_made("/a row like no other");
        kit_stop(true);
        /* tables that are behind: keep them aside while the journal goes on */
        (void)snprintf(aside, sizeof(aside), "%s/aside", kit.dir);
        assert_int_equal(rename(kit.tables, aside), 0);
        kit_start();
        (void)kit_made("+/a row like no other");
        d = kit_digest();
        kit_stop(true);
        kit_drop_tables();
        assert_int_equal(rename(aside, kit.tables), 0);
        damage_row("/a row like no other");
        kit_start();
        kit_expect(&d);
        kit_stop(true);
}

/* The journal becomes @name in kit.dir, or comes back from there. */
static void put_journal_aside(const char *name)
{
        char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", kit.dir, name);
        assert_int_equal(rename(kit.journal_dir, path), 0);
}

static void take_journal_back(const char *name)
{
        char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", kit.dir, name);
        assert_int_equal(rename(path, kit.journal_dir), 0);
}

static void an_older_journal_is_refused_and_nothing_touched(void **state)
{
        struct kit_digest d;
        char command[512];

        (void)state;
        kit_start();
        kit_changes(5);
        kit_stop(true);
        (void)snprintf(command, sizeof(command), "cp -a %s %s/old", kit.journal_dir, kit.dir);
        assert_int_equal(system(command), 0);
        kit_start();
        kit_changes(5);
        d = kit_digest();
        kit_stop(true);
        put_journal_aside("new");
        take_journal_back("old");
        kit_refused("journal ends with record 6, but record 11 was acknowledged");
        put_journal_aside("old");
        take_journal_back("new");
        kit_start();
        kit_expect(&d);
        kit_stop(true);
}

static void a_journal_older_than_a_checkpoint_is_refused(void **state)
{
        char command[512];

        (void)state;
        kit_start();
        kit_changes(5);
        kit_checkpoint();
        kit_stop(true);
        (void)snprintf(command, sizeof(command), "cp -a %s %s/old", kit.journal_dir, kit.dir);
        assert_int_equal(system(command), 0);
        kit_start();
        kit_changes(5);
        kit_checkpoint();
        kit_stop(true);
        put_journal_aside("new");
        take_journal_back("old");
        kit_drop_tables();
        kit_refused("journal ends with record 6, but record 11 was acknowledged");
        put_journal_aside("old");
        take_journal_back("new");
        kit_start();
        assert_int_equal(commit_index(kit.commit), 11);
        kit_stop(true);
}

static void a_lost_journal_is_refused(void **state)
{
        char command[128];

        (void)state;
        kit_start();
        kit_changes(5);
        kit_checkpoint();
        kit_stop(true);
        (void)snprintf(command, sizeof(command), "rm -rf %s", kit.journal_dir);
        assert_int_equal(system(command), 0);
        kit_refused("journal ends with record 0, but record 6 was acknowledged");
        kit_drop_tables();
        kit_refused("journal ends with record 0, but record 6 was acknowledged");
}

static void a_gap_in_the_journal_is_refused(void **state)
{
        char path[256];

        (void)state;
        kit_start();
        kit_large_changes(32);
        kit_stop(true);
        kit_drop_tables();
        (void)snprintf(path, sizeof(path), "%s/journal-0000000000000001", kit.journal_dir);
        assert_int_equal(unlink(path), 0);
        kit_refused("records 1 to 16 are in no journal segment");
}

static void limit_files(rlim_t bytes)
{
        struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

        BDFS_ASSERT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* RLIMIT_FSIZE stands in for a full disk. */
static int full_disk_child(void)
{
        static char big[5 * MIB];
        struct kit_record r;
        uint64_t inode;

        (void)signal(SIGXFSZ, SIG_IGN);
        if (kit_start_with(false) != BDFS_OK)
                return 1;
        limit_files(16 * MIB);
        memset(big, 'b', sizeof(big));
        for (int i = 0; i < 3; i++) { /* the fourth does not fit what is allocated */
                kit_record(&r, "/x", -1);
                r.mkdirs.path.data = (uint8_t *)big;
                r.mkdirs.path.len = sizeof(big);
                if (commit_wait(kit.commit, &r.record, NULL, &kit.err) != BDFS_OK)
                        return 2;
        }
        if (commit_wait(kit.commit, &r.record, NULL, &kit.err) != BDFS_NO_SPACE)
                return 3;
        if (!kit_has("/a") || atomic_load(&kit.fatal) != 0)
                return 4;
        limit_files(RLIM_INFINITY);
        if (commit_wait(kit.commit, &r.record, NULL, &kit.err) != BDFS_OK)
                return 5;
        if (kit_do("/later", 1, &inode) != BDFS_OK)
                return 6;
        kit_stop(true);
        return 0;
}

static int failed_append_child(void)
{
        uint64_t inode;
        bool as_it_was;

        (void)signal(SIGXFSZ, SIG_IGN);
        if (kit_start_with(false) != BDFS_OK || kit_do("/acked", 1, &inode) != BDFS_OK)
                return 1;
        limit_files(100);
        if (kit_do("/lost", 2, &inode) == BDFS_OK)
                return 2;
        if (atomic_load(&kit.fatal) != 1 || kit_do("/b", 3, &inode) != BDFS_CLOSED)
                return 3;
        as_it_was = kit_has("/acked") && !kit_has("/lost");
        kit_stop(true);
        return as_it_was ? 0 : 4;
}

static void in_child(int (*run)(void))
{
        int status;
        pid_t pid;

        kit_start();
        (void)kit_made("/a");
        kit_stop(true);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(run());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        kit_start();
}

static void a_full_disk_refuses_changes_and_serves_reads(void **state)
{
        (void)state;
        in_child(full_disk_child);
        assert_true(kit_has("/later"));
        kit_stop(true);
}

static void a_failed_append_ends_everything(void **state)
{
        (void)state;
        in_child(failed_append_child);
        assert_true(kit_has("/acked"));
        kit_stop(true);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(a_damaged_row_is_found_and_the_tables_rebuilt),
                T(damage_met_while_replaying_rebuilds_at_once),
                T(an_older_journal_is_refused_and_nothing_touched),
                T(a_journal_older_than_a_checkpoint_is_refused),
                T(a_lost_journal_is_refused),
                T(a_gap_in_the_journal_is_refused),
                T(a_full_disk_refuses_changes_and_serves_reads),
                T(a_failed_append_ends_everything),
        };

        log_open("test", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
