/*
 * Any bytes as any message, those of the journal too; the first two bytes choose the type, and how
 * often the rest is repeated. What is accepted must pack to bytes that are accepted again and pack
 * to themselves, and protobuf-c must read and write them alike.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/bdfs_journal.pb-c.h"
#include "proto/ipc.h"
#include "proto/message.h"
#include "proto/methods.h"
#include "proto/transfer.h"

#define MUST(condition) \
        do {            \
                if (!(condition)) \
                        abort();  \
        } while (0)

static const ProtobufCMessageDescriptor *const others[] = {
        &hadoop__rpc_request_header_proto__descriptor,
        &hadoop__request_header_proto__descriptor,
        &hadoop__rpc_response_header_proto__descriptor,
        &hadoop__ipc_connection_context_proto__descriptor,
        &hadoop__rpc_sasl_proto__descriptor,
        &hadoop__block_op_response_proto__descriptor,
        &hadoop__client_read_status_proto__descriptor,
        &hadoop__packet_header_proto__descriptor,
        &hadoop__pipeline_ack_proto__descriptor,
        &hadoop__data_transfer_encryptor_message_proto__descriptor,
        &hadoop__op_write_block_proto__descriptor,
        &hadoop__op_read_block_proto__descriptor,
        &hadoop__op_transfer_block_proto__descriptor,
        &hadoop__op_block_checksum_proto__descriptor,
        &hadoop__op_block_group_checksum_proto__descriptor,
        &hadoop__op_request_short_circuit_access_proto__descriptor,
};
#define OTHERS (sizeof(others) / sizeof(others[0]))

static const ProtobufCMessageDescriptor *const kept[] = {
        &bdfs__journal_record__descriptor,
        &bdfs__op_result__descriptor,
};
#define KEPT (sizeof(kept) / sizeof(kept[0]))

static const ProtobufCMessageDescriptor *choose(unsigned number)
{
        const struct method *m;

        number %= (unsigned)(OTHERS + 2 * METHOD_COUNT + KEPT);
        if (number >= OTHERS + 2 * METHOD_COUNT)
                return kept[number - OTHERS - 2 * METHOD_COUNT];
        if (number < OTHERS)
                return others[number];
        number -= (unsigned)OTHERS;
        m = method_of((enum method_id)(number / 2));
        return number % 2 == 0 ? m->request : m->response;
}

/* @b is what message_pack() made: protobuf-c's own coders make the same of it. */
static void compare(const ProtobufCMessageDescriptor *type, const ProtobufCMessage *m,
                    const struct buf *b)
{
        ProtobufCMessage *theirs =
                protobuf_c_message_unpack(type, NULL, b->n, b->n == 0 ? (const void *)"" : b->data);
        uint8_t *packed = malloc(b->n + 1);

        MUST(theirs != NULL && packed != NULL);
        MUST(protobuf_c_message_get_packed_size(theirs) == b->n);
        MUST(protobuf_c_message_pack(theirs, packed) == b->n);
        MUST(b->n == 0 || memcmp(packed, b->data, b->n) == 0);
        MUST(protobuf_c_message_get_packed_size(m) == b->n);
        MUST(protobuf_c_message_pack(m, packed) == b->n);
        MUST(b->n == 0 || memcmp(packed, b->data, b->n) == 0);
        protobuf_c_message_free_unpacked(theirs, NULL);
        free(packed);
}

static void try(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t n)
{
        struct bdfs_err err = {.status = BDFS_OK};
        struct buf first, second, text;
        ProtobufCMessage *m = message_unpack(type, data, n, &err);

        if (m == NULL) {
                MUST(err.status == BDFS_PROTOCOL || err.status == BDFS_LIMIT);
                message_free(m); /* NULL is fine */
                return;
        }
        buf_init(&first, 0);
        buf_init(&second, 0);
        buf_init(&text, 1 << 20);
        message_pack(&first, m);
        message_print(&text, m);
        MUST(!first.bad);
        compare(type, m, &first);
        message_free(m);
        m = message_unpack(type, first.data, first.n, &err);
        if (m == NULL) { /* without what was said twice it may take too much for its bytes */
                MUST(err.status == BDFS_LIMIT && first.n < n);
        } else {
                message_pack(&second, m);
                MUST(first.n == second.n);
                MUST(first.n == 0 || memcmp(first.data, second.data, first.n) == 0);
        }
        message_free(m);
        buf_fini(&first);
        buf_fini(&second);
        buf_fini(&text);
}

/* Messages one behind the other are a message: so a small input becomes one with large lists. */
#define REPEATED_BYTES_MAX (96 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        const ProtobufCMessageDescriptor *type;
        size_t repeats;
        struct buf all;

        if (n < 2)
                return 0;
        type = choose((data[0] & 15u) << 8 | data[1]);
        repeats = data[0] < 0xc0 ? 1 : (size_t)256 << (data[0] >> 4 & 3);
        data += 2;
        n -= 2;
        if (repeats * n > MESSAGE_BYTES_MAX / 2) { /* too many are refused before they are read */
                try(type, data, MESSAGE_BYTES_MAX + 1);
                return 0;
        }
        if (repeats == 1 || repeats * n > REPEATED_BYTES_MAX) {
                try(type, data, n);
                return 0;
        }
        buf_init(&all, 0);
        for (size_t i = 0; i < repeats; i++)
                buf_add(&all, data, n);
        try(type, all.data, all.n);
        buf_fini(&all);
        return 0;
}
