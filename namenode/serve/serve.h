/*
 * serve.h - the services of the namenode: their tables of calls, and what handlers share.
 *
 * Each service has one table, [METHOD] = {handler, flags, words, subject}: serve_client.c has
 * ClientProtocol's, whose handlers are declared in handlers.h; the others stand below their
 * handlers. What a row's flags say is looked at before the handler runs. A handler decodes nothing
 * and checks nothing that apply.h or namespace.h check: it turns a request into a record or a read,
 * and a result into a response.
 */
#pragma once

#include "namenode/serve/describe.h"
#include "namenode/serve/mutation.h"
#include "namenode/serve/namenode_parts.h"
#include "namenode/tree/namespace.h"

/* ---- tables of calls ------------------------------------------------------------------------- */

typedef void serve_handler(struct namenode *nn, struct rpc_call *call); /* it answers the call */

enum serve_flags { /* looked at in this order; who is refused is answered */
        SERVE_DATANODE = 1u << 0,  /* only for the cluster's owner, on the own port */
        SERVE_SUPERUSER = 1u << 1, /* only for the superuser; @words: HDFS's word for the call */
        SERVE_CHANGES = 1u << 2,   /* refused in safe mode: "@words@subject. Name node is in ..." */
};

struct serve_call {
        serve_handler *run;  /* NULL: the service has no such call */
        unsigned flags;
        const char *words;   /* of the refusal, as the flags say; at most one of them has any */
        const char *subject; /* the string of the request that the refusal names; NULL: none */
};

/* Does the table (an array, indexed by enum method_id) have the method? */
#define SERVE_HAS(table, m) \
        ((size_t)(m)->id < sizeof(table) / sizeof((table)[0]) && (table)[(m)->id].run != NULL)
/* Run a call that the table has: its flags first. */
void serve_run(const struct serve_call *table, struct namenode *nn, struct rpc_call *call);

/* A handler: the empty response of the call's own type, "nothing", "none", "an empty list". */
serve_handler serve_empty;

/* ---- who asks -------------------------------------------------------------------------------- */

/* The owner's uid or a member of the supergroup, where the listener grants it. */
bool serve_is_superuser(struct namenode *nn, const struct rpc_call *call);
/* False, and the call is answered, when not. @operation: HDFS's word in its message. */
bool serve_require_superuser(struct namenode *nn, struct rpc_call *call, const char *operation);

struct serve_caller { /* what namespace.h wants, with the memory behind it */
        struct ns_caller ns;
        struct os_groups groups;
        const char *names[OS_GROUPS_MAX];
};
void serve_caller(struct namenode *nn, const struct rpc_call *call, struct serve_caller *ret);
/* A user by name, with the rights of the Hadoop port; @user must outlive @ret. */
void serve_hadoop_user(struct namenode *nn, const char *user, struct serve_caller *ret);

/* Check a path of a request. False: refused, and the call is answered. */
bool serve_path(struct rpc_call *call, const char *text, enum path_use use, struct buf *room,
                struct path *ret);

/* ---- reads ----------------------------------------------------------------------------------- */

struct reading { /* one read call: a snapshot, the caller, an arena for the answer */
        struct namenode *nn;
        struct rpc_call *call;
        struct store_txn *t;
        struct serve_caller who;
        struct describe d;
        struct buf room;
        struct path path;
};
/* @text NULL: no path. False: refused, and the call is answered. */
bool reading_begin(struct reading *r, struct namenode *nn, struct rpc_call *call, const char *text);
/* Each answers the call (BDFS_OK: with @response) and ends the reading. */
void reading_end(struct reading *r, enum bdfs_status status, const ProtobufCMessage *response,
                 const struct bdfs_err *err);
void reading_end_class(struct reading *r, const char *java_class, const char *text);
/* "No memory for an answer". */
void serve_no_memory(struct rpc_call *call);

/* ---- safe mode ------------------------------------------------------------------------------- */

/* False, and the call is answered "@what@path. Name node is in safe mode. ...", when it is on. */
bool serve_require_writable(struct namenode *nn, struct rpc_call *call, const char *what,
                            const char *path);

/* Have the copies of a file's blocks looked at: other numbers are wanted, or it was closed. Reads
 * one snapshot; safe on the committer's thread. */
void serve_check_blocks(struct namenode *nn, uint64_t inode);

/* HDFS's refusal of an erasure coding policy: none is enabled. */
void serve_no_ec_policy(const char *name, struct bdfs_err *err);

/*
 * Is the file at @text open, may the caller write it, and was its holder silent for longer than
 * the soft limit? Then its lease may be taken: recovery of its last block is started here, so that
 * what follows meets either a closed file or "recovery in progress".
 */
bool serve_take_over(struct namenode *nn, struct rpc_call *call, const char *text);

/* May they read a file that has the block? By the file's number, so that the path is looked at from
 * its root on. */
bool serve_may_read_block(struct store_txn *t, const struct serve_caller *who, uint64_t block);

/* Files open under the client's name; LEASE_FILES_UNKNOWN: the tables cannot be read. */
uint64_t serve_open_files_of(struct namenode *nn, const char *holder);
/* The caller is about to have one more. False, and the call is answered, when that is too many. */
bool serve_opens(struct namenode *nn, struct rpc_call *call, const char *holder);

/* The locations of a whole file, NULL for what is none. READ is not asked for, as in HDFS; who
 * lacks it gets tokens that open nothing. False: no memory. *ret_blocks grows by how many there
 * are. */
bool serve_locations(struct reading *g, const struct ns_status *s,
                     Hadoop__LocatedBlocksProto **ret, size_t *ret_blocks);

/* The services, for rpc_server_config. */
rpc_handler *serve_client_handler(const struct method *m);  /* ClientProtocol */
rpc_handler *serve_bdfs_handler(const struct method *m);    /* bdfs.ClientService */
rpc_handler *serve_hadoop_tools_handler(const struct method *m); /* HA, groups, refresh ... */
