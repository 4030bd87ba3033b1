#include "fuse/known.h"

#include <stdlib.h>

#include "common/os.h"

struct known_row {
        uint64_t inode; /* 0: empty; no inode has that number */
        uint64_t value;
};

struct known {
        struct os_mutex lock;
        size_t sets;
        unsigned next_way;      /* guarded by: lock */
        struct known_row rows[]; /* guarded by: lock; KNOWN_WAYS a set */
};

struct known *known_new(size_t rows)
{
        struct known *k;

        BDFS_ASSERT(rows >= KNOWN_WAYS && (rows & (rows - 1)) == 0);
        k = calloc(1, sizeof(*k) + rows * sizeof(k->rows[0]));
        if (k == NULL)
                return NULL;
        k->sets = rows / KNOWN_WAYS;
        os_mutex_init(&k->lock);
        return k;
}

void known_free(struct known *k)
{
        if (k == NULL)
                return;
        os_mutex_fini(&k->lock);
        free(k);
}

static struct known_row *set_of(struct known *k, uint64_t inode)
{
        uint64_t hash = inode * 0x9e3779b97f4a7c15u;

        return &k->rows[(hash >> 32 & (k->sets - 1)) * KNOWN_WAYS];
}

static struct known_row *find(struct known *k, uint64_t inode)
{
        struct known_row *set = set_of(k, inode);

        BDFS_ASSERT(inode != 0);
        for (unsigned i = 0; i < KNOWN_WAYS; i++) {
                if (set[i].inode == inode)
                        return &set[i];
        }
        return NULL;
}

bool known_swap(struct known *k, uint64_t inode, uint64_t value, uint64_t *ret_old)
{
        AUTO_LOCK(&k->lock);
        struct known_row *row = find(k, inode);

        if (row != NULL) {
                *ret_old = row->value;
                row->value = value;
                return true;
        }
        row = set_of(k, inode);
        for (unsigned i = 0; i < KNOWN_WAYS; i++) {
                if (row[i].inode == 0) {
                        row[i] = (struct known_row){.inode = inode, .value = value};
                        return false;
                }
        }
        row[k->next_way++ % KNOWN_WAYS] = (struct known_row){.inode = inode, .value = value};
        return false;
}

void known_put(struct known *k, uint64_t inode, uint64_t value)
{
        uint64_t old;

        (void)known_swap(k, inode, value, &old);
}

bool known_get(struct known *k, uint64_t inode, uint64_t *ret)
{
        AUTO_LOCK(&k->lock);
        const struct known_row *row = find(k, inode);

        if (row != NULL)
                *ret = row->value;
        return row != NULL;
}
