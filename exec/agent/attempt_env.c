/* What a command finds around it, and what can be said when it was not found itself. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "exec/agent/attempt.h"

#define ENV_MAX 64

struct env {
        char **list;
        size_t n;
        bool bad;
};

/* @name, and @alias (or NULL) with the same value. */
__attribute__((format(printf, 4, 5)))
static void add(struct env *e, const char *name, const char *alias, const char *format, ...)
{
        const char *const names[] = {name, alias};
        AUTO_FREE char *value = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&value, format, ap) < 0)
                value = NULL;
        va_end(ap);
        for (size_t i = 0; i < 2 && names[i] != NULL; i++) {
                if (value == NULL || e->n >= ENV_MAX ||
                    asprintf(&e->list[e->n], "%s=%s", names[i], value) < 0) {
                        e->bad = true;
                        return;
                }
                e->n++;
        }
}

static void add_files(struct env *e, const struct run *r)
{
        char list[4096];
        size_t n = 0;

        list[0] = '\0';
        for (size_t i = 0; i < r->job->request->n_files && n < sizeof(list); i++)
                n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s/%s", i == 0 ? "" : ",",
                                      r->dir, r->job->request->files[i]);
        add(e, "mapreduce_job_cache_local_files", NULL, "%s", list);
}

static void add_task(struct env *e, const struct run *r)
{
        const struct agent_job *j = r->job;
        const char *numbers = j->id + 4;
        bool reduce = r->request->reduce;

        add(e, "mapreduce_job_id", "mapred_job_id", "%s", j->id);
        add(e, "mapreduce_task_id", "mapred_tip_id", "task_%s_%c_%06u", numbers,
            reduce ? 'r' : 'm', r->request->task);
        add(e, "mapreduce_task_attempt_id", "mapred_task_id", "%s", r->at->name);
        add(e, "mapreduce_task_ismap", "mapred_task_is_map", "%s", reduce ? "false" : "true");
        add(e, "mapreduce_task_partition", "mapred_task_partition", "%u", r->request->task);
        add(e, "mapreduce_output_fileoutputformat_outputdir", "mapred_output_dir", "%s%s",
            bdfs_uri(j->fs), j->request->output);
        add(e, "mapreduce_job_local_dir", "job_local_dir", "%s", r->dir);
        add(e, "mapreduce_job_user_name", "user_name", "%s", j->user);
        add(e, "mapreduce_job_reduces", "mapred_reduce_tasks", "%u", j->request->reduces);
        add(e, "mapreduce_job_maps", NULL, "%u", j->request->maps);
        add_files(e, r);
        if (reduce)
                return;
        add(e, "mapreduce_map_input_file", "map_input_file", "%s%s", bdfs_uri(j->fs),
            r->request->input->path);
        add(e, "mapreduce_map_input_start", "map_input_start", "%" PRIu64,
            r->request->input->start);
        add(e, "mapreduce_map_input_length", "map_input_length", "%" PRIu64,
            r->request->input->length);
}

char **attempt_env(const struct run *r)
{
        struct env e = {.list = calloc(ENV_MAX + 1, sizeof(*e.list))};
        const struct task_user *u = &r->job->runs_as;

        if (e.list == NULL)
                return NULL;
        add(&e, "PATH", NULL, "%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            r->dir); /* what is shipped is found by its name */
        add(&e, "HOME", NULL, "%s", u->home);
        add(&e, "USER", "LOGNAME", "%s", u->name);
        add(&e, "SHELL", NULL, TASK_BASH);
        add(&e, "TMPDIR", NULL, "%s/tmp", r->dir);
        add_task(&e, r);
        if (!e.bad)
                return e.list;
        attempt_env_free(e.list);
        return NULL;
}

void attempt_env_free(char **env)
{
        for (size_t i = 0; env != NULL && env[i] != NULL; i++)
                free(env[i]);
        free(env);
}

/* ---- commands that do not run ------------------------------------------------------------- */

/* A script whose first line ends in CR: the interpreter's name has it too. */
static bool crlf_script(const struct run *r, const char *name)
{
        char path[2 * PATH_MAX], line[256];
        AUTO_CLOSE int fd = -1;
        const char *lf;
        ssize_t n;

        (void)snprintf(path, sizeof(path), "%s/files/%s", r->job->dirs.work, name);
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, line, sizeof(line));
        if (n < 4 || line[0] != '#' || line[1] != '!')
                return false;
        lf = memchr(line, '\n', (size_t)n);
        return lf != NULL && lf[-1] == '\r';
}

void attempt_explain_exec(const struct run *r, const char *command, int code, struct bdfs_err *ret)
{
        const Bdfs__BeginJobRequest *q = r->job->request;
        size_t skip = strspn(command, " \t\n"), n = strcspn(command + skip, " \t\n;|&<>()");
        char word[200], shipped[300] = "";
        const char *base = word;
        size_t used = 0;

        (void)snprintf(word, sizeof(word), "%.*s", (int)(n < 199 ? n : 199), command + skip);
        if (strncmp(base, "./", 2) == 0)
                base += 2;
        for (size_t i = 0; i < q->n_files; i++) {
                if (strcmp(q->files[i], base) == 0 && crlf_script(r, base)) {
                        (void)bdfs_fail(ret, BDFS_FAILED, "cannot run `%s`: its first line ends in "
                                        "CR LF, so the interpreter is not found; save it with LF "
                                        "line ends", word);
                        return;
                }
                if (used < sizeof(shipped))
                        used += (size_t)snprintf(shipped + used, sizeof(shipped) - used, "%s%s",
                                                 i == 0 ? "" : ", ", q->files[i]);
        }
        (void)bdfs_fail(ret, BDFS_FAILED, "cannot run `%s`: %s (shipped: %s)%s", word,
                        code == 126 ? "it may not be executed" : "no such command",
                        q->n_files == 0 ? "nothing" : shipped,
                        code == 127 ? "; did you forget --file?" : "");
}
