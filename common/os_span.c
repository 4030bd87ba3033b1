/* What both seams do alike: one span where the calls take vectors. */
#include "common/os.h"

enum bdfs_status os_sock_write(struct os_sock *s, const void *from, size_t n, int64_t deadline_ms,
                               struct bdfs_err *err)
{
        struct iovec iov = {.iov_base = (void *)(uintptr_t)from, .iov_len = n};

        return os_sock_writev(s, &iov, 1, deadline_ms, err);
}

enum bdfs_status os_file_read(struct os_file *f, uint64_t offset, void *to, size_t n, size_t *ret,
                              struct bdfs_err *err)
{
        struct iovec iov = {.iov_base = to, .iov_len = n};

        return os_file_readv(f, offset, &iov, 1, ret, err);
}

enum bdfs_status os_file_write(struct os_file *f, uint64_t offset, const void *from, size_t n,
                               struct bdfs_err *err)
{
        struct iovec iov = {.iov_base = (void *)(uintptr_t)from, .iov_len = n};

        return os_file_writev(f, offset, &iov, 1, false, err);
}
