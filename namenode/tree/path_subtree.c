#include "namenode/tree/path.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "namenode/tree/totals.h"

/*
 * Permission of a whole tree. HDFS looks at every directory; here the classes below a directory say
 * whether there can be a refusal at all, and only then the walk goes down, in HDFS's order and only
 * into what is suspicious, to find the refusal that HDFS would give.
 */

#define LOOK_MAX 200000 /* entries looked at before the answer is no */

struct frame {                   /* a directory on the way down */
        uint64_t id;
        size_t path_n;           /* bytes of the path's text up to it */
        size_t name_n;           /* the child looked at last; 0: none yet */
        char name[NAME_BYTES_MAX];
};

struct tree_walk {
        struct store_txn *t;
        const struct perm_caller *c;
        const struct perm_tree *want;
        const struct inode *top;
        struct buf path;         /* text of the directory of now; empty for the root */
        struct frame *frames;
        size_t n, room;
        unsigned looks;
        struct bdfs_err *err;
};

/* ---- suspicion ------------------------------------------------------------------------------ */

static bool class_suspicious(const struct tree_walk *w, const struct perm_object *o, bool empty)
{
        if (empty && w->want->ignore_empty)
                return false;
        if (!perm_allows(w->c, o, w->want->access))
                return true;
        return w->want->sticky && !empty && (o->mode & PERM_STICKY) && o->owner != w->c->user;
}

struct suspicion {
        const struct tree_walk *walk;
        bool found;
};

static bool look_at_class(void *arg, const struct class *c, uint64_t count)
{
        struct suspicion *s = arg;
        const struct perm_object o = {.owner = c->owner, .group = c->group, .mode = c->mode,
                                      .directory = true};

        (void)count;
        s->found = class_suspicious(s->walk, &o, c->empty);
        return !s->found;
}

static enum bdfs_status below_suspicious(const struct tree_walk *w, uint64_t directory, bool *ret)
{
        struct suspicion s = {.walk = w};
        enum bdfs_status rc = totals_each_class(w->t, directory, look_at_class, &s, w->err);

        *ret = s.found;
        return rc;
}

/* ---- refusals ------------------------------------------------------------------------------- */

static struct perm_object object_of(const struct inode *row)
{
        return (struct perm_object){.owner = row->owner, .group = row->group, .mode = row->mode,
                                    .directory = row->type == INODE_DIRECTORY};
}

static enum bdfs_status text_of(const struct tree_walk *w, const struct inode *row,
                                struct path path, struct perm_text *ret)
{
        enum bdfs_status rc;

        *ret = (struct perm_text){.path = path.text, .path_n = path.n, .mode = row->mode,
                                  .directory = row->type == INODE_DIRECTORY};
        rc = table_name(w->t, row->owner, &ret->owner, w->err);
        return rc != BDFS_OK ? rc : table_name(w->t, row->group, &ret->group, w->err);
}

static struct path path_of_walk(const struct tree_walk *w)
{
        if (w->path.n == 0)
                return (struct path){.text = "/", .n = 1};
        return (struct path){.text = (const char *)w->path.data, .n = w->path.n};
}

static enum bdfs_status deny(const struct tree_walk *w, const struct inode *row)
{
        struct perm_text text;
        enum bdfs_status rc = text_of(w, row, path_of_walk(w), &text);

        return rc != BDFS_OK ? rc : perm_denied(w->c->who->user, w->want->access, &text, w->err);
}

/* HDFS puts the top's owner, group and mode behind the path of the child's parent. */
static enum bdfs_status deny_sticky(struct tree_walk *w, const struct inode *child)
{
        struct perm_text text, parent_text;
        size_t n = w->path.n;
        struct path above;
        enum bdfs_status rc;

        buf_u8(&w->path, '/');
        buf_add(&w->path, child->name, child->name_n);
        if (w->path.bad)
                return bdfs_fail(w->err, BDFS_NO_MEMORY, "path of %zu bytes", n);
        above = n == 0 ? (struct path){.text = "/", .n = 1}
                       : (struct path){.text = (const char *)w->path.data, .n = n};
        rc = text_of(w, child, path_of_walk(w), &text);
        if (rc == BDFS_OK)
                rc = text_of(w, w->top, above, &parent_text);
        return rc != BDFS_OK ? rc
                             : perm_denied_sticky(w->c->who->user, &text, &parent_text, w->err);
}

static enum bdfs_status too_much(const struct tree_walk *w)
{
        struct path p = path_of_walk(w);

        return bdfs_fail(w->err, BDFS_PERMISSION,
                         "Permission denied: user=%s, directory \"%.*s\" has too many entries to "
                         "see whether all of them may be removed", w->c->who->user, (int)p.n,
                         p.text);
}

/* ---- entries -------------------------------------------------------------------------------- */

/* Move to the next entry of f->id after (or before) f->name; NOT_FOUND at the end. */
static enum bdfs_status step(struct tree_walk *w, struct store_cursor *c, struct frame *f,
                             bool backwards, struct entry *ret)
{
        uint8_t from[8 + NAME_BYTES_MAX + 1];
        const uint8_t *key, *value;
        size_t n = entry_key(from, f->id, f->name, f->name_n), key_n, value_n;
        enum bdfs_status rc;

        if (backwards && f->name_n == 0)
                n = entry_key(from, f->id + 1, "", 0);
        else if (!backwards)
                from[n++] = 0; /* just behind it */
        rc = backwards ? store_cursor_before(c, from, n, NULL)
                       : store_cursor_seek(c, from, n, NULL);
        if (rc != BDFS_OK)
                return rc;
        store_cursor_at(c, &key, &key_n, &value, &value_n);
        if (key_n <= 8 || key_n > 8 + NAME_BYTES_MAX || !entry_decode(value, value_n, ret))
                return BDFS_CORRUPT;
        entry_key(from, f->id, "", 0);
        if (memcmp(key, from, 8) != 0)
                return BDFS_NOT_FOUND;
        f->name_n = entry_key_name(key, key_n, f->name);
        return ++w->looks > LOOK_MAX ? BDFS_LIMIT : BDFS_OK;
}

