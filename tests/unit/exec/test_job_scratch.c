/* An agent's directories: who may look into which, removal that follows nothing, kept logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec/agent/scratch.h"
#include "exec/task/task_log.h"

#define JOB "job_1700000000000_0001"
#define ATTEMPT "attempt_1700000000000_0001_m_000000_0"

static char dir[64];
static const struct task_user self = {.change = false, .name = "self"};

static const char *path(const char *format, ...)
{
        static char room[4][PATH_MAX];
        static unsigned at;
        char *p = room[at++ % 4];
        va_list ap;
        int n = snprintf(p, PATH_MAX, "%s/", dir);

        va_start(ap, format);
        (void)vsnprintf(p + n, PATH_MAX - (size_t)n, format, ap);
        va_end(ap);
        return p;
}

static void put(const char *name, const char *text)
{
        int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        assert_int_equal(close(fd), 0);
}

static bool is_there(const char *name)
{
        struct stat st;

        return lstat(name, &st) == 0;
}

static struct scratch *open_scratch(bool shared)
{
        struct scratch *s;
        struct bdfs_err err;

        if (scratch_open(&s, path("scratch"), shared, &err) != BDFS_OK)
                fail_msg("%s", err.text);
        return s;
}

static void an_attempt_has_its_files_and_a_place_of_its_own(void **state)
{
        struct scratch *s = open_scratch(false);
        char *files[] = {(char *)(uintptr_t)"a.sh", (char *)(uintptr_t)"b"};
        char attempt[PATH_MAX], name[PATH_MAX + 16], text[16];
        struct scratch_job j;
        struct bdfs_err err;
        struct stat st;
        int fd;

        (void)state;
        assert_int_equal(scratch_job_make(s, JOB, "me", &self, &j, &err), BDFS_OK);
        assert_int_equal(scratch_put_file(&j, &self, "a.sh", 0, "first ", 6, &err), BDFS_OK);
        assert_int_equal(scratch_put_file(&j, &self, "a.sh", 6, "second", 6, &err), BDFS_OK);
        assert_int_equal(scratch_put_file(&j, &self, "b", 0, "", 0, &err), BDFS_OK);
        assert_int_equal(scratch_attempt_make(&j, &self, ATTEMPT, files, 2, attempt, &err),
                         BDFS_OK);
        assert_int_equal(stat(attempt, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        (void)snprintf(name, sizeof(name), "%s/a.sh", attempt);
        assert_int_equal(access(name, X_OK), 0);
        fd = open(name, O_RDONLY);
        assert_int_equal(read(fd, text, sizeof(text)), 12);
        assert_memory_equal(text, "first second", 12);
        assert_int_equal(close(fd), 0);
        (void)snprintf(name, sizeof(name), "%s/tmp", attempt);
        assert_true(is_there(name));
        (void)scratch_job_remove(&j);
        assert_false(is_there(j.work));
        assert_false(is_there(j.dir));
        scratch_close(s);
}

static void a_name_is_given_once(void **state)
{
        struct scratch *s = open_scratch(false);
        char attempt[PATH_MAX] = "";
        struct scratch_job j, again;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(scratch_job_make(s, JOB, "me", &self, &j, &err), BDFS_OK);
        assert_int_equal(scratch_job_make(s, JOB, "me", &self, &again, &err), BDFS_EXISTS);
        assert_true(is_there(j.work));
        assert_int_equal(scratch_attempt_make(&j, &self, ATTEMPT, NULL, 0, attempt, &err), BDFS_OK);
        put(path("scratch/work/" JOB "/" ATTEMPT "/tmp/mine"), "x");
        attempt[0] = '\0';
        assert_int_equal(scratch_attempt_make(&j, &self, ATTEMPT, NULL, 0, attempt, &err),
                         BDFS_EXISTS);
        assert_string_equal(attempt, ""); /* what is there is not the second one's to remove */
        assert_true(is_there(path("scratch/work/" JOB "/" ATTEMPT "/tmp/mine")));
        assert_true(scratch_job_remove(&j));
        scratch_close(s);
}

