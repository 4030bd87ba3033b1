/* What a datanode holds: directories, index, change log, dataset; full and failing disks. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/log.h"
#include "datanode/dataset.h"
#include "proto/bdfs_cluster.pb-c.h"

#define STATE(name) BDFS__REPLICA_STATE__REPLICA_##name

/* ---- a disk that fails ---------------------------------------------------------------------- */

static atomic_int fail_syncs; /* the next so many fail with EIO */
static atomic_int syncs;

/* In place of the library's: the program's own symbol comes first. */
int fdatasync(int fd);
int fdatasync(int fd)
{
        atomic_fetch_add(&syncs, 1);
        if (atomic_load(&fail_syncs) > 0) {
                atomic_fetch_sub(&fail_syncs, 1);
                errno = EIO;
                return -1;
        }
        return (int)syscall(SYS_fdatasync, fd);
}

/* ---- fixture -------------------------------------------------------------------------------- */

struct fixture {
        char dir[64];
        char paths[3][96];
        char *dirs[3];
        struct dataset_config config;
        uint64_t seed;
};

static void must(enum bdfs_status rc, const struct bdfs_err *err)
{
        if (rc != BDFS_OK)
                fail_msg("%s: %s", bdfs_status_name(rc), err->text);
}

static uint32_t rnd(struct fixture *f, uint32_t below)
{
        f->seed = f->seed * 6364136223846793005ULL + 1442695040888963407ULL;
        return (uint32_t)(f->seed >> 33) % below;
}

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        (void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_volume.XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        for (unsigned i = 0; i < 3; i++) {
                (void)snprintf(f->paths[i], sizeof(f->paths[i]), "%s/v%u", f->dir, i);
                f->dirs[i] = f->paths[i];
        }
        f->config = (struct dataset_config){.dirs = f->dirs, .dirs_n = 1};
        for (unsigned i = 0; i < 16; i++)
                f->config.cluster[i] = (uint8_t)i;
        f->seed = 1;
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;
        char command[128];

        atomic_store(&fail_syncs, 0);
        (void)snprintf(command, sizeof(command), "rm -rf %s", f->dir);
        assert_int_equal(system(command), 0);
        free(f);
        return 0;
}

static struct volume_identity identity(const struct fixture *f)
{
        struct volume_identity id = {.known = false};

        memcpy(id.cluster, f->config.cluster, sizeof(id.cluster));
        return id;
}

static void put_text(const char *dir, const char *name, const char *text)
{
        char path[256];
        FILE *out;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        out = fopen(path, "w");
        assert_non_null(out);
        assert_true(fputs(text, out) >= 0);
        assert_int_equal(fclose(out), 0);
}

/* ---- volumes -------------------------------------------------------------------------------- */

