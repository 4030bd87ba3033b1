/* Operations on attributes. */
#include <errno.h>
#include <unistd.h>

#include "common/limits.h"
#include "fuse/mount.h"

#define STATFS_BLOCK_BYTES 4096

static bool begin_either(struct call *c, fuse_req_t req, const char *what, fuse_ino_t ino,
                         const struct fuse_file_info *fi)
{
        if (fi == NULL || fi->fh == 0)
                return call_begin(c, req, what, ino, NULL);
        call_begin_handle(c, req, what, ino, handle_of(fi));
        return true;
}

static void answer_attr(struct call *c)
{
        struct bdfs_stat st;
        struct stat attr;
        enum bdfs_status rc = bdfs_lstat(c->fs, c->path, &st, &c->err);
        bool deleted = rc == BDFS_NOT_FOUND && node_table_recall(c->m->nodes, c->inode, &st);

        if (rc != BDFS_OK && !deleted) {
                call_fail(c);
                return;
        }
        call_attrs(c->m, &st, &attr);
        if (deleted)
                attr.st_nlink = 0;
        (void)fuse_reply_attr(c->req, &attr, MOUNT_ATTR_SECONDS);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
        struct call c;

        if (!begin_either(&c, req, "getattr", ino, fi))
                return;
        answer_attr(&c);
        call_end(&c);
}

/* ---- changes --------------------------------------------------------------------------------- */

/* An owner or group without a number here shows as IDS_NOBODY: copying that number must not change
 * it. */
static enum bdfs_status keep_nobody(struct call *c, const struct stat *attr, int *to_set)
{
        bool user = (*to_set & FUSE_SET_ATTR_UID) && attr->st_uid == IDS_NOBODY;
        bool group = (*to_set & FUSE_SET_ATTR_GID) && attr->st_gid == IDS_NOBODY;
        struct bdfs_stat st;

        if (!user && !group)
                return BDFS_OK;
        if (bdfs_lstat(c->fs, c->path, &st, &c->err) != BDFS_OK)
                return c->err.status;
        if (user && ids_uid(c->m->ids, st.owner) == IDS_NOBODY)
                *to_set &= ~FUSE_SET_ATTR_UID;
        if (group && ids_gid(c->m->ids, st.group) == IDS_NOBODY)
                *to_set &= ~FUSE_SET_ATTR_GID;
        bdfs_stat_fini(&st);
        return BDFS_OK;
}

static enum bdfs_status set_owner(struct call *c, struct node *n, const struct stat *attr,
                                  int to_set)
{
        char user_room[OS_NAME_BYTES], group_room[OS_NAME_BYTES], *owner = NULL, *group = NULL;

        if (keep_nobody(c, attr, &to_set) != BDFS_OK)
                return c->err.status;
        if ((to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) == 0)
                return BDFS_OK;
        if (to_set & FUSE_SET_ATTR_UID)
                ids_user_name(c->m->ids, attr->st_uid, owner = user_room);
        if (to_set & FUSE_SET_ATTR_GID)
                ids_group_name(c->m->ids, attr->st_gid, group = group_room);
        if (n != NULL && kept_owner(&n->kept, c->conn, owner, group))
                return BDFS_OK;
        if ((n != NULL && node_settle(n, &c->err) != BDFS_OK) ||
            bdfs_lchown(c->fs, c->path, owner, group, &c->err) != BDFS_OK)
                return c->err.status;
        if (n != NULL)
                kept_asked(&n->kept, NULL, owner, group);
        return BDFS_OK;
}

static int64_t time_of(const struct timespec *ts, int to_set, int set)
{
        if (!(to_set & set))
                return -1;
        return (int64_t)ts->tv_sec * 1000 + ts->tv_nsec / 1000000;
}

/* A file being written is completed first, unless the times can go with its end, which would set
 * them anew. */
static enum bdfs_status set_times(struct call *c, struct node *n, const struct stat *attr,
                                  int to_set)
{
        const struct bdfs_times times = {
                .mtime_ms = time_of(&attr->st_mtim, to_set, FUSE_SET_ATTR_MTIME),
                .atime_ms = time_of(&attr->st_atim, to_set, FUSE_SET_ATTR_ATIME),
                .mtime_now = (to_set & FUSE_SET_ATTR_MTIME_NOW) != 0,
                .atime_now = (to_set & FUSE_SET_ATTR_ATIME_NOW) != 0,
        };

        if ((to_set & FUSE_SET_ATTR_MTIME && attr->st_mtim.tv_sec < 0) ||
            (to_set & FUSE_SET_ATTR_ATIME && attr->st_atim.tv_sec < 0))
                return bdfs_fail(&c->err, BDFS_UNSUPPORTED, "times before 1970");
        if (n != NULL && kept_times(&n->kept, c->conn, &times))
                return BDFS_OK;
        if (n != NULL && node_finish(n, &c->err) != BDFS_OK)
                return c->err.status;
        return bdfs_posix_times(c->fs, c->path, &times, &c->err);
}

