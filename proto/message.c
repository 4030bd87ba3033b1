/* Messages to bytes, and where one ends in a stream of bytes. */
#include "proto/message.h"

#include <string.h>

#include "proto/message_types.h"

/* ---- packing ------------------------------------------------------------------------------ */

#define SCALAR_BYTES_MAX 20 /* tag and value, both as varints */

/* Room for @n bytes behind what is there; taken with room_used(). NULL: there is none. */
static inline uint8_t *room_for(struct buf *b, size_t n)
{
        return b->room - b->n >= n || buf_reserve(b, n) ? b->data + b->n : NULL;
}

static inline void room_used(struct buf *b, const uint8_t *end)
{
        b->n = (size_t)(end - b->data);
}

static void put_message(struct buf *b, const ProtobufCMessage *m);

static uint8_t *put_tag(uint8_t *p, const ProtobufCFieldDescriptor *field, enum field_wire wire)
{
        return field_put_varint(p, (uint64_t)field->id << 3 | wire);
}

static uint8_t *put_le(uint8_t *p, uint64_t v, size_t n)
{
        for (size_t i = 0; i < n; i++, v >>= 8)
                *p++ = (uint8_t)v;
        return p;
}

/* A number without its tag. Negative numbers of 32 bits take ten bytes, as everywhere. */
static uint8_t *put_number(uint8_t *p, ProtobufCType type, const void *at)
{
        switch (type) {
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_ENUM: return field_put_varint(p, (uint64_t) * (const int32_t *)at);
        case PROTOBUF_C_TYPE_UINT32: return field_put_varint(p, *(const uint32_t *)at);
        case PROTOBUF_C_TYPE_SINT32:
                return field_put_varint(p, (uint32_t)field_zigzag(*(const int32_t *)at));
        case PROTOBUF_C_TYPE_SINT64: return field_put_varint(p, field_zigzag(*(const int64_t *)at));
        case PROTOBUF_C_TYPE_BOOL:
                return field_put_varint(p, *(const protobuf_c_boolean *)at != 0);
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_FLOAT: return put_le(p, *(const uint32_t *)at, 4);
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_DOUBLE: return put_le(p, *(const uint64_t *)at, 8);
        default: return field_put_varint(p, *(const uint64_t *)at);
        }
}

static void put_bytes(struct buf *b, const ProtobufCFieldDescriptor *field, const void *bytes,
                      size_t n)
{
        uint8_t *p = room_for(b, SCALAR_BYTES_MAX + n);

        if (p == NULL)
                return;
        p = field_put_varint(put_tag(p, field, FIELD_BYTES), n);
        if (n > 0)
                memcpy(p, bytes, n);
        room_used(b, p + n);
}

/* Its length is known only behind it. Most fit a length of one byte; the others move. */
static void put_delimited(struct buf *b, const ProtobufCMessage *m)
{
        uint8_t *p = room_for(b, 1);
        size_t start, n, more;

        if (p == NULL)
                return;
        room_used(b, p + 1);
        start = b->n;
        put_message(b, m);
        n = b->n - start;
        more = varint_size(n) - 1;
        if (more > 0 && (p = room_for(b, more)) != NULL) {
                memmove(b->data + start + more, b->data + start, n);
                room_used(b, p + more);
        }
        if (!b->bad)
                (void)field_put_varint(b->data + start - 1, n);
}

static void put_submessage(struct buf *b, const ProtobufCFieldDescriptor *field,
                           const ProtobufCMessage *m)
{
        uint8_t *p = room_for(b, SCALAR_BYTES_MAX);

        BDFS_ASSERT(m != NULL);
        if (p == NULL)
                return;
        room_used(b, put_tag(p, field, FIELD_BYTES));
        put_delimited(b, m);
}

static void put_field(struct buf *b, const ProtobufCFieldDescriptor *field, const void *at)
{
        const ProtobufCBinaryData *bytes = at;
        const char *text;
        uint8_t *p;

        switch (field->type) {
        case PROTOBUF_C_TYPE_MESSAGE:
                put_submessage(b, field, *(ProtobufCMessage *const *)at);
                return;
        case PROTOBUF_C_TYPE_STRING:
                text = *(char *const *)at;
                BDFS_ASSERT(text != NULL);
                put_bytes(b, field, text, strlen(text));
                return;
        case PROTOBUF_C_TYPE_BYTES:
                BDFS_ASSERT(bytes->len == 0 || bytes->data != NULL);
                put_bytes(b, field, bytes->data, bytes->len);
                return;
        default:
                p = room_for(b, SCALAR_BYTES_MAX);
                if (p != NULL)
                        room_used(b, put_number(put_tag(p, field, message_wire(field->type)),
                                              field->type, at));
        }
}

static void put_packed(struct buf *b, const ProtobufCFieldDescriptor *field, const uint8_t *at,
                       size_t n)
{
        size_t element = message_element_bytes(field->type), bytes = 0;
        uint8_t scratch[SCALAR_BYTES_MAX], *p;

        for (size_t i = 0; i < n; i++)
                bytes += (size_t)(put_number(scratch, field->type, at + i * element) - scratch);
        p = room_for(b, SCALAR_BYTES_MAX + bytes);
        if (p == NULL)
                return;
        p = field_put_varint(put_tag(p, field, FIELD_BYTES), bytes);
        for (size_t i = 0; i < n; i++)
                p = put_number(p, field->type, at + i * element);
        room_used(b, p);
}

