/* Names of checkpoints in a trash, as Hadoop's TrashPolicyDefault makes and reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/trash_name.h"

#define NOW INT64_C(1795951200000) /* 2026-11-29 11:20:00 UTC */

static void zone(const char *name)
{
        (void)setenv("TZ", name, 1);
        tzset();
}

static void a_name_says_the_time_of_this_zone(void **state)
{
        char name[TRASH_NAME_BYTES];

        (void)state;
        zone("UTC");
        trash_name_make(NOW, 0, name);
        assert_string_equal(name, "261129112000");
        trash_name_make(NOW + 999, 12, name);
        assert_string_equal(name, "261129112000-12");
        zone("Europe/Berlin");
        trash_name_make(NOW, 0, name);
        assert_string_equal(name, "261129122000");
}

static void what_was_made_is_read_back(void **state)
{
        static const char *const zones[] = {"UTC", "Europe/Berlin", "Pacific/Kiritimati",
                                            "America/St_Johns"};
        char name[TRASH_NAME_BYTES];
        int64_t ms;

        (void)state;
        for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
                zone(zones[i]);
                for (unsigned same = 0; same < 3; same++) {
                        trash_name_make(NOW + 700, same, name);
                        assert_true(trash_name_time(name, strlen(name), NOW, &ms));
                        assert_true(ms == NOW);
                }
        }
}

static void old_names_and_other_centuries(void **state)
{
        static const struct {
                const char *name;
                int64_t ms;
        } rows[] = {
                {"2611291120", NOW},                  /* Hadoop 1: no seconds */
                {"461129112000", INT64_C(2427103200000)}, /* twenty years ahead at most */
                {"471129112000", INT64_C(-697120800000)},
                {"700101000000", 0},
                {"240229000000", INT64_C(1709164800000)},
        };
        int64_t ms;

        (void)state;
        zone("UTC");
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                assert_true(trash_name_time(rows[i].name, strlen(rows[i].name), NOW, &ms));
                assert_true(ms == rows[i].ms);
        }
}

static void what_is_no_checkpoint(void **state)
{
        static const char *const rows[] = {
                "", "Current", "26112911200", "2611291120000", "261329112000", "261100112000",
                "261131112000", "250229112000", "261129242000", "261129116000", "261129112060",
                "261129112000-", "261129112000-x", "261129112000x", "261129112000-1-2",
                "-261129112000", " 261129112000", "261129112000 ", "0x1129112000",
                "261129112000-111111111111111111111111111111111111",
        };
        int64_t ms = -7;

        (void)state;
        zone("UTC");
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                assert_false(trash_name_time(rows[i], strlen(rows[i]), NOW, &ms));
        assert_false(trash_name_time("261129112000\0", 13, NOW, &ms));
        assert_true(ms == -7);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_says_the_time_of_this_zone),
                cmocka_unit_test(what_was_made_is_read_back),
                cmocka_unit_test(old_names_and_other_centuries),
                cmocka_unit_test(what_is_no_checkpoint),
        };

        return cmocka_run_group_tests_name("trash_name", tests, NULL, NULL);
}
