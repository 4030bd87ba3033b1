/* Commands as tasks: what they see, how they end, and that nothing of them stays. */
#include <setjmp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/os.h"
#include "exec/agent/pump.h"

static struct task_launcher *launcher;
static char dir[64];

struct run {
        size_t input, given;    /* bytes of 'x' lines to feed */
        uint8_t piece[100000];
        uint8_t out[1 << 20];
        size_t out_n;
        uint64_t total;         /* also what did not fit */
        char err[4096];
        size_t err_n;
        bool cancel;
        int64_t cancel_ms;
        struct pump_end end;
        struct task_end task;
        struct bdfs_err why;
        enum bdfs_status rc;
};

static enum bdfs_status fill(void *arg, const uint8_t **ret, size_t *ret_n, struct bdfs_err *err)
{
        struct run *r = arg;
        size_t n = r->input - r->given;

        (void)err;
        if (n > sizeof(r->piece))
                n = sizeof(r->piece);
        memset(r->piece, 'x', n);
        if (n > 0)
                r->piece[n - 1] = '\n';
        r->given += n;
        *ret = r->piece;
        *ret_n = n;
        return BDFS_OK;
}

static enum bdfs_status room(void *arg, uint8_t **ret, size_t *ret_n, struct bdfs_err *err)
{
        struct run *r = arg;

        (void)err;
        *ret = r->out + r->out_n;
        *ret_n = sizeof(r->out) - r->out_n;
        return BDFS_OK;
}

static enum bdfs_status took(void *arg, size_t n, struct bdfs_err *err)
{
        struct run *r = arg;

        (void)err;
        r->total += n;
        r->out_n = r->out_n + n < sizeof(r->out) / 2 ? r->out_n + n : 0;
        return BDFS_OK;
}

static void said(void *arg, const uint8_t *bytes, size_t n)
{
        struct run *r = arg;

        for (size_t i = 0; i < n && r->err_n < sizeof(r->err) - 1; i++)
                r->err[r->err_n++] = (char)bytes[i];
}

static bool cancelled(void *arg)
{
        struct run *r = arg;

        return r->cancel_ms != 0 && os_mono_ms() >= r->cancel_ms;
}

static struct run *run_as(const char *command, size_t input, int64_t cancel_after_ms,
                          int64_t idle_ms, const struct task_user *user)
{
        static const char *const env[] = {"PATH=/usr/bin:/bin", "GREETING=hello", NULL};
        struct run *r = calloc(1, sizeof(*r));
        struct pump_io io = {r, fill, room, took, said, cancelled, idle_ms};
        struct task_spec spec = {command, dir, env, user};
        struct task t;

        assert_non_null(r);
        r->input = input;
        r->cancel_ms = cancel_after_ms == 0 ? 0 : os_mono_ms() + cancel_after_ms;
        assert_int_equal(task_start(launcher, &spec, &t, &r->why), BDFS_OK);
        r->rc = pump_run(&t, &io, &r->end, &r->why);
        r->task = t.end;
        task_finish(&t);
        return r;
}

static struct run *run(const char *command, size_t input)
{
        static const struct task_user self = {.change = false};

        return run_as(command, input, 0, 0, &self);
}

static void input_goes_in_and_output_comes_out(void **state)
{
        struct run *r = run("cat", 50000000);

        (void)state;
        assert_int_equal(r->rc, BDFS_OK);
        assert_int_equal(r->total, 50000000);
        assert_int_equal(r->task.code, 0);
        free(r);
}

static void a_task_may_write_first_and_never_read(void **state)
{
        struct run *r = run("head -c 5000000 /dev/zero", 5000000);

        (void)state;
        assert_int_equal(r->rc, BDFS_OK);
        assert_int_equal(r->total, 5000000);
        assert_int_equal(r->task.code, 0);
        assert_true(r->end.input_left);
        free(r);
        r = run("head -c 5000000 /dev/zero; cat", 5000000);
        assert_int_equal(r->total, 10000000);
        assert_false(r->end.input_left);
        free(r);
        r = run("exec <&-; sleep 0.2; echo x", 50000000);
        assert_int_equal(r->rc, BDFS_OK);
        assert_int_equal(r->total, 2);
        free(r);
}