static void put_list(struct buf *b, const ProtobufCFieldDescriptor *field, const uint8_t *at,
                     size_t n)
{
        size_t element = message_element_bytes(field->type);

        if (n > 0 && (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0) {
                put_packed(b, field, at, n);
                return;
        }
        for (size_t i = 0; i < n; i++)
                put_field(b, field, at + i * element);
}

/* Whether a field that may be absent is there. */
static bool is_set(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *field,
                   const void *at)
{
        const uint8_t *quantifier = (const uint8_t *)m + field->quantifier_offset;

        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
                if (*(const uint32_t *)quantifier != field->id)
                        return false;
        } else if (field->quantifier_offset != 0) {
                return *(const protobuf_c_boolean *)quantifier != 0;
        }
        if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
                return true;
        return *(const void *const *)at != NULL && *(const void *const *)at != field->default_value;
}

static void put_message(struct buf *b, const ProtobufCMessage *m)
{
        const ProtobufCMessageDescriptor *type = m->descriptor;

        for (unsigned i = 0; i < type->n_fields; i++) {
                const ProtobufCFieldDescriptor *field = &type->fields[i];
                const uint8_t *at = (const uint8_t *)m + field->offset;

                if (field->label == PROTOBUF_C_LABEL_REPEATED)
                        put_list(b, field, *(const uint8_t *const *)at,
                                 *(const size_t *)((const uint8_t *)m + field->quantifier_offset));
                else if (field->label == PROTOBUF_C_LABEL_REQUIRED || is_set(m, field, at))
                        put_field(b, field, at);
        }
        for (unsigned i = 0; i < m->n_unknown_fields; i++) {
                const ProtobufCMessageUnknownField *u = &m->unknown_fields[i];
                uint8_t *p = room_for(b, SCALAR_BYTES_MAX + u->len);

                if (p == NULL)
                        return;
                p = field_put_varint(p, (uint64_t)u->tag << 3 | u->wire_type);
                memcpy(p, u->data, u->len);
                room_used(b, p + u->len);
        }
}

/* ---- what the type does not have ------------------------------------------------------------ */

static const ProtobufCMessage *unknown_below(const ProtobufCMessage *m,
                                             const ProtobufCFieldDescriptor *field,
                                             uint32_t *ret_tag)
{
        const uint8_t *at = (const uint8_t *)m + field->offset;
        const ProtobufCMessage *const *list = (const void *)at, *found = NULL;
        size_t n = 1;

        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
                return NULL;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
                n = *(const size_t *)((const uint8_t *)m + field->quantifier_offset);
                list = *(const ProtobufCMessage *const *const *)(const void *)at;
        } else if (field->label != PROTOBUF_C_LABEL_REQUIRED && !is_set(m, field, at)) {
                return NULL;
        }
        for (size_t i = 0; i < n && found == NULL; i++)
                found = message_unknown(list[i], ret_tag);
        return found;
}

const ProtobufCMessage *message_unknown(const ProtobufCMessage *message, uint32_t *ret_tag)
{
        const ProtobufCMessageDescriptor *type = message->descriptor;
        const ProtobufCMessage *found = NULL;

        if (message->n_unknown_fields > 0) {
                *ret_tag = message->unknown_fields[0].tag;
                return message;
        }
        for (unsigned i = 0; i < type->n_fields && found == NULL; i++)
                found = unknown_below(message, &type->fields[i], ret_tag);
        return found;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Rooms are taken larger than what goes in, so the bound counts at the end. */
static void pack(struct buf *b, const ProtobufCMessage *m,
                 void (*put)(struct buf *b, const ProtobufCMessage *m))
{
        size_t start = b->n, limit = b->limit;

        b->limit = 0;
        put(b, m);
        b->limit = limit;
        if (limit != 0 && b->n > limit)
                b->bad = true;
        if (b->bad)
                b->n = start;
}

void message_pack(struct buf *b, const ProtobufCMessage *message)
{
        pack(b, message, put_message);
}

void message_pack_delimited(struct buf *b, const ProtobufCMessage *message)
{
        pack(b, message, put_delimited);
}

/* ---- streams ------------------------------------------------------------------------------ */
enum bdfs_status message_delimited(const void *bytes, size_t n, size_t max,
                                   struct message_span *ret, struct bdfs_err *err)
{
        const uint8_t *p = bytes;
        uint64_t length = 0;
        size_t head = 0;

        *ret = (struct message_span){.need = 1};
        do {
                if (head == MESSAGE_LENGTH_BYTES_MAX)
                        return bdfs_fail(err, BDFS_PROTOCOL, "a message's length is malformed");
                if (head == n)
                        return BDFS_OK;
                length |= (uint64_t)(p[head] & 0x7f) << 7 * head;
        } while ((p[head++] & 0x80) != 0);
        if (length > max)
                return bdfs_fail(err, BDFS_PROTOCOL, "a message of %llu bytes, more than %zu",
                                 (unsigned long long)length, max);
        ret->total = head + (size_t)length;
        if (n < ret->total) {
                ret->need = ret->total - n;
                return BDFS_OK;
        }
        ret->message = p + head;
        ret->message_n = (size_t)length;
        ret->need = 0;
        return BDFS_OK;
}
