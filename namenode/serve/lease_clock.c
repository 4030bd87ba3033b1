#include "namenode/serve/lease_clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/os.h"

#define BUCKETS_FIRST 256
#define USER_BUCKETS 256
#define SWEEP_BUCKETS 256 /* looked at while the lock is held once */

static_assert(LEASE_SETTLE_MS >= RPC_CALL_MS, "a file that is being opened keeps its holder");

/* Kept as long as it has a holder. */
struct lease_user {
        struct lease_user *next;
        uint64_t holders;
        uint64_t files;    /* open at the last sweep, and opened since */
        uint64_t counting; /* of the sweep that is under way */
        bool privileged;
        char name[];
};

struct holder {
        struct holder *next;
        struct lease_user *user;
        uint64_t hash;
        int64_t heard_ms;
        char name[];
};

struct lease_clock {
        struct os_mutex lock;
        struct lease_limits own, hadoop;
        int64_t started_ms;
        /* all guarded by: lock */
        struct holder **buckets;
        size_t buckets_n, n;
        size_t n_of_users; /* those of privileged ones left out */
        struct lease_user *users[USER_BUCKETS];
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

static void user_less(struct lease_clock *c, struct lease_user *u)
{
        struct lease_user **at = &c->users[hash_of(u->name) % USER_BUCKETS];

        c->n_of_users -= !u->privileged;
        if (--u->holders > 0)
                return;
        while (*at != u)
                at = &(*at)->next;
        *at = u->next;
        free(u);
}

void lease_clock_free(struct lease_clock *c)
{
        if (c == NULL)
                return;
        for (size_t i = 0; c->buckets != NULL && i < c->buckets_n; i++) {
                while (c->buckets[i] != NULL) {
                        struct holder *h = c->buckets[i];

                        c->buckets[i] = h->next;
                        user_less(c, h->user);
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

static struct lease_user *user_get(struct lease_clock *c, const char *name)
{
        struct lease_user **at = &c->users[hash_of(name) % USER_BUCKETS], *u = *at;
        size_t n = strlen(name) + 1;

        while (u != NULL && strcmp(u->name, name) != 0)
                u = u->next;
        if (u != NULL)
                return u;
        u = calloc(1, sizeof(*u) + n);
        if (u == NULL)
                return NULL;
        memcpy(u->name, name, n);
        u->next = *at;
        *at = u;
        return u;
}

static enum bdfs_status check_limits(const struct lease_clock *c, const struct lease_user *u,
                                     bool is_new, struct bdfs_err *err)
{
        if (u->privileged)
                return BDFS_OK;
        if (u->files >= LEASE_FILES_EACH_MAX)
                return bdfs_fail(err, BDFS_RETRY, "user %s has %" PRIu64 " files open for writing, "
                                 "as many as one user may: close some, or wait until their leases "
                                 "end", u->name, u->files);
        if (is_new && u->holders >= LEASE_HOLDERS_EACH_MAX)
                return bdfs_fail(err, BDFS_RETRY, "user %s writes under %" PRIu64 " names of "
                                 "clients, as many as one user may: wait until some are forgotten",
                                 u->name, u->holders);
        if (is_new && c->n_of_users >= LEASE_HOLDERS_MAX)
                return bdfs_fail(err, BDFS_RETRY, "as many clients write as may: wait for some");
        return BDFS_OK;
}

static struct holder *holder_add(struct lease_clock *c, const char *name, struct lease_user *u)
{
        size_t name_n = strlen(name) + 1;
        struct holder *h = malloc(sizeof(*h) + name_n);

        if (h == NULL)
                return NULL;
        memcpy(h->name, name, name_n);
        h->hash = hash_of(name);
        h->user = u;
        h->next = c->buckets[h->hash % c->buckets_n];
        c->buckets[h->hash % c->buckets_n] = h;
        u->holders++;
        c->n_of_users += !u->privileged;
        if (++c->n > 2 * c->buckets_n)
                grow(c);
        return h;
}

/* A user that got no holder is not kept. */
static void user_drop_if_empty(struct lease_clock *c, struct lease_user *u)
{
        if (u->holders > 0)
                return;
        u->holders = 1;
        c->n_of_users += !u->privileged;
        user_less(c, u);
}

enum bdfs_status lease_clock_open(struct lease_clock *c, const char *name, const char *user,
                                  bool privileged, int64_t now_ms, struct bdfs_err *err)
{
        struct lease_user *u;
        struct holder *h;
        enum bdfs_status rc;
        AUTO_LOCK(&c->lock);

        h = find(c, name, hash_of(name));
        u = h != NULL ? h->user : user_get(c, user);
        if (u == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "lease of %s: no memory", user);
        if (u->holders == 0)
                u->privileged = privileged;
        rc = check_limits(c, u, h == NULL, err);
        if (rc == BDFS_OK && h == NULL) {
                h = holder_add(c, name, u);
                if (h == NULL)
                        rc = bdfs_fail(err, BDFS_NO_MEMORY, "lease of %s: no memory", user);
        }
        if (rc != BDFS_OK) {
                user_drop_if_empty(c, u);
                return rc;
        }
        u->files++;
        h->heard_ms = now_ms;
        return BDFS_OK;
}

bool lease_clock_renew(struct lease_clock *c, const char *name, int64_t now_ms)
{
        struct holder *h;
        AUTO_LOCK(&c->lock);

        h = find(c, name, hash_of(name));
        if (h != NULL)
                h->heard_ms = now_ms;
        return h != NULL;
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

static void sweep_bucket(struct lease_clock *c, struct holder **at, int64_t now_ms,
                         lease_files_of *files_of, void *arg)
{
        while (*at != NULL) {
                struct holder *h = *at;
                uint64_t files = files_of(arg, h->name);

                if (files == 0 && now_ms - h->heard_ms > LEASE_SETTLE_MS) {
                        *at = h->next;
                        user_less(c, h->user);
                        free(h);
                        c->n--;
                        continue;
                }
                if (files != LEASE_FILES_UNKNOWN)
                        h->user->counting += files;
                at = &h->next;
        }
}

/* The users' counts are those of this sweep from now on. What was opened meanwhile is in some of
 * them twice or not at all, until the next. */
static void take_counts(struct lease_clock *c)
{
        AUTO_LOCK(&c->lock);

        for (size_t i = 0; i < USER_BUCKETS; i++)
                for (struct lease_user *u = c->users[i]; u != NULL; u = u->next) {
                        u->files = u->counting;
                        u->counting = 0;
                }
}

void lease_clock_sweep(struct lease_clock *c, int64_t now_ms, lease_files_of *files_of, void *arg)
{
        size_t at = 0, end;

        do {
                AUTO_LOCK(&c->lock);

                end = c->buckets_n; /* it may have grown: some are looked at again, or not */
                for (size_t i = 0; i < SWEEP_BUCKETS && at < end; i++, at++)
                        sweep_bucket(c, &c->buckets[at], now_ms, files_of, arg);
        } while (at < end);
        take_counts(c);
}

uint64_t lease_clock_count(struct lease_clock *c)
{
        AUTO_LOCK(&c->lock);
        return c->n;
}
