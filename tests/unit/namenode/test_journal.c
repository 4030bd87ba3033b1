/* The journal in files, through the Linux seam. */
#include "tests/unit/namenode/test_journal_kit.h"

static void save(const char *path, const uint8_t *p, size_t n)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, p, n, 0), n);
        assert_int_equal(close(fd), 0);
}

static void records_come_back_after_reopening(void **state)
{
        struct journal *j = open_journal();
        uint64_t n;

        (void)state;
        assert_int_equal(journal_first(j), 0);
        assert_int_equal(journal_last(j), 0);
        OK(read_all(j, 1, &n));
        assert_int_equal(n, 0);
        for (size_t i = 1; i <= 16; i++)
                OK(append(j, i));
        assert_int_equal(journal_last(j), 136);
        for (int round = 0; round < 3; round++) {
                journal_close(j);
                j = open_journal();
                assert_int_equal(journal_first(j), 1);
                assert_int_equal(journal_last(j), 136 + round);
                OK(read_all(j, 1, &n));
                assert_int_equal(n, 136 + round);
                OK(read_all(j, 100, &n));
                assert_int_equal(n, 37 + round);
                OK(read_all(j, 1000, &n));
                assert_int_equal(n, 0);
                OK(append(j, 1));
        }
        journal_close(j);
        journal_close(NULL);
}

static void a_second_opener_is_refused(void **state)
{
        struct journal *j = open_journal(), *second;

        (void)state;
        assert_int_equal(journal_open(&second, journal_dir, cluster, &err), BDFS_LIMIT);
        journal_close(j);
        j = open_journal();
        journal_close(j);
}

static void another_clusters_journal_is_refused(void **state)
{
        struct journal *j = open_journal();

        (void)state;
        OK(append(j, 1));
        journal_close(j);
        assert_int_equal(journal_open(&j, journal_dir, (const uint8_t *)"another cluster!", &err),
                         BDFS_INVALID);
        j = open_journal();
        assert_memory_equal(journal_cluster(j), cluster, sizeof(cluster));
        journal_close(j);
}

/* Opens what lies there; true with what it holds, false when it was refused as damaged. */
static bool opens(uint64_t *ret_last)
{
        struct journal *j;
        uint64_t n;
        enum bdfs_status rc = journal_open(&j, journal_dir, cluster, &err);

        if (rc != BDFS_OK) {
                assert_int_equal(rc, BDFS_CORRUPT);
                assert_non_null(strstr(err.text, journal_dir));
                return false;
        }
        *ret_last = journal_last(j);
        OK(read_all(j, 1, &n));
        assert_int_equal(n, *ret_last);
        OK(append(j, 2)); /* it can go on, over what was cut */
        journal_close(j);
        OK(journal_open(&j, journal_dir, cluster, &err));
        OK(read_all(j, 1, &n));
        assert_int_equal(n, *ret_last + 2);
        journal_close(j);
        return true;
}

static void every_flipped_byte_on_disk_is_corrupt_or_harmless(void **state)
{
        size_t last, end, n;
        uint8_t *p = small_journal(&last, &end, &n);
        uint64_t held = 0;

        (void)state;
        for (size_t i = 0; i < n; i += 83) { /* test_journal_format hits every bit */
                bool ok;

                p[i] ^= 0x41;
                save(in_journal(FIRST_SEGMENT), p, n);
                p[i] ^= 0x41;
                ok = opens(&held);
                assert_int_equal(ok, i >= end);
                if (ok)
                        assert_int_equal(held, 10);
        }
        free(p);
}

static void every_truncation_on_disk_leaves_a_prefix(void **state)
{
        size_t last, end, n;
        uint8_t *p = small_journal(&last, &end, &n);
        uint64_t held = 0;

        (void)state;
        for (size_t i = 0; i < n; i += 89) {
                save(in_journal(FIRST_SEGMENT), p, i);
                assert_int_equal(opens(&held), i >= JOURNAL_HEADER_BYTES);
                if (i >= last && i < end)
                        assert_int_equal(held, 6);
                if (i >= end)
                        assert_int_equal(held, 10);
        }
        free(p);
}

static void a_torn_last_batch_is_cut_and_overwritten(void **state)
{
        size_t last, end, n;
        uint8_t *p = small_journal(&last, &end, &n);
        uint64_t held = 0;

        (void)state;
        memset(p + end, 0, n - end); /* no mark: it may not have been synced */
        for (size_t i = last; i < end; i += 211) {
                if (p[i] == 0)
                        continue;
                p[i] ^= 0xff;
                save(in_journal(FIRST_SEGMENT), p, n);
                p[i] ^= 0xff;
                assert_true(opens(&held));
                assert_int_equal(held, 6);
        }
        free(p);
}

static void append_megabytes(struct journal *j, unsigned batches)
{
        uint8_t *big = calloc(1, 4 * MIB);

        assert_non_null(big);
        for (unsigned i = 0; i < batches; i++) {
                struct journal_record r = {
                        .index = journal_last(j) + 1, .bytes = big, .n = 4 * MIB};

                OK(journal_append(j, &r, 1, &err));
        }
        free(big);
}

