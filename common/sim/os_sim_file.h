/*
 * os_sim_file.h - open files of the simulator, for passing them over Unix sockets.
 *
 * Owner:   an os_file holds a reference to its inode; sim_file_drop() frees both.
 */
#pragma once

#include "common/sim/os_sim_disk.h"

/* NULL: no memory. */
struct os_file *sim_file_of(struct disk_inode *inode, struct sim_node *node, unsigned flags,
                            const char *name);
struct os_file *sim_file_dup(const struct os_file *f);
void sim_file_drop(struct os_file *f);
