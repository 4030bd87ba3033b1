/*
 * Start-up: bring the tables to the last record of the journal.
 *
 * Trusted tables go on from their applied index. Without them, or when they turn out to be damaged
 * (F17), they are rebuilt from the newest checkpoint that is whole and joins the journal, or from
 * the first record when the journal still has it. Records that neither tables, checkpoints nor
 * journal have were acknowledged once: then nothing is touched and the start refused (N8).
 */
#include <inttypes.h>

#include "common/log.h"
#include "namenode/commit/checkpoint.h"
#include "namenode/commit/commit_internal.h"
#include "namenode/store/tables.h"
#include "proto/message.h"

#include <string.h>

#define REPLAY_RECORDS 1000 /* per transaction */

/* ---- versions ------------------------------------------------------------------------------- */

/* From the first row that this program writes on, an older one must refuse these tables. */
static enum bdfs_status claim(struct commit *c, struct bdfs_err *err)
{
        struct store_txn *t;
        bool ours;
        enum bdfs_status rc = store_begin_read(c->config.store, &t, err);

        if (rc != BDFS_OK)
                return rc;
        rc = table_versions_are_ours(t, &ours, err);
        store_abort(t);
        if (rc != BDFS_OK || ours)
                return rc;
        rc = store_begin_write(c->config.store, &t, err);
        if (rc != BDFS_OK)
                return rc;
        rc = table_put_versions(t, err);
        if (rc == BDFS_OK)
                return store_commit(t, err);
        store_abort(t);
        return rc;
}

/* ---- replay --------------------------------------------------------------------------------- */

struct replay {
        struct commit *c;
        struct store_txn *txn;
        uint64_t n;
};

static enum bdfs_status replay_commit(struct replay *p, struct bdfs_err *err)
{
        struct store_txn *t = p->txn;
        enum bdfs_status rc;

        if (t == NULL)
                return BDFS_OK;
        p->txn = NULL;
        rc = apply_flush(t, p->c->batch, err);
        if (rc == BDFS_OK)
                rc = commit_applied_put(p->c, t, err);
        if (rc == BDFS_OK)
                return store_commit(t, err);
        store_abort(t);
        return rc;
}

static enum bdfs_status replay_apply(struct replay *p, const Bdfs__JournalRecord *record,
                                     struct bdfs_err *err)
{
        Bdfs__OpResult *result;
        bool changed;
        enum bdfs_status rc = commit_apply(p->c, p->txn, record, &result, &changed, err);

        if (rc == BDFS_OK)
                op_result_free(result);
        if (rc == BDFS_OK && !changed)
                rc = bdfs_fail(err, BDFS_CORRUPT, "it changes nothing");
        if (rc == BDFS_OK)
                return BDFS_OK;
        (void)bdfs_wrap(err, "journal record %" PRIu64 " does not apply", record->index);
        return commit_status_aborts(rc) ? rc : (err->status = BDFS_CORRUPT);
}

/* A part that this program does not know changes what the record means: leaving it out would give
 * other tables than the program that wrote it has. */
static enum bdfs_status replay_known(const Bdfs__JournalRecord *record, struct bdfs_err *err)
{
        uint32_t tag;
        const ProtobufCMessage *where = message_unknown(&record->base, &tag);

        if (where == NULL)
                return BDFS_OK;
        return bdfs_fail(err, BDFS_NEWER, "journal record %" PRIu64 " has field %" PRIu32 " of %s, "
                         "which this program does not know: use a newer bdfs-namenode",
                         record->index, tag, where->descriptor->short_name);
}

static enum bdfs_status replay_one(void *arg, const struct journal_record *r, struct bdfs_err *err)
{
        struct replay *p = arg;
        Bdfs__JournalRecord *record = bdfs__journal_record__unpack(NULL, r->n, r->bytes);
        enum bdfs_status rc = BDFS_OK;

        if (record == NULL || record->index != r->index || r->index != p->c->index + 1)
                rc = bdfs_fail(err, BDFS_CORRUPT, "journal record %" PRIu64 " does not parse",
                               r->index);
        else
                rc = replay_known(record, err);
        if (rc == BDFS_OK && p->txn == NULL) {
                apply_batch_reset(p->c->batch);
                rc = store_begin_write(p->c->config.store, &p->txn, err);
        }
        if (rc == BDFS_OK)
                rc = replay_apply(p, record, err);
        if (record != NULL)
                bdfs__journal_record__free_unpacked(record, NULL);
        if (rc == BDFS_OK && ++p->n % REPLAY_RECORDS == 0)
                rc = replay_commit(p, err);
        return rc;
}

static enum bdfs_status replay(struct commit *c, struct bdfs_err *err)
{
        struct replay p = {.c = c};
        int64_t start_ms = os_mono_ms();
        enum bdfs_status rc = claim(c, err);

        if (rc != BDFS_OK || c->index == journal_last(c->config.journal))
                return rc;
        rc = journal_read(c->config.journal, c->index + 1, replay_one, &p, err);
        if (rc == BDFS_OK)
                rc = replay_commit(&p, err);
        store_abort(p.txn);
        if (rc == BDFS_OK && c->index != journal_last(c->config.journal))
                rc = bdfs_fail(err, BDFS_CORRUPT, "the journal gave records up to %" PRIu64
                               " of %" PRIu64, c->index, journal_last(c->config.journal));
        if (rc == BDFS_OK)
                log_info("journal replayed records=%" PRIu64 " index=%" PRIu64 " ms=%" PRId64, p.n,
                         c->index, os_mono_ms() - start_ms);
        return rc;
}

