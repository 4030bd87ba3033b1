#include "cli/cli_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_interrupt.h"
#include "cli/cli_sums.h"
#include "common/cleanup.h"
#include "common/limits.h"

/* ---- where bytes come from ------------------------------------------------------------------- */

enum bdfs_status cli_source_open(struct cli_source *s, const struct cli_item *from,
                                 struct bdfs_err *err)
{
        *s = (struct cli_source){.fd = -1, .name = from->text};
        if (from->fs != NULL) {
                if (bdfs_open(from->fs, from->path, &s->file, err) != BDFS_OK)
                        return cli_item_reword(from, err);
                return BDFS_OK;
        }
        s->fd = open(from->path, O_RDONLY | O_CLOEXEC);
        if (s->fd < 0)
                return bdfs_fail_errno(err, errno, "`%s'", from->text);
        /* advice only */
        (void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return BDFS_OK;
}

enum bdfs_status cli_source_read(struct cli_source *s, void *to, size_t n, size_t *ret,
                                 struct bdfs_err *err)
{
        ssize_t got;

        if (s->file != NULL)
                return bdfs_read(s->file, to, n, ret, err);
        do
                got = read(s->fd, to, n);
        while (got < 0 && errno == EINTR);
        if (got < 0)
                return bdfs_fail_errno(err, errno, "`%s'", s->name);
        *ret = (size_t)got;
        return BDFS_OK;
}

void cli_source_close(struct cli_source *s)
{
        struct bdfs_err err;

        if (s->file != NULL)
                BDFS_IGNORE(bdfs_close(s->file, &err)); /* of a reader: nothing can fail */
        if (s->fd > STDIN_FILENO)
                (void)close(s->fd);
        *s = (struct cli_source){.fd = -1};
}

/* ---- what an interruption must undo ---------------------------------------------------------- */

static void guard(struct cli_target *t, struct bdfs *fs, const char *path, bool stays)
{
        t->handle = cli_interrupt_add(fs, path, stays);
        t->guarded = true;
}

/* The temporary is gone, or has its name. */
static void forget(struct cli_target *t)
{
        if (t->guarded)
                cli_interrupt_drop(t->handle);
        t->guarded = false;
        free(TAKE_PTR(t->temporary));
        free(TAKE_PTR(t->own));
}

/* ---- where bytes go: a cluster --------------------------------------------------------------- */

/* NAME._COPYING_, or a shorter one beside it where that would be too long. */
static char *remote_temporary(const struct cli_item *to)
{
        const char *slash = strrchr(to->path, '/');
        uint64_t random;
        char *path;
        int n;

        if (strlen(slash + 1) + strlen("._COPYING_") <= NAME_BYTES_MAX)
                return asprintf(&path, "%s._COPYING_", to->path) < 0 ? NULL : path;
        os_random(&random, sizeof(random));
        n = asprintf(&path, "%.*s/%016llx._COPYING_", (int)(slash - to->path), to->path,
                     (unsigned long long)random);
        return n < 0 ? NULL : path;
}

/* The file that was made, whatever has its name by now: another put of the same file makes a
 * temporary of the same name in its place. */
static enum bdfs_status name_own(struct cli_target *t, struct bdfs_err *err)
{
        struct bdfs_stat st;

        bdfs_file_stat(t->file, &st);
        if (asprintf(&t->own, "/.reserved/.inodes/%llu", (unsigned long long)st.inode) >= 0)
                return BDFS_OK;
        t->own = NULL;
        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
}

static enum bdfs_status open_remote(struct cli_target *t, struct bdfs_err *err)
{
        const struct cli_copy *c = t->copy;
        struct bdfs_create options = {
                .mode = BDFS_MODE_GIVEN | (0666 & ~c->cli->umask),
                .replication = c->lazy ? 1 : c->cli->replication,
                .block_size = c->cli->block_size,
                .overwrite = !c->direct || c->overwrite,
                .lazy_persist = c->lazy,
                .first_block = true,
        };

