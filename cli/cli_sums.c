#include "cli/cli_sums.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/crc.h"

#define CHUNK_BYTES 512

struct cli_sums {
        struct buf file;
        uint8_t chunk[CHUNK_BYTES];
        size_t chunk_n;
};

enum bdfs_status cli_sums_new(struct cli_sums **ret, struct bdfs_err *err)
{
        struct cli_sums *s = calloc(1, sizeof(*s));

        if (s == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        buf_init(&s->file, 0);
        buf_add(&s->file, "crc", 4);
        buf_u32be(&s->file, CHUNK_BYTES);
        *ret = s;
        return BDFS_OK;
}

static void end_chunk(struct cli_sums *s)
{
        uint8_t sum[4];

        crc_chunks(CRC_CRC32, s->chunk, s->chunk_n, CHUNK_BYTES, sum);
        buf_add(&s->file, sum, sizeof(sum));
        s->chunk_n = 0;
}

void cli_sums_add(struct cli_sums *s, const void *bytes, size_t n)
{
        const uint8_t *from = bytes;

        while (n > 0) {
                size_t take = CHUNK_BYTES - s->chunk_n < n ? CHUNK_BYTES - s->chunk_n : n;

                memcpy(s->chunk + s->chunk_n, from, take);
                s->chunk_n += take;
                from += take;
                n -= take;
                if (s->chunk_n == CHUNK_BYTES)
                        end_chunk(s);
        }
}

static bool write_all(int fd, const uint8_t *from, size_t n)
{
        while (n > 0) {
                ssize_t wrote = write(fd, from, n);

                if (wrote < 0 && errno == EINTR)
                        continue;
                if (wrote < 0)
                        return false;
                from += wrote;
                n -= (size_t)wrote;
        }
        return true;
}

enum bdfs_status cli_sums_save(struct cli_sums *s, const char *path, mode_t mode,
                               struct bdfs_err *err)
{
        const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
        AUTO_FREE char *to = NULL, *temporary = NULL;
        int fd, eno = 0;

        if (s->chunk_n > 0)
                end_chunk(s);
        if (asprintf(&to, "%.*s.%s.crc", (int)(name - path), path, name) < 0)
                to = NULL;
        if (asprintf(&temporary, "%.*s._COPYING_XXXXXX", (int)(name - path), path) < 0)
                temporary = NULL;
        if (s->file.bad || to == NULL || temporary == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for checksums");
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return bdfs_fail_errno(err, errno, "`%s'", to);
        if (!write_all(fd, s->file.data, s->file.n) || fchmod(fd, mode) != 0)
                eno = errno;
        if (close(fd) != 0 && eno == 0)
                eno = errno;
        if (eno == 0 && rename(temporary, to) != 0)
                eno = errno;
        if (eno == 0)
                return BDFS_OK;
        (void)unlink(temporary);
        return bdfs_fail_errno(err, eno, "`%s'", to);
}

void cli_sums_free(struct cli_sums *s)
{
        if (s == NULL)
                return;
        buf_fini(&s->file);
        free(s);
}
