/* DataTransferProtocol operations, replies and statuses, in the bytes of stock clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/transfer.h"
#include "tests/vectors/hdfs_wire.h"

static void assert_bytes(struct buf *b, const char *want, size_t n)
{
        assert_false(b->bad);
        assert_int_equal(b->n, n);
        assert_memory_equal(b->data, want, n);
        buf_fini(b);
}

static void read_block_op(struct buf *b)
{
        Hadoop__OpReadBlockProto op = HADOOP__OP_READ_BLOCK_PROTO__INIT;
        Hadoop__ClientOperationHeaderProto header = HADOOP__CLIENT_OPERATION_HEADER_PROTO__INIT;
        Hadoop__BaseHeaderProto base = HADOOP__BASE_HEADER_PROTO__INIT;
        Hadoop__ExtendedBlockProto block = HADOOP__EXTENDED_BLOCK_PROTO__INIT;
        Hadoop__TokenProto token = HADOOP__TOKEN_PROTO__INIT;
        char pool[] = "BP-1", client[] = "c", empty[] = "";

        block.poolid = pool;
        block.blockid = 1073741825;
        block.generationstamp = 1001;
        block.has_numbytes = true;
        block.numbytes = 4;
        token.kind = empty;
        token.service = empty;
        base.block = &block;
        base.token = &token;
        header.baseheader = &base;
        header.clientname = client;
        op.header = &header;
        op.len = 4;
        transfer_op_encode(b, TRANSFER_READ_BLOCK, &op.base);
}

static void operation_has_the_bytes_of_stock_clients(void **state)
{
        static const uint8_t bytes[] = VECTOR_OP_READ_BLOCK;
        Hadoop__OpReadBlockProto *op;
        struct message_span span;
        unsigned opcode = 0;
        struct bdfs_err err;
        struct buf b;

        (void)state;
        buf_init(&b, 0);
        read_block_op(&b);
        assert_bytes(&b, VECTOR_OP_READ_BLOCK, VECTOR_SIZE(VECTOR_OP_READ_BLOCK));

        assert_int_equal(transfer_op_decode(bytes, sizeof(bytes), &opcode, &span, &err), BDFS_OK);
        assert_int_equal(span.need, 0);
        assert_int_equal(span.total, VECTOR_SIZE(VECTOR_OP_READ_BLOCK));
        assert_int_equal(opcode, TRANSFER_READ_BLOCK);
        op = message_unpack(transfer_op_descriptor(opcode), span.message, span.message_n, &err);
        assert_non_null(op);
        assert_string_equal(op->header->baseheader->block->poolid, "BP-1");
        assert_true(op->header->baseheader->block->blockid == 1073741825);
        assert_true(op->header->baseheader->block->generationstamp == 1001);
        assert_true(op->header->baseheader->block->has_numbytes);
        assert_int_equal(op->header->baseheader->token->identifier.len, 0);
        assert_string_equal(op->header->clientname, "c");
        assert_int_equal(op->len, 4);
        assert_true(op->sendchecksums); /* the default, when absent */
        message_free(op);
}

/* Feed a decoder what it asks for and nothing more; it must end exactly at the end. */
static void operation_says_exactly_what_it_needs(void **state)
{
        const uint8_t *from = VECTOR_BYTES(VECTOR_OP_READ_BLOCK);
        size_t n = 0, size = VECTOR_SIZE(VECTOR_OP_READ_BLOCK), turns = 0;
        struct message_span span = {.need = 1};
        unsigned opcode;
        struct bdfs_err err;

        (void)state;
        while (span.need > 0) {
                uint8_t *here = malloc(n + 1);

                assert_non_null(here);
                memcpy(here, from, n);
                assert_int_equal(transfer_op_decode(here, n, &opcode, &span, &err), BDFS_OK);
                n += span.need;
                assert_true(n <= size);
                free(here);
                turns++;
        }
        assert_int_equal(n, size);
        assert_int_equal(turns, 3); /* nothing, the head, all of it */
}

static void every_truncation_of_an_operation_waits_for_more(void **state)
{
        (void)state;
        for (size_t n = 0; n < VECTOR_SIZE(VECTOR_OP_READ_BLOCK); n++) {
                struct message_span span;
                unsigned opcode = 7;
                struct bdfs_err err;

                assert_int_equal(transfer_op_decode(VECTOR_BYTES(VECTOR_OP_READ_BLOCK), n, &opcode,
                                                    &span, &err),
                                 BDFS_OK);
                assert_true(span.need > 0);
                assert_true(n + span.need <= VECTOR_SIZE(VECTOR_OP_READ_BLOCK));
                assert_int_equal(opcode, 7);
        }
}

