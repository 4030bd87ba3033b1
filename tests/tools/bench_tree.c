/*
 * bench_tree - a large tree: made, listed, measured, renamed, deleted while others work.
 *
 *   bench_tree CONF FILES THREADS NAMENODE_PID
 *
 * FILES files, 1,000 in a directory, every 100th with 1,000 bytes, are made through the library.
 * What each step left is checked; each step prints a JSON line. PROBERS threads do a mix of small
 * operations at a gentle pace, first alone, then while the tree is deleted in the background.
 */
#include "tests/tools/bench_kit.h"

#define PER_DIRECTORY 1000
#define DATA_EVERY 100
#define DATA_BYTES 1000
#define PROBERS 4
#define PROBE_PAUSE_MS 2
#define PROBE_IDLE_MS 4000
#define QUIET_MS 300            /* the deleter is at rest when it slept this long */
#define QUIET_SWITCHES 5

static const char *conf;
static uint64_t files;
static struct bench_servers servers;
static volatile int64_t probe_until_ms; /* 0: until deleting ends */
static volatile bool deleting;

static uint64_t directories(void)
{
        return (files + PER_DIRECTORY - 1) / PER_DIRECTORY;
}

static void print(const char *step, const struct bench_run *r, uint64_t n)
{
        (void)printf("{\"figure\":\"tree_%s\",\"files\":%llu,\"seconds\":%.3f,\"per_s\":%.0f,"
                     "\"cpu_s_client\":%.2f,\"cpu_s_servers\":%.2f}\n",
                     step, (unsigned long long)n, r->seconds, (double)n / r->seconds,
                     r->cpu_client, r->cpu_servers);
        (void)fflush(stdout);
}

/* ---- making ---- */

static enum bdfs_status make_one(struct bdfs *fs, uint64_t i, struct bdfs_err *err)
{
        static const uint8_t bytes[DATA_BYTES];
        struct bdfs_create o = {.replication = 1};
        struct bdfs_file *f;
        char path[300];

        (void)snprintf(path, sizeof(path), "/tree/d%llu/f%llu",
                       (unsigned long long)(i / PER_DIRECTORY), (unsigned long long)i);
        if (bdfs_create(fs, path, &o, &f, err) != BDFS_OK)
                return err->status;
        if (i % DATA_EVERY == 0 && bdfs_write(f, bytes, sizeof(bytes), err) != BDFS_OK) {
                bdfs_abandon(f);
                return err->status;
        }
        return bdfs_close(f, err);
}

static enum bdfs_status make(struct bench_worker *w, struct bdfs_err *err)
{
        unsigned threads = *(const unsigned *)w->arg;

        for (uint64_t i = w->index; i < files; i += threads) {
                if (make_one(w->fs, i, err) != BDFS_OK)
                        return err->status;
        }
        return BDFS_OK;
}

/* ---- listing ---- */

static uint64_t list_directory(struct bdfs *fs, const char *path)
{
        struct bdfs_listing page = {0};
        char after[300] = "", below[600];
        uint64_t found = 0;
        struct bdfs_err err;
        bool more = true;

        while (more) {
                if (bdfs_list(fs, path, after, &page, &err) != BDFS_OK)
                        bench_die("%s", err.text);
                for (size_t i = 0; i < page.n; i++) {
                        if (page.entries[i].st.type == BDFS_TYPE_DIRECTORY) {
                                (void)snprintf(below, sizeof(below), "%s/%s", path,
                                               page.entries[i].name);
                                found += list_directory(fs, below);
                        } else {
                                found++;
                        }
                        (void)snprintf(after, sizeof(after), "%s", page.entries[i].name);
                }
                more = page.remaining > 0;
                bdfs_listing_fini(&page);
        }
        return found;
}

static enum bdfs_status list(struct bench_worker *w, struct bdfs_err *err)
{
        uint64_t found = list_directory(w->fs, "/tree");

