/* The replica file: its bytes, what damage does to it, and the writer against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/limits.h"
#include "datanode/disk/replica.h"

static const struct replica_id id_7 = {.block = 7,
                                       .stamp = 1001,
                                       .cluster = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                                   15, 16}};

struct fixture {
        char dir[64];
        char path[96];
        uint64_t seed;
};

static uint32_t rnd(struct fixture *f, uint32_t below)
{
        f->seed = f->seed * 6364136223846793005ULL + 1442695040888963407ULL;
        return (uint32_t)(f->seed >> 33) % below;
}

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        (void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_replica.XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        (void)snprintf(f->path, sizeof(f->path), "%s/r", f->dir);
        f->seed = 1;
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        (void)unlink(f->path);
        (void)rmdir(f->dir);
        free(f);
        return 0;
}

static void ok(enum bdfs_status rc, const struct bdfs_err *err)
{
        if (rc != BDFS_OK)
                fail_msg("%s: %s", bdfs_status_name(rc), err->text);
}

static uint8_t *random_bytes(struct fixture *f, size_t n)
{
        uint8_t *p = malloc(n + 1);

        assert_non_null(p);
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t)rnd(f, 256);
        return p;
}

static void fresh(struct fixture *f, struct replica **r, struct replica_writer **w,
                  enum crc_type type)
{
        struct bdfs_err err;

        (void)unlink(f->path);
        ok(replica_create(r, f->path, &id_7, type, &err), &err);
        ok(replica_writer_new(w, *r, &err), &err);
}

static void add(struct replica_writer *w, uint64_t offset, const uint8_t *data, size_t n)
{
        struct replica_bytes b = {.offset = offset, .data = data, .n = n};
        struct bdfs_err err;

        ok(replica_writer_add(w, &b, &err), &err);
}

/* A finalized replica of @n bytes. */
static void sealed(struct fixture *f, const uint8_t *data, size_t n)
{
        struct replica *r;
        struct replica_writer *w;
        struct bdfs_err err;

        fresh(f, &r, &w, CRC_CRC32C);
        add(w, 0, data, n);
        ok(replica_writer_seal(w, &err), &err);
        replica_writer_free(w);
        ok(replica_close(r, &err), &err);
}

static uint8_t *slurp(const char *path, size_t *ret_n)
{
        FILE *in = fopen(path, "rb");
        uint8_t *p;

        assert_non_null(in);
        assert_int_equal(fseek(in, 0, SEEK_END), 0);
        *ret_n = (size_t)ftell(in);
        rewind(in);
        p = malloc(*ret_n + 1);
        assert_non_null(p);
        assert_int_equal(fread(p, 1, *ret_n, in), *ret_n);
        (void)fclose(in);
        return p;
}

static void spill(const char *path, const uint8_t *p, size_t n)
{
        FILE *out = fopen(path, "wb");

        assert_non_null(out);
        assert_int_equal(fwrite(p, 1, n, out), n);
        assert_int_equal(fclose(out), 0);
}

/* What a reader gets of the file: the status of opening and reading all of it. */
static enum bdfs_status read_all(struct fixture *f, uint8_t **ret, size_t *ret_n)
{
        struct replica *r;
        struct replica_reader rd;
        struct bdfs_err err;
        enum bdfs_status rc = replica_open(&r, f->path, &id_7, &err);

        if (rc != BDFS_OK)
                return rc;
        replica_reader_init(&rd, r);
        *ret_n = rd.view.length;
        *ret = malloc(*ret_n + 1);
        assert_non_null(*ret);
        rc = replica_read(&rd, 0, *ret, *ret_n, &err);
        if (rc != BDFS_OK)
                free(*ret);
        ok(replica_close(r, &err), &err);
        return rc;
}

