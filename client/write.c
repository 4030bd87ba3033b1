/*
 * libbdfs: writing files. Bytes gather in a buffer of one packet and go down the pipeline of the
 * file's last block; a full block is finished before the next one is asked for. The lease thread
 * keeps lease and pipeline alive while the program does something else.
 */
#include <stdlib.h>
#include <string.h>

#include "client/file.h"
#include "client/write_inside.h"

#define COMPLETE_WAIT_MS 100
#define HEARTBEAT_IDLE_MS 20000

/* ---- taking turns with the lease thread ------------------------------------------------------ */

static void enter(struct file_writer *w)
{
        AUTO_LOCK(&w->lock);

        while (w->ticking)
                (void)os_cond_wait(&w->free_again, &w->lock, os_mono_ms() + 1000);
        w->busy = true;
}

static enum bdfs_status leave(struct file_writer *w, enum bdfs_status rc,
                              const struct bdfs_err *err)
{
        AUTO_LOCK(&w->lock);

        w->busy = false;
        w->used_ms = os_mono_ms();
        if (rc != BDFS_OK && !w->failed) {
                w->failed = true;
                w->failure = *err;
        }
        return rc;
}

static void tick(struct lease_member *m)
{
        struct file_writer *w = (struct file_writer *)m; /* its first member */
        struct bdfs_err err;

        os_mutex_lock(&w->lock);
        if (w->busy || w->failed || !w->block_open ||
            os_mono_ms() - w->used_ms < HEARTBEAT_IDLE_MS) {
                os_mutex_unlock(&w->lock);
                return;
        }
        w->ticking = true;
        os_mutex_unlock(&w->lock);
        /* a pipeline that broke is noticed by the next write */
        BDFS_IGNORE(block_writer_heartbeat(&w->block, &err));
        os_mutex_lock(&w->lock);
        w->ticking = false;
        w->used_ms = os_mono_ms();
        os_cond_broadcast(&w->free_again);
        os_mutex_unlock(&w->lock);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* How many bytes the packet that is being filled may have. */
static size_t packet_room(const struct file_writer *w)
{
        uint64_t sent = w->in_block - w->buffered, left = w->block_size - sent;
        size_t most = WRITE_PACKET_BYTES;

        if (sent % WRITE_CHUNK_BYTES != 0)
                most = WRITE_CHUNK_BYTES - (size_t)(sent % WRITE_CHUNK_BYTES);
        return left < most ? (size_t)left : most;
}

static enum bdfs_status write_some(struct file_writer *w, const uint8_t *from, size_t n,
                                   size_t *ret, struct bdfs_err *err)
{
        size_t room, take;

        if (w->block_open && w->in_block == w->block_size && write_block_finish(w, err) != BDFS_OK)
                return err->status;
        if (!w->block_open && write_block_open(w, err) != BDFS_OK)
                return err->status;
        room = packet_room(w);
        take = room - w->buffered < n ? room - w->buffered : n;
        *ret = take;
        if (w->buffered == 0 && take == room) { /* a whole packet: no copy */
                w->in_block += take;
                fs_count(w->fs, 0, 0, take);
                return block_writer_send(&w->block, from, take, false, err);
        }
        memcpy(w->buffer + w->buffered, from, take);
        w->buffered += take;
        w->in_block += take;
        return w->buffered == room ? write_block_send(w, false, err) : BDFS_OK;
}

static enum bdfs_status check_usable(struct file_writer *w, struct bdfs_err *err)
{
        if (!w->failed)
                return BDFS_OK;
        *err = w->failure;
        return w->failure.status;
}

enum bdfs_status bdfs_write(struct bdfs_file *f, const void *from, size_t n, struct bdfs_err *err)
{
        struct file_writer *w = f->writer;
        enum bdfs_status rc;
        size_t done = 0;

        enter(w);
        rc = check_usable(w, err);
        while (rc == BDFS_OK && done < n) {
                size_t took = 0;

                rc = write_some(w, (const uint8_t *)from + done, n - done, &took, err);
                if (rc != BDFS_OK)
                        rc = bdfs_wrap(err, "write `%s'", w->path);
                done += took;
        }
        if (rc == BDFS_OK)
                w->written += n;
        return leave(w, rc, err);
}

uint64_t bdfs_written(const struct bdfs_file *f)
{
        return f->writer->written;
}

bool bdfs_file_by_superuser(const struct bdfs_file *f)
{
        return f->writer->by_superuser;
}

void bdfs_file_stat(const struct bdfs_file *f, struct bdfs_stat *ret)
{
        *ret = f->writer->opened;
}

/* The first flush of a block tells the namenode that it has bytes; a sync tells how many. */
static enum bdfs_status tell_namenode(struct file_writer *w, bool sync, struct bdfs_err *err)
{
        Hadoop__FsyncRequestProto q = HADOOP__FSYNC_REQUEST_PROTO__INIT;

        if (w->flushed_first && !sync)
                return BDFS_OK;
        q.src = w->path;
        q.client = w->fs->client_name;
        q.has_lastblocklength = 1;
        q.lastblocklength = (int64_t)w->in_block;
        q.has_fileid = 1;
        q.fileid = w->file_id;
        if (fs_call_only(w->fs, METHOD_CLIENT_fsync, &q.base, err) != BDFS_OK)
                return err->status;
        w->flushed_first = true;
        return BDFS_OK;
}

static enum bdfs_status flush(struct bdfs_file *f, bool sync, struct bdfs_err *err)
{
        struct file_writer *w = f->writer;
        enum bdfs_status rc;

        enter(w);
        rc = check_usable(w, err);
        if (rc == BDFS_OK && w->block_open) {
                rc = write_block_send(w, sync, err);
                if (rc == BDFS_OK)
                        rc = block_writer_wait(&w->block, err);
                if (rc == BDFS_OK)
                        rc = tell_namenode(w, sync, err);
                if (rc != BDFS_OK)
                        rc = bdfs_wrap(err, "%s `%s'", sync ? "sync" : "flush", w->path);
        }
        return leave(w, rc, err);
}

enum bdfs_status bdfs_hflush(struct bdfs_file *f, struct bdfs_err *err)
{
        return flush(f, false, err);
}

enum bdfs_status bdfs_hsync(struct bdfs_file *f, struct bdfs_err *err)
{
        return flush(f, true, err);
}

/* ---- closing --------------------------------------------------------------------------------- */

static void writer_free(struct file_writer *w)
{
        lease_remove(w->fs->leases, &w->member);
        if (w->block_open)
                block_writer_close(&w->block);
        if (w->answer != NULL)
                message_free(w->answer);
        os_cond_fini(&w->free_again);
        os_mutex_fini(&w->lock);
        free(w->path);
        free(w);
}

static void fill_attributes(const struct bdfs_attributes *from, Hadoop__BdfsAttributesProto *to)
{
        to->has_mode = from->has_mode;
        to->mode = from->mode;
        to->owner = (char *)(uintptr_t)from->owner;
        to->group = (char *)(uintptr_t)from->group;
        to->has_mtime = from->mtime_ms >= 0;
        to->mtime = from->mtime_ms;
        to->has_atime = from->atime_ms >= 0;
        to->atime = from->atime_ms;
}

static enum bdfs_status complete(struct file_writer *w, const struct bdfs_attributes *with,
                                 struct bdfs_err *err)
{
        Hadoop__BdfsAttributesProto attributes = HADOOP__BDFS_ATTRIBUTES_PROTO__INIT;
        int64_t deadline = os_mono_ms() + w->fs->timeout_ms, wait = COMPLETE_WAIT_MS;
        Hadoop__CompleteRequestProto q = HADOOP__COMPLETE_REQUEST_PROTO__INIT;

        q.src = w->path;
        q.clientname = w->fs->client_name;
        q.last = write_block_last(w);
        q.has_fileid = 1;
        q.fileid = w->file_id;
        if (with != NULL) {
                fill_attributes(with, &attributes);
                q.bdfsattributes = &attributes;
        }
        for (;;) {
                ProtobufCMessage *m;
                bool done;

                if (fs_call(w->fs, METHOD_CLIENT_complete, &q.base, &m, err) != BDFS_OK)
                        return err->status;
                done = ((Hadoop__CompleteResponseProto *)m)->result;
                message_free(m);
                if (done)
                        return BDFS_OK;
                if (os_mono_ms() + wait > deadline)
                        return bdfs_fail(err, BDFS_UNAVAILABLE,
                                         "too few datanodes have the last block on stable storage "
                                         "(`bdfs admin report` shows which are up)");
                os_sleep_ms(wait);
                wait *= 2;
        }
}

enum bdfs_status writer_close(struct file_writer *w, const struct bdfs_attributes *with,
                              struct bdfs_err *err)
{
        enum bdfs_status rc;

        enter(w);
        rc = check_usable(w, err);
        if (rc == BDFS_OK && w->block_open)
                rc = write_block_finish(w, err);
        if (rc == BDFS_OK)
                rc = complete(w, with, err);
        rc = leave(w, rc, err);
        writer_free(w);
        return rc;
}

void writer_abandon(struct file_writer *w)
{
        writer_free(w);
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum bdfs_status writer_new(struct bdfs *fs, const char *path,
                                   const Hadoop__HdfsFileStatusProto *st, struct bdfs_file **ret,
                                   struct bdfs_err *err)
{
        struct bdfs_file *f = file_new(fs, path);
        struct file_writer *w = calloc(1, sizeof(*w));

        if (f == NULL || w == NULL || (w->path = strdup(path)) == NULL) {
                file_free(f);
                free(w);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        }
        os_mutex_init(&w->lock);
        os_cond_init(&w->free_again);
        w->fs = fs;
        w->member.tick = tick;
        fs_stat_of(st, &w->opened);
        bdfs_stat_fini(&w->opened);
        w->file_id = st->fileid;
        w->block_size = st->blocksize;
        w->written = st->length;
        w->used_ms = os_mono_ms();
        hadoop__extended_block_proto__init(&w->last);
        if (lease_add(fs->leases, &w->member, err) != BDFS_OK) {
                os_cond_fini(&w->free_again);
                os_mutex_fini(&w->lock);
                free(w->path);
                free(w);
                file_free(f);
                return err->status;
        }
        f->writer = w;
        *ret = f;
        return BDFS_OK;
}

/* Keep a first block that came with an answer, and with it the answer. */
static void take_first(struct file_writer *w, ProtobufCMessage **answer,
                       Hadoop__LocatedBlockProto *first)
{
        if (first == NULL || first->n_locs == 0)
                return;
        write_block_given(w, *answer, first);
        *answer = NULL;
}

enum bdfs_status bdfs_create(struct bdfs *fs, const char *path, const struct bdfs_create *options,
                             struct bdfs_file **ret, struct bdfs_err *err)
{
        Hadoop__CreateRequestProto q = HADOOP__CREATE_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto mode = HADOOP__FS_PERMISSION_PROTO__INIT;
        const Hadoop__HdfsFileStatusProto *st;
        ProtobufCMessage *m;
        enum bdfs_status rc;

        q.src = (char *)(uintptr_t)path;
        mode.perm = options->mode == 0 ? 0644 : options->mode & 07777;
        q.masked = &mode;
        q.clientname = fs->client_name;
        q.createflag = HADOOP__CREATE_FLAG_PROTO__CREATE |
                       (options->overwrite ? HADOOP__CREATE_FLAG_PROTO__OVERWRITE : 0u) |
                       (options->lazy_persist ? HADOOP__CREATE_FLAG_PROTO__LAZY_PERSIST : 0u);
        q.createparent = !options->no_parents;
        q.has_bdfsfirstblock = q.bdfsfirstblock = options->first_block && !fs->hadoop;
        q.replication = options->replication;
        q.blocksize = options->block_size;
        if (q.replication == 0 || q.blocksize == 0) {
                struct bdfs_defaults d;

                if (bdfs_defaults(fs, &d, err) != BDFS_OK)
                        return err->status;
                q.replication = q.replication == 0 ? d.replication : q.replication;
                q.blocksize = q.blocksize == 0 ? d.block_size : q.blocksize;
        }
        if (fs_call_path(fs, METHOD_CLIENT_create, &q.base, &q.src, &m, err) != BDFS_OK)
                return err->status;
        st = ((Hadoop__CreateResponseProto *)m)->fs;
        rc = st == NULL ? bdfs_fail(err, BDFS_PROTOCOL, "the answer to create has no file status")
                        : writer_new(fs, path, st, ret, err);
        if (rc == BDFS_OK) {
                const Hadoop__CreateResponseProto *r = (Hadoop__CreateResponseProto *)m;

                (*ret)->writer->by_superuser = r->bdfssuperuser;
                take_first((*ret)->writer, &m, r->bdfsblock);
        }
        message_free(m);
        return rc;
}

/* ---- append ---------------------------------------------------------------------------------- */

static enum bdfs_status open_at_end(struct bdfs *fs, const char *path, bool opened,
                                    struct bdfs_file **ret, struct bdfs_err *err)
{
        Hadoop__AppendRequestProto q = HADOOP__APPEND_REQUEST_PROTO__INIT;
        Hadoop__AppendResponseProto *r;
        struct bdfs_file *f = NULL;
        ProtobufCMessage *m;
        enum bdfs_status rc;

        q.src = (char *)(uintptr_t)path;
        q.clientname = fs->client_name;
        q.has_bdfsfirstblock = q.bdfsfirstblock = !fs->hadoop;
        q.has_bdfsopened = q.bdfsopened = opened;
        if (fs_call_path(fs, METHOD_CLIENT_append, &q.base, &q.src, &m, err) != BDFS_OK)
                return err->status;
        r = (Hadoop__AppendResponseProto *)m;
        if (r->stat == NULL)
                rc = bdfs_fail(err, BDFS_PROTOCOL, "the answer to append has no file status");
        else
                rc = writer_new(fs, path, r->stat, &f, err);
        if (rc == BDFS_OK && r->block != NULL && r->block->n_locs > 0)
                rc = write_block_reopen(f->writer, r->block, err);
        else if (rc == BDFS_OK)
                take_first(f->writer, &m, r->bdfsblock);
        message_free(m);
        if (rc != BDFS_OK) {
                bdfs_abandon(f);
                return bdfs_wrap(err, "append to `%s'", path);
        }
        *ret = f;
        return BDFS_OK;
}

enum bdfs_status bdfs_append(struct bdfs *fs, const char *path, struct bdfs_file **ret,
                             struct bdfs_err *err)
{
        return open_at_end(fs, path, false, ret, err);
}

enum bdfs_status bdfs_append_again(struct bdfs *fs, const char *path, struct bdfs_file **ret,
                                   struct bdfs_err *err)
{
        return open_at_end(fs, path, true, ret, err);
}
