/* Operands and what is below them, one after another. */
#include "cli/cli_item.h"

struct walk {
        struct cli *cli;
        bool recursive;
        cli_visit *visit;
        void *arg;
};

static void walk(struct walk *w, struct cli_item *it);

static enum bdfs_status walk_child(void *arg, struct cli_item *child, struct bdfs_err *err)
{
        (void)err;
        walk(arg, child);
        return BDFS_OK;
}

static void walk(struct walk *w, struct cli_item *it)
{
        struct bdfs_err err;

        if (w->visit(w->arg, it, &err) != BDFS_OK) {
                cli_error(w->cli, &err);
                return;
        }
        cli_done(w->cli);
        if (w->recursive && cli_item_is_directory(it) &&
            cli_item_children(it, walk_child, w, &err) != BDFS_OK)
                cli_error(w->cli, &err);
}

void cli_walk(struct cli *cli, struct cli_item *top, bool recursive, cli_visit *visit, void *arg)
{
        struct walk w = {.cli = cli, .recursive = recursive, .visit = visit, .arg = arg};

        walk(&w, top);
}

int cli_walk_all(struct cli *cli, int n, char **typed, bool recursive, cli_visit *visit, void *arg)
{
        struct cli_items list;
        struct bdfs_err err;
        char room[400];

        cli_expand_all(cli, n, typed, &list);
        for (size_t i = 0; i < list.n; i++) {
                if (list.list[i].exists) {
                        cli_walk(cli, &list.list[i], recursive, visit, arg);
                } else {
                        (void)cli_item_fail(&list.list[i], BDFS_NOT_FOUND, &err);
                        cli_error_hint(cli, &err, cli_item_hint(&list.list[i], room));
                }
        }
        cli_items_fini(&list);
        return cli_exit(cli);
}
