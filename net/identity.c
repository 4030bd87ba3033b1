#include "net/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/limits.h"

#define CACHE_SETS 128
#define CACHE_WAYS 4

/* What the host said about one key: names packed as NUL-terminated strings after the key. */
struct cached {
        int64_t expires_ms;
        size_t names_n;
        char text[]; /* key, then the names */
};

/* Set-associative, so bounded: a new answer takes the place of the one in its set that expires
 * first. */
struct cache {
        struct cached *sets[CACHE_SETS][CACHE_WAYS];
};

struct identity {
        uid_t owner;
        size_t gateways_n;
        uid_t gateways[IDENTITY_GATEWAYS_MAX];
        struct os_mutex lock;
        struct cache groups; /* guarded by: lock; key: user name */
        struct cache names;  /* guarded by: lock; key: uid in decimal */
        struct cache uids;   /* guarded by: lock; key: user name; the uid in decimal, or none */
        char supergroup[OS_NAME_BYTES]; /* "": none; set before there are callers */
};

static struct cached **cache_set(struct cache *c, const char *key)
{
        uint32_t hash = 2166136261u;

        for (const char *p = key; *p != '\0'; p++)
                hash = (hash ^ (uint8_t)*p) * 16777619u;
        return c->sets[hash % CACHE_SETS];
}

static const struct cached *cache_find(struct cache *c, const char *key, int64_t now_ms)
{
        struct cached **set = cache_set(c, key);

        for (size_t i = 0; i < CACHE_WAYS; i++)
                if (set[i] != NULL && set[i]->expires_ms > now_ms &&
                    strcmp(set[i]->text, key) == 0)
                        return set[i];
        return NULL;
}

static struct cached *cached_make(const char *key, const struct os_groups *names)
{
        size_t key_n = strlen(key) + 1, bytes = key_n;
        struct cached *e;
        char *at;

        for (size_t i = 0; i < names->n; i++)
                bytes += strlen(names->names[i]) + 1;
        e = malloc(sizeof(*e) + bytes);
        if (e == NULL)
                return NULL;
        e->names_n = names->n;
        memcpy(e->text, key, key_n);
        at = e->text + key_n;
        for (size_t i = 0; i < names->n; i++) {
                size_t n = strlen(names->names[i]) + 1;

                memcpy(at, names->names[i], n);
                at += n;
        }
        return e;
}

/* Without memory nothing is kept: the next caller asks the host again. */
static void cache_put(struct cache *c, const char *key, const struct os_groups *names,
                      int64_t now_ms)
{
        struct cached **set = cache_set(c, key), *e = cached_make(key, names);
        size_t victim = 0;

        if (e == NULL)
                return;
        e->expires_ms = now_ms + IDENTITY_CACHE_MS;
        for (size_t i = 0; i < CACHE_WAYS; i++) {
                if (set[i] == NULL || strcmp(set[i]->text, key) == 0) {
                        victim = i;
                        break;
                }
                if (set[i]->expires_ms < set[victim]->expires_ms)
                        victim = i;
        }
        free(set[victim]);
        set[victim] = e;
}

static void cache_fini(struct cache *c)
{
        for (size_t i = 0; i < CACHE_SETS; i++)
                for (size_t k = 0; k < CACHE_WAYS; k++)
                        free(c->sets[i][k]);
}

void identity_forget(struct identity *id)
{
        AUTO_LOCK(&id->lock);

        cache_fini(&id->groups);
        cache_fini(&id->names);
        id->groups = id->names = (struct cache){0};
}

static void cached_names(const struct cached *e, struct os_groups *ret)
{
        const char *at = e->text + strlen(e->text) + 1;

        BDFS_ASSERT(e->names_n <= OS_GROUPS_MAX);
        ret->n = e->names_n;
        for (size_t i = 0; i < e->names_n; i++) {
                size_t n = strlen(at) + 1;

                BDFS_ASSERT(n <= OS_NAME_BYTES);
                memcpy(ret->names[i], at, n);
                at += n;
        }
}

enum bdfs_status identity_new(struct identity **ret, uid_t owner, const uid_t *gateways,
                              size_t gateways_n, struct bdfs_err *err)
{
        struct identity *id;

        if (gateways_n > IDENTITY_GATEWAYS_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "%zu gateway users, at most %d", gateways_n,
                                 IDENTITY_GATEWAYS_MAX);
        id = calloc(1, sizeof(*id));
        if (id == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "identity: no memory");
        id->owner = owner;
        id->gateways_n = gateways_n;
        for (size_t i = 0; i < gateways_n; i++)
                id->gateways[i] = gateways[i];
        os_mutex_init(&id->lock);
        *ret = id;
        return BDFS_OK;
}

