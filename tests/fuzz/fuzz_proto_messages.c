/*
 * Any bytes as any message; the first two bytes choose the type. What is accepted must pack to
 * bytes that are accepted again and pack to themselves, and no string may lose a byte to a NUL.
 */
#include <stdlib.h>
#include <string.h>

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

static const ProtobufCMessageDescriptor *choose(unsigned number)
{
        const struct method *m;

        number %= (unsigned)(OTHERS + 2 * METHOD_COUNT);
        if (number < OTHERS)
                return others[number];
        number -= (unsigned)OTHERS;
        m = method_of((enum method_id)(number / 2));
        return number % 2 == 0 ? m->request : m->response;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        const ProtobufCMessageDescriptor *type;
        struct bdfs_err err = {.status = BDFS_OK};
        struct buf first, second, text;
        ProtobufCMessage *m;

        if (n < 2)
                return 0;
        type = choose((unsigned)data[0] << 8 | data[1]);
        m = message_unpack(type, data + 2, n - 2, &err);
        if (m == NULL) {
                MUST(err.status == BDFS_PROTOCOL || err.status == BDFS_LIMIT);
                return 0;
        }
        buf_init(&first, 0);
        buf_init(&second, 0);
        buf_init(&text, 1 << 20);
        message_pack(&first, m);
        message_print(&text, m);
        message_free(m);
        MUST(!first.bad);
        m = message_unpack(type, first.data, first.n, &err);
        MUST(m != NULL);
        message_pack(&second, m);
        message_free(m);
        MUST(first.n == second.n);
        MUST(first.n == 0 || memcmp(first.data, second.data, first.n) == 0);
        buf_fini(&first);
        buf_fini(&second);
        buf_fini(&text);
        return 0;
}
