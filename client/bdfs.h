/*
 * bdfs.h - libbdfs: files of a bdfs cluster, or of an Apache HDFS, from C.
 *
 * Caveats first.
 *  1. bdfs_write() only fills a buffer and a pipeline. Bytes are safe when bdfs_hsync() or
 *     bdfs_close() returned BDFS_OK; a file whose bdfs_close() failed is not complete.
 *  2. After any failed write, flush, sync or close a handle stays failed (invariant C1): close it.
 *  3. One writer per file. A second create or append is refused with BDFS_BEING_CREATED until
 *     the first writer's lease ends.
 *  4. A reader sees what was there when it opened the file, and for a file being written what had
 *     been acknowledged then. Replaced, deleted, renamed, cut: it goes on with the file it opened,
 *     whose bytes a cluster keeps for an hour (less when space is short; an Apache HDFS: not at
 *     all), or fails with BDFS_REPLACED. It never gives bytes of two files.
 *
 * Lifetime.
 *  1. struct bdfs outlives every handle made from it; bdfs_disconnect() comes last.
 *  2. Strings and arrays in results belong to the result; free it with its own function.
 *
 * Threads: struct bdfs may be used by any number of threads. A file handle is used by one thread
 *          at a time, except bdfs_pread(), which many threads may call on one handle.
 * Time:    every call takes no longer than the connection's timeout_ms (60 s unless set), bulk
 *          data excepted: there each step has that bound.
 * Errors:  enum bdfs_status; the struct bdfs_err says what failed, on what, why, and what to do.
 * Paths:   "/p" on the connected cluster; bdfs_path_resolve() turns what people type into that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bdfs;
struct bdfs_file;

/* ---- connecting ------------------------------------------------------------------------------ */

