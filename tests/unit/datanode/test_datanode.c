/* Datanodes in one process over loopback: writing, reading, checksums. */
#include "test_datanode_client.h"

#include <stdatomic.h>

#include "proto/replica_format.h"

#define FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED

/* ---- writing and reading ------------------------------------------------------------------- */

static void a_block_written_through_three_nodes_reads_back_from_each(void **state)
{
        struct fixture *f = *state;
        size_t n = 3 * 1024 * 1024 + 777;
        uint8_t *data = random_bytes(f, n);
        struct ask a = ask_of(1073741825, 3);

        write_block(f, &a, data, n, 64512);
        for (unsigned i = 0; i < 3; i++) {
                Bdfs__Replica c;

                assert_int_equal(reported(f, i, a.block, FINALIZED, &c), 1); /* before the ack */
                assert_int_equal(c.length, n);
                assert_int_equal(c.stamp, 1001);
                a.nodes[0] = i;
                expect_bytes(f, &a, 0, n, data);
                expect_bytes(f, &a, 1000, 100000, data);
                expect_bytes(f, &a, n - 1, 1, data);
        }
        free(data);
}

static void every_size_of_packet_and_checksum_is_taken(void **state)
{
        static const struct {
                enum crc_type type;
                uint32_t every;
                size_t step;
        } kinds[] = {
                {CRC_CRC32C, 512, 64512},   {CRC_CRC32, 512, 65536}, {CRC_CRC32C, 4096, 65536},
                {CRC_CRC32C, 100, 12300},   {CRC_NULL, 512, 65536},  {CRC_CRC32, 512, 512},
                {CRC_CRC32C, 512, 1 << 20}, {CRC_CRC32C, 512, 3000000},
        };
        struct fixture *f = *state;
        size_t n = 1500001;
        uint8_t *data = random_bytes(f, n);

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                struct ask a = ask_of(100 + i, 2);

                a.type = kinds[i].type;
                a.every = kinds[i].every;
                write_block(f, &a, data, n, kinds[i].step);
                expect_bytes(f, &a, 0, n, data);
                a.nodes[0] = 1;
                expect_bytes(f, &a, 0, n, data);
        }
        free(data);
}

static void an_empty_block_is_sealed(void **state)
{
        struct fixture *f = *state;
        struct ask a = ask_of(5, 2);
        Bdfs__Replica c;

        write_block(f, &a, NULL, 0, 1);
        assert_int_equal(reported(f, 1, 5, FINALIZED, &c), 1);
        assert_int_equal(c.length, 0);
}

static void random_ranges_on_any_grid_equal_the_bytes(void **state)
{
        struct fixture *f = *state;
        size_t n = 1200007;
        uint8_t *data = random_bytes(f, n);
        struct ask a = ask_of(7, 1);
        struct os_sock *s;

        write_block(f, &a, data, n, 64512);
        s = dial(f, 0); /* one connection for all: it is kept */
        for (int i = 0; i < 150; i++) {
                struct ask r = a;
                struct got g;
                uint64_t offset, length;

                r.base = rnd(f, 3) == 0 ? 512 * (uint64_t)rnd(f, 2000) : rnd(f, (uint32_t)n);
                r.length = rnd(f, (uint32_t)(n - r.base) + 1);
                if (rnd(f, 5) == 0)
                        r.length = n - r.base;
                offset = r.length == 0 ? 0 : rnd(f, (uint32_t)r.length);
                length = rnd(f, (uint32_t)(r.length - offset) + 1);
                read_range_on(s, f, &r, offset, length, rnd(f, 4) > 0, &g);
                if (g.status != HADOOP__STATUS__SUCCESS)
                        fail_msg("base %llu: %s", (unsigned long long)r.base, g.text);
                assert_true(g.first + g.n <= r.length); /* never a byte outside */
                assert_true(g.first <= offset);
                if (length > 0)
                        assert_true(g.first + g.n >= offset + length);
                assert_memory_equal(g.bytes, data + r.base + g.first, g.n);
                free(g.bytes);
        }
        os_sock_close(s);
        free(data);
}

