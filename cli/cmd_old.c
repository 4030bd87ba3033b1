/* Hadoop's deprecated names of verbs: lsr, dus, rmr. Each says so, as FsShell does. */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "common/cleanup.h"

/* @run with @option before what was typed. */
static int run_with(struct cli *cli, int argc, char **argv, int (*run)(struct cli *, int, char **),
                    const char *option)
{
        AUTO_FREE char **words = calloc((size_t)argc + 2, sizeof(*words));
        AUTO_FREE char *copy = strdup(option);

        if (words == NULL || copy == NULL)
                return bdfs_status_exit(BDFS_NO_MEMORY);
        words[0] = argv[0];
        words[1] = copy;
        memcpy(words + 2, argv + 1, (size_t)(argc - 1) * sizeof(*words));
        return run(cli, argc + 1, words);
}

int cmd_lsr(struct cli *cli, int argc, char **argv)
{
        cli_warn(cli, "DEPRECATED: Please use 'ls -R' instead.");
        return run_with(cli, argc, argv, cmd_ls, "-R");
}

int cmd_dus(struct cli *cli, int argc, char **argv)
{
        cli_warn(cli, "DEPRECATED: Please use 'du -s' instead.");
        return run_with(cli, argc, argv, cmd_du, "-s");
}

int cmd_rmr(struct cli *cli, int argc, char **argv)
{
        cli_warn(cli, "DEPRECATED: Please use '-rm -r' instead.");
        return run_with(cli, argc, argv, cmd_rm, "-r");
}
