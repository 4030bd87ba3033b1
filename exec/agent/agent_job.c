/* Jobs of an agent: who may begin one, what belongs to it, how it ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "exec/agent/agent_inside.h"
#include "proto/message.h"

#define DOUBT_MS 10000 /* of a driver's silence */
#define READY_MS 10000 /* for the directories of a job that begins */

/* ---- memory ------------------------------------------------------------------------------- */

void attempt_shrink(struct attempt *at)
{
        message_free(at->request);
        at->request = NULL;
        free(at->pieces);
        at->pieces = NULL;
        free(at->packed);
        at->packed = NULL;
}

static void attempt_free(struct attempt *at)
{
        attempt_shrink(at);
        free(at->tail);
        free(at->text);
        free(at);
}

static void job_free(struct agent_job *j)
{
        for (size_t i = 0; i < j->ended_n; i++)
                attempt_free(j->ended[i]);
        free(j->ended);
        message_free(j->request);
        free(j);
}

/* ---- begin -------------------------------------------------------------------------------- */

/* A message of our own: the call's goes with the call. */
static void *copy_message(const ProtobufCMessage *from, struct bdfs_err *err)
{
        struct buf b;
        void *m = NULL;

        buf_init(&b, 0);
        message_pack(&b, from);
        if (b.bad)
                (void)bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        else
                m = message_unpack(from->descriptor, b.data, b.n, err);
        buf_fini(&b);
        return m;
}

/* Strings that we keep: what a command, a path, a name can be. */
static enum bdfs_status check_strings(const Bdfs__BeginJobRequest *q, struct bdfs_err *err)
{
        const char *commands[] = {q->map, q->reduce == NULL ? "" : q->reduce};
        const char *paths[] = {q->output, q->staging};

        for (size_t i = 0; i < 2; i++) {
                if (strlen(commands[i]) > JOB_COMMAND_BYTES_MAX)
                        return bdfs_fail(err, BDFS_LIMIT, "a command of %zu bytes, at most %llu: "
                                         "put it into a script and ship that",
                                         strlen(commands[i]), JOB_COMMAND_BYTES_MAX);
                if (strlen(paths[i]) > PATH_BYTES_MAX)
                        return bdfs_fail(err, BDFS_LIMIT, "a path of %zu bytes, at most %d",
                                         strlen(paths[i]), PATH_BYTES_MAX);
        }
        for (size_t i = 0; i < q->n_files; i++) {
                if (strlen(q->files[i]) > NAME_BYTES_MAX)
                        return bdfs_fail(err, BDFS_LIMIT, "a shipped file's name of %zu bytes, at "
                                         "most %d", strlen(q->files[i]), NAME_BYTES_MAX);
        }
        return BDFS_OK;
}

static enum bdfs_status check_begin(const Bdfs__BeginJobRequest *q, struct bdfs_err *err)
{
        if (!job_id_ok(q->job))
                return bdfs_fail(err, BDFS_INVALID, "%s is no id of a job", q->job);
        if (q->n_files > JOB_FILES_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "%zu shipped files, at most %d", q->n_files,
                                 JOB_FILES_MAX);
        if (q->reduces > JOB_PARTS_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "%u parts, at most %d", q->reduces,
                                 JOB_PARTS_MAX);
        if ((q->reduce == NULL) != (q->reduces == 0))
                return bdfs_fail(err, BDFS_INVALID, "reducers without a command, or the reverse");
        return check_strings(q, err);
}

/* Enter it in the table, unless there is or was one of that name, or there are enough. */
static enum bdfs_status enter(struct agent *a, struct agent_job *j, struct bdfs_err *err)
{
        unsigned n = 0, of_user = 0;
        AUTO_LOCK(&a->lock);

