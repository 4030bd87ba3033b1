/*
 * What is there after a crash: whole chunks by their records, each keyed by block and number, then
 * the unfinished chunk by whichever state page has it and verifies. Records and data that were on
 * their way when the power went may or may not be there; every byte that an hsync waited for is.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "datanode/disk/replica_inside.h"

struct prefix {
        struct replica *replica;
        enum crc_type type;
        struct replica_state state[REPLICA_STATE_PAGES];
        bool valid[REPLICA_STATE_PAGES];
        uint8_t page[REPLICA_PAGE_BYTES];
        uint8_t chunk[REPLICA_CHUNK_BYTES];
        uint64_t cap; /* nothing counts beyond: the length of a finalized replica */
};

static enum bdfs_status read_pages(struct prefix *p, struct bdfs_err *err)
{
        for (unsigned i = 0; i < REPLICA_STATE_PAGES; i++) {
                size_t got = 0;
                enum bdfs_status rc = os_file_read(p->replica->file,
                                                   (uint64_t)i * REPLICA_PAGE_BYTES, p->page,
                                                   sizeof(p->page), &got, err);

                if (rc != BDFS_OK)
                        return rc;
                if (got == sizeof(p->page))
                        rc = replica_state_decode(p->page, &p->state[i], err);
                if (rc == BDFS_NEWER)
                        return rc;
                p->valid[i] = got == sizeof(p->page) && rc == BDFS_OK &&
                              p->state[i].block == p->replica->block;
        }
        return BDFS_OK;
}

static bool data_ok(struct prefix *p, const uint8_t *sums, size_t n)
{
        return crc_verify_chunks(p->type, p->chunk, n, REPLICA_SUM_EVERY, sums) < 0;
}

/* Bytes of @chunk that verify: all, the best of the state pages' records, or none. */
static enum bdfs_status chunk_length(struct prefix *p, uint64_t chunk, size_t *ret,
                                     struct bdfs_err *err)
{
        uint64_t offset = chunk * REPLICA_CHUNK_BYTES;
        struct replica_record record;
        size_t got = 0;
        enum bdfs_status rc = os_file_read(p->replica->file, replica_data_at(offset), p->chunk,
                                           sizeof(p->chunk), &got, err);

        if (rc != BDFS_OK)
                return rc;
        *ret = 0;
        if (got == sizeof(p->chunk) && offset + got <= p->cap &&
            replica_record_at(p->page, p->replica->block, chunk, &record, NULL) == BDFS_OK &&
            record.length == sizeof(p->chunk) && data_ok(p, record.sums, sizeof(p->chunk)))
                *ret = sizeof(p->chunk);
        for (unsigned i = 0; i < REPLICA_STATE_PAGES && *ret < sizeof(p->chunk); i++) {
                const struct replica_record *tail = &p->state[i].tail;

                if (p->valid[i] && replica_chunk_of(p->state[i].length) == chunk &&
                    tail->length > *ret && tail->length <= got && offset + tail->length <= p->cap &&
                    data_ok(p, tail->sums, tail->length))
                        *ret = tail->length;
        }
        return BDFS_OK;
}

static enum bdfs_status group_page(struct prefix *p, uint64_t chunk, struct bdfs_err *err)
{
        size_t got = 0;
        enum bdfs_status rc = os_file_read(p->replica->file, replica_record_page_at(chunk),
                                           p->page, sizeof(p->page), &got, err);

        if (rc == BDFS_OK && got < sizeof(p->page))
                memset(p->page + got, 0, sizeof(p->page) - got);
        return rc;
}

static enum bdfs_status longest(struct prefix *p, replica_pace *pace, void *arg, uint64_t *ret,
                                struct bdfs_err *err)
{
        enum bdfs_status rc = read_pages(p, err);
        size_t n = REPLICA_CHUNK_BYTES;

        *ret = 0;
        for (uint64_t chunk = 0; rc == BDFS_OK && n == REPLICA_CHUNK_BYTES; chunk++) {
                if (chunk % REPLICA_GROUP_CHUNKS == 0)
                        rc = group_page(p, chunk, err);
                if (rc == BDFS_OK)
                        rc = chunk_length(p, chunk, &n, err);
                if (rc == BDFS_OK)
                        *ret += n;
                if (rc == BDFS_OK && pace != NULL)
                        rc = pace(arg, n, err);
        }
        return rc;
}

enum bdfs_status replica_verify(struct replica *r, replica_pace *pace, void *arg,
                                uint64_t *ret_length, struct bdfs_err *err)
{
        AUTO_FREE struct prefix *p = calloc(1, sizeof(*p));
        struct replica_view view;
        uint64_t least = 0, length = 0;
        enum bdfs_status rc;

        if (p == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "verify: out of memory");
        replica_look(r, &view);
        p->replica = r;
        p->type = view.type;
        p->cap = view.state == REPLICA_FILE_FINALIZED ? view.length : UINT64_MAX;
        rc = longest(p, pace, arg, &length, err);
        if (rc == BDFS_OK)
                for (unsigned i = 0; i < REPLICA_STATE_PAGES; i++) {
                        uint64_t synced = p->state[i].synced;

                        if (p->valid[i] && synced > least && synced <= p->cap)
                                least = synced;
                }
        if (rc == BDFS_OK && view.state == REPLICA_FILE_FINALIZED && view.sure)
                least = view.length;
        if (rc == BDFS_OK)
                *ret_length = length;
        if (rc == BDFS_OK && length < least)
                rc = bdfs_fail(err, BDFS_CORRUPT, "block %" PRIu64 ": %" PRIu64
                               " bytes were durable, only %" PRIu64 " verify", view.block, least,
                               length);
        return rc;
}

