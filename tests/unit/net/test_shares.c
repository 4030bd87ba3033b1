#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/os.h"

static uint32_t host_files = 100000;

static uint32_t fake_files_max(void)
{
        return host_files;
}

#define os_files_max fake_files_max
#include "net/shares.c"

#define OWNER 500
#define EVE 1001
#define BOB 1002
#define GATE 1003

struct held {
        struct shares *s;
        struct share *of[10000];
        size_t n;
};

static void fresh(struct held *h, uint32_t connections, uint64_t bytes)
{
        struct shares_config c = {.owner = OWNER, .connections_max = connections,
                                  .bytes_max = bytes};
        struct bdfs_err err;

        h->n = 0;
        assert_int_equal(shares_new(&h->s, &c, &err), BDFS_OK);
}

static bool enters(struct held *h, uid_t uid)
{
        struct bdfs_err err;

        if (shares_enter(h->s, uid, &h->of[h->n], &err) != BDFS_OK) {
                assert_int_equal(err.status, BDFS_LIMIT);
                return false;
        }
        h->n++;
        shares_check(h->s);
        return true;
}

static size_t enters_until_refused(struct held *h, uid_t uid)
{
        size_t n = 0;

        while (enters(h, uid))
                n++;
        return n;
}

static void leaves(struct held *h)
{
        while (h->n > 0) {
                shares_leave(h->s, h->of[--h->n]);
                shares_check(h->s);
        }
        shares_free(h->s);
}

static void one_user_cannot_take_all_connections(void **state)
{
        struct held *h = calloc(1, sizeof(*h));

        (void)state;
        fresh(h, 400, 1000);
        assert_int_equal(enters_until_refused(h, EVE), 150);
        assert_true(enters(h, BOB));
        assert_true(enters(h, OWNER));
        assert_true(enters(h, 0));
        leaves(h);
        free(h);
}

static void all_users_together_leave_a_quarter_to_the_cluster(void **state)
{
        struct held *h = calloc(1, sizeof(*h));
        size_t users = 0, own;

        (void)state;
        fresh(h, 400, 1000);
        for (uid_t uid = 2000; uid < 2010; uid++)
                users += enters_until_refused(h, uid);
        assert_int_equal(users, 300);
        own = enters_until_refused(h, OWNER);
        assert_int_equal(own, 100);
        leaves(h);
        free(h);
}

static void room_that_was_left_can_be_taken_again(void **state)
{
        struct held *h = calloc(1, sizeof(*h));

        (void)state;
        fresh(h, 8, 1000);
        (void)enters_until_refused(h, EVE);
        shares_leave(h->s, h->of[--h->n]);
        assert_true(enters(h, EVE));
        assert_false(enters(h, EVE));
        leaves(h);
        free(h);
}

static void bytes_are_bounded_by_user_and_in_all(void **state)
{
        struct held *h = calloc(1, sizeof(*h));
        uint64_t each, taken = 0;

        (void)state;
        fresh(h, 100, 4000);
        each = shares_bytes_each(h->s);
        assert_int_equal(each, 750);
        assert_true(enters(h, EVE));
        assert_true(enters(h, OWNER));
        assert_true(shares_take(h->s, h->of[0], each));
        assert_false(shares_take(h->s, h->of[0], 1));
        shares_check(h->s);
        assert_true(shares_take(h->s, h->of[1], 1000));
        for (uid_t uid = 2000; uid < 2003; uid++) {
                assert_true(enters(h, uid));
                assert_true(shares_take(h->s, h->of[h->n - 1], each));
                taken++;
        }
        assert_true(enters(h, 3000)); /* a fifth user: the others have all that there is */
        assert_false(shares_take(h->s, h->of[h->n - 1], 1));
        shares_check(h->s);
        for (size_t i = 0; i < taken; i++)
                shares_give(h->s, h->of[2 + i], each);
        assert_true(shares_take(h->s, h->of[h->n - 1], 1));
        assert_false(shares_take(h->s, h->of[1], UINT64_MAX)); /* no sum wraps around */
        assert_false(shares_take(h->s, h->of[0], UINT64_MAX));
        shares_give(h->s, h->of[h->n - 1], 1);
        shares_give(h->s, h->of[1], 1000);
        shares_give(h->s, h->of[0], each);
        leaves(h);
        free(h);
}

