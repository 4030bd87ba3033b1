/* ClientProtocol: status, listings, summaries and questions about names. */
#include <stdio.h>
#include <string.h>

#include "namenode/serve/file_status.h"
#include "namenode/serve/handlers.h"
#include "proto/hadoop_features.pb-c.h"
#include "proto/hadoop_namenode.pb-c.h"

/* The status of a path in @g's arena; *ret stays NULL when it is missing. False: no memory. */
static bool get_info(struct reading *g, unsigned flags, Hadoop__HdfsFileStatusProto **ret,
                     enum bdfs_status *ret_status, struct bdfs_err *err)
{
        struct ns_status status;
        bool found = false;

        *ret_status = ns_stat(g->t, &g->who.ns, &g->path, flags, &status, &found, err);
        if (*ret_status != BDFS_OK || !found)
                return true;
        *ret = status_describe(&g->d, &status);
        return *ret != NULL;
}

void serve_get_file_info(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetFileInfoRequestProto *q = (const void *)call->request;
        Hadoop__GetFileInfoResponseProto r = HADOOP__GET_FILE_INFO_RESPONSE_PROTO__INIT;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;
        bool made;

        if (!reading_begin(&g, nn, call, q->src))
                return;
        made = get_info(&g, 0, &r.fs, &rc, &err);
        reading_end(&g, rc, made ? &r.base : NULL, &err);
}

void serve_get_file_link_info(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetFileLinkInfoRequestProto *q = (const void *)call->request;
        Hadoop__GetFileLinkInfoResponseProto r = HADOOP__GET_FILE_LINK_INFO_RESPONSE_PROTO__INIT;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;
        bool made;

        if (!reading_begin(&g, nn, call, q->src))
                return;
        made = get_info(&g, NS_NO_FOLLOW, &r.fs, &rc, &err);
        reading_end(&g, rc, made ? &r.base : NULL, &err);
}

static void fill_summary(const struct ns_summary *s, Hadoop__ContentSummaryProto *ret)
{
        ret->length = s->total.bytes;
        ret->filecount = s->total.files + s->total.symlinks;
        ret->directorycount = s->total.directories;
        ret->quota = UINT64_MAX;
        ret->spaceconsumed = s->total.space;
        ret->spacequota = UINT64_MAX;
        ret->erasurecodingpolicy = (char *)(uintptr_t)(s->file ? "Replicated" : ""); /* ls -e */
}

void serve_get_content_summary(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetContentSummaryRequestProto *q = (const void *)call->request;
        Hadoop__GetContentSummaryResponseProto r = HADOOP__GET_CONTENT_SUMMARY_RESPONSE_PROTO__INIT;
        Hadoop__ContentSummaryProto p = HADOOP__CONTENT_SUMMARY_PROTO__INIT;
        struct ns_summary s;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!reading_begin(&g, nn, call, q->path))
                return;
        rc = ns_content_summary(g.t, &g.who.ns, &g.path, &s, &err);
        if (rc == BDFS_OK)
                fill_summary(&s, &p);
        r.summary = &p;
        reading_end(&g, rc, &r.base, &err);
}

void serve_get_quota_usage(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetQuotaUsageRequestProto *q = (const void *)call->request;
        Hadoop__GetQuotaUsageResponseProto r = HADOOP__GET_QUOTA_USAGE_RESPONSE_PROTO__INIT;
        Hadoop__QuotaUsageProto p = HADOOP__QUOTA_USAGE_PROTO__INIT;
        struct ns_summary s;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!reading_begin(&g, nn, call, q->path))
                return;
        rc = ns_quota_usage(g.t, &g.who.ns, &g.path, &s, &err);
        if (rc == BDFS_OK) {
                p.fileanddirectorycount = s.total.files + s.total.symlinks + s.total.directories;
                p.spaceconsumed = s.total.space;
                p.quota = p.spacequota = UINT64_MAX;
        }
        r.usage = &p;
        reading_end(&g, rc, &r.base, &err);
}

