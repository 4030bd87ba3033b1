#include "cli/cli_transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_interrupt.h"
#include "cli/cli_pool.h"
#include "common/cleanup.h"
#include "common/limits.h"

struct pair {
        struct cli_item from, to;
};

struct run {
        struct cli_transfer *t;
        struct cli_pool *pool;
        struct cli_progress progress;
        struct pair *directories; /* whose attributes are set when everything is in them */
        size_t n, room;
};

struct level { /* one directory that is being walked */
        struct run *run;
        const struct level *above;
        const struct cli_item *from, *to;
        bool fresh;               /* just made: nothing can be there */
        unsigned depth;
};

/* ---- the rules ------------------------------------------------------------------------------- */

enum bdfs_status cli_transfer_remote_dst(struct cli *cli, int *argc, char **argv,
                                         struct cli_item *ret, struct bdfs_err *err)
{
        const char *typed = *argc < 2 ? "." : argv[--*argc];
        struct cli_items found;
        enum bdfs_status rc = BDFS_OK;

        if (cli_expand(cli, typed, &found, err) != BDFS_OK)
                return err->status;
        if (found.n == 0)
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "`%s': No such file or directory", typed);
        else if (found.n > 1)
                rc = bdfs_fail(err, BDFS_USAGE, "`%s': Too many matches", typed);
        if (rc == BDFS_OK) {
                *ret = found.list[0];
                found.n = 0;
        }
        cli_items_fini(&found);
        return rc;
}

enum bdfs_status cli_transfer_check(const struct cli_item *dst, size_t n, bool overwrite,
                                    struct bdfs_err *err)
{
        bool parent;

        if (n > 1)
                return !dst->exists                   ? cli_item_fail(dst, BDFS_NOT_FOUND, err)
                       : !cli_item_is_directory(dst) ? cli_item_fail(dst, BDFS_NOT_DIRECTORY, err)
                                                     : BDFS_OK;
        if (dst->exists)
                return cli_item_is_directory(dst) || overwrite || dst->special
                               ? BDFS_OK
                               : cli_item_fail(dst, BDFS_EXISTS, err);
        if (cli_item_parent_exists(dst, &parent, err) != BDFS_OK)
                return err->status;
        return parent ? BDFS_OK : cli_item_fail_full(dst, err);
}

enum bdfs_status cli_transfer_target(const struct cli_item *dst, const struct cli_item *src,
                                     struct cli_item *ret, struct bdfs_err *err)
{
        AUTO_FREE char *name = NULL;

        if (!cli_item_is_directory(dst) && !cli_item_looks_like_directory(dst)) {
                if (cli_item_suffix(dst, "", ret, err) != BDFS_OK)
                        return err->status;
                ret->exists = dst->exists;
                ret->special = dst->special;
                ret->st = dst->st;
                ret->st.target = NULL;
                return BDFS_OK;
        }
        name = cli_item_name(src);
        if (name == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        return cli_item_child(dst, name, true, ret, err);
}

static void strip_last(char *path)
{
        char *slash = strrchr(path, '/');

        if (slash != NULL)
                slash[slash == path] = '\0';
        else
                (void)snprintf(path, 2, "."); /* no name is shorter */
}

/* By device and inode: a directory has many names. */
static enum bdfs_status check_local_nesting(const struct cli_item *src,
                                            const struct cli_item *target, struct bdfs_err *err)
{
        AUTO_FREE char *typed = strdup(target->path);
        AUTO_FREE char *real = NULL;
        bool itself = true;
        struct stat st;

        while (typed != NULL && (real = realpath(typed, NULL)) == NULL &&
               strcmp(typed, "/") != 0 && strcmp(typed, ".") != 0) {
                strip_last(typed); /* what is not there yet is in what is */
                itself = false;
        }
        while (real != NULL && stat(real, &st) == 0) {
                if (st.st_dev == src->device && st.st_ino == src->st.inode)
                        return bdfs_fail(err, BDFS_INVALID, "`%s' to `%s': %s", src->text,
                                         target->text, itself ? "are identical"
                                                              : "is a subdirectory of itself");
                if (strcmp(real, "/") == 0)
                        return BDFS_OK;
                strip_last(real);
                itself = false;
        }
        return BDFS_OK; /* it cannot be looked at: making it will say why */
}

enum bdfs_status cli_transfer_check_nesting(const struct cli_item *src,
                                            const struct cli_item *target, struct bdfs_err *err)
{
        size_t n = strlen(src->path);

        if (src->fs != target->fs || !cli_item_is_directory(src))
                return BDFS_OK;
        if (src->fs == NULL)
                return check_local_nesting(src, target, err);
        if (strcmp(src->path, target->path) == 0)
                return bdfs_fail(err, BDFS_INVALID, "`%s' to `%s%s': are identical", src->text,
                                 bdfs_uri(target->fs), target->path);
        if (strncmp(target->path, src->path, n) == 0 && (n == 1 || target->path[n] == '/'))
                return bdfs_fail(err, BDFS_INVALID, "`%s' to `%s': is a subdirectory of itself",
                                 src->text, target->text);
        return BDFS_OK;
}

/* ---- copying --------------------------------------------------------------------------------- */

static void pair_fini(struct pair *p)
{
        cli_item_fini(&p->from);
        cli_item_fini(&p->to);
}

static void fail(const struct cli_transfer *t, const struct bdfs_err *err)
{
        const char *hint = t->dst.fs == NULL ? cli_hint_local(err->status) : cli_hint(err->status);

        cli_error_hint(t->copy.cli, err,
                       err->status == BDFS_EXISTS ? "-f overwrites a file" : hint);
}

/* What was moved: a file, or a directory that is empty by now. */
static enum bdfs_status remove_source(const struct cli_item *it, struct bdfs_err *err)
{
        bool directory = it->st.type == BDFS_TYPE_DIRECTORY;

