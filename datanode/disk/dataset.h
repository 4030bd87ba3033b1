/*
 * dataset.h - all that a datanode holds: volumes, the index of replicas, open files, the log of
 * changes. The one place where a replica's state, index entry and report change together.
 *
 * Order of effects: bytes and state are on stable storage, then the name, then the index and the
 * log say so (and only then may anybody be told). A deletion leaves index and log first, then
 * the disk: a file that comes back after a crash is reported and deleted again.
 *
 * Owner:   struct datanode. Users of a replica take it with dataset_get() or _create() and give it
 *          back with dataset_put(); the file stays open while it has users.
 * Threads: any. lock order: dataset.lock, then replica.lock or report_log's; neither is held while
 *          something is read from or written to a disk.
 * Errors:  REPLICA_NOT_FOUND, EXISTS, NO_SPACE, IO (the volume is failed by then), CORRUPT,
 *          STALE_GENSTAMP, TIMEOUT.
 */
#pragma once

#include "common/os.h"
#include "datanode/disk/replica.h"
#include "datanode/disk/replica_index.h"
#include "datanode/disk/report.h"
#include "datanode/disk/volume.h"

struct dataset;

struct dataset_config {
        char *const *dirs; /* borrowed for the call */
        size_t dirs_n;
        uint8_t cluster[REPLICA_CLUSTER_BYTES];
        uint64_t space_floor; /* bytes that are left free on each file system */
};

enum bdfs_status dataset_open(struct dataset **ret, const struct dataset_config *config,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* No replica may be in use. NULL is fine. */
void dataset_close(struct dataset *ds);

const struct volume_identity *dataset_identity(const struct dataset *ds);
struct report_log *dataset_log(struct dataset *ds);

/* ---- writing ------------------------------------------------------------------------------ */

/* A new RECEIVING replica with a writer, which dataset_end() takes back. @sock (or NULL) is shut
 * down when somebody must stop the writer. */
enum bdfs_status dataset_create(struct dataset *ds, uint64_t block, uint64_t stamp,
                                enum crc_type type, struct os_sock *sock, struct replica **ret,
                                struct replica_writer **ret_writer, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* As replica_writer_add(), which may write when the stage is full. */
enum bdfs_status dataset_add(struct dataset *ds, struct replica *r, struct replica_writer *w,
                             const struct replica_bytes *bytes, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status dataset_flush(struct dataset *ds, struct replica *r, struct replica_writer *w,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status dataset_sync(struct dataset *ds, struct replica *r, struct replica_writer *w,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* *ret_change is the number of the change that reports it. */
enum bdfs_status dataset_seal(struct dataset *ds, struct replica *r, struct replica_writer *w,
                              uint64_t *ret_change, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The writer is done, sealed or not; frees @w and gives @r back. A replica that is not sealed
 * stays, is reported, and shows readers what was acknowledged; @discard: nothing was, remove it. */
void dataset_end(struct dataset *ds, struct replica *r, struct replica_writer *w, bool discard);

/* ---- reading ------------------------------------------------------------------------------ */

/* REPLICA_NOT_FOUND for what readers may not have: unknown, WAITING, corrupt. REPLACED: it was
 * deleted here, since nothing refers to it and the time that readers have was over.
 * STALE_GENSTAMP when its stamp is below @stamp_least. */
enum bdfs_status dataset_get(struct dataset *ds, uint64_t block, uint64_t stamp_least,
                             struct replica **ret, struct bdfs_err *err) BDFS_MUST_CHECK;
void dataset_put(struct dataset *ds, struct replica *r);
/* The file of a finalized replica, for reading only. */
enum bdfs_status dataset_open_file(struct dataset *ds, uint64_t block, struct os_file **ret,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* False when there is none; states as reported, RECEIVING with its visible length. */
bool dataset_find(struct dataset *ds, uint64_t block, struct replica_entry *ret);

/* ---- what the namenode orders ------------------------------------------------------------- */

/* Nothing happens to a replica with a later stamp. A writer is interrupted first. What is not here
 * is reported as gone. */
enum bdfs_status dataset_delete(struct dataset *ds, uint64_t block, uint64_t stamp,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
/* The block was freed: readers who come later are told (REPLACED), as long as it is remembered. */
void dataset_freed(struct dataset *ds, uint64_t block);
/* Interrupt the writer, verify, make it RECOVERING, report (also what is finalized or absent). */
enum bdfs_status dataset_stop(struct dataset *ds, uint64_t block, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Seal what was stopped, at @length. What is sealed already is never cut: at another length it
 * stays as it is, is reported once more, and the answer is INVALID. */
enum bdfs_status dataset_cut(struct dataset *ds, uint64_t block, uint64_t stamp, uint64_t new_stamp,
                             uint64_t length, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Read a finalized replica whole, and report it when @report or when it is corrupt. */
enum bdfs_status dataset_verify(struct dataset *ds, uint64_t block, bool report,
                                replica_pace *pace, void *arg, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Its own bytes have proven a replica bad (B11): no reader gets it any more. */
void dataset_corrupt(struct dataset *ds, uint64_t block, const struct bdfs_err *why);

/* ---- reports ------------------------------------------------------------------------------ */

/* All replicas by ascending block as of log position *ret_at; free() *ret. */
enum bdfs_status dataset_snapshot(struct dataset *ds, struct replica_entry **ret, size_t *ret_n,
                                  uint64_t *ret_at, struct bdfs_err *err) BDFS_MUST_CHECK;

struct dataset_volume {
        const char *dir, *uuid; /* as long as the dataset is open */
        uint64_t capacity, used, remaining, replicas;
        bool failed;
};
size_t dataset_volumes(struct dataset *ds, struct dataset_volume *ret, size_t max);
