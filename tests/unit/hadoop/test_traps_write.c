/* Traps 14-16, 18, 19, 22-24, 26, 27, 54 of stock clients: files that are being written. */
#include "tests/unit/hadoop/test_hadoop_data.h"

static int setup(void **state)
{
        *state = hadoop_start(2, "");
        return 0;
}

static int teardown(void **state)
{
        hadoop_stop(*state);
        return 0;
}

static const Hadoop__AppendResponseProto *ask_append(struct peer *p, const char *src,
                                                     const char *holder)
{
        Hadoop__AppendRequestProto q = HADOOP__APPEND_REQUEST_PROTO__INIT;

        q.src = text(src);
        q.clientname = text(holder);
        return peer_ask(p, METHOD_CLIENT_append, &q.base);
}

static const Hadoop__LocatedBlockProto *ask_stamp(struct peer *p,
                                                  const Hadoop__ExtendedBlockProto *block,
                                                  const char *holder)
{
        Hadoop__UpdateBlockForPipelineRequestProto q =
                HADOOP__UPDATE_BLOCK_FOR_PIPELINE_REQUEST_PROTO__INIT;
        const Hadoop__UpdateBlockForPipelineResponseProto *r;

        q.block = (Hadoop__ExtendedBlockProto *)(uintptr_t)block;
        q.clientname = text(holder);
        r = peer_ask(p, METHOD_CLIENT_updateBlockForPipeline, &q.base);
        return r->block;
}

/* The file's bytes, block by block, each with the type of checksum it was written with. */
static void wants_file(struct peer *p, const char *src, const uint8_t *data, size_t n,
                       const enum crc_type *types)
{
        const Hadoop__LocatedBlocksProto *l = ask_locations(p, src, 0, INT64_MAX);
        size_t at = 0;

        assert_int_equal(l->filelength, n);
        for (size_t i = 0; i < l->n_blocks; i++) {
                assert_int_equal(l->blocks[i]->offset, at);
                wants_bytes(l->blocks[i], 0, l->blocks[i]->b->numbytes, data + at, types[i]);
                at += l->blocks[i]->b->numbytes;
        }
        assert_int_equal(at, n);
}

/* What a datanode's IPC port says of a block being written; the name that Java claims is none. */
static uint64_t ask_visible(const Hadoop__LocatedBlockProto *b)
{
        Hadoop__GetReplicaVisibleLengthRequestProto q =
                HADOOP__GET_REPLICA_VISIBLE_LENGTH_REQUEST_PROTO__INIT;
        const Hadoop__GetReplicaVisibleLengthResponseProto *r;
        struct peer *p = peer_dial((uint16_t)b->locs[0]->id->ipcport, DATANODE_PROTOCOL);
        uint64_t length;

        peer_greet(p, "blk_1073741825_1001");
        q.block = b->b;
        r = peer_ask(p, METHOD_DATANODE_getReplicaVisibleLength, &q.base);
        length = r->length;
        peer_close(p);
        return length;
}

static void trap_14_the_last_block_is_named_and_its_length_can_be_asked(void **state)
{
        const struct write_how how = HOW_JAVA;
        struct peer *p = peer_open(*state);
        uint8_t *data = some_bytes(200000);
        const Hadoop__LocatedBlocksProto *l;
        const Hadoop__LocatedBlockProto *b;
        Hadoop__ExtendedBlockProto last;
        struct os_sock *s;
        int64_t seqno;

        (void)ask_create(p, "/t14", "writer", 2);
        write_block(ask_block(p, "/t14", "writer", NULL), &how, data, 1000, &last);
        b = ask_block(p, "/t14", "writer", &last);
        s = write_open(b, &how);
        seqno = write_data(s, &how, 2, 0, 0, data, 150000);
        l = ask_locations(p, "/t14", 0, 10); /* asked for the first block only */
        assert_true(l->underconstruction);
        assert_int_equal(l->filelength, 1000);
        assert_int_equal(l->n_blocks, 1);
        assert_non_null(l->lastblock);
        assert_false(l->islastblockcomplete);
        assert_int_equal(l->lastblock->b->blockid, b->b->blockid);
        assert_int_equal(l->lastblock->offset, 1000);
        assert_int_equal(l->lastblock->n_locs, 2);
        assert_int_equal(ask_visible(l->lastblock), 150000);
        wants_bytes(l->lastblock, 0, 150000, data, CRC_CRC32C);
        write_last(s, &how, 2, 150000, seqno);
        last = *b->b;
        last.numbytes = 150000;
        assert_true(ask_complete(p, "/t14", "writer", &last));
        l = ask_locations(p, "/t14", 0, 10);
        assert_false(l->underconstruction);
        assert_true(l->islastblockcomplete);
        assert_int_equal(l->lastblock->b->numbytes, 150000);
        free(data);
        peer_close(p);
}

