/*
 * session.h - the mount as the kernel sees it: options, read-ahead, the loop.
 *
 * Threads: session_run() takes the calling thread and at most MOUNT_THREADS others; TERM, INT and
 *          HUP end it.
 */
#pragma once

#include "fuse/mount.h"

/* Mount, serve until the mount is ended by umount or a signal, unmount. @ready is called once,
 * from another thread, when the mount answers. */
enum bdfs_status session_run(struct mount *m, void (*ready)(void *arg), void *arg,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
