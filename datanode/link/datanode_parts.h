/*
 * datanode_parts.h - what the parts of a datanode share: its settings and each other.
 *
 * Owner:   struct datanode owns its parts; they borrow it.
 * Threads: fields are set by datanode_start() and then only read, unless said; each part locks for
 *          itself.
 */
#pragma once

#include <stdatomic.h>

#include "common/conf.h"
#include "common/os.h"
#include "common/service.h"
#include "datanode/disk/dataset.h"
#include "net/cluster_secret.h"
#include "net/identity.h"
#include "net/token.h"

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

struct data_server;
struct datanode_ipc;
struct namenode_link;
struct order_workers;
struct pipeline_pool;
struct scrubber;
struct wire_pool;

struct datanode_ports {
        uint16_t own, hadoop, ipc, own_ipc; /* 0: closed */
};

struct datanode_counters {
        atomic_uint_fast64_t passed, passed_bytes; /* files by descriptor */
        /* streamed: through the Unix socket, to this machine, to others */
        atomic_uint_fast64_t read_unix, read_local, read_remote;
        atomic_uint_fast64_t written;
        atomic_uint transfers; /* under way */
};

struct datanode {
        const struct datanode_conf *conf;
        uint8_t cluster[REPLICA_CLUSTER_BYTES];
        uint8_t secret[CLUSTER_SECRET_BYTES];
        uint8_t key[TOKEN_KEY_BYTES]; /* MACs of the tokens for this node */
        int64_t started_ms;
        struct identity *identity;
        struct dataset *dataset;
        struct wire_pool *pool;
        struct pipeline_pool *pipelines;
        struct data_server *server;
        struct datanode_ipc *ipc;
        struct scrubber *scrubber;
        struct namenode_link *links[DATANODE_NAMENODES_MAX];
        struct order_workers *workers[DATANODE_NAMENODES_MAX]; /* of the links */
        size_t links_n;
        struct datanode_ports ports; /* that were taken */
        char socket_path[108];
        atomic_uint number; /* by which tokens name this node; 0: not registered yet */
        struct datanode_counters counters;
};
