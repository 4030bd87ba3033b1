#include "namenode/tree/check_internal.h"

#include <stdarg.h>
#include <stdio.h>

/* The tree; check_file.c has files' contents, check_total.c what is counted. */

void check_problem(struct check *c, const char *format, ...)
{
        char text[sizeof(c->report->first)];
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(text, sizeof(text), format, ap); /* cut texts are still texts */
        va_end(ap);
        if (c->report->problems++ == 0)
                memcpy(c->report->first, text, sizeof(text));
        if (c->each != NULL)
                c->each(c->arg, text);
}

void check_rows(struct check *c, enum table table, const void *prefix, size_t prefix_n,
                bool (*each)(struct check *c, const struct check_row *row, void *arg), void *arg)
{
        struct check_row row;
        struct store_cursor *cursor;
        enum bdfs_status rc;

        if (c->rc != BDFS_OK)
                return;
        rc = store_cursor_open(c->t, table, &cursor, c->err);
        if (rc != BDFS_OK) {
                c->rc = rc;
                return;
        }
        for (rc = store_cursor_seek(cursor, prefix, prefix_n, c->err); rc == BDFS_OK;
             rc = store_cursor_next(cursor, c->err)) {
                store_cursor_at(cursor, &row.key, &row.key_n, &row.value, &row.n);
                if (row.key_n < prefix_n ||
                    (prefix_n > 0 && memcmp(row.key, prefix, prefix_n) != 0))
                        break;
                if (!each(c, &row, arg) || c->rc != BDFS_OK)
                        break;
        }
        store_cursor_close(cursor);
        if (rc != BDFS_OK && rc != BDFS_NOT_FOUND && c->rc == BDFS_OK)
                c->rc = rc;
}

bool check_inode(struct check *c, uint64_t id, const char *why, struct inode *ret)
{
        enum bdfs_status rc = table_get_inode(c->t, id, ret, c->err);

        if (rc == BDFS_OK)
                return true;
        if (rc == BDFS_NOT_FOUND)
                check_problem(c, "%s inode %" PRIu64 ", which does not exist", why, id);
        else if (rc == BDFS_CORRUPT)
                check_problem(c, "%s inode %" PRIu64 ": its row makes no sense", why, id);
        else
                c->rc = rc;
        return false;
}

/* ---- inodes --------------------------------------------------------------------------------- */

static bool is_doomed(struct check *c, uint64_t id)
{
        uint8_t key[8];
        const uint8_t *value;
        size_t n;

        for (unsigned i = 0; i < 8; i++)
                key[i] = (uint8_t)(id >> (56 - 8 * i));
        return store_get(c->t, TABLE_DOOMED, key, sizeof(key), &value, &n, NULL) == BDFS_OK;
}

static void check_name(struct check *c, const struct inode *row)
{
        struct entry entry;
        struct inode parent;
        enum bdfs_status rc;

        if (row->id == INODE_ROOT) {
                if (row->parent != INODE_ROOT || row->type != INODE_DIRECTORY || row->name_n != 0)
                        check_problem(c, "the root is not what it should be");
                return;
        }
        if (row->flags & INODE_DETACHED || is_doomed(c, row->id)) {
                if (!is_doomed(c, row->id))
                        check_problem(c, "inode %" PRIu64 " is detached and nothing will free it",
                                      row->id);
                if (row->flags & INODE_OPEN)
                        check_problem(c, "inode %" PRIu64 " was deleted and is open", row->id);
                return;
        }
        if (!check_inode(c, row->parent, "the parent of an inode is", &parent))
                return;
        rc = table_get_entry(c->t, row->parent, row->name, row->name_n, &entry, NULL);
        if (rc != BDFS_OK || entry.inode != row->id || entry.type != row->type)
                check_problem(c, "inode %" PRIu64 " is called \"%s\" in %" PRIu64
                              ", which says otherwise", row->id, row->name, row->parent);
        if (row->nlink != 1)
                check_problem(c, "inode %" PRIu64 " has one name and %" PRIu32 " links", row->id,
                              row->nlink);
}

