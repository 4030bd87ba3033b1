#include "cli/cli_item.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

void cli_item_fini(struct cli_item *it)
{
        free(it->text);
        free(it->path);
        if (it->exists)
                bdfs_stat_fini(&it->st);
        *it = (struct cli_item){0};
}

/* ---- errors ---------------------------------------------------------------------------------- */

static const char *words(enum bdfs_status status)
{
        switch ((int)status) {
        case BDFS_NOT_FOUND: return "No such file or directory";
        case BDFS_EXISTS: return "File exists";
        case BDFS_IS_DIRECTORY: return "Is a directory";
        case BDFS_NOT_DIRECTORY: return "Is not a directory";
        case BDFS_NOT_EMPTY: return "Directory is not empty";
        default: return bdfs_status_text(status);
        }
}

enum bdfs_status cli_item_fail(const struct cli_item *it, enum bdfs_status status,
                               struct bdfs_err *err)
{
        return bdfs_fail(err, status, "`%s': %s", it->text, words(status));
}

enum bdfs_status cli_item_fail_full(const struct cli_item *it, struct bdfs_err *err)
{
        AUTO_FREE char *here = it->fs == NULL && it->path[0] != '/' ? getcwd(NULL, 0) : NULL;
        char full[BDFS_ERR_TEXT_BYTES];

        (void)snprintf(full, sizeof(full), "%s%s%s%s",
                       it->fs == NULL ? "file://" : bdfs_uri(it->fs), here == NULL ? "" : here,
                       here == NULL ? "" : "/", it->path);
        if (strcmp(full, it->text) == 0)
                return cli_item_fail(it, BDFS_NOT_FOUND, err);
        return bdfs_fail(err, BDFS_NOT_FOUND, "`%s': %s: `%s'", it->text, words(BDFS_NOT_FOUND),
                         full);
}

const char *cli_item_hint(const struct cli_item *it, char room[400])
{
        if (it->fs == NULL || it->exists || strcmp(it->text, ".") != 0)
                return NULL;
        (void)snprintf(room, 400, "relative paths begin in your home directory, which is missing: "
                       "bdfs mkdir -p %s", it->path);
        return room;
}

enum bdfs_status cli_item_reword(const struct cli_item *it, struct bdfs_err *err)
{
        if (err->status == BDFS_NOT_FOUND)
                return cli_item_fail(it, BDFS_NOT_FOUND, err);
        return err->status;
}

/* ---- what is there --------------------------------------------------------------------------- */

static void copy_name(char to[256], const char *name, unsigned id)
{
        if (name != NULL)
                (void)snprintf(to, 256, "%s", name);
        else
                (void)snprintf(to, 256, "%u", id);
}

static void take_local(const struct stat *from, struct cli_item *it)
{
        const struct passwd *pw = getpwuid(from->st_uid);
        const struct group *gr = getgrgid(from->st_gid);

        it->exists = true;
        it->device = from->st_dev;
        it->special = !S_ISREG(from->st_mode) && !S_ISDIR(from->st_mode);
        it->st = (struct bdfs_stat){
                .type = S_ISDIR(from->st_mode) ? BDFS_TYPE_DIRECTORY : BDFS_TYPE_FILE,
                .inode = from->st_ino,
                .length = S_ISREG(from->st_mode) ? (uint64_t)from->st_size : 0,
                .mode = from->st_mode & 07777,
                .children = -1,
                .mtime_ms = from->st_mtim.tv_sec * 1000 + from->st_mtim.tv_nsec / 1000000,
                .atime_ms = from->st_atim.tv_sec * 1000 + from->st_atim.tv_nsec / 1000000,
        };
        copy_name(it->st.owner, pw == NULL ? NULL : pw->pw_name, from->st_uid);
        copy_name(it->st.group, gr == NULL ? NULL : gr->gr_name, from->st_gid);
}

static enum bdfs_status look_local(struct cli_item *it, struct bdfs_err *err)
{
        struct stat st;

        if (stat(it->path, &st) == 0) {
                take_local(&st, it);
                return BDFS_OK;
        }
        if (errno == ENOENT || errno == ENOTDIR)
                return BDFS_OK;
        return bdfs_fail_errno(err, errno, "`%s'", it->text);
}

