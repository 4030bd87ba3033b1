#include "client/held.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define BY_INODE "/.reserved/.inodes/"
#define ASK_BYTES (sizeof(BY_INODE) + 20)
#define OPEN_TRIES 8      /* a name whose file is replaced again and again */
#define OPEN_BY_NAME 3    /* from this try on by name: the server may know no inodes */
#define RENEW_AGAIN_MS 60000

struct held {
        struct bdfs *fs;
        char *path;              /* as it was opened, for texts */
        char *ask;               /* what the namenode is asked for */
        uint64_t inode;
        bool by_name;            /* ask is a name, not the inode */
        uint64_t length;
        bool open;
        atomic_bool gone;        /* the namenode has no such file any more */
        struct os_mutex lock;
        struct held_page **pages; /* guarded by: lock; the array itself is constant */
        size_t n;
        int64_t renew_not_before_ms; /* guarded by: lock */
};

/* ---- pages ----------------------------------------------------------------------------------- */

static void page_free(struct held_page *p)
{
        if (p == NULL)
                return;
        for (size_t i = 0; i < p->kept_n; i++)
                message_free(p->kept[i]);
        free(p->kept);
        free(p->pieces);
        message_free(p->answer);
        free(p);
}

/* With room for @n pieces; takes the answer over when there is memory. */
static struct held_page *page_new(struct file_map *m, size_t n)
{
        struct held_page *p = calloc(1, sizeof(*p));

        if (p == NULL)
                return NULL;
        p->pieces = calloc(n + 1, sizeof(*p->pieces));
        if (p->pieces == NULL) {
                page_free(p);
                return NULL;
        }
        p->answer = TAKE_PTR(m->answer);
        p->asked_ms = os_mono_ms();
        p->refs = 1;
        return p;
}

/* The pieces of an answer that begin in [@from, @to). */
static struct held_page *page_of(struct file_map *m, uint64_t from, uint64_t to)
{
        const Hadoop__LocatedBlocksProto *l = m->blocks;
        const Hadoop__LocatedBlockProto *last = file_map_open_block(m);
        struct held_page *p = page_new(m, l->n_blocks + 1);

        if (p == NULL)
                return NULL;
        for (size_t i = 0; i < l->n_blocks; i++) {
                const Hadoop__LocatedBlockProto *b = l->blocks[i];

                if (b->offset < from || b->offset >= to || b->b->numbytes == 0 ||
                    (last != NULL && b->offset >= last->offset))
                        continue;
                p->pieces[p->n++] = (struct held_piece){b->offset, b->b->numbytes, b, false};
        }
        if (last != NULL && m->open_bytes > 0 && last->offset >= from && last->offset < to)
                p->pieces[p->n++] = (struct held_piece){last->offset, m->open_bytes, last, false};
        return p;
}

const struct held_piece *held_find(const struct held_page *p, uint64_t offset)
{
        size_t low = 0, high = p->n;

        while (low < high) { /* the last piece that begins at or before @offset */
                size_t middle = low + (high - low) / 2;

                if (p->pieces[middle].offset <= offset)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == 0 || offset - p->pieces[low - 1].offset >= p->pieces[low - 1].bytes)
                return NULL;
        return &p->pieces[low - 1];
}

/* ---- what a newer answer says of a page ------------------------------------------------------ */

static bool is_same(const struct held_piece *was, const Hadoop__LocatedBlockProto *b)
{
        return b->offset == was->offset && b->b->blockid == was->block->b->blockid;
}

/* The block of @was in a newer answer; NULL: the file has it no more, or less of it. */
static const Hadoop__LocatedBlockProto *find_again(const struct file_map *m,
                                                   const struct held_piece *was)
{
        const Hadoop__LocatedBlocksProto *l = m->blocks;
        const Hadoop__LocatedBlockProto *last = file_map_open_block(m);
        size_t low = 0, high = l->n_blocks;

        if (last != NULL && is_same(was, last))
                return last; /* who writes it does not take away what was shown */
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (l->blocks[middle]->offset < was->offset)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < l->n_blocks && l->blocks[low]->offset == was->offset; low++) {
                if (is_same(was, l->blocks[low]) && l->blocks[low]->b->numbytes >= was->bytes)
                        return l->blocks[low];
        }
        return NULL;
}

