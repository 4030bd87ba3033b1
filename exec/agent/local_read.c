#include "exec/agent/local_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/block_reader.h"
#include "proto/replica_format.h"
#include "proto/transfer.h"

#define STEP_MS 30000
#define STREAM_BYTES 65536

/* The name under which connections of the Unix socket lie in libbdfs's pool. */
static const struct os_addr pool_name = {.host = "unix socket", .port = 1};

struct local_read {
        struct bdfs *fs;
        const char *socket_path;
        const Hadoop__LocatedBlockProto *block;
        struct os_file *file;       /* NULL: the datanode streams */
        struct replica_state state; /* of the file */
        struct block_reader stream;
        bool streaming;
        uint64_t stream_at;
        uint8_t *buffer;            /* a group, or a piece of the stream */
};

static int64_t step_deadline(void)
{
        return os_mono_ms() + STEP_MS;
}

/* ---- asking for the file ------------------------------------------------------------------ */

static enum bdfs_status send_pass_file(struct local_read *l, struct os_sock *sock,
                                       struct bdfs_err *err)
{
        Hadoop__OpReadBlockProto op = HADOOP__OP_READ_BLOCK_PROTO__INIT;
        Hadoop__ClientOperationHeaderProto header = HADOOP__CLIENT_OPERATION_HEADER_PROTO__INIT;
        Hadoop__BaseHeaderProto base = HADOOP__BASE_HEADER_PROTO__INIT;
        enum bdfs_status rc;
        struct buf b;

        base.block = l->block->b;
        base.token = l->block->blocktoken;
        header.baseheader = &base;
        header.clientname = l->fs->client_name;
        op.header = &header;
        op.len = l->block->b->numbytes;
        buf_init(&b, 0);
        buf_u16be(&b, TRANSFER_VERSION);
        buf_u8(&b, REPLICA_OP_PASS_FILE);
        message_pack_delimited(&b, &op.base);
        rc = b.bad ? bdfs_fail(err, BDFS_NO_MEMORY, "no memory")
                   : os_sock_write(sock, b.data, b.n, step_deadline(), err);
        buf_fini(&b);
        return rc;
}

/* Reads not a byte more than the reply: the next byte brings the descriptor. */
static enum bdfs_status recv_reply(struct os_sock *sock, struct bdfs_err *err)
{
        const Hadoop__BlockOpResponseProto *r;
        struct message_span span = {.need = 1};
        uint8_t bytes[4096];
        enum bdfs_status rc;
        size_t n = 0;
        void *m;

        while (span.need > 0) {
                if (span.need > sizeof(bytes) - n)
                        return bdfs_fail(err, BDFS_PROTOCOL, "the datanode's reply is too long");
                if (os_sock_read(sock, bytes + n, span.need, step_deadline(), err) != BDFS_OK)
                        return err->status;
                n += span.need;
                if (message_delimited(bytes, n, sizeof(bytes), &span, err) != BDFS_OK)
                        return err->status;
        }
        m = message_unpack(&hadoop__block_op_response_proto__descriptor, span.message,
                           span.message_n, err);
        if (m == NULL)
                return err->status;
        r = m;
        rc = BDFS_OK;
        if (r->status != HADOOP__STATUS__SUCCESS)
                rc = bdfs_fail(err, transfer_reply_status(r), "%s",
                               r->message == NULL ? transfer_status_name(r->status) : r->message);
        message_free(m);
        return rc;
}

/* The file's state must be what the namenode said of the block. */
static enum bdfs_status check_state(struct local_read *l, struct bdfs_err *err)
{
        uint8_t pages[REPLICA_STATE_PAGES * REPLICA_PAGE_BYTES];
        const Hadoop__ExtendedBlockProto *b = l->block->b;
        unsigned page;
        size_t n;