static void one_for_each(const Hadoop__LocatedBlockProto *b)
{
        assert_true(b->n_locs > 0);
        assert_int_equal(b->n_storageids, b->n_locs);
        assert_int_equal(b->n_storagetypes, b->n_locs);
        for (size_t i = 0; i < b->n_locs; i++)
                assert_true(strlen(b->storageids[i]) > 0);
}

static void traps_15_16_each_node_has_a_storage_and_no_length_is_left_out(void **state)
{
        struct peer *p = peer_open(*state);
        Hadoop__GetAdditionalDatanodeRequestProto q =
                HADOOP__GET_ADDITIONAL_DATANODE_REQUEST_PROTO__INIT;
        const Hadoop__GetAdditionalDatanodeResponseProto *more;
        const Hadoop__LocatedBlockProto *b, *stamped;

        (void)ask_create(p, "/t15", "writer", 1);
        b = ask_block(p, "/t15", "writer", NULL);
        assert_int_equal(b->n_locs, 1);
        one_for_each(b);
        assert_true(b->b->has_numbytes);
        assert_int_equal(b->b->numbytes, 0);
        q.src = text("/t15");
        q.clientname = text("writer");
        q.blk = b->b;
        q.existings = b->locs;
        q.n_existings = 1;
        q.existingstorageuuids = b->storageids;
        q.n_existingstorageuuids = 1;
        q.numadditionalnodes = 1;
        more = peer_ask(p, METHOD_CLIENT_getAdditionalDatanode, &q.base);
        assert_int_equal(more->block->n_locs, 2);
        one_for_each(more->block);
        assert_true(more->block->b->has_numbytes);
        assert_string_equal(more->block->locs[0]->id->datanodeuuid, b->locs[0]->id->datanodeuuid);
        assert_string_equal(more->block->storageids[0], b->storageids[0]);
        stamped = ask_stamp(p, b->b, "writer");
        assert_true(stamped->b->has_numbytes);
        b = ask_locations(p, "/t15", 0, 1)->lastblock;
        one_for_each(b);
        assert_true(b->b->has_numbytes);
        peer_close(p);
}

static void trap_18_create_and_append_say_what_the_file_is(void **state)
{
        struct peer *p = peer_open(*state);
        const Hadoop__AppendResponseProto *r;

        assert_non_null(ask_create(p, "/t18", "writer", 1));
        assert_true(ask_complete(p, "/t18", "writer", NULL));
        r = ask_append(p, "/t18", "writer"); /* no block yet */
        assert_non_null(r->stat);
        assert_null(r->block);
        assert_true(ask_complete(p, "/t18", "writer", NULL));
        make_file(p, "/t18part", (const uint8_t *)"bar\n", 4, 1);
        r = ask_append(p, "/t18part", "writer"); /* a part of a block: D2, none is given */
        assert_non_null(r->stat);
        assert_int_equal(r->stat->length, 4);
        assert_null(r->block);
        peer_close(p);
}