static void behind_a_gateway_users_count_for_themselves(void **state)
{
        struct held *h = calloc(1, sizeof(*h));
        struct bdfs_err err;
        size_t moved = 0;

        (void)state;
        fresh(h, 40, 1000);
        for (;;) {
                assert_true(enters(h, GATE));
                if (shares_move(h->s, &h->of[h->n - 1], "eve", 0, &err) != BDFS_OK)
                        break;
                moved++;
                shares_check(h->s);
        }
        assert_int_equal(err.status, BDFS_LIMIT);
        assert_non_null(strstr(err.text, "eve"));
        assert_int_equal(moved, shares_connections_each(h->s));
        assert_true(enters(h, GATE));
        assert_int_equal(shares_move(h->s, &h->of[h->n - 1], "bob", 0, &err), BDFS_OK);
        leaves(h);
        free(h);
}

static void what_was_taken_moves_with_the_connection(void **state)
{
        struct held *h = calloc(1, sizeof(*h));
        struct bdfs_err err;
        uint64_t each;

        (void)state;
        fresh(h, 40, 1000);
        each = shares_bytes_each(h->s);
        assert_true(enters(h, GATE));
        assert_true(shares_take(h->s, h->of[0], each));
        assert_int_equal(shares_move(h->s, &h->of[0], "bob", each, &err), BDFS_OK);
        shares_check(h->s);
        assert_true(enters(h, GATE));
        assert_true(shares_take(h->s, h->of[1], 1)); /* the gateway's own are free again */
        assert_int_equal(shares_move(h->s, &h->of[1], "bob", 1, &err), BDFS_LIMIT);
        shares_check(h->s);
        shares_give(h->s, h->of[1], 1);
        shares_give(h->s, h->of[0], each);
        leaves(h);
        free(h);
}

static void who_was_cut_off_opens_no_other_for_a_moment(void **state)
{
        struct held *h = calloc(1, sizeof(*h));
        int64_t end_ms = os_mono_ms() + 10 * SHARES_PENALTY_MS;

        (void)state;
        fresh(h, 40, 1000);
        assert_true(enters(h, EVE));
        shares_punish(h->s, h->of[0]);
        assert_false(enters(h, EVE));
        assert_true(enters(h, BOB));
        while (!enters(h, EVE)) {
                assert_true(os_mono_ms() < end_ms);
                os_sleep_ms(10);
        }
        leaves(h);
        free(h);
}

static void few_descriptors_mean_few_connections(void **state)
{
        struct held *h = calloc(1, sizeof(*h));

        (void)state;
        host_files = 40;
        fresh(h, 4096, 1000);
        host_files = 100000;
        assert_int_equal(enters_until_refused(h, OWNER), 20);
        leaves(h);
        free(h);
}

static void the_last_connection_may_leave_after_the_server(void **state)
{
        struct held *h = calloc(1, sizeof(*h));
        struct shares *s;

        (void)state;
        fresh(h, 10, 1000);
        assert_true(enters(h, EVE));
        s = h->s;
        shares_free(s);
        shares_leave(s, h->of[0]); /* ASan looks that it is freed, once */
        free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_user_cannot_take_all_connections),
                cmocka_unit_test(all_users_together_leave_a_quarter_to_the_cluster),
                cmocka_unit_test(room_that_was_left_can_be_taken_again),
                cmocka_unit_test(bytes_are_bounded_by_user_and_in_all),
                cmocka_unit_test(behind_a_gateway_users_count_for_themselves),
                cmocka_unit_test(what_was_taken_moves_with_the_connection),
                cmocka_unit_test(who_was_cut_off_opens_no_other_for_a_moment),
                cmocka_unit_test(few_descriptors_mean_few_connections),
                cmocka_unit_test(the_last_connection_may_leave_after_the_server),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
