#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/os.h"

#define ENTRY_BYTES_MAX (1 << 20) /* a passwd or group entry; groups with many members are long */

struct entry {
        struct passwd user;
        struct group group;
        char *room; /* what the two point into */
};

static void entry_fini(struct entry *e)
{
        free(e->room);
}
#define AUTO_ENTRY __attribute__((cleanup(entry_fini))) struct entry

enum entry_kind { USER_BY_ID, USER_BY_NAME, GROUP_BY_ID };

/* 0, ENOENT, or another errno. */
static int entry_get(struct entry *e, enum entry_kind kind, const char *name, unsigned id)
{
        for (size_t bytes = 4096; bytes <= ENTRY_BYTES_MAX; bytes *= 4) {
                struct passwd *user = NULL;
                struct group *group = NULL;
                int rc = EINVAL;

                free(e->room);
                e->room = malloc(bytes);
                if (e->room == NULL)
                        return ENOMEM;
                switch (kind) {
                case USER_BY_ID:
                        rc = getpwuid_r(id, &e->user, e->room, bytes, &user);
                        break;
                case USER_BY_NAME:
                        rc = getpwnam_r(name, &e->user, e->room, bytes, &user);
                        break;
                case GROUP_BY_ID:
                        rc = getgrgid_r(id, &e->group, e->room, bytes, &group);
                        break;
                }
                if (rc == 0 && user == NULL && group == NULL)
                        return ENOENT;
                if (rc != ERANGE && rc != EINTR)
                        return rc;
        }
        return ERANGE;
}

static enum bdfs_status copy_name(const char *from, char to[OS_NAME_BYTES], struct bdfs_err *err)
{
        if (strlen(from) >= OS_NAME_BYTES)
                return bdfs_fail(err, BDFS_LIMIT, "user or group name is longer than %d bytes",
                                 OS_NAME_BYTES - 1);
        memcpy(to, from, strlen(from) + 1);
        return BDFS_OK;
}

enum bdfs_status os_user_name(uid_t uid, char ret[OS_NAME_BYTES], struct bdfs_err *err)
{
        AUTO_ENTRY e = {.room = NULL};
        int rc = entry_get(&e, USER_BY_ID, NULL, uid);

        if (rc == ENOENT)
                return bdfs_fail(err, BDFS_NOT_FOUND, "no user with uid %u on this host", uid);
        if (rc != 0)
                return bdfs_fail_errno(err, rc, "look up uid %u", uid);
        return copy_name(e.user.pw_name, ret, err);
}

enum bdfs_status os_user_id(const char *name, uid_t *ret_uid, gid_t *ret_gid, struct bdfs_err *err)
{
        AUTO_ENTRY e = {.room = NULL};
        int rc = entry_get(&e, USER_BY_NAME, name, 0);

        if (rc == ENOENT)
                return bdfs_fail(err, BDFS_NOT_FOUND, "no user %s on this host", name);
        if (rc != 0)
                return bdfs_fail_errno(err, rc, "look up user %s", name);
        *ret_uid = e.user.pw_uid;
        *ret_gid = e.user.pw_gid;
        return BDFS_OK;
}

/* A gid without a name keeps its number as name, as id(1) prints it. */
static enum bdfs_status group_name(gid_t gid, char ret[OS_NAME_BYTES], struct bdfs_err *err)
{
        AUTO_ENTRY e = {.room = NULL};
        int rc = entry_get(&e, GROUP_BY_ID, NULL, gid);

        if (rc == 0)
                return copy_name(e.group.gr_name, ret, err);
        if (rc != ENOENT)
                return bdfs_fail_errno(err, rc, "look up gid %u", gid);
        (void)snprintf(ret, OS_NAME_BYTES, "%u", gid);
        return BDFS_OK;
}

enum bdfs_status os_user_groups(const char *name, struct os_groups *ret, struct bdfs_err *err)
{
        gid_t gid, gids[OS_GROUPS_MAX];
        int n = OS_GROUPS_MAX;
        uid_t uid;
        enum bdfs_status rc = os_user_id(name, &uid, &gid, err);

        if (rc != BDFS_OK)
                return rc;
        /* some of the groups are worse than none: an ACL entry that refuses could be missed */
        if (getgrouplist(name, gid, gids, &n) < 0)
                return bdfs_fail(err, BDFS_LIMIT, "user %s is in more than %d groups", name,
                                 OS_GROUPS_MAX);
        ret->n = 0;
        for (int i = 0; i < n; i++) { /* the primary one comes first */
                rc = group_name(gids[i], ret->names[i], err);
                if (rc != BDFS_OK)
                        return rc;
                ret->n++;
        }
        return BDFS_OK;
}

uid_t os_own_uid(void)
{
        return geteuid();
}

uint32_t os_files_max(void)
{
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur > UINT32_MAX)
                return UINT32_MAX;
        return (uint32_t)files.rlim_cur;
}
