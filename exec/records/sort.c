/*
 * An entry of the index carries the next eight bytes of its key as a number, so that most
 * comparisons touch no line. Sorting goes by one byte of that number at a time, in place of the
 * records only the entries move, from one half of the index memory to the other and back; ranges
 * that are small are finished by insertion, and deep ones (long equal beginnings) by comparison, so
 * that no input makes the recursion deep.
 */
#include "exec/records/sort.h"

#include <stdlib.h>
#include <string.h>

#define SMALL 24          /* entries that are sorted by insertion */
#define LEVELS_MAX 48     /* of recursion */
#define TAB_BIT 0x80000000u
#define KEY_MASK 0x7fffffffu

struct entry {
        uint64_t prefix; /* eight bytes of the key, from `depth` on, big endian, zeros behind it */
        uint32_t at;     /* of the line's head in the buffer */
        uint32_t key_n;  /* with TAB_BIT: there is a value */
};

struct head {            /* before each line in the buffer */
        uint32_t line_n, partition;
};

struct sorter {
        uint8_t *buffer;
        size_t bytes, used;  /* of the buffer; lines */
        size_t n;            /* entries; while collecting they grow down from the buffer's end */
        uint32_t partitions;
        size_t *starts;      /* [partition]: its first entry, and one more: n */
        struct entry *sorted; /* all of them, by partition and key; NULL while collecting */
};

/* ---- collecting --------------------------------------------------------------------------- */

enum bdfs_status sorter_new(struct sorter **ret, size_t bytes, uint32_t partitions,
                            struct bdfs_err *err)
{
        struct sorter *s = calloc(1, sizeof(*s));

        BDFS_ASSERT(bytes >= 4096 && bytes <= UINT32_MAX && partitions > 0);
        if (s != NULL) {
                s->bytes = bytes / sizeof(struct entry) * sizeof(struct entry);
                s->partitions = partitions;
                s->buffer = malloc(s->bytes); /* pages that are never used cost nothing */
                s->starts = calloc((size_t)partitions + 1, sizeof(*s->starts));
        }
        if (s == NULL || s->buffer == NULL || s->starts == NULL) {
                sorter_free(s);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory to sort in");
        }
        *ret = s;
        return BDFS_OK;
}

void sorter_free(struct sorter *s)
{
        if (s == NULL)
                return;
        free(s->buffer);
        free(s->starts);
        free(s->sorted);
        free(s);
}

/* @key lies in the buffer, in front of the index: eight bytes can always be read. */
static uint64_t prefix_of(const uint8_t *key, size_t n)
{
        uint64_t v;

        memcpy(&v, key, 8);
        v = __builtin_bswap64(v);
        return n >= 8 ? v : n == 0 ? 0 : v & ~0ULL << (64 - 8 * n);
}

static struct entry *collected(const struct sorter *s, size_t i)
{
        return (struct entry *)(void *)(s->buffer + s->bytes) - i - 1;
}

bool sorter_add(struct sorter *s, uint32_t partition, const uint8_t *line, size_t key_n,
                size_t line_n)
{
        struct head h = {.partition = partition};
        size_t need = (sizeof(h) + line_n + 3) & ~(size_t)3;
        struct entry *e;

        BDFS_ASSERT(s->sorted == NULL);
        if (line_n > SEGMENT_RECORD_MAX ||
            need + sizeof(*e) > s->bytes - s->used - s->n * sizeof(*e))
                return false;
        h.line_n = (uint32_t)line_n;
        memcpy(s->buffer + s->used, &h, sizeof(h));
        memcpy(s->buffer + s->used + sizeof(h), line, line_n);
        e = collected(s, s->n++);
        e->prefix = prefix_of(s->buffer + s->used + sizeof(h), key_n);
        e->at = (uint32_t)s->used;
        e->key_n = (uint32_t)key_n | (line_n > key_n ? TAB_BIT : 0);
        s->used += need;
        return true;
}

bool sorter_empty(const struct sorter *s)
{
        return s->n == 0;
}

void sorter_clear(struct sorter *s)
{
        free(s->sorted);
        s->sorted = NULL;
        s->used = s->n = 0;
}

/* ---- comparing ---------------------------------------------------------------------------- */

static const uint8_t *key_of(const struct sorter *s, const struct entry *e)
{
        return s->buffer + e->at + sizeof(struct head);
}

