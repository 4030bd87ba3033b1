#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/log.h"
#include "datanode/disk/dataset_inside.h"

#define STATE(name) BDFS__REPLICA_STATE__REPLICA_##name

/* ---- open replicas ------------------------------------------------------------------------ */

static struct replica **bucket_of(struct dataset *ds, uint64_t block)
{
        return &ds->open[(block ^ block >> 10) % OPEN_BUCKETS];
}

static void idle_remove(struct dataset *ds, struct replica *r)
{
        *(r->newer != NULL ? &r->newer->older : &ds->newest) = r->older;
        *(r->older != NULL ? &r->older->newer : &ds->oldest) = r->newer;
        r->older = r->newer = NULL;
        ds->idle_n--;
}

static void idle_add(struct dataset *ds, struct replica *r)
{
        r->older = ds->newest;
        r->newer = NULL;
        *(ds->newest != NULL ? &ds->newest->newer : &ds->oldest) = r;
        ds->newest = r;
        ds->idle_n++;
}

struct replica *dataset_find_open(struct dataset *ds, uint64_t block)
{
        struct replica *r = *bucket_of(ds, block);

        while (r != NULL && r->block != block)
                r = r->next;
        if (r != NULL && r->users++ == 0)
                idle_remove(ds, r);
        return r;
}

void dataset_list(struct dataset *ds, struct replica *r)
{
        struct replica **b = bucket_of(ds, r->block);

        BDFS_ASSERT(!r->listed);
        r->next = *b;
        *b = r;
        r->listed = true;
}

void dataset_unlist(struct dataset *ds, struct replica *r)
{
        struct replica **at = bucket_of(ds, r->block);

        if (!r->listed)
                return;
        while (*at != r)
                at = &(*at)->next;
        *at = r->next;
        r->listed = false;
        if (r->users == 0)
                idle_remove(ds, r);
}

void dataset_close_file(struct replica *r)
{
        struct bdfs_err err;

        if (replica_close(r, &err) != BDFS_OK) /* what was promised of it was synced */
                log_warn("replica closed badly error=%s", err.text);
}

void dataset_put(struct dataset *ds, struct replica *r)
{
        struct replica *drop = NULL;

        if (r == NULL)
                return;
        os_mutex_lock(&ds->lock);
        BDFS_ASSERT(r->users > 0);
        if (--r->users == 0 && !r->listed) {
                drop = r;
        } else if (r->users == 0) {
                idle_add(ds, r);
                if (ds->idle_n > OPEN_IDLE_MAX) {
                        drop = ds->oldest;
                        dataset_unlist(ds, drop);
                }
        }
        os_mutex_unlock(&ds->lock);
        if (drop != NULL)
                dataset_close_file(drop);
}

/* ---- index and log ------------------------------------------------------------------------ */

struct report_change dataset_change(const struct replica_entry *e)
{
        return (struct report_change){.block = e->block,
                                      .stamp = e->stamp,
                                      .length = e->length,
                                      .state = e->state};
}

static void uncount(struct dataset *ds, const struct replica_entry *e)
{
        ds->counts[e->volume].used -= e->length;
        ds->counts[e->volume].replicas--;
}

void dataset_count(struct dataset *ds, const struct replica_entry *e)
{
        ds->counts[e->volume].used += e->length;
        ds->counts[e->volume].replicas++;
}

enum bdfs_status dataset_set(struct dataset *ds, const struct replica_entry *now,
                             uint64_t *ret_change, struct bdfs_err *err)
{
        struct replica_entry *there = replica_index_find(ds->index, now->block);
        struct report_change after = dataset_change(now), before = {0};
        struct replica_entry was = {0};

        if (there != NULL) {
                was = *there;
                before = dataset_change(&was);
        }
        if (now->state == STATE(GONE)) {
                replica_index_remove(ds->index, now->block);
        } else if (there != NULL) {
                *there = *now;
        } else {
                enum bdfs_status rc = replica_index_put(ds->index, now, err);

                if (rc != BDFS_OK)
                        return rc;
        }
        if (was.block != 0)
                uncount(ds, &was);
        if (now->state != STATE(GONE))
                dataset_count(ds, now);
        *ret_change = report_log_add(ds->log, &before, &after);
        return BDFS_OK;
}

uint64_t dataset_update(struct dataset *ds, struct replica_entry *e,
                        const struct replica_view *view, unsigned state)
{
        struct replica_entry now = *e;
        uint64_t change = 0;
        enum bdfs_status rc;

        now.stamp = view->stamp;
        now.length = state == STATE(RECEIVING) ? view->visible : view->length;
        now.state = (uint8_t)state;
        rc = dataset_set(ds, &now, &change, NULL);
        BDFS_ASSERT(rc == BDFS_OK); /* nothing is allocated for an entry that is there */
        return change;
}

