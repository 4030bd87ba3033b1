#include "tests/unit/net/test_rpc_kit.h"

static void answers_come_back_with_their_values(void **state)
{
        struct kit kit;
        struct rpc_client *c;
        struct bdfs_err err;
        uint64_t value = 0;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        c = kit_client(&kit);
        for (unsigned i = 0; i < 200; i++) {
                char script[32];

                (void)snprintf(script, sizeof(script), "now:%u", i);
                assert_int_equal(kit_ask(c, script, &value, kit_soon(5000), &err), BDFS_OK);
                assert_int_equal(value, i);
        }
        assert_int_equal(kit.calls_n, 200);
        assert_int_equal(kit.seen[0].client_id_n, 16);
        assert_int_equal(kit.seen[0].call_id + 1, kit.seen[1].call_id);
        assert_int_equal(kit.seen[0].retry_count, 0);
        assert_memory_equal(kit.seen[0].client_id, kit.seen[1].client_id, 16);
        assert_string_equal(kit.last_user, kit.user);
        rpc_client_free(c);
        kit_fini(&kit);
}

static void ipv6_loopback_works_too(void **state)
{
        struct kit kit;
        struct rpc_client *c;
        struct bdfs_err err;
        struct os_listener *probe;
        struct os_addr v6 = {.host = "::1"};
        uint64_t value = 0;

        (void)state;
        if (os_listen(&probe, &v6, false, &err) != BDFS_OK) {
                print_message("skipped: no IPv6 loopback here: %s\n", err.text);
                skip();
        }
        os_listener_close(probe);
        kit_init(&kit);
        kit.config.own = v6;
        kit_start(&kit);
        c = kit_client(&kit);
        assert_int_equal(kit_ask(c, "now:6", &value, kit_soon(5000), &err), BDFS_OK);
        assert_int_equal(value, 6);
        rpc_client_free(c);
        kit_fini(&kit);
}

static void failures_arrive_as_statuses_with_their_text(void **state)
{
        struct kit kit;
        struct rpc_client *c;
        struct bdfs_err err;
        uint64_t value = 0;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        c = kit_client(&kit);
        assert_int_equal(kit_ask(c, "fail", &value, kit_soon(5000), &err), BDFS_NOT_FOUND);
        assert_int_equal(err.status, BDFS_NOT_FOUND);
        assert_string_equal(err.text, "File does not exist: fail");
        assert_int_equal(kit_ask(c, "now:1", &value, kit_soon(5000), &err), BDFS_OK);
        assert_int_equal(kit_ask(c, "fail", &value, kit_soon(5000), NULL), BDFS_NOT_FOUND);
        rpc_client_free(c);
        kit_fini(&kit);
}

static void class_of_the_exception_can_be_asked_for(void **state)
{
        Hadoop__GetPreferredBlockSizeRequestProto request =
                HADOOP__GET_PREFERRED_BLOCK_SIZE_REQUEST_PROTO__INIT;
        const struct method *m = method_of(METHOD_CLIENT_getPreferredBlockSize);
        struct kit kit;
        struct rpc_client *c;
        struct bdfs_err err;
        ProtobufCMessage *answer = NULL;
        char java_class[RPC_CLASS_BYTES], name[16] = "class";

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        c = kit_client(&kit);
        request.filename = name;
        assert_int_equal(rpc_client_call_class(c, m, &request.base, &answer, kit_soon(5000),
                                               java_class, &err), BDFS_QUOTA);
        assert_string_equal(java_class, EXCEPTION_NS_QUOTA);
        assert_string_equal(err.text, "too many names");
        (void)snprintf(name, sizeof(name), "now:1");
        assert_int_equal(rpc_client_call_class(c, m, &request.base, &answer, kit_soon(5000),
                                               java_class, &err), BDFS_OK);
        assert_string_equal(java_class, "");
        message_free(answer);
        rpc_client_free(c);
        kit_fini(&kit);
}

struct asker {
        struct rpc_client *client;
        struct os_thread *thread;
        char script[32];
        uint64_t value;
        enum bdfs_status status;
        int64_t deadline_ms;
        struct bdfs_err err;
};