        if (!c->direct) {
                t->temporary = remote_temporary(t->item);
                if (t->temporary == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        }
        guard(t, t->item->fs, c->direct ? t->item->path : t->temporary, c->direct);
        if (bdfs_create(t->item->fs, c->direct ? t->item->path : t->temporary, &options, &t->file,
                        err) != BDFS_OK) {
                forget(t);
                return err->status;
        }
        if (!c->direct && name_own(t, err) != BDFS_OK)
                return err->status;
        cli_interrupt_made(t->handle, c->direct ? t->item->path : t->own);
        return BDFS_OK;
}

static void remove_remote(struct cli_target *t)
{
        struct bdfs_err ignored;

        if (t->temporary != NULL)
                BDFS_IGNORE(bdfs_delete(t->item->fs, t->own != NULL ? t->own : t->temporary, false,
                                        &ignored));
        forget(t);
}

static enum bdfs_status close_remote(struct cli_target *t, struct bdfs_err *err)
{
        enum bdfs_status rc = bdfs_close(TAKE_PTR(t->file), err);

        if (rc == BDFS_OK && t->temporary != NULL)
                rc = bdfs_rename(t->item->fs, t->own, t->item->path, t->copy->overwrite, err);
        if (rc == BDFS_OK)
                forget(t);
        else
                remove_remote(t);
        return rc;
}

/* ---- where bytes go: this machine ------------------------------------------------------------ */

/* A link stays and what it leads to is written, as by cp: beside /dev/stdout is no room. */
static bool is_link_to_something(const char *path)
{
        struct stat st;

        return lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && stat(path, &st) == 0;
}

static enum bdfs_status open_local(struct cli_target *t, struct bdfs_err *err)
{
        const char *path = t->item->path, *slash = strrchr(path, '/');
        int dir = slash == NULL ? 0 : (int)(slash - path) + 1;

        if (t->item->special || is_link_to_something(path)) {
                t->fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
                return t->fd >= 0 ? BDFS_OK : bdfs_fail_errno(err, errno, "`%s'", t->item->text);
        }
        if (asprintf(&t->temporary, "%.*s._COPYING_XXXXXX", dir, path) < 0) {
                t->temporary = NULL;
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        }
        guard(t, NULL, t->temporary, false);
        t->fd = mkostemp(t->temporary, O_CLOEXEC);
        if (t->fd < 0) {
                int eno = errno;

                forget(t);
                return bdfs_fail_errno(err, eno, "`%s'", t->item->text);
        }
        cli_interrupt_made(t->handle, t->temporary);
        return t->copy->write_sums ? cli_sums_new(&t->sums, err) : BDFS_OK;
}

static enum bdfs_status close_local(struct cli_target *t, struct bdfs_err *err)
{
        mode_t mode = 0666 & ~t->copy->cli->local_umask;
        enum bdfs_status rc = BDFS_OK;

        if (t->temporary != NULL && fchmod(t->fd, mode) != 0)
                rc = bdfs_fail_errno(err, errno, "`%s'", t->item->text);
        if (close(t->fd) != 0 && rc == BDFS_OK)
                rc = bdfs_fail_errno(err, errno, "`%s'", t->item->text);
        t->fd = -1;
        if (rc == BDFS_OK && t->sums != NULL)
                rc = cli_sums_save(t->sums, t->item->path, mode, err);
        if (t->temporary == NULL)
                return rc;
        if (rc == BDFS_OK && rename(t->temporary, t->item->path) != 0)
                rc = bdfs_fail_errno(err, errno, "`%s'", t->item->text);
        if (rc != BDFS_OK)
                (void)unlink(t->temporary);
        forget(t);
        return rc;
}

/* ---- where bytes go -------------------------------------------------------------------------- */

enum bdfs_status cli_target_open(struct cli_target *t, const struct cli_copy *c,
                                 const struct cli_item *to, struct bdfs_err *err)
{
        enum bdfs_status rc;

        *t = (struct cli_target){.copy = c, .item = to, .fd = -1};
        if (to->exists && (cli_item_is_directory(to) || !(c->overwrite || to->special)))
                return cli_item_fail(to, BDFS_EXISTS, err);
        rc = to->fs != NULL ? open_remote(t, err) : open_local(t, err);
        if (rc != BDFS_OK)
                cli_target_abandon(t);
        return rc;
}

static enum bdfs_status write_fd(struct cli_target *t, const uint8_t *from, size_t n,
                                 struct bdfs_err *err)
{
        while (n > 0) {
                ssize_t wrote = write(t->fd, from, n);

                if (wrote < 0 && errno == EINTR)
                        continue;
                if (wrote < 0)
                        return bdfs_fail_errno(err, errno, "`%s'", t->item->text);
                from += wrote;
                n -= (size_t)wrote;
        }
        return BDFS_OK;
}

enum bdfs_status cli_target_write(struct cli_target *t, const void *from, size_t n,
                                  struct bdfs_err *err)
{
        if (t->file != NULL)
                return bdfs_write(t->file, from, n, err);
        if (t->sums != NULL)
                cli_sums_add(t->sums, from, n);
        return write_fd(t, from, n, err);
}

enum bdfs_status cli_target_close(struct cli_target *t, struct bdfs_err *err)
{
        enum bdfs_status rc = t->file != NULL ? close_remote(t, err) : close_local(t, err);

