/* What stock clients and a real HDFS said to each other is understood, and said the same again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/ipc.h"
#include "proto/message.h"
#include "proto/methods.h"
#include "proto/transfer.h"

struct captured {
        const char *name, *request, *answer;
};

#define CAPTURED_CALL(name, request, answer) {#name, request, answer},
#define CAPTURED_OP(name, operation, reply)
static const struct captured calls[] = {
#include "tests/vectors/hdfs_captured.h"
#include "tests/vectors/hdfs_captured_calls.h"
#include "tests/vectors/hdfs_captured_clients.h"
};
#undef CAPTURED_CALL
#undef CAPTURED_OP

#define CAPTURED_CALL(name, request, answer)
#define CAPTURED_OP(name, operation, reply) {#name, operation, reply},
static const struct captured ops[] = {
#include "tests/vectors/hdfs_captured.h"
#include "tests/vectors/hdfs_captured_calls.h"
#include "tests/vectors/hdfs_captured_clients.h"
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static unsigned nibble(char c)
{
        return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Of exactly the right size, so that a read past the end is seen. */
static uint8_t *bytes_of(const char *hex, size_t *ret_n)
{
        size_t n = strlen(hex) / 2;
        uint8_t *bytes = malloc(n + (n == 0));

        assert_non_null(bytes);
        for (size_t i = 0; i < n; i++)
                bytes[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
        *ret_n = n;
        return bytes;
}

/* Unpacked and packed again it must be the same bytes: nothing is lost, nothing is added. */
static void assert_survives(const char *name, const ProtobufCMessageDescriptor *type,
                            const uint8_t *bytes, size_t n)
{
        struct bdfs_err err;
        struct buf b;
        ProtobufCMessage *m = message_unpack(type, bytes, n, &err);

        if (m == NULL)
                fail_msg("%s: %s", name, err.text);
        for (unsigned i = 0; i < m->n_unknown_fields; i++)
                fail_msg("%s: field %u is not known", name, m->unknown_fields[i].tag);
        buf_init(&b, 0);
        message_pack(&b, m);
        if (b.n != n || (n > 0 && memcmp(b.data, bytes, n) != 0))
                fail_msg("%s: %zu bytes came back as other %zu", name, n, b.n);
        buf_fini(&b);
        message_free(m);
}

/* The method that the frame calls; its call's id in *ret_id. */
static const struct method *check_request(const struct captured *c, int32_t *ret_id)
{
        struct ipc_request q;
        struct bdfs_err err;
        const struct method *m;
        size_t n;
        uint8_t *frame = bytes_of(c->request, &n);

        if (ipc_request_decode(frame + IPC_LENGTH_BYTES, n - IPC_LENGTH_BYTES, &q, &err) != BDFS_OK)
                fail_msg("%s: %s", c->name, err.text);
        assert_int_equal(q.kind, IPC_CALL);
        assert_int_equal(q.client_id_n, IPC_CLIENT_ID_BYTES);
        assert_int_equal(q.version, METHOD_PROTOCOL_VERSION);
        m = method_find(q.protocol.at, q.protocol.n, q.method.at, q.method.n);
        assert_non_null(m);
        assert_string_equal(m->name, c->name);
        assert_survives(c->name, m->request, q.body, q.body_n);
        *ret_id = q.call_id;
        free(frame);
        return m;
}

static void calls_of_java_are_understood(void **state)
{
        int32_t id;

        (void)state;
        for (size_t i = 0; i < COUNT(calls); i++)
                (void)check_request(&calls[i], &id);
}

static void answers_of_a_real_namenode_are_understood(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(calls); i++) {
                struct ipc_response r;
                struct bdfs_err err;
                int32_t id;
                const struct method *m = check_request(&calls[i], &id);
                size_t n;
                uint8_t *frame = bytes_of(calls[i].answer, &n);

                if (ipc_response_decode(frame + IPC_LENGTH_BYTES, n - IPC_LENGTH_BYTES, &r,
                                        &err) != BDFS_OK)
                        fail_msg("%s: %s", calls[i].name, err.text);
                assert_int_equal(r.call_id, id);
                if (r.status == IPC_SUCCESS) {
                        assert_survives(calls[i].name, m->response, r.body, r.body_n);
                } else {
                        assert_int_not_equal(ipc_response_error(&r, &err), BDFS_OK);
                        assert_true(err.text[0] != '\0');
                        assert_null(strchr(err.text, '\n')); /* no stack trace */
                }
                free(frame);
        }
}

/* An answer of ours has the bytes of a real one, but for the header's client id and retry count. */
static void our_answers_have_the_same_messages(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(calls); i++) {
                struct ipc_response r, ours;
                struct bdfs_err err;
                struct buf b;
                size_t n;
                uint8_t *frame = bytes_of(calls[i].answer, &n);

                assert_int_equal(ipc_response_decode(frame + IPC_LENGTH_BYTES,
                                                     n - IPC_LENGTH_BYTES, &r, &err), BDFS_OK);
                buf_init(&b, 0);
                if (r.status == IPC_SUCCESS) {
                        ipc_reply_bytes_encode(&b, r.call_id, r.body, r.body_n);
                        assert_int_equal(ipc_response_decode(b.data + IPC_LENGTH_BYTES,
                                                             b.n - IPC_LENGTH_BYTES, &ours, &err),
                                         BDFS_OK);
                        assert_int_equal(ours.body_n, r.body_n);
                        if (r.body_n > 0)
                                assert_memory_equal(ours.body, r.body, r.body_n);
                }
                buf_fini(&b);
                free(frame);
        }
}

static void operations_of_a_data_port_are_understood(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(ops); i++) {
                struct message_span span;
                struct bdfs_err err;
                unsigned opcode;
                size_t n;
                uint8_t *bytes = bytes_of(ops[i].request, &n);

                assert_int_equal(transfer_op_decode(bytes, n, &opcode, &span, &err), BDFS_OK);
                assert_int_equal(span.need, 0);
                assert_int_equal(span.total, n);
                assert_string_equal(transfer_op_name(opcode), ops[i].name);
                assert_survives(ops[i].name, transfer_op_descriptor(opcode), span.message,
                                span.message_n);
                free(bytes);
                bytes = bytes_of(ops[i].answer, &n);
                assert_int_equal(message_delimited(bytes, n, TRANSFER_MESSAGE_BYTES_MAX, &span,
                                                   &err), BDFS_OK);
                assert_int_equal(span.total, n);
                assert_survives(ops[i].name, &hadoop__block_op_response_proto__descriptor,
                                span.message, span.message_n);
                free(bytes);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(calls_of_java_are_understood),
                cmocka_unit_test(answers_of_a_real_namenode_are_understood),
                cmocka_unit_test(our_answers_have_the_same_messages),
                cmocka_unit_test(operations_of_a_data_port_are_understood),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