static void a_sealed_replica_has_the_documented_bytes(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 70000), *file, sums[8], body[564];
        size_t n;

        sealed(f, data, 70000);
        file = slurp(f->path, &n);
        assert_int_equal(n, 4096 * 3 + 65536 + 8192); /* whole pages */
        assert_memory_equal(file, "BDFSREP1\0\0\0\1\0\0\0\0\0\0\0\7\0\0\0\0\0\0\3\351\4\2", 30);
        assert_memory_equal(file + 30, "\0\0\2\0", 4);
        assert_memory_equal(file + 42, "\0\0\0\0\0\1\21\160", 8);     /* length 70000 */
        assert_memory_equal(file + 50, "\0\0\0\0\0\0\0\0", 8);        /* synced before: nothing */
        assert_memory_equal(file + 4096 + 50, "\0\0\0\0\0\1\21\160", 8); /* and after: all */
        assert_memory_equal(file + 58, id_7.cluster, 16);
        assert_memory_equal(file + 74, "\0\0\21\160", 4); /* 4464 bytes in the last chunk */
        assert_int_equal(get_u32be(file + 4092), crc32c(0, file, 4092));
        assert_memory_equal(file + 12288, data, 65536);
        assert_memory_equal(file + 12288 + 65536, data + 65536, 70000 - 65536);
        crc_chunks(CRC_CRC32C, data, 1024, 512, sums);
        assert_memory_equal(file + 8192, "\0\1\0\0\0\0\0\0", 8); /* record: length, flags */
        assert_memory_equal(file + 8192 + 36, sums, 8);
        memcpy(body, file + 8192, 548);
        memcpy(body + 548, "\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\0", 16); /* block, chunk */
        assert_int_equal(get_u32be(file + 8192 + 548), crc32c(0, body, 564));
        free(file);
        free(data);
}

static void every_bit_flip_in_state_record_or_data_is_noticed(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 66000), *file, *got;
        size_t n, got_n;

        sealed(f, data, 66000);
        file = slurp(f->path, &n);
        for (size_t at = 0; at < n; at++) {
                bool in_state = at < 8192;
                size_t in_page = at - 8192;
                unsigned bit = rnd(f, 8);
                enum bdfs_status rc;

                if (at >= 8192 + 576 && at < 12288)
                        continue; /* the record page's unused room */
                if (at >= 12288 + 66000)
                        continue; /* padding */
                if (at >= 12288 + 100 && at % 97 != 0)
                        continue; /* data: a sample */
                file[at] = (uint8_t)(file[at] ^ 1 << bit);
                spill(f->path, file, n);
                rc = read_all(f, &got, &got_n);
                if (in_state) {
                        /* the other page counts, and says the same */
                        assert_int_equal(rc, BDFS_OK);
                        assert_int_equal(got_n, 66000);
                        assert_memory_equal(got, data, got_n);
                        free(got);
                } else {
                        assert_int_equal(rc, BDFS_CORRUPT);
                }
                (void)in_page;
                file[at] = (uint8_t)(file[at] ^ 1 << bit);
        }
        free(file);
        free(data);
}

/* One of the two state pages is enough: which of them counts cannot be said. */
static void a_state_page_of_a_later_version_is_newer_and_not_corrupt(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 100), *file;
        struct replica *r;
        struct bdfs_err err;
        size_t n;

        sealed(f, data, 100);
        file = slurp(f->path, &n);
        for (unsigned page = 0; page < 2; page++) {
                uint8_t *p = file + page * 4096;

                p[11] = REPLICA_VERSION + 1;
                put_u32be(p + 4092, crc32c(0, p, 4092));
                spill(f->path, file, n);
                assert_int_equal(replica_open(&r, f->path, &id_7, &err), BDFS_NEWER);
                assert_non_null(strstr(err.text, f->path));
                assert_non_null(strstr(err.text, "state page of version 2; this program knows up "
                                                 "to 1: use a newer bdfs-datanode"));
                p[11] = 0; /* no program ever wrote it */
                put_u32be(p + 4092, crc32c(0, p, 4092));
        }
        spill(f->path, file, n);
        assert_int_equal(replica_open(&r, f->path, &id_7, &err), BDFS_CORRUPT);
        free(file);
        free(data);
}

static void both_state_pages_damaged_is_corrupt(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 100), *file, *got;
        size_t n, got_n;

        sealed(f, data, 100);
        file = slurp(f->path, &n);
        file[20] ^= 1;
        file[4096 + 4095] ^= 1;
        spill(f->path, file, n);
        assert_int_equal(read_all(f, &got, &got_n), BDFS_CORRUPT);
        free(file);
        free(data);
}

