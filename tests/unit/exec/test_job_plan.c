/* The scheduling of one job: placement, retries, lost nodes, and jobs that cannot be done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/driver/plan.h"

static struct plan *make(uint32_t maps, uint32_t reduces, uint32_t nodes, uint32_t slots)
{
        struct bdfs_err err;
        struct plan *p;

        assert_int_equal(plan_new(&p, maps, reduces, &err), BDFS_OK);
        for (uint32_t i = 0; i < nodes; i++) {
                assert_int_equal(plan_add_node(p, &err), BDFS_OK);
                plan_slots(p, i, slots);
        }
        return p;
}

static void prefer(struct plan *p, uint32_t map, uint32_t node)
{
        struct bdfs_err err;

        assert_int_equal(plan_prefer(p, map, &node, 1, &err), BDFS_OK);
}

#define LONG_AGO (-1000000) /* nothing waits for what failed then */

static const struct plan_task map0 = {.reduce = false, .number = 0};

/* ---- a small simulation ------------------------------------------------------------------- */

struct sim_run {
        struct plan_start start;
        int64_t end_ms;
        bool live;
};

/* Every task takes @task_ms. Returns when the job is done. */
static int64_t simulate(struct plan *p, int64_t task_ms, uint32_t *ret_nodes_used)
{
        static struct sim_run runs[256];
        int64_t now = 0;
        bool used[64] = {false};

        memset(runs, 0, sizeof(runs));
        for (; !plan_done(p); now += 10) {
                assert_true(now < 10000000);
                assert_false(plan_hopeless(p));
                for (size_t i = 0; i < 256; i++) {
                        if (!runs[i].live || runs[i].end_ms > now)
                                continue;
                        runs[i].live = false;
                        assert_true(plan_succeeded(p, runs[i].start.task, runs[i].start.attempt, 1,
                                                   now));
                }
                for (size_t i = 0; i < 256; i++) {
                        if (runs[i].live)
                                continue;
                        if (!plan_next(p, now, &runs[i].start))
                                break;
                        runs[i].live = true;
                        runs[i].end_ms = now + task_ms;
                        used[runs[i].start.node] = true;
                }
        }
        *ret_nodes_used = 0;
        for (size_t i = 0; i < 64; i++)
                *ret_nodes_used += used[i];
        return now;
}

static void every_map_runs_where_its_split_is(void **state)
{
        struct plan *p = make(60, 2, 6, 1);
        struct plan_counts c;
        uint32_t nodes;

        (void)state;
        for (uint32_t m = 0; m < 60; m++)
                prefer(p, m, m * 7 % 6);
        (void)simulate(p, 100, &nodes);
        plan_count(p, &c);
        assert_int_equal(c.maps_done, 60);
        assert_int_equal(c.maps_local, 60);
        assert_int_equal(c.reduces_done, 2);
        assert_int_equal(nodes, 6);
        plan_free(p);
}

static void a_short_queue_elsewhere_is_left_alone(void **state)
{
        struct plan *p = make(24, 0, 6, 1);
        struct plan_counts c;
        uint32_t nodes;

        (void)state;
        for (uint32_t m = 0; m < 24; m++) /* one node has most of it, but not seconds of work */
                prefer(p, m, m < 12 ? 0 : m % 6);
        (void)simulate(p, 150, &nodes);
        plan_count(p, &c);
        assert_int_equal(c.maps_local, 24);
        plan_free(p);
}

/* Spark's pitfall: everybody prefers one node, and nobody else ever works. */
static void a_crowded_node_is_helped_by_all_the_others(void **state)
{
        struct plan *p = make(400, 0, 8, 1);
        int64_t took, even = 400 * 1000 / 8;
        uint32_t nodes;

        (void)state;
        for (uint32_t m = 0; m < 400; m++)
                prefer(p, m, 3);
        took = simulate(p, 1000, &nodes);
        assert_int_equal(nodes, 8);
        assert_in_range(took, even, even * 3 / 2);
        plan_free(p);
}

static void maps_without_a_home_run_anywhere_at_once(void **state)
{
        struct plan *p = make(40, 0, 4, 2);
        struct plan_counts c;
        uint32_t nodes;

        (void)state;
        assert_in_range(simulate(p, 100, &nodes), 500, 600);
        plan_count(p, &c);
        assert_int_equal(nodes, 4);
        assert_int_equal(c.maps_local, 40);
        plan_free(p);
}

static void slots_are_not_passed(void **state)
{
        struct plan *p = make(10, 0, 2, 2);
        struct plan_start s;

        (void)state;
        for (uint32_t m = 0; m < 10; m++)
                prefer(p, m, 0);
        assert_true(plan_next(p, 0, &s));
        assert_true(plan_next(p, 0, &s));
        assert_int_equal(s.node, 0);
        assert_false(plan_next(p, 0, &s));
        plan_free(p);
}