static void a_fresh_directory_is_formatted_and_opens_again(void **state)
{
        struct fixture *f = *state;
        struct volume_identity id = identity(f), again = identity(f);
        struct volume *v;
        struct bdfs_err err;
        struct stat st;
        char path[256], uuid[VOLUME_UUID_BYTES];

        must(volume_open(&v, f->paths[0], &id, &err), &err);
        assert_true(id.known);
        assert_memory_equal(volume_uuid(v), "DS-", 3);
        (void)snprintf(uuid, sizeof(uuid), "%s", volume_uuid(v));
        assert_int_equal(volume_open(&v, f->paths[0], &again, &err), BDFS_LIMIT); /* in use */
        volume_close(v);
        (void)snprintf(path, sizeof(path), "%s/key", f->paths[0]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(st.st_size, 32);
        must(volume_open(&v, f->paths[0], &again, &err), &err);
        assert_string_equal(again.uuid, id.uuid);
        assert_memory_equal(again.key, id.key, 32);
        assert_string_equal(volume_uuid(v), uuid);
        volume_close(v);
}

static void volumes_of_one_datanode_share_uuid_and_key(void **state)
{
        struct fixture *f = *state;
        struct volume_identity id = identity(f), other = identity(f);
        struct volume *a, *b, *c;
        struct bdfs_err err;

        must(volume_open(&a, f->paths[0], &id, &err), &err);
        must(volume_open(&b, f->paths[1], &id, &err), &err);
        assert_string_not_equal(volume_uuid(a), volume_uuid(b));
        must(volume_open(&c, f->paths[2], &other, &err), &err);
        volume_close(c);
        assert_int_equal(volume_open(&c, f->paths[2], &id, &err), BDFS_INVALID); /* a stranger */
        volume_close(a);
        volume_close(b);
}

static void directories_that_are_not_ours_are_refused(void **state)
{
        struct fixture *f = *state;
        struct volume_identity id = identity(f), other = identity(f);
        struct volume *v;
        struct bdfs_err err;
        char path[256], text[512];
        size_t n;
        FILE *in;

        must(volume_open(&v, f->paths[0], &id, &err), &err);
        volume_close(v);
        other.cluster[5] ^= 1;
        assert_int_equal(volume_open(&v, f->paths[0], &other, &err), BDFS_INVALID);
        (void)snprintf(path, sizeof(path), "%s/VERSION", f->paths[0]);
        in = fopen(path, "r");
        assert_non_null(in);
        n = fread(text, 1, sizeof(text) - 1, in);
        text[n] = '\0';
        (void)fclose(in);
        put_text(f->paths[0], "VERSION", "layout=1\n");
        assert_int_equal(volume_open(&v, f->paths[0], &id, &err), BDFS_INVALID);
        text[7] = '2'; /* a later layout */
        put_text(f->paths[0], "VERSION", text);
        assert_int_equal(volume_open(&v, f->paths[0], &id, &err), BDFS_INVALID);
        text[7] = '1';
        put_text(f->paths[0], "VERSION", text);
        put_text(f->paths[0], "key", "short");
        assert_int_equal(volume_open(&v, f->paths[0], &id, &err), BDFS_INVALID);
        (void)snprintf(path, sizeof(path), "rm -rf %s/blocks", f->paths[0]);
        assert_int_equal(system(path), 0); /* a disk whose blocks were lost */
        id = identity(f);
        assert_int_not_equal(volume_open(&v, f->paths[0], &id, &err), BDFS_OK);
}

/* ---- the index ------------------------------------------------------------------------------ */

static void the_index_equals_a_plain_table(void **state)
{
        enum { KEYS = 3000 };
        struct fixture *f = *state;
        struct replica_index *ix = replica_index_new();
        static struct replica_entry model[KEYS], copy[KEYS];
        struct bdfs_err err;
        size_t count = 0;

        memset(model, 0, sizeof(model));
        assert_non_null(ix);
        for (int step = 0; step < 100000; step++) {
                uint64_t k = rnd(f, KEYS), block = 1073741825 + k * (k % 2 == 0 ? 1 : 4096);
                struct replica_entry *e = replica_index_find(ix, block);

                assert_int_equal(e != NULL, model[k].block != 0);
                if (e != NULL)
                        assert_memory_equal(e, &model[k], sizeof(*e));
                if (rnd(f, 5) < (step % 20000 < 10000 ? 3U : 2U)) {
                        count += model[k].block == 0;
                        model[k] = (struct replica_entry){.block = block, .stamp = rnd(f, 99),
                                                          .length = rnd(f, 1000), .state = 4};
                        must(replica_index_put(ix, &model[k], &err), &err);
                } else {
                        count -= model[k].block != 0;
                        memset(&model[k], 0, sizeof(model[k]));
                        replica_index_remove(ix, block);
                }
                assert_int_equal(replica_index_count(ix), count);
        }
        assert_true(count <= KEYS);
        replica_index_copy(ix, copy);
        for (size_t i = 0; i < count; i++)
                assert_non_null(replica_index_find(ix, copy[i].block));
        replica_index_free(ix);
}

static uint64_t resident_bytes(void)
{
        unsigned long pages = 0, rss = 0;
        FILE *in = fopen("/proc/self/statm", "r");

        assert_non_null(in);
        assert_int_equal(fscanf(in, "%lu %lu", &pages, &rss), 2);
        (void)fclose(in);
        return rss * 4096ULL;
}

static void a_million_replicas_take_less_than_64_mib(void **state)
{
        struct replica_index *ix = replica_index_new();
        struct bdfs_err err;
        uint64_t before = resident_bytes();

        (void)state;
        assert_non_null(ix);
        for (uint64_t i = 0; i < 1000000; i++) {
                struct replica_entry e = {.block = 1073741825 + i, .stamp = 1001, .state = 4};

                must(replica_index_put(ix, &e, &err), &err);
        }
        /* sanitizers keep shadow memory of their own; the bound is for plain builds */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        assert_true(resident_bytes() - before < 64 * MIB);
#endif
        (void)before;
        replica_index_free(ix);
}

/* ---- the log -------------------------------------------------------------------------------- */

static struct report_change change(uint64_t block, uint64_t length, unsigned s)
{
        return (struct report_change){.block = block,
                                      .stamp = 1001,
                                      .length = length,
                                      .state = (uint8_t)s};
}

static void changes_are_numbered_read_and_forgotten(void **state)
{
        struct report_log *l = report_log_new();
        struct report_change got[64], c;
        struct report_position p;
        uint64_t first;

        (void)state;
        assert_non_null(l);
        assert_true(report_log_id(l) != 0);
        for (uint64_t i = 1; i <= 5000; i++) {
                c = change(i, i, STATE(FINALIZED));
                assert_int_equal(report_log_add(l, NULL, &c), i);
        }
        assert_int_equal(report_log_read(l, 4990, got, 64, &first), 11);
        assert_int_equal(first, 4990);
        assert_int_equal(got[10].block, 5000);
        report_log_forget(l, 4001);
        assert_int_equal(report_log_read(l, 1, got, 64, &first), 64);
        assert_int_equal(first, 4001);
        assert_int_equal(got[0].block, 4001);
        assert_int_equal(report_log_read(l, 5001, got, 64, &first), 0);
        report_log_forget(l, 99999);
        report_log_position(l, &p);
        assert_int_equal(p.first, 5001);
        assert_int_equal(p.next, 5001);
        assert_int_equal(p.replicas, 5000);
        report_log_free(l);
}

static void the_digest_is_that_of_what_is_left(void **state)
{
        struct fixture *f = *state;
        struct report_log *a = report_log_new(), *b = report_log_new();
        struct report_change have[50] = {{0}};
        struct report_position pa, pb;

        assert_true(a != NULL && b != NULL);
        for (int i = 0; i < 2000; i++) {
                unsigned k = rnd(f, 50);
                struct report_change now = change(k + 1, rnd(f, 9), 1 + rnd(f, 6));

                (void)report_log_add(a, &have[k], &now);
                have[k] = now;
                if (now.state == STATE(GONE))
                        memset(&have[k], 0, sizeof(have[k]));
        }
        for (unsigned k = 0; k < 50; k++)
                report_log_count(b, &have[k]);
        report_log_position(a, &pa);
        report_log_position(b, &pb);
        assert_memory_equal(pa.digest, pb.digest, sizeof(pa.digest));
        assert_int_equal(pa.replicas, pb.replicas);
        report_log_free(a);
        report_log_free(b);
}

static void a_full_log_forgets_the_oldest(void **state)
{
        struct report_log *l = report_log_new();
        struct report_change c = change(1, 1, STATE(FINALIZED)), got;
        struct report_position p;
        uint64_t first;

        (void)state;
        assert_non_null(l);
        for (uint64_t i = 1; i <= REPORT_LOG_MAX + 10; i++) {
                c.block = i;
                (void)report_log_add(l, NULL, &c);
        }
        report_log_position(l, &p);
        assert_int_equal(p.next - p.first, REPORT_LOG_MAX);
        assert_int_equal(report_log_read(l, p.first, &got, 1, &first), 1);
        assert_int_equal(got.block, first);
        report_log_free(l);
}

/* ---- the dataset ---------------------------------------------------------------------------- */

struct made {
        struct replica *r;
        struct replica_writer *w;
};

static struct made make(struct dataset *ds, uint64_t block)
{
        struct made m;
        struct bdfs_err err;

        must(dataset_create(ds, block, 1001, CRC_CRC32C, NULL, &m.r, &m.w, &err), &err);
        return m;
}

static enum bdfs_status add(struct made *m, uint64_t offset, const uint8_t *data, size_t n)
{
        struct replica_bytes b = {.offset = offset, .data = data, .n = n};
        struct bdfs_err err;

        return replica_writer_add(m->w, &b, &err);
}

static void seal(struct dataset *ds, uint64_t block, const uint8_t *data, size_t n)
{
        struct made m = make(ds, block);
        struct bdfs_err err;
        uint64_t change_n;

        assert_int_equal(add(&m, 0, data, n), BDFS_OK);
        must(dataset_seal(ds, m.r, m.w, &change_n, &err), &err);
        dataset_end(ds, m.r, m.w, false);
}

static unsigned state_of(struct dataset *ds, uint64_t block)
{
        struct replica_entry e;

        return dataset_find(ds, block, &e) ? e.state : 0;
}

static enum bdfs_status read_back(struct dataset *ds, uint64_t block, const uint8_t *data, size_t n)
{
        struct replica_reader *rd = malloc(sizeof(*rd));
        uint8_t *got = malloc(n + 1);
        struct replica *r;
        struct bdfs_err err;
        enum bdfs_status rc = dataset_get(ds, block, 0, &r, &err);

        assert_true(rd != NULL && got != NULL);
        if (rc == BDFS_OK) {
                replica_reader_init(rd, r);
                assert_int_equal(rd->view.length, n);
                rc = replica_read(rd, 0, got, n, &err);
                if (rc == BDFS_OK)
                        assert_memory_equal(got, data, n);
                dataset_put(ds, r);
        }
        free(rd);
        free(got);
        return rc;
}

static uint8_t *bytes_of(size_t n)
{
        uint8_t *p = malloc(n);

        assert_non_null(p);
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t)(i * 2654435761U >> 13);
        return p;
}

