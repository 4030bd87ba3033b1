#include "namenode/tree/totals.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct class_delta {
        struct class class;
        int64_t by;
};

struct gathered {                /* for one directory */
        uint64_t id;
        struct total_delta delta;
        struct class_delta *classes; /* unsorted, the same class more than once */
        size_t classes_n, classes_room;
        uint32_t parent, depth;  /* while flushing: position of the parent, distance to the top */
};

#define NOWHERE UINT32_MAX
#define UNKNOWN (UINT32_MAX - 1)

struct totals {
        struct gathered *list;
        size_t n, room;
        uint32_t *slots;         /* position in list + 1, by hash of id */
        size_t slots_n;          /* a power of two */
};

struct totals *totals_new(void)
{
        return calloc(1, sizeof(struct totals));
}

void totals_clear(struct totals *s)
{
        for (size_t i = 0; i < s->n; i++)
                free(s->list[i].classes);
        s->n = 0;
        if (s->slots != NULL)
                memset(s->slots, 0, s->slots_n * sizeof(*s->slots));
}

void totals_free(struct totals *s)
{
        if (s == NULL)
                return;
        totals_clear(s);
        free(s->list);
        free(s->slots);
        free(s);
}

/* ---- gathering ------------------------------------------------------------------------------ */

static size_t slot_of(const struct totals *s, uint64_t id)
{
        size_t i = (size_t)(id * 0x9e3779b97f4a7c15ULL >> 32) & (s->slots_n - 1);

        while (s->slots[i] != 0 && s->list[s->slots[i] - 1].id != id)
                i = (i + 1) & (s->slots_n - 1);
        return i;
}

static bool grow(struct totals *s)
{
        size_t room = s->room == 0 ? 64 : 2 * s->room;
        struct gathered *list = reallocarray(s->list, room, sizeof(*list));
        uint32_t *slots;

        if (list == NULL)
                return false;
        s->list = list;
        slots = calloc(4 * room, sizeof(*slots));
        if (slots == NULL)
                return false;
        free(s->slots);
        s->slots = slots;
        s->slots_n = 4 * room;
        s->room = room;
        for (size_t i = 0; i < s->n; i++)
                s->slots[slot_of(s, list[i].id)] = (uint32_t)i + 1;
        return true;
}

/* Position of @id, made when it is new; NOWHERE: no memory. */
static uint32_t place_of(struct totals *s, uint64_t id)
{
        size_t i;

        if (s->n == s->room && !grow(s))
                return NOWHERE;
        i = slot_of(s, id);
        if (s->slots[i] == 0) {
                s->list[s->n] = (struct gathered){.id = id, .parent = UNKNOWN};
                s->slots[i] = (uint32_t)++s->n;
        }
        return s->slots[i] - 1;
}

static enum bdfs_status no_memory(struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_NO_MEMORY, "totals of directories");
}

static void add_delta(struct total_delta *to, const struct total_delta *d)
{
        to->files += d->files;
        to->directories += d->directories;
        to->symlinks += d->symlinks;
        to->bytes += d->bytes;
        to->space += d->space;
}

enum bdfs_status totals_add(struct totals *s, uint64_t directory, const struct total_delta *d,
                            struct bdfs_err *err)
{
        uint32_t at = place_of(s, directory);

        if (at == NOWHERE)
                return no_memory(err);
        add_delta(&s->list[at].delta, d);
        return BDFS_OK;
}

static enum bdfs_status add_classes(struct gathered *g, const struct class_delta *from, size_t n,
                                    struct bdfs_err *err)
{
        if (g->classes_n + n > g->classes_room) {
                size_t room = 2 * (g->classes_n + n);
                struct class_delta *more = reallocarray(g->classes, room, sizeof(*more));

                if (more == NULL)
                        return no_memory(err);
                g->classes = more;
                g->classes_room = room;
        }
        if (n > 0)
                memcpy(g->classes + g->classes_n, from, n * sizeof(*from));
        g->classes_n += n;
        return BDFS_OK;
}

static enum bdfs_status add_class(struct totals *s, uint64_t directory, const struct class *c,
                                  int64_t by, struct bdfs_err *err)
{
        struct class_delta d = {.class = *c, .by = by};
        uint32_t at = place_of(s, directory);

        if (at == NOWHERE)
                return no_memory(err);
        return add_classes(&s->list[at], &d, 1, err);
}

enum bdfs_status totals_class(struct totals *s, uint64_t directory, const struct class *c, int by,
                              struct bdfs_err *err)
{
        return add_class(s, directory, c, by, err);
}

struct tree_move {
        struct totals *totals;
        uint64_t directory;
        int by;
        enum bdfs_status rc;
        struct bdfs_err *err;
};

static bool move_class(void *arg, const struct class *c, uint64_t count)
{
        struct tree_move *m = arg;

        m->rc = add_class(m->totals, m->directory, c, m->by * (int64_t)count, m->err);
        return m->rc == BDFS_OK;
}

