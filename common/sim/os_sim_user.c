#include <stdlib.h>
#include <string.h>

#include "common/sim/os_sim_core.h"

#define USERS_MAX 64

struct user {
        uid_t uid;
        char name[OS_NAME_BYTES];
        char groups[1024];
};

struct sim_users {
        size_t n;
        struct user users[USERS_MAX];
};

static void add(struct sim_users *all, uid_t uid, const char *name, const char *groups)
{
        struct user *u = all->users;

        while (u < all->users + all->n && u->uid != uid)
                u++;
        BDFS_ASSERT(u < all->users + USERS_MAX);
        all->n += u == all->users + all->n;
        u->uid = uid;
        (void)snprintf(u->name, sizeof(u->name), "%s", name);
        (void)snprintf(u->groups, sizeof(u->groups), "%s", groups);
}

struct sim_users *sim_users_new(void)
{
        struct sim_users *all = calloc(1, sizeof(*all));

        if (all == NULL)
                return NULL;
        add(all, 0, "root", "root");
        add(all, 1000, "bdfs", "bdfs");
        return all;
}

void sim_users_free(struct sim_users *users)
{
        free(users);
}

void sim_user_add(uid_t uid, const char *name, const char *groups)
{
        add(sim->users, uid, name, groups);
}

static const struct user *by_name(const char *name)
{
        for (size_t i = 0; i < sim->users->n; i++)
                if (strcmp(sim->users->users[i].name, name) == 0)
                        return &sim->users->users[i];
        return NULL;
}

enum bdfs_status os_user_name(uid_t uid, char ret[OS_NAME_BYTES], struct bdfs_err *err)
{
        for (size_t i = 0; i < sim->users->n; i++) {
                if (sim->users->users[i].uid == uid) {
                        memcpy(ret, sim->users->users[i].name, OS_NAME_BYTES);
                        return BDFS_OK;
                }
        }
        return bdfs_fail(err, BDFS_NOT_FOUND, "no user with uid %u on this host", uid);
}

enum bdfs_status os_user_id(const char *name, uid_t *ret_uid, gid_t *ret_gid, struct bdfs_err *err)
{
        const struct user *u = by_name(name);

        if (u == NULL)
                return bdfs_fail(err, BDFS_NOT_FOUND, "no user %s on this host", name);
        *ret_uid = u->uid;
        *ret_gid = u->uid;
        return BDFS_OK;
}

enum bdfs_status os_user_groups(const char *name, struct os_groups *ret, struct bdfs_err *err)
{
        const struct user *u = by_name(name);

        if (u == NULL)
                return bdfs_fail(err, BDFS_NOT_FOUND, "no user %s on this host", name);
        ret->n = 0;
        for (const char *at = u->groups; *at != '\0' && ret->n < OS_GROUPS_MAX;) {
                size_t n = strcspn(at, ",");

                (void)snprintf(ret->names[ret->n++], OS_NAME_BYTES, "%.*s", (int)n, at);
                at += n + (at[n] == ',');
        }
        return BDFS_OK;
}

uid_t os_own_uid(void)
{
        return sim_node_self()->uid;
}

uint32_t os_files_max(void)
{
        return UINT32_MAX;
}
