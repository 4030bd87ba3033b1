/*
 * daemon.h - going to the background once there is something to show.
 *
 * daemon_begin() makes the process that will serve; its parent waits and ends with the code that
 * daemon_ready() or the child's end tells it. Before daemon_ready() the child keeps stderr, so what
 * stops it is said where the mount was asked for.
 *
 * Threads: daemon_begin() before any other thread exists.
 */
#pragma once

#include "common/err.h"

struct daemon {
        int ready_fd; /* -1: in the foreground, or told already */
        int log_fd;   /* what stderr becomes; -1: nowhere */
};

enum bdfs_status daemon_begin(struct daemon *d, const char *log, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The parent ends with 0; this process leaves its terminal. */
void daemon_ready(struct daemon *d);
