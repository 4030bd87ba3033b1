/*
 * background.h - the namenode's slow threads: one ends leases, one frees what was deleted,
 * and where there is a trash (trash.h) one empties it.
 *
 * Ending a lease. A holder silent for longer than its hard limit loses its files; so does one whose
 * file somebody else asked to recover. A file whose last block was being written is recovered in
 * steps, each of which may be repeated after a crash (P3):
 *  1. StartRecoveryOp raises the block's stamp: the old writer is fenced off (B8).
 *  2. The nodes offered for the block are told to stop writers and verify what they have; their
 *     answers arrive as RECOVERING replicas.
 *  3. When all live ones answered, or RECOVERY_WAIT_MS passed and at least one did, the length is
 *     fixed by a DecideRecoveryOp: that of the longest sealed replica if there is one, else the
 *     shortest among those that are not below what an hflush acknowledged. Those replicas are told
 *     to seal at it, with the new stamp. Who answers later changes nothing.
 *  4. When they have, CloseExpiredOp closes the file.
 * With no answer the file stays open, and it is tried again.
 *
 * Freeing. A deleted tree was detached by one record; DeleteSliceOp records free it in small
 * slices, so that other operations never wait long behind one. Blocks that lost their last
 * reference wait (grace.h) and are freed by FreeBlocksOp records.
 */
#pragma once

#include "common/os.h"

struct namenode;
struct background;

enum bdfs_status background_start(struct background **ret, struct namenode *nn,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
void background_stop(struct background *b); /* NULL is fine */
