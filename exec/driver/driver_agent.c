/*
 * The agents of a running job: begun when they get their first attempt, watched by a thread each,
 * ended with the job. An agent that does not answer for LOST_MS, or was started anew, is lost for
 * this job, with everything that it had.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "exec/driver/driver_inside.h"

#define POLL_MS 1000
#define LOST_MS 5000
#define CALL_MS 10000 /* no other task is started meanwhile */
#define END_MS 60000  /* tasks may take their time to go */
#define FILE_PIECE_BYTES ((size_t)1 << 20)

static enum bdfs_status call(struct rpc_client *c, enum method_id id, const void *request,
                             int64_t ms, ProtobufCMessage **ret, struct bdfs_err *err)
{
        return rpc_client_call(c, method_of(id), request, ret, os_mono_ms() + ms, err);
}

static bool is_gone(enum bdfs_status rc)
{
        return rc == BDFS_UNAVAILABLE || rc == BDFS_CLOSED || rc == BDFS_TIMEOUT ||
               rc == BDFS_NOT_FOUND;
}

static void lose(struct job_agent *a, const struct bdfs_err *why)
{
        struct driver *d = a->driver;

        os_mutex_lock(&d->lock);
        if (!a->lost && !d->ending) {
                a->lost = true;
                a->live_bytes = 0;
                plan_node_lost(d->plan, a->number);
                if (d->why.status == BDFS_OK) /* what tasks say is more to the point */
                        (void)bdfs_fail(&d->why, BDFS_UNAVAILABLE, "the agent of %s is lost: %s",
                                        a->name, why->text);
        }
        os_cond_broadcast(&d->changed);
        os_mutex_unlock(&d->lock);
}

/* ---- what becomes of attempts ------------------------------------------------------------- */

static enum plan_failure failure_of(Bdfs__AttemptReason reason)
{
        switch (reason) {
        case BDFS__ATTEMPT_REASON__REASON_EXIT:
        case BDFS__ATTEMPT_REASON__REASON_SIGNAL:
        case BDFS__ATTEMPT_REASON__REASON_TIMEOUT:
        case BDFS__ATTEMPT_REASON__REASON_INPUT:
        case BDFS__ATTEMPT_REASON__REASON_OUTPUT:
        case BDFS__ATTEMPT_REASON__REASON_AGENT: return PLAN_FAIL_COUNTS;
        case BDFS__ATTEMPT_REASON__REASON_EXEC:
        case BDFS__ATTEMPT_REASON__REASON_CORRUPT: return PLAN_FAIL_CONFIRM;
        case BDFS__ATTEMPT_REASON__REASON_CHANGED: return PLAN_FAIL_FINAL;
        case BDFS__ATTEMPT_REASON__REASON_SCRATCH: return PLAN_FAIL_NODE;
        case BDFS__ATTEMPT_REASON__REASON_FETCH: return PLAN_FAIL_FETCH;
        case BDFS__ATTEMPT_REASON__REASON_KILLED: return PLAN_FAIL_KILLED;
        case _BDFS__ATTEMPT_REASON_IS_INT_SIZE: break;
        }
        return PLAN_FAIL_COUNTS;
}

/* Remember the failure: it may be the one that ends the job. With the lock held. */
static void note_failure(struct job_agent *a, struct plan_task t, const Bdfs__AttemptReport *r)
{
        struct driver *d = a->driver;
        struct job_failure *f = &d->failure;

        free(f->tail);
        *f = (struct job_failure){.tail = malloc(r->stderr_tail.len + 1)};
        job_attempt_name(d->report->id, t.reduce, t.number, r->attempt, f->attempt);
        (void)snprintf(f->node, sizeof(f->node), "%s", a->name);
        if (!t.reduce) {
                const struct job_map *m = &d->maps[t.number];

                (void)snprintf(f->split, sizeof(f->split), "%.1100s:%" PRIu64 "+%" PRIu64,
                               d->files[m->file].path, m->split.start, m->split.length);
        }
        if (f->tail != NULL) {
                f->tail_n = r->stderr_tail.len;
                if (f->tail_n > 0)
                        memcpy(f->tail, r->stderr_tail.data, f->tail_n);
        }
        (void)bdfs_fail(&d->why, BDFS_FAILED, "%s",
                        r->text == NULL || r->text[0] == '\0' ? "no reason was given" : r->text);
}

