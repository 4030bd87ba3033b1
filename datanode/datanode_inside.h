/*
 * datanode_inside.h - what the parts of a datanode share; nobody else includes it.
 *
 * Owner:   struct datanode owns its parts; they borrow it.
 * Threads: fields are set by datanode_start() and then only read, unless said; each part locks for
 *          itself.
 */
#pragma once

#include <stdatomic.h>

#include "datanode/datanode.h"
#include "datanode/disk/dataset.h"
#include "datanode/transfer/pipeline.h"
#include "datanode/transfer/wire.h"
#include "net/identity.h"
#include "net/cluster_secret.h"

struct data_server;
struct datanode_ipc;
struct namenode_link;
struct scrubber;

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
        struct wire_pool pool;
        struct pipeline_pool pipelines;
        struct data_server *server;
        struct datanode_ipc *ipc;
        struct scrubber *scrubber;
        struct namenode_link *links[DATANODE_NAMENODES_MAX];
        size_t links_n;
        char socket_path[108];
        atomic_uint number; /* by which tokens name this node; 0: not registered yet */
        struct datanode_counters counters;
};