/* ---- where to begin ------------------------------------------------------------------------- */

/* Records up to @index were acknowledged: the tables or the name of a checkpoint say so. */
static enum bdfs_status reaches(const struct commit *c, uint64_t index, struct bdfs_err *err)
{
        uint64_t last = journal_last(c->config.journal);

        if (last >= index)
                return BDFS_OK;
        return bdfs_fail(err, BDFS_CORRUPT,
                         "the journal ends with record %" PRIu64 ", but record %" PRIu64
                         " was acknowledged: its newest segments are missing, restore them",
                         last, index);
}

/* Does the journal have what comes after @index? */
static enum bdfs_status joins(const struct commit *c, uint64_t index, struct bdfs_err *err)
{
        const struct journal *j = c->config.journal;
        uint64_t first = journal_first(j), last = journal_last(j);

        if (last > index && (first == 0 || first > index + 1))
                return bdfs_fail(err, BDFS_CORRUPT,
                                 "records %" PRIu64 " to %" PRIu64
                                 " are in no journal segment: restore the missing segments",
                                 index + 1, first == 0 ? last : first - 1);
        return BDFS_OK;
}

/* Index and time of the tables as they are; 0 when they are empty. NEWER when they are another
 * program's: the start is refused and nothing is thrown away. */
static enum bdfs_status load(struct commit *c, struct bdfs_err *err)
{
        struct commit_applied applied = {.index = 0};
        struct store_txn *t;
        enum bdfs_status rc = store_begin_read(c->config.store, &t, err);

        if (rc != BDFS_OK)
                return rc;
        rc = table_check_versions(t, err);
        if (rc == BDFS_OK)
                rc = commit_applied_get(t, &applied, err);
        store_abort(t);
        if (rc != BDFS_OK && rc != BDFS_NOT_FOUND)
                return rc;
        if (rc == BDFS_OK &&
            memcmp(applied.cluster, journal_cluster(c->config.journal), 16) != 0)
                return bdfs_fail(err, BDFS_INVALID, "the tables belong to another cluster");
        c->index = applied.index;
        c->time_ms = applied.time_ms;
        return BDFS_OK;
}

static enum bdfs_status go_on(struct commit *c, struct bdfs_err *err)
{
        enum bdfs_status rc = joins(c, c->index, err);

        return rc == BDFS_OK ? replay(c, err) : rc;
}

static enum bdfs_status from_checkpoint(struct commit *c, uint64_t index, struct bdfs_err *err)
{
        enum bdfs_status rc = joins(c, index, err);

        if (rc == BDFS_OK)
                rc = store_wipe(c->config.store, err);
        if (rc == BDFS_OK)
                rc = checkpoint_restore(c->config.checkpoint_dir, index, c->config.store, err);
        if (rc == BDFS_OK)
                rc = load(c, err);
        if (rc == BDFS_OK && c->index != index)
                rc = bdfs_fail(err, BDFS_CORRUPT, "checkpoint %" PRIu64 " holds index %" PRIu64,
                               index, c->index);
        if (rc != BDFS_OK)
                return rc;
        log_info("checkpoint restored index=%" PRIu64, index);
        return replay(c, err);
}

static enum bdfs_status from_nothing(struct commit *c, struct bdfs_err *err)
{
        enum bdfs_status rc = joins(c, 0, err);

        if (rc == BDFS_OK)
                rc = store_wipe(c->config.store, err);
        c->index = 0;
        c->time_ms = 0;
        return rc == BDFS_OK ? replay(c, err) : rc;
}

/* Is this failure one that another source may not have? NEWER is none: an older source would give
 * less than was acknowledged. */
static bool try_next(enum bdfs_status rc)
{
        return rc == BDFS_CORRUPT || rc == BDFS_NOT_FOUND;
}

static enum bdfs_status rebuild(struct commit *c, const uint64_t *index, size_t n,
                                struct bdfs_err *err)
{
        for (size_t i = 0; i < n; i++) {
                enum bdfs_status rc = from_checkpoint(c, index[i], err);

                if (!try_next(rc))
                        return rc;
                log_warn("not from checkpoint %" PRIu64 ": %s", index[i], err->text);
        }
        if (n > 0 && journal_first(c->config.journal) != 1)
                return err->status; /* what is wrong with the oldest checkpoint says more */
        return from_nothing(c, err);
}

static bool can_rebuild(const struct commit *c, const uint64_t *index, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (joins(c, index[i], NULL) == BDFS_OK)
                        return true;
        return journal_first(c->config.journal) == 1;
}

enum bdfs_status commit_open(struct commit *c, struct bdfs_err *err)
{
        uint64_t index[CHECKPOINTS_MAX];
        size_t n;
        enum bdfs_status rc = checkpoint_list(c->config.checkpoint_dir, index, &n, err);

        if (rc == BDFS_OK && n > 0)
                rc = reaches(c, index[0], err);
        if (rc != BDFS_OK)
                return rc;
        atomic_store(&c->checkpoint, n > 0 ? index[0] : 0);
        if (c->config.store_fresh)
                return rebuild(c, index, n, err);
        rc = load(c, err);
        if (rc == BDFS_OK && reaches(c, c->index, err) != BDFS_OK)
                return BDFS_CORRUPT;
        if (rc == BDFS_OK)
                rc = go_on(c, err);
        if (rc != BDFS_CORRUPT || !can_rebuild(c, index, n))
                return rc;
        log_warn("the tables are rebuilt: %s", err->text);
        return rebuild(c, index, n, err);
}
