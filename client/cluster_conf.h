/*
 * cluster_conf.h - a cluster in one directory as its files have it: settings (cluster.json), which
 * processes and ports follow from them, and the configuration file of each.
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

/* NOT_FOUND: @dir is not a cluster's. */
enum bdfs_status cluster_settings_load(const char *dir, struct cluster_settings *s,
                                       struct bdfs_err *err) BDFS_MUST_CHECK;
/* A new cluster's: @wanted with an id, and a free range of ports if it names none; saved. */
enum bdfs_status cluster_settings_make(const char *dir, const struct cluster_settings *wanted,
                                       struct cluster_settings *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* In starting order; returns how many. */
size_t cluster_processes(const char *dir, const struct cluster_settings *s,
                         struct cluster_process *ret);
enum bdfs_status cluster_write_conf(const char *dir, const struct cluster_settings *s,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