        for (const struct agent_job *i = a->jobs; i != NULL; i = i->next) {
                if (strcmp(i->id, j->id) == 0)
                        return bdfs_fail(err, BDFS_EXISTS, "there is a job %s", j->id);
                n++;
                of_user += strcmp(i->user, j->user) == 0;
        }
        if (agent_id_used(a, j->id))
                return bdfs_fail(err, BDFS_EXISTS, "there was a job %s", j->id);
        if (a->stop)
                return bdfs_fail(err, BDFS_UNAVAILABLE, "the agent stops");
        /* as with memory: nobody has the last of it */
        if (n >= AGENT_JOBS_MAX || of_user >= AGENT_USER_JOBS_MAX || of_user >= AGENT_JOBS_MAX - n)
                return bdfs_fail(err, BDFS_LIMIT, "%u jobs run here, %u of them %s's", n, of_user,
                                 j->user);
        if (agent_charge(j, sizeof(*j) + 4 * protobuf_c_message_get_packed_size(&j->request->base),
                         err) != BDFS_OK)
                return err->status;
        j->next = a->jobs;
        a->jobs = j;
        return BDFS_OK;
}

/* Out of the table; nothing of it is here any more. */
static void leave(struct agent_job *j)
{
        struct agent *a = j->agent;
        struct agent_job **p = &a->jobs;

        os_mutex_lock(&a->lock);
        while (*p != j)
                p = &(*p)->next;
        *p = j->next;
        agent_user_used(j->owner, j->id);
        agent_refund(j, j->charged);
        j->owner->shipped -= j->shipped;
        os_cond_broadcast(&a->changed);
        os_mutex_unlock(&a->lock);
        agent_job_put(j); /* the table's */
}

enum bdfs_status agent_job_begin(struct agent *a, const struct caller *caller,
                                 const Bdfs__BeginJobRequest *request, bool again,
                                 struct bdfs_err *err)
{
        struct agent_job *j;

        if (again && agent_job_get(a, caller, request->job, &j, err) == BDFS_OK) {
                agent_job_put(j);
                return BDFS_OK;
        }
        if (check_begin(request, err) != BDFS_OK)
                return err->status;
        j = calloc(1, sizeof(*j));
        if (j == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        j->agent = a;
        j->refs = 1; /* the table's */
        j->seen_ms = os_mono_ms();
        (void)snprintf(j->id, sizeof(j->id), "%s", request->job);
        (void)snprintf(j->user, sizeof(j->user), "%s", caller->user);
        j->request = copy_message(&request->base, err);
        if (j->request == NULL || agent_user_of(a, caller, &j->runs_as, err) != BDFS_OK ||
            agent_user_get(a, j->user, &j->owner, err) != BDFS_OK) {
                job_free(j);
                return err->status;
        }
        j->fs = j->owner->fs;
        if (enter(a, j, err) != BDFS_OK) {
                job_free(j);
                return err->status;
        }
        if (scratch_job_make(a->scratch, j->id, j->user, &j->runs_as, &j->dirs, err) != BDFS_OK) {
                leave(j);
                return err->status;
        }
        os_mutex_lock(&a->lock);
        j->ready = true;
        os_cond_broadcast(&a->changed);
        os_mutex_unlock(&a->lock);
        return BDFS_OK;
}

/* ---- use ---------------------------------------------------------------------------------- */

/* The caller's job of that id; over ones too. With the lock held. */
static enum bdfs_status find(struct agent *a, const struct caller *caller, const char *id,
                             struct agent_job **ret, struct bdfs_err *err)
{
        for (struct agent_job *j = a->jobs; j != NULL; j = j->next) {
                if (strcmp(j->id, id) != 0)
                        continue;
                if (strcmp(j->user, caller->user) != 0)
                        return bdfs_fail(err, BDFS_PERMISSION, "job %s is %s's, not %s's", id,
                                         j->user, caller->user);
                *ret = j;
                return BDFS_OK;
        }
        return bdfs_fail(err, BDFS_NOT_FOUND, "no job %s here", id);
}

enum bdfs_status agent_job_get(struct agent *a, const struct caller *caller, const char *id,
                               struct agent_job **ret, struct bdfs_err *err)
{
        int64_t deadline = os_mono_ms() + READY_MS;
        struct agent_job *j = NULL;
        bool in_time = true;
        AUTO_LOCK(&a->lock);

