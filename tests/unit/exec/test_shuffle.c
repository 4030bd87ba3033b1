/* What map tasks leave and reducers merge: segments, files of them, spills, merges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/crc.h"
#include "exec/records/collect.h"
#include "exec/records/merge.h"
#include "exec/records/partition.h"

static char dir[64];
static uint64_t seed = 88172645463325252ULL;
static size_t below(size_t n)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (size_t)(seed % n);
}

/* ---- segments in memory ------------------------------------------------------------------- */

struct bytes {
        struct buf b;
        size_t step; /* given out at once */
};

static enum bdfs_status add_bytes(void *arg, const void *bytes, size_t n, struct bdfs_err *err)
{
        struct bytes *m = arg;

        (void)err;
        buf_add(&m->b, bytes, n);
        return BDFS_OK;
}

static enum bdfs_status get_bytes(void *arg, uint64_t offset, uint8_t *to, size_t n, size_t *ret,
                                  struct bdfs_err *err)
{
        struct bytes *m = arg;

        if (offset >= m->b.n)
                return bdfs_fail(err, BDFS_CORRUPT, "short");
        *ret = n < m->step ? n : m->step;
        if (*ret > m->b.n - offset)
                *ret = m->b.n - offset;
        memcpy(to, m->b.data + offset, *ret);
        return BDFS_OK;
}

static void make_segment(struct bytes *m, size_t keys, size_t value_max,
                         struct segment_entry *ret)
{
        struct segment_writer w;
        struct bdfs_err err;
        uint8_t value[70000];
        char key[16];

        memset(value, 'v', sizeof(value));
        buf_init(&m->b, 0);
        assert_int_equal(segment_writer_init(&w, add_bytes, m, &err), BDFS_OK);
        segment_begin(&w);
        for (size_t i = 0; i < keys; i++) {
                for (size_t k = 0; k < 1 + i % 3; k++) {
                        struct segment_run run = {
                                .key = (const uint8_t *)key,
                                .key_n = (size_t)snprintf(key, sizeof(key), "%08zu", i),
                                .value = value, .value_n = i % 2 == 0 ? 0 : i % value_max,
                                .tab = i % 2 == 1, .same_key = k > 0, .count = 1 + i % 5};

                        value[0] = (uint8_t)k;
                        assert_int_equal(segment_add(&w, &run, &err), BDFS_OK);
                }
        }
        assert_int_equal(segment_end(&w, &err), BDFS_OK);
        *ret = w.entry;
        assert_int_equal(ret->stored, m->b.n);
        segment_writer_fini(&w);
}

/* Reads it all; the number of records. */
static enum bdfs_status read_segment(struct bytes *m, const struct segment_entry *e,
                                     uint64_t *ret, struct bdfs_err *err)
{
        struct segment_reader r;
        struct segment_run run;
        enum bdfs_status rc = segment_reader_init(&r, e, get_bytes, m, err);
        bool end = false, key_end = false;

        *ret = 0;
        while (rc == BDFS_OK && !key_end) {
                rc = segment_next_key(&r, &key_end, err);
                for (end = key_end; rc == BDFS_OK && !end;) {
                        rc = segment_next_run(&r, &run, &end, err);
                        if (rc == BDFS_OK && !end)
                                *ret += run.count;
                }
        }
        segment_reader_fini(&r);
        return rc;
}

static void a_segment_gives_back_what_was_written(void **state)
{
        static const size_t steps[] = {1, 7, 1000, 1 << 20};
        struct segment_entry e;
        struct bdfs_err err;
        struct bytes m;
        uint64_t records, want = 0;

        (void)state;
        make_segment(&m, 3000, 300, &e);
        for (size_t i = 0; i < 3000; i++)
                want += (1 + i % 3) * (1 + i % 5);
        for (size_t s = 0; s < 4; s++) {
                m.step = steps[s];
                assert_int_equal(read_segment(&m, &e, &records, &err), BDFS_OK);
                assert_int_equal(records, want);
        }
        buf_fini(&m.b);
        make_segment(&m, 40, 70000, &e); /* records larger than frames */
        m.step = 5000;
        assert_int_equal(read_segment(&m, &e, &records, &err), BDFS_OK);
        buf_fini(&m.b);
}

