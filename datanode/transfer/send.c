#include "datanode/transfer/send.h"

#include <inttypes.h>
#include <string.h>

#include "common/limits.h"
#include "common/log.h"
#include "datanode/link/datanode_parts.h"
#include "datanode/transfer/block_range.h"
#include "proto/transfer.h"

enum {
        GRID = REPLICA_SUM_EVERY,
        DATA_BYTES_MAX = 512 * 1024, /* of one packet */
        FROM_FILE_MIN = 64 * 1024, /* of one packet; below, copying costs less than the calls */
        SUMS_ROOM = DATA_BYTES_MAX / GRID * 4,
        REPLY_ROOM = 128,
        HEAD_ROOM = 128, /* of a packet */
        DATA_AT = REPLY_ROOM + HEAD_ROOM + SUMS_ROOM,
};

static_assert(DATA_AT + DATA_BYTES_MAX + HEAD_ROOM <= WIRE_BUFFER_BYTES,
              "reply, packet and end are put together in one buffer");
static_assert((int)TRANSFER_HEAD_BYTES_MAX <= (int)HEAD_ROOM, "a head fits");

#define SEND_MS 60000        /* without any progress of the client */
#define READ_STATUS_MS 10000 /* for what the client says at the end */

struct send {
        struct data_conn *conn;
        struct block_range range;
        bool sums;            /* send checksums */
        bool compares;        /* its client compares what it gets before anybody sees it */
        uint64_t offset, end; /* from the base; whole chunks of the grid, or the end */
        int64_t seqno;
        struct buf reply; /* goes out with the first packet */
        uint8_t *buffer;  /* REPLY_ROOM, HEAD_ROOM, SUMS_ROOM, data, HEAD_ROOM */
};

/* ---- packets ------------------------------------------------------------------------------ */

/* Put a packet's head right before @at, or at it; returns its length. */
static size_t put_head(struct send *s, uint8_t *at, bool before, const struct transfer_packet *what)
{
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];
        struct transfer_packet p = *what;
        size_t n;

        p.seqno = s->seqno++;
        n = transfer_packet_encode(head, &p);
        memcpy(before ? at - n : at, head, n);
        return n;
}

/* What stands before the data, whose checksums end where it begins: the reply, if it waits, and
 * the packet's head (if @n > 0). Returns its first byte. */
static uint8_t *put_front(struct send *s, size_t sums_n, size_t n)
{
        uint8_t *from = s->buffer + DATA_AT;

        if (n > 0) {
                from -= sums_n;
                from -= put_head(s, from, true,
                                 &(struct transfer_packet){.offset = (int64_t)s->offset,
                                                           .sums_n = (uint32_t)sums_n,
                                                           .data_n = (uint32_t)n});
        }
        BDFS_ASSERT(s->reply.n <= REPLY_ROOM);
        from -= s->reply.n;
        memcpy(from, s->reply.data, s->reply.n);
        buf_reset(&s->reply);
        return from;
}

/* The empty packet after the last one, at @to; returns its length, 0 while there is more. */
static size_t put_end(struct send *s, size_t n, uint8_t *to)
{
        if (s->offset + n != s->end)
                return 0;
        return put_head(s, to, false,
                        &(struct transfer_packet){.offset = (int64_t)s->end, .last = true});
}

/* One write for all there is: the reply, the packet whose data and checksums are in the buffer,
 * the end. A small read is answered at once. */
static enum bdfs_status send_packet(struct send *s, size_t sums_n, size_t n, struct bdfs_err *err)
{
        uint8_t *from = put_front(s, sums_n, n), *to = s->buffer + DATA_AT + n;

        to += put_end(s, n, to);
        return os_sock_write(s->conn->sock, from, (size_t)(to - from), os_mono_ms() + SEND_MS, err);
}

/* The data goes from the page cache to the socket; what the disk does not give is looked at. */
static enum bdfs_status send_from_file(struct send *s, const struct os_file_part *part,
                                       struct bdfs_err *err)
{
        uint8_t *data = s->buffer + DATA_AT, *from;
        size_t sums_n = crc_chunk_count(part->n, GRID) * 4, end_n;
        enum bdfs_status rc = block_range_sums(&s->range, s->offset, part->n, data - sums_n, err);
        struct bdfs_err judged;

