/*
 * cli_property.h - Hadoop's properties, as -D NAME=VALUE and -conf FILE give them.
 *
 * One that bdfs knows is honoured; one that asks for what bdfs does not do (a security that is not
 * there, checksums of another kind) is refused; so is a wrong value. One that only tunes Hadoop's
 * own client or concerns MapReduce changes nothing and is accepted. Any other is refused by name
 * when it was typed, since whoever types it expects something of it, and skipped when a file has
 * it, since such files are for all programs of a cluster.
 *
 * Owner:   what properties point at lives as long as the program.
 * Threads: the main thread's, before the verb begins.
 */
#pragma once

#include "cli/cli.h"

/* "NAME=VALUE". USAGE: refused, with the text. */
enum bdfs_status cli_property_typed(struct cli *cli, const char *text, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* A file of Hadoop's (XML), or one of bdfs's: then as --conf. */
enum bdfs_status cli_property_file(struct cli *cli, const char *path, struct bdfs_err *err)
        BDFS_MUST_CHECK;