static void exit_codes_and_signals_are_told_apart(void **state)
{
        struct run *r = run("exit 7", 0);

        (void)state;
        assert_int_equal(r->task.code, 7);
        free(r);
        r = run("no-such-command-anywhere", 0);
        assert_int_equal(r->task.code, 127);
        assert_non_null(strstr(r->err, "not found"));
        free(r);
        r = run("kill -SEGV $$", 0);
        assert_int_equal(r->task.code, -1);
        assert_int_equal(r->task.signal, SIGSEGV);
        free(r);
}

struct judged {
        const char *command;
        int code;
};

static void ends_with(const struct judged *cases, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct run *r = run(cases[i].command, 100000);

                assert_int_equal(r->rc, BDFS_OK);
                if (r->task.code != cases[i].code)
                        fail_msg("%d instead of %d from: %s", r->task.code, cases[i].code,
                                 cases[i].command);
                free(r);
        }
}

static void a_failed_part_of_a_pipe_fails_the_task(void **state)
{
        static const struct judged cases[] = {
                {"false | cat", 1},
                {"cat | (exit 3) | cat", 3},
                {"no-such-command-anywhere | cat", 127},
                {"false | yes | head -n 1", 1},
                {"! false | true", 0},
                {"grep none-of-it | cat", 1},
                {"grep none-of-it || [ $? -eq 1 ]", 0},
                {"[[ -o pipefail ]]", 0},
                {"[ -n \"$BASH_VERSION\" ] && diff <(echo a) <(echo a)", 0},
        };

        (void)state;
        ends_with(cases, sizeof(cases) / sizeof(cases[0]));
}

static void a_part_that_sigpipe_ended_has_not_failed(void **state)
{
        static const struct judged cases[] = {
                {"yes | head -n 1", 0},
                {"cat >/dev/null; yes | head -n 1 | cat", 0},
                {"true && yes | head -n 1", 0},
                {"{ yes; } | head -n 1", 0},
                {"f() { yes; }; f | head -n 1", 0},
                {"for i in 1 2; do yes | head -n 1; done", 0},
                {"while read -r x; do yes | head -n 1; done <<<'a'", 0},
                {"if true; then yes | head -n 1; fi", 0},
                {"yes | head -n 1; echo more", 0},
                {"grep x <(yes x) | head -n 1", 0},
        };

        (void)state;
        ends_with(cases, sizeof(cases) / sizeof(cases[0]));
}

/* Where 141 decided that something else was not run, success would hide that. */
static void sigpipe_that_left_something_undone_is_a_failure(void **state)
{
        static const struct judged cases[] = {
                {"yes | head -n 1 && echo more", 141},
                {"yes | head -n 1; yes | head -n 1 && echo more", 141},
                {"yes | head -n 1; { yes | head -n 1 && echo more; }", 141},
                {"yes | head -n 1; f() { yes | head -n 1 && echo more; }; f", 141},
                {"yes | head -n 1; eval 'yes | head -n 1 && echo more'", 141},
                {"yes | head -n 1; (yes | head -n 1 && echo more)", 141},
                {"set -e; yes | head -n 1; echo more", 141},
                {"yes | sh -c 'kill -PIPE $$'", 141},
                {"sh -c 'kill -PIPE $$'", 141},
                {"exit 141", 141},
        };

        (void)state;
        ends_with(cases, sizeof(cases) / sizeof(cases[0]));
}