static void asker_run(void *arg)
{
        struct asker *a = arg;

        a->status = kit_ask(a->client, a->script, &a->value, a->deadline_ms, &a->err);
}

static void askers_start(struct asker *a, unsigned n, struct rpc_client *c, const char *verb,
                         int64_t ms)
{
        struct bdfs_err err;

        for (unsigned i = 0; i < n; i++) {
                a[i] = (struct asker){.client = c, .deadline_ms = kit_soon(ms)};
                (void)snprintf(a[i].script, sizeof(a[i].script), "%s:%u", verb, i);
                assert_int_equal(os_thread_start(&a[i].thread, "asker", asker_run, &a[i], &err),
                                 BDFS_OK);
        }
}

static void askers_join(struct asker *a, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                os_thread_join(a[i].thread);
}

static void answers_in_any_order_find_their_callers(void **state)
{
        static struct asker a[64];
        struct kit kit;
        struct rpc_client *c;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        c = kit_client(&kit);
        for (unsigned round = 0; round < 5; round++) {
                askers_start(a, 64, c, "hold", 10000);
                assert_true(kit_wait_held(&kit, 64, 10000));
                kit_release(&kit);
                askers_join(a, 64);
                for (unsigned i = 0; i < 64; i++) {
                        assert_int_equal(a[i].status, BDFS_OK);
                        assert_int_equal(a[i].value, i);
                }
        }
        rpc_client_free(c);
        kit_fini(&kit);
}

static void a_handler_may_answer_later_from_another_thread(void **state)
{
        static struct asker a[32];
        struct kit kit;
        struct rpc_client *c;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        c = kit_client(&kit);
        askers_start(a, 32, c, "later:30", 10000);
        askers_join(a, 32);
        for (unsigned i = 0; i < 32; i++) {
                assert_int_equal(a[i].status, BDFS_OK);
                assert_int_equal(a[i].value, i);
        }
        rpc_client_free(c);
        kit_fini(&kit);
}

static void a_deadline_ends_one_call_and_hands_reading_over(void **state)
{
        static struct asker a[2], late[1];
        struct kit kit;
        struct rpc_client *c;
        struct bdfs_err err;
        uint64_t value = 0;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        c = kit_client(&kit);
        assert_int_equal(kit_ask(c, "now:1", &value, kit_soon(5000), &err), BDFS_OK);
        askers_start(late, 1, c, "hold", 100);
        assert_true(kit_wait_held(&kit, 1, 5000));
        askers_start(a, 2, c, "hold", 10000);
        askers_join(late, 1);
        assert_int_equal(late[0].status, BDFS_TIMEOUT);
        assert_true(kit_wait_held(&kit, 3, 5000));
        kit_release(&kit);
        askers_join(a, 2);
        assert_int_equal(a[0].status, BDFS_OK);
        assert_int_equal(a[1].value, 1);
        assert_int_equal(kit_ask(c, "now:2", &value, kit_soon(5000), &err), BDFS_OK);
        rpc_client_free(c);
        kit_fini(&kit);
}

static void a_dead_server_is_unavailable_with_its_name(void **state)
{
        struct kit kit;
        struct rpc_client *c;
        struct bdfs_err err;
        uint64_t value = 0;
        int64_t began_ms;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        c = kit_client(&kit);
        kit_stop(&kit);
        began_ms = os_mono_ms();
        assert_int_equal(kit_ask(c, "now:1", &value, kit_soon(20000), &err), BDFS_UNAVAILABLE);
        assert_true(os_mono_ms() - began_ms < 15000);
        assert_non_null(strstr(err.text, "127.0.0.1"));
        assert_int_equal(kit_ask(c, "now:1", &value, kit_soon(50), &err), BDFS_UNAVAILABLE);
        rpc_client_free(c);
        kit_fini(&kit);
}

static void restart_on_the_same_port(struct kit *kit, uint16_t port)
{
        kit->config.own.port = port;
        kit_start(kit);
}

