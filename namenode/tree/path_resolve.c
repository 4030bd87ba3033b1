#include "namenode/tree/path.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Path names inside a transaction: from names to inodes and back. */

#define CLIMB_MAX (2 * 4 * PATH_BYTES_MAX) /* no tree that can be made is deeper */

void resolved_fini(struct resolved *r)
{
        if (r->steps != r->inline_steps)
                free(r->steps);
        r->steps = NULL;
        buf_fini(&r->text);
}

static void resolved_init(struct resolved *r)
{
        r->steps = r->inline_steps;
        r->steps_room = RESOLVED_STEPS_INLINE;
        r->found = 0;
        r->depth = 0;
        r->raw = false;
        r->policy = 0;
        buf_init(&r->text, 0);
}

static enum bdfs_status push_step(struct resolved *r, const struct inode *row, size_t end,
                                  struct bdfs_err *err)
{
        struct resolved_step *s;

        if (r->found == r->steps_room) {
                size_t bytes = r->steps_room * sizeof(*s);
                struct resolved_step *more = malloc(2 * bytes);

                if (more == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "path of %zu names", r->found);
                memcpy(more, r->steps, bytes);
                if (r->steps != r->inline_steps)
                        free(r->steps);
                r->steps = more;
                r->steps_room *= 2;
        }
        s = &r->steps[r->found++];
        s->id = row->id;
        s->object = (struct perm_object){.owner = row->owner,
                                         .group = row->group,
                                         .mode = row->mode,
                                         .directory = row->type == INODE_DIRECTORY};
        s->type = row->type;
        s->end = (uint32_t)end;
        if (row->policy != 0)
                r->policy = row->policy;
        return BDFS_OK;
}

struct path resolved_path(const struct resolved *r, size_t i)
{
        size_t end;

        if (i == 0)
                return (struct path){.text = "/", .n = 1};
        BDFS_ASSERT(i < r->depth);
        if (i < r->found) {
                end = r->steps[i].end;
        } else {
                const char *name;
                size_t n, at = r->steps[r->found - 1].end;

                for (size_t k = r->found; k <= i; k++)
                        (void)path_next(&r->path, &at, &name, &n);
                end = at;
        }
        return (struct path){.text = r->path.text, .n = end};
}

/* ---- down ----------------------------------------------------------------------------------- */

/* From the last step, along the names of the path from byte @at on. */
static enum bdfs_status walk_down(struct store_txn *t, struct resolved *r, size_t at,
                                  struct bdfs_err *err)
{
        struct entry entry;
        const char *name;
        size_t n;
        enum bdfs_status rc;

        while (path_next(&r->path, &at, &name, &n)) {
                r->depth++;
                r->name = name;
                r->name_n = n;
                if (r->found < r->depth - 1 || r->last.type != INODE_DIRECTORY)
                        continue;
                rc = table_get_entry(t, r->last.id, name, n, &entry, NULL);
                if (rc == BDFS_NOT_FOUND)
                        continue;
                if (rc != BDFS_OK)
                        return bdfs_fail(err, rc, "read the names of inode %" PRIu64, r->last.id);
                r->parent = r->last;
                rc = table_get_inode(t, entry.inode, &r->last, err);
                if (rc != BDFS_OK)
                        return rc == BDFS_NOT_FOUND
                                       ? bdfs_fail(err, BDFS_CORRUPT, "inode %" PRIu64
                                                   " has a name but no row", entry.inode)
                                       : rc;
                rc = push_step(r, &r->last, at, err);
                if (rc != BDFS_OK)
                        return rc;
        }
        if (r->depth > 1 && r->found == r->depth - 1)
                r->parent = r->last;
        return BDFS_OK;
}

static enum bdfs_status begin_at_root(struct store_txn *t, struct resolved *r,
                                      struct bdfs_err *err)
{
        enum bdfs_status rc = table_get_inode(t, INODE_ROOT, &r->last, err);

        if (rc != BDFS_OK)
                return rc;
        r->depth = 1;
        r->name = "";
        r->name_n = 0;
        return push_step(r, &r->last, 0, err);
}

/* ---- up ------------------------------------------------------------------------------------- */

static enum bdfs_status deleted(uint64_t inode, struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_NOT_FOUND, "inode %" PRIu64 " does not exist", inode);
}

/* Rows from @inode up to the root as steps, deepest first; their names behind each other in
 * @names, each step's end telling where its name ends. */
