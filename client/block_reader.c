#include "client/block_reader.h"

#include <string.h>

static int64_t step_deadline(const struct block_reader *r)
{
        return os_mono_ms() + r->step_ms;
}

static enum bdfs_status send_request(struct block_reader *r,
                                     const Hadoop__LocatedBlockProto *block, uint64_t offset,
                                     uint64_t length, struct bdfs_err *err)
{
        Hadoop__OpReadBlockProto op = HADOOP__OP_READ_BLOCK_PROTO__INIT;
        Hadoop__ClientOperationHeaderProto header = HADOOP__CLIENT_OPERATION_HEADER_PROTO__INIT;
        Hadoop__BaseHeaderProto base = HADOOP__BASE_HEADER_PROTO__INIT;

        base.block = block->b;
        base.token = block->blocktoken;
        header.baseheader = &base;
        header.clientname = r->fs->client_name;
        op.header = &header;
        op.offset = offset;
        op.len = length;
        return data_send_op(r->conn, TRANSFER_READ_BLOCK, &op.base, step_deadline(r), err);
}

static enum bdfs_status take_reply(struct block_reader *r, uint64_t offset, struct bdfs_err *err)
{
        Hadoop__BlockOpResponseProto *reply;
        const Hadoop__ReadOpChecksumInfoProto *info;
        bool ok;

        if (data_recv_reply(r->conn, step_deadline(r), &reply, err) != BDFS_OK)
                return err->status;
        info = reply->readopchecksuminfo;
        ok = info != NULL && crc_type_ok((int)info->checksum->type) &&
             info->checksum->bytesperchecksum > 0 &&
             info->checksum->bytesperchecksum <= PACKET_BYTES_MAX && info->chunkoffset <= offset &&
             offset - info->chunkoffset < info->checksum->bytesperchecksum;
        if (ok) {
                r->type = (enum crc_type)info->checksum->type;
                r->chunk_bytes = info->checksum->bytesperchecksum;
                r->skip = offset - info->chunkoffset;
        }
        message_free(reply);
        return ok ? BDFS_OK
                  : bdfs_fail(err, BDFS_PROTOCOL,
                              "datanode %s:%u: its answer to a read makes no sense",
                              r->conn->addr.host, r->conn->addr.port);
}

enum bdfs_status block_reader_open(struct block_reader *ret, struct bdfs *fs,
                                   const Hadoop__LocatedBlockProto *block,
                                   const struct os_addr *from, uint64_t offset, uint64_t length,
                                   struct bdfs_err *err)
{
        struct block_range range = {offset, length, fs->timeout_ms};

        return block_reader_open_range(ret, fs, block, from, &range, err);
}

enum bdfs_status block_reader_open_range(struct block_reader *ret, struct bdfs *fs,
                                         const Hadoop__LocatedBlockProto *block,
                                         const struct os_addr *from,
                                         const struct block_range *range, struct bdfs_err *err)
{
        *ret = (struct block_reader){.from = *from, .fs = fs, .left = range->length,
                                     .step_ms = range->step_ms};
        buf_init(&ret->sums, PACKET_BYTES_MAX);
        buf_init(&ret->data, PACKET_BYTES_MAX);
        for (unsigned attempt = 0;; attempt++) {
                bool reused;

                if (data_get(fs->pool, from, attempt > 0, step_deadline(ret), &ret->conn, err) !=
                    BDFS_OK)
                        return err->status;
                reused = ret->conn->reused;
                if (send_request(ret, block, range->offset, range->length, err) == BDFS_OK &&
                    take_reply(ret, range->offset, err) == BDFS_OK)
                        return BDFS_OK;
                block_reader_close(ret);
                if (!reused || attempt > 0 ||
                    (err->status != BDFS_CLOSED && err->status != BDFS_IO))
                        return err->status;
        }
}

static void say_checked(struct block_reader *r)
{
        struct buf b;
        struct bdfs_err err;

        buf_init(&b, 0);
        transfer_read_status_encode(&b, HADOOP__STATUS__CHECKSUM_OK);
        /* A datanode that does not hear it only closes the connection. */
        BDFS_IGNORE(os_sock_write(r->conn->sock, b.data, b.n, step_deadline(r), &err));
        buf_fini(&b);
}

static enum bdfs_status verify(struct block_reader *r, const void *data, size_t n,
                               struct bdfs_err *err)
{
        ssize_t bad;

