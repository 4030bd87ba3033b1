#include "client/locate.h"

#include <stdlib.h>
#include <string.h>

bool located_addr(const Hadoop__DatanodeIDProto *id, struct os_addr *ret)
{
        if (strlen(id->ipaddr) >= sizeof(ret->host) || id->xferport == 0 || id->xferport > 65535)
                return false;
        (void)snprintf(ret->host, sizeof(ret->host), "%s", id->ipaddr);
        ret->port = (uint16_t)id->xferport;
        return true;
}

void file_map_fini(struct file_map *m)
{
        message_free(m->answer);
        *m = (struct file_map){0};
}

/* ---- a block that is being written ----------------------------------------------------------- */

static enum bdfs_status ask_length(struct bdfs *fs, const Hadoop__DatanodeIDProto *id,
                                   const Hadoop__LocatedBlockProto *last, uint64_t *ret,
                                   struct bdfs_err *err)
{
        Hadoop__GetReplicaVisibleLengthRequestProto q =
                HADOOP__GET_REPLICA_VISIBLE_LENGTH_REQUEST_PROTO__INIT;
        struct os_addr addr = {.port = (uint16_t)id->ipcport};
        struct rpc_client *c;
        ProtobufCMessage *m;
        enum bdfs_status rc;

        if (id->ipcport == 0)
                return bdfs_fail(err, BDFS_UNAVAILABLE, "datanode %s has no IPC port", id->ipaddr);
        (void)snprintf(addr.host, sizeof(addr.host), "%s", id->ipaddr);
        if (rpc_client_new(&c, &addr, fs->user, err) != BDFS_OK)
                return err->status;
        rpc_client_expect(c, fs->owner);
        q.block = last->b;
        if (!fs->hadoop) /* Hadoop knows no token there */
                q.token = last->blocktoken;
        rc = rpc_client_call(c, method_of(METHOD_DATANODE_getReplicaVisibleLength), &q.base, &m,
                             os_mono_ms() + 5000, err);
        if (rc == BDFS_OK) {
                *ret = ((Hadoop__GetReplicaVisibleLengthResponseProto *)m)->length;
                message_free(m);
        }
        rpc_client_free(c);
        return rc;
}

/* Any replica will do: none shows less than what another reader was shown. */
static enum bdfs_status visible_length(struct bdfs *fs, const Hadoop__LocatedBlockProto *last,
                                       uint64_t *ret, struct bdfs_err *err)
{
        size_t absent = 0;

        if (last->n_locs == 0) {
                *ret = last->b->numbytes;
                return BDFS_OK;
        }
        for (size_t i = 0; i < last->n_locs; i++) {
                enum bdfs_status rc = ask_length(fs, last->locs[i]->id, last, ret, err);

                if (rc == BDFS_OK)
                        return rc;
                absent += rc == BDFS_REPLICA_NOT_FOUND;
        }
        if (absent == last->n_locs) { /* offered, but no byte has reached a datanode */
                *ret = 0;
                return BDFS_OK;
        }
        return bdfs_wrap(err, "the length of the block that is being written cannot be learned");
}

/* ---- locating -------------------------------------------------------------------------------- */

enum bdfs_status locate_only(struct bdfs *fs, const char *path, uint64_t offset, uint64_t length,
                             struct file_map *ret, struct bdfs_err *err)
{
        Hadoop__GetBlockLocationsRequestProto q = HADOOP__GET_BLOCK_LOCATIONS_REQUEST_PROTO__INIT;
        const Hadoop__GetBlockLocationsResponseProto *r;
        struct file_map m = {0};

        q.src = (char *)(uintptr_t)path;
        q.offset = offset;
        q.length = length > INT64_MAX ? INT64_MAX : length;
        if (fs_call_path(fs, METHOD_CLIENT_getBlockLocations, &q.base, &q.src, &m.answer, err) !=
            BDFS_OK)
                return err->status;
        r = (const Hadoop__GetBlockLocationsResponseProto *)m.answer;
        if (r->locations == NULL) {
                file_map_fini(&m);
                return bdfs_fail(err, BDFS_NOT_FOUND, "`%s': No such file or directory", path);
        }
        m.blocks = r->locations;
        m.inode = r->has_bdfsinode ? r->bdfsinode : 0;
        m.length = m.blocks->filelength;
        *ret = m;
        return BDFS_OK;
}

enum bdfs_status locate(struct bdfs *fs, const char *path, uint64_t offset, uint64_t length,
                        struct file_map *ret, struct bdfs_err *err)
{
        const Hadoop__LocatedBlockProto *last;

