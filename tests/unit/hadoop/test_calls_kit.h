/*
 * What must be there before a captured request can be answered as it was; for test_calls.c.
 * calls_prepare() makes the files, blocks and leases that the request is about, and puts their
 * names into it.
 */
#pragma once

#include "tests/unit/hadoop/test_hadoop_data.h"

#define NO_SUCH_METHOD "org.apache.hadoop.ipc.RpcNoSuchMethodException"
#define DENIED "org.apache.hadoop.security.AccessControlException"
/* ".AccessControlException" in hex, as vectors have it */
#define DENIED_HEX "2e416363657373436f6e74726f6c457863657074696f6e"

/* Calls of the stock clients' commands and libraries, but for features that come later. */
#define CALLS_OF_CLIENTS                                                                       \
        METHOD_CLIENT_getFileInfo, METHOD_CLIENT_getListing, METHOD_CLIENT_getBlockLocations,  \
        METHOD_CLIENT_getServerDefaults, METHOD_CLIENT_create, METHOD_CLIENT_addBlock,         \
        METHOD_CLIENT_complete, METHOD_CLIENT_renewLease, METHOD_CLIENT_rename,                \
        METHOD_CLIENT_rename2, METHOD_CLIENT_delete, METHOD_CLIENT_mkdirs,                     \
        METHOD_CLIENT_updateBlockForPipeline, METHOD_CLIENT_updatePipeline,                    \
        METHOD_CLIENT_abandonBlock, METHOD_CLIENT_getAdditionalDatanode, METHOD_CLIENT_append, \
        METHOD_CLIENT_fsync, METHOD_CLIENT_setPermission, METHOD_CLIENT_setOwner,              \
        METHOD_CLIENT_setTimes, METHOD_CLIENT_setReplication, METHOD_CLIENT_truncate,          \
        METHOD_CLIENT_concat, METHOD_CLIENT_checkAccess, METHOD_CLIENT_getContentSummary,      \
        METHOD_CLIENT_getQuotaUsage, METHOD_CLIENT_getFsStats,                                 \
        METHOD_CLIENT_getFsReplicatedBlockStats, METHOD_CLIENT_getFsECBlockGroupStats,         \
        METHOD_CLIENT_getDatanodeReport, METHOD_CLIENT_getDatanodeStorageReport,               \
        METHOD_CLIENT_getSlowDatanodeReport, METHOD_CLIENT_setSafeMode,                        \
        METHOD_CLIENT_saveNamespace, METHOD_CLIENT_rollEdits, METHOD_CLIENT_restoreFailedStorage, \
        METHOD_CLIENT_refreshNodes, METHOD_CLIENT_finalizeUpgrade, METHOD_CLIENT_upgradeStatus, \
        METHOD_CLIENT_rollingUpgrade, METHOD_CLIENT_metaSave, METHOD_CLIENT_listOpenFiles,     \
        METHOD_CLIENT_getDelegationToken, METHOD_CLIENT_getDataEncryptionKey,                  \
        METHOD_CLIENT_msync, METHOD_CLIENT_recoverLease, METHOD_CLIENT_isFileClosed,           \
        METHOD_CLIENT_getLocatedFileInfo, METHOD_CLIENT_getFileLinkInfo,                       \
        METHOD_CLIENT_reportBadBlocks, METHOD_CLIENT_listCorruptFileBlocks,                    \
        METHOD_CLIENT_getPreferredBlockSize, METHOD_CLIENT_getBatchedListing,                  \
        METHOD_CLIENT_getStoragePolicy, METHOD_CLIENT_getStoragePolicies,                      \
        METHOD_CLIENT_getEnclosingRoot, METHOD_CLIENT_getEZForPath,                            \
        METHOD_CLIENT_getErasureCodingPolicy

