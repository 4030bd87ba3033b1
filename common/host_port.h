/*
 * host_port.h - addresses as people write them: host:port, 10.0.0.1:9000, [::1]:9000.
 *
 * A name is asked of the host's resolver, with a deadline. When it has several addresses, the first
 * that takes a connection is meant: `localhost` is often ::1 and 127.0.0.1, and a server listens on
 * one of them.
 *
 * Threads: none.
 * Errors:  USAGE for what is no host:port, UNAVAILABLE for a name that nobody knows, TIMEOUT.
 */
#pragma once

#include "common/os.h"

#define HOST_NAME_BYTES 256

/* False: it is none. Without a port it is @fallback_port; 0: one must be given. */
bool host_port_parse(const char *text, uint16_t fallback_port, char ret_host[HOST_NAME_BYTES],
                     uint16_t *ret_port);
enum bdfs_status host_port_resolve(const char *text, uint16_t fallback_port, int64_t deadline_ms,
                                   struct os_addr *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
