#include <inttypes.h>
#include <string.h>

#include "proto/field.h"
#include "proto/transfer.h"

#define PREFIX_BYTES 6 /* PLEN, HLEN */
#define HEADER_BYTES_MIN (TRANSFER_HEAD_BYTES_MIN - PREFIX_BYTES)
#define HEADER_BYTES_MAX (TRANSFER_HEAD_BYTES_MAX - PREFIX_BYTES)
#define PLEN_BYTES 4 /* PLEN counts itself */
#define SUM_BYTES 4

/* Numbers of PacketHeaderProto's fields. */
enum {
        OFFSET = 1,
        SEQNO = 2,
        LAST = 3,
        DATA_LEN = 4,
        SYNC = 5,
        REQUIRED = 1 << OFFSET | 1 << SEQNO | 1 << LAST | 1 << DATA_LEN,
};

/* ---- packets ------------------------------------------------------------------------------ */

static uint8_t *put_le(uint8_t *p, uint64_t v, size_t n)
{
        for (size_t i = 0; i < n; i++, v >>= 8)
                *p++ = (uint8_t)v;
        return p;
}

/* What both sides hold a packet to; NULL when it is right. */
static const char *packet_wrong(const struct transfer_packet *p)
{
        if (p->offset < 0 || p->offset > INT64_MAX - (int64_t)p->data_n)
                return "offset is out of range";
        if (p->seqno < TRANSFER_SEQNO_HEARTBEAT)
                return "sequence number is negative";
        if (p->sums_n % SUM_BYTES != 0)
                return "checksums are cut";
        if (p->data_n == 0 && p->sums_n > 0)
                return "checksums of no data";
        if (p->sums_n > p->data_n * UINT64_C(4))
                return "more checksums than bytes";
        if (p->last && p->data_n > 0)
                return "the last packet carries data";
        if (p->seqno == TRANSFER_SEQNO_HEARTBEAT && (p->data_n > 0 || p->last))
                return "a heartbeat carries data or ends the block";
        return NULL;
}

size_t transfer_packet_encode(uint8_t ret[TRANSFER_HEAD_BYTES_MAX],
                              const struct transfer_packet *p)
{
        uint8_t *at = ret + PREFIX_BYTES;
        size_t header_n;

        BDFS_ASSERT(packet_wrong(p) == NULL);
        *at++ = OFFSET << 3 | FIELD_FIXED64;
        at = put_le(at, (uint64_t)p->offset, 8);
        *at++ = SEQNO << 3 | FIELD_FIXED64;
        at = put_le(at, (uint64_t)p->seqno, 8);
        *at++ = LAST << 3;
        *at++ = p->last;
        *at++ = DATA_LEN << 3 | FIELD_FIXED32;
        at = put_le(at, p->data_n, 4);
        if (p->sync) {
                *at++ = SYNC << 3;
                *at++ = 1;
        }
        header_n = (size_t)(at - ret) - PREFIX_BYTES;
        /* whatever was decoded may be sent on: the decoder's bound is the same */
        BDFS_ASSERT((uint64_t)p->sums_n + p->data_n <=
                    TRANSFER_PACKET_BYTES_MAX - PLEN_BYTES - header_n);
        put_u32be(ret, PLEN_BYTES + p->sums_n + p->data_n);
        ret[4] = (uint8_t)(header_n >> 8);
        ret[5] = (uint8_t)header_n;
        return (size_t)(at - ret);
}

static enum field_wire wire_of(uint32_t number)
{
        if (number == OFFSET || number == SEQNO)
                return FIELD_FIXED64;
        return number == DATA_LEN ? FIELD_FIXED32 : FIELD_VARINT;
}

static bool header_decode(struct rd r, struct transfer_packet *ret)
{
        struct transfer_packet p = {0};
        unsigned seen = 0;
        struct field f;

        while (field_next(&r, &f)) {
                if (f.number > SYNC)
                        continue;
                if (f.wire != wire_of(f.number))
                        return false;
                seen |= 1u << f.number;
                if (f.number == OFFSET)
                        p.offset = (int64_t)f.value;
                else if (f.number == SEQNO)
                        p.seqno = (int64_t)f.value;
                else if (f.number == LAST)
                        p.last = f.value != 0;
                else if (f.number == DATA_LEN)
                        p.data_n = (uint32_t)f.value;
                else
                        p.sync = f.value != 0;
        }
        *ret = p;
        return rd_done(&r) && (seen & REQUIRED) == REQUIRED;
}

