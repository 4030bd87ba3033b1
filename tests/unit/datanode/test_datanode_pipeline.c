/* Pipelines that fail at their start, and a pool of kept connections that has no room. */
#include "test_datanode_client.h"

#include <stdatomic.h>

#include "datanode/transfer/pipeline.h"

/* ---- a relay that cannot start --------------------------------------------------------------- */

static atomic_int relays_refused; /* the next so many */

/* Linked in place of the library's, which is __real_. */
enum bdfs_status __real_os_thread_start(struct os_thread **ret, const char *name,
                                        void (*run)(void *arg), void *arg, struct bdfs_err *err);
enum bdfs_status __wrap_os_thread_start(struct os_thread **ret, const char *name,
                                        void (*run)(void *arg), void *arg, struct bdfs_err *err);
enum bdfs_status __wrap_os_thread_start(struct os_thread **ret, const char *name,
                                        void (*run)(void *arg), void *arg, struct bdfs_err *err)
{
        if (strcmp(name, "relay") == 0 && atomic_load(&relays_refused) > 0) {
                atomic_fetch_sub(&relays_refused, 1);
                return bdfs_fail(err, BDFS_LIMIT, "start thread %s: injected", name);
        }
        return __real_os_thread_start(ret, name, run, arg, err);
}

/* Refused, and @node is blamed in words with @why in them. */
static void expect_refused(struct fixture *f, const struct ask *a, unsigned node, const char *why)
{
        Hadoop__BlockOpResponseProto *r;
        struct os_sock *s = write_open(f, a, &r);
        char link[64];

        (void)snprintf(link, sizeof(link), "127.0.0.1:%u", f->nodes[node].own_port);
        assert_non_null(r);
        assert_int_equal(r->status, HADOOP__STATUS__ERROR);
        assert_string_equal(r->firstbadlink, link);
        assert_non_null(r->message);
        if (strstr(r->message, why) == NULL)
                fail_msg("no \"%s\" in \"%s\"", why, r->message);
        message_free(r);
        os_sock_close(s);
}

/* Nothing of a refused write stays on its nodes: soon they take the same block. */
static void expect_taken(struct fixture *f, const struct ask *a)
{
        uint8_t *data = random_bytes(f, 100000);
        struct ask one = *a;
        int64_t deadline = soon();

        for (;;) {
                Hadoop__BlockOpResponseProto *r;
                struct os_sock *s = write_open(f, a, &r);
                bool ok = r != NULL && r->status == HADOOP__STATUS__SUCCESS;

                message_free(r);
                if (ok)
                        write_packets(s, a, data, 100000, 30720);
                os_sock_close(s);
                if (ok)
                        break;
                assert_true(os_mono_ms() < deadline);
                os_sleep_ms(5);
        }
        for (size_t i = 0; i < a->nodes_n; i++) {
                one.nodes[0] = a->nodes[i];
                expect_bytes(f, &one, 0, 100000, data);
        }
        free(data);
}

static void a_write_whose_relay_cannot_start_is_refused_and_leaves_nothing(void **state)
{
        struct fixture *f = *state;
        struct ask a = ask_of(200, 2); /* the last node has no relay */

        atomic_store(&relays_refused, 1);
        expect_refused(f, &a, 0, "start thread relay");
        assert_int_equal(atomic_load(&relays_refused), 0);
        expect_taken(f, &a);
}

static void a_middle_node_whose_relay_cannot_start_is_blamed(void **state)
{
        struct fixture *f = *state;
        struct ask a = ask_of(201, 3);

        atomic_store(&relays_refused, 1); /* the second's: the first waits for its word */
        expect_refused(f, &a, 1, "start thread relay");
        expect_taken(f, &a);
}

/* ---- a node without room --------------------------------------------------------------------- */

/* From now on @node keeps more bytes free than its disk has. */
static void fill(struct fixture *f, unsigned node)
{
        node_stop(f, node);
        f->conf[node].space_floor = 1LL << 60;
        node_start(f, node);
}

static void a_third_node_without_room_is_blamed_and_the_others_keep_nothing(void **state)
{
        struct fixture *f = *state;
        struct ask a = ask_of(202, 3);

        fill(f, 2);
        expect_refused(f, &a, 2, "bytes free, which are kept");
        a.nodes_n = 2; /* without it */
        expect_taken(f, &a);
}