static bool each_inode(struct check *c, const struct check_row *r, void *arg)
{
        struct inode row;

        (void)arg;
        c->report->inodes++;
        if (r->key_n != 8 || !inode_decode(r->value, r->n, &row)) {
                check_problem(c, "an inode's row makes no sense");
                return true;
        }
        row.id = 0;
        for (unsigned i = 0; i < 8; i++)
                row.id = row.id << 8 | r->key[i];
        if (row.id >= c->counters.inode)
                check_problem(c, "inode %" PRIu64 " was never given out", row.id);
        check_name(c, &row);
        if (row.type == INODE_DIRECTORY)
                check_directory(c, &row);
        else if (row.type == INODE_FILE)
                check_file(c, &row);
        else {
                const char *target;
                size_t n;

                if (table_get_target(c->t, row.id, &target, &n, NULL) != BDFS_OK)
                        check_problem(c, "symlink %" PRIu64 " points nowhere", row.id);
        }
        return true;
}

static bool each_entry(struct check *c, const struct check_row *r, void *arg)
{
        char name[NAME_BYTES_MAX];
        size_t name_n = entry_key_name(r->key, r->key_n, name);
        struct entry entry;
        struct inode row;
        uint64_t parent = 0;

        (void)arg;
        c->report->entries++;
        if (name_n == 0 || !entry_decode(r->value, r->n, &entry)) {
                check_problem(c, "an entry makes no sense");
                return true;
        }
        for (unsigned i = 0; i < 8; i++)
                parent = parent << 8 | r->key[i];
        if (!check_inode(c, entry.inode, "a name leads to", &row))
                return true;
        if (row.parent != parent || row.name_n != name_n || memcmp(row.name, name, name_n) != 0)
                check_problem(c, "inode %" PRIu64 " has a name in %" PRIu64
                              " that it knows nothing of", row.id, parent);
        return true;
}

static bool each_doomed(struct check *c, const struct check_row *r, void *arg)
{
        struct inode row;
        uint64_t id = 0;

        (void)arg;
        c->report->doomed++;
        for (unsigned i = 0; i < 8 && r->key_n == 8; i++)
                id = id << 8 | r->key[i];
        if (check_inode(c, id, "to be freed is", &row) && !(row.flags & INODE_DETACHED))
                check_problem(c, "inode %" PRIu64 " waits to be freed and is not detached", id);
        return true;
}

static bool each_target(struct check *c, const struct check_row *r, void *arg)
{
        struct inode row;
        uint64_t id = 0;

        (void)arg;
        for (unsigned i = 0; i < 8 && r->key_n == 8; i++)
                id = id << 8 | r->key[i];
        if (check_inode(c, id, "a target belongs to", &row) && row.type != INODE_SYMLINK)
                check_problem(c, "inode %" PRIu64 " has a target and is no symlink", id);
        return true;
}

enum bdfs_status check_tables(struct store_txn *t, struct check_report *ret,
                              void (*each)(void *arg, const char *problem), void *arg,
                              struct bdfs_err *err)
{
        struct check c = {.t = t, .report = ret, .each = each, .arg = arg, .err = err};
        struct inode root;
        enum bdfs_status rc = table_get_counters(t, &c.counters, err);

        *ret = (struct check_report){0};
        if (rc != BDFS_OK)
                return rc;
        (void)check_inode(&c, INODE_ROOT, "the root is", &root);
        check_rows(&c, TABLE_INODE, NULL, 0, each_inode, NULL);
        check_rows(&c, TABLE_ENTRY, NULL, 0, each_entry, NULL);
        check_rows(&c, TABLE_DOOMED, NULL, 0, each_doomed, NULL);
        check_rows(&c, TABLE_TARGET, NULL, 0, each_target, NULL);
        check_blocks(&c);
        check_leases(&c);
        check_names(&c);
        return c.rc;
}
