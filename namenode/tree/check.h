/*
 * check.h - is the namespace well-formed (N4)? Everything that is told twice is compared: names and
 * inodes, children, totals and classes with a recount, maps with blocks and references, leases with
 * open files, retired blocks with those that wait. For unit tests after each step, the simulator,
 * and fsck.
 *
 * A snapshot of the tables with flushed totals is read whole, a row at a time; memory does not grow
 * with it.
 */
#pragma once

#include "common/err.h"
#include "namenode/store/store.h"

struct check_report {
        uint64_t inodes, entries, extents, blocks, refs, leases, doomed, retired;
        uint64_t problems;
        char first[256];         /* the first problem, "" when there is none */
};

/* OK also when there are problems: look at the report. @each (may be NULL) gets every problem. */
enum bdfs_status check_tables(struct store_txn *t, struct check_report *ret,
                              void (*each)(void *arg, const char *problem), void *arg,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
