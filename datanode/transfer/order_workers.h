/*
 * order_workers.h - carries out what a namenode ordered (link/orders.h).
 *
 * One thread does deletions, stops, seals and verifications in the order they came; copies have
 * threads of their own, ORDER_WORKERS_COPIES_MAX, the others wait.
 *
 * Owner:   struct datanode, one for each link.
 * Threads: start and stop from one thread.
 */
#pragma once

#include "common/err.h"

enum { ORDER_WORKERS_COPIES_MAX = 4 };

struct datanode;
struct orders;
struct order_workers;

enum bdfs_status order_workers_start(struct order_workers **ret, struct datanode *dn,
                                     struct orders *orders, struct bdfs_err *err) BDFS_MUST_CHECK;
/* What is being done ends first. The links must be there still. NULL is fine. */
void order_workers_stop(struct order_workers *w);
