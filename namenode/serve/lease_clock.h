/*
 * lease_clock.h - when each lease holder was last heard of: soft state (DESIGN D3: renewals are
 * not records, only expiry is).
 *
 * After a restart every holder counts as heard of now. Limits differ by who holds: our clients
 * renew often, Hadoop's rarely.
 *
 * A holder is a name that a client makes up. What is kept is bounded: one that opens a file is
 * remembered before the record is written (or it would count as silent since the start), and
 * forgotten by the next sweep if no file is open under its name; who only renews is remembered if
 * one is. A user has LEASE_HOLDERS_EACH_MAX names and LEASE_FILES_EACH_MAX open files, as counted
 * at the last sweep and by what was opened since; who has them waits.
 *
 * Threads: any; one lock inside. Sweeps come from one thread.
 * Errors:  RETRY: the user, or all of them together, have as many as they may.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct lease_clock;

struct lease_limits {
        int64_t soft_ms, hard_ms;
};

struct lease_clock *lease_clock_new(struct lease_limits own, struct lease_limits hadoop,
                                    int64_t now_ms);
void lease_clock_free(struct lease_clock *c);

/* @holder is about to open a file for @user, who has no limits when @privileged. */
enum bdfs_status lease_clock_open(struct lease_clock *c, const char *holder, const char *user,
                                  bool privileged, int64_t now_ms, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* True when it is known: heard of now. */
bool lease_clock_renew(struct lease_clock *c, const char *holder, int64_t now_ms);
bool lease_clock_soft_expired(struct lease_clock *c, const char *holder, bool hadoop,
                              int64_t now_ms);
bool lease_clock_hard_expired(struct lease_clock *c, const char *holder, bool hadoop,
                              int64_t now_ms);

/* How many files are open under @holder; LEASE_FILES_UNKNOWN: it cannot be said now. */
#define LEASE_FILES_UNKNOWN UINT64_MAX
typedef uint64_t lease_files_of(void *arg, const char *holder);
/* Forget holders without an open file that were not heard of for LEASE_SETTLE_MS. @files_of is
 * called with the lock held. */
#define LEASE_SETTLE_MS 60000
void lease_clock_sweep(struct lease_clock *c, int64_t now_ms, lease_files_of *files_of, void *arg);
/* For tests: how many holders are kept. */
uint64_t lease_clock_count(struct lease_clock *c);
