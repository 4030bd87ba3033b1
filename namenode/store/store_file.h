/*
 * store_file.h - the small files beside LMDB's: marks, checkpoints' names. Outside the os seam,
 * like LMDB itself (DESIGN D10): plain system calls, true files in the simulator too.
 *
 * Threads: any.
 * Errors:  by errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define STORE_PATH_BYTES 4096

/* @dir "/" @name into @ret; INVALID when it is too long. */
enum bdfs_status store_file_path(char ret[STORE_PATH_BYTES], const char *dir, const char *name,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
/* Make the directory when it is missing. */
enum bdfs_status store_file_mkdir(const char *dir, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status store_file_sync_dir(const char *dir, struct bdfs_err *err) BDFS_MUST_CHECK;
bool store_file_exists(const char *dir, const char *name);
/* At most @room bytes. */
enum bdfs_status store_file_get(const char *dir, const char *name, void *to, size_t room,
                                size_t *ret_n, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Replace the file as a whole, durably: temporary name, sync, rename, sync of the directory. */
enum bdfs_status store_file_put(const char *dir, const char *name, const void *from, size_t n,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
/* A missing file is fine. The directory is not synced. */
enum bdfs_status store_file_remove(const char *dir, const char *name, struct bdfs_err *err)
        BDFS_MUST_CHECK;
