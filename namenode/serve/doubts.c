#include "namenode/serve/doubts.h"

#include <stdlib.h>

#include "common/limits.h"
#include "common/os.h"

struct doubter {
        uint64_t user;           /* hash of the name; 0: the place is free */
        uint32_t left;           /* looks that may follow at once */
        int64_t since_ms;        /* up to when `left` was counted */
};

struct doubts {
        struct os_mutex lock;
        struct doubter users[DOUBTS_USERS_MAX]; /* guarded by: lock */
};

struct doubts *doubts_new(void)
{
        struct doubts *d = calloc(1, sizeof(*d));

        if (d != NULL)
                os_mutex_init(&d->lock);
        return d;
}

void doubts_free(struct doubts *d)
{
        if (d == NULL)
                return;
        os_mutex_fini(&d->lock);
        free(d);
}

static uint64_t user_hash(const char *user)
{
        uint64_t h = 14695981039346656037ULL;

        for (; *user != '\0'; user++)
                h = (h ^ (unsigned char)*user) * 1099511628211ULL;
        return h == 0 ? 1 : h;
}

/* What time gives back. */
static void doubter_refill(struct doubter *u, int64_t now_ms)
{
        int64_t more = (now_ms - u->since_ms) / DOUBTS_EVERY_MS;

        if (more <= 0)
                return;
        u->since_ms += more * DOUBTS_EVERY_MS;
        u->left = more >= DOUBTS_BURST - (int64_t)u->left ? DOUBTS_BURST : u->left + (uint32_t)more;
}

static struct doubter *doubter_of(struct doubts *d, uint64_t user, int64_t now_ms)
{
        struct doubter *least = &d->users[0];

        for (struct doubter *u = d->users; u < d->users + DOUBTS_USERS_MAX; u++) {
                if (u->user == user)
                        return u;
                if (u->user != 0)
                        doubter_refill(u, now_ms);
                if (least->user != 0 && (u->user == 0 || u->left > least->left))
                        least = u;
        }
        *least = (struct doubter){.user = user, .left = DOUBTS_BURST, .since_ms = now_ms};
        return least;
}

bool doubts_allow(struct doubts *d, const char *user, int64_t now_ms)
{
        struct doubter *u;
        AUTO_LOCK(&d->lock);

        u = doubter_of(d, user_hash(user), now_ms);
        doubter_refill(u, now_ms);
        if (u->left == 0)
                return false;
        u->left--;
        return true;
}
