/*
 * datanode.h - one datanode as a library: main.c starts one from a configuration file, tests and
 * the simulator start several in one process.
 *
 * Owner:   struct datanode owns all of its parts. @conf is borrowed and must outlive it.
 * Threads: start and stop from one thread.
 * Errors:  INVALID for settings and for directories of another cluster; what sockets and files say.
 */
#pragma once

#include "common/conf.h"
#include "common/service.h"
#include "common/os.h"

#define DATANODE_NAMENODES_MAX 8
#define DATANODE_GATEWAYS_MAX 16

struct datanode_conf {
        struct service_log log;
        struct conf_list data;      /* directories, one per volume */
        char *cluster;              /* 32 hex digits */
        char *secret;               /* file with the cluster's secret */
        struct conf_list namenodes; /* host:port, own port */
        char *listen;               /* address of the listeners, also reported as the node's */
        bool any_address;           /* the logged override of loopback-only */
        char *host_name;            /* "": the address */
        char *rack;
        int64_t own_port, hadoop_port, ipc_port, own_ipc_port; /* 0: a free one */
        bool hadoop;                /* the Hadoop ports (data, IPC) are open */
        bool hadoop_superuser;      /* the owner's uid is superuser there too */
        struct conf_list gateways;  /* uids that may speak for any user */
        char *socket_path;          /* Unix socket for local reads; "": <first data>/socket */
        int64_t agent_port;         /* of the exec agent beside it; 0: none */
        char *ports_file;           /* where to write the ports that were taken; "": nowhere */
        int64_t space_floor;        /* bytes kept free on each volume */
        int64_t scrub_bytes_per_second; /* 0: off */
        int64_t transfers_max;
};
extern const struct conf_key datanode_conf_table[];
extern const size_t datanode_conf_table_n;

struct datanode;

/* When it returns, the node serves; its namenodes hear of it within moments. */
enum bdfs_status datanode_start(struct datanode **ret, const struct datanode_conf *conf,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
void datanode_stop(struct datanode *dn); /* frees; NULL is fine */

struct datanode_ports {
        uint16_t own, hadoop, ipc, own_ipc; /* 0: closed */
};
void datanode_ports(const struct datanode *dn, struct datanode_ports *ret);
/* True when every namenode knows this node; waits until then or the deadline. */
bool datanode_wait_registered(struct datanode *dn, int64_t deadline_ms);
