#include "namenode/apply/apply_internal.h"

/* Both renames. The old one moves into a directory and answers false; rename2 refuses by name. */

struct renaming {
        const Bdfs__RenameOp *op;
        struct path source_path, target_path;
        struct resolved source, target;
        bool nothing;            /* all is as asked for already */
        bool no;                 /* the old form's false */
};

/* ---- checks --------------------------------------------------------------------------------- */

static enum bdfs_status check_rights(struct apply *a, struct renaming *n, struct bdfs_err *err)
{
        const bool keep = n->op->keep_sticky && n->op->overwrite && resolved_exists(&n->target);
        const struct perm_want from = {.parent = PERM_WRITE};
        const struct perm_want to = {.ancestor = PERM_WRITE, .parent = keep ? PERM_WRITE : 0};
        enum bdfs_status rc = apply_permit(a, &n->source, &from, err);

        if (rc == BDFS_OK && n->op->to_trash)
                rc = apply_subtree(a, &n->source, PERM_ALL, err);
        return rc != BDFS_OK ? rc : apply_permit(a, &n->target, &to, err);
}

static enum bdfs_status resolve_both(struct apply *a, struct renaming *n, struct bdfs_err *err)
{
        enum bdfs_status rc = apply_resolve(a, &n->op->source, PATH_WALK_NO_FOLLOW,
                                            &n->source_path, &n->source, err);

        if (rc == BDFS_OK)
                rc = apply_resolve(a, &n->op->target, PATH_WALK_NO_FOLLOW | PATH_WALK_CREATE,
                                   &n->target_path, &n->target, err);
        if (rc != BDFS_OK || !n->op->legacy)
                return rc;
        if (n->source.depth == 1) {
                n->no = true; /* the root has no name to move under */
                return BDFS_OK;
        }
        if (!resolved_exists(&n->target) || n->target.last.type != INODE_DIRECTORY)
                return BDFS_OK;
        rc = resolved_append(a->t, &n->target, n->source.name, n->source.name_n, err);
        return rc != BDFS_OK ? rc : path_traverse(a->t, &n->target, &a->caller,
                                                  PATH_WALK_NO_FOLLOW | PATH_WALK_CREATE, err);
}

static bool same_path(const struct renaming *n)
{
        return n->source.path.n == n->target.path.n &&
               memcmp(n->source.path.text, n->target.path.text, n->source.path.n) == 0;
}

/* HDFS's validateDestination, but for links and /.reserved, which cannot be met here. */
static enum bdfs_status check_below(struct apply *a, const struct renaming *n,
                                    struct bdfs_err *err)
{
        const struct path *from = &n->source.path, *to = &n->target.path;
        const char *link;
        size_t link_n;
        enum bdfs_status rc;

        if (n->source.last.type == INODE_SYMLINK) {
                rc = table_get_target(a->t, n->source.last.id, &link, &link_n, err);
                if (rc != BDFS_OK)
                        return rc;
                if (link_n == to->n && memcmp(link, to->text, link_n) == 0)
                        return bdfs_fail(err, BDFS_EXISTS, "Cannot rename symlink %.*s to its "
                                         "target %.*s", (int)from->n, from->text, (int)to->n,
                                         to->text);
        }
        if (path_under(to, from))
                return bdfs_fail(err, BDFS_FAILED, "Rename destination %.*s is a directory or "
                                 "file under source %.*s", (int)to->n, to->text, (int)from->n,
                                 from->text);
        return BDFS_OK;
}

static enum bdfs_status check_names(const struct renaming *n, struct bdfs_err *err)
{
        struct path parent = resolved_path(&n->target, n->target.depth - 2);

        return apply_name(&parent, n->target.name, n->target.name_n, err);
}

/* The old form: anything that does not fit is false, but for a name that cannot be. */
static enum bdfs_status check_old(struct apply *a, struct renaming *n, struct bdfs_err *err)
{
        struct bdfs_err ignored;
        enum bdfs_status rc;

        n->no = true;
        if (!resolved_exists(&n->source))
                return BDFS_OK;
        if (same_path(n)) {
                n->no = false;
                n->nothing = true;
                return BDFS_OK;
        }
        rc = check_below(a, n, &ignored);
        if (rc != BDFS_OK)
                return rc == BDFS_EXISTS || rc == BDFS_FAILED ? BDFS_OK
                                                              : bdfs_fail(err, rc, "%s",
                                                                          ignored.text);
        if (resolved_exists(&n->target) || n->target.found < n->target.depth - 1)
                return BDFS_OK;
        n->no = false;
        return check_names(n, err);
}

