#include "client/cli_trash.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static bool is_below(const char *path, const char *dir)
{
        size_t n = strlen(dir);

        return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* Rename to @to, with the time behind it when something is there already. */
static enum bdfs_status move(const struct cli_item *it, const char *to, char **ret_to,
                             struct bdfs_err *err)
{
        AUTO_FREE char *other = NULL;
        enum bdfs_status rc = bdfs_rename(it->fs, it->path, to, false, err);

        if (rc == BDFS_EXISTS) {
                if (asprintf(&other, "%s%lld", to, (long long)os_wall_ms()) < 0) {
                        other = NULL;
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                }
                rc = bdfs_rename(it->fs, it->path, other, false, err);
        }
        if (rc == BDFS_OK)
                *ret_to = other != NULL ? TAKE_PTR(other) : strdup(to);
        return rc;
}

enum bdfs_status cli_trash(struct cli *cli, const struct cli_item *it, bool *ret_moved,
                           struct bdfs_err *err)
{
        AUTO_FREE char *root = NULL, *to = NULL, *dir = NULL, *final = NULL;
        struct bdfs_defaults d;

        *ret_moved = false;
        if (bdfs_defaults(it->fs, &d, err) != BDFS_OK)
                return err->status;
        if (d.trash_minutes == 0)
                return BDFS_OK;
        if (asprintf(&root, "/user/%s/.Trash", bdfs_user(it->fs)) < 0 ||
            asprintf(&to, "%s/Current%s", root, it->path) < 0)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (is_below(it->path, root))
                return BDFS_OK;
        if (strcmp(it->path, "/") == 0 || is_below(root, it->path))
                return bdfs_fail(err, BDFS_INVALID, "Cannot move \"%s\" to the trash, as it "
                                 "contains the trash. Consider using -skipTrash option", it->text);
        dir = strndup(to, (size_t)(strrchr(to, '/') - to));
        if (dir == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (bdfs_mkdir(it->fs, dir, 0700, true, err) != BDFS_OK ||
            move(it, to, &final, err) != BDFS_OK)
                return bdfs_wrap(err, "`%s': it cannot go to the trash (-skipTrash deletes it)",
                                 it->text);
        cli_warn(cli, "Moved: '%s' to trash at: %s", it->text, final == NULL ? to : final);
        *ret_moved = true;
        return BDFS_OK;
}
