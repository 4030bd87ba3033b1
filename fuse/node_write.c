/* Writing to an inode: one pipeline for all handles, only at the end. */
#include <inttypes.h>

#include "fuse/attrs.h"
#include "fuse/node.h"

#define RECOVERY_STEP_MS 250
#define BUSY_STEP_MS 20

/* ---- what happens to a node; all with its lock held ------------------------------------------ */

static enum bdfs_status again(const struct node *n, struct bdfs_err *err)
{
        *err = n->failure;
        return err->status;
}

static enum bdfs_status fails(struct node *n, const struct bdfs_err *err)
{
        n->failed = true;
        n->failure = *err;
        return err->status;
}

static void adopt(struct node *n, struct conn *conn, struct bdfs_file *file)
{
        BDFS_ASSERT(n->file == NULL && n->conn == NULL);
        n->file = file;
        n->conn = conns_ref(n->conns, conn);
        n->length = bdfs_written(file);
        n->length_known = true;
        atomic_store(&n->shown, n->length);
}

static void forget_file(struct node *n)
{
        n->file = NULL;
        n->length_known = false; /* others may write now */
        n->unsynced = n->unflushed = false;
        kept_end(&n->kept);
        atomic_store(&n->shown, NODE_NOT_WRITTEN);
        conns_put(n->conns, n->conn);
        n->conn = NULL;
}

/* Complete the file, with what is kept. */
static enum bdfs_status end_file(struct node *n, struct bdfs_err *err)
{
        struct kept_values v;
        struct bdfs_attributes with = {.mtime_ms = -1, .atime_ms = -1};

        if (!kept_take(&n->kept, &v))
                return bdfs_close(n->file, err);
        with.has_mode = v.has_mode;
        with.mode = v.mode;
        with.owner = v.has_owner ? v.owner : NULL;
        with.group = v.has_group ? v.group : NULL;
        if (v.has_mtime)
                with.mtime_ms = v.mtime_ms;
        if (v.has_atime)
                with.atime_ms = v.atime_ms;
        return bdfs_close_as(n->file, &with, err);
}

static enum bdfs_status finish(struct node *n, struct bdfs_err *err)
{
        enum bdfs_status rc;
        struct conn *conn;

        if (n->failed)
                return again(n, err);
        if (n->file == NULL)
                return BDFS_OK;
        if (atomic_load(n->given_up)) {
                (void)bdfs_fail(err, BDFS_UNAVAILABLE, "the cluster is away");
                return fails(n, err);
        }
        conn = conns_ref(n->conns, n->conn);
        atomic_store(&n->told, n->length);
        rc = end_file(n, err);
        forget_file(n);
        if (rc != BDFS_OK) {
                n->conn = conn; /* for node_abandon() */
                return fails(n, err);
        }
        conns_put(n->conns, conn);
        return BDFS_OK;
}

static enum bdfs_status refuse_place(const struct node *n, const struct node_bytes *b,
                                     struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_UNSUPPORTED, "a write at byte %" PRIu64 " of a file of %" PRIu64
                         " bytes: only writes at the end are supported yet", b->offset, n->length);
}

/* ---- a pipeline for a file that was there ---------------------------------------------------- */

static enum bdfs_status learn_length(struct node *n, struct conn *conn, const char *path,
                                     struct bdfs_err *err)
{
        struct bdfs_stat st;

        if (n->length_known)
                return BDFS_OK;
        if (bdfs_lstat(conn->fs, path, &st, err) != BDFS_OK)
                return err->status;
        n->length = st.length;
        n->length_known = true;
        bdfs_stat_fini(&st);
        return BDFS_OK;
}

/* Somebody else has the file; is it worth to wait, as one does since @since_ms, and ask again? */
static bool wait_for_other(enum bdfs_status rc, int64_t since_ms)
{
        int64_t waited = os_mono_ms() - since_ms;

        if (rc == BDFS_BEING_CREATED && waited < NODE_BUSY_MS)
                os_sleep_ms(BUSY_STEP_MS);
        else if (rc == BDFS_RECOVERY && waited < NODE_RECOVERY_MS)
                os_sleep_ms(RECOVERY_STEP_MS);
        else
                return false;
        return true;
}

