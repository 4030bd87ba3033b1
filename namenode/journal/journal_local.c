/*
 * The journal in files of one directory.
 *
 * Happy path: journal_reserve() sees to it that the last segment has disk space, with zeros really
 * written a little ahead (a sync then has no file system metadata to write); journal_append()
 * writes one batch, syncs once, and puts a mark behind it without waiting for that.
 *
 * Opening looks at the last segment. A batch without a mark may be one whose sync never happened,
 * or failed (then the page cache shows bytes that the disk does not have): it is written again
 * before it is synced, and only then counts. Torn remains are overwritten with zeros. A new
 * segment appears under its name with its header synced; since the batch before it was synced
 * earlier, a bad batch in any but the last segment is damage, never a torn tail.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "namenode/journal/journal_format.h"
#include "namenode/journal/journal_local.h"

#define ALLOCATE_BYTES (16 * MIB) /* disk space taken at a time */
#define FILL_BYTES (1 * MIB)      /* zeros written at a time */
#define OVERHEAD_BYTES (COMMIT_BATCH_MAX * 4 + 2 * JOURNAL_BATCH_HEADER_BYTES + 8)

/* Each step may be refused for lack of space and then leaves everything as it was. */
static enum bdfs_status allocate(struct journal *j, uint64_t need, struct bdfs_err *err)
{
        uint64_t to = j->allocated + ALLOCATE_BYTES;
        enum bdfs_status rc;

        if (need <= j->allocated)
                return BDFS_OK;
        if (to > JOURNAL_SEGMENT_BYTES)
                to = JOURNAL_SEGMENT_BYTES;
        if (to < need)
                to = need;
        rc = os_file_allocate(j->file, to, err);
        if (rc == BDFS_NO_SPACE && to > need) {
                to = (need + 4095) / 4096 * 4096;
                rc = os_file_allocate(j->file, to, err);
        }
        if (rc == BDFS_OK)
                j->allocated = to;
        return rc;
}

static enum bdfs_status fill(struct journal *j, uint64_t need, struct bdfs_err *err)
{
        uint64_t to = need + FILL_BYTES < j->allocated ? need + FILL_BYTES : j->allocated;
        AUTO_FREE uint8_t *zeros = NULL;
        enum bdfs_status rc;

        if (need <= j->filled)
                return BDFS_OK;
        zeros = calloc(1, (size_t)(to - j->filled));
        if (zeros == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "journal: out of memory");
        rc = os_file_write(j->file, j->filled, zeros, (size_t)(to - j->filled), err);
        if (rc == BDFS_OK)
                j->filled = to;
        return rc;
}

/* ---- new segments ---------------------------------------------------------------------------- */

static enum bdfs_status segment_add(struct journal *j, uint64_t first, struct bdfs_err *err)
{
        struct journal_segment *s;

        if (j->n == j->room) {
                size_t room = j->room == 0 ? 8 : 2 * j->room;

                s = realloc(j->segments, room * sizeof(*s));
                if (s == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "journal: out of memory");
                j->segments = s;
                j->room = room;
        }
        j->segments[j->n++] = (struct journal_segment){.first = first};
        return BDFS_OK;
}

static enum bdfs_status segment_write(struct os_file *f, const struct journal_header *h,
                                      struct bdfs_err *err)
{
        uint8_t bytes[JOURNAL_HEADER_BYTES];
        enum bdfs_status rc = os_file_allocate(f, ALLOCATE_BYTES, err);

        if (rc == BDFS_NO_SPACE)
                rc = os_file_allocate(f, 4096, err);
        if (rc != BDFS_OK)
                return rc;
        journal_header_encode(bytes, h);
        rc = os_file_write(f, 0, bytes, sizeof(bytes), err);
        return rc == BDFS_OK ? os_file_sync(f, err) : rc;
}

static enum bdfs_status segment_create(struct journal *j, const struct journal_header *h,
                                       struct os_file **ret, uint64_t *ret_bytes,
                                      struct bdfs_err *err)
{
        char path[JOURNAL_PATH_BYTES], fresh[JOURNAL_PATH_BYTES + 4];
        struct os_file *f = NULL;
        struct os_stat st;
        enum bdfs_status rc;

        journal_segment_path(j, h->first, path);
        (void)snprintf(fresh, sizeof(fresh), "%s" JOURNAL_NEW, path);
        rc = os_file_open(&f, fresh, OS_READ | OS_WRITE | OS_CREATE | OS_TRUNCATE, err);
        if (rc == BDFS_OK)
                rc = segment_write(f, h, err);
        if (rc == BDFS_OK)
                rc = os_file_stat(f, &st, err);
        if (rc == BDFS_OK)
                rc = os_rename(fresh, path, err);
        if (rc == BDFS_OK)
                rc = os_sync_dir(j->dir, err);
        if (rc == BDFS_OK) {
                *ret = f;
                *ret_bytes = st.bytes;
                return BDFS_OK;
        }
        (void)os_file_close(f, NULL); /* it failed already; nothing in it counts */
        if (os_unlink(fresh, NULL) != BDFS_OK)
                return rc; /* the next open removes it */
        return rc;
}

