#include "fuse/kept.h"

#include <stdio.h>
#include <string.h>

#define OTHERS 0077u /* rights of anybody but the owner */

void kept_init(struct kept *k)
{
        *k = (struct kept){0};
        os_mutex_init(&k->lock);
}

void kept_fini(struct kept *k)
{
        os_mutex_fini(&k->lock);
}

static void copy_name(char to[OS_NAME_BYTES], const char *from)
{
        (void)snprintf(to, OS_NAME_BYTES, "%s", from);
}

/* A name that does not fit could not be compared, nor sent. */
static bool fits(const char *name)
{
        return strlen(name) < OS_NAME_BYTES;
}

void kept_begin(struct kept *k, const struct conn *maker, const struct bdfs_file *file)
{
        struct bdfs_stat st;
        AUTO_LOCK(&k->lock);

        bdfs_file_stat(file, &st);
        if (!fits(st.owner) || !fits(st.group))
                return;
        k->maker = maker;
        k->may_give = bdfs_file_by_superuser(file);
        k->mode = st.mode;
        copy_name(k->owner, st.owner);
        copy_name(k->group, st.group);
}

static bool any(const struct kept_values *v)
{
        return v->has_mode || v->has_owner || v->has_group || v->has_mtime || v->has_atime;
}

bool kept_look(struct kept *k, struct kept_values *ret)
{
        AUTO_LOCK(&k->lock);

        *ret = k->values;
        return any(ret);
}

bool kept_take(struct kept *k, struct kept_values *ret)
{
        AUTO_LOCK(&k->lock);

        k->maker = NULL;
        *ret = k->values;
        return any(ret);
}

void kept_end(struct kept *k)
{
        AUTO_LOCK(&k->lock);

        k->maker = NULL;
        k->values = (struct kept_values){0};
        k->wrote_ms = 0;
}

/* Mode and owner need not be told again; times do: the end of the file sets one anew. */
void kept_told(struct kept *k, const struct kept_values *what)
{
        AUTO_LOCK(&k->lock);

        if (what->has_mode && k->values.mode == what->mode)
                k->values.has_mode = false;
        if (what->has_owner && strcmp(k->values.owner, what->owner) == 0)
                k->values.has_owner = false;
        if (what->has_group && strcmp(k->values.group, what->group) == 0)
                k->values.has_group = false;
}

void kept_wrote(struct kept *k)
{
        AUTO_LOCK(&k->lock);

        k->wrote_ms = os_wall_ms();
        k->values.has_mtime = false; /* a write sets it */
}

/* ---- changes --------------------------------------------------------------------------------- */

/* A right that is taken away must be gone at once, wherever it is asked for. */
bool kept_mode(struct kept *k, const struct conn *who, uint32_t mode)
{
        AUTO_LOCK(&k->lock);

        if (k->maker == NULL || k->maker != who || (k->mode & ~mode) != 0)
                return false;
        k->values.has_mode = k->values.has_mode || k->mode != mode;
        k->values.mode = k->mode = mode;
        return true;
}

static bool is_same(const char *name, const char *have)
{
        return name == NULL || strcmp(name, have) == 0;
}

/* Only the superuser may give a file away, and only while nobody but the owner has a right that
 * could be taken from a group by it. */
bool kept_owner(struct kept *k, const struct conn *who, const char *owner, const char *group)
{
        AUTO_LOCK(&k->lock);

        if (k->maker == NULL || k->maker != who)
                return false;
        if (is_same(owner, k->owner) && is_same(group, k->group))
                return true;
        if (!k->may_give || (k->mode & OTHERS) != 0 || (owner != NULL && !fits(owner)) ||
            (group != NULL && !fits(group)))
                return false;
        if (owner != NULL) {
                k->values.has_owner = true;
                copy_name(k->values.owner, owner);
                copy_name(k->owner, owner);
        }
        if (group != NULL) {
                k->values.has_group = true;
                copy_name(k->values.group, group);
                copy_name(k->group, group);
        }
        return true;
}

bool kept_times(struct kept *k, const struct conn *who, const struct bdfs_times *times)
{
        AUTO_LOCK(&k->lock);

        if (k->maker == NULL || k->maker != who)
                return false;
        if (times->mtime_now || times->mtime_ms >= 0) {
                k->values.has_mtime = !times->mtime_now; /* the end sets "now" */
                k->values.mtime_ms = times->mtime_ms;
                k->wrote_ms = os_wall_ms();
        }
        if (times->atime_now || times->atime_ms >= 0) {
                k->values.has_atime = true;
                k->values.atime_ms = times->atime_now ? os_wall_ms() : times->atime_ms;
        }
        return true;
}

void kept_asked(struct kept *k, const uint32_t *mode, const char *owner, const char *group)
{
        AUTO_LOCK(&k->lock);

        if (mode != NULL)
                k->mode = *mode;
        if (owner != NULL)
                copy_name(k->owner, owner);
        if (group != NULL)
                copy_name(k->group, group);
}

/* ---- shown ----------------------------------------------------------------------------------- */

void kept_show(struct kept *k, struct bdfs_stat *st)
{
        const struct kept_values *v = &k->values;
        AUTO_LOCK(&k->lock);

        if (v->has_mode)
                st->mode = v->mode;
        if (v->has_owner)
                (void)snprintf(st->owner, sizeof(st->owner), "%s", v->owner);
        if (v->has_group)
                (void)snprintf(st->group, sizeof(st->group), "%s", v->group);
        if (v->has_atime)
                st->atime_ms = v->atime_ms;
        if (v->has_mtime)
                st->mtime_ms = v->mtime_ms;
        else if (k->wrote_ms > st->mtime_ms)
                st->mtime_ms = k->wrote_ms;
}
