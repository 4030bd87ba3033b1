#include "common/sim/os_sim_disk.h"

#include <stdlib.h>
#include <string.h>

#include "common/sim/os_sim_core.h"

#define CAPACITY_BYTES (UINT64_C(1) << 40)

/* One unsynced change of a name; both inodes may be NULL (nothing was, or is, there). */
struct name_change {
        struct name_change *older;
        struct disk_inode *dir;
        char *name;
        struct disk_inode *before;
        bool with_older; /* one change together with the older one: a rename */
};

struct sim_disk {
        struct disk_inode *root;
        struct name_change *newest;
        uint64_t capacity, used;
};

static void *must(void *p)
{
        BDFS_ASSERT(p != NULL); /* the simulator does not simulate its own lack of memory */
        return p;
}

struct sim_disk *sim_disk_new(void)
{
        struct sim_disk *d = must(calloc(1, sizeof(*d)));

        d->root = disk_inode_new(true);
        d->capacity = CAPACITY_BYTES;
        return d;
}

void sim_disk_limit(struct sim_disk *d, uint64_t bytes)
{
        d->capacity = bytes;
}

void sim_disk_room(const struct sim_disk *d, uint64_t *ret_bytes, uint64_t *ret_free)
{
        *ret_bytes = d->capacity;
        *ret_free = d->capacity > d->used ? d->capacity - d->used : 0;
}

bool disk_has_room(const struct sim_disk *d, uint64_t more)
{
        return d->used <= d->capacity && more <= d->capacity - d->used;
}

void disk_count_room(struct sim_disk *d, uint64_t before, uint64_t after)
{
        BDFS_ASSERT(d->used >= before);
        d->used = d->used - before + after;
}

/* ---- inodes ---- */

struct disk_inode *disk_inode_new(bool is_directory)
{
        struct disk_inode *i = must(calloc(1, sizeof(*i)));

        i->refs = 1;
        i->is_directory = is_directory;
        return i;
}

struct disk_inode *disk_inode_get(struct disk_inode *i)
{
        if (i != NULL)
                i->refs++;
        return i;
}

void disk_inode_put(struct sim_disk *d, struct disk_inode *i)
{
        if (i == NULL || --i->refs > 0)
                return;
        for (size_t e = 0; e < i->entries_n; e++) {
                free(i->entries[e].name);
                disk_inode_put(d, i->entries[e].inode);
        }
        free(i->entries);
        disk_free_bytes(d, i);
        free(i);
}

/* ---- names ---- */

static size_t entry_index(const struct disk_inode *dir, const char *name)
{
        size_t e = 0;

        while (e < dir->entries_n && strcmp(dir->entries[e].name, name) != 0)
                e++;
        return e;
}

struct disk_inode *disk_entry_get(const struct disk_inode *dir, const char *name)
{
        size_t e = entry_index(dir, name);

        return e == dir->entries_n ? NULL : dir->entries[e].inode;
}

/* Takes over a reference to @inode; answers the one that was there. */
static struct disk_inode *entry_swap(struct disk_inode *dir, const char *name,
                                     struct disk_inode *inode)
{
        size_t e = entry_index(dir, name);
        struct disk_inode *before = NULL;

        if (e < dir->entries_n) {
                before = dir->entries[e].inode;
                dir->entries[e].inode = inode;
                if (inode == NULL) {
                        free(dir->entries[e].name);
                        dir->entries[e] = dir->entries[--dir->entries_n];
                }
        } else if (inode != NULL) {
                if ((e & (e + 1)) == 0 || e == 0) /* room is always a power of two */
                        dir->entries = must(reallocarray(dir->entries, 2 * (e + 1),
                                                         sizeof(*dir->entries)));
                dir->entries[e].name = must(strdup(name));
                dir->entries[e].inode = inode;
                dir->entries_n++;
        }
        return before;
}

void disk_entry_set(struct sim_disk *d, struct disk_inode *dir, const char *name,
                    struct disk_inode *inode, bool with_last)
{
        struct name_change *c = must(calloc(1, sizeof(*c)));

