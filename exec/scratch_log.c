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
#include "exec/scratch.h"
#include "exec/scratch_inside.h"

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

void scratch_logs_trim(struct scratch *s, size_t keep)
{
        char dir[PATH_MAX], path[PATH_MAX + NAME_MAX + 8];
        struct dirent **names;
        int n;

        (void)snprintf(dir, sizeof(dir), "%s/logs", scratch_dir(s));
        n = scandir(dir, &names, NULL, alphasort); /* names begin with the time, oldest first */
        if (n < 0)
                return;
        for (int i = 0; i < n; i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
                if (names[i]->d_name[0] != '.' && (size_t)(n - i) > keep)
                        scratch_remove(path);
                free(names[i]);
        }
        free(names);
}
