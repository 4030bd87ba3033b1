#include "cli/cli_trash.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/trash_name.h"

#define AVOID_MAX 16   /* files in the way of one move */
#define ATTEMPTS_MAX 3 /* somebody may make a checkpoint between our mkdir and our rename */
#define CURRENT "/" TRASH_CURRENT

static bool is_below(const char *path, const char *dir)
{
        size_t n = strlen(dir);

        return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static enum bdfs_status no_memory(struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
}

/* How long what is removed is kept; 0: there is no trash. The server's word comes first. */
static enum bdfs_status kept_ms(struct cli *cli, struct bdfs *fs, int64_t *ret,
                                struct bdfs_err *err)
{
        struct bdfs_defaults d;

        if (bdfs_defaults(fs, &d, err) != BDFS_OK)
                return bdfs_wrap(err, "Failed to get server trash configuration");
        *ret = d.trash_minutes != 0 ? (int64_t)d.trash_minutes * 60000 : cli->trash_ms;
        return BDFS_OK;
}

/* "/user/NAME/.Trash"; the caller frees it. */
static enum bdfs_status trash_root(const struct bdfs *fs, char **ret, struct bdfs_err *err)
{
        if (asprintf(ret, "/user/%s/.Trash", bdfs_user(fs)) >= 0)
                return BDFS_OK;
        *ret = NULL;
        return no_memory(err);
}

/* ---- moving ---------------------------------------------------------------------------------- */

struct move {
        const struct cli *cli;
        const struct cli_item *it;
        size_t current_n;  /* bytes of the trash's Current in @dir */
        char *dir, *name;  /* where it goes, and its name there */
};

static bool is_no_directory(const struct move *m, const char *path)
{
        struct bdfs_stat st;
        struct bdfs_err err;
        bool other;

        if (bdfs_lstat(m->it->fs, path, &st, &err) != BDFS_OK)
                return false;
        other = st.type != BDFS_TYPE_DIRECTORY;
        bdfs_stat_fini(&st);
        return other;
}

/* A file that was removed earlier has the name of a directory that is needed now: that directory
 * gets the time behind its name. */
static enum bdfs_status move_avoid(struct move *m, struct bdfs_err *err)
{
        for (size_t n = m->current_n + 1; n <= strlen(m->dir); n++) {
                AUTO_FREE char *above = NULL;
                char *other;

                if (m->dir[n] != '/' && m->dir[n] != '\0')
                        continue;
                above = strndup(m->dir, n);
                if (above == NULL)
                        return no_memory(err);
                if (!is_no_directory(m, above))
                        continue;
                if (asprintf(&other, "%s%lld%s", above, (long long)os_wall_ms(), m->dir + n) < 0)
                        return no_memory(err);
                free(m->dir);
                m->dir = other;
                return BDFS_OK;
        }
        return err->status; /* none: it is something else */
}

/* Homes are for others to pass, the trash is not: a first rm must not close /user to everybody. */
static void move_make_home(struct move *m)
{
        AUTO_FREE char *home = strndup(m->dir, m->current_n - strlen("/.Trash" CURRENT));
        struct bdfs_stat st;
        struct bdfs_err err;

        if (home == NULL)
                return;
        if (bdfs_stat(m->it->fs, home, &st, &err) == BDFS_OK)
                bdfs_stat_fini(&st);
        else if (err.status == BDFS_NOT_FOUND) /* else what follows says why not */
                BDFS_IGNORE(bdfs_mkdir(m->it->fs, home, 0777 & ~m->cli->umask, true, &err));
}

static enum bdfs_status move_make_place(struct move *m, struct bdfs_err *err)
{
        enum bdfs_status rc;

        move_make_home(m);
        rc = bdfs_mkdir(m->it->fs, m->dir, 0700, true, err);
        for (unsigned i = 0; i < AVOID_MAX; i++) {
                if (rc != BDFS_EXISTS && rc != BDFS_NOT_DIRECTORY)
                        return rc;
                if (move_avoid(m, err) != BDFS_OK)
                        return err->status;
                rc = bdfs_mkdir(m->it->fs, m->dir, 0700, true, err);
        }
        return rc;
}

/* *ret_to: where it is now; the caller frees it. */
static enum bdfs_status move_rename(const struct move *m, char **ret_to, struct bdfs_err *err)
{
        AUTO_FREE char *to = NULL;
        enum bdfs_status rc;

        if (asprintf(&to, "%s/%s", m->dir, m->name) < 0)
                return to = NULL, no_memory(err);
        rc = bdfs_rename_to_trash(m->it->fs, m->it->path, to, err);
        for (unsigned i = 0; i < AVOID_MAX && rc == BDFS_EXISTS; i++) {
                free(to);
                if (asprintf(&to, "%s/%s%lld", m->dir, m->name, (long long)os_wall_ms() + i) < 0)
                        return to = NULL, no_memory(err);
                rc = bdfs_rename_to_trash(m->it->fs, m->it->path, to, err);
        }
        if (rc == BDFS_OK)
                *ret_to = TAKE_PTR(to);
        return rc;
}

/* Most often the place is there already. One that vanishes between making it and moving there has
 * become a checkpoint. */
static enum bdfs_status move_item(struct move *m, char **ret_to, struct bdfs_err *err)
{
        enum bdfs_status rc = move_rename(m, ret_to, err);

        for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
                struct bdfs_stat st;

                if (rc != BDFS_NOT_FOUND && rc != BDFS_NOT_DIRECTORY)
                        return rc;
                if (bdfs_lstat(m->it->fs, m->it->path, &st, err) != BDFS_OK)
                        return err->status;
                bdfs_stat_fini(&st);
                rc = move_make_place(m, err);
                if (rc == BDFS_OK)
                        rc = move_rename(m, ret_to, err);
        }
        return rc;
}