        c->older = d->newest;
        c->dir = disk_inode_get(dir);
        c->name = must(strdup(name));
        c->before = entry_swap(dir, name, disk_inode_get(inode));
        c->with_older = with_last;
        d->newest = c;
}

static void change_free(struct sim_disk *d, struct name_change *c)
{
        disk_inode_put(d, c->dir);
        disk_inode_put(d, c->before);
        free(c->name);
        free(c);
}

void disk_sync_names(struct sim_disk *d, const struct disk_inode *dir)
{
        struct name_change **at = &d->newest;

        /* from the newest change of this directory, or what is one change with it, all older */
        while (*at != NULL && (*at)->dir != dir &&
               !((*at)->with_older && (*at)->older->dir == dir))
                at = &(*at)->older;
        while (*at != NULL) {
                struct name_change *c = *at;

                *at = c->older;
                change_free(d, c);
        }
}

static void lose_names(struct sim_disk *d)
{
        uint64_t n = 0, lost;

        for (const struct name_change *c = d->newest; c != NULL; c = c->older)
                n += !c->with_older;
        lost = sim_random(n + 1);
        while (d->newest != NULL) {
                struct name_change *c = d->newest;

                if (lost > 0) {
                        disk_inode_put(d, entry_swap(c->dir, c->name, disk_inode_get(c->before)));
                        lost -= !c->with_older;
                }
                d->newest = c->older;
                change_free(d, c);
        }
}

static void lose_below(struct sim_disk *d, struct disk_inode *i)
{
        i->lock_owner = NULL;
        disk_lose_bytes(d, i);
        for (size_t e = 0; e < i->entries_n; e++)
                lose_below(d, i->entries[e].inode);
}

void sim_disk_lose_power(struct sim_disk *d)
{
        lose_names(d);
        lose_below(d, d->root);
}

void sim_disk_free(struct sim_disk *d)
{
        while (d->newest != NULL) {
                struct name_change *c = d->newest;

                d->newest = c->older;
                change_free(d, c);
        }
        disk_inode_put(d, d->root);
        free(d);
}

/* ---- paths ---- */

static struct disk_inode *step(struct disk_inode *dir, const char *name, size_t n)
{
        char one[256];

        if (n >= sizeof(one))
                return NULL;
        memcpy(one, name, n);
        one[n] = '\0';
        return strcmp(one, ".") == 0 ? dir : disk_entry_get(dir, one);
}

enum bdfs_status disk_parent(struct sim_disk *d, const char *path, struct disk_inode **ret_dir,
                             const char **ret_name, struct bdfs_err *err)
{
        const char *at = path + strspn(path, "/"), *end;
        struct disk_inode *dir = d->root;

        while (end = strchrnul(at, '/'), *end != '\0' && end[strspn(end, "/")] != '\0') {
                if (!dir->is_directory)
                        break;
                dir = step(dir, at, (size_t)(end - at));
                if (dir == NULL)
                        return bdfs_fail(err, BDFS_NOT_FOUND, "%s: no such directory", path);
                at = end + strspn(end, "/");
        }
        if (!dir->is_directory)
                return bdfs_fail(err, BDFS_NOT_DIRECTORY, "%s: not a directory on the way", path);
        if (*at == '\0' || strlen(at) > 255 || *end != '\0')
                return bdfs_fail(err, BDFS_INVALID, "%s: not a name", path);
        *ret_dir = dir;
        *ret_name = at;
        return BDFS_OK;
}

enum bdfs_status disk_find(struct sim_disk *d, const char *path, struct disk_inode **ret,
                           struct bdfs_err *err)
{
        struct disk_inode *i = d->root;

        for (const char *at = path + strspn(path, "/"); *at != '\0';) {
                size_t n = strcspn(at, "/");

                if (!i->is_directory)
                        return bdfs_fail(err, BDFS_NOT_DIRECTORY, "%s: not a directory on the way",
                                         path);
                i = step(i, at, n);
                if (i == NULL)
                        return bdfs_fail(err, BDFS_NOT_FOUND, "%s: No such file or directory",
                                         path);
                at += n + strspn(at + n, "/");
        }
        *ret = i;
        return BDFS_OK;
}
