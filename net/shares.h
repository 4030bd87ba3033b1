/*
 * shares.h - what each identity may take of a server: connections (and with them threads and
 * descriptors) and bytes (of half frames, of calls not answered yet, of answers not read yet).
 *
 * Root and the uid that owns the cluster (its daemons) may take all there is. Everybody else
 * together leaves a quarter of it to them, and each identity is bounded by itself, so that one user
 * can shut out neither the cluster nor its neighbours. An identity is a uid by the kernel's word;
 * behind a gateway it is the user that the gateway named.
 *
 * Invariants, which shares_check() compares:
 *   1. what the server counts is the sum of what its identities have;
 *   2. an identity that has nothing is not kept: their number is bounded by that of connections.
 *
 * Owner:   struct shares is the server's until shares_free(); connections that leave later still
 *          may, the last one frees it. A struct share lives as long as it has a connection.
 * Threads: any; one lock inside, nothing is called while it is held.
 * Errors:  LIMIT, which says whose limit was met.
 */
#pragma once

#include "common/os.h"

struct shares;
struct share;

struct shares_config {
        uid_t owner;
        uint32_t connections_max; /* in all; fewer where the process may not open so many files */
        uint64_t bytes_max;       /* in all */
};

enum bdfs_status shares_new(struct shares **ret, const struct shares_config *config,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* Nobody enters any more. NULL is fine. */
void shares_free(struct shares *s);

/* A connection of @uid. */
enum bdfs_status shares_enter(struct shares *s, uid_t uid, struct share **ret,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* The connection, with @bytes that it has taken, counts for @user from now on; *share changes. When
 * it fails the connection stays counted where it was. */
enum bdfs_status shares_move(struct shares *s, struct share **share, const char *user,
                             uint64_t bytes, struct bdfs_err *err) BDFS_MUST_CHECK;
/* One connection less; everything that it had taken was given back. */
void shares_leave(struct shares *s, struct share *share);

/* False: the identity, or all of them together, have too many. */
bool shares_take(struct shares *s, struct share *share, uint64_t bytes);
/* Its connection was ended for what it did: no other is opened for SHARES_PENALTY_MS as long as it
 * has one, so that what its bytes cost before they are refused is bounded too. */
void shares_punish(struct shares *s, struct share *share);
void shares_give(struct shares *s, struct share *share, uint64_t bytes);

/* True when a line about a peer that misbehaves may be logged: one a second, so that nobody fills
 * the log. *ret_more: how many were held back since. */
bool shares_may_log(struct shares *s, unsigned *ret_more);

/* What one identity that is not privileged may have. */
uint32_t shares_connections_each(const struct shares *s);
uint64_t shares_bytes_each(const struct shares *s);

/* Aborts where an invariant does not hold. */
void shares_check(struct shares *s);