static void a_second_node_without_room_is_blamed_and_the_others_keep_nothing(void **state)
{
        struct fixture *f = *state;
        struct ask a = ask_of(203, 3);

        fill(f, 1);
        expect_refused(f, &a, 1, "bytes free, which are kept");
        a.nodes_n = 2;
        a.nodes[1] = 2;
        expect_taken(f, &a);
}

/* ---- the pool -------------------------------------------------------------------------------- */

/* It accepts on its own, as who connects waits for that. */
struct peer {
        struct os_listener *listener;
        struct os_addr addr;
        struct os_thread *thread;
        struct os_mutex lock;
        struct os_cond more;
        struct os_sock *conns[PIPELINE_KEEP_MAX + 2];
        size_t n;     /* guarded by: lock; only grows */
        size_t taken; /* the test's */
};

static void peer_run(void *arg)
{
        struct peer *p = arg;
        struct os_sock *s;
        struct os_peer who;

        while (os_accept(p->listener, OS_FOREVER, &s, &who, NULL) == BDFS_OK) {
                AUTO_LOCK(&p->lock);
                p->conns[p->n++] = s;
                os_cond_signal(&p->more);
        }
}

static void peer_start(struct peer *p)
{
        struct bdfs_err err;

        *p = (struct peer){.addr = {.host = "127.0.0.1"}};
        must(os_listen(&p->listener, &p->addr, false, &err), &err);
        p->addr.port = os_listener_port(p->listener);
        os_mutex_init(&p->lock);
        os_cond_init(&p->more);
        must(os_thread_start(&p->thread, "peer", peer_run, p, &err), &err);
}

static void peer_stop(struct peer *p)
{
        os_listener_shutdown(p->listener);
        os_thread_join(p->thread);
        for (size_t i = 0; i < p->n; i++)
                os_sock_close(p->conns[i]);
        os_listener_close(p->listener);
        os_cond_fini(&p->more);
        os_mutex_fini(&p->lock);
}

static struct os_sock *peer_next(struct peer *p)
{
        AUTO_LOCK(&p->lock);

        while (p->n == p->taken)
                assert_true(os_cond_wait(&p->more, &p->lock, soon()));
        return p->conns[p->taken++];
}

/* Take an operation, over a new connection if it comes by one. */
static void peer_take(struct peer *p, struct os_sock *s)
{
        uint8_t head[3], bytes[8192];
        struct bdfs_err err;
        size_t n;

        if (s == NULL)
                s = peer_next(p);
        must(os_sock_read(s, head, sizeof(head), soon(), &err), &err);
        assert_true(read_delimited(s, bytes, sizeof(bytes), &n));
}

static void expect_closed(struct os_sock *s)
{
        struct bdfs_err err;
        uint8_t byte;
        size_t got;

        must(os_sock_read_some(s, &byte, 1, &got, soon(), &err), &err);
        assert_int_equal(got, 0);
}

static void expect_open(struct os_sock *s)
{
        assert_false(os_sock_wait_readable(s, os_mono_ms()));
}

static struct pipeline *open_to(struct peer *p, struct pipeline_pool *pool, bool fresh)
{
        static char ip[] = "127.0.0.1", uuid[] = "u", name[] = "test", pool_id[] = "BP-1";
        Hadoop__OpWriteBlockProto op = HADOOP__OP_WRITE_BLOCK_PROTO__INIT;
        Hadoop__ClientOperationHeaderProto client = HADOOP__CLIENT_OPERATION_HEADER_PROTO__INIT;
        Hadoop__BaseHeaderProto base = HADOOP__BASE_HEADER_PROTO__INIT;
        Hadoop__ExtendedBlockProto block = HADOOP__EXTENDED_BLOCK_PROTO__INIT;
        Hadoop__ChecksumProto sum = HADOOP__CHECKSUM_PROTO__INIT;
        Hadoop__DatanodeInfoProto info = HADOOP__DATANODE_INFO_PROTO__INIT, *target = &info;
        Hadoop__DatanodeIDProto id = HADOOP__DATANODE_IDPROTO__INIT;
        struct pipeline *ret;
        struct bdfs_err err;

