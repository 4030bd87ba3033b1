/*
 * cli_trash.h - what rm does where there is a trash, and expunge: as Hadoop's TrashPolicyDefault.
 *
 * What is removed moves to /user/NAME/.Trash/Current, with its whole path below that. A checkpoint
 * is Current under the name of a time (yyMMddHHmmss); one older than what is kept is deleted, by
 * the namenode or by expunge. How long that is says the server; where it has no trash,
 * -D fs.trash.interval does.
 *
 * Threads: the main thread.
 */
#pragma once

#include "cli/cli_item.h"

/* *ret_moved false: there is no trash, or @it is in it: delete it. */
enum bdfs_status cli_trash(struct cli *cli, const struct cli_item *it, bool *ret_moved,
                           struct bdfs_err *err) BDFS_MUST_CHECK;

/* The caller's own trash of @fs: old checkpoints go and Current becomes one; with @now all goes. */
enum bdfs_status cli_trash_expunge(struct cli *cli, struct bdfs *fs, bool now,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
