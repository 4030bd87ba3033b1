#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/message.h"

/* Bytes fields whose contents may be shown; every other one may be a token, a key or user data. */
static const char *const shown[] = {
        "path",       "symlink", "startAfter", "fullpath", "targetPath", "parent_fullpath",
        "startPath",  "src",     "dst",        "target",   "name",       "clientId",
        "digest",     "cluster", "link",
};

static void print_text(struct buf *b, const char *text)
{
        buf_add(b, text, strlen(text));
}

static void print_quoted(struct buf *b, const uint8_t *p, size_t n)
{
        size_t end = n < MESSAGE_PRINT_BYTES_MAX ? n : MESSAGE_PRINT_BYTES_MAX;

        buf_u8(b, '"');
        for (size_t i = 0; i < end; i++) {
                char hex[8];

                if (p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\') {
                        buf_u8(b, p[i]);
                        continue;
                }
                (void)snprintf(hex, sizeof(hex), "\\x%02x", p[i]);
                print_text(b, hex);
        }
        print_text(b, end < n ? "...\"" : "\"");
}

static void print_bytes(struct buf *b, const char *name, const ProtobufCBinaryData *v)
{
        char text[32];

        for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
                if (strcmp(name, shown[i]) == 0) {
                        print_quoted(b, v->data, v->len);
                        return;
                }
        (void)snprintf(text, sizeof(text), "<%zu bytes>", v->len);
        print_text(b, text);
}

static void print_enum(struct buf *b, const ProtobufCEnumDescriptor *type, int32_t v)
{
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, v);
        char text[16];

        (void)snprintf(text, sizeof(text), "%" PRId32, v);
        print_text(b, value != NULL ? value->name : text);
}

static void print_number(struct buf *b, ProtobufCType type, const void *at)
{
        char text[40] = "";

        switch (type) {
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
        case PROTOBUF_C_TYPE_SFIXED32:
                (void)snprintf(text, sizeof(text), "%" PRId32, *(const int32_t *)at);
                break;
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_FIXED32:
                (void)snprintf(text, sizeof(text), "%" PRIu32, *(const uint32_t *)at);
                break;
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
                (void)snprintf(text, sizeof(text), "%" PRId64, *(const int64_t *)at);
                break;
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64:
                (void)snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)at);
                break;
        case PROTOBUF_C_TYPE_FLOAT:
                (void)snprintf(text, sizeof(text), "%g", (double)*(const float *)at);
                break;
        case PROTOBUF_C_TYPE_DOUBLE:
                (void)snprintf(text, sizeof(text), "%g", *(const double *)at);
                break;
        case PROTOBUF_C_TYPE_BOOL:
                print_text(b, *(const protobuf_c_boolean *)at != 0 ? "true" : "false");
                break;
        case PROTOBUF_C_TYPE_ENUM:
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_BYTES:
        case PROTOBUF_C_TYPE_MESSAGE:
                break; /* not numbers */
        }
        print_text(b, text);
}

static size_t size_of(ProtobufCType type)
{
        switch (type) {
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_DOUBLE:
                return 8;
        case PROTOBUF_C_TYPE_BOOL:
                return sizeof(protobuf_c_boolean);
        case PROTOBUF_C_TYPE_STRING:
        case PROTOBUF_C_TYPE_MESSAGE:
                return sizeof(void *);
        case PROTOBUF_C_TYPE_BYTES:
                return sizeof(ProtobufCBinaryData);
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_FLOAT:
        case PROTOBUF_C_TYPE_ENUM:
                break;
        }
        return 4;
}

static void print_value(struct buf *b, const ProtobufCFieldDescriptor *field, const void *at)
{
        print_text(b, field->name);
        print_text(b, ": ");
        if (field->type == PROTOBUF_C_TYPE_STRING) {
                const char *text = *(const char *const *)at;

                print_quoted(b, (const uint8_t *)text, text == NULL ? 0 : strlen(text));
        } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
                print_bytes(b, field->name, at);
        } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
                message_print(b, *(const ProtobufCMessage *const *)at);
        } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
                print_enum(b, field->descriptor, *(const int32_t *)at);
        } else {
                print_number(b, field->type, at);
        }
}

/* How many values the field has; *ret is where they lie. */
static size_t values_of(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *field,
                        const uint8_t **ret)
{
        const uint8_t *base = (const uint8_t *)m;
        const uint8_t *at = base + field->offset, *quantifier = base + field->quantifier_offset;
        bool pointer = field->type == PROTOBUF_C_TYPE_STRING ||
                       field->type == PROTOBUF_C_TYPE_MESSAGE;

        *ret = at;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
                *ret = *(const uint8_t *const *)at;
                return *(const size_t *)quantifier;
        }
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
            *(const uint32_t *)quantifier != field->id)
                return 0;
        if (pointer)
                return *(const void *const *)at != NULL;
        if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0 &&
            (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
                return *(const protobuf_c_boolean *)quantifier != 0;
        return 1;
}

void message_print(struct buf *b, const ProtobufCMessage *message)
{
        const ProtobufCMessageDescriptor *type = message->descriptor;
        bool first = true;

        buf_u8(b, '{');
        for (unsigned i = 0; i < type->n_fields && !b->bad; i++) {
                const uint8_t *at;
                size_t n = values_of(message, &type->fields[i], &at);

                for (size_t k = 0; k < n && !b->bad; k++, first = false) {
                        if (!first)
                                buf_u8(b, ' ');
                        print_value(b, &type->fields[i], at + k * size_of(type->fields[i].type));
                }
        }
        buf_u8(b, '}');
}
