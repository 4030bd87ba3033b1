#include "client/block_writer.h"

#include <string.h>

#include "client/locate.h"
#include "common/crc.h"

#define STAGE(name) HADOOP__OP_WRITE_BLOCK_PROTO__BLOCK_CONSTRUCTION_STAGE__##name
#define IN_FLIGHT_MAX (sizeof(((struct block_writer *)0)->lengths) / sizeof(uint64_t))

static int64_t step_deadline(const struct block_writer *w)
{
        return os_mono_ms() + w->fs->timeout_ms + 5000 * (int64_t)w->nodes_n;
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum bdfs_status send_request(struct block_writer *w, const struct block_writer_open *o,
                                     struct bdfs_err *err)
{
        const Hadoop__LocatedBlockProto *l = o->block;
        Hadoop__OpWriteBlockProto op = HADOOP__OP_WRITE_BLOCK_PROTO__INIT;
        Hadoop__ClientOperationHeaderProto header = HADOOP__CLIENT_OPERATION_HEADER_PROTO__INIT;
        Hadoop__BaseHeaderProto base = HADOOP__BASE_HEADER_PROTO__INIT;
        Hadoop__ExtendedBlockProto block = *l->b;
        Hadoop__ChecksumProto sums = HADOOP__CHECKSUM_PROTO__INIT;

        block.generationstamp = o->old_stamp != 0 ? o->old_stamp : l->b->generationstamp;
        block.has_numbytes = 1;
        block.numbytes = o->old_stamp != 0 ? o->length : o->block_size;
        base.block = &block;
        base.token = l->blocktoken;
        header.baseheader = &base;
        header.clientname = w->fs->client_name;
        op.header = &header;
        op.targets = l->locs + 1;
        op.n_targets = l->n_locs - 1;
        op.stage = o->old_stamp != 0 ? STAGE(PIPELINE_SETUP_APPEND) : STAGE(PIPELINE_SETUP_CREATE);
        op.pipelinesize = (uint32_t)l->n_locs;
        op.minbytesrcvd = o->length;
        op.latestgenerationstamp = o->old_stamp != 0 ? l->b->generationstamp : 0;
        sums.type = HADOOP__CHECKSUM_TYPE_PROTO__CHECKSUM_CRC32C;
        sums.bytesperchecksum = WRITE_CHUNK_BYTES;
        op.requestedchecksum = &sums;
        if (l->n_storagetypes == l->n_locs) {
                op.has_storagetype = 1;
                op.storagetype = l->storagetypes[0];
                op.targetstoragetypes = l->storagetypes + 1;
                op.n_targetstoragetypes = l->n_locs - 1;
        }
        if (l->n_storageids == l->n_locs) {
                op.storageid = l->storageids[0];
                op.targetstorageids = l->storageids + 1;
                op.n_targetstorageids = l->n_locs - 1;
        }
        return data_send_op(w->conn, TRANSFER_WRITE_BLOCK, &op.base, step_deadline(w), err);
}

/* Whom the answer blames: firstBadLink is ip:port of a node, else it is the first node. */
static enum bdfs_status take_connect_ack(struct block_writer *w, int *ret_bad,
                                         struct bdfs_err *err)
{
        Hadoop__BlockOpResponseProto *r;
        void *m;

        *ret_bad = 0;
        if (data_recv_message(w->conn, &hadoop__block_op_response_proto__descriptor,
                              step_deadline(w), &m, err) != BDFS_OK)
                return err->status;
        r = m;
        if (r->status != HADOOP__STATUS__SUCCESS) {
                const char *link = r->firstbadlink == NULL ? "" : r->firstbadlink;

                for (size_t i = 0; i < w->nodes_n; i++) {
                        if (strcmp(w->nodes[i], link) == 0)
                                *ret_bad = (int)i;
                }
                (void)bdfs_fail(err, transfer_reply_status(r), "datanode %s: %s%s%s",
                                w->nodes[*ret_bad], transfer_status_name(r->status),
                                r->message == NULL ? "" : ": ",
                                r->message == NULL ? "" : r->message);
                message_free(r);
                return err->status;
        }
        message_free(r);
        *ret_bad = -1;
        return BDFS_OK;
}

enum bdfs_status block_writer_open(struct block_writer *ret, struct bdfs *fs,
                                   const struct block_writer_open *o, int *ret_bad,
                                   struct bdfs_err *err)
{
        const Hadoop__LocatedBlockProto *l = o->block;
        struct os_addr first;

        *ret_bad = -1;
        *ret = (struct block_writer){.fs = fs, .offset = o->length, .acked = -1};
        if (l->n_locs == 0 || l->n_locs > PIPELINE_NODES_MAX ||
            !located_addr(l->locs[0]->id, &first))
                return bdfs_fail(err, BDFS_UNAVAILABLE, "the namenode offered no usable datanode");
        ret->nodes_n = l->n_locs;
        for (size_t i = 0; i < l->n_locs; i++)
                (void)snprintf(ret->nodes[i], sizeof(ret->nodes[i]), "%s:%u",
                               l->locs[i]->id->ipaddr, l->locs[i]->id->xferport);
        for (bool fresh = false;; fresh = true) {
                bool reused;

                *ret_bad = 0;
                if (data_get(fs->pool, &first, fresh, step_deadline(ret), &ret->conn, err) !=
                    BDFS_OK)
                        return err->status;
                reused = ret->conn->reused;
                if (send_request(ret, o, err) == BDFS_OK &&
                    take_connect_ack(ret, ret_bad, err) == BDFS_OK)
                        return BDFS_OK;
                block_writer_close(ret);
                if (!reused || fresh || (err->status != BDFS_CLOSED && err->status != BDFS_IO))
                        return err->status;
        }
}

void block_writer_close(struct block_writer *w)
{
        if (w->ended && w->conn != NULL)
                data_put(w->fs->pool, w->conn);
        else
                data_drop(w->conn);
        w->conn = NULL;
}

/* ---- acks ------------------------------------------------------------------------------------ */

static enum bdfs_status check_ack(struct block_writer *w, const struct transfer_ack *a,
                                  struct bdfs_err *err)
{
        for (uint32_t i = 0; i < a->n; i++) {
                Hadoop__Status s = transfer_ack_status(a, i);

                if (s != HADOOP__STATUS__SUCCESS)
                        return bdfs_fail(err, transfer_status_to(s),
                                         "datanode %s of the pipeline failed: %s",
                                         i < w->nodes_n ? w->nodes[i] : "?",
                                         transfer_status_name(s));
        }
        return BDFS_OK;
}

static enum bdfs_status take_ack(struct block_writer *w, struct bdfs_err *err)
{
        Hadoop__PipelineAckProto *m;
        struct transfer_ack a;
        void *any;

        if (data_recv_message(w->conn, &hadoop__pipeline_ack_proto__descriptor, step_deadline(w),
                              &any, err) != BDFS_OK)
                return err->status;
        m = any;
        a = (struct transfer_ack){.seqno = m->seqno, .n = (uint32_t)m->n_reply};
        if (m->n_reply == 0 || m->n_reply > TRANSFER_NODES_MAX) {
                message_free(m);
                return bdfs_fail(err, BDFS_PROTOCOL, "an ack without statuses came");
        }
        for (uint32_t i = 0; i < a.n; i++)
                a.reply[i] = m->reply[i];
        a.has_flags = m->n_flag == m->n_reply;
        for (uint32_t i = 0; a.has_flags && i < a.n; i++)
                a.flag[i] = m->flag[i];
        message_free(m);
        if (check_ack(w, &a, err) != BDFS_OK)
                return err->status;
        if (a.seqno == TRANSFER_SEQNO_HEARTBEAT)
                return BDFS_OK;
        if (a.seqno != w->acked + 1 || a.seqno >= w->seqno)
                return bdfs_fail(err, BDFS_PROTOCOL, "ack %lld came where %lld was due",
                                 (long long)a.seqno, (long long)w->acked + 1);
        w->acked = a.seqno;
        w->unacked_bytes -= w->lengths[(size_t)a.seqno % IN_FLIGHT_MAX];
        return BDFS_OK;
}

static enum bdfs_status broke(struct block_writer *w, struct bdfs_err *err)
{
        w->broken = true;
        if (err->status == BDFS_FAILED || err->status == BDFS_CLOSED)
                err->status = BDFS_UNAVAILABLE; /* of a datanode: another pipeline may do */
        return bdfs_wrap(err, "the pipeline broke (what was flushed before is kept)");
}

enum bdfs_status block_writer_wait(struct block_writer *w, struct bdfs_err *err)
{
        while (w->acked + 1 < w->seqno) {
                if (take_ack(w, err) != BDFS_OK)
                        return broke(w, err);
        }
        return BDFS_OK;
}

/* Take the acks that are there, and wait for some when too much is under way. */
static enum bdfs_status make_room(struct block_writer *w, size_t n, struct bdfs_err *err)
{
        while (w->unacked_bytes + n > WRITE_WINDOW_BYTES ||
               (size_t)(w->seqno - w->acked) >= IN_FLIGHT_MAX) {
                if (take_ack(w, err) != BDFS_OK)
                        return broke(w, err);
        }
        return BDFS_OK;
}

/* A packet could not be sent: the reason is more likely in an ack than in the socket's error. */
static enum bdfs_status send_failed(struct block_writer *w, struct bdfs_err *err)
{
        struct bdfs_err ack;

        while (data_readable(w->conn)) {
                if (take_ack(w, &ack) == BDFS_OK)
                        continue;
                if (ack.status != BDFS_CLOSED)
                        *err = ack;
                break;
        }
        return broke(w, err);
}

/* ---- packets --------------------------------------------------------------------------------- */

static enum bdfs_status send_packet(struct block_writer *w, const struct transfer_packet *p,
                                    const uint8_t *sums, const void *data, struct bdfs_err *err)
{
        uint8_t head[TRANSFER_HEAD_BYTES_MAX];
        struct iovec iov[3];
        int n = 0;

        iov[n++] = (struct iovec){head, transfer_packet_encode(head, p)};
        if (p->sums_n > 0)
                iov[n++] = (struct iovec){(void *)(uintptr_t)sums, p->sums_n};
        if (p->data_n > 0)
                iov[n++] = (struct iovec){(void *)(uintptr_t)data, p->data_n};
        if (os_sock_writev(w->conn->sock, iov, n, step_deadline(w), err) != BDFS_OK)
                return send_failed(w, err);
        return BDFS_OK;
}

enum bdfs_status block_writer_send(struct block_writer *w, const void *data, size_t n, bool sync,
                                   struct bdfs_err *err)
{
        uint8_t sums[4 * (WRITE_PACKET_BYTES / WRITE_CHUNK_BYTES)];
        struct transfer_packet p = {.offset = (int64_t)w->offset, .seqno = w->seqno,
                                    .data_n = (uint32_t)n, .sync = sync};

        BDFS_ASSERT(n <= WRITE_PACKET_BYTES);
        BDFS_ASSERT(w->offset % WRITE_CHUNK_BYTES == 0 ||
                    n <= WRITE_CHUNK_BYTES - w->offset % WRITE_CHUNK_BYTES);
        if (w->broken)
                return bdfs_fail(err, BDFS_UNAVAILABLE, "the pipeline broke before");
        if (make_room(w, n, err) != BDFS_OK)
                return err->status;
        p.sums_n = transfer_sums_bytes(p.data_n, WRITE_CHUNK_BYTES);
        crc_chunks(CRC_CRC32C, data, n, WRITE_CHUNK_BYTES, sums);
        if (send_packet(w, &p, sums, data, err) != BDFS_OK)
                return err->status;
        w->lengths[(size_t)w->seqno % IN_FLIGHT_MAX] = n;
        w->unacked_bytes += n;
        w->seqno++;
        w->offset += n;
        return BDFS_OK;
}

enum bdfs_status block_writer_finish(struct block_writer *w, struct bdfs_err *err)
{
        struct transfer_packet p = {.offset = (int64_t)w->offset, .seqno = w->seqno, .last = true,
                                    .sync = true};

        if (w->broken)
                return bdfs_fail(err, BDFS_UNAVAILABLE, "the pipeline broke before");
        if (make_room(w, 0, err) != BDFS_OK || send_packet(w, &p, NULL, NULL, err) != BDFS_OK)
                return err->status;
        w->lengths[(size_t)w->seqno % IN_FLIGHT_MAX] = 0;
        w->seqno++;
        if (block_writer_wait(w, err) != BDFS_OK)
                return err->status;
        w->ended = !w->fs->hadoop; /* Apache's datanodes close after a write */
        return BDFS_OK;
}

enum bdfs_status block_writer_heartbeat(struct block_writer *w, struct bdfs_err *err)
{
        struct transfer_packet p = {.seqno = TRANSFER_SEQNO_HEARTBEAT};

        if (w->broken || send_packet(w, &p, NULL, NULL, err) != BDFS_OK)
                return w->broken ? bdfs_fail(err, BDFS_FAILED, "broken") : err->status;
        while (data_readable(w->conn)) {
                if (take_ack(w, err) != BDFS_OK)
                        return broke(w, err);
        }
        return BDFS_OK;
}
