/*
 * bench_kit.h - what the load programs share: a clock, latencies, the CPU that client and servers
 * used, disk flushes, threads that start together, and one JSON line per figure.
 *
 * Owner:   struct bench_run belongs to the caller; bench_run_fini() frees its latencies.
 * Threads: each worker fills its own struct bench_worker; everything else is the main thread's.
 */
#pragma once

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client/bdfs.h"
#include "common/os.h"

#define BENCH_WORKERS_MAX 256
#define BENCH_PIDS_MAX 64

struct bench_worker {
        unsigned index;
        void *arg;
        struct bdfs *fs;
        struct os_thread *thread;
        pthread_barrier_t *start;
        enum bdfs_status (*run)(struct bench_worker *w, struct bdfs_err *err);
        uint32_t *us; /* latencies */
        size_t n, room;
        enum bdfs_status status;
        struct bdfs_err err;
};

struct bench_servers { /* whose CPU is counted, and the disk whose flushes are */
        pid_t pids[BENCH_PIDS_MAX];
        size_t pids_n;
        const char *disk;
};

struct bench_run { /* what a run came to */
        double seconds, cpu_client, cpu_servers;
        uint64_t flushes;
        uint32_t *us;
        size_t n;
};

static inline __attribute__((noreturn, format(printf, 1, 2))) void bench_die(const char *text, ...)
{
        va_list ap;

        va_start(ap, text);
        (void)vfprintf(stderr, text, ap);
        va_end(ap);
        (void)fputc('\n', stderr);
        exit(1);
}

static inline uint64_t bench_number(const char *text) /* K, M and G may follow */
{
        char *end;
        uint64_t v = strtoull(text, &end, 10);

        if (end == text)
                bench_die("\"%s\" is not a number", text);
        if (*end == 'K')
                v <<= 10;
        else if (*end == 'M')
                v <<= 20;
        else if (*end == 'G')
                v <<= 30;
        else if (*end != '\0')
                bench_die("\"%s\" is not a number", text);
        return v;
}

static inline void bench_pids(struct bench_servers *s, const char *list)
{
        while (*list != '\0' && s->pids_n < BENCH_PIDS_MAX) {
                s->pids[s->pids_n++] = (pid_t)strtol(list, NULL, 10);
                list += strcspn(list, ",");
                list += *list == ',';
        }
}

/* Seconds of CPU that the process and its threads, dead ones too, have used. */
static inline double bench_cpu_of(pid_t pid)
{
        char path[64], line[1024], *at;
        unsigned long user, system;
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        f = fopen(path, "re");
        if (f == NULL)
                return 0;
        at = fgets(line, sizeof(line), f) == NULL ? NULL : strrchr(line, ')');
        (void)fclose(f);
        if (at == NULL || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                                 &user, &system) != 2)
                return 0;
        return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static inline double bench_cpu_servers(const struct bench_servers *s)
{
        double sum = 0;

        for (size_t i = 0; i < s->pids_n; i++)
                sum += bench_cpu_of(s->pids[i]);
        return sum;
}

