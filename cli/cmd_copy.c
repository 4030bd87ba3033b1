/* bdfs put, get, cp, moveFromLocal, getmerge, append */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_interrupt.h"
#include "cli/cli_transfer.h"
#include "cli/cmd.h"
#include "common/cleanup.h"

#define THREADS 4 /* for many small files: most of the time of each is waiting */

struct copy_flags {
        bool force, preserve, lazy, direct, sums, ignore_sums;
        const char *threads, *queue, *replication, *block_size;
};

static_assert(CLI_THREADS_MAX == 64, "the text of -t says it");

static bool wrong(struct cli *cli, const char *text)
{
        (void)cli_usage(cli, "%s", text);
        return false;
}

/* The values that were given as text. */
static bool take_values(struct cli *cli, const struct copy_flags *f, unsigned *ret_threads)
{
        uint64_t v;

        *ret_threads = THREADS;
        if (f->threads != NULL) {
                if (!cli_number(f->threads, 1, CLI_THREADS_MAX, false, &v))
                        return wrong(cli, "-t wants a number from 1 to 64");
                *ret_threads = (unsigned)v;
        }
        if (f->queue != NULL && !cli_number(f->queue, 1, INT32_MAX, false, &v))
                return wrong(cli, "-q wants a number");
        if (f->replication != NULL) {
                if (!cli_number(f->replication, 1, 512, false, &v))
                        return wrong(cli, "--replication wants a number from 1 to 512");
                cli->replication = (uint32_t)v;
        }
        if (f->block_size != NULL && !cli_number(f->block_size, 512, 1ULL << 36, true,
                                                 &cli->block_size))
                return wrong(cli, "--block-size wants a number of bytes (K, M, G may follow)");
        return true;
}

/* What is typed may hold globs. */
static int transfer_expanded(struct cli_transfer *t, int argc, char **argv)
{
        struct cli_items sources;
        int rc;

        cli_expand_all(t->copy.cli, argc, argv, &sources);
        rc = cli_transfer_run(t, &sources);
        cli_items_fini(&sources);
        return rc;
}

/* ---- put ------------------------------------------------------------------------------------- */

static enum bdfs_status put_stdin(struct cli_transfer *t, struct bdfs_err *err)
{
        static char dash[] = "-";
        const struct cli_item src = {.text = dash, .path = dash};
        struct cli_progress progress;
        struct cli_item to;
        enum bdfs_status rc;
        bool parent = true;

        if (cli_transfer_target(&t->dst, &src, &to, err) != BDFS_OK)
                return err->status;
        cli_progress_begin(&progress, t->copy.cli);
        t->copy.progress = &progress;
        cli_interrupt_start();
        rc = to.exists ? BDFS_OK : cli_item_parent_exists(&to, &parent, err);
        if (rc == BDFS_OK && !parent)
                rc = cli_item_fail_full(&to, err);
        if (rc == BDFS_OK)
                rc = cli_copy_stdin(&t->copy, &to, err);
        cli_progress_end(&progress);
        cli_item_fini(&to);
        return rc;
}

static void add_local(struct cli *cli, const char *typed, struct cli_items *sources)
{
        struct cli_item it;
        struct bdfs_err err;

        if (cli_item_local(typed, &it, &err) != BDFS_OK ||
            cli_items_add(sources, &it, &err) != BDFS_OK)
                cli_error(cli, &err);
}

static int put(struct cli *cli, int argc, char **argv, bool move)
{
        struct copy_flags f = {0};
        struct cli_transfer t = {.copy = {.cli = cli}, .move = move};
        const struct cli_option options[] = {
                {"f", &f.force, NULL}, {"p", &f.preserve, NULL}, {"l", &f.lazy, NULL},
                {"d", &f.direct, NULL}, {"t", NULL, &f.threads}, {"q", NULL, &f.queue},
                {"-replication", NULL, &f.replication}, {"-block-size", NULL, &f.block_size},
                {NULL, NULL, NULL}};
        struct cli_items sources = {0};
        struct bdfs_err err;
        int rc;

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY) ||
            !take_values(cli, &f, &t.threads))
                return bdfs_status_exit(BDFS_USAGE);
        t.copy.overwrite = f.force;
        t.copy.direct = f.direct;
        t.copy.lazy = f.lazy;
        t.copy.preserve = f.preserve ? PRESERVE_TIMES | PRESERVE_OWNER | PRESERVE_MODE : 0;
        if (cli_transfer_remote_dst(cli, &argc, argv, &t.dst, &err) != BDFS_OK) {
                cli_error(cli, &err);
                return cli_exit(cli);
        }
        if (argc == 1 && strcmp(argv[0], "-") == 0) {
                if (put_stdin(&t, &err) != BDFS_OK)
                        cli_error_hint(cli, &err, err.status == BDFS_EXISTS ? "-f overwrites a file"
                                                                            : cli_hint(err.status));
                cli_item_fini(&t.dst);
                return cli_exit(cli);
        }
        for (int i = 0; i < argc; i++)
                add_local(cli, argv[i], &sources);
        rc = cli_transfer_run(&t, &sources);
        cli_items_fini(&sources);
        return rc;
}