static enum bdfs_status climb(struct store_txn *t, uint64_t inode, struct resolved *r,
                              struct buf *names, struct bdfs_err *err)
{
        struct inode row;
        enum bdfs_status rc;

        for (uint64_t at = inode;; at = row.parent) {
                rc = table_get_inode(t, at, &row, err);
                if (rc == BDFS_NOT_FOUND || (rc == BDFS_OK && (row.flags & INODE_DETACHED)))
                        return deleted(inode, err);
                if (rc != BDFS_OK)
                        return rc;
                if (r->found == 0)
                        r->last = row;
                else if (r->found == 1)
                        r->parent = row;
                buf_add(names, row.name, row.name_n);
                rc = push_step(r, &row, names->n, err);
                if (rc != BDFS_OK)
                        return rc;
                if (at == INODE_ROOT)
                        return BDFS_OK;
                if (r->found > CLIMB_MAX)
                        return bdfs_fail(err, BDFS_CORRUPT, "inode %" PRIu64 " is in a cycle",
                                         inode);
        }
}

/* Turn the steps round and write the path's text. */
static enum bdfs_status unclimb(struct resolved *r, const struct buf *names, struct bdfs_err *err)
{
        size_t n = r->found;
        struct resolved_step swap;

        for (size_t i = n; i-- > 0;) {
                size_t from = i == 0 ? 0 : r->steps[i - 1].end;

                if (i == n - 1)
                        continue; /* the root has no name */
                buf_u8(&r->text, '/');
                buf_add(&r->text, names->data + from, r->steps[i].end - from);
        }
        if (r->text.bad)
                return bdfs_fail(err, BDFS_NO_MEMORY, "path of an inode");
        for (size_t i = 0; i < n / 2; i++) {
                swap = r->steps[i];
                r->steps[i] = r->steps[n - 1 - i];
                r->steps[n - 1 - i] = swap;
        }
        return BDFS_OK;
}

static void set_ends(struct resolved *r)
{
        struct path p = {.text = (const char *)r->text.data, .n = r->text.n};
        const char *name = "";
        size_t at = 0, n = 0;

        r->steps[0].end = 0;
        for (size_t i = 1; i < r->found; i++) {
                (void)path_next(&p, &at, &name, &n);
                r->steps[i].end = (uint32_t)at;
        }
        r->name = name;
        r->name_n = n;
}

static void set_path(struct resolved *r)
{
        r->path = r->text.n == 0
                          ? (struct path){.text = "/", .n = 1}
                          : (struct path){.text = (const char *)r->text.data, .n = r->text.n};
}

static enum bdfs_status resolve_up(struct store_txn *t, uint64_t inode, struct resolved *r,
                                   struct bdfs_err *err)
{
        struct buf names;
        enum bdfs_status rc;

        buf_init(&names, 0);
        rc = climb(t, inode, r, &names, err);
        if (rc == BDFS_OK && names.bad)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "path of an inode");
        if (rc == BDFS_OK)
                rc = unclimb(r, &names, err);
        buf_fini(&names);
        if (rc != BDFS_OK)
                return rc;
        r->depth = r->found;
        set_path(r);
        set_ends(r);
        return BDFS_OK;
}

enum bdfs_status path_resolve_inode(struct store_txn *t, uint64_t inode, struct resolved *ret,
                                    struct bdfs_err *err)
{
        resolved_init(ret);
        return resolve_up(t, inode, ret, err);
}

enum bdfs_status path_of_inode(struct store_txn *t, uint64_t inode, struct buf *to,
                               struct bdfs_err *err)
{
        AUTO_RESOLVED struct resolved r = {0};
        enum bdfs_status rc = path_resolve_inode(t, inode, &r, err);

        if (rc != BDFS_OK)
                return rc;
        buf_add(to, r.path.text, r.path.n);
        return to->bad ? bdfs_fail(err, BDFS_NO_MEMORY, "path of an inode") : BDFS_OK;
}

enum bdfs_status path_is_attached(struct store_txn *t, const struct inode *inode,
                                  struct bdfs_err *err)
{
        struct inode row;
        const struct inode *at = inode;
        enum bdfs_status rc;

        for (unsigned i = 0; at->id != INODE_ROOT; i++) {
                if ((at->flags & INODE_DETACHED) || i > CLIMB_MAX)
                        return deleted(inode->id, err);
                rc = table_get_inode(t, at->parent, &row, NULL);
                if (rc == BDFS_NOT_FOUND)
                        return deleted(inode->id, err);
                if (rc != BDFS_OK)
                        return bdfs_fail(err, rc, "read inode %" PRIu64, at->parent);
                at = &row;
        }
        return BDFS_OK;
}

