/*
 * attrs.h - what the cluster says, in the kernel's words: attributes, errors, paths. Pure.
 *
 * Inodes are named by number: /.reserved/.inodes/ID, so that renames elsewhere do no harm. The
 * kernel's number of an inode is the cluster's, but for the root, which is 1 there.
 */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "client/bdfs.h"
#include "fuse/ids.h"

#define ATTRS_ROOT 16385ULL         /* the cluster's number of "/" */
#define ATTRS_KERNEL_ROOT 1ULL
#define ATTRS_PATH_BYTES 320        /* any inode with any name */
#define ATTRS_BLOCK_BYTES 131072    /* what programs should read and write at once */

static inline uint64_t attrs_inode_of(uint64_t kernel_number)
{
        return kernel_number == ATTRS_KERNEL_ROOT ? ATTRS_ROOT : kernel_number;
}
static inline uint64_t attrs_number_of(uint64_t inode)
{
        return inode == ATTRS_ROOT ? ATTRS_KERNEL_ROOT : inode;
}

/* @name NULL: the inode itself. */
void attrs_path(uint64_t inode, const char *name, char ret[ATTRS_PATH_BYTES]);

void attrs_fill(struct ids *ids, const struct bdfs_stat *from, struct stat *ret);

/* May every user of the host look up names in this directory? Then answers may be shared. */
bool attrs_is_public(const struct bdfs_stat *directory);

enum attrs_named {
        ATTRS_BY_NAME,   /* a missing one is ENOENT */
        ATTRS_BY_NUMBER, /* a missing one is ESTALE: the kernel looks the name up again */
        ATTRS_BYTES,     /* reading and writing: what only blocks or leases can say is EIO */
};
/* The errno for a failed operation; never EAGAIN, and never ENOSYS, by which the kernel would
 * take the operation for missing. */
int attrs_errno(enum bdfs_status status, enum attrs_named named);
