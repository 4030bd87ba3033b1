/*
 * crash_load - writers that remember what was acknowledged, and check that all of it is there.
 *
 *   crash_load CONF DIR WRITERS OPERATIONS SEED
 *
 * Each writer works in DIR/wN: creates, appends to, renames and deletes files, makes directories,
 * while somebody kills the cluster's processes. An operation that answered OK must hold from then
 * on; what an operation that failed was about may be as before or as after, and is not used again.
 * When OPERATIONS were acknowledged it prints "acknowledged N" and waits for a line on stdin; then
 * it reads everything back, prints "verified N files, M names gone" or the first loss, and ends
 * with 0 or 1.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/bdfs.h"
#include "common/os.h"

#define WRITERS_MAX 64
#define NAMES_MAX 20000
#define FILE_BYTES_MAX 200000
#define NAME_BYTES 32

enum fate { ABSENT, FILE_THERE, DIRECTORY_THERE, UNCERTAIN };

struct name {
        enum fate fate;
        uint32_t bytes;          /* of a file */
        uint64_t seed;           /* of its contents */
        uint32_t appended;       /* bytes that a second seed gave */
};

struct writer {
        struct os_thread *thread;
        struct bdfs *fs;
        char dir[256];
        uint64_t random;
        struct name names[NAMES_MAX];
        unsigned n;
        uint64_t failures;
        char first_loss[512];
        uint64_t files, gone;
        uint8_t bytes[2 * FILE_BYTES_MAX], back[2 * FILE_BYTES_MAX + 1];
};

static atomic_ullong acknowledged;
static unsigned long long wanted;

static uint64_t next(uint64_t *state) /* splitmix64 */
{
        uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
        return z ^ z >> 31;
}

static void contents(uint64_t seed, uint8_t *to, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (i % 8 == 0)
                        (void)next(&seed);
                to[i] = (uint8_t)(seed >> 8 * (i % 8));
        }
}

static void path_of(const struct writer *w, unsigned i, char ret[300])
{
        (void)snprintf(ret, 300, "%s/n%u", w->dir, i);
}

/* ---- operations: each sets the fate of the names that it is about ---- */

static bool create_file(struct writer *w, unsigned i)
{
        struct bdfs_create options = {.replication = 3};
        struct name *name = &w->names[i];
        struct bdfs_file *f;
        struct bdfs_err err;
        char path[300];

        path_of(w, i, path);
        name->seed = next(&w->random);
        name->bytes = (uint32_t)(next(&w->random) % FILE_BYTES_MAX);
        name->fate = UNCERTAIN;
        contents(name->seed, w->bytes, name->bytes);
        if (bdfs_create(w->fs, path, &options, &f, &err) != BDFS_OK)
                return false;
        if (bdfs_write(f, w->bytes, name->bytes, &err) != BDFS_OK) {
                bdfs_abandon(f);
                return false;
        }
        if (bdfs_close(f, &err) != BDFS_OK)
                return false;
        name->fate = FILE_THERE;
        return true;
}

static bool append_file(struct writer *w, unsigned i)
{
        struct name *name = &w->names[i];
        uint32_t n = 1 + (uint32_t)(next(&w->random) % 5000);
        struct bdfs_file *f;
        struct bdfs_err err;
        char path[300];

        path_of(w, i, path);
        name->fate = UNCERTAIN;
        contents(~name->seed, w->bytes, n);
        if (bdfs_append(w->fs, path, &f, &err) != BDFS_OK)
                return false;
        if (bdfs_write(f, w->bytes, n, &err) != BDFS_OK) {
                bdfs_abandon(f);
                return false;
        }
        if (bdfs_close(f, &err) != BDFS_OK)
                return false;
        name->appended = n;
        name->fate = FILE_THERE;
        return true;
}

static bool rename_file(struct writer *w, unsigned i, unsigned to)
{
        struct name before = w->names[i];
        struct bdfs_err err;
        char from[300], target[300];

        path_of(w, i, from);
        path_of(w, to, target);
        w->names[i].fate = w->names[to].fate = UNCERTAIN;
        if (bdfs_rename(w->fs, from, target, false, &err) != BDFS_OK)
                return false;
        w->names[i].fate = ABSENT;
        w->names[to] = before;
        return true;
}

static bool delete_name(struct writer *w, unsigned i)
{
        struct bdfs_err err;
        char path[300];

        path_of(w, i, path);
        w->names[i].fate = UNCERTAIN;
        if (bdfs_delete(w->fs, path, false, &err) != BDFS_OK)
                return false;
        w->names[i].fate = ABSENT;
        return true;
}

static bool make_directory(struct writer *w, unsigned i)
{
        struct bdfs_err err;
        char path[300];

        path_of(w, i, path);
        w->names[i].fate = UNCERTAIN;
        if (bdfs_mkdir(w->fs, path, 0755, false, &err) != BDFS_OK)
                return false;
        w->names[i].fate = DIRECTORY_THERE;
        return true;
}

static bool one_operation(struct writer *w)
{
        unsigned pick = w->n == 0 ? 0 : (unsigned)(next(&w->random) % w->n);
        enum fate fate = w->n == 0 ? ABSENT : w->names[pick].fate;
        unsigned kind = (unsigned)(next(&w->random) % 10);

        if (kind < 2 && fate == FILE_THERE)
                return rename_file(w, pick, w->n++);
        if (kind < 4 && fate == FILE_THERE && w->names[pick].appended == 0)
                return append_file(w, pick);
        if (kind < 5 && (fate == FILE_THERE || fate == DIRECTORY_THERE))
                return delete_name(w, pick);
        if (kind < 6)
                return make_directory(w, w->n++);
        return create_file(w, w->n++);
}

