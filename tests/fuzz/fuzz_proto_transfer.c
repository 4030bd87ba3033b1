/*
 * Any bytes on the data port; the first byte chooses the decoder. What is accepted must survive
 * another round; a decoder that asks for more must not ask past what it then decodes.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/transfer.h"

#define MUST(condition) \
        do {            \
                if (!(condition)) \
                        abort();  \
        } while (0)

static void one_op(const uint8_t *data, size_t n)
{
        struct message_span span, part;
        struct bdfs_err err;
        unsigned opcode, again;

        if (transfer_op_decode(data, n, &opcode, &span, &err) != BDFS_OK || span.need > 0)
                return;
        MUST(span.total <= n);
        MUST(span.message + span.message_n == data + span.total);
        for (size_t cut = 0; cut < span.total; cut += 1 + span.total / 16) {
                MUST(transfer_op_decode(data, cut, &again, &part, &err) == BDFS_OK);
                MUST(part.need > 0 && cut + part.need <= span.total);
        }
        message_free(message_unpack(transfer_op_descriptor(opcode), span.message, span.message_n,
                                    &err));
}

static void one_reply(const uint8_t *data, size_t n)
{
        Hadoop__BlockOpResponseProto *reply;
        struct message_span span;
        struct bdfs_err err;
        struct buf b;

        if (message_delimited(data, n, TRANSFER_MESSAGE_BYTES_MAX, &span, &err) != BDFS_OK ||
            span.need > 0)
                return;
        reply = message_unpack(&hadoop__block_op_response_proto__descriptor, span.message,
                               span.message_n, &err);
        if (reply == NULL)
                return;
        buf_init(&b, 0);
        transfer_reply_encode(&b, reply);
        MUST(b.n >= TRANSFER_REPLY_BYTES_MIN);
        buf_fini(&b);
        (void)transfer_status_name(reply->status);
        (void)transfer_reply_status(reply);
        message_free(reply);
}

static void one_packet(const uint8_t *data, size_t n)
{
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];
        struct transfer_packet p, back;
        size_t head_n, need, again_n;
        struct bdfs_err err;

        if (transfer_packet_decode(data, n, &p, &head_n, &need, &err) != BDFS_OK)
                return;
        if (need > 0) {
                MUST(n + need <= TRANSFER_HEAD_BYTES_MAX);
                return;
        }
        MUST(head_n <= n);
        MUST((uint64_t)p.sums_n + p.data_n + head_n <= TRANSFER_PACKET_BYTES_MAX + 2);
        again_n = transfer_packet_encode(head, &p);
        MUST(transfer_packet_decode(head, again_n, &back, &head_n, &need, &err) == BDFS_OK);
        MUST(need == 0 && head_n == again_n);
        MUST(back.offset == p.offset && back.seqno == p.seqno && back.sums_n == p.sums_n);
        MUST(back.data_n == p.data_n && back.last == p.last && back.sync == p.sync);
        if (transfer_packet_check_read(&p, n % 2 == 0 ? p.seqno : 0, 512, &err) == BDFS_OK)
                MUST(p.sums_n == (p.data_n + 511) / 512 * 4);
}

static void compare_ack(const struct transfer_ack *ack, const uint8_t *data, size_t n)
{
        struct bdfs_err err;
        Hadoop__PipelineAckProto *m =
                message_unpack(&hadoop__pipeline_ack_proto__descriptor, data, n, &err);

        if (m == NULL)
                return;
        MUST(m->seqno == ack->seqno && m->n_reply == ack->n);
        for (uint32_t i = 0; i < ack->n; i++)
                MUST(m->reply[i] == ack->reply[i]);
        MUST(m->n_flag == (ack->has_flags ? ack->n : 0));
        message_free(m);
}

static void one_ack(const uint8_t *data, size_t n)
{
        struct transfer_ack ack, back;
        struct message_span span;
        struct bdfs_err err;
        struct buf b;

        if (transfer_ack_decode(data, n, &ack, &err) != BDFS_OK)
                return;
        compare_ack(&ack, data, n);
        buf_init(&b, 0);
        transfer_ack_encode(&b, &ack);
        MUST(b.n >= TRANSFER_REPLY_BYTES_MIN);
        MUST(message_delimited(b.data, b.n, 4096, &span, &err) == BDFS_OK && span.need == 0);
        MUST(transfer_ack_decode(span.message, span.message_n, &back, &err) == BDFS_OK);
        MUST(back.n == ack.n && back.seqno == ack.seqno && back.has_flags == ack.has_flags);
        for (uint32_t i = 0; i < ack.n; i++)
                MUST(transfer_ack_status(&back, i) == transfer_ack_status(&ack, i));
        buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        Hadoop__Status status;
        struct bdfs_err err;

        if (n == 0)
                return 0;
        switch (data[0] % 5) {
        case 0: one_op(data + 1, n - 1); break;
        case 1: one_reply(data + 1, n - 1); break;
        case 2: one_packet(data + 1, n - 1); break;
        case 3: one_ack(data + 1, n - 1); break;
        default: (void)transfer_read_status_decode(data + 1, n - 1, &status, &err);
        }
        return 0;
}
