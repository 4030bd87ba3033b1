/* bdfs.ClientService: what `bdfs info`, `fsck` and `admin` ask beyond ClientProtocol. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "namenode/blocks/nodes.h"
#include "namenode/serve/serve.h"
#include "proto/bdfs_cluster.pb-c.h"

#define REPLICAS_ROOM 64
#define FSCK_PAGE 1000
#define PROBLEMS_MAX 1000

static void serve_bdfs_server_info(struct namenode *nn, struct rpc_call *call)
{
        Bdfs__ServerInfoResponse r = BDFS__SERVER_INFO_RESPONSE__INIT;
        struct blocks_stats replicas;
        struct ns_stats stats;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;
        char why[512];

        if (!reading_begin(&g, nn, call, NULL))
                return;
        rc = ns_stats(g.t, &stats, &err);
        r.cluster.data = nn->cluster;
        r.cluster.len = sizeof(nn->cluster);
        r.version = (char *)(uintptr_t)BDFS_VERSION;
        r.has_hadoop_port = nn->conf->hadoop;
        r.hadoop_port = r.has_hadoop_port ? rpc_server_port(nn->server, RPC_HADOOP) : 0;
        r.safe_mode = blocks_safe_mode(nn->blocks, SAFE_MODE_GET);
        if (r.safe_mode) {
                blocks_safe_mode_text(nn->blocks, why, sizeof(why));
                r.safe_mode_reason = why;
        }
        if (rc == BDFS_OK) {
                r.inodes = stats.inodes;
                r.blocks = stats.blocks;
                r.has_retired_blocks = r.has_retired_bytes = r.has_freed_blocks = 1;
                r.retired_blocks = stats.retired;
                r.retired_bytes = stats.retired_bytes;
                r.freed_blocks = stats.freed;
        }
        blocks_stats(nn->blocks, &replicas);
        r.has_unknown_blocks = 1;
        r.unknown_blocks = replicas.unknown;
        r.journal_index = commit_index(nn->commit);
        r.checkpoint_index = commit_checkpoint_index(nn->commit);
        r.started_wall_ms = nn->started_wall_ms;
        reading_end(&g, rc, &r.base, &err);
}

/* ---- one file ---- */

static const char *state_name(uint8_t state)
{
        switch (state) {
        case BDFS__REPLICA_STATE__REPLICA_RECEIVING: return "receiving";
        case BDFS__REPLICA_STATE__REPLICA_WAITING: return "waiting";
        case BDFS__REPLICA_STATE__REPLICA_RECOVERING: return "recovering";
        case BDFS__REPLICA_STATE__REPLICA_FINALIZED: return "finalized";
        case BDFS__REPLICA_STATE__REPLICA_CORRUPT: return "corrupt";
        default: return "gone";
        }
}

static const char *block_state_name(enum block_state state)
{
        switch (state) {
        case BLOCK_UNDER_CONSTRUCTION: return "under construction";
        case BLOCK_COMMITTED: return "committed";
        case BLOCK_RETIRED: return "deleted, kept for readers";
        case BLOCK_COMPLETE: break;
        }
        return "complete";
}

static Bdfs__ReplicaInfo *describe_replica(struct reading *g, const struct replica_info *r)
{
        Bdfs__ReplicaInfo *i = describe_alloc(&g->d, sizeof(*i));
        struct node_info *node = describe_alloc(&g->d, sizeof(*node));
        char name[80];

        if (i == NULL || node == NULL)
                return NULL;
        bdfs__replica_info__init(i);
        if (!blocks_node(g->nn->blocks, r->node, node))
                (void)snprintf(node->ip, sizeof(node->ip), "unknown");
        (void)snprintf(name, sizeof(name), "%s:%u", node->ip, node->own_port);
        i->node = r->node;
        i->name = describe_text(&g->d, name);
        i->rack = node->rack;
        i->host = node->host;
        i->state = (char *)(uintptr_t)state_name(r->state);
        i->stamp = r->stamp;
        i->length = r->length;
        i->alive = r->alive;
        if (node->agent_port != 0) {
                i->has_agent_port = 1;
                i->agent_port = node->agent_port;
        }
        if (node->socket_path[0] != '\0')
                i->socket_path = node->socket_path;
        return i->name == NULL ? NULL : i;
}

