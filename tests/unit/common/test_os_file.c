/* The Linux seam: files and directories, in a temporary directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/os.h"

#define OK(call) assert_int_equal((call), BDFS_OK)
#define ALL (OS_READ | OS_WRITE | OS_CREATE)

static struct bdfs_err err;
static char dir[64];

static char *in_dir(const char *name)
{
        static char path[4][512];
        static unsigned next;
        char *p = path[next++ % 4];

        (void)snprintf(p, 512, "%s/%s", dir, name);
        return p;
}

static void written_bytes_read_back(void **state)
{
        static uint8_t data[300000], got[300000];
        struct os_stat st;
        struct os_file *f;
        size_t n;

        (void)state;
        os_random(data, sizeof(data));
        OK(os_file_open(&f, in_dir("a"), ALL | OS_EXCLUSIVE, &err));
        for (int uncached = 0; uncached < 2; uncached++) {
                struct iovec iov[3] = {{.iov_base = data, .iov_len = 4096},
                                       {.iov_base = data + 4096, .iov_len = 0},
                                       {.iov_base = data + 4096,
                                        .iov_len = sizeof(data) - 4096}};
                struct iovec back[2] = {{.iov_base = got, .iov_len = 10},
                                        {.iov_base = got + 10, .iov_len = sizeof(got) - 10}};

                memset(got, 0, sizeof(got));
                OK(os_file_writev(f, 100, iov, 3, uncached != 0, &err));
                OK(os_file_sync(f, &err));
                OK(os_file_readv(f, 100, back, 2, &n, &err));
                assert_int_equal(n, sizeof(data));
                assert_memory_equal(data, got, n);
                OK(os_file_truncate(f, 0, &err));
                OK(os_file_writev(f, 0, iov, 0, true, &err));
        }
        OK(os_file_write(f, 100, data, 50, &err));
        OK(os_file_read(f, 90, got, 1000, &n, &err)); /* short only at the end */
        assert_int_equal(n, 60);
        OK(os_file_read(f, 1000, got, 10, &n, &err));
        assert_int_equal(n, 0);
        OK(os_file_stat(f, &st, &err));
        assert_int_equal(st.bytes, 150);
        assert_false(st.is_directory);
        OK(os_file_close(f, &err));
        OK(os_file_close(NULL, &err));
        assert_int_equal(os_file_open(&f, in_dir("a"), ALL | OS_EXCLUSIVE, &err), BDFS_EXISTS);
        OK(os_file_open(&f, in_dir("a"), OS_WRITE | OS_TRUNCATE, &err));
        OK(os_file_stat(f, &st, &err));
        assert_int_equal(st.bytes, 0);
        assert_int_not_equal(os_file_read(f, 0, got, 1, &n, &err), BDFS_OK);
        OK(os_file_close(f, &err));
        assert_int_equal(os_file_open(&f, in_dir("none"), OS_READ, &err), BDFS_NOT_FOUND);
        assert_non_null(strstr(err.text, "none"));
}

static void allocated_space_reads_as_zeros(void **state)
{
        static const uint8_t zeros[4096];
        uint8_t got[4096];
        struct os_stat st;
        struct os_file *f;
        size_t n;

        (void)state;
        OK(os_file_open(&f, in_dir("room"), ALL, &err));
        OK(os_file_write(f, 0, "abc", 3, &err));
        OK(os_file_allocate(f, 0, &err));
        OK(os_file_allocate(f, 1 << 20, &err));
        OK(os_file_allocate(f, 4096, &err)); /* never makes it shorter */
        OK(os_file_stat(f, &st, &err));
        assert_int_equal(st.bytes, 1 << 20);
        assert_true(st.disk_bytes >= 1 << 20);
        OK(os_file_read(f, 3, got, sizeof(got), &n, &err));
        assert_memory_equal(got, zeros, sizeof(got));
        OK(os_file_close(f, &err));
}

