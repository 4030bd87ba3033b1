/*
 * Copies of an environment: one file, rows in order, written append-only by cursors rather than by
 * mdb_env_copy(). So every checksum is verified on the way (a copy never carries damage on), the
 * file has no free pages, and no lock of LMDB's own is waited for, which the simulator could not
 * see.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/limits.h"
#include "namenode/store/store_internal.h"

#define CHUNK_BYTES (8 * MIB) /* rows per transaction of the target */
#define SYNC_CHUNKS 8         /* so that the last sync is short and the journal's are not held up */

struct target {
        MDB_env *env;
        MDB_txn *txn;
        uint64_t chunk_bytes; /* in txn so far */
        unsigned chunks;
};

static int target_commit(struct target *to)
{
        int rc = mdb_txn_commit(to->txn);

        to->txn = NULL;
        to->chunk_bytes = 0;
        if (rc == 0 && ++to->chunks % SYNC_CHUNKS == 0)
                rc = mdb_env_sync(to->env, 1);
        return rc;
}

static int target_put(struct target *to, MDB_dbi dbi, MDB_val *key, const MDB_val *value)
{
        MDB_val whole = {.mv_size = value->mv_size + STORE_CRC_BYTES, .mv_data = value->mv_data};
        int rc = to->txn != NULL ? 0 : mdb_txn_begin(to->env, NULL, 0, &to->txn);

        if (rc == 0)
                rc = mdb_put(to->txn, dbi, key, &whole, MDB_APPEND);
        to->chunk_bytes += key->mv_size + whole.mv_size;
        if (rc == 0 && to->chunk_bytes >= CHUNK_BYTES)
                rc = target_commit(to);
        return rc;
}

static bool cancelled(const atomic_bool *cancel)
{
        return cancel != NULL && atomic_load(cancel);
}

static enum bdfs_status copy_table(const struct store *s, unsigned table, MDB_cursor *from,
                                   struct target *to, MDB_dbi to_dbi, const atomic_bool *cancel,
                                   struct bdfs_err *err)
{
        MDB_val key, value;
        enum bdfs_status rc;
        int mdb;

        while ((mdb = mdb_cursor_get(from, &key, &value, MDB_NEXT)) == 0) {
                rc = store_check(s, table, &key, &value, err);
                if (rc != BDFS_OK)
                        return rc;
                mdb = target_put(to, to_dbi, &key, &value);
                if (mdb == MDB_KEYEXIST)
                        return bdfs_fail(err, BDFS_CORRUPT, "%s: table %s: keys out of order",
                                         s->dir, s->config.tables[table]);
                if (mdb != 0)
                        return store_fail(s, mdb, "copy", err);
                if (cancelled(cancel))
                        return bdfs_fail(err, BDFS_CLOSED, "%s: copy: cancelled", s->dir);
        }
        return mdb == MDB_NOTFOUND ? BDFS_OK : store_fail(s, mdb, "copy", err);
}

/* All tables of @from (handles @from_dbi; one that is not there has no handle: 0). */
static enum bdfs_status copy_all(const struct store *s, MDB_txn *from, const MDB_dbi *from_dbi,
                                 struct target *to, const MDB_dbi *to_dbi,
                                 const atomic_bool *cancel, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;
        int mdb = 0;

        for (unsigned i = 0; rc == BDFS_OK && i < s->config.tables_n; i++) {
                MDB_cursor *cursor;

                if (from_dbi[i] == 0)
                        continue;
                mdb = mdb_cursor_open(from, from_dbi[i], &cursor);
                if (mdb != 0) {
                        rc = store_fail(s, mdb, "copy", err);
                        break;
                }
                rc = copy_table(s, i, cursor, to, to_dbi[i], cancel, err);
                mdb_cursor_close(cursor); /* of a read transaction */
        }
        if (rc == BDFS_OK && to->txn != NULL) {
                mdb = target_commit(to);
                if (mdb != 0)
                        rc = store_fail(s, mdb, "copy", err);
        }
        if (to->txn != NULL)
                mdb_txn_abort(to->txn);
        to->txn = NULL;
        return rc;
}

