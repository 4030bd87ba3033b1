/* Rows of the second environment and their invariants, the environment, and safe mode's rules. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/log.h"
#include "namenode/blocks/blocks_class.h"
#include "namenode/blocks/blocks_env.h"
#include "namenode/blocks/blocks_log.h"
#include "namenode/blocks/blocks_pending.h"
#include "namenode/blocks/placement.h"
#include "namenode/blocks/safe_mode.h"

#define NODES 5
#define BLOCKS 12
#define STEPS 20000
#define FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED
#define OK(call) assert_int_equal((call), BDFS_OK)

static const uint8_t cluster[16] = {1, 2, 3};
static char dir[64];
static struct blocks_env *env;

static void open_env(const uint8_t id[16])
{
        struct bdfs_err err;

        OK(blocks_env_open(&env, dir, id, &err));
}

static int set_up(void **state)
{
        const char *tmp = getenv("TMPDIR");

        (void)state;
        log_open("test", LOG_LEVEL_ERROR);
        (void)snprintf(dir, sizeof(dir), "%s/replicas-XXXXXX", tmp == NULL ? "/tmp" : tmp);
        assert_non_null(mkdtemp(dir));
        open_env(cluster);
        return 0;
}

static int tear_down(void **state)
{
        char command[96];

        (void)state;
        blocks_env_close(env);
        (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
        return system(command);
}

/* ---- rows against a model -------------------------------------------------------------------- */

struct model {
        struct replica rows[NODES + 1][BLOCKS + 1]; /* state 0: none */
        struct node_log logs[NODES + 1];
};

struct step {
        struct model *m;
        struct placement_random random;
};

static uint64_t below(struct placement_random *r, uint64_t n)
{
        return placement_random(r) % n;
}

static enum bdfs_status do_put(struct step *s, struct replicas_txn *t, uint32_t node,
                               uint64_t block, struct bdfs_err *err)
{
        struct replica *row = &s->m->rows[node][block], next = {
                .block = block, .node = node, .state = (uint8_t)(1 + below(&s->random, 5)),
                .stamp = below(&s->random, 3), .length = below(&s->random, 3), .epoch = 9};
        enum bdfs_status rc = replica_put(t, &next, &s->m->logs[node], err);

        next.doomed = row->state != 0 && row->doomed;
        *row = next;
        return rc;
}

static enum bdfs_status one_step(struct step *s, struct replicas_txn *t, struct bdfs_err *err)
{
        uint32_t node = 1 + (uint32_t)below(&s->random, NODES);
        uint64_t block = 1 + below(&s->random, BLOCKS);
        struct replica *row = &s->m->rows[node][block];
        enum bdfs_status rc = BDFS_OK;

        switch (below(&s->random, 6)) {
        case 0:
                rc = replica_del(t, block, node, &s->m->logs[node], err);
                *row = (struct replica){.state = 0};
                break;
        case 1:
                if (row->state == 0)
                        break;
                rc = replica_doom(t, row, err);
                row->doomed = true;
                break;
        case 2:
                if (row->state == 0 || !row->doomed)
                        break;
                rc = replica_spare(t, row, err);
                row->doomed = false;
                break;
        default:
                rc = do_put(s, t, node, block, err);
                break;
        }
        return rc;
}

static void same_row(struct replicas_txn *t, const struct model *m, uint32_t node, uint64_t block)
{
        const struct replica *row = &m->rows[node][block];
        struct replica got;
        struct bdfs_err err;
        bool open, doomed;

        OK(replicas_marked(t, REPLICAS_UNSEALED, node, block, &open, &err));
        OK(replicas_marked(t, REPLICAS_DOOMED, node, block, &doomed, &err));
        assert_int_equal(open, row->state != 0 && row->state != FINALIZED);
        assert_int_equal(doomed, row->state != 0 && row->doomed);
        if (row->state == 0) {
                assert_int_equal(replica_get(t, block, node, &got, &err), BDFS_NOT_FOUND);
                return;
        }
        OK(replica_get(t, block, node, &got, &err));
        assert_int_equal(got.state, row->state);
        assert_int_equal(got.stamp, row->stamp);
        assert_int_equal(got.length, row->length);
        assert_int_equal(got.epoch, row->epoch);
        assert_int_equal(got.doomed, row->doomed);
}

