/*
 * bench_load - figures of small operations and of bulk data through libbdfs, a JSON line each.
 *
 *   bench_load [OPTIONS] meta OPERATION...    create stat list rename delete create4k read4k
 *                                             delete4k
 *   bench_load [OPTIONS] data OPERATION...    put get remove
 *
 *   --conf FILE | --uri URI     the cluster (a Hadoop port too)
 *   --label TEXT                the name of the system in the lines
 *   --dir DIR                   where to work; made if missing
 *   --callers N --shared        threads; with one connection for all of them
 *   --count N                   operations in all, of each kind
 *   --bytes N --block-size N    of all streams together, for data; K, M, G may follow
 *   --replication N
 *   --pids P,P,...              servers whose CPU is counted
 *   --disk NAME                 disk whose flushes are counted, as in /sys/class/block
 *   --before COMMAND            for the shell, before each operation, not measured
 *
 * Operations run in the order given, each on what the ones before left: rename needs create,
 * delete deletes what rename left. Data comes from memory and goes to memory.
 */
#include <getopt.h>

#include "tests/tools/bench_kit.h"

#define SMALL_BYTES 4096
#define PATTERN_BYTES (8u << 20)
#define READ_BYTES (1u << 20)
#define GIB_BYTES 1073741824.0
#define MIB_BYTES 1048576.0

struct load {
        const char *conf, *uri, *label, *dir, *before;
        bool shared;
        unsigned callers;
        uint64_t count, bytes, block_size;
        uint32_t replication;
        struct bench_servers servers;
        uint8_t *pattern;
        struct bench_worker workers[BENCH_WORKERS_MAX];
        const struct operation *now;
};

struct operation {
        const char *name;
        unsigned times_percent;        /* of --count */
        enum bdfs_status (*run)(struct bench_worker *w, uint64_t i, struct bdfs_err *err);
};

static uint64_t share(const struct load *l)
{
        uint64_t n = l->count / l->callers;

        return n == 0 ? 1 : n;
}

static void path_of(const struct bench_worker *w, char kind, uint64_t i, char ret[300])
{
        const struct load *l = w->arg;

        (void)snprintf(ret, 300, "%s/c%u/%c%llu", l->dir, w->index, kind, (unsigned long long)i);
}

/* ---- small operations ---- */

static enum bdfs_status make_file(struct bench_worker *w, char kind, uint64_t i, size_t bytes,
                                  struct bdfs_err *err)
{
        const struct load *l = w->arg;
        struct bdfs_create o = {.replication = l->replication, .overwrite = true};
        struct bdfs_file *f;
        char path[300];

        path_of(w, kind, i, path);
        if (bdfs_create(w->fs, path, &o, &f, err) != BDFS_OK)
                return err->status;
        if (bytes > 0 && bdfs_write(f, l->pattern, bytes, err) != BDFS_OK) {
                bdfs_abandon(f);
                return err->status;
        }
        return bdfs_close(f, err);
}

static enum bdfs_status do_create(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        return make_file(w, 'f', i, 0, err);
}

static enum bdfs_status do_stat(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        struct bdfs_stat st;
        char path[300];

        path_of(w, 'f', i % share(w->arg), path);
        if (bdfs_stat(w->fs, path, &st, err) != BDFS_OK)
                return err->status;
        bdfs_stat_fini(&st);
        return BDFS_OK;
}

static enum bdfs_status do_list(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        const struct load *l = w->arg;
        struct bdfs_listing page;
        char path[300];

        (void)i;
        (void)snprintf(path, sizeof(path), "%s/c%u", l->dir, w->index);
        if (bdfs_list(w->fs, path, "", &page, err) != BDFS_OK)
                return err->status;
        bdfs_listing_fini(&page);
        return BDFS_OK;
}

static enum bdfs_status do_rename(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        char from[300], to[300];

        path_of(w, 'f', i, from);
        path_of(w, 'g', i, to);
        return bdfs_rename(w->fs, from, to, false, err);
}

static enum bdfs_status do_delete(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        char path[300];

        path_of(w, 'g', i, path);
        return bdfs_delete(w->fs, path, false, err);
}

static enum bdfs_status do_create4k(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        return make_file(w, 'k', i, SMALL_BYTES, err);
}

static enum bdfs_status read_all(struct bench_worker *w, const char *path, size_t at_once,
                                 uint64_t want, struct bdfs_err *err)
{
        uint8_t *buffer = malloc(at_once);
        const struct load *l = w->arg;
        uint64_t total = 0;
        struct bdfs_file *f;
        size_t got = 1;

        if (buffer == NULL || bdfs_open(w->fs, path, &f, err) != BDFS_OK) {
                free(buffer);
                return buffer == NULL ? bdfs_fail(err, BDFS_NO_MEMORY, "no memory") : err->status;
        }
        err->status = BDFS_OK;
        while (got > 0 && err->status == BDFS_OK) {
                if (bdfs_read(f, buffer, at_once, &got, err) != BDFS_OK)
                        break;
                if (got >= 16 && memcmp(buffer, l->pattern + total % PATTERN_BYTES, 16) != 0)
                        (void)bdfs_fail(err, BDFS_CORRUPT, "%s has other bytes", path);
                total += got;
        }
        free(buffer);
        bdfs_abandon(f);
        if (err->status == BDFS_OK && total != want)
                return bdfs_fail(err, BDFS_CORRUPT, "%s has another length", path);
        return err->status;
}

