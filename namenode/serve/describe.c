#include "namenode/serve/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 16384

struct describe_chunk {
        struct describe_chunk *next;
        size_t room;
        max_align_t data[];
};

void *describe_alloc(struct describe *d, size_t n)
{
        struct describe_chunk *c;

        n = (n + 15) & ~(size_t)15;
        if (n > d->left) {
                size_t room = n > CHUNK_BYTES ? n : CHUNK_BYTES;

                c = calloc(1, sizeof(*c) + room);
                if (c == NULL)
                        return NULL;
                c->room = room;
                c->next = d->chunks;
                d->chunks = c;
                d->left = room;
        }
        c = d->chunks;
        d->left -= n;
        return (char *)c->data + (c->room - d->left - n);
}

char *describe_text(struct describe *d, const char *text)
{
        size_t n = strlen(text) + 1;
        char *p = describe_alloc(d, n);

        if (p != NULL)
                memcpy(p, text, n);
        return p;
}

void describe_fini(struct describe *d)
{
        while (d->chunks != NULL) {
                struct describe_chunk *c = d->chunks;

                d->chunks = c->next;
                free(c);
        }
        d->left = 0;
}

uint64_t describe_other_use(const struct node_info *node)
{
        uint64_t known = node->used + node->remaining;

        return node->capacity > known ? node->capacity - known : 0;
}

Hadoop__DatanodeInfoProto *describe_node(struct describe *d, const struct node_info *node,
                                         enum rpc_listener_kind kind)
{
        Hadoop__DatanodeInfoProto *info = describe_alloc(d, sizeof(*info));
        Hadoop__DatanodeIDProto *id = describe_alloc(d, sizeof(*id));

        if (info == NULL || id == NULL)
                return NULL;
        hadoop__datanode_info_proto__init(info);
        hadoop__datanode_idproto__init(id);
        id->ipaddr = describe_text(d, node->ip);
        id->hostname = describe_text(d, node->host);
        id->datanodeuuid = describe_text(d, node->uuid);
        info->location = describe_text(d, node->rack);
        if (id->ipaddr == NULL || id->hostname == NULL || id->datanodeuuid == NULL ||
            info->location == NULL)
                return NULL;
        id->xferport = kind == RPC_OWN ? node->own_port : node->hadoop_port;
        id->ipcport = kind == RPC_OWN ? node->own_ipc_port : node->ipc_port;
        info->id = id;
#define SET(field, value) (info->has_##field = 1, info->field = (value))
        SET(capacity, node->capacity);
        SET(dfsused, node->used);
        SET(remaining, node->remaining);
        SET(blockpoolused, node->used);
        SET(lastupdate, (uint64_t)node->last_heartbeat_wall_ms);
        SET(lastupdatemonotonic, (uint64_t)node->last_heartbeat_mono_ms);
        SET(xceivercount, node->transfers);
        SET(nondfsused, describe_other_use(node));
        SET(numblocks, (uint32_t)node->replicas);
        SET(lastblockreporttime, (uint64_t)node->last_full_report_wall_ms);
#undef SET
        return info;
}

/* The MACs are for every node that may be shown the token: locations, and offered ones. */
static bool add_token(struct describe *d, struct namenode *nn, const struct describe_block *what,
                      const char *user, enum rpc_listener_kind kind,
                      const struct node_info *nodes, size_t nodes_n, Hadoop__TokenProto *ret)
{
        int64_t life = kind == RPC_OWN ? TOKEN_MS : TOKEN_HADOOP_MS;
        struct token t = {
                .rights = (uint8_t)what->rights,
                .flags = what->block == 0 ? TOKEN_HOLE : 0,
                .inode = what->inode,
                .block = what->block,
                .base = what->base,
                .length = what->open ? TOKEN_LENGTH_OPEN : what->length,
                .stamp_floor = what->stamp,
                .expiry_wall_ms = (uint64_t)(os_wall_ms() + life),
        };
        struct token_node *keys = describe_alloc(d, (nodes_n + 1) * sizeof(*keys));
        struct buf body, macs;
        struct bdfs_err err;
        bool ok;

        if (keys == NULL)
                return false;
        (void)snprintf(t.user, sizeof(t.user), "%s", user);
        memcpy(t.cluster, nn->cluster, sizeof(t.cluster));
        for (size_t i = 0; i < nodes_n; i++) {
                keys[i].number = nodes[i].number;
                memcpy(keys[i].key, nodes[i].key, sizeof(keys[i].key));
        }
        buf_init(&body, 0);
        buf_init(&macs, 0);
        ok = token_make(&t, keys, nodes_n, &body, &macs, &err) == BDFS_OK;
        if (ok) {
                ret->identifier.data = describe_alloc(d, body.n);
                ret->password.data = describe_alloc(d, macs.n);
                ok = ret->identifier.data != NULL && ret->password.data != NULL;
        }
        if (ok) {
                memcpy(ret->identifier.data, body.data, body.n);
                memcpy(ret->password.data, macs.data, macs.n);
                ret->identifier.len = body.n;
                ret->password.len = macs.n;
        }
        buf_fini(&body);
        buf_fini(&macs);
        return ok;
}

