/* Segments of the local journal as files: finding, reading, trimming. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "namenode/journal/journal_local.h"

static const char prefix[] = "journal-";

void journal_segment_path(const struct journal *j, uint64_t first, char ret[JOURNAL_PATH_BYTES])
{
        (void)snprintf(ret, JOURNAL_PATH_BYTES, "%s/%s%016" PRIx64, j->dir, prefix, first);
}

static enum bdfs_status segment_fail(const struct journal *j, uint64_t first, const char *what,
                                     struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_CORRUPT, "journal segment %s/%s%016" PRIx64 ": %s", j->dir,
                         prefix, first, what);
}

/* ---- finding --------------------------------------------------------------------------------- */

struct finding {
        struct journal *j;
        enum bdfs_status (*add)(struct journal *j, uint64_t first, struct bdfs_err *err);
};

/* "journal-" and 16 lower-case hex digits, then the end or @rest. */
static bool name_parse(const char *name, const char *rest, uint64_t *ret)
{
        static const char digits[] = "0123456789abcdef";
        size_t n = strlen(prefix);
        uint64_t v = 0;

        if (strncmp(name, prefix, n) != 0)
                return false;
        for (size_t i = 0; i < 16; i++) {
                const char *at = name[n + i] == '\0' ? NULL : strchr(digits, name[n + i]);

                if (at == NULL)
                        return false;
                v = v << 4 | (uint64_t)(at - digits);
        }
        *ret = v;
        return strcmp(name + n + 16, rest) == 0;
}

static enum bdfs_status find_one(void *arg, const char *name, struct bdfs_err *err)
{
        struct finding *f = arg;
        char path[JOURNAL_PATH_BYTES + 256];
        uint64_t first;

        if (name_parse(name, "", &first))
                return f->add(f->j, first, err);
        if (!name_parse(name, JOURNAL_NEW, &first))
                return BDFS_OK;
        (void)snprintf(path, sizeof(path), "%s/%s", f->j->dir, name);
        return os_unlink(path, err);
}

static int by_first(const void *a, const void *b)
{
        const struct journal_segment *x = a, *y = b;

        return (x->first > y->first) - (x->first < y->first);
}

static enum bdfs_status read_header(struct journal *j, struct os_file *f, uint64_t first,
                                    struct journal_header *ret, struct bdfs_err *err)
{
        uint8_t bytes[JOURNAL_HEADER_BYTES];
        size_t n;
        enum bdfs_status rc = os_file_read(f, 0, bytes, sizeof(bytes), &n, err);

        if (rc != BDFS_OK)
                return rc;
        rc = journal_header_decode(bytes, n, ret, err);
        if (rc != BDFS_OK)
                return bdfs_wrap(err, "journal segment %s/%s%016" PRIx64, j->dir, prefix, first);
        if (ret->first != first)
                return segment_fail(j, first, "its header names another first index", err);
        if (memcmp(j->cluster, ret->cluster, sizeof(j->cluster)) != 0)
                return bdfs_fail(err, BDFS_INVALID, "journal %s belongs to another cluster",
                                 j->dir);
        return BDFS_OK;
}

static enum bdfs_status segment_check(struct journal *j, struct journal_segment *s,
                                      struct bdfs_err *err)
{
        char path[JOURNAL_PATH_BYTES];
        struct journal_header h;
        struct os_file *f;
        struct os_stat st;
        enum bdfs_status rc;

        journal_segment_path(j, s->first, path);
        rc = os_file_open(&f, path, OS_READ, err);
        if (rc != BDFS_OK)
                return rc;
        rc = read_header(j, f, s->first, &h, err);
        if (rc == BDFS_OK)
                rc = os_file_stat(f, &st, err);
        if (rc == BDFS_OK)
                s->end = st.bytes;
        (void)os_file_close(f, NULL); /* read only */
        return rc;
}

enum bdfs_status journal_segments_find(struct journal *j,
                                       enum bdfs_status (*add)(struct journal *j, uint64_t first,
                                                               struct bdfs_err *err),
                                       struct bdfs_err *err)
{
        struct finding f = {.j = j, .add = add};
        enum bdfs_status rc = os_list_dir(j->dir, find_one, &f, err);

        if (j->n > 1)
                qsort(j->segments, j->n, sizeof(*j->segments), by_first);
        for (size_t i = 0; rc == BDFS_OK && i < j->n; i++)
                rc = segment_check(j, &j->segments[i], err);
        return rc;
}

/* ---- reading --------------------------------------------------------------------------------- */

enum bdfs_status journal_segment_load(struct journal *j, size_t i, uint8_t **ret_bytes,
                                      size_t *ret_n, struct journal_header *ret_header,
                                      struct bdfs_err *err)
{
        uint64_t first = j->segments[i].first;
        char path[JOURNAL_PATH_BYTES];
        struct os_file *f;
        struct os_stat st;
        enum bdfs_status rc;

