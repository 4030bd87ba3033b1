#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "datanode/disk/replica_inside.h"

#define OPEN_FLAGS (OS_READ | OS_WRITE | OS_IN_ORDER)

/* Sealed, and the seal's sync is known to have been over. */
static bool is_sure(const struct replica_state *s)
{
        return s->state == REPLICA_FILE_FINALIZED && s->synced == s->length;
}

static struct replica *replica_new(void)
{
        struct replica *r = calloc(1, sizeof(*r));

        if (r == NULL)
                return NULL;
        os_mutex_init(&r->lock);
        os_cond_init(&r->changed);
        r->page_synced = 1;
        return r;
}

enum bdfs_status replica_close(struct replica *r, struct bdfs_err *err)
{
        enum bdfs_status rc;

        if (r == NULL)
                return BDFS_OK;
        BDFS_ASSERT(!r->busy);
        rc = os_file_close(r->file, err);
        os_cond_fini(&r->changed);
        os_mutex_fini(&r->lock);
        free(r);
        return rc;
}

enum bdfs_status replica_create(struct replica **ret, const char *path, const struct replica_id *id,
                                enum crc_type type, struct bdfs_err *err)
{
        struct replica *r = replica_new();
        uint8_t pages[2 * REPLICA_PAGE_BYTES] = {0};
        enum bdfs_status rc;

        BDFS_ASSERT(type == CRC_CRC32 || type == CRC_CRC32C);
        if (r == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "create %s: out of memory", path);
        r->state = (struct replica_state){.block = id->block,
                                          .stamp = id->stamp,
                                          .state = REPLICA_FILE_RECEIVING,
                                          .type = type,
                                          .sequence = 1};
        r->block = id->block;
        memcpy(r->state.cluster, id->cluster, sizeof(id->cluster));
        replica_state_encode(&r->state, pages);
        rc = os_file_open(&r->file, path, OPEN_FLAGS | OS_CREATE | OS_EXCLUSIVE, err);
        if (rc == BDFS_OK) {
                /* both pages, so that the second one cannot meet a full disk later */
                rc = os_file_write(r->file, 0, pages, sizeof(pages), err);
                if (rc != BDFS_OK && os_unlink(path, NULL) != BDFS_OK)
                        (void)bdfs_wrap(err, "an empty file is left behind");
        }
        if (rc != BDFS_OK) {
                (void)replica_close(r, NULL); /* nothing of it is promised */
                return rc;
        }
        *ret = r;
        return BDFS_OK;
}

static enum bdfs_status read_state(struct replica *r, const struct replica_id *id,
                                   struct bdfs_err *err)
{
        uint8_t pages[2 * REPLICA_PAGE_BYTES];
        size_t got = 0;
        unsigned page;
        enum bdfs_status rc = os_file_read(r->file, 0, pages, sizeof(pages), &got, err);

        if (rc != BDFS_OK)
                return rc;
        if (got < sizeof(pages))
                return bdfs_fail(err, BDFS_CORRUPT, "only %zu bytes long", got);
        rc = replica_state_choose(pages, &r->state, &page, err);
        if (rc != BDFS_OK)
                return rc;
        if (r->state.block != id->block)
                return bdfs_fail(err, BDFS_CORRUPT, "it is block %" PRIu64, r->state.block);
        if (memcmp(r->state.cluster, id->cluster, sizeof(id->cluster)) != 0)
                return bdfs_fail(err, BDFS_CORRUPT, "it belongs to another cluster");
        r->block = id->block;
        r->page_synced = page; /* as far as anybody knows: the next one goes over the other */
        return BDFS_OK;
}

enum bdfs_status replica_open(struct replica **ret, const char *path, const struct replica_id *id,
                              struct bdfs_err *err)
{
        struct replica *r = replica_new();
        struct os_stat st;
        enum bdfs_status rc;

        if (r == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "open %s: out of memory", path);
        rc = os_file_open(&r->file, path, OPEN_FLAGS, err);
        if (rc == BDFS_OK)
                rc = read_state(r, id, err);
        if (rc == BDFS_OK)
                rc = os_file_stat(r->file, &st, err);
        if (rc == BDFS_OK && is_sure(&r->state) && st.bytes < replica_file_bytes(r->state.length))
                rc = bdfs_fail(err, BDFS_CORRUPT, "it is cut short at %" PRIu64 " bytes", st.bytes);
        if (rc != BDFS_OK) {
                (void)replica_close(r, NULL); /* nothing was written */
                return bdfs_wrap(err, "replica %s", path);
        }
        if (is_sure(&r->state))
                r->visible = r->state.length;
        *ret = r;
        return BDFS_OK;
}

