/* A client of bytes for datanodes' data ports; goes with test_hadoop_kit.h. */
#pragma once

#include "common/crc.h"
#include "proto/hadoop_datanode.pb-c.h"
#include "proto/transfer.h"
#include "tests/unit/hadoop/test_hadoop_kit.h"

#define DATANODE_PROTOCOL "org.apache.hadoop.hdfs.protocol.ClientDatanodeProtocol"
#define STAGE_CREATE \
        HADOOP__OP_WRITE_BLOCK_PROTO__BLOCK_CONSTRUCTION_STAGE__PIPELINE_SETUP_CREATE

static inline struct os_sock *data_dial(const Hadoop__DatanodeInfoProto *node)
{
        struct os_addr to = {.port = (uint16_t)node->id->xferport};
        struct os_sock *s;
        struct bdfs_err err;

        (void)snprintf(to.host, sizeof(to.host), "%s", node->id->ipaddr);
        must(os_connect(&s, &to, soon(), &err), &err);
        return s;
}

static inline void data_send(struct os_sock *s, struct buf *b)
{
        struct bdfs_err err;

        assert_false(b->bad);
        must(os_sock_write(s, b->data, b->n, soon(), &err), &err);
        buf_fini(b);
}

static inline void data_send_op(struct os_sock *s, enum transfer_op op, const ProtobufCMessage *m)
{
        struct buf b;

        buf_init(&b, 0);
        transfer_op_encode(&b, op, m);
        data_send(s, &b);
}

/* A delimited message, length byte and all; 0: the connection ended. */
static inline size_t data_read(struct os_sock *s, uint8_t *to, size_t room)
{
        struct message_span span = {.need = 1};
        struct bdfs_err err;
        size_t n = 0;

        while (span.need > 0) {
                assert_true(n + span.need <= room);
                if (os_sock_read(s, to + n, span.need, soon(), &err) != BDFS_OK)
                        return 0;
                n += span.need;
                must(message_delimited(to, n, room, &span, &err), &err);
        }
        assert_true(n >= TRANSFER_REPLY_BYTES_MIN); /* gohdfs reads that many at once */
        return n;
}

/* A reply; NULL: the connection ended. Free with message_free(). */
static inline Hadoop__BlockOpResponseProto *data_reply(struct os_sock *s)
{
        uint8_t bytes[8192];
        struct message_span span;
        struct bdfs_err err;
        size_t n = data_read(s, bytes, sizeof(bytes));
        void *r;

        if (n == 0)
                return NULL;
        must(message_delimited(bytes, n, sizeof(bytes), &span, &err), &err);
        r = message_unpack(&hadoop__block_op_response_proto__descriptor, span.message,
                           span.message_n, &err);
        assert_non_null(r);
        return r;
}

/* ---- writing -------------------------------------------------------------------------------- */

struct write_how {
        enum crc_type type;
        int64_t first_seqno;
        size_t step;         /* data bytes of a packet */
        bool bare;           /* as gohdfs: pipelineSize of targets only, nothing about storage */
        bool full_size;      /* as Java: header.block.numBytes is the block's size */
};
#define HOW_JAVA {.type = CRC_CRC32C, .step = 64512, .full_size = true}
#define HOW_GOHDFS {.type = CRC_CRC32, .first_seqno = 1, .step = 65536, .bare = true}

struct write_op {
        Hadoop__OpWriteBlockProto op;
        Hadoop__ClientOperationHeaderProto client;
        Hadoop__BaseHeaderProto base;
        Hadoop__ExtendedBlockProto block;
        Hadoop__ChecksumProto sum;
};

/* WRITE_BLOCK to the nodes of @b, as addBlock gave it. */
static inline void write_op_init(struct write_op *w, const Hadoop__LocatedBlockProto *b,
                                 const struct write_how *how)
{
        static char name[] = "a name of its own";

        hadoop__op_write_block_proto__init(&w->op);
        hadoop__client_operation_header_proto__init(&w->client);
        hadoop__base_header_proto__init(&w->base);
        hadoop__checksum_proto__init(&w->sum);
        w->block = *b->b;
        w->block.numbytes = how->full_size ? HADOOP_BLOCK : 0;
        w->base.block = &w->block;
        w->base.token = b->blocktoken;
        w->client.baseheader = &w->base;
        w->client.clientname = name; /* hdfs-native makes up one for each connection */
        w->sum.type = (Hadoop__ChecksumTypeProto)how->type;
        w->sum.bytesperchecksum = 512;
        w->op.header = &w->client;
        w->op.targets = b->locs + 1;
        w->op.n_targets = b->n_locs - 1;
        w->op.stage = STAGE_CREATE;
        w->op.pipelinesize = (uint32_t)(how->bare ? b->n_locs - 1 : b->n_locs);
        w->op.requestedchecksum = &w->sum;
        if (!how->bare) {
                w->op.has_storagetype = true;
                w->op.storagetype = b->storagetypes[0];
                w->op.storageid = b->storageids[0];
                w->op.targetstoragetypes = b->storagetypes + 1;
                w->op.targetstorageids = b->storageids + 1;
                w->op.n_targetstoragetypes = w->op.n_targetstorageids = b->n_locs - 1;
        }
}

