#include "namenode/apply/apply_internal.h"

#include <stdlib.h>

/*
 * delete. A name goes at once; what hangs below it goes in slices: a detached inode is in
 * TABLE_DOOMED, and a slice takes entries and extents off it until it is empty. A directory below
 * becomes doomed itself when its name is taken away. Nothing doomed can be reached (path.h).
 */

#define SMALL_EXTENTS 64         /* a file with no more of them is freed at once */
#define ENTRIES_AT_ONCE 128

/* ---- freeing -------------------------------------------------------------------------------- */

static enum bdfs_status doom(struct apply *a, struct inode *row, struct bdfs_err *err)
{
        enum bdfs_status rc;

        row->flags |= INODE_DETACHED;
        rc = table_put_inode(a->t, row, err);
        return rc != BDFS_OK ? rc : table_put_doomed(a->t, row->id, err);
}

static enum bdfs_status free_file(struct apply *a, struct inode *file, uint64_t *most,
                                  struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (file->flags & INODE_OPEN)
                rc = lease_end(a->t, file, err);
        if (rc == BDFS_OK && file->extents <= SMALL_EXTENTS) {
                uint64_t all = file->extents;

                *most -= all < *most ? all : *most;
                rc = extents_shed(a->t, file, &all, &a->b->freed, err);
        }
        if (rc != BDFS_OK)
                return rc;
        return file->extents == 0 ? table_del_inode(a->t, file->id, err) : doom(a, file, err);
}

/* An inode that has no name any more: away with it, now or later. */
static enum bdfs_status free_inode(struct apply *a, struct inode *row, uint64_t *most,
                                   struct bdfs_err *err)
{
        enum bdfs_status rc;

        switch (row->type) {
        case INODE_FILE:
                return free_file(a, row, most, err);
        case INODE_SYMLINK:
                rc = table_del_target(a->t, row->id, err);
                return rc != BDFS_OK ? rc : table_del_inode(a->t, row->id, err);
        case INODE_DIRECTORY:
                break;
        }
        if (row->children > 0)
                return doom(a, row, err);
        rc = totals_drop(a->t, a->b->totals, row->id, err);
        return rc != BDFS_OK ? rc : table_del_inode(a->t, row->id, err);
}

enum bdfs_status tree_remove(struct apply *a, struct inode *parent, struct inode *child,
                             struct bdfs_err *err)
{
        uint64_t most = UINT64_MAX;
        enum bdfs_status rc = tree_unlink(a, parent, child, err);

        return rc != BDFS_OK ? rc : free_inode(a, child, &most, err);
}

/* ---- delete --------------------------------------------------------------------------------- */

static bool is_exact_reserved(const struct path *p)
{
        return p->n == 10 && memcmp(p->text, "/.reserved", 10) == 0;
}

enum bdfs_status apply_subtree(struct apply *a, const struct resolved *r, unsigned access,
                               struct bdfs_err *err)
{
        const struct perm_tree want = {.access = access, .ignore_empty = true, .sticky = true,
                                       .backwards = true};
        enum bdfs_status rc;

        if (a->caller.superuser || !resolved_exists(r) || r->last.type != INODE_DIRECTORY ||
            r->last.children == 0)
                return BDFS_OK;
        rc = apply_fatal(totals_flush(a->t, a->b->totals, err), "counting", err);
        return rc != BDFS_OK ? rc : path_permit_tree(a->t, r, &a->caller, &want, err);
}

static enum bdfs_status check_delete(struct apply *a, const struct resolved *r, bool recursive,
                                     struct bdfs_err *err)
{
        const struct perm_want want = {.parent = PERM_WRITE};
        enum bdfs_status rc = apply_permit(a, r, &want, err);

        if (rc == BDFS_OK)
                rc = apply_subtree(a, r, PERM_ALL, err);
        if (rc == BDFS_OK && !recursive && resolved_exists(r) &&
            r->last.type == INODE_DIRECTORY && r->last.children > 0)
                /* Java puts its own "': Directory is not empty" behind the text and shows the
                 * first line, which must end where the stack trace of HDFS would begin. */
                rc = bdfs_fail(err, BDFS_NOT_EMPTY,
                               "`%.*s is non empty': Directory is not empty\n", (int)r->path.n,
                               r->path.text);
        return rc;
}

enum bdfs_status apply_op_delete(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__DeleteOp *op = a->record->delete_;
        AUTO_RESOLVED struct resolved r = {0};
        struct path path;
        enum bdfs_status rc = path_of_record(op->path.data, op->path.len, &path, err);

        if (rc == BDFS_OK && is_exact_reserved(&path))
                rc = bdfs_fail(err, BDFS_INVALID_PATH, "Invalid path name /.reserved");
        if (rc == BDFS_OK)
                rc = apply_resolve(a, &op->path, PATH_WALK_NO_FOLLOW, &path, &r, err);
        if (rc == BDFS_OK)
                rc = check_delete(a, &r, op->recursive, err);
        if (rc != BDFS_OK)
                return rc;
        apply_value(a, resolved_exists(&r) && r.depth > 1);
        if (!a->result->value)
                return BDFS_OK;
        apply_inode(a, r.last.id);
        apply_writes(a);
        return tree_remove(a, &r.parent, &r.last, err);
}

