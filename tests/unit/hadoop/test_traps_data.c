/* Traps 20, 21, 25, 28-36, 46 of stock clients: a datanode's data port, and its address. */
#include "tests/unit/hadoop/test_hadoop_data.h"

#define HOST_NAME "a-name.example"

static int setup(void **state)
{
        *state = hadoop_start(2, "host_name = " HOST_NAME "\n");
        return 0;
}

static int teardown(void **state)
{
        hadoop_stop(*state);
        return 0;
}

/* A block of a new file, open for "writer", on @nodes nodes. */
static const Hadoop__LocatedBlockProto *new_block(struct peer *p, const char *src, uint32_t nodes)
{
        const Hadoop__LocatedBlockProto *b;

        (void)ask_create(p, src, "writer", nodes);
        b = ask_block(p, src, "writer", NULL);
        assert_int_equal(b->n_locs, nodes);
        return b;
}

static void complete_and_compare(struct peer *p, const char *src,
                                 const Hadoop__ExtendedBlockProto *last, const uint8_t *data,
                                 enum crc_type type)
{
        Hadoop__LocatedBlockProto *b;

        assert_true(ask_complete(p, src, "writer", last));
        b = ask_locations(p, src, 0, INT64_MAX)->blocks[0];
        assert_int_equal(b->b->numbytes, last->numbytes);
        for (size_t i = 0; i < b->n_locs; i++) { /* from each node */
                Hadoop__LocatedBlockProto one = *b;

                one.locs = b->locs + i;
                wants_bytes(&one, 0, last->numbytes, data, type);
        }
}

/* 20: Java says the file's block size where others say a length. */
static void trap_20_the_block_size_in_a_write_is_no_length(void **state)
{
        const struct write_how how = HOW_JAVA;
        struct peer *p = peer_open(*state);
        uint8_t *data = some_bytes(1000);
        Hadoop__ExtendedBlockProto last;

        assert_true(how.full_size);
        write_block(new_block(p, "/t20", 2), &how, data, 1000, &last);
        complete_and_compare(p, "/t20", &last, data, CRC_CRC32C);
        free(data);
        peer_close(p);
}

/* 21: pipelineSize of the targets alone, and no word about storage. 28: its packets. */
static void traps_21_28_what_gohdfs_leaves_out_is_not_missed(void **state)
{
        const struct write_how how = HOW_GOHDFS;
        struct peer *p = peer_open(*state);
        uint8_t *data = some_bytes(3 * 65536 + 100);
        Hadoop__ExtendedBlockProto last;

        assert_int_equal(how.first_seqno, 1);
        assert_int_equal(how.step + transfer_sums_bytes(65536, 512) + 4, 66052);
        write_block(new_block(p, "/t21", 2), &how, data, 3 * 65536 + 100, &last);
        complete_and_compare(p, "/t21", &last, data, CRC_CRC32);
        free(data);
        peer_close(p);
}

/* 25, 33: gohdfs reads five bytes at once, hdfs-native the whole reply from one segment. */
static void wants_one_segment(struct os_sock *s)
{
        uint8_t bytes[1024];
        struct message_span span;
        struct bdfs_err err;
        size_t n;

        must(os_sock_read_some(s, bytes, sizeof(bytes), &n, soon(), &err), &err);
        assert_true(n >= 5);
        must(message_delimited(bytes, n, sizeof(bytes), &span, &err), &err);
        assert_int_equal(span.need, 0);
}

