/* Orders of the namenode, restarts, decay. */
#include "test_datanode_client.h"

#include <sys/stat.h>

#include "net/rpc_client.h"
#include "proto/hadoop_datanode.pb-c.h"

#define FINALIZED BDFS__REPLICA_STATE__REPLICA_FINALIZED

/* ---- orders of the namenode ---------------------------------------------------------------- */

static void a_deleted_replica_is_gone_and_reported(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 1000);
        struct ask a = ask_of(60, 1);
        Bdfs__HeartbeatResponse r = BDFS__HEARTBEAT_RESPONSE__INIT;
        Bdfs__DeleteCommand c = BDFS__DELETE_COMMAND__INIT, *p = &c;
        struct got g;

        write_block(f, &a, data, 1000, 512);
        c.block = 60;
        c.stamp = 1000; /* an older replica is meant */
        r.deletes = &p;
        r.n_deletes = 1;
        order(f, 0, &r);
        expect_bytes(f, &a, 0, 1000, data);
        c.stamp = 1001;
        order(f, 0, &r);
        wait_reported(f, 0, 60, BDFS__REPLICA_STATE__REPLICA_GONE, NULL);
        read_range(f, &a, 0, 1, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        free(data);
}

static void a_replica_is_copied_to_other_nodes(void **state)
{
        struct fixture *f = *state;
        size_t n = 1000003;
        uint8_t *data = random_bytes(f, n);
        struct ask a = ask_of(61, 1);
        Bdfs__HeartbeatResponse r = BDFS__HEARTBEAT_RESPONSE__INIT;
        Bdfs__CopyCommand c = BDFS__COPY_COMMAND__INIT, *p = &c;
        Bdfs__CopyTarget t[2], *tp[2] = {&t[0], &t[1]};
        struct token_bytes token;
        struct ask copy = a;
        char ip[] = "127.0.0.1";

        write_block(f, &a, data, n, 64512);
        copy.rights = TOKEN_COPY;
        copy.length = n;
        make_token(f, &copy, &token);
        for (unsigned i = 0; i < 2; i++) {
                bdfs__copy_target__init(&t[i]);
                t[i].number = i + 2;
                t[i].ip = ip;
                t[i].own_port = f->nodes[i + 1].own_port;
                t[i].uuid = f->nodes[i + 1].uuid;
        }
        c.block = 61;
        c.stamp = 1001;
        c.length = n;
        c.targets = tp;
        c.n_targets = 2;
        c.token_identifier = token.proto.identifier;
        c.token_password = token.proto.password;
        r.copies = &p;
        r.n_copies = 1;
        order(f, 0, &r);
        for (unsigned i = 1; i < 3; i++) {
                wait_reported(f, i, 61, FINALIZED, NULL);
                a.nodes[0] = i;
                expect_bytes(f, &a, 0, n, data);
        }
        free_token(&token);
        free(data);
}

static void a_stopped_writer_leaves_what_verifies_and_a_seal_makes_it_final(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 100000);
        struct ask a = ask_of(62, 1);
        struct os_sock *s = write_open_ok(f, &a);
        Bdfs__HeartbeatResponse stop = BDFS__HEARTBEAT_RESPONSE__INIT,
                                seal = BDFS__HEARTBEAT_RESPONSE__INIT;
        Bdfs__StopCommand sc = BDFS__STOP_COMMAND__INIT, *sp = &sc;
        Bdfs__SealCommand ec = BDFS__SEAL_COMMAND__INIT, *ep = &ec;
        struct transfer_ack ack;
        Bdfs__Replica c;
        struct got g;

        send_packet(s, &a, &(struct packet){.data = data, .n = 70000});
        expect_ack(s, 0, 1);
        sc.block = ec.block = 62;
        sc.stamp = 1005;
        stop.stops = &sp;
        stop.n_stops = 1;
        order(f, 0, &stop);
        wait_reported(f, 0, 62, BDFS__REPLICA_STATE__REPLICA_RECOVERING, &c);
        assert_int_equal(c.length, 70000);
        assert_false(read_ack(s, &ack)); /* the writer was cut off */
        os_sock_close(s);
        ec.stamp = 1001;
        ec.new_stamp = 1005;
        ec.length = 69999;
        seal.seals = &ep;
        seal.n_seals = 1;
        order(f, 0, &seal);
        wait_reported(f, 0, 62, FINALIZED, &c);
        assert_int_equal(c.length, 69999);
        assert_int_equal(c.stamp, 1005);
        expect_bytes(f, &a, 0, 69999, data);
        a.stamp = 1006; /* older replicas are not served */
        read_range(f, &a, 0, 1, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        sc.block = 63; /* nothing is there: that is said too */
        order(f, 0, &stop);
        wait_reported(f, 0, 63, BDFS__REPLICA_STATE__REPLICA_GONE, NULL);
        free(data);
}

