#include "tests/unit/net/test_rpc_wire.h"

/* ---- handshakes ---------------------------------------------------------------------------- */

static void everything_in_one_segment_is_answered_in_order(void **state)
{
        uint8_t hello[IPC_HELLO_BYTES];
        struct wire w;

        (void)state;
        wire_init(&w);
        wire_start(&w);
        ipc_hello_encode(hello, false);
        buf_add(&w.out, hello, sizeof(hello));
        raw_add_context(&w.out, w.kit.user);
        for (int32_t i = 0; i < 100; i++) {
                char script[16];

                (void)snprintf(script, sizeof(script), "now:%d", i);
                raw_add_call(&w.out, i, script);
        }
        raw_send_buf(w.s, &w.out);
        for (int32_t i = 0; i < 100; i++)
                wants_value(&w, i, (uint64_t)i);
        wire_fini(&w);
}

static void byte_by_byte_is_answered_too(void **state)
{
        struct wire w;

        (void)state;
        wire_open(&w);
        raw_add_call(&w.out, 5, "now:55");
        for (size_t i = 0; i < w.out.n; i++)
                raw_send(w.s, w.out.data + i, 1);
        wants_value(&w, 5, 55);
        wire_fini(&w);
}

static void an_answer_on_the_wire_is_exactly_the_documented_bytes(void **state)
{
        static const uint8_t want[] = {0, 0, 0, 10, 6, 8, 0, 0x10, 0, 0x18, 9, 2, 8, 7};
        uint8_t got[sizeof(want)];
        struct wire w;

        (void)state;
        wire_open(&w);
        raw_add_call(&w.out, 0, "now:7");
        raw_send_buf(w.s, &w.out);
        assert_int_equal(os_sock_read(w.s, got, sizeof(got), kit_soon(5000), &w.err), BDFS_OK);
        assert_memory_equal(got, want, sizeof(want));
        assert_false(os_sock_wait_readable(w.s, kit_soon(50)));
        wire_fini(&w);
}

static void add_sasl(struct buf *b, Hadoop__RpcSaslProto__SaslState sasl_state)
{
        Hadoop__RpcSaslProto sasl = HADOOP__RPC_SASL_PROTO__INIT;

        sasl.state = sasl_state;
        ipc_sasl_request_encode(b, &sasl);
}

static void sasl_is_answered_with_success_and_goes_on_as_simple(void **state)
{
        static const uint8_t want[] = {0,    0,    0,    0x0E, 0x0A, 8,    0xDF, 0xFF, 0xFF,
                                       0xFF, 0x0F, 0x10, 0,    0x18, 9,    2,    0x10, 0};
        uint8_t got[sizeof(want)];
        struct wire w;

        (void)state;
        wire_init(&w);
        wire_start(&w);
        raw_hello(w.s, true);
        add_sasl(&w.out, HADOOP__RPC_SASL_PROTO__SASL_STATE__NEGOTIATE);
        raw_send_buf(w.s, &w.out);
        assert_int_equal(os_sock_read(w.s, got, sizeof(got), kit_soon(5000), &w.err), BDFS_OK);
        assert_memory_equal(got, want, sizeof(want));
        raw_add_context(&w.out, w.kit.user);
        wants_alive(&w);
        wire_fini(&w);
}

static void other_sasl_steps_are_refused(void **state)
{
        struct wire w;

        (void)state;
        wire_init(&w);
        wire_start(&w);
        raw_hello(w.s, true);
        add_sasl(&w.out, HADOOP__RPC_SASL_PROTO__SASL_STATE__INITIATE);
        raw_send_buf(w.s, &w.out);
        wants_refusal(&w, IPC_FATAL, IPC_ID_SASL, IPC_FATAL_UNAUTHORIZED,
                       EXCEPTION_ACCESS_CONTROL);
        raw_wants_end(w.s, 5000);
        os_sock_close(w.s);
        w.s = raw_connect(&w.kit);
        raw_hello(w.s, false);
        add_sasl(&w.out, HADOOP__RPC_SASL_PROTO__SASL_STATE__NEGOTIATE);
        raw_send_buf(w.s, &w.out);
        wants_refusal(&w, IPC_FATAL, IPC_ID_SASL, IPC_FATAL_INVALID_RPC_HEADER,
                       SERVER_EXCEPTION);
        raw_wants_end(w.s, 5000);
        wire_fini(&w);
}

static void another_version_gets_a_version_mismatch(void **state)
{
        static const uint8_t hello[] = {'h', 'r', 'p', 'c', 8, 0, 0};
        struct wire w;

        (void)state;
        wire_init(&w);
        wire_start(&w);
        raw_send(w.s, hello, sizeof(hello));
        wants_refusal(&w, IPC_FATAL, IPC_ID_REFUSED, IPC_FATAL_VERSION_MISMATCH,
                       EXCEPTION_VERSION_MISMATCH);
        raw_wants_end(w.s, 5000);
        wire_fini(&w);
}

