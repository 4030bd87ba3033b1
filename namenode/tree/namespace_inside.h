/*
 * namespace_inside.h - what namespace*.c share; nobody else includes it.
 */
#pragma once

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "namenode/tree/extents.h"
#include "namenode/tree/namespace.h"

#define NS_GROUPS_MAX 1024

/* A path being asked about by somebody. */
struct asking {
        struct perm_caller caller;
        struct resolved r;
        uint32_t groups[NS_GROUPS_MAX];
};

/* Caller and path; nothing is checked yet. Free with asking_fini() in any case. */
enum bdfs_status asking_begin(struct asking *q, struct store_txn *t, const struct ns_caller *who,
                              const struct path *path, struct bdfs_err *err) BDFS_MUST_CHECK;
void asking_fini(struct asking *q);
#define AUTO_ASKING __attribute__((cleanup(asking_fini)))

/* A file is at the end of it, in HDFS's words. */
enum bdfs_status asking_file(const struct asking *q, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status asking_access(const struct asking *q, struct store_txn *t, unsigned access,
                               struct bdfs_err *err) BDFS_MUST_CHECK;

/* Names of owners looked up last: listings are mostly of the same. */
struct name_cache {
        uint32_t id[2];
        const char *text[2];
};
enum bdfs_status status_of_inode(struct store_txn *t, const struct inode *row, uint8_t policy,
                                 struct name_cache *cache, struct ns_status *ret,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
