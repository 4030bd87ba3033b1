/* bdfs du, count, df: sums over trees and clusters. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_format.h"
#include "cli/cli_json.h"
#include "cli/cmd.h"

static enum bdfs_status no_memory(struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a table");
}

static json_t *summary_json(const struct cli_item *it, const struct bdfs_summary *s)
{
        json_t *o = json_object();

        cli_json_text(o, "path", it->text);
        cli_json_number(o, "length", s->length);
        cli_json_number(o, "space", s->space);
        cli_json_number(o, "files", s->files);
        cli_json_number(o, "directories", s->directories);
        (void)json_object_set_new(o, "name_quota",
                                  s->name_quota < 0 ? json_null() : json_integer(s->name_quota));
        (void)json_object_set_new(o, "space_quota",
                                  s->space_quota < 0 ? json_null() : json_integer(s->space_quota));
        return o;
}

/* ---- du -------------------------------------------------------------------------------------- */

struct du {
        struct cli *cli;
        bool human, summary, header, no_snapshots;
        struct cli_table *table;
};

static enum bdfs_status du_one(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct du *d = arg;
        char length[CLI_TEXT_BYTES], space[CLI_TEXT_BYTES];
        const char *cells[3] = {length, space, it->text};
        struct bdfs_summary s;

        if (bdfs_summary(it->fs, it->path, &s, err) != BDFS_OK)
                return cli_item_reword(it, err);
        if (d->cli->json) {
                cli_json_add(d->cli, summary_json(it, &s));
                return BDFS_OK;
        }
        (void)cli_size(length, (int64_t)s.length, d->human);
        (void)cli_size(space, (int64_t)s.space, d->human);
        return cli_table_add(d->table, cells) ? BDFS_OK : no_memory(err);
}

static enum bdfs_status du_child(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct du *d = arg;

        (void)err;
        cli_walk(d->cli, it, false, du_one, d);
        return BDFS_OK;
}

static void du_operand(struct du *d, struct cli_item *it)
{
        struct bdfs_err err;
        char room[400];

        if (!it->exists) {
                (void)cli_item_fail(it, BDFS_NOT_FOUND, &err);
                cli_error_hint(d->cli, &err, cli_item_hint(it, room));
        } else if (d->summary || !cli_item_is_directory(it)) {
                cli_walk(d->cli, it, false, du_one, d);
        } else if (cli_item_children(it, du_child, d, &err) != BDFS_OK) {
                cli_error(d->cli, &err);
        } else {
                cli_done(d->cli);
        }
}