void replica_look(struct replica *r, struct replica_view *ret)
{
        AUTO_LOCK(&r->lock);

        *ret = (struct replica_view){
                .block = r->state.block,
                .stamp = r->state.stamp,
                .length = r->state.length,
                .visible = r->visible,
                .state = r->state.state,
                .type = r->state.type,
                .sure = is_sure(&r->state),
                .tail = r->state.tail,
        };
}

void replica_show(struct replica *r, uint64_t length)
{
        AUTO_LOCK(&r->lock);

        BDFS_ASSERT(length <= r->state.length);
        if (length <= r->visible)
                return;
        r->visible = length;
        os_cond_broadcast(&r->changed);
}

bool replica_wait(struct replica *r, uint64_t length, int64_t deadline_ms)
{
        AUTO_LOCK(&r->lock);

        while (r->visible < length && r->busy)
                if (!os_cond_wait(&r->changed, &r->lock, deadline_ms))
                        break;
        return r->visible >= length;
}

bool replica_wait_idle(struct replica *r, int64_t deadline_ms)
{
        AUTO_LOCK(&r->lock);

        while (r->busy)
                if (!os_cond_wait(&r->changed, &r->lock, deadline_ms))
                        break;
        return !r->busy;
}

enum bdfs_status replica_seize(struct replica *r, struct bdfs_err *err)
{
        AUTO_LOCK(&r->lock);

        if (r->busy)
                return bdfs_fail(err, BDFS_LIMIT, "block %" PRIu64 " has a writer already",
                                 r->state.block);
        if (r->failed)
                return bdfs_fail(err, BDFS_FAILED, "block %" PRIu64 ": an earlier sync failed",
                                 r->state.block);
        r->busy = true;
        return BDFS_OK;
}

void replica_yield(struct replica *r)
{
        AUTO_LOCK(&r->lock);

        BDFS_ASSERT(r->busy);
        r->busy = false;
        os_cond_broadcast(&r->changed);
}

/* Pages of a failed sync may be gone though they read well: nothing of the file is to be trusted to
 * this process any more, whatever the reason was (a full disk can be one). */
static enum bdfs_status sync_file(struct replica *r, struct bdfs_err *err)
{
        enum bdfs_status rc = os_file_sync(r->file, err);
        AUTO_LOCK(&r->lock);

        if (rc == BDFS_OK)
                return BDFS_OK;
        r->failed = true;
        err->status = BDFS_IO;
        return BDFS_IO;
}

static void publish(struct replica *r, const struct replica_state *s, bool synced, unsigned page)
{
        AUTO_LOCK(&r->lock);

        r->state = *s;
        if (synced) {
                r->page_synced = page;
                r->state.synced = s->length;
        }
        if (s->state == REPLICA_FILE_FINALIZED || r->visible > s->length)
                r->visible = s->length; /* shorter: bytes were lost, or the namenode cut it */
        os_cond_broadcast(&r->changed);
}

enum bdfs_status replica_put_state(struct replica *r, const struct replica_state *next, bool sync,
                                   struct bdfs_err *err)
{
        struct replica_state s = *next;
        unsigned page = r->page_synced ^ 1;
        uint8_t bytes[REPLICA_PAGE_BYTES];
        struct bdfs_err why;
        enum bdfs_status rc;

        BDFS_ASSERT(r->busy);
        if (err == NULL)
                err = &why;
        if (r->failed)
                return bdfs_fail(err, BDFS_FAILED, "block %" PRIu64 ": an earlier sync failed",
                                 s.block);
        s.sequence = r->state.sequence + 1;
        s.synced = r->state.synced < s.length ? r->state.synced : s.length;
        replica_state_encode(&s, bytes);
        rc = os_file_write(r->file, (uint64_t)page * REPLICA_PAGE_BYTES, bytes, sizeof(bytes), err);
        if (rc == BDFS_OK && sync)
                rc = sync_file(r, err);
        if (rc != BDFS_OK)
                return rc;
        publish(r, &s, sync, page);
        return BDFS_OK;
}

/* The page that was synced cannot say so itself. One more page, not waited for, does; if a power
 * cut takes it, the replica is verified when it is loaded. */
enum bdfs_status replica_put_sealed(struct replica *r, const struct replica_state *next,
                                    struct bdfs_err *err)
{
        enum bdfs_status rc;
        bool known = r->state.synced == next->length;

        BDFS_ASSERT(next->state == REPLICA_FILE_FINALIZED);
        rc = replica_put_state(r, next, true, err);
        if (rc != BDFS_OK || known)
                return rc;
        return replica_put_state(r, &r->state, false, err);
}
