/* Packets and pipeline acks, in the bytes of stock clients and in bytes nobody should send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/transfer.h"
#include "tests/vectors/hdfs_wire.h"

/* Decode from memory of exactly the right size. */
static enum bdfs_status decode(const void *bytes, size_t n, struct transfer_packet *ret,
                               size_t *ret_head_n, size_t *ret_need)
{
        uint8_t *copy = malloc(n > 0 ? n : 1);
        struct bdfs_err err = {.status = BDFS_OK};
        enum bdfs_status rc;

        assert_non_null(copy);
        memcpy(copy, bytes, n);
        rc = transfer_packet_decode(copy, n, ret, ret_head_n, ret_need, &err);
        assert_int_equal(rc, err.status);
        free(copy);
        return rc;
}

static void assert_head(const struct transfer_packet *p, const char *want, size_t n)
{
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];
        struct transfer_packet back;
        size_t head_n, need;

        assert_int_equal(transfer_packet_encode(head, p), n);
        assert_memory_equal(head, want, n);
        assert_int_equal(decode(want, n, &back, &head_n, &need), BDFS_OK);
        assert_int_equal(need, 0);
        assert_int_equal(head_n, n);
        assert_true(back.offset == p->offset);
        assert_true(back.seqno == p->seqno);
        assert_int_equal(back.sums_n, p->sums_n);
        assert_int_equal(back.data_n, p->data_n);
        assert_int_equal(back.last, p->last);
        assert_int_equal(back.sync, p->sync);
}

static void packets_have_the_bytes_of_stock_programs(void **state)
{
        struct transfer_packet data = {.sums_n = 4, .data_n = 4};
        struct transfer_packet last = {.offset = 4, .seqno = 1, .last = true};

        (void)state;
        assert_head(&data, VECTOR_PACKET_HEAD, VECTOR_SIZE(VECTOR_PACKET_HEAD));
        assert_head(&last, VECTOR_PACKET_LAST, VECTOR_SIZE(VECTOR_PACKET_LAST));
}

static void head_of_a_read_packet_is_exactly_31_bytes(void **state)
{
        struct transfer_packet p = {INT64_MAX - 65536, INT64_MAX, 512, 65536, false, false};
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];

        (void)state;
        assert_int_equal(transfer_packet_encode(head, &p), 31);
        p.sync = true;
        assert_int_equal(transfer_packet_encode(head, &p), 33);
        assert_int_equal(head[5], 27);
}

static void sync_and_heartbeats_survive_the_wire(void **state)
{
        static const struct transfer_packet packets[] = {
                {.seqno = 7, .offset = 1024, .sync = true},               /* hsync, nothing new */
                {.seqno = TRANSFER_SEQNO_HEARTBEAT},
                {.seqno = 9, .offset = 99, .last = true, .sync = true},   /* as hdfs-native ends */
                {.seqno = 1, .data_n = 65536, .sums_n = 512},             /* as gohdfs writes */
                {.seqno = 1, .data_n = 100, .sums_n = 0},                 /* no checksums */
                {.seqno = 0, .offset = 511, .data_n = 513, .sums_n = 8},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
                uint8_t head[TRANSFER_HEAD_BYTES_MAX];
                size_t n = transfer_packet_encode(head, &packets[i]);

                assert_head(&packets[i], (const char *)head, n);
        }
}

static void decoder_asks_for_the_head_and_no_byte_more(void **state)
{
        (void)state;
        for (size_t n = 0; n < VECTOR_SIZE(VECTOR_PACKET_HEAD); n++) {
                struct transfer_packet p;
                size_t head_n = 77, need = 0;

                assert_int_equal(decode(VECTOR_PACKET, n, &p, &head_n, &need), BDFS_OK);
                assert_int_equal(n + need, VECTOR_SIZE(VECTOR_PACKET_HEAD));
                assert_int_equal(head_n, 77);
        }
}

#define FIELDS(offset, seqno, last, len)                                    \
        "\x09" offset "\x00\x00\x00\x00\x00\x00\x00\x11" seqno "\x18" last "\x25" len
#define PREFIX(plen) "\x00\x00\x00" plen "\x00\x19"
#define S0 "\x00\x00\x00\x00\x00\x00\x00\x00"
#define SMINUS1 "\xff\xff\xff\xff\xff\xff\xff\xff"
#define SMINUS2 "\xfe\xff\xff\xff\xff\xff\xff\xff"

