#include "datanode/disk/scrubber.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/log.h"
#include "datanode/disk/dataset.h"
#include "proto/bdfs_cluster.pb-c.h"

#define PAUSE_MS 60000 /* between passes */
#define NAP_MS 100

struct scrubber {
        struct dataset *dataset;
        uint64_t bytes_per_second;
        struct os_thread *thread;
        int64_t begun_ms;   /* of the current stretch */
        uint64_t bytes;     /* read since */
        struct os_mutex lock;
        struct os_cond wake;
        bool stop; /* guarded by: lock */
};

/* False: stop. */
static bool sleep_until(struct scrubber *s, int64_t deadline_ms)
{
        AUTO_LOCK(&s->lock);

        while (!s->stop && os_mono_ms() < deadline_ms)
                (void)os_cond_wait(&s->wake, &s->lock, deadline_ms);
        return !s->stop;
}

static enum bdfs_status pace(void *arg, size_t bytes, struct bdfs_err *err)
{
        struct scrubber *s = arg;
        int64_t due_ms;

        s->bytes += bytes;
        due_ms = s->begun_ms + (int64_t)(s->bytes * 1000 / s->bytes_per_second);
        if (due_ms < os_mono_ms() + NAP_MS) /* not worth a sleep yet */
                due_ms = 0;
        if (!sleep_until(s, due_ms))
                return bdfs_fail(err, BDFS_CLOSED, "the scrubber stops");
        return BDFS_OK;
}

static bool pass(struct scrubber *s)
{
        struct replica_entry *rows = NULL;
        struct bdfs_err err;
        uint64_t at;
        size_t n = 0, bad = 0;
        enum bdfs_status rc = dataset_snapshot(s->dataset, &rows, &n, &at, &err);

        for (size_t i = 0; rc != BDFS_CLOSED && i < n; i++) {
                if (rows[i].state != BDFS__REPLICA_STATE__REPLICA_FINALIZED)
                        continue;
                s->begun_ms = os_mono_ms();
                s->bytes = 0;
                rc = dataset_verify(s->dataset, rows[i].block, false, pace, s, &err);
                bad += rc == BDFS_CORRUPT;
        }
        free(rows);
        if (bad > 0)
                log_error("scrub found decay replicas=%zu", bad);
        return rc != BDFS_CLOSED && sleep_until(s, os_mono_ms() + PAUSE_MS);
}

static void run(void *arg)
{
        struct scrubber *s = arg;

        if (!sleep_until(s, os_mono_ms() + PAUSE_MS)) /* starting has other work to do */
                return;
        while (pass(s))
                ;
}

enum bdfs_status scrubber_start(struct scrubber **ret, struct dataset *dataset,
                                uint64_t bytes_per_second, struct bdfs_err *err)
{
        struct scrubber *s = calloc(1, sizeof(*s));
        enum bdfs_status rc = BDFS_OK;

        if (s == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "scrubber: out of memory");
        s->dataset = dataset;
        s->bytes_per_second = bytes_per_second;
        os_mutex_init(&s->lock);
        os_cond_init(&s->wake);
        if (bytes_per_second > 0)
                rc = os_thread_start(&s->thread, "scrubber", run, s, err);
        if (rc != BDFS_OK) {
                scrubber_stop(s);
                return rc;
        }
        *ret = s;
        return BDFS_OK;
}

void scrubber_stop(struct scrubber *s)
{
        if (s == NULL)
                return;
        os_mutex_lock(&s->lock);
        s->stop = true;
        os_cond_broadcast(&s->wake);
        os_mutex_unlock(&s->lock);
        if (s->thread != NULL)
                os_thread_join(s->thread);
        os_cond_fini(&s->wake);
        os_mutex_fini(&s->lock);
        free(s);
}