enum bdfs_status cli_item_refresh(struct cli_item *it, struct bdfs_err *err)
{
        enum bdfs_status rc;

        if (it->exists)
                bdfs_stat_fini(&it->st);
        it->exists = false;
        if (it->fs == NULL)
                return look_local(it, err);
        rc = bdfs_stat(it->fs, it->path, &it->st, err);
        if (rc == BDFS_SYMLINK) /* links in a circle: each is still a name */
                rc = bdfs_lstat(it->fs, it->path, &it->st, err);
        it->exists = rc == BDFS_OK;
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

/* ---- making items ---------------------------------------------------------------------------- */

static enum bdfs_status finish(struct cli_item *it, bool look, struct cli_item *ret,
                               struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (it->text == NULL || it->path == NULL)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        else if (look)
                rc = cli_item_refresh(it, err);
        if (rc == BDFS_OK)
                *ret = *it;
        else
                cli_item_fini(it);
        return rc;
}

enum bdfs_status cli_item_remote(struct cli *cli, const char *typed, struct cli_item *ret,
                                 struct bdfs_err *err)
{
        struct cli_item it = {0};
        AUTO_FREE char *uri = NULL, *path = NULL, *again = NULL;

        /* twice: who the user is, which a relative path needs, is known after connecting */
        if (bdfs_path_resolve(typed, "", &uri, &path, err) != BDFS_OK ||
            cli_connect_uri(cli, uri, &it.fs, err) != BDFS_OK ||
            bdfs_path_resolve(typed, bdfs_user(it.fs), &again, &it.path, err) != BDFS_OK)
                return err->status;
        it.text = strdup(typed);
        return finish(&it, true, ret, err);
}

enum bdfs_status cli_item_local(const char *typed, struct cli_item *ret, struct bdfs_err *err)
{
        const char *path = strncmp(typed, "file://", 7) == 0 ? typed + 7 : typed;
        struct cli_item it = {.text = strdup(typed), .path = strdup(path)};

        if (path[0] == '\0') {
                cli_item_fini(&it);
                return bdfs_fail(err, BDFS_USAGE, "a path may not be empty");
        }
        return finish(&it, true, ret, err);
}

enum bdfs_status cli_item_suffix(const struct cli_item *it, const char *suffix,
                                 struct cli_item *ret, struct bdfs_err *err)
{
        struct cli_item to = {.fs = it->fs};

        if (asprintf(&to.text, "%s%s", it->text, suffix) < 0)
                to.text = NULL;
        if (asprintf(&to.path, "%s%s", it->path, suffix) < 0)
                to.path = NULL;
        return finish(&to, false, ret, err);
}

static const char *separator(const char *dir)
{
        size_t n = strlen(dir);

        return n > 0 && dir[n - 1] == '/' ? "" : "/";
}

enum bdfs_status cli_item_child(const struct cli_item *dir, const char *name, bool look,
                                struct cli_item *ret, struct bdfs_err *err)
{
        struct cli_item it = {.fs = dir->fs};