struct calls {
        struct hadoop *h;
        struct peer *p, *other;     /* the superuser, and somebody else */
        bool one_user, as_other;    /* the former: only the own name may be claimed */
        bool safe;                  /* safe mode is on */
        unsigned odd;               /* differences that are not meant */
        struct os_sock *writer;     /* of a block that is being written */
        const Hadoop__LocatedBlockProto *block; /* the last one made */
};

static inline void calls_start(struct calls *c, struct hadoop *h)
{
        *c = (struct calls){.h = h, .p = peer_open(h), .one_user = os_own_uid() != 0};
        c->other = peer_of(h, c->one_user ? h->user : "nobody");
}

static inline void calls_stop(struct calls *c)
{
        peer_close(c->other);
        peer_close(c->p);
}

static inline void safe_mode(struct calls *c, bool on)
{
        Hadoop__SetSafeModeRequestProto q = HADOOP__SET_SAFE_MODE_REQUEST_PROTO__INIT;

        q.action = on ? HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_ENTER
                      : HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_LEAVE;
        (void)peer_ask(c->p, METHOD_CLIENT_setSafeMode, &q.base);
        c->safe = on;
}

static inline void calls_after(struct calls *c)
{
        os_sock_close(c->writer);
        c->writer = NULL;
        if (c->safe)
                safe_mode(c, false);
}

/* ---- files ---------------------------------------------------------------------------------- */

static inline void make_gone(struct calls *c, const char *path)
{
        Hadoop__DeleteRequestProto q = HADOOP__DELETE_REQUEST_PROTO__INIT;

        q.src = text(path);
        q.recursive = true;
        (void)peer_ask(c->p, METHOD_CLIENT_delete, &q.base);
}