static void malformed_packets_are_refused(void **state)
{
        static const struct {
                const char *what;
                const char *bytes;
                size_t n;
        } cases[] = {
#define CASE(what, literal) {what, literal, sizeof(literal) - 1}
                CASE("PLEN 3", PREFIX("\x03") FIELDS("\0", S0, "\0", "\0\0\0\0")),
                CASE("PLEN 0", "\0\0\0\0\0\x19" FIELDS("\0", S0, "\0", "\0\0\0\0")),
                CASE("16 MiB", "\x01\0\0\0\0\x19" FIELDS("\0", S0, "\0", "\0\0\0\x01")),
                CASE("PLEN negative", "\xff\xff\xff\xff\0\x19" FIELDS("\0", S0, "\0", "\0\0\0\0")),
                CASE("HLEN 24", "\0\0\0\x04\0\x18" FIELDS("\0", S0, "\0", "\0\0\0\0")),
                CASE("HLEN 0", "\0\0\0\x04\0\0" FIELDS("\0", S0, "\0", "\0\0\0\0")),
                CASE("HLEN 65", "\0\0\0\x04\0\x41" FIELDS("\0", S0, "\0", "\0\0\0\0")),
                CASE("HLEN 65535", "\0\0\0\x04\xff\xff" FIELDS("\0", S0, "\0", "\0\0\0\0")),
                CASE("more data than PLEN",
                     PREFIX("\x08") FIELDS("\0", S0, "\0", "\x05\0\0\0")),
                CASE("data negative",
                     PREFIX("\x08") FIELDS("\0", S0, "\0", "\xff\xff\xff\xff")),
                CASE("checksum of 3 bytes",
                     PREFIX("\x0b") FIELDS("\0", S0, "\0", "\x04\0\0\0")),
                CASE("checksums of nothing", PREFIX("\x08") FIELDS("\0", S0, "\0", "\0\0\0\0")),
                CASE("2 checksums of a byte",
                     PREFIX("\x0d") FIELDS("\0", S0, "\0", "\x01\0\0\0")),
                CASE("last with data", PREFIX("\x08") FIELDS("\0", S0, "\x01", "\x04\0\0\0")),
                CASE("heartbeat with data",
                     PREFIX("\x08") FIELDS("\0", SMINUS1, "\0", "\x04\0\0\0")),
                CASE("heartbeat as the last",
                     PREFIX("\x04") FIELDS("\0", SMINUS1, "\x01", "\0\0\0\0")),
                CASE("sequence -2", PREFIX("\x04") FIELDS("\0", SMINUS2, "\0", "\0\0\0\0")),
                CASE("offset -1", "\0\0\0\x04\0\x19\x09" SMINUS1 "\x11" S0 "\x18\0\x25\0\0\0\0"),
                CASE("end beyond 2^63", PREFIX("\x0c") "\x09\xff\xff\xff\xff\xff\xff\xff\x7f"
                                        "\x11" S0 "\x18\0\x25\x04\0\0\0"),
                CASE("no length", "\0\0\0\x04\0\x19\x09" S0 "\x11" S0 "\x18\0\x28\x80\x80\x80\0"),
                CASE("no offset", "\0\0\0\x04\0\x19\x31" S0 "\x11" S0 "\x18\0\x25\0\0\0\0"),
                CASE("offset as a varint", "\0\0\0\x04\0\x1b\x08\x00\x31" S0 "\x11" S0
                                           "\x18\0\x25\0\0\0\0"),
                CASE("cut field", "\0\0\0\x04\0\x1a\x09" S0 "\x11" S0 "\x18\0\x25\0\0\0\0\x28"),
                CASE("a group", "\0\0\0\x04\0\x1a\x09" S0 "\x11" S0 "\x18\0\x25\0\0\0\0\x33"),
#undef CASE
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct transfer_packet p;
                size_t head_n, need;

                if (decode(cases[i].bytes, cases[i].n, &p, &head_n, &need) != BDFS_PROTOCOL)
                        fail_msg("%s was accepted", cases[i].what);
        }
}

static void largest_packet_that_is_accepted_can_be_sent_on(void **state)
{
        struct transfer_packet p = {.data_n = TRANSFER_PACKET_BYTES_MAX - 4 - 25}, back;
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];
        size_t n = transfer_packet_encode(head, &p), head_n, need;

        (void)state;
        assert_int_equal(decode(head, n, &back, &head_n, &need), BDFS_OK);
        assert_int_equal(transfer_packet_encode(head, &back), n);
        put_u32be(head, get_u32be(head) + 1);
        assert_int_equal(decode(head, n, &back, &head_n, &need), BDFS_PROTOCOL);
}