        if (r->type == CRC_NULL || r->fs->ignore_checksums)
                return BDFS_OK;
        bad = crc_verify_chunks(r->type, data, n, r->chunk_bytes, r->sums.data);
        if (bad < 0)
                return BDFS_OK;
        return bdfs_fail(err, BDFS_CORRUPT,
                         "datanode %s:%u: a checksum is wrong (chunk %zd of a packet)",
                         r->conn->addr.host, r->conn->addr.port, bad);
}

/* The head and the checksums of the next packet. */
static enum bdfs_status next_packet(struct block_reader *r, struct transfer_packet *p,
                                    struct bdfs_err *err)
{
        uint32_t chunk = r->type == CRC_NULL ? 0 : r->chunk_bytes;
        uint8_t *sums;

        if (data_recv_packet(r->conn, step_deadline(r), p, err) != BDFS_OK ||
            transfer_packet_check_read(p, r->seqno, chunk, err) != BDFS_OK)
                return err->status;
        r->seqno++;
        buf_reset(&r->sums);
        sums = buf_grow(&r->sums, p->sums_n);
        if (p->sums_n > 0 && sums == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for checksums");
        if (p->sums_n > 0 &&
            data_recv_bytes(r->conn, sums, p->sums_n, step_deadline(r), err) != BDFS_OK)
                return err->status;
        return BDFS_OK;
}

/* A packet into the caller's memory when it fits there whole, else into r->data. */
static enum bdfs_status take_packet(struct block_reader *r, uint8_t *to, size_t room, size_t *ret,
                                    struct bdfs_err *err)
{
        struct transfer_packet p;
        bool direct;
        uint8_t *at = to;

        *ret = 0;
        if (next_packet(r, &p, err) != BDFS_OK)
                return err->status;
        if (p.last) {
                r->ended = true;
                return BDFS_OK;
        }
        direct = r->skip == 0 && p.data_n <= room && p.data_n <= r->left;
        if (!direct) {
                buf_reset(&r->data);
                r->data_at = 0;
                at = buf_grow(&r->data, p.data_n);
                if (at == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a packet");
        }
        if (data_recv_bytes(r->conn, at, p.data_n, step_deadline(r), err) != BDFS_OK ||
            verify(r, at, p.data_n, err) != BDFS_OK) {
                buf_reset(&r->data);
                return err->status;
        }
        if (direct) {
                *ret = p.data_n;
                r->left -= p.data_n;
                return BDFS_OK;
        }
        r->data_at = r->skip < p.data_n ? (size_t)r->skip : p.data_n;
        r->skip -= r->data_at;
        return BDFS_OK;
}

enum bdfs_status block_reader_read(struct block_reader *r, void *to, size_t n, size_t *ret,
                                   struct bdfs_err *err)
{
        *ret = 0;
        while (*ret == 0 && n > 0 && r->left > 0) {
                size_t here = r->data.n - r->data_at;

                if (here == 0) {
                        if (take_packet(r, to, n, ret, err) != BDFS_OK)
                                return err->status;
                        if (r->ended)
                                return bdfs_fail(err, BDFS_PROTOCOL,
                                                 "datanode %s:%u: the read ended %llu bytes early",
                                                 r->conn->addr.host, r->conn->addr.port,
                                                 (unsigned long long)r->left);
                        continue;
                }
                if (here > n)
                        here = n;
                if (here > r->left)
                        here = (size_t)r->left;
                memcpy(to, r->data.data + r->data_at, here);
                r->data_at += here;
                r->left -= here;
                *ret = here;
        }
        if (r->left == 0 && !r->ended && r->conn != NULL) { /* the end marker, then our word */
                size_t none;

                r->data_at = r->data.n; /* what a whole chunk had beyond the range */
                if (take_packet(r, NULL, 0, &none, err) != BDFS_OK || !r->ended) {
                        data_drop(r->conn); /* the bytes are here and checked; only it is lost */
                        r->conn = NULL;
                        r->ended = true;
                        return BDFS_OK;
                }
                say_checked(r);
        }
        return BDFS_OK;
}

void block_reader_close(struct block_reader *r)
{
        if (r->conn != NULL) {
                if (r->ended && r->left == 0)
                        data_put(r->fs->pool, r->conn);
                else
                        data_drop(r->conn);
        }
        buf_fini(&r->sums);
        buf_fini(&r->data);
        r->conn = NULL;
}
