/*
 * Writing: bytes are staged as pieces of the callers' memory and written in one go, in whole pages
 * and past the page cache, with the record pages of the groups that begin among them; then the
 * record page of the group that began earlier, then the state page.
 *
 * The last page of what is on disk is kept, so that the next write begins with that whole page
 * and never makes the kernel read it back. Rewriting it is harmless at any point: the bytes that
 * an earlier state page covers are the same in both versions.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/limits.h"
#include "datanode/disk/replica_inside.h"

enum {
        STAGE_PIECES_MAX = 256,
        STAGE_PAGES_MAX = 4,       /* groups that a batch touches */
        STAGE_SPARE = 3,           /* pieces that one step may need: page, data, padding */
        UNCACHED_BYTES_MIN = 32768, /* smaller writes cost more past the page cache than in it */
};

struct replica_writer {
        struct replica *replica;
        bool failed;      /* a write or sync did: nothing more is written */
        uint64_t flushed; /* bytes with the kernel */
        uint64_t length;  /* with what is staged */
        struct replica_record record; /* of the chunk at length */

        /* bytes from the last page boundary to flushed, and to length */
        uint8_t tail_flushed[REPLICA_PAGE_BYTES], tail[REPLICA_PAGE_BYTES];

        struct iovec pieces[STAGE_PIECES_MAX];
        int pieces_n;
        uint64_t at;   /* in the file, of the first piece */
        uint64_t bytes; /* in all pieces */

        uint8_t pages[STAGE_PAGES_MAX][REPLICA_PAGE_BYTES];
        unsigned page;    /* of the group at length */
        bool first_dirty; /* pages[0] lies before the pieces and changed */
};

static const uint8_t zero_page[REPLICA_PAGE_BYTES];

enum bdfs_status replica_writer_new(struct replica_writer **ret, struct replica *r,
                                    struct bdfs_err *err)
{
        struct replica_writer *w;
        enum bdfs_status rc = replica_seize(r, err);

        if (rc != BDFS_OK)
                return rc;
        BDFS_ASSERT(r->state.state == REPLICA_FILE_RECEIVING && r->state.length == 0);
        w = calloc(1, sizeof(*w));
        if (w == NULL) {
                replica_yield(r);
                return bdfs_fail(err, BDFS_NO_MEMORY, "write block %" PRIu64 ": out of memory",
                                 r->state.block);
        }
        w->replica = r;
        *ret = w;
        return BDFS_OK;
}

void replica_writer_free(struct replica_writer *w)
{
        if (w == NULL)
                return;
        replica_yield(w->replica);
        free(w);
}

uint64_t replica_writer_length(const struct replica_writer *w)
{
        return w->length;
}

/* ---- staging ------------------------------------------------------------------------------ */

static void stage_piece(struct replica_writer *w, const uint8_t *data, size_t n)
{
        struct iovec *last = w->pieces_n > 0 ? &w->pieces[w->pieces_n - 1] : NULL;

        w->bytes += n;
        if (last != NULL && (const uint8_t *)last->iov_base + last->iov_len == data) {
                last->iov_len += n;
                return;
        }
        BDFS_ASSERT(w->pieces_n < STAGE_PIECES_MAX);
        w->pieces[w->pieces_n++] = (struct iovec){.iov_base = (void *)(uintptr_t)data,
                                                  .iov_len = n};
}

/* The batch begins at the start of the page that holds its first byte. */
static void stage_begin(struct replica_writer *w)
{
        size_t kept = (size_t)(w->flushed % REPLICA_PAGE_BYTES);

        BDFS_ASSERT(w->length == w->flushed && w->page == 0 && w->bytes == 0);
        if (w->flushed % REPLICA_GROUP_DATA_BYTES == 0) {
                w->at = replica_record_page_at(replica_chunk_of(w->flushed));
                return; /* stage_group() puts the record page */
        }
        w->at = replica_data_at(w->flushed) - kept;
        if (kept > 0)
                stage_piece(w, w->tail_flushed, kept);
}

/* A new group begins at length: its record page comes before its data. */
static void stage_group(struct replica_writer *w)
{
        if (w->bytes > 0)
                w->page++;
        BDFS_ASSERT(w->page < STAGE_PAGES_MAX);
        memset(w->pages[w->page], 0, REPLICA_PAGE_BYTES);
        stage_piece(w, w->pages[w->page], REPLICA_PAGE_BYTES);
}

