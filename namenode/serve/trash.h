/*
 * trash.h - the trash is emptied. What clients' `rm` moved below /user/NAME/.Trash/Current becomes,
 * once in each period, a checkpoint: a directory beside Current that is named by the time
 * (common/trash_name.h). A checkpoint older than what is kept is deleted.
 *
 * Each change is an ordinary record of a superuser, so it is journaled, replayed and freed in
 * slices like any other. Directories are held by inode: a home or a .Trash that is a symbolic link
 * is left alone, and nobody's link leads a deletion elsewhere. Whatever in a .Trash has not the
 * name of a checkpoint stays.
 *
 * Threads: a sweep belongs to the thread that calls it and waits for the committer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct namenode;

struct trash_sweep {
        struct namenode *nn;
        int64_t now_ms;                 /* wall clock */
        int64_t keep_ms;                /* older checkpoints go */
        bool checkpoint;                /* Current becomes one, too */
        bool (*go_on)(void *arg);       /* asked between records */
        void *arg;
        uint64_t made, removed, failed; /* what came of it */
};
/* Every user's trash once. What fails is logged, and tried again by the next sweep. */
void trash_sweep(struct trash_sweep *s);
