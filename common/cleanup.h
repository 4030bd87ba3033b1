/*
 * cleanup.h - clean-up that runs when a variable leaves its scope.
 *
 * Ownership leaves a function through TAKE_PTR / TAKE_FD on its last line; every earlier return
 * is then free. A file that was written is synced and closed explicitly, its results checked:
 * AUTO_CLOSE is for abandonment only.
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
        free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd); /* abandoned: nothing was promised about its contents */
}

#define AUTO_FREE __attribute__((cleanup(cleanup_free)))
#define AUTO_CLOSE __attribute__((cleanup(cleanup_close)))

#define TAKE_PTR(p)                      \
        __extension__({                  \
                __typeof__(p) took_ = (p); \
                (p) = NULL;              \
                took_;                   \
        })
#define TAKE_FD(fd)              \
        __extension__({          \
                int took_ = (fd); \
                (fd) = -1;       \
                took_;           \
        })
