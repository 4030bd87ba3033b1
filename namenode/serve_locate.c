/* ClientProtocol: where bytes are. Listings are here because they may carry locations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "namenode/serve.h"
#include "namenode/status.h"
#include "proto/exception.h"
#include "proto/hadoop_namenode.pb-c.h"

#define REPLICAS_ROOM 64
#define HOLE_NODES 3
#define CORRUPT_PAGE 100

/* ---- pieces ---- */

/* Live nodes, for a hole: any of them can serve zeros. */
static size_t any_nodes(struct namenode *nn, uint32_t *ret, size_t room)
{
        struct place_request want = {.wanted = (uint32_t)room, .writer_host = ""};
        struct bdfs_err err;
        size_t n = 0;

        if (blocks_place(nn->blocks, &want, ret, &n, &err) != BDFS_OK)
                return 0;
        return n;
}

static size_t replicas_of(struct reading *g, const struct ns_piece *p, uint32_t *ret,
                          bool *ret_corrupt)
{
        struct replica_info found[REPLICAS_ROOM];
        size_t n = blocks_replicas(g->nn->blocks, p->block, p->stamp, false, g->call->peer.host,
                                   found, REPLICAS_ROOM);
        size_t bad = 0;

        for (size_t i = 0; i < n; i++)
                ret[i] = found[i].node;
        *ret_corrupt = false;
        if (n > 0)
                return n;
        n = blocks_replicas(g->nn->blocks, p->block, 0, true, "", found, REPLICAS_ROOM);
        for (size_t i = 0; i < n; i++) {
                if (found[i].state == BDFS__REPLICA_STATE__REPLICA_CORRUPT && found[i].alive)
                        ret[bad++] = found[i].node;
        }
        *ret_corrupt = bad > 0; /* shown as they are: better bad copies than none */
        return bad;
}

/* @rights: of the token; without any it opens nothing. */
static Hadoop__LocatedBlockProto *locate_piece(struct reading *g, uint64_t inode,
                                               const struct ns_piece *p, unsigned rights)
{
        uint32_t nodes[REPLICAS_ROOM];
        struct describe_block what = {
                .block = p->block,
                .stamp = p->stamp,
                .length = p->length,
                .offset = p->offset,
                .base = p->base,
                .inode = inode,
                .open = p->state == BLOCK_UNDER_CONSTRUCTION,
                .rights = rights,
                .nodes = nodes,
        };

        if (p->block == 0) {
                what.nodes_n = any_nodes(g->nn, nodes, HOLE_NODES);
        } else if (p->state != BLOCK_UNDER_CONSTRUCTION) {
                what.nodes_n = replicas_of(g, p, nodes, &what.corrupt);
        } else {
                what.nodes = p->nodes;
                what.nodes_n = p->nodes_n;
        }
        return describe_located(&g->d, g->nn, &what, g->call->caller->user, g->call->listener);
}

static Hadoop__LocatedBlocksProto *locate_map(struct reading *g, const struct ns_map *m,
                                              unsigned rights)
{
        Hadoop__LocatedBlocksProto *l = describe_alloc(&g->d, sizeof(*l));

        if (l == NULL)
                return NULL;
        hadoop__located_blocks_proto__init(l);
        l->filelength = m->length;
        l->underconstruction = m->open;
        l->islastblockcomplete = m->has_last && m->last_complete;
        l->blocks = describe_alloc(&g->d, (m->n + 1) * sizeof(*l->blocks));
        if (l->blocks == NULL)
                return NULL;
        for (size_t i = 0; i < m->n; i++) {
                l->blocks[i] = locate_piece(g, m->inode, &m->pieces[i], rights);
                if (l->blocks[i] == NULL)
                        return NULL;
        }
        l->n_blocks = m->n;
        if (!m->has_last)
                return l;
        if (m->n > 0 && m->pieces[m->n - 1].offset == m->last.offset)
                l->lastblock = l->blocks[m->n - 1];
        else
                l->lastblock = locate_piece(g, m->inode, &m->last, rights);
        return l->lastblock == NULL ? NULL : l;
}

