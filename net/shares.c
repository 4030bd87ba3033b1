#include "net/shares.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

#define BUCKETS 256
#define SHARES_LOG_MS 1000

struct share {
        struct share *next; /* in its bucket */
        uint32_t hash;
        uid_t uid;          /* meaningless with a name */
        uint32_t connections;
        uint64_t bytes;
        int64_t punished_until_ms;
        bool privileged;
        char user[]; /* "": by uid */
};

struct shares {
        uid_t owner;
        uint32_t connections_max, connections_strangers, connections_each;
        uint64_t bytes_max, bytes_strangers, bytes_each;
        struct os_mutex lock;
        int64_t log_ms;    /* guarded by: lock; when a line may be logged again */
        unsigned held_back; /* guarded by: lock */
        bool closed; /* guarded by: lock; the last connection frees all */
        /* guarded by: lock; those of privileged identities are in the first of two only */
        uint32_t connections, connections_taken;
        uint64_t bytes, bytes_taken;
        struct share *buckets[BUCKETS];
};

static uint64_t strangers_of(uint64_t all)
{
        return all - all / SHARES_RESERVE_PART;
}

static uint64_t least(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static uint64_t at_least_one(uint64_t n)
{
        return n > 0 ? n : 1;
}

enum bdfs_status shares_new(struct shares **ret, const struct shares_config *config,
                            struct bdfs_err *err)
{
        struct shares *s = calloc(1, sizeof(*s));
        uint32_t files = os_files_max() / SHARES_FILES_PART;

        BDFS_ASSERT(config->connections_max > 0);
        if (s == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "limits: no memory");
        os_mutex_init(&s->lock);
        s->owner = config->owner;
        s->connections_max = (uint32_t)at_least_one(least(config->connections_max, files));
        s->connections_strangers = (uint32_t)at_least_one(strangers_of(s->connections_max));
        s->connections_each = (uint32_t)at_least_one(
                least(CONNECTIONS_EACH_MAX, s->connections_strangers / 2));
        s->bytes_max = config->bytes_max;
        s->bytes_strangers = strangers_of(s->bytes_max);
        s->bytes_each = s->bytes_strangers / SHARES_BYTES_PART;
        *ret = s;
        return BDFS_OK;
}

static void shares_destroy(struct shares *s)
{
        BDFS_ASSERT(s->connections == 0);
        BDFS_ASSERT(s->bytes == 0);
        os_mutex_fini(&s->lock);
        free(s);
}

void shares_free(struct shares *s)
{
        bool last;

        if (s == NULL)
                return;
        os_mutex_lock(&s->lock);
        BDFS_ASSERT(!s->closed);
        s->closed = true;
        last = s->connections == 0;
        os_mutex_unlock(&s->lock);
        if (last)
                shares_destroy(s);
}

uint32_t shares_connections_each(const struct shares *s)
{
        return s->connections_each;
}

uint64_t shares_bytes_each(const struct shares *s)
{
        return s->bytes_each;
}

/* ---- identities (with lock held) ---------------------------------------------------------- */

static uint32_t hash_of(uid_t uid, const char *user)
{
        uint32_t hash = 2166136261u ^ (user[0] == '\0' ? uid : 0); /* FNV-1a */

        for (const char *p = user; *p != '\0'; p++)
                hash = (hash ^ (uint8_t)*p) * 16777619u;
        return hash;
}

static bool share_is(const struct share *i, uid_t uid, const char *user)
{
        if (user[0] == '\0')
                return i->user[0] == '\0' && i->uid == uid;
        return strcmp(i->user, user) == 0;
}

static struct share *share_get(struct shares *s, uid_t uid, const char *user)
{
        uint32_t hash = hash_of(uid, user);
        size_t user_n = strlen(user) + 1;
        struct share *i = s->buckets[hash % BUCKETS];

        while (i != NULL && !share_is(i, uid, user))
                i = i->next;
        if (i != NULL)
                return i;
        i = calloc(1, sizeof(*i) + user_n);
        if (i == NULL)
                return NULL;
        memcpy(i->user, user, user_n);
        i->uid = uid;
        i->hash = hash;
        i->privileged = user[0] == '\0' && (uid == 0 || uid == s->owner);
        i->next = s->buckets[hash % BUCKETS];
        s->buckets[hash % BUCKETS] = i;
        return i;
}

static void share_drop_if_empty(struct shares *s, struct share *share)
{
        struct share **at = &s->buckets[share->hash % BUCKETS];

        if (share->connections > 0)
                return;
        BDFS_ASSERT(share->bytes == 0);
        while (*at != share)
                at = &(*at)->next;
        *at = share->next;
        free(share);
}

static bool is_punished(const struct share *share)
{
        return share->punished_until_ms > 0 && os_mono_ms() < share->punished_until_ms;
}

static bool connections_take(struct shares *s, struct share *share)
{
        if (s->connections >= s->connections_max)
                return false;
        if (!share->privileged && (share->connections >= s->connections_each ||
                                   s->connections_taken >= s->connections_strangers ||
                                   is_punished(share)))
                return false;
        s->connections++;
        s->connections_taken += !share->privileged;
        share->connections++;
        return true;
}

static void connections_give(struct shares *s, struct share *share)
{
        BDFS_ASSERT(share->connections > 0);
        BDFS_ASSERT(s->connections > 0);
        s->connections--;
        s->connections_taken -= !share->privileged;
        share->connections--;
}

static bool bytes_take(struct shares *s, struct share *share, uint64_t bytes)
{
        if (bytes > s->bytes_max - s->bytes)
                return false;
        if (!share->privileged && (share->bytes + bytes > s->bytes_each ||
                                   s->bytes_taken + bytes > s->bytes_strangers))
                return false;
        s->bytes += bytes;
        s->bytes_taken += share->privileged ? 0 : bytes;
        share->bytes += bytes;
        return true;
}

static void bytes_give(struct shares *s, struct share *share, uint64_t bytes)
{
        BDFS_ASSERT(share->bytes >= bytes);
        BDFS_ASSERT(s->bytes >= bytes);
        s->bytes -= bytes;
        s->bytes_taken -= share->privileged ? 0 : bytes;
        share->bytes -= bytes;
}

static enum bdfs_status refuse(const struct shares *s, const struct share *share,
                               struct bdfs_err *err)
{
        if (is_punished(share))
                return bdfs_fail(err, BDFS_LIMIT, "uid %u sends more than one user may: its "
                                 "connections are refused for a moment", (unsigned)share->uid);
        if (share->privileged || share->connections < s->connections_each)
                return bdfs_fail(err, BDFS_LIMIT,
                                 "as many connections as are allowed are open: %" PRIu32
                                 " of all users, %" PRIu32 " with the cluster's own",
                                 s->connections_taken, s->connections);
        if (share->user[0] != '\0')
                return bdfs_fail(err, BDFS_LIMIT, "user %s has %" PRIu32 " connections, as many "
                                 "as one user may have: close some", share->user,
                                 share->connections);
        return bdfs_fail(err, BDFS_LIMIT, "uid %u has %" PRIu32 " connections, as many as one "
                         "user may have: close some", (unsigned)share->uid, share->connections);
}

/* ---- from outside -------------------------------------------------------------------------- */

static enum bdfs_status enter(struct shares *s, uid_t uid, const char *user, struct share **ret,
                              struct bdfs_err *err)
{
        struct share *share = share_get(s, uid, user);

        if (share == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "connection: no memory");
        if (!connections_take(s, share)) {
                (void)refuse(s, share, err);
                share_drop_if_empty(s, share);
                return BDFS_LIMIT;
        }
        *ret = share;
        return BDFS_OK;
}

enum bdfs_status shares_enter(struct shares *s, uid_t uid, struct share **ret,
                              struct bdfs_err *err)
{
        AUTO_LOCK(&s->lock);
        return enter(s, uid, "", ret, err);
}

enum bdfs_status shares_move(struct shares *s, struct share **share, const char *user,
                             uint64_t bytes, struct bdfs_err *err)
{
        struct share *from = *share, *to = NULL;
        enum bdfs_status rc;
        bool back;
        AUTO_LOCK(&s->lock);

        BDFS_ASSERT(user[0] != '\0');
        BDFS_ASSERT(from->bytes >= bytes);
        connections_give(s, from); /* or the last free place could not be moved to */
        bytes_give(s, from, bytes);
        rc = enter(s, 0, user, &to, err);
        if (rc == BDFS_OK && !bytes_take(s, to, bytes)) {
                connections_give(s, to);
                share_drop_if_empty(s, to);
                rc = bdfs_fail(err, BDFS_LIMIT, "user %s has as many bytes under way as one "
                               "user may have", user);
        }
        if (rc == BDFS_OK) {
                share_drop_if_empty(s, from);
                *share = to;
                return BDFS_OK;
        }
        from->punished_until_ms = 0;
        back = connections_take(s, from) && bytes_take(s, from, bytes);
        BDFS_ASSERT(back); /* the lock was held all the time */
        return rc;
}

void shares_leave(struct shares *s, struct share *share)
{
        bool last;

        os_mutex_lock(&s->lock);
        connections_give(s, share);
        share_drop_if_empty(s, share);
        last = s->closed && s->connections == 0;
        os_mutex_unlock(&s->lock);
        if (last)
                shares_destroy(s);
}

bool shares_take(struct shares *s, struct share *share, uint64_t bytes)
{
        AUTO_LOCK(&s->lock);
        return bytes_take(s, share, bytes);
}

void shares_punish(struct shares *s, struct share *share)
{
        AUTO_LOCK(&s->lock);
        if (!share->privileged)
                share->punished_until_ms = os_mono_ms() + SHARES_PENALTY_MS;
}

void shares_give(struct shares *s, struct share *share, uint64_t bytes)
{
        AUTO_LOCK(&s->lock);
        bytes_give(s, share, bytes);
}

bool shares_may_log(struct shares *s, unsigned *ret_more)
{
        int64_t now_ms = os_mono_ms();
        AUTO_LOCK(&s->lock);

        if (now_ms < s->log_ms) {
                s->held_back++;
                return false;
        }
        s->log_ms = now_ms + SHARES_LOG_MS;
        *ret_more = s->held_back;
        s->held_back = 0;
        return true;
}

void shares_check(struct shares *s)
{
        uint64_t connections = 0, taken = 0, bytes = 0, bytes_taken = 0;
        AUTO_LOCK(&s->lock);

        for (size_t b = 0; b < BUCKETS; b++)
                for (const struct share *i = s->buckets[b]; i != NULL; i = i->next) {
                        BDFS_ASSERT(i->connections > 0);
                        connections += i->connections;
                        bytes += i->bytes;
                        taken += i->privileged ? 0 : i->connections;
                        bytes_taken += i->privileged ? 0 : i->bytes;
                }
        BDFS_ASSERT(connections == s->connections);
        BDFS_ASSERT(taken == s->connections_taken);
        BDFS_ASSERT(bytes == s->bytes);
        BDFS_ASSERT(bytes_taken == s->bytes_taken);
}