static enum bdfs_status append(struct node *n, struct conn *conn, const char *path,
                               struct bdfs_err *err)
{
        int64_t begun = os_mono_ms();
        struct bdfs_file *file;
        enum bdfs_status rc;

        do
                rc = bdfs_append_again(conn->fs, path, &file, err);
        while (wait_for_other(rc, begun));
        if (rc == BDFS_OK)
                adopt(n, conn, file);
        return rc;
}

/* Have a pipeline whose end is where the bytes are to go. */
static enum bdfs_status open_for(struct node *n, struct conn *conn, const struct node_bytes *b,
                                 struct bdfs_err *err)
{
        char path[ATTRS_PATH_BYTES];

        if (n->file == NULL) {
                attrs_path(n->inode, NULL, path);
                if (!b->append && learn_length(n, conn, path, err) != BDFS_OK)
                        return err->status;
                if (!b->append && b->offset != n->length)
                        return refuse_place(n, b, err);
                if (append(n, conn, path, err) != BDFS_OK)
                        return err->status;
        }
        if (!b->append && b->offset != n->length)
                return refuse_place(n, b, err);
        return BDFS_OK;
}

/* ---- the calls ------------------------------------------------------------------------------- */

enum bdfs_status node_adopt(struct node *n, struct conn *conn, struct bdfs_file *file,
                            struct bdfs_err *err)
{
        AUTO_LOCK(&n->lock);

        if (n->failed || n->file != NULL) { /* found and opened before its maker came here */
                bdfs_abandon(file);
                return n->failed ? again(n, err)
                                 : bdfs_fail(err, BDFS_BEING_CREATED,
                                             "the lease of a new file was taken away");
        }
        adopt(n, conn, file);
        if (!bdfs_is_hadoop(conn->fs)) /* which has no word for attributes that go with the end */
                kept_begin(&n->kept, conn, file);
        return BDFS_OK;
}

enum bdfs_status node_write(struct node *n, struct conn *conn, const struct node_bytes *b,
                            struct bdfs_err *err)
{
        AUTO_LOCK(&n->lock);

        if (n->failed)
                return again(n, err);
        if (open_for(n, conn, b, err) != BDFS_OK)
                return err->status;
        if (bdfs_write(n->file, b->from, b->n, err) != BDFS_OK)
                return fails(n, err);
        kept_wrote(&n->kept);
        n->length += b->n;
        n->unsynced = n->unflushed = true;
        atomic_store(&n->shown, n->length);
        return BDFS_OK;
}

enum bdfs_status node_finish(struct node *n, struct bdfs_err *err)
{
        AUTO_LOCK(&n->lock);

        return finish(n, err);
}

/* Tell the namenode what is kept; with the lock held. */
static enum bdfs_status settle(struct node *n, struct bdfs_err *err)
{
        char path[ATTRS_PATH_BYTES];
        struct bdfs_times times = {.mtime_ms = -1, .atime_ms = -1};
        enum bdfs_status rc = BDFS_OK;
        struct kept_values v;

        if (!kept_look(&n->kept, &v))
                return BDFS_OK;
        attrs_path(n->inode, NULL, path);
        if (v.has_owner || v.has_group)
                rc = bdfs_lchown(n->conn->fs, path, v.has_owner ? v.owner : NULL,
                                 v.has_group ? v.group : NULL, err);
        if (rc == BDFS_OK && v.has_mode)
                rc = bdfs_chmod(n->conn->fs, path, v.mode, err);
        if (v.has_mtime)
                times.mtime_ms = v.mtime_ms;
        if (v.has_atime)
                times.atime_ms = v.atime_ms;
        if (rc == BDFS_OK && (v.has_mtime || v.has_atime))
                rc = bdfs_posix_times(n->conn->fs, path, &times, err);
        if (rc == BDFS_OK)
                kept_told(&n->kept, &v);
        return rc;
}

