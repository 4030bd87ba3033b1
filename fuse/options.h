/*
 * options.h - the command line of bdfs-mount.
 */
#pragma once

#include "client/bdfs.h"
#include "common/err.h"

#define OPTIONS_TIMEOUT_MS 30000

struct mount_options {
        struct bdfs_options connect;  /* conf absolute or NULL */
        char *conf, *mountpoint;      /* absolute; freed by options_fini() */
        const char *log;              /* file; NULL: none once in the background */
        const char *fuse;             /* what -o was given; NULL: nothing */
        bool foreground, verbose;
};

/* USAGE with what is wrong; *ret_help: help was asked for and has been printed. */
enum bdfs_status options_parse(int argc, char **argv, struct mount_options *ret, bool *ret_help,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
void options_fini(struct mount_options *o);