/* A block of a page that ends, for the page that follows it. */
static const Hadoop__LocatedBlockProto *keep(struct held_page *p,
                                             const Hadoop__LocatedBlockProto *b)
{
        struct buf packed;
        struct bdfs_err err;
        Hadoop__LocatedBlockProto *copy = NULL;

        buf_init(&packed, 0);
        message_pack(&packed, &b->base);
        if (!packed.bad)
                copy = message_unpack(&hadoop__located_block_proto__descriptor, packed.data,
                                      packed.n, &err);
        buf_fini(&packed);
        if (copy != NULL)
                p->kept[p->kept_n++] = copy;
        return copy;
}

/* The same pieces with what @m says of them; takes the answer over. */
static struct held_page *page_again(const struct held_page *was, struct file_map *m)
{
        const struct file_map told = *m;
        struct held_page *p = page_new(m, was->n);

        if (p == NULL)
                return NULL;
        p->kept = calloc(was->n + 1, sizeof(struct held_piece *));
        for (size_t i = 0; p->kept != NULL && i < was->n; i++) {
                struct held_piece *piece = &p->pieces[i];

                *piece = was->pieces[i];
                piece->block = find_again(&told, &was->pieces[i]);
                piece->lost = piece->block == NULL;
                if (piece->lost)
                        piece->block = keep(p, was->pieces[i].block);
                if (piece->block == NULL)
                        break;
                p->n++;
        }
        if (p->n == was->n)
                return p;
        page_free(p);
        return NULL;
}

/* ---- which file a name means ----------------------------------------------------------------- */

static void held_forget(struct held *h)
{
        for (size_t i = 0; i < h->n; i++)
                page_free(h->pages[i]);
        free(TAKE_PTR(h->pages));
        h->n = 0;
}

void held_close(struct held *h)
{
        if (h == NULL)
                return;
        held_forget(h);
        os_mutex_fini(&h->lock);
        free(h->ask);
        free(h->path);
        free(h);
}

static uint64_t inode_of(const char *path)
{
        uint64_t v = 0;

        if (strncmp(path, BY_INODE, sizeof(BY_INODE) - 1) != 0)
                return 0;
        for (path += sizeof(BY_INODE) - 1; *path >= '0' && *path <= '9' && v < INT64_MAX / 10;)
                v = 10 * v + (uint64_t)(*path++ - '0');
        return *path == '\0' ? v : 0;
}

/* From now on for the inode, or for @name. */
static enum bdfs_status ask_for(struct held *h, const char *name, struct bdfs_err *err)
{
        free(h->ask);
        h->by_name = name != NULL && inode_of(name) == 0;
        h->ask = name != NULL ? strdup(name) : malloc(ASK_BYTES);
        if (h->ask == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (name == NULL)
                (void)snprintf(h->ask, ASK_BYTES, BY_INODE "%" PRIu64, h->inode);
        return BDFS_OK;
}

/* Before the locations: whose they will be. Our own port tells it with them. */
static enum bdfs_status learn_inode(struct held *h, unsigned try, struct bdfs_err *err)
{
        struct bdfs_stat st;
        bool is_file;

        h->inode = inode_of(h->path);
        if (h->inode != 0 || !h->fs->hadoop)
                return ask_for(h, h->path, err);
        if (bdfs_stat(h->fs, h->path, &st, err) != BDFS_OK)
                return err->status;
        is_file = st.type == BDFS_TYPE_FILE;
        h->inode = is_file ? st.inode : 0; /* what is none is refused below */
        bdfs_stat_fini(&st);
        return ask_for(h, h->inode != 0 && try < OPEN_BY_NAME ? NULL : h->path, err);
}

/* Does the name that is asked for still mean this file? */
static enum bdfs_status check_name(struct held *h, struct bdfs_err *err)
{
        struct bdfs_stat st;
        bool same;

        if (!h->by_name || h->inode == 0)
                return BDFS_OK;
        if (bdfs_stat(h->fs, h->ask, &st, err) != BDFS_OK)
                return err->status;
        same = st.inode == h->inode;
        bdfs_stat_fini(&st);
        return same ? BDFS_OK : bdfs_fail(err, BDFS_NOT_FOUND, "`%s': another file", h->path);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* What must not change while a map comes in several pages. */
struct shape {
        uint64_t length, last, stamp;
        bool open;
};

static struct shape shape_of(const struct file_map *m)
{
        const Hadoop__LocatedBlocksProto *l = m->blocks;

        return (struct shape){
                .length = l->filelength,
                .open = l->underconstruction,
                .last = l->lastblock == NULL ? 0 : l->lastblock->b->blockid,
                .stamp = l->lastblock == NULL ? 0 : l->lastblock->b->generationstamp,
        };
}

static bool is_shape(const struct shape *a, const struct shape *b)
{
        return a->length == b->length && a->open == b->open && a->last == b->last &&
               a->stamp == b->stamp;
}

static enum bdfs_status add_page(struct held *h, struct file_map *m, uint64_t from,
                                 struct bdfs_err *err)
{
        struct held_page *p = page_of(m, from, from + HELD_PAGE_BYTES);

