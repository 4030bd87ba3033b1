/*
 * The life of an environment: open, trust, close, wipe, transactions.
 *
 * Trust: `boot` holds the boot id of the run that writes; it is there, synced, before the first
 * write. `clean` exists between an orderly close, after a sync, and the next open. What is found
 * at open counts only if `clean` is there or `boot` names this boot: with any other boot, pages
 * that the kernel had not written yet are lost and nothing tells which (N1, P3). While the tables
 * are thrown away or filled from a copy there is neither, so a crash in between leaves an
 * environment that the next open discards.
 *
 * Disk full: a write transaction begins only when the file has allocated room for what a batch may
 * write, so a commit does not meet a full disk after its records are in the journal.
 */
#include "namenode/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "namenode/store/store_file.h"
#include "namenode/store/store_internal.h"

#define READERS_MAX 512
#define READERS_POOLED_MAX 500
#define READER_WAIT_MS 10000
#define AHEAD_BYTES_MIN (4 * MIB)  /* room that a batch may need, for small tables and large */
#define AHEAD_BYTES_MAX (32 * MIB)
#define BOOT_ID_BYTES 36

static_assert(READERS_POOLED_MAX < READERS_MAX, "LMDB must not run out of reader slots first");

static enum bdfs_status status_of(int rc)
{
        switch (rc) {
        case MDB_NOTFOUND: return BDFS_NOT_FOUND;
        case MDB_MAP_FULL: return BDFS_NO_SPACE;
        case MDB_READERS_FULL:
        case MDB_TXN_FULL: return BDFS_LIMIT;
        case MDB_CORRUPTED:
        case MDB_PAGE_NOTFOUND:
        case MDB_INVALID:
        case MDB_VERSION_MISMATCH:
        case MDB_INCOMPATIBLE:
        case MDB_BAD_VALSIZE: return BDFS_CORRUPT;
        default: return rc > 0 ? bdfs_status_of_errno(rc) : BDFS_IO;
        }
}

enum bdfs_status store_fail(const struct store *s, int rc, const char *what, struct bdfs_err *err)
{
        return bdfs_fail(err, status_of(rc), "%s: %s: %s", s->dir, what, mdb_strerror(rc));
}

/* ---- trust ----------------------------------------------------------------------------------- */

static bool trusted(struct store *s)
{
        char boot[37], found[BOOT_ID_BYTES + 1];
        size_t n;

        if (store_file_exists(s->dir, "clean"))
                return true;
        os_boot_id(boot);
        return store_file_get(s->dir, "boot", found, sizeof(found), &n, NULL) == BDFS_OK &&
               n == BOOT_ID_BYTES && memcmp(found, boot, n) == 0;
}

enum bdfs_status store_trust(struct store *s, struct bdfs_err *err)
{
        enum bdfs_status rc;
        char boot[37];

        os_boot_id(boot);
        rc = store_file_put(s->dir, "boot", boot, BOOT_ID_BYTES, err);
        if (rc == BDFS_OK)
                atomic_store(&s->failed, false);
        return rc;
}

enum bdfs_status store_doubt(struct store *s, struct bdfs_err *err)
{
        enum bdfs_status rc = store_file_remove(s->dir, "clean", err);

        atomic_store(&s->failed, true);
        if (rc == BDFS_OK)
                rc = store_file_remove(s->dir, "boot", err);
        return rc != BDFS_OK ? rc : store_file_sync_dir(s->dir, err);
}

/* ---- the environment ------------------------------------------------------------------------- */

static uint64_t used_bytes(const struct store *s)
{
        MDB_envinfo info;
        MDB_stat stat;

        if (s->env == NULL || mdb_env_info(s->env, &info) != 0 || mdb_env_stat(s->env, &stat) != 0)
                return 0;
        return (info.me_last_pgno + 1) * stat.ms_psize;
}

static void env_close(struct store *s)
{
        while (s->idle != NULL) {
                struct store_txn *t = s->idle;

                s->idle = t->next;
                s->readers--;
                mdb_txn_abort(t->txn);
                free(t);
        }
        BDFS_ASSERT(s->readers == 0);
        if (s->env != NULL)
                mdb_env_close(s->env);
        s->env = NULL;
        s->allocated = 0;
}

