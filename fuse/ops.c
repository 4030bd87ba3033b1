/* The table of operations, and those that are not there yet: they say so. */
#include <errno.h>

#include "fuse/mount.h"

static void op_init(void *mount, struct fuse_conn_info *conn)
{
        struct mount *m = mount;

        /* the kernel clears set-id bits, by asking for it */
        conn->want &= ~(unsigned)FUSE_CAP_HANDLE_KILLPRIV;
        conn->want &= ~(unsigned)FUSE_CAP_ASYNC_DIO; /* the pieces of a write come in order */
        conn->want |= conn->capable & FUSE_CAP_PARALLEL_DIROPS;
        conn->max_readahead = MOUNT_IO_BYTES;
        conn->max_write = MOUNT_IO_BYTES;
        conn->max_background = MOUNT_THREADS;
        conn->congestion_threshold = MOUNT_THREADS * 3 / 4;
        conn->time_gran = 1000000; /* the cluster keeps milliseconds */
        m->ready(m->ready_arg);
}

/* ---- not yet --------------------------------------------------------------------------------- */

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
        (void)parent, (void)name, (void)mode, (void)device;
        (void)fuse_reply_err(req, EOPNOTSUPP);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
        (void)ino, (void)newparent, (void)newname;
        (void)fuse_reply_err(req, EOPNOTSUPP);
}

/* Without these the kernel would keep locks for this host alone. */
static void op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock)
{
        (void)ino, (void)fi, (void)lock;
        (void)fuse_reply_err(req, EOPNOTSUPP);
}

static void op_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
                     struct flock *lock, int sleep)
{
        (void)ino, (void)fi, (void)lock, (void)sleep;
        (void)fuse_reply_err(req, EOPNOTSUPP);
}

static void op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op)
{
        (void)ino, (void)fi, (void)op;
        (void)fuse_reply_err(req, EOPNOTSUPP);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                         struct fuse_file_info *fi)
{
        (void)ino, (void)mode, (void)offset, (void)length, (void)fi;
        (void)fuse_reply_err(req, EOPNOTSUPP);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
                     struct fuse_file_info *fi)
{
        (void)ino, (void)offset, (void)whence, (void)fi; /* SEEK_DATA and SEEK_HOLE only */
        (void)fuse_reply_err(req, EOPNOTSUPP);
}

/* Every change of names is in the journal when it is answered. */
static void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
        (void)ino, (void)datasync, (void)fi;
        (void)fuse_reply_err(req, 0);
}

/* Extended attributes, ioctl and copy_file_range have no entry: libfuse says so in a way that the
 * kernel remembers and turns into ENOTSUP (ENOTTY for ioctl, a plain copy for the last). */
const struct fuse_lowlevel_ops mount_operations = {
        .init = op_init,
        .lookup = op_lookup,
        .getattr = op_getattr,
        .setattr = op_setattr,
        .readlink = op_readlink,
        .mknod = op_mknod,
        .mkdir = op_mkdir,
        .unlink = op_unlink,
        .rmdir = op_rmdir,
        .symlink = op_symlink,
        .rename = op_rename,
        .link = op_link,
        .open = op_open,
        .read = op_read,
        .write = op_write,
        .flush = op_flush,
        .release = op_release,
        .fsync = op_fsync,
        .opendir = op_opendir,
        .readdir = op_readdir,
        .readdirplus = op_readdirplus,
        .releasedir = op_releasedir,
        .fsyncdir = op_fsyncdir,
        .statfs = op_statfs,
        .access = op_access,
        .create = op_create,
        .getlk = op_getlk,
        .setlk = op_setlk,
        .flock = op_flock,
        .fallocate = op_fallocate,
        .lseek = op_lseek,
};