static void traps_25_33_replies_are_long_enough_and_in_one_piece(void **state)
{
        const struct write_how how = HOW_JAVA;
        struct peer *p = peer_open(*state);
        uint8_t *data = some_bytes(1000);
        Hadoop__LocatedBlockProto b, other;
        Hadoop__ExtendedBlockProto last, id;
        struct write_op w;
        struct os_sock *s;

        b = *new_block(p, "/t25", 2);
        s = data_dial(b.locs[0]);
        write_op_init(&w, &b, &how);
        data_send_op(s, TRANSFER_WRITE_BLOCK, &w.op.base); /* accepted */
        wants_one_segment(s);
        write_packet(s, &how, &(struct transfer_packet){.data_n = 1000}, data);
        wants_one_segment(s); /* an ack */
        write_packet(s, &how, &(struct transfer_packet){.offset = 1000, .seqno = 1, .last = true},
                     NULL);
        wants_one_segment(s);
        os_sock_close(s);
        last = *b.b;
        last.numbytes = 1000;
        assert_true(ask_complete(p, "/t25", "writer", &last));
        other = *ask_locations(p, "/t25", 0, 1000)->blocks[0];
        s = data_dial(other.locs[0]);
        read_op_send(s, &other, 0, 2000); /* refused */
        wants_one_segment(s);
        os_sock_close(s);
        id = *other.b;
        id.blockid++;
        other.b = &id;
        s = data_dial(other.locs[0]);
        read_op_send(s, &other, 0, 1000); /* refused */
        wants_one_segment(s);
        os_sock_close(s);
        free(data);
        peer_close(p);
}

/* 29: gohdfs closes with packets unread, and never says what it thinks of a read. */
static void trap_29_a_reader_that_leaves_is_no_error(void **state)
{
        struct peer *p = peer_open(*state);
        Hadoop__GetFsStatusRequestProto q = HADOOP__GET_FS_STATUS_REQUEST_PROTO__INIT;
        const Hadoop__GetFsStatsResponseProto *stats;
        uint8_t *data = some_bytes(HADOOP_BLOCK), bytes[100];
        const Hadoop__LocatedBlockProto *b;
        struct bdfs_err err;

        make_file(p, "/t29", data, HADOOP_BLOCK, 1);
        b = ask_locations(p, "/t29", 0, INT64_MAX)->blocks[0];
        for (unsigned i = 0; i < 40; i++) {
                struct os_sock *s = data_dial(b->locs[0]);

                read_op_send(s, b, 0, HADOOP_BLOCK);
                if (i % 2 == 0) { /* with most of it unread, which resets the connection */
                        must(os_sock_read(s, bytes, sizeof(bytes), soon(), &err), &err);
                } else {
                        struct read_back r;

                        read_packets(s, &r);
                        buf_fini(&r.bytes);
                }
                os_sock_close(s);
        }
        wants_bytes(b, 0, HADOOP_BLOCK, data, CRC_CRC32C);
        stats = peer_ask(p, METHOD_CLIENT_getFsStats, &q.base);
        assert_int_equal(stats->corrupt_blocks, 0);
        free(data);
        peer_close(p);
}

/* 30: also where the range ends before the block does. read_packets() reads up to the empty one. */
static void trap_30_every_range_ends_with_an_empty_packet(void **state)
{
        static const uint64_t ranges[][2] = {{0, 1}, {0, 512}, {511, 2}, {700, 600},
                                             {0, 300000}, {299999, 1}, {1024, 512}};
        struct peer *p = peer_open(*state);
        uint8_t *data = some_bytes(300000);
        const Hadoop__LocatedBlockProto *b;

        make_file(p, "/t30", data, 300000, 1);
        b = ask_locations(p, "/t30", 0, INT64_MAX)->blocks[0];
        for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
                wants_bytes(b, ranges[i][0], ranges[i][1], data, CRC_CRC32C);
        free(data);
        peer_close(p);
}

/* 31: libhdfs3 reads heads of 31 bytes. All of a read, byte for byte. */
static void trap_31_a_read_has_the_documented_bytes(void **state)
{
        static const uint8_t want[] = {
                0x0D, 8, 0, 0x22, 9, 0x0A, 5, 8, 2, 0x10, 0x80, 4, 0x10, 0,
                0, 0, 0, 0x0C, 0, 0x19, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 0,
                0x18, 0, 0x25, 4, 0, 0, 0, 0xFB, 0x1D, 6, 0xC8, 'b', 'a', 'r', '\n',
                0, 0, 0, 4, 0, 0x19, 9, 4, 0, 0, 0, 0, 0, 0, 0, 0x11, 1, 0, 0, 0, 0, 0, 0, 0,
                0x18, 1, 0x25, 0, 0, 0, 0,
        };
        struct peer *p = peer_open(*state);
        const Hadoop__LocatedBlockProto *b;
        uint8_t got[sizeof(want)];
        struct os_sock *s;
        struct bdfs_err err;

        make_file(p, "/t31", (const uint8_t *)"bar\n", 4, 1);
        b = ask_locations(p, "/t31", 0, 4)->blocks[0];
        s = data_dial(b->locs[0]);
        read_op_send(s, b, 0, 4);
        must(os_sock_read(s, got, sizeof(got), soon(), &err), &err);
        assert_memory_equal(got, want, sizeof(want));
        os_sock_close(s);
        peer_close(p);
}

