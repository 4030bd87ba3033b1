/*
 * agent_inside.h - what the parts of an agent share; nobody else includes it.
 *
 * A job is in the table, and its id with it, until all that it left here is removed; it is freed
 * when nobody holds it (refs). Ids that were used are remembered by the user who used them. An
 * attempt belongs to its job. Attempts wait in the queue of their user, then one worker has each:
 * the next is of the user with the fewest that run. One worker more than there are slots is for
 * users of whom none runs, so that long tasks of one user keep nobody out.
 *
 * Lock: agent.lock guards all fields that say so; nothing is read, written or sent under it.
 */
#pragma once

#include <stdatomic.h>

#include "common/bytes.h"
#include "common/limits.h"
#include "exec/agent/agent.h"
#include "exec/agent/input.h"
#include "exec/agent/scratch.h"
#include "exec/driver/job_name.h"
#include "net/identity.h"
#include "net/rpc_server.h"
#include "proto/bdfs_agent.pb-c.h"

#define ATTEMPT_TAIL_BYTES 4096 /* of stderr, in a report */
#define AGENT_END_MS 60000 /* for tasks to go when their job ends; they are killed before */

struct agent_job;

struct attempt_counts {          /* of a running attempt, for its reports */
        atomic_uint_fast64_t bytes_in, bytes_local, bytes_remote, descriptors, records_in,
                bytes_out, records_out;
};

struct attempt {
        struct agent_job *job;
        struct attempt *next;    /* in the queue; guarded by: lock */
        struct attempt *live_next; /* of the job's that have not ended; guarded by: lock */
        bool reduce;
        uint32_t task, number;   /* the number'th attempt of the task */
        uint8_t *packed;         /* the request while it waits: a tenth of what it is unpacked */
        size_t packed_n;
        uint64_t charged;        /* bytes, to the job; guarded by: lock */
        Bdfs__StartAttemptRequest *request; /* while it runs; message_free() */
        struct input_piece *pieces;         /* while it runs */
        char name[JOB_ATTEMPT_BYTES];
        struct attempt_counts counts;
        int64_t started_ms;      /* 0: waits; guarded by: lock */
        /* written by its worker before it ends, read after: */
        bool succeeded, input_left;
        int64_t run_ms;
        Bdfs__AttemptReason reason;
        uint32_t fetch_map;
        char *text;              /* of a failure; NULL: there was no memory for it */
        uint8_t *tail;
        size_t tail_n;
};

struct agent_job {
        struct agent *agent;
        struct agent_user *owner;
        struct agent_job *next;  /* in the table; guarded by: lock */
        unsigned refs;           /* guarded by: lock */
        char id[JOB_ID_BYTES];
        char user[OS_NAME_BYTES]; /* whose files it reads and writes: the owner's */
        struct task_user runs_as;
        Bdfs__BeginJobRequest *request;
        struct scratch_job dirs;
        struct bdfs *fs;
        bool ready;              /* its directories are there; guarded by: lock */
        bool ending;             /* somebody waits for its tasks; guarded by: lock */
        atomic_bool over;        /* tasks are to end; it never ends to be over */
        int64_t seen_ms;         /* when the driver was heard last; guarded by: lock */
        int64_t doubted_ms;      /* when it began to be missed; 0: it is not; guarded by: lock */
        int64_t staging_ms;      /* the staging directory's time then; the reaper's alone */
        struct attempt *live;    /* guarded by: lock */
        size_t live_n;           /* guarded by: lock */
        uint64_t charged;        /* bytes, to its owner; guarded by: lock */
        uint64_t shipped;        /* bytes of its files; guarded by: lock */
        size_t logs_n;           /* kept; guarded by: lock */
        uint64_t log_bytes;      /* guarded by: lock */
        struct attempt **ended;  /* in the order in which they ended; guarded by: lock */
        size_t ended_n, ended_room;
};

struct agent_user {              /* once there it stays; fields below fs guarded by: lock */
        struct agent_user *next;
        char name[OS_NAME_BYTES];
        struct bdfs *fs;
        struct job_number used[AGENT_USED_MAX]; /* ids of its jobs that ended, a ring */
        size_t used_n;           /* ever */
        struct attempt *queue, **queue_end; /* wait for a slot */
        unsigned running;        /* attempts */
        uint64_t served;         /* the turn in which it got a slot last */
        uint64_t bytes, shipped; /* of all of its jobs */
};

