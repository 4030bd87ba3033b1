/* libbdfs: checksums of files as HDFS gives them, computed where the blocks are. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "client/data.h"
#include "client/held.h"
#include "common/crc.h"

struct summing {
        bool composite;
        uint32_t bytes_per_crc;
        uint64_t crc_per_block;
        enum crc_type type;
        uint32_t crc;        /* of all blocks so far, when composite */
        uint64_t bytes;
        size_t blocks;
        struct buf md5s;     /* of the blocks, when not */
};

static enum bdfs_status take_block(struct summing *s, const Hadoop__OpBlockChecksumResponseProto *r,
                                   uint64_t bytes, struct bdfs_err *err)
{
        bool first = s->bytes == 0;

        if (!r->has_crctype || !crc_type_ok((int)r->crctype) ||
            r->blockchecksum.len != (s->composite ? 4 : 16))
                return bdfs_fail(err, BDFS_PROTOCOL, "a datanode's checksum makes no sense");
        if (first) {
                s->bytes_per_crc = r->bytespercrc;
                s->crc_per_block = r->crcperblock;
                s->type = (enum crc_type)r->crctype;
        } else if (s->type != (enum crc_type)r->crctype ||
                   (!s->composite && s->bytes_per_crc != r->bytespercrc)) {
                return bdfs_fail(err, BDFS_UNSUPPORTED,
                                 "its blocks have checksums of different kinds; --composite works "
                                 "when only the chunk sizes differ");
        }
        if (s->composite) {
                uint32_t crc = get_u32be(r->blockchecksum.data);

                s->crc = first ? crc : crc_combine(s->type, s->crc, crc, bytes);
        } else {
                buf_add(&s->md5s, r->blockchecksum.data, r->blockchecksum.len);
        }
        s->bytes += bytes;
        return BDFS_OK;
}

static enum bdfs_status ask_node(struct bdfs *fs, const Hadoop__LocatedBlockProto *b, size_t loc,
                                 bool composite, Hadoop__BlockOpResponseProto **ret,
                                 struct bdfs_err *err)
{
        Hadoop__OpBlockChecksumProto op = HADOOP__OP_BLOCK_CHECKSUM_PROTO__INIT;
        Hadoop__BaseHeaderProto header = HADOOP__BASE_HEADER_PROTO__INIT;
        Hadoop__BlockChecksumOptionsProto options = HADOOP__BLOCK_CHECKSUM_OPTIONS_PROTO__INIT;
        int64_t deadline = os_mono_ms() + fs->timeout_ms;
        struct data_conn *c;
        struct os_addr addr;

        if (!located_addr(b->locs[loc]->id, &addr))
                return bdfs_fail(err, BDFS_PROTOCOL, "a datanode has no usable address");
        if (data_get(fs->pool, &addr, true, deadline, &c, err) != BDFS_OK)
                return err->status;
        header.block = b->b;
        header.token = b->blocktoken;
        options.has_blockchecksumtype = 1;
        options.blockchecksumtype = composite ? HADOOP__BLOCK_CHECKSUM_TYPE_PROTO__COMPOSITE_CRC
                                              : HADOOP__BLOCK_CHECKSUM_TYPE_PROTO__MD5CRC;
        op.header = &header;
        op.blockchecksumoptions = &options;
        if (data_send_op(c, TRANSFER_BLOCK_CHECKSUM, &op.base, deadline, err) != BDFS_OK ||
            data_recv_reply(c, deadline, ret, err) != BDFS_OK) {
                data_drop(c);
                return err->status;
        }
        data_drop(c);
        return BDFS_OK;
}

/* By the first datanode that has it. */
static enum bdfs_status sum_block(struct bdfs *fs, const struct held_piece *piece,
                                  struct summing *s, struct bdfs_err *err)
{
        const Hadoop__LocatedBlockProto *b = piece->block;

        (void)bdfs_fail(err, BDFS_UNAVAILABLE, "no live datanode has it");
        for (size_t i = 0; i < b->n_locs; i++) {
                Hadoop__BlockOpResponseProto *r;
                enum bdfs_status rc;

                if (ask_node(fs, b, i, s->composite, &r, err) != BDFS_OK)
                        continue;
                if (r->checksumresponse == NULL)
                        rc = bdfs_fail(err, BDFS_PROTOCOL, "a datanode's answer has no checksum");
                else
                        rc = take_block(s, r->checksumresponse, piece->bytes, err);
                message_free(r);
                return rc;
        }
        return err->status;
}

