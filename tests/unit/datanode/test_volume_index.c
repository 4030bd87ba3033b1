/* What a datanode knows of its replicas: the index, and the log of changes. */
#include "test_volume_kit.h"

#include "common/limits.h"

/* ---- the index ------------------------------------------------------------------------------ */

static void the_index_equals_a_plain_table(void **state)
{
        enum { KEYS = 3000 };
        struct fixture *f = *state;
        struct replica_index *ix = replica_index_new();
        static struct replica_entry model[KEYS], copy[KEYS];
        struct bdfs_err err;
        size_t count = 0;

        memset(model, 0, sizeof(model));
        assert_non_null(ix);
        for (int step = 0; step < 100000; step++) {
                uint64_t k = rnd(f, KEYS), block = 1073741825 + k * (k % 2 == 0 ? 1 : 4096);
                struct replica_entry *e = replica_index_find(ix, block);

                assert_int_equal(e != NULL, model[k].block != 0);
                if (e != NULL)
                        assert_memory_equal(e, &model[k], sizeof(*e));
                if (rnd(f, 5) < (step % 20000 < 10000 ? 3U : 2U)) {
                        count += model[k].block == 0;
                        model[k] = (struct replica_entry){.block = block, .stamp = rnd(f, 99),
                                                          .length = rnd(f, 1000), .state = 4};
                        must(replica_index_put(ix, &model[k], &err), &err);
                } else {
                        count -= model[k].block != 0;
                        memset(&model[k], 0, sizeof(model[k]));
                        replica_index_remove(ix, block);
                }
                assert_int_equal(replica_index_count(ix), count);
        }
        assert_true(count <= KEYS);
        replica_index_copy(ix, copy);
        for (size_t i = 0; i < count; i++)
                assert_non_null(replica_index_find(ix, copy[i].block));
        replica_index_free(ix);
}

static uint64_t resident_bytes(void)
{
        unsigned long pages = 0, rss = 0;
        FILE *in = fopen("/proc/self/statm", "r");

        assert_non_null(in);
        assert_int_equal(fscanf(in, "%lu %lu", &pages, &rss), 2);
        (void)fclose(in);
        return rss * 4096ULL;
}

static void a_million_replicas_take_less_than_64_mib(void **state)
{
        struct replica_index *ix = replica_index_new();
        struct bdfs_err err;
        uint64_t before = resident_bytes();

        (void)state;
        assert_non_null(ix);
        for (uint64_t i = 0; i < 1000000; i++) {
                struct replica_entry e = {.block = 1073741825 + i, .stamp = 1001, .state = 4};

                must(replica_index_put(ix, &e, &err), &err);
        }
        /* sanitizers keep shadow memory of their own; the bound is for plain builds */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        assert_true(resident_bytes() - before < 64 * MIB);
#endif
        (void)before;
        replica_index_free(ix);
}

/* ---- the log -------------------------------------------------------------------------------- */

static struct report_change change(uint64_t block, uint64_t length, unsigned s)
{
        return (struct report_change){.block = block,
                                      .stamp = 1001,
                                      .length = length,
                                      .state = (uint8_t)s};
}

static void changes_are_numbered_read_and_forgotten(void **state)
{
        struct report_log *l = report_log_new();
        struct report_change got[64], c;
        struct report_position p;
        uint64_t first;

        (void)state;
        assert_non_null(l);
        assert_true(report_log_id(l) != 0);
        for (uint64_t i = 1; i <= 5000; i++) {
                c = change(i, i, STATE(FINALIZED));
                assert_int_equal(report_log_add(l, NULL, &c), i);
        }
        assert_int_equal(report_log_read(l, 4990, got, 64, &first), 11);
        assert_int_equal(first, 4990);
        assert_int_equal(got[10].block, 5000);
        report_log_forget(l, 4001);
        assert_int_equal(report_log_read(l, 1, got, 64, &first), 64);
        assert_int_equal(first, 4001);
        assert_int_equal(got[0].block, 4001);
        assert_int_equal(report_log_read(l, 5001, got, 64, &first), 0);
        report_log_forget(l, 99999);
        report_log_position(l, &p);
        assert_int_equal(p.first, 5001);
        assert_int_equal(p.next, 5001);
        assert_int_equal(p.replicas, 5000);
        report_log_free(l);
}

static void the_digest_is_that_of_what_is_left(void **state)
{
        struct fixture *f = *state;
        struct report_log *a = report_log_new(), *b = report_log_new();
        struct report_change have[50] = {{0}};
        struct report_position pa, pb;

        assert_true(a != NULL && b != NULL);
        for (int i = 0; i < 2000; i++) {
                unsigned k = rnd(f, 50);
                struct report_change now = change(k + 1, rnd(f, 9), 1 + rnd(f, 6));

                (void)report_log_add(a, &have[k], &now);
                have[k] = now;
                if (now.state == STATE(GONE))
                        memset(&have[k], 0, sizeof(have[k]));
        }
        for (unsigned k = 0; k < 50; k++)
                report_log_count(b, &have[k]);
        report_log_position(a, &pa);
        report_log_position(b, &pb);
        assert_memory_equal(pa.digest, pb.digest, sizeof(pa.digest));
        assert_int_equal(pa.replicas, pb.replicas);
        report_log_free(a);
        report_log_free(b);
}

static void a_full_log_forgets_the_oldest(void **state)
{
        struct report_log *l = report_log_new();
        struct report_change c = change(1, 1, STATE(FINALIZED)), got;
        struct report_position p;
        uint64_t first;

        (void)state;
        assert_non_null(l);
        for (uint64_t i = 1; i <= REPORT_LOG_MAX + 10; i++) {
                c.block = i;
                (void)report_log_add(l, NULL, &c);
        }
        report_log_position(l, &p);
        assert_int_equal(p.next - p.first, REPORT_LOG_MAX);
        assert_int_equal(report_log_read(l, p.first, &got, 1, &first), 1);
        assert_int_equal(got.block, first);
        report_log_free(l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                T(the_index_equals_a_plain_table),
                T(a_million_replicas_take_less_than_64_mib),
                T(changes_are_numbered_read_and_forgotten),
                T(the_digest_is_that_of_what_is_left),
                T(a_full_log_forgets_the_oldest),
        };

        log_open("test_volume_index", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