/* As root: a directory of somebody else's goes as far as its owner could remove it. */
static void what_is_not_the_owners_stays(void **state)
{
        const uid_t task = 65533, other = 65532;

        (void)state;
        if (getuid() != 0)
                skip();
        assert_int_equal(mkdir(path("tree"), 0700), 0);
        assert_int_equal(mkdir(path("tree/task"), 0700), 0);
        assert_int_equal(mkdir(path("tree/task/own"), 0), 0);
        assert_int_equal(mkdir(path("tree/task/foreign"), 0755), 0);
        put(path("tree/task/foreign/file"), "keep");
        put(path("tree/task/file"), "x"); /* root's: a hard link, say; the name is the task's */
        assert_int_equal(chown(path("tree/task"), task, task), 0);
        assert_int_equal(chown(path("tree/task/own"), task, task), 0);
        assert_int_equal(chown(path("tree/task/foreign"), other, other), 0);
        assert_false(scratch_remove(path("tree")));
        assert_true(is_there(path("tree/task/foreign/file")));
        assert_false(is_there(path("tree/task/own")));
        assert_false(is_there(path("tree/task/file")));
        assert_int_equal(chown(path("tree/task/foreign"), task, task), 0);
        assert_true(scratch_remove(path("tree")));
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
        static const char *const names[] = {"", ".", "..", "a/b", "/etc/passwd", "../x"};
        struct scratch *s = open_scratch(false);
        struct scratch_job j;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(scratch_job_make(s, JOB, "me", &self, &j, &err), BDFS_OK);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                char *file = (char *)(uintptr_t)names[i], attempt[PATH_MAX];

                assert_int_equal(scratch_put_file(&j, &self, names[i], 0, "x", 1, &err),
                                 BDFS_INVALID);
                assert_int_not_equal(scratch_attempt_make(&j, &self, ATTEMPT, &file, 1, attempt,
                                                          &err), BDFS_OK);
        }
        assert_int_equal(symlink(path("outside"), path("scratch/work/" JOB "/files/link")), 0);
        assert_int_not_equal(scratch_put_file(&j, &self, "link", 0, "x", 1, &err), BDFS_OK);
        assert_false(is_there(path("outside")));
        (void)scratch_job_remove(&j);
        scratch_close(s);
}

static void removal_follows_no_link_and_stops_at_no_depth(void **state)
{
        char here[PATH_MAX];

        (void)state;
        assert_non_null(getcwd(here, sizeof(here)));
        assert_int_equal(mkdir(path("precious"), 0700), 0);
        put(path("precious/file"), "keep");
        assert_int_equal(mkdir(path("tree"), 0700), 0);
        assert_int_equal(symlink(path("precious"), path("tree/link")), 0);
        assert_int_equal(link(path("precious/file"), path("tree/hard")), 0);
        assert_int_equal(mkfifo(path("tree/fifo"), 0600), 0);
        assert_int_equal(mkdir(path("tree/shut"), 0700), 0);
        put(path("tree/shut/file"), "x");
        assert_int_equal(chmod(path("tree/shut"), 0), 0);
        assert_int_equal(chdir(path("tree")), 0);
        for (unsigned i = 0; i < 1000; i++) {
                assert_int_equal(mkdir("deeper", 0700), 0);
                put("file", "x");
                assert_int_equal(chdir("deeper"), 0);
        }
        assert_int_equal(chdir(here), 0);
        assert_true(scratch_remove(path("tree")));
        assert_false(is_there(path("tree")));
        assert_true(is_there(path("precious/file")));
        assert_true(scratch_remove(path("precious")));
        assert_true(scratch_remove(path("never-was")));
}

static void what_an_earlier_run_left_is_removed_at_start(void **state)
{
        struct scratch *s = open_scratch(false);
        struct scratch_job j;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(scratch_job_make(s, JOB, "me", &self, &j, &err), BDFS_OK);
        put(path("scratch/jobs/" JOB "/m000000_0"), "left");
        free(s); /* as a crash would */
        s = open_scratch(false);
        assert_false(is_there(path("scratch/jobs/" JOB)));
        assert_false(is_there(path("scratch/work/" JOB)));
        scratch_close(s);
}

