/* IPC framing against the bytes of stock clients, and against bytes that nobody should send. */
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/exception.h"
#include "proto/message.h"
#include "proto/methods.h"
#include "tests/unit/proto/test_proto_ipc_kit.h"

static const uint8_t our_id[] = VECTOR_CLIENT_ID;

static void assert_bytes(struct buf *b, const char *want, size_t n)
{
        assert_false(b->bad);
        assert_int_equal(b->n, n);
        assert_memory_equal(b->data, want, n);
        buf_fini(b);
}

static void hello_has_the_bytes_of_stock_clients(void **state)
{
        uint8_t bytes[IPC_HELLO_BYTES];

        (void)state;
        ipc_hello_encode(bytes, false);
        assert_memory_equal(bytes, VECTOR_HELLO_SIMPLE, sizeof(bytes));
        assert_int_equal(ipc_hello_decode(bytes), IPC_HELLO_SIMPLE);
        ipc_hello_encode(bytes, true);
        assert_memory_equal(bytes, VECTOR_HELLO_SASL, sizeof(bytes));
        assert_int_equal(ipc_hello_decode(bytes), IPC_HELLO_SASL);
}

static void context_has_the_bytes_of_stock_clients(void **state)
{
        struct ipc_request r;
        struct buf b;

        (void)state;
        assert_int_equal(request(VECTOR_BODY(VECTOR_CONTEXT), VECTOR_BODY_SIZE(VECTOR_CONTEXT), &r),
                         BDFS_OK);
        assert_int_equal(r.kind, IPC_CONTEXT);
        assert_int_equal(r.call_id, IPC_ID_CONTEXT);
        assert_int_equal(r.retry_count, -1);
        assert_int_equal(r.client_id_n, IPC_CLIENT_ID_BYTES);
        assert_int_equal(r.body_n, 0x38);
        assert_null(r.method.at);

        buf_init(&b, 0);
        ipc_context_encode(&b, our_id, "root", NULL, VECTOR_PROTOCOL);
        assert_bytes(&b, VECTOR_CONTEXT, VECTOR_SIZE(VECTOR_CONTEXT));
}

static void context_says_who_asks_and_for_whom(void **state)
{
        static const uint8_t frame[] = VECTOR_CONTEXT;
        Hadoop__IpcConnectionContextProto *c;
        struct ipc_request r;
        struct bdfs_err err;
        struct buf b;

        (void)state;
        assert_int_equal(ipc_request_decode(frame + 4, sizeof(frame) - 5, &r, &err), BDFS_OK);
        c = message_unpack(&hadoop__ipc_connection_context_proto__descriptor, r.body, r.body_n,
                           &err);
        assert_non_null(c);
        assert_string_equal(c->userinfo->effectiveuser, "root");
        assert_null(c->userinfo->realuser);
        assert_string_equal(c->protocol, VECTOR_PROTOCOL);
        message_free(c);

        buf_init(&b, 0);
        ipc_context_encode(&b, our_id, "alice", "gateway", VECTOR_PROTOCOL);
        assert_int_equal(ipc_request_decode(b.data + 4, b.n - 4, &r, &err), BDFS_OK);
        c = message_unpack(&hadoop__ipc_connection_context_proto__descriptor, r.body, r.body_n,
                           &err);
        assert_non_null(c);
        assert_string_equal(c->userinfo->effectiveuser, "alice");
        assert_string_equal(c->userinfo->realuser, "gateway");
        message_free(c);
        buf_fini(&b);
}

