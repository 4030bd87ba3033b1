#include "exec/agent/attempt.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define TAIL_LINES 20

bool run_fail(struct run *r, Bdfs__AttemptReason reason, const struct bdfs_err *err)
{
        if (r->failed)
                return false;
        r->failed = true;
        r->at->reason = reason;
        r->at->text = strdup(err->text);
        return false;
}

/* ---- the command's pipes ------------------------------------------------------------------ */

static enum bdfs_status fill(void *arg, const uint8_t **ret, size_t *ret_n, struct bdfs_err *err)
{
        struct run *r = arg;

        return r->fill(r, ret, ret_n, err); /* it says why by itself */
}

static Bdfs__AttemptReason reason_to_keep(const struct run *r, const struct bdfs_err *err)
{
        if (r->sink.collect == NULL)
                return BDFS__ATTEMPT_REASON__REASON_OUTPUT;
        return err->status == BDFS_NO_SPACE ? BDFS__ATTEMPT_REASON__REASON_SCRATCH
                                            : BDFS__ATTEMPT_REASON__REASON_AGENT;
}

static enum bdfs_status room(void *arg, uint8_t **ret, size_t *ret_n, struct bdfs_err *err)
{
        struct run *r = arg;

        if (sink_room(&r->sink, ret, ret_n, err) == BDFS_OK)
                return BDFS_OK;
        (void)run_fail(r, BDFS__ATTEMPT_REASON__REASON_AGENT, err);
        return err->status;
}

static enum bdfs_status took(void *arg, size_t n, struct bdfs_err *err)
{
        struct run *r = arg;

        if (sink_took(&r->sink, n, err) != BDFS_OK) {
                (void)run_fail(r, reason_to_keep(r, err), err);
                return err->status;
        }
        atomic_store(&r->at->counts.records_out, r->sink.count.records);
        if (r->sink.collect == NULL)
                atomic_store(&r->at->counts.bytes_out, r->sink.bytes);
        return BDFS_OK;
}

static void said(void *arg, const uint8_t *bytes, size_t n)
{
        struct run *r = arg;

        task_log_add(&r->log, bytes, n);
}

static bool cancelled(void *arg)
{
        const struct run *r = arg;

        return atomic_load(&r->job->over);
}

/* ---- the command -------------------------------------------------------------------------- */

static bool fail_signal(struct run *r, int signal)
{
        const char *name = sigabbrev_np(signal);
        struct bdfs_err err;

        (void)bdfs_fail(&err, BDFS_FAILED, "the command was killed by signal %s",
                        name == NULL ? "?" : name);
        return run_fail(r, BDFS__ATTEMPT_REASON__REASON_SIGNAL, &err);
}

/* What an exit code says beside its number; "": nothing. */
static const char *code_means(const char *command, int code)
{
        if (code == 128 + SIGPIPE)
                return ": a part of a pipe was ended by SIGPIPE, and what depended on the pipe was "
                       "not run (with && or set -e); write `{ ...; } || [ $? -eq 141 ]` where "
                       "that is meant";
        if (code == 1 && strstr(command, "grep") != NULL)
                return " (grep says 1 when no line matches; `grep ... || [ $? -eq 1 ]` takes "
                       "that as success)";
        return "";
}

static bool judge_end(struct run *r, const char *command, const struct task_end *end)
{
        struct bdfs_err err;

        if (end->signal != 0)
                return fail_signal(r, end->signal);
        if (end->code == 126 || end->code == 127) {
                attempt_explain_exec(r, command, end->code, &err);
                return run_fail(r, BDFS__ATTEMPT_REASON__REASON_EXEC, &err);
        }
        if (end->code == 0)
                return true;
        /* a shell's word for a command that a signal ended */
        if (end->code > 128 && end->code != 128 + SIGPIPE && sigabbrev_np(end->code - 128) != NULL)
                return fail_signal(r, end->code - 128);
        (void)bdfs_fail(&err, BDFS_FAILED, "the command ended with exit code %d%s", end->code,
                        code_means(command, end->code));
        return run_fail(r, BDFS__ATTEMPT_REASON__REASON_EXIT, &err);
}

static bool start(struct run *r, const char *command, struct task *t)
{
        char **env = attempt_env(r);
        struct task_spec spec = {.command = command, .dir = r->dir,
                                 .env = (const char *const *)env, .user = &r->job->runs_as};
        struct bdfs_err err;
        bool ok = true;

        if (env == NULL)
                ok = bdfs_fail(&err, BDFS_NO_MEMORY, "no memory") == BDFS_OK;
        else if (task_start(r->job->agent->launcher, &spec, t, &err) != BDFS_OK)
                ok = false;
        attempt_env_free(env);
        return ok || run_fail(r, BDFS__ATTEMPT_REASON__REASON_AGENT, &err);
}

