/* message_types.h - how protobuf-c keeps values of a type, for the coders of message.h alone. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "proto/field.h"

static inline enum field_wire message_wire(ProtobufCType type)
{
        static const uint8_t wire[] = {
                [PROTOBUF_C_TYPE_INT32] = FIELD_VARINT,
                [PROTOBUF_C_TYPE_SINT32] = FIELD_VARINT,
                [PROTOBUF_C_TYPE_SFIXED32] = FIELD_FIXED32,
                [PROTOBUF_C_TYPE_INT64] = FIELD_VARINT,
                [PROTOBUF_C_TYPE_SINT64] = FIELD_VARINT,
                [PROTOBUF_C_TYPE_SFIXED64] = FIELD_FIXED64,
                [PROTOBUF_C_TYPE_UINT32] = FIELD_VARINT,
                [PROTOBUF_C_TYPE_FIXED32] = FIELD_FIXED32,
                [PROTOBUF_C_TYPE_UINT64] = FIELD_VARINT,
                [PROTOBUF_C_TYPE_FIXED64] = FIELD_FIXED64,
                [PROTOBUF_C_TYPE_FLOAT] = FIELD_FIXED32,
                [PROTOBUF_C_TYPE_DOUBLE] = FIELD_FIXED64,
                [PROTOBUF_C_TYPE_BOOL] = FIELD_VARINT,
                [PROTOBUF_C_TYPE_ENUM] = FIELD_VARINT,
                [PROTOBUF_C_TYPE_STRING] = FIELD_BYTES,
                [PROTOBUF_C_TYPE_BYTES] = FIELD_BYTES,
                [PROTOBUF_C_TYPE_MESSAGE] = FIELD_BYTES,
        };

        return (enum field_wire)wire[type];
}

/* Of one element of a repeated field. */
static inline size_t message_element_bytes(ProtobufCType type)
{
        switch (type) {
        case PROTOBUF_C_TYPE_STRING: return sizeof(char *);
        case PROTOBUF_C_TYPE_MESSAGE: return sizeof(ProtobufCMessage *);
        case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
        case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_DOUBLE: return 8;
        default: return 4;
        }
}
