/*
 * namespace.h - reads of the namespace on one snapshot, for the handlers.
 *
 * Every function takes an open read transaction; what it returns by pointer into the map lives as
 * long as that transaction. Permission is checked here (perm.h) for paths; functions that take an
 * inode number check nothing and are for callers that did.
 *
 * Texts and order of checks are those of HDFS; a class that has no status of its own is named at
 * the function.
 *
 * Threads: any number, each with its own transaction.
 */
#pragma once

#include "common/bytes.h"
#include "namenode/store/tables.h"
#include "namenode/tree/path.h"
#include "namenode/tree/perm.h"

struct ns_status {
        uint64_t inode;
        enum inode_type type;
        uint16_t mode;
        const char *owner, *group;      /* in the map */
        uint64_t length;                /* open file: with what is known of its last block */
        int64_t mtime, atime;
        uint32_t replication;           /* 0 for what is no file, as block_size */
        uint64_t block_size;
        uint32_t children;
        uint8_t policy;
        bool open;
        const char *target;             /* symlinks; in the map */
        size_t target_n;
        uint8_t name_n;
        char name[NAME_BYTES_MAX + 1];  /* in listings */
        uint32_t extents;
};

enum ns_lookup_flag {
        NS_NO_FOLLOW = 1,               /* getFileLinkInfo */
};

