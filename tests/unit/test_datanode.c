/* Datanodes in one process over loopback: pipelines, reads, tokens, orders. */
#include "test_datanode_fixture.h"

#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/fsuid.h>
#include <sys/resource.h>

#include "net/rpc_client.h"
#include "proto/hadoop_datanode.pb-c.h"
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

/* ---- refusals ------------------------------------------------------------------------------ */

static void refused_write(struct fixture *f, const struct ask *a, Hadoop__Status status)
{
        Hadoop__BlockOpResponseProto *r;
        struct os_sock *s = write_open(f, a, &r);

        assert_non_null(r);
        assert_int_equal(r->status, status);
        assert_non_null(r->firstbadlink);
        assert_true(strchr(r->firstbadlink, ':') != NULL);
        assert_true(r->message != NULL && strlen(r->message) > 0);
        message_free(r);
        os_sock_close(s);
}

static void tokens_that_do_not_fit_are_refused(void **state)
{
        struct fixture *f = *state;
        Hadoop__Status no = HADOOP__STATUS__ERROR_ACCESS_TOKEN;
        struct ask a = ask_of(40, 1);
        struct got g;

        a.no_token = true;
        refused_write(f, &a, no);
        read_range(f, &a, 0, 1, true, &g);
        assert_int_equal(g.status, no);
        a = ask_of(40, 1);
        a.bend = true;
        refused_write(f, &a, no);
        a = ask_of(40, 1);
        a.life_ms = -1;
        refused_write(f, &a, no);
        a = ask_of(40, 1);
        a.rights = TOKEN_READ;
        refused_write(f, &a, no);
        a.rights = TOKEN_WRITE;
        read_range(f, &a, 0, 1, true, &g);
        assert_int_equal(g.status, no);
}

static void a_token_is_good_only_for_its_user(void **state)
{
        struct fixture *f = *state;
        const struct passwd *nobody = getpwnam("nobody");
        uint8_t data[600] = {7};
        struct ask a = ask_of(48, 1), theirs = a;
        struct got mine, good;

        if (getuid() != 0 || nobody == NULL)
                skip(); /* one socket must belong to somebody else */
        theirs.user = "nobody";
        write_block(f, &a, data, sizeof(data), 512);
        (void)setfsuid(nobody->pw_uid); /* of this thread: who owns the sockets that it opens */
        read_range(f, &a, 0, 600, true, &mine);
        read_range(f, &theirs, 0, 600, true, &good);
        (void)setfsuid(0);
        assert_int_equal(mine.status, HADOOP__STATUS__ERROR_ACCESS_TOKEN);
        assert_int_equal(good.status, HADOOP__STATUS__SUCCESS);
        free(good.bytes);
        read_range(f, &theirs, 0, 600, true, &good); /* the owner brings others' tokens */
        assert_int_equal(good.status, HADOOP__STATUS__SUCCESS);
        free(good.bytes);
}

static void the_limit_of_a_tokens_length_holds_for_writes(void **state)
{
        struct fixture *f = *state;
        uint8_t data[2000] = {1};
        struct ask a = ask_of(41, 1);
        struct transfer_ack ack;
        struct os_sock *s;

        a.length = 1500;
        s = write_open_ok(f, &a);
        send_packet(s, &a, &(struct packet){.data = data, .n = 1000});
        expect_ack(s, 0, 1);
        send_packet(s, &a, &(struct packet){.offset = 512, .seqno = 1, .data = data + 512,
                                            .n = 1000});
        assert_true(read_ack(s, &ack));
        assert_int_equal(ack.seqno, 1);
        assert_int_not_equal(ack.reply[0], HADOOP__STATUS__SUCCESS);
        os_sock_close(s);
}

static void stages_that_go_on_with_a_replica_are_refused_clearly(void **state)
{
        static const int stages[] = {0, 1, 2, 3, 4, 5};
        struct fixture *f = *state;

        for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
                struct ask a = ask_of(42, 1);

                a.stage = (Hadoop__OpWriteBlockProto__BlockConstructionStage)stages[i];
                a.client = "c";
                Hadoop__BlockOpResponseProto *r;
                struct os_sock *s = write_open(f, &a, &r);

                os_sock_close(s);
                if (r != NULL) {
                        assert_int_equal(r->status, HADOOP__STATUS__ERROR);
                        message_free(r);
                }
        }
}

