/*
 * A namespace's store, block management on top of it, and datanodes that are played: what the
 * tests of blocks_*.c share. The clock is the test's.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "namenode/blocks/blocks_internal.h"

#define KIT_NODES 8
#define KIT_FIRST BLOCK_FIRST
#define KIT_STAMP 1001
#define KIT_FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED
#define KIT_RECEIVING BDFS__REPLICA_STATE__REPLICA_RECEIVING
#define KIT_RECOVERING BDFS__REPLICA_STATE__REPLICA_RECOVERING
#define KIT_CORRUPT BDFS__REPLICA_STATE__REPLICA_CORRUPT
#define KIT_GONE BDFS__REPLICA_STATE__REPLICA_GONE
#define KIT_NONE BDFS__REGISTER_RESPONSE__REPORT__NONE
#define KIT_DELTA BDFS__REGISTER_RESPONSE__REPORT__DELTA
#define KIT_FULL BDFS__REGISTER_RESPONSE__REPORT__FULL

#define OK(call) assert_int_equal((call), BDFS_OK)

struct kit_row {
        uint64_t block, stamp, length;
        uint32_t state;
};

/* A datanode: what it has, its log, what it was told. */
struct kit_node {
        char uuid[40], ip[40], rack[40];
        uint8_t key[32];
        uint32_t number;
        uint64_t epoch, log_id, log_first, log_next, sent;
        struct kit_row *rows;    /* by block */
        size_t rows_n, rows_room;
        struct kit_row *log;     /* changes log_first .. log_next - 1 */
        size_t log_room;
        uint64_t replicas;       /* finalized */
        struct replica_digest digest;
        uint64_t remaining;
        size_t bytes;            /* sent in reports so far */
        bool alive;              /* heartbeats are sent by kit_pass() */
};

struct kit {
        char dir[64];
        struct store *store;
        struct blocks *b;
        uint8_t cluster[16];
        uint32_t permille;
        int64_t extension_ms;
        struct kit_node node[KIT_NODES + 1]; /* from 1 */
        struct os_mutex noting; /* for what follows: heartbeats may come from several threads */
        /* what the last heartbeats brought */
        struct { uint32_t node; uint64_t block, stamp; } deletes[4096];
        struct { uint32_t source, target; uint64_t block, stamp; int64_t at_ms; } copies[4096];
        size_t deletes_n, copies_n, stops_n, seals_n, verifies_n;
        bool full_asked;
};

static int64_t kit_now_ms = 1000000;
static struct kit *kit_of_commit; /* commit_wait() below writes into its store */

static inline int64_t kit_clock(void)
{
        return kit_now_ms;
}

/* ---- the namespace --------------------------------------------------------------------------- */

static inline struct store_txn *kit_write(struct kit *k)
{
        struct store_txn *t;
        struct bdfs_err err;

        OK(store_begin_write(k->store, &t, &err));
        return t;
}

static inline void kit_commit(struct store_txn *t)
{
        struct bdfs_err err;

        OK(store_commit(t, &err));
}

/* The committer of these tests: registers a node, as apply does. */
enum bdfs_status commit_wait(struct commit *c, Bdfs__JournalRecord *record, Bdfs__OpResult **ret,
                             struct bdfs_err *err)
{
        const Bdfs__RegisterNodeOp *op = record->register_node;
        struct node_row row = {.number = op->number, .key_n = (uint32_t)op->key.len};
        struct store_txn *t = kit_write(kit_of_commit);
        struct counters counters;

        (void)c;
        (void)ret;
        assert_int_equal(record->op_case, BDFS__JOURNAL_RECORD__OP_REGISTER_NODE);
        (void)snprintf(row.uuid, sizeof(row.uuid), "%s", op->uuid);
        if (op->key.len > 0)
                memcpy(row.key, op->key.data, op->key.len);
        OK(table_get_counters(t, &counters, err));
        assert_int_equal(counters.node, op->number);
        counters.node++;
        OK(table_put_counters(t, &counters, err));
        OK(table_put_node(t, &row, err));
        kit_commit(t);
        return BDFS_OK;
}

static inline void kit_put_block(struct store_txn *t, uint64_t id, uint64_t stamp, uint64_t length,
                          enum block_state state, uint32_t replication)
{
        struct block row = {.id = id, .stamp = stamp, .length = length, .state = state,
                            .replication = replication, .refs = state == BLOCK_RETIRED ? 0 : 1};
        struct counters counters;
        struct bdfs_err err;

