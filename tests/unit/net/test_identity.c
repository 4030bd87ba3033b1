#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/os.h"

#define ALICE 1001
#define BOB 1002
#define GATE 1003
#define NAMELESS 1999
#define ADMIN 1004 /* in the supergroup */

static struct {
        int64_t now_ms;
        unsigned name_calls, group_calls;
        bool host_fails;
} host;

static int64_t fake_mono_ms(void)
{
        return host.now_ms;
}

static enum bdfs_status fake_user_name(uid_t uid, char ret[OS_NAME_BYTES], struct bdfs_err *err)
{
        host.name_calls++;
        if (host.host_fails)
                return bdfs_fail(err, BDFS_IO, "name service is down");
        switch (uid) {
        case 0: (void)snprintf(ret, OS_NAME_BYTES, "root"); return BDFS_OK;
        case ALICE: (void)snprintf(ret, OS_NAME_BYTES, "alice"); return BDFS_OK;
        case BOB: (void)snprintf(ret, OS_NAME_BYTES, "bob"); return BDFS_OK;
        case GATE: (void)snprintf(ret, OS_NAME_BYTES, "gate"); return BDFS_OK;
        default: return bdfs_fail(err, BDFS_NOT_FOUND, "no user with uid %u", (unsigned)uid);
        }
}

static enum bdfs_status fake_user_groups(const char *name, struct os_groups *ret,
                                         struct bdfs_err *err)
{
        host.group_calls++;
        if (host.host_fails) {
                ret->n = 7; /* half an answer must not be believed */
                return bdfs_fail(err, BDFS_IO, "name service is down");
        }
        if (strncmp(name, "stranger", 8) == 0)
                return bdfs_fail(err, BDFS_NOT_FOUND, "no user %s", name);
        ret->n = 2;
        (void)snprintf(ret->names[0], OS_NAME_BYTES, "%.200s",
                       strcmp(name, "admin") == 0 ? "supergroup" : name);
        (void)snprintf(ret->names[1], OS_NAME_BYTES, "users-%lld", (long long)host.now_ms);
        return BDFS_OK;
}

/* "toor" is a second name of uid 0, "alice2" of the owner. */
static enum bdfs_status fake_user_id(const char *name, uid_t *ret_uid, gid_t *ret_gid,
                                     struct bdfs_err *err)
{
        static const struct {
                const char *name;
                uid_t uid;
        } users[] = {{"root", 0},      {"toor", 0},     {"alice", ALICE}, {"alice2", ALICE},
                     {"bob", BOB},     {"gate", GATE},  {"admin", ADMIN}};

        if (host.host_fails)
                return bdfs_fail(err, BDFS_IO, "name service is down");
        for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
                if (strcmp(users[i].name, name) == 0) {
                        *ret_uid = *ret_gid = users[i].uid;
                        return BDFS_OK;
                }
        return bdfs_fail(err, BDFS_NOT_FOUND, "no user %s", name);
}

#define os_mono_ms fake_mono_ms
#define os_user_id fake_user_id
#define os_user_name fake_user_name
#define os_user_groups fake_user_groups
#include "net/identity.c"

static struct identity *fresh(uid_t owner)
{
        static const uid_t gateways[] = {GATE};
        struct identity *id = NULL;
        struct bdfs_err err;

        memset(&host, 0, sizeof(host));
        host.now_ms = 5000;
        assert_int_equal(identity_new(&id, owner, gateways, 1, &err), BDFS_OK);
        return id;
}

static enum bdfs_status ask(struct identity *id, uid_t uid, const char *claimed,
                            struct caller *ret, struct bdfs_err *err)
{
        struct os_peer peer = {.known = true, .uid = uid};

        memset(err, 0, sizeof(*err));
        return identity_caller(id, &peer, claimed, ret, err);
}