static void totals_of(const Bdfs__AttemptReport *r, bool map_only, struct job_totals *ret)
{
        *ret = (struct job_totals){.shuffled = r->reduce ? r->bytes_in : 0};
        if (!r->reduce) {
                ret->bytes_in = r->bytes_in;
                ret->bytes_local = r->bytes_local;
                ret->bytes_remote = r->bytes_remote;
                ret->descriptors = r->descriptors;
                ret->records_in = r->records_in;
                ret->unread = r->input_left ? 1 : 0;
        }
        if (r->reduce || map_only) {
                ret->bytes_out = r->bytes_out;
                ret->records_out = r->records_out;
        }
}

/* @less is taken away: a map that runs again, because its output was lost, counts once. */
static void add_totals(struct job_totals *t, const struct job_totals *more,
                       const struct job_totals *less)
{
        t->bytes_in += more->bytes_in - less->bytes_in;
        t->bytes_local += more->bytes_local - less->bytes_local;
        t->bytes_remote += more->bytes_remote - less->bytes_remote;
        t->descriptors += more->descriptors - less->descriptors;
        t->records_in += more->records_in - less->records_in;
        t->bytes_out += more->bytes_out - less->bytes_out;
        t->records_out += more->records_out - less->records_out;
        t->shuffled += more->shuffled - less->shuffled;
        t->unread += more->unread - less->unread;
}

static void take_success(struct job_agent *a, struct plan_task t, Bdfs__AttemptReport *r)
{
        struct driver *d = a->driver;
        bool map_only = d->spec->reduce == NULL, current;
        struct job_totals done, none = {.bytes_in = 0};
        struct bdfs_err err;

        os_mutex_lock(&d->lock);
        current = plan_is_current(d->plan, t, r->attempt);
        os_mutex_unlock(&d->lock);
        if (!current)
                return;
        if ((t.reduce || map_only) && driver_keep_part(d, t, r->attempt, &err) != BDFS_OK) {
                AUTO_LOCK(&d->lock);

                r->text = err.text;
                note_failure(a, t, r);
                (void)plan_failed(d->plan, t, r->attempt, PLAN_FAIL_COUNTS, 0, os_mono_ms());
                return;
        }
        totals_of(r, map_only, &done);
        AUTO_LOCK(&d->lock);
        if (!plan_succeeded(d->plan, t, r->attempt, r->bytes_out, os_mono_ms()))
                return;
        add_totals(&d->totals, &done, t.reduce ? &none : &d->maps[t.number].done);
        if (!t.reduce)
                d->maps[t.number].done = done;
}

static void take_report(struct job_agent *a, Bdfs__AttemptReport *r)
{
        struct driver *d = a->driver;
        struct plan_task t = {.reduce = r->reduce, .number = r->task};

        if (t.number >= (t.reduce ? d->spec->reduces : d->maps_n))
                return;
        if (r->state == BDFS__ATTEMPT_STATE__ATTEMPT_SUCCEEDED) {
                take_success(a, t, r);
        } else if (r->state == BDFS__ATTEMPT_STATE__ATTEMPT_FAILED) {
                AUTO_LOCK(&d->lock);

                if (plan_hopeless(d->plan) || !plan_is_current(d->plan, t, r->attempt))
                        return;
                note_failure(a, t, r);
                (void)plan_failed(d->plan, t, r->attempt, failure_of(r->reason), r->map,
                                  os_mono_ms());
        }
}

/* ---- watching ----------------------------------------------------------------------------- */

