/*
 * send.h - READ_BLOCK: a range of a replica (or of a hole), with checksums.
 *
 * The client's offset 0 is the token's base, and its checksum grid begins there. Every byte is
 * compared with its stored checksum before it leaves; where the grids agree the stored checksums
 * go along, else fresh ones are computed. Never a byte outside of the token's range, nor one that
 * is not visible; bytes of a replica that is being written are waited for, READ_WAIT_MS.
 */
#pragma once

#include "datanode/transfer/data_server.h"
#include "proto/hadoop_data_transfer.pb-c.h"

#define READ_WAIT_MS 3000

/* True when another operation may follow on the connection. */
bool send_block(struct data_conn *c, const Hadoop__OpReadBlockProto *op);
/* Pass a descriptor of the replica's file; Unix socket only (proto/replica_format.h). */
bool send_file(struct data_conn *c, const Hadoop__OpReadBlockProto *op);