/* ---- restart and decay --------------------------------------------------------------------- */

static void find_file(const char *dir, char *ret, size_t room)
{
        char command[256];
        FILE *p;

        (void)snprintf(command, sizeof(command), "find %s/blocks -type f", dir);
        p = popen(command, "r");
        assert_non_null(p);
        assert_non_null(fgets(ret, (int)room, p));
        ret[strcspn(ret, "\n")] = '\0';
        (void)pclose(p);
}

static void replicas_survive_a_restart(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 300000);
        struct ask a = ask_of(70, 1), b = ask_of(71, 1);
        struct os_sock *s;
        struct got g;

        write_block(f, &a, data, 300000, 64512);
        s = write_open_ok(f, &b);
        send_packet(s, &b, &(struct packet){.data = data, .n = 1000});
        expect_ack(s, 0, 1);
        node_stop(f, 0);
        os_sock_close(s);
        f->say = BDFS__REGISTER_RESPONSE__REPORT__FULL;
        node_start(f, 0);
        expect_bytes(f, &a, 0, 300000, data);
        read_range(f, &b, 0, 1, true, &g); /* waits for recovery, is not served */
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        for (int64_t deadline = soon(); f->nodes[0].full_rows != 2; os_sleep_ms(5))
                assert_true(os_mono_ms() < deadline);
        f->say = BDFS__REGISTER_RESPONSE__REPORT__DELTA;
        node_stop(f, 0);
        node_start(f, 0);
        wait_reported(f, 0, 71, BDFS__REPLICA_STATE__REPLICA_WAITING, NULL);
        free(data);
}

/* ---- whose orders ------------------------------------------------------------------------- */

/* It has the port, even the right uid, but not the secret: it is told nothing and not obeyed. */
static void a_namenode_without_the_secret_is_not_registered_with(void **state)
{
        struct fixture *f = *state;
        int64_t deadline = soon();
        unsigned registered, challenged;
        struct bdfs_err err;

        node_stop(f, 0);
        os_mutex_lock(&f->lock);
        f->secret[0] ^= 1;
        registered = f->registered;
        challenged = f->challenged;
        os_mutex_unlock(&f->lock);
        must(datanode_start(&f->dn[0], &f->conf[0], &err), &err);
        for (bool again = false; !again;) { /* it asks more than once */
                assert_true(os_mono_ms() < deadline);
                os_sleep_ms(5);
                os_mutex_lock(&f->lock);
                again = f->challenged >= challenged + 2;
                os_mutex_unlock(&f->lock);
        }
        os_mutex_lock(&f->lock);
        assert_int_equal(f->registered, registered);
        f->secret[0] ^= 1;
        os_mutex_unlock(&f->lock);
        assert_true(datanode_wait_registered(f->dn[0], soon()));
}

static void a_datanode_without_a_good_secret_says_what_to_do(void **state)
{
        struct fixture *f = *state;
        char none[] = "", absent[100];
        struct bdfs_err err;

        node_stop(f, 0);
        f->conf[0].secret = none;
        assert_int_equal(datanode_start(&f->dn[0], &f->conf[0], &err), BDFS_INVALID);
        assert_non_null(strstr(err.text, "cluster up"));
        (void)snprintf(absent, sizeof(absent), "%s/absent", f->dir);
        f->conf[0].secret = absent;
        assert_int_equal(datanode_start(&f->dn[0], &f->conf[0], &err), BDFS_NOT_FOUND);
        assert_non_null(strstr(err.text, "cluster up"));
        f->conf[0].secret = f->secret_path;
        assert_int_equal(chmod(f->secret_path, 0640), 0);
        assert_int_equal(datanode_start(&f->dn[0], &f->conf[0], &err), BDFS_PERMISSION);
        assert_non_null(strstr(err.text, "0640"));
        assert_int_equal(chmod(f->secret_path, 0600), 0);
        node_start(f, 0);
}

