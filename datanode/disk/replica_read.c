/*
 * Reading: a run of bytes inside one group is one read of whole 512-byte pieces, the first and the
 * last into spare room where only a part of them is wanted, then compared with the checksums of
 * the chunks' records.
 */
#include <inttypes.h>
#include <string.h>

#include "datanode/disk/replica_inside.h"

#define NO_PAGE UINT64_MAX

void replica_reader_init(struct replica_reader *rd, struct replica *r)
{
        rd->replica = r;
        rd->chunk = NO_PAGE;
        rd->page_of = NO_PAGE;
        replica_look(r, &rd->view);
}

static enum bdfs_status load_page(struct replica_reader *rd, uint64_t chunk, struct bdfs_err *err)
{
        size_t got = 0;
        enum bdfs_status rc;

        if (rd->page_of / REPLICA_GROUP_CHUNKS == chunk / REPLICA_GROUP_CHUNKS &&
            rd->page_of != NO_PAGE)
                return BDFS_OK;
        rd->page_of = NO_PAGE;
        rc = os_file_read(rd->replica->file, replica_record_page_at(chunk), rd->page,
                          sizeof(rd->page), &got, err);
        if (rc != BDFS_OK)
                return rc;
        if (got < sizeof(rd->page))
                return bdfs_fail(err, BDFS_CORRUPT, "file ends inside a record page");
        rd->page_of = chunk;
        return BDFS_OK;
}

/* Make rd->record that of @chunk. */
static enum bdfs_status load_record(struct replica_reader *rd, uint64_t chunk,
                                    struct bdfs_err *err)
{
        enum bdfs_status rc;

        if (rd->chunk == chunk)
                return BDFS_OK;
        rd->chunk = NO_PAGE;
        if (chunk == replica_chunk_of(rd->view.length)) {
                rd->record = rd->view.tail;
        } else {
                rc = load_page(rd, chunk, err);
                if (rc == BDFS_OK)
                        rc = replica_record_at(rd->page, rd->view.block, chunk, &rd->record, err);
                if (rc != BDFS_OK)
                        return rc;
                if (rd->record.length != REPLICA_CHUNK_BYTES)
                        return bdfs_fail(err, BDFS_CORRUPT, "chunk %" PRIu64 " has no record",
                                         chunk);
        }
        rd->chunk = chunk;
        return BDFS_OK;
}

/* The bytes that are read for [offset, offset + n): whole pieces of 512, inside one group. */
struct run {
        uint64_t from, to;                 /* of the block, on the grid or at its end */
        size_t head_n, tail_n;             /* in spare room; 0: none */
        size_t head_skip;                  /* of head, not wanted */
        size_t head_take, middle_n, tail_take;
        uint8_t *out;
        uint8_t head[REPLICA_SUM_EVERY], tail[REPLICA_SUM_EVERY];
};

static uint64_t grid_up(uint64_t offset, uint64_t length)
{
        uint64_t up = (offset + REPLICA_SUM_EVERY - 1) / REPLICA_SUM_EVERY * REPLICA_SUM_EVERY;

        return up < length ? up : length;
}

static void run_plan(struct run *run, uint64_t offset, uint8_t *out, size_t n, uint64_t length)
{
        uint64_t end = offset + n, first_end;

        run->from = offset / REPLICA_SUM_EVERY * REPLICA_SUM_EVERY;
        run->to = grid_up(end, length);
        run->head_skip = (size_t)(offset - run->from);
        run->head_n = run->head_take = run->tail_n = run->tail_take = 0;
        run->out = out;
        first_end = grid_up(run->from + 1, length);
        if (run->head_skip > 0 || first_end > end) {
                run->head_n = (size_t)(first_end - run->from);
                run->head_take = (size_t)((end < first_end ? end : first_end) - offset);
        }
        run->middle_n = n - run->head_take;
        if (run->middle_n > 0 && run->to > end) {
                run->tail_take = (size_t)(end % REPLICA_SUM_EVERY);
                run->tail_n = run->tail_take + (size_t)(run->to - end);
                run->middle_n -= run->tail_take;
        }
}

/* A run from a group's begin takes the record page before it along: one read, and the kernel sees
 * that the file is read in order and reads ahead. */
static enum bdfs_status run_read(struct replica_reader *rd, struct run *run, struct bdfs_err *err)
{
        size_t page_n = run->from % REPLICA_GROUP_DATA_BYTES == 0 ? sizeof(rd->page) : 0;
        struct iovec iov[] = {
                {.iov_base = rd->page, .iov_len = page_n},
                {.iov_base = run->head, .iov_len = run->head_n},
                {.iov_base = run->out + run->head_take, .iov_len = run->middle_n},
                {.iov_base = run->tail, .iov_len = run->tail_n},
        };
        size_t got = 0, wanted = page_n + run->head_n + run->middle_n + run->tail_n;
        enum bdfs_status rc;

        if (page_n > 0)
                rd->chunk = rd->page_of = NO_PAGE;
        rc = os_file_readv(rd->replica->file, replica_data_at(run->from) - page_n, iov, 4, &got,
                           err);
        if (rc == BDFS_OK && got < wanted)
                return bdfs_fail(err, BDFS_CORRUPT, "file ends before %" PRIu64, run->to);
        if (rc == BDFS_OK && page_n > 0)
                rd->page_of = replica_chunk_of(run->from);
        return rc;
}

