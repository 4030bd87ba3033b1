#include "datanode/transfer/receive.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "common/log.h"
#include "datanode/link/datanode_parts.h"
#include "datanode/link/namenode_link.h"
#include "datanode/transfer/access.h"
#include "datanode/transfer/pipeline.h"

enum {
        BATCH_PACKETS_MAX = 512,
        SUM_EVERY_MIN = 16,
        SUM_EVERY_MAX = 1 << 20,
};

#define SETUP_MS 20000       /* for each node of the pipeline */
#define REPORT_MS 5000       /* that the last ack waits for a namenode at most */

#define STAGE(name) HADOOP__OP_WRITE_BLOCK_PROTO__BLOCK_CONSTRUCTION_STAGE__##name

struct receive {
        struct data_conn *conn;
        const Hadoop__OpWriteBlockProto *op;
        struct dataset *dataset;
        struct token token;
        uint64_t block, stamp;
        enum crc_type wire_type, type; /* as the packets have them; as they are stored */
        uint32_t sum_every;
        bool acks;     /* a client is at the other end: each packet is answered */
        bool transfer; /* one answer at the end */
        bool unused;   /* nothing was received: the replica may go */

        struct pipeline *down; /* NULL: this is the last node */
        bool clean;            /* every packet was answered, and well */
        struct replica *replica;
        struct replica_writer *writer;
        struct buf out;
        struct bdfs_err why; /* it failed */

        /* the batch */
        struct pipeline_entry batch[BATCH_PACKETS_MAX];
        size_t batch_n;
        size_t batch_bytes; /* of whole packets that were taken */
        bool sync, last;    /* asked for by its last packet */
};

/* ---- the operation ------------------------------------------------------------------------ */

static enum bdfs_status check_stage(struct receive *r, struct bdfs_err *err)
{
        switch ((int)r->op->stage) {
        case STAGE(PIPELINE_SETUP_CREATE):
                r->acks = r->op->header->clientname[0] != '\0';
                return BDFS_OK;
        case STAGE(TRANSFER_RBW):
        case STAGE(TRANSFER_FINALIZED):
                r->transfer = true;
                return BDFS_OK;
        default:
                return bdfs_fail(err, BDFS_FAILED, "stage %d goes on with an existing replica, "
                                 "which is not supported yet", (int)r->op->stage);
        }
}

static enum bdfs_status check_sums(struct receive *r, struct bdfs_err *err)
{
        const Hadoop__ChecksumProto *c = r->op->requestedchecksum;

        if (!crc_type_ok((int)c->type))
                return bdfs_fail(err, BDFS_INVALID, "checksum type %d is unknown", (int)c->type);
        r->wire_type = (enum crc_type)c->type;
        r->type = r->wire_type == CRC_NULL ? CRC_CRC32C : r->wire_type;
        r->sum_every = c->bytesperchecksum;
        if (r->wire_type != CRC_NULL &&
            (r->sum_every < SUM_EVERY_MIN || r->sum_every > SUM_EVERY_MAX))
                return bdfs_fail(err, BDFS_INVALID, "%u bytes per checksum", r->sum_every);
        return BDFS_OK;
}

static enum bdfs_status check_op(struct receive *r, struct bdfs_err *err)
{
        const Hadoop__BaseHeaderProto *header = r->op->header->baseheader;
        enum bdfs_status rc = check_stage(r, err);