/* ---- the access time ---- */

struct touch { /* a record that nobody waits for */
        struct commit_request request;
        Bdfs__JournalRecord record;
        Bdfs__TouchAtimeOp op;
};

static void touched(struct commit_request *request)
{
        op_result_free(request->result);
        free(request);
}

/* Reading moves the access time, at most once in atime_precision_ms. It may be lost. */
static void touch_atime(struct namenode *nn, const struct ns_status *s)
{
        struct touch *t;
        struct bdfs_err err;

        if (nn->conf->atime_precision_ms == 0 ||
            os_wall_ms() - s->atime <= nn->conf->atime_precision_ms ||
            blocks_safe_mode(nn->blocks, SAFE_MODE_GET))
                return;
        t = calloc(1, sizeof(*t));
        if (t == NULL)
                return;
        bdfs__journal_record__init(&t->record);
        bdfs__touch_atime_op__init(&t->op);
        t->op.inode = s->inode;
        t->record.op_case = BDFS__JOURNAL_RECORD__OP_TOUCH_ATIME;
        t->record.touch_atime = &t->op;
        t->request.record = &t->record;
        t->request.done = touched;
        if (commit_submit(nn->commit, &t->request, &err) != BDFS_OK)
                free(t); /* the queue is full: the access time is not worth waiting for */
}

/* ---- getBlockLocations, getLocatedFileInfo ---- */

static void get_block_locations(void *context, struct rpc_call *call)
{
        const Hadoop__GetBlockLocationsRequestProto *q = (const void *)call->request;
        Hadoop__GetBlockLocationsResponseProto r = HADOOP__GET_BLOCK_LOCATIONS_RESPONSE_PROTO__INIT;
        struct ns_status status;
        struct ns_map map = {0};
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!reading_begin(&g, context, call, q->src))
                return;
        if ((int64_t)q->offset < 0 || (int64_t)q->length < 0) {
                char text[PATH_BYTES_MAX + 64];

                (void)snprintf(text, sizeof(text), "Negative %s is not supported. File: %s",
                               (int64_t)q->offset < 0 ? "offset" : "length", q->src);
                reading_end_class(&g, "java.lang.IllegalArgumentException", text);
                return;
        }
        rc = ns_locate(g.t, &g.who.ns, &g.path, q->offset, q->length, &status, &map, &err);
        if (rc == BDFS_OK) {
                touch_atime(g.nn, &status);
                r.locations = locate_map(&g, &map, TOKEN_READ);
        }
        ns_map_fini(&map);
        reading_end(&g, rc, r.locations == NULL ? NULL : &r.base, &err);
}

/* Add the locations of the whole file. READ is not asked for, as in HDFS; who lacks it gets tokens
 * that open nothing. */
static bool add_locations(struct reading *g, const struct ns_status *s,
                          Hadoop__HdfsFileStatusProto *f, size_t *ret_blocks)
{
        struct ns_map map = {0};
        struct bdfs_err err;
        bool ok;

        if (s->type != INODE_FILE)
                return true;
        ok = ns_locate_inode(g->t, s->inode, 0, INT64_MAX, &map, &err) == BDFS_OK;
        if (ok) {
                bool may_read = perm_allows_names(&g->who.ns, s->owner, s->group, s->mode,
                                                  PERM_READ);

                *ret_blocks += map.n;
                f->locations = locate_map(g, &map, may_read ? TOKEN_READ : 0);
                ok = f->locations != NULL;
        }
        ns_map_fini(&map);
        return ok;
}

