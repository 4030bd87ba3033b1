/*
 * cmd.h - one function for each verb; usage and meaning are in cli_verbs.c.
 *
 * Each takes the verb and what was typed after it and returns the program's exit code.
 */
#pragma once

#include "cli/cli_item.h"

#define CMD_MAP(X)                                                                       \
        X(admin) X(append) X(cat) X(checksum) X(chgrp) X(chmod) X(chown) X(concat)       \
        X(count) X(cp) X(df) X(doctor) X(du) X(dus) X(expunge) X(find) X(fsck) X(get)    \
        X(getmerge) X(head) X(info) X(ls) X(lsr) X(mkdir) X(moveFromLocal)               \
        X(moveToLocal) X(mv) X(put) X(rm) X(rmdir) X(rmr) X(setrep) X(stat) X(tail)      \
        X(test) X(text) X(touch) X(touchz) X(truncate)
#define X(name) int cmd_##name(struct cli *cli, int argc, char **argv);
CMD_MAP(X)
#undef X

/* The files named by operands alone, on standard output. */
int cmd_show(struct cli *cli, int argc, char **argv);