        if (p == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (p->n > 0)
                h->pages[h->n++] = p;
        else
                page_free(p); /* one piece, a hole, is longer than a page */
        return BDFS_OK;
}

/* The pages behind the first. RETRY: the file changed meanwhile. */
static enum bdfs_status fetch_rest(struct held *h, const struct shape *shape, uint64_t open_bytes,
                                   struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        for (uint64_t at = HELD_PAGE_BYTES; rc == BDFS_OK && at < h->length;
             at += HELD_PAGE_BYTES) {
                struct file_map m;
                struct shape now;

                if (locate_only(h->fs, h->ask, at, HELD_PAGE_BYTES, &m, err) != BDFS_OK)
                        return err->status;
                m.open_bytes = open_bytes;
                now = shape_of(&m);
                rc = is_shape(&now, shape) ? add_page(h, &m, at, err)
                                           : bdfs_fail(err, BDFS_RETRY, "`%s': it changes faster "
                                                       "than its blocks can be located", h->path);
                file_map_fini(&m);
        }
        return rc;
}

static enum bdfs_status fetch_all(struct held *h, unsigned try, struct bdfs_err *err)
{
        struct file_map m;
        struct shape shape;
        uint64_t open_bytes;
        enum bdfs_status rc = learn_inode(h, try, err);

        if (rc != BDFS_OK || locate(h->fs, h->ask, 0, HELD_PAGE_BYTES, &m, err) != BDFS_OK)
                return err->status;
        shape = shape_of(&m);
        open_bytes = m.open_bytes;
        h->length = m.length;
        h->open = m.blocks->underconstruction;
        if (h->inode == 0 && m.inode != 0) {
                h->inode = m.inode;
                rc = ask_for(h, NULL, err);
        }
        h->pages = calloc(m.length / HELD_PAGE_BYTES + 1, sizeof(struct held_page *));
        if (h->pages == NULL)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (rc == BDFS_OK)
                rc = add_page(h, &m, 0, err);
        file_map_fini(&m);
        if (rc == BDFS_OK)
                rc = fetch_rest(h, &shape, open_bytes, err);
        return rc == BDFS_OK ? check_name(h, err) : rc;
}

enum bdfs_status held_open(struct bdfs *fs, const char *path, struct held **ret,
                           struct bdfs_err *err)
{
        struct held *h = calloc(1, sizeof(*h));
        enum bdfs_status rc = BDFS_RETRY;

        BDFS_ASSERT(path != NULL);
        if (h == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        os_mutex_init(&h->lock);
        h->fs = fs;
        h->path = strdup(path);
        if (h->path == NULL)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        for (unsigned try = 0; rc == BDFS_RETRY && try < OPEN_TRIES; try++) {
                held_forget(h);
                rc = fetch_all(h, try, err);
                /* the name was found and its file was not: it has another one by now */
                if (rc == BDFS_NOT_FOUND && h->inode != 0 && inode_of(path) == 0)
                        rc = BDFS_RETRY;
        }
        if (rc != BDFS_OK) {
                held_close(h);
                return err->status;
        }
        *ret = h;
        return BDFS_OK;
}

uint64_t held_inode(const struct held *h)
{
        return h->inode;
}

uint64_t held_length(const struct held *h)
{
        return h->length;
}

bool held_is_open(const struct held *h)
{
        return h->open;
}

static uint64_t mix(uint64_t digest, uint64_t word)
{
        digest = (digest ^ word) * 0x9e3779b97f4a7c15u;
        return digest ^ digest >> 29;
}

uint64_t held_version(struct held *h)
{
        uint64_t digest = mix(h->inode, h->length);
        AUTO_LOCK(&h->lock);

        for (size_t i = 0; i < h->n; i++) {
                for (size_t j = 0; j < h->pages[i]->n; j++) {
                        const struct held_piece *p = &h->pages[i]->pieces[j];

                        digest = mix(digest, p->offset);
                        digest = mix(digest, p->block->b->blockid);
                        digest = mix(digest, p->block->b->generationstamp);
                        digest = mix(digest, p->bytes);
                }
        }
        return digest;
}

/* ---- pages for readers ----------------------------------------------------------------------- */

struct held_page *held_take(struct held *h, uint64_t offset)
{
        size_t low = 0, high = h->n;
        AUTO_LOCK(&h->lock);

