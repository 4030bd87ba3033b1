/* The permission function and its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "namenode/tree/perm.h"
#include "namenode/store/tables.h"

enum { ROOT = 1, ALICE, BOB, STAFF, OTHERS };

static const struct ns_caller alice_named = {.user = "alice"};
static const uint32_t alice_groups[] = {OTHERS, STAFF};
static const struct perm_caller alice = {
        .who = &alice_named, .user = ALICE, .groups = alice_groups, .groups_n = 2};
static const struct perm_caller super = {.who = &alice_named, .user = ROOT, .superuser = true};
static const struct perm_caller stranger = {.who = &alice_named, .user = NAME_NONE};

static struct perm_object object(uint32_t owner, uint32_t group, uint16_t mode)
{
        return (struct perm_object){.owner = owner, .group = group, .mode = mode};
}

static void the_first_class_that_fits_decides(void **state)
{
        struct perm_object own = object(ALICE, STAFF, 0077), group = object(BOB, STAFF, 0707);
        struct perm_object other = object(BOB, BOB, 0770);

        (void)state;
        assert_false(perm_allows(&alice, &own, PERM_READ));    /* owner, whatever the group may */
        assert_false(perm_allows(&alice, &group, PERM_READ));  /* group, whatever others may */
        assert_false(perm_allows(&alice, &other, PERM_READ));
        other.mode = 0004;
        assert_true(perm_allows(&alice, &other, PERM_READ));
        assert_false(perm_allows(&alice, &other, PERM_READ_EXECUTE));
        assert_true(perm_allows(&alice, &own, PERM_NONE));
}

static void every_access_against_every_mode(void **state)
{
        (void)state;
        for (unsigned mode = 0; mode < 01000; mode++) {
                for (unsigned access = 0; access <= PERM_ALL; access++) {
                        struct perm_object o = object(ALICE, STAFF, (uint16_t)mode);

                        assert_int_equal(perm_allows(&alice, &o, access),
                                         (mode >> 6 & access) == access);
                        o.owner = BOB;
                        assert_int_equal(perm_allows(&alice, &o, access),
                                         (mode >> 3 & 7 & access) == access);
                        o.group = BOB;
                        assert_int_equal(perm_allows(&alice, &o, access),
                                         (mode & 7 & access) == access);
                        assert_true(perm_allows(&super, &o, access));
                        assert_int_equal(perm_allows(&stranger, &o, access),
                                         (mode & 7 & access) == access);
                }
        }
}

static void the_sticky_bit_keeps_what_others_own(void **state)
{
        struct perm_object dir = object(BOB, STAFF, 01777);

        (void)state;
        assert_true(perm_sticky(&alice, &dir, BOB));
        assert_false(perm_sticky(&alice, &dir, ALICE));
        assert_false(perm_sticky(&super, &dir, BOB));
        assert_true(perm_sticky(&stranger, &dir, BOB));
        dir.owner = ALICE;
        assert_false(perm_sticky(&alice, &dir, BOB));
        dir = object(BOB, STAFF, 0777);
        assert_false(perm_sticky(&alice, &dir, BOB));
}

static void modes_and_accesses_read_as_in_hdfs(void **state)
{
        char text[10];

        (void)state;
        perm_mode_text(0754, text);
        assert_string_equal(text, "rwxr-xr--");
        perm_mode_text(01777, text);
        assert_string_equal(text, "rwxrwxrwt");
        perm_mode_text(01770, text);
        assert_string_equal(text, "rwxrwx--T");
        perm_mode_text(0, text);
        assert_string_equal(text, "---------");
        assert_string_equal(perm_access_name(PERM_READ_EXECUTE), "READ_EXECUTE");
        assert_string_equal(perm_access_name(PERM_NONE), "NONE");
        assert_string_equal(perm_access_name(PERM_WRITE | PERM_EXECUTE), "WRITE_EXECUTE");
        assert_string_equal(perm_access_name(PERM_ALL), "ALL");
}

static void refusals_have_the_words_of_hdfs(void **state)
{
        const struct perm_text dir = {.path = "/o/sticky-and-more", .path_n = 9, .owner = "root",
                                      .group = "supergroup", .mode = 01777, .directory = true};
        const struct perm_text file = {.path = "/o/sticky/af", .path_n = 12, .owner = "alice",
                                       .group = "supergroup", .mode = 0666};
        struct bdfs_err err;

        (void)state;
        assert_int_equal(perm_denied("bob", PERM_WRITE, &dir, &err), BDFS_PERMISSION);
        assert_string_equal(err.text, "Permission denied: user=bob, access=WRITE, "
                                      "inode=\"/o/sticky\":root:supergroup:drwxrwxrwt");
        assert_int_equal(perm_denied_sticky("bob", &file, &dir, &err), BDFS_NOT_OWNER);
        assert_string_equal(err.text, "Permission denied by sticky bit: user=bob, "
                                      "path=\"/o/sticky/af\":alice:supergroup:-rw-rw-rw-, "
                                      "parent=\"/o/sticky\":root:supergroup:drwxrwxrwt");
        assert_int_equal(perm_denied_owner("bob", "/o/f", 4, &err), BDFS_NOT_OWNER);
        assert_string_equal(err.text, "Permission denied. user=bob is not the owner of "
                                      "inode=/o/f");
        assert_int_equal(perm_denied_superuser("bob", "setSpaceQuota", &err), BDFS_PERMISSION);
        assert_string_equal(err.text, "Access denied for user bob. Superuser privilege is "
                                      "required for operation setSpaceQuota");
        assert_int_equal(perm_denied_superuser("bob", NULL, NULL), BDFS_PERMISSION);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_class_that_fits_decides),
                cmocka_unit_test(every_access_against_every_mode),
                cmocka_unit_test(the_sticky_bit_keeps_what_others_own),
                cmocka_unit_test(modes_and_accesses_read_as_in_hdfs),
                cmocka_unit_test(refusals_have_the_words_of_hdfs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
