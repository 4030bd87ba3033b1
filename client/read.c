/*
 * libbdfs: reading files. A failing datanode is left alone and another replica is asked; when
 * none is left the locations are fetched again, at most LOCATE_AGAIN times, since replicas move.
 * Each time more patience is had with silent datanodes, and all of it ends with the connection's
 * timeout. Those that failed are asked last for a while.
 */
#include <stdlib.h>
#include <string.h>

#include "client/block_reader.h"
#include "client/file.h"
#include "client/locate.h"

#define LOCATE_AGAIN 3
#define LOCATE_AGAIN_MS 300
#define BAD_NODES_MAX 16
#define STEP_FIRST_MS 1000

struct bad_nodes { /* of one block, for one attempt to read it */
        struct os_addr addr[BAD_NODES_MAX];
        size_t n;
};

struct map_ref { /* bdfs_pread() may come from many threads while one fetches a new map */
        struct file_map map;
        unsigned refs;              /* guarded by: the reader's lock */
};

struct file_reader {
        struct os_mutex lock;
        struct map_ref *map;        /* guarded by: lock */
        uint64_t length;            /* as it was when the file was opened */
        uint64_t at;                /* of bdfs_read() */
        struct block_reader stream; /* of bdfs_read(); conn NULL: none */
        uint64_t stream_at;         /* file offset of its next byte */
        bool streaming;
};

/* ---- open, close ----------------------------------------------------------------------------- */

static enum bdfs_status map_fetch(struct bdfs *fs, const char *path, struct map_ref **ret,
                                  struct bdfs_err *err)
{
        struct map_ref *m = calloc(1, sizeof(*m));

        if (m == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (locate(fs, path, 0, INT64_MAX, &m->map, err) != BDFS_OK) {
                free(m);
                return err->status;
        }
        m->refs = 1;
        *ret = m;
        return BDFS_OK;
}

static struct map_ref *map_take(struct file_reader *r)
{
        AUTO_LOCK(&r->lock);

        r->map->refs++;
        return r->map;
}

static void map_drop(struct file_reader *r, struct map_ref *m)
{
        bool last;

        if (m == NULL)
                return;
        os_mutex_lock(&r->lock);
        last = --m->refs == 0;
        os_mutex_unlock(&r->lock);
        if (!last)
                return;
        file_map_fini(&m->map);
        free(m);
}

enum bdfs_status bdfs_open(struct bdfs *fs, const char *path, struct bdfs_file **ret,
                           struct bdfs_err *err)
{
        struct bdfs_file *f = file_new(fs, path);
        struct file_reader *r = calloc(1, sizeof(*r));

