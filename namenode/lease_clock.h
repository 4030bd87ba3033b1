/*
 * lease_clock.h - when each lease holder was last heard of: soft state (DESIGN D3: renewals are
 * not records, only expiry is).
 *
 * After a restart every holder counts as heard of now. Limits differ by who holds: our clients
 * renew often, Hadoop's rarely.
 *
 * Threads: any; one lock inside.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lease_clock;

struct lease_limits {
        int64_t soft_ms, hard_ms;
};

struct lease_clock *lease_clock_new(struct lease_limits own, struct lease_limits hadoop,
                                    int64_t now_ms);
void lease_clock_free(struct lease_clock *c);
void lease_clock_renew(struct lease_clock *c, const char *holder, int64_t now_ms);
bool lease_clock_soft_expired(struct lease_clock *c, const char *holder, bool hadoop,
                              int64_t now_ms);
bool lease_clock_hard_expired(struct lease_clock *c, const char *holder, bool hadoop,
                              int64_t now_ms);
/* Forget holders not heard of for a day, so that the table stays small. */
void lease_clock_forget(struct lease_clock *c, int64_t now_ms);