static enum bdfs_status do_read4k(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        char path[300];

        path_of(w, 'k', i, path);
        return read_all(w, path, SMALL_BYTES, SMALL_BYTES, err);
}

static enum bdfs_status do_delete4k(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        char path[300];

        path_of(w, 'k', i, path);
        return bdfs_delete(w->fs, path, false, err);
}

static const struct operation meta_operations[] = {
        {"create", 100, do_create},     {"stat", 400, do_stat},
        {"list", 25, do_list},          {"rename", 100, do_rename},
        {"delete", 100, do_delete},     {"create4k", 100, do_create4k},
        {"read4k", 100, do_read4k},     {"delete4k", 100, do_delete4k},
        {NULL, 0, NULL},
};

static enum bdfs_status run_meta(struct bench_worker *w, struct bdfs_err *err)
{
        const struct load *l = w->arg;
        uint64_t n = share(l) * l->now->times_percent / 100;

        for (uint64_t i = 0; i < n || i == 0; i++) {
                int64_t began = os_mono_us();

                if (l->now->run(w, i, err) != BDFS_OK)
                        return err->status;
                bench_note(w, began);
        }
        return BDFS_OK;
}

static void print_meta(const struct load *l, const struct bench_run *r)
{
        double n = (double)r->n;

        (void)printf("{\"figure\":\"%s\",\"system\":\"%s\",\"callers\":%u,\"n\":%zu,"
                     "\"ops_per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
                     "\"cpu_us_per_op_client\":%.1f,\"cpu_us_per_op_servers\":%.1f",
                     l->now->name, l->label, l->callers, r->n, n / r->seconds, bench_ms(r, 500),
                     bench_ms(r, 990), r->cpu_client / n * 1e6, r->cpu_servers / n * 1e6);
        if (l->servers.disk != NULL)
                (void)printf(",\"disk_flushes\":%llu", (unsigned long long)r->flushes);
        (void)printf("}\n");
}

/* ---- bulk data ---- */

static uint64_t stream_bytes(const struct load *l)
{
        return l->bytes / l->callers;
}

static enum bdfs_status do_put(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        const struct load *l = w->arg;
        struct bdfs_create o = {.replication = l->replication, .block_size = l->block_size,
                                .overwrite = true};
        uint64_t left = stream_bytes(l);
        struct bdfs_file *f;
        char path[300];

        path_of(w, 'd', i, path);
        if (bdfs_create(w->fs, path, &o, &f, err) != BDFS_OK)
                return err->status;
        for (uint64_t at = 0; left > 0;) {
                size_t n = READ_BYTES < left ? READ_BYTES : (size_t)left;

                if (bdfs_write(f, l->pattern + at % PATTERN_BYTES, n, err) != BDFS_OK) {
                        bdfs_abandon(f);
                        return err->status;
                }
                at += n;
                left -= n;
        }
        return bdfs_close(f, err);
}

static enum bdfs_status do_get(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        char path[300];

        path_of(w, 'd', i, path);
        return read_all(w, path, READ_BYTES, stream_bytes(w->arg), err);
}

static enum bdfs_status do_remove(struct bench_worker *w, uint64_t i, struct bdfs_err *err)
{
        char path[300];

        path_of(w, 'd', i, path);
        return bdfs_delete(w->fs, path, false, err);
}

static const struct operation data_operations[] = {
        {"put", 0, do_put}, {"get", 0, do_get}, {"remove", 0, do_remove}, {NULL, 0, NULL},
};

static enum bdfs_status run_data(struct bench_worker *w, struct bdfs_err *err)
{
        const struct load *l = w->arg;

        return l->now->run(w, 0, err);
}

static void print_data(const struct load *l, const struct bench_run *r)
{
        double bytes = (double)(stream_bytes(l) * l->callers), gib = bytes / GIB_BYTES;

        if (l->now->run == do_remove)
                return;
        (void)printf("{\"figure\":\"%s\",\"system\":\"%s\",\"streams\":%u,\"replication\":%u,"
                     "\"mib\":%.0f,\"mib_per_s\":%.1f,\"cpu_s_per_gib_client\":%.2f,"
                     "\"cpu_s_per_gib_servers\":%.2f",
                     l->now->name, l->label, l->callers, l->replication, bytes / MIB_BYTES,
                     bytes / MIB_BYTES / r->seconds, r->cpu_client / gib, r->cpu_servers / gib);
        if (l->servers.disk != NULL)
                (void)printf(",\"disk_flushes\":%llu", (unsigned long long)r->flushes);
        (void)printf("}\n");
}

