/* bdfs job run, bdfs job logs. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/cli_item.h"
#include "client/cli_json.h"
#include "client/cmd_job.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "common/signals.h"
#include "exec/job_logs.h"
#include "exec/job_print.h"

#define EXIT_KILLED 9

/* Set by a signal; a second one ends the program as it always would. */
static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
        (void)signal;
        interrupted = 1;
}

static void take_signals(void)
{
        struct sigaction once = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

        sigset_t set = signals_that_end(true);

        for (int s = 1; s < NSIG; s++) {
                if (sigismember(&set, s) == 1)
                        (void)sigaction(s, &once, NULL);
        }
}

struct words {
        const char **list;
        size_t n;
};

static bool add_word(struct words *w, const char *word)
{
        const char **more = realloc(w->list, (w->n + 1) * sizeof(*more));

        if (more == NULL)
                return false;
        w->list = more;
        w->list[w->n++] = word;
        return true;
}

struct request {
        struct words inputs, files;
        const char *output, *map, *reduce;
        uint64_t reduces;
        bool has_reduces;
        struct job_print print;
};

/* ---- options ------------------------------------------------------------------------------ */

static const struct option long_options[] = {
        {"file", required_argument, NULL, 'f'},
        {"input", required_argument, NULL, 'i'},
        {"output", required_argument, NULL, 'o'},
        {"map", required_argument, NULL, 'm'},
        {"reduce", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
};

/* What is wrong with one option, or NULL. Words that follow an -i are inputs too. */
static const char *take_option(struct request *q, int option, const char *value, bool *inputs)
{
        if (option == 1)
                return !*inputs ? "unexpected word; inputs follow -i"
                       : add_word(&q->inputs, value) ? NULL
                                                     : "no memory";
        *inputs = option == 'i';
        switch (option) {
        case 'i': return add_word(&q->inputs, value) ? NULL : "no memory";
        case 'f': return add_word(&q->files, value) ? NULL : "no memory";
        case 'o': q->output = value; return NULL;
        case 'm': q->map = value; return NULL;
        case 'r': q->reduce = value; return NULL;
        case 'n':
                q->has_reduces = true;
                return cli_number(value, 1, JOB_PARTS_MAX, false, &q->reduces)
                               ? NULL
                               : "-n wants a number from 1 to 10000";
        default: return "unknown option, or one without its value";
        }
}

static const char *check_request(const struct request *q)
{
        if (q->inputs.n == 0)
                return "-i PATH is needed";
        if (q->output == NULL)
                return "-o DIR is needed";
        if (q->map == NULL || q->map[0] == '\0')
                return "-m COMMAND is needed";
        if (q->reduce != NULL && q->reduce[0] == '\0')
                return "-r wants a command";
        if (q->has_reduces && q->reduce == NULL)
                return "-n without -r: how many parts there are is for reducers to say";
        return NULL;
}

static int parse(struct cli *cli, int argc, char **argv, struct request *ret)
{
        const char *why = NULL;
        bool inputs = false;
        int option;

        optind = 0;
        opterr = 0;
        while (why == NULL &&
               (option = getopt_long(argc, argv, "-i:o:m:r:n:f:", long_options, NULL)) != -1) {
                why = take_option(ret, option, optarg, &inputs);
                if (why != NULL && option == '?')
                        return cli_usage(cli, "%s: %s", argv[optind - 1], why);
                if (why != NULL)
                        return cli_usage(cli, "%s", why);
        }
        if (ret->reduce != NULL && !ret->has_reduces)
                ret->reduces = 1;
        why = check_request(ret);
        return why == NULL ? 0 : cli_usage(cli, "%s", why);
}

/* ---- what it works on --------------------------------------------------------------------- */

/* Shipped files must be there, and have names of their own. */
static enum bdfs_status check_files(const struct words *files, struct bdfs_err *err)
{
        for (size_t i = 0; i < files->n; i++) {
                const char *name = strrchr(files->list[i], '/');
                struct stat st;

                name = name == NULL ? files->list[i] : name + 1;
                if (stat(files->list[i], &st) != 0)
                        return bdfs_fail_errno(err, errno, "--file %s", files->list[i]);
                if (!S_ISREG(st.st_mode))
                        return bdfs_fail(err, BDFS_INVALID, "--file %s: only files can be shipped",
                                         files->list[i]);
                for (size_t k = 0; k < i; k++) {
                        const char *other = strrchr(files->list[k], '/');

                        if (strcmp(other == NULL ? files->list[k] : other + 1, name) == 0)
                                return bdfs_fail(err, BDFS_INVALID, "--file: two files are named "
                                                 "%s", name);
                }
        }
        return BDFS_OK;
}

/* Patterns become names; all that match nothing are told at once. */
static enum bdfs_status expand_inputs(struct cli *cli, const struct words *typed,
                                      struct cli_items *ret, struct bdfs_err *err)
{
        char missing[900] = "";
        size_t used = 0;

        for (size_t i = 0; i < typed->n; i++) {
                struct cli_items some = {.n = 0};
                enum bdfs_status rc = cli_expand(cli, typed->list[i], &some, err);

                if (rc == BDFS_OK && some.n == 0 && used < sizeof(missing))
                        used += (size_t)snprintf(missing + used, sizeof(missing) - used,
                                                 "%s%s matches 0 files", used == 0 ? "" : ", ",
                                                 typed->list[i]);
                for (size_t k = 0; rc == BDFS_OK && k < some.n; k++) {
                        struct cli_item it = some.list[k];

                        some.list[k] = (struct cli_item){.fs = it.fs};
                        if (it.fs == cli->fs) {
                                rc = cli_items_add(ret, &it, err);
                        } else {
                                rc = bdfs_fail(err, BDFS_USAGE, "%s is not on this cluster",
                                               it.text);
                                cli_item_fini(&it);
                        }
                }
                cli_items_fini(&some);
                if (rc != BDFS_OK)
                        return rc;
        }
        return used == 0 ? BDFS_OK : bdfs_fail(err, BDFS_NOT_FOUND, "input %s", missing);
}

static void show_progress(void *arg, const struct job_progress *p)
{
        job_print_progress(arg, p);
}

static bool cancelled(void *arg)
{
        (void)arg;
        return interrupted != 0;
}

/* ---- running ------------------------------------------------------------------------------ */

static int finish(struct request *q, struct job_report *report, enum bdfs_status rc,
                  const struct bdfs_err *err)
{
        int code = 0;

        job_print_end(&q->print);
        if (rc == BDFS_OK) {
                job_print_summary(&q->print, report, q->output);
        } else if (report->cancelled) {
                (void)fprintf(stderr, "bdfs job: %s cancelled; nothing of it is left\n",
                              report->id);
                code = EXIT_KILLED;
        } else {
                job_print_failure(report, err);
                code = report->failure.attempt[0] != '\0' ? 1 : bdfs_status_exit(err->status);
        }
        job_report_fini(report);
        return code;
}

static int run_on(struct cli *cli, struct request *q, const struct cli_items *inputs,
                  const struct cli_item *output)
{
        AUTO_FREE const char **paths = calloc(inputs->n + 1, sizeof(*paths));
        struct job_spec spec = {.inputs = paths, .inputs_n = inputs->n, .output = output->path,
                                .map = q->map, .reduce = q->reduce,
                                .reduces = (uint32_t)q->reduces, .files = q->files.list,
                                .files_n = q->files.n, .progress = show_progress,
                                .cancelled = cancelled, .arg = &q->print};
        struct job_report report;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (paths == NULL)
                return bdfs_status_exit(BDFS_NO_MEMORY);
        for (size_t i = 0; i < inputs->n; i++)
                paths[i] = inputs->list[i].path;
        job_print_begin(&q->print, cli->quiet);
        take_signals();
        rc = job_run(cli->fs, &spec, &report, &err);
        return finish(q, &report, rc, &err);
}

static int run(struct cli *cli, struct request *q)
{
        struct cli_items inputs = {.n = 0};
        struct cli_item output = {.fs = NULL};
        struct bdfs_err err;
        int code;

        if (check_files(&q->files, &err) != BDFS_OK || cli_connect(cli, &err) != BDFS_OK ||
            expand_inputs(cli, &q->inputs, &inputs, &err) != BDFS_OK ||
            cli_item_remote(cli, q->output, &output, &err) != BDFS_OK ||
            (output.fs != cli->fs &&
             bdfs_fail(&err, BDFS_USAGE, "%s is not on this cluster", output.text) != BDFS_OK)) {
                (void)fprintf(stderr, "bdfs job: %s\n", err.text);
                code = bdfs_status_exit(err.status);
        } else {
                code = run_on(cli, q, &inputs, &output);
        }
        cli_item_fini(&output);
        cli_items_fini(&inputs);
        return code;
}

static int job_run_verb(struct cli *cli, int argc, char **argv)
{
        struct request q = {.output = NULL};
        int code = parse(cli, argc, argv, &q);

        if (code == 0)
                code = run(cli, &q);
        free(q.inputs.list);
        free(q.files.list);
        return code;
}

/* ---- logs --------------------------------------------------------------------------------- */

struct show_logs {
        struct cli *cli;
        bool heading;
};

static void show_log(void *arg, const struct job_log *l)
{
        const struct show_logs *s = arg;
        json_t *row;

        if (!s->cli->json) {
                if (s->heading)
                        cli_print(s->cli, "==> %s on %s, %llu bytes%s <==\n", l->attempt, l->node,
                                  (unsigned long long)l->bytes,
                                  l->text_n < l->bytes ? ", the end of it" : "");
                cli_write(s->cli, l->text, l->text_n);
                return;
        }
        row = json_object();
        cli_json_text(row, "attempt", l->attempt);
        cli_json_text(row, "node", l->node);
        cli_json_number(row, "bytes", l->bytes);
        cli_json_text_n(row, "text", l->text_n == 0 ? "" : l->text, l->text_n);
        cli_json_add(s->cli, row);
}

static int job_logs_verb(struct cli *cli, int argc, char **argv)
{
        struct show_logs show = {.cli = cli};
        struct bdfs_err err;
        enum bdfs_status rc;

        if (argc > 1 && strcmp(argv[argc - 1], "--json") == 0) {
                cli->json = true;
                argc--;
        }
        if (argc < 2 || argc > 3)
                return cli_usage(cli, "logs JOB [ATTEMPT]");
        if (!job_id_ok(argv[1]))
                return cli_usage(cli, "logs: `%s' is no job: a job is called job_NUMBER_NUMBER",
                                 argv[1]);
        show.heading = argc == 2;
        if (cli->json)
                cli_json_begin(cli);
        rc = cli_connect(cli, &err);
        if (rc == BDFS_OK)
                rc = job_logs(cli->fs, argv[1], argc == 3 ? argv[2] : NULL, show_log, &show, &err);
        if (cli->json)
                cli_json_end(cli);
        cli_flush(cli);
        if (rc == BDFS_OK)
                return 0;
        (void)fprintf(stderr, "bdfs job: %s\n", err.text);
        return bdfs_status_exit(err.status);
}

int cmd_job(struct cli *cli, int argc, char **argv)
{
        if (argc >= 2 && strcmp(argv[1], "run") == 0)
                return job_run_verb(cli, argc - 1, argv + 1);
        if (argc >= 2 && strcmp(argv[1], "logs") == 0)
                return job_logs_verb(cli, argc - 1, argv + 1);
        return cli_usage(cli, "one of run, logs is needed");
}
