#include "exec/agent/input.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/locate.h"
#include "exec/agent/local_read.h"
#include "exec/records/record.h"

#define REMOTE_BYTES ((size_t)512 * 1024)
#define GRID 512             /* what lies between is sent whole, for its checksum */

struct input {
        const struct input_place *place;
        const struct input_spec *spec;
        char inode_path[64];
        struct record_window window;
        struct input_count count;
        struct file_map map;
        uint64_t map_from;          /* blocks from this offset on are in it */
        struct local_read *local;   /* of the block that begins at local_at */
        uint64_t local_at;
        uint64_t not_local;         /* offset of a block that is not read here (any more) */
        struct bdfs_file *remote;   /* NULL: not needed yet */
        uint8_t *buffer;            /* of remote reads */
        uint64_t tail_bytes;        /* read past the end */
        struct decode *decode;      /* NULL: the bytes are what they are */
};

static enum bdfs_status changed(const struct input *in, struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_STALE_GENSTAMP, "the input changed while the job ran: %s",
                         in->spec->path);
}

/* ---- where the bytes are ------------------------------------------------------------------ */

static enum bdfs_status fetch_map(struct input *in, uint64_t from, uint64_t bytes,
                                  struct bdfs_err *err)
{
        struct file_map m;
        enum bdfs_status rc = locate(in->place->fs, in->inode_path, from, bytes, &m, err);

        if (rc == BDFS_NOT_FOUND)
                return changed(in, err);
        if (rc != BDFS_OK)
                return bdfs_wrap(err, "%s", in->spec->path);
        local_read_close(in->local); /* it borrows from the old map */
        in->local = NULL;
        file_map_fini(&in->map);
        in->map = m;
        in->map_from = from;
        return m.length == in->spec->file_length ? BDFS_OK : changed(in, err);
}

static bool is_pinned(const struct input *in, const Hadoop__LocatedBlockProto *b)
{
        for (size_t i = 0; i < in->spec->pieces_n; i++) {
                const struct input_piece *p = &in->spec->pieces[i];

                if (p->offset == b->offset)
                        return p->length == b->b->numbytes && p->block == b->b->blockid &&
                               (p->block == 0 || p->stamp == b->b->generationstamp);
        }
        return b->offset >= in->spec->start + in->spec->length;
}

static enum bdfs_status find_block(struct input *in, uint64_t at,
                                   const Hadoop__LocatedBlockProto **ret, struct bdfs_err *err)
{
        uint64_t bytes;

        *ret = at < in->map_from ? NULL : file_map_find(&in->map, at, &bytes);
        if (*ret == NULL) { /* a record goes on behind what was asked for */
                if (fetch_map(in, at, REMOTE_BYTES, err) != BDFS_OK)
                        return err->status;
                *ret = file_map_find(&in->map, at, &bytes);
        }
        if (*ret == NULL)
                return bdfs_fail(err, BDFS_CORRUPT, "%s: nothing is known of byte %" PRIu64,
                                 in->spec->path, at);
        return is_pinned(in, *ret) ? BDFS_OK : changed(in, err);
}

/* Its index among the block's locations, or -1. */
static ssize_t own_location(const struct input *in, const Hadoop__LocatedBlockProto *b)
{
        struct os_addr addr;
        char name[80];

        for (size_t i = 0; i < b->n_locs; i++) {
                if (!located_addr(b->locs[i]->id, &addr))
                        continue;
                (void)snprintf(name, sizeof(name), "%s:%u", addr.host, addr.port);
                if (strcmp(name, in->place->datanode) == 0)
                        return (ssize_t)i;
        }
        return -1;
}

/* ---- from this machine -------------------------------------------------------------------- */

static enum bdfs_status read_local(struct input *in, const Hadoop__LocatedBlockProto *b,
                                   uint64_t at, bool few, uint8_t **ret, size_t *ret_n,
                                   struct bdfs_err *err)
{
        if (in->local != NULL && in->local_at != b->offset) {
                local_read_close(in->local);
                in->local = NULL;
        }
        if (in->local == NULL) {
                if (local_read_open(&in->local, in->place->fs, in->place->socket_path, b, err) !=
                    BDFS_OK)
                        return err->status;
                in->local_at = b->offset;
                in->count.descriptors += local_read_by_file(in->local);
        }
        if (local_read_at(in->local, at - b->offset, few, ret, ret_n, err) != BDFS_OK)
                return err->status;
        in->count.local += *ret_n;
        return BDFS_OK;
}

/* ---- from anywhere ------------------------------------------------------------------------ */

static enum bdfs_status open_remote(struct input *in, struct bdfs_err *err)
{
        enum bdfs_status rc;

