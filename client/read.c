/*
 * libbdfs: reading files. A failing datanode is left alone and another replica is asked; when
 * none is left the locations are fetched again, at most LOCATE_AGAIN times, since replicas move.
 * Each time more patience is had with silent datanodes, and all of it ends with the connection's
 * timeout. Those that failed are asked last for a while. Which file it is was decided at the open
 * (client/held.h).
 */
#include <stdlib.h>
#include <string.h>

#include "client/block_reader.h"
#include "client/file.h"
#include "client/held.h"

#define LOCATE_AGAIN 3
#define LOCATE_AGAIN_MS 300
#define BAD_NODES_MAX 16
#define STEP_FIRST_MS 1000

struct bad_nodes { /* of one block, for one attempt to read it */
        struct os_addr addr[BAD_NODES_MAX];
        size_t n;
};

struct file_reader {
        struct held *held;
        uint64_t length;            /* as it was when the file was opened */
        uint64_t at;                /* of bdfs_read() */
        struct block_reader stream; /* of bdfs_read(); conn NULL: none */
        uint64_t stream_at;         /* file offset of its next byte */
        bool streaming;
};

/* ---- open, close ----------------------------------------------------------------------------- */

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
        f->reader = r;
        if (held_open(fs, path, &r->held, err) != BDFS_OK) {
                reader_close(r);
                file_free(f);
                return err->status;
        }
        r->length = held_length(r->held);
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
        held_close(r->held);
        free(r);
}

uint64_t bdfs_length(const struct bdfs_file *f)
{
        return f->reader->length;
}

uint64_t bdfs_version(const struct bdfs_file *f)
{
        return held_version(f->reader->held);
}

uint64_t bdfs_inode(const struct bdfs_file *f)
{
        return held_inode(f->reader->held);
}

void bdfs_seek(struct bdfs_file *f, uint64_t offset)
{
        f->reader->at = offset;
}

/* ---- finding a replica ----------------------------------------------------------------------- */

static bool same_addr(const struct os_addr *a, const struct os_addr *b)
{
        return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool is_bad(const struct bad_nodes *bad, const struct os_addr *addr)
{
        if (bad->n == BAD_NODES_MAX)
                return true; /* more are not asked without new locations */
        for (size_t i = 0; i < bad->n; i++) {
                if (same_addr(&bad->addr[i], addr))
                        return true;
        }
        return false;
}

/* ---- reading a piece ------------------------------------------------------------------------- */

struct attempt { /* one read, over all its failures */
        struct held_page *page;     /* NULL: none yet */
        struct bad_nodes bad;
        int64_t deadline_ms;
        unsigned located;
        bool corrupt;               /* a replica's bytes did not fit their checksums */
};

static void begin(struct bdfs_file *f, struct attempt *a)
{
        *a = (struct attempt){.deadline_ms = os_mono_ms() + f->fs->timeout_ms};
}

static void end(struct bdfs_file *f, struct attempt *a)
{
        held_drop(f->reader->held, a->page);
}

/* The piece with the byte @offset, of the newest page. */
static enum bdfs_status find_piece(struct bdfs_file *f, struct attempt *a, uint64_t offset,
                                   const struct held_piece **ret, struct bdfs_err *err)
{
        struct held *h = f->reader->held;

        if (a->page == NULL || held_find(a->page, offset) == NULL) {
                held_drop(h, a->page);
                a->page = held_take(h, offset);
        }
        if (a->page == NULL)
                return bdfs_fail(err, BDFS_PROTOCOL, "`%s': the namenode said nothing of byte %llu",
                                 f->path, (unsigned long long)offset);
        held_keep_fresh(h, &a->page);
        *ret = held_find(a->page, offset);
        return BDFS_OK;
}

/* A datanode that does not have it, or will not show it, may be as good as others for the rest. */
static bool is_node_fault(enum bdfs_status why)
{
        return why != BDFS_REPLICA_NOT_FOUND && why != BDFS_REPLACED && why != BDFS_TOKEN;
}

static void blame(struct bdfs *fs, struct attempt *a, const struct os_addr *addr,
                  enum bdfs_status why)
{
        if (is_node_fault(why))
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
                if (block_reader_open_range(ret, fs, b, &addr, range, err) == BDFS_OK)
                        return BDFS_OK;
                blame(fs, a, &addr, err->status);
                if (os_mono_ms() >= a->deadline_ms)
                        break;
        }
        return BDFS_NOT_FOUND; /* @err has the last one's reason, if any was asked */
}