/* ---- slices --------------------------------------------------------------------------------- */

struct some_entries {
        size_t n;
        struct {
                uint64_t inode;
                uint8_t name_n;
                char name[NAME_BYTES_MAX];
        } list[ENTRIES_AT_ONCE];
};

static enum bdfs_status read_entries(struct apply *a, uint64_t dir, size_t most,
                                     struct some_entries *ret, struct bdfs_err *err)
{
        uint8_t from[8 + NAME_BYTES_MAX];
        size_t from_n = entry_key(from, dir, "", 0), key_n, n;
        const uint8_t *key, *value;
        struct entry entry;
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(a->t, TABLE_ENTRY, &c, err);

        ret->n = 0;
        if (rc != BDFS_OK)
                return rc;
        for (rc = store_cursor_seek(c, from, from_n, NULL); rc == BDFS_OK && ret->n < most;
             rc = store_cursor_next(c, NULL)) {
                store_cursor_at(c, &key, &key_n, &value, &n);
                if (key_n <= 8 || key_n > 8 + NAME_BYTES_MAX || !entry_decode(value, n, &entry)) {
                        rc = BDFS_CORRUPT;
                        break;
                }
                if (memcmp(key, from, 8) != 0)
                        break;
                ret->list[ret->n].inode = entry.inode;
                ret->list[ret->n].name_n =
                        (uint8_t)entry_key_name(key, key_n, ret->list[ret->n].name);
                ret->n++;
        }
        store_cursor_close(c);
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return bdfs_fail(err, rc, "names of inode %" PRIu64, dir);
}

/* Entries of a doomed directory go, and their inodes with them or onto the list of the doomed. */
static enum bdfs_status empty_directory(struct apply *a, struct inode *dir, uint64_t *most,
                                        struct some_entries *entries, struct bdfs_err *err)
{
        struct inode child;
        enum bdfs_status rc = read_entries(a, dir->id, ENTRIES_AT_ONCE, entries, err);

        if (rc == BDFS_OK && entries->n == 0 && dir->children > 0)
                rc = bdfs_fail(err, BDFS_CORRUPT, "inode %" PRIu64 " lacks entries", dir->id);
        for (size_t i = 0; i < entries->n && *most > 0 && rc == BDFS_OK; i++) {
                rc = table_del_entry(a->t, dir->id, entries->list[i].name,
                                     entries->list[i].name_n, err);
                if (rc == BDFS_OK)
                        rc = table_get_inode(a->t, entries->list[i].inode, &child, err);
                --*most;
                dir->children--;
                if (rc == BDFS_OK)
                        rc = free_inode(a, &child, most, err);
        }
        return rc;
}

static enum bdfs_status free_some(struct apply *a, struct inode *row, uint64_t *most,
                                  struct some_entries *entries, struct bdfs_err *err)
{
        bool empty;
        enum bdfs_status rc;

        if (row->type == INODE_DIRECTORY)
                rc = empty_directory(a, row, most, entries, err);
        else
                rc = extents_shed(a->t, row, most, &a->b->freed, err);
        if (rc != BDFS_OK)
                return rc;
        empty = row->children == 0 && row->extents == 0;
        if (!empty)
                return table_put_inode(a->t, row, err);
        *most -= *most > 0;
        rc = table_del_doomed(a->t, row->id, err);
        if (rc == BDFS_OK && row->type == INODE_DIRECTORY)
                rc = totals_drop(a->t, a->b->totals, row->id, err);
        return rc != BDFS_OK ? rc : table_del_inode(a->t, row->id, err);
}

enum bdfs_status apply_op_delete_slice(struct apply *a, struct bdfs_err *err)
{
        uint64_t budget = a->record->delete_slice->most, most, id;
        struct some_entries *entries;
        struct inode row;
        enum bdfs_status rc = BDFS_OK;

        if (budget == 0 || budget > DELETE_SLICE_MAX)
                budget = DELETE_SLICE_MAX;
        entries = malloc(sizeof(*entries));
        if (entries == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "deleting in slices");
        for (most = budget; most > 0 && rc == BDFS_OK;) {
                rc = table_first_doomed(a->t, &id, err);
                if (rc == BDFS_NOT_FOUND) {
                        rc = BDFS_OK;
                        break;
                }
                apply_writes(a);
                if (rc == BDFS_OK)
                        rc = table_get_inode(a->t, id, &row, err);
                if (rc == BDFS_OK)
                        rc = free_some(a, &row, &most, entries, err);
        }
        free(entries);
        a->result->has_count = 1;
        a->result->count = budget - most;
        return rc;
}
