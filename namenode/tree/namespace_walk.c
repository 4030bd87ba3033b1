#include "namenode/tree/namespace_inside.h"

/* Walking a tree in pages: where it stands is a path, so no transaction must last. */

struct level {                   /* a directory on the way to where the walk stands */
        uint64_t directory;
        size_t path_n;           /* bytes of the relative path up to it */
        size_t name_n;           /* the child visited last; 0: none yet */
        uint8_t policy;
        char name[NAME_BYTES_MAX];
};

struct walk {
        struct store_txn *t;
        struct level *levels;
        size_t n, room;
        struct buf path;         /* relative, of the one visited last */
        struct name_cache cache;
        struct bdfs_err *err;
};

static enum bdfs_status push(struct walk *w, uint64_t directory, uint8_t policy)
{
        if (w->n == w->room) {
                size_t room = w->room == 0 ? 16 : 2 * w->room;
                struct level *more = reallocarray(w->levels, room, sizeof(*more));

                if (more == NULL)
                        return bdfs_fail(w->err, BDFS_NO_MEMORY, "walk of a tree");
                w->levels = more;
                w->room = room;
        }
        w->levels[w->n].directory = directory;
        w->levels[w->n].path_n = w->path.n;
        w->levels[w->n].name_n = 0;
        w->levels[w->n].policy = policy;
        w->n++;
        return BDFS_OK;
}

static void set_child(struct walk *w, const char *name, size_t n)
{
        struct level *l = &w->levels[w->n - 1];

        l->name_n = n < NAME_BYTES_MAX ? n : NAME_BYTES_MAX;
        memcpy(l->name, name, l->name_n);
        w->path.n = l->path_n;
        if (l->path_n > 0)
                buf_u8(&w->path, '/');
        buf_add(&w->path, name, l->name_n);
}

/* Down to where the last page ended, as far as that is still there. */
static enum bdfs_status resume(struct walk *w, const struct buf *position)
{
        const struct path p = {.text = (const char *)position->data, .n = position->n};
        struct entry entry;
        struct inode row;
        const char *name;
        size_t at = 0, n;
        enum bdfs_status rc = BDFS_OK;

        while (rc == BDFS_OK && path_next(&p, &at, &name, &n)) {
                const struct level *top = &w->levels[w->n - 1];
                uint8_t policy = top->policy;
                uint64_t directory = top->directory;

                set_child(w, name, n);
                rc = table_get_entry(w->t, directory, name, n, &entry, NULL);
                if (rc == BDFS_NOT_FOUND || (rc == BDFS_OK && entry.type != INODE_DIRECTORY))
                        return BDFS_OK;
                if (rc == BDFS_OK)
                        rc = table_get_inode(w->t, entry.inode, &row, NULL);
                if (rc != BDFS_OK)
                        return bdfs_fail(w->err, rc, "walk of a tree");
                rc = push(w, entry.inode, row.policy != 0 ? row.policy : policy);
        }
        return rc;
}

/* The next child of the deepest level; NOT_FOUND: there is none. */
static enum bdfs_status next_child(struct walk *w, struct entry *ret)
{
        struct level *l = &w->levels[w->n - 1];
        uint8_t from[8 + NAME_BYTES_MAX + 1];
        size_t n = entry_key(from, l->directory, l->name, l->name_n), key_n, value_n;
        char name[NAME_BYTES_MAX];
        const uint8_t *key, *value;
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(w->t, TABLE_ENTRY, &c, w->err);

        if (rc != BDFS_OK)
                return rc;
        if (l->name_n > 0)
                from[n++] = 0;
        rc = store_cursor_seek(c, from, n, w->err);
        if (rc == BDFS_OK) {
                store_cursor_at(c, &key, &key_n, &value, &value_n);
                if (key_n < 8 || memcmp(key, from, 8) != 0)
                        rc = BDFS_NOT_FOUND;
                else if (!entry_decode(value, value_n, ret) ||
                         (n = entry_key_name(key, key_n, name)) == 0)
                        rc = bdfs_fail(w->err, BDFS_CORRUPT, "a directory's entry makes no sense");
                else
                        set_child(w, name, n);
        }
        store_cursor_close(c);
        return rc;
}

