/* What the namenode orders, and what a replica's own bytes prove. */
#include <inttypes.h>
#include <string.h>

#include "common/log.h"
#include "datanode/disk/dataset_inside.h"

#define STATE(name) BDFS__REPLICA_STATE__REPLICA_##name

static void interrupt_writer(struct dataset *ds, struct replica *r)
{
        AUTO_LOCK(&ds->lock);

        if (r->writer_sock != NULL)
                os_sock_shutdown(r->writer_sock);
}

/* Interrupt whoever writes and wait until it is gone. */
static enum bdfs_status quiet(struct dataset *ds, struct replica *r, struct bdfs_err *err)
{
        int64_t deadline_ms = os_mono_ms() + STOP_WRITER_MS;

        interrupt_writer(ds, r);
        if (!replica_wait_idle(r, deadline_ms))
                return bdfs_fail(err, BDFS_TIMEOUT, "the writer of block %" PRIu64
                                 " does not stop", r->block);
        return BDFS_OK;
}

/* Log the entry as it is (or that there is none), so that the namenode hears of it again. */
static void report_again(struct dataset *ds, uint64_t block)
{
        AUTO_LOCK(&ds->lock);
        const struct replica_entry *e = replica_index_find(ds->index, block);
        struct replica_entry now = {.block = block, .state = STATE(GONE)};
        uint64_t change;
        enum bdfs_status rc;

        if (e != NULL)
                now = *e;
        rc = dataset_set(ds, &now, &change, NULL);
        BDFS_ASSERT(rc == BDFS_OK); /* the entry is there, or nothing is entered */
}

/* ---- delete ------------------------------------------------------------------------------- */

/* Out of the index, and logged: a file that survives a crash here is reported again and deleted
 * again. False when it is not there or has a later stamp. */
static bool take_out(struct dataset *ds, uint64_t block, uint64_t stamp, uint32_t *ret_volume,
                     struct replica **ret_open)
{
        AUTO_LOCK(&ds->lock);
        const struct replica_entry *e = replica_index_find(ds->index, block);
        struct replica_entry gone;
        uint64_t change;
        enum bdfs_status rc;

        if (e == NULL || e->stamp > stamp)
                return false;
        gone = *e;
        gone.state = STATE(GONE);
        *ret_volume = gone.volume;
        *ret_open = dataset_find_open(ds, block);
        if (*ret_open != NULL) {
                dataset_unlist(ds, *ret_open);
                if ((*ret_open)->writer_sock != NULL)
                        os_sock_shutdown((*ret_open)->writer_sock);
        }
        rc = dataset_set(ds, &gone, &change, NULL);
        BDFS_ASSERT(rc == BDFS_OK); /* removing allocates nothing */
        return true;
}

enum bdfs_status dataset_delete(struct dataset *ds, uint64_t block, uint64_t stamp,
                                struct bdfs_err *err)
{
        struct replica *open = NULL;
        char path[VOLUME_PATH_BYTES];
        uint32_t volume;
        enum bdfs_status rc;

        if (!take_out(ds, block, stamp, &volume, &open)) {
                report_again(ds, block);
                return BDFS_OK;
        }
        volume_path(ds->volumes[volume], block, path);
        rc = os_unlink(path, err);
        dataset_put(ds, open);
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return dataset_check(ds, volume, err);
}

/* ---- stop and seal ------------------------------------------------------------------------ */

/* Enter what the file says now. */
static void refresh(struct dataset *ds, struct replica *r, unsigned state)
{
        struct replica_view view;
        AUTO_LOCK(&ds->lock);
        struct replica_entry *e = replica_index_find(ds->index, r->block);

        if (e == NULL || !r->listed)
                return;
        replica_look(r, &view);
        (void)dataset_update(ds, e, &view, state);
}

static enum bdfs_status stop(struct dataset *ds, struct replica *r, struct bdfs_err *err)
{
        uint64_t length;
        enum bdfs_status rc = quiet(ds, r, err);

        if (rc != BDFS_OK)
                return rc;
        rc = replica_recover(r, &length, err);
        if (rc == BDFS_CORRUPT)
                dataset_corrupt(ds, r->block, err);
        if (rc == BDFS_IO || rc == BDFS_NO_SPACE)
                (void)dataset_check(ds, r->volume, err);
        if (rc == BDFS_OK)
                rc = dataset_name_durable(ds, r, err);
        if (rc == BDFS_OK)
                refresh(ds, r, STATE(RECOVERING));
        return rc;
}

enum bdfs_status dataset_stop(struct dataset *ds, uint64_t block, struct bdfs_err *err)
{
        struct replica_entry e;
        struct replica *r;
        enum bdfs_status rc = dataset_take(ds, block, &r, &e, err);

        if (rc == BDFS_REPLICA_NOT_FOUND) {
                report_again(ds, block);
                return BDFS_OK;
        }
        if (rc == BDFS_CORRUPT || rc == BDFS_NOT_FOUND)
                dataset_corrupt(ds, block, err);
        if (rc != BDFS_OK)
                return rc;
        if (e.state == STATE(RECEIVING) || e.state == STATE(WAITING))
                rc = stop(ds, r, err);
        else
                report_again(ds, block);
        dataset_put(ds, r);
        return rc;
}