static void the_environment_is_clean(void **state)
{
        const char *ignored;
        struct run *r;

        (void)state;
        assert_int_equal(setenv("SECRET_OF_THE_AGENT", "x", 1), 0);
        r = run("env | grep -v '^PWD=\\|^_=\\|^SHLVL='; ls /proc/self/fd | wc -l; umask; "
                "ulimit -c; grep -h NoNewPrivs /proc/self/status; "
                "grep -h 'SigIgn\\|SigBlk' /proc/self/status",
                0);
        r->out[r->out_n] = '\0';
        assert_non_null(strstr((char *)r->out, "GREETING=hello\n"));
        assert_null(strstr((char *)r->out, "SECRET"));
        assert_null(strstr((char *)r->out, "bdfs_"));
        assert_non_null(strstr((char *)r->out, "\n4\n")); /* 0, 1, 2, and ls's own */
        assert_non_null(strstr((char *)r->out, "0027\n0\nNoNewPrivs:\t1\n"));
        assert_non_null(strstr((char *)r->out, "SigBlk:\t0000000000000000\n"));
        /* 32 and 33 are the C library's own: nobody can set them, and a parent may ignore them */
        ignored = strstr((char *)r->out, "SigIgn:\t");
        assert_non_null(ignored);
        assert_int_equal(strtoull(ignored + 8, NULL, 16) & ~0x180000000ULL, 0);
        free(r);
}

static void it_runs_in_its_directory(void **state)
{
        struct run *r = run("pwd -P", 0);

        (void)state;
        assert_int_equal(r->out_n, strlen(dir) + 1);
        assert_memory_equal(r->out, dir, strlen(dir));
        free(r);
}

static bool marker_runs(void)
{
        /* the brackets keep the shell that looks from finding itself */
        return system("grep -lsa 'bdfs-test[-]marker' /proc/[0-9]*/cmdline >/dev/null") == 0;
}

static void children_that_left_are_killed_with_it(void **state)
{
        int64_t begun = os_mono_ms();
        struct run *r = run("trap '' TERM; (setsid sh -c 'trap \"\" TERM HUP; "
                            "sleep 1000; : bdfs-test-marker' >/dev/null 2>&1 </dev/null &) ; "
                            "(sh -c 'sleep 1001; : bdfs-test-marker' >/dev/null 2>&1 &); "
                            "sleep 0.2; echo done", 0);

        (void)state;
        assert_int_equal(r->rc, BDFS_OK);
        assert_int_equal(r->out_n, 5);
        assert_false(marker_runs());
        assert_in_range(os_mono_ms() - begun, 0, 30000);
        free(r);
}

static void pipes_that_children_hold_open_are_not_waited_for_long(void **state)
{
        int64_t begun = os_mono_ms();
        struct run *r = run("sh -c 'sleep 1000; : bdfs-test-marker' & echo done", 0);

        (void)state;
        assert_int_equal(r->rc, BDFS_OK);
        assert_int_equal(r->out_n, 5);
        assert_in_range(os_mono_ms() - begun, PUMP_LINGER_MS - 500, PUMP_LINGER_MS + 30000);
        assert_false(marker_runs());
        free(r);
}

static void a_cancelled_task_is_gone(void **state)
{
        static const struct task_user self = {.change = false};
        struct run *r = run_as("sleep 1000; : bdfs-test-marker", 0, 300, 0, &self);

        (void)state;
        assert_int_equal(r->rc, BDFS_FAILED);
        assert_true(r->end.cancelled);
        assert_false(marker_runs());
        free(r);
}

static void a_silent_task_is_given_up(void **state)
{
        static const struct task_user self = {.change = false};
        struct run *r = run_as("sleep 1000; : bdfs-test-marker", 0, 0, 500, &self);

        (void)state;
        assert_int_equal(r->rc, BDFS_TIMEOUT);
        assert_false(marker_runs());
        free(r);
}

/* ---- what does not want to go ------------------------------------------------------------- */

/* Runs @command, which goes on for ever, as nobody (as ourselves when we are not root); then it is
 * to be gone, with all that it forked, within seconds, and without us working hard for it. */
