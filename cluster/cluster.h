/*
 * cluster.h - the processes of a cluster that lives in one directory of one machine.
 *
 * DIR/cluster.json     settings, fixed at the first start
 * DIR/client.conf      what --conf or BDFS_CONF points at
 * DIR/ROLE-ID/         conf, log, pid, data/ of each process
 *
 * Threads: one caller; two `up` at once are kept apart by a lock on DIR.
 * Errors:  say which process failed and show the end of its log.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

#define CLUSTER_DATANODES_MAX 64
#define CLUSTER_RACKS_MAX 16
#define CLUSTER_START_MS 60000
#define CLUSTER_STOP_MS 15000
#define CLUSTER_TRASH_MS 21600000 /* of a new cluster */
#define CLUSTER_MOVES_MAX 10 /* of one start, to other ports */

struct cluster_settings {
        unsigned datanodes;
        unsigned replication;
        uint64_t block_size;
        uint64_t min_block_size;
        uint64_t grace_s;          /* what was deleted stays so long for its readers */
        uint64_t checkpoint_bytes; /* journal bytes that make a checkpoint due */
        uint16_t base_port;        /* of a new cluster 0: a free range is picked */
        bool any_port;             /* it was 0: another range will do as well */
        bool hadoop;               /* the Hadoop ports are open on loopback */
        bool agents;
        uint64_t trash_ms;         /* how long what rm removes is kept; 0: not at all */
        unsigned slots;            /* tasks at once of one agent; 0: its share of the cores */
        uint64_t task_timeout_s;   /* without a sign of life; 0: for ever */
        uint64_t sort_memory;      /* in which one task's output is sorted */
        unsigned racks_n;
        char racks[CLUSTER_RACKS_MAX][64]; /* datanode i is in rack (i - 1) mod racks_n */
        char cluster[33];          /* id, 32 hex digits */
};

void cluster_default_settings(struct cluster_settings *s);
bool cluster_set_racks(struct cluster_settings *s, const char *list);

/* Make DIR if it is not there (with @settings), start what is not running (with the settings that
 * DIR has), wait until the cluster takes writes. When none of it runs and others have its ports
 * though any would do, it moves to other ones: *ret_moved is then the new base, else 0. */
enum bdfs_status cluster_start(const char *dir, const struct cluster_settings *settings,
                               uint16_t *ret_moved, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status cluster_stop(const char *dir, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status cluster_print(const char *dir, bool json, FILE *to, struct bdfs_err *err)
        BDFS_MUST_CHECK;
