/* bdfs ls */
#include "cli/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_format.h"
#include "cli/cli_json.h"
#include "common/cleanup.h"

#define GROUP_ROWS 100 /* rows whose widths are looked at together when nothing is sorted */

struct row {
        char *text, *target;
        const char *owner, *group; /* interned */
        uint64_t length;
        int64_t time_ms;
        uint32_t mode, replication;
        enum bdfs_type type;
        bool acl;
};

struct names { /* owners and groups are few */
        char **name;
        size_t n;
};

struct ls {
        struct cli *cli;
        bool paths_only, themselves, human, printable, recursive, by_time, by_size, reverse, atime;
        bool policy;
        struct names names;
        int replication_width, length_width, owner_width, group_width; /* these only grow */
        struct row *rows;
        size_t n, room;
};

static enum bdfs_status no_memory(struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a listing");
}

/* ---- rows ------------------------------------------------------------------------------------ */

static const char *intern(struct names *names, const char *name)
{
        char **more;

        for (size_t i = names->n; i > 0; i--) {
                if (strcmp(names->name[i - 1], name) == 0)
                        return names->name[i - 1];
        }
        more = realloc(names->name, (names->n + 1) * sizeof(*more));
        if (more == NULL)
                return NULL;
        names->name = more;
        more[names->n] = strdup(name);
        return more[names->n] == NULL ? NULL : more[names->n++];
}

static void drop_rows(struct ls *ls)
{
        for (size_t i = 0; i < ls->n; i++) {
                free(ls->rows[i].text);
                free(ls->rows[i].target);
        }
        ls->n = 0;
}

static enum bdfs_status add_row(struct ls *ls, struct cli_item *it, struct bdfs_err *err)
{
        struct row *r;

        if (ls->n == ls->room) {
                size_t room = ls->room == 0 ? 128 : 2 * ls->room;
                struct row *more = realloc(ls->rows, room * sizeof(*more));

                if (more == NULL)
                        return no_memory(err);
                ls->rows = more;
                ls->room = room;
        }
        r = &ls->rows[ls->n];
        *r = (struct row){
                .owner = intern(&ls->names, it->st.owner),
                .group = intern(&ls->names, it->st.group),
                .length = it->st.length,
                .time_ms = ls->atime ? it->st.atime_ms : it->st.mtime_ms,
                .mode = it->st.mode,
                .replication = it->st.replication,
                .type = it->st.type,
                .acl = it->st.has_acl,
        };
        if (r->owner == NULL || r->group == NULL)
                return no_memory(err);
        r->text = TAKE_PTR(it->text);
        r->target = TAKE_PTR(it->st.target);
        ls->n++;
        return BDFS_OK;
}

static int digits(uint64_t v)
{
        char text[24];

        return snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
}

static void widen(int *width, int to)
{
        if (to > *width)
                *width = to;
}

static void print_row(struct ls *ls, const struct row *r)
{
        char mode[CLI_TEXT_BYTES], size[CLI_TEXT_BYTES], when[CLI_TEXT_BYTES];
        char copies[CLI_TEXT_BYTES] = "-";
        AUTO_FREE char *shown = ls->printable ? cli_printable(r->text) : NULL;
        const char *name = shown != NULL ? shown : r->text;

        if (ls->paths_only) {
                cli_print(ls->cli, "%s\n", name);
                return;
        }
        if (r->type == BDFS_TYPE_FILE)
                (void)snprintf(copies, sizeof(copies), "%u", r->replication);
        cli_print(ls->cli, "%c%s%c%*s %s%*s %s%*s ",
                  r->type == BDFS_TYPE_DIRECTORY ? 'd' : r->type == BDFS_TYPE_SYMLINK ? 'l' : '-',
                  cli_mode(mode, r->mode), r->acl ? '+' : ' ', ls->replication_width, copies,
                  r->owner, ls->owner_width - cli_columns(r->owner), "", r->group,
                  ls->group_width - cli_columns(r->group), "");
        if (ls->policy)
                cli_print(ls->cli, "Replicated ");
        cli_print(ls->cli, "%*s %s %s", ls->length_width,
                  cli_size(size, (int64_t)r->length, ls->human), cli_time_minutes(when, r->time_ms),
                  name);
        if (r->target != NULL)
                cli_print(ls->cli, " -> %s", r->target);
        cli_print(ls->cli, "\n");
}

static void print_rows(struct ls *ls)
{
        for (size_t i = 0; i < ls->n; i++) {
                widen(&ls->replication_width, digits(ls->rows[i].replication));
                widen(&ls->length_width, digits(ls->rows[i].length));
                widen(&ls->owner_width, cli_columns(ls->rows[i].owner));
                widen(&ls->group_width, cli_columns(ls->rows[i].group));
        }
        for (size_t i = 0; i < ls->n; i++)
                print_row(ls, &ls->rows[i]);
}

/* ---- order ----------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b, void *arg)
{
        const struct row *x = a, *y = b;
        const struct ls *ls = arg;
        int order = strcmp(x->text, y->text);

        if (ls->by_time && x->time_ms != y->time_ms)
                order = x->time_ms < y->time_ms ? 1 : -1;
        else if (ls->by_size && !ls->by_time && x->length != y->length)
                order = x->length < y->length ? 1 : -1;
        else if (ls->by_time || ls->by_size)
                return order; /* equal ones stay in the order of their names */
        return ls->reverse ? -order : order;
}

/* ---- walking --------------------------------------------------------------------------------- */

static void list_tree(struct ls *ls, const struct cli_item *dir);

static enum bdfs_status gather(void *arg, struct cli_item *child, struct bdfs_err *err)
{
        return add_row(arg, child, err);
}