static void reduces_wait_for_all_maps(void **state)
{
        struct plan *p = make(2, 3, 2, 4);
        struct plan_start a, b, r;

        (void)state;
        assert_true(plan_next(p, 0, &a));
        assert_true(plan_next(p, 0, &b));
        assert_false(a.task.reduce || b.task.reduce);
        assert_false(plan_next(p, 0, &r));
        assert_true(plan_succeeded(p, a.task, 0, 5, 10));
        assert_false(plan_next(p, 10, &r));
        assert_true(plan_succeeded(p, b.task, 0, 500, 10));
        assert_true(plan_next(p, 10, &r));
        assert_true(r.task.reduce);
        assert_int_equal(r.node, b.node); /* it keeps more */
        assert_true(plan_next(p, 10, &r));
        assert_int_equal(r.node, a.node);
        plan_free(p);
}

/* ---- failures ----------------------------------------------------------------------------- */

static void a_failed_task_goes_to_another_node_four_times_at_most(void **state)
{
        struct plan *p = make(1, 0, 3, 1);
        struct plan_start s;
        bool seen[3] = {false};

        (void)state;
        prefer(p, 0, 1);
        for (uint32_t i = 0; i < 4; i++) {
                assert_true(plan_next(p, i, &s));
                assert_int_equal(s.attempt, i);
                if (i < 3) {
                        assert_false(seen[s.node]);
                        seen[s.node] = true;
                }
                assert_false(plan_hopeless(p));
                assert_true(plan_failed(p, s.task, i, PLAN_FAIL_COUNTS, 0, LONG_AGO));
        }
        assert_true(plan_hopeless(p));
        assert_false(plan_next(p, 9, &s));
        plan_free(p);
}

static void a_single_node_is_tried_again(void **state)
{
        struct plan *p = make(1, 0, 1, 1);
        struct plan_start s;

        (void)state;
        prefer(p, 0, 0);
        for (uint32_t i = 0; i < 3; i++) {
                assert_true(plan_next(p, i, &s));
                assert_true(plan_failed(p, s.task, i, PLAN_FAIL_COUNTS, 0, LONG_AGO));
        }
        assert_true(plan_next(p, 3, &s));
        assert_true(plan_succeeded(p, s.task, 3, 0, 4));
        assert_true(plan_done(p));
        plan_free(p);
}

static void what_fails_everywhere_is_confirmed_once(void **state)
{
        struct plan *p = make(9, 0, 3, 1);
        struct plan_start s, t;

        (void)state;
        assert_true(plan_next(p, 0, &s));
        assert_true(plan_failed(p, s.task, 0, PLAN_FAIL_CONFIRM, 0, LONG_AGO));
        assert_false(plan_hopeless(p));
        do {
                assert_true(plan_next(p, 1, &t));
        } while (t.task.number != s.task.number);
        assert_int_not_equal(t.node, s.node);
        assert_true(plan_failed(p, t.task, t.attempt, PLAN_FAIL_CONFIRM, 0, LONG_AGO));
        assert_true(plan_hopeless(p));
        plan_free(p);
}

static void a_changed_input_ends_the_job(void **state)
{
        struct plan *p = make(2, 0, 3, 1);
        struct plan_start s;

        (void)state;
        assert_true(plan_next(p, 0, &s));
        assert_true(plan_failed(p, s.task, 0, PLAN_FAIL_FINAL, 0, LONG_AGO));
        assert_true(plan_hopeless(p));
        plan_free(p);
}

static void a_node_with_three_failures_is_avoided(void **state)
{
        struct plan *p = make(12, 0, 2, 1);
        struct plan_counts c;
        struct plan_start s;

        (void)state;
        for (uint32_t m = 0; m < 12; m++)
                prefer(p, m, 0);
        for (uint32_t i = 0; i < 3; i++) {
                do {
                        assert_true(plan_next(p, i, &s));
                        if (s.node == 1)
                                assert_true(plan_succeeded(p, s.task, s.attempt, 0, i));
                } while (s.node == 1);
                assert_true(plan_failed(p, s.task, s.attempt, PLAN_FAIL_COUNTS, 0, LONG_AGO));
        }
        plan_count(p, &c);
        assert_int_equal(c.nodes_avoided, 1);
        while (plan_next(p, 10, &s)) {
                assert_int_equal(s.node, 1);
                assert_true(plan_succeeded(p, s.task, s.attempt, 0, 10));
        }
        assert_true(plan_done(p));
        plan_free(p);
}