static void swapped_chunks_and_foreign_records_are_refused(void **state)
{
        struct fixture *f = *state;
        size_t n, total = (size_t)REPLICA_GROUP_DATA_BYTES * 2, got_n;
        uint8_t *data = random_bytes(f, total), *file, *got, page[4096], *a, *b;

        /* chunks 0 and 7 have the same bytes, so only the key can tell their records apart */
        memcpy(data + REPLICA_GROUP_DATA_BYTES, data, 65536);
        sealed(f, data, total);
        file = slurp(f->path, &n);
        a = file + 8192;
        b = file + 8192 + REPLICA_GROUP_BYTES;
        assert_memory_equal(a + 36, b + 36, 512);
        memcpy(page, a, 576); /* swap the two records */
        memcpy(a, b, 576);
        memcpy(b, page, 576);
        spill(f->path, file, n);
        assert_int_equal(read_all(f, &got, &got_n), BDFS_CORRUPT);
        memcpy(b, a, 576);
        memcpy(a, page, 576);
        a = file + 12288 + 65536; /* swap the data of chunks 1 and 2 */
        for (size_t i = 0; i < 65536; i++) {
                uint8_t c = a[i];

                a[i] = a[i + 65536];
                a[i + 65536] = c;
        }
        spill(f->path, file, n);
        assert_int_equal(read_all(f, &got, &got_n), BDFS_CORRUPT);
        free(file);
        free(data);
}

static void another_blocks_or_clusters_file_is_refused(void **state)
{
        struct fixture *f = *state;
        struct replica_id other = id_7;
        struct replica *r;
        struct bdfs_err err;
        uint8_t *data = random_bytes(f, 100);

        sealed(f, data, 100);
        other.block = 8;
        assert_int_equal(replica_open(&r, f->path, &other, &err), BDFS_CORRUPT);
        other = id_7;
        other.cluster[3] ^= 1;
        assert_int_equal(replica_open(&r, f->path, &other, &err), BDFS_CORRUPT);
        free(data);
}

static void a_file_cut_short_is_corrupt(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 200000), *file, *got;
        size_t n, got_n;

        sealed(f, data, 200000);
        file = slurp(f->path, &n);
        for (size_t cut = 0; cut < n - 4096; cut += 4096) {
                spill(f->path, file, cut);
                assert_int_equal(read_all(f, &got, &got_n), BDFS_CORRUPT);
        }
        free(file);
        free(data);
}

static void a_state_page_torn_at_any_byte_leaves_the_synced_one(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 3000), *before, *after;
        struct replica *r;
        struct replica_writer *w;
        struct bdfs_err err;
        size_t n, n2;

        fresh(f, &r, &w, CRC_CRC32);
        add(w, 0, data, 1000);
        ok(replica_writer_sync(w, &err), &err);
        before = slurp(f->path, &n);
        add(w, 1000, data + 1000, 2000);
        ok(replica_writer_flush(w, &err), &err);
        replica_writer_free(w);
        ok(replica_close(r, &err), &err);
        after = slurp(f->path, &n2);
        assert_int_equal(n, n2);
        assert_memory_equal(before, after, 4096); /* the synced page was left alone */
        for (size_t torn = 0; torn <= 4096; torn++) {
                uint64_t length;

                memcpy(before + 8192, after + 8192, n - 8192);
                memcpy(before + 4096, after + 4096, torn);
                spill(f->path, before, n);
                ok(replica_open(&r, f->path, &id_7, &err), &err);
                ok(replica_verify(r, NULL, NULL, &length, &err), &err);
                assert_true(length == 1000 || length == 3000);
                assert_true(torn < 4096 || length == 3000);
                ok(replica_close(r, &err), &err);
        }
        free(before);
        free(after);
        free(data);
}

/* ---- the writer against an array ------------------------------------------------------------- */

struct model {
        uint8_t *bytes;
        size_t n, limit;
        size_t synced, flushed;
};