        block.poolid = pool_id;
        base.block = &block;
        client.baseheader = &base;
        client.clientname = name;
        op.header = &client;
        op.stage = STAGE_CREATE;
        op.requestedchecksum = &sum;
        sum.type = HADOOP__CHECKSUM_TYPE_PROTO__CHECKSUM_CRC32C;
        sum.bytesperchecksum = 512;
        id.ipaddr = id.hostname = ip;
        id.datanodeuuid = uuid;
        id.xferport = p->addr.port;
        info.id = &id;
        op.targets = &target;
        op.n_targets = 1;
        must(pipeline_open(&ret, pool, &op, fresh, &err), &err);
        return ret;
}

static void a_full_pool_closes_what_comes_and_keeps_what_it_has(void **state)
{
        struct pipeline *all[PIPELINE_KEEP_MAX + 1], *again;
        struct wire_pool buffers;
        struct pipeline_pool pool;
        struct peer peer;

        (void)state;
        peer_start(&peer);
        wire_pool_init(&buffers);
        pipeline_pool_init(&pool, &buffers);
        for (size_t i = 0; i < PIPELINE_KEEP_MAX + 1; i++) {
                all[i] = open_to(&peer, &pool, true);
                assert_false(pipeline_is_reused(all[i]));
                peer_take(&peer, NULL);
        }
        for (size_t i = 0; i < PIPELINE_KEEP_MAX + 1; i++)
                pipeline_keep(&pool, all[i]);
        expect_closed(peer.conns[PIPELINE_KEEP_MAX]); /* the last that came */
        for (size_t i = 0; i < PIPELINE_KEEP_MAX; i++)
                expect_open(peer.conns[i]);
        assert_int_equal(pool.idle_n, PIPELINE_KEEP_MAX);

        again = open_to(&peer, &pool, false); /* the latest that was kept */
        assert_true(pipeline_is_reused(again));
        peer_take(&peer, peer.conns[PIPELINE_KEEP_MAX - 1]);
        pipeline_keep(&pool, again); /* there is room for it again */
        expect_open(peer.conns[PIPELINE_KEEP_MAX - 1]);
        assert_int_equal(pool.idle_n, PIPELINE_KEEP_MAX);

        pipeline_pool_fini(&pool);
        for (size_t i = 0; i < peer.n; i++)
                expect_closed(peer.conns[i]);
        wire_pool_fini(&buffers);
        peer_stop(&peer);
}

/* What was said too much would be taken for an answer to the next write. */
static void a_connection_with_unread_bytes_is_not_kept(void **state)
{
        struct wire_pool buffers;
        struct pipeline_pool pool;
        struct pipeline *p;
        struct peer peer;
        Hadoop__Status status;
        struct bdfs_err err;
        char link[64];
        struct buf b;

        (void)state;
        peer_start(&peer);
        wire_pool_init(&buffers);
        pipeline_pool_init(&pool, &buffers);
        p = open_to(&peer, &pool, true);
        peer_take(&peer, NULL);
        buf_init(&b, 0);
        transfer_ok_encode(&b);
        transfer_ok_encode(&b); /* in one write: they come together */
        must(os_sock_write(peer.conns[0], b.data, b.n, soon(), &err), &err);
        must(pipeline_reply(p, soon(), &status, link, &err), &err);
        pipeline_keep(&pool, p);
        assert_int_equal(pool.idle_n, 0);
        expect_closed(peer.conns[0]);
        pipeline_pool_fini(&pool);
        wire_pool_fini(&buffers);
        buf_fini(&b);
        peer_stop(&peer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(n, name) cmocka_unit_test_setup_teardown(name, setup_##n, teardown)
                T(3, a_write_whose_relay_cannot_start_is_refused_and_leaves_nothing),
                T(3, a_middle_node_whose_relay_cannot_start_is_blamed),
                T(3, a_third_node_without_room_is_blamed_and_the_others_keep_nothing),
                T(3, a_second_node_without_room_is_blamed_and_the_others_keep_nothing),
                cmocka_unit_test(a_full_pool_closes_what_comes_and_keeps_what_it_has),
                cmocka_unit_test(a_connection_with_unread_bytes_is_not_kept),
        };

        log_open("test_datanode_pipeline", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
