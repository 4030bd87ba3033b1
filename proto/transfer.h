/*
 * transfer.h - DataTransferProtocol version 28, bytes only: operations, replies, packets, acks.
 *
 * A connection has no preamble. Each operation: a head of 3 bytes (version, opcode) and a delimited
 * message; a delimited reply; then packets one way and acks or a status the other. Decoders that
 * take the start of a byte stream say how many bytes they still need, so that the reader can read
 * exactly and never past the end.
 *
 * A packet: PLEN u32 (4 + checksums + data; the header is not in it), HLEN u16, the header, the
 * checksums (4 bytes big endian for each chunk), the data. A packet of seqno -1 is a heartbeat.
 *
 * Stock clients need that no reply is shorter than TRANSFER_REPLY_BYTES_MIN in total (gohdfs reads
 * that many), that a reply arrives in one write (hdfs-native), and that the head of a packet read
 * is exactly TRANSFER_HEAD_BYTES_MIN (libhdfs3): the encoders see to the first and the last.
 *
 * Owner:   spans borrow from the bytes.
 * Threads: none.
 * Errors:  PROTOCOL; UNSUPPORTED for the SASL handshake; encoders set buf.bad.
 */
#pragma once

#include "common/bytes.h"
#include "common/err.h"
#include "proto/hadoop_data_transfer.pb-c.h"
#include "proto/message.h"

#define TRANSFER_VERSION 28
#define TRANSFER_SASL_MAGIC 0xDEADBEEFu

enum {
        TRANSFER_MESSAGE_BYTES_MAX = 1 << 20, /* of an operation or a reply */
        TRANSFER_REPLY_BYTES_MIN = 5,
        TRANSFER_HEAD_BYTES_MIN = 4 + 2 + 25, /* PLEN, HLEN, the four required fields */
        TRANSFER_HEAD_BYTES_MAX = 4 + 2 + 64, /* room for fields that we do not know */
        TRANSFER_PACKET_BYTES_MAX = 16 << 20, /* PLEN + HLEN */
        TRANSFER_NODES_MAX = 64,              /* in one pipeline */
        TRANSFER_SEQNO_HEARTBEAT = -1,
        TRANSFER_SEQNO_OUT_OF_BAND = -2, /* in acks only */
};

/* ---- operations --------------------------------------------------------------------------- */

/*        name                     opcode  message                                             */
#define TRANSFER_OP_MAP(X)                                                                     \
        X(WRITE_BLOCK,               80, op_write_block_proto)                                 \
        X(READ_BLOCK,                81, op_read_block_proto)                                  \
        X(REPLACE_BLOCK,             83, op_replace_block_proto)                               \
        X(COPY_BLOCK,                84, op_copy_block_proto)                                  \
        X(BLOCK_CHECKSUM,            85, op_block_checksum_proto)                              \
        X(TRANSFER_BLOCK,            86, op_transfer_block_proto)                              \
        X(REQUEST_SHORT_CIRCUIT_FDS, 87, op_request_short_circuit_access_proto)                \
        X(RELEASE_SHORT_CIRCUIT_FDS, 88, release_short_circuit_access_request_proto)           \
        X(REQUEST_SHORT_CIRCUIT_SHM, 89, short_circuit_shm_request_proto)                      \
        X(BLOCK_GROUP_CHECKSUM,      90, op_block_group_checksum_proto)

enum transfer_op {
#define X(name, opcode, message) TRANSFER_##name = (opcode),
        TRANSFER_OP_MAP(X)
#undef X
};

/* NULL for an opcode that is not in the list: close the connection. */
const ProtobufCMessageDescriptor *transfer_op_descriptor(unsigned opcode);
const char *transfer_op_name(unsigned opcode);

void transfer_op_encode(struct buf *b, enum transfer_op op, const ProtobufCMessage *message);
/* The operation at the start of a stream; spans as in message_delimited(). ret_opcode is set
 * together with a span whose need is 0. */