        for (;;) {
                if (find(a, caller, id, &j, err) != BDFS_OK)
                        return err->status;
                if (j->ready || atomic_load(&j->over) || !in_time)
                        break;
                in_time = os_cond_wait(&a->changed, &a->lock, deadline);
        }
        if (atomic_load(&j->over) || !j->ready)
                return bdfs_fail(err, BDFS_NOT_FOUND, "no job %s here", id);
        j->refs++;
        *ret = j;
        return BDFS_OK;
}

void agent_job_put(struct agent_job *j)
{
        struct agent *a = j->agent;
        bool last;

        os_mutex_lock(&a->lock);
        last = --j->refs == 0;
        os_mutex_unlock(&a->lock);
        if (last)
                job_free(j);
}

/* With the lock held. */
static void seen(struct agent_job *j)
{
        j->seen_ms = os_mono_ms();
        j->doubted_ms = 0;
}

void agent_job_seen(struct agent_job *j)
{
        AUTO_LOCK(&j->agent->lock);

        seen(j);
}

static enum bdfs_status attempt_new(struct agent_job *j, const Bdfs__StartAttemptRequest *request,
                                    struct attempt **ret, struct bdfs_err *err)
{
        struct attempt *at = calloc(1, sizeof(*at));

        if (at != NULL) {
                at->packed_n = protobuf_c_message_get_packed_size(&request->base);
                at->packed = malloc(at->packed_n + 1);
        }
        if (at == NULL || at->packed == NULL) {
                free(at);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        }
        (void)protobuf_c_message_pack(&request->base, at->packed);
        at->job = j;
        at->charged = sizeof(*at) + at->packed_n + ATTEMPT_TAIL_BYTES + BDFS_ERR_TEXT_BYTES;
        at->reduce = request->reduce;
        at->task = request->task;
        at->number = request->attempt;
        job_attempt_name(j->id, at->reduce, at->task, at->number, at->name);
        *ret = at;
        return BDFS_OK;
}

enum bdfs_status attempt_unpack(struct attempt *at, struct bdfs_err *err)
{
        const Bdfs__MapInput *input;

        at->request = message_unpack(&bdfs__start_attempt_request__descriptor, at->packed,
                                     at->packed_n, err);
        if (at->request == NULL)
                return err->status;
        input = at->request->input;
        at->pieces = calloc(input == NULL ? 1 : input->n_pieces + 1, sizeof(*at->pieces));
        if (at->pieces == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        for (size_t i = 0; input != NULL && i < input->n_pieces; i++) {
                const Bdfs__InputPiece *p = input->pieces[i];

                at->pieces[i] = (struct input_piece){p->offset, p->length, p->block, p->stamp};
        }
        return BDFS_OK;
}

/* Room for one more that ends, so that ending cannot fail. With the lock held. */
static enum bdfs_status room_to_end(struct agent_job *j, struct bdfs_err *err)
{
        size_t room = 2 * j->ended_room + j->live_n + 16;
        struct attempt **more;