/* 32: the node that could not be reached, by its numeric address, whatever its name is. */
static void trap_32_a_bad_link_is_a_numeric_address(void **state)
{
        const struct write_how how = HOW_JAVA;
        struct hadoop *h = *state;
        struct peer *p = peer_open(h);
        Hadoop__LocatedBlockProto b = *new_block(p, "/t32", 2);
        Hadoop__DatanodeInfoProto *locs[2] = {b.locs[1], b.locs[0]};
        Hadoop__BlockOpResponseProto *r;
        struct write_op w;
        struct os_sock *s;
        char link[64];

        if (strcmp(b.locs[1]->id->hostname, HOST_NAME) != 0)
                b.locs = locs; /* the named node comes last */
        node_stop(h, 0);
        s = data_dial(b.locs[0]);
        write_op_init(&w, &b, &how);
        data_send_op(s, TRANSFER_WRITE_BLOCK, &w.op.base);
        r = data_reply(s);
        assert_non_null(r);
        assert_int_equal(r->status, HADOOP__STATUS__ERROR);
        (void)snprintf(link, sizeof(link), "127.0.0.1:%u", b.locs[1]->id->xferport);
        assert_string_equal(r->firstbadlink, link);
        message_free(r);
        os_sock_close(s);
        node_start(h, 0, "host_name = " HOST_NAME "\n");
        peer_close(p);
}

static void wants_plain_ack(struct os_sock *s, int64_t seqno, size_t nodes)
{
        Hadoop__PipelineAckProto *a;
        struct message_span span;
        struct bdfs_err err;
        uint8_t bytes[1024];
        size_t n = data_read(s, bytes, sizeof(bytes));

        must(message_delimited(bytes, n, sizeof(bytes), &span, &err), &err);
        a = message_unpack(&hadoop__pipeline_ack_proto__descriptor, span.message, span.message_n,
                           &err);
        assert_non_null(a);
        assert_int_equal(a->seqno, seqno);
        assert_int_equal(a->n_reply, nodes);
        assert_true(a->n_flag == 0 || a->n_flag == nodes); /* 35: all or none */
        message_free(a);
}

/* 34: heartbeats go through the pipeline and come back, between packets and before the first. */
static void traps_34_35_heartbeats_are_acknowledged_and_flags_are_all_or_none(void **state)
{
        const struct write_how how = HOW_JAVA;
        const struct transfer_packet beat = {.seqno = TRANSFER_SEQNO_HEARTBEAT};
        struct peer *p = peer_open(*state);
        uint8_t *data = some_bytes(1000);
        const Hadoop__LocatedBlockProto *b = new_block(p, "/t34", 2);
        struct os_sock *s = write_open(b, &how);
        Hadoop__ExtendedBlockProto last = *b->b;

        write_packet(s, &how, &beat, NULL);
        wants_plain_ack(s, -1, 2);
        write_packet(s, &how, &(struct transfer_packet){.data_n = 1000}, data);
        wants_plain_ack(s, 0, 2);
        write_packet(s, &how, &beat, NULL);
        write_packet(s, &how, &beat, NULL);
        wants_plain_ack(s, -1, 2);
        wants_plain_ack(s, -1, 2);
        write_last(s, &how, 2, 1000, 1);
        last.numbytes = 1000;
        complete_and_compare(p, "/t34", &last, data, CRC_CRC32C);
        free(data);
        peer_close(p);
}

