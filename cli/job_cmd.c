/* bdfs job run, bdfs job logs. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_item.h"
#include "cli/cli_json.h"
#include "cli/cmd_job.h"
#include "cli/job_logs.h"
#include "cli/job_options.h"
#include "cli/job_print.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "common/signals.h"

#define EXIT_KILLED 10

/* Set by a signal; a second one ends the program as it always would: the agents hear nothing of
 * the job any more, and end it. */
static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
        static const char text[] = "\nbdfs job: ending it, tasks first; again to leave at once "
                                   "(the agents end it then, within a minute)\n";
        ssize_t said = write(STDERR_FILENO, text, sizeof(text) - 1);

        (void)signal;
        (void)said; /* nobody may listen */
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

/* ---- what it works on --------------------------------------------------------------------- */

/* Shipped files must be there, and have names of their own. */
static enum bdfs_status check_files(const struct job_words *files, struct bdfs_err *err)
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

/* What is wrong with inputs is gathered, to be told at once. */
static enum bdfs_status add_bad(struct job_bad_inputs *bad, struct bdfs_err *err)
{
        job_bad_input(bad, err);
        return BDFS_OK;
}

/* @text without the cluster in front of it, when that is the cluster we are connected to. */
static const char *without_own_name(const struct job_own_names *own, const char *text)
{
        for (size_t i = 0; i < own->n; i++) {
                size_t n = strlen(own->list[i]);

                if (strncmp(text, own->list[i], n) == 0 && (text[n] == '/' || text[n] == '\0'))
                        return text[n] == '\0' ? "/" : text + n;
        }
        return text;
}

static enum bdfs_status expand_input(struct cli *cli, const char *typed, struct cli_items *ret,
                                     struct job_bad_inputs *bad, struct bdfs_err *err)
{
        struct cli_items some = {.n = 0};
        enum bdfs_status rc = cli_expand(cli, typed, &some, err);

        if (rc != BDFS_OK && job_input_fault(rc))
                return add_bad(bad, err);
        if (rc == BDFS_OK && some.n == 0) {
                (void)bdfs_fail(err, BDFS_NOT_FOUND, "%s matches 0 files", typed);
                rc = add_bad(bad, err);
        }
        for (size_t k = 0; rc == BDFS_OK && k < some.n; k++) {
                struct cli_item it = some.list[k];

                some.list[k] = (struct cli_item){.fs = it.fs};
                if (it.fs == cli->fs) {
                        rc = cli_items_add(ret, &it, err);
                        continue;
                }
                (void)bdfs_fail(err, BDFS_USAGE, "%s is not on this cluster", it.text);
                rc = add_bad(bad, err);
                cli_item_fini(&it);
        }
        cli_items_fini(&some);
        return rc;
}

/* Patterns become names. */
static enum bdfs_status expand_inputs(struct cli *cli, const struct job_words *typed,
                                      const struct job_own_names *own, struct cli_items *ret,
                                      struct job_bad_inputs *bad, struct bdfs_err *err)
{
        for (size_t i = 0; i < typed->n; i++) {
                const char *text = without_own_name(own, typed->list[i]);

                if (text == typed->list[i] && strncmp(text, "hdfs://", 7) == 0 && text[7] != '/') {
                        (void)bdfs_fail(err, BDFS_USAGE, "%s is not on this cluster", text);
                        (void)add_bad(bad, err);
                } else if (expand_input(cli, text, ret, bad, err) != BDFS_OK) {
                        return err->status;
                }
        }
        return BDFS_OK;
}

struct running {
        const struct job_request *request;
        const char *output;
        struct job_print print;
};

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

static int end_code(const struct job_report *report, enum bdfs_status rc,
                    const struct bdfs_err *err)
{
        if (rc == BDFS_OK)
                return 0;
        if (report->cancelled)
                return EXIT_KILLED;
        return report->failure.attempt[0] != '\0' ? 1 : bdfs_status_exit(err->status);
}

/* A word of the command that is a file of this directory and was not shipped; NULL: none. */
static const char *not_shipped(const struct job_request *q, const char *command, char room[256])
{
        while (command != NULL && *command != '\0') {
                size_t skip = strspn(command, " \t\n;|&<>()'\""), n;
                struct stat st;
                bool shipped = false;

                command += skip;
                n = strcspn(command, " \t\n;|&<>()'\"");
                (void)snprintf(room, 256, "%.*s", (int)(n < 255 ? n : 255), command);
                command += n;
                if (room[0] == '/' || room[0] == '\0' || stat(room, &st) != 0 ||
                    !S_ISREG(st.st_mode))
                        continue;
                for (size_t i = 0; i < q->files.n; i++) {
                        const char *slash = strrchr(q->files.list[i], '/');
                        const char *base = strrchr(room, '/');

                        shipped |= strcmp(slash == NULL ? q->files.list[i] : slash + 1,
                                          base == NULL ? room : base + 1) == 0;
                }
                if (!shipped)
                        return strncmp(room, "./", 2) == 0 ? room + 2 : room;
        }
        return NULL;
}

