#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/os.h"

static_assert(sizeof(pthread_mutex_t) <= sizeof(struct os_mutex), "os_mutex has no room");
static_assert(sizeof(pthread_cond_t) <= sizeof(struct os_cond), "os_cond has no room");

#define STACK_BYTES ((size_t)1 << 20) /* as in the simulator */

struct os_thread {
        pthread_t id;
        void (*run)(void *arg);
        void *arg;
        atomic_int refs; /* the thread itself, and whoever joins or detaches */
        char name[16];
};

static void thread_put(struct os_thread *t)
{
        if (atomic_fetch_sub(&t->refs, 1) == 1)
                free(t);
}

static int create(struct os_thread *t, void *(*body)(void *))
{
        pthread_attr_t attr;
        int rc = pthread_attr_init(&attr);

        if (rc != 0)
                return rc;
        rc = pthread_attr_setstacksize(&attr, STACK_BYTES);
        if (rc == 0)
                rc = pthread_create(&t->id, &attr, body, t);
        (void)pthread_attr_destroy(&attr);
        return rc;
}

static void *thread_main(void *arg)
{
        struct os_thread *t = arg;

        (void)pthread_setname_np(pthread_self(), t->name); /* only for people */
        t->run(t->arg);
        thread_put(t);
        return NULL;
}

/* Signals that ask a program for something are the main thread's; faults stay the thread's own. */
static void mask_requests(sigset_t *ret_old)
{
        static const int requests[] = {SIGINT,  SIGTERM, SIGHUP,  SIGUSR1,
                                       SIGUSR2, SIGCHLD, SIGALRM, SIGPIPE};
        sigset_t set;

        (void)sigemptyset(&set);
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
                (void)sigaddset(&set, requests[i]);
        (void)pthread_sigmask(SIG_BLOCK, &set, ret_old);
}

enum bdfs_status os_thread_start(struct os_thread **ret, const char *name, void (*run)(void *arg),
                                 void *arg, struct bdfs_err *err)
{
        struct os_thread *t = calloc(1, sizeof(*t));
        sigset_t old;
        int rc;

        if (t == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "start thread %s: out of memory", name);
        t->run = run;
        t->arg = arg;
        atomic_init(&t->refs, 2);
        (void)snprintf(t->name, sizeof(t->name), "%s", name);
        mask_requests(&old);
        rc = create(t, thread_main);
        (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (rc != 0) {
                free(t);
                return bdfs_fail_errno(err, rc, "start thread %s", name);
        }
        *ret = t;
        return BDFS_OK;
}

void os_thread_join(struct os_thread *t)
{
        int rc = pthread_join(t->id, NULL);

        BDFS_ASSERT(rc == 0);
        thread_put(t);
}

void os_thread_detach(struct os_thread *t)
{
        int rc = pthread_detach(t->id);

        BDFS_ASSERT(rc == 0);
        thread_put(t);
}

static pthread_mutex_t *mutex_of(struct os_mutex *m)
{
        return (pthread_mutex_t *)(void *)m;
}

static pthread_cond_t *cond_of(struct os_cond *c)
{
        return (pthread_cond_t *)(void *)c;
}

void os_mutex_init(struct os_mutex *m)
{
        int rc = pthread_mutex_init(mutex_of(m), NULL);

        BDFS_ASSERT(rc == 0);
}

void os_mutex_fini(struct os_mutex *m)
{
        int rc = pthread_mutex_destroy(mutex_of(m));

        BDFS_ASSERT(rc == 0);
}

void os_mutex_lock(struct os_mutex *m)
{
        int rc = pthread_mutex_lock(mutex_of(m));

        BDFS_ASSERT(rc == 0);
}

void os_mutex_unlock(struct os_mutex *m)
{
        int rc = pthread_mutex_unlock(mutex_of(m));

        BDFS_ASSERT(rc == 0);
}

void os_cond_init(struct os_cond *c)
{
        pthread_condattr_t attr;
        int rc = pthread_condattr_init(&attr);

        BDFS_ASSERT(rc == 0);
        rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* BOOTTIME is not allowed here */
        BDFS_ASSERT(rc == 0);
        rc = pthread_cond_init(cond_of(c), &attr);
        BDFS_ASSERT(rc == 0);
        (void)pthread_condattr_destroy(&attr);
}

void os_cond_fini(struct os_cond *c)
{
        int rc = pthread_cond_destroy(cond_of(c));

        BDFS_ASSERT(rc == 0);
}

bool os_cond_wait(struct os_cond *c, struct os_mutex *m, int64_t deadline_ms)
{
        struct timespec at;
        int64_t left_ms;
        int rc;

        if (deadline_ms == OS_FOREVER) {
                rc = pthread_cond_wait(cond_of(c), mutex_of(m));
                BDFS_ASSERT(rc == 0);
                return true;
        }
        left_ms = deadline_ms - os_mono_ms();
        if (left_ms <= 0)
                return false;
        if (left_ms > 86400000)
                left_ms = 86400000; /* waking up once a day is a spurious wake-up */
        (void)clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += left_ms / 1000;
        at.tv_nsec += left_ms % 1000 * 1000000;
        if (at.tv_nsec >= 1000000000) {
                at.tv_nsec -= 1000000000;
                at.tv_sec++;
        }
        rc = pthread_cond_timedwait(cond_of(c), mutex_of(m), &at);
        BDFS_ASSERT(rc == 0 || rc == ETIMEDOUT);
        return rc == 0 || os_mono_ms() < deadline_ms;
}

void os_cond_signal(struct os_cond *c)
{
        int rc = pthread_cond_signal(cond_of(c));

        BDFS_ASSERT(rc == 0);
}

void os_cond_broadcast(struct os_cond *c)
{
        int rc = pthread_cond_broadcast(cond_of(c));

        BDFS_ASSERT(rc == 0);
}

static int64_t clock_us(clockid_t clock)
{
        struct timespec now;
        int rc = clock_gettime(clock, &now);

        BDFS_ASSERT(rc == 0);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t os_mono_ms(void)
{
        return clock_us(CLOCK_BOOTTIME) / 1000;
}

int64_t os_mono_us(void)
{
        return clock_us(CLOCK_BOOTTIME);
}

int64_t os_wall_ms(void)
{
        return clock_us(CLOCK_REALTIME) / 1000;
}

void os_sleep_ms(int64_t ms)
{
        struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

        if (ms <= 0)
                return;
        while (clock_nanosleep(CLOCK_BOOTTIME, 0, &left, &left) == EINTR)
                continue;
}

void os_random(void *bytes, size_t n)
{
        uint8_t *at = bytes;

        while (n > 0) {
                ssize_t got = getrandom(at, n, 0);

                BDFS_ASSERT(got > 0 || errno == EINTR);
                if (got > 0) {
                        at += got;
                        n -= (size_t)got;
                }
        }
}

void os_boot_id(char ret[37])
{
        AUTO_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        uint8_t r[16];

        if (fd >= 0 && read(fd, ret, 36) == 36) {
                ret[36] = '\0';
                return;
        }
        os_random(r, sizeof(r)); /* not known: never equal to an earlier one, which is safe */
        for (size_t i = 0; i < sizeof(r); i++)
                (void)snprintf(ret + 2 * i, 3, "%02x", r[i]);
        memcpy(ret + 32, "none", 5);
}

bool os_simulated(void)
{
        return false;
}
