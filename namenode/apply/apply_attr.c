#include "namenode/apply/apply_internal.h"

/* Mode, owner, times, replication, storage policy. */

/* ---- setPermission, setOwner ---------------------------------------------------------------- */

/* An inode that the caller must own. */
static enum bdfs_status find_owned(struct apply *a, const ProtobufCBinaryData *bytes,
                                   unsigned walk, struct resolved *ret, struct bdfs_err *err)
{
        const struct perm_want want = {.owner = true};
        struct path path;
        enum bdfs_status rc = path_of_record(bytes->data, bytes->len, &path, err);

        if (rc == BDFS_OK && path.n == 10 && memcmp(path.text, "/.reserved", 10) == 0)
                rc = bdfs_fail(err, BDFS_INVALID_PATH, "Invalid path name /.reserved");
        if (rc == BDFS_OK)
                rc = apply_resolve(a, bytes, walk, &path, ret, err);
        if (rc == BDFS_OK && !resolved_exists(ret))
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "Directory/File does not exist %.*s",
                               (int)ret->path.n, ret->path.text);
        return rc != BDFS_OK ? rc : apply_permit(a, ret, &want, err);
}

/* Write the row; a directory of another kind is counted as such. */
static enum bdfs_status save(struct apply *a, const struct inode *before, const struct inode *row,
                             struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (row->type == INODE_DIRECTORY)
                rc = tree_reclassed(a, before, row, err);
        return rc != BDFS_OK ? rc : table_put_inode(a->t, row, err);
}

enum bdfs_status apply_op_set_permission(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__SetPermissionOp *op = a->record->set_permission;
        AUTO_RESOLVED struct resolved r = {0};
        uint16_t mode = (uint16_t)(op->mode & PERM_MODE_MASK);
        struct inode row;
        enum bdfs_status rc = find_owned(a, &op->path, 0, &r, err);

        if (rc != BDFS_OK || r.last.mode == mode)
                return rc;
        apply_writes(a);
        row = r.last;
        row.mode = mode;
        return save(a, &r.last, &row, err);
}

static bool is_member(const struct apply *a, const char *group)
{
        for (size_t i = 0; i < a->who.groups_n; i++)
                if (strcmp(a->who.groups[i], group) == 0)
                        return true;
        return false;
}

static enum bdfs_status check_owner(struct apply *a, const char *owner, const char *group,
                                    struct bdfs_err *err)
{
        if (strlen(owner) > USER_NAME_BYTES_MAX || strlen(group) > USER_NAME_BYTES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "a name is longer than %d bytes",
                                 USER_NAME_BYTES_MAX);
        if (a->caller.superuser)
                return BDFS_OK;
        if (owner[0] != '\0' && strcmp(owner, a->who.user) != 0)
                return bdfs_fail(err, BDFS_NOT_OWNER, "User %s is not a super user (non-super "
                                 "user cannot change owner).", a->who.user);
        if (group[0] != '\0' && !is_member(a, group))
                return bdfs_fail(err, BDFS_NOT_OWNER, "User %s does not belong to %s",
                                 a->who.user, group);
        return BDFS_OK;
}

/* Is the name (empty: no matter) the one with this id already? */
static enum bdfs_status same_name(struct apply *a, const char *name, uint32_t id, bool *ret,
                                  struct bdfs_err *err)
{
        uint32_t have;
        enum bdfs_status rc = BDFS_OK;

        *ret = true;
        if (name[0] == '\0')
                return BDFS_OK;
        rc = table_name_id(a->t, name, &have, err);
        *ret = have == id;
        return rc;
}

enum bdfs_status apply_op_set_owner(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__SetOwnerOp *op = a->record->set_owner;
        AUTO_RESOLVED struct resolved r = {0};
        bool same_owner = true, same_group = true;
        struct inode row;
        enum bdfs_status rc = find_owned(a, &op->path, op->no_follow ? PATH_WALK_NO_FOLLOW : 0,
                                         &r, err);

        if (rc == BDFS_OK)
                rc = check_owner(a, op->owner, op->group, err);
        if (rc == BDFS_OK)
                rc = same_name(a, op->owner, r.last.owner, &same_owner, err);
        if (rc == BDFS_OK)
                rc = same_name(a, op->group, r.last.group, &same_group, err);
        if (rc != BDFS_OK || (same_owner && same_group))
                return rc;
        apply_writes(a);
        row = r.last;
        if (!same_owner)
                rc = apply_intern(a, op->owner, &row.owner, err);
        if (rc == BDFS_OK && !same_group)
                rc = apply_intern(a, op->group, &row.group, err);
        return rc != BDFS_OK ? rc : save(a, &r.last, &row, err);
}

/* ---- attributes that come with the end of a file -------------------------------------------- */

static const char *or_empty(const char *name)
{
        return name == NULL ? "" : name;
}

/* The bytes count more: what the caller may not set (somebody gave the file away meanwhile) is left
 * as it is, and the file is closed. */
enum bdfs_status attributes_set(struct apply *a, const Bdfs__CompleteOp *op, struct inode *file,
                                struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;
        struct bdfs_err ignored;

        if ((!a->caller.superuser && a->caller.user != file->owner) ||
            check_owner(a, or_empty(op->owner), or_empty(op->group), &ignored) != BDFS_OK)
                return BDFS_OK;
        if (op->has_mtime && op->mtime >= 0)
                file->mtime = op->mtime;
        if (op->has_mode)
                file->mode = (uint16_t)(op->mode & PERM_MODE_MASK);
        if (op->has_atime && op->atime >= 0)
                file->atime = op->atime;
        if (or_empty(op->owner)[0] != '\0')
                rc = apply_intern(a, op->owner, &file->owner, err);
        if (rc == BDFS_OK && or_empty(op->group)[0] != '\0')
                rc = apply_intern(a, op->group, &file->group, err);
        return rc;
}