/* The directory that @path is to be in is there, and nothing in its place. */
static inline void make_room(struct calls *c, const char *path)
{
        char above[256];

        (void)snprintf(above, sizeof(above), "%s", path);
        for (char *slash = strchr(above + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
                const Hadoop__HdfsFileStatusProto *s;

                *slash = '\0';
                s = ask_info(c->p, above);
                if (s != NULL && s->filetype != HADOOP__HDFS_FILE_STATUS_PROTO__FILE_TYPE__IS_DIR)
                        make_gone(c, above);
                ask_mkdirs(c->p, above, 0755);
                *slash = '/';
        }
        if (path[1] != '\0')
                make_gone(c, path);
}

static inline void need_file(struct calls *c, const char *path, size_t bytes)
{
        uint8_t *data = some_bytes(bytes);

        make_room(c, path);
        if (bytes == 0)
                make_empty(c->p, path);
        else
                make_file(c->p, path, data, bytes, 3);
        free(data);
}

/* Open for @holder, with a block; its id in c->block, that of the file is returned. */
static inline uint64_t need_open(struct calls *c, const char *path, const char *holder,
                                 uint32_t replication)
{
        const Hadoop__HdfsFileStatusProto *s;

        make_room(c, path);
        s = ask_create(c->p, path, holder, replication);
        c->block = ask_block(c->p, path, holder, NULL);
        return s->fileid;
}

static inline void need_status(struct calls *c, const char *path,
                               const Hadoop__HdfsFileStatusProto *s)
{
        if (s == NULL)
                make_room(c, path);
        else if (s->filetype == HADOOP__HDFS_FILE_STATUS_PROTO__FILE_TYPE__IS_DIR)
                ask_mkdirs(c->p, path, 0755);
        else
                need_file(c, path, s->length);
}

static inline void patch_block(Hadoop__ExtendedBlockProto *b, const Hadoop__ExtendedBlockProto *to)
{
        b->poolid = to->poolid; /* kept by the peer; freed with the request's arena or by nobody */
        b->blockid = to->blockid;
        b->generationstamp = to->generationstamp;
}

/* ---- by call -------------------------------------------------------------------------------- */

static inline void prepare_listing(struct calls *c, const char *dir,
                                   const Hadoop__DirectoryListingProto *l)
{
        char path[512];

        make_room(c, dir);
        if (l == NULL)
                return;
        if (l->n_partiallisting == 1 && l->partiallisting[0]->path.len == 0) {
                need_status(c, dir, l->partiallisting[0]);
                return;
        }
        if (dir[1] != '\0')
                ask_mkdirs(c->p, dir, 0755);
        for (size_t i = 0; i < l->n_partiallisting; i++) {
                const Hadoop__HdfsFileStatusProto *s = l->partiallisting[i];

                (void)snprintf(path, sizeof(path), "%s/%.*s", dir[1] == '\0' ? "" : dir,
                               (int)s->path.len, s->path.data);
                need_status(c, path, s);
        }
}

static inline void prepare_locations(struct calls *c, const char *path,
                                     const Hadoop__LocatedBlocksProto *l)
{
        const struct write_how how = HOW_JAVA;
        uint8_t *data;

        if (!l->underconstruction) {
                need_file(c, path, l->filelength);
                return;
        }
        data = some_bytes(1000);
        (void)need_open(c, path, "maker", 3);
        c->writer = write_open(c->block, &how);
        (void)write_data(c->writer, &how, 3, 0, 0, data, 1000);
        free(data);
}

/* A block that is written and not committed yet: its id and @n in *b. */
static inline void written_block(struct calls *c, Hadoop__ExtendedBlockProto *b)
{
        const struct write_how how = HOW_JAVA;
        uint8_t *data = some_bytes(b->numbytes);
        Hadoop__ExtendedBlockProto last;

        write_block(c->block, &how, data, b->numbytes, &last);
        patch_block(b, &last);
        free(data);
}

static inline void prepare_write(struct calls *c, enum method_id id, ProtobufCMessage *m)
{
        switch ((int)id) {
        case METHOD_CLIENT_addBlock: {
                Hadoop__AddBlockRequestProto *q = (void *)m;

                make_room(c, q->src);
                q->fileid = q->has_fileid ? ask_create(c->p, q->src, q->clientname, 3)->fileid : 0;
                if (!q->has_fileid)
                        (void)ask_create(c->p, q->src, q->clientname, 3);
                if (q->previous != NULL) {
                        c->block = ask_block(c->p, q->src, q->clientname, NULL);
                        written_block(c, q->previous);
                }
                break;
        }
        case METHOD_CLIENT_complete: {
                Hadoop__CompleteRequestProto *q = (void *)m;

                make_room(c, q->src);
                q->fileid = ask_create(c->p, q->src, q->clientname, 3)->fileid;
                if (q->last != NULL) {
                        c->block = ask_block(c->p, q->src, q->clientname, NULL);
                        written_block(c, q->last);
                }
                break;
        }
        case METHOD_CLIENT_abandonBlock: {
                Hadoop__AbandonBlockRequestProto *q = (void *)m;

                q->fileid = need_open(c, q->src, q->holder, 3);
                patch_block(q->b, c->block->b);
                break;
        }
        case METHOD_CLIENT_fsync: {
                Hadoop__FsyncRequestProto *q = (void *)m;

                q->fileid = need_open(c, q->src, q->client, 3);
                break;
        }
        case METHOD_CLIENT_getAdditionalDatanode: {
                Hadoop__GetAdditionalDatanodeRequestProto *q = (void *)m;

                q->fileid = need_open(c, q->src, q->clientname, 2);
                patch_block(q->blk, c->block->b);
                q->existings[0]->id->datanodeuuid = c->block->locs[0]->id->datanodeuuid;
                q->existingstorageuuids[0] = c->block->storageids[0];
                q->excludes[0]->id->datanodeuuid = c->block->locs[1]->id->datanodeuuid;
                break;
        }
        default:
                break;
        }
}

static inline void prepare_pipeline(struct calls *c, enum method_id id, ProtobufCMessage *m)
{
        Hadoop__UpdateBlockForPipelineRequestProto stamp =
                HADOOP__UPDATE_BLOCK_FOR_PIPELINE_REQUEST_PROTO__INIT, *q = (void *)m;
        Hadoop__UpdatePipelineRequestProto *u = (void *)m;
        const Hadoop__UpdateBlockForPipelineResponseProto *r;

        if (id == METHOD_CLIENT_updateBlockForPipeline) {
                (void)need_open(c, "/pipeline/file", q->clientname, 2);
                patch_block(q->block, c->block->b);
                return;
        }
        (void)need_open(c, "/pipeline/file", u->clientname, 2);
        stamp.block = c->block->b;
        stamp.clientname = u->clientname;
        r = peer_ask(c->p, METHOD_CLIENT_updateBlockForPipeline, &stamp.base);
        patch_block(u->oldblock, c->block->b);
        patch_block(u->newblock, r->block->b);
        for (size_t i = 0; i < u->n_newnodes && i < 2; i++) {
                u->newnodes[i]->datanodeuuid = c->block->locs[i]->id->datanodeuuid;
                u->storageids[i] = c->block->storageids[i];
        }
}

static inline void prepare_bad(struct calls *c, Hadoop__ReportBadBlocksRequestProto *q)
{
        const Hadoop__LocatedBlockProto *b;

        if (q->n_blocks == 0)
                return;
        need_file(c, "/bad/file", 600);
        b = ask_locations(c->p, "/bad/file", 0, 600)->blocks[0];
        patch_block(q->blocks[0]->b, b->b);
        q->blocks[0]->locs[0]->id->datanodeuuid = b->locs[0]->id->datanodeuuid;
}

/* The string field @name of a request; NULL: it has none. */
static inline char *text_field(const ProtobufCMessage *m, const char *name)
{
        const ProtobufCFieldDescriptor *f =
                protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);

        if (f == NULL || f->type != PROTOBUF_C_TYPE_STRING ||
            f->label == PROTOBUF_C_LABEL_REPEATED)
                return NULL;
        return *(char *const *)(const void *)((const uint8_t *)m + f->offset);
}