/* An environment in one file, without a lock file: nobody else uses it. */
static int plain_open(const struct store *s, const char *path, unsigned flags, MDB_env **ret)
{
        MDB_env *env;
        int rc = mdb_env_create(&env);

        if (rc != 0)
                return rc;
        rc = mdb_env_set_mapsize(env, s->config.map_bytes);
        if (rc == 0)
                rc = mdb_env_set_maxdbs(env, (MDB_dbi)s->config.tables_n);
        if (rc == 0)
                rc = mdb_env_open(env, path, flags | MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS, 0600);
        if (rc == 0)
                *ret = env;
        else
                mdb_env_close(env);
        return rc;
}

static int plain_tables(const struct store *s, MDB_txn *txn, unsigned flags, MDB_dbi *ret)
{
        int rc = 0;

        for (size_t i = 0; rc == 0 && i < s->config.tables_n; i++) {
                rc = mdb_dbi_open(txn, s->config.tables[i], flags, &ret[i]);
                if (rc != MDB_NOTFOUND)
                        continue;
                ret[i] = 0; /* a table that this version added */
                rc = 0;
        }
        return rc;
}

static enum bdfs_status copy_to(struct store_txn *t, MDB_env *env, const atomic_bool *cancel,
                                struct bdfs_err *err)
{
        const struct store *s = t->store;
        struct target to = {.env = env};
        MDB_dbi dbi[STORE_TABLES_MAX];
        enum bdfs_status rc;
        int mdb = mdb_txn_begin(env, NULL, 0, &to.txn);

        if (mdb == 0)
                mdb = plain_tables(s, to.txn, MDB_CREATE, dbi);
        if (mdb == 0)
                mdb = target_commit(&to);
        if (mdb != 0) {
                if (to.txn != NULL)
                        mdb_txn_abort(to.txn);
                return store_fail(s, mdb, "copy", err);
        }
        rc = copy_all(s, t->txn, s->dbi, &to, dbi, cancel, err);
        if (rc != BDFS_OK)
                return rc;
        mdb = mdb_env_sync(env, 1);
        return mdb == 0 ? BDFS_OK : store_fail(s, mdb, "copy: sync", err);
}

enum bdfs_status store_copy(struct store_txn *t, const char *path, const atomic_bool *cancel,
                            struct bdfs_err *err)
{
        enum bdfs_status rc;
        MDB_env *env;
        int mdb;

        BDFS_ASSERT(!t->write);
        if (access(path, F_OK) == 0)
                return bdfs_fail(err, BDFS_EXISTS, "copy to %s: it is there already", path);
        mdb = plain_open(t->store, path, MDB_NOSYNC, &env);
        if (mdb != 0) {
                (void)unlink(path); /* whatever was made of it */
                return store_fail(t->store, mdb, "copy: create", err);
        }
        rc = copy_to(t, env, cancel, err);
        mdb_env_close(env);
        if (rc != BDFS_OK)
                (void)unlink(path); /* an incomplete copy; a new one replaces it if this fails */
        return rc;
}

static enum bdfs_status fill(struct store *s, MDB_env *env, struct bdfs_err *err)
{
        struct target to = {.env = s->env};
        MDB_dbi dbi[STORE_TABLES_MAX] = {0};
        enum bdfs_status rc;
        MDB_txn *from;
        int mdb = mdb_txn_begin(env, NULL, MDB_RDONLY, &from);

        if (mdb != 0)
                return store_fail(s, mdb, "restore", err);
        mdb = plain_tables(s, from, 0, dbi);
        rc = mdb != 0 ? store_fail(s, mdb, "restore", err)
                      : copy_all(s, from, dbi, &to, s->dbi, NULL, err);
        mdb_txn_abort(from);
        return rc;
}

enum bdfs_status store_restore(struct store *s, const char *path, struct bdfs_err *err)
{
        enum bdfs_status rc = store_doubt(s, err);
        MDB_env *env;
        int mdb;

        if (rc != BDFS_OK)
                return rc;
        mdb = plain_open(s, path, MDB_RDONLY, &env);
        if (mdb != 0)
                return store_fail(s, mdb, "restore: open the copy", err);
        AUTO_LOCK(&s->writer);
        rc = fill(s, env, err);
        mdb_env_close(env);
        return rc == BDFS_OK ? store_trust(s, err) : rc;
}
