/*
 * test_datanode_client.h - a client made of bytes, for the datanodes of test_datanode_fixture.h.
 */
#pragma once

#include "test_datanode_fixture.h"

#include "common/crc.h"
#include "proto/transfer.h"

#define STAGE_CREATE \
        HADOOP__OP_WRITE_BLOCK_PROTO__BLOCK_CONSTRUCTION_STAGE__PIPELINE_SETUP_CREATE

struct ask {
        unsigned nodes[NODES_MAX];
        size_t nodes_n;
        uint64_t block, stamp;
        uint64_t base, length; /* of the token */
        unsigned rights, flags;
        const char *user;      /* NULL: the one who runs the test */
        const char *client;    /* NULL: "test" */
        int64_t life_ms;       /* 0: a minute */
        enum crc_type type;
        uint32_t every;
        Hadoop__OpWriteBlockProto__BlockConstructionStage stage;
        bool no_token, bend; /* bend: one bit of the token is changed */
};

static inline struct ask ask_of(uint64_t block, unsigned nodes)
{
        struct ask a = {.nodes_n = nodes,
                        .block = block,
                        .stamp = 1001,
                        .length = TOKEN_LENGTH_OPEN,
                        .rights = TOKEN_READ | TOKEN_WRITE,
                        .type = CRC_CRC32C,
                        .every = 512,
                        .stage = STAGE_CREATE};

        for (unsigned i = 0; i < nodes; i++)
                a.nodes[i] = i;
        return a;
}

struct token_bytes {
        struct buf identifier, password;
        Hadoop__TokenProto proto;
};

static inline void make_token(struct fixture *f, const struct ask *a, struct token_bytes *t)
{
        static char kind[] = TOKEN_KIND, none[] = "";
        struct token_node nodes[NODES_MAX];
        struct token token = {.rights = (uint8_t)a->rights,
                              .flags = (uint8_t)a->flags,
                              .inode = 16386,
                              .block = a->block,
                              .base = a->base,
                              .length = a->length,
                              .stamp_floor = a->stamp};
        struct bdfs_err err;

        token.expiry_wall_ms = (uint64_t)(os_wall_ms() + (a->life_ms == 0 ? 60000 : a->life_ms));
        if (a->user != NULL)
                (void)snprintf(token.user, sizeof(token.user), "%s", a->user);
        else
                must(os_user_name(os_own_uid(), token.user, &err), &err);
        for (unsigned i = 0; i < 16; i++)
                token.cluster[i] = (uint8_t)i;
        os_mutex_lock(&f->lock);
        for (unsigned i = 0; i < NODES_MAX; i++) {
                nodes[i].number = i + 1;
                memcpy(nodes[i].key, f->nodes[i].key, sizeof(nodes[i].key));
        }
        os_mutex_unlock(&f->lock);
        buf_init(&t->identifier, 0);
        buf_init(&t->password, 0);
        must(token_make(&token, nodes, NODES_MAX, &t->identifier, &t->password, &err), &err);
        if (a->bend)
                t->identifier.data[3] ^= 1;
        hadoop__token_proto__init(&t->proto);
        t->proto.identifier = (ProtobufCBinaryData){.data = t->identifier.data,
                                                    .len = t->identifier.n};
        t->proto.password = (ProtobufCBinaryData){.data = t->password.data, .len = t->password.n};
        t->proto.kind = kind;
        t->proto.service = none;
}

static inline void free_token(struct token_bytes *t)
{
        buf_fini(&t->identifier);
        buf_fini(&t->password);
}

struct header {
        struct token_bytes token;
        Hadoop__ExtendedBlockProto block;
        Hadoop__BaseHeaderProto base;
        Hadoop__ClientOperationHeaderProto client;
};

static inline void make_header(struct fixture *f, const struct ask *a, struct header *h)
{
        static char pool[] = "BP-1", name[] = "test";

        make_token(f, a, &h->token);
        hadoop__extended_block_proto__init(&h->block);
        hadoop__base_header_proto__init(&h->base);
        hadoop__client_operation_header_proto__init(&h->client);
        h->block.poolid = pool;
        h->block.blockid = a->block;
        h->block.generationstamp = a->stamp;
        h->block.has_numbytes = true;
        h->base.block = &h->block;
        h->base.token = a->no_token ? NULL : &h->token.proto;
        h->client.baseheader = &h->base;
        h->client.clientname = a->client != NULL ? (char *)(uintptr_t)a->client : name;
}

