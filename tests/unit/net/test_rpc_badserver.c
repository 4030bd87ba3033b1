/* The client against servers that answer wrongly, late, or not at all. */
#include <stdatomic.h>

#include "tests/unit/net/test_rpc_kit.h"

struct bad;
typedef void bad_script(struct bad *b, struct os_sock *s, unsigned nth);

struct bad {
        struct os_listener *listener;
        struct os_thread *thread;
        bad_script *script;
        struct os_addr at;
        atomic_uint accepted;
        struct rpc_client *client;
};

static void bad_run(void *arg)
{
        struct bad *b = arg;

        for (;;) {
                struct os_sock *s;
                struct os_peer peer;
                struct bdfs_err err;

                if (os_accept(b->listener, OS_FOREVER, &s, &peer, &err) != BDFS_OK)
                        return;
                b->script(b, s, atomic_fetch_add(&b->accepted, 1));
                os_sock_close(s);
        }
}

static void bad_start(struct bad *b, bad_script *script)
{
        struct bdfs_err err;

        memset(b, 0, sizeof(*b));
        b->script = script;
        b->at = (struct os_addr){.host = "127.0.0.1"};
        atomic_init(&b->accepted, 0);
        assert_int_equal(os_listen(&b->listener, &b->at, false, &err), BDFS_OK);
        b->at.port = os_listener_port(b->listener);
        assert_int_equal(os_thread_start(&b->thread, "bad", bad_run, b, &err), BDFS_OK);
        assert_int_equal(rpc_client_new(&b->client, &b->at, "root", &err), BDFS_OK);
}

static void bad_stop(struct bad *b)
{
        rpc_client_free(b->client);
        os_listener_shutdown(b->listener);
        os_thread_join(b->thread);
        os_listener_close(b->listener);
}

/* Read the hello, the context and one call; *ret_id is the call's. */
static bool read_frame(struct os_sock *s, struct buf *frame)
{
        uint8_t prefix[4];
        struct bdfs_err err;

        if (os_sock_read(s, prefix, 4, kit_soon(5000), &err) != BDFS_OK)
                return false;
        buf_reset(frame);
        return os_sock_read(s, buf_grow(frame, get_u32be(prefix)), get_u32be(prefix),
                            kit_soon(5000), &err) == BDFS_OK;
}

static bool read_call(struct os_sock *s, bool first, struct ipc_request *ret)
{
        struct buf frame;
        struct bdfs_err err;
        uint8_t hello[IPC_HELLO_BYTES];
        bool good = true;

        buf_init(&frame, 0);
        if (first)
                good = os_sock_read(s, hello, sizeof(hello), kit_soon(5000), &err) == BDFS_OK &&
                       read_frame(s, &frame);
        good = good && read_frame(s, &frame) &&
               ipc_request_decode(frame.data, frame.n, ret, &err) == BDFS_OK &&
               ret->kind == IPC_CALL;
        buf_fini(&frame);
        return good;
}

static void send_buf(struct os_sock *s, struct buf *b)
{
        struct bdfs_err err;

        (void)!os_sock_write(s, b->data, b->n, kit_soon(5000), &err);
        buf_fini(b);
}

static void reply_value(struct os_sock *s, int32_t id, uint64_t value)
{
        Hadoop__GetPreferredBlockSizeResponseProto r =
                HADOOP__GET_PREFERRED_BLOCK_SIZE_RESPONSE_PROTO__INIT;
        struct buf b;

        buf_init(&b, 0);
        r.bsize = value;
        ipc_reply_encode(&b, id, &r.base);
        send_buf(s, &b);
}

/* Holds the line until the client hangs up. */
static void wait_end(struct os_sock *s)
{
        uint8_t waste[64];
        struct bdfs_err err;
        size_t got = 1;

        while (got > 0 && os_sock_read_some(s, waste, sizeof(waste), &got, kit_soon(5000),
                                            &err) == BDFS_OK)
                continue;
}

static enum bdfs_status ask(struct bad *b, int64_t ms, uint64_t *ret_value, struct bdfs_err *err)
{
        memset(err, 0, sizeof(*err));
        return kit_ask(b->client, "x", ret_value, kit_soon(ms), err);
}

/* ---- scripts ------------------------------------------------------------------------------- */

static void hangs_up_first_three(struct bad *b, struct os_sock *s, unsigned nth)
{
        struct ipc_request r;

        (void)b;
        if (nth == 0 || !read_call(s, true, &r) || nth < 3)
                return;
        reply_value(s, r.call_id, (uint64_t)r.retry_count);
        wait_end(s);
}

static void a_server_that_hangs_up_is_asked_again(void **state)
{
        struct bdfs_err err;
        uint64_t retries = 0;
        struct bad b;

        (void)state;
        bad_start(&b, hangs_up_first_three);
        assert_int_equal(ask(&b, 10000, &retries, &err), BDFS_OK);
        assert_in_range(retries, 2, 3);
        assert_int_equal(atomic_load(&b.accepted), 4);
        bad_stop(&b);
}

static void hangs_up_always(struct bad *b, struct os_sock *s, unsigned nth)
{
        (void)b;
        (void)s;
        (void)nth;
}