static void a_full_node_gets_nothing_more_and_nobody_is_blamed(void **state)
{
        struct plan *p = make(1, 0, 2, 1);
        struct plan_start s;
        uint32_t first;

        (void)state;
        assert_true(plan_next(p, 0, &s));
        first = s.node;
        assert_true(plan_failed(p, s.task, 0, PLAN_FAIL_NODE, 0, LONG_AGO));
        assert_false(plan_hopeless(p));
        assert_true(plan_next(p, 0, &s));
        assert_int_not_equal(s.node, first);
        assert_true(plan_failed(p, s.task, 1, PLAN_FAIL_NODE, 0, LONG_AGO));
        assert_true(plan_hopeless(p));
        plan_free(p);
}

/* ---- lost nodes and outputs --------------------------------------------------------------- */

static void a_lost_node_takes_its_work_and_its_outputs_with_it(void **state)
{
        struct plan *p = make(2, 1, 2, 1);
        struct plan_start a, b, r, again;
        uint32_t node, attempt;

        (void)state;
        prefer(p, 0, 0);
        prefer(p, 1, 1);
        assert_true(plan_next(p, 0, &a));
        assert_true(plan_next(p, 0, &b));
        assert_true(plan_succeeded(p, a.task, 0, 1, 1));
        assert_true(plan_succeeded(p, b.task, 0, 1, 1));
        assert_true(plan_next(p, 1, &r));
        assert_true(r.task.reduce);
        plan_node_lost(p, a.node);
        assert_false(plan_map_output(p, a.task.number, &node, &attempt));
        assert_true(plan_map_output(p, b.task.number, &node, &attempt));
        if (r.node != a.node)
                assert_true(plan_failed(p, r.task, 0, PLAN_FAIL_FETCH, a.task.number, LONG_AGO));
        assert_false(plan_succeeded(p, a.task, 0, 1, 2)); /* too late */
        assert_true(plan_next(p, 2, &again));
        assert_false(again.task.reduce);
        assert_int_equal(again.task.number, a.task.number);
        assert_int_equal(again.attempt, 1);
        assert_int_equal(again.node, b.node);
        assert_true(plan_succeeded(p, again.task, 1, 1, 3));
        assert_true(plan_next(p, 3, &r));
        assert_true(r.task.reduce);
        assert_int_equal(r.attempt, 1);
        assert_true(plan_succeeded(p, r.task, 1, 1, 4));
        assert_true(plan_done(p));
        plan_free(p);
}

static void finished_work_of_a_map_only_job_survives_its_node(void **state)
{
        struct plan *p = make(2, 0, 2, 1);
        struct plan_start a, b;

        (void)state;
        prefer(p, 0, 0);
        prefer(p, 1, 1);
        assert_true(plan_next(p, 0, &a));
        assert_true(plan_next(p, 0, &b));
        assert_true(plan_succeeded(p, a.task, 0, 1, 1));
        plan_node_lost(p, a.node);
        assert_true(plan_succeeded(p, b.task, 0, 1, 1));
        assert_true(plan_done(p));
        plan_free(p);
}

static void an_output_that_cannot_be_fetched_is_made_again_in_the_end(void **state)
{
        struct plan *p = make(1, 1, 2, 1);
        struct plan_start m, r;
        uint32_t fetches = 0;

        (void)state;
        assert_true(plan_next(p, 0, &m));
        assert_true(plan_succeeded(p, m.task, 0, 1, 0));
        for (;;) {
                assert_true(plan_next(p, 1, &r));
                if (!r.task.reduce)
                        break;
                assert_true(plan_failed(p, r.task, r.attempt, PLAN_FAIL_FETCH, 0, LONG_AGO));
                fetches++;
        }
        assert_int_equal(fetches, PLAN_FETCH_FAILURES);
        assert_int_equal(r.attempt, 1);
        assert_false(plan_hopeless(p));
        plan_free(p);
}

static void without_nodes_there_is_no_hope(void **state)
{
        struct plan *p = make(3, 1, 2, 1);
        struct plan_start s;

        (void)state;
        assert_true(plan_next(p, 0, &s));
        plan_node_lost(p, 0);
        assert_false(plan_hopeless(p));
        plan_node_lost(p, 1);
        assert_true(plan_hopeless(p));
        plan_free(p);
}

static void a_job_without_maps_runs_its_reduces(void **state)
{
        struct plan *p = make(0, 2, 1, 1);
        struct plan_start s;

        (void)state;
        assert_false(plan_done(p));
        assert_true(plan_next(p, 0, &s));
        assert_true(s.task.reduce);
        plan_free(p);
        p = make(0, 0, 1, 1);
        assert_true(plan_done(p));
        plan_free(p);
}

