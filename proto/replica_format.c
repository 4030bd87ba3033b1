#include "proto/replica_format.h"

#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/limits.h"

enum {
        RECORD_BODY_BYTES = 4 + 4 + 12 + 16 + REPLICA_SUMS_BYTES, /* what comes before its CRC */
        STATE_TAIL_AT = 74,
        STATE_CRC_AT = REPLICA_PAGE_BYTES - 4,
        STATE_BODY_BYTES = STATE_TAIL_AT + REPLICA_RECORD_BYTES,
};

static_assert(RECORD_BODY_BYTES + 4 <= REPLICA_RECORD_BYTES, "a record fits its place");
static_assert(STATE_BODY_BYTES <= STATE_CRC_AT, "a state page fits its page");

static const uint8_t state_magic[8] = {'B', 'D', 'F', 'S', 'R', 'E', 'P', '1'};
static const uint8_t zeros[REPLICA_PAGE_BYTES];

static bool all_zero(const uint8_t *p, size_t n)
{
        BDFS_ASSERT(n <= sizeof(zeros));
        return memcmp(p, zeros, n) == 0;
}

static uint32_t record_crc(const uint8_t *body, uint64_t block, uint64_t chunk)
{
        uint8_t key[16];

        put_u64be(key, block);
        put_u64be(key + 8, chunk);
        return crc32c(crc32c(0, body, RECORD_BODY_BYTES), key, sizeof(key));
}

void replica_record_encode(const struct replica_record *r, uint64_t block, uint64_t chunk,
                           uint8_t *to)
{
        BDFS_ASSERT(r->length <= REPLICA_CHUNK_BYTES);
        memset(to, 0, REPLICA_RECORD_BYTES);
        if (r->length == 0)
                return;
        put_u32be(to, r->length);
        put_u32be(to + 4, r->flags);
        memcpy(to + 8, r->nonce, sizeof(r->nonce));
        memcpy(to + 20, r->tag, sizeof(r->tag));
        memcpy(to + 36, r->sums, sizeof(r->sums));
        put_u32be(to + RECORD_BODY_BYTES, record_crc(to, block, chunk));
}

enum bdfs_status replica_record_decode(const uint8_t *from, uint64_t block, uint64_t chunk,
                                       struct replica_record *ret, struct bdfs_err *err)
{
        struct replica_record r = {.length = get_u32be(from), .flags = get_u32be(from + 4)};
        size_t used;

        if (r.length == 0) {
                if (!all_zero(from, REPLICA_RECORD_BYTES))
                        return bdfs_fail(err, BDFS_CORRUPT, "record of chunk %" PRIu64
                                         " has no length", chunk);
                *ret = r;
                return BDFS_OK;
        }
        if (get_u32be(from + RECORD_BODY_BYTES) != record_crc(from, block, chunk))
                return bdfs_fail(err, BDFS_CORRUPT, "record of chunk %" PRIu64
                                 " fails its checksum", chunk);
        memcpy(r.nonce, from + 8, sizeof(r.nonce));
        memcpy(r.tag, from + 20, sizeof(r.tag));
        memcpy(r.sums, from + 36, sizeof(r.sums));
        used = r.length > REPLICA_CHUNK_BYTES ? 0
                                              : crc_chunk_count(r.length, REPLICA_SUM_EVERY) * 4;
        if (r.length > REPLICA_CHUNK_BYTES || r.flags != 0 ||
            !all_zero(r.sums + used, sizeof(r.sums) - used) ||
            !all_zero(from + RECORD_BODY_BYTES + 4, REPLICA_RECORD_BYTES - RECORD_BODY_BYTES - 4))
                return bdfs_fail(err, BDFS_CORRUPT, "record of chunk %" PRIu64
                                 " makes no sense", chunk);
        *ret = r;
        return BDFS_OK;
}

enum bdfs_status replica_record_at(const uint8_t page[REPLICA_PAGE_BYTES], uint64_t block,
                                   uint64_t chunk, struct replica_record *ret,
                                   struct bdfs_err *err)
{
        return replica_record_decode(page + replica_record_place(chunk), block, chunk, ret, err);
}

void replica_state_encode(const struct replica_state *s, uint8_t to[REPLICA_PAGE_BYTES])
{
        BDFS_ASSERT(s->tail.length == s->length % REPLICA_CHUNK_BYTES);
        BDFS_ASSERT(s->synced <= s->length);
        memset(to, 0, REPLICA_PAGE_BYTES);
        memcpy(to, state_magic, sizeof(state_magic));
        put_u32be(to + 8, REPLICA_VERSION);
        put_u64be(to + 12, s->block);
        put_u64be(to + 20, s->stamp);
        to[28] = (uint8_t)s->state;
        to[29] = (uint8_t)s->type;
        put_u32be(to + 30, REPLICA_SUM_EVERY);
        put_u64be(to + 34, s->sequence);
        put_u64be(to + 42, s->length);
        put_u64be(to + 50, s->synced);
        memcpy(to + 58, s->cluster, sizeof(s->cluster));
        replica_record_encode(&s->tail, s->block, replica_chunk_of(s->length), to + STATE_TAIL_AT);
        put_u32be(to + STATE_CRC_AT, crc32c(0, to, STATE_CRC_AT));
}