static void trap_19_more_replicas_than_nodes_and_any_block_size_are_taken(void **state)
{
        static const uint64_t sizes[] = {1 << 20, 128 << 20, (1 << 20) + 512, 3 << 20};
        const struct write_how how = HOW_JAVA;
        struct peer *p = peer_open(*state);
        char path[16];

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                Hadoop__FsPermissionProto perm;
                Hadoop__CreateRequestProto q;
                const Hadoop__LocatedBlockProto *b;
                const Hadoop__CreateResponseProto *r;
                Hadoop__ExtendedBlockProto last;

                (void)snprintf(path, sizeof(path), "/t19-%zu", i);
                q = create_request(path, "writer", &perm);
                q.replication = 3; /* there are two */
                q.blocksize = sizes[i];
                r = peer_ask(p, METHOD_CLIENT_create, &q.base);
                assert_int_equal(r->fs->block_replication, 3);
                assert_int_equal(r->fs->blocksize, sizes[i]);
                b = ask_block(p, path, "writer", NULL);
                assert_int_equal(b->n_locs, 2);
                write_block(b, &how, (const uint8_t *)"bar\n", 4, &last);
                assert_true(ask_complete(p, path, "writer", &last));
        }
        peer_close(p);
}

/* 22: gohdfs asks for a stamp when a block is finished, ignores it and commits with the old one. */
static void trap_22_a_stamp_that_is_asked_for_changes_nothing(void **state)
{
        const struct write_how how = HOW_GOHDFS;
        static const enum crc_type types[] = {CRC_CRC32, CRC_CRC32};
        struct peer *p = peer_open(*state);
        uint8_t *data = some_bytes(5000);
        const Hadoop__LocatedBlockProto *b, *stamped;
        Hadoop__ExtendedBlockProto last;

        (void)ask_create(p, "/t22", "go", 2);
        b = ask_block(p, "/t22", "go", NULL);
        write_block(b, &how, data, 3000, &last);
        stamped = ask_stamp(p, &last, "go");
        assert_true(stamped->b->generationstamp > last.generationstamp);
        b = ask_block(p, "/t22", "go", &last);
        write_block(b, &how, data + 3000, 2000, &last);
        stamped = ask_stamp(p, &last, "go");
        assert_true(stamped->b->generationstamp > last.generationstamp);
        assert_true(ask_complete(p, "/t22", "go", &last));
        wants_file(p, "/t22", data, 5000, types);
        free(data);
        peer_close(p);
}

/* 23: after append() gohdfs and hdfs-native go on at once, with no new stamp and no updatePipeline;
 * as D2 has it they get no block to go on with, and ask for one. */
static void trap_23_who_appends_asks_for_a_block(void **state)
{
        const struct write_how how = HOW_JAVA;
        static const enum crc_type types[] = {CRC_CRC32C, CRC_CRC32C};
        struct peer *p = peer_open(*state);
        uint8_t *data = some_bytes(5000);
        Hadoop__ExtendedBlockProto last;

        make_file(p, "/t23", data, 3000, 2);
        assert_null(ask_append(p, "/t23", "native")->block);
        write_block(ask_block(p, "/t23", "native", NULL), &how, data + 3000, 2000, &last);
        assert_true(ask_complete(p, "/t23", "native", &last));
        wants_file(p, "/t23", data, 5000, types);
        free(data);
        peer_close(p);
}

/* 24: each replica is read back with the checksums it was written with, and never without. */
static void trap_24_each_block_keeps_its_kind_of_checksum(void **state)
{
        const struct write_how go = HOW_GOHDFS, java = HOW_JAVA;
        static const enum crc_type types[] = {CRC_CRC32, CRC_CRC32C, CRC_CRC32};
        struct peer *p = peer_open(*state);
        uint8_t *data = some_bytes(3 * 70000);
        Hadoop__ExtendedBlockProto last;

        (void)ask_create(p, "/t24", "go", 2); /* neither call below says a file id */
        write_block(ask_block(p, "/t24", "go", NULL), &go, data, 70000, &last);
        write_block(ask_block(p, "/t24", "go", &last), &java, data + 70000, 70000, &last);
        write_block(ask_block(p, "/t24", "go", &last), &go, data + 140000, 70000, &last);
        assert_true(ask_complete(p, "/t24", "go", &last));
        wants_file(p, "/t24", data, 210000, types);
        free(data);
        peer_close(p);
}

