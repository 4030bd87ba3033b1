/* What is kept of lease holders, whose names their clients make up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/log.h"
#include "namenode/serve/lease_clock.h"
#include "namenode/namenode.h"
#include "net/cluster_secret.h"
#include "net/rpc_client.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/message.h"
#include "tests/lib/test_must.h"

#define CLUSTER "000102030405060708090a0b0c0d0e0f"

static struct bdfs_err err;

static struct lease_clock *fresh(void)
{
        const struct lease_limits limits = {30, 120};
        struct lease_clock *c = lease_clock_new(limits, limits, 0);

        assert_non_null(c);
        return c;
}

static uint64_t none(void *arg, const char *holder)
{
        (void)arg;
        (void)holder;
        return 0;
}

static uint64_t one_each(void *arg, const char *holder)
{
        (void)arg;
        (void)holder;
        return 1;
}

static uint64_t unknown(void *arg, const char *holder)
{
        (void)arg;
        (void)holder;
        return LEASE_FILES_UNKNOWN;
}

static void who_only_renews_is_not_kept(void **state)
{
        struct lease_clock *c = fresh();

        (void)state;
        assert_false(lease_clock_renew(c, "a stranger's", 5));
        assert_int_equal(lease_clock_count(c), 0);
        lease_clock_free(c);
}

static void a_holder_is_kept_as_long_as_it_has_an_open_file(void **state)
{
        struct lease_clock *c = fresh();

        (void)state;
        must(lease_clock_open(c, "h", "eve", false, 0, &err), &err);
        lease_clock_sweep(c, LEASE_SETTLE_MS, none, NULL); /* it may be about to be opened */
        assert_int_equal(lease_clock_count(c), 1);
        lease_clock_sweep(c, 10 * LEASE_SETTLE_MS, one_each, NULL);
        lease_clock_sweep(c, 20 * LEASE_SETTLE_MS, unknown, NULL);
        assert_int_equal(lease_clock_count(c), 1);
        lease_clock_sweep(c, 20 * LEASE_SETTLE_MS, none, NULL);
        assert_int_equal(lease_clock_count(c), 0);
        lease_clock_free(c);
}

static void names_are_bounded_by_user(void **state)
{
        struct lease_clock *c = fresh();
        char name[32];

        (void)state;
        for (unsigned i = 0; i < LEASE_HOLDERS_EACH_MAX; i++) {
                (void)snprintf(name, sizeof(name), "h%u", i);
                must(lease_clock_open(c, name, "eve", false, 0, &err), &err);
        }
        assert_int_equal(lease_clock_open(c, "more", "eve", false, 0, &err), BDFS_RETRY);
        assert_non_null(strstr(err.text, "eve"));
        must(lease_clock_open(c, "h7", "eve", false, 0, &err), &err); /* a known name */
        must(lease_clock_open(c, "b", "bob", false, 0, &err), &err);
        must(lease_clock_open(c, "r", "root", true, 0, &err), &err);
        assert_int_equal(lease_clock_count(c), LEASE_HOLDERS_EACH_MAX + 2);
        lease_clock_sweep(c, 2 * LEASE_SETTLE_MS, none, NULL);
        assert_int_equal(lease_clock_count(c), 0);
        must(lease_clock_open(c, "more", "eve", false, 0, &err), &err);
        lease_clock_free(c);
}

static uint64_t all_but_one(void *arg, const char *holder)
{
        (void)arg;
        (void)holder;
        return LEASE_FILES_EACH_MAX - 1;
}

static void open_files_are_bounded_by_user(void **state)
{
        struct lease_clock *c = fresh();

        (void)state;
        must(lease_clock_open(c, "e", "eve", false, 0, &err), &err);
        lease_clock_sweep(c, 1, all_but_one, NULL);
        must(lease_clock_open(c, "e", "eve", false, 1, &err), &err);
        assert_int_equal(lease_clock_open(c, "e", "eve", false, 1, &err), BDFS_RETRY);
        must(lease_clock_open(c, "b", "bob", false, 1, &err), &err);
        lease_clock_sweep(c, 2, none, NULL); /* she closed them */
        must(lease_clock_open(c, "e", "eve", false, 2, &err), &err);
        lease_clock_free(c);
}

/* ---- at a namenode's door -------------------------------------------------------------------- */

struct door {
        char dir[64];
        struct namenode_conf conf;
        struct namenode *nn;
        struct rpc_client *client;
};

static void door_open(struct door *d)
{
        char text[300], path[96], secret[CLUSTER_SECRET_FILE_BYTES + 1], user[OS_NAME_BYTES];
        struct os_addr at = {.host = "127.0.0.1"};
        struct os_file *f;

        (void)snprintf(d->dir, sizeof(d->dir), "/tmp/test_lease_clock.XXXXXX");
        assert_non_null(mkdtemp(d->dir));
        (void)snprintf(path, sizeof(path), "%s/secret", d->dir);
        cluster_secret_make(secret);
        must(os_file_open(&f, path, OS_WRITE | OS_CREATE, &err), &err);
        must(os_file_write(f, 0, secret, strlen(secret), &err), &err);
        must(os_file_close(f, &err), &err);
        (void)snprintf(text, sizeof(text), "cluster = " CLUSTER "\nsecret = %s/secret\ndata = %s\n"
                                           "own_port = 0\n", d->dir, d->dir);
        must(conf_parse(namenode_conf_table, namenode_conf_table_n, "namenode", text, strlen(text),
                        &d->conf, &err), &err);
        must(namenode_start(&d->nn, &d->conf, &err), &err);
        at.port = namenode_port(d->nn, RPC_OWN);
        must(os_user_name(os_own_uid(), user, &err), &err);
        must(rpc_client_new(&d->client, &at, user, &err), &err);
}

static void door_close(struct door *d)
{
        char command[96];

        rpc_client_free(d->client);
        namenode_stop(d->nn);
        conf_free(namenode_conf_table, namenode_conf_table_n, &d->conf);
        (void)snprintf(command, sizeof(command), "rm -rf '%s'", d->dir);
        assert_int_equal(system(command), 0);
}

static void a_namenode_keeps_no_name_of_who_renews_without_a_file(void **state)
{
        Hadoop__RenewLeaseRequestProto q = HADOOP__RENEW_LEASE_REQUEST_PROTO__INIT;
        struct door d;
        char name[64];

        (void)state;
        door_open(&d);
        for (unsigned i = 0; i < 500; i++) {
                ProtobufCMessage *m;

                (void)snprintf(name, sizeof(name), "made up %u", i);
                q.clientname = name;
                must(rpc_client_call(d.client, method_of(METHOD_CLIENT_renewLease), &q.base, &m,
                                     os_mono_ms() + 20000, &err), &err);
                message_free(m);
        }
        assert_int_equal(lease_clock_count(d.nn->leases), 0);
        door_close(&d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_only_renews_is_not_kept),
                cmocka_unit_test(a_holder_is_kept_as_long_as_it_has_an_open_file),
                cmocka_unit_test(names_are_bounded_by_user),
                cmocka_unit_test(open_files_are_bounded_by_user),
                cmocka_unit_test(a_namenode_keeps_no_name_of_who_renews_without_a_file),
        };

        log_open("test_lease_clock", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