        if (it->fs != NULL)
                return bdfs_delete(it->fs, it->path, false, err) == BDFS_OK
                               ? BDFS_OK
                               : bdfs_wrap(err, "remove `%s'", it->text);
        if ((directory ? rmdir(it->path) : unlink(it->path)) != 0)
                return bdfs_fail_errno(err, errno, "remove `%s'", it->text);
        return BDFS_OK;
}

static void copy_one(void *context, void *job)
{
        struct run *r = context;
        struct pair *p = job;
        struct cli *cli = r->t->copy.cli;
        struct bdfs_err err;
        enum bdfs_status rc = cli_copy_file(&r->t->copy, &p->from, &p->to, &err);

        if (rc == BDFS_OK && r->t->move)
                rc = remove_source(&p->from, &err);
        if (rc == BDFS_OK)
                cli_done(cli);
        else
                fail(r->t, &err);
        pair_fini(p);
        free(p);
}

/* Takes both items over. */
static void queue_copy(struct run *r, struct cli_item *from, struct cli_item *to)
{
        struct pair *p = calloc(1, sizeof(*p));
        struct bdfs_err err;

        if (p == NULL) {
                (void)bdfs_fail(&err, BDFS_NO_MEMORY, "no memory");
                cli_error(r->t->copy.cli, &err);
                cli_item_fini(from);
                cli_item_fini(to);
                return;
        }
        p->from = *from;
        p->to = *to;
        *from = *to = (struct cli_item){0};
        cli_progress_expect(&r->progress, p->from.st.length, 1);
        cli_pool_add(r->pool, p);
}

/* ---- directories ----------------------------------------------------------------------------- */

static enum bdfs_status make_directory(struct run *r, struct cli_item *to, bool *ret_fresh,
                                       struct bdfs_err *err)
{
        uint32_t mode = 0777 & ~r->t->copy.cli->umask;
        enum bdfs_status rc;

        *ret_fresh = !to->exists;
        if (to->exists)
                return cli_item_is_directory(to) ? BDFS_OK
                                                 : cli_item_fail(to, BDFS_NOT_DIRECTORY, err);
        if (to->fs == NULL)
                rc = mkdir(to->path, 0777) == 0
                             ? BDFS_OK
                             : bdfs_fail_errno(err, errno, "mkdir `%s'", to->text);
        else
                rc = bdfs_mkdir(to->fs, to->path, mode, true, err);
        if (rc != BDFS_OK)
                return rc;
        to->exists = true;
        to->st = (struct bdfs_stat){.type = BDFS_TYPE_DIRECTORY};
        return BDFS_OK;
}

/* Remembers a directory for later; takes both items over. */
static void remember(struct run *r, struct cli_item *from, struct cli_item *to)
{
        bool wanted = r->t->copy.preserve != 0 || r->t->move;

        if (wanted && r->n == r->room) {
                size_t room = r->room == 0 ? 64 : 2 * r->room;
                struct pair *more = realloc(r->directories, room * sizeof(*more));

                wanted = more != NULL;
                if (wanted) {
                        r->directories = more;
                        r->room = room;
                }
        }
        if (wanted) {
                r->directories[r->n++] = (struct pair){*from, *to};
        } else {
                cli_item_fini(from);
                cli_item_fini(to);
        }
        *from = *to = (struct cli_item){0};
}

static void finish_directories(struct run *r)
{
        struct bdfs_err err;

        for (size_t i = 0; i < r->n; i++) { /* what is below comes before what is above */
                struct pair *p = &r->directories[i];
                enum bdfs_status rc = cli_copy_attributes(&r->t->copy, &p->from, &p->to, &err);

                if (rc == BDFS_OK && r->t->move)
                        rc = remove_source(&p->from, &err);
                if (rc != BDFS_OK)
                        fail(r->t, &err);
                pair_fini(p);
        }
        free(r->directories);
}

/* A local directory can hold a link to one above it. */
static bool is_loop(const struct level *l, const struct cli_item *from)
{
        for (; from->fs == NULL && l != NULL; l = l->above) {
                if (l->from != NULL && l->from->st.inode == from->st.inode &&
                    l->from->device == from->device)
                        return true;
        }
        return false;
}

static void transfer(struct run *r, const struct level *above, struct cli_item *from,
                     struct cli_item *to);

static enum bdfs_status transfer_child(void *arg, struct cli_item *child, struct bdfs_err *err)
{
        const struct level *l = arg;
        AUTO_FREE char *name = cli_item_name(child);
        struct cli_item from = *child, to;