static void work_goes_where_others_can_follow(void **state)
{
        struct scratch_job j;
        struct scratch *s;
        struct bdfs_err err;

        (void)state;
        s = open_scratch(true); /* dir is closed to others */
        assert_int_equal(scratch_job_make(s, JOB, "me", &self, &j, &err), BDFS_OK);
        assert_int_equal(strncmp(j.work, "/tmp/bdfs-agent-", 16), 0);
        assert_true(is_there(path("scratch/work-is")));
        free(s); /* as a crash would */
        s = open_scratch(true);
        assert_false(is_there(j.work));
        scratch_close(s);
        assert_false(is_there(path("scratch/work-is")));
        assert_int_equal(chmod(dir, 0711), 0);
        s = open_scratch(true);
        assert_int_equal(scratch_job_make(s, JOB, "me", &self, &j, &err), BDFS_OK);
        assert_non_null(strstr(j.work, "/scratch/work/"));
        (void)scratch_job_remove(&j);
        scratch_close(s);
        assert_int_equal(chmod(dir, 0700), 0);
}

/* ---- logs --------------------------------------------------------------------------------- */

static enum bdfs_status count(void *arg, const char *attempt, const char *file,
                              struct bdfs_err *err)
{
        (void)attempt;
        (void)err;
        assert_true(is_there(file));
        ++*(unsigned *)arg;
        return BDFS_OK;
}

static void logs_outlive_their_job_and_belong_to_its_user(void **state)
{
        struct scratch *s = open_scratch(false);
        struct scratch_job j;
        struct bdfs_err err;
        unsigned n = 0;

        (void)state;
        assert_int_equal(scratch_job_make(s, JOB, "me", &self, &j, &err), BDFS_OK);
        assert_int_equal(scratch_log_write(&j, "alice", ATTEMPT, "text", 4, NULL, 0, &err),
                         BDFS_OK);
        assert_int_equal(scratch_log_write(&j, "alice", "attempt_2", "text", 4, "end", 3, &err),
                         BDFS_OK);
        (void)scratch_job_remove(&j);
        scratch_close(s);
        s = open_scratch(false);
        assert_int_equal(scratch_logs(s, JOB, NULL, "alice", count, &n, &err), BDFS_OK);
        assert_int_equal(n, 2);
        assert_int_equal(scratch_logs(s, JOB, ATTEMPT, "alice", count, &n, &err), BDFS_OK);
        assert_int_equal(n, 3);
        assert_int_equal(scratch_logs(s, JOB, NULL, "bob", count, &n, &err), BDFS_NOT_FOUND);
        assert_int_equal(scratch_logs(s, JOB, NULL, NULL, count, &n, &err), BDFS_OK);
        assert_int_equal(scratch_logs(s, "job_1700000000000_0002", NULL, NULL, count, &n, &err),
                         BDFS_NOT_FOUND);
        scratch_close(s);
}

/* A log of so many bytes of the @n'th job of @user. */
static void log_of(struct scratch *s, const char *user, unsigned n, size_t bytes)
{
        static char text[1000];
        static time_t now = 1700000000;
        struct timespec times[2] = {{.tv_sec = now + 1}, {.tv_sec = now + 1}};
        struct scratch_job j;
        struct bdfs_err err;
        char id[40];

        now++;
        (void)snprintf(id, sizeof(id), "job_%013u_%04u", n, n);
        assert_int_equal(scratch_job_make(s, id, user, &self, &j, &err), BDFS_OK);
        assert_int_equal(scratch_log_write(&j, user, ATTEMPT, text, bytes, NULL, 0, &err), BDFS_OK);
        assert_int_equal(utimensat(AT_FDCWD, j.logs, times, 0), 0);
        assert_true(scratch_job_remove(&j));
}

static bool has_log(unsigned n)
{
        return is_there(path("scratch/logs/job_%013u_%04u", n, n));
}

