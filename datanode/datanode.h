/*
 * datanode.h - one datanode as a library: main.c starts one from a configuration file, tests and
 * the simulator start several in one process.
 *
 * Owner:   struct datanode owns all of its parts. @conf is borrowed and must outlive it.
 * Threads: start and stop from one thread.
 * Errors:  INVALID for settings and for directories of another cluster; what sockets and files say.
 */
#pragma once

#include "datanode/link/datanode_parts.h"

extern const struct conf_key datanode_conf_table[];
extern const size_t datanode_conf_table_n;

struct datanode;

/* When it returns, the node serves; its namenodes hear of it within moments. */
enum bdfs_status datanode_start(struct datanode **ret, const struct datanode_conf *conf,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
void datanode_stop(struct datanode *dn); /* frees; NULL is fine */

void datanode_ports(const struct datanode *dn, struct datanode_ports *ret);
/* True when every namenode knows this node; waits until then or the deadline. */
bool datanode_wait_registered(struct datanode *dn, int64_t deadline_ms);
