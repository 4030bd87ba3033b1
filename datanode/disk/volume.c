#include "datanode/disk/volume.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define VERSION_BYTES_MAX 4096

struct name_sync {
        uint64_t asked, done; /* tickets */
        bool running;
};

struct volume {
        char dir[VOLUME_PATH_BYTES - 64];
        char uuid[VOLUME_UUID_BYTES];
        struct os_file *lock_file;
        atomic_bool failed;

        struct os_mutex lock;
        struct os_cond synced;
        /* guarded by: lock */
        struct name_sync names[VOLUME_SUBDIRS];
        bool sync_failed; /* no directory is synced again (P1) */
};

/* ---- names -------------------------------------------------------------------------------- */

const char *volume_dir(const struct volume *v)
{
        return v->dir;
}

const char *volume_uuid(const struct volume *v)
{
        return v->uuid;
}

static void path_of(const struct volume *v, const char *name, char ret[VOLUME_PATH_BYTES])
{
        (void)snprintf(ret, VOLUME_PATH_BYTES, "%s/%s", v->dir, name); /* dir is 64 bytes shorter */
}

/* Neighbouring ids, which are written at the same time, share a directory and so its syncs. */
static unsigned subdir_of(uint64_t block)
{
        return (unsigned)((block >> 6) * 0x9E3779B97F4A7C15ULL >> 56);
}

static void subdir_path(const struct volume *v, unsigned subdir, char ret[VOLUME_PATH_BYTES])
{
        char name[16];

        (void)snprintf(name, sizeof(name), "blocks/%02x", subdir & 0xffu);
        path_of(v, name, ret);
}

void volume_path(const struct volume *v, uint64_t block, char ret[VOLUME_PATH_BYTES])
{
        char name[48];

        (void)snprintf(name, sizeof(name), "blocks/%02x/%016" PRIx64, subdir_of(block), block);
        path_of(v, name, ret);
}

/* ---- formatting and opening --------------------------------------------------------------- */

static void uuid_make(char *to, size_t room, const char *prefix)
{
        uint8_t b[16];

        os_random(b, sizeof(b));
        b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
        b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
        (void)snprintf(to, room,
                       "%s%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                       prefix, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
                       b[11], b[12], b[13], b[14], b[15]);
}

static void hex(const uint8_t *p, size_t n, char *to)
{
        for (size_t i = 0; i < n; i++)
                (void)snprintf(to + 2 * i, 3, "%02x", p[i]);
}

/* A small file, whole or not at all. */
static enum bdfs_status put_file(const struct volume *v, const char *name, const void *bytes,
                                 size_t n, struct bdfs_err *err)
{
        char path[VOLUME_PATH_BYTES], tmp[VOLUME_PATH_BYTES + 4];
        struct os_file *f;
        enum bdfs_status rc, closed;

        path_of(v, name, path);
        (void)snprintf(tmp, sizeof(tmp), "%s.new", path);
        rc = os_file_open(&f, tmp, OS_WRITE | OS_CREATE | OS_TRUNCATE, err);
        if (rc != BDFS_OK)
                return rc;
        rc = os_file_write(f, 0, bytes, n, err);
        if (rc == BDFS_OK)
                rc = os_file_sync(f, err);
        closed = os_file_close(f, rc == BDFS_OK ? err : NULL);
        if (rc == BDFS_OK)
                rc = closed;
        if (rc == BDFS_OK)
                rc = os_rename(tmp, path, err);
        return rc != BDFS_OK ? rc : os_sync_dir(v->dir, err);
}

static enum bdfs_status get_file(const struct volume *v, const char *name, void *to, size_t room,
                                 size_t *ret_n, struct bdfs_err *err)
{
        char path[VOLUME_PATH_BYTES];
        struct os_file *f;
        enum bdfs_status rc;

        path_of(v, name, path);
        rc = os_file_open(&f, path, OS_READ, err);
        if (rc != BDFS_OK)
                return rc;
        rc = os_file_read(f, 0, to, room, ret_n, err);
        (void)os_file_close(f, NULL); /* only read */
        return rc;
}

static enum bdfs_status make_dir(const char *path, struct bdfs_err *err)
{
        enum bdfs_status rc = os_mkdir(path, 0700, err);

        return rc == BDFS_EXISTS ? BDFS_OK : rc;
}

static enum bdfs_status make_subdirs(const struct volume *v, struct bdfs_err *err)
{
        char path[VOLUME_PATH_BYTES];
        enum bdfs_status rc;

        path_of(v, "blocks", path);
        rc = make_dir(path, err);
        for (unsigned i = 0; rc == BDFS_OK && i < VOLUME_SUBDIRS; i++) {
                subdir_path(v, i, path);
                rc = make_dir(path, err);
        }
        path_of(v, "blocks", path);
        return rc != BDFS_OK ? rc : os_sync_dir(path, err);
}