        OK(table_put_block(t, &row, &err));
        OK(table_get_counters(t, &counters, &err));
        if (id >= counters.block) {
                counters.block = id + 1;
                OK(table_put_counters(t, &counters, &err));
        }
}

static inline void kit_block(struct kit *k, uint64_t id, uint64_t stamp, uint64_t length,
                      enum block_state state, uint32_t replication)
{
        struct store_txn *t = kit_write(k);

        kit_put_block(t, id, stamp, length, state, replication);
        kit_commit(t);
}

static inline void kit_free_block(struct kit *k, uint64_t id)
{
        struct store_txn *t = kit_write(k);
        struct bdfs_err err;

        OK(table_del_block(t, id, &err));
        OK(table_put_freed(t, &(struct freed_row){.block = id, .stamp = KIT_STAMP}, &err));
        kit_commit(t);
        blocks_freed(k->b, &id, 1);
}

/* ---- life ------------------------------------------------------------------------------------ */

#define KIT_SECRET 0x5e /* every byte of it */

static inline void kit_open_blocks(struct kit *k)
{
        char dir[96];
        struct blocks_config config = {.dir = dir,
                                       .store = k->store,
                                       .safe_mode_permille = k->permille,
                                       .safe_mode_extension_ms = k->extension_ms};
        struct bdfs_err err;

        (void)snprintf(dir, sizeof(dir), "%s/replicas", k->dir);
        memcpy(config.cluster, k->cluster, 16);
        memset(config.secret, KIT_SECRET, sizeof(config.secret));
        for (uint32_t i = 1; i <= KIT_NODES; i++)
                OK(cluster_node_key(config.secret, k->cluster, k->node[i].uuid, k->node[i].key,
                                    &err));
        OK(blocks_new(&k->b, &config, &err));
        k->b->clock_ms = kit_clock;
        k->b->nodes.started_ms = kit_now_ms;
        k->b->random.state = 42;
        kit_of_commit = k;
        OK(blocks_set_commit(k->b, NULL, &err));
}

static inline struct kit *kit_new(void)
{
        const char *tmp = getenv("TMPDIR");
        struct kit *k = calloc(1, sizeof(*k));
        struct counters counters = {.inode = INODE_ROOT + 1,
                                    .block = BLOCK_FIRST,
                                    .stamp = STAMP_FIRST,
                                    .holder = 1,
                                    .name = 1,
                                    .node = 1};
        struct store_config config = {.tables = table_names,
                                      .tables_n = TABLE_COUNT,
                                      .versions = table_versions,
                                      .map_bytes = 4 * GIB};
        struct bdfs_err err;
        struct store_txn *t;
        char dir[96];
        bool fresh;

        assert_non_null(k);
        os_mutex_init(&k->noting);
        log_open("test", LOG_LEVEL_ERROR);
        (void)snprintf(k->dir, sizeof(k->dir), "%s/blocks-XXXXXX", tmp == NULL ? "/tmp" : tmp);
        assert_non_null(mkdtemp(k->dir));
        (void)snprintf(dir, sizeof(dir), "%s/tables", k->dir);
        config.dir = dir;
        OK(store_open(&k->store, &config, &fresh, &err));
        memset(k->cluster, 0xC1, 16);
        k->permille = 999;
        k->extension_ms = 3000;
        t = kit_write(k);
        OK(table_put_counters(t, &counters, &err));
        kit_commit(t);
        for (uint32_t i = 1; i <= KIT_NODES; i++) {
                struct kit_node *n = &k->node[i];

                (void)snprintf(n->uuid, sizeof(n->uuid), "node-%u", i);
                (void)snprintf(n->ip, sizeof(n->ip), "10.0.0.%u", i);
                (void)snprintf(n->rack, sizeof(n->rack), "/default");
                n->log_id = 100 + i;
                n->log_first = n->log_next = n->sent = 1;
                n->remaining = 100 * GIB;
        }
        kit_open_blocks(k);
        return k;
}

static inline void kit_free(struct kit *k)
{
        char command[128];
        struct bdfs_err err;

        blocks_free(k->b);
        OK(store_close(k->store, &err));
        for (uint32_t i = 1; i <= KIT_NODES; i++) {
                free(k->node[i].rows);
                free(k->node[i].log);
        }
        (void)snprintf(command, sizeof(command), "rm -rf '%s'", k->dir);
        assert_int_equal(system(command), 0);
        os_mutex_fini(&k->noting);
        free(k);
}

