/*
 * namenode_inside.h - what namenode_link.c (registration, heartbeats, the thread) and
 * namenode_report.c (changes, full reports) share; nobody else includes it.
 */
#pragma once

#include "datanode/link/datanode_parts.h"
#include "datanode/link/namenode_link.h"
#include "datanode/link/orders.h"
#include "net/rpc_client.h"

enum { CHANGES_MAX = 2000 }; /* in one report */

#define CALL_MS 10000

struct namenode_link {
        struct datanode *dn;
        char name[80];
        struct rpc_client *client;
        struct orders *orders;
        struct os_thread *thread;
        struct report_change *changes; /* whoever sends */

        struct os_mutex lock;
        struct os_cond changed;
        /* guarded by: lock */
        bool registered, connected, sending, full_wanted, stop;
        uint32_t number;
        uint64_t epoch;
        uint64_t next;    /* number of the first change that it has not applied */
        uint64_t durable; /* changes below need not be sent again */
        int64_t log_ms;   /* when trouble may be logged again */
};

static inline struct report_log *namenode_log(struct namenode_link *l)
{
        return dataset_log(l->dn->dataset);
}

/* A call failed: the namenode counts as gone until a heartbeat succeeds. Logged now and then. */
void namenode_trouble(struct namenode_link *l, const char *what, const struct bdfs_err *err);
/* *ret is a pointer to the response, which message_free() frees. */
enum bdfs_status namenode_call(struct namenode_link *l, enum method_id method,
                               const ProtobufCMessage *request, void *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* Have the changes below @next applied; see namenode_link.h on who sends. */
bool namenode_report(struct namenode_link *l, uint64_t next, int64_t deadline_ms);
bool namenode_full_report(struct namenode_link *l);
