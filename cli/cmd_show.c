/* bdfs cat, head, tail: the bytes of files on standard output. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_copy.h"
#include "cli/cli_json.h"
#include "cli/cmd.h"
#include "common/cleanup.h"

#define END_BYTES 1024       /* what head and tail show */
#define FOLLOW_MS 5000

/* From @offset on, at most @most bytes, of an open file. */
static enum bdfs_status show_range(struct cli *cli, struct bdfs_file *f, uint64_t offset,
                                   uint64_t most, struct cli_base64 *json, struct bdfs_err *err)
{
        AUTO_FREE void *room = malloc(CLI_PUMP_BYTES);
        size_t n = 1;

        if (room == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        bdfs_seek(f, offset);
        while (n > 0 && most > 0) {
                if (bdfs_read(f, room, most < CLI_PUMP_BYTES ? (size_t)most : CLI_PUMP_BYTES, &n,
                              err) != BDFS_OK)
                        return err->status;
                if (json != NULL)
                        cli_json_bytes(json, room, n);
                else
                        cli_write(cli, room, n);
                most -= n;
        }
        cli_flush(cli);
        return BDFS_OK;
}

struct range { /* a file's first or last bytes, or all */
        uint64_t most;
        bool from_end;
};

struct place { /* how far it was shown, and of which file */
        uint64_t at, inode;
};

static enum bdfs_status show(struct cli *cli, const struct cli_item *it, const struct range *range,
                             struct place *ret_end, struct bdfs_err *err)
{
        struct cli_base64 json;
        struct bdfs_file *f;
        struct bdfs_err ignored;
        enum bdfs_status rc;
        uint64_t from = 0;

        if (cli_item_is_directory(it))
                return cli_item_fail(it, BDFS_IS_DIRECTORY, err);
        if (bdfs_open(it->fs, it->path, &f, err) != BDFS_OK)
                return cli_item_reword(it, err);
        if (range->from_end && bdfs_length(f) > range->most)
                from = bdfs_length(f) - range->most;
        *ret_end = (struct place){bdfs_length(f), bdfs_inode(f)};
        if (cli->json)
                cli_json_bytes_begin(&json, cli, it->text);
        rc = show_range(cli, f, from, range->most, cli->json ? &json : NULL, err);
        if (cli->json)
                cli_json_bytes_end(&json);
        BDFS_IGNORE(bdfs_close(f, &ignored)); /* of a reader: nothing can fail */
        return rc;
}

struct shown {
        struct cli *cli;
        struct range range;
};

static enum bdfs_status show_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct shown *s = arg;
        struct place end;

        return show(s->cli, it, &s->range, &end, err);
}

int cmd_show(struct cli *cli, int argc, char **argv)
{
        struct shown s = {.cli = cli, .range = {.most = UINT64_MAX}};
        int rc;

        if (cli->json)
                cli_json_begin(cli);
        rc = cli_walk_all(cli, argc, argv, false, show_visit, &s);
        if (cli->json)
                cli_json_end(cli);
        return rc;
}

int cmd_cat(struct cli *cli, int argc, char **argv)
{
        bool ignore = false;
        const struct cli_option options[] = {{"ignoreCrc", &ignore, NULL}, {NULL, NULL, NULL}};

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        cli->options.ignore_checksums = ignore;
        return cmd_show(cli, argc, argv);
}

/* head and tail take one name and no patterns. */
static int show_one(struct cli *cli, const char *typed, const struct range *range,
                    struct cli_item *ret, struct place *ret_end)
{
        struct bdfs_err err;
        enum bdfs_status rc = cli_item_remote(cli, typed, ret, &err);

        if (cli->json)
                cli_json_begin(cli);
        if (rc == BDFS_OK && !ret->exists)
                rc = cli_item_fail(ret, BDFS_NOT_FOUND, &err);
        if (rc == BDFS_OK)
                rc = show(cli, ret, range, ret_end, &err);
        if (cli->json)
                cli_json_end(cli);
        if (rc != BDFS_OK)
                cli_error(cli, &err);
        return cli_exit(cli);
}

int cmd_head(struct cli *cli, int argc, char **argv)
{
        const struct range range = {.most = END_BYTES};
        const struct cli_option options[] = {{NULL, NULL, NULL}};
        struct cli_item it = {0};
        struct place end;
        int rc;

        if (!cli_options(cli, &argc, &argv, options, 1, 1))
                return bdfs_status_exit(BDFS_USAGE);
        rc = show_one(cli, argv[0], &range, &it, &end);
        cli_item_fini(&it);
        return rc;
}

/* Where in @f to go on. Which file has the name is looked up each time, and a change is said. */
static void find_place(struct cli *cli, const struct cli_item *it, const struct bdfs_file *f,
                       struct place *p)
{
        uint64_t length = bdfs_length(f), inode = bdfs_inode(f);

        if (inode != p->inode) {
                cli_warn(cli, "`%s' was replaced: this is the new file from its beginning",
                         it->text);
                *p = (struct place){0, inode};
        } else if (length < p->at) {
                cli_warn(cli, "`%s' was cut to %llu bytes", it->text, (unsigned long long)length);
                p->at = length;
        }
}

/* What was added since, for ever. */
static int follow(struct cli *cli, struct cli_item *it, struct place *p, int64_t every_ms)
{
        struct bdfs_err err;

        for (;;) {
                struct bdfs_file *f;
                enum bdfs_status rc;

                os_sleep_ms(every_ms);
                rc = bdfs_open(it->fs, it->path, &f, &err);
                if (rc != BDFS_OK) {
                        (void)cli_item_reword(it, &err);
                        break;
                }
                find_place(cli, it, f, p);
                rc = show_range(cli, f, p->at, UINT64_MAX, NULL, &err);
                p->at = bdfs_length(f);
                if (rc == BDFS_OK)
                        rc = bdfs_close(f, &err);
                else
                        bdfs_abandon(f);
                if (rc != BDFS_OK)
                        break;
        }
        cli_error(cli, &err);
        return cli_exit(cli);
}

int cmd_tail(struct cli *cli, int argc, char **argv)
{
        const struct range range = {.most = END_BYTES, .from_end = true};
        bool forever = false;
        const char *every = NULL;
        const struct cli_option options[] = {
                {"f", &forever, NULL}, {"s", NULL, &every}, {NULL, NULL, NULL}};
        struct cli_item it = {0};
        struct place end = {0};
        uint64_t every_ms = FOLLOW_MS;
        int rc;

        if (!cli_options(cli, &argc, &argv, options, 1, 1))
                return bdfs_status_exit(BDFS_USAGE);
        if (every != NULL && !cli_number(every, 1, INT32_MAX, false, &every_ms))
                return cli_usage(cli, "-s wants a number of milliseconds");
        if (forever && cli->json)
                return cli_usage(cli, "-f never ends, --json has an end: one of the two");
        rc = show_one(cli, argv[0], &range, &it, &end);
        if (rc == 0 && forever)
                rc = follow(cli, &it, &end, (int64_t)every_ms);
        cli_item_fini(&it);
        return rc;
}
