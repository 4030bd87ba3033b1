#include "proto/exception.h"

#include <string.h>

#define FS "org.apache.hadoop.fs."
#define HDFS "org.apache.hadoop.hdfs.protocol."
#define NAMENODE "org.apache.hadoop.hdfs.server.namenode."
#define DATANODE "org.apache.hadoop.hdfs.server.datanode."
#define IPC "org.apache.hadoop.ipc."

static const char *const classes[BDFS_STATUS_COUNT] = {
        [BDFS_FAILED] = EXCEPTION_IO,
        [BDFS_INVALID] = "org.apache.hadoop.HadoopIllegalArgumentException",
        [BDFS_INVALID_PATH] = FS "InvalidPathException",
        [BDFS_NOT_FOUND] = "java.io.FileNotFoundException",
        [BDFS_EXISTS] = FS "FileAlreadyExistsException",
        [BDFS_NOT_EMPTY] = FS "PathIsNotEmptyDirectoryException",
        [BDFS_NOT_DIRECTORY] = FS "ParentNotDirectoryException",
        [BDFS_IS_DIRECTORY] = "java.io.FileNotFoundException",
        [BDFS_PERMISSION] = EXCEPTION_ACCESS_CONTROL,
        [BDFS_BEING_CREATED] = HDFS "AlreadyBeingCreatedException",
        [BDFS_RECOVERY] = HDFS "RecoveryInProgressException",
        [BDFS_LEASE_EXPIRED] = NAMENODE "LeaseExpiredException",
        [BDFS_NOT_REPLICATED] = NAMENODE "NotReplicatedYetException",
        [BDFS_RETRY] = IPC "RetriableException",
        [BDFS_STANDBY] = IPC "StandbyException",
        [BDFS_SAFE_MODE] = NAMENODE "SafeModeException",
        [BDFS_QUOTA] = HDFS "DSQuotaExceededException",
        [BDFS_SYMLINK] = HDFS "UnresolvedPathException",
        [BDFS_UNSUPPORTED] = "java.lang.UnsupportedOperationException",
        [BDFS_NO_METHOD] = IPC "RpcNoSuchMethodException",
        [BDFS_NO_PROTOCOL] = IPC "RpcNoSuchProtocolException",
        [BDFS_TOKEN] = "org.apache.hadoop.security.token.SecretManager$InvalidToken",
        [BDFS_REPLICA_NOT_FOUND] = DATANODE "ReplicaNotFoundException",
        [BDFS_STALE_GENSTAMP] = EXCEPTION_IO,
        [BDFS_UNAVAILABLE] = EXCEPTION_IO,
        [BDFS_TIMEOUT] = EXCEPTION_IO,
        [BDFS_CORRUPT] = EXCEPTION_IO,
        [BDFS_IO] = EXCEPTION_IO,
        [BDFS_NO_SPACE] = EXCEPTION_IO,
        [BDFS_NO_MEMORY] = EXCEPTION_IO,
        [BDFS_LIMIT] = EXCEPTION_IO,
        [BDFS_PROTOCOL] = EXCEPTION_IO,
        [BDFS_USAGE] = "org.apache.hadoop.HadoopIllegalArgumentException",
        [BDFS_PARTIAL] = EXCEPTION_IO,
        [BDFS_CLOSED] = EXCEPTION_IO,
        [BDFS_REPLACED] = EXCEPTION_IO,
        [BDFS_NEWER] = EXCEPTION_IO,
        [BDFS_NOT_OWNER] = EXCEPTION_ACCESS_CONTROL,
};

/* Classes without a status of their own, read as the nearest one. */
static const struct {
        const char *name;
        enum bdfs_status status;
} others[] = {
        {EXCEPTION_NS_QUOTA, BDFS_QUOTA},
        {EXCEPTION_TYPE_QUOTA, BDFS_QUOTA},
        {EXCEPTION_SNAPSHOT_ACCESS, BDFS_PERMISSION},
        {EXCEPTION_ACL, BDFS_INVALID},
        {EXCEPTION_ILLEGAL_ARGUMENT, BDFS_INVALID},
        {EXCEPTION_PATH_NOT_DIRECTORY, BDFS_NOT_DIRECTORY},
        {EXCEPTION_NAME_TOO_LONG, BDFS_INVALID},
        {IPC "ObserverRetryOnActiveException", BDFS_STANDBY},
        {NAMENODE "RetryStartFileException", BDFS_RETRY},
        {FS "UnresolvedLinkException", BDFS_SYMLINK},
        {EXCEPTION_VERSION_MISMATCH, BDFS_NO_PROTOCOL},
        /* read as FAILED, the text tells them apart */
        {EXCEPTION_SNAPSHOT, BDFS_FAILED},
        {EXCEPTION_XATTR_NOT_FOUND, BDFS_FAILED},
        {EXCEPTION_LISTING_START, BDFS_FAILED},
};

static bool same(const char *name, const char *java_class, size_t n)
{
        return strlen(name) == n && memcmp(name, java_class, n) == 0;
}

const char *exception_class(enum bdfs_status status)
{
        BDFS_ASSERT(status != BDFS_OK);
        if ((unsigned)status >= BDFS_STATUS_COUNT || classes[status] == NULL)
                return EXCEPTION_IO;
        return classes[status];
}

enum ipc_error_code exception_code(enum bdfs_status status)
{
        if (status == BDFS_NO_METHOD)
                return IPC_ERROR_NO_SUCH_METHOD;
        if (status == BDFS_NO_PROTOCOL)
                return IPC_ERROR_NO_SUCH_PROTOCOL;
        return IPC_ERROR_APPLICATION;
}

enum bdfs_status exception_status(const char *java_class, size_t n)
{
        if (java_class == NULL)
                return BDFS_FAILED;
        /* of several statuses with one class the first is meant */
        for (unsigned s = BDFS_OK + 1; s < BDFS_STATUS_COUNT; s++)
                if (same(exception_class((enum bdfs_status)s), java_class, n))
                        return (enum bdfs_status)s;
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                if (same(others[i].name, java_class, n))
                        return others[i].status;
        return BDFS_FAILED;
}

bool exception_is_exact(enum bdfs_status status)
{
        const char *name = exception_class(status);

        return exception_status(name, strlen(name)) == status;
}