/* ---- the program ---- */

enum { O_CONF = 1, O_URI, O_LABEL, O_DIR, O_CALLERS, O_SHARED, O_COUNT, O_BYTES, O_BLOCK,
       O_REPLICATION, O_PIDS, O_DISK, O_BEFORE };

static const struct option options[] = {
        {"conf", required_argument, NULL, O_CONF},
        {"uri", required_argument, NULL, O_URI},
        {"label", required_argument, NULL, O_LABEL},
        {"dir", required_argument, NULL, O_DIR},
        {"callers", required_argument, NULL, O_CALLERS},
        {"shared", no_argument, NULL, O_SHARED},
        {"count", required_argument, NULL, O_COUNT},
        {"bytes", required_argument, NULL, O_BYTES},
        {"block-size", required_argument, NULL, O_BLOCK},
        {"replication", required_argument, NULL, O_REPLICATION},
        {"pids", required_argument, NULL, O_PIDS},
        {"disk", required_argument, NULL, O_DISK},
        {"before", required_argument, NULL, O_BEFORE},
        {NULL, 0, NULL, 0},
};

static void take_option(struct load *l, int option, const char *value)
{
        switch (option) {
        case O_CONF: l->conf = value; break;
        case O_URI: l->uri = value; break;
        case O_LABEL: l->label = value; break;
        case O_DIR: l->dir = value; break;
        case O_CALLERS: l->callers = (unsigned)bench_number(value); break;
        case O_SHARED: l->shared = true; break;
        case O_COUNT: l->count = bench_number(value); break;
        case O_BYTES: l->bytes = bench_number(value); break;
        case O_BLOCK: l->block_size = bench_number(value); break;
        case O_REPLICATION: l->replication = (uint32_t)bench_number(value); break;
        case O_PIDS: bench_pids(&l->servers, value); break;
        case O_DISK: l->servers.disk = value[0] == '\0' ? NULL : value; break;
        case O_BEFORE: l->before = value; break;
        default: exit(2);
        }
}

/* The same in every run, so that one reads what another wrote. */
static void fill_pattern(uint8_t *to, size_t n)
{
        uint64_t x = 0x9e3779b97f4a7c15ULL;

        for (size_t i = 0; i < n; i += sizeof(x)) {
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                memcpy(to + i, &x, sizeof(x));
        }
}

static void prepare(struct load *l)
{
        struct bdfs_err err;
        char path[300];

        l->pattern = malloc(PATTERN_BYTES + READ_BYTES);
        if (l->pattern == NULL)
                bench_die("no memory");
        fill_pattern(l->pattern, PATTERN_BYTES);
        memcpy(l->pattern + PATTERN_BYTES, l->pattern, READ_BYTES);
        bench_connect_all(l->workers, l->callers, l->conf, l->uri, l->shared);
        for (unsigned i = 0; i < l->callers; i++) {
                l->workers[i].arg = l;
                (void)snprintf(path, sizeof(path), "%s/c%u", l->dir, i);
                if (bdfs_mkdir(l->workers[i].fs, path, 0755, true, &err) != BDFS_OK)
                        bench_die("%s", err.text);
        }
}

static void run_operation(struct load *l, const char *name, bool data)
{
        const struct operation *o = data ? data_operations : meta_operations;
        struct bench_run r = {0};

        while (o->name != NULL && strcmp(o->name, name) != 0)
                o++;
        if (o->name == NULL)
                bench_die("no operation \"%s\"", name);
        l->now = o;
        if (l->before != NULL && system(l->before) != 0)
                bench_die("failed: %s", l->before);
        bench_go(l->workers, l->callers, &l->servers, data ? run_data : run_meta, &r);
        if (data)
                print_data(l, &r);
        else
                print_meta(l, &r);
        (void)fflush(stdout);
        bench_run_fini(&r);
}

int main(int argc, char **argv)
{
        static struct load l = {.label = "bdfs", .dir = "/bench", .callers = 1, .count = 1000,
                                .bytes = 256 << 20, .replication = 3};
        bool data;
        int option;

        while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1)
                take_option(&l, option, optarg);
        data = optind < argc && strcmp(argv[optind], "data") == 0;
        if (optind + 2 > argc || (!data && strcmp(argv[optind], "meta") != 0) || l.callers == 0 ||
            l.callers > BENCH_WORKERS_MAX) {
                (void)fprintf(stderr, "usage: bench_load [OPTIONS] meta|data OPERATION...\n");
                return 2;
        }
        prepare(&l);
        for (int i = optind + 1; i < argc; i++)
                run_operation(&l, argv[i], data);
        bench_disconnect_all(l.workers, l.callers, l.shared);
        free(l.pattern);
        return 0;
}