        if (locate_only(fs, path, offset, length, ret, err) != BDFS_OK)
                return err->status;
        last = file_map_open_block(ret);
        if (last == NULL)
                return BDFS_OK;
        if (visible_length(fs, last, &ret->open_bytes, err) != BDFS_OK) {
                file_map_fini(ret);
                return err->status;
        }
        ret->length = last->offset + ret->open_bytes;
        return BDFS_OK;
}

const Hadoop__LocatedBlockProto *file_map_open_block(const struct file_map *m)
{
        const Hadoop__LocatedBlocksProto *l = m->blocks;

        return l->underconstruction && !l->islastblockcomplete ? l->lastblock : NULL;
}

const Hadoop__LocatedBlockProto *file_map_find(const struct file_map *m, uint64_t offset,
                                               uint64_t *ret_bytes)
{
        const Hadoop__LocatedBlocksProto *l = m->blocks;
        const Hadoop__LocatedBlockProto *last = file_map_open_block(m);
        size_t low = 0, high = l->n_blocks;

        if (last != NULL && offset >= last->offset && offset - last->offset < m->open_bytes) {
                *ret_bytes = m->open_bytes;
                return last;
        }
        while (low < high) { /* the last block that begins at or before @offset */
                size_t middle = low + (high - low) / 2;

                if (l->blocks[middle]->offset <= offset)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == 0 || offset - l->blocks[low - 1]->offset >= l->blocks[low - 1]->b->numbytes)
                return NULL;
        *ret_bytes = l->blocks[low - 1]->b->numbytes;
        return l->blocks[low - 1];
}

/* ---- for people and schedulers --------------------------------------------------------------- */

static bool take_location(const Hadoop__LocatedBlockProto *b, struct bdfs_location *ret)
{
        *ret = (struct bdfs_location){
                .offset = b->offset,
                .length = b->b->numbytes,
                .block = b->b->blockid,
                .stamp = b->b->generationstamp,
                .corrupt = b->corrupt,
        };
        ret->hosts = calloc(b->n_locs + 1, sizeof(*ret->hosts));
        if (ret->hosts == NULL)
                return false;
        for (size_t i = 0; i < b->n_locs; i++) {
                const Hadoop__DatanodeInfoProto *d = b->locs[i];

                (void)snprintf(ret->hosts[i].name, sizeof(ret->hosts[i].name), "%s:%u",
                               d->id->ipaddr, d->id->xferport);
                (void)snprintf(ret->hosts[i].host, sizeof(ret->hosts[i].host), "%s",
                               d->id->hostname);
                (void)snprintf(ret->hosts[i].rack, sizeof(ret->hosts[i].rack), "%s",
                               d->location == NULL ? "" : d->location);
        }
        ret->hosts_n = b->n_locs;
        return true;
}

enum bdfs_status bdfs_locations(struct bdfs *fs, const char *path, uint64_t offset,
                                uint64_t length, struct bdfs_location **ret, size_t *ret_n,
                                struct bdfs_err *err)
{
        struct bdfs_location *list;
        struct file_map m;
        size_t n = 0;

        if (locate(fs, path, offset, length, &m, err) != BDFS_OK)
                return err->status;
        list = calloc(m.blocks->n_blocks + 1, sizeof(*list));
        while (list != NULL && n < m.blocks->n_blocks &&
               take_location(m.blocks->blocks[n], &list[n]))
                n++;
        if (list == NULL || n < m.blocks->n_blocks) {
                bdfs_locations_free(list, n);
                list = NULL;
        }
        file_map_fini(&m);
        if (list == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for locations");
        *ret = list;
        *ret_n = n;
        return BDFS_OK;
}

void bdfs_locations_free(struct bdfs_location *l, size_t n)
{
        for (size_t i = 0; l != NULL && i < n; i++)
                free(l[i].hosts);
        free(l);
}

/* ---- what is wrong with one ------------------------------------------------------------------ */

void locate_report_corrupt(struct bdfs *fs, const Hadoop__LocatedBlockProto *b, size_t at)
{
        Hadoop__ReportBadBlocksRequestProto q = HADOOP__REPORT_BAD_BLOCKS_REQUEST_PROTO__INIT;
        Hadoop__LocatedBlockProto one = *b, *list = &one;
        struct bdfs_err err;

        one.locs = &b->locs[at];
        one.n_locs = 1;
        one.n_storageids = one.n_storagetypes = one.n_iscached = 0;
        if (at < b->n_storageids) {
                one.storageids = &b->storageids[at];
                one.storagetypes = &b->storagetypes[at];
                one.n_storageids = 1;
                one.n_storagetypes = b->n_storagetypes > at ? 1 : 0;
        }
        q.blocks = &list;
        q.n_blocks = 1;
        /* it was read elsewhere or not at all; either way the reader is told separately */
        BDFS_IGNORE(fs_call_only(fs, METHOD_CLIENT_reportBadBlocks, &q.base, &err));
}
