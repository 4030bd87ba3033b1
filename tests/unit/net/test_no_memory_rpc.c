/*
 * Whichever allocation of a call fails, at the client or at the server: the caller has its answer
 * or a reason before its deadline, and the next caller is served.
 */
#include "tests/lib/fault_alloc.h"
#include "tests/unit/net/test_rpc_kit.h"

static enum bdfs_status ask(const struct os_addr *at, const char *user, uint64_t *ret,
                            struct bdfs_err *err)
{
        struct rpc_client *c;
        enum bdfs_status rc = rpc_client_new(&c, at, user, err);

        if (rc != BDFS_OK)
                return rc;
        rc = kit_ask(c, "now:7", ret, kit_soon(3000), err);
        rpc_client_free(c);
        return rc;
}

static void a_call_fails_alone(void **state)
{
        struct bdfs_err err = {.status = BDFS_OK};
        unsigned n, failed = 0;
        struct os_addr at;
        uint64_t value;
        struct kit kit;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        at = kit_addr(&kit);
        for (n = 1;; n++) {
                enum bdfs_status rc;
                bool fired;

                value = 0;
                fault_arm(n);
                rc = ask(&at, kit.user, &value, &err);
                fired = fault_fired();
                if (rc == BDFS_OK)
                        assert_int_equal(value, 7);
                else
                        assert_true(rc != BDFS_TIMEOUT && err.status == rc && err.text[0] != '\0');
                failed += rc != BDFS_OK;
                value = 0;
                assert_int_equal(ask(&at, kit.user, &value, &err), BDFS_OK);
                assert_int_equal(value, 7);
                if (!fired)
                        break;
        }
        kit_fini(&kit);
        assert_true(n > 10);
        assert_true(failed > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_call_fails_alone),
        };

        log_open("test_no_memory_rpc", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
