#include "namenode/retry.h"

#include "common/cleanup.h"
#include "common/limits.h"
#include "namenode/tables.h"

#define FORGET_MOST 2

enum bdfs_status retry_check(const Bdfs__JournalRecord *record, struct bdfs_err *err)
{
        if (!record->has_client_id)
                return BDFS_OK;
        if (record->client_id.len == 0 || record->client_id.len > RETRY_CLIENT_BYTES_MAX ||
            !record->has_call_id)
                return bdfs_fail(err, BDFS_INVALID, "request id: client id of %zu bytes%s",
                                 record->client_id.len,
                                 record->has_call_id ? "" : ", no call id");
        return BDFS_OK;
}

static struct retry_id id_of(const Bdfs__JournalRecord *record)
{
        return (struct retry_id){.client = record->client_id.data,
                                 .client_n = record->client_id.len,
                                 .call = record->call_id};
}

enum bdfs_status retry_find(struct store_txn *t, const Bdfs__JournalRecord *record,
                            Bdfs__OpResult **ret, struct bdfs_err *err)
{
        struct retry_id id = id_of(record);
        const uint8_t *bytes;
        size_t n;
        enum bdfs_status rc;

        *ret = NULL;
        if (!record->has_client_id)
                return BDFS_OK;
        rc = table_get_retry(t, &id, &bytes, &n, err);
        if (rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        if (rc != BDFS_OK)
                return rc;
        *ret = bdfs__op_result__unpack(NULL, n, bytes);
        if (*ret == NULL)
                return bdfs_fail(err, BDFS_CORRUPT, "the answer kept for call %d does not parse",
                                 record->call_id);
        return BDFS_OK;
}

enum bdfs_status retry_store(struct store_txn *t, const Bdfs__JournalRecord *record,
                             const Bdfs__OpResult *answer, struct bdfs_err *err)
{
        struct retry_id id = id_of(record);
        size_t n = bdfs__op_result__get_packed_size(answer);
        AUTO_FREE uint8_t *bytes = NULL;
        enum bdfs_status rc;
        uint64_t gone;

        if (!record->has_client_id)
                return BDFS_OK;
        bytes = malloc(n + 1);
        if (bytes == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "keep an answer: out of memory");
        n = bdfs__op_result__pack(answer, bytes);
        rc = table_put_retry(t, &id, record->time_ms, record->index, bytes, n, err);
        if (rc != BDFS_OK || store_count(t, TABLE_RETRY_ORDER) <= RETRY_ANSWERS_MIN)
                return rc;
        return table_forget_retries(t, record->time_ms - RETRY_ANSWER_MS, FORGET_MOST, &gone, err);
}

void op_result_free(Bdfs__OpResult *r)
{
        if (r != NULL)
                bdfs__op_result__free_unpacked(r, NULL);
}
