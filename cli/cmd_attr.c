/* bdfs chmod, chown, chgrp, setrep */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_mode.h"
#include "cli/cmd.h"
#include "common/cleanup.h"
#include "common/limits.h"

/* ---- chmod ----------------------------------------------------------------------------------- */

static enum bdfs_status chmod_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        uint32_t mode = cli_mode_apply(arg, it->st.mode, cli_item_is_directory(it));

        if (mode == it->st.mode || bdfs_chmod(it->fs, it->path, mode, err) == BDFS_OK)
                return BDFS_OK;
        return bdfs_wrap(err, "changing permissions of '%s'", it->text);
}

int cmd_chmod(struct cli *cli, int argc, char **argv)
{
        struct cli_mode_change change;
        bool recursive = false;

        argc--, argv++; /* by hand: a mode may begin with a dash */
        if (argc > 0 && strcmp(argv[0], "-R") == 0)
                recursive = true, argc--, argv++;
        if (argc > 0 && strcmp(argv[0], "--") == 0)
                argc--, argv++;
        if (argc < 2)
                return cli_usage(cli, "Not enough arguments: expected 2 but got %d", argc);
        if (!cli_mode_parse(argv[0], &change))
                return cli_usage(cli, "mode '%s' does not match the expected pattern.", argv[0]);
        return cli_walk_all(cli, argc - 1, argv + 1, recursive, chmod_visit, &change);
}

/* ---- chown, chgrp ---------------------------------------------------------------------------- */

struct owner {
        char owner[USER_NAME_BYTES_MAX + 1], group[USER_NAME_BYTES_MAX + 1]; /* "": as it is */
};

static size_t name_bytes(const char *text)
{
        return strspn(text, "-+_./@abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
}

/* A name at *at into @to; moves behind it. False when it is too long. */
static bool take_name(const char **at, char to[USER_NAME_BYTES_MAX + 1])
{
        size_t n = name_bytes(*at);

        if (n > USER_NAME_BYTES_MAX)
                return false;
        memcpy(to, *at, n);
        to[n] = '\0';
        *at += n;
        return true;
}

static bool parse_owner(const char *text, bool group_only, struct owner *ret)
{
        *ret = (struct owner){0};
        if (group_only)
                return take_name(&text, ret->group) && *text == '\0' && ret->group[0] != '\0';
        if (!take_name(&text, ret->owner))
                return false;
        if (*text == ':') {
                text++;
                if (!take_name(&text, ret->group))
                        return false;
        }
        return *text == '\0' && (ret->owner[0] != '\0' || ret->group[0] != '\0');
}

static enum bdfs_status chown_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        const struct owner *o = arg;
        const char *owner = o->owner[0] == '\0' || strcmp(o->owner, it->st.owner) == 0 ? NULL
                                                                                        : o->owner;
        const char *group = o->group[0] == '\0' || strcmp(o->group, it->st.group) == 0 ? NULL
                                                                                        : o->group;

        if ((owner == NULL && group == NULL) ||
            bdfs_chown(it->fs, it->path, owner, group, err) == BDFS_OK)
                return BDFS_OK;
        return bdfs_wrap(err, "changing ownership of '%s'", it->text);
}