static uint32_t key_bytes(const struct entry *e)
{
        return e->key_n & KEY_MASK;
}

/* Both keys are equal in their first @depth bytes, which the prefixes follow. */
static int compare(const struct sorter *s, const struct entry *a, const struct entry *b,
                   uint32_t depth)
{
        uint32_t an = key_bytes(a), bn = key_bytes(b), least = an < bn ? an : bn;
        int order;

        if (a->prefix != b->prefix)
                return a->prefix < b->prefix ? -1 : 1;
        if (least > depth + 8) {
                order = memcmp(key_of(s, a) + depth + 8, key_of(s, b) + depth + 8,
                               least - depth - 8);
                if (order != 0)
                        return order;
        }
        return an == bn ? 0 : an < bn ? -1 : 1;
}

/* Keeps equal ones in order. */
static void sort_small(const struct sorter *s, struct entry *e, size_t n, uint32_t depth)
{
        for (size_t i = 1; i < n; i++) {
                struct entry moved = e[i];
                size_t k = i;

                while (k > 0 && compare(s, &moved, &e[k - 1], depth) < 0) {
                        e[k] = e[k - 1];
                        k--;
                }
                e[k] = moved;
        }
}

struct comparing {
        const struct sorter *s;
        uint32_t depth;
};

static int compare_total(const void *left, const void *right, void *arg)
{
        const struct comparing *c = arg;
        const struct entry *a = left, *b = right;
        int order = compare(c->s, a, b, c->depth);

        return order != 0 ? order : a->at < b->at ? -1 : 1;
}

/* ---- sorting ------------------------------------------------------------------------------ */

static void sort_range(const struct sorter *s, struct entry *e, struct entry *other, size_t n,
                       uint32_t depth, int shift, unsigned level);

/* All prefixes are equal. Keys that end within them come first, by length; the others go on with
 * their next eight bytes. */
static void sort_deeper(const struct sorter *s, struct entry *e, struct entry *other, size_t n,
                        uint32_t depth, unsigned level)
{
        size_t ended = 0, longer = 0;

        for (size_t i = 0; i < n; i++) {
                if (key_bytes(&e[i]) > depth + 8) {
                        other[longer++] = e[i];
                        continue;
                }
                e[ended++] = e[i];
        }
        if (ended <= SMALL) {
                sort_small(s, e, ended, depth);
        } else { /* lengths differ only where a key ends in NULs: usually one pass is all */
                size_t i = 1;

                while (i < ended && key_bytes(&e[i]) >= key_bytes(&e[i - 1]))
                        i++;
                if (i < ended)
                        qsort_r(e, ended, sizeof(*e), compare_total,
                                &(struct comparing){s, depth});
        }
        for (size_t i = 0; i < longer; i++) {
                e[ended + i] = other[i];
                e[ended + i].prefix = prefix_of(key_of(s, &other[i]) + depth + 8,
                                                key_bytes(&other[i]) - depth - 8);
        }
        if (longer > 0)
                sort_range(s, e + ended, other, longer, depth + 8, 56, level + 1);
}

static void sort_range(const struct sorter *s, struct entry *e, struct entry *other, size_t n,
                       uint32_t depth, int shift, unsigned level)
{
        uint32_t counts[256];
        size_t at[256], sum = 0;

        for (;; shift -= 8) { /* to the first byte in which they differ */
                if (n <= SMALL) {
                        sort_small(s, e, n, depth);
                        return;
                }
                if (level > LEVELS_MAX) {
                        qsort_r(e, n, sizeof(*e), compare_total, &(struct comparing){s, depth});
                        return;
                }
                if (shift < 0) {
                        sort_deeper(s, e, other, n, depth, level);
                        return;
                }
                memset(counts, 0, sizeof(counts));
                for (size_t i = 0; i < n; i++)
                        counts[e[i].prefix >> shift & 0xff]++;
                if (counts[e[0].prefix >> shift & 0xff] < n)
                        break;
        }
        for (unsigned b = 0; b < 256; b++) {
                at[b] = sum;
                sum += counts[b];
        }
        for (size_t i = 0; i < n; i++)
                other[at[e[i].prefix >> shift & 0xff]++] = e[i];
        memcpy(e, other, n * sizeof(*e));
        for (unsigned b = 0; b < 256; b++) {
                size_t first = at[b] - counts[b];

                if (counts[b] > 1)
                        sort_range(s, e + first, other + first, counts[b], depth, shift - 8,
                                   level + 1);
        }
}