/* Where @it goes: below Current, with its whole path. */
static enum bdfs_status move_plan(struct move *m, const char *root, const struct cli_item *it,
                                  struct bdfs_err *err)
{
        char *slash;

        m->it = it;
        m->current_n = strlen(root) + strlen(CURRENT);
        if (asprintf(&m->dir, "%s" CURRENT "%s", root, it->path) < 0) {
                m->dir = NULL;
                return no_memory(err);
        }
        slash = strrchr(m->dir, '/');
        m->name = strdup(slash + 1);
        *slash = '\0';
        return m->name == NULL ? no_memory(err) : BDFS_OK;
}

static void move_fini(struct move *m)
{
        free(m->dir);
        free(m->name);
}

/* FsShell's words for what went wrong. */
static enum bdfs_status move_failed(const struct move *m, struct bdfs_err *err)
{
        const char *uri = bdfs_uri(m->it->fs);
        struct bdfs_err why = *err;

        if (m->dir == NULL || m->name == NULL)
                return err->status;
        return bdfs_fail(err, why.status, "Failed to move %s%s to trash %s%s/%s: %.*s. Consider "
                         "using -skipTrash option", uri, m->it->path, uri, m->dir, m->name,
                         (int)strcspn(why.text, "\n"), why.text);
}

enum bdfs_status cli_trash(struct cli *cli, const struct cli_item *it, bool *ret_moved,
                           struct bdfs_err *err)
{
        AUTO_FREE char *root = NULL, *final = NULL;
        const char *uri = bdfs_uri(it->fs);
        struct move m = {.cli = cli};
        int64_t kept = 0;
        enum bdfs_status rc;

        *ret_moved = false;
        if (kept_ms(cli, it->fs, &kept, err) != BDFS_OK ||
            trash_root(it->fs, &root, err) != BDFS_OK)
                return err->status;
        if (kept == 0 || is_below(it->path, root))
                return BDFS_OK;
        if (strcmp(it->path, "/") == 0 || is_below(root, it->path))
                return bdfs_fail(err, BDFS_INVALID, "Cannot move \"%s%s\" to the trash, as it "
                                 "contains the trash. Consider using -skipTrash option", uri,
                                 it->path);
        rc = move_plan(&m, root, it, err);
        if (rc == BDFS_OK)
                rc = move_item(&m, &final, err);
        if (rc == BDFS_OK)
                cli_note(cli, "Moved: '%s%s' to trash at: %s%s", uri, it->path, uri, final);
        else
                rc = move_failed(&m, err);
        *ret_moved = rc == BDFS_OK;
        move_fini(&m);
        return rc;
}

