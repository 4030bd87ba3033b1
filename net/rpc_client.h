/*
 * rpc_client.h - Hadoop IPC v9 client: one connection to one server, shared by many callers.
 *
 * Calls of several threads are under way at the same time; whoever reads the socket hands answers
 * to their owners (no extra thread). The connection is opened at the first call and again after it
 * broke. A call whose connection broke after it was sent is retried, with the same call id and a
 * raised retry count, until its deadline or until the server cannot be reached RPC_RETRIES times.
 *
 * Owner:   struct rpc_client is the caller's. Answers are freed with message_free().
 * Threads: any number may call at once.
 * Errors:  the server's exceptions as statuses (proto/exception.h) with the server's text;
 *          UNAVAILABLE when it cannot be reached; TIMEOUT.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "common/os.h"
#include "proto/methods.h"

struct rpc_client;

/* @user: the name to claim (effectiveUser); it must be the process's own unless root. */
enum bdfs_status rpc_client_new(struct rpc_client **ret, const struct os_addr *server,
                                const char *user, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Before the first call: only a server of this uid is spoken to, where that can be known
 * (net/server_owner.h). */
void rpc_client_expect(struct rpc_client *c, uid_t owner);
void rpc_client_free(struct rpc_client *c);

#define RPC_CLASS_BYTES 128

/* Calls @m with @request (of m->request); *ret is of m->response. */
enum bdfs_status rpc_client_call(struct rpc_client *c, const struct method *m,
                                 const ProtobufCMessage *request, ProtobufCMessage **ret,
                                 int64_t deadline_ms, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The same; the Java class of the server's exception goes to @ret_class, "" when there was none. */
enum bdfs_status rpc_client_call_class(struct rpc_client *c, const struct method *m,
                                       const ProtobufCMessage *request, ProtobufCMessage **ret,
                                       int64_t deadline_ms, char ret_class[RPC_CLASS_BYTES],
                                       struct bdfs_err *err) BDFS_MUST_CHECK;
