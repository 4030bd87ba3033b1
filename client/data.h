/*
 * data.h - connections to datanodes: opened, kept for a while, used again.
 *
 * A connection carries one operation after another. data_get() gives one from the pool or opens
 * it; data_put() gives it back after an operation that both sides finished cleanly, data_drop()
 * ends it.
 *
 * Owner:   a struct data_conn is its holder's until put or dropped.
 * Threads: the pool has its own lock; a connection is used by one thread at a time.
 * Errors:  a refusal by the datanode keeps its text; TOKEN when the token was refused.
 */
#pragma once

#include "common/bytes.h"
#include "common/os.h"
#include "net/server_owner.h"
#include "proto/transfer.h"

#define DATA_POOL_MAX 64
#define DATA_SUSPECTS 16
#define DATA_SUSPECT_MS 10000  /* how long a datanode that failed is asked last */
#define DATA_POOL_KEEP_MS 2500 /* datanodes close after 4 s of silence */

struct data_pool;
struct data_conn {
        struct os_sock *sock;
        struct os_addr addr;
        struct buf in;           /* bytes read ahead: [in_at, in.n) */
        size_t in_at;
        bool reused;             /* it may have been closed meanwhile: try again with a new one */
        int64_t idle_since_ms;
        struct data_conn *next;
};

/* @owner: of the datanodes, or SERVER_OWNER_ANY; others are not spoken to. */
enum bdfs_status data_pool_new(struct data_pool **ret, uid_t owner, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void data_pool_free(struct data_pool *p); /* NULL is fine */

/* @fresh: do not take one from the pool. */
enum bdfs_status data_get(struct data_pool *p, const struct os_addr *addr, bool fresh,
                          int64_t deadline_ms, struct data_conn **ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void data_put(struct data_pool *p, struct data_conn *c);
void data_drop(struct data_conn *c); /* NULL is fine */

/* A datanode did not answer; others are asked first for a while. */
void data_suspect(struct data_pool *p, const struct os_addr *addr);
bool data_is_suspect(struct data_pool *p, const struct os_addr *addr);

enum bdfs_status data_send_op(struct data_conn *c, enum transfer_op op,
                              const ProtobufCMessage *message, int64_t deadline_ms,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* A delimited message; freed with message_free(). */
enum bdfs_status data_recv_message(struct data_conn *c, const ProtobufCMessageDescriptor *type,
                                   int64_t deadline_ms, void **ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* A BlockOpResponse that must be SUCCESS. */
enum bdfs_status data_recv_reply(struct data_conn *c, int64_t deadline_ms,
                                 Hadoop__BlockOpResponseProto **ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The head of the next packet. */
enum bdfs_status data_recv_packet(struct data_conn *c, int64_t deadline_ms,
                                  struct transfer_packet *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Exactly @n bytes, first what was read ahead. */
enum bdfs_status data_recv_bytes(struct data_conn *c, void *to, size_t n, int64_t deadline_ms,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
/* Is there anything to be read without waiting? */
bool data_readable(struct data_conn *c);
