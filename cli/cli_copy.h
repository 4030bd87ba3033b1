/*
 * cli_copy.h - one file to one name, whole or not at all.
 *
 * The bytes go to a temporary name beside the target (NAME._COPYING_ in a cluster, as FsShell has
 * it), which is closed (in a cluster: durable) and then renamed over the target in one step. After
 * a failure or an interruption the temporary is removed.
 *
 * Owner, threads: copies of different files may run in different threads.
 */
#pragma once

#include "cli/cli_item.h"
#include "cli/cli_progress.h"

enum cli_preserve { PRESERVE_TIMES = 1, PRESERVE_OWNER = 2, PRESERVE_MODE = 4 };

struct cli_copy {
        struct cli *cli;
        bool overwrite;
        bool direct;             /* no temporary: straight to the name */
        bool lazy;               /* one replica, which a datanode may keep in memory */
        bool write_sums;         /* get -crc: .NAME.crc beside a local file */
        unsigned preserve;
        struct cli_progress *progress;
};

/* @to tells whether it existed when the command began. */
enum bdfs_status cli_copy_file(const struct cli_copy *c, const struct cli_item *from,
                               const struct cli_item *to, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Standard input. */
enum bdfs_status cli_copy_stdin(const struct cli_copy *c, const struct cli_item *to,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
/* Times, owner and mode of @from for @to, which exists. */
enum bdfs_status cli_copy_attributes(const struct cli_copy *c, const struct cli_item *from,
                                     const struct cli_item *to, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- parts, for commands that join files ----------------------------------------------------- */

struct cli_source {
        struct bdfs_file *file;  /* or */
        int fd;
        const char *name;
};
enum bdfs_status cli_source_open(struct cli_source *s, const struct cli_item *from,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
/* 0 in *ret at the end. */
enum bdfs_status cli_source_read(struct cli_source *s, void *to, size_t n, size_t *ret,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
void cli_source_close(struct cli_source *s);

struct cli_target {
        const struct cli_copy *copy;
        const struct cli_item *item;
        struct bdfs_file *file;  /* or */
        int fd;
        char *temporary;         /* NULL: straight to the name */
        char *own;               /* the same by its inode, when it is in a cluster */
        unsigned handle;         /* of cli_interrupt.h */
        bool guarded;            /* it has one */
        struct cli_sums *sums;
};
enum bdfs_status cli_target_open(struct cli_target *t, const struct cli_copy *c,
                                 const struct cli_item *to, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status cli_target_write(struct cli_target *t, const void *from, size_t n,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
/* Gives it its name. */
enum bdfs_status cli_target_close(struct cli_target *t, struct bdfs_err *err) BDFS_MUST_CHECK;
void cli_target_abandon(struct cli_target *t);
/* All of @s into @t. */
enum bdfs_status cli_pump(const struct cli_copy *c, struct cli_source *s, struct cli_target *t,
                          struct bdfs_err *err) BDFS_MUST_CHECK;
#define CLI_PUMP_BYTES (1u << 20)