static void a_server_that_always_hangs_up_is_not_hammered(void **state)
{
        struct bdfs_err err;
        uint64_t value = 0;
        struct bad b;

        (void)state;
        bad_start(&b, hangs_up_always);
        assert_int_equal(ask(&b, 1500, &value, &err), BDFS_TIMEOUT);
        assert_true(atomic_load(&b.accepted) >= 2);
        assert_true(atomic_load(&b.accepted) <= 8);
        bad_stop(&b);
}

static void never_answers(struct bad *b, struct os_sock *s, unsigned nth)
{
        (void)b;
        (void)nth;
        wait_end(s);
}

static void silence_is_a_timeout_in_time(void **state)
{
        struct bdfs_err err;
        uint64_t value = 0;
        int64_t began_ms;
        struct bad b;

        (void)state;
        bad_start(&b, never_answers);
        began_ms = os_mono_ms();
        assert_int_equal(ask(&b, 200, &value, &err), BDFS_TIMEOUT);
        assert_true(os_mono_ms() - began_ms >= 200);
        assert_true(os_mono_ms() - began_ms < 3000);
        assert_non_null(strstr(err.text, "127.0.0.1"));
        bad_stop(&b);
}

static void answers_others_first(struct bad *b, struct os_sock *s, unsigned nth)
{
        struct ipc_request r;

        (void)b;
        (void)nth;
        if (!read_call(s, true, &r))
                return;
        reply_value(s, r.call_id + 1000, 1);
        reply_value(s, IPC_ID_INVALID, 2);
        reply_value(s, r.call_id, 3);
        reply_value(s, r.call_id, 4);
        if (read_call(s, false, &r))
                reply_value(s, r.call_id, 5);
        wait_end(s);
}

static void answers_to_nobody_are_passed_over(void **state)
{
        struct bdfs_err err;
        uint64_t value = 0;
        struct bad b;

        (void)state;
        bad_start(&b, answers_others_first);
        assert_int_equal(ask(&b, 5000, &value, &err), BDFS_OK);
        assert_int_equal(value, 3);
        assert_int_equal(ask(&b, 5000, &value, &err), BDFS_OK);
        assert_int_equal(value, 5);
        bad_stop(&b);
}

static void sends_garbage(struct bad *b, struct os_sock *s, unsigned nth)
{
        static const struct {
                const char *bytes;
                size_t n;
        } garbage[] = {
                {"\xff\xff\xff\xff", 4},               /* a frame beyond every bound */
                {"\x08\x00\x00\x01", 4},               /* one byte beyond it */
                {"\0\0\0\0", 4},                       /* an empty frame */
                {"\0\0\0\3\xff\xff\xff", 7},           /* a header without end */
                {"HTTP/1.1 400 Bad Request\r\n", 26},  /* another protocol */
                {"\0\0\0\x08\x06\x08\0\x10\0\x18\x09\x05", 12}, /* a body that is not there */
        };
        struct bdfs_err err;
        struct ipc_request r;

        (void)b;
        if (!read_call(s, true, &r))
                return;
        (void)!os_sock_write(s, garbage[nth % 6].bytes, garbage[nth % 6].n, kit_soon(1000), &err);
        wait_end(s);
}

static void garbage_is_a_protocol_error_at_once(void **state)
{
        struct bdfs_err err;
        uint64_t value = 0;
        struct bad b;

        (void)state;
        bad_start(&b, sends_garbage);
        for (unsigned i = 0; i < 6; i++)
                assert_int_equal(ask(&b, 8000, &value, &err), BDFS_PROTOCOL);
        assert_int_equal(atomic_load(&b.accepted), 6);
        bad_stop(&b);
}

static void sends_a_wrong_message(struct bad *b, struct os_sock *s, unsigned nth)
{
        struct ipc_request r;
        struct buf out;

        (void)b;
        (void)nth;
        buf_init(&out, 0);
        if (!read_call(s, true, &r))
                return;
        ipc_reply_bytes_encode(&out, r.call_id, "\x0a\x01x", 3);
        send_buf(s, &out);
        if (read_call(s, false, &r))
                reply_value(s, r.call_id, 8);
        wait_end(s);
}

static void an_answer_of_another_type_fails_its_call_only(void **state)
{
        struct bdfs_err err;
        uint64_t value = 0;
        struct bad b;

        (void)state;
        bad_start(&b, sends_a_wrong_message);
        assert_int_equal(ask(&b, 5000, &value, &err), BDFS_PROTOCOL);
        assert_int_equal(ask(&b, 5000, &value, &err), BDFS_OK);
        assert_int_equal(value, 8);
        assert_int_equal(atomic_load(&b.accepted), 1);
        bad_stop(&b);
}

static void says_fatal(struct bad *b, struct os_sock *s, unsigned nth)
{
        struct ipc_request r;
        struct buf out;

        (void)b;
        buf_init(&out, 0);
        if (!read_call(s, true, &r))
                return;
        ipc_fatal_encode(&out, nth == 0 ? r.call_id : IPC_ID_REFUSED, IPC_FATAL_UNAUTHORIZED,
                         EXCEPTION_ACCESS_CONTROL, "you are not you");
        send_buf(s, &out);
        wait_end(s);
}

