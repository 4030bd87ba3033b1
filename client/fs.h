/*
 * fs.h - inside of libbdfs: the connection that all handles share.
 *
 * Owner:   struct bdfs owns the RPC client, the lease thread and the pool of data connections.
 * Threads: rpc and options are set once; the rest is under its own lock.
 */
#pragma once

#include "client/bdfs.h"
#include "common/conf.h"
#include "common/limits.h"
#include "common/os.h"
#include "net/rpc_client.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/message.h"
#include "proto/methods.h"

#define CLIENT_TIMEOUT_MS 60000
#define CLIENT_RENEW_MS 10000
#define CLIENT_RETRY_FIRST_MS 50
#define CLIENT_RETRY_MOST_MS 800

struct client_conf {
        char *name;              /* of the cluster, for bdfs://NAME */
        char *namenode;          /* host:port of the own port */
        int64_t replication, block_size; /* 0: the server's */
        int64_t timeout_ms;
        int64_t owner;           /* uid of the cluster's daemons; -1: not known */
};

extern const struct conf_key client_conf_table[];
extern const size_t client_conf_table_n;

struct lease_thread;
struct data_pool;

struct bdfs {
        struct client_conf conf;
        bool conf_loaded;
        char *uri;
        char user[OS_NAME_BYTES];
        char client_name[96];    /* lease holder, one for all files of this connection */
        bool hadoop;
        bool ignore_checksums;
        int64_t timeout_ms;
        bool wait_safe_mode;
        uid_t owner;             /* of the daemons, or SERVER_OWNER_ANY */
        struct rpc_client *rpc;
        struct lease_thread *leases;
        struct data_pool *pool;
        struct os_mutex lock;
        bool has_defaults;                        /* guarded by: lock */
        struct bdfs_defaults defaults;            /* guarded by: lock */
        uint64_t bytes_read, bytes_local, bytes_written; /* guarded by: lock */
};

/* One call of ClientProtocol within the connection's timeout. *ret is freed with message_free(). */
enum bdfs_status fs_call(struct bdfs *fs, enum method_id id, const ProtobufCMessage *request,
                         ProtobufCMessage **ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The same for a request with a path, *@path in it: a symbolic link on the way is followed, as the
 * namenode says where it leads. Not for /.reserved, whose names mean the link itself. */
enum bdfs_status fs_call_path(struct bdfs *fs, enum method_id id, const ProtobufCMessage *request,
                              char **path, ProtobufCMessage **ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status fs_call_path_only(struct bdfs *fs, enum method_id id,
                                   const ProtobufCMessage *request, char **path,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
#define FS_LINKS_MAX 32 /* as HDFS follows */
/* Where a call on @path that failed with @err was led by a symbolic link; the caller frees it.
 * NULL: it failed otherwise, or the link leads into another cluster. */
char *fs_link_target(const char *path, const struct bdfs_err *err);
/* The same when nothing of the answer is wanted. */
enum bdfs_status fs_call_only(struct bdfs *fs, enum method_id id, const ProtobufCMessage *request,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
void fs_count(struct bdfs *fs, uint64_t read, uint64_t local, uint64_t written);

/* Fill @ret from a wire status; strings are copied. */
void fs_stat_of(const Hadoop__HdfsFileStatusProto *from, struct bdfs_stat *ret);