        if (f == NULL || r == NULL) {
                file_free(f);
                free(r);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        }
        os_mutex_init(&r->lock);
        f->reader = r;
        if (map_fetch(fs, path, &r->map, err) != BDFS_OK) {
                reader_close(r);
                file_free(f);
                return err->status;
        }
        r->length = r->map->map.length;
        *ret = f;
        return BDFS_OK;
}

static void stop_stream(struct file_reader *r)
{
        if (r->streaming)
                block_reader_close(&r->stream);
        r->streaming = false;
}

void reader_close(struct file_reader *r)
{
        stop_stream(r);
        map_drop(r, r->map);
        os_mutex_fini(&r->lock);
        free(r);
}

uint64_t bdfs_length(const struct bdfs_file *f)
{
        return f->reader->length;
}

uint64_t bdfs_version(const struct bdfs_file *f)
{
        AUTO_LOCK(&f->reader->lock);

        return file_map_version(&f->reader->map->map);
}

void bdfs_seek(struct bdfs_file *f, uint64_t offset)
{
        f->reader->at = offset;
}

/* ---- finding a replica ----------------------------------------------------------------------- */

static bool is_bad(const struct bad_nodes *bad, const struct os_addr *addr)
{
        for (size_t i = 0; i < bad->n; i++) {
                if (bad->addr[i].port == addr->port && strcmp(bad->addr[i].host, addr->host) == 0)
                        return true;
        }
        return false;
}

/* ---- reading a piece ------------------------------------------------------------------------- */

struct attempt { /* one read, over all its failures */
        struct map_ref *map;
        struct bad_nodes bad;
        int64_t deadline_ms;
        unsigned located;
        size_t loc;
        bool corrupt;               /* a replica's bytes did not fit their checksums */
};

static void begin(struct bdfs_file *f, struct attempt *a)
{
        *a = (struct attempt){.map = map_take(f->reader),
                              .deadline_ms = os_mono_ms() + f->fs->timeout_ms};
}

static void blame(struct bdfs *fs, struct attempt *a, const struct os_addr *addr)
{
        data_suspect(fs->pool, addr);
        if (a->bad.n < BAD_NODES_MAX)
                a->bad.addr[a->bad.n++] = *addr;
}

/* Open a reader for @range on the first replica that is not bad, suspects last. NOT_FOUND: none. */
static enum bdfs_status open_replica(struct bdfs *fs, const Hadoop__LocatedBlockProto *b,
                                     const struct block_range *range, struct attempt *a,
                                     struct block_reader *ret, struct bdfs_err *err)
{
        for (size_t i = 0; i < 2 * b->n_locs; i++) {
                size_t at = i % b->n_locs;
                struct os_addr addr;

                if (!located_addr(b->locs[at]->id, &addr) || is_bad(&a->bad, &addr) ||
                    (i < b->n_locs && data_is_suspect(fs->pool, &addr)))
                        continue;
                if (block_reader_open_range(ret, fs, b, &addr, range, err) == BDFS_OK) {
                        a->loc = at;
                        return BDFS_OK;
                }
                blame(fs, a, &addr);
                if (os_mono_ms() >= a->deadline_ms)
                        break;
        }
        return BDFS_NOT_FOUND; /* @err has the last one's reason, if any was asked */
}

/* New locations, for this attempt and for later reads. */
static enum bdfs_status fetch_again(struct bdfs_file *f, struct attempt *a, struct bdfs_err *err)
{
        struct file_reader *r = f->reader;
        struct map_ref *m, *old;

        if (map_fetch(f->fs, f->path, &m, err) != BDFS_OK)
                return err->status;
        os_mutex_lock(&r->lock);
        old = r->map;
        r->map = m;
        m->refs++;
        os_mutex_unlock(&r->lock);
        map_drop(r, old);
        map_drop(r, a->map);
        a->map = m;
        return BDFS_OK;
}

/* What to do after a failure at @b: nothing left to try, or try again (BDFS_OK). */
static enum bdfs_status after_failure(struct bdfs_file *f, struct attempt *a,
                                      const Hadoop__LocatedBlockProto *b, bool was_open,
                                      struct bdfs_err *err)
{
        struct os_addr addr;

