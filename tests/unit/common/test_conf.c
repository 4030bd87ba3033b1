/* Configuration files: every value arrives, and nothing wrong is ever ignored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/conf.h"

struct sample {
        char *name;
        int64_t port, block_bytes, idle_ms, delta;
        bool uncached;
        struct conf_list dirs;
};

static const struct conf_key table[] = {
        {"name", CONF_STRING(struct sample, name), NULL, 1, 8, "what it is called"},
        {"port", CONF_INT(struct sample, port), "9000", 1, 65535, "where it listens"},
        {"delta", CONF_INT(struct sample, delta), "-1", INT64_MIN, INT64_MAX, "any number"},
        {"block_bytes", CONF_BYTES(struct sample, block_bytes), "128M", 512, INT64_C(1) << 36,
         "how long a block is"},
        {"idle", CONF_MS(struct sample, idle_ms), "30s", 0, 86400000, "how long it waits"},
        {"uncached", CONF_BOOL(struct sample, uncached), "yes", 0, 0, "whether it passes by"},
        {"dirs", CONF_LIST(struct sample, dirs), "", 0, 3, "where it stores"},
};
#define N (sizeof(table) / sizeof(table[0]))

static struct sample conf;
static struct bdfs_err err;

static enum bdfs_status parse(const char *text)
{
        memset(&conf, 0xa5, sizeof(conf));
        return conf_parse(table, N, "f.conf", text, strlen(text), &conf, &err);
}

static void refused(const char *text, const char *why)
{
        assert_int_equal(parse(text), BDFS_INVALID);
        if (strstr(err.text, why) == NULL)
                fail_msg("\"%s\" does not say \"%s\"", err.text, why);
        assert_null(conf.name);
        assert_null(conf.dirs.items);
}

static void what_is_not_given_has_its_default(void **state)
{
        (void)state;
        assert_int_equal(parse("name=x"), BDFS_OK);
        assert_string_equal(conf.name, "x");
        assert_int_equal(conf.port, 9000);
        assert_int_equal(conf.delta, -1);
        assert_int_equal(conf.block_bytes, 128 << 20);
        assert_int_equal(conf.idle_ms, 30000);
        assert_true(conf.uncached);
        assert_int_equal(conf.dirs.n, 0);
        conf_free(table, N, &conf);
        assert_null(conf.name);
}

static void values_of_every_type_arrive(void **state)
{
        (void)state;
        assert_int_equal(parse("# a comment\n; another\n\n  name = a b#c \r\nport=65535\n"
                               "delta = -9223372036854775808\nblock_bytes = 64g\n"
                               "idle=250ms\nuncached = Off\ndirs = /a , /b b,/c\n"),
                         BDFS_OK);
        assert_string_equal(conf.name, "a b#c");
        assert_int_equal(conf.port, 65535);
        assert_true(conf.delta == INT64_MIN);
        assert_true(conf.block_bytes == INT64_C(64) << 30);
        assert_int_equal(conf.idle_ms, 250);
        assert_false(conf.uncached);
        assert_int_equal(conf.dirs.n, 3);
        assert_string_equal(conf.dirs.items[0], "/a");
        assert_string_equal(conf.dirs.items[1], "/b b");
        assert_string_equal(conf.dirs.items[2], "/c");
        conf_free(table, N, &conf);
}

static void wrong_contents_say_file_line_and_what_is_allowed(void **state)
{
        (void)state;
        refused("", "f.conf: name must be set (what it is called)");
        refused("name=x\nprot=1\n", "f.conf:2: unknown key prot");
        refused("name=x\nport=1\n\nport=1", "f.conf:4: port is given twice");
        refused("name=x\nport=0", "f.conf:2: port = 0: not allowed; it takes a number from 1 to "
                                  "65535");
        refused("name=x\nport=65536", "f.conf:2");
        refused("name=x\nport=1K", "f.conf:2");
        refused("name=x\nport=0x10", "f.conf:2");
        refused("name=x\nport= ", "f.conf:2");
        refused("name=x\nport=+1", "f.conf:2");
        refused("name=x\ndelta=9223372036854775808", "f.conf:2");
        refused("name=x\nblock_bytes=511", "a number of bytes");
        refused("name=x\nblock_bytes=9999999999T", "from 512 to 64G");
        refused("name=x\nblock_bytes=1.5G", "f.conf:2");
        refused("name=x\nblock_bytes=1 G", "f.conf:2");
        refused("name=x\nidle=30", "from 0ms to 1d");
        refused("name=x\nidle=25h", "f.conf:2");
        refused("name=x\nuncached=maybe", "yes or no");
        refused("name=\n", "f.conf:1");
        refused("name=123456789\n", "1 to 8");
        refused("name=x\ndirs=a,,b", "f.conf:2");
        refused("name=x\ndirs=a,", "f.conf:2");
        refused("name=x\ndirs=a,b,c,d", "0 to 3");
        refused("name=x ; really\n", "f.conf:1: a comment needs its own line");
        refused("name=x\nport=1 # one\n", "f.conf:2: a comment");
        refused("name=x\n[section]\n", "f.conf:2: sections");
        refused("name\n", "f.conf:1: expected key = value");
        refused("name=x\nabc", "f.conf:2: expected key = value");
        refused("name=x\v\n", "f.conf:1: a control byte");
        refused("\xef\xbb\xbfname=x\n", "f.conf:1: unknown key");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
        (void)state;
        assert_int_equal(conf_parse(table, N, "f", "name=x\0y\n", 9, &conf, &err),
                         BDFS_INVALID);
        assert_int_equal(conf_parse(table, N, "f", NULL, 0, &conf, NULL), BDFS_INVALID);
}

static void lines_are_bounded(void **state)
{
        static char text[CONF_LINE_BYTES_MAX + 100];

        (void)state;
        memset(text, ' ', sizeof(text) - 1);
        memcpy(text, "name=x\nport=1", 13);
        text[7 + CONF_LINE_BYTES_MAX] = '\n';
        assert_int_equal(parse(text), BDFS_OK);
        assert_int_equal(conf.port, 1);
        conf_free(table, N, &conf);
        text[7 + CONF_LINE_BYTES_MAX] = ' ';
        refused(text, "f.conf:2: the line is longer than 4096 bytes");
}

static void printed_values_read_back_the_same(void **state)
{
        static const char given[] = "name = n\nport = 7\ndelta = 0\nblock_bytes = 513\n"
                                    "idle = 2h\nuncached = no\ndirs = a,b\n";
        char *printed = NULL;
        size_t bytes = 0;
        FILE *to = open_memstream(&printed, &bytes);

        (void)state;
        assert_int_equal(parse(given), BDFS_OK);
        conf_print(table, N, &conf, to);
        assert_int_equal(fclose(to), 0);
        assert_string_equal(printed, given);
        conf_free(table, N, &conf);
        free(printed);
}

static void help_names_every_key(void **state)
{
        char *printed = NULL;
        size_t bytes = 0;
        FILE *to = open_memstream(&printed, &bytes);

        (void)state;
        conf_help(table, N, to);
        assert_int_equal(fclose(to), 0);
        for (size_t i = 0; i < N; i++) {
                assert_non_null(strstr(printed, table[i].name));
                assert_non_null(strstr(printed, table[i].help));
        }
        assert_non_null(strstr(printed, "must be set"));
        assert_non_null(strstr(printed, "default: 128M"));
        assert_non_null(strstr(printed, "default: empty"));
        free(printed);
}

static void files_are_loaded_and_bounded(void **state)
{
        char path[] = "/tmp/bdfs-conf-XXXXXX";
        int fd = mkstemp(path);

        (void)state;
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "name = n\nport = x\n", 18), 18);
        assert_int_equal(conf_load(table, N, path, &conf, &err), BDFS_INVALID);
        assert_non_null(strstr(err.text, path));
        assert_int_equal(ftruncate(fd, 9), 0);
        assert_int_equal(conf_load(table, N, path, &conf, &err), BDFS_OK);
        assert_string_equal(conf.name, "n");
        conf_free(table, N, &conf);
        assert_int_equal(ftruncate(fd, CONF_FILE_BYTES_MAX + 1), 0);
        assert_int_equal(conf_load(table, N, path, &conf, &err), BDFS_INVALID);
        assert_non_null(strstr(err.text, "longer than"));
        assert_int_equal(close(fd), 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(conf_load(table, N, path, &conf, &err), BDFS_NOT_FOUND);
        assert_null(conf.name);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_not_given_has_its_default),
                cmocka_unit_test(values_of_every_type_arrive),
                cmocka_unit_test(wrong_contents_say_file_line_and_what_is_allowed),
                cmocka_unit_test(bytes_that_are_no_text_are_refused),
                cmocka_unit_test(lines_are_bounded),
                cmocka_unit_test(printed_values_read_back_the_same),
                cmocka_unit_test(help_names_every_key),
                cmocka_unit_test(files_are_loaded_and_bounded),
        };

        return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