static void another_clusters_directory_is_refused(void **state)
{
        struct fixture *f = *state;
        struct bdfs_err err;

        node_stop(f, 0);
        f->conf[0].cluster[0] = 'f';
        assert_int_equal(datanode_start(&f->dn[0], &f->conf[0], &err), BDFS_INVALID);
        f->dn[0] = NULL;
        f->conf[0].cluster[0] = '0';
        node_start(f, 0);
        f->data_dirs[1][0] = f->text[0][0]; /* one that is in use */
        conf_init(f, 1);
        f->conf[1].data.items = f->data_dirs[0];
        assert_int_equal(datanode_start(&f->dn[1], &f->conf[1], &err), BDFS_LIMIT);
        f->dn[1] = NULL;
}

/* Byte 1000 of the only replica, of 300,000 bytes, becomes another. */
static void decay(struct fixture *f, const struct ask *a, const uint8_t *data)
{
        char path[256];
        FILE *file;

        write_block(f, a, data, 300000, 64512);
        find_file(f->text[0][0], path, sizeof(path));
        file = fopen(path, "r+b");
        assert_non_null(file);
        assert_int_equal(fseek(file, 12288 + 1000, SEEK_SET), 0);
        assert_int_equal(fputc(data[1000] ^ 0xff, file), data[1000] ^ 0xff);
        assert_int_equal(fclose(file), 0);
}

static void decayed_bytes_are_noticed_reported_and_not_served(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 300000);
        struct ask a = ask_of(72, 1);
        struct got g;

        decay(f, &a, data);
        read_range(f, &a, 0, 300000, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR_CHECKSUM);
        wait_reported(f, 0, 72, BDFS__REPLICA_STATE__REPLICA_CORRUPT, NULL);
        read_range(f, &a, 200000, 10, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        node_stop(f, 0); /* the verdict survives a restart */
        node_start(f, 0);
        read_range(f, &a, 200000, 10, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        free(data);
}

/* To clients that are known to compare them; without checksums even these could not. */
static void decayed_bytes_go_with_their_checksums_and_are_looked_at_when_doubted(void **state)
{
        static const char *const compare[] = {"DFSClient_NONMAPREDUCE_-17_1", "bdfs_0001"};
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 300000);
        struct ask a = ask_of(74, 1);
        Bdfs__HeartbeatResponse r = BDFS__HEARTBEAT_RESPONSE__INIT;
        Bdfs__VerifyCommand c = BDFS__VERIFY_COMMAND__INIT, *p = &c;
        struct os_sock *s;
        struct got g;

        decay(f, &a, data);
        data[1000] ^= 0xff; /* what is stored, and no more than that */
        s = dial(f, 0);
        for (unsigned i = 0; i < 2; i++) {
                a.client = compare[i];
                read_any_on(s, f, &a, 0, 300000, true, &g);
                assert_int_equal(g.status, HADOOP__STATUS__SUCCESS);
                assert_true(g.mismatch);
                assert_int_equal(g.n, 300000);
                assert_memory_equal(g.bytes, data, g.n);
                free(g.bytes);
        }
        os_sock_close(s);
        c.block = 74;
        c.stamp = 1001;
        r.verifies = &p;
        r.n_verifies = 1;
        order(f, 0, &r);
        wait_reported(f, 0, 74, BDFS__REPLICA_STATE__REPLICA_CORRUPT, NULL);
        read_range(f, &a, 0, 300000, true, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR);
        free(data);
}

/* A read that nobody finishes: what comes after the request, until the datanode closes. */
static size_t bytes_until_closed(struct fixture *f, const struct ask *a, uint64_t length)
{
        static uint8_t part[65536];
        Hadoop__OpReadBlockProto op = HADOOP__OP_READ_BLOCK_PROTO__INIT;
        struct os_sock *s = dial(f, a->nodes[0]);
        struct bdfs_err err;
        size_t got = 0, n;
        struct header h;

        make_header(f, a, &h);
        op.header = &h.client;
        op.len = length;
        send_op(s, TRANSFER_READ_BLOCK, &op.base);
        free_token(&h.token);
        do {
                n = 0;
                must(os_sock_read_some(s, part, sizeof(part), &n, soon(), &err), &err);
                got += n;
        } while (n > 0);
        os_sock_close(s);
        return got;
}