static void a_browser_gets_a_short_text(void **state)
{
        static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        char answer[512] = {0};
        size_t n = 0;
        struct wire w;

        (void)state;
        wire_init(&w);
        wire_start(&w);
        raw_send(w.s, request, sizeof(request) - 1);
        for (;;) {
                size_t got = 0;

                assert_int_equal(os_sock_read_some(w.s, answer + n, sizeof(answer) - 1 - n, &got,
                                                   kit_soon(5000), &w.err), BDFS_OK);
                if (got == 0)
                        break;
                n += got;
        }
        assert_memory_equal(answer, "HTTP/1.", 7);
        assert_non_null(strstr(answer, "\r\n\r\n"));
        wire_fini(&w);
}

static void nonsense_is_closed_without_a_word(void **state)
{
        struct wire w;

        (void)state;
        wire_init(&w);
        wire_start(&w);
        raw_send(w.s, "SSH-2.0-x\r\n", 11);
        raw_wants_end(w.s, 5000);
        wire_fini(&w);
}

static void a_call_without_context_is_fatal_under_its_own_id(void **state)
{
        struct wire w;

        (void)state;
        wire_init(&w);
        wire_start(&w);
        raw_hello(w.s, false);
        raw_add_call(&w.out, 12, "now:1");
        raw_send_buf(w.s, &w.out);
        wants_refusal(&w, IPC_FATAL, 12, IPC_FATAL_INVALID_RPC_HEADER, SERVER_EXCEPTION);
        raw_wants_end(w.s, 5000);
        assert_int_equal(kit_calls(&w.kit), 0);
        wire_fini(&w);
}

static void a_second_context_is_fatal(void **state)
{
        struct wire w;

        (void)state;
        wire_open(&w);
        wants_alive(&w);
        raw_add_context(&w.out, w.kit.user);
        raw_send_buf(w.s, &w.out);
        wants_refusal(&w, IPC_FATAL, IPC_ID_CONTEXT, IPC_FATAL_INVALID_RPC_HEADER,
                       SERVER_EXCEPTION);
        raw_wants_end(w.s, 5000);
        wire_fini(&w);
}

