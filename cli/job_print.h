/*
 * job_print.h - what people see of a job: a line of progress, a summary, or why it failed. All of
 * it goes to stderr.
 *
 * On a terminal one line is drawn again, ten times a second at most, and taken away at the end.
 * Elsewhere a line is printed for each tenth of the work, not before a second has passed.
 *
 * Owner:   the command's.
 * Threads: the command's.
 */
#pragma once

#include <jansson.h>

#include "exec/driver/driver.h"

struct job_print {
        bool terminal, quiet;
        bool drawn;           /* a line is on the screen */
        unsigned tenth;       /* that was printed last */
        int64_t printed_ms;
        int64_t reduce_ms;    /* when reducing was seen first; 0: not yet */
};

void job_print_begin(struct job_print *p, bool quiet);
void job_print_progress(struct job_print *p, const struct job_progress *now);
void job_print_end(struct job_print *p);
void job_print_summary(const struct job_print *p, const struct job_report *r, const char *output);
/* The same for programs; @err NULL: it succeeded. */
json_t *job_print_json(const struct job_report *r, const struct bdfs_err *err, const char *output);
void job_print_failure(const struct job_report *r, const struct bdfs_err *err);

