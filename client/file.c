#include "client/file.h"

#include <stdlib.h>
#include <string.h>

struct bdfs_file *file_new(struct bdfs *fs, const char *path)
{
        struct bdfs_file *f = calloc(1, sizeof(*f));

        if (f == NULL)
                return NULL;
        f->fs = fs;
        f->path = strdup(path);
        if (f->path == NULL) {
                free(f);
                return NULL;
        }
        return f;
}

void file_free(struct bdfs_file *f)
{
        if (f == NULL)
                return;
        free(f->path);
        free(f);
}

static enum bdfs_status file_close(struct bdfs_file *f, const struct bdfs_attributes *with,
                                   struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (f->writer != NULL) {
                rc = writer_close(f->writer, with, err);
                if (rc != BDFS_OK)
                        rc = bdfs_wrap(err, "close `%s'", f->path);
        } else {
                reader_close(f->reader);
        }
        file_free(f);
        return rc;
}

enum bdfs_status bdfs_close(struct bdfs_file *f, struct bdfs_err *err)
{
        return file_close(f, NULL, err);
}

enum bdfs_status bdfs_close_as(struct bdfs_file *f, const struct bdfs_attributes *with,
                               struct bdfs_err *err)
{
        BDFS_ASSERT(f->writer != NULL);
        if (f->fs->hadoop)
                return bdfs_fail(err, BDFS_UNSUPPORTED, "`%s': attributes together with the end",
                                 f->path);
        return file_close(f, with, err);
}

void bdfs_abandon(struct bdfs_file *f)
{
        if (f == NULL)
                return;
        if (f->writer != NULL)
                writer_abandon(f->writer);
        else
                reader_close(f->reader);
        file_free(f);
}
