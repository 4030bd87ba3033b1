/* Patterns in remote paths, by the rules of Hadoop's globStatus. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_glob.h"
#include "cli/cli_item.h"
#include "common/bytes.h"
#include "common/cleanup.h"

enum shape { SHAPE_URI, SHAPE_ABSOLUTE, SHAPE_RELATIVE }; /* how it was typed, so it is shown */

struct expansion {
        struct cli *cli;
        struct bdfs *fs;
        enum shape shape;
        char home[300];         /* what relative names are relative to */
        bool wild;
        struct cli_items *found;
};

/* ---- how a match is shown -------------------------------------------------------------------- */

/* "/user/me/a" seen from "/user/me" is "a", seen from "/user/you" it is "../me/a". */
static char *relative(const char *home, const char *path)
{
        size_t same = 0, at = 0;
        struct buf b;

        if (strcmp(home, path) == 0)
                return strdup(".");
        for (; home[at] != '\0' && home[at] == path[at]; at++) {
                if (home[at] == '/')
                        same = at;
        }
        if (home[at] == '\0' && path[at] == '/')
                same = at; /* home is a whole prefix */
        if (path[at] == '\0' && home[at] == '/')
                same = at;
        buf_init(&b, 0);
        for (const char *c = home + same; *c != '\0'; c++) {
                if (*c == '/')
                        buf_add(&b, b.n == 0 ? ".." : "/..", b.n == 0 ? 2 : 3);
        }
        path += same + (path[same] == '/');
        if (b.n > 0 && *path != '\0')
                buf_u8(&b, '/');
        buf_add(&b, path, strlen(path) + 1);
        return b.bad ? NULL : (char *)b.data;
}

static char *shown(const struct expansion *x, const char *path)
{
        char *text;

        switch (x->shape) {
        case SHAPE_ABSOLUTE:
                return strdup(path);
        case SHAPE_RELATIVE:
                return relative(x->home, path);
        case SHAPE_URI:
                return asprintf(&text, "%s%s", bdfs_uri(x->fs), path) < 0 ? NULL : text;
        }
        return NULL;
}

/* @st is taken over. */
static enum bdfs_status found(struct expansion *x, const char *path, struct bdfs_stat *st,
                              struct bdfs_err *err)
{
        struct cli_item it = {.fs = x->fs, .exists = true, .st = *st};

        it.text = shown(x, path);
        it.path = strdup(path);
        if (it.text == NULL || it.path == NULL) {
                cli_item_fini(&it);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        }
        return cli_items_add(x->found, &it, err);
}

/* ---- walking down ---------------------------------------------------------------------------- */

static enum bdfs_status walk(struct expansion *x, const char *dir, const char *rest,
                             struct bdfs_err *err);

static enum bdfs_status nothing_there(enum bdfs_status rc)
{
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

/* The path is whole: is there anything? */
static enum bdfs_status take_path(struct expansion *x, const char *path, struct bdfs_err *err)
{
        struct bdfs_stat st;
        enum bdfs_status rc = bdfs_stat(x->fs, path, &st, err);