static void replicas_are_loaded_in_the_state_they_were_left(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(200000);
        struct report_position p;
        struct dataset *ds;
        struct bdfs_err err;
        struct made m;
        char path[256];

        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, data, 200000);
        m = make(ds, 2);
        assert_int_equal(add(&m, 0, data, 1000), BDFS_OK);
        must(dataset_flush(ds, m.r, m.w, &err), &err);
        assert_int_equal(state_of(ds, 2), STATE(RECEIVING));
        dataset_end(ds, m.r, m.w, false);
        m = make(ds, 3); /* unused: nothing stays of it */
        dataset_end(ds, m.r, m.w, true);
        assert_int_equal(state_of(ds, 3), 0);
        dataset_close(ds);

        (void)snprintf(path, sizeof(path), "%s/blocks/00", f->paths[0]);
        put_text(path, "what", "is this");
        must(dataset_open(&ds, &f->config, &err), &err);
        assert_int_equal(state_of(ds, 1), STATE(FINALIZED));
        assert_int_equal(state_of(ds, 2), STATE(WAITING));
        assert_int_equal(state_of(ds, 3), 0);
        report_log_position(dataset_log(ds), &p);
        assert_int_equal(p.replicas, 1);
        assert_int_equal(p.next, 2); /* of what the digest does not cover there is a change */
        assert_int_equal(read_back(ds, 1, data, 200000), BDFS_OK);
        assert_int_equal(read_back(ds, 2, data, 1000), BDFS_REPLICA_NOT_FOUND);
        must(dataset_stop(ds, 2, &err), &err);
        assert_int_equal(state_of(ds, 2), STATE(RECOVERING));
        assert_int_equal(dataset_cut(ds, 2, 999, 2000, 500, &err), BDFS_STALE_GENSTAMP);
        must(dataset_cut(ds, 2, 1001, 2000, 500, &err), &err);
        must(dataset_cut(ds, 2, 1001, 2000, 500, &err), &err); /* told twice */
        assert_int_equal(read_back(ds, 2, data, 500), BDFS_OK);
        dataset_close(ds);
        must(dataset_open(&ds, &f->config, &err), &err);
        assert_int_equal(state_of(ds, 2), STATE(FINALIZED));
        dataset_close(ds);
        free(data);
}