        r->block = header->block->blockid;
        r->stamp = header->block->generationstamp;
        if (rc == BDFS_OK)
                rc = check_sums(r, err);
        if (rc == BDFS_OK && r->op->n_targets >= PIPELINE_NODES_MAX)
                rc = bdfs_fail(err, BDFS_LIMIT, "pipeline of more than %d nodes",
                               PIPELINE_NODES_MAX);
        if (rc != BDFS_OK)
                return rc;
        rc = access_check(r->conn, header, TOKEN_WRITE, &r->token, err);
        if (rc != BDFS_OK && !r->acks)
                rc = access_check(r->conn, header, TOKEN_COPY, &r->token, err);
        if (rc != BDFS_OK)
                return rc;
        if (r->stamp < r->token.stamp_floor || r->token.base != 0 ||
            (r->token.flags & TOKEN_HOLE) != 0)
                return bdfs_fail(err, BDFS_TOKEN, "the token is not for writing stamp %" PRIu64,
                                 r->stamp);
        return BDFS_OK;
}

/* The reply that answers @why; the blame is the next node's when @link names it. */
static void refuse(struct receive *r, const struct bdfs_err *why, const char *link)
{
        char self[64];

        data_conn_self(r->conn, self);
        if (r->acks || r->transfer)
                data_conn_refuse(r->conn, why, link != NULL && link[0] != '\0' ? link : self);
        log_info("write refused block=%" PRIu64 " error=%s", r->block, why->text);
}

static bool open_down(struct receive *r, bool fresh, char link[64])
{
        struct bdfs_err err;

        if (pipeline_open(&r->down, r->conn->dn->pipelines, r->op, fresh, &err) == BDFS_OK)
                return true;
        (void)snprintf(link, 64, "%.45s:%u", r->op->targets[0]->id->ipaddr,
                       r->op->targets[0]->id->xferport);
        refuse(r, &err, link);
        return false;
}

/* The next node's word; once more by a new connection when it had closed the kept one. */
static bool down_is_ready(struct receive *r, int64_t deadline_ms)
{
        char link[64] = "";
        Hadoop__Status status;
        struct bdfs_err err;
        enum bdfs_status rc = pipeline_reply(r->down, deadline_ms, &status, link, &err);

        if ((rc == BDFS_CLOSED || rc == BDFS_IO) && pipeline_is_reused(r->down)) {
                pipeline_end(r->down);
                r->down = NULL;
                if (!open_down(r, true, link))
                        return false;
                rc = pipeline_reply(r->down, deadline_ms, &status, link, &err);
        }
        if (rc != BDFS_OK)
                refuse(r, &err, link[0] != '\0' ? link : pipeline_name(r->down));
        return rc == BDFS_OK;
}

/* The next node first, so that it sets up while we do. */
static bool set_up(struct receive *r)
{
        struct bdfs_err err;
        int64_t deadline_ms = os_mono_ms() + SETUP_MS * (int64_t)r->op->n_targets;
        char link[64];

        if (r->op->n_targets > 0 && !open_down(r, !r->acks, link))
                return false;
        if (dataset_create(r->dataset, r->block, r->stamp, r->type, r->conn->sock, &r->replica,
                           &r->writer, &err) != BDFS_OK) {
                refuse(r, &err, NULL);
                return false;
        }
        if (r->down == NULL || !r->acks)
                return true;
        if (!down_is_ready(r, deadline_ms))
                return false;
        if (pipeline_relay(r->down, r->conn->sock, r->replica, &err) != BDFS_OK) {
                refuse(r, &err, NULL);
                return false;
        }
        return true;
}

/* ---- packets ------------------------------------------------------------------------------ */

static enum bdfs_status check_place(struct receive *r, const struct transfer_packet *p,
                                    struct bdfs_err *err)
{
        uint64_t offset = (uint64_t)p->offset, length = replica_writer_length(r->writer);

        if (offset > length || (p->last && offset != length))
                return bdfs_fail(err, BDFS_INVALID, "packet %" PRId64 " begins at %" PRIu64
                                 ", the replica ends at %" PRIu64, p->seqno, offset, length);
        if (r->token.length != TOKEN_LENGTH_OPEN && offset + p->data_n > r->token.length)
                return bdfs_fail(err, BDFS_TOKEN, "packet %" PRId64 " passes the token's %" PRIu64
                                 " bytes", p->seqno, r->token.length);
        return BDFS_OK;
}

