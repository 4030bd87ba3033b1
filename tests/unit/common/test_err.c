/* The error type: codes, texts, wrapping, and the mapping to and from errno. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/err.h"

static void a_failure_keeps_status_and_text(void **state)
{
        struct bdfs_err err;

        (void)state;
        assert_int_equal(bdfs_fail(&err, BDFS_NOT_FOUND, "block %d", 17), BDFS_NOT_FOUND);
        assert_int_equal(err.status, BDFS_NOT_FOUND);
        assert_string_equal(err.text, "block 17");
        assert_int_equal(bdfs_wrap(&err, "read %s", "/a"), BDFS_NOT_FOUND);
        assert_string_equal(err.text, "read /a: block 17");
        assert_int_equal(bdfs_fail(NULL, BDFS_IO, "nobody listens"), BDFS_IO);
}

static void a_failure_may_name_its_exception(void **state)
{
        static const char java_class[] = "org.example.SurpriseException";
        struct bdfs_err err;

        (void)state;
        assert_int_equal(bdfs_fail_class(&err, BDFS_LIMIT, java_class, "%d names", 5), BDFS_LIMIT);
        assert_int_equal(err.status, BDFS_LIMIT);
        assert_string_equal(err.text, "5 names");
        assert_ptr_equal(err.java_class, java_class);
        assert_int_equal(bdfs_wrap(&err, "outer"), BDFS_LIMIT);
        assert_ptr_equal(err.java_class, java_class);
        assert_int_equal(bdfs_fail(&err, BDFS_IO, "another"), BDFS_IO);
        assert_null(err.java_class);
        assert_int_equal(bdfs_fail_class(NULL, BDFS_IO, java_class, "nobody listens"), BDFS_IO);
}

static void an_errno_brings_its_status_and_text(void **state)
{
        struct bdfs_err err;

        (void)state;
        assert_int_equal(bdfs_fail_errno(&err, ENOSPC, "write %s", "x"), BDFS_NO_SPACE);
        assert_string_equal(err.text, "write x: No space left on device");
        assert_int_equal(bdfs_fail_errno(NULL, EACCES, "x"), BDFS_PERMISSION);
        assert_int_equal(bdfs_status_of_errno(ECONNREFUSED), BDFS_UNAVAILABLE);
        assert_int_equal(bdfs_status_of_errno(12345), BDFS_IO);
        assert_int_equal(bdfs_status_of_errno(0), BDFS_FAILED);
}

static void long_texts_are_cut_not_lost(void **state)
{
        struct bdfs_err err;
        char longest[2 * BDFS_ERR_TEXT_BYTES];

        (void)state;
        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        assert_int_equal(bdfs_fail(&err, BDFS_IO, "%s", longest), BDFS_IO);
        assert_int_equal(strlen(err.text), BDFS_ERR_TEXT_BYTES - 1);
        assert_int_equal(bdfs_wrap(&err, "outer"), BDFS_IO);
        assert_int_equal(strncmp(err.text, "outer: xx", 9), 0);
        assert_int_equal(strlen(err.text), BDFS_ERR_TEXT_BYTES - 1);
        assert_int_equal(bdfs_fail_errno(&err, EIO, "%s", longest), BDFS_IO);
        assert_int_equal(strlen(err.text), BDFS_ERR_TEXT_BYTES - 1);
}

static void every_status_has_name_text_and_errno(void **state)
{
        (void)state;
        assert_string_equal(bdfs_status_name(BDFS_NOT_FOUND), "NOT_FOUND");
        for (int i = 0; i < BDFS_STATUS_COUNT; i++) {
                assert_non_null(bdfs_status_name((enum bdfs_status)i));
                assert_true(strlen(bdfs_status_text((enum bdfs_status)i)) > 0);
                assert_true((bdfs_status_errno((enum bdfs_status)i) == 0) == (i == BDFS_OK));
                assert_true((bdfs_status_exit((enum bdfs_status)i) == 0) == (i == BDFS_OK));
        }
        assert_string_equal(bdfs_status_name((enum bdfs_status)9999), "UNKNOWN");
        assert_int_equal(bdfs_status_errno((enum bdfs_status)9999), EIO);
        assert_int_equal(bdfs_status_exit(BDFS_TIMEOUT), 124);
}

static void a_broken_invariant_aborts(void **state)
{
        int code = 0;
        pid_t child = fork();

        (void)state;
        if (child == 0) {
                (void)signal(SIGABRT, SIG_DFL);
                (void)close(STDERR_FILENO);
                BDFS_ASSERT(getpid() == 0);
                _exit(0);
        }
        assert_int_equal(waitpid(child, &code, 0), child);
        assert_true(WIFSIGNALED(code) && WTERMSIG(code) == SIGABRT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_failure_keeps_status_and_text),
                cmocka_unit_test(a_failure_may_name_its_exception),
                cmocka_unit_test(an_errno_brings_its_status_and_text),
                cmocka_unit_test(long_texts_are_cut_not_lost),
                cmocka_unit_test(every_status_has_name_text_and_errno),
                cmocka_unit_test(a_broken_invariant_aborts),
        };

        return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
