/* ClientProtocol: where bytes are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "namenode/serve/doubts.h"
#include "namenode/serve/file_status.h"
#include "namenode/serve/handlers.h"
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

void serve_get_block_locations(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetBlockLocationsRequestProto *q = (const void *)call->request;
        Hadoop__GetBlockLocationsResponseProto r = HADOOP__GET_BLOCK_LOCATIONS_RESPONSE_PROTO__INIT;
        struct ns_status status;
        struct ns_map map = {0};
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!reading_begin(&g, nn, call, q->src))
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
                r.has_bdfsinode = call->listener == RPC_OWN;
                r.bdfsinode = status.inode;
        }
        ns_map_fini(&map);
        reading_end(&g, rc, r.locations == NULL ? NULL : &r.base, &err);
}

bool serve_locations(struct reading *g, const struct ns_status *s,
                     Hadoop__LocatedBlocksProto **ret, size_t *ret_blocks)
{
        struct ns_map map = {0};
        struct bdfs_err err;

        *ret = NULL;
        if (s->type != INODE_FILE)
                return true;
        if (ns_locate_inode(g->t, s->inode, 0, INT64_MAX, &map, &err) == BDFS_OK) {
                bool may_read = perm_allows_names(&g->who.ns, s->owner, s->group, s->mode,
                                                  PERM_READ);

                *ret_blocks += map.n;
                *ret = locate_map(g, &map, may_read ? TOKEN_READ : 0);
        }
        ns_map_fini(&map);
        return *ret != NULL;
}

void serve_get_located_file_info(struct namenode *nn, struct rpc_call *call)
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

        if (!reading_begin(&g, nn, call, q->src == NULL ? "" : q->src))
                return;
        rc = ns_stat(g.t, &g.who.ns, &g.path, 0, &status, &found, &err);
        if (rc == BDFS_OK && found) {
                r.fs = status_describe(&g.d, &status);
                made = r.fs != NULL && serve_locations(&g, &status, &r.fs->locations, &blocks);
        }
        reading_end(&g, rc, made ? &r.base : NULL, &err);
}

/* ---- bad replicas ---- */

#define BAD_FILES 16 /* that share a block and are tried */

bool serve_may_read_block(struct store_txn *t, const struct serve_caller *who, uint64_t block)
{
        struct block_ref refs[BAD_FILES];
        struct path path;
        struct bdfs_err err;
        char text[64];
        size_t n;

        if (who->ns.superuser)
                return true;
        if (ns_block_files(t, block, refs, BAD_FILES, &n, &err) != BDFS_OK)
                return false;
        for (size_t i = 0; i < n; i++) {
                (void)snprintf(text, sizeof(text), "/.reserved/.inodes/%llu",
                               (unsigned long long)refs[i].inode);
                path = (struct path){text, strlen(text)};
                if (ns_check_access(t, &who->ns, &path, PERM_READ, &err) == BDFS_OK)
                        return true;
        }
        return false;
}

/* One block of the list. LIMIT: the caller has asked for enough. */
static enum bdfs_status doubt_block(struct reading *g, const Hadoop__LocatedBlockProto *b,
                                    struct bdfs_err *err)
{
        struct namenode *nn = g->nn;
        uint32_t node;

        if (!serve_may_read_block(g->t, &g->who, b->b->blockid))
                return bdfs_fail(err, BDFS_PERMISSION, "%s may read no file that has block %llu",
                                 g->who.ns.user, (unsigned long long)b->b->blockid);
        for (size_t i = 0; i < b->n_locs; i++) {
                if (!blocks_node_of(nn->blocks, b->locs[i]->id->datanodeuuid, &node))
                        continue;
                if (!g->who.ns.superuser &&
                    !doubts_allow(nn->doubts, g->who.ns.user, os_mono_ms()))
                        return bdfs_fail(err, BDFS_LIMIT, "enough for now");
                blocks_doubt(nn->blocks, b->b->blockid, b->b->generationstamp, node);
        }
        return BDFS_OK;
}

/* A reader's word makes a datanode look at its own replica, and nothing else (B11). It is for those
 * who may read the file, and bounded for each of them; what is said beyond is not heard. */
void serve_report_bad_blocks(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__ReportBadBlocksRequestProto *q = (const void *)call->request;
        Hadoop__ReportBadBlocksResponseProto r = HADOOP__REPORT_BAD_BLOCKS_RESPONSE_PROTO__INIT;
        enum bdfs_status rc = BDFS_OK;
        struct reading g;
        struct bdfs_err err;

        if (!reading_begin(&g, nn, call, NULL))
                return;
        for (size_t i = 0; rc == BDFS_OK && i < q->n_blocks; i++)
                rc = doubt_block(&g, q->blocks[i], &err);
        if (rc == BDFS_LIMIT) {
                log_debug("words about bad replicas are not heard user=%s", g.who.ns.user);
                rc = BDFS_OK;
        }
        reading_end(&g, rc, &r.base, &err);
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

void serve_list_corrupt(struct namenode *nn, struct rpc_call *call)
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

        if (!reading_begin(&g, nn, call, q->path))
                return;
        ok = corrupt_page(&g, &after, &c);
        (void)snprintf(cookie, sizeof(cookie), "%llu", (unsigned long long)after);
        c.cookie = cookie;
        r.corrupt = &c;
        reading_end(&g, BDFS_OK, ok ? &r.base : NULL, &err);
}
