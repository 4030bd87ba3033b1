/*
 * mount.h - one mount: what all operations share, and one request while it is being answered.
 *
 * Owner:   main() owns the mount; a handle belongs to the kernel from open to release, or to the
 *          mount's end.
 * Threads: operations run on the session's threads, at most MOUNT_THREADS of them.
 */
#pragma once

#define FUSE_USE_VERSION 312

#include <fuse_lowlevel.h>

#include "fuse/attrs.h"
#include "fuse/buffers.h"
#include "fuse/conns.h"
#include "fuse/known.h"
#include "fuse/node.h"
#include "fuse/options.h"
#include "fuse/reader.h"

#define MOUNT_THREADS 64
#define MOUNT_ATTR_SECONDS 1.0     /* how old attributes and names may be */
#define MOUNT_CHANGED_MS 1000      /* how often a file that is read is asked after */
#define MOUNT_DIRECTORIES 65536    /* whose modes are remembered */
#define MOUNT_VERSIONS 65536       /* files whose pages the kernel may keep */
#define MOUNT_IO_BYTES (1u << 20)  /* the most that is read or written at once */
#define MOUNT_DOWN_MS 1000         /* how long a namenode that was found away is not asked again */
#define MOUNT_CLOSE_WAIT_MS 500    /* for the kernel to tell of a close */

struct handle;

struct mount {
        const struct mount_options *options;
        bool everybody;             /* acts for each calling uid */
        struct fuse_session *session;
        struct ids *ids;
        struct conns *conns;
        struct node_table *nodes;
        struct known *directories;  /* 1: public, 0: not every user may look up names in it */
        struct known *versions;     /* of files whose pages the kernel has */
        struct buffers *buffers;
        struct os_mutex lock;
        struct handle *handles;     /* guarded by: lock */
        int64_t logged_ms;          /* guarded by: lock */
        atomic_int_fast64_t down_until_ms; /* calls fail at once until then */
        void (*ready)(void *arg);   /* called once the kernel has said hello */
        void *ready_arg;
};

enum bdfs_status mount_init(struct mount *m, const struct mount_options *options,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
void mount_fini(struct mount *m); /* what is still open is closed; of zeros is fine */

/* ---- a request ------------------------------------------------------------------------------- */

struct call {
        struct mount *m;
        fuse_req_t req;
        const char *what;            /* the operation, for the log */
        uint64_t inode;
        struct conn *conn;           /* the caller's */
        struct bdfs *fs;
        char path[ATTRS_PATH_BYTES]; /* of inode, or of name in it */
        enum attrs_named named;
        bool data;                   /* a failure may be a datanode's */
        struct bdfs_err err;
};

/* False: the request is answered already, with an error. @name NULL: the inode itself. */
bool call_begin(struct call *c, fuse_req_t req, const char *what, fuse_ino_t number,
                const char *name);
/* The same through a handle, whose user counts; its failures may be a datanode's. */
void call_begin_handle(struct call *c, fuse_req_t req, const char *what, fuse_ino_t number,
                       const struct handle *h);
/* Answer with the errno of c->err. */
void call_fail(struct call *c);
/* Answer with 0, or with the errno of c->err when @rc is not OK. */
void call_answer(struct call *c, enum bdfs_status rc);
void call_end(struct call *c);
/* UNSUPPORTED for bits that HDFS does not keep. */
enum bdfs_status call_check_mode(struct call *c, mode_t mode) BDFS_MUST_CHECK;

/* Attributes for the kernel; what is being written here has its length so far. Frees @st. */
void call_attrs(struct mount *m, struct bdfs_stat *st, struct stat *ret);
/* An answer to a look-up in @directory. Frees @st. */
void call_entry(struct mount *m, uint64_t directory, struct bdfs_stat *st,
                struct fuse_entry_param *ret);

/* ---- open files (handle.c) ------------------------------------------------------------------- */

struct handle {
        struct handle *next, *previous; /* guarded by: mount.lock */
        struct mount *m;
        struct node *node;
        struct conn *conn;
        bool reads, writes, append;
        bool direct;     /* what it reads passes by the kernel's pages; set before it is used */
        struct os_mutex lock;
        bool active;     /* guarded by: lock; written since it, or a copy of it, was closed */
        unsigned closes; /* guarded by: lock; how often it was closed after it had written */
        struct reader reader;
        char path[ATTRS_PATH_BYTES];
};

/* NULL: no memory. Takes a reference to @conn. */
struct handle *handle_new(struct mount *m, uint64_t inode, struct conn *conn, int flags);
enum bdfs_status handle_free(struct handle *h, struct bdfs_err *err) BDFS_MUST_CHECK;
static inline struct handle *handle_of(const struct fuse_file_info *fi)
{
        return (struct handle *)(uintptr_t)fi->fh;
}

/* ---- the operations (ops_*.c) ---------------------------------------------------------------- */

extern const struct fuse_lowlevel_ops mount_operations;


void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
               const char *newname, unsigned flags);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void op_readlink(fuse_req_t req, fuse_ino_t ino);

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                struct fuse_file_info *fi);
void op_access(fuse_req_t req, fuse_ino_t ino, int mask);
void op_statfs(fuse_req_t req, fuse_ino_t ino);

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
               struct fuse_file_info *fi);
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t n, off_t offset, struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *from, size_t n, off_t offset,
              struct fuse_file_info *fi);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t n, off_t offset, struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t n, off_t offset,
                    struct fuse_file_info *fi);
void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
