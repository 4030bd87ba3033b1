#include "cluster/cluster_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/os.h"

/* ---- directories -------------------------------------------------------------------------- */

static bool is_ours(const struct stat *st)
{
        return st->st_uid == geteuid() || st->st_uid == 0;
}

static enum bdfs_status belongs_to(const char *path, const char *what, uid_t uid,
                                   struct bdfs_err *err)
{
        char name[OS_NAME_BYTES];
        struct bdfs_err unknown;

        if (os_user_name(uid, name, &unknown) != BDFS_OK)
                (void)snprintf(name, sizeof(name), "uid %u", (unsigned)uid);
        return bdfs_fail(err, BDFS_PERMISSION, "%s %s %s, who could put anything in its place: use "
                         "a directory of your own", path, what, name);
}

/* Calls @check with each part of @path: "/", "/a", "/a/b", or "a", "a/b". */
static enum bdfs_status each_part(const char *path,
                                  enum bdfs_status (*check)(const char *part, bool last,
                                                            struct bdfs_err *err),
                                  struct bdfs_err *err)
{
        char part[PATH_MAX];
        size_t n = strlen(path);

        while (n > 1 && path[n - 1] == '/')
                n--;
        if (n >= sizeof(part))
                return bdfs_fail(err, BDFS_INVALID, "%s is too long", path);
        for (size_t i = 0; i <= n; i++) {
                bool last = i == n;

                if (!last && (path[i] != '/' || (i > 0 && path[i - 1] == '/')))
                        continue;
                (void)snprintf(part, sizeof(part), "%.*s", (int)(i == 0 ? 1 : i), path);
                if (n > 0 && (i > 0 || path[0] == '/') && check(part, last, err) != BDFS_OK)
                        return err->status;
        }
        return BDFS_OK;
}

static enum bdfs_status no_foreign_link(const char *part, bool last, struct bdfs_err *err)
{
        struct stat st;

        (void)last;
        if (lstat(part, &st) == 0 && S_ISLNK(st.st_mode) && !is_ours(&st))
                return belongs_to(part, "is a link of", st.st_uid, err);
        return BDFS_OK; /* what is not there is told by who uses it */
}

enum bdfs_status cluster_dir_find(const char *dir, bool make, char ret[PATH_MAX],
                                  struct bdfs_err *err)
{
        if (each_part(dir, no_foreign_link, err) != BDFS_OK)
                return err->status;
        if (make && mkdir(dir, 0755) != 0 && errno != EEXIST)
                return bdfs_fail_errno(err, errno, "cannot make %s", dir);
        if (realpath(dir, ret) == NULL)
                return bdfs_fail_errno(err, errno, "%s", dir);
        return BDFS_OK;
}

static enum bdfs_status only_ours(const char *path, const struct stat *st, bool below_others,
                                  struct bdfs_err *err)
{
        bool sticky = (st->st_mode & S_ISVTX) != 0;

        if (!S_ISDIR(st->st_mode))
                return bdfs_fail(err, BDFS_NOT_DIRECTORY, "%s is no directory", path);
        if (below_others ? !is_ours(st) : st->st_uid != geteuid())
                return belongs_to(path, "belongs to", st->st_uid, err);
        if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !(below_others && sticky))
                return bdfs_fail(err, BDFS_PERMISSION, "others may write to %s and put anything "
                                 "into it: `chmod go-w` it, and look at what is there", path);
        return BDFS_OK;
}

/* In a directory that is sticky, as /tmp is, others cannot rename what is ours. */
static enum bdfs_status trust_part(const char *part, bool last, struct bdfs_err *err)
{
        struct stat st;

        if (lstat(part, &st) != 0)
                return bdfs_fail_errno(err, errno, "%s", part);
        return only_ours(part, &st, !last, err);
}

enum bdfs_status cluster_dir_trust(const char *full, struct bdfs_err *err)
{
        BDFS_ASSERT(full[0] == '/');
        return each_part(full, trust_part, err);
}

enum bdfs_status cluster_dir_make(const char *full, mode_t mode, struct bdfs_err *err)
{
        struct stat st;

        if (mkdir(full, mode) != 0 && errno != EEXIST)
                return bdfs_fail_errno(err, errno, "cannot make %s", full);
        if (lstat(full, &st) != 0)
                return bdfs_fail_errno(err, errno, "%s", full);
        return only_ours(full, &st, false, err);
}

/* ---- files -------------------------------------------------------------------------------- */

static int open_no_links(const char *path, int flags)
{
        struct open_how how = {.flags = (unsigned)(flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
                                                   O_NOCTTY),
                               .mode = (flags & O_CREAT) != 0 ? 0600 : 0,
                               .resolve = RESOLVE_NO_SYMLINKS};
        int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

        if (fd < 0 && errno == ENOSYS)
                fd = open(path, (int)how.flags, 0600);
        return fd;
}

enum bdfs_status cluster_file_open(const char *path, int flags, uid_t owner, int *ret,
                                   struct bdfs_err *err)
{
        AUTO_CLOSE int fd = open_no_links(path, flags);
        struct stat st;

        if (fd < 0 && (errno == ELOOP || errno == ENXIO))
                return bdfs_fail(err, BDFS_PERMISSION, "%s is a link, or no file: nothing of a "
                                 "cluster's is; remove it", path);
        if (fd < 0 || fstat(fd, &st) != 0)
                return bdfs_fail_errno(err, errno, "%s", path);
        if (!S_ISREG(st.st_mode) || st.st_nlink > 1)
                return bdfs_fail(err, BDFS_PERMISSION, "%s is no file, or has other names: nothing "
                                 "of a cluster's does; remove it", path);
        if (st.st_uid != owner)
                return belongs_to(path, "belongs to", st.st_uid, err);
        *ret = TAKE_FD(fd);
        return BDFS_OK;
}

enum bdfs_status cluster_file_begin(struct cluster_file *f, const char *path, mode_t mode,
                                    struct bdfs_err *err)
{
        int fd;

        f->to = NULL;
        if ((size_t)snprintf(f->path, sizeof(f->path), "%s", path) >= sizeof(f->path) ||
            (size_t)snprintf(f->made, sizeof(f->made), "%s.new", path) >= sizeof(f->made))
                return bdfs_fail(err, BDFS_INVALID, "%s is too long", path);
        (void)unlink(f->made); /* of a run that was killed */
        fd = open(f->made, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        f->to = fd < 0 ? NULL : fdopen(fd, "w");
        if (f->to != NULL)
                return BDFS_OK;
        (void)bdfs_fail_errno(err, errno, "cannot write %s", path);
        if (fd >= 0)
                (void)close(fd);
        return err->status;
}

enum bdfs_status cluster_file_finish(struct cluster_file *f, struct bdfs_err *err)
{
        bool bad = ferror(f->to) != 0;

        if (fclose(f->to) != 0 || bad || rename(f->made, f->path) != 0) {
                (void)bdfs_fail_errno(err, errno, "cannot write %s", f->path);
                (void)unlink(f->made);
                return err->status;
        }
        return BDFS_OK;
}
