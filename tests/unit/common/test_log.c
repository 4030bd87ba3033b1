/* A log in a file: its mode, and that it does not grow without end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/os.h"

#define BYTES 65536
#define THREADS 4
#define LINES 2000 /* of each, with more than 100 bytes */

static char dir[64];

static void say(void *arg)
{
        for (unsigned i = 0; i < LINES; i++)
                log_warn("line of=%u number=%u %080d", *(unsigned *)arg, i, 0);
}

/* In a process of its own: the log is its standard error. */
static int child(const char *path)
{
        struct os_thread *threads[THREADS];
        unsigned numbers[THREADS];
        struct bdfs_err err;

        (void)umask(0);
        log_open("test", LOG_LEVEL_INFO);
        if (log_to_file(path, BYTES, &err) != BDFS_OK)
                return 1;
        for (unsigned i = 0; i < THREADS; i++) {
                numbers[i] = i;
                if (os_thread_start(&threads[i], "say", say, &numbers[i], &err) != BDFS_OK)
                        return 2;
        }
        for (unsigned i = 0; i < THREADS; i++)
                os_thread_join(threads[i]);
        log_warn("the last line");
        return 0;
}

static int in_child(const char *path)
{
        int status = -1;
        pid_t pid = fork();

        if (pid == 0)
                _exit(child(path));
        assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
        return WEXITSTATUS(status);
}

static const char *name(const char *end)
{
        static char room[4][128];
        static unsigned at;
        char *p = room[at++ % 4];

        (void)snprintf(p, sizeof(room[0]), "%s/log%s", dir, end);
        return p;
}

static void it_keeps_a_few_files_of_a_bounded_size(void **state)
{
        static const char *const ends[] = {"", ".1", ".2", ".3", ".4"};
        char tail[64] = "";
        struct stat st;
        int fd = open(name(""), O_WRONLY | O_CREAT, 0644); /* as earlier versions made it */

        (void)state;
        assert_true(fd >= 0 && close(fd) == 0);
        assert_int_equal(in_child(name("")), 0);
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                assert_int_equal(stat(name(ends[i]), &st), 0);
                assert_int_equal(st.st_mode & 07777, 0600);
                assert_in_range(st.st_size, 0, BYTES + 2 * THREADS * 2000);
        }
        assert_int_equal(stat(name(".5"), &st), -1);
        fd = open(name(""), O_RDONLY);
        assert_true(fd >= 0 && lseek(fd, -14, SEEK_END) > 0);
        assert_int_equal(read(fd, tail, sizeof(tail) - 1), 14);
        assert_string_equal(tail, "the last line\n");
        assert_int_equal(close(fd), 0);
}

static void it_follows_no_link_and_waits_for_no_pipe(void **state)
{
        char victim[128];
        struct stat st;

        (void)state;
        (void)snprintf(victim, sizeof(victim), "%s/victim", dir);
        assert_int_equal(symlink(victim, name("-link")), 0);
        assert_int_equal(in_child(name("-link")), 1);
        assert_int_equal(lstat(victim, &st), -1);
        assert_int_equal(mkfifo(name("-fifo"), 0600), 0);
        assert_int_equal(in_child(name("-fifo")), 1);
}

static int make_dir(void **state)
{
        (void)state;
        return mkdtemp(strcpy(dir, "/tmp/test-log-XXXXXX")) == NULL;
}

static int remove_dir(void **state)
{
        static const char *const ends[] = {"", ".1", ".2", ".3", ".4", "-link", "-fifo"};

        (void)state;
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
                (void)unlink(name(ends[i]));
        return rmdir(dir);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_keeps_a_few_files_of_a_bounded_size),
                cmocka_unit_test(it_follows_no_link_and_waits_for_no_pipe),
        };

        return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