static void step_add(struct fixture *f, struct replica_writer *w, struct model *m)
{
        static const size_t usual[] = {64512, 65536, 1,   511, 512,    513,
                                       4096,  100,   7,   300000, 1 << 20};
        size_t n = usual[rnd(f, sizeof(usual) / sizeof(usual[0]))];
        uint64_t offset = m->n;
        static uint8_t sums[(2 << 20) / 128];
        struct replica_bytes b;
        struct bdfs_err err;

        if (rnd(f, 4) == 0)
                n = 1 + rnd(f, 70000);
        if (n > m->limit - m->n)
                n = m->limit - m->n;
        if (rnd(f, 3) == 0)
                offset -= offset % 512; /* as Java does after a flush */
        b = (struct replica_bytes){.offset = offset,
                                   .data = m->bytes + offset,
                                   .n = n + (m->n - (size_t)offset)};
        if (offset % 512 == 0 && rnd(f, 4) > 0) {
                crc_chunks(CRC_CRC32C, b.data, b.n, 512, sums);
                b.sums = sums;
        }
        ok(replica_writer_add(w, &b, &err), &err);
        m->n += n;
        assert_int_equal(replica_writer_length(w), m->n);
}

static void check_reads(struct fixture *f, struct replica *r, const struct model *m, size_t length)
{
        struct replica_reader *rd = malloc(sizeof(*rd));
        uint8_t *got = malloc(length + 1), sums[4 * 2048], want[4 * 2048];
        struct bdfs_err err;

        assert_true(rd != NULL && got != NULL);
        replica_reader_init(rd, r);
        assert_int_equal(rd->view.length, length);
        for (int i = 0; i < 8; i++) {
                size_t from = length == 0 ? 0 : rnd(f, (uint32_t)length);
                size_t n = rnd(f, 3) == 0 ? length - from : rnd(f, (uint32_t)(length - from + 1));

                memset(got, 0xee, length + 1);
                ok(replica_read(rd, from, got, n, &err), &err);
                assert_memory_equal(got, m->bytes + from, n);
                assert_int_equal(got[n], 0xee);
                from -= from % 512;
                n = length - from < 1 << 20 ? length - from : 1 << 20;
                ok(replica_read_sums(rd, from, n, sums, &err), &err);
                crc_chunks(rd->view.type, m->bytes + from, n, 512, want);
                assert_memory_equal(sums, want, crc_chunk_count(n, 512) * 4);
        }
        free(got);
        free(rd);
}

static void reopened(struct fixture *f, const struct model *m, size_t least, size_t length)
{
        struct replica *r;
        struct bdfs_err err;
        uint64_t verified;

        ok(replica_open(&r, f->path, &id_7, &err), &err);
        check_reads(f, r, m, length);
        ok(replica_verify(r, NULL, NULL, &verified, &err), &err);
        assert_true(verified >= least);
        assert_int_equal(verified, length);
        ok(replica_close(r, &err), &err);
}

static void one_history(struct fixture *f, size_t limit)
{
        struct model m = {.bytes = random_bytes(f, limit), .limit = limit};
        struct replica *r;
        struct replica_writer *w;
        struct bdfs_err err;

        fresh(f, &r, &w, CRC_CRC32C);
        while (m.n < m.limit) {
                uint32_t what = rnd(f, 10);

                step_add(f, w, &m);
                if (what >= 5)
                        continue;
                if (what == 0)
                        ok(replica_writer_sync(w, &err), &err);
                else
                        ok(replica_writer_flush(w, &err), &err);
                m.flushed = m.n;
                if (what == 0)
                        m.synced = m.n;
                if (what < 3)
                        check_reads(f, r, &m, m.flushed);
                if (what == 1)
                        reopened(f, &m, m.synced, m.flushed);
        }
        ok(replica_writer_seal(w, &err), &err);
        check_reads(f, r, &m, m.n);
        replica_writer_free(w);
        ok(replica_close(r, &err), &err);
        reopened(f, &m, m.n, m.n);
        free(m.bytes);
}

static void any_mix_of_packets_flushes_and_syncs_equals_a_plain_array(void **state)
{
        struct fixture *f = *state;

        for (unsigned seed = 1; seed <= 60; seed++) {
                f->seed = seed;
                one_history(f, 1 + rnd(f, seed % 3 == 0 ? 3000000 : 400000));
        }
}

