/* What a datanode refuses, and what it answers when something fails. */
#include "test_datanode_client.h"

#include <pwd.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/resource.h>

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

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(n, name) cmocka_unit_test_setup_teardown(name, setup_##n, teardown)
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
        };

        log_open("test_datanode_refusals", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