static void a_fatal_answer_is_final(void **state)
{
        struct bdfs_err err;
        uint64_t value = 0;
        struct bad b;

        (void)state;
        bad_start(&b, says_fatal);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(ask(&b, 5000, &value, &err), BDFS_PERMISSION);
                assert_non_null(strstr(err.text, "you are not you"));
        }
        assert_int_equal(atomic_load(&b.accepted), 2);
        bad_stop(&b);
}

static void answers_half(struct bad *b, struct os_sock *s, unsigned nth)
{
        struct ipc_request r;
        struct bdfs_err err;

        (void)b;
        if (!read_call(s, true, &r))
                return;
        if (nth == 0) {
                (void)!os_sock_write(s, "\0\0\0\x0a\x06\x08", 6, kit_soon(1000), &err);
                return;
        }
        reply_value(s, r.call_id, 11);
        wait_end(s);
}

static void half_an_answer_is_asked_for_again(void **state)
{
        struct bdfs_err err;
        uint64_t value = 0;
        struct bad b;

        (void)state;
        bad_start(&b, answers_half);
        assert_int_equal(ask(&b, 5000, &value, &err), BDFS_OK);
        assert_int_equal(value, 11);
        bad_stop(&b);
}

static void drips(struct bad *b, struct os_sock *s, unsigned nth)
{
        static const uint8_t answer[] = {0, 0, 0, 10, 6, 8, 0, 0x10, 0, 0x18, 9, 2, 8, 7};
        struct ipc_request r;
        struct bdfs_err err;

        (void)b;
        (void)nth;
        if (!read_call(s, true, &r))
                return;
        for (size_t i = 0; i < sizeof(answer); i++) {
                os_sleep_ms(10);
                (void)!os_sock_write(s, answer + i, 1, kit_soon(1000), &err);
        }
        wait_end(s);
}

static void an_answer_in_single_bytes_is_an_answer(void **state)
{
        struct bdfs_err err;
        uint64_t value = 0;
        struct bad b;

        (void)state;
        bad_start(&b, drips);
        assert_int_equal(ask(&b, 5000, &value, &err), BDFS_OK);
        assert_int_equal(value, 7);
        bad_stop(&b);
}

static void never_reads(struct bad *b, struct os_sock *s, unsigned nth)
{
        (void)b;
        (void)s;
        (void)nth;
        os_sleep_ms(1500);
}

static void a_server_that_does_not_read_cannot_hold_a_writer(void **state)
{
        Hadoop__GetLinkTargetRequestProto request = HADOOP__GET_LINK_TARGET_REQUEST_PROTO__INIT;
        size_t n = 32 << 20;
        ProtobufCMessage *answer = NULL;
        struct bdfs_err err;
        int64_t began_ms;
        struct bad b;

        (void)state;
        request.path = malloc(n + 1);
        memset(request.path, 'p', n);
        request.path[n] = '\0';
        bad_start(&b, never_reads);
        began_ms = os_mono_ms();
        assert_int_equal(rpc_client_call(b.client, method_of(METHOD_CLIENT_getLinkTarget),
                                         &request.base, &answer, kit_soon(300), &err),
                         BDFS_TIMEOUT);
        assert_true(os_mono_ms() - began_ms < 5000);
        free(request.path);
        bad_stop(&b);
}

static void a_request_beyond_a_frame_is_refused_here(void **state)
{
        Hadoop__GetLinkTargetRequestProto request = HADOOP__GET_LINK_TARGET_REQUEST_PROTO__INIT;
        size_t n = RPC_FRAME_BYTES_MAX;
        ProtobufCMessage *answer = NULL;
        struct bdfs_err err;
        struct bad b;

        (void)state;
        request.path = malloc(n + 1);
        memset(request.path, 'p', n);
        request.path[n] = '\0';
        bad_start(&b, never_answers);
        assert_int_equal(rpc_client_call(b.client, method_of(METHOD_CLIENT_getLinkTarget),
                                         &request.base, &answer, kit_soon(20000), &err),
                         BDFS_LIMIT);
        free(request.path);
        bad_stop(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_server_that_hangs_up_is_asked_again),
                cmocka_unit_test(a_server_that_always_hangs_up_is_not_hammered),
                cmocka_unit_test(silence_is_a_timeout_in_time),
                cmocka_unit_test(answers_to_nobody_are_passed_over),
                cmocka_unit_test(garbage_is_a_protocol_error_at_once),
                cmocka_unit_test(an_answer_of_another_type_fails_its_call_only),
                cmocka_unit_test(a_fatal_answer_is_final),
                cmocka_unit_test(half_an_answer_is_asked_for_again),
                cmocka_unit_test(an_answer_in_single_bytes_is_an_answer),
                cmocka_unit_test(a_server_that_does_not_read_cannot_hold_a_writer),
                cmocka_unit_test(a_request_beyond_a_frame_is_refused_here),
        };

        log_open("test_rpc", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