static enum bdfs_status set_mode(struct call *c, struct node *n, mode_t mode)
{
        const uint32_t bits = mode & 07777;

        if (call_check_mode(c, mode) != BDFS_OK)
                return c->err.status;
        if (n != NULL && kept_mode(&n->kept, c->conn, bits))
                return BDFS_OK;
        if ((n != NULL && node_settle(n, &c->err) != BDFS_OK) ||
            bdfs_chmod(c->fs, c->path, bits, &c->err) != BDFS_OK)
                return c->err.status;
        if (n != NULL)
                kept_asked(&n->kept, &bits, NULL, NULL);
        return BDFS_OK;
}

static enum bdfs_status set_all(struct call *c, const struct stat *attr, int to_set, bool opened)
{
        const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME;
        const int now = FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW;
        struct node *n = node_table_find(c->m->nodes, c->inode);
        enum bdfs_status rc = BDFS_OK;

        if (to_set & FUSE_SET_ATTR_SIZE) {
                rc = node_truncate(n, c->conn, c->path, (uint64_t)attr->st_size, opened, &c->err);
                if (to_set & FUSE_SET_ATTR_MTIME_NOW) /* cutting sets the time */
                        to_set &= ~(times | now);
        }
        if (rc == BDFS_OK && (to_set & FUSE_SET_ATTR_MODE))
                rc = set_mode(c, n, attr->st_mode);
        if (rc == BDFS_OK && (to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)))
                rc = set_owner(c, n, attr, to_set);
        if (rc == BDFS_OK && (to_set & (times | now)))
                rc = set_times(c, n, attr, to_set);
        node_table_put(c->m->nodes, n);
        return rc;
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                struct fuse_file_info *fi)
{
        struct call c;
        enum bdfs_status rc;

        if (!begin_either(&c, req, "setattr", ino, fi))
                return;
        rc = set_all(&c, attr, to_set, fi != NULL && fi->fh != 0);
        if (rc == BDFS_SYMLINK) /* owner and times are its own */
                rc = bdfs_fail(&c.err, BDFS_UNSUPPORTED, "the mode of a symbolic link");
        if (rc != BDFS_OK)
                call_fail(&c);
        else
                answer_attr(&c);
        call_end(&c);
}

/* ---- questions ------------------------------------------------------------------------------- */

/* A superuser may do all but run a file that nobody may run. */
static enum bdfs_status check_runs(struct call *c)
{
        struct bdfs_stat st;
        bool runs;

        if (bdfs_lstat(c->fs, c->path, &st, &c->err) != BDFS_OK)
                return c->err.status;
        runs = st.type != BDFS_TYPE_FILE || (st.mode & 0111) != 0;
        bdfs_stat_fini(&st);
        return runs ? BDFS_OK : bdfs_fail(&c->err, BDFS_PERMISSION, "no execute permission");
}

void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
        struct bdfs_stat st;
        struct call c;
        enum bdfs_status rc;

        if (!call_begin(&c, req, "access", ino, NULL))
                return;
        if ((mask & (R_OK | W_OK | X_OK)) != 0) {
                rc = bdfs_access(c.fs, c.path, (unsigned)mask & 7, &c.err);
                if (rc == BDFS_OK && (mask & X_OK) != 0)
                        rc = check_runs(&c);
        } else {
                rc = bdfs_lstat(c.fs, c.path, &st, &c.err);
                if (rc == BDFS_OK)
                        bdfs_stat_fini(&st);
        }
        call_answer(&c, rc);
        call_end(&c);
}

/* In bytes that files may have, each of which takes @copies on the disks. Inodes have no limit of
 * their own: each needs at least a block's space to be worth one. */
static void fill_statfs(const struct bdfs_space *space, uint32_t copies, struct statvfs *ret)
{
        uint64_t unit = (uint64_t)STATFS_BLOCK_BYTES * (copies == 0 ? 1 : copies);

        *ret = (struct statvfs){
                .f_bsize = STATFS_BLOCK_BYTES,
                .f_frsize = STATFS_BLOCK_BYTES,
                .f_blocks = space->capacity / unit,
                .f_bfree = space->remaining / unit,
                .f_bavail = space->remaining / unit,
                .f_files = space->inodes + space->remaining / unit,
                .f_ffree = space->remaining / unit,
                .f_favail = space->remaining / unit,
                .f_namemax = NAME_BYTES_MAX,
        };
}

void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
        struct bdfs_defaults defaults;
        struct bdfs_space space;
        struct statvfs s;
        struct call c;

        if (!call_begin(&c, req, "statfs", ino == 0 ? FUSE_ROOT_ID : ino, NULL))
                return;
        if (bdfs_space(c.fs, &space, &c.err) != BDFS_OK ||
            bdfs_defaults(c.fs, &defaults, &c.err) != BDFS_OK) {
                call_fail(&c);
        } else {
                fill_statfs(&space, defaults.replication, &s);
                (void)fuse_reply_statfs(req, &s);
        }
        call_end(&c);
}
