/* ClientProtocol: what is in directories. */
#include <string.h>

#include "namenode/serve/file_status.h"
#include "namenode/serve/handlers.h"
#include "proto/exception.h"
#include "proto/hadoop_namenode.pb-c.h"

struct listing {
        struct reading *g;
        ProtobufCMessageUnknownField *entries; /* status_encode() */
        unsigned n, room;
        char last[NAME_BYTES_MAX]; /* the name of the last one */
        size_t last_n;
        uint32_t remaining;
        bool locations;
        size_t blocks;
        bool no_memory;
};

static bool listing_room(struct listing *l)
{
        unsigned room = l->room == 0 ? 16 : 2 * l->room;
        ProtobufCMessageUnknownField *more;

        if (l->n < l->room)
                return true;
        more = describe_alloc(&l->g->d, room * sizeof(*more));
        if (more == NULL)
                return false;
        if (l->n > 0)
                memcpy(more, l->entries, l->n * sizeof(*more));
        l->entries = more;
        l->room = room;
        return true;
}

static bool listing_take(void *nn, const struct ns_status *s)
{
        struct listing *l = nn;
        Hadoop__LocatedBlocksProto *located = NULL;

        l->no_memory = !listing_room(l) ||
                       (l->locations && !serve_locations(l->g, s, &located, &l->blocks)) ||
                       !status_encode(&l->g->d, s, located, &l->entries[l->n]);
        if (!l->no_memory)
                l->n++;
        memcpy(l->last, s->name, s->name_n);
        l->last_n = s->name_n;
        return !l->no_memory && l->blocks < LISTING_PAGE_MAX;
}

/* At most LISTING_PAGE_MAX entries, and about as many blocks when locations are asked for. */
static enum bdfs_status listing(struct reading *g, const struct path *path,
                                const ProtobufCBinaryData *after, bool locations,
                                struct listing *ret, bool *ret_exists, struct bdfs_err *err)
{
        const struct ns_taker taker = {listing_take, ret};
        enum bdfs_status rc;

        *ret = (struct listing){.g = g, .locations = locations};
        rc = ns_list(g->t, &g->who.ns, path, after->data, after->len, &taker, LISTING_PAGE_MAX,
                     &ret->remaining, ret_exists, err);
        if (rc == BDFS_OK && ret->no_memory)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a listing");
        return rc;
}

void serve_get_listing(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetListingRequestProto *q = (const void *)call->request;
        Hadoop__GetListingResponseProto r = HADOOP__GET_LISTING_RESPONSE_PROTO__INIT;
        Hadoop__DirectoryListingProto d = HADOOP__DIRECTORY_LISTING_PROTO__INIT;
        struct listing l;
        struct reading g;
        struct bdfs_err err;
        enum bdfs_status rc;
        bool exists;

        if (!reading_begin(&g, nn, call, q->src))
                return;
        rc = listing(&g, &g.path, &q->startafter, q->needlocation, &l, &exists, &err);
        if (rc == BDFS_OK && exists) {
                d.base.unknown_fields = l.entries;
                d.base.n_unknown_fields = l.n;
                d.remainingentries = l.remaining;
                r.dirlist = &d;
        }
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

static bool batch_cookie(struct describe *d, uint32_t path, const char *name, size_t n,
                         ProtobufCBinaryData *ret)
{
        ret->len = 4 + n;
        ret->data = describe_alloc(d, ret->len);
        if (ret->data == NULL)
                return false;
        put_u32be(ret->data, path);
        memcpy(ret->data + 4, name, n);
        return true;
}

/* One directory of a batch; what fails for it alone is told in its place. */
static Hadoop__BatchedDirectoryListingProto *batch_one(struct reading *g, const char *src,
                                                       uint32_t index,
                                                       const ProtobufCBinaryData *after,
                                                       bool locations, struct listing *ret)
{
        Hadoop__BatchedDirectoryListingProto *b = describe_alloc(&g->d, sizeof(*b));
        Hadoop__RemoteExceptionProto *x = describe_alloc(&g->d, sizeof(*x));
        struct bdfs_err err;
        struct path path;
        struct buf room;
        enum bdfs_status rc;
        bool exists;

        *ret = (struct listing){0};
        if (b == NULL || x == NULL)
                return NULL;
        hadoop__batched_directory_listing_proto__init(b);
        hadoop__remote_exception_proto__init(x);
        b->parentidx = index;
        buf_init(&room, 0);
        rc = path_check(src, strlen(src), PATH_READ, false, &room, &path, NULL, &err);
        if (rc == BDFS_OK)
                rc = listing(g, &path, after, locations, ret, &exists, &err);
        if (rc == BDFS_OK && !exists)
                rc = bdfs_fail(&err, BDFS_NOT_FOUND, "Directory %s does not exist", src);
        if (rc != BDFS_OK) {
                x->classname = (char *)(uintptr_t)exception_class(rc);
                x->message = describe_text(&g->d, err.text);
                b->exception = x;
                *ret = (struct listing){0};
        }
        b->base.unknown_fields = ret->entries;
        b->base.n_unknown_fields = ret->n;
        buf_fini(&room);
        return b;
}

void serve_get_batched_listing(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__GetBatchedListingRequestProto *q = (const void *)call->request;
        Hadoop__GetBatchedListingResponseProto r = HADOOP__GET_BATCHED_LISTING_RESPONSE_PROTO__INIT;
        struct batch_position at = batch_position(&q->startafter);
        struct bdfs_err err;
        struct listing l = {0};
        struct reading g;
        size_t entries = 0;
        bool more = false;

        if (!reading_begin(&g, nn, call, NULL))
                return;
        r.listings = describe_alloc(&g.d, (q->n_paths + 1) * sizeof(*r.listings));
        while (r.listings != NULL && at.path < q->n_paths && entries < LISTING_PAGE_MAX && !more) {
                Hadoop__BatchedDirectoryListingProto *b =
                        batch_one(&g, q->paths[at.path], at.path, &at.after, q->needlocation, &l);

                if (b == NULL) {
                        r.listings = NULL;
                        break;
                }
                r.listings[r.n_listings++] = b;
                entries += l.n;
                more = l.remaining > 0;
                if (!more)
                        at.path++;
                at.after = (ProtobufCBinaryData){0};
        }
        r.hasmore = more || at.path < q->n_paths;
        if (r.listings == NULL ||
            !batch_cookie(&g.d, at.path, l.last, more ? l.last_n : 0, &r.startafter))
                reading_end(&g, BDFS_OK, NULL, &err);
        else
                reading_end(&g, BDFS_OK, &r.base, &err);
}