static void run(void *arg)
{
        struct writer *w = arg;

        while (atomic_load(&acknowledged) < wanted && w->n + 2 < NAMES_MAX) {
                if (one_operation(w)) {
                        (void)atomic_fetch_add(&acknowledged, 1);
                } else {
                        w->failures++;
                        os_sleep_ms(100);
                }
        }
}

/* ---- checking ---- */

static bool lost(struct writer *w, const char *path, const char *what, const char *why)
{
        (void)snprintf(w->first_loss, sizeof(w->first_loss), "%s: %s: %s", path, what, why);
        return false;
}

static bool verify_file(struct writer *w, const struct name *name, const char *path)
{
        size_t total = name->bytes + name->appended, got = 0;
        struct bdfs_file *f;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (bdfs_open(w->fs, path, &f, &err) != BDFS_OK)
                return lost(w, path, "a file that was closed cannot be opened", err.text);
        contents(name->seed, w->bytes, name->bytes);
        contents(~name->seed, w->bytes + name->bytes, name->appended);
        rc = bdfs_read(f, w->back, total + 1, &got, &err);
        bdfs_abandon(f);
        if (rc != BDFS_OK)
                return lost(w, path, "a file that was closed cannot be read", err.text);
        if (got != total || memcmp(w->bytes, w->back, total) != 0)
                return lost(w, path, "a file that was closed has other bytes",
                            "length or contents");
        w->files++;
        return true;
}

static bool verify_name(struct writer *w, unsigned i)
{
        const struct name *name = &w->names[i];
        struct bdfs_stat st;
        struct bdfs_err err;
        enum bdfs_status rc;
        char path[300];

        if (name->fate == UNCERTAIN)
                return true;
        path_of(w, i, path);
        if (name->fate == FILE_THERE)
                return verify_file(w, name, path);
        rc = bdfs_stat(w->fs, path, &st, &err);
        if (rc == BDFS_OK)
                bdfs_stat_fini(&st);
        if (name->fate == DIRECTORY_THERE)
                return rc == BDFS_OK ||
                       lost(w, path, "a directory that was made is gone", err.text);
        if (rc != BDFS_NOT_FOUND)
                return lost(w, path, "what was deleted or renamed away is there", "");
        w->gone++;
        return true;
}

static void verify(void *arg)
{
        struct writer *w = arg;

        for (unsigned i = 0; i < w->n && verify_name(w, i); i++)
                ;
}

/* ---- */

static void on_all(struct writer *all, unsigned n, const char *name, void (*run_one)(void *))
{
        struct bdfs_err err;

        for (unsigned i = 0; i < n; i++) {
                if (os_thread_start(&all[i].thread, name, run_one, &all[i], &err) != BDFS_OK) {
                        (void)fprintf(stderr, "crash_load: %s\n", err.text);
                        exit(2);
                }
        }
        for (unsigned i = 0; i < n; i++)
                os_thread_join(all[i].thread);
}

static void connect_all(struct writer *all, unsigned n, char **argv)
{
        struct bdfs_options options = {.conf = argv[1], .timeout_ms = 15000};
        struct bdfs_err err;

        for (unsigned i = 0; i < n; i++) {
                (void)snprintf(all[i].dir, sizeof(all[i].dir), "%s/w%u", argv[2], i);
                all[i].random = strtoull(argv[5], NULL, 10) * 1000 + i;
                if (bdfs_connect(&all[i].fs, &options, &err) != BDFS_OK ||
                    bdfs_mkdir(all[i].fs, all[i].dir, 0755, true, &err) != BDFS_OK) {
                        (void)fprintf(stderr, "crash_load: %s\n", err.text);
                        exit(2);
                }
        }
}

int main(int argc, char **argv)
{
        unsigned n = argc == 6 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
        uint64_t files = 0, gone = 0, failures = 0;
        struct writer *all;
        char line[16];
        int rc = 0;

        if (n == 0 || n > WRITERS_MAX) {
                (void)fprintf(stderr, "usage: crash_load CONF DIR WRITERS OPERATIONS SEED\n");
                return 2;
        }
        wanted = strtoull(argv[4], NULL, 10);
        all = calloc(n, sizeof(*all));
        if (all == NULL)
                return 2;
        connect_all(all, n, argv);
        on_all(all, n, "writer", run);
        for (unsigned i = 0; i < n; i++)
                failures += all[i].failures;
        (void)printf("acknowledged %llu, %llu operations failed\n",
                     (unsigned long long)atomic_load(&acknowledged), (unsigned long long)failures);
        (void)fflush(stdout);
        if (fgets(line, sizeof(line), stdin) == NULL)
                return 2;
        on_all(all, n, "verify", verify);
        for (unsigned i = 0; i < n; i++) {
                files += all[i].files;
                gone += all[i].gone;
                if (all[i].first_loss[0] != '\0') {
                        (void)printf("LOST %s\n", all[i].first_loss);
                        rc = 1;
                }
                bdfs_disconnect(all[i].fs);
        }
        (void)printf("verified %llu files, %llu names gone\n", (unsigned long long)files,
                     (unsigned long long)gone);
        free(all);
        return rc;
}
