/*
 * data_server.h - the data ports: listeners, connections, which operation goes where.
 *
 * One thread per connection, at most transfers_max in all and fewer of one user (net/shares.h, also
 * for the bytes of large packets); a connection above that is closed at once. An
 * operation that failed ends its connection, and so does a write on the Hadoop port; after any
 * other the next is waited for, DATA_KEEP_MS.
 *
 * The Unix socket speaks the same protocol, and passes descriptors (proto/replica_format.h).
 *
 * Owner:   struct datanode.
 * Threads: start and stop from one thread; connections have their own.
 */
#pragma once

#include "common/os.h"
#include "datanode/transfer/wire.h"

#define DATA_KEEP_MS 4000      /* between operations */
#define DATA_REQUEST_MS 30000  /* from an operation's first byte to its last */

struct datanode;
struct datanode_conf;
struct data_server;

enum data_listener { DATA_OWN, DATA_HADOOP, DATA_UNIX, DATA_LISTENERS };

struct data_conn {
        struct datanode *dn;
        enum data_listener listener;
        struct os_peer peer;
        struct os_sock *sock;
        struct wire wire;
};

enum bdfs_status data_server_start(struct data_server **ret, struct datanode *dn,
                                   const struct datanode_conf *conf, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void data_server_stop(struct data_server *s); /* ends connections, waits for them, frees */
uint16_t data_server_port(const struct data_server *s, enum data_listener kind); /* 0: closed */

/* "ip:port" as DatanodeID has it for this kind of port. */
void data_conn_self(const struct data_conn *c, char ret[64]);
/* Delimited replies or acks, in one write. */
enum bdfs_status data_conn_reply(struct data_conn *c, struct buf *b, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The reply for a failure; @bad_link may be NULL. The connection ends after it. */
void data_conn_refuse(struct data_conn *c, const struct bdfs_err *why, const char *bad_link);
/* Read and drop what still comes until the peer closes, a little while: closing with bytes unread
 * would take our last answer away from it. */
void data_conn_linger(struct data_conn *c);
