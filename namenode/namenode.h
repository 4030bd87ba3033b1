/*
 * namenode.h - one namenode as a library: namenode_main.c starts one from a configuration file;
 * tests and the simulator start several in one process.
 */
#pragma once

#include "namenode/serve/namenode_parts.h"

extern const struct conf_key namenode_conf_table[];
extern const size_t namenode_conf_table_n;

enum bdfs_status namenode_start(struct namenode **ret, const struct namenode_conf *conf,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
uint16_t namenode_port(const struct namenode *nn, enum rpc_listener_kind kind);
void namenode_stop(struct namenode *nn); /* frees; NULL is fine */
