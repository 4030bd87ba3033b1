/* Users of an agent: whom their tasks run as, and their connections to the cluster. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/agent_inside.h"

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
static struct bdfs *find_connection(const struct agent *a, const char *user)
{
        for (const struct agent_user *u = a->users; u != NULL; u = u->next) {
                if (strcmp(u->name, user) == 0)
                        return u->fs;
        }
        return NULL;
}

/* Keep @made as the user's connection, or drop it: another thread was faster, or there are too
 * many; then NULL comes back. */
static struct bdfs *keep_connection(struct agent *a, struct agent_user *made)
{
        struct bdfs *fs;
        AUTO_LOCK(&a->lock);

        fs = find_connection(a, made->name);
        if (fs == NULL && a->users_n < AGENT_USERS_MAX) {
                made->next = a->users;
                a->users = made;
                a->users_n++;
                return made->fs;
        }
        bdfs_disconnect(made->fs);
        free(made);
        return fs;
}

enum bdfs_status agent_user_connect(struct agent *a, const char *user, struct bdfs **ret,
                                    struct bdfs_err *err)
{
        struct bdfs_options options = {.conf = a->conf->client,
                                       .user = a->is_root ? user : a->own_user};
        struct agent_user *u;

        os_mutex_lock(&a->lock);
        *ret = find_connection(a, user);
        os_mutex_unlock(&a->lock);
        if (*ret != NULL)
                return BDFS_OK;
        u = calloc(1, sizeof(*u));
        if (u == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        (void)snprintf(u->name, sizeof(u->name), "%s", user);
        if (bdfs_connect(&u->fs, &options, err) != BDFS_OK) {
                free(u);
                return err->status;
        }
        *ret = keep_connection(a, u);
        return *ret != NULL ? BDFS_OK
                            : bdfs_fail(err, BDFS_LIMIT, "this agent has served %d users already",
                                        AGENT_USERS_MAX);
}
