/*
 * status.h - what kinds of failure there are, and the struct that says which one it was: the part
 * of common/err.h that users of libbdfs see. `make` puts it into the installed bdfs.h.
 *
 * Owner:   struct bdfs_err is the caller's; it holds no memory of its own.
 * Threads: none; a struct belongs to one thread.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/*      name               wire errno         exit  text                                      */
#define BDFS_STATUS_MAP(X)                                                                     \
        X(OK,                 0, 0,             0, "success")                                  \
        X(FAILED,             1, EIO,           1, "failed")                                   \
        X(INVALID,            2, EINVAL,        2, "invalid argument")                         \
        X(INVALID_PATH,       3, EINVAL,        2, "invalid path")                             \
        X(NOT_FOUND,          4, ENOENT,        3, "no such file or directory")                \
        X(EXISTS,             5, EEXIST,        4, "file exists")                              \
        X(NOT_EMPTY,          6, ENOTEMPTY,     4, "directory is not empty")                   \
        X(NOT_DIRECTORY,      7, ENOTDIR,       1, "not a directory")                          \
        X(IS_DIRECTORY,       8, EISDIR,        1, "is a directory")                           \
        X(PERMISSION,         9, EACCES,        5, "permission denied")                        \
        X(BEING_CREATED,     10, EBUSY,         4, "file is being written by another client")  \
        X(RECOVERY,          11, EBUSY,         6, "lease recovery is in progress")            \
        X(LEASE_EXPIRED,     12, ESTALE,        1, "lease expired")                            \
        X(NOT_REPLICATED,    13, EAGAIN,        6, "block is not replicated yet")              \
        X(RETRY,             14, EAGAIN,        6, "try again")                                \
        X(STANDBY,           15, EAGAIN,        6, "namenode is a standby")                    \
        X(SAFE_MODE,         16, EROFS,         6, "namenode is in safe mode")                 \
        X(QUOTA,             17, EDQUOT,        7, "quota exceeded")                           \
        X(SYMLINK,           18, ELOOP,         1, "path crosses a symbolic link")             \
        X(UNSUPPORTED,       19, ENOTSUP,       1, "not supported")                            \
        X(NO_METHOD,         20, ENOSYS,        1, "unknown method")                           \
        X(NO_PROTOCOL,       21, EPROTONOSUPPORT, 1, "unknown protocol")                       \
        X(TOKEN,             22, EACCES,        5, "block token refused")                      \
        X(REPLICA_NOT_FOUND, 23, ENOENT,        1, "replica not found")                        \
        X(STALE_GENSTAMP,    24, ESTALE,        1, "generation stamp is too old")              \
        X(UNAVAILABLE,       25, EHOSTUNREACH,  6, "peer is unreachable")                      \
        X(TIMEOUT,           26, ETIMEDOUT,   124, "deadline passed")                          \
        X(CORRUPT,           27, EIO,           8, "data is corrupt")                          \
        X(IO,                28, EIO,           1, "input/output error")                       \
        X(NO_SPACE,          29, ENOSPC,        7, "no space left")                            \
        X(NO_MEMORY,         30, ENOMEM,        1, "out of memory")                            \
        X(LIMIT,             31, EAGAIN,        6, "limit reached")                            \
        X(PROTOCOL,          32, EPROTO,        1, "peer sent bytes that make no sense")       \
        X(USAGE,             33, EINVAL,        2, "wrong usage")                              \
        X(PARTIAL,           34, EIO,           9, "partly done")                              \
        X(CLOSED,            35, EPIPE,         6, "peer closed the connection")               \
        X(REPLACED,          36, ESTALE,        6, "file was deleted or replaced")             \
        X(NEWER,             37, EIO,           1, "written by a newer version of bdfs")       \
        X(NOT_OWNER,         38, EPERM,         5, "only the owner may do that")

enum bdfs_status {
#define X(name, wire, eno, exit_code, text) BDFS_##name = (wire),
        BDFS_STATUS_MAP(X)
#undef X
        BDFS_STATUS_COUNT
};

#define BDFS_ERR_TEXT_BYTES 1024

struct bdfs_err {
        enum bdfs_status status;
        char text[BDFS_ERR_TEXT_BYTES]; /* "outer: inner: cause", never empty on failure */
        const char *java_class;         /* what a Hadoop client sees; NULL: the usual one */
};

#define BDFS_MUST_CHECK __attribute__((warn_unused_result))

const char *bdfs_status_name(enum bdfs_status status); /* "NOT_FOUND"; "UNKNOWN" out of range */
const char *bdfs_status_text(enum bdfs_status status);
int bdfs_status_errno(enum bdfs_status status);
int bdfs_status_exit(enum bdfs_status status);
enum bdfs_status bdfs_status_of_errno(int eno);

#ifdef __cplusplus
}
#endif
