#include "namenode/apply/apply_internal.h"

/* Names given and taken away, with everything that is counted beside them. */

/* ---- users and groups ----------------------------------------------------------------------- */

enum bdfs_status apply_intern(struct apply *a, const char *name, uint32_t *ret,
                              struct bdfs_err *err)
{
        enum bdfs_status rc = table_name_id(a->t, name, ret, err);

        if (rc != BDFS_OK || *ret != NAME_NONE)
                return rc;
        *ret = apply_counters(a)->name++;
        return table_put_name(a->t, *ret, name, err);
}

/* The caller's id, interned if need be. */
static enum bdfs_status apply_owner(struct apply *a, uint32_t *ret, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (a->caller.user == NAME_NONE)
                rc = apply_intern(a, a->who.user, &a->caller.user, err);
        *ret = a->caller.user;
        return rc;
}

/* ---- totals --------------------------------------------------------------------------------- */

static struct class class_of(const struct inode *dir)
{
        return (struct class){.owner = dir->owner, .group = dir->group, .mode = dir->mode,
                              .empty = dir->children == 0};
}

/* The numbers of one inode, @by 1 or -1 times. */
static enum bdfs_status count_one(struct apply *a, uint64_t parent, const struct inode *child,
                                  int by, struct bdfs_err *err)
{
        struct total_delta d = {0};
        struct class class;
        enum bdfs_status rc;

        if (child->type == INODE_FILE) {
                d.files = by;
                d.bytes = by * (int64_t)child->length;
                d.space = by * (int64_t)(child->length * child->replication);
        } else if (child->type == INODE_SYMLINK) {
                d.symlinks = by;
        } else {
                d.directories = by;
        }
        rc = totals_add(a->b->totals, parent, &d, err);
        if (rc != BDFS_OK || child->type != INODE_DIRECTORY)
                return rc;
        class = class_of(child);
        return totals_class(a->b->totals, parent, &class, by, err);
}

/* @dir is about to have other children, another mode or owner: its class changes above it. */
static enum bdfs_status reclass(struct apply *a, uint64_t parent, const struct class *before,
                                const struct class *after, struct bdfs_err *err)
{
        enum bdfs_status rc = totals_class(a->b->totals, parent, before, -1, err);

        return rc != BDFS_OK ? rc : totals_class(a->b->totals, parent, after, 1, err);
}

enum bdfs_status tree_reclassed(struct apply *a, const struct inode *before,
                                const struct inode *directory, struct bdfs_err *err)
{
        const struct class old = class_of(before), new = class_of(directory);

        if (directory->id == INODE_ROOT)
                return BDFS_OK;
        return reclass(a, directory->parent, &old, &new, err);
}

enum bdfs_status tree_resized(struct apply *a, const struct inode *before,
                              const struct inode *file, struct bdfs_err *err)
{
        struct total_delta d = {
                .bytes = (int64_t)(file->length - before->length),
                .space = (int64_t)(file->length * file->replication -
                                   before->length * before->replication),
        };

        if ((d.bytes | d.space) == 0 || (file->flags & INODE_DETACHED))
                return BDFS_OK;
        return totals_add(a->b->totals, file->parent, &d, err);
}

/* ---- names ---------------------------------------------------------------------------------- */

/* One entry more or less in @parent: its row, and its class when that changed. */
static enum bdfs_status change_children(struct apply *a, struct inode *parent, int by,
                                        struct bdfs_err *err)
{
        struct inode before;
        bool turned = by > 0 ? parent->children == 0 : parent->children == 1;
        enum bdfs_status rc = BDFS_OK;

        BDFS_ASSERT(parent->type == INODE_DIRECTORY);
        if (turned)
                before = *parent;
        parent->children += (uint32_t)by;
        parent->mtime = a->now;
        if (turned)
                rc = tree_reclassed(a, &before, parent, err);
        return rc != BDFS_OK ? rc : table_put_inode(a->t, parent, err);
}

