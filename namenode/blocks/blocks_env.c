#include "namenode/blocks/blocks_env.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define MAP_BYTES (256 * GIB)   /* address space */
#define WORKS_IN_TRANSACTION 256 /* so that nobody waits for too many others */

struct blocks_env {
        struct store *store;
        uint8_t cluster[16];
        struct os_mutex lock;
        struct os_cond changed;
        struct blocks_env_work *first, **last; /* guarded by: lock; waiting works */
        bool busy;                             /* guarded by: lock; somebody writes */
        unsigned open;                         /* guarded by: lock; transactions */
        bool wiping;                           /* guarded by: lock */
};

/* ---- transactions ---------------------------------------------------------------------------- */

static void enter(struct blocks_env *e)
{
        AUTO_LOCK(&e->lock);
        while (e->wiping)
                (void)os_cond_wait(&e->changed, &e->lock, OS_FOREVER);
        e->open++;
}

static void leave(struct blocks_env *e)
{
        AUTO_LOCK(&e->lock);
        BDFS_ASSERT(e->open > 0);
        e->open--;
        if (e->open == 0 && e->wiping)
                os_cond_broadcast(&e->changed);
}

enum bdfs_status blocks_env_begin(struct blocks_env *e, struct replicas_txn *ret,
                                  struct bdfs_err *err)
{
        enum bdfs_status rc;

        enter(e);
        *ret = (struct replicas_txn){.write = false};
        rc = store_begin_read(e->store, &ret->t, err);
        if (rc == BDFS_OK) {
                rc = replicas_load(ret, err);
                if (rc != BDFS_OK)
                        store_abort(ret->t);
        }
        if (rc != BDFS_OK)
                leave(e);
        return rc;
}

void blocks_env_end(struct blocks_env *e, struct replicas_txn *t)
{
        store_abort(t->t);
        t->t = NULL;
        leave(e);
}

static enum bdfs_status write_begin(struct blocks_env *e, struct replicas_txn *ret,
                                    struct bdfs_err *err)
{
        enum bdfs_status rc;

        *ret = (struct replicas_txn){.write = true};
        rc = store_begin_write(e->store, &ret->t, err);
        if (rc != BDFS_OK)
                return rc;
        rc = replicas_load(ret, err);
        if (rc != BDFS_OK)
                store_abort(ret->t);
        return rc;
}

static _Noreturn void write_is_final(const struct bdfs_err *err)
{
        log_error("replica tables cannot be written, the namenode ends: %s", err->text);
        abort();
}

static enum bdfs_status write_end(struct replicas_txn *t, struct bdfs_err *err)
{
        enum bdfs_status rc = replicas_save(t, err);

        if (rc != BDFS_OK) {
                store_abort(t->t);
                return rc;
        }
        if (store_commit(t->t, err) != BDFS_OK)
                write_is_final(err);
        return BDFS_OK;
}

/* ---- combining ------------------------------------------------------------------------------- */

/* Works from @first up to the one that fails; NULL: none failed. */
static struct blocks_env_work *work_all(struct replicas_txn *t, struct blocks_env_work *first)
{
        for (struct blocks_env_work *w = first; w != NULL; w = w->next) {
                w->status = w->work(t, w->arg, w->err);
                if (w->status == BDFS_IO)
                        write_is_final(w->err);
                if (w->status != BDFS_OK)
                        return w;
        }
        return NULL;
}

static struct blocks_env_work *without(struct blocks_env_work *first, struct blocks_env_work *w)
{
        struct blocks_env_work **at = &first;

        while (*at != w)
                at = &(*at)->next;
        *at = w->next;
        return first;
}

static void fail_all(struct blocks_env_work *first, const struct bdfs_err *err)
{
        for (struct blocks_env_work *w = first; w != NULL; w = w->next) {
                w->status = err->status;
                *w->err = *err;
        }
}

/* Do the works of the list in one transaction; those that fail are left out and the rest is done
 * again. Each has its status afterwards. */
static void transact(struct blocks_env *e, struct blocks_env_work *first)
{
        struct bdfs_err err;

        while (first != NULL) {
                struct blocks_env_work *failed;
                struct replicas_txn t;

                if (write_begin(e, &t, &err) != BDFS_OK) {
                        fail_all(first, &err);
                        return;
                }
                failed = work_all(&t, first);
                if (failed != NULL) {
                        store_abort(t.t);
                        first = without(first, failed);
                        continue;
                }
                if (write_end(&t, &err) != BDFS_OK)
                        fail_all(first, &err);
                for (struct blocks_env_work *w = first; w != NULL; w = w->next)
                        if (w->status == BDFS_OK && w->committed != NULL)
                                w->committed(w->arg);
                return;
        }
}

static size_t take_waiting(struct blocks_env *e, struct blocks_env_work **ret)
{
        size_t n = 0;

        while (n < WORKS_IN_TRANSACTION && e->first != NULL) {
                ret[n++] = e->first;
                e->first = e->first->next;
        }
        if (e->first == NULL)
                e->last = &e->first;
        for (size_t i = 0; i < n; i++)
                ret[i]->next = i + 1 < n ? ret[i + 1] : NULL;
        return n;
}