        if (os_file_read(l->file, 0, pages, sizeof(pages), &n, err) != BDFS_OK)
                return err->status;
        if (n != sizeof(pages))
                return bdfs_fail(err, BDFS_CORRUPT, "the replica's file has no state pages");
        if (replica_state_choose(pages, &l->state, &page, err) != BDFS_OK)
                return err->status;
        if (l->state.block != b->blockid || l->state.stamp != b->generationstamp ||
            l->state.state != REPLICA_FILE_FINALIZED || l->state.length < b->numbytes)
                return bdfs_fail(err, BDFS_CORRUPT, "the replica's file is of block %" PRIu64
                                 ", stamp %" PRIu64 ", %" PRIu64 " bytes", l->state.block,
                                 l->state.stamp, l->state.length);
        return BDFS_OK;
}

static enum bdfs_status get_file(struct local_read *l, struct bdfs_err *err)
{
        struct os_sock *sock;
        enum bdfs_status rc = server_connect_unix(&sock, l->socket_path, l->fs->owner,
                                                  step_deadline(), err);

        if (rc != BDFS_OK)
                return rc;
        rc = send_pass_file(l, sock, err);
        if (rc == BDFS_OK)
                rc = recv_reply(sock, err);
        if (rc == BDFS_OK)
                rc = os_sock_recv_fd(sock, &l->file, step_deadline(), err);
        os_sock_close(sock);
        return rc != BDFS_OK ? rc : check_state(l, err);
}

/* ---- the file ----------------------------------------------------------------------------- */

/* Compare a chunk with its record: in its group's page, or in the state for the last, short one. */
static enum bdfs_status check_chunk(const struct local_read *l, uint64_t chunk,
                                    const uint8_t *page, const uint8_t *data, size_t n,
                                    struct bdfs_err *err)
{
        struct replica_record found;
        const struct replica_record *record = &l->state.tail;
        ssize_t bad;

        if (n == REPLICA_CHUNK_BYTES) {
                if (replica_record_at(page, l->state.block, chunk, &found, err) != BDFS_OK)
                        return err->status;
                record = &found;
        }
        if (record->flags != 0)
                return bdfs_fail(err, BDFS_UNSUPPORTED, "the replica's file is not plain");
        if (record->length != n)
                return bdfs_fail(err, BDFS_CORRUPT, "chunk %" PRIu64 " has %u bytes instead of %zu",
                                 chunk, record->length, n);
        bad = crc_verify_chunks(l->state.type, data, n, REPLICA_SUM_EVERY, record->sums);
        if (bad < 0)
                return BDFS_OK;
        return bdfs_fail(err, BDFS_CORRUPT, "a checksum is wrong at byte %" PRIu64 " of block %"
                         PRIu64, chunk * REPLICA_CHUNK_BYTES + (uint64_t)bad * REPLICA_SUM_EVERY,
                         l->state.block);
}

/* From the chunk of @offset to the end of its group, or only that chunk. */
static enum bdfs_status read_file(struct local_read *l, uint64_t offset, bool few, uint8_t **ret,
                                  size_t *ret_n, struct bdfs_err *err)
{
        uint64_t first = replica_chunk_of(offset), length = l->block->b->numbytes;
        uint64_t group_end = (first / REPLICA_GROUP_CHUNKS + 1) * REPLICA_GROUP_CHUNKS;
        uint64_t start = first * REPLICA_CHUNK_BYTES;
        uint64_t end = (few ? first + 1 : group_end) * REPLICA_CHUNK_BYTES;
        uint8_t *data = l->buffer + REPLICA_PAGE_BYTES;
        struct iovec iov[2] = {{l->buffer, REPLICA_PAGE_BYTES}, {data, 0}};
        size_t got, page_got = REPLICA_PAGE_BYTES;

        if (end > l->state.length)
                end = l->state.length;
        iov[1].iov_len = (size_t)(end - start);
        if (first % REPLICA_GROUP_CHUNKS == 0) { /* page and data lie together */
                if (os_file_readv(l->file, replica_record_page_at(first), iov, 2, &got, err) !=
                    BDFS_OK)
                        return err->status;
                got = got > REPLICA_PAGE_BYTES ? got - REPLICA_PAGE_BYTES : 0;
        } else if (os_file_read(l->file, replica_record_page_at(first), l->buffer,
                                REPLICA_PAGE_BYTES, &page_got, err) != BDFS_OK ||
                   os_file_read(l->file, replica_data_at(start), data, (size_t)(end - start), &got,
                                err) != BDFS_OK) {
                return err->status;
        }
        if (got != end - start || page_got != REPLICA_PAGE_BYTES)
                return bdfs_fail(err, BDFS_CORRUPT, "the replica's file is too short");
        for (uint64_t at = start; at < end; at += REPLICA_CHUNK_BYTES) {
                uint64_t left = end - at;

                if (check_chunk(l, at / REPLICA_CHUNK_BYTES, l->buffer, data + (at - start),
                                left < REPLICA_CHUNK_BYTES ? (size_t)left : REPLICA_CHUNK_BYTES,
                                err) != BDFS_OK)
                        return err->status;
        }
        if (end > length)
                end = length;
        *ret = data + (offset - start);
        *ret_n = (size_t)(end - offset);
        return BDFS_OK;
}