static void get_located_file_info(void *context, struct rpc_call *call)
{
        const Hadoop__GetLocatedFileInfoRequestProto *q = (const void *)call->request;
        Hadoop__GetLocatedFileInfoResponseProto r =
                HADOOP__GET_LOCATED_FILE_INFO_RESPONSE_PROTO__INIT;
        struct ns_status status;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;
        size_t blocks = 0;
        bool found, made = true;

        if (!reading_begin(&g, context, call, q->src == NULL ? "" : q->src))
                return;
        rc = ns_stat(g.t, &g.who.ns, &g.path, 0, &status, &found, &err);
        if (rc == BDFS_OK && found) {
                r.fs = status_describe(&g.d, &status, false);
                made = r.fs != NULL && add_locations(&g, &status, r.fs, &blocks);
        }
        reading_end(&g, rc, made ? &r.base : NULL, &err);
}

/* ---- listings ---- */

/* At most LISTING_PAGE_MAX entries, and about as many blocks when locations are asked for. */
static enum bdfs_status listing(struct reading *g, const struct path *path,
                                const ProtobufCBinaryData *after, bool locations,
                                Hadoop__DirectoryListingProto **ret, struct bdfs_err *err)
{
        struct ns_status *found = malloc(LISTING_PAGE_MAX * sizeof(*found));
        Hadoop__DirectoryListingProto *l = describe_alloc(&g->d, sizeof(*l));
        size_t n = 0, blocks = 0, done = 0;
        uint32_t remaining;
        enum bdfs_status rc;
        bool exists;

        *ret = NULL;
        if (found == NULL || l == NULL) {
                free(found);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a listing");
        }
        rc = ns_list(g->t, &g->who.ns, path, after->data, after->len, found, LISTING_PAGE_MAX, &n,
                     &remaining, &exists, err);
        if (rc == BDFS_OK && exists) {
                hadoop__directory_listing_proto__init(l);
                l->partiallisting = describe_alloc(&g->d, (n + 1) * sizeof(*l->partiallisting));
                for (; l->partiallisting != NULL && done < n && blocks < LISTING_PAGE_MAX; done++) {
                        Hadoop__HdfsFileStatusProto *f =
                                status_describe(&g->d, &found[done], true);

                        l->partiallisting[done] = f;
                        if (f == NULL || (locations && !add_locations(g, &found[done], f, &blocks)))
                                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a listing");
                        if (rc != BDFS_OK)
                                break;
                }
                l->n_partiallisting = done;
                l->remainingentries = remaining + (uint32_t)(n - done);
                *ret = l;
        }
        free(found);
        return rc;
}

static void get_listing(void *context, struct rpc_call *call)
{
        const Hadoop__GetListingRequestProto *q = (const void *)call->request;
        Hadoop__GetListingResponseProto r = HADOOP__GET_LISTING_RESPONSE_PROTO__INIT;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!reading_begin(&g, context, call, q->src))
                return;
        rc = listing(&g, &g.path, &q->startafter, q->needlocation, &r.dirlist, &err);
        if (rc == BDFS_NOT_FOUND && strncmp(err.text, "Can't find startAfter", 21) == 0)
                reading_end_class(&g, EXCEPTION_LISTING_START, err.text);
        else
                reading_end(&g, rc, &r.base, &err);
}

/* ---- batched listings: several directories in one call ---- */

/* The cookie: number of the path, then the last name that was given of it. */
struct batch_position {
        uint32_t path;
        ProtobufCBinaryData after;
};

static struct batch_position batch_position(const ProtobufCBinaryData *cookie)
{
        struct rd r = rd_of(cookie->data, cookie->len);
        struct batch_position p = {0};

        if (cookie->len < 4)
                return p;
        p.path = rd_u32be(&r);
        p.after.len = rd_left(&r);
        p.after.data = (uint8_t *)(uintptr_t)r.at;
        return p;
}

static bool batch_cookie(struct describe *d, uint32_t path, const ProtobufCBinaryData *name,
                         ProtobufCBinaryData *ret)
{
        ret->len = 4 + (name == NULL ? 0 : name->len);
        ret->data = describe_alloc(d, ret->len);
        if (ret->data == NULL)
                return false;
        put_u32be(ret->data, path);
        if (name != NULL && name->len > 0)
                memcpy(ret->data + 4, name->data, name->len);
        return true;
}

