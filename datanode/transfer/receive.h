/*
 * receive.h - WRITE_BLOCK: take a block from a client or another datanode, pass it on, seal it.
 *
 * Packets come in batches (what the socket had); for each batch, in this order: every checksum is
 * verified; the bytes go to the next node; they go to the disk (hsync: and are synced; last packet:
 * the replica is sealed, and reported to the namenodes); the packets are acknowledged.
 *
 * Served: PIPELINE_SETUP_CREATE (with a client name: acks; without: plain replication, no answer),
 * TRANSFER_RBW and TRANSFER_FINALIZED as receiver (one answer at the end). The stages that go on
 * with an existing replica are refused.
 */
#pragma once

#include "datanode/transfer/data_server.h"
#include "proto/hadoop_data_transfer.pb-c.h"

/* True: it ended well, and another operation may follow on the connection. */
bool receive_block(struct data_conn *c, const Hadoop__OpWriteBlockProto *op);