static const char *missing_file(const struct job_request *q, const struct job_report *report,
                                char room[256])
{
        return report->failure.attempt[0] == '\0'
                       ? NULL
                       : not_shipped(q, report->failure.split[0] != '\0' ? q->map : q->reduce,
                                     room);
}

static int finish(struct cli *cli, struct running *run, struct job_report *report,
                  enum bdfs_status rc, const struct bdfs_err *err)
{
        const struct job_request *q = run->request;
        int code = end_code(report, rc, err);
        const char *missing;
        char room[256];

        job_print_end(&run->print);
        if (q->json) {
                cli_json_one(cli, job_print_json(report, rc == BDFS_OK ? NULL : err, run->output));
                cli_flush(cli);
        } else if (rc == BDFS_OK) {
                job_print_summary(&run->print, report, run->output);
        } else if (report->cancelled) {
                (void)fprintf(stderr, "bdfs job: %s cancelled; nothing of it is left\n",
                              report->id);
        } else {
                job_print_failure(report, err);
                missing = missing_file(q, report, room);
                if (missing != NULL)
                        (void)fprintf(stderr, "  %s is a file here, but was not shipped: --file "
                                      "%s\n", missing, missing);
        }
        job_report_fini(report);
        return code;
}

static int run_on(struct cli *cli, struct running *run, const struct cli_items *inputs,
                  const struct cli_item *output, struct job_bad_inputs *bad)
{
        const struct job_request *q = run->request;
        AUTO_FREE const char **paths = calloc(inputs->n + 1, sizeof(*paths));
        struct job_spec spec = {.inputs = paths, .inputs_n = inputs->n, .bad_inputs = bad,
                                .output = output->path, .map = q->map, .reduce = q->reduce,
                                .reduces = (uint32_t)q->reduces, .files = q->files.list,
                                .files_n = q->files.n, .has_timeout = q->has_timeout,
                                .timeout_ms = q->timeout_s * 1000, .progress = show_progress,
                                .cancelled = cancelled, .arg = &run->print};
        struct job_report report;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (paths == NULL)
                return bdfs_status_exit(BDFS_NO_MEMORY);
        for (size_t i = 0; i < inputs->n; i++)
                paths[i] = inputs->list[i].path;
        run->output = output->path;
        job_print_begin(&run->print, cli->quiet || q->json);
        take_signals();
        rc = job_run(cli->fs, &spec, &report, &err);
        return finish(cli, run, &report, rc, &err);
}

/* An error before there is a job. */
static int refuse(struct cli *cli, const struct job_request *q, const struct bdfs_err *err)
{
        struct job_report none = {.ms = 0};

        if (q->json) {
                cli_json_one(cli, job_print_json(&none, err, NULL));
                cli_flush(cli);
        } else {
                (void)fprintf(stderr, "bdfs job: %s\n", err->text);
        }
        return bdfs_status_exit(err->status);
}

static enum bdfs_status find_output(struct cli *cli, const struct job_own_names *own,
                                    const char *typed, struct cli_item *ret, struct bdfs_err *err)
{
        const char *text = without_own_name(own, typed);

        if (text == typed && strncmp(text, "hdfs://", 7) == 0 && text[7] != '/')
                return bdfs_fail(err, BDFS_USAGE, "%s is not on this cluster", text);
        if (cli_item_remote(cli, text, ret, err) != BDFS_OK)
                return err->status;
        return ret->fs == cli->fs
                       ? BDFS_OK
                       : bdfs_fail(err, BDFS_USAGE, "%s is not on this cluster", ret->text);
}

static int run(struct cli *cli, const struct job_request *q)
{
        struct running running = {.request = q};
        struct job_bad_inputs bad = {.n = 0};
        struct cli_items inputs = {.n = 0};
        struct cli_item output = {.fs = NULL};
        struct job_own_names own;
        struct bdfs_err err;
        int code;

        if (check_files(&q->files, &err) != BDFS_OK || cli_connect(cli, &err) != BDFS_OK ||
            job_own_names(cli->fs, &own, &err) != BDFS_OK ||
            find_output(cli, &own, q->output, &output, &err) != BDFS_OK ||
            expand_inputs(cli, &q->inputs, &own, &inputs, &bad, &err) != BDFS_OK)
                code = refuse(cli, q, &err);
        else
                code = run_on(cli, &running, &inputs, &output, &bad);
        cli_item_fini(&output);
        cli_items_fini(&inputs);
        return code;
}

static int job_run_verb(struct cli *cli, int argc, char **argv)
{
        char why[JOB_WHY_BYTES];
        struct job_request q;
        int code;

        if (!job_request_parse(&q, argc, argv, why)) {
                code = cli_usage(cli, "%s", why);
        } else {
                q.json = q.json || cli->json;
                code = run(cli, &q);
        }
        job_request_fini(&q);
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

int cmd_jar(struct cli *cli, int argc, char **argv)
{
        char text[JOB_WHY_BYTES];

        /* argv[1], the jar, stands where the verb's name does */
        job_hadoop_to_native(argc - 1, argv + 1, text);
        return cli_usage(cli, argc < 2 ? "Java programs are not run here" : "%s", text);
}