struct agent {
        const struct agent_conf *conf;
        struct task_launcher *launcher;
        struct identity *identity;
        struct rpc_server *server;
        struct rpc_service service;
        struct scratch *scratch;
        uint64_t run;
        unsigned slots;
        bool is_root;
        char own_user[OS_NAME_BYTES];
        struct os_thread **workers;
        struct os_thread *reaper;
        struct os_mutex lock;
        struct os_cond changed;  /* an attempt waits or ended, a job is over, the agent stops */
        /* guarded by: lock */
        struct agent_job *jobs;
        bool stop;
        uint64_t turns;          /* slots given */
        uint64_t bytes;          /* charged to all users */
        struct agent_user *users;
        unsigned users_n;
};

/* ---- agent_job.c -------------------------------------------------------------------------- */

/* @again: the call was sent before, and may have been done. */
enum bdfs_status agent_job_begin(struct agent *a, const struct caller *caller,
                                 const Bdfs__BeginJobRequest *request, bool again,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
/* The caller's job, held; NOT_FOUND, or PERMISSION for somebody else's. */
enum bdfs_status agent_job_get(struct agent *a, const struct caller *caller, const char *id,
                               struct agent_job **ret, struct bdfs_err *err) BDFS_MUST_CHECK;
void agent_job_put(struct agent_job *j);
/* Its request, unpacked, and its pieces. NO_MEMORY. */
enum bdfs_status attempt_unpack(struct attempt *at, struct bdfs_err *err) BDFS_MUST_CHECK;
/* What an attempt needs no more when it has ended; the rest is for reports. */
void attempt_shrink(struct attempt *at);
void agent_job_seen(struct agent_job *j); /* its driver lives */
/* End its tasks, wait for them, remove what it left here, take it out of the table. When tasks do
 * not go in time, or another thread does it already, that is done later. */
void agent_job_end(struct agent_job *j);
/* The same for the caller's job @id, until it is out of the table. NOT_FOUND, PERMISSION; TIMEOUT
 * when some of its tasks are still there after AGENT_END_MS. */
enum bdfs_status agent_job_end_wait(struct agent *a, const struct caller *caller, const char *id,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
/* End what nobody asks for any more, and what it left in the file system, unless its driver lives:
 * it touches the staging directory (DRIVER_TOUCH_MS). */
void agent_jobs_expire(struct agent *a, int64_t now_ms);
enum bdfs_status agent_job_add(struct agent_job *j, const Bdfs__StartAttemptRequest *request,
                               bool again, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Wait for an attempt that ended after the first @after, at most until the deadline. */
void agent_job_wait(struct agent_job *j, size_t after, int64_t deadline_ms);

/* ---- agent_user.c ------------------------------------------------------------------------- */

/* The user whom the caller's tasks run as; PERMISSION where this agent may not serve it. */
enum bdfs_status agent_user_of(struct agent *a, const struct caller *caller,
                               struct task_user *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The user, with a connection to the cluster: one for all of its jobs, the agent's own. */
enum bdfs_status agent_user_get(struct agent *a, const char *user, struct agent_user **ret,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
/* Memory that @j makes us keep: at most AGENT_USER_BYTES_MAX for a user, and never more than is
 * left for others. LIMIT. With the lock held. */
enum bdfs_status agent_charge(struct agent_job *j, uint64_t bytes, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void agent_refund(struct agent_job *j, uint64_t bytes);
/* Bytes of a shipped file that ends at @end. LIMIT. */
enum bdfs_status agent_ship(struct agent_job *j, uint64_t end, uint64_t bytes,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* Ids of jobs that ended. With the lock held. */
void agent_user_used(struct agent_user *u, const char *job);
bool agent_id_used(const struct agent *a, const char *job);

/* ---- agent_serve.c ------------------------------------------------------------------------ */

rpc_handler *agent_handler(const struct method *m);

/* ---- attempt.c ---------------------------------------------------------------------------- */

/* Runs it on the caller's thread; sets what its report needs. */
void attempt_run(struct attempt *at);
