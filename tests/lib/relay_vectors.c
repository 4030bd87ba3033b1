/* Which exchanges become vectors, and how they are written down. */
#include <string.h>

#include "common/cleanup.h"
#include "common/crc.h"
#include "proto/ipc.h"
#include "proto/message.h"
#include "tests/lib/relay.h"

enum {
        VECTOR_BYTES_MAX = 4000,
        HEX_BYTES_A_LINE = 40,
};

static void put_hex(FILE *to, const struct buf *b)
{
        for (size_t i = 0; i < b->n; i++) {
                if (i % HEX_BYTES_A_LINE == 0)
                        (void)fputs(i == 0 ? "         \"" : "\"\n         \"", to);
                (void)fprintf(to, "%02x", b->data[i]);
        }
        (void)fputs(b->n == 0 ? "         \"\"" : "\"", to);
}

static void put_vector(struct capture *c, const char *kind, const char *name,
                       const struct buf *request, const struct buf *answer)
{
        (void)fprintf(c->vectors, "%s(%s,\n", kind, name);
        put_hex(c->vectors, request);
        (void)fputs(",\n", c->vectors);
        put_hex(c->vectors, answer);
        (void)fputs(")\n", c->vectors);
        (void)fflush(c->vectors);
}

static bool fits(const struct capture *c, const struct buf *request, const struct buf *answer)
{
        return c->vectors != NULL && request->n <= VECTOR_BYTES_MAX &&
               answer->n <= VECTOR_BYTES_MAX;
}

/* Which fields are there: of the first of each list, and of messages inside. Not their values. */
static uint32_t shape_of(const ProtobufCMessage *m, uint32_t seed)
{
        for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
                const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
                const uint8_t *at = (const uint8_t *)m + f->offset;
                const ProtobufCMessage *inner = NULL;
                bool there = true;

                if (f->label == PROTOBUF_C_LABEL_REPEATED)
                        there = *(const size_t *)(const void *)((const uint8_t *)m +
                                                                f->quantifier_offset) > 0;
                else if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING)
                        there = *(const void *const *)(const void *)at != NULL;
                else if (f->label == PROTOBUF_C_LABEL_OPTIONAL)
                        there = *(const protobuf_c_boolean *)(const void *)(
                                (const uint8_t *)m + f->quantifier_offset);
                seed = crc_of(CRC_CRC32C, seed, there ? "+" : "-", 1);
                if (there && f->type == PROTOBUF_C_TYPE_MESSAGE)
                        inner = f->label == PROTOBUF_C_LABEL_REPEATED
                                        ? **(const ProtobufCMessage *const *const *)(const void *)at
                                        : *(const ProtobufCMessage *const *)(const void *)at;
                if (inner != NULL)
                        seed = shape_of(inner, seed);
        }
        return seed;
}

static bool add_once(uint32_t *set, size_t *n, size_t room, uint32_t value)
{
        for (size_t i = 0; i < *n; i++)
                if (set[i] == value)
                        return false;
        if (*n == room)
                return false;
        set[(*n)++] = value;
        return true;
}

/* A refusal of a class that is new, or of a call that is. */
static bool refusal_wanted(struct capture *c, struct seen_call *seen, const struct ipc_response *r)
{
        uint32_t class = crc_of(CRC_CRC32C, 0, r->java_class.at, r->java_class.n);

        return add_once(c->refusals, &c->refusals_n, REFUSALS_MAX, class) ||
               (seen->shapes_n == 0 && !seen->refused);
}

static bool answer_wanted(struct seen_call *seen, const struct method *m, const struct buf *request,
                          const struct ipc_response *r)
{
        struct bdfs_err err;
        struct ipc_request q;
        ProtobufCMessage *asked = NULL;
        ProtobufCMessage *said = message_unpack(m->response, r->body, r->body_n, &err);
        uint32_t shape = 0;

        if (ipc_request_decode(request->data + IPC_LENGTH_BYTES, request->n - IPC_LENGTH_BYTES, &q,
                               &err) == BDFS_OK)
                asked = message_unpack(m->request, q.body, q.body_n, &err);
        if (asked != NULL && said != NULL)
                shape = shape_of(said, shape_of(asked, 0));
        message_free(asked);
        message_free(said);
        return add_once(seen->shapes, &seen->shapes_n, SHAPES_MAX, shape);
}

void vector_call(struct capture *c, const struct method *m, const struct buf *request,
                 const struct buf *answer, const struct ipc_response *r)
{
        struct seen_call *seen = &c->calls_seen[m->id];
        AUTO_LOCK(&c->lock);

        if (!fits(c, request, answer))
                return;
        if (r->status != IPC_SUCCESS) {
                if (!refusal_wanted(c, seen, r))
                        return;
                seen->refused = true;
        } else if (!answer_wanted(seen, m, request, r)) {
                return;
        }
        put_vector(c, "CAPTURED_CALL", m->name, request, answer);
}

void vector_op(struct capture *c, unsigned op, bool refused, const struct buf *request,
               const struct buf *reply)
{
        bool *seen = &c->ops_seen[op][refused];
        AUTO_LOCK(&c->lock);

        if (*seen || !fits(c, request, reply))
                return;
        *seen = true;
        put_vector(c, "CAPTURED_OP", transfer_op_name(op), request, reply);
}