        if (strcmp(dir->text, ".") == 0)
                it.text = strdup(name);
        else if (asprintf(&it.text, "%s%s%s", dir->text, separator(dir->text), name) < 0)
                it.text = NULL;
        if (asprintf(&it.path, "%s%s%s", dir->path, separator(dir->path), name) < 0)
                it.path = NULL;
        return finish(&it, look, ret, err);
}

/* ---- names ----------------------------------------------------------------------------------- */

bool cli_item_is_directory(const struct cli_item *it)
{
        return it->exists && it->st.type == BDFS_TYPE_DIRECTORY;
}

bool cli_item_looks_like_directory(const struct cli_item *it)
{
        const char *slash = strrchr(it->text, '/'), *name = slash == NULL ? it->text : slash + 1;

        return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

char *cli_item_name(const struct cli_item *it)
{
        AUTO_FREE char *real = NULL;
        const char *path = it->path, *end, *from;

        if (it->fs == NULL && cli_item_looks_like_directory(it)) {
                real = realpath(path, NULL); /* of "." and ".." the directory's own name */
                path = real == NULL ? path : real;
        }
        end = path + strlen(path);
        while (end > path && end[-1] == '/')
                end--;
        from = end;
        while (from > path && from[-1] != '/')
                from--;
        return strndup(from, (size_t)(end - from));
}

enum bdfs_status cli_item_parent_exists(const struct cli_item *it, bool *ret, struct bdfs_err *err)
{
        AUTO_FREE char *path = strdup(it->path);
        struct cli_item parent = {.fs = it->fs, .text = it->text, .path = path};
        char *slash;

        if (path == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        slash = strrchr(path, '/');
        if (cli_item_looks_like_directory(it))
                slash = NULL; /* "x/" is to be there itself */
        else if (slash == NULL)
                parent.path = (char *)(uintptr_t)".";
        if (slash != NULL)
                slash[slash == path] = '\0';
        if (cli_item_refresh(&parent, err) != BDFS_OK)
                return err->status;
        *ret = parent.exists;
        if (parent.exists)
                bdfs_stat_fini(&parent.st);
        return BDFS_OK;
}

/* ---- directories ----------------------------------------------------------------------------- */

static enum bdfs_status remote_children(const struct cli_item *dir, cli_item_each *each, void *arg,
                                        struct bdfs_err *err)
{
        AUTO_FREE char *after = strdup("");
        enum bdfs_status rc = BDFS_OK;
        bool more = true;

        while (rc == BDFS_OK && more && after != NULL) {
                struct bdfs_listing l;

                if (bdfs_list(dir->fs, dir->path, after, &l, err) != BDFS_OK)
                        return cli_item_reword(dir, err);
                more = l.remaining > 0 && l.n > 0;
                if (more) {
                        free(after);
                        after = strdup(l.entries[l.n - 1].name);
                }
                for (size_t i = 0; rc == BDFS_OK && i < l.n; i++) {
                        struct cli_item child;

                        rc = cli_item_child(dir, l.entries[i].name, false, &child, err);
                        if (rc != BDFS_OK)
                                break;
                        child.st = l.entries[i].st;
                        child.exists = true;
                        l.entries[i].st.target = NULL; /* the child's now */
                        rc = each(arg, &child, err);
                        cli_item_fini(&child);
                }
                bdfs_listing_fini(&l);
        }
        return after == NULL ? bdfs_fail(err, BDFS_NO_MEMORY, "no memory") : rc;
}

static enum bdfs_status local_children(const struct cli_item *dir, cli_item_each *each, void *arg,
                                       struct bdfs_err *err)
{
        struct dirent **names;
        int n = scandir(dir->path, &names, NULL, alphasort);
        enum bdfs_status rc = BDFS_OK;

        if (n < 0)
                return bdfs_fail_errno(err, errno, "`%s'", dir->text);
        for (int i = 0; i < n; i++) {
                const char *name = names[i]->d_name;
                struct cli_item child;

                if (rc == BDFS_OK && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
                        rc = cli_item_child(dir, name, true, &child, err);
                        if (rc == BDFS_OK) {
                                rc = each(arg, &child, err);
                                cli_item_fini(&child);
                        }
                }
                free(names[i]);
        }
        free(names);
        return rc;
}

enum bdfs_status cli_item_children(const struct cli_item *dir, cli_item_each *each, void *arg,
                                   struct bdfs_err *err)
{
        return dir->fs == NULL ? local_children(dir, each, arg, err)
                               : remote_children(dir, each, arg, err);
}

/* ---- lists ----------------------------------------------------------------------------------- */

void cli_items_fini(struct cli_items *l)
{
        for (size_t i = 0; i < l->n; i++)
                cli_item_fini(&l->list[i]);
        free(l->list);
        *l = (struct cli_items){0};
}

enum bdfs_status cli_items_add(struct cli_items *l, struct cli_item *it, struct bdfs_err *err)
{
        if (l->n == l->room) {
                size_t room = l->room == 0 ? 16 : 2 * l->room;
                struct cli_item *more = realloc(l->list, room * sizeof(*more));

                if (more == NULL) {
                        cli_item_fini(it);
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a list of names");
                }
                l->list = more;
                l->room = room;
        }
        l->list[l->n++] = *it;
        return BDFS_OK;
}
