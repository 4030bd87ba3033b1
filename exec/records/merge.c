#include "exec/records/merge.h"

#include <stdlib.h>
#include <string.h>

struct front {                  /* a reader with its current key */
        uint64_t prefix;
        struct segment_reader *reader;
        size_t number;
};

struct merge {
        struct front *heap;     /* the least is first */
        size_t n;
        struct segment_reader *readers;
        size_t readers_n, started;
        size_t failed;
        bool open;              /* a group of heap[0] is being read */
        bool any, same;         /* there was a key; the next run has it too */
        uint8_t *key;
        size_t key_n, key_room;
};

enum bdfs_status merge_new(struct merge **ret, struct segment_reader *readers, size_t n,
                           struct bdfs_err *err)
{
        struct merge *m = calloc(1, sizeof(*m));

        if (m != NULL)
                m->heap = calloc(n + 1, sizeof(*m->heap));
        if (m == NULL || m->heap == NULL) {
                merge_free(m);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory to merge");
        }
        m->readers = readers;
        m->readers_n = n;
        *ret = m;
        return BDFS_OK;
}

void merge_free(struct merge *m)
{
        if (m == NULL)
                return;
        free(m->heap);
        free(m->key);
        free(m);
}

size_t merge_failed(const struct merge *m)
{
        return m->failed;
}

/* ---- the heap ----------------------------------------------------------------------------- */

static uint64_t prefix_of(const struct segment_reader *r)
{
        uint64_t v = 0;

        memcpy(&v, r->key, r->key_n < 8 ? r->key_n : 8);
        return __builtin_bswap64(v);
}

static bool before(const struct front *a, const struct front *b)
{
        size_t an = a->reader->key_n, bn = b->reader->key_n, least = an < bn ? an : bn;
        int order;

        if (a->prefix != b->prefix)
                return a->prefix < b->prefix;
        if (least > 8) {
                order = memcmp(a->reader->key + 8, b->reader->key + 8, least - 8);
                if (order != 0)
                        return order < 0;
        }
        return an != bn ? an < bn : a->number < b->number;
}

static void sift_down(struct merge *m)
{
        struct front moved = m->heap[0];
        size_t at = 0;

        for (;;) {
                size_t child = 2 * at + 1;

                if (child >= m->n)
                        break;
                if (child + 1 < m->n && before(&m->heap[child + 1], &m->heap[child]))
                        child++;
                if (!before(&m->heap[child], &moved))
                        break;
                m->heap[at] = m->heap[child];
                at = child;
        }
        m->heap[at] = moved;
}

static void sift_up(struct merge *m, size_t at)
{
        struct front moved = m->heap[at];

        while (at > 0 && before(&moved, &m->heap[(at - 1) / 2])) {
                m->heap[at] = m->heap[(at - 1) / 2];
                at = (at - 1) / 2;
        }
        m->heap[at] = moved;
}

/* ---- merging ------------------------------------------------------------------------------ */

static enum bdfs_status start(struct merge *m, struct bdfs_err *err)
{
        for (; m->started < m->readers_n; m->started++) {
                struct segment_reader *r = &m->readers[m->started];
                bool end;

                m->failed = m->started;
                if (segment_next_key(r, &end, err) != BDFS_OK)
                        return err->status;
                if (end)
                        continue;
                m->heap[m->n] = (struct front){prefix_of(r), r, m->started};
                sift_up(m, m->n++);
        }
        return BDFS_OK;
}

/* The least reader goes on to its next key. */
static enum bdfs_status advance(struct merge *m, struct bdfs_err *err)
{
        struct front *top = &m->heap[0];
        bool end;

        m->open = false;
        if (segment_next_key(top->reader, &end, err) != BDFS_OK)
                return err->status;
        if (end)
                *top = m->heap[--m->n];
        else
                top->prefix = prefix_of(top->reader);
        if (m->n > 0)
                sift_down(m);
        return BDFS_OK;
}

static enum bdfs_status open_group(struct merge *m, struct bdfs_err *err)
{
        const struct segment_reader *r = m->heap[0].reader;

        m->open = true;
        m->same = m->any && m->key_n == r->key_n && memcmp(m->key, r->key, r->key_n) == 0;
        if (m->same)
                return BDFS_OK;
        if (r->key_n > m->key_room || m->key == NULL) {
                free(m->key);
                m->key_room = 0;
                m->key = malloc(2 * r->key_n + 64);
                if (m->key == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a key");
                m->key_room = 2 * r->key_n + 64;
        }
        memcpy(m->key, r->key, r->key_n);
        m->key_n = r->key_n;
        m->any = true;
        return BDFS_OK;
}

enum bdfs_status merge_next(struct merge *m, struct segment_run *ret, bool *ret_end,
                            struct bdfs_err *err)
{
        bool end = true;

        if (m->started < m->readers_n && start(m, err) != BDFS_OK)
                return err->status;
        *ret_end = false;
        while (end) {
                if (m->n == 0) {
                        *ret_end = true;
                        return BDFS_OK;
                }
                m->failed = m->heap[0].number;
                if (!m->open && open_group(m, err) != BDFS_OK)
                        return err->status;
                if (segment_next_run(m->heap[0].reader, ret, &end, err) != BDFS_OK ||
                    (end && advance(m, err) != BDFS_OK))
                        return err->status;
        }
        ret->same_key = m->same;
        m->same = true;
        return BDFS_OK;
}
