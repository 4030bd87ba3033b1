/*
 * cli_help.h - what --help, the manual pages and the completion say of the verbs: one source for
 * all three. Names, usages and one line for each verb are in cli_verbs.c.
 *
 * Threads: none; constant tables.
 */
#pragma once

#include <stdio.h>

#include "cli/cli.h"

struct cli_help {
        const char *verb;
        const char *options;  /* "OPTION\tWHAT IT DOES\n" for each; "" for none */
        const char *text;     /* paragraphs, an empty line between two */
        const char *examples; /* a command a line; "" for none */
};

/* NULL: none, which tests/e2e/install.sh forbids. A verb that is another's second name has
 * that one's. */
const struct cli_help *cli_help_of(const char *verb);

/* `bdfs --help`, `bdfs VERB --help`. */
void cli_help_program(FILE *to);
void cli_help_verb(const struct cli_verb *v, FILE *to);

/* bdfs(1), bdfs-VERB(1) and bdfs.conf(5), in mdoc(7). */
void cli_man_program(FILE *to);
void cli_man_verb(const struct cli_verb *v, FILE *to);
void cli_man_conf(FILE *to);

/* What packaging/completion.bash asks for: the verbs and their options. */
void cli_completion(FILE *to);
