#include "datanode/send.h"

#include <inttypes.h>
#include <string.h>

#include "common/limits.h"
#include "common/log.h"
#include "datanode/block_range.h"
#include "datanode/datanode_inside.h"
#include "proto/transfer.h"

enum {
        GRID = REPLICA_SUM_EVERY,
        DATA_BYTES_MAX = 512 * 1024, /* of one packet */
        SUMS_ROOM = DATA_BYTES_MAX / GRID * 4,
        HEAD_ROOM = 64,
};

static_assert(HEAD_ROOM + SUMS_ROOM + DATA_BYTES_MAX <= WIRE_BUFFER_BYTES,
              "a packet is put together in one buffer");
static_assert((int)TRANSFER_HEAD_BYTES_MIN <= (int)HEAD_ROOM, "a head fits");

#define SEND_MS 60000        /* without any progress of the client */
#define READ_STATUS_MS 10000 /* for what the client says at the end */

struct send {
        struct data_conn *conn;
        struct block_range range;
        bool sums;            /* send checksums */
        uint64_t offset, end; /* from the base; whole chunks of the grid, or the end */
        int64_t seqno;
        uint8_t *buffer; /* HEAD_ROOM, SUMS_ROOM, data */
};

/* ---- packets ------------------------------------------------------------------------------ */

/* Put the head in front of @sums_n bytes of checksums that lie right before the data, send all. */
static enum bdfs_status send_packet(struct send *s, size_t sums_n, size_t data_n, bool last,
                                    struct bdfs_err *err)
{
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];
        struct transfer_packet p = {.offset = (int64_t)s->offset,
                                    .seqno = s->seqno++,
                                    .sums_n = (uint32_t)sums_n,
                                    .data_n = (uint32_t)data_n,
                                    .last = last};
        size_t head_n = transfer_packet_encode(head, &p);
        uint8_t *at = s->buffer + HEAD_ROOM + SUMS_ROOM - sums_n - head_n;

        memcpy(at, head, head_n);
        return os_sock_write(s->conn->sock, at, head_n + sums_n + data_n, os_mono_ms() + SEND_MS,
                             err);
}

static enum bdfs_status send_data(struct send *s, size_t n, struct bdfs_err *err)
{
        uint8_t *data = s->buffer + HEAD_ROOM + SUMS_ROOM;
        size_t sums_n = s->sums ? crc_chunk_count(n, GRID) * 4 : 0;
        enum bdfs_status rc = block_range_read(&s->range, s->offset, data, n, err);

        if (rc == BDFS_OK && s->sums && block_range_same_grid(&s->range, s->offset, n))
                rc = block_range_sums(&s->range, s->offset, n, data - sums_n, err);
        else if (rc == BDFS_OK && s->sums)
                crc_chunks(s->range.type, data, n, GRID, data - sums_n);
        return rc != BDFS_OK ? rc : send_packet(s, sums_n, n, false, err);
}

/* How much the next packet carries: up to where the stored layout has a seam, so that each packet
 * is one read. */
static size_t next_bytes(const struct send *s)
{
        uint64_t at = s->range.token.base + s->offset, left = s->end - s->offset;
        uint64_t room = REPLICA_GROUP_DATA_BYTES - at % REPLICA_GROUP_DATA_BYTES;

        if (room % GRID != 0 || room < DATA_BYTES_MAX / 4)
                room += REPLICA_GROUP_DATA_BYTES; /* a seam off the grid, or a packet too small */
        room = room / GRID * GRID;
        if (room > DATA_BYTES_MAX)
                room = DATA_BYTES_MAX;
        return (size_t)(left < room ? left : room);
}

static enum bdfs_status send_all(struct send *s, struct bdfs_err *err)
{
        while (s->offset < s->end) {
                size_t n = next_bytes(s);
                enum bdfs_status rc = send_data(s, n, err);

                if (rc != BDFS_OK)
                        return rc;
                s->offset += n;
        }
        return send_packet(s, 0, 0, true, err);
}

/* ---- the operation ------------------------------------------------------------------------ */

static enum bdfs_status begin(struct send *s, const Hadoop__OpReadBlockProto *op,
                              struct bdfs_err *err)
{
        uint64_t wanted = op->offset + op->len, up;
        enum bdfs_status rc;

        if (wanted < op->offset)
                return bdfs_fail(err, BDFS_INVALID, "offset and length are too large");
        rc = block_range_begin(&s->range, s->conn, op->header->baseheader, wanted, err);
        if (rc != BDFS_OK)
                return rc;
        up = wanted > UINT64_MAX - GRID ? wanted : (wanted + GRID - 1) / GRID * GRID;
        s->offset = op->offset / GRID * GRID;
        s->end = op->len == 0 ? s->offset : up < s->range.limit ? up : s->range.limit;
        s->sums = !op->has_sendchecksums || op->sendchecksums;
        s->buffer = wire_pool_take(&s->conn->dn->pool);
        return s->buffer != NULL ? BDFS_OK : bdfs_fail(err, BDFS_NO_MEMORY, "read: out of memory");
}