static enum bdfs_status verify_sums(struct receive *r, const struct transfer_packet *p,
                                    const uint8_t *sums, struct bdfs_err *err)
{
        uint32_t every = r->wire_type == CRC_NULL ? 0 : r->sum_every;

        if (p->sums_n != transfer_sums_bytes(p->data_n, every))
                return bdfs_fail(err, BDFS_PROTOCOL, "packet %" PRId64 " has %u bytes of checksums "
                                 "for %u of data", p->seqno, p->sums_n, p->data_n);
        if (every == 0)
                return BDFS_OK;
        if ((uint64_t)p->offset % every != 0 && p->data_n > every)
                return bdfs_fail(err, BDFS_INVALID, "packet %" PRId64 " begins inside a chunk and "
                                 "is longer than one", p->seqno);
        if (crc_verify_chunks(r->wire_type, sums + p->sums_n, p->data_n, every, sums) >= 0)
                return bdfs_fail(err, BDFS_CORRUPT, "packet %" PRId64 " fails its checksum",
                                 p->seqno);
        return BDFS_OK;
}

static enum bdfs_status take_data(struct receive *r, const struct transfer_packet *p,
                                  const uint8_t *sums, struct bdfs_err *err)
{
        struct replica_bytes bytes = {
                .offset = (uint64_t)p->offset,
                .data = sums + p->sums_n,
                .n = p->data_n,
        };
        enum bdfs_status rc = verify_sums(r, p, sums, err);

        if (rc != BDFS_OK)
                return rc;
        if (r->wire_type == r->type && r->sum_every == REPLICA_SUM_EVERY &&
            bytes.offset % REPLICA_SUM_EVERY == 0)
                bytes.sums = sums;
        r->unused = false;
        return dataset_add(r->dataset, r->replica, r->writer, &bytes, err);
}

/* A whole packet at the wire's start: @head_n bytes of head, described by @p. */
static enum bdfs_status take_packet(struct receive *r, const struct transfer_packet *p,
                                    size_t head_n, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (p->seqno != TRANSFER_SEQNO_HEARTBEAT)
                rc = check_place(r, p, err);
        if (rc == BDFS_OK && p->data_n > 0)
                rc = take_data(r, p, wire_at(&r->conn->wire) + head_n, err);
        if (rc != BDFS_OK)
                return rc;
        wire_take(&r->conn->wire, head_n + p->sums_n + p->data_n);
        r->batch_bytes += head_n + p->sums_n + p->data_n;
        r->batch[r->batch_n++] = (struct pipeline_entry){
                .seqno = p->seqno,
                .status = HADOOP__STATUS__SUCCESS,
                .end = replica_writer_length(r->writer),
        };
        r->sync |= p->sync;
        r->last |= p->last;
        return BDFS_OK;
}

/* The next packet's head. With the batch empty, wait until the whole packet is there; else
 * *ret_whole says whether it is. */
static enum bdfs_status next_packet(struct receive *r, struct transfer_packet *ret,
                                    size_t *ret_head_n, bool *ret_whole, struct bdfs_err *err)
{
        struct wire *w = &r->conn->wire;
        int64_t deadline_ms = r->batch_n == 0 ? os_mono_ms() + DATA_IDLE_MS : 0;

        for (;;) {
                size_t need = 0, all;
                enum bdfs_status rc = transfer_packet_decode(wire_at(w), wire_left(w), ret,
                                                             ret_head_n, &need, err);

                if (rc != BDFS_OK)
                        return rc;
                all = need > 0 ? wire_left(w) + need : *ret_head_n + ret->sums_n + ret->data_n;
                *ret_whole = need == 0 && wire_left(w) >= all;
                if (*ret_whole || r->batch_n > 0)
                        return BDFS_OK;
                rc = wire_need(w, all, deadline_ms, err);
                if (rc != BDFS_OK)
                        return rc;
        }
}

