/* Java exception classes: the ones that clients act upon, and what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/exception.h"

static enum bdfs_status status_of(const char *java_class)
{
        return exception_status(java_class, strlen(java_class));
}

static void clients_get_the_classes_they_act_upon(void **state)
{
        static const struct {
                enum bdfs_status status;
                const char *java_class;
        } pairs[] = {
                {BDFS_NOT_FOUND, "java.io.FileNotFoundException"},
                {BDFS_PERMISSION, "org.apache.hadoop.security.AccessControlException"},
                {BDFS_EXISTS, "org.apache.hadoop.fs.FileAlreadyExistsException"},
                {BDFS_BEING_CREATED,
                 "org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException"},
                {BDFS_RECOVERY, "org.apache.hadoop.hdfs.protocol.RecoveryInProgressException"},
                {BDFS_LEASE_EXPIRED,
                 "org.apache.hadoop.hdfs.server.namenode.LeaseExpiredException"},
                {BDFS_NOT_REPLICATED,
                 "org.apache.hadoop.hdfs.server.namenode.NotReplicatedYetException"},
                {BDFS_RETRY, "org.apache.hadoop.ipc.RetriableException"},
                {BDFS_STANDBY, "org.apache.hadoop.ipc.StandbyException"},
                {BDFS_SAFE_MODE, "org.apache.hadoop.hdfs.server.namenode.SafeModeException"},
                {BDFS_NOT_DIRECTORY, "org.apache.hadoop.fs.ParentNotDirectoryException"},
                {BDFS_NOT_EMPTY, "org.apache.hadoop.fs.PathIsNotEmptyDirectoryException"},
                {BDFS_QUOTA, "org.apache.hadoop.hdfs.protocol.DSQuotaExceededException"},
                {BDFS_SYMLINK, "org.apache.hadoop.hdfs.protocol.UnresolvedPathException"},
                {BDFS_INVALID_PATH, "org.apache.hadoop.fs.InvalidPathException"},
                {BDFS_INVALID, "org.apache.hadoop.HadoopIllegalArgumentException"},
                {BDFS_UNSUPPORTED, "java.lang.UnsupportedOperationException"},
                {BDFS_TOKEN, "org.apache.hadoop.security.token.SecretManager$InvalidToken"},
                {BDFS_REPLICA_NOT_FOUND,
                 "org.apache.hadoop.hdfs.server.datanode.ReplicaNotFoundException"},
                {BDFS_NO_METHOD, "org.apache.hadoop.ipc.RpcNoSuchMethodException"},
                {BDFS_NO_PROTOCOL, "org.apache.hadoop.ipc.RpcNoSuchProtocolException"},
                {BDFS_FAILED, "java.io.IOException"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
                assert_string_equal(exception_class(pairs[i].status), pairs[i].java_class);
                assert_int_equal(status_of(pairs[i].java_class), pairs[i].status);
                assert_true(exception_is_exact(pairs[i].status));
        }
}

static void every_status_has_a_class(void **state)
{
        (void)state;
        for (int s = BDFS_OK + 1; s < BDFS_STATUS_COUNT; s++) {
                const char *java_class = exception_class((enum bdfs_status)s);

                assert_true(strchr(java_class, '.') != NULL);
                assert_int_not_equal(status_of(java_class), BDFS_OK);
                if (!exception_is_exact((enum bdfs_status)s))
                        assert_int_not_equal(status_of(java_class), s);
        }
        assert_string_equal(exception_class(BDFS_IS_DIRECTORY), "java.io.FileNotFoundException");
        assert_string_equal(exception_class(BDFS_CORRUPT), "java.io.IOException");
        assert_string_equal(exception_class((enum bdfs_status)9999), "java.io.IOException");
}

static void classes_without_a_status_read_as_the_nearest(void **state)
{
        (void)state;
        assert_int_equal(status_of(EXCEPTION_NS_QUOTA), BDFS_QUOTA);
        assert_int_equal(status_of(EXCEPTION_TYPE_QUOTA), BDFS_QUOTA);
        assert_int_equal(status_of(EXCEPTION_SNAPSHOT_ACCESS), BDFS_PERMISSION);
        assert_int_equal(status_of(EXCEPTION_ACL), BDFS_INVALID);
        assert_int_equal(status_of("org.apache.hadoop.ipc.ObserverRetryOnActiveException"),
                         BDFS_STANDBY);
        assert_int_equal(status_of(EXCEPTION_XATTR_NOT_FOUND), BDFS_FAILED);
}

static void unknown_classes_are_failures(void **state)
{
        (void)state;
        assert_int_equal(status_of("org.example.Surprise"), BDFS_FAILED);
        assert_int_equal(status_of("java.io.FileNotFound"), BDFS_FAILED);
        assert_int_equal(status_of("java.io.FileNotFoundExceptionX"), BDFS_FAILED);
        assert_int_equal(status_of(""), BDFS_FAILED);
        assert_int_equal(exception_status(NULL, 0), BDFS_FAILED);
}

static void codes_tell_unknown_calls_from_refusals(void **state)
{
        (void)state;
        assert_int_equal(exception_code(BDFS_NO_METHOD), IPC_ERROR_NO_SUCH_METHOD);
        assert_int_equal(exception_code(BDFS_NO_PROTOCOL), IPC_ERROR_NO_SUCH_PROTOCOL);
        assert_int_equal(exception_code(BDFS_NOT_FOUND), IPC_ERROR_APPLICATION);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(clients_get_the_classes_they_act_upon),
                cmocka_unit_test(every_status_has_a_class),
                cmocka_unit_test(classes_without_a_status_read_as_the_nearest),
                cmocka_unit_test(unknown_classes_are_failures),
                cmocka_unit_test(codes_tell_unknown_calls_from_refusals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
