/* What is said of the time that a job still takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exec/driver/job_left.h"

static void nothing_is_known_before_something_has_ended(void **state)
{
        struct job_progress p = {.tasks = {.maps = 10, .reduces = 4}, .bytes_all = 1000,
                                 .bytes_done = 100, .ms = 5000};

        (void)state;
        assert_int_equal(job_seconds_left(&p, 0), -1);
        p.tasks.maps_done = p.tasks.maps;
        p.bytes_done = p.bytes_all;
        assert_int_equal(job_seconds_left(&p, 5000), -1);
}

static void maps_and_reduces_are_told_by_their_own_speed(void **state)
{
        struct job_progress p = {.tasks = {.maps = 10, .maps_done = 1, .reduces = 4},
                                 .bytes_all = 1000, .bytes_done = 100, .ms = 5000};

        (void)state;
        assert_int_equal(job_seconds_left(&p, 0), 45); /* 900 bytes at 20 a second */
        p.tasks.maps_done = 10;
        p.tasks.reduces_done = 1;
        p.ms = 60000;
        assert_int_equal(job_seconds_left(&p, 50000), 30); /* three more of ten seconds */
        p.tasks.reduces_done = 4;
        assert_int_equal(job_seconds_left(&p, 50000), 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_is_known_before_something_has_ended),
                cmocka_unit_test(maps_and_reduces_are_told_by_their_own_speed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
