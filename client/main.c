/* bdfs: options before the verb, then the verb's own function. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli.h"
#include "common/limits.h"
#include "common/log.h"

static int usage(int code)
{
        FILE *to = code == 0 ? stdout : stderr;

        (void)fprintf(to, "usage: bdfs [--conf FILE] [--uri URI] [--user NAME] [--timeout SECONDS] "
                          "[--json] [-q] VERB ...\n\n");
        for (size_t i = 0; i < cli_verbs_n; i++)
                (void)fprintf(to, "  %-12s %s\n", cli_verbs[i].name, cli_verbs[i].help);
        (void)fprintf(to, "\nbdfs VERB --help says more. The verbs of `hdfs dfs` may be written as "
                          "there: bdfs dfs -ls /\n");
        return code;
}

static const struct cli_verb *find_verb(const char *name)
{
        while (*name == '-')
                name++;
        for (size_t i = 0; i < cli_verbs_n; i++) {
                if (strcmp(cli_verbs[i].name, name) == 0)
                        return &cli_verbs[i];
        }
        return NULL;
}

/* Takes one leading option; how many words it had, 0 for none, -1 for a wrong one. */
static int take_option(struct cli *cli, int argc, char **argv)
{
        const char *o = argv[0];

        if (strcmp(o, "--json") == 0)
                return cli->json = true, 1;
        if (strcmp(o, "-q") == 0 || strcmp(o, "--quiet") == 0)
                return cli->quiet = true, 1;
        if (strncmp(o, "--", 2) != 0)
                return 0;
        if (argc < 2)
                return -1;
        if (strcmp(o, "--conf") == 0)
                cli->options.conf = argv[1];
        else if (strcmp(o, "--uri") == 0)
                cli->options.uri = argv[1];
        else if (strcmp(o, "--user") == 0)
                cli->options.user = argv[1];
        else if (strcmp(o, "--timeout") == 0 && strtol(argv[1], NULL, 10) > 0)
                cli->options.timeout_ms = 1000 * strtol(argv[1], NULL, 10);
        else
                return -1;
        return 2;
}

int main(int argc, char **argv)
{
        struct cli cli = {.program = "bdfs"};
        const struct cli_verb *verb;
        int at = 1, took, rc;

        log_open("bdfs", LOG_LEVEL_WARN);
        (void)signal(SIGPIPE, SIG_IGN);
        if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0))
                return usage(0);
        if (argc > 1 && strcmp(argv[1], "--version") == 0)
                return printf("bdfs %s\n", BDFS_VERSION) < 0;
        while (at < argc && (took = take_option(&cli, argc - at, argv + at)) != 0) {
                if (took < 0) {
                        (void)fprintf(stderr, "bdfs: %s: unknown option or no value\n", argv[at]);
                        return usage(2);
                }
                at += took;
        }
        if (at < argc && strcmp(argv[at], "dfs") == 0)
                at++;
        if (at >= argc)
                return usage(2);
        verb = find_verb(argv[at]);
        if (verb == NULL) {
                (void)fprintf(stderr, "bdfs: %s: no such verb\n", argv[at]);
                return usage(2);
        }
        rc = verb->run(&cli, argc - at, argv + at);
        bdfs_disconnect(cli.fs);
        if (fflush(stdout) != 0 && rc == 0) {
                perror("bdfs: standard output");
                rc = 1;
        }
        return rc;
}
