/* bdfs rm, expunge, rmdir, mv */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_transfer.h"
#include "cli/cli_trash.h"
#include "cli/cmd.h"
#include "common/cleanup.h"

#define SAFE_FILES 100

/* ---- rm -------------------------------------------------------------------------------------- */

struct rm {
        struct cli *cli;
        bool force, recursive, skip_trash, safely;
};

/* -safely: ask before many files go. */
static enum bdfs_status confirmed(const struct cli_item *it, bool *ret, struct bdfs_err *err)
{
        struct bdfs_summary s;
        char answer[16] = "";

        if (bdfs_summary(it->fs, it->path, &s, err) != BDFS_OK)
                return err->status;
        *ret = s.files <= SAFE_FILES;
        if (*ret)
                return BDFS_OK;
        (void)fflush(stdout);
        (void)fprintf(stderr, "Proceed deleting %llu files? (Y or N) ",
                      (unsigned long long)s.files);
        if (fgets(answer, sizeof(answer), stdin) != NULL)
                *ret = answer[0] == 'y' || answer[0] == 'Y';
        if (!*ret)
                (void)fprintf(stderr, "Delete aborted at user request.\n\n");
        return BDFS_OK;
}

/* A symbolic link is removed itself: whatever is at its other end, or is not. */
static bool is_link(const struct cli_item *it)
{
        struct bdfs_stat st;
        struct bdfs_err err;
        bool link;

        if (bdfs_is_hadoop(it->fs) || bdfs_lstat(it->fs, it->path, &st, &err) != BDFS_OK)
                return false;
        link = st.type == BDFS_TYPE_SYMLINK;
        bdfs_stat_fini(&st);
        return link;
}

static enum bdfs_status rm_one(struct rm *rm, struct cli_item *it, struct bdfs_err *err)
{
        bool trashed = false, go_on = true;

        if ((!it->exists || it->st.type != BDFS_TYPE_FILE) && is_link(it)) {
                if (!rm->skip_trash && cli_trash(rm->cli, it, &trashed, err) != BDFS_OK)
                        return err->status;
                if (trashed)
                        return BDFS_OK;
                if (bdfs_delete(it->fs, it->path, false, err) != BDFS_OK)
                        return cli_item_reword(it, err);
                cli_print(rm->cli, "Deleted %s\n", it->text);
                return BDFS_OK;
        }
        if (!it->exists)
                return rm->force ? BDFS_OK : cli_item_fail(it, BDFS_NOT_FOUND, err);
        if (cli_item_is_directory(it) && !rm->recursive)
                return cli_item_fail(it, BDFS_IS_DIRECTORY, err);
        if (!rm->skip_trash && cli_trash(rm->cli, it, &trashed, err) != BDFS_OK)
                return rm->force && err->status == BDFS_NOT_FOUND ? BDFS_OK : err->status;
        if (!trashed && rm->safely && confirmed(it, &go_on, err) != BDFS_OK)
                return err->status;
        if (trashed || !go_on)
                return BDFS_OK;
        if (bdfs_delete(it->fs, it->path, rm->recursive, err) != BDFS_OK)
                return rm->force && err->status == BDFS_NOT_FOUND ? BDFS_OK
                                                                 : cli_item_reword(it, err);
        cli_print(rm->cli, "Deleted %s\n", it->text);
        return BDFS_OK;
}

/* A pattern that matches nothing is fine with -f. */
static void rm_operand(struct rm *rm, const char *typed)
{
        struct cli_items list = {0};
        struct bdfs_err err;

        if (cli_expand(rm->cli, typed, &list, &err) != BDFS_OK) {
                cli_error(rm->cli, &err);
                return;
        }
        if (list.n == 0 && !rm->force) {
                (void)bdfs_fail(&err, BDFS_NOT_FOUND, "`%s': No such file or directory", typed);
                cli_error(rm->cli, &err);
        }
        for (size_t i = 0; i < list.n; i++) {
                if (rm_one(rm, &list.list[i], &err) == BDFS_OK)
                        cli_done(rm->cli);
                else if (err.status == BDFS_IS_DIRECTORY)
                        cli_error_hint(rm->cli, &err, "-r removes directories with all in them");
                else
                        cli_error(rm->cli, &err);
        }
        cli_items_fini(&list);
}