static enum bdfs_status reply_ok(struct send *s, struct bdfs_err *err)
{
        struct buf b;
        enum bdfs_status rc;

        buf_init(&b, 0);
        transfer_read_ok_encode(&b, (Hadoop__ChecksumTypeProto)(s->sums ? s->range.type : CRC_NULL),
                                GRID, s->offset);
        rc = data_conn_reply(s->conn, &b, err);
        buf_fini(&b);
        return rc;
}

/* What the client says at the end; gohdfs says nothing and closes. */
static bool read_status(struct data_conn *c)
{
        struct message_span span;
        Hadoop__Status status;
        struct bdfs_err err;

        return wire_message(&c->wire, KIB, os_mono_ms() + READ_STATUS_MS, &span, &err) == BDFS_OK &&
               transfer_read_status_decode(span.message, span.message_n, &status, &err) == BDFS_OK;
}

static void count(struct send *s, uint64_t bytes)
{
        struct datanode_counters *n = &s->conn->dn->counters;
        struct os_addr local, peer;

        os_sock_addrs(s->conn->sock, &local, &peer);
        atomic_fetch_add(strcmp(local.host, peer.host) == 0 ? &n->read_local : &n->read_remote,
                         bytes);
}

static bool serve(struct send *s, const Hadoop__OpReadBlockProto *op)
{
        struct bdfs_err err;
        uint64_t from;
        enum bdfs_status rc = begin(s, op, &err);

        if (rc != BDFS_OK) {
                log_info("read refused block=%" PRIu64 " error=%s",
                         op->header->baseheader->block->blockid, err.text);
                data_conn_refuse(s->conn, &err, NULL);
                return false;
        }
        from = s->offset;
        rc = reply_ok(s, &err);
        if (rc == BDFS_OK)
                rc = send_all(s, &err);
        count(s, s->offset - from);
        if (rc != BDFS_OK && rc != BDFS_CLOSED) /* a client that has enough closes early */
                log_info("read ends block=%" PRIu64 " error=%s", s->range.token.block, err.text);
        return rc == BDFS_OK && read_status(s->conn);
}

bool send_block(struct data_conn *c, const Hadoop__OpReadBlockProto *op)
{
        struct send s = {.conn = c};
        bool more = serve(&s, op);

        block_range_end(&s.range);
        wire_pool_give(&c->dn->pool, s.buffer);
        return more;
}

/* ---- the file itself ---------------------------------------------------------------------- */

static enum bdfs_status open_whole(struct block_range *b, const struct data_conn *c,
                                   const Hadoop__OpReadBlockProto *op, struct os_file **ret,
                                   struct bdfs_err *err)
{
        enum bdfs_status rc = block_range_begin(b, c, op->header->baseheader, op->len, err);

        if (rc != BDFS_OK)
                return rc;
        if (c->listener != DATA_UNIX || b->replica == NULL || b->token.base != 0 ||
            op->offset != 0 || b->reader.view.state != REPLICA_FILE_FINALIZED ||
            b->limit < b->reader.view.length)
                return bdfs_fail(err, BDFS_UNSUPPORTED, "only the file of a whole, finalized block "
                                 "is passed, and only to its own machine");
        return dataset_open_file(b->dataset, b->token.block, ret, err);
}

static bool pass(struct data_conn *c, struct os_file *f, struct bdfs_err *err)
{
        struct buf b;
        enum bdfs_status rc;

        buf_init(&b, 0);
        transfer_ok_encode(&b);
        rc = data_conn_reply(c, &b, err);
        buf_fini(&b);
        if (rc == BDFS_OK)
                rc = os_sock_send_fd(c->sock, f, os_mono_ms() + SEND_MS, err);
        return rc == BDFS_OK;
}

bool send_file(struct data_conn *c, const Hadoop__OpReadBlockProto *op)
{
        struct block_range b = {.replica = NULL};
        struct os_file *f = NULL;
        struct bdfs_err err;
        bool more = false;

        if (open_whole(&b, c, op, &f, &err) != BDFS_OK) {
                data_conn_refuse(c, &err, NULL);
        } else {
                more = pass(c, f, &err);
                if (more)
                        atomic_fetch_add(&c->dn->counters.read_local, b.reader.view.length);
        }
        (void)os_file_close(f, NULL); /* only read */
        block_range_end(&b);
        return more;
}
