#include <sys/wait.h>

#include "tests/unit/test_rpc_kit.h"

#define CLIENT_PROTOCOL "org.apache.hadoop.hdfs.protocol.ClientProtocol"
#define SERVER_EXCEPTION "org.apache.hadoop.ipc.RpcServerException"

struct wire {
        struct kit kit;
        struct os_sock *s;
        struct buf out, in;
        struct ipc_response r;
        struct bdfs_err err;
};

static void wire_init(struct wire *w)
{
        memset(w, 0, sizeof(*w));
        kit_init(&w->kit);
        buf_init(&w->out, 0);
        buf_init(&w->in, 0);
}

static void wire_start(struct wire *w)
{
        kit_start(&w->kit);
        w->s = raw_connect(&w->kit);
}

static void wire_fini(struct wire *w)
{
        os_sock_close(w->s);
        buf_fini(&w->out);
        buf_fini(&w->in);
        kit_fini(&w->kit);
}

/* Hello and context are on their way. */
static void wire_open(struct wire *w)
{
        wire_init(w);
        wire_start(w);
        raw_hello(w->s, false);
        raw_add_context(&w->out, w->kit.user);
}

static void wire_read(struct wire *w)
{
        enum bdfs_status status = raw_read(w->s, &w->in, &w->r, 5000, &w->err);

        if (status != BDFS_OK)
                fail_msg("%s", w->err.text);
}

static void wants_value(struct wire *w, int32_t id, uint64_t value)
{
        wire_read(w);
        assert_int_equal(w->r.call_id, id);
        assert_int_equal(raw_value(&w->r), value);
}

static void wants_refusal(struct wire *w, enum ipc_status status, int32_t id,
                           enum ipc_error_code code, const char *java_class)
{
        wire_read(w);
        assert_int_equal(w->r.status, status);
        assert_int_equal(w->r.call_id, id);
        assert_int_equal(w->r.code, code);
        if (!text_is(w->r.java_class, java_class))
                fail_msg("class %.*s", (int)w->r.java_class.n, w->r.java_class.at);
        assert_true(w->r.text.n > 0);
}

/* The connection still serves. */
static void wants_alive(struct wire *w)
{
        raw_add_call(&w->out, 77, "now:123");
        raw_send_buf(w->s, &w->out);
        wants_value(w, 77, 123);
}

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
        assert_int_equal(w.kit.calls_n, 0);
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
        assert_int_equal(w.kit.calls_n, 0);
        wire_fini(&w);
}

/* ---- who is asking ------------------------------------------------------------------------- */

static void root_may_claim_any_name(void **state)
{
        struct wire w;

        (void)state;
        if (os_own_uid() != 0) {
                print_message("skipped: needs root\n");
                skip();
        }
        wire_init(&w);
        wire_start(&w);
        raw_hello(w.s, false);
        raw_add_context(&w.out, "carol");
        wants_alive(&w);
        assert_string_equal(w.kit.last_user, "carol");
        wire_fini(&w);
}

static void claimed_names_are_ignored_where_configured(void **state)
{
        struct wire w;

        (void)state;
        wire_init(&w);
        w.kit.config.ignore_claimed_user = true;
        wire_start(&w);
        raw_hello(w.s, false);
        raw_add_context(&w.out, "blk_1073741825_1001");
        wants_alive(&w);
        assert_string_equal(w.kit.last_user, w.kit.user);
        wire_fini(&w);
}

/* In a child with another uid: claim @user; exit code 0 when refused as it should be, 1 when
 * served, 2 otherwise. */
static int claim_in_child(const struct kit *kit, const char *user, bool with_call)
{
        struct os_addr at = kit_addr(kit);
        struct os_sock *s = NULL;
        struct ipc_response r;
        struct bdfs_err err;
        uint8_t hello[IPC_HELLO_BYTES];
        struct buf out, in;

        buf_init(&out, 0);
        buf_init(&in, 0);
        if (os_connect(&s, &at, kit_soon(5000), &err) != BDFS_OK)
                return 2;
        ipc_hello_encode(hello, false);
        buf_add(&out, hello, sizeof(hello));
        raw_add_context(&out, user);
        if (with_call)
                raw_add_call(&out, 31, "now:1");
        if (os_sock_write(s, out.data, out.n, kit_soon(5000), &err) != BDFS_OK ||
            raw_read(s, &in, &r, 5000, &err) != BDFS_OK)
                return 2;
        if (r.status == IPC_SUCCESS)
                return 1;
        if (r.status != IPC_FATAL || r.code != IPC_FATAL_UNAUTHORIZED ||
            !text_is(r.java_class, EXCEPTION_ACCESS_CONTROL) ||
            r.call_id != (with_call ? 31 : IPC_ID_REFUSED))
                return 2;
        return 0;
}

static void others_claim_and_vanish(const struct kit *kit)
{
        struct os_addr at = kit_addr(kit);
        uint8_t hello[IPC_HELLO_BYTES];
        struct bdfs_err err;
        struct buf out;

        buf_init(&out, 0);
        ipc_hello_encode(hello, false);
        buf_add(&out, hello, sizeof(hello));
        raw_add_context(&out, "root");
        raw_add_call(&out, 1, "now:1");
        for (unsigned i = 0; i < 100; i++) {
                struct os_sock *s = NULL;

                if (os_connect(&s, &at, kit_soon(5000), &err) != BDFS_OK ||
                    os_sock_write(s, out.data, out.n, kit_soon(5000), &err) != BDFS_OK)
                        break;
                os_sock_close(s);
        }
        buf_fini(&out);
}

static int run_as_nobody(const struct kit *kit, const char *user, bool with_call, bool vanish)
{
        int status = -1;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                if (setgid(65534) != 0 || setuid(65534) != 0)
                        _exit(3);
                if (vanish)
                        others_claim_and_vanish(kit);
                else
                        _exit(claim_in_child(kit, user, with_call));
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void another_user_cannot_claim_a_name(void **state)
{
        char nobody[OS_NAME_BYTES];
        struct wire w;

        (void)state;
        wire_init(&w);
        if (os_own_uid() != 0 || os_user_name(65534, nobody, &w.err) != BDFS_OK) {
                print_message("skipped: needs root and a user with uid 65534\n");
                wire_fini(&w);
                skip();
        }
        wire_start(&w);
        assert_int_equal(run_as_nobody(&w.kit, "root", true, false), 0);
        assert_int_equal(run_as_nobody(&w.kit, "root", false, false), 0);
        assert_int_equal(run_as_nobody(&w.kit, "alice", true, false), 0);
        assert_int_equal(w.kit.calls_n, 0);
        assert_int_equal(run_as_nobody(&w.kit, "", true, true), 0);
        os_sleep_ms(200);
        assert_int_equal(w.kit.calls_n, 0);
        assert_int_equal(run_as_nobody(&w.kit, nobody, true, false), 1);
        assert_string_equal(w.kit.last_user, nobody);
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
                cmocka_unit_test(root_may_claim_any_name),
                cmocka_unit_test(claimed_names_are_ignored_where_configured),
                cmocka_unit_test(another_user_cannot_claim_a_name),
        };

        log_open("test_rpc", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
