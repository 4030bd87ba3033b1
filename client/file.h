/* file.h - inside of libbdfs: what is behind a struct bdfs_file. */
#pragma once

#include "client/fs.h"

struct file_reader;
struct file_writer;

struct bdfs_file {
        struct bdfs *fs;
        char *path;
        struct file_reader *reader; /* exactly one of the two */
        struct file_writer *writer;
};

struct bdfs_file *file_new(struct bdfs *fs, const char *path);
void file_free(struct bdfs_file *f); /* reader and writer are gone already */

/* @with NULL: nothing is set beside the end. */
enum bdfs_status writer_close(struct file_writer *w, const struct bdfs_attributes *with,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
void writer_abandon(struct file_writer *w);
void reader_close(struct file_reader *r);