struct bdfs_options {
        const char *conf;      /* client.conf; NULL: $BDFS_CONF, else ~/.bdfs/client.conf, else
                                * /etc/bdfs/client.conf */
        const char *uri;       /* "hdfs://host:port" or "bdfs://name"; NULL: the configuration's */
        const char *user;      /* NULL: the process's own; another only for root and gateways */
        int64_t timeout_ms;    /* 0: 60,000 */
        bool wait_safe_mode;   /* a namenode's safe mode is waited for, within timeout_ms */
        bool ignore_checksums; /* give out what is there, even where its checksum is wrong */
};
enum bdfs_status bdfs_connect(struct bdfs **ret, const struct bdfs_options *options,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
void bdfs_disconnect(struct bdfs *fs);             /* NULL is fine */
const char *bdfs_user(const struct bdfs *fs);
const char *bdfs_uri(const struct bdfs *fs);       /* "bdfs://NAME" or "hdfs://host:port" */
bool bdfs_is_hadoop(const struct bdfs *fs);        /* by a Hadoop port, ours or Apache's */

/* ---- the namespace --------------------------------------------------------------------------- */

enum bdfs_type { /* HDFS's numbers */
        BDFS_TYPE_DIRECTORY = 1,
        BDFS_TYPE_FILE = 2,
        BDFS_TYPE_SYMLINK = 3,
};

struct bdfs_stat {
        enum bdfs_type type;
        uint64_t inode;
        uint64_t length;       /* bytes; 0 for directories */
        uint32_t mode;         /* 07777 */
        uint32_t replication;  /* 0 for directories */
        uint64_t block_size;
        int64_t mtime_ms, atime_ms;
        int64_t children;      /* of a directory; -1 unknown */
        bool has_acl;
        char owner[256], group[256];
        char *target;          /* of a symlink, else NULL */
};
void bdfs_stat_fini(struct bdfs_stat *st);

/* bdfs_stat() follows a symlink at the end, bdfs_lstat() does not. */
enum bdfs_status bdfs_stat(struct bdfs *fs, const char *path, struct bdfs_stat *ret,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status bdfs_lstat(struct bdfs *fs, const char *path, struct bdfs_stat *ret,
                            struct bdfs_err *err) BDFS_MUST_CHECK;

struct bdfs_dirent {
        char *name;
        struct bdfs_stat st;
};
struct bdfs_listing {
        struct bdfs_dirent *entries;
        size_t n;
        uint64_t remaining;    /* entries after these; 0: the end */
};
/* A page of entries with names > @after ("" from the start), in byte order. A file lists itself
 * with the name "". */
enum bdfs_status bdfs_list(struct bdfs *fs, const char *path, const char *after,
                           struct bdfs_listing *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
void bdfs_listing_fini(struct bdfs_listing *l);

enum bdfs_status bdfs_mkdir(struct bdfs *fs, const char *path, uint32_t mode, bool parents,
                            struct bdfs_err *err) BDFS_MUST_CHECK; /* existing directory: OK */
/* EXISTS when there is anything: of several callers one makes it. Makes no parents. */
enum bdfs_status bdfs_mkdir_new(struct bdfs *fs, const char *path, uint32_t mode,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
/* NOT_FOUND when there was nothing; NOT_EMPTY without @recursive. */
enum bdfs_status bdfs_delete(struct bdfs *fs, const char *path, bool recursive,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
/* Never moves into a directory; EXISTS unless @overwrite. */
enum bdfs_status bdfs_rename(struct bdfs *fs, const char *from, const char *to, bool overwrite,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
/* The same, never over anything, with the rights below @from that a recursive delete needs. */
enum bdfs_status bdfs_rename_to_trash(struct bdfs *fs, const char *from, const char *to,
                                      struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status bdfs_concat(struct bdfs *fs, const char *target, const char *const *sources,
                             size_t n, struct bdfs_err *err) BDFS_MUST_CHECK;
/* *ret_done false (Apache HDFS only): the last block is being recovered, poll bdfs_is_closed(). */
enum bdfs_status bdfs_truncate(struct bdfs *fs, const char *path, uint64_t length, bool *ret_done,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status bdfs_chmod(struct bdfs *fs, const char *path, uint32_t mode,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* NULL leaves that one as it is. */
enum bdfs_status bdfs_chown(struct bdfs *fs, const char *path, const char *owner,
                            const char *group, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The same; of a symlink itself, where bdfs_chown() goes on to what it leads to. */
enum bdfs_status bdfs_lchown(struct bdfs *fs, const char *path, const char *owner,
                             const char *group, struct bdfs_err *err) BDFS_MUST_CHECK;
/* -1 leaves that one as it is. */
enum bdfs_status bdfs_utimes(struct bdfs *fs, const char *path, int64_t mtime_ms,
                             int64_t atime_ms, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status bdfs_lutimes(struct bdfs *fs, const char *path, int64_t mtime_ms,
                              int64_t atime_ms, struct bdfs_err *err) BDFS_MUST_CHECK;
struct bdfs_times {
        int64_t mtime_ms, atime_ms;  /* -1 leaves that one as it is */
        bool mtime_now, atime_now;   /* the namenode's time instead */
};
/* By the rules of POSIX, not of HDFS: the owner may, whatever the mode; who may write may set both
 * to now; NOT_OWNER for others. Of a symlink itself. */
enum bdfs_status bdfs_posix_times(struct bdfs *fs, const char *path,
                                  const struct bdfs_times *times, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status bdfs_set_replication(struct bdfs *fs, const char *path, uint32_t replication,
                                      struct bdfs_err *err) BDFS_MUST_CHECK; /* files only */
enum bdfs_status bdfs_symlink(struct bdfs *fs, const char *target, const char *link,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status bdfs_access(struct bdfs *fs, const char *path, unsigned rwx,
                             struct bdfs_err *err) BDFS_MUST_CHECK; /* 4 read, 2 write, 1 execute */
enum bdfs_status bdfs_is_closed(struct bdfs *fs, const char *path, bool *ret,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status bdfs_recover_lease(struct bdfs *fs, const char *path, bool *ret_closed,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;

struct bdfs_summary {
        uint64_t length, files, directories, space; /* space: bytes times replication */
        int64_t name_quota, space_quota;            /* -1: none */
};
enum bdfs_status bdfs_summary(struct bdfs *fs, const char *path, struct bdfs_summary *ret,
                              struct bdfs_err *err) BDFS_MUST_CHECK;

struct bdfs_space {
        uint64_t capacity, used, remaining, under_replicated, corrupt, missing;
        uint64_t inodes;       /* files, directories and links; 0: not known (Apache HDFS) */
};
enum bdfs_status bdfs_space(struct bdfs *fs, struct bdfs_space *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

struct bdfs_defaults {          /* for new files; what the configuration says comes first */
        uint64_t block_size;
        uint32_t replication;
        uint64_t trash_minutes; /* how long what is removed is kept; 0: not at all */
};
enum bdfs_status bdfs_defaults(struct bdfs *fs, struct bdfs_defaults *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- files ----------------------------------------------------------------------------------- */

#define BDFS_MODE_GIVEN 0x10000u /* in a mode of struct bdfs_create: no bits are no rights */
struct bdfs_create {
        uint32_t mode;          /* after the caller's umask; plain 0: 0644 */
        uint32_t replication;   /* 0: the server's default */
        uint64_t block_size;    /* 0: the server's default */
        bool overwrite;
        bool no_parents;        /* NOT_FOUND instead of making missing parents */
        bool lazy_persist;      /* a datanode may keep it in memory for a while (Apache HDFS) */
        bool first_block;       /* bytes will follow: ask for room for them at once */
};
enum bdfs_status bdfs_create(struct bdfs *fs, const char *path, const struct bdfs_create *options,
                             struct bdfs_file **ret, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status bdfs_append(struct bdfs *fs, const char *path, struct bdfs_file **ret,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
/* bdfs_append() and bdfs_truncate() of a file that the caller has opened to write before: its owner
 * may, whatever its mode has become. */
enum bdfs_status bdfs_append_again(struct bdfs *fs, const char *path, struct bdfs_file **ret,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status bdfs_truncate_again(struct bdfs *fs, const char *path, uint64_t length,
                                     bool *ret_done, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status bdfs_write(struct bdfs_file *f, const void *from, size_t n, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Visible to readers that open later; with the kernel of every datanode of the pipeline. */
enum bdfs_status bdfs_hflush(struct bdfs_file *f, struct bdfs_err *err) BDFS_MUST_CHECK;
/* On stable storage of every datanode of the pipeline. */
enum bdfs_status bdfs_hsync(struct bdfs_file *f, struct bdfs_err *err) BDFS_MUST_CHECK;
uint64_t bdfs_written(const struct bdfs_file *f); /* the length it will have */
/* Of a file opened for writing, as it was then. Nothing to free. */
void bdfs_file_stat(const struct bdfs_file *f, struct bdfs_stat *ret);
/* Was it created by somebody who may give it away? Known when its first block was asked for. */
bool bdfs_file_by_superuser(const struct bdfs_file *f);

enum bdfs_status bdfs_open(struct bdfs *fs, const char *path, struct bdfs_file **ret,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
uint64_t bdfs_length(const struct bdfs_file *f);  /* of a file opened for reading */
uint64_t bdfs_inode(const struct bdfs_file *f);   /* the same; 0: the server does not tell */
/* Of a file opened for reading: a digest of length and blocks, another when its bytes change. */
uint64_t bdfs_version(const struct bdfs_file *f);
/* Fewer than @n bytes only at the end. Every byte was checked against its checksum. */
enum bdfs_status bdfs_read(struct bdfs_file *f, void *to, size_t n, size_t *ret,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status bdfs_pread(struct bdfs_file *f, uint64_t offset, void *to, size_t n, size_t *ret,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
void bdfs_seek(struct bdfs_file *f, uint64_t offset);

/* Frees @f whatever it answers. A written file is durable and complete when it answers OK. */
enum bdfs_status bdfs_close(struct bdfs_file *f, struct bdfs_err *err) BDFS_MUST_CHECK;
struct bdfs_attributes {        /* to be set together with the end of a written file */
        bool has_mode;
        uint32_t mode;
        const char *owner, *group; /* NULL leaves that one as it is */
        int64_t mtime_ms, atime_ms; /* -1 leaves that one as it is; mtime: now */
};
/* bdfs_close() that sets them in the same step, if the caller is the owner or a superuser by then.
 * UNSUPPORTED, and @f is as it was, where the server has no such step (Apache HDFS). */
enum bdfs_status bdfs_close_as(struct bdfs_file *f, const struct bdfs_attributes *with,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
/* Give up a written file: nothing more is sent; its lease is left to end. NULL is fine. */
void bdfs_abandon(struct bdfs_file *f);

struct bdfs_checksum {
        char algorithm[64];     /* "MD5-of-0MD5-of-512CRC32C", "COMPOSITE-CRC32C" */
        uint8_t bytes[28];
        size_t n;
};
enum bdfs_status bdfs_checksum(struct bdfs *fs, const char *path, bool composite,
                               struct bdfs_checksum *ret, struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- where the bytes are --------------------------------------------------------------------- */

struct bdfs_location {          /* one located piece of a file */
        uint64_t offset, length;
        uint64_t block;         /* 0: a hole */
        uint64_t stamp;
        bool corrupt;
        size_t hosts_n;
        struct {
                char name[64];  /* ip:port of the datanode */
                char host[256];
                char rack[256];
        } *hosts;
};
enum bdfs_status bdfs_locations(struct bdfs *fs, const char *path, uint64_t offset,
                                uint64_t length, struct bdfs_location **ret, size_t *ret_n,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
void bdfs_locations_free(struct bdfs_location *l, size_t n);

/* Bytes read since the connection was made, and how many of them came over the local socket. */
void bdfs_counters(struct bdfs *fs, uint64_t *ret_read, uint64_t *ret_read_local,
                   uint64_t *ret_written);

/* What people type ("x", "/p", "bdfs://NAME/p", "hdfs://host:port/p") as a uri (or NULL: the
 * default) and an absolute path without empty, . and .. components. The caller frees both. */
enum bdfs_status bdfs_path_resolve(const char *typed, const char *user, char **ret_uri,
                                   char **ret_path, struct bdfs_err *err) BDFS_MUST_CHECK;

#ifdef __cplusplus
}
#endif