static inline struct os_sock *dial(struct fixture *f, unsigned node)
{
        struct os_addr addr = {.host = "127.0.0.1"};
        struct os_sock *s;
        struct bdfs_err err;

        os_mutex_lock(&f->lock);
        addr.port = (uint16_t)f->nodes[node].own_port;
        os_mutex_unlock(&f->lock);
        must(os_connect(&s, &addr, soon(), &err), &err);
        return s;
}

static inline void send_op(struct os_sock *s, enum transfer_op op, const ProtobufCMessage *m)
{
        struct bdfs_err err;
        struct buf b;

        buf_init(&b, 0);
        transfer_op_encode(&b, op, m);
        assert_false(b.bad);
        must(os_sock_write(s, b.data, b.n, soon(), &err), &err);
        buf_fini(&b);
}

/* A delimited message's bytes; false when the connection ended. */
static inline bool read_delimited(struct os_sock *s, uint8_t *to, size_t room, size_t *ret_n)
{
        struct bdfs_err err;
        size_t n = 0, shift = 0;
        uint8_t b = 0x80;

        while (b & 0x80) {
                if (os_sock_read(s, &b, 1, soon(), &err) != BDFS_OK)
                        return false;
                n |= (size_t)(b & 0x7f) << shift;
                shift += 7;
        }
        assert_true(n <= room);
        *ret_n = n;
        return os_sock_read(s, to, n, soon(), &err) == BDFS_OK;
}

/* NULL when the connection ended without a reply; free with message_free(). */
static inline Hadoop__BlockOpResponseProto *read_reply(struct os_sock *s)
{
        uint8_t bytes[8192];
        struct bdfs_err err;
        size_t n;
        Hadoop__BlockOpResponseProto *r;

        if (!read_delimited(s, bytes, sizeof(bytes), &n))
                return NULL;
        assert_true(n + 1 >= TRANSFER_REPLY_BYTES_MIN);
        r = message_unpack(&hadoop__block_op_response_proto__descriptor, bytes, n, &err);
        assert_non_null(r);
        return r;
}

/* Ask for a pipeline to a->nodes, by a connection to the first of them. */
static inline void ask_write(struct fixture *f, const struct ask *a, struct os_sock *s)
{
        Hadoop__OpWriteBlockProto op = HADOOP__OP_WRITE_BLOCK_PROTO__INIT;
        Hadoop__ChecksumProto sum = HADOOP__CHECKSUM_PROTO__INIT;
        Hadoop__DatanodeInfoProto infos[NODES_MAX], *pointers[NODES_MAX];
        Hadoop__DatanodeIDProto ids[NODES_MAX];
        static char ip[] = "127.0.0.1", uuid[] = "u";
        struct header h;

        make_header(f, a, &h);
        sum.type = (Hadoop__ChecksumTypeProto)a->type;
        sum.bytesperchecksum = a->every;
        for (size_t i = 1; i < a->nodes_n; i++) {
                hadoop__datanode_info_proto__init(&infos[i]);
                hadoop__datanode_idproto__init(&ids[i]);
                ids[i].ipaddr = ids[i].hostname = ip;
                ids[i].datanodeuuid = uuid;
                ids[i].xferport = f->nodes[a->nodes[i]].own_port;
                infos[i].id = &ids[i];
                pointers[i - 1] = &infos[i];
        }
        op.header = &h.client;
        op.targets = pointers;
        op.n_targets = a->nodes_n - 1;
        op.stage = a->stage;
        op.pipelinesize = (uint32_t)a->nodes_n;
        op.requestedchecksum = &sum;
        send_op(s, TRANSFER_WRITE_BLOCK, &op.base);
        free_token(&h.token);
}

