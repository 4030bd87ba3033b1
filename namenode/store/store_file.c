#include "namenode/store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

enum bdfs_status store_file_path(char ret[STORE_PATH_BYTES], const char *dir, const char *name,
                                 struct bdfs_err *err)
{
        int n = snprintf(ret, STORE_PATH_BYTES, "%s/%s", dir, name);

        if (n < 0 || n >= STORE_PATH_BYTES)
                return bdfs_fail(err, BDFS_INVALID, "path %.200s...: too long", dir);
        return BDFS_OK;
}

enum bdfs_status store_file_mkdir(const char *dir, struct bdfs_err *err)
{
        if (mkdir(dir, 0700) < 0 && errno != EEXIST)
                return bdfs_fail_errno(err, errno, "make directory %s", dir);
        return BDFS_OK;
}

enum bdfs_status store_file_sync_dir(const char *dir, struct bdfs_err *err)
{
        AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || fsync(fd) < 0)
                return bdfs_fail_errno(err, errno, "sync directory %s", dir);
        return BDFS_OK;
}

bool store_file_exists(const char *dir, const char *name)
{
        char path[STORE_PATH_BYTES];

        return store_file_path(path, dir, name, NULL) == BDFS_OK && access(path, F_OK) == 0;
}

enum bdfs_status store_file_get(const char *dir, const char *name, void *to, size_t room,
                                size_t *ret_n, struct bdfs_err *err)
{
        char path[STORE_PATH_BYTES];
        size_t n = 0;

        if (store_file_path(path, dir, name, err) != BDFS_OK)
                return BDFS_INVALID;
        AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return bdfs_fail_errno(err, errno, "open %s", path);
        while (n < room) {
                ssize_t got = read(fd, (char *)to + n, room - n);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return bdfs_fail_errno(err, errno, "read %s", path);
                if (got == 0)
                        break;
                n += (size_t)got;
        }
        *ret_n = n;
        return BDFS_OK;
}

static enum bdfs_status write_synced(const char *path, const void *from, size_t n,
                                     struct bdfs_err *err)
{
        AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (fd < 0)
                return bdfs_fail_errno(err, errno, "create %s", path);
        for (size_t at = 0; at < n;) {
                ssize_t put = write(fd, (const char *)from + at, n - at);

                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0)
                        return bdfs_fail_errno(err, errno, "write %s", path);
                at += (size_t)put;
        }
        if (fsync(fd) < 0)
                return bdfs_fail_errno(err, errno, "sync %s", path);
        if (close(TAKE_FD(fd)) < 0)
                return bdfs_fail_errno(err, errno, "close %s", path);
        return BDFS_OK;
}

enum bdfs_status store_file_put(const char *dir, const char *name, const void *from, size_t n,
                                struct bdfs_err *err)
{
        char path[STORE_PATH_BYTES], fresh[STORE_PATH_BYTES], fresh_name[256];
        enum bdfs_status rc;

        (void)snprintf(fresh_name, sizeof(fresh_name), "%s.new", name);
        rc = store_file_path(path, dir, name, err);
        if (rc == BDFS_OK)
                rc = store_file_path(fresh, dir, fresh_name, err);
        if (rc == BDFS_OK)
                rc = write_synced(fresh, from, n, err);
        if (rc != BDFS_OK)
                return rc;
        if (rename(fresh, path) < 0)
                return bdfs_fail_errno(err, errno, "rename %s to %s", fresh, path);
        return store_file_sync_dir(dir, err);
}

enum bdfs_status store_file_remove(const char *dir, const char *name, struct bdfs_err *err)
{
        char path[STORE_PATH_BYTES];

        if (store_file_path(path, dir, name, err) != BDFS_OK)
                return BDFS_INVALID;
        if (unlink(path) < 0 && errno != ENOENT)
                return bdfs_fail_errno(err, errno, "remove %s", path);
        return BDFS_OK;
}