        if (in->remote != NULL)
                return BDFS_OK;
        if (in->buffer == NULL)
                in->buffer = malloc(REMOTE_BYTES);
        if (in->buffer == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory to read");
        rc = bdfs_open(in->place->fs, in->inode_path, &in->remote, err);
        if (rc == BDFS_NOT_FOUND)
                return changed(in, err);
        if (rc != BDFS_OK)
                return bdfs_wrap(err, "%s", in->spec->path);
        return bdfs_length(in->remote) == in->spec->file_length ? BDFS_OK : changed(in, err);
}

/* At most @want bytes. Within the split one stream reads on; past its end each read is apart. */
static enum bdfs_status read_remote(struct input *in, uint64_t at, bool few, size_t want,
                                    uint8_t **ret, size_t *ret_n, struct bdfs_err *err)
{
        enum bdfs_status rc;

        if (open_remote(in, err) != BDFS_OK)
                return err->status;
        if (few) {
                rc = bdfs_pread(in->remote, at, in->buffer, want, ret_n, err);
        } else {
                bdfs_seek(in->remote, at);
                rc = bdfs_read(in->remote, in->buffer, want, ret_n, err);
        }
        if (rc == BDFS_REPLACED)
                return changed(in, err);
        if (rc != BDFS_OK)
                return bdfs_wrap(err, "%s", in->spec->path);
        if (*ret_n == 0)
                return changed(in, err);
        in->count.remote += *ret_n;
        *ret = in->buffer;
        return BDFS_OK;
}

static uint64_t least(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* Past the end a record ends soon: not a stretch of the grid too many, and of a long one at most a
 * quarter. */
static size_t remote_bytes(struct input *in, const Hadoop__LocatedBlockProto *b, uint64_t at,
                           bool few)
{
        uint64_t left = b->offset + b->b->numbytes - at, n;

        if (!few)
                return (size_t)least(left, least(REMOTE_BYTES, in->window.end - at));
        n = GRID - (at - b->offset) % GRID + in->tail_bytes / 4 / GRID * GRID;
        n = least(left, least(REMOTE_BYTES, n));
        in->tail_bytes += n;
        return (size_t)n;
}

/* The bytes at the window's position. */
static enum bdfs_status read_bytes(struct input *in, uint8_t **ret, size_t *ret_n,
                                   struct bdfs_err *err)
{
        const Hadoop__LocatedBlockProto *b;
        uint64_t at = in->window.at;
        bool few = at >= in->window.end;
        ssize_t own;

        if (find_block(in, at, &b, err) != BDFS_OK)
                return err->status;
        own = b->offset == in->not_local ? -1 : own_location(in, b);
        if (own >= 0) {
                enum bdfs_status rc = read_local(in, b, at, few, ret, ret_n, err);

                if (rc == BDFS_OK)
                        return BDFS_OK;
                if (rc == BDFS_CORRUPT)
                        locate_report_corrupt(in->place->fs, b, (size_t)own);
                in->not_local = b->offset;
        }
        return read_remote(in, at, few, remote_bytes(in, b, at, few), ret, ret_n, err);
}

/* ---- records ------------------------------------------------------------------------------ */

/* The bytes of a compressed file, one after the other. */
static enum bdfs_status next_compressed(void *arg, const uint8_t **ret, size_t *ret_n,
                                        struct bdfs_err *err)
{
        struct input *in = arg;
        uint8_t *data;

        *ret_n = 0;
        if (in->window.at >= in->spec->file_length)
                return BDFS_OK;
        if (read_bytes(in, &data, ret_n, err) != BDFS_OK)
                return err->status;
        in->count.bytes += *ret_n;
        in->window.at += *ret_n;
        *ret = data;
        return BDFS_OK;
}

static enum bdfs_status next_decoded(struct input *in, const uint8_t **ret, size_t *ret_n,
                                     struct bdfs_err *err)
{
        if (decode_next(in->decode, ret, ret_n, err) != BDFS_OK)
                return err->status;
        record_count(&in->window.count, *ret, *ret_n);
        if (*ret_n == 0)
                (void)record_count_end(&in->window.count);
        return BDFS_OK;
}

static enum bdfs_status start_decoding(struct input *in, struct bdfs_err *err)
{
        const struct input_spec *s = in->spec;

        if (s->format == DECODE_NONE)
                return BDFS_OK;
        if (s->start != 0 || s->length != s->file_length)
                return bdfs_fail(err, BDFS_INVALID, "%s: a part of a compressed file is no input",
                                 s->path);
        return decode_new(&in->decode, s->format, s->path, next_compressed, in, err);
}

enum bdfs_status input_open(struct input **ret, const struct input_place *place,
                            const struct input_spec *spec, struct bdfs_err *err)
{
        struct input *in = calloc(1, sizeof(*in));

        if (in == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        in->place = place;
        in->spec = spec;
        in->not_local = UINT64_MAX;
        (void)snprintf(in->inode_path, sizeof(in->inode_path), "/.reserved/.inodes/%" PRIu64,
                       spec->inode);
        record_window_init(&in->window, spec->start, spec->start + spec->length);
        /* and what comes behind the split: the rest of its last record */
        if (start_decoding(in, err) != BDFS_OK ||
            fetch_map(in, spec->start, spec->length + 1, err) != BDFS_OK) {
                input_close(in);
                return err->status;
        }
        *ret = in;
        return BDFS_OK;
}

void input_close(struct input *in)
{
        struct bdfs_err err;

        if (in == NULL)
                return;
        decode_free(in->decode);
        local_read_close(in->local);
        if (in->remote != NULL)
                BDFS_IGNORE(bdfs_close(in->remote, &err)); /* only read */
        file_map_fini(&in->map);
        free(in->buffer);
        free(in);
}

enum bdfs_status input_next(struct input *in, const uint8_t **ret, size_t *ret_n,
                            struct bdfs_err *err)
{
        struct record_window *w = &in->window;

        if (in->decode != NULL)
                return next_decoded(in, ret, ret_n, err);
        while (!w->done && w->at < in->spec->file_length) {
                struct record_bytes got;
                uint8_t *data;
                size_t n;

                if (read_bytes(in, &data, &n, err) != BDFS_OK)
                        return err->status;
                in->count.bytes += n;
                record_window_take(w, data, n, &got);
                if (got.n == 0)
                        continue;
                *ret = got.data;
                *ret_n = got.n;
                return BDFS_OK;
        }
        (void)record_count_end(&w->count); /* once, whoever asks again */
        *ret_n = 0;
        return BDFS_OK;
}

void input_counted(const struct input *in, struct input_count *ret)
{
        *ret = in->count;
        ret->records = in->window.count.records;
}