/* A reader of @piece's block from @addr failed with @why; others may have it. */
static void stream_failed(struct bdfs_file *f, struct attempt *a, const struct held_piece *piece,
                          const struct os_addr *addr, enum bdfs_status why)
{
        const Hadoop__LocatedBlockProto *b = piece->block;
        struct os_addr here;

        a->corrupt = a->corrupt || why == BDFS_CORRUPT;
        for (size_t i = 0; why == BDFS_CORRUPT && i < b->n_locs; i++) {
                if (located_addr(b->locs[i]->id, &here) && same_addr(&here, addr))
                        locate_report_corrupt(f->fs, b, i);
        }
        blame(f->fs, a, addr, why);
}

static enum bdfs_status give_up(struct bdfs_file *f, struct attempt *a,
                                const struct held_piece *piece, struct bdfs_err *err)
{
        const Hadoop__LocatedBlockProto *b = piece->block;

        if (err->status == BDFS_OK || b->n_locs == 0)
                (void)bdfs_fail(err, BDFS_UNAVAILABLE, "no live datanode has it");
        if (a->corrupt || b->corrupt) /* whatever the last one of them said */
                err->status = BDFS_CORRUPT;
        else if (held_explain(f->reader->held, piece, err) == BDFS_REPLACED)
                return err->status;
        return bdfs_wrap(err, "`%s': block %llu cannot be read from any datanode", f->path,
                         (unsigned long long)b->b->blockid);
}

/* No datanode gave @piece: nothing is left to try, or a->page has new locations (BDFS_OK). */
static enum bdfs_status locate_again(struct bdfs_file *f, struct attempt *a,
                                     const struct held_piece *piece, struct bdfs_err *err)
{
        struct held *h = f->reader->held;

        if (a->located++ == LOCATE_AGAIN || os_mono_ms() >= a->deadline_ms ||
            held_is_lost(h, piece, err->status))
                return give_up(f, a, piece, err);
        if (err->status != BDFS_TOKEN) /* which is not mended by waiting */
                os_sleep_ms(LOCATE_AGAIN_MS * a->located);
        a->bad.n = 0;
        return held_renew(h, &a->page, err);
}

/* Open r at @offset for at most @want bytes of the block there. */
static enum bdfs_status open_at(struct bdfs_file *f, uint64_t offset, uint64_t want,
                                struct attempt *a, struct block_reader *r, struct bdfs_err *err)
{
        for (;;) {
                struct block_range range = {.step_ms = STEP_FIRST_MS << a->located};
                const struct held_piece *piece;
                uint64_t bytes;

                if (find_piece(f, a, offset, &piece, err) != BDFS_OK)
                        return err->status;
                if (range.step_ms > f->fs->timeout_ms)
                        range.step_ms = f->fs->timeout_ms;
                range.offset = offset - piece->offset;
                bytes = piece->bytes - range.offset;
                range.length = want < bytes ? want : bytes;
                err->status = BDFS_OK;
                if (open_replica(f->fs, piece->block, &range, a, r, err) == BDFS_OK)
                        return BDFS_OK;
                if (locate_again(f, a, piece, err) != BDFS_OK)
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
                const struct held_piece *piece;
                struct os_addr from;
                struct bdfs_err why;

                if (!r->streaming) {
                        if (open_at(f, r->at, r->length - r->at, a, &r->stream, err) != BDFS_OK)
                                return err->status;
                        r->streaming = true;
                        r->stream_at = r->at;
                }
                if (block_reader_read(&r->stream, to, n, ret, &why) == BDFS_OK) {
                        r->at += *ret;
                        r->stream_at = r->at;
                        return BDFS_OK;
                }
                from = r->stream.from;
                stop_stream(r);
                if (find_piece(f, a, r->at, &piece, err) != BDFS_OK)
                        return err->status;
                stream_failed(f, a, piece, &from, why.status);
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
        end(f, &a);
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
                const struct held_piece *piece;
                struct block_reader r;
                struct bdfs_err why;
                enum bdfs_status rc = BDFS_OK;
                size_t got;

                failed = open_at(f, offset + done, n - done, &a, &r, err);
                if (failed != BDFS_OK)
                        break;
                while (rc == BDFS_OK && done < n && r.left > 0) {
                        rc = block_reader_read(&r, to + done, n - done, &got, &why);
                        if (rc == BDFS_OK)
                                done += got;
                }
                block_reader_close(&r);
                if (rc == BDFS_OK)
                        continue;
                failed = find_piece(f, &a, offset + done, &piece, err);
                if (failed == BDFS_OK)
                        stream_failed(f, &a, piece, &r.from, why.status);
        }
        end(f, &a);
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