/* ---- setTimes ------------------------------------------------------------------------------- */

static bool is_link(const struct resolved *r)
{
        return resolved_exists(r) && r->last.type == INODE_SYMLINK;
}

/* HDFS asks for the right to write; POSIX for the owner, unless all that is set is "now". */
static enum bdfs_status permit_times(struct apply *a, const Bdfs__SetTimesOp *op,
                                     const struct resolved *r, struct bdfs_err *err)
{
        const struct perm_want writes = {.access = PERM_WRITE}, owns = {.owner = true};
        bool is_owner = resolved_exists(r) && r->last.owner == a->caller.user;

        if (is_link(r)) /* its mode lets everybody write */
                return apply_permit(a, r, &owns, err);
        if (!op->posix)
                return apply_permit(a, r, &writes, err);
        if (is_owner)
                return BDFS_OK;
        return apply_permit(a, r, op->mtime_now && op->atime_now ? &writes : &owns, err);
}

enum bdfs_status apply_op_set_times(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__SetTimesOp *op = a->record->set_times;
        const int64_t mtime = op->mtime_now ? a->now : op->mtime;
        const int64_t atime = op->atime_now ? a->now : op->atime;
        AUTO_RESOLVED struct resolved r = {0};
        struct path path;
        enum bdfs_status rc = apply_resolve(a, &op->path,
                                            op->no_follow ? PATH_WALK_NO_FOLLOW : 0, &path, &r,
                                            err);

        if (rc == BDFS_OK)
                rc = permit_times(a, op, &r, err);
        if (rc == BDFS_OK && !resolved_exists(&r))
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "File/Directory %.*s does not exist.",
                               (int)r.path.n, r.path.text);
        if (rc != BDFS_OK || (mtime < 0 && atime < 0))
                return rc;
        if ((mtime < 0 || mtime == r.last.mtime) && (atime < 0 || atime == r.last.atime))
                return BDFS_OK;
        apply_writes(a);
        if (mtime >= 0)
                r.last.mtime = mtime;
        if (atime >= 0)
                r.last.atime = atime;
        return table_put_inode(a->t, &r.last, err);
}

/* By the namenode itself, for somebody who may read the file. */
enum bdfs_status apply_op_touch_atime(struct apply *a, struct bdfs_err *err)
{
        struct inode row;
        enum bdfs_status rc = table_get_inode(a->t, a->record->touch_atime->inode, &row, err);

        if (rc == BDFS_OK)
                rc = path_is_attached(a->t, &row, err);
        if (rc != BDFS_OK || row.type != INODE_FILE || row.atime >= a->now)
                return rc;
        apply_writes(a);
        row.atime = a->now;
        return table_put_inode(a->t, &row, err);
}

/* ---- setReplication, setStoragePolicy ------------------------------------------------------- */

enum bdfs_status apply_op_set_replication(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__SetReplicationOp *op = a->record->set_replication;
        const struct perm_want want = {.access = PERM_WRITE};
        AUTO_RESOLVED struct resolved r = {0};
        struct path path;
        struct inode before;
        enum bdfs_status rc = path_of_record(op->path.data, op->path.len, &path, err);

        if (rc == BDFS_OK)
                rc = apply_replication(a, op->replication, &path, false, err);
        if (rc == BDFS_OK)
                rc = apply_resolve(a, &op->path, 0, &path, &r, err);
        if (rc == BDFS_OK)
                rc = apply_permit(a, &r, &want, err);
        if (rc != BDFS_OK)
                return rc;
        apply_value(a, resolved_exists(&r) && r.last.type == INODE_FILE);
        if (!a->result->value)
                return BDFS_OK;
        apply_inode(a, r.last.id);
        if (r.last.replication == op->replication)
                return BDFS_OK;
        apply_writes(a);
        before = r.last;
        r.last.replication = op->replication;
        rc = table_put_inode(a->t, &r.last, err);
        if (rc == BDFS_OK)
                rc = extents_replication(a->t, &r.last, err);
        return rc != BDFS_OK ? rc : tree_resized(a, &before, &r.last, err);
}

enum bdfs_status apply_op_set_policy(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__SetPolicyOp *op = a->record->set_policy;
        const struct perm_want want = {.access = PERM_WRITE};
        AUTO_RESOLVED struct resolved r = {0};
        struct path path;
        enum bdfs_status rc = apply_resolve(a, &op->path, 0, &path, &r, err);

        if (rc == BDFS_OK)
                rc = apply_permit(a, &r, &want, err);
        if (rc == BDFS_OK && !resolved_exists(&r))
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "File/Directory does not exist: %.*s",
                               (int)r.path.n, r.path.text);
        if (rc == BDFS_OK && op->policy > 15)
                rc = bdfs_fail(err, BDFS_INVALID, "there is no storage policy %" PRIu32,
                               op->policy);
        if (rc != BDFS_OK || r.last.policy == op->policy)
                return rc;
        apply_writes(a);
        r.last.policy = (uint8_t)op->policy;
        return table_put_inode(a->t, &r.last, err);
}
