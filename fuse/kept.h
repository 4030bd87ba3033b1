/*
 * kept.h - attributes of a file that is open here, kept to go with its end.
 *
 * An unpacking program creates, writes, gives owner, mode and times, and closes: each a record of
 * the namenode's, synced. What is surely allowed, and takes no right from anybody, is kept while
 * the file's first pipeline is open, shown to all who ask here, and sent with the call that
 * completes it; so it is as durable as the close. An fsync and a change that cannot be kept settle
 * it before.
 *
 * Owner:   the node.
 * Threads: any; a lock inside, in which nothing is waited for.
 */
#pragma once

#include <sys/types.h>

#include "client/bdfs.h"
#include "common/os.h"

struct conn;

struct kept_values {
        bool has_mode, has_owner, has_group, has_mtime, has_atime;
        uint32_t mode;
        char owner[OS_NAME_BYTES], group[OS_NAME_BYTES];
        int64_t mtime_ms, atime_ms;
};

struct kept {
        struct os_mutex lock;
        const struct conn *maker;   /* guarded by: lock; whose changes are kept; NULL: nobody's */
        bool may_give;              /* guarded by: lock; the maker is a superuser */
        uint32_t mode;              /* guarded by: lock; as everybody sees it */
        char owner[OS_NAME_BYTES], group[OS_NAME_BYTES]; /* guarded by: lock; as the mode */
        struct kept_values values;  /* guarded by: lock; what the namenode was not told */
        int64_t wrote_ms;           /* guarded by: lock; the last write; 0: none */
};

void kept_init(struct kept *k);
void kept_fini(struct kept *k);
/* @maker made the file that @file writes: from now on something may be kept. */
void kept_begin(struct kept *k, const struct conn *maker, const struct bdfs_file *file);
/* Nothing more is kept; what there is, into @ret. False: nothing. It is shown until kept_end(). */
bool kept_take(struct kept *k, struct kept_values *ret);
void kept_end(struct kept *k);
/* A copy of what there is; and that it was told. */
bool kept_look(struct kept *k, struct kept_values *ret);
void kept_told(struct kept *k, const struct kept_values *what);
void kept_wrote(struct kept *k);

/* Each: false, and nothing is kept, when the namenode must be asked. */
bool kept_mode(struct kept *k, const struct conn *who, uint32_t mode);
bool kept_owner(struct kept *k, const struct conn *who, const char *owner, const char *group);
bool kept_times(struct kept *k, const struct conn *who, const struct bdfs_times *times);
/* The namenode was asked, and this is so now. */
void kept_asked(struct kept *k, const uint32_t *mode, const char *owner, const char *group);

/* What is kept, over what the namenode says. */
void kept_show(struct kept *k, struct bdfs_stat *st);
