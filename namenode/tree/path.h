/*
 * path.h - path names: parsed at the edge, resolved inside a transaction.
 *
 * A struct path is absolute and normal: it begins with '/', has no empty component and no slash
 * at its end (but for the root itself). It borrows its bytes. "." and ".." are ordinary names
 * that nothing has, except behind /.reserved/.inodes/ID, where ".." is the parent, as in HDFS.
 * /.reserved/raw/p means /p.
 *
 * Threads: none.
 */
#pragma once

#include "common/bytes.h"
#include "namenode/store/tables.h"
#include "namenode/tree/perm.h"

struct path {
        const char *text;
        size_t n;
};

/* ---- the edge ------------------------------------------------------------------------------- */

/* How HDFS's methods check the string they are given; each has its own words. READ is for all that
 * make no name: only an absolute path is asked for. */
enum path_use { PATH_READ, PATH_MKDIRS, PATH_CREATE, PATH_RENAME_TARGET, PATH_LINK };

/* Why path_check() refused: which class a handler must name where the status has another. */
enum path_fault {
        PATH_FAULT_NONE,
        PATH_FAULT_RELATIVE,    /* java.lang.AssertionError in HDFS */
        PATH_FAULT_EMPTY,       /* java.lang.IllegalArgumentException */
        PATH_FAULT_LONG,        /* java.io.IOException */
        PATH_FAULT_INVALID,     /* InvalidPathException */
};

/*
 * Make @n bytes from a client a struct path whose bytes lie in @room (reset first). With @hadoop,
 * a path that is to be created is refused with ':' or bytes that are not UTF-8 in it.
 * INVALID_PATH or FAILED (too long), with *ret_fault (which may be NULL) saying why.
 */
enum bdfs_status path_check(const char *bytes, size_t n, enum path_use use, bool hadoop,
                            struct buf *room, struct path *ret, enum path_fault *ret_fault,
                            struct bdfs_err *err) BDFS_MUST_CHECK;

/* Of a record: INVALID_PATH unless normal already. */
enum bdfs_status path_of_record(const uint8_t *bytes, size_t n, struct path *ret,
                                struct bdfs_err *err) BDFS_MUST_CHECK;

bool path_is_root(const struct path *p);
/* Is @p the path @above or below it? */
bool path_under(const struct path *p, const struct path *above);
/* The next component from *at (begin with 0); false at the end. */
bool path_next(const struct path *p, size_t *at, const char **ret, size_t *ret_n);
size_t path_depth(const struct path *p); /* components; 0 for the root */

/* ---- inside a transaction ------------------------------------------------------------------- */

struct resolved_step {
        uint64_t id;
        struct perm_object object;
        enum inode_type type;
        uint32_t end;           /* of the path's text up to here */
};

#define RESOLVED_STEPS_INLINE 24

/* The inodes along a path from the root, as far as there are any. Never copied: it points into
 * itself. */
struct resolved {
        struct path path;       /* as messages show it: .inodes replaced by the true path */
        size_t depth;           /* names in the path + 1 (the root) */
        size_t found;           /* how many of them exist, at least 1 */
        struct resolved_step *steps;
        struct inode last;      /* row of the last step that was found */
        struct inode parent;    /* row of step depth - 2, when found >= depth - 1 and depth > 1 */
        const char *name;       /* last component; "" for the root */
        size_t name_n;
        bool raw;               /* came as /.reserved/raw */
        uint8_t policy;         /* storage policy in force at the last step that was found */
        struct buf text;        /* memory of path, when replaced */
        size_t steps_room;
        struct resolved_step inline_steps[RESOLVED_STEPS_INLINE];
};
#define RESOLVED_STEP_LAST(r) (&(r)->steps[(r)->found - 1])

static inline bool resolved_exists(const struct resolved *r)
{
        return r->found == r->depth;
}

/* Walk down from the root; stops at a missing name and at what is no directory. Checks nothing.
 * NOT_FOUND only for /.reserved/.inodes/ID of an inode that is not there. */
enum bdfs_status path_resolve(struct store_txn *t, const struct path *p, struct resolved *ret,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* Up from an inode; NOT_FOUND when it or a directory above it was deleted. */
enum bdfs_status path_resolve_inode(struct store_txn *t, uint64_t inode, struct resolved *ret,
                                    struct bdfs_err *err) BDFS_MUST_CHECK;
void resolved_fini(struct resolved *r); /* of zeros or of a failed call too */
#define AUTO_RESOLVED __attribute__((cleanup(resolved_fini)))
/* Step down to @name in the last step, a directory: as if it had been part of the path. */
enum bdfs_status resolved_append(struct store_txn *t, struct resolved *r, const char *name,
                                 size_t n, struct bdfs_err *err) BDFS_MUST_CHECK;

/* The path's text up to step @i. */
struct path resolved_path(const struct resolved *r, size_t i);

/* Ids of the caller's names; @groups has room for who->groups_n. */
enum bdfs_status perm_load(struct store_txn *t, const struct ns_caller *who, uint32_t *groups,
                           struct perm_caller *ret, struct bdfs_err *err) BDFS_MUST_CHECK;


/* What to check, in HDFS's order; zero means no check. */
struct perm_want {
        unsigned ancestor;      /* of the last directory that exists above the last name */
        unsigned parent;        /* with PERM_WRITE also the sticky bit, when the last exists */
        unsigned access;        /* of the last, when it exists */
        bool owner;             /* must own the last */
};

enum path_walk {
        PATH_WALK_CREATE = 1,   /* a file on the way: NOT_DIRECTORY; else PERMISSION, as HDFS */
        PATH_WALK_NO_FOLLOW = 2 /* a symlink as the last name is what is asked for */
};

/* Every ancestor is a directory with EXECUTE; a symlink met is BDFS_SYMLINK. */
enum bdfs_status path_traverse(struct store_txn *t, const struct resolved *r,
                               const struct perm_caller *c, unsigned walk, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* After path_traverse(). */
enum bdfs_status path_permit(struct store_txn *t, const struct resolved *r,
                             const struct perm_caller *c, const struct perm_want *want,
                             struct bdfs_err *err) BDFS_MUST_CHECK;

/* A directory and all directories below it; the classes beside the totals make it a look-up. */
struct perm_tree {
        unsigned access;
        bool ignore_empty;      /* nothing is asked of empty directories */
        bool sticky;            /* nor may a sticky bit forbid to take anything away */
        bool backwards;         /* which refusal is told: HDFS walks so for delete */
};
/* Totals must have been flushed. Refuses trees that would take too long to look at. */
enum bdfs_status path_permit_tree(struct store_txn *t, const struct resolved *r,
                                  const struct perm_caller *c, const struct perm_tree *want,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;

/* The text "/a/b" of an inode added to @to; NOT_FOUND when it or a directory above was deleted. */
enum bdfs_status path_of_inode(struct store_txn *t, uint64_t inode, struct buf *to,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
/* NOT_FOUND when the inode is not (or no longer) in the tree; cheaper than its path. */
enum bdfs_status path_is_attached(struct store_txn *t, const struct inode *inode,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