static void find_file(const struct fixture *f, uint64_t block, char *ret, size_t room)
{
        char command[256];
        FILE *p;

        (void)snprintf(command, sizeof(command), "find %s -name %016llx", f->dir,
                       (unsigned long long)block);
        p = popen(command, "r");
        assert_non_null(p);
        assert_non_null(fgets(ret, (int)room, p));
        ret[strcspn(ret, "\n")] = '\0';
        (void)pclose(p);
}

static void overwrite(const char *path, long at, const void *bytes, size_t n)
{
        FILE *out = fopen(path, "r+b");

        assert_non_null(out);
        assert_int_equal(fseek(out, at, SEEK_SET), 0);
        assert_int_equal(fwrite(bytes, 1, n, out), n);
        assert_int_equal(fclose(out), 0);
}

static void a_seal_whose_proof_was_lost_is_verified_at_the_start(void **state)
{
        static const uint8_t zeros[4096];
        struct fixture *f = *state;
        uint8_t *data = bytes_of(200000);
        struct dataset *ds;
        struct bdfs_err err;
        char whole[256], broken[256];

        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, data, 200000);
        seal(ds, 2, data, 200000);
        dataset_close(ds);
        find_file(f, 1, whole, sizeof(whole));
        find_file(f, 2, broken, sizeof(broken));
        overwrite(whole, 4096, zeros, 4096);
        overwrite(broken, 4096, zeros, 4096);
        overwrite(broken, 12288 + 100000, "x", 1); /* this page never reached the disk */
        for (int i = 0; i < 2; i++) {
                must(dataset_open(&ds, &f->config, &err), &err);
                assert_int_equal(state_of(ds, 1), STATE(FINALIZED));
                assert_int_equal(read_back(ds, 1, data, 200000), BDFS_OK);
                assert_int_equal(state_of(ds, 2), STATE(WAITING));
                dataset_close(ds);
        }
        free(data);
}