/* The entries of a directory, without those below them. */
static void list_directory(struct ls *ls, const struct cli_item *dir)
{
        struct bdfs_err err;

        if (cli_item_children(dir, gather, ls, &err) != BDFS_OK) {
                cli_error(ls->cli, &err);
                drop_rows(ls);
                return;
        }
        cli_done(ls->cli);
        if (ls->n > 0) {
                if (!ls->paths_only)
                        cli_print(ls->cli, "Found %zu items\n", ls->n);
                qsort_r(ls->rows, ls->n, sizeof(*ls->rows), compare, ls);
        }
        print_rows(ls);
        drop_rows(ls);
}

struct group { /* entries whose widths are looked at together, with what is below them */
        struct ls *ls;
        struct cli_items items;
};

static void print_group(struct group *g)
{
        struct ls *ls = g->ls;

        for (size_t i = 0; i < g->items.n; i++) {
                const struct bdfs_stat *st = &g->items.list[i].st;

                widen(&ls->replication_width, digits(st->replication));
                widen(&ls->length_width, digits(st->length));
                widen(&ls->owner_width, cli_columns(st->owner));
                widen(&ls->group_width, cli_columns(st->group));
        }
        for (size_t i = 0; i < g->items.n; i++) {
                struct cli_item *it = &g->items.list[i];
                struct row r = {.text = it->text, .target = it->st.target, .owner = it->st.owner,
                                .group = it->st.group, .length = it->st.length,
                                .time_ms = ls->atime ? it->st.atime_ms : it->st.mtime_ms,
                                .mode = it->st.mode, .replication = it->st.replication,
                                .type = it->st.type, .acl = it->st.has_acl};

                print_row(ls, &r);
                if (cli_item_is_directory(it))
                        list_tree(ls, it);
        }
        cli_items_fini(&g->items);
}

static enum bdfs_status add_to_group(void *arg, struct cli_item *child, struct bdfs_err *err)
{
        struct group *g = arg;
        struct cli_item mine = *child;

        *child = (struct cli_item){0};
        if (cli_items_add(&g->items, &mine, err) != BDFS_OK)
                return err->status;
        /* an order asked for makes FsShell look at the whole directory, though not sort it */
        if (g->items.n == GROUP_ROWS && !g->ls->by_time && !g->ls->by_size && !g->ls->reverse)
                print_group(g);
        return BDFS_OK;
}

static void list_tree(struct ls *ls, const struct cli_item *dir)
{
        struct group g = {.ls = ls};
        struct bdfs_err err;

        if (cli_item_children(dir, add_to_group, &g, &err) != BDFS_OK)
                cli_error(ls->cli, &err);
        else
                cli_done(ls->cli);
        print_group(&g);
}

static enum bdfs_status add_json(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct ls *ls = arg;

        (void)err;
        cli_json_add(ls->cli, cli_json_item(it));
        return BDFS_OK;
}

static enum bdfs_status add_json_tree(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct ls *ls = arg;

        (void)err;
        cli_walk(ls->cli, it, ls->recursive, add_json, ls);
        return BDFS_OK;
}

static void list_json(struct ls *ls, struct cli_item *it)
{
        struct bdfs_err err;

        if (ls->themselves || !cli_item_is_directory(it))
                cli_walk(ls->cli, it, false, add_json, ls);
        else if (cli_item_children(it, add_json_tree, ls, &err) != BDFS_OK)
                cli_error(ls->cli, &err);
        else
                cli_done(ls->cli);
}

static void list_operand(struct ls *ls, struct cli_item *it)
{
        struct bdfs_err err;
        char hint[400];

        if (!it->exists) {
                (void)cli_item_fail(it, BDFS_NOT_FOUND, &err);
                cli_error_hint(ls->cli, &err, cli_item_hint(it, hint));
        } else if (ls->cli->json) {
                list_json(ls, it);
        } else if (ls->themselves || !cli_item_is_directory(it)) {
                if (add_row(ls, it, &err) != BDFS_OK)
                        cli_error(ls->cli, &err);
                else
                        cli_done(ls->cli);
                print_rows(ls);
                drop_rows(ls);
        } else if (ls->recursive) {
                list_tree(ls, it);
        } else {
                list_directory(ls, it);
        }
}

int cmd_ls(struct cli *cli, int argc, char **argv)
{
        struct ls ls = {.cli = cli, .replication_width = 3, .length_width = 10};
        const struct cli_option options[] = {
                {"C", &ls.paths_only, NULL}, {"d", &ls.themselves, NULL}, {"h", &ls.human, NULL},
                {"q", &ls.printable, NULL}, {"R", &ls.recursive, NULL}, {"t", &ls.by_time, NULL},
                {"S", &ls.by_size, NULL}, {"r", &ls.reverse, NULL}, {"u", &ls.atime, NULL},
                {"e", &ls.policy, NULL}, {NULL, NULL, NULL}};
        static char here[] = ".";
        char *home[] = {here};
        struct cli_items items;

        if (!cli_options(cli, &argc, &argv, options, 0, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        cli->takes_local = true;
        ls.printable = ls.printable || isatty(STDOUT_FILENO) == 1;
        cli_expand_all(cli, argc == 0 ? 1 : argc, argc == 0 ? home : argv, &items);
        if (cli->json)
                cli_json_begin(cli);
        for (size_t i = 0; i < items.n; i++)
                list_operand(&ls, &items.list[i]);
        if (cli->json)
                cli_json_end(cli);
        cli_items_fini(&items);
        free(ls.rows);
        for (size_t i = 0; i < ls.names.n; i++)
                free(ls.names.name[i]);
        free(ls.names.name);
        return cli_exit(cli);
}
