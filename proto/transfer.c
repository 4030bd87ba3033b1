#include "proto/transfer.h"

#include <string.h>

#include "proto/field.h"
#include "proto/utf8.h"

#define OP_HEAD_BYTES 3 /* version, opcode */
#define OP_BYTES_MIN (OP_HEAD_BYTES + 1)

/* ---- operations --------------------------------------------------------------------------- */

const ProtobufCMessageDescriptor *transfer_op_descriptor(unsigned opcode)
{
        switch (opcode) {
#define X(name, opcode, message) \
        case opcode: return &hadoop__##message##__descriptor;
                TRANSFER_OP_MAP(X)
#undef X
        default:
                return NULL;
        }
}

const char *transfer_op_name(unsigned opcode)
{
        switch (opcode) {
#define X(name, opcode, message) \
        case opcode: return #name;
                TRANSFER_OP_MAP(X)
#undef X
        default:
                return NULL;
        }
}

void transfer_op_encode(struct buf *b, enum transfer_op op, const ProtobufCMessage *message)
{
        BDFS_ASSERT(message->descriptor == transfer_op_descriptor(op));
        buf_u16be(b, TRANSFER_VERSION);
        buf_u8(b, (uint8_t)op);
        message_pack_delimited(b, message);
}

enum bdfs_status transfer_op_decode(const void *bytes, size_t n, unsigned *ret_opcode,
                                    struct message_span *ret, struct bdfs_err *err)
{
        const uint8_t *p = bytes;

        *ret = (struct message_span){0};
        if (n < OP_BYTES_MIN) {
                ret->need = OP_BYTES_MIN - n;
                return BDFS_OK;
        }
        if (get_u32be(p) == TRANSFER_SASL_MAGIC)
                return bdfs_fail(err, BDFS_UNSUPPORTED, "SASL on the data port is not offered");
        if (p[0] != TRANSFER_VERSION >> 8 || p[1] != (TRANSFER_VERSION & 0xff))
                return bdfs_fail(err, BDFS_PROTOCOL, "data transfer version %u, not %u",
                                 (unsigned)p[0] << 8 | p[1], TRANSFER_VERSION);
        if (transfer_op_descriptor(p[2]) == NULL)
                return bdfs_fail(err, BDFS_PROTOCOL, "operation %u is unknown", p[2]);
        if (message_delimited(p + OP_HEAD_BYTES, n - OP_HEAD_BYTES, TRANSFER_MESSAGE_BYTES_MAX, ret,
                              err) != BDFS_OK)
                return bdfs_wrap(err, "operation %s", transfer_op_name(p[2]));
        if (ret->need > 0)
                return BDFS_OK;
        ret->total += OP_HEAD_BYTES;
        *ret_opcode = p[2];
        return BDFS_OK;
}

/* ---- replies ------------------------------------------------------------------------------ */

void transfer_reply_encode(struct buf *b, const Hadoop__BlockOpResponseProto *reply)
{
        Hadoop__BlockOpResponseProto padded = *reply;
        size_t n = protobuf_c_message_get_packed_size(&reply->base);

        if (varint_size(n) + n < TRANSFER_REPLY_BYTES_MIN)
                padded.firstbadlink = (char *)(uintptr_t) ""; /* packing only reads it */
        message_pack_delimited(b, &padded.base);
}

void transfer_ok_encode(struct buf *b)
{
        Hadoop__BlockOpResponseProto reply = HADOOP__BLOCK_OP_RESPONSE_PROTO__INIT;

        reply.status = HADOOP__STATUS__SUCCESS;
        transfer_reply_encode(b, &reply);
}

void transfer_read_ok_encode(struct buf *b, Hadoop__ChecksumTypeProto type,
                             uint32_t bytes_per_checksum, uint64_t chunk_offset)
{
        Hadoop__BlockOpResponseProto reply = HADOOP__BLOCK_OP_RESPONSE_PROTO__INIT;
        Hadoop__ReadOpChecksumInfoProto info = HADOOP__READ_OP_CHECKSUM_INFO_PROTO__INIT;
        Hadoop__ChecksumProto checksum = HADOOP__CHECKSUM_PROTO__INIT;

        checksum.type = type;
        checksum.bytesperchecksum = bytes_per_checksum;
        info.checksum = &checksum;
        info.chunkoffset = chunk_offset;
        reply.status = HADOOP__STATUS__SUCCESS;
        reply.readopchecksuminfo = &info;
        transfer_reply_encode(b, &reply);
}