static int change_owner(struct cli *cli, int argc, char **argv, bool group_only)
{
        struct owner o;
        bool recursive = false;
        const struct cli_option options[] = {{"R", &recursive, NULL}, {NULL, NULL, NULL}};

        if (!cli_options(cli, &argc, &argv, options, 2, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        if (!parse_owner(argv[0], group_only, &o))
                return cli_usage(cli, "'%s' does not match expected pattern for %s", argv[0],
                                 group_only ? "group" : "[owner][:group].");
        return cli_walk_all(cli, argc - 1, argv + 1, recursive, chown_visit, &o);
}

int cmd_chown(struct cli *cli, int argc, char **argv)
{
        return change_owner(cli, argc, argv, false);
}

int cmd_chgrp(struct cli *cli, int argc, char **argv)
{
        return change_owner(cli, argc, argv, true);
}

/* ---- setrep ---------------------------------------------------------------------------------- */

#define SETREP_POLL_MS 500

struct setrep {
        struct cli *cli;
        uint32_t replication;
        bool wait;
        struct cli_items waiting;
};

static enum bdfs_status setrep_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct setrep *s = arg;
        struct cli_item mine = {0};

        if (it->st.type == BDFS_TYPE_SYMLINK)
                return bdfs_fail(err, BDFS_UNSUPPORTED, "`%s': Symlinks unsupported", it->text);
        if (it->st.type != BDFS_TYPE_FILE)
                return BDFS_OK;
        if (bdfs_set_replication(it->fs, it->path, s->replication, err) != BDFS_OK)
                return cli_item_reword(it, err);
        cli_print(s->cli, "Replication %u set: %s\n", s->replication, it->text);
        if (!s->wait)
                return BDFS_OK;
        if (cli_item_suffix(it, "", &mine, err) != BDFS_OK)
                return err->status;
        return cli_items_add(&s->waiting, &mine, err);
}

/* Do all blocks have as many replicas as were asked for? *ret_more: some have too many. */
static enum bdfs_status look(const struct setrep *s, const struct cli_item *it, bool *ret_done,
                             bool *ret_more, struct bdfs_err *err)
{
        struct bdfs_location *list;
        size_t n;

        if (bdfs_locations(it->fs, it->path, 0, INT64_MAX, &list, &n, err) != BDFS_OK)
                return cli_item_reword(it, err);
        *ret_done = true;
        *ret_more = false;
        for (size_t i = 0; i < n; i++) {
                if (list[i].block != 0 && list[i].hosts_n != s->replication)
                        *ret_done = false;
                if (list[i].hosts_n > s->replication)
                        *ret_more = true;
        }
        bdfs_locations_free(list, n);
        return BDFS_OK;
}

static enum bdfs_status wait_for(struct setrep *s, const struct cli_item *it, struct bdfs_err *err)
{
        bool done = false, more = false, warned = false;

        cli_print(s->cli, "Waiting for %s ...", it->text);
        for (;;) { /* "this can potentially take a very long time" */
                cli_flush(s->cli);
                if (look(s, it, &done, &more, err) != BDFS_OK)
                        return err->status;
                if (done)
                        break;
                if (more && !warned)
                        cli_print(s->cli, "\nWARNING: the waiting time may be long for DECREASING "
                                          "the number of replications.\n");
                warned = warned || more;
                cli_print(s->cli, ".");
                os_sleep_ms(SETREP_POLL_MS);
        }
        cli_print(s->cli, " done\n");
        return BDFS_OK;
}

int cmd_setrep(struct cli *cli, int argc, char **argv)
{
        struct setrep s = {.cli = cli};
        bool recursive = false; /* always is */
        const struct cli_option options[] = {
                {"R", &recursive, NULL}, {"w", &s.wait, NULL}, {NULL, NULL, NULL}};
        struct bdfs_err err;
        uint64_t v;

        if (!cli_options(cli, &argc, &argv, options, 2, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        if (!cli_number(argv[0], 1, REPLICATION_MAX, false, &v))
                return cli_usage(cli, "replication must be >= 1%s",
                                 strcmp(argv[0], "0") == 0 ? "" : " and a number that HDFS takes");
        s.replication = (uint32_t)v;
        (void)cli_walk_all(cli, argc - 1, argv + 1, true, setrep_visit, &s);
        for (size_t i = 0; i < s.waiting.n; i++) {
                if (wait_for(&s, &s.waiting.list[i], &err) != BDFS_OK)
                        cli_error(cli, &err);
        }
        cli_items_fini(&s.waiting);
        return cli_exit(cli);
}