static Bdfs__BlockInfo *describe_block_info(struct reading *g, const struct ns_piece *p)
{
        struct replica_info found[REPLICAS_ROOM];
        Bdfs__BlockInfo *b = describe_alloc(&g->d, sizeof(*b));
        enum block_reason reason;
        size_t n;

        if (b == NULL)
                return NULL;
        bdfs__block_info__init(b);
        b->block = p->block;
        b->stamp = p->stamp;
        b->length = p->block_length;
        b->state = (char *)(uintptr_t)block_state_name(p->state);
        b->expected = p->replication;
        n = blocks_replicas(g->nn->blocks, p->block, 0, true, g->call->peer.host, found,
                            REPLICAS_ROOM);
        b->replicas = describe_alloc(&g->d, (n + 1) * sizeof(*b->replicas));
        if (b->replicas == NULL)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                b->replicas[i] = describe_replica(g, &found[i]);
                if (b->replicas[i] == NULL)
                        return NULL;
        }
        b->n_replicas = n;
        reason = blocks_reason(g->nn->blocks, p->block, p->replication,
                               p->state == BLOCK_UNDER_CONSTRUCTION);
        if (reason != BLOCK_REASON_NONE)
                b->reason = (char *)(uintptr_t)block_reason_text(reason);
        return b;
}

static bool has_block(const Bdfs__FileInfoResponse *r, uint64_t block)
{
        for (size_t i = r->n_blocks; i > 0 && r->n_blocks - i < 64; i--) {
                if (r->blocks[i - 1]->block == block)
                        return true;
        }
        return false;
}

static bool describe_map(struct reading *g, const struct ns_map *m, Bdfs__FileInfoResponse *r)
{
        r->extents = describe_alloc(&g->d, (m->n + 1) * sizeof(*r->extents));
        r->blocks = describe_alloc(&g->d, (m->n + 1) * sizeof(*r->blocks));
        if (r->extents == NULL || r->blocks == NULL)
                return false;
        for (size_t i = 0; i < m->n; i++) {
                const struct ns_piece *p = &m->pieces[i];
                Bdfs__ExtentInfo *e = describe_alloc(&g->d, sizeof(*e));

                if (e == NULL)
                        return false;
                bdfs__extent_info__init(e);
                e->offset = p->offset;
                e->length = p->length;
                e->block = p->block;
                e->block_offset = p->base;
                r->extents[r->n_extents++] = e;
                if (p->block == 0 || has_block(r, p->block))
                        continue;
                r->blocks[r->n_blocks] = describe_block_info(g, p);
                if (r->blocks[r->n_blocks++] == NULL)
                        return false;
        }
        return true;
}

static void serve_bdfs_file_info(struct namenode *nn, struct rpc_call *call)
{
        const Bdfs__FileInfoRequest *q = (const void *)call->request;
        Bdfs__FileInfoResponse r = BDFS__FILE_INFO_RESPONSE__INIT;
        struct ns_status status;
        struct ns_map map = {0};
        struct ns_writer *w;
        struct reading g;
        struct bdfs_err err, ignored;
        enum bdfs_status rc;
        bool made = true;

        if (!reading_begin(&g, nn, call, q->path))
                return;
        rc = ns_locate(g.t, &g.who.ns, &g.path, 0, INT64_MAX, &status, &map, &err);
        if (rc == BDFS_OK) {
                r.inode = status.inode;
                r.length = status.length;
                r.open = status.open;
                w = describe_alloc(&g.d, sizeof(*w));
                if (w != NULL && status.open &&
                    ns_writer_of(g.t, status.inode, w, &ignored) == BDFS_OK)
                        r.holder = w->holder;
                made = describe_map(&g, &map, &r);
        }
        ns_map_fini(&map);
        reading_end(&g, rc, made ? &r.base : NULL, &err);
}

/* ---- fsck ---- */

struct fsck {
        struct reading *g;
        const char *top;
        Bdfs__FsckResponse r;
        Bdfs__FsckProblem *problems[PROBLEMS_MAX];
};

