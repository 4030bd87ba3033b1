/*
 * apply_internal.h - what apply*.c share; nobody else includes it.
 *
 * One function per operation, each in two halves: it checks, and may refuse; then it calls
 * apply_writes(), from where on every failure is fatal to the transaction, and writes.
 */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "namenode/apply/apply.h"
#include "namenode/store/tables.h"
#include "namenode/tree/extents.h"
#include "namenode/tree/lease.h"
#include "namenode/tree/path.h"
#include "namenode/tree/totals.h"

#define APPLY_GROUPS_MAX 1024

struct apply_batch {
        struct counters counters;
        struct format format;
        bool loaded, counters_changed;
        struct totals *totals;
        struct freed freed;
        uint32_t groups[APPLY_GROUPS_MAX]; /* of the caller of now */
};

/* One record being applied. */
struct apply {
        struct store_txn *t;
        struct apply_batch *b;
        const Bdfs__JournalRecord *record;
        int64_t now;
        struct ns_caller who;
        struct perm_caller caller;
        const char *machine;    /* of the client; "" when unknown */
        Bdfs__OpResult *result;
        bool writing;
};

/* The checks are done: from here on the tables change, and the record is journaled. */
static inline void apply_writes(struct apply *a)
{
        a->writing = true;
}

/* What was written in part must not look like a refusal: a status that ends the transaction. */
enum bdfs_status apply_fatal(enum bdfs_status rc, const char *what, struct bdfs_err *err)
        BDFS_MUST_CHECK;

static inline struct counters *apply_counters(struct apply *a)
{
        BDFS_ASSERT(a->writing);
        a->b->counters_changed = true;
        return &a->b->counters;
}

/* ---- results -------------------------------------------------------------------------------- */