/* The record of the chunk that @length ends in, with the checksum of a cut last piece. */
static enum bdfs_status tail_for(struct replica *r, uint64_t length, struct replica_record *ret,
                                 struct bdfs_err *err)
{
        size_t n = (size_t)(length % REPLICA_CHUNK_BYTES);
        AUTO_FREE uint8_t *data = malloc(REPLICA_CHUNK_BYTES);
        AUTO_FREE struct replica_reader *rd = malloc(sizeof(*rd));
        enum bdfs_status rc;

        memset(ret, 0, sizeof(*ret));
        if (n == 0)
                return BDFS_OK;
        if (data == NULL || rd == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "cut: out of memory");
        replica_reader_init(rd, r);
        rc = replica_read(rd, length - n, data, n, err);
        if (rc != BDFS_OK)
                return rc;
        ret->length = (uint32_t)n;
        crc_chunks(rd->view.type, data, n, REPLICA_SUM_EVERY, ret->sums);
        return BDFS_OK;
}

/* Bring what the state says to the verified length: the tail comes from a state page, or is none
 * when whole records reach further than both. */
static enum bdfs_status state_at(struct replica *r, uint64_t length, struct replica_state *ret,
                                 struct bdfs_err *err)
{
        AUTO_FREE struct prefix *p = calloc(1, sizeof(*p));
        enum bdfs_status rc;

        if (p == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "recover: out of memory");
        p->replica = r;
        rc = read_pages(p, err);
        if (rc != BDFS_OK)
                return rc;
        *ret = r->state;
        ret->length = length;
        memset(&ret->tail, 0, sizeof(ret->tail));
        for (unsigned i = 0; i < REPLICA_STATE_PAGES; i++)
                if (p->valid[i] && length % REPLICA_CHUNK_BYTES > 0 && p->state[i].length == length)
                        ret->tail = p->state[i].tail;
        BDFS_ASSERT(ret->tail.length == length % REPLICA_CHUNK_BYTES);
        return BDFS_OK;
}

static enum bdfs_status recover(struct replica *r, uint64_t *ret_length, struct bdfs_err *err)
{
        struct replica_state next;
        uint64_t length;
        enum bdfs_status rc = replica_verify(r, NULL, NULL, &length, err);

        if (rc == BDFS_OK)
                rc = state_at(r, length, &next, err);
        if (rc != BDFS_OK)
                return rc;
        next.state = REPLICA_FILE_RECOVERING;
        rc = replica_put_state(r, &next, true, err);
        if (rc == BDFS_OK)
                *ret_length = length;
        return rc;
}

enum bdfs_status replica_recover(struct replica *r, uint64_t *ret_length, struct bdfs_err *err)
{
        enum bdfs_status rc = replica_seize(r, err);

        if (rc != BDFS_OK)
                return rc;
        rc = recover(r, ret_length, err);
        replica_yield(r);
        return rc;
}

static enum bdfs_status cut(struct replica *r, uint64_t stamp, uint64_t length,
                            struct bdfs_err *err)
{
        struct replica_state next = r->state;
        enum bdfs_status rc;

        if (next.state != REPLICA_FILE_RECOVERING && next.state != REPLICA_FILE_FINALIZED)
                return bdfs_fail(err, BDFS_INVALID, "block %" PRIu64 " is not to be sealed at %"
                                 PRIu64 ": state %d, %" PRIu64 " bytes", next.block, length,
                                 (int)next.state, next.length);
        if (next.state == REPLICA_FILE_FINALIZED && length != next.length)
                return bdfs_fail(err, BDFS_INVALID, "block %" PRIu64 " is sealed at %" PRIu64
                                 " bytes and stays so: it is not to become %" PRIu64, next.block,
                                 next.length, length);
        if (length > next.length)
                return bdfs_fail(err, BDFS_INVALID, "block %" PRIu64 " is not to be sealed at %"
                                 PRIu64 ": only %" PRIu64 " bytes verify", next.block, length,
                                 next.length);
        rc = tail_for(r, length, &next.tail, err);
        if (rc != BDFS_OK)
                return rc;
        next.state = REPLICA_FILE_FINALIZED;
        next.stamp = stamp;
        next.length = length;
        rc = replica_put_sealed(r, &next, err);
        if (rc != BDFS_OK)
                return rc;
        return os_file_truncate(r->file, (replica_file_bytes(length) + REPLICA_PAGE_BYTES - 1) /
                                REPLICA_PAGE_BYTES * REPLICA_PAGE_BYTES, err);
}

enum bdfs_status replica_cut(struct replica *r, uint64_t stamp, uint64_t length,
                             struct bdfs_err *err)
{
        enum bdfs_status rc = replica_seize(r, err);

        if (rc != BDFS_OK)
                return rc;
        rc = cut(r, stamp, length, err);
        replica_yield(r);
        return rc;
}