static void user_may_claim_only_its_own_name(void **state)
{
        struct identity *id = fresh(ALICE);
        struct caller c;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(ask(id, BOB, "bob", &c, &err), BDFS_OK);
        assert_string_equal(c.user, "bob");
        assert_string_equal(c.real, "bob");
        assert_int_equal(c.uid, BOB);
        assert_false(c.is_owner);
        assert_int_equal(ask(id, BOB, "alice", &c, &err), BDFS_PERMISSION);
        assert_non_null(strstr(err.text, "bob"));
        assert_non_null(strstr(err.text, "alice"));
        assert_int_equal(ask(id, BOB, "root", &c, &err), BDFS_PERMISSION);
        assert_int_equal(ask(id, BOB, "bo", &c, &err), BDFS_PERMISSION);
        assert_int_equal(ask(id, BOB, "bobby", &c, &err), BDFS_PERMISSION);
        assert_int_equal(ask(id, BOB, "BOB", &c, &err), BDFS_PERMISSION);
        identity_free(id);
}

static void owner_may_not_claim_others(void **state)
{
        struct identity *id = fresh(ALICE);
        struct caller c;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(ask(id, ALICE, "alice", &c, &err), BDFS_OK);
        assert_true(c.is_owner);
        assert_int_equal(ask(id, ALICE, "bob", &c, &err), BDFS_PERMISSION);
        identity_free(id);
}

static void no_claim_means_own_name(void **state)
{
        struct identity *id = fresh(ALICE);
        struct caller c;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(ask(id, BOB, NULL, &c, &err), BDFS_OK);
        assert_string_equal(c.user, "bob");
        assert_int_equal(ask(id, ALICE, "", &c, &err), BDFS_OK);
        assert_string_equal(c.user, "alice");
        assert_true(c.is_owner);
        identity_free(id);
}

static void root_and_gateways_may_claim_any_name(void **state)
{
        struct identity *id = fresh(ALICE);
        struct caller c;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(ask(id, 0, "carol", &c, &err), BDFS_OK);
        assert_string_equal(c.user, "carol");
        assert_string_equal(c.real, "root");
        assert_false(c.is_owner);
        assert_int_equal(ask(id, GATE, "bob", &c, &err), BDFS_OK);
        assert_string_equal(c.user, "bob");
        assert_string_equal(c.real, "gate");
        assert_false(c.is_owner);
        identity_free(id);
}

static void a_gateway_may_not_name_a_superuser(void **state)
{
        static const char *const names[] = {"root", "toor", "alice", "alice2", "admin"};
        struct identity *id = fresh(ALICE);
        struct caller c;
        struct bdfs_err err;

        (void)state;
        identity_set_supergroup(id, "supergroup");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                assert_int_equal(ask(id, GATE, names[i], &c, &err), BDFS_PERMISSION);
                assert_non_null(strstr(err.text, names[i]));
                assert_non_null(strstr(err.text, "gate"));
                assert_int_equal(ask(id, 0, names[i], &c, &err), BDFS_OK);
        }
        assert_int_equal(ask(id, GATE, "stranger", &c, &err), BDFS_OK); /* no user of this host */
        host.host_fails = true; /* who it is cannot be known: refused */
        assert_int_not_equal(ask(id, GATE, "bob", &c, &err), BDFS_OK);
        identity_free(id);
}

static void a_gateway_forwards_no_token_of_a_superuser(void **state)
{
        struct identity *id = fresh(ALICE);
        struct os_peer peer = {.known = true, .uid = GATE};

        (void)state;
        assert_true(identity_may_forward(id, &peer, "bob"));
        assert_false(identity_may_forward(id, &peer, "root"));
        assert_false(identity_may_forward(id, &peer, "alice"));
        peer.uid = 0;
        assert_true(identity_may_forward(id, &peer, "alice"));
        identity_free(id);
}

static void the_real_user_of_a_proxy_is_who_asks(void **state)
{
        struct identity *id = fresh(ALICE);
        struct os_peer peer = {.known = true, .uid = GATE};
        struct bdfs_err err;

        (void)state;
        assert_int_equal(identity_check_real(id, &peer, "gate", &err), BDFS_OK);
        assert_int_equal(identity_check_real(id, &peer, "root", &err), BDFS_PERMISSION);
        peer.uid = BOB;
        assert_int_equal(identity_check_real(id, &peer, "bob", &err), BDFS_OK);
        assert_int_equal(identity_check_real(id, &peer, "alice", &err), BDFS_PERMISSION);
        identity_free(id);
}