static enum bdfs_status format(struct volume *v, struct volume_identity *id, struct bdfs_err *err)
{
        char text[512], cluster[2 * REPLICA_CLUSTER_BYTES + 1];
        enum bdfs_status rc = make_subdirs(v, err);
        int n;

        if (rc != BDFS_OK)
                return bdfs_wrap(err, "format %s", v->dir);
        if (!id->known)
                uuid_make(id->uuid, sizeof(id->uuid), "");
        uuid_make(v->uuid, sizeof(v->uuid), "DS-");
        hex(id->cluster, sizeof(id->cluster), cluster);
        n = snprintf(text, sizeof(text), "layout=%d\ncluster=%s\nuuid=%s\nvolume=%s\n",
                     REPLICA_VERSION, cluster, id->uuid, v->uuid);
        rc = put_file(v, "VERSION", text, (size_t)n, err);
        if (rc != BDFS_OK)
                return bdfs_wrap(err, "format %s", v->dir);
        id->known = true;
        return BDFS_OK;
}

/* The value of "@key=" in @text, NUL-terminated in @to; false when absent or too long. */
static bool version_value(const char *text, const char *key, char *to, size_t room)
{
        size_t key_n = strlen(key);

        for (const char *line = text; *line != '\0';) {
                size_t n = strcspn(line, "\n");

                if (n > key_n && strncmp(line, key, key_n) == 0 && line[key_n] == '=' &&
                    n - key_n - 1 < room) {
                        memcpy(to, line + key_n + 1, n - key_n - 1);
                        to[n - key_n - 1] = '\0';
                        return true;
                }
                line += n + (line[n] == '\n');
        }
        return false;
}

/* The layout is the highest version of a state page that may lie here. */
static enum bdfs_status check_layout(const struct volume *v, const char *text,
                                     struct bdfs_err *err)
{
        char *end;
        unsigned long layout = strtoul(text, &end, 10);

        if (end == text || *end != '\0' || layout == 0)
                return bdfs_fail(err, BDFS_INVALID, "%s/VERSION: \"%s\" is no layout", v->dir,
                                 text);
        if (layout > REPLICA_VERSION)
                return bdfs_fail(err, BDFS_NEWER, "%s has layout %lu; this program knows up to %u: "
                                 "use a newer bdfs-datanode", v->dir, layout, REPLICA_VERSION);
        return BDFS_OK;
}

static enum bdfs_status check_version(struct volume *v, const char *text,
                                      struct volume_identity *id, struct bdfs_err *err)
{
        char layout[8], cluster[64], uuid[VOLUME_UUID_BYTES], ours[2 * REPLICA_CLUSTER_BYTES + 1];
        enum bdfs_status rc;

        if (!version_value(text, "layout", layout, sizeof(layout)) ||
            !version_value(text, "cluster", cluster, sizeof(cluster)) ||
            !version_value(text, "uuid", uuid, sizeof(uuid)) ||
            !version_value(text, "volume", v->uuid, sizeof(v->uuid)))
                return bdfs_fail(err, BDFS_INVALID, "%s/VERSION lacks layout, cluster, uuid or "
                                 "volume", v->dir);
        hex(id->cluster, sizeof(id->cluster), ours);
        rc = check_layout(v, layout, err);
        if (rc != BDFS_OK)
                return rc;
        if (strcmp(cluster, ours) != 0)
                return bdfs_fail(err, BDFS_INVALID, "%s belongs to cluster %s, not to %s", v->dir,
                                 cluster, ours);
        if (id->known && strcmp(uuid, id->uuid) != 0)
                return bdfs_fail(err, BDFS_INVALID, "%s belongs to datanode %s, not to %s", v->dir,
                                 uuid, id->uuid);
        memcpy(id->uuid, uuid, sizeof(id->uuid));
        return BDFS_OK;
}

static enum bdfs_status load(struct volume *v, struct volume_identity *id, struct bdfs_err *err)
{
        char text[VERSION_BYTES_MAX];
        char blocks[VOLUME_PATH_BYTES];
        struct os_stat st;
        size_t n = 0;
        enum bdfs_status rc = get_file(v, "VERSION", text, sizeof(text) - 1, &n, err);

        if (rc == BDFS_NOT_FOUND)
                return format(v, id, err);
        if (rc != BDFS_OK)
                return rc;
        text[n] = '\0';
        rc = check_version(v, text, id, err);
        if (rc != BDFS_OK)
                return rc;
        path_of(v, "blocks", blocks);
        rc = os_stat_path(blocks, &st, err);
        if (rc == BDFS_OK)
                rc = make_subdirs(v, err); /* one that was lost is seen by its blocks' absence */
        if (rc != BDFS_OK)
                return bdfs_wrap(err, "%s has VERSION but no blocks", v->dir);
        id->known = true;
        return BDFS_OK;
}

