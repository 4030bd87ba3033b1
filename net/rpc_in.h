/*
 * rpc_in.h - bytes read from a socket and not consumed yet: as much as one read gives, so that a
 * small frame costs one system call.
 *
 * Room grows as bytes come, never because a length was announced.
 *
 * Owner:   whoever reads the socket; rpc_in_fini() leaves it empty.
 * Threads: none.
 */
#pragma once

#include "common/os.h"

struct rpc_in {
        uint8_t *data;
        size_t room, at, end; /* at <= end <= room */
        size_t keep;          /* more room than this is given back when empty */
};

void rpc_in_init(struct rpc_in *in, size_t keep);
void rpc_in_fini(struct rpc_in *in);
size_t rpc_in_left(const struct rpc_in *in);
const uint8_t *rpc_in_bytes(const struct rpc_in *in);
void rpc_in_consume(struct rpc_in *in, size_t n);
/* One read, which may wait. CLOSED at the end of the stream. */
enum bdfs_status rpc_in_read(struct rpc_in *in, struct os_sock *sock, int64_t deadline_ms,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
