/*
 * namenode_parts.h - what the handlers reach of a namenode: its settings and its parts.
 *
 * Owner:   struct namenode owns its parts (namenode/namenode.c makes and ends them); handlers
 *          borrow it.
 * Threads: the fields are set by namenode_start() and then only read; each part locks for itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/service.h"
#include "common/limits.h"
#include "common/os.h"
#include "namenode/blocks/blocks.h"
#include "namenode/commit/commit.h"
#include "namenode/journal/journal.h"
#include "namenode/serve/lease_clock.h"
#include "namenode/store/store.h"
#include "net/identity.h"
#include "net/rpc_server.h"

#define NAMENODE_GATEWAYS_MAX 16
#define NAMENODE_SERVICES 9

struct background;
struct doubts;

struct namenode_conf {
        struct service_log log;
        char *data;              /* directory: data/journal, and the tables unless said below */
        char *tables;            /* true directory of LMDB and checkpoints; "": data */
        char *cluster;           /* 32 hex digits */
        char *listen;            /* address, 127.0.0.1 */
        bool any_address;        /* the logged override of loopback-only */
        int64_t own_port, hadoop_port; /* 0: a free one */
        bool hadoop;             /* the Hadoop port is open */
        bool hadoop_superuser;   /* the owner's uid is superuser there too */
        struct conf_list gateways; /* uids that may claim any name */
        char *supergroup;
        char *secret;               /* file with the cluster's secret */
        int64_t replication, block_size, block_size_min;
        int64_t checkpoint_bytes;
        int64_t safe_mode_permille, safe_mode_extension_ms;
        int64_t lease_soft_ms, lease_hard_ms;               /* our clients' */
        int64_t lease_hadoop_soft_ms, lease_hadoop_hard_ms;
        int64_t atime_precision_ms;
        int64_t grace_ms;        /* of blocks that nothing refers to any more (grace.h) */
        int64_t trash_ms, trash_checkpoint_ms; /* 0: no trash; as trash_ms */
};

struct namenode {
        const struct namenode_conf *conf;
        const char *tables_dir;
        uint8_t cluster[16];
        char pool[64];           /* ExtendedBlockProto.poolId */
        char owner[OS_NAME_BYTES];
        int64_t started_wall_ms;
        struct store *store;
        bool fresh;              /* the store was empty when opened */
        struct journal *journal;
        struct commit *commit;
        struct blocks *blocks;
        struct identity *identity;
        struct lease_clock *leases;
        struct doubts *doubts;
        struct background *background;
        struct rpc_server *server;
        struct rpc_service services[NAMENODE_SERVICES];
        struct os_thread *blocks_thread;
};
