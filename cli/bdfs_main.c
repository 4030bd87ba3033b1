/* bdfs: options before the verb, then the verb's own function. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_help.h"
#include "cli/cli_interrupt.h"
#include "cli/cli_property.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/std_fds.h"

static int usage(int code)
{
        cli_help_program(code == 0 ? stdout : stderr);
        return code;
}

static int verb_help(const struct cli_verb *v)
{
        cli_help_verb(v, stdout);
        return 0;
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

static int no_verb(const char *name)
{
        (void)fprintf(stderr, "bdfs: %s: no such verb\n  `bdfs help` lists them\n", name);
        return bdfs_status_exit(BDFS_USAGE);
}

static bool take_timeout(struct cli *cli, const char *text)
{
        char *end;
        double s = strtod(text, &end);

        if (end == text || *end != '\0' || !(s >= 0.001 && s <= 86400))
                return false;
        cli->options.timeout_ms = (int64_t)(s * 1000);
        return true;
}

/* -D and -conf; -2 when they were refused, which was then said. */
static int take_hadoop_option(struct cli *cli, int argc, char **argv)
{
        const char *o = argv[0];
        struct bdfs_err err;
        enum bdfs_status rc;
        int words = 2;

        if (strcmp(o, "-conf") == 0 && argc > 1)
                rc = cli_property_file(cli, argv[1], &err);
        else if (strcmp(o, "-D") == 0 && argc > 1)
                rc = cli_property_typed(cli, argv[1], &err);
        else if (strncmp(o, "-D", 2) == 0 && strchr(o, '=') != NULL)
                rc = cli_property_typed(cli, o + 2, &err), words = 1;
        else
                return 0;
        if (rc == BDFS_OK)
                return words;
        (void)fprintf(stderr, "bdfs: %s\n", err.text);
        cli->first_code = bdfs_status_exit(err.status);
        return -2;
}

/* Takes one option that stands before the verb, or a long one that stands after it; how many words
 * it had, 0 for none, -1 for a wrong one, -2 when that was said. */
static int take_option(struct cli *cli, int argc, char **argv, bool before)
{
        const char *o = argv[0];

        if (strcmp(o, "--json") == 0)
                return cli->json = true, 1;
        if (strcmp(o, "--quiet") == 0 || (before && strcmp(o, "-q") == 0))
                return cli->quiet = true, 1;
        if (strcmp(o, "--conf") == 0 && argc > 1)
                cli->options.conf = argv[1];
        else if ((strcmp(o, "--uri") == 0 || (before && strcmp(o, "-fs") == 0)) && argc > 1)
                cli->options.uri = argv[1];
        else if (strcmp(o, "--user") == 0 && argc > 1)
                cli->options.user = argv[1];
        else if (strcmp(o, "--timeout") == 0 && argc > 1)
                return take_timeout(cli, argv[1]) ? 2 : -1;
        else if (before && o[0] == '-' && o[1] != '-')
                return take_hadoop_option(cli, argc, argv);
        else
                return before && strncmp(o, "--", 2) == 0 ? -1 : 0;
        return 2;
}

/* Takes the program's own long options out of what follows a verb; false for a wrong one. */
static bool take_later(struct cli *cli, int *argc, char **argv)
{
        int to = 1, at = 1;

        while (at < *argc && strcmp(argv[at], "--") != 0) {
                /* a job's is for its tasks */
                bool own = strcmp(argv[0], "job") == 0 && strcmp(argv[at], "--timeout") == 0;
                int took = own ? 0 : take_option(cli, *argc - at, argv + at, false);

                if (took < 0)
                        return false;
                if (took == 0)
                        argv[to++] = argv[at++];
                at += took;
        }
        while (at < *argc)
                argv[to++] = argv[at++];
        *argc = to;
        return true;
}

static bool wants_help(int argc, char **argv)
{
        for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
                if (strcmp(argv[i], "--help") == 0)
                        return true;
        }
        return false;
}

static int run(struct cli *cli, int argc, char **argv)
{
        int rc;

        cli->verb = find_verb(argv[0]);
        if (cli->verb == NULL)
                return no_verb(argv[0]);
        if (wants_help(argc, argv))
                return verb_help(cli->verb);
        if (!cli->verb->raw && !take_later(cli, &argc, argv))
                return cli_usage(cli, "a wrong value for an option");
        rc = cli->verb->run(cli, argc, argv);
        cli_disconnect(cli);
        cli_flush(cli);
        return rc;
}

