/*
 * bench_cold - before a first read: nothing of the files is in memory, and memory costs the same.
 *
 *   bench_cold BYTES PATH...
 *
 * Everything is written out; then the page cache forgets the files at and below the PATHs; then
 * twice BYTES of memory are used and given back. In a virtual machine, memory that lay free for
 * some seconds may have gone back to the host, in pieces of 2 MiB and more; whoever uses it next
 * pays for its return, several times what reading costs. What was used just now is there. At
 * most half of what is free is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>

#include "tests/tools/bench_kit.h"

#define OPEN_MAX_AT_ONCE 16
#define SMALL_PAGE 4096

static int forget(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        int fd, rc;

        (void)ftw;
        if (type != FTW_F || !S_ISREG(st->st_mode))
                return 0;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT)
                return 0; /* deleted meanwhile */
        if (fd < 0)
                bench_die("open %s: %s", path, strerror(errno));
        rc = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        if (rc != 0)
                bench_die("forget %s: %s", path, strerror(rc));
        (void)close(fd); /* nothing was written */
        return 0;
}

static uint8_t *use_memory(size_t n, int advice)
{
        uint8_t *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                bench_die("no %zu bytes of memory: %s", n, strerror(errno));
        (void)madvise(p, n, advice); /* a kernel without huge pages has only the others */
        for (size_t i = 0; i < n; i += SMALL_PAGE)
                p[i] = 1;
        return p;
}

/* Readers differ: some fill the page cache by single pages, some by large ones, and the kernel
 * takes these from different places. */
static void warm_memory(size_t n)
{
        size_t free_bytes = (size_t)sysconf(_SC_AVPHYS_PAGES) * SMALL_PAGE;
        uint8_t *small, *large;

        if (n > free_bytes / 4)
                n = free_bytes / 4;
        if (n == 0)
                return;
        small = use_memory(n, MADV_NOHUGEPAGE);
        large = use_memory(n, MADV_HUGEPAGE);
        (void)munmap(small, n);
        (void)munmap(large, n);
}

int main(int argc, char **argv)
{
        if (argc < 3) {
                (void)fprintf(stderr, "usage: bench_cold BYTES PATH...\n");
                return 2;
        }
        sync();
        for (int i = 2; i < argc; i++) {
                if (nftw(argv[i], forget, OPEN_MAX_AT_ONCE, FTW_PHYS) != 0)
                        bench_die("%s: %s", argv[i], strerror(errno));
        }
        warm_memory(bench_number(argv[1]));
        return 0;
}