/* ---- the stream --------------------------------------------------------------------------- */

static enum bdfs_status add_connection(struct local_read *l, struct bdfs_err *err)
{
        struct data_conn *c = calloc(1, sizeof(*c));

        if (c == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        c->addr = pool_name;
        buf_init(&c->in, 0);
        if (server_connect_unix(&c->sock, l->socket_path, l->fs->owner, step_deadline(), err) !=
            BDFS_OK) {
                free(c);
                return err->status;
        }
        data_put(l->fs->pool, c);
        return BDFS_OK;
}

static void stop_stream(struct local_read *l)
{
        if (l->streaming)
                block_reader_close(&l->stream);
        l->streaming = false;
}

static enum bdfs_status read_stream(struct local_read *l, uint64_t offset, uint8_t **ret,
                                    size_t *ret_n, struct bdfs_err *err)
{
        uint64_t length = l->block->b->numbytes;

        if (l->streaming && l->stream_at != offset)
                stop_stream(l);
        if (!l->streaming) {
                if (add_connection(l, err) != BDFS_OK ||
                    block_reader_open(&l->stream, l->fs, l->block, &pool_name, offset,
                                      length - offset, err) != BDFS_OK)
                        return err->status;
                l->streaming = true;
        }
        if (block_reader_read(&l->stream, l->buffer, STREAM_BYTES, ret_n, err) != BDFS_OK) {
                stop_stream(l);
                return err->status;
        }
        l->stream_at = offset + *ret_n;
        *ret = l->buffer;
        return BDFS_OK;
}

/* ---- both --------------------------------------------------------------------------------- */

enum bdfs_status local_read_open(struct local_read **ret, struct bdfs *fs, const char *socket_path,
                                 const Hadoop__LocatedBlockProto *block, struct bdfs_err *err)
{
        struct local_read *l = calloc(1, sizeof(*l));
        enum bdfs_status rc;

        if (l != NULL)
                l->buffer = malloc(REPLICA_GROUP_BYTES);
        if (l == NULL || l->buffer == NULL) {
                free(l);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory to read a block");
        }
        l->fs = fs;
        l->socket_path = socket_path;
        l->block = block;
        rc = get_file(l, err);
        if (rc != BDFS_OK && rc != BDFS_UNSUPPORTED) {
                local_read_close(l);
                return rc;
        }
        *ret = l;
        return BDFS_OK;
}

void local_read_close(struct local_read *l)
{
        if (l == NULL)
                return;
        stop_stream(l);
        (void)os_file_close(l->file, NULL); /* only read */
        free(l->buffer);
        free(l);
}

bool local_read_by_file(const struct local_read *l)
{
        return l->file != NULL;
}

enum bdfs_status local_read_at(struct local_read *l, uint64_t offset, bool few, uint8_t **ret,
                               size_t *ret_n, struct bdfs_err *err)
{
        BDFS_ASSERT(offset < l->block->b->numbytes);
        return l->file != NULL ? read_file(l, offset, few, ret, ret_n, err)
                               : read_stream(l, offset, ret, ret_n, err);
}
