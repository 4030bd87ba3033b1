/* bdfs.AgentService: each call finds the caller's job and does one thing. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "exec/agent/agent_inside.h"
#include "exec/agent/shuffle.h"

#define POLL_MS_MAX 20000
#define LOG_BYTES_MAX ((size_t)10 << 20) /* of one log in an answer */
#define LOGS_BYTES_MAX ((size_t)32 << 20) /* of all logs in an answer */
#define LOGS_MAX 10000

/* ---- jobs --------------------------------------------------------------------------------- */

static void begin_job(void *context, struct rpc_call *call)
{
        struct agent *a = context;
        Bdfs__BeginJobResponse r = BDFS__BEGIN_JOB_RESPONSE__INIT;
        struct bdfs_err err;

        if (agent_job_begin(a, call->caller, (const void *)call->request, call->retry_count > 0,
                            &err) != BDFS_OK) {
                rpc_call_fail(call, &err);
                return;
        }
        r.slots = a->slots;
        r.run = a->run;
        rpc_call_reply(call, &r.base);
}

static void end_job(void *context, struct rpc_call *call)
{
        const Bdfs__EndJobRequest *q = (const void *)call->request;
        Bdfs__EndJobResponse r = BDFS__END_JOB_RESPONSE__INIT;
        struct bdfs_err err;
        enum bdfs_status rc = agent_job_end_wait(context, call->caller, q->job, &err);

        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                rpc_call_reply(call, &r.base);
        else
                rpc_call_fail(call, &err);
}

static void put_file(void *context, struct rpc_call *call)
{
        const Bdfs__PutFileRequest *q = (const void *)call->request;
        Bdfs__PutFileResponse r = BDFS__PUT_FILE_RESPONSE__INIT;
        struct agent_job *j;
        struct bdfs_err err;
        enum bdfs_status rc = agent_job_get(context, call->caller, q->job, &j, &err);

        if (rc == BDFS_OK) {
                if (q->file >= j->request->n_files)
                        rc = bdfs_fail(&err, BDFS_INVALID, "no such shipped file");
                else if (q->offset > JOB_SHIPPED_BYTES_MAX)
                        rc = agent_ship(j, q->offset, 0, &err);
                else
                        rc = agent_ship(j, q->offset + q->data.len, q->data.len, &err);
                if (rc == BDFS_OK)
                        rc = scratch_put_file(&j->dirs, &j->runs_as, j->request->files[q->file],
                                              q->offset, q->data.data, q->data.len, &err);
                agent_job_seen(j);
                agent_job_put(j);
        }
        if (rc == BDFS_OK)
                rpc_call_reply(call, &r.base);
        else
                rpc_call_fail(call, &err);
}

/* ---- attempts ----------------------------------------------------------------------------- */

static enum bdfs_status same_run(const struct agent *a, uint64_t run, struct bdfs_err *err)
{
        return run == a->run ? BDFS_OK
                             : bdfs_fail(err, BDFS_NOT_FOUND, "this agent was started anew");
}

static void start_attempt(void *context, struct rpc_call *call)
{
        struct agent *a = context;
        const Bdfs__StartAttemptRequest *q = (const void *)call->request;
        Bdfs__StartAttemptResponse r = BDFS__START_ATTEMPT_RESPONSE__INIT;
        struct agent_job *j;
        struct bdfs_err err;
        enum bdfs_status rc = same_run(a, q->run, &err);

        if (rc == BDFS_OK)
                rc = agent_job_get(a, call->caller, q->job, &j, &err);
        if (rc == BDFS_OK) {
                rc = agent_job_add(j, q, call->retry_count > 0, &err);
                agent_job_put(j);
        }
        if (rc == BDFS_OK)
                rpc_call_reply(call, &r.base);
        else
                rpc_call_fail(call, &err);
}

