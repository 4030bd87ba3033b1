/*
 * rpc_link.h - inside of the RPC client; only net/rpc_client.c and net/rpc_link.c include it.
 *
 * rpc_link.c is the connection: open, write a batch, read and hand out answers, break.
 * rpc_client.c drives a call: whatever there is to do for it, its caller does.
 *
 * Threads: whoever has set `reading` reads the socket without the lock, whoever has set `writing`
 *          writes `outgoing`, whoever has set `connecting` connects. A connection that broke is
 *          closed by the last of reader and writer. There is one lock.
 */
#pragma once

#include "common/limits.h"
#include "net/rpc_client.h"
#include "net/rpc_in.h"
#include "net/server_owner.h"
#include "proto/ipc.h"

#define RPC_CONNECT_MS 10000
#define RPC_BACKOFF_FIRST_MS 100
#define RPC_BACKOFF_MOST_MS 1000
#define RPC_IDLE_CHECK_MS 1000 /* unused for so long: look whether the server has closed it */
#define RPC_CLIENT_KEEP_BYTES (256 * KIB)

/* A call under way, on its caller's stack. Guarded by: client.lock. */
struct client_call {
        struct client_call *next, *previous;
        const struct method *method;
        const ProtobufCMessage *request;
        int32_t id, retry_count; /* retry_count -1: never sent */
        uint64_t epoch;          /* the connection it was sent on; 0: none */
        uint64_t failures_seen;  /* client.connect_failures when it began, or was sent */
        bool waiting;            /* on `wake`, and not signalled yet */
        bool done;
        struct os_cond wake;
        uint8_t *body; /* the answer; NULL: failed, as err says */
        size_t body_n;
        struct bdfs_err err;
        char java_class[RPC_CLASS_BYTES];
};

struct rpc_client {
        struct os_addr server;
        uid_t owner; /* of the server; SERVER_OWNER_ANY */
        char user[USER_NAME_BYTES_MAX + 1];
        uint8_t client_id[IPC_CLIENT_ID_BYTES];
        struct os_mutex lock;

        /* guarded by: lock */
        struct client_call *calls;
        int32_t next_id;
        struct os_sock *sock; /* NULL: not connected */
        uint64_t epoch;       /* of sock; counts connections from 1 */
        bool connecting, reading, writing;
        bool broken;   /* sock is closed by the last of reader and writer */
        bool answered; /* something came over this connection */
        int64_t used_ms;
        struct buf outbox;
        uint64_t connect_failures;
        unsigned bad_streak; /* connections that failed or brought nothing */
        int64_t connect_not_before_ms;
        struct bdfs_err trouble; /* the last failure of a connection */

        struct rpc_in in;    /* whoever has `reading`; else guarded by lock */
        struct buf outgoing; /* whoever has `writing` */
};

/* All of these with lock held; those that take a deadline give it up while they wait. */
void rpc_link_connect(struct rpc_client *c, const struct method *m, int64_t deadline_ms);
/* Put the call's frame into the outbox, unless the connection turns out to have ended. */
void rpc_link_enqueue(struct rpc_client *c, struct client_call *call);
void rpc_link_write(struct rpc_client *c, int64_t deadline_ms);
void rpc_link_read(struct rpc_client *c, int64_t deadline_ms);
/* See that some waiting caller does what there is to do. */
void rpc_link_wake_for_work(struct rpc_client *c);
