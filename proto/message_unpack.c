/* Messages from bytes: one pass that refuses and decodes, into an arena. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "proto/message.h"
#include "proto/message_types.h"

/*
 * The arena of one message lies directly before it, in the first chunk: the outermost message is
 * allocated first, so message_free() finds the arena from the message. The chunks go together.
 */
#define ARENA_MAGIC UINT64_C(0x62646673617265)
#define ARENA_ALIGN _Alignof(max_align_t)
#define ARENA_FIRST_BYTES 512
#define ARENA_FIRST_BYTES_MAX (256 * 1024)

struct chunk {
        struct chunk *next;
        _Alignas(ARENA_ALIGN) uint8_t bytes[];
};

struct arena {
        _Alignas(ARENA_ALIGN) uint64_t magic;
        struct chunk *more;
        uint8_t *at, *end; /* what is free in the newest chunk */
        size_t taken;      /* from malloc, all chunks */
        size_t limit;
        size_t next_bytes;
};

static struct arena *arena_new(size_t n)
{
        size_t first = ARENA_FIRST_BYTES + 4 * n;
        struct arena *a;

        if (first > ARENA_FIRST_BYTES_MAX)
                first = ARENA_FIRST_BYTES_MAX;
        a = malloc(sizeof(*a) + first);
        if (a == NULL)
                return NULL;
        *a = (struct arena){
                .magic = ARENA_MAGIC,
                .at = (uint8_t *)(a + 1),
                .end = (uint8_t *)(a + 1) + first,
                .taken = first,
                .limit = MESSAGE_MEMORY_BASE + MESSAGE_MEMORY_PER_BYTE * n,
                .next_bytes = 2 * first,
        };
        return a;
}

static void arena_free(struct arena *a)
{
        struct chunk *next;

        for (struct chunk *c = a->more; c != NULL; c = next) {
                next = c->next;
                free(c);
        }
        a->magic = 0;
        free(a);
}

static enum bdfs_status arena_grow(struct arena *a, size_t size, struct bdfs_err *err)
{
        size_t bytes = a->next_bytes > size ? a->next_bytes : size;
        struct chunk *c;

        if (bytes > a->limit - a->taken)
                bytes = a->limit - a->taken;
        if (bytes < size)
                return bdfs_fail(err, BDFS_LIMIT, "needs more than %zu bytes of memory", a->limit);
        c = malloc(sizeof(*c) + bytes);
        if (c == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a message");
        c->next = a->more;
        a->more = c;
        a->at = c->bytes;
        a->end = c->bytes + bytes;
        a->taken += bytes;
        a->next_bytes = 2 * bytes;
        return BDFS_OK;
}

/* For characters: without alignment. */
static void *arena_take_bytes(struct arena *a, size_t n, struct bdfs_err *err)
{
        uint8_t *p;

        if (n > (size_t)(a->end - a->at) && arena_grow(a, n, err) != BDFS_OK)
                return NULL;
        p = a->at;
        a->at += n;
        return p;
}

static void *arena_take(struct arena *a, size_t size, struct bdfs_err *err)
{
        size_t gap = -(uintptr_t)a->at % ARENA_ALIGN; /* a new chunk is aligned already */

        if (gap + size <= (size_t)(a->end - a->at))
                a->at += gap;
        else
                a->at = a->end;
        return arena_take_bytes(a, size, err);
}

/* ---- values ------------------------------------------------------------------------------- */

#define FIELDS_MAX 64 /* of one message type; the largest has 19 */

struct decoder {
        struct arena *arena;
        struct bdfs_err *err;
};

static enum bdfs_status decode(const struct decoder *d, ProtobufCMessage *m, struct rd r,
                               unsigned depth);

static void *member(ProtobufCMessage *m, size_t offset)
{
        return (uint8_t *)m + offset;
}

static enum bdfs_status set_bytes(const struct decoder *d, ProtobufCBinaryData *ret,
                                  const struct field *f)
{
        ret->len = f->n;
        ret->data = NULL;
        if (f->n == 0)
                return BDFS_OK;
        ret->data = arena_take_bytes(d->arena, f->n, d->err);
        if (ret->data == NULL)
                return d->err->status;
        memcpy(ret->data, f->bytes, f->n);
        return BDFS_OK;
}

static enum bdfs_status set_string(const struct decoder *d, const ProtobufCMessageDescriptor *type,
                                   const ProtobufCFieldDescriptor *field, char **ret,
                                   const struct field *f)
{
        if (f->n > 0 && memchr(f->bytes, 0, f->n) != NULL)
                return bdfs_fail(d->err, BDFS_PROTOCOL, "%s: field %s contains a NUL byte",
                                 type->short_name, field->name);
        *ret = arena_take_bytes(d->arena, f->n + 1, d->err);
        if (*ret == NULL)
                return d->err->status;
        if (f->n > 0)
                memcpy(*ret, f->bytes, f->n);
        (*ret)[f->n] = '\0';
        return BDFS_OK;
}

/* A message that is there already is gone on with: several make one. */
static enum bdfs_status set_message(const struct decoder *d, const ProtobufCMessageDescriptor *type,
                                    ProtobufCMessage **m, const struct field *f, unsigned depth)
{
        if (*m == NULL) {
                *m = arena_take(d->arena, type->sizeof_message, d->err);
                if (*m == NULL)
                        return d->err->status;
                type->message_init(*m);
        }
        return decode(d, *m, rd_of(f->bytes, f->n), depth + 1);
}

static enum bdfs_status set_value(const struct decoder *d, const ProtobufCMessageDescriptor *type,
                                  const ProtobufCFieldDescriptor *field, void *to,
                                  const struct field *f, unsigned depth)
{
        switch (field->type) {
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_ENUM:
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_FLOAT:
                *(uint32_t *)to = (uint32_t)f->value;
                return BDFS_OK;
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_UINT64:
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_DOUBLE:
                *(uint64_t *)to = f->value;
                return BDFS_OK;
        case PROTOBUF_C_TYPE_SINT32:
                *(int32_t *)to = (int32_t)field_unzigzag((uint32_t)f->value);
                return BDFS_OK;
        case PROTOBUF_C_TYPE_SINT64:
                *(int64_t *)to = field_unzigzag(f->value);
                return BDFS_OK;
        case PROTOBUF_C_TYPE_BOOL:
                *(protobuf_c_boolean *)to = f->value != 0;
                return BDFS_OK;
        case PROTOBUF_C_TYPE_STRING:
                return set_string(d, type, field, to, f);
        case PROTOBUF_C_TYPE_BYTES:
                return set_bytes(d, to, f);
        case PROTOBUF_C_TYPE_MESSAGE:
                break;
        }
        return set_message(d, field->descriptor, to, f, depth);
}

/* ---- lists -------------------------------------------------------------------------------- */

/* The place of element @n of an array without a room of its own to look up: it doubles whenever its
 * length is a power of two. */
static void *array_add(const struct decoder *d, void **array, size_t n, size_t element)
{
        if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
                void *more = arena_take(d->arena, (n == 0 ? 4 : 2 * n) * element, d->err);

                if (more == NULL)
                        return NULL;
                if (n > 0)
                        memcpy(more, *array, n * element);
                *array = more;
        }
        return memset((uint8_t *)*array + n * element, 0, element);
}