static void a_replica_without_a_valid_state_is_kept_and_corrupt(void **state)
{
        static const uint8_t zeros[8192];
        struct fixture *f = *state;
        struct dataset *ds;
        struct bdfs_err err;
        char path[256];

        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, zeros, 100);
        dataset_close(ds);
        find_file(f, 1, path, sizeof(path));
        overwrite(path, 0, zeros, 8192);
        must(dataset_open(&ds, &f->config, &err), &err);
        assert_int_equal(state_of(ds, 1), STATE(CORRUPT));
        assert_int_equal(read_back(ds, 1, zeros, 100), BDFS_REPLICA_NOT_FOUND);
        assert_int_equal(access(path, F_OK), 0);
        must(dataset_delete(ds, 1, 0, &err), &err); /* by the stamp that was reported */
        assert_int_equal(access(path, F_OK), -1);
        dataset_close(ds);
}

static void verification_tells_decay_from_health(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(200000);
        struct dataset *ds;
        struct bdfs_err err;
        struct report_position before, after;
        char path[256];

        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, data, 200000);
        report_log_position(dataset_log(ds), &before);
        must(dataset_verify(ds, 1, true, NULL, NULL, &err), &err);
        report_log_position(dataset_log(ds), &after);
        assert_int_equal(after.next, before.next + 1);
        assert_memory_equal(after.digest, before.digest, sizeof(after.digest));
        find_file(f, 1, path, sizeof(path));
        overwrite(path, 12288 + 65536 + 5, "\1\2\3", 3);
        assert_int_equal(dataset_verify(ds, 1, false, NULL, NULL, &err), BDFS_CORRUPT);
        assert_int_equal(state_of(ds, 1), STATE(CORRUPT));
        report_log_position(dataset_log(ds), &after);
        assert_int_equal(after.replicas, 0);
        dataset_close(ds);
        free(data);
}

static void deletion_spares_later_stamps_and_interrupts_readers_not(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(100000), got[1000];
        struct replica_reader *rd = malloc(sizeof(*rd));
        struct dataset *ds;
        struct replica *r;
        struct bdfs_err err;
        char path[256];

        assert_non_null(rd);
        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, data, 100000);
        find_file(f, 1, path, sizeof(path));
        must(dataset_delete(ds, 1, 1000, &err), &err);
        assert_int_equal(state_of(ds, 1), STATE(FINALIZED));
        must(dataset_get(ds, 1, 1001, &r, &err), &err);
        assert_int_equal(dataset_get(ds, 1, 1002, &r, &err), BDFS_STALE_GENSTAMP);
        must(dataset_get(ds, 1, 1001, &r, &err), &err);
        must(dataset_delete(ds, 1, 1001, &err), &err);
        assert_int_equal(access(path, F_OK), -1);
        replica_reader_init(rd, r); /* who has it open reads on */
        must(replica_read(rd, 70000, got, sizeof(got), &err), &err);
        assert_memory_equal(got, data + 70000, sizeof(got));
        assert_int_equal(dataset_get(ds, 1, 0, &r, &err), BDFS_REPLICA_NOT_FOUND);
        r = rd->replica;
        dataset_put(ds, r);
        dataset_put(ds, r); /* both holds on it */
        dataset_close(ds);
        free(rd);
        free(data);
}

