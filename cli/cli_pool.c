#include "cli/cli_pool.h"

#include <stdlib.h>

#include "cli/cli.h"

#define QUEUE_MAX 1024
#define WAIT_MS 60000 /* between looks at a condition that a signal cannot have been missed for */

struct cli_pool {
        void (*run)(void *context, void *job);
        void *context;
        struct os_mutex lock;
        struct os_cond changed;
        void *queue[QUEUE_MAX];
        size_t first, n;        /* guarded by: lock */
        bool ending;            /* guarded by: lock */
        struct os_thread *thread[CLI_THREADS_MAX];
        unsigned threads;       /* 0: the adder runs the jobs */
};

static void work(void *arg)
{
        struct cli_pool *p = arg;

        os_mutex_lock(&p->lock);
        for (;;) {
                void *job;

                if (p->n == 0 && p->ending)
                        break;
                if (p->n == 0) {
                        (void)os_cond_wait(&p->changed, &p->lock, os_mono_ms() + WAIT_MS);
                        continue;
                }
                job = p->queue[p->first];
                p->first = (p->first + 1) % QUEUE_MAX;
                p->n--;
                os_cond_broadcast(&p->changed);
                os_mutex_unlock(&p->lock);
                p->run(p->context, job);
                os_mutex_lock(&p->lock);
        }
        os_mutex_unlock(&p->lock);
}

enum bdfs_status cli_pool_new(struct cli_pool **ret, unsigned threads,
                              void (*run)(void *context, void *job), void *context,
                              struct bdfs_err *err)
{
        struct cli_pool *p = calloc(1, sizeof(*p));

        if (p == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        p->run = run;
        p->context = context;
        os_mutex_init(&p->lock);
        os_cond_init(&p->changed);
        while (threads > 1 && p->threads < threads && p->threads < CLI_THREADS_MAX) {
                if (os_thread_start(&p->thread[p->threads], "copy", work, p, err) != BDFS_OK) {
                        cli_pool_free(p);
                        return err->status;
                }
                p->threads++;
        }
        *ret = p;
        return BDFS_OK;
}

void cli_pool_add(struct cli_pool *p, void *job)
{
        if (p->threads == 0) {
                p->run(p->context, job);
                return;
        }
        os_mutex_lock(&p->lock);
        while (p->n == QUEUE_MAX)
                (void)os_cond_wait(&p->changed, &p->lock, os_mono_ms() + WAIT_MS);
        p->queue[(p->first + p->n++) % QUEUE_MAX] = job;
        os_cond_broadcast(&p->changed);
        os_mutex_unlock(&p->lock);
}

void cli_pool_free(struct cli_pool *p)
{
        if (p == NULL)
                return;
        os_mutex_lock(&p->lock);
        p->ending = true;
        os_cond_broadcast(&p->changed);
        os_mutex_unlock(&p->lock);
        for (unsigned i = 0; i < p->threads; i++)
                os_thread_join(p->thread[i]);
        os_cond_fini(&p->changed);
        os_mutex_fini(&p->lock);
        free(p);
}
