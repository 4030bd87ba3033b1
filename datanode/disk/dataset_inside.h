/*
 * dataset_inside.h - what dataset*.c share; nobody else includes it.
 *
 * dataset.c opens, closes, counts users; dataset_load.c has what is there at the start;
 * dataset_write.c what writers do; dataset_order.c what the namenode orders.
 *
 * Invariants:
 *  1. At most one struct replica is listed for a block; listed implies an index entry.
 *  2. The log has every change of the index since the start, in its order.
 *  3. Idle open replicas (users == 0) are on the list newest..oldest, at most OPEN_IDLE_MAX.
 */
#pragma once

#include "datanode/disk/dataset.h"
#include "datanode/disk/replica_inside.h"
#include "proto/bdfs_cluster.pb-c.h"

enum {
        OPEN_BUCKETS = 1024,
        OPEN_IDLE_MAX = 256,
        DATASET_VOLUMES_MAX = 64,
        FREED_SLOTS = 65536, /* freed blocks that are remembered, one a slot */
};

#define STOP_WRITER_MS 10000

struct dataset_volume_count {
        uint64_t used, replicas;
};

struct dataset {
        struct volume_identity identity;              /* fixed */
        struct volume *volumes[DATASET_VOLUMES_MAX];  /* fixed */
        size_t volumes_n;
        uint64_t space_floor;
        struct report_log *log;

        struct os_mutex lock;
        /* guarded by: lock */
        struct replica_index *index;
        struct dataset_volume_count counts[DATASET_VOLUMES_MAX];
        struct replica *open[OPEN_BUCKETS];
        struct replica *newest, *oldest; /* idle ones */
        uint64_t freed[FREED_SLOTS];     /* deleted here because their file is gone; 0: none */
        size_t idle_n;
};

enum bdfs_status dataset_load(struct dataset *ds, uint32_t volume, struct bdfs_err *err)
        BDFS_MUST_CHECK;
struct replica_id dataset_id(const struct dataset *ds, uint64_t block, uint64_t stamp);
void dataset_close_file(struct replica *r);

struct report_change dataset_change(const struct replica_entry *e);
/* With dataset.lock held, or at the start: the entry counts for its volume. */
void dataset_count(struct dataset *ds, const struct replica_entry *e);
/* With dataset.lock held: make @now the entry of its block (state GONE: none) and log it. Returns
 * the change's number. NO_MEMORY cannot happen for a block that is in the index. */
enum bdfs_status dataset_set(struct dataset *ds, const struct replica_entry *now,
                             uint64_t *ret_change, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The same for an entry that is there: its state and what @view says. */
uint64_t dataset_update(struct dataset *ds, struct replica_entry *e,
                        const struct replica_view *view, unsigned state);
/* With dataset.lock held: count a user of an open replica, NULL when it is not open. */
struct replica *dataset_find_open(struct dataset *ds, uint64_t block);
/* With dataset.lock held. */
void dataset_list(struct dataset *ds, struct replica *r);
void dataset_unlist(struct dataset *ds, struct replica *r);
/* Open whatever is in the index, with a user. */
enum bdfs_status dataset_take(struct dataset *ds, uint64_t block, struct replica **ret,
                              struct replica_entry *ret_entry, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The name comes after the bytes: where a file's sync commits its directory too, this costs
 * little. For whoever may write the replica. */
enum bdfs_status dataset_name_durable(struct dataset *ds, struct replica *r, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* A write or sync on @volume gave @err: fail the volume if it is the disk's fault. Returns
 * err->status. */
enum bdfs_status dataset_check(struct dataset *ds, uint32_t volume, const struct bdfs_err *err);
