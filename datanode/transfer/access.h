/*
 * access.h - whether a data operation may be done: the token, and who shows it. Every operation on
 * blocks goes through here.
 *
 * Threads: any.
 * Errors:  TOKEN, with the reason.
 */
#pragma once

#include "datanode/transfer/data_server.h"
#include "net/token.h"
#include "proto/hadoop_data_transfer.pb-c.h"

/* Whether @rights to the header's block are given to the peer; *ret is the token. */
enum bdfs_status access_check(const struct data_conn *c, const Hadoop__BaseHeaderProto *header,
                              unsigned rights, struct token *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The same for whoever is at @peer, with a token from elsewhere than a header. */
enum bdfs_status access_check_token(struct datanode *dn, const struct os_peer *peer,
                                    const Hadoop__TokenProto *shown, uint64_t block,
                                    unsigned rights, struct bdfs_err *err) BDFS_MUST_CHECK;
