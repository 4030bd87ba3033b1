/*
 * cli.h - what the commands of the `bdfs` program share.
 *
 * Data goes to stdout, everything else to stderr. A command returns its exit code: the one of the
 * status that stopped it (common/err.h), 9 when some of several operands failed.
 *
 * Threads: the program's main thread, except where a command says otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "client/bdfs.h"

struct cli {
        const char *program;       /* "bdfs" */
        struct bdfs_options options; /* --conf, --uri, --user, --timeout as given before the verb */
        bool json;                 /* --json, before or after the verb */
        bool quiet;                /* no progress */
        struct bdfs *fs;           /* connected by cli_connect(); NULL before */
};

struct cli_verb {
        const char *name;
        int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is the verb */
        const char *usage;         /* "[-R] PATH ..." */
        const char *help;          /* one line */
};

/* Every verb, in the order of the help (cli_verbs.c). */
extern const struct cli_verb cli_verbs[];
extern const size_t cli_verbs_n;
