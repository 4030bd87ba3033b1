#include "namenode/lease_clock.h"

#include <stdlib.h>
#include <string.h>

#include "common/os.h"

#define BUCKETS_FIRST 256
#define FORGET_MS (24 * 3600 * 1000LL)

struct holder {
        struct holder *next;
        uint64_t hash;
        int64_t heard_ms;
        char name[];
};

struct lease_clock {
        struct os_mutex lock;
        struct lease_limits own, hadoop;
        int64_t started_ms;
        struct holder **buckets; /* guarded by: lock */
        size_t buckets_n, n;     /* guarded by: lock */
};

static uint64_t hash_of(const char *name)
{
        uint64_t h = 14695981039346656037ULL; /* FNV-1a */

        for (; *name != '\0'; name++)
                h = (h ^ (unsigned char)*name) * 1099511628211ULL;
        return h;
}

struct lease_clock *lease_clock_new(struct lease_limits own, struct lease_limits hadoop,
                                    int64_t now_ms)
{
        struct lease_clock *c = calloc(1, sizeof(*c));

        if (c == NULL)
                return NULL;
        os_mutex_init(&c->lock);
        c->own = own;
        c->hadoop = hadoop;
        c->started_ms = now_ms;
        c->buckets_n = BUCKETS_FIRST;
        c->buckets = calloc(c->buckets_n, sizeof(struct holder *));
        if (c->buckets == NULL) {
                lease_clock_free(c);
                return NULL;
        }
        return c;
}

void lease_clock_free(struct lease_clock *c)
{
        if (c == NULL)
                return;
        for (size_t i = 0; c->buckets != NULL && i < c->buckets_n; i++) {
                while (c->buckets[i] != NULL) {
                        struct holder *h = c->buckets[i];

                        c->buckets[i] = h->next;
                        free(h);
                }
        }
        free(c->buckets);
        os_mutex_fini(&c->lock);
        free(c);
}

static struct holder *find(struct lease_clock *c, const char *name, uint64_t hash)
{
        struct holder *h = c->buckets[hash % c->buckets_n];

        while (h != NULL && (h->hash != hash || strcmp(h->name, name) != 0))
                h = h->next;
        return h;
}

static void grow(struct lease_clock *c)
{
        size_t n = c->buckets_n * 2;
        struct holder **buckets = calloc(n, sizeof(struct holder *));

        if (buckets == NULL)
                return; /* longer chains, nothing worse */
        for (size_t i = 0; i < c->buckets_n; i++) {
                while (c->buckets[i] != NULL) {
                        struct holder *h = c->buckets[i];

                        c->buckets[i] = h->next;
                        h->next = buckets[h->hash % n];
                        buckets[h->hash % n] = h;
                }
        }
        free(c->buckets);
        c->buckets = buckets;
        c->buckets_n = n;
}

void lease_clock_renew(struct lease_clock *c, const char *name, int64_t now_ms)
{
        uint64_t hash = hash_of(name);
        size_t name_n = strlen(name) + 1;
        struct holder *h;
        AUTO_LOCK(&c->lock);

        h = find(c, name, hash);
        if (h == NULL) {
                h = malloc(sizeof(*h) + name_n);
                if (h == NULL)
                        return; /* counts as heard of at the start: it may expire early */
                memcpy(h->name, name, name_n);
                h->hash = hash;
                h->next = c->buckets[hash % c->buckets_n];
                c->buckets[hash % c->buckets_n] = h;
                if (++c->n > 2 * c->buckets_n)
                        grow(c);
        }
        h->heard_ms = now_ms;
}

static int64_t silent_ms(struct lease_clock *c, const char *name, int64_t now_ms)
{
        struct holder *h;
        AUTO_LOCK(&c->lock);

        h = find(c, name, hash_of(name));
        return now_ms - (h == NULL ? c->started_ms : h->heard_ms);
}

bool lease_clock_soft_expired(struct lease_clock *c, const char *name, bool hadoop, int64_t now_ms)
{
        return silent_ms(c, name, now_ms) > (hadoop ? c->hadoop.soft_ms : c->own.soft_ms);
}

bool lease_clock_hard_expired(struct lease_clock *c, const char *name, bool hadoop, int64_t now_ms)
{
        return silent_ms(c, name, now_ms) > (hadoop ? c->hadoop.hard_ms : c->own.hard_ms);
}

void lease_clock_forget(struct lease_clock *c, int64_t now_ms)
{
        AUTO_LOCK(&c->lock);

        for (size_t i = 0; i < c->buckets_n; i++) {
                struct holder **at = &c->buckets[i];

                while (*at != NULL) {
                        struct holder *h = *at;

                        if (now_ms - h->heard_ms <= FORGET_MS) {
                                at = &h->next;
                                continue;
                        }
                        *at = h->next;
                        free(h);
                        c->n--;
                }
        }
}
