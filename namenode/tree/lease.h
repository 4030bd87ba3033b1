/*
 * lease.h - who may write which file: the rows, and HDFS's checks and words.
 *
 * A lease is named by its holder, a string that the client made up. Whoever has the string and may
 * write the file, or owns it, has the lease; the string alone is no key, for refusals tell it. When
 * a lease was last renewed is soft state elsewhere (lease_clock.h).
 *
 * Changing functions keep the file's OPEN flags, holder and machine in step with the rows; the
 * caller writes the inode.
 */
#pragma once

#include "namenode/store/tables.h"
#include "namenode/tree/path.h"

/* Holds the leases of files that are being recovered. */
#define LEASE_RECOVERER "HDFS_NameNode"

struct lease_asked {
        const struct path *path;
        uint64_t inode;         /* 0: by path */
        const char *holder;
};

/* The file that @asked->holder is writing, or why there is none: NOT_FOUND, LEASE_EXPIRED (with
 * *ret the row when there is one, else its id is 0). */
enum bdfs_status lease_find(struct store_txn *t, const struct perm_caller *c,
                            const struct lease_asked *asked, struct inode *ret,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* May @c go on with this open file, whose lease it names? Else PERMISSION, in terms of @path. */
enum bdfs_status lease_permit(struct store_txn *t, const struct perm_caller *c,
                              const struct inode *file, const struct path *path,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
struct lease_wish {
        const char *operation;  /* "CREATE_FILE", "APPEND_FILE", "TRUNCATE_FILE" */
        const struct path *path;
        const char *holder;
        const char *machine;
        bool take_over;         /* the present holder's soft limit has passed */
};
/* May the file be opened (or changed) for this wish? OK when it is closed, or when its lease may
 * be ended at once: then lease_end() comes first. BEING_CREATED, RECOVERY. */
enum bdfs_status lease_contest(struct store_txn *t, const struct inode *file,
                               const struct lease_wish *wish, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* @counters gives the id of a new holder. */
enum bdfs_status lease_begin(struct store_txn *t, struct counters *counters, struct inode *file,
                             const char *holder, bool hadoop, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Closes: OPEN, RECOVERING, holder, machine and tail are cleared. */
enum bdfs_status lease_end(struct store_txn *t, struct inode *file, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Another holder; the file stays open. */
enum bdfs_status lease_pass(struct store_txn *t, struct counters *counters, struct inode *file,
                            const char *holder, bool hadoop, struct bdfs_err *err) BDFS_MUST_CHECK;
