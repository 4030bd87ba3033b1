#include "namenode/tree/path.h"

#include <string.h>

/* What a caller may do along a resolved path; HDFS's order of checks and words. */

enum bdfs_status perm_load(struct store_txn *t, const struct ns_caller *who, uint32_t *groups,
                           struct perm_caller *ret, struct bdfs_err *err)
{
        enum bdfs_status rc;

        *ret = (struct perm_caller){.who = who, .groups = groups, .superuser = who->superuser};
        rc = table_name_id(t, who->user, &ret->user, err);
        if (rc != BDFS_OK || who->superuser)
                return rc;
        for (size_t i = 0; i < who->groups_n; i++) {
                uint32_t id;

                rc = table_name_id(t, who->groups[i], &id, err);
                if (rc != BDFS_OK)
                        return rc;
                if (id != NAME_NONE)
                        groups[ret->groups_n++] = id;
        }
        return BDFS_OK;
}

/* The object's names and its path up to step @i, for a message. */
static enum bdfs_status resolved_text(struct store_txn *t, const struct resolved *r, size_t i,
                                      struct perm_text *ret, struct bdfs_err *err)
{
        const struct resolved_step *s = &r->steps[i];
        struct path p = resolved_path(r, i);
        enum bdfs_status rc;

        *ret = (struct perm_text){.path = p.text, .path_n = p.n, .mode = s->object.mode,
                                  .directory = s->object.directory};
        rc = table_name(t, s->object.owner, &ret->owner, err);
        if (rc != BDFS_OK)
                return rc;
        return table_name(t, s->object.group, &ret->group, err);
}

static enum bdfs_status check_step(struct store_txn *t, const struct resolved *r, size_t i,
                                   const struct perm_caller *c, unsigned access,
                                   struct bdfs_err *err)
{
        struct perm_text text;
        enum bdfs_status rc;

        if (perm_allows(c, &r->steps[i].object, access))
                return BDFS_OK;
        rc = resolved_text(t, r, i, &text, err);
        return rc != BDFS_OK ? rc : perm_denied(c->who->user, access, &text, err);
}

/* ---- symlinks ------------------------------------------------------------------------------- */

/* "/a/../b/./c" without its dots, in place. */
static void drop_dots(struct buf *b)
{
        struct path p = {.text = (const char *)b->data, .n = b->n};
        uint8_t *out = b->data;
        size_t at = 0, n, to = 0;
        const char *name;

        while (path_next(&p, &at, &name, &n)) {
                if (n == 1 && name[0] == '.')
                        continue;
                if (n == 2 && name[0] == '.' && name[1] == '.') {
                        while (to > 0 && out[--to] != '/')
                                ;
                        continue;
                }
                memmove(out + to + 1, name, n); /* never runs ahead of what is read */
                out[to] = '/';
                to += n + 1;
        }
        if (to == 0)
                out[to++] = '/';
        b->n = to;
}

/* Where the path leads when the link at step @i is followed once. */
static enum bdfs_status unresolved(struct store_txn *t, const struct resolved *r, size_t i,
                                   struct bdfs_err *err)
{
        const char *target;
        size_t n;
        struct buf to;
        struct path before = resolved_path(r, i - 1);
        enum bdfs_status rc = table_get_target(t, r->steps[i].id, &target, &n, err);

        if (rc != BDFS_OK)
                return rc;
        buf_init(&to, 0);
        if (target[0] != '/') {
                buf_add(&to, before.text, before.n);
                buf_u8(&to, '/');
        }
        buf_add(&to, target, n);
        buf_add(&to, r->path.text + r->steps[i].end, r->path.n - r->steps[i].end);
        if (!to.bad)
                drop_dots(&to);
        rc = bdfs_fail(err, to.bad ? BDFS_NO_MEMORY : BDFS_SYMLINK, "%.*s", (int)to.n,
                       to.bad ? "" : (const char *)to.data);
        buf_fini(&to);
        return rc;
}

/* ---- the walk ------------------------------------------------------------------------------- */

static enum bdfs_status check_directory(struct store_txn *t, const struct resolved *r, size_t i,
                                        unsigned walk, struct bdfs_err *err)
{
        struct path p;

        if (r->steps[i].type == INODE_DIRECTORY)
                return BDFS_OK;
        if (r->steps[i].type == INODE_SYMLINK)
                return unresolved(t, r, i, err);
        p = resolved_path(r, i);
        return bdfs_fail(err, walk & PATH_WALK_CREATE ? BDFS_NOT_DIRECTORY : BDFS_PERMISSION,
                         "%.*s (is not a directory)", (int)p.n, p.text);
}

enum bdfs_status path_traverse(struct store_txn *t, const struct resolved *r,
                               const struct perm_caller *c, unsigned walk, struct bdfs_err *err)
{
        size_t ancestors = r->found < r->depth ? r->found : r->depth - 1;
        enum bdfs_status rc;

        for (size_t i = 0; i < ancestors; i++) {
                rc = check_directory(t, r, i, walk, err);
                if (rc == BDFS_OK)
                        rc = check_step(t, r, i, c, PERM_EXECUTE, err);
                if (rc != BDFS_OK)
                        return rc;
        }
        if (resolved_exists(r) && !(walk & PATH_WALK_NO_FOLLOW) && r->last.type == INODE_SYMLINK)
                return unresolved(t, r, r->found - 1, err);
        return BDFS_OK;
}

static enum bdfs_status check_sticky(struct store_txn *t, const struct resolved *r,
                                     const struct perm_caller *c, struct bdfs_err *err)
{
        size_t i = r->depth - 1;
        struct perm_text child, parent;
        enum bdfs_status rc;

        if (!perm_sticky(c, &r->steps[i - 1].object, r->steps[i].object.owner))
                return BDFS_OK;
        rc = resolved_text(t, r, i, &child, err);
        if (rc == BDFS_OK)
                rc = resolved_text(t, r, i - 1, &parent, err);
        return rc != BDFS_OK ? rc : perm_denied_sticky(c->who->user, &child, &parent, err);
}

enum bdfs_status path_permit(struct store_txn *t, const struct resolved *r,
                             const struct perm_caller *c, const struct perm_want *want,
                             struct bdfs_err *err)
{
        size_t last = r->depth - 1;
        size_t ancestor = r->found < r->depth ? r->found - 1 : last - 1; /* with depth > 1 */
        enum bdfs_status rc = BDFS_OK;

        if (c->superuser)
                return BDFS_OK;
        if ((want->parent & PERM_WRITE) && r->depth > 1 && resolved_exists(r))
                rc = check_sticky(t, r, c, err);
        if (rc == BDFS_OK && want->ancestor != 0 && r->depth > 1)
                rc = check_step(t, r, ancestor, c, want->ancestor, err);
        if (rc == BDFS_OK && want->parent != 0 && r->depth > 1 && r->found >= last)
                rc = check_step(t, r, last - 1, c, want->parent, err);
        if (rc == BDFS_OK && want->access != 0 && resolved_exists(r))
                rc = check_step(t, r, last, c, want->access, err);
        if (rc == BDFS_OK && want->owner && resolved_exists(r) &&
            r->steps[last].object.owner != c->user)
                rc = perm_denied_owner(c->who->user, r->path.text, r->path.n, err);
        return rc;
}
