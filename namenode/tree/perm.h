/*
 * perm.h - the one permission function: who may do what to an inode (HDFS's rules: owner, else
 * group, else other; the superuser passes). Pure: no I/O, no clock.
 *
 * Names are interned ids here; a caller whose name no row has is NAME_NONE and equals nobody.
 * Errors: PERMISSION with HDFS's exact texts; NOT_OWNER where only an owner may, whatever the mode.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum perm_access {
        PERM_NONE = 0,
        PERM_EXECUTE = 1,
        PERM_WRITE = 2,
        PERM_READ = 4,
        PERM_READ_EXECUTE = 5,
        PERM_ALL = 7,
};
#define PERM_STICKY 01000
#define PERM_MODE_MASK 01777

struct ns_caller {               /* who asks, by name */
        const char *user;
        const char *const *groups;
        size_t groups_n;
        bool superuser;
};

struct perm_caller {             /* the same, by id; made by perm_load() (path.h) */
        const struct ns_caller *who;
        uint32_t user;
        const uint32_t *groups;
        size_t groups_n;
        bool superuser;
};

struct perm_object {             /* what a check needs of an inode */
        uint32_t owner, group;
        uint16_t mode;
        bool directory;
};

bool perm_allows(const struct perm_caller *c, const struct perm_object *o, unsigned access);
/* The same by names, of an object that was looked up already. */
bool perm_allows_names(const struct ns_caller *who, const char *owner, const char *group,
                       uint16_t mode, unsigned access);
/* May not @c take @child out of @parent, because of the sticky bit? */
bool perm_sticky(const struct perm_caller *c, const struct perm_object *parent,
                 uint32_t child_owner);

/* "rwxr-xr-t" */
void perm_mode_text(uint16_t mode, char ret[10]);
/* "READ_EXECUTE" */
const char *perm_access_name(unsigned access);

/* An inode as messages show it: names and path instead of ids. */
struct perm_text {
        const char *path;
        size_t path_n;
        const char *owner, *group;
        uint16_t mode;
        bool directory;
};

enum bdfs_status perm_denied(const char *user, unsigned access, const struct perm_text *o,
                             struct bdfs_err *err);
enum bdfs_status perm_denied_sticky(const char *user, const struct perm_text *child,
                                    const struct perm_text *parent, struct bdfs_err *err);
enum bdfs_status perm_denied_owner(const char *user, const char *path, size_t n,
                                   struct bdfs_err *err);
/* @operation NULL: HDFS's short form. */
enum bdfs_status perm_denied_superuser(const char *user, const char *operation,
                                       struct bdfs_err *err);