static void a_lock_is_exclusive(void **state)
{
        struct os_file *a, *b;
        int code = -1;
        pid_t child;

        (void)state;
        OK(os_file_open(&a, in_dir("lock"), ALL, &err));
        OK(os_file_lock(a, &err));
        OK(os_file_lock(a, &err));
        OK(os_file_open(&b, in_dir("lock"), ALL, &err));
        assert_int_equal(os_file_lock(b, &err), BDFS_LIMIT);
        child = fork();
        if (child == 0) {
                struct os_file *c;

                _exit(os_file_open(&c, in_dir("lock"), ALL, &err) == BDFS_OK &&
                                      os_file_lock(c, &err) == BDFS_LIMIT
                              ? 0
                              : 1);
        }
        assert_int_equal(waitpid(child, &code, 0), child);
        assert_int_equal(code, 0);
        OK(os_file_close(a, &err));
        OK(os_file_lock(b, &err));
        OK(os_file_close(b, &err));
}

struct names {
        unsigned n;
        bool stop;
};

static enum bdfs_status see(void *arg, const char *name, struct bdfs_err *e)
{
        struct names *names = arg;

        if (name[0] != 'x')
                return bdfs_fail(e, BDFS_FAILED, "unexpected %s", name);
        names->n++;
        return names->stop ? bdfs_fail(e, BDFS_PARTIAL, "enough") : BDFS_OK;
}

static void directories_hold_names(void **state)
{
        struct names names = {0};
        uint64_t bytes, space;
        struct os_stat st;
        struct os_file *f;

        (void)state;
        OK(os_mkdir(in_dir("d"), 0700, &err));
        assert_int_equal(os_mkdir(in_dir("d"), 0700, &err), BDFS_EXISTS);
        OK(os_stat_path(in_dir("d"), &st, &err));
        assert_true(st.is_directory);
        OK(os_file_open(&f, in_dir("d/x1"), ALL, &err));
        OK(os_file_close(f, &err));
        OK(os_file_open(&f, in_dir("d/x2"), ALL, &err));
        OK(os_file_close(f, &err));
        OK(os_list_dir(in_dir("d"), see, &names, &err));
        assert_int_equal(names.n, 2);
        names.stop = true;
        assert_int_equal(os_list_dir(in_dir("d"), see, &names, &err), BDFS_PARTIAL);
        assert_int_equal(names.n, 3);
        OK(os_rename(in_dir("d/x1"), in_dir("d/x2"), &err));
        OK(os_sync_dir(in_dir("d"), &err));
        assert_int_equal(os_stat_path(in_dir("d/x1"), &st, &err), BDFS_NOT_FOUND);
        assert_int_equal(os_rmdir(in_dir("d"), &err), BDFS_NOT_EMPTY);
        OK(os_unlink(in_dir("d/x2"), &err));
        assert_int_equal(os_unlink(in_dir("d/x2"), &err), BDFS_NOT_FOUND);
        OK(os_rmdir(in_dir("d"), &err));
        assert_int_equal(os_rmdir(in_dir("d"), &err), BDFS_NOT_FOUND);
        assert_int_equal(os_rename(in_dir("d"), in_dir("e"), &err), BDFS_NOT_FOUND);
        assert_int_equal(os_sync_dir(in_dir("d"), &err), BDFS_NOT_FOUND);
        assert_int_equal(os_list_dir(in_dir("d"), see, &names, &err), BDFS_NOT_FOUND);
        OK(os_disk_space(dir, &bytes, &space, &err));
        assert_true(bytes >= space && bytes > 0);
        assert_int_equal(os_disk_space(in_dir("d"), &bytes, &space, &err), BDFS_NOT_FOUND);
}

static int make_dir(void **state)
{
        (void)state;
        (void)snprintf(dir, sizeof(dir), "/tmp/bdfs-os-XXXXXX");
        return mkdtemp(dir) == NULL;
}

static int drop_dir(void **state)
{
        char command[96];

        (void)state;
        (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(written_bytes_read_back),
                cmocka_unit_test(allocated_space_reads_as_zeros),
                cmocka_unit_test(a_lock_is_exclusive),
                cmocka_unit_test(directories_hold_names),
        };

        return cmocka_run_group_tests_name("os_file", tests, make_dir, drop_dir);
}