enum bdfs_status node_sync(struct node *n, struct bdfs_err *err)
{
        AUTO_LOCK(&n->lock);

        if (n->failed)
                return again(n, err);
        if (n->file == NULL)
                return BDFS_OK;
        if (n->unsynced && bdfs_hsync(n->file, err) != BDFS_OK)
                return fails(n, err);
        n->unsynced = n->unflushed = false;
        return settle(n, err) == BDFS_OK ? BDFS_OK : fails(n, err);
}

enum bdfs_status node_settle(struct node *n, struct bdfs_err *err)
{
        AUTO_LOCK(&n->lock);

        return n->file == NULL ? BDFS_OK : settle(n, err);
}

uint64_t node_told(const struct node *n)
{
        uint64_t shown = atomic_load(&n->shown), told = atomic_load(&n->told);

        return shown != NODE_NOT_WRITTEN && shown > told ? shown : told;
}

enum bdfs_status node_show(struct node *n, struct bdfs_err *err)
{
        if (atomic_load(&n->shown) == NODE_NOT_WRITTEN)
                return BDFS_OK;
        AUTO_LOCK(&n->lock);
        if (n->failed || n->file == NULL || !n->unflushed)
                return BDFS_OK; /* a failure is the writers' to hear of */
        if (bdfs_hflush(n->file, err) != BDFS_OK)
                return fails(n, err);
        n->unflushed = false;
        return BDFS_OK;
}

/* ---- cutting --------------------------------------------------------------------------------- */

static enum bdfs_status cut(struct conn *conn, const char *path, uint64_t length, bool opened,
                            struct bdfs_err *err)
{
        int64_t begun = os_mono_ms(), deadline = begun + NODE_RECOVERY_MS;
        struct bdfs_stat st;
        enum bdfs_status rc;
        bool done;

        if (length > 0) {
                uint64_t have;

                if (bdfs_lstat(conn->fs, path, &st, err) != BDFS_OK)
                        return err->status;
                have = st.length;
                bdfs_stat_fini(&st);
                if (length > have)
                        return bdfs_fail(err, BDFS_UNSUPPORTED, "truncate to %" PRIu64
                                         " bytes: the file has %" PRIu64
                                         ", making it longer is not supported yet", length, have);
        }
        do
                rc = opened ? bdfs_truncate_again(conn->fs, path, length, &done, err)
                            : bdfs_truncate(conn->fs, path, length, &done, err);
        while (wait_for_other(rc, begun));
        if (rc != BDFS_OK)
                return rc;
        while (!done) { /* Apache HDFS recovers the last block */
                if (os_mono_ms() >= deadline)
                        return bdfs_fail(err, BDFS_RECOVERY, "the last block is still recovered");
                os_sleep_ms(RECOVERY_STEP_MS);
                if (bdfs_is_closed(conn->fs, path, &done, err) != BDFS_OK)
                        return err->status;
        }
        return BDFS_OK;
}

enum bdfs_status node_truncate(struct node *n, struct conn *conn, const char *path,
                               uint64_t length, bool opened, struct bdfs_err *err)
{
        if (n == NULL)
                return cut(conn, path, length, opened, err);
        AUTO_LOCK(&n->lock);
        if (finish(n, err) != BDFS_OK || cut(conn, path, length, opened, err) != BDFS_OK)
                return err->status;
        n->length = length;
        n->length_known = true;
        atomic_store(&n->told, length);
        (void)atomic_fetch_add(&n->generation, 1);
        return BDFS_OK;
}

void node_abandon(struct node *n)
{
        char path[ATTRS_PATH_BYTES];
        struct bdfs_err err;
        bool closed;

        AUTO_LOCK(&n->lock);
        if (!n->failed)
                return; /* somebody else did it, and others may be writing again */
        n->failed = false;
        if (n->conn == NULL)
                return;
        bdfs_abandon(n->file);
        attrs_path(n->inode, NULL, path);
        /* if it fails the lease ends by itself */
        if (!atomic_load(n->given_up))
                BDFS_IGNORE(bdfs_recover_lease(n->conn->fs, path, &closed, &err));
        forget_file(n);
}