static void same_lists(struct replicas_txn *t, const struct model *m)
{
        uint64_t located = 0;
        struct bdfs_err err;

        for (uint64_t block = 1; block <= BLOCKS; block++) {
                struct replica rows[NODES + 1];
                bool is_located = false;
                size_t n, at = 0;

                OK(replicas_of(t, block, 0, rows, NODES + 1, &n, &err));
                for (uint32_t node = 1; node <= NODES; node++) {
                        const struct replica *row = &m->rows[node][block];

                        if (row->state == 0)
                                continue;
                        assert_true(at < n && rows[at].node == node);
                        at++;
                        is_located = is_located || row->state == FINALIZED;
                }
                assert_int_equal(at, n);
                located += is_located ? 1 : 0;
        }
        assert_int_equal(t->located, located);
}

static void same_nodes(struct replicas_txn *t, const struct model *m)
{
        struct bdfs_err err;

        for (uint32_t node = 1; node <= NODES; node++) {
                uint64_t blocks[BLOCKS + 1], expected = 0;
                struct replica_digest digest = {0, 0};
                size_t n, at = 0;

                OK(replicas_of_node(t, REPLICAS_BY_NODE, node, 0, blocks, BLOCKS + 1, &n, &err));
                for (uint64_t block = 1; block <= BLOCKS; block++) {
                        const struct replica *row = &m->rows[node][block];

                        if (row->state != 0)
                                assert_int_equal(blocks[at++], block);
                        if (row->state == FINALIZED) {
                                replica_digest_add(&digest, block, row->stamp, row->length);
                                expected++;
                        }
                }
                assert_int_equal(at, n);
                assert_int_equal(m->logs[node].replicas, expected);
                assert_true(replica_digest_equal(&m->logs[node].digest, &digest));
        }
}

static void check_model(const struct model *m)
{
        struct replicas_txn t;
        struct bdfs_err err;

        OK(blocks_env_begin(env, &t, &err));
        for (uint32_t node = 1; node <= NODES; node++)
                for (uint64_t block = 1; block <= BLOCKS; block++)
                        same_row(&t, m, node, block);
        same_lists(&t, m);
        same_nodes(&t, m);
        blocks_env_end(env, &t);
}

static enum bdfs_status steps(struct replicas_txn *t, void *arg, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        for (int i = 0; rc == BDFS_OK && i < 50; i++)
                rc = one_step(arg, t, err);
        return rc;
}

static void rows_digests_and_counters_always_agree(void **state)
{
        struct model *m = calloc(1, sizeof(*m));
        struct step s = {.m = m, .random = {11}};
        struct blocks_env_work work = {.work = steps, .arg = &s};
        struct bdfs_err err;

        (void)state;
        assert_non_null(m);
        for (int i = 0; i < STEPS / 50; i++) {
                OK(blocks_env_write(env, &work, &err));
                if (i % 8 == 0)
                        check_model(m);
        }
        blocks_env_close(env);
        open_env(cluster);
        check_model(m);
        free(m);
}

/* ---- classes, logs --------------------------------------------------------------------------- */

static enum bdfs_status classes_work(struct replicas_txn *t, void *arg, struct bdfs_err *err)
{
        const unsigned low = 1u << REPAIR_LOW, corrupt = 1u << REPAIR_CORRUPT;
        int64_t since;

        (void)arg;
        OK(class_set(t, 7, low | corrupt, 500, err));
        OK(class_set(t, 8, low, 600, err));
        assert_int_equal(class_count(t, REPAIR_LOW), 2);
        assert_int_equal(class_count(t, REPAIR_CORRUPT), 1);
        OK(class_set(t, 7, low, 900, err));
        OK(class_since(t, REPAIR_LOW, 7, &since, err));
        assert_int_equal(since, 500);
        OK(class_set(t, 7, low, 0, err));
        OK(class_since(t, REPAIR_LOW, 7, &since, err));
        assert_int_equal(since, 0);
        assert_int_equal(class_since(t, REPAIR_CORRUPT, 7, &since, err), BDFS_NOT_FOUND);
        OK(class_set(t, 8, 0, 0, err));
        assert_int_equal(class_count(t, REPAIR_LOW), 1);
        return BDFS_OK;
}

