/* Users of an agent: whom their tasks run as, and their connections to the cluster. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/agent/agent_inside.h"

enum bdfs_status agent_user_of(struct agent *a, const struct caller *caller, struct task_user *ret,
                               struct bdfs_err *err)
{
        const char *name = caller->user;
        enum bdfs_status rc;

        *ret = (struct task_user){.change = false};
        if (!a->is_root && strcmp(name, a->own_user) != 0)
                return bdfs_fail(err, BDFS_PERMISSION, "this agent runs as %s and serves nobody "
                                 "else; user %s needs an agent that runs as root", a->own_user,
                                 name);
        if (a->is_root && strcmp(name, "root") == 0)
                name = a->conf->job_user;
        rc = task_user_find(name, ret, err);
        if (rc != BDFS_OK)
                return rc;
        if (a->is_root && ret->uid == 0)
                return bdfs_fail(err, BDFS_PERMISSION, "tasks never run as root");
        ret->change = a->is_root;
        return BDFS_OK;
}

/* With the lock held; NULL: none yet. */
static struct agent_user *find_user(const struct agent *a, const char *name)
{
        for (struct agent_user *u = a->users; u != NULL; u = u->next) {
                if (strcmp(u->name, name) == 0)
                        return u;
        }
        return NULL;
}

/* Keep @made, or drop it: another thread was faster, or there are too many; then NULL comes
 * back. */
static struct agent_user *keep_user(struct agent *a, struct agent_user *made)
{
        struct agent_user *u;
        AUTO_LOCK(&a->lock);

        u = find_user(a, made->name);
        if (u == NULL && a->users_n < AGENT_USERS_MAX) {
                made->next = a->users;
                a->users = made;
                a->users_n++;
                return made;
        }
        bdfs_disconnect(made->fs);
        free(made);
        return u;
}

enum bdfs_status agent_user_get(struct agent *a, const char *user, struct agent_user **ret,
                                struct bdfs_err *err)
{
        struct bdfs_options options = {.conf = a->conf->client,
                                       .user = a->is_root ? user : a->own_user};
        struct agent_user *u;

        os_mutex_lock(&a->lock);
        *ret = find_user(a, user);
        os_mutex_unlock(&a->lock);
        if (*ret != NULL)
                return BDFS_OK;
        u = calloc(1, sizeof(*u));
        if (u == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        (void)snprintf(u->name, sizeof(u->name), "%s", user);
        u->queue_end = &u->queue;
        if (bdfs_connect(&u->fs, &options, err) != BDFS_OK) {
                free(u);
                return err->status;
        }
        *ret = keep_user(a, u);
        return *ret != NULL ? BDFS_OK
                            : bdfs_fail(err, BDFS_LIMIT, "this agent has served %d users already",
                                        AGENT_USERS_MAX);
}

/* ---- what a user may make us keep --------------------------------------------------------- */

enum bdfs_status agent_charge(struct agent_job *j, uint64_t bytes, struct bdfs_err *err)
{
        struct agent *a = j->agent;
        struct agent_user *u = j->owner;
        uint64_t left = AGENT_BYTES_MAX - a->bytes;

        if (u->bytes + bytes > (left < AGENT_USER_BYTES_MAX ? left : AGENT_USER_BYTES_MAX))
                return bdfs_fail(err, BDFS_LIMIT, "jobs of %s keep %llu MiB of this agent's "
                                 "memory, all jobs %llu MiB: start fewer tasks at once, or "
                                 "end jobs", u->name, u->bytes / MIB, a->bytes / MIB);
        j->charged += bytes;
        u->bytes += bytes;
        a->bytes += bytes;
        return BDFS_OK;
}

void agent_refund(struct agent_job *j, uint64_t bytes)
{
        BDFS_ASSERT(bytes <= j->charged && bytes <= j->owner->bytes && bytes <= j->agent->bytes);
        j->charged -= bytes;
        j->owner->bytes -= bytes;
        j->agent->bytes -= bytes;
}

enum bdfs_status agent_ship(struct agent_job *j, uint64_t end, uint64_t bytes,
                            struct bdfs_err *err)
{
        struct agent_user *u = j->owner;
        AUTO_LOCK(&j->agent->lock);

        if (end > JOB_SHIPPED_BYTES_MAX || bytes > JOB_SHIPPED_BYTES_MAX - j->shipped)
                return bdfs_fail(err, BDFS_LIMIT, "the shipped files of a job have at most %llu "
                                 "MiB: put what is larger into the cluster",
                                 JOB_SHIPPED_BYTES_MAX / MIB);
        if (bytes > AGENT_USER_SHIPPED_BYTES_MAX - u->shipped)
                return bdfs_fail(err, BDFS_LIMIT, "the shipped files of all jobs of %s have at "
                                 "most %llu MiB here", u->name,
                                 AGENT_USER_SHIPPED_BYTES_MAX / MIB);
        j->shipped += bytes;
        u->shipped += bytes;
        return BDFS_OK;
}

/* ---- ids of jobs -------------------------------------------------------------------------- */

void agent_user_used(struct agent_user *u, const char *job)
{
        u->used[u->used_n++ % AGENT_USED_MAX] = job_number_of(job);
}

bool agent_id_used(const struct agent *a, const char *job)
{
        struct job_number id = job_number_of(job);

        for (const struct agent_user *u = a->users; u != NULL; u = u->next) {
                for (size_t i = 0; i < u->used_n && i < AGENT_USED_MAX; i++) {
                        if (u->used[i].ms == id.ms && u->used[i].number == id.number)
                                return true;
                }
        }
        return false;
}