static void a_batch_of_many_groups_is_written_whole(void **state)
{
        struct fixture *f = *state;
        size_t n = (size_t)REPLICA_GROUP_DATA_BYTES * 9 + 12345, got_n;
        uint8_t *data = random_bytes(f, n), *got;

        sealed(f, data, n);
        assert_int_equal(read_all(f, &got, &got_n), BDFS_OK);
        assert_int_equal(got_n, n);
        assert_memory_equal(got, data, n);
        free(got);
        free(data);
}

static void bytes_sent_again_must_be_the_same(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 2000), sums[16];
        struct replica_bytes b = {.offset = 512, .data = data + 512, .n = 700, .sums = sums};
        struct replica *r;
        struct replica_writer *w;
        struct bdfs_err err;

        fresh(f, &r, &w, CRC_CRC32C);
        add(w, 0, data, 700);
        ok(replica_writer_flush(w, &err), &err);
        data[600] ^= 1;
        crc_chunks(CRC_CRC32C, b.data, b.n, 512, sums);
        assert_int_equal(replica_writer_add(w, &b, &err), BDFS_INVALID);
        b.offset = 701;
        b.sums = NULL;
        assert_int_equal(replica_writer_add(w, &b, &err), BDFS_INVALID); /* a gap */
        data[600] ^= 1;
        ok(replica_writer_seal(w, &err), &err); /* what was there before is as good as it was */
        check_reads(f, r, &(struct model){.bytes = data}, 700);
        replica_writer_free(w);
        ok(replica_close(r, &err), &err);
        free(data);
}

/* ---- recovery -------------------------------------------------------------------------------- */

static void recovery_keeps_what_verifies_and_seals_at_a_length(void **state)
{
        struct fixture *f = *state;
        size_t total = 500000;
        uint8_t *data = random_bytes(f, total), *got;

        for (int i = 0; i < 40; i++) {
                size_t n = 1 + rnd(f, (uint32_t)total), cut = rnd(f, (uint32_t)n + 1), got_n;
                struct replica *r;
                struct replica_writer *w;
                struct replica_view view;
                struct bdfs_err err;
                uint64_t length;

                fresh(f, &r, &w, i % 2 == 0 ? CRC_CRC32 : CRC_CRC32C);
                add(w, 0, data, n);
                ok(replica_writer_flush(w, &err), &err);
                assert_int_equal(replica_recover(r, &length, &err), BDFS_LIMIT); /* still written */
                replica_writer_free(w);
                ok(replica_recover(r, &length, &err), &err);
                assert_int_equal(length, n);
                assert_int_equal(replica_cut(r, 2000, n + 1, &err), BDFS_INVALID);
                ok(replica_cut(r, 2000, cut, &err), &err);
                replica_look(r, &view);
                assert_int_equal(view.state, REPLICA_FILE_FINALIZED);
                assert_int_equal(view.stamp, 2000);
                assert_true(view.sure);
                ok(replica_close(r, &err), &err);
                assert_int_equal(read_all(f, &got, &got_n), BDFS_OK);
                assert_int_equal(got_n, cut);
                assert_memory_equal(got, data, cut);
                free(got);
        }
        free(data);
}

static void a_lost_tail_falls_back_to_what_was_synced(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 200000), *file;
        struct replica *r;
        struct replica_writer *w;
        struct bdfs_err err;
        uint64_t length;
        size_t n;

        fresh(f, &r, &w, CRC_CRC32C);
        add(w, 0, data, 70000);
        ok(replica_writer_sync(w, &err), &err);
        add(w, 70000, data + 70000, 130000);
        ok(replica_writer_flush(w, &err), &err);
        replica_writer_free(w);
        ok(replica_close(r, &err), &err);
        file = slurp(f->path, &n);
        memset(file + 12288 + 73728, 0, n - 12288 - 73728); /* pages that never reached the disk */
        spill(f->path, file, n);
        ok(replica_open(&r, f->path, &id_7, &err), &err);
        ok(replica_recover(r, &length, &err), &err);
        assert_int_equal(length, 70000);
        ok(replica_close(r, &err), &err);
        memset(file + 12288 + 69000, 0, 100); /* a byte that was synced */
        spill(f->path, file, n);
        ok(replica_open(&r, f->path, &id_7, &err), &err);
        assert_int_equal(replica_recover(r, &length, &err), BDFS_CORRUPT);
        ok(replica_close(r, &err), &err);
        free(file);
        free(data);
}