        cli_target_abandon(t);
        return rc;
}

void cli_target_abandon(struct cli_target *t)
{
        struct bdfs_err ignored;

        /* what has its own name already stays, and others may write to it */
        if (t->file != NULL && t->temporary == NULL)
                BDFS_IGNORE(bdfs_close(TAKE_PTR(t->file), &ignored));
        bdfs_abandon(TAKE_PTR(t->file));
        if (t->fd >= 0)
                (void)close(t->fd);
        t->fd = -1;
        cli_sums_free(TAKE_PTR(t->sums));
        if (t->item->fs != NULL)
                remove_remote(t);
        else if (t->temporary != NULL)
                (void)unlink(t->temporary);
        forget(t);
}

/* ---- a copy ---------------------------------------------------------------------------------- */

enum bdfs_status cli_pump(const struct cli_copy *c, struct cli_source *s, struct cli_target *t,
                          struct bdfs_err *err)
{
        AUTO_FREE void *room = malloc(CLI_PUMP_BYTES);
        size_t n = 1;

        if (room == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        while (n > 0) {
                if (cli_source_read(s, room, CLI_PUMP_BYTES, &n, err) != BDFS_OK ||
                    cli_target_write(t, room, n, err) != BDFS_OK)
                        return err->status;
                if (c->progress != NULL)
                        cli_progress_add(c->progress, n, 0);
        }
        return BDFS_OK;
}

static enum bdfs_status copy_stream(const struct cli_copy *c, struct cli_source *s,
                                    const struct cli_item *to, struct bdfs_err *err)
{
        struct cli_target t;
        enum bdfs_status rc = cli_target_open(&t, c, to, err);

        if (rc == BDFS_OK) {
                rc = cli_pump(c, s, &t, err);
                if (rc != BDFS_OK)
                        cli_target_abandon(&t);
                else
                        rc = cli_target_close(&t, err);
        }
        if (to->fs != NULL && (rc == BDFS_NOT_FOUND || rc == BDFS_LEASE_EXPIRED))
                rc = bdfs_wrap(err, "`%s': replaced or removed while it was written", to->text);
        if (c->progress != NULL)
                cli_progress_add(c->progress, 0, 1);
        return rc;
}

/* Times, owner and mode belong to the file that is read, not to one that had its name before. */
static enum bdfs_status source_attributes(const struct cli_source *s, const struct cli_item *from,
                                          struct bdfs_stat *ret, struct bdfs_err *err)
{
        char path[64];

        *ret = from->st;
        ret->target = NULL;
        if (s->file == NULL || bdfs_inode(s->file) == 0 || bdfs_inode(s->file) == from->st.inode)
                return BDFS_OK;
        (void)snprintf(path, sizeof(path), "/.reserved/.inodes/%llu",
                       (unsigned long long)bdfs_inode(s->file));
        if (bdfs_lstat(from->fs, path, ret, err) == BDFS_OK)
                return BDFS_OK;
        return bdfs_wrap(err, "attributes of `%s', which was replaced", from->text);
}

enum bdfs_status cli_copy_file(const struct cli_copy *c, const struct cli_item *from,
                               const struct cli_item *to, struct bdfs_err *err)
{
        struct cli_item opened = *from; /* borrows */
        struct cli_source s;
        enum bdfs_status rc = BDFS_OK;

        if (cli_source_open(&s, from, err) != BDFS_OK)
                return err->status;
        if (c->preserve != 0)
                rc = source_attributes(&s, from, &opened.st, err);
        if (rc == BDFS_OK)
                rc = copy_stream(c, &s, to, err);
        cli_source_close(&s);
        return rc == BDFS_OK ? cli_copy_attributes(c, &opened, to, err) : rc;
}

enum bdfs_status cli_copy_stdin(const struct cli_copy *c, const struct cli_item *to,
                                struct bdfs_err *err)
{
        struct cli_source s = {.fd = STDIN_FILENO, .name = "standard input"};