static enum bdfs_status hold(struct volume *v, struct bdfs_err *err)
{
        char path[VOLUME_PATH_BYTES];
        enum bdfs_status rc;

        path_of(v, "lock", path);
        rc = os_file_open(&v->lock_file, path, OS_READ | OS_WRITE | OS_CREATE, err);
        return rc != BDFS_OK ? rc : os_file_lock(v->lock_file, err);
}

enum bdfs_status volume_open(struct volume **ret, const char *dir, struct volume_identity *id,
                             struct bdfs_err *err)
{
        struct volume *v = calloc(1, sizeof(*v));
        enum bdfs_status rc;

        if (v == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "open %s: out of memory", dir);
        os_mutex_init(&v->lock);
        os_cond_init(&v->synced);
        if ((size_t)snprintf(v->dir, sizeof(v->dir), "%s", dir) >= sizeof(v->dir)) {
                rc = bdfs_fail(err, BDFS_INVALID, "data directory's name is too long: %s", dir);
        } else {
                rc = make_dir(v->dir, err);
                if (rc == BDFS_OK)
                        rc = hold(v, err);
                if (rc == BDFS_OK)
                        rc = load(v, id, err);
        }
        if (rc != BDFS_OK) {
                volume_close(v);
                return rc;
        }
        *ret = v;
        return BDFS_OK;
}

void volume_close(struct volume *v)
{
        if (v == NULL)
                return;
        (void)os_file_close(v->lock_file, NULL); /* nothing was written */
        os_cond_fini(&v->synced);
        os_mutex_fini(&v->lock);
        free(v);
}

/* ---- syncs, lists, space ------------------------------------------------------------------ */

enum bdfs_status volume_sync_name(struct volume *v, uint64_t block, struct bdfs_err *err)
{
        unsigned subdir = subdir_of(block);
        struct name_sync *s = &v->names[subdir];
        char path[VOLUME_PATH_BYTES];
        enum bdfs_status rc = BDFS_OK;
        AUTO_LOCK(&v->lock);
        uint64_t ticket = ++s->asked;

        subdir_path(v, subdir, path);
        while (s->done < ticket) {
                uint64_t covers = s->asked;

                if (v->sync_failed)
                        return bdfs_fail(err, BDFS_IO, "an earlier sync of %s failed", v->dir);
                if (s->running) {
                        (void)os_cond_wait(&v->synced, &v->lock, os_mono_ms() + 1000);
                        continue;
                }
                s->running = true;
                os_mutex_unlock(&v->lock);
                rc = os_sync_dir(path, err);
                os_mutex_lock(&v->lock);
                s->running = false;
                v->sync_failed |= rc != BDFS_OK;
                if (rc == BDFS_OK)
                        s->done = covers;
                os_cond_broadcast(&v->synced);
                if (rc != BDFS_OK)
                        return err->status = BDFS_IO;
        }
        return BDFS_OK;
}

struct listing {
        enum bdfs_status (*each)(void *arg, uint64_t block, struct bdfs_err *err);
        void *arg;
        unsigned subdir;
        size_t strange;
};

static enum bdfs_status list_one(void *arg, const char *name, struct bdfs_err *err)
{
        struct listing *l = arg;
        uint64_t block = 0;

        if (strlen(name) != 16 || strspn(name, "0123456789abcdef") != 16 ||
            sscanf(name, "%16" SCNx64, &block) != 1 || block == 0 ||
            subdir_of(block) != l->subdir) {
                l->strange++;
                return BDFS_OK;
        }
        return l->each(l->arg, block, err);
}

enum bdfs_status volume_list(struct volume *v,
                             enum bdfs_status (*each)(void *arg, uint64_t block,
                                                      struct bdfs_err *err),
                             void *arg, size_t *ret_strange, struct bdfs_err *err)
{
        struct listing l = {.each = each, .arg = arg};
        char path[VOLUME_PATH_BYTES];
        enum bdfs_status rc = BDFS_OK;

        for (l.subdir = 0; rc == BDFS_OK && l.subdir < VOLUME_SUBDIRS; l.subdir++) {
                subdir_path(v, l.subdir, path);
                rc = os_list_dir(path, list_one, &l, err);
        }
        *ret_strange = l.strange;
        return rc;
}

enum bdfs_status volume_space(struct volume *v, uint64_t floor, uint64_t *ret_capacity,
                              uint64_t *ret_remaining, struct bdfs_err *err)
{
        uint64_t free_bytes;
        enum bdfs_status rc = os_disk_space(v->dir, ret_capacity, &free_bytes, err);

        if (rc == BDFS_OK)
                *ret_remaining = free_bytes > floor ? free_bytes - floor : 0;
        return rc;
}

bool volume_failed(const struct volume *v)
{
        return atomic_load(&v->failed);
}

bool volume_fail(struct volume *v)
{
        return !atomic_exchange(&v->failed, true);
}
