#include "datanode/transfer/copy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "datanode/link/datanode_parts.h"
#include "datanode/transfer/pipeline.h"

enum {
        DATA_BYTES_MAX = REPLICA_GROUP_DATA_BYTES, /* of one packet: one read */
        SUMS_ROOM = DATA_BYTES_MAX / REPLICA_SUM_EVERY * 4,
        HEAD_ROOM = 128,
};

static_assert(HEAD_ROOM + SUMS_ROOM + DATA_BYTES_MAX <= WIRE_BUFFER_BYTES,
              "a packet is put together in one buffer");

#define SEAL_MS 120000 /* for the targets to sync and answer */

struct copy {
        const Bdfs__CopyCommand *command;
        struct dataset *dataset;
        struct replica_reader reader;
        struct pipeline *pipeline;
        uint8_t *buffer; /* HEAD_ROOM, SUMS_ROOM, data */
        int64_t seqno;
};

/* ---- the operation ------------------------------------------------------------------------ */

struct target {
        Hadoop__DatanodeInfoProto info;
        Hadoop__DatanodeIDProto id;
};

static void describe(struct target *t, const Bdfs__CopyTarget *from)
{
        hadoop__datanode_idproto__init(&t->id);
        hadoop__datanode_info_proto__init(&t->info);
        t->id.ipaddr = from->ip;
        t->id.hostname = from->ip;
        t->id.datanodeuuid = from->uuid;
        t->id.xferport = from->own_port;
        t->info.id = &t->id;
}

static enum bdfs_status open_pipeline(struct copy *c, struct pipeline_pool *pool,
                                      struct bdfs_err *err)
{
        const Bdfs__CopyCommand *m = c->command;
        Hadoop__OpWriteBlockProto op = HADOOP__OP_WRITE_BLOCK_PROTO__INIT;
        Hadoop__ClientOperationHeaderProto header = HADOOP__CLIENT_OPERATION_HEADER_PROTO__INIT;
        Hadoop__BaseHeaderProto base = HADOOP__BASE_HEADER_PROTO__INIT;
        Hadoop__ExtendedBlockProto block = HADOOP__EXTENDED_BLOCK_PROTO__INIT;
        Hadoop__TokenProto token = HADOOP__TOKEN_PROTO__INIT;
        Hadoop__ChecksumProto sum = HADOOP__CHECKSUM_PROTO__INIT;
        Hadoop__DatanodeInfoProto *infos[PIPELINE_NODES_MAX];
        struct target targets[PIPELINE_NODES_MAX];
        static char none[] = "", kind[] = TOKEN_KIND;

        for (size_t i = 0; i < m->n_targets; i++) {
                describe(&targets[i], m->targets[i]);
                infos[i] = &targets[i].info;
        }
        block.poolid = none; /* a datanode knows its cluster by the token */
        block.blockid = m->block;
        block.generationstamp = m->stamp;
        block.has_numbytes = true;
        block.numbytes = m->length;
        token.identifier = m->token_identifier;
        token.password = m->token_password;
        token.kind = kind;
        token.service = none;
        sum.type = (Hadoop__ChecksumTypeProto)c->reader.view.type;
        sum.bytesperchecksum = REPLICA_SUM_EVERY;
        base.block = &block;
        base.token = &token;
        header.baseheader = &base;
        header.clientname = none;
        op.header = &header;
        op.targets = infos;
        op.n_targets = m->n_targets;
        op.stage = HADOOP__OP_WRITE_BLOCK_PROTO__BLOCK_CONSTRUCTION_STAGE__TRANSFER_FINALIZED;
        op.pipelinesize = (uint32_t)m->n_targets;
        op.requestedchecksum = &sum;
        return pipeline_open(&c->pipeline, pool, &op, true, err);
}

/* ---- its packets -------------------------------------------------------------------------- */