static void call_has_the_bytes_of_stock_clients(void **state)
{
        static const uint8_t frame[] = VECTOR_GET_FILE_INFO;
        Hadoop__GetFileInfoRequestProto body = HADOOP__GET_FILE_INFO_REQUEST_PROTO__INIT;
        struct ipc_call call = {0, 0, our_id, VECTOR_PROTOCOL, "getFileInfo", 1};
        Hadoop__GetFileInfoRequestProto *decoded;
        const struct method *m;
        struct ipc_request r;
        struct bdfs_err err;
        struct buf b;

        (void)state;
        body.src = (char *)(uintptr_t)"/x";
        buf_init(&b, 0);
        ipc_request_encode(&b, &call, &body.base);
        assert_bytes(&b, VECTOR_GET_FILE_INFO, VECTOR_SIZE(VECTOR_GET_FILE_INFO));

        assert_int_equal(ipc_request_decode(frame + 4, sizeof(frame) - 5, &r, &err), BDFS_OK);
        assert_int_equal(r.kind, IPC_CALL);
        assert_int_equal(r.call_id, 0);
        assert_int_equal(r.retry_count, 0);
        assert_int_equal(r.version, 1);
        assert_memory_equal(r.client_id, our_id, IPC_CLIENT_ID_BYTES);
        m = method_find(r.protocol.at, r.protocol.n, r.method.at, r.method.n);
        assert_non_null(m);
        assert_string_equal(m->name, "getFileInfo");
        decoded = message_unpack(m->request, r.body, r.body_n, &err);
        assert_non_null(decoded);
        assert_string_equal(decoded->src, "/x");
        message_free(decoded);
}

static void call_ids_are_zigzag_in_requests(void **state)
{
        static const int32_t ids[] = {0, 1, 63, 64, 1000000, INT32_MAX};
        Hadoop__GetFileInfoRequestProto body = HADOOP__GET_FILE_INFO_REQUEST_PROTO__INIT;

        (void)state;
        body.src = (char *)(uintptr_t)"/";
        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
                struct ipc_call call = {ids[i], 3, our_id, "p", "m", UINT64_MAX};
                struct ipc_request r;
                struct buf b;

                buf_init(&b, 0);
                ipc_request_encode(&b, &call, &body.base);
                assert_int_equal(request(b.data + 4, b.n - 4, &r), BDFS_OK);
                assert_int_equal(r.call_id, ids[i]);
                assert_int_equal(r.retry_count, 3);
                assert_true(r.version == UINT64_MAX);
                buf_fini(&b);
        }
}

static void call_ids_are_uint32_in_responses(void **state)
{
        static const int32_t ids[] = {0, 1, 127, 128, INT32_MAX, -1, -33, INT32_MIN};

        (void)state;
        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
                struct ipc_response r;
                struct buf b;

                buf_init(&b, 0);
                ipc_reply_bytes_encode(&b, ids[i], "ab", 2);
                assert_int_equal(response(b.data + 4, b.n - 4, &r), BDFS_OK);
                assert_int_equal(r.call_id, ids[i]);
                assert_int_equal(r.body_n, 2);
                assert_true(b.data[4] <= 10); /* never a varint of 10 bytes */
                buf_fini(&b);
        }
}

static void empty_reply_still_has_its_length_byte(void **state)
{
        Hadoop__GetFileInfoResponseProto empty = HADOOP__GET_FILE_INFO_RESPONSE_PROTO__INIT;
        struct ipc_response r;
        struct buf b;

        (void)state;
        buf_init(&b, 0);
        ipc_reply_encode(&b, 0, &empty.base);
        assert_bytes(&b, VECTOR_REPLY_EMPTY, VECTOR_SIZE(VECTOR_REPLY_EMPTY));
        ipc_reply_bytes_encode(&b, 0, NULL, 0);
        assert_bytes(&b, VECTOR_REPLY_EMPTY, VECTOR_SIZE(VECTOR_REPLY_EMPTY));

        assert_int_equal(response(VECTOR_BODY(VECTOR_REPLY_EMPTY), 8, &r), BDFS_OK);
        assert_int_equal(r.status, IPC_SUCCESS);
        assert_int_equal(r.body_n, 0);
        assert_int_equal(r.client_id_n, 0);
        assert_int_equal(response(VECTOR_BODY(VECTOR_REPLY_EMPTY), 7, &r), BDFS_PROTOCOL);
}

static void error_ends_with_its_header(void **state)
{
        static const uint8_t frame[] = VECTOR_REPLY_NOT_FOUND;
        struct bdfs_err err = {.status = BDFS_NOT_FOUND, .text = "x"};
        struct ipc_response r;
        struct buf b;

        (void)state;
        buf_init(&b, 0);
        ipc_error_encode(&b, 0, &err);
        assert_bytes(&b, VECTOR_REPLY_NOT_FOUND, VECTOR_SIZE(VECTOR_REPLY_NOT_FOUND));

        assert_int_equal(ipc_response_decode(frame + 4, sizeof(frame) - 5, &r, &err), BDFS_OK);
        assert_int_equal(r.status, IPC_ERROR);
        assert_int_equal(r.code, IPC_ERROR_APPLICATION);
        assert_int_equal(r.bdfs_status, 0);
        assert_int_equal(ipc_response_error(&r, &err), BDFS_NOT_FOUND);
        assert_string_equal(err.text, "x");
        assert_int_equal(response(VECTOR_BODY(VECTOR_REPLY_NOT_FOUND "\x00"),
                                  VECTOR_BODY_SIZE(VECTOR_REPLY_NOT_FOUND) + 1, &r),
                         BDFS_PROTOCOL);
}