static void unknown_fields_of_a_packet_are_skipped(void **state)
{
        static const char head[] = "\0\0\0\x04\0\x1b\x09" S0 "\x11" S0 "\x18\0\x25\0\0\0\0\x30\x05";
        struct transfer_packet p;
        size_t head_n, need;

        (void)state;
        assert_int_equal(decode(head, sizeof(head) - 1, &p, &head_n, &need), BDFS_OK);
        assert_int_equal(need, 0);
        assert_int_equal(head_n, 33);
        assert_false(p.sync);
}

static void checksums_count_one_for_each_chunk(void **state)
{
        (void)state;
        assert_int_equal(transfer_sums_bytes(0, 512), 0);
        assert_int_equal(transfer_sums_bytes(1, 512), 4);
        assert_int_equal(transfer_sums_bytes(512, 512), 4);
        assert_int_equal(transfer_sums_bytes(513, 512), 8);
        assert_int_equal(transfer_sums_bytes(65536, 512), 512);
        assert_int_equal(transfer_sums_bytes(65536, 0), 0);
        assert_int_equal(transfer_sums_bytes(TRANSFER_PACKET_BYTES_MAX, UINT32_MAX), 4);
}

static void read_packets_come_in_turn_and_are_not_empty(void **state)
{
        struct transfer_packet p = {.seqno = 3, .data_n = 600, .sums_n = 8};
        struct bdfs_err err;

        (void)state;
        assert_int_equal(transfer_packet_check_read(&p, 3, 512, &err), BDFS_OK);
        assert_int_equal(transfer_packet_check_read(&p, 4, 512, &err), BDFS_PROTOCOL);
        assert_int_equal(transfer_packet_check_read(&p, 3, 0, &err), BDFS_PROTOCOL);
        assert_int_equal(transfer_packet_check_read(&p, 3, 600, &err), BDFS_PROTOCOL);
        p = (struct transfer_packet){.seqno = 3};
        assert_int_equal(transfer_packet_check_read(&p, 3, 512, &err), BDFS_PROTOCOL);
        p.last = true;
        assert_int_equal(transfer_packet_check_read(&p, 3, 512, &err), BDFS_OK);
}

/* ---- acks --------------------------------------------------------------------------------- */

static void assert_ack(const struct transfer_ack *ack, const char *want, size_t n)
{
        struct transfer_ack back;
        struct bdfs_err err;
        struct buf b;

        buf_init(&b, 0);
        transfer_ack_encode(&b, ack);
        assert_int_equal(b.n, n);
        assert_memory_equal(b.data, want, n);
        assert_true(b.n >= TRANSFER_REPLY_BYTES_MIN);
        assert_int_equal(transfer_ack_decode(b.data + 1, b.n - 1, &back, &err), BDFS_OK);
        assert_true(back.seqno == ack->seqno);
        assert_int_equal(back.n, ack->n);
        assert_int_equal(back.has_flags, ack->has_flags);
        for (uint32_t i = 0; i < ack->n; i++)
                assert_int_equal(back.reply[i], ack->reply[i]);
        buf_fini(&b);
}

static void acks_have_the_bytes_of_stock_programs(void **state)
{
        struct transfer_ack ack = {.n = 1};

        (void)state;
        assert_ack(&ack, VECTOR_ACK_0, VECTOR_SIZE(VECTOR_ACK_0));
        ack.seqno = 1;
        assert_ack(&ack, VECTOR_ACK_1, VECTOR_SIZE(VECTOR_ACK_1));
        ack.seqno = TRANSFER_SEQNO_HEARTBEAT;
        assert_ack(&ack, VECTOR_ACK_HEARTBEAT, VECTOR_SIZE(VECTOR_ACK_HEARTBEAT));
        ack = (struct transfer_ack){.seqno = 5, .n = 2};
        ack.reply[1] = HADOOP__STATUS__ERROR;
        assert_ack(&ack, VECTOR_ACK_BROKEN, VECTOR_SIZE(VECTOR_ACK_BROKEN));
}