        if (j->live_n >= AGENT_LIVE_MAX || j->ended_n >= AGENT_ENDED_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "%s has %zu attempts here, and had %zu", j->id,
                                 j->live_n, j->ended_n);
        if (j->ended_n + j->live_n + 1 <= j->ended_room)
                return BDFS_OK;
        more = realloc(j->ended, room * sizeof(struct attempt *));
        if (more == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for an attempt");
        j->ended = more;
        j->ended_room = room;
        return BDFS_OK;
}

static bool makes_sense(const struct agent_job *j, const Bdfs__StartAttemptRequest *q)
{
        const Bdfs__MapInput *in = q->input;

        if (!q->reduce)
                return in != NULL && in->n_pieces <= ATTEMPT_PIECES_MAX &&
                       q->task < j->request->maps && in->file_length <= INT64_MAX &&
                       in->start <= in->file_length && in->length <= in->file_length - in->start;
        for (size_t i = 0; i < q->n_outputs; i++) {
                if (q->outputs[i]->agent >= q->n_agents)
                        return false;
        }
        return q->task < j->request->reduces;
}

static bool is_it(const struct attempt *at, const Bdfs__StartAttemptRequest *q)
{
        return at->reduce == q->reduce && at->task == q->task && at->number == q->attempt;
}

/* With the lock held. */
static bool has_attempt(const struct agent_job *j, const Bdfs__StartAttemptRequest *q)
{
        for (const struct attempt *at = j->live; at != NULL; at = at->live_next) {
                if (is_it(at, q))
                        return true;
        }
        for (size_t i = 0; i < j->ended_n; i++) {
                if (is_it(j->ended[i], q))
                        return true;
        }
        return false;
}

enum bdfs_status agent_job_add(struct agent_job *j, const Bdfs__StartAttemptRequest *request,
                               bool again, struct bdfs_err *err)
{
        struct agent *a = j->agent;
        struct attempt *at = NULL;

        if (!makes_sense(j, request))
                return bdfs_fail(err, BDFS_INVALID, "%s has no such task", j->id);
        if (attempt_new(j, request, &at, err) != BDFS_OK)
                return err->status;
        AUTO_LOCK(&a->lock);

        if (has_attempt(j, request)) { /* a call that was sent before has done its work */
                if (!again)
                        (void)bdfs_fail(err, BDFS_EXISTS, "there was an attempt %s", at->name);
                attempt_free(at);
                return again ? BDFS_OK : err->status;
        }
        if (a->stop || atomic_load(&j->over)) {
                attempt_free(at);
                return bdfs_fail(err, BDFS_NOT_FOUND, "job %s is over", j->id);
        }
        if (room_to_end(j, err) != BDFS_OK || agent_charge(j, at->charged, err) != BDFS_OK) {
                attempt_free(at);
                return err->status;
        }
        j->refs++;
        j->live_n++;
        at->live_next = j->live;
        j->live = at;
        *j->owner->queue_end = at;
        j->owner->queue_end = &at->next;
        os_cond_broadcast(&a->changed);
        return BDFS_OK;
}

void agent_job_wait(struct agent_job *j, size_t after, int64_t deadline_ms)
{
        struct agent *a = j->agent;
        AUTO_LOCK(&a->lock);

        seen(j);
        while (j->ended_n <= after && !a->stop && !atomic_load(&j->over) &&
               os_cond_wait(&a->changed, &a->lock, deadline_ms))
                ;
        seen(j);
}

/* ---- end ---------------------------------------------------------------------------------- */

/* With the lock held. */
static bool in_table(const struct agent_job *j)
{
        const struct agent_job *i = j->agent->jobs;

        while (i != NULL && i != j)
                i = i->next;
        return i != NULL;
}

/* Attempts that wait will never run. With the lock held. */
static void drop_waiting(struct agent_job *j, struct attempt **ret_dropped)
{
        struct attempt **p = &j->owner->queue;

        while (*p != NULL) {
                struct attempt *at = *p, **l = &j->live;

                if (at->job != j) {
                        p = &at->next;
                        continue;
                }
                *p = at->next;
                while (*l != at)
                        l = &(*l)->live_next;
                *l = at->live_next;
                j->live_n--;
                agent_refund(j, at->charged);
                at->next = *ret_dropped;
                *ret_dropped = at;
                j->refs--;
        }
        j->owner->queue_end = p;
}

void agent_job_end(struct agent_job *j)
{
        struct agent *a = j->agent;
        struct attempt *dropped = NULL;
        int64_t deadline = os_mono_ms() + AGENT_END_MS;
        bool idle;

        os_mutex_lock(&a->lock);
        while (in_table(j) && !j->ready && os_cond_wait(&a->changed, &a->lock, deadline))
                ;
        if (j->ending || !in_table(j) || !j->ready) { /* somebody else ends it, or it never was */
                os_mutex_unlock(&a->lock);
                return;
        }
        j->ending = true;
        atomic_store(&j->over, true);
        drop_waiting(j, &dropped);
        os_cond_broadcast(&a->changed);
        while (j->live != NULL && os_cond_wait(&a->changed, &a->lock, deadline))
                ;
        idle = j->live == NULL;
        j->ending = idle; /* else the reaper tries again: what runs may still use its files */
        os_mutex_unlock(&a->lock);
        while (dropped != NULL) {
                struct attempt *at = dropped;

                dropped = at->next;
                attempt_free(at);
        }
        if (!idle) {
                log_warn("job not ended job=%s reason=tasks do not go", j->id);
                return;
        }
        if (!scratch_job_remove(&j->dirs))
                log_warn("directory not removed job=%s reason=something in it is not its own",
                         j->id);
        leave(j);
}

enum bdfs_status agent_job_end_wait(struct agent *a, const struct caller *caller, const char *id,
                                    struct bdfs_err *err)
{
        int64_t deadline = os_mono_ms() + AGENT_END_MS;
        struct agent_job *j = NULL;
        bool in_time = true, there;