static void a_call_survives_a_server_that_dies_and_comes_back(void **state)
{
        static struct asker a[8];
        struct kit kit;
        struct rpc_client *c;
        uint16_t port;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        port = kit_addr(&kit).port;
        c = kit_client(&kit);
        askers_start(a, 8, c, "hold", 20000);
        assert_true(kit_wait_held(&kit, 8, 5000));
        kit_stop(&kit); /* answers of what was held go nowhere */
        os_sleep_ms(150);
        restart_on_the_same_port(&kit, port);
        assert_true(kit_wait_held(&kit, 8, 10000));
        kit_release(&kit);
        askers_join(a, 8);
        for (unsigned i = 0; i < 8; i++) {
                assert_int_equal(a[i].status, BDFS_OK);
                assert_int_equal(a[i].value, i);
        }
        rpc_client_free(c);
        assert_int_equal(kit.calls_n, 16);
        for (unsigned i = 8; i < 16; i++) {
                unsigned same = 0;

                assert_true(kit.seen[i].retry_count >= 1);
                for (unsigned k = 0; k < 8; k++) {
                        assert_int_equal(kit.seen[k].retry_count, 0);
                        same += kit.seen[k].call_id == kit.seen[i].call_id &&
                                memcmp(kit.seen[k].client_id, kit.seen[i].client_id, 16) == 0;
                }
                assert_int_equal(same, 1);
        }
        kit_fini(&kit);
}

static void an_idle_close_is_not_noticed_by_callers(void **state)
{
        struct kit kit;
        struct rpc_client *c;
        struct bdfs_err err;
        uint64_t value = 0;

        (void)state;
        kit_init(&kit);
        kit.config.idle_ms = 100;
        kit_start(&kit);
        c = kit_client(&kit);
        assert_int_equal(kit_ask(c, "now:1", &value, kit_soon(5000), &err), BDFS_OK);
        os_sleep_ms(400);
        assert_int_equal(kit_ask(c, "now:2", &value, kit_soon(5000), &err), BDFS_OK);
        os_sleep_ms(1500);
        assert_int_equal(kit_ask(c, "now:3", &value, kit_soon(5000), &err), BDFS_OK);
        assert_int_equal(value, 3);
        assert_int_equal(kit.calls_n, 3);
        assert_int_equal(kit.seen[2].retry_count, 0);
        /* a call that waits for its answer is not idle */
        assert_int_equal(kit_ask(c, "later:400:4", &value, kit_soon(5000), &err), BDFS_OK);
        assert_int_equal(value, 4);
        rpc_client_free(c);
        kit_fini(&kit);
}

static void large_answers_pass(void **state)
{
        static const size_t sizes[] = {0, 1, 16000, 16384, 70000, 1 << 20, 20 << 20};
        Hadoop__GetLinkTargetRequestProto request = HADOOP__GET_LINK_TARGET_REQUEST_PROTO__INIT;
        struct kit kit;
        struct rpc_client *c;
        struct bdfs_err err;
        char path[32];

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        c = kit_client(&kit);
        request.path = path;
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                Hadoop__GetLinkTargetResponseProto *r;
                ProtobufCMessage *answer = NULL;

                (void)snprintf(path, sizeof(path), "%zu", sizes[i]);
                assert_int_equal(rpc_client_call(c, method_of(METHOD_CLIENT_getLinkTarget),
                                                 &request.base, &answer, kit_soon(20000), &err),
                                 BDFS_OK);
                r = (void *)answer;
                assert_int_equal(strlen(r->targetpath), sizes[i]);
                message_free(r);
        }
        rpc_client_free(c);
        kit_fini(&kit);
}

static void an_answer_too_large_for_a_frame_is_an_error_and_the_connection_lives(void **state)
{
        Hadoop__GetLinkTargetRequestProto request = HADOOP__GET_LINK_TARGET_REQUEST_PROTO__INIT;
        struct kit kit;
        struct rpc_client *c;
        struct bdfs_err err;
        ProtobufCMessage *answer = NULL;
        char path[32];
        uint64_t value = 0;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        c = kit_client(&kit);
        request.path = path;
        (void)snprintf(path, sizeof(path), "%llu", RPC_FRAME_BYTES_MAX);
        assert_int_equal(rpc_client_call(c, method_of(METHOD_CLIENT_getLinkTarget), &request.base,
                                         &answer, kit_soon(20000), &err), BDFS_LIMIT);
        assert_int_equal(kit_ask(c, "now:1", &value, kit_soon(5000), &err), BDFS_OK);
        assert_int_equal(kit.calls_n, 2);
        rpc_client_free(c);
        kit_fini(&kit);
}