/* Entry and rows; the caller counts. */
static enum bdfs_status link_rows(struct apply *a, struct inode *parent, struct inode *child,
                                  struct bdfs_err *err)
{
        const struct entry entry = {.inode = child->id, .type = child->type};
        enum bdfs_status rc;

        BDFS_ASSERT(child->name_n > 0);
        child->parent = parent->id;
        rc = table_put_entry(a->t, parent->id, child->name, child->name_n, &entry, err);
        if (rc == BDFS_OK)
                rc = change_children(a, parent, 1, err);
        if (rc == BDFS_OK)
                rc = count_one(a, parent->id, child, 1, err);
        return rc != BDFS_OK ? rc : table_put_inode(a->t, child, err);
}

enum bdfs_status tree_link(struct apply *a, struct inode *parent, struct inode *child,
                           struct bdfs_err *err)
{
        enum bdfs_status rc = link_rows(a, parent, child, err);

        if (rc != BDFS_OK || child->type != INODE_DIRECTORY)
                return rc;
        return totals_tree(a->t, a->b->totals, parent->id, child->id, 1, err);
}

enum bdfs_status tree_unlink(struct apply *a, struct inode *parent, const struct inode *child,
                             struct bdfs_err *err)
{
        enum bdfs_status rc;

        BDFS_ASSERT(child->parent == parent->id && parent->children > 0);
        rc = table_del_entry(a->t, parent->id, child->name, child->name_n, err);
        if (rc == BDFS_OK)
                rc = change_children(a, parent, -1, err);
        if (rc == BDFS_OK)
                rc = count_one(a, parent->id, child, -1, err);
        if (rc != BDFS_OK || child->type != INODE_DIRECTORY)
                return rc;
        return totals_tree(a->t, a->b->totals, parent->id, child->id, -1, err);
}

/* ---- new inodes ----------------------------------------------------------------------------- */

static void set_name(struct inode *row, const char *name, size_t n)
{
        BDFS_ASSERT(n <= NAME_BYTES_MAX);
        memcpy(row->name, name, n);
        row->name[n] = '\0';
        row->name_n = (uint8_t)n;
}

enum bdfs_status tree_make(struct apply *a, struct inode *parent, const struct tree_make *what,
                           struct inode *ret_child, struct bdfs_err *err)
{
        enum bdfs_status rc;

        ret_child->id = apply_counters(a)->inode++;
        ret_child->type = what->type;
        ret_child->group = parent->group;
        ret_child->mode = what->mode & PERM_MODE_MASK;
        ret_child->nlink = 1;
        ret_child->mtime = a->now;
        ret_child->atime = what->type == INODE_DIRECTORY ? 0 : a->now;
        set_name(ret_child, what->name, what->name_n);
        rc = apply_owner(a, &ret_child->owner, err);
        return rc != BDFS_OK ? rc : link_rows(a, parent, ret_child, err);
}

enum bdfs_status tree_make_parents(struct apply *a, const struct resolved *r, uint16_t mode,
                                   struct inode *ret_parent, struct bdfs_err *err)
{
        struct tree_make what = {.type = INODE_DIRECTORY, .mode = mode};
        size_t at = r->found == r->depth ? 0 : r->steps[r->found - 1].end;
        enum bdfs_status rc = BDFS_OK;

        *ret_parent = r->found >= r->depth - 1 ? r->parent : r->last;
        for (size_t i = r->found; i + 1 < r->depth && rc == BDFS_OK; i++) {
                struct inode child = {0};

                (void)path_next(&r->path, &at, &what.name, &what.name_n);
                rc = tree_make(a, ret_parent, &what, &child, err);
                *ret_parent = child;
        }
        return rc;
}

/* ---- mkdirs, createSymlink ------------------------------------------------------------------ */

