/* Options as FsShell takes them, and numbers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

bool cli_number(const char *text, uint64_t low, uint64_t high, bool suffix, uint64_t *ret)
{
        unsigned long long v;
        unsigned shift = 0;
        char *end;

        errno = 0;
        v = strtoull(text, &end, 10);
        if (errno != 0 || end == text || strchr(text, '-') != NULL || text[0] == ' ')
                return false;
        if (suffix && *end != '\0') {
                const char *at = strchr("KMGT", *end & ~0x20);

                if (at == NULL || end[1] != '\0')
                        return false;
                shift = 10 * (unsigned)(at - "KMGT" + 1);
                end++;
        }
        if (*end != '\0' || v > UINT64_MAX >> shift || v << shift < low || v << shift > high)
                return false;
        *ret = (uint64_t)v << shift;
        return true;
}

static const struct cli_option *find(const struct cli_option *table, const char *name, size_t n)
{
        for (; table->name != NULL; table++) {
                if (strlen(table->name) == n && strncmp(table->name, name, n) == 0)
                        return table;
        }
        return NULL;
}

/* "-Rh": every letter is a flag of its own. */
static bool take_letters(const struct cli_option *table, const char *letters)
{
        for (const char *c = letters; *c != '\0'; c++) {
                const struct cli_option *o = find(table, c, 1);

                if (o == NULL || o->flag == NULL)
                        return false;
        }
        for (const char *c = letters; *c != '\0'; c++)
                *find(table, c, 1)->flag = true;
        return true;
}

/* One option at *@at; false: what is wrong was said. */
static bool take(struct cli *cli, const struct cli_option *table, int argc, char **argv, int *at)
{
        const char *name = argv[*at] + 1, *equals = strchr(name, '=');
        const struct cli_option *o = find(table, name, strlen(name));

        if (o == NULL && name[0] == '-' && equals != NULL) { /* --name=value */
                o = find(table, name, (size_t)(equals - name));
                if (o != NULL && o->value != NULL)
                        return *o->value = equals + 1, true;
                o = NULL;
        }
        if (o == NULL && take_letters(table, name))
                return true;
        if (o == NULL) {
                (void)cli_usage(cli, "Illegal option %s", argv[*at]);
                return false;
        }
        if (o->flag != NULL)
                return *o->flag = true, true;
        if (*at + 1 >= argc) {
                (void)cli_usage(cli, "%s: no value", argv[*at]);
                return false;
        }
        *o->value = argv[++*at];
        return true;
}

bool cli_options(struct cli *cli, int *argc, char ***argv, const struct cli_option *table, int low,
                 int high)
{
        int at = 1, n;

        while (at < *argc && (*argv)[at][0] == '-' && (*argv)[at][1] != '\0') {
                if (strcmp((*argv)[at], "--") == 0) {
                        at++;
                        break;
                }
                if (!take(cli, table, *argc, *argv, &at))
                        return false;
                at++;
        }
        n = *argc - at;
        if (n < low || n > high) {
                (void)cli_usage(cli, "%s arguments: expected %d but got %d",
                                n < low ? "Not enough" : "Too many", n < low ? low : high, n);
                return false;
        }
        *argv += at;
        *argc = n;
        return true;
}
