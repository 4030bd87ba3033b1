/* Operations on names in directories. */
#include <errno.h>
#include <string.h>

#include "common/limits.h"
#include "fuse/mount.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1u
#endif

/* Answer with what the name of @c is now. */
static void answer_entry(struct call *c)
{
        struct fuse_entry_param e;
        struct bdfs_stat st;

        if (bdfs_lstat(c->fs, c->path, &st, &c->err) != BDFS_OK) {
                call_fail(c);
                return;
        }
        call_entry(c->m, c->inode, &st, &e);
        (void)fuse_reply_entry(c->req, &e);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
        struct call c;

        if (!call_begin(&c, req, "lookup", parent, name))
                return;
        answer_entry(&c);
        call_end(&c);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
        struct call c;

        if (!call_begin(&c, req, "mkdir", parent, name))
                return;
        if (call_check_mode(&c, mode) != BDFS_OK ||
            bdfs_mkdir_new(c.fs, c.path, mode & 07777, &c.err) != BDFS_OK)
                call_fail(&c);
        else
                answer_entry(&c);
        call_end(&c);
}

/* ---- taking names away ----------------------------------------------------------------------- */

/* Would taking this name away, or giving it to another, leave an open file without its bytes? */
static enum bdfs_status check_not_open(struct call *c, const char *path, bool writers_only)
{
        struct bdfs_stat st;
        bool is_file;
        uint64_t inode;

        if (!node_table_any(c->m->nodes))
                return BDFS_OK;
        if (bdfs_lstat(c->fs, path, &st, &c->err) != BDFS_OK)
                return c->err.status;
        is_file = st.type == BDFS_TYPE_FILE;
        inode = st.inode;
        bdfs_stat_fini(&st);
        if (!is_file ||
            node_table_wait_closed(c->m->nodes, inode, writers_only, MOUNT_CLOSE_WAIT_MS))
                return BDFS_OK;
        return bdfs_fail(&c->err, BDFS_UNSUPPORTED,
                         "the file is open here; an open file cannot lose its name yet");
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
        struct call c;
        enum bdfs_status rc;

        if (!call_begin(&c, req, "unlink", parent, name))
                return;
        rc = check_not_open(&c, c.path, false);
        if (rc == BDFS_OK)
                rc = bdfs_delete(c.fs, c.path, false, &c.err);
        call_answer(&c, rc);
        call_end(&c);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
        struct call c;

        if (!call_begin(&c, req, "rmdir", parent, name))
                return;
        call_answer(&c, bdfs_delete(c.fs, c.path, false, &c.err));
        call_end(&c);
}

/* HDFS has one word for several reasons why a name cannot replace another: find which it is. */
static void name_reason(struct call *c, const char *to)
{
        struct bdfs_stat from_st, to_st;
        bool from_dir, to_dir;
        int64_t children;
        struct bdfs_err why;

        if ((c->err.status != BDFS_FAILED && c->err.status != BDFS_EXISTS) ||
            bdfs_lstat(c->fs, c->path, &from_st, &why) != BDFS_OK)
                return;
        from_dir = from_st.type == BDFS_TYPE_DIRECTORY;
        bdfs_stat_fini(&from_st);
        if (bdfs_lstat(c->fs, to, &to_st, &why) != BDFS_OK)
                return;
        to_dir = to_st.type == BDFS_TYPE_DIRECTORY;
        children = to_st.children;
        bdfs_stat_fini(&to_st);
        if (from_dir && !to_dir)
                c->err.status = BDFS_NOT_DIRECTORY;
        else if (!from_dir && to_dir)
                c->err.status = BDFS_IS_DIRECTORY;
        else if (to_dir && children != 0)
                c->err.status = BDFS_NOT_EMPTY;
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
               const char *newname, unsigned flags)
{
        char to[ATTRS_PATH_BYTES];
        struct call c;
        enum bdfs_status rc = BDFS_OK;

        if ((flags & ~RENAME_NOREPLACE) != 0) {
                (void)fuse_reply_err(req, EOPNOTSUPP); /* exchange, whiteout */
                return;
        }
        if (strlen(newname) > NAME_BYTES_MAX) {
                (void)fuse_reply_err(req, ENAMETOOLONG);
                return;
        }
        if (!call_begin(&c, req, "rename", parent, name))
                return;
        attrs_path(attrs_inode_of(newparent), newname, to);
        if (flags == 0)
                rc = check_not_open(&c, to, true);
        if (rc == BDFS_NOT_FOUND)
                rc = BDFS_OK; /* nothing is replaced */
        if (rc == BDFS_OK)
                rc = bdfs_rename(c.fs, c.path, to, flags == 0, &c.err);
        if (rc != BDFS_OK && flags == 0)
                name_reason(&c, to);
        call_answer(&c, rc);
        call_end(&c);
}

/* ---- symlinks -------------------------------------------------------------------------------- */

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
        struct bdfs_stat st;
        struct bdfs_err why;
        struct call c;

        if (!call_begin(&c, req, "symlink", parent, name))
                return;
        if (bdfs_symlink(c.fs, target, c.path, &c.err) == BDFS_OK) {
                answer_entry(&c);
        } else if (c.err.status == BDFS_FAILED && /* that is also said of a name that is taken */
                   bdfs_lstat(c.fs, c.path, &st, &why) == BDFS_OK) {
                bdfs_stat_fini(&st);
                (void)fuse_reply_err(req, EEXIST);
        } else {
                call_fail(&c);
        }
        call_end(&c);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
        struct bdfs_stat st;
        struct call c;

        if (!call_begin(&c, req, "readlink", ino, NULL))
                return;
        if (bdfs_lstat(c.fs, c.path, &st, &c.err) != BDFS_OK) {
                call_fail(&c);
        } else {
                if (st.type == BDFS_TYPE_SYMLINK && st.target != NULL)
                        (void)fuse_reply_readlink(req, st.target);
                else
                        (void)fuse_reply_err(req, EINVAL);
                bdfs_stat_fini(&st);
        }
        call_end(&c);
}