static void sasl_success_has_the_bytes_that_java_expects(void **state)
{
        Hadoop__RpcSaslProto sasl = HADOOP__RPC_SASL_PROTO__INIT;
        struct ipc_response r;
        struct ipc_request q;
        struct buf b;

        (void)state;
        sasl.state = HADOOP__RPC_SASL_PROTO__SASL_STATE__SUCCESS;
        buf_init(&b, 0);
        ipc_sasl_reply_encode(&b, &sasl);
        assert_bytes(&b, VECTOR_SASL_SUCCESS, VECTOR_SIZE(VECTOR_SASL_SUCCESS));
        assert_int_equal(response(VECTOR_BODY(VECTOR_SASL_SUCCESS),
                                  VECTOR_BODY_SIZE(VECTOR_SASL_SUCCESS), &r),
                         BDFS_OK);
        assert_int_equal(r.call_id, IPC_ID_SASL);

        sasl.state = HADOOP__RPC_SASL_PROTO__SASL_STATE__NEGOTIATE;
        ipc_sasl_request_encode(&b, &sasl);
        assert_int_equal(request(b.data + 4, b.n - 4, &q), BDFS_OK);
        assert_int_equal(q.kind, IPC_SASL);
        assert_int_equal(q.client_id_n, 0);
        assert_int_equal(q.body_n, 2);
        buf_fini(&b);
}

static void ping_has_no_body(void **state)
{
        struct ipc_request r;
        struct buf b;

        (void)state;
        buf_init(&b, 0);
        ipc_ping_encode(&b, our_id);
        assert_int_equal(request(b.data + 4, b.n - 4, &r), BDFS_OK);
        assert_int_equal(r.kind, IPC_PING);
        assert_int_equal(r.call_id, IPC_ID_PING);
        buf_u8(&b, 0);
        assert_int_equal(request(b.data + 4, b.n - 4, &r), BDFS_PROTOCOL);
        buf_fini(&b);
}

static void exact_status_travels_only_where_the_class_would_lose_it(void **state)
{
        (void)state;
        for (int s = BDFS_OK + 1; s < BDFS_STATUS_COUNT; s++) {
                struct bdfs_err err = {.status = (enum bdfs_status)s, .text = "what and why"}, back;
                struct ipc_response r;
                struct buf b;

                buf_init(&b, 0);
                ipc_error_encode(&b, 9, &err);
                assert_false(b.bad);
                assert_int_equal(ipc_response_decode(b.data + 4, b.n - 4, &r, &back), BDFS_OK);
                assert_int_equal(r.bdfs_status, exception_is_exact(err.status) ? 0 : s);
                assert_int_equal(ipc_response_error(&r, &back), s);
                assert_string_equal(back.text, "what and why");
                buf_fini(&b);
        }
}

static void a_failure_with_a_class_of_its_own_carries_both(void **state)
{
        struct bdfs_err err, back;
        struct ipc_response r;
        struct buf b;

        (void)state;
        (void)bdfs_fail_class(&err, BDFS_NOT_FOUND, EXCEPTION_SNAPSHOT, "no snapshots");
        buf_init(&b, 0);
        ipc_error_encode(&b, 9, &err);
        assert_int_equal(ipc_response_decode(b.data + 4, b.n - 4, &r, &back), BDFS_OK);
        assert_int_equal(r.java_class.n, strlen(EXCEPTION_SNAPSHOT));
        assert_memory_equal(r.java_class.at, EXCEPTION_SNAPSHOT, r.java_class.n);
        assert_int_equal(r.bdfs_status, BDFS_NOT_FOUND);
        buf_reset(&b);
        (void)bdfs_fail_class(&err, BDFS_INVALID, EXCEPTION_NAME_TOO_LONG, "too long");
        ipc_error_encode(&b, 9, &err);
        assert_int_equal(ipc_response_decode(b.data + 4, b.n - 4, &r, &back), BDFS_OK);
        assert_int_equal(r.bdfs_status, 0); /* the class says it */
        assert_int_equal(ipc_response_error(&r, &back), BDFS_INVALID);
        buf_fini(&b);
}

