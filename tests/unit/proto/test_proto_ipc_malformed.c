/* IPC framing against bytes that nobody should send. */
#include "tests/unit/proto/test_proto_ipc_kit.h"

static const uint8_t our_id[] = VECTOR_CLIENT_ID;

static void other_hellos_are_told_apart(void **state)
{
        static const struct {
                const char bytes[IPC_HELLO_BYTES + 1];
                enum ipc_hello want;
        } cases[] = {
                {"GET / H", IPC_HELLO_HTTP},
                {"hrpc\x08\x00\x00", IPC_HELLO_VERSION},
                {"hrpc\x0a\x00\xdf", IPC_HELLO_VERSION},
                {"hrpc\x09\x00\x01", IPC_HELLO_NONSENSE},
                {"hrpc\x09\x07\x00", IPC_HELLO_SIMPLE}, /* any service class will do */
                {"HRPC\x09\x00\x00", IPC_HELLO_NONSENSE},
                {"\x16\x03\x01\x02\x00\x01\x00", IPC_HELLO_NONSENSE},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(ipc_hello_decode((const uint8_t *)cases[i].bytes), cases[i].want);
        assert_true(strlen(ipc_http_answer) > 0);
}

static void frame_length_is_bounded_and_never_zero(void **state)
{
        struct bdfs_err err;
        size_t n = 7;

        (void)state;
        assert_int_equal(ipc_frame_length(VECTOR_BYTES("\0\0\0\0"), 100, &n, &err), BDFS_PROTOCOL);
        assert_int_equal(ipc_frame_length(VECTOR_BYTES("\0\0\0\x65"), 100, &n, &err),
                         BDFS_PROTOCOL);
        assert_int_equal(ipc_frame_length(VECTOR_BYTES("\xff\xff\xff\xff"), IPC_FRAME_BYTES_MAX, &n,
                                          &err),
                         BDFS_PROTOCOL);
        assert_int_equal(n, 7);
        assert_int_equal(ipc_frame_length(VECTOR_BYTES("\0\0\0\x64"), 100, &n, &err), BDFS_OK);
        assert_int_equal(n, 100);
}

static void frame_beyond_the_bound_is_not_made(void **state)
{
        uint8_t *big = calloc(1, IPC_FRAME_BYTES_MAX);
        struct buf b;

        (void)state;
        assert_non_null(big);
        buf_init(&b, 0);
        ipc_reply_bytes_encode(&b, 0, big, IPC_FRAME_BYTES_MAX);
        assert_true(b.bad);
        buf_fini(&b);
        buf_init(&b, 8);
        ipc_reply_bytes_encode(&b, 0, big, 100);
        assert_true(b.bad);
        buf_fini(&b);
        free(big);
}

static void every_truncation_of_a_request_is_refused(void **state)
{
        struct ipc_request r;

        (void)state;
        for (size_t n = 0; n < VECTOR_BODY_SIZE(VECTOR_GET_FILE_INFO); n++) {
                assert_int_equal(request(VECTOR_BODY(VECTOR_GET_FILE_INFO), n, &r), BDFS_PROTOCOL);
                assert_int_equal(r.refusal, n < 0x1b ? IPC_FATAL_INVALID_RPC_HEADER
                                                     : IPC_FATAL_DESERIALIZING_REQUEST);
                assert_int_equal(r.call_id, n < 0x1b ? IPC_ID_INVALID : 0);
        }
        for (size_t n = 0; n < VECTOR_BODY_SIZE(VECTOR_CONTEXT); n++)
                assert_int_equal(request(VECTOR_BODY(VECTOR_CONTEXT), n, &r), BDFS_PROTOCOL);
}

static void every_truncation_of_a_response_is_refused(void **state)
{
        struct ipc_response r;

        (void)state;
        for (size_t n = 0; n < VECTOR_BODY_SIZE(VECTOR_REPLY_EMPTY); n++)
                assert_int_equal(response(VECTOR_BODY(VECTOR_REPLY_EMPTY), n, &r), BDFS_PROTOCOL);
        for (size_t n = 0; n < VECTOR_BODY_SIZE(VECTOR_REPLY_NOT_FOUND); n++)
                assert_int_equal(response(VECTOR_BODY(VECTOR_REPLY_NOT_FOUND), n, &r),
                                 BDFS_PROTOCOL);
        for (size_t n = 0; n < VECTOR_BODY_SIZE(VECTOR_SASL_SUCCESS); n++)
                assert_int_equal(response(VECTOR_BODY(VECTOR_SASL_SUCCESS), n, &r), BDFS_PROTOCOL);
}

static void bytes_behind_the_message_are_refused(void **state)
{
        static const char q[] = VECTOR_GET_FILE_INFO "\x00";
        static const char a[] = VECTOR_REPLY_EMPTY "\x00";
        struct ipc_response answer;
        struct ipc_request r;

        (void)state;
        assert_int_equal(request(q + 4, sizeof(q) - 5, &r), BDFS_PROTOCOL);
        assert_int_equal(response(a + 4, sizeof(a) - 5, &answer), BDFS_PROTOCOL);
}

#define ID "\x22\x10" VECTOR_CLIENT_ID

static void malformed_headers_are_refused_as_such(void **state)
{
        static const struct {
                const char *what;
                const char *bytes;
                size_t n;
        } cases[] = {
#define CASE(what, literal) {what, literal, sizeof(literal) - 1}
                CASE("no kind", "\x18\x10\x00\x18\x00" ID "\x28\x00"),
                CASE("kind 1", "\x1a\x08\x01\x10\x00\x18\x00" ID "\x28\x00"),
                CASE("no operation", "\x18\x08\x02\x18\x00" ID "\x28\x00"),
                CASE("operation 2", "\x1a\x08\x02\x10\x02\x18\x00" ID "\x28\x00"),
                CASE("no call id", "\x18\x08\x02\x10\x00" ID "\x28\x00"),
                CASE("no client id", "\x08\x08\x02\x10\x00\x18\x00\x28\x00"),
                CASE("client id of 1 byte", "\x0b\x08\x02\x10\x00\x18\x00\x22\x01\x61\x28\x00"),
                CASE("call id -2", "\x1a\x08\x02\x10\x00\x18\x03" ID "\x28\x00"),
                CASE("call id -1", "\x1a\x08\x02\x10\x00\x18\x01" ID "\x28\x00"),
                CASE("call id of 33 bits",
                     "\x1e\x08\x02\x10\x00\x18\x80\x80\x80\x80\x10" ID "\x28\x00"),
                CASE("call id of 10 bytes", "\x23\x08\x02\x10\x00"
                                            "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" ID
                                            "\x28\x00"),
                CASE("call id of 11 bytes", "\x24\x08\x02\x10\x00"
                                            "\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00" ID
                                            "\x28\x00"),
                CASE("call id as bytes", "\x1a\x08\x02\x10\x00\x1a\x00" ID "\x28\x00"),
                CASE("client id as a number", "\x0a\x08\x02\x10\x00\x18\x00\x20\x00\x28\x00"),
                CASE("a group", "\x1b\x08\x02\x10\x00\x18\x00" ID "\x33"),
                CASE("field 0", "\x1c\x08\x02\x10\x00\x18\x00" ID "\x28\x00\x00\x00"),
                CASE("header longer than the frame", "\x7f\x08\x02\x10\x00\x18\x00" ID "\x28\x00"),
                CASE("header of 2^63 bytes", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x08\x02"),
#undef CASE
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct ipc_request r;

                if (request(cases[i].bytes, cases[i].n, &r) == BDFS_OK)
                        fail_msg("%s was accepted", cases[i].what);
                assert_int_equal(r.refusal, IPC_FATAL_INVALID_RPC_HEADER);
        }
}

static void unknown_header_fields_are_skipped(void **state)
{
        /* trace, caller context, state id, router state, and two that do not exist yet */
        static const char frame[] = "\x36\x08\x02\x10\x00\x18\x02" ID "\x28\x00"
                                    "\x32\x02\x08\x01\x3a\x03\x0a\x01j\x40\x00\x4a\x01z"
                                    "\x55\x01\x02\x03\x04"
                                    "\x59\x01\x02\x03\x04\x05\x06\x07\x08"
                                    "\x0a\x0a\x01m\x12\x01p\x18\x01\x20\x05\x00";
        struct ipc_request r;

        (void)state;
        assert_int_equal(request(frame, sizeof(frame) - 1, &r), BDFS_OK);
        assert_int_equal(r.call_id, 1);
        assert_int_equal(r.client_id_n, IPC_CLIENT_ID_BYTES);
}

static void request_headers_need_all_three_fields(void **state)
{
        static const struct {
                const char *bytes;
                size_t n;
                bool right;
        } cases[] = {
#define CASE(literal, right) {literal, sizeof(literal) - 1, right}
                CASE("\x08\x0a\x01m\x12\x01p\x18\x01\x00", true),
                CASE("\x0a\x0a\x01m\x12\x01p\x18\x01\x20\x05\x00", true), /* an unknown field */
                CASE("\x05\x12\x01p\x18\x01\x00", false),
                CASE("\x05\x0a\x01m\x18\x01\x00", false),
                CASE("\x06\x0a\x01m\x12\x01p\x00", false),
                CASE("\x07\x0a\x00\x12\x01p\x18\x01\x00", false),
                CASE("\x08\x0a\x01m\x12\x01p\x1a\x00\x00", false),
                CASE("\x08\x0a\x01m\x12\x01p\x18\x01\x01", false), /* body cut */
                CASE("\x08\x0a\x01m\x12\x01p\x18\x01", false),     /* body missing */
#undef CASE
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                static const char header[] = "\x1a\x08\x02\x10\x00\x18\x02" ID "\x28\x00";
                struct ipc_request r;
                struct buf b;

                buf_init(&b, 0);
                buf_add(&b, header, sizeof(header) - 1);
                buf_add(&b, cases[i].bytes, cases[i].n);
                assert_int_equal(request(b.data, b.n, &r),
                                 cases[i].right ? BDFS_OK : BDFS_PROTOCOL);
                assert_int_equal(r.refusal, cases[i].right ? IPC_ERROR_NONE
                                                           : IPC_FATAL_DESERIALIZING_REQUEST);
                assert_int_equal(r.call_id, 1);
                buf_fini(&b);
        }
}

static void malformed_response_headers_are_refused(void **state)
{
        static const struct {
                const char *bytes;
                size_t n;
        } cases[] = {
#define CASE(literal) {literal, sizeof(literal) - 1}
                CASE("\x02\x10\x00\x00"),                 /* no call id */
                CASE("\x02\x08\x00\x00"),                 /* no status */
                CASE("\x04\x08\x00\x10\x03\x00"),         /* status 3 */
                CASE("\x07\x08\x00\x10\x00\x3a\x01\x61\x00"), /* client id of 1 byte */
                CASE("\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x00\x00"),
                CASE("\x05\x0a\x01\x61\x10\x00\x00"), /* call id as bytes */
                CASE("\x06\x08\x00\x10\x01\x20\x01"), /* class as a number */
#undef CASE
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct ipc_response r;

                assert_int_equal(response(cases[i].bytes, cases[i].n, &r), BDFS_PROTOCOL);
        }
}

static void response_of_a_java_server_is_read(void **state)
{
        static const char frame[] = "\x22\x08\x05\x10\x00\x18\x09"
                                    "\x3a\x10" VECTOR_CLIENT_ID "\x40\x00"
                                    "\x48\x80\x80\x80\x80\x08\x52\x00"
                                    "\x03\x0a\x01z";
        struct ipc_response r;

        (void)state;
        assert_int_equal(response(frame, sizeof(frame) - 1, &r), BDFS_OK);
        assert_int_equal(r.call_id, 5);
        assert_int_equal(r.retry_count, 0);
        assert_int_equal(r.client_id_n, IPC_CLIENT_ID_BYTES);
        assert_memory_equal(r.client_id, our_id, IPC_CLIENT_ID_BYTES);
        assert_int_equal(r.body_n, 3);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(other_hellos_are_told_apart),
                cmocka_unit_test(frame_length_is_bounded_and_never_zero),
                cmocka_unit_test(frame_beyond_the_bound_is_not_made),
                cmocka_unit_test(every_truncation_of_a_request_is_refused),
                cmocka_unit_test(every_truncation_of_a_response_is_refused),
                cmocka_unit_test(bytes_behind_the_message_are_refused),
                cmocka_unit_test(malformed_headers_are_refused_as_such),
                cmocka_unit_test(unknown_header_fields_are_skipped),
                cmocka_unit_test(request_headers_need_all_three_fields),
                cmocka_unit_test(malformed_response_headers_are_refused),
                cmocka_unit_test(response_of_a_java_server_is_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
