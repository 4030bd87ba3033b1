/*
 * tables.h - the namespace's tables and their rows: keys, values, encoders, decoders.
 *
 * Integers in keys are big endian, so that order is numeric. Every value begins with a version
 * byte. Decoders check everything (rows are an edge: bad bytes are CORRUPT).
 */
#pragma once

#include "common/bytes.h"
#include "common/limits.h"
#include "namenode/store.h"

#define INODE_ROOT 16385ULL
#define BLOCK_FIRST 1073741825ULL
#define STAMP_FIRST 1001ULL

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
        TABLE_HOLDER,      /* name -> holder id, files; kind of limits */
        TABLE_OPEN,        /* handles that keep an unlinked inode alive */
        TABLE_RETRY,       /* (client id, call id) -> answer */
        TABLE_RETRY_ORDER, /* (time, sequence) -> client id, call id: for expiry */
        TABLE_NAME,        /* 'i' id -> user or group name; 'n' name -> id */
        TABLE_DOOMED,      /* inode of a detached tree, to be deleted in slices */
        TABLE_NODE,        /* number -> uuid, key; 'u' uuid -> number */
        TABLE_ZONE, TABLE_KEY, TABLE_QUOTA, TABLE_SNAPSHOT, /* later issues */
        TABLE_COUNT
};
extern const char *const table_names[TABLE_COUNT];

enum inode_type { INODE_FILE = 1, INODE_DIRECTORY = 2, INODE_SYMLINK = 3 };