/* With newer locations when those that are held fail. */
static enum bdfs_status sum_piece(struct bdfs *fs, struct held *h, struct held_page **page,
                                  uint64_t offset, struct summing *s, struct bdfs_err *err)
{
        for (bool again = false;; again = true) {
                const struct held_piece *piece = held_find(*page, offset);
                enum bdfs_status rc = sum_block(fs, piece, s, err);

                if (rc == BDFS_OK || rc == BDFS_UNSUPPORTED)
                        return rc;
                if (!again && !held_is_lost(h, piece, rc)) {
                        if (held_renew(h, page, err) != BDFS_OK)
                                return err->status;
                        continue;
                }
                if (piece->block->corrupt)
                        err->status = BDFS_CORRUPT;
                else if (held_explain(h, piece, err) == BDFS_REPLACED)
                        return err->status;
                return bdfs_wrap(err, "block %llu", (unsigned long long)piece->block->b->blockid);
        }
}

static enum bdfs_status sum_all(struct bdfs *fs, struct held *h, struct summing *s,
                                struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        while (rc == BDFS_OK && s->bytes < held_length(h)) {
                struct held_page *page = held_take(h, s->bytes);

                if (page == NULL)
                        return bdfs_fail(err, BDFS_PROTOCOL,
                                         "the namenode said nothing of byte %llu",
                                         (unsigned long long)s->bytes);
                rc = sum_piece(fs, h, &page, s->bytes, s, err);
                s->blocks++;
                held_drop(h, page);
        }
        return rc;
}

/* HDFS's MD5 over the buffer of its output stream, padded to a power of two of 32 or more. */
static enum bdfs_status finish(struct summing *s, struct bdfs_checksum *ret, struct bdfs_err *err)
{
        size_t blocks = s->blocks;
        size_t padded = 32;
        unsigned n = 16;
        const char *crc = s->type == CRC_CRC32 ? "CRC32" : "CRC32C";

        if (s->composite) {
                put_u32be(ret->bytes, s->crc);
                ret->n = 4;
                (void)snprintf(ret->algorithm, sizeof(ret->algorithm), "COMPOSITE-%s", crc);
                return BDFS_OK;
        }
        while (padded < s->md5s.n)
                padded *= 2;
        while (s->md5s.n < padded && !s->md5s.bad)
                buf_u8(&s->md5s, 0);
        ret->n = 28;
        put_u32be(ret->bytes, s->bytes_per_crc);
        put_u32be(ret->bytes + 4, blocks > 1 ? (uint32_t)(s->crc_per_block >> 32) : 0);
        put_u32be(ret->bytes + 8, blocks > 1 ? (uint32_t)s->crc_per_block : 0);
        if (s->md5s.bad || EVP_Digest(s->md5s.data, s->md5s.n, ret->bytes + 12, &n, EVP_md5(),
                                      NULL) != 1)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a checksum");
        (void)snprintf(ret->algorithm, sizeof(ret->algorithm), "MD5-of-%lluMD5-of-%u%s",
                       (unsigned long long)(blocks > 1 ? s->crc_per_block : 0), s->bytes_per_crc,
                       crc);
        return BDFS_OK;
}

enum bdfs_status bdfs_checksum(struct bdfs *fs, const char *path, bool composite,
                               struct bdfs_checksum *ret, struct bdfs_err *err)
{
        struct summing s = {.composite = composite, .type = CRC_CRC32C, .bytes_per_crc = 0};
        struct held *h;
        enum bdfs_status rc;

        if (held_open(fs, path, &h, err) != BDFS_OK)
                return err->status;
        buf_init(&s.md5s, 0);
        if (held_is_open(h))
                rc = bdfs_fail(err, BDFS_BEING_CREATED, "`%s': it is being written", path);
        else
                rc = sum_all(fs, h, &s, err);
        if (s.blocks == 0)
                s.type = composite ? CRC_CRC32C : CRC_CRC32; /* as HDFS says of an empty file */
        if (rc == BDFS_OK)
                rc = finish(&s, ret, err);
        buf_fini(&s.md5s);
        held_close(h);
        return rc;
}