static void exact_status_out_of_range_is_ignored(void **state)
{
        struct ipc_response r = {.status = IPC_ERROR, .bdfs_status = BDFS_STATUS_COUNT};
        struct bdfs_err err;

        (void)state;
        assert_int_equal(ipc_response_error(&r, &err), BDFS_FAILED);
        assert_string_equal(err.text, bdfs_status_text(BDFS_FAILED));
}

static void text_of_an_error_is_its_first_line_without_controls(void **state)
{
        static const char text[] = "file \x1b[2J gone\nat org.apache.hadoop";
        struct ipc_response r = {.status = IPC_FATAL, .text = {text, sizeof(text) - 1}};
        struct bdfs_err err;

        (void)state;
        assert_int_equal(ipc_response_error(&r, &err), BDFS_FAILED);
        assert_string_equal(err.text, "file  [2J gone");
}

static void error_text_is_sent_as_utf8(void **state)
{
        struct bdfs_err err = {.status = BDFS_EXISTS, .text = "/caf\xc3\xa9 /\xff /cut\xe2\x82"};
        struct ipc_response r;
        struct buf b;

        (void)state;
        buf_init(&b, 0);
        ipc_error_encode(&b, 0, &err);
        assert_int_equal(ipc_response_decode(b.data + 4, b.n - 4, &r, &err), BDFS_OK);
        assert_int_equal(ipc_response_error(&r, &err), BDFS_EXISTS);
        assert_string_equal(err.text, "/caf\xc3\xa9 /? /cut??");
        buf_fini(&b);
}

static void fatal_answers_say_class_text_and_code(void **state)
{
        struct ipc_response r;
        struct bdfs_err err;
        struct buf b;

        (void)state;
        buf_init(&b, 0);
        ipc_version_encode(&b);
        assert_int_equal(ipc_response_decode(b.data + 4, b.n - 4, &r, &err), BDFS_OK);
        assert_int_equal(r.status, IPC_FATAL);
        assert_int_equal(r.call_id, IPC_ID_REFUSED);
        assert_int_equal(r.code, IPC_FATAL_VERSION_MISMATCH);
        assert_memory_equal(r.java_class.at, EXCEPTION_VERSION_MISMATCH, r.java_class.n);
        buf_reset(&b);
        ipc_error_class_encode(&b, 4, EXCEPTION_ACL, "no");
        assert_int_equal(ipc_response_decode(b.data + 4, b.n - 4, &r, &err), BDFS_OK);
        assert_int_equal(r.status, IPC_ERROR);
        assert_int_equal(r.code, IPC_ERROR_APPLICATION);
        assert_int_equal(ipc_response_error(&r, &err), BDFS_INVALID);
        buf_fini(&b);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(hello_has_the_bytes_of_stock_clients),
                cmocka_unit_test(context_has_the_bytes_of_stock_clients),
                cmocka_unit_test(context_says_who_asks_and_for_whom),
                cmocka_unit_test(call_has_the_bytes_of_stock_clients),
                cmocka_unit_test(call_ids_are_zigzag_in_requests),
                cmocka_unit_test(call_ids_are_uint32_in_responses),
                cmocka_unit_test(empty_reply_still_has_its_length_byte),
                cmocka_unit_test(error_ends_with_its_header),
                cmocka_unit_test(sasl_success_has_the_bytes_that_java_expects),
                cmocka_unit_test(ping_has_no_body),
                cmocka_unit_test(exact_status_travels_only_where_the_class_would_lose_it),
                cmocka_unit_test(a_failure_with_a_class_of_its_own_carries_both),
                cmocka_unit_test(exact_status_out_of_range_is_ignored),
                cmocka_unit_test(text_of_an_error_is_its_first_line_without_controls),
                cmocka_unit_test(error_text_is_sent_as_utf8),
                cmocka_unit_test(fatal_answers_say_class_text_and_code),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