static void a_second_writer_of_a_block_is_refused(void **state)
{
        struct fixture *f = *state;
        struct ask a = ask_of(43, 1);
        struct os_sock *s = write_open_ok(f, &a);

        refused_write(f, &a, HADOOP__STATUS__ERROR);
        os_sock_close(s);
}

static void an_unreachable_next_node_is_blamed(void **state)
{
        struct fixture *f = *state;
        struct ask a = ask_of(44, 2);
        Hadoop__BlockOpResponseProto *r;
        struct os_sock *s;
        char link[64];
        uint32_t port = f->nodes[1].own_port;

        node_stop(f, 1);
        s = write_open(f, &a, &r);
        assert_non_null(r);
        assert_int_equal(r->status, HADOOP__STATUS__ERROR);
        (void)snprintf(link, sizeof(link), "127.0.0.1:%u", port);
        assert_string_equal(r->firstbadlink, link);
        message_free(r);
        os_sock_close(s);
        a = ask_of(44, 1); /* nothing of it is left behind */
        s = write_open_ok(f, &a);
        os_sock_close(s);
}

static void a_bad_checksum_is_answered_and_nothing_of_it_is_kept(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 200000);
        struct ask a = ask_of(45, 2);
        struct os_sock *s = write_open_ok(f, &a);
        struct transfer_ack ack;
        struct got g;

        send_packet(s, &a, &(struct packet){.data = data, .n = 65536});
        send_packet(s, &a, &(struct packet){.offset = 65536, .seqno = 1, .data = data + 65536,
                                            .n = 65536, .bad_sum = true});
        expect_ack(s, 0, 2);
        assert_true(read_ack(s, &ack));
        assert_int_equal(ack.seqno, 1);
        assert_int_equal(ack.reply[0], HADOOP__STATUS__ERROR_CHECKSUM);
        assert_false(read_ack(s, &ack));
        os_sock_close(s);
        wait_reported(f, 0, 45, BDFS__REPLICA_STATE__REPLICA_RECEIVING, NULL);
        expect_bytes(f, &a, 0, 65536, data); /* what was acknowledged stays */
        read_range(f, &a, 0, 65537, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        free(data);
}

static void a_lost_next_node_is_told_with_the_first_packet_it_missed(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 200000);
        struct ask a = ask_of(46, 2);
        struct os_sock *s = write_open_ok(f, &a);
        struct transfer_ack ack;

        send_packet(s, &a, &(struct packet){.data = data, .n = 65536});
        expect_ack(s, 0, 2);
        node_stop(f, 1);
        send_packet(s, &a, &(struct packet){.offset = 65536, .seqno = 1, .data = data + 65536,
                                            .n = 65536});
        assert_true(read_ack(s, &ack));
        assert_int_equal(ack.seqno, 1);
        assert_int_equal(ack.n, 2);
        assert_int_equal(ack.reply[0], HADOOP__STATUS__SUCCESS);
        assert_int_equal(ack.reply[1], HADOOP__STATUS__ERROR);
        os_sock_close(s);
        expect_bytes(f, &a, 0, 65536, data);
        free(data);
}

static void a_full_disk_is_answered_in_place_of_the_ack(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 2000000);
        struct ask a = ask_of(49, 2);
        struct os_sock *s = write_open_ok(f, &a);
        struct rlimit old, small;
        struct transfer_ack ack;
        int64_t seqno = 0, good = 0;

        (void)signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        small = old;
        small.rlim_cur = 1000000; /* no file may grow beyond: as a disk that is full */
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        for (; seqno < 20; seqno++)
                send_packet(s, &a, &(struct packet){.offset = 65536 * (uint64_t)seqno,
                                                    .seqno = seqno,
                                                    .data = data + 65536 * seqno,
                                                    .n = 65536});
        while (read_ack(s, &ack) && ack.reply[0] == HADOOP__STATUS__SUCCESS &&
               ack.n == 2 && ack.reply[1] == HADOOP__STATUS__SUCCESS)
                good++;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_true(good < 15); /* 15 * 65536 and the records do not fit */
        os_sock_close(s);
        if (good > 0)
                expect_bytes(f, &a, 0, 65536 * (uint64_t)good, data);
        a = ask_of(59, 2); /* the volume goes on */
        write_block(f, &a, data, 2000000, 64512);
        free(data);
}

