#include "tests/unit/net/test_rpc_kit.h"

struct peer {
        struct os_sock *s;
        struct buf out, in;
        struct ipc_response r;
        struct bdfs_err err;
};

static void peer_connect(struct peer *p, const struct kit *kit)
{
        memset(p, 0, sizeof(*p));
        buf_init(&p->out, 0);
        buf_init(&p->in, 0);
        p->s = raw_connect(kit);
}

static void peer_open(struct peer *p, const struct kit *kit)
{
        peer_connect(p, kit);
        raw_hello(p->s, false);
        raw_add_context(&p->out, kit->user);
        raw_send_buf(p->s, &p->out);
}

static void peer_close(struct peer *p)
{
        os_sock_close(p->s);
        buf_fini(&p->out);
        buf_fini(&p->in);
}

static void peer_ask(struct peer *p, int32_t id, const char *script)
{
        raw_add_call(&p->out, id, script);
        raw_send_buf(p->s, &p->out);
}

static void peer_wants(struct peer *p, int32_t id, uint64_t value)
{
        if (raw_read(p->s, &p->in, &p->r, 10000, &p->err) != BDFS_OK)
                fail_msg("%s", p->err.text);
        assert_int_equal(p->r.call_id, id);
        assert_int_equal(raw_value(&p->r), value);
}

static size_t held_now(struct kit *kit)
{
        AUTO_LOCK(&kit->lock);
        return kit->held_n;
}

/* ---- deadlines ----------------------------------------------------------------------------- */

static int64_t lives_for(struct peer *p)
{
        int64_t began_ms = os_mono_ms();

        raw_wants_end(p->s, 8000);
        return os_mono_ms() - began_ms;
}

static void who_says_nothing_is_dropped(void **state)
{
        struct kit kit;
        struct peer p;

        (void)state;
        kit_init(&kit);
        kit.config.hello_ms = 200;
        kit_start(&kit);
        peer_connect(&p, &kit);
        assert_true(lives_for(&p) >= 100);
        peer_close(&p);
        peer_connect(&p, &kit);
        raw_send(p.s, "hrpc\t", 5);
        assert_true(lives_for(&p) < 5000);
        peer_close(&p);
        peer_connect(&p, &kit);
        raw_hello(p.s, false);
        assert_true(lives_for(&p) < 5000);
        peer_close(&p);
        kit_fini(&kit);
}

static void half_a_frame_is_dropped(void **state)
{
        static const size_t parts[] = {1, 3, 4, 5, 40};
        struct kit kit;
        struct peer p;

        (void)state;
        kit_init(&kit);
        kit.config.frame_ms = 150;
        kit_start(&kit);
        for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                peer_open(&p, &kit);
                peer_ask(&p, 1, "now:1");
                peer_wants(&p, 1, 1);
                raw_add_call(&p.out, 2, "now:2");
                raw_send(p.s, p.out.data, parts[i]);
                assert_true(lives_for(&p) < 5000);
                peer_close(&p);
        }
        assert_int_equal(kit_calls(&kit), 5);
        kit_fini(&kit);
}

static void dripping_bytes_do_not_move_the_deadline(void **state)
{
        struct kit kit;
        struct peer p;
        int64_t began_ms;

        (void)state;
        kit_init(&kit);
        kit.config.frame_ms = 300;
        kit_start(&kit);
        peer_open(&p, &kit);
        raw_add_call(&p.out, 1, "now:1");
        began_ms = os_mono_ms();
        for (size_t i = 0; i < p.out.n; i++) {
                if (os_sock_write(p.s, p.out.data + i, 1, kit_soon(1000), &p.err) != BDFS_OK ||
                    os_sock_wait_readable(p.s, kit_soon(40)))
                        break;
        }
        assert_true(os_mono_ms() - began_ms < 3000);
        raw_wants_end(p.s, 5000);
        assert_int_equal(kit_calls(&kit), 0);
        peer_close(&p);
        kit_fini(&kit);
}