/* The file must hold every page in use (reading the map behind its end is a fatal signal), and
 * writes of an earlier run of this boot must not have been lost by the disk. */
static int env_check(struct store *s)
{
        struct stat st;
        int fd, rc = mdb_env_get_fd(s->env, &fd);

        if (rc != 0)
                return rc;
        if (fstat(fd, &st) < 0 || fdatasync(fd) < 0)
                return errno;
        return (uint64_t)st.st_size < used_bytes(s) ? MDB_CORRUPTED : 0;
}

static int tables_open(struct store *s)
{
        MDB_txn *txn;
        int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

        for (size_t i = 0; rc == 0 && i < s->config.tables_n; i++) {
                rc = mdb_dbi_open(txn, s->config.tables[i], MDB_CREATE, &s->dbi[i]);
                if (rc != 0 || (rc = mdb_set_compare(txn, s->dbi[i], store_compare)) != 0)
                        mdb_txn_abort(txn);
        }
        return rc != 0 ? rc : mdb_txn_commit(txn);
}

static int env_open(struct store *s, bool check)
{
        int dead, rc = mdb_env_create(&s->env);

        if (rc == 0)
                rc = mdb_env_set_mapsize(s->env, s->config.map_bytes);
        if (rc == 0)
                rc = mdb_env_set_maxreaders(s->env, READERS_MAX);
        if (rc == 0)
                rc = mdb_env_set_maxdbs(s->env, (MDB_dbi)s->config.tables_n);
        if (rc == 0)
                rc = mdb_env_open(s->env, s->dir, MDB_NOTLS | MDB_NOSYNC | MDB_NORDAHEAD, 0600);
        if (rc == 0 && check)
                rc = env_check(s);
        if (rc == 0)
                rc = mdb_reader_check(s->env, &dead);
        if (rc == 0)
                rc = tables_open(s);
        BDFS_ASSERT(rc != 0 || mdb_env_get_maxkeysize(s->env) >= STORE_KEY_BYTES_MAX);
        if (rc != 0)
                env_close(s);
        return rc;
}

enum bdfs_status store_wipe(struct store *s, struct bdfs_err *err)
{
        enum bdfs_status rc;
        int mdb;

        env_close(s);
        rc = store_doubt(s, err);
        if (rc == BDFS_OK)
                rc = store_file_remove(s->dir, "data.mdb", err);
        if (rc == BDFS_OK)
                rc = store_file_remove(s->dir, "lock.mdb", err);
        if (rc != BDFS_OK)
                return rc;
        mdb = env_open(s, false);
        return mdb != 0 ? store_fail(s, mdb, "open", err) : store_trust(s, err);
}

static bool is_damage(int rc)
{
        return status_of(rc) == BDFS_CORRUPT || rc == EIO;
}

static enum bdfs_status is_fresh(struct store *s, bool *ret, struct bdfs_err *err)
{
        struct store_txn *t;
        enum bdfs_status rc = store_begin_read(s, &t, err);

        if (rc != BDFS_OK)
                return rc;
        *ret = true;
        for (unsigned i = 0; i < s->config.tables_n; i++)
                *ret = *ret && store_count(t, i) == 0;
        store_abort(t);
        return BDFS_OK;
}

static enum bdfs_status open_or_wipe(struct store *s, struct bdfs_err *err)
{
        enum bdfs_status rc;
        int mdb;

        if (!trusted(s) || !store_file_exists(s->dir, "data.mdb"))
                return store_wipe(s, err);
        mdb = env_open(s, true);
        if (is_damage(mdb))
                return store_wipe(s, err);
        if (mdb != 0)
                return store_fail(s, mdb, "open", err);
        rc = store_trust(s, err);
        if (rc == BDFS_OK)
                rc = store_file_remove(s->dir, "clean", err);
        return rc != BDFS_OK ? rc : store_file_sync_dir(s->dir, err);
}

static enum bdfs_status lock_dir(struct store *s, struct bdfs_err *err)
{
        char path[STORE_PATH_BYTES];
        enum bdfs_status rc = store_file_mkdir(s->dir, err);