static void a_seal_is_acknowledged_though_the_namenode_is_away(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 100000);
        struct ask a = ask_of(57, 2);

        namenode_stop(f);
        write_block(f, &a, data, 100000, 64512);
        expect_bytes(f, &a, 0, 100000, data);
        a = ask_of(58, 2);
        write_block(f, &a, data, 100000, 64512);
        free(data);
}

static void unknown_operations_close_and_short_circuit_ones_are_unsupported(void **state)
{
        struct fixture *f = *state;
        struct bdfs_err err;
        uint8_t junk[4] = {0, 28, 99, 0};
        struct os_sock *s = dial(f, 0);

        must(os_sock_write(s, junk, sizeof(junk), soon(), &err), &err);
        assert_null(read_reply(s));
        os_sock_close(s);
        for (unsigned op = 87; op <= 89; op++) {
                struct ask a = ask_of(47, 1);
                struct header h;
                Hadoop__OpRequestShortCircuitAccessProto q =
                        HADOOP__OP_REQUEST_SHORT_CIRCUIT_ACCESS_PROTO__INIT;
                Hadoop__BlockOpResponseProto *r;

                if (op != 87)
                        continue;
                make_header(f, &a, &h);
                q.header = &h.base;
                q.maxversion = 1;
                s = dial(f, 0);
                send_op(s, TRANSFER_REQUEST_SHORT_CIRCUIT_FDS, &q.base);
                r = read_reply(s);
                assert_non_null(r);
                assert_int_equal(r->status, HADOOP__STATUS__ERROR_UNSUPPORTED);
                message_free(r);
                os_sock_close(s);
                free_token(&h.token);
        }
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

/* ---- orders of the namenode ---------------------------------------------------------------- */

static void a_deleted_replica_is_gone_and_reported(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 1000);
        struct ask a = ask_of(60, 1);
        Bdfs__HeartbeatResponse r = BDFS__HEARTBEAT_RESPONSE__INIT;
        Bdfs__DeleteCommand c = BDFS__DELETE_COMMAND__INIT, *p = &c;
        struct got g;

        write_block(f, &a, data, 1000, 512);
        c.block = 60;
        c.stamp = 1000; /* an older replica is meant */
        r.deletes = &p;
        r.n_deletes = 1;
        order(f, 0, &r);
        expect_bytes(f, &a, 0, 1000, data);
        c.stamp = 1001;
        order(f, 0, &r);
        wait_reported(f, 0, 60, BDFS__REPLICA_STATE__REPLICA_GONE, NULL);
        read_range(f, &a, 0, 1, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        free(data);
}

static void a_replica_is_copied_to_other_nodes(void **state)
{
        struct fixture *f = *state;
        size_t n = 1000003;
        uint8_t *data = random_bytes(f, n);
        struct ask a = ask_of(61, 1);
        Bdfs__HeartbeatResponse r = BDFS__HEARTBEAT_RESPONSE__INIT;
        Bdfs__CopyCommand c = BDFS__COPY_COMMAND__INIT, *p = &c;
        Bdfs__CopyTarget t[2], *tp[2] = {&t[0], &t[1]};
        struct token_bytes token;
        struct ask copy = a;
        char ip[] = "127.0.0.1";

        write_block(f, &a, data, n, 64512);
        copy.rights = TOKEN_COPY;
        copy.length = n;
        make_token(f, &copy, &token);
        for (unsigned i = 0; i < 2; i++) {
                bdfs__copy_target__init(&t[i]);
                t[i].number = i + 2;
                t[i].ip = ip;
                t[i].own_port = f->nodes[i + 1].own_port;
                t[i].uuid = f->nodes[i + 1].uuid;
        }
        c.block = 61;
        c.stamp = 1001;
        c.length = n;
        c.targets = tp;
        c.n_targets = 2;
        c.token_identifier = token.proto.identifier;
        c.token_password = token.proto.password;
        r.copies = &p;
        r.n_copies = 1;
        order(f, 0, &r);
        for (unsigned i = 1; i < 3; i++) {
                wait_reported(f, i, 61, FINALIZED, NULL);
                a.nodes[0] = i;
                expect_bytes(f, &a, 0, n, data);
        }
        free_token(&token);
        free(data);
}

static void a_stopped_writer_leaves_what_verifies_and_a_seal_makes_it_final(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 100000);
        struct ask a = ask_of(62, 1);
        struct os_sock *s = write_open_ok(f, &a);
        Bdfs__HeartbeatResponse stop = BDFS__HEARTBEAT_RESPONSE__INIT,
                                seal = BDFS__HEARTBEAT_RESPONSE__INIT;
        Bdfs__StopCommand sc = BDFS__STOP_COMMAND__INIT, *sp = &sc;
        Bdfs__SealCommand ec = BDFS__SEAL_COMMAND__INIT, *ep = &ec;
        struct transfer_ack ack;
        Bdfs__Replica c;
        struct got g;

        send_packet(s, &a, &(struct packet){.data = data, .n = 70000});
        expect_ack(s, 0, 1);
        sc.block = ec.block = 62;
        sc.stamp = 1005;
        stop.stops = &sp;
        stop.n_stops = 1;
        order(f, 0, &stop);
        wait_reported(f, 0, 62, BDFS__REPLICA_STATE__REPLICA_RECOVERING, &c);
        assert_int_equal(c.length, 70000);
        assert_false(read_ack(s, &ack)); /* the writer was cut off */
        os_sock_close(s);
        ec.stamp = 1001;
        ec.new_stamp = 1005;
        ec.length = 69999;
        seal.seals = &ep;
        seal.n_seals = 1;
        order(f, 0, &seal);
        wait_reported(f, 0, 62, FINALIZED, &c);
        assert_int_equal(c.length, 69999);
        assert_int_equal(c.stamp, 1005);
        expect_bytes(f, &a, 0, 69999, data);
        a.stamp = 1006; /* older replicas are not served */
        read_range(f, &a, 0, 1, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        sc.block = 63; /* nothing is there: that is said too */
        order(f, 0, &stop);
        wait_reported(f, 0, 63, BDFS__REPLICA_STATE__REPLICA_GONE, NULL);
        free(data);
}

/* ---- restart and decay --------------------------------------------------------------------- */

static void find_file(const char *dir, char *ret, size_t room)
{
        char command[256];
        FILE *p;

        (void)snprintf(command, sizeof(command), "find %s/blocks -type f", dir);
        p = popen(command, "r");
        assert_non_null(p);
        assert_non_null(fgets(ret, (int)room, p));
        ret[strcspn(ret, "\n")] = '\0';
        (void)pclose(p);
}

static void replicas_survive_a_restart(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 300000);
        struct ask a = ask_of(70, 1), b = ask_of(71, 1);
        struct os_sock *s;
        struct got g;

        write_block(f, &a, data, 300000, 64512);
        s = write_open_ok(f, &b);
        send_packet(s, &b, &(struct packet){.data = data, .n = 1000});
        expect_ack(s, 0, 1);
        node_stop(f, 0);
        os_sock_close(s);
        f->say = BDFS__REGISTER_RESPONSE__REPORT__FULL;
        node_start(f, 0);
        expect_bytes(f, &a, 0, 300000, data);
        read_range(f, &b, 0, 1, true, &g); /* waits for recovery, is not served */
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        for (int64_t deadline = soon(); f->nodes[0].full_rows != 2; os_sleep_ms(5))
                assert_true(os_mono_ms() < deadline);
        f->say = BDFS__REGISTER_RESPONSE__REPORT__DELTA;
        node_stop(f, 0);
        node_start(f, 0);
        wait_reported(f, 0, 71, BDFS__REPLICA_STATE__REPLICA_WAITING, NULL);
        free(data);
}