static enum bdfs_status cut(struct dataset *ds, struct replica *r, uint64_t new_stamp,
                            uint64_t length, struct bdfs_err *err)
{
        enum bdfs_status rc = replica_cut(r, new_stamp, length, err);

        if (rc == BDFS_OK)
                rc = dataset_name_durable(ds, r, err);
        if (rc == BDFS_OK)
                refresh(ds, r, STATE(FINALIZED));
        else if (rc == BDFS_CORRUPT)
                dataset_corrupt(ds, r->block, err);
        else if (rc == BDFS_IO)
                (void)dataset_check(ds, r->volume, err);
        else if (rc == BDFS_INVALID)
                report_again(ds, r->block); /* whoever ordered it believes something else */
        return rc;
}

enum bdfs_status dataset_cut(struct dataset *ds, uint64_t block, uint64_t stamp, uint64_t new_stamp,
                             uint64_t length, struct bdfs_err *err)
{
        struct replica_entry e;
        struct replica *r;
        enum bdfs_status rc = dataset_take(ds, block, &r, &e, err);

        if (rc != BDFS_OK)
                return rc;
        if (e.state == STATE(FINALIZED) && e.stamp == new_stamp && e.length == length)
                report_again(ds, block); /* done before */
        else if (e.stamp != stamp && e.stamp != new_stamp)
                rc = bdfs_fail(err, BDFS_STALE_GENSTAMP, "block %" PRIu64 " has stamp %" PRIu64
                               " here, not %" PRIu64, block, e.stamp, stamp);
        else if (e.state == STATE(RECOVERING) || e.state == STATE(FINALIZED))
                rc = cut(ds, r, new_stamp, length, err);
        else
                rc = bdfs_fail(err, BDFS_INVALID, "block %" PRIu64 " was not stopped", block);
        dataset_put(ds, r);
        return rc;
}

/* ---- verify ------------------------------------------------------------------------------- */

/* On the disk too, as far as it takes it: the mark survives a restart. */
static void mark_file(struct replica *r)
{
        struct replica_state next;
        struct bdfs_err err;

        if (replica_seize(r, &err) != BDFS_OK)
                return; /* a writer has it; what it writes is not sealed by this proof */
        next = r->state;
        next.state = REPLICA_FILE_CORRUPT;
        if (replica_put_state(r, &next, false, &err) != BDFS_OK)
                log_warn("mark not written block=%" PRIu64 " error=%s", next.block, err.text);
        replica_yield(r);
}

void dataset_corrupt(struct dataset *ds, uint64_t block, const struct bdfs_err *why)
{
        struct replica *open = NULL;
        struct replica_entry *e;
        uint64_t change;

        os_mutex_lock(&ds->lock);
        e = replica_index_find(ds->index, block);
        if (e != NULL && e->state != STATE(CORRUPT)) {
                struct replica_entry now = *e;
                enum bdfs_status rc;

                now.state = STATE(CORRUPT);
                rc = dataset_set(ds, &now, &change, NULL);
                BDFS_ASSERT(rc == BDFS_OK); /* the entry is there */
                open = dataset_find_open(ds, block);
                log_error("replica is corrupt block=%" PRIu64 " error=%s", block, why->text);
        }
        os_mutex_unlock(&ds->lock);
        if (open != NULL)
                mark_file(open);
        dataset_put(ds, open);
}

static enum bdfs_status verify(struct dataset *ds, struct replica *r, replica_pace *pace, void *arg,
                               struct bdfs_err *err)
{
        struct replica_view view;
        uint64_t length = 0;
        enum bdfs_status rc = replica_verify(r, pace, arg, &length, err);

        replica_look(r, &view);
        if (rc == BDFS_OK && length != view.length)
                rc = bdfs_fail(err, BDFS_CORRUPT, "block %" PRIu64 ": only %" PRIu64 " of %" PRIu64
                               " bytes verify", view.block, length, view.length);
        if (rc == BDFS_IO)
                err->status = rc = BDFS_CORRUPT;
        if (rc == BDFS_CORRUPT)
                dataset_corrupt(ds, view.block, err);
        return rc;
}

enum bdfs_status dataset_verify(struct dataset *ds, uint64_t block, bool report,
                                replica_pace *pace, void *arg, struct bdfs_err *err)
{
        struct replica_entry e;
        struct replica *r;
        enum bdfs_status rc = dataset_take(ds, block, &r, &e, err);

        if (rc == BDFS_CORRUPT || rc == BDFS_NOT_FOUND)
                dataset_corrupt(ds, block, err);
        if (rc == BDFS_REPLICA_NOT_FOUND && report)
                report_again(ds, block);
        if (rc != BDFS_OK)
                return rc;
        if (e.state == STATE(FINALIZED))
                rc = verify(ds, r, pace, arg, err);
        if (report && rc == BDFS_OK)
                report_again(ds, block);
        dataset_put(ds, r);
        return rc;
}