static enum bdfs_status count(void *arg, const struct journal_record *r, struct bdfs_err *e)
{
        (void)r;
        (void)e;
        ++*(uint64_t *)arg;
        return BDFS_OK;
}

static void segments_roll_are_read_and_are_trimmed(void **state)
{
        struct journal *j = open_journal();
        uint64_t n = 0, all;

        (void)state;
        append_megabytes(j, 40); /* 15 to a segment: from 1, 16, 31 */
        assert_int_equal(access(in_journal("journal-0000000000000010"), F_OK), 0);
        assert_int_equal(access(in_journal("journal-000000000000001f"), F_OK), 0);
        journal_close(j);
        j = open_journal();
        OK(journal_read(j, 1, count, &n, &err));
        assert_int_equal(n, 40);
        all = journal_bytes_after(j, 0);
        assert_true(all > 160 * MIB && all < 200 * MIB);
        assert_true(journal_bytes_after(j, 15) < all - 60 * MIB);
        assert_true(journal_bytes_after(j, 14) == all);
        assert_int_equal(journal_bytes_after(j, 40), 0);

        OK(journal_trim(j, 15, &err)); /* 15 itself must stay */
        assert_int_equal(journal_first(j), 1);
        OK(journal_trim(j, 16, &err));
        assert_int_equal(journal_first(j), 16);
        OK(journal_trim(j, 1000, &err));
        assert_int_equal(journal_first(j), 31);
        assert_int_equal(journal_last(j), 40);
        assert_int_equal(access(in_journal("journal-0000000000000010"), F_OK), -1);
        assert_int_equal(journal_read(j, 30, count, &n, &err), BDFS_CORRUPT);
        n = 0;
        OK(journal_read(j, 31, count, &n, &err));
        assert_int_equal(n, 10);
        journal_close(j);
        j = open_journal();
        assert_int_equal(journal_first(j), 31);
        append_megabytes(j, 6); /* a new segment from 46 holds one record */
        OK(journal_trim(j, 1000, &err));
        assert_int_equal(journal_first(j), 46);
        journal_close(j);
}

static void damage_before_the_last_segment_is_corrupt(void **state)
{
        struct journal *j = open_journal();
        uint64_t n;
        uint8_t byte = 1;
        int fd;

        (void)state;
        append_megabytes(j, 40);
        journal_close(j);
        fd = open(in_journal("journal-0000000000000010"), O_WRONLY);
        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, &byte, 1, 58 * MIB), 1); /* its last batch */
        assert_int_equal(close(fd), 0);
        j = open_journal(); /* only the last one is looked at */
        assert_int_equal(journal_read(j, 1, count, &n, &err), BDFS_CORRUPT);
        assert_non_null(strstr(err.text, "record 30 "));
        OK(journal_read(j, 31, count, &n, &err));
        journal_close(j);

        assert_int_equal(unlink(in_journal("journal-0000000000000010")), 0);
        j = open_journal();
        assert_int_equal(journal_read(j, 1, count, &n, &err), BDFS_CORRUPT); /* a gap */
        journal_close(j);
}

static void an_incomplete_segment_is_removed(void **state)
{
        struct journal *j = open_journal();

        (void)state;
        OK(append(j, 3));
        journal_close(j);
        save(in_journal("journal-0000000000000004.new"), (const uint8_t *)"BDFS", 4);
        save(in_journal("journal-4"), (const uint8_t *)"x", 1);
        j = open_journal();
        assert_int_equal(journal_last(j), 3);
        assert_int_equal(access(in_journal("journal-0000000000000004.new"), F_OK), -1);
        journal_close(j);
}

static void a_segment_under_another_name_is_corrupt(void **state)
{
        struct journal *j = open_journal();

        (void)state;
        OK(append(j, 3));
        journal_close(j);
        assert_int_equal(rename(in_journal(FIRST_SEGMENT),
                                in_journal("journal-0000000000000002")), 0);
        assert_int_equal(journal_open(&j, journal_dir, cluster, &err), BDFS_CORRUPT);
}

static void a_batch_too_large_is_refused(void **state)
{
        struct journal *j = open_journal();

        (void)state;
        assert_int_equal(journal_reserve(j, JOURNAL_BATCH_BYTES_MAX + 1, &err), BDFS_LIMIT);
        OK(journal_reserve(j, JOURNAL_BATCH_BYTES_MAX, &err));
        OK(append(j, 1));
        journal_close(j);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(records_come_back_after_reopening),
                T(a_second_opener_is_refused),
                T(another_clusters_journal_is_refused),
                T(every_flipped_byte_on_disk_is_corrupt_or_harmless),
                T(every_truncation_on_disk_leaves_a_prefix),
                T(a_torn_last_batch_is_cut_and_overwritten),
                T(segments_roll_are_read_and_are_trimmed),
                T(damage_before_the_last_segment_is_corrupt),
                T(an_incomplete_segment_is_removed),
                T(a_segment_under_another_name_is_corrupt),
                T(a_batch_too_large_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
