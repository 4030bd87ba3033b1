/*
 * cluster_ports.h - the ports of a cluster's processes: whether one is in use, and a free range.
 *
 * A port that is free now may be somebody else's before the daemon has it, and those of a cluster
 * that is down are free to all. So cluster_start() looks again when a process did not start, and
 * takes another range if the cluster's ports are any (cluster_settings.any_port).
 */
#pragma once

#include "cluster/cluster_conf.h"

/* FAILED: somebody has a port that @p, which does not run, needs; the text names it. */
enum bdfs_status cluster_ports_check(const struct cluster_process *p, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The base of a range that is free at this moment, away from the ports that the kernel gives to
 * connections. LIMIT: there is none. */
enum bdfs_status cluster_ports_pick(unsigned datanodes, uint16_t *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
