/* Opening, reading and writing files. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "common/log.h"
#include "fuse/mount.h"

#define OPEN_TO_EXECUTE 0x20 /* the kernel's __FMODE_EXEC */
#define MODE_NONE 0200       /* for a moment, of what is created with mode 0 */
#define CLOSES_MAX 16        /* of copies of a handle that complete the file: each costs a block */

/* ---- opening --------------------------------------------------------------------------------- */

/* May the kernel keep the pages it has? What it knows of a file that changed is dropped. */
static void judge_pages(struct call *c, struct handle *h, uint64_t version,
                        struct fuse_file_info *fi)
{
        uint64_t old;

        if (atomic_load(&h->node->shown) != NODE_NOT_WRITTEN) {
                fi->direct_io = h->direct = 1; /* it grows under the reader's eyes */
                return;
        }
        if (!known_swap(c->m->versions, c->inode, version, &old))
                return;
        if (old == version) {
                fi->keep_cache = 1;
                return;
        }
        reader_is_of(&h->reader, node_table_new_generation(c->m->nodes, h->node));
        /* the length; the kernel drops the pages itself. It may not know the inode any more. */
        (void)fuse_lowlevel_notify_inval_inode(c->m->session, attrs_number_of(c->inode), -1, 0);
}

static enum bdfs_status open_to_read(struct call *c, struct handle *h, struct fuse_file_info *fi)
{
        uint64_t version, generation = node_table_generation(c->m->nodes, h->node);

        if (node_show(h->node, &c->err) != BDFS_OK ||
            reader_open(&h->reader, c->fs, h->path, generation, &version, &c->err) != BDFS_OK)
                return c->err.status;
        fi->noflush = 1;
        judge_pages(c, h, version, fi);
        return BDFS_OK;
}

/* The pipeline is opened by the first write; here only the right to it is asked for. */
static enum bdfs_status open_to_write(struct call *c, struct handle *h, struct fuse_file_info *fi)
{
        bool cut = (fi->flags & O_TRUNC) != 0;
        unsigned access = (cut ? 0u : 2u) | (h->reads ? 4u : 0u);

        if (access != 0 && bdfs_access(c->fs, c->path, access, &c->err) != BDFS_OK)
                return c->err.status;
        if (cut && node_truncate(h->node, c->conn, c->path, 0, false, &c->err) != BDFS_OK)
                return c->err.status;
        fi->direct_io = h->direct = 1;
        return BDFS_OK;
}

static enum bdfs_status open_handle(struct call *c, struct fuse_file_info *fi,
                                    struct handle **ret)
{
        struct handle *h;
        enum bdfs_status rc = BDFS_OK;
        struct bdfs_err ignored;

        if ((fi->flags & OPEN_TO_EXECUTE) != 0 &&
            bdfs_access(c->fs, c->path, 1, &c->err) != BDFS_OK)
                return c->err.status;
        h = handle_new(c->m, c->inode, c->conn, fi->flags);
        if (h == NULL)
                return bdfs_fail(&c->err, BDFS_NO_MEMORY, "no memory");
        if (h->writes || (fi->flags & O_TRUNC) != 0)
                rc = open_to_write(c, h, fi);
        else
                rc = open_to_read(c, h, fi);
        if (rc != BDFS_OK) {
                BDFS_IGNORE(handle_free(h, &ignored)); /* nothing was written */
                return rc;
        }
        *ret = h;
        fi->fh = (uintptr_t)h;
        return BDFS_OK;
}

/* The kernel did not take the answer, so it will not release the handle. */
static void drop_unheard(struct handle *h)
{
        struct bdfs_err err;

        if (handle_free(h, &err) != BDFS_OK)
                log_warn("closing a file failed whose opener is gone: %s", err.text);
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
        struct handle *h;
        struct call c;

        if (!call_begin(&c, req, "open", ino, NULL))
                return;
        c.data = true;
        if (open_handle(&c, fi, &h) != BDFS_OK)
                call_fail(&c);
        else if (fuse_reply_open(req, fi) != 0)
                drop_unheard(h);
        call_end(&c);
}