static void a_seal_that_was_not_proven_is_not_sure(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 100000), *file;
        struct replica *r;
        struct replica_view view;
        struct bdfs_err err;
        uint64_t length;
        size_t n;

        sealed(f, data, 100000);
        file = slurp(f->path, &n);
        memset(file + 4096, 0, 4096); /* the page after the sync never reached the disk */
        spill(f->path, file, n);
        ok(replica_open(&r, f->path, &id_7, &err), &err);
        replica_look(r, &view);
        assert_int_equal(view.state, REPLICA_FILE_FINALIZED);
        assert_false(view.sure);
        ok(replica_verify(r, NULL, NULL, &length, &err), &err);
        assert_int_equal(length, 100000);
        ok(replica_close(r, &err), &err);
        memset(file + 12288 + 65536, 0, 4096); /* neither did a page of data */
        spill(f->path, file, n);
        ok(replica_open(&r, f->path, &id_7, &err), &err);
        ok(replica_verify(r, NULL, NULL, &length, &err), &err);
        assert_int_equal(length, 65536);
        ok(replica_close(r, &err), &err);
        free(file);
        free(data);
}

/* ---- power cuts ------------------------------------------------------------------------------ */

/* Every write and sync of the program passes here: its own symbols come before the library's. */
enum { WRITES_MAX = 4000 };
struct disk_write {
        uint64_t at;
        size_t n;
        uint8_t *bytes; /* NULL: a sync */
};
static struct disk_write writes[WRITES_MAX];
static size_t writes_n;
static bool recording;

static void record(uint64_t at, const struct iovec *iov, int iov_n)
{
        struct disk_write w = {.at = at};

        assert_true(writes_n < WRITES_MAX);
        for (int i = 0; i < iov_n; i++)
                w.n += iov[i].iov_len;
        if (iov != NULL) {
                uint8_t *to = w.bytes = malloc(w.n + 1);

                assert_non_null(to);
                for (int i = 0; i < iov_n; to += iov[i++].iov_len)
                        memcpy(to, iov[i].iov_base, iov[i].iov_len);
        }
        writes[writes_n++] = w;
}

ssize_t pwritev2(int fd, const struct iovec *iov, int iov_n, off_t at, int flags)
{
        if (recording)
                record((uint64_t)at, iov, iov_n);
        return syscall(SYS_pwritev2, fd, iov, (long)iov_n, (long)at, 0L, (long)flags);
}

int fdatasync(int fd);
int fdatasync(int fd)
{
        if (recording)
                record(0, NULL, 0);
        return (int)syscall(SYS_fdatasync, fd);
}

static void forget_writes(void)
{
        for (size_t i = 0; i < writes_n; i++)
                free(writes[i].bytes);
        writes_n = 0;
}

/* The file as it may be after a power cut behind the first @cut writes: all that was synced, and
 * of what came later any sectors. */
static void write_image(struct fixture *f, size_t cut, size_t room)
{
        uint8_t *image = calloc(1, room);
        size_t synced = 0, size = 0;

        assert_non_null(image);
        for (size_t i = 0; i < cut; i++)
                if (writes[i].bytes == NULL)
                        synced = i;
        for (size_t i = 0; i < cut; i++) {
                uint32_t luck = rnd(f, 4); /* of 0..3 parts of its sectors */

                for (size_t at = 0; at < writes[i].n; at += 512) {
                        size_t n = writes[i].n - at < 512 ? writes[i].n - at : 512;

                        if (i >= synced && rnd(f, 3) >= luck)
                                continue;
                        memcpy(image + writes[i].at + at, writes[i].bytes + at, n);
                        if (writes[i].at + at + n > size)
                                size = writes[i].at + at + n;
                }
        }
        spill(f->path, image, size);
        free(image);
}