/* ---- expunge --------------------------------------------------------------------------------- */

struct expunge {
        struct cli *cli;
        struct bdfs *fs;
        const char *root;
        int64_t now_ms, before_ms; /* checkpoints of before that go */
};

static enum bdfs_status expunge_one(struct expunge *x, const char *name, struct bdfs_err *err)
{
        AUTO_FREE char *path = NULL;
        int64_t then;

        if (strcmp(name, TRASH_CURRENT) == 0)
                return BDFS_OK;
        if (asprintf(&path, "%s/%s", x->root, name) < 0)
                return path = NULL, no_memory(err);
        if (!trash_name_time(name, strlen(name), x->now_ms, &then)) {
                cli_warn(x->cli, "Unexpected item in trash: %s stays", path);
                return BDFS_OK;
        }
        if (then >= x->before_ms)
                return BDFS_OK;
        if (bdfs_delete(x->fs, path, true, err) != BDFS_OK && err->status != BDFS_NOT_FOUND)
                return err->status;
        cli_note(x->cli, "Deleted trash checkpoint: %s", path);
        return BDFS_OK;
}

static enum bdfs_status expunge_old(struct expunge *x, struct bdfs_err *err)
{
        AUTO_FREE char *after = NULL;
        enum bdfs_status rc = BDFS_OK;
        bool more = true;

        while (more && rc == BDFS_OK) {
                struct bdfs_listing l;

                rc = bdfs_list(x->fs, x->root, after == NULL ? "" : after, &l, err);
                if (rc != BDFS_OK)
                        break;
                for (size_t i = 0; i < l.n && rc == BDFS_OK; i++)
                        rc = expunge_one(x, l.entries[i].name, err);
                more = l.remaining > 0 && l.n > 0;
                free(after);
                after = more ? strdup(l.entries[l.n - 1].name) : NULL;
                if (more && after == NULL && rc == BDFS_OK)
                        rc = no_memory(err);
                bdfs_listing_fini(&l);
        }
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc; /* there is no trash yet */
}

static enum bdfs_status expunge_checkpoint(struct expunge *x, struct bdfs_err *err)
{
        AUTO_FREE char *from = NULL, *to = NULL;
        char name[TRASH_NAME_BYTES];
        enum bdfs_status rc = BDFS_EXISTS;

        if (asprintf(&from, "%s" CURRENT, x->root) < 0)
                return from = NULL, no_memory(err);
        for (unsigned i = 0; i <= TRASH_SAME_SECOND_MAX && rc == BDFS_EXISTS; i++) {
                trash_name_make(x->now_ms, i, name);
                free(to);
                if (asprintf(&to, "%s/%s", x->root, name) < 0)
                        return to = NULL, no_memory(err);
                rc = bdfs_rename(x->fs, from, to, false, err);
        }
        if (rc == BDFS_OK)
                cli_note(x->cli, "Created trash checkpoint: %s", to);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc; /* there is nothing to gather */
}

enum bdfs_status cli_trash_expunge(struct cli *cli, struct bdfs *fs, bool now,
                                   struct bdfs_err *err)
{
        AUTO_FREE char *root = NULL;
        struct expunge x = {.cli = cli, .fs = fs, .now_ms = os_wall_ms()};
        int64_t kept = 0;
        enum bdfs_status rc = kept_ms(cli, fs, &kept, err);

        if (rc == BDFS_OK)
                rc = trash_root(fs, &root, err);
        if (rc != BDFS_OK)
                return rc;
        x.root = root;
        x.before_ms = now ? INT64_MAX : x.now_ms - kept;
        if (now)
                rc = expunge_checkpoint(&x, err);
        if (rc == BDFS_OK)
                rc = expunge_old(&x, err);
        if (rc == BDFS_OK && !now)
                rc = expunge_checkpoint(&x, err);
        return rc;
}
