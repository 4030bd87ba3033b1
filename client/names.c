/* libbdfs: the namespace calls. */
#include <stdlib.h>
#include <string.h>

#include "client/fs.h"

static char *dup_bytes(const ProtobufCBinaryData *b)
{
        char *p = malloc(b->len + 1);

        if (p != NULL) {
                if (b->len > 0)
                        memcpy(p, b->data, b->len);
                p[b->len] = '\0';
        }
        return p;
}

/* Most of a long listing's time would be snprintf's. */
static void copy_name(char *to, size_t room, const char *from)
{
        size_t n = strnlen(from, room - 1);

        memcpy(to, from, n);
        to[n] = '\0';
}

void fs_stat_of(const Hadoop__HdfsFileStatusProto *from, struct bdfs_stat *ret)
{
        *ret = (struct bdfs_stat){
                .type = (enum bdfs_type)from->filetype,
                .inode = from->fileid,
                .length = from->length,
                .mode = from->permission->perm & 07777,
                .replication = from->block_replication,
                .block_size = from->blocksize,
                .mtime_ms = (int64_t)from->modification_time,
                .atime_ms = (int64_t)from->access_time,
                .children = from->has_childrennum ? from->childrennum : -1,
                .has_acl = (from->flags & 1) != 0,
        };
        copy_name(ret->owner, sizeof(ret->owner), from->owner);
        copy_name(ret->group, sizeof(ret->group), from->group);
        if (from->has_symlink)
                ret->target = dup_bytes(&from->symlink);
}

void bdfs_stat_fini(struct bdfs_stat *st)
{
        free(st->target);
        st->target = NULL;
}

static enum bdfs_status missing(const char *path, struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_NOT_FOUND, "`%s': No such file or directory", path);
}

static enum bdfs_status get_info(struct bdfs *fs, const char *path, bool follow,
                                 struct bdfs_stat *ret, struct bdfs_err *err)
{
        Hadoop__GetFileInfoRequestProto q = HADOOP__GET_FILE_INFO_REQUEST_PROTO__INIT;
        Hadoop__GetFileLinkInfoRequestProto lq = HADOOP__GET_FILE_LINK_INFO_REQUEST_PROTO__INIT;
        const Hadoop__HdfsFileStatusProto *found;
        ProtobufCMessage *m;
        enum bdfs_status rc;

        q.src = lq.src = (char *)(uintptr_t)path;
        if (follow)
                rc = fs_call_path(fs, METHOD_CLIENT_getFileInfo, &q.base, &q.src, &m, err);
        else
                rc = fs_call_path(fs, METHOD_CLIENT_getFileLinkInfo, &lq.base, &lq.src, &m, err);
        if (rc != BDFS_OK)
                return rc;
        found = follow ? ((Hadoop__GetFileInfoResponseProto *)m)->fs
                       : ((Hadoop__GetFileLinkInfoResponseProto *)m)->fs;
        if (found != NULL)
                fs_stat_of(found, ret);
        else
                rc = missing(path, err);
        message_free(m);
        return rc;
}

enum bdfs_status bdfs_stat(struct bdfs *fs, const char *path, struct bdfs_stat *ret,
                           struct bdfs_err *err)
{
        return get_info(fs, path, true, ret, err);
}

enum bdfs_status bdfs_lstat(struct bdfs *fs, const char *path, struct bdfs_stat *ret,
                            struct bdfs_err *err)
{
        return get_info(fs, path, false, ret, err);
}

/* ---- listings -------------------------------------------------------------------------------- */

void bdfs_listing_fini(struct bdfs_listing *l)
{
        for (size_t i = 0; i < l->n; i++) {
                free(l->entries[i].name);
                bdfs_stat_fini(&l->entries[i].st);
        }
        free(l->entries);
        *l = (struct bdfs_listing){0};
}