static inline double bench_cpu_own(void)
{
        struct rusage u;

        (void)getrusage(RUSAGE_SELF, &u);
        return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Flush requests that the disk has served, for everybody on this machine; 0: unknown. */
static inline uint64_t bench_flushes(const struct bench_servers *s)
{
        unsigned long long v = 0;
        char path[128];
        FILE *f;

        if (s->disk == NULL || s->disk[0] == '\0')
                return 0;
        (void)snprintf(path, sizeof(path), "/sys/class/block/%s/stat", s->disk);
        f = fopen(path, "re");
        if (f == NULL)
                return 0;
        for (int i = 0; i < 16 && fscanf(f, "%llu", &v) == 1; i++)
                ;
        (void)fclose(f);
        return v;
}

static inline void bench_note(struct bench_worker *w, int64_t since_us)
{
        if (w->n == w->room) {
                w->room = w->room == 0 ? 1024 : 2 * w->room;
                w->us = realloc(w->us, w->room * sizeof(*w->us));
                if (w->us == NULL)
                        bench_die("no memory");
        }
        w->us[w->n++] = (uint32_t)(os_mono_us() - since_us);
}

static inline void bench_worker_main(void *arg)
{
        struct bench_worker *w = arg;

        (void)pthread_barrier_wait(w->start);
        w->status = w->run(w, &w->err);
}

static inline int bench_compare(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

static inline void bench_gather(struct bench_worker *all, unsigned n, struct bench_run *ret)
{
        size_t total = 0;

        for (unsigned i = 0; i < n; i++) {
                if (all[i].status != BDFS_OK)
                        bench_die("worker %u: %s", i, all[i].err.text);
                total += all[i].n;
        }
        ret->us = malloc((total + 1) * sizeof(*ret->us));
        if (ret->us == NULL)
                bench_die("no memory");
        ret->n = 0;
        for (unsigned i = 0; i < n; i++) {
                if (all[i].n > 0)
                        memcpy(ret->us + ret->n, all[i].us, all[i].n * sizeof(*ret->us));
                ret->n += all[i].n;
                free(all[i].us);
                all[i].us = NULL;
                all[i].n = all[i].room = 0;
        }
        qsort(ret->us, ret->n, sizeof(*ret->us), bench_compare);
}

/* All workers start together; a worker that fails ends the program. */
static inline void bench_go(struct bench_worker *all, unsigned n, const struct bench_servers *s,
                            enum bdfs_status (*run)(struct bench_worker *w, struct bdfs_err *err),
                            struct bench_run *ret)
{
        pthread_barrier_t start;
        double own, servers;
        uint64_t flushes;
        int64_t began;

        (void)pthread_barrier_init(&start, NULL, n + 1);
        for (unsigned i = 0; i < n; i++) {
                all[i].index = i;
                all[i].start = &start;
                all[i].run = run;
                if (os_thread_start(&all[i].thread, "load", bench_worker_main, &all[i],
                                    &all[i].err) != BDFS_OK)
                        bench_die("%s", all[i].err.text);
        }
        own = bench_cpu_own();
        servers = bench_cpu_servers(s);
        flushes = bench_flushes(s);
        began = os_mono_us();
        (void)pthread_barrier_wait(&start);
        for (unsigned i = 0; i < n; i++)
                os_thread_join(all[i].thread);
        ret->seconds = (double)(os_mono_us() - began) / 1e6;
        ret->cpu_client = bench_cpu_own() - own;
        ret->cpu_servers = bench_cpu_servers(s) - servers;
        ret->flushes = bench_flushes(s) - flushes;
        (void)pthread_barrier_destroy(&start);
        bench_gather(all, n, ret);
}

static inline void bench_run_fini(struct bench_run *r)
{
        free(r->us);
        r->us = NULL;
}

static inline double bench_ms(const struct bench_run *r, unsigned permille)
{
        return r->n == 0 ? 0 : (double)r->us[(r->n - 1) * permille / 1000] / 1e3;
}

static inline void bench_connect(struct bdfs **ret, const char *conf, const char *uri)
{
        struct bdfs_options options = {.conf = conf, .uri = uri};
        struct bdfs_err err;

        if (bdfs_connect(ret, &options, &err) != BDFS_OK)
                bench_die("%s", err.text);
}

/* A connection for each worker, or one for all. */
static inline void bench_connect_all(struct bench_worker *all, unsigned n, const char *conf,
                                     const char *uri, bool shared)
{
        for (unsigned i = 0; i < n; i++) {
                if (shared && i > 0)
                        all[i].fs = all[0].fs;
                else
                        bench_connect(&all[i].fs, conf, uri);
        }
}

static inline void bench_disconnect_all(struct bench_worker *all, unsigned n, bool shared)
{
        for (unsigned i = 0; i < n && (i == 0 || !shared); i++)
                bdfs_disconnect(all[i].fs);
}