bool dataset_find(struct dataset *ds, uint64_t block, struct replica_entry *ret)
{
        AUTO_LOCK(&ds->lock);
        const struct replica_entry *e = replica_index_find(ds->index, block);
        struct replica *r = *bucket_of(ds, block);
        struct replica_view view;

        if (e == NULL)
                return false;
        *ret = *e;
        while (r != NULL && r->block != block)
                r = r->next;
        if (r != NULL && e->state == STATE(RECEIVING)) {
                replica_look(r, &view);
                ret->length = view.visible;
        }
        return true;
}

/* ---- taking ------------------------------------------------------------------------------- */

struct replica_id dataset_id(const struct dataset *ds, uint64_t block, uint64_t stamp)
{
        struct replica_id id = {.block = block, .stamp = stamp};

        memcpy(id.cluster, ds->identity.cluster, sizeof(id.cluster));
        return id;
}

/* Somebody may have opened it, or deleted it, in the meantime. */
static struct replica *list_opened(struct dataset *ds, struct replica *mine,
                                   const struct replica_entry *e, struct replica **ret_drop)
{
        AUTO_LOCK(&ds->lock);
        const struct replica_entry *now = replica_index_find(ds->index, e->block);
        struct replica *theirs;

        *ret_drop = mine;
        if (now == NULL || now->volume != e->volume)
                return NULL;
        theirs = dataset_find_open(ds, e->block);
        if (theirs != NULL)
                return theirs;
        *ret_drop = NULL;
        mine->volume = e->volume;
        mine->users = 1;
        mine->name_durable = e->state == STATE(FINALIZED);
        if (e->state == STATE(RECEIVING) && e->length <= mine->state.length)
                mine->visible = e->length;
        dataset_list(ds, mine);
        return mine;
}

enum bdfs_status dataset_take(struct dataset *ds, uint64_t block, struct replica **ret,
                              struct replica_entry *ret_entry, struct bdfs_err *err)
{
        struct replica_id id = dataset_id(ds, block, 0);
        const struct replica_entry *e;
        struct replica *r = NULL, *drop;
        char path[VOLUME_PATH_BYTES];
        enum bdfs_status rc;

        os_mutex_lock(&ds->lock);
        e = replica_index_find(ds->index, block);
        if (e != NULL) {
                *ret_entry = *e;
                r = dataset_find_open(ds, block);
        }
        os_mutex_unlock(&ds->lock);
        if (e == NULL)
                return bdfs_fail(err, BDFS_REPLICA_NOT_FOUND, "block %" PRIu64 " is not here",
                                 block);
        if (r != NULL) {
                *ret = r;
                return BDFS_OK;
        }
        volume_path(ds->volumes[ret_entry->volume], block, path);
        rc = replica_open(&r, path, &id, err);
        if (rc != BDFS_OK)
                return rc;
        *ret = list_opened(ds, r, ret_entry, &drop);
        if (drop != NULL)
                dataset_close_file(drop);
        return *ret != NULL ? BDFS_OK : bdfs_fail(err, BDFS_REPLICA_NOT_FOUND, "block %" PRIu64
                                                  " was deleted", block);
}

static uint64_t *freed_slot(struct dataset *ds, uint64_t block)
{
        return &ds->freed[(block * 0x9e3779b97f4a7c15ULL) >> 48];
}

void dataset_freed(struct dataset *ds, uint64_t block)
{
        AUTO_LOCK(&ds->lock);

        *freed_slot(ds, block) = block;
}

/* Why a block that a token opens is not here. */
static enum bdfs_status absent(struct dataset *ds, uint64_t block, struct bdfs_err *err)
{
        AUTO_LOCK(&ds->lock);

        if (*freed_slot(ds, block) != block)
                return err->status;
        return bdfs_fail(err, BDFS_REPLACED, "block %" PRIu64 " was freed: its file was deleted or "
                         "replaced, and the time that readers have then (an hour, or less when "
                         "space is short) is over; open the file anew", block);
}

enum bdfs_status dataset_get(struct dataset *ds, uint64_t block, uint64_t stamp_least,
                             struct replica **ret, struct bdfs_err *err)
{
        struct replica_entry e;
        enum bdfs_status rc = dataset_take(ds, block, ret, &e, err);

        if (rc == BDFS_CORRUPT || rc == BDFS_NOT_FOUND) {
                dataset_corrupt(ds, block, err);
                return bdfs_fail(err, BDFS_REPLICA_NOT_FOUND, "block %" PRIu64 " is corrupt here",
                                 block);
        }
        if (rc == BDFS_REPLICA_NOT_FOUND)
                return absent(ds, block, err);
        if (rc != BDFS_OK)
                return rc;
        if (e.state == STATE(WAITING) || e.state == STATE(CORRUPT))
                rc = bdfs_fail(err, BDFS_REPLICA_NOT_FOUND, "block %" PRIu64 " is %s here", block,
                               e.state == STATE(CORRUPT) ? "corrupt" : "waiting for recovery");
        else if (e.stamp < stamp_least)
                rc = bdfs_fail(err, BDFS_STALE_GENSTAMP, "block %" PRIu64 " has stamp %" PRIu64
                               " here, asked for %" PRIu64, block, e.stamp, stamp_least);
        if (rc != BDFS_OK) {
                dataset_put(ds, *ret);
                *ret = NULL;
        }
        return rc;
}