/* For some verbs, or which there are. */
static int help(int argc, char **argv)
{
        for (int i = 0; i < argc; i++) {
                const struct cli_verb *v = find_verb(argv[i]);

                if (v == NULL)
                        return no_verb(argv[i]);
                (void)verb_help(v);
        }
        return argc == 0 ? usage(0) : 0;
}

/* What `make pages` asks for: the verbs, a manual page, the completion. */
static int make_page(int argc, char **argv)
{
        const struct cli_verb *v = argc > 2 ? find_verb(argv[2]) : NULL;

        if (strcmp(argv[1], "--completion") == 0)
                cli_completion(stdout);
        else if (strcmp(argv[1], "--verbs") == 0)
                for (size_t i = 0; i < cli_verbs_n; i++)
                        (void)printf("%s\n", cli_verbs[i].name);
        else if (argc == 2)
                cli_man_program(stdout);
        else if (strcmp(argv[2], "bdfs.conf") == 0)
                cli_man_conf(stdout);
        else if (v != NULL)
                cli_man_verb(v, stdout);
        else
                return usage(bdfs_status_exit(BDFS_USAGE));
        return 0;
}

static bool wants_page(const char *option)
{
        return strcmp(option, "--man") == 0 || strcmp(option, "--verbs") == 0 ||
               strcmp(option, "--completion") == 0;
}

static bool is_dfs(const char *word)
{
        return strcmp(word, "dfs") == 0 || strcmp(word, "fs") == 0;
}

/* -usage [VERB ...], as FsShell has it. */
static int usages(struct cli *cli, int argc, char **argv)
{
        for (size_t i = 0; argc == 0 && i < cli_verbs_n; i++)
                cli_print(cli, "usage: bdfs %s %s\n", cli_verbs[i].name, cli_verbs[i].usage);
        for (int i = 0; i < argc; i++) {
                const struct cli_verb *v = find_verb(argv[i]);

                if (v == NULL)
                        return no_verb(argv[i]);
                cli_print(cli, "usage: bdfs %s %s\n", v->name, v->usage);
        }
        return 0;
}

/* What the program says about itself, with or without dashes; false: @argv is something else. */
static bool about(struct cli *cli, int argc, char **argv, int *ret)
{
        const char *word = argv[0] + strspn(argv[0], "-");

        if (strcmp(word, "help") == 0)
                *ret = help(argc - 1, argv + 1);
        else if (strcmp(word, "usage") == 0)
                *ret = usages(cli, argc - 1, argv + 1);
        else if (strcmp(word, "version") == 0 && argc == 1)
                cli_print(cli, "bdfs %s\n", BDFS_VERSION);
        else
                return false;
        return true;
}

static int command(struct cli *cli, int argc, char **argv)
{
        int at = 1, took, code = 0;

        if (at < argc && wants_page(argv[at]))
                return make_page(argc, argv);
        if (at < argc && is_dfs(argv[at]))
                at++;
        if (at < argc && about(cli, argc - at, argv + at, &code))
                return code;
        while (at < argc && (took = take_option(cli, argc - at, argv + at, true)) != 0) {
                if (took == -2)
                        return cli->first_code;
                if (took < 0) {
                        const char *value = at + 1 < argc ? argv[at + 1] : "";

                        (void)fprintf(stderr, "bdfs: %s %s: unknown option or a wrong value\n"
                                              "  `bdfs help` lists what there is\n", argv[at],
                                      value);
                        return bdfs_status_exit(BDFS_USAGE);
                }
                at += took;
        }
        if (at < argc && is_dfs(argv[at]))
                at++;
        if (at >= argc)
                return usage(bdfs_status_exit(BDFS_USAGE));
        if (about(cli, argc - at, argv + at, &code))
                return code;
        return run(cli, argc - at, argv + at);
}

int main(int argc, char **argv)
{
        struct cli cli = {.program = "bdfs", .umask = 022};

        std_fds_complete();
        log_open("bdfs", LOG_LEVEL_WARN);
        cli.local_umask = umask(022);
        (void)umask(cli.local_umask);
        cli.pipe_ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
        os_mutex_init(&cli.lock);
        cli_interrupt_init(&cli);
        return cli_finish(&cli, command(&cli, argc, argv));
}