static enum bdfs_status send_packet(struct copy *c, uint64_t offset, size_t sums_n, size_t n,
                                    struct bdfs_err *err)
{
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];
        struct transfer_packet p = {.offset = (int64_t)offset,
                                    .seqno = c->seqno++,
                                    .sums_n = (uint32_t)sums_n,
                                    .data_n = (uint32_t)n,
                                    .last = n == 0};
        size_t head_n = transfer_packet_encode(head, &p);
        uint8_t *at = c->buffer + HEAD_ROOM + SUMS_ROOM - sums_n - head_n;

        memcpy(at, head, head_n);
        return pipeline_forward(c->pipeline, at, head_n + sums_n + n, os_mono_ms() + DATA_IDLE_MS,
                                err);
}

static enum bdfs_status send_data(struct copy *c, uint64_t offset, size_t n, struct bdfs_err *err)
{
        size_t sums_n = crc_chunk_count(n, REPLICA_SUM_EVERY) * 4;
        uint8_t *data = c->buffer + HEAD_ROOM + SUMS_ROOM;
        enum bdfs_status rc = replica_read(&c->reader, offset, data, n, err);

        if (rc == BDFS_OK)
                rc = replica_read_sums(&c->reader, offset, n, data - sums_n, err);
        if (rc == BDFS_CORRUPT)
                dataset_corrupt(c->dataset, c->command->block, err);
        return rc != BDFS_OK ? rc : send_packet(c, offset, sums_n, n, err);
}

static enum bdfs_status send_all(struct copy *c, struct bdfs_err *err)
{
        uint64_t length = c->command->length;
        Hadoop__Status status;
        char link[64];
        enum bdfs_status rc = BDFS_OK;

        for (uint64_t at = 0; rc == BDFS_OK && at < length; at += DATA_BYTES_MAX) {
                uint64_t left = length - at;

                rc = send_data(c, at, left < DATA_BYTES_MAX ? (size_t)left : DATA_BYTES_MAX, err);
        }
        if (rc == BDFS_OK)
                rc = send_packet(c, length, 0, 0, err);
        if (rc == BDFS_OK || rc == BDFS_CLOSED) /* it may have said why it closed */
                rc = pipeline_reply(c->pipeline, os_mono_ms() + SEAL_MS, &status, link, err);
        return rc;
}

static enum bdfs_status check(struct copy *c, struct bdfs_err *err)
{
        const struct replica_view *v = &c->reader.view;

        if (v->state != REPLICA_FILE_FINALIZED || v->stamp != c->command->stamp ||
            v->length != c->command->length)
                return bdfs_fail(err, BDFS_STALE_GENSTAMP, "block %" PRIu64 " is here with stamp %"
                                 PRIu64 " and %" PRIu64 " bytes, to be copied with %" PRIu64
                                 " and %" PRIu64, v->block, v->stamp, v->length, c->command->stamp,
                                 c->command->length);
        if (c->command->n_targets == 0 || c->command->n_targets > PIPELINE_NODES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "copy to %zu targets", c->command->n_targets);
        return BDFS_OK;
}

enum bdfs_status copy_block(struct datanode *dn, const Bdfs__CopyCommand *command,
                            struct bdfs_err *err)
{
        AUTO_FREE struct copy *c = calloc(1, sizeof(*c));
        struct replica *r = NULL;
        enum bdfs_status rc;

        if (c == NULL || (c->buffer = wire_pool_take(dn->pool)) == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "copy: out of memory");
        c->command = command;
        c->dataset = dn->dataset;
        rc = dataset_get(dn->dataset, command->block, command->stamp, &r, err);
        if (rc == BDFS_OK) {
                replica_reader_init(&c->reader, r);
                rc = check(c, err);
        }
        if (rc == BDFS_OK)
                rc = open_pipeline(c, dn->pipelines, err);
        if (rc == BDFS_OK)
                rc = send_all(c, err);
        pipeline_end(c->pipeline);
        wire_pool_give(dn->pool, c->buffer);
        dataset_put(dn->dataset, r);
        return rc;
}
