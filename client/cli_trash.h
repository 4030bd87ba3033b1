/*
 * cli_trash.h - what rm does where the cluster keeps a trash: a rename below
 * /user/NAME/.Trash/Current, as FsShell does it.
 *
 * Threads: the main thread.
 */
#pragma once

#include "client/cli_item.h"

/* *ret_moved false: there is no trash, or @it is in it: delete it. */
enum bdfs_status cli_trash(struct cli *cli, const struct cli_item *it, bool *ret_moved,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
