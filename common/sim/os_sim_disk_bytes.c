#include <stdlib.h>
#include <string.h>

#include "common/sim/os_sim_core.h"
#include "common/sim/os_sim_disk.h"

#define SECTOR_BYTES 512

struct disk_write {
        struct disk_write *older;
        uint64_t bytes_before, bytes_after; /* of the file */
        uint64_t offset;
        size_t n;        /* bytes written; 0: only the length changed */
        uint8_t *before; /* what was there, as far as the file reached */
        size_t before_n;
        uint8_t *after; /* what was written, once it is taken back */
};

static void *must(void *p)
{
        BDFS_ASSERT(p != NULL);
        return p;
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

uint64_t disk_used(const struct disk_inode *i)
{
        uint64_t pages = 0;

        for (size_t p = 0; p < i->pages_n; p++)
                pages += i->pages[p] != NULL;
        return pages * DISK_PAGE_BYTES > i->reserved ? pages * DISK_PAGE_BYTES : i->reserved;
}

size_t disk_read(const struct disk_inode *i, uint64_t offset, void *to, size_t n)
{
        uint8_t *at = to;

        if (offset >= i->bytes)
                return 0;
        n = (size_t)min_of(n, i->bytes - offset);
        for (size_t left = n; left > 0;) {
                size_t page = (size_t)(offset / DISK_PAGE_BYTES);
                size_t in = (size_t)(offset % DISK_PAGE_BYTES);
                size_t part = (size_t)min_of(left, DISK_PAGE_BYTES - in);

                if (page < i->pages_n && i->pages[page] != NULL)
                        memcpy(at, i->pages[page] + in, part);
                else
                        memset(at, 0, part);
                at += part;
                offset += part;
                left -= part;
        }
        return n;
}

/* Bytes into pages, nothing remembered; NULL writes zeros. */
static void put_bytes(struct disk_inode *i, uint64_t offset, const uint8_t *from, size_t n)
{
        while (n > 0) {
                size_t page = (size_t)(offset / DISK_PAGE_BYTES);
                size_t in = (size_t)(offset % DISK_PAGE_BYTES);
                size_t part = (size_t)min_of(n, DISK_PAGE_BYTES - in);

                if (page >= i->pages_n) {
                        size_t pages_n = page + 1 + i->pages_n / 2;

                        i->pages = must(reallocarray(i->pages, pages_n, sizeof(uint8_t *)));
                        memset(i->pages + i->pages_n, 0,
                               (pages_n - i->pages_n) * sizeof(uint8_t *));
                        i->pages_n = pages_n;
                }
                if (i->pages[page] == NULL)
                        i->pages[page] = must(calloc(1, DISK_PAGE_BYTES));
                if (from != NULL)
                        memcpy(i->pages[page] + in, from, part);
                else
                        memset(i->pages[page] + in, 0, part);
                from = from == NULL ? NULL : from + part;
                offset += part;
                n -= part;
        }
}

/* Pages past the end go, and the last one ends in zeros. */
static void set_bytes(struct disk_inode *i, uint64_t bytes)
{
        size_t keep = (size_t)((bytes + DISK_PAGE_BYTES - 1) / DISK_PAGE_BYTES);
        size_t in = (size_t)(bytes % DISK_PAGE_BYTES);

        for (size_t p = keep; p < i->pages_n; p++) {
                free(i->pages[p]);
                i->pages[p] = NULL;
        }
        if (in != 0 && keep <= i->pages_n && i->pages[keep - 1] != NULL)
                memset(i->pages[keep - 1] + in, 0, DISK_PAGE_BYTES - in);
        i->bytes = bytes;
}

static void remember(struct disk_inode *i, uint64_t offset, size_t n, size_t before_n,
                     uint64_t bytes_after)
{
        struct disk_write *w = must(calloc(1, sizeof(*w)));

        w->bytes_before = i->bytes;
        w->bytes_after = bytes_after;
        w->offset = offset;
        w->n = n;
        if (before_n > 0) {
                w->before = must(malloc(before_n));
                w->before_n = disk_read(i, offset, w->before, before_n);
        }
        w->older = i->writes;
        i->writes = w;
}

static void write_free(struct disk_write *w)
{
        free(w->before);
        free(w->after);
        free(w);
}

enum bdfs_status disk_write(struct sim_disk *d, struct disk_inode *i, uint64_t offset,
                            const void *from, size_t n, struct bdfs_err *err)
{
        uint64_t used = disk_used(i), grown = 0;

        if (n == 0)
                return BDFS_OK;
        for (uint64_t p = offset / DISK_PAGE_BYTES; p <= (offset + n - 1) / DISK_PAGE_BYTES; p++)
                if (p >= i->pages_n || i->pages[p] == NULL)
                        grown += DISK_PAGE_BYTES;
        if (offset + n > i->reserved && !disk_has_room(d, grown))
                return bdfs_fail(err, BDFS_NO_SPACE, "No space left on device");
        remember(i, offset, n, n, offset + n > i->bytes ? offset + n : i->bytes);
        put_bytes(i, offset, from, n);
        if (offset + n > i->bytes)
                i->bytes = offset + n;
        disk_count_room(d, used, disk_used(i));
        return BDFS_OK;
}

void disk_resize(struct sim_disk *d, struct disk_inode *i, uint64_t bytes)
{
        uint64_t used = disk_used(i);

        if (bytes == i->bytes)
                return;
        remember(i, bytes, 0, bytes < i->bytes ? (size_t)(i->bytes - bytes) : 0, bytes);
        set_bytes(i, bytes);
        i->reserved = min_of(i->reserved, bytes);
        disk_count_room(d, used, disk_used(i));
}

enum bdfs_status disk_allocate(struct sim_disk *d, struct disk_inode *i, uint64_t bytes,
                               struct bdfs_err *err)
{
        uint64_t used = disk_used(i), want = used > bytes ? used : bytes;

        if (!disk_has_room(d, want - used))
                return bdfs_fail(err, BDFS_NO_SPACE, "No space left on device");
        i->reserved = bytes > i->reserved ? bytes : i->reserved;
        disk_count_room(d, used, disk_used(i));
        if (bytes > i->bytes) {
                remember(i, bytes, 0, 0, bytes);
                i->bytes = bytes;
        }
        return BDFS_OK;
}

void disk_sync_bytes(struct disk_inode *i)
{
        while (i->writes != NULL) {
                struct disk_write *w = i->writes;

                i->writes = w->older;
                write_free(w);
        }
}

static void take_back(struct disk_inode *i, struct disk_write *w)
{
        if (w->n > 0) {
                w->after = must(malloc(w->n));
                BDFS_ASSERT(disk_read(i, w->offset, w->after, w->n) == w->n);
        }
        set_bytes(i, w->bytes_before);
        put_bytes(i, w->offset, w->before, w->before_n);
}

static void do_again(struct disk_inode *i, const struct disk_write *w)
{
        size_t n = w->n;

        if (n == 0) {
                set_bytes(i, w->bytes_after);
                return;
        }
        if (sim_one_in(4)) { /* torn: what lies before a sector's boundary */
                uint64_t end = w->offset + sim_random(n + 1);

                end -= end % SECTOR_BYTES;
                if (end <= w->offset)
                        return;
                n = (size_t)(end - w->offset);
        }
        put_bytes(i, w->offset, w->after, n);
        if (w->offset + n > i->bytes)
                i->bytes = w->offset + n;
}

void disk_lose_bytes(struct sim_disk *d, struct disk_inode *i)
{
        uint64_t used = disk_used(i);
        struct disk_write *oldest = NULL;

        while (i->writes != NULL) { /* newest to oldest, and turned around on the way */
                struct disk_write *w = i->writes;

                take_back(i, w);
                i->writes = w->older;
                w->older = oldest;
                oldest = w;
        }
        while (oldest != NULL) {
                struct disk_write *w = oldest;

                if (sim_one_in(2))
                        do_again(i, w);
                oldest = w->older;
                write_free(w);
        }
        disk_count_room(d, used, disk_used(i));
}

void disk_free_bytes(struct sim_disk *d, struct disk_inode *i)
{
        uint64_t used = disk_used(i);

        disk_sync_bytes(i);
        for (size_t p = 0; p < i->pages_n; p++)
                free(i->pages[p]);
        free(i->pages);
        i->pages = NULL;
        i->pages_n = 0;
        i->reserved = 0;
        disk_count_room(d, used, 0);
}