static void add_problem(struct fsck *f, const char *path, uint64_t block, const char *kind,
                        const char *text)
{
        Bdfs__FsckProblem *p = describe_alloc(&f->g->d, sizeof(*p));

        if (p == NULL || f->r.n_problems == PROBLEMS_MAX)
                return; /* the counts say that there are more */
        bdfs__fsck_problem__init(p);
        p->path = describe_text(&f->g->d, path);
        p->block = block;
        p->kind = (char *)(uintptr_t)kind;
        p->text = describe_text(&f->g->d, text);
        if (p->path != NULL && p->text != NULL)
                f->problems[f->r.n_problems++] = p;
}

static void check_piece(struct fsck *f, const char *path, const struct ns_piece *p)
{
        struct blocks *blocks = f->g->nn->blocks;
        struct replica_info found[REPLICAS_ROOM];
        enum block_reason reason;
        size_t n, good = 0;
        char text[256];

        if (p->block == 0 || p->state != BLOCK_COMPLETE)
                return;
        n = blocks_replicas(blocks, p->block, p->stamp, false, "", found, REPLICAS_ROOM);
        for (size_t i = 0; i < n; i++)
                good += found[i].state == BDFS__REPLICA_STATE__REPLICA_FINALIZED;
        if (good >= p->replication)
                return;
        reason = blocks_reason(blocks, p->block, p->replication, false);
        (void)snprintf(text, sizeof(text), "%zu of %u copies: %s", good, p->replication,
                       block_reason_text(reason));
        if (good > 0) {
                f->r.under_replicated++;
                add_problem(f, path, p->block, "under-replicated", text);
        } else if (reason == BLOCK_REASON_REPLICA_CORRUPT) {
                f->r.corrupt++;
                add_problem(f, path, p->block, "corrupt", text);
        } else {
                f->r.missing++;
                add_problem(f, path, p->block, "missing", text);
        }
}

static enum bdfs_status check_file(struct fsck *f, const char *path,
                                   const struct ns_status *status, struct bdfs_err *err)
{
        struct ns_map map = {0};
        enum bdfs_status rc;

        f->r.files++;
        f->r.bytes += status->length;
        f->r.open_files += status->open;
        rc = ns_locate_inode(f->g->t, status->inode, 0, INT64_MAX, &map, err);
        for (size_t i = 0; rc == BDFS_OK && i < map.n; i++) {
                f->r.blocks++;
                check_piece(f, path, &map.pieces[i]);
        }
        ns_map_fini(&map);
        return rc;
}

static enum bdfs_status check_one(void *arg, const struct path *relative,
                                  const struct ns_status *status, struct bdfs_err *err)
{
        struct fsck *f = arg;
        char path[PATH_BYTES_MAX + 2];

        (void)snprintf(path, sizeof(path), "%s%s%.*s", strcmp(f->top, "/") == 0 ? "" : f->top,
                       relative->n > 0 && relative->text[0] == '/' ? "" : "/", (int)relative->n,
                       relative->text);
        switch (status->type) {
        case INODE_DIRECTORY: f->r.directories++; return BDFS_OK;
        case INODE_SYMLINK: f->r.symlinks++; return BDFS_OK;
        case INODE_FILE: break;
        }
        return check_file(f, path, status, err);
}

static enum bdfs_status check_page(struct fsck *f, const Bdfs__FsckRequest *q, struct buf *position,
                                   struct bdfs_err *err)
{
        struct reading *g = f->g;
        struct ns_status top;
        bool found, more = false;

        if (ns_stat(g->t, &g->who.ns, &g->path, NS_NO_FOLLOW, &top, &found, err) != BDFS_OK)
                return err->status;
        if (!found)
                return bdfs_fail(err, BDFS_NOT_FOUND, "File does not exist: %s", q->path);
        if (top.type == INODE_FILE)
                return check_file(f, q->path, &top, err);
        buf_add(position, q->after.data, q->after.len);
        f->r.directories += q->after.len == 0; /* itself */
        if (ns_walk(g->t, top.inode, position, FSCK_PAGE, check_one, f, &more, err) != BDFS_OK)
                return err->status;
        if (more) {
                f->r.has_after = 1;
                f->r.after.data = position->data;
                f->r.after.len = position->n;
        }
        return BDFS_OK;
}

