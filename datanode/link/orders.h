/*
 * orders.h - what a namenode ordered in its answers to heartbeats and is not done yet: a bounded
 * queue between the link, which adds, and those who carry it out (transfer/order_workers.h).
 *
 * A batch is one message, shared by who does its deletions and the like and by those who make its
 * copies; whoever holds it lets it go with orders_drop().
 *
 * Owner:   the link. The messages are the queue's, freed when nobody holds them.
 * Threads: any; one lock inside. orders_next() and orders_next_copy() wait.
 */
#pragma once

#include "common/err.h"
#include "proto/bdfs_cluster.pb-c.h"

enum { ORDERS_WAITING_MAX = 1024 };

struct orders;
struct order_batch;

struct orders *orders_new(void); /* NULL: no memory */
void orders_free(struct orders *o); /* what waits is dropped; NULL is fine */
/* Takes the message; drops it when too many wait (the namenode orders again). */
void orders_add(struct orders *o, Bdfs__HeartbeatResponse *m);
/* Nothing is added or given out from now on. */
void orders_stop(struct orders *o);

/* The next batch, in the order they came; its copies wait from then on. NULL: stopped. */
struct order_batch *orders_next(struct orders *o);
const Bdfs__HeartbeatResponse *orders_message(const struct order_batch *b);
/* The next copy of any batch; *@ret_batch is held. NULL: stopped. */
const Bdfs__CopyCommand *orders_next_copy(struct orders *o, struct order_batch **ret_batch);
void orders_drop(struct orders *o, struct order_batch *b);