        if (rc == BDFS_OK)
                rc = store_file_path(path, s->dir, "lock", err);
        if (rc != BDFS_OK)
                return rc;
        s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (s->lock_fd < 0)
                return bdfs_fail_errno(err, errno, "open %s", path);
        if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
                return BDFS_OK;
        if (errno == EWOULDBLOCK)
                return bdfs_fail(err, BDFS_LIMIT, "%s: another process uses these tables", s->dir);
        return bdfs_fail_errno(err, errno, "lock %s", path);
}

static void store_free(struct store *s)
{
        env_close(s);
        if (s->lock_fd >= 0)
                (void)close(s->lock_fd); /* nothing was written to it */
        os_cond_fini(&s->returned);
        os_mutex_fini(&s->pool);
        os_mutex_fini(&s->writer);
        free(s->dir);
        free(s);
}

static struct store *store_new(const struct store_config *config)
{
        struct store *s = calloc(1, sizeof(*s));

        if (s == NULL)
                return NULL;
        s->config = *config;
        s->dir = strdup(config->dir);
        s->lock_fd = -1;
        os_mutex_init(&s->writer);
        os_mutex_init(&s->pool);
        os_cond_init(&s->returned);
        if (s->dir != NULL)
                return s;
        store_free(s);
        return NULL;
}

enum bdfs_status store_open(struct store **ret, const struct store_config *config, bool *ret_fresh,
                            struct bdfs_err *err)
{
        struct store *s;
        enum bdfs_status rc;

        BDFS_ASSERT(config->tables_n > 0 && config->tables_n <= STORE_TABLES_MAX);
        s = store_new(config);
        if (s == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "open %s: out of memory", config->dir);
        rc = lock_dir(s, err);
        if (rc == BDFS_OK)
                rc = open_or_wipe(s, err);
        if (rc == BDFS_OK)
                rc = is_fresh(s, ret_fresh, err);
        if (rc == BDFS_OK)
                *ret = s;
        else
                store_free(s);
        return rc;
}

/* Has this simulated node crashed? A clean mark left while it unwinds would outlive that. */
static bool crashed(void)
{
        struct os_stat st;

        return os_simulated() && os_stat_path("/", &st, NULL) == BDFS_IO;
}

enum bdfs_status store_close(struct store *s, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;
        int mdb;

        if (s == NULL)
                return BDFS_OK;
        if (crashed()) {
                store_free(s);
                return bdfs_fail(err, BDFS_IO, "the node has crashed");
        }
        mdb = s->env == NULL ? 0 : mdb_env_sync(s->env, 1);
        if (mdb != 0)
                rc = store_fail(s, mdb, "sync", err);
        else if (atomic_load(&s->failed))
                rc = bdfs_fail(err, BDFS_IO, "%s: closed after a failed write", s->dir);
        else if (s->env != NULL)
                rc = store_file_put(s->dir, "clean", "", 0, err);
        store_free(s);
        return rc;
}

void store_abandon(struct store *s)
{
        if (s != NULL)
                store_free(s);
}

uint64_t store_disk_bytes(const struct store *s)
{
        return used_bytes(s);
}

size_t store_tables(const struct store *s)
{
        return s->config.tables_n;
}

/* ---- transactions ---------------------------------------------------------------------------- */

static enum bdfs_status txn_new(struct store *s, bool write, struct store_txn **ret,
                                struct bdfs_err *err)
{
        struct store_txn *t = calloc(1, sizeof(*t));
        int rc;

        if (t == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "%s: begin: out of memory", s->dir);
        t->store = s;
        t->write = write;
        buf_init(&t->scratch, 0);
        rc = mdb_txn_begin(s->env, NULL, write ? 0 : MDB_RDONLY, &t->txn);
        if (rc != 0) {
                free(t);
                return store_fail(s, rc, "begin", err);
        }
        *ret = t;
        return BDFS_OK;
}

/* An idle reader, or leave for a new one (*ret NULL); LIMIT when all are busy for too long. */
static enum bdfs_status reader_take(struct store *s, struct store_txn **ret, struct bdfs_err *err)
{
        int64_t deadline_ms = -1;
        AUTO_LOCK(&s->pool);

