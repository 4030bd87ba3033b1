#include "fuse/reader.h"

#include <stdlib.h>

struct source { /* one opening of the file; everything guarded by the reader's lock */
        struct bdfs_file *file;
        unsigned refs;
        uint64_t length, generation;
        uint64_t next;   /* where the next read in sequence will begin */
        bool sequence;   /* the last read was one */
        bool busy;       /* somebody reads the stream */
};

void reader_init(struct reader *r)
{
        os_mutex_init(&r->lock);
        os_cond_init(&r->turn);
        r->source = NULL;
}

/* ---- sources --------------------------------------------------------------------------------- */

static void source_free(struct source *s)
{
        struct bdfs_err err;

        if (s == NULL)
                return;
        BDFS_IGNORE(bdfs_close(s->file, &err)); /* a file that was only read */
        free(s);
}

static void source_put(struct reader *r, struct source *s)
{
        bool last;

        os_mutex_lock(&r->lock);
        last = --s->refs == 0;
        os_mutex_unlock(&r->lock);
        if (last)
                source_free(s);
}

void reader_fini(struct reader *r)
{
        source_free(r->source);
        os_cond_fini(&r->turn);
        os_mutex_fini(&r->lock);
}

static enum bdfs_status source_open(struct bdfs *fs, const char *path, uint64_t generation,
                                    struct source **ret, struct bdfs_err *err)
{
        struct source *s = calloc(1, sizeof(*s));

        if (s == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (bdfs_open(fs, path, &s->file, err) != BDFS_OK) {
                free(s);
                return err->status;
        }
        s->refs = 1; /* the reader's own */
        s->length = bdfs_length(s->file);
        s->generation = generation;
        *ret = s;
        return BDFS_OK;
}

/* The reader's source from now on; the old one goes with its last user. */
static void replace(struct reader *r, struct source *s)
{
        struct source *old;

        os_mutex_lock(&r->lock);
        old = r->source;
        r->source = s;
        os_mutex_unlock(&r->lock);
        if (old != NULL)
                source_put(r, old);
}

enum bdfs_status reader_open(struct reader *r, struct bdfs *fs, const char *path,
                             uint64_t generation, uint64_t *ret_version, struct bdfs_err *err)
{
        struct source *s;

        if (source_open(fs, path, generation, &s, err) != BDFS_OK)
                return err->status;
        *ret_version = bdfs_version(s->file);
        replace(r, s);
        return BDFS_OK;
}

void reader_is_of(struct reader *r, uint64_t generation)
{
        AUTO_LOCK(&r->lock);

        r->source->generation = generation;
}

static struct source *take(struct reader *r)
{
        AUTO_LOCK(&r->lock);

        if (r->source != NULL)
                r->source->refs++;
        return r->source;
}

/* Does the source know all that is asked of it? */
static bool is_good(const struct source *s, const struct reader_want *w)
{
        if (s == NULL || s->generation < w->generation)
                return false;
        return w->offset + w->n <= s->length || w->told <= s->length;
}

static enum bdfs_status take_good(struct reader *r, const struct reader_want *w,
                                  struct source **ret, struct bdfs_err *err)
{
        struct source *s = take(r), *newer;
        enum bdfs_status rc = BDFS_OK;

        *ret = NULL;
        if (is_good(s, w)) {
                *ret = s;
                return BDFS_OK;
        }
        if (source_open(w->fs, w->path, w->generation, &newer, err) != BDFS_OK) {
                /* deleted, or no longer the opener's to read: it goes on with what it opened */
                if (s != NULL &&
                    (err->status == BDFS_NOT_FOUND || err->status == BDFS_PERMISSION))
                        *ret = s;
                else
                        rc = err->status;
        } else {
                newer->refs++;
                replace(r, newer);
                *ret = newer;
        }
        if (s != NULL && *ret != s)
                source_put(r, s);
        return rc;
}

/* ---- taking turns at the stream -------------------------------------------------------------- */

/* Is it this read's turn at the stream? Waits when it will be soon. */
static bool take_turn(struct reader *r, struct source *s, uint64_t offset, size_t n)
{
        int64_t now = os_mono_ms();
        AUTO_LOCK(&r->lock);

        for (;;) {
                bool next = offset == s->next && offset > 0;
                bool soon = s->sequence && offset > s->next &&
                            offset - s->next <= READER_AHEAD_BYTES;
                int64_t deadline = now + (next ? READER_TURN_MS : READER_GAP_MS);

                if (next && !s->busy) {
                        s->sequence = s->busy = true;
                        s->next = offset + n;
                        return true;
                }
                if ((!next && !soon) || os_mono_ms() >= deadline) {
                        s->sequence = next;
                        s->next = offset + n; /* the next one may be in sequence */
                        return false;
                }
                (void)os_cond_wait(&r->turn, &r->lock, deadline);
        }
}

static void end_turn(struct reader *r, struct source *s)
{
        AUTO_LOCK(&r->lock);

        s->busy = false;
        os_cond_broadcast(&r->turn);
}

static enum bdfs_status read_source(struct reader *r, const struct reader_want *w, void *to,
                                    size_t *ret, struct bdfs_err *err)
{
        enum bdfs_status rc;
        struct source *s = NULL;

        *ret = 0;
        if (take_good(r, w, &s, err) != BDFS_OK)
                return err->status;
        if (take_turn(r, s, w->offset, w->n)) {
                bdfs_seek(s->file, w->offset);
                rc = bdfs_read(s->file, to, w->n, ret, err);
                end_turn(r, s);
        } else {
                rc = bdfs_pread(s->file, w->offset, to, w->n, ret, err);
        }
        source_put(r, s);
        return rc;
}

enum bdfs_status reader_read(struct reader *r, const struct reader_want *w, void *to, size_t *ret,
                             struct bdfs_err *err)
{
        enum bdfs_status rc = read_source(r, w, to, ret, err);
        struct bdfs_err ignored;
        struct source *s;

        if (rc != BDFS_REPLACED)
                return rc;
        /* cut or written anew since it was opened, and its old bytes are freed: as it is now */
        if (source_open(w->fs, w->path, w->generation, &s, &ignored) != BDFS_OK)
                return err->status;
        replace(r, s);
        return read_source(r, w, to, ret, err);
}