void identity_free(struct identity *id)
{
        if (id == NULL)
                return;
        cache_fini(&id->groups);
        cache_fini(&id->names);
        cache_fini(&id->uids);
        os_mutex_fini(&id->lock);
        free(id);
}

uid_t identity_owner(const struct identity *id)
{
        return id->owner;
}

void identity_set_supergroup(struct identity *id, const char *group)
{
        BDFS_ASSERT(strlen(group) < sizeof(id->supergroup));
        memcpy(id->supergroup, group, strlen(group) + 1);
}

static bool is_gateway(const struct identity *id, uid_t uid)
{
        for (size_t i = 0; i < id->gateways_n; i++)
                if (id->gateways[i] == uid)
                        return true;
        return false;
}

static enum bdfs_status host_name(uid_t uid, char ret[OS_NAME_BYTES], struct bdfs_err *err)
{
        enum bdfs_status status = os_user_name(uid, ret, err);

        if (status == BDFS_NOT_FOUND)
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "uid %u has no user name on this host, so it can be given no "
                                 "rights; add it to the host's users", (unsigned)uid);
        if (status != BDFS_OK)
                return bdfs_wrap(err, "looking up the name of uid %u", (unsigned)uid);
        return BDFS_OK;
}

static enum bdfs_status uid_name(struct identity *id, uid_t uid, char ret[OS_NAME_BYTES],
                                 struct bdfs_err *err)
{
        AUTO_FREE struct os_groups *one = NULL;
        const struct cached *hit;
        enum bdfs_status status;
        char key[16];

        (void)snprintf(key, sizeof(key), "%u", (unsigned)uid);
        {
                AUTO_LOCK(&id->lock);
                hit = cache_find(&id->names, key, os_mono_ms());
                if (hit != NULL) {
                        memcpy(ret, hit->text + strlen(key) + 1,
                               strlen(hit->text + strlen(key) + 1) + 1);
                        return BDFS_OK;
                }
        }
        status = host_name(uid, ret, err);
        if (status != BDFS_OK)
                return status;
        one = malloc(sizeof(*one));
        if (one == NULL)
                return BDFS_OK;
        one->n = 1;
        memcpy(one->names[0], ret, OS_NAME_BYTES);
        AUTO_LOCK(&id->lock);
        cache_put(&id->names, key, one, os_mono_ms());
        return BDFS_OK;
}

static bool user_name_good(const char *name)
{
        size_t n = strnlen(name, OS_NAME_BYTES);

        if (n == 0 || n > USER_NAME_BYTES_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if ((uint8_t)name[i] < 0x20 || name[i] == 0x7f || name[i] == '/' || name[i] == ':')
                        return false;
        return true;
}

/* ---- who may name whom -------------------------------------------------------------------- */

static bool uids_find(struct identity *id, const char *name, bool *ret_known, uid_t *ret)
{
        const struct cached *hit;
        AUTO_LOCK(&id->lock);

        hit = cache_find(&id->uids, name, os_mono_ms());
        if (hit == NULL)
                return false;
        *ret_known = hit->names_n == 1;
        if (*ret_known)
                *ret = (uid_t)strtoul(hit->text + strlen(name) + 1, NULL, 10);
        return true;
}

/* The host's uid of @name; *ret_known false: it has no such user. */
static enum bdfs_status name_uid(struct identity *id, const char *name, bool *ret_known,
                                 uid_t *ret, struct bdfs_err *err)
{
        AUTO_FREE struct os_groups *one = NULL;
        enum bdfs_status status;
        gid_t gid;

        if (uids_find(id, name, ret_known, ret))
                return BDFS_OK;
        status = os_user_id(name, ret, &gid, err);
        if (status != BDFS_OK && status != BDFS_NOT_FOUND)
                return bdfs_wrap(err, "looking up user %s", name);
        *ret_known = status == BDFS_OK;
        one = malloc(sizeof(*one));
        if (one == NULL)
                return BDFS_OK;
        one->n = *ret_known ? 1 : 0;
        if (*ret_known)
                (void)snprintf(one->names[0], OS_NAME_BYTES, "%u", (unsigned)*ret);
        AUTO_LOCK(&id->lock);
        cache_put(&id->uids, name, one, os_mono_ms());
        return BDFS_OK;
}

static bool in_supergroup(struct identity *id, const char *name)
{
        AUTO_FREE struct os_groups *groups = NULL;

        if (id->supergroup[0] == '\0')
                return false;
        groups = malloc(sizeof(*groups));
        if (groups == NULL)
                return true; /* not known: as if it were */
        identity_groups(id, name, groups);
        for (size_t i = 0; i < groups->n; i++)
                if (strcmp(groups->names[i], id->supergroup) == 0)
                        return true;
        return false;
}

/* Whether @name has, or might have, a superuser's rights. A name may have another uid's number
 * behind it, and a uid several names: both are compared. */
static enum bdfs_status check_no_superuser(struct identity *id, const char *name,
                                           struct bdfs_err *err)
{
        char owner[OS_NAME_BYTES];
        uid_t uid = 0;
        bool known = false;
        enum bdfs_status status = name_uid(id, name, &known, &uid, err);

        if (status == BDFS_OK)
                status = uid_name(id, id->owner, owner, err);
        if (status != BDFS_OK)
                return status;
        if (strcmp(name, owner) == 0 || strcmp(name, "root") == 0 ||
            (known && (uid == 0 || uid == id->owner)) || in_supergroup(id, name))
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "%s is a superuser, and a gateway may not name one", name);
        return BDFS_OK;
}

