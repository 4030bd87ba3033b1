#include "exec/driver/driver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/driver/driver_inside.h"

#define TURN_MS 100 /* progress, cancelling, and what the plan does with time */

void job_report_fini(struct job_report *r)
{
        free(r->failure.tail);
        r->failure.tail = NULL;
}

/* ---- preparing ---------------------------------------------------------------------------- */

static void name_job(struct job_report *r)
{
        uint16_t number;

        os_random(&number, sizeof(number));
        (void)snprintf(r->id, sizeof(r->id), "job_%013" PRId64 "_%04u", os_wall_ms(),
                       number % 10000u);
}

static enum bdfs_status make_plan(struct driver *d, struct bdfs_err *err)
{
        uint32_t reduces = d->spec->reduce == NULL ? 0 : d->spec->reduces;

        if (plan_new(&d->plan, (uint32_t)d->maps_n, reduces, err) != BDFS_OK)
                return err->status;
        for (size_t i = 0; i < d->agents_n; i++) {
                if (plan_add_node(d->plan, err) != BDFS_OK)
                        return err->status;
        }
        for (uint32_t m = 0; m < d->maps_n; m++) {
                const struct split *s = &d->maps[m].split;

                if (plan_prefer(d->plan, m, s->nodes, s->nodes_n, err) != BDFS_OK)
                        return err->status;
        }
        return BDFS_OK;
}

static enum bdfs_status check_spec(const struct job_spec *s, struct bdfs_err *err)
{
        if (s->inputs_n == 0 && (s->bad_inputs == NULL || s->bad_inputs->n == 0))
                return bdfs_fail(err, BDFS_USAGE, "no input is given");
        if (s->output[0] != '/' || s->output[1] == '\0')
                return bdfs_fail(err, BDFS_INVALID_PATH, "%s cannot be an output directory",
                                 s->output);
        if (s->reduce != NULL && s->reduces == 0)
                return bdfs_fail(err, BDFS_USAGE, "a reducer needs at least one part");
        return BDFS_OK;
}

/* Refused before anything is made, as far as it can be known. */
static enum bdfs_status prepare(struct driver *d, struct bdfs_err *err)
{
        struct bdfs_stat st;

        if (check_spec(d->spec, err) != BDFS_OK)
                return err->status;
        if (bdfs_is_hadoop(d->fs))
                return bdfs_fail(err, BDFS_UNSUPPORTED, "jobs run on a bdfs cluster reached by its "
                                 "own port, not on %s", bdfs_uri(d->fs));
        if (bdfs_lstat(d->fs, d->spec->output, &st, err) == BDFS_OK) {
                bdfs_stat_fini(&st);
                return bdfs_fail(err, BDFS_EXISTS, "output %s already exists", d->spec->output);
        }
        if (err->status != BDFS_NOT_FOUND)
                return err->status;
        if (driver_find_agents(d, err) != BDFS_OK || driver_find_inputs(d, err) != BDFS_OK ||
            make_plan(d, err) != BDFS_OK)
                return err->status;
        return driver_make_staging(d, err);
}

/* ---- running ------------------------------------------------------------------------------ */

static void show_progress(struct driver *d)
{
        struct job_progress p = {.bytes_all = d->bytes_all, .ms = os_mono_ms() - d->begun_ms};

        if (d->spec->progress == NULL)
                return;
        os_mutex_lock(&d->lock);
        plan_count(d->plan, &p.tasks);
        p.bytes_done = d->totals.bytes_in;
        for (size_t i = 0; i < d->agents_n; i++)
                p.bytes_done += d->agents[i].live_bytes;
        os_mutex_unlock(&d->lock);
        d->spec->progress(d->spec->arg, &p);
}

/* Start all that can be started. */
static enum bdfs_status start_some(struct driver *d, struct bdfs_err *err)
{
        for (;;) {
                struct plan_start s;
                bool any;

                os_mutex_lock(&d->lock);
                any = plan_next(d->plan, os_mono_ms(), &s);
                os_mutex_unlock(&d->lock);
                if (!any)
                        return BDFS_OK;
                if (driver_start(d, &s, err) != BDFS_OK)
                        return err->status;
        }
}

/* Waits for the next event, or a turn. True when there is nothing more to wait for. */
static bool wait_turn(struct driver *d)
{
        AUTO_LOCK(&d->lock);

        if (!plan_done(d->plan) && !plan_hopeless(d->plan))
                (void)os_cond_wait(&d->changed, &d->lock, os_mono_ms() + TURN_MS);
        return plan_done(d->plan) || plan_hopeless(d->plan);
}

static enum bdfs_status run_tasks(struct driver *d, struct bdfs_err *err)
{
        int64_t shown_ms = os_mono_ms();
        bool marked = false, over = false;

        while (!over) {
                if (start_some(d, err) != BDFS_OK)
                        return err->status;
                if (!marked) { /* nobody sees it yet, and the first tasks run already */
                        if (driver_mark_success(d, err) != BDFS_OK)
                                return err->status;
                        marked = true;
                }
                over = wait_turn(d);
                if (d->spec->cancelled != NULL && d->spec->cancelled(d->spec->arg)) {
                        d->report->cancelled = true;
                        return bdfs_fail(err, BDFS_FAILED, "cancelled");
                }
                if (over || os_mono_ms() - shown_ms >= TURN_MS) {
                        show_progress(d);
                        shown_ms = os_mono_ms();
                }
        }
        return BDFS_OK;
}

/* The job is done, or it says why it cannot be. */
static enum bdfs_status judge(struct driver *d, struct bdfs_err *err)
{
        AUTO_LOCK(&d->lock);

        if (plan_done(d->plan))
                return BDFS_OK;
        d->report->failure = d->failure;
        d->failure = (struct job_failure){.tail = NULL};
        if (d->why.status == BDFS_OK)
                return bdfs_fail(err, BDFS_FAILED, "no agent is left to run its tasks");
        *err = d->why;
        return err->status;
}

static void driver_fini(struct driver *d)
{
        plan_free(d->plan);
        driver_free_inputs(d);
        free(d->failure.tail);
        free(d->agents);
        free(d->staging);
        free(d->made);
        os_cond_fini(&d->changed);
        os_mutex_fini(&d->lock);
}

static enum bdfs_status run_all(struct driver *d, struct bdfs_err *err)
{
        if (prepare(d, err) != BDFS_OK || run_tasks(d, err) != BDFS_OK ||
            judge(d, err) != BDFS_OK)
                return err->status;
        return driver_publish(d, err);
}

enum bdfs_status job_run(struct bdfs *fs, const struct job_spec *spec, struct job_report *ret,
                         struct bdfs_err *err)
{
        struct driver d = {.fs = fs, .spec = spec, .report = ret, .begun_ms = os_mono_ms()};
        enum bdfs_status rc;

        *ret = (struct job_report){.ms = 0};
        name_job(ret);
        os_mutex_init(&d.lock);
        os_cond_init(&d.changed);
        d.touched_ms = d.begun_ms;
        rc = run_all(&d, err);
        driver_end_agents(&d);
        driver_remove_staging(&d);
        if (d.plan != NULL)
                plan_count(d.plan, &ret->tasks);
        ret->totals = d.totals;
        ret->ms = os_mono_ms() - d.begun_ms;
        driver_fini(&d);
        return rc;
}