void transfer_error_encode(struct buf *b, enum bdfs_status status, const char *bad_link,
                           const char *text)
{
        Hadoop__BlockOpResponseProto reply = HADOOP__BLOCK_OP_RESPONSE_PROTO__INIT;
        char clean[BDFS_ERR_TEXT_BYTES];
        size_t n = strnlen(text, sizeof(clean) - 1);

        BDFS_ASSERT(status != BDFS_OK);
        utf8_copy((uint8_t *)clean, text, n);
        clean[n] = '\0';
        reply.status = transfer_status_of(status);
        reply.has_bdfsstatus = transfer_status_to(reply.status) != status;
        reply.bdfsstatus = status;
        reply.firstbadlink = (char *)(uintptr_t)bad_link;
        reply.message = clean;
        transfer_reply_encode(b, &reply);
}

Hadoop__Status transfer_status_of(enum bdfs_status status)
{
        if (status == BDFS_OK)
                return HADOOP__STATUS__SUCCESS;
        if (status == BDFS_TOKEN)
                return HADOOP__STATUS__ERROR_ACCESS_TOKEN;
        if (status == BDFS_CORRUPT)
                return HADOOP__STATUS__ERROR_CHECKSUM;
        if (status == BDFS_UNSUPPORTED)
                return HADOOP__STATUS__ERROR_UNSUPPORTED;
        return HADOOP__STATUS__ERROR;
}

enum bdfs_status transfer_status_to(Hadoop__Status status)
{
        switch ((int)status) {
        case HADOOP__STATUS__SUCCESS:
        case HADOOP__STATUS__CHECKSUM_OK:
                return BDFS_OK;
        case HADOOP__STATUS__ERROR_CHECKSUM:
                return BDFS_CORRUPT;
        case HADOOP__STATUS__ERROR_INVALID:
                return BDFS_INVALID;
        case HADOOP__STATUS__ERROR_EXISTS:
                return BDFS_EXISTS;
        case HADOOP__STATUS__ERROR_ACCESS_TOKEN:
                return BDFS_TOKEN;
        case HADOOP__STATUS__ERROR_UNSUPPORTED:
                return BDFS_UNSUPPORTED;
        case HADOOP__STATUS__OOB_RESTART:
                return BDFS_UNAVAILABLE;
        default:
                return BDFS_FAILED;
        }
}

enum bdfs_status transfer_reply_status(const Hadoop__BlockOpResponseProto *reply)
{
        uint32_t exact = reply->has_bdfsstatus ? reply->bdfsstatus : BDFS_OK;

        if (reply->status != HADOOP__STATUS__ERROR || exact == BDFS_OK ||
            exact >= BDFS_STATUS_COUNT || exact == BDFS_CLOSED || exact == BDFS_IO)
                return transfer_status_to(reply->status);
        return (enum bdfs_status)exact;
}

const char *transfer_status_name(Hadoop__Status status)
{
        const ProtobufCEnumValue *value =
                protobuf_c_enum_descriptor_get_value(&hadoop__status__descriptor, (int)status);

        return value != NULL ? value->name : "UNKNOWN";
}

void transfer_read_status_encode(struct buf *b, Hadoop__Status status)
{
        Hadoop__ClientReadStatusProto message = HADOOP__CLIENT_READ_STATUS_PROTO__INIT;

        message.status = status;
        message_pack_delimited(b, &message.base);
}

enum bdfs_status transfer_read_status_decode(const void *message, size_t n, Hadoop__Status *ret,
                                             struct bdfs_err *err)
{
        struct rd r = rd_of(message, n);
        uint64_t status = UINT64_MAX;
        struct field f;

        while (field_next(&r, &f)) {
                if (f.number != 1)
                        continue;
                if (f.wire != FIELD_VARINT)
                        r.bad = true;
                status = f.value;
        }
        if (!rd_done(&r) || status > INT32_MAX)
                return bdfs_fail(err, BDFS_PROTOCOL, "read status is malformed");
        *ret = (Hadoop__Status)status;
        return BDFS_OK;
}
