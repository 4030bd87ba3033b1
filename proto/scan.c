#include "proto/scan.h"

#include <string.h>

#include "proto/field.h"
#include "proto/message.h"

#define SCAN_FIELDS_MAX 128 /* of one message type; the largest has 19 */

struct seen {
        uint64_t bits[SCAN_FIELDS_MAX / 64];
};

static enum field_wire wire_of(ProtobufCType type)
{
        switch (type) {
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_BYTES:
        case PROTOBUF_C_TYPE_MESSAGE:
                return FIELD_BYTES;
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_FLOAT:
                return FIELD_FIXED32;
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_DOUBLE:
                return FIELD_FIXED64;
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_ENUM:
        case PROTOBUF_C_TYPE_BOOL:
                break;
        }
        return FIELD_VARINT;
}

/* A repeated number may also come packed, whatever its declaration says. */
static bool wire_fits(const ProtobufCFieldDescriptor *field, enum field_wire wire)
{
        enum field_wire want = wire_of(field->type);

        return wire == want || (want != FIELD_BYTES && wire == FIELD_BYTES &&
                                field->label == PROTOBUF_C_LABEL_REPEATED);
}

static enum bdfs_status scan_at(const ProtobufCMessageDescriptor *type, struct rd r,
                                unsigned depth, struct bdfs_err *err);

static enum bdfs_status scan_field(const ProtobufCMessageDescriptor *type,
                                   const ProtobufCFieldDescriptor *field, const struct field *f,
                                   unsigned depth, struct bdfs_err *err)
{
        if (!wire_fits(field, f->wire))
                return bdfs_fail(err, BDFS_PROTOCOL, "%s: field %s has the wrong wire type",
                                 type->short_name, field->name);
        if (field->type == PROTOBUF_C_TYPE_STRING && f->n > 0 && memchr(f->bytes, 0, f->n) != NULL)
                return bdfs_fail(err, BDFS_PROTOCOL, "%s: field %s contains a NUL byte",
                                 type->short_name, field->name);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
                return scan_at(field->descriptor, rd_of(f->bytes, f->n), depth + 1, err);
        return BDFS_OK;
}

static enum bdfs_status check_required(const ProtobufCMessageDescriptor *type,
                                       const struct seen *seen, struct bdfs_err *err)
{
        for (unsigned i = 0; i < type->n_fields; i++)
                if (type->fields[i].label == PROTOBUF_C_LABEL_REQUIRED &&
                    (seen->bits[i / 64] >> i % 64 & 1) == 0)
                        return bdfs_fail(err, BDFS_PROTOCOL, "%s: required field %s is missing",
                                         type->short_name, type->fields[i].name);
        return BDFS_OK;
}

static enum bdfs_status scan_at(const ProtobufCMessageDescriptor *type, struct rd r,
                                unsigned depth, struct bdfs_err *err)
{
        struct seen seen = {{0}};
        struct field f;

        BDFS_ASSERT(type->n_fields <= SCAN_FIELDS_MAX);
        if (depth > MESSAGE_DEPTH_MAX)
                return bdfs_fail(err, BDFS_PROTOCOL, "%s: nested too deep", type->short_name);
        while (field_next(&r, &f)) {
                const ProtobufCFieldDescriptor *field =
                        protobuf_c_message_descriptor_get_field(type, f.number);
                size_t i;

                if (field == NULL)
                        continue;
                if (scan_field(type, field, &f, depth, err) != BDFS_OK)
                        return BDFS_PROTOCOL;
                i = (size_t)(field - type->fields);
                seen.bits[i / 64] |= UINT64_C(1) << i % 64;
        }
        if (!rd_done(&r))
                return bdfs_fail(err, BDFS_PROTOCOL, "%s: malformed", type->short_name);
        return check_required(type, &seen, err);
}

enum bdfs_status scan_message(const ProtobufCMessageDescriptor *type, const void *bytes, size_t n,
                              struct bdfs_err *err)
{
        return scan_at(type, rd_of(bytes, n), 1, err);
}