static enum bdfs_status take_listing(const Hadoop__DirectoryListingProto *d,
                                     struct bdfs_listing *ret, struct bdfs_err *err)
{
        *ret = (struct bdfs_listing){.remaining = d->remainingentries};
        ret->entries = malloc((d->n_partiallisting + 1) * sizeof(*ret->entries));
        if (ret->entries == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a listing");
        for (; ret->n < d->n_partiallisting; ret->n++) {
                struct bdfs_dirent *e = &ret->entries[ret->n];

                e->name = dup_bytes(&d->partiallisting[ret->n]->path);
                if (e->name == NULL) {
                        bdfs_listing_fini(ret);
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a listing");
                }
                fs_stat_of(d->partiallisting[ret->n], &e->st);
        }
        return BDFS_OK;
}

enum bdfs_status bdfs_list(struct bdfs *fs, const char *path, const char *after,
                           struct bdfs_listing *ret, struct bdfs_err *err)
{
        Hadoop__GetListingRequestProto q = HADOOP__GET_LISTING_REQUEST_PROTO__INIT;
        const Hadoop__DirectoryListingProto *d;
        ProtobufCMessage *m;
        enum bdfs_status rc;

        q.src = (char *)(uintptr_t)path;
        q.startafter.data = (uint8_t *)(uintptr_t)after;
        q.startafter.len = strlen(after);
        if (fs_call_path(fs, METHOD_CLIENT_getListing, &q.base, &q.src, &m, err) != BDFS_OK)
                return err->status;
        d = ((Hadoop__GetListingResponseProto *)m)->dirlist;
        rc = d == NULL ? missing(path, err) : take_listing(d, ret, err);
        message_free(m);
        return rc;
}

/* ---- changes --------------------------------------------------------------------------------- */

static enum bdfs_status make_directory(struct bdfs *fs, const char *path, uint32_t mode,
                                       Hadoop__MkdirsRequestProto *q, struct bdfs_err *err)
{
        Hadoop__FsPermissionProto p = HADOOP__FS_PERMISSION_PROTO__INIT;

        p.perm = mode & 07777;
        q->src = (char *)(uintptr_t)path;
        q->masked = &p;
        return fs_call_path_only(fs, METHOD_CLIENT_mkdirs, &q->base, &q->src, err);
}

enum bdfs_status bdfs_mkdir(struct bdfs *fs, const char *path, uint32_t mode, bool parents,
                            struct bdfs_err *err)
{
        Hadoop__MkdirsRequestProto q = HADOOP__MKDIRS_REQUEST_PROTO__INIT;

        q.createparent = parents;
        return make_directory(fs, path, mode, &q, err);
}

enum bdfs_status bdfs_mkdir_new(struct bdfs *fs, const char *path, uint32_t mode,
                                struct bdfs_err *err)
{
        Hadoop__MkdirsRequestProto q = HADOOP__MKDIRS_REQUEST_PROTO__INIT;
        struct bdfs_stat st;

        if (fs->hadoop && bdfs_lstat(fs, path, &st, err) == BDFS_OK) {
                bdfs_stat_fini(&st); /* Apache HDFS has no word for it: as near as can be */
                return bdfs_fail(err, BDFS_EXISTS, "`%s': File exists", path);
        }
        q.has_bdfsexclusive = q.bdfsexclusive = true;
        return make_directory(fs, path, mode, &q, err);
}

enum bdfs_status bdfs_delete(struct bdfs *fs, const char *path, bool recursive,
                             struct bdfs_err *err)
{
        Hadoop__DeleteRequestProto q = HADOOP__DELETE_REQUEST_PROTO__INIT;
        ProtobufCMessage *m;
        bool done;

        q.src = (char *)(uintptr_t)path;
        q.recursive = recursive;
        if (fs_call_path(fs, METHOD_CLIENT_delete, &q.base, &q.src, &m, err) != BDFS_OK)
                return err->status;
        done = ((Hadoop__DeleteResponseProto *)m)->result;
        message_free(m);
        if (!done && strcmp(path, "/") == 0)
                return bdfs_fail(err, BDFS_INVALID, "`/': the root cannot be deleted");
        return done ? BDFS_OK : missing(path, err);
}

enum rename_how { RENAME_NEW, RENAME_OVERWRITE, RENAME_TO_TRASH };

static enum bdfs_status rename_once(struct bdfs *fs, const char *from, const char *to,
                                    enum rename_how how, struct bdfs_err *err)
{
        Hadoop__Rename2RequestProto q = HADOOP__RENAME2_REQUEST_PROTO__INIT;

