/* The simulator's disks: files, names, room, and what a power loss leaves of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/sim/os_sim.h"

#define OK(call) assert_int_equal((call), BDFS_OK)
#define ALL (OS_READ | OS_WRITE | OS_CREATE)
#define SEEDS 60

static struct bdfs_err err;

static void files_body(void *arg)
{
        static uint8_t data[50000], got[50000];
        struct iovec iov[2] = {{.iov_base = data, .iov_len = 20000},
                               {.iov_base = data + 20000, .iov_len = 30000}};
        struct os_stat st;
        struct os_file *f;
        size_t n;

        (void)arg;
        os_random(data, sizeof(data));
        OK(os_file_open(&f, "/a", ALL | OS_EXCLUSIVE, &err));
        OK(os_file_writev(f, 100, iov, 2, true, &err));
        OK(os_file_read(f, 100, got, sizeof(got), &n, &err));
        assert_int_equal(n, sizeof(got));
        assert_memory_equal(data, got, n);
        OK(os_file_read(f, 0, got, 100, &n, &err));
        assert_int_equal(got[99], 0);
        OK(os_file_read(f, 50050, got, 100, &n, &err));
        assert_int_equal(n, 50);
        OK(os_file_truncate(f, 30000, &err));
        OK(os_file_truncate(f, 40000, &err));
        OK(os_file_read(f, 29999, got, 2, &n, &err));
        assert_int_equal(got[0], data[29899]);
        assert_int_equal(got[1], 0);
        OK(os_file_allocate(f, 100000, &err));
        OK(os_file_stat(f, &st, &err));
        assert_int_equal(st.bytes, 100000);
        assert_true(st.disk_bytes >= 100000 && !st.is_directory);
        OK(os_file_read(f, 90000, got, 10, &n, &err));
        assert_int_equal(got[0], 0);
        OK(os_file_close(f, &err));
        assert_int_equal(os_file_open(&f, "/a", ALL | OS_EXCLUSIVE, &err), BDFS_EXISTS);
        OK(os_file_open(&f, "/a", OS_WRITE | OS_TRUNCATE, &err));
        assert_int_equal(os_file_read(f, 0, got, 1, &n, &err), BDFS_IO);
        OK(os_file_stat(f, &st, &err));
        assert_int_equal(st.bytes, 0);
        OK(os_file_close(f, &err));
        OK(os_file_open(&f, "/a", OS_READ, &err));
        assert_int_equal(os_file_write(f, 0, data, 1, &err), BDFS_IO);
        assert_int_equal(os_file_truncate(f, 0, &err), BDFS_INVALID);
        OK(os_file_close(f, &err));
        assert_int_equal(os_file_open(&f, "/none", OS_READ, &err), BDFS_NOT_FOUND);
        assert_int_equal(os_file_open(&f, "/a/b", ALL, &err), BDFS_NOT_DIRECTORY);
        assert_int_equal(os_file_open(&f, "/", OS_READ, &err), BDFS_IS_DIRECTORY);
        assert_int_equal(os_file_open(&f, "/no/b", ALL, &err), BDFS_NOT_FOUND);
}

static void files_read_back(void **state)
{
        (void)state;
        (void)sim_run(1, files_body, NULL);
}

static enum bdfs_status count(void *arg, const char *name, struct bdfs_err *e)
{
        unsigned *n = arg;

        (void)e;
        assert_true(name[0] == 'x');
        return ++*n == 7 ? BDFS_PARTIAL : BDFS_OK;
}

static void touch(const char *path)
{
        struct os_file *f;

        OK(os_file_open(&f, path, ALL, &err));
        OK(os_file_close(f, &err));
}

static void names_body(void *arg)
{
        struct os_stat st;
        char name[16];
        unsigned n = 0;

        (void)arg;
        OK(os_mkdir("/d", 0700, &err));
        OK(os_mkdir("/d/x", 0700, &err));
        assert_int_equal(os_mkdir("/d", 0700, &err), BDFS_EXISTS);
        for (int i = 0; i < 5; i++) {
                (void)snprintf(name, sizeof(name), "/d/x%d", i);
                touch(name);
        }
        OK(os_list_dir("/d", count, &n, &err));
        assert_int_equal(n, 6);
        assert_int_equal(os_list_dir("/d", count, &n, &err), BDFS_PARTIAL);
        assert_int_equal(os_list_dir("/d/x1", count, &n, &err), BDFS_NOT_DIRECTORY);
        assert_int_equal(os_rename("/d", "/d/x/d", &err), BDFS_INVALID);
        assert_int_equal(os_rename("/d/x1", "/d/x", &err), BDFS_IS_DIRECTORY);
        assert_int_equal(os_rename("/d/x", "/d/x1", &err), BDFS_NOT_DIRECTORY);
        assert_int_equal(os_rename("/d/x9", "/d/x1", &err), BDFS_NOT_FOUND);
        OK(os_rename("/d/x1", "/d/x1", &err));
        OK(os_rename("/d/x1", "/d/x2", &err));
        assert_int_equal(os_stat_path("/d/x1", &st, &err), BDFS_NOT_FOUND);
        assert_int_equal(os_rmdir("/d", &err), BDFS_NOT_EMPTY);
        assert_int_equal(os_rmdir("/d/x2", &err), BDFS_NOT_DIRECTORY);
        assert_int_equal(os_unlink("/d/x", &err), BDFS_IS_DIRECTORY);
        for (int i = 0; i < 5; i++) {
                (void)snprintf(name, sizeof(name), "/d/x%d", i);
                assert_int_equal(os_unlink(name, &err), i == 1 ? BDFS_NOT_FOUND : BDFS_OK);
        }
        OK(os_rename("/d/x", "/y", &err));
        OK(os_rmdir("/d", &err));
        OK(os_stat_path("/y/.", &st, &err));
        assert_true(st.is_directory);
        OK(os_sync_dir("/", &err));
}

static void names_behave(void **state)
{
        (void)state;
        (void)sim_run(1, names_body, NULL);
}

static void room_body(void *arg)
{
        static uint8_t data[200000];
        uint64_t bytes, free_bytes;
        struct os_file *f;

        (void)arg;
        sim_disk_set_capacity(sim_node_self(), 1 << 20);
        OK(os_file_open(&f, "/a", ALL, &err));
        for (int i = 0; i < 5; i++)
                OK(os_file_write(f, (uint64_t)i * sizeof(data), data, sizeof(data), &err));
        assert_int_equal(os_file_write(f, 5 * sizeof(data), data, sizeof(data), &err),
                         BDFS_NO_SPACE);
        OK(os_file_write(f, 0, data, sizeof(data), &err)); /* has its place already */
        OK(os_file_truncate(f, 0, &err));
        OK(os_disk_space("/", &bytes, &free_bytes, &err));
        assert_int_equal(bytes, 1 << 20);
        assert_int_equal(free_bytes, 1 << 20);
        assert_int_equal(os_file_allocate(f, 2 << 20, &err), BDFS_NO_SPACE);
        OK(os_file_allocate(f, 1 << 20, &err));
        OK(os_disk_space("/a", &bytes, &free_bytes, &err));
        assert_int_equal(free_bytes, 0);
        OK(os_file_write(f, 1000, data, sizeof(data), &err)); /* it was promised */
        OK(os_file_close(f, &err));
        OK(os_unlink("/a", &err));
        OK(os_sync_dir("/", &err)); /* until then the name may come back, and its bytes with it */
        OK(os_disk_space("/", &bytes, &free_bytes, &err));
        assert_int_equal(free_bytes, 1 << 20);
}