enum bdfs_status transfer_op_decode(const void *bytes, size_t n, unsigned *ret_opcode,
                                    struct message_span *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- replies ------------------------------------------------------------------------------ */

/* Any BlockOpResponse; adds firstBadLink = "" where it would be too short without. */
void transfer_reply_encode(struct buf *b, const Hadoop__BlockOpResponseProto *reply);
void transfer_ok_encode(struct buf *b); /* SUCCESS, firstBadLink = "" */
void transfer_read_ok_encode(struct buf *b, Hadoop__ChecksumTypeProto type,
                             uint32_t bytes_per_checksum, uint64_t chunk_offset);
/* @bad_link: numeric "ip:port" of the node to blame, or NULL. */
void transfer_error_encode(struct buf *b, enum bdfs_status status, const char *bad_link,
                           const char *text);
/* What a reply's status means to us, by the exact one where it came; never CLOSED or IO, which are
 * about a connection of the peer's, not about the one that brought the reply. */
enum bdfs_status transfer_reply_status(const Hadoop__BlockOpResponseProto *reply);

/* The status to answer for an error of ours, and what an answer means to us. */
Hadoop__Status transfer_status_of(enum bdfs_status status);
enum bdfs_status transfer_status_to(Hadoop__Status status);
const char *transfer_status_name(Hadoop__Status status); /* "UNKNOWN" when not in the list */

/* What a reader says at the end: the message of a delimited ClientReadStatusProto. */
void transfer_read_status_encode(struct buf *b, Hadoop__Status status);
enum bdfs_status transfer_read_status_decode(const void *message, size_t n, Hadoop__Status *ret,
                                             struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- packets ------------------------------------------------------------------------------ */

struct transfer_packet {
        int64_t offset; /* in the block, of data[0] */
        int64_t seqno;
        uint32_t sums_n; /* bytes of checksums, a multiple of 4 */
        uint32_t data_n; /* bytes of data */
        bool last;       /* the empty end marker */
        bool sync;       /* fsync before the ack; written only when true, never in reads */
};

/* Write the head of a packet, TRANSFER_HEAD_BYTES_MIN bytes (2 more with sync); returns how many.
 * @p must satisfy what the decoder demands. */
size_t transfer_packet_encode(uint8_t ret[TRANSFER_HEAD_BYTES_MAX],
                              const struct transfer_packet *p);
/* The head at the start of @n bytes. With BDFS_OK: *ret_need > 0 as in message_delimited();
 * 0: ret is set and the head took *ret_head_n bytes. Demands: sizes in bounds and consistent,
 * offset >= 0, the last packet and heartbeats empty, seqno >= -1. */
enum bdfs_status transfer_packet_decode(const void *bytes, size_t n, struct transfer_packet *ret,
                                        size_t *ret_head_n, size_t *ret_need,
                                        struct bdfs_err *err) BDFS_MUST_CHECK;
/* Bytes of checksums that @data_n bytes have, chunks counted from the data's first byte. 0 for
 * bytes_per_checksum == 0, which stands for CHECKSUM_NULL. */
uint32_t transfer_sums_bytes(uint32_t data_n, uint32_t bytes_per_checksum);
/* A packet of a read, expected next: seqno in turn, not empty unless last, one checksum a chunk. */
enum bdfs_status transfer_packet_check_read(const struct transfer_packet *p, int64_t seqno,
                                            uint32_t bytes_per_checksum, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- pipeline acks ------------------------------------------------------------------------ */

struct transfer_ack {
        int64_t seqno; /* of the packet; -1 heartbeat, -2 out of band */
        uint32_t n;    /* nodes from the sender to the end of the pipeline, 1..TRANSFER_NODES_MAX */
        Hadoop__Status reply[TRANSFER_NODES_MAX];
        bool has_flags; /* all or none */
        uint32_t flag[TRANSFER_NODES_MAX];
        uint64_t downstream_ns; /* 0: not said */
};
void transfer_ack_encode(struct buf *b, const struct transfer_ack *ack);
/* From the message of a delimited PipelineAckProto. */
enum bdfs_status transfer_ack_decode(const void *message, size_t n, struct transfer_ack *ret,
                                     struct bdfs_err *err) BDFS_MUST_CHECK;
/* Status of node @i: by its flag when there are flags, as Java has it. */
Hadoop__Status transfer_ack_status(const struct transfer_ack *ack, uint32_t i);