static inline void prepare_names(struct calls *c, enum method_id id, ProtobufCMessage *m)
{
        const Hadoop__ConcatRequestProto *concat = (const void *)m;
        const char *src = text_field(m, "src");

        switch ((int)id) {
        case METHOD_CLIENT_rename:
        case METHOD_CLIENT_rename2:
                need_file(c, src, 10);
                make_room(c, text_field(m, "dst"));
                break;
        case METHOD_CLIENT_concat:
                need_file(c, concat->trg, HADOOP_BLOCK);
                for (size_t i = 0; i < concat->n_srcs; i++)
                        need_file(c, concat->srcs[i], 700);
                break;
        case METHOD_CLIENT_truncate:
                need_file(c, src, ((const Hadoop__TruncateRequestProto *)(const void *)m)->newlength
                                          + 100);
                break;
        case METHOD_CLIENT_create:
        case METHOD_CLIENT_mkdirs:
                make_room(c, src);
                break;
        default:
                break;
        }
}

/* Is @java_class the refusal's, without its package? */
static inline bool refused_by(const struct ipc_response *real, const char *java_class)
{
        size_t n = strlen(java_class);

        return real->java_class.n > n &&
               memcmp(real->java_class.at + real->java_class.n - n, java_class, n) == 0;
}

/* Paths that cannot be made as they are, or should not be there. */
static inline void prepare_refusal(struct calls *c, ProtobufCMessage *m,
                                   const struct ipc_response *real)
{
        char parent[256], *src = text_field(m, "src"), *path = text_field(m, "path");

        c->as_other = refused_by(real, ".AccessControlException");
        if (refused_by(real, ".SafeModeException")) {
                safe_mode(c, true);
                return;
        }
        if (src == NULL)
                src = path;
        if (src == NULL || src[0] != '/')
                return;
        (void)snprintf(parent, sizeof(parent), "%s", src);
        *strrchr(parent, '/') = '\0';
        if (c->as_other && parent[0] != '\0') {
                make_room(c, parent);
                ask_mkdirs(c->p, parent, 0700);
        } else if (refused_by(real, ".FileAlreadyExistsException") ||
                   m->descriptor == &hadoop__get_link_target_request_proto__descriptor) {
                need_file(c, src, 10);
        } else if (refused_by(real, ".ParentNotDirectoryException")) {
                need_file(c, parent, 10);
        } else if (refused_by(real, ".PathIsNotEmptyDirectoryException")) {
                make_room(c, src);
                (void)snprintf(parent, sizeof(parent), "%s/below", src);
                ask_mkdirs(c->p, parent, 0755);
        }
}