static void report_counts(struct attempt *at, Bdfs__AttemptReport *r)
{
#define SET(field) (r->has_##field = 1, r->field = atomic_load(&at->counts.field))
        SET(bytes_in);
        SET(bytes_local);
        SET(bytes_remote);
        SET(descriptors);
        SET(records_in);
        SET(bytes_out);
        SET(records_out);
#undef SET
}

static void report_attempt(struct attempt *at, bool over, Bdfs__AttemptReport *r)
{
        bdfs__attempt_report__init(r);
        r->reduce = at->reduce;
        r->task = at->task;
        r->attempt = at->number;
        r->state = over            ? at->succeeded ? BDFS__ATTEMPT_STATE__ATTEMPT_SUCCEEDED
                                                   : BDFS__ATTEMPT_STATE__ATTEMPT_FAILED
                   : at->started_ms != 0 ? BDFS__ATTEMPT_STATE__ATTEMPT_RUNNING
                                         : BDFS__ATTEMPT_STATE__ATTEMPT_WAITING;
        report_counts(at, r);
        if (!over)
                return;
        r->has_run_ms = r->has_input_left = 1;
        r->run_ms = (uint64_t)at->run_ms;
        r->input_left = at->input_left;
        if (at->succeeded)
                return;
        r->has_reason = r->has_stderr_tail = 1;
        r->reason = at->reason;
        r->text = at->text; /* NULL: none */
        r->stderr_tail.data = at->tail;
        r->stderr_tail.len = at->tail_n;
        r->has_map = at->reason == BDFS__ATTEMPT_REASON__REASON_FETCH;
        r->map = at->fetch_map;
}

/* What ended after the first @seen, and what runs. */
static void answer_poll(struct agent_job *j, size_t seen, struct rpc_call *call)
{
        struct agent *a = j->agent;
        Bdfs__PollResponse r = BDFS__POLL_RESPONSE__INIT;
        Bdfs__AttemptReport *reports;
        struct bdfs_err err;
        size_t n;

        os_mutex_lock(&a->lock);
        if (seen > j->ended_n)
                seen = j->ended_n;
        n = j->live_n + j->ended_n - seen;
        reports = calloc(n + 1, sizeof(*reports));
        r.reports = calloc(n + 1, sizeof(*r.reports));
        for (size_t i = seen; reports != NULL && i < j->ended_n; i++)
                report_attempt(j->ended[i], true, &reports[r.n_reports++]);
        for (struct attempt *at = j->live; reports != NULL && at != NULL; at = at->live_next)
                report_attempt(at, false, &reports[r.n_reports++]);
        r.next = j->ended_n;
        os_mutex_unlock(&a->lock);
        for (size_t i = 0; r.reports != NULL && i < r.n_reports; i++)
                r.reports[i] = &reports[i];
        if (reports != NULL && r.reports != NULL) {
                rpc_call_reply(call, &r.base); /* the job is held, and its attempts with it */
        } else {
                (void)bdfs_fail(&err, BDFS_NO_MEMORY, "no memory");
                rpc_call_fail(call, &err);
        }
        free(reports);
        free(r.reports);
}

static void poll_job(void *context, struct rpc_call *call)
{
        struct agent *a = context;
        const Bdfs__PollRequest *q = (const void *)call->request;
        struct agent_job *j;
        struct bdfs_err err;
        int64_t wait_ms = q->wait_ms < POLL_MS_MAX ? q->wait_ms : POLL_MS_MAX;

        if (same_run(a, q->run, &err) != BDFS_OK ||
            agent_job_get(a, call->caller, q->job, &j, &err) != BDFS_OK) {
                rpc_call_fail(call, &err);
                return;
        }
        agent_job_wait(j, (size_t)q->seen, os_mono_ms() + wait_ms);
        answer_poll(j, (size_t)q->seen, call);
        agent_job_put(j);
}

/* ---- shuffle ------------------------------------------------------------------------------ */