        while (s->idle == NULL && s->readers >= READERS_POOLED_MAX) {
                if (deadline_ms < 0)
                        deadline_ms = os_mono_ms() + READER_WAIT_MS;
                if (!os_cond_wait(&s->returned, &s->pool, deadline_ms))
                        return bdfs_fail(err, BDFS_LIMIT, "%s: %u reads are running", s->dir,
                                         s->readers);
        }
        *ret = s->idle;
        if (s->idle != NULL)
                s->idle = s->idle->next;
        else
                s->readers++;
        return BDFS_OK;
}

static void reader_forget(struct store *s)
{
        AUTO_LOCK(&s->pool);
        s->readers--;
        os_cond_signal(&s->returned);
}

enum bdfs_status store_begin_read(struct store *s, struct store_txn **ret, struct bdfs_err *err)
{
        struct store_txn *t;
        enum bdfs_status rc = reader_take(s, &t, err);
        int mdb;

        if (rc != BDFS_OK)
                return rc;
        if (t == NULL) {
                rc = txn_new(s, false, ret, err);
                if (rc != BDFS_OK)
                        reader_forget(s);
                return rc;
        }
        mdb = mdb_txn_renew(t->txn);
        if (mdb != 0) {
                mdb_txn_abort(t->txn);
                free(t);
                reader_forget(s);
                return store_fail(s, mdb, "begin", err);
        }
        *ret = t;
        return BDFS_OK;
}

/* Room on the disk for what one transaction may add; blocks that are there already stay. */
static enum bdfs_status reserve(struct store *s, struct bdfs_err *err)
{
        uint64_t used = used_bytes(s), ahead = used;
        int fd, rc = mdb_env_get_fd(s->env, &fd);

        if (ahead < AHEAD_BYTES_MIN)
                ahead = AHEAD_BYTES_MIN;
        if (ahead > AHEAD_BYTES_MAX)
                ahead = AHEAD_BYTES_MAX;
        if (used + ahead <= s->allocated)
                return BDFS_OK;
        if (rc == 0 && fallocate(fd, 0, 0, (off_t)(used + 2 * ahead)) < 0)
                rc = errno;
        if (rc == 0) {
                s->allocated = used + 2 * ahead;
                return BDFS_OK;
        }
        if (rc == ENOSPC && fallocate(fd, 0, 0, (off_t)(used + ahead)) == 0) {
                s->allocated = used + ahead;
                return BDFS_OK;
        }
        if (rc == EOPNOTSUPP)
                return BDFS_OK; /* a file system without it: commits may meet the full disk */
        return store_fail(s, rc, "reserve room for the tables", err);
}

enum bdfs_status store_begin_write(struct store *s, struct store_txn **ret, struct bdfs_err *err)
{
        enum bdfs_status rc;

        os_mutex_lock(&s->writer);
        rc = reserve(s, err);
        if (rc == BDFS_OK)
                rc = txn_new(s, true, ret, err);
        if (rc != BDFS_OK)
                os_mutex_unlock(&s->writer);
        return rc;
}

static void write_end(struct store_txn *t)
{
        os_mutex_unlock(&t->store->writer);
        buf_fini(&t->scratch);
        free(t);
}

enum bdfs_status store_commit(struct store_txn *t, struct bdfs_err *err)
{
        struct store *s = t->store;
        enum bdfs_status rc = BDFS_OK;
        int mdb;

        BDFS_ASSERT(t->write);
        mdb = mdb_txn_commit(t->txn);
        if (mdb != 0) {
                rc = store_fail(s, mdb, "commit", err);
                atomic_store(&s->failed, true);
        }
        write_end(t);
        return rc;
}

void store_abort(struct store_txn *t)
{
        if (t == NULL)
                return;
        if (t->write) {
                mdb_txn_abort(t->txn);
                write_end(t);
                return;
        }
        mdb_txn_reset(t->txn);
        AUTO_LOCK(&t->store->pool);
        t->next = t->store->idle;
        t->store->idle = t;
        os_cond_signal(&t->store->returned);
}