/* HDFS's validateOverwrite. */
static enum bdfs_status check_overwrite(const struct renaming *n, struct bdfs_err *err)
{
        const struct path *from = &n->source.path, *to = &n->target.path;

        if ((n->source.last.type == INODE_DIRECTORY) != (n->target.last.type == INODE_DIRECTORY))
                return bdfs_fail(err, BDFS_FAILED, "Source %.*s and destination %.*s must both be "
                                 "directories", (int)from->n, from->text, (int)to->n, to->text);
        if (!n->op->overwrite)
                return bdfs_fail(err, BDFS_EXISTS, "rename destination %.*s already exists",
                                 (int)to->n, to->text);
        if (n->target.last.type == INODE_DIRECTORY && n->target.last.children > 0)
                return bdfs_fail(err, BDFS_FAILED, "rename destination directory is not empty: "
                                 "%.*s", (int)to->n, to->text);
        return BDFS_OK;
}

static enum bdfs_status check_new(struct apply *a, struct renaming *n, struct bdfs_err *err)
{
        const struct path *from = &n->source.path, *to = &n->target.path;
        enum bdfs_status rc;

        if (!resolved_exists(&n->source))
                return bdfs_fail(err, BDFS_NOT_FOUND, "rename source %.*s is not found.",
                                 (int)from->n, from->text);
        if (n->source.depth == 1)
                return bdfs_fail(err, BDFS_FAILED, "rename source cannot be the root");
        if (same_path(n))
                return bdfs_fail(err, BDFS_EXISTS, "The source %.*s and destination %.*s are the "
                                 "same", (int)from->n, from->text, (int)to->n, to->text);
        rc = check_below(a, n, err);
        if (rc != BDFS_OK)
                return rc;
        if (n->target.depth == 1)
                return bdfs_fail(err, BDFS_FAILED, "rename destination cannot be the root");
        rc = resolved_exists(&n->target) ? check_overwrite(n, err) : BDFS_OK;
        if (rc != BDFS_OK)
                return rc;
        if (n->target.found < n->target.depth - 1)
                return bdfs_fail(err, BDFS_NOT_FOUND, "rename destination parent %.*s not found.",
                                 (int)to->n, to->text);
        return resolved_exists(&n->target) ? BDFS_OK : check_names(n, err);
}

/* ---- the change ----------------------------------------------------------------------------- */

static enum bdfs_status move(struct apply *a, struct renaming *n, struct bdfs_err *err)
{
        struct inode *from = &n->source.parent, *child = &n->source.last;
        struct inode *to = n->target.parent.id == from->id ? from : &n->target.parent;
        enum bdfs_status rc = tree_unlink(a, from, child, err);

        if (rc == BDFS_OK && resolved_exists(&n->target))
                rc = tree_remove(a, to, &n->target.last, err);
        if (rc != BDFS_OK)
                return rc;
        memcpy(child->name, n->target.name, n->target.name_n);
        child->name[n->target.name_n] = '\0';
        child->name_n = (uint8_t)n->target.name_n;
        return tree_link(a, to, child, err);
}

static enum bdfs_status rename_it(struct apply *a, struct renaming *n, struct bdfs_err *err)
{
        enum bdfs_status rc = resolve_both(a, n, err);

        if (rc == BDFS_OK && !n->no)
                rc = check_rights(a, n, err);
        if (rc == BDFS_OK && !n->no)
                rc = n->op->legacy ? check_old(a, n, err) : check_new(a, n, err);
        if (rc != BDFS_OK)
                return rc;
        apply_value(a, !n->no);
        if (n->no || n->nothing)
                return BDFS_OK;
        apply_inode(a, n->source.last.id);
        apply_writes(a);
        return move(a, n, err);
}

enum bdfs_status apply_op_rename(struct apply *a, struct bdfs_err *err)
{
        struct renaming n = {.op = a->record->rename};
        enum bdfs_status rc = rename_it(a, &n, err);

        resolved_fini(&n.source);
        resolved_fini(&n.target);
        return rc;
}