static void block_is_in_exactly_the_classes_it_was_put_into(void **state)
{
        struct blocks_env_work work = {.work = classes_work};
        struct bdfs_err err;

        (void)state;
        OK(blocks_env_write(env, &work, &err));
}

static enum bdfs_status log_work(struct replicas_txn *t, void *arg, struct bdfs_err *err)
{
        return node_log_put(t, 3, arg, err);
}

static void log_positions_come_back(void **state)
{
        struct node_log log = {.id = 5, .next = 6, .replicas = 7, .digest = {8, 9}, .full = true,
                               .full_after = 10}, got;
        struct blocks_env_work work = {.work = log_work, .arg = &log};
        struct replicas_txn t;
        struct bdfs_err err;

        (void)state;
        OK(blocks_env_write(env, &work, &err));
        OK(blocks_env_begin(env, &t, &err));
        OK(node_log_get(&t, 3, &got, &err));
        assert_true(got.id == 5 && got.next == 6 && got.replicas == 7 && got.digest.high == 8 &&
                    got.digest.low == 9 && got.full && got.full_after == 10);
        OK(node_log_get(&t, 4, &got, &err));
        assert_int_equal(got.id, 0);
        blocks_env_end(env, &t);
}

/* ---- the environment ------------------------------------------------------------------------- */

static bool has_row(uint64_t block)
{
        struct replicas_txn t;
        struct replica row;
        struct bdfs_err err;
        enum bdfs_status rc;

        OK(blocks_env_begin(env, &t, &err));
        rc = replica_get(&t, block, 1, &row, &err);
        blocks_env_end(env, &t);
        return rc == BDFS_OK;
}

struct put {
        uint64_t block;
        bool fail;
        atomic_uint *committed;
};

static enum bdfs_status put_work(struct replicas_txn *t, void *arg, struct bdfs_err *err)
{
        const struct put *p = arg;
        struct replica row = {.block = p->block, .node = 1, .state = FINALIZED, .stamp = 1};
        struct node_log log = {.id = 1};
        enum bdfs_status rc = replica_put(t, &row, &log, err);

        if (rc == BDFS_OK && p->fail)
                rc = bdfs_fail(err, BDFS_LIMIT, "as told");
        return rc;
}

static void put_committed(void *arg)
{
        const struct put *p = arg;

        atomic_fetch_add(p->committed, 1);
}

static enum bdfs_status put(uint64_t block, bool fail, atomic_uint *committed)
{
        struct put p = {block, fail, committed};
        struct blocks_env_work work = {.work = put_work, .committed = put_committed, .arg = &p};
        struct bdfs_err err;

        return blocks_env_write(env, &work, &err);
}

static void tables_survive_a_crash_of_the_process_but_not_another_cluster(void **state)
{
        const uint8_t other[16] = {9};
        atomic_uint committed = 0;

        (void)state;
        OK(put(1, false, &committed));
        blocks_env_abandon(env);
        open_env(cluster);
        assert_true(has_row(1));
        blocks_env_close(env);
        open_env(other);
        assert_false(has_row(1));
        blocks_env_close(env);
        open_env(cluster);
        assert_false(has_row(1));
}

static void wiped_tables_are_empty_and_work_on(void **state)
{
        atomic_uint committed = 0;
        struct bdfs_err err;

        (void)state;
        OK(put(1, false, &committed));
        OK(blocks_env_wipe(env, &err));
        assert_false(has_row(1));
        OK(put(2, false, &committed));
        assert_true(has_row(2));
        assert_int_equal(atomic_load(&committed), 2);
}

#define THREADS 8
#define PUTS 200
static atomic_uint all_committed;

static void put_thread(void *arg)
{
        uint64_t base = (uint64_t)(uintptr_t)arg * 10000;

        for (uint64_t i = 0; i < PUTS; i++) {
                bool fail = i % 5 == 3;

                assert_int_equal(put(base + i, fail, &all_committed), fail ? BDFS_LIMIT : BDFS_OK);
        }
}

