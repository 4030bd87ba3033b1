/* bdfs stat, test, checksum */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_format.h"
#include "cli/cli_json.h"
#include "cli/cmd.h"
#include "common/cleanup.h"

/* ---- stat ------------------------------------------------------------------------------------ */

struct show_stat {
        struct cli *cli;
        const char *format;
};

static void print_field(struct cli *cli, char field, const struct cli_item *it)
{
        const struct bdfs_stat *st = &it->st;
        AUTO_FREE char *name = NULL;
        char text[CLI_TEXT_BYTES];

        switch (field) {
        case 'a': cli_print(cli, "%o", st->mode & 01777); break;
        case 'A': cli_print(cli, "%s", cli_mode(text, st->mode)); break;
        case 'b': cli_print(cli, "%llu", (unsigned long long)st->length); break;
        case 'F': cli_print(cli, "%s", cli_type_name(st->type)); break;
        case 'g': cli_print(cli, "%s", st->group); break;
        case 'n':
                name = cli_item_name(it);
                cli_print(cli, "%s", name == NULL ? "" : name);
                break;
        case 'o': cli_print(cli, "%llu", (unsigned long long)st->block_size); break;
        case 'r': cli_print(cli, "%u", st->replication); break;
        case 'u': cli_print(cli, "%s", st->owner); break;
        case 'x': cli_print(cli, "%s", cli_time_utc(text, st->atime_ms)); break;
        case 'X': cli_print(cli, "%lld", (long long)st->atime_ms); break;
        case 'y': cli_print(cli, "%s", cli_time_utc(text, st->mtime_ms)); break;
        case 'Y': cli_print(cli, "%lld", (long long)st->mtime_ms); break;
        default: cli_print(cli, "%c", field); break;
        }
}

static enum bdfs_status stat_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct show_stat *s = arg;

        (void)err;
        if (s->cli->json) {
                cli_json_add(s->cli, cli_json_item(it));
                return BDFS_OK;
        }
        for (const char *c = s->format; *c != '\0'; c++) {
                if (*c != '%')
                        cli_print(s->cli, "%c", *c);
                else if (*++c == '\0')
                        break; /* FsShell drops a last % */
                else
                        print_field(s->cli, *c, it);
        }
        cli_print(s->cli, "\n");
        return BDFS_OK;
}

int cmd_stat(struct cli *cli, int argc, char **argv)
{
        struct show_stat s = {.cli = cli, .format = "%y"};
        bool recursive = false;
        const struct cli_option options[] = {{"R", &recursive, NULL}, {NULL, NULL, NULL}};
        int rc;

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        if (strchr(argv[0], '%') != NULL) {
                s.format = *argv++;
                argc--;
        }
        if (argc == 0)
                return cli_usage(cli, "Not enough arguments: expected 1 but got 0");
        if (cli->json)
                cli_json_begin(cli);
        rc = cli_walk_all(cli, argc, argv, recursive, stat_visit, &s);
        if (cli->json)
                cli_json_end(cli);
        return rc;
}

/* ---- test ------------------------------------------------------------------------------------ */

struct question {
        bool exists, directory, file, some, none, writable, readable;
};

static enum bdfs_status may(const struct cli_item *it, unsigned rwx, bool *ret,
                            struct bdfs_err *err)
{
        enum bdfs_status rc = bdfs_access(it->fs, it->path, rwx, err);

        *ret = rc == BDFS_OK;
        return rc == BDFS_PERMISSION || rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

static enum bdfs_status answer(const struct question *q, const struct cli_item *it, bool *ret,
                               struct bdfs_err *err)
{
        *ret = false;
        if (!it->exists)
                return BDFS_OK;
        if (q->writable || q->readable)
                return may(it, q->writable ? 2 : 4, ret, err);
        *ret = q->exists || (q->directory && it->st.type == BDFS_TYPE_DIRECTORY) ||
               (q->file && it->st.type == BDFS_TYPE_FILE) || (q->some && it->st.length > 0) ||
               (q->none && it->st.length == 0);
        return BDFS_OK;
}

int cmd_test(struct cli *cli, int argc, char **argv)
{
        struct question q = {0};
        const struct cli_option options[] = {
                {"e", &q.exists, NULL}, {"d", &q.directory, NULL}, {"f", &q.file, NULL},
                {"s", &q.some, NULL}, {"z", &q.none, NULL}, {"w", &q.writable, NULL},
                {"r", &q.readable, NULL}, {NULL, NULL, NULL}};
        struct cli_items list = {0};
        bool yes = true;
        struct bdfs_err err;
        int flags;

        if (!cli_options(cli, &argc, &argv, options, 1, 1))
                return bdfs_status_exit(BDFS_USAGE);
        flags = q.exists + q.directory + q.file + q.some + q.none + q.writable + q.readable;
        if (flags != 1)
                return cli_usage(cli, flags == 0 ? "No test flag given"
                                                 : "Only one test flag is allowed");
        if (cli_expand(cli, argv[0], &list, &err) != BDFS_OK) {
                cli_error(cli, &err);
                return cli_exit(cli);
        }
        yes = list.n > 0;
        for (size_t i = 0; i < list.n; i++) {
                bool one;

                if (answer(&q, &list.list[i], &one, &err) != BDFS_OK)
                        cli_error(cli, &err);
                else
                        yes = yes && one;
        }
        cli_items_fini(&list);
        if (cli_exit(cli) == 0 && cli->json)
                cli_json_one(cli, json_pack("{s:b}", "answer", yes));
        return cli_exit(cli) != 0 ? cli_exit(cli) : !yes;
}

/* ---- checksum -------------------------------------------------------------------------------- */

struct sums {
        struct cli *cli;
        bool block_size, composite;
};

static enum bdfs_status checksum_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct sums *s = arg;
        struct bdfs_checksum sum;
        char hex[2 * sizeof(sum.bytes) + 1] = "";

        if (cli_item_is_directory(it))
                return cli_item_fail(it, BDFS_IS_DIRECTORY, err);
        if (bdfs_checksum(it->fs, it->path, s->composite, &sum, err) != BDFS_OK)
                return cli_item_reword(it, err);
        for (size_t i = 0; i < sum.n; i++)
                (void)snprintf(hex + 2 * i, 3, "%02x", sum.bytes[i]);
        if (s->cli->json) {
                json_t *o = json_object();

                cli_json_text(o, "path", it->text);
                cli_json_text(o, "algorithm", sum.algorithm);
                cli_json_text(o, "checksum", hex);
                cli_json_number(o, "block_size", it->st.block_size);
                cli_json_number(o, "length", it->st.length);
                cli_json_add(s->cli, o);
                return BDFS_OK;
        }
        cli_print(s->cli, "%s\t%s\t%s", it->text, sum.algorithm, hex);
        if (s->block_size)
                cli_print(s->cli, "\tBlockSize=%llu", (unsigned long long)it->st.block_size);
        cli_print(s->cli, "\n");
        return BDFS_OK;
}

int cmd_checksum(struct cli *cli, int argc, char **argv)
{
        struct sums s = {.cli = cli, .composite = cli->composite};
        const struct cli_option options[] = {
                {"v", &s.block_size, NULL}, {"-composite", &s.composite, NULL}, {NULL, NULL, NULL}};
        int rc;

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        if (cli->json)
                cli_json_begin(cli);
        rc = cli_walk_all(cli, argc, argv, false, checksum_visit, &s);
        if (cli->json)
                cli_json_end(cli);
        return rc;
}
