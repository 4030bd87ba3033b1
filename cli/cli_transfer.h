/*
 * cli_transfer.h - operands to a destination, by the rules that put, get, cp and mv share.
 *
 * Several operands need an existing directory. One operand goes into an existing directory, else
 * to the very name, whose parent must exist. Directories go with all that is below them.
 *
 * Threads: the main thread walks, a pool copies.
 */
#pragma once

#include "cli/cli_copy.h"

struct cli_transfer {
        struct cli_copy copy;
        struct cli_item dst;
        unsigned threads;
        bool move;              /* remove what was copied (moveFromLocal, moveToLocal) */
};

/* The last operand, or "." when there is only one; patterns must match one name. */
enum bdfs_status cli_transfer_remote_dst(struct cli *cli, int *argc, char **argv,
                                         struct cli_item *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* May these @n operands go to @dst at all? */
enum bdfs_status cli_transfer_check(const struct cli_item *dst, size_t n, bool overwrite,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
/* Where @src ends up under the top-level @dst. */
enum bdfs_status cli_transfer_target(const struct cli_item *dst, const struct cli_item *src,
                                     struct cli_item *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* A directory must not go into itself. */
enum bdfs_status cli_transfer_check_nesting(const struct cli_item *src,
                                            const struct cli_item *target, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* All of it; frees t->dst. Returns the exit code. */
int cli_transfer_run(struct cli_transfer *t, struct cli_items *sources);