/* A pipeline to a->nodes. The reply goes to @ret_reply. */
static inline struct os_sock *write_open(struct fixture *f, const struct ask *a,
                                         Hadoop__BlockOpResponseProto **ret_reply)
{
        struct os_sock *s = dial(f, a->nodes[0]);

        ask_write(f, a, s);
        if (ret_reply != NULL)
                *ret_reply = read_reply(s);
        return s;
}

static inline void expect_reply_ok(Hadoop__BlockOpResponseProto *r)
{
        assert_non_null(r);
        if (r->status != HADOOP__STATUS__SUCCESS)
                fail_msg("write refused: %s", r->message != NULL ? r->message : "no text");
        message_free(r);
}

static inline struct os_sock *write_open_ok(struct fixture *f, const struct ask *a)
{
        Hadoop__BlockOpResponseProto *r;
        struct os_sock *s = write_open(f, a, &r);

        expect_reply_ok(r);
        return s;
}

struct packet {
        uint64_t offset;
        int64_t seqno;
        const uint8_t *data;
        size_t n;
        bool last, sync, bad_sum;
};

static inline void send_packet(struct os_sock *s, const struct ask *a, const struct packet *p)
{
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];
        struct transfer_packet w = {.offset = (int64_t)p->offset,
                                    .seqno = p->seqno,
                                    .data_n = (uint32_t)p->n,
                                    .last = p->last,
                                    .sync = p->sync};
        size_t sums_n = a->type == CRC_NULL ? 0 : crc_chunk_count(p->n, a->every) * 4, head_n;
        uint8_t *sums = malloc(sums_n + 1);
        struct iovec iov[3];
        struct bdfs_err err;

        assert_non_null(sums);
        if (sums_n > 0)
                crc_chunks(a->type, p->data, p->n, a->every, sums);
        if (p->bad_sum)
                sums[0] ^= 1;
        w.sums_n = (uint32_t)sums_n;
        head_n = transfer_packet_encode(head, &w);
        iov[0] = (struct iovec){.iov_base = head, .iov_len = head_n};
        iov[1] = (struct iovec){.iov_base = sums, .iov_len = sums_n};
        iov[2] = (struct iovec){.iov_base = (void *)(uintptr_t)p->data, .iov_len = p->n};
        must(os_sock_writev(s, iov, 3, soon(), &err), &err);
        free(sums);
}

/* False when the connection ended. */
static inline bool read_ack(struct os_sock *s, struct transfer_ack *ret)
{
        uint8_t bytes[1024];
        struct bdfs_err err;
        size_t n;

        if (!read_delimited(s, bytes, sizeof(bytes), &n))
                return false;
        must(transfer_ack_decode(bytes, n, ret, &err), &err);
        return true;
}

static inline void expect_ack(struct os_sock *s, int64_t seqno, size_t nodes)
{
        struct transfer_ack ack;

        assert_true(read_ack(s, &ack));
        assert_int_equal(ack.seqno, seqno);
        assert_int_equal(ack.n, nodes);
        for (uint32_t i = 0; i < ack.n; i++)
                assert_int_equal(ack.reply[i], HADOOP__STATUS__SUCCESS);
}

/* A whole block in packets of @step bytes down an open pipeline; wait for every ack. */
static inline void write_packets(struct os_sock *s, const struct ask *a, const uint8_t *data,
                                 size_t n, size_t step)
{
        int64_t seqno = 0;
        size_t acked = 0;

        for (size_t at = 0; at < n; at += step) {
                struct packet p = {.offset = at,
                                   .seqno = seqno++,
                                   .data = data + at,
                                   .n = n - at < step ? n - at : step};

                send_packet(s, a, &p);
                if (seqno - (int64_t)acked > 40)
                        expect_ack(s, (int64_t)acked++, a->nodes_n);
        }
        send_packet(s, a, &(struct packet){.offset = n, .seqno = seqno, .last = true});
        while ((int64_t)acked <= seqno)
                expect_ack(s, (int64_t)acked++, a->nodes_n);
}

static inline void write_block(struct fixture *f, const struct ask *a, const uint8_t *data,
                               size_t n, size_t step)
{
        struct os_sock *s = write_open_ok(f, a);

        write_packets(s, a, data, n, step);
        os_sock_close(s);
}

