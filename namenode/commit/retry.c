/*
 * Rows. TABLE_RETRY: client id, u32 call id, user, u8 bytes of user -> version, packed OpResult.
 * TABLE_RETRY_ORDER: u64 time of the record (so that negative ones sort first), u64 index ->
 * version, key of the answer.
 *
 * In rows of version 1 the key ends with the call id: whose answer it is is not known. They are
 * read for RETRY_ANSWER_MS, so that a call is not applied twice because of an upgrade, and not
 * longer, however long they stay.
 */
#include "namenode/commit/retry.h"

#include <string.h>

#include "common/bytes.h"
#include "common/limits.h"
#include "namenode/store/tables.h"

#define FORGET_MOST 2
#define ANONYMOUS_KEY_BYTES_MAX (RETRY_CLIENT_BYTES_MAX + 4)
#define KEY_BYTES_MAX (ANONYMOUS_KEY_BYTES_MAX + USER_NAME_BYTES_MAX + 1)
#define ORDER_KEY_BYTES 16

enum { ANONYMOUS = 1, VERSION = 2 }; /* of rows */

static_assert(KEY_BYTES_MAX <= STORE_KEY_BYTES_MAX, "an answer's key fits the store");
static_assert(USER_NAME_BYTES_MAX <= UINT8_MAX, "its length fits a byte");

static const char *user_of(const Bdfs__JournalRecord *record)
{
        return record->caller != NULL ? record->caller->user : "";
}

enum bdfs_status retry_check(const Bdfs__JournalRecord *record, struct bdfs_err *err)
{
        if (!record->has_client_id)
                return BDFS_OK;
        if (strlen(user_of(record)) > USER_NAME_BYTES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "request of a user whose name has %zu bytes",
                                 strlen(user_of(record)));
        if (record->client_id.len == 0 || record->client_id.len > RETRY_CLIENT_BYTES_MAX ||
            !record->has_call_id)
                return bdfs_fail(err, BDFS_INVALID, "request id: client id of %zu bytes%s",
                                 record->client_id.len,
                                 record->has_call_id ? "" : ", no call id");
        return BDFS_OK;
}

static size_t anonymous_key(uint8_t to[ANONYMOUS_KEY_BYTES_MAX], const Bdfs__JournalRecord *record)
{
        size_t n = record->client_id.len;

        BDFS_ASSERT(n > 0 && n <= RETRY_CLIENT_BYTES_MAX); /* retry_check() looked */
        memcpy(to, record->client_id.data, n);
        put_u32be(to + n, (uint32_t)record->call_id);
        return n + 4;
}

static size_t answer_key(uint8_t to[KEY_BYTES_MAX], const Bdfs__JournalRecord *record)
{
        const char *user = user_of(record);
        size_t n = anonymous_key(to, record), user_n = strlen(user);

        BDFS_ASSERT(user_n <= USER_NAME_BYTES_MAX); /* retry_check() looked */
        memcpy(to + n, user, user_n);
        to[n + user_n] = (uint8_t)user_n;
        return n + user_n + 1;
}

static uint64_t time_key(int64_t time_ms)
{
        return (uint64_t)time_ms ^ 1ULL << 63;
}

static enum bdfs_status malformed(enum table table, struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_CORRUPT, "row in table %s makes no sense", table_names[table]);
}

/* The answer under this key in a row of this version; NULL in *ret: none. */
static enum bdfs_status find_answer(struct store_txn *t, const uint8_t *key, size_t key_n,
                                    uint8_t version, Bdfs__OpResult **ret, struct bdfs_err *err)
{
        const uint8_t *value;
        size_t n;
        enum bdfs_status rc = store_get(t, TABLE_RETRY, key, key_n, &value, &n, NULL);

        if (rc == BDFS_NOT_FOUND)
                return BDFS_OK; /* as nearly always: no text is made */
        if (rc != BDFS_OK)
                return bdfs_fail(err, rc, "look up the answer kept for a call");
        if (n > 0 && value[0] == version)
                *ret = bdfs__op_result__unpack(NULL, n - 1, value + 1);
        return *ret != NULL ? BDFS_OK : malformed(TABLE_RETRY, err);
}

/* Was the answer of before under this key given at @since_ms or later? Rows of before come before
 * all others. */
static enum bdfs_status is_recent(struct store_txn *t, const uint8_t *key, size_t key_n,
                                  int64_t since_ms, bool *ret, struct bdfs_err *err)
{
        uint8_t from[8];
        const uint8_t *order, *value;
        size_t order_n, n;
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_RETRY_ORDER, &c, err);

        *ret = false;
        if (rc != BDFS_OK)
                return rc;
        put_u64be(from, time_key(since_ms));
        for (rc = store_cursor_seek(c, from, sizeof(from), err); rc == BDFS_OK && !*ret;
             rc = store_cursor_next(c, err)) {
                store_cursor_at(c, &order, &order_n, &value, &n);
                if (n == 0 || value[0] != ANONYMOUS)
                        break;
                *ret = n == 1 + key_n && memcmp(value + 1, key, key_n) == 0;
        }
        store_cursor_close(c);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