/* Entries in the order in which they came, by partition, to @to. */
static void distribute(struct sorter *s, struct entry *to)
{
        size_t sum = 0;

        memset(s->starts, 0, ((size_t)s->partitions + 1) * sizeof(*s->starts));
        for (size_t i = 0; i < s->n; i++) {
                struct head h;

                memcpy(&h, s->buffer + collected(s, i)->at, sizeof(h));
                s->starts[h.partition]++;
        }
        for (uint32_t p = 0; p <= s->partitions; p++) {
                size_t n = s->starts[p];

                s->starts[p] = sum;
                sum += n;
        }
        for (size_t i = 0; i < s->n; i++) {
                const struct entry *e = collected(s, i);
                struct head h;

                memcpy(&h, s->buffer + e->at, sizeof(h));
                to[s->starts[h.partition]++] = *e;
        }
        memmove(s->starts + 1, s->starts, s->partitions * sizeof(*s->starts));
        s->starts[0] = 0;
}

enum bdfs_status sorter_sort(struct sorter *s, struct bdfs_err *err)
{
        struct entry *to = malloc((s->n + 1) * sizeof(*to));
        struct entry *other; /* the collected index, when it was copied */

        BDFS_ASSERT(s->sorted == NULL);
        if (to == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory to sort %zu records", s->n);
        if (s->partitions == 1) {
                s->starts[0] = 0;
                s->starts[1] = s->n;
                for (size_t i = 0; i < s->n; i++)
                        to[i] = *collected(s, i);
        } else {
                distribute(s, to);
        }
        other = (struct entry *)(void *)(s->buffer + s->bytes) - s->n;
        for (uint32_t p = 0; p < s->partitions; p++) {
                size_t n = s->starts[p + 1] - s->starts[p];

                sort_range(s, to + s->starts[p], other + s->starts[p], n, 0, 56, 0);
        }
        s->sorted = to;
        return BDFS_OK;
}

/* ---- reading ------------------------------------------------------------------------------ */

void sorter_begin(const struct sorter *s, uint32_t partition, struct sorter_cursor *ret)
{
        BDFS_ASSERT(s->sorted != NULL && partition < s->partitions);
        *ret = (struct sorter_cursor){.sorter = s, .at = s->starts[partition],
                                      .end = s->starts[partition + 1]};
}

static bool same_key(const struct sorter *s, const struct entry *a, const struct entry *b)
{
        uint32_t n = key_bytes(a);

        if (n != key_bytes(b))
                return false;
        /* prefixes may have been taken at different depths: only those of short keys say enough */
        if (n <= 8)
                return a->prefix == b->prefix;
        return memcmp(key_of(s, a), key_of(s, b), n) == 0;
}

static void value_of(const struct sorter *s, const struct entry *e, struct segment_run *ret)
{
        struct head h;

        memcpy(&h, s->buffer + e->at, sizeof(h));
        ret->value = key_of(s, e) + ret->key_n + 1;
        ret->value_n = h.line_n - ret->key_n - 1;
}

bool sorter_next(struct sorter_cursor *c, struct segment_run *ret)
{
        const struct sorter *s = c->sorter;
        const struct entry *e = s->sorted + c->at;
        struct segment_run next = {.value_n = 0};

        if (c->at == c->end)
                return false;
        *ret = (struct segment_run){.key = key_of(s, e), .key_n = key_bytes(e),
                                    .tab = (e->key_n & TAB_BIT) != 0, .count = 1,
                                    .same_key = c->started && same_key(s, e - 1, e)};
        if (ret->tab)
                value_of(s, e, ret);
        c->started = true;
        for (c->at++; c->at < c->end; c->at++, ret->count++) {
                const struct entry *f = s->sorted + c->at;

                if (f->key_n != e->key_n || !same_key(s, e, f))
                        break;
                if (!ret->tab)
                        continue;
                next.key_n = ret->key_n;
                value_of(s, f, &next);
                if (next.value_n != ret->value_n ||
                    memcmp(next.value, ret->value, ret->value_n) != 0)
                        break;
        }
        return true;
}
