#include <sys/wait.h>

#include "tests/unit/net/test_rpc_wire.h"

static void root_may_claim_any_name(void **state)
{
        struct wire w;

        (void)state;
        if (os_own_uid() != 0) {
                print_message("skipped: needs root\n");
                skip();
        }
        wire_init(&w);
        wire_start(&w);
        raw_hello(w.s, false);
        raw_add_context(&w.out, "carol");
        wants_alive(&w);
        assert_true(kit_last_user_is(&w.kit, "carol"));
        wire_fini(&w);
}

static void claimed_names_are_ignored_where_configured(void **state)
{
        struct wire w;

        (void)state;
        wire_init(&w);
        w.kit.config.ignore_claimed_user = true;
        wire_start(&w);
        raw_hello(w.s, false);
        raw_add_context(&w.out, "blk_1073741825_1001");
        wants_alive(&w);
        assert_true(kit_last_user_is(&w.kit, w.kit.user));
        wire_fini(&w);
}

/* In a child with another uid: claim @user; exit code 0 when refused as it should be, 1 when
 * served, 2 otherwise. */
static int claim_in_child(const struct kit *kit, const char *user, bool with_call)
{
        struct os_addr at = kit_addr(kit);
        struct os_sock *s = NULL;
        struct ipc_response r;
        struct bdfs_err err;
        uint8_t hello[IPC_HELLO_BYTES];
        struct buf out, in;

        buf_init(&out, 0);
        buf_init(&in, 0);
        if (os_connect(&s, &at, kit_soon(5000), &err) != BDFS_OK)
                return 2;
        ipc_hello_encode(hello, false);
        buf_add(&out, hello, sizeof(hello));
        raw_add_context(&out, user);
        if (with_call)
                raw_add_call(&out, 31, "now:1");
        if (os_sock_write(s, out.data, out.n, kit_soon(5000), &err) != BDFS_OK ||
            raw_read(s, &in, &r, 5000, &err) != BDFS_OK)
                return 2;
        if (r.status == IPC_SUCCESS)
                return 1;
        if (r.status != IPC_FATAL || r.code != IPC_FATAL_UNAUTHORIZED ||
            !text_is(r.java_class, EXCEPTION_ACCESS_CONTROL) ||
            r.call_id != (with_call ? 31 : IPC_ID_REFUSED))
                return 2;
        return 0;
}

static void others_claim_and_vanish(const struct kit *kit)
{
        struct os_addr at = kit_addr(kit);
        uint8_t hello[IPC_HELLO_BYTES];
        struct bdfs_err err;
        struct buf out;

        buf_init(&out, 0);
        ipc_hello_encode(hello, false);
        buf_add(&out, hello, sizeof(hello));
        raw_add_context(&out, "root");
        raw_add_call(&out, 1, "now:1");
        for (unsigned i = 0; i < 100; i++) {
                struct os_sock *s = NULL;

                if (os_connect(&s, &at, kit_soon(5000), &err) != BDFS_OK ||
                    os_sock_write(s, out.data, out.n, kit_soon(5000), &err) != BDFS_OK)
                        break;
                os_sock_close(s);
        }
        buf_fini(&out);
}

static int run_as_nobody(const struct kit *kit, const char *user, bool with_call, bool vanish)
{
        int status = -1;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                if (setgid(65534) != 0 || setuid(65534) != 0)
                        _exit(3);
                if (vanish)
                        others_claim_and_vanish(kit);
                else
                        _exit(claim_in_child(kit, user, with_call));
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void another_user_cannot_claim_a_name(void **state)
{
        char nobody[OS_NAME_BYTES];
        struct wire w;

        (void)state;
        wire_init(&w);
        if (os_own_uid() != 0 || os_user_name(65534, nobody, &w.err) != BDFS_OK) {
                print_message("skipped: needs root and a user with uid 65534\n");
                wire_fini(&w);
                skip();
        }
        wire_start(&w);
        assert_int_equal(run_as_nobody(&w.kit, "root", true, false), 0);
        assert_int_equal(run_as_nobody(&w.kit, "root", false, false), 0);
        assert_int_equal(run_as_nobody(&w.kit, "alice", true, false), 0);
        assert_int_equal(kit_calls(&w.kit), 0);
        assert_int_equal(run_as_nobody(&w.kit, "", true, true), 0);
        os_sleep_ms(200);
        assert_int_equal(kit_calls(&w.kit), 0);
        assert_int_equal(run_as_nobody(&w.kit, nobody, true, false), 1);
        assert_true(kit_last_user_is(&w.kit, nobody));
        wire_fini(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(root_may_claim_any_name),
                cmocka_unit_test(claimed_names_are_ignored_where_configured),
                cmocka_unit_test(another_user_cannot_claim_a_name),
        };

        log_open("test_rpc", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
