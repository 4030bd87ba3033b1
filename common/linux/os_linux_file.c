#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/linux/os_linux.h"

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x80 /* Linux 6.14: written back and dropped soon after */
#endif

enum bdfs_status os_file_of_fd(struct os_file **ret, int fd, const char *name,
                               struct bdfs_err *err)
{
        size_t name_n = strlen(name) + 1;
        struct os_file *f = calloc(1, sizeof(*f) + name_n);

        if (f == NULL) {
                (void)close(fd); /* nothing was written */
                return bdfs_fail(err, BDFS_NO_MEMORY, "open %s: out of memory", name);
        }
        f->fd = fd;
        atomic_init(&f->no_dontcache, false);
        memcpy(f->name, name, name_n);
        *ret = f;
        return BDFS_OK;
}

enum bdfs_status os_file_open(struct os_file **ret, const char *path, unsigned flags,
                              struct bdfs_err *err)
{
        static const int access[] = {O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR};
        int f = access[flags & (OS_READ | OS_WRITE)] | O_CLOEXEC | O_NOCTTY;
        int fd;

        f |= flags & OS_CREATE ? O_CREAT : 0;
        f |= flags & OS_EXCLUSIVE ? O_EXCL : 0;
        f |= flags & OS_TRUNCATE ? O_TRUNC : 0;
        do
                fd = open(path, f, 0600);
        while (fd < 0 && errno == EINTR);
        if (fd < 0)
                return bdfs_fail_errno(err, errno, "open %s", path);
        if ((flags & OS_IN_ORDER) != 0)
                (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* advice only */
        return os_file_of_fd(ret, fd, path, err);
}

enum bdfs_status os_file_close(struct os_file *f, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (f == NULL)
                return BDFS_OK;
        if (close(f->fd) < 0 && errno != EINTR) /* Linux closes in either case */
                rc = bdfs_fail_errno(err, errno, "close %s", f->name);
        free(f);
        return rc;
}

void os_iov_advance(struct iovec **iov, int *iov_n, size_t n)
{
        while (*iov_n > 0 && n >= (*iov)->iov_len) {
                n -= (*iov)->iov_len;
                (*iov)++;
                (*iov_n)--;
        }
        if (n > 0) {
                (*iov)->iov_base = (char *)(*iov)->iov_base + n;
                (*iov)->iov_len -= n;
        }
}

static int iov_count(int iov_n)
{
        return iov_n < IOV_MAX ? iov_n : IOV_MAX;
}

enum bdfs_status os_file_readv(struct os_file *f, uint64_t offset, struct iovec *iov, int iov_n,
                               size_t *ret, struct bdfs_err *err)
{
        uint64_t at = offset;

        os_iov_advance(&iov, &iov_n, 0);
        while (iov_n > 0) {
                ssize_t got = preadv(f->fd, iov, iov_count(iov_n), (off_t)at);

                if (got == 0)
                        break;
                if (got < 0 && errno != EINTR)
                        return bdfs_fail_errno(err, errno, "read %s at %llu", f->name,
                                               (unsigned long long)at);
                if (got > 0) {
                        at += (uint64_t)got;
                        os_iov_advance(&iov, &iov_n, (size_t)got);
                }
        }
        *ret = at - offset;
        return BDFS_OK;
}

enum bdfs_status os_file_writev(struct os_file *f, uint64_t offset, struct iovec *iov, int iov_n,
                                bool uncached, struct bdfs_err *err)
{
        uint64_t at = offset;

        os_iov_advance(&iov, &iov_n, 0);
        while (iov_n > 0) {
                bool drop = uncached && !atomic_load(&f->no_dontcache);
                ssize_t put = pwritev2(f->fd, iov, iov_count(iov_n), (off_t)at,
                                       drop ? RWF_DONTCACHE : 0);

                if (put < 0 && drop && (errno == EOPNOTSUPP || errno == EINVAL)) {
                        atomic_store(&f->no_dontcache, true);
                        continue;
                }
                if (put < 0 && errno != EINTR)
                        return bdfs_fail_errno(err, errno, "write %s at %llu", f->name,
                                               (unsigned long long)at);
                if (put > 0) {
                        at += (uint64_t)put;
                        os_iov_advance(&iov, &iov_n, (size_t)put);
                }
        }
        return BDFS_OK;
}

enum bdfs_status os_file_sync(struct os_file *f, struct bdfs_err *err)
{
        if (fdatasync(f->fd) < 0)
                return bdfs_fail_errno(err, errno, "sync %s", f->name);
        return BDFS_OK;
}

enum bdfs_status os_file_truncate(struct os_file *f, uint64_t bytes, struct bdfs_err *err)
{
        int rc;

        do
                rc = ftruncate(f->fd, (off_t)bytes);
        while (rc < 0 && errno == EINTR);
        if (rc < 0)
                return bdfs_fail_errno(err, errno, "truncate %s to %llu", f->name,
                                       (unsigned long long)bytes);
        return BDFS_OK;
}

/* For file systems without fallocate(): zeros from the end on. */
static enum bdfs_status fill(struct os_file *f, uint64_t bytes, struct bdfs_err *err)
{
        static const uint8_t zeros[65536];
        struct stat st;

