#include "exec/agent/sink.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST ((size_t)1 << 20)
#define ROOM_LEAST ((size_t)1 << 16)

void sink_to_collect(struct sink *s, struct collect *c)
{
        *s = (struct sink){.collect = c};
}

void sink_to_file(struct sink *s, struct bdfs *fs, const char *path)
{
        *s = (struct sink){.fs = fs, .path = path};
}

enum bdfs_status sink_room(struct sink *s, uint8_t **ret, size_t *ret_n, struct bdfs_err *err)
{
        if (s->room - s->n < ROOM_LEAST || s->buffer == NULL) {
                size_t room = s->room == 0 ? ROOM_FIRST : 2 * s->room;
                uint8_t *more = s->n > SEGMENT_RECORD_MAX ? NULL : realloc(s->buffer, room);

                if (s->n > SEGMENT_RECORD_MAX)
                        return bdfs_fail(err, BDFS_LIMIT, "a line of more than %llu MiB, after "
                                         "record %llu of the task's output: what is sorted for "
                                         "reducers has to be cut into shorter lines",
                                         SEGMENT_RECORD_MAX / MIB,
                                         (unsigned long long)s->count.records);
                if (more == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a line of %zu bytes",
                                         s->n);
                s->buffer = more;
                s->room = room;
        }
        *ret = s->buffer + s->n;
        *ret_n = s->room - s->n;
        return BDFS_OK;
}

/* Lines in the buffer, of which the last @fresh bytes are new. */
static enum bdfs_status take_lines(struct sink *s, size_t fresh, struct bdfs_err *err)
{
        const uint8_t *at = s->buffer, *end = s->buffer + s->n;
        const uint8_t *seen = end - fresh; /* no line ends before it */
        const uint8_t *lf;

        while (seen < end && (lf = memchr(seen, '\n', (size_t)(end - seen))) != NULL) {
                if (collect_line(s->collect, at, (size_t)(lf - at), err) != BDFS_OK)
                        return err->status;
                at = seen = lf + 1;
        }
        s->n = (size_t)(end - at);
        memmove(s->buffer, at, s->n);
        return BDFS_OK;
}

static enum bdfs_status open_file(struct sink *s, struct bdfs_err *err)
{
        struct bdfs_create options = {.no_parents = true, .overwrite = true,
                                      .first_block = true};

        if (s->file != NULL)
                return BDFS_OK;
        if (bdfs_create(s->fs, s->path, &options, &s->file, err) != BDFS_OK)
                return bdfs_wrap(err, "%s", s->path);
        return BDFS_OK;
}

enum bdfs_status sink_took(struct sink *s, size_t n, struct bdfs_err *err)
{
        record_count(&s->count, s->buffer + s->n, n);
        s->bytes += n;
        if (s->collect != NULL) {
                s->n += n;
                return take_lines(s, n, err);
        }
        if (open_file(s, err) != BDFS_OK || bdfs_write(s->file, s->buffer, n, err) != BDFS_OK)
                return err->status;
        return BDFS_OK;
}

enum bdfs_status sink_finish(struct sink *s, struct bdfs_err *err)
{
        bool open = record_count_end(&s->count);
        struct bdfs_file *f;

        if (s->collect != NULL)
                return open ? collect_line(s->collect, s->buffer, s->n, err) : BDFS_OK;
        if (open_file(s, err) != BDFS_OK)
                return err->status;
        f = s->file;
        s->file = NULL;
        if (bdfs_close(f, err) != BDFS_OK)
                return bdfs_wrap(err, "%s", s->path);
        return BDFS_OK;
}

void sink_fini(struct sink *s)
{
        struct bdfs_err err;

        if (s->file != NULL) {
                bdfs_abandon(s->file);
                /* the driver removes what is left, with everything around it */
                BDFS_IGNORE(bdfs_delete(s->fs, s->path, false, &err));
        }
        free(s->buffer);
        *s = (struct sink){.buffer = NULL};
}
