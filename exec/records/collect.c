#include "exec/records/collect.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/records/merge.h"
#include "exec/records/partition.h"
#include "exec/records/sort.h"

#define SPILLS_MAX 64 /* that are open at once */

struct collect {
        char path[PATH_MAX - 32];
        uint32_t partitions;
        struct sorter *sorter;
        unsigned spills, spilled; /* files now; ever made */
        unsigned names[SPILLS_MAX + 1];
};

enum bdfs_status collect_new(struct collect **ret, const struct collect_config *config,
                             struct bdfs_err *err)
{
        struct collect *c = calloc(1, sizeof(*c));

        if (c == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        (void)snprintf(c->path, sizeof(c->path), "%s", config->path);
        c->partitions = config->partitions;
        if (sorter_new(&c->sorter, config->buffer_bytes, config->partitions, err) != BDFS_OK) {
                collect_free(c);
                return err->status;
        }
        *ret = c;
        return BDFS_OK;
}

static void spill_path(const struct collect *c, unsigned name, char ret[PATH_MAX])
{
        (void)snprintf(ret, PATH_MAX, "%s.spill%u", c->path, name);
}

static void remove_spills(struct collect *c)
{
        char path[PATH_MAX];

        for (; c->spills > 0; c->spills--) {
                spill_path(c, c->names[c->spills - 1], path);
                segment_file_remove(path);
        }
}

void collect_free(struct collect *c)
{
        if (c == NULL)
                return;
        remove_spills(c);
        sorter_free(c->sorter);
        free(c);
}

unsigned collect_spills(const struct collect *c)
{
        return c->spilled;
}

/* ---- merging ------------------------------------------------------------------------------ */

struct source {
        struct segment_in *in;
        struct segment_entry entry;
};

static enum bdfs_status read_source(void *arg, uint64_t offset, uint8_t *to, size_t n, size_t *ret,
                                    struct bdfs_err *err)
{
        struct source *s = arg;

        return segment_in_read(s->in, &s->entry, offset, to, n, ret, err);
}

enum bdfs_status collect_copy(struct merge *m, struct segment_out *out, struct bdfs_err *err)
{
        struct segment_run run;
        bool end;

        for (;;) {
                if (merge_next(m, &run, &end, err) != BDFS_OK)
                        return err->status;
                if (end)
                        return BDFS_OK;
                if (segment_out_add(out, &run, err) != BDFS_OK)
                        return err->status;
        }
}

/* One partition of all the files. */
static enum bdfs_status merge_partition(struct segment_in *in, size_t n, uint32_t partition,
                                        struct segment_out *out, struct bdfs_err *err)
{
        struct source *sources = calloc(n + 1, sizeof(*sources));
        struct segment_reader *readers = calloc(n + 1, sizeof(*readers));
        struct merge *m = NULL;
        uint64_t budget = MERGE_BYTES_MAX;
        size_t used = 0;
        enum bdfs_status rc = BDFS_OK;

        if (sources == NULL || readers == NULL)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory to merge");
        for (size_t i = 0; rc == BDFS_OK && i < n; i++) {
                struct source *s = &sources[used];

                s->in = &in[i];
                rc = segment_in_entry(s->in, partition, &s->entry, err);
                if (rc != BDFS_OK || s->entry.stored == 0)
                        continue;
                rc = segment_reader_init(&readers[used], &s->entry, read_source, s, err);
                readers[used].budget = &budget;
                used += rc == BDFS_OK;
        }
        if (rc == BDFS_OK && used > 0) {
                rc = segment_out_begin(out, partition, err);
                if (rc == BDFS_OK)
                        rc = merge_new(&m, readers, used, err);
                if (rc == BDFS_OK)
                        rc = collect_copy(m, out, err);
        }
        merge_free(m);
        for (size_t i = 0; i < used; i++)
                segment_reader_fini(&readers[i]);
        free(readers);
        free(sources);
        return rc;
}

enum bdfs_status collect_merge(struct segment_in *in, size_t n, const char *path,
                               uint32_t partitions, uint64_t *ret_bytes, struct bdfs_err *err)
{
        struct segment_out *out;
        enum bdfs_status rc = segment_out_new(&out, path, partitions, err);

        if (rc != BDFS_OK)
                return rc;
        for (uint32_t p = 0; rc == BDFS_OK && p < partitions; p++)
                rc = merge_partition(in, n, p, out, err);
        if (rc == BDFS_OK)
                rc = segment_out_finish(out, ret_bytes, err);
        segment_out_free(out);
        return rc;
}

static enum bdfs_status merge_spills(struct collect *c, const char *path, uint64_t *ret_bytes,
                                     struct bdfs_err *err)
{
        struct segment_in in[SPILLS_MAX + 1] = {{.data = NULL}};
        enum bdfs_status rc = BDFS_OK;
        char spill[PATH_MAX];

