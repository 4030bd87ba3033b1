#include "exec/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "exec/scratch_inside.h"

#define DEPTH_MAX 64 /* of removal with open directories; what lies deeper is moved up first */

struct scratch {
        char dir[PATH_MAX - 320], work[PATH_MAX - 320];
        bool own_work; /* work lies elsewhere, and is removed with us */
};

/* ---- removing ----------------------------------------------------------------------------- */

/* Its owner, who may be us, may have taken all rights from it. */
static int open_shut(int dir, const char *name)
{
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        AUTO_CLOSE int path = -1;
        char link[40];

        if (fd >= 0 || errno != EACCES)
                return fd;
        path = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", path);
        if (path < 0 || chmod(link, 0700) != 0)
                return -1;
        return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Empties the directory @fd; true when something was moved up to @top, which is to be emptied
 * again. */
static bool empty_dir(int fd, int top, unsigned depth, unsigned *moved)
{
        DIR *d = fdopendir(fd);
        const struct dirent *e;
        bool again = false;

        if (d == NULL) {
                (void)close(fd);
                return false;
        }
        (void)fchmod(fd, 0700); /* that fails where it is not needed */
        while ((e = readdir(d)) != NULL) {
                const char *n = e->d_name;
                int sub;

                if (strcmp(n, ".") == 0 || strcmp(n, "..") == 0 || unlinkat(fd, n, 0) == 0)
                        continue;
                if (depth >= DEPTH_MAX) {
                        char up[32];

                        (void)snprintf(up, sizeof(up), ".deep-%u", (*moved)++);
                        again |= renameat(fd, n, top, up) == 0;
                        continue;
                }
                sub = open_shut(fd, n);
                if (sub >= 0)
                        again |= empty_dir(sub, top, depth + 1, moved);
                (void)unlinkat(fd, n, AT_REMOVEDIR); /* what cannot be removed stays */
        }
        (void)closedir(d);
        return again;
}

void scratch_remove(const char *path)
{
        unsigned moved = 0;
        bool again = true;

        for (unsigned pass = 0; again && pass < 100000; pass++) {
                AUTO_CLOSE int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                int fd = top < 0 ? -1 : dup(top);

                again = fd >= 0 && empty_dir(fd, top, 0, &moved);
        }
        (void)rmdir(path);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static enum bdfs_status make_dir(const char *path, mode_t mode, struct bdfs_err *err)
{
        if (mkdir(path, mode) != 0 && errno != EEXIST)
                return bdfs_fail_errno(err, errno, "cannot make %s", path);
        if (chmod(path, mode) != 0) /* whatever the umask and an earlier run made of it */
                return bdfs_fail_errno(err, errno, "cannot set the mode of %s", path);
        return BDFS_OK;
}

static enum bdfs_status make_owned(const char *path, mode_t mode, const struct task_user *user,
                                   struct bdfs_err *err)
{
        if (make_dir(path, mode, err) != BDFS_OK)
                return err->status;
        if (user->change && lchown(path, user->uid, user->gid) != 0)
                return bdfs_fail_errno(err, errno, "cannot give %s to %s", path, user->name);
        return BDFS_OK;
}

/* Can every user get to @path, and into it? */
static bool reachable(const char *path)
{
        char at[PATH_MAX];
        struct stat st;

        (void)snprintf(at, sizeof(at), "%s", path);
        for (;;) {
                char *slash = strrchr(at, '/');

                if (slash == NULL || stat(at, &st) != 0 || (st.st_mode & S_IXOTH) == 0)
                        return false;
                if (slash == at)
                        return stat("/", &st) == 0 && (st.st_mode & S_IXOTH) != 0;
                *slash = '\0';
        }
}

/* An earlier run's directory below /tmp, if it is still ours. */
static void remove_old_work(const char *note)
{
        AUTO_CLOSE int fd = open(note, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        char path[PATH_MAX];
        ssize_t n = fd < 0 ? -1 : read(fd, path, sizeof(path) - 1);
        struct stat st;

        if (n <= 0)
                return;
        path[n] = '\0';
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid())
                scratch_remove(path);
        (void)unlink(note);
}

static enum bdfs_status work_elsewhere(struct scratch *s, const char *note, struct bdfs_err *err)
{
        AUTO_CLOSE int fd = -1;
        size_t n;

        (void)snprintf(s->work, sizeof(s->work), "/tmp/bdfs-agent-XXXXXX");
        if (mkdtemp(s->work) == NULL)
                return bdfs_fail_errno(err, errno, "cannot make a directory below /tmp");
        s->own_work = true;
        n = strlen(s->work);
        fd = open(note, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, s->work, n) != (ssize_t)n)
                return bdfs_fail_errno(err, errno, "cannot write %s", note);
        return make_dir(s->work, 0711, err);
}

static enum bdfs_status prepare(struct scratch *s, bool shared, struct bdfs_err *err)
{
        char path[PATH_MAX];

        if (make_dir(s->dir, shared ? 0711 : 0700, err) != BDFS_OK)
                return err->status;
        (void)snprintf(path, sizeof(path), "%s/jobs", s->dir);
        scratch_remove(path);
        if (make_dir(path, 0700, err) != BDFS_OK)
                return err->status;
        (void)snprintf(path, sizeof(path), "%s/logs", s->dir);
        if (make_dir(path, 0700, err) != BDFS_OK)
                return err->status;
        (void)snprintf(path, sizeof(path), "%s/work-is", s->dir);
        remove_old_work(path);
        (void)snprintf(s->work, sizeof(s->work), "%s/work", s->dir);
        scratch_remove(s->work);
        if (shared && !reachable(s->dir))
                return work_elsewhere(s, path, err);
        return make_dir(s->work, shared ? 0711 : 0700, err);
}

enum bdfs_status scratch_open(struct scratch **ret, const char *dir, bool shared,
                              struct bdfs_err *err)
{
        struct scratch *s = calloc(1, sizeof(*s));
        char full[PATH_MAX];

        if (s == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if ((mkdir(dir, 0700) != 0 && errno != EEXIST) || realpath(dir, full) == NULL)
                (void)bdfs_fail_errno(err, errno, "scratch directory %s", dir);
        else if (strlen(full) >= sizeof(s->dir))
                (void)bdfs_fail(err, BDFS_INVALID, "scratch: %s is too long", full);
        else {
                (void)snprintf(s->dir, sizeof(s->dir), "%s", full);
                if (prepare(s, shared, err) == BDFS_OK) {
                        *ret = s;
                        return BDFS_OK;
                }
        }
        scratch_close(s);
        return err->status;
}

void scratch_close(struct scratch *s)
{
        char note[PATH_MAX];

        if (s == NULL)
                return;
        if (s->work[0] != '\0')
                scratch_remove(s->work);
        (void)snprintf(note, sizeof(note), "%s/work-is", s->dir);
        if (s->own_work)
                (void)unlink(note);
        free(s);
}

const char *scratch_dir(const struct scratch *s)
{
        return s->dir;
}

/* ---- a job -------------------------------------------------------------------------------- */

enum bdfs_status scratch_job_make(struct scratch *s, const char *job, const char *owner,
                                  const struct task_user *user, struct scratch_job *ret,
                                  struct bdfs_err *err)
{
        char files[PATH_MAX + 8];

        (void)snprintf(ret->dir, sizeof(ret->dir), "%s/jobs/%s", s->dir, job);
        (void)snprintf(ret->logs, sizeof(ret->logs), "%s/logs/%s", s->dir, job);
        (void)snprintf(ret->work, sizeof(ret->work), "%s/%s", s->work, job);
        (void)snprintf(files, sizeof(files), "%s/files", ret->work);
        if (scratch_logs_taken(ret, owner))
                return bdfs_fail(err, BDFS_EXISTS, "there was a job %s, of somebody else", job);
        if (make_dir(ret->dir, 0700, err) == BDFS_OK &&
            make_dir(ret->work, user->change ? 0711 : 0700, err) == BDFS_OK &&
            make_dir(files, user->change ? 0710 : 0700, err) == BDFS_OK) {
                /* the user's tasks may look in, but names there stay ours to give */
                if (!user->change || lchown(files, (uid_t)-1, user->gid) == 0)
                        return BDFS_OK;
                (void)bdfs_fail_errno(err, errno, "cannot give %s to %s", files, user->name);
        }
        scratch_job_remove(ret);
        return err->status;
}

void scratch_job_remove(struct scratch_job *j)
{
        scratch_remove(j->dir);
        scratch_remove(j->work);
}

/* A name from a request: one component. */
static bool name_ok(const char *name)
{
        return name[0] != '\0' && strlen(name) <= NAME_MAX && strchr(name, '/') == NULL &&
               strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

enum bdfs_status scratch_put_file(const struct scratch_job *j, const struct task_user *user,
                                  const char *name, uint64_t offset, const void *data, size_t n,
                                  struct bdfs_err *err)
{
        char path[PATH_MAX + NAME_MAX + 16];
        AUTO_CLOSE int fd = -1;
        const char *at = data;

        if (!name_ok(name))
                return bdfs_fail(err, BDFS_INVALID, "%s is no name for a shipped file", name);
        (void)snprintf(path, sizeof(path), "%s/files/%s", j->work, name);
        fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | (offset == 0 ? O_CREAT | O_TRUNC : 0),
                  0700);
        if (fd < 0 || fchmod(fd, 0700) != 0 ||
            (user->change && fchown(fd, user->uid, user->gid) != 0))
                return bdfs_fail_errno(err, errno, "shipped file %s", name);
        while (n > 0) {
                ssize_t put = pwrite(fd, at, n, (off_t)offset);

                if (put <= 0)
                        return bdfs_fail_errno(err, errno, "shipped file %s", name);
                at += put;
                n -= (size_t)put;
                offset += (uint64_t)put;
        }
        return BDFS_OK;
}

enum bdfs_status scratch_attempt_make(const struct scratch_job *j, const struct task_user *user,
                                      const char *attempt, char *const *files, size_t files_n,
                                      char ret[PATH_MAX], struct bdfs_err *err)
{
        char path[PATH_MAX + NAME_MAX + 16], to[NAME_MAX + 16];

        if ((size_t)snprintf(ret, PATH_MAX, "%s/%s", j->work, attempt) >= PATH_MAX)
                return bdfs_fail(err, BDFS_INVALID, "%s is too long", j->work);
        if (make_dir(ret, 0700, err) != BDFS_OK)
                return err->status;
        (void)snprintf(path, sizeof(path), "%s/tmp", ret);
        if (make_owned(path, 0700, user, err) != BDFS_OK)
                return err->status;
        for (size_t i = 0; i < files_n; i++) { /* while the directory is ours alone */
                (void)snprintf(path, sizeof(path), "%s/%s", ret, files[i]);
                (void)snprintf(to, sizeof(to), "../files/%s", files[i]);
                if (!name_ok(files[i]) || symlink(to, path) != 0)
                        return bdfs_fail_errno(err, errno, "shipped file %s", files[i]);
        }
        return make_owned(ret, 0700, user, err);
}