int cmd_du(struct cli *cli, int argc, char **argv)
{
        static const char *const head[] = {"SIZE", "DISK_SPACE_CONSUMED_WITH_ALL_REPLICAS",
                                           "FULL_PATH_NAME"};
        struct du d = {.cli = cli};
        const struct cli_option options[] = {
                {"h", &d.human, NULL}, {"s", &d.summary, NULL}, {"v", &d.header, NULL},
                {"x", &d.no_snapshots, NULL}, {NULL, NULL, NULL}};
        static char here[] = ".";
        char *home[] = {here};
        struct cli_items list;

        if (!cli_options(cli, &argc, &argv, options, 0, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        d.table = cli_table_new(3, 0);
        if (d.table == NULL || (d.header && !cli_table_add(d.table, head)))
                return bdfs_status_exit(BDFS_NO_MEMORY);
        cli_expand_all(cli, argc == 0 ? 1 : argc, argc == 0 ? home : argv, &list);
        if (cli->json)
                cli_json_begin(cli);
        for (size_t i = 0; i < list.n; i++)
                du_operand(&d, &list.list[i]);
        if (cli->json)
                cli_json_end(cli);
        else if (!d.header || cli_table_rows(d.table) > 1)
                cli_table_print(d.table, cli);
        cli_items_fini(&list);
        cli_table_free(d.table);
        return cli_exit(cli);
}

/* ---- count ----------------------------------------------------------------------------------- */

/* Kinds of storage that can have a quota of their own, in HDFS's order. Nothing has one here. */
static const char *const storage_types[] = {"SSD", "DISK", "ARCHIVE", "PROVIDED", "NVDIMM",
                                            "RAM_DISK"};
#define STORAGE_TYPES (sizeof(storage_types) / sizeof(storage_types[0]))
#define STORAGE_TYPES_LISTED (STORAGE_TYPES - 1) /* when none is named */

struct count {
        struct cli *cli;
        bool by_type;
        const char *types[STORAGE_TYPES]; /* -t */
        size_t types_n;
        bool quotas, human, header, usage_only, no_snapshots, policy, snapshots;
};

/* A quota and what is left of it. */
static void print_quota(struct count *c, int64_t quota, uint64_t used, bool none, int width)
{
        char text[CLI_TEXT_BYTES], left[CLI_TEXT_BYTES];

        cli_print(c->cli, "%*s %15s ", width, none ? "none" : cli_size(text, quota, c->human),
                  none ? "inf" : cli_size(left, quota - (int64_t)used, c->human));
}

static enum bdfs_status count_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct count *c = arg;
        char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], n[CLI_TEXT_BYTES];
        struct bdfs_summary s;

        if (bdfs_summary(it->fs, it->path, &s, err) != BDFS_OK)
                return cli_item_reword(it, err);
        if (c->cli->json) {
                cli_json_add(c->cli, summary_json(it, &s));
                return BDFS_OK;
        }
        if (c->by_type) {
                for (size_t i = 0; i < c->types_n; i++)
                        cli_print(c->cli, "%14s %18s ", "none", "inf");
        } else if (c->quotas || c->usage_only) {
                print_quota(c, s.name_quota, s.files + s.directories, s.name_quota <= 0, 12);
                print_quota(c, s.space_quota, s.space, s.space_quota < 0, 15);
        }
        if (!c->usage_only && !c->by_type)
                cli_print(c->cli, "%12s %12s %18s ",
                          cli_size(a, (int64_t)s.directories, c->human),
                          cli_size(b, (int64_t)s.files, c->human),
                          cli_size(n, (int64_t)s.length, c->human));
        if (c->policy)
                cli_print(c->cli, "%20s ", cli_item_is_directory(it) ? "EC:" : "Replicated");
        if (c->snapshots)
                cli_print(c->cli, "%18s %24s %24s %28s ", "0", "0", "0", "0");
        cli_print(c->cli, "%s\n", it->text);
        return BDFS_OK;
}

static void print_type_head(struct count *c)
{
        for (size_t i = 0; i < c->types_n; i++) {
                char quota[32], left[32];

                (void)snprintf(quota, sizeof(quota), "%s_QUOTA", c->types[i]);
                (void)snprintf(left, sizeof(left), "REM_%s_QUOTA", c->types[i]);
                cli_print(c->cli, "%14s %18s ", quota, left);
        }
}

static void print_head(struct count *c)
{
        if (c->by_type)
                print_type_head(c);
        else if (c->quotas || c->usage_only)
                cli_print(c->cli, "%12s %15s %15s %15s ", "QUOTA", "REM_QUOTA", "SPACE_QUOTA",
                          "REM_SPACE_QUOTA");
        if (!c->usage_only && !c->by_type)
                cli_print(c->cli, "%12s %12s %18s ", "DIR_COUNT", "FILE_COUNT", "CONTENT_SIZE");
        if (c->policy)
                cli_print(c->cli, "%20s ", "ERASURECODING_POLICY");
        if (c->snapshots)
                cli_print(c->cli, "%18s %24s %24s %28s ", "SNAPSHOT_LENGTH", "SNAPSHOT_FILE_COUNT",
                          "SNAPSHOT_DIR_COUNT", "SNAPSHOT_SPACE_CONSUMED");
        cli_print(c->cli, "PATHNAME\n");
}

static bool add_type(struct count *c, const char *name, size_t n)
{
        for (size_t i = 0; i < STORAGE_TYPES; i++) {
                if (strlen(storage_types[i]) != n || strncasecmp(storage_types[i], name, n) != 0)
                        continue;
                if (c->types_n == STORAGE_TYPES)
                        return false;
                c->types[c->types_n++] = storage_types[i];
                return true;
        }
        return false;
}

/* -t, with a list of types when more than one word follows; out of @argv. False: what is wrong was
 * said. */
