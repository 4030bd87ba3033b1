/* Connections that go on after a write: the client's, and those between datanodes. */
#include "test_datanode_client.h"

#include "datanode/transfer/data_server.h"

static void one_connection_takes_block_after_block(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 100000);
        struct os_sock *s = dial(f, 0);

        for (uint64_t block = 100; block < 120; block++) {
                struct ask a = ask_of(block, 1 + (unsigned)(block % 3));
                size_t n = block % 5 * 20000;

                ask_write(f, &a, s);
                expect_reply_ok(read_reply(s));
                write_packets(s, &a, data, n, 30720);
                a.nodes[0] = (unsigned)a.nodes_n - 1;
                expect_bytes(f, &a, 0, n, data);
        }
        os_sock_close(s);
        free(data);
}

static void a_connection_ends_with_a_write_that_failed(void **state)
{
        struct fixture *f = *state;
        uint8_t data[1000] = {1};
        struct ask a = ask_of(130, 2);
        struct os_sock *s = write_open_ok(f, &a);
        struct transfer_ack ack;

        send_packet(s, &a, &(struct packet){.data = data, .n = sizeof(data), .bad_sum = true});
        assert_true(read_ack(s, &ack));
        assert_int_not_equal(ack.reply[0], HADOOP__STATUS__SUCCESS);
        assert_false(read_ack(s, &ack));
        os_sock_close(s);
        a.block = 131; /* and its pipeline is not used for the next */
        write_block(f, &a, data, sizeof(data), sizeof(data));
}

static void a_next_node_that_restarted_is_connected_to_again(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 100000);
        struct ask a = ask_of(140, 3);
        struct os_sock *s = write_open_ok(f, &a);

        write_packets(s, &a, data, 100000, 30720);
        f->conf[1].own_port = (int64_t)f->nodes[1].own_port;
        node_stop(f, 1);
        node_start(f, 1);
        a.block = 141;
        ask_write(f, &a, s);
        expect_reply_ok(read_reply(s));
        write_packets(s, &a, data, 100000, 30720);
        os_sock_close(s);
        free(data);
}

static void the_hadoop_port_closes_after_a_write(void **state)
{
        struct fixture *f = *state;
        struct ask a = ask_of(150, 1);
        struct os_sock *s;
        struct bdfs_err err;
        uint8_t byte;
        size_t got;

        f->nodes[0].own_port = f->nodes[0].hadoop_port;
        s = write_open_ok(f, &a);
        write_packets(s, &a, NULL, 0, 1);
        must(os_sock_read_some(s, &byte, 1, &got, os_mono_ms() + DATA_KEEP_MS / 2, &err), &err);
        assert_int_equal(got, 0);
        os_sock_close(s);
}

/* ---- a next node that closes what was kept, as late as it can -------------------------------- */

struct rude {
        struct os_listener *listener;
        struct os_thread *thread;
        unsigned conns;
};

/* False: the connection ended. */
static bool rude_read_op(struct os_sock *s)
{
        uint8_t head[3], bytes[8192];
        struct bdfs_err err;
        size_t n;

        return os_sock_read(s, head, sizeof(head), soon(), &err) == BDFS_OK &&
               read_delimited(s, bytes, sizeof(bytes), &n);
}

/* An empty block: yes, one packet, one ack. */
static void rude_take_block(struct os_sock *s)
{
        struct transfer_ack ack = {.n = 1, .reply = {HADOOP__STATUS__SUCCESS}};
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];
        struct bdfs_err err;
        struct buf b;

        assert_true(rude_read_op(s));
        buf_init(&b, 0);
        transfer_ok_encode(&b);
        must(os_sock_write(s, b.data, b.n, soon(), &err), &err);
        must(os_sock_read(s, head, 6, soon(), &err), &err); /* PLEN, HLEN */
        must(os_sock_read(s, head, (size_t)head[4] << 8 | head[5], soon(), &err), &err);
        buf_reset(&b);
        transfer_ack_encode(&b, &ack);
        must(os_sock_write(s, b.data, b.n, soon(), &err), &err);
        buf_fini(&b);
}

static void rude_run(void *arg)
{
        struct rude *r = arg;

        for (int i = 0; i < 2; i++) {
                struct os_sock *s;
                struct os_peer peer;
                struct bdfs_err err;

                must(os_accept(r->listener, soon(), &s, &peer, &err), &err);
                r->conns++;
                rude_take_block(s);
                if (i == 0) /* false when this machine is so slow that it was kept no longer */
                        (void)rude_read_op(s);
                os_sock_close(s);
        }
}

static void a_kept_connection_that_is_closed_at_the_next_write_is_replaced(void **state)
{
        struct fixture *f = *state;
        struct os_addr any = {.host = "127.0.0.1"};
        struct rude r = {.conns = 0};
        struct bdfs_err err;

        must(os_listen(&r.listener, &any, false, &err), &err);
        f->nodes[1].own_port = os_listener_port(r.listener);
        must(os_thread_start(&r.thread, "rude", rude_run, &r, &err), &err);
        for (uint64_t block = 160; block < 162; block++) {
                struct ask a = ask_of(block, 2);

                write_block(f, &a, NULL, 0, 1);
        }
        os_thread_join(r.thread);
        assert_int_equal(r.conns, 2); /* the first was kept, or there were three */
        os_listener_close(r.listener);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(n, name) cmocka_unit_test_setup_teardown(name, setup_##n, teardown)
                T(3, one_connection_takes_block_after_block),
                T(3, a_connection_ends_with_a_write_that_failed),
                T(3, a_next_node_that_restarted_is_connected_to_again),
                T(1, the_hadoop_port_closes_after_a_write),
                T(1, a_kept_connection_that_is_closed_at_the_next_write_is_replaced),
        };

        log_open("test_datanode_kept", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