static void a_method_without_handler_is_refused_by_name(void **state)
{
        Hadoop__GetFileInfoRequestProto request = HADOOP__GET_FILE_INFO_REQUEST_PROTO__INIT;
        struct kit kit;
        struct rpc_client *c;
        struct bdfs_err err;
        ProtobufCMessage *answer = NULL;
        char path[] = "/x";

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        c = kit_client(&kit);
        request.src = path;
        assert_int_equal(rpc_client_call(c, method_of(METHOD_CLIENT_getFileInfo), &request.base,
                                         &answer, kit_soon(5000), &err), BDFS_NO_METHOD);
        assert_non_null(strstr(err.text, "getFileInfo"));
        rpc_client_free(c);
        kit_fini(&kit);
}

static void a_service_offered_elsewhere_is_unknown_here(void **state)
{
        struct kit kit;
        struct rpc_client *c;
        struct bdfs_err err;
        uint64_t value = 0;

        (void)state;
        kit_init(&kit);
        kit.service.listeners = 1u << RPC_HADOOP;
        kit_start(&kit);
        c = kit_client(&kit);
        assert_int_equal(kit_ask(c, "now:1", &value, kit_soon(5000), &err), BDFS_NO_PROTOCOL);
        rpc_client_free(c);
        kit_fini(&kit);
}

static void both_listeners_serve_and_know_their_kind(void **state)
{
        struct kit kit;
        struct os_addr at = {.host = "127.0.0.1"};
        struct rpc_client *c = NULL;
        struct bdfs_err err;
        uint64_t value = 0;

        (void)state;
        kit_init(&kit);
        kit.config.hadoop = at;
        kit_start(&kit);
        at.port = rpc_server_port(kit.server, RPC_HADOOP);
        assert_int_not_equal(at.port, kit_addr(&kit).port);
        assert_int_equal(rpc_client_new(&c, &at, kit.user, &err), BDFS_OK);
        assert_int_equal(kit_ask(c, "now:9", &value, kit_soon(5000), &err), BDFS_OK);
        rpc_client_free(c);
        kit_fini(&kit);
}

static void starting_on_a_taken_port_fails_and_leaves_nothing(void **state)
{
        struct kit kit, second;
        struct bdfs_err err;

        (void)state;
        kit_init(&kit);
        kit_start(&kit);
        kit_init(&second);
        second.config.own.port = kit_addr(&kit).port;
        assert_int_not_equal(rpc_server_start(&second.server, &second.config, &err), BDFS_OK);
        assert_null(second.server);
        second.service.protocol = "no.such.Protocol";
        second.config.own.port = 0;
        assert_int_equal(rpc_server_start(&second.server, &second.config, &err), BDFS_INVALID);
        kit_fini(&second);
        kit_fini(&kit);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(answers_come_back_with_their_values),
                cmocka_unit_test(ipv6_loopback_works_too),
                cmocka_unit_test(failures_arrive_as_statuses_with_their_text),
                cmocka_unit_test(class_of_the_exception_can_be_asked_for),
                cmocka_unit_test(answers_in_any_order_find_their_callers),
                cmocka_unit_test(a_handler_may_answer_later_from_another_thread),
                cmocka_unit_test(a_deadline_ends_one_call_and_hands_reading_over),
                cmocka_unit_test(a_dead_server_is_unavailable_with_its_name),
                cmocka_unit_test(a_call_survives_a_server_that_dies_and_comes_back),
                cmocka_unit_test(an_idle_close_is_not_noticed_by_callers),
                cmocka_unit_test(large_answers_pass),
                cmocka_unit_test(
                        an_answer_too_large_for_a_frame_is_an_error_and_the_connection_lives),
                cmocka_unit_test(a_method_without_handler_is_refused_by_name),
                cmocka_unit_test(a_service_offered_elsewhere_is_unknown_here),
                cmocka_unit_test(both_listeners_serve_and_know_their_kind),
                cmocka_unit_test(starting_on_a_taken_port_fails_and_leaves_nothing),
        };

        log_open("test_rpc", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
