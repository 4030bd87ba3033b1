/* Streams that were damaged on purpose: the server may answer what it likes, and lives on. */
#include "tests/unit/net/test_rpc_wire.h"

static uint64_t next_random(uint64_t *seed)
{
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

static void add_session(struct wire *w, bool sasl)
{
        Hadoop__RpcSaslProto negotiate = HADOOP__RPC_SASL_PROTO__INIT;
        uint8_t hello[IPC_HELLO_BYTES];

        negotiate.state = HADOOP__RPC_SASL_PROTO__SASL_STATE__NEGOTIATE;
        ipc_hello_encode(hello, sasl);
        buf_reset(&w->out);
        buf_add(&w->out, hello, sizeof(hello));
        if (sasl)
                ipc_sasl_request_encode(&w->out, &negotiate);
        raw_add_context(&w->out, w->kit.user);
        ipc_ping_encode(&w->out, raw_client_id);
        for (int32_t i = 0; i < 4; i++)
                raw_add_call(&w->out, i, i % 2 == 0 ? "now:1" : "later:1:2");
}

static void read_what_comes(struct wire *w)
{
        uint8_t waste[4096];
        size_t got = 1;

        while (got > 0 && os_sock_read_some(w->s, waste, sizeof(waste), &got, kit_soon(4),
                                            &w->err) == BDFS_OK)
                continue;
}

static void play(struct wire *w)
{
        w->s = raw_connect(&w->kit);
        /* the server may have hung up before the last byte */
        (void)!os_sock_write(w->s, w->out.data, w->out.n, kit_soon(5000), &w->err);
        read_what_comes(w);
        os_sock_close(w->s);
        w->s = NULL;
}

static void still_serves(struct wire *w)
{
        w->s = raw_connect(&w->kit);
        buf_reset(&w->out);
        raw_hello(w->s, false);
        raw_add_context(&w->out, w->kit.user);
        wants_alive(w);
        os_sock_close(w->s);
        w->s = NULL;
}

static void damaged_bytes_harm_nobody_else(void **state)
{
        uint64_t seed = 0x9E3779B97F4A7C15ULL;
        struct wire w;

        (void)state;
        wire_init(&w);
        w.kit.config.frame_ms = w.kit.config.hello_ms = 50;
        kit_start(&w.kit);
        for (unsigned round = 0; round < 300; round++) {
                add_session(&w, round % 2 == 1);
                for (uint64_t n = next_random(&seed) % 4 + 1; n > 0; n--)
                        w.out.data[next_random(&seed) % w.out.n] = (uint8_t)next_random(&seed);
                play(&w);
        }
        still_serves(&w);
        wire_fini(&w);
}

static void every_truncation_harms_nobody_else(void **state)
{
        size_t whole;
        struct wire w;

        (void)state;
        wire_init(&w);
        kit_start(&w.kit);
        add_session(&w, true);
        whole = w.out.n;
        for (size_t n = 1; n < whole; n += 3) {
                add_session(&w, true);
                w.out.n = n;
                w.s = raw_connect(&w.kit);
                raw_send_buf(w.s, &w.out);
                os_sock_close(w.s);
                w.s = NULL;
        }
        still_serves(&w);
        wire_fini(&w);
}

static void random_bytes_behind_the_hello_harm_nobody_else(void **state)
{
        uint64_t seed = 88172645463325252ULL;
        struct wire w;

        (void)state;
        wire_init(&w);
        w.kit.config.frame_ms = w.kit.config.hello_ms = 50;
        kit_start(&w.kit);
        for (unsigned round = 0; round < 200; round++) {
                buf_reset(&w.out);
                buf_add(&w.out, "hrpc\t\0\0", IPC_HELLO_BYTES);
                for (unsigned i = 0; i < 5; i++) {
                        uint32_t n = (uint32_t)(next_random(&seed) % 60 + 1);

                        buf_u32be(&w.out, n);
                        while (n-- > 0)
                                buf_u8(&w.out, (uint8_t)next_random(&seed));
                }
                play(&w);
        }
        still_serves(&w);
        wire_fini(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(damaged_bytes_harm_nobody_else),
                cmocka_unit_test(every_truncation_harms_nobody_else),
                cmocka_unit_test(random_bytes_behind_the_hello_harm_nobody_else),
        };

        log_open("test_rpc", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