static void owner_who_claims_another_name_is_not_the_owner(void **state)
{
        struct identity *id = fresh(0);
        struct caller c;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(ask(id, 0, "root", &c, &err), BDFS_OK);
        assert_true(c.is_owner);
        assert_int_equal(ask(id, 0, "bob", &c, &err), BDFS_OK);
        assert_false(c.is_owner);
        identity_free(id);
}

static void names_no_user_can_have_are_refused(void **state)
{
        static const char *const bad[] = {"a\nb", "a/b", "a:b", "\x7f", "\x01"};
        struct identity *id = fresh(ALICE);
        struct caller c;
        struct bdfs_err err;
        char name[400];

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                assert_int_equal(ask(id, 0, bad[i], &c, &err), BDFS_PERMISSION);
                assert_null(strchr(err.text, '\n'));
        }
        memset(name, 'x', sizeof(name));
        name[256] = '\0';
        assert_int_equal(ask(id, 0, name, &c, &err), BDFS_PERMISSION);
        name[255] = '\0';
        assert_int_equal(ask(id, 0, name, &c, &err), BDFS_OK);
        assert_string_equal(c.user, name);
        identity_free(id);
}

static void unknown_peer_is_refused(void **state)
{
        struct identity *id = fresh(0);
        struct os_peer peer = {.known = false, .uid = 0};
        struct caller c;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(identity_caller(id, &peer, "root", &c, &err), BDFS_PERMISSION);
        assert_int_equal(identity_caller(id, &peer, NULL, &c, &err), BDFS_PERMISSION);
        assert_false(identity_may_forward(id, &peer, "bob"));
        assert_int_equal(host.name_calls, 0);
        identity_free(id);
}

static void uid_without_a_name_is_refused(void **state)
{
        struct identity *id = fresh(ALICE);
        struct caller c;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(ask(id, NAMELESS, NULL, &c, &err), BDFS_PERMISSION);
        assert_non_null(strstr(err.text, "1999"));
        assert_int_equal(ask(id, NAMELESS, "1999", &c, &err), BDFS_PERMISSION);
        identity_free(id);
}

static void a_name_service_that_is_down_refuses(void **state)
{
        struct identity *id = fresh(ALICE);
        struct os_groups groups;
        struct caller c;
        struct bdfs_err err;

        (void)state;
        host.host_fails = true;
        assert_int_equal(ask(id, BOB, "bob", &c, &err), BDFS_IO);
        identity_groups(id, "bob", &groups);
        assert_int_equal(groups.n, 0);
        host.host_fails = false;
        assert_int_equal(ask(id, BOB, "bob", &c, &err), BDFS_OK);
        identity_groups(id, "bob", &groups);
        assert_int_equal(groups.n, 2);
        identity_free(id);
}

static void forwarding_is_for_root_owner_and_gateways(void **state)
{
        struct identity *id = fresh(ALICE);
        struct os_peer peer = {.known = true};

        (void)state;
        assert_true(identity_may_forward(id, &peer, "bob"));
        peer.uid = ALICE;
        assert_true(identity_may_forward(id, &peer, "bob"));
        peer.uid = GATE;
        assert_true(identity_may_forward(id, &peer, "bob"));
        peer.uid = BOB;
        assert_false(identity_may_forward(id, &peer, "bob"));
        identity_free(id);
}

