#include "namenode/tree/perm.h"

#include <string.h>

bool perm_allows(const struct perm_caller *c, const struct perm_object *o, unsigned access)
{
        unsigned bits = o->mode & 7u;

        BDFS_ASSERT(access <= PERM_ALL);
        if (c->superuser)
                return true;
        if (c->user == o->owner) {
                bits = (o->mode >> 6) & 7u;
        } else {
                for (size_t i = 0; i < c->groups_n; i++)
                        if (c->groups[i] == o->group)
                                bits = (o->mode >> 3) & 7u;
        }
        return (bits & access) == access;
}

bool perm_allows_names(const struct ns_caller *who, const char *owner, const char *group,
                       uint16_t mode, unsigned access)
{
        enum { ITS = 1, NONE = 2 }; /* ids that only say whether it is the object's */
        const struct perm_object o = {.owner = ITS, .group = ITS, .mode = mode};
        uint32_t member = NONE;
        const struct perm_caller c = {
                .user = strcmp(who->user, owner) == 0 ? ITS : NONE,
                .groups = &member,
                .groups_n = 1,
                .superuser = who->superuser,
        };

        for (size_t i = 0; i < who->groups_n; i++)
                if (strcmp(who->groups[i], group) == 0)
                        member = ITS;
        return perm_allows(&c, &o, access);
}

bool perm_sticky(const struct perm_caller *c, const struct perm_object *parent,
                 uint32_t child_owner)
{
        if (c->superuser || (parent->mode & PERM_STICKY) == 0)
                return false;
        return c->user != parent->owner && c->user != child_owner;
}

void perm_mode_text(uint16_t mode, char ret[10])
{
        static const char letters[] = "rwxrwxrwx";

        for (unsigned i = 0; i < 9; i++)
                ret[i] = (mode & (0400u >> i)) != 0 ? letters[i] : '-';
        if (mode & PERM_STICKY)
                ret[8] = (mode & 1u) != 0 ? 't' : 'T';
        ret[9] = '\0';
}

const char *perm_access_name(unsigned access)
{
        static const char *const names[PERM_ALL + 1] = {
                "NONE", "EXECUTE", "WRITE", "WRITE_EXECUTE",
                "READ", "READ_EXECUTE", "READ_WRITE", "ALL",
        };

        BDFS_ASSERT(access <= PERM_ALL);
        return names[access];
}

enum bdfs_status perm_denied(const char *user, unsigned access, const struct perm_text *o,
                             struct bdfs_err *err)
{
        char mode[10];

        perm_mode_text(o->mode, mode);
        return bdfs_fail(err, BDFS_PERMISSION,
                         "Permission denied: user=%s, access=%s, inode=\"%.*s\":%s:%s:%c%s", user,
                         perm_access_name(access), (int)o->path_n, o->path, o->owner, o->group,
                         o->directory ? 'd' : '-', mode);
}

enum bdfs_status perm_denied_sticky(const char *user, const struct perm_text *child,
                                    const struct perm_text *parent, struct bdfs_err *err)
{
        char mode[10], parent_mode[10];

        perm_mode_text(child->mode, mode);
        perm_mode_text(parent->mode, parent_mode);
        return bdfs_fail(err, BDFS_NOT_OWNER,
                         "Permission denied by sticky bit: user=%s, path=\"%.*s\":%s:%s:%c%s, "
                         "parent=\"%.*s\":%s:%s:%c%s",
                         user, (int)child->path_n, child->path, child->owner, child->group,
                         child->directory ? 'd' : '-', mode, (int)parent->path_n, parent->path,
                         parent->owner, parent->group, parent->directory ? 'd' : '-',
                         parent_mode);
}

enum bdfs_status perm_denied_owner(const char *user, const char *path, size_t n,
                                   struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_NOT_OWNER,
                         "Permission denied. user=%s is not the owner of inode=%.*s", user, (int)n,
                         path);
}

enum bdfs_status perm_denied_superuser(const char *user, const char *operation,
                                       struct bdfs_err *err)
{
        if (operation == NULL)
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "Access denied for user %s. Superuser privilege is required",
                                 user);
        return bdfs_fail(err, BDFS_PERMISSION,
                         "Access denied for user %s. Superuser privilege is required for "
                         "operation %s",
                         user, operation);
}