        if (rc != BDFS_OK)
                return rc;
        from = put_front(s, sums_n, part->n);
        rc = os_sock_send_file(s->conn->sock, from, (size_t)(data - from), part,
                               os_mono_ms() + SEND_MS, err);
        if (rc == BDFS_IO)
                BDFS_IGNORE(block_range_read(&s->range, s->offset, data, part->n, &judged));
        end_n = put_end(s, part->n, data);
        if (rc != BDFS_OK || end_n == 0)
                return rc;
        return os_sock_write(s->conn->sock, data, end_n, os_mono_ms() + SEND_MS, err);
}

static enum bdfs_status send_data(struct send *s, size_t n, struct bdfs_err *err)
{
        uint8_t *data = s->buffer + DATA_AT;
        size_t sums_n = s->sums ? crc_chunk_count(n, GRID) * 4 : 0;
        struct os_file_part part;
        enum bdfs_status rc;

        if (s->sums && s->compares && n >= FROM_FILE_MIN &&
            block_range_in_file(&s->range, s->offset, n, &part))
                return send_from_file(s, &part, err);
        rc = block_range_read(&s->range, s->offset, data, n, err);
        if (rc == BDFS_OK && s->sums && block_range_same_grid(&s->range, s->offset, n))
                rc = block_range_sums(&s->range, s->offset, n, data - sums_n, err);
        else if (rc == BDFS_OK && s->sums)
                crc_chunks(s->range.type, data, n, GRID, data - sums_n);
        return rc != BDFS_OK ? rc : send_packet(s, sums_n, n, err);
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
        if (s->offset == s->end)
                return send_packet(s, 0, 0, err);
        while (s->offset < s->end) {
                size_t n = next_bytes(s);
                enum bdfs_status rc = send_data(s, n, err);

                if (rc != BDFS_OK)
                        return rc;
                s->offset += n;
        }
        return BDFS_OK;
}

/* ---- the operation ------------------------------------------------------------------------ */

/* Ours and Hadoop's own, by the names that they give. gohdfs, and rclone with it, notices a wrong
 * checksum and gives the bytes out all the same (docs/protocol.md); of others we do not know. */
static bool client_compares(const char *name)
{
        return strncmp(name, "bdfs_", 5) == 0 || strncmp(name, "DFSClient_", 10) == 0;
}

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
        s->compares = client_compares(op->header->clientname);
        s->buffer = wire_pool_take(s->conn->dn->pool);
        transfer_read_ok_encode(&s->reply,
                                (Hadoop__ChecksumTypeProto)(s->sums ? s->range.type : CRC_NULL),
                                GRID, s->offset);
        if (s->buffer == NULL || s->reply.bad)
                return bdfs_fail(err, BDFS_NO_MEMORY, "read: out of memory");
        return BDFS_OK;
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

        if (s->conn->listener == DATA_UNIX) {
                atomic_fetch_add(&n->read_unix, bytes);
                return;
        }
        os_sock_addrs(s->conn->sock, &local, &peer);
        atomic_fetch_add(strcmp(local.host, peer.host) == 0 ? &n->read_local : &n->read_remote,
                         bytes);
}

static bool refuse(struct send *s, const struct bdfs_err *why)
{
        log_info("read refused block=%" PRIu64 " error=%s", s->range.token.block, why->text);
        data_conn_refuse(s->conn, why, NULL);
        return false;
}

static bool serve(struct send *s, const Hadoop__OpReadBlockProto *op)
{
        struct bdfs_err err;
        uint64_t from;
        enum bdfs_status rc = begin(s, op, &err);

        if (rc != BDFS_OK)
                return refuse(s, &err);
        from = s->offset;
        rc = send_all(s, &err);
        count(s, s->offset - from);
        if (rc != BDFS_OK && s->reply.n > 0)
                return refuse(s, &err); /* nothing was said yet */
        if (rc != BDFS_OK && rc != BDFS_CLOSED) /* a client that has enough closes early */
                log_info("read ends block=%" PRIu64 " error=%s", s->range.token.block, err.text);
        return rc == BDFS_OK && read_status(s->conn);
}

bool send_block(struct data_conn *c, const Hadoop__OpReadBlockProto *op)
{
        struct send s = {.conn = c};
        bool more;

        buf_init(&s.reply, 0);
        more = serve(&s, op);
        block_range_end(&s.range);
        wire_pool_give(c->dn->pool, s.buffer);
        buf_fini(&s.reply);
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
                if (more) {
                        atomic_fetch_add(&c->dn->counters.passed, 1);
                        atomic_fetch_add(&c->dn->counters.passed_bytes, b.reader.view.length);
                }
        }
        (void)os_file_close(f, NULL); /* only read */
        block_range_end(&b);
        return more;
}