static void answers_are_kept_until_they_expire(void **state)
{
        struct identity *id = fresh(ALICE);
        struct os_groups groups;
        struct caller c;
        struct bdfs_err err;

        (void)state;
        for (unsigned i = 0; i < 5; i++) {
                assert_int_equal(ask(id, BOB, "bob", &c, &err), BDFS_OK);
                identity_groups(id, "bob", &groups);
                assert_int_equal(groups.n, 2);
                assert_string_equal(groups.names[0], "bob");
                assert_string_equal(groups.names[1], "users-5000");
                identity_groups(id, "stranger", &groups);
                assert_int_equal(groups.n, 0);
        }
        assert_int_equal(host.name_calls, 1);
        assert_int_equal(host.group_calls, 2);
        host.now_ms += IDENTITY_CACHE_MS - 1;
        identity_groups(id, "bob", &groups);
        assert_int_equal(host.group_calls, 2);
        host.now_ms += 1;
        identity_groups(id, "bob", &groups);
        assert_int_equal(host.group_calls, 3);
        assert_string_equal(groups.names[1], "users-35000");
        assert_int_equal(ask(id, BOB, "bob", &c, &err), BDFS_OK);
        assert_int_equal(host.name_calls, 2);
        identity_free(id);
}

static void what_is_forgotten_is_asked_anew(void **state)
{
        struct identity *id = fresh(ALICE);
        struct os_groups groups;
        struct caller c;
        struct bdfs_err err;

        (void)state;
        for (int i = 1; i <= 3; i++) {
                assert_int_equal(ask(id, BOB, "bob", &c, &err), BDFS_OK);
                identity_groups(id, "bob", &groups);
                identity_groups(id, "bob", &groups);
                assert_int_equal(host.group_calls, i);
                assert_int_equal(host.name_calls, i);
                identity_forget(id);
        }
        identity_free(id);
}

static size_t cached_count(const struct cache *c)
{
        size_t n = 0;

        for (size_t i = 0; i < CACHE_SETS; i++)
                for (size_t k = 0; k < CACHE_WAYS; k++)
                        n += c->sets[i][k] != NULL;
        return n;
}

static void cache_is_bounded_and_always_right(void **state)
{
        struct identity *id = fresh(ALICE);
        struct os_groups groups;
        char name[32];

        (void)state;
        for (unsigned round = 0; round < 2; round++)
                for (unsigned i = 0; i < 5000; i++) {
                        (void)snprintf(name, sizeof(name), "user%u", i);
                        identity_groups(id, name, &groups);
                        assert_int_equal(groups.n, 2);
                        assert_string_equal(groups.names[0], name);
                }
        assert_true(cached_count(&id->groups) <= CACHE_SETS * CACHE_WAYS);
        assert_true(cached_count(&id->groups) > CACHE_SETS);
        identity_free(id);
}

static void too_many_gateways_are_refused(void **state)
{
        static uid_t many[IDENTITY_GATEWAYS_MAX + 1];
        struct identity *id = NULL;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(identity_new(&id, 1, many, IDENTITY_GATEWAYS_MAX + 1, &err), BDFS_LIMIT);
        assert_null(id);
        identity_free(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(user_may_claim_only_its_own_name),
                cmocka_unit_test(owner_may_not_claim_others),
                cmocka_unit_test(no_claim_means_own_name),
                cmocka_unit_test(root_and_gateways_may_claim_any_name),
                cmocka_unit_test(a_gateway_may_not_name_a_superuser),
                cmocka_unit_test(a_gateway_forwards_no_token_of_a_superuser),
                cmocka_unit_test(the_real_user_of_a_proxy_is_who_asks),
                cmocka_unit_test(owner_who_claims_another_name_is_not_the_owner),
                cmocka_unit_test(names_no_user_can_have_are_refused),
                cmocka_unit_test(unknown_peer_is_refused),
                cmocka_unit_test(uid_without_a_name_is_refused),
                cmocka_unit_test(a_name_service_that_is_down_refuses),
                cmocka_unit_test(forwarding_is_for_root_owner_and_gateways),
                cmocka_unit_test(answers_are_kept_until_they_expire),
                cmocka_unit_test(what_is_forgotten_is_asked_anew),
                cmocka_unit_test(cache_is_bounded_and_always_right),
                cmocka_unit_test(too_many_gateways_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
