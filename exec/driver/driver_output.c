/*
 * The output of a job until it is published: STAGING holds parts and _SUCCESS, STAGING/_attempts
 * the files of attempts that were not chosen (yet). STAGING lies beside the output, so that one
 * rename publishes it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "exec/driver/driver_inside.h"

/* @path without its last component; "/" of what lies at the top. */
static char *parent_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static char *staging_path(const struct driver *d)
{
        const char *output = d->spec->output, *base = strrchr(output, '/') + 1;
        size_t room = NAME_BYTES_MAX - strlen(d->report->id) - 2;
        char *path = NULL;

        if (asprintf(&path, "%.*s.%.*s.%s", (int)(base - output), output, (int)room, base,
                     d->report->id) < 0)
                return NULL;
        return path;
}

/* Which directories above the output have to be made: the topmost one, in d->made. */
static enum bdfs_status look_above(struct driver *d, struct bdfs_err *err)
{
        AUTO_FREE char *at = parent_of(d->spec->output);

        for (;;) {
                struct bdfs_stat st;
                char *up;
                enum bdfs_status rc = at == NULL ? bdfs_fail(err, BDFS_NO_MEMORY, "no memory")
                                                 : bdfs_stat(d->fs, at, &st, err);

                if (rc == BDFS_OK)
                        bdfs_stat_fini(&st);
                if (rc != BDFS_NOT_FOUND)
                        return rc;
                up = parent_of(at);
                free(d->made);
                d->made = at;
                at = up;
        }
}

enum bdfs_status driver_make_staging(struct driver *d, struct bdfs_err *err)
{
        AUTO_FREE char *attempts = NULL;
        struct bdfs_stat st;
        enum bdfs_status rc = bdfs_lstat(d->fs, d->spec->output, &st, err);

        if (rc == BDFS_OK) {
                bdfs_stat_fini(&st);
                return bdfs_fail(err, BDFS_EXISTS, "output %s already exists", d->spec->output);
        }
        if (rc != BDFS_NOT_FOUND)
                return rc;
        if (look_above(d, err) != BDFS_OK)
                return err->status;
        d->staging = staging_path(d);
        if (d->staging == NULL || asprintf(&attempts, "%s/_attempts", d->staging) < 0)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        return bdfs_mkdir(d->fs, attempts, 0755, true, err);
}

void driver_touch_staging(struct driver *d)
{
        int64_t now = os_mono_ms();
        struct bdfs_err err;
        bool due;

        os_mutex_lock(&d->lock);
        due = !d->ending && now - d->touched_ms >= DRIVER_TOUCH_MS;
        if (due)
                d->touched_ms = now;
        os_mutex_unlock(&d->lock);
        if (due) /* again soon; what is wrong shows when a part is kept */
                BDFS_IGNORE(bdfs_utimes(d->fs, d->staging, os_wall_ms(), -1, &err));
}

enum bdfs_status driver_mark_success(struct driver *d, struct bdfs_err *err)
{
        struct bdfs_create options = {.no_parents = true};
        AUTO_FREE char *path = NULL;
        struct bdfs_file *f;

        if (asprintf(&path, "%s/_SUCCESS", d->staging) < 0)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (bdfs_create(d->fs, path, &options, &f, err) != BDFS_OK)
                return err->status;
        return bdfs_close(f, err);
}

enum bdfs_status driver_keep_part(struct driver *d, struct plan_task t, uint32_t attempt,
                                  struct bdfs_err *err)
{
        AUTO_FREE char *from = NULL, *to = NULL;
        char name[JOB_ATTEMPT_BYTES];

        job_attempt_name(d->report->id, t.reduce, t.number, attempt, name);
        if (asprintf(&from, "%s/_attempts/%s", d->staging, name) < 0 ||
            asprintf(&to, "%s/part-%05u", d->staging, t.number) < 0)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        return bdfs_rename(d->fs, from, to, true, err);
}

enum bdfs_status driver_publish(struct driver *d, struct bdfs_err *err)
{
        AUTO_FREE char *attempts = NULL;

        if (asprintf(&attempts, "%s/_attempts", d->staging) < 0)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (bdfs_delete(d->fs, attempts, true, err) != BDFS_OK)
                return err->status;
        if (bdfs_rename(d->fs, d->staging, d->spec->output, false, err) != BDFS_OK)
                return err->status == BDFS_EXISTS
                               ? bdfs_fail(err, BDFS_EXISTS, "output %s already exists: somebody "
                                           "made it while the job ran", d->spec->output)
                               : err->status;
        d->published = true;
        return BDFS_OK;
}

/* Best effort throughout: the job has its result, and an agent may do it later. */
void driver_remove_staging(struct driver *d)
{
        AUTO_FREE char *at = NULL;
        struct bdfs_err err;

        if (d->staging == NULL || d->published)
                return;
        BDFS_IGNORE(bdfs_delete(d->fs, d->staging, true, &err));
        /* directories that were made for it, from the lowest up, as far as they are empty */
        at = d->made == NULL ? NULL : parent_of(d->staging);
        while (at != NULL && strlen(at) >= strlen(d->made)) {
                char *up = parent_of(at);

                if (bdfs_delete(d->fs, at, false, &err) != BDFS_OK) {
                        free(up);
                        break;
                }
                free(at);
                at = up;
        }
}