static void check_image(struct fixture *f, const struct model *m, size_t least, bool sealed_ok)
{
        struct replica_reader *rd = malloc(sizeof(*rd));
        uint8_t *got = malloc(m->n + 1);
        struct replica *r;
        struct bdfs_err err;
        uint64_t length = 0;
        enum bdfs_status rc = replica_open(&r, f->path, &id_7, &err);

        assert_true(rd != NULL && got != NULL);
        if (rc == BDFS_OK) {
                if (sealed_ok) {
                        replica_reader_init(rd, r);
                        assert_int_equal(rd->view.state, REPLICA_FILE_FINALIZED);
                }
                ok(replica_verify(r, NULL, NULL, &length, &err), &err);
                assert_true(length >= least && length <= m->n);
                assert_true(!sealed_ok || length == m->n);
                ok(replica_recover(r, &length, &err), &err);
                replica_reader_init(rd, r);
                assert_int_equal(rd->view.length, length);
                ok(replica_read(rd, 0, got, length, &err), &err);
                assert_memory_equal(got, m->bytes, length);
                ok(replica_close(r, &err), &err);
        } else { /* nothing of it had ever been synced */
                assert_int_equal(least, 0);
        }
        free(got);
        free(rd);
}

struct promise {
        size_t after;  /* writes */
        size_t length; /* that is durable then */
        bool sealed;
};

static void one_power_cut_history(struct fixture *f, size_t limit)
{
        struct model m = {.bytes = random_bytes(f, limit), .limit = limit};
        struct promise promises[64] = {{0}};
        struct replica *r;
        struct replica_writer *w;
        struct bdfs_err err;
        size_t promises_n = 1;

        recording = true;
        fresh(f, &r, &w, CRC_CRC32C);
        while (m.n < m.limit) {
                step_add(f, w, &m);
                if (rnd(f, 3) > 0)
                        ok(replica_writer_flush(w, &err), &err);
                if (rnd(f, 6) > 0 || promises_n > 60)
                        continue;
                ok(replica_writer_sync(w, &err), &err);
                promises[promises_n++] = (struct promise){writes_n, m.n, false};
        }
        ok(replica_writer_seal(w, &err), &err);
        promises[promises_n] = (struct promise){writes_n, m.n, true};
        recording = false;
        replica_writer_free(w);
        ok(replica_close(r, &err), &err);
        for (size_t i = 0; i < writes_n; i++) /* the seal is durable with its sync */
                if (writes[i].bytes == NULL)
                        promises[promises_n].after = i + 1;
        for (int i = 0; i < 60; i++) {
                size_t cut = rnd(f, (uint32_t)writes_n + 1), p = 0;

                for (size_t k = 0; k <= promises_n; k++)
                        if (promises[k].after <= cut)
                                p = k;
                write_image(f, cut, limit + 1000000);
                check_image(f, &m, promises[p].length, promises[p].sealed);
        }
        forget_writes();
        free(m.bytes);
}

static void a_power_cut_takes_nothing_that_was_synced(void **state)
{
        struct fixture *f = *state;

        for (unsigned seed = 1; seed <= 25; seed++) {
                f->seed = 1000 + seed;
                one_power_cut_history(f, 1 + rnd(f, seed % 5 == 0 ? 1500000 : 200000));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                T(a_sealed_replica_has_the_documented_bytes),
                T(every_bit_flip_in_state_record_or_data_is_noticed),
                T(a_state_page_of_a_later_version_is_newer_and_not_corrupt),
                T(both_state_pages_damaged_is_corrupt),
                T(swapped_chunks_and_foreign_records_are_refused),
                T(another_blocks_or_clusters_file_is_refused),
                T(a_file_cut_short_is_corrupt),
                T(a_state_page_torn_at_any_byte_leaves_the_synced_one),
                T(any_mix_of_packets_flushes_and_syncs_equals_a_plain_array),
                T(a_batch_of_many_groups_is_written_whole),
                T(bytes_sent_again_must_be_the_same),
                T(recovery_keeps_what_verifies_and_seals_at_a_length),
                T(a_lost_tail_falls_back_to_what_was_synced),
                T(a_seal_that_was_not_proven_is_not_sure),
                T(a_power_cut_takes_nothing_that_was_synced),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