static void a_full_disk_says_so(void **state)
{
        (void)state;
        (void)sim_run(1, room_body, NULL);
}

/* ---- power loss ---- */

struct loss {
        enum sim_crash how;
        unsigned writes_seen, names_seen, torn;
};

#define WRITES 8
#define WRITE_BYTES 1024

static void write_some(void *arg)
{
        static uint8_t data[WRITE_BYTES];
        struct os_file *f, *locked;
        char name[16];

        (void)arg;
        OK(os_mkdir("/d", 0700, &err));
        OK(os_sync_dir("/", &err));
        OK(os_file_open(&f, "/d/synced", ALL, &err));
        memset(data, 's', sizeof(data));
        OK(os_file_write(f, 0, data, sizeof(data), &err));
        OK(os_file_sync(f, &err));
        OK(os_sync_dir("/d", &err));
        for (uint64_t i = 0; i < WRITES; i++) { /* the first one over the synced bytes */
                memset(data, 'a' + (int)i, sizeof(data));
                OK(os_file_write(f, i * WRITE_BYTES, data, sizeof(data), &err));
        }
        OK(os_file_lock(f, &err));
        for (int i = 0; i < WRITES; i++) {
                (void)snprintf(name, sizeof(name), "/d/%d", i);
                touch(name);
        }
        OK(os_file_open(&locked, "/d/synced", OS_READ, &err));
        assert_int_equal(os_file_lock(locked, &err), BDFS_LIMIT);
        OK(os_file_close(locked, &err));
        OK(os_rename("/d/7", "/moved", &err));
        os_sleep_ms(1000000);
        (void)os_file_close(f, &err); /* crashed meanwhile */
}