        os_mutex_lock(&a->lock);
        if (find(a, caller, id, &j, err) == BDFS_OK)
                j->refs++;
        os_mutex_unlock(&a->lock);
        if (j == NULL)
                return err->status;
        agent_job_end(j);
        os_mutex_lock(&a->lock);
        while ((there = in_table(j)) && in_time)
                in_time = os_cond_wait(&a->changed, &a->lock, deadline);
        os_mutex_unlock(&a->lock);
        agent_job_put(j);
        return there ? bdfs_fail(err, BDFS_TIMEOUT, "tasks of %s do not go", id) : BDFS_OK;
}

/* ---- drivers that are silent -------------------------------------------------------------- */

/* When the staging directory was touched last; -1: that is not known. */
static int64_t staging_time(struct agent_job *j)
{
        struct bdfs_stat st;
        struct bdfs_err err;
        int64_t ms;

        if (bdfs_lstat(j->fs, j->request->staging, &st, &err) != BDFS_OK)
                return -1;
        ms = st.mtime_ms;
        bdfs_stat_fini(&st);
        return ms;
}

/* What its driver would have removed; unless the driver lives, and only we cannot hear it. */
static void remove_staging(struct agent_job *j)
{
        struct bdfs_err err;

        if (j->staging_ms < 0 || staging_time(j) != j->staging_ms) {
                log_info("staging kept job=%s reason=its driver may live", j->id);
                return;
        }
        if (bdfs_delete(j->fs, j->request->staging, true, &err) != BDFS_OK &&
            err.status != BDFS_NOT_FOUND)
                log_warn("staging not removed job=%s path=%s error=%s", j->id, j->request->staging,
                         err.text);
}

/* A job that is to be ended again: its tasks did not go in time, and have gone since. Held. */
static struct agent_job *find_left(struct agent *a)
{
        AUTO_LOCK(&a->lock);

        for (struct agent_job *j = a->jobs; j != NULL; j = j->next) {
                if (atomic_load(&j->over) && j->ready && !j->ending && j->live == NULL) {
                        j->refs++;
                        return j;
                }
        }
        return NULL;
}

/* A job whose driver is missed, held; NULL: none. *ret_over: for so long that it is over. */
static struct agent_job *find_missed(struct agent *a, int64_t now_ms, bool *ret_over)
{
        AUTO_LOCK(&a->lock);

        for (struct agent_job *j = a->jobs; j != NULL; j = j->next) {
                if (!j->ready || atomic_load(&j->over) || now_ms - j->seen_ms < DOUBT_MS)
                        continue;
                *ret_over = j->doubted_ms != 0;
                if (*ret_over && (now_ms - j->seen_ms < AGENT_JOB_SILENT_MS ||
                                  now_ms - j->doubted_ms < AGENT_JOB_SILENT_MS - DOUBT_MS))
                        continue;
                j->doubted_ms = now_ms;
                j->refs++;
                return j;
        }
        return NULL;
}

void agent_jobs_expire(struct agent *a, int64_t now_ms)
{
        struct agent_job *j;
        bool over;

        while ((j = find_left(a)) != NULL) {
                agent_job_end(j);
                agent_job_put(j);
        }
        while ((j = find_missed(a, now_ms, &over)) != NULL) {
                if (over) {
                        log_info("job ended job=%s reason=driver silent", j->id);
                        agent_job_end(j);
                        remove_staging(j);
                } else {
                        j->staging_ms = staging_time(j);
                }
                agent_job_put(j);
        }
}
