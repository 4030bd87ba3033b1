#include "datanode/transfer/block_checksum.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/bytes.h"
#include "common/log.h"
#include "datanode/link/datanode_parts.h"
#include "datanode/transfer/block_range.h"
#include "proto/transfer.h"

enum {
        GRID = REPLICA_SUM_EVERY,
        STEP_BYTES = 512 * 1024, /* of data at a time */
        STEP_SUMS = STEP_BYTES / GRID * 4,
        STRIPES_MAX = 4096,
};

static_assert(STEP_BYTES + STEP_SUMS <= WIRE_BUFFER_BYTES, "a step fits a buffer");

struct digest {
        bool composite;
        uint64_t stripe;    /* bytes for one composed CRC; 0: all */
        enum crc_type type;
        EVP_MD_CTX *md5;
        uint32_t crc, shift;
        uint64_t bytes;     /* in crc */
        struct buf out;
};

/* ---- what is made of the CRCs ------------------------------------------------------------- */

static void put_crc(struct digest *d)
{
        buf_u32be(&d->out, d->crc);
        d->crc = 0;
        d->bytes = 0;
}

static void add_composite(struct digest *d, const uint8_t *sums, uint64_t n)
{
        for (; n > 0; sums += 4) {
                uint64_t chunk = n < GRID ? n : GRID;

                d->crc = chunk == GRID
                                 ? crc_combine_shifted(d->type, d->crc, get_u32be(sums), d->shift)
                                 : crc_combine(d->type, d->crc, get_u32be(sums), chunk);
                d->bytes += chunk;
                if (d->bytes == d->stripe)
                        put_crc(d);
                n -= chunk;
        }
}

static enum bdfs_status add(struct digest *d, const uint8_t *sums, uint64_t n, struct bdfs_err *err)
{
        if (d->composite)
                add_composite(d, sums, n);
        else if (EVP_DigestUpdate(d->md5, sums, crc_chunk_count((size_t)n, GRID) * 4) != 1)
                return bdfs_fail(err, BDFS_FAILED, "MD5 is not available");
        return BDFS_OK;
}