static void flags_come_for_all_nodes_or_none(void **state)
{
        struct transfer_ack ack = {.seqno = 2, .n = 2, .has_flags = true, .downstream_ns = 300};
        struct transfer_ack back;
        struct bdfs_err err;
        struct buf b;

        (void)state;
        ack.flag[0] = 0x20;
        ack.flag[1] = 0x181;
        buf_init(&b, 0);
        transfer_ack_encode(&b, &ack);
        assert_int_equal(transfer_ack_decode(b.data + 1, b.n - 1, &back, &err), BDFS_OK);
        assert_true(back.has_flags);
        assert_true(back.downstream_ns == 300);
        assert_int_equal(transfer_ack_status(&back, 0), HADOOP__STATUS__SUCCESS);
        assert_int_equal(transfer_ack_status(&back, 1), HADOOP__STATUS__ERROR);
        buf_fini(&b);
        assert_int_equal(
                transfer_ack_decode("\x08\x04\x10\x00\x10\x00\x22\x01\x00", 9, &back, &err),
                BDFS_PROTOCOL);
        assert_int_equal(transfer_ack_decode("\x08\x04\x10\x00\x22\x02\x00\x00", 8, &back, &err),
                         BDFS_PROTOCOL);
        /* an empty packed list is none; flags also come one by one */
        assert_int_equal(transfer_ack_decode("\x08\x04\x10\x05\x22\x00", 6, &back, &err), BDFS_OK);
        assert_false(back.has_flags);
        assert_int_equal(transfer_ack_status(&back, 0), HADOOP__STATUS__ERROR_ACCESS_TOKEN);
        assert_int_equal(transfer_ack_decode("\x08\x04\x10\x05\x20\x00", 6, &back, &err), BDFS_OK);
        assert_int_equal(transfer_ack_status(&back, 0), HADOOP__STATUS__SUCCESS);
}

static void malformed_acks_are_refused(void **state)
{
        static const struct {
                const char *bytes;
                size_t n;
        } cases[] = {
#define CASE(literal) {literal, sizeof(literal) - 1}
                CASE(""),
                CASE("\x08\x00"),                 /* no replies: the fault that hangs gohdfs */
                CASE("\x10\x00"),                 /* no sequence number */
                CASE("\x08\x05\x10\x00"),         /* sequence -3 */
                CASE("\x0a\x00\x10\x00"),         /* sequence number as bytes */
                CASE("\x08\x00\x15\x00\x00\x00\x00"), /* reply as fixed32 */
                CASE("\x08\x00\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* reply -1 */
                CASE("\x08\x00\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
                CASE("\x08\x00\x10\x00\x1a\x00"),     /* time as bytes */
                CASE("\x08\x00\x10\x00\x22\x01\x80"), /* packed flag cut */
                CASE("\x08\x00\x10\x00\x22\x05\x00"), /* packed flags cut */
                CASE("\x08\x00\x10\x00\x00"),
                CASE("\x08\x00\x10"),
#undef CASE
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct transfer_ack ack;
                struct bdfs_err err;

                assert_int_equal(transfer_ack_decode(cases[i].bytes, cases[i].n, &ack, &err),
                                 BDFS_PROTOCOL);
        }
}

static void pipelines_are_bounded(void **state)
{
        struct transfer_ack ack = {.seqno = INT64_MAX, .n = TRANSFER_NODES_MAX, .has_flags = true,
                                   .downstream_ns = UINT64_MAX};
        struct transfer_ack back;
        struct message_span span;
        struct bdfs_err err;
        struct buf b;

        (void)state;
        for (unsigned i = 0; i < TRANSFER_NODES_MAX; i++) {
                ack.reply[i] = (Hadoop__Status)INT32_MAX;
                ack.flag[i] = UINT32_MAX;
        }
        buf_init(&b, 0);
        transfer_ack_encode(&b, &ack);
        assert_int_equal(message_delimited(b.data, b.n, 4096, &span, &err), BDFS_OK);
        assert_int_equal(span.total, b.n);
        assert_int_equal(transfer_ack_decode(span.message, span.message_n, &back, &err), BDFS_OK);
        assert_memory_equal(&back.flag, &ack.flag, sizeof(ack.flag));
        buf_add(&b, "\x10\x00", 2);
        assert_int_equal(transfer_ack_decode(span.message, span.message_n + 2, &back, &err),
                         BDFS_PROTOCOL);
        buf_fini(&b);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(packets_have_the_bytes_of_stock_programs),
                cmocka_unit_test(head_of_a_read_packet_is_exactly_31_bytes),
                cmocka_unit_test(sync_and_heartbeats_survive_the_wire),
                cmocka_unit_test(decoder_asks_for_the_head_and_no_byte_more),
                cmocka_unit_test(malformed_packets_are_refused),
                cmocka_unit_test(largest_packet_that_is_accepted_can_be_sent_on),
                cmocka_unit_test(unknown_fields_of_a_packet_are_skipped),
                cmocka_unit_test(checksums_count_one_for_each_chunk),
                cmocka_unit_test(read_packets_come_in_turn_and_are_not_empty),
                cmocka_unit_test(acks_have_the_bytes_of_stock_programs),
                cmocka_unit_test(flags_come_for_all_nodes_or_none),
                cmocka_unit_test(malformed_acks_are_refused),
                cmocka_unit_test(pipelines_are_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