typedef enum bdfs_status walk_each(void *arg, const struct path *relative,
                                   const struct ns_status *status, struct bdfs_err *err);

static enum bdfs_status visit(struct walk *w, const struct entry *entry, walk_each *each,
                              void *arg)
{
        struct level *l = &w->levels[w->n - 1];
        const struct path p = {.text = (const char *)w->path.data, .n = w->path.n};
        struct ns_status status;
        struct inode row;
        enum bdfs_status rc = table_get_inode(w->t, entry->inode, &row, w->err);

        if (w->path.bad)
                return bdfs_fail(w->err, BDFS_NO_MEMORY, "walk of a tree");
        if (rc == BDFS_OK)
                rc = status_of_inode(w->t, &row, l->policy, &w->cache, &status, w->err);
        if (rc != BDFS_OK)
                return rc;
        memcpy(status.name, l->name, l->name_n);
        status.name[l->name_n] = '\0';
        status.name_n = (uint8_t)l->name_n;
        rc = each(arg, &p, &status, w->err);
        if (rc == BDFS_OK && row.type == INODE_DIRECTORY)
                rc = push(w, row.id, status.policy);
        return rc;
}

static enum bdfs_status walk_page(struct walk *w, size_t most, walk_each *each, void *arg)
{
        struct entry entry;
        enum bdfs_status rc = BDFS_OK;

        while (rc == BDFS_OK && w->n > 0 && most > 0) {
                rc = next_child(w, &entry);
                if (rc == BDFS_NOT_FOUND) {
                        w->n--;
                        rc = BDFS_OK;
                        continue;
                }
                if (rc == BDFS_OK)
                        rc = visit(w, &entry, each, arg);
                most--;
        }
        return rc;
}

enum bdfs_status ns_walk(struct store_txn *t, uint64_t top, struct buf *position, size_t most,
                         enum bdfs_status (*each)(void *arg, const struct path *relative,
                                                  const struct ns_status *status,
                                                  struct bdfs_err *err),
                         void *arg, bool *ret_more, struct bdfs_err *err)
{
        struct walk w = {.t = t, .err = err};
        AUTO_RESOLVED struct resolved r = {0};
        enum bdfs_status rc = path_resolve_inode(t, top, &r, err);

        if (rc != BDFS_OK)
                return rc;
        buf_init(&w.path, 0);
        if (r.last.type == INODE_DIRECTORY)
                rc = push(&w, top, r.policy);
        if (rc == BDFS_OK && w.n > 0)
                rc = resume(&w, position);
        if (rc == BDFS_OK)
                rc = walk_page(&w, most, each, arg);
        *ret_more = rc == BDFS_OK && w.n > 0;
        buf_reset(position);
        buf_add(position, w.path.data, w.path.n);
        if (rc == BDFS_OK && (position->bad || w.path.bad))
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "walk of a tree");
        buf_fini(&w.path);
        free(w.levels);
        return rc;
}

enum bdfs_status ns_stats(struct store_txn *t, struct ns_stats *ret, struct bdfs_err *err)
{
        struct total total;
        uint64_t retired = store_count(t, TABLE_RETIRED), retired_bytes;
        enum bdfs_status rc = table_get_total(t, INODE_ROOT, &total, err);

        if (rc == BDFS_OK)
                rc = table_get_retired_bytes(t, &retired_bytes, err);
        if (rc != BDFS_OK)
                return rc;
        *ret = (struct ns_stats){
                .inodes = store_count(t, TABLE_INODE),
                .files = total.files,
                .directories = total.directories + 1,
                .symlinks = total.symlinks,
                .blocks = store_count(t, TABLE_BLOCK) - retired,
                .retired = retired,
                .retired_bytes = retired_bytes,
                .freed = store_count(t, TABLE_FREED),
                .bytes = total.bytes,
                .leases = store_count(t, TABLE_LEASE),
        };
        return BDFS_OK;
}