static void look_at_writes(struct loss *l, struct os_file *f)
{
        uint8_t got[WRITE_BYTES];
        size_t n = 0;

        for (uint64_t i = 0; i < WRITES; i++) {
                size_t same = 0;
                uint8_t before = i == 0 ? 's' : 0;

                memset(got, 0, sizeof(got));
                OK(os_file_read(f, i * WRITE_BYTES, got, sizeof(got), &n, &err));
                while (same < sizeof(got) && got[same] == 'a' + (int)i)
                        same++;
                assert_int_equal(same % 512, 0);
                for (size_t k = same; k < n; k++)
                        assert_int_equal(got[k], before);
                l->writes_seen += same > 0;
                l->torn += same == 512;
        }
}

static void look_after(void *arg)
{
        bool gone = false;
        struct loss *l = arg;
        struct os_file *f;
        struct os_stat st;
        char name[16];

        OK(os_file_open(&f, "/d/synced", OS_READ, &err));
        OK(os_file_lock(f, &err)); /* the holder died */
        look_at_writes(l, f);
        OK(os_file_close(f, &err));
        for (int i = 0; i < WRITES; i++) { /* a prefix of the names survived */
                (void)snprintf(name, sizeof(name), "/d/%d", i);
                if (os_stat_path(name, &st, &err) != BDFS_OK) {
                        gone = gone || i < WRITES - 1;
                        continue;
                }
                assert_false(gone);
                l->names_seen++;
        }
        if (os_stat_path("/moved", &st, &err) == BDFS_OK) {
                assert_false(gone);
                assert_int_equal(os_stat_path("/d/7", &st, &err), BDFS_NOT_FOUND);
                l->names_seen++;
        }
}

static void loss_body(void *arg)
{
        struct sim_node *n = sim_node_new("disk");
        struct loss *l = arg;

        OK(sim_node_start(n, "writer", write_some, NULL, &err));
        os_sleep_ms(100000);
        sim_node_crash(n, l->how);
        sim_node_join(n);
        OK(sim_node_start(n, "reader", look_after, l, &err));
        sim_node_join(n);
}

static void power_loss_takes_only_what_was_not_synced(void **state)
{
        struct loss l = {.how = SIM_POWER};

        (void)state;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                (void)sim_run(seed, loss_body, &l);
        assert_true(l.writes_seen > 0 && l.writes_seen < SEEDS * WRITES);
        assert_true(l.names_seen > 0 && l.names_seen < SEEDS * WRITES);
        assert_true(l.torn > 0);
}

static void a_killed_process_loses_no_write(void **state)
{
        struct loss l = {.how = SIM_KILL};

        (void)state;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                (void)sim_run(seed, loss_body, &l);
        assert_int_equal(l.writes_seen, SEEDS * WRITES);
        assert_int_equal(l.names_seen, SEEDS * WRITES);
        assert_int_equal(l.torn, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(files_read_back),
                cmocka_unit_test(names_behave),
                cmocka_unit_test(a_full_disk_says_so),
                cmocka_unit_test(power_loss_takes_only_what_was_not_synced),
                cmocka_unit_test(a_killed_process_loses_no_write),
        };

        return cmocka_run_group_tests_name("os_sim_disk", tests, NULL, NULL);
}