static void any_changed_byte_of_a_segment_is_found(void **state)
{
        struct segment_entry e;
        struct bdfs_err err;
        struct bytes m;
        uint64_t records;

        (void)state;
        make_segment(&m, 60, 50, &e);
        m.step = 100000;
        for (size_t at = 0; at < m.b.n; at++) {
                m.b.data[at] ^= (uint8_t)(1 << below(8));
                assert_int_equal(read_segment(&m, &e, &records, &err), BDFS_CORRUPT);
                buf_fini(&m.b);
                make_segment(&m, 60, 50, &e);
        }
        m.b.n -= 10;
        assert_int_equal(read_segment(&m, &e, &records, &err), BDFS_CORRUPT);
        buf_fini(&m.b);
}

/* Frames whose checksums are right but whose contents make no sense. */
static void hostile_segments_are_refused(void **state)
{
        struct bdfs_err err;
        struct bytes m = {.step = 100000};

        (void)state;
        for (unsigned round = 0; round < 20000; round++) {
                size_t n = 1 + below(40);
                uint8_t raw[64], head[12];
                struct segment_entry e;
                uint64_t records;
                bool packed = below(4) == 0;

                for (size_t i = 0; i < n; i++)
                        raw[i] = (uint8_t)(below(2) == 0 ? below(256) : below(4));
                put_u32be(head, (uint32_t)(packed ? 1 + below(70000) : n));
                put_u32be(head + 4, (uint32_t)n | (packed ? 0x80000000u : 0));
                put_u32be(head + 8, crc32c(0, raw, n));
                buf_init(&m.b, 0);
                buf_add(&m.b, head, sizeof(head));
                buf_add(&m.b, raw, n);
                e = (struct segment_entry){.stored = m.b.n, .raw = get_u32be(head), .frames = 1,
                                           .crc = crc32c(0, m.b.data, m.b.n)};
                BDFS_IGNORE(read_segment(&m, &e, &records, &err));
                buf_fini(&m.b);
        }
}

static void an_index_entry_says_what_it_is(void **state)
{
        struct segment_entry e = {.offset = 5, .stored = 100, .raw = 200, .crc = 7, .frames = 1};
        struct segment_entry got;
        uint8_t bytes[SEGMENT_INDEX_BYTES];
        struct bdfs_err err;

        (void)state;
        segment_entry_encode(&e, 3, bytes);
        assert_int_equal(segment_entry_decode(bytes, 3, &got, &err), BDFS_OK);
        assert_memory_equal(&got, &e, sizeof(e));
        assert_int_equal(segment_entry_decode(bytes, 4, &got, &err), BDFS_CORRUPT);
        for (size_t i = 0; i < sizeof(bytes); i++) {
                bytes[i] ^= 1;
                assert_int_equal(segment_entry_decode(bytes, 3, &got, &err), BDFS_CORRUPT);
                bytes[i] ^= 1;
        }
}

/* ---- collecting --------------------------------------------------------------------------- */

struct text {
        char **lines;
        size_t n;
};

static void make_text(struct text *t, size_t n, size_t words)
{
        t->lines = calloc(n + 1, sizeof(*t->lines));
        t->n = n;
        for (size_t i = 0; i < n; i++) {
                char line[64];

                if (below(3) == 0)
                        (void)snprintf(line, sizeof(line), "w%zu\t%zu", below(words), below(3));
                else
                        (void)snprintf(line, sizeof(line), "w%zu", below(words));
                t->lines[i] = strdup(line);
        }
}

static void free_text(struct text *t)
{
        for (size_t i = 0; i < t->n; i++)
                free(t->lines[i]);
        free(t->lines);
}