        return found == files ? BDFS_OK
                              : bdfs_fail(err, BDFS_FAILED, "%llu files were listed",
                                          (unsigned long long)found);
}

/* ---- totals ---- */

static double summary_us(struct bdfs *fs, const char *path, struct bdfs_summary *ret)
{
        int64_t best = INT64_MAX;
        struct bdfs_err err;

        for (int i = 0; i < 50; i++) {
                int64_t began = os_mono_us();

                if (bdfs_summary(fs, path, ret, &err) != BDFS_OK)
                        bench_die("%s", err.text);
                if (os_mono_us() - began < best)
                        best = os_mono_us() - began;
        }
        return (double)best;
}

static void measure(struct bdfs *fs, const char *tree)
{
        uint64_t bytes = (files + DATA_EVERY - 1) / DATA_EVERY * DATA_BYTES;
        struct bdfs_summary s;
        struct bdfs_err err;
        double whole, empty;

        if (bdfs_mkdir(fs, "/empty", 0755, false, &err) != BDFS_OK)
                bench_die("%s", err.text);
        empty = summary_us(fs, "/empty", &s);
        whole = summary_us(fs, tree, &s);
        if (s.files != files || s.directories != directories() + 1 || s.length != bytes)
                bench_die("du: %llu files, %llu directories, %llu bytes",
                          (unsigned long long)s.files, (unsigned long long)s.directories,
                          (unsigned long long)s.length);
        (void)printf("{\"figure\":\"tree_du\",\"files\":%llu,\"us_whole_tree\":%.0f,"
                     "\"us_empty_directory\":%.0f}\n",
                     (unsigned long long)files, whole, empty);
}

/* ---- probing ---- */

static enum bdfs_status probe_one(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        struct bdfs_create o = {.replication = 1, .overwrite = true};
        struct bdfs_listing page;
        struct bdfs_stat st;
        struct bdfs_file *f;
        char path[64], to[64];

        (void)snprintf(path, sizeof(path), "/probe/p%u", w->index);
        (void)snprintf(to, sizeof(to), "/probe/q%u", w->index);
        switch (i % 5) {
        case 0:
                if (bdfs_create(w->fs, path, &o, &f, err) != BDFS_OK)
                        return err->status;
                return bdfs_close(f, err);
        case 1:
                if (bdfs_stat(w->fs, path, &st, err) == BDFS_OK)
                        bdfs_stat_fini(&st);
                return err->status;
        case 2:
                return bdfs_rename(w->fs, path, to, true, err);
        case 3:
                if (bdfs_list(w->fs, "/probe", "", &page, err) == BDFS_OK)
                        bdfs_listing_fini(&page);
                return err->status;
        default:
                return bdfs_delete(w->fs, to, false, err);
        }
}

static enum bdfs_status probe(struct bench_worker *w, struct bdfs_err *err)
{
        for (uint64_t i = 0; deleting || os_mono_ms() < probe_until_ms; i++) {
                int64_t began = os_mono_us();

                err->status = BDFS_OK;
                if (probe_one(w, i, err) != BDFS_OK)
                        return err->status;
                bench_note(w, began);
                os_sleep_ms(PROBE_PAUSE_MS);
        }
        return BDFS_OK;
}

/* How often the namenode's thread that deletes gave up the CPU; -1: there is none. */
static long deleter_switches(void)
{
        char command[200];
        long found = -1;
        FILE *p;

        (void)snprintf(command, sizeof(command),
                       "grep -lx deleter /proc/%d/task/*/comm | sed 's/comm$/status/' | "
                       "xargs sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p'",
                       (int)servers.pids[0]);
        p = popen(command, "re");
        if (p == NULL || fscanf(p, "%ld", &found) != 1)
                found = -1;
        if (p != NULL)
                (void)pclose(p);
        return found;
}