struct got {
        Hadoop__Status status;
        char text[256];
        enum crc_type type;
        uint64_t first; /* chunkOffset */
        uint8_t *bytes;
        size_t n;
        bool mismatch; /* bytes did not have the checksums that came with them */
};

/* One READ_BLOCK over @s, every checksum compared. got.bytes is malloc'ed on success. */
static inline void read_any_on(struct os_sock *s, struct fixture *f, const struct ask *a,
                                 uint64_t offset, uint64_t length, bool sums, struct got *ret)
{
        Hadoop__OpReadBlockProto op = HADOOP__OP_READ_BLOCK_PROTO__INIT;
        Hadoop__BlockOpResponseProto *r;
        struct header h;
        struct bdfs_err err;
        int64_t seqno = 0;
        struct buf b;

        memset(ret, 0, sizeof(*ret));
        make_header(f, a, &h);
        op.header = &h.client;
        op.offset = offset;
        op.len = length;
        op.has_sendchecksums = true;
        op.sendchecksums = sums;
        send_op(s, TRANSFER_READ_BLOCK, &op.base);
        free_token(&h.token);
        r = read_reply(s);
        assert_non_null(r);
        ret->status = r->status;
        (void)snprintf(ret->text, sizeof(ret->text), "%s", r->message != NULL ? r->message : "");
        if (r->status == HADOOP__STATUS__SUCCESS) {
                ret->type = (enum crc_type)r->readopchecksuminfo->checksum->type;
                ret->first = r->readopchecksuminfo->chunkoffset;
                assert_int_equal(r->readopchecksuminfo->checksum->bytesperchecksum, 512);
        }
        message_free(r);
        if (ret->status != HADOOP__STATUS__SUCCESS)
                return;
        buf_init(&b, 0);
        for (;;) {
                uint8_t head[31], *part;
                struct transfer_packet p;
                size_t head_n, need;

                must(os_sock_read(s, head, sizeof(head), soon(), &err), &err);
                must(transfer_packet_decode(head, sizeof(head), &p, &head_n, &need, &err), &err);
                assert_int_equal(need, 0);
                assert_int_equal(head_n, 31);
                must(transfer_packet_check_read(&p, seqno++, sums ? 512 : 0, &err), &err);
                assert_int_equal(p.offset, ret->first + b.n);
                part = malloc(p.sums_n + p.data_n + 1);
                assert_non_null(part);
                must(os_sock_read(s, part, p.sums_n + p.data_n, soon(), &err), &err);
                if (sums && p.data_n > 0)
                        ret->mismatch |= crc_verify_chunks(ret->type, part + p.sums_n, p.data_n,
                                                           512, part) >= 0;
                buf_add(&b, part + p.sums_n, p.data_n);
                free(part);
                if (p.last)
                        break;
        }
        ret->bytes = b.data;
        ret->n = b.n;
        buf_init(&b, 0);
        transfer_read_status_encode(&b, HADOOP__STATUS__CHECKSUM_OK);
        must(os_sock_write(s, b.data, b.n, soon(), &err), &err);
        buf_fini(&b);
}

static inline void read_range_on(struct os_sock *s, struct fixture *f, const struct ask *a,
                                 uint64_t offset, uint64_t length, bool sums, struct got *ret)
{
        read_any_on(s, f, a, offset, length, sums, ret);
        assert_false(ret->mismatch);
}

static inline void read_range(struct fixture *f, const struct ask *a, uint64_t offset,
                              uint64_t length, bool sums, struct got *ret)
{
        struct os_sock *s = dial(f, a->nodes[0]);

        read_range_on(s, f, a, offset, length, sums, ret);
        os_sock_close(s);
}

/* The range of @node's replica equals @data; whole chunks around it may come along. */
static inline void expect_bytes(struct fixture *f, const struct ask *a, uint64_t offset,
                                uint64_t length, const uint8_t *data)
{
        struct got g;

        read_range(f, a, offset, length, true, &g);
        if (g.status != HADOOP__STATUS__SUCCESS)
                fail_msg("read refused: %s", g.text);
        assert_int_equal(g.first, offset / 512 * 512);
        assert_true(g.first + g.n >= offset + length);
        assert_memory_equal(g.bytes, data + g.first, g.n);
        free(g.bytes);
}
