/*
 * driver.h - one job from its inputs to its published output directory.
 *
 * PREPARING checks what is cheap: inputs, output, agents. The attempts of tasks write below a
 * hidden directory beside the output; one atomic rename publishes it, with _SUCCESS inside. A job
 * that fails or is cancelled leaves nothing behind.
 *
 * Owner:   the caller's spec and report; job_report_fini() frees what a report holds.
 * Threads: job_run() runs on the caller's thread and starts one for each agent that it uses;
 *          progress() and cancelled() are called on the caller's thread.
 * Errors:  NOT_FOUND (inputs, all in one text), EXISTS (output), PERMISSION, UNAVAILABLE, and those
 *          of the file system; FAILED when a task failed (report->failure says more);
 *          report->cancelled when it was cancelled.
 */
#pragma once

#include "client/bdfs.h"
#include "exec/driver/job_name.h"
#include "exec/driver/plan.h"

#define JOB_INPUTS_MAX 1000000 /* files */

struct job_totals {
        uint64_t bytes_in, bytes_local, bytes_remote, descriptors, records_in; /* of maps */
        uint64_t bytes_out, records_out; /* of the parts */
        uint64_t shuffled;               /* bytes that reducers read */
        uint64_t unread;                 /* maps that did not read all of their input */
};

struct job_progress {
        struct plan_counts tasks;
        uint64_t bytes_all, bytes_done;  /* of the input */
        int64_t ms;                      /* since the job began */
};

/* Inputs that cannot be read, gathered so that one error names them all. */
#define JOB_BAD_SHOWN 10
struct job_bad_inputs {
        size_t n;
        enum bdfs_status status; /* of the first */
        char text[BDFS_ERR_TEXT_BYTES - 64]; /* of as many as fit */
        size_t shown;
};
/* Is it the fault of one input? Else there is no use in looking at the next. */
bool job_input_fault(enum bdfs_status status);
void job_bad_input(struct job_bad_inputs *bad, const struct bdfs_err *err);

/* How people may call the cluster that @fs is connected to: "bdfs://NAME", "hdfs://HOST:PORT". */
#define JOB_OWN_NAMES 8
struct job_own_names {
        size_t n;
        char list[JOB_OWN_NAMES][300];
};
enum bdfs_status job_own_names(struct bdfs *fs, struct job_own_names *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

struct job_spec {
        const char *const *inputs;       /* absolute paths of files, or of directories of files */
        size_t inputs_n;
        struct job_bad_inputs *bad_inputs; /* that are known already; the caller's */
        const char *output;
        const char *map, *reduce;        /* reduce NULL: map only */
        uint32_t reduces;
        const char *const *files;        /* local files to ship */
        size_t files_n;
        bool has_timeout;                /* else the agents' own */
        uint64_t timeout_ms;             /* without a sign of life; 0: for ever */
        void (*progress)(void *arg, const struct job_progress *p); /* ten times a second */
        bool (*cancelled)(void *arg);
        void *arg;
};

struct job_failure {                     /* of the task that ended the job */
        char attempt[JOB_ATTEMPT_BYTES]; /* "": no task's */
        char node[80];
        char split[1200];                /* FILE:start+length; "" of a reduce */
        uint8_t *tail;                   /* the last lines of its stderr */
        size_t tail_n;
};

struct job_report {
        char id[JOB_ID_BYTES];
        int64_t ms;
        struct plan_counts tasks;
        struct job_totals totals;
        struct job_failure failure;
        bool cancelled;
};

enum bdfs_status job_run(struct bdfs *fs, const struct job_spec *spec, struct job_report *ret,
                         struct bdfs_err *err) BDFS_MUST_CHECK;
void job_report_fini(struct job_report *r);
