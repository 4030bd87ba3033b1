#include "namenode/status.h"

#include <string.h>

static Hadoop__HdfsFileStatusProto__FileType type_of(enum inode_type type)
{
        switch (type) {
        case INODE_DIRECTORY: return HADOOP__HDFS_FILE_STATUS_PROTO__FILE_TYPE__IS_DIR;
        case INODE_SYMLINK: return HADOOP__HDFS_FILE_STATUS_PROTO__FILE_TYPE__IS_SYMLINK;
        case INODE_FILE: break;
        }
        return HADOOP__HDFS_FILE_STATUS_PROTO__FILE_TYPE__IS_FILE;
}

static bool put_bytes(struct describe *d, ProtobufCBinaryData *ret, const char *from, size_t n)
{
        ret->len = n;
        ret->data = describe_alloc(d, n + 1);
        if (ret->data != NULL && n > 0)
                memcpy(ret->data, from, n);
        return ret->data != NULL;
}

Hadoop__HdfsFileStatusProto *status_describe(struct describe *d, const struct ns_status *s,
                                             bool named)
{
        Hadoop__HdfsFileStatusProto *f = describe_alloc(d, sizeof(*f));
        Hadoop__FsPermissionProto *mode = describe_alloc(d, sizeof(*mode));

        if (f == NULL || mode == NULL)
                return NULL;
        hadoop__hdfs_file_status_proto__init(f);
        hadoop__fs_permission_proto__init(mode);
        mode->perm = s->mode;
        f->filetype = type_of(s->type);
        f->permission = mode;
        f->length = s->type == INODE_FILE ? s->length : 0;
        f->owner = describe_name(d, 0, s->owner);
        f->group = describe_name(d, 1, s->group);
        f->modification_time = (uint64_t)s->mtime;
        f->access_time = (uint64_t)s->atime;
        f->has_block_replication = f->has_blocksize = f->has_fileid = f->has_childrennum = 1;
        f->has_storagepolicy = f->has_flags = 1;
        f->block_replication = s->replication;
        f->blocksize = s->block_size;
        f->fileid = s->inode;
        f->childrennum = (int32_t)s->children;
        f->storagepolicy = s->policy;
        if (f->owner == NULL || f->group == NULL ||
            !put_bytes(d, &f->path, s->name, named ? s->name_n : 0))
                return NULL;
        if (s->type == INODE_SYMLINK) {
                f->has_symlink = 1;
                if (!put_bytes(d, &f->symlink, s->target, s->target_n))
                        return NULL;
        }
        return f;
}