static bool take_types(struct count *c, int *argc, char **argv)
{
        int at = 1, words = 1;
        const char *list = NULL;

        while (at < *argc && argv[at][0] == '-' && strcmp(argv[at], "-t") != 0 &&
               strcmp(argv[at], "--") != 0)
                at++;
        if (at == *argc || strcmp(argv[at], "-t") != 0)
                return true;
        c->by_type = true;
        if (*argc - at > 2 && argv[at + 1][0] != '-')
                list = argv[at + 1], words = 2;
        for (size_t i = 0; list == NULL && i < STORAGE_TYPES_LISTED; i++)
                c->types[c->types_n++] = storage_types[i];
        for (; list != NULL && *list != '\0'; list += strspn(list, ",")) {
                size_t n = strcspn(list, ",");

                if (!add_type(c, list, n)) {
                        (void)cli_usage(c->cli, "%.*s: no type of storage, or one too many",
                                        (int)n, list);
                        return false;
                }
                list += n;
        }
        memmove(argv + at, argv + at + words, (size_t)(*argc - at - words) * sizeof(*argv));
        *argc -= words;
        return true;
}

int cmd_count(struct cli *cli, int argc, char **argv)
{
        struct count c = {.cli = cli};
        const struct cli_option options[] = {
                {"q", &c.quotas, NULL}, {"h", &c.human, NULL}, {"v", &c.header, NULL},
                {"u", &c.usage_only, NULL}, {"x", &c.no_snapshots, NULL},
                {"e", &c.policy, NULL}, {"s", &c.snapshots, NULL}, {NULL, NULL, NULL}};
        int rc;

        if (!take_types(&c, &argc, argv) || !cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        c.by_type = c.by_type && (c.quotas || c.usage_only); /* else it says nothing */
        if (cli->json)
                cli_json_begin(cli);
        else if ((c.quotas || c.usage_only) && c.no_snapshots)
                cli_print(cli, "q or u option is given, the -x option is ignored.\n");
        if (c.header && !cli->json)
                print_head(&c);
        rc = cli_walk_all(cli, argc, argv, false, count_visit, &c);
        if (cli->json)
                cli_json_end(cli);
        return rc;
}

/* ---- df -------------------------------------------------------------------------------------- */

struct df {
        struct cli *cli;
        bool human;
        struct cli_table *table;
};

static enum bdfs_status df_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct df *d = arg;
        char size[CLI_TEXT_BYTES], used[CLI_TEXT_BYTES], left[CLI_TEXT_BYTES];
        char percent[CLI_TEXT_BYTES] = "NaN%";
        const char *cells[5] = {bdfs_uri(it->fs), size, used, left, percent};
        struct bdfs_space s;

        if (bdfs_space(it->fs, &s, err) != BDFS_OK)
                return err->status;
        if (d->cli->json) {
                cli_json_add(d->cli,
                             json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "filesystem",
                                       bdfs_uri(it->fs), "capacity", (json_int_t)s.capacity, "used",
                                       (json_int_t)s.used, "remaining", (json_int_t)s.remaining,
                                       "under_replicated_blocks", (json_int_t)s.under_replicated,
                                       "corrupt_blocks", (json_int_t)s.corrupt, "missing_blocks",
                                       (json_int_t)s.missing));
                return BDFS_OK;
        }
        if (s.capacity > 0)
                (void)snprintf(percent, sizeof(percent), "%.0f%%",
                               100.0 * (double)s.used / (double)s.capacity);
        (void)cli_size(size, (int64_t)s.capacity, d->human);
        (void)cli_size(used, (int64_t)s.used, d->human);
        (void)cli_size(left, (int64_t)s.remaining, d->human);
        return cli_table_add(d->table, cells) ? BDFS_OK : no_memory(err);
}

int cmd_df(struct cli *cli, int argc, char **argv)
{
        static const char *const head[] = {"Filesystem", "Size", "Used", "Available", "Use%"};
        struct df d = {.cli = cli};
        const struct cli_option options[] = {{"h", &d.human, NULL}, {NULL, NULL, NULL}};
        static char root[] = "/";
        char *all[] = {root};
        int rc;

        if (!cli_options(cli, &argc, &argv, options, 0, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        d.table = cli_table_new(5, 0x1e);
        if (d.table == NULL || !cli_table_add(d.table, head))
                return bdfs_status_exit(BDFS_NO_MEMORY);
        if (cli->json)
                cli_json_begin(cli);
        rc = cli_walk_all(cli, argc == 0 ? 1 : argc, argc == 0 ? all : argv, false, df_visit, &d);
        if (cli->json)
                cli_json_end(cli);
        else if (cli_table_rows(d.table) > 1)
                cli_table_print(d.table, cli);
        cli_table_free(d.table);
        return rc;
}
