#include "exec/records/segment_file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)512 * 1024)

struct segment_out {
        char path[PATH_MAX];
        struct os_file *file;
        struct segment_writer writer;
        uint8_t *buffer;
        size_t buffer_n;
        uint64_t at;          /* of the buffer in the file */
        uint8_t *index;       /* SEGMENT_INDEX_BYTES for each partition */
        uint32_t partitions, done; /* entries that are made */
        bool open, finished;
};

static enum bdfs_status flush(struct segment_out *o, struct bdfs_err *err)
{
        if (o->buffer_n > 0 &&
            os_file_write(o->file, o->at, o->buffer, o->buffer_n, err) != BDFS_OK)
                return bdfs_wrap(err, "%s", o->path);
        o->at += o->buffer_n;
        o->buffer_n = 0;
        return BDFS_OK;
}

static enum bdfs_status take_frame(void *arg, const void *bytes, size_t n, struct bdfs_err *err)
{
        struct segment_out *o = arg;

        if (n > BUFFER_BYTES - o->buffer_n && flush(o, err) != BDFS_OK)
                return err->status;
        memcpy(o->buffer + o->buffer_n, bytes, n);
        o->buffer_n += n;
        return BDFS_OK;
}

enum bdfs_status segment_out_new(struct segment_out **ret, const char *path, uint32_t partitions,
                                 struct bdfs_err *err)
{
        struct segment_out *o = calloc(1, sizeof(*o));

        if (o == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a file of segments");
        (void)snprintf(o->path, sizeof(o->path), "%s", path);
        o->partitions = partitions;
        o->buffer = malloc(BUFFER_BYTES);
        o->index = malloc((size_t)partitions * SEGMENT_INDEX_BYTES);
        if (o->buffer == NULL || o->index == NULL)
                (void)bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a file of segments");
        else if (segment_writer_init(&o->writer, take_frame, o, err) == BDFS_OK &&
                 os_file_open(&o->file, path, OS_WRITE | OS_CREATE | OS_TRUNCATE, err) == BDFS_OK) {
                *ret = o;
                return BDFS_OK;
        }
        segment_out_free(o);
        return err->status;
}

static void index_path(const char *path, char ret[PATH_MAX + 8])
{
        (void)snprintf(ret, PATH_MAX + 8, "%s.index", path);
}

void segment_file_remove(const char *path)
{
        char index[PATH_MAX + 8];

        index_path(path, index);
        BDFS_IGNORE(os_unlink(path, NULL)); /* what is not there is removed */
        BDFS_IGNORE(os_unlink(index, NULL));
}

void segment_out_free(struct segment_out *o)
{
        if (o == NULL)
                return;
        (void)os_file_close(o->file, NULL); /* finish() looked at what counts */
        if (!o->finished)
                segment_file_remove(o->path);
        segment_writer_fini(&o->writer);
        free(o->buffer);
        free(o->index);
        free(o);
}

/* Ends the open segment and makes empty ones before @partition. */
static enum bdfs_status entries_until(struct segment_out *o, uint32_t partition,
                                      struct bdfs_err *err)
{
        struct segment_entry none = {.offset = 0};

        if (o->open) {
                if (segment_end(&o->writer, err) != BDFS_OK)
                        return err->status;
                segment_entry_encode(&o->writer.entry, o->done,
                                     o->index + (size_t)o->done * SEGMENT_INDEX_BYTES);
                o->done++;
                o->open = false;
        }
        for (; o->done < partition; o->done++)
                segment_entry_encode(&none, o->done,
                                     o->index + (size_t)o->done * SEGMENT_INDEX_BYTES);
        return BDFS_OK;
}

enum bdfs_status segment_out_begin(struct segment_out *o, uint32_t partition, struct bdfs_err *err)
{
        if (entries_until(o, partition, err) != BDFS_OK)
                return err->status;
        BDFS_ASSERT(o->done == partition && partition < o->partitions);
        segment_begin(&o->writer);
        o->writer.entry.offset = o->at + o->buffer_n;
        o->open = true;
        return BDFS_OK;
}

enum bdfs_status segment_out_add(struct segment_out *o, const struct segment_run *run,
                                 struct bdfs_err *err)
{
        return segment_add(&o->writer, run, err);
}

enum bdfs_status segment_out_finish(struct segment_out *o, uint64_t *ret_bytes,
                                    struct bdfs_err *err)
{
        struct os_file *f = o->file;
        char path[PATH_MAX + 8];

        if (entries_until(o, o->partitions, err) != BDFS_OK || flush(o, err) != BDFS_OK)
                return err->status;
        o->file = NULL;
        if (os_file_close(f, err) != BDFS_OK)
                return bdfs_wrap(err, "%s", o->path);
        index_path(o->path, path);
        if (os_file_open(&o->file, path, OS_WRITE | OS_CREATE | OS_TRUNCATE, err) != BDFS_OK ||
            os_file_write(o->file, 0, o->index, (size_t)o->partitions * SEGMENT_INDEX_BYTES, err) !=
                    BDFS_OK)
                return bdfs_wrap(err, "%s", path);
        f = o->file;
        o->file = NULL;
        if (os_file_close(f, err) != BDFS_OK)
                return bdfs_wrap(err, "%s", path);
        o->finished = true;
        *ret_bytes = o->at;
        return BDFS_OK;
}

/* ---- reading ------------------------------------------------------------------------------ */

enum bdfs_status segment_in_open(struct segment_in *ret, const char *path, struct bdfs_err *err)
{
        char index[PATH_MAX + 8];

        *ret = (struct segment_in){.data = NULL};
        index_path(path, index);
        if (os_file_open(&ret->data, path, OS_READ, err) == BDFS_OK &&
            os_file_open(&ret->index, index, OS_READ, err) == BDFS_OK)
                return BDFS_OK;
        segment_in_close(ret);
        return err->status;
}

void segment_in_close(struct segment_in *in)
{
        (void)os_file_close(in->data, NULL); /* only read */
        (void)os_file_close(in->index, NULL);
        *in = (struct segment_in){.data = NULL};
}

enum bdfs_status segment_in_entry(struct segment_in *in, uint32_t partition,
                                  struct segment_entry *ret, struct bdfs_err *err)
{
        uint8_t bytes[SEGMENT_INDEX_BYTES];
        size_t n;

        if (os_file_read(in->index, (uint64_t)partition * SEGMENT_INDEX_BYTES, bytes, sizeof(bytes),
                         &n, err) != BDFS_OK)
                return err->status;
        if (n != sizeof(bytes))
                return bdfs_fail(err, BDFS_CORRUPT, "an index has no entry for partition %u",
                                 partition);
        return segment_entry_decode(bytes, partition, ret, err);
}

enum bdfs_status segment_in_read(struct segment_in *in, const struct segment_entry *e,
                                 uint64_t offset, uint8_t *to, size_t n, size_t *ret,
                                 struct bdfs_err *err)
{
        BDFS_ASSERT(offset < e->stored);
        if (n > e->stored - offset)
                n = (size_t)(e->stored - offset);
        if (os_file_read(in->data, e->offset + offset, to, n, ret, err) != BDFS_OK)
                return err->status;
        return *ret > 0 ? BDFS_OK : bdfs_fail(err, BDFS_CORRUPT, "a file of segments is too short");
}
