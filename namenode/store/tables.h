/*
 * tables.h - the namespace's tables and their rows: keys, values, encoders, decoders.
 *
 * Integers in keys are big endian, so that order is numeric. Every value begins with a version
 * byte; the store refuses those beyond table_versions (NEWER), so that decoders see only versions
 * that they know. They check everything else (rows are an edge: bad bytes are CORRUPT).
 *
 * Owner:   rows are the caller's structs and hold no memory, except where a pointer into the map is
 *          said to live as long as the transaction (and, in a write transaction, until it writes).
 * Threads: as the transaction.
 * Errors:  NOT_FOUND for a row that is not there (pass err NULL where that is expected: no text is
 *          made then); CORRUPT; whatever store.h gives.
 */
#pragma once

#include "common/bytes.h"
#include "common/limits.h"
#include "namenode/store/store.h"

#define TABLE_ROW_VERSION 1 /* the first of every row, and the only one of most */

#define INODE_ROOT 16385ULL
#define BLOCK_FIRST 1073741825ULL
#define STAMP_FIRST 1001ULL

#define FILE_BYTES_MAX (1ULL << 53) /* times REPLICATION_MAX it still is a signed 64-bit number */
#define HOLDER_BYTES_MAX 400
#define MACHINE_BYTES_MAX 63
#define BLOCK_NODES_MAX 64      /* datanodes ever offered for one block under construction */
#define CLUSTER_BYTES 16
#define NODE_KEY_BYTES_MAX 64
#define NODE_UUID_BYTES_MAX 63

enum table {
        TABLE_META,        /* name -> counters, cluster id, applied index */
        TABLE_INODE,       /* inode -> struct inode */
        TABLE_ENTRY,       /* (parent, name) -> inode, type */
        TABLE_LINK,        /* (inode, parent, name): names beyond the first */
        TABLE_EXTENT,      /* (inode, offset) -> struct extent */
        TABLE_BLOCK,       /* block -> struct block */
        TABLE_BLOCK_REF,   /* (block, inode, offset) */
        TABLE_XATTR,       /* (inode, name) -> value */
        TABLE_ACL,         /* inode -> entries */
        TABLE_TOTAL,       /* directory -> struct total */
        TABLE_CLASS,       /* (directory, owner, group, mode, empty) -> descendant directories */
        TABLE_LEASE,       /* (holder id, inode) */
        TABLE_HOLDER,      /* 'n' name -> holder id, files, kind of limits; 'i' id -> name */
        TABLE_OPEN,        /* handles that keep an unlinked inode alive */
        TABLE_RETRY,       /* (client id, call id, user) -> answer (retry.h) */
        TABLE_RETRY_ORDER, /* (time, index) -> key of TABLE_RETRY: for expiry */
        TABLE_NAME,        /* 'i' id -> user or group name; 'n' name -> id */
        TABLE_DOOMED,      /* inode of a detached tree, to be deleted in slices */
        TABLE_NODE,        /* 'i' number -> uuid, key; 'u' uuid -> number */
        TABLE_TARGET,      /* symlink -> what it points to */
        TABLE_ZONE, TABLE_KEY, TABLE_QUOTA, TABLE_SNAPSHOT, /* later issues */
        TABLE_RETIRED,     /* (time, block): nothing refers to it, it waits to be freed (grace.h) */
        TABLE_FREED,       /* block -> struct freed_row: its replicas may be deleted */
        TABLE_COUNT
};
extern const char *const table_names[TABLE_COUNT];
/* The highest version of a row that this program reads and writes. A table whose rows get a new one
 * raises its number; decoders go on reading the old ones (docs/formats.md, "Versions"). */
extern const uint8_t table_versions[TABLE_COUNT];

/* ---- inodes and names ----------------------------------------------------------------------- */

enum inode_type { INODE_FILE = 1, INODE_DIRECTORY = 2, INODE_SYMLINK = 3 };

enum inode_flag {
        INODE_OPEN = 1,        /* a file with a lease: holder, machine and tail are set */
        INODE_RECOVERING = 2,  /* open, and its lease is being recovered */
        INODE_DETACHED = 4,    /* its name is gone; it waits for DeleteSlice or for its handles */
};