/* One directory of a batch; what fails for it alone is told in its place. */
static Hadoop__BatchedDirectoryListingProto *batch_one(struct reading *g, const char *src,
                                                       uint32_t index,
                                                       const ProtobufCBinaryData *after,
                                                       bool locations, bool *ret_more)
{
        Hadoop__BatchedDirectoryListingProto *b = describe_alloc(&g->d, sizeof(*b));
        Hadoop__RemoteExceptionProto *x = describe_alloc(&g->d, sizeof(*x));
        Hadoop__DirectoryListingProto *l = NULL;
        struct bdfs_err err;
        struct path path;
        struct buf room;
        enum bdfs_status rc;

        *ret_more = false;
        if (b == NULL || x == NULL)
                return NULL;
        hadoop__batched_directory_listing_proto__init(b);
        hadoop__remote_exception_proto__init(x);
        b->parentidx = index;
        buf_init(&room, 0);
        rc = path_check(src, strlen(src), PATH_READ, false, &room, &path, NULL, &err);
        if (rc == BDFS_OK)
                rc = listing(g, &path, after, locations, &l, &err);
        if (rc == BDFS_OK && l == NULL)
                rc = bdfs_fail(&err, BDFS_NOT_FOUND, "Directory %s does not exist", src);
        if (rc != BDFS_OK) {
                x->classname = (char *)(uintptr_t)exception_class(rc);
                x->message = describe_text(&g->d, err.text);
                b->exception = x;
        } else {
                b->partiallisting = l->partiallisting;
                b->n_partiallisting = l->n_partiallisting;
                *ret_more = l->remainingentries > 0;
        }
        buf_fini(&room);
        return b;
}

static void get_batched_listing(void *context, struct rpc_call *call)
{
        const Hadoop__GetBatchedListingRequestProto *q = (const void *)call->request;
        Hadoop__GetBatchedListingResponseProto r = HADOOP__GET_BATCHED_LISTING_RESPONSE_PROTO__INIT;
        struct batch_position at = batch_position(&q->startafter);
        ProtobufCBinaryData *last = NULL;
        struct bdfs_err err;
        struct reading g;
        size_t entries = 0;
        bool more = false;

        if (!reading_begin(&g, context, call, NULL))
                return;
        r.listings = describe_alloc(&g.d, (q->n_paths + 1) * sizeof(*r.listings));
        while (r.listings != NULL && at.path < q->n_paths && entries < LISTING_PAGE_MAX && !more) {
                Hadoop__BatchedDirectoryListingProto *b =
                        batch_one(&g, q->paths[at.path], at.path, &at.after, q->needlocation,
                                  &more);

                if (b == NULL) {
                        r.listings = NULL;
                        break;
                }
                r.listings[r.n_listings++] = b;
                entries += b->n_partiallisting;
                if (more)
                        last = &b->partiallisting[b->n_partiallisting - 1]->path;
                else
                        at.path++;
                at.after = (ProtobufCBinaryData){0};
        }
        r.hasmore = more || at.path < q->n_paths;
        if (r.listings == NULL || !batch_cookie(&g.d, at.path, last, &r.startafter))
                reading_end(&g, BDFS_OK, NULL, &err);
        else
                reading_end(&g, BDFS_OK, &r.base, &err);
}

/* ---- bad replicas ---- */

static void report_bad_blocks(void *context, struct rpc_call *call)
{
        struct namenode *nn = context;
        const Hadoop__ReportBadBlocksRequestProto *q = (const void *)call->request;
        Hadoop__ReportBadBlocksResponseProto r = HADOOP__REPORT_BAD_BLOCKS_RESPONSE_PROTO__INIT;
        struct node_info *all = malloc(4096 * sizeof(*all));
        size_t n = all == NULL ? 0 : blocks_nodes(nn->blocks, all, 4096);

        for (size_t i = 0; i < q->n_blocks; i++) {
                const Hadoop__LocatedBlockProto *b = q->blocks[i];

                for (size_t j = 0; j < b->n_locs; j++) {
                        for (size_t k = 0; k < n; k++) {
                                if (strcmp(all[k].uuid, b->locs[j]->id->datanodeuuid) == 0)
                                        blocks_doubt(nn->blocks, b->b->blockid,
                                                     b->b->generationstamp, all[k].number);
                        }
                }
        }
        free(all);
        rpc_call_reply(call, &r.base);
}