/* getFileInfo: only EXECUTE above it is needed. Missing is OK with *ret_found false. */
enum bdfs_status ns_stat(struct store_txn *t, const struct ns_caller *who, const struct path *path,
                         unsigned flags, struct ns_status *ret, bool *ret_found,
                         struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status ns_stat_inode(struct store_txn *t, uint64_t inode, struct ns_status *ret,
                               struct bdfs_err *err) BDFS_MUST_CHECK;

/* Who is given a listing, entry by entry; an entry lives as long as the call. */
struct ns_taker {
        bool (*take)(void *context, const struct ns_status *s); /* false: enough after this one */
        void *context;
};

/*
 * getListing: names after @after (exclusive), at most @room. A file lists as itself with an empty
 * name. *ret_remaining is exact on the first page, else 1 when there is more.
 * LISTING_START class: NOT_FOUND with *ret_found true ("Can't find startAfter ...").
 */
enum bdfs_status ns_list(struct store_txn *t, const struct ns_caller *who, const struct path *path,
                         const void *after, size_t after_n, const struct ns_taker *to, size_t room,
                         uint32_t *ret_remaining, bool *ret_found, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- where bytes are ------------------------------------------------------------------------ */

struct ns_piece {                       /* one extent = one located block */
        uint64_t offset, length;        /* in the file */
        uint64_t block, base;           /* block 0: a hole */
        uint64_t stamp, block_length;
        enum block_state state;         /* a hole is COMPLETE */
        uint32_t replication;
        uint32_t nodes_n;               /* of a block under construction: its pipeline */
        uint32_t nodes[PIPELINE_NODES_MAX];
};

struct ns_map {
        uint64_t inode;
        uint64_t length;                /* without a last block that is under construction */
        bool open;
        bool has_last, last_complete;
        struct ns_piece last;
        struct ns_piece *pieces;
        size_t n;
};
void ns_map_fini(struct ns_map *m);

/* getBlockLocations: READ on the file. Pieces that overlap [offset, offset + length), as HDFS:
 * length 0 gives the piece at offset; an empty first block is given too. */
enum bdfs_status ns_locate(struct store_txn *t, const struct ns_caller *who,
                           const struct path *path, uint64_t offset, uint64_t length,
                           struct ns_status *ret_status, struct ns_map *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status ns_locate_inode(struct store_txn *t, uint64_t inode, uint64_t offset,
                                 uint64_t length, struct ns_map *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* One block of a file as a piece: where it lies in the file, nodes and all. */
enum bdfs_status ns_piece_of_block(struct store_txn *t, uint64_t inode, uint64_t block,
                                   struct ns_piece *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Files that refer to a block, at most @room. */
enum bdfs_status ns_block_files(struct store_txn *t, uint64_t block, struct block_ref *ret,
                                size_t room, size_t *ret_n, struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- questions ------------------------------------------------------------------------------ */

struct ns_summary {
        struct total total;             /* the directory itself counted */
        bool file;
};
enum bdfs_status ns_content_summary(struct store_txn *t, const struct ns_caller *who,
                                    const struct path *path, struct ns_summary *ret,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
/* The same numbers; other words for what is missing. */
enum bdfs_status ns_quota_usage(struct store_txn *t, const struct ns_caller *who,
                                const struct path *path, struct ns_summary *ret,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status ns_check_access(struct store_txn *t, const struct ns_caller *who,
                                 const struct path *path, unsigned access, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status ns_is_closed(struct store_txn *t, const struct ns_caller *who,
                              const struct path *path, bool *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status ns_block_size(struct store_txn *t, const struct ns_caller *who,
                               const struct path *path, uint64_t *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* How createSnapshot and its kin are refused while no directory can be snapshotted. */
enum bdfs_status ns_no_snapshot(struct store_txn *t, const struct ns_caller *who,
                                const struct path *path, struct bdfs_err *err) BDFS_MUST_CHECK;
/* getLinkTarget; in the map. FAILED for what is no symlink. */
enum bdfs_status ns_link_target(struct store_txn *t, const struct ns_caller *who,
                                const struct path *path, const char **ret, size_t *ret_n,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
/* The path of an inode into @to; NOT_FOUND when deleted. */
enum bdfs_status ns_path(struct store_txn *t, uint64_t inode, struct buf *to,
                         struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- writers -------------------------------------------------------------------------------- */

struct ns_writer {                      /* an open file, for placement and tokens */
        uint64_t inode, block_size, length;
        uint32_t replication, extents;
        char holder[HOLDER_BYTES_MAX + 1];
        char machine[MACHINE_BYTES_MAX + 1];
        bool recovering, hadoop_lease;
        bool has_last;                  /* the last block is there and not COMPLETE */
        struct block last;
        uint64_t last_offset;
        bool has_previous;              /* the one before it is COMMITTED only */
        struct block previous;
};
/* Is @holder the writer of the file (by inode when not 0, else by path)? The same check and texts
 * as every write call's. */
enum bdfs_status ns_check_lease(struct store_txn *t, const struct ns_caller *who,
                                const struct path *path, uint64_t inode, const char *holder,
                                struct ns_writer *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Of any open file; NOT_FOUND when it is closed or gone. */
enum bdfs_status ns_writer_of(struct store_txn *t, uint64_t inode, struct ns_writer *ret,
                              struct bdfs_err *err) BDFS_MUST_CHECK;

struct ns_lease {
        uint64_t holder, inode;
};
/* Leases after @after in (holder, inode) order, at most @room; begin with zeros. */
enum bdfs_status ns_leases(struct store_txn *t, const struct ns_lease *after,
                           struct ns_lease *ret, size_t room, size_t *ret_n, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Open files with an inode > @after, ascending. */
enum bdfs_status ns_open_files(struct store_txn *t, uint64_t after, uint64_t *ret, size_t room,
                               size_t *ret_n, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Is there anything for DeleteSlice to do? */
enum bdfs_status ns_has_doomed(struct store_txn *t, bool *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- walking -------------------------------------------------------------------------------- */

/*
 * Everything below a directory in depth-first name order, a page at a time and without a lasting
 * transaction: *position ("" first) is the path of the last one, relative to the top, and is moved
 * on. @each gets the relative path. *ret_more false at the end.
 */
enum bdfs_status ns_walk(struct store_txn *t, uint64_t top, struct buf *position, size_t most,
                         enum bdfs_status (*each)(void *arg, const struct path *relative,
                                                  const struct ns_status *status,
                                                  struct bdfs_err *err),
                         void *arg, bool *ret_more, struct bdfs_err *err) BDFS_MUST_CHECK;

struct ns_stats {
        uint64_t inodes, files, directories, symlinks, blocks, bytes, leases;
        uint64_t retired, retired_bytes; /* blocks without a reference that wait, all copies */
        uint64_t freed;                  /* freed blocks that are remembered */
};
enum bdfs_status ns_stats(struct store_txn *t, struct ns_stats *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
