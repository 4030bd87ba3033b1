#include "fuse/buffers.h"

#include <stdlib.h>

#include "common/os.h"

struct buffers {
        size_t bytes;
        struct os_mutex lock;
        size_t n;                  /* guarded by: lock */
        void *kept[BUFFERS_KEPT];  /* guarded by: lock */
};

struct buffers *buffers_new(size_t bytes)
{
        struct buffers *b = calloc(1, sizeof(*b));

        if (b == NULL)
                return NULL;
        b->bytes = bytes;
        os_mutex_init(&b->lock);
        return b;
}

void buffers_free(struct buffers *b)
{
        if (b == NULL)
                return;
        while (b->n > 0)
                free(b->kept[--b->n]);
        os_mutex_fini(&b->lock);
        free(b);
}

void *buffers_take(struct buffers *b, size_t n)
{
        void *p = NULL;

        if (n > b->bytes)
                return NULL;
        os_mutex_lock(&b->lock);
        if (b->n > 0)
                p = b->kept[--b->n];
        os_mutex_unlock(&b->lock);
        return p != NULL ? p : malloc(b->bytes);
}

void buffers_give(struct buffers *b, void *p)
{
        if (p == NULL)
                return;
        os_mutex_lock(&b->lock);
        if (b->n < BUFFERS_KEPT) {
                b->kept[b->n++] = p;
                p = NULL;
        }
        os_mutex_unlock(&b->lock);
        free(p);
}
