/*
 * ipc.h - Hadoop IPC version 9, bytes only: the hello, frames, headers of requests and responses.
 *
 * A connection begins with IPC_HELLO_BYTES from the client, which nobody answers. Then frames in
 * both directions: a length of 4 bytes (big endian) and that many bytes. Decoders here take one
 * frame without its length; encoders append a whole frame with it. The headers are read and
 * written by hand because every call pays for them; unknown fields are skipped, missing required
 * ones and left-over bytes are refused.
 *
 * Owner:   decoded requests and responses borrow from the frame.
 * Threads: none.
 * Errors:  PROTOCOL; encoders set buf.bad (no memory, or the frame would pass IPC_FRAME_BYTES_MAX).
 */
#pragma once

#include "common/bytes.h"
#include "common/err.h"
#include "proto/exception.h"
#include "proto/hadoop_common.pb-c.h"

#define IPC_VERSION 9
#define IPC_HELLO_BYTES 7
#define IPC_LENGTH_BYTES 4
#define IPC_CLIENT_ID_BYTES 16
#define IPC_FRAME_BYTES_MAX ((size_t)128 << 20)

/* Call ids below zero. */
enum {
        IPC_ID_REFUSED = -1, /* in answers: authentication failed, wrong version */
        IPC_ID_INVALID = -2, /* in answers: the request's header could not be read */
        IPC_ID_CONTEXT = -3,
        IPC_ID_PING = -4,
        IPC_ID_SASL = -33,
};

/* ---- the first bytes of a connection ------------------------------------------------------ */

enum ipc_hello {
        IPC_HELLO_SIMPLE,   /* a context frame follows at once */
        IPC_HELLO_SASL,     /* a SASL NEGOTIATE frame follows and wants an answer */
        IPC_HELLO_HTTP,     /* "GET ": send ipc_http_answer and close */
        IPC_HELLO_VERSION,  /* another IPC version: ipc_version_encode() and close */
        IPC_HELLO_NONSENSE, /* close */
};
enum ipc_hello ipc_hello_decode(const uint8_t bytes[IPC_HELLO_BYTES]);
/* @sasl: false says SIMPLE. */
void ipc_hello_encode(uint8_t ret[IPC_HELLO_BYTES], bool sasl);
extern const char ipc_http_answer[];

/* Bytes that follow the 4 of @prefix: 1..@max. */
enum bdfs_status ipc_frame_length(const uint8_t prefix[IPC_LENGTH_BYTES], size_t max,
                                  size_t *ret, struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- requests ----------------------------------------------------------------------------- */

struct ipc_text {
        const char *at; /* borrowed, not NUL-terminated; NULL when absent */
        size_t n;
};

enum ipc_kind {
        IPC_CALL,    /* everything is set; body is the request message */
        IPC_CONTEXT, /* body is an IpcConnectionContextProto; no answer */
        IPC_SASL,    /* body is an RpcSaslProto */
        IPC_PING,    /* no body, no answer */
};

struct ipc_request {
        enum ipc_kind kind;
        int32_t call_id;
        int32_t retry_count; /* -1: not said */
        uint8_t client_id[IPC_CLIENT_ID_BYTES];
        size_t client_id_n; /* 0 or IPC_CLIENT_ID_BYTES */
        struct ipc_text method, protocol; /* both set in an IPC_CALL */
        uint64_t version;                 /* of the protocol */
        const uint8_t *body;              /* the message without its length; borrowed */
        size_t body_n;
        enum ipc_error_code refusal; /* on failure: what to answer */
};

/* Decode one frame. On failure ret->refusal (a FATAL code) and ret->call_id (IPC_ID_INVALID unless
 * it was read) say how to answer with ipc_fatal_encode(); nothing else in @ret counts. */
enum bdfs_status ipc_request_decode(const void *frame, size_t n, struct ipc_request *ret,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;

struct ipc_call {
        int32_t call_id;
        int32_t retry_count;      /* 0 at the first sending */
        const uint8_t *client_id; /* IPC_CLIENT_ID_BYTES */
        const char *protocol, *method;
        uint64_t version;
};
void ipc_request_encode(struct buf *b, const struct ipc_call *call, const ProtobufCMessage *body);
/* @real_user NULL: no proxy. */
void ipc_context_encode(struct buf *b, const uint8_t client_id[IPC_CLIENT_ID_BYTES],
                        const char *user, const char *real_user, const char *protocol);
void ipc_sasl_request_encode(struct buf *b, const Hadoop__RpcSaslProto *sasl);
void ipc_ping_encode(struct buf *b, const uint8_t client_id[IPC_CLIENT_ID_BYTES]);

/* ---- responses ---------------------------------------------------------------------------- */

enum ipc_status {
        IPC_SUCCESS = 0,
        IPC_ERROR = 1,
        IPC_FATAL = 2, /* the server closes the connection */
};

struct ipc_response {
        enum ipc_status status;
        int32_t call_id;
        int32_t retry_count;
        uint8_t client_id[IPC_CLIENT_ID_BYTES];
        size_t client_id_n; /* 0 or IPC_CLIENT_ID_BYTES */
        struct ipc_text java_class, text;
        enum ipc_error_code code;
        uint32_t bdfs_status; /* 0: not said */
        const uint8_t *body;  /* IPC_SUCCESS: the message without its length; borrowed */
        size_t body_n;
};

enum bdfs_status ipc_response_decode(const void *frame, size_t n, struct ipc_response *ret,
                                     struct bdfs_err *err) BDFS_MUST_CHECK;
/* Fill @err from a response that is not IPC_SUCCESS and return its status: the exact one of a bdfs
 * server, else by class; the text up to the first line end. */
enum bdfs_status ipc_response_error(const struct ipc_response *response, struct bdfs_err *err);

void ipc_reply_encode(struct buf *b, int32_t call_id, const ProtobufCMessage *response);
/* The same from a packed message (a stored answer). */
void ipc_reply_bytes_encode(struct buf *b, int32_t call_id, const void *response, size_t n);
void ipc_sasl_reply_encode(struct buf *b, const Hadoop__RpcSaslProto *sasl);
/* Status ERROR: the call failed, the connection lives. */
void ipc_error_encode(struct buf *b, int32_t call_id, const struct bdfs_err *err);
void ipc_error_class_encode(struct buf *b, int32_t call_id, const char *java_class,
                            const char *text);
/* Status FATAL: close after sending. */
void ipc_fatal_encode(struct buf *b, int32_t call_id, enum ipc_error_code code,
                      const char *java_class, const char *text);
void ipc_version_encode(struct buf *b);