        journal_segment_path(j, first, path);
        rc = os_file_open(&f, path, OS_READ, err);
        if (rc != BDFS_OK)
                return rc;
        rc = os_file_stat(f, &st, err);
        if (rc == BDFS_OK && st.bytes > JOURNAL_SEGMENT_BYTES)
                rc = segment_fail(j, first, "is larger than a segment can be", err);
        if (rc == BDFS_OK)
                rc = read_header(j, f, first, ret_header, err);
        if (rc == BDFS_OK) {
                *ret_bytes = malloc(st.bytes);
                rc = *ret_bytes == NULL
                             ? bdfs_fail(err, BDFS_NO_MEMORY, "journal: out of memory")
                             : os_file_read(f, 0, *ret_bytes, st.bytes, ret_n, err);
        }
        (void)os_file_close(f, NULL); /* read only */
        return rc;
}

struct reading {
        uint64_t from;
        enum bdfs_status (*each)(void *arg, const struct journal_record *r, struct bdfs_err *err);
        void *arg;
};

static enum bdfs_status read_one(void *arg, const struct journal_record *r, struct bdfs_err *err)
{
        struct reading *x = arg;

        return r->index < x->from ? BDFS_OK : x->each(x->arg, r, err);
}

static uint64_t next_of(const struct journal *j, size_t i)
{
        return i + 1 < j->n ? j->segments[i + 1].first : j->next;
}

static enum bdfs_status read_segment(struct journal *j, size_t i, struct reading *x,
                                     struct bdfs_err *err)
{
        AUTO_FREE uint8_t *bytes = NULL;
        struct journal_header h;
        struct journal_batch b;
        struct journal_walk w;
        char text[128];
        size_t n;
        enum bdfs_status rc = journal_segment_load(j, i, &bytes, &n, &h, err);

        if (rc != BDFS_OK)
                return rc;
        w = journal_walk_of(bytes, n, &h);
        while (rc == BDFS_OK && w.next < next_of(j, i) && journal_walk_next(&w, &b))
                rc = journal_batch_each(&b, read_one, x, err);
        if (rc != BDFS_OK || w.next == next_of(j, i))
                return rc;
        (void)snprintf(text, sizeof(text),
                       "record %" PRIu64 " at byte %zu is damaged or missing; records up to "
                       "%" PRIu64 " were acknowledged", w.next, w.at, next_of(j, i) - 1);
        return segment_fail(j, h.first, text, err);
}

enum bdfs_status journal_read(struct journal *j, uint64_t from,
                              enum bdfs_status (*each)(void *arg, const struct journal_record *r,
                                                       struct bdfs_err *err),
                              void *arg, struct bdfs_err *err)
{
        struct reading x = {.from = from, .each = each, .arg = arg};
        enum bdfs_status rc = BDFS_OK;

        if (j->n > 0 && from < j->segments[0].first)
                return bdfs_fail(err, BDFS_CORRUPT,
                                 "journal %s begins with record %" PRIu64 ", record %" PRIu64
                                 " is needed: restore the missing segments",
                                 j->dir, j->segments[0].first, from);
        for (size_t i = 0; rc == BDFS_OK && i < j->n; i++)
                if (next_of(j, i) > from)
                        rc = read_segment(j, i, &x, err);
        return rc;
}

/* ---- what there is, and trimming ------------------------------------------------------------- */

const uint8_t *journal_cluster(const struct journal *j)
{
        return j->cluster;
}

uint64_t journal_first(const struct journal *j)
{
        return j->n == 0 || j->segments[0].first == j->next ? 0 : j->segments[0].first;
}

uint64_t journal_last(const struct journal *j)
{
        return j->next - 1;
}

uint64_t journal_bytes_after(const struct journal *j, uint64_t index)
{
        uint64_t bytes = 0;

        for (size_t i = 0; i < j->n; i++)
                if (next_of(j, i) > index + 1)
                        bytes += i + 1 < j->n ? j->segments[i].end : j->end;
        return bytes;
}

enum bdfs_status journal_trim(struct journal *j, uint64_t index, struct bdfs_err *err)
{
        char path[JOURNAL_PATH_BYTES];
        enum bdfs_status rc = BDFS_OK;

        /* Oldest first and each for good, so that a crash never leaves a gap. */
        while (rc == BDFS_OK && j->n > 1 && j->segments[1].first <= index) {
                journal_segment_path(j, j->segments[0].first, path);
                rc = os_unlink(path, err);
                if (rc == BDFS_OK || rc == BDFS_NOT_FOUND) /* an earlier try got so far */
                        rc = os_sync_dir(j->dir, err);
                if (rc == BDFS_OK)
                        memmove(j->segments, j->segments + 1, --j->n * sizeof(*j->segments));
        }
        return rc;
}