int cmd_rm(struct cli *cli, int argc, char **argv)
{
        struct rm rm = {.cli = cli};
        const struct cli_option options[] = {
                {"f", &rm.force, NULL}, {"r", &rm.recursive, NULL}, {"R", &rm.recursive, NULL},
                {"skipTrash", &rm.skip_trash, NULL}, {"safely", &rm.safely, NULL},
                {NULL, NULL, NULL}};

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        for (int i = 0; i < argc; i++)
                rm_operand(&rm, argv[i]);
        return cli_exit(cli);
}

/* ---- expunge --------------------------------------------------------------------------------- */

int cmd_expunge(struct cli *cli, int argc, char **argv)
{
        const char *uri = NULL;
        bool now = false;
        const struct cli_option options[] = {
                {"immediate", &now, NULL}, {"fs", NULL, &uri}, {NULL, NULL, NULL}};
        struct bdfs_err err;
        struct bdfs *fs;

        if (!cli_options(cli, &argc, &argv, options, 0, 0))
                return bdfs_status_exit(BDFS_USAGE);
        if (cli_connect_uri(cli, uri, &fs, &err) == BDFS_OK &&
            cli_trash_expunge(cli, fs, now, &err) == BDFS_OK)
                cli_done(cli);
        else
                cli_error(cli, &err);
        return cli_exit(cli);
}

/* ---- rmdir ----------------------------------------------------------------------------------- */

struct rmdir {
        bool ignore_full;
};

static enum bdfs_status rmdir_one(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct rmdir *r = arg;

        if (!cli_item_is_directory(it))
                return cli_item_fail(it, BDFS_NOT_DIRECTORY, err);
        if (bdfs_delete(it->fs, it->path, false, err) == BDFS_OK)
                return BDFS_OK;
        if (err->status == BDFS_NOT_EMPTY)
                return r->ignore_full ? BDFS_OK : cli_item_fail(it, BDFS_NOT_EMPTY, err);
        return cli_item_reword(it, err);
}

int cmd_rmdir(struct cli *cli, int argc, char **argv)
{
        struct rmdir r = {0};
        const struct cli_option options[] = {
                {"-ignore-fail-on-non-empty", &r.ignore_full, NULL}, {NULL, NULL, NULL}};

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        return cli_walk_all(cli, argc, argv, false, rmdir_one, &r);
}

/* ---- mv -------------------------------------------------------------------------------------- */

static enum bdfs_status mv_one(const struct cli_item *dst, const struct cli_item *src,
                               struct bdfs_err *err)
{
        struct cli_item to;
        enum bdfs_status rc;

        if (!src->exists)
                return cli_item_fail(src, BDFS_NOT_FOUND, err);
        if (cli_transfer_target(dst, src, &to, err) != BDFS_OK)
                return err->status;
        rc = cli_transfer_check_nesting(src, &to, err);
        if (rc == BDFS_OK && src->fs != to.fs)
                rc = bdfs_fail(err, BDFS_INVALID, "`%s': Does not match target filesystem",
                               src->text);
        else if (rc == BDFS_OK && to.exists)
                rc = cli_item_fail(&to, BDFS_EXISTS, err);
        else if (rc == BDFS_OK)
                rc = bdfs_rename(src->fs, src->path, to.path, false, err);
        cli_item_fini(&to);
        return rc;
}

int cmd_mv(struct cli *cli, int argc, char **argv)
{
        const struct cli_option options[] = {{NULL, NULL, NULL}};
        struct cli_items list = {0};
        struct cli_item dst = {0};
        struct bdfs_err err;

        if (!cli_options(cli, &argc, &argv, options, 2, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        if (cli_transfer_remote_dst(cli, &argc, argv, &dst, &err) != BDFS_OK) {
                cli_error(cli, &err);
                return cli_exit(cli);
        }
        cli_expand_all(cli, argc, argv, &list);
        if (list.n > 0 && cli_transfer_check(&dst, list.n, false, &err) != BDFS_OK) {
                cli_error(cli, &err);
        } else {
                for (size_t i = 0; i < list.n; i++) {
                        if (mv_one(&dst, &list.list[i], &err) == BDFS_OK)
                                cli_done(cli);
                        else
                                cli_error(cli, &err);
                }
        }
        cli_items_fini(&list);
        cli_item_fini(&dst);
        return cli_exit(cli);
}
