#include "exec/agent/agent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "exec/agent/agent_inside.h"

#define REAP_MS 1000
#define TRIM_MS 10000 /* logs that are too many may be there for so long */

/* ---- threads ------------------------------------------------------------------------------ */

/* Whose turn it is: who has the fewest attempts that run, and of these who waits longest. NULL:
 * nobody's. @extra: only for somebody of whom none runs. With the lock held. */
static struct agent_user *next_user(struct agent *a, bool extra)
{
        struct agent_user *best = NULL;

        for (struct agent_user *u = a->users; u != NULL; u = u->next) {
                if (u->queue == NULL || (extra && u->running > 0))
                        continue;
                if (best == NULL || u->running < best->running ||
                    (u->running == best->running && u->served < best->served))
                        best = u;
        }
        return best;
}

/* The next attempt that waits; NULL: the agent stops. */
static struct attempt *take(struct agent *a, bool extra)
{
        struct agent_user *u;
        struct attempt *at;
        AUTO_LOCK(&a->lock);

        while (!a->stop && (u = next_user(a, extra)) == NULL)
                (void)os_cond_wait(&a->changed, &a->lock, os_mono_ms() + REAP_MS);
        if (a->stop)
                return NULL;
        at = u->queue;
        u->queue = at->next;
        if (u->queue == NULL)
                u->queue_end = &u->queue;
        u->running++;
        u->served = ++a->turns;
        at->started_ms = os_mono_ms();
        return at;
}

/* It has ended, whatever way: drivers that wait hear of it. */
static void ended(struct agent *a, struct attempt *at)
{
        struct agent_job *j = at->job;
        struct attempt **p = &j->live;
        uint64_t keeps = sizeof(*at) + at->tail_n + (at->text == NULL ? 0 : strlen(at->text));

        os_mutex_lock(&a->lock);
        while (*p != at)
                p = &(*p)->live_next;
        *p = at->live_next;
        j->live_n--;
        j->owner->running--;
        BDFS_ASSERT(j->ended_n < j->ended_room && keeps <= at->charged);
        agent_refund(j, at->charged - keeps);
        at->charged = keeps;
        j->ended[j->ended_n++] = at;
        os_cond_broadcast(&a->changed);
        os_mutex_unlock(&a->lock);
        agent_job_put(j);
}

static void work_for(struct agent *a, bool extra)
{
        struct attempt *at;

        while ((at = take(a, extra)) != NULL) {
                attempt_run(at);
                if (at->succeeded)
                        log_debug("attempt done name=%s ms=%" PRId64, at->name, at->run_ms);
                else
                        log_info("attempt failed name=%s reason=%s", at->name,
                                 at->text == NULL ? "?" : at->text);
                attempt_shrink(at);
                ended(a, at);
        }
}

static void work(void *arg)
{
        work_for(arg, false);
}

static void work_extra(void *arg)
{
        work_for(arg, true);
}

static void trim_logs(struct agent *a)
{
        static const struct scratch_log_limits limits = {
                .jobs = AGENT_LOG_JOBS_MAX, .user_jobs = AGENT_USER_LOG_JOBS_MAX,
                .bytes = AGENT_LOG_BYTES_MAX, .user_bytes = AGENT_USER_LOG_BYTES_MAX};

        scratch_logs_trim(a->scratch, &limits);
}

static void reap(void *arg)
{
        struct agent *a = arg;
        int64_t trimmed_ms = os_mono_ms();
        bool stop = false;

        while (!stop) {
                int64_t now = os_mono_ms();

                agent_jobs_expire(a, now);
                if (now - trimmed_ms >= TRIM_MS) {
                        trim_logs(a);
                        trimmed_ms = now;
                }
                os_mutex_lock(&a->lock);
                while (!a->stop && os_mono_ms() < now + REAP_MS)
                        (void)os_cond_wait(&a->changed, &a->lock, now + REAP_MS);
                stop = a->stop;
                os_mutex_unlock(&a->lock);
        }
}

/* ---- start and stop ----------------------------------------------------------------------- */

static unsigned count_slots(const struct agent_conf *conf)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);

        if (conf->slots > 0)
                return (unsigned)conf->slots;
        return cores < 1 ? 1 : cores > AGENT_SLOTS_MAX ? AGENT_SLOTS_MAX : (unsigned)cores;
}

static enum bdfs_status check_users(struct agent *a, struct bdfs_err *err)
{
        struct task_user u;

