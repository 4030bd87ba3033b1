#include "fuse/mount.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/limits.h"
#include "common/log.h"

/* ---- the mount ------------------------------------------------------------------------------- */

enum bdfs_status mount_init(struct mount *m, const struct mount_options *options,
                            struct bdfs_err *err)
{
        *m = (struct mount){.options = options};
        m->everybody = os_own_uid() == 0 && options->connect.user == NULL;
        os_mutex_init(&m->lock);
        m->ids = ids_new();
        m->directories = known_new(MOUNT_DIRECTORIES);
        m->versions = known_new(MOUNT_VERSIONS);
        m->buffers = buffers_new(MOUNT_IO_BYTES);
        if (m->ids == NULL || m->directories == NULL || m->versions == NULL || m->buffers == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (conns_new(&m->conns, &options->connect, m->everybody ? m->ids : NULL, err) != BDFS_OK)
                return err->status;
        m->nodes = node_table_new(m->conns);
        return m->nodes == NULL ? bdfs_fail(err, BDFS_NO_MEMORY, "no memory") : BDFS_OK;
}

void mount_fini(struct mount *m)
{
        struct bdfs_err err;

        while (m->handles != NULL) {
                uint64_t inode = m->handles->node->inode;

                if (handle_free(m->handles, &err) == BDFS_OK)
                        continue;
                log_error("file lost its end inode=%" PRIu64 " %s", inode, err.text);
                if (err.status == BDFS_UNAVAILABLE || err.status == BDFS_TIMEOUT)
                        node_table_give_up(m->nodes);
        }
        node_table_free(m->nodes);
        conns_free(m->conns);
        buffers_free(m->buffers);
        known_free(m->versions);
        known_free(m->directories);
        ids_free(m->ids);
        os_mutex_fini(&m->lock);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void begin(struct call *c, fuse_req_t req, const char *what, fuse_ino_t number)
{
        c->m = fuse_req_userdata(req);
        c->req = req;
        c->what = what;
        c->inode = attrs_inode_of(number);
        c->conn = NULL;
        c->named = ATTRS_BY_NUMBER;
        c->data = false;
}

/* A namenode that does not answer costs the first caller its time, not each one after it. */
static enum bdfs_status check_up(struct call *c)
{
        if (os_mono_ms() >= atomic_load(&c->m->down_until_ms))
                return BDFS_OK;
        return bdfs_fail(&c->err, BDFS_UNAVAILABLE, "the namenode did not answer a moment ago");
}

static void note_down(struct call *c)
{
        if (!c->data && c->conn != NULL &&
            (c->err.status == BDFS_UNAVAILABLE || c->err.status == BDFS_TIMEOUT))
                atomic_store(&c->m->down_until_ms, os_mono_ms() + MOUNT_DOWN_MS);
}

bool call_begin(struct call *c, fuse_req_t req, const char *what, fuse_ino_t number,
                const char *name)
{
        begin(c, req, what, number);
        if (name != NULL && strlen(name) > NAME_BYTES_MAX) {
                (void)fuse_reply_err(req, ENAMETOOLONG);
                return false;
        }
        attrs_path(c->inode, name, c->path);
        if (name != NULL)
                c->named = ATTRS_BY_NAME;
        if (check_up(c) != BDFS_OK ||
            conns_get(c->m->conns, fuse_req_ctx(req)->uid, &c->conn, &c->err) != BDFS_OK) {
                call_fail(c);
                return false;
        }
        c->fs = c->conn->fs;
        return true;
}

void call_begin_handle(struct call *c, fuse_req_t req, const char *what, fuse_ino_t number,
                       const struct handle *h)
{
        begin(c, req, what, number);
        attrs_path(c->inode, NULL, c->path);
        c->data = true;
        c->conn = conns_ref(c->m->conns, h->conn);
        c->fs = c->conn->fs;
}

/* Failures that somebody should know of, at most one a second. */
static void log_failure(struct call *c, int eno)
{
        bool loud = eno == EIO || eno == ETIMEDOUT || eno == EHOSTUNREACH || eno == ENOMEM;
        int64_t now = os_mono_ms();

        if (loud) {
                os_mutex_lock(&c->m->lock);
                loud = now - c->m->logged_ms >= 1000;
                if (loud)
                        c->m->logged_ms = now;
                os_mutex_unlock(&c->m->lock);
        }
        if (loud)
                log_warn("failed op=%s inode=%" PRIu64 " errno=%d %s", c->what, c->inode, eno,
                         c->err.text);
        else
                log_debug("failed op=%s inode=%" PRIu64 " errno=%d %s", c->what, c->inode, eno,
                          c->err.text);
}

void call_fail(struct call *c)
{
        int eno = attrs_errno(c->err.status, c->named);

        note_down(c);
        log_failure(c, eno);
        (void)fuse_reply_err(c->req, eno); /* a caller that is gone needs no answer */
}

void call_answer(struct call *c, enum bdfs_status rc)
{
        if (rc != BDFS_OK)
                call_fail(c);
        else
                (void)fuse_reply_err(c->req, 0);
}

void call_end(struct call *c)
{
        conns_put(c->m->conns, c->conn);
}

enum bdfs_status call_check_mode(struct call *c, mode_t mode)
{
        if ((mode & (S_ISUID | S_ISGID)) == 0)
                return BDFS_OK;
        return bdfs_fail(&c->err, BDFS_UNSUPPORTED, "the cluster keeps no set-id bits");
}

/* ---- answers --------------------------------------------------------------------------------- */

void call_attrs(struct mount *m, struct bdfs_stat *st, struct stat *ret)
{
        if (st->type == BDFS_TYPE_FILE) {
                (void)node_table_note(m->nodes, st);
                node_table_tell_kept(m->nodes, st);
        }
        attrs_fill(m->ids, st, ret);
        if (st->type == BDFS_TYPE_FILE) {
                ret->st_size = (off_t)node_table_tell_length(m->nodes, st->inode, st->length);
                ret->st_blocks = (ret->st_size + 511) / 512;
        } else if (st->type == BDFS_TYPE_DIRECTORY && m->everybody) {
                known_put(m->directories, st->inode, attrs_is_public(st));
        }
        bdfs_stat_fini(st);
}

/* A name in a directory that not everybody may search is looked up anew each time: the kernel
 * would let anybody use what one user was told. */
static double name_seconds(struct mount *m, uint64_t directory)
{
        uint64_t is_public;

        if (m->everybody &&
            (!known_get(m->directories, directory, &is_public) || !is_public))
                return 0;
        return MOUNT_ATTR_SECONDS;
}

void call_entry(struct mount *m, uint64_t directory, struct bdfs_stat *st,
                struct fuse_entry_param *ret)
{
        *ret = (struct fuse_entry_param){
                .ino = attrs_number_of(st->inode),
                .attr_timeout = MOUNT_ATTR_SECONDS,
                .entry_timeout = name_seconds(m, directory),
        };
        call_attrs(m, st, &ret->attr);
}
