/*
 * input.h - the records of one split, as a task is given them: verified bytes, unaltered
 * (exec/records/record.h).
 *
 * Blocks that this machine's datanode holds are read from it (exec/agent/local_read.h); what it
 * cannot give, or gives with wrong checksums, comes from another replica through libbdfs, from the
 * byte where the first stopped. Past the end of the split the reads are small, since only the rest
 * of one record is wanted.
 *
 * The file is named by its inode, and its length and the split's blocks must be those that the
 * driver saw: nothing of another version is ever mixed in.
 *
 * Owner:   the caller's; it borrows spec and place.
 * Threads: one.
 * A compressed file is one split; what it stands for is given (exec/records/decode.h).
 *
 * Errors:  STALE_GENSTAMP: the input changed; CORRUPT: no replica is good, or compressed data is
 *          damaged or cut short; those of libbdfs.
 */
#pragma once

#include "client/fs.h"
#include "exec/records/decode.h"

struct input_piece {
        uint64_t offset, length, block, stamp;
};

struct input_spec {
        const char *path;             /* for error texts */
        uint64_t inode, file_length;
        uint64_t start, length;       /* of the split */
        const struct input_piece *pieces;
        size_t pieces_n;
        enum decode_format format;    /* of a split that is the whole file; else DECODE_NONE */
};

struct input_place {                  /* where we are */
        struct bdfs *fs;              /* of the user whose file it is to be */
        const char *datanode;         /* host:port of the datanode beside us */
        const char *socket_path;
};

struct input_count {
        uint64_t bytes, local, remote, records, descriptors;
};

struct input;

enum bdfs_status input_open(struct input **ret, const struct input_place *place,
                            const struct input_spec *spec, struct bdfs_err *err) BDFS_MUST_CHECK;
void input_close(struct input *in); /* NULL is fine */
/* The next bytes; *ret_n 0: the end. Good until the next call. */
enum bdfs_status input_next(struct input *in, const uint8_t **ret, size_t *ret_n,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
void input_counted(const struct input *in, struct input_count *ret);