static void is_gone_soon(const char *command, int64_t cancel_ms)
{
        static struct task_user user;
        int64_t begun = os_mono_ms();
        struct bdfs_err err;
        struct run *r;

        user = (struct task_user){.change = false};
        if (getuid() == 0)
                assert_int_equal(task_user_find("nobody", &user, &err), BDFS_OK);
        r = run_as(command, 0, cancel_ms, 0, &user);
        assert_int_equal(r->rc, cancel_ms == 0 ? BDFS_OK : BDFS_FAILED);
        assert_false(marker_runs());
        assert_in_range(os_mono_ms() - begun, 0, cancel_ms + PUMP_GRACE_MS + 30000);
        free(r);
}

/* bash counts processes with -u, dash with -p */
#define FEW "ulimit -u 2000 2>/dev/null || ulimit -p 2000 || exit 1; "

static void a_fork_bomb_is_gone(void **state)
{
        (void)state;
        is_gone_soon(FEW "trap '' TERM; "
                     "export B=': bdfs-test-marker; sh -c \"$B\" & sh -c \"$B\" & wait'; "
                     "sh -c \"$B\" 2>/dev/null; while :; do sleep 1; done", 1000);
}

static void one_that_forks_while_it_is_killed_is_gone(void **state)
{
        (void)state;
        is_gone_soon(FEW "export S='trap \"\" TERM HUP; while :; do (setsid sh -c \"$S\" sh "
                     "bdfs-test-marker >/dev/null 2>&1 </dev/null &); sleep 0.02; done'; "
                     "(setsid sh -c \"$S\" >/dev/null 2>&1 </dev/null &); sleep 1", 0);
}

static void zombies_of_a_task_are_not_kept(void **state)
{
        struct run *r;

        (void)state;
        /* 300 orphans that end at once; then how many of them are there still? */
        r = run("for i in $(seq 300); do (sh -c : &); done; sleep 0.5; "
                "cat /proc/[0-9]*/stat 2>/dev/null | grep -c '(sh) Z'", 0);
        r->out[r->out_n] = '\0';
        assert_int_equal(strtol((char *)r->out, NULL, 10), 0);
        free(r);
}

static bool has_namespaces(void)
{
        int status = 1;
        pid_t pid = fork();

        if (pid == 0)
                _exit(unshare(CLONE_NEWPID | CLONE_NEWNS) != 0);
        assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
        return status == 0;
}

/* Tasks of an agent of root have process ids of their own, and /proc shows theirs alone. */
static void what_asks_for_processes_works(void **state)
{
        struct task_user nobody;
        struct bdfs_err err;
        struct run *r;

        (void)state;
        if (getuid() != 0)
                skip();
        assert_int_equal(task_user_find("nobody", &nobody, &err), BDFS_OK);
        r = run_as("test \"$(sed 's/ .*//' /proc/self/stat)\" != '' && echo self; "
                   "kill -0 $$ && echo there; test -d /proc/$$ && echo here; "
                   "ps -o pid= -p $$ | grep -q . && echo sh; "
                   "sh -c 'kill -TERM $$'; echo $?; yes | head -n 1; "
                   "test $$ -gt 100 && echo unlike", 0, 0, 0, &nobody);
        r->out[r->out_n] = '\0';
        assert_string_equal((char *)r->out, "self\nthere\nhere\nsh\n143\ny\nunlike\n");
        if (!has_namespaces()) {
                free(r);
                skip();
        }
        free(r);
        r = run_as("ls -d /proc/[0-9]* | wc -l", 0, 0, 0, &nobody);
        assert_in_range(strtol((char *)r->out, NULL, 10), 2, 5); /* init, sh, ls, wc */
        free(r);
}

/* Many scripts name their streams; those of another user's task are the task's, not the agent's. */
static void streams_can_be_opened_by_name(void **state)
{
        struct task_user user = {.change = false};
        struct bdfs_err err;
        struct run *r;

        (void)state;
        if (getuid() == 0)
                assert_int_equal(task_user_find("nobody", &user, &err), BDFS_OK);
        r = run_as("echo out >/dev/stdout && echo err >/dev/stderr && wc -c </dev/stdin", 1000, 0,
                   0, &user);
        r->out[r->out_n] = '\0';
        assert_string_equal((char *)r->out, "out\n1000\n");
        assert_int_equal(r->task.code, 0);
        free(r);
}