static void more_replicas_than_are_kept_open(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(600);
        struct dataset *ds;
        struct bdfs_err err;

        must(dataset_open(&ds, &f->config, &err), &err);
        for (uint64_t i = 1; i <= 600; i++)
                seal(ds, i, data, i);
        for (uint64_t i = 1; i <= 600; i++)
                assert_int_equal(read_back(ds, 1 + i * 7 % 600, data, 1 + i * 7 % 600), BDFS_OK);
        dataset_close(ds);
        free(data);
}

/* ---- full and failing disks ----------------------------------------------------------------- */

static void below_the_floor_no_new_replica_is_taken(void **state)
{
        struct fixture *f = *state;
        struct dataset_volume v;
        struct dataset *ds;
        struct bdfs_err err;
        struct made m;

        f->config.space_floor = 1ULL << 60;
        must(dataset_open(&ds, &f->config, &err), &err);
        assert_int_equal(dataset_create(ds, 1, 1001, CRC_CRC32, NULL, &m.r, &m.w, &err),
                         BDFS_NO_SPACE);
        assert_int_equal(dataset_volumes(ds, &v, 1), 1);
        assert_int_equal(v.remaining, 0);
        assert_true(v.capacity > 0);
        dataset_close(ds);
}

static void a_disk_that_fills_up_refuses_and_harms_nothing(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(3000000);
        struct rlimit old, small;
        struct dataset *ds;
        struct bdfs_err err;
        struct made m;
        uint64_t n;
        enum bdfs_status rc;

        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, data, 300000);
        m = make(ds, 2);
        assert_int_equal(add(&m, 0, data, 500001), BDFS_OK);
        must(dataset_flush(ds, m.r, m.w, &err), &err);
        replica_show(m.r, 500001);
        (void)signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        small = old;
        small.rlim_cur = 1000000; /* no file may grow beyond: as a disk that is full */
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        rc = add(&m, 500001, data + 500001, 800000);
        if (rc == BDFS_OK)
                rc = dataset_flush(ds, m.r, m.w, &err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(rc, BDFS_NO_SPACE);
        /* the writer takes nothing more, though there is room again */
        assert_int_equal(dataset_seal(ds, m.r, m.w, &n, &err), BDFS_FAILED);
        dataset_end(ds, m.r, m.w, false);
        assert_int_equal(read_back(ds, 1, data, 300000), BDFS_OK);
        must(dataset_stop(ds, 2, &err), &err); /* what was acknowledged is there */
        {
                struct replica_entry e;

                assert_true(dataset_find(ds, 2, &e));
                assert_true(e.length >= 500001);
                must(dataset_cut(ds, 2, 1001, 1002, e.length, &err), &err);
                assert_int_equal(read_back(ds, 2, data, e.length), BDFS_OK);
        }
        dataset_close(ds);
        free(data);
}

static void after_a_failed_sync_the_volume_is_out_and_never_synced_again(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(100000);
        struct dataset_volume v[2];
        struct dataset *ds;
        struct bdfs_err err;
        struct made m;
        uint64_t n;
        int before;

        f->config.dirs_n = 2;
        must(dataset_open(&ds, &f->config, &err), &err);
        for (uint64_t i = 1; i <= 20; i++)
                seal(ds, i, data, 1000 * i);
        m = make(ds, 100);
        assert_int_equal(add(&m, 0, data, 5000), BDFS_OK);
        atomic_store(&fail_syncs, 1);
        assert_int_equal(dataset_seal(ds, m.r, m.w, &n, &err), BDFS_IO);
        before = atomic_load(&syncs);
        assert_int_equal(dataset_seal(ds, m.r, m.w, &n, &err), BDFS_FAILED);
        assert_int_equal(dataset_sync(ds, m.r, m.w, &err), BDFS_FAILED);
        assert_int_equal(atomic_load(&syncs), before);
        dataset_end(ds, m.r, m.w, false);
        assert_int_equal(dataset_volumes(ds, v, 2), 2);
        assert_int_equal(v[0].failed + v[1].failed, 1);
        assert_int_equal(v[v[0].failed ? 0 : 1].replicas, 0);
        assert_int_equal(state_of(ds, 100), 0);
        for (uint64_t i = 101; i <= 110; i++) /* the other volume goes on */
                seal(ds, i, data, 1000);
        for (uint64_t i = 101; i <= 110; i++)
                assert_int_equal(read_back(ds, i, data, 1000), BDFS_OK);
        atomic_store(&fail_syncs, 1);
        m = make(ds, 200);
        assert_int_equal(add(&m, 0, data, 5000), BDFS_OK);
        assert_int_equal(dataset_seal(ds, m.r, m.w, &n, &err), BDFS_IO);
        dataset_end(ds, m.r, m.w, false);
        assert_int_equal(dataset_create(ds, 201, 1001, CRC_CRC32, NULL, &m.r, &m.w, &err),
                         BDFS_IO); /* no volume works */
        dataset_close(ds);
        free(data);
}