static bool stage_has_room(const struct replica_writer *w)
{
        return w->pieces_n + STAGE_SPARE <= STAGE_PIECES_MAX && w->page + 1 < STAGE_PAGES_MAX;
}

/* Enter the checksums of @n more bytes of the current chunk. @sums are those of the caller's grid
 * from the 512 bytes on in which the first of them lies, or NULL. */
static enum bdfs_status enter_sums(struct replica_writer *w, const uint8_t *data, size_t n,
                                   const uint8_t *sums, struct bdfs_err *err)
{
        enum crc_type type = w->replica->state.type;
        size_t at = w->record.length, begun = at % REPLICA_SUM_EVERY, more;
        uint8_t *sum = w->record.sums + at / REPLICA_SUM_EVERY * 4;

        if (begun > 0) {
                uint32_t merged;

                more = n < REPLICA_SUM_EVERY - begun ? n : REPLICA_SUM_EVERY - begun;
                merged = crc_of(type, get_u32be(sum), data, more);
                if (sums != NULL && merged != get_u32be(sums))
                        return bdfs_fail(err, BDFS_INVALID, "block %" PRIu64 ": bytes before %"
                                         PRIu64 " were sent again and differ",
                                         w->replica->state.block, w->length);
                put_u32be(sum, merged);
                sum += 4;
                sums = sums == NULL ? NULL : sums + 4;
                data += more;
                n -= more;
        }
        if (n > 0 && sums != NULL)
                memcpy(sum, sums, crc_chunk_count(n, REPLICA_SUM_EVERY) * 4);
        else if (n > 0)
                crc_chunks(type, data, n, REPLICA_SUM_EVERY, sum);
        return BDFS_OK;
}

/* @n bytes that do not cross the end of the current chunk. */
static enum bdfs_status stage_in_chunk(struct replica_writer *w, const uint8_t *data, size_t n,
                                       const uint8_t *sums, struct bdfs_err *err)
{
        uint64_t chunk = replica_chunk_of(w->length);
        enum bdfs_status rc = enter_sums(w, data, n, sums, err);

        if (rc != BDFS_OK)
                return rc;
        if (w->bytes == 0)
                stage_begin(w);
        if (w->length % REPLICA_GROUP_DATA_BYTES == 0)
                stage_group(w);
        stage_piece(w, data, n);
        w->length += n;
        w->record.length += (uint32_t)n;
        if (w->record.length < REPLICA_CHUNK_BYTES)
                return BDFS_OK;
        replica_record_encode(&w->record, w->replica->state.block, chunk,
                              w->pages[w->page] + replica_record_place(chunk));
        if (w->page == 0)
                w->first_dirty = true;
        memset(&w->record, 0, sizeof(w->record));
        return BDFS_OK;
}

/* Keep the bytes from the last page boundary on; @data are the last @n bytes added. */
static void keep_tail(struct replica_writer *w, const uint8_t *data, size_t n)
{
        size_t kept = (size_t)(w->length % REPLICA_PAGE_BYTES);

        if (n >= kept)
                memcpy(w->tail, data + n - kept, kept);
        else
                memcpy(w->tail + kept - n, data, n);
}

static enum bdfs_status put_staged(struct replica_writer *w, struct bdfs_err *err);

static enum bdfs_status add_new(struct replica_writer *w, const uint8_t *data, size_t n,
                                const uint8_t *sums, struct bdfs_err *err)
{
        while (n > 0) {
                size_t room = REPLICA_CHUNK_BYTES - w->record.length;
                size_t step = n < room ? n : room;
                size_t sums_done = (w->record.length % REPLICA_SUM_EVERY + step) /
                                   REPLICA_SUM_EVERY * 4;
                enum bdfs_status rc = BDFS_OK;

                if (!stage_has_room(w))
                        rc = put_staged(w, err);
                if (rc == BDFS_OK)
                        rc = stage_in_chunk(w, data, step, sums, err);
                if (rc != BDFS_OK)
                        return rc;
                keep_tail(w, data, step);
                data += step;
                n -= step;
                sums = sums == NULL ? NULL : sums + sums_done;
        }
        return BDFS_OK;
}

enum bdfs_status replica_writer_add(struct replica_writer *w, const struct replica_bytes *bytes,
                                    struct bdfs_err *err)
{
        uint64_t there;