/* Whatever happens, a job with a good node left ends well, and no attempt is counted twice. */
static void random_days_end_well(void **state)
{
        uint64_t seed = 88172645463325252ULL;

        (void)state;
        for (unsigned day = 0; day < 300; day++) {
                struct plan *p = make(30, day % 3, 5, 2);
                struct plan_start live[16];
                size_t n = 0;
                int64_t now = 0;
                unsigned lost = 0;

                for (uint32_t m = 0; m < 30; m++)
                        prefer(p, m, m % 5);
                for (unsigned step = 0; !plan_done(p) && !plan_hopeless(p); step++) {
                        struct plan_start s;
                        size_t pick;

                        assert_true(step < 20000);
                        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
                        now += (int64_t)(seed >> 60) * 100;
                        while (n < 16 && plan_next(p, now, &live[n]))
                                n++;
                        if (n == 0) {
                                now += 1000;
                                continue;
                        }
                        pick = (size_t)(seed >> 33) % n;
                        s = live[pick];
                        live[pick] = live[--n];
                        if ((seed >> 20) % 50 == 0 && lost < 3) {
                                plan_node_lost(p, s.node);
                                lost++;
                        } else if ((seed >> 20) % 9 == 1) {
                                (void)plan_failed(p, s.task, s.attempt, PLAN_FAIL_KILLED, 0,
                                                  LONG_AGO);
                        } else {
                                (void)plan_succeeded(p, s.task, s.attempt, 1, now);
                        }
                }
                assert_true(plan_done(p));
                plan_free(p);
        }
}

static void late_reports_change_nothing(void **state)
{
        struct plan *p = make(1, 0, 2, 1);
        struct plan_start s;

        (void)state;
        assert_true(plan_next(p, 0, &s));
        assert_true(plan_failed(p, map0, 0, PLAN_FAIL_COUNTS, 0, LONG_AGO));
        assert_false(plan_failed(p, map0, 0, PLAN_FAIL_COUNTS, 0, LONG_AGO));
        assert_true(plan_next(p, 0, &s));
        assert_false(plan_is_current(p, map0, 0));
        assert_false(plan_succeeded(p, map0, 0, 0, 1));
        assert_true(plan_is_current(p, map0, 1));
        assert_true(plan_succeeded(p, map0, 1, 0, 1));
        assert_false(plan_succeeded(p, map0, 1, 0, 1));
        plan_free(p);
}

static void a_failed_task_waits_longer_each_time(void **state)
{
        static const int64_t waits[] = {100, 200, 400};
        struct plan *p = make(2, 0, 6, 1);
        struct plan_start s, other;
        int64_t now = 5000;

        (void)state;
        assert_true(plan_next(p, now, &s));
        assert_true(plan_next(p, now, &other));
        for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
                uint32_t task = s.task.number;

                assert_true(plan_failed(p, s.task, s.attempt, PLAN_FAIL_COUNTS, 0, now));
                assert_false(plan_next(p, now, &s));
                now += waits[i];
                assert_false(plan_next(p, now - 1, &s));
                assert_true(plan_next(p, now, &s));
                assert_int_equal(s.task.number, task);
        }
        /* one that was only killed does not wait */
        assert_true(plan_failed(p, other.task, other.attempt, PLAN_FAIL_KILLED, 0, now));
        assert_true(plan_next(p, now, &other));
        plan_free(p);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_map_runs_where_its_split_is),
                cmocka_unit_test(a_short_queue_elsewhere_is_left_alone),
                cmocka_unit_test(a_crowded_node_is_helped_by_all_the_others),
                cmocka_unit_test(maps_without_a_home_run_anywhere_at_once),
                cmocka_unit_test(slots_are_not_passed),
                cmocka_unit_test(reduces_wait_for_all_maps),
                cmocka_unit_test(a_failed_task_goes_to_another_node_four_times_at_most),
                cmocka_unit_test(a_single_node_is_tried_again),
                cmocka_unit_test(what_fails_everywhere_is_confirmed_once),
                cmocka_unit_test(a_changed_input_ends_the_job),
                cmocka_unit_test(a_node_with_three_failures_is_avoided),
                cmocka_unit_test(a_full_node_gets_nothing_more_and_nobody_is_blamed),
                cmocka_unit_test(a_lost_node_takes_its_work_and_its_outputs_with_it),
                cmocka_unit_test(finished_work_of_a_map_only_job_survives_its_node),
                cmocka_unit_test(an_output_that_cannot_be_fetched_is_made_again_in_the_end),
                cmocka_unit_test(without_nodes_there_is_no_hope),
                cmocka_unit_test(a_job_without_maps_runs_its_reduces),
                cmocka_unit_test(random_days_end_well),
                cmocka_unit_test(late_reports_change_nothing),
                cmocka_unit_test(a_failed_task_waits_longer_each_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