static void another_clusters_directory_is_refused(void **state)
{
        struct fixture *f = *state;
        struct bdfs_err err;

        node_stop(f, 0);
        f->conf[0].cluster[0] = 'f';
        assert_int_equal(datanode_start(&f->dn[0], &f->conf[0], &err), BDFS_INVALID);
        f->dn[0] = NULL;
        f->conf[0].cluster[0] = '0';
        node_start(f, 0);
        f->data_dirs[1][0] = f->text[0][0]; /* one that is in use */
        conf_init(f, 1);
        f->conf[1].data.items = f->data_dirs[0];
        assert_int_equal(datanode_start(&f->dn[1], &f->conf[1], &err), BDFS_LIMIT);
        f->dn[1] = NULL;
}

static void decayed_bytes_are_noticed_reported_and_not_served(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 300000);
        struct ask a = ask_of(72, 1);
        char path[256];
        struct got g;
        FILE *file;

        write_block(f, &a, data, 300000, 64512);
        find_file(f->text[0][0], path, sizeof(path));
        file = fopen(path, "r+b");
        assert_non_null(file);
        assert_int_equal(fseek(file, 12288 + 1000, SEEK_SET), 0);
        assert_int_equal(fputc(data[1000] ^ 0xff, file), data[1000] ^ 0xff);
        assert_int_equal(fclose(file), 0);
        read_range(f, &a, 0, 300000, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR_CHECKSUM);
        wait_reported(f, 0, 72, BDFS__REPLICA_STATE__REPLICA_CORRUPT, NULL);
        read_range(f, &a, 200000, 10, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        node_stop(f, 0); /* the verdict survives a restart */
        node_start(f, 0);
        read_range(f, &a, 200000, 10, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        free(data);
}

static void the_visible_length_is_asked_by_call(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 5000);
        struct ask a = ask_of(73, 1);
        struct os_sock *s = write_open_ok(f, &a);
        Hadoop__GetReplicaVisibleLengthRequestProto q =
                HADOOP__GET_REPLICA_VISIBLE_LENGTH_REQUEST_PROTO__INIT;
        Hadoop__ExtendedBlockProto block = HADOOP__EXTENDED_BLOCK_PROTO__INIT;
        struct os_addr addr = {.host = "127.0.0.1", .port = (uint16_t)f->nodes[0].own_ipc_port};
        const struct method *m = method_of(METHOD_DATANODE_getReplicaVisibleLength);
        ProtobufCMessage *r;
        struct rpc_client *c;
        struct bdfs_err err;
        char user[OS_NAME_BYTES], pool[] = "BP-1";

        send_packet(s, &a, &(struct packet){.data = data, .n = 5000});
        expect_ack(s, 0, 1);
        must(os_user_name(os_own_uid(), user, &err), &err);
        must(rpc_client_new(&c, &addr, user, &err), &err);
        block.poolid = pool;
        block.blockid = 73;
        block.generationstamp = 1001;
        q.block = &block;
        must(rpc_client_call(c, m, &q.base, &r, soon(), &err), &err);
        assert_int_equal(((Hadoop__GetReplicaVisibleLengthResponseProto *)r)->length, 5000);
        message_free(r);
        block.blockid = 74;
        assert_int_not_equal(rpc_client_call(c, m, &q.base, &r, soon(), &err), BDFS_OK);
        rpc_client_free(c);
        os_sock_close(s);
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
                T(1, tokens_that_do_not_fit_are_refused),
                T(1, a_token_is_good_only_for_its_user),
                T(1, the_limit_of_a_tokens_length_holds_for_writes),
                T(1, stages_that_go_on_with_a_replica_are_refused_clearly),
                T(1, a_second_writer_of_a_block_is_refused),
                T(2, an_unreachable_next_node_is_blamed),
                T(2, a_bad_checksum_is_answered_and_nothing_of_it_is_kept),
                T(2, a_lost_next_node_is_told_with_the_first_packet_it_missed),
                T(2, a_full_disk_is_answered_in_place_of_the_ack),
                T(2, a_seal_is_acknowledged_though_the_namenode_is_away),
                T(1, unknown_operations_close_and_short_circuit_ones_are_unsupported),
                T(1, block_checksums_are_those_of_the_bytes),
                T(1, a_tiny_block_has_hadoops_own_checksum),
                T(1, a_local_reader_gets_the_file_itself),
                T(1, a_deleted_replica_is_gone_and_reported),
                T(3, a_replica_is_copied_to_other_nodes),
                T(1, a_stopped_writer_leaves_what_verifies_and_a_seal_makes_it_final),
                T(1, replicas_survive_a_restart),
                T(1, another_clusters_directory_is_refused),
                T(1, decayed_bytes_are_noticed_reported_and_not_served),
                T(1, the_visible_length_is_asked_by_call),
        };

        log_open("test_datanode", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