static enum bdfs_status step_failed(const struct tree_walk *w, enum bdfs_status rc)
{
        if (rc == BDFS_LIMIT)
                return too_much(w);
        return bdfs_fail(w->err, rc, "read the names of a directory");
}

/* Everything in a sticky directory of somebody else must be the caller's own. */
static enum bdfs_status check_children(struct tree_walk *w, const struct inode *dir)
{
        struct frame f = {.id = dir->id};
        struct entry entry;
        struct inode child;
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(w->t, TABLE_ENTRY, &c, w->err);

        if (rc != BDFS_OK)
                return rc;
        while ((rc = step(w, c, &f, false, &entry)) == BDFS_OK) {
                enum bdfs_status child_rc = table_get_inode(w->t, entry.inode, &child, w->err);

                if (child_rc == BDFS_OK && child.owner != w->c->user)
                        child_rc = deny_sticky(w, &child);
                if (child_rc != BDFS_OK) {
                        store_cursor_close(c);
                        return child_rc;
                }
        }
        store_cursor_close(c);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : step_failed(w, rc);
}

static enum bdfs_status check_directory(struct tree_walk *w, const struct inode *dir)
{
        const struct perm_object o = object_of(dir);
        const struct perm_object *p = &o;

        if (dir->children == 0 && w->want->ignore_empty)
                return BDFS_OK;
        if (!perm_allows(w->c, p, w->want->access))
                return deny(w, dir);
        if (w->want->sticky && (o.mode & PERM_STICKY) && o.owner != w->c->user)
                return check_children(w, dir);
        return BDFS_OK;
}

/* ---- the walk ------------------------------------------------------------------------------- */

static enum bdfs_status push(struct tree_walk *w, uint64_t id)
{
        if (w->n == w->room) {
                size_t room = w->room == 0 ? 16 : 2 * w->room;
                struct frame *more = reallocarray(w->frames, room, sizeof(*more));

                if (more == NULL)
                        return bdfs_fail(w->err, BDFS_NO_MEMORY, "walk of a tree");
                w->frames = more;
                w->room = room;
        }
        w->frames[w->n].id = id;
        w->frames[w->n].path_n = w->path.n;
        w->frames[w->n].name_n = 0;
        w->n++;
        return BDFS_OK;
}

/* The child directory that the top frame's name is: look at it, go down if that may refuse. */
static enum bdfs_status enter(struct tree_walk *w, uint64_t id)
{
        const struct frame *f = &w->frames[w->n - 1];
        struct inode dir;
        bool below;
        enum bdfs_status rc = table_get_inode(w->t, id, &dir, w->err);

        if (rc != BDFS_OK)
                return rc;
        w->path.n = f->path_n;
        buf_u8(&w->path, '/');
        buf_add(&w->path, f->name, f->name_n);
        if (w->path.bad)
                return bdfs_fail(w->err, BDFS_NO_MEMORY, "path of a directory");
        rc = check_directory(w, &dir);
        if (rc == BDFS_OK)
                rc = below_suspicious(w, id, &below);
        return rc != BDFS_OK || !below ? rc : push(w, id);
}

static enum bdfs_status advance(struct tree_walk *w)
{
        struct frame *f = &w->frames[w->n - 1];
        struct entry entry;
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(w->t, TABLE_ENTRY, &c, w->err);

        if (rc != BDFS_OK)
                return rc;
        do {
                rc = step(w, c, f, w->want->backwards, &entry);
        } while (rc == BDFS_OK && entry.type != INODE_DIRECTORY);
        store_cursor_close(c);
        if (rc == BDFS_OK)
                return enter(w, entry.inode);
        if (rc != BDFS_NOT_FOUND)
                return step_failed(w, rc);
        w->n--;
        return BDFS_OK;
}

enum bdfs_status path_permit_tree(struct store_txn *t, const struct resolved *r,
                                  const struct perm_caller *c, const struct perm_tree *want,
                                  struct bdfs_err *err)
{
        struct tree_walk w = {.t = t, .c = c, .want = want, .top = &r->last, .err = err};
        bool below = false;
        enum bdfs_status rc;

        if (c->superuser || !resolved_exists(r) || r->last.type != INODE_DIRECTORY)
                return BDFS_OK;
        buf_init(&w.path, 0);
        if (!path_is_root(&r->path))
                buf_add(&w.path, r->path.text, r->path.n);
        rc = w.path.bad ? bdfs_fail(err, BDFS_NO_MEMORY, "path of %zu bytes", r->path.n)
                        : check_directory(&w, &r->last);
        if (rc == BDFS_OK)
                rc = below_suspicious(&w, r->last.id, &below);
        if (rc == BDFS_OK && below)
                rc = push(&w, r->last.id);
        while (rc == BDFS_OK && w.n > 0)
                rc = advance(&w);
        buf_fini(&w.path);
        free(w.frames);
        return rc;
}
