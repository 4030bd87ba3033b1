/*
 * hdfs_wire.h - bytes that stock Hadoop programs send and accept; encoders must make exactly these.
 *
 * Each is a string literal: VECTOR_BYTES(X) and VECTOR_SIZE(X) give the bytes without the NUL.
 * The client id is 00 01 .. 0F throughout. Frames begin with their length.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define VECTOR_BYTES(literal) ((const uint8_t *)(literal))
#define VECTOR_SIZE(literal) (sizeof(literal) - 1)
/* A frame of Hadoop IPC without its length. */
#define VECTOR_BODY(literal) (&VECTOR_BYTES(literal)[4])
#define VECTOR_BODY_SIZE(literal) (VECTOR_SIZE(literal) - 4)

#define VECTOR_CLIENT_ID "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
#define VECTOR_PROTOCOL "org.apache.hadoop.hdfs.protocol.ClientProtocol"

/* ---- Hadoop IPC version 9 ----------------------------------------------------------------- */

#define VECTOR_HELLO_SIMPLE "hrpc\x09\x00\x00"
#define VECTOR_HELLO_SASL "hrpc\x09\x00\xdf"

#define VECTOR_CONTEXT                                                    \
        "\x00\x00\x00\x54"                                                \
        "\x1a\x08\x02\x10\x00\x18\x05\x22\x10" VECTOR_CLIENT_ID "\x28\x01" \
        "\x38\x12\x06\x0a\x04root\x1a\x2e" VECTOR_PROTOCOL

#define VECTOR_GET_FILE_INFO                                              \
        "\x00\x00\x00\x60"                                                \
        "\x1a\x08\x02\x10\x00\x18\x00\x22\x10" VECTOR_CLIENT_ID "\x28\x00" \
        "\x3f\x0a\x0bgetFileInfo\x12\x2e" VECTOR_PROTOCOL "\x18\x01"      \
        "\x04\x0a\x02/x"

/* getFileInfo of a path that does not exist: an empty message, and its length byte all the same. */
#define VECTOR_REPLY_EMPTY "\x00\x00\x00\x08\x06\x08\x00\x10\x00\x18\x09\x00"

#define VECTOR_REPLY_NOT_FOUND                        \
        "\x00\x00\x00\x2b"                            \
        "\x2a\x08\x00\x10\x01\x18\x09\x22\x1d"        \
        "java.io.FileNotFoundException\x2a\x01x\x30\x01"

#define VECTOR_SASL_SUCCESS \
        "\x00\x00\x00\x0e\x0a\x08\xdf\xff\xff\xff\x0f\x10\x00\x18\x09\x02\x10\x00"

/* ---- DataTransferProtocol version 28 ------------------------------------------------------ */

/* Pool "BP-1", block 1073741825 stamp 1001 length 4, empty token, client "c", bytes 0 to 4. */
#define VECTOR_OP_READ_BLOCK                                                                     \
        "\x00\x1c\x51\x28\x0a\x22\x0a\x1d\x0a\x11\x0a\x04\x42\x50\x2d\x31\x10\x81\x80\x80\x80\x04" \
        "\x18\xe9\x07\x20\x04\x12\x08\x0a\x00\x12\x00\x1a\x00\x22\x00\x12\x01\x63\x10\x00\x18\x04"

#define VECTOR_READ_OK "\x0d\x08\x00\x22\x09\x0a\x05\x08\x02\x10\x80\x04\x10\x00"

/* "bar\n" at offset 0, sequence number 0: the head, then its CRC32C and the bytes. */
#define VECTOR_PACKET_HEAD                                                     \
        "\x00\x00\x00\x0c\x00\x19\x09\x00\x00\x00\x00\x00\x00\x00\x00"         \
        "\x11\x00\x00\x00\x00\x00\x00\x00\x00\x18\x00\x25\x04\x00\x00\x00"
#define VECTOR_PACKET VECTOR_PACKET_HEAD "\xfb\x1d\x06\xc8\x62\x61\x72\x0a"

#define VECTOR_PACKET_LAST                                                     \
        "\x00\x00\x00\x04\x00\x19\x09\x04\x00\x00\x00\x00\x00\x00\x00"         \
        "\x11\x01\x00\x00\x00\x00\x00\x00\x00\x18\x01\x25\x00\x00\x00\x00"

#define VECTOR_READ_STATUS "\x02\x08\x06"
#define VECTOR_WRITE_OK "\x04\x08\x00\x12\x00"
#define VECTOR_ACK_0 "\x04\x08\x00\x10\x00"
#define VECTOR_ACK_1 "\x04\x08\x02\x10\x00"
#define VECTOR_ACK_HEARTBEAT "\x04\x08\x01\x10\x00"
#define VECTOR_ACK_BROKEN "\x06\x08\x0a\x10\x00\x10\x01" /* 5: SUCCESS, ERROR */