static void pings_are_not_answered(void **state)
{
        struct wire w;

        (void)state;
        wire_open(&w);
        for (unsigned i = 0; i < 10; i++)
                ipc_ping_encode(&w.out, raw_client_id);
        wants_alive(&w);
        ipc_ping_encode(&w.out, raw_client_id);
        raw_send_buf(w.s, &w.out);
        assert_false(os_sock_wait_readable(w.s, kit_soon(50)));
        wants_alive(&w);
        wire_fini(&w);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void add_odd_call(struct buf *b, int32_t id, const char *protocol, const char *method,
                         uint64_t version)
{
        Hadoop__GetPreferredBlockSizeRequestProto request =
                HADOOP__GET_PREFERRED_BLOCK_SIZE_REQUEST_PROTO__INIT;
        struct ipc_call call = {.call_id = id,
                                .client_id = raw_client_id,
                                .protocol = protocol,
                                .method = method,
                                .version = version};
        char name[] = "now:1";

        request.filename = name;
        ipc_request_encode(b, &call, &request.base);
}

static void unknown_names_are_errors_and_the_connection_lives(void **state)
{
        struct wire w;

        (void)state;
        wire_open(&w);
        add_odd_call(&w.out, 1, "org.example.NoProtocol", "getPreferredBlockSize", 1);
        raw_send_buf(w.s, &w.out);
        wants_refusal(&w, IPC_ERROR, 1, IPC_ERROR_NO_SUCH_PROTOCOL,
                       "org.apache.hadoop.ipc.RpcNoSuchProtocolException");
        wants_alive(&w);
        add_odd_call(&w.out, 2, "org.apache.hadoop.hdfs.protocol.ClientDatanodeProtocol",
                     "getReplicaVisibleLength", 1);
        raw_send_buf(w.s, &w.out);
        wants_refusal(&w, IPC_ERROR, 2, IPC_ERROR_NO_SUCH_PROTOCOL,
                       "org.apache.hadoop.ipc.RpcNoSuchProtocolException");
        add_odd_call(&w.out, 3, CLIENT_PROTOCOL, "noSuchMethod", 1);
        raw_send_buf(w.s, &w.out);
        wants_refusal(&w, IPC_ERROR, 3, IPC_ERROR_NO_SUCH_METHOD,
                       "org.apache.hadoop.ipc.RpcNoSuchMethodException");
        wants_alive(&w);
        add_odd_call(&w.out, 4, CLIENT_PROTOCOL, "getPreferredBlockSize", 2);
        raw_send_buf(w.s, &w.out);
        wire_read(&w);
        assert_int_equal(w.r.status, IPC_ERROR);
        assert_true(text_is(w.r.java_class, EXCEPTION_VERSION_MISMATCH));
        wants_alive(&w);
        wire_fini(&w);
}

static void frames_larger_than_allowed_are_fatal_even_with_bytes_behind_them(void **state)
{
        static uint8_t junk[1 << 20];
        uint8_t prefix[4];
        struct wire w;

        (void)state;
        wire_open(&w);
        wants_alive(&w);
        put_u32be(prefix, (uint32_t)RPC_REQUEST_BYTES_MAX + 1);
        raw_send(w.s, prefix, sizeof(prefix));
        raw_send(w.s, junk, sizeof(junk));
        wants_refusal(&w, IPC_FATAL, IPC_ID_INVALID, IPC_FATAL_INVALID_RPC_HEADER,
                       SERVER_EXCEPTION);
        raw_wants_end(w.s, 5000);
        os_sock_close(w.s);
        w.s = raw_connect(&w.kit);
        raw_hello(w.s, false);
        put_u32be(prefix, 0);
        raw_send(w.s, prefix, sizeof(prefix));
        wants_refusal(&w, IPC_FATAL, IPC_ID_INVALID, IPC_FATAL_INVALID_RPC_HEADER,
                       SERVER_EXCEPTION);
        wire_fini(&w);
}

static void a_frame_of_the_largest_size_passes(void **state)
{
        Hadoop__GetPreferredBlockSizeRequestProto request =
                HADOOP__GET_PREFERRED_BLOCK_SIZE_REQUEST_PROTO__INIT;
        struct ipc_call call = {.call_id = 1,
                                .client_id = raw_client_id,
                                .protocol = CLIENT_PROTOCOL,
                                .method = "getPreferredBlockSize",
                                .version = 1};
        size_t n = RPC_REQUEST_BYTES_MAX - 200;
        char *name = malloc(n + 1);
        struct wire w;

        (void)state;
        memset(name, 'y', n);
        name[n] = '\0';
        request.filename = name;
        wire_open(&w);
        ipc_request_encode(&w.out, &call, &request.base);
        raw_send_buf(w.s, &w.out);
        wire_read(&w);
        assert_int_equal(w.r.status, IPC_ERROR);
        wants_alive(&w);
        free(name);
        wire_fini(&w);
}

static void undecodable_requests_are_fatal(void **state)
{
        struct wire w;

        (void)state;
        wire_open(&w);
        raw_add_call(&w.out, 9, "now:1");
        w.out.data[w.out.n - 7] = 0x0B; /* field 1 as a group */
        raw_send_buf(w.s, &w.out);
        wants_refusal(&w, IPC_FATAL, 9, IPC_FATAL_DESERIALIZING_REQUEST, SERVER_EXCEPTION);
        raw_wants_end(w.s, 5000);
        os_sock_close(w.s);
        w.s = raw_connect(&w.kit);
        raw_hello(w.s, false);
        raw_send(w.s, "\0\0\0\5\xff\xff\xff\xff\xff", 9);
        wire_read(&w);
        assert_int_equal(w.r.status, IPC_FATAL);
        assert_int_equal(w.r.call_id, IPC_ID_INVALID);
        raw_wants_end(w.s, 5000);
        assert_int_equal(kit_calls(&w.kit), 0);
        wire_fini(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(everything_in_one_segment_is_answered_in_order),
                cmocka_unit_test(byte_by_byte_is_answered_too),
                cmocka_unit_test(an_answer_on_the_wire_is_exactly_the_documented_bytes),
                cmocka_unit_test(sasl_is_answered_with_success_and_goes_on_as_simple),
                cmocka_unit_test(other_sasl_steps_are_refused),
                cmocka_unit_test(another_version_gets_a_version_mismatch),
                cmocka_unit_test(a_browser_gets_a_short_text),
                cmocka_unit_test(nonsense_is_closed_without_a_word),
                cmocka_unit_test(a_call_without_context_is_fatal_under_its_own_id),
                cmocka_unit_test(a_second_context_is_fatal),
                cmocka_unit_test(pings_are_not_answered),
                cmocka_unit_test(unknown_names_are_errors_and_the_connection_lives),
                cmocka_unit_test(
                        frames_larger_than_allowed_are_fatal_even_with_bytes_behind_them),
                cmocka_unit_test(a_frame_of_the_largest_size_passes),
                cmocka_unit_test(undecodable_requests_are_fatal),
        };

        log_open("test_rpc", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