static void wait_for_deleter(void *arg)
{
        long before = deleter_switches(), now;

        (void)arg;
        for (;;) {
                os_sleep_ms(QUIET_MS);
                now = deleter_switches();
                if (now < 0 || now - before <= QUIET_SWITCHES)
                        break;
                before = now;
        }
        deleting = false;
}

static void print_probe(const char *when, const struct bench_run *r)
{
        (void)printf("{\"figure\":\"probe_%s\",\"n\":%zu,\"seconds\":%.1f,\"p50_ms\":%.2f,"
                     "\"p99_ms\":%.2f}\n",
                     when, r->n, r->seconds, bench_ms(r, 500), bench_ms(r, 990));
}

static void probe_deletion(struct bench_worker *all)
{
        struct bench_run idle = {0}, busy = {0};
        struct os_thread *watcher;
        struct bdfs_err err;
        int64_t began;

        if (bdfs_mkdir(all[0].fs, "/probe", 0755, false, &err) != BDFS_OK)
                bench_die("%s", err.text);
        probe_until_ms = os_mono_ms() + PROBE_IDLE_MS;
        bench_go(all, PROBERS, &servers, probe, &idle);
        began = os_mono_us();
        if (bdfs_delete(all[0].fs, "/moved", true, &err) != BDFS_OK)
                bench_die("%s", err.text);
        (void)printf("{\"figure\":\"tree_delete\",\"files\":%llu,\"answered_ms\":%.2f}\n",
                     (unsigned long long)files, (double)(os_mono_us() - began) / 1e3);
        deleting = true;
        if (os_thread_start(&watcher, "watcher", wait_for_deleter, NULL, &err) != BDFS_OK)
                bench_die("%s", err.text);
        bench_go(all, PROBERS, &servers, probe, &busy);
        os_thread_join(watcher);
        print_probe("idle", &idle);
        print_probe("deleting", &busy);
        (void)printf("{\"figure\":\"probe_ratio\",\"p99_deleting_to_idle\":%.2f}\n",
                     bench_ms(&busy, 990) / bench_ms(&idle, 990));
        bench_run_fini(&idle);
        bench_run_fini(&busy);
}

/* ---- the program ---- */

static void rename_tree(struct bdfs *fs)
{
        int64_t began = os_mono_us();
        struct bdfs_stat st;
        struct bdfs_err err;

        if (bdfs_rename(fs, "/tree", "/moved", false, &err) != BDFS_OK)
                bench_die("%s", err.text);
        (void)printf("{\"figure\":\"tree_rename\",\"files\":%llu,\"ms\":%.2f}\n",
                     (unsigned long long)files, (double)(os_mono_us() - began) / 1e3);
        if (bdfs_stat(fs, "/tree", &st, &err) != BDFS_NOT_FOUND)
                bench_die("/tree is still there");
}

int main(int argc, char **argv)
{
        static struct bench_worker all[BENCH_WORKERS_MAX];
        struct bench_run r = {0};
        unsigned threads;

        if (argc != 5) {
                (void)fprintf(stderr, "usage: bench_tree CONF FILES THREADS NAMENODE_PID\n");
                return 2;
        }
        conf = argv[1];
        files = bench_number(argv[2]);
        threads = (unsigned)bench_number(argv[3]);
        if (threads < PROBERS || threads > BENCH_WORKERS_MAX)
                bench_die("%d to %d threads", PROBERS, BENCH_WORKERS_MAX);
        bench_pids(&servers, argv[4]);
        bench_connect_all(all, threads, conf, NULL, false);
        for (unsigned i = 0; i < threads; i++)
                all[i].arg = &threads;
        bench_go(all, threads, &servers, make, &r);
        print("create", &r, files);
        bench_run_fini(&r);
        bench_go(all, 1, &servers, list, &r);
        print("list", &r, files);
        bench_run_fini(&r);
        measure(all[0].fs, "/tree");
        rename_tree(all[0].fs);
        probe_deletion(all);
        bench_disconnect_all(all, threads, false);
        return 0;
}
