/* bdfs append, getmerge: several files into one. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_copy.h"
#include "cli/cli_interrupt.h"
#include "cli/cli_json.h"
#include "cli/cli_transfer.h"
#include "cli/cmd.h"
#include "common/cleanup.h"

/* ---- append ---------------------------------------------------------------------------------- */

/* Opened before anything is written: a missing one must not leave half an append. */
static enum bdfs_status open_sources(int n, char **typed, struct cli_source *sources,
                                     struct bdfs_err *err)
{
        for (int i = 0; i < n; i++) {
                struct cli_item it;
                enum bdfs_status rc;

                if (strcmp(typed[i], "-") == 0) {
                        sources[i] = (struct cli_source){.fd = STDIN_FILENO, .name = "stdin"};
                        continue;
                }
                if (cli_item_local(typed[i], &it, err) != BDFS_OK)
                        return err->status;
                rc = !it.exists                  ? cli_item_fail(&it, BDFS_NOT_FOUND, err)
                     : cli_item_is_directory(&it) ? cli_item_fail(&it, BDFS_IS_DIRECTORY, err)
                                                  : cli_source_open(&sources[i], &it, err);
                sources[i].name = typed[i];
                cli_item_fini(&it);
                if (rc != BDFS_OK)
                        return rc;
        }
        return BDFS_OK;
}

static enum bdfs_status open_end(struct cli *cli, const struct cli_item *to, struct bdfs_file **ret,
                                 struct bdfs_err *err)
{
        struct bdfs_create options = {.mode = BDFS_MODE_GIVEN | (0666 & ~cli->umask),
                                      .replication = cli->replication,
                                      .block_size = cli->block_size};

        if (cli_item_is_directory(to))
                return cli_item_fail(to, BDFS_IS_DIRECTORY, err);
        if (!to->exists)
                return bdfs_create(to->fs, to->path, &options, ret, err);
        return bdfs_append(to->fs, to->path, ret, err);
}

static enum bdfs_status append_all(struct cli *cli, const struct cli_item *to,
                                   struct cli_source *sources, int n, struct bdfs_err *err)
{
        struct cli_progress progress;
        const struct cli_copy copy = {.cli = cli, .progress = &progress};
        struct cli_target t = {.copy = &copy, .item = to, .fd = -1};
        enum bdfs_status rc = BDFS_OK;

        cli_interrupt_start();
        t.handle = cli_interrupt_add(to->fs, to->path, true);
        if (open_end(cli, to, &t.file, err) != BDFS_OK) {
                cli_interrupt_drop(t.handle);
                return err->status;
        }
        t.guarded = true;
        cli_interrupt_made(t.handle, to->path);
        cli_progress_begin(&progress, cli);
        for (int i = 0; rc == BDFS_OK && i < n; i++)
                rc = cli_pump(&copy, &sources[i], &t, err);
        cli_progress_end(&progress);
        if (rc == BDFS_OK)
                return cli_target_close(&t, err);
        cli_target_abandon(&t); /* what was read is kept, at the end of the file */
        return bdfs_wrap(err, "`%s': a part may have been appended", to->text);
}