static void one_user_does_not_push_out_anothers_logs(void **state)
{
        struct scratch_log_limits limits = {.jobs = 6, .user_jobs = 5, .bytes = 3000,
                                            .user_bytes = 2500};
        struct scratch *s = open_scratch(false);

        (void)state;
        scratch_logs_trim(s, &(struct scratch_log_limits){.jobs = 0});
        assert_false(is_there(path("scratch/logs/" JOB)));
        log_of(s, "alice", 1, 100);
        log_of(s, "alice", 2, 100);
        for (unsigned i = 0; i < 20; i++)
                log_of(s, "mallory", 9000 - i, 1); /* their names would be the newest */
        scratch_logs_trim(s, &limits);
        assert_true(has_log(1) && has_log(2));
        for (unsigned i = 0; i < 20; i++)
                assert_true(has_log(9000 - i) == (i >= 16));
        for (unsigned i = 0; i < 3; i++)
                log_of(s, "mallory", 8000 - i, 1000);
        scratch_logs_trim(s, &limits); /* the newest of mallory's, as far as 2500 bytes go */
        assert_true(has_log(1) && has_log(2) && has_log(7998) && has_log(7999));
        assert_false(has_log(8000)); /* and not more jobs than any user may have, or all */
        assert_true(has_log(8981) && has_log(8982));
        assert_false(has_log(8983) || has_log(8984));
        scratch_close(s);
}

static void a_log_keeps_its_start_and_its_end(void **state)
{
        static uint8_t bytes[1000];
        struct task_log l = {.head = NULL};
        struct task_log_text t;
        uint8_t tail[100];
        uint64_t at = 0;

        (void)state;
        assert_int_equal(task_log_last(&l, 20, tail, sizeof(tail)), 0);
        while (at < 30 << 20) { /* each byte says where it is, modulo a prime */
                for (size_t i = 0; i < sizeof(bytes); i++)
                        bytes[i] = (uint8_t)((at + i) % 251);
                task_log_add(&l, bytes, sizeof(bytes));
                at += sizeof(bytes);
                if (at % 5000000 == 0)
                        task_log_text(&l, &t); /* looking changes nothing */
        }
        task_log_text(&l, &t);
        assert_int_equal(l.total, at);
        assert_int_equal(t.head_n, TASK_LOG_HEAD);
        assert_int_equal(t.tail_n, TASK_LOG_TAIL);
        for (size_t i = 0; i < t.head_n; i++)
                if (t.head[i] != i % 251)
                        fail_msg("byte %zu of the head", i);
        for (size_t i = 0; i < t.tail_n; i++)
                if (t.tail[i] != (at - t.tail_n + i) % 251)
                        fail_msg("byte %zu of the tail", i);
        task_log_fini(&l);
}

static void the_last_lines_are_whole(void **state)
{
        struct task_log l = {.head = NULL};
        uint8_t tail[100];
        size_t n;

        (void)state;
        task_log_add(&l, (const uint8_t *)"one\ntwo\nthree\nfour", 18);
        n = task_log_last(&l, 2, tail, sizeof(tail));
        assert_int_equal(n, 10);
        assert_memory_equal(tail, "three\nfour", 10);
        n = task_log_last(&l, 20, tail, sizeof(tail));
        assert_int_equal(n, 18);
        n = task_log_last(&l, 20, tail, 5);
        assert_int_equal(n, 5);
        assert_memory_equal(tail, "\nfour", 5);
        task_log_fini(&l);
}

static int make_dir(void **state)
{
        (void)state;
        return mkdtemp(strcpy(dir, "/tmp/test-scratch-XXXXXX")) == NULL;
}

static int remove_dir(void **state)
{
        (void)state;
        return !scratch_remove(dir);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_attempt_has_its_files_and_a_place_of_its_own),
                cmocka_unit_test(a_name_is_given_once),
                cmocka_unit_test(what_is_not_the_owners_stays),
                cmocka_unit_test(names_that_lead_elsewhere_are_refused),
                cmocka_unit_test(removal_follows_no_link_and_stops_at_no_depth),
                cmocka_unit_test(what_an_earlier_run_left_is_removed_at_start),
                cmocka_unit_test(work_goes_where_others_can_follow),
                cmocka_unit_test(logs_outlive_their_job_and_belong_to_its_user),
                cmocka_unit_test(one_user_does_not_push_out_anothers_logs),
                cmocka_unit_test(a_log_keeps_its_start_and_its_end),
                cmocka_unit_test(the_last_lines_are_whole),
        };

        return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