        for (unsigned i = 0; rc == BDFS_OK && i < c->spills; i++) {
                spill_path(c, c->names[i], spill);
                rc = segment_in_open(&in[i], spill, err);
        }
        if (rc == BDFS_OK)
                rc = collect_merge(in, c->spills, path, c->partitions, ret_bytes, err);
        for (unsigned i = 0; i < c->spills; i++)
                segment_in_close(&in[i]);
        if (rc == BDFS_OK)
                remove_spills(c);
        return rc;
}

/* ---- spilling ----------------------------------------------------------------------------- */

static enum bdfs_status write_sorted(struct collect *c, struct segment_out *out,
                                     struct bdfs_err *err)
{
        for (uint32_t p = 0; p < c->partitions; p++) {
                struct sorter_cursor cursor;
                struct segment_run run;

                sorter_begin(c->sorter, p, &cursor);
                if (cursor.at == cursor.end)
                        continue;
                if (segment_out_begin(out, p, err) != BDFS_OK)
                        return err->status;
                while (sorter_next(&cursor, &run)) {
                        if (segment_out_add(out, &run, err) != BDFS_OK)
                                return err->status;
                }
        }
        return BDFS_OK;
}

/* What is collected, sorted, into the file at @path. */
static enum bdfs_status write_all(struct collect *c, const char *path, uint64_t *ret_bytes,
                                  struct bdfs_err *err)
{
        struct segment_out *out;
        enum bdfs_status rc = sorter_sort(c->sorter, err);

        if (rc != BDFS_OK || segment_out_new(&out, path, c->partitions, err) != BDFS_OK)
                return err->status;
        rc = write_sorted(c, out, err);
        if (rc == BDFS_OK)
                rc = segment_out_finish(out, ret_bytes, err);
        segment_out_free(out);
        sorter_clear(c->sorter);
        return rc;
}

/* Room for one more spill, and its path. */
static enum bdfs_status new_spill(struct collect *c, char ret[PATH_MAX], struct bdfs_err *err)
{
        uint64_t bytes;

        if (c->spills == SPILLS_MAX) {
                unsigned name = c->spilled++;

                spill_path(c, name, ret);
                if (merge_spills(c, ret, &bytes, err) != BDFS_OK)
                        return err->status;
                c->names[c->spills++] = name;
        }
        c->names[c->spills++] = c->spilled++;
        spill_path(c, c->names[c->spills - 1], ret);
        return BDFS_OK;
}

static enum bdfs_status spill(struct collect *c, struct bdfs_err *err)
{
        char path[PATH_MAX];
        uint64_t bytes;

        if (sorter_empty(c->sorter))
                return BDFS_OK;
        if (new_spill(c, path, err) != BDFS_OK)
                return err->status;
        return write_all(c, path, &bytes, err);
}

static enum bdfs_status spill_alone(struct collect *c, uint32_t partition,
                                    const struct segment_run *run, struct bdfs_err *err)
{
        struct segment_out *out;
        char path[PATH_MAX];
        enum bdfs_status rc;
        uint64_t bytes;

        if (new_spill(c, path, err) != BDFS_OK ||
            segment_out_new(&out, path, c->partitions, err) != BDFS_OK)
                return err->status;
        rc = segment_out_begin(out, partition, err);
        if (rc == BDFS_OK)
                rc = segment_out_add(out, run, err);
        if (rc == BDFS_OK)
                rc = segment_out_finish(out, &bytes, err);
        segment_out_free(out);
        return rc;
}

enum bdfs_status collect_line(struct collect *c, const uint8_t *line, size_t n,
                              struct bdfs_err *err)
{
        const uint8_t *tab = memchr(line, '\t', n);
        size_t key_n = tab == NULL ? n : (size_t)(tab - line);
        uint32_t p = partition_of(line, key_n, c->partitions);
        struct segment_run run = {.key = line, .key_n = key_n, .tab = tab != NULL, .count = 1};

        if (sorter_add(c->sorter, p, line, key_n, n))
                return BDFS_OK;
        if (n > SEGMENT_RECORD_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "a record of %zu bytes; what is sorted for "
                                 "reducers has at most %llu MiB", n, SEGMENT_RECORD_MAX / MIB);
        if (spill(c, err) != BDFS_OK)
                return err->status;
        if (sorter_add(c->sorter, p, line, key_n, n))
                return BDFS_OK;
        if (run.tab) {
                run.value = tab + 1;
                run.value_n = n - key_n - 1;
        }
        return spill_alone(c, p, &run, err);
}

enum bdfs_status collect_finish(struct collect *c, uint64_t *ret_bytes, struct bdfs_err *err)
{
        if (c->spills == 0)
                return write_all(c, c->path, ret_bytes, err);
        if (spill(c, err) != BDFS_OK)
                return err->status;
        return merge_spills(c, c->path, ret_bytes, err);
}