/* ---- creating -------------------------------------------------------------------------------- */

static void mark_active(struct handle *h)
{
        AUTO_LOCK(&h->lock);

        if (h->active)
                return;
        h->active = true;
        (void)node_table_active(h->m->nodes, h->node, 1);
}

/* The new file is the handle's to write; one that only reads has no use for a pipeline, and nobody
 * would complete the file in the end. */
static enum bdfs_status take_file(struct call *c, struct handle *h, struct bdfs_file *file)
{
        if (h->writes) {
                mark_active(h); /* it is open at the namenode */
                return node_adopt(h->node, c->conn, file, &c->err);
        }
        return bdfs_close(file, &c->err);
}

static enum bdfs_status create(struct call *c, mode_t mode, struct fuse_file_info *fi,
                               struct bdfs_stat *ret_st, struct handle **ret)
{
        struct bdfs_create o = {.mode = mode & 07777, .no_parents = true,
                                .first_block = (fi->flags & O_ACCMODE) != O_RDONLY};
        struct bdfs_file *file;
        struct handle *h;

        if (o.mode == 0)
                o.mode = MODE_NONE;
        if (bdfs_create(c->fs, c->path, &o, &file, &c->err) != BDFS_OK)
                return c->err.status;
        bdfs_file_stat(file, ret_st);
        h = handle_new(c->m, ret_st->inode, c->conn, fi->flags);
        if (h == NULL) {
                bdfs_abandon(file);
                return bdfs_fail(&c->err, BDFS_NO_MEMORY, "no memory");
        }
        if (take_file(c, h, file) != BDFS_OK) {
                drop_unheard(h);
                return c->err.status;
        }
        if ((mode & 07777) == 0) {
                if (bdfs_chmod(c->fs, h->path, 0, &c->err) != BDFS_OK) {
                        drop_unheard(h);
                        return c->err.status;
                }
                ret_st->mode = 0;
                kept_asked(&h->node->kept, &ret_st->mode, NULL, NULL);
        }
        fi->direct_io = h->direct = 1;
        fi->noflush = !h->writes;
        fi->fh = (uintptr_t)h;
        *ret = h;
        return BDFS_OK;
}

/* Somebody else created it since the kernel looked. */
static enum bdfs_status open_instead(struct call *c, struct fuse_file_info *fi,
                                     struct bdfs_stat *ret_st, struct handle **ret)
{
        uint64_t parent = c->inode;
        enum bdfs_status rc;

        if (bdfs_lstat(c->fs, c->path, ret_st, &c->err) != BDFS_OK)
                return c->err.status;
        if (ret_st->type != BDFS_TYPE_FILE) {
                bdfs_stat_fini(ret_st);
                return bdfs_fail(&c->err, BDFS_EXISTS, "it exists and is no file");
        }
        c->inode = ret_st->inode;
        attrs_path(c->inode, NULL, c->path);
        rc = open_handle(c, fi, ret);
        c->inode = parent;
        return rc;
}

/* A file is there; the namenode says first that somebody writes it. */
static bool is_there(enum bdfs_status rc)
{
        return rc == BDFS_EXISTS || rc == BDFS_BEING_CREATED || rc == BDFS_RECOVERY;
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
               struct fuse_file_info *fi)
{
        struct fuse_entry_param e;
        struct bdfs_stat st;
        struct handle *h;
        struct call c;
        enum bdfs_status rc;

