#include "client/lease_renewal.h"

#include <stdlib.h>

#include "client/fs.h"

struct lease_thread {
        struct bdfs *fs;
        struct os_thread *thread;        /* NULL until the first member */
        struct os_mutex lock;
        struct os_cond wake;
        bool stopping;                   /* guarded by: lock */
        struct lease_member *members;    /* guarded by: lock */
};

static void renew(struct bdfs *fs)
{
        Hadoop__RenewLeaseRequestProto q = HADOOP__RENEW_LEASE_REQUEST_PROTO__INIT;
        struct bdfs_err err;

        q.clientname = fs->client_name;
        /* A failure is tried again at the next tick; the lease lasts several. */
        BDFS_IGNORE(fs_call_only(fs, METHOD_CLIENT_renewLease, &q.base, &err));
}

static void run(void *arg)
{
        struct lease_thread *t = arg;
        int64_t next = os_mono_ms() + CLIENT_RENEW_MS;

        os_mutex_lock(&t->lock);
        while (!t->stopping) {
                if (os_cond_wait(&t->wake, &t->lock, next) || os_mono_ms() < next)
                        continue;
                next = os_mono_ms() + CLIENT_RENEW_MS;
                if (t->members == NULL)
                        continue;
                for (struct lease_member *m = t->members; m != NULL; m = m->next)
                        m->tick(m);
                os_mutex_unlock(&t->lock);
                renew(t->fs);
                os_mutex_lock(&t->lock);
        }
        os_mutex_unlock(&t->lock);
}

enum bdfs_status lease_thread_new(struct lease_thread **ret, struct bdfs *fs, struct bdfs_err *err)
{
        struct lease_thread *t = calloc(1, sizeof(*t));

        if (t == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        t->fs = fs;
        os_mutex_init(&t->lock);
        os_cond_init(&t->wake);
        *ret = t;
        return BDFS_OK;
}

void lease_thread_free(struct lease_thread *t)
{
        if (t == NULL)
                return;
        BDFS_ASSERT(t->members == NULL);
        os_mutex_lock(&t->lock);
        t->stopping = true;
        os_cond_broadcast(&t->wake);
        os_mutex_unlock(&t->lock);
        if (t->thread != NULL)
                os_thread_join(t->thread);
        os_cond_fini(&t->wake);
        os_mutex_fini(&t->lock);
        free(t);
}

enum bdfs_status lease_add(struct lease_thread *t, struct lease_member *m, struct bdfs_err *err)
{
        AUTO_LOCK(&t->lock);

        if (t->thread == NULL &&
            os_thread_start(&t->thread, "renew", run, t, err) != BDFS_OK)
                return err->status;
        m->previous = NULL;
        m->next = t->members;
        if (m->next != NULL)
                m->next->previous = m;
        t->members = m;
        return BDFS_OK;
}

void lease_remove(struct lease_thread *t, struct lease_member *m)
{
        AUTO_LOCK(&t->lock);

        if (m->previous != NULL)
                m->previous->next = m->next;
        else
                t->members = m->next;
        if (m->next != NULL)
                m->next->previous = m->previous;
}