        q.src = (char *)(uintptr_t)from;
        q.dst = (char *)(uintptr_t)to;
        q.overwritedest = how == RENAME_OVERWRITE;
        q.has_movetotrash = q.movetotrash = how == RENAME_TO_TRASH;
        return fs_call_only(fs, METHOD_CLIENT_rename2, &q.base, err);
}

/* @path without symbolic links above its last component; a refusal does not say which of two paths
 * it is about. The caller frees it; NULL: no memory. */
static char *without_links(struct bdfs *fs, const char *path)
{
        Hadoop__GetFileLinkInfoRequestProto q = HADOOP__GET_FILE_LINK_INFO_REQUEST_PROTO__INIT;
        char *at = strdup(path);

        for (unsigned links = 0; at != NULL && links < FS_LINKS_MAX; links++) {
                ProtobufCMessage *m;
                struct bdfs_err err;
                char *next;

                q.src = at;
                if (fs_call(fs, METHOD_CLIENT_getFileLinkInfo, &q.base, &m, &err) == BDFS_OK) {
                        message_free(m);
                        return at;
                }
                next = fs_link_target(at, &err);
                if (next == NULL)
                        return at; /* another failure: the rename will meet it too */
                free(at);
                at = next;
        }
        return at;
}

static enum bdfs_status rename_through(struct bdfs *fs, const char *from, const char *to,
                                       enum rename_how how, struct bdfs_err *err)
{
        enum bdfs_status rc = rename_once(fs, from, to, how, err);
        char *real_from, *real_to;

        if (rc != BDFS_SYMLINK)
                return rc;
        real_from = without_links(fs, from);
        real_to = without_links(fs, to);
        if (real_from == NULL || real_to == NULL)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        else
                rc = rename_once(fs, real_from, real_to, how, err);
        free(real_from);
        free(real_to);
        if (rc == BDFS_SYMLINK)
                return bdfs_wrap(err, "`%s' to `%s': too many symbolic links", from, to);
        return rc;
}

enum bdfs_status bdfs_rename(struct bdfs *fs, const char *from, const char *to, bool overwrite,
                             struct bdfs_err *err)
{
        return rename_through(fs, from, to, overwrite ? RENAME_OVERWRITE : RENAME_NEW, err);
}

enum bdfs_status bdfs_rename_to_trash(struct bdfs *fs, const char *from, const char *to,
                                      struct bdfs_err *err)
{
        return rename_through(fs, from, to, RENAME_TO_TRASH, err);
}

enum bdfs_status bdfs_concat(struct bdfs *fs, const char *target, const char *const *sources,
                             size_t n, struct bdfs_err *err)
{
        Hadoop__ConcatRequestProto q = HADOOP__CONCAT_REQUEST_PROTO__INIT;

        q.trg = (char *)(uintptr_t)target;
        q.srcs = (char **)(uintptr_t)sources;
        q.n_srcs = n;
        return fs_call_only(fs, METHOD_CLIENT_concat, &q.base, err);
}

static enum bdfs_status cut(struct bdfs *fs, const char *path, uint64_t length, bool opened,
                            bool *ret_done, struct bdfs_err *err)
{
        Hadoop__TruncateRequestProto q = HADOOP__TRUNCATE_REQUEST_PROTO__INIT;
        ProtobufCMessage *m;

        q.src = (char *)(uintptr_t)path;
        q.newlength = length;
        q.clientname = fs->client_name;
        q.has_bdfsopened = q.bdfsopened = opened;
        if (fs_call_path(fs, METHOD_CLIENT_truncate, &q.base, &q.src, &m, err) != BDFS_OK)
                return err->status;
        *ret_done = ((Hadoop__TruncateResponseProto *)m)->result;
        message_free(m);
        return BDFS_OK;
}

enum bdfs_status bdfs_truncate(struct bdfs *fs, const char *path, uint64_t length, bool *ret_done,
                               struct bdfs_err *err)
{
        return cut(fs, path, length, false, ret_done, err);
}

enum bdfs_status bdfs_truncate_again(struct bdfs *fs, const char *path, uint64_t length,
                                     bool *ret_done, struct bdfs_err *err)
{
        return cut(fs, path, length, true, ret_done, err);
}

enum bdfs_status bdfs_chmod(struct bdfs *fs, const char *path, uint32_t mode,
                            struct bdfs_err *err)
{
        Hadoop__SetPermissionRequestProto q = HADOOP__SET_PERMISSION_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto p = HADOOP__FS_PERMISSION_PROTO__INIT;

