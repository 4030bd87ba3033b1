/* What lies in a volume when a datanode starts. */
#include <inttypes.h>

#include "common/log.h"
#include "datanode/disk/dataset_inside.h"

#define STATE(name) BDFS__REPLICA_STATE__REPLICA_##name

struct load {
        struct dataset *ds;
        uint32_t volume;
        size_t waiting, corrupt;
};

/* Sealed, but the proof that the sync was over is missing: look at the bytes, then sync anew. */
static unsigned settle(struct volume *v, struct replica *r, const struct replica_view *view,
                       struct bdfs_err *err)
{
        uint64_t length = 0;
        enum bdfs_status rc = replica_verify(r, NULL, NULL, &length, err);
        struct replica_state same;

        if (rc == BDFS_CORRUPT)
                return STATE(CORRUPT);
        if (rc != BDFS_OK || length != view->length)
                return STATE(WAITING);
        rc = replica_seize(r, err);
        BDFS_ASSERT(rc == BDFS_OK); /* nobody else knows of it */
        same = r->state;
        rc = replica_put_sealed(r, &same, err);
        replica_yield(r);
        if (rc == BDFS_OK)
                rc = volume_sync_name(v, r->block, err);
        return rc == BDFS_OK ? STATE(FINALIZED) : STATE(WAITING);
}

static unsigned state_at_start(struct volume *v, struct replica *r, struct replica_view *view,
                               struct bdfs_err *err)
{
        replica_look(r, view);
        if (view->state == REPLICA_FILE_CORRUPT)
                return STATE(CORRUPT);
        if (view->state == REPLICA_FILE_RECOVERING)
                return STATE(RECOVERING);
        if (view->state == REPLICA_FILE_RECEIVING)
                return STATE(WAITING);
        return view->sure ? STATE(FINALIZED) : settle(v, r, view, err);
}

static enum bdfs_status load_one(void *arg, uint64_t block, struct bdfs_err *err)
{
        struct load *l = arg;
        struct replica_id id = dataset_id(l->ds, block, 0);
        struct replica_entry e = {.block = block, .volume = l->volume, .state = STATE(CORRUPT)};
        struct report_change there;
        struct replica_view view;
        struct replica *r;
        char path[VOLUME_PATH_BYTES];
        enum bdfs_status rc;

        volume_path(l->ds->volumes[l->volume], block, path);
        if (replica_index_find(l->ds->index, block) != NULL) {
                log_warn("second replica ignored block=%" PRIu64 " file=%s", block, path);
                return BDFS_OK;
        }
        rc = replica_open(&r, path, &id, err);
        if (rc == BDFS_NO_MEMORY || rc == BDFS_NEWER)
                return rc; /* what a newer program wrote is not corrupt: it is not touched */
        if (rc == BDFS_OK) {
                e.state = (uint8_t)state_at_start(l->ds->volumes[l->volume], r, &view, err);
                e.stamp = view.stamp;
                e.length = view.length;
                dataset_close_file(r);
        }
        l->waiting += e.state == STATE(WAITING);
        l->corrupt += e.state == STATE(CORRUPT);
        if (e.state == STATE(CORRUPT))
                log_error("replica is corrupt block=%" PRIu64 " error=%s", block,
                          rc != BDFS_OK ? err->text : "marked so, or its bytes do not verify");
        rc = replica_index_put(l->ds->index, &e, err);
        if (rc != BDFS_OK)
                return rc;
        dataset_count(l->ds, &e);
        there = dataset_change(&e);
        if (e.state == STATE(FINALIZED))
                report_log_count(l->ds->log, &there);
        else /* the digest says nothing of it */
                (void)report_log_add(l->ds->log, NULL, &there);
        return BDFS_OK;
}

enum bdfs_status dataset_load(struct dataset *ds, uint32_t volume, struct bdfs_err *err)
{
        struct load l = {.ds = ds, .volume = volume};
        size_t strange = 0;
        int64_t begun = os_mono_ms();
        enum bdfs_status rc = volume_list(ds->volumes[volume], load_one, &l, &strange, err);

        if (rc != BDFS_OK)
                return bdfs_wrap(err, "load %s", volume_dir(ds->volumes[volume]));
        log_info("volume loaded dir=%s replicas=%" PRIu64 " waiting=%zu corrupt=%zu strange=%zu"
                 " ms=%" PRId64, volume_dir(ds->volumes[volume]), ds->counts[volume].replicas,
                 l.waiting, l.corrupt, strange, os_mono_ms() - begun);
        return BDFS_OK;
}