/* Take what is there, at least one packet; no further than one that asks for a sync or is last. */
static enum bdfs_status take_batch(struct receive *r, struct bdfs_err *err)
{
        struct transfer_packet p;
        size_t head_n;
        bool whole;

        r->batch_n = r->batch_bytes = 0;
        r->sync = r->last = false;
        while (r->batch_n < BATCH_PACKETS_MAX && !r->sync && !r->last) {
                enum bdfs_status rc = next_packet(r, &p, &head_n, &whole, err);

                if (rc == BDFS_OK && !whole)
                        return BDFS_OK;
                if (rc == BDFS_OK)
                        rc = take_packet(r, &p, head_n, err);
                if (rc != BDFS_OK)
                        return rc;
        }
        return BDFS_OK;
}

/* ---- the batch's way ---------------------------------------------------------------------- */

static enum bdfs_status seal(struct receive *r, struct bdfs_err *err)
{
        int64_t begun = os_mono_ms();
        uint64_t change, length = replica_writer_length(r->writer);
        enum bdfs_status rc = dataset_seal(r->dataset, r->replica, r->writer, &change, err);

        if (rc != BDFS_OK)
                return rc;
        if (!namenode_links_report(r->conn->dn, change, os_mono_ms() + REPORT_MS))
                log_warn("seal not reported yet block=%" PRIu64, r->block);
        log_debug("replica sealed block=%" PRIu64 " genstamp=%" PRIu64 " bytes=%" PRIu64
                  " ms=%" PRId64, r->block, r->stamp, length, os_mono_ms() - begun);
        return BDFS_OK;
}

static enum bdfs_status store(struct receive *r, struct bdfs_err *err)
{
        if (r->last && r->op->stage != STAGE(TRANSFER_RBW))
                return seal(r, err);
        if (r->sync)
                return dataset_sync(r->dataset, r->replica, r->writer, err);
        return dataset_flush(r->dataset, r->replica, r->writer, err);
}

/* Acks of the last node of a pipeline, all in one write. */
static bool answer_last(struct receive *r)
{
        struct transfer_ack ack = {.n = 1};
        struct bdfs_err err;
        uint64_t end = 0;

        buf_reset(&r->out);
        for (size_t i = 0; i < r->batch_n; i++) {
                ack.seqno = r->batch[i].seqno;
                ack.reply[0] = r->batch[i].status;
                transfer_ack_encode(&r->out, &ack);
                if (ack.reply[0] != HADOOP__STATUS__SUCCESS)
                        break;
                end = r->batch[i].end;
        }
        replica_show(r->replica, end);
        return data_conn_reply(r->conn, &r->out, &err) == BDFS_OK;
}

static bool answer(struct receive *r)
{
        if (!r->acks)
                return true;
        if (r->down == NULL)
                return answer_last(r);
        for (size_t i = 0; i < r->batch_n; i++)
                if (!pipeline_add(r->down, &r->batch[i]))
                        return false;
        return true;
}

/* Verified packets onward, to the disk, and answered. False: the write is over. */
static bool run_batch(struct receive *r)
{
        const uint8_t *bytes = wire_at(&r->conn->wire) - r->batch_bytes;
        bool good = true;

        if (r->batch_n == 0)
                return true;
        if (r->down != NULL &&
            pipeline_forward(r->down, bytes, r->batch_bytes, os_mono_ms() + DATA_IDLE_MS,
                             &r->why) != BDFS_OK) {
                log_info("pipeline broke block=%" PRIu64 " error=%s", r->block, r->why.text);
                good = r->acks; /* the relay tells the client; what is here is kept */
        }
        if (store(r, &r->why) != BDFS_OK) {
                log_warn("write failed block=%" PRIu64 " error=%s", r->block, r->why.text);
                r->batch_n = 1;
                r->batch[0].status = transfer_status_of(r->why.status);
                (void)answer(r); /* the write is over either way */
                return false;
        }
        atomic_fetch_add(&r->conn->dn->counters.written, r->batch_bytes);
        return answer(r) && good;
}

