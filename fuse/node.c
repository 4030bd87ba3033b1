/* Who has which inode open. */
#include <stdlib.h>

#include "fuse/node.h"

#define NODES_BUCKETS 1024

struct node_table {
        struct conns *conns;
        struct os_mutex lock;
        struct os_cond closed;                /* a handle ended */
        struct node *buckets[NODES_BUCKETS];  /* guarded by: lock */
        atomic_size_t n;
        atomic_bool given_up;
};

struct node_table *node_table_new(struct conns *conns)
{
        struct node_table *t = calloc(1, sizeof(*t));

        if (t == NULL)
                return NULL;
        t->conns = conns;
        os_mutex_init(&t->lock);
        os_cond_init(&t->closed);
        return t;
}

void node_table_free(struct node_table *t)
{
        if (t == NULL)
                return;
        BDFS_ASSERT(atomic_load(&t->n) == 0);
        os_cond_fini(&t->closed);
        os_mutex_fini(&t->lock);
        free(t);
}

static struct node **place_of(struct node_table *t, uint64_t inode)
{
        struct node **at = &t->buckets[inode % NODES_BUCKETS];

        while (*at != NULL && (*at)->inode != inode)
                at = &(*at)->next;
        return at;
}

static struct node *add(struct node_table *t, uint64_t inode, struct node **at)
{
        struct node *n = calloc(1, sizeof(*n));

        if (n == NULL)
                return NULL;
        n->inode = inode;
        n->conns = t->conns;
        n->given_up = &t->given_up;
        atomic_init(&n->told, 0);
        atomic_init(&n->generation, 0);
        n->seen.at_ms = os_mono_ms();
        atomic_init(&n->shown, NODE_NOT_WRITTEN);
        os_mutex_init(&n->lock);
        kept_init(&n->kept);
        *at = n;
        (void)atomic_fetch_add(&t->n, 1);
        return n;
}

struct node *node_table_open(struct node_table *t, uint64_t inode, bool writer)
{
        AUTO_LOCK(&t->lock);
        struct node **at = place_of(t, inode), *n = *at;

        if (n == NULL)
                n = add(t, inode, at);
        if (n == NULL)
                return NULL;
        n->handles++;
        n->writers += writer;
        return n;
}

struct node *node_table_find(struct node_table *t, uint64_t inode)
{
        struct node *n;

        if (!node_table_any(t))
                return NULL;
        AUTO_LOCK(&t->lock);
        n = *place_of(t, inode);
        if (n != NULL)
                n->handles++;
        return n;
}

/* A writer less; was it the last? The node stays: this handle still counts. */
static bool end_writer(struct node_table *t, struct node *n, bool active)
{
        AUTO_LOCK(&t->lock);

        BDFS_ASSERT(n->writers > 0);
        n->active -= active;
        return --n->writers == 0;
}

static bool end_handle(struct node_table *t, struct node *n)
{
        AUTO_LOCK(&t->lock);

        BDFS_ASSERT(n->handles > 0);
        os_cond_broadcast(&t->closed);
        if (--n->handles > 0)
                return false;
        *place_of(t, n->inode) = n->next;
        (void)atomic_fetch_sub(&t->n, 1);
        return true;
}

void node_table_put(struct node_table *t, struct node *n)
{
        if (n == NULL || !end_handle(t, n))
                return;
        BDFS_ASSERT(n->file == NULL && n->conn == NULL);
        kept_fini(&n->kept);
        os_mutex_fini(&n->lock);
        free(n);
}

/* Has somebody opened it to write since? Then the failure is theirs to hear of, too. */
static bool is_written(struct node_table *t, const struct node *n)
{
        AUTO_LOCK(&t->lock);

        return n->writers > 0;
}

enum bdfs_status node_table_close(struct node_table *t, struct node *n, bool writer, bool active,
                             struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (writer && end_writer(t, n, active)) {
                rc = node_finish(n, err);
                if (rc != BDFS_OK && !is_written(t, n))
                        node_abandon(n);
        }
        node_table_put(t, n);
        return rc;
}

void node_table_give_up(struct node_table *t)
{
        atomic_store(&t->given_up, true);
}

bool node_table_any(struct node_table *t)
{
        return atomic_load(&t->n) > 0;
}

bool node_table_wait_closed(struct node_table *t, uint64_t inode, bool writers_only,
                            int64_t wait_ms)
{
        int64_t deadline = os_mono_ms() + wait_ms;
        AUTO_LOCK(&t->lock);

        for (;;) {
                const struct node *n = *place_of(t, inode);

                if (n == NULL || (writers_only && n->writers == 0))
                        return true;
                if (!os_cond_wait(&t->closed, &t->lock, deadline) && os_mono_ms() >= deadline)
                        return false;
        }
}

void node_table_tell_kept(struct node_table *t, struct bdfs_stat *st)
{
        struct node *n;

        if (!node_table_any(t))
                return;
        AUTO_LOCK(&t->lock);
        n = *place_of(t, st->inode);
        if (n != NULL)
                kept_show(&n->kept, st);
}

uint64_t node_table_tell_length(struct node_table *t, uint64_t inode, uint64_t length)
{
        struct node *n;
        uint64_t shown;

        if (!node_table_any(t))
                return length;
        AUTO_LOCK(&t->lock);
        n = *place_of(t, inode);
        if (n == NULL)
                return length;
        shown = atomic_load(&n->shown);
        if (shown != NODE_NOT_WRITTEN)
                length = shown;
        atomic_store(&n->told, length);
        return length;
}

uint64_t node_table_generation(struct node_table *t, const struct node *n)
{
        (void)t;
        return atomic_load(&n->generation);
}

uint64_t node_table_new_generation(struct node_table *t, struct node *n)
{
        (void)t;
        return atomic_fetch_add(&n->generation, 1) + 1;
}

bool node_table_note(struct node_table *t, const struct bdfs_stat *st)
{
        struct node *n;
        bool changed;

        if (!node_table_any(t))
                return false;
        AUTO_LOCK(&t->lock);
        n = *place_of(t, st->inode);
        if (n == NULL)
                return false;
        changed = !n->seen.known || n->seen.st.mtime_ms != st->mtime_ms ||
                  n->seen.st.length != st->length;
        n->seen = (struct node_seen){os_mono_ms(), true, *st};
        n->seen.st.target = NULL;
        if (changed)
                (void)node_table_new_generation(t, n);
        return changed;
}

bool node_table_recall(struct node_table *t, uint64_t inode, struct bdfs_stat *ret)
{
        AUTO_LOCK(&t->lock);
        const struct node *n = *place_of(t, inode);

        if (n == NULL || !n->seen.known)
                return false;
        *ret = n->seen.st;
        return true;
}

bool node_table_should_ask(struct node_table *t, struct node *n, int64_t every_ms)
{
        int64_t now = os_mono_ms();
        AUTO_LOCK(&t->lock);

        if (now - n->seen.at_ms < every_ms ||
            atomic_load(&n->shown) != NODE_NOT_WRITTEN) /* nobody else can write then */
                return false;
        n->seen.at_ms = now;
        return true;
}

unsigned node_table_active(struct node_table *t, struct node *n, int change)
{
        AUTO_LOCK(&t->lock);

        n->active += (unsigned)change;
        BDFS_ASSERT(n->active <= n->writers);
        return n->active;
}
