/*
 * cluster_process.h - one process of a cluster in one directory: is it running, start it.
 *
 * Its pid file tells a pid and when that process was started, in the kernel's ticks (earlier
 * versions wrote the pid only). It may be old, or name anything: a process counts, and is
 * signalled, only when it was started then, belongs to whom the pid file belongs to, and was given
 * this conf file. A process that was killed holds its locks for a moment longer than it has a
 * command line.
 */
#pragma once

#include <sys/types.h>

#include "cluster/cluster_conf.h"

/* 0: not running. Reaps it if it was this call's child. */
pid_t cluster_process_pid(const struct cluster_process *p);
/* False: it does not run. */
bool cluster_process_signal(const struct cluster_process *p, int signal);
/* Waits, bounded, for the locks of the one before it. It has been executed when this returns.
 * FAILED: a port that it needs is in use. */
enum bdfs_status cluster_process_start(struct cluster_process *p, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Add the end of its log to the error's text. */
void cluster_process_log(const struct cluster_process *p, struct bdfs_err *err);