static void collect_text(const struct text *t, size_t from, size_t to, const char *path,
                         uint32_t partitions, size_t bytes, unsigned *ret_spills)
{
        struct collect_config config = {path, partitions, bytes};
        struct collect *c;
        struct bdfs_err err;
        uint64_t size;

        assert_int_equal(collect_new(&c, &config, &err), BDFS_OK);
        for (size_t i = from; i < to; i++)
                assert_int_equal(collect_line(c, (const uint8_t *)t->lines[i], strlen(t->lines[i]),
                                              &err), BDFS_OK);
        if (collect_finish(c, &size, &err) != BDFS_OK)
                fail_msg("%s", err.text);
        *ret_spills = collect_spills(c);
        collect_free(c);
}

/* All records of a file's partition as lines, one after the other. */
static void read_partition(const char *path, uint32_t partition, struct buf *ret)
{
        struct segment_in in;
        struct segment_entry e;
        struct bdfs_err err;
        struct bytes m = {.step = 100000};
        struct segment_reader r;
        struct merge *merge;
        struct segment_run run;
        bool end = false;

        assert_int_equal(segment_in_open(&in, path, &err), BDFS_OK);
        assert_int_equal(segment_in_entry(&in, partition, &e, &err), BDFS_OK);
        buf_init(&m.b, 0);
        while (m.b.n < e.stored) {
                uint8_t room[777];
                size_t got;

                assert_int_equal(segment_in_read(&in, &e, m.b.n, room, sizeof(room), &got, &err),
                                 BDFS_OK);
                buf_add(&m.b, room, got);
        }
        assert_int_equal(segment_reader_init(&r, &e, get_bytes, &m, &err), BDFS_OK);
        assert_int_equal(merge_new(&merge, &r, 1, &err), BDFS_OK);
        buf_init(ret, 0);
        for (;;) {
                assert_int_equal(merge_next(merge, &run, &end, &err), BDFS_OK);
                if (end)
                        break;
                for (uint64_t i = 0; i < run.count; i++) {
                        buf_add(ret, run.key, run.key_n);
                        if (run.tab) {
                                buf_u8(ret, '\t');
                                buf_add(ret, run.value, run.value_n);
                        }
                        buf_u8(ret, '\n');
                }
        }
        merge_free(merge);
        segment_reader_fini(&r);
        buf_fini(&m.b);
        segment_in_close(&in);
}

struct numbered {
        const char *line;
        size_t number;
};

static int by_key(const void *left, const void *right)
{
        const struct numbered *a = left, *b = right;
        size_t an = strcspn(a->line, "\t"), bn = strcspn(b->line, "\t");
        int order = memcmp(a->line, b->line, an < bn ? an : bn);

        if (order != 0)
                return order;
        if (an != bn)
                return an < bn ? -1 : 1;
        return a->number < b->number ? -1 : 1;
}

static void expected(const struct text *t, uint32_t partition, uint32_t partitions,
                     struct buf *ret)
{
        struct numbered *all = calloc(t->n + 1, sizeof(*all));
        size_t n = 0;

        for (size_t i = 0; i < t->n; i++)
                if (partition_of((const uint8_t *)t->lines[i], strcspn(t->lines[i], "\t"),
                                 partitions) == partition)
                        all[n++] = (struct numbered){t->lines[i], i};
        qsort(all, n, sizeof(*all), by_key);
        buf_init(ret, 0);
        for (size_t i = 0; i < n; i++) {
                buf_add(ret, all[i].line, strlen(all[i].line));
                buf_u8(ret, '\n');
        }
        free(all);
}

static void check_file(const struct text *t, const char *path, uint32_t partitions)
{
        for (uint32_t p = 0; p < partitions; p++) {
                struct buf want, got;

                expected(t, p, partitions, &want);
                read_partition(path, p, &got);
                assert_int_equal(got.n, want.n);
                if (want.n > 0)
                        assert_memory_equal(got.data, want.data, want.n);
                buf_fini(&want);
                buf_fini(&got);
        }
}