static void a_file_that_ends_early_is_noticed_while_it_is_sent(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 300000);
        struct ask a = ask_of(76, 1);
        char path[256];

        write_block(f, &a, data, 300000, 64512);
        expect_bytes(f, &a, 0, 300000, data); /* it is open from now on */
        find_file(f->text[0][0], path, sizeof(path));
        assert_int_equal(truncate(path, 12288 + 100000), 0);
        a.client = "bdfs_0001";
        assert_in_range(bytes_until_closed(f, &a, 300000), 100000, 110000);
        wait_reported(f, 0, 76, BDFS__REPLICA_STATE__REPLICA_CORRUPT, NULL);
        free(data);
}

static void whoever_asks_for_no_checksums_gets_none_of_the_decayed_bytes(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 300000);
        struct ask a = ask_of(75, 1);
        struct got g;

        decay(f, &a, data);
        a.client = "bdfs_0001";
        read_range(f, &a, 0, 300000, false, &g);
        assert_int_equal(g.status, HADOOP__STATUS__ERROR_CHECKSUM);
        free(data);
}

static void the_visible_length_is_asked_by_call(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = random_bytes(f, 5000);
        struct ask a = ask_of(73, 1);
        struct os_sock *s = write_open_ok(f, &a);
        Hadoop__GetReplicaVisibleLengthRequestProto q =
                HADOOP__GET_REPLICA_VISIBLE_LENGTH_REQUEST_PROTO__INIT;
        Hadoop__ExtendedBlockProto block = HADOOP__EXTENDED_BLOCK_PROTO__INIT;
        struct os_addr addr = {.host = "127.0.0.1", .port = (uint16_t)f->nodes[0].own_ipc_port};
        const struct method *m = method_of(METHOD_DATANODE_getReplicaVisibleLength);
        ProtobufCMessage *r;
        struct rpc_client *c;
        struct bdfs_err err;
        struct token_bytes token;
        char user[OS_NAME_BYTES], pool[] = "BP-1";

        send_packet(s, &a, &(struct packet){.data = data, .n = 5000});
        expect_ack(s, 0, 1);
        must(os_user_name(os_own_uid(), user, &err), &err);
        must(rpc_client_new(&c, &addr, user, &err), &err);
        block.poolid = pool;
        block.blockid = 73;
        block.generationstamp = 1001;
        q.block = &block;
        assert_int_equal(rpc_client_call(c, m, &q.base, &r, soon(), &err), BDFS_TOKEN);
        make_token(f, &a, &token);
        q.token = &token.proto;
        must(rpc_client_call(c, m, &q.base, &r, soon(), &err), &err);
        assert_int_equal(((Hadoop__GetReplicaVisibleLengthResponseProto *)r)->length, 5000);
        message_free(r);
        free_token(&token);
        q.token = NULL;
        block.blockid = 74;
        assert_int_not_equal(rpc_client_call(c, m, &q.base, &r, soon(), &err), BDFS_OK);
        rpc_client_free(c);
        os_sock_close(s);
        free(data);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(n, name) cmocka_unit_test_setup_teardown(name, setup_##n, teardown)
                T(1, a_deleted_replica_is_gone_and_reported),
                T(3, a_replica_is_copied_to_other_nodes),
                T(1, a_stopped_writer_leaves_what_verifies_and_a_seal_makes_it_final),
                T(1, replicas_survive_a_restart),
                T(1, a_namenode_without_the_secret_is_not_registered_with),
                T(1, a_datanode_without_a_good_secret_says_what_to_do),
                T(1, another_clusters_directory_is_refused),
                T(1, decayed_bytes_are_noticed_reported_and_not_served),
                T(1, decayed_bytes_go_with_their_checksums_and_are_looked_at_when_doubted),
                T(1, a_file_that_ends_early_is_noticed_while_it_is_sent),
                T(1, whoever_asks_for_no_checksums_gets_none_of_the_decayed_bytes),
                T(1, the_visible_length_is_asked_by_call),
        };

        log_open("test_datanode_orders", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