static inline struct os_sock *write_open(const Hadoop__LocatedBlockProto *b,
                                         const struct write_how *how)
{
        static const uint8_t ok[] = {4, 8, 0, 0x12, 0};
        struct os_sock *s = data_dial(b->locs[0]);
        uint8_t reply[1024];
        struct write_op w;

        write_op_init(&w, b, how);
        data_send_op(s, TRANSFER_WRITE_BLOCK, &w.op.base);
        assert_int_equal(data_read(s, reply, sizeof(reply)), sizeof(ok));
        assert_memory_equal(reply, ok, sizeof(ok));
        return s;
}

static inline void write_packet(struct os_sock *s, const struct write_how *how,
                                const struct transfer_packet *like, const uint8_t *data)
{
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];
        struct transfer_packet p = *like;
        uint8_t *sums;
        struct buf b;

        p.sums_n = transfer_sums_bytes(p.data_n, 512);
        sums = malloc(p.sums_n + 1);
        assert_non_null(sums);
        if (p.data_n > 0)
                crc_chunks(how->type, data, p.data_n, 512, sums);
        buf_init(&b, 0);
        buf_add(&b, head, transfer_packet_encode(head, &p));
        buf_add(&b, sums, p.sums_n);
        if (p.data_n > 0)
                buf_add(&b, data, p.data_n);
        data_send(s, &b);
        free(sums);
}

static inline void read_ack(struct os_sock *s, struct transfer_ack *ret)
{
        uint8_t bytes[1024];
        struct message_span span;
        struct bdfs_err err;
        size_t n = data_read(s, bytes, sizeof(bytes));

        assert_true(n > 0);
        must(message_delimited(bytes, n, sizeof(bytes), &span, &err), &err);
        must(transfer_ack_decode(span.message, span.message_n, ret, &err), &err);
}

static inline void wants_ack(struct os_sock *s, int64_t seqno, size_t nodes)
{
        struct transfer_ack ack;

        read_ack(s, &ack);
        assert_int_equal(ack.seqno, seqno);
        assert_int_equal(ack.n, nodes);
        for (uint32_t i = 0; i < ack.n; i++)
                assert_int_equal(transfer_ack_status(&ack, i), HADOOP__STATUS__SUCCESS);
}

/* Packets with @data from @offset of the block; the next seqno. */
static inline int64_t write_data(struct os_sock *s, const struct write_how *how, size_t nodes,
                                 uint64_t offset, int64_t seqno, const uint8_t *data, size_t n)
{
        for (size_t at = 0; at < n; at += how->step) {
                struct transfer_packet p = {.offset = (int64_t)(offset + at), .seqno = seqno,
                                            .data_n = (uint32_t)(n - at < how->step ? n - at
                                                                                    : how->step)};

                write_packet(s, how, &p, data + at);
                wants_ack(s, seqno++, nodes);
        }
        return seqno;
}

static inline void write_last(struct os_sock *s, const struct write_how *how, size_t nodes,
                              uint64_t length, int64_t seqno)
{
        write_packet(s, how, &(struct transfer_packet){.offset = (int64_t)length, .seqno = seqno,
                                                       .last = true}, NULL);
        wants_ack(s, seqno, nodes);
        os_sock_close(s);
}

/* A whole block: its id, with its length, in *ret. */
static inline void write_block(const Hadoop__LocatedBlockProto *b, const struct write_how *how,
                               const uint8_t *data, size_t n, Hadoop__ExtendedBlockProto *ret)
{
        struct os_sock *s = write_open(b, how);
        int64_t seqno = write_data(s, how, b->n_locs, 0, how->first_seqno, data, n);

        write_last(s, how, b->n_locs, n, seqno);
        *ret = *b->b;
        ret->has_numbytes = true;
        ret->numbytes = n;
}

