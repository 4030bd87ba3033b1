/*
 * reader.h - reading through one handle.
 *
 * Reads in sequence are fed by one stream from the datanodes, which runs ahead by itself; the
 * kernel's read-ahead comes on several threads in any order, so a read of what the stream will
 * bring soon waits for its turn. All others are reads of their own, side by side.
 *
 * The file is opened again when it was found to be longer, or changed, since.
 *
 * Owner:   struct reader is its handle's; the connection outlives it.
 * Threads: any.
 */
#pragma once

#include "client/bdfs.h"
#include "common/os.h"

#define READER_AHEAD_BYTES (4u << 20) /* how far ahead of the stream a read may wait for it, */
#define READER_GAP_MS 2               /* and how long, while the one in between has not come */
#define READER_TURN_MS 1000           /* how long the next one waits for the one before */

struct source;
struct reader {
        struct os_mutex lock;
        struct os_cond turn;     /* a stream moved on */
        struct source *source;   /* guarded by: lock; NULL: not opened yet */
};

void reader_init(struct reader *r);
void reader_fini(struct reader *r);

/* Open @path now. *ret_version: bdfs_version(). */
enum bdfs_status reader_open(struct reader *r, struct bdfs *fs, const char *path,
                             uint64_t generation, uint64_t *ret_version, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* What is open now is as new as this. */
void reader_is_of(struct reader *r, uint64_t generation);

struct reader_want {
        struct bdfs *fs;
        const char *path;
        uint64_t offset;
        size_t n;
        uint64_t generation; /* of the node: an older source is opened again */
        uint64_t told;       /* the length that the kernel goes by */
};
enum bdfs_status reader_read(struct reader *r, const struct reader_want *w, void *to, size_t *ret,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