static enum bdfs_status finish(struct digest *d, struct bdfs_err *err)
{
        uint8_t md5[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        if (d->composite && (d->bytes > 0 || d->out.n == 0))
                put_crc(d);
        if (!d->composite) {
                if (EVP_DigestFinal_ex(d->md5, md5, &n) != 1)
                        return bdfs_fail(err, BDFS_FAILED, "MD5 is not available");
                buf_add(&d->out, md5, n);
        }
        return d->out.bad ? bdfs_fail(err, BDFS_LIMIT, "checksum: too many stripes") : BDFS_OK;
}

static enum bdfs_status begin(struct digest *d, enum crc_type type,
                              const Hadoop__BlockChecksumOptionsProto *o, struct bdfs_err *err)
{
        d->composite = o != NULL && o->has_blockchecksumtype &&
                       o->blockchecksumtype == HADOOP__BLOCK_CHECKSUM_TYPE_PROTO__COMPOSITE_CRC;
        d->stripe = o != NULL && o->has_stripelength ? o->stripelength : 0;
        if (d->composite && d->stripe % GRID != 0)
                return bdfs_fail(err, BDFS_INVALID, "stripes of %" PRIu64 " bytes", d->stripe);
        d->type = type;
        d->shift = crc_shift_of(type, GRID);
        d->md5 = d->composite ? NULL : EVP_MD_CTX_new();
        if (!d->composite && (d->md5 == NULL || EVP_DigestInit_ex(d->md5, EVP_md5(), NULL) != 1))
                return bdfs_fail(err, BDFS_FAILED, "MD5 is not available");
        return BDFS_OK;
}

/* ---- the CRCs ----------------------------------------------------------------------------- */

/* The stored ones where they are on the reader's grid; else they are computed of the bytes. */
static enum bdfs_status step(struct block_range *b, struct digest *d, uint64_t offset, size_t n,
                             uint8_t *buffer, struct bdfs_err *err)
{
        uint8_t *sums = buffer + STEP_BYTES;
        enum bdfs_status rc;

        if (block_range_same_grid(b, offset, n)) {
                rc = block_range_sums(b, offset, n, sums, err);
        } else {
                rc = block_range_read(b, offset, buffer, n, err);
                if (rc == BDFS_OK)
                        crc_chunks(b->type, buffer, n, GRID, sums);
        }
        return rc != BDFS_OK ? rc : add(d, sums, n, err);
}

static enum bdfs_status compute(struct block_range *b, struct digest *d, uint64_t length,
                                uint8_t *buffer, struct bdfs_err *err)
{
        for (uint64_t offset = 0; offset < length;) {
                uint64_t left = length - offset;
                size_t n = left < STEP_BYTES ? (size_t)left : STEP_BYTES;
                enum bdfs_status rc = step(b, d, offset, n, buffer, err);

                if (rc != BDFS_OK)
                        return rc;
                offset += n;
        }
        return finish(d, err);
}

/* ---- the operation ------------------------------------------------------------------------ */

static enum bdfs_status reply(struct data_conn *c, const Hadoop__OpBlockChecksumProto *op,
                              const struct digest *d, uint64_t length, struct bdfs_err *err)
{
        Hadoop__OpBlockChecksumResponseProto sum = HADOOP__OP_BLOCK_CHECKSUM_RESPONSE_PROTO__INIT;
        Hadoop__BlockOpResponseProto r = HADOOP__BLOCK_OP_RESPONSE_PROTO__INIT;
        Hadoop__BlockChecksumOptionsProto plain = HADOOP__BLOCK_CHECKSUM_OPTIONS_PROTO__INIT;
        struct buf b;
        enum bdfs_status rc;

        plain.has_blockchecksumtype = true;
        sum.bytespercrc = GRID;
        sum.crcperblock = (length + GRID - 1) / GRID;
        sum.blockchecksum = (ProtobufCBinaryData){.data = d->out.data, .len = d->out.n};
        sum.has_crctype = true;
        sum.crctype = (Hadoop__ChecksumTypeProto)d->type;
        sum.blockchecksumoptions = op->blockchecksumoptions != NULL ? op->blockchecksumoptions
                                                                    : &plain;
        r.status = HADOOP__STATUS__SUCCESS;
        r.checksumresponse = &sum;
        buf_init(&b, 0);
        transfer_reply_encode(&b, &r);
        rc = data_conn_reply(c, &b, err);
        buf_fini(&b);
        return rc;
}

static enum bdfs_status serve(struct data_conn *c, const Hadoop__OpBlockChecksumProto *op,
                              struct block_range *range, struct digest *d, struct bdfs_err *err)
{
        const Hadoop__ExtendedBlockProto *block = op->header->block;
        uint64_t length = block->has_numbytes ? block->numbytes : 0;
        uint8_t *buffer = NULL;
        enum bdfs_status rc = block_range_begin(range, c, op->header, length, err);

        if (rc == BDFS_OK)
                rc = begin(d, range->type, op->blockchecksumoptions, err);
        if (rc == BDFS_OK && (buffer = wire_pool_take(c->dn->pool)) == NULL)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "checksum: out of memory");
        if (rc == BDFS_OK)
                rc = compute(range, d, length, buffer, err);
        wire_pool_give(c->dn->pool, buffer);
        return rc != BDFS_OK ? rc : reply(c, op, d, length, err);
}

bool block_checksum(struct data_conn *c, const Hadoop__OpBlockChecksumProto *op)
{
        struct block_range range = {.replica = NULL};
        struct digest d = {.md5 = NULL};
        struct bdfs_err err;
        enum bdfs_status rc;

        buf_init(&d.out, STRIPES_MAX * 4);
        rc = serve(c, op, &range, &d, &err);
        if (rc != BDFS_OK) {
                log_info("checksum refused block=%" PRIu64 " error=%s", op->header->block->blockid,
                         err.text);
                data_conn_refuse(c, &err, NULL);
        }
        EVP_MD_CTX_free(d.md5);
        buf_fini(&d.out);
        block_range_end(&range);
        return rc == BDFS_OK;
}