/* Compare @n bytes at @offset, on the grid, with their records. */
static enum bdfs_status verify(struct replica_reader *rd, uint64_t offset, const uint8_t *data,
                               size_t n, struct bdfs_err *err)
{
        while (n > 0) {
                size_t at = (size_t)(offset % REPLICA_CHUNK_BYTES);
                size_t step = n < REPLICA_CHUNK_BYTES - at ? n : REPLICA_CHUNK_BYTES - at;
                enum bdfs_status rc = load_record(rd, replica_chunk_of(offset), err);

                if (rc != BDFS_OK)
                        return rc;
                if (crc_verify_chunks(rd->view.type, data, step, REPLICA_SUM_EVERY,
                                      rd->record.sums + at / REPLICA_SUM_EVERY * 4) >= 0)
                        return bdfs_fail(err, BDFS_CORRUPT, "bytes near %" PRIu64
                                         " fail their checksum", offset);
                data += step;
                offset += step;
                n -= step;
        }
        return BDFS_OK;
}

static enum bdfs_status run_once(struct replica_reader *rd, struct run *run, struct bdfs_err *err)
{
        enum bdfs_status rc = run_read(rd, run, err);
        uint64_t at = run->from;

        if (rc == BDFS_OK)
                rc = verify(rd, at, run->head, run->head_n, err);
        at += run->head_n;
        if (rc == BDFS_OK)
                rc = verify(rd, at, run->out + run->head_take, run->middle_n, err);
        at += run->middle_n;
        if (rc == BDFS_OK)
                rc = verify(rd, at, run->tail, run->tail_n, err);
        return rc;
}

/* A verdict of corrupt takes two looks: memory and cables fail too. */
static enum bdfs_status read_run(struct replica_reader *rd, uint64_t offset, uint8_t *to, size_t n,
                                 struct bdfs_err *err)
{
        struct run run;
        enum bdfs_status rc;

        run_plan(&run, offset, to, n, rd->view.length);
        rc = run_once(rd, &run, err);
        if (rc == BDFS_CORRUPT || rc == BDFS_IO) {
                rd->chunk = rd->page_of = NO_PAGE;
                rc = run_once(rd, &run, err);
        }
        if (rc == BDFS_IO)
                err->status = rc = BDFS_CORRUPT; /* what cannot be read is as bad */
        if (rc != BDFS_OK)
                return rc;
        memcpy(to, run.head + run.head_skip, run.head_take);
        memcpy(to + run.head_take + run.middle_n, run.tail, run.tail_take);
        return BDFS_OK;
}

enum bdfs_status replica_read(struct replica_reader *rd, uint64_t offset, uint8_t *to, size_t n,
                              struct bdfs_err *err)
{
        struct bdfs_err why;

        if (err == NULL)
                err = &why;
        BDFS_ASSERT(offset + n >= offset && offset + n <= rd->view.length);
        while (n > 0) {
                uint64_t room = REPLICA_GROUP_DATA_BYTES - offset % REPLICA_GROUP_DATA_BYTES;
                size_t step = n < room ? n : (size_t)room;
                enum bdfs_status rc = read_run(rd, offset, to, step, err);

                if (rc != BDFS_OK)
                        return bdfs_wrap(err, "block %" PRIu64, rd->view.block);
                offset += step;
                to += step;
                n -= step;
        }
        return BDFS_OK;
}

enum bdfs_status replica_read_sums(struct replica_reader *rd, uint64_t offset, size_t n,
                                   uint8_t *to, struct bdfs_err *err)
{
        BDFS_ASSERT(offset % REPLICA_SUM_EVERY == 0);
        BDFS_ASSERT(offset + n >= offset && offset + n <= rd->view.length);
        BDFS_ASSERT(n % REPLICA_SUM_EVERY == 0 || offset + n == rd->view.length);
        while (n > 0) {
                size_t at = (size_t)(offset % REPLICA_CHUNK_BYTES);
                size_t step = n < REPLICA_CHUNK_BYTES - at ? n : REPLICA_CHUNK_BYTES - at;
                size_t sums_n = crc_chunk_count(step, REPLICA_SUM_EVERY) * 4;
                enum bdfs_status rc = load_record(rd, replica_chunk_of(offset), err);

                if (rc == BDFS_CORRUPT) {
                        rd->page_of = NO_PAGE;
                        rc = load_record(rd, replica_chunk_of(offset), err);
                }
                if (rc != BDFS_OK)
                        return bdfs_wrap(err, "block %" PRIu64, rd->view.block);
                memcpy(to, rd->record.sums + at / REPLICA_SUM_EVERY * 4, sums_n);
                to += sums_n;
                offset += step;
                n -= step;
        }
        return BDFS_OK;
}

bool replica_in_file(const struct replica_reader *rd, uint64_t offset, size_t n,
                     struct os_file_part *ret)
{
        BDFS_ASSERT(offset + n >= offset && offset + n <= rd->view.length);
        if (rd->view.state != REPLICA_FILE_FINALIZED ||
            n > REPLICA_GROUP_DATA_BYTES - offset % REPLICA_GROUP_DATA_BYTES)
                return false;
        *ret = (struct os_file_part){.file = rd->replica->file,
                                     .offset = replica_data_at(offset),
                                     .n = n};
        return true;
}
