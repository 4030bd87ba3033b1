/*
 * A namenode's committer in the simulator: its process is killed or its power cut at any moment, of
 * a batch, a checkpoint, a start, again and again. What was acknowledged is there afterwards, once,
 * and the tables are the same whichever way they were rebuilt (F14, N1, N5, N9, P3).
 */
#include "tests/unit/namenode/test_commit_kit.h"

#include "common/sim/os_sim.h"

#define SEEDS 60
#define ROUNDS 8
#define CLIENTS 4
#define PATHS 4000

/* What clients know; outlives crashes. */
static struct {
        unsigned next;
        bool acked[PATHS];
        bool ended;     /* the process came to its end by itself */
        bool alive;     /* it started and serves */
        unsigned lost;  /* acknowledged, and not there */
        unsigned twice; /* a retry that was applied again */
} model;

static void path_of(char ret[32], unsigned i)
{
        (void)snprintf(ret, 32, "/%u", i);
}

static bool row_exists(const char *path)
{
        struct store_txn *t;
        const uint8_t *v;
        size_t n;
        enum bdfs_status rc;

        BDFS_ASSERT(store_begin_read(kit.store, &t, NULL) == BDFS_OK);
        rc = store_get(t, TABLE_INODE, path, strlen(path), &v, &n, NULL);
        BDFS_ASSERT(rc == BDFS_OK || rc == BDFS_NOT_FOUND);
        store_abort(t);
        return rc == BDFS_OK;
}

static enum bdfs_status change(unsigned i)
{
        struct kit_record r;
        char path[32];

        path_of(path, i);
        kit_record(&r, path, (int)i);
        return commit_wait(kit.commit, &r.record, NULL, NULL);
}

static void client(void *arg)
{
        (void)arg;
        while (model.next < PATHS) {
                unsigned i = model.next++;

                if (change(i) != BDFS_OK)
                        return;
                model.acked[i] = true;
                if (sim_random(4) == 0)
                        os_sleep_ms((int64_t)sim_random(5));
        }
}

/* Everything acknowledged must be there; retries of it change nothing. */
static void check_acked(void)
{
        for (unsigned i = 0; i < model.next; i++) {
                char path[32];

                path_of(path, i);
                if (model.acked[i] && !row_exists(path))
                        model.lost++;
        }
        for (unsigned i = 0; i < 3 && model.next > 0; i++) {
                unsigned retry = (unsigned)sim_random(model.next);
                uint64_t before = commit_index(kit.commit);

                if (model.acked[retry] && change(retry) == BDFS_OK &&
                    commit_index(kit.commit) != before)
                        model.twice++;
        }
}

/* One life of the process. */
static void process(void *arg)
{
        struct os_thread *thread[CLIENTS] = {NULL};
        struct bdfs_err err;

        (void)arg;
        if (kit_start_with(true) != BDFS_OK)
                return; /* killed while it started */
        model.alive = true;
        check_acked();
        for (size_t i = 0; i < CLIENTS; i++)
                if (os_thread_start(&thread[i], "client", client, NULL, &err) != BDFS_OK)
                        break;
        for (size_t i = 0; i < CLIENTS; i++)
                if (thread[i] != NULL)
                        os_thread_join(thread[i]);
        kit_stop(true);
        model.ended = true;
}

/* Start the process and let it come up and stop: its digest. */
static void settle(void *arg)
{
        struct kit_digest *d = arg;

        BDFS_ASSERT(kit_start_with(true) == BDFS_OK);
        BDFS_ASSERT(commit_digest(kit.commit, d->bytes, &d->index, NULL) == BDFS_OK);
        check_acked();
        kit_stop(true);
        model.ended = true;
}

static void run_to_end(struct sim_node *nn, void (*run)(void *arg), void *arg)
{
        struct bdfs_err err;

        model.ended = false;
        BDFS_ASSERT(sim_node_start(nn, "namenode", run, arg, &err) == BDFS_OK);
        sim_node_join(nn);
        BDFS_ASSERT(model.ended);
}

static void story(void *arg)
{
        static struct kit_digest one, two;
        struct sim_node *nn = sim_node_new("nn");
        struct bdfs_err err;

        (void)arg;
        memset(&model, 0, sizeof(model));
        for (unsigned round = 0; round < ROUNDS; round++) {
                kit.checkpoint_bytes = 1 + sim_random(20000);
                BDFS_ASSERT(sim_node_start(nn, "namenode", process, NULL, &err) == BDFS_OK);
                os_sleep_ms((int64_t)sim_random(round % 3 == 0 ? 15 : 200));
                sim_node_crash(nn, sim_random(2) == 0 ? SIM_KILL : SIM_POWER);
                sim_node_join(nn);
        }
        run_to_end(nn, settle, &one);
        kit_drop_tables();
        run_to_end(nn, settle, &two);
        BDFS_ASSERT(one.index == two.index && memcmp(one.bytes, two.bytes, 32) == 0);
}

static void crashes_at_any_moment_lose_nothing_acknowledged(void **state)
{
        unsigned acked = 0, alive = 0;

        (void)state;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                assert_int_equal(kit_set_up(NULL), 0);
                (void)snprintf(kit.journal_dir, sizeof(kit.journal_dir), "/journal");
                (void)sim_run(seed, story, NULL);
                if (model.lost > 0 || model.twice > 0)
                        (void)fprintf(stderr, "seed %llu: %u lost, %u applied twice\n",
                                      (unsigned long long)seed, model.lost, model.twice);
                assert_int_equal(model.lost, 0);
                assert_int_equal(model.twice, 0);
                assert_int_equal(kit_tear_down(NULL), 0);
                for (unsigned i = 0; i < PATHS; i++)
                        acked += model.acked[i];
                alive += model.alive;
        }
        assert_true(acked > SEEDS * 10);
        assert_int_equal(alive, SEEDS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(crashes_at_any_moment_lose_nothing_acknowledged),
        };

        log_open("test", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