/* The namenode's process ends and starts again; with @lose the second environment is gone. */
static inline void kit_restart(struct kit *k, bool lose)
{
        char command[128];

        blocks_env_abandon(k->b->env);
        k->b->env = NULL;
        blocks_free(k->b);
        if (lose) {
                (void)snprintf(command, sizeof(command), "rm -rf '%s/replicas'", k->dir);
                assert_int_equal(system(command), 0);
        }
        kit_open_blocks(k);
}

/* ---- datanodes ------------------------------------------------------------------------------- */

static inline size_t kit_find(const struct kit_node *n, uint64_t block)
{
        size_t low = 0, high = n->rows_n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (n->rows[middle].block < block)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static inline void kit_log(struct kit_node *n, const struct kit_row *row)
{
        size_t at = (size_t)(n->log_next - n->log_first);

        if (at == n->log_room) {
                n->log_room = n->log_room == 0 ? 64 : 2 * n->log_room;
                n->log = realloc(n->log, n->log_room * sizeof(*n->log));
                assert_non_null(n->log);
        }
        n->log[at] = *row;
        n->log_next++;
}

static inline void kit_forget_row(struct kit_node *n, size_t at)
{
        const struct kit_row *r = &n->rows[at];

        if (r->state == KIT_FINALIZED) {
                replica_digest_remove(&n->digest, r->block, r->stamp, r->length);
                n->replicas--;
        }
        memmove(&n->rows[at], &n->rows[at + 1], (n->rows_n - at - 1) * sizeof(*n->rows));
        n->rows_n--;
}

/* What is on the disk of the datanode changes, without its log. */
static inline void kit_row(struct kit_node *n, const struct kit_row *row)
{
        size_t at = kit_find(n, row->block);

        if (at < n->rows_n && n->rows[at].block == row->block)
                kit_forget_row(n, at);
        if (row->state == KIT_GONE)
                return;
        if (n->rows_n == n->rows_room) {
                n->rows_room = n->rows_room == 0 ? 64 : 2 * n->rows_room;
                n->rows = realloc(n->rows, n->rows_room * sizeof(*n->rows));
                assert_non_null(n->rows);
        }
        memmove(&n->rows[at + 1], &n->rows[at], (n->rows_n - at) * sizeof(*n->rows));
        n->rows[at] = *row;
        n->rows_n++;
        if (row->state == KIT_FINALIZED) {
                replica_digest_add(&n->digest, row->block, row->stamp, row->length);
                n->replicas++;
        }
}

static inline void kit_change(struct kit_node *n, uint64_t block, uint64_t stamp, uint64_t length,
                       uint32_t state)
{
        struct kit_row row = {block, stamp, length, state};

        kit_row(n, &row);
        kit_log(n, &row);
}

static inline Bdfs__RegisterResponse__Report kit_register_from(struct kit *k, uint32_t i,
                                                        enum bdfs_status expected, uint64_t *from)
{
        struct kit_node *n = &k->node[i];
        Bdfs__RegisterRequest q = BDFS__REGISTER_REQUEST__INIT;
        Bdfs__RegisterResponse r = BDFS__REGISTER_RESPONSE__INIT;
        Bdfs__StorageReport storage = BDFS__STORAGE_REPORT__INIT, *storages[] = {&storage};
        uint8_t digest[16];
        struct bdfs_err err;

        storage.uuid = n->uuid;
        storage.capacity = 2 * n->remaining;
        storage.remaining = n->remaining;
        replica_digest_encode(&n->digest, digest);
        q.cluster = (ProtobufCBinaryData){16, k->cluster};
        q.uuid = n->uuid;
        q.ip = n->ip;
        q.host_name = n->ip;
        q.rack = n->rack;
        q.own_port = 9000 + i;
        q.storages = storages;
        q.n_storages = 1;
        q.log_id = n->log_id;
        q.log_first = n->log_first;
        q.log_next = n->log_next;
        q.replicas = n->replicas;
        q.digest = (ProtobufCBinaryData){16, digest};
        q.version = (char *)(uintptr_t)"test";
        assert_int_equal(blocks_register(k->b, &q, &r, &err), expected);
        if (expected != BDFS_OK)
                return KIT_FULL;
        n->bytes += protobuf_c_message_get_packed_size(&q.base);
        n->number = r.number;
        n->epoch = r.epoch;
        n->alive = true;
        *from = r.from;
        return r.report;
}

/* Changes from n->sent on; false when the namenode wants a registration. */
static inline bool kit_report_some(struct kit *k, uint32_t i, uint64_t first, size_t most)
{
        struct kit_node *n = &k->node[i];
        Bdfs__ReportRequest q = BDFS__REPORT_REQUEST__INIT;
        Bdfs__ReportResponse r = BDFS__REPORT_RESPONSE__INIT;
        struct bdfs_err err;

        q.number = n->number;
        q.epoch = n->epoch;
        q.log_id = n->log_id;
        q.first = first;
        q.n_changes = (size_t)(n->log_next - first) < most ? (size_t)(n->log_next - first) : most;
        q.changes = calloc(q.n_changes + 1, sizeof(*q.changes));
        for (size_t c = 0; c < q.n_changes; c++) {
                const struct kit_row *row = &n->log[first - n->log_first + c];

                q.changes[c] = malloc(sizeof(*q.changes[c]));
                bdfs__replica__init(q.changes[c]);
                q.changes[c]->block = row->block;
                q.changes[c]->stamp = row->stamp;
                q.changes[c]->length = row->length;
                q.changes[c]->state = (Bdfs__ReplicaState)row->state;
        }
        n->bytes += protobuf_c_message_get_packed_size(&q.base);
        OK(blocks_report(k->b, &q, &r, &err));
        if (r.accepted) {
                assert_true(r.log_durable <= n->log_next);
                n->sent = first + q.n_changes;
        }
        for (size_t c = 0; c < q.n_changes; c++)
                free(q.changes[c]);
        free(q.changes);
        return r.accepted;
}

static inline void kit_report(struct kit *k, uint32_t i)
{
        while (k->node[i].sent < k->node[i].log_next)
                assert_true(kit_report_some(k, i, k->node[i].sent, REPORT_PAGE_MAX));
}

/* One page of a full report, of the rows from *@at on. */
static inline bool kit_page(struct kit *k, uint32_t i, size_t *at, size_t rows, uint64_t position)
{
        struct kit_node *n = &k->node[i];
        Bdfs__FullReportRequest q = BDFS__FULL_REPORT_REQUEST__INIT;
        Bdfs__FullReportResponse r = BDFS__FULL_REPORT_RESPONSE__INIT;
        size_t count = n->rows_n - *at < rows ? n->rows_n - *at : rows;
        struct bdfs_err err;

        q.number = n->number;
        q.epoch = n->epoch;
        q.log_id = n->log_id;
        q.at = position;
        q.first_page = *at == 0;
        q.n_blocks = q.n_stamps = q.n_lengths = q.n_states = count;
        q.blocks = calloc(count + 1, 8);
        q.stamps = calloc(count + 1, 8);
        q.lengths = calloc(count + 1, 8);
        q.states = calloc(count + 1, 4);
        for (size_t c = 0; c < count; c++) {
                q.blocks[c] = n->rows[*at + c].block;
                q.stamps[c] = n->rows[*at + c].stamp;
                q.lengths[c] = n->rows[*at + c].length;
                q.states[c] = n->rows[*at + c].state;
        }
        *at += count;
        q.last_page = *at == n->rows_n;
        n->bytes += protobuf_c_message_get_packed_size(&q.base);
        OK(blocks_full_report(k->b, &q, &r, &err));
        free(q.blocks);
        free(q.stamps);
        free(q.lengths);
        free(q.states);
        return r.accepted;
}

static inline void kit_full(struct kit *k, uint32_t i, size_t rows)
{
        uint64_t position = k->node[i].log_next;
        size_t at = 0;

        do
                assert_true(kit_page(k, i, &at, rows, position));
        while (at < k->node[i].rows_n);
        k->node[i].sent = position;
}

/* Register and send whatever is asked for. Returns what that was. */
static inline Bdfs__RegisterResponse__Report kit_join(struct kit *k, uint32_t i)
{
        uint64_t from = 0;
        Bdfs__RegisterResponse__Report report = kit_register_from(k, i, BDFS_OK, &from);

        k->node[i].sent = k->node[i].log_next;
        if (report == KIT_DELTA) {
                k->node[i].sent = from;
                kit_report(k, i);
        } else if (report == KIT_FULL) {
                kit_full(k, i, REPORT_PAGE_MAX);
        }
        return report;
}

static inline void kit_note_commands(struct kit *k, uint32_t i, const Bdfs__HeartbeatResponse *r)
{
        for (size_t c = 0; c < r->n_deletes && k->deletes_n < 4096; c++) {
                k->deletes[k->deletes_n].node = i;
                k->deletes[k->deletes_n].block = r->deletes[c]->block;
                k->deletes[k->deletes_n++].stamp = r->deletes[c]->stamp;
        }
        for (size_t c = 0; c < r->n_copies; c++)
                for (size_t t = 0; t < r->copies[c]->n_targets && k->copies_n < 4096; t++) {
                        k->copies[k->copies_n].source = i;
                        k->copies[k->copies_n].target = r->copies[c]->targets[t]->number;
                        k->copies[k->copies_n].block = r->copies[c]->block;
                        k->copies[k->copies_n].at_ms = kit_now_ms;
                        k->copies[k->copies_n++].stamp = r->copies[c]->stamp;
                }
        k->stops_n += r->n_stops;
        k->seals_n += r->n_seals;
        k->verifies_n += r->n_verifies;
        k->full_asked = k->full_asked || (r->has_full_report && r->full_report);
}

/* True when it is told to register. */
static inline bool kit_heartbeat(struct kit *k, uint32_t i)
{
        struct kit_node *n = &k->node[i];
        Bdfs__HeartbeatRequest q = BDFS__HEARTBEAT_REQUEST__INIT;
        Bdfs__HeartbeatResponse *r;
        Bdfs__StorageReport storage = BDFS__STORAGE_REPORT__INIT, *storages[] = {&storage};
        uint8_t digest[16];
        struct bdfs_err err;
        bool again;

        storage.uuid = n->uuid;
        storage.capacity = 2 * n->remaining;
        storage.remaining = n->remaining;
        replica_digest_encode(&n->digest, digest);
        q.number = n->number;
        q.epoch = n->epoch;
        q.storages = storages;
        q.n_storages = 1;
        q.replicas = n->replicas;
        q.digest = (ProtobufCBinaryData){16, digest};
        q.log_next = n->log_next;
        OK(blocks_heartbeat(k->b, &q, &r, &err));
        again = r->has_register_ && r->register_;
        os_mutex_lock(&k->noting);
        kit_note_commands(k, i, r);
        os_mutex_unlock(&k->noting);
        blocks_heartbeat_free(r);
        return again;
}

static inline void kit_forget_commands(struct kit *k)
{
        k->deletes_n = k->copies_n = k->stops_n = k->seals_n = k->verifies_n = 0;
        k->full_asked = false;
}

/* Time passes, in steps of 200 ms: the background thread ticks, alive nodes beat each second. */
static inline void kit_pass(struct kit *k, int64_t ms)
{
        for (int64_t end = kit_now_ms + ms; kit_now_ms < end;) {
                kit_now_ms += 200;
                for (uint32_t i = 1; i <= KIT_NODES; i++)
                        if (k->node[i].alive && kit_now_ms % 1000 == 0)
                                (void)kit_heartbeat(k, i);
                for (int n = 0; blocks_tick(k->b, kit_now_ms) && n < 20; n++)
                        ;
        }
}

/* The copies and deletions that were ordered happen, and are reported. */
static inline void kit_obey(struct kit *k)
{
        for (size_t c = 0; c < k->copies_n; c++) {
                const struct kit_node *from = &k->node[k->copies[c].source];
                size_t at = kit_find(from, k->copies[c].block);

                assert_true(at < from->rows_n && from->rows[at].block == k->copies[c].block);
                kit_change(&k->node[k->copies[c].target], k->copies[c].block, k->copies[c].stamp,
                           from->rows[at].length, KIT_FINALIZED);
        }
        for (size_t c = 0; c < k->deletes_n; c++)
                kit_change(&k->node[k->deletes[c].node], k->deletes[c].block, k->deletes[c].stamp,
                           0, KIT_GONE);
        for (uint32_t i = 1; i <= KIT_NODES; i++)
                if (k->node[i].alive)
                        kit_report(k, i);
        kit_forget_commands(k);
}

/* A block with a sealed copy on each of these nodes. */
static inline void kit_stored(struct kit *k, uint64_t id, uint32_t replication,
                              const uint32_t *nodes, size_t n)
{
        kit_block(k, id, KIT_STAMP, 1 * MIB, BLOCK_COMPLETE, replication);
        for (size_t i = 0; i < n; i++)
                kit_change(&k->node[nodes[i]], id, KIT_STAMP, 1 * MIB, KIT_FINALIZED);
}

static inline size_t kit_copies_of(struct kit *k, uint64_t block)
{
        struct replica_info r[64];

        return blocks_replicas(k->b, block, 0, false, "", r, 64);
}