        if (fstat(f->fd, &st) < 0)
                return bdfs_fail_errno(err, errno, "allocate %s", f->name);
        for (uint64_t at = (uint64_t)st.st_size; at < bytes;) {
                size_t n = bytes - at < sizeof(zeros) ? (size_t)(bytes - at) : sizeof(zeros);
                enum bdfs_status rc = os_file_write(f, at, zeros, n, err);

                if (rc != BDFS_OK)
                        return rc;
                at += n;
        }
        return BDFS_OK;
}

enum bdfs_status os_file_allocate(struct os_file *f, uint64_t bytes, struct bdfs_err *err)
{
        int rc;

        if (bytes == 0)
                return BDFS_OK;
        do
                rc = fallocate(f->fd, 0, 0, (off_t)bytes);
        while (rc < 0 && errno == EINTR);
        if (rc == 0)
                return BDFS_OK;
        if (errno == EOPNOTSUPP || errno == ENOSYS)
                return fill(f, bytes, err);
        return bdfs_fail_errno(err, errno, "allocate %llu bytes for %s",
                               (unsigned long long)bytes, f->name);
}

static struct os_stat stat_of(const struct stat *st)
{
        return (struct os_stat){.bytes = (uint64_t)st->st_size,
                                .disk_bytes = (uint64_t)st->st_blocks * 512,
                                .is_directory = S_ISDIR(st->st_mode),
                                .device = st->st_dev,
                                .uid = st->st_uid,
                                .mode = st->st_mode};
}

enum bdfs_status os_file_stat(struct os_file *f, struct os_stat *ret, struct bdfs_err *err)
{
        struct stat st;

        if (fstat(f->fd, &st) < 0)
                return bdfs_fail_errno(err, errno, "stat %s", f->name);
        *ret = stat_of(&st);
        return BDFS_OK;
}

enum bdfs_status os_file_lock(struct os_file *f, struct bdfs_err *err)
{
        int rc;

        do
                rc = flock(f->fd, LOCK_EX | LOCK_NB);
        while (rc < 0 && errno == EINTR);
        if (rc < 0 && errno == EWOULDBLOCK)
                return bdfs_fail(err, BDFS_LIMIT, "lock %s: another process holds it", f->name);
        if (rc < 0)
                return bdfs_fail_errno(err, errno, "lock %s", f->name);
        return BDFS_OK;
}

enum bdfs_status os_stat_path(const char *path, struct os_stat *ret, struct bdfs_err *err)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return bdfs_fail_errno(err, errno, "stat %s", path);
        *ret = stat_of(&st);
        return BDFS_OK;
}

enum bdfs_status os_rename(const char *from, const char *to, struct bdfs_err *err)
{
        if (rename(from, to) < 0)
                return bdfs_fail_errno(err, errno, "rename %s to %s", from, to);
        return BDFS_OK;
}

enum bdfs_status os_unlink(const char *path, struct bdfs_err *err)
{
        if (unlink(path) < 0)
                return bdfs_fail_errno(err, errno, "remove %s", path);
        return BDFS_OK;
}

enum bdfs_status os_mkdir(const char *path, mode_t mode, struct bdfs_err *err)
{
        if (mkdir(path, mode) < 0)
                return bdfs_fail_errno(err, errno, "make directory %s", path);
        return BDFS_OK;
}

enum bdfs_status os_rmdir(const char *path, struct bdfs_err *err)
{
        if (rmdir(path) < 0)
                return bdfs_fail_errno(err, errno, "remove directory %s", path);
        return BDFS_OK;
}

enum bdfs_status os_sync_dir(const char *path, struct bdfs_err *err)
{
        AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || fsync(fd) < 0)
                return bdfs_fail_errno(err, errno, "sync directory %s", path);
        return BDFS_OK;
}

enum bdfs_status os_list_dir(const char *path,
                             enum bdfs_status (*each)(void *arg, const char *name,
                                                      struct bdfs_err *err),
                             void *arg, struct bdfs_err *err)
{
        DIR *d = opendir(path);
        enum bdfs_status rc = BDFS_OK;

        if (d == NULL)
                return bdfs_fail_errno(err, errno, "list %s", path);
        while (rc == BDFS_OK) {
                struct dirent *e;

                errno = 0;
                e = readdir(d);
                if (e == NULL && errno != 0)
                        rc = bdfs_fail_errno(err, errno, "list %s", path);
                if (e == NULL)
                        break;
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        rc = each(arg, e->d_name, err);
        }
        (void)closedir(d); /* read only */
        return rc;
}

enum bdfs_status os_disk_space(const char *path, uint64_t *ret_bytes, uint64_t *ret_free,
                               struct bdfs_err *err)
{
        struct statvfs v;

        if (statvfs(path, &v) < 0)
                return bdfs_fail_errno(err, errno, "space of %s", path);
        *ret_bytes = (uint64_t)v.f_blocks * v.f_frsize;
        *ret_free = (uint64_t)v.f_bavail * v.f_frsize;
        return BDFS_OK;
}
