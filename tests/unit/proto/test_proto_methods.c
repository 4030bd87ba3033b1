/* The table of calls: order, look-up, messages, and which answers are kept for retries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/hadoop_datanode.pb-c.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/methods.h"

static const struct method *find(const char *protocol, const char *name)
{
        return method_find(protocol, strlen(protocol), name, strlen(name));
}

static void table_is_sorted_and_complete(void **state)
{
        (void)state;
        for (unsigned i = 0; i < METHOD_COUNT; i++) {
                const struct method *m = method_of((enum method_id)i), *before;

                assert_int_equal(m->id, i);
                assert_true((unsigned)m->protocol < PROTOCOL_COUNT);
                assert_non_null(m->request);
                assert_non_null(m->response);
                assert_int_equal(method_protocol(m->protocol_name, strlen(m->protocol_name)),
                                 m->protocol);
                if (i == 0)
                        continue;
                before = method_of((enum method_id)(i - 1));
                if (before->protocol >= m->protocol) {
                        assert_int_equal(before->protocol, m->protocol);
                        if (strcmp(before->name, m->name) >= 0)
                                fail_msg("%s comes before %s", before->name, m->name);
                }
        }
}

static void every_method_is_found_by_its_name(void **state)
{
        (void)state;
        for (unsigned i = 0; i < METHOD_COUNT; i++) {
                const struct method *m = method_of((enum method_id)i);

                assert_ptr_equal(find(m->protocol_name, m->name), m);
        }
}

static void only_whole_names_are_found(void **state)
{
        static const char protocol[] = "org.apache.hadoop.hdfs.protocol.ClientProtocol";

        (void)state;
        assert_null(find(protocol, "getFileInf"));
        assert_null(find(protocol, "getFileInfoX"));
        assert_null(find(protocol, "GETFILEINFO"));
        assert_null(find(protocol, ""));
        assert_null(find(protocol, "zzz"));
        assert_null(find(protocol, "a"));
        assert_null(find(protocol, "register"));
        assert_null(find("org.apache.hadoop.hdfs.protocol.ClientProtoco", "getFileInfo"));
        assert_null(find("", "getFileInfo"));
        assert_null(method_find(protocol, strlen(protocol), "getFileInfo\0", 12));
        assert_int_equal(method_protocol("org.example.Other", 17), PROTOCOL_COUNT);
}

static void messages_are_named_after_their_method(void **state)
{
        static const enum method_id others[] = {METHOD_CLIENT_getFsStats,
                                                METHOD_CLIENT_getHAServiceState,
                                                METHOD_NAMENODE_versionRequest,
                                                METHOD_GENERIC_REFRESH_refresh};

        (void)state;
        for (unsigned i = 0; i < METHOD_COUNT; i++) {
                const struct method *m = method_of((enum method_id)i);
                const char *suffix = strncmp(m->protocol_name, "bdfs.", 5) == 0 ? "" : "Proto";
                char request[128], response[128];
                bool other = false;

                for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++)
                        other |= others[k] == m->id;
                if (other)
                        continue;
                (void)snprintf(request, sizeof(request), "%c%sRequest%s", m->name[0] - 32,
                               m->name + 1, suffix);
                (void)snprintf(response, sizeof(response), "%c%sResponse%s", m->name[0] - 32,
                               m->name + 1, suffix);
                assert_string_equal(m->request->short_name, request);
                assert_string_equal(m->response->short_name, response);
        }
        assert_ptr_equal(method_of(METHOD_CLIENT_getFsStats)->request,
                         &hadoop__get_fs_status_request_proto__descriptor);
        assert_ptr_equal(method_of(METHOD_CLIENT_getHAServiceState)->response,
                         &hadoop__haservice_state_response_proto__descriptor);
        assert_ptr_equal(method_of(METHOD_NAMENODE_versionRequest)->request,
                         &hadoop__version_request_proto__descriptor);
        assert_ptr_equal(method_of(METHOD_GENERIC_REFRESH_refresh)->response,
                         &hadoop__generic_refresh_response_collection_proto__descriptor);
}

static void answers_are_kept_for_exactly_the_calls_that_hadoop_keeps(void **state)
{
        static const char *const once[] = {
                "addCacheDirective", "addCachePool", "addErasureCodingPolicies", "append",
                "concat", "create", "createEncryptionZone", "createSnapshot", "createSymlink",
                "delete", "deleteSnapshot", "disableErasureCodingPolicy",
                "enableErasureCodingPolicy", "modifyCacheDirective", "modifyCachePool",
                "reencryptEncryptionZone", "removeCacheDirective", "removeCachePool",
                "removeErasureCodingPolicy", "removeXAttr", "rename", "rename2", "renameSnapshot",
                "satisfyStoragePolicy", "saveNamespace", "setErasureCodingPolicy", "setXAttr",
                "unsetErasureCodingPolicy", "updatePipeline",
        };
        size_t seen = 0;

        (void)state;
        for (unsigned i = 0; i < METHOD_COUNT; i++) {
                const struct method *m = method_of((enum method_id)i);

                if (!m->once)
                        continue;
                assert_int_equal(m->protocol, PROTOCOL_CLIENT);
                assert_true(seen < sizeof(once) / sizeof(once[0]));
                assert_string_equal(m->name, once[seen++]);
        }
        assert_int_equal(seen, sizeof(once) / sizeof(once[0]));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(table_is_sorted_and_complete),
                cmocka_unit_test(every_method_is_found_by_its_name),
                cmocka_unit_test(only_whole_names_are_found),
                cmocka_unit_test(messages_are_named_after_their_method),
                cmocka_unit_test(answers_are_kept_for_exactly_the_calls_that_hadoop_keeps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
