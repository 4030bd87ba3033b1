/* bdfs mkdir, touch, touchz, truncate, concat */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli_copy.h"
#include "cli/cmd.h"
#include "common/cleanup.h"

/* Calls @one for each item, existing or not. */
typedef enum bdfs_status each_item(void *arg, struct cli_item *it, struct bdfs_err *err);
static int for_each(struct cli *cli, int argc, char **argv, each_item *one, void *arg,
                    const char *missing_hint)
{
        struct cli_items list;
        struct bdfs_err err;

        cli_expand_all(cli, argc, argv, &list);
        for (size_t i = 0; i < list.n; i++) {
                if (one(arg, &list.list[i], &err) == BDFS_OK)
                        cli_done(cli);
                else if (err.status == BDFS_NOT_FOUND && missing_hint != NULL)
                        cli_error_hint(cli, &err, missing_hint);
                else
                        cli_error(cli, &err);
        }
        cli_items_fini(&list);
        return cli_exit(cli);
}

/* ---- mkdir ----------------------------------------------------------------------------------- */

struct mkdir {
        struct cli *cli;
        bool parents;
};

static enum bdfs_status mkdir_one(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct mkdir *m = arg;
        uint32_t mode = 0777 & ~m->cli->umask;

        if (it->exists)
                return !cli_item_is_directory(it) ? cli_item_fail(it, BDFS_NOT_DIRECTORY, err)
                       : m->parents               ? BDFS_OK
                                                  : cli_item_fail(it, BDFS_EXISTS, err);
        if (!m->parents) {
                AUTO_FREE char *path = strdup(it->path);
                struct cli_item parent = {.fs = it->fs, .path = path, .text = path};
                char *slash = path == NULL ? NULL : strrchr(path, '/');

                if (slash == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                slash[slash == path] = '\0';
                if (cli_item_refresh(&parent, err) != BDFS_OK)
                        return err->status;
                if (!parent.exists) /* FsShell says the whole name here */
                        return bdfs_fail(err, BDFS_NOT_FOUND, "`%s%s': No such file or directory",
                                         bdfs_uri(it->fs), path);
                bdfs_stat_fini(&parent.st);
        }
        return bdfs_mkdir(it->fs, it->path, mode, true, err);
}

int cmd_mkdir(struct cli *cli, int argc, char **argv)
{
        struct mkdir m = {.cli = cli};
        const struct cli_option options[] = {{"p", &m.parents, NULL}, {NULL, NULL, NULL}};

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        return for_each(cli, argc, argv, mkdir_one, &m, "-p makes the directories above it too");
}

/* ---- touch ----------------------------------------------------------------------------------- */

static enum bdfs_status make_empty(struct cli *cli, const struct cli_item *it, struct bdfs_err *err)
{
        struct bdfs_create options = {.mode = BDFS_MODE_GIVEN | (0666 & ~cli->umask),
                                      .overwrite = true, .replication = cli->replication,
                                      .block_size = cli->block_size};
        struct bdfs_file *f;

        if (bdfs_create(it->fs, it->path, &options, &f, err) != BDFS_OK)
                return err->status;
        return bdfs_close(f, err);
}

static enum bdfs_status check_parent(const struct cli_item *it, struct bdfs_err *err)
{
        bool parent;

        if (cli_item_parent_exists(it, &parent, err) != BDFS_OK)
                return err->status;
        return parent ? BDFS_OK : cli_item_fail_full(it, err);
}

static enum bdfs_status touchz_one(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        if (cli_item_is_directory(it))
                return cli_item_fail(it, BDFS_IS_DIRECTORY, err);
        if (it->exists && it->st.length > 0)
                return bdfs_fail(err, BDFS_EXISTS, "`%s': Not a zero-length file", it->text);
        if (!it->exists && check_parent(it, err) != BDFS_OK)
                return err->status;
        return make_empty(arg, it, err);
}

int cmd_touchz(struct cli *cli, int argc, char **argv)
{
        const struct cli_option options[] = {{NULL, NULL, NULL}};

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        return for_each(cli, argc, argv, touchz_one, cli, NULL);
}

struct touch {
        struct cli *cli;
        bool modified, accessed, keep;
        const char *when;
        int64_t time_ms;
};

static enum bdfs_status touch_one(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct touch *t = arg;
        bool one = t->modified != t->accessed;

        if (!it->exists) {
                if (check_parent(it, err) != BDFS_OK)
                        return err->status;
                if (t->keep)
                        return BDFS_OK;
                if (make_empty(t->cli, it, err) != BDFS_OK)
                        return err->status;
                if (t->when == NULL)
                        return BDFS_OK;
        }
        return bdfs_utimes(it->fs, it->path, one && t->accessed ? -1 : t->time_ms,
                           one && t->modified ? -1 : t->time_ms, err);
}

/* yyyyMMdd:HHmmss here; what is wrong with it, or NULL. */
static const char *parse_time(const char *text, int64_t *ret_ms)
{
        static const char shape[] = "00000000:000000";
        struct tm tm = {.tm_isdst = -1}, back;
        time_t s;

        for (size_t i = 0; i < sizeof(shape); i++) {
                if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
                        return "Unable to parse the specified timestamp %s. The expected format is "
                               "yyyyMMdd:HHmmss";
        }
        (void)sscanf(text, "%4d%2d%2d:%2d%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                     &tm.tm_hour, &tm.tm_min, &tm.tm_sec);
        if (tm.tm_year < 1970)
                return "%s is before 1970, and such times cannot be kept";
        tm.tm_year -= 1900;
        tm.tm_mon--;
        back = tm;
        s = mktime(&back);
        if (back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday || tm.tm_hour > 23 ||
            tm.tm_min > 59 || tm.tm_sec > 59)
                return "there is no time %s: no such day, hour, minute or second";
        if (s < 0)
                return "%s is before 1970, and such times cannot be kept";
        *ret_ms = (int64_t)s * 1000;
        return NULL;
}

int cmd_touch(struct cli *cli, int argc, char **argv)
{
        struct touch t = {.cli = cli};
        const struct cli_option options[] = {
                {"m", &t.modified, NULL}, {"a", &t.accessed, NULL}, {"c", &t.keep, NULL},
                {"t", NULL, &t.when}, {NULL, NULL, NULL}};

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        t.time_ms = os_wall_ms();
        if (t.when != NULL) {
                const char *wrong = parse_time(t.when, &t.time_ms);

                if (wrong != NULL)
                        return cli_usage(cli, wrong, t.when);
        }
        return for_each(cli, argc, argv, touch_one, &t, NULL);
}

/* ---- truncate -------------------------------------------------------------------------------- */

#define TRUNCATE_POLL_MS 200

struct truncate {
        struct cli *cli;
        uint64_t length;
        bool wait;
};

static enum bdfs_status wait_truncated(struct truncate *t, struct cli_item *it,
                                       struct bdfs_err *err)
{
        bool closed = false;

        cli_print(t->cli, "Waiting for %s ...\n", it->text);
        cli_flush(t->cli);
        for (;;) { /* as long as it takes: the namenode bounds a recovery */
                if (bdfs_is_closed(it->fs, it->path, &closed, err) != BDFS_OK)
                        return err->status;
                if (closed)
                        return BDFS_OK;
                os_sleep_ms(TRUNCATE_POLL_MS);
        }
}

static enum bdfs_status truncate_one(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct truncate *t = arg;
        bool done;

        if (!it->exists)
                return cli_item_fail(it, BDFS_NOT_FOUND, err);
        if (cli_item_is_directory(it))
                return cli_item_fail(it, BDFS_IS_DIRECTORY, err);
        if (t->length > it->st.length)
                return bdfs_fail(err, BDFS_INVALID, "Cannot truncate to a larger file size. "
                                 "Current size: %llu, truncate size: %llu.",
                                 (unsigned long long)it->st.length, (unsigned long long)t->length);
        if (bdfs_truncate(it->fs, it->path, t->length, &done, err) != BDFS_OK)
                return err->status;
        if (!done && !t->wait) {
                cli_print(t->cli, "Truncating %s to length: %llu. Wait for block recovery to "
                                  "complete before further updating this file.\n",
                          it->text, (unsigned long long)t->length);
                return BDFS_OK;
        }
        if (!done && wait_truncated(t, it, err) != BDFS_OK)
                return err->status;
        cli_print(t->cli, "Truncated %s to length: %llu\n", it->text,
                  (unsigned long long)t->length);
        return BDFS_OK;
}

int cmd_truncate(struct cli *cli, int argc, char **argv)
{
        struct truncate t = {.cli = cli};
        const struct cli_option options[] = {{"w", &t.wait, NULL}, {NULL, NULL, NULL}};

        if (!cli_options(cli, &argc, &argv, options, 2, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        if (!cli_number(argv[0], 0, INT64_MAX, true, &t.length))
                return cli_usage(cli, "Illegal length, a non-negative integer expected");
        return for_each(cli, argc - 1, argv + 1, truncate_one, &t, NULL);
}

/* ---- concat ---------------------------------------------------------------------------------- */

static enum bdfs_status concat(struct cli_items *list, struct bdfs_err *err)
{
        AUTO_FREE const char **sources = calloc(list->n, sizeof(*sources));
        struct cli_item *to = &list->list[0];

        if (sources == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (!to->exists || to->st.type != BDFS_TYPE_FILE)
                return bdfs_fail(err, BDFS_NOT_FOUND,
                                 "Target path %s%s does not exist or is not file.",
                                 bdfs_uri(to->fs), to->path);
        for (size_t i = 1; i < list->n; i++) {
                struct cli_item *it = &list->list[i];

                if (!it->exists || it->st.type != BDFS_TYPE_FILE)
                        return bdfs_fail(err, BDFS_NOT_FOUND,
                                         "%s%s does not exist or is not file.", bdfs_uri(it->fs),
                                         it->path);
                if (it->fs != to->fs)
                        return bdfs_fail(err, BDFS_INVALID, "`%s': is in another cluster than `%s'",
                                         it->text, to->text);
                sources[i - 1] = it->path;
        }
        return bdfs_concat(to->fs, to->path, sources, list->n - 1, err);
}

int cmd_concat(struct cli *cli, int argc, char **argv)
{
        const struct cli_option options[] = {{NULL, NULL, NULL}};
        struct cli_items list;
        struct bdfs_err err;

        if (!cli_options(cli, &argc, &argv, options, 0, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        cli_expand_all(cli, argc, argv, &list);
        if (cli_exit(cli) == 0 && list.n < 3) {
                const char *why = list.n == 0 ? "Target path not specified."
                                              : "The number of source paths is less than 2.";

                cli_items_fini(&list);
                return cli_usage(cli, "%s", why);
        }
        if (cli_exit(cli) == 0 && concat(&list, &err) != BDFS_OK)
                cli_error(cli, &err);
        cli_items_fini(&list);
        return cli_exit(cli);
}