        if (!call_begin(&c, req, "create", parent, name))
                return;
        c.data = true;
        rc = call_check_mode(&c, mode);
        if (rc == BDFS_OK)
                rc = create(&c, mode, fi, &st, &h);
        if (is_there(rc))
                rc = (fi->flags & O_EXCL) == 0
                             ? open_instead(&c, fi, &st, &h)
                             : bdfs_fail(&c.err, BDFS_EXISTS, "somebody else made it");
        if (rc != BDFS_OK) {
                call_fail(&c);
        } else {
                call_entry(c.m, c.inode, &st, &e);
                if (fuse_reply_create(req, &e, fi) != 0)
                        drop_unheard(h);
        }
        call_end(&c);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The kernel asks for attributes before it reads what it may keep, and so do we for the rest: a
 * file that others cut or wrote anew is opened again, and the kernel asks at its next read: it
 * would fill up with zeros what we know to be shorter. What is gone, or not answered, stays. */
static void look_for_changes(struct call *c, struct handle *h)
{
        struct bdfs_stat st;
        struct bdfs_err err;

        if (!h->direct || !node_table_should_ask(c->m->nodes, h->node, MOUNT_CHANGED_MS) ||
            os_mono_ms() < atomic_load(&c->m->down_until_ms) ||
            bdfs_lstat(c->fs, h->path, &st, &err) != BDFS_OK)
                return;
        if (node_table_note(c->m->nodes, &st))
                (void)fuse_lowlevel_notify_inval_inode(c->m->session, attrs_number_of(c->inode),
                                                       -1, 0);
        bdfs_stat_fini(&st);
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t n, off_t offset, struct fuse_file_info *fi)
{
        struct handle *h = handle_of(fi);
        struct mount *m = h->m;
        struct reader_want w = {.path = h->path, .offset = (uint64_t)offset, .n = n};
        struct call c;
        size_t got;
        void *to = buffers_take(m->buffers, n);

        if (to == NULL) {
                (void)fuse_reply_err(req, ENOMEM);
                return;
        }
        call_begin_handle(&c, req, "read", ino, h);
        c.named = ATTRS_BYTES;
        w.fs = c.fs;
        look_for_changes(&c, h);
        if (node_show(h->node, &c.err) == BDFS_OK) {
                w.generation = node_table_generation(m->nodes, h->node);
                w.told = node_told(h->node);
                if (reader_read(&h->reader, &w, to, &got, &c.err) == BDFS_OK)
                        (void)fuse_reply_buf(req, to, got);
                else
                        call_fail(&c);
        } else {
                call_fail(&c);
        }
        call_end(&c);
        buffers_give(m->buffers, to);
}

/* ---- writing --------------------------------------------------------------------------------- */

void op_write(fuse_req_t req, fuse_ino_t ino, const char *from, size_t n, off_t offset,
              struct fuse_file_info *fi)
{
        struct handle *h = handle_of(fi);
        struct node_bytes b = {.from = from, .n = n, .offset = (uint64_t)offset,
                               .append = h->append};
        struct call c;

        if (!h->writes) {
                (void)fuse_reply_err(req, EBADF);
                return;
        }
        call_begin_handle(&c, req, "write", ino, h);
        c.named = ATTRS_BYTES;
        mark_active(h);
        if (node_write(h->node, h->conn, &b, &c.err) == BDFS_OK)
                (void)fuse_reply_write(req, n);
        else
                call_fail(&c);
        call_end(&c);
}

/* True: this was the last that had something to write, and the file may be completed. */
static bool mark_closed(struct handle *h)
{
        AUTO_LOCK(&h->lock);

        if (!h->active)
                return false;
        h->active = false;
        h->closes++;
        return node_table_active(h->m->nodes, h->node, -1) == 0 && h->closes <= CLOSES_MAX;
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
        struct handle *h = handle_of(fi);
        struct call c;

        if (!h->writes) {
                (void)fuse_reply_err(req, 0);
                return;
        }
        call_begin_handle(&c, req, "close", ino, h);
        c.named = ATTRS_BYTES;
        if (mark_closed(h))
                call_answer(&c, node_finish(h->node, &c.err));
        else
                call_answer(&c, node_sync(h->node, &c.err));
        call_end(&c);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
        struct handle *h = handle_of(fi);
        struct call c;

        (void)datasync; /* the length is data, and nothing else waits to be written */
        call_begin_handle(&c, req, "fsync", ino, h);
        c.named = ATTRS_BYTES;
        call_answer(&c, node_sync(h->node, &c.err));
        call_end(&c);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
        struct bdfs_err err;

        if (handle_free(handle_of(fi), &err) != BDFS_OK)
                log_error("file lost its end inode=%" PRIu64 " %s", (uint64_t)ino, err.text);
        (void)fuse_reply_err(req, 0);
}
