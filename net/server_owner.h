/*
 * server_owner.h - connections to daemons whose owner is known: who holds the other end?
 *
 * A daemon that died leaves its port to anybody on the machine. Whoever takes it would be shown
 * tokens and data, and could give orders. So before a byte is sent, the kernel is asked who owns
 * the accepted end, as servers ask about their clients (identity.h). It works inside one machine
 * only: a connection to an address that is not loopback is not asked about.
 *
 * Threads: any.
 * Errors:  PERMISSION with who holds the port; CLOSED when it was closed before it said who it is;
 *          TIMEOUT when nobody took the connection; as os_connect().
 */
#pragma once

#include "common/os.h"

#define SERVER_OWNER_ANY ((uid_t)-1) /* not known: not asked */

enum bdfs_status server_connect(struct os_sock **ret, const struct os_addr *addr, uid_t owner,
                                int64_t deadline_ms, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status server_connect_unix(struct os_sock **ret, const char *path, uid_t owner,
                                     int64_t deadline_ms, struct bdfs_err *err) BDFS_MUST_CHECK;