        return copy_stream(c, &s, to, err);
}

/* ---- attributes ------------------------------------------------------------------------------ */

#define LOOKUP_BYTES 65536

/* -1: this machine does not know the name. */
static uid_t uid_of(const char *name)
{
        AUTO_FREE char *room = malloc(LOOKUP_BYTES);
        struct passwd pw, *found = NULL;

        if (room != NULL)
                (void)getpwnam_r(name, &pw, room, LOOKUP_BYTES, &found);
        return found == NULL ? (uid_t)-1 : pw.pw_uid;
}

static gid_t gid_of(const char *name)
{
        AUTO_FREE char *room = malloc(LOOKUP_BYTES);
        struct group gr, *found = NULL;

        if (room != NULL)
                (void)getgrnam_r(name, &gr, room, LOOKUP_BYTES, &found);
        return found == NULL ? (gid_t)-1 : gr.gr_gid;
}

static enum bdfs_status local_owner(const struct bdfs_stat *st, const struct cli_item *to,
                                    struct bdfs_err *err)
{
        uid_t uid = uid_of(st->owner);
        gid_t gid = gid_of(st->group);

        if (uid == (uid_t)-1 || gid == (gid_t)-1)
                return bdfs_fail(err, BDFS_NOT_FOUND,
                                 "changing ownership of `%s': this host knows no %s `%s'", to->text,
                                 uid == (uid_t)-1 ? "user" : "group",
                                 uid == (uid_t)-1 ? st->owner : st->group);
        return chown(to->path, uid, gid) == 0
                       ? BDFS_OK
                       : bdfs_fail_errno(err, errno, "changing ownership of `%s'", to->text);
}

static enum bdfs_status local_attributes(const struct cli_copy *c, const struct cli_item *from,
                                         const struct cli_item *to, struct bdfs_err *err)
{
        const struct bdfs_stat *st = &from->st;
        struct timespec times[2] = {{st->atime_ms / 1000, st->atime_ms % 1000 * 1000000},
                                    {st->mtime_ms / 1000, st->mtime_ms % 1000 * 1000000}};

        if ((c->preserve & PRESERVE_OWNER) != 0 && local_owner(st, to, err) != BDFS_OK)
                return err->status;
        if ((c->preserve & PRESERVE_MODE) != 0 && chmod(to->path, st->mode & 01777) != 0)
                return bdfs_fail_errno(err, errno, "changing permissions of `%s'", to->text);
        if ((c->preserve & PRESERVE_TIMES) != 0 && utimensat(AT_FDCWD, to->path, times, 0) != 0)
                return bdfs_fail_errno(err, errno, "changing times of `%s'", to->text);
        return BDFS_OK;
}

enum bdfs_status cli_copy_attributes(const struct cli_copy *c, const struct cli_item *from,
                                     const struct cli_item *to, struct bdfs_err *err)
{
        const struct bdfs_stat *st = &from->st;

        if (c->preserve == 0 || from->special)
                return BDFS_OK;
        if (to->fs == NULL)
                return local_attributes(c, from, to, err);
        if (((c->preserve & PRESERVE_TIMES) != 0 &&
             bdfs_utimes(to->fs, to->path, st->mtime_ms, st->atime_ms, err) != BDFS_OK) ||
            ((c->preserve & PRESERVE_OWNER) != 0 &&
             bdfs_chown(to->fs, to->path, st->owner, st->group, err) != BDFS_OK) ||
            ((c->preserve & PRESERVE_MODE) != 0 &&
             bdfs_chmod(to->fs, to->path, st->mode & 01777, err) != BDFS_OK))
                return err->status;
        return BDFS_OK;
}