        p.perm = mode & 07777;
        q.src = (char *)(uintptr_t)path;
        q.permission = &p;
        return fs_call_path_only(fs, METHOD_CLIENT_setPermission, &q.base, &q.src, err);
}

static enum bdfs_status set_owner(struct bdfs *fs, const char *path, const char *owner,
                                  const char *group, bool follow, struct bdfs_err *err)
{
        Hadoop__SetOwnerRequestProto q = HADOOP__SET_OWNER_REQUEST_PROTO__INIT;

        q.src = (char *)(uintptr_t)path;
        q.username = (char *)(uintptr_t)owner;
        q.groupname = (char *)(uintptr_t)group;
        q.has_bdfsnofollow = q.bdfsnofollow = !follow;
        return fs_call_path_only(fs, METHOD_CLIENT_setOwner, &q.base, &q.src, err);
}

enum bdfs_status bdfs_chown(struct bdfs *fs, const char *path, const char *owner,
                            const char *group, struct bdfs_err *err)
{
        return set_owner(fs, path, owner, group, true, err);
}

enum bdfs_status bdfs_lchown(struct bdfs *fs, const char *path, const char *owner,
                             const char *group, struct bdfs_err *err)
{
        return set_owner(fs, path, owner, group, false, err);
}

static enum bdfs_status set_times(struct bdfs *fs, const char *path, int64_t mtime_ms,
                                  int64_t atime_ms, bool follow, struct bdfs_err *err)
{
        Hadoop__SetTimesRequestProto q = HADOOP__SET_TIMES_REQUEST_PROTO__INIT;

        if (mtime_ms < -1 || atime_ms < -1)
                return bdfs_fail(err, BDFS_INVALID, "`%s': times before 1970 cannot be kept", path);
        q.src = (char *)(uintptr_t)path;
        q.mtime = (uint64_t)mtime_ms;
        q.atime = (uint64_t)atime_ms;
        q.has_bdfsnofollow = q.bdfsnofollow = !follow;
        return fs_call_path_only(fs, METHOD_CLIENT_setTimes, &q.base, &q.src, err);
}

enum bdfs_status bdfs_utimes(struct bdfs *fs, const char *path, int64_t mtime_ms,
                             int64_t atime_ms, struct bdfs_err *err)
{
        return set_times(fs, path, mtime_ms, atime_ms, true, err);
}

enum bdfs_status bdfs_lutimes(struct bdfs *fs, const char *path, int64_t mtime_ms,
                              int64_t atime_ms, struct bdfs_err *err)
{
        return set_times(fs, path, mtime_ms, atime_ms, false, err);
}

enum bdfs_status bdfs_posix_times(struct bdfs *fs, const char *path,
                                  const struct bdfs_times *times, struct bdfs_err *err)
{
        Hadoop__SetTimesRequestProto q = HADOOP__SET_TIMES_REQUEST_PROTO__INIT;
        int64_t now = os_wall_ms(); /* the namenode has its own, but for Apache HDFS */

        q.src = (char *)(uintptr_t)path;
        q.mtime = (uint64_t)(times->mtime_now ? now : times->mtime_ms);
        q.atime = (uint64_t)(times->atime_now ? now : times->atime_ms);
        q.has_bdfsnofollow = q.bdfsnofollow = true;
        q.has_bdfsposix = q.bdfsposix = true;
        q.has_bdfsmtimenow = q.bdfsmtimenow = times->mtime_now;
        q.has_bdfsatimenow = q.bdfsatimenow = times->atime_now;
        return fs_call_path_only(fs, METHOD_CLIENT_setTimes, &q.base, &q.src, err);
}

enum bdfs_status bdfs_set_replication(struct bdfs *fs, const char *path, uint32_t replication,
                                      struct bdfs_err *err)
{
        Hadoop__SetReplicationRequestProto q = HADOOP__SET_REPLICATION_REQUEST_PROTO__INIT;
        ProtobufCMessage *m;
        bool done;

        q.src = (char *)(uintptr_t)path;
        q.replication = replication;
        if (fs_call_path(fs, METHOD_CLIENT_setReplication, &q.base, &q.src, &m, err) != BDFS_OK)
                return err->status;
        done = ((Hadoop__SetReplicationResponseProto *)m)->result;
        message_free(m);
        return done ? BDFS_OK
                    : bdfs_fail(err, BDFS_IS_DIRECTORY, "`%s': only files have a replication",
                                path);
}

enum bdfs_status bdfs_symlink(struct bdfs *fs, const char *target, const char *link,
                              struct bdfs_err *err)
{
        Hadoop__CreateSymlinkRequestProto q = HADOOP__CREATE_SYMLINK_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto p = HADOOP__FS_PERMISSION_PROTO__INIT;