bool run_command(struct run *r, const char *command)
{
        struct pump_io io = {.arg = r, .fill = fill, .room = room, .took = took, .said = said,
                             .cancelled = cancelled,
                             .idle_ms = r->job->request->has_timeout_ms
                                                ? (int64_t)r->job->request->timeout_ms
                                                : r->job->agent->conf->task_timeout_ms};
        struct pump_end end;
        struct task_end how;
        struct task t;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!start(r, command, &t))
                return false;
        rc = pump_run(&t, &io, &end, &err);
        how = t.end;
        task_finish(&t);
        r->at->input_left = end.input_left;
        if (rc == BDFS_OK)
                return judge_end(r, command, &how);
        return run_fail(r, end.cancelled          ? BDFS__ATTEMPT_REASON__REASON_KILLED
                           : rc == BDFS_TIMEOUT ? BDFS__ATTEMPT_REASON__REASON_TIMEOUT
                                                : BDFS__ATTEMPT_REASON__REASON_AGENT, &err);
}

void run_output_path(const struct run *r, char ret[PATH_MAX])
{
        (void)snprintf(ret, PATH_MAX, "%s/_attempts/%s", r->job->request->staging, r->at->name);
}

bool run_finish_file(struct run *r)
{
        struct bdfs_err err;

        if (sink_finish(&r->sink, &err) != BDFS_OK)
                return run_fail(r, BDFS__ATTEMPT_REASON__REASON_OUTPUT, &err);
        atomic_store(&r->at->counts.records_out, r->sink.count.records);
        atomic_store(&r->at->counts.bytes_out, r->sink.bytes);
        return true;
}

/* ---- the attempt -------------------------------------------------------------------------- */

/* May so much more be kept of the job's logs? */
static bool log_fits(struct agent_job *j, size_t n)
{
        AUTO_LOCK(&j->agent->lock);

        if (j->logs_n >= JOB_LOGS_MAX || n > JOB_LOG_BYTES_MAX - j->log_bytes)
                return false;
        j->logs_n++;
        j->log_bytes += n;
        return true;
}

static void write_log(struct run *r, const struct task_log_text *text)
{
        struct bdfs_err err;

        if (scratch_log_write(&r->job->dirs, r->job->user, r->at->name, text->head, text->head_n,
                              text->tail, text->tail_n, &err) != BDFS_OK)
                log_warn("log not kept attempt=%s error=%s", r->at->name, err.text);
}

/* All of it; the last lines, when the job's logs are large already; or nothing. */
static void keep_log(struct run *r)
{
        struct attempt *at = r->at;
        struct task_log_text text;
        uint8_t last[ATTEMPT_TAIL_BYTES];
        size_t n;

        if (!at->succeeded)
                at->tail = malloc(ATTEMPT_TAIL_BYTES);
        if (at->tail != NULL)
                at->tail_n = task_log_last(&r->log, TAIL_LINES, at->tail, ATTEMPT_TAIL_BYTES);
        if (r->log.total == 0)
                return;
        task_log_text(&r->log, &text);
        if (log_fits(r->job, text.head_n + text.tail_n)) {
                write_log(r, &text);
                return;
        }
        n = task_log_last(&r->log, TAIL_LINES, last, sizeof(last));
        text = (struct task_log_text){.head = last, .head_n = n};
        if (log_fits(r->job, n))
                write_log(r, &text);
}

void attempt_run(struct attempt *at)
{
        struct run r = {.at = at, .job = at->job};
        int64_t begun = os_mono_ms();
        struct bdfs_err err;

        if (atomic_load(&r.job->over)) {
                (void)bdfs_fail(&err, BDFS_FAILED, "the job is over");
                (void)run_fail(&r, BDFS__ATTEMPT_REASON__REASON_KILLED, &err);
        } else if (attempt_unpack(at, &err) != BDFS_OK) {
                (void)run_fail(&r, BDFS__ATTEMPT_REASON__REASON_AGENT, &err);
        } else if (scratch_attempt_make(&r.job->dirs, &r.job->runs_as, at->name,
                                        r.job->request->files, r.job->request->n_files, r.dir,
                                        &err) != BDFS_OK) {
                (void)run_fail(&r, err.status == BDFS_NO_SPACE
                                           ? BDFS__ATTEMPT_REASON__REASON_SCRATCH
                                           : BDFS__ATTEMPT_REASON__REASON_AGENT, &err);
        } else {
                r.request = at->request;
                at->succeeded = at->reduce ? attempt_reduce(&r) : attempt_map(&r);
        }
        BDFS_ASSERT(at->succeeded || r.failed);
        keep_log(&r);
        if (r.dir[0] != '\0' && !scratch_remove(r.dir))
                log_warn("directory not removed attempt=%s reason=something in it is not its own",
                         at->name);
        task_log_fini(&r.log);
        at->run_ms = os_mono_ms() - begun;
}