static enum bdfs_status add_value(const struct decoder *d, ProtobufCMessage *m,
                                  const ProtobufCFieldDescriptor *field, const struct field *f,
                                  unsigned depth)
{
        size_t *n = member(m, field->quantifier_offset);
        void *to = array_add(d, member(m, field->offset), *n, message_element_bytes(field->type));

        if (to == NULL)
                return d->err->status;
        ++*n;
        return set_value(d, m->descriptor, field, to, f, depth);
}

static enum bdfs_status malformed(const struct decoder *d, const ProtobufCMessage *m)
{
        return bdfs_fail(d->err, BDFS_PROTOCOL, "%s: malformed", m->descriptor->short_name);
}

static enum bdfs_status add_packed(const struct decoder *d, ProtobufCMessage *m,
                                   const ProtobufCFieldDescriptor *field, struct rd r)
{
        struct field f = {.number = field->id, .wire = message_wire(field->type)};

        while (!r.bad && rd_left(&r) > 0) {
                f.value = f.wire == FIELD_VARINT    ? field_varint(&r)
                          : f.wire == FIELD_FIXED32 ? rd_u32le(&r)
                                                    : rd_u64le(&r);
                if (!r.bad && add_value(d, m, field, &f, 0) != BDFS_OK)
                        return d->err->status;
        }
        return r.bad ? malformed(d, m) : BDFS_OK;
}

/* ---- fields ------------------------------------------------------------------------------- */

/* A member that stands alone: its place, marked as there. */
static void *claim(ProtobufCMessage *m, const ProtobufCFieldDescriptor *field)
{
        void *to = member(m, field->offset);

        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
                uint32_t *which = member(m, field->quantifier_offset);

                if (*which != field->id && field->type == PROTOBUF_C_TYPE_MESSAGE)
                        *(void **)to = NULL;
                *which = field->id;
        } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0) {
                *(protobuf_c_boolean *)member(m, field->quantifier_offset) = 1;
        }
        return to;
}

static enum bdfs_status take_field(const struct decoder *d, ProtobufCMessage *m,
                                   const ProtobufCFieldDescriptor *field, const struct field *f,
                                   unsigned depth)
{
        bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
        enum field_wire want = message_wire(field->type);

        if (f->wire == want)
                return list ? add_value(d, m, field, f, depth)
                            : set_value(d, m->descriptor, field, claim(m, field), f, depth);
        /* a repeated number may also come packed, whatever its declaration says */
        if (list && f->wire == FIELD_BYTES)
                return add_packed(d, m, field, rd_of(f->bytes, f->n));
        return bdfs_fail(d->err, BDFS_PROTOCOL, "%s: field %s has the wrong wire type",
                         m->descriptor->short_name, field->name);
}