static void an_idle_connection_is_closed(void **state)
{
        struct kit kit;
        struct peer p;

        (void)state;
        kit_init(&kit);
        kit.config.idle_ms = 200;
        kit_start(&kit);
        peer_open(&p, &kit);
        peer_ask(&p, 1, "hold:5");
        assert_true(kit_wait_held(&kit, 1, 5000));
        assert_false(os_sock_wait_readable(p.s, kit_soon(700)));
        kit_release(&kit);
        peer_wants(&p, 1, 5);
        assert_true(lives_for(&p) < 5000);
        peer_close(&p);
        kit_fini(&kit);
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* It ends, with no more than the reason before. */
static void refused_and_ended(struct peer *p)
{
        if (raw_read(p->s, &p->in, &p->r, 5000, &p->err) != BDFS_OK)
                return; /* the end came first: a reset takes the reason with it */
        assert_int_not_equal(p->r.status, IPC_SUCCESS);
        raw_wants_end(p->s, 5000);
}

static void connections_above_the_limit_are_closed_and_room_comes_back(void **state)
{
        struct kit kit;
        struct peer p[3];
        unsigned served = 0;

        (void)state;
        kit_init(&kit);
        kit.config.connections_max = 2;
        kit_start(&kit);
        for (unsigned i = 0; i < 2; i++) {
                peer_open(&p[i], &kit);
                peer_ask(&p[i], 1, "now:1");
                peer_wants(&p[i], 1, 1);
        }
        for (unsigned i = 0; i < 20; i++) {
                peer_connect(&p[2], &kit);
                refused_and_ended(&p[2]);
                peer_close(&p[2]);
        }
        peer_ask(&p[0], 2, "now:2");
        peer_wants(&p[0], 2, 2);
        peer_close(&p[1]);
        for (unsigned i = 0; i < 100 && served == 0; i++) {
                peer_connect(&p[1], &kit);
                raw_add_context(&p[1].out, kit.user);
                raw_add_call(&p[1].out, 3, "now:3");
                if (os_sock_write(p[1].s, "hrpc\t\0\0", 7, kit_soon(1000), &p[1].err) == BDFS_OK &&
                    os_sock_write(p[1].s, p[1].out.data, p[1].out.n, kit_soon(1000),
                                  &p[1].err) == BDFS_OK &&
                    raw_read(p[1].s, &p[1].in, &p[1].r, 5000, &p[1].err) == BDFS_OK)
                        served = 1;
                else
                        os_sleep_ms(20);
                peer_close(&p[1]);
        }
        assert_int_equal(served, 1);
        peer_close(&p[0]);
        kit_fini(&kit);
}

/* Large requests of a stranger are for the end-to-end test: here everybody is the owner. */
static void before_the_context_frames_are_small(void **state)
{
        static const uint8_t head[] = {0, 2, 0, 0}; /* 128 KiB */
        struct kit kit;
        struct peer p;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        peer_connect(&p, &kit);
        raw_hello(p.s, false);
        raw_send(p.s, head, sizeof(head));
        assert_int_equal(raw_read(p.s, &p.in, &p.r, 5000, &p.err), BDFS_OK);
        assert_int_not_equal(p.r.status, IPC_SUCCESS);
        raw_wants_end(p.s, 5000);
        peer_close(&p);
        kit_fini(&kit);
}

static void calls_of_a_connection_are_bounded(void **state)
{
        struct kit kit;
        struct peer p;

        (void)state;
        kit_init(&kit);
        kit.config.calls_per_connection_max = 4;
        kit_start(&kit);
        peer_open(&p, &kit);
        for (int32_t i = 0; i < 10; i++)
                raw_add_call(&p.out, i, "hold:1");
        raw_send_buf(p.s, &p.out);
        assert_true(kit_wait_held(&kit, 4, 5000));
        os_sleep_ms(150);
        assert_int_equal(held_now(&kit), 4);
        kit_release_some(&kit, 4);
        assert_true(kit_wait_held(&kit, 4, 5000));
        os_sleep_ms(50);
        assert_int_equal(held_now(&kit), 4);
        kit_release_some(&kit, 4);
        assert_true(kit_wait_held(&kit, 2, 5000));
        kit_release_some(&kit, 4);
        for (unsigned i = 0; i < 10; i++)
                assert_int_equal(raw_read(p.s, &p.in, &p.r, 5000, &p.err), BDFS_OK);
        assert_int_equal(kit_calls(&kit), 10);
        peer_close(&p);
        kit_fini(&kit);
}

/* ---- peers that do not read ---------------------------------------------------------------- */

static void ask_for_text(struct peer *p, int32_t id, const char *bytes)
{
        Hadoop__GetLinkTargetRequestProto request = HADOOP__GET_LINK_TARGET_REQUEST_PROTO__INIT;
        struct ipc_call call = {.call_id = id,
                                .client_id = raw_client_id,
                                .protocol = "org.apache.hadoop.hdfs.protocol.ClientProtocol",
                                .method = "getLinkTarget",
                                .version = 1};
        char path[32];

        (void)snprintf(path, sizeof(path), "%s", bytes);
        request.path = path;
        ipc_request_encode(&p->out, &call, &request.base);
}

static void a_slow_reader_blocks_nobody_and_loses_nothing(void **state)
{
        struct kit kit;
        struct peer slow, quick;
        size_t asked;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        peer_open(&slow, &kit);
        peer_open(&quick, &kit);
        for (int32_t i = 0; i < 60; i++)
                ask_for_text(&slow, i, "1000000");
        raw_send_buf(slow.s, &slow.out);
        for (int32_t i = 0; i < 300; i++) {
                peer_ask(&quick, i, "now:3");
                peer_wants(&quick, i, 3);
        }
        os_sleep_ms(200);
        asked = kit_calls(&kit) - 300;
        assert_true(asked < 60); /* it is not read either, while its answers pile up */
        for (int32_t i = 0; i < 60; i++) {
                if (raw_read(slow.s, &slow.in, &slow.r, 10000, &slow.err) != BDFS_OK)
                        fail_msg("%s", slow.err.text);
                assert_int_equal(slow.r.call_id, i);
                assert_int_equal(slow.r.body_n, 1000004);
        }
        assert_int_equal(kit_calls(&kit), 360);
        peer_close(&quick);
        peer_close(&slow);
        kit_fini(&kit);
}

/* Answer all that is held with @n bytes each, and say how long that took. */
static int64_t release_with(struct kit *kit, const void *bytes, size_t n)
{
        int64_t began_ms = os_mono_ms();

        for (;;) {
                struct rpc_call *call = NULL;

                {
                        AUTO_LOCK(&kit->lock);
                        if (kit->held_n > 0)
                                call = kit->held[--kit->held_n];
                }
                if (call == NULL)
                        return os_mono_ms() - began_ms;
                rpc_call_reply_bytes(call, bytes, n);
        }
}

static void who_reads_none_of_too_many_answers_is_cut_off(void **state)
{
        size_t n = 1 << 20;
        uint8_t *big = calloc(1, n);
        struct kit kit;
        struct peer p;
        uint64_t read = 0;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        peer_open(&p, &kit);
        for (int32_t i = 0; i < 100; i++)
                raw_add_call(&p.out, i, "hold:1");
        raw_send_buf(p.s, &p.out);
        assert_true(kit_wait_held(&kit, 100, 5000));
        log_open("test_rpc", LOG_LEVEL_ERROR);
        assert_true(release_with(&kit, big, n) < 20000);
        while (raw_read(p.s, &p.in, &p.r, 5000, &p.err) == BDFS_OK)
                read++;
        assert_int_equal(p.err.status, BDFS_CLOSED);
        assert_true(read < 100);
        peer_close(&p);
        peer_open(&p, &kit);
        peer_ask(&p, 1, "now:1");
        peer_wants(&p, 1, 1);
        peer_close(&p);
        kit_fini(&kit);
        free(big);
}

static void answers_that_wait_leave_in_the_order_given(void **state)
{
        size_t n = 1 << 20;
        uint8_t *big = calloc(1, n);
        struct kit kit;
        struct peer p;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        peer_open(&p, &kit);
        for (int32_t i = 0; i < 50; i++)
                raw_add_call(&p.out, i, "hold:1");
        raw_send_buf(p.s, &p.out);
        assert_true(kit_wait_held(&kit, 50, 5000));
        (void)release_with(&kit, big, n);
        os_sleep_ms(100);
        for (int32_t i = 49; i >= 0; i--) { /* held calls are released newest first */
                assert_int_equal(raw_read(p.s, &p.in, &p.r, 10000, &p.err), BDFS_OK);
                assert_int_equal(p.r.call_id, i);
                assert_int_equal(p.r.body_n, n);
        }
        peer_ask(&p, 99, "now:9");
        peer_wants(&p, 99, 9);
        peer_close(&p);
        kit_fini(&kit);
        free(big);
}

static void a_server_stops_with_answers_that_nobody_reads(void **state)
{
        size_t n = 1 << 20;
        uint8_t *big = calloc(1, n);
        struct kit kit;
        struct peer p;
        int64_t began_ms;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        peer_open(&p, &kit);
        for (int32_t i = 0; i < 30; i++)
                raw_add_call(&p.out, i, "hold:1");
        raw_send_buf(p.s, &p.out);
        assert_true(kit_wait_held(&kit, 30, 5000));
        (void)release_with(&kit, big, n);
        began_ms = os_mono_ms();
        kit_stop(&kit);
        assert_true(os_mono_ms() - began_ms < 5000);
        peer_close(&p);
        kit_fini(&kit);
        free(big);
}

/* ---- peers that leave ---------------------------------------------------------------------- */

static void answers_to_peers_that_left_go_nowhere(void **state)
{
        struct kit kit;
        struct peer p;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        for (unsigned round = 0; round < 20; round++) {
                peer_open(&p, &kit);
                for (int32_t i = 0; i < 5; i++)
                        peer_ask(&p, i, "hold:1");
                assert_true(kit_wait_held(&kit, 5, 5000));
                if (round % 2 == 0)
                        os_sock_shutdown(p.s);
                peer_close(&p);
                if (round % 3 == 0)
                        os_sleep_ms(5);
                kit_release(&kit);
        }
        peer_open(&p, &kit);
        peer_ask(&p, 1, "now:1");
        peer_wants(&p, 1, 1);
        peer_close(&p);
        kit_fini(&kit);
}

static void calls_may_be_answered_after_the_server_stopped(void **state)
{
        struct kit kit;
        struct peer p;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        peer_open(&p, &kit);
        for (int32_t i = 0; i < 5; i++)
                peer_ask(&p, i, i == 2 ? "later:300:1" : "hold:1");
        assert_true(kit_wait_held(&kit, 4, 5000));
        kit_stop(&kit); /* answers them between stop and free */
        raw_wants_end(p.s, 1000);
        peer_close(&p);
        kit_fini(&kit);
}

static void a_slow_handler_holds_up_its_own_connection_only(void **state)
{
        struct kit kit;
        struct peer slow, quick;
        int64_t began_ms;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        peer_open(&slow, &kit);
        peer_open(&quick, &kit);
        began_ms = os_mono_ms();
        peer_ask(&slow, 1, "slow:1000:7");
        peer_ask(&quick, 1, "now:8");
        peer_wants(&quick, 1, 8);
        assert_true(os_mono_ms() - began_ms < 900);
        peer_wants(&slow, 1, 7);
        peer_close(&slow);
        peer_close(&quick);
        kit_fini(&kit);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_says_nothing_is_dropped),
                cmocka_unit_test(half_a_frame_is_dropped),
                cmocka_unit_test(dripping_bytes_do_not_move_the_deadline),
                cmocka_unit_test(an_idle_connection_is_closed),
                cmocka_unit_test(connections_above_the_limit_are_closed_and_room_comes_back),
                cmocka_unit_test(before_the_context_frames_are_small),
                cmocka_unit_test(calls_of_a_connection_are_bounded),
                cmocka_unit_test(a_slow_reader_blocks_nobody_and_loses_nothing),
                cmocka_unit_test(who_reads_none_of_too_many_answers_is_cut_off),
                cmocka_unit_test(answers_that_wait_leave_in_the_order_given),
                cmocka_unit_test(a_server_stops_with_answers_that_nobody_reads),
                cmocka_unit_test(answers_to_peers_that_left_go_nowhere),
                cmocka_unit_test(calls_may_be_answered_after_the_server_stopped),
                cmocka_unit_test(a_slow_handler_holds_up_its_own_connection_only),
        };

        log_open("test_rpc", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
