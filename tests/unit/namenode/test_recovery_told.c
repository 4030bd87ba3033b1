/*
 * What recovery told a node is not decided again: a namenode with its own threads, and datanodes
 * that are played. The writer dies; two nodes answer, they are told to seal, then a third one with
 * less answers (or the namenode starts again).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "namenode/namenode.h"
#include "namenode/tree/namespace.h"
#include "net/cluster_secret.h"
#include "proto/replica_digest.h"
#include "tests/lib/test_must.h"

#define CLUSTER "000102030405060708090a0b0c0d0e0f"
#define NODES 3
#define RECOVERING BDFS__REPLICA_STATE__REPLICA_RECOVERING
#define FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED
#define LONG 600000
#define SHORT 100000

struct played {
        uint32_t number;
        uint64_t epoch, log_next, replicas;
        struct replica_digest digest;
        bool stopped;            /* told to stop */
        size_t seals;            /* told to seal */
        uint64_t stamp, length;  /* what the last of these said */
        uint64_t finalized;      /* length, 0: not */
};

static struct {
        char dir[64];
        struct namenode_conf conf;
        struct namenode *nn;
        struct played node[NODES + 1]; /* from 1 */
        uint64_t inode, block, stamp;
        bool sealed_elsewhere;   /* somebody was told another length than LONG */
} w;

/* ---- datanodes ------------------------------------------------------------------------------ */

static void join(uint32_t i)
{
        struct played *n = &w.node[i];
        Bdfs__RegisterRequest q = BDFS__REGISTER_REQUEST__INIT;
        Bdfs__RegisterResponse r = BDFS__REGISTER_RESPONSE__INIT;
        Bdfs__StorageReport storage = BDFS__STORAGE_REPORT__INIT, *storages[] = {&storage};
        uint8_t digest[16];
        char uuid[16];
        struct bdfs_err err;

        replica_digest_encode(&n->digest, digest);
        (void)snprintf(uuid, sizeof(uuid), "node-%u", i);
        storage.uuid = uuid;
        storage.capacity = 2 * GIB;
        storage.remaining = GIB;
        q.cluster = (ProtobufCBinaryData){16, w.nn->cluster};
        q.uuid = uuid;
        q.ip = q.host_name = (char *)(uintptr_t)"127.0.0.1";
        q.rack = (char *)(uintptr_t)"/r";
        q.own_port = 9000 + i;
        q.storages = storages;
        q.n_storages = 1;
        q.log_id = 100 + i;
        q.log_first = 1;
        q.log_next = n->log_next;
        q.replicas = n->replicas;
        q.digest = (ProtobufCBinaryData){16, digest};
        q.version = (char *)(uintptr_t)"test";
        must(blocks_register(w.nn->blocks, &q, &r, &err), &err);
        n->number = r.number;
        n->epoch = r.epoch;
}

static void report(uint32_t i, uint32_t state, uint64_t stamp, uint64_t length)
{
        struct played *n = &w.node[i];
        Bdfs__ReportRequest q = BDFS__REPORT_REQUEST__INIT;
        Bdfs__ReportResponse r = BDFS__REPORT_RESPONSE__INIT;
        Bdfs__Replica c = BDFS__REPLICA__INIT, *changes[] = {&c};
        struct bdfs_err err;

        c.block = w.block;
        c.stamp = stamp;
        c.length = length;
        c.state = (Bdfs__ReplicaState)state;
        q.number = n->number;
        q.epoch = n->epoch;
        q.log_id = 100 + i;
        q.first = n->log_next;
        q.changes = changes;
        q.n_changes = 1;
        must(blocks_report(w.nn->blocks, &q, &r, &err), &err);
        assert_true(r.accepted);
        n->log_next++;
        if (state == FINALIZED) {
                replica_digest_add(&n->digest, w.block, stamp, length);
                n->replicas++;
                n->finalized = length;
        }
}