/* A file of one block, closed. */
static inline void make_file(struct peer *p, const char *src, const uint8_t *data, size_t n,
                             uint32_t replication)
{
        const struct write_how how = HOW_JAVA;
        Hadoop__ExtendedBlockProto last;

        (void)ask_create(p, src, "maker", replication);
        write_block(ask_block(p, src, "maker", NULL), &how, data, n, &last);
        assert_true(ask_complete(p, src, "maker", &last));
}

static inline uint8_t *some_bytes(size_t n)
{
        uint8_t *p = malloc(n + 1);

        assert_non_null(p);
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t)(i * 31 + (i >> 9) * 7);
        return p;
}

/* ---- reading -------------------------------------------------------------------------------- */

struct read_back {
        enum crc_type type;
        uint64_t first; /* chunkOffset */
        struct buf bytes;
        unsigned packets;
};

static inline void read_op_send(struct os_sock *s, const Hadoop__LocatedBlockProto *b,
                                uint64_t offset, uint64_t length)
{
        Hadoop__OpReadBlockProto op = HADOOP__OP_READ_BLOCK_PROTO__INIT;
        Hadoop__ClientOperationHeaderProto client = HADOOP__CLIENT_OPERATION_HEADER_PROTO__INIT;
        Hadoop__BaseHeaderProto base = HADOOP__BASE_HEADER_PROTO__INIT;

        base.block = b->b;
        base.token = b->blocktoken;
        client.baseheader = &base;
        client.clientname = text("reader");
        op.header = &client;
        op.offset = offset;
        op.len = length;
        data_send_op(s, TRANSFER_READ_BLOCK, &op.base);
}

/* What follows READ_BLOCK, up to the empty packet; heads of packets must have libhdfs3's size. */
static inline void read_packets(struct os_sock *s, struct read_back *ret)
{
        Hadoop__BlockOpResponseProto *r = data_reply(s);
        struct transfer_packet p = {0};
        struct bdfs_err err;

        assert_non_null(r);
        if (r->status != HADOOP__STATUS__SUCCESS)
                fail_msg("read: %s", r->message);
        assert_non_null(r->readopchecksuminfo);
        *ret = (struct read_back){.type = (enum crc_type)r->readopchecksuminfo->checksum->type,
                                  .first = r->readopchecksuminfo->chunkoffset};
        assert_int_equal(r->readopchecksuminfo->checksum->bytesperchecksum, 512);
        message_free(r);
        buf_init(&ret->bytes, 0);
        while (!p.last) {
                uint8_t head[TRANSFER_HEAD_BYTES_MIN], *part;
                size_t head_n, need;

                must(os_sock_read(s, head, sizeof(head), soon(), &err), &err);
                assert_int_equal(head[4] << 8 | head[5], 25); /* HLEN */
                must(transfer_packet_decode(head, sizeof(head), &p, &head_n, &need, &err), &err);
                assert_int_equal(need, 0);
                must(transfer_packet_check_read(&p, ret->packets++, 512, &err), &err);
                assert_int_equal(p.offset, ret->first + ret->bytes.n);
                part = malloc(p.sums_n + p.data_n + 1);
                assert_non_null(part);
                must(os_sock_read(s, part, p.sums_n + p.data_n, soon(), &err), &err);
                if (p.data_n > 0)
                        assert_int_equal(crc_verify_chunks(ret->type, part + p.sums_n, p.data_n,
                                                           512, part), -1);
                buf_add(&ret->bytes, part + p.sums_n, p.data_n);
                free(part);
        }
}

/* Bytes @offset.. of the block are @data, which begins at the block's start. */
static inline void wants_bytes(const Hadoop__LocatedBlockProto *b, uint64_t offset,
                               uint64_t length, const uint8_t *data, enum crc_type type)
{
        struct os_sock *s = data_dial(b->locs[0]);
        struct read_back r;
        struct buf status;

        read_op_send(s, b, offset, length);
        read_packets(s, &r);
        assert_int_equal(r.type, type);
        assert_int_equal(r.first, offset / 512 * 512);
        assert_true(r.first + r.bytes.n >= offset + length);
        assert_memory_equal(r.bytes.data, data + r.first, r.bytes.n);
        buf_fini(&r.bytes);
        buf_init(&status, 0);
        transfer_read_status_encode(&status, HADOOP__STATUS__CHECKSUM_OK);
        data_send(s, &status);
        os_sock_close(s);
}