        BDFS_ASSERT(bytes->sums == NULL || bytes->offset % REPLICA_SUM_EVERY == 0);
        if (bytes->offset > w->length)
                return bdfs_fail(err, BDFS_INVALID, "block %" PRIu64 " has %" PRIu64
                                 " bytes, cannot go on at %" PRIu64, w->replica->state.block,
                                 w->length, bytes->offset);
        there = w->length - bytes->offset;
        if (there >= bytes->n)
                return BDFS_OK;
        if (bytes->offset + bytes->n > BLOCK_BYTES_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "block %" PRIu64 " would pass %llu bytes",
                                 w->replica->state.block, BLOCK_BYTES_MAX);
        return add_new(w, bytes->data + there, bytes->n - (size_t)there,
                       bytes->sums == NULL ? NULL : bytes->sums + there / REPLICA_SUM_EVERY * 4,
                       err);
}

/* ---- to the disk -------------------------------------------------------------------------- */

static enum bdfs_status put_pieces(struct replica_writer *w, struct bdfs_err *err)
{
        size_t over = (size_t)(w->bytes % REPLICA_PAGE_BYTES);

        if (over > 0)
                stage_piece(w, zero_page, REPLICA_PAGE_BYTES - over);
        return os_file_writev(w->replica->file, w->at, w->pieces, w->pieces_n,
                              w->bytes >= UNCACHED_BYTES_MIN, err);
}

/* The record page of the group that holds the last byte that was flushed before this batch. */
static enum bdfs_status put_first_page(struct replica_writer *w, struct bdfs_err *err)
{
        uint64_t at;

        if (!w->first_dirty || w->flushed % REPLICA_GROUP_DATA_BYTES == 0)
                return BDFS_OK; /* nothing new, or it was among the pieces */
        at = replica_record_page_at(replica_chunk_of(w->flushed));
        return os_file_write(w->replica->file, at, w->pages[0], REPLICA_PAGE_BYTES, err);
}

/* Everything but the state page. */
static enum bdfs_status put_staged(struct replica_writer *w, struct bdfs_err *err)
{
        enum bdfs_status rc;

        if (w->failed)
                return bdfs_fail(err, BDFS_FAILED, "block %" PRIu64 ": an earlier write failed",
                                 w->replica->block);
        if (w->bytes == 0)
                return BDFS_OK;
        rc = put_pieces(w, err);
        if (rc == BDFS_OK)
                rc = put_first_page(w, err);
        if (rc != BDFS_OK) {
                w->failed = true;
                return rc;
        }
        if (w->page > 0)
                memcpy(w->pages[0], w->pages[w->page], REPLICA_PAGE_BYTES);
        memcpy(w->tail_flushed, w->tail, w->length % REPLICA_PAGE_BYTES);
        w->flushed = w->length;
        w->page = 0;
        w->first_dirty = false;
        w->pieces_n = 0;
        w->bytes = 0;
        return BDFS_OK;
}

static struct replica_state state_now(const struct replica_writer *w)
{
        struct replica_state s = w->replica->state;

        s.length = w->length;
        s.tail = w->record;
        return s;
}

static enum bdfs_status note(struct replica_writer *w, enum bdfs_status rc)
{
        w->failed |= rc != BDFS_OK;
        return rc;
}

enum bdfs_status replica_writer_flush(struct replica_writer *w, struct bdfs_err *err)
{
        struct replica_state next = state_now(w);
        enum bdfs_status rc = put_staged(w, err);

        if (rc != BDFS_OK || next.length == w->replica->state.length)
                return rc;
        return note(w, replica_put_state(w->replica, &next, false, err));
}

enum bdfs_status replica_writer_sync(struct replica_writer *w, struct bdfs_err *err)
{
        struct replica_state next = state_now(w);
        enum bdfs_status rc = put_staged(w, err);

        return rc != BDFS_OK ? rc : note(w, replica_put_state(w->replica, &next, true, err));
}

enum bdfs_status replica_writer_seal(struct replica_writer *w, struct bdfs_err *err)
{
        struct replica_state next = state_now(w);
        enum bdfs_status rc = put_staged(w, err);

        next.state = REPLICA_FILE_FINALIZED;
        return rc != BDFS_OK ? rc : note(w, replica_put_sealed(w->replica, &next, err));
}