        if (was_open && located_addr(b->locs[a->loc]->id, &addr)) {
                if (err->status == BDFS_CORRUPT) {
                        a->corrupt = true;
                        locate_report_corrupt(f->fs, b, a->loc);
                }
                blame(f->fs, a, &addr);
                return BDFS_OK;
        }
        if (a->located++ == LOCATE_AGAIN || os_mono_ms() >= a->deadline_ms) {
                if (err->status == BDFS_OK || b->n_locs == 0)
                        (void)bdfs_fail(err, BDFS_UNAVAILABLE, "no live datanode has it");
                if (a->corrupt || b->corrupt) /* whatever the last one of them said */
                        err->status = BDFS_CORRUPT;
                return bdfs_wrap(err, "`%s': block %llu cannot be read from any datanode", f->path,
                                 (unsigned long long)b->b->blockid);
        }
        os_sleep_ms(LOCATE_AGAIN_MS * a->located);
        a->bad.n = 0;
        return fetch_again(f, a, err);
}

/* Open r at @offset for at most @want bytes of the block there. */
static enum bdfs_status open_at(struct bdfs_file *f, uint64_t offset, uint64_t want,
                                struct attempt *a, struct block_reader *r,
                                const Hadoop__LocatedBlockProto **ret_block, struct bdfs_err *err)
{
        for (;;) {
                uint64_t bytes;
                const Hadoop__LocatedBlockProto *b = file_map_find(&a->map->map, offset, &bytes);
                struct block_range range = {.step_ms = STEP_FIRST_MS << a->located};

                if (b == NULL)
                        return bdfs_fail(err, BDFS_CORRUPT, "`%s': nothing is known of byte %llu",
                                         f->path, (unsigned long long)offset);
                if (range.step_ms > f->fs->timeout_ms)
                        range.step_ms = f->fs->timeout_ms;
                range.offset = offset - b->offset;
                bytes -= range.offset;
                range.length = want < bytes ? want : bytes;
                *ret_block = b;
                err->status = BDFS_OK;
                if (open_replica(f->fs, b, &range, a, r, err) == BDFS_OK)
                        return BDFS_OK;
                if (after_failure(f, a, b, false, err) != BDFS_OK)
                        return err->status;
        }
}

/* Some bytes at the stream's position; opens or moves it as needed. */
static enum bdfs_status read_stream(struct bdfs_file *f, struct attempt *a, void *to, size_t n,
                                    size_t *ret, struct bdfs_err *err)
{
        struct file_reader *r = f->reader;

        if (r->streaming && (r->stream_at != r->at || r->stream.left == 0))
                stop_stream(r);
        for (;;) {
                const Hadoop__LocatedBlockProto *b = NULL;
                uint64_t bytes;

                if (!r->streaming) {
                        if (open_at(f, r->at, r->length - r->at, a, &r->stream, &b, err) != BDFS_OK)
                                return err->status;
                        r->streaming = true;
                        r->stream_at = r->at;
                }
                if (block_reader_read(&r->stream, to, n, ret, err) == BDFS_OK) {
                        r->at += *ret;
                        r->stream_at = r->at;
                        return BDFS_OK;
                }
                stop_stream(r);
                if (b == NULL)
                        b = file_map_find(&a->map->map, r->at, &bytes);
                if (b == NULL || after_failure(f, a, b, true, err) != BDFS_OK)
                        return err->status;
        }
}

enum bdfs_status bdfs_read(struct bdfs_file *f, void *to, size_t n, size_t *ret,
                           struct bdfs_err *err)
{
        struct file_reader *r = f->reader;
        struct attempt a;
        enum bdfs_status rc = BDFS_OK;
        size_t done = 0;

        begin(f, &a);
        if (r->at >= r->length)
                n = 0;
        else if (n > r->length - r->at)
                n = (size_t)(r->length - r->at);
        while (rc == BDFS_OK && done < n) {
                size_t got = 0;

                rc = read_stream(f, &a, (uint8_t *)to + done, n - done, &got, err);
                done += got;
        }
        map_drop(r, a.map);
        if (rc != BDFS_OK)
                return rc;
        fs_count(f->fs, done, 0, 0);
        *ret = done;
        return BDFS_OK;
}

/* Read @n bytes, all in one block, with a connection for the occasion. */
static enum bdfs_status read_piece(struct bdfs_file *f, uint64_t offset, uint8_t *to, size_t n,
                                   struct bdfs_err *err)
{
        struct attempt a;
        enum bdfs_status failed = BDFS_OK;
        size_t done = 0;

        begin(f, &a);
        while (failed == BDFS_OK && done < n) {
                const Hadoop__LocatedBlockProto *b;
                struct block_reader r;
                enum bdfs_status rc = BDFS_OK;
                size_t got;

                failed = open_at(f, offset + done, n - done, &a, &r, &b, err);
                if (failed != BDFS_OK)
                        break;
                while (rc == BDFS_OK && done < n && r.left > 0) {
                        rc = block_reader_read(&r, to + done, n - done, &got, err);
                        if (rc == BDFS_OK)
                                done += got;
                }
                block_reader_close(&r);
                if (rc != BDFS_OK)
                        failed = after_failure(f, &a, b, true, err);
        }
        map_drop(f->reader, a.map);
        return failed;
}

enum bdfs_status bdfs_pread(struct bdfs_file *f, uint64_t offset, void *to, size_t n, size_t *ret,
                            struct bdfs_err *err)
{
        struct file_reader *r = f->reader;

        if (offset >= r->length)
                n = 0;
        else if (n > r->length - offset)
                n = (size_t)(r->length - offset);
        if (n > 0 && read_piece(f, offset, to, n, err) != BDFS_OK)
                return err->status;
        fs_count(f->fs, n, 0, 0);
        *ret = n;
        return BDFS_OK;
}
