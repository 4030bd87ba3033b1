/* Full and failing disks, and how often they are synced. */
#include "test_volume_kit.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

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

static atomic_ullong free_blocks; /* of 4 KiB, of every file system */

int statvfs(const char *path, struct statvfs *ret);
int statvfs(const char *path, struct statvfs *ret)
{
        (void)path;
        *ret = (struct statvfs){.f_frsize = 4096, .f_blocks = 1 << 20,
                                .f_bavail = atomic_load(&free_blocks)};
        return 0;
}

static int disk_setup(void **state)
{
        atomic_store(&free_blocks, 1 << 19);
        return setup(state);
}

static int disk_teardown(void **state)
{
        atomic_store(&fail_syncs, 0);
        return teardown(state);
}

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

/* Ten files a second may go in: what was free a second ago says nothing. */
static void the_floor_is_kept_however_fast_the_disk_fills(void **state)
{
        struct fixture *f = *state;
        struct dataset *ds;
        struct bdfs_err err;
        struct made m;

        f->config.space_floor = 1ULL << 30;
        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, (const uint8_t *)"x", 1);
        atomic_store(&free_blocks, (1ULL << 30) / 4096);
        assert_int_equal(dataset_create(ds, 2, 1001, CRC_CRC32, NULL, &m.r, &m.w, &err),
                         BDFS_NO_SPACE);
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
#define T(name) cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)
                T(below_the_floor_no_new_replica_is_taken),
                T(the_floor_is_kept_however_fast_the_disk_fills),
                T(a_disk_that_fills_up_refuses_and_harms_nothing),
                T(after_a_failed_sync_the_volume_is_out_and_never_synced_again),
                T(one_sync_a_seal_and_one_an_hsync),
                T(many_writers_seal_at_once),
        };

        log_open("test_volume_disk", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
