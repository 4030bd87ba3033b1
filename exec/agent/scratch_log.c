/* The logs of attempts, in files that outlive their jobs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "exec/agent/scratch.h"
#include "exec/agent/scratch_inside.h"

#define USER_FILE "user" /* whose job it was; no attempt has that name */

static bool write_all(int fd, const void *from, size_t n)
{
        const char *at = from;

        while (n > 0) {
                ssize_t put = write(fd, at, n);

                if (put <= 0)
                        return false;
                at += put;
                n -= (size_t)put;
        }
        return true;
}

static int create(const char *dir, const char *name)
{
        char path[PATH_MAX + NAME_MAX + 8];

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
}

enum bdfs_status scratch_log_write(const struct scratch_job *j, const char *user,
                                   const char *attempt, const void *head, size_t head_n,
                                   const void *tail, size_t tail_n, struct bdfs_err *err)
{
        static const char gap[] = "\n... (cut: the middle was not kept) ...\n";
        AUTO_CLOSE int fd = -1, owner = -1;

        if (mkdir(j->logs, 0700) == 0) {
                owner = create(j->logs, USER_FILE);
                if (owner < 0 || !write_all(owner, user, strlen(user)))
                        return bdfs_fail_errno(err, errno, "logs in %s", j->logs);
        } else if (errno != EEXIST) {
                return bdfs_fail_errno(err, errno, "logs in %s", j->logs);
        }
        fd = create(j->logs, attempt);
        if (fd < 0 || !write_all(fd, head, head_n) ||
            (tail_n > 0 && (!write_all(fd, gap, sizeof(gap) - 1) || !write_all(fd, tail, tail_n))))
                return bdfs_fail_errno(err, errno, "log of %s", attempt);
        return BDFS_OK;
}

static bool belongs(const char *dir, const char *user)
{
        char path[PATH_MAX + 16], found[300];
        AUTO_CLOSE int fd = -1;
        ssize_t n;

        (void)snprintf(path, sizeof(path), "%s/" USER_FILE, dir);
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, found, sizeof(found) - 1);
        if (n < 0)
                return false;
        found[n] = '\0';
        return user == NULL || strcmp(found, user) == 0;
}

bool scratch_logs_taken(const struct scratch_job *j, const char *user)
{
        return access(j->logs, F_OK) == 0 && !belongs(j->logs, user);
}

enum bdfs_status scratch_logs(struct scratch *s, const char *job, const char *attempt,
                              const char *user, scratch_log_each *each, void *arg,
                              struct bdfs_err *err)
{
        char dir[PATH_MAX], path[PATH_MAX + NAME_MAX + 8];
        enum bdfs_status rc = BDFS_OK;
        struct dirent **names;
        int n;

        (void)snprintf(dir, sizeof(dir), "%s/logs/%s", scratch_dir(s), job);
        if (!belongs(dir, user) || (n = scandir(dir, &names, NULL, alphasort)) < 0)
                return bdfs_fail(err, BDFS_NOT_FOUND, "no logs of %s here", job);
        for (int i = 0; i < n; i++) {
                const char *name = names[i]->d_name;

                (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
                if (rc == BDFS_OK && name[0] != '.' && strcmp(name, USER_FILE) != 0 &&
                    (attempt == NULL || strcmp(name, attempt) == 0))
                        rc = each(arg, name, path, err);
                free(names[i]);
        }
        free(names);
        return rc;
}

/* ---- how many are kept -------------------------------------------------------------------- */

struct kept {                    /* the logs of a job */
        char job[64], user[300];
        int64_t changed;         /* nanoseconds */
        uint64_t bytes;
        bool gone;
};

static int newest_first(const void *a, const void *b)
{
        const struct kept *x = a, *y = b;

        return (x->changed < y->changed) - (x->changed > y->changed);
}

static bool read_user(int dir, char *ret, size_t room)
{
        AUTO_CLOSE int fd = openat(dir, USER_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, ret, room - 1);

        ret[n < 0 ? 0 : n] = '\0';
        return n >= 0;
}

/* False: it is no job's. One without a user is nobody's, and goes with the first. */
static bool look_at(int logs, const char *name, struct kept *ret)
{
        int fd = openat(logs, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *e;
        struct stat st;

        if (d == NULL) {
                if (fd >= 0)
                        (void)close(fd);
                return false;
        }
        *ret = (struct kept){.bytes = 0};
        (void)snprintf(ret->job, sizeof(ret->job), "%s", name);
        if (fstat(fd, &st) == 0)
                ret->changed = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
        (void)read_user(fd, ret->user, sizeof(ret->user));
        while ((e = readdir(d)) != NULL) {
                if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
                        ret->bytes += (uint64_t)st.st_size;
        }
        (void)closedir(d);
        return true;
}

static void drop(const struct scratch *s, struct kept *k)
{
        char path[PATH_MAX + NAME_MAX + 8];

        (void)snprintf(path, sizeof(path), "%s/logs/%s", scratch_dir(s), k->job);
        (void)scratch_remove(path); /* the next round tries again */
        k->gone = true;
}

/* Bytes and jobs of @user (NULL: of all) in the first @n of @all that are still there. */
static uint64_t sum_of(const struct kept *all, size_t n, const char *user, size_t *ret_jobs)
{
        uint64_t bytes = 0;

        *ret_jobs = 0;
        for (size_t i = 0; i < n; i++) {
                if (all[i].gone || (user != NULL && strcmp(all[i].user, user) != 0))
                        continue;
                bytes += all[i].bytes;
                ++*ret_jobs;
        }
        return bytes;
}

/* The oldest of whoever has the most jobs here. */
static struct kept *oldest_of_most(struct kept *all, size_t n)
{
        struct kept *found = NULL;
        size_t most = 0;

        for (size_t i = 0; i < n; i++) {
                size_t jobs;

                if (all[i].gone)
                        continue;
                (void)sum_of(all, n, all[i].user, &jobs);
                if (jobs >= most)
                        found = &all[i];
                most = jobs > most ? jobs : most;
        }
        return found;
}

static void trim(const struct scratch *s, struct kept *all, size_t n,
                 const struct scratch_log_limits *limits)
{
        size_t jobs;

        for (size_t i = 0; i < n; i++) { /* of each user the newest */
                uint64_t bytes = sum_of(all, i + 1, all[i].user, &jobs);

                if (jobs > limits->user_jobs || (jobs > 1 && bytes > limits->user_bytes))
                        drop(s, &all[i]);
        }
        while (sum_of(all, n, NULL, &jobs) > limits->bytes || jobs > limits->jobs) {
                struct kept *k = oldest_of_most(all, n);

                if (k == NULL)
                        break;
                drop(s, k);
        }
}

void scratch_logs_trim(struct scratch *s, const struct scratch_log_limits *limits)
{
        char dir[PATH_MAX];
        const struct dirent *e;
        struct kept *all = NULL;
        size_t n = 0, room = 0;
        DIR *d;

        (void)snprintf(dir, sizeof(dir), "%s/logs", scratch_dir(s));
        d = opendir(dir);
        while (d != NULL && (e = readdir(d)) != NULL) {
                if (n == room) {
                        struct kept *more = realloc(all, (2 * room + 64) * sizeof(*all));

                        if (more == NULL)
                                break; /* the next round tries again */
                        all = more;
                        room = 2 * room + 64;
                }
                if (e->d_name[0] != '.' && look_at(dirfd(d), e->d_name, &all[n]))
                        n++;
        }
        if (d != NULL)
                (void)closedir(d);
        if (n > 0)
                qsort(all, n, sizeof(*all), newest_first);
        trim(s, all, n, limits);
        free(all);
}