/* Answers that say what was there: the same is made. */
static inline bool prepare_by_answer(struct calls *c, enum method_id id, const ProtobufCMessage *m,
                                     const ProtobufCMessage *was)
{
        const char *src = text_field(m, "src");

        switch ((int)id) {
        case METHOD_CLIENT_getFileInfo:
        case METHOD_CLIENT_getFileLinkInfo:
        case METHOD_CLIENT_getLocatedFileInfo: /* the three answers are alike */
                if (strcmp(src, "/") != 0)
                        make_room(c, src);
                need_status(c, src, ((const Hadoop__GetFileInfoResponseProto *)(const void *)was)
                                            ->fs);
                return true;
        case METHOD_CLIENT_getListing:
                prepare_listing(c, src, ((const Hadoop__GetListingResponseProto *)(const void *)was)
                                                ->dirlist);
                return true;
        case METHOD_CLIENT_getBlockLocations:
                prepare_locations(c, src, ((const Hadoop__GetBlockLocationsResponseProto *)
                                           (const void *)was)->locations);
                return true;
        case METHOD_CLIENT_isFileClosed:
        case METHOD_CLIENT_recoverLease: /* alike too */
                if (((const Hadoop__IsFileClosedResponseProto *)(const void *)was)->result)
                        need_file(c, src, 10);
                else
                        (void)need_open(c, src, "somebody else", 3);
                return true;
        case METHOD_CLIENT_listOpenFiles:
                (void)need_open(c, "/every/open", "maker", 3);
                return true;
        case METHOD_CLIENT_getBatchedListing:
                need_file(c, "/every/listed", 10);
                return true;
        default:
                return false;
        }
}

static inline void calls_prepare(struct calls *c, enum method_id id, ProtobufCMessage *m,
                                 const struct ipc_response *real)
{
        const char *path = text_field(m, "src");
        struct bdfs_err err;
        ProtobufCMessage *was;

        c->as_other = false;
        if (real->status != IPC_SUCCESS) {
                prepare_refusal(c, m, real);
                return;
        }
        was = message_unpack(method_of(id)->response, real->body, real->body_n, &err);
        assert_non_null(was);
        if (path == NULL)
                path = text_field(m, "path");
        if (path == NULL)
                path = text_field(m, "filename");
        if (id == METHOD_CLIENT_saveNamespace)
                safe_mode(c, true);
        else if (id == METHOD_CLIENT_setSafeMode)
                c->safe = true; /* the call itself may turn it on */
        else if (id == METHOD_CLIENT_updateBlockForPipeline || id == METHOD_CLIENT_updatePipeline)
                prepare_pipeline(c, id, m);
        else if (id == METHOD_CLIENT_reportBadBlocks)
                prepare_bad(c, (void *)m);
        else if (!prepare_by_answer(c, id, m, was) && path != NULL && path[0] == '/' &&
                 path[1] != '\0')
                need_file(c, path, 10);
        prepare_write(c, id, m);
        prepare_names(c, id, m);
        message_free(was);
}