        *child = (struct cli_item){0};
        if (name == NULL || cli_item_child(l->to, name, !l->fresh, &to, err) != BDFS_OK) {
                if (name == NULL)
                        (void)bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                cli_error(l->run->t->copy.cli, err);
                cli_item_fini(&from);
                return BDFS_OK;
        }
        transfer(l->run, l, &from, &to);
        return BDFS_OK;
}

static enum bdfs_status check_one(const struct run *r, const struct level *above,
                                  const struct cli_item *from, const struct cli_item *to,
                                  struct bdfs_err *err)
{
        bool directory = from->exists && from->st.type == BDFS_TYPE_DIRECTORY;

        if (!from->exists)
                return cli_item_fail(from, BDFS_NOT_FOUND, err);
        if (r->t->move && cli_item_is_directory(to))
                return cli_item_fail(to, BDFS_EXISTS, err);
        if (to->fs != NULL && (r->t->copy.preserve & PRESERVE_TIMES) != 0 &&
            (from->st.mtime_ms < 0 || from->st.atime_ms < 0))
                return bdfs_fail(err, BDFS_INVALID, "`%s': its times are from before 1970, which "
                                 "the cluster cannot keep; without -p it can be copied",
                                 from->text);
        if (from->st.type == BDFS_TYPE_SYMLINK)
                return bdfs_fail(err, BDFS_UNSUPPORTED, "`%s': Operation not supported on symlinks",
                                 from->text);
        if (from->special && above->depth > 0)
                return bdfs_fail(err, BDFS_UNSUPPORTED, "`%s': Is no regular file", from->text);
        if (directory && above->depth >= PATH_DEPTH_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "`%s': directories are nested too deeply",
                                 from->text);
        if (!directory && to->exists &&
            (cli_item_is_directory(to) || !(r->t->copy.overwrite || to->special)))
                return cli_item_fail(to, BDFS_EXISTS, err); /* here, so that errors keep order */
        if (directory && is_loop(above, from))
                return bdfs_fail(err, BDFS_SYMLINK, "`%s': leads back to a directory above it",
                                 from->text);
        return BDFS_OK;
}

/* Takes both items over. */
static void transfer(struct run *r, const struct level *above, struct cli_item *from,
                     struct cli_item *to)
{
        struct cli *cli = r->t->copy.cli;
        struct level here = {.run = r, .above = above, .from = from, .to = to,
                             .depth = above->depth + 1};
        struct bdfs_err err;

        if (check_one(r, above, from, to, &err) != BDFS_OK) {
                fail(r->t, &err);
        } else if (!cli_item_is_directory(from)) {
                queue_copy(r, from, to);
                return;
        } else if (make_directory(r, to, &here.fresh, &err) != BDFS_OK) {
                fail(r->t, &err);
        } else {
                cli_done(cli);
                if (cli_item_children(from, transfer_child, &here, &err) != BDFS_OK)
                        fail(r->t, &err);
                remember(r, from, to);
                return;
        }
        cli_item_fini(from);
        cli_item_fini(to);
}

static void transfer_operand(struct run *r, struct cli_item *src)
{
        const struct level top = {.run = r};
        struct cli_item from = *src, to = {0};
        struct bdfs_err err;

        *src = (struct cli_item){0};
        if (!from.exists)
                (void)cli_item_fail(&from, BDFS_NOT_FOUND, &err);
        if (!from.exists || cli_transfer_target(&r->t->dst, &from, &to, &err) != BDFS_OK ||
            cli_transfer_check_nesting(&from, &to, &err) != BDFS_OK) {
                fail(r->t, &err);
                cli_item_fini(&from);
                cli_item_fini(&to);
                return;
        }
        transfer(r, &top, &from, &to);
}

int cli_transfer_run(struct cli_transfer *t, struct cli_items *sources)
{
        struct run r = {.t = t};
        struct cli *cli = t->copy.cli;
        const char *advice;
        struct bdfs_err err;
        char room[400];

        cli_progress_begin(&r.progress, cli);
        t->copy.progress = &r.progress;
        if (sources->n == 0 ||
            (cli_transfer_check(&t->dst, sources->n, t->copy.overwrite, &err) == BDFS_OK &&
             cli_pool_new(&r.pool, t->threads, copy_one, &r, &err) == BDFS_OK)) {
                cli_interrupt_start();
                for (size_t i = 0; i < sources->n; i++)
                        transfer_operand(&r, &sources->list[i]);
                cli_pool_free(r.pool);
                finish_directories(&r);
        } else if ((advice = cli_item_hint(&t->dst, room)) != NULL) {
                cli_error_hint(cli, &err, advice);
        } else {
                fail(t, &err);
        }
        cli_progress_end(&r.progress);
        cli_item_fini(&t->dst);
        return cli_exit(cli);
}