void apply_value(struct apply *a, bool value);
void apply_inode(struct apply *a, uint64_t inode);
/* @b with @length, at @offset of its file; with every node offered or only the pipeline. */
enum bdfs_status apply_block(struct apply *a, const struct block *b, uint64_t length,
                             uint64_t offset, bool pipeline_only, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* ---- checks --------------------------------------------------------------------------------- */

/* From a record's bytes to a walked path: raw ones are for the superuser, ancestors are checked. */
enum bdfs_status apply_resolve(struct apply *a, const ProtobufCBinaryData *bytes, unsigned walk,
                               struct path *ret_path, struct resolved *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status apply_permit(struct apply *a, const struct resolved *r,
                              const struct perm_want *want, struct bdfs_err *err) BDFS_MUST_CHECK;
/* A file must be at the end of the path: NOT_FOUND in HDFS's words, about @path. */
enum bdfs_status apply_file(const struct resolved *r, const struct path *path,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* The parent must exist, in the words of createParent=false. */
enum bdfs_status apply_parent(const struct resolved *r, struct bdfs_err *err) BDFS_MUST_CHECK;
/* May the names that are missing be made? LIMIT for one that is too long. */
enum bdfs_status apply_names(const struct resolved *r, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status apply_name(const struct path *parent, const char *name, size_t n,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status apply_replication(const struct apply *a, uint32_t replication,
                                   const struct path *path, bool machine, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status apply_holder(const char *holder, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The subtree's permissions, as HDFS checks a recursive delete. */
enum bdfs_status apply_subtree(struct apply *a, const struct resolved *r, unsigned access,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
/* "pool:blk_ID_STAMP" and "blk_ID_STAMP" */
#define BLOCK_TEXT_BYTES 128
const char *apply_block_text(const struct apply *a, const Bdfs__RecordBlock *b,
                             char to[BLOCK_TEXT_BYTES]);
const char *block_text(uint64_t id, uint64_t stamp, char to[BLOCK_TEXT_BYTES]);

/* ---- the tree ------------------------------------------------------------------------------- */

enum bdfs_status apply_intern(struct apply *a, const char *name, uint32_t *ret,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* Give @child (its name is set) a name in @parent; both rows are written, totals follow. */
enum bdfs_status tree_link(struct apply *a, struct inode *parent, struct inode *child,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
/* Take the name away; @child's row is the caller's to write or delete. */
enum bdfs_status tree_unlink(struct apply *a, struct inode *parent, const struct inode *child,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
/* The file's length or replication changed from @before: totals follow. Its row is not written. */
enum bdfs_status tree_resized(struct apply *a, const struct inode *before,
                              const struct inode *file, struct bdfs_err *err) BDFS_MUST_CHECK;
/* A directory's owner, group or mode changed from @before. */
enum bdfs_status tree_reclassed(struct apply *a, const struct inode *before,
                                const struct inode *directory, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* May the caller write what is at the end of @r? With @opened it is asked again through a handle:
 * an open file keeps its opener's rights; but only the owner surely gains none by saying so, since
 * he may give himself every right. */
enum bdfs_status apply_permit_write(struct apply *a, const struct resolved *r, bool opened,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;

struct tree_make {
        enum inode_type type;
        uint16_t mode;
        const char *name;
        size_t name_n;
};
/* A new inode in @parent, linked; *ret_child its row. */
enum bdfs_status tree_make(struct apply *a, struct inode *parent, const struct tree_make *what,
                           struct inode *ret_child, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The directories that are missing above the last name of @r, with @mode; *ret_parent is the last
 * directory above it. */
enum bdfs_status tree_make_parents(struct apply *a, const struct resolved *r, uint16_t mode,
                                   struct inode *ret_parent, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Take @child out of @parent and free it, now when it is small, else in slices. */
enum bdfs_status tree_remove(struct apply *a, struct inode *parent, struct inode *child,
                             struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- files being written -------------------------------------------------------------------- */

struct writing {                 /* an open file and its end */
        struct inode file, before;
        bool has_last;
        struct extent last;
        struct block block;      /* of last */
};
enum bdfs_status writing_load(struct apply *a, struct writing *w, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* A new block at the end, which is the result's; the caller writes the row. */
enum bdfs_status writing_add_block(struct apply *a, struct writing *w, const uint32_t *targets,
                                   size_t targets_n, struct bdfs_err *err) BDFS_MUST_CHECK;
/* May the last block be committed as @b says? */
enum bdfs_status writing_may_commit(const struct writing *w, const Bdfs__RecordBlock *b,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
/* Fix the last block's length and state; a block of no bytes goes. */
enum bdfs_status writing_commit(struct apply *a, struct writing *w, uint64_t length,
                                enum block_state state, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The block before the last one, when it is only COMMITTED, is COMPLETE now. */
enum bdfs_status writing_complete_previous(struct apply *a, struct writing *w,
                                           struct bdfs_err *err) BDFS_MUST_CHECK;
/* The last block and its extent go. */
enum bdfs_status writing_drop_last(struct apply *a, struct writing *w, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* End the lease and write the row. */
enum bdfs_status writing_close(struct apply *a, struct writing *w, int64_t mtime,
                               struct bdfs_err *err) BDFS_MUST_CHECK;

/* What a complete sets beside the end, if the caller may, into @file, whose row is the caller's to
 * write. */
enum bdfs_status attributes_set(struct apply *a, const Bdfs__CompleteOp *op, struct inode *file,
                                struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- operations ----------------------------------------------------------------------------- */

#define APPLY_OPS(X)                                \
        X(FORMAT, format)                           \
        X(MKDIRS, mkdirs)                           \
        X(CREATE, create)                           \
        X(APPEND, append)                           \
        X(ADD_BLOCK, add_block)                     \
        X(ABANDON_BLOCK, abandon_block)             \
        X(COMPLETE, complete)                       \
        X(FSYNC, fsync)                             \
        X(NEW_STAMP, new_stamp)                     \
        X(UPDATE_PIPELINE, update_pipeline)         \
        X(OFFER, offer)                             \
        X(RENAME, rename)                           \
        X(DELETE, delete)                           \
        X(CONCAT, concat)                           \
        X(TRUNCATE, truncate)                       \
        X(SET_PERMISSION, set_permission)           \
        X(SET_OWNER, set_owner)                     \
        X(SET_TIMES, set_times)                     \
        X(SET_REPLICATION, set_replication)         \
        X(SET_POLICY, set_policy)                   \
        X(SYMLINK, symlink)                         \
        X(TOUCH_ATIME, touch_atime)                 \
        X(RECOVER_LEASE, recover_lease)             \
        X(CLOSE_EXPIRED, close_expired)             \
        X(START_RECOVERY, start_recovery)           \
        X(DELETE_SLICE, delete_slice)               \
        X(FORGET_ANSWERS, forget_answers)           \
        X(REGISTER_NODE, register_node)             \
        X(SET_EXTENTS, set_extents)                 \
        X(FREE_BLOCKS, free_blocks)                 \
        X(FORGET_FREED, forget_freed)               \
        X(DECIDE_RECOVERY, decide_recovery)
#define X(name, function) \
        enum bdfs_status apply_op_##function(struct apply *a, struct bdfs_err *err) BDFS_MUST_CHECK;
APPLY_OPS(X)
#undef X
