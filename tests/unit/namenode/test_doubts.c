/* How often a user may make datanodes look at replicas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/limits.h"
#include "namenode/serve/doubts.h"

static void one_user_uses_up_its_own_only(void **state)
{
        struct doubts *d = doubts_new();
        unsigned allowed = 0;

        (void)state;
        for (int i = 0; i < 10000; i++)
                allowed += doubts_allow(d, "mallory", 5000);
        assert_int_equal(allowed, DOUBTS_BURST);
        assert_true(doubts_allow(d, "alice", 5000));
        assert_false(doubts_allow(d, "mallory", 5000 + DOUBTS_EVERY_MS - 1));
        assert_true(doubts_allow(d, "mallory", 5000 + DOUBTS_EVERY_MS));
        assert_false(doubts_allow(d, "mallory", 5000 + DOUBTS_EVERY_MS));
        allowed = 0;
        for (int i = 0; i < 10000; i++) /* what was not used is not saved up for ever */
                allowed += doubts_allow(d, "mallory", 5000 + 1000000LL * DOUBTS_EVERY_MS);
        assert_int_equal(allowed, DOUBTS_BURST);
        doubts_free(d);
}

static void many_names_do_not_give_a_used_up_one_new_looks(void **state)
{
        struct doubts *d = doubts_new();
        char name[32];

        (void)state;
        while (doubts_allow(d, "mallory", 0))
                ;
        for (int i = 0; i < 3 * DOUBTS_USERS_MAX; i++) {
                (void)snprintf(name, sizeof(name), "user%d", i);
                assert_true(doubts_allow(d, name, 1));
        }
        assert_false(doubts_allow(d, "mallory", 2));
        doubts_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_user_uses_up_its_own_only),
                cmocka_unit_test(many_names_do_not_give_a_used_up_one_new_looks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