static bool state_ok(const struct replica_state *s, uint32_t version, uint32_t sum_every)
{
        return version == REPLICA_VERSION && sum_every == REPLICA_SUM_EVERY &&
               (s->state == REPLICA_FILE_RECEIVING || s->state == REPLICA_FILE_RECOVERING ||
                s->state == REPLICA_FILE_FINALIZED || s->state == REPLICA_FILE_CORRUPT) &&
               (s->type == CRC_CRC32 || s->type == CRC_CRC32C) && s->block != 0 &&
               s->length <= BLOCK_BYTES_MAX && s->synced <= s->length;
}

enum bdfs_status replica_state_decode(const uint8_t from[REPLICA_PAGE_BYTES],
                                      struct replica_state *ret, struct bdfs_err *err)
{
        struct rd r = rd_of(from, STATE_TAIL_AT);
        const uint8_t *magic = rd_bytes(&r, sizeof(state_magic)), *cluster;
        struct replica_state s = {0};
        uint32_t version, sum_every;
        enum bdfs_status rc;

        if (memcmp(magic, state_magic, sizeof(state_magic)) != 0)
                return bdfs_fail(err, BDFS_CORRUPT, "state page has no magic");
        if (get_u32be(from + STATE_CRC_AT) != crc32c(0, from, STATE_CRC_AT))
                return bdfs_fail(err, BDFS_CORRUPT, "state page fails its checksum");
        version = rd_u32be(&r);
        if (version > REPLICA_VERSION)
                return bdfs_fail(err, BDFS_NEWER, "state page of version %u; this program knows up "
                                 "to %u: use a newer bdfs-datanode", version, REPLICA_VERSION);
        s.block = rd_u64be(&r);
        s.stamp = rd_u64be(&r);
        s.state = (enum replica_file_state)rd_u8(&r);
        s.type = (enum crc_type)rd_u8(&r);
        sum_every = rd_u32be(&r);
        s.sequence = rd_u64be(&r);
        s.length = rd_u64be(&r);
        s.synced = rd_u64be(&r);
        cluster = rd_bytes(&r, sizeof(s.cluster));
        BDFS_ASSERT(rd_done(&r) && cluster != NULL);
        memcpy(s.cluster, cluster, sizeof(s.cluster));
        if (!state_ok(&s, version, sum_every))
                return bdfs_fail(err, BDFS_CORRUPT, "state page makes no sense");
        rc = replica_record_decode(from + STATE_TAIL_AT, s.block, replica_chunk_of(s.length),
                                   &s.tail, err);
        if (rc != BDFS_OK)
                return bdfs_wrap(err, "state page");
        if (s.tail.length != s.length % REPLICA_CHUNK_BYTES)
                return bdfs_fail(err, BDFS_CORRUPT, "state page's last record has another length");
        *ret = s;
        return BDFS_OK;
}

enum bdfs_status replica_state_choose(const uint8_t *pages, struct replica_state *ret,
                                      unsigned *ret_page, struct bdfs_err *err)
{
        struct replica_state s[REPLICA_STATE_PAGES];
        struct bdfs_err why;
        bool ok[REPLICA_STATE_PAGES];
        unsigned take;

        for (unsigned i = 0; i < REPLICA_STATE_PAGES; i++) {
                enum bdfs_status rc =
                        replica_state_decode(pages + i * REPLICA_PAGE_BYTES, &s[i], &why);

                ok[i] = rc == BDFS_OK;
                if (rc == BDFS_NEWER) { /* which of the two counts cannot be said */
                        if (err != NULL)
                                *err = why;
                        return rc;
                }
        }
        if (!ok[0] && !ok[1])
                return bdfs_fail(err, BDFS_CORRUPT, "no valid state page: %s", why.text);
        if (ok[0] && ok[1] && s[0].block != s[1].block)
                return bdfs_fail(err, BDFS_CORRUPT, "state pages of blocks %" PRIu64 " and %"
                                 PRIu64, s[0].block, s[1].block);
        take = !ok[0] || (ok[1] && s[1].sequence > s[0].sequence);
        *ret = s[take];
        if (ret_page != NULL)
                *ret_page = take;
        return BDFS_OK;
}