/* @whole: from its tag on. */
static enum bdfs_status keep_unknown(const struct decoder *d, ProtobufCMessage *m,
                                     const struct field *f, struct rd whole)
{
        void *array = m->unknown_fields;
        ProtobufCMessageUnknownField *u =
                array_add(d, &array, m->n_unknown_fields, sizeof(*u));

        if (u == NULL)
                return d->err->status;
        m->unknown_fields = array;
        (void)field_varint(&whole);
        u->tag = f->number;
        u->wire_type = (ProtobufCWireType)f->wire;
        u->len = rd_left(&whole);
        u->data = arena_take_bytes(d->arena, u->len, d->err);
        if (u->data == NULL)
                return d->err->status;
        memcpy(u->data, whole.at, u->len);
        m->n_unknown_fields++;
        return BDFS_OK;
}

/* The index of a field, n_fields when its number is unknown. Most senders write fields in order, so
 * that it is often the one after the last. */
static unsigned field_of(const ProtobufCMessageDescriptor *type, uint32_t number, unsigned next)
{
        const ProtobufCFieldDescriptor *field;

        if (next < type->n_fields && type->fields[next].id == number)
                return next;
        field = protobuf_c_message_descriptor_get_field(type, number);
        return field == NULL ? type->n_fields : (unsigned)(field - type->fields);
}

static enum bdfs_status check_required(const struct decoder *d,
                                       const ProtobufCMessageDescriptor *type,
                                       uint64_t seen)
{
        for (unsigned i = 0; i < type->n_fields; i++)
                if (type->fields[i].label == PROTOBUF_C_LABEL_REQUIRED &&
                    (seen >> i & 1) == 0)
                        return bdfs_fail(d->err, BDFS_PROTOCOL, "%s: required field %s is missing",
                                         type->short_name, type->fields[i].name);
        return BDFS_OK;
}

static enum bdfs_status decode(const struct decoder *d, ProtobufCMessage *m, struct rd r,
                               unsigned depth)
{
        const ProtobufCMessageDescriptor *type = m->descriptor;
        uint64_t seen = 0;
        struct rd whole = r;
        unsigned next = 0;
        struct field f;

        BDFS_ASSERT(type->n_fields <= FIELDS_MAX);
        if (depth > MESSAGE_DEPTH_MAX)
                return bdfs_fail(d->err, BDFS_PROTOCOL, "%s: nested too deep", type->short_name);
        while (field_next(&r, &f)) {
                const unsigned i = field_of(type, f.number, next);
                enum bdfs_status rc;

                whole.end = r.at;
                if (i == type->n_fields) {
                        rc = keep_unknown(d, m, &f, whole);
                } else {
                        const ProtobufCFieldDescriptor *field = &type->fields[i];

                        seen |= UINT64_C(1) << i;
                        next = field->label == PROTOBUF_C_LABEL_REPEATED ? i : i + 1;
                        rc = take_field(d, m, field, &f, depth);
                }
                if (rc != BDFS_OK)
                        return rc;
                whole.at = r.at;
        }
        return rd_done(&r) ? check_required(d, type, seen) : malformed(d, m);
}

/* ---- messages ----------------------------------------------------------------------------- */

void *message_unpack(const ProtobufCMessageDescriptor *type, const void *bytes, size_t n,
                     struct bdfs_err *err)
{
        struct decoder d = {.err = err};
        ProtobufCMessage *m = NULL;
        struct field all = {.bytes = bytes, .n = n};

        if (n > MESSAGE_BYTES_MAX) {
                (void)bdfs_fail(err, BDFS_LIMIT, "%s: %zu bytes", type->short_name, n);
                return NULL;
        }
        d.arena = arena_new(n);
        if (d.arena == NULL) {
                (void)bdfs_fail(err, BDFS_NO_MEMORY, "%s: %zu bytes", type->short_name, n);
                return NULL;
        }
        if (set_message(&d, type, &m, &all, 0) != BDFS_OK) {
                if (err->status != BDFS_PROTOCOL)
                        (void)bdfs_wrap(err, "%s of %zu bytes", type->short_name, n);
                arena_free(d.arena);
                return NULL;
        }
        BDFS_ASSERT((uint8_t *)m == (uint8_t *)(d.arena + 1));
        return m;
}

void message_free(void *message)
{
        struct arena *a = message;

        if (a == NULL)
                return;
        a--;
        BDFS_ASSERT(a->magic == ARENA_MAGIC);
        arena_free(a);
}

size_t message_memory(const void *message)
{
        const struct arena *a = message;

        BDFS_ASSERT(message != NULL);
        a--;
        BDFS_ASSERT(a->magic == ARENA_MAGIC);
        return a->taken;
}
