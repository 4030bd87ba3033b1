/*
 * cli_progress.h - one line on stderr while a long transfer runs: done, rate, time left.
 *
 * It is shown when stderr is a terminal, --quiet was not given and more than a second has passed.
 *
 * Owner:   the command's; ended once.
 * Threads: any may add; one lock inside.
 */
#pragma once

#include "cli/cli.h"

struct cli_progress {
        struct os_mutex lock;
        bool shown;              /* it may be */
        int64_t started_ms, drawn_ms; /* guarded by: lock, as all below */
        uint64_t bytes, bytes_total; /* total 0: unknown */
        uint64_t files, files_total;
};

void cli_progress_begin(struct cli_progress *p, const struct cli *cli);
/* What there will be to do; may grow while it runs. */
void cli_progress_expect(struct cli_progress *p, uint64_t bytes, uint64_t files);
void cli_progress_add(struct cli_progress *p, uint64_t bytes, uint64_t files);
void cli_progress_end(struct cli_progress *p); /* takes the line away */
void cli_progress_stop(void); /* the same for whichever is shown; nothing is drawn any more */
