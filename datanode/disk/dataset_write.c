#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "datanode/disk/dataset_inside.h"

#define STATE(name) BDFS__REPLICA_STATE__REPLICA_##name

/* Everything on the volume counts as gone; its files stay as they are. */
static void drop_volume(struct dataset *ds, uint32_t volume)
{
        AUTO_LOCK(&ds->lock);
        size_t n = replica_index_count(ds->index);
        struct replica_entry *all = malloc((n + 1) * sizeof(*all));

        if (all == NULL)
                return; /* the namenode learns it by the storage's failed mark */
        replica_index_copy(ds->index, all);
        for (size_t i = 0; i < n; i++) {
                struct replica_entry gone = all[i];
                struct replica *r;
                uint64_t change;
                enum bdfs_status rc;

                if (gone.volume != volume)
                        continue;
                r = dataset_find_open(ds, gone.block);
                if (r != NULL) {
                        dataset_unlist(ds, r);
                        r->users--;
                        if (r->users == 0)
                                (void)replica_close(r, NULL); /* the disk is bad anyway */
                }
                gone.state = STATE(GONE);
                rc = dataset_set(ds, &gone, &change, NULL);
                BDFS_ASSERT(rc == BDFS_OK); /* removing allocates nothing */
        }
        free(all);
}

enum bdfs_status dataset_check(struct dataset *ds, uint32_t volume, const struct bdfs_err *err)
{
        if (err->status == BDFS_IO && volume_fail(ds->volumes[volume])) {
                log_error("volume failed dir=%s error=%s", volume_dir(ds->volumes[volume]),
                          err->text);
                drop_volume(ds, volume);
        }
        return err->status;
}

static enum bdfs_status choose_volume(struct dataset *ds, uint32_t *ret, struct bdfs_err *err)
{
        uint64_t most = 0, capacity, remaining;
        size_t failed = 0;

        for (uint32_t i = 0; i < ds->volumes_n; i++) {
                if (volume_failed(ds->volumes[i]) ||
                    volume_space(ds->volumes[i], ds->space_floor, &capacity, &remaining, err) !=
                            BDFS_OK) {
                        failed++;
                } else if (remaining > most) {
                        most = remaining;
                        *ret = i;
                }
        }
        if (failed == ds->volumes_n)
                return bdfs_fail(err, BDFS_IO, "no volume works");
        if (most == 0)
                return bdfs_fail(err, BDFS_NO_SPACE, "no volume has more than %" PRIu64
                                 " bytes free, which are kept", ds->space_floor);
        return BDFS_OK;
}

/* Enter the block before its file is made, so that only one caller makes it. */
static enum bdfs_status enter(struct dataset *ds, const struct replica_entry *e,
                              struct bdfs_err *err)
{
        AUTO_LOCK(&ds->lock);
        enum bdfs_status rc;

        if (replica_index_find(ds->index, e->block) != NULL)
                return bdfs_fail(err, BDFS_EXISTS, "block %" PRIu64 " is here already", e->block);
        rc = replica_index_put(ds->index, e, err);
        if (rc == BDFS_OK)
                ds->counts[e->volume].replicas++;
        return rc;
}

static void leave(struct dataset *ds, const struct replica_entry *e)
{
        AUTO_LOCK(&ds->lock);

        if (replica_index_find(ds->index, e->block) == NULL)
                return; /* with its volume */
        replica_index_remove(ds->index, e->block);
        ds->counts[e->volume].replicas--;
}

static enum bdfs_status make_file(struct dataset *ds, const struct replica_entry *e,
                                  enum crc_type type, struct replica **ret,
                                  struct replica_writer **ret_writer, struct bdfs_err *err)
{
        struct replica_id id = {.block = e->block, .stamp = e->stamp};
        char path[VOLUME_PATH_BYTES];
        enum bdfs_status rc;

        memcpy(id.cluster, ds->identity.cluster, sizeof(id.cluster));
        volume_path(ds->volumes[e->volume], e->block, path);
        rc = replica_create(ret, path, &id, type, err);
        if (rc != BDFS_OK)
                return dataset_check(ds, e->volume, err);
        rc = replica_writer_new(ret_writer, *ret, err);
        if (rc != BDFS_OK) {
                (void)replica_close(*ret, NULL); /* empty */
                if (os_unlink(path, NULL) != BDFS_OK)
                        (void)bdfs_wrap(err, "an empty file is left behind");
        }
        return rc;
}

enum bdfs_status dataset_create(struct dataset *ds, uint64_t block, uint64_t stamp,
                                enum crc_type type, struct os_sock *sock, struct replica **ret,
                                struct replica_writer **ret_writer, struct bdfs_err *err)
{
        struct replica_entry e = {.block = block, .stamp = stamp, .state = STATE(RECEIVING)};
        struct replica *r;
        enum bdfs_status rc = choose_volume(ds, &e.volume, err);