static void one_sync_a_seal_and_one_an_hsync(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(300000);
        struct dataset *ds;
        struct bdfs_err err;
        struct made m;
        uint64_t n;
        int before;

        must(dataset_open(&ds, &f->config, &err), &err);
        m = make(ds, 1);
        before = atomic_load(&syncs);
        for (size_t at = 0; at < 300000; at += 30000) {
                assert_int_equal(add(&m, at, data + at, 30000), BDFS_OK);
                must(dataset_flush(ds, m.r, m.w, &err), &err);
        }
        assert_int_equal(atomic_load(&syncs), before);
        must(dataset_sync(ds, m.r, m.w, &err), &err);
        assert_int_equal(atomic_load(&syncs), before + 1);
        must(dataset_seal(ds, m.r, m.w, &n, &err), &err);
        assert_int_equal(atomic_load(&syncs), before + 2);
        dataset_end(ds, m.r, m.w, false);
        dataset_close(ds);
        free(data);
}

struct crowd {
        struct dataset *ds;
        uint64_t first;
        const uint8_t *data;
};

static void crowd_run(void *arg)
{
        struct crowd *c = arg;

        for (uint64_t i = 0; i < 20; i++)
                seal(c->ds, c->first + i, c->data, 1000 + (size_t)i);
}

static void many_writers_seal_at_once(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(2000);
        struct os_thread *threads[8];
        struct crowd c[8];
        struct dataset *ds;
        struct bdfs_err err;

        must(dataset_open(&ds, &f->config, &err), &err);
        for (unsigned i = 0; i < 8; i++) {
                c[i] = (struct crowd){.ds = ds, .first = 1 + 20 * i, .data = data};
                must(os_thread_start(&threads[i], "writer", crowd_run, &c[i], &err), &err);
        }
        for (unsigned i = 0; i < 8; i++)
                os_thread_join(threads[i]);
        for (uint64_t i = 1; i <= 160; i++)
                assert_int_equal(read_back(ds, i, data, 1000 + (size_t)((i - 1) % 20)), BDFS_OK);
        dataset_close(ds);
        free(data);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                T(a_fresh_directory_is_formatted_and_opens_again),
                T(volumes_of_one_datanode_share_uuid_and_key),
                T(directories_that_are_not_ours_are_refused),
                T(the_index_equals_a_plain_table),
                T(a_million_replicas_take_less_than_64_mib),
                T(changes_are_numbered_read_and_forgotten),
                T(the_digest_is_that_of_what_is_left),
                T(a_full_log_forgets_the_oldest),
                T(replicas_are_loaded_in_the_state_they_were_left),
                T(a_seal_whose_proof_was_lost_is_verified_at_the_start),
                T(a_replica_without_a_valid_state_is_kept_and_corrupt),
                T(verification_tells_decay_from_health),
                T(deletion_spares_later_stamps_and_interrupts_readers_not),
                T(more_replicas_than_are_kept_open),
                T(below_the_floor_no_new_replica_is_taken),
                T(a_disk_that_fills_up_refuses_and_harms_nothing),
                T(after_a_failed_sync_the_volume_is_out_and_never_synced_again),
                T(one_sync_a_seal_and_one_an_hsync),
                T(many_writers_seal_at_once),
        };

        log_open("test_volume", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