/* @uid, whose own name is @real, acts as @name. */
static enum bdfs_status check_claim(struct identity *id, uid_t uid, const char *real,
                                    const char *name, struct bdfs_err *err)
{
        if (strcmp(name, real) == 0)
                return BDFS_OK;
        if (!user_name_good(name))
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "user %s (uid %u) claims a name that no user can have", real,
                                 (unsigned)uid);
        if (uid == 0)
                return BDFS_OK;
        if (!is_gateway(id, uid))
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "user %s (uid %u) may not act as user %s; only root and "
                                 "configured gateways may", real, (unsigned)uid, name);
        if (check_no_superuser(id, name, err) != BDFS_OK)
                return bdfs_wrap(err, "user %s (uid %u)", real, (unsigned)uid);
        return BDFS_OK;
}

bool identity_may_forward(struct identity *id, const struct os_peer *peer, const char *user)
{
        if (!peer->known)
                return false;
        if (peer->uid == 0 || peer->uid == id->owner)
                return true;
        return is_gateway(id, peer->uid) && check_no_superuser(id, user, NULL) == BDFS_OK;
}

enum bdfs_status identity_check_real(struct identity *id, const struct os_peer *peer,
                                     const char *real, struct bdfs_err *err)
{
        char own[OS_NAME_BYTES];
        enum bdfs_status status;

        if (!peer->known)
                return bdfs_fail(err, BDFS_PERMISSION, "the peer's owner is not known");
        status = uid_name(id, peer->uid, own, err);
        return status != BDFS_OK ? status : check_claim(id, peer->uid, own, real, err);
}

enum bdfs_status identity_caller(struct identity *id, const struct os_peer *peer,
                                 const char *claimed, struct caller *ret, struct bdfs_err *err)
{
        struct caller c = {0};
        enum bdfs_status status;

        if (!peer->known)
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "the kernel names no owner for the peer's socket; it was closed "
                                 "at once or is not on this host");
        status = uid_name(id, peer->uid, c.real, err);
        if (status != BDFS_OK)
                return status;
        c.uid = peer->uid;
        if (claimed == NULL || claimed[0] == '\0')
                claimed = c.real;
        status = check_claim(id, peer->uid, c.real, claimed, err);
        if (status != BDFS_OK)
                return status;
        memcpy(c.user, claimed, strlen(claimed) + 1);
        c.is_owner = c.uid == id->owner && strcmp(c.user, c.real) == 0;
        *ret = c;
        return BDFS_OK;
}

void identity_groups(struct identity *id, const char *user, struct os_groups *ret)
{
        const struct cached *hit;
        enum bdfs_status status;

        ret->n = 0;
        if (!user_name_good(user))
                return;
        {
                AUTO_LOCK(&id->lock);
                hit = cache_find(&id->groups, user, os_mono_ms());
                if (hit != NULL) {
                        cached_names(hit, ret);
                        return;
                }
        }
        status = os_user_groups(user, ret, NULL);
        if (status != BDFS_OK)
                ret->n = 0;
        if (status != BDFS_OK && status != BDFS_NOT_FOUND && status != BDFS_LIMIT)
                return; /* the host could not say: ask again next time */
        AUTO_LOCK(&id->lock);
        cache_put(&id->groups, user, ret, os_mono_ms());
}