/* A further segment becomes the last. */
static enum bdfs_status roll(struct journal *j, struct bdfs_err *err)
{
        struct journal_header h = {.first = j->next};
        struct os_file *f, *old = j->file;
        enum bdfs_status rc;
        uint64_t bytes;

        memcpy(h.cluster, j->cluster, sizeof(h.cluster));
        os_random(&h.salt, sizeof(h.salt));
        rc = segment_add(j, h.first, err);
        if (rc != BDFS_OK)
                return rc;
        rc = segment_create(j, &h, &f, &bytes, err);
        if (rc != BDFS_OK) {
                j->n--;
                return rc;
        }
        if (j->n > 1)
                j->segments[j->n - 2].end = j->end;
        j->file = f;
        j->salt = h.salt;
        j->end = j->filled = JOURNAL_HEADER_BYTES;
        j->allocated = bytes;
        /* all of it was synced, nothing hangs on what close says */
        (void)os_file_close(old, NULL);
        return BDFS_OK;
}

/* ---- appending ------------------------------------------------------------------------------- */

static enum bdfs_status final(struct journal *j, enum bdfs_status rc)
{
        j->failed = j->failed || rc != BDFS_OK;
        return rc;
}

static enum bdfs_status usable(const struct journal *j, struct bdfs_err *err)
{
        if (j->failed)
                return bdfs_fail(err, BDFS_IO, "journal %s: an earlier write failed", j->dir);
        return BDFS_OK;
}

enum bdfs_status journal_reserve(struct journal *j, uint64_t bytes, struct bdfs_err *err)
{
        uint64_t need = bytes + OVERHEAD_BYTES;
        enum bdfs_status rc = usable(j, err);

        if (rc != BDFS_OK)
                return rc;
        if (bytes > JOURNAL_BATCH_BYTES_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "journal: a batch of %" PRIu64 " bytes", bytes);
        if (j->file == NULL || (j->end + need > JOURNAL_SEGMENT_BYTES &&
                                j->end > JOURNAL_HEADER_BYTES))
                rc = roll(j, err);
        if (rc == BDFS_OK)
                rc = allocate(j, j->end + need, err);
        if (rc == BDFS_OK)
                rc = fill(j, j->end + need, err);
        if (rc != BDFS_OK && rc != BDFS_NO_SPACE && rc != BDFS_NO_MEMORY)
                (void)final(j, rc);
        return rc;
}

static enum bdfs_status put_mark(struct journal *j, struct bdfs_err *err)
{
        buf_reset(&j->buf);
        journal_batch_encode(&j->buf, j->salt, j->next, NULL, 0);
        if (j->buf.bad)
                return bdfs_fail(err, BDFS_NO_MEMORY, "journal: out of memory");
        return os_file_write(j->file, j->end, j->buf.data, j->buf.n, err);
}

static enum bdfs_status write_batch(struct journal *j, struct bdfs_err *err)
{
        enum bdfs_status rc = os_file_write(j->file, j->end, j->buf.data, j->buf.n, err);

        return rc == BDFS_OK ? os_file_sync(j->file, err) : rc;
}

enum bdfs_status journal_append(struct journal *j, const struct journal_record *records, size_t n,
                                struct bdfs_err *err)
{
        uint64_t bytes = 0;
        enum bdfs_status rc;

        BDFS_ASSERT(n > 0 && n <= COMMIT_BATCH_MAX && records[0].index == j->next);
        for (size_t i = 0; i < n; i++)
                bytes += records[i].n;
        rc = journal_reserve(j, bytes, err);
        if (rc != BDFS_OK)
                return final(j, rc);
        buf_reset(&j->buf);
        journal_batch_encode(&j->buf, j->salt, j->next, records, n);
        if (j->buf.bad)
                return final(j, bdfs_fail(err, BDFS_NO_MEMORY, "journal: out of memory"));
        rc = write_batch(j, err);
        if (rc == BDFS_OK) {
                j->end += j->buf.n;
                j->next += n;
                rc = put_mark(j, err);
        }
        return final(j, rc);
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum bdfs_status repair(struct journal *j, const uint8_t *bytes,
                               const struct journal_scan *s, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;
        uint64_t end = s->dirty_end > s->end ? s->dirty_end : s->end;

        if (s->tail == JOURNAL_TAIL_TORN) {
                AUTO_FREE uint8_t *zeros = calloc(1, end - s->end);

                if (zeros == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "journal: out of memory");
                rc = os_file_write(j->file, s->end, zeros, end - s->end, err);
        }
        if (rc == BDFS_OK && !s->marked && s->last < s->end)
                rc = os_file_write(j->file, s->last, bytes + s->last, s->end - s->last, err);
        if (rc == BDFS_OK)
                rc = os_file_sync(j->file, err);
        return rc;
}

static enum bdfs_status damaged(const struct journal *j, const struct journal_scan *s,
                                struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_CORRUPT,
                         "journal segment %s/journal-%016" PRIx64 ": record %" PRIu64
                         " at byte %zu is damaged and was acknowledged (good data follows at byte "
                         "%zu): restore the file from a copy",
                         j->dir, j->segments[j->n - 1].first, s->next, s->end, s->good);
}