static void works_that_fail_take_nobody_with_them(void **state)
{
        struct os_thread *t[THREADS];
        struct bdfs_err err;

        (void)state;
        atomic_store(&all_committed, 0);
        for (uintptr_t i = 0; i < THREADS; i++)
                OK(os_thread_start(&t[i], "put", put_thread, (void *)(i + 1), &err));
        for (int i = 0; i < 20; i++)
                (void)has_row(10000);
        for (int i = 0; i < THREADS; i++)
                os_thread_join(t[i]);
        assert_int_equal(atomic_load(&all_committed), THREADS * PUTS * 4 / 5);
        for (uint64_t thread = 1; thread <= THREADS; thread++)
                for (uint64_t i = 0; i < PUTS; i++)
                        assert_int_equal(has_row(thread * 10000 + i), i % 5 != 3);
}

static void wiping_waits_for_readers_and_writers(void **state)
{
        struct os_thread *t[2];
        struct bdfs_err err;

        (void)state;
        for (uintptr_t i = 0; i < 2; i++)
                OK(os_thread_start(&t[i], "put", put_thread, (void *)(i + 1), &err));
        for (int i = 0; i < 10; i++) {
                OK(blocks_env_wipe(env, &err));
                os_sleep_ms(1);
        }
        for (int i = 0; i < 2; i++)
                os_thread_join(t[i]);
}

/* ---- copies under way ------------------------------------------------------------------------ */

static void copies_under_way_expire_and_are_remembered_as_failed(void **state)
{
        struct pending_copy was;
        struct pending p;

        (void)state;
        assert_true(pending_init(&p));
        assert_true(pending_add(&p, 7, 0, 1, 2, 1000));
        assert_true(pending_add(&p, 7, 160 * 1024 * 1024, 1, 3, 1000));
        assert_false(pending_expire(&p, 1000 + PENDING_MS - 1, &was));
        assert_true(pending_expire(&p, 1000 + PENDING_MS, &was));
        assert_int_equal(was.target, 2);
        assert_false(pending_expire(&p, 1000 + PENDING_MS, &was));
        assert_true(pending_done(&p, 7, 3, &was));
        assert_false(pending_done(&p, 7, 3, &was));
        assert_true(pending_of(&p, 7, NULL)->failed);
        assert_false(pending_done(&p, 7, 2, &was)); /* it came after all, its stream was given up */
        assert_int_equal(p.n, 0);
        pending_fini(&p);
}

static void failures_are_forgotten_and_dead_nodes_dropped(void **state)
{
        struct pending_copy was;
        struct pending p;
        size_t dropped = 0;

        (void)state;
        assert_true(pending_init(&p));
        assert_true(pending_add(&p, 7, 0, 1, 2, 0));
        assert_true(pending_expire(&p, PENDING_MS, &was));
        assert_false(pending_expire(&p, PENDING_MS + PENDING_FAILED_MS, &was));
        assert_int_equal(p.n, 0);
        for (uint64_t block = 0; block < 1000; block++)
                assert_true(pending_add(&p, block, 0, (uint32_t)(block % 7), 100, 0));
        while (pending_drop(&p, 3, &was))
                dropped++;
        assert_int_equal(dropped, 143);
        while (pending_drop(&p, 100, &was))
                dropped++;
        assert_int_equal(dropped, 1000);
        for (uint64_t block = 0; block < PENDING_MAX; block++)
                assert_true(pending_add(&p, block, 0, 1, 2, 0));
        assert_false(pending_add(&p, PENDING_MAX, 0, 1, 2, 0));
        pending_fini(&p);
}

/* ---- safe mode's rules ----------------------------------------------------------------------- */

static struct safe_mode_facts facts(uint64_t total, uint64_t reported, bool everyone)
{
        return (struct safe_mode_facts){.total = total, .reported = reported, .everyone = everyone};
}