int cmd_append(struct cli *cli, int argc, char **argv)
{
        bool new_block = false; /* bdfs always begins one */
        const char *replication = NULL, *block_size = NULL;
        const struct cli_option options[] = {{"n", &new_block, NULL},
                                             {"-replication", NULL, &replication},
                                             {"-block-size", NULL, &block_size},
                                             {NULL, NULL, NULL}};
        AUTO_FREE struct cli_source *sources = NULL;
        struct cli_item to = {0};
        struct bdfs_err err;
        uint64_t v = 0;

        if (!cli_options(cli, &argc, &argv, options, 2, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        for (int i = 0; i < argc - 1; i++) {
                if (strcmp(argv[i], "-") == 0 && argc > 2)
                        return cli_usage(cli,
                                         "stdin (-) must be the sole input argument when present");
        }
        if ((replication != NULL && !cli_number(replication, 1, 512, false, &v)) ||
            (block_size != NULL &&
             !cli_number(block_size, 512, 1ULL << 36, true, &cli->block_size)))
                return cli_usage(cli, "--replication and --block-size want numbers");
        cli->replication = v > 0 ? (uint32_t)v : cli->replication;
        sources = calloc((size_t)argc, sizeof(*sources));
        for (int i = 0; sources != NULL && i < argc; i++)
                sources[i].fd = -1;
        if (sources == NULL)
                return bdfs_status_exit(BDFS_NO_MEMORY);
        if (cli_transfer_remote_dst(cli, &argc, argv, &to, &err) != BDFS_OK ||
            open_sources(argc, argv, sources, &err) != BDFS_OK ||
            append_all(cli, &to, sources, argc, &err) != BDFS_OK)
                cli_error(cli, &err);
        for (int i = 0; i < argc; i++)
                cli_source_close(&sources[i]);
        cli_item_fini(&to);
        return cli_exit(cli);
}

/* ---- getmerge -------------------------------------------------------------------------------- */

struct merge {
        struct cli *cli;
        bool newline, skip_empty;
        struct cli_items files;
};

static enum bdfs_status take_file(struct merge *m, struct cli_item *it, struct bdfs_err *err)
{
        struct cli_item mine = *it;

        *it = (struct cli_item){0};
        return cli_items_add(&m->files, &mine, err);
}

/* Of a directory its files, not what is deeper. */
static enum bdfs_status take_child(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        return cli_item_is_directory(it) ? BDFS_OK : take_file(arg, it, err);
}

static enum bdfs_status take_operand(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        return cli_item_is_directory(it) ? cli_item_children(it, take_child, arg, err)
                                         : take_file(arg, it, err);
}

static enum bdfs_status merge_file(struct merge *m, const struct cli_copy *copy,
                                   const struct cli_item *it, struct cli_target *t,
                                   struct bdfs_err *err)
{
        struct cli_source s;
        enum bdfs_status rc;

        if (it->st.length == 0 && m->skip_empty)
                return BDFS_OK;
        if (cli_source_open(&s, it, err) != BDFS_OK)
                return err->status;
        rc = cli_pump(copy, &s, t, err);
        cli_source_close(&s);
        if (rc == BDFS_OK && m->newline)
                rc = cli_target_write(t, "\n", 1, err);
        return rc;
}

/* Each file with its bytes, for a program to join. */
static enum bdfs_status merge_json(struct merge *m, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        cli_json_begin(m->cli);
        for (size_t i = 0; rc == BDFS_OK && i < m->files.n; i++) {
                uint8_t room[32768];
                struct cli_base64 json;
                struct cli_source s;
                size_t n = 1;

                rc = cli_source_open(&s, &m->files.list[i], err);
                if (rc != BDFS_OK)
                        break;
                cli_json_bytes_begin(&json, m->cli, m->files.list[i].text);
                while (rc == BDFS_OK && n > 0) {
                        rc = cli_source_read(&s, room, sizeof(room), &n, err);
                        if (rc == BDFS_OK)
                                cli_json_bytes(&json, room, n);
                }
                if (m->newline)
                        cli_json_bytes(&json, "\n", 1);
                cli_json_bytes_end(&json);
                cli_source_close(&s);
        }
        cli_json_end(m->cli);
        return rc;
}

static enum bdfs_status merge(struct merge *m, const struct cli_item *dst, struct bdfs_err *err)
{
        struct cli_progress progress;
        const struct cli_copy copy = {.cli = m->cli, .overwrite = true, .progress = &progress};
        struct cli_target t;
        enum bdfs_status rc = BDFS_OK;

        if (cli_target_open(&t, &copy, dst, err) != BDFS_OK)
                return err->status;
        cli_progress_begin(&progress, m->cli);
        for (size_t i = 0; i < m->files.n; i++)
                cli_progress_expect(&progress, m->files.list[i].st.length, 1);
        for (size_t i = 0; rc == BDFS_OK && i < m->files.n; i++)
                rc = merge_file(m, &copy, &m->files.list[i], &t, err);
        cli_progress_end(&progress);
        if (rc == BDFS_OK)
                return cli_target_close(&t, err);
        cli_target_abandon(&t);
        return rc;
}

int cmd_getmerge(struct cli *cli, int argc, char **argv)
{
        struct merge m = {.cli = cli};
        const struct cli_option options[] = {
                {"nl", &m.newline, NULL}, {"skip-empty-file", &m.skip_empty, NULL},
                {NULL, NULL, NULL}};
        static char out[] = "/dev/stdout";
        struct cli_item dst = {0};
        struct bdfs_err err;
        bool json;

        if (!cli_options(cli, &argc, &argv, options, 2, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        argc--;
        json = cli->json && strcmp(argv[argc], "-") == 0;
        if (cli_item_local(strcmp(argv[argc], "-") == 0 ? out : argv[argc], &dst, &err) !=
                    BDFS_OK ||
            (cli_item_is_directory(&dst) &&
             cli_item_fail(&dst, BDFS_IS_DIRECTORY, &err) != BDFS_OK)) {
                cli_error(cli, &err);
                cli_item_fini(&dst);
                return cli_exit(cli);
        }
        cli_interrupt_start();
        /* nothing is written when a name is wrong */
        if (cli_walk_all(cli, argc, argv, false, take_operand, &m) != 0) {
                cli_nothing_done(cli);
        } else if ((json ? merge_json(&m, &err) : merge(&m, &dst, &err)) != BDFS_OK) {
                cli_nothing_done(cli);
                cli_error_hint(cli, &err, cli_hint_local(err.status));
        }
        cli_items_fini(&m.files);
        cli_item_fini(&dst);
        return cli_exit(cli);
}
