/*
 * cmd_mount.h - bdfs mount DIR, bdfs umount DIR.
 *
 * mount runs bdfs-mount, which lies beside this program, in its place: its exit code is the
 * command's. umount ends only mounts of bdfs, and returns when their daemon has ended.
 */
#pragma once

#include "cli/cli.h"

int cmd_mount(struct cli *cli, int argc, char **argv);
int cmd_umount(struct cli *cli, int argc, char **argv);