static void take_answer(struct job_agent *a, const Bdfs__PollResponse *r)
{
        struct driver *d = a->driver;
        uint64_t live = 0;

        for (size_t i = 0; i < r->n_reports; i++) {
                take_report(a, r->reports[i]);
                if (r->reports[i]->state == BDFS__ATTEMPT_STATE__ATTEMPT_RUNNING &&
                    !r->reports[i]->reduce)
                        live += r->reports[i]->bytes_in;
        }
        os_mutex_lock(&d->lock);
        a->live_bytes = live;
        os_cond_broadcast(&d->changed);
        os_mutex_unlock(&d->lock);
}

static bool is_over(struct job_agent *a)
{
        AUTO_LOCK(&a->driver->lock);

        return a->driver->ending || a->lost;
}

static void watch(void *arg)
{
        struct job_agent *a = arg;
        Bdfs__PollRequest q = BDFS__POLL_REQUEST__INIT;
        int64_t heard_ms = os_mono_ms();
        struct bdfs_err err;

        q.job = a->driver->report->id;
        q.run = a->run;
        q.wait_ms = POLL_MS;
        while (!is_over(a)) {
                ProtobufCMessage *m;
                enum bdfs_status rc;

                driver_touch_staging(a->driver);
                rc = call(a->watch, METHOD_BDFS_AGENT_poll, &q, LOST_MS, &m, &err);

                if (rc == BDFS_OK) {
                        heard_ms = os_mono_ms();
                        q.seen = ((Bdfs__PollResponse *)m)->next;
                        take_answer(a, (Bdfs__PollResponse *)m);
                        message_free(m);
                } else if (!is_gone(rc) || rc == BDFS_NOT_FOUND ||
                           os_mono_ms() - heard_ms >= LOST_MS) {
                        lose(a, &err);
                } else {
                        os_sleep_ms(100);
                }
        }
}

/* ---- beginning ---------------------------------------------------------------------------- */

static enum bdfs_status ship_file(struct job_agent *a, uint32_t number, const char *path,
                                  struct bdfs_err *err)
{
        Bdfs__PutFileRequest q = BDFS__PUT_FILE_REQUEST__INIT;
        AUTO_FREE uint8_t *piece = malloc(FILE_PIECE_BYTES);
        AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (piece == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (fd < 0)
                return bdfs_fail_errno(err, errno, "file to ship %s", path);
        q.job = a->driver->report->id;
        q.file = number;
        q.data.data = piece;
        do {
                ProtobufCMessage *m;

                n = read(fd, piece, FILE_PIECE_BYTES);
                if (n < 0)
                        return bdfs_fail_errno(err, errno, "file to ship %s", path);
                if (n == 0 && q.offset > 0)
                        break;
                q.data.len = (size_t)n;
                if (call(a->control, METHOD_BDFS_AGENT_putFile, &q, CALL_MS, &m, err) !=
                    BDFS_OK)
                        return err->status;
                message_free(m);
                q.offset += (uint64_t)n;
        } while (n > 0);
        return BDFS_OK;
}

static enum bdfs_status begin_job(struct job_agent *a, struct bdfs_err *err)
{
        const struct driver *d = a->driver;
        const struct job_spec *s = d->spec;
        Bdfs__BeginJobRequest q = BDFS__BEGIN_JOB_REQUEST__INIT;
        AUTO_FREE char **names = calloc(s->files_n + 1, sizeof(*names));
        ProtobufCMessage *m;

        if (names == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        for (size_t i = 0; i < s->files_n; i++) {
                const char *slash = strrchr(s->files[i], '/');

                names[i] = (char *)(uintptr_t)(slash == NULL ? s->files[i] : slash + 1);
        }
        q.job = (char *)(uintptr_t)d->report->id;
        q.map = (char *)(uintptr_t)s->map;
        q.reduce = (char *)(uintptr_t)s->reduce;
        q.reduces = s->reduces;
        q.maps = (uint32_t)d->maps_n;
        q.output = (char *)(uintptr_t)s->output;
        q.staging = d->staging;
        q.has_timeout_ms = s->has_timeout;
        q.timeout_ms = s->timeout_ms;
        q.files = names;
        q.n_files = s->files_n;
        if (call(a->control, METHOD_BDFS_AGENT_beginJob, &q, CALL_MS, &m, err) != BDFS_OK)
                return err->status;
        a->run = ((Bdfs__BeginJobResponse *)m)->run;
        a->slots = ((Bdfs__BeginJobResponse *)m)->slots;
        a->begun = true;
        message_free(m);
        for (uint32_t i = 0; i < s->files_n; i++) {
                if (ship_file(a, i, s->files[i], err) != BDFS_OK)
                        return err->status;
        }
        return BDFS_OK;
}

static enum bdfs_status begin(struct job_agent *a, struct bdfs_err *err)
{
        struct driver *d = a->driver;
        struct os_addr addr = {.port = a->port};