enum bdfs_status totals_tree(struct store_txn *t, struct totals *s, uint64_t directory,
                             uint64_t moved, int by, struct bdfs_err *err)
{
        struct tree_move m = {.totals = s, .directory = directory, .by = by, .err = err};
        struct total row;
        struct total_delta d;
        enum bdfs_status rc = table_get_total(t, moved, &row, err);

        if (rc != BDFS_OK)
                return rc;
        d = (struct total_delta){.files = by * (int64_t)row.files,
                                 .directories = by * (int64_t)row.directories,
                                 .symlinks = by * (int64_t)row.symlinks,
                                 .bytes = by * (int64_t)row.bytes,
                                 .space = by * (int64_t)row.space};
        rc = totals_add(s, directory, &d, err);
        if (rc != BDFS_OK || row.directories == 0)
                return rc;
        rc = totals_each_class(t, moved, move_class, &m, err);
        return rc != BDFS_OK ? rc : m.rc;
}

/* ---- rows ----------------------------------------------------------------------------------- */

enum bdfs_status totals_each_class(struct store_txn *t, uint64_t directory,
                                   bool (*each)(void *arg, const struct class *c, uint64_t count),
                                   void *arg, struct bdfs_err *err)
{
        const struct class first = {0};
        uint8_t from[CLASS_KEY_BYTES];
        const uint8_t *key, *value;
        size_t key_n, n;
        uint64_t of, count;
        struct class c;
        struct store_cursor *cursor;
        enum bdfs_status rc = store_cursor_open(t, TABLE_CLASS, &cursor, err);

        if (rc != BDFS_OK)
                return rc;
        class_key(from, directory, &first);
        for (rc = store_cursor_seek(cursor, from, sizeof(from), NULL); rc == BDFS_OK;
             rc = store_cursor_next(cursor, NULL)) {
                store_cursor_at(cursor, &key, &key_n, &value, &n);
                if (!class_decode(key, key_n, value, n, &of, &c, &count)) {
                        rc = BDFS_CORRUPT;
                        break;
                }
                if (of != directory || !each(arg, &c, count))
                        break;
        }
        store_cursor_close(cursor);
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return bdfs_fail(err, rc, "classes below inode %" PRIu64, directory);
}

static enum bdfs_status drop_classes(struct store_txn *t, uint64_t directory,
                                     struct bdfs_err *err)
{
        const struct class first = {0};
        uint8_t from[CLASS_KEY_BYTES];
        const uint8_t *key, *value;
        size_t key_n, n;
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_CLASS, &c, err);

        if (rc != BDFS_OK)
                return rc;
        class_key(from, directory, &first);
        while ((rc = store_cursor_seek(c, from, sizeof(from), NULL)) == BDFS_OK) {
                store_cursor_at(c, &key, &key_n, &value, &n);
                if (key_n != CLASS_KEY_BYTES || memcmp(key, from, 8) != 0)
                        break;
                rc = store_cursor_del(c, NULL);
                if (rc != BDFS_OK)
                        break;
        }
        store_cursor_close(c);
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return bdfs_fail(err, rc, "classes below inode %" PRIu64, directory);
}

enum bdfs_status totals_drop(struct store_txn *t, struct totals *s, uint64_t directory,
                             struct bdfs_err *err)
{
        const struct total zero = {0};
        enum bdfs_status rc;

        if (s->n > 0) {
                size_t i = slot_of(s, directory);

                if (s->slots[i] != 0) {
                        struct gathered *g = &s->list[s->slots[i] - 1];

                        g->delta = (struct total_delta){0};
                        g->classes_n = 0;
                }
        }
        rc = table_put_total(t, directory, &zero, err);
        return rc != BDFS_OK ? rc : drop_classes(t, directory, err);
}

/* ---- flushing ------------------------------------------------------------------------------- */

/* Where @at's numbers go on to, with everything above in the list too. */
static enum bdfs_status link_up(struct store_txn *t, struct totals *s, uint32_t at,
                                struct bdfs_err *err)
{
        struct inode row;
        enum bdfs_status rc;

        while (s->list[at].parent == UNKNOWN) {
                uint64_t id = s->list[at].id;
                uint32_t up = NOWHERE;

                rc = table_get_inode(t, id, &row, NULL);
                if (rc != BDFS_OK && rc != BDFS_NOT_FOUND)
                        return bdfs_fail(err, rc, "read inode %" PRIu64, id);
                s->list[at].depth = rc == BDFS_NOT_FOUND ? NOWHERE : 0;
                if (rc == BDFS_OK && id != INODE_ROOT && !(row.flags & INODE_DETACHED)) {
                        up = place_of(s, row.parent);
                        if (up == NOWHERE)
                                return no_memory(err);
                }
                s->list[at].parent = up;
                if (up == NOWHERE)
                        break;
                at = up;
        }
        return BDFS_OK;
}

static void measure(struct totals *s, uint32_t from)
{
        uint32_t depth = 0, at;

        for (at = from; s->list[at].parent != NOWHERE; at = s->list[at].parent)
                BDFS_ASSERT(depth++ < s->n);
        for (at = from; s->list[at].parent != NOWHERE; at = s->list[at].parent)
                s->list[at].depth = depth--;
}