static enum bdfs_status find_anonymous(struct store_txn *t, const Bdfs__JournalRecord *record,
                                       int64_t now_ms, Bdfs__OpResult **ret, struct bdfs_err *err)
{
        uint8_t key[ANONYMOUS_KEY_BYTES_MAX];
        size_t n = anonymous_key(key, record);
        bool recent;
        enum bdfs_status rc = find_answer(t, key, n, ANONYMOUS, ret, err);

        if (rc != BDFS_OK || *ret == NULL)
                return rc;
        rc = is_recent(t, key, n, now_ms - RETRY_ANSWER_MS, &recent, err);
        if (rc == BDFS_OK && recent)
                return BDFS_OK;
        op_result_free(*ret);
        *ret = NULL;
        return rc;
}

enum bdfs_status retry_find(struct store_txn *t, const Bdfs__JournalRecord *record, int64_t now_ms,
                            Bdfs__OpResult **ret, struct bdfs_err *err)
{
        uint8_t key[KEY_BYTES_MAX];
        enum bdfs_status rc;

        *ret = NULL;
        if (!record->has_client_id)
                return BDFS_OK;
        rc = find_answer(t, key, answer_key(key, record), VERSION, ret, err);
        if (rc != BDFS_OK || *ret != NULL)
                return rc;
        return find_anonymous(t, record, now_ms, ret, err);
}

/* ---- keeping -------------------------------------------------------------------------------- */

static enum bdfs_status put_answer(struct store_txn *t, const uint8_t *key, size_t key_n,
                                   const Bdfs__OpResult *answer, struct bdfs_err *err)
{
        size_t n = bdfs__op_result__get_packed_size(answer);
        enum bdfs_status rc;
        struct buf value;
        uint8_t *p;

        buf_init(&value, 0);
        buf_u8(&value, VERSION);
        p = buf_grow(&value, n);
        if (p != NULL)
                (void)bdfs__op_result__pack(answer, p);
        rc = value.bad ? bdfs_fail(err, BDFS_NO_MEMORY, "keep an answer: out of memory")
                       : store_put(t, TABLE_RETRY, key, key_n, value.data, value.n, err);
        buf_fini(&value);
        return rc;
}

static enum bdfs_status put_order(struct store_txn *t, const Bdfs__JournalRecord *record,
                                  const uint8_t *key, size_t key_n, struct bdfs_err *err)
{
        uint8_t order[ORDER_KEY_BYTES], value[1 + KEY_BYTES_MAX] = {VERSION};

        put_u64be(order, time_key(record->time_ms));
        put_u64be(order + 8, record->index);
        memcpy(value + 1, key, key_n);
        return store_put(t, TABLE_RETRY_ORDER, order, sizeof(order), value, 1 + key_n, err);
}

/* The oldest answer goes if it was given before @time_ms; NOT_FOUND if it was not. */
static enum bdfs_status forget_oldest(struct store_txn *t, struct store_cursor *c,
                                      int64_t time_ms, struct bdfs_err *err)
{
        uint8_t before[8], answer[KEY_BYTES_MAX];
        const uint8_t *key, *value;
        size_t key_n, n;
        enum bdfs_status rc = store_cursor_seek(c, NULL, 0, err);

        if (rc != BDFS_OK)
                return rc;
        store_cursor_at(c, &key, &key_n, &value, &n);
        if (key_n != ORDER_KEY_BYTES || n < 2 || n > 1 + sizeof(answer) ||
            (value[0] != VERSION && value[0] != ANONYMOUS))
                return malformed(TABLE_RETRY_ORDER, err);
        put_u64be(before, time_key(time_ms));
        if (memcmp(key, before, sizeof(before)) >= 0)
                return BDFS_NOT_FOUND;
        memcpy(answer, value + 1, n - 1); /* the row moves when it is deleted */
        rc = store_cursor_del(c, err);
        if (rc == BDFS_OK)
                rc = store_del(t, TABLE_RETRY, answer, n - 1, err);
        return rc == BDFS_NOT_FOUND ? malformed(TABLE_RETRY_ORDER, err) : rc;
}

static enum bdfs_status forget(struct store_txn *t, int64_t time_ms, struct bdfs_err *err)
{
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_RETRY_ORDER, &c, err);

        if (rc != BDFS_OK)
                return rc;
        for (unsigned i = 0; rc == BDFS_OK && i < FORGET_MOST; i++)
                rc = forget_oldest(t, c, time_ms, err);
        store_cursor_close(c);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

enum bdfs_status retry_store(struct store_txn *t, const Bdfs__JournalRecord *record,
                             const Bdfs__OpResult *answer, struct bdfs_err *err)
{
        uint8_t key[KEY_BYTES_MAX];
        size_t key_n;
        enum bdfs_status rc;

        if (!record->has_client_id)
                return BDFS_OK;
        key_n = answer_key(key, record);
        rc = put_answer(t, key, key_n, answer, err);
        if (rc == BDFS_OK)
                rc = put_order(t, record, key, key_n, err);
        if (rc != BDFS_OK || store_count(t, TABLE_RETRY_ORDER) <= RETRY_ANSWERS_MIN)
                return rc;
        return forget(t, record->time_ms - RETRY_ANSWER_MS, err);
}

void op_result_free(Bdfs__OpResult *r)
{
        if (r != NULL)
                bdfs__op_result__free_unpacked(r, NULL);
}