        while (low < high) { /* the last page that begins at or before @offset */
                size_t middle = low + (high - low) / 2;

                if (h->pages[middle]->pieces[0].offset <= offset)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == 0 || held_find(h->pages[low - 1], offset) == NULL)
                return NULL;
        h->pages[low - 1]->refs++;
        return h->pages[low - 1];
}

void held_drop(struct held *h, struct held_page *p)
{
        bool last;

        if (p == NULL)
                return;
        os_mutex_lock(&h->lock);
        BDFS_ASSERT(p->refs > 0);
        last = --p->refs == 0;
        os_mutex_unlock(&h->lock);
        if (last)
                page_free(p);
}

/* ---- newer locations ------------------------------------------------------------------------- */

static enum bdfs_status ask_again(struct held *h, const struct held_page *was,
                                  struct held_page **ret, struct bdfs_err *err)
{
        const struct held_piece *first = &was->pieces[0], *last = &was->pieces[was->n - 1];
        struct file_map m;
        enum bdfs_status rc = locate_only(h->fs, h->ask, first->offset,
                                          last->offset + last->bytes - first->offset, &m, err);

        if (rc == BDFS_OK) {
                rc = check_name(h, err);
                *ret = rc == BDFS_OK ? page_again(was, &m) : NULL;
                file_map_fini(&m);
        }
        if (rc == BDFS_NOT_FOUND) {
                atomic_store(&h->gone, true);
                *ret = NULL;
                return BDFS_OK;
        }
        if (rc == BDFS_OK && *ret == NULL)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        return rc;
}

static size_t place_of(const struct held *h, const struct held_page *p)
{
        size_t i = 0;

        while (h->pages[i]->pieces[0].offset != p->pieces[0].offset)
                i++;
        return i;
}

static bool is_newest(struct held *h, const struct held_page *p)
{
        AUTO_LOCK(&h->lock);

        return h->pages[place_of(h, p)] == p;
}

/* Put @p (NULL: nothing) where *@page is, unless another thread did; *@page becomes what is
 * there. */
static void put_page(struct held *h, struct held_page *p, struct held_page **page)
{
        struct held_page *was = *page;
        size_t i;

        os_mutex_lock(&h->lock);
        i = place_of(h, was);
        if (p != NULL && h->pages[i] == was) {
                h->pages[i] = p;
                was->refs--; /* the table's; the caller has one */
                p = NULL;
        }
        *page = h->pages[i];
        (*page)->refs++;
        os_mutex_unlock(&h->lock);
        page_free(p);
        held_drop(h, was);
}

enum bdfs_status held_renew(struct held *h, struct held_page **page, struct bdfs_err *err)
{
        struct held_page *p = NULL;

        if (!atomic_load(&h->gone) && is_newest(h, *page) &&
            ask_again(h, *page, &p, err) != BDFS_OK)
                return err->status;
        put_page(h, p, page);
        return BDFS_OK;
}

void held_keep_fresh(struct held *h, struct held_page **page)
{
        int64_t now = os_mono_ms();
        struct bdfs_err err;
        bool wait;

        if (now - (*page)->asked_ms < HELD_RENEW_MS || h->fs->hadoop || atomic_load(&h->gone))
                return;
        os_mutex_lock(&h->lock);
        wait = now < h->renew_not_before_ms;
        if (!wait) /* one thread asks, and after a failure not all the time */
                h->renew_not_before_ms = now + RENEW_AGAIN_MS;
        os_mutex_unlock(&h->lock);
        if (!wait && held_renew(h, page, &err) == BDFS_OK) {
                AUTO_LOCK(&h->lock);

                h->renew_not_before_ms = 0;
        }
}

/* ---- what is lost ---------------------------------------------------------------------------- */

bool held_is_lost(struct held *h, const struct held_piece *piece, enum bdfs_status why)
{
        return (piece->lost || atomic_load(&h->gone)) &&
               (why == BDFS_REPLICA_NOT_FOUND || why == BDFS_REPLACED || why == BDFS_TOKEN);
}

enum bdfs_status held_explain(struct held *h, const struct held_piece *piece, struct bdfs_err *err)
{
        if (!piece->lost && !atomic_load(&h->gone))
                return err->status;
        err->status = BDFS_REPLACED;
        if (atomic_load(&h->gone))
                return bdfs_wrap(err, "`%s' was deleted or replaced while it was read", h->path);
        return bdfs_wrap(err, "`%s' was cut or rewritten while it was read", h->path);
}
