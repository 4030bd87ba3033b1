/*
 * orders.h - carries out what a namenode orders in its answers to heartbeats.
 *
 * One thread does deletions, stops, seals and verifications in the order they came; copies have
 * threads of their own, at most ORDERS_COPIES_MAX at once, the others wait.
 *
 * Owner:   namenode_link.c. Orders are the messages, freed when done.
 * Threads: orders_add() from the link's thread.
 */
#pragma once

#include "common/err.h"
#include "proto/bdfs_cluster.pb-c.h"

enum { ORDERS_COPIES_MAX = 4, ORDERS_WAITING_MAX = 1024 };

struct datanode;
struct orders;

enum bdfs_status orders_start(struct orders **ret, struct datanode *dn, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Takes the message; drops it when too many wait (the namenode orders again). */
void orders_add(struct orders *o, Bdfs__HeartbeatResponse *m);
/* What waits is dropped; what is being done ends first. NULL is fine. */
void orders_stop(struct orders *o);
