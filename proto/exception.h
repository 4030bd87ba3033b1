/*
 * exception.h - which Java exception a status is on Hadoop's wire, and back.
 *
 * Hadoop clients decide by the class name, so it is chosen with care; the text is for people. One
 * class may stand for several statuses (java.io.IOException for most), and then bdfs peers add the
 * exact status in a field of their own (RpcResponseHeaderProto.bdfsStatus).
 *
 * Classes without a status of their own are named below; who must raise one of them names it
 * (bdfs_fail_class, ipc_error_class_encode), and a client reads them as the nearest status.
 *
 * Owner, threads: constant tables.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

/* RpcErrorCodeProto: which part of the server refused. FATAL ones end the connection. */
enum ipc_error_code {
        IPC_ERROR_NONE = 0, /* absent */
        IPC_ERROR_APPLICATION = 1,
        IPC_ERROR_NO_SUCH_METHOD = 2,
        IPC_ERROR_NO_SUCH_PROTOCOL = 3,
        IPC_ERROR_RPC_SERVER = 4,
        IPC_ERROR_SERIALIZING_RESPONSE = 5,
        IPC_ERROR_RPC_VERSION_MISMATCH = 6,
        IPC_FATAL_UNKNOWN = 10,
        IPC_FATAL_UNSUPPORTED_SERIALIZATION = 11,
        IPC_FATAL_INVALID_RPC_HEADER = 12,
        IPC_FATAL_DESERIALIZING_REQUEST = 13,
        IPC_FATAL_VERSION_MISMATCH = 14,
        IPC_FATAL_UNAUTHORIZED = 15,
};

/* Classes that handlers name themselves. */
#define EXCEPTION_IO "java.io.IOException"
#define EXCEPTION_ACCESS_CONTROL "org.apache.hadoop.security.AccessControlException"
#define EXCEPTION_VERSION_MISMATCH "org.apache.hadoop.ipc.RPC$VersionMismatch"
#define EXCEPTION_AUTHORIZATION "org.apache.hadoop.security.authorize.AuthorizationException"
#define EXCEPTION_ACL "org.apache.hadoop.hdfs.protocol.AclException"
#define EXCEPTION_SNAPSHOT "org.apache.hadoop.hdfs.protocol.SnapshotException"
#define EXCEPTION_SNAPSHOT_ACCESS "org.apache.hadoop.hdfs.protocol.SnapshotAccessControlException"
#define EXCEPTION_XATTR_NOT_FOUND "org.apache.hadoop.hdfs.protocol.XAttrNotFoundException"
#define EXCEPTION_NS_QUOTA "org.apache.hadoop.hdfs.protocol.NSQuotaExceededException"
#define EXCEPTION_TYPE_QUOTA "org.apache.hadoop.hdfs.protocol.QuotaByStorageTypeExceededException"
#define EXCEPTION_ILLEGAL_ARGUMENT "java.lang.IllegalArgumentException"
#define EXCEPTION_ASSERTION "java.lang.AssertionError"
#define EXCEPTION_NAME_TOO_LONG \
        "org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException"
#define EXCEPTION_PATH_NOT_DIRECTORY "org.apache.hadoop.fs.PathIsNotDirectoryException"
#define EXCEPTION_LISTING_START \
        "org.apache.hadoop.fs.DirectoryListingStartAfterNotFoundException"

/* The class for @status, which is not BDFS_OK; never NULL. */
const char *exception_class(enum bdfs_status status);
/* The errorDetail that goes with it: NO_SUCH_METHOD, NO_SUCH_PROTOCOL or APPLICATION. */
enum ipc_error_code exception_code(enum bdfs_status status);
/* The status for a class name of @n bytes; BDFS_FAILED for a class not in the table. */
enum bdfs_status exception_status(const char *java_class, size_t n);
/* True when exception_status() of the status's class gives the status back. */
bool exception_is_exact(enum bdfs_status status);
