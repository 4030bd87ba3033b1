/*
 * rpc_server.h - Hadoop IPC v9 server: connections, callers, calls and their answers.
 *
 * A server has one or two listeners (the own port and the Hadoop port) and a table of services. A
 * connection has one thread: it reads a frame, decodes the request and calls the service's
 * handler on that thread. The handler answers at once or keeps the call and has it answered later
 * by any thread (the committer answers mutations), so that many calls of one connection can be
 * under way; each call is answered exactly once. Answers leave in the order they are given.
 *
 * Nobody shuts others out: connections and bytes are counted by identity (net/shares.h). One that
 * has too many connections gets no more; a request that does not fit is answered with RETRY, a half
 * frame or unread answers that do not fit end their connection.
 *
 * Answering never waits for a slow peer: what the socket does not take is handed to the server's
 * flusher thread; a peer that does not read RPC_UNREAD_BYTES_MAX of answers is disconnected.
 *
 * Owner:   a struct rpc_call belongs to whoever must answer it, until it is answered.
 * Threads: rpc_call_* from any thread. A handler may block (bounded by call->deadline_ms).
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "common/os.h"
#include "net/identity.h"
#include "proto/ipc.h"
#include "proto/methods.h"

enum rpc_listener_kind {
        RPC_OWN,    /* the own port (TLS later): superuser is the owner's uid */
        RPC_HADOOP, /* the Hadoop port: loopback, superuser only where configured */
};

struct rpc_server;
struct rpc_conn;

struct rpc_call {
        struct rpc_conn *conn;
        enum rpc_listener_kind listener;
        const struct caller *caller;      /* of the connection, valid until answered */
        struct os_addr peer;
        const struct method *method;      /* proto/methods.h */
        ProtobufCMessage *request;        /* decoded, of method->request; freed with the call */
        uint8_t client_id[16];
        size_t client_id_n;               /* 0 or 16 */
        int32_t call_id, retry_count;
        int64_t arrived_ms, deadline_ms;  /* os_mono_ms */
        void *user;                       /* the handler's own */
        uint64_t counted;                 /* the server's: bytes counted (net/shares.h) */
};

/* One protocol: handlers in the order of its methods in proto/methods.h; NULL = no such method. */
typedef void rpc_handler(void *context, struct rpc_call *call);
struct rpc_service {
        const char *protocol;             /* declaringClassProtocolName */
        rpc_handler *(*handler_of)(const struct method *m);
        void *context;
        unsigned listeners;               /* bit mask of 1 << rpc_listener_kind that offer it */
};

struct rpc_server_config {
        const char *name;                 /* of its threads, at most 10 bytes */
        struct os_addr own, hadoop;       /* port 0: a free one; host "" for hadoop: closed */
        bool any_address;                 /* explicit override of loopback-only, logged */
        struct identity *identity;        /* borrowed */
        const struct rpc_service *services; /* borrowed */
        size_t services_n;
        uint32_t connections_max, calls_per_connection_max; /* 0: as in limits.h */
        bool ignore_claimed_user;         /* a datanode's IPC: Java claims blk_ID_STAMP there */
        int64_t idle_ms, frame_ms, hello_ms; /* 0: RPC_IDLE_MS, and rpc_conn.h's; for tests */
};

enum bdfs_status rpc_server_start(struct rpc_server **ret, const struct rpc_server_config *config,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
uint16_t rpc_server_port(const struct rpc_server *s, enum rpc_listener_kind kind); /* 0: closed */
/* Stop accepting, end connections, wait for their threads. Calls still unanswered may be answered
 * before rpc_server_free(); their answers go nowhere. */
void rpc_server_stop(struct rpc_server *s);
void rpc_server_free(struct rpc_server *s);

/* Each of these answers @call and frees it. */
void rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *response);
/* From a packed message of method->response, for instance a stored answer. */
void rpc_call_reply_bytes(struct rpc_call *call, const void *response, size_t n);
void rpc_call_fail(struct rpc_call *call, const struct bdfs_err *err);
/* For Java classes that have no status of their own (proto/exception.h lists them). */
void rpc_call_fail_class(struct rpc_call *call, const char *java_class, const char *text);
