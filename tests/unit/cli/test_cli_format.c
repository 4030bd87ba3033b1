/* Numbers, modes, names and tables as FsShell prints them; modes as its chmod reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli_format.c" /* the program's files are in no library */
#include "cli/cli_mode.c"

static char printed[4096];

void cli_print(struct cli *cli, const char *format, ...)
{
        size_t n = strlen(printed);
        va_list ap;

        (void)cli;
        va_start(ap, format);
        (void)vsnprintf(printed + n, sizeof(printed) - n, format, ap);
        va_end(ap);
}

static void sizes_are_rounded_as_java_rounds(void **state)
{
        static const struct {
                int64_t n;
                const char *text;
        } rows[] = {
                {0, "0"}, {1023, "1023"}, {1024, "1 K"}, {1025, "1.0 K"}, {1280, "1.3 K"},
                {1536, "1.5 K"}, {300000, "293.0 K"}, {1048575, "1.0 M"}, {1048064, "1023.5 K"},
                {1073741824, "1 G"}, {-2048, "-2 K"}, {INT64_MAX, "8.0 E"},
        };
        char text[CLI_TEXT_BYTES];

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                assert_string_equal(cli_size(text, rows[i].n, true), rows[i].text);
        assert_string_equal(cli_size(text, 300000, false), "300000");
        assert_string_equal(cli_bytes(text, 12), "12 B");
        assert_string_equal(cli_bytes(text, 1536), "1.5 KB");
}

static void modes_have_ten_faces(void **state)
{
        char text[CLI_TEXT_BYTES];

        (void)state;
        assert_string_equal(cli_mode(text, 0755), "rwxr-xr-x");
        assert_string_equal(cli_mode(text, 01777), "rwxrwxrwt");
        assert_string_equal(cli_mode(text, 01640), "rw-r----T");
        assert_string_equal(cli_mode(text, 0), "---------");
}

static void names_are_shown_without_control_characters(void **state)
{
        static const struct {
                const char *name, *text;
        } rows[] = {
                {"plain", "plain"}, {"a\nb\033[31m", "a?b?[31m"}, {"\xc3\xa9", "\xc3\xa9"},
                {"\xe2\x80\x8e!", "?!"}, {"\xee\x80\x80", "?"}, {"\xff\xfe", "??"}, {"", ""},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char *text = cli_printable(rows[i].name);

                assert_string_equal(text, rows[i].text);
                free(text);
        }
        assert_int_equal(cli_columns("\xc3\xa9" "a"), 2);
}

static void a_table_is_as_wide_as_its_widest_cells(void **state)
{
        static const char *const head[] = {"A", "Size", "B"}, *const row[] = {"long", "7", "x"};
        struct cli_table *t = cli_table_new(3, 1u << 1);

        (void)state;
        printed[0] = '\0';
        assert_true(cli_table_add(t, head) && cli_table_add(t, row));
        assert_int_equal(cli_table_rows(t), 2);
        cli_table_print(t, NULL);
        assert_string_equal(printed, "A     Size  B\nlong     7  x\n");
        cli_table_free(t);
        cli_table_free(NULL);
}

static void chmod_reads_octal_and_letters(void **state)
{
        static const struct {
                const char *text;
                uint32_t before;
                bool directory;
                uint32_t after;
        } rows[] = {
                {"755", 0, false, 0755}, {"1755", 0644, false, 01755}, {"0644", 01777, false, 0644},
                {"+600", 0777, false, 0600}, {"u+x", 0644, false, 0744},
                {"go-r", 0644, false, 0600},
                {"a=r", 0777, true, 0444}, {"+t", 0755, true, 01755},
                {"-t", 01755, true, 0755}, {"a+X", 0644, false, 0644}, {"a+X", 0744, false, 0755},
                {"a+X", 0644, true, 0755}, {"u=rwx,g=rx,o=r", 0, false, 0754},
                {"u+r,u+w", 0, false, 0200}, {" u+x ", 0, false, 0100}, {"+-w", 0666, false, 0444},
        };
        struct cli_mode_change c;

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (!cli_mode_parse(rows[i].text, &c) ||
                    cli_mode_apply(&c, rows[i].before, rows[i].directory) != rows[i].after)
                        fail_msg("%s of %o", rows[i].text, rows[i].before);
        }
}

static void what_is_no_mode_is_refused(void **state)
{
        static const char *const bad[] = {"", "75", "77777", "2755", "788", "u+", "u", "+", "z+x",
                                          "u+x g+x", "u+s", "755x", "rw"};
        struct cli_mode_change c;

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                if (cli_mode_parse(bad[i], &c))
                        fail_msg("%s was taken", bad[i]);
        }
}

/* As Hadoop's UmaskParser: what is named symbolically is left, octal digits are taken away. */
static void umasks_are_octal_or_say_what_is_left(void **state)
{
        static const struct {
                const char *text;
                uint32_t mask; /* 01000: refused */
        } rows[] = {
                {"022", 022}, {"0022", 022}, {"000", 0}, {"777", 0777}, {"0666", 0666},
                {" +027 ", 027}, {"00000077", 077}, {"u=rwx,g=rx,o=", 027},
                {"u=rwx,g=rx,o=rx", 022},
                {"u=rwx", 077}, {"a=rwx", 0}, {"a=", 0777}, {"u+rw,g-w", 0177}, {"=r", 0333},
                {"ug=rwx, o=x", 006}, {"22", 01000}, {"0", 01000}, {"1777", 01000}, {"", 01000},
                {"u=rwX", 01000}, {"o=t", 01000}, {"8", 01000}, {"0228", 01000}, {"u", 01000},
                {"u=rwx g=rx", 01000}, {"rwx", 01000}, {"-022", 01000}, {"0x12", 01000},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint32_t mask = 01000;

                assert_int_equal(cli_mode_umask(rows[i].text, &mask), rows[i].mask != 01000);
                assert_int_equal(mask, rows[i].mask);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sizes_are_rounded_as_java_rounds),
                cmocka_unit_test(modes_have_ten_faces),
                cmocka_unit_test(names_are_shown_without_control_characters),
                cmocka_unit_test(a_table_is_as_wide_as_its_widest_cells),
                cmocka_unit_test(chmod_reads_octal_and_letters),
                cmocka_unit_test(what_is_no_mode_is_refused),
                cmocka_unit_test(umasks_are_octal_or_say_what_is_left),
        };

        return cmocka_run_group_tests_name("cli_format", tests, NULL, NULL);
}
