/* Hadoop's patterns: what they match, what is none, which groups become paths of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli_glob.c" /* the program's files are in no library */

static bool fits(const char *pattern, const char *name)
{
        struct bdfs_err err;
        struct glob g;
        bool yes;

        assert_int_equal(glob_compile(pattern, &g, &err), BDFS_OK);
        yes = glob_match(&g, name);
        glob_fini(&g);
        return yes;
}

static void wildcards_match_as_hadoops_do(void **state)
{
        static const struct {
                const char *pattern, *name;
                bool yes;
        } rows[] = {
                {"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"*", "a/b", true},
                {"a*", "a", true}, {"a*c", "abbc", true}, {"a*c", "abcd", false},
                {"*a*b*", "xxaxxbxx", true}, {"*a*b*", "xxbxxa", false}, {"?", "", false},
                {"?", "x", true}, {"?", "\xc3\xa9", true}, {"??", "\xc3\xa9", false},
                {"[abc]", "b", true}, {"[!abc]", "b", false}, {"[^abc]", "d", true},
                {"[a-c]x", "cx", true}, {"[a-c]", "d", false},
                {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true},
                {"[\\]]", "]", true}, {"[a\\-c]", "b", false}, {"{a,b}", "b", true},
                {"{a,b}", "c", false}, {"x{a,{b,c}}y", "xcy", true}, {"{a*,b?}", "bz", true},
                {"{,a}b", "b", true}, {"{a}", "a", true}, {"a,b", "a,b", true}, {"\\*", "*", true},
                {"\\*", "a", false}, {"a.b", "axb", false}, {"(a|b)+$", "(a|b)+$", true},
                {"}", "}", true}, {"\xff", "\xff", true}, {"?", "\xff", true},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (fits(rows[i].pattern, rows[i].name) != rows[i].yes)
                        fail_msg("%s and %s", rows[i].pattern, rows[i].name);
        }
}

static void a_long_name_is_matched_in_good_time(void **state)
{
        char name[256];

        (void)state;
        memset(name, 'a', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        assert_false(fits("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
        assert_true(fits("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*", name));
}

static void what_is_no_pattern_is_refused(void **state)
{
        static const char *const bad[] = {"[a", "[", "{a", "{a,{b}", "a\\", "[a[b]", "[!"};
        struct bdfs_err err;
        struct glob g;

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                assert_int_equal(glob_compile(bad[i], &g, &err), BDFS_INVALID);
                assert_ptr_equal(strstr(err.text, "Illegal file pattern"), err.text);
        }
}

static void too_many_alternatives_are_refused(void **state)
{
        struct bdfs_err err;
        struct glob g;

        (void)state;
        assert_int_equal(glob_compile("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"
                                      "{a,b}", &g, &err), BDFS_LIMIT);
}

static void only_wildcards_make_a_pattern_wild(void **state)
{
        static const struct {
                const char *pattern;
                bool wild;
        } rows[] = {{"a", false}, {"a\\*", false}, {"a}", false}, {"a,b", false}, {"a*", true},
                    {"?", true}, {"[a]", true}, {"{a}", true}};
        struct bdfs_err err;
        struct glob g;

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                assert_int_equal(glob_compile(rows[i].pattern, &g, &err), BDFS_OK);
                assert_int_equal(g.wild, rows[i].wild);
                glob_fini(&g);
        }
}

static void groups_with_a_slash_become_paths(void **state)
{
        struct glob_list l = {0};
        struct bdfs_err err;

        (void)state;
        assert_int_equal(glob_flatten("/x/{a/b,c}/{d,e}", &l, &err), BDFS_OK);
        assert_int_equal(l.n, 2);
        assert_string_equal(l.text[0], "/x/a/b/{d,e}");
        assert_string_equal(l.text[1], "/x/c/{d,e}");
        glob_list_free(&l);
        assert_int_equal(glob_flatten("{/a,/{b/c,d}}/x", &l, &err), BDFS_OK);
        assert_int_equal(l.n, 3);
        assert_string_equal(l.text[2], "/d/x");
        glob_list_free(&l);
        assert_int_equal(glob_flatten("/\\{a/b,c\\}", &l, &err), BDFS_OK);
        assert_int_equal(l.n, 1);
        glob_list_free(&l);
}

static void escapes_are_taken_away(void **state)
{
        char text[] = "a\\*b\\\\c\\";

        (void)state;
        glob_unescape(text, text);
        assert_string_equal(text, "a*b\\c\\");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(wildcards_match_as_hadoops_do),
                cmocka_unit_test(a_long_name_is_matched_in_good_time),
                cmocka_unit_test(what_is_no_pattern_is_refused),
                cmocka_unit_test(too_many_alternatives_are_refused),
                cmocka_unit_test(only_wildcards_make_a_pattern_wild),
                cmocka_unit_test(groups_with_a_slash_become_paths),
                cmocka_unit_test(escapes_are_taken_away),
        };

        return cmocka_run_group_tests_name("cli_glob", tests, NULL, NULL);
}
