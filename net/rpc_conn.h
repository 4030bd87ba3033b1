/*
 * rpc_conn.h - inside of the RPC server; only net/rpc_*.c include it.
 *
 * rpc_server.c accepts, keeps the list of connections and runs the flusher; rpc_conn.c is the
 * thread of one connection, which reads and dispatches; rpc_answer.c is the way out.
 *
 * Owner:   a connection lives as long as somebody holds a reference: its thread, each call that is
 *          not answered yet, and the flusher while answers wait there. The last one closes the
 *          socket.
 * Threads: `sending` says that one thread owns `outgoing` and writes to the socket; everybody else
 *          only appends to `outbox`. It is handed to the flusher with the connection when the
 *          socket is full, and given up when both are empty, under `lock`.
 *
 * Locks:   server.lock before conn.lock before that of shares; flusher.lock alone.
 */
#pragma once

#include "common/limits.h"
#include "net/rpc_in.h"
#include "net/rpc_server.h"
#include "net/shares.h"
#include "proto/message.h"

#define RPC_HELLO_MS 10000          /* from accept to the connection context */
#define RPC_FRAME_MS 30000          /* from a frame's first byte to its last */
#define RPC_STALL_MS 60000          /* a peer that takes none of its answers for so long is gone */
#define RPC_REFUSE_MS 1000          /* for the first call of a refused caller to come */
#define RPC_LINGER_MS 1000          /* for a peer to stop sending before it is closed */
#define RPC_QUIET_MS 50             /* without a byte it has stopped */
#define RPC_PAUSE_BYTES (1 * MIB)   /* of unread answers: no further request is read */
#define RPC_KEEP_BYTES (256 * KIB)  /* larger answer buffers are given back when empty */
#define RPC_LOG_EVERY_MS 1000
#define RPC_UID_UNKNOWN ((uid_t)-1) /* whose connection is counted when the kernel names nobody */

#define RPC_SERVER_EXCEPTION "org.apache.hadoop.ipc.RpcServerException"

static_assert(SHARES_CALL_BYTES <= MESSAGE_MEMORY_BASE, "the most is counted before the least");
static_assert(RPC_PAUSE_BYTES < RPC_UNREAD_BYTES_MAX, "a peer is paused before it is cut off");

struct rpc_conn {
        struct rpc_server *server; /* not to be used once broken */
        struct shares *shares;     /* usable until the connection is freed */
        struct os_sock *sock;
        struct os_peer peer;
        struct os_addr address;
        enum rpc_listener_kind listener;
        uint32_t calls_max;

        /* guarded by: server.lock */
        struct rpc_conn *next, *previous;

        /* its own thread's */
        struct caller caller; /* fixed once has_caller */
        bool has_caller, expects_sasl;
        bool refused;         /* says `refusal` to the first call, then ends */
        struct bdfs_err refusal;
        bool cut_off;         /* for what it took: nothing more is read, not even to be dropped */
        int64_t hello_deadline_ms;
        struct rpc_in in;
        uint64_t in_counted;  /* of in.room, beyond SHARES_FREE_BYTES */

        struct os_mutex lock;
        struct os_cond changed; /* an answer left, or the connection broke */
        /* guarded by: lock */
        unsigned refs;
        uint32_t calls_open;
        bool sending, broken;
        struct buf outbox;
        struct share *share;   /* whose connection it is; changes once, before the first call */
        uint64_t out_counted;  /* of what is unread, beyond SHARES_FREE_BYTES */

        /* whoever sends */
        struct buf outgoing;
        size_t outgoing_at; /* written with lock held too */
        uint64_t sent_total;
        int64_t progress_ms;
        struct rpc_conn *flush_next;
};

struct rpc_log_gate {
        int64_t next_ms;
        unsigned held_back;
};

struct rpc_acceptor {
        struct rpc_server *server;
        enum rpc_listener_kind kind;
        struct os_listener *listener;
        struct os_thread *thread;
        struct rpc_log_gate gate; /* its own thread's */
};

struct rpc_flusher {
        struct os_thread *thread;
        struct os_mutex lock;
        struct os_cond wake;
        /* guarded by: lock */
        struct rpc_conn *list;
        bool stop;
};

#define RPC_LISTENERS 2

struct rpc_server {
        struct rpc_server_config config;
        char name[11];
        const struct rpc_service *services[RPC_LISTENERS][PROTOCOL_COUNT];
        struct rpc_acceptor acceptors[RPC_LISTENERS];
        struct rpc_flusher flusher;
        struct shares *shares;
        struct os_mutex lock;
        struct os_cond ended; /* a connection's thread is about to return */
        /* guarded by: lock */
        struct rpc_conn *conns;
        uint32_t conns_n;
        bool stop;
};

/* rpc_server.c */
void rpc_server_conn_ended(struct rpc_conn *conn);
void rpc_flusher_add(struct rpc_flusher *f, struct rpc_conn *conn);

/* rpc_conn.c: the thread */
void rpc_conn_run(void *conn);

/* rpc_answer.c */
/* LIMIT, NO_MEMORY: @sock is still the caller's. */
enum bdfs_status rpc_conn_new(struct rpc_conn **ret, struct rpc_acceptor *a, struct os_sock *sock,
                              const struct os_peer *peer, struct bdfs_err *err) BDFS_MUST_CHECK;
void rpc_conn_unref(struct rpc_conn *conn);
/* A gateway's connection counts for the user that it named. */
enum bdfs_status rpc_conn_move(struct rpc_conn *conn, const char *user, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Count the room that half a frame takes; false: its identity has taken too much. */
bool rpc_conn_count_in(struct rpc_conn *conn);
/* Cut it off: nothing more is read or written. From any thread. */
void rpc_conn_break(struct rpc_conn *conn);

enum rpc_send { RPC_SEND_DONE, RPC_SEND_FULL };
/* The caller owns `sending`; it still does after FULL. */
enum rpc_send rpc_conn_send(struct rpc_conn *conn);

/* An answer that is not to a call: @encode appends one frame. */
void rpc_conn_say(struct rpc_conn *conn, void (*encode)(struct buf *to, const void *arg),
                  const void *arg);

struct rpc_fatal {
        int32_t call_id;
        enum ipc_error_code code;
        const char *java_class, *text;
};
void rpc_conn_say_fatal(struct rpc_conn *conn, const struct rpc_fatal *fatal);
/* Wait until what was said is with the kernel. */
void rpc_conn_drain(struct rpc_conn *conn, int64_t deadline_ms);
/* Wait until another request may be read; false: the connection broke. */
bool rpc_conn_wait_room(struct rpc_conn *conn);
