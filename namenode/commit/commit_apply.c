#include "namenode/commit/commit_internal.h"

#include <string.h>

#include "namenode/store/tables.h"

#define APPLIED_KEY "applied"
#define APPLIED_BYTES 33

enum bdfs_status commit_applied_get(struct store_txn *t, struct commit_applied *ret,
                                    struct bdfs_err *err)
{
        const uint8_t *value, *cluster;
        struct rd r;
        size_t n;
        enum bdfs_status rc = store_get(t, TABLE_META, APPLIED_KEY, strlen(APPLIED_KEY), &value, &n,
                                        err);

        if (rc != BDFS_OK)
                return rc;
        r = rd_of(value, n);
        if (rd_u8(&r) != TABLE_ROW_VERSION)
                r.bad = true;
        ret->index = rd_u64be(&r);
        ret->time_ms = (int64_t)rd_u64be(&r);
        cluster = rd_bytes(&r, sizeof(ret->cluster));
        if (!rd_done(&r) || ret->index == 0)
                return bdfs_fail(err, BDFS_CORRUPT, "the row with the applied index is malformed");
        memcpy(ret->cluster, cluster, sizeof(ret->cluster));
        return BDFS_OK;
}

enum bdfs_status commit_applied_put(struct commit *c, struct store_txn *t, struct bdfs_err *err)
{
        uint8_t value[APPLIED_BYTES] = {TABLE_ROW_VERSION};

        put_u64be(value + 1, c->index);
        put_u64be(value + 9, (uint64_t)c->time_ms);
        memcpy(value + 17, journal_cluster(c->config.journal), 16);
        return store_put(t, TABLE_META, APPLIED_KEY, strlen(APPLIED_KEY), value, sizeof(value),
                         err);
}

enum bdfs_status commit_apply(struct commit *c, struct store_txn *t,
                              const Bdfs__JournalRecord *record, Bdfs__OpResult **ret,
                              bool *ret_changed, struct bdfs_err *err)
{
        Bdfs__OpResult *result;
        bool changed;
        enum bdfs_status rc = apply_record(t, c->batch, record, &result, &changed, err);

        if (rc != BDFS_OK)
                return rc;
        if (changed)
                rc = retry_store(t, record, result, err);
        if (rc != BDFS_OK) {
                op_result_free(result);
                if (commit_status_aborts(rc))
                        return rc;
                err->status = BDFS_IO; /* the record is applied: this cannot be a refusal */
                return BDFS_IO;
        }
        if (changed) {
                c->index = record->index;
                c->time_ms = record->time_ms;
        }
        *ret = result;
        *ret_changed = changed;
        return BDFS_OK;
}

bool commit_status_aborts(enum bdfs_status status)
{
        return status == BDFS_CORRUPT || status == BDFS_NEWER || status == BDFS_IO ||
               status == BDFS_NO_SPACE || status == BDFS_NO_MEMORY;
}