static void safe_mode_needs_its_share_rounded_up(void **state)
{
        struct safe_mode s;

        (void)state;
        safe_mode_init(&s, 999, 3000);
        assert_int_equal(safe_mode_needed(&s, 0), 0);
        assert_int_equal(safe_mode_needed(&s, 1), 1);
        assert_int_equal(safe_mode_needed(&s, 999), 999);
        assert_int_equal(safe_mode_needed(&s, 1000), 999);
        assert_int_equal(safe_mode_needed(&s, 1000000), 999000);
        assert_true(safe_mode_needed(&s, UINT64_MAX) > UINT64_MAX / 1000 * 998);
        safe_mode_init(&s, 0, 3000);
        assert_int_equal(safe_mode_needed(&s, 17), 0);
}

static void extension_runs_only_for_stragglers_and_begins_again(void **state)
{
        struct safe_mode_facts f = facts(10, 10, false), few = facts(10, 5, false);
        struct safe_mode s;

        (void)state;
        safe_mode_init(&s, 999, 3000);
        assert_false(safe_mode_update(&s, &few, 0));
        assert_int_equal(s.state, SAFE_MODE_WAITING);
        assert_false(safe_mode_update(&s, &f, 100));
        assert_int_equal(s.state, SAFE_MODE_EXTENSION);
        assert_false(safe_mode_update(&s, &few, 200));
        assert_int_equal(s.state, SAFE_MODE_WAITING);
        assert_false(safe_mode_update(&s, &f, 1000));
        assert_false(safe_mode_update(&s, &f, 3999));
        assert_true(safe_mode_update(&s, &f, 4000));
        assert_false(safe_mode_on(&s));
        assert_false(safe_mode_update(&s, &few, 5000));
        assert_false(safe_mode_on(&s));

        safe_mode_init(&s, 999, 3000);
        f.everyone = true;
        assert_true(safe_mode_update(&s, &f, 0));
        safe_mode_init(&s, 999, 3000);
        f = facts(0, 0, false);
        assert_true(safe_mode_update(&s, &f, 0));
}

static void safe_mode_speaks_hdfs_words(void **state)
{
        struct safe_mode_facts f = facts(2000, 7, false);
        char text[512];
        struct safe_mode s;

        (void)state;
        safe_mode_init(&s, 999, 3000);
        (void)safe_mode_update(&s, &f, 0);
        safe_mode_text(&s, 0, text, sizeof(text));
        assert_string_equal(text,
                            "The reported blocks 7 needs additional 1991 blocks to reach the "
                            "threshold 0.9990 of total blocks 2000.\n"
                            "The minimum number of live datanodes is not required. Safe mode will "
                            "be turned off automatically once the thresholds have been reached.");
        f.reported = 1998;
        (void)safe_mode_update(&s, &f, 0);
        safe_mode_text(&s, 500, text, sizeof(text));
        assert_string_equal(text,
                            "The reported blocks 1998 has reached the threshold 0.9990 of total "
                            "blocks 2000. The minimum number of live datanodes is not required. In "
                            "safe mode extension. Safe mode will be turned off automatically in 2 "
                            "seconds.");
        safe_mode_enter(&s);
        assert_false(safe_mode_update(&s, &f, 100000));
        safe_mode_text(&s, 0, text, sizeof(text));
        assert_string_equal(text, "It was turned on manually. Use \"hdfs dfsadmin -safemode "
                                  "leave\" to turn safe mode off.");
        safe_mode_leave(&s);
        safe_mode_text(&s, 0, text, sizeof(text));
        assert_string_equal(text, "");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                T(rows_digests_and_counters_always_agree),
                T(block_is_in_exactly_the_classes_it_was_put_into),
                T(log_positions_come_back),
                T(tables_survive_a_crash_of_the_process_but_not_another_cluster),
                T(wiped_tables_are_empty_and_work_on),
                T(works_that_fail_take_nobody_with_them),
                T(wiping_waits_for_readers_and_writers),
                cmocka_unit_test(copies_under_way_expire_and_are_remembered_as_failed),
                cmocka_unit_test(failures_are_forgotten_and_dead_nodes_dropped),
                cmocka_unit_test(safe_mode_needs_its_share_rounded_up),
                cmocka_unit_test(extension_runs_only_for_stragglers_and_begins_again),
                cmocka_unit_test(safe_mode_speaks_hdfs_words),
        };
#undef T

        return cmocka_run_group_tests(tests, NULL, NULL);
}
