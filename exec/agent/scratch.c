#include "exec/agent/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/os.h"
#include "exec/agent/scratch_inside.h"

#define DEPTH_MAX 64 /* of removal with open directories; what lies deeper is moved up first */
#define REMOVE_MS (5 * 60000) /* for one tree; what is left then is left to the next start */

struct scratch {
        char dir[PATH_MAX - 320], work[PATH_MAX - 320];
        bool own_work; /* work lies elsewhere, and is removed with us */
};

/* ---- with whose rights -------------------------------------------------------------------- */

/* Files are reached with the rights of @uid by this thread from now on (Linux keeps these ids for
 * each thread apart; the C library's setgroups() would change them for all threads). The groups
 * of root are dropped for good: it needs none. */
static void act_as(uid_t uid, gid_t gid)
{
        BDFS_ASSERT(syscall(SYS_setgroups, 0, NULL) == 0);
        (void)setfsgid(gid);
        (void)setfsuid(uid);
        /* what they answer is the id before, and no error */
        BDFS_ASSERT((uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid);
}

/* Is it root's, while we are root? Then others cannot change names in it. */
static bool is_others(const struct stat *st)
{
        return geteuid() == 0 && st->st_uid != 0;
}

/* ---- removing ----------------------------------------------------------------------------- */

struct removal {
        int top;             /* what lies too deep is moved up to it */
        unsigned moved;
        bool again;          /* something was moved: it is to be emptied once more */
        bool as_owner;       /* we have the rights of whoever owns it */
        int64_t deadline_ms; /* somebody may add names faster than we remove them */
};

static void remove_name(int dir, const char *name, int64_t deadline_ms);

/* A directory below @dir, never by way of a link or into what is mounted there: a file system of
 * the user's own would answer when it likes. */
static int open_below(int dir, const char *name)
{
        struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                               .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                          RESOLVE_NO_XDEV};
        int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));

        if (fd < 0 && errno == ENOSYS)
                fd = openat(dir, name, (int)how.flags);
        return fd;
}

/* Its owner, who may be us, may have taken all rights from it. */
static int open_shut(int dir, const char *name)
{
        int fd = open_below(dir, name);
        AUTO_CLOSE int path = -1;
        char link[40];

        if (fd >= 0 || errno != EACCES)
                return fd;
        path = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", path);
        if (path < 0 || chmod(link, 0700) != 0)
                return -1;
        return open_below(dir, name);
}

static void empty_dir(int fd, struct removal *r, unsigned depth);

/* A name that unlinkat() did not remove: a directory, or something that stays. */
static void remove_dir(int fd, const char *name, struct removal *r, unsigned depth)
{
        struct stat st;
        char up[32];
        int sub;

        if (depth >= DEPTH_MAX) {
                (void)snprintf(up, sizeof(up), ".deep-%u", r->moved++);
                r->again |= renameat(fd, name, r->top, up) == 0;
                return;
        }
        if (!r->as_owner && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_others(&st)) {
                remove_name(fd, name, r->deadline_ms);
                return;
        }
        sub = open_shut(fd, name);
        if (sub >= 0)
                empty_dir(sub, r, depth + 1);
        (void)unlinkat(fd, name, AT_REMOVEDIR); /* what cannot be removed stays */
}

/* Closes @fd. */
static void empty_dir(int fd, struct removal *r, unsigned depth)
{
        DIR *d = fdopendir(fd);
        const struct dirent *e;

        if (d == NULL) {
                (void)close(fd);
                return;
        }
        (void)fchmod(fd, 0700); /* that fails where it is not needed */
        while ((e = readdir(d)) != NULL && os_mono_ms() < r->deadline_ms) {
                const char *n = e->d_name;

                if (strcmp(n, ".") != 0 && strcmp(n, "..") != 0 && unlinkat(fd, n, 0) != 0)
                        remove_dir(fd, n, r, depth);
        }
        (void)closedir(d);
}