static void a_task_that_computes_is_not_given_up(void **state)
{
        static const struct task_user self = {.change = false};
        struct run *r = run_as("timeout 4 sh -c 'while :; do :; done'; [ $? -eq 124 ]", 0, 0, 1500,
                               &self);

        (void)state;
        assert_int_equal(r->rc, BDFS_OK);
        assert_int_equal(r->task.code, 0);
        free(r);
}

static void it_runs_as_the_user(void **state)
{
        struct task_user nobody;
        struct bdfs_err err;
        struct run *r;

        (void)state;
        if (getuid() != 0)
                skip();
        assert_int_equal(task_user_find("nobody", &nobody, &err), BDFS_OK);
        r = run_as("id -un; id -G; cat /etc/shadow; touch new", 0, 0, 0, &nobody);
        r->out[r->out_n] = '\0';
        assert_string_equal((char *)r->out, "nobody\n65534\n");
        assert_non_null(strstr(r->err, "Permission denied"));
        free(r);
        assert_int_equal(task_user_find("no-such-user-here", &nobody, &err), BDFS_NOT_FOUND);
}

static void a_directory_that_is_gone_is_an_error(void **state)
{
        static const struct task_user self = {.change = false};
        static const char *const env[] = {NULL};
        struct task_spec spec = {"true", "/nonexistent/dir", env, &self};
        struct run *r = calloc(1, sizeof(*r));
        struct pump_io io = {r, fill, room, took, said, cancelled, 0};
        struct task t;

        (void)state;
        assert_non_null(r);
        assert_int_equal(task_start(launcher, &spec, &t, &r->why), BDFS_OK);
        assert_int_equal(pump_run(&t, &io, &r->end, &r->why), BDFS_NOT_FOUND);
        assert_non_null(strstr(r->why.text, "chdir"));
        task_finish(&t);
        free(r);
}

static int begin(void **state)
{
        struct bdfs_err err;

        (void)state;
        (void)signal(SIGPIPE, SIG_IGN);
        if (mkdtemp(strcpy(dir, "/tmp/test-task-XXXXXX")) == NULL)
                return 1;
        return task_launcher_start(&launcher, &err) != BDFS_OK;
}

static int end(void **state)
{
        (void)state;
        task_launcher_stop(launcher);
        return rmdir(dir);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(input_goes_in_and_output_comes_out),
                cmocka_unit_test(a_task_may_write_first_and_never_read),
                cmocka_unit_test(exit_codes_and_signals_are_told_apart),
                cmocka_unit_test(a_failed_part_of_a_pipe_fails_the_task),
                cmocka_unit_test(a_part_that_sigpipe_ended_has_not_failed),
                cmocka_unit_test(sigpipe_that_left_something_undone_is_a_failure),
                cmocka_unit_test(the_environment_is_clean),
                cmocka_unit_test(it_runs_in_its_directory),
                cmocka_unit_test(children_that_left_are_killed_with_it),
                cmocka_unit_test(pipes_that_children_hold_open_are_not_waited_for_long),
                cmocka_unit_test(a_cancelled_task_is_gone),
                cmocka_unit_test(a_silent_task_is_given_up),
                cmocka_unit_test(a_fork_bomb_is_gone),
                cmocka_unit_test(one_that_forks_while_it_is_killed_is_gone),
                cmocka_unit_test(zombies_of_a_task_are_not_kept),
                cmocka_unit_test(what_asks_for_processes_works),
                cmocka_unit_test(streams_can_be_opened_by_name),
                cmocka_unit_test(a_task_that_computes_is_not_given_up),
                cmocka_unit_test(it_runs_as_the_user),
                cmocka_unit_test(a_directory_that_is_gone_is_an_error),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
