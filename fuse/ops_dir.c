/*
 * Reading directories. A directory is read in the namenode's pages; entry i of the whole (0 is ".",
 * 1 is "..") is found by the cookie i, and going back starts again from the first page.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "fuse/mount.h"

#define FIRST_CHILD 2

struct dir {
        struct conn *conn;
        struct os_mutex lock;
        struct bdfs_listing page;         /* guarded by: lock */
        uint64_t first;                   /* guarded by: lock; cookie of page.entries[0] */
        bool begun;                       /* guarded by: lock; a page was read */
        bool given;                       /* guarded by: lock; some of it went to the reader */
};

static struct dir *dir_of(const struct fuse_file_info *fi)
{
        return (struct dir *)(uintptr_t)fi->fh;
}

static void dir_free(struct mount *m, struct dir *d)
{
        bdfs_listing_fini(&d->page);
        conns_put(m->conns, d->conn);
        os_mutex_fini(&d->lock);
        free(d);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
        (void)ino;
        dir_free(fuse_req_userdata(req), dir_of(fi));
        (void)fuse_reply_err(req, 0);
}

/* ---- pages ----------------------------------------------------------------------------------- */

static enum bdfs_status next_page(struct call *c, struct dir *d)
{
        char after[NAME_BYTES_MAX + 1] = "";
        struct bdfs_listing page;

        if (d->page.n > 0)
                (void)snprintf(after, sizeof(after), "%s", d->page.entries[d->page.n - 1].name);
        if (bdfs_list(d->conn->fs, c->path, after, &page, &c->err) != BDFS_OK)
                return c->err.status;
        d->first = d->begun ? d->first + d->page.n : FIRST_CHILD;
        d->begun = true;
        bdfs_listing_fini(&d->page);
        d->page = page;
        return BDFS_OK;
}

/* Have the page with the child at @cookie, or the last one when there is none. */
static enum bdfs_status seek_page(struct call *c, struct dir *d, uint64_t cookie)
{
        if (d->begun && cookie < d->first) {
                bdfs_listing_fini(&d->page);
                d->begun = false;
        }
        while (!d->begun ||
               (cookie >= d->first + d->page.n && d->page.remaining > 0 && d->page.n > 0)) {
                if (next_page(c, d) != BDFS_OK)
                        return c->err.status;
        }
        return BDFS_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The first page at once: that asks for the right to read it, too. */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
        struct dir *d = calloc(1, sizeof(*d));
        struct call c;

        if (d == NULL) {
                (void)fuse_reply_err(req, ENOMEM);
                return;
        }
        if (!call_begin(&c, req, "opendir", ino, NULL)) {
                free(d);
                return;
        }
        os_mutex_init(&d->lock);
        d->conn = conns_ref(c.m->conns, c.conn);
        fi->fh = (uintptr_t)d;
        if (next_page(&c, d) != BDFS_OK) {
                call_fail(&c);
                dir_free(c.m, d);
        } else if (fuse_reply_open(req, fi) != 0) {
                dir_free(c.m, d);
        }
        call_end(&c);
}

/* ---- answers --------------------------------------------------------------------------------- */

struct answer {
        struct call *c;
        bool plus;
        char *at;
        size_t room, used;
};

/* False: it does not fit. */
static bool add(struct answer *a, const char *name, const struct fuse_entry_param *e,
                uint64_t next)
{
        size_t room = a->room - a->used, took;

        if (a->plus)
                took = fuse_add_direntry_plus(a->c->req, a->at + a->used, room, name, e,
                                              (off_t)next);
        else
                took = fuse_add_direntry(a->c->req, a->at + a->used, room, name, &e->attr,
                                         (off_t)next);
        if (took > room)
                return false;
        a->used += took;
        return true;
}

/* "." and "..": without attributes, so that the kernel looks them up where it needs them. */
static bool add_dots(struct answer *a, uint64_t cookie)
{
        struct fuse_entry_param e = {.attr = {.st_ino = a->c->inode, .st_mode = S_IFDIR}};

        for (; cookie < FIRST_CHILD; cookie++) {
                if (!add(a, cookie == 0 ? "." : "..", &e, cookie + 1))
                        return false;
        }
        return true;
}

static bool add_child(struct answer *a, struct bdfs_dirent *child, uint64_t cookie)
{
        struct bdfs_stat st = child->st;
        struct fuse_entry_param e;

        st.target = child->st.target == NULL ? NULL : strdup(child->st.target);
        call_entry(a->c->m, a->c->inode, &st, &e);
        return add(a, child->name, &e, cookie + 1);
}

static enum bdfs_status fill(struct answer *a, struct dir *d, uint64_t cookie)
{
        AUTO_LOCK(&d->lock);

        if (cookie == 0 && d->given) { /* rewinddir() shows what is there now */
                bdfs_listing_fini(&d->page);
                d->begun = false;
        }
        d->given = true;
        if (!add_dots(a, cookie))
                return BDFS_OK;
        if (cookie < FIRST_CHILD)
                cookie = FIRST_CHILD;
        for (;;) {
                if (seek_page(a->c, d, cookie) != BDFS_OK)
                        return a->used > 0 ? BDFS_OK : a->c->err.status;
                if (cookie >= d->first + d->page.n)
                        return BDFS_OK;
                for (; cookie < d->first + d->page.n; cookie++) {
                        if (!add_child(a, &d->page.entries[cookie - d->first], cookie))
                                return BDFS_OK;
                }
        }
}

static void read_directory(fuse_req_t req, fuse_ino_t ino, size_t n, off_t offset,
                           struct fuse_file_info *fi, bool plus)
{
        struct dir *d = dir_of(fi);
        struct answer a = {.plus = plus, .room = n};
        struct call c;

        if (!call_begin(&c, req, "readdir", ino, NULL))
                return;
        a.c = &c;
        a.at = buffers_take(c.m->buffers, n);
        if (a.at == NULL)
                (void)fuse_reply_err(req, ENOMEM);
        else if (fill(&a, d, (uint64_t)offset) != BDFS_OK)
                call_fail(&c);
        else
                (void)fuse_reply_buf(req, a.at, a.used);
        buffers_give(c.m->buffers, a.at);
        call_end(&c);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t n, off_t offset, struct fuse_file_info *fi)
{
        read_directory(req, ino, n, offset, fi, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t n, off_t offset,
                    struct fuse_file_info *fi)
{
        read_directory(req, ino, n, offset, fi, true);
}