/* The tree @name in @dir. What is in a directory of somebody else's goes with the rights of its
 * owner: whatever its processes move there meanwhile, nothing that is not theirs is touched. */
static void remove_name(int dir, const char *name, int64_t deadline_ms)
{
        struct removal r = {.again = true, .deadline_ms = deadline_ms};
        AUTO_CLOSE int top = open_below(dir, name);
        struct stat st;

        if (top < 0 && errno == EACCES)
                top = open_shut(dir, name);
        if (top < 0 || fstat(top, &st) != 0)
                return;
        r.top = top;
        r.as_owner = is_others(&st);
        if (r.as_owner)
                act_as(st.st_uid, st.st_gid);
        while (r.again && os_mono_ms() < deadline_ms) {
                int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                r.again = false;
                if (fd >= 0)
                        empty_dir(fd, &r, 0);
        }
        if (r.as_owner)
                act_as(0, 0);
        (void)unlinkat(dir, name, AT_REMOVEDIR);
}

bool scratch_remove(const char *path)
{
        char parent[PATH_MAX];
        const char *slash = strrchr(path, '/');
        AUTO_CLOSE int dir = -1;
        struct stat st;

        BDFS_ASSERT(slash != NULL && slash[1] != '\0' && strlen(path) < sizeof(parent));
        (void)snprintf(parent, sizeof(parent), "%.*s", slash == path ? 1 : (int)(slash - path),
                       path);
        dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return errno == ENOENT;
        remove_name(dir, slash + 1, os_mono_ms() + REMOVE_MS);
        return fstatat(dir, slash + 1, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
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

/* One that was not there: what somebody left there is never taken for it. */
static enum bdfs_status make_new_dir(const char *path, mode_t mode, struct bdfs_err *err)
{
        if (mkdir(path, 0700) != 0)
                return errno == EEXIST ? bdfs_fail(err, BDFS_EXISTS, "%s is there already", path)
                                       : bdfs_fail_errno(err, errno, "cannot make %s", path);
        if (chmod(path, mode) != 0) /* whatever the umask made of it; it is ours alone */
                return bdfs_fail_errno(err, errno, "cannot set the mode of %s", path);
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
                (void)scratch_remove(path); /* what stays is in nobody's way */
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
        (void)scratch_remove(path); /* names that stay are not given out again */
        if (make_dir(path, 0700, err) != BDFS_OK)
                return err->status;
        (void)snprintf(path, sizeof(path), "%s/logs", s->dir);
        if (make_dir(path, 0700, err) != BDFS_OK)
                return err->status;
        (void)snprintf(path, sizeof(path), "%s/work-is", s->dir);
        remove_old_work(path);
        (void)snprintf(s->work, sizeof(s->work), "%s/work", s->dir);
        (void)scratch_remove(s->work); /* as above */
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
                (void)scratch_remove(s->work); /* the next start tries again */
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
        if (make_new_dir(ret->dir, 0700, err) != BDFS_OK)
                return err->status;
        if (make_new_dir(ret->work, user->change ? 0711 : 0700, err) != BDFS_OK) {
                (void)rmdir(ret->dir); /* made just now */
                return err->status;
        }
        if (make_new_dir(files, user->change ? 0750 : 0700, err) == BDFS_OK) {
                /* the user's tasks may look in (an interpreter lists where its script lies), but
                 * names and bytes there stay ours to give */
                if (!user->change || lchown(files, (uid_t)-1, user->gid) == 0)
                        return BDFS_OK;
                (void)bdfs_fail_errno(err, errno, "cannot give %s to %s", files, user->name);
        }
        (void)scratch_job_remove(ret); /* made just now: nobody was in it */
        return err->status;
}

bool scratch_job_remove(struct scratch_job *j)
{
        bool gone = scratch_remove(j->dir);

        return scratch_remove(j->work) && gone;
}

/* A name from a request: one component. */
static bool name_ok(const char *name)
{
        return name[0] != '\0' && strlen(name) <= NAME_MAX && strchr(name, '/') == NULL &&
               strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* WORK/JOB, or what is below it: @name NULL is itself. */
static int open_work(const struct scratch_job *j, const char *name)
{
        AUTO_CLOSE int fd = open(j->work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 || name == NULL ? TAKE_FD(fd) : open_below(fd, name);
}

enum bdfs_status scratch_put_file(const struct scratch_job *j, const struct task_user *user,
                                  const char *name, uint64_t offset, const void *data, size_t n,
                                  struct bdfs_err *err)
{
        AUTO_CLOSE int files = -1, fd = -1;
        const char *at = data;
        struct stat st;

        if (!name_ok(name))
                return bdfs_fail(err, BDFS_INVALID, "%s is no name for a shipped file", name);
        files = open_work(j, "files");
        fd = files < 0 ? -1
                       : openat(files, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
                                (offset == 0 ? O_CREAT | O_TRUNC : 0), 0700);
        if (fd < 0 || fstat(fd, &st) != 0)
                return bdfs_fail_errno(err, errno, "shipped file %s", name);
        if (!S_ISREG(st.st_mode))
                return bdfs_fail(err, BDFS_INVALID, "shipped file %s is no file", name);
        /* read by the user's group, which the user's tasks are in; written by us alone */
        if ((user->change && fchown(fd, (uid_t)-1, user->gid) != 0) ||
            fchmod(fd, user->change ? 0550 : 0700) != 0)
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

/* What an attempt finds in its directory, while that is ours alone; then it is given to @user. */
static enum bdfs_status fill_attempt(int fd, const struct task_user *user, char *const *files,
                                     size_t files_n, struct bdfs_err *err)
{
        char to[NAME_MAX + 16];

        if (mkdirat(fd, "tmp", 0700) != 0 ||
            (user->change && fchownat(fd, "tmp", user->uid, user->gid, AT_SYMLINK_NOFOLLOW) != 0))
                return bdfs_fail_errno(err, errno, "cannot make tmp for %s", user->name);
        for (size_t i = 0; i < files_n; i++) {
                (void)snprintf(to, sizeof(to), "../files/%s", files[i]);
                if (!name_ok(files[i]) || symlinkat(to, fd, files[i]) != 0)
                        return bdfs_fail_errno(err, errno, "shipped file %s", files[i]);
                /* they are complete now: where its user is ours, no task changes them for others
                 * by mistake at least */
                if (!user->change && fchmodat(fd, files[i], 0500, 0) != 0)
                        return bdfs_fail_errno(err, errno, "shipped file %s", files[i]);
        }
        if (fchmod(fd, 0700) != 0 || (user->change && fchown(fd, user->uid, user->gid) != 0))
                return bdfs_fail_errno(err, errno, "cannot give a directory to %s", user->name);
        return BDFS_OK;
}

enum bdfs_status scratch_attempt_make(const struct scratch_job *j, const struct task_user *user,
                                      const char *attempt, char *const *files, size_t files_n,
                                      char ret[PATH_MAX], struct bdfs_err *err)
{
        AUTO_CLOSE int work = open_work(j, NULL), fd = -1;
        char path[PATH_MAX];

        if ((size_t)snprintf(path, sizeof(path), "%s/%s", j->work, attempt) >= sizeof(path))
                return bdfs_fail(err, BDFS_INVALID, "%s is too long", j->work);
        if (work < 0 || mkdirat(work, attempt, 0700) != 0)
                return work >= 0 && errno == EEXIST
                               ? bdfs_fail(err, BDFS_EXISTS, "there was an attempt %s", attempt)
                               : bdfs_fail_errno(err, errno, "cannot make %s", path);
        (void)snprintf(ret, PATH_MAX, "%s", path); /* from here on it is to be removed */
        fd = open_below(work, attempt);
        if (fd < 0)
                return bdfs_fail_errno(err, errno, "%s", path);
        return fill_attempt(fd, user, files, files_n, err);
}