/* ---- /.reserved ----------------------------------------------------------------------------- */

static bool is(const char *name, size_t n, const char *text)
{
        return n == strlen(text) && memcmp(name, text, n) == 0;
}

static bool parse_id(const char *name, size_t n, uint64_t *ret)
{
        uint64_t v = 0;

        if (n == 0 || n > 19)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (name[i] < '0' || name[i] > '9')
                        return false;
                v = v * 10 + (uint64_t)(name[i] - '0');
        }
        *ret = v;
        return true;
}

/* /.reserved/.inodes/ID and what follows from byte @at on. */
static enum bdfs_status resolve_by_id(struct store_txn *t, const struct path *p, size_t at,
                                      uint64_t id, struct resolved *r, struct bdfs_err *err)
{
        size_t rest = at, n, down;
        const char *name;
        enum bdfs_status rc = resolve_up(t, id, r, err);

        if (rc == BDFS_NOT_FOUND)
                return bdfs_fail(err, rc, "File for given inode path does not exist: %.*s",
                                 (int)p->n, p->text);
        if (rc != BDFS_OK || !path_next(p, &at, &name, &n))
                return rc;
        if (is(name, n, "..")) {
                uint64_t parent = r->last.parent;

                resolved_fini(r);
                resolved_init(r);
                return resolve_up(t, parent, r, err);
        }
        down = r->text.n;
        buf_add(&r->text, p->text + rest, p->n - rest);
        if (r->text.bad)
                return bdfs_fail(err, BDFS_NO_MEMORY, "path of %zu bytes", p->n);
        set_path(r);
        return walk_down(t, r, down, err);
}

static enum bdfs_status resolve_reserved(struct store_txn *t, const struct path *p, size_t at,
                                         struct resolved *r, bool *ret_done, struct bdfs_err *err)
{
        const char *name;
        size_t n, after;
        uint64_t id;
        enum bdfs_status rc;

        *ret_done = false;
        if (!path_next(p, &at, &name, &n))
                return BDFS_OK;
        if (is(name, n, "raw")) {
                *ret_done = r->raw = true;
                r->path = at < p->n ? (struct path){.text = p->text + at, .n = p->n - at}
                                    : (struct path){.text = "/", .n = 1};
                rc = begin_at_root(t, r, err);
                return rc != BDFS_OK ? rc : walk_down(t, r, 0, err);
        }
        after = at;
        if (!is(name, n, ".inodes") || !path_next(p, &after, &name, &n))
                return BDFS_OK;
        *ret_done = true;
        if (!parse_id(name, n, &id))
                return bdfs_fail(err, BDFS_NOT_FOUND, "Invalid inode path: %.*s", (int)p->n,
                                 p->text);
        return resolve_by_id(t, p, after, id, r, err);
}

enum bdfs_status path_resolve(struct store_txn *t, const struct path *p, struct resolved *ret,
                              struct bdfs_err *err)
{
        size_t at = 0, n;
        const char *name;
        bool done = false;
        enum bdfs_status rc = BDFS_OK;

        resolved_init(ret);
        if (p->n > 2 && p->text[1] == '.' && path_next(p, &at, &name, &n) &&
            is(name, n, ".reserved"))
                rc = resolve_reserved(t, p, at, ret, &done, err);
        if (done || rc != BDFS_OK)
                return rc;
        ret->path = *p;
        rc = begin_at_root(t, ret, err);
        return rc != BDFS_OK ? rc : walk_down(t, ret, 0, err);
}

enum bdfs_status resolved_append(struct store_txn *t, struct resolved *r, const char *name,
                                 size_t n, struct bdfs_err *err)
{
        struct buf text;
        size_t at = path_is_root(&r->path) ? 0 : r->path.n;

        BDFS_ASSERT(resolved_exists(r) && r->last.type == INODE_DIRECTORY);
        buf_init(&text, 0);
        buf_add(&text, r->path.text, at);
        buf_u8(&text, '/');
        buf_add(&text, name, n);
        buf_fini(&r->text);
        r->text = text;
        if (text.bad)
                return bdfs_fail(err, BDFS_NO_MEMORY, "path of %zu bytes", r->path.n + n);
        set_path(r);
        return walk_down(t, r, at, err);
}