static int compare_classes(const void *a, const void *b)
{
        const struct class *x = &((const struct class_delta *)a)->class;
        const struct class *y = &((const struct class_delta *)b)->class;

        if (x->owner != y->owner)
                return x->owner < y->owner ? -1 : 1;
        if (x->group != y->group)
                return x->group < y->group ? -1 : 1;
        if (x->mode != y->mode)
                return x->mode < y->mode ? -1 : 1;
        return (int)x->empty - (int)y->empty;
}

static void merge_classes(struct gathered *g)
{
        size_t to = 0;

        if (g->classes_n == 0)
                return;
        qsort(g->classes, g->classes_n, sizeof(*g->classes), compare_classes);
        for (size_t i = 1; i < g->classes_n; i++) {
                if (compare_classes(&g->classes[to], &g->classes[i]) == 0)
                        g->classes[to].by += g->classes[i].by;
                else
                        g->classes[++to] = g->classes[i];
        }
        g->classes_n = to + 1;
        to = 0;
        for (size_t i = 0; i < g->classes_n; i++)
                if (g->classes[i].by != 0)
                        g->classes[to++] = g->classes[i];
        g->classes_n = to;
}

static bool change(uint64_t *number, int64_t by)
{
        if (by < 0 && *number < (uint64_t)-by)
                return false;
        *number += (uint64_t)by;
        return true;
}

static bool delta_is_zero(const struct total_delta *d)
{
        return (d->files | d->directories | d->symlinks | d->bytes | d->space) == 0;
}

static enum bdfs_status write_row(struct store_txn *t, const struct gathered *g,
                                  struct bdfs_err *err)
{
        const struct total_delta *d = &g->delta;
        struct total row;
        enum bdfs_status rc;

        if (delta_is_zero(d))
                return BDFS_OK;
        rc = table_get_total(t, g->id, &row, err);
        if (rc != BDFS_OK)
                return rc;
        if (!change(&row.files, d->files) || !change(&row.directories, d->directories) ||
            !change(&row.symlinks, d->symlinks) || !change(&row.bytes, d->bytes) ||
            !change(&row.space, d->space))
                return bdfs_fail(err, BDFS_CORRUPT, "totals of inode %" PRIu64 " below zero",
                                 g->id);
        return table_put_total(t, g->id, &row, err);
}

static enum bdfs_status write_classes(struct store_txn *t, const struct gathered *g,
                                      struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        for (size_t i = 0; i < g->classes_n && rc == BDFS_OK; i++) {
                const struct class_delta *d = &g->classes[i];
                uint64_t count;

                rc = table_get_class(t, g->id, &d->class, &count, err);
                if (rc == BDFS_OK && !change(&count, d->by))
                        rc = bdfs_fail(err, BDFS_CORRUPT, "classes of inode %" PRIu64
                                       " below zero", g->id);
                if (rc == BDFS_OK)
                        rc = table_put_class(t, g->id, &d->class, count, err);
        }
        return rc;
}

/* One directory's row, and its share for the one above. */
static enum bdfs_status flush_one(struct store_txn *t, struct totals *s, uint32_t at,
                                  struct bdfs_err *err)
{
        struct gathered *g = &s->list[at];
        enum bdfs_status rc;

        if (g->depth == NOWHERE)
                return BDFS_OK; /* the directory went away within the batch */
        merge_classes(g);
        rc = write_row(t, g, err);
        if (rc == BDFS_OK)
                rc = write_classes(t, g, err);
        if (rc != BDFS_OK || g->parent == NOWHERE)
                return rc;
        add_delta(&s->list[g->parent].delta, &g->delta);
        return add_classes(&s->list[g->parent], g->classes, g->classes_n, err);
}

static int deepest_first(const void *a, const void *b, void *arg)
{
        const struct gathered *list = arg;
        uint32_t x = list[*(const uint32_t *)a].depth, y = list[*(const uint32_t *)b].depth;

        return x == y ? 0 : x > y ? -1 : 1;
}

enum bdfs_status totals_flush(struct store_txn *t, struct totals *s, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;
        uint32_t *order;

        if (s->n == 0)
                return BDFS_OK;
        for (uint32_t i = 0; i < s->n && rc == BDFS_OK; i++) /* the list grows meanwhile */
                rc = link_up(t, s, i, err);
        if (rc != BDFS_OK)
                return rc;
        order = calloc(s->n, sizeof(*order));
        if (order == NULL)
                return no_memory(err);
        for (uint32_t i = 0; i < s->n; i++) {
                order[i] = i;
                measure(s, i);
        }
        qsort_r(order, s->n, sizeof(*order), deepest_first, s->list);
        for (size_t i = 0; i < s->n && rc == BDFS_OK; i++)
                rc = flush_one(t, s, order[i], err);
        free(order);
        if (rc == BDFS_OK)
                totals_clear(s);
        return rc;
}
