/*
 * cluster_conf.h - which processes a cluster in one directory has, and their configuration files.
 *
 * Ports (DESIGN section 3): namenode own P, Hadoop P+1; datanode i own P+10i, Hadoop data P+10i+1,
 * Hadoop IPC P+10i+3, its agent P+10i+5. Port 0 means closed.
 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "client/cluster.h"

#define CLUSTER_PROCESSES_MAX (1 + 2 * CLUSTER_DATANODES_MAX)

struct cluster_process {
        const char *role; /* namenode, datanode, agent: also the program's name after "bdfs-" */
        unsigned id;
        char dir[PATH_MAX];
        uint16_t own_port, hadoop_port, ipc_port;
        bool started;     /* by this call */
};

/* In starting order; returns how many. */
size_t cluster_processes(const char *dir, const struct cluster_settings *s,
                         struct cluster_process *ret);
enum bdfs_status cluster_write_conf(const char *dir, const struct cluster_settings *s,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