static enum bdfs_status prefix_check(uint32_t plen, uint32_t hlen, struct bdfs_err *err)
{
        if (hlen < HEADER_BYTES_MIN || hlen > HEADER_BYTES_MAX)
                return bdfs_fail(err, BDFS_PROTOCOL, "packet header of %u bytes", hlen);
        if (plen < PLEN_BYTES || plen > TRANSFER_PACKET_BYTES_MAX - hlen)
                return bdfs_fail(err, BDFS_PROTOCOL, "packet of %u bytes", plen);
        return BDFS_OK;
}

enum bdfs_status transfer_packet_decode(const void *bytes, size_t n, struct transfer_packet *ret,
                                        size_t *ret_head_n, size_t *ret_need, struct bdfs_err *err)
{
        const uint8_t *b = bytes;
        struct transfer_packet p;
        uint32_t plen, hlen;
        const char *wrong;

        if (n < PREFIX_BYTES) { /* no packet is shorter than the shortest head */
                *ret_need = TRANSFER_HEAD_BYTES_MIN - n;
                return BDFS_OK;
        }
        plen = get_u32be(b);
        hlen = (uint32_t)b[4] << 8 | b[5];
        if (prefix_check(plen, hlen, err) != BDFS_OK)
                return BDFS_PROTOCOL;
        if (n < PREFIX_BYTES + hlen) {
                *ret_need = PREFIX_BYTES + hlen - n;
                return BDFS_OK;
        }
        if (!header_decode(rd_of(b + PREFIX_BYTES, hlen), &p))
                return bdfs_fail(err, BDFS_PROTOCOL, "packet header is malformed");
        if (p.data_n > plen - PLEN_BYTES)
                return bdfs_fail(err, BDFS_PROTOCOL, "packet of %u bytes with %u of data", plen,
                                 p.data_n);
        p.sums_n = plen - PLEN_BYTES - p.data_n;
        wrong = packet_wrong(&p);
        if (wrong != NULL)
                return bdfs_fail(err, BDFS_PROTOCOL, "packet %" PRId64 ": %s", p.seqno, wrong);
        *ret = p;
        *ret_head_n = PREFIX_BYTES + hlen;
        *ret_need = 0;
        return BDFS_OK;
}

uint32_t transfer_sums_bytes(uint32_t data_n, uint32_t bytes_per_checksum)
{
        if (bytes_per_checksum == 0 || data_n == 0)
                return 0;
        BDFS_ASSERT(data_n <= TRANSFER_PACKET_BYTES_MAX);
        return ((data_n - 1) / bytes_per_checksum + 1) * SUM_BYTES;
}

enum bdfs_status transfer_packet_check_read(const struct transfer_packet *p, int64_t seqno,
                                            uint32_t bytes_per_checksum, struct bdfs_err *err)
{
        if (p->seqno != seqno)
                return bdfs_fail(err, BDFS_PROTOCOL, "packet %" PRId64 " where %" PRId64 " is next",
                                 p->seqno, seqno);
        if (p->data_n == 0 && !p->last)
                return bdfs_fail(err, BDFS_PROTOCOL, "packet %" PRId64 " is empty", seqno);
        if (p->sums_n != transfer_sums_bytes(p->data_n, bytes_per_checksum))
                return bdfs_fail(err, BDFS_PROTOCOL,
                                 "packet %" PRId64 ": %u bytes of checksums for %u of data", seqno,
                                 p->sums_n, p->data_n);
        return BDFS_OK;
}

/* ---- pipeline acks ------------------------------------------------------------------------ */

#define ACK_BYTES_MAX (11 + 6 * TRANSFER_NODES_MAX + 11 + 3 + 5 * TRANSFER_NODES_MAX)
#define FLAG_STATUS_MASK 0xf

/* Numbers of PipelineAckProto's fields. */
enum {
        ACK_SEQNO = 1,
        ACK_REPLY = 2,
        ACK_NANOS = 3,
        ACK_FLAG = 4,
};

static uint8_t *put_flags(uint8_t *p, const struct transfer_ack *ack)
{
        size_t n = 0;

        for (uint32_t i = 0; i < ack->n; i++)
                n += varint_size(ack->flag[i]);
        *p++ = ACK_FLAG << 3 | FIELD_BYTES;
        p = field_put_varint(p, n);
        for (uint32_t i = 0; i < ack->n; i++)
                p = field_put_varint(p, ack->flag[i]);
        return p;
}