static void collected_lines_are_sorted_with_and_without_spills(void **state)
{
        static const size_t sizes[] = {1 << 20, 30000, 4096};
        struct text t;
        char path[128];
        unsigned spills;

        (void)state;
        (void)snprintf(path, sizeof(path), "%s/out", dir);
        make_text(&t, 20000, 500);
        for (size_t i = 0; i < 3; i++) {
                for (uint32_t partitions = 1; partitions < 12; partitions += 5) {
                        collect_text(&t, 0, t.n, path, partitions, sizes[i], &spills);
                        assert_int_equal(spills > 0, i > 0);
                        check_file(&t, path, partitions);
                }
        }
        free_text(&t);
        segment_file_remove(path);
        assert_int_equal(rmdir(dir), 0); /* nothing else was left */
        assert_int_equal(mkdtemp(strcpy(dir, "/tmp/test-shuffle-XXXXXX")) == NULL, 0);
}

static void merged_files_keep_the_order_of_splits_within_a_key(void **state)
{
        struct segment_in in[7];
        struct text t;
        struct bdfs_err err;
        char path[128];
        unsigned spills;
        uint64_t bytes;

        (void)state;
        make_text(&t, 7000, 100);
        for (size_t i = 0; i < 7; i++) {
                (void)snprintf(path, sizeof(path), "%s/in%zu", dir, i);
                collect_text(&t, i * 1000, (i + 1) * 1000, path, 3, 1 << 20, &spills);
                assert_int_equal(segment_in_open(&in[i], path, &err), BDFS_OK);
        }
        (void)snprintf(path, sizeof(path), "%s/out", dir);
        assert_int_equal(collect_merge(in, 7, path, 3, &bytes, &err), BDFS_OK);
        check_file(&t, path, 3);
        segment_file_remove(path);
        for (size_t i = 0; i < 7; i++) {
                segment_in_close(&in[i]);
                (void)snprintf(path, sizeof(path), "%s/in%zu", dir, i);
                segment_file_remove(path);
        }
        free_text(&t);
}

static void a_record_larger_than_the_buffer_goes_through(void **state)
{
        struct text t = {.n = 3};
        char path[128], *lines[3];
        unsigned spills;

        (void)state;
        (void)snprintf(path, sizeof(path), "%s/out", dir);
        t.lines = lines;
        lines[0] = strdup("small");
        lines[1] = malloc(300001);
        memset(lines[1], 'k', 300000);
        lines[1][300000] = '\0';
        lines[1][100000] = '\t';
        lines[2] = strdup("a");
        collect_text(&t, 0, 3, path, 1, 4096, &spills);
        assert_int_equal(spills, 3);
        check_file(&t, path, 1);
        for (size_t i = 0; i < 3; i++)
                free(lines[i]);
        segment_file_remove(path);
}

static void no_lines_make_an_empty_file(void **state)
{
        struct text t = {.n = 0};
        char path[128];
        unsigned spills;

        (void)state;
        (void)snprintf(path, sizeof(path), "%s/out", dir);
        collect_text(&t, 0, 0, path, 4, 4096, &spills);
        check_file(&t, path, 4);
        segment_file_remove(path);
}

static int make_dir(void **state)
{
        (void)state;
        return mkdtemp(strcpy(dir, "/tmp/test-shuffle-XXXXXX")) == NULL;
}

static int remove_dir(void **state)
{
        (void)state;
        return rmdir(dir);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_segment_gives_back_what_was_written),
                cmocka_unit_test(any_changed_byte_of_a_segment_is_found),
                cmocka_unit_test(hostile_segments_are_refused),
                cmocka_unit_test(an_index_entry_says_what_it_is),
                cmocka_unit_test(collected_lines_are_sorted_with_and_without_spills),
                cmocka_unit_test(merged_files_keep_the_order_of_splits_within_a_key),
                cmocka_unit_test(a_record_larger_than_the_buffer_goes_through),
                cmocka_unit_test(no_lines_make_an_empty_file),
        };

        return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