static void a_hole_reads_as_zeros(void **state)
{
        struct fixture *f = *state;
        struct ask a = ask_of(0, 1);
        struct got g;

        a.flags = TOKEN_HOLE;
        a.length = 700000;
        read_range(f, &a, 1000, 698000, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__SUCCESS);
        for (size_t i = 0; i < g.n; i++)
                assert_int_equal(g.bytes[i], 0);
        assert_true(g.n >= 698000);
        free(g.bytes);
}

static void outside_of_the_token_or_the_block_is_refused(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 10000);
        struct ask a = ask_of(8, 1);
        struct got g;

        write_block(f, &a, data, 10000, 64512);
        read_range(f, &a, 5000, 5001, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        assert_true(strlen(g.text) > 0);
        a.base = 100;
        a.length = 1000;
        read_range(f, &a, 999, 2, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR_ACCESS_TOKEN);
        read_range(f, &a, UINT64_MAX - 3, 10, true, &g);
        assert_int_not_equal(g.status, HADOOP__STATUS__SUCCESS);
        a = ask_of(9, 1);
        read_range(f, &a, 0, 1, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        free(data);
}

static void partial_chunks_are_sent_again_after_a_flush(void **state)
{
        struct fixture *f = *state;
        size_t n = 600000;
        uint8_t *data = random_bytes(f, n);

        for (unsigned round = 0; round < 6; round++) {
                struct ask a = ask_of(20 + round, 2);
                struct os_sock *s = write_open_ok(f, &a);
                int64_t seqno = 0;
                size_t at = 0;

                while (at < n) {
                        size_t step = 1 + rnd(f, 90000), from = at;

                        if (step > n - at)
                                step = n - at;
                        if (round % 2 == 0)
                                from -= from % 512; /* Java: from the chunk's start */
                        else if (at % 512 != 0 && step > 512 - at % 512)
                                step = 512 - at % 512; /* gohdfs: up to the chunk's end */
                        send_packet(s, &a, &(struct packet){.offset = from,
                                                            .seqno = seqno,
                                                            .data = data + from,
                                                            .n = at + step - from,
                                                            .sync = rnd(f, 20) == 0});
                        expect_ack(s, seqno++, 2);
                        at += step;
                        if (rnd(f, 10) == 0) { /* readers see what was acknowledged */
                                struct ask r = a;

                                r.nodes[0] = rnd(f, 2);
                                expect_bytes(f, &r, 0, at, data);
                        }
                }
                send_packet(s, &a, &(struct packet){.seqno = -1});
                expect_ack(s, -1, 2);
                send_packet(s, &a, &(struct packet){.offset = n, .seqno = seqno, .sync = true});
                expect_ack(s, seqno++, 2);
                send_packet(s, &a, &(struct packet){.offset = n, .seqno = seqno, .last = true});
                expect_ack(s, seqno, 2);
                os_sock_close(s);
                expect_bytes(f, &a, 0, n, data);
        }
        free(data);
}

struct watch {
        struct fixture *f;
        struct ask a;
        const uint8_t *data;
        atomic_size_t acked;
        atomic_bool done;
        unsigned reads;
};

/* Reads what is acknowledged while more is being written. */
static void watch_run(void *arg)
{
        struct watch *w = arg;
        uint64_t seen = 0;

        while (!atomic_load(&w->done)) {
                size_t acked = atomic_load(&w->acked);
                struct got g;

                if (acked == 0)
                        continue;
                assert_true(acked >= seen);
                read_range(w->f, &w->a, 0, acked, true, &g);
                if (g.status != HADOOP__STATUS__SUCCESS)
                        fail_msg("visible bytes refused: %s", g.text);
                assert_true(g.n >= acked);
                assert_memory_equal(g.bytes, w->data, g.n);
                seen = acked;
                free(g.bytes);
                w->reads++;
        }
}

static void what_is_acknowledged_stays_visible_while_more_is_written(void **state)
{
        struct fixture *f = *state;
        size_t n = 2000000, at = 0;
        uint8_t *data = random_bytes(f, n);
        struct ask a = ask_of(30, 2);
        struct os_sock *s = write_open_ok(f, &a);
        struct watch w = {.f = f, .a = a, .data = data};
        struct os_thread *t;
        struct bdfs_err err;
        int64_t seqno = 0;

        must(os_thread_start(&t, "watch", watch_run, &w, &err), &err);
        while (at < n) {
                size_t from = at - at % 512, step = 1 + rnd(f, 20000);

                step = step > n - at ? n - at : step;
                send_packet(s, &a, &(struct packet){.offset = from,
                                                    .seqno = seqno,
                                                    .data = data + from,
                                                    .n = at + step - from});
                expect_ack(s, seqno++, 2);
                at += step;
                atomic_store(&w.acked, at);
        }
        send_packet(s, &a, &(struct packet){.offset = n, .seqno = seqno, .last = true});
        expect_ack(s, seqno, 2);
        atomic_store(&w.done, true);
        os_thread_join(t);
        assert_true(w.reads > 0);
        os_sock_close(s);
        free(data);
}

/* ---- checksums and descriptors ------------------------------------------------------------- */

static void block_checksums_are_those_of_the_bytes(void **state)
{
        struct fixture *f = *state;
        size_t n = 900001;
        uint8_t *data = random_bytes(f, n);
        struct ask a = ask_of(50, 1);

        write_block(f, &a, data, n, 64512);
        for (int i = 0; i < 20; i++) {
                Hadoop__OpBlockChecksumProto q = HADOOP__OP_BLOCK_CHECKSUM_PROTO__INIT;
                Hadoop__BlockChecksumOptionsProto o = HADOOP__BLOCK_CHECKSUM_OPTIONS_PROTO__INIT;
                struct os_sock *s = dial(f, 0);
                Hadoop__BlockOpResponseProto *r;
                struct header h;
                uint32_t crc;

                a.base = i == 0 ? 0 : i % 2 == 0 ? 512 * (uint64_t)rnd(f, 1500) : rnd(f, 800000);
                a.length = i == 0 ? n : rnd(f, (uint32_t)(n - a.base));
                make_header(f, &a, &h);
                h.block.numbytes = a.length;
                q.header = &h.base;
                o.has_blockchecksumtype = true;
                o.blockchecksumtype = HADOOP__BLOCK_CHECKSUM_TYPE_PROTO__COMPOSITE_CRC;
                q.blockchecksumoptions = &o;
                send_op(s, TRANSFER_BLOCK_CHECKSUM, &q.base);
                r = read_reply(s);
                assert_non_null(r);
                assert_int_equal(r->status, HADOOP__STATUS__SUCCESS);
                assert_int_equal(r->checksumresponse->blockchecksum.len, 4);
                crc = get_u32be(r->checksumresponse->blockchecksum.data);
                assert_int_equal(crc, crc32c(0, data + a.base, a.length));
                assert_true(r->checksumresponse->has_crctype);
                message_free(r);
                q.blockchecksumoptions = NULL;
                send_op(s, TRANSFER_BLOCK_CHECKSUM, &q.base); /* the connection is kept */
                r = read_reply(s);
                assert_non_null(r);
                assert_int_equal(r->checksumresponse->blockchecksum.len, 16);
                assert_int_equal(r->checksumresponse->crcperblock, (a.length + 511) / 512);
                message_free(r);
                os_sock_close(s);
                free_token(&h.token);
        }
        free(data);
}

static void a_tiny_block_has_hadoops_own_checksum(void **state)
{
        static const uint8_t want[16] = {0x41, 0x64, 0xee, 0x7e, 0x8e, 0x75, 0xc8, 0xc5,
                                         0x6e, 0x17, 0xa5, 0x0c, 0x5e, 0xf3, 0x71, 0xb9};
        struct fixture *f = *state;
        struct ask a = ask_of(51, 1);
        Hadoop__OpBlockChecksumProto q = HADOOP__OP_BLOCK_CHECKSUM_PROTO__INIT;
        Hadoop__BlockOpResponseProto *r;
        struct header h;
        struct os_sock *s;

        write_block(f, &a, (const uint8_t *)"bar\n", 4, 512);
        make_header(f, &a, &h);
        h.block.numbytes = 4;
        q.header = &h.base;
        s = dial(f, 0);
        send_op(s, TRANSFER_BLOCK_CHECKSUM, &q.base);
        r = read_reply(s);
        assert_non_null(r);
        assert_memory_equal(r->checksumresponse->blockchecksum.data, want, 16);
        message_free(r);
        os_sock_close(s);
        free_token(&h.token);
}

static void a_local_reader_gets_the_file_itself(void **state)
{
        struct fixture *f = *state;
        size_t n = 70000, got;
        uint8_t *data = random_bytes(f, n), pages[8192], chunk[65536];
        struct ask a = ask_of(52, 1);
        Hadoop__OpReadBlockProto op = HADOOP__OP_READ_BLOCK_PROTO__INIT;
        Hadoop__BlockOpResponseProto *r;
        struct replica_state rs;
        struct os_file *file;
        struct header h;
        struct os_sock *s;
        struct bdfs_err err;
        struct got g;
        struct buf b;

        write_block(f, &a, data, n, 64512);
        make_header(f, &a, &h);
        op.header = &h.client;
        op.len = n;
        buf_init(&b, 0);
        buf_u16be(&b, TRANSFER_VERSION);
        buf_u8(&b, REPLICA_OP_PASS_FILE);
        message_pack_delimited(&b, &op.base);
        must(os_connect_unix(&s, f->nodes[0].socket_path, soon(), &err), &err);
        must(os_sock_write(s, b.data, b.n, soon(), &err), &err);
        r = read_reply(s);
        assert_non_null(r);
        assert_int_equal(r->status, HADOOP__STATUS__SUCCESS);
        message_free(r);
        must(os_sock_recv_fd(s, &file, soon(), &err), &err);
        must(os_file_read(file, 0, pages, sizeof(pages), &got, &err), &err);
        must(replica_state_choose(pages, &rs, NULL, &err), &err);
        assert_int_equal(rs.length, n);
        must(os_file_read(file, replica_data_at(0), chunk, sizeof(chunk), &got, &err), &err);
        assert_memory_equal(chunk, data, sizeof(chunk));
        assert_int_not_equal(os_file_write(file, 0, chunk, 1, &err), BDFS_OK); /* to read only */
        must(os_file_close(file, &err), &err);
        read_range_on(s, f, &a, 0, n, true, &g); /* and the same socket streams */
        assert_int_equal(g.n, n);
        free(g.bytes);
        os_sock_close(s);
        s = dial(f, 0); /* not over TCP */
        must(os_sock_write(s, b.data, b.n, soon(), &err), &err);
        assert_null(read_reply(s));
        os_sock_close(s);
        buf_fini(&b);
        free_token(&h.token);
        free(data);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(n, name) cmocka_unit_test_setup_teardown(name, setup_##n, teardown)
                T(3, a_block_written_through_three_nodes_reads_back_from_each),
                T(2, every_size_of_packet_and_checksum_is_taken),
                T(2, an_empty_block_is_sealed),
                T(1, random_ranges_on_any_grid_equal_the_bytes),
                T(1, a_hole_reads_as_zeros),
                T(1, outside_of_the_token_or_the_block_is_refused),
                T(2, partial_chunks_are_sent_again_after_a_flush),
                T(2, what_is_acknowledged_stays_visible_while_more_is_written),
                T(1, block_checksums_are_those_of_the_bytes),
                T(1, a_tiny_block_has_hadoops_own_checksum),
                T(1, a_local_reader_gets_the_file_itself),
        };

        log_open("test_datanode", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