        if (rc == BDFS_OK)
                rc = enter(ds, &e, err);
        if (rc != BDFS_OK)
                return rc;
        rc = make_file(ds, &e, type, &r, ret_writer, err);
        if (rc != BDFS_OK) {
                leave(ds, &e);
                return rc;
        }
        os_mutex_lock(&ds->lock);
        r->volume = e.volume;
        r->users = 1;
        r->writer_sock = sock;
        if (replica_index_find(ds->index, block) != NULL)
                dataset_list(ds, r);
        os_mutex_unlock(&ds->lock);
        *ret = r;
        return BDFS_OK;
}

enum bdfs_status dataset_add(struct dataset *ds, struct replica *r, struct replica_writer *w,
                             const struct replica_bytes *bytes, struct bdfs_err *err)
{
        struct bdfs_err why;

        err = err == NULL ? &why : err;
        if (replica_writer_add(w, bytes, err) != BDFS_OK)
                return dataset_check(ds, r->volume, err);
        return BDFS_OK;
}

enum bdfs_status dataset_flush(struct dataset *ds, struct replica *r, struct replica_writer *w,
                               struct bdfs_err *err)
{
        struct bdfs_err why;

        err = err == NULL ? &why : err;
        if (replica_writer_flush(w, err) != BDFS_OK)
                return dataset_check(ds, r->volume, err);
        return BDFS_OK;
}

enum bdfs_status dataset_name_durable(struct dataset *ds, struct replica *r, struct bdfs_err *err)
{
        if (r->name_durable)
                return BDFS_OK;
        if (volume_sync_name(ds->volumes[r->volume], r->block, err) != BDFS_OK)
                return dataset_check(ds, r->volume, err);
        r->name_durable = true;
        return BDFS_OK;
}

enum bdfs_status dataset_sync(struct dataset *ds, struct replica *r, struct replica_writer *w,
                              struct bdfs_err *err)
{
        struct bdfs_err why;

        err = err == NULL ? &why : err;
        if (replica_writer_sync(w, err) != BDFS_OK)
                return dataset_check(ds, r->volume, err);
        return dataset_name_durable(ds, r, err);
}

static enum bdfs_status enter_sealed(struct dataset *ds, struct replica *r, uint64_t *ret_change,
                                     struct bdfs_err *err)
{
        struct replica_view view;
        AUTO_LOCK(&ds->lock);
        struct replica_entry *e = replica_index_find(ds->index, r->block);

        if (e == NULL || !r->listed)
                return bdfs_fail(err, BDFS_REPLICA_NOT_FOUND, "block %" PRIu64
                                 " was deleted while it was written", r->block);
        replica_look(r, &view);
        *ret_change = dataset_update(ds, e, &view, STATE(FINALIZED));
        return BDFS_OK;
}

enum bdfs_status dataset_seal(struct dataset *ds, struct replica *r, struct replica_writer *w,
                              uint64_t *ret_change, struct bdfs_err *err)
{
        struct bdfs_err why;
        enum bdfs_status rc;

        err = err == NULL ? &why : err;
        if (replica_writer_seal(w, err) != BDFS_OK)
                return dataset_check(ds, r->volume, err);
        rc = dataset_name_durable(ds, r, err);
        return rc != BDFS_OK ? rc : enter_sealed(ds, r, ret_change, err);
}

static void end_unsealed(struct dataset *ds, struct replica *r, bool discard)
{
        struct replica_view view;
        struct bdfs_err err;

        replica_look(r, &view);
        if (discard && view.state == REPLICA_FILE_RECEIVING && view.length == 0) {
                if (dataset_delete(ds, view.block, view.stamp, &err) != BDFS_OK)
                        log_warn("unused replica is left behind block=%" PRIu64 " error=%s",
                                 view.block, err.text);
                return;
        }
        os_mutex_lock(&ds->lock);
        replica_look(r, &view); /* a recovery may have begun: then its word counts */
        if (r->listed && view.state == REPLICA_FILE_RECEIVING)
                (void)dataset_update(ds, replica_index_find(ds->index, view.block), &view,
                                     STATE(RECEIVING));
        os_mutex_unlock(&ds->lock);
}

void dataset_end(struct dataset *ds, struct replica *r, struct replica_writer *w, bool discard)
{
        os_mutex_lock(&ds->lock);
        r->writer_sock = NULL;
        os_mutex_unlock(&ds->lock);
        replica_writer_free(w);
        end_unsealed(ds, r, discard);
        dataset_put(ds, r);
}
