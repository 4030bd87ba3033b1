/*
 * block_checksum.h - BLOCK_CHECKSUM: MD5 over a block's CRCs, or one CRC composed of them, on the
 * grid that readers of the same token see.
 */
#pragma once

#include "datanode/transfer/data_server.h"
#include "proto/hadoop_data_transfer.pb-c.h"

/* True when another operation may follow on the connection. */
bool block_checksum(struct data_conn *c, const Hadoop__OpBlockChecksumProto *op);
