#include "fuse/attrs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void attrs_path(uint64_t inode, const char *name, char ret[ATTRS_PATH_BYTES])
{
        int n = snprintf(ret, ATTRS_PATH_BYTES, "/.reserved/.inodes/%llu%s%s",
                         (unsigned long long)inode, name == NULL ? "" : "/",
                         name == NULL ? "" : name);

        BDFS_ASSERT(n > 0 && n < ATTRS_PATH_BYTES);
}

static struct timespec timespec_of(int64_t ms)
{
        int64_t rest = ms % 1000;

        if (rest < 0)
                rest += 1000;
        return (struct timespec){.tv_sec = (ms - rest) / 1000, .tv_nsec = rest * 1000000};
}

static mode_t type_of(enum bdfs_type type)
{
        switch (type) {
        case BDFS_TYPE_DIRECTORY: return S_IFDIR;
        case BDFS_TYPE_SYMLINK: return S_IFLNK;
        case BDFS_TYPE_FILE: break;
        }
        return S_IFREG;
}

void attrs_fill(struct ids *ids, const struct bdfs_stat *from, struct stat *ret)
{
        uint64_t length = from->type == BDFS_TYPE_FILE ? from->length : 0;

        if (from->type == BDFS_TYPE_SYMLINK && from->target != NULL)
                length = strlen(from->target);
        *ret = (struct stat){
                .st_ino = from->inode,
                .st_mode = type_of(from->type) | (from->mode & 07777),
                .st_nlink = 1, /* also of directories: how many are below it is not known */
                .st_uid = ids_uid(ids, from->owner),
                .st_gid = ids_gid(ids, from->group),
                .st_size = (off_t)length,
                .st_blksize = ATTRS_BLOCK_BYTES,
                .st_blocks = (blkcnt_t)((length + 511) / 512),
                .st_atim = timespec_of(from->atime_ms),
                .st_mtim = timespec_of(from->mtime_ms),
                .st_ctim = timespec_of(from->mtime_ms),
        };
}

bool attrs_is_public(const struct bdfs_stat *directory)
{
        return (directory->mode & S_IXOTH) != 0 && !directory->has_acl;
}

int attrs_errno(enum bdfs_status status, enum attrs_named named)
{
        switch (status) {
        case BDFS_NOT_FOUND:
                return named == ATTRS_BY_NAME ? ENOENT : ESTALE;
        case BDFS_RETRY:
        case BDFS_STANDBY:
        case BDFS_NOT_REPLICATED:
                return ETIMEDOUT; /* it was tried again until the deadline */
        case BDFS_LIMIT:
                return EBUSY;
        case BDFS_NO_METHOD:
        case BDFS_NO_PROTOCOL:
                return EOPNOTSUPP;
        case BDFS_CLOSED:
        case BDFS_PROTOCOL:
        case BDFS_REPLICA_NOT_FOUND:
        case BDFS_TOKEN:
                return EIO;
        case BDFS_LEASE_EXPIRED:
        case BDFS_STALE_GENSTAMP:
                return named == ATTRS_BYTES ? EIO : ESTALE;
        default:
                return bdfs_status_errno(status);
        }
}
