/*
 * pipeline.h - the rest of a write's pipeline: connection to the next datanode, and the thread
 * that relays its acks upstream.
 *
 * The receiver adds one entry per packet, in order, when its own part of the packet is done; the
 * thread answers upstream when the next node's ack for it is there too: own status first, then the
 * next node's list. When the next node fails, the first packet without an ack is answered
 * [own status, ERROR] and nothing after it; pipeline_broken() says so.
 *
 * After a write that ended well pipeline_keep() leaves connection and thread, idle, for the next
 * write to the same node: of a small block they are most of the cost.
 *
 * Owner:   the receiver's until _end() or _keep(); an idle one the pool's.
 * Threads: the receiver's calls; one thread of its own from the first pipeline_relay() to _end().
 * Errors:  by pipeline_open(): UNAVAILABLE or TIMEOUT when the next node cannot be reached; what
 *          the next node said otherwise.
 */
#pragma once

#include "datanode/disk/replica.h"
#include "datanode/transfer/wire.h"
#include "proto/transfer.h"

#define PIPELINE_KEEP_MS 2500 /* idle; the next node closes after DATA_KEEP_MS */
#define PIPELINE_KEEP_MAX 64

struct pipeline;
struct pipeline_pool {
        struct wire_pool *buffers;
        struct os_mutex lock;
        struct pipeline *idle; /* guarded by: lock; the latest first */
        size_t idle_n;         /* guarded by: lock */
};
void pipeline_pool_init(struct pipeline_pool *pool, struct wire_pool *buffers);
/* End what has been idle since before @idle_since_ms. */
void pipeline_pool_trim(struct pipeline_pool *pool, int64_t idle_since_ms);
void pipeline_pool_fini(struct pipeline_pool *pool);

/* Connect to the first target of @op, or take an idle connection to it unless @fresh, and send it
 * the operation for the rest of them. */
enum bdfs_status pipeline_open(struct pipeline **ret, struct pipeline_pool *pool,
                               const Hadoop__OpWriteBlockProto *op, bool fresh,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
/* It was idle before: the next node may have closed it meanwhile. */
bool pipeline_is_reused(const struct pipeline *p);
/* Stop relaying, close, free. NULL is fine. */
void pipeline_end(struct pipeline *p);
/* Everything was answered, and well: into the pool. */
void pipeline_keep(struct pipeline_pool *pool, struct pipeline *p);
const char *pipeline_name(const struct pipeline *p); /* "ip:port" of the next node */

/* Wait for the reply to the operation, or to a transfer (DNTransferAck). A failure's status is in
 * *ret_status and the node to blame, "" for none, in @ret_link. */
enum bdfs_status pipeline_reply(struct pipeline *p, int64_t deadline_ms,
                                Hadoop__Status *ret_status, char ret_link[64],
                                struct bdfs_err *err) BDFS_MUST_CHECK;

/* Bytes of whole packets, downstream. A failure is noticed by the relay too. */
enum bdfs_status pipeline_forward(struct pipeline *p, const void *bytes, size_t n,
                                  int64_t deadline_ms, struct bdfs_err *err) BDFS_MUST_CHECK;

/* Start to relay acks to @upstream, and to show @replica's bytes as they are acknowledged. */
enum bdfs_status pipeline_relay(struct pipeline *p, struct os_sock *upstream,
                                struct replica *replica, struct bdfs_err *err) BDFS_MUST_CHECK;
struct pipeline_entry {
        int64_t seqno;
        Hadoop__Status status; /* of this node */
        uint64_t end;          /* length of the replica with this packet */
};
/* False: the pipeline broke, nothing more will be answered. Waits while the queue is full. */
bool pipeline_add(struct pipeline *p, const struct pipeline_entry *e);
bool pipeline_broken(struct pipeline *p);
/* Wait until every entry was answered; false when the pipeline broke or at the deadline. */
bool pipeline_drain(struct pipeline *p, int64_t deadline_ms);
