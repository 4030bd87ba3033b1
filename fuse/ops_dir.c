/*
 * Reading directories, in the namenode's pages. A cookie says behind which name to go on: 0 is the
 * start, 1 is behind ".", 2 behind "..", and every name that is given later has the next number. So
 * going back (seekdir) goes on behind the same name, whatever was made or removed meanwhile. The
 * names are remembered as long as the directory is open and not rewound, up to DIR_NAMES_BYTES;
 * what is behind one that was forgotten is found by counting from the start.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/limits.h"
#include "fuse/mount.h"

#define FIRST_CHILD 2
#define DIR_NAMES_BYTES (16u << 20)

struct dir {
        struct conn *conn;
        struct os_mutex lock;
        struct bdfs_listing page;         /* guarded by: lock */
        uint64_t first;                   /* guarded by: lock; cookie before page.entries[0] */
        struct buf names;                 /* guarded by: lock; that were given, with their NULs */
        struct buf places;                /* guarded by: lock; u32: where each is in names */
        uint64_t known;                   /* guarded by: lock; cookie before the first of them */
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
        buf_fini(&d->names);
        buf_fini(&d->places);
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

static size_t names_n(const struct dir *d)
{
        return d->places.n / sizeof(uint32_t);
}

static void forget_names(struct dir *d, uint64_t next)
{
        buf_reset(&d->names);
        buf_reset(&d->places);
        d->known = next;
}

static void remember(struct dir *d, const char *name)
{
        uint32_t place = (uint32_t)d->names.n;

        buf_add(&d->names, name, strlen(name) + 1);
        buf_add(&d->places, &place, sizeof(place));
}

/* The name that @cookie is behind; "" for the start; NULL: it is not known. */
static const char *name_before(const struct dir *d, uint64_t cookie)
{
        uint32_t place;
        uint64_t i;

        if (cookie <= FIRST_CHILD)
                return "";
        if (cookie <= d->known || cookie - d->known > names_n(d))
                return NULL;
        i = cookie - d->known - 1;
        memcpy(&place, d->places.data + i * sizeof(place), sizeof(place));
        return (const char *)d->names.data + place;
}

/* A page of what is behind @after, whose first entry has the cookie @first before it. */
static enum bdfs_status read_page(struct call *c, struct dir *d, const char *after, uint64_t first)
{
        struct bdfs_listing page;

        if (bdfs_list(d->conn->fs, c->path, after, &page, &c->err) != BDFS_OK)
                return c->err.status;
        bdfs_listing_fini(&d->page);
        d->page = page;
        d->first = first;
        d->begun = true;
        BDFS_ASSERT(d->known + names_n(d) == first);
        for (size_t i = 0; i < page.n; i++)
                remember(d, page.entries[i].name);
        if (d->names.bad || d->places.bad || d->names.n > DIR_NAMES_BYTES)
                forget_names(d, first + page.n);
        return BDFS_OK;
}

static enum bdfs_status next_page(struct call *c, struct dir *d)
{
        char after[NAME_BYTES_MAX + 1] = "";

        if (!d->begun) {
                forget_names(d, FIRST_CHILD);
                return read_page(c, d, "", FIRST_CHILD);
        }
        if (d->page.n > 0)
                (void)snprintf(after, sizeof(after), "%s", d->page.entries[d->page.n - 1].name);
        return read_page(c, d, after, d->first + d->page.n);
}

/* The cookies between are nobody's, but for the first, which is behind the last name so far. */
static enum bdfs_status go_back(struct call *c, struct dir *d, const char *name, uint64_t *cookie)
{
        char after[NAME_BYTES_MAX + 1];

        (void)snprintf(after, sizeof(after), "%s", name);
        remember(d, "");
        *cookie = d->known + names_n(d);
        return read_page(c, d, after, *cookie);
}

/* Have the page with what is behind @cookie, which changes when that is read again, or the last
 * page when there is nothing. */
static enum bdfs_status seek_page(struct call *c, struct dir *d, uint64_t *cookie)
{
        const char *name = name_before(d, *cookie);

        if (d->begun && (*cookie < d->first || *cookie > d->first + d->page.n)) {
                if (name != NULL)
                        return go_back(c, d, name, cookie);
                d->begun = false;
        }
        while (!d->begun ||
               (*cookie >= d->first + d->page.n && d->page.remaining > 0 && d->page.n > 0)) {
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
        buf_init(&d->names, 0);
        buf_init(&d->places, 0);
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
                if (seek_page(a->c, d, &cookie) != BDFS_OK)
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