int cmd_put(struct cli *cli, int argc, char **argv)
{
        return put(cli, argc, argv, false);
}

int cmd_moveFromLocal(struct cli *cli, int argc, char **argv)
{
        return put(cli, argc, argv, true);
}

/* ---- get ------------------------------------------------------------------------------------- */

static int get(struct cli *cli, int argc, char **argv, bool move)
{
        struct copy_flags f = {0};
        struct cli_transfer t = {.copy = {.cli = cli}};
        const struct cli_option options[] = {
                {"f", &f.force, NULL}, {"p", &f.preserve, NULL}, {"crc", &f.sums, NULL},
                {"ignoreCrc", &f.ignore_sums, NULL}, {"t", NULL, &f.threads},
                {"q", NULL, &f.queue}, {NULL, NULL, NULL}};
        struct bdfs_err err;
        const char *dst = ".";

        t.move = move;
        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY) ||
            !take_values(cli, &f, &t.threads))
                return bdfs_status_exit(BDFS_USAGE);
        cli->options.ignore_checksums = f.ignore_sums;
        t.copy.overwrite = f.force;
        t.copy.write_sums = f.sums;
        t.copy.preserve = f.preserve ? PRESERVE_TIMES | PRESERVE_OWNER | PRESERVE_MODE : 0;
        if (argc > 1)
                dst = argv[--argc];
        if (strcmp(dst, "-") == 0 && move)
                return cli_usage(cli, "-: what is moved needs a place that keeps it");
        if (strcmp(dst, "-") == 0)
                return cmd_show(cli, argc, argv);
        if (cli_item_local(dst, &t.dst, &err) != BDFS_OK) {
                cli_error(cli, &err);
                return cli_exit(cli);
        }
        return transfer_expanded(&t, argc, argv);
}

int cmd_get(struct cli *cli, int argc, char **argv)
{
        return get(cli, argc, argv, false);
}

int cmd_moveToLocal(struct cli *cli, int argc, char **argv)
{
        return get(cli, argc, argv, true);
}

/* ---- cp -------------------------------------------------------------------------------------- */

/* -p, -ptop: taken out of the operands; false for a letter that is not known. */
static bool take_preserve(struct cli *cli, int *argc, char **argv, unsigned *ret)
{
        int at = 1, n;

        while (at < *argc && (strncmp(argv[at], "-p", 2) != 0 && strcmp(argv[at], "--") != 0))
                at++;
        if (at == *argc || argv[at][1] != 'p')
                return true;
        if (argv[at][2] == '\0')
                *ret = PRESERVE_TIMES | PRESERVE_OWNER | PRESERVE_MODE;
        for (const char *c = argv[at] + 2; *c != '\0'; c++) {
                switch (*c) {
                case 't': *ret |= PRESERVE_TIMES; break;
                case 'o': *ret |= PRESERVE_OWNER; break;
                case 'p': *ret |= PRESERVE_MODE; break;
                case 'a': case 'x':
                        return wrong(cli, "-pa, -px: ACLs and extended attributes are not copied");
                default:
                        (void)cli_usage(cli, "No attribute for %c", *c);
                        return false;
                }
        }
        for (n = at; n + 1 < *argc; n++)
                argv[n] = argv[n + 1];
        --*argc;
        return true;
}

int cmd_cp(struct cli *cli, int argc, char **argv)
{
        struct copy_flags f = {0};
        struct cli_transfer t = {.copy = {.cli = cli}};
        const struct cli_option options[] = {
                {"f", &f.force, NULL}, {"d", &f.direct, NULL}, {"t", NULL, &f.threads},
                {"q", NULL, &f.queue}, {"-replication", NULL, &f.replication},
                {"-block-size", NULL, &f.block_size}, {NULL, NULL, NULL}};
        struct bdfs_err err;

        cli->takes_local = true;
        if (!take_preserve(cli, &argc, argv, &t.copy.preserve) ||
            !cli_options(cli, &argc, &argv, options, 2, CLI_MANY) ||
            !take_values(cli, &f, &t.threads))
                return bdfs_status_exit(BDFS_USAGE);
        t.copy.overwrite = f.force;
        t.copy.direct = f.direct;
        if (cli_transfer_remote_dst(cli, &argc, argv, &t.dst, &err) != BDFS_OK) {
                cli_error(cli, &err);
                return cli_exit(cli);
        }
        return transfer_expanded(&t, argc, argv);
}