void serve_get_preferred_block_size(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetPreferredBlockSizeRequestProto *q = (const void *)call->request;
        Hadoop__GetPreferredBlockSizeResponseProto r =
                HADOOP__GET_PREFERRED_BLOCK_SIZE_RESPONSE_PROTO__INIT;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!reading_begin(&g, nn, call, q->filename))
                return;
        rc = ns_block_size(g.t, &g.who.ns, &g.path, &r.bsize, &err);
        reading_end(&g, rc, &r.base, &err);
}

void serve_get_link_target(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetLinkTargetRequestProto *q = (const void *)call->request;
        Hadoop__GetLinkTargetResponseProto r = HADOOP__GET_LINK_TARGET_RESPONSE_PROTO__INIT;
        const char *target;
        size_t n;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!reading_begin(&g, nn, call, q->path))
                return;
        rc = ns_link_target(g.t, &g.who.ns, &g.path, &target, &n, &err);
        if (rc == BDFS_OK) {
                r.targetpath = describe_alloc(&g.d, n + 1);
                if (r.targetpath == NULL) {
                        reading_end(&g, rc, NULL, &err);
                        return;
                }
                memcpy(r.targetpath, target, n);
        }
        reading_end(&g, rc, &r.base, &err);
}

void serve_check_access(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__CheckAccessRequestProto *q = (const void *)call->request;
        Hadoop__CheckAccessResponseProto r = HADOOP__CHECK_ACCESS_RESPONSE_PROTO__INIT;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!reading_begin(&g, nn, call, q->path))
                return;
        rc = ns_check_access(g.t, &g.who.ns, &g.path, (unsigned)q->mode & 7, &err);
        reading_end(&g, rc, &r.base, &err);
}

void serve_is_file_closed(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__IsFileClosedRequestProto *q = (const void *)call->request;
        Hadoop__IsFileClosedResponseProto r = HADOOP__IS_FILE_CLOSED_RESPONSE_PROTO__INIT;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;
        bool closed = false;

        if (!reading_begin(&g, nn, call, q->src))
                return;
        rc = ns_is_closed(g.t, &g.who.ns, &g.path, &closed, &err);
        r.result = closed;
        reading_end(&g, rc, &r.base, &err);
}

/* ---- storage policies: every file is HOT ---- */

static Hadoop__BlockStoragePolicyProto *hot_policy(struct describe *d)
{
        Hadoop__BlockStoragePolicyProto *p = describe_alloc(d, sizeof(*p));
        Hadoop__StorageTypesProto *disk = describe_alloc(d, sizeof(*disk));
        Hadoop__StorageTypesProto *archive = describe_alloc(d, sizeof(*archive));
        Hadoop__StorageTypeProto *types = describe_alloc(d, 2 * sizeof(*types));

        if (p == NULL || disk == NULL || archive == NULL || types == NULL)
                return NULL;
        hadoop__block_storage_policy_proto__init(p);
        hadoop__storage_types_proto__init(disk);
        hadoop__storage_types_proto__init(archive);
        types[0] = HADOOP__STORAGE_TYPE_PROTO__DISK;
        types[1] = HADOOP__STORAGE_TYPE_PROTO__ARCHIVE;
        disk->storagetypes = &types[0];
        archive->storagetypes = &types[1];
        disk->n_storagetypes = archive->n_storagetypes = 1;
        p->policyid = 7;
        p->name = (char *)(uintptr_t)"HOT";
        p->creationpolicy = disk;
        p->replicationfallbackpolicy = archive;
        return p;
}

void serve_get_storage_policies(struct namenode *nn, struct rpc_call *call)
{
        Hadoop__GetStoragePoliciesResponseProto r =
                HADOOP__GET_STORAGE_POLICIES_RESPONSE_PROTO__INIT;
        struct describe d = {0};
        Hadoop__BlockStoragePolicyProto *hot = hot_policy(&d);

        (void)nn;
        r.policies = &hot;
        r.n_policies = 1;
        if (hot == NULL)
                serve_no_memory(call);
        else
                rpc_call_reply(call, &r.base);
        describe_fini(&d);
}

