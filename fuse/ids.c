#include "fuse/ids.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NSS_BYTES_FIRST 1024
#define NSS_BYTES_MAX (1u << 20) /* a group's list of members can be long */

enum kind { USER_OF_UID, GROUP_OF_GID, UID_OF_USER, GID_OF_GROUP, KINDS };

struct row {
        int64_t until_ms; /* 0: empty */
        uint32_t id;
        bool known;       /* the host has it */
        char name[OS_NAME_BYTES];
};

struct ids {
        struct os_mutex lock;
        struct row rows[KINDS][IDS_ROWS]; /* guarded by: lock */
};

struct ids *ids_new(void)
{
        struct ids *ids = calloc(1, sizeof(*ids));

        if (ids != NULL)
                os_mutex_init(&ids->lock);
        return ids;
}

void ids_free(struct ids *ids)
{
        if (ids == NULL)
                return;
        os_mutex_fini(&ids->lock);
        free(ids);
}

/* ---- the name service ------------------------------------------------------------------------ */

static int ask_once(enum kind kind, struct row *r, char *room, size_t n)
{
        struct passwd pw, *p = NULL;
        struct group gr, *g = NULL;
        int rc = 0;

        switch (kind) {
        case USER_OF_UID:
                rc = getpwuid_r(r->id, &pw, room, n, &p);
                break;
        case UID_OF_USER:
                rc = getpwnam_r(r->name, &pw, room, n, &p);
                break;
        case GROUP_OF_GID:
                rc = getgrgid_r(r->id, &gr, room, n, &g);
                break;
        case GID_OF_GROUP:
                rc = getgrnam_r(r->name, &gr, room, n, &g);
                break;
        case KINDS:
                break;
        }
        r->known = p != NULL || g != NULL;
        if (kind == UID_OF_USER && p != NULL)
                r->id = p->pw_uid;
        else if (kind == GID_OF_GROUP && g != NULL)
                r->id = g->gr_gid;
        else if (kind == USER_OF_UID && p != NULL)
                (void)snprintf(r->name, sizeof(r->name), "%s", p->pw_name);
        else if (kind == GROUP_OF_GID && g != NULL)
                (void)snprintf(r->name, sizeof(r->name), "%s", g->gr_name);
        return rc;
}

static void ask(enum kind kind, struct row *r)
{
        for (size_t n = NSS_BYTES_FIRST; n <= NSS_BYTES_MAX; n *= 4) {
                char *room = malloc(n);
                int rc = room == NULL ? ENOMEM : ask_once(kind, r, room, n);

                free(room);
                if (rc != ERANGE)
                        return;
        }
}

/* ---- the caches ------------------------------------------------------------------------------ */

static size_t place_of(enum kind kind, const struct row *r)
{
        uint64_t hash = 0xcbf29ce484222325u;

        if (kind == USER_OF_UID || kind == GROUP_OF_GID)
                return r->id % IDS_ROWS;
        for (const char *c = r->name; *c != '\0'; c++)
                hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
        return hash >> 32 & (IDS_ROWS - 1);
}

/* Fill what is missing in @r, from the cache or the host. */
static void look_up(struct ids *ids, enum kind kind, struct row *r)
{
        size_t place = place_of(kind, r);
        bool by_id = kind == USER_OF_UID || kind == GROUP_OF_GID;
        struct row *have = &ids->rows[kind][place];

        os_mutex_lock(&ids->lock);
        if (have->until_ms > os_mono_ms() &&
            (by_id ? have->id == r->id : strcmp(have->name, r->name) == 0)) {
                *r = *have;
                os_mutex_unlock(&ids->lock);
                return;
        }
        os_mutex_unlock(&ids->lock);
        ask(kind, r);
        r->until_ms = os_mono_ms() + IDS_KEEP_MS;
        os_mutex_lock(&ids->lock);
        *have = *r;
        os_mutex_unlock(&ids->lock);
}

/* ---- what is asked --------------------------------------------------------------------------- */

void ids_caller(struct ids *ids, uid_t uid, char ret[OS_NAME_BYTES])
{
        struct row r = {.id = uid};

        look_up(ids, USER_OF_UID, &r);
        (void)snprintf(ret, OS_NAME_BYTES, "%s", r.known ? r.name : "nobody");
}

static void name_or_digits(struct ids *ids, enum kind kind, uint32_t id, char ret[OS_NAME_BYTES])
{
        struct row r = {.id = id};

        look_up(ids, kind, &r);
        if (r.known)
                (void)snprintf(ret, OS_NAME_BYTES, "%s", r.name);
        else
                (void)snprintf(ret, OS_NAME_BYTES, "%u", id);
}

void ids_user_name(struct ids *ids, uid_t uid, char ret[OS_NAME_BYTES])
{
        name_or_digits(ids, USER_OF_UID, uid, ret);
}

void ids_group_name(struct ids *ids, gid_t gid, char ret[OS_NAME_BYTES])
{
        name_or_digits(ids, GROUP_OF_GID, gid, ret);
}

/* "1234" as 1234; what is no such number as IDS_NOBODY. */
static uint32_t of_digits(const char *name)
{
        size_t n = strlen(name);
        unsigned long long v;

        if (n == 0 || n > 10 || strspn(name, "0123456789") != n || name[0] == '0')
                return IDS_NOBODY;
        v = strtoull(name, NULL, 10);
        return v < UINT32_MAX ? (uint32_t)v : IDS_NOBODY;
}

static uint32_t id_of(struct ids *ids, enum kind kind, const char *name)
{
        struct row r = {0};

        if (strlen(name) >= sizeof(r.name))
                return IDS_NOBODY;
        memcpy(r.name, name, strlen(name) + 1);
        look_up(ids, kind, &r);
        return r.known ? r.id : of_digits(name);
}

uid_t ids_uid(struct ids *ids, const char *user)
{
        return id_of(ids, UID_OF_USER, user);
}

gid_t ids_gid(struct ids *ids, const char *group)
{
        return id_of(ids, GID_OF_GROUP, group);
}