/* 26, 27: gohdfs neither asks complete() twice nor addBlock again. */
static void traps_26_27_what_was_acknowledged_can_be_completed_at_once(void **state)
{
        const struct write_how how = HOW_GOHDFS;
        struct peer *p = peer_open(*state);
        Hadoop__ExtendedBlockProto last;
        char path[16];

        for (unsigned i = 0; i < 30; i++) {
                (void)snprintf(path, sizeof(path), "/t26-%u", i);
                (void)ask_create(p, path, "go", 2);
                write_block(ask_block(p, path, "go", NULL), &how, (const uint8_t *)"one\n", 4,
                            &last);
                write_block(ask_block(p, path, "go", &last), &how, (const uint8_t *)"two\n", 4,
                            &last);
                assert_true(ask_complete(p, path, "go", &last));
                assert_int_equal(ask_info(p, path)->length, 8);
        }
        peer_close(p);
}

static void trap_27_what_gohdfs_sends_besides_is_taken(void **state)
{
        struct peer *p = peer_open(*state);
        Hadoop__RenewLeaseRequestProto renew = HADOOP__RENEW_LEASE_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto perm;
        Hadoop__CreateRequestProto q = create_request("/t27/none/file", "go", &perm);

        ask_mkdirs(p, "/t27", 0755u | 1u << 31); /* os.ModeDir */
        assert_int_equal(ask_info(p, "/t27")->permission->perm, 0755);
        assert_false(q.createparent);
        peer_refused(p, METHOD_CLIENT_create, &q.base, "java.io.FileNotFoundException");
        q = create_request("/t27/file", "go", &perm);
        (void)peer_ask(p, METHOD_CLIENT_create, &q.base);
        renew.clientname = text("go, and nobody knows it");
        for (unsigned i = 0; i < 5; i++)
                (void)peer_ask(p, METHOD_CLIENT_renewLease, &renew.base);
        peer_close(p);
}

/* 54: the client's name is who holds a lease: not the connection, not the process. */
static void trap_54_the_name_of_a_client_is_its_lease(void **state)
{
        const struct write_how how = HOW_JAVA;
        struct hadoop *h = *state;
        struct peer *one = peer_open(h), *two = peer_open(h);
        Hadoop__AddBlockRequestProto q = HADOOP__ADD_BLOCK_REQUEST_PROTO__INIT;
        Hadoop__ExtendedBlockProto last;

        (void)ask_create(one, "/t54", "the name", 1);
        (void)ask_create(one, "/t54b", "another name", 1);
        q.src = text("/t54");
        q.clientname = text("another name");
        peer_refused(one, METHOD_CLIENT_addBlock, &q.base,
                     "org.apache.hadoop.hdfs.server.namenode.LeaseExpiredException");
        write_block(ask_block(two, "/t54", "the name", NULL), &how, (const uint8_t *)"bar\n", 4,
                    &last);
        assert_true(ask_complete(two, "/t54", "the name", &last));
        peer_close(two);
        peer_close(one);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(trap_14_the_last_block_is_named_and_its_length_can_be_asked),
                cmocka_unit_test(traps_15_16_each_node_has_a_storage_and_no_length_is_left_out),
                cmocka_unit_test(trap_18_create_and_append_say_what_the_file_is),
                cmocka_unit_test(trap_19_more_replicas_than_nodes_and_any_block_size_are_taken),
                cmocka_unit_test(trap_22_a_stamp_that_is_asked_for_changes_nothing),
                cmocka_unit_test(trap_23_who_appends_asks_for_a_block),
                cmocka_unit_test(trap_24_each_block_keeps_its_kind_of_checksum),
                cmocka_unit_test(traps_26_27_what_was_acknowledged_can_be_completed_at_once),
                cmocka_unit_test(trap_27_what_gohdfs_sends_besides_is_taken),
                cmocka_unit_test(trap_54_the_name_of_a_client_is_its_lease),
        };

        log_open("test_traps_write", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, setup, teardown);
}
