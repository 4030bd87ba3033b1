/*
 * blocks_env.h - the second environment: what datanodes said, which can be lost (DESIGN D4).
 *
 * It is never synced and belongs to one cluster: tables of another are thrown away. Writers are
 * combined: blocks_env_write() queues a piece of work, and whichever thread finds nobody writing
 * does all that wait in one transaction. A piece of work may be done more than once (when another
 * in its transaction failed); it must leave no mark outside the transaction. committed() is called
 * once, in the order of the transactions.
 *
 * Owner:   the caller; a transaction belongs to one thread.
 * Threads: any.
 * Errors:  those of store.h. After CORRUPT the caller wipes. A commit that fails ends the process
 *          (rule P1).
 */
#pragma once

#include "namenode/blocks/replicas.h"

struct blocks_env;

enum bdfs_status blocks_env_open(struct blocks_env **ret, const char *dir,
                                 const uint8_t cluster[16], struct bdfs_err *err) BDFS_MUST_CHECK;
void blocks_env_close(struct blocks_env *e);   /* NULL is fine */
void blocks_env_abandon(struct blocks_env *e); /* as a crash would; for tests */
/* Waits until no transaction is open, then starts empty. Not from within a transaction. */
enum bdfs_status blocks_env_wipe(struct blocks_env *e, struct bdfs_err *err) BDFS_MUST_CHECK;

/* For reading. */
enum bdfs_status blocks_env_begin(struct blocks_env *e, struct replicas_txn *ret,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
void blocks_env_end(struct blocks_env *e, struct replicas_txn *t);

struct blocks_env_work {
        enum bdfs_status (*work)(struct replicas_txn *t, void *arg, struct bdfs_err *err);
        void (*committed)(void *arg); /* may be NULL */
        void *arg;
        /* blocks_env.c's own */
        struct blocks_env_work *next;
        enum bdfs_status status;
        bool done;
        struct bdfs_err *err;
};
/* Done and committed when it returns OK. */
enum bdfs_status blocks_env_write(struct blocks_env *e, struct blocks_env_work *work,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