        (void)snprintf(addr.host, sizeof(addr.host), "%s", a->host);
        if (rpc_client_new(&a->control, &addr, bdfs_user(d->fs), err) != BDFS_OK ||
            rpc_client_new(&a->watch, &addr, bdfs_user(d->fs), err) != BDFS_OK)
                return bdfs_wrap(err, "the agent of %s", a->name);
        rpc_client_expect(a->control, d->fs->owner);
        rpc_client_expect(a->watch, d->fs->owner);
        if (begin_job(a, err) != BDFS_OK ||
            os_thread_start(&a->thread, "agent", watch, a, err) != BDFS_OK)
                return bdfs_wrap(err, "the agent of %s", a->name);
        os_mutex_lock(&d->lock);
        plan_slots(d->plan, a->number, a->slots);
        os_mutex_unlock(&d->lock);
        return BDFS_OK;
}

/* ---- starting attempts -------------------------------------------------------------------- */

struct start_request {
        Bdfs__StartAttemptRequest q;
        Bdfs__MapInput input;
        Bdfs__InputPiece *pieces, **pieces_list;
        Bdfs__AgentAddress *agents, **agents_list;
        Bdfs__MapOutput *outputs, **outputs_list;
};

static void request_fini(struct start_request *r)
{
        free(r->pieces);
        free(r->pieces_list);
        free(r->agents);
        free(r->agents_list);
        free(r->outputs);
        free(r->outputs_list);
}

static bool add_input(const struct driver *d, uint32_t map, struct start_request *r)
{
        const struct job_map *m = &d->maps[map];
        const struct job_file *f = &d->files[m->file];
        size_t n = m->split.pieces_n;

        bdfs__map_input__init(&r->input);
        r->pieces = calloc(n + 1, sizeof(*r->pieces));
        r->pieces_list = calloc(n + 1, sizeof(*r->pieces_list));
        if (r->pieces == NULL || r->pieces_list == NULL)
                return false;
        for (size_t i = 0; i < n; i++) {
                const struct split_piece *p = &f->pieces[m->split.first + i];

                bdfs__input_piece__init(&r->pieces[i]);
                r->pieces[i].offset = p->offset;
                r->pieces[i].length = p->length;
                r->pieces[i].block = p->block;
                r->pieces[i].stamp = p->stamp;
                r->pieces_list[i] = &r->pieces[i];
        }
        r->input.path = f->path;
        if (f->format != DECODE_NONE)
                r->input.codec = (char *)(uintptr_t)decode_name(f->format);
        r->input.inode = f->inode;
        r->input.file_length = f->length;
        r->input.start = m->split.start;
        r->input.length = m->split.length;
        r->input.pieces = r->pieces_list;
        r->input.n_pieces = n;
        r->q.input = &r->input;
        return true;
}

/* All maps are done: where their outputs are. With the lock held. */
static bool add_outputs(const struct driver *d, struct start_request *r)
{
        r->agents = calloc(d->agents_n + 1, sizeof(*r->agents));
        r->agents_list = calloc(d->agents_n + 1, sizeof(*r->agents_list));
        r->outputs = calloc(d->maps_n + 1, sizeof(*r->outputs));
        r->outputs_list = calloc(d->maps_n + 1, sizeof(*r->outputs_list));
        if (r->agents == NULL || r->agents_list == NULL || r->outputs == NULL ||
            r->outputs_list == NULL)
                return false;
        for (size_t i = 0; i < d->agents_n; i++) {
                bdfs__agent_address__init(&r->agents[i]);
                r->agents[i].host = d->agents[i].host;
                r->agents[i].port = d->agents[i].port;
                r->agents_list[i] = &r->agents[i];
        }
        for (uint32_t m = 0; m < d->maps_n; m++) {
                bdfs__map_output__init(&r->outputs[m]);
                r->outputs[m].map = m;
                (void)plan_map_output(d->plan, m, &r->outputs[m].agent, &r->outputs[m].attempt);
                r->outputs_list[m] = &r->outputs[m];
        }
        r->q.agents = r->agents_list;
        r->q.n_agents = d->agents_n;
        r->q.outputs = r->outputs_list;
        r->q.n_outputs = d->maps_n;
        return true;
}

static enum bdfs_status send_start(struct job_agent *a, const struct plan_start *s,
                                   struct bdfs_err *err)
{
        struct driver *d = a->driver;
        struct start_request r = {.pieces = NULL};
        ProtobufCMessage *m;
        enum bdfs_status rc;
        bool ok;

