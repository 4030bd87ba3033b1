/*
 * replica.h - one replica: a file in the format of proto/replica_format.h, with its checksums.
 *
 * A replica is made RECEIVING, filled by one writer, and sealed (FINALIZED, never changed again),
 * or stopped and verified (RECOVERING) and sealed at a length by the namenode's word. Bytes become
 * readable when the writer says that they are acknowledged (replica_show()).
 *
 * Promises: after replica_writer_flush() the bytes and the state page that covers them are with
 * the kernel; after _sync() and _seal() they are on stable storage (the name of a new file is the
 * volume's affair). A state page is never written over the last synced one. After a failed write
 * the writer takes no more; after a failed sync nobody writes or syncs it again (rule P1), and the
 * status is IO whatever the disk said.
 *
 * Owner:   dataset.c owns open replicas and counts their users; a writer borrows its replica.
 * Threads: one writer (or recovery) at a time, any number of readers beside it.
 * Errors:  IO and NO_SPACE from the disk; CORRUPT when bytes do not verify; INVALID for a write
 *          that does not fit; LIMIT when there is a writer already.
 */
#pragma once

#include "common/os.h"
#include "proto/replica_format.h"

struct replica;
struct replica_writer;

/* ---- files -------------------------------------------------------------------------------- */

struct replica_id {
        uint64_t block, stamp;
        uint8_t cluster[REPLICA_CLUSTER_BYTES];
};

/* EXISTS when the file is there. The new replica is RECEIVING and empty. */
enum bdfs_status replica_create(struct replica **ret, const char *path, const struct replica_id *id,
                                enum crc_type type, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Open what is there; CORRUPT when no state page is valid or it is another block's or cluster's
 * (@id->stamp is not looked at), or when the file of a sealed one is too short. */
enum bdfs_status replica_open(struct replica **ret, const char *path, const struct replica_id *id,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status replica_close(struct replica *r, struct bdfs_err *err); /* NULL is fine */

/* What a reader sees at one moment. */
struct replica_view {
        uint64_t block, stamp, length; /* length: with the kernel */
        uint64_t visible;              /* what readers may have */
        enum replica_file_state state;
        enum crc_type type;
        bool sure;                     /* finalized, and known to have been synced as such */
        struct replica_record tail;
};
void replica_look(struct replica *r, struct replica_view *ret);
/* Readers may have the first @length bytes; never takes anything back. */
void replica_show(struct replica *r, uint64_t length);
/* Wait until @length bytes are visible, or nothing more will come; true when they are. */
bool replica_wait(struct replica *r, uint64_t length, int64_t deadline_ms);
/* Wait until nobody writes; true when so. */
bool replica_wait_idle(struct replica *r, int64_t deadline_ms);

/* ---- writing ------------------------------------------------------------------------------ */

/* For a replica from replica_create(), once. */
enum bdfs_status replica_writer_new(struct replica_writer **ret, struct replica *r,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
void replica_writer_free(struct replica_writer *w); /* NULL is fine; staged bytes are dropped */

struct replica_bytes {
        uint64_t offset;      /* in the block; bytes that are there already are skipped */
        const uint8_t *data;  /* borrowed until the next flush, sync or seal */
        size_t n;
        const uint8_t *sums;  /* verified, of the replica's type, one per 512 bytes from @offset, a
                                 multiple of 512; NULL: computed here */
};
/* Stage the bytes for the next flush. INVALID: a gap before them, or other bytes than before. */
enum bdfs_status replica_writer_add(struct replica_writer *w, const struct replica_bytes *bytes,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
uint64_t replica_writer_length(const struct replica_writer *w); /* with what is staged */
enum bdfs_status replica_writer_flush(struct replica_writer *w, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status replica_writer_sync(struct replica_writer *w, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* All bytes become visible. */
enum bdfs_status replica_writer_seal(struct replica_writer *w, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- reading ------------------------------------------------------------------------------ */

/* Reads by one thread; keeps the record page of the group that was read last. */
struct replica_reader {
        struct replica *replica;
        struct replica_view view;
        uint64_t chunk;   /* that record describes */
        uint64_t page_of; /* chunk whose group's page is kept; UINT64_MAX: none */
        struct replica_record record;
        uint8_t page[REPLICA_PAGE_BYTES];
};
/* Look anew. */
void replica_reader_init(struct replica_reader *rd, struct replica *r);
/* The bytes from @offset on, each compared with its stored checksum (twice on a mismatch). They
 * must lie below view.length. */
enum bdfs_status replica_read(struct replica_reader *rd, uint64_t offset, uint8_t *to, size_t n,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* The stored checksums of @n bytes from @offset, a multiple of 512: one for each 512, the last one
 * of less only where the replica ends. Their record is verified, the data is not. */
enum bdfs_status replica_read_sums(struct replica_reader *rd, uint64_t offset, size_t n,
                                   uint8_t *to, struct bdfs_err *err) BDFS_MUST_CHECK;

/* Where the file has these bytes, in the same order and nothing else between them. False: it has
 * not, since they lie in several groups, or they may still change, since it is not sealed. */
bool replica_in_file(const struct replica_reader *rd, uint64_t offset, size_t n,
                     struct os_file_part *ret);

/* ---- recovery ----------------------------------------------------------------------------- */

/* The longest prefix whose every byte verifies, by whole records and either state page. Changes
 * nothing. CORRUPT when it is shorter than what was synced (or sealed). @pace is called for every
 * chunk and may sleep; what it returns ends the work. */
typedef enum bdfs_status replica_pace(void *arg, size_t bytes, struct bdfs_err *err);
enum bdfs_status replica_verify(struct replica *r, replica_pace *pace, void *arg,
                                uint64_t *ret_length, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Verify a replica that has no writer, make it RECOVERING at the verified length, and sync. */
enum bdfs_status replica_recover(struct replica *r, uint64_t *ret_length, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Cut a RECOVERING replica to @length, give it @stamp, seal and sync; one that is sealed already
 * gets the stamp and is never cut. INVALID: it is shorter, or sealed at another length. */
enum bdfs_status replica_cut(struct replica *r, uint64_t stamp, uint64_t length,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