/* Called with the lock held, by the thread that found nobody writing. */
static void lead(struct blocks_env *e)
{
        struct blocks_env_work *works[WORKS_IN_TRANSACTION];
        size_t n = take_waiting(e, works);

        BDFS_ASSERT(n > 0);
        e->busy = true;
        os_mutex_unlock(&e->lock);
        transact(e, works[0]);
        os_mutex_lock(&e->lock);
        e->busy = false;
        for (size_t i = 0; i < n; i++)
                works[i]->done = true;
        os_cond_broadcast(&e->changed);
}

enum bdfs_status blocks_env_write(struct blocks_env *e, struct blocks_env_work *work,
                                  struct bdfs_err *err)
{
        struct bdfs_err own;

        work->err = err != NULL ? err : &own;
        work->next = NULL;
        work->done = false;
        work->status = BDFS_OK;
        enter(e);
        os_mutex_lock(&e->lock);
        *e->last = work;
        e->last = &work->next;
        while (!work->done) {
                if (!e->busy)
                        lead(e);
                else
                        (void)os_cond_wait(&e->changed, &e->lock, OS_FOREVER);
        }
        os_mutex_unlock(&e->lock);
        leave(e);
        return work->status;
}

/* ---- life ------------------------------------------------------------------------------------ */

static enum bdfs_status sign(struct blocks_env *e, struct bdfs_err *err)
{
        struct replicas_txn t;
        enum bdfs_status rc = write_begin(e, &t, err);

        if (rc != BDFS_OK)
                return rc;
        rc = replicas_set_cluster(&t, e->cluster, err);
        if (rc == BDFS_OK)
                return write_end(&t, err);
        store_abort(t.t);
        return rc;
}

static enum bdfs_status is_ours(struct blocks_env *e, bool *ret, struct bdfs_err *err)
{
        uint8_t cluster[16];
        struct replicas_txn t;
        enum bdfs_status rc = blocks_env_begin(e, &t, err);

        *ret = false;
        if (rc == BDFS_OK) {
                rc = replicas_cluster(&t, cluster, err);
                *ret = rc == BDFS_OK && memcmp(cluster, e->cluster, sizeof(cluster)) == 0;
                blocks_env_end(e, &t);
        }
        return rc == BDFS_NOT_FOUND || rc == BDFS_CORRUPT ? BDFS_OK : rc;
}

enum bdfs_status blocks_env_wipe(struct blocks_env *e, struct bdfs_err *err)
{
        enum bdfs_status rc;

        os_mutex_lock(&e->lock);
        while (e->wiping)
                (void)os_cond_wait(&e->changed, &e->lock, OS_FOREVER);
        e->wiping = true;
        while (e->open > 0)
                (void)os_cond_wait(&e->changed, &e->lock, OS_FOREVER);
        os_mutex_unlock(&e->lock);
        rc = store_wipe(e->store, err);
        if (rc == BDFS_OK)
                rc = sign(e, err);
        os_mutex_lock(&e->lock);
        e->wiping = false;
        os_cond_broadcast(&e->changed);
        os_mutex_unlock(&e->lock);
        return rc;
}

static struct blocks_env *env_new(const uint8_t cluster[16])
{
        struct blocks_env *e = calloc(1, sizeof(*e));

        if (e == NULL)
                return NULL;
        memcpy(e->cluster, cluster, sizeof(e->cluster));
        os_mutex_init(&e->lock);
        os_cond_init(&e->changed);
        e->last = &e->first;
        return e;
}

static void env_free(struct blocks_env *e)
{
        BDFS_ASSERT(e->open == 0 && e->first == NULL);
        os_cond_fini(&e->changed);
        os_mutex_fini(&e->lock);
        free(e);
}

enum bdfs_status blocks_env_open(struct blocks_env **ret, const char *dir,
                                 const uint8_t cluster[16], struct bdfs_err *err)
{
        struct store_config config = {.dir = dir,
                                      .tables = replicas_tables,
                                      .tables_n = REPLICAS_TABLES,
                                      .versions = replicas_versions,
                                      .soft = true,
                                      .map_bytes = MAP_BYTES};
        struct blocks_env *e = env_new(cluster);
        bool fresh, ours = false;
        enum bdfs_status rc;

        if (e == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "open %s: no memory", dir);
        rc = store_open(&e->store, &config, &fresh, err);
        if (rc == BDFS_OK)
                rc = is_ours(e, &ours, err);
        if (rc == BDFS_OK && !ours)
                rc = fresh ? sign(e, err) : blocks_env_wipe(e, err);
        if (rc == BDFS_OK) {
                *ret = e;
                return BDFS_OK;
        }
        store_abandon(e->store);
        env_free(e);
        return rc;
}

void blocks_env_close(struct blocks_env *e)
{
        struct bdfs_err err;

        if (e == NULL)
                return;
        if (store_close(e->store, &err) != BDFS_OK)
                log_warn("replica tables are not kept: %s", err.text);
        env_free(e);
}

void blocks_env_abandon(struct blocks_env *e)
{
        if (e == NULL)
                return;
        store_abandon(e->store);
        env_free(e);
}