        if (rc == BDFS_SYMLINK) /* links in a circle: each is still a name */
                rc = bdfs_lstat(x->fs, path, &st, err);
        return rc == BDFS_OK ? found(x, path, &st, err) : nothing_there(rc);
}

static char *below(const char *dir, const char *name)
{
        char *path;

        return asprintf(&path, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name) < 0 ? NULL : path;
}

static enum bdfs_status take_entry(struct expansion *x, const char *dir, struct bdfs_dirent *e,
                                   const char *rest, struct bdfs_err *err)
{
        AUTO_FREE char *path = below(dir, e->name);
        struct bdfs_stat st = e->st;

        if (path == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (*rest != '\0')
                return st.type == BDFS_TYPE_DIRECTORY ? walk(x, path, rest, err) : BDFS_OK;
        e->st.target = NULL; /* goes with @st */
        return found(x, path, &st, err);
}

static enum bdfs_status match_entries(struct expansion *x, const char *dir, const struct glob *g,
                                      const char *rest, struct bdfs_err *err)
{
        AUTO_FREE char *after = strdup("");
        enum bdfs_status rc = BDFS_OK;
        bool more = true;

        while (rc == BDFS_OK && more) {
                struct bdfs_listing l;

                if (after == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                rc = bdfs_list(x->fs, dir, after, &l, err);
                if (rc != BDFS_OK)
                        return nothing_there(rc);
                more = l.remaining > 0 && l.n > 0;
                free(after);
                after = strdup(l.n > 0 ? l.entries[l.n - 1].name : "");
                for (size_t i = 0; rc == BDFS_OK && i < l.n; i++) {
                        /* a file lists itself, without a name */
                        if (l.entries[i].name[0] != '\0' && glob_match(g, l.entries[i].name))
                                rc = take_entry(x, dir, &l.entries[i], rest, err);
                }
                bdfs_listing_fini(&l);
        }
        return rc;
}

/* @rest: "/component/component..." */
static enum bdfs_status walk(struct expansion *x, const char *dir, const char *rest,
                             struct bdfs_err *err)
{
        AUTO_FREE char *name = NULL, *path = NULL;
        enum bdfs_status rc;
        struct glob g;
        size_t n;

        rest += strspn(rest, "/");
        if (*rest == '\0')
                return take_path(x, dir, err);
        n = strcspn(rest, "/");
        name = strndup(rest, n);
        if (name == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        rest += n;
        if (glob_compile(name, &g, err) != BDFS_OK)
                return err->status;
        if (g.wild) {
                x->wild = true;
                rc = match_entries(x, dir, &g, rest, err);
        } else {
                glob_unescape(name, name);
                path = below(dir, name);
                rc = path == NULL ? bdfs_fail(err, BDFS_NO_MEMORY, "no memory")
                                  : walk(x, path, rest, err);
        }
        glob_fini(&g);
        return rc;
}

/* ---- operands -------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
        return strcmp(((const struct cli_item *)a)->path, ((const struct cli_item *)b)->path);
}

/* No pattern and nothing there: the operand as it was typed, its escapes taken away. */
static enum bdfs_status take_missing(struct expansion *x, const char *typed, const char *path,
                                     struct bdfs_err *err)
{
        struct cli_item it = {.fs = x->fs, .text = strdup(typed), .path = strdup(path)};

        if (it.text == NULL || it.path == NULL) {
                cli_item_fini(&it);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        }
        glob_unescape(it.text, it.text);
        glob_unescape(it.path, it.path);
        return cli_items_add(x->found, &it, err);
}

static enum bdfs_status start(struct expansion *x, const char *typed, struct bdfs_err *err)
{
        AUTO_FREE char *uri = NULL, *path = NULL;

        if (bdfs_path_resolve(typed, "", &uri, &path, err) != BDFS_OK ||
            cli_connect_uri(x->cli, uri, &x->fs, err) != BDFS_OK)
                return err->status;
        (void)snprintf(x->home, sizeof(x->home), "/user/%s", bdfs_user(x->fs));
        x->shape = strstr(typed, "://") != NULL ? SHAPE_URI
                   : typed[0] == '/'            ? SHAPE_ABSOLUTE
                                                : SHAPE_RELATIVE;
        return BDFS_OK;
}

static enum bdfs_status expand(struct expansion *x, const char *typed, struct bdfs_err *err)
{
        struct glob_list flat;
        enum bdfs_status rc;

        if (glob_flatten(typed, &flat, err) != BDFS_OK)
                return err->status;
        rc = start(x, flat.text[0], err);
        for (size_t i = 0; rc == BDFS_OK && i < flat.n; i++) {
                AUTO_FREE char *uri = NULL, *path = NULL;

                rc = bdfs_path_resolve(flat.text[i], bdfs_user(x->fs), &uri, &path, err);
                if (rc == BDFS_OK)
                        rc = walk(x, "/", path, err);
                if (rc == BDFS_OK && !x->wild && flat.n == 1 && x->found->n == 0)
                        rc = take_missing(x, typed, path, err);
        }
        glob_list_free(&flat);
        return rc;
}

/* ---- local ----------------------------------------------------------------------------------- */

/* What stands behind file: of a local name, or NULL. */
static const char *local_part(const char *typed)
{
        if (strncmp(typed, "file:", 5) != 0)
                return NULL;
        typed += strncmp(typed, "file://", 7) == 0 ? 7 : 5;
        return typed[0] == '/' ? typed : NULL;
}

static enum bdfs_status add_local(struct cli_items *list, const char *path, struct bdfs_err *err)
{
        AUTO_FREE char *text = NULL;
        struct cli_item it;

        if (asprintf(&text, "file://%s", path) < 0)
                return text = NULL, bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (cli_item_local(text, &it, err) != BDFS_OK)
                return err->status;
        return cli_items_add(list, &it, err);
}

static enum bdfs_status expand_local(const char *pattern, struct cli_items *ret,
                                     struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;
        glob_t found;
        int got = glob(pattern, GLOB_BRACE, NULL, &found);

        if (got == GLOB_NOMATCH)
                return strpbrk(pattern, "*?[{\\") == NULL ? add_local(ret, pattern, err) : BDFS_OK;
        if (got != 0)
                return bdfs_fail(err, got == GLOB_NOSPACE ? BDFS_NO_MEMORY : BDFS_IO,
                                 "`file://%s': it cannot be read", pattern);
        for (size_t i = 0; i < found.gl_pathc && rc == BDFS_OK; i++)
                rc = add_local(ret, found.gl_pathv[i], err);
        globfree(&found);
        return rc;
}

enum bdfs_status cli_expand(struct cli *cli, const char *typed, struct cli_items *ret,
                            struct bdfs_err *err)
{
        const char *local = cli->takes_local ? local_part(typed) : NULL;
        struct cli_items list = {0};
        struct expansion x = {.cli = cli, .found = &list};

        if ((local != NULL ? expand_local(local, &list, err) : expand(&x, typed, err)) != BDFS_OK) {
                cli_items_fini(&list);
                return err->status;
        }
        if (list.n > 1)
                qsort(list.list, list.n, sizeof(*list.list), by_path);
        *ret = list;
        return BDFS_OK;
}

void cli_expand_all(struct cli *cli, int n, char **typed, struct cli_items *ret)
{
        struct bdfs_err err;

        *ret = (struct cli_items){0};
        for (int i = 0; i < n; i++) {
                struct cli_items some;

                if (cli_expand(cli, typed[i], &some, &err) != BDFS_OK) {
                        cli_error(cli, &err);
                        continue;
                }
                if (some.n == 0) {
                        (void)bdfs_fail(&err, BDFS_NOT_FOUND, "`%s': No such file or directory",
                                        typed[i]);
                        cli_error(cli, &err);
                }
                for (size_t k = 0; k < some.n; k++) {
                        if (cli_items_add(ret, &some.list[k], &err) != BDFS_OK)
                                cli_error(cli, &err);
                }
                free(some.list);
        }
}
