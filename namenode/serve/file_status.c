#include "namenode/serve/file_status.h"

#include <string.h>

#include "proto/field.h"
#include "proto/message.h"

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

Hadoop__HdfsFileStatusProto *status_describe(struct describe *d, const struct ns_status *s)
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
        f->owner = describe_text(d, s->owner);
        f->group = describe_text(d, s->group);
        f->modification_time = (uint64_t)s->mtime;
        f->access_time = (uint64_t)s->atime;
        f->has_block_replication = f->has_blocksize = f->has_fileid = f->has_childrennum = 1;
        f->has_storagepolicy = f->has_flags = 1;
        f->block_replication = s->replication;
        f->blocksize = s->block_size;
        f->fileid = s->inode;
        f->childrennum = (int32_t)s->children;
        f->storagepolicy = s->policy;
        if (f->owner == NULL || f->group == NULL)
                return NULL;
        if (s->type == INODE_SYMLINK) {
                f->has_symlink = 1;
                if (!put_bytes(d, &f->symlink, s->target, s->target_n))
                        return NULL;
        }
        return f;
}

/* ---- entries of listings -------------------------------------------------------------------- */

#define NUMBERS_BYTES_MAX 160 /* 16 tags of at most 2 bytes, 12 numbers and 4 lengths: all there is
                                 but names, target and locations */

static uint8_t *number(uint8_t *p, uint32_t field, uint64_t v)
{
        return field_put_varint(field_put_varint(p, field << 3 | FIELD_VARINT), v);
}

static uint8_t *bytes(uint8_t *p, uint32_t field, const void *from, size_t n)
{
        p = field_put_varint(field_put_varint(p, field << 3 | FIELD_BYTES), n);
        if (n > 0)
                memcpy(p, from, n);
        return p + n;
}

/* The same fields as status_describe() has; test_status holds them to each other. */
static uint8_t *put_status(uint8_t *p, const struct ns_status *s, const struct buf *locations)
{
        uint8_t mode[8];

        p = number(p, 1, type_of(s->type));
        p = bytes(p, 2, s->name, s->name_n);
        p = number(p, 3, s->type == INODE_FILE ? s->length : 0);
        p = bytes(p, 4, mode, (size_t)(number(mode, 1, s->mode) - mode));
        p = bytes(p, 5, s->owner, strlen(s->owner));
        p = bytes(p, 6, s->group, strlen(s->group));
        p = number(p, 7, (uint64_t)s->mtime);
        p = number(p, 8, (uint64_t)s->atime);
        if (s->type == INODE_SYMLINK)
                p = bytes(p, 9, s->target, s->target_n);
        p = number(p, 10, s->replication);
        p = number(p, 11, s->block_size);
        if (locations->n > 0)
                p = bytes(p, 12, locations->data, locations->n);
        p = number(p, 13, s->inode);
        p = number(p, 14, s->children);
        p = number(p, 16, s->policy);
        return number(p, 18, 0);
}

bool status_encode(struct describe *d, const struct ns_status *s,
                   const Hadoop__LocatedBlocksProto *locations, ProtobufCMessageUnknownField *ret)
{
        struct buf located;
        uint8_t *room = NULL, *at, head[MESSAGE_LENGTH_BYTES_MAX];
        size_t n, head_n;

        buf_init(&located, 0);
        if (locations != NULL)
                message_pack(&located, &locations->base);
        if (!located.bad)
                room = describe_alloc(d, MESSAGE_LENGTH_BYTES_MAX + NUMBERS_BYTES_MAX + s->name_n +
                                                 strlen(s->owner) + strlen(s->group) +
                                                 s->target_n + located.n);
        if (room != NULL) {
                at = room + MESSAGE_LENGTH_BYTES_MAX;
                n = (size_t)(put_status(at, s, &located) - at);
                head_n = (size_t)(field_put_varint(head, n) - head);
                memcpy(at - head_n, head, head_n);
                *ret = (ProtobufCMessageUnknownField){
                        .tag = STATUS_ENTRY,
                        .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
                        .len = head_n + n,
                        .data = at - head_n,
                };
        }
        buf_fini(&located);
        return room != NULL;
}
