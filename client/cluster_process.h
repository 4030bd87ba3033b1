/*
 * cluster_process.h - one process of a cluster in one directory: is it running, start it.
 *
 * Its pid file may be old, and a process that was killed holds its locks for a moment longer than
 * it has a command line; both are looked at in /proc.
 */
#pragma once

#include <sys/types.h>

#include "client/cluster_conf.h"

/* 0: not running. Reaps it if it was this call's child. */
pid_t cluster_process_pid(const struct cluster_process *p);
/* Waits, bounded, for the locks of the one before it. It has been executed when this returns.
 * FAILED: a port that it needs is in use. */
enum bdfs_status cluster_process_start(struct cluster_process *p, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Add the end of its log to the error's text. */
void cluster_process_log(const struct cluster_process *p, struct bdfs_err *err);