/* The last segment: the only one that may end in something torn. */
static enum bdfs_status open_last(struct journal *j, struct bdfs_err *err)
{
        char path[JOURNAL_PATH_BYTES];
        AUTO_FREE uint8_t *bytes = NULL;
        struct journal_header h;
        struct journal_scan s;
        size_t n;
        enum bdfs_status rc = journal_segment_load(j, j->n - 1, &bytes, &n, &h, err);

        if (rc != BDFS_OK)
                return rc;
        s = journal_scan(bytes, n, &h);
        if (s.tail == JOURNAL_TAIL_CORRUPT)
                return damaged(j, &s, err);
        journal_segment_path(j, h.first, path);
        rc = os_file_open(&j->file, path, OS_READ | OS_WRITE, err);
        if (rc == BDFS_OK)
                rc = repair(j, bytes, &s, err);
        if (rc != BDFS_OK)
                return rc;
        j->salt = h.salt;
        j->next = s.next;
        j->end = s.end;
        j->filled = s.end + (s.marked ? JOURNAL_BATCH_HEADER_BYTES : 0);
        j->allocated = n;
        rc = journal_reserve(j, 0, err); /* room for the mark */
        if (rc == BDFS_NO_SPACE)
                return BDFS_OK;          /* it can wait, nothing can be appended either */
        return rc == BDFS_OK ? final(j, put_mark(j, err)) : rc;
}

/* Names may be there that a process made and was killed before it had synced them: from here on
 * acknowledgements hang on them. */
static enum bdfs_status sync_names(const struct journal *j, struct bdfs_err *err)
{
        char parent[JOURNAL_PATH_BYTES];
        char *slash;
        enum bdfs_status rc = os_sync_dir(j->dir, err);

        if (rc != BDFS_OK)
                return rc;
        (void)snprintf(parent, sizeof(parent), "%s", j->dir);
        slash = strrchr(parent, '/');
        if (slash != NULL)
                slash[slash == parent] = '\0';
        return os_sync_dir(slash != NULL ? parent : ".", err);
}

static enum bdfs_status lock_dir(struct journal *j, struct bdfs_err *err)
{
        char path[JOURNAL_PATH_BYTES];
        struct os_stat st;
        enum bdfs_status rc = os_stat_path(j->dir, &st, err);

        if (rc == BDFS_NOT_FOUND)
                rc = os_mkdir(j->dir, 0700, err);
        (void)snprintf(path, sizeof(path), "%s/lock", j->dir);
        if (rc == BDFS_OK)
                rc = os_file_open(&j->lock, path, OS_READ | OS_WRITE | OS_CREATE, err);
        if (rc == BDFS_OK)
                rc = os_file_lock(j->lock, err);
        return rc == BDFS_OK ? sync_names(j, err) : rc;
}

enum bdfs_status journal_open(struct journal **ret, const char *dir, const uint8_t cluster[16],
                              struct bdfs_err *err)
{
        struct journal *j;
        enum bdfs_status rc;

        if (strlen(dir) > JOURNAL_DIR_BYTES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "journal %.100s...: path is too long", dir);
        j = calloc(1, sizeof(*j));
        if (j == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "journal %s: out of memory", dir);
        j->next = 1;
        memcpy(j->cluster, cluster, sizeof(j->cluster));
        buf_init(&j->buf, 0);
        (void)snprintf(j->dir, sizeof(j->dir), "%s", dir);
        rc = lock_dir(j, err);
        if (rc == BDFS_OK)
                rc = journal_segments_find(j, segment_add, err);
        if (rc == BDFS_OK && j->n > 0)
                rc = open_last(j, err);
        if (rc == BDFS_OK)
                *ret = j;
        else
                journal_close(j);
        return rc;
}

void journal_close(struct journal *j)
{
        if (j == NULL)
                return;
        (void)os_file_close(j->file, NULL); /* every batch that counts was synced */
        (void)os_file_close(j->lock, NULL);
        buf_fini(&j->buf);
        free(j->segments);
        free(j);
}
