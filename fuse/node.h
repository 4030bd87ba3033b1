/*
 * node.h - the inodes that are open through this mount, each shared by its handles.
 *
 * A node knows who has it open, which length the kernel was told, and everything about writing:
 * one pipeline for all handles. Bytes are only added at the end. A close makes the file complete,
 * so that it is what others see, and free for them to write. A write after that opens it again; a
 * handle of which very many copies are closed syncs instead, and the last release completes.
 *
 * Owner:   struct node_table owns the nodes; a handle holds one reference.
 * Threads: any. nodes.lock guards the table and the counts; node.lock guards the writing and is
 *          held while bytes are sent, so nothing that only asks takes it.
 * Errors:  UNSUPPORTED for a write that is not at the end. After any other failure of a write, a
 *          sync or a close every later one fails with the first one's text (C1).
 */
#pragma once

#include <stdatomic.h>

#include "fuse/conns.h"
#include "fuse/kept.h"

#define NODE_NOT_WRITTEN UINT64_MAX
#define NODE_RECOVERY_MS 10000 /* for an earlier writer's lease to be taken away */
#define NODE_BUSY_MS 500       /* for a writer elsewhere whose close is on its way */

struct node_table;

struct node {
        uint64_t inode;
        struct conns *conns;
        const atomic_bool *given_up; /* of the table */
        struct node *next;           /* guarded by: nodes.lock */
        unsigned handles, writers;   /* guarded by: nodes.lock */
        unsigned active;             /* writers that wrote since they were closed; nodes.lock */
        atomic_uint_fast64_t generation; /* raised when the bytes changed */
        struct node_seen {           /* what the namenode said last */
                int64_t at_ms;       /* when it was asked, or the node made */
                bool known;
                struct bdfs_stat st; /* without a target */
        } seen;                      /* guarded by: nodes.lock */
        atomic_uint_fast64_t told;   /* the length that the kernel heard last */
        atomic_uint_fast64_t shown;  /* bytes written, while a pipeline is open */
        struct kept kept;            /* attributes that go with the end */

        struct os_mutex lock;
        struct conn *conn;           /* guarded by: lock; of the pipeline */
        struct bdfs_file *file;      /* guarded by: lock; NULL: no pipeline */
        uint64_t length;             /* guarded by: lock; when known */
        bool length_known;           /* guarded by: lock */
        bool unsynced, unflushed;    /* guarded by: lock */
        bool failed;                 /* guarded by: lock */
        struct bdfs_err failure;     /* guarded by: lock */
};

struct node_table *node_table_new(struct conns *conns); /* NULL: no memory */
void node_table_free(struct node_table *t);             /* NULL is fine; no handles may be left */

/* ---- who has it open (node.c) ---------------------------------------------------------------- */

/* The inode's node with one handle more; NULL: no memory. */
struct node *node_table_open(struct node_table *t, uint64_t inode, bool writer);
/* The handle's end. The last writer's completes the file. */
enum bdfs_status node_table_close(struct node_table *t, struct node *n, bool writer, bool active,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
/* One reference more to a node that is open, or NULL; it ends with node_table_put(). */
struct node *node_table_find(struct node_table *t, uint64_t inode);
void node_table_put(struct node_table *t, struct node *n); /* NULL is fine */

/* The mount ends and the cluster is away: pipelines are left to their leases from now on. */
void node_table_give_up(struct node_table *t);

/* Is any inode open at all? Cheap. */
bool node_table_any(struct node_table *t);
/* Wait for the handles of an inode (only the writing ones) to end, since the kernel tells of a
 * close a little later; false when some are left after @wait_ms. */
bool node_table_wait_closed(struct node_table *t, uint64_t inode, bool writers_only,
                            int64_t wait_ms);

/* What is kept here of the attributes of a file, over what the namenode says. */
void node_table_tell_kept(struct node_table *t, struct bdfs_stat *st);
/* What a program should see as its length now, and remember that the kernel hears it. */
uint64_t node_table_tell_length(struct node_table *t, uint64_t inode, uint64_t length);

uint64_t node_table_generation(struct node_table *t, const struct node *n);
uint64_t node_table_new_generation(struct node_table *t, struct node *n);
/* What the namenode says of a file: other attributes than before mean other bytes (true), and so
 * does the first word, since somebody may have read it already. */
bool node_table_note(struct node_table *t, const struct bdfs_stat *st);
/* The same of a file that is open and was deleted meanwhile; false: nothing was said of it. */
bool node_table_recall(struct node_table *t, uint64_t inode, struct bdfs_stat *ret);
/* Is it time to ask the namenode whether others changed the file? True to one caller at a time. */
bool node_table_should_ask(struct node_table *t, struct node *n, int64_t every_ms);
/* A writer wrote, or closed one of its copies; the number of the active ones is returned. */
unsigned node_table_active(struct node_table *t, struct node *n, int change);

/* ---- writing (node_write.c) ------------------------------------------------------------------ */

struct node_bytes {
        const void *from;
        size_t n;
        uint64_t offset;
        bool append; /* wherever the end is, not at offset */
};
enum bdfs_status node_write(struct node *n, struct conn *conn, const struct node_bytes *b,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* A file just created: its pipeline, which is given up on failure. Takes a reference to @conn. */
enum bdfs_status node_adopt(struct node *n, struct conn *conn, struct bdfs_file *file,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* Complete the file, if a pipeline is open. */
enum bdfs_status node_finish(struct node *n, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status node_sync(struct node *n, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The namenode is told what is kept: something follows that is asked of it. */
enum bdfs_status node_settle(struct node *n, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The length that readers through this mount may go by. */
uint64_t node_told(const struct node *n);
/* What was written can be read by readers that open it now. */
enum bdfs_status node_show(struct node *n, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Cut; completes the file before. UNSUPPORTED when it is shorter. @n NULL: it is not open. With
 * @opened through a handle that may write, whatever the mode is now. */
enum bdfs_status node_truncate(struct node *n, struct conn *conn, const char *path,
                               uint64_t length, bool opened, struct bdfs_err *err) BDFS_MUST_CHECK;
/* After a failure: the namenode is asked to end the lease, and the node is as new. */
void node_abandon(struct node *n);
