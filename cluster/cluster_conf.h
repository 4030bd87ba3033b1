/*
 * cluster_conf.h - a cluster in one directory as its files have it: settings (cluster.json), which
 * processes and ports follow from them, and the configuration file of each.
 *
 * Ports (DESIGN section 3): namenode own P, Hadoop P+1; datanode i own P+10i, own IPC P+10i+4,
 * Hadoop data P+10i+1, Hadoop IPC P+10i+3, its agent P+10i+5.
 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cluster/cluster.h"

#define CLUSTER_PROCESSES_MAX (1 + 2 * CLUSTER_DATANODES_MAX)

struct cluster_process {
        const char *role; /* namenode, datanode, agent: also the program's name after "bdfs-" */
        unsigned id;
        char dir[PATH_MAX];
        uint16_t own_port, own_ipc_port, hadoop_port, ipc_port; /* 0: none */
        pid_t child; /* when this call started it, else 0 */
};

/* NOT_FOUND: @dir is not a cluster's. */
enum bdfs_status cluster_settings_load(const char *dir, struct cluster_settings *s,
                                       struct bdfs_err *err) BDFS_MUST_CHECK;
/* A new cluster's: @wanted with an id, and a free range of ports if it names none; saved. FAILED:
 * a port that it names is in use. */
enum bdfs_status cluster_settings_make(const char *dir, const struct cluster_settings *wanted,
                                       struct cluster_settings *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* To another free range of ports; saved. */
enum bdfs_status cluster_settings_move(const char *dir, struct cluster_settings *s,
                                       struct bdfs_err *err) BDFS_MUST_CHECK;
/* In starting order; returns how many. */
size_t cluster_processes(const char *dir, const struct cluster_settings *s,
                         struct cluster_process *ret);
enum bdfs_status cluster_write_conf(const char *dir, const struct cluster_settings *s,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