/*
 * Invariants (check.c): parent is a directory with an entry of this name, unless DETACHED; the
 * root is its own parent; children is the number of entries; length is not below the end of the
 * last extent; extents is the number of rows; tail is the last extent's block while it is not
 * COMPLETE.
 */
struct inode {
        uint64_t id, parent;
        enum inode_type type;
        uint32_t owner, group;          /* interned */
        uint16_t mode;                  /* 01777 */
        uint32_t nlink;
        int64_t mtime, atime;           /* ms */
        uint32_t children;              /* directories */
        uint64_t length;                /* files: with what is known of a block being written */
        uint64_t block_size;
        uint32_t replication;
        uint32_t flags;
        uint32_t extents;
        uint64_t tail;                  /* block under construction at the end; 0: none */
        uint64_t map_version;           /* raised by every change of the map */
        uint64_t holder;                /* OPEN */
        uint8_t policy;                 /* storage policy; 0: inherited */
        uint8_t machine_n, name_n;
        char machine[MACHINE_BYTES_MAX + 1]; /* OPEN: where the writer is; NUL-terminated */
        char name[NAME_BYTES_MAX + 1];  /* of the first link; NUL-terminated; "" for the root */
};

/* The same by a cursor of TABLE_INODE. */
enum bdfs_status table_find_inode(struct store_cursor *c, uint64_t id, struct inode *ret,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_get_inode(struct store_txn *t, uint64_t id, struct inode *ret,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_put_inode(struct store_txn *t, const struct inode *row,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_del_inode(struct store_txn *t, uint64_t id, struct bdfs_err *err)
        BDFS_MUST_CHECK;
#define INODE_ROW_BYTES_MAX 512
size_t inode_encode(const struct inode *row, uint8_t to[INODE_ROW_BYTES_MAX]);
bool inode_decode(const uint8_t *value, size_t n, struct inode *ret); /* all but the id */

struct entry {
        uint64_t inode;
        enum inode_type type;
};
enum bdfs_status table_get_entry(struct store_txn *t, uint64_t parent, const char *name, size_t n,
                                 struct entry *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_put_entry(struct store_txn *t, uint64_t parent, const char *name, size_t n,
                                 const struct entry *row, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_del_entry(struct store_txn *t, uint64_t parent, const char *name, size_t n,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
/* Keys of a directory sort as HDFS lists names: as signed bytes, those beyond ASCII first. */
size_t entry_key(uint8_t to[8 + NAME_BYTES_MAX], uint64_t parent, const char *name, size_t n);
/* The name in a key into @to; its length, 0 when the key makes no sense. */
size_t entry_key_name(const uint8_t *key, size_t key_n, char to[NAME_BYTES_MAX]);
bool entry_decode(const uint8_t *value, size_t n, struct entry *ret);

/* The target's bytes live as long as the transaction. */
enum bdfs_status table_get_target(struct store_txn *t, uint64_t symlink, const char **ret,
                                  size_t *ret_n, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_put_target(struct store_txn *t, uint64_t symlink, const char *target,
                                  size_t n, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_del_target(struct store_txn *t, uint64_t symlink, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- extents and blocks --------------------------------------------------------------------- */

/* A hole is a gap between extents, or between the last one and the file's length. */
struct extent {
        uint64_t inode, offset; /* the key */
        uint64_t length;        /* 0 only for a block of which nothing is known yet */
        uint64_t block;
        uint64_t base;          /* where it begins in the block */
};
void extent_key(uint8_t to[16], uint64_t inode, uint64_t offset);
bool extent_decode(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n,
                   struct extent *ret);
enum bdfs_status table_put_extent(struct store_txn *t, const struct extent *row,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_del_extent(struct store_txn *t, uint64_t inode, uint64_t offset,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;

enum block_state {
        BLOCK_UNDER_CONSTRUCTION = 1,
        BLOCK_COMMITTED = 2,
        BLOCK_COMPLETE = 3,
        BLOCK_RETIRED = 4,      /* nothing refers to it any more; readers may still have it open */
};

struct block {
        uint64_t id, stamp, length; /* length: UNDER_CONSTRUCTION: what an fsync acknowledged */
        enum block_state state;
        uint32_t replication;       /* copies wanted: the most of all files that refer to it */
        uint32_t refs;              /* rows in TABLE_BLOCK_REF; 0 only when RETIRED */
        uint32_t nodes_n;           /* ever offered, pipeline first; none when COMPLETE */
        uint32_t pipeline_n;        /* how many of them are the pipeline of now */
        uint32_t nodes[BLOCK_NODES_MAX];
        int64_t retired_ms;         /* RETIRED: when its last reference went */
        bool decided;               /* UNDER_CONSTRUCTION: recovery has told nodes to seal it ... */
        uint64_t decided_length;    /* ... at this length */
};
enum bdfs_status table_get_block(struct store_txn *t, uint64_t id, struct block *ret,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_put_block(struct store_txn *t, const struct block *row,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_del_block(struct store_txn *t, uint64_t id, struct bdfs_err *err)
        BDFS_MUST_CHECK;
bool block_decode(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n,
                  struct block *ret);

struct block_ref {
        uint64_t block, inode, offset;
};
void block_ref_key(uint8_t to[24], const struct block_ref *ref);
bool block_ref_decode(const uint8_t *key, size_t key_n, struct block_ref *ret);
enum bdfs_status table_put_block_ref(struct store_txn *t, const struct block_ref *ref,
                                     struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_del_block_ref(struct store_txn *t, const struct block_ref *ref,
                                     struct bdfs_err *err) BDFS_MUST_CHECK;

struct retired {
        int64_t since_ms;
        uint64_t block;
};
enum bdfs_status table_put_retired(struct store_txn *t, const struct retired *row,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_del_retired(struct store_txn *t, const struct retired *row,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* The one that waits longest; NOT_FOUND: none. */
enum bdfs_status table_first_retired(struct store_txn *t, struct retired *ret,
                                     struct bdfs_err *err) BDFS_MUST_CHECK;
bool retired_decode(const uint8_t *key, size_t key_n, struct retired *ret);
/* Bytes of all copies of retired blocks; no row: 0. */
enum bdfs_status table_get_retired_bytes(struct store_txn *t, uint64_t *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status table_put_retired_bytes(struct store_txn *t, uint64_t bytes, struct bdfs_err *err)
        BDFS_MUST_CHECK;

struct freed_row {
        uint64_t block, stamp;
        int64_t time_ms;
};
enum bdfs_status table_get_freed(struct store_txn *t, uint64_t block, struct freed_row *ret,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_put_freed(struct store_txn *t, const struct freed_row *row,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_del_freed(struct store_txn *t, uint64_t block, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* At most @room rows of blocks with a number > @after, ascending. */
enum bdfs_status table_list_freed(struct store_txn *t, uint64_t after, struct freed_row *ret,
                                  size_t room, size_t *ret_n, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- totals --------------------------------------------------------------------------------- */

/* Of what is below a directory, itself not counted. */
struct total {
        uint64_t files, directories, symlinks;
        uint64_t bytes, space;  /* length; length times replication */
};
enum bdfs_status table_get_total(struct store_txn *t, uint64_t directory, struct total *ret,
                                 struct bdfs_err *err) BDFS_MUST_CHECK; /* no row: zeros */
enum bdfs_status table_put_total(struct store_txn *t, uint64_t directory, const struct total *row,
                                 struct bdfs_err *err) BDFS_MUST_CHECK; /* zeros: no row */

/* Directories below a directory that are alike for every permission check. */
struct class {
        uint32_t owner, group;
        uint16_t mode;
        bool empty;
};
#define CLASS_KEY_BYTES 19
void class_key(uint8_t to[CLASS_KEY_BYTES], uint64_t directory, const struct class *c);
bool class_decode(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n,
                  uint64_t *ret_directory, struct class *ret, uint64_t *ret_count);
enum bdfs_status table_get_class(struct store_txn *t, uint64_t directory, const struct class *c,
                                 uint64_t *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_put_class(struct store_txn *t, uint64_t directory, const struct class *c,
                                 uint64_t count, struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- leases --------------------------------------------------------------------------------- */

struct holder {
        uint64_t id;
        uint64_t files;
        bool hadoop;            /* which soft and hard limits hold */
};
enum bdfs_status table_get_holder(struct store_txn *t, const char *name, size_t n,
                                  struct holder *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* files 0: both rows go. */
enum bdfs_status table_put_holder(struct store_txn *t, const char *name, size_t n,
                                  const struct holder *row, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_put_holder_name(struct store_txn *t, uint64_t id, const char *name,
                                       size_t n, struct bdfs_err *err) BDFS_MUST_CHECK;
/* NUL-terminated. */
enum bdfs_status table_holder_name(struct store_txn *t, uint64_t id,
                                   char ret[HOLDER_BYTES_MAX + 1], struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status table_put_lease(struct store_txn *t, uint64_t holder, uint64_t inode,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_del_lease(struct store_txn *t, uint64_t holder, uint64_t inode,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
bool lease_decode(const uint8_t *key, size_t key_n, uint64_t *ret_holder, uint64_t *ret_inode);

/* ---- interned names ------------------------------------------------------------------------- */

#define NAME_NONE UINT32_MAX /* of a name that no row has: equals no id */

/* NUL-terminated, as long as the transaction (and no write) lasts. */
enum bdfs_status table_name(struct store_txn *t, uint32_t id, const char **ret,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* NAME_NONE when it was never interned. */
enum bdfs_status table_name_id(struct store_txn *t, const char *name, uint32_t *ret,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_put_name(struct store_txn *t, uint32_t id, const char *name,
                                struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- what waits to be deleted --------------------------------------------------------------- */

enum bdfs_status table_put_doomed(struct store_txn *t, uint64_t inode, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status table_del_doomed(struct store_txn *t, uint64_t inode, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* NOT_FOUND: none. */
enum bdfs_status table_first_doomed(struct store_txn *t, uint64_t *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- datanodes ------------------------------------------------------------------------------ */

struct node_row {
        uint32_t number;
        char uuid[NODE_UUID_BYTES_MAX + 1];
        uint32_t key_n;
        uint8_t key[NODE_KEY_BYTES_MAX];
};
enum bdfs_status table_get_node(struct store_txn *t, uint32_t number, struct node_row *ret,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_find_node(struct store_txn *t, const char *uuid, struct node_row *ret,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_put_node(struct store_txn *t, const struct node_row *row,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
/* The first with a number > @after; NOT_FOUND at the end. */
enum bdfs_status table_next_node(struct store_txn *t, uint32_t after, struct node_row *ret,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- meta ----------------------------------------------------------------------------------- */

/* What is given out next; they only grow (N6). */
struct counters {
        uint64_t inode, block, stamp, holder;
        uint32_t name, node;
};
enum bdfs_status table_get_counters(struct store_txn *t, struct counters *ret,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status table_put_counters(struct store_txn *t, const struct counters *row,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;

struct format {
        uint8_t cluster[CLUSTER_BYTES];
        int64_t time_ms;
        uint64_t block_bytes_min;       /* create refuses less */
        char pool[64];                  /* block pool's name in messages */
};
enum bdfs_status table_get_format(struct store_txn *t, struct format *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK; /* NOT_FOUND: not formatted */
enum bdfs_status table_put_format(struct store_txn *t, const struct format *row,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;

/* What the tables may hold, by a program that has written to them: the highest version of each
 * table's rows. NEWER when that is more than this program knows; a row that is not there (from
 * before there was one) is fine. */
enum bdfs_status table_check_versions(struct store_txn *t, struct bdfs_err *err) BDFS_MUST_CHECK;
/* In a write transaction, before the first row of this program; after table_check_versions(). */
enum bdfs_status table_put_versions(struct store_txn *t, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Does the row say what table_put_versions() would write? */
enum bdfs_status table_versions_are_ours(struct store_txn *t, bool *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
