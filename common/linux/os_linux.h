/*
 * os_linux.h - what the os_linux_*.c files share; nobody else includes it.
 *
 * Owner:   os_sock and os_file own their descriptor.
 * Threads: as os.h says; the two atomics are the only fields written after creation.
 */
#pragma once

#include <stdatomic.h>
#include <sys/socket.h>

#include "common/os.h"

struct os_sock {
        int fd; /* non-blocking */
        atomic_bool shut;
        struct os_addr local, peer; /* host "" for Unix sockets */
};

struct os_file {
        int fd;
        atomic_bool no_dontcache; /* the file system refused RWF_DONTCACHE */
        char name[];              /* for error texts */
};

enum bdfs_status os_file_of_fd(struct os_file **ret, int fd, const char *name,
                               struct bdfs_err *err) BDFS_MUST_CHECK;

/* poll() one descriptor, and @wake_fd (-1: none) for reading, until @deadline_ms. */
enum os_wait { OS_WAIT_READY, OS_WAIT_WOKEN, OS_WAIT_TIMEOUT, OS_WAIT_FAILED };
enum os_wait os_wait_fd(int fd, short events, int wake_fd, int64_t deadline_ms);

/* The error of a wait that was not READY, by its outcome and errno; @what says what waited. */
enum bdfs_status os_wait_error(enum os_wait outcome, const char *what, struct bdfs_err *err);

/* Step over @n bytes that are done, and over empty pieces. */
void os_iov_advance(struct iovec **iov, int *iov_n, size_t n);


/* Who owns the other end of the accepted socket @fd whose addresses are given. */
struct os_peer os_peer_tcp(const struct sockaddr_storage *local,
                           const struct sockaddr_storage *peer);
struct os_peer os_peer_unix(int fd);