        p.perm = 0755;
        q.target = (char *)(uintptr_t)target;
        q.link = (char *)(uintptr_t)link;
        q.dirperm = &p;
        return fs_call_only(fs, METHOD_CLIENT_createSymlink, &q.base, err);
}

/* ---- questions ------------------------------------------------------------------------------- */

enum bdfs_status bdfs_access(struct bdfs *fs, const char *path, unsigned rwx, struct bdfs_err *err)
{
        Hadoop__CheckAccessRequestProto q = HADOOP__CHECK_ACCESS_REQUEST_PROTO__INIT;

        q.path = (char *)(uintptr_t)path;
        q.mode = (Hadoop__AclEntryProto__FsActionProto)(rwx & 7);
        return fs_call_path_only(fs, METHOD_CLIENT_checkAccess, &q.base, &q.path, err);
}

enum bdfs_status bdfs_is_closed(struct bdfs *fs, const char *path, bool *ret, struct bdfs_err *err)
{
        Hadoop__IsFileClosedRequestProto q = HADOOP__IS_FILE_CLOSED_REQUEST_PROTO__INIT;
        ProtobufCMessage *m;

        q.src = (char *)(uintptr_t)path;
        if (fs_call_path(fs, METHOD_CLIENT_isFileClosed, &q.base, &q.src, &m, err) != BDFS_OK)
                return err->status;
        *ret = ((Hadoop__IsFileClosedResponseProto *)m)->result;
        message_free(m);
        return BDFS_OK;
}

enum bdfs_status bdfs_recover_lease(struct bdfs *fs, const char *path, bool *ret_closed,
                                    struct bdfs_err *err)
{
        Hadoop__RecoverLeaseRequestProto q = HADOOP__RECOVER_LEASE_REQUEST_PROTO__INIT;
        ProtobufCMessage *m;

        q.src = (char *)(uintptr_t)path;
        q.clientname = fs->client_name;
        if (fs_call_path(fs, METHOD_CLIENT_recoverLease, &q.base, &q.src, &m, err) != BDFS_OK)
                return err->status;
        *ret_closed = ((Hadoop__RecoverLeaseResponseProto *)m)->result;
        message_free(m);
        return BDFS_OK;
}

enum bdfs_status bdfs_summary(struct bdfs *fs, const char *path, struct bdfs_summary *ret,
                              struct bdfs_err *err)
{
        Hadoop__GetContentSummaryRequestProto q = HADOOP__GET_CONTENT_SUMMARY_REQUEST_PROTO__INIT;
        const Hadoop__ContentSummaryProto *s;
        ProtobufCMessage *m;

        q.path = (char *)(uintptr_t)path;
        if (fs_call_path(fs, METHOD_CLIENT_getContentSummary, &q.base, &q.path, &m, err) != BDFS_OK)
                return err->status;
        s = ((Hadoop__GetContentSummaryResponseProto *)m)->summary;
        *ret = (struct bdfs_summary){
                .length = s->length,
                .files = s->filecount,
                .directories = s->directorycount,
                .space = s->spaceconsumed,
                .name_quota = (int64_t)s->quota,
                .space_quota = (int64_t)s->spacequota,
        };
        message_free(m);
        return BDFS_OK;
}

enum bdfs_status bdfs_space(struct bdfs *fs, struct bdfs_space *ret, struct bdfs_err *err)
{
        Hadoop__GetFsStatusRequestProto q = HADOOP__GET_FS_STATUS_REQUEST_PROTO__INIT;
        const Hadoop__GetFsStatsResponseProto *s;
        ProtobufCMessage *m;

        if (fs_call(fs, METHOD_CLIENT_getFsStats, &q.base, &m, err) != BDFS_OK)
                return err->status;
        s = (Hadoop__GetFsStatsResponseProto *)m;
        *ret = (struct bdfs_space){
                .capacity = s->capacity,
                .used = s->used,
                .remaining = s->remaining,
                .under_replicated = s->under_replicated,
                .corrupt = s->corrupt_blocks,
                .missing = s->missing_blocks,
                .inodes = s->bdfsinodes,
        };
        message_free(m);
        return BDFS_OK;
}