void transfer_ack_encode(struct buf *b, const struct transfer_ack *ack)
{
        uint8_t bytes[ACK_BYTES_MAX], *p = bytes;

        BDFS_ASSERT(ack->n >= 1); /* an ack without replies is shorter than gohdfs reads */
        BDFS_ASSERT(ack->n <= TRANSFER_NODES_MAX);
        *p++ = ACK_SEQNO << 3;
        p = field_put_varint(p, field_zigzag(ack->seqno));
        for (uint32_t i = 0; i < ack->n; i++) {
                *p++ = ACK_REPLY << 3;
                p = field_put_varint(p, (uint32_t)ack->reply[i]);
        }
        if (ack->downstream_ns != 0) {
                *p++ = ACK_NANOS << 3;
                p = field_put_varint(p, ack->downstream_ns);
        }
        if (ack->has_flags)
                p = put_flags(p, ack);
        buf_varint(b, (size_t)(p - bytes));
        buf_add(b, bytes, (size_t)(p - bytes));
}

struct ack_reader {
        struct transfer_ack ack;
        uint32_t flags_n;
        bool has_seqno;
};

static bool take_reply(struct ack_reader *a, uint64_t status)
{
        if (a->ack.n == TRANSFER_NODES_MAX || status > INT32_MAX)
                return false;
        a->ack.reply[a->ack.n++] = (Hadoop__Status)status;
        return true;
}

static bool take_flag(struct ack_reader *a, uint64_t flag)
{
        if (a->flags_n == TRANSFER_NODES_MAX || flag > UINT32_MAX)
                return false;
        a->ack.flag[a->flags_n++] = (uint32_t)flag;
        return true;
}

/* Repeated numbers come one by one or packed, whatever the sender's .proto says. */
static bool take_numbers(struct ack_reader *a, const struct field *f,
                         bool (*take)(struct ack_reader *a, uint64_t v))
{
        struct rd packed;

        if (f->wire == FIELD_VARINT)
                return take(a, f->value);
        if (f->wire != FIELD_BYTES)
                return false;
        packed = rd_of(f->bytes, f->n);
        while (rd_left(&packed) > 0 && !packed.bad) {
                uint64_t v = field_varint(&packed);

                if (packed.bad || !take(a, v))
                        return false;
        }
        return !packed.bad;
}

static bool take_ack_field(struct ack_reader *a, const struct field *f)
{
        switch (f->number) {
        case ACK_SEQNO:
                a->ack.seqno = field_unzigzag(f->value);
                a->has_seqno = true;
                return f->wire == FIELD_VARINT;
        case ACK_REPLY:
                return take_numbers(a, f, take_reply);
        case ACK_NANOS:
                a->ack.downstream_ns = f->value;
                return f->wire == FIELD_VARINT;
        case ACK_FLAG:
                return take_numbers(a, f, take_flag);
        default:
                return true;
        }
}

enum bdfs_status transfer_ack_decode(const void *message, size_t n, struct transfer_ack *ret,
                                     struct bdfs_err *err)
{
        struct rd r = rd_of(message, n);
        struct ack_reader a = {.flags_n = 0};
        struct field f;

        while (field_next(&r, &f))
                if (!take_ack_field(&a, &f))
                        return bdfs_fail(err, BDFS_PROTOCOL, "ack is malformed");
        if (!rd_done(&r) || !a.has_seqno)
                return bdfs_fail(err, BDFS_PROTOCOL, "ack is malformed");
        if (a.ack.n == 0 || a.ack.seqno < TRANSFER_SEQNO_OUT_OF_BAND)
                return bdfs_fail(err, BDFS_PROTOCOL, "ack %" PRId64 " of %u nodes", a.ack.seqno,
                                 a.ack.n);
        if (a.flags_n != 0 && a.flags_n != a.ack.n)
                return bdfs_fail(err, BDFS_PROTOCOL, "ack %" PRId64 ": %u replies but %u flags",
                                 a.ack.seqno, a.ack.n, a.flags_n);
        a.ack.has_flags = a.flags_n > 0;
        *ret = a.ack;
        return BDFS_OK;
}

Hadoop__Status transfer_ack_status(const struct transfer_ack *ack, uint32_t i)
{
        BDFS_ASSERT(i < ack->n);
        return ack->has_flags ? (Hadoop__Status)(ack->flag[i] & FLAG_STATUS_MASK) : ack->reply[i];
}