static void heartbeat(uint32_t i)
{
        struct played *n = &w.node[i];
        Bdfs__HeartbeatRequest q = BDFS__HEARTBEAT_REQUEST__INIT;
        Bdfs__HeartbeatResponse *r;
        Bdfs__StorageReport storage = BDFS__STORAGE_REPORT__INIT, *storages[] = {&storage};
        uint8_t digest[16];
        struct bdfs_err err;

        storage.uuid = (char *)(uintptr_t)"s";
        storage.capacity = 2 * GIB;
        storage.remaining = GIB;
        replica_digest_encode(&n->digest, digest);
        q.number = n->number;
        q.epoch = n->epoch;
        q.storages = storages;
        q.n_storages = 1;
        q.replicas = n->replicas;
        q.digest = (ProtobufCBinaryData){16, digest};
        q.log_next = n->log_next;
        must(blocks_heartbeat(w.nn->blocks, &q, &r, &err), &err);
        n->stopped = n->stopped || r->n_stops > 0;
        for (size_t k = 0; k < r->n_seals; k++) {
                n->seals++;
                n->stamp = r->seals[k]->new_stamp;
                n->length = r->seals[k]->length;
                w.sealed_elsewhere = w.sealed_elsewhere || n->length != LONG;
        }
        blocks_heartbeat_free(r);
}

static void pass(int64_t ms)
{
        for (int64_t end = os_mono_ms() + ms; os_mono_ms() < end; os_sleep_ms(50))
                for (uint32_t i = 1; i <= NODES; i++)
                        if (w.node[i].number != 0)
                                heartbeat(i);
}

#define WITHIN(ms, condition)                                                    \
        do {                                                                     \
                int64_t end_ = os_mono_ms() + (ms);                              \
                while (!(condition) && os_mono_ms() < end_)                      \
                        pass(50);                                                \
                assert_true(condition);                                          \
        } while (0)

/* ---- the namenode --------------------------------------------------------------------------- */

static void make_secret(void)
{
        char path[128], text[CLUSTER_SECRET_FILE_BYTES + 1];
        struct os_file *f;
        struct bdfs_err err;

        (void)snprintf(path, sizeof(path), "%s/secret", w.dir);
        cluster_secret_make(text);
        must(os_file_open(&f, path, OS_WRITE | OS_CREATE, &err), &err);
        must(os_file_write(f, 0, text, strlen(text), &err), &err);
        must(os_file_close(f, &err), &err);
}

static void start(void)
{
        char text[300];
        struct bdfs_err err;

        (void)snprintf(text, sizeof(text),
                       "cluster = " CLUSTER "\nsecret = %s/secret\ndata = %s\nown_port = 0\n"
                       "lease_soft = 100ms\nlease_hard = 100ms\n", w.dir, w.dir);
        make_secret();
        must(conf_parse(namenode_conf_table, namenode_conf_table_n, "namenode", text, strlen(text),
                        &w.conf, &err), &err);
        must(namenode_start(&w.nn, &w.conf, &err), &err);
        for (uint32_t i = 1; i <= NODES; i++)
                join(i);
}

static void stop(void)
{
        namenode_stop(w.nn);
        conf_free(namenode_conf_table, namenode_conf_table_n, &w.conf);
        w.nn = NULL;
}

static void record(Bdfs__JournalRecord *r, Bdfs__OpResult **ret)
{
        static Bdfs__RecordCaller root = BDFS__RECORD_CALLER__INIT;
        struct bdfs_err err;

        root.user = w.nn->owner;
        root.superuser = true;
        r->caller = &root;
        must(commit_wait(w.nn->commit, r, ret, &err), &err);
}

/* A file with a block on all nodes, and then its writer is heard of no more. */
static void write_and_die(void)
{
        Bdfs__JournalRecord create = BDFS__JOURNAL_RECORD__INIT, add = BDFS__JOURNAL_RECORD__INIT;
        Bdfs__CreateOp c = BDFS__CREATE_OP__INIT;
        Bdfs__AddBlockOp a = BDFS__ADD_BLOCK_OP__INIT;
        Bdfs__OpResult *result;
        uint32_t nodes[NODES];
        ProtobufCBinaryData path = {2, (uint8_t *)(uintptr_t)"/f"};

        c.path = a.path = path;
        c.mode = 0644;
        c.holder = a.holder = (char *)(uintptr_t)"w";
        c.create = 1;
        c.replication = 3;
        c.block_size = 1 << 20;
        create.op_case = BDFS__JOURNAL_RECORD__OP_CREATE;
        create.create = &c;
        record(&create, &result);
        w.inode = result->inode;
        op_result_free(result);
        for (uint32_t i = 0; i < NODES; i++)
                nodes[i] = w.node[i + 1].number;
        a.inode = w.inode;
        a.targets = nodes;
        a.n_targets = NODES;
        add.op_case = BDFS__JOURNAL_RECORD__OP_ADD_BLOCK;
        add.add_block = &a;
        record(&add, &result);
        w.block = result->block->id;
        w.stamp = result->block->stamp;
        op_result_free(result);
        WITHIN(20000, w.node[1].stopped && w.node[2].stopped && w.node[3].stopped);
}

