/*
 * trash_name.h - names in a trash, as Hadoop's TrashPolicyDefault gives them.
 *
 * /user/NAME/.Trash/Current        what was removed lately, each with its whole path
 * /user/NAME/.Trash/yyMMddHHmmss   a checkpoint: what Current was then; -1, -2 ... behind the time
 *                                  when it was taken. The time is of the zone of whoever made it.
 *
 * Threads: none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRASH_CURRENT "Current"
#define TRASH_NAME_BYTES 32
#define TRASH_SAME_SECOND_MAX 1000 /* checkpoints whose names say one second */

/* The checkpoint of @ms; @same: how many of that second there are. */
void trash_name_make(int64_t ms, unsigned same, char ret[TRASH_NAME_BYTES]);
/* The time that a checkpoint's name says; false: it is no checkpoint's. The ten digits of Hadoop 1
 * (no seconds) are known too. @now_ms decides the century. */
bool trash_name_time(const char *name, size_t n, int64_t now_ms, int64_t *ret_ms);