        bdfs__start_attempt_request__init(&r.q);
        r.q.job = d->report->id;
        r.q.run = a->run;
        r.q.reduce = s->task.reduce;
        r.q.task = s->task.number;
        r.q.attempt = s->attempt;
        os_mutex_lock(&d->lock);
        ok = s->task.reduce ? add_outputs(d, &r) : add_input(d, s->task.number, &r);
        os_mutex_unlock(&d->lock);
        rc = ok ? call(a->control, METHOD_BDFS_AGENT_startAttempt, &r.q, CALL_MS, &m, err)
                : bdfs_fail(err, BDFS_NO_MEMORY, "no memory to start a task");
        if (rc == BDFS_OK)
                message_free(m);
        request_fini(&r);
        return rc;
}

enum bdfs_status driver_start(struct driver *d, const struct plan_start *s, struct bdfs_err *err)
{
        struct job_agent *a = &d->agents[s->node];
        enum bdfs_status rc = a->begun ? BDFS_OK : begin(a, err);

        if (rc == BDFS_OK)
                rc = send_start(a, s, err);
        if (!is_gone(rc))
                return rc;
        lose(a, err);
        return BDFS_OK;
}

/* ---- ending ------------------------------------------------------------------------------- */

static void end_job(void *arg)
{
        struct job_agent *a = arg;
        Bdfs__EndJobRequest q = BDFS__END_JOB_REQUEST__INIT;
        ProtobufCMessage *m;
        struct bdfs_err err;

        q.job = a->driver->report->id;
        /* one that cannot be reached ends it by itself, when it hears nothing more */
        if (call(a->control, METHOD_BDFS_AGENT_endJob, &q, END_MS, &m, &err) == BDFS_OK)
                message_free(m);
}

void driver_end_agents(struct driver *d)
{
        struct bdfs_err err;

        os_mutex_lock(&d->lock);
        d->ending = true;
        os_mutex_unlock(&d->lock);
        for (size_t i = 0; i < d->agents_n; i++) { /* at once: tasks may take seconds to die */
                struct job_agent *a = &d->agents[i];
                struct os_thread *ender;
                bool lost;

                os_mutex_lock(&d->lock);
                lost = a->lost;
                os_mutex_unlock(&d->lock);
                if (!a->begun || lost)
                        continue;
                if (d->agents_n > 1 && os_thread_start(&ender, "end", end_job, a, &err) == BDFS_OK)
                        a->ender = ender;
                else
                        end_job(a);
        }
        for (size_t i = 0; i < d->agents_n; i++) {
                struct job_agent *a = &d->agents[i];

                if (a->ender != NULL)
                        os_thread_join(a->ender);
                if (a->thread != NULL)
                        os_thread_join(a->thread);
                rpc_client_free(a->control);
                rpc_client_free(a->watch);
        }
}