static void serve_bdfs_fsck(struct namenode *nn, struct rpc_call *call)
{
        const Bdfs__FsckRequest *q = (const void *)call->request;
        struct blocks_stats stats;
        struct fsck *f;
        struct buf position;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!reading_begin(&g, nn, call, q->path))
                return;
        f = describe_alloc(&g.d, sizeof(*f));
        if (f == NULL) {
                reading_end(&g, BDFS_OK, NULL, &err);
                return;
        }
        f->g = &g;
        f->top = q->path;
        bdfs__fsck_response__init(&f->r);
        f->r.problems = f->problems;
        f->r.has_open_files = f->r.has_under_replicated = f->r.has_missing = f->r.has_corrupt = 1;
        buf_init(&position, 0);
        blocks_stats(g.nn->blocks, &stats);
        f->r.has_unknown_blocks = 1;
        f->r.unknown_blocks = stats.unknown;
        rc = check_page(f, q, &position, &err);
        reading_end(&g, rc, &f->r.base, &err);
        buf_fini(&position);
}

/* ---- nodes ---- */

/* The live datanodes, for those who place work. */
static void serve_bdfs_nodes(struct namenode *nn, struct rpc_call *call)
{
        Bdfs__NodesResponse r = BDFS__NODES_RESPONSE__INIT;
        struct describe d = {0};
        struct node_info *all = describe_alloc(&d, NODES_MAX * sizeof(*all));
        size_t n = all == NULL ? 0 : blocks_nodes(nn->blocks, all, NODES_MAX);
        Bdfs__NodeInfo *i = describe_alloc(&d, (n + 1) * sizeof(*i));
        char name[80];

        r.nodes = describe_alloc(&d, (n + 1) * sizeof(*r.nodes));
        for (size_t k = 0; i != NULL && r.nodes != NULL && k < n; k++) {
                if (!all[k].alive)
                        continue;
                bdfs__node_info__init(i);
                (void)snprintf(name, sizeof(name), "%s:%u", all[k].ip, all[k].own_port);
                i->number = all[k].number;
                i->name = describe_text(&d, name);
                i->host = all[k].host;
                i->rack = all[k].rack;
                i->has_agent_port = all[k].agent_port != 0;
                i->agent_port = all[k].agent_port;
                if (i->name == NULL)
                        break;
                r.nodes[r.n_nodes++] = i++;
        }
        rpc_call_reply(call, &r.base);
        describe_fini(&d);
}

/* ---- digest, checkpoint ---- */

static void serve_bdfs_digest(struct namenode *nn, struct rpc_call *call)
{
        Bdfs__DigestResponse r = BDFS__DIGEST_RESPONSE__INIT;
        struct bdfs_err err;
        uint8_t bytes[32];

        if (commit_digest(nn->commit, bytes, &r.index, &err) != BDFS_OK) {
                rpc_call_fail(call, &err);
                return;
        }
        r.digest.data = bytes;
        r.digest.len = sizeof(bytes);
        rpc_call_reply(call, &r.base);
}

static void serve_bdfs_checkpoint(struct namenode *nn, struct rpc_call *call)
{
        Bdfs__CheckpointResponse r = BDFS__CHECKPOINT_RESPONSE__INIT;
        struct bdfs_err err;

        if (commit_checkpoint(nn->commit, &r.index, &err) != BDFS_OK)
                rpc_call_fail(call, &err);
        else
                rpc_call_reply(call, &r.base);
}

static const struct serve_call bdfs_calls[] = {
        [METHOD_BDFS_CLIENT_checkpoint] = {serve_bdfs_checkpoint, SERVE_SUPERUSER, "checkpoint"},
        [METHOD_BDFS_CLIENT_digest] = {serve_bdfs_digest, SERVE_SUPERUSER, "digest"},
        [METHOD_BDFS_CLIENT_fileInfo] = {serve_bdfs_file_info},
        [METHOD_BDFS_CLIENT_fsck] = {serve_bdfs_fsck, SERVE_SUPERUSER, "fsck"},
        [METHOD_BDFS_CLIENT_nodes] = {serve_bdfs_nodes},
        [METHOD_BDFS_CLIENT_serverInfo] = {serve_bdfs_server_info},
};

static void serve_bdfs_run(void *context, struct rpc_call *call)
{
        serve_run(bdfs_calls, context, call);
}

rpc_handler *serve_bdfs_handler(const struct method *m)
{
        return SERVE_HAS(bdfs_calls, m) ? serve_bdfs_run : NULL;
}