static void fetch(void *context, struct rpc_call *call)
{
        const Bdfs__FetchRequest *q = (const void *)call->request;
        struct shuffle_answer answer;
        struct agent_job *j;
        struct bdfs_err err;
        enum bdfs_status rc = agent_job_get(context, call->caller, q->job, &j, &err);

        if (rc == BDFS_OK) {
                rc = shuffle_serve(j, q, &answer, &err);
                agent_job_put(j);
        }
        if (rc != BDFS_OK) {
                rpc_call_fail(call, &err);
                return;
        }
        rpc_call_reply(call, &answer.response.base);
        shuffle_answer_fini(&answer);
}

/* ---- logs --------------------------------------------------------------------------------- */

struct logs {
        Bdfs__LogsResponse r;
        size_t room, bytes;
};

/* The end of a log, when it is long. */
static enum bdfs_status add_log(void *arg, const char *attempt, const char *path,
                                struct bdfs_err *err)
{
        struct logs *l = arg;
        Bdfs__AttemptLog *log = calloc(1, sizeof(*log));
        AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;
        size_t n;
        ssize_t got;

        if (log == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        bdfs__attempt_log__init(log);
        l->r.logs[l->r.n_logs++] = log; /* freed with the others, whatever it has */
        log->attempt = strdup(attempt);
        if (log->attempt == NULL || fd < 0 || fstat(fd, &st) != 0)
                return bdfs_fail(err, BDFS_IO, "the log of %s cannot be read", attempt);
        log->bytes = (uint64_t)st.st_size;
        n = log->bytes < LOG_BYTES_MAX ? (size_t)log->bytes : LOG_BYTES_MAX;
        if (n > l->room)
                n = l->room;
        log->text.data = malloc(n + 1);
        got = log->text.data == NULL ? -1 : pread(fd, log->text.data, n, st.st_size - (off_t)n);
        if (got < 0)
                return bdfs_fail(err, BDFS_IO, "the log of %s cannot be read", attempt);
        log->text.len = (size_t)got;
        l->room -= n;
        return l->r.n_logs < LOGS_MAX ? BDFS_OK
                                      : bdfs_fail(err, BDFS_LIMIT, "more than %d logs", LOGS_MAX);
}

static void send_logs(void *context, struct rpc_call *call)
{
        struct agent *a = context;
        const Bdfs__LogsRequest *q = (const void *)call->request;
        struct logs l = {.r = BDFS__LOGS_RESPONSE__INIT, .room = LOGS_BYTES_MAX};
        struct bdfs_err err;
        enum bdfs_status rc = BDFS_OK;

        l.r.logs = calloc(LOGS_MAX, sizeof(*l.r.logs));
        if (l.r.logs == NULL)
                rc = bdfs_fail(&err, BDFS_NO_MEMORY, "no memory");
        else if (!job_id_ok(q->job))
                rc = bdfs_fail(&err, BDFS_INVALID, "%s is no id of a job", q->job);
        else
                rc = scratch_logs(a->scratch, q->job, q->attempt,
                                  call->caller->is_owner ? NULL : call->caller->user, add_log, &l,
                                  &err);
        if (rc == BDFS_OK || rc == BDFS_LIMIT || rc == BDFS_NOT_FOUND)
                rpc_call_reply(call, &l.r.base);
        else
                rpc_call_fail(call, &err);
        for (size_t i = 0; l.r.logs != NULL && i < l.r.n_logs; i++) {
                free(l.r.logs[i]->attempt);
                free(l.r.logs[i]->text.data);
                free(l.r.logs[i]);
        }
        free(l.r.logs);
}

rpc_handler *agent_handler(const struct method *m)
{
        switch ((int)m->id) {
        case METHOD_BDFS_AGENT_beginJob: return begin_job;
        case METHOD_BDFS_AGENT_endJob: return end_job;
        case METHOD_BDFS_AGENT_fetch: return fetch;
        case METHOD_BDFS_AGENT_logs: return send_logs;
        case METHOD_BDFS_AGENT_poll: return poll_job;
        case METHOD_BDFS_AGENT_putFile: return put_file;
        case METHOD_BDFS_AGENT_startAttempt: return start_attempt;
        default: return NULL;
        }
}
