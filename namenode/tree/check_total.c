#include "namenode/tree/check_internal.h"

/* Totals and classes, recounted: those of a directory follow from its children's and theirs. */

struct class_count {
        struct class class;
        uint64_t count;
};

struct class_list {
        struct class_count *list;
        size_t n, room;
};

struct recount {
        struct total total;
        uint64_t children;
        struct class_list classes;
};

static int compare(const void *a, const void *b)
{
        const struct class *x = &((const struct class_count *)a)->class;
        const struct class *y = &((const struct class_count *)b)->class;

        if (x->owner != y->owner)
                return x->owner < y->owner ? -1 : 1;
        if (x->group != y->group)
                return x->group < y->group ? -1 : 1;
        if (x->mode != y->mode)
                return x->mode < y->mode ? -1 : 1;
        return (int)x->empty - (int)y->empty;
}

static void add_class(struct check *c, struct class_list *l, const struct class *class,
                      uint64_t count)
{
        if (l->n == l->room) {
                size_t room = l->room == 0 ? 32 : 2 * l->room;
                struct class_count *more = reallocarray(l->list, room, sizeof(*more));

                if (more == NULL) {
                        c->rc = bdfs_fail(c->err, BDFS_NO_MEMORY, "classes of a directory");
                        return;
                }
                l->list = more;
                l->room = room;
        }
        l->list[l->n++] = (struct class_count){.class = *class, .count = count};
}

static void merge(struct class_list *l)
{
        size_t to = 0;

        if (l->n == 0)
                return;
        qsort(l->list, l->n, sizeof(*l->list), compare);
        for (size_t i = 1; i < l->n; i++) {
                if (compare(&l->list[to], &l->list[i]) == 0)
                        l->list[to].count += l->list[i].count;
                else
                        l->list[++to] = l->list[i];
        }
        l->n = to + 1;
}

static bool add_row(struct check *c, const struct check_row *r, void *arg)
{
        uint64_t directory, count;
        struct class class;

        if (!class_decode(r->key, r->key_n, r->value, r->n, &directory, &class, &count))
                check_problem(c, "a class's row makes no sense");
        else
                add_class(c, arg, &class, count);
        return true;
}

static void read_classes(struct check *c, uint64_t directory, struct class_list *to)
{
        uint8_t key[CLASS_KEY_BYTES];
        const struct class first = {0};

        class_key(key, directory, &first);
        check_rows(c, TABLE_CLASS, key, 8, add_row, to);
}

static void add_child(struct check *c, struct recount *to, const struct inode *child)
{
        const struct class class = {.owner = child->owner, .group = child->group,
                                    .mode = child->mode, .empty = child->children == 0};
        struct total below;

        switch (child->type) {
        case INODE_FILE:
                to->total.files++;
                to->total.bytes += child->length;
                to->total.space += child->length * child->replication;
                return;
        case INODE_SYMLINK:
                to->total.symlinks++;
                return;
        case INODE_DIRECTORY:
                break;
        }
        if (table_get_total(c->t, child->id, &below, c->err) != BDFS_OK)
                check_problem(c, "the totals of inode %" PRIu64 " make no sense", child->id);
        to->total.directories += 1 + below.directories;
        to->total.files += below.files;
        to->total.symlinks += below.symlinks;
        to->total.bytes += below.bytes;
        to->total.space += below.space;
        add_class(c, &to->classes, &class, 1);
        read_classes(c, child->id, &to->classes);
}

static bool count_child(struct check *c, const struct check_row *r, void *arg)
{
        struct recount *to = arg;
        struct entry entry;
        struct inode child;

        to->children++;
        if (entry_decode(r->value, r->n, &entry) &&
            check_inode(c, entry.inode, "a name leads to", &child))
                add_child(c, to, &child);
        return true;
}

static bool same_classes(const struct class_list *a, const struct class_list *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (compare(&a->list[i], &b->list[i]) != 0 || a->list[i].count != b->list[i].count)
                        return false;
        return true;
}

void check_directory(struct check *c, const struct inode *dir)
{
        struct recount now = {0};
        struct class_list stored = {0};
        struct total row;
        uint8_t prefix[8 + NAME_BYTES_MAX];

        check_rows(c, TABLE_ENTRY, prefix, entry_key(prefix, dir->id, "", 0), count_child, &now);
        if (now.children != dir->children)
                check_problem(c, "inode %" PRIu64 " has %" PRIu64 " children and says %" PRIu32,
                              dir->id, now.children, dir->children);
        if (path_is_attached(c->t, dir, NULL) == BDFS_OK) {
                if (table_get_total(c->t, dir->id, &row, c->err) != BDFS_OK ||
                    memcmp(&row, &now.total, sizeof(row)) != 0)
                        check_problem(c, "the totals of inode %" PRIu64 " are %" PRIu64
                                      " files, %" PRIu64 " directories, %" PRIu64
                                      " bytes; counted %" PRIu64 ", %" PRIu64 ", %" PRIu64,
                                      dir->id, row.files, row.directories, row.bytes,
                                      now.total.files, now.total.directories, now.total.bytes);
                merge(&now.classes);
                read_classes(c, dir->id, &stored);
                if (!same_classes(&now.classes, &stored))
                        check_problem(c, "the classes below inode %" PRIu64 " are not those of a "
                                      "recount", dir->id);
        }
        free(now.classes.list);
        free(stored.list);
}

/* ---- interned names ------------------------------------------------------------------------- */

static bool each_name(struct check *c, const struct check_row *r, void *arg)
{
        const char *name;
        uint32_t id, back;

        (void)arg;
        if (r->key_n != 5) {
                check_problem(c, "an interned name's key makes no sense");
                return true;
        }
        id = get_u32be(r->key + 1);
        if (table_name(c->t, id, &name, NULL) != BDFS_OK ||
            table_name_id(c->t, name, &back, NULL) != BDFS_OK || back != id ||
            id >= c->counters.name)
                check_problem(c, "interned name %" PRIu32 " does not lead back to itself", id);
        return true;
}

static bool each_counted(struct check *c, const struct check_row *r, void *arg)
{
        struct inode row;
        uint64_t id = 0;

        (void)arg;
        for (unsigned i = 0; i < 8 && r->key_n >= 8; i++)
                id = id << 8 | r->key[i];
        if (check_inode(c, id, "totals belong to", &row) && row.type != INODE_DIRECTORY)
                check_problem(c, "inode %" PRIu64 " has totals and is no directory", id);
        return true;
}

void check_names(struct check *c)
{
        check_rows(c, TABLE_NAME, "i", 1, each_name, NULL);
        check_rows(c, TABLE_TOTAL, NULL, 0, each_counted, NULL);
        check_rows(c, TABLE_CLASS, NULL, 0, each_counted, NULL);
}
