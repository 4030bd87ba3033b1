/*
 * cluster_dir.h - the files in a cluster's directory, such that nobody else's are taken for them.
 *
 * A directory is trusted when it is the caller's, nobody else may write to it, and nobody else can
 * put another in its place. What is in it may stem from a time when others could write to it: files
 * are opened without following links, and must be plain files of the directory's owner under one
 * name; directories are looked at; files that are written anew are made anew and renamed.
 *
 * Paths are absolute and without links, as cluster_dir_find() gives them.
 *
 * Threads: any; nothing is kept.
 * Errors:  PERMISSION for what is not trusted, with whose it is and what to do; by errno.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/err.h"

/* @dir, made when @make and it is not there, without links. */
enum bdfs_status cluster_dir_find(const char *dir, bool make, char ret[PATH_MAX],
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
/* It is the caller's alone, and so is the way to it. */
enum bdfs_status cluster_dir_trust(const char *full, struct bdfs_err *err) BDFS_MUST_CHECK;
/* A directory in it: made with @mode, or found to be the caller's alone. */
enum bdfs_status cluster_dir_make(const char *full, mode_t mode, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* A plain file that belongs to @owner, with the flags of open(). NOT_FOUND. */
enum bdfs_status cluster_file_open(const char *path, int flags, uid_t owner, int *ret,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* Write it anew: it is there as a whole, or as it was. */
struct cluster_file {
        FILE *to;
        char path[PATH_MAX], made[PATH_MAX];
};
enum bdfs_status cluster_file_begin(struct cluster_file *f, const char *path, mode_t mode,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status cluster_file_finish(struct cluster_file *f, struct bdfs_err *err)
        BDFS_MUST_CHECK;