/* The file under g->path that uses @block; NULL: there is none. *ret_ok false: no memory. */
static char *corrupt_file(struct reading *g, uint64_t block, bool *ret_ok)
{
        struct block_ref ref;
        struct bdfs_err err;
        struct buf text;
        char *file = NULL;
        size_t refs;

        buf_init(&text, 0);
        if (ns_block_files(g->t, block, &ref, 1, &refs, &err) == BDFS_OK && refs > 0 &&
            ns_path(g->t, ref.inode, &text, &err) == BDFS_OK) { /* else deleted meanwhile */
                struct path path = {(const char *)text.data, text.n};
                bool under = path_under(&path, &g->path);

                buf_u8(&text, 0);
                if (under && !text.bad)
                        file = describe_text(&g->d, (const char *)text.data);
                *ret_ok = !text.bad && (!under || file != NULL);
        }
        buf_fini(&text);
        return file;
}

/* A page of files whose blocks come after *after; an empty one means that there are no more. */
static bool corrupt_page(struct reading *g, uint64_t *after, Hadoop__CorruptFileBlocksProto *ret)
{
        uint64_t bad[CORRUPT_PAGE];
        size_t n = CORRUPT_PAGE;
        bool ok = true;

        ret->files = describe_alloc(&g->d, CORRUPT_PAGE * sizeof(*ret->files));
        if (ret->files == NULL)
                return false;
        while (ok && n == CORRUPT_PAGE && ret->n_files == 0) {
                n = blocks_bad(g->nn->blocks, *after, bad, CORRUPT_PAGE);
                for (size_t i = 0; ok && i < n; i++) {
                        char *file = corrupt_file(g, bad[i], &ok);

                        *after = bad[i];
                        if (file != NULL)
                                ret->files[ret->n_files++] = file;
                }
        }
        return ok;
}

static void list_corrupt(void *context, struct rpc_call *call)
{
        const Hadoop__ListCorruptFileBlocksRequestProto *q = (const void *)call->request;
        Hadoop__ListCorruptFileBlocksResponseProto r =
                HADOOP__LIST_CORRUPT_FILE_BLOCKS_RESPONSE_PROTO__INIT;
        Hadoop__CorruptFileBlocksProto c = HADOOP__CORRUPT_FILE_BLOCKS_PROTO__INIT;
        uint64_t after = q->cookie == NULL ? 0 : strtoull(q->cookie, NULL, 10);
        struct reading g;
        struct bdfs_err err;
        char cookie[32];
        bool ok;

        if (!serve_require_superuser(context, call, "listCorruptFileBlocks") ||
            !reading_begin(&g, context, call, q->path))
                return;
        ok = corrupt_page(&g, &after, &c);
        (void)snprintf(cookie, sizeof(cookie), "%llu", (unsigned long long)after);
        c.cookie = cookie;
        r.corrupt = &c;
        reading_end(&g, BDFS_OK, ok ? &r.base : NULL, &err);
}

rpc_handler *serve_locate_handler(enum method_id id)
{
        switch ((int)id) {
        case METHOD_CLIENT_getBlockLocations: return get_block_locations;
        case METHOD_CLIENT_getLocatedFileInfo: return get_located_file_info;
        case METHOD_CLIENT_getListing: return get_listing;
        case METHOD_CLIENT_getBatchedListing: return get_batched_listing;
        case METHOD_CLIENT_reportBadBlocks: return report_bad_blocks;
        case METHOD_CLIENT_listCorruptFileBlocks: return list_corrupt;
        default: return NULL;
        }
}
