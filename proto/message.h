/*
 * message.h - protobuf messages from and to bytes, by their descriptors (the encoding:
 * https://protobuf.dev/programming-guides/encoding).
 *
 * The structs and descriptors are protobuf-c's; the bytes are read and written here, because
 * protobuf-c's own decoder accepts what must not get through and takes most of the time of a
 * listing. Decoding refuses a NUL inside a `string` field (else "/a\0b" would become "/a"), a known
 * field with the wrong wire type, a missing required field, groups, and nesting deeper than
 * MESSAGE_DEPTH_MAX. Memory comes from an arena with a bound, so that a message costs one or two
 * mallocs and a hostile one cannot take more than MESSAGE_MEMORY_PER_BYTE times its size.
 *
 * As everywhere: the last of several values wins, several messages of one field make one, unknown
 * fields are kept and packed again (last). As in protobuf-c: strings are not checked for UTF-8 (a
 * path may hold any byte but NUL), empty bytes fields have data == NULL, an enum field may hold a
 * number that its type does not name.
 *
 * Owner:   a message from message_unpack() belongs to the caller and is freed with message_free(),
 *          never with the generated free functions. It borrows nothing from the bytes.
 * Threads: none.
 * Errors:  PROTOCOL (bytes make no sense for the type), LIMIT (memory bound), NO_MEMORY.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "common/bytes.h"
#include "common/err.h"

enum {
        MESSAGE_BYTES_MAX = 128 << 20,
        MESSAGE_LENGTH_BYTES_MAX = 5, /* of the varint before a delimited message */
        MESSAGE_DEPTH_MAX = 16,
        MESSAGE_MEMORY_BASE = 64 * 1024, /* a small message may take this much whatever its size */
        MESSAGE_MEMORY_PER_BYTE = 64,
        MESSAGE_PRINT_BYTES_MAX = 256, /* of one value in message_print() */
};

/* A message of @type from exactly @n bytes; NULL on failure, with the reason in @err. */
void *message_unpack(const ProtobufCMessageDescriptor *type, const void *bytes, size_t n,
                     struct bdfs_err *err) BDFS_MUST_CHECK;
void message_free(void *message); /* NULL is fine */
/* Bytes that it takes; at most MESSAGE_MEMORY_BASE + MESSAGE_MEMORY_PER_BYTE times what it was
 * made from. */
size_t message_memory(const void *message);

/* A field anywhere in the message that its type does not have: the message that it stands in, and
 * its number; NULL when there is none. For formats whose readers may not leave anything out. */
const ProtobufCMessage *message_unknown(const ProtobufCMessage *message, uint32_t *ret_tag);

/* Append the message; a required string, bytes or message field that is not set is a broken
 * invariant. */
void message_pack(struct buf *b, const ProtobufCMessage *message);
/* The same behind a varint of its length. */
void message_pack_delimited(struct buf *b, const ProtobufCMessage *message);

/* A delimited message at the start of a byte stream of which @n bytes are here. With BDFS_OK:
 * need > 0 means read that many more (never past the message's end) and ask again; need == 0 means
 * message and message_n are set, and the whole took total bytes. PROTOCOL: the length is malformed
 * or larger than @max. */
struct message_span {
        const uint8_t *message; /* borrowed */
        size_t message_n;
        size_t total;
        size_t need;
};
enum bdfs_status message_delimited(const void *bytes, size_t n, size_t max,
                                   struct message_span *ret, struct bdfs_err *err) BDFS_MUST_CHECK;

/* One line of text for people: {src: "/x" masked: {perm: 493}}. Not a format to parse. Long values
 * are cut; tokens, keys and passwords show as their length only. */
void message_print(struct buf *b, const ProtobufCMessage *message);