static bool add_locations(struct describe *d, const struct node_info *nodes, size_t n,
                          enum rpc_listener_kind kind, Hadoop__LocatedBlockProto *l)
{
        l->locs = describe_alloc(d, (n + 1) * sizeof(*l->locs));
        l->storageids = describe_alloc(d, (n + 1) * sizeof(*l->storageids));
        l->storagetypes = describe_alloc(d, (n + 1) * sizeof(*l->storagetypes));
        if (l->locs == NULL || l->storageids == NULL || l->storagetypes == NULL)
                return false;
        for (size_t i = 0; i < n; i++) {
                l->locs[i] = describe_node(d, &nodes[i], kind);
                l->storageids[i] = describe_text(d, nodes[i].storage);
                l->storagetypes[i] = HADOOP__STORAGE_TYPE_PROTO__DISK;
                if (l->locs[i] == NULL || l->storageids[i] == NULL)
                        return false;
        }
        l->n_locs = l->n_storageids = l->n_storagetypes = n;
        return true;
}

/* The nodes of @what that are known and can be reached on this kind of port; returns how many of
 * *ret come first as locations, *ret_n counts the extra ones too. */
static size_t gather_nodes(struct namenode *nn, const struct describe_block *what,
                           enum rpc_listener_kind kind, struct node_info *ret, size_t *ret_n)
{
        size_t n = 0, locations;

        for (size_t i = 0; i < what->nodes_n; i++) {
                if (blocks_node(nn->blocks, what->nodes[i], &ret[n]) &&
                    (kind == RPC_OWN || ret[n].hadoop_port != 0))
                        n++;
        }
        locations = n;
        for (size_t i = 0; i < what->extra_n; i++) {
                if (blocks_node(nn->blocks, what->extra[i], &ret[n]))
                        n++;
        }
        *ret_n = n;
        return locations;
}

Hadoop__LocatedBlockProto *describe_located(struct describe *d, struct namenode *nn,
                                            const struct describe_block *what, const char *user,
                                            enum rpc_listener_kind kind)
{
        Hadoop__LocatedBlockProto *l = describe_alloc(d, sizeof(*l));
        Hadoop__ExtendedBlockProto *b = describe_alloc(d, sizeof(*b));
        Hadoop__TokenProto *token = describe_alloc(d, sizeof(*token));
        struct node_info *nodes =
                describe_alloc(d, (what->nodes_n + what->extra_n + 1) * sizeof(*nodes));
        size_t locations, n;

        if (l == NULL || b == NULL || token == NULL || nodes == NULL)
                return NULL;
        hadoop__located_block_proto__init(l);
        hadoop__extended_block_proto__init(b);
        hadoop__token_proto__init(token);
        b->poolid = nn->pool;
        b->blockid = what->block;
        b->generationstamp = what->stamp;
        b->has_numbytes = 1;
        b->numbytes = what->length;
        token->kind = (char *)(uintptr_t)TOKEN_KIND;
        token->service = (char *)(uintptr_t)"";
        l->b = b;
        l->offset = what->offset;
        l->corrupt = what->corrupt;
        l->blocktoken = token;
        locations = gather_nodes(nn, what, kind, nodes, &n);
        if (!add_locations(d, nodes, locations, kind, l) ||
            !add_token(d, nn, what, user, kind, nodes, n, token))
                return NULL;
        return l;
}