void serve_get_storage_policy(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetStoragePolicyRequestProto *q = (const void *)call->request;
        Hadoop__GetStoragePolicyResponseProto r = HADOOP__GET_STORAGE_POLICY_RESPONSE_PROTO__INIT;
        struct ns_status status;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;
        bool found;

        if (!reading_begin(&g, nn, call, q->path))
                return;
        rc = ns_stat(g.t, &g.who.ns, &g.path, 0, &status, &found, &err);
        if (rc == BDFS_OK && !found)
                rc = bdfs_fail(&err, BDFS_NOT_FOUND, "File/Directory does not exist: %.*s",
                               (int)g.path.n, g.path.text);
        r.storagepolicy = hot_policy(&g.d);
        reading_end(&g, rc, r.storagepolicy == NULL ? NULL : &r.base, &err);
}

/* ---- open and corrupt files ---- */

#define OPEN_FILES_PAGE 1000

/* The entry of an open file; NULL when it is not under g->path, or has no path because it was
 * deleted while open. */
static enum bdfs_status describe_open_file(struct reading *g, bool all, uint64_t inode,
                                           Hadoop__OpenFilesBatchResponseProto **ret,
                                           struct bdfs_err *err)
{
        Hadoop__OpenFilesBatchResponseProto *e = describe_alloc(&g->d, sizeof(*e));
        struct ns_writer *w = describe_alloc(&g->d, sizeof(*w));
        enum bdfs_status rc = BDFS_OK;
        struct path full;
        struct buf path;

        *ret = NULL;
        if (e == NULL || w == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for an answer");
        buf_init(&path, 0);
        if (ns_path(g->t, inode, &path, err) == BDFS_OK) {
                full = (struct path){(const char *)path.data, path.n};
                if (all || path_under(&full, &g->path))
                        rc = ns_writer_of(g->t, inode, w, err);
                else
                        w = NULL;
                buf_u8(&path, 0);
        } else {
                w = NULL;
        }
        if (w != NULL && rc == BDFS_OK) {
                hadoop__open_files_batch_response_proto__init(e);
                e->id = (int64_t)inode;
                e->path = path.bad ? NULL : describe_text(&g->d, (const char *)path.data);
                e->clientname = w->holder;
                e->clientmachine = w->machine;
                *ret = e;
                if (e->path == NULL)
                        rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory for an answer");
        }
        buf_fini(&path);
        return rc;
}

/* Fill the answer's page with files after @after: who gets an empty page does not ask for more. */
static enum bdfs_status open_files_page(struct reading *g, bool all, uint64_t after,
                                        Hadoop__ListOpenFilesResponseProto *r, struct bdfs_err *err)
{
        uint64_t *inodes = describe_alloc(&g->d, OPEN_FILES_PAGE * sizeof(*inodes));
        size_t n = OPEN_FILES_PAGE;

        r->entries = describe_alloc(&g->d, OPEN_FILES_PAGE * sizeof(*r->entries));
        if (inodes == NULL || r->entries == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for an answer");
        while (n == OPEN_FILES_PAGE && r->n_entries < OPEN_FILES_PAGE) {
                enum bdfs_status rc = ns_open_files(g->t, after, inodes, OPEN_FILES_PAGE, &n, err);

                for (size_t i = 0; rc == BDFS_OK && i < n && r->n_entries < OPEN_FILES_PAGE; i++) {
                        after = inodes[i];
                        rc = describe_open_file(g, all, after, &r->entries[r->n_entries], err);
                        r->n_entries += rc == BDFS_OK && r->entries[r->n_entries] != NULL;
                }
                if (rc != BDFS_OK)
                        return rc;
        }
        r->hasmore = r->n_entries == OPEN_FILES_PAGE;
        return BDFS_OK;
}

void serve_list_open_files(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__ListOpenFilesRequestProto *q = (const void *)call->request;
        Hadoop__ListOpenFilesResponseProto r = HADOOP__LIST_OPEN_FILES_RESPONSE_PROTO__INIT;
        bool all = q->path == NULL || q->path[0] == '\0';
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!reading_begin(&g, nn, call, all ? NULL : q->path))
                return;
        rc = open_files_page(&g, all, q->id < 0 ? 0 : (uint64_t)q->id, &r, &err);
        r.types = q->types;
        r.n_types = q->n_types;
        reading_end(&g, rc, &r.base, &err);
}
