/*
 * doubts.h - how often a user may make datanodes look at replicas (reportBadBlocks).
 *
 * A look reads a whole replica, so a word about one is cheap for who says it and dear for the
 * cluster. Each user has DOUBTS_BURST of them, and one more each DOUBTS_EVERY_MS. At most
 * DOUBTS_USERS_MAX users are told apart; a new one takes the place of who has used least.
 *
 * Threads: any; the lock is inside.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct doubts;

struct doubts *doubts_new(void); /* NULL: no memory */
void doubts_free(struct doubts *d); /* NULL is fine */
/* May @user make one more look happen now? It counts. */
bool doubts_allow(struct doubts *d, const char *user, int64_t now_ms);