        if (os_user_name(os_own_uid(), a->own_user, err) != BDFS_OK)
                return bdfs_wrap(err, "the agent's own user");
        if (!a->is_root)
                return BDFS_OK;
        if (task_user_find(a->conf->job_user, &u, err) != BDFS_OK)
                return bdfs_wrap(err, "job_user");
        if (u.uid == 0)
                return bdfs_fail(err, BDFS_INVALID, "job_user: tasks never run as root");
        return BDFS_OK;
}

static enum bdfs_status start_server(struct agent *a, struct bdfs_err *err)
{
        struct rpc_server_config config = {.name = "agent", .any_address = a->conf->any_address,
                                           .identity = a->identity, .services = &a->service,
                                           .services_n = 1};

        a->service = (struct rpc_service){.protocol = "bdfs.AgentService",
                                          .handler_of = agent_handler, .context = a,
                                          .listeners = 1u << RPC_OWN};
        if ((size_t)snprintf(config.own.host, sizeof(config.own.host), "%s", a->conf->listen) >=
            sizeof(config.own.host))
                return bdfs_fail(err, BDFS_INVALID, "listen: %s is no address", a->conf->listen);
        config.own.port = (uint16_t)a->conf->port;
        return rpc_server_start(&a->server, &config, err);
}

static enum bdfs_status start_threads(struct agent *a, struct bdfs_err *err)
{
        a->workers = calloc(a->slots + 1, sizeof(*a->workers));
        if (a->workers == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        for (unsigned i = 0; i <= a->slots; i++) {
                if (os_thread_start(&a->workers[i], "slot", i < a->slots ? work : work_extra, a,
                                    err) != BDFS_OK)
                        return err->status;
        }
        return os_thread_start(&a->reaper, "reaper", reap, a, err);
}

static enum bdfs_status check_shell(struct bdfs_err *err)
{
        if (access(TASK_BASH, X_OK) == 0)
                return BDFS_OK;
        return bdfs_fail_errno(err, errno, "%s, which runs the commands of jobs (install bash)",
                               TASK_BASH);
}

enum bdfs_status agent_start(struct agent **ret, const struct agent_conf *conf,
                             struct task_launcher *launcher, struct bdfs_err *err)
{
        struct agent *a = calloc(1, sizeof(*a));

        if (a == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        os_mutex_init(&a->lock);
        os_cond_init(&a->changed);
        a->conf = conf;
        a->launcher = launcher;
        a->is_root = os_own_uid() == 0;
        a->slots = count_slots(conf);
        os_random(&a->run, sizeof(a->run));
        if (check_shell(err) == BDFS_OK && check_users(a, err) == BDFS_OK &&
            scratch_open(&a->scratch, conf->scratch, a->is_root, err) == BDFS_OK &&
            identity_new(&a->identity, os_own_uid(), NULL, 0, err) == BDFS_OK &&
            start_server(a, err) == BDFS_OK && start_threads(a, err) == BDFS_OK) {
                trim_logs(a);
                *ret = a;
                return BDFS_OK;
        }
        agent_stop(a);
        return err->status;
}

/* No attempt runs, waits or is added any more. */
static void stop_jobs(struct agent *a)
{
        os_mutex_lock(&a->lock);
        a->stop = true;
        for (struct agent_job *j = a->jobs; j != NULL; j = j->next)
                atomic_store(&j->over, true);
        os_cond_broadcast(&a->changed);
        os_mutex_unlock(&a->lock);
}

void agent_stop(struct agent *a)
{
        if (a == NULL)
                return;
        stop_jobs(a);
        if (a->server != NULL)
                rpc_server_stop(a->server);
        for (unsigned i = 0; a->workers != NULL && i <= a->slots; i++) {
                if (a->workers[i] != NULL)
                        os_thread_join(a->workers[i]);
        }
        if (a->reaper != NULL)
                os_thread_join(a->reaper);
        while (a->jobs != NULL)
                agent_job_end(a->jobs);
        while (a->users != NULL) {
                struct agent_user *u = a->users;

                a->users = u->next;
                bdfs_disconnect(u->fs);
                free(u);
        }
        if (a->server != NULL)
                rpc_server_free(a->server);
        identity_free(a->identity);
        scratch_close(a->scratch);
        free(a->workers);
        os_cond_fini(&a->changed);
        os_mutex_fini(&a->lock);
        free(a);
}

uint16_t agent_port(const struct agent *a)
{
        return rpc_server_port(a->server, RPC_OWN);
}