static bool is_closed(uint64_t *ret_length)
{
        struct ns_status s;
        struct store_txn *t;
        struct bdfs_err err;

        must(store_begin_read(w.nn->store, &t, &err), &err);
        must(ns_stat_inode(t, w.inode, &s, &err), &err);
        store_abort(t);
        *ret_length = s.length;
        return !s.open;
}

static int setup(void **state)
{
        (void)state;
        memset(&w, 0, sizeof(w));
        log_open("test_recovery_told", LOG_LEVEL_ERROR);
        (void)snprintf(w.dir, sizeof(w.dir), "/tmp/test_told.XXXXXX");
        assert_non_null(mkdtemp(w.dir));
        for (uint32_t i = 1; i <= NODES; i++)
                w.node[i].log_next = 1;
        start();
        return 0;
}

static int teardown(void **state)
{
        char command[128];

        (void)state;
        if (w.nn != NULL)
                stop();
        (void)snprintf(command, sizeof(command), "rm -rf %s", w.dir);
        return system(command);
}

static void long_ones_answer_and_are_told(void)
{
        write_and_die();
        report(1, RECOVERING, w.stamp, LONG);
        report(2, RECOVERING, w.stamp, LONG);
        WITHIN(20000, w.node[1].seals > 0 && w.node[2].seals > 0);
        assert_int_equal(w.node[1].length, LONG);
}

static void closes_at_the_long_length(void)
{
        uint64_t length, stamp = w.node[1].stamp;

        pass(1000);
        assert_false(w.sealed_elsewhere);
        assert_int_equal(w.node[3].seals, 0);
        report(1, FINALIZED, stamp, LONG);
        report(2, FINALIZED, stamp, LONG);
        WITHIN(30000, is_closed(&length));
        assert_int_equal(length, LONG);
        assert_false(w.sealed_elsewhere);
}

static void a_late_answer_changes_nothing_that_was_told(void **state)
{
        (void)state;
        long_ones_answer_and_are_told();
        report(3, RECOVERING, w.stamp, SHORT);
        closes_at_the_long_length();
}

static void nor_does_a_restart_before_the_others_are_heard_again(void **state)
{
        (void)state;
        long_ones_answer_and_are_told();
        stop();
        memset(&w.conf, 0, sizeof(w.conf));
        start();
        for (uint32_t i = 1; i <= NODES; i++)
                w.node[i].seals = 0;
        report(3, RECOVERING, w.stamp, SHORT);
        WITHIN(20000, w.node[1].seals > 0);
        closes_at_the_long_length();
}

/* Those that were told are gone for good, and a longer one is there that was sealed by its writer:
 * it is not cut, and the file does not stay open for ever. */
static void what_was_told_to_the_dead_is_decided_anew_for_longer_ones_only(void **state)
{
        uint64_t length;

        (void)state;
        long_ones_answer_and_are_told();
        w.node[1].number = w.node[2].number = 0; /* never heard of again */
        report(3, RECOVERING, w.stamp, SHORT);
        pass(15000);
        assert_false(is_closed(&length));
        assert_int_equal(w.node[3].seals, 0);
        report(3, FINALIZED, w.stamp, LONG + 7);
        w.sealed_elsewhere = false;
        WITHIN(40000, w.node[3].seals > 0);
        assert_int_equal(w.node[3].length, LONG + 7);
        report(3, FINALIZED, w.node[3].stamp, LONG + 7);
        WITHIN(30000, is_closed(&length));
        assert_int_equal(length, LONG + 7);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(a_late_answer_changes_nothing_that_was_told),
                T(nor_does_a_restart_before_the_others_are_heard_again),
                T(what_was_told_to_the_dead_is_decided_anew_for_longer_ones_only),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