static void other_operations_are_refused(void **state)
{
        static const struct {
                const char bytes[12];
                enum bdfs_status want;
        } cases[] = {
                {"\x00\x1b\x51\x01", BDFS_PROTOCOL},                 /* version 27 */
                {"\x00\x1c\x52\x01", BDFS_PROTOCOL},                 /* READ_METADATA */
                {"\x00\x1c\x7f\x01", BDFS_PROTOCOL},                 /* CUSTOM */
                {"\x00\x1c\x00\x01", BDFS_PROTOCOL},
                {"\x00\x1c\x51\x81\x80\x40", BDFS_PROTOCOL},         /* 1 MiB and a byte */
                {"\x00\x1c\x51\xff\xff\xff\xff\x0f", BDFS_PROTOCOL}, /* 4 GiB */
                {"\x00\x1c\x51\x80\x80\x80\x80\x80\x00", BDFS_PROTOCOL},
                {"\xde\xad\xbe\xef", BDFS_UNSUPPORTED},
                {"GET / HTTP", BDFS_PROTOCOL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct message_span span;
                unsigned opcode;
                struct bdfs_err err;

                assert_int_equal(transfer_op_decode(cases[i].bytes, 11, &opcode, &span, &err),
                                 cases[i].want);
        }
}

static void every_operation_has_a_name_and_a_message(void **state)
{
        unsigned n = 0;

        (void)state;
        for (unsigned opcode = 0; opcode < 256; opcode++) {
                assert_true((transfer_op_name(opcode) == NULL) ==
                            (transfer_op_descriptor(opcode) == NULL));
                n += transfer_op_name(opcode) != NULL;
        }
        assert_int_equal(n, 10);
        assert_string_equal(transfer_op_name(80), "WRITE_BLOCK");
        assert_ptr_equal(transfer_op_descriptor(86), &hadoop__op_transfer_block_proto__descriptor);
}

static void replies_have_the_bytes_that_stock_clients_read(void **state)
{
        struct buf b;

        (void)state;
        buf_init(&b, 0);
        transfer_ok_encode(&b);
        assert_bytes(&b, VECTOR_WRITE_OK, VECTOR_SIZE(VECTOR_WRITE_OK));
        transfer_read_ok_encode(&b, HADOOP__CHECKSUM_TYPE_PROTO__CHECKSUM_CRC32C, 512, 0);
        assert_bytes(&b, VECTOR_READ_OK, VECTOR_SIZE(VECTOR_READ_OK));
        transfer_read_status_encode(&b, HADOOP__STATUS__CHECKSUM_OK);
        assert_bytes(&b, VECTOR_READ_STATUS, VECTOR_SIZE(VECTOR_READ_STATUS));
}

static void no_reply_is_shorter_than_five_bytes(void **state)
{
        (void)state;
        for (int status = 0; status <= HADOOP__STATUS__ERROR_BLOCK_PINNED; status++) {
                Hadoop__BlockOpResponseProto reply = HADOOP__BLOCK_OP_RESPONSE_PROTO__INIT;
                Hadoop__BlockOpResponseProto *back;
                struct message_span span;
                struct bdfs_err err;
                struct buf b;

                reply.status = (Hadoop__Status)status;
                buf_init(&b, 0);
                transfer_reply_encode(&b, &reply);
                assert_true(b.n >= TRANSFER_REPLY_BYTES_MIN);
                assert_null(reply.firstbadlink); /* the caller's message is as it was */
                assert_int_equal(message_delimited(b.data, b.n, 100, &span, &err), BDFS_OK);
                back = message_unpack(&hadoop__block_op_response_proto__descriptor, span.message,
                                      span.message_n, &err);
                assert_non_null(back);
                assert_int_equal(back->status, status);
                assert_string_equal(back->firstbadlink, "");
                message_free(back);
                buf_fini(&b);
        }
}

static void errors_name_the_bad_link_and_the_reason(void **state)
{
        Hadoop__BlockOpResponseProto *back;
        struct message_span span;
        struct bdfs_err err;
        struct buf b;

        (void)state;
        buf_init(&b, 0);
        transfer_error_encode(&b, BDFS_NO_SPACE, "10.0.0.1:9866", "disk \xff is full");
        assert_int_equal(message_delimited(b.data, b.n, 100, &span, &err), BDFS_OK);
        back = message_unpack(&hadoop__block_op_response_proto__descriptor, span.message,
                              span.message_n, &err);
        assert_non_null(back);
        assert_int_equal(back->status, HADOOP__STATUS__ERROR);
        assert_string_equal(back->firstbadlink, "10.0.0.1:9866");
        assert_string_equal(back->message, "disk ? is full");
        assert_int_equal(transfer_reply_status(back), BDFS_NO_SPACE);
        back->bdfsstatus = BDFS_STATUS_COUNT;
        assert_int_equal(transfer_reply_status(back), BDFS_FAILED);
        back->bdfsstatus = BDFS_OK;
        assert_int_equal(transfer_reply_status(back), BDFS_FAILED);
        back->bdfsstatus = BDFS_CLOSED;
        assert_int_equal(transfer_reply_status(back), BDFS_FAILED);
        back->bdfsstatus = BDFS_IO;
        assert_int_equal(transfer_reply_status(back), BDFS_FAILED);
        message_free(back);
        buf_reset(&b);
        transfer_error_encode(&b, BDFS_CORRUPT, NULL, "");
        assert_true(b.n >= TRANSFER_REPLY_BYTES_MIN);
        buf_fini(&b);
}

static void read_status_is_read(void **state)
{
        Hadoop__Status status = HADOOP__STATUS__ERROR;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(transfer_read_status_decode("\x08\x06", 2, &status, &err), BDFS_OK);
        assert_int_equal(status, HADOOP__STATUS__CHECKSUM_OK);
        assert_int_equal(transfer_read_status_decode("\x08\x00\x10\x05", 4, &status, &err),
                         BDFS_OK);
        assert_int_equal(status, HADOOP__STATUS__SUCCESS);
        assert_int_equal(transfer_read_status_decode("", 0, &status, &err), BDFS_PROTOCOL);
        assert_int_equal(transfer_read_status_decode("\x08", 1, &status, &err), BDFS_PROTOCOL);
        assert_int_equal(transfer_read_status_decode("\x0a\x00", 2, &status, &err), BDFS_PROTOCOL);
        assert_int_equal(transfer_read_status_decode("\x08\x06\x00", 3, &status, &err),
                         BDFS_PROTOCOL);
        assert_int_equal(
                transfer_read_status_decode("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11,
                                            &status, &err),
                BDFS_PROTOCOL);
        assert_int_equal(status, HADOOP__STATUS__SUCCESS);
}

static void statuses_have_names_and_meanings(void **state)
{
        (void)state;
        assert_string_equal(transfer_status_name(HADOOP__STATUS__OOB_RESTART), "OOB_RESTART");
        assert_string_equal(transfer_status_name((Hadoop__Status)99), "UNKNOWN");
        assert_int_equal(transfer_status_of(BDFS_OK), HADOOP__STATUS__SUCCESS);
        assert_int_equal(transfer_status_of(BDFS_TOKEN), HADOOP__STATUS__ERROR_ACCESS_TOKEN);
        assert_int_equal(transfer_status_of(BDFS_NO_SPACE), HADOOP__STATUS__ERROR);
        assert_int_equal(transfer_status_to(HADOOP__STATUS__CHECKSUM_OK), BDFS_OK);
        assert_int_equal(transfer_status_to((Hadoop__Status)99), BDFS_FAILED);
        for (int s = 0; s < BDFS_STATUS_COUNT; s++)
                assert_true((transfer_status_to(transfer_status_of((enum bdfs_status)s)) ==
                             BDFS_OK) == (s == BDFS_OK));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(operation_has_the_bytes_of_stock_clients),
                cmocka_unit_test(operation_says_exactly_what_it_needs),
                cmocka_unit_test(every_truncation_of_an_operation_waits_for_more),
                cmocka_unit_test(other_operations_are_refused),
                cmocka_unit_test(every_operation_has_a_name_and_a_message),
                cmocka_unit_test(replies_have_the_bytes_that_stock_clients_read),
                cmocka_unit_test(no_reply_is_shorter_than_five_bytes),
                cmocka_unit_test(errors_name_the_bad_link_and_the_reason),
                cmocka_unit_test(read_status_is_read),
                cmocka_unit_test(statuses_have_names_and_meanings),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