enum bdfs_status dataset_open_file(struct dataset *ds, uint64_t block, struct os_file **ret,
                                   struct bdfs_err *err)
{
        struct replica_entry e;
        char path[VOLUME_PATH_BYTES];

        if (!dataset_find(ds, block, &e)) {
                (void)bdfs_fail(err, BDFS_REPLICA_NOT_FOUND, "block %" PRIu64 " is not here",
                                block);
                return absent(ds, block, err);
        }
        if (e.state != STATE(FINALIZED))
                return bdfs_fail(err, BDFS_REPLICA_NOT_FOUND, "block %" PRIu64
                                 " is not finalized here", block);
        volume_path(ds->volumes[e.volume], block, path);
        return os_file_open(ret, path, OS_READ, err);
}

/* ---- opening and closing ------------------------------------------------------------------ */

enum bdfs_status dataset_open(struct dataset **ret, const struct dataset_config *config,
                              struct bdfs_err *err)
{
        struct dataset *ds = calloc(1, sizeof(*ds));
        enum bdfs_status rc = BDFS_OK;

        if (ds == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "dataset: out of memory");
        os_mutex_init(&ds->lock);
        ds->space_floor = config->space_floor;
        memcpy(ds->identity.cluster, config->cluster, sizeof(config->cluster));
        ds->index = replica_index_new();
        ds->log = report_log_new();
        if (ds->index == NULL || ds->log == NULL)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "dataset: out of memory");
        else if (config->dirs_n == 0 || config->dirs_n > DATASET_VOLUMES_MAX)
                rc = bdfs_fail(err, BDFS_INVALID, "there must be 1 to %d data directories",
                               DATASET_VOLUMES_MAX);
        for (size_t i = 0; rc == BDFS_OK && i < config->dirs_n; i++) {
                rc = volume_open(&ds->volumes[i], config->dirs[i], &ds->identity, err);
                ds->volumes_n += rc == BDFS_OK;
        }
        for (uint32_t i = 0; rc == BDFS_OK && i < ds->volumes_n; i++)
                rc = dataset_load(ds, i, err);
        if (rc != BDFS_OK) {
                dataset_close(ds);
                return rc;
        }
        *ret = ds;
        return BDFS_OK;
}

void dataset_close(struct dataset *ds)
{
        if (ds == NULL)
                return;
        while (ds->newest != NULL) {
                struct replica *r = ds->newest;

                dataset_unlist(ds, r);
                dataset_close_file(r);
        }
        for (size_t i = 0; i < OPEN_BUCKETS; i++)
                BDFS_ASSERT(ds->open[i] == NULL);
        for (size_t i = 0; i < ds->volumes_n; i++)
                volume_close(ds->volumes[i]);
        replica_index_free(ds->index);
        report_log_free(ds->log);
        os_mutex_fini(&ds->lock);
        free(ds);
}

const struct volume_identity *dataset_identity(const struct dataset *ds)
{
        return &ds->identity;
}

struct report_log *dataset_log(struct dataset *ds)
{
        return ds->log;
}

/* ---- reports ------------------------------------------------------------------------------ */

static int by_block(const void *a, const void *b)
{
        const struct replica_entry *x = a, *y = b;

        return (x->block > y->block) - (x->block < y->block);
}

enum bdfs_status dataset_snapshot(struct dataset *ds, struct replica_entry **ret, size_t *ret_n,
                                  uint64_t *ret_at, struct bdfs_err *err)
{
        struct report_position position;
        struct replica_entry *rows;
        size_t n;

        os_mutex_lock(&ds->lock);
        n = replica_index_count(ds->index);
        rows = malloc((n + 1) * sizeof(*rows));
        if (rows != NULL)
                replica_index_copy(ds->index, rows);
        report_log_position(ds->log, &position);
        os_mutex_unlock(&ds->lock);
        if (rows == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "full report: out of memory");
        qsort(rows, n, sizeof(*rows), by_block);
        *ret = rows;
        *ret_n = n;
        *ret_at = position.next;
        return BDFS_OK;
}

size_t dataset_volumes(struct dataset *ds, struct dataset_volume *ret, size_t max)
{
        size_t n = ds->volumes_n < max ? ds->volumes_n : max;

        for (size_t i = 0; i < n; i++) {
                struct volume *v = ds->volumes[i];

                ret[i] = (struct dataset_volume){.dir = volume_dir(v),
                                                 .uuid = volume_uuid(v),
                                                 .failed = volume_failed(v)};
                if (ret[i].failed || volume_space(v, ds->space_floor, &ret[i].capacity,
                                                  &ret[i].remaining, NULL) != BDFS_OK)
                        ret[i].capacity = ret[i].remaining = 0; /* no place for new replicas */
                os_mutex_lock(&ds->lock);
                ret[i].used = ds->counts[i].used;
                ret[i].replicas = ds->counts[i].replicas;
                os_mutex_unlock(&ds->lock);
        }
        return n;
}
