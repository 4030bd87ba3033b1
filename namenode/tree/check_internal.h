/*
 * check_internal.h - what check*.c share; nobody else includes it.
 */
#pragma once

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "namenode/store/tables.h"
#include "namenode/tree/check.h"
#include "namenode/tree/extents.h"
#include "namenode/tree/path.h"
#include "namenode/tree/totals.h"

struct check {
        struct store_txn *t;
        struct check_report *report;
        void (*each)(void *arg, const char *problem);
        void *arg;
        struct counters counters;
        enum bdfs_status rc;     /* a failure to read, which ends the check */
        struct bdfs_err *err;
};

void check_problem(struct check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct check_row {
        const uint8_t *key, *value;
        size_t key_n, n;
};
/* Calls @each for every row with this prefix until it answers false or c->rc is a failure. */
void check_rows(struct check *c, enum table table, const void *prefix, size_t prefix_n,
                bool (*each)(struct check *c, const struct check_row *row, void *arg), void *arg);
/* False, and a problem (or c->rc), when the row is not there. */
bool check_inode(struct check *c, uint64_t id, const char *why, struct inode *ret);

void check_directory(struct check *c, const struct inode *dir);
void check_file(struct check *c, const struct inode *file);
void check_blocks(struct check *c);
void check_leases(struct check *c);
void check_names(struct check *c);