enum bdfs_status apply_op_mkdirs(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__MkdirsOp *op = a->record->mkdirs;
        const struct perm_want want = {.ancestor = PERM_WRITE};
        AUTO_RESOLVED struct resolved r = {0};
        struct inode parent, child = {0};
        struct path path;
        enum bdfs_status rc;

        rc = apply_resolve(a, &op->path, PATH_WALK_CREATE, &path, &r, err);
        if (rc != BDFS_OK)
                return rc;
        apply_value(a, true);
        if (resolved_exists(&r)) {
                apply_inode(a, r.last.id);
                if (op->exclusive)
                        return bdfs_fail(err, BDFS_EXISTS, "%.*s already exists", (int)path.n,
                                         path.text);
                return r.last.type == INODE_DIRECTORY
                               ? BDFS_OK
                               : bdfs_fail(err, BDFS_EXISTS, "Path is not a directory: %.*s",
                                           (int)path.n, path.text);
        }
        rc = apply_permit(a, &r, &want, err);
        if (rc == BDFS_OK && !op->create_parent)
                rc = apply_parent(&r, err);
        if (rc == BDFS_OK)
                rc = apply_names(&r, err);
        if (rc != BDFS_OK)
                return rc;
        apply_writes(a);
        rc = tree_make_parents(a, &r, (uint16_t)((op->mode & 0777u) | 0300u), &parent, err);
        if (rc == BDFS_OK)
                rc = tree_make(a, &parent,
                               &(struct tree_make){.type = INODE_DIRECTORY,
                                                   .mode = (uint16_t)op->mode,
                                                   .name = r.name,
                                                   .name_n = r.name_n},
                               &child, err);
        apply_inode(a, child.id);
        return rc;
}

static enum bdfs_status check_symlink(struct apply *a, const Bdfs__SymlinkOp *op,
                                      const struct resolved *r, const struct path *link,
                                      struct bdfs_err *err)
{
        const struct perm_want want = {.ancestor = PERM_WRITE};
        const char *target = (const char *)op->target.data;
        enum bdfs_status rc;

        if (op->target.len == 0 || op->target.len > SYMLINK_BYTES_MAX ||
            memchr(target, 0, op->target.len) != NULL ||
            (op->target.len >= 10 && memcmp(target, "/.reserved", 10) == 0 &&
             (op->target.len == 10 || target[10] == '/')))
                return bdfs_fail(err, BDFS_INVALID_PATH, "Invalid path name Invalid target name: "
                                 "%.*s", (int)(op->target.len < 800 ? op->target.len : 800),
                                 target == NULL ? "" : target);
        rc = op->create_parent ? BDFS_OK : apply_parent(r, err);
        if (rc == BDFS_OK && resolved_exists(r))
                rc = bdfs_fail(err, BDFS_FAILED, "failed to create link %.*s either because the "
                               "filename is invalid or the file exists", (int)link->n, link->text);
        if (rc == BDFS_OK)
                rc = apply_permit(a, r, &want, err);
        return rc != BDFS_OK ? rc : apply_names(r, err);
}

enum bdfs_status apply_op_symlink(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__SymlinkOp *op = a->record->symlink;
        AUTO_RESOLVED struct resolved r = {0};
        struct inode parent, child = {0};
        struct path link;
        enum bdfs_status rc;

        rc = apply_resolve(a, &op->link, PATH_WALK_NO_FOLLOW, &link, &r, err);
        if (rc == BDFS_OK)
                rc = check_symlink(a, op, &r, &link, err);
        if (rc != BDFS_OK)
                return rc;
        apply_writes(a);
        rc = tree_make_parents(a, &r, (uint16_t)((r.last.mode & 0777u) | 0300u), &parent, err);
        if (rc == BDFS_OK)
                rc = tree_make(a, &parent,
                               &(struct tree_make){.type = INODE_SYMLINK, .mode = 0777,
                                                   .name = r.name, .name_n = r.name_n},
                               &child, err);
        if (rc == BDFS_OK)
                rc = table_put_target(a->t, child.id, (const char *)op->target.data,
                                      op->target.len, err);
        apply_inode(a, child.id);
        return rc;
}