/* A packet that cannot be taken: say so in its place, if it can be said. */
static void answer_bad(struct receive *r)
{
        const struct bdfs_err *why = &r->why;
        struct transfer_packet p;
        size_t head_n, need;

        log_info("write ends block=%" PRIu64 " bytes=%" PRIu64 " error=%s", r->block,
                 replica_writer_length(r->writer), why->text);
        if (why->status == BDFS_CLOSED || why->status == BDFS_TIMEOUT ||
            transfer_packet_decode(wire_at(&r->conn->wire), wire_left(&r->conn->wire), &p, &head_n,
                                   &need, NULL) != BDFS_OK || need > 0)
                return;
        r->batch[0] = (struct pipeline_entry){.seqno = p.seqno,
                                              .status = transfer_status_of(why->status)};
        r->batch_n = 1;
        (void)answer(r); /* the write is over either way */
}

/* Until the last packet; false when it ended before. */
static bool receive_packets(struct receive *r)
{
        for (;;) {
                enum bdfs_status rc = take_batch(r, &r->why);
                bool last = r->last;

                if (!run_batch(r))
                        return false;
                if (rc != BDFS_OK) {
                        answer_bad(r);
                        return false;
                }
                if (last)
                        return true;
                if (r->down != NULL && r->acks && pipeline_broken(r->down))
                        return false;
        }
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* A transfer is answered once, when all nodes have it. */
static void finish_transfer(struct receive *r)
{
        struct bdfs_err err;
        Hadoop__Status status;
        char link[64];

        if (r->op->stage == STAGE(TRANSFER_RBW))
                replica_show(r->replica, replica_writer_length(r->writer));
        if (!r->transfer)
                return;
        if (r->down != NULL && pipeline_reply(r->down, os_mono_ms() + DATA_IDLE_MS, &status, link,
                                              &err) != BDFS_OK) {
                refuse(r, &err, link);
                return;
        }
        buf_reset(&r->out);
        transfer_ok_encode(&r->out);
        if (data_conn_reply(r->conn, &r->out, &err) != BDFS_OK)
                log_info("transfer not answered block=%" PRIu64 " error=%s", r->block, err.text);
}

static bool confirm(struct receive *r)
{
        struct bdfs_err err;

        if (!r->acks)
                return true;
        transfer_ok_encode(&r->out);
        return data_conn_reply(r->conn, &r->out, &err) == BDFS_OK;
}

static void run(struct receive *r)
{
        bool whole = confirm(r) && receive_packets(r);

        if (whole && !r->acks)
                finish_transfer(r);
        else if (whole) /* the relay answers, if there is one */
                r->clean = r->down == NULL ||
                           pipeline_drain(r->down, os_mono_ms() + DATA_IDLE_MS);
        if (!whole && r->transfer)
                refuse(r, &r->why, NULL);
        if (!whole)
                data_conn_linger(r->conn);
}

bool receive_block(struct data_conn *c, const Hadoop__OpWriteBlockProto *op)
{
        struct receive r = {.conn = c, .op = op, .dataset = c->dn->dataset, .unused = true};
        struct bdfs_err err;

        buf_init(&r.out, 0);
        if (check_op(&r, &err) != BDFS_OK)
                refuse(&r, &err, NULL);
        else if (set_up(&r))
                run(&r);
        if (r.clean && r.down != NULL)
                pipeline_keep(c->dn->pipelines, r.down);
        else
                pipeline_end(r.down);
        if (r.replica != NULL)
                dataset_end(r.dataset, r.replica, r.writer, r.unused);
        buf_fini(&r.out);
        return r.clean && c->listener != DATA_HADOOP; /* stock clients expect it to be closed */
}