/* 36: after a flush Java sends the last, partial chunk again from its start. */
static void trap_36_a_chunk_that_is_sent_again_is_written_over(void **state)
{
        static const size_t flushed[] = {1, 511, 512, 513, 700, 1300, 5000};
        const struct write_how how = HOW_JAVA;
        struct peer *p = peer_open(*state);
        uint8_t *data = some_bytes(6000);
        const Hadoop__LocatedBlockProto *b = new_block(p, "/t36", 2);
        struct os_sock *s = write_open(b, &how);
        Hadoop__ExtendedBlockProto last = *b->b;
        uint64_t offset = 0;
        int64_t seqno = 0;

        for (size_t i = 0; i < sizeof(flushed) / sizeof(flushed[0]); i++) {
                seqno = write_data(s, &how, 2, offset, seqno, data + offset, flushed[i] - offset);
                offset = flushed[i] / 512 * 512;
        }
        seqno = write_data(s, &how, 2, offset, seqno, data + offset, 6000 - offset);
        write_last(s, &how, 2, 6000, seqno);
        last.numbytes = 6000;
        complete_and_compare(p, "/t36", &last, data, CRC_CRC32C);
        free(data);
        peer_close(p);
}

/* Nobody can connect to the wildcard address, so none starts that would be known by it. */
static void wildcard_is_refused(struct hadoop *h, const char *address)
{
        struct datanode_conf conf;
        struct datanode *dn = NULL;
        struct bdfs_err err;
        char text[400];

        (void)snprintf(text, sizeof(text),
                       "cluster = " HADOOP_CLUSTER "\ndata = %s/dn0\nnamenodes = 127.0.0.1:%u\n"
                       "own_port = 0\nlisten = %s\nany_address = yes\n",
                       h->dir, namenode_port(h->nn, RPC_OWN), address);
        must(conf_parse(datanode_conf_table, datanode_conf_table_n, "datanode", text, strlen(text),
                        &conf, &err), &err);
        assert_int_equal(datanode_start(&dn, &conf, &err), BDFS_INVALID);
        conf_free(datanode_conf_table, datanode_conf_table_n, &conf);
}

static void trap_46_nodes_have_their_names_and_addresses_that_can_be_reached(void **state)
{
        struct hadoop *h = *state;
        struct peer *p = peer_open(h);
        Hadoop__GetDatanodeReportRequestProto q = HADOOP__GET_DATANODE_REPORT_REQUEST_PROTO__INIT;
        const Hadoop__GetDatanodeReportResponseProto *r;
        unsigned named = 0;

        wildcard_is_refused(h, "0.0.0.0");
        wildcard_is_refused(h, "::");
        q.type = HADOOP__DATANODE_REPORT_TYPE_PROTO__ALL;
        r = peer_ask(p, METHOD_CLIENT_getDatanodeReport, &q.base);
        assert_int_equal(r->n_di, 2);
        for (size_t i = 0; i < r->n_di; i++) {
                assert_string_equal(r->di[i]->id->ipaddr, "127.0.0.1");
                if (strcmp(r->di[i]->id->hostname, HOST_NAME) == 0)
                        named++;
                else
                        assert_string_equal(r->di[i]->id->hostname, "127.0.0.1");
        }
        assert_int_equal(named, 1);
        peer_close(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(trap_20_the_block_size_in_a_write_is_no_length),
                cmocka_unit_test(traps_21_28_what_gohdfs_leaves_out_is_not_missed),
                cmocka_unit_test(traps_25_33_replies_are_long_enough_and_in_one_piece),
                cmocka_unit_test(trap_29_a_reader_that_leaves_is_no_error),
                cmocka_unit_test(trap_30_every_range_ends_with_an_empty_packet),
                cmocka_unit_test(trap_31_a_read_has_the_documented_bytes),
                cmocka_unit_test(trap_32_a_bad_link_is_a_numeric_address),
                cmocka_unit_test(
                        traps_34_35_heartbeats_are_acknowledged_and_flags_are_all_or_none),
                cmocka_unit_test(trap_36_a_chunk_that_is_sent_again_is_written_over),
                cmocka_unit_test(
                        trap_46_nodes_have_their_names_and_addresses_that_can_be_reached),
        };

        log_open("test_traps_data", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, setup, teardown);
}
